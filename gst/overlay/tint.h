/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Marks the blocks that changed.
 */
#pragma once

#include <gst/video/video.h>

G_BEGIN_DECLS

/* Adds rectangles that tint the blocks with blocks[row * cols + col] != 0 of a width x height frame, and outline
 * where they meet others.  A grid of ceil(width / 8) x ceil(height / 8) is one of 8x8 blocks; another one is of a
 * frame that was scaled since, and is stretched over this one.
 * rectangles: (element-type GstVideoOverlayRectangle) */
void delta_tint_blocks (GPtrArray * rectangles, const guint8 * blocks,
    guint cols, guint rows, gint width, gint height);

G_END_DECLS
