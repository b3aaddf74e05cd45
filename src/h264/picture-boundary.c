/* deltacnn: where a primary coded picture of H.264 begins.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/h264.h"

gboolean
dcn_h264_first_slice_of_picture(const DcnH264Sps *sps, const DcnH264SliceHeader *a,
                                const DcnH264SliceHeader *b)
{
  /* 7.4.1.2.4; absent syntax elements are 0 on both sides. */
  if (a->frame_num != b->frame_num || a->pic_parameter_set_id != b->pic_parameter_set_id ||
      !a->field_pic_flag != !b->field_pic_flag || !a->bottom_field_flag != !b->bottom_field_flag)
    return TRUE;
  if ((a->nal_ref_idc == 0) != (b->nal_ref_idc == 0))
    return TRUE;
  if (sps->pic_order_cnt_type == 0 &&
      (a->pic_order_cnt_lsb != b->pic_order_cnt_lsb ||
       a->delta_pic_order_cnt_bottom != b->delta_pic_order_cnt_bottom))
    return TRUE;
  if (sps->pic_order_cnt_type == 1 && (a->delta_pic_order_cnt[0] != b->delta_pic_order_cnt[0] ||
                                       a->delta_pic_order_cnt[1] != b->delta_pic_order_cnt[1]))
    return TRUE;
  if (dcn_h264_idr(a) != dcn_h264_idr(b))
    return TRUE;
  return dcn_h264_idr(a) && a->idr_pic_id != b->idr_pic_id;
}
