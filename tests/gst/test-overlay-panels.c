/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltaoverlay's panels: what stands in them, how large, whether it can be read.
 */
#include "overlay-common.h"
#include "plugin.h"

#include <math.h>
#include <string.h>

static guint
n_rectangles (GstHarness * h, const gchar * show)
{
  GstVideoInfo info = make_info ("I420", 640, 480);
  GstBuffer *buffer = noise_buffer (&info, 1);
  GstDeltaCnnMeta *meta = add_meta (buffer);
  guint8 blocks[80 * 60] = { 1, 0 };
  guint n;

  set_blocks (meta, 80, 60, blocks);
  gst_util_set_object_arg (G_OBJECT (h->element), "show", show);
  buffer = attached (h, buffer);
  n = get_composition (buffer) ?
      gst_video_overlay_composition_n_rectangles (get_composition (buffer)) : 0;
  gst_buffer_unref (buffer);
  return n;
}

static void
test_show (void)
{
  GstHarness *h = harness_new (COMPOSITION, "I420", 640, 480);

  g_assert_cmpuint (n_rectangles (h, "labels"), ==, 1);
  g_assert_cmpuint (n_rectangles (h, "stats"), ==, 1);
  g_assert_cmpuint (n_rectangles (h, "blocks"), ==, 1);
  g_assert_cmpuint (n_rectangles (h, "labels+stats"), ==, 2);
  g_assert_cmpuint (n_rectangles (h, "labels+blocks"), ==, 2);
  g_assert_cmpuint (n_rectangles (h, "labels+stats+blocks"), ==, 3);
  g_object_set (h->element, "show", 0, NULL);
  g_assert_cmpuint (n_rectangles (h, "0"), ==, 0);
  gst_harness_teardown (h);
}

/* The labels panel alone, as attached. */
static GstVideoOverlayRectangle *
labels_panel (GstHarness * h, gint width, gint height,
    const GstDeltaCnnResult * results, guint n)
{
  GstVideoInfo info = make_info ("I420", width, height);
  GstBuffer *buffer = noise_buffer (&info, 1);
  GstVideoOverlayRectangle *rectangle = NULL;

  gst_util_set_object_arg (G_OBJECT (h->element), "show", "labels");
  gst_buffer_add_delta_cnn_meta (buffer, "model", results, n);
  buffer = attached (h, buffer);
  if (get_composition (buffer))
    rectangle =
        gst_video_overlay_rectangle_ref
        (gst_video_overlay_composition_get_rectangle (get_composition (buffer),
            0));
  gst_buffer_unref (buffer);
  return rectangle;
}

static void
panel_size (GstVideoOverlayRectangle * rectangle, guint * width, guint * height)
{
  g_assert_nonnull (rectangle);
  gst_video_overlay_rectangle_get_render_rectangle (rectangle, NULL, NULL,
      width, height);
}

/* Text is drawn anew when it changes, and only then. */
static void
test_text_cached (void)
{
  GstHarness *h = harness_new (COMPOSITION, "I420", 640, 480);
  GstDeltaCnnResult results[2] = { {1, "cat", 0.50f}, {2, "dog", 0.25f} };
  GstVideoOverlayRectangle *panel[6];
  guint i;

  panel[0] = labels_panel (h, 640, 480, results, 2);
  results[0].confidence = 0.5001f;      /* not in what is shown */
  panel[1] = labels_panel (h, 640, 480, results, 2);
  g_assert_true (panel[0] == panel[1]);
  results[0].confidence = 0.52f;
  panel[2] = labels_panel (h, 640, 480, results, 2);
  g_assert_true (panel[2] != panel[1]);
  results[0].label = "bat";
  panel[3] = labels_panel (h, 640, 480, results, 2);
  g_assert_true (panel[3] != panel[2]);
  g_object_set (h->element, "font-scale", 2.0, NULL);
  panel[4] = labels_panel (h, 640, 480, results, 2);
  g_assert_true (panel[4] != panel[3]);
  g_object_set (h->element, "font-desc", "Serif", NULL);
  panel[5] = labels_panel (h, 640, 480, results, 2);
  g_assert_true (panel[5] != panel[4]);
  for (i = 0; i < G_N_ELEMENTS (panel); i++)
    gst_video_overlay_rectangle_unref (panel[i]);
  gst_harness_teardown (h);
}

static void
test_text_size (void)
{
  GstHarness *small = harness_new (COMPOSITION, "I420", 640, 480);
  GstHarness *large = harness_new (COMPOSITION, "I420", 1280, 960);
  guint w1, h1, w2, h2, top;
  GstVideoOverlayRectangle *panel;

  panel = labels_panel (small, 640, 480, some_results, 3);
  panel_size (panel, &w1, &h1);
  gst_video_overlay_rectangle_unref (panel);
  panel = labels_panel (large, 1280, 960, some_results, 3);
  panel_size (panel, &w2, &h2);
  gst_video_overlay_rectangle_unref (panel);
  g_assert_cmpfloat_with_epsilon ((gdouble) h2 / h1, 2, 0.15);
  g_assert_cmpfloat_with_epsilon ((gdouble) w2 / w1, 2, 0.15);
  for (top = 1, h2 = 0; top <= 3; top++) {
    g_object_set (small->element, "top-labels", top, NULL);
    panel = labels_panel (small, 640, 480, some_results, 3);
    panel_size (panel, &w1, &h1);
    gst_video_overlay_rectangle_unref (panel);
    g_assert_cmpuint (h1, >, h2);
    h2 = h1;
  }
  g_assert_null (labels_panel (small, 640, 480, NULL, 0));
  gst_harness_teardown (small);
  gst_harness_teardown (large);
}

/* Pixels of the confidence bar's colour, in the first label's bar. */
static guint
bar_pixels (GstHarness * h, gfloat confidence)
{
  GstDeltaCnnResult result = { 1, "x", confidence };
  GstVideoOverlayRectangle *panel = labels_panel (h, 640, 480, &result, 1);
  GstBuffer *pixels = gst_video_overlay_rectangle_get_pixels_unscaled_argb
      (panel, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  guint n = 0;
  GstMapInfo map;
  gsize i;

  g_assert_true (gst_buffer_map (pixels, &map, GST_MAP_READ));
  for (i = 0; i < map.size / 4; i++) {
    guint32 p = ((guint32 *) map.data)[i];

    n += ((p >> 16) & 255) < 80 && ((p >> 8) & 255) > 180;
  }
  gst_buffer_unmap (pixels, &map);
  gst_video_overlay_rectangle_unref (panel);
  return n;
}

static void
test_confidence_bar (void)
{
  GstHarness *h = harness_new (COMPOSITION, "I420", 640, 480);
  guint half = bar_pixels (h, 0.5f), full = bar_pixels (h, 1);

  g_assert_cmpuint (full, >, 100);
  g_assert_cmpfloat_with_epsilon ((gdouble) half / full, 0.5, 0.1);
  g_assert_cmpuint (bar_pixels (h, 0), ==, 0);
  /* What is out of range is drawn as the end of the range. */
  g_assert_cmpuint (bar_pixels (h, 17), ==, full);
  g_assert_cmpuint (bar_pixels (h, -1), ==, 0);
  g_assert_cmpuint (bar_pixels (h, NAN), ==, 0);
  g_assert_cmpuint (bar_pixels (h, INFINITY), ==, full);
  gst_harness_teardown (h);
}

/* Labels are text, whatever they hold. */
static void
test_labels_hostile (void)
{
  static const gchar *labels[] = { "<b>bold</b>", "&amp; & < >", "</span>",
    "\377\376\200 not utf-8", "a\nb\r\nc\td", "", NULL, "\001\002\037\177",
    "%s %n %d", "\342\200\256right to left", "\360\237\220\210 cat", "   ",
    "\303"
  };
  GstHarness *h = harness_new (COMPOSITION, "I420", 640, 480);
  gchar *lengthy = g_strnfill (20000, 'W');
  GstVideoOverlayRectangle *panel;
  GstDeltaCnnResult result = { 3, NULL, 0.5f };
  guint w1, h1, w2, h2, i;

  for (i = 0; i < G_N_ELEMENTS (labels); i++) {
    result.label = labels[i];
    panel = labels_panel (h, 640, 480, &result, 1);
    panel_size (panel, &w1, &h1);
    g_assert_cmpuint (w1, <=, 640);
    g_assert_cmpuint (h1, <, 60);       /* one line */
    gst_video_overlay_rectangle_unref (panel);
  }
  result.label = lengthy;
  panel = labels_panel (h, 640, 480, &result, 1);
  panel_size (panel, &w1, &h1);
  g_assert_cmpuint (w1, <=, 630);
  gst_video_overlay_rectangle_unref (panel);
  /* Markup is shown, not followed. */
  result.label = "corridor of a house";
  panel = labels_panel (h, 640, 480, &result, 1);
  panel_size (panel, &w1, &h1);
  gst_video_overlay_rectangle_unref (panel);
  result.label = "<i>corridor of a house</i>";
  panel = labels_panel (h, 640, 480, &result, 1);
  panel_size (panel, &w2, &h2);
  gst_video_overlay_rectangle_unref (panel);
  g_assert_cmpuint (w2, >, w1 + 20);
  g_free (lengthy);
  gst_harness_teardown (h);
}

static void
test_stats_hostile (void)
{
  static const gdouble shares[] =
      { 0, 1e-9, 1, 1.02, -3, 1e300, NAN, INFINITY };
  GstVideoInfo info = make_info ("I420", 320, 240);
  GstHarness *h = harness_new (COMPOSITION, "I420", 320, 240);
  guint i;

  for (i = 0; i < G_N_ELEMENTS (shares); i++) {
    GstBuffer *buffer = noise_buffer (&info, i);
    GstDeltaCnnMeta *meta = add_meta (buffer);

    meta->changed = meta->multiplies = shares[i];
    meta->picture_type = (GstDeltaPictureType) i;       /* also unknown ones */
    buffer = attached (h, buffer);
    g_assert_cmpuint (gst_video_overlay_composition_n_rectangles
        (get_composition (buffer)), ==, 2);
    gst_buffer_unref (buffer);
  }
  gst_harness_teardown (h);
}

/* Nothing at all and next to nothing read differently; all that is below one per cent reads the same. */
static void
test_small_shares (void)
{
  static const gdouble shares[] = { 0, 1e-6, 0.004 };
  GstVideoInfo info = make_info ("I420", 320, 240);
  GstHarness *h = harness_new (COMPOSITION, "I420", 320, 240);
  GstBuffer *panel[G_N_ELEMENTS (shares)];
  guint i;

  gst_util_set_object_arg (G_OBJECT (h->element), "show", "stats");
  for (i = 0; i < G_N_ELEMENTS (shares); i++) {
    GstBuffer *buffer = noise_buffer (&info, 1);

    add_meta (buffer)->multiplies = shares[i];
    buffer = attached (h, buffer);
    panel[i] =
        gst_buffer_ref (gst_video_overlay_rectangle_get_pixels_unscaled_argb
        (gst_video_overlay_composition_get_rectangle (get_composition (buffer),
                0), GST_VIDEO_OVERLAY_FORMAT_FLAG_NONE));
    gst_buffer_unref (buffer);
  }
  assert_same_bytes (panel[1], panel[2]);
  if (gst_buffer_get_size (panel[0]) == gst_buffer_get_size (panel[1])) {
    GstMapInfo map;

    gst_buffer_map (panel[0], &map, GST_MAP_READ);
    g_assert_cmpint (gst_buffer_memcmp (panel[1], 0, map.data, map.size), !=,
        0);
    gst_buffer_unmap (panel[0], &map);
  }
  for (i = 0; i < G_N_ELEMENTS (shares); i++)
    gst_buffer_unref (panel[i]);
  gst_harness_teardown (h);
}

/* There is light and dark in both panels, on white, on black and on noise. */
static void
test_readable (void)
{
  static const gint grounds[] = { 235, 16, 126 };
  GstVideoInfo info = make_info ("GRAY8", 640, 480);
  GstHarness *plain = harness_new ("", "GRAY8", 640, 480);
  GstHarness *attaching = harness_new (COMPOSITION, "GRAY8", 640, 480);
  guint k, i;

  for (k = 0; k < G_N_ELEMENTS (grounds); k++) {
    GstBuffer *buffer = noise_buffer (&info, k), *marks, *out;

    gst_buffer_memset (buffer, 0, (guint8) grounds[k], -1);
    add_meta (buffer);
    marks = attached (attaching, gst_buffer_copy_deep (buffer));
    out = gst_harness_push_and_pull (plain, buffer);
    for (i = 0; i < 2; i++) {
      GstVideoRectangle r = rectangle_at (get_composition (marks), i);
      guint light = 0, dark = 0;
      GstVideoFrame frame;
      gint x, y;

      g_assert_true (gst_video_frame_map (&frame, &info, out, GST_MAP_READ));
      for (y = r.y; y < r.y + r.h; y++)
        for (x = r.x; x < r.x + r.w; x++) {
          guint8 v = ((guint8 *) GST_VIDEO_FRAME_PLANE_DATA (&frame, 0))[y *
              GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0) + x];
          light += v > 170;
          dark += v < 100;
        }
      gst_video_frame_unmap (&frame);
      g_assert_cmpuint (dark, >, r.w * r.h / 2);
      g_assert_cmpuint (light, >, r.w * r.h / 50);
    }
    gst_buffer_unref (marks);
    gst_buffer_unref (out);
  }
  gst_harness_teardown (plain);
  gst_harness_teardown (attaching);
}

/* Frames from 1x1 up: nothing outside, no complaint, and text again as soon
 * as there is room. */
static void
test_tiny (void)
{
  static const gchar *formats[] = { "I420", "NV12", "RGB", "BGRx", "GRAY8",
    "YUY2", "YUV9"
  };
  GRand *rand = g_rand_new_with_seed (6);
  guint8 blocks[64];
  guint f;
  gint w, h, i;

  memset (blocks, 1, sizeof blocks);
  for (f = 0; f < G_N_ELEMENTS (formats); f++) {
    for (h = 1; h <= 40; h += h < 17 ? 1 : 7)
      for (w = 1; w <= 40; w += w < 17 ? 1 : 7) {
        GstVideoInfo info = make_info (formats[f], w, h);
        GstHarness *harness = harness_new ("", formats[f], w, h);
        gdouble scale = g_rand_boolean (rand) ? 1 : 10;

        gst_util_set_object_arg (G_OBJECT (harness->element), "show",
            "labels+stats+blocks");
        g_object_set (harness->element, "font-scale", scale, NULL);
        for (i = 0; i < 2; i++) {
          GstBuffer *buffer = noise_buffer (&info, i);
          GstDeltaCnnMeta *meta = add_meta (buffer);

          set_blocks (meta, (w + 7) / 8, (h + 7) / 8, blocks);
          buffer = gst_harness_push_and_pull (harness, buffer);
          g_assert_nonnull (buffer);
          gst_buffer_unref (buffer);
        }
        gst_harness_teardown (harness);
      }
  }
  g_rand_free (rand);
  for (h = 8; h <= 200; h += 3) {
    GstVideoInfo info = make_info ("I420", 3 * h / 2, h);
    GstHarness *harness = harness_new (COMPOSITION, "I420", 3 * h / 2, h);
    GstBuffer *buffer = noise_buffer (&info, h);
    guint n, k;

    add_meta (buffer);
    buffer = attached (harness, buffer);
    n = get_composition (buffer) ?
        gst_video_overlay_composition_n_rectangles (get_composition (buffer)) :
        0;
    for (k = 0; k < n; k++) {
      GstVideoRectangle r = rectangle_at (get_composition (buffer), k);

      g_assert_true (r.x >= 0 && r.y >= 0 && r.w > 0 && r.h > 0);
      g_assert_true (r.x + r.w <= 3 * h / 2 && r.y + r.h <= h);
    }
    if (n == 2) {               /* one does not cover the other */
      GstVideoRectangle a = rectangle_at (get_composition (buffer), 0);
      GstVideoRectangle b = rectangle_at (get_composition (buffer), 1);

      g_assert_cmpint (a.y + a.h, <=, b.y);
    }
    if (h > 100)
      g_assert_cmpuint (n, ==, 2);
    gst_buffer_unref (buffer);
    gst_harness_teardown (harness);
  }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  deltacnn_elements_register (NULL);
  g_test_add_func ("/overlay/show", test_show);
  g_test_add_func ("/overlay/text-cached", test_text_cached);
  g_test_add_func ("/overlay/text-size", test_text_size);
  g_test_add_func ("/overlay/confidence-bar", test_confidence_bar);
  g_test_add_func ("/overlay/labels-hostile", test_labels_hostile);
  g_test_add_func ("/overlay/stats-hostile", test_stats_hostile);
  g_test_add_func ("/overlay/small-shares", test_small_shares);
  g_test_add_func ("/overlay/readable", test_readable);
  g_test_add_func ("/overlay/tiny", test_tiny);
  result = g_test_run ();
  gst_deinit ();                /* GST_TRACERS=leaks reports here */
  return result;
}
