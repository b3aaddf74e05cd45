/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From coded H.264 access units to pictures: parameter sets, slice headers and SEI messages are read with
 * gstreamer-codecparsers, slice data by src/h264.
 */
#pragma once

#include <gst/gst.h>
#include "result.h"

G_BEGIN_DECLS

typedef struct _DeltaH264 DeltaH264;

DeltaH264 *delta_h264_new (void);
void delta_h264_free (DeltaH264 * self);        /* NULL is fine */

/* Data was lost or the stream jumped: nothing before compares with anything after. */
void delta_h264_reset (DeltaH264 * self);

/* video/x-h264: stream-format and codec_data.  FALSE where they cannot be read. */
gboolean delta_h264_set_caps (DeltaH264 * self, const GstStructure * caps);

/* One access unit, or one field's, or both fields of a frame.  data must stay valid during the call only. */
void delta_h264_buffer (DeltaH264 * self, const guint8 * data, gsize size, DeltaResult * result);

G_END_DECLS
