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
  return gst_video_frame_map (frame, info, buffer,
      GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF);
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
  /* The visible part's first samples are the copy's. */
  for (i = 0; i < GST_VIDEO_FRAME_N_PLANES (&from); i++) {
    gint comp[GST_VIDEO_MAX_COMPONENTS];

    gst_video_format_info_component (from.info.finfo, i, comp);
    /* Packed Y'CbCr moves by groups, or U would become V. */
    if (GST_VIDEO_FRAME_N_PLANES (&from) == 1
        && GST_VIDEO_FORMAT_INFO_IS_YUV (from.info.finfo))
      comp[0] = 1;
    from.data[i] = (guint8 *) from.data[i]
        + (visible.y >> GST_VIDEO_FORMAT_INFO_H_SUB (from.info.finfo, comp[0]))
        * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (&from, i)
        + (visible.x >> GST_VIDEO_FORMAT_INFO_W_SUB (from.info.finfo, comp[0]))
        * (gsize) GST_VIDEO_FORMAT_INFO_PSTRIDE (from.info.finfo, comp[0]);
  }
  gst_video_frame_copy (&to, &from);
  gst_video_frame_unmap (&to);
  gst_video_frame_unmap (&from);
  return copy;
}
