/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The coding meta: what copies of a buffer keep of it, and what raw video elements do with it.
 */
#include "extract-common.h"
#include <gst/video/video.h>

static void
test_meta_copies (void)
{
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstHarness *h = extract_harness ();
  GstBuffer *buffer = extract_push (h, g_ptr_array_index (buffers, 0)), *copy;
  GstDeltaPicture *picture = gst_buffer_get_delta_coding_meta (buffer)->picture;
  GstMeta *meta = (GstMeta *) gst_buffer_get_delta_coding_meta (buffer);
  GstVideoInfo in, out;
  GstVideoMetaTransform scale = { &in, &out };

  copy = gst_buffer_copy_deep (buffer);
  g_assert_true (gst_buffer_get_delta_coding_meta (copy)->picture == picture);
  gst_buffer_unref (copy);
  /* as v4l2 decoders do: metas with a region of no bytes */
  copy = gst_buffer_new ();
  gst_buffer_copy_into (copy, buffer, GST_BUFFER_COPY_META, 0, 0);
  g_assert_true (gst_buffer_get_delta_coding_meta (copy)->picture == picture);
  gst_buffer_unref (copy);
  /* the second piece of a buffer that was cut up */
  copy = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 16, 16);
  g_assert_null (gst_buffer_get_delta_coding_meta (copy));
  gst_buffer_unref (copy);
  /* scaled */
  copy = gst_buffer_new ();
  gst_video_info_set_format (&in, GST_VIDEO_FORMAT_I420, 96, 64);
  gst_video_info_set_format (&out, GST_VIDEO_FORMAT_I420, 48, 32);
  g_assert_false (meta->info->transform_func (copy, meta, buffer,
          gst_video_meta_transform_scale_get_quark (), &scale));
  /* a kind that is not known, whatever comes with it */
  g_assert_false (meta->info->transform_func (copy, meta, buffer,
          g_quark_from_static_string ("gst-video-turn-round"), NULL));
  g_assert_null (gst_buffer_get_delta_coding_meta (copy));
  gst_buffer_unref (copy);

  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

/* What raw video elements do with it.  In-place elements (overlays, balance) leave metas where they are and cannot be
 * told here: deltacnn looks at who is upstream. */
static const struct
{
  const gchar *name, *chain;
  gboolean kept;
} raw_chains[] = {
  {"identity", "identity", TRUE},
  {"queue", "queue", TRUE},
  {"videorate", "videorate", TRUE},
  {"videoconvert-idle",
      "videoconvert ! capsfilter caps=video/x-raw,format=I420", TRUE},
  {"videoconvert", "videoconvert ! capsfilter caps=video/x-raw,format=RGB",
      FALSE},
  {"videoscale-idle",
      "videoscale ! capsfilter caps=video/x-raw,width=96,height=64", TRUE},
  {"videoscale", "videoscale ! capsfilter caps=video/x-raw,width=48,height=32",
      FALSE},
  {"videoflip", "videoflip video-direction=horiz", FALSE},
  {"videorotate", "videoflip video-direction=90r", FALSE},
  {"videocrop", "videocrop left=8", FALSE},
  {"videobox", "videobox left=-8", FALSE},
  {"deinterlace", "deinterlace mode=interlaced", FALSE},
};

static void
test_raw (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  GstHarness *h = gst_harness_new_parse (raw_chains[i].chain);
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstHarness *extract = extract_harness ();
  GstDeltaPicture *picture =
      extract_push_picture (extract, g_ptr_array_index (buffers, 0));
  GstBuffer *out = NULL;

  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=96,height=64,"
      "framerate=25/1,interlace-mode=progressive");
  for (guint n = 0; !out && n < 8; n++) {
    GstBuffer *in = gst_harness_create_buffer (h, 96 * 64 * 3 / 2);

    gst_buffer_memset (in, 0, n * 16, -1);
    GST_BUFFER_PTS (in) = n * GST_SECOND / 25;
    GST_BUFFER_DURATION (in) = GST_SECOND / 25;
    gst_buffer_add_delta_coding_meta (in, picture);
    gst_harness_push (h, in);
    /* queues have a thread of their own */
    for (guint wait = 0; !out && wait < (n == 7 ? 200 : 1); wait++) {
      out = gst_harness_try_pull (h);
      if (!out)
        g_usleep (5000);
    }
  }
  g_assert_nonnull (out);
  g_assert_cmpint (gst_buffer_get_delta_coding_meta (out) != NULL, ==,
      raw_chains[i].kept);
  gst_buffer_unref (out);
  gst_delta_picture_unref (picture);
  gst_harness_teardown (h);
  gst_harness_teardown (extract);
  g_ptr_array_unref (buffers);
}

int
main (int argc, char **argv)
{
  extract_init (&argc, &argv);
  g_test_add_func ("/coding-meta/copies", test_meta_copies);
  for (guint i = 0; i < G_N_ELEMENTS (raw_chains); i++) {
    gchar *path = g_strdup_printf ("/coding-meta/%s", raw_chains[i].name);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_raw);
    g_free (path);
  }
  return g_test_run ();
}
