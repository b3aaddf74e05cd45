/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-bench runs: a clip's frames, or made ones of which a given share
 * changes.
 */
#pragma once

#include "common/clip-frames.h"
#include "step.h"

G_BEGIN_DECLS

typedef struct _BenchFrames BenchFrames;

/* One frame; valid until the next get(). */
typedef struct
{
  DcnFrameInfo info;
  GstDeltaCnnInput input;
} BenchFrame;

/* Takes clip over. */
BenchFrames *bench_frames_new_clip (ClipFrames * clip);

/* n frames of width x height, I420.  In each, 1 - sparsity of the 16x16 blocks get
 * new samples, which blocks being drawn anew; the rest keeps its samples, and the
 * coding picture says so.  The same every time. */
BenchFrames *bench_frames_new_made (gint width, gint height, gdouble sparsity,
    guint n);
void bench_frames_free (BenchFrames * frames);

guint bench_frames_count (BenchFrames * frames);

/* Frames are to be taken in order, from 0 on, which starts them again.  FALSE for a
 * buffer that does not hold a frame. */
gboolean bench_frames_get (BenchFrames * frames, guint i, BenchFrame * frame);

G_END_DECLS
