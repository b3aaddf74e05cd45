/* deltacnn: motion of neighbouring partitions of H.264, and what is predicted from it.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1.3, 8.4.1.3.1, 8.4.1.3.2.  Outside of MBAFF frames neighbours are where they are drawn: what stands
 * around a macroblock is looked up once.  Inside, each location asked for is looked up by table 6-4. */
#include "h264/state.h"
#include <string.h>

#define UNAVAILABLE -2

/* Order of decoding of the 4x4 blocks, by raster index: 6.4.3. */
static const uint8_t z_order[16] = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15};

static const DcnH264Whole nothing = {.ref_idx = {UNAVAILABLE, UNAVAILABLE}};

/* ---- MBAFF ---- */

/* Index and vector of a neighbour as a field (here) or frame macroblock takes them, 8.4.1.3.2. */
static inline int
seen_from(const DcnH264Macroblocks *m, gboolean here, int found, int ref, int mv[2])
{
  if (ref < 0)
    return ref;
  gboolean there = m->mbs[found].flags & DCN_H264_MB_FIELD;
  if (here && !there) {
    mv[1] /= 2;
    return ref * 2;
  }
  if (there && !here) {
    mv[1] *= 2;
    return ref >> 1;
  }
  return ref;
}

/* 8.4.1.3.2: reference index and vector of what covers (x, y) relative to the macroblock, as this
 * macroblock sees them.  z: order of the partition asking, for what lies in the macroblock itself. */
static int
fetch(const DcnH264Coded *coded, int mb_addr, int list, int x, int y, int z, int mv[2])
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  int y_inside;
  mv[0] = mv[1] = 0;
  if (x >= 0 && x < 16 && y >= 0) {
    int b4 = (y >> 2) * 4 + (x >> 2);
    if (z_order[b4] >= z)
      return UNAVAILABLE;
    const DcnH264Motion *motion = &coded->map->motion[mb_addr];
    mv[0] = motion->mv[list][b4][0];
    mv[1] = motion->mv[list][b4][1];
    return motion->ref_idx[list][(y >> 3) * 2 + (x >> 3)];
  }
  int found = dcn_h264_neighbour(m, mb_addr, x, y, FALSE, &y_inside);
  if (found < 0)
    return UNAVAILABLE;
  int b4 = (y_inside >> 2) * 4 + ((x & 15) >> 2);
  int ref = dcn_h264_motion_at(coded->map, found, list, b4, mv);
  return seen_from(m, m->mbs[mb_addr].flags & DCN_H264_MB_FIELD, found, ref, mv);
}

static void
neighbours(const DcnH264Coded *coded, int mb_addr, int list, int x, int y, int w, int ref[3],
           int mv[3][2])
{
  int z = z_order[(y >> 2) * 4 + (x >> 2)];
  ref[0] = fetch(coded, mb_addr, list, x - 1, y, z, mv[0]);
  ref[1] = fetch(coded, mb_addr, list, x, y - 1, z, mv[1]);
  ref[2] = fetch(coded, mb_addr, list, x + w, y - 1, z, mv[2]);
  if (ref[2] == UNAVAILABLE)
    ref[2] = fetch(coded, mb_addr, list, x - 1, y - 1, z, mv[2]);
}

static void
around_mbaff(const DcnH264Coded *coded, int mb_addr, DcnH264Around *around)
{
  for (int list = 0; list < 2; list++) {
    int ref[3], mv[3][2];
    neighbours(coded, mb_addr, list, 0, 0, 16, ref, mv);
    for (int i = 0; i < 3; i++) {
      around->n[i] = &around->scratch[i];
      around->scratch[i].ref_idx[list] = (int8_t)ref[i];
      around->scratch[i].mv[list][0] = (int16_t)mv[i][0];
      around->scratch[i].mv[list][1] = (int16_t)mv[i][1];
    }
  }
}

/* ---- others ---- */

/* Addresses of A, B, C and D of 6.4.9, -1 where not available.  What comes before mb_addr in the map is of this picture,
 * because slices come in the order of their addresses. */
static inline void
addresses(const DcnH264Coded *coded, int mb_addr, int column, int at[4])
{
  int w = coded->macroblocks.mb_width, slice = coded->slice_index;
  const uint16_t *slices = coded->map->slice + mb_addr;
  gboolean left = column > 0, above = mb_addr >= w, right = column < w - 1;
  at[0] = left && slices[-1] == slice ? mb_addr - 1 : -1;
  at[1] = above && slices[-w] == slice ? mb_addr - w : -1;
  at[2] = above && right && slices[1 - w] == slice ? mb_addr - w + 1 : -1;
  at[3] = above && left && slices[-1 - w] == slice ? mb_addr - w - 1 : -1;
}

/* Motion of one block of a macroblock that may be in parts. */
static inline const DcnH264Whole *
block_of(const DcnH264MotionMap *map, int mb, int b4, DcnH264Whole *scratch)
{
  if (mb < 0)
    return &nothing;
  if (map->kind[mb] & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_INTRA))
    return &map->whole[mb];
  const DcnH264Motion *motion = &map->motion[mb];
  for (int list = 0; list < 2; list++) {
    memcpy(scratch->mv[list], motion->mv[list][b4], sizeof scratch->mv[list]);
    scratch->ref_idx[list] = motion->ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)];
  }
  return scratch;
}

void
dcn_h264_around(const DcnH264Coded *coded, int mb_addr, int column, DcnH264Around *around)
{
  if (coded->mbaff) {
    around_mbaff(coded, mb_addr, around);
    return;
  }
  const DcnH264MotionMap *map = coded->map;
  int at[4];
  addresses(coded, mb_addr, column, at);
  around->n[0] = block_of(map, at[0], 3, &around->scratch[0]);
  around->n[1] = block_of(map, at[1], 12, &around->scratch[1]);
  if (at[2] >= 0)
    around->n[2] = block_of(map, at[2], 12, &around->scratch[2]);
  else
    around->n[2] = block_of(map, at[3], 15, &around->scratch[2]);
}

/* One list of a block of a neighbour, at a place of the grid. */
static inline void
show(const DcnH264MotionMap *map, int mb, int b4, int list, DcnH264MotionGrid *grid, int at)
{
  if (map->kind[mb] & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_INTRA)) {
    grid->ref_idx[at] = map->whole[mb].ref_idx[list];
    memcpy(grid->mv[at], map->whole[mb].mv[list], sizeof grid->mv[at]);
  } else {
    const DcnH264Motion *motion = &map->motion[mb];
    grid->ref_idx[at] = motion->ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)];
    memcpy(grid->mv[at], motion->mv[list][b4], sizeof grid->mv[at]);
  }
}

void
dcn_h264_motion_grid(const DcnH264Coded *coded, int mb_addr, int column, int list,
                     DcnH264MotionGrid *grid)
{
  const DcnH264MotionMap *map = coded->map;
  int from[4];
  addresses(coded, mb_addr, column, from);
  memset(grid->ref_idx, UNAVAILABLE, sizeof grid->ref_idx);
  if ((from[0] | from[1] | from[2] | from[3]) < 0)
    memset(grid->mv, 0, sizeof grid->mv); /* vectors that are not available count as 0 */
  else
    memset(grid->mv[DCN_H264_BLOCK(0, 0)], 0,
           (sizeof grid->mv) - DCN_H264_BLOCK(0, 0) * sizeof grid->mv[0]);
  for (int i = 0; i < 4; i++) {
    if (from[0] >= 0)
      show(map, from[0], 4 * i + 3, list, grid, DCN_H264_BLOCK(-1, i));
    if (from[1] >= 0)
      show(map, from[1], 12 + i, list, grid, DCN_H264_BLOCK(i, -1));
  }
  if (from[2] >= 0)
    show(map, from[2], 12, list, grid, DCN_H264_BLOCK(4, -1));
  if (from[3] >= 0)
    show(map, from[3], 15, list, grid, DCN_H264_BLOCK(-1, -1));
}

/* ---- prediction ---- */

static inline int
median(int a, int b, int c)
{
  return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

/* 8.4.1.3.1 */
static inline void
median_of(const int ref[3], int mv[3][2], int ref_idx, int out[2])
{
  /* When both B and C are not available and A is, A stands for them. */
  if (ref[1] == UNAVAILABLE && ref[2] == UNAVAILABLE && ref[0] != UNAVAILABLE) {
    out[0] = mv[0][0];
    out[1] = mv[0][1];
    return;
  }
  int n = 0, only = 0;
  for (int i = 0; i < 3; i++) {
    if (ref[i] == ref_idx) {
      n++;
      only = i;
    }
  }
  for (int t = 0; t < 2; t++)
    out[t] = n == 1 ? mv[only][t] : median(mv[0][t], mv[1][t], mv[2][t]);
}

void
dcn_h264_median_around(const DcnH264Around *around, int list, int ref_idx, int out[2])
{
  int ref[3], mv[3][2];
  for (int i = 0; i < 3; i++) {
    ref[i] = around->n[i]->ref_idx[list];
    mv[i][0] = around->n[i]->mv[list][0];
    mv[i][1] = around->n[i]->mv[list][1];
  }
  median_of(ref, mv, ref_idx, out);
}

void
dcn_h264_predict_mv(const DcnH264Coded *coded, int mb_addr, int list, int ref_idx, int x, int y,
                    int w, int shape, const DcnH264MotionGrid *grid, int out[2])
{
  int ref[3], mv[3][2];
  if (grid) {
    int at = DCN_H264_BLOCK(x, y);
    int places[3] = {at - 1, at - 8, at - 8 + w};
    if (grid->ref_idx[places[2]] == UNAVAILABLE)
      places[2] = at - 9;
    for (int i = 0; i < 3; i++) {
      ref[i] = grid->ref_idx[places[i]];
      mv[i][0] = grid->mv[places[i]][0];
      mv[i][1] = grid->mv[places[i]][1];
    }
  } else {
    neighbours(coded, mb_addr, list, 4 * x, 4 * y, 4 * w, ref, mv);
  }
  /* 8.4.1.3: directional prediction */
  int take = -1;
  if (shape == 1)
    take = y == 0 ? 1 : 0;
  else if (shape == 2)
    take = x == 0 ? 0 : 2;
  if (take >= 0 && ref[take] == ref_idx) {
    out[0] = mv[take][0];
    out[1] = mv[take][1];
    return;
  }
  median_of(ref, mv, ref_idx, out);
}
