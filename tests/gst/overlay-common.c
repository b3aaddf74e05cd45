/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of deltaoverlay share.
 */
#include "overlay-common.h"

#include <string.h>

const GstDeltaCnnResult some_results[N_SOME_RESULTS] = {
  {7, "corridor", 0.87f}, {8, "a person", 0.09f}, {9, "tench, Tinca tinca",
      0.03f}
};

GstCaps *
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

GstHarness *
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
GstBuffer *
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

GstVideoInfo
make_info (const gchar * format, gint width, gint height)
{
  GstVideoInfo info;

  g_assert_true (gst_video_info_set_format (&info,
          gst_video_format_from_string (format), width, height));
  return info;
}

GstDeltaCnnMeta *
add_meta (GstBuffer * buffer)
{
  GstDeltaCnnMeta *meta = gst_buffer_add_delta_cnn_meta (buffer, "model",
      some_results, G_N_ELEMENTS (some_results));

  meta->picture_type = GST_DELTA_PICTURE_TYPE_P;
  meta->changed = 0.34;
  meta->multiplies = 0.12;
  return meta;
}

void
set_blocks (GstDeltaCnnMeta * meta, guint cols, guint rows,
    const guint8 * blocks)
{
  meta->cols = cols;
  meta->rows = rows;
  meta->blocks = g_bytes_new (blocks, (gsize) cols * rows);
}

void
assert_same_bytes (GstBuffer * a, GstBuffer * b)
{
  GstMapInfo ma, mb;

  g_assert_true (gst_buffer_map (a, &ma, GST_MAP_READ));
  g_assert_true (gst_buffer_map (b, &mb, GST_MAP_READ));
  g_assert_cmpmem (ma.data, ma.size, mb.data, mb.size);
  gst_buffer_unmap (a, &ma);
  gst_buffer_unmap (b, &mb);
}

GstVideoOverlayComposition *
get_composition (GstBuffer * buffer)
{
  GstVideoOverlayCompositionMeta *meta =
      gst_buffer_get_video_overlay_composition_meta (buffer);

  return meta ? meta->overlay : NULL;
}

/* What the element attaches to a frame of that size with that meta. */
GstBuffer *
attached (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  return out;
}

GstVideoRectangle
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
guint8 *
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
GstBuffer *
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
