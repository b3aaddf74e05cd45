/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-inspect: prints what the codec says about each frame of a clip, in display order.
 */
#include <errno.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/video/video.h>
#include <json-glib/json-glib.h>
#include <locale.h>
#include <string.h>

#include "gstdeltacodingmeta.h"
#include "gstdeltaextract.h"
#include "inspect-picture.h"

static gchar *opt_born, *opt_vectors, *opt_picture, *opt_decoder;
static gint opt_frame = -1;
static gboolean opt_stats;

static const GOptionEntry entries[] = {
  {"born", 'b', 0, G_OPTION_ARG_FILENAME, &opt_born,
        "Write the born maps: little-endian uint32, rows*cols per frame, display order",
      "FILE"},
  {"vectors", 'v', 0, G_OPTION_ARG_FILENAME, &opt_vectors,
        "Write the motion vectors as CSV: frame,x,y,w,h,ref_number,mv_x_qpel,mv_y_qpel,direction",
      "FILE"},
  {"picture", 'p', 0, G_OPTION_ARG_FILENAME, &opt_picture,
        "Write an image of changed blocks and vectors over one frame",
      "FILE.png"},
  {"frame", 'f', 0, G_OPTION_ARG_INT, &opt_frame,
      "The frame that --picture shows, from 0 (default: the second)", "N"},
  {"decoder", 'd', 0, G_OPTION_ARG_STRING, &opt_decoder,
        "The decoder element (default: avdec_mpeg2video, for H.264 avdec_h264)",
      "ELEMENT"},
  {"stats", 's', 0, G_OPTION_ARG_NONE, &opt_stats,
      "Print deltaextract's statistics to the standard error at the end", NULL},
  {NULL}
};

static const gchar summary[] =
    "Prints one JSON object per frame of a video clip in display order:\n"
    "  frame          index in display order, from 0\n"
    "  pts            presentation time in nanoseconds, null where unknown\n"
    "  epoch, number  pictures of one epoch compare; number is the decoding order in it\n"
    "  type           I, P, B, D or unknown\n"
    "  known          whether the picture's coding was understood\n"
    "  width, height  coded size in luma samples\n"
    "  cols, rows     grid of 8x8 blocks\n"
    "  changed        share of blocks that changed since the frame displayed before,\n"
    "                 1.0 where the two do not compare\n"
    "MPEG-1 and MPEG-2 video is understood, in any container or none.";

static const gchar description[] =
    "Examples:\n"
    "  deltacnn-inspect clip.mpg\n"
    "  deltacnn-inspect --born born.u32 --vectors vectors.csv clip.ts > frames.jsonl\n"
    "  deltacnn-inspect --picture changes.png --frame 10 clip.m2v";

typedef struct
{
  const gchar *clip;
  GstElement *pipeline, *extract, *sink;
  gboolean video;               /* atomic: a video stream was found and linked */
  gchar *failure;               /* protected by lock: why it could not be */
  GMutex lock;

  FILE *born, *vectors;
  guint64 frames;
  GstDeltaPicture *previous;    /* of the frame displayed before; NULL where it had none */
  gboolean picture_written;
} Inspect;

static gboolean
fail (const gchar * format, ...)
{
  va_list args;
  gchar *text;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("deltacnn-inspect: %s\n", text);
  g_free (text);
  return FALSE;
}

static GstElement *
add_element (Inspect * self, const gchar * factory)
{
  GstElement *element = gst_element_factory_make (factory, NULL);

  if (!element)
    return NULL;
  gst_bin_add (GST_BIN (self->pipeline), element);
  gst_element_sync_state_with_parent (element);
  return element;
}

static void
link_failed (Inspect * self, gchar * why)
{
  g_mutex_lock (&self->lock);
  if (!self->failure)
    self->failure = g_steal_pointer (&why);
  g_mutex_unlock (&self->lock);
  g_free (why);
}

/* parser ! deltaextract ! decoder ! appsink behind the demuxer's first video pad */
static gboolean
link_video (Inspect * self, GstPad * pad, gboolean h264)
{
  const gchar *parser_name = h264 ? "h264parse" : "mpegvideoparse";
  const gchar *decoder_name = opt_decoder ? opt_decoder :
      h264 ? "avdec_h264" : "avdec_mpeg2video";
  GstElement *parser, *decoder;
  GstPad *sinkpad;
  gboolean linked;

  parser = add_element (self, parser_name);
  if (!parser) {
    link_failed (self, g_strdup_printf
        ("the element %s is missing (GStreamer's \"bad\" plugins)",
            parser_name));
    return FALSE;
  }
  decoder = add_element (self, decoder_name);
  if (!decoder) {
    link_failed (self, g_strdup_printf
        ("there is no decoder element %s here%s", decoder_name,
            opt_decoder ? "" : " (install GStreamer's libav plugins)"));
    return FALSE;
  }
  if (!gst_element_link_many (parser, self->extract, decoder, self->sink, NULL)) {
    link_failed (self, g_strdup_printf ("%s does not decode this video",
            decoder_name));
    return FALSE;
  }
  sinkpad = gst_element_get_static_pad (parser, "sink");
  linked = gst_pad_link (pad, sinkpad) == GST_PAD_LINK_OK;
  gst_object_unref (sinkpad);
  if (!linked)
    link_failed (self, g_strdup ("the video stream cannot be parsed"));
  return linked;
}

/* Whether a pad that may not have fixed caps yet carries this. */
static gboolean
pad_carries (GstPad * pad, const gchar * what)
{
  GstCaps *caps = gst_pad_get_current_caps (pad);
  GstCaps *wanted = gst_caps_from_string (what);
  gboolean carries;

  if (!caps)
    caps = gst_pad_query_caps (pad, NULL);
  carries = !gst_caps_is_any (caps) && gst_caps_can_intersect (caps, wanted);
  gst_caps_unref (caps);
  gst_caps_unref (wanted);
  return carries;
}

static void
post_no_video (Inspect * self)
{
  gst_element_post_message (self->pipeline,
      gst_message_new_application (GST_OBJECT (self->pipeline),
          gst_structure_new_empty ("no-video")));
}

static void
on_pad_added (GstElement * parsebin, GstPad * pad, gpointer user_data)
{
  Inspect *self = user_data;
  gboolean mpeg = pad_carries (pad,
      "video/mpeg, mpegversion = (int) { 1, 2 }, systemstream = (boolean) false");
  gboolean h264 = pad_carries (pad, "video/x-h264");
  GstElement *fakesink;
  GstPad *sinkpad;

  if ((mpeg || h264) && !g_atomic_int_get (&self->video)) {
    g_atomic_int_set (&self->video, TRUE);
    if (!link_video (self, pad, h264))
      post_no_video (self);
    return;
  }

  /* sound, subtitles, other videos */
  fakesink = gst_element_factory_make ("fakesink", NULL);
  g_object_set (fakesink, "sync", FALSE, "async", FALSE, NULL);
  gst_bin_add (GST_BIN (self->pipeline), fakesink);
  gst_element_sync_state_with_parent (fakesink);
  sinkpad = gst_element_get_static_pad (fakesink, "sink");
  gst_pad_link (pad, sinkpad);
  gst_object_unref (sinkpad);
}

static void
on_no_more_pads (GstElement * parsebin, gpointer user_data)
{
  Inspect *self = user_data;

  if (!g_atomic_int_get (&self->video))
    post_no_video (self);
}

static const gchar *
type_name (GstDeltaPictureType type)
{
  static const gchar *names[] = { "unknown", "I", "P", "B", "D" };

  return (guint) type < G_N_ELEMENTS (names) ? names[type] : names[0];
}

static void
print_frame (Inspect * self, GstBuffer * buffer, const GstVideoInfo * info,
    GstDeltaPicture * picture, gdouble changed)
{
  JsonBuilder *builder = json_builder_new ();
  JsonGenerator *generator = json_generator_new ();
  JsonNode *root;
  guint width = GST_VIDEO_INFO_WIDTH (info);
  guint height = GST_VIDEO_INFO_HEIGHT (info);
  guint cols = 0, rows = 0;
  gchar *text;

  if (picture) {
    gst_delta_picture_get_coded_size (picture, &width, &height);
    gst_delta_picture_get_grid (picture, &cols, &rows);
  }
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "frame");
  json_builder_add_int_value (builder, self->frames);
  json_builder_set_member_name (builder, "pts");
  if (GST_BUFFER_PTS_IS_VALID (buffer))
    json_builder_add_int_value (builder, GST_BUFFER_PTS (buffer));
  else
    json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "epoch");
  if (picture)
    json_builder_add_int_value (builder, gst_delta_picture_get_epoch (picture));
  else
    json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "number");
  if (picture)
    json_builder_add_int_value (builder,
        gst_delta_picture_get_number (picture));
  else
    json_builder_add_null_value (builder);
  json_builder_set_member_name (builder, "type");
  json_builder_add_string_value (builder,
      type_name (picture ? gst_delta_picture_get_picture_type (picture) :
          GST_DELTA_PICTURE_TYPE_UNKNOWN));
  json_builder_set_member_name (builder, "known");
  json_builder_add_boolean_value (builder, picture
      && gst_delta_picture_is_known (picture));
  json_builder_set_member_name (builder, "width");
  json_builder_add_int_value (builder, width);
  json_builder_set_member_name (builder, "height");
  json_builder_add_int_value (builder, height);
  json_builder_set_member_name (builder, "cols");
  json_builder_add_int_value (builder, cols);
  json_builder_set_member_name (builder, "rows");
  json_builder_add_int_value (builder, rows);
  json_builder_set_member_name (builder, "changed");
  json_builder_add_double_value (builder, changed);
  json_builder_end_object (builder);

  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  puts (text);
  g_free (text);
  json_node_unref (root);
  g_object_unref (generator);
  g_object_unref (builder);
}

static gboolean
write_born (Inspect * self, GstDeltaPicture * picture)
{
  guint cols, rows;
  gsize n;
  const guint32 *born = gst_delta_picture_get_born (picture, &n);
  guint32 *copy;
  gboolean ok;

  gst_delta_picture_get_grid (picture, &cols, &rows);
  n = (gsize) cols *rows;
  copy = g_new (guint32, n);
  for (gsize i = 0; i < n; i++)
    copy[i] = GUINT32_TO_LE (born ? born[i] :
        gst_delta_picture_get_number (picture));
  ok = fwrite (copy, sizeof (*copy), n, self->born) == n;
  g_free (copy);
  return ok;
}

static gboolean
write_vectors (Inspect * self, GstDeltaPicture * picture)
{
  guint n = gst_delta_picture_get_n_vectors (picture);

  for (guint i = 0; i < n; i++) {
    GstDeltaVector v;

    if (!gst_delta_picture_get_vector (picture, i, &v))
      break;
    /* -1: the reference was lost */
    fprintf (self->vectors,
        "%" G_GUINT64_FORMAT ",%u,%u,%u,%u,%" G_GINT64_FORMAT ",%d,%d,%u\n",
        self->frames, v.x, v.y, v.w, v.h,
        v.ref_number == G_MAXUINT32 ? (gint64) - 1 : (gint64) v.ref_number,
        v.mv_x_qpel, v.mv_y_qpel, v.direction);
  }
  return !ferror (self->vectors);
}

static gboolean
handle_sample (Inspect * self, GstSample * sample)
{
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstCaps *caps = gst_sample_get_caps (sample);
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (buffer);
  GstDeltaPicture *picture = meta ? meta->picture : NULL;
  GstVideoInfo info;
  guint8 *blocks = NULL;
  guint cols, rows, n;
  gdouble changed = 1.0;
  gboolean ok = TRUE;

  if (!caps || !gst_video_info_from_caps (&info, caps))
    return fail ("the decoder puts out something that is no raw video");

  if (picture && self->previous) {
    gst_delta_picture_get_grid (picture, &cols, &rows);
    blocks = g_malloc ((gsize) cols * rows);
    if (gst_delta_picture_compare (self->previous, picture, blocks,
            (gsize) cols * rows, &n))
      changed = (gdouble) n / ((gdouble) cols * rows);
    else
      g_clear_pointer (&blocks, g_free);
  }

  print_frame (self, buffer, &info, picture, changed);
  if (picture && self->born && !write_born (self, picture))
    ok = fail ("cannot write %s: %s", opt_born, g_strerror (errno));
  if (ok && picture && self->vectors && !write_vectors (self, picture))
    ok = fail ("cannot write %s: %s", opt_vectors, g_strerror (errno));
  if (ok && opt_picture && self->frames == (guint64) opt_frame) {
    GError *error = NULL;

    if (inspect_picture_write (opt_picture, sample, picture, blocks, &error)) {
      self->picture_written = TRUE;
    } else {
      ok = fail ("%s", error ? error->message : "the picture cannot be made");
      g_clear_error (&error);
    }
  }

  g_free (blocks);
  if (self->previous)
    gst_delta_picture_unref (self->previous);
  self->previous = picture ? gst_delta_picture_ref (picture) : NULL;
  self->frames++;
  return ok;
}

/* What the pipeline has to say; *done at its end. */
static gboolean
handle_message (Inspect * self, GstMessage * message, gboolean * done)
{
  GError *error = NULL;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ERROR:
      gst_message_parse_error (message, &error, NULL);
      g_mutex_lock (&self->lock);
      if (self->failure)
        fail ("%s: %s", self->clip, self->failure);
      else if (!g_atomic_int_get (&self->video))
        fail ("%s: no video that can be read (%s)", self->clip, error->message);
      else
        fail ("%s: %s", self->clip, error->message);
      g_mutex_unlock (&self->lock);
      g_clear_error (&error);
      return FALSE;
    case GST_MESSAGE_APPLICATION:
      g_mutex_lock (&self->lock);
      fail ("%s: %s", self->clip, self->failure ? self->failure :
          "it holds no MPEG-1, MPEG-2 or H.264 video");
      g_mutex_unlock (&self->lock);
      return FALSE;
    case GST_MESSAGE_EOS:
      *done = TRUE;
      return TRUE;
    default:
      return TRUE;
  }
}

static gboolean
run (Inspect * self)
{
  GstBus *bus = gst_element_get_bus (self->pipeline);
  gboolean ok = TRUE, done = FALSE;

  gst_element_set_state (self->pipeline, GST_STATE_PLAYING);
  while (ok && !done) {
    GstMessage *message;
    GstSample *sample = gst_app_sink_try_pull_sample (GST_APP_SINK (self->sink),
        20 * GST_MSECOND);

    if (sample) {
      ok = handle_sample (self, sample);
      gst_sample_unref (sample);
      continue;
    }
    while (ok && !done && (message = gst_bus_pop (bus))) {
      ok = handle_message (self, message, &done);
      gst_message_unref (message);
    }
  }
  if (ok && self->frames == 0)
    ok = fail ("%s: no frame could be decoded", self->clip);
  if (ok && opt_picture && !self->picture_written)
    ok = fail ("%s has %" G_GUINT64_FORMAT
        " frames: there is no frame %d to draw", self->clip, self->frames,
        opt_frame);
  if (opt_stats) {
    GstStructure *stats;
    gchar *text;

    g_object_get (self->extract, "stats", &stats, NULL);
    text = gst_structure_to_string (stats);
    g_printerr ("%s\n", text);
    g_free (text);
    gst_structure_free (stats);
  }
  gst_element_set_state (self->pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  return ok;
}

static gboolean
build (Inspect * self)
{
  GstElement *source, *parsebin;

  self->pipeline = gst_object_ref_sink (gst_pipeline_new (NULL));
  source = gst_element_factory_make ("filesrc", NULL);
  parsebin = gst_element_factory_make ("parsebin", NULL);
  self->extract = gst_element_factory_make ("deltaextract", NULL);
  self->sink = gst_element_factory_make ("appsink", NULL);
  if (!source || !parsebin || !self->extract || !self->sink) {
    g_clear_object (&source);
    g_clear_object (&parsebin);
    g_clear_object (&self->extract);
    g_clear_object (&self->sink);
    return
        fail
        ("GStreamer's base plugins (filesrc, parsebin, appsink) are missing");
  }
  g_object_set (source, "location", self->clip, NULL);
  g_object_set (self->sink, "sync", FALSE, "max-buffers", 4, NULL);
  gst_bin_add_many (GST_BIN (self->pipeline), source, parsebin, self->extract,
      self->sink, NULL);
  gst_element_link (source, parsebin);
  g_signal_connect (parsebin, "pad-added", G_CALLBACK (on_pad_added), self);
  /* one or the other, as the file's kind has it */
  g_signal_connect (parsebin, "no-more-pads", G_CALLBACK (on_no_more_pads),
      self);
  g_signal_connect (parsebin, "drained", G_CALLBACK (on_no_more_pads), self);
  return TRUE;
}

static gboolean
open_outputs (Inspect * self)
{
  if (opt_born && !(self->born = g_fopen (opt_born, "wb")))
    return fail ("cannot write %s: %s", opt_born, g_strerror (errno));
  if (opt_vectors && !(self->vectors = g_fopen (opt_vectors, "w")))
    return fail ("cannot write %s: %s", opt_vectors, g_strerror (errno));
  if (self->vectors)
    fputs ("frame,x,y,w,h,ref_number,mv_x_qpel,mv_y_qpel,direction\n",
        self->vectors);
  return TRUE;
}

/* fclose() tells of a full disk. */
static gboolean
close_output (FILE ** file, const gchar * name)
{
  FILE *open = *file;

  *file = NULL;
  if (open && fclose (open) != 0)
    return fail ("cannot write %s: %s", name, g_strerror (errno));
  return TRUE;
}

static gboolean
check_clip (const gchar * clip)
{
  FILE *file;

  if (g_file_test (clip, G_FILE_TEST_IS_DIR))
    return fail ("%s is a folder, not a video clip", clip);
  file = g_fopen (clip, "rb");
  if (!file)
    return fail ("cannot open %s: %s", clip, g_strerror (errno));
  fclose (file);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Inspect self = { NULL, };
  GOptionContext *context;
  GError *error = NULL;
  gboolean ok;

  setlocale (LC_CTYPE, "");
  context = g_option_context_new ("CLIP");
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  ok = g_option_context_parse (context, &argc, &argv, &error);
  g_option_context_free (context);
  if (!ok) {
    fail ("%s; --help explains the options", error->message);
    g_clear_error (&error);
    return 1;
  }
  if (argc != 2) {
    fail (argc < 2 ? "which clip? --help explains the use"
        : "one clip at a time; --help explains the use");
    return 1;
  }
  if (opt_frame < 0)
    opt_frame = 1;
  self.clip = argv[1];
  g_mutex_init (&self.lock);
  GST_ELEMENT_REGISTER (deltaextract, NULL);

  ok = check_clip (self.clip) && open_outputs (&self) && build (&self)
      && run (&self);
  ok &= close_output (&self.born, opt_born);
  ok &= close_output (&self.vectors, opt_vectors);
  if (fflush (stdout) != 0)
    ok = fail ("cannot write the standard output: %s", g_strerror (errno));

  if (self.previous)
    gst_delta_picture_unref (self.previous);
  gst_clear_object (&self.pipeline);
  g_free (self.failure);
  g_mutex_clear (&self.lock);
  return ok ? 0 : 1;
}
