/* deltacnn: which blocks of a frame changed, by comparing samples (the source when no codec tells).
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/frame.h"

typedef struct _DcnFrameHistory DcnFrameHistory;

/* Keeps a copy of the last frame of a stream.  NULL when memory is short. */
DcnFrameHistory *dcn_frame_history_new(const DcnFrameInfo *info);
void dcn_frame_history_free(DcnFrameHistory *history);
void dcn_frame_history_reset(DcnFrameHistory *history); /* forgets the copy */

/* Compares the frame with the copy and makes the frame the copy.
 * changed  [ceil(height/8) * ceil(width/8)] bytes: 1 where any luma sample of the block, or any chroma sample
 *          that lies (partly) under it, differs; all 1 when there was no copy
 * Returns the number of blocks that changed. */
int dcn_frame_history_update(DcnFrameHistory *history, const DcnFrame *frame, uint8_t *changed);
