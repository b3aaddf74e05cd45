/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pipeline of deltacnn-run.  It is built as the streams of the file show
 * up: only the first video stream is used.
 */
#include "run-pipeline.h"
#include "plugin.h"
#include "gstdeltacnnmeta.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <gst/app/gstappsink.h>

#define SHEET_CELL_WIDTH 240

typedef struct
{
  const RunSettings *settings;
  RunResult *result;
  GMainLoop *loop;
  GstElement *pipeline, *extract, *cnn;
  GMutex lock;
  /* protected by lock */
  gboolean linked;              /* a video stream was taken */
  gboolean ending;
  GstClockTime first_pts;
  gint64 start;                 /* monotonic time of the first data */
  gint64 end;
  GError *error;
  gchar *other_streams;         /* what was found but not used */
} Run;

gboolean
run_pipeline_setup (void)
{
  return deltacnn_elements_register (NULL);
}

void
run_result_free (RunResult * result)
{
  g_array_unref (result->frames);
  g_free (result);
}

/* Takes error over; the first one counts. */
static void
run_fail (Run * run, GError * error)
{
  g_mutex_lock (&run->lock);
  if (run->error)
    g_error_free (error);
  else
    run->error = error;
  g_mutex_unlock (&run->lock);
  /* not g_main_loop_quit(): the loop may not run yet */
  gst_element_post_message (run->pipeline,
      gst_message_new_application (GST_OBJECT (run->pipeline),
          gst_structure_new_empty ("failed")));
}

static void
send_eos (GstElement * pipeline, gpointer user_data)
{
  gst_element_send_event (pipeline, gst_event_new_eos ());
}

static GstElement *
make (Run * run, const gchar * factory)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (!element) {
    run_fail (run, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "the GStreamer element '%s' is missing "
            "(pipelines/install-deps.sh installs what is needed)", factory));
    return NULL;
  }
  gst_bin_add (GST_BIN (run->pipeline), element);
  return element;
}

static GstPadProbeReturn
on_first_data (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Run *run = user_data;

  run->start = g_get_monotonic_time ();
  return GST_PAD_PROBE_REMOVE;
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
    gst_element_call_async (run->pipeline, send_eos, NULL, NULL);
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
          "  %s %.2f\nwork %.0f %%, %.0f %% of blocks changed",
          meta->results[0].label ? meta->results[0].label : "",
          meta->results[0].confidence, meta->multiplies * 100,
          meta->changed * 100);
    contact_sheet_add (run->settings->sheet, &frame, caption->str);
    g_string_free (caption, TRUE);
    gst_video_frame_unmap (&frame);
  }
  gst_sample_unref (sample);
  return GST_FLOW_OK;
}

static gboolean
have_factory (const gchar * name)
{
  GstElementFactory *factory = gst_element_factory_find (name);

  if (!factory)
    return FALSE;
  gst_object_unref (factory);
  return TRUE;
}

/* A bin from a description, linked after `before`.  FALSE after run_fail(). */
static GstElement *
add_bin (Run * run, GstElement * before, const gchar * description)
{
  GError *error = NULL;
  GstElement *bin = gst_parse_bin_from_description (description, TRUE, &error);

  if (error) {
    run_fail (run, error);
    if (bin)
      gst_object_unref (gst_object_ref_sink (bin));
    return NULL;
  }
  gst_bin_add (GST_BIN (run->pipeline), bin);
  if (!gst_element_link (before, bin)) {
    run_fail (run, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "cannot link to '%s'", description));
    return NULL;
  }
  return bin;
}

/* The annotated video.  Matroska takes any frame rate; sizes are made even
 * because 4:2:0 encoders ask for it. */
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
  GstElement *bin, *sink;
  gchar *description;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (encoders) && !encoder; i += 2)
    if (have_factory (encoders[i]))
      encoder = encoders[i + 1];
  if (!encoder) {
    run_fail (run, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "no video encoder is installed for the annotated video "
            "(pipelines/install-deps.sh installs one; --no-video does without)"));
    return FALSE;
  }
  description = g_strdup_printf ("queue ! videoconvert ! videoscale "
      "! video/x-raw,format=I420,width=[2,16384,2],height=[2,16384,2] "
      "! %s ! matroskamux ! filesink name=file async=false", encoder);
  bin = add_bin (run, tee, description);
  g_free (description);
  if (!bin)
    return FALSE;
  sink = gst_bin_get_by_name (GST_BIN (bin), "file");
  g_object_set (sink, "location", run->settings->video, NULL);
  gst_object_unref (sink);
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
  bin = add_bin (run, tee, description);
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

/* Everything behind the decoder, from its last element to its first, so that
 * each is ready when data reaches it.  Returns the first one. */
static GstElement *
add_classifier (Run * run)
{
  const RunSettings *settings = run->settings;
  GstElement *convert, *cnn, *overlay, *tee, *sink;
  GstPad *pad;

  /* converts only what deltacnn does not take (10 bits, packed YUV) */
  convert = make (run, "videoconvert");
  cnn = make (run, "deltacnn");
  if (!convert || !cnn)
    return NULL;
  run->cnn = cnn;
  g_object_set (cnn, "model-file", settings->model, "tolerance",
      settings->tolerance, "threads", settings->threads, NULL);
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
    overlay = make (run, "deltaoverlay");
    tee = make (run, "tee");
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
    sink = make (run, "fakesink");
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

static void
on_decoded_pad (GstElement * decoder, GstPad * pad, gpointer user_data)
{
  GstElement *next = user_data;
  GstPad *sink = gst_element_get_static_pad (next, "sink");

  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
  gst_object_unref (sink);
}

static void
on_stream_pad (GstElement * parsebin, GstPad * pad, gpointer user_data)
{
  Run *run = user_data;
  GstCaps *caps = gst_pad_get_current_caps (pad);
  const GstStructure *s;
  const gchar *name;
  GstElement *first = NULL, *decoder, *next;
  GstPad *sink;
  GstCaps *mpeg;
  gboolean taken, readable;

  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  if (gst_caps_is_empty (caps) || gst_caps_is_any (caps)) {
    gst_caps_unref (caps);
    return;
  }
  s = gst_caps_get_structure (caps, 0);
  name = gst_structure_get_name (s);
  g_mutex_lock (&run->lock);
  taken = run->linked;
  if (!taken && g_str_has_prefix (name, "video/")) {
    run->linked = TRUE;
  } else {
    gchar *old = run->other_streams;

    run->other_streams = old ? g_strdup_printf ("%s, %s", old, name) :
        g_strdup (name);
    g_free (old);
    taken = TRUE;
  }
  g_mutex_unlock (&run->lock);
  if (taken) {
    gst_caps_unref (caps);
    return;
  }

  /* the parser may not have fixed its caps yet: 1 or 2 */
  mpeg = gst_caps_from_string ("video/mpeg, mpegversion=(int)[1,2], "
      "systemstream=(boolean)false");
  readable = gst_caps_can_intersect (caps, mpeg);
  gst_caps_unref (mpeg);
  if (!(next = add_classifier (run)))
    goto failed;
  if (readable) {
    first = make (run, "deltaextract");
    decoder = make (run, have_factory ("avdec_mpeg2video") ?
        "avdec_mpeg2video" : "mpeg2dec");
    if (!first || !decoder
        || !gst_element_link_many (first, decoder, next, NULL))
      goto failed;
    run->extract = first;
    run->result->coded = TRUE;
    gst_element_sync_state_with_parent (decoder);
  } else {
    first = make (run, "decodebin");
    if (!first)
      goto failed;
    g_signal_connect (first, "pad-added", G_CALLBACK (on_decoded_pad), next);
  }
  gst_element_sync_state_with_parent (first);
  sink = gst_element_get_static_pad (first, "sink");
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, on_first_data, run, NULL);
  if (gst_pad_link (pad, sink) != GST_PAD_LINK_OK)
    run_fail (run, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "no decoder takes the video stream (%s)", name));
  gst_object_unref (sink);
  gst_caps_unref (caps);
  return;

failed:
  gst_caps_unref (caps);
  /* the element's own message is ahead of this one on the bus, and counts */
  gst_element_post_message (run->pipeline,
      gst_message_new_error (GST_OBJECT (run->pipeline),
          g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
              "the pipeline could not be built"), NULL));
}

static void
on_no_more_pads (GstElement * parsebin, gpointer user_data)
{
  Run *run = user_data;

  if (!run->linked)
    run_fail (run, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "%s has no video stream%s%s%s", run->settings->clip,
            run->other_streams ? " (only " : "",
            run->other_streams ? run->other_streams : "",
            run->other_streams ? ")" : ""));
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer user_data)
{
  Run *run = user_data;
  GError *error = NULL;
  gchar *debug = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_EOS:
      g_main_loop_quit (run->loop);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, &debug);
      GST_INFO ("%s", debug);
      g_free (debug);
      /* the classifier's own messages name the model */
      if (GST_MESSAGE_SRC (message) != GST_OBJECT (run->cnn)) {
        gchar *text = g_strdup_printf ("%s: %s", run->settings->clip,
            error->message);

        g_free (error->message);
        error->message = text;
      }
      run_fail (run, error);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      g_printerr ("warning: %s: %s\n", GST_MESSAGE_SRC_NAME (message),
          error->message);
      g_error_free (error);
      break;
    case GST_MESSAGE_APPLICATION:
      g_main_loop_quit (run->loop);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_interrupt (gpointer user_data)
{
  Run *run = user_data;

  if (run->result->interrupted) {
    g_main_loop_quit (run->loop);
    return G_SOURCE_CONTINUE;
  }
  run->result->interrupted = TRUE;
  gst_element_send_event (run->pipeline, gst_event_new_eos ());
  return G_SOURCE_CONTINUE;
}

RunResult *
run_pipeline (const RunSettings * settings, GError ** error)
{
  Run run = { 0 };
  RunResult *result;
  GstElement *source, *parse;
  GstStructure *stats = NULL;
  guint64 spent = 0;
  GstBus *bus;
  guint interrupt;

  if (!g_file_test (settings->clip, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
        "there is no file %s", settings->clip);
    return NULL;
  }
  run.settings = settings;
  run.first_pts = GST_CLOCK_TIME_NONE;
  run.result = result = g_new0 (RunResult, 1);
  result->frames = g_array_new (FALSE, TRUE, sizeof (RunFrame));
  g_mutex_init (&run.lock);
  run.loop = g_main_loop_new (NULL, FALSE);
  run.pipeline = gst_pipeline_new (NULL);
  source = make (&run, "filesrc");
  parse = make (&run, "parsebin");
  bus = gst_pipeline_get_bus (GST_PIPELINE (run.pipeline));
  gst_bus_add_watch (bus, on_message, &run);
  interrupt = g_unix_signal_add (SIGINT, on_interrupt, &run);
  if (source && parse) {
    g_object_set (source, "location", settings->clip, NULL);
    gst_element_link (source, parse);
    g_signal_connect (parse, "pad-added", G_CALLBACK (on_stream_pad), &run);
    g_signal_connect (parse, "no-more-pads", G_CALLBACK (on_no_more_pads),
        &run);
    gst_element_set_state (run.pipeline, GST_STATE_PLAYING);
    g_main_loop_run (run.loop);
    run.end = g_get_monotonic_time ();
  }
  if (run.extract) {
    g_object_get (run.extract, "stats", &stats, NULL);
    if (stats) {
      gst_structure_get_uint64 (stats, "time-spent", &spent);
      gst_structure_free (stats);
    }
  }
  gst_element_set_state (run.pipeline, GST_STATE_NULL);
  g_source_remove (interrupt);
  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  gst_object_unref (run.pipeline);
  g_main_loop_unref (run.loop);
  g_mutex_clear (&run.lock);
  g_free (run.other_streams);
  result->seconds = (run.end - run.start) / 1e6;
  result->extract_seconds = spent / 1e9;
  if (!run.error && result->frames->len == 0)
    run.error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", settings->clip);
  if (run.error) {
    g_propagate_error (error, run.error);
    run_result_free (result);
    return NULL;
  }
  return result;
}
