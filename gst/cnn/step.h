/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One frame, from what is known about it to its result: what changed, tensor,
 * check of the codec's word, network.
 */
#pragma once

#include <gst/video/video.h>
#include "changes.h"
#include "classify.h"
#include "modes.h"
#include "rivals.h"

G_BEGIN_DECLS

typedef struct
{
  GstDeltaCnnSource source;
  GstDeltaCnnMode mode;
  guint top_k;
  gint threads;
  GstDeltaCnnEngine engine;
  guint study_gop;              /* 0: GST_DELTA_CNN_STUDY_GOP */
  GstDeltaCnnRivalSettings rival;
} GstDeltaCnnStepSettings;

typedef struct
{
  GstDeltaCnnDecision decision;
  GstDeltaCnnOutcome outcome;
  GstClockTime time_changes;    /* finding what changed */
  gboolean mismatch;            /* blocks that the codec claimed not to have changed did */
  gboolean foreign;             /* and lost pictures do not explain it */
} GstDeltaCnnStep;

/* What the steps of one stream keep of its frames.  All NULL before the first. */
typedef struct
{
  GstDeltaCnnChanges *changes;
  GstDeltaCnnRivals *rivals;
} GstDeltaCnnStream;

/* A buffer's frame, mapped for reading.  Not to be moved: input points to samples. */
typedef struct
{
  GstVideoFrame mapped;
  DcnFrameInfo info;            /* of the visible part */
  DcnFrame samples;             /* the same */
  GstDeltaCnnInput input;       /* what the buffer says; untouched is FALSE: only who knows
                                 * the pipeline can say */
} GstDeltaCnnStepFrame;

/* info: the caps.  FALSE where the buffer does not hold such a frame; then there is
 * nothing to unmap. */
gboolean gst_delta_cnn_step_map (const GstVideoInfo * info, GstBuffer * buffer,
    GstDeltaCnnStepFrame * frame);
void gst_delta_cnn_step_unmap (GstDeltaCnnStepFrame * frame);

/* Before each step: stream and classifier are made for frames as info says, anew where
 * they were for others, and know nothing of the last frame then.  FALSE with a sentence
 * where no tensor can be made of such frames; the stream is then as before the first. */
gboolean gst_delta_cnn_step_plan (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier, const DcnFrameInfo * info,
    GError ** error);

/* The next frame has nothing to do with the last one. */
void gst_delta_cnn_step_restart (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier);

/* Before its classifier is freed. */
void gst_delta_cnn_stream_clear (GstDeltaCnnStream * stream);

/* The first half: what changed, and the tensor brought up to date.  For who runs the
 * network himself: all of the step but the outcome.  Not with a rival source. */
void gst_delta_cnn_step_tensor (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step);

/* stream and classifier belong together, made for the frames' size; the classifier is
 * prepared for the mode. */
void gst_delta_cnn_step (GstDeltaCnnStream * stream,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step);

G_END_DECLS
