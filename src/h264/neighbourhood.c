/* deltacnn: motion of neighbouring partitions in MBAFF frames of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1.3.2 where each location asked for is looked up by table 6-4; around.h has all other pictures. */
#include "h264/around.h"

/* Order of decoding of the 4x4 blocks, by raster index: 6.4.3. */
static const uint8_t z_order[16] = {0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15};

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
      return DCN_H264_UNAVAILABLE;
    const DcnH264Motion *motion = &coded->map->motion[mb_addr];
    mv[0] = motion->mv[list][b4][0];
    mv[1] = motion->mv[list][b4][1];
    return motion->ref_idx[list][(y >> 3) * 2 + (x >> 3)];
  }
  int found = dcn_h264_neighbour(m, mb_addr, x, y, FALSE, &y_inside);
  if (found < 0)
    return DCN_H264_UNAVAILABLE;
  int b4 = (y_inside >> 2) * 4 + ((x & 15) >> 2);
  int ref = dcn_h264_motion_at(coded->map, found, list, b4, mv);
  return seen_from(m, m->mbs[mb_addr].flags & DCN_H264_MB_FIELD, found, ref, mv);
}

void
dcn_h264_three_mbaff(const DcnH264Coded *coded, int mb_addr, int list, int x, int y, int w,
                     DcnH264Three *three)
{
  const int at[4][2] = {{x - 1, y}, {x, y - 1}, {x + w, y - 1}, {x - 1, y - 1}};
  int z = z_order[(y >> 2) * 4 + (x >> 2)];
  for (int i = 0; i < 4; i++) {
    int mv[2], n = MIN(i, 2);
    if (i == 3 && three->ref[2] != DCN_H264_UNAVAILABLE)
      break;
    three->ref[n] = fetch(coded, mb_addr, list, at[i][0], at[i][1], z, mv);
    three->mv[n] = dcn_h264_mv_of(mv[0], mv[1]);
  }
}
