/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sources that reuse what is not the same: histogram (DeepMon), diamond
 * (DeepCache) and motion (EVA2, Euphrates), for comparison.  src/rivals does what
 * the papers do; here is how a stream's frames get there.
 *
 * Belongs to a stream, and makes use of its classifier, which says whether its caches
 * stand for the last frame; where they do not, nothing is kept here either.
 */
#pragma once

#include "changes.h"
#include "classify.h"

G_BEGIN_DECLS

typedef struct _GstDeltaCnnRivals GstDeltaCnnRivals;

typedef struct
{
  guint interval;               /* frames after which results are made anew; 0: the paper's */
  gdouble threshold;            /* of matches, in the source's own unit; < 0: the paper's */
} GstDeltaCnnRivalSettings;

/* c: made for the frames to come, as info says; outlives it. */
GstDeltaCnnRivals *gst_delta_cnn_rivals_new (GstDeltaCnnClassifier * c,
    const DcnFrameInfo * info);
void gst_delta_cnn_rivals_free (GstDeltaCnnRivals * rivals);

/* Says where the next frame's changes come from.  TRUE: results of a rival stand in
 * the caches, or are about to, which nothing else can go on from: the caller resets
 * the classifier and what it knows about the last frame. */
gboolean gst_delta_cnn_rivals_select (GstDeltaCnnRivals * rivals,
    GstDeltaCnnSource source);

/* One frame from rival source `source`, to its outcome.  time_changes: what finding
 * matches took. */
void gst_delta_cnn_rivals_step (GstDeltaCnnRivals * rivals,
    GstDeltaCnnSource source, const GstDeltaCnnRivalSettings * settings,
    const GstDeltaCnnInput * input, guint top_k, gint threads,
    GstDeltaCnnDecision * decision, GstDeltaCnnOutcome * outcome,
    GstClockTime * time_changes);

G_END_DECLS
