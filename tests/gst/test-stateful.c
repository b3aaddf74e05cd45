/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The coding meta behind a decoder that works as the V4L2 stateful ones do (stateful-decoder.h): it comes out on the
 * picture that it was made for, frames that never come out do no harm, and deltacnn takes the codec's word there.
 */
#include "common.h"
#include <string.h>
#include "stateful-decoder.h"

static const gchar *const needed[] = { "filesrc", "matroskademux", "h264parse",
  "mpegvideoparse", NULL
};

/* Something that moves before a still background, so that a meta on the wrong frame claims what is not so. */
#define SOURCE \
    "-f lavfi -i smptehdbars=size=352x288:rate=25:duration=4 " \
    "-f lavfi -i testsrc2=size=80x64:rate=25:duration=4 -filter_complex " \
    "'[0][1]overlay=x=40+t*40:y=96+40*sin(t*3)' -pix_fmt yuv420p "
#define X264 SOURCE "-c:v libx264 -threads 1 -preset fast -g 25 -x264-params "

typedef struct
{
  const gchar *name, *file, *options;   /* ffmpeg's */
  gboolean reorders;
} Coded;

static const Coded coded[] = {
  {"h264-p", "stateful-p.mkv", X264 "bframes=0", FALSE},
  {"h264-pyramid", "stateful-b.mkv", X264 "bframes=3:b-adapt=0:b-pyramid=normal"
        ":ref=4", TRUE},
  {"h264-cavlc", "stateful-cavlc.mkv", X264 "cabac=0:bframes=2:direct=temporal",
      TRUE},
  {"h264-mbaff", "stateful-mbaff.mkv", X264 "interlaced=1:tff=1:bframes=2",
      TRUE},
  {"mpeg2", "stateful-mpeg2.mkv", SOURCE "-c:v mpeg2video -g 15 -bf 2 "
        "-qscale:v 4", TRUE},
};

typedef struct
{
  guint frames, with_meta, wrong_type, reordered;
  guint32 last_number;
  guint64 last_epoch;
  GString *types;
} Seen;

static GstPadProbeReturn
look (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (buffer);
  gchar type = test_stateful_dec_picture_type (buffer);
  Seen *seen = user_data;

  g_assert_cmpint (type, !=, 0);
  seen->frames++;
  if (meta) {
    guint32 number = gst_delta_picture_get_number (meta->picture);
    guint64 epoch = gst_delta_picture_get_epoch (meta->picture);

    seen->with_meta++;
    seen->wrong_type += " IPB"[gst_delta_picture_get_picture_type
        (meta->picture)] != type;
    seen->reordered += epoch == seen->last_epoch && number < seen->last_number;
    seen->last_number = number;
    seen->last_epoch = epoch;
  }
  return GST_PAD_PROBE_OK;
}

static void
watch (GstElement * pipeline, Seen * seen)
{
  GstElement *decoder = gst_bin_get_by_name (GST_BIN (pipeline), "decoder");
  GstPad *pad = gst_element_get_static_pad (decoder, "src");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, look, seen, NULL);
  gst_object_unref (pad);
  gst_object_unref (decoder);
}

static const gchar *
make (const Coded * c)
{
  return test_have (needed) ? test_clip (c->file, c->options) : NULL;
}

static void
play (const Coded * c, guint lose, const gchar * between, guint least)
{
  const gchar *clip = make (c), *model = test_file ("tiny.onnx");
  GstElement *pipeline, *delta;
  guint64 by_codec;
  Seen seen = { 0, };
  Twins twins;

  if (!clip)
    return;
  twins_init (&twins);
  pipeline = test_pipeline ("filesrc location=%s ! matroskademux ! %s ! "
      "deltaextract ! statefuldec name=decoder lose=%u ! "
      "deltacnn name=delta source=codec top-k=100 threads=1 model-file=%s ! "
      "deltacnn name=dense mode=dense top-k=100 threads=1 model-file=%s ! "
      "fakesink sync=false", clip, between, lose, model, model);
  watch (pipeline, &seen);
  twins_watch (&twins, pipeline);
  delta = gst_bin_get_by_name (GST_BIN (pipeline), "delta");
  test_play (pipeline);
  by_codec = test_stat (delta, "by-codec");
  g_assert_cmpuint (test_stat (delta, "mismatches"), ==, 0);
  gst_object_unref (delta);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);

  g_test_message ("%u frames, %u by codec, worst %g, %u metas out of decoding "
      "order", twins.frames, (guint) by_codec, twins.worst, seen.reordered);
  g_assert_cmpuint (twins.frames, >=, least);
  g_assert_cmpuint (seen.with_meta, ==, seen.frames);
  g_assert_cmpuint (seen.wrong_type, ==, 0);
  g_assert_true (c->reorders == (seen.reordered > 0));
  g_assert_cmpuint (twins.wrong, ==, 0);
  /* all but the first of each group of pictures */
  g_assert_cmpuint (by_codec, >=, twins.frames - 1 - twins.frames / 10);
  twins_clear (&twins);
}

static const gchar *
parser_of (const Coded * c)
{
  return g_str_equal (c->name, "mpeg2") ? "mpegvideoparse" : "h264parse";
}

static void
test_all_frames (gconstpointer data)
{
  play (data, 0, parser_of (data), 100);
}

static void
test_lost_frames (gconstpointer data)
{
  play (data, 7, parser_of (data), 84);
}

/* Every other frame, so that B pictures and references are lost alike. */
static void
test_half_lost (gconstpointer data)
{
  play (data, 2, parser_of (data), 49);
}

/* What a user may put between demuxer and extractor; the decoder takes access units as a byte-stream. */
static void
test_parsers (void)
{
  static const gchar *const between[] = {
    "h264parse ! video/x-h264,alignment=au",
    "h264parse ! video/x-h264,alignment=nal,stream-format=byte-stream ! h264parse",
    "h264parse ! video/x-h264,stream-format=byte-stream ! h264parse",
    "h264parse config-interval=-1 ! queue",
    "parsebin ! h264parse",
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (between); i++)
    play (&coded[1], 0, between[i], 100);
}

static gboolean
links (const gchar * between)
{
  gchar *text = g_strdup_printf ("filesrc ! matroskademux ! h264parse ! %s"
      "deltaextract ! statefuldec ! fakesink", between);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch_full (text, NULL,
      GST_PARSE_FLAG_FATAL_ERRORS, &error);
  gboolean ok = error == NULL;

  g_clear_error (&error);
  gst_clear_object (&pipeline);
  g_free (text);
  return ok;
}

/* Pieces of access units are refused when the elements are linked, not taken for whole ones. */
static void
test_alignment (void)
{
  if (!test_have (needed))
    return;
  g_assert_true (links (""));
  g_assert_true (links ("capsfilter caps=video/x-h264,alignment=au ! "));
  g_assert_false (links ("capsfilter caps=video/x-h264,alignment=nal ! "));
  g_assert_true (links ("capsfilter caps=video/x-h264,alignment=nal ! h264parse"
          " ! "));
}

/* A seek in the middle: metas of before the flush are gone with their frames. */
static void
test_seek (void)
{
  const gchar *clip = make (&coded[1]), *model = test_file ("tiny.onnx");
  GstElement *pipeline;
  Seen seen = { 0, };
  Twins twins;

  if (!clip)
    return;
  twins_init (&twins);
  pipeline = test_pipeline ("filesrc location=%s ! matroskademux ! h264parse ! "
      "deltaextract ! statefuldec name=decoder lose=5 ! "
      "deltacnn name=delta source=codec top-k=100 threads=1 model-file=%s ! "
      "deltacnn name=dense mode=dense top-k=100 threads=1 model-file=%s ! "
      "fakesink sync=false", clip, model, model);
  watch (pipeline, &seen);
  twins_watch (&twins, pipeline);
  for (guint i = 0; i < 4; i++) {
    test_set_state (pipeline, GST_STATE_PAUSED);
    g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
            GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT,
            i * 700 * GST_MSECOND));
    if (i % 2) {
      gst_element_set_state (pipeline, GST_STATE_PLAYING);
      g_usleep (20000);
    }
  }
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_assert_cmpuint (twins.frames, >=, 30);
  g_assert_cmpuint (seen.with_meta, ==, seen.frames);
  g_assert_cmpuint (seen.wrong_type, ==, 0);
  g_assert_cmpuint (twins.wrong, ==, 0);
  twins_clear (&twins);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const gchar *name;
    GTestDataFunc test;
  } each[] = {
    {"all-frames", test_all_frames},
    {"lost-frames", test_lost_frames},
    {"half-lost", test_half_lost},
  };

  test_init (&argc, &argv);
  g_assert_true (test_stateful_dec_register ());
  for (guint i = 0; i < G_N_ELEMENTS (each); i++)
    for (guint k = 0; k < G_N_ELEMENTS (coded); k++) {
      gchar *path = g_strdup_printf ("/stateful/%s/%s", each[i].name,
          coded[k].name);

      g_test_add_data_func (path, &coded[k], each[i].test);
      g_free (path);
    }
  g_test_add_func ("/stateful/parsers", test_parsers);
  g_test_add_func ("/stateful/alignment", test_alignment);
  g_test_add_func ("/stateful/seek", test_seek);
  return test_run ();
}
