/* deltacnn: a convolution's plan: its window, packed weights and how it is cut into tiles.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"
#include "net/winograd.h"

/* A 3x3 convolution in groups of few channels, as full runs do it. */
typedef struct {
  int group;      /* channels of a group */
  float *weights; /* as the kernel wants them, owned */
  float *bias;    /* [channels], owned; NULL for none */
  size_t weight_bytes;
} DcnGrouped;

/* Packed weights are [groups][blocks][taps][cg][nr]; output channels beyond mg are zero
 * columns. */
typedef struct {
  DcnWindow window;
  int groups, cg, mg; /* input and output channels of a group */
  int merged; /* so many of the model's groups are one here, with weights of 0 between them */
  gboolean point; /* 1x1, stride 1, no padding: output pixel i reads input pixel i */
  int taps; /* kh * kw */
  int blocks;          /* of nr output channels, per group */
  int words;           /* mask words of a group */
  size_t block_floats; /* taps * cg * nr */
  float *weights;      /* owned */
  float *bias;         /* [groups][blocks][nr], owned */
  /* The unit of work: this many output pixels, their pointers set up once and used for all output
   * channels. Also the unit of the choice between values and differences.  Never depends on the
   * number of threads. */
  int block_pixels;
  DcnWinograd *winograd; /* what full runs do instead, or NULL; owned */
  DcnGrouped *grouped;   /* the same */
  /* Where padding makes windows that see nothing of the image, their outputs never change: the pixels that see
   * something, and what the others are, [channels]; owned.  NULL: all see something. */
  int32_t *seeing;
  int n_seeing;
  float *unseeing;
} DcnConvPlan;

void dcn_conv_run(DcnJob *job);

/* Where sums go, and what is done to them on the way. */
typedef struct {
  const DcnJob *job;
  const DcnGrouped *grouped;
  const DcnWindow *window;
  float lo, hi;
  float *sums; /* [pixels][stride] */
  size_t stride;
} DcnGroupedRun;

/* conv-grouped.c: a plan where the kernel fits, or NULL; *cost, the multiplies, becomes what they take in those of
 * igemm.  Raises net->needs.  To be called while op->u.conv.weights is there. */
DcnGrouped *dcn_grouped_new(DcnNet *net, const DcnOp *op, const DcnWindow *win, double *cost);
void dcn_grouped_free(DcnGrouped *grouped); /* NULL is fine */
/* All outputs. */
void dcn_grouped_run(const DcnGroupedRun *run);

/* igemm tiles of a block of np pixels: as few as can be, of as equal a size as can be. */
static inline int
dcn_conv_tiles(int np, int mr)
{
  return (np + mr - 1) / mr;
}

static inline int
dcn_conv_tile_begin(int np, int tiles, int tile)
{
  return np * tile / tiles;
}

/* conv-tiles.c: for pixels [begin, begin + np) of the job's list and one group.
 * Pointers of igemm tiles: [tile][taps][mr]. */
void dcn_conv_point_to_values(const DcnJob *job, int begin, int np, int group,
                              const float **pointers);
/* Pointers and masks of dgemm tiles: worker->pointers [tile][taps][dr], worker->masks
 * [tile][taps][words].  Returns the multiplies per output channel; *padded counts the last tile as
 * full. */
uint64_t dcn_conv_point_to_deltas(const DcnJob *job, int begin, int np, int group,
                                  DcnWorker *worker, uint64_t *padded);
