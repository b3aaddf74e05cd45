/* deltacnn: motion vectors and reference indices of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1, without direct prediction (direct.c). */
#include "h264/state.h"
#include <string.h>

#define UNAVAILABLE -2

/* Order of decoding of the 4x4 blocks, by raster index: 6.4.3. */
static const uint8_t z_order[16] = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15};

/* Index and vector of a neighbour as a field (here) or frame macroblock takes them, 8.4.1.3.2. */
static inline int
seen_from(const DcnH264Macroblocks *m, gboolean here, int found, int ref, int mv[2])
{
  if (ref < 0 || !m->mbaff)
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

static int
median(int a, int b, int c)
{
  return MAX(MIN(a, b), MIN(MAX(a, b), c));
}

void
dcn_h264_median(const int ref[3], int mv[3][2], int ref_idx, int out[2])
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

void
dcn_h264_mb_neighbours(const DcnH264Coded *coded, int mb_addr, int ref[2][3], int mv[2][3][2])
{
  static const int xs[4] = {-1, 0, 16, -1}, ys[4] = {0, -1, -1, -1};
  const DcnH264Macroblocks *m = &coded->macroblocks;
  gboolean here = m->mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  for (int i = 0; i < 3; i++) {
    int y;
    int at = i;
    int found = dcn_h264_neighbour(m, mb_addr, xs[i], ys[i], FALSE, &y);
    if (found < 0 && i == 2) {
      at = 3;
      found = dcn_h264_neighbour(m, mb_addr, xs[3], ys[3], FALSE, &y);
    }
    for (int list = 0; list < 2; list++) {
      if (found < 0) {
        ref[list][i] = UNAVAILABLE;
        mv[list][i][0] = mv[list][i][1] = 0;
      } else {
        int b4 = (y >> 2) * 4 + ((xs[at] & 15) >> 2);
        ref[list][i] =
            seen_from(m, here, found, dcn_h264_motion_at(coded->map, found, list, b4, mv[list][i]),
                      mv[list][i]);
      }
    }
  }
}

void
dcn_h264_predict_mv(const DcnH264Coded *coded, int mb_addr, int list, int ref_idx, int x, int y,
                    int w, int shape, int out[2])
{
  int ref[3], mv[3][2];
  neighbours(coded, mb_addr, list, x, y, w, ref, mv);
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
  dcn_h264_median(ref, mv, ref_idx, out);
}

/* 8.4.1.1: TRUE for a zero vector */
static gboolean
p_skip(const DcnH264Coded *coded, int mb_addr, int out[2])
{
  int ref[3], mv[3][2];
  out[0] = out[1] = 0;
  ref[0] = fetch(coded, mb_addr, 0, -1, 0, 0, mv[0]);
  if (ref[0] == UNAVAILABLE || (ref[0] == 0 && mv[0][0] == 0 && mv[0][1] == 0))
    return TRUE;
  ref[1] = fetch(coded, mb_addr, 0, 0, -1, 0, mv[1]);
  if (ref[1] == UNAVAILABLE || (ref[1] == 0 && mv[1][0] == 0 && mv[1][1] == 0))
    return TRUE;
  ref[2] = fetch(coded, mb_addr, 0, 16, -1, 0, mv[2]);
  if (ref[2] == UNAVAILABLE)
    ref[2] = fetch(coded, mb_addr, 0, -1, -1, 0, mv[2]);
  dcn_h264_median(ref, mv, 0, out);
  return out[0] == 0 && out[1] == 0;
}

static void
set_uniform(DcnH264Coded *coded, int mb_addr, int list, int ref_idx, const int mv[2])
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  motion->mv[list][0][0] = (int16_t)mv[0];
  motion->mv[list][0][1] = (int16_t)mv[1];
  motion->ref_idx[list][0] = (int8_t)ref_idx;
}

static void
fill(DcnH264Motion *motion, int list, int x, int y, int w, int h, const int mv[2])
{
  for (int by = y >> 2; by < (y + h) >> 2; by++) {
    for (int bx = x >> 2; bx < (x + w) >> 2; bx++) {
      motion->mv[list][by * 4 + bx][0] = (int16_t)mv[0];
      motion->mv[list][by * 4 + bx][1] = (int16_t)mv[1];
    }
  }
}

/* Prediction plus difference; 8.4.1 wants it to stay in range, and decoders wrap at 16 bits. */
static void
add_mvd(const DcnH264Coded *coded, uint32_t *next, int mv[2])
{
  const int16_t *mvd = coded->macroblocks.mvd[(*next)++];
  mv[0] = (int16_t)(mv[0] + mvd[0]);
  mv[1] = (int16_t)(mv[1] + mvd[1]);
}

/* 16x16, 16x8, 8x16 */
static void
partitions(DcnH264Coded *coded, int mb_addr, const DcnH264Mb *mb)
{
  int type = mb->type;
  int w = type == DCN_H264_MB_8X16 ? 8 : 16;
  int h = type == DCN_H264_MB_16X8 ? 8 : 16;
  int shape = type == DCN_H264_MB_16X8 ? 1 : type == DCN_H264_MB_8X16 ? 2 : 0;
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  uint32_t next = mb->first_mvd;
  memcpy(motion->ref_idx, mb->ref_idx, sizeof motion->ref_idx);
  for (int list = 0; list < 2; list++) {
    for (int y = 0; y < 16; y += h) {
      for (int x = 0; x < 16; x += w) {
        int b8 = (y >> 3) * 2 + (x >> 3);
        int mv[2] = {0, 0};
        if (mb->ref_idx[list][b8] >= 0) {
          dcn_h264_predict_mv(coded, mb_addr, list, mb->ref_idx[list][b8], x, y, w, shape, mv);
          add_mvd(coded, &next, mv);
        }
        if (shape)
          fill(motion, list, x, y, w, h, mv);
        else
          set_uniform(coded, mb_addr, list, mb->ref_idx[list][0], mv);
      }
    }
  }
  coded->map->kind[mb_addr] |= shape ? 0 : DCN_H264_MOTION_UNIFORM;
}

/* P_8x8, B_8x8 */
static void
sub_macroblocks(DcnH264Coded *coded, int mb_addr, const DcnH264Mb *mb)
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
    dcn_h264_direct(coded, mb_addr, direct);
  uint32_t next = mb->first_mvd;
  for (int list = 0; list < 2; list++) {
    for (int b8 = 0; b8 < 4; b8++)
      if (!(direct >> b8 & 1))
        motion->ref_idx[list][b8] = mb->ref_idx[list][b8];
    for (int b8 = 0; b8 < 4; b8++) {
      int x0 = (b8 & 1) * 8, y0 = (b8 >> 1) * 8;
      if (direct >> b8 & 1)
        continue;
      int shape = mb->sub[b8] & DCN_H264_SUB_SHAPE;
      int w = shape == DCN_H264_SUB_4X8 || shape == DCN_H264_SUB_4X4 ? 4 : 8;
      int h = shape == DCN_H264_SUB_8X4 || shape == DCN_H264_SUB_4X4 ? 4 : 8;
      int ref_idx = mb->ref_idx[list][b8];
      for (int y = y0; y < y0 + 8; y += h) {
        for (int x = x0; x < x0 + 8; x += w) {
          int mv[2] = {0, 0};
          if (ref_idx >= 0) {
            dcn_h264_predict_mv(coded, mb_addr, list, ref_idx, x, y, w, 0, mv);
            add_mvd(coded, &next, mv);
          }
          fill(motion, list, x, y, w, h, mv);
        }
      }
    }
  }
}

/* All the indices that were used name a picture that is there; notes which. */
static void
check_references(DcnH264Coded *coded, int mb_addr)
{
  const DcnH264MotionMap *map = coded->map;
  int kind = map->kind[mb_addr];
  gboolean field_mb = kind & DCN_H264_MOTION_FIELD;
  int n_b8 = kind & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_ZERO) ? 1 : 4;
  for (int list = 0; list < 2; list++) {
    for (int b8 = 0; b8 < n_b8; b8++) {
      int ref = kind & DCN_H264_MOTION_ZERO ? -list : map->motion[mb_addr].ref_idx[list][b8];
      if (ref < 0)
        continue;
      DcnH264Ref entry = dcn_h264_ref_at(coded->slice, list, ref, field_mb, 0);
      if (!entry.frame || !entry.frame->picture)
        dcn_h264_fail(coded, "reference picture missing");
      else
        coded->slice->used[list] |= 1u << (field_mb ? ref >> 1 : ref);
    }
  }
}

static void
one(DcnH264Coded *coded, int mb_addr)
{
  const DcnH264Mb *mb = &coded->macroblocks.mbs[mb_addr];
  DcnH264MotionMap *map = coded->map;
  map->slice[mb_addr] = (uint16_t)coded->slice_index;
  map->kind[mb_addr] = mb->flags & DCN_H264_MB_FIELD ? DCN_H264_MOTION_FIELD : 0;
  int mv[2];
  static const int zero[2] = {0, 0};
  switch (mb->type) {
  case DCN_H264_MB_16X16:
  case DCN_H264_MB_16X8:
  case DCN_H264_MB_8X16:
    partitions(coded, mb_addr, mb);
    break;
  case DCN_H264_MB_8X8:
    sub_macroblocks(coded, mb_addr, mb);
    break;
  case DCN_H264_MB_DIRECT:
  case DCN_H264_MB_B_SKIP:
    dcn_h264_direct(coded, mb_addr, 15);
    break;
  case DCN_H264_MB_P_SKIP:
    if (p_skip(coded, mb_addr, mv)) {
      map->kind[mb_addr] |= DCN_H264_MOTION_ZERO | DCN_H264_MOTION_UNIFORM;
    } else {
      set_uniform(coded, mb_addr, 0, 0, mv);
      set_uniform(coded, mb_addr, 1, -1, zero);
      map->kind[mb_addr] |= DCN_H264_MOTION_UNIFORM;
    }
    break;
  default:
    map->kind[mb_addr] |= DCN_H264_MOTION_INTRA;
    return;
  }
  check_references(coded, mb_addr);
}

void
dcn_h264_motion(DcnH264Coded *coded, int mb_addr, int count)
{
  DcnH264MotionMap *map = coded->map;
  for (int i = 0; i < count;) {
    const DcnH264Mb *mb = &coded->macroblocks.mbs[mb_addr + i];
    one(coded, mb_addr + i);
    if (mb->type == DCN_H264_MB_P_SKIP && !coded->mbaff &&
        map->kind[mb_addr + i] & DCN_H264_MOTION_ZERO) {
      /* 8.4.1.1: what follows in a run has a zero vector to its left, or nothing: zero as well. */
      size_t rest = (size_t)(count - i - 1);
      memset(map->kind + mb_addr + i + 1, DCN_H264_MOTION_ZERO | DCN_H264_MOTION_UNIFORM, rest);
      for (int k = i + 1; k < count; k++)
        map->slice[mb_addr + k] = (uint16_t)coded->slice_index;
      dcn_h264_enter(coded, mb_addr + i, count - i);
      return;
    }
    dcn_h264_enter(coded, mb_addr + i, 1);
    i++;
  }
}
