/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "coded.h"

#include <string.h>

static void
coded_free (gpointer pointer)
{
  Coded *coded = pointer;

  g_bytes_unref (coded->data);
  if (coded->picture)
    gst_delta_picture_unref (coded->picture);
  g_free (coded);
}

static void
on_coded (GstBuffer * buffer, gpointer user_data)
{
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (buffer);
  Coded *coded = g_new0 (Coded, 1);
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_READ);
  coded->data = g_bytes_new (map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  if (meta)
    coded->picture = gst_delta_picture_ref (meta->picture);
  g_ptr_array_add (user_data, coded);
}

GPtrArray *
coded_read (const gchar * name, const gchar * between)
{
  GPtrArray *all = g_ptr_array_new_with_free_func (coded_free);
  Clip clip = {.clip = name,.between = between,.coded = on_coded,
    .user_data = all
  };

  if (clip_run (&clip, NULL) && all->len > 0)
    return all;
  g_ptr_array_unref (all);
  return NULL;
}

AVCodecContext *
coded_decoder (enum AVCodecID id)
{
  const AVCodec *codec = avcodec_find_decoder (id);
  AVCodecContext *context = avcodec_alloc_context3 (codec);

  context->thread_count = 1;
  context->flags2 |= AV_CODEC_FLAG2_EXPORT_MVS;
  context->export_side_data |= AV_CODEC_EXPORT_DATA_MVS;
  if (avcodec_open2 (context, codec, NULL) < 0)
    avcodec_free_context (&context);
  return context;
}

gboolean
coded_send (AVCodecContext * context, const Coded * coded, gint64 pts)
{
  AVPacket *packet = av_packet_alloc ();
  gsize size;
  const guint8 *data = g_bytes_get_data (coded->data, &size);
  int ret = av_new_packet (packet, size);

  if (ret >= 0) {
    memcpy (packet->data, data, size);
    packet->pts = pts;
    ret = avcodec_send_packet (context, packet);
  }
  av_packet_free (&packet);
  return ret >= 0 || ret == AVERROR_INVALIDDATA;
}
