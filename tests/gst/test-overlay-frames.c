/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltaoverlay and the frames: what it changes, and that it changes nothing else, whatever they are.
 */
#include "overlay-common.h"
#include "plugin.h"

#include <math.h>
#include <string.h>

static void
test_element (void)
{
  GstElementFactory *factory = gst_element_factory_find ("deltaoverlay");
  GstElement *element;
  gdouble scale;
  guint show, top;

  g_assert_nonnull (factory);
  g_assert_cmpstr (gst_element_factory_get_metadata (factory,
          GST_ELEMENT_METADATA_KLASS), ==, "Filter/Editor/Video");
  element = gst_element_factory_create (factory, NULL);
  g_object_get (element, "show", &show, "top-labels", &top, "font-scale",
      &scale, NULL);
  g_assert_cmpuint (show, ==, 3);       /* labels and stats */
  g_assert_cmpuint (top, ==, 3);
  g_assert_cmpfloat (scale, ==, 1);
  gst_util_set_object_arg (G_OBJECT (element), "show", "labels+blocks");
  g_object_get (element, "show", &show, NULL);
  g_assert_cmpuint (show, ==, 5);
  gst_object_unref (element);
  gst_object_unref (factory);
}

/* Every raw format: without a meta the same buffer comes out; with one, pixels
 * change inside of the panels and nowhere else. */
static void
test_format (const gchar * format)
{
  const gint width = 322, height = 243;
  GstVideoInfo info = make_info (format, width, height);
  GstHarness *plain = harness_new ("", format, width, height);
  GstHarness *attaching = harness_new (COMPOSITION, format, width, height);
  GstBuffer *in = picture_buffer (&info, 1), *copy = gst_buffer_copy_deep (in);
  GstBuffer *out, *marks;
  GstVideoOverlayComposition *composition;
  GstVideoRectangle rectangles[2];
  guint8 *before, *after;
  gsize size;
  gint x, y, i, inside[2] = { 0, 0 };

  out = gst_harness_push_and_pull (plain, in);
  g_assert_true (out == in);
  assert_same_bytes (out, copy);
  g_assert_null (get_composition (out));
  gst_buffer_unref (out);

  in = gst_buffer_copy_deep (copy);
  add_meta (in);
  marks = attached (attaching, in);
  assert_same_bytes (marks, copy);
  composition = get_composition (marks);
  g_assert_nonnull (composition);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (composition),
      ==, 2);
  for (i = 0; i < 2; i++) {
    rectangles[i] = rectangle_at (composition, i);
    g_assert_cmpint (rectangles[i].x, >=, 0);
    g_assert_cmpint (rectangles[i].y, >=, 0);
    g_assert_cmpint (rectangles[i].x + rectangles[i].w, <=, width);
    g_assert_cmpint (rectangles[i].y + rectangles[i].h, <=, height);
  }

  in = gst_buffer_copy_deep (copy);
  add_meta (in);
  out = gst_harness_push_and_pull (plain, in);
  g_assert_null (get_composition (out));
  before = unpack (copy, &info, &size);
  after = unpack (out, &info, &size);
  for (y = 0; y < height; y++)
    for (x = 0; x < width; x++) {
      gsize at = ((gsize) y * width + x) * size;
      gboolean same = memcmp (before + at, after + at, size) == 0;
      gboolean far = TRUE;

      for (i = 0; i < 2; i++) {
        const GstVideoRectangle *r = &rectangles[i];
        /* A chroma sample spans up to 4 pixels. */
        if (x >= r->x - 3 && x < r->x + r->w + 3 && y >= r->y - 3
            && y < r->y + r->h + 3) {
          far = FALSE;
          inside[i] += !same;
        }
      }
      if (far && !same)
        g_error ("%s: pixel %d,%d was touched", format, x, y);
    }
  for (i = 0; i < 2; i++)       /* most of the ground, if not every sample */
    g_assert_cmpint (inside[i], >, rectangles[i].w * rectangles[i].h / 2);
  g_free (before);
  g_free (after);
  gst_buffer_unref (out);
  gst_buffer_unref (marks);
  gst_buffer_unref (copy);
  gst_harness_teardown (plain);
  gst_harness_teardown (attaching);
}

static const gchar *must_have[] =
    { "I420", "YV12", "NV12", "NV21", "YUY2", "UYVY",
  "Y42B", "Y444", "AYUV", "A420", "RGB", "BGR", "RGBx", "BGRx", "xRGB", "xBGR",
  "RGBA", "BGRA", "ARGB", "ABGR", "GRAY8", "I420_10LE", "P010_10LE"
};

static void
test_formats (void)
{
  GstElementFactory *factory = gst_element_factory_find ("deltaoverlay");
  const GList *templates =
      gst_element_factory_get_static_pad_templates (factory);
  GstCaps *caps = gst_static_pad_template_get_caps (templates->data);
  const GValue *list =
      gst_structure_get_value (gst_caps_get_structure (caps, 0), "format");
  guint i;

  for (i = 0; i < gst_value_list_get_size (list); i++) {
    const gchar *format =
        g_value_get_string (gst_value_list_get_value (list, i));

    g_test_message ("%s", format);
    test_format (format);
  }
  g_assert_cmpuint (i, >, 50);
  for (i = 0; i < G_N_ELEMENTS (must_have); i++) {
    GstCaps *one = make_caps ("", must_have[i], 16, 16);

    g_assert_true (gst_caps_is_subset (one, caps));
    gst_caps_unref (one);
  }
  gst_caps_unref (caps);
  gst_object_unref (factory);
}

/* Exactly the pixels of the blocks that the meta names get another luma. */
static void
check_tint (GstHarness * h, gint width, gint height, guint cols, guint rows,
    const guint8 * blocks)
{
  GstVideoInfo info = make_info ("I420", width, height);
  GstBuffer *buffer =
      gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (&info), NULL);
  gboolean exact = cols == (guint) (width + 7) / 8
      && rows == (guint) (height + 7) / 8;
  GstVideoFrame frame;
  GstDeltaCnnMeta *meta;
  gint x, y;

  gst_buffer_memset (buffer, 0, 60, -1);
  meta = add_meta (buffer);
  set_blocks (meta, cols, rows, blocks);
  buffer = gst_harness_push_and_pull (h, buffer);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_READ));
  for (y = 0; y < height; y++)
    for (x = 0; x < width; x++) {
      const guint8 *line = GST_VIDEO_FRAME_PLANE_DATA (&frame, 0);
      guint8 luma = line[y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x];
      guint col = exact ? (guint) x / 8 : ((x + 1) * cols - 1) / width;
      guint row = exact ? (guint) y / 8 : ((y + 1) * rows - 1) / height;

      if (blocks[row * cols + col])
        g_assert_cmpint (luma, >, 70);
      else
        g_assert_cmpint (luma, ==, 60);
    }
  gst_video_frame_unmap (&frame);
  gst_buffer_unref (buffer);
}

static void
test_blocks (void)
{
  static const gint sizes[][2] = { {64, 48}, {37, 21}, {8, 8}, {9, 9}, {1, 1},
  {200, 120}, {322, 243}
  };
  GRand *rand = g_rand_new_with_seed (4);
  guint i, k, round;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gint width = sizes[i][0], height = sizes[i][1];
    guint cols = (width + 7) / 8, rows = (height + 7) / 8;
    guint8 *blocks = g_malloc0 (cols * rows);
    GstHarness *h = harness_new ("", "I420", width, height);

    gst_util_set_object_arg (G_OBJECT (h->element), "show", "blocks");
    check_tint (h, width, height, cols, rows, blocks);
    for (round = 0; round < 10; round++) {
      for (k = 0; k < cols * rows; k++)
        blocks[k] = g_rand_double (rand) < 0.1 * round;
      check_tint (h, width, height, cols, rows, blocks);
    }
    gst_harness_teardown (h);
    g_free (blocks);
  }
  g_rand_free (rand);
}

/* A line runs round what changed, on all four sides, and not between two blocks that did. */
static void
test_blocks_outline (void)
{
  static const guint8 blocks[8 * 6] = {[8 + 1] = 1,[8 + 2] = 1 };
  static const gint outline[][2] = { {0, 4}, {15, 4}, {4, 0}, {12, 7} };
  static const gint inside[][2] = { {7, 4}, {8, 4}, {12, 3} };
  GstVideoInfo info = make_info ("I420", 64, 48);
  GstHarness *h = harness_new (COMPOSITION, "I420", 64, 48);
  GstBuffer *buffer = noise_buffer (&info, 1);
  GstVideoRectangle at;
  GstBuffer *pixels;
  GstMapInfo map;
  guint i;

  gst_util_set_object_arg (G_OBJECT (h->element), "show", "blocks");
  set_blocks (add_meta (buffer), 8, 6, blocks);
  buffer = attached (h, buffer);
  at = rectangle_at (get_composition (buffer), 0);
  g_assert_cmpint (at.x, ==, 8);
  g_assert_cmpint (at.y, ==, 8);
  g_assert_cmpint (at.w, ==, 16);
  g_assert_cmpint (at.h, ==, 8);
  pixels = gst_video_overlay_rectangle_get_pixels_unscaled_argb
      (gst_video_overlay_composition_get_rectangle (get_composition (buffer),
          0), GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  gst_buffer_map (pixels, &map, GST_MAP_READ);
#define PIXEL(p) (((const guint32 *) map.data)[(p)[1] * 16 + (p)[0]])
  for (i = 0; i < G_N_ELEMENTS (outline); i++)
    g_assert_cmphex (PIXEL (outline[i]), ==, PIXEL (outline[0]));
  for (i = 0; i < G_N_ELEMENTS (inside); i++) {
    g_assert_cmphex (PIXEL (inside[i]), ==, PIXEL (inside[0]));
    g_assert_cmphex (PIXEL (inside[i]), !=, PIXEL (outline[0]));
  }
#undef PIXEL
  gst_buffer_unmap (pixels, &map);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

/* A frame scaled since: the grid is stretched. */
static void
test_blocks_scaled (void)
{
  GstHarness *h = harness_new ("", "I420", 64, 48);
  guint8 blocks[100 * 80];

  gst_util_set_object_arg (G_OBJECT (h->element), "show", "blocks");
  memset (blocks, 0, sizeof blocks);
  blocks[0] = blocks[5] = blocks[11] = 1;
  check_tint (h, 64, 48, 4, 3, blocks); /* 16x16 each */
  gst_harness_teardown (h);

  /* More blocks than samples: nothing to hold it against but memory. */
  h = harness_new ("", "I420", 16, 16);
  gst_util_set_object_arg (G_OBJECT (h->element), "show", "blocks");
  memset (blocks, 1, sizeof blocks);
  check_tint (h, 16, 16, 100, 80, blocks);
  gst_harness_teardown (h);
}

/* A meta whose map does not match its sizes is one not to draw from. */
static void
test_blocks_bad (void)
{
  GstVideoInfo info = make_info ("RGB", 64, 64);
  GstHarness *h = harness_new ("", "RGB", 64, 64);
  gint k;

  gst_util_set_object_arg (G_OBJECT (h->element), "show", "blocks");
  for (k = 0; k < 4; k++) {
    static const guint cols[] = { 8, 0, 8, G_MAXUINT };
    static const guint rows[] = { 9, 8, 0, G_MAXUINT };
    GstBuffer *buffer = noise_buffer (&info, k), *copy =
        gst_buffer_copy_deep (buffer);
    GstDeltaCnnMeta *meta = add_meta (buffer);
    guint8 blocks[64];

    memset (blocks, 1, sizeof blocks);
    set_blocks (meta, 8, 8, blocks);
    meta->cols = cols[k];
    meta->rows = rows[k];
    buffer = gst_harness_push_and_pull (h, buffer);
    assert_same_bytes (buffer, copy);
    gst_buffer_unref (buffer);
    gst_buffer_unref (copy);
  }
  gst_harness_teardown (h);
}

static void
test_caps_change (void)
{
  static const struct
  {
    const gchar *format;
    gint width, height;
  } steps[] = { {"I420", 320, 240}, {"RGB", 320, 240}, {"I420", 64, 48},
  {"NV12", 640, 480}, {"I420", 1, 1}, {"GRAY8", 322, 242}, {"I420", 320, 240}
  };
  GstHarness *h = harness_new ("", "I420", 320, 240);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (steps); i++) {
    gint width = steps[i].width, height = steps[i].height;
    GstVideoInfo info = make_info (steps[i].format, width, height);
    GstBuffer *buffer = noise_buffer (&info, i), *fresh, *copy;
    GstHarness *other = harness_new ("", steps[i].format, width, height);

    gst_harness_set_src_caps (h, make_caps ("", steps[i].format, width,
            height));
    add_meta (buffer);
    copy = gst_buffer_copy_deep (buffer);
    buffer = gst_harness_push_and_pull (h, buffer);
    fresh = gst_harness_push_and_pull (other, copy);
    /* as an element draws that never saw other caps */
    assert_same_bytes (buffer, fresh);
    gst_buffer_unref (buffer);
    gst_buffer_unref (fresh);
    gst_harness_teardown (other);
  }
  gst_harness_teardown (h);
}

/* A buffer that someone else holds keeps its samples; one that nobody else
 * holds is not copied. */
static void
test_sharing (void)
{
  GstVideoInfo info = make_info ("I420", 320, 240);
  GstHarness *h = harness_new ("", "I420", 320, 240);
  GstBuffer *buffer = noise_buffer (&info, 1), *copy, *out;
  GstMemory *memory;

  add_meta (buffer);
  copy = gst_buffer_copy_deep (buffer);
  out = gst_harness_push_and_pull (h, gst_buffer_ref (buffer));
  g_assert_true (out != buffer);
  assert_same_bytes (buffer, copy);
  g_assert_nonnull (gst_buffer_get_delta_cnn_meta (out));
  gst_buffer_unref (out);

  memory = gst_buffer_peek_memory (buffer, 0);
  out = gst_harness_push_and_pull (h, buffer);
  g_assert_true (out == buffer);
  g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
  gst_buffer_unref (out);
  gst_buffer_unref (copy);
  gst_harness_teardown (h);
}

/* Lines further apart than the caps imply: what lies between stays. */
static void
test_strides (void)
{
  const gint width = 322, height = 242, stride = 384;
  GstVideoInfo info = make_info ("GRAY8", width, height);
  GstHarness *h = harness_new ("", "GRAY8", width, height);
  gsize size = (gsize) stride * height + 64, offset[4] = { 64, 0, 0, 0 };
  gint strides[4] = { stride, 0, 0, 0 }, y;
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);
  GstBuffer *tight = noise_buffer (&info, 1);
  GstMapInfo map, tight_map;

  gst_buffer_memset (tight, 0, 99, -1);
  gst_buffer_memset (buffer, 0, 99, -1);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_FORMAT_GRAY8, width, height, 1, offset, strides);
  add_meta (buffer);
  add_meta (tight);
  buffer = gst_harness_push_and_pull (h, buffer);
  tight = gst_harness_push_and_pull (h, tight);
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_assert_true (gst_buffer_map (tight, &tight_map, GST_MAP_READ));
  for (y = 0; y < 64; y++)
    g_assert_cmpint (map.data[y], ==, 99);
  for (y = 0; y < height; y++) {
    const guint8 *line = map.data + 64 + y * stride;
    gint x;

    g_assert_cmpmem (line, width, tight_map.data +
        y * GST_VIDEO_INFO_PLANE_STRIDE (&info, 0), width);
    for (x = width; x < stride; x++)
      g_assert_cmpint (line[x], ==, 99);
  }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unmap (tight, &tight_map);
  gst_buffer_unref (buffer);
  gst_buffer_unref (tight);
  gst_harness_teardown (h);
}

/* What an element upstream attached stays, below ours. */
static void
test_attach_appends (void)
{
  GstVideoInfo info = make_info ("I420", 320, 240);
  GstHarness *h = harness_new (COMPOSITION, "I420", 320, 240);
  GstBuffer *buffer = noise_buffer (&info, 1);
  GstBuffer *pixels = gst_buffer_new_allocate (NULL, 4 * 4 * 4, NULL);
  GstVideoOverlayRectangle *rectangle;
  GstVideoOverlayComposition *composition;

  gst_buffer_memset (pixels, 0, 255, -1);
  gst_buffer_add_video_meta (pixels, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, 4, 4);
  rectangle = gst_video_overlay_rectangle_new_raw (pixels, 100, 100, 4, 4,
      GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE);
  composition = gst_video_overlay_composition_new (rectangle);
  gst_buffer_add_video_overlay_composition_meta (buffer, composition);
  add_meta (buffer);
  buffer = attached (h, buffer);
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (get_composition
          (buffer)), ==, 3);
  g_assert_true (gst_video_overlay_composition_get_rectangle (get_composition
          (buffer), 0) == rectangle);
  /* The upstream element's own composition is not changed. */
  g_assert_cmpuint (gst_video_overlay_composition_n_rectangles (composition),
      ==, 1);
  gst_video_overlay_rectangle_unref (rectangle);
  gst_video_overlay_composition_unref (composition);
  gst_buffer_unref (pixels);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
}

/* A sink that takes nothing but frames with the feature gets them, from plain
 * ones; one that does not know it gets blended ones. */
static void
test_negotiation (void)
{
  GstElement *element = gst_element_factory_make ("deltaoverlay", NULL);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");
  GstVideoInfo info = make_info ("I420", 320, 240);
  GstBuffer *buffer = noise_buffer (&info, 1);
  GstCaps *caps, *expected;
  GstPad *pad;

  gst_object_unref (element);
  gst_harness_set_sink_caps_str (h, "video/x-raw" COMPOSITION ", format=I420");
  gst_harness_set_src_caps (h, make_caps ("", "I420", 320, 240));
  add_meta (buffer);
  buffer = gst_harness_push_and_pull (h, buffer);
  g_assert_nonnull (get_composition (buffer));
  pad = gst_element_get_static_pad (h->element, "src");
  caps = gst_pad_get_current_caps (pad);
  g_assert_true (gst_caps_features_contains (gst_caps_get_features (caps, 0),
          GST_CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION));
  gst_caps_unref (caps);
  gst_object_unref (pad);
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);

  /* A sink that takes anything promises nothing. */
  h = harness_new ("", "I420", 320, 240);
  buffer = noise_buffer (&info, 1);
  add_meta (buffer);
  buffer = gst_harness_push_and_pull (h, buffer);
  g_assert_null (get_composition (buffer));
  gst_buffer_unref (buffer);
  gst_harness_teardown (h);

  element = gst_element_factory_make ("deltaoverlay", NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_sink_caps_str (h, "video/x-raw, format=(string){NV12, RGB}");
  pad = gst_element_get_static_pad (h->element, "sink");
  caps = gst_pad_query_caps (pad, NULL);
  expected = gst_caps_from_string ("video/x-raw, format=(string){NV12, RGB}");
  g_assert_true (gst_caps_is_subset (caps, expected));
  g_assert_false (gst_caps_is_empty (caps));
  gst_caps_unref (caps);
  gst_caps_unref (expected);
  gst_object_unref (pad);
  gst_harness_teardown (h);
}

/* In a pipeline: restart, and a meta added on the way. */
static GstPadProbeReturn
add_meta_probe (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  GstBuffer *buffer =
      gst_buffer_make_writable (GST_PAD_PROBE_INFO_BUFFER (info));

  add_meta (buffer);
  GST_PAD_PROBE_INFO_DATA (info) = buffer;
  return GST_PAD_PROBE_OK;
}

static void
test_pipeline (void)
{
  GError *error = NULL;
  GstElement *pipeline =
      gst_parse_launch ("videotestsrc num-buffers=5 ! "
      "video/x-raw,format=YV12,width=320,height=240 ! "
      "deltaoverlay name=overlay show=labels+stats+blocks ! videoconvert ! "
      "video/x-raw,format=RGB ! fakesink", &error);
  GstElement *overlay;
  GstPad *pad;
  GstBus *bus;
  gint run;

  g_assert_no_error (error);
  overlay = gst_bin_get_by_name (GST_BIN (pipeline), "overlay");
  pad = gst_element_get_static_pad (overlay, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, add_meta_probe, NULL,
      NULL);
  bus = gst_element_get_bus (pipeline);
  for (run = 0; run < 3; run++) {
    GstMessage *message;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
    gst_message_unref (message);
    gst_element_set_state (pipeline, run == 1 ? GST_STATE_READY :
        GST_STATE_NULL);
  }
  gst_object_unref (bus);
  gst_object_unref (pad);
  gst_object_unref (overlay);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  deltacnn_elements_register (NULL);
  g_test_add_func ("/overlay/element", test_element);
  g_test_add_func ("/overlay/formats", test_formats);
  g_test_add_func ("/overlay/blocks", test_blocks);
  g_test_add_func ("/overlay/blocks-outline", test_blocks_outline);
  g_test_add_func ("/overlay/blocks-scaled", test_blocks_scaled);
  g_test_add_func ("/overlay/blocks-bad", test_blocks_bad);
  g_test_add_func ("/overlay/caps-change", test_caps_change);
  g_test_add_func ("/overlay/sharing", test_sharing);
  g_test_add_func ("/overlay/strides", test_strides);
  g_test_add_func ("/overlay/attach-appends", test_attach_appends);
  g_test_add_func ("/overlay/negotiation", test_negotiation);
  g_test_add_func ("/overlay/pipeline", test_pipeline);
  result = g_test_run ();
  gst_deinit ();                /* GST_TRACERS=leaks reports here */
  return result;
}
