/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's surface: what it reports, what it leaves alone, its properties,
 * messages, statistics and allocation.
 */
#include "common.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define W 64
#define H 48
#define SIZE (W * H * 3)
#define CAPS "video/x-raw,format=RGB,width=64,height=48,framerate=25/1"

static GstHarness *
harness (const gchar * model, const gchar * first_property, ...)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstHarness *h;
  va_list args;

  g_object_set (element, "model-file", test_file (model), "threads", 1, NULL);
  va_start (args, first_property);
  g_object_set_valist (G_OBJECT (element), first_property, args);
  va_end (args);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

/* A frame in which the square number `square` (8 x 8 samples) differs. */
static GstBuffer *
frame (guint n, gint square)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, SIZE, NULL);
  GstMapInfo map;
  gint x, y;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (y = 0; y < H; y++)
    for (x = 0; x < W * 3; x++)
      map.data[y * W * 3 + x] = x + 3 * y;
  for (y = 0; square >= 0 && y < 8; y++)
    memset (map.data + (square / 8 * 8 + y) * W * 3 + square % 8 * 24, 200, 24);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = n * GST_SECOND / 25;
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 25;
  return buffer;
}

/* Pushes a frame and returns the one that comes out. */
static GstBuffer *
push (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  return out;
}

static void
test_results (void)
{
  GstHarness *h = harness ("tiny.onnx", "top-k", 4, NULL);
  GstBuffer *out = push (h, frame (0, -1));
  GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (out);
  guint i;

  g_assert_nonnull (meta);
  g_assert_cmpstr (meta->model, ==, "tiny.onnx");
  g_assert_cmpuint (meta->n_results, ==, 4);
  for (i = 0; i < 4; i++) {
    gchar *number = g_strdup_printf ("%u", meta->results[i].index);

    g_assert_cmpuint (meta->results[i].index, <, 6);
    g_assert_cmpstr (meta->results[i].label, ==, number);
    g_assert_cmpfloat (meta->results[i].confidence, >=, 0.0);
    g_assert_cmpfloat (meta->results[i].confidence, <=, 1.0);
    if (i)
      g_assert_cmpfloat (meta->results[i].confidence, <=,
          meta->results[i - 1].confidence);
    g_free (number);
  }
  g_assert_cmpint (meta->picture_type, ==, GST_DELTA_PICTURE_TYPE_UNKNOWN);
  g_assert_cmpint (meta->reuse, ==, GST_DELTA_CNN_REUSE_FULL);
  g_assert_cmpfloat (meta->changed, ==, 1.0);
  g_assert_cmpfloat (meta->multiplies, ==, 1.0);
  g_assert_cmpuint (meta->cols, ==, 8);
  g_assert_cmpuint (meta->rows, ==, 6);
  g_assert_true (GST_CLOCK_TIME_IS_VALID (meta->time_network));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Nothing changed: nothing is computed.  One block changed: little is. */
static void
test_reuse (void)
{
  GstHarness *h = harness ("tiny.onnx", "top-k", 100, NULL);
  GstBuffer *out[3];
  GstDeltaCnnMeta *meta[3];
  const guint8 *blocks;
  gsize size, i;

  out[0] = push (h, frame (0, -1));
  out[1] = push (h, frame (1, -1));
  out[2] = push (h, frame (2, 19));
  for (i = 0; i < 3; i++)
    meta[i] = gst_buffer_get_delta_cnn_meta (out[i]);
  g_assert_cmpint (meta[1]->reuse, ==, GST_DELTA_CNN_REUSE_REUSED);
  g_assert_cmpfloat (meta[1]->changed, ==, 0.0);
  g_assert_cmpfloat (meta[1]->multiplies, ==, 0.0);
  for (i = 0; i < 6; i++) {
    g_assert_cmpuint (meta[1]->results[i].index, ==, meta[0]->results[i].index);
    g_assert_cmpfloat (meta[1]->results[i].confidence, ==,
        meta[0]->results[i].confidence);
  }
  g_assert_cmpint (meta[2]->reuse, ==, GST_DELTA_CNN_REUSE_PARTIAL);
  g_assert_cmpfloat_with_epsilon (meta[2]->changed, 1.0 / 48, 1e-9);
  g_assert_cmpfloat (meta[2]->multiplies, >, 0.0);
  g_assert_cmpfloat (meta[2]->multiplies, <, 0.5);
  blocks = g_bytes_get_data (meta[2]->blocks, &size);
  g_assert_cmpuint (size, ==, 48);
  for (i = 0; i < size; i++)
    g_assert_cmpint (blocks[i], ==, i == 19);
  for (i = 0; i < 3; i++)
    gst_buffer_unref (out[i]);
  gst_harness_teardown (h);
}

/* What is done for a frame in which one block changed. */
static gdouble
work (const gchar * model, gdouble tolerance)
{
  GstHarness *h = harness (model, "tolerance", tolerance, NULL);
  GstBuffer *out;
  gdouble multiplies;

  gst_buffer_unref (push (h, frame (0, -1)));
  out = push (h, frame (1, 19));
  multiplies = gst_buffer_get_delta_cnn_meta (out)->multiplies;
  gst_buffer_unref (out);
  gst_harness_teardown (h);
  return multiplies;
}

/* -1 takes the .modelinfo's tolerances, for values that it names and for others; any
 * other is for all, and they do not count. */
static void
test_calibrated (void)
{
  gdouble exact = work ("tiny.onnx", 0.0), others;

  g_assert_cmpfloat (exact, >, 0.0);
  g_assert_cmpfloat (work ("calibrated.onnx", 0.0), ==, exact);
  g_assert_cmpfloat (work ("calibrated.onnx", 1e-6), >, 0.5 * exact);
  g_assert_cmpfloat (work ("calibrated.onnx", -1.0), ==, 0.0);
  g_assert_cmpfloat (work ("others.onnx", 0.0), ==, exact);
  others = work ("others.onnx", -1.0);
  g_assert_cmpfloat (others, >, 0.0);
  g_assert_cmpfloat (others, <, 0.8 * exact);
}

/* Between calibrated and exact while frames flow: what was let pass is made up for.
 * -1 without calibration is a warning then, and exact. */
static void
test_calibrated_while_running (void)
{
  GstHarness *h = harness ("calibrated.onnx", "tolerance", -1.0, NULL);
  GstHarness *bare = harness ("tiny.onnx", NULL);
  GstBus *bus = gst_bus_new ();
  GstBuffer *out;
  GstMessage *message;
  guint i;

  gst_buffer_unref (push (h, frame (0, -1)));
  out = push (h, frame (1, 19));
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_REUSED);
  gst_buffer_unref (out);
  g_object_set (h->element, "tolerance", 0.0, NULL);
  out = push (h, frame (2, 19));
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_FULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);

  gst_element_set_bus (bare->element, bus);
  gst_buffer_unref (push (bare, frame (0, -1)));
  g_object_set (bare->element, "tolerance", -1.0, NULL);
  for (i = 1; i < 3; i++) {
    out = push (bare, frame (i, 18 + i));
    g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
        GST_DELTA_CNN_REUSE_PARTIAL);
    gst_buffer_unref (out);
  }
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING));
  gst_element_set_bus (bare->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (bare);
}

/* The largest difference between the confidences of two results; more than 1 where the
 * best class is another. */
static gdouble
difference (GstBuffer * a, GstBuffer * b)
{
  GstDeltaCnnMeta *x = gst_buffer_get_delta_cnn_meta (a);
  GstDeltaCnnMeta *y = gst_buffer_get_delta_cnn_meta (b);
  gdouble largest = x->results[0].index == y->results[0].index ? 0.0 : 2.0;
  guint i, j;

  for (i = 0; i < x->n_results; i++)
    for (j = 0; j < y->n_results; j++)
      if (x->results[i].index == y->results[j].index)
        largest = MAX (largest, fabs ((gdouble) x->results[i].confidence
                - y->results[j].confidence));
  return largest;
}

/* Pushes frames from first to last into both.  Returns the largest difference. */
static gdouble
largest_difference (GstHarness * a, GstHarness * b, guint first, guint last)
{
  gdouble largest = 0.0;
  guint i;

  for (i = first; i <= last; i++) {
    GstBuffer *x = push (a, frame (i, i * 5)), *y = push (b, frame (i, i * 5));

    largest = MAX (largest, difference (x, y));
    gst_buffer_unref (x);
    gst_buffer_unref (y);
  }
  return largest;
}

/* A margin makes tolerances harmless that let nothing pass, and does so only where it is
 * asked for; who turns it on while frames flow gets the next frame right. */
static void
test_margin (void)
{
  GstHarness *exact = harness ("tiny.onnx", "top-k", 6, NULL);
  GstHarness *h = harness ("tiny.onnx", "top-k", 6, "tolerance", 1000.0, NULL);
  GstHarness *none = harness ("guarded.onnx", "top-k", 6, "tolerance", -1.0,
      "margin", 0.0, NULL);
  GstHarness *guarded = harness ("guarded.onnx", "top-k", 6, "tolerance", -1.0,
      NULL);
  GstHarness *other = harness ("guarded.onnx", "top-k", 6, "tolerance", 1000.0,
      NULL);
  GstBuffer *x, *y;

  g_assert_cmpfloat (largest_difference (exact, h, 0, 3), >, 1e-3);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 0);
  g_object_set (h->element, "margin", 1.0, NULL);
  x = push (exact, frame (4, 20));
  y = push (h, frame (4, 20));
  g_assert_cmpfloat (difference (x, y), <, 1e-4);
  g_assert_true (gst_buffer_get_delta_cnn_meta (y)->redone);
  g_assert_false (gst_buffer_get_delta_cnn_meta (x)->redone);
  g_assert_cmpfloat (gst_buffer_get_delta_cnn_meta (y)->multiplies, >=, 1.0);
  gst_buffer_unref (x);
  gst_buffer_unref (y);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  /* The next ones are exact at once. */
  g_assert_cmpfloat (largest_difference (exact, h, 5, 8), <, 1e-4);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  g_assert_cmpuint (test_stat (h->element, "partial"), >=, 4);
  g_object_set (h->element, "margin", 0.0, NULL);
  g_assert_cmpfloat (largest_difference (exact, h, 0, 3), >, 1e-3);
  g_assert_cmpuint (test_stat (h->element, "redone"), ==, 1);
  gst_harness_teardown (exact);
  gst_harness_teardown (h);

  /* The .modelinfo's goes with its tolerances, and can be overruled. */
  exact = harness ("tiny.onnx", "top-k", 6, NULL);
  g_assert_cmpfloat (largest_difference (exact, guarded, 0, 5), <, 1e-4);
  g_assert_cmpfloat (largest_difference (none, other, 0, 5), <, 1e-4);
  g_assert_cmpfloat (largest_difference (none, guarded, 6, 8), >, 1e-3);
  g_assert_cmpuint (test_stat (none->element, "redone"), ==, 0);
  gst_harness_teardown (exact);
  gst_harness_teardown (none);
  gst_harness_teardown (guarded);
  gst_harness_teardown (other);
}

/* Pixels, times, flags and foreign metas pass as they are. */
static void
test_untouched (void)
{
  GstHarness *h = harness ("tiny.onnx", NULL);
  GstBuffer *in = frame (3, 5), *out;
  GstMapInfo a, b;
  GstCaps *reference = gst_caps_new_empty_simple ("timestamp/x-test");
  guint8 *before;

  gst_buffer_map (in, &a, GST_MAP_READ);
  before = g_memdup2 (a.data, a.size);
  gst_buffer_unmap (in, &a);
  GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_MARKER);
  gst_buffer_add_reference_timestamp_meta (in, reference, 42,
      GST_CLOCK_TIME_NONE);
  gst_caps_unref (reference);
  out = push (h, in);
  gst_buffer_map (out, &b, GST_MAP_READ);
  g_assert_cmpmem (before, SIZE, b.data, b.size);
  gst_buffer_unmap (out, &b);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 3 * GST_SECOND / 25);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_MARKER));
  g_assert_nonnull (gst_buffer_get_reference_timestamp_meta (out, NULL));
  g_free (before);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* A buffer that somebody else holds too: theirs gets no meta, memory is shared. */
static void
test_shared_buffer (void)
{
  GstHarness *h = harness ("tiny.onnx", NULL);
  GstBuffer *in = frame (0, -1), *out;

  out = push (h, gst_buffer_ref (in));
  g_assert_true (in != out);
  g_assert_null (gst_buffer_get_delta_cnn_meta (in));
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  g_assert_true (gst_buffer_peek_memory (in, 0) == gst_buffer_peek_memory (out,
          0));
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Memory that can be read only. */
static void
test_readonly_memory (void)
{
  static guint8 bytes[SIZE];
  GstHarness *h = harness ("tiny.onnx", NULL);
  GstBuffer *out =
      push (h, gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY,
          bytes, SIZE, 0, SIZE, NULL, NULL));

  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Too small a buffer: it passes, with a warning, and the stream goes on. */
static void
test_short_buffer (void)
{
  GstHarness *h = harness ("tiny.onnx", NULL);
  GstBus *bus = gst_bus_new ();
  GstBuffer *out;
  GstMessage *message;

  gst_element_set_bus (h->element, bus);
  gst_buffer_unref (push (h, frame (0, -1)));
  out = push (h, gst_buffer_new_allocate (NULL, SIZE / 2, NULL));
  g_assert_null (gst_buffer_get_delta_cnn_meta (out));
  gst_buffer_unref (out);
  out = push (h, frame (1, 3));
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  g_assert_cmpfloat_with_epsilon (gst_buffer_get_delta_cnn_meta (out)->changed,
      1.0 / 48, 1e-9);
  gst_buffer_unref (out);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
}

/* --- Labels and confidences --- */

static void
test_labels (void)
{
  GstHarness *a = harness ("tiny.onnx", "labels-file",
      test_file ("labels.txt"), NULL);
  GstHarness *b = harness ("crop.onnx", NULL);
  static const gchar *const words[] = { "zero", "one", "two", "three", "four",
    "five"
  };
  GstHarness *both[2];
  gint i;

  both[0] = a;
  both[1] = b;
  for (i = 0; i < 2; i++) {
    GstBuffer *out = push (both[i], frame (0, -1));
    GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (out);

    g_assert_cmpstr (meta->results[0].label, ==, words[meta->results[0].index]);
    gst_buffer_unref (out);
    gst_harness_teardown (both[i]);
  }
}

/* All six confidences of a model for one picture, by class. */
static void
confidences (const gchar * model, gfloat out[6])
{
  GstHarness *h = harness (model, "top-k", 100, NULL);
  GstBuffer *buffer = push (h, frame (0, 9));
  GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (buffer);
  guint i;

  memset (out, 0, 6 * sizeof *out);
  for (i = 0; i < meta->n_results; i++)
    out[meta->results[i].index] = meta->results[i].confidence;
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

/* The same network without, with a Softmax, with a LogSoftmax and with a Sigmoid at
 * its end: the first three mean the same. */
static void
test_confidences (void)
{
  gfloat plain[6], softmax[6], logsoftmax[6], sigmoid[6], one[6];
  gdouble sum = 0.0;
  guint i;

  confidences ("tiny.onnx", plain);
  confidences ("softmax.onnx", softmax);
  confidences ("logsoftmax.onnx", logsoftmax);
  confidences ("sigmoid.onnx", sigmoid);
  for (i = 0; i < 6; i++) {
    gdouble odds;

    sum += plain[i];
    g_assert_cmpfloat_with_epsilon (plain[i], softmax[i], 1e-5);
    g_assert_cmpfloat_with_epsilon (plain[i], logsoftmax[i], 1e-5);
    /* logit differences are the same behind a sigmoid and behind a softmax */
    odds = log (sigmoid[i] / (1.0 - sigmoid[i])) - log (sigmoid[0] / (1.0 -
            sigmoid[0]));
    g_assert_cmpfloat_with_epsilon (odds, log (plain[i]) - log (plain[0]),
        1e-3);
  }
  g_assert_cmpfloat_with_epsilon (sum, 1.0, 1e-5);
  /* One class: a softmax would always say 1. */
  confidences ("one.onnx", one);
  g_assert_cmpfloat (one[0], >, 0.0);
  g_assert_cmpfloat (one[0], <, 1.0);
}

/* Models that say the best class only, give other things as well, or the scores in
 * another shape, or whose size only the .modelinfo tells: the confidences are those of the scores all the same. */
static void
test_ends (void)
{
  static const gchar *const models[] = { "argmax.onnx", "topk.onnx",
    "several.onnx", "last.onnx", "first.onnx", "sized.onnx"
  };
  gfloat plain[6], got[6];
  guint i, k;

  confidences ("tiny.onnx", plain);
  for (k = 0; k < G_N_ELEMENTS (models); k++) {
    confidences (models[k], got);
    for (i = 0; i < 6; i++)
      g_assert_cmpfloat_with_epsilon (got[i], plain[i], 1e-6);
  }
}

/* Of several outputs the one that is used is told. */
static void
test_several_outputs (void)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *info = NULL;

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_object_set (element, "model-file", test_file ("several.onnx"), NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_SUCCESS);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_INFO);
  g_assert_nonnull (message);
  gst_message_parse_info (message, &info, NULL);
  g_assert_nonnull (strstr (info->message, "3 outputs"));
  g_assert_nonnull (strstr (info->message, "\"scores\""));
  g_error_free (info);
  gst_message_unref (message);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* --- Properties --- */

static void
test_properties (void)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  gchar *model, *labels;
  gint mode, source;
  gdouble tolerance, margin;
  guint top_k, threads;
  gboolean post;
  const gchar *klass;

  gst_object_ref_sink (element);
  klass = gst_element_get_metadata (element, GST_ELEMENT_METADATA_KLASS);
  g_assert_cmpstr (klass, ==, "Filter/Analyzer/Video");
  g_object_get (element, "model-file", &model, "labels-file", &labels, "mode",
      &mode, "source", &source, "tolerance", &tolerance, "margin",
      &margin, "top-k", &top_k,
      "threads", &threads, "post-messages", &post, NULL);
  g_assert_null (model);
  g_assert_null (labels);
  g_assert_cmpint (mode, ==, 0);
  g_assert_cmpint (source, ==, 0);
  g_assert_cmpfloat (tolerance, ==, 0.0);
  g_assert_cmpfloat (margin, ==, -1.0);
  g_assert_cmpuint (top_k, ==, 5);
  g_assert_cmpuint (threads, ==, 0);
  g_assert_false (post);
  gst_util_set_object_arg (G_OBJECT (element), "mode", "dense");
  gst_util_set_object_arg (G_OBJECT (element), "source", "pixel");
  g_object_set (element, "tolerance", 0.25, "margin", 0.5, "top-k", 7,
      "threads", 2, "post-messages", TRUE, "model-file", "a", "labels-file",
      "b", NULL);
  g_object_get (element, "model-file", &model, "labels-file", &labels, "mode",
      &mode, "source", &source, "tolerance", &tolerance, "margin", &margin,
      "top-k", &top_k, "threads", &threads, "post-messages", &post, NULL);
  g_assert_cmpstr (model, ==, "a");
  g_assert_cmpstr (labels, ==, "b");
  g_assert_cmpint (mode, ==, 1);
  g_assert_cmpint (source, ==, 2);
  g_assert_cmpfloat (tolerance, ==, 0.25);
  g_assert_cmpfloat (margin, ==, 0.5);
  g_assert_cmpuint (top_k, ==, 7);
  g_assert_cmpuint (threads, ==, 2);
  g_assert_true (post);
  g_free (model);
  g_free (labels);
  gst_object_unref (element);
}

/* The model stays what it is while frames flow; the rest may change. */
static void
test_change_while_running (void)
{
  GstHarness *h = harness ("tiny.onnx", NULL);
  gchar *model;
  GstBuffer *out;

  gst_buffer_unref (push (h, frame (0, -1)));
  g_test_expect_message (NULL, G_LOG_LEVEL_WARNING, "*model-file*READY*");
  g_object_set (h->element, "model-file", "other.onnx", NULL);
  g_test_assert_expected_messages ();
  g_object_get (h->element, "model-file", &model, NULL);
  g_assert_cmpstr (model, ==, test_file ("tiny.onnx"));
  g_free (model);
  g_object_set (h->element, "top-k", 2, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "mode", "dense");
  out = push (h, frame (1, -1));
  g_assert_cmpuint (gst_buffer_get_delta_cnn_meta (out)->n_results, ==, 2);
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_FULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

static void
test_stats (void)
{
  GstHarness *h = harness ("tiny.onnx", NULL);
  GstStructure *stats;
  gdouble multiplies;

  gst_buffer_unref (push (h, frame (0, -1)));
  gst_buffer_unref (push (h, frame (1, -1)));
  gst_buffer_unref (push (h, frame (2, 3)));
  g_assert_cmpuint (test_stat (h->element, "frames"), ==, 3);
  g_assert_cmpuint (test_stat (h->element, "full"), ==, 1);
  g_assert_cmpuint (test_stat (h->element, "reused"), ==, 1);
  g_assert_cmpuint (test_stat (h->element, "partial"), ==, 1);
  g_assert_cmpuint (test_stat (h->element, "by-pixel"), ==, 2);
  g_assert_cmpuint (test_stat (h->element, "by-codec"), ==, 0);
  g_assert_cmpuint (test_stat (h->element, "cache-bytes"), >, 0);
  g_assert_cmpuint (test_stat (h->element, "time-network"), >, 0);
  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_cmpstr (gst_structure_get_string (stats, "source"), ==, "pixel");
  g_assert_cmpstr (gst_structure_get_string (stats, "model"), ==, "tiny.onnx");
  g_assert_true (gst_structure_get_double (stats, "multiplies", &multiplies));
  g_assert_cmpfloat (multiplies, >, 1.0 / 3);
  g_assert_cmpfloat (multiplies, <, 0.6);
  gst_structure_free (stats);
  gst_harness_teardown (h);
}

static guint64
field (const GstStructure * s, const gchar * name)
{
  guint64 value = 0;

  g_assert_nonnull (s);
  if (!gst_structure_get_uint64 (s, name, &value))
    g_error ("%s has no %s", gst_structure_get_name (s), name);
  return value;
}

/* The last frame that the debug log's file tells of. */
static GstStructure *
last_logged (void)
{
  GstStructure *logged;
  gchar *text, *line;

  g_assert_true (g_file_get_contents (g_getenv ("GST_DEBUG_FILE"), &text, NULL,
          NULL));
  line = g_strrstr (text, "deltacnn-frame, ");
  g_assert_nonnull (line);
  g_strdelimit (line, "\n", '\0');
  logged = gst_structure_from_string (line, NULL);
  g_free (text);
  return logged;
}

/* Runs the test itself in a process of its own, which logs to a file.  (GStreamer gives the list of log
 * functions away when one is added, so a function of ours would be a leak.) */
static gboolean
with_log (void)
{
  GError *error = NULL;
  gchar *path;
  gint fd;

  if (g_test_subprocess ())
    return TRUE;
  fd = g_file_open_tmp ("deltacnn-log-XXXXXX", &path, &error);
  g_assert_no_error (error);
  g_close (fd, NULL);
  g_setenv ("GST_DEBUG", "deltacnn:6", TRUE);
  g_setenv ("GST_DEBUG_FILE", path, TRUE);
  g_setenv ("GST_DEBUG_NO_COLOR", "1", TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_unsetenv ("GST_DEBUG");
  g_unsetenv ("GST_DEBUG_FILE");
  g_unlink (path);
  g_free (path);
  g_test_trap_assert_passed ();
  return FALSE;
}

/* The meta, the message, the log and the statistics tell the same times. */
static void
test_times (void)
{
  static const gchar *const names[] = { "time-changes", "time-tensor",
    "time-network"
  };
  GstStructure *stats, *logged = NULL;
  guint64 sums[3] = { 0 };
  GstHarness *h;
  GstBus *bus;
  guint n, i;

  if (!with_log ())
    return;
  h = harness ("tiny.onnx", "post-messages", TRUE, NULL);
  bus = gst_bus_new ();
  gst_element_set_bus (h->element, bus);
  for (n = 0; n < 4; n++) {
    GstBuffer *out = push (h, frame (n, n * 3));
    GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (out);
    GstMessage *message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
    const GstStructure *told = gst_message_get_structure (message);
    guint64 times[3];
    const gchar *word;

    g_clear_pointer (&logged, gst_structure_free);
    logged = last_logged ();
    times[0] = meta->time_changes;
    times[1] = meta->time_tensor;
    times[2] = meta->time_network;
    g_assert_cmpuint (meta->time_changes, <=, meta->time_tensor);
    g_assert_cmpuint (meta->time_tensor, >, 0);
    g_assert_cmpuint (meta->time_network, >, 0);
    for (i = 0; i < 3; i++) {
      g_assert_cmpuint (times[i], <, 10 * GST_SECOND);
      g_assert_cmpuint (field (told, names[i]), ==, times[i]);
      g_assert_cmpuint (field (logged, names[i]), ==, times[i]);
      sums[i] += times[i];
    }
    /* no deltaextract was there */
    g_assert_false (GST_CLOCK_TIME_IS_VALID (meta->time_extract));
    g_assert_cmpuint (field (told, "time-extract"), ==, GST_CLOCK_TIME_NONE);
    g_assert_cmpuint (field (logged, "pts"), ==, n * GST_SECOND / 25);
    word = gst_structure_get_string (logged, "reuse");
    g_assert_cmpstr (word, ==, n ? "partial" : "full");
    word = gst_structure_get_string (logged, "source");
    g_assert_cmpstr (word, ==, n ? "pixel" : "none");
    g_assert_cmpfloat_with_epsilon (meta->multiplies,
        (gdouble) field (logged, "multiplies") / field (logged,
            "multiplies-dense"), 1e-9);
    gst_message_unref (message);
    gst_buffer_unref (out);
  }
  g_object_get (h->element, "stats", &stats, NULL);
  for (i = 0; i < 3; i++) {
    GstStructure *last, *mean;

    g_assert_true (gst_structure_get (stats, "last", GST_TYPE_STRUCTURE, &last,
            "mean", GST_TYPE_STRUCTURE, &mean, NULL));
    g_assert_cmpuint (field (stats, names[i]), ==, sums[i]);
    g_assert_cmpuint (field (mean, names[i]), ==, sums[i] / 4);
    g_assert_cmpuint (field (last, names[i]), ==, field (logged, names[i]));
    gst_structure_free (last);
    gst_structure_free (mean);
  }
  g_assert_cmpuint (field (stats, "time-extract"), ==, 0);
  gst_structure_free (stats);
  g_clear_pointer (&logged, gst_structure_free);
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
}

/* Whether an element that starts with a model warns; it names the file then. */
static gboolean
warns (const gchar * model)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *warning = NULL;

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_object_set (element, "model-file", model, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=,
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  if (!message)
    return FALSE;
  gst_message_parse_warning (message, &warning, NULL);
  g_assert_nonnull (strstr (warning->message, model));
  g_assert_nonnull (strstr (warning->message, ".modelinfo"));
  g_error_free (warning);
  gst_message_unref (message);
  return TRUE;
}

/* Nobody prepares frames as a model without .modelinfo wants them but by chance. */
static void
test_bare_model (void)
{
  gchar *folder = g_dir_make_tmp ("deltacnn-XXXXXX", NULL);
  gchar *bare = g_build_filename (folder, "bare.onnx", NULL), *bytes;
  gsize size;

  g_assert_false (warns (test_file ("tiny.onnx")));
  g_assert_true (g_file_get_contents (test_file ("tiny.onnx"), &bytes, &size,
          NULL));
  g_assert_true (g_file_set_contents (bare, bytes, size, NULL));
  g_assert_true (warns (bare));
  g_remove (bare);
  g_rmdir (folder);
  g_free (bytes);
  g_free (bare);
  g_free (folder);
}

/* Elements that load one file share its weights, whatever the path says. */
static void
test_shared_weights (void)
{
  GstHarness *a = harness ("tiny.onnx", NULL);
  gchar *other_path = g_build_filename (test_file (""), ".", "tiny.onnx", NULL);
  GstHarness *b = harness ("tiny.onnx", "model-file", other_path, NULL);
  GstHarness *c = harness ("wide.onnx", NULL);

  g_assert_cmpuint (test_stat (a->element, "weight-users"), ==, 2);
  g_assert_cmpuint (test_stat (b->element, "weight-users"), ==, 2);
  g_assert_cmpuint (test_stat (c->element, "weight-users"), ==, 1);
  g_assert_cmpuint (test_stat (a->element, "weight-bytes"), ==,
      test_stat (b->element, "weight-bytes"));
  g_assert_cmpuint (test_stat (a->element, "weight-bytes"), >, 0);
  gst_harness_teardown (b);
  g_assert_cmpuint (test_stat (a->element, "weight-users"), ==, 1);
  gst_harness_teardown (a);
  gst_harness_teardown (c);
  g_free (other_path);
}

static void
test_messages (void)
{
  GstHarness *h = harness ("tiny.onnx", "post-messages", TRUE, "top-k", 3,
      NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  const GstStructure *s;
  const GValue *results;
  guint64 time;
  gdouble value;
  guint index;
  gboolean redone;
  GstBuffer *out;
  GstDeltaCnnMeta *meta;

  gst_element_set_bus (h->element, bus);
  out = push (h, frame (2, -1));
  meta = gst_buffer_get_delta_cnn_meta (out);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  s = gst_message_get_structure (message);
  g_assert_true (gst_structure_has_name (s, "deltacnn"));
  g_assert_true (gst_structure_get_uint64 (s, "timestamp", &time));
  g_assert_cmpuint (time, ==, 2 * GST_SECOND / 25);
  g_assert_true (gst_structure_get_uint64 (s, "stream-time", &time));
  g_assert_cmpuint (time, ==, 2 * GST_SECOND / 25);
  g_assert_true (gst_structure_get_uint64 (s, "running-time", &time));
  g_assert_cmpuint (time, ==, 2 * GST_SECOND / 25);
  g_assert_cmpstr (gst_structure_get_string (s, "model"), ==, "tiny.onnx");
  g_assert_cmpstr (gst_structure_get_string (s, "picture-type"), ==, "unknown");
  g_assert_true (gst_structure_get_double (s, "changed", &value));
  g_assert_cmpfloat (value, ==, 1.0);
  g_assert_true (gst_structure_get_double (s, "multiplies", &value));
  g_assert_cmpfloat (value, ==, 1.0);
  g_assert_true (gst_structure_get_boolean (s, "redone", &redone));
  g_assert_false (redone);
  g_assert_cmpstr (gst_structure_get_string (s, "label"), ==,
      meta->results[0].label);
  g_assert_true (gst_structure_get_uint (s, "index", &index));
  g_assert_cmpuint (index, ==, meta->results[0].index);
  g_assert_true (gst_structure_get_double (s, "confidence", &value));
  g_assert_cmpfloat_with_epsilon (value, meta->results[0].confidence, 1e-7);
  results = gst_structure_get_value (s, "results");
  g_assert_cmpuint (gst_value_array_get_size (results), ==, 3);
  s = gst_value_get_structure (gst_value_array_get_value (results, 2));
  g_assert_true (gst_structure_get_uint (s, "index", &index));
  g_assert_cmpuint (index, ==, meta->results[2].index);
  gst_message_unref (message);
  gst_buffer_unref (out);

  g_object_set (h->element, "post-messages", FALSE, NULL);
  gst_buffer_unref (push (h, frame (3, -1)));
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
}

/* --- Allocation --- */

static gboolean
proposes (GstHarness * h, GType api)
{
  GstCaps *caps = gst_caps_from_string (CAPS);
  GstQuery *query = gst_query_new_allocation (caps, TRUE);
  gboolean found;

  g_assert_true (gst_pad_peer_query (h->srcpad, query));
  found = gst_query_find_allocation_meta (query, api, NULL);
  gst_query_unref (query);
  gst_caps_unref (caps);
  return found;
}

static GstBuffer *
padded_frame (void)
{
  gsize offset[4] = { 40 };
  gint stride[4] = { W * 3 + 20 };
  GstBuffer *plain = frame (0, 7);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 40 + stride[0] * H, NULL);
  GstMapInfo from, to;
  gint y;

  gst_buffer_map (plain, &from, GST_MAP_READ);
  gst_buffer_map (buffer, &to, GST_MAP_WRITE);
  memset (to.data, 0xEE, to.size);
  for (y = 0; y < H; y++)
    memcpy (to.data + 40 + y * stride[0], from.data + y * W * 3, W * 3);
  gst_buffer_unmap (buffer, &to);
  gst_buffer_unmap (plain, &from);
  gst_buffer_unref (plain);
  gst_buffer_add_video_meta_full (buffer, 0, GST_VIDEO_FORMAT_RGB, W, H, 1,
      offset, stride);
  return buffer;
}

/* GstVideoMeta is proposed always.  Downstream that knows it gets the frames as
 * they are, downstream that does not gets them laid out as the caps say. */
static void
test_allocation (gconstpointer data)
{
  gboolean knows = GPOINTER_TO_INT (data);
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstHarness *h;
  GstBuffer *in, *out, *plain;
  GstMapInfo a, b;

  g_object_set (element, "model-file", test_file ("tiny.onnx"), NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  if (knows)
    gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_set_src_caps_str (h, CAPS);
  g_assert_true (proposes (h, GST_VIDEO_META_API_TYPE));
  g_assert_false (proposes (h, GST_VIDEO_CROP_META_API_TYPE));
  in = padded_frame ();
  gst_buffer_ref (in);
  out = push (h, in);
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  if (knows) {
    g_assert_true (gst_buffer_peek_memory (in, 0) == gst_buffer_peek_memory
        (out, 0));
    g_assert_nonnull (gst_buffer_get_video_meta (out));
  } else {
    plain = frame (0, 7);
    g_assert_null (gst_buffer_get_video_meta (out));
    gst_buffer_map (plain, &a, GST_MAP_READ);
    gst_buffer_map (out, &b, GST_MAP_READ);
    g_assert_cmpmem (a.data, SIZE, b.data, MIN (b.size, SIZE));
    gst_buffer_unmap (plain, &a);
    gst_buffer_unmap (out, &b);
    gst_buffer_unref (plain);
  }
  gst_buffer_unref (in);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* State cycles without a frame. */
static void
test_states (void)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  gint i;

  gst_object_ref_sink (element);
  g_object_set (element, "model-file", test_file ("tiny.onnx"), NULL);
  for (i = 0; i < 5; i++) {
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PLAYING), ==,
        GST_STATE_CHANGE_SUCCESS);
    g_assert_cmpint (gst_element_set_state (element,
            i % 2 ? GST_STATE_READY : GST_STATE_NULL), ==,
        GST_STATE_CHANGE_SUCCESS);
  }
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/element/results", test_results);
  g_test_add_func ("/element/reuse", test_reuse);
  g_test_add_func ("/element/bare-model", test_bare_model);
  g_test_add_func ("/element/calibrated", test_calibrated);
  g_test_add_func ("/element/calibrated-while-running",
      test_calibrated_while_running);
  g_test_add_func ("/element/untouched", test_untouched);
  g_test_add_func ("/element/shared-buffer", test_shared_buffer);
  g_test_add_func ("/element/readonly-memory", test_readonly_memory);
  g_test_add_func ("/element/short-buffer", test_short_buffer);
  g_test_add_func ("/element/labels", test_labels);
  g_test_add_func ("/element/confidences", test_confidences);
  g_test_add_func ("/element/ends", test_ends);
  g_test_add_func ("/element/several-outputs", test_several_outputs);
  g_test_add_func ("/element/properties", test_properties);
  g_test_add_func ("/element/change-while-running", test_change_while_running);
  g_test_add_func ("/element/margin", test_margin);
  g_test_add_func ("/element/stats", test_stats);
  g_test_add_func ("/element/times", test_times);
  g_test_add_func ("/element/shared-weights", test_shared_weights);
  g_test_add_func ("/element/messages", test_messages);
  g_test_add_data_func ("/element/allocation/downstream-knows",
      GINT_TO_POINTER (TRUE), test_allocation);
  g_test_add_data_func ("/element/allocation/downstream-does-not",
      GINT_TO_POINTER (FALSE), test_allocation);
  g_test_add_func ("/element/states", test_states);
  return test_run ();
}
