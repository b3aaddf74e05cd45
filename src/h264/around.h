/* deltacnn: motion of neighbouring macroblocks of H.264, outside of MBAFF frames.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1.3 and 8.4.1.3.2 where neighbours are where they are drawn; neighbourhood.c has the rest.  All of it runs
 * for nearly every macroblock, and so is inline. */
#pragma once
#include "h264/state.h"
#include <string.h>

#define DCN_H264_UNAVAILABLE -2 /* as a reference index; the vector beside it is 0 */

/* A vector in one piece: as it lies in DcnH264Motion. */
typedef uint32_t DcnH264Mv;

static inline DcnH264Mv
dcn_h264_mv_load(const int16_t mv[2])
{
  DcnH264Mv value;
  memcpy(&value, mv, sizeof value);
  return value;
}

static inline void
dcn_h264_mv_store(int16_t mv[2], DcnH264Mv value)
{
  memcpy(mv, &value, sizeof value);
}

static inline DcnH264Mv
dcn_h264_mv_of(int x, int y)
{
  int16_t mv[2] = {(int16_t)x, (int16_t)y};
  return dcn_h264_mv_load(mv);
}

static inline int
dcn_h264_mv_part(DcnH264Mv value, int component)
{
  int16_t mv[2];
  memcpy(mv, &value, sizeof mv);
  return mv[component];
}

/* Bits b8 of the quarters in which any of these 4x4 blocks (bit 4 * y + x) lies. */
static inline unsigned
dcn_h264_quarters_of(unsigned blocks)
{
  return (blocks & 0x0033 ? 1u : 0) | (blocks & 0x00cc ? 2u : 0) | (blocks & 0x3300 ? 4u : 0) |
         (blocks & 0xcc00 ? 8u : 0);
}

/* Without a branch: whether neighbours are alike is hard to guess. */
static inline gboolean
dcn_h264_same_whole(const DcnH264Whole *a, const DcnH264Whole *b)
{
  uint64_t a_mv, b_mv;
  uint16_t a_ref, b_ref;
  memcpy(&a_mv, a->mv, sizeof a_mv);
  memcpy(&b_mv, b->mv, sizeof b_mv);
  memcpy(&a_ref, a->ref_idx, sizeof a_ref);
  memcpy(&b_ref, b->ref_idx, sizeof b_ref);
  return ((a_mv ^ b_mv) | (uint64_t)(a_ref ^ b_ref)) == 0;
}

/* Addresses of A, B, C and D of 6.4.9, -1 where not available. */
typedef struct {
  int a, b, c, d;
} DcnH264Addresses;

/* What comes before mb_addr in the map is of this picture, because slices come in the order of their addresses. */
static inline DcnH264Addresses
dcn_h264_addresses(const DcnH264Coded *coded, int mb_addr, int column)
{
  int w = coded->macroblocks.mb_width, slice = coded->slice_index;
  const uint16_t *slices = coded->map->slice + mb_addr;
  /* Without a branch for each: 0 or 1, and what is not there is looked up in the macroblock itself. */
  int left = column > 0, right = column < w - 1, up = mb_addr >= w ? w : 0;
  int a = left & (slices[-left] == slice);
  int b = (up > 0) & (slices[-up] == slice);
  int c = (up > 0) & right & (slices[right - up] == slice);
  int d = (up > 0) & left & (slices[-left - up] == slice);
  return (DcnH264Addresses){(mb_addr - 1) | (a - 1), (mb_addr - w) | (b - 1),
                            (mb_addr - w + 1) | (c - 1), (mb_addr - w - 1) | (d - 1)};
}

/* One of two addresses, without a branch. */
static inline const void *
dcn_h264_choose(gboolean first, const void *a, const void *b)
{
  uintptr_t mask = (uintptr_t)0 - (first != 0);
  return (const void *)((uintptr_t)b ^ (((uintptr_t)a ^ (uintptr_t)b) & mask));
}

/* Reference index and vector of one block of a macroblock, mb -1: not available.  Which neighbours are there, and predicted
 * as one, is hard to guess. */
static inline int
dcn_h264_block_motion(const DcnH264MotionMap *map, int mb, int list, int b4, DcnH264Mv *mv)
{
  const DcnH264Whole *whole = &map->whole[mb];
  const DcnH264Motion *motion = &map->motion[mb];
  gboolean is_whole = map->kind[mb] & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_INTRA);
  const int8_t *ref_idx =
      dcn_h264_choose(is_whole, &whole->ref_idx[list], &motion->ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)]);
  *mv = dcn_h264_mv_load(dcn_h264_choose(is_whole, whole->mv[list], motion->mv[list][b4]));
  return *ref_idx;
}

/* A, B and C of one list; D is in the place of a C that is not available. */
typedef struct {
  int ref[3];
  DcnH264Mv mv[3];
} DcnH264Three;

/* neighbourhood.c: the same in MBAFF frames, of the partition at (x, y) of width w, in luma samples. */
void dcn_h264_three_mbaff(const DcnH264Coded *coded, int mb_addr, int list, int x, int y, int w, DcnH264Three *three);

/* Of the macroblock as a whole. */
static inline void
dcn_h264_three(const DcnH264MotionMap *map, const DcnH264Addresses *at, int list, DcnH264Three *three)
{
  three->ref[0] = dcn_h264_block_motion(map, at->a, list, 3, &three->mv[0]);
  three->ref[1] = dcn_h264_block_motion(map, at->b, list, 12, &three->mv[1]);
  gboolean is_c = at->c >= 0;
  three->ref[2] =
      dcn_h264_block_motion(map, is_c ? at->c : at->d, list, is_c ? 12 : 15, &three->mv[2]);
}

static inline int
dcn_h264_median(int a, int b, int c)
{
  return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

/* 8.4.1.3.1 */
static inline DcnH264Mv
dcn_h264_predict(const DcnH264Three *n, int ref_idx)
{
  int a = n->ref[0] == ref_idx, b = n->ref[1] == ref_idx, c = n->ref[2] == ref_idx;
  /* When both B and C are not available and A is, A stands for them. */
  if (G_UNLIKELY((n->ref[1] == DCN_H264_UNAVAILABLE) & (n->ref[2] == DCN_H264_UNAVAILABLE) &
                 (n->ref[0] != DCN_H264_UNAVAILABLE)))
    return n->mv[0];
  int x = dcn_h264_median(dcn_h264_mv_part(n->mv[0], 0), dcn_h264_mv_part(n->mv[1], 0),
                          dcn_h264_mv_part(n->mv[2], 0));
  int y = dcn_h264_median(dcn_h264_mv_part(n->mv[0], 1), dcn_h264_mv_part(n->mv[1], 1),
                          dcn_h264_mv_part(n->mv[2], 1));
  /* Which of the two is hard to guess: without a branch. */
  DcnH264Mv alone = (n->mv[0] & (DcnH264Mv)-a) | (n->mv[1] & (DcnH264Mv)-b) |
                    (n->mv[2] & (DcnH264Mv)-c);
  DcnH264Mv is_alone = 0 - (DcnH264Mv)(a + b + c == 1), median = dcn_h264_mv_of(x, y);
  return median ^ ((median ^ alone) & is_alone);
}
