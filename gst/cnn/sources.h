/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the element learns what changed: the property's values, and what was used
 * for a frame.
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum
{
  GST_DELTA_CNN_SOURCE_AUTO,
  GST_DELTA_CNN_SOURCE_CODEC,
  GST_DELTA_CNN_SOURCE_PIXEL,
  /* Approximate whatever the tolerance: rivals.h. */
  GST_DELTA_CNN_SOURCE_HISTOGRAM,
  GST_DELTA_CNN_SOURCE_DIAMOND,
  GST_DELTA_CNN_SOURCE_MOTION
} GstDeltaCnnSource;

typedef enum
{
  GST_DELTA_CNN_USED_NONE,      /* nothing to compare with: everything changed */
  GST_DELTA_CNN_USED_CODEC,
  GST_DELTA_CNN_USED_PIXEL,
  GST_DELTA_CNN_USED_HISTOGRAM,
  GST_DELTA_CNN_USED_DIAMOND,
  GST_DELTA_CNN_USED_MOTION
} GstDeltaCnnUsed;

#define GST_TYPE_DELTA_CNN_SOURCE (gst_delta_cnn_source_get_type ())
GType gst_delta_cnn_source_get_type (void);

/* For statistics and logs; static. */
const gchar *gst_delta_cnn_used_name (GstDeltaCnnUsed used);

/* TRUE for sources that are approximate whatever the tolerance. */
gboolean gst_delta_cnn_source_is_rival (GstDeltaCnnSource source);

G_END_DECLS
