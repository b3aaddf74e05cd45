/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-inspect: prints what the codec says about each frame of a clip, in display order.
 */
#include "common/clip-pipeline.h"
#include "picture.h"
#include "write.h"
#include "common/tool.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <locale.h>

typedef struct
{
  gchar **clip;                 /* one */
  gchar *born, *vectors, *picture, *decoder;
  gint frame;
  gboolean stats;
} Options;

/* Used by one thread at a time: the caller's before and after, a streaming thread while the clip plays. */
typedef struct
{
  const Options *o;
  ClipPipeline *pipeline;
  FILE *born, *vectors;
  guint64 frames;
  GstDeltaPicture *previous;    /* of the frame displayed before; NULL where it had none */
  gboolean picture_written, failed;
} Inspect;

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"born", 'b', 0, G_OPTION_ARG_FILENAME, &o->born,
          "Write the born maps: little-endian uint32, rows*cols per frame, display order",
        "FILE"},
    {"vectors", 'v', 0, G_OPTION_ARG_FILENAME, &o->vectors,
        "Write the motion vectors as CSV: " INSPECT_VECTORS, "FILE"},
    {"picture", 'p', 0, G_OPTION_ARG_FILENAME, &o->picture,
          "Write an image of changed blocks and vectors over one frame",
        "FILE.png"},
    {"frame", 'f', 0, G_OPTION_ARG_INT, &o->frame,
        "The frame that --picture shows, from 0 (default: 1, the second)", "N"},
    {"decoder", 'd', 0, G_OPTION_ARG_STRING, &o->decoder,
          "The decoder element (default: avdec_mpeg2video, for H.264 avdec_h264)",
        "ELEMENT"},
    {"stats", 's', 0, G_OPTION_ARG_NONE, &o->stats,
          "Print deltaextract's statistics to the standard error at the end",
        NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->clip, NULL,
        NULL},
    {NULL}
  };

  o->frame = 1;
  if (!tool_parse (entries, "CLIP - what the codec says of each frame",
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
          "MPEG-1, MPEG-2 and H.264 video is understood, in any container or none.\n\n"
          "Examples:\n"
          "  deltacnn-inspect clip.mpg\n"
          "  deltacnn-inspect --born born.u32 --vectors vectors.csv clip.ts > frames.jsonl\n"
          "  deltacnn-inspect --picture changes.png --frame 10 clip.mp4",
          argc, argv, error))
    return FALSE;
  if (!o->clip)
    return tool_bad_use (error, "which clip? (see --help)");
  if (o->clip[1])
    return tool_bad_use (error, "one clip at a time (see --help)");
  if (o->frame < 0)
    return tool_bad_use (error, "--frame must be 0 or more");
  return !o->picture || tool_check_output (o->picture, error);
}

static gboolean
cannot_write (const gchar * file, GError ** error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
      "cannot write %s: %s", file, g_strerror (errno));
  return FALSE;
}

static gboolean
take_frame (Inspect * self, GstSample * sample, GError ** error)
{
  const Options *o = self->o;
  GstBuffer *buffer = gst_sample_get_buffer (sample);
  GstCaps *caps = gst_sample_get_caps (sample);
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (buffer);
  GstDeltaPicture *picture = meta ? meta->picture : NULL;
  GstVideoInfo info;
  guint8 *blocks = NULL;
  guint cols, rows, n;
  gdouble changed = 1.0;
  gboolean ok = TRUE;

  if (!clip_pipeline_is_coded (self->pipeline)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
        "%s: it holds no MPEG-1, MPEG-2 or H.264 video", *o->clip);
    return FALSE;
  }
  if (!caps || !gst_video_info_from_caps (&info, caps)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
        "%s: the decoder puts out something that is no raw video", *o->clip);
    return FALSE;
  }
  if (picture && self->previous) {
    gst_delta_picture_get_grid (picture, &cols, &rows);
    blocks = g_malloc ((gsize) cols * rows);
    if (gst_delta_picture_compare (self->previous, picture, blocks,
            (gsize) cols * rows, &n))
      changed = (gdouble) n / ((gdouble) cols * rows);
    else
      g_clear_pointer (&blocks, g_free);
  }

  inspect_write_line (self->frames, buffer, &info, picture, changed);
  if (picture && self->born && !inspect_write_born (self->born, picture))
    ok = cannot_write (o->born, error);
  if (ok && picture && self->vectors
      && !inspect_write_vectors (self->vectors, self->frames, picture))
    ok = cannot_write (o->vectors, error);
  if (ok && o->picture && self->frames == (guint64) o->frame)
    ok = self->picture_written = inspect_picture_write (o->picture, sample,
        picture, blocks, error);

  g_free (blocks);
  if (self->previous)
    gst_delta_picture_unref (self->previous);
  self->previous = picture ? gst_delta_picture_ref (picture) : NULL;
  self->frames++;
  return ok;
}

static GstFlowReturn
on_sample (GstAppSink * sink, gpointer user_data)
{
  Inspect *self = user_data;
  GstSample *sample = gst_app_sink_pull_sample (sink);
  GError *error = NULL;

  if (sample && !self->failed && !take_frame (self, sample, &error)) {
    self->failed = TRUE;
    clip_pipeline_fail (self->pipeline, error);
  }
  if (sample)
    gst_sample_unref (sample);
  return self->failed ? GST_FLOW_ERROR : GST_FLOW_OK;
}

static GstElement *
add_sink (ClipPipeline * pipeline, gpointer user_data)
{
  GstAppSinkCallbacks callbacks = { NULL };
  GstElement *sink = clip_pipeline_make (pipeline, "appsink");

  if (!sink)
    return NULL;
  g_object_set (sink, "sync", FALSE, "async", FALSE, NULL);
  callbacks.new_sample = on_sample;
  gst_app_sink_set_callbacks (GST_APP_SINK (sink), &callbacks, user_data, NULL);
  gst_element_sync_state_with_parent (sink);
  return sink;
}

static gboolean
open_output (FILE ** file, const gchar * name, const gchar * mode,
    GError ** error)
{
  *file = name ? g_fopen (name, mode) : NULL;
  return !name || *file || cannot_write (name, error);
}

/* fclose() tells of a full disk. */
static gboolean
close_output (FILE * file, const gchar * name, GError ** error)
{
  return !file || fclose (file) == 0 || cannot_write (name, error);
}

static gboolean
play (Inspect * self, GError ** error)
{
  const Options *o = self->o;
  const GstStructure *stats;
  gchar *text;
  gboolean ok = clip_pipeline_run (self->pipeline, error);

  stats = clip_pipeline_extract_stats (self->pipeline);
  if (o->stats && stats) {
    text = gst_structure_to_string (stats);
    g_printerr ("%s\n", text);
    g_free (text);
  }
  if (!ok)
    return FALSE;
  if (clip_pipeline_interrupted (self->pipeline)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED,
        "interrupted after %" G_GUINT64_FORMAT " frames", self->frames);
    return FALSE;
  }
  if (self->frames == 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: no frame could be decoded", *o->clip);
  else if (o->picture && !self->picture_written)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s has %" G_GUINT64_FORMAT " frames: there is no frame %d to draw",
        *o->clip, self->frames, o->frame);
  else
    return TRUE;
  return FALSE;
}

static gboolean
inspect (const Options * o, GError ** error)
{
  Inspect self = { o };
  gboolean ok;

  self.pipeline = clip_pipeline_new (*o->clip, add_sink, &self, error);
  if (!self.pipeline)
    return FALSE;
  if (o->decoder)
    clip_pipeline_set_decoder (self.pipeline, o->decoder);
  ok = open_output (&self.born, o->born, "wb", error)
      && open_output (&self.vectors, o->vectors, "w", error);
  if (self.vectors)
    fputs (INSPECT_VECTORS "\n", self.vectors);
  ok = ok && play (&self, error);
  /* each is closed, the first error counts */
  ok = close_output (self.born, o->born, ok ? error : NULL) && ok;
  ok = close_output (self.vectors, o->vectors, ok ? error : NULL) && ok;
  if (fflush (stdout) != 0)
    ok = cannot_write ("the standard output", ok ? error : NULL);

  clip_pipeline_free (self.pipeline);
  if (self.previous)
    gst_delta_picture_unref (self.previous);
  return ok;
}

int
main (int argc, char **argv)
{
  Options o = { NULL };
  GError *error = NULL;
  gboolean ok;

  setlocale (LC_CTYPE, "");
  ok = parse_options (&o, &argc, &argv, &error)
      && clip_pipeline_setup (&error) && inspect (&o, &error);
  g_strfreev (o.clip);
  g_free (o.born);
  g_free (o.vectors);
  g_free (o.picture);
  g_free (o.decoder);
  return tool_end ("deltacnn-inspect", ok, error);
}
