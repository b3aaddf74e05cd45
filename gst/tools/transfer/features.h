/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a network says of frames of a clip, in a pipeline as deltacnn's.
 */
#pragma once

#include "classify.h"
#include "clips.h"

G_BEGIN_DECLS

typedef struct
{
  guint step;                   /* every so many-th frame; 0: so that a clip has most / 2 to
                                 * most, or all that it has */
  guint most;
  gint threads;                 /* 0: all cores */
} TransferReading;

/* Called after each frame, in a streaming thread. */
typedef void (*TransferProgress) (guint n_frames, gpointer user_data);

/* Runs the classifier on frames of a clip, exactly.  rows: of its outputs.  FALSE where
 * the clip cannot be read, with a sentence, or after an interruption, without. */
gboolean transfer_read (GstDeltaCnnClassifier * classifier,
    const TransferReading * how, const gchar * clip,
    TransferProgress progress, gpointer user_data, TransferRows * rows,
    GError ** error);

G_END_DECLS
