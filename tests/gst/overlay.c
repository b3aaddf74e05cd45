/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tests of deltaoverlay.  Where a panel lies is read from the composition that the element attaches when asked
 * to; what it blends is held against that.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <math.h>
#include <string.h>
#include "gstdeltacnnmeta.h"
#include "plugin.h"

#define COMPOSITION "(memory:SystemMemory, meta:GstVideoOverlayComposition)"

/* --- helpers --------------------------------------------------------------- */

static const GstDeltaCnnResult some_results[] = {
  {7, "corridor", 0.87f}, {8, "a person", 0.09f}, {9, "tench, Tinca tinca",
      0.03f}
};

static GstCaps *
make_caps (const gchar * features, const gchar * format, gint width,
    gint height)
{
  gchar *text =
      g_strdup_printf
      ("video/x-raw%s, format=%s, width=%d, height=%d, framerate=25/1",
      features, format, width, height);
  GstCaps *caps = gst_caps_from_string (text);

  g_assert_nonnull (caps);
  g_free (text);
  return caps;
}

static GstHarness *
harness_new (const gchar * features, const gchar * format, gint width,
    gint height)
{
  GstElement *element = gst_element_factory_make ("deltaoverlay", NULL);
  GstHarness *h = gst_harness_new_with_element (element, "sink", "src");

  gst_object_unref (element);
  gst_harness_set_src_caps (h, make_caps (features, format, width, height));
  return h;
}

/* Noise, so that nothing is what it was by chance. */
static GstBuffer *
noise_buffer (const GstVideoInfo * info, guint32 seed)
{
  GstBuffer *buffer =
      gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  GRand *rand = g_rand_new_with_seed (seed);
  GstMapInfo map;
  gsize i;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (i = 0; i < map.size; i++)
    map.data[i] = (guint8) g_rand_int (rand);
  gst_buffer_unmap (buffer, &map);
  g_rand_free (rand);
  GST_BUFFER_PTS (buffer) = 0;
  return buffer;
}

static GstVideoInfo
make_info (const gchar * format, gint width, gint height)
{
  GstVideoInfo info;

  g_assert_true (gst_video_info_set_format (&info,
          gst_video_format_from_string (format), width, height));
  return info;
}

static GstDeltaCnnMeta *
add_meta (GstBuffer * buffer)
{
  GstDeltaCnnMeta *meta = gst_buffer_add_delta_cnn_meta (buffer, "model",
      some_results, G_N_ELEMENTS (some_results));

  meta->picture_type = GST_DELTA_PICTURE_TYPE_P;
  meta->changed = 0.34;
  meta->multiplies = 0.12;
  return meta;
}

static void
set_blocks (GstDeltaCnnMeta * meta, guint cols, guint rows,
    const guint8 * blocks)
{
  meta->cols = cols;
  meta->rows = rows;
  meta->blocks = g_bytes_new (blocks, (gsize) cols * rows);
}

static void
assert_same_bytes (GstBuffer * a, GstBuffer * b)
{
  GstMapInfo ma, mb;

  g_assert_true (gst_buffer_map (a, &ma, GST_MAP_READ));
  g_assert_true (gst_buffer_map (b, &mb, GST_MAP_READ));
  g_assert_cmpmem (ma.data, ma.size, mb.data, mb.size);
  gst_buffer_unmap (a, &ma);
  gst_buffer_unmap (b, &mb);
}

static GstVideoOverlayComposition *
get_composition (GstBuffer * buffer)
{
  GstVideoOverlayCompositionMeta *meta =
      gst_buffer_get_video_overlay_composition_meta (buffer);

  return meta ? meta->overlay : NULL;
}

/* What the element attaches to a frame of that size with that meta. */
static GstBuffer *
attached (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  return out;
}

static GstVideoRectangle
rectangle_at (GstVideoOverlayComposition * composition, guint i)
{
  GstVideoRectangle r;
  guint w, h;

  gst_video_overlay_rectangle_get_render_rectangle
      (gst_video_overlay_composition_get_rectangle (composition, i), &r.x, &r.y,
      &w, &h);
  r.w = (gint) w;
  r.h = (gint) h;
  return r;
}

/* All pixels of a frame, four components of 8 or 16 bits each, as GStreamer
 * unpacks them. */
static guint8 *
unpack (GstBuffer * buffer, const GstVideoInfo * info, gsize * pixel_size)
{
  const GstVideoFormatInfo *unpacked =
      gst_video_format_get_info (info->finfo->unpack_format);
  gsize size = GST_VIDEO_FORMAT_INFO_PSTRIDE (unpacked, 0);
  guint8 *pixels = g_malloc0 (size * info->width * info->height);
  GstVideoFrame frame;
  gint y;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READ));
  for (y = 0; y < info->height; y++)
    info->finfo->unpack_func (info->finfo, GST_VIDEO_PACK_FLAG_NONE,
        pixels + size * info->width * y, frame.data, frame.info.stride, 0, y,
        info->width);
  gst_video_frame_unmap (&frame);
  *pixel_size = size;
  return pixels;
}

/* Noise that is a picture of its format: some have bits that mean nothing (Y212
 * has 12 of 16), which any element that unpacks and packs a line clears. */
static GstBuffer *
picture_buffer (GstVideoInfo * info, guint32 seed)
{
  GstBuffer *buffer = noise_buffer (info, seed);
  gsize size;
  guint8 *pixels = unpack (buffer, info, &size);
  GstVideoFrame frame;
  gint y;

  g_assert_true (gst_video_frame_map (&frame, info, buffer, GST_MAP_READWRITE));
  for (y = 0; y < info->height; y++)
    info->finfo->pack_func (info->finfo, GST_VIDEO_PACK_FLAG_NONE,
        pixels + size * info->width * y, size * info->width, frame.data,
        frame.info.stride, info->chroma_site, y, info->width);
  gst_video_frame_unmap (&frame);
  g_free (pixels);
  return buffer;
}

/* --- tests ----------------------------------------------------------------- */

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
  g_test_add_func ("/overlay/blocks-scaled", test_blocks_scaled);
  g_test_add_func ("/overlay/blocks-bad", test_blocks_bad);
  g_test_add_func ("/overlay/show", test_show);
  g_test_add_func ("/overlay/text-cached", test_text_cached);
  g_test_add_func ("/overlay/text-size", test_text_size);
  g_test_add_func ("/overlay/confidence-bar", test_confidence_bar);
  g_test_add_func ("/overlay/labels-hostile", test_labels_hostile);
  g_test_add_func ("/overlay/stats-hostile", test_stats_hostile);
  g_test_add_func ("/overlay/readable", test_readable);
  g_test_add_func ("/overlay/tiny", test_tiny);
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
