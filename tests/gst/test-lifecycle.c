/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Never a wrong reuse: whatever happens to a stream, on every frame the result of
 * a deltacnn equals that of a twin behind it that computes everything.
 */
#include "common.h"
#include <string.h>

#define DECODED "deltaextract name=extract ! avdec_mpeg2video name=decoder "
#define FROM_MKV \
    "filesrc location=%s ! matroskademux name=demux ! mpegvideoparse name=parser ! " \
    DECODED
#define FROM_ES "filesrc location=%s ! mpegvideoparse ! " DECODED

static const gchar *const needed[] = { "filesrc", "matroskademux",
  "mpegvideoparse", "avdec_mpeg2video", NULL
};

static GstElement *
find (GstElement * pipeline, const gchar * name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  g_assert_nonnull (element);
  gst_object_unref (element);   /* the pipeline keeps it */
  return element;
}

static void
probe (GstElement * pipeline, const gchar * name, const gchar * pad_name,
    GstPadProbeCallback callback, gpointer data)
{
  GstPad *pad = gst_element_get_static_pad (find (pipeline, name), pad_name);

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, callback, data, NULL);
  gst_object_unref (pad);
}

static void
finish (GstElement * pipeline, Twins * twins, guint least)
{
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_test_message ("%u frames: %u full, %u partial, %u reused; worst %g",
      twins->frames, twins->full, twins->partial, twins->reused, twins->worst);
  if (twins->wrong)
    g_error ("%u of %u frames are wrong, the first is %u", twins->wrong,
        twins->frames, twins->first_wrong);
  g_assert_cmpuint (twins->frames, >=, least);
  twins_clear (twins);
}

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

  if (!clip || !test_have (needed))
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
  by_codec = test_stat (find (pipeline, "delta"), "by-codec");
  if (uses == CODEC)
    g_assert_cmpuint (by_codec, >, twins.frames / 2);
  else if (uses == PIXEL)
    g_assert_cmpuint (by_codec, ==, 0);
  finish (pipeline, &twins, b->least);
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

/* A parsed pipeline links a demuxer once; after a restart its pad is another. */
static void
link_again (GstElement * demux, GstPad * pad, GstElement * parser)
{
  GstPad *sink = gst_element_get_static_pad (parser, "sink");

  if (!gst_pad_is_linked (sink))
    gst_pad_link (pad, sink);
  gst_object_unref (sink);
}

static GstElement *
twins_of_clip (Twins * twins, const gchar * source)
{
  const gchar *clip = test_moving_clip ();
  const gchar *tiny = test_file ("tiny.onnx");
  GstElement *pipeline;

  if (!clip || !test_have (needed))
    return NULL;
  twins_init (twins);
  pipeline = test_pipeline (FROM_MKV " ! deltacnn name=delta source=%s "
      "top-k=100 threads=1 model-file=%s ! deltacnn name=dense mode=dense "
      "top-k=100 threads=1 model-file=%s ! fakesink name=sink sync=false", clip,
      source, tiny, tiny);
  g_signal_connect (find (pipeline, "demux"), "pad-added",
      G_CALLBACK (link_again), find (pipeline, "parser"));
  twins_watch (twins, pipeline);
  return pipeline;
}

static void
test_restart (void)
{
  Twins twins;
  GstElement *pipeline = twins_of_clip (&twins, "auto");
  gint i;

  if (!pipeline)
    return;
  for (i = 0; i < 3; i++) {
    static const GstState rest[] = { GST_STATE_READY, GST_STATE_NULL,
      GST_STATE_READY
    };

    test_play (pipeline);
    g_assert_cmpuint (test_stat (find (pipeline, "delta"), "frames"), ==, 100);
    test_set_state (pipeline, rest[i]);
  }
  finish (pipeline, &twins, 300);
}

static void
test_seek (gconstpointer data)
{
  const gchar *source = data;
  Twins twins;
  GstElement *pipeline = twins_of_clip (&twins, source);
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
    finish (pipeline, &twins, 24);
  }
  g_rand_free (rand);
}

/* Flushes without a seek, as from an application. */
static void
test_flush (void)
{
  Twins twins;
  GstElement *pipeline = twins_of_clip (&twins, "auto");
  gint i;

  if (!pipeline)
    return;
  test_set_state (pipeline, GST_STATE_PAUSED);
  for (i = 0; i < 5; i++) {
    GstPad *pad = gst_element_get_static_pad (find (pipeline, "decoder"),
        "src");

    gst_pad_push_event (pad, gst_event_new_flush_start ());
    gst_pad_push_event (pad, gst_event_new_flush_stop (FALSE));
    gst_object_unref (pad);
    g_usleep (20000);
  }
  g_assert_true (gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH, 0));
  test_play (pipeline);
  finish (pipeline, &twins, 100);
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
  if (!clips[0] || !clips[1] || !clips[2] || !test_have (needed))
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
  finish (pipeline, &twins, 70);
}

/* --- What goes wrong on the way --- */

typedef struct
{
  GRand *rand;
  GstDeltaPicture *last;
  GPtrArray *foreign;           /* pictures of another stream */
  guint n;
} Mischief;

static GstPadProbeReturn
drop_some (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;

  return m->n++ > 2 && g_rand_int_range (m->rand, 0, 3) == 0 ?
      GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

/* As leaky queues do it: the next buffer says that something is missing. */
static GstPadProbeReturn
drop_and_tell (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstBuffer *buffer;

  if (m->n++ > 2 && g_rand_int_range (m->rand, 0, 6) == 0) {
    m->last = GINT_TO_POINTER (1);
    return GST_PAD_PROBE_DROP;
  }
  if (m->last) {
    buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
    GST_PAD_PROBE_INFO_DATA (info) = buffer;
    m->last = NULL;
  }
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
mark_discont (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;

  if (g_rand_int_range (m->rand, 0, 4) == 0) {
    GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

    GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_DISCONT);
    GST_PAD_PROBE_INFO_DATA (info) = b;
  }
  return GST_PAD_PROBE_OK;
}

/* Draws into frames and marks them corrupted, as decoders that conceal do. */
static GstPadProbeReturn
corrupt_some (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;

  if (g_rand_int_range (m->rand, 0, 3) == 0) {
    GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

    gst_buffer_memset (b, g_rand_int_range (m->rand, 0, 352 * 200),
        g_rand_int_range (m->rand, 0, 256), 352 * 40);
    GST_BUFFER_FLAG_SET (b, GST_BUFFER_FLAG_CORRUPTED);
    GST_PAD_PROBE_INFO_DATA (info) = b;
  }
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
lose_metas (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;

  if (g_rand_int_range (m->rand, 0, 3) == 0) {
    GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    GstMeta *meta = (GstMeta *) gst_buffer_get_delta_coding_meta (b);

    if (meta)
      gst_buffer_remove_meta (b, meta);
    GST_PAD_PROBE_INFO_DATA (info) = b;
  }
  return GST_PAD_PROBE_OK;
}

/* Now and then the meta of the frame before stays on the buffer. */
static GstPadProbeReturn
stale_metas (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (b);
  GstDeltaPicture *own;

  GST_PAD_PROBE_INFO_DATA (info) = b;
  g_assert_nonnull (meta);
  own = gst_delta_picture_ref (meta->picture);
  if (m->last && m->n > 20 && g_rand_int_range (m->rand, 0, 4) == 0)
    gst_buffer_add_delta_coding_meta (b, m->last);
  m->n++;
  g_clear_pointer (&m->last, gst_delta_picture_unref);
  m->last = own;
  return GST_PAD_PROBE_OK;
}

/* From some frame on each has its predecessor's. */
static GstPadProbeReturn
late_metas (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (b);
  GstDeltaPicture *own;

  GST_PAD_PROBE_INFO_DATA (info) = b;
  own = gst_delta_picture_ref (meta->picture);
  if (m->last && m->n > 40)
    gst_buffer_add_delta_coding_meta (b, m->last);
  m->n++;
  g_clear_pointer (&m->last, gst_delta_picture_unref);
  m->last = own;
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
collect_metas (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstDeltaCodingMeta *meta =
      gst_buffer_get_delta_coding_meta (GST_PAD_PROBE_INFO_BUFFER (info));

  if (meta)
    g_ptr_array_add (m->foreign, gst_delta_picture_ref (meta->picture));
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
foreign_metas (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;

  if (m->n < m->foreign->len) {
    GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

    gst_buffer_add_delta_coding_meta (b,
        g_ptr_array_index (m->foreign, m->n++));
    GST_PAD_PROBE_INFO_DATA (info) = b;
  }
  return GST_PAD_PROBE_OK;
}

typedef struct
{
  const gchar *name;
  const gchar *element, *pad;
  GstPadProbeCallback callback;
  guint least;
  gboolean warns;               /* the mismatch must be told, once */
} Trouble;

static const Trouble troubles[] = {
  {"dropped-frames", "decoder", "src", drop_some, 30, FALSE},
  {"dropped-pictures", "extract", "src", drop_and_tell, 30, FALSE},
  {"dropped-coded", "extract", "sink", drop_and_tell, 30, FALSE},
  {"discont", "extract", "sink", mark_discont, 30, FALSE},
  {"discont-frames", "decoder", "src", mark_discont, 100, FALSE},
  {"corrupted", "decoder", "src", corrupt_some, 100, FALSE},
  {"missing-metas", "decoder", "src", lose_metas, 100, FALSE},
  {"stale-metas", "decoder", "src", stale_metas, 100, TRUE},
  {"late-metas", "decoder", "src", late_metas, 100, TRUE},
  {"foreign-metas", "decoder", "src", foreign_metas, 100, TRUE},
};

static gboolean
collect_foreign (Mischief * m)
{
  const gchar *still = test_clip ("still.mkv",
      "-f lavfi -i smptehdbars=size=352x288:rate=25:duration=4 -c:v mpeg2video "
      "-g 15 -bf 2 -qscale:v 4 -pix_fmt yuv420p");
  GstElement *pipeline;

  if (!still)
    return FALSE;
  pipeline = test_pipeline (FROM_MKV "! fakesink sync=false", still);
  probe (pipeline, "decoder", "src", collect_metas, m);
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_assert_cmpuint (m->foreign->len, >=, 100);
  return TRUE;
}

static void
test_trouble (gconstpointer data)
{
  const Trouble *t = data;
  gint source;
  guint32 seed;

  for (source = 0; source < 2; source++) {
    for (seed = 1; seed <= 3; seed++) {
      Twins twins;
      Mischief m = { 0 };
      GstElement *pipeline = twins_of_clip (&twins, source ? "codec" : "auto");
      guint warnings;

      if (!pipeline)
        return;
      m.rand = g_rand_new_with_seed (seed);
      m.foreign = g_ptr_array_new_with_free_func ((GDestroyNotify)
          gst_delta_picture_unref);
      if (t->callback != foreign_metas || collect_foreign (&m)) {
        m.n = 0;
        probe (pipeline, t->element, t->pad, t->callback, &m);
        warnings = test_play (pipeline);
        g_assert_cmpuint (warnings, ==, t->warns ? 1 : 0);
        /* Lost pictures may refute claims without anybody being to blame. */
        if (t->callback != drop_and_tell)
          g_assert_cmpuint (test_stat (find (pipeline, "delta"), "mismatches"),
              ==, t->warns ? 1 : 0);
      }
      finish (pipeline, &twins, t->least);
      if (t->callback == stale_metas || t->callback == late_metas)
        g_clear_pointer (&m.last, gst_delta_picture_unref);
      g_rand_free (m.rand);
      g_ptr_array_unref (m.foreign);
    }
  }
}

/* A late sink: the decoder leaves out pictures, deltacnn leaves out frames. */
static GstPadProbeReturn
complain (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstClockTime pts = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
  GstClockTimeDiff late = m->n++ / 10 % 2 ? 200 * GST_MSECOND
      : -100 * GST_MSECOND;

  /* A frame cannot be earlier than the stream. */
  late = MAX (late, -(GstClockTimeDiff) pts);
  gst_pad_push_event (pad, gst_event_new_qos (GST_QOS_TYPE_UNDERFLOW,
          late > 0 ? 2.0 : 0.5, late, pts));
  return GST_PAD_PROBE_OK;
}

static void
test_qos (gconstpointer data)
{
  const gchar *where = data;
  Twins twins;
  Mischief m = { 0 };
  GstElement *pipeline = twins_of_clip (&twins, "codec");

  if (!pipeline)
    return;
  probe (pipeline, where, "sink", complain, &m);
  test_play (pipeline);
  g_assert_cmpuint (twins.frames, <, 100);
  g_assert_cmpuint (test_stat (find (pipeline, "delta"), "by-codec"), >, 5);
  finish (pipeline, &twins, 15);
}

/* Bits flipped and bytes cut out before anybody parsed. */
static void
test_damaged (gconstpointer data)
{
  const gchar *clip = test_clip ("damage.m2v",
      "-f lavfi -i smptehdbars=size=352x288:rate=25:duration=4 "
      "-f lavfi -i testsrc2=size=80x64:rate=25:duration=4 -filter_complex "
      "'[0][1]overlay=x=40+t*40:y=96+40*sin(t*3)' -c:v mpeg2video -g 15 -bf 2 "
      "-qscale:v 4 -pix_fmt yuv420p");
  const gchar *damaged = test_file ("damaged.m2v");
  gboolean cut = GPOINTER_TO_INT (data);
  guint32 seed;

  if (!clip || !test_have (needed))
    return;
  for (seed = 1; seed <= 6; seed++) {
    GRand *rand = g_rand_new_with_seed (seed);
    GstElement *pipeline;
    Twins twins;
    gchar *bytes;
    gsize size, i;

    g_assert_true (g_file_get_contents (clip, &bytes, &size, NULL));
    for (i = 0; i < 25; i++) {
      gsize at = g_rand_int_range (rand, 5000, size - 3000);

      if (cut) {
        gsize n = g_rand_int_range (rand, 1, 2000);

        memmove (bytes + at, bytes + at + n, size - at - n);
        size -= n;
      } else {
        bytes[at] ^= 1 << g_rand_int_range (rand, 0, 8);
      }
    }
    g_assert_true (g_file_set_contents (damaged, bytes, size, NULL));
    g_free (bytes);
    g_rand_free (rand);

    twins_init (&twins);
    pipeline = test_pipeline (FROM_ES " max-threads=%d ! "
        TWINS_PAIR ("%s", "codec") " ! fakesink sync=false", damaged,
        seed % 2 ? 1 : 4, test_file ("tiny.onnx"), test_file ("tiny.onnx"));
    twins_watch (&twins, pipeline);
    test_play (pipeline);
    finish (pipeline, &twins, 40);
  }
}

/* Properties that may change at any time, while running. */
static GstPadProbeReturn
turn_knobs (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  GstElement *delta = GST_PAD_PARENT (pad);
  static const gchar *const sources[] = { "auto", "codec", "pixel" };

  if (g_rand_int_range (m->rand, 0, 4) == 0)
    gst_util_set_object_arg (G_OBJECT (delta), "source",
        sources[g_rand_int_range (m->rand, 0, 3)]);
  if (g_rand_int_range (m->rand, 0, 6) == 0)
    gst_util_set_object_arg (G_OBJECT (delta), "mode",
        g_rand_boolean (m->rand) ? "dense" : "delta");
  if (g_rand_int_range (m->rand, 0, 6) == 0)
    g_object_set (delta, "threads", g_rand_int_range (m->rand, 0, 4), NULL);
  return GST_PAD_PROBE_OK;
}

static void
test_knobs (void)
{
  Twins twins;
  Mischief m = { 0 };
  GstElement *pipeline = twins_of_clip (&twins, "auto");

  if (!pipeline)
    return;
  m.rand = g_rand_new_with_seed (3);
  probe (pipeline, "delta", "sink", turn_knobs, &m);
  test_play (pipeline);
  finish (pipeline, &twins, 100);
  g_rand_free (m.rand);
}

/* Tolerance for a while, then none: what was let pass must be made good at once. */
static GstPadProbeReturn
tolerance_ends (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  Twins *twins = (Twins *) m->foreign;

  if (++m->n == 50) {
    g_object_set (GST_PAD_PARENT (pad), "tolerance", 0.0, NULL);
    /* Until here there may be differences. */
    g_mutex_lock (&twins->lock);
    twins->wrong = 0;
    g_mutex_unlock (&twins->lock);
  }
  return GST_PAD_PROBE_OK;
}

static void
test_tolerance (void)
{
  Twins twins;
  Mischief m = { 0 };
  GstElement *pipeline = twins_of_clip (&twins, "auto");

  if (!pipeline)
    return;
  m.foreign = (GPtrArray *) & twins;
  g_object_set (find (pipeline, "delta"), "tolerance", 0.3, NULL);
  probe (pipeline, "delta", "sink", tolerance_ends, &m);
  test_play (pipeline);
  /* Or the tolerance did nothing, and the test shows nothing. */
  g_assert_cmpfloat (twins.worst, >, 1e-4);
  finish (pipeline, &twins, 100);
}

/* Something begins to draw in the middle of a stream whose codec is believed by
 * order (source=codec).  It is found within 32 frames, told once, and from then on
 * the results are right. */
static GstPadProbeReturn
draw_late (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Mischief *m = data;
  Twins *twins = (Twins *) m->foreign;

  if (m->n >= 30) {
    GstBuffer *b = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
    gint y;

    for (y = 200; y < 232; y++)
      gst_buffer_memset (b, y * 352 + 200, m->n * 7, 48);
    GST_PAD_PROBE_INFO_DATA (info) = b;
  }
  if (++m->n == 30 + 33) {
    g_mutex_lock (&twins->lock);
    twins->wrong = 0;
    g_mutex_unlock (&twins->lock);
  }
  return GST_PAD_PROBE_OK;
}

static void
test_late_drawing (void)
{
  Twins twins;
  Mischief m = { 0 };
  GstElement *pipeline = twins_of_clip (&twins, "codec");

  if (!pipeline)
    return;
  m.foreign = (GPtrArray *) & twins;
  probe (pipeline, "decoder", "src", draw_late, &m);
  g_assert_cmpuint (test_play (pipeline), ==, 1);
  g_assert_cmpuint (test_stat (find (pipeline, "delta"), "mismatches"), ==, 1);
  finish (pipeline, &twins, 100);
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
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
  for (i = 0; i < G_N_ELEMENTS (troubles); i++) {
    gchar *path = g_strdup_printf ("/lifecycle/trouble/%s", troubles[i].name);

    g_test_add_data_func (path, &troubles[i], test_trouble);
    g_free (path);
  }
  g_test_add_data_func ("/lifecycle/qos/decoder", "delta", test_qos);
  g_test_add_data_func ("/lifecycle/qos/all", "sink", test_qos);
  g_test_add_data_func ("/lifecycle/damaged/bits", GINT_TO_POINTER (0),
      test_damaged);
  g_test_add_data_func ("/lifecycle/damaged/cuts", GINT_TO_POINTER (1),
      test_damaged);
  g_test_add_func ("/lifecycle/knobs", test_knobs);
  g_test_add_func ("/lifecycle/tolerance", test_tolerance);
  g_test_add_func ("/lifecycle/late-drawing", test_late_drawing);
  return test_run ();
}
