/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * formats: from GStreamer's description of video frames to the engine's
 */

#include "formats.h"
#include <string.h>

static void
describe_color (const GstVideoInfo * info, DcnFrameInfo * out)
{
  const GstVideoColorimetry *color = &info->colorimetry;
  gdouble kr, kb;

  /* BT.601 luma for RGB and for what is not said: it is what RGB is turned to
   * grey with, and what gst_video_info_from_caps() assumes for small video. */
  if (!gst_video_color_matrix_get_Kr_Kb (color->matrix, &kr, &kb)) {
    kr = 0.299;
    kb = 0.114;
  }
  out->kr = kr;
  out->kb = kb;
  if (GST_VIDEO_INFO_IS_RGB (info))
    out->full_range = TRUE;
  else
    out->full_range = color->range == GST_VIDEO_COLOR_RANGE_0_255;
}

static void
describe_chroma (const GstVideoInfo * info, const GstDeltaCnnVisible * visible,
    DcnFrameInfo * out)
{
  GstVideoChromaSite site = info->chroma_site;

  out->sub_x = GST_VIDEO_FORMAT_INFO_W_SUB (info->finfo, 1);
  out->sub_y = GST_VIDEO_FORMAT_INFO_H_SUB (info->finfo, 1);
  if (site == GST_VIDEO_CHROMA_SITE_UNKNOWN)
    site = GST_VIDEO_CHROMA_SITE_MPEG2;
  if (out->sub_x && !(site & GST_VIDEO_CHROMA_SITE_H_COSITED))
    out->chroma_x = 0.5 * ((1 << out->sub_x) - 1);
  if (out->sub_y && !(site & GST_VIDEO_CHROMA_SITE_V_COSITED))
    out->chroma_y = 0.5 * ((1 << out->sub_y) - 1);
  /* Where the visible part begins inside a chroma sample's group, the sample
   * lies that much further left and up. */
  out->chroma_x -= visible->x & ((1 << out->sub_x) - 1);
  out->chroma_y -= visible->y & ((1 << out->sub_y) - 1);
}

gboolean
gst_delta_cnn_formats_describe (const GstVideoInfo * info,
    const GstDeltaCnnVisible * visible, DcnFrameInfo * out)
{
  memset (out, 0, sizeof *out);
  switch (GST_VIDEO_INFO_FORMAT (info)) {
    case GST_VIDEO_FORMAT_I420:
    case GST_VIDEO_FORMAT_YV12:
    case GST_VIDEO_FORMAT_Y42B:
    case GST_VIDEO_FORMAT_Y444:
    case GST_VIDEO_FORMAT_Y41B:
      out->format = DCN_FORMAT_I420;
      describe_chroma (info, visible, out);
      break;
    case GST_VIDEO_FORMAT_NV12:
    case GST_VIDEO_FORMAT_NV21:
    case GST_VIDEO_FORMAT_NV16:
    case GST_VIDEO_FORMAT_NV61:
    case GST_VIDEO_FORMAT_NV24:
      out->format = DCN_FORMAT_NV12;
      out->v_first = GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_NV21
          || GST_VIDEO_INFO_FORMAT (info) == GST_VIDEO_FORMAT_NV61;
      describe_chroma (info, visible, out);
      break;
    case GST_VIDEO_FORMAT_YUY2:
    case GST_VIDEO_FORMAT_YVYU:
    case GST_VIDEO_FORMAT_UYVY:
    case GST_VIDEO_FORMAT_VYUY:
      out->format = DCN_FORMAT_YUYV;
      out->r_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 0);
      out->g_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 1);
      out->b_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 2);
      describe_chroma (info, visible, out);
      break;
    case GST_VIDEO_FORMAT_RGB:
    case GST_VIDEO_FORMAT_BGR:
    case GST_VIDEO_FORMAT_RGBx:
    case GST_VIDEO_FORMAT_BGRx:
    case GST_VIDEO_FORMAT_xRGB:
    case GST_VIDEO_FORMAT_xBGR:
    case GST_VIDEO_FORMAT_RGBA:
    case GST_VIDEO_FORMAT_BGRA:
    case GST_VIDEO_FORMAT_ARGB:
    case GST_VIDEO_FORMAT_ABGR:
      out->format = DCN_FORMAT_RGB;
      out->pixel_stride = GST_VIDEO_FORMAT_INFO_PSTRIDE (info->finfo, 0);
      out->r_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 0);
      out->g_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 1);
      out->b_offset = GST_VIDEO_FORMAT_INFO_POFFSET (info->finfo, 2);
      break;
    case GST_VIDEO_FORMAT_GBR:
      out->format = DCN_FORMAT_RGB_PLANES;
      break;
    case GST_VIDEO_FORMAT_GRAY8:
      out->format = DCN_FORMAT_GRAY8;
      break;
    default:
      return FALSE;
  }
  out->width = visible->width;
  out->height = visible->height;
  describe_color (info, out);
  return TRUE;
}

void
gst_delta_cnn_formats_visible (const GstVideoInfo * info, GstBuffer * buffer,
    gint frame_width, gint frame_height, GstDeltaCnnVisible * visible)
{
  GstVideoCropMeta *crop = gst_buffer_get_video_crop_meta (buffer);

  visible->x = visible->y = 0;
  visible->width = GST_VIDEO_INFO_WIDTH (info);
  visible->height = GST_VIDEO_INFO_HEIGHT (info);
  /* A crop that does not fit is a mistake of whoever wrote it: reading it would
   * be reading outside of the frame. */
  if (crop && crop->width > 0 && crop->height > 0
      && crop->x <= (guint) frame_width && crop->y <= (guint) frame_height
      && crop->width <= (guint) frame_width - crop->x
      && crop->height <= (guint) frame_height - crop->y) {
    visible->x = crop->x;
    visible->y = crop->y;
    visible->width = crop->width;
    visible->height = crop->height;
  }
}

/* First byte of the visible part of a component's plane. */
static const guint8 *
component (const GstVideoFrame * frame, const GstDeltaCnnVisible * visible,
    gint i, gint sub_x, gint sub_y, gint step)
{
  return (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, i)
      + (gsize) (visible->y >> sub_y)
      * (gsize) GST_VIDEO_FRAME_PLANE_STRIDE (frame, i)
      + (gsize) (visible->x >> sub_x) * (gsize) step;
}

void
gst_delta_cnn_formats_planes (const GstVideoFrame * frame,
    const GstDeltaCnnVisible * visible, DcnFrame * out)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;
  gint n = GST_VIDEO_FORMAT_INFO_N_PLANES (finfo), i;

  memset (out, 0, sizeof *out);
  /* Planes are given to the engine in the order Y U V or R G B, whatever their
   * order in memory; with two planes the second holds U and V, as it does of
   * packed Y'CbCr. */
  if (n == 1 && GST_VIDEO_FORMAT_INFO_IS_YUV (finfo))
    n = 2;
  for (i = 0; i < n; i++) {
    gint plane = GST_VIDEO_FORMAT_INFO_N_PLANES (finfo) == 1 ? 0
        : GST_VIDEO_FORMAT_INFO_PLANE (finfo, i);

    out->plane[i] = component (frame, visible, plane,
        GST_VIDEO_FORMAT_INFO_W_SUB (finfo, i),
        GST_VIDEO_FORMAT_INFO_H_SUB (finfo, i),
        GST_VIDEO_FORMAT_INFO_PSTRIDE (finfo, i));
    out->stride[i] = GST_VIDEO_FRAME_PLANE_STRIDE (frame, plane);
  }
}
