/* deltacnn: a first layer's plan: a convolution over an image of few channels.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"

/* Output pixels in a unit of work from values. */
#define DCN_FIRST_UNIT_MAX 512

/* Input rows have no holes (ref_pitch == c) and columns are not dilated, so that a window's row is
 * one run of kw * c floats: the taps of igemm are kh such runs, which spares short inner loops.
 * Packed weights are [blocks][kh][kw][c][nr]; output channels beyond m are zero columns. */
typedef struct {
  DcnWindow window;
  int c, m;            /* input and output channels */
  int stride_h, pad_top;
  int row_floats;      /* kw * c */
  int blocks;          /* of nr output channels */
  size_t block_floats; /* kh * row_floats * nr */
  float *weights;      /* owned */
  float *bias;         /* [blocks][nr], owned */
  /* What changed in a window is a mask of one bit per pixel: whole rows of kw bits, as many as fit,
   * in each word. */
  int rows_per_word, words;
  DcnTap *taps;        /* [words * 64] the tap of each bit, counted from the window's corner; owned */
  int unit;            /* output pixels in a unit of work; never depends on the number of threads */
  gboolean deltas;     /* changes may be added to sums that are kept */
  /* The sums are kept in ref: there is no activation, and nobody reads the values but the caller,
   * for whom the tolerance is 0.  Every channel of an output that was reached then counts as
   * changed. */
  gboolean in_place;
} DcnFirstPlan;

/* first-deltas.c: what a worker has of one unit of pixels to which changes are added. */
#define DCN_FIRST_ADDED_MAX 1024

typedef struct {
  uint16_t begin, pixels; /* in order[] */
  uint16_t count;         /* of taps */
  uint8_t mixed;          /* the pixels differ in what changed */
  uint8_t again;          /* its taps are those of the tile before it */
} DcnFirstTile;

typedef struct {
  const int32_t *pixels; /* of the unit; their sums stand */
  int n_pixels;
  uint64_t *masks; /* [n_pixels][words], not all of them used */
  uint8_t masked[DCN_FIRST_ADDED_MAX]; /* [n_pixels] whether its mask is there */
  float *floats;   /* a tile's deltas: tr * kh * kw * c + 4 */
  DcnFirstTile tiles[DCN_FIRST_ADDED_MAX];
  uint16_t order[DCN_FIRST_ADDED_MAX];
  ptrdiff_t corners[DCN_FIRST_ADDED_MAX]; /* [n_pixels] where the window begins in deltas, floats */
  int n_tiles;
  gboolean single;     /* no tiles: every pixel by itself */
  double cost;         /* in multiplies of igemm, per output channel */
  uint64_t multiplies; /* per output channel */
} DcnFirstUnit;

/* Finds what changed in the windows of unit->pixels, cuts them into tiles and says what adding
 * would take.  masks and floats are set by the caller. */
void dcn_first_plan_unit(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit);
/* Adds the products: sums[pixel * stride + channel]. */
void dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit,
                   float *sums, size_t stride);

void dcn_first_run(DcnJob *job);
