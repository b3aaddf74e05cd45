/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The picture that deltacnn-inspect draws.
 */
#include "picture.h"

#include <cairo.h>
#include <gst/video/video.h>
#include <math.h>

/* Pictures narrower than this are enlarged, so that vectors can be told apart. */
#define MIN_WIDTH 640

static void
draw_blocks (cairo_t * cr, GstDeltaPicture * picture, const guint8 * changed)
{
  guint cols, rows;

  gst_delta_picture_get_grid (picture, &cols, &rows);
  for (guint y = 0; y < rows; y++)
    for (guint x = 0; x < cols; x++)
      if (!changed || changed[y * cols + x])
        cairo_rectangle (cr, x * 8, y * 8, 8, 8);
  cairo_set_source_rgba (cr, 1.0, 0.1, 0.1, 0.35);
  cairo_fill (cr);
}

static void
draw_vectors (cairo_t * cr, GstDeltaPicture * picture)
{
  guint n = gst_delta_picture_get_n_vectors (picture);

  cairo_set_line_width (cr, 0.8);
  for (guint i = 0; i < n; i++) {
    GstDeltaVector v;
    gdouble x, y, to_x, to_y;

    if (!gst_delta_picture_get_vector (picture, i, &v))
      break;
    if (v.mv_x_qpel == 0 && v.mv_y_qpel == 0)
      continue;
    x = v.x + v.w / 2.0;
    y = v.y + v.h / 2.0;
    to_x = x + v.mv_x_qpel / 4.0;
    /* a field's lines are two frame lines apart */
    to_y = y + v.mv_y_qpel / (v.field ? 2.0 : 4.0);
    if (v.direction == 0)
      cairo_set_source_rgb (cr, 1.0, 1.0, 0.0);
    else
      cairo_set_source_rgb (cr, 0.0, 1.0, 1.0);
    cairo_move_to (cr, x, y);
    cairo_line_to (cr, to_x, to_y);
    cairo_stroke (cr);
    cairo_arc (cr, x, y, 1.2, 0, 2 * G_PI);
    cairo_fill (cr);
  }
}

gboolean
inspect_picture_write (const gchar * file, GstSample * sample,
    GstDeltaPicture * picture, const guint8 * changed, GError ** error)
{
  GstCaps *caps;
  GstSample *converted;
  GstVideoInfo info;
  GstVideoFrame frame;
  cairo_surface_t *source, *target;
  cairo_t *cr;
  cairo_status_t status;
  gint scale;

  caps = gst_caps_new_simple ("video/x-raw", "format", G_TYPE_STRING,
      G_BYTE_ORDER == G_LITTLE_ENDIAN ? "BGRx" : "xRGB", NULL);
  converted = gst_video_convert_sample (sample, caps, 10 * GST_SECOND, error);
  gst_caps_unref (caps);
  if (!converted)
    return FALSE;
  if (!gst_video_info_from_caps (&info, gst_sample_get_caps (converted)) ||
      !gst_video_frame_map (&frame, &info, gst_sample_get_buffer (converted),
          GST_MAP_READ)) {
    gst_sample_unref (converted);
    g_set_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT,
        "the decoded frame cannot be read");
    return FALSE;
  }

  scale = MAX (1, (MIN_WIDTH + info.width - 1) / info.width);
  source =
      cairo_image_surface_create_for_data (GST_VIDEO_FRAME_PLANE_DATA (&frame,
          0), CAIRO_FORMAT_RGB24, info.width, info.height,
      GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0));
  target = cairo_image_surface_create (CAIRO_FORMAT_RGB24, info.width * scale,
      info.height * scale);
  cr = cairo_create (target);
  cairo_scale (cr, scale, scale);
  cairo_set_source_surface (cr, source, 0, 0);
  cairo_pattern_set_filter (cairo_get_source (cr), CAIRO_FILTER_NEAREST);
  cairo_paint (cr);
  if (picture && gst_delta_picture_is_complete (picture)) {
    guint x, y;

    /* blocks and vectors count from the coded picture's corner, the frame shows the crop */
    gst_delta_picture_get_crop (picture, &x, &y, NULL, NULL);
    cairo_translate (cr, -(gdouble) x, -(gdouble) y);
    draw_blocks (cr, picture, changed);
    draw_vectors (cr, picture);
  }
  cairo_destroy (cr);
  status = cairo_surface_write_to_png (target, file);
  cairo_surface_destroy (target);
  cairo_surface_destroy (source);
  gst_video_frame_unmap (&frame);
  gst_sample_unref (converted);
  if (status != CAIRO_STATUS_SUCCESS) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_WRITE,
        "cannot write the picture %s: %s", file,
        cairo_status_to_string (status));
    return FALSE;
  }
  return TRUE;
}
