/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pipeline of deltacnn-run behind the decoder.
 */
#include "pipeline.h"
#include "common/clip-pipeline.h"
#include "gstdeltacnnmeta.h"

#include <gio/gio.h>
#include <gst/app/gstappsink.h>

#define SHEET_CELL_WIDTH 240

typedef struct
{
  const RunSettings *settings;
  RunResult *result;
  ClipPipeline *pipeline;
  gboolean ending;
  GstClockTime first_pts;
} Run;

void
run_result_free (RunResult * result)
{
  g_array_unref (result->frames);
  g_free (result);
}

/* After deltacnn: the frame's results, in display order. */
static GstPadProbeReturn
on_result (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Run *run = user_data;
  const RunSettings *settings = run->settings;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (buffer);
  RunFrame frame = { 0 };
  gboolean last;

  if (run->ending)
    return GST_PAD_PROBE_DROP;
  frame.number = run->result->frames->len;
  if (GST_BUFFER_PTS_IS_VALID (buffer)
      && !GST_CLOCK_TIME_IS_VALID (run->first_pts))
    run->first_pts = GST_BUFFER_PTS (buffer);
  frame.time = GST_BUFFER_PTS_IS_VALID (buffer)
      && GST_BUFFER_PTS (buffer) >= run->first_pts ?
      GST_BUFFER_PTS (buffer) - run->first_pts : GST_CLOCK_TIME_NONE;
  frame.label = "";
  if (meta) {
    frame.picture_type = meta->picture_type;
    frame.reuse = meta->reuse;
    frame.redone = meta->redone;
    frame.changed = meta->changed;
    frame.multiplies = meta->multiplies;
    frame.time_tensor = meta->time_tensor;
    frame.time_network = meta->time_network;
    if (meta->n_results > 0) {
      gchar number[16];

      g_snprintf (number, sizeof number, "class %u", meta->results[0].index);
      frame.index = meta->results[0].index;
      frame.label = g_intern_string (meta->results[0].label ?
          meta->results[0].label : number);
      frame.confidence = meta->results[0].confidence;
    }
  }
  g_array_append_val (run->result->frames, frame);
  if (settings->frame_func)
    settings->frame_func (&frame, settings->user_data);
  last = settings->max_frames > 0
      && run->result->frames->len >= (guint) settings->max_frames;
  if (last) {
    run->ending = TRUE;
    /* to all that is behind; the source is stopped with the pipeline */
    clip_pipeline_end (run->pipeline);
  }
  return GST_PAD_PROBE_OK;
}

/* Before the contact sheet's scaler: only the wanted frames pass. */
static GstPadProbeReturn
on_sheet_frame (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Run *run = user_data;

  return contact_sheet_wants (run->settings->sheet) ?
      GST_PAD_PROBE_OK : GST_PAD_PROBE_DROP;
}

static GstFlowReturn
on_sheet_sample (GstAppSink * sink, gpointer user_data)
{
  Run *run = user_data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  GstBuffer *buffer;
  GstDeltaCnnMeta *meta;
  GstVideoInfo info;
  GstVideoFrame frame;

  if (!sample)
    return GST_FLOW_OK;
  buffer = gst_sample_get_buffer (sample);
  if (gst_video_info_from_caps (&info, gst_sample_get_caps (sample))
      && gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ)) {
    GString *caption = g_string_new (NULL);

    g_string_printf (caption, "%.2f s", GST_BUFFER_PTS_IS_VALID (buffer)
        && GST_BUFFER_PTS (buffer) >= run->first_pts ?
        (GST_BUFFER_PTS (buffer) - run->first_pts) / 1e9 : 0.0);
    meta = gst_buffer_get_delta_cnn_meta (buffer);
    if (meta && meta->n_results > 0)
      g_string_append_printf (caption,
          "  %s %.2f\nwork %s%.0f %%, %.0f %% of blocks changed",
          meta->results[0].label ? meta->results[0].label : "",
          meta->results[0].confidence,
          /* none is nothing at all, here as in deltaoverlay */
          meta->multiplies > 0 && meta->multiplies < 0.005 ? "<" : "",
          meta->multiplies > 0 ? MAX (1, meta->multiplies * 100) : 0,
          meta->changed * 100);
    contact_sheet_add (run->settings->sheet, &frame, caption->str);
    g_string_free (caption, TRUE);
    gst_video_frame_unmap (&frame);
  }
  gst_sample_unref (sample);
  return GST_FLOW_OK;
}

/* The annotated video.  Matroska takes any frame rate; sizes are made even
 * because 4:2:0 encoders ask for it. */
/* Containers hold pictures of one size: where the clip's changes, the later ones are scaled to
 * that of the first. */
static GstPadProbeReturn
hold_size (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  GstEvent *event = GST_PAD_PROBE_INFO_EVENT (info);
  GstElement *filter;
  GstCaps *caps, *held;
  gint width, height;

  if (GST_EVENT_TYPE (event) != GST_EVENT_CAPS)
    return GST_PAD_PROBE_OK;
  gst_event_parse_caps (event, &caps);
  if (!gst_structure_get_int (gst_caps_get_structure (caps, 0), "width",
          &width) || !gst_structure_get_int (gst_caps_get_structure (caps, 0),
          "height", &height))
    return GST_PAD_PROBE_OK;
  filter = gst_pad_get_parent_element (pad);
  held = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING, "I420",
      "width", G_TYPE_INT, width, "height", G_TYPE_INT, height, NULL);
  g_object_set (filter, "caps", held, NULL);
  gst_caps_unref (held);
  gst_object_unref (filter);
  return GST_PAD_PROBE_REMOVE;
}

static gboolean
add_video_branch (Run * run, GstElement * tee)
{
  static const gchar *const encoders[] = {
    "x264enc",
    "x264enc speed-preset=veryfast pass=qual quantizer=23 ! h264parse",
    "openh264enc", "openh264enc bitrate=2500000 ! h264parse",
    "avenc_mpeg4", "avenc_mpeg4 bitrate=2500000",
    "jpegenc", "jpegenc",
  };
  const gchar *encoder = NULL;
  GstElement *bin, *sink, *filter;
  GstPad *pad;
  gchar *description;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (encoders) && !encoder; i += 2)
    if (clip_pipeline_have_factory (encoders[i]))
      encoder = encoders[i + 1];
  if (!encoder) {
    clip_pipeline_fail (run->pipeline, g_error_new (G_IO_ERROR,
            G_IO_ERROR_FAILED,
            "no video encoder is installed for the annotated video "
            "(pipelines/install-deps.sh installs one; --no-video does without)"));
    return FALSE;
  }
  description = g_strdup_printf ("queue ! videoconvert ! videoscale "
      "! capsfilter name=size "
      "caps=\"video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2]\" "
      "! %s ! matroskamux ! filesink name=file async=false", encoder);
  bin = clip_pipeline_add_bin (run->pipeline, tee, description);
  g_free (description);
  if (!bin)
    return FALSE;
  sink = gst_bin_get_by_name (GST_BIN (bin), "file");
  g_object_set (sink, "location", run->settings->video, NULL);
  gst_object_unref (sink);
  filter = gst_bin_get_by_name (GST_BIN (bin), "size");
  pad = gst_element_get_static_pad (filter, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, hold_size, NULL,
      NULL);
  gst_object_unref (pad);
  gst_object_unref (filter);
  return gst_element_sync_state_with_parent (bin);
}

static gboolean
add_sheet_branch (Run * run, GstElement * tee)
{
  GstAppSinkCallbacks callbacks = { NULL };
  GstElement *bin, *sink;
  gchar *description;
  GstPad *pad;

  /* deltaoverlay may have attached its drawing: videoconvert keeps the result
   * meta, which the caption needs */
  description =
      g_strdup_printf ("queue ! identity name=pick ! videoconvert ! videoscale "
      "! video/x-raw,format=BGRx,width=%d,pixel-aspect-ratio=1/1 "
      "! appsink name=sheet sync=false async=false", SHEET_CELL_WIDTH);
  bin = clip_pipeline_add_bin (run->pipeline, tee, description);
  g_free (description);
  if (!bin)
    return FALSE;
  sink = gst_bin_get_by_name (GST_BIN (bin), "pick");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_sheet_frame, run, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  sink = gst_bin_get_by_name (GST_BIN (bin), "sheet");
  callbacks.new_sample = on_sheet_sample;
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, run, NULL);
  gst_object_unref (sink);
  return gst_element_sync_state_with_parent (bin);
}

/* Everything behind the decoder. */
static GstElement *
add_classifier (ClipPipeline * pipeline, gpointer user_data)
{
  Run *run = user_data;
  const RunSettings *settings = run->settings;
  GstElement *convert, *cnn, *overlay, *tee, *sink;
  GstPad *pad;

  /* converts only what deltacnn does not take (10 bits, packed YUV) */
  convert = clip_pipeline_make (run->pipeline, "videoconvert");
  cnn = clip_pipeline_make (run->pipeline, "deltacnn");
  if (!convert || !cnn)
    return NULL;
  clip_pipeline_set_speaker (run->pipeline, cnn);
  g_object_set (cnn, "model-file", settings->model, "tolerance",
      settings->tolerance, "margin", settings->margin, "threads",
      settings->threads, NULL);
  if (settings->labels)
    g_object_set (cnn, "labels-file", settings->labels, NULL);
  if (settings->source)
    gst_util_set_object_arg (G_OBJECT (cnn), "source", settings->source);
  gst_util_set_object_arg (G_OBJECT (cnn), "mode",
      settings->dense ? "dense" : "delta");
  if (!gst_element_link (convert, cnn))
    return NULL;
  pad = gst_element_get_static_pad (cnn, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_result, run, NULL);
  gst_object_unref (pad);

  if (settings->video || settings->sheet) {
    overlay = clip_pipeline_make (run->pipeline, "deltaoverlay");
    tee = clip_pipeline_make (run->pipeline, "tee");
    if (!overlay || !tee || !gst_element_link_many (cnn, overlay, tee, NULL))
      return NULL;
    if (settings->show_blocks)
      gst_util_set_object_arg (G_OBJECT (overlay), "show",
          "labels+stats+blocks");
    if (settings->video && !add_video_branch (run, tee))
      return NULL;
    if (settings->sheet && !add_sheet_branch (run, tee))
      return NULL;
    gst_element_sync_state_with_parent (tee);
    gst_element_sync_state_with_parent (overlay);
  } else {
    sink = clip_pipeline_make (run->pipeline, "fakesink");
    if (!sink || !gst_element_link (cnn, sink))
      return NULL;
    g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
    gst_element_sync_state_with_parent (sink);
  }
  /* a model that cannot be used makes this fail, with a message on the bus */
  if (!gst_element_sync_state_with_parent (cnn))
    return NULL;
  gst_element_sync_state_with_parent (convert);
  return convert;
}

RunResult *
run_pipeline (const RunSettings * settings, GError ** error)
{
  Run run = { 0 };
  RunResult *result;

  run.pipeline = clip_pipeline_new (settings->clip, add_classifier, &run,
      error);
  if (!run.pipeline)
    return NULL;
  run.settings = settings;
  run.first_pts = GST_CLOCK_TIME_NONE;
  run.result = result = g_new0 (RunResult, 1);
  result->frames = g_array_new (FALSE, TRUE, sizeof (RunFrame));
  if (!clip_pipeline_run (run.pipeline, error))
    goto failed;
  result->seconds = clip_pipeline_seconds (run.pipeline);
  result->extract_seconds = clip_pipeline_extract_seconds (run.pipeline);
  result->coded = clip_pipeline_is_coded (run.pipeline);
  result->interrupted = clip_pipeline_interrupted (run.pipeline);
  if (result->frames->len == 0) {
    if (result->interrupted)
      goto failed;
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", settings->clip);
    goto failed;
  }
  clip_pipeline_free (run.pipeline);
  return result;

failed:
  clip_pipeline_free (run.pipeline);
  run_result_free (result);
  return NULL;
}
