/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element attaches to frames, what it leaves alone, and how it takes and
 * passes on memory.
 */
#include "frames.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static void
test_results (void)
{
  GstHarness *h = frames_harness ("tiny.onnx", "top-k", 4, NULL);
  GstBuffer *out = frames_push (h, frames_make (0, -1));
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
  GstHarness *h = frames_harness ("tiny.onnx", "top-k", 100, NULL);
  GstBuffer *out[3];
  GstDeltaCnnMeta *meta[3];
  const guint8 *blocks;
  gsize size, i;

  out[0] = frames_push (h, frames_make (0, -1));
  out[1] = frames_push (h, frames_make (1, -1));
  out[2] = frames_push (h, frames_make (2, 19));
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

static GstBuffer *
large_frame (gint x, gint y, gint size, guint8 more)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 320 * 240, NULL);
  GstMapInfo map;
  gint i, j;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  memset (map.data, 100, map.size);
  for (j = y; j < y + size; j++)
    for (i = x; i < x + size; i++)
      map.data[j * 320 + i] += more;
  gst_buffer_unmap (buffer, &map);
  return buffer;
}

/* Of frames much larger than the tensor, what its pixels show counts, and blocks that
 * they cover: here a pixel is of 10 by 7.5 samples. */
static void
test_large_frames (void)
{
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstBuffer *out[4];
  GstDeltaCnnMeta *meta[4];
  const guint8 *blocks;
  gsize size, i;

  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=GRAY8,width=320,height=240,framerate=25/1");
  out[0] = frames_push (h, large_frame (0, 0, 0, 0));
  /* One sample of 75 by 1: rounded off. */
  out[1] = frames_push (h, large_frame (50, 50, 1, 1));
  /* Columns 16 and 17, rows 10 to 12 of the tensor: samples 160 to 179, 75 to 97. */
  out[2] = frames_push (h, large_frame (160, 80, 16, 90));
  out[3] = frames_push (h, large_frame (160, 80, 16, 90));
  for (i = 0; i < 4; i++)
    meta[i] = gst_buffer_get_delta_cnn_meta (out[i]);
  g_assert_cmpint (meta[0]->reuse, ==, GST_DELTA_CNN_REUSE_FULL);
  g_assert_cmpint (meta[1]->reuse, ==, GST_DELTA_CNN_REUSE_REUSED);
  g_assert_cmpfloat (meta[1]->changed, ==, 0.0);
  g_assert_cmpint (meta[2]->reuse, !=, GST_DELTA_CNN_REUSE_REUSED);
  g_assert_cmpfloat_with_epsilon (meta[2]->changed, 12.0 / 1200, 1e-9);
  blocks = g_bytes_get_data (meta[2]->blocks, &size);
  g_assert_cmpuint (size, ==, 1200);
  for (i = 0; i < size; i++)
    g_assert_cmpint (blocks[i], ==, i % 40 >= 20 && i % 40 <= 22
        && i / 40 >= 9 && i / 40 <= 12);
  g_assert_cmpint (meta[3]->reuse, ==, GST_DELTA_CNN_REUSE_REUSED);
  g_assert_cmpuint (test_stat (h->element, "by-pixel"), ==, 3);
  for (i = 0; i < 4; i++)
    gst_buffer_unref (out[i]);
  gst_harness_teardown (h);
}

/* --- What it leaves alone --- */

/* Pixels, times, flags and foreign metas pass as they are. */
static void
test_untouched (void)
{
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstBuffer *in = frames_make (3, 5), *out;
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
  out = frames_push (h, in);
  gst_buffer_map (out, &b, GST_MAP_READ);
  g_assert_cmpmem (before, FRAMES_BYTES, b.data, b.size);
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
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstBuffer *in = frames_make (0, -1), *out;

  out = frames_push (h, gst_buffer_ref (in));
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
  static guint8 bytes[FRAMES_BYTES];
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstBuffer *out =
      frames_push (h, gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY,
          bytes, FRAMES_BYTES, 0, FRAMES_BYTES, NULL, NULL));

  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Too small a buffer: it passes, with a warning, and the stream goes on. */
static void
test_short_buffer (void)
{
  GstHarness *h = frames_harness ("tiny.onnx", NULL);
  GstBus *bus = gst_bus_new ();
  GstBuffer *out;
  GstMessage *message;

  gst_element_set_bus (h->element, bus);
  gst_buffer_unref (frames_push (h, frames_make (0, -1)));
  out = frames_push (h, gst_buffer_new_allocate (NULL, FRAMES_BYTES / 2, NULL));
  g_assert_null (gst_buffer_get_delta_cnn_meta (out));
  gst_buffer_unref (out);
  out = frames_push (h, frames_make (1, 3));
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
  GstHarness *a = frames_harness ("tiny.onnx", "labels-file",
      test_file ("labels.txt"), NULL);
  GstHarness *b = frames_harness ("crop.onnx", NULL);
  static const gchar *const words[] = { "zero", "one", "two", "three", "four",
    "five"
  };
  GstHarness *both[2];
  gint i;

  both[0] = a;
  both[1] = b;
  for (i = 0; i < 2; i++) {
    GstBuffer *out = frames_push (both[i], frames_make (0, -1));
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
  GstHarness *h = frames_harness (model, "top-k", 100, NULL);
  GstBuffer *buffer = frames_push (h, frames_make (0, 9));
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
 * another shape, whose size only the .modelinfo tells, or made for two pictures at a time: the confidences are those of the scores all the same. */
static void
test_ends (void)
{
  static const gchar *const models[] = { "argmax.onnx", "topk.onnx",
    "several.onnx", "last.onnx", "first.onnx", "sized.onnx", "batch.onnx"
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

/* --- Models --- */

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
  GstHarness *a = frames_harness ("tiny.onnx", NULL);
  gchar *other_path = g_build_filename (test_file (""), ".", "tiny.onnx", NULL);
  GstHarness *b = frames_harness ("tiny.onnx", "model-file", other_path, NULL);
  GstHarness *c = frames_harness ("wide.onnx", NULL);

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

/* --- Allocation --- */

static gboolean
proposes (GstHarness * h, GType api)
{
  GstCaps *caps = gst_caps_from_string (FRAMES_CAPS);
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
  gint stride[4] = { FRAMES_W * 3 + 20 };
  GstBuffer *plain = frames_make (0, 7);
  GstBuffer *buffer =
      gst_buffer_new_allocate (NULL, 40 + stride[0] * FRAMES_H, NULL);
  GstMapInfo from, to;
  gint y;

  gst_buffer_map (plain, &from, GST_MAP_READ);
  gst_buffer_map (buffer, &to, GST_MAP_WRITE);
  memset (to.data, 0xEE, to.size);
  for (y = 0; y < FRAMES_H; y++)
    memcpy (to.data + 40 + y * stride[0], from.data + y * FRAMES_W * 3,
        FRAMES_W * 3);
  gst_buffer_unmap (buffer, &to);
  gst_buffer_unmap (plain, &from);
  gst_buffer_unref (plain);
  gst_buffer_add_video_meta_full (buffer, 0, GST_VIDEO_FORMAT_RGB, FRAMES_W,
      FRAMES_H, 1, offset, stride);
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
  gst_harness_set_src_caps_str (h, FRAMES_CAPS);
  g_assert_true (proposes (h, GST_VIDEO_META_API_TYPE));
  g_assert_false (proposes (h, GST_VIDEO_CROP_META_API_TYPE));
  in = padded_frame ();
  gst_buffer_ref (in);
  out = frames_push (h, in);
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  if (knows) {
    g_assert_true (gst_buffer_peek_memory (in, 0) == gst_buffer_peek_memory
        (out, 0));
    g_assert_nonnull (gst_buffer_get_video_meta (out));
  } else {
    plain = frames_make (0, 7);
    g_assert_null (gst_buffer_get_video_meta (out));
    gst_buffer_map (plain, &a, GST_MAP_READ);
    gst_buffer_map (out, &b, GST_MAP_READ);
    g_assert_cmpmem (a.data, FRAMES_BYTES, b.data, MIN (b.size, FRAMES_BYTES));
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
  g_test_add_func ("/element/large-frames", test_large_frames);
  g_test_add_func ("/element/bare-model", test_bare_model);
  g_test_add_func ("/element/untouched", test_untouched);
  g_test_add_func ("/element/shared-buffer", test_shared_buffer);
  g_test_add_func ("/element/readonly-memory", test_readonly_memory);
  g_test_add_func ("/element/short-buffer", test_short_buffer);
  g_test_add_func ("/element/labels", test_labels);
  g_test_add_func ("/element/confidences", test_confidences);
  g_test_add_func ("/element/ends", test_ends);
  g_test_add_func ("/element/several-outputs", test_several_outputs);
  g_test_add_func ("/element/shared-weights", test_shared_weights);
  g_test_add_data_func ("/element/allocation/downstream-knows",
      GINT_TO_POINTER (TRUE), test_allocation);
  g_test_add_data_func ("/element/allocation/downstream-does-not",
      GINT_TO_POINTER (FALSE), test_allocation);
  g_test_add_func ("/element/states", test_states);
  return test_run ();
}
