/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "transfer-features.h"
#include "changes.h"
#include "clip-pipeline.h"
#include "formats.h"
#include "layout.h"
#include "step.h"
#include "upstream.h"

#include <gio/gio.h>
#include <gst/app/gstappsink.h>
#include <string.h>

typedef struct
{
  const TransferReading *how;
  const gchar *clip;
  GstDeltaCnnClassifier *classifier;
  GstDeltaCnnStepSettings settings;
  GstDeltaCnnChanges *changes;
  DcnFrameInfo info;
  ClipPipeline *pipeline;
  TransferProgress progress;
  gpointer user_data;
  guint seen, stride;
  gsize room;                   /* rows */
  TransferRows *rows;
} Read;

/* How long a clip is shows at its end: once there are too many rows, every second one
 * goes, and so does every second of the frames to come. */
static void
thin_out (Read * read)
{
  TransferRows *rows = read->rows;
  guint i;

  read->stride *= 2;
  for (i = 0; 2 * i < rows->n; i++) {
    memmove (rows->values + (gsize) i * rows->width,
        rows->values + (gsize) 2 * i * rows->width,
        rows->width * sizeof (float));
    rows->frames[i] = rows->frames[2 * i];
  }
  rows->n = i;
}

static void
keep (Read * read)
{
  TransferRows *rows = read->rows;
  const gfloat *outputs = gst_delta_cnn_classifier_get_outputs
      (read->classifier, &rows->width);

  if (rows->n == read->room) {
    read->room = MAX (32, read->room * 2);
    rows->values = g_renew (float, rows->values, read->room * rows->width);
    rows->frames = g_renew (guint, rows->frames, read->room);
  }
  memcpy (rows->values + (gsize) rows->n * rows->width, outputs,
      rows->width * sizeof (float));
  rows->frames[rows->n++] = read->seen;
  if (!read->how->step && rows->n > read->how->most)
    thin_out (read);
}

/* As the element does it: frames of another size are another stream. */
static gboolean
plan (Read * read, const DcnFrameInfo * info)
{
  GError *error = NULL;

  if (read->changes && memcmp (info, &read->info, sizeof *info) == 0)
    return TRUE;
  if (!gst_delta_cnn_classifier_set_frame (read->classifier, info, &error)) {
    g_prefix_error (&error, "%s: frames of %dx%d cannot be classified: ",
        read->clip, info->width, info->height);
    clip_pipeline_fail (read->pipeline, error);
    return FALSE;
  }
  g_clear_pointer (&read->changes, gst_delta_cnn_changes_free);
  read->changes = gst_delta_cnn_changes_new (info);
  read->info = *info;
  return TRUE;
}

/* Frames between those that are taken are as if the decoder had dropped them: coding
 * pictures compare across them. */
static gboolean
take_buffer (Read * read, GstPad * pad, const GstVideoInfo * info,
    GstBuffer * buffer)
{
  GstVideoFrame mapped;
  GstDeltaCnnVisible visible;
  GstDeltaCnnInput input;
  GstDeltaCnnStep step;
  DcnFrameInfo frame_info;
  DcnFrame samples;
  const gchar *why;
  gboolean ok;

  /* as in the element, such a frame passes without a result */
  if (!gst_delta_cnn_layout_map (info, buffer, &mapped))
    return TRUE;
  gst_delta_cnn_formats_visible (info, buffer, GST_VIDEO_FRAME_WIDTH (&mapped),
      GST_VIDEO_FRAME_HEIGHT (&mapped), &visible);
  ok = gst_delta_cnn_formats_describe (info, &visible, &frame_info)
      && plan (read, &frame_info);
  if (ok) {
    gst_delta_cnn_formats_planes (&mapped, &visible, &samples);
    gst_delta_cnn_step_input (buffer, &samples, &input);
    if (input.picture)
      input.untouched = gst_delta_cnn_upstream_untouched (pad, &why);
    gst_delta_cnn_step (read->changes, read->classifier, &read->settings,
        &input, &step);
    keep (read);
  }
  gst_video_frame_unmap (&mapped);
  return ok;
}

static GstFlowReturn
on_sample (GstAppSink * sink, gpointer user_data)
{
  Read *read = user_data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  GstVideoInfo info;
  GstPad *pad;
  gboolean ok = TRUE;

  if (!sample)
    return GST_FLOW_OK;
  if (g_atomic_int_get (read->how->interrupted)) {
    clip_pipeline_end (read->pipeline);
  } else if (gst_video_info_from_caps (&info, gst_sample_get_caps (sample))) {
    pad = gst_element_get_static_pad (GST_ELEMENT (sink), "sink");
    if (read->seen % read->stride == 0)
      ok = take_buffer (read, pad, &info, gst_sample_get_buffer (sample));
    gst_object_unref (pad);
    read->seen++;
    if (read->progress)
      read->progress (read->seen, read->user_data);
  }
  gst_sample_unref (sample);
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
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
transfer_read (GstDeltaCnnClassifier * classifier, const TransferReading * how,
    const gchar * clip, TransferProgress progress, gpointer user_data,
    TransferRows * rows, GError ** error)
{
  Read read = { 0 };
  gboolean ok;

  memset (rows, 0, sizeof *rows);
  read.how = how;
  read.clip = clip;
  read.classifier = classifier;
  read.settings.source = GST_DELTA_CNN_SOURCE_AUTO;
  read.settings.mode = GST_DELTA_CNN_MODE_DELTA;
  read.settings.top_k = 1;
  read.settings.threads = how->threads;
  read.progress = progress;
  read.user_data = user_data;
  read.stride = how->step ? how->step : 1;
  read.rows = rows;
  read.pipeline = clip_pipeline_new (clip, add_sink, &read, error);
  if (!read.pipeline)
    return FALSE;
  ok = clip_pipeline_run (read.pipeline, error);
  if (clip_pipeline_interrupted (read.pipeline))
    g_atomic_int_set (how->interrupted, TRUE);
  clip_pipeline_free (read.pipeline);
  g_clear_pointer (&read.changes, gst_delta_cnn_changes_free);
  if (g_atomic_int_get (how->interrupted)) {
    g_clear_error (error);
    ok = FALSE;
  } else if (ok && rows->n == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", clip);
    ok = FALSE;
  }
  if (!ok)
    transfer_rows_clear (rows);
  return ok;
}
