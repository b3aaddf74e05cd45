/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From GStreamer's description of video frames to the engine's.
 */
#pragma once

#include <gst/video/video.h>
#include "frame/frame.h"

G_BEGIN_DECLS

/* What gst_delta_cnn_formats_describe() understands. */
#define GST_DELTA_CNN_FORMATS \
    "{ I420, YV12, NV12, NV21, Y42B, NV16, NV61, Y444, NV24, Y41B, YUY2, " \
    "YVYU, UYVY, VYUY, RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, ARGB, ABGR, GBR, GRAY8 }"

/* The part of a frame that is to be seen, luma samples. */
typedef struct
{
  gint x, y, width, height;
} GstDeltaCnnVisible;

/* info: the caps; visible: the part of the frame.  FALSE for a format that is
 * not in the list.  All bytes of out are set, so two of them can be compared
 * with memcmp(). */
gboolean gst_delta_cnn_formats_describe (const GstVideoInfo * info,
    const GstDeltaCnnVisible * visible, DcnFrameInfo * out);

/* The visible part of a buffer whose frame is frame_width x frame_height: the
 * GstVideoCropMeta where there is one that fits, else the size of the caps. */
void gst_delta_cnn_formats_visible (const GstVideoInfo * info,
    GstBuffer * buffer, gint frame_width, gint frame_height,
    GstDeltaCnnVisible * visible);

/* Plane pointers of the visible part of a mapped frame, valid while it is. */
void gst_delta_cnn_formats_planes (const GstVideoFrame * frame,
    const GstDeltaCnnVisible * visible, DcnFrame * out);

G_END_DECLS
