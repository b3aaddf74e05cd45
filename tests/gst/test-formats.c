/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every format, odd and large sizes, and frames laid out in every way a decoder
 * may lay them out: the same picture must give the same result.
 */
#include "common.h"
#include <math.h>
#include <string.h>

#define N_CLASSES 6

typedef struct
{
  gint width, height;
} Size;

static const Size sizes[] = {
  {1, 1}, {2, 2}, {3, 8}, {7, 5}, {16, 16}, {33, 17}, {64, 9}, {176, 144},
  {641, 359}, {1920, 1080},
};

/* The picture: red, green and blue of a pixel.  seed moves a small square. */
static void
pixel (gint x, gint y, const Size * size, gint seed, guint8 rgb[3])
{
  gint bx = (size->width - size->width / 4) * seed / 4;

  rgb[0] = 255 * x / size->width;
  rgb[1] = 255 * y / size->height;
  rgb[2] = 128 + 60 * sin (x * 6.0 / size->width + y * 3.0 / size->height);
  if (x >= bx && x < bx + MAX (size->width / 8, 1) && y < size->height / 2) {
    rgb[0] = 250;
    rgb[2] = 20;
  }
}

/* The whole picture, 3 bytes a pixel, kept for the next caller. */
static const guint8 *
picture (const Size * size, gint seed)
{
  static GHashTable *pictures;  /* "WxH/seed" -> bytes */
  gchar *key = g_strdup_printf ("%dx%d/%d", size->width, size->height, seed);
  guint8 *rgb;
  gint x, y;

  if (!pictures)
    pictures = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  rgb = g_hash_table_lookup (pictures, key);
  if (rgb) {
    g_free (key);
    return rgb;
  }
  rgb = g_malloc ((gsize) size->width * size->height * 3);
  for (y = 0; y < size->height; y++)
    for (x = 0; x < size->width; x++)
      pixel (x, y, size, seed, rgb + ((gsize) y * size->width + x) * 3);
  g_hash_table_insert (pictures, key, rgb);
  return rgb;
}

/* How Y'CbCr is made of the picture: by ITU-R BT.601-7 2.5 and BT.709-6 3, in 219 and
 * 224 steps, or in all 255 as ITU-T T.871 has it.  Caps: range:matrix:transfer:primaries. */
typedef struct
{
  const gchar *caps;
  gdouble kr, kb;
  gboolean full;
} Colors;

static const Colors bt601 = { "bt601", 0.299, 0.114, FALSE };

static const Colors *colors = &bt601;

/* A component of a pixel in the frame's format. */
static gint
component (const GstVideoFormatInfo * finfo, gint comp, const guint8 rgb[3])
{
  gdouble r, g, b, luma, steps;
  glong code;

  if (GST_VIDEO_FORMAT_INFO_IS_RGB (finfo))
    return comp < 3 ? rgb[comp] : 255;
  r = rgb[0] / 255.0;
  g = rgb[1] / 255.0;
  b = rgb[2] / 255.0;
  luma = colors->kr * r + (1.0 - colors->kr - colors->kb) * g + colors->kb * b;
  steps = colors->full ? 255.0 : 224.0;
  switch (comp) {
    case 0:
      return (gint) lrint (colors->full ? 255.0 * luma : 16.0 + 219.0 * luma);
    case 1:
      code = lrint (128.0 + steps * (b - luma) / (2.0 * (1.0 - colors->kb)));
      return MIN (code, 255);
    default:
      code = lrint (128.0 + steps * (r - luma) / (2.0 * (1.0 - colors->kr)));
      return MIN (code, 255);
  }
}

static void
paint (GstVideoFrame * frame, gint x0, gint y0, const Size * size, gint seed)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  const guint8 *rgb = picture (size, seed);
  gint comp, x, y;

  for (comp = 0; comp < (gint) GST_VIDEO_FORMAT_INFO_N_COMPONENTS (finfo);
      comp++) {
    gint sx = GST_VIDEO_FORMAT_INFO_W_SUB (finfo, comp);
    gint sy = GST_VIDEO_FORMAT_INFO_H_SUB (finfo, comp);
    guint8 *data = GST_VIDEO_FRAME_COMP_DATA (frame, comp);
    gint stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, comp);
    gint step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, comp);

    for (y = 0; y << sy < size->height; y++)
      for (x = 0; x << sx < size->width; x++)
        data[((y0 >> sy) + y) * stride + ((x0 >> sx) + x) * step] =
            component (finfo, comp, rgb + (((gsize) y << sy) * size->width +
                (x << sx)) * 3);
  }
}

static GstCaps *
caps_for (GstVideoFormat format, const Size * size)
{
  return gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
      gst_video_format_to_string (format), "width", G_TYPE_INT, size->width,
      "height", G_TYPE_INT, size->height, "framerate", GST_TYPE_FRACTION, 25, 1,
      "colorimetry", G_TYPE_STRING,
      gst_video_format_get_info (format)->flags & GST_VIDEO_FORMAT_FLAG_RGB ?
      "sRGB" : colors->caps, NULL);
}

typedef enum
{
  PLAIN,                        /* as the caps say */
  PADDED,                       /* GstVideoMeta with offsets and wide strides */
  LARGER,                       /* GstVideoMeta of a larger frame, top left shown */
  CROPPED,                      /* and with a GstVideoCropMeta into the middle */
  N_LAYOUTS,
  CROPPED_ODD = N_LAYOUTS       /* the same from an odd column on */
} Layout;

/* A frame with garbage wherever it is not shown. */
static GstBuffer *
make_frame (GstVideoFormat format, const Size * size, Layout layout, gint seed)
{
  GstVideoInfo info, shown;
  GstVideoAlignment align;
  GstVideoFrame frame;
  GstBuffer *buffer;
  GstMapInfo map;
  gsize i, head = layout == PLAIN ? 0 : 52;
  gint x = 0, y = 0, extra = layout >= LARGER ? 32 : 0;

  gst_video_info_set_format (&shown, format, size->width, size->height);
  gst_video_info_set_format (&info, format, size->width + extra,
      size->height + extra);
  if (layout != PLAIN) {
    gst_video_alignment_reset (&align);
    align.padding_right = 24;
    align.padding_bottom = 6;
    align.padding_left = 8;
    align.padding_top = 2;
    g_assert_true (gst_video_info_align (&info, &align));
  }
  buffer = gst_buffer_new_allocate (NULL, info.size + head, NULL);
  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (i = 0; i < map.size; i++)
    map.data[i] = 37 * i + seed * 11 + layout;
  gst_buffer_unmap (buffer, &map);
  if (layout != PLAIN) {
    for (i = 0; i < info.finfo->n_planes; i++)
      info.offset[i] += head;
    gst_buffer_add_video_meta_full (buffer, 0, format, info.width, info.height,
        info.finfo->n_planes, info.offset, info.stride);
  }
  if (layout >= CROPPED) {
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

    crop->x = x = layout == CROPPED ? 14 : 13;
    crop->y = y = 6;
    crop->width = size->width;
    crop->height = size->height;
  }
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  paint (&frame, x, y, size, seed);
  gst_video_frame_unmap (&frame);
  GST_BUFFER_PTS (buffer) = seed * GST_SECOND / 25;
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 25;
  return buffer;
}

static GstHarness *
harness (const gchar * model, GstVideoFormat format, const Size * size)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstHarness *h;

  g_object_set (element, "model-file", test_file (model), "top-k", 100,
      "threads", 1, NULL);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_CROP_META_API_TYPE,
      NULL);
  gst_harness_set_src_caps (h, caps_for (format, size));
  return h;
}

static void
result (GstHarness * h, GstBuffer * in, gfloat out[N_CLASSES])
{
  GstBuffer *buffer = gst_harness_push_and_pull (h, in);
  GstDeltaCnnMeta *meta;
  guint i;

  g_assert_nonnull (buffer);
  meta = gst_buffer_get_delta_cnn_meta (buffer);
  g_assert_nonnull (meta);
  for (i = 0; i < N_CLASSES; i++)
    out[i] = 0;
  for (i = 0; i < meta->n_results; i++)
    out[meta->results[i].index] = meta->results[i].confidence;
  gst_buffer_unref (buffer);
}

static void
assert_close (const gfloat * a, const gfloat * b, gdouble most,
    const gchar * what, const Size * size)
{
  guint i;

  for (i = 0; i < N_CLASSES; i++)
    if (!(fabs (a[i] - b[i]) <= most))
      g_error ("%s, %dx%d: class %u %f, expected %f", what, size->width,
          size->height, i, a[i], b[i]);
}

/* A format's frames in every layout: the same bits.  And while frames change, what
 * was reused must give what computing everything gives. */
static void
test_layouts (gconstpointer data)
{
  GstVideoFormat format = GPOINTER_TO_INT (data);
  guint i;
  gint layout, seed;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const Size *size = &sizes[i];
    gfloat expected[4][N_CLASSES], got[N_CLASSES];

    for (layout = PLAIN; layout < N_LAYOUTS; layout++) {
      GstHarness *h = harness ("tiny.onnx", format, size);

      for (seed = 0; seed < 4; seed++) {
        result (h, make_frame (format, size, layout, seed), got);
        if (layout == PLAIN) {
          GstHarness *fresh = harness ("tiny.onnx", format, size);

          g_object_set (fresh->element, "source", 2 /* pixel */ , NULL);
          gst_util_set_object_arg (G_OBJECT (fresh->element), "mode", "dense");
          result (fresh, make_frame (format, size, layout, seed),
              expected[seed]);
          gst_harness_teardown (fresh);
        }
        assert_close (got, expected[seed], 1e-5,
            gst_video_format_to_string (format), size);
      }
      gst_harness_teardown (h);
    }
  }
}

/* Where downstream takes no metas it gets copies: every sample that is shown, and none that is not. */
static void
test_copies (void)
{
  static const GstVideoFormat all[] = {
    GST_VIDEO_FORMAT_YUY2, GST_VIDEO_FORMAT_YVYU, GST_VIDEO_FORMAT_UYVY,
    GST_VIDEO_FORMAT_VYUY, GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_NV12,
    GST_VIDEO_FORMAT_RGB
  };
  static const Size shown[] = { {7, 3}, {32, 16}, {45, 10} };
  guint i, k;
  gint layout, comp, x, y;

  for (i = 0; i < G_N_ELEMENTS (all); i++)
    for (k = 0; k < G_N_ELEMENTS (shown); k++)
      for (layout = PADDED; layout <= CROPPED_ODD; layout++) {
        GstElement *element = gst_element_factory_make ("deltacnn", NULL);
        GstHarness *h;
        GstVideoInfo info;
        GstVideoFrame got, want;
        GstBuffer *out, *plain = make_frame (all[i], &shown[k], PLAIN, 1);

        g_object_set (element, "model-file", test_file ("tiny.onnx"), NULL);
        h = gst_harness_new_with_element (element, "sink", "src");
        gst_object_unref (element);
        gst_harness_set_src_caps (h, caps_for (all[i], &shown[k]));
        out = gst_harness_push_and_pull (h, make_frame (all[i], &shown[k],
                layout, 1));
        g_assert_null (gst_buffer_get_video_meta (out));
        g_assert_null (gst_buffer_get_video_crop_meta (out));
        gst_video_info_set_format (&info, all[i], shown[k].width,
            shown[k].height);
        g_assert_true (gst_video_frame_map (&got, &info, out, GST_MAP_READ));
        g_assert_true (gst_video_frame_map (&want, &info, plain, GST_MAP_READ));
        for (comp = 0; comp < 3; comp++)
          for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&got, comp); y++)
            for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&got, comp); x++) {
              gsize at = (gsize) y * GST_VIDEO_FRAME_COMP_STRIDE (&got, comp)
                  + (gsize) x * GST_VIDEO_FRAME_COMP_PSTRIDE (&got, comp);
              const guint8 *a = GST_VIDEO_FRAME_COMP_DATA (&got, comp);
              const guint8 *b = GST_VIDEO_FRAME_COMP_DATA (&want, comp);

              if (a[at] != b[at])
                g_error ("%s, layout %d, %dx%d: sample %d,%d of component %d",
                    gst_video_format_to_string (all[i]), layout, shown[k].width,
                    shown[k].height, x, y, comp);
            }
        gst_video_frame_unmap (&got);
        gst_video_frame_unmap (&want);
        gst_buffer_unref (plain);
        gst_buffer_unref (out);
        gst_harness_teardown (h);
      }
}

/* A file's frames may end with the last pixel, where what is read of a line does not: they pass, without a result. */
static void
test_cut_line (void)
{
  static const struct
  {
    GstVideoFormat format;
    gint strides[GST_VIDEO_MAX_PLANES];
    gsize bytes, whole;
  } all[] = {
    {GST_VIDEO_FORMAT_YUY2, {14}, 28, 30},
    {GST_VIDEO_FORMAT_NV12, {7, 7}, 21, 22}
  };
  const Size size = { 7, 2 };
  guint i, whole;

  for (i = 0; i < G_N_ELEMENTS (all); i++)
    for (whole = 0; whole < 2; whole++) {
      GstHarness *h = harness ("tiny.onnx", all[i].format, &size);
      gsize bytes = whole ? all[i].whole : all[i].bytes;
      gsize offsets[GST_VIDEO_MAX_PLANES] = { 0, 14 };
      GstBuffer *in = gst_buffer_new_wrapped (g_malloc0 (bytes), bytes), *out;

      gst_buffer_add_video_meta_full (in, 0, all[i].format, 7, 2,
          all[i].format == GST_VIDEO_FORMAT_NV12 ? 2 : 1, offsets,
          (gint *) all[i].strides);
      out = gst_harness_push_and_pull (h, in);
      g_assert_nonnull (out);
      g_assert_true ((gst_buffer_get_delta_cnn_meta (out) != NULL) ==
          (whole == 1));
      gst_buffer_unref (out);
      gst_harness_teardown (h);
    }
}

/* The same picture in two formats.  YUV is rounded and chroma is subsampled, so
 * across those the results may differ a little. */
static void
compare_formats (GstVideoFormat a, GstVideoFormat b, gdouble most,
    gint smallest)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++) {
    const Size *size = &sizes[i];
    GstHarness *ha, *hb;
    gfloat ra[N_CLASSES], rb[N_CLASSES];
    gchar *what;

    if (MIN (size->width, size->height) < smallest)
      continue;
    ha = harness ("tiny.onnx", a, size);
    hb = harness ("tiny.onnx", b, size);
    result (ha, make_frame (a, size, PLAIN, 1), ra);
    result (hb, make_frame (b, size, PLAIN, 1), rb);
    what = g_strdup_printf ("%s against %s", gst_video_format_to_string (a),
        gst_video_format_to_string (b));
    assert_close (ra, rb, most, what, size);
    g_free (what);
    gst_harness_teardown (ha);
    gst_harness_teardown (hb);
  }
}

static void
test_same_samples (void)
{
  static const GstVideoFormat yuv[] = { GST_VIDEO_FORMAT_YV12,
    GST_VIDEO_FORMAT_NV12, GST_VIDEO_FORMAT_NV21
  };
  static const GstVideoFormat rgb[] = { GST_VIDEO_FORMAT_BGR,
    GST_VIDEO_FORMAT_RGBx, GST_VIDEO_FORMAT_BGRx, GST_VIDEO_FORMAT_xRGB,
    GST_VIDEO_FORMAT_xBGR, GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_BGRA,
    GST_VIDEO_FORMAT_ARGB, GST_VIDEO_FORMAT_ABGR
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (yuv); i++)
    compare_formats (GST_VIDEO_FORMAT_I420, yuv[i], 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_NV16, 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_NV61, 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y444, GST_VIDEO_FORMAT_NV24, 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_YUY2, 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_UYVY, 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_YVYU, 0.0, 1);
  for (i = 0; i < G_N_ELEMENTS (rgb); i++)
    compare_formats (GST_VIDEO_FORMAT_RGB, rgb[i], 0.0, 1);
  compare_formats (GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_GBR, 0.0, 1);
}

static void
test_same_picture (void)
{
  compare_formats (GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_Y444, 0.03, 1);
  compare_formats (GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_Y42B, 0.08, 100);
  compare_formats (GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_I420, 0.08, 100);
  compare_formats (GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_Y41B, 0.08, 100);
}

/* The same picture by other matrices and ranges, as the caps say: the same result; and not
 * where they say something else. */
static void
test_colorimetry (void)
{
  static const Colors all[] = {
    {"bt709", 0.2126, 0.0722, FALSE}, {"1:4:0:0", 0.299, 0.114, TRUE},
    {"1:3:5:1", 0.2126, 0.0722, TRUE}, {"bt2020", 0.2627, 0.0593, FALSE}
  };
  const Size size = { 176, 144 };
  GstHarness *rgb = harness ("tiny.onnx", GST_VIDEO_FORMAT_RGB, &size);
  gfloat expected[N_CLASSES], got[N_CLASSES];
  guint i, c, said;

  result (rgb, make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 1), expected);
  for (i = 0; i < G_N_ELEMENTS (all); i++)
    for (said = 0; said < G_N_ELEMENTS (all); said++) {
      gdouble worst = 0.0;
      GstHarness *h;

      colors = &all[said];
      h = harness ("tiny.onnx", GST_VIDEO_FORMAT_Y444, &size);
      colors = &all[i];
      result (h, make_frame (GST_VIDEO_FORMAT_Y444, &size, PLAIN, 1), got);
      colors = &bt601;
      for (c = 0; c < N_CLASSES; c++)
        worst = MAX (worst, fabs (got[c] - expected[c]));
      g_test_message ("%s called %s: %f", all[i].caps, all[said].caps, worst);
      if (said == i)
        g_assert_cmpfloat (worst, <=, 0.002);
      else
        g_assert_cmpfloat (worst, >, 0.002);
      gst_harness_teardown (h);
    }
  gst_harness_teardown (rgb);
}

/* Chroma lies where the caps say: Cb and Cr rise along an axis, sampled where the site has its
 * samples (in luma samples from the first one of a group), called `said`; NULL: with a sample
 * of each for every one of luma.  The frame is larger, and shown from luma sample `from` on. */
static void
ramps (gboolean vertical, gdouble site, const gchar * said, gint from,
    gfloat * out)
{
  const Size size = { 32, 32 };
  GstVideoFormat format = said ? GST_VIDEO_FORMAT_I420 : GST_VIDEO_FORMAT_Y444;
  GstHarness *h = harness ("tiny.onnx", format, &size);
  GstCaps *caps = caps_for (format, &size);
  GstVideoCropMeta *crop;
  GstVideoFrame frame;
  GstVideoInfo info;
  GstBuffer *buffer;
  gint comp, x, y, group = said ? 2 : 1;

  gst_video_info_set_format (&info, format, size.width + 2, size.height + 2);
  buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
  gst_buffer_add_video_meta_full (buffer, 0, format, info.width, info.height,
      info.finfo->n_planes, info.offset, info.stride);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = vertical ? 0 : from;
  crop->y = vertical ? from : 0;
  crop->width = size.width;
  crop->height = size.height;
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  for (comp = 0; comp < 3; comp++)
    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, comp); y++)
      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (&frame, comp); x++) {
        gdouble at = group * (vertical ? y : x) + site - from;
        guint8 *data = GST_VIDEO_FRAME_COMP_DATA (&frame, comp);

        data[y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, comp) + x] =
            comp == 0 ? 126 : lrint (32.0 + 6.0 * at);
      }
  gst_video_frame_unmap (&frame);
  if (said)
    gst_caps_set_simple (caps, "chroma-site", G_TYPE_STRING, said, NULL);
  gst_harness_set_src_caps (h, caps);
  result (h, buffer, out);
  gst_harness_teardown (h);
}

static void
test_siting (void)
{
  static const struct
  {
    const gchar *name, *wrong;
    gboolean vertical;
    gdouble site;
  } all[] = {
    {"jpeg", "mpeg2", FALSE, 0.5}, {"mpeg2", "jpeg", FALSE, 0.0},
    {"mpeg2", "cosited", TRUE, 0.5}, {"cosited", "mpeg2", TRUE, 0.0}
  };
  gfloat expected[N_CLASSES], right[N_CLASSES], odd[N_CLASSES];
  gfloat wrong[N_CLASSES];
  guint i, c;

  for (i = 0; i < G_N_ELEMENTS (all); i++) {
    gdouble worst_right = 0.0, worst_odd = 0.0, worst_wrong = 0.0;

    ramps (all[i].vertical, 0.0, NULL, 0, expected);
    ramps (all[i].vertical, all[i].site, all[i].name, 0, right);
    ramps (all[i].vertical, all[i].site, all[i].name, 1, odd);
    ramps (all[i].vertical, all[i].site, all[i].wrong, 0, wrong);
    for (c = 0; c < N_CLASSES; c++) {
      worst_right = MAX (worst_right, fabs (right[c] - expected[c]));
      worst_odd = MAX (worst_odd, fabs (odd[c] - expected[c]));
      worst_wrong = MAX (worst_wrong, fabs (wrong[c] - expected[c]));
    }
    g_test_message ("%s: %f, from an odd place %f, called %s: %f",
        all[i].name, worst_right, worst_odd, all[i].wrong, worst_wrong);
    g_assert_cmpfloat (worst_right, <, 0.5 * worst_wrong);
    g_assert_cmpfloat (worst_odd, <, 0.5 * worst_wrong);
  }
}

/* Grey networks see luma, whatever the format. */
static void
test_gray (void)
{
  const Size size = { 176, 144 };
  GstHarness *a = harness ("gray.onnx", GST_VIDEO_FORMAT_I420, &size);
  GstHarness *b = harness ("gray.onnx", GST_VIDEO_FORMAT_RGB, &size);
  GstHarness *c = harness ("gray.onnx", GST_VIDEO_FORMAT_GRAY8, &size);
  gfloat ra[N_CLASSES], rb[N_CLASSES], rc[N_CLASSES];

  result (a, make_frame (GST_VIDEO_FORMAT_I420, &size, PLAIN, 2), ra);
  result (b, make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 2), rb);
  result (c, make_frame (GST_VIDEO_FORMAT_GRAY8, &size, PLAIN, 2), rc);
  assert_close (ra, rb, 0.02, "I420 against RGB", &size);
  assert_close (ra, rc, 1e-6, "I420 against GRAY8", &size);
  gst_harness_teardown (a);
  gst_harness_teardown (b);
  gst_harness_teardown (c);
}

/* Samples in a model's ranges: 150 of -1 to 1, 45 of 0 to 1 and 90 of 0 to 0.5 are all 45/255; so
 * are 45 of the bytes that a network divides by 255 itself. */
static void
test_ranges (void)
{
  static const struct
  {
    const gchar *model;
    guint8 rgb[3];
  } all[] = {
    {"plain.onnx", {45, 45, 45}}, {"tiny.onnx", {150, 150, 150}},
    {"ranges.onnx", {150, 45, 90}}, {"bytes.onnx", {45, 45, 45}}
  };
  const Size size = { 40, 40 }; /* 120 bytes a row: none is padding */
  gfloat expected[N_CLASSES], got[N_CLASSES];
  guint i, k;

  for (i = 0; i < G_N_ELEMENTS (all); i++) {
    GstHarness *h = harness (all[i].model, GST_VIDEO_FORMAT_RGB, &size);
    GstBuffer *buffer = make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 1);
    GstMapInfo map;

    gst_buffer_map (buffer, &map, GST_MAP_WRITE);
    for (k = 0; k < map.size; k++)
      map.data[k] = all[i].rgb[k % 3];
    gst_buffer_unmap (buffer, &map);
    result (h, buffer, i == 0 ? expected : got);
    if (i > 0)
      assert_close (got, expected, 1e-5, all[i].model, &size);
    gst_harness_teardown (h);
  }
}

/* Red and blue the wrong way round, and the network's order told. */
static void
test_color_order (void)
{
  const Size size = { 176, 144 };
  GstHarness *rgb = harness ("tiny.onnx", GST_VIDEO_FORMAT_RGB, &size);
  GstHarness *bgr = harness ("bgr.onnx", GST_VIDEO_FORMAT_BGR, &size);
  GstHarness *wrong = harness ("bgr.onnx", GST_VIDEO_FORMAT_RGB, &size);
  gfloat a[N_CLASSES], b[N_CLASSES], c[N_CLASSES];
  GstBuffer *swapped = make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 1);
  gdouble difference = 0.0;
  guint i;

  result (rgb, make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 1), a);
  /* The bytes of RGB called BGR, for a network that wants BGR: no change. */
  result (bgr, swapped, b);
  result (wrong, make_frame (GST_VIDEO_FORMAT_RGB, &size, PLAIN, 1), c);
  assert_close (a, b, 1e-6, "BGR network on bytes called BGR", &size);
  for (i = 0; i < N_CLASSES; i++)
    difference = MAX (difference, fabs (a[i] - c[i]));
  g_assert_cmpfloat (difference, >, 0.001);
  gst_harness_teardown (rgb);
  gst_harness_teardown (bgr);
  gst_harness_teardown (wrong);
}

int
main (int argc, char **argv)
{
  static const GstVideoFormat all[] = {
    GST_VIDEO_FORMAT_I420, GST_VIDEO_FORMAT_YV12, GST_VIDEO_FORMAT_NV12,
    GST_VIDEO_FORMAT_NV21, GST_VIDEO_FORMAT_Y42B, GST_VIDEO_FORMAT_Y444,
    GST_VIDEO_FORMAT_RGB, GST_VIDEO_FORMAT_BGR, GST_VIDEO_FORMAT_RGBx,
    GST_VIDEO_FORMAT_BGRx, GST_VIDEO_FORMAT_xRGB, GST_VIDEO_FORMAT_xBGR,
    GST_VIDEO_FORMAT_RGBA, GST_VIDEO_FORMAT_BGRA, GST_VIDEO_FORMAT_ARGB,
    GST_VIDEO_FORMAT_ABGR, GST_VIDEO_FORMAT_GRAY8, GST_VIDEO_FORMAT_GBR,
    GST_VIDEO_FORMAT_NV16, GST_VIDEO_FORMAT_YUY2, GST_VIDEO_FORMAT_UYVY
  };
  guint i;

  test_init (&argc, &argv);
  for (i = 0; i < G_N_ELEMENTS (all); i++) {
    gchar *path = g_strdup_printf ("/formats/layouts/%s",
        gst_video_format_to_string (all[i]));

    g_test_add_data_func (path, GINT_TO_POINTER (all[i]), test_layouts);
    g_free (path);
  }
  g_test_add_func ("/formats/copies", test_copies);
  g_test_add_func ("/formats/cut-line", test_cut_line);
  g_test_add_func ("/formats/same-samples", test_same_samples);
  g_test_add_func ("/formats/same-picture", test_same_picture);
  g_test_add_func ("/formats/colorimetry", test_colorimetry);
  g_test_add_func ("/formats/siting", test_siting);
  g_test_add_func ("/formats/gray", test_gray);
  g_test_add_func ("/formats/color-order", test_color_order);
  g_test_add_func ("/formats/ranges", test_ranges);
  return test_run ();
}
