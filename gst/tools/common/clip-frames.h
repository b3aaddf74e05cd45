/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All frames of a clip in memory, as deltacnn would meet them: in a format that it
 * takes, with their coding metas, in display order.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef struct
{
  GPtrArray *samples;           /* of GstSample: buffer and caps */
  gboolean coded;               /* deltaextract read the codec */
  gboolean untouched;           /* nothing between decoder and here changes samples */
  gboolean interrupted;         /* by a signal: not all frames */
  gboolean memory_full;         /* a quarter of the machine's memory is: not all frames */
} ClipFrames;

/* Called after each frame, in a streaming thread. */
typedef void (*ClipFramesProgress) (guint n_frames, gpointer user_data);

/* After clip_pipeline_setup().  max_frames 0: the whole clip; progress may be NULL.
 * NULL and a sentence a user can act on in error. */
ClipFrames *clip_frames_load (const gchar * clip, guint max_frames,
    ClipFramesProgress progress, gpointer user_data, GError ** error);
void clip_frames_free (ClipFrames * frames);

G_END_DECLS
