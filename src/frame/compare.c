/* deltacnn: which blocks of a frame changed, by comparing samples.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/compare.h"
#include "frame/layout.h"
#include "util/memory.h"
#include <string.h>

typedef struct {
  size_t row_bytes, words; /* words: whole 8-byte words in a row */
  int rows;
  int block_bytes, block_rows; /* of this plane's samples under one 8x8 luma block */
  uint8_t used[8]; /* 0xff where a byte of a word belongs to a sample, 0 where it is padding */
  gboolean padded; /* not all of used is 0xff */
  uint8_t *copy;   /* rows * row_bytes */
} PlaneCopy;

struct _DcnFrameHistory {
  int n_planes, cols, rows;
  PlaneCopy plane[3];
  uint64_t *difference; /* one row of blocks: the OR of what differs, by word, and a last word for
                           the tail */
  gboolean valid;
};

DcnFrameHistory *
dcn_frame_history_new(const DcnFrameInfo *info)
{
  DcnLayout layout;
  size_t most_words = 0;
  if (dcn_layout_init(&layout, info))
    return NULL;
  DcnFrameHistory *history = g_new0(DcnFrameHistory, 1);
  history->cols = (info->width + 7) / 8;
  history->rows = (info->height + 7) / 8;
  history->n_planes = layout.n_planes;
  for (int p = 0; p < layout.n_planes; p++) {
    const DcnPlane *plane = &layout.plane[p];
    PlaneCopy *copy = &history->plane[p];
    copy->row_bytes = (size_t)plane->width * plane->step;
    copy->words = copy->row_bytes / 8;
    copy->rows = plane->height;
    copy->block_bytes = (8 >> plane->sub_x) * plane->step;
    copy->block_rows = 8 >> plane->sub_y;
    memset(copy->used, 0xff, sizeof copy->used);
    /* The byte that is no colour may hold anything; of packed 4:2:2 each plane is the other's padding. */
    if (plane->step == 4 || info->format == DCN_FORMAT_YUYV) {
      copy->padded = TRUE;
      memset(copy->used, 0, sizeof copy->used);
      for (int c = 0; c < layout.n_components; c++)
        for (int k = layout.component[c].offset; k < 8 && layout.component[c].plane == p;
             k += plane->step)
          copy->used[k] = 0xff;
    }
    copy->copy = dcn_aligned_new0(copy->row_bytes, (size_t)copy->rows);
    if (!copy->copy) {
      dcn_frame_history_free(history);
      return NULL;
    }
    most_words = MAX(most_words, copy->words + 1);
  }
  history->difference = dcn_aligned_new0(most_words, sizeof *history->difference);
  if (!history->difference) {
    dcn_frame_history_free(history);
    return NULL;
  }
  return history;
}

void
dcn_frame_history_free(DcnFrameHistory *history)
{
  if (!history)
    return;
  for (int p = 0; p < history->n_planes; p++)
    dcn_aligned_free(history->plane[p].copy);
  dcn_aligned_free(history->difference);
  g_free(history);
}

void
dcn_frame_history_reset(DcnFrameHistory *history)
{
  history->valid = FALSE;
}

/* ORs what differs between two rows into difference[]; returns whether anything does. */
static gboolean
compare_row(const PlaneCopy *plane, const uint8_t *now, const uint8_t *then, uint64_t *difference)
{
  if (!plane->padded && memcmp(now, then, plane->row_bytes) == 0)
    return FALSE;
  uint64_t any = 0, used;
  memcpy(&used, plane->used, sizeof used);
  for (size_t i = 0; i < plane->words; i++) {
    uint64_t a, b;
    memcpy(&a, now + i * 8, 8);
    memcpy(&b, then + i * 8, 8);
    uint64_t d = (a ^ b) & used;
    difference[i] |= d;
    any |= d;
  }
  uint64_t a = 0, b = 0;
  size_t tail = plane->row_bytes - plane->words * 8;
  memcpy(&a, now + plane->words * 8, tail);
  memcpy(&b, then + plane->words * 8, tail);
  difference[plane->words] |= (a ^ b) & used;
  return (any | difference[plane->words]) != 0;
}

/* Marks the blocks that words of difference[] lie in.  Returns nothing of use: blocks may be marked
 * already. */
static void
mark_blocks(const PlaneCopy *plane, const uint64_t *difference, uint8_t *changed)
{
  for (size_t i = 0; i <= plane->words; i++) {
    if (difference[i] == 0)
      continue;
    if (plane->block_bytes % 8 == 0) {
      changed[i * 8 / plane->block_bytes] = 1;
      continue;
    }
    uint8_t bytes[8]; /* several blocks in a word */
    memcpy(bytes, &difference[i], sizeof bytes);
    for (int k = 0; k < 8; k++)
      if (bytes[k])
        changed[(i * 8 + k) / plane->block_bytes] = 1;
  }
}

int
dcn_frame_history_update(DcnFrameHistory *history, const DcnFrame *frame, uint8_t *changed)
{
  size_t n_blocks = (size_t)history->cols * history->rows;
  memset(changed, history->valid ? 0 : 1, n_blocks);
  for (int p = 0; p < history->n_planes; p++) {
    PlaneCopy *plane = &history->plane[p];
    for (int y0 = 0; y0 < plane->rows; y0 += plane->block_rows) {
      int rows = MIN(plane->block_rows, plane->rows - y0);
      gboolean any = FALSE;
      if (history->valid)
        memset(history->difference, 0, (plane->words + 1) * sizeof *history->difference);
      for (int y = y0; y < y0 + rows; y++) {
        const uint8_t *now = frame->plane[p] + (ptrdiff_t)y * frame->stride[p];
        uint8_t *then = plane->copy + (size_t)y * plane->row_bytes;
        if (!history->valid || compare_row(plane, now, then, history->difference)) {
          /* Rows that are the same need no copy: a still picture is only read. */
          memcpy(then, now, plane->row_bytes);
          any = TRUE;
        }
      }
      if (any && history->valid)
        mark_blocks(plane, history->difference,
                    changed + (size_t)(y0 / plane->block_rows) * history->cols);
    }
  }
  int n_changed = 0;
  for (size_t i = 0; i < n_blocks; i++)
    n_changed += changed[i];
  history->valid = TRUE;
  return n_changed;
}
