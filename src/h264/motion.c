/* deltacnn: motion vectors and reference indices of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1, without direct prediction (direct.c). */
#include "h264/state.h"
#include <string.h>

/* 8.4.1.1: TRUE for a zero vector */
static gboolean
p_skip(const DcnH264Coded *coded, int mb_addr, int column, int out[2])
{
  DcnH264Around around;
  dcn_h264_around(coded, mb_addr, column, &around);
  out[0] = out[1] = 0;
  for (int i = 0; i < 2; i++) {
    const DcnH264Whole *n = around.n[i];
    if (n->ref_idx[0] == -2 || (n->ref_idx[0] == 0 && n->mv[0][0] == 0 && n->mv[0][1] == 0))
      return TRUE;
  }
  dcn_h264_median_around(&around, 0, 0, out);
  return out[0] == 0 && out[1] == 0;
}

/* Prediction plus difference; 8.4.1 wants it to stay in range, and decoders wrap at 16 bits. */
static inline void
add_mvd(const DcnH264Coded *coded, uint32_t *next, int mv[2])
{
  const int16_t *mvd = coded->macroblocks.mvd[(*next)++];
  mv[0] = (int16_t)(mv[0] + mvd[0]);
  mv[1] = (int16_t)(mv[1] + mvd[1]);
}

static void
whole(DcnH264Coded *coded, int mb_addr, int column, const DcnH264Mb *mb)
{
  DcnH264Whole *to = &coded->map->whole[mb_addr];
  DcnH264Around around;
  uint32_t next = mb->first_mvd;
  dcn_h264_around(coded, mb_addr, column, &around);
  for (int list = 0; list < 2; list++) {
    int mv[2] = {0, 0}, ref_idx = mb->ref_idx[list][0];
    if (ref_idx >= 0) {
      dcn_h264_median_around(&around, list, ref_idx, mv);
      add_mvd(coded, &next, mv);
    }
    to->mv[list][0] = (int16_t)mv[0];
    to->mv[list][1] = (int16_t)mv[1];
    to->ref_idx[list] = (int8_t)ref_idx;
  }
  coded->map->kind[mb_addr] |= DCN_H264_MOTION_UNIFORM;
}

/* One partition, in 4x4 blocks.  grid: NULL in MBAFF frames */
static inline __attribute__((always_inline)) void
partition(DcnH264Coded *coded, int mb_addr, int list, int ref_idx, int x, int y, int w, int h,
          int shape, DcnH264MotionGrid *grid, uint32_t *next)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  int mv[2] = {0, 0};
  if (ref_idx >= 0) {
    dcn_h264_predict_mv(coded, mb_addr, list, ref_idx, x, y, w, shape, grid, mv);
    add_mvd(coded, next, mv);
  }
  int16_t value[2] = {(int16_t)mv[0], (int16_t)mv[1]};
  for (int by = y; by < y + h; by++) {
    for (int bx = x; bx < x + w; bx++) {
      memcpy(motion->mv[list][4 * by + bx], value, sizeof value);
      if (grid) {
        grid->ref_idx[DCN_H264_BLOCK(bx, by)] = (int8_t)ref_idx;
        memcpy(grid->mv[DCN_H264_BLOCK(bx, by)], value, sizeof value);
      }
    }
  }
}

/* TRUE where nothing of the macroblock uses the list; its vectors are then 0. */
static inline gboolean
unused(DcnH264Motion *motion, int list)
{
  static const int8_t none[4] = {-1, -1, -1, -1};
  if (memcmp(motion->ref_idx[list], none, sizeof none) != 0)
    return FALSE;
  memset(motion->mv[list], 0, sizeof motion->mv[list]);
  return TRUE;
}

/* Vectors of one list of a macroblock in two halves, the second one from 4x4 block 8 (16x8) or 2 (8x16) on. */
static inline void
set_halves(DcnH264Motion *motion, int list, gboolean upper_lower, int mv[2][2])
{
  int16_t(*to)[2] = motion->mv[list];
  int16_t a[2] = {(int16_t)mv[0][0], (int16_t)mv[0][1]},
          b[2] = {(int16_t)mv[1][0], (int16_t)mv[1][1]};
  for (int i = 0; i < 16; i++)
    memcpy(to[i], (upper_lower ? i & 8 : i & 2) ? b : a, sizeof a);
}

/* 16x8, 8x16 */
static void
halves(DcnH264Coded *coded, int mb_addr, int column, const DcnH264Mb *mb)
{
  gboolean upper_lower = mb->type == DCN_H264_MB_16X8;
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  uint32_t next = mb->first_mvd;
  memcpy(motion->ref_idx, mb->ref_idx, sizeof mb->ref_idx);
  for (int list = 0; list < 2; list++) {
    if (unused(motion, list))
      continue;
    if (coded->mbaff) {
      for (int i = 0; i < 2; i++) {
        int x = upper_lower ? 0 : 2 * i, y = upper_lower ? 2 * i : 0;
        partition(coded, mb_addr, list, mb->ref_idx[list][y + x / 2], x, y, upper_lower ? 4 : 2,
                  upper_lower ? 2 : 4, 1 + !upper_lower, NULL, &next);
      }
      continue;
    }
    int mv[2][2] = {{0, 0}, {0, 0}};
    int refs[2] = {mb->ref_idx[list][0], mb->ref_idx[list][upper_lower ? 2 : 1]};
    DcnH264MotionGrid grid;
    dcn_h264_motion_grid(coded, mb_addr, column, list, &grid);
    if (refs[0] >= 0) {
      dcn_h264_predict_mv(coded, mb_addr, list, refs[0], 0, 0, upper_lower ? 4 : 2,
                          1 + !upper_lower, &grid, mv[0]);
      add_mvd(coded, &next, mv[0]);
    }
    if (refs[1] >= 0) {
      /* Of the first half only the block beside, above or to the left, is asked for. */
      int at = upper_lower ? DCN_H264_BLOCK(0, 1) : DCN_H264_BLOCK(1, 0);
      grid.ref_idx[at] = (int8_t)refs[0];
      grid.mv[at][0] = (int16_t)mv[0][0];
      grid.mv[at][1] = (int16_t)mv[0][1];
      dcn_h264_predict_mv(coded, mb_addr, list, refs[1], upper_lower ? 0 : 2, upper_lower ? 2 : 0,
                          upper_lower ? 4 : 2, 1 + !upper_lower, &grid, mv[1]);
      add_mvd(coded, &next, mv[1]);
    }
    set_halves(motion, list, upper_lower, mv);
  }
}

/* Enters a direct quarter for the prediction of those that follow. */
static void
show_quarter(const DcnH264Motion *motion, int list, int b8, DcnH264MotionGrid *grid)
{
  for (int i = 0; i < 4; i++) {
    int x = (b8 & 1) * 2 + (i & 1), y = (b8 & 2) + (i >> 1);
    grid->ref_idx[DCN_H264_BLOCK(x, y)] = motion->ref_idx[list][b8];
    memcpy(grid->mv[DCN_H264_BLOCK(x, y)], motion->mv[list][4 * y + x], sizeof grid->mv[0]);
  }
}

/* P_8x8, B_8x8 */
static void
sub_macroblocks(DcnH264Coded *coded, int mb_addr, int column, const DcnH264Mb *mb)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  unsigned direct = 0;
  for (int b8 = 0; b8 < 4; b8++) {
    if (mb->sub[b8] & DCN_H264_SUB_DIRECT)
      direct |= 1u << b8;
    else if (mb->sub[b8] & DCN_H264_SUB_SHAPE)
      coded->map->kind[mb_addr] |= DCN_H264_MOTION_SUB;
  }
  /* Derived from other macroblocks only, so in advance; `direct` fills in its quarters alone. */
  if (direct)
    dcn_h264_direct(coded, mb_addr, column, direct);
  uint32_t next = mb->first_mvd;
  for (int list = 0; list < 2; list++) {
    DcnH264MotionGrid grid, *around = coded->mbaff ? NULL : &grid;
    for (int b8 = 0; b8 < 4; b8++)
      if (!(direct >> b8 & 1))
        motion->ref_idx[list][b8] = mb->ref_idx[list][b8];
    if (unused(motion, list))
      continue;
    if (around)
      dcn_h264_motion_grid(coded, mb_addr, column, list, around);
    for (int b8 = 0; b8 < 4; b8++) {
      int x0 = (b8 & 1) * 2, y0 = b8 & 2;
      if (direct >> b8 & 1) {
        if (around)
          show_quarter(motion, list, b8, around);
        continue;
      }
      int shape = mb->sub[b8] & DCN_H264_SUB_SHAPE;
      if (shape == DCN_H264_SUB_8X8) {
        partition(coded, mb_addr, list, mb->ref_idx[list][b8], x0, y0, 2, 2, 0, around, &next);
        continue;
      }
      int w = shape == DCN_H264_SUB_4X8 || shape == DCN_H264_SUB_4X4 ? 1 : 2;
      int h = shape == DCN_H264_SUB_8X4 || shape == DCN_H264_SUB_4X4 ? 1 : 2;
      for (int y = y0; y < y0 + 2; y += h)
        for (int x = x0; x < x0 + 2; x += w)
          partition(coded, mb_addr, list, mb->ref_idx[list][b8], x, y, w, h, 0, around, &next);
    }
  }
}

/* An index that is used names a picture that is there; notes which. */
static inline void
use(DcnH264SliceInfo *slice, int list, int ref_idx, gboolean field_mb, uint32_t *missing)
{
  if (ref_idx < 0)
    return;
  uint32_t bit = 1u << ((field_mb ? ref_idx >> 1 : ref_idx) & 31);
  slice->used[list] |= bit;
  *missing |= bit & ~slice->present[list];
}

static void
check_references(DcnH264Coded *coded, int mb_addr)
{
  const DcnH264MotionMap *map = coded->map;
  int kind = map->kind[mb_addr];
  gboolean field_mb = kind & DCN_H264_MOTION_FIELD;
  uint32_t missing = 0;
  for (int list = 0; list < 2; list++) {
    if (kind & DCN_H264_MOTION_UNIFORM) {
      use(coded->slice, list, map->whole[mb_addr].ref_idx[list], field_mb, &missing);
    } else {
      for (int b8 = 0; b8 < 4; b8++)
        use(coded->slice, list, map->motion[mb_addr].ref_idx[list][b8], field_mb, &missing);
    }
  }
  if (missing)
    dcn_h264_fail(coded, "reference picture missing");
}

/* B_Skip by spatial direct prediction where A, B and C are there, and predicted as one and alike: as they are
 * (8.4.1.2.2: so are the least of their indices and the median of their vectors), but where what is co-located may
 * make vectors zero.  FALSE: not so. */
static inline gboolean
as_around(DcnH264Coded *coded, int mb_addr, int column)
{
  const DcnH264MotionMap *map = coded->map;
  int w = coded->macroblocks.mb_width, slice = coded->slice_index;
  const uint16_t *slices = map->slice + mb_addr;
  const uint8_t *kind = map->kind + mb_addr;
  DcnH264Whole *whole = map->whole + mb_addr;
  if (column == 0 || column == w - 1 || mb_addr < w || !coded->slice->direct_spatial ||
      coded->mbaff)
    return FALSE;
  if (slices[-1] != slice || slices[-w] != slice || slices[1 - w] != slice ||
      !(kind[-1] & kind[-w] & kind[1 - w] & DCN_H264_MOTION_UNIFORM) ||
      memcmp(&whole[-1], &whole[-w], sizeof *whole) != 0 ||
      memcmp(&whole[-1], &whole[1 - w], sizeof *whole) != 0)
    return FALSE;
  for (int list = 0; list < 2; list++)
    if (whole[-1].ref_idx[list] == 0 && (whole[-1].mv[list][0] || whole[-1].mv[list][1]))
      return FALSE;
  /* Of the same slice, so that their references were checked. */
  whole[0] = whole[-1];
  map->kind[mb_addr] = DCN_H264_MOTION_UNIFORM;
  return TRUE;
}

static inline void
derive(DcnH264Coded *coded, int mb_addr, int column)
{
  const DcnH264Mb *mb = &coded->macroblocks.mbs[mb_addr];
  DcnH264MotionMap *map = coded->map;
  static const DcnH264Whole intra = {.ref_idx = {-1, -1}}, zero = {.ref_idx = {0, -1}};
  map->kind[mb_addr] = mb->flags & DCN_H264_MB_FIELD ? DCN_H264_MOTION_FIELD : 0;
  int mv[2];
  switch (mb->type) {
  case DCN_H264_MB_16X16:
    whole(coded, mb_addr, column, mb);
    break;
  case DCN_H264_MB_16X8:
  case DCN_H264_MB_8X16:
    halves(coded, mb_addr, column, mb);
    break;
  case DCN_H264_MB_8X8:
    sub_macroblocks(coded, mb_addr, column, mb);
    break;
  case DCN_H264_MB_DIRECT:
  case DCN_H264_MB_B_SKIP:
    dcn_h264_direct(coded, mb_addr, column, 15);
    break;
  case DCN_H264_MB_P_SKIP:
    map->whole[mb_addr] = zero;
    map->kind[mb_addr] |= DCN_H264_MOTION_UNIFORM;
    if (p_skip(coded, mb_addr, column, mv)) {
      map->kind[mb_addr] |= DCN_H264_MOTION_ZERO;
    } else {
      map->whole[mb_addr].mv[0][0] = (int16_t)mv[0];
      map->whole[mb_addr].mv[0][1] = (int16_t)mv[1];
    }
    break;
  default:
    map->whole[mb_addr] = intra;
    map->kind[mb_addr] |= DCN_H264_MOTION_INTRA;
    return;
  }
  check_references(coded, mb_addr);
}

/* TRUE: as_around() */
static gboolean
one(DcnH264Coded *coded, int mb_addr, int column)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  const DcnH264Mb *mb = &m->mbs[mb_addr];
  DcnH264MotionMap *map = coded->map;
  map->slice[mb_addr] = (uint16_t)coded->slice_index;
  gboolean around = mb->type == DCN_H264_MB_B_SKIP && as_around(coded, mb_addr, column);
  if (!around)
    derive(coded, mb_addr, column);
  if (map->kind[mb_addr] & DCN_H264_MOTION_UNIFORM && mb->nonzero == 0 &&
      !(m->chroma_array_type == 3 && mb->flags & DCN_H264_MB_CHROMA))
    map->kind[mb_addr] |= DCN_H264_MOTION_CLEAN;
  return around;
}

void
dcn_h264_motion(DcnH264Coded *coded, int mb_addr, int count)
{
  DcnH264MotionMap *map = coded->map;
  const DcnH264Mb *mbs = coded->macroblocks.mbs;
  int w = coded->macroblocks.mb_width, mb_x, mb_y;
  if (coded->mbaff) {
    for (int mb = mb_addr; mb < mb_addr + count; mb++) {
      one(coded, mb, 0);
      dcn_h264_mb_position(&coded->macroblocks, mb, &mb_x, &mb_y);
      dcn_h264_enter(coded, mb, mb_x, mb_y, 1);
    }
    return;
  }
  dcn_h264_mb_position(&coded->macroblocks, mb_addr, &mb_x, &mb_y);
  int first = mb_addr, first_x = mb_x, first_y = mb_y, end = mb_addr + count;
  for (int mb = mb_addr; mb < end; mb++) {
    gboolean around = one(coded, mb, mb_x);
    /* Skipped macroblocks that are alike are entered together. */
    if (mb > first) {
      if (map->kind[mb] == map->kind[first] && map->kind[mb] & DCN_H264_MOTION_UNIFORM &&
          memcmp(&map->whole[mb], &map->whole[first], sizeof map->whole[mb]) == 0) {
        if (mb_x > 0)
          map->kind[mb] |= DCN_H264_MOTION_LIKE;
      } else {
        dcn_h264_enter(coded, first, first_x, first_y, mb - first);
        first = mb;
        first_x = mb_x;
        first_y = mb_y;
      }
    }
    int like = 0; /* macroblocks that follow and are as this one */
    if (map->kind[mb] & DCN_H264_MOTION_ZERO && mbs[mb].type == DCN_H264_MB_P_SKIP) {
      /* 8.4.1.1: what follows in a run has a zero vector to its left, or nothing: zero as well. */
      like = end - mb - 1;
    } else if (around) {
      /* As long as C is as B was before, A, B and C are still alike: as_around() */
      int limit = MIN(end - mb - 1, w - 2 - mb_x);
      const uint8_t *c = map->kind + mb + 2 - w;
      while (like < limit && c[like] & DCN_H264_MOTION_LIKE)
        like++;
    }
    for (int k = mb + 1, x = mb_x + 1; k <= mb + like; k++, x++) {
      map->kind[k] = map->kind[mb] | DCN_H264_MOTION_LIKE;
      map->slice[k] = (uint16_t)coded->slice_index;
      map->whole[k] = map->whole[mb];
      if (x == w) {
        map->kind[k] &= (uint8_t)~DCN_H264_MOTION_LIKE;
        x = 0;
      }
    }
    mb += like;
    mb_x += like + 1;
    while (mb_x >= w) {
      mb_x -= w;
      mb_y++;
    }
  }
  dcn_h264_enter(coded, first, first_x, first_y, end - first);
}
