/* deltacnn: reference picture lists of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.2.4. */
#include "h264/state.h"
#include <string.h>

typedef struct {
  DcnH264Ref entries[DCN_H264_LIST_SIZE];
  int n;
} List;

static void
append(List *list, DcnH264Frame *frame, int fields)
{
  if (list->n < DCN_H264_LIST_SIZE)
    list->entries[list->n++] = (DcnH264Ref){frame, fields};
}

/* Frames in an order: keys rise. */
typedef struct {
  DcnH264Frame *frames[DCN_H264_DPB_SIZE + 1];
  int64_t keys[DCN_H264_DPB_SIZE + 1];
  int n;
} Order;

static void
insert(Order *order, DcnH264Frame *frame, int64_t key)
{
  int i = order->n++;
  for (; i > 0 && order->keys[i - 1] > key; i--) {
    order->frames[i] = order->frames[i - 1];
    order->keys[i] = order->keys[i - 1];
  }
  order->frames[i] = frame;
  order->keys[i] = key;
}

static void
append_frames(List *list, const Order *order)
{
  for (int i = 0; i < order->n; i++)
    append(list, order->frames[i], DCN_H264_FRAME);
}

/* 8.2.4.2.5: fields of the frames, in turn of the parity of the current field and the other one,
 * beginning with the same; the rest of one parity when the other has no more. */
static void
append_fields(List *list, const Order *order, int parity, gboolean long_term)
{
  int next[2] = {0, 0};
  int parities[2] = {parity, DCN_H264_FRAME - parity};
  int which = 0;
  for (int missed = 0; missed < 2;) {
    int i = next[which];
    while (i < order->n &&
           !((long_term ? order->frames[i]->long_term : order->frames[i]->short_term) &
             parities[which]))
      i++;
    if (i < order->n) {
      append(list, order->frames[i], parities[which]);
      i++;
      missed = 0;
    } else {
      missed++;
    }
    next[which] = i;
    which ^= 1;
  }
}

/* Long-term ones, by LongTermPicNum or LongTermFrameIdx rising. */
static void
append_long(List *list, const DcnH264Dpb *dpb, int structure)
{
  Order order = {.n = 0};
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    if (structure == DCN_H264_FRAME ? frame->long_term == DCN_H264_FRAME : frame->long_term != 0)
      insert(&order, frame, frame->long_term_frame_idx);
  }
  if (structure == DCN_H264_FRAME)
    append_frames(list, &order);
  else
    append_fields(list, &order, structure, TRUE);
}

/* 8.2.4.2.1, 8.2.4.2.2 */
static void
initial_p(List *list, const DcnH264Dpb *dpb, int structure)
{
  Order order = {.n = 0};
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    if (structure == DCN_H264_FRAME ? frame->short_term == DCN_H264_FRAME : frame->short_term != 0)
      insert(&order, frame, -(int64_t)frame->frame_num_wrap);
  }
  if (structure == DCN_H264_FRAME)
    append_frames(list, &order);
  else
    append_fields(list, &order, structure, FALSE);
  append_long(list, dpb, structure);
}

/* 8.2.4.2.3, 8.2.4.2.4: list 0 has those before the current picture first, the nearest first of
 * all, list 1 those after it. */
static void
initial_b(List lists[2], const DcnH264Dpb *dpb, int structure, int poc)
{
  for (int x = 0; x < 2; x++) {
    Order order[2] = {{.n = 0}, {.n = 0}};
    for (int i = 0; i < dpb->n_frames; i++) {
      DcnH264Frame *frame = dpb->frames[i];
      if (structure == DCN_H264_FRAME ? frame->short_term != DCN_H264_FRAME
                                      : frame->short_term == 0)
        continue;
      int64_t entry = dcn_h264_frame_poc(frame, DCN_H264_FRAME);
      /* The first field of the current frame has its own count; of equal counts it is "before". */
      gboolean before = structure == DCN_H264_FRAME ? entry < poc : entry <= poc;
      insert(&order[before ? 0 : 1], frame, before ? -entry : entry);
    }
    const Order *first = &order[x], *second = &order[1 - x];
    if (structure == DCN_H264_FRAME) {
      append_frames(&lists[x], first);
      append_frames(&lists[x], second);
    } else {
      Order all = *first;
      for (int i = 0; i < second->n; i++)
        all.frames[all.n++] = second->frames[i];
      append_fields(&lists[x], &all, structure, FALSE);
    }
    append_long(&lists[x], dpb, structure);
  }
  gboolean same = lists[1].n > 1 && lists[0].n == lists[1].n;
  for (int i = 0; same && i < lists[0].n; i++)
    same = lists[0].entries[i].frame == lists[1].entries[i].frame &&
           lists[0].entries[i].fields == lists[1].entries[i].fields;
  if (same) {
    DcnH264Ref swapped = lists[1].entries[0];
    lists[1].entries[0] = lists[1].entries[1];
    lists[1].entries[1] = swapped;
  }
}

/* The picture with this PicNum or LongTermPicNum, 8.2.4.1. */
static DcnH264Ref
find(const DcnH264Dpb *dpb, int number, int structure, gboolean long_term)
{
  for (int i = 0; i < dpb->n_frames; i++) {
    DcnH264Frame *frame = dpb->frames[i];
    int marked = long_term ? frame->long_term : frame->short_term;
    int base = long_term ? frame->long_term_frame_idx : frame->frame_num_wrap;
    if (structure == DCN_H264_FRAME) {
      if (marked == DCN_H264_FRAME && base == number)
        return (DcnH264Ref){frame, DCN_H264_FRAME};
    } else {
      int field = number & 1 ? structure : DCN_H264_FRAME - structure;
      if (marked & field && base == number >> 1)
        return (DcnH264Ref){frame, field};
    }
  }
  return (DcnH264Ref){NULL, 0};
}

/* 8.2.4.3 */
static gboolean
modify(List *list, const DcnH264Dpb *dpb, const DcnH264SliceHeader *header, int x, int structure)
{
  gboolean field = structure != DCN_H264_FRAME;
  int n = header->num_ref_idx_active_minus1[x] + 1;
  int max_pic_num = field ? 2 * dpb->max_frame_num : dpb->max_frame_num;
  int curr_pic_num = field ? 2 * header->frame_num + 1 : header->frame_num;
  int64_t pred = curr_pic_num; /* picNumLXPred */
  int idx = 0;                 /* refIdxLX */
  for (int i = 0; i < header->n_modifications[x]; i++) {
    const DcnH264RefPicListModification *m = &header->modifications[x][i];
    if (idx >= n)
      return FALSE;
    DcnH264Ref ref;
    if (m->modification_of_pic_nums_idc == 2) {
      ref = find(dpb, m->value, structure, TRUE);
    } else if (m->modification_of_pic_nums_idc < 2) {
      int64_t step = (int64_t)m->value + 1;
      if (m->value < 0 || step > max_pic_num)
        return FALSE;
      if (m->modification_of_pic_nums_idc == 0)
        pred = pred - step < 0 ? pred - step + max_pic_num : pred - step;
      else
        pred = pred + step >= max_pic_num ? pred + step - max_pic_num : pred + step;
      ref = find(dpb, (int)(pred > curr_pic_num ? pred - max_pic_num : pred), structure, FALSE);
    } else {
      return FALSE;
    }
    if (!ref.frame)
      return FALSE;
    /* Put in at refIdxLX; its later occurrence goes, the rest moves up. */
    for (int k = n; k > idx; k--)
      list->entries[k] = list->entries[k - 1];
    list->entries[idx++] = ref;
    int to = idx;
    for (int from = idx; from <= n; from++) {
      DcnH264Ref entry = list->entries[from];
      if (entry.frame != ref.frame || entry.fields != ref.fields)
        list->entries[to++] = entry;
    }
    /* Without a later occurrence the loop has written entry n, which is dropped below. */
  }
  return TRUE;
}

gboolean
dcn_h264_lists(const DcnH264Dpb *dpb, const DcnH264Frame *current, const DcnH264SliceHeader *header,
               DcnH264Ref lists[2][DCN_H264_LIST_SIZE])
{
  memset(lists, 0, 2 * sizeof lists[0]);
  int structure = !header->field_pic_flag     ? DCN_H264_FRAME
                  : header->bottom_field_flag ? DCN_H264_BOTTOM
                                              : DCN_H264_TOP;
  int n_lists;
  List made[2];
  memset(made, 0, sizeof made);
  switch (header->slice_type) {
  case DCN_H264_SLICE_P:
  case DCN_H264_SLICE_SP:
    initial_p(&made[0], dpb, structure);
    n_lists = 1;
    break;
  case DCN_H264_SLICE_B:
    initial_b(made, dpb, structure,
              structure == DCN_H264_FRAME ? MIN(current->poc[0], current->poc[1])
                                          : current->poc[structure - 1]);
    n_lists = 2;
    break;
  default:
    return TRUE;
  }
  for (int x = 0; x < n_lists; x++) {
    int n = header->num_ref_idx_active_minus1[x] + 1;
    if (n < 1 || n > 32)
      return FALSE;
    for (int i = n; i < DCN_H264_LIST_SIZE; i++)
      made[x].entries[i] = (DcnH264Ref){NULL, 0};
    if (!modify(&made[x], dpb, header, x, structure))
      return FALSE;
    memcpy(lists[x], made[x].entries, (size_t)n * sizeof(DcnH264Ref));
  }
  return TRUE;
}
