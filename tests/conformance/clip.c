/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip.h"
#include <gst/app/gstappsink.h>

static GstPadProbeReturn
on_coded (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  const Clip *clip = user_data;

  clip->coded (GST_PAD_PROBE_INFO_BUFFER (info), clip->user_data);
  return GST_PAD_PROBE_OK;
}

static gboolean
has_suffix (const gchar * name, const gchar * const *suffixes)
{
  for (; *suffixes; suffixes++)
    if (g_str_has_suffix (name, *suffixes))
      return TRUE;
  return FALSE;
}

/* How Matroska and MP4 name H.264. */
static gboolean
names_h264 (const gchar * path)
{
  static const gchar *names[] = { "V_MPEG4/ISO/AVC", "avcC" };
  gchar *data;
  gsize size, i;
  gboolean found = FALSE;

  if (!g_file_get_contents (path, &data, &size, NULL))
    return FALSE;
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    found |= memmem (data, size, names[i], strlen (names[i])) != NULL;
  g_free (data);
  return found;
}

gboolean
clip_is_h264 (const gchar * clip)
{
  static const gchar *h264[] =
      { ".264", ".h264", ".avc", ".jsv", ".26l", ".jvt", ".h264.ts", NULL };
  static const gchar *any[] = { ".mp4", ".mkv", NULL };

  return has_suffix (clip, h264) || (has_suffix (clip, any)
      && names_h264 (clip));
}

/* As deltacnn does: decoders then say where the planes of their frames are. */
static GstPadProbeReturn
on_query (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  GstQuery *query = GST_PAD_PROBE_INFO_QUERY (info);

  if (GST_QUERY_TYPE (query) != GST_QUERY_ALLOCATION)
    return GST_PAD_PROBE_OK;
  gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return GST_PAD_PROBE_HANDLED;
}

gboolean
clip_run (const Clip * clip, GstStructure ** stats)
{
  /* A damaged stream must not be left to type finding. */
  static const gchar *elementary[] = { ".m2v", ".m1v", ".mpeg2", ".mpv", ".264",
    ".h264", ".avc", ".jsv", ".26l", ".jvt", NULL
  };
  gboolean raw = has_suffix (clip->clip, elementary);
  const gchar *parser = clip_is_h264 (clip->clip) ?
      "h264parse ! video/x-h264,alignment=au" : "mpegvideoparse";
  GError *error = NULL;
  GstElement *pipeline, *extract, *sink;
  GstPad *pad;
  GstBus *bus;
  GstMessage *message;
  gboolean ok = TRUE;
  guint frames = 0;
  gchar *launch = g_strdup_printf ("filesrc name=source ! %s %s ! "
      "%s%s deltaextract name=extract ! %s ! appsink name=sink sync=false max-buffers=8",
      raw ? "" : "parsebin !", parser, clip->between ? clip->between : "",
      clip->between ? " !" : "",
      clip->decoder ? clip->decoder : "identity silent=true");

  pipeline = gst_parse_launch (launch, &error);
  g_free (launch);
  if (!pipeline || error) {
    g_printerr ("cannot build the pipeline: %s\n", error->message);
    g_clear_error (&error);
    gst_clear_object (&pipeline);
    return FALSE;
  }
  extract = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_object_set (extract, "location", clip->clip, NULL);
  gst_object_unref (extract);
  extract = gst_bin_get_by_name (GST_BIN (pipeline), "extract");
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  if (clip->coded) {
    pad = gst_element_get_static_pad (extract, "src");
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_coded,
        (gpointer) clip, NULL);
    gst_object_unref (pad);
  }

  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM, on_query, NULL,
      NULL);
  gst_object_unref (pad);

  if (clip->built)
    clip->built (extract, clip->user_data);

  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (clip->max_frames == 0 || frames < clip->max_frames) {
    GstSample *sample =
        gst_app_sink_try_pull_sample (GST_APP_SINK (sink), 50 * GST_MSECOND);

    if (sample) {
      GstBuffer *buffer = gst_sample_get_buffer (sample);
      GstVideoInfo info;

      if (clip->frame && gst_video_info_from_caps (&info,
              gst_sample_get_caps (sample))) {
        GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (buffer);

        clip->frame (buffer, &info, meta ? meta->picture : NULL,
            clip->user_data);
      }
      gst_sample_unref (sample);
      frames++;
      continue;
    }
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (!message)
      continue;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (message, &error, NULL);
      g_printerr ("%s: %s\n", clip->clip, error->message);
      g_clear_error (&error);
      ok = FALSE;
    }
    gst_message_unref (message);
    break;
  }
  if (clip->caps) {
    pad = gst_element_get_static_pad (extract, "src");
    *clip->caps = gst_pad_get_current_caps (pad);
    gst_object_unref (pad);
  }
  if (stats)
    g_object_get (extract, "stats", stats, NULL);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (sink);
  gst_object_unref (extract);
  gst_object_unref (pipeline);
  return ok;
}
