/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The approximate sources, as a user meets them: a still picture costs nothing and
 * is classified as in dense mode; what is reported is what was done; `auto` keeps
 * away from them; and nothing of them is left when another source is chosen.
 */
#include "frames.h"
#include <string.h>
#include "coding/picture.h"
#include "rivals/track.h"

static const gchar *const sources[] = { "histogram", "diamond", "motion" };

static GstHarness *
harness (const gchar * source)
{
  GstHarness *h = frames_harness ("tiny.onnx", "top-k", 6, NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "source", source);
  return h;
}

static GstDeltaCnnMeta *
push (GstHarness * h, GstBuffer * buffer, GstBuffer ** out)
{
  GstDeltaCnnMeta *meta;

  *out = frames_push (h, buffer);
  meta = gst_buffer_get_delta_cnn_meta (*out);
  g_assert_nonnull (meta);
  return meta;
}

static void
assert_like_dense (GstDeltaCnnMeta * meta, GstHarness * dense, GstBuffer * in)
{
  GstBuffer *out;
  GstDeltaCnnMeta *exact = push (dense, in, &out);
  guint i;

  for (i = 0; i < 6; i++) {
    g_assert_cmpuint (meta->results[i].index, ==, exact->results[i].index);
    g_assert_cmpfloat_with_epsilon (meta->results[i].confidence,
        exact->results[i].confidence, 1e-5);
  }
  gst_buffer_unref (out);
}

static void
test_still (gconstpointer data)
{
  const gchar *source = data;
  GstHarness *h = harness (source), *dense = harness ("pixel");
  GstStructure *stats;
  const gchar *used;
  guint64 by_rival;
  guint i;

  gst_util_set_object_arg (G_OBJECT (dense->element), "mode", "dense");
  for (i = 0; i < 25; i++) {
    GstBuffer *out;
    GstDeltaCnnMeta *meta = push (h, frames_make (i, -1), &out);

    g_assert_cmpint (meta->reuse, ==, i ? GST_DELTA_CNN_REUSE_REUSED :
        GST_DELTA_CNN_REUSE_FULL);
    g_assert_cmpfloat (meta->multiplies, ==, i ? 0.0 : 1.0);
    assert_like_dense (meta, dense, frames_make (i, -1));
    gst_buffer_unref (out);
  }
  g_object_get (h->element, "stats", &stats, NULL);
  used = gst_structure_get_string (stats, "source");
  g_assert_cmpstr (used, ==, source);
  g_assert_true (gst_structure_get_uint64 (stats, "by-rival", &by_rival));
  g_assert_cmpuint (by_rival, ==, 24);  /* the first had nothing to go by */
  gst_structure_free (stats);
  gst_harness_teardown (dense);
  gst_harness_teardown (h);
}

/* Frames that change: what comes out is approximate, but a full frame is not; and
 * after another source was chosen, a flush, or other caps, nothing is. */
static void
test_no_trace (gconstpointer data)
{
  const gchar *source = data;
  GstHarness *h = harness (source), *dense = harness ("pixel");
  GstBuffer *out;
  GstDeltaCnnMeta *meta;
  guint i, round, full = 0;

  gst_util_set_object_arg (G_OBJECT (dense->element), "mode", "dense");
  for (round = 0; round < 3; round++) {
    gst_util_set_object_arg (G_OBJECT (h->element), "source", source);
    for (i = 0; i < 7; i++) {
      meta = push (h, frames_make (i, i * 5), &out);
      g_assert_cmpfloat (meta->multiplies, <=, 1.0 + 1e-9);
      if (meta->reuse == GST_DELTA_CNN_REUSE_FULL) {
        full++;
        assert_like_dense (meta, dense, frames_make (i, i * 5));
      }
      gst_buffer_unref (out);
    }
    if (round == 0)
      gst_util_set_object_arg (G_OBJECT (h->element), "source", "pixel");
    else if (round == 1)
      gst_util_set_object_arg (G_OBJECT (h->element), "mode", "dense");
    else
      gst_harness_set_src_caps_str (h, FRAMES_CAPS ",pixel-aspect-ratio=2/1");
    meta = push (h, frames_make (i, i * 5), &out);
    g_assert_cmpint (meta->reuse, ==, GST_DELTA_CNN_REUSE_FULL);
    assert_like_dense (meta, dense, frames_make (i, i * 5));
    gst_buffer_unref (out);
    gst_util_set_object_arg (G_OBJECT (h->element), "mode", "delta");
  }
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  {
    GstSegment segment;

    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
  }
  meta = push (h, frames_make (0, 11), &out);
  g_assert_cmpint (meta->reuse, ==, GST_DELTA_CNN_REUSE_FULL);
  gst_buffer_unref (out);
  g_assert_cmpuint (full, >=, 3);
  g_assert_cmpuint (full, <, 21);       /* the source did something */
  gst_harness_teardown (dense);
  gst_harness_teardown (h);
}

/* Frames of another size. */
static void
test_size_change (gconstpointer data)
{
  const gchar *source = data;
  GstHarness *h = harness (source);
  guint i;

  for (i = 0; i < 12; i++) {
    gint w = i % 4 < 2 ? 64 : 33, height = i % 4 < 2 ? 48 : 17;
    gchar *caps = g_strdup_printf ("video/x-raw,format=GRAY8,width=%d,"
        "height=%d,framerate=25/1", w, height);
    GstBuffer *out, *in = gst_buffer_new_allocate (NULL,
        GST_ROUND_UP_4 (w) * height, NULL);
    GstDeltaCnnMeta *meta;

    gst_buffer_memset (in, 0, i * 9, gst_buffer_get_size (in));
    gst_harness_set_src_caps_str (h, caps);
    g_free (caps);
    meta = push (h, in, &out);
    g_assert_true (meta->reuse == GST_DELTA_CNN_REUSE_FULL || i % 2);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
}

/* What a colour histogram keeps goes unnoticed: the documented limit. */
static void
test_histogram_misses (void)
{
  GstHarness *h = harness ("histogram");
  GstBuffer *out, *swapped = frames_make (1, 0);
  GstDeltaCnnMeta *meta;
  GstMapInfo map;
  gint y;

  gst_buffer_unref (gst_harness_push_and_pull (h, frames_make (0, 0)));
  /* Lines of the bright square's cell change places, line by line. */
  gst_buffer_map (swapped, &map, GST_MAP_READWRITE);
  for (y = 0; y < 3; y++) {
    guint8 keep[24];

    memcpy (keep, map.data + y * FRAMES_W * 3 + 24, 24);
    memcpy (map.data + y * FRAMES_W * 3 + 24,
        map.data + (5 - y) * FRAMES_W * 3 + 24, 24);
    memcpy (map.data + (5 - y) * FRAMES_W * 3 + 24, keep, 24);
  }
  gst_buffer_unmap (swapped, &map);
  meta = push (h, swapped, &out);
  g_assert_cmpint (meta->reuse, ==, GST_DELTA_CNN_REUSE_REUSED);
  gst_buffer_unref (out);
  /* Another colour does not. */
  meta = push (h, frames_make (2, 9), &out);
  g_assert_cmpint (meta->reuse, !=, GST_DELTA_CNN_REUSE_REUSED);
  g_assert_cmpfloat (meta->changed, >, 0.0);
  g_assert_cmpfloat (meta->changed, <, 0.2);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* --- Clips --- */

/* A texture that passes by, 4 samples a frame. */
#define PAN "-f lavfi -i \"nullsrc=s=800x240:r=25:d=0.04,geq=lum='128+50*sin(X/9)*" \
    "cos(Y/7)+30*sin((X+2*Y)/17)+20*sin(X/31)':cb=128:cr=128,loop=-1:1:0," \
    "trim=end_frame=40,setpts=N/25/TB,crop=352:240:'4*n':0\" -pix_fmt yuv420p "

typedef struct
{
  const gchar *name, *options, *chain;
} Clip;

static const Clip clips[] = {
  {"pan.mpg", PAN "-c:v mpeg2video -g 12 -bf 2 -qscale:v 3 -f mpeg2video",
      "mpegvideoparse ! deltaextract name=extract ! avdec_mpeg2video name=decoder"},
  {"pan.264", PAN "-c:v libx264 -preset fast -g 40 -bf 3 -qp 20 -f h264",
      "h264parse ! deltaextract name=extract ! avdec_h264 name=decoder"},
};

typedef struct
{
  DcnTrack *track;
  guint frames, with_field, of_b, age;
} Pan;

static gint
by_value (gconstpointer a, gconstpointer b)
{
  gfloat x = *(const gfloat *) a, y = *(const gfloat *) b;

  return (x > y) - (x < y);
}

static GstPadProbeReturn
follow (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Pan *pan = data;
  GstDeltaCodingMeta *coding =
      gst_buffer_get_delta_coding_meta (GST_PAD_PROBE_INFO_BUFFER (info));
  DcnPlacement whole = { 0.0, 0.0, 1.0, 1.0 };
  DcnField *field;
  gint cols, rows;
  gsize n;

  g_assert_nonnull (coding);
  pan->frames++;
  pan->age++;
  g_assert_true (dcn_track_add (pan->track, coding->picture));
  dcn_track_grid (pan->track, &cols, &rows);
  field = dcn_field_new (cols, rows);
  n = (gsize) cols *rows;
  if (dcn_track_to_key (pan->track, &whole, field) && pan->age < 5) {
    /* The camera goes right: what is at p was at p + 4 a frame before. */
    qsort (field->x, n, sizeof *field->x, by_value);
    qsort (field->y, n, sizeof *field->y, by_value);
    g_assert_cmpfloat_with_epsilon (field->x[n / 2], 4.0 * pan->age, 1.0);
    g_assert_cmpfloat_with_epsilon (field->x[n / 4], 4.0 * pan->age, 2.0);
    g_assert_cmpfloat_with_epsilon (field->x[n * 3 / 4], 4.0 * pan->age, 2.0);
    g_assert_cmpfloat_with_epsilon (field->y[n / 2], 0.0, 0.5);
    pan->with_field++;
    pan->of_b += gst_delta_picture_get_picture_type (coding->picture)
        == GST_DELTA_PICTURE_TYPE_B;
  } else {
    dcn_track_set_key (pan->track);
    pan->age = 0;
  }
  dcn_field_free (field);
  return GST_PAD_PROBE_OK;
}

/* Vectors of real streams, B pictures and key pictures of any type among them, lead
 * back to where things were. */
static void
test_vectors (gconstpointer data)
{
  const Clip *clip = data;
  const gchar *path = test_clip (clip->name, clip->options);
  Pan pan = { 0 };
  GstElement *pipeline, *sink;
  GstPad *pad;

  if (!path)
    return;
  pan.track = dcn_track_new ();
  pipeline = test_pipeline ("filesrc location=%s ! %s ! fakesink name=sink "
      "sync=false", path, clip->chain);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, follow, &pan, NULL);
  gst_object_unref (pad);
  gst_object_unref (sink);
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  dcn_track_free (pan.track);
  g_test_message ("%u frames, %u with a field, %u of them B", pan.frames,
      pan.with_field, pan.of_b);
  g_assert_cmpuint (pan.frames, >=, 39);
  g_assert_cmpuint (pan.with_field, >=, 25);
  g_assert_cmpuint (pan.of_b, >=, 10);
}

typedef struct
{
  guint frames, full, damaged;
  guint64 by_rival;
  gdouble most_partial;         /* multiplies of a frame that was not full */
  GRand *rand;
} Count;

static GstPadProbeReturn
count (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Count *c = data;
  GstDeltaCnnMeta *meta =
      gst_buffer_get_delta_cnn_meta (GST_PAD_PROBE_INFO_BUFFER (info));

  g_assert_nonnull (meta);
  c->frames++;
  if (meta->reuse == GST_DELTA_CNN_REUSE_FULL) {
    c->full++;
    g_assert_cmpfloat_with_epsilon (meta->multiplies, 1.0, 1e-9);
  } else {
    c->most_partial = MAX (c->most_partial, meta->multiplies);
  }
  return GST_PAD_PROBE_OK;
}

/* Coded pictures lose bytes, or get lost. */
static GstPadProbeReturn
damage (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Count *c = data;
  GstBuffer *buffer;
  GstMapInfo map;

  switch (g_rand_int_range (c->rand, 0, 5)) {
    case 0:
      c->damaged++;
      return GST_PAD_PROBE_DROP;
    case 1:
      c->damaged++;
      buffer = gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));
      GST_PAD_PROBE_INFO_DATA (info) = buffer;
      gst_buffer_map (buffer, &map, GST_MAP_READWRITE);
      if (map.size > 60)
        memset (map.data + g_rand_int_range (c->rand, 40, map.size), 0x55, 1);
      gst_buffer_unmap (buffer, &map);
      return GST_PAD_PROBE_OK;
    default:
      return GST_PAD_PROBE_OK;
  }
}

static void
play (const Clip * clip, const gchar * source, gboolean damaged,
    const gchar * between, Count * c)
{
  const gchar *path = test_clip (clip->name, clip->options);
  GstElement *pipeline, *element;
  GstPad *pad;

  memset (c, 0, sizeof *c);
  if (!path)
    return;
  c->rand = g_rand_new_with_seed (1);
  pipeline = test_pipeline ("filesrc location=%s ! %s %s ! deltacnn name=cnn "
      "threads=1 source=%s model-file=%s ! fakesink sync=false", path,
      clip->chain, between, source, test_file ("tiny.onnx"));
  element = gst_bin_get_by_name (GST_BIN (pipeline), "cnn");
  pad = gst_element_get_static_pad (element, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count, c, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
  if (damaged) {
    element = gst_bin_get_by_name (GST_BIN (pipeline), "extract");
    pad = gst_element_get_static_pad (element, "sink");
    gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, damage, c, NULL);
    gst_object_unref (pad);
    gst_object_unref (element);
  }
  test_play (pipeline);
  element = gst_bin_get_by_name (GST_BIN (pipeline), "cnn");
  c->by_rival = test_stat (element, "by-rival");
  gst_object_unref (element);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_rand_free (c->rand);
  g_test_message ("%s, %s: %u frames, %u full, up to %g of the multiplies in "
      "others, %u damaged", clip->name, source, c->frames, c->full,
      c->most_partial, c->damaged);
}

/* Convolutions on key frames only: every fourth, and I pictures.  tiny.onnx does a
 * small part of its multiplies behind them. */
static void
test_key_frames (void)
{
  Count c;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (clips); i++) {
    play (&clips[i], "motion", FALSE, "", &c);
    if (!c.frames)
      continue;
    g_assert_cmpuint (c.full, >=, c.frames / 4);
    g_assert_cmpuint (c.full, <=, c.frames / 4 + 5);
    g_assert_cmpfloat (c.most_partial, <, 0.2);
    /* Without the codec's vectors, by search. */
    play (&clips[i], "motion", FALSE, "! videoflip video-direction=horiz", &c);
    g_assert_cmpuint (c.full, >=, c.frames / 4);
    g_assert_cmpuint (c.full, <=, c.frames / 4 + 1);
    g_assert_cmpfloat (c.most_partial, >, 0.0);
    g_assert_cmpfloat (c.most_partial, <, 0.2);
  }
}

static void
test_damaged (gconstpointer data)
{
  const gchar *source = data;
  Count c;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (clips); i++) {
    play (&clips[i], source, TRUE, "", &c);
    if (c.frames)
      g_assert_cmpuint (c.damaged, >, 5);
  }
}

/* They are for who asks for them. */
static void
test_auto (void)
{
  Count c;
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  gdouble threshold;
  gint source;
  guint interval;

  g_object_get (element, "source", &source, "renew-interval", &interval,
      "match-threshold", &threshold, NULL);
  g_assert_cmpint (source, ==, 0);
  g_assert_cmpuint (interval, ==, 0);
  g_assert_cmpfloat (threshold, ==, -1.0);
  g_object_set (element, "renew-interval", 7, "match-threshold", 0.5, NULL);
  g_object_get (element, "renew-interval", &interval, "match-threshold",
      &threshold, NULL);
  g_assert_cmpuint (interval, ==, 7);
  g_assert_cmpfloat (threshold, ==, 0.5);
  gst_object_unref (element);
  play (&clips[0], "auto renew-interval=2 match-threshold=0", FALSE, "", &c);
  g_assert_cmpuint (c.by_rival, ==, 0);
  play (&clips[0], "diamond", FALSE, "", &c);
  if (c.frames)
    g_assert_cmpuint (c.by_rival, ==, c.frames - 1);
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
  for (i = 0; i < G_N_ELEMENTS (sources); i++) {
    gchar *path = g_strdup_printf ("/rivals/still/%s", sources[i]);

    g_test_add_data_func (path, sources[i], test_still);
    g_free (path);
    path = g_strdup_printf ("/rivals/no-trace/%s", sources[i]);
    g_test_add_data_func (path, sources[i], test_no_trace);
    g_free (path);
    path = g_strdup_printf ("/rivals/size-change/%s", sources[i]);
    g_test_add_data_func (path, sources[i], test_size_change);
    g_free (path);
    path = g_strdup_printf ("/rivals/damaged/%s", sources[i]);
    g_test_add_data_func (path, sources[i], test_damaged);
    g_free (path);
  }
  g_test_add_data_func ("/rivals/vectors/mpeg2", &clips[0], test_vectors);
  g_test_add_data_func ("/rivals/vectors/h264", &clips[1], test_vectors);
  g_test_add_func ("/rivals/histogram-misses", test_histogram_misses);
  g_test_add_func ("/rivals/key-frames", test_key_frames);
  g_test_add_func ("/rivals/auto", test_auto);
  return test_run ();
}
