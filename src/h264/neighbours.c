/* deltacnn: which macroblock covers a neighbouring location.  ITU-T H.264 6.4.8 to 6.4.12.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/decode.h"

/* 6.4.8; mbAddr > CurrMbAddr belongs to no slice yet, or to another one. */
static gboolean
available(const DcnH264Macroblocks *m, int mb_addr, int slice, gboolean any_slice)
{
  int other = m->mbs[mb_addr].slice;
  return any_slice ? other != 0 : other == slice;
}

/* 6.4.12.1 */
static int
neighbour_plain(const DcnH264Macroblocks *m, int mb_addr, int x, int y, gboolean any_slice,
                int *y_inside)
{
  int column = mb_addr % m->mb_width;
  *y_inside = y & 15;
  if (x > 15 && y >= 0)
    return -1;
  if ((x < 0 && column == 0) || (x > 15 && column == m->mb_width - 1))
    return -1;
  int found = mb_addr + (x < 0 ? -1 : x > 15 ? 1 : 0) - (y < 0 ? m->mb_width : 0);
  return found >= 0 && available(m, found, m->mbs[mb_addr].slice, any_slice) ? found : -1;
}

/* 6.4.12.2, table 6-4.  A pair is named by its top macroblock's address. */
static int
neighbour_mbaff(const DcnH264Macroblocks *m, int mb_addr, int x, int y, gboolean any_slice,
                int *y_inside)
{
  int pair = mb_addr >> 1, column = pair % m->mb_width;
  gboolean bottom = mb_addr & 1;
  gboolean field = m->mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  int step = x < 0 ? -1 : x > 15 ? 1 : 0;

  *y_inside = y & 15;
  if (x > 15 && y >= 0)
    return -1;
  if ((step < 0 && column == 0) || (step > 0 && column == m->mb_width - 1))
    return -1;

  if (y < 0 && bottom && !field) {
    /* A frame macroblock below its pair's top one: the row above is in the pair's upper half. */
    if (step == 0) {
      *y_inside = 15;
      return mb_addr - 1;
    }
    if (step > 0)
      return -1;
    int left = 2 * (pair - 1);
    if (!available(m, left, m->mbs[mb_addr].slice, any_slice))
      return -1;
    /* Line 15 of the pair: of the top frame macroblock, or line 7 of the bottom field. */
    if (!(m->mbs[left].flags & DCN_H264_MB_FIELD)) {
      *y_inside = 15;
      return left;
    }
    *y_inside = 7;
    return left + 1;
  }

  if (y < 0) {
    int above = 2 * (pair + step - m->mb_width);
    if (above < 0 || !available(m, above, m->mbs[mb_addr].slice, any_slice))
      return -1;
    gboolean above_field = m->mbs[above].flags & DCN_H264_MB_FIELD;
    *y_inside = 15;
    if (!field)
      return above + 1; /* a top frame macroblock: the last line of the pair above */
    if (bottom)
      return above + 1; /* a bottom field: the last line of its parity above */
    /* A top field: the last line of its parity, which is line 14 of the bottom macroblock of a frame pair. */
    if (above_field)
      return above;
    *y_inside = 14;
    return above + 1;
  }

  /* To the left, rows 0 to 15. */
  int left = 2 * (pair - 1);
  if (!available(m, left, m->mbs[mb_addr].slice, any_slice))
    return -1;
  gboolean left_field = m->mbs[left].flags & DCN_H264_MB_FIELD;
  if (left_field == field) {
    *y_inside = y;
    return left + bottom;
  }
  if (!field) {
    /* Line of the pair, then of its fields. */
    int line = y + (bottom ? 16 : 0);
    *y_inside = line >> 1;
    return left + (line & 1);
  }
  int line = 2 * y + bottom;
  *y_inside = line & 15;
  return left + (line >> 4);
}

int
dcn_h264_neighbour(const DcnH264Macroblocks *m, int mb_addr, int x, int y, gboolean any_slice,
                   int *y_inside)
{
  if (x >= 0 && x < 16 && y >= 0) {
    *y_inside = y;
    return mb_addr;
  }
  return m->mbaff ? neighbour_mbaff(m, mb_addr, x, y, any_slice, y_inside)
                  : neighbour_plain(m, mb_addr, x, y, any_slice, y_inside);
}
