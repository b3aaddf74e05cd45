/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Test help: a clip's coded buffers with what deltaextract says of them, and libavcodec for the same buffers, told to
 * export its motion vectors.
 */
#pragma once

#include <libavcodec/avcodec.h>
#include "clip.h"

typedef struct
{
  GBytes *data;
  GstDeltaPicture *picture;     /* NULL where there is none */
} Coded;

/* Of Coded, one for each buffer, in decoding order.  between: as in Clip.  NULL where the clip cannot be run, or has
 * none. */
GPtrArray *coded_read (const gchar * clip, const gchar * between);

/* One thread: what is exported depends on their number.  NULL where there is no such decoder. */
AVCodecContext *coded_decoder (enum AVCodecID codec);

/* Sends a buffer to a decoder, with pts; a buffer that it cannot decode is sent as well.  FALSE where it takes no more. */
gboolean coded_send (AVCodecContext * context, const Coded * coded, gint64 pts);
