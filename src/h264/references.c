/* deltacnn: which decoded pictures of H.264 are kept for reference.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.2.5; numbers of pictures as in 8.2.4.1. */
#include "h264/state.h"
#include <string.h>

static void
remove_at(DcnH264Dpb *dpb, int i)
{
  dcn_h264_frame_unref(dpb->frames[i]);
  dpb->n_frames--;
  memmove(&dpb->frames[i], &dpb->frames[i + 1],
          (size_t)(dpb->n_frames - i) * sizeof dpb->frames[0]);
}

/* Lets go of what is not marked any more. */
static void
sweep(DcnH264Dpb *dpb, const DcnH264Frame *keep)
{
  for (int i = dpb->n_frames - 1; i >= 0; i--) {
    const DcnH264Frame *frame = dpb->frames[i];
    if (frame != keep && !frame->short_term && !frame->long_term)
      remove_at(dpb, i);
  }
}

void
dcn_h264_dpb_clear(DcnH264Dpb *dpb)
{
  while (dpb->n_frames) {
    DcnH264Frame *frame = dpb->frames[dpb->n_frames - 1];
    frame->short_term = frame->long_term = 0;
    remove_at(dpb, dpb->n_frames - 1);
  }
  dpb->max_long_term_frame_idx = -1;
}

void
dcn_h264_dpb_set_frame_num(DcnH264Dpb *dpb, int frame_num)
{
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    frame->frame_num_wrap =
        frame->frame_num > frame_num ? frame->frame_num - dpb->max_frame_num : frame->frame_num;
  }
}

/* 8.2.5.3, where `current` is not the second field of a reference frame. */
static void
slide(DcnH264Dpb *dpb, const DcnH264Frame *current)
{
  int n = 0;
  int oldest = -1;
  for (int i = 0; i < dpb->n_frames; i++) {
    const DcnH264Frame *frame = dpb->frames[i];
    if (frame == current)
      continue;
    n++;
    if (frame->short_term &&
        (oldest < 0 || frame->frame_num_wrap < dpb->frames[oldest]->frame_num_wrap))
      oldest = i;
  }
  if (n >= MAX(dpb->max_num_ref_frames, 1) && oldest >= 0) {
    dpb->frames[oldest]->short_term = 0;
    if (!dpb->frames[oldest]->long_term)
      remove_at(dpb, oldest);
  }
}

static gboolean
enter(DcnH264Dpb *dpb, DcnH264Frame *frame)
{
  for (int i = 0; i < dpb->n_frames; i++)
    if (dpb->frames[i] == frame)
      return TRUE;
  if (dpb->n_frames >= DCN_H264_DPB_SIZE)
    return FALSE;
  dpb->frames[dpb->n_frames++] = dcn_h264_frame_ref(frame);
  return TRUE;
}

gboolean
dcn_h264_dpb_gap(DcnH264Dpb *dpb, int frame_num, uint32_t id, const int poc[2])
{
  dcn_h264_dpb_set_frame_num(dpb, frame_num);
  slide(dpb, NULL);
  DcnH264Frame *frame = g_new0(DcnH264Frame, 1);
  frame->refs = 1;
  frame->id = id;
  frame->frame_num = frame->frame_num_wrap = frame_num;
  frame->fields = frame->short_term = DCN_H264_FRAME;
  frame->poc[0] = poc[0];
  frame->poc[1] = poc[1];
  gboolean ok = enter(dpb, frame);
  dcn_h264_frame_unref(frame);
  return ok;
}

/* The short-term picture with this picNumX (8.2.4.1), and which of its fields that is; NULL when
 * there is none.  structure: of the current picture. */
static DcnH264Frame *
find_short(const DcnH264Dpb *dpb, int pic_num, int structure, int *fields)
{
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    if (structure == DCN_H264_FRAME) {
      if (frame->short_term == DCN_H264_FRAME && frame->frame_num_wrap == pic_num) {
        *fields = DCN_H264_FRAME;
        return frame;
      }
    } else if (frame->short_term && frame->frame_num_wrap == pic_num >> 1) {
      /* 2 * FrameNumWrap + 1 is the field of the same parity */
      int field = pic_num & 1 ? structure : DCN_H264_FRAME - structure;
      if (frame->short_term & field) {
        *fields = field;
        return frame;
      }
    }
  }
  return NULL;
}

static DcnH264Frame *
find_long(const DcnH264Dpb *dpb, int long_term_pic_num, int structure, int *fields)
{
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    if (structure == DCN_H264_FRAME) {
      if (frame->long_term == DCN_H264_FRAME && frame->long_term_frame_idx == long_term_pic_num) {
        *fields = DCN_H264_FRAME;
        return frame;
      }
    } else if (frame->long_term && frame->long_term_frame_idx == long_term_pic_num >> 1) {
      int field = long_term_pic_num & 1 ? structure : DCN_H264_FRAME - structure;
      if (frame->long_term & field) {
        *fields = field;
        return frame;
      }
    }
  }
  return NULL;
}

/* LongTermFrameIdx is given to `keep` (or nobody): whoever else has it loses it, 8.2.5.4.3,
 * 8.2.5.4.6. */
static void
free_long_term_frame_idx(DcnH264Dpb *dpb, int idx, const DcnH264Frame *keep)
{
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    if (frame != keep && frame->long_term && frame->long_term_frame_idx == idx)
      frame->long_term = 0;
  }
}

/* 8.2.5.4.3 */
static gboolean
assign_long_term(DcnH264Dpb *dpb, int pic_num, int idx, int structure)
{
  int fields;
  DcnH264Frame *frame = find_short(dpb, pic_num, structure, &fields);
  if (!frame || !frame->picture || idx > dpb->max_long_term_frame_idx)
    return FALSE;
  /* A frame's other field keeps its mark when both get the same index. */
  if (frame->long_term && frame->long_term_frame_idx != idx)
    return FALSE;
  free_long_term_frame_idx(dpb, idx, frame);
  frame->long_term_frame_idx = idx;
  frame->long_term |= fields;
  frame->short_term &= ~fields;
  return TRUE;
}

/* 8.2.5.4; *long_term is set where command 6 marked the current picture. */
static gboolean
adaptive(DcnH264Dpb *dpb, DcnH264Frame *current, const DcnH264SliceHeader *header, int structure,
         gboolean *mmco5, gboolean *long_term)
{
  gboolean field = structure != DCN_H264_FRAME;
  int curr_pic_num = field ? 2 * header->frame_num + 1 : header->frame_num;
  for (int i = 0; i < header->n_markings; i++) {
    const DcnH264RefPicMarking *command = &header->markings[i];
    int fields;
    DcnH264Frame *frame;
    int pic_num = curr_pic_num - (command->difference_of_pic_nums_minus1 + 1);
    switch (command->memory_management_control_operation) {
    case 1:
      frame = find_short(dpb, pic_num, structure, &fields);
      if (!frame)
        return FALSE;
      frame->short_term &= ~fields;
      break;
    case 2:
      frame = find_long(dpb, command->long_term_pic_num, structure, &fields);
      if (!frame)
        return FALSE;
      frame->long_term &= ~fields;
      break;
    case 3:
      if (!assign_long_term(dpb, pic_num, command->long_term_frame_idx, structure))
        return FALSE;
      break;
    case 4:
      dpb->max_long_term_frame_idx = command->max_long_term_frame_idx_plus1 - 1;
      for (int k = 0; k < dpb->n_frames; k++) {
        if (dpb->frames[k]->long_term &&
            dpb->frames[k]->long_term_frame_idx > dpb->max_long_term_frame_idx)
          dpb->frames[k]->long_term = 0;
      }
      break;
    case 5:
      for (int k = 0; k < dpb->n_frames; k++)
        dpb->frames[k]->short_term = dpb->frames[k]->long_term = 0;
      dpb->max_long_term_frame_idx = -1;
      *mmco5 = TRUE;
      break;
    case 6:
      if (command->long_term_frame_idx > dpb->max_long_term_frame_idx)
        return FALSE;
      if (current->long_term && current->long_term_frame_idx != command->long_term_frame_idx)
        return FALSE;
      free_long_term_frame_idx(dpb, command->long_term_frame_idx, current);
      current->long_term_frame_idx = command->long_term_frame_idx;
      current->long_term |= structure;
      *long_term = TRUE;
      break;
    default:
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
dcn_h264_dpb_mark(DcnH264Dpb *dpb, DcnH264Frame *current, const DcnH264SliceHeader *header,
                  gboolean *mmco5)
{
  int structure = !header->field_pic_flag     ? DCN_H264_FRAME
                  : header->bottom_field_flag ? DCN_H264_BOTTOM
                                              : DCN_H264_TOP;
  gboolean ok = TRUE;
  gboolean long_term = FALSE;
  *mmco5 = FALSE;
  dcn_h264_dpb_set_frame_num(dpb, header->frame_num);
  if (dcn_h264_idr(header)) {
    for (int i = 0; i < dpb->n_frames; i++)
      if (dpb->frames[i] != current)
        dpb->frames[i]->short_term = dpb->frames[i]->long_term = 0;
    dpb->max_long_term_frame_idx = -1;
    if (header->long_term_reference_flag) {
      current->long_term |= structure;
      current->long_term_frame_idx = 0;
      dpb->max_long_term_frame_idx = 0;
      long_term = TRUE;
    }
  } else if (header->adaptive_ref_pic_marking_mode_flag) {
    ok = adaptive(dpb, current, header, structure, mmco5, &long_term);
  } else if (!(current->short_term && structure != DCN_H264_FRAME)) {
    /* Not the second field of a frame whose first one is a short-term reference. */
    slide(dpb, current);
  }
  if (!long_term)
    current->short_term |= structure;
  if (*mmco5)
    current->frame_num = 0;
  sweep(dpb, current);
  if (!enter(dpb, current))
    return FALSE;
  /* 8.2.5.4: more than that cannot be in a stream that conforms. */
  return ok && dpb->n_frames <= MAX(dpb->max_num_ref_frames, 1);
}

void
dcn_h264_dpb_drop_oldest(DcnH264Dpb *dpb)
{
  if (dpb->n_frames) {
    dpb->frames[0]->short_term = dpb->frames[0]->long_term = 0;
    remove_at(dpb, 0);
  }
}
