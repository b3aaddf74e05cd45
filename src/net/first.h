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
  DcnTap *taps;        /* [kh * kw] counted from the window's corner; owned */
  int unit;            /* output pixels in a unit of work; never depends on the number of threads */
  gboolean deltas;     /* changes may be added to sums that are kept */
  int cell_w, cell_h;  /* of first-patches.c, input pixels; 0: not for this layer */
  int bands;           /* rows of cells of an image */
  /* first-points.c: cells' rows as polynomials; NULL: not for this layer. */
  float *point_weights; /* [points][blocks][kh][stride_w][c][nr], owned */
  size_t point_floats;  /* of one point and block */
  int point_first;      /* the first output that sees a cell, counted from its own first */
  int point_taps;       /* of a polynomial of weights */
  /* The sums are kept in ref: there is no activation, and nobody reads the values but the caller,
   * for whom the tolerance is 0.  Every channel of an output that was reached then counts as
   * changed. */
  gboolean in_place;
} DcnFirstPlan;

/* Output pixels in a unit of work by deltas. */
#define DCN_FIRST_ADDED_MAX 1024
/* Most input columns from one output column to the next, and words that a group's windows may lie over. */
#define DCN_FIRST_STEP_MAX  64
#define DCN_FIRST_ROW_WORDS (DCN_FIRST_STEP_MAX + 1)

/* first-deltas.c: up to 64 output pixels to which changes are added together. */
typedef struct {
  const int32_t *pixels; /* their sums stand */
  int n_pixels;
  uint64_t *marks;       /* [kh * kw] scratch */
  DcnTap *taps;          /* [kh * (kw + 1)] those at which something changed */
  int count;             /* of taps */
  const float *windows[64];
  double cost;           /* in multiplies of igemm, per output channel */
  uint64_t multiplies;   /* per output channel */
} DcnFirstGroup;

/* Makes a group of the first of the pixels, `most` at most, and finds what changed in their windows.  marks and taps
 * are set by the caller; bits: the rows of bits of what changed. */
void dcn_first_plan_group(const DcnJob *job, const DcnFirstPlan *plan, const uint64_t *bits,
                          const int32_t *pixels, int most, DcnFirstGroup *group);
/* Adds the products: sums[pixel * stride + channel].  next: the group that comes next, or NULL. */
void dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstGroup *group,
                   const DcnFirstGroup *next, float *sums, size_t stride);

/* first-patches.c: cells of the image that changed in the same way. */
typedef struct {
  int x, y, w, h; /* the rectangle that changed, in the cell */
  int count;      /* pixels of all of them that did */
  int n_cells;
  int32_t *cells; /* [n_cells] band << 16 | column, ascending */
} DcnFirstShape;

#define DCN_FIRST_SHAPES 64
typedef struct {
  int n_shapes, looked, taken; /* looked: cells looked at; taken: changed pixels of all */
  int n_halves, half_pixels;   /* cells that are no rectangles, of which enough changed to be done whole, and what did */
  int n_cells;                 /* these, and those that are rectangles */
  DcnFirstShape shapes[DCN_FIRST_SHAPES];
  gboolean all;   /* nothing else changed */
  int32_t *found, *shape_of, *cells; /* scratch */
} DcnFirstPatches;

/* Cells are so many pixels wide or high. */
int dcn_first_cell(int stride);
/* Finds them.  Uses the state's order until they have been added; zeroes deltas of pixels that did not change.  Cells that
 * were left untested, and are none of them, are tested. */
void dcn_first_find_patches(const DcnJob *job, DcnFirstPatches *patches);
/* Floats of a worker that this takes. */
size_t dcn_first_batch_floats(const DcnFirstPlan *plan);
/* first-batches.c: adds what they add to sums[pixel * stride + channel], stale ones included. */
void dcn_first_add_patches(const DcnJob *job, const DcnFirstPatches *patches, float *sums,
                           size_t stride);

/* first-points.c: after the cells were planned.  *gain: so many times fewer multiplies.  Adds the bytes that it takes; FALSE:
 * there is no memory. */
gboolean dcn_first_points_plan(DcnFirstPlan *plan, int nr, double *gain, size_t *weight_bytes);
/* What a multiply takes so in those of other patches, with its sums transformed (study-layer). */
#define DCN_POINTS_COST 1.2
/* Floats of a worker that this takes. */
size_t dcn_first_points_floats(const DcnFirstPlan *plan, int nr);

/* After these were added: what is known of the input since they were tested. */
void dcn_first_settle_patches(const DcnJob *job, DcnFirstPatches *patches);
/* The input's bits without what was added, in the state's marks perhaps; NULL: there are none. */
const uint64_t *dcn_first_rest(const DcnJob *job, const DcnFirstPatches *patches);

/* first-late.c: where nothing is added to sums, what of the input was left untested is tested. */
void dcn_first_test_all(const DcnJob *job);

/* Rows whose windows at a border are computed together in a full run. */
#define DCN_FIRST_BORDER_ROWS 48

/* first-rows.c: a partial run of a layer that keeps no sums. */
void dcn_first_run_rows(DcnJob *job);

void dcn_first_run(DcnJob *job);
