/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "playing.h"

const gchar *const playing_needed[] = { "filesrc", "matroskademux",
  "mpegvideoparse", "avdec_mpeg2video", NULL
};

GstElement *
playing_find (GstElement * pipeline, const gchar * name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  g_assert_nonnull (element);
  gst_object_unref (element);   /* the pipeline keeps it */
  return element;
}

void
playing_probe (GstElement * pipeline, const gchar * name,
    const gchar * pad_name, GstPadProbeCallback callback, gpointer data)
{
  GstPad *pad =
      gst_element_get_static_pad (playing_find (pipeline, name), pad_name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, data, NULL);
  gst_object_unref (pad);
}

void
playing_finish (GstElement * pipeline, Twins * twins, guint least)
{
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_test_message ("%u frames: %u full, %u partial, %u reused; worst %g",
      twins->frames, twins->full, twins->partial, twins->reused, twins->worst);
  if (twins->wrong)
    g_error ("%u of %u frames are wrong, the first is %u", twins->wrong,
        twins->frames, twins->first_wrong);
  g_assert_cmpuint (twins->frames, >=, least);
  twins_clear (twins);
}

/* A parsed pipeline links a demuxer once; after a restart its pad is another. */
static void
link_again (GstElement * demux, GstPad * pad, GstElement * parser)
{
  GstPad *sink = gst_element_get_static_pad (parser, "sink");

  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
  gst_object_unref (sink);
}

GstElement *
playing_twins (Twins * twins, const gchar * source)
{
  const gchar *clip = test_moving_clip ();
  const gchar *tiny = test_file ("tiny.onnx");
  GstElement *pipeline;

  if (!clip || !test_have (playing_needed))
    return NULL;
  twins_init (twins);
  pipeline = test_pipeline (FROM_MKV " ! deltacnn name=delta source=%s "
      "top-k=100 threads=1 model-file=%s ! deltacnn name=dense mode=dense "
      "top-k=100 threads=1 model-file=%s ! fakesink name=sink sync=false", clip,
      source, tiny, tiny);
  g_signal_connect (playing_find (pipeline, "demux"), "pad-added",
      G_CALLBACK (link_again), playing_find (pipeline, "parser"));
  twins_watch (twins, pipeline);
  return pipeline;
}
