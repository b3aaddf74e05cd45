/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_DELTA_EXTRACT (gst_delta_extract_get_type ())
G_DECLARE_FINAL_TYPE (GstDeltaExtract, gst_delta_extract, GST, DELTA_EXTRACT, GstElement)

GST_ELEMENT_REGISTER_DECLARE (deltaextract);

G_END_DECLS
