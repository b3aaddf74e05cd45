/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The decoded frames of a clip, one after another, in a format that deltacnn takes and
 * with their coding metas: clip-pipeline.h, with videoconvert ! appsink at its end.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct
{
  guint n;                      /* frames handed out */
  gboolean coded;               /* deltaextract reads the codec */
  gboolean interrupted;         /* by a signal: not all frames */
} ClipSamples;

/* Called for each frame in display order, in a streaming thread.  sample is the
 * caller's to keep with a reference; pad is where it came to, for
 * gst_delta_cnn_upstream_untouched().  FALSE: there are to be no more; with error set,
 * the clip cannot be used, and this is why. */
typedef gboolean (*ClipSampleFunc) (GstPad * pad, GstSample * sample,
    gpointer user_data, GError ** error);

/* After clip_pipeline_setup().  Returns after the last call of func.  FALSE and a
 * sentence in error, which names the clip, where it cannot be read or no frame can be
 * decoded (unless it was interrupted before); read is set in any case. */
gboolean clip_samples_read (const gchar * clip, ClipSampleFunc func,
    gpointer user_data, ClipSamples * read, GError ** error);

G_END_DECLS
