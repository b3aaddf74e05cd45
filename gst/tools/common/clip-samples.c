/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-samples.h"
#include "clip-pipeline.h"
#include "formats.h"

#include <gio/gio.h>
#include <gst/app/gstappsink.h>

typedef struct
{
  const gchar *clip;
  ClipPipeline *pipeline;
  ClipSampleFunc func;
  gpointer user_data;
  guint n;
  gboolean ending;              /* no more are wanted */
} Reader;

static GstFlowReturn
on_sample (GstAppSink * sink, gpointer user_data)
{
  Reader *reader = user_data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  GError *error = NULL;
  GstPad *pad;

  if (!sample)
    return GST_FLOW_OK;
  if (!reader->ending) {
    pad = gst_element_get_static_pad (GST_ELEMENT (sink), "sink");
    reader->n++;
    reader->ending = !reader->func (pad, sample, reader->user_data, &error);
    gst_object_unref (pad);
    if (error) {
      g_prefix_error (&error, "%s: ", reader->clip);
      clip_pipeline_fail (reader->pipeline, error);
    } else if (reader->ending) {
      clip_pipeline_end (reader->pipeline);
    }
  }
  gst_sample_unref (sample);
  return error ? GST_FLOW_ERROR : GST_FLOW_OK;
}

static GstElement *
add_sink (ClipPipeline * pipeline, gpointer user_data)
{
  GstAppSinkCallbacks callbacks = { NULL };
  GstElement *convert = clip_pipeline_make (pipeline, "videoconvert");
  GstElement *sink = clip_pipeline_make (pipeline, "appsink");
  GstCaps *caps;

  if (!convert || !sink)
    return NULL;
  caps = gst_caps_from_string ("video/x-raw,format=" GST_DELTA_CNN_FORMATS);
  g_object_set (sink, "caps", caps, "sync", FALSE, "async", FALSE, NULL);
  gst_caps_unref (caps);
  callbacks.new_sample = on_sample;
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, user_data, NULL);
  if (!gst_element_link (convert, sink))
    return NULL;
  gst_element_sync_state_with_parent (sink);
  gst_element_sync_state_with_parent (convert);
  return convert;
}

gboolean
clip_samples_read (const gchar * clip, ClipSampleFunc func,
    gpointer user_data, ClipSamples * read, GError ** error)
{
  Reader reader = { clip, NULL, func, user_data, 0, FALSE };
  gboolean ok;

  read->n = 0;
  read->coded = read->interrupted = FALSE;
  reader.pipeline = clip_pipeline_new (clip, add_sink, &reader, error);
  if (!reader.pipeline)
    return FALSE;
  ok = clip_pipeline_run (reader.pipeline, error);
  read->n = reader.n;
  read->coded = clip_pipeline_is_coded (reader.pipeline);
  read->interrupted = clip_pipeline_interrupted (reader.pipeline);
  clip_pipeline_free (reader.pipeline);
  if (ok && read->n == 0 && !read->interrupted) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", clip);
    ok = FALSE;
  }
  return ok;
}
