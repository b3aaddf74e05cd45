/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One frame, from what is known about it to its result: what changed, tensor,
 * check of the codec's word, network.
 */
#pragma once

#include <gst/gst.h>
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

/* What a buffer says about its frame; samples as mapped.  untouched is left FALSE:
 * only who knows the pipeline can say. */
void gst_delta_cnn_step_input (GstBuffer * buffer, const DcnFrame * samples,
    GstDeltaCnnInput * input);

/* The first half: what changed, and the tensor brought up to date.  For who runs the
 * network himself: all of the step but the outcome.  Not with a rival source. */
void gst_delta_cnn_step_tensor (GstDeltaCnnChanges * changes,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step);

/* changes and classifier are those of one stream, made for the frames' size; the
 * classifier is prepared for the mode. */
void gst_delta_cnn_step (GstDeltaCnnChanges * changes,
    GstDeltaCnnClassifier * classifier,
    const GstDeltaCnnStepSettings * settings, const GstDeltaCnnInput * input,
    GstDeltaCnnStep * step);

G_END_DECLS
