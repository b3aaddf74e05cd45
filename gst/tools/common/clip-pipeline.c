/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-pipeline.h"
#include "plugin.h"
#include "tool.h"

#include <gio/gio.h>
#include <glib-unix.h>

struct _ClipPipeline
{
  gchar *clip, *decoder;        /* decoder: NULL for the usual one */
  ClipPipelineAdd add;
  gpointer user_data;
  GMainLoop *loop;
  GstElement *pipeline, *extract, *speaker;
  gboolean coded, interrupted;
  guint patience;               /* source that ends the wait for an end of stream, or 0 */
  gboolean idle;                /* half a second ago no element was at work */
  GstStructure *stats;          /* deltaextract's, at the end */
  GMutex lock;
  /* protected by lock */
  gboolean linked;              /* a video stream was taken */
  gint64 start;                 /* monotonic time of the first data */
  gint64 end;
  GError *error;
  gchar *other_streams;         /* what was found but not used */
};

gboolean
clip_pipeline_setup (GError ** error)
{
  if (deltacnn_elements_register (NULL))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "the elements are missing from this build");
  return FALSE;
}

void
clip_pipeline_fail (ClipPipeline * self, GError * error)
{
  g_mutex_lock (&self->lock);
  if (self->error)
    g_error_free (error);
  else
    self->error = error;
  g_mutex_unlock (&self->lock);
  /* not g_main_loop_quit(): the loop may not run yet */
  gst_element_post_message (self->pipeline,
      gst_message_new_application (GST_OBJECT (self->pipeline),
          gst_structure_new_empty ("failed")));
}

static void
send_eos (GstElement * pipeline, gpointer user_data)
{
  gst_element_send_event (pipeline, gst_event_new_eos ());
}

void
clip_pipeline_end (ClipPipeline * self)
{
  gst_element_call_async (self->pipeline, send_eos, NULL, NULL);
}

GstElement *
clip_pipeline_make (ClipPipeline * self, const gchar * factory)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (!element) {
    clip_pipeline_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "the GStreamer element '%s' is missing "
            "(pipelines/install-deps.sh installs what is needed)", factory));
    return NULL;
  }
  gst_bin_add (GST_BIN (self->pipeline), element);
  return element;
}

static GstPadProbeReturn
on_first_data (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  ClipPipeline *self = user_data;

  g_mutex_lock (&self->lock);
  self->start = g_get_monotonic_time ();
  g_mutex_unlock (&self->lock);
  return GST_PAD_PROBE_REMOVE;
}

gboolean
clip_pipeline_have_factory (const gchar * name)
{
  GstElementFactory *factory = gst_element_factory_find (name);

  if (!factory)
    return FALSE;
  gst_object_unref (factory);
  return TRUE;
}

GstElement *
clip_pipeline_add_bin (ClipPipeline * self, GstElement * before,
    const gchar * description)
{
  GError *error = NULL;
  GstElement *bin = gst_parse_bin_from_description (description, TRUE, &error);

  if (error) {
    clip_pipeline_fail (self, error);
    if (bin)
      gst_object_unref (gst_object_ref_sink (bin));
    return NULL;
  }
  gst_bin_add (GST_BIN (self->pipeline), bin);
  if (!gst_element_link (before, bin)) {
    clip_pipeline_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "cannot link to '%s'", description));
    return NULL;
  }
  return bin;
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

static gboolean
caps_are (GstCaps * caps, const gchar * what)
{
  GstCaps *wanted = gst_caps_from_string (what);
  gboolean are = gst_caps_can_intersect (caps, wanted);

  gst_caps_unref (wanted);
  return are;
}

/* The decoder for a stream that deltaextract reads; NULL: decodebin is to find one. */
static const gchar *
decoder_of (ClipPipeline * self, GstCaps * caps, gboolean * h264)
{
  *h264 = caps_are (caps, "video/x-h264");
  if (*h264 && self->decoder)
    return self->decoder;
  if (*h264)
    return clip_pipeline_have_factory ("avdec_h264") ? "avdec_h264" : NULL;
  /* the parser may not have fixed its caps yet: 1 or 2 */
  if (!caps_are (caps, "video/mpeg, mpegversion=(int)[1,2], "
          "systemstream=(boolean)false"))
    return NULL;
  if (self->decoder)
    return self->decoder;
  return clip_pipeline_have_factory ("avdec_mpeg2video") ? "avdec_mpeg2video"
      : "mpeg2dec";
}

static GError *
no_video (ClipPipeline * self)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
      "%s has no video stream%s%s%s", self->clip,
      self->other_streams ? " (only " : "",
      self->other_streams ? self->other_streams : "",
      self->other_streams ? ")" : "");
}

static GstPadProbeReturn
on_unwanted (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  ClipPipeline *self = user_data;
  GstEventType type;
  GError *error = NULL;

  if (!(GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM))
    return GST_PAD_PROBE_DROP;
  type = GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info));
  if (type != GST_EVENT_GAP && type != GST_EVENT_EOS)
    return GST_PAD_PROBE_OK;
  /* streams are made known together, and this one has ended */
  g_mutex_lock (&self->lock);
  if (type == GST_EVENT_EOS && !self->linked)
    error = no_video (self);
  g_mutex_unlock (&self->lock);
  if (error)
    clip_pipeline_fail (self, error);
  return GST_PAD_PROBE_DROP;
}

/* Sound, subtitles, further videos: where nothing were linked at all, the demuxer would
 * fail before it says that there is no video.  Nothing may get as far as into the sink:
 * it would wait there until all plays, and with it the demuxer's thread, while the
 * video's decoder waits for more of its pictures from the same thread.  So the sink
 * has no end of stream to tell of either, and is none to the pipeline. */
static void
swallow (ClipPipeline * self, GstPad * pad)
{
  GstElement *sink = clip_pipeline_make (self, "fakesink");
  GstPad *sinkpad;

  if (!sink)
    return;
  g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
  GST_OBJECT_FLAG_UNSET (sink, GST_ELEMENT_FLAG_SINK);
  sinkpad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (sinkpad, GST_PAD_PROBE_TYPE_BUFFER |
      GST_PAD_PROBE_TYPE_BUFFER_LIST | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
      on_unwanted, self, NULL);
  gst_element_sync_state_with_parent (sink);
  gst_pad_link (pad, sinkpad);
  gst_object_unref (sinkpad);
}

static void
on_stream_pad (GstElement * parsebin, GstPad * pad, gpointer user_data)
{
  ClipPipeline *self = user_data;
  GstCaps *caps = gst_pad_get_current_caps (pad);
  const GstStructure *s;
  const gchar *name;
  GstElement *first = NULL, *extract, *decoder, *next;
  const gchar *decoder_name;
  GError *error;
  GstPad *sink;
  gboolean taken, h264;

  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  if (gst_caps_is_empty (caps) || gst_caps_is_any (caps)) {
    gst_caps_unref (caps);
    return;
  }
  s = gst_caps_get_structure (caps, 0);
  name = gst_structure_get_name (s);
  g_mutex_lock (&self->lock);
  taken = self->linked;
  /* pictures, one after another, are a video too: Motion JPEG, GIF */
  if (!taken && (g_str_has_prefix (name, "video/")
          || g_str_has_prefix (name, "image/"))) {
    self->linked = TRUE;
  } else {
    gchar *old = self->other_streams;

    self->other_streams = old ? g_strdup_printf ("%s, %s", old, name) :
        g_strdup (name);
    g_free (old);
    taken = TRUE;
  }
  g_mutex_unlock (&self->lock);
  if (taken) {
    gst_caps_unref (caps);
    swallow (self, pad);
    return;
  }

  decoder_name = decoder_of (self, caps, &h264);
  if (!(next = self->add (self, self->user_data)))
    goto failed;
  if (decoder_name) {
    extract = clip_pipeline_make (self, "deltaextract");
    decoder = clip_pipeline_make (self, decoder_name);
    /* parsebin's own parser gives whatever form the container has */
    first = h264 ? clip_pipeline_make (self, "h264parse") : extract;
    if (!first || !extract || !decoder)
      goto failed;
    if ((h264 && !gst_element_link (first, extract))
        || !gst_element_link_many (extract, decoder, next, NULL)) {
      clip_pipeline_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
              "%s: %s does not decode %s", self->clip, decoder_name, name));
      goto failed;
    }
    self->extract = extract;
    self->coded = TRUE;
    gst_element_sync_state_with_parent (decoder);
    gst_element_sync_state_with_parent (extract);
  } else {
    first = clip_pipeline_make (self, "decodebin");
    if (!first)
      goto failed;
    g_signal_connect (first, "pad-added", G_CALLBACK (on_decoded_pad), next);
  }
  gst_element_sync_state_with_parent (first);
  sink = gst_element_get_static_pad (first, "sink");
  gst_pad_add_probe (sink, GST_PAD_PROBE_TYPE_BUFFER, on_first_data, self,
      NULL);
  if (gst_pad_link (pad, sink) != GST_PAD_LINK_OK)
    clip_pipeline_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            "%s: %s does not take the video stream (%s)", self->clip,
            decoder_name ? decoder_name : "decodebin", name));
  gst_object_unref (sink);
  gst_caps_unref (caps);
  return;

failed:
  gst_caps_unref (caps);
  /* the element's own message is ahead of this one on the bus, and counts */
  error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
      "the pipeline could not be built");
  gst_element_post_message (self->pipeline,
      gst_message_new_error (GST_OBJECT (self->pipeline), error, NULL));
  g_error_free (error);
}

static void
on_no_more_pads (GstElement * parsebin, gpointer user_data)
{
  ClipPipeline *self = user_data;
  gboolean linked;

  g_mutex_lock (&self->lock);
  linked = self->linked;
  g_mutex_unlock (&self->lock);
  if (!linked)
    clip_pipeline_fail (self, no_video (self));
}

/* The file that an element's error is about: where it writes one, that, else the clip. */
static gchar *
file_of (ClipPipeline * self, GstObject * element)
{
  gchar *location = NULL;

  if (GST_IS_ELEMENT (element)
      && GST_OBJECT_FLAG_IS_SET (element, GST_ELEMENT_FLAG_SINK)
      && g_object_class_find_property (G_OBJECT_GET_CLASS (element),
          "location"))
    g_object_get (element, "location", &location, NULL);
  return location ? location : g_strdup (self->clip);
}

static gboolean
on_message (GstBus * bus, GstMessage * message, gpointer user_data)
{
  ClipPipeline *self = user_data;
  GError *error = NULL;
  gchar *debug = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_EOS:
      g_main_loop_quit (self->loop);
      break;
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, &debug);
      GST_INFO ("%s", debug);
      g_free (debug);
      /* its own messages name what is wrong */
      if (GST_MESSAGE_SRC (message) != GST_OBJECT (self->speaker)) {
        gchar *text, *file = file_of (self, GST_MESSAGE_SRC (message));

        g_mutex_lock (&self->lock);
        text = g_strdup_printf (self->linked ? "%s: %s" :
            "%s: no video that can be read (%s)", file, error->message);
        g_mutex_unlock (&self->lock);

        g_free (file);
        g_free (error->message);
        error->message = text;
      }
      clip_pipeline_fail (self, error);
      break;
    case GST_MESSAGE_WARNING:
      gst_message_parse_warning (message, &error, NULL);
      tool_warn (GST_MESSAGE_SRC_NAME (message), g_strdup (error->message));
      g_error_free (error);
      break;
    case GST_MESSAGE_APPLICATION:
      g_main_loop_quit (self->loop);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_patience_over (gpointer user_data)
{
  g_main_loop_quit (((ClipPipeline *) user_data)->loop);
  return G_SOURCE_CONTINUE;
}

/* Files that are written are to be finished, so the stream ends in good order.  Where
 * there is no sink yet, nobody would say that it did. */
static gboolean
on_interrupt (gpointer user_data)
{
  ClipPipeline *self = user_data;
  gboolean linked;

  g_mutex_lock (&self->lock);
  linked = self->linked;
  g_mutex_unlock (&self->lock);
  if (self->interrupted || !linked) {
    self->interrupted = TRUE;
    g_main_loop_quit (self->loop);
    return G_SOURCE_CONTINUE;
  }
  self->interrupted = TRUE;
  self->patience = g_timeout_add_seconds (5, on_patience_over, self);
  gst_element_send_event (self->pipeline, gst_event_new_eos ());
  return G_SOURCE_CONTINUE;
}

static gboolean
see_task (GstElement * element, GstPad * pad, gpointer user_data)
{
  *(gboolean *) user_data |= gst_pad_get_task_state (pad) == GST_TASK_STARTED;
  return TRUE;
}

static void
see_element (const GValue * item, gpointer user_data)
{
  gst_element_foreach_pad (g_value_get_object (item), see_task, user_data);
}

/* Errors of elements that parsebin is about to add are its own affair, and it loses those
 * that come a moment too late: the demuxer has stopped then, and nobody says so.  Every
 * half a second: where no thread of an element was running twice, none will be. */
static gboolean
on_watch (gpointer user_data)
{
  ClipPipeline *self = user_data;
  GstIterator *elements = gst_bin_iterate_recurse (GST_BIN (self->pipeline));
  gboolean busy = FALSE;

  if (gst_iterator_foreach (elements, see_element, &busy) != GST_ITERATOR_DONE)
    busy = TRUE;
  gst_iterator_free (elements);
  if (!busy && self->idle) {
    gboolean linked;

    g_mutex_lock (&self->lock);
    linked = self->linked;
    g_mutex_unlock (&self->lock);
    clip_pipeline_fail (self, g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED,
            linked ? "%s: its video breaks off" :
            "%s: no video that can be read", self->clip));
  }
  self->idle = !busy;
  return G_SOURCE_CONTINUE;
}

ClipPipeline *
clip_pipeline_new (const gchar * clip, ClipPipelineAdd add,
    gpointer user_data, GError ** error)
{
  ClipPipeline *self;

  if (g_file_test (clip, G_FILE_TEST_IS_DIR)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY,
        "%s is a folder, not a clip", clip);
    return NULL;
  }
  if (!g_file_test (clip, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
        "there is no file %s", clip);
    return NULL;
  }
  self = g_new0 (ClipPipeline, 1);
  self->clip = g_strdup (clip);
  self->add = add;
  self->user_data = user_data;
  g_mutex_init (&self->lock);
  self->loop = g_main_loop_new (NULL, FALSE);
  self->pipeline = gst_pipeline_new (NULL);
  return self;
}

void
clip_pipeline_free (ClipPipeline * self)
{
  if (!self)
    return;
  gst_object_unref (self->pipeline);
  g_main_loop_unref (self->loop);
  g_mutex_clear (&self->lock);
  g_clear_error (&self->error);
  g_free (self->other_streams);
  g_clear_pointer (&self->stats, gst_structure_free);
  g_free (self->decoder);
  g_free (self->clip);
  g_free (self);
}

gboolean
clip_pipeline_run (ClipPipeline * self, GError ** error)
{
  GstElement *source = clip_pipeline_make (self, "filesrc");
  GstElement *parse = clip_pipeline_make (self, "parsebin");
  GstBus *bus = gst_pipeline_get_bus (GST_PIPELINE (self->pipeline));
  guint interrupt = g_unix_signal_add (SIGINT, on_interrupt, self);
  guint terminate = g_unix_signal_add (SIGTERM, on_interrupt, self);
  guint watch = g_timeout_add (500, on_watch, self);

  gst_bus_add_watch (bus, on_message, self);
  if (source && parse) {
    g_object_set (source, "location", self->clip, NULL);
    gst_element_link (source, parse);
    g_signal_connect (parse, "pad-added", G_CALLBACK (on_stream_pad), self);
    g_signal_connect (parse, "no-more-pads", G_CALLBACK (on_no_more_pads),
        self);
    gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
    g_main_loop_run (self->loop);
    self->end = g_get_monotonic_time ();
  }
  if (self->extract)
    g_object_get (self->extract, "stats", &self->stats, NULL);
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  g_source_remove (interrupt);
  g_source_remove (terminate);
  g_source_remove (watch);
  if (self->patience)
    g_source_remove (self->patience);
  gst_bus_remove_watch (bus);
  gst_object_unref (bus);
  /* not every file says that there are no more pads */
  if (!self->error && !self->linked && !self->interrupted)
    self->error = no_video (self);
  /* an end of stream before there were streams is an error to some elements */
  if (!self->error || self->interrupted)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

gboolean
clip_pipeline_is_coded (ClipPipeline * self)
{
  return self->coded;
}

gboolean
clip_pipeline_interrupted (ClipPipeline * self)
{
  return self->interrupted;
}

gdouble
clip_pipeline_seconds (ClipPipeline * self)
{
  return (self->end - self->start) / 1e6;
}

gdouble
clip_pipeline_extract_seconds (ClipPipeline * self)
{
  guint64 ns = 0;

  if (self->stats)
    gst_structure_get_uint64 (self->stats, "time-spent", &ns);
  return ns / 1e9;
}

const GstStructure *
clip_pipeline_extract_stats (ClipPipeline * self)
{
  return self->stats;
}

void
clip_pipeline_set_decoder (ClipPipeline * self, const gchar * factory)
{
  g_free (self->decoder);
  self->decoder = g_strdup (factory);
}

void
clip_pipeline_set_speaker (ClipPipeline * self, GstElement * element)
{
  self->speaker = element;
}
