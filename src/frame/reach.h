/* deltacnn: which pixels of the tensor blocks of the frame reach, and the other way round.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Blocks are of 8x8 luma samples, with the chroma samples whose group begins there; one reaches a pixel that has a tap in
 * it. */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef struct {
  int first, last; /* inclusive */
} DcnSpan;

typedef struct {
  int width, height; /* of the tensor */
  int cols, rows, words; /* blocks; words of 64 in a row of them */
  int pixel_words;       /* the same of pixels, and one more */
  DcnSpan *across, *down; /* [width], [height]: columns, rows of blocks that a pixel's taps lie in; neither end ever moves
                             back; the owner sets them before dcn_reach_plan() */
  DcnSpan *reached;       /* [cols]: pixels of a row that a column of blocks reaches; may be empty */
  uint64_t *bits;         /* [rows][words] blocks, then [words] */
  uint8_t *any;           /* [rows]: whether any of a row's bits is set */
  uint64_t *pixels;       /* [rows + 1][pixel_words]: touched ones that a row of blocks reaches, and a row of the tensor */
} DcnReach;

/* FALSE where memory is short; _clear() is called in any case. */
gboolean dcn_reach_init(DcnReach *reach, int width, int height, int cols, int rows);
void dcn_reach_clear(DcnReach *reach);
void dcn_reach_plan(DcnReach *reach);

/* Takes over a map of changed blocks, [rows * cols] bytes, != 0: changed.  FALSE: none is. */
gboolean dcn_reach_take(DcnReach *reach, const uint8_t *changed);

/* Of the map taken over: runs of the pixels of tensor row y that changed blocks reach, those with at most `gap` others
 * between them as one.  runs: room for (width + 1) / 2.  Returns how many they are. */
int dcn_reach_runs(const DcnReach *reach, int y, int gap, DcnSpan *runs);

/* Sets blocks, [rows * cols], to 1 where one reaches a pixel of `touched` ([height][width] bytes, 1 or 0), else 0.
 * Returns how many are 1. */
int dcn_reach_blocks(DcnReach *reach, const uint8_t *touched, uint8_t *blocks);
