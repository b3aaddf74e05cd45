/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The result meta: contents, copies, and that it survives what moves pixels.
 */
#include "common.h"

static const GstDeltaCnnResult results[] = {
  {7, "seven", 0.75f},
  {2, NULL, 0.125f},
};

static GstDeltaCnnMeta *
add (GstBuffer * buffer)
{
  static const guint8 blocks[6] = { 1, 0, 0, 1, 1, 0 };
  GstDeltaCnnMeta *meta = gst_buffer_add_delta_cnn_meta (buffer, "net", results,
      G_N_ELEMENTS (results));

  meta->picture_type = GST_DELTA_PICTURE_TYPE_B;
  meta->changed = 0.5;
  meta->multiplies = 0.25;
  meta->reuse = GST_DELTA_CNN_REUSE_PARTIAL;
  meta->redone = TRUE;
  meta->time_extract = 33;
  meta->time_changes = 44;
  meta->time_tensor = 11;
  meta->time_network = 22;
  meta->cols = 3;
  meta->rows = 2;
  meta->blocks = g_bytes_new (blocks, sizeof blocks);
  return meta;
}

static void
check (GstDeltaCnnMeta * meta, gboolean with_blocks)
{
  g_assert_nonnull (meta);
  g_assert_cmpstr (meta->model, ==, "net");
  g_assert_cmpuint (meta->n_results, ==, 2);
  g_assert_cmpuint (meta->results[0].index, ==, 7);
  g_assert_cmpstr (meta->results[0].label, ==, "seven");
  g_assert_cmpfloat (meta->results[0].confidence, ==, 0.75f);
  g_assert_null (meta->results[1].label);
  g_assert_cmpint (meta->picture_type, ==, GST_DELTA_PICTURE_TYPE_B);
  g_assert_cmpfloat (meta->changed, ==, 0.5);
  g_assert_cmpfloat (meta->multiplies, ==, 0.25);
  g_assert_cmpint (meta->reuse, ==, GST_DELTA_CNN_REUSE_PARTIAL);
  g_assert_true (meta->redone);
  g_assert_cmpuint (meta->time_extract, ==, 33);
  g_assert_cmpuint (meta->time_changes, ==, 44);
  g_assert_cmpuint (meta->time_tensor, ==, 11);
  g_assert_cmpuint (meta->time_network, ==, 22);
  if (with_blocks) {
    g_assert_cmpuint (meta->cols, ==, 3);
    g_assert_cmpuint (meta->rows, ==, 2);
    g_assert_cmpuint (g_bytes_get_size (meta->blocks), ==, 6);
  } else {
    g_assert_null (meta->blocks);
    g_assert_cmpuint (meta->cols, ==, 0);
  }
}

static void
test_copies (void)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  GstBuffer *copy, *region, *none;

  add (buffer);
  copy = gst_buffer_copy (buffer);
  region = gst_buffer_new ();
  /* As v4l2 decoders do it: metas with a region of no bytes. */
  gst_buffer_copy_into (region, buffer, GST_BUFFER_COPY_META, 0, 0);
  none = gst_buffer_new ();
  g_assert_null (gst_buffer_get_delta_cnn_meta (none));
  gst_buffer_unref (buffer);
  check (gst_buffer_get_delta_cnn_meta (copy), TRUE);
  check (gst_buffer_get_delta_cnn_meta (region), TRUE);
  gst_buffer_unref (copy);
  gst_buffer_unref (region);
  gst_buffer_unref (none);
}

static void
test_scaled (void)
{
  GstBuffer *from = gst_buffer_new (), *to = gst_buffer_new ();
  GstVideoInfo in, out;
  GstVideoMetaTransform scale = { &in, &out };
  GstMeta *meta = (GstMeta *) add (from);

  gst_video_info_set_format (&in, GST_VIDEO_FORMAT_I420, 24, 16);
  gst_video_info_set_format (&out, GST_VIDEO_FORMAT_I420, 48, 32);
  g_assert_true (meta->info->transform_func (to, meta, from,
          gst_video_meta_transform_scale_get_quark (), &scale));
  /* The result stands; where the blocks are no longer does. */
  check (gst_buffer_get_delta_cnn_meta (to), FALSE);
  gst_buffer_unref (from);
  gst_buffer_unref (to);
}

/* Through the elements that drop metas which speak of pixels. */
static void
test_survives (gconstpointer data)
{
  const gchar *chain = data;
  GstHarness *h = gst_harness_new_parse (chain);
  GstBuffer *in, *out;

  gst_harness_set_src_caps_str (h,
      "video/x-raw,format=I420,width=24,height=16,framerate=25/1");
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  in = gst_harness_create_buffer (h, 24 * 16 * 3 / 2);
  GST_BUFFER_PTS (in) = 0;
  GST_BUFFER_DURATION (in) = GST_SECOND / 25;
  add (in);
  out = gst_harness_push_and_pull (h, in);
  g_assert_nonnull (out);
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  g_assert_cmpstr (gst_buffer_get_delta_cnn_meta (out)->results[0].label, ==,
      "seven");
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/meta/copies", test_copies);
  g_test_add_func ("/meta/scaled", test_scaled);
  g_test_add_data_func ("/meta/survives/videoconvert",
      "videoconvert ! capsfilter caps=video/x-raw,format=RGB", test_survives);
  g_test_add_data_func ("/meta/survives/videoscale",
      "videoscale ! capsfilter caps=video/x-raw,width=48,height=32",
      test_survives);
  g_test_add_data_func ("/meta/survives/videoflip",
      "videoflip video-direction=180", test_survives);
  g_test_add_data_func ("/meta/survives/videocrop", "videocrop left=2 right=2",
      test_survives);
  return test_run ();
}
