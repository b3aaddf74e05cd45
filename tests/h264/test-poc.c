/* deltacnn: picture order counts of H.264 against sequences worked out by hand from ITU-T H.264 8.2.1.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/state.h"

typedef struct {
  int frame_num, lsb;
  int nal_ref_idc;
  gboolean idr, mmco5;
  int delta[2];    /* delta_pic_order_cnt, of type 0 [0] delta_pic_order_cnt_bottom */
  int structure;   /* 0: frame */
  int top, bottom; /* expected */
} Step;

static void
check(const DcnH264Sps *sps, const Step *steps, int n)
{
  DcnH264PocState state = {0};
  for (int i = 0; i < n; i++) {
    const Step *s = &steps[i];
    DcnH264SliceHeader header = {
        .frame_num = s->frame_num,
        .pic_order_cnt_lsb = s->lsb,
        .nal_ref_idc = s->nal_ref_idc,
        .nal_unit_type = s->idr ? 5 : 1,
        .delta_pic_order_cnt_bottom = s->delta[0],
        .delta_pic_order_cnt = {s->delta[0], s->delta[1]},
        .field_pic_flag = s->structure != 0,
        .bottom_field_flag = s->structure == DCN_H264_BOTTOM,
    };
    int poc[2] = {-99, -99};
    g_test_message("picture %d", i);
    g_assert_true(dcn_h264_poc(&state, sps, &header, poc));
    if (s->structure != DCN_H264_BOTTOM)
      g_assert_cmpint(poc[0], ==, s->top);
    if (s->structure != DCN_H264_TOP)
      g_assert_cmpint(poc[1], ==, s->bottom);
    /* 8.2.1: after command 5 tempPicOrderCnt is taken off. */
    int top_after = s->mmco5 ? poc[0] - MIN(poc[0], poc[1]) : poc[0];
    dcn_h264_poc_next(&state, &header, s->mmco5, top_after);
  }
}

static void
test_type_0(void)
{
  static const DcnH264Sps sps = {.log2_max_pic_order_cnt_lsb_minus4 = 0};
  /* MaxPicOrderCntLsb 16: a step of 8 or more down is a wrap upwards, of more than 8 up one downwards. */
  static const Step steps[] = {
      {.idr = TRUE, .nal_ref_idc = 1, .lsb = 0, .top = 0, .bottom = 0},
      {.nal_ref_idc = 0, .lsb = 14, .top = -2, .bottom = -2},
      {.nal_ref_idc = 1, .lsb = 6, .top = 6, .bottom = 7, .delta = {1}},
      {.nal_ref_idc = 1, .lsb = 12, .top = 12, .bottom = 12},
      {.nal_ref_idc = 0, .lsb = 10, .top = 10, .bottom = 10},
      {.nal_ref_idc = 1, .lsb = 4, .top = 20, .bottom = 20},
      /* not a reference: the next counts from 20, not from 14 */
      {.nal_ref_idc = 0, .lsb = 14, .top = 14, .bottom = 14},
      {.nal_ref_idc = 1, .lsb = 11, .top = 27, .bottom = 25, .delta = {-2}},
      /* its counts become 3 - 3 and 4 - 3 */
      {.nal_ref_idc = 1, .mmco5 = TRUE, .lsb = 3, .top = 35, .bottom = 36, .delta = {1}},
      {.nal_ref_idc = 1, .lsb = 5, .top = 5, .bottom = 5},
      {.idr = TRUE, .nal_ref_idc = 1, .lsb = 2, .top = 2, .bottom = 2},
      {.nal_ref_idc = 1, .lsb = 9, .structure = DCN_H264_TOP, .top = 9},
      {.nal_ref_idc = 1, .lsb = 10, .structure = DCN_H264_BOTTOM, .bottom = 10},
  };
  check(&sps, steps, G_N_ELEMENTS(steps));
}

static void
test_type_1(void)
{
  static const DcnH264Sps sps = {
      .pic_order_cnt_type = 1,
      .log2_max_frame_num_minus4 = 0,
      .offset_for_non_ref_pic = -3,
      .offset_for_top_to_bottom_field = 1,
      .num_ref_frames_in_pic_order_cnt_cycle = 2,
      .offset_for_ref_frame = {4, 2},
  };
  /* Expected counts 0, 4, 6, 10, 12 ...: 4 and 2 in turn. */
  static const Step steps[] = {
      {.idr = TRUE, .nal_ref_idc = 1, .frame_num = 0, .top = 0, .bottom = 1},
      {.nal_ref_idc = 1, .frame_num = 1, .top = 4, .bottom = 5},
      {.nal_ref_idc = 1, .frame_num = 2, .top = 6, .bottom = 7},
      {.nal_ref_idc = 0, .frame_num = 3, .top = 3, .bottom = 4},
      {.nal_ref_idc = 1, .frame_num = 3, .top = 15, .bottom = 15, .delta = {5, -1}},
      {.nal_ref_idc = 1, .frame_num = 15, .top = 46, .bottom = 47},
      /* frame_num wraps: 16 is six cycles of 6 each less one step further */
      {.nal_ref_idc = 1, .frame_num = 0, .top = 48, .bottom = 49},
      {.nal_ref_idc = 1, .frame_num = 1, .structure = DCN_H264_BOTTOM, .bottom = 53},
  };
  check(&sps, steps, G_N_ELEMENTS(steps));
}

static void
test_type_2(void)
{
  static const DcnH264Sps sps = {.pic_order_cnt_type = 2, .log2_max_frame_num_minus4 = 0};
  static const Step steps[] = {
      {.idr = TRUE, .nal_ref_idc = 1, .frame_num = 0, .top = 0, .bottom = 0},
      {.nal_ref_idc = 0, .frame_num = 1, .top = 1, .bottom = 1},
      {.nal_ref_idc = 1, .frame_num = 1, .top = 2, .bottom = 2},
      {.nal_ref_idc = 1, .frame_num = 15, .top = 30, .bottom = 30},
      {.nal_ref_idc = 1, .frame_num = 0, .top = 32, .bottom = 32},
      {.nal_ref_idc = 1, .frame_num = 1, .mmco5 = TRUE, .top = 34, .bottom = 34},
      {.nal_ref_idc = 1, .frame_num = 1, .top = 2, .bottom = 2},
  };
  check(&sps, steps, G_N_ELEMENTS(steps));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/h264/poc/type-0", test_type_0);
  g_test_add_func("/h264/poc/type-1", test_type_1);
  g_test_add_func("/h264/poc/type-2", test_type_2);
  return g_test_run();
}
