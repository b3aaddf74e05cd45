/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The text panels of deltaoverlay.  A panel's content is a string, its key: two equal keys give equal
 * pictures, so that a panel is drawn anew only when its key changes.
 */
#pragma once

#include <pango/pangocairo.h>
#include <gst/video/video.h>
#include "gstdeltacnnmeta.h"

G_BEGIN_DECLS

typedef struct
{
  PangoContext *context;        /* used from one thread at a time */
  const gchar *font;            /* Pango font description; its size does not count */
  gdouble scale;                /* of the text, 1: in proportion to the frame */
  gint width, height;           /* of the frame */
} DeltaPanelStyle;

/* The up to n_labels best classes with their confidences; NULL where there are none. */
gchar *delta_panel_labels_key (const GstDeltaCnnMeta * meta, guint n_labels);

/* Picture type and shares of work. */
gchar *delta_panel_stats_key (const GstDeltaCnnMeta * meta);

/* Draws the labels into the frame's top left corner.  Lines that do not fit into the frame are left out.
 * Returns: (transfer full) (nullable): NULL where the frame is too small for any */
GstVideoOverlayRectangle *delta_panel_draw_labels (const gchar * key,
    const DeltaPanelStyle * style);

/* Draws the stats into the bottom left corner, below line top of the frame; NULL where they do not fit. */
GstVideoOverlayRectangle *delta_panel_draw_stats (const gchar * key,
    const DeltaPanelStyle * style, gint top);

G_END_DECLS
