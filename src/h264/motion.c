/* deltacnn: motion vectors and reference indices of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1, without direct prediction (direct.c). */
#include "h264/around.h"

/* Prediction plus difference; 8.4.1 wants it to stay in range, and decoders wrap at 16 bits. */
static inline DcnH264Mv
add_mvd(const DcnH264Coded *coded, uint32_t *next, DcnH264Mv mv)
{
  DcnH264Mv mvd = dcn_h264_mv_load(coded->macroblocks.mvd[(*next)++]);
  const uint32_t signs = UINT32_C(0x80008000);
  return ((mv & ~signs) + (mvd & ~signs)) ^ ((mv ^ mvd) & signs);
}

/* Neighbours of the macroblock as a whole. */
static inline void
three_of(const DcnH264Coded *coded, int mb_addr, const DcnH264Addresses *at, int list,
         DcnH264Three *three)
{
  if (G_UNLIKELY(coded->mbaff))
    dcn_h264_three_mbaff(coded, mb_addr, list, 0, 0, 16, three);
  else
    dcn_h264_three(coded->map, at, list, three);
}

static inline DcnH264Addresses
addresses(const DcnH264Coded *coded, int mb_addr, int column)
{
  if (G_UNLIKELY(coded->mbaff))
    return (DcnH264Addresses){-1, -1, -1, -1};
  return dcn_h264_addresses(coded, mb_addr, column);
}

/* 8.4.1.1 */
static inline DcnH264Mv
p_skip(const DcnH264Coded *coded, int mb_addr, int column)
{
  DcnH264Addresses at = addresses(coded, mb_addr, column);
  DcnH264Three n;
  three_of(coded, mb_addr, &at, 0, &n);
  gboolean zero = (((unsigned)n.ref[0] | n.mv[0]) == 0) | (((unsigned)n.ref[1] | n.mv[1]) == 0) |
                  (n.ref[0] == DCN_H264_UNAVAILABLE) | (n.ref[1] == DCN_H264_UNAVAILABLE);
  return zero ? 0 : dcn_h264_predict(&n, 0);
}

static inline void
whole(DcnH264Coded *coded, int mb_addr, int column, const DcnH264Mb *mb)
{
  DcnH264Whole *to = &coded->map->whole[mb_addr];
  DcnH264Addresses at = addresses(coded, mb_addr, column);
  uint32_t next = mb->first_mvd;
  for (int list = 0; list < 2; list++) {
    int ref_idx = mb->ref_idx[list][0];
    DcnH264Mv mv = 0;
    if (ref_idx >= 0) {
      DcnH264Three n;
      three_of(coded, mb_addr, &at, list, &n);
      mv = add_mvd(coded, &next, dcn_h264_predict(&n, ref_idx));
    }
    dcn_h264_mv_store(to->mv[list], mv);
    to->ref_idx[list] = (int8_t)ref_idx;
  }
  coded->map->kind[mb_addr] |= DCN_H264_MOTION_UNIFORM;
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
set_halves(DcnH264Motion *motion, int list, gboolean upper_lower, DcnH264Mv a, DcnH264Mv b)
{
  DcnH264Mv *to = (DcnH264Mv *)(void *)motion->mv[list];
  DcnH264Mv row[2][4] = {{a, a, a, a}, {b, b, b, b}}, both[4] = {a, a, b, b};
  for (int y = 0; y < 4; y++)
    memcpy(to + 4 * y, upper_lower ? row[y >> 1] : both, sizeof both);
}

/* 8.4.1.3: directional prediction from `take`, where that has the same reference. */
static inline DcnH264Mv
predict_half(const DcnH264Three *n, int ref_idx, int take)
{
  DcnH264Mv same = 0 - (DcnH264Mv)(n->ref[take] == ref_idx), other = dcn_h264_predict(n, ref_idx);
  return other ^ ((other ^ n->mv[take]) & same);
}

static inline DcnH264Mv
upper_lower_halves(const DcnH264Coded *coded, const DcnH264Addresses *at, int list,
                   const int refs[2], uint32_t *next, DcnH264Mv *second)
{
  const DcnH264MotionMap *map = coded->map;
  DcnH264Mv mv[2] = {0, 0};
  DcnH264Three n;
  if (refs[0] >= 0) {
    dcn_h264_three(map, at, list, &n);
    mv[0] = add_mvd(coded, next, predict_half(&n, refs[0], 1));
  }
  if (refs[1] >= 0) {
    n.ref[0] = dcn_h264_block_motion(map, at->a, list, 11, &n.mv[0]);
    n.ref[1] = refs[0];
    n.mv[1] = mv[0];
    /* D: nothing to the right of the macroblock is decoded. */
    n.ref[2] = dcn_h264_block_motion(map, at->a, list, 7, &n.mv[2]);
    mv[1] = add_mvd(coded, next, predict_half(&n, refs[1], 0));
  }
  *second = mv[1];
  return mv[0];
}

static inline DcnH264Mv
left_right_halves(const DcnH264Coded *coded, const DcnH264Addresses *at, int list,
                  const int refs[2], uint32_t *next, DcnH264Mv *second)
{
  const DcnH264MotionMap *map = coded->map;
  DcnH264Mv mv[2] = {0, 0};
  DcnH264Three n;
  if (refs[0] >= 0) {
    n.ref[0] = dcn_h264_block_motion(map, at->a, list, 3, &n.mv[0]);
    n.ref[1] = dcn_h264_block_motion(map, at->b, list, 12, &n.mv[1]);
    n.ref[2] = at->b >= 0 ? dcn_h264_block_motion(map, at->b, list, 14, &n.mv[2])
                          : dcn_h264_block_motion(map, at->d, list, 15, &n.mv[2]);
    mv[0] = add_mvd(coded, next, predict_half(&n, refs[0], 0));
  }
  if (refs[1] >= 0) {
    n.ref[0] = refs[0];
    n.mv[0] = mv[0];
    n.ref[1] = dcn_h264_block_motion(map, at->b, list, 14, &n.mv[1]);
    n.ref[2] = at->c >= 0 ? dcn_h264_block_motion(map, at->c, list, 12, &n.mv[2])
                          : dcn_h264_block_motion(map, at->b, list, 13, &n.mv[2]);
    mv[1] = add_mvd(coded, next, predict_half(&n, refs[1], 2));
  }
  *second = mv[1];
  return mv[0];
}

/* The same in an MBAFF frame. */
static DcnH264Mv
halves_mbaff(DcnH264Coded *coded, int mb_addr, int list, gboolean upper_lower, const int refs[2],
             uint32_t *next, DcnH264Mv *second)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  DcnH264Mv mv[2] = {0, 0};
  for (int i = 0; i < 2; i++) {
    DcnH264Three n;
    if (refs[i] >= 0) {
      dcn_h264_three_mbaff(coded, mb_addr, list, upper_lower ? 0 : 8 * i, upper_lower ? 8 * i : 0,
                           upper_lower ? 16 : 8, &n);
      mv[i] = add_mvd(coded, next, predict_half(&n, refs[i], upper_lower ? 1 - i : 2 * i));
    }
    if (i == 0)
      set_halves(motion, list, upper_lower, mv[0], 0); /* the second one may ask for the first */
  }
  *second = mv[1];
  return mv[0];
}

/* 16x8, 8x16 */
static void
halves(DcnH264Coded *coded, int mb_addr, int column, const DcnH264Mb *mb)
{
  gboolean upper_lower = mb->type == DCN_H264_MB_16X8;
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  DcnH264Addresses at = addresses(coded, mb_addr, column);
  uint32_t next = mb->first_mvd;
  memcpy(motion->ref_idx, mb->ref_idx, sizeof mb->ref_idx);
  for (int list = 0; list < 2; list++) {
    DcnH264Mv first, second;
    int refs[2] = {mb->ref_idx[list][0], mb->ref_idx[list][upper_lower ? 2 : 1]};
    if (unused(motion, list))
      continue;
    if (G_UNLIKELY(coded->mbaff))
      first = halves_mbaff(coded, mb_addr, list, upper_lower, refs, &next, &second);
    else if (upper_lower)
      first = upper_lower_halves(coded, &at, list, refs, &next, &second);
    else
      first = left_right_halves(coded, &at, list, refs, &next, &second);
    set_halves(motion, list, upper_lower, first, second);
  }
}

/* One list's vectors and indices of a macroblock and what stands around it, by BLOCK(x, y) of 4x4 blocks, -1 <= x <= 4,
 * -1 <= y <= 3; blocks that are not decoded yet are not available, and have no vector. */
typedef struct {
  int8_t ref_idx[40];
  DcnH264Mv mv[40];
} MotionGrid;

#define BLOCK(x, y) (8 * ((y) + 1) + (x) + 1)

static void
grid_around(const DcnH264MotionMap *map, const DcnH264Addresses *at, int list, MotionGrid *grid)
{
  memset(grid->ref_idx, DCN_H264_UNAVAILABLE, sizeof grid->ref_idx);
  for (int i = 0; i < 4; i++) {
    grid->ref_idx[BLOCK(-1, i)] =
        (int8_t)dcn_h264_block_motion(map, at->a, list, 4 * i + 3, &grid->mv[BLOCK(-1, i)]);
    grid->ref_idx[BLOCK(i, -1)] =
        (int8_t)dcn_h264_block_motion(map, at->b, list, 12 + i, &grid->mv[BLOCK(i, -1)]);
  }
  grid->ref_idx[BLOCK(4, -1)] =
      (int8_t)dcn_h264_block_motion(map, at->c, list, 12, &grid->mv[BLOCK(4, -1)]);
  grid->ref_idx[BLOCK(-1, -1)] =
      (int8_t)dcn_h264_block_motion(map, at->d, list, 15, &grid->mv[BLOCK(-1, -1)]);
}

/* The vector of a partition, w 4x4 blocks wide. */
static inline DcnH264Mv
grid_vector(const DcnH264Coded *coded, const MotionGrid *grid, int at, int w, int ref_idx,
            uint32_t *next)
{
  int c = at - 8 + w;
  c -= (w + 1) & -(grid->ref_idx[c] == DCN_H264_UNAVAILABLE);
  DcnH264Three n = {.ref = {grid->ref_idx[at - 1], grid->ref_idx[at - 8], grid->ref_idx[c]},
                    .mv = {grid->mv[at - 1], grid->mv[at - 8], grid->mv[c]}};
  return add_mvd(coded, next, dcn_h264_predict(&n, ref_idx));
}

static inline void
grid_quarter(const DcnH264Coded *coded, MotionGrid *grid, int at, int sub, int ref_idx,
             uint32_t *next)
{
  DcnH264Mv *mv = grid->mv + at;
  memset(grid->ref_idx + at, ref_idx, 2);
  memset(grid->ref_idx + at + 8, ref_idx, 2);
  if (ref_idx < 0) {
    mv[0] = mv[1] = mv[8] = mv[9] = 0;
    return;
  }
  switch (sub & DCN_H264_SUB_SHAPE) {
  case DCN_H264_SUB_8X8:
    mv[0] = mv[1] = mv[8] = mv[9] = grid_vector(coded, grid, at, 2, ref_idx, next);
    break;
  case DCN_H264_SUB_8X4:
    mv[0] = mv[1] = grid_vector(coded, grid, at, 2, ref_idx, next);
    mv[8] = mv[9] = grid_vector(coded, grid, at + 8, 2, ref_idx, next);
    break;
  case DCN_H264_SUB_4X8:
    mv[0] = mv[8] = grid_vector(coded, grid, at, 1, ref_idx, next);
    mv[1] = mv[9] = grid_vector(coded, grid, at + 1, 1, ref_idx, next);
    break;
  default:
    mv[0] = grid_vector(coded, grid, at, 1, ref_idx, next);
    mv[1] = grid_vector(coded, grid, at + 1, 1, ref_idx, next);
    mv[8] = grid_vector(coded, grid, at + 8, 1, ref_idx, next);
    mv[9] = grid_vector(coded, grid, at + 9, 1, ref_idx, next);
  }
}

/* Quarters of one list; bit b8 of direct: it is there already. */
static void
quarters(DcnH264Coded *coded, int mb_addr, const DcnH264Addresses *around, const DcnH264Mb *mb,
         int list, unsigned direct, uint32_t *next)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  MotionGrid grid;
  grid_around(coded->map, around, list, &grid);
  for (int b8 = 0; b8 < 4; b8++) {
    static const uint8_t places[4] = {BLOCK(0, 0), BLOCK(2, 0), BLOCK(0, 2), BLOCK(2, 2)};
    int at = places[b8], ref_idx = motion->ref_idx[list][b8];
    if (G_UNLIKELY(direct >> b8 & 1)) {
      int first = (b8 & 2) * 4 + (b8 & 1) * 2;
      memset(grid.ref_idx + at, ref_idx, 2);
      memset(grid.ref_idx + at + 8, ref_idx, 2);
      memcpy(grid.mv + at, motion->mv[list][first], 8);
      memcpy(grid.mv + at + 8, motion->mv[list][first + 4], 8);
    } else {
      grid_quarter(coded, &grid, at, mb->sub[b8], ref_idx, next);
    }
  }
  for (int y = 0; y < 4; y++)
    memcpy(motion->mv[list][4 * y], grid.mv + BLOCK(0, y), 16);
}

/* The same in an MBAFF frame. */
static void
quarters_mbaff(DcnH264Coded *coded, int mb_addr, const DcnH264Mb *mb, int list, unsigned direct,
               uint32_t *next)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  for (int b8 = 0; b8 < 4; b8++) {
    int ref_idx = motion->ref_idx[list][b8], x0 = (b8 & 1) * 2, y0 = b8 & 2;
    int shape = mb->sub[b8] & DCN_H264_SUB_SHAPE;
    int w = shape == DCN_H264_SUB_4X8 || shape == DCN_H264_SUB_4X4 ? 1 : 2;
    int h = shape == DCN_H264_SUB_8X4 || shape == DCN_H264_SUB_4X4 ? 1 : 2;
    if (direct >> b8 & 1)
      continue;
    for (int y = y0; y < y0 + 2; y += h) {
      for (int x = x0; x < x0 + 2; x += w) {
        DcnH264Mv mv = 0;
        if (ref_idx >= 0) {
          DcnH264Three n;
          dcn_h264_three_mbaff(coded, mb_addr, list, 4 * x, 4 * y, 4 * w, &n);
          mv = add_mvd(coded, next, dcn_h264_predict(&n, ref_idx));
        }
        for (int i = 0; i < w * h; i++)
          dcn_h264_mv_store(motion->mv[list][4 * (y + i / w) + x + i % w], mv);
      }
    }
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
  DcnH264Addresses at = addresses(coded, mb_addr, column);
  uint32_t next = mb->first_mvd;
  for (int list = 0; list < 2; list++) {
    for (int b8 = 0; b8 < 4; b8++)
      if (!(direct >> b8 & 1))
        motion->ref_idx[list][b8] = mb->ref_idx[list][b8];
    if (unused(motion, list))
      continue;
    if (G_UNLIKELY(coded->mbaff))
      quarters_mbaff(coded, mb_addr, mb, list, direct, &next);
    else
      quarters(coded, mb_addr, &at, mb, list, direct, &next);
  }
}

/* An index that is used names a picture that is there; notes which. */
static inline void
use(DcnH264SliceInfo *slice, int list, int ref_idx, gboolean field_mb, uint32_t *missing)
{
  uint32_t bit = (uint32_t)(ref_idx >= 0) << ((field_mb ? ref_idx >> 1 : ref_idx) & 31);
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
  /* One branch for all of it: each by itself is hard to guess. */
  gboolean alike = (slices[-1] == slice) & (slices[-w] == slice) & (slices[1 - w] == slice) &
                   ((kind[-1] & kind[-w] & kind[1 - w] & DCN_H264_MOTION_UNIFORM) != 0) &
                   dcn_h264_same_whole(&whole[-1], &whole[-w]) &
                   dcn_h264_same_whole(&whole[-1], &whole[1 - w]);
  for (int list = 0; list < 2; list++)
    alike &= (whole[-1].ref_idx[list] != 0) | (dcn_h264_mv_load(whole[-1].mv[list]) == 0);
  if (!alike)
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
  DcnH264Mv mv;
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
    mv = p_skip(coded, mb_addr, column);
    dcn_h264_mv_store(map->whole[mb_addr].mv[0], mv);
    if (mv == 0)
      map->kind[mb_addr] |= DCN_H264_MOTION_ZERO;
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
  gboolean clean = ((map->kind[mb_addr] & DCN_H264_MOTION_UNIFORM) != 0) & (mb->nonzero == 0) &
                   !(m->chroma_array_type == 3 && mb->flags & DCN_H264_MB_CHROMA);
  map->kind[mb_addr] |= clean ? DCN_H264_MOTION_CLEAN : 0;
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
  /* Mostly it goes on where it ended. */
  if (mb_addr == coded->next_mb) {
    mb_x = coded->next_x;
    mb_y = coded->next_y;
  } else {
    dcn_h264_mb_position(&coded->macroblocks, mb_addr, &mb_x, &mb_y);
  }
  int first = mb_addr, first_x = mb_x, first_y = mb_y, end = mb_addr + count;
  for (int mb = mb_addr; mb < end; mb++) {
    gboolean around = one(coded, mb, mb_x);
    /* Skipped macroblocks that are alike are entered together. */
    if (mb > first) {
      if (map->kind[mb] == map->kind[first] && map->kind[mb] & DCN_H264_MOTION_UNIFORM &&
          dcn_h264_same_whole(&map->whole[mb], &map->whole[first])) {
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
  coded->next_mb = end;
  coded->next_x = mb_x;
  coded->next_y = mb_y;
}
