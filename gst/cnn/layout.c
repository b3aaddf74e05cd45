/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * layout: memory layout of frames
 *
 * The element offers GstVideoMeta to upstream, so that decoders may hand out
 * their own padded frames, and hands these on.  When downstream does not know the
 * meta, somebody has to copy: here.
 */

#include "layout.h"
#include "formats.h"
#include <string.h>

gboolean
gst_delta_cnn_layout_is_special (const GstVideoInfo * info, GstBuffer * buffer)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);
  guint i;

  if (gst_buffer_get_video_crop_meta (buffer))
    return TRUE;
  if (!meta)
    return FALSE;
  if (meta->width != (guint) GST_VIDEO_INFO_WIDTH (info)
      || meta->height != (guint) GST_VIDEO_INFO_HEIGHT (info))
    return TRUE;
  for (i = 0; i < meta->n_planes && i < GST_VIDEO_INFO_N_PLANES (info); i++)
    if (meta->offset[i] != GST_VIDEO_INFO_PLANE_OFFSET (info, i)
        || meta->stride[i] != GST_VIDEO_INFO_PLANE_STRIDE (info, i))
      return TRUE;
  return FALSE;
}

/* A frame's last line may end before what is read of it, as where a file has lines
 * of their bare length.  Memory that is mapped in a way of its own is believed. */
static gboolean
is_all_there (const GstVideoFrame * frame, gboolean has_meta)
{
  gint c;

  for (c = 0; c < (gint) GST_VIDEO_FRAME_N_COMPONENTS (frame); c++) {
    gint plane = GST_VIDEO_FRAME_COMP_PLANE (frame, c);
    const GstMapInfo *map = &frame->map[has_meta ? plane : 0];
    const guint8 *data = GST_VIDEO_FRAME_PLANE_DATA (frame, plane);
    gint64 stride = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
    gint64 bytes = (GST_VIDEO_FRAME_COMP_HEIGHT (frame, c) - 1) * stride
        + (gint64) GST_VIDEO_FRAME_COMP_WIDTH (frame, c)
        * GST_VIDEO_FRAME_COMP_PSTRIDE (frame, c);

    if (map->data && data >= map->data && data < map->data + map->size
        && bytes > map->data + map->size - data)
      return FALSE;
  }
  return TRUE;
}

gboolean
gst_delta_cnn_layout_map (const GstVideoInfo * info, GstBuffer * buffer,
    GstVideoFrame * frame)
{
  GstVideoMeta *meta = gst_buffer_get_video_meta (buffer);

  /* gst_video_frame_map() takes these for programming errors. */
  if (meta) {
    if (meta->format != GST_VIDEO_INFO_FORMAT (info)
        || meta->width < (guint) GST_VIDEO_INFO_WIDTH (info)
        || meta->height < (guint) GST_VIDEO_INFO_HEIGHT (info)
        || meta->n_planes != GST_VIDEO_INFO_N_PLANES (info))
      return FALSE;
  } else if (gst_buffer_get_size (buffer) < GST_VIDEO_INFO_SIZE (info)) {
    return FALSE;
  }
  memset (frame, 0, sizeof *frame);
  if (!gst_video_frame_map (frame, info, buffer,
          GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF))
    return FALSE;
  if (is_all_there (frame, meta != NULL))
    return TRUE;
  gst_video_frame_unmap (frame);
  return FALSE;
}

/* Packed Y'CbCr by components: the visible part may begin within a group of
 * pixels, and gst_video_frame_copy() leaves out half of a last group of which
 * only one pixel is to be seen, and with it V. */
static void
copy_packed (GstVideoFrame * to, const GstVideoFrame * from,
    const GstDeltaCnnVisible * visible)
{
  gint c, x, y;

  for (c = 0; c < 3; c++) {
    gint step = GST_VIDEO_FRAME_COMP_PSTRIDE (to, c);
    gint sub = GST_VIDEO_FORMAT_INFO_W_SUB (to->info.finfo, c);

    for (y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (to, c); y++) {
      guint8 *out = GST_VIDEO_FRAME_COMP_DATA (to, c)
          + (gsize) y * GST_VIDEO_FRAME_COMP_STRIDE (to, c);
      const guint8 *in = GST_VIDEO_FRAME_COMP_DATA (from, c)
          + (gsize) (visible->y + y) * GST_VIDEO_FRAME_COMP_STRIDE (from, c)
          + (gsize) (visible->x >> sub) * step;

      for (x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (to, c); x++)
        out[x * step] = in[x * step];
    }
  }
}

GstBuffer *
gst_delta_cnn_layout_copy (const GstVideoInfo * info, GstBuffer * buffer)
{
  GstVideoFrame from, to;
  GstDeltaCnnVisible visible;
  GstBuffer *copy;
  GstMeta *meta;
  guint i;

  if (!gst_delta_cnn_layout_map (info, buffer, &from))
    return NULL;
  gst_delta_cnn_formats_visible (info, buffer, GST_VIDEO_FRAME_WIDTH (&from),
      GST_VIDEO_FRAME_HEIGHT (&from), &visible);
  if (visible.width < GST_VIDEO_INFO_WIDTH (info)
      || visible.height < GST_VIDEO_INFO_HEIGHT (info))
    visible.x = visible.y = 0;

  copy = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
  gst_buffer_copy_into (copy, buffer,
      GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS | GST_BUFFER_COPY_META,
      0, -1);
  while ((meta = (GstMeta *) gst_buffer_get_video_meta (copy)))
    gst_buffer_remove_meta (copy, meta);
  while ((meta = (GstMeta *) gst_buffer_get_video_crop_meta (copy)))
    gst_buffer_remove_meta (copy, meta);
  if (!gst_video_frame_map (&to, info, copy, GST_MAP_WRITE)) {
    gst_video_frame_unmap (&from);
    gst_buffer_unref (copy);
    return NULL;
  }
  if (GST_VIDEO_FRAME_N_PLANES (&from) == 1
      && GST_VIDEO_FORMAT_INFO_IS_YUV (from.info.finfo)) {
    copy_packed (&to, &from, &visible);
  } else {
    /* The visible part's first samples are the copy's. */
    for (i = 0; i < GST_VIDEO_FRAME_N_PLANES (&from); i++) {
      gint comp[GST_VIDEO_MAX_COMPONENTS];

      gst_video_format_info_component (from.info.finfo, i, comp);
      from.data[i] = (guint8 *) from.data[i]
          + (visible.y >> GST_VIDEO_FORMAT_INFO_H_SUB (from.info.finfo,
              comp[0])) * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (&from, i)
          + (visible.x >> GST_VIDEO_FORMAT_INFO_W_SUB (from.info.finfo,
              comp[0])) * (gsize) GST_VIDEO_FORMAT_INFO_PSTRIDE
          (from.info.finfo, comp[0]);
    }
    gst_video_frame_copy (&to, &from);
  }
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  return copy;
}
