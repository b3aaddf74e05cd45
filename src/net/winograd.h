/* deltacnn: the plan of a convolution that full runs do by Winograd's way.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"

/* Outputs are cut into tiles of m x m.  Transformed weights are [groups][blocks][points][cg][nr], beside the plain
 * ones, which partial runs need. */
typedef struct {
  int m, points;               /* points: (m + 2)^2 */
  int tiles_y, tiles_x, tiles; /* tiles: of all images */
  int pad_top, pad_left;
  gboolean always;     /* whatever it costs (dcn_winograd_ask()) */
  int chunk_tiles;     /* tiles that are transformed and multiplied together, at most */
  int pitch;           /* of a transformed pixel, floats */
  size_t block_floats; /* points * cg * nr */
  double plain_pixel;  /* what an output pixel of one group takes the plain way, in multiplies of igemm */
  size_t weight_bytes;
  float *weights; /* owned */
} DcnWinograd;

/* A plan where it pays, or NULL; *cost becomes what a dense pass then takes, in multiplies of igemm at its best.
 * block_pixels: of the plain way, which reads its weights so often.  Raises net->needs.  To be called while op->u.conv.weights is there. */
DcnWinograd *dcn_winograd_new(DcnNet *net, const DcnOp *op, int block_pixels, double *cost);
/* For tests, of networks made from now on: m 2 or 4, by F(m) wherever it is possible; 0, never; -1, where it pays.  Comes
 * before the environment variable DCN_WINOGRAD, which says the same (net.h).  Thread-safe. */
void dcn_winograd_ask(int m);
void dcn_winograd_free(DcnWinograd *winograd); /* NULL is fine */

/* A tile of which some outputs are wanted: bit y * m + x. */
typedef struct DcnWinogradTile {
  int32_t tile;
  uint32_t wanted;
} DcnWinogradTile;

/* Where sums go, and what is done to them on the way. */
typedef struct {
  DcnJob *job;
  const DcnWinograd *winograd;
  const float *bias; /* [groups][blocks][nr] */
  float lo, hi;
  float *sums;       /* [pixels][stride] */
  size_t stride;
  int groups, blocks, cg, mg; /* as in DcnConvPlan */
  const DcnWinogradTile *tiles; /* NULL: all */
  int n_tiles;
} DcnWinogradRun;

/* All outputs, or those that are wanted of some tiles.  FALSE where one is not finite: then all are to be computed another way, as a tile's outputs also see
 * what lies outside of their windows. */
gboolean dcn_winograd_run(const DcnWinogradRun *run);

/* What n tiles take, in multiplies of igemm. */
double dcn_winograd_cost(const DcnWinogradRun *run, int n);

/* conv-touched.c: of the job's first n pixels chooses those that are cheaper done by tiles, and moves them to the front of
 * the list, in its order.  Sets run->tiles and returns how many pixels that are; 0: none. */
int dcn_winograd_choose(DcnJob *job, DcnWinogradRun *run, int n);
