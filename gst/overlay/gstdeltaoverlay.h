/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Draws the classification of a frame on it.
 */
#pragma once

#include <gst/video/video.h>
#include <gst/video/gstvideofilter.h>

G_BEGIN_DECLS

#define GST_TYPE_DELTA_OVERLAY (gst_delta_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstDeltaOverlay, gst_delta_overlay, GST, DELTA_OVERLAY,
    GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (deltaoverlay);

G_END_DECLS
