/* deltacnn: reference lists and marking of H.264 against cases worked out by hand from ITU-T H.264 8.2.4 and 8.2.5.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/doubt.h"
#include <string.h>

/* Frames are told by their id, 4, 8, 12 ... */
static DcnH264Frame *
add(DcnH264Dpb *dpb, int id, int frame_num, int short_term, int long_term, int idx)
{
  DcnH264Frame *frame = g_new0(DcnH264Frame, 1);
  frame->refs = 1;
  frame->id = 4 * (uint32_t)id;
  frame->picture = dcn_picture_new(1, (uint32_t)id, DCN_PICTURE_P, 16, 16);
  frame->fields = DCN_H264_FRAME;
  frame->frame_num = frame_num;
  frame->short_term = short_term;
  frame->long_term = long_term;
  frame->long_term_frame_idx = idx;
  dpb->frames[dpb->n_frames++] = frame;
  return frame;
}

static DcnH264Dpb
dpb_new(int max_num_ref_frames)
{
  return (DcnH264Dpb){
      .max_frame_num = 16, .max_num_ref_frames = max_num_ref_frames, .max_long_term_frame_idx = 7};
}

/* "3 1t 2b": frames and fields by id */
static char *
text(const DcnH264Ref *list, int n)
{
  GString *s = g_string_new(NULL);
  for (int i = 0; i < n; i++) {
    g_string_append(s, i ? " " : "");
    if (!list[i].frame)
      g_string_append(s, "-");
    else
      g_string_append_printf(s, "%u%s", list[i].frame->id / 4,
                             list[i].fields == DCN_H264_FRAME ? ""
                             : list[i].fields == DCN_H264_TOP ? "t"
                                                              : "b");
  }
  return g_string_free(s, FALSE);
}

static void
expect(DcnH264Dpb *dpb, const DcnH264Frame *current, const DcnH264SliceHeader *header, int list,
       const char *wanted)
{
  DcnH264Ref lists[2][DCN_H264_LIST_SIZE];
  dcn_h264_dpb_set_frame_num(dpb, header->frame_num);
  g_assert_true(dcn_h264_lists(dpb, current, header, lists));
  char *got = text(lists[list], header->num_ref_idx_active_minus1[list] + 1);
  g_assert_cmpstr(got, ==, wanted);
  g_free(got);
}

/* 8.2.4.2.1, 8.2.4.3: MaxFrameNum 16, so 14 and 15 lie before 0. */
static void
test_p_frames(void)
{
  DcnH264Dpb dpb = dpb_new(16);
  add(&dpb, 1, 14, 3, 0, 0);
  add(&dpb, 2, 15, 3, 0, 0);
  add(&dpb, 3, 0, 3, 0, 0);
  add(&dpb, 4, 1, 3, 0, 0);
  add(&dpb, 5, 9, 0, 3, 3);
  add(&dpb, 6, 8, 0, 3, 0);
  add(&dpb, 7, 13, 1, 0, 0); /* one field only: not for frames */
  DcnH264Frame current = {.fields = 3, .frame_num = 2};
  DcnH264SliceHeader header = {.frame_num = 2, .num_ref_idx_active_minus1 = {6}};
  expect(&dpb, &current, &header, 0, "4 3 2 1 6 5 -");
  header.num_ref_idx_active_minus1[0] = 1;
  expect(&dpb, &current, &header, 0, "4 3");

  /* 2 - 3 = -1 is frame_num 15; then long-term 3; from -1 back by 1 to 14, on by 3 to 1. */
  header.num_ref_idx_active_minus1[0] = 5;
  header.n_modifications[0] = 4;
  header.modifications[0][0] = (DcnH264RefPicListModification){0, 2};
  header.modifications[0][1] = (DcnH264RefPicListModification){2, 3};
  header.modifications[0][2] = (DcnH264RefPicListModification){0, 0};
  header.modifications[0][3] = (DcnH264RefPicListModification){1, 2};
  expect(&dpb, &current, &header, 0, "2 5 1 4 3 6");
  /* The same picture twice stays twice: each step takes away what comes after it only. */
  header.n_modifications[0] = 2;
  header.modifications[0][0] = (DcnH264RefPicListModification){0, 0};
  header.modifications[0][1] = (DcnH264RefPicListModification){0, 15};
  header.num_ref_idx_active_minus1[0] = 2;
  expect(&dpb, &current, &header, 0, "4 4 3");
  /* What is not there. */
  DcnH264Ref lists[2][DCN_H264_LIST_SIZE];
  header.modifications[0][0] = (DcnH264RefPicListModification){0, 4};
  g_assert_false(dcn_h264_lists(&dpb, &current, &header, lists));
  header.modifications[0][0] = (DcnH264RefPicListModification){2, 1};
  g_assert_false(dcn_h264_lists(&dpb, &current, &header, lists));
  dcn_h264_dpb_clear(&dpb);
}

static void
set_poc(DcnH264Frame *frame, int poc)
{
  frame->poc[0] = frame->poc[1] = poc;
}

/* 8.2.4.2.3 */
static void
test_b_frames(void)
{
  DcnH264Dpb dpb = dpb_new(16);
  static const int pocs[] = {0, 4, 12, 16};
  for (int i = 0; i < 4; i++)
    set_poc(add(&dpb, i + 1, i, 3, 0, 0), pocs[i]);
  set_poc(add(&dpb, 5, 9, 0, 3, 0), 6);
  DcnH264Frame current = {.fields = 3, .frame_num = 4};
  DcnH264SliceHeader header = {
      .frame_num = 4, .slice_type = DCN_H264_SLICE_B, .num_ref_idx_active_minus1 = {4, 4}};
  set_poc(&current, 8);
  expect(&dpb, &current, &header, 0, "2 1 3 4 5");
  expect(&dpb, &current, &header, 1, "3 4 2 1 5");
  /* All before: list 1 would be list 0, so its first two change places; also where it is then cut. */
  set_poc(&current, 20);
  expect(&dpb, &current, &header, 0, "4 3 2 1 5");
  expect(&dpb, &current, &header, 1, "3 4 2 1 5");
  header.num_ref_idx_active_minus1[1] = 0;
  expect(&dpb, &current, &header, 1, "3");
  dcn_h264_dpb_clear(&dpb);
}

/* 8.2.4.2.2, 8.2.4.2.5: from frames 3, 2, 1 in turn a field of the own parity and one of the other */
static void
test_p_fields(void)
{
  DcnH264Dpb dpb = dpb_new(16);
  add(&dpb, 1, 1, 3, 0, 0);
  add(&dpb, 2, 2, DCN_H264_BOTTOM, 0, 0);
  add(&dpb, 3, 3, 3, 0, 0);
  add(&dpb, 4, 0, 0, DCN_H264_TOP, 1);
  DcnH264Frame current = {.fields = 0, .frame_num = 4};
  DcnH264SliceHeader header = {
      .frame_num = 4, .field_pic_flag = TRUE, .num_ref_idx_active_minus1 = {5}};
  expect(&dpb, &current, &header, 0, "3t 3b 1t 2b 1b 4t");
  header.bottom_field_flag = TRUE;
  expect(&dpb, &current, &header, 0, "3b 3t 2b 1t 1b 4t");
  /* CurrPicNum 9; the own parity of frame_num 2 has picNum 5: 9 - 4; frame 3's other field 6. */
  header.n_modifications[0] = 2;
  header.modifications[0][0] = (DcnH264RefPicListModification){0, 3};
  header.modifications[0][1] = (DcnH264RefPicListModification){1, 0};
  header.num_ref_idx_active_minus1[0] = 3;
  expect(&dpb, &current, &header, 0, "2b 3t 3b 1t");
  /* LongTermPicNum 2 * 1 of the other parity */
  header.n_modifications[0] = 1;
  header.modifications[0][0] = (DcnH264RefPicListModification){2, 2};
  expect(&dpb, &current, &header, 0, "4t 3b 3t 2b");
  dcn_h264_dpb_clear(&dpb);
}

/* 8.2.4.2.4: the second field of a frame may refer to the first. */
static void
test_second_field(void)
{
  DcnH264Dpb dpb = dpb_new(16);
  set_poc(add(&dpb, 1, 1, 3, 0, 0), 0);
  DcnH264Frame *current = add(&dpb, 2, 2, DCN_H264_TOP, 0, 0);
  current->fields = DCN_H264_TOP;
  current->poc[0] = 8;
  current->poc[1] = 9;
  set_poc(add(&dpb, 3, 0, 3, 0, 0), 20);
  DcnH264SliceHeader header = {.frame_num = 2,
                               .field_pic_flag = TRUE,
                               .bottom_field_flag = TRUE,
                               .num_ref_idx_active_minus1 = {4, 4}};
  expect(&dpb, current, &header, 0, "1b 2t 3b 1t 3t");
  header.slice_type = DCN_H264_SLICE_B;
  expect(&dpb, current, &header, 0, "1b 2t 3b 1t 3t");
  expect(&dpb, current, &header, 1, "3b 3t 1b 2t 1t");
  dcn_h264_dpb_clear(&dpb);
}

static char *
contents(const DcnH264Dpb *dpb)
{
  GString *s = g_string_new(NULL);
  for (int i = 0; i < dpb->n_frames; i++) {
    const DcnH264Frame *f = dpb->frames[i];
    g_string_append_printf(s, "%s%u:", i ? " " : "", f->id / 4);
    if (f->short_term)
      g_string_append_printf(s, "s%d", f->short_term);
    if (f->long_term)
      g_string_append_printf(s, "l%d@%d", f->long_term, f->long_term_frame_idx);
  }
  return g_string_free(s, FALSE);
}

static gboolean
mark(DcnH264Dpb *dpb, int id, const DcnH264SliceHeader *header, gboolean *mmco5, const char *wanted)
{
  DcnH264Frame *current = add(dpb, id, header->frame_num, 0, 0, 0);
  dpb->n_frames--; /* not entered yet */
  gboolean ok = dcn_h264_dpb_mark(dpb, current, header, mmco5);
  dcn_h264_frame_unref(current);
  char *got = contents(dpb);
  g_assert_cmpstr(got, ==, wanted);
  g_free(got);
  return ok;
}

static DcnH264SliceHeader
commands(int frame_num, int n, const DcnH264RefPicMarking *list)
{
  DcnH264SliceHeader header = {.nal_ref_idc = 1,
                               .nal_unit_type = 1,
                               .frame_num = frame_num,
                               .adaptive_ref_pic_marking_mode_flag = n > 0,
                               .n_markings = n};
  for (int i = 0; i < n; i++)
    header.markings[i] = list[i];
  return header;
}

static void
test_marking(void)
{
  DcnH264Dpb dpb = dpb_new(3);
  gboolean mmco5;
  DcnH264SliceHeader header = {.nal_ref_idc = 1, .nal_unit_type = 5};
  dpb.max_long_term_frame_idx = -1;
  g_assert_true(mark(&dpb, 1, &header, &mmco5, "1:s3"));
  header.nal_unit_type = 1;
  header.frame_num = 14;
  g_assert_true(mark(&dpb, 2, &header, &mmco5, "1:s3 2:s3"));
  header.frame_num = 15;
  g_assert_true(mark(&dpb, 3, &header, &mmco5, "1:s3 2:s3 3:s3"));
  /* Sliding window: frame_num 14 is the oldest, 0 the newest of MaxFrameNum 16 seen from 1. */
  header.frame_num = 1;
  g_assert_true(mark(&dpb, 4, &header, &mmco5, "1:s3 3:s3 4:s3"));

  /* 4: indices 0 and 1 may be used; 3: picNum 2 - 1 - 1 = 0 becomes long-term 1; 1: 2 - 3 = -1, frame_num 15, goes. */
  DcnH264SliceHeader h =
      commands(2, 3,
               (DcnH264RefPicMarking[]){
                   {.memory_management_control_operation = 4, .max_long_term_frame_idx_plus1 = 2},
                   {.memory_management_control_operation = 3,
                    .difference_of_pic_nums_minus1 = 1,
                    .long_term_frame_idx = 1},
                   {.memory_management_control_operation = 1, .difference_of_pic_nums_minus1 = 2},
               });
  g_assert_true(mark(&dpb, 5, &h, &mmco5, "1:l3@1 4:s3 5:s3"));
  g_assert_false(mmco5);
  /* The window takes the short-term one, long-term ones stay. */
  header.frame_num = 3;
  g_assert_true(mark(&dpb, 6, &header, &mmco5, "1:l3@1 5:s3 6:s3"));
  /* 6 with the index of another one takes its place; 2 takes what is not there. */
  h = commands(4, 2,
               (DcnH264RefPicMarking[]){
                   {.memory_management_control_operation = 1, .difference_of_pic_nums_minus1 = 1},
                   {.memory_management_control_operation = 6, .long_term_frame_idx = 1},
               });
  g_assert_true(mark(&dpb, 7, &h, &mmco5, "6:s3 7:l3@1"));
  h = commands(
      5, 1,
      (DcnH264RefPicMarking[]){{.memory_management_control_operation = 2, .long_term_pic_num = 0}});
  g_assert_false(mark(&dpb, 8, &h, &mmco5, "6:s3 7:l3@1 8:s3"));
  h = commands(6, 1, (DcnH264RefPicMarking[]){{.memory_management_control_operation = 5}});
  g_assert_true(mark(&dpb, 9, &h, &mmco5, "9:s3"));
  g_assert_true(mmco5);
  g_assert_cmpint(dpb.frames[0]->frame_num, ==, 0);
  dcn_h264_dpb_clear(&dpb);
}

/* 8.2.5.3: the second field stays with the first, whatever the window holds. */
static void
test_marking_fields(void)
{
  DcnH264Dpb dpb = dpb_new(2);
  gboolean mmco5;
  add(&dpb, 1, 1, 3, 0, 0);
  add(&dpb, 2, 2, 3, 0, 0);
  DcnH264Frame *current = add(&dpb, 3, 3, 0, 0, 0);
  dpb.n_frames--;
  DcnH264SliceHeader header = {
      .nal_ref_idc = 1, .nal_unit_type = 1, .frame_num = 3, .field_pic_flag = TRUE};
  g_assert_true(dcn_h264_dpb_mark(&dpb, current, &header, &mmco5));
  char *got = contents(&dpb);
  g_assert_cmpstr(got, ==, "2:s3 3:s1");
  g_free(got);
  /* Its second field: own parity (bottom) of frame_num 2 is picNum 5 = 7 - 2; the other one 4. */
  header = commands(3, 1,
                    (DcnH264RefPicMarking[]){{.memory_management_control_operation = 1,
                                              .difference_of_pic_nums_minus1 = 2}});
  header.field_pic_flag = header.bottom_field_flag = TRUE;
  g_assert_true(dcn_h264_dpb_mark(&dpb, current, &header, &mmco5));
  got = contents(&dpb);
  g_assert_cmpstr(got, ==, "2:s2 3:s3");
  g_free(got);
  dcn_h264_frame_unref(current);
  dcn_h264_dpb_clear(&dpb);
}

/* 8.2.5.4.3: the fields of a frame become long-term one after the other, with one index; the first keeps its mark, and
 * another frame that had the index loses it. */
static void
test_long_term_fields(void)
{
  DcnH264Dpb dpb = dpb_new(4);
  gboolean mmco5;
  add(&dpb, 1, 1, 0, 3, 0);
  add(&dpb, 2, 2, 3, 0, 0);
  DcnH264Frame *current = add(&dpb, 3, 3, 0, 0, 0);
  dpb.n_frames--;
  /* The bottom field of frame_num 2 is picNum 4 = 7 - 3, the top one 5. */
  DcnH264SliceHeader header =
      commands(3, 2,
               (DcnH264RefPicMarking[]){
                   {.memory_management_control_operation = 3, .difference_of_pic_nums_minus1 = 2},
                   {.memory_management_control_operation = 3, .difference_of_pic_nums_minus1 = 1}});
  header.field_pic_flag = TRUE;
  g_assert_true(dcn_h264_dpb_mark(&dpb, current, &header, &mmco5));
  char *got = contents(&dpb);
  g_assert_cmpstr(got, ==, "2:l3@0 3:s1");
  g_free(got);
  dcn_h264_frame_unref(current);
  dcn_h264_dpb_clear(&dpb);
}

/* After a loss: when every decoder must hold the same frames again, two of which there is room for. */
static void
test_certain_again(void)
{
  static const struct {
    int frames, long_term, short_term; /* of the second frame */
    gboolean clean, long_term_used, certain;
  } cases[] = {
      {2, 0, DCN_H264_FRAME, TRUE, FALSE, TRUE},
      {1, 0, DCN_H264_FRAME, TRUE, FALSE, FALSE},
      {2, 0, DCN_H264_FRAME, FALSE, FALSE, FALSE},
      {2, 0, DCN_H264_TOP, TRUE, FALSE, FALSE},
      {2, DCN_H264_FRAME, DCN_H264_FRAME, TRUE, FALSE, FALSE},
      /* a decoder may hold one that the stream says no more about */
      {2, 0, DCN_H264_FRAME, TRUE, TRUE, FALSE},
  };
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    DcnH264Dpb dpb = dpb_new(2);
    DcnH264Doubt doubt = {.in_doubt = TRUE, .long_term_used = cases[i].long_term_used};
    for (int k = 1; k <= cases[i].frames; k++) {
      gboolean second = k == 2;
      add(&dpb, k, k, second ? cases[i].short_term : DCN_H264_FRAME,
          second ? cases[i].long_term : 0, 0)
          ->clean = !second || cases[i].clean;
    }
    dcn_h264_doubt_settle(&doubt, &dpb);
    g_assert_cmpint(doubt.in_doubt, ==, !cases[i].certain);
    dcn_h264_dpb_clear(&dpb);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/h264/references/p-frames", test_p_frames);
  g_test_add_func("/h264/references/b-frames", test_b_frames);
  g_test_add_func("/h264/references/p-fields", test_p_fields);
  g_test_add_func("/h264/references/second-field", test_second_field);
  g_test_add_func("/h264/references/marking", test_marking);
  g_test_add_func("/h264/references/marking-fields", test_marking_fields);
  g_test_add_func("/h264/references/long-term-fields", test_long_term_fields);
  g_test_add_func("/h264/references/certain-again", test_certain_again);
  return g_test_run();
}
