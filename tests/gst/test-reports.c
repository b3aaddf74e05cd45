/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element says beside its results: properties, statistics, times, messages.
 */
#include "frames.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "ranking.h"

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
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  gchar *model;
  GstBuffer *out;

  gst_buffer_unref (frames_push (h, frames_make (0, -1)));
  g_test_expect_message (NULL, G_LOG_LEVEL_WARNING, "*model-file*READY*");
  g_object_set (h->element, "model-file", "other.onnx", NULL);
  g_test_assert_expected_messages ();
  g_object_get (h->element, "model-file", &model, NULL);
  g_assert_cmpstr (model, ==, test_file ("tiny.onnx"));
  g_free (model);
  g_object_set (h->element, "top-k", 2, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "mode", "dense");
  out = frames_push (h, frames_make (1, -1));
  g_assert_cmpuint (gst_buffer_get_delta_cnn_meta (out)->n_results, ==, 2);
  g_assert_cmpint (gst_buffer_get_delta_cnn_meta (out)->reuse, ==,
      GST_DELTA_CNN_REUSE_FULL);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

static void
test_stats (void)
{
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstStructure *stats;
  gdouble multiplies;

  gst_buffer_unref (frames_push (h, frames_make (0, -1)));
  gst_buffer_unref (frames_push (h, frames_make (1, -1)));
  gst_buffer_unref (frames_push (h, frames_make (2, 3)));
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
  h = frames_harness ("tiny.onnx", "post-messages", TRUE, NULL);
  bus = gst_bus_new ();
  gst_element_set_bus (h->element, bus);
  for (n = 0; n < 4; n++) {
    GstBuffer *out = frames_push (h, frames_make (n, n * 3));
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

static void
test_messages (void)
{
  GstHarness *h =
      frames_harness ("tiny.onnx", "post-messages", TRUE, "top-k", 3,
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
  out = frames_push (h, frames_make (2, -1));
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
  gst_buffer_unref (frames_push (h, frames_make (3, -1)));
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ELEMENT));
  gst_element_set_bus (h->element, NULL);
  gst_object_unref (bus);
  gst_harness_teardown (h);
}

/* The likeliest first; of equal ones the first; what is no number last. */
static void
test_ranking (void)
{
  static const gfloat outputs[] = { 1, NAN, 2, 1, NAN, 2, -1 };
  static const guint order[] = { 2, 5, 0, 3, 6, 1, 4 };
  guint k, got[G_N_ELEMENTS (order)];

  for (k = 1; k <= G_N_ELEMENTS (order); k++) {
    gst_delta_cnn_rank (outputs, G_N_ELEMENTS (outputs), k, got);
    g_assert_cmpmem (got, k * sizeof *got, order, k * sizeof *order);
  }
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/reports/properties", test_properties);
  g_test_add_func ("/reports/change-while-running", test_change_while_running);
  g_test_add_func ("/reports/stats", test_stats);
  g_test_add_func ("/reports/ranking", test_ranking);
  g_test_add_func ("/reports/times", test_times);
  g_test_add_func ("/reports/messages", test_messages);
  return test_run ();
}
