/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Never a wrong reuse: what goes wrong on the way (frames, pictures and metas lost, late, damaged, drawn over), and
 * properties that change while frames flow.  On every frame the result of a deltacnn equals that of a twin behind it
 * that computes everything.
 */
#include "playing.h"
#include <string.h>

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
  playing_probe (pipeline, "decoder", "src", collect_metas, m);
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
      GstElement *pipeline = playing_twins (&twins, source ? "codec" : "auto");
      guint warnings;

      if (!pipeline)
        return;
      m.rand = g_rand_new_with_seed (seed);
      m.foreign = g_ptr_array_new_with_free_func ((GDestroyNotify)
          gst_delta_picture_unref);
      if (t->callback != foreign_metas || collect_foreign (&m)) {
        m.n = 0;
        playing_probe (pipeline, t->element, t->pad, t->callback, &m);
        warnings = test_play (pipeline);
        g_assert_cmpuint (warnings, ==, t->warns ? 1 : 0);
        /* Lost pictures may refute claims without anybody being to blame. */
        if (t->callback != drop_and_tell)
          g_assert_cmpuint (test_stat (playing_find (pipeline, "delta"),
                  "mismatches"), ==, t->warns ? 1 : 0);
      }
      playing_finish (pipeline, &twins, t->least);
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
  GstElement *pipeline = playing_twins (&twins, "codec");

  if (!pipeline)
    return;
  playing_probe (pipeline, where, "sink", complain, &m);
  test_play (pipeline);
  g_assert_cmpuint (twins.frames, <, 100);
  g_assert_cmpuint (test_stat (playing_find (pipeline, "delta"), "by-codec"), >,
      5);
  playing_finish (pipeline, &twins, 15);
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

  if (!clip || !test_have (playing_needed))
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
    playing_finish (pipeline, &twins, 40);
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
  GstElement *pipeline = playing_twins (&twins, "auto");

  if (!pipeline)
    return;
  m.rand = g_rand_new_with_seed (3);
  playing_probe (pipeline, "delta", "sink", turn_knobs, &m);
  test_play (pipeline);
  playing_finish (pipeline, &twins, 100);
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
  GstElement *pipeline = playing_twins (&twins, "auto");

  if (!pipeline)
    return;
  m.foreign = (GPtrArray *) & twins;
  g_object_set (playing_find (pipeline, "delta"), "tolerance", 0.3, NULL);
  playing_probe (pipeline, "delta", "sink", tolerance_ends, &m);
  test_play (pipeline);
  /* Or the tolerance did nothing, and the test shows nothing. */
  g_assert_cmpfloat (twins.worst, >, 1e-4);
  playing_finish (pipeline, &twins, 100);
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
  GstElement *pipeline = playing_twins (&twins, "codec");

  if (!pipeline)
    return;
  m.foreign = (GPtrArray *) & twins;
  playing_probe (pipeline, "decoder", "src", draw_late, &m);
  g_assert_cmpuint (test_play (pipeline), ==, 1);
  g_assert_cmpuint (test_stat (playing_find (pipeline, "delta"), "mismatches"),
      ==, 1);
  playing_finish (pipeline, &twins, 100);
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
  for (i = 0; i < G_N_ELEMENTS (troubles); i++) {
    gchar *path = g_strdup_printf ("/trouble/stream/%s", troubles[i].name);

    g_test_add_data_func (path, &troubles[i], test_trouble);
    g_free (path);
  }
  g_test_add_data_func ("/trouble/qos/decoder", "delta", test_qos);
  g_test_add_data_func ("/trouble/qos/all", "sink", test_qos);
  g_test_add_data_func ("/trouble/damaged/bits", GINT_TO_POINTER (0),
      test_damaged);
  g_test_add_data_func ("/trouble/damaged/cuts", GINT_TO_POINTER (1),
      test_damaged);
  g_test_add_func ("/trouble/knobs", test_knobs);
  g_test_add_func ("/trouble/tolerance", test_tolerance);
  g_test_add_func ("/trouble/late-drawing", test_late_drawing);
  return test_run ();
}
