/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Never a wrong reuse: whatever happens to a stream, on every frame the result of
 * a deltacnn equals that of a twin behind it that computes everything.
 */
#include "playing.h"
#include <string.h>
#include "upstream.h"

/* --- What may stand between decoder and classifier --- */

typedef enum
{
  ANY,                          /* whatever: only the results count */
  CODEC,                        /* the codec's word must have been used */
  PIXEL                         /* it must not have been */
} Uses;

typedef struct
{
  const gchar *name;
  const gchar *chain;
  Uses in_auto, in_codec;       /* by source */
  guint least;                  /* frames */
} Between;

static const Between betweens[] = {
  {"nothing", "", CODEC, CODEC, 100},
  {"queue", "! queue", CODEC, CODEC, 100},
  {"bin", "! ( queue ! identity )", CODEC, CODEC, 100},
  {"tee",
        "! tee name=t t. ! queue ! fakesink async=false sync=false t. ! queue",
      CODEC, CODEC, 100},
  {"leaky-queue", "! queue leaky=downstream max-size-buffers=2", ANY, ANY, 1},
  {"identity-drops", "! identity drop-probability=0.4", CODEC, CODEC, 20},
  {"videorate", "! videorate ! video/x-raw,framerate=10/1", CODEC, CODEC, 30},
  {"videorate-up", "! videorate ! video/x-raw,framerate=60/1", CODEC, CODEC,
      200},
  {"videoconvert-idle", "! videoconvert", CODEC, CODEC, 100},
  {"videoconvert", "! videoconvert ! video/x-raw,format=RGB", PIXEL, PIXEL,
      100},
  {"videoconvert-twice", "! videoconvert ! video/x-raw,format=RGB ! "
        "videoconvert ! video/x-raw,format=I420", PIXEL, PIXEL, 100},
  {"videoscale", "! videoscale ! video/x-raw,width=200,height=120", PIXEL,
      PIXEL, 100},
  {"videoscale-back", "! videoscale ! video/x-raw,width=200,height=120 ! "
        "videoscale ! video/x-raw,width=352,height=288", PIXEL, PIXEL, 100},
  {"videocrop", "! videocrop left=10 top=6", PIXEL, PIXEL, 100},
  {"videocrop-scale", "! videocrop left=16 ! videoscale ! "
        "video/x-raw,width=352,height=288", PIXEL, PIXEL, 100},
  {"videoflip", "! videoflip video-direction=horiz", PIXEL, ANY, 100},
  {"videoflip-turn", "! videoflip video-direction=180", PIXEL, ANY, 100},
  {"deinterlace", "! deinterlace mode=interlaced", PIXEL, ANY, 100},
  {"videobalance", "! videobalance saturation=0.3", PIXEL, ANY, 100},
  {"textoverlay", "! textoverlay text=still", PIXEL, ANY, 100},
  {"timeoverlay", "! timeoverlay", PIXEL, ANY, 100},
  {"timeoverlay-queue", "! timeoverlay ! queue", PIXEL, ANY, 100},
  {"gamma", "! gamma gamma=2", PIXEL, ANY, 100},
};

static void
play_between (const Between * b, gboolean auto_source, const gchar * decoder)
{
  const gchar *clip = test_moving_clip ();
  const gchar *tiny = test_file ("tiny.onnx");
  static const gchar *const pango[] = { "textoverlay", "timeoverlay", NULL };
  Uses uses = auto_source ? b->in_auto : b->in_codec;
  GstElement *pipeline;
  guint64 by_codec;
  Twins twins;

  if (!clip || !test_have (playing_needed))
    return;
  /* These come in a package of their own. */
  if (strstr (b->chain, "overlay") && !test_have (pango))
    return;
  twins_init (&twins);
  pipeline = test_pipeline ("filesrc location=%s ! matroskademux ! "
      "mpegvideoparse ! deltaextract ! %s name=decoder %s ! deltacnn name=delta "
      "source=%s top-k=100 threads=1 model-file=%s ! deltacnn name=dense "
      "mode=dense top-k=100 threads=1 model-file=%s ! fakesink sync=false",
      clip, decoder, b->chain, auto_source ? "auto" : "codec", tiny, tiny);
  twins_watch (&twins, pipeline);
  test_play (pipeline);
  by_codec = test_stat (playing_find (pipeline, "delta"), "by-codec");
  if (uses == CODEC)
    g_assert_cmpuint (by_codec, >, twins.frames / 2);
  else if (uses == PIXEL)
    g_assert_cmpuint (by_codec, ==, 0);
  playing_finish (pipeline, &twins, b->least);
}

/* Where streams of several decoders come together, each must be as its decoder left it. */
static void
test_joined (void)
{
  static const gchar *const branches[][3] = {
    {"identity", "identity", NULL},
    {"identity", "deinterlace", "deinterlace"},
    {"deinterlace", "identity", "deinterlace"},
  };
  static const gchar *const needed[] =
      { "deinterlace", "avdec_mpeg2video", NULL };
  guint i;

  if (!test_have (needed))
    return;
  for (i = 0; i < G_N_ELEMENTS (branches); i++) {
    GstElement *pipeline =
        test_pipeline ("funnel name=all ! identity name=last "
        "avdec_mpeg2video ! %s ! all. avdec_mpeg2video ! %s ! all.",
        branches[i][0], branches[i][1]);
    GstElement *last = playing_find (pipeline, "last");
    GstPad *pad = gst_element_get_static_pad (last, "sink");
    const gchar *why = "unset";

    g_assert_cmpint (gst_delta_cnn_upstream_untouched (pad, &why), ==,
        branches[i][2] == NULL);
    g_assert_cmpstr (why, ==, branches[i][2]);
    gst_object_unref (pad);
    gst_object_unref (pipeline);
  }
}

static void
test_between_auto (gconstpointer data)
{
  play_between (data, TRUE, "avdec_mpeg2video");
}

static void
test_between_codec (gconstpointer data)
{
  play_between (data, FALSE, "avdec_mpeg2video");
}

/* --- Decoders --- */

static void
test_decoder (gconstpointer data)
{
  static const Between plain = { "", "", CODEC, CODEC, 95 };
  const gchar *decoder = data;
  const gchar *names[2] = { NULL, NULL };
  gchar *name = g_strndup (decoder, strcspn (decoder, " "));

  names[0] = name;
  if (test_have (names)) {
    play_between (&plain, TRUE, decoder);
    play_between (&plain, FALSE, decoder);
  }
  g_free (name);
}

/* --- The stream's life --- */

static void
test_restart (void)
{
  Twins twins;
  GstElement *pipeline = playing_twins (&twins, "auto");
  gint i;

  if (!pipeline)
    return;
  for (i = 0; i < 3; i++) {
    static const GstState rest[] = { GST_STATE_READY, GST_STATE_NULL,
      GST_STATE_READY
    };

    test_play (pipeline);
    g_assert_cmpuint (test_stat (playing_find (pipeline, "delta"), "frames"),
        ==, 100);
    test_set_state (pipeline, rest[i]);
  }
  playing_finish (pipeline, &twins, 300);
}

static void
test_seek (gconstpointer data)
{
  const gchar *source = data;
  Twins twins;
  GstElement *pipeline = playing_twins (&twins, source);
  GRand *rand = g_rand_new_with_seed (7);
  gint i;

  if (pipeline) {
    test_set_state (pipeline, GST_STATE_PAUSED);
    for (i = 0; i < 24; i++) {
      static const GstSeekFlags flags[] = { GST_SEEK_FLAG_FLUSH,
        GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT,
        GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE,
      };
      gint64 to = g_rand_int_range (rand, 0, 3900) * GST_MSECOND;
      gboolean back = i % 8 == 7;

      g_assert_true (gst_element_seek (pipeline, back ? -1.0 : 1.0,
              GST_FORMAT_TIME, flags[i % G_N_ELEMENTS (flags)],
              GST_SEEK_TYPE_SET, back ? 0 : to, GST_SEEK_TYPE_SET,
              back ? MAX (to, (gint64) GST_SECOND) : -1));
      test_set_state (pipeline, GST_STATE_PAUSED);
      test_set_state (pipeline, GST_STATE_PLAYING);
      g_usleep (i % 3 * 20000);
      test_set_state (pipeline, GST_STATE_PAUSED);
    }
    playing_finish (pipeline, &twins, 24);
  }
  g_rand_free (rand);
}

/* Flushes without a seek, as from an application. */
static void
test_flush (void)
{
  Twins twins;
  GstElement *pipeline = playing_twins (&twins, "auto");
  gint i;

  if (!pipeline)
    return;
  test_set_state (pipeline, GST_STATE_PAUSED);
  for (i = 0; i < 5; i++) {
    GstPad *pad =
        gst_element_get_static_pad (playing_find (pipeline, "decoder"),
        "src");

    gst_pad_push_event (pad, gst_event_new_flush_start ());
    gst_pad_push_event (pad, gst_event_new_flush_stop (FALSE));
    gst_object_unref (pad);
    g_usleep (20000);
  }
  g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, 0));
  test_play (pipeline);
  playing_finish (pipeline, &twins, 100);
}

/* Another size, aspect ratio and chroma format in the middle. */
static void
test_caps_change (void)
{
  static const gchar *const parts[] = { "a", "b", "c", "a" };
  const gchar *clips[3], *all = test_file ("caps-change.m2v");
  Twins twins;
  GstElement *pipeline;
  GString *bytes;
  guint i;

  clips[0] = test_clip ("a.m2v", "-f lavfi -i testsrc2=size=176x144:rate=25 "
      "-frames:v 20 -c:v mpeg2video -g 10 -bf 2 -qscale:v 4");
  clips[1] = test_clip ("b.m2v", "-f lavfi -i testsrc2=size=320x240:rate=25 "
      "-frames:v 20 -c:v mpeg2video -g 10 -bf 2 -qscale:v 4");
  /* Of another size too: libavcodec does not notice when the chroma format alone
   * changes, and puts out garbage that no claim holds for. */
  clips[2] = test_clip ("c.m2v", "-f lavfi -i testsrc2=size=352x240:rate=25 "
      "-frames:v 20 -c:v mpeg2video -g 10 -pix_fmt yuv422p -qscale:v 4");
  if (!clips[0] || !clips[1] || !clips[2] || !test_have (playing_needed))
    return;
  bytes = g_string_new (NULL);
  for (i = 0; i < G_N_ELEMENTS (parts); i++) {
    gchar *contents;
    gsize size;

    g_assert_true (g_file_get_contents (clips[parts[i][0] - 'a'], &contents,
            &size, NULL));
    g_string_append_len (bytes, contents, size);
    g_free (contents);
  }
  g_assert_true (g_file_set_contents (all, bytes->str, bytes->len, NULL));
  g_string_free (bytes, TRUE);

  twins_init (&twins);
  pipeline = test_pipeline (FROM_ES " ! " TWINS_PAIR ("%s", "auto")
      " ! fakesink sync=false", all, test_file ("tiny.onnx"),
      test_file ("tiny.onnx"));
  twins_watch (&twins, pipeline);
  g_assert_cmpuint (test_play (pipeline), ==, 0);
  playing_finish (pipeline, &twins, 70);
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
  g_test_add_func ("/lifecycle/joined", test_joined);
  for (i = 0; i < G_N_ELEMENTS (betweens); i++) {
    gchar *path = g_strdup_printf ("/lifecycle/between/%s/auto",
        betweens[i].name);

    g_test_add_data_func (path, &betweens[i], test_between_auto);
    g_free (path);
    path = g_strdup_printf ("/lifecycle/between/%s/codec", betweens[i].name);
    g_test_add_data_func (path, &betweens[i], test_between_codec);
    g_free (path);
  }
  g_test_add_data_func ("/lifecycle/decoder/avdec-1-thread",
      "avdec_mpeg2video max-threads=1", test_decoder);
  g_test_add_data_func ("/lifecycle/decoder/avdec-4-threads",
      "avdec_mpeg2video max-threads=4", test_decoder);
  g_test_add_data_func ("/lifecycle/decoder/mpeg2dec", "mpeg2dec",
      test_decoder);
  g_test_add_func ("/lifecycle/restart", test_restart);
  g_test_add_data_func ("/lifecycle/seek/auto", "auto", test_seek);
  g_test_add_data_func ("/lifecycle/seek/codec", "codec", test_seek);
  g_test_add_data_func ("/lifecycle/seek/pixel", "pixel", test_seek);
  g_test_add_func ("/lifecycle/flush", test_flush);
  g_test_add_func ("/lifecycle/caps-change", test_caps_change);
  return test_run ();
}
