/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-frames.h"
#include "clip-pipeline.h"
#include "formats.h"
#include "upstream.h"

#include <gio/gio.h>
#include <gst/app/gstappsink.h>
#include <unistd.h>

typedef struct
{
  ClipFrames *frames;
  guint max_frames;
  guint64 bytes, max_bytes;
  ClipPipeline *pipeline;
  ClipFramesProgress progress;
  gpointer user_data;
  gboolean ending;
} Load;

static GstFlowReturn
on_sample (GstAppSink * sink, gpointer user_data)
{
  Load *load = user_data;
  ClipFrames *frames = load->frames;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  const gchar *why;
  GstPad *pad;

  if (!sample)
    return GST_FLOW_OK;
  if (load->ending) {
    gst_sample_unref (sample);
    return GST_FLOW_OK;
  }
  /* the pipeline may change on the way: every frame counts */
  pad = gst_element_get_static_pad (GST_ELEMENT (sink), "sink");
  frames->untouched &= gst_delta_cnn_upstream_untouched (pad, &why);
  gst_object_unref (pad);
  load->bytes += gst_buffer_get_size (gst_sample_get_buffer (sample));
  g_ptr_array_add (frames->samples, sample);
  if (load->progress)
    load->progress (frames->samples->len, load->user_data);
  frames->memory_full = load->bytes > load->max_bytes;
  if (frames->samples->len == load->max_frames || frames->memory_full) {
    load->ending = TRUE;
    clip_pipeline_end (load->pipeline);
  }
  return GST_FLOW_OK;
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

ClipFrames *
clip_frames_load (const gchar * clip, guint max_frames,
    ClipFramesProgress progress, gpointer user_data, GError ** error)
{
  Load load = { 0 };
  ClipFrames *frames;
  gboolean ok;

  load.pipeline = clip_pipeline_new (clip, add_sink, &load, error);
  if (!load.pipeline)
    return NULL;
  load.frames = frames = g_new0 (ClipFrames, 1);
  load.max_frames = max_frames;
  load.max_bytes = (guint64) sysconf (_SC_PHYS_PAGES) / 4
      * (guint64) sysconf (_SC_PAGESIZE);
  load.progress = progress;
  load.user_data = user_data;
  frames->samples = g_ptr_array_new_with_free_func (
      (GDestroyNotify) gst_sample_unref);
  frames->untouched = TRUE;
  ok = clip_pipeline_run (load.pipeline, error);
  frames->coded = clip_pipeline_is_coded (load.pipeline);
  frames->interrupted = clip_pipeline_interrupted (load.pipeline);
  clip_pipeline_free (load.pipeline);
  if (ok && frames->samples->len == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", clip);
    ok = FALSE;
  }
  if (ok)
    return frames;
  clip_frames_free (frames);
  return NULL;
}

void
clip_frames_free (ClipFrames * frames)
{
  if (!frames)
    return;
  g_ptr_array_unref (frames->samples);
  g_free (frames);
}
