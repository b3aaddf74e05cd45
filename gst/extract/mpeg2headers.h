/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From coded MPEG-1 and MPEG-2 video buffers to pictures: the headers down to the picture coding extension
 * are read with gstreamer-codecparsers, the slices by src/mpeg2.
 */
#pragma once

#include <gst/gst.h>
#include "result.h"

G_BEGIN_DECLS

typedef struct _DeltaMpeg2 DeltaMpeg2;

DeltaMpeg2 *delta_mpeg2_new (void);
void delta_mpeg2_free (DeltaMpeg2 * self);      /* NULL is fine */

/* Data was lost or the stream jumped: nothing before compares with anything after. */
void delta_mpeg2_reset (DeltaMpeg2 * self);

/* There are other caps, so that decoders are started anew; behind delta_mpeg2_reset(). */
void delta_mpeg2_new_caps (DeltaMpeg2 * self);

/* Headers outside of the stream (codec_data of the caps): a sequence header and its extensions. */
void delta_mpeg2_headers (DeltaMpeg2 * self, const guint8 * data, gsize size);

/* One buffer: whole pictures, or the fields of one.  data must stay valid during the call only. */
void delta_mpeg2_buffer (DeltaMpeg2 * self, const guint8 * data, gsize size, DeltaResult * result);

G_END_DECLS
