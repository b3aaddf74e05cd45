/* deltacnn: picture order counts of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.2.1. */
#include "h264/state.h"

static gboolean
fits(int64_t value, int *out)
{
  /* 8.2.1: DiffPicOrderCnt has to fit in 16 bits; anything near the limits of int is nonsense and
   * would overflow where counts are subtracted. */
  if (value < -(1 << 30) || value > 1 << 30)
    return FALSE;
  *out = (int)value;
  return TRUE;
}

/* 8.2.1.1 */
static gboolean
type_0(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header, int poc[2])
{
  int max_lsb = 1 << (sps->log2_max_pic_order_cnt_lsb_minus4 + 4);
  int prev_msb = state->prev_pic_order_cnt_msb;
  int prev_lsb = state->prev_pic_order_cnt_lsb;
  if (dcn_h264_idr(header))
    prev_msb = prev_lsb = 0;
  int lsb = header->pic_order_cnt_lsb;
  int64_t msb = prev_msb;
  if (lsb < prev_lsb && prev_lsb - lsb >= max_lsb / 2)
    msb += max_lsb;
  else if (lsb > prev_lsb && lsb - prev_lsb > max_lsb / 2)
    msb -= max_lsb;
  if (!fits(msb, &state->pic_order_cnt_msb))
    return FALSE;
  if (!header->field_pic_flag)
    return fits(msb + lsb, &poc[0]) &&
           fits((int64_t)poc[0] + header->delta_pic_order_cnt_bottom, &poc[1]);
  return fits(msb + lsb, &poc[header->bottom_field_flag ? 1 : 0]);
}

/* FrameNumOffset: (8-6), (8-11) */
static gboolean
frame_num_offset(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header)
{
  if (dcn_h264_idr(header)) {
    state->frame_num_offset = 0;
    return TRUE;
  }
  int64_t offset = state->prev_frame_num_offset;
  if (state->prev_frame_num > header->frame_num)
    offset += 1 << (sps->log2_max_frame_num_minus4 + 4);
  return fits(offset, &state->frame_num_offset);
}

/* 8.2.1.2 */
static gboolean
type_1(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header, int poc[2])
{
  if (!frame_num_offset(state, sps, header))
    return FALSE;
  int cycle = sps->num_ref_frames_in_pic_order_cnt_cycle;
  int64_t abs_frame_num = cycle ? (int64_t)state->frame_num_offset + header->frame_num : 0;
  if (header->nal_ref_idc == 0 && abs_frame_num > 0)
    abs_frame_num--;
  int64_t expected = 0;
  if (abs_frame_num > 0) {
    int64_t expected_delta_per_cycle = 0;
    for (int i = 0; i < cycle; i++)
      expected_delta_per_cycle += sps->offset_for_ref_frame[i];
    int64_t cycle_count = (abs_frame_num - 1) / cycle;
    int64_t in_cycle = (abs_frame_num - 1) % cycle;
    if (ABS(expected_delta_per_cycle) > 1 << 30 ||
        (expected_delta_per_cycle && cycle_count > (1 << 30) / ABS(expected_delta_per_cycle)))
      return FALSE;
    expected = cycle_count * expected_delta_per_cycle;
    for (int i = 0; i <= in_cycle; i++)
      expected += sps->offset_for_ref_frame[i];
  }
  if (header->nal_ref_idc == 0)
    expected += sps->offset_for_non_ref_pic;
  int64_t top_to_bottom = sps->offset_for_top_to_bottom_field;
  if (!header->field_pic_flag)
    return fits(expected + header->delta_pic_order_cnt[0], &poc[0]) &&
           fits(poc[0] + top_to_bottom + header->delta_pic_order_cnt[1], &poc[1]);
  if (!header->bottom_field_flag)
    return fits(expected + header->delta_pic_order_cnt[0], &poc[0]);
  return fits(expected + top_to_bottom + header->delta_pic_order_cnt[0], &poc[1]);
}

/* 8.2.1.3 */
static gboolean
type_2(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header, int poc[2])
{
  if (!frame_num_offset(state, sps, header))
    return FALSE;
  int64_t count = 0;
  if (!dcn_h264_idr(header)) {
    count = 2 * ((int64_t)state->frame_num_offset + header->frame_num);
    if (header->nal_ref_idc == 0)
      count--;
  }
  if (!header->field_pic_flag)
    return fits(count, &poc[0]) && fits(count, &poc[1]);
  return fits(count, &poc[header->bottom_field_flag ? 1 : 0]);
}

gboolean
dcn_h264_poc(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header,
             int poc[2])
{
  switch (sps->pic_order_cnt_type) {
  case 0:
    return type_0(state, sps, header, poc);
  case 1:
    return type_1(state, sps, header, poc);
  default:
    return type_2(state, sps, header, poc);
  }
}

void
dcn_h264_poc_next(DcnH264PocState *state, const DcnH264SliceHeader *header, gboolean mmco5,
                  int top_after)
{
  if (header->nal_ref_idc != 0) {
    state->prev_pic_order_cnt_msb = mmco5 ? 0 : state->pic_order_cnt_msb;
    state->prev_pic_order_cnt_lsb = header->pic_order_cnt_lsb;
    if (mmco5)
      state->prev_pic_order_cnt_lsb = header->bottom_field_flag ? 0 : top_after;
  }
  /* 7.4.3: after command 5 the picture is taken to have had frame_num 0. */
  state->prev_frame_num = mmco5 ? 0 : header->frame_num;
  state->prev_frame_num_offset = mmco5 ? 0 : state->frame_num_offset;
}
