/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

/**
 * GstDeltaOverlayShow:
 * @GST_DELTA_OVERLAY_SHOW_LABELS: the most likely classes and their confidences
 * @GST_DELTA_OVERLAY_SHOW_STATS: picture type, share of blocks changed, share of multiplies done
 * @GST_DELTA_OVERLAY_SHOW_BLOCKS: the blocks that changed
 *
 * What #deltaoverlay draws.
 *
 * Since: 0.1
 */
typedef enum
{
  GST_DELTA_OVERLAY_SHOW_LABELS = (1 << 0),
  GST_DELTA_OVERLAY_SHOW_STATS = (1 << 1),
  GST_DELTA_OVERLAY_SHOW_BLOCKS = (1 << 2)
} GstDeltaOverlayShow;

#define GST_TYPE_DELTA_OVERLAY_SHOW (gst_delta_overlay_show_get_type ())
GType gst_delta_overlay_show_get_type (void);

#define GST_TYPE_DELTA_OVERLAY (gst_delta_overlay_get_type ())
G_DECLARE_FINAL_TYPE (GstDeltaOverlay, gst_delta_overlay, GST, DELTA_OVERLAY,
    GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (deltaoverlay);

G_END_DECLS
