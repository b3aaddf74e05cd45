/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory layout of frames, for neighbours that do not know GstVideoMeta.
 */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/* TRUE where a buffer cannot be read by who knows nothing but the caps. */
gboolean gst_delta_cnn_layout_is_special (const GstVideoInfo * info,
    GstBuffer * buffer);

/* A copy of the visible frame laid out as the caps say, with all metas but those
 * that described the layout.  NULL when the buffer cannot be mapped. */
GstBuffer *gst_delta_cnn_layout_copy (const GstVideoInfo * info,
    GstBuffer * buffer);

/* Maps a frame for reading; FALSE where the buffer does not hold such a frame. */
gboolean gst_delta_cnn_layout_map (const GstVideoInfo * info,
    GstBuffer * buffer, GstVideoFrame * frame);

G_END_DECLS
