/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "tint.h"
#include <string.h>

/* Amber, premultiplied ARGB in native endianness (which is how
 * GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB lies in memory). */
#define PREMULTIPLIED(a, r, g, b) (((guint32) (a) << 24) | \
    ((guint32) ((r) * (a) / 255) << 16) | ((guint32) ((g) * (a) / 255) << 8) | \
    (guint32) ((b) * (a) / 255))
#define FILL PREMULTIPLIED (72, 255, 170, 20)
#define OUTLINE PREMULTIPLIED (170, 255, 190, 40)

typedef struct
{
  const guint8 *blocks;
  guint cols, rows;
  gint width, height;           /* of the frame */
  gboolean exact;               /* 8x8 blocks */
} Grid;

/* Where column i begins; of rows with the height. */
static gint
edge (const Grid * grid, guint i, guint n, gint size)
{
  if (grid->exact)
    return MIN ((gint) i * 8, size);
  return (gint) ((gint64) i * size / n);
}

static gboolean
is_set (const Grid * grid, gint col, gint row)
{
  return col >= 0 && row >= 0 && col < (gint) grid->cols
      && row < (gint) grid->rows
      && grid->blocks[(gsize) row * grid->cols + col];
}

static void
fill (guint32 * pixels, gint stride, gint x, gint y, gint w, gint h,
    guint32 color)
{
  gint i, j;

  for (j = y; j < y + h; j++)
    for (i = x; i < x + w; i++)
      pixels[(gsize) j * stride + i] = color;
}

/* One rectangle for rows [begin, end), as wide as what is set in them.  Sinks make a texture of each, so there
 * should be few. */
static void
tint_rows (const Grid * grid, guint begin, guint end, GPtrArray * rectangles)
{
  guint first = grid->cols, last = 0, row, col;
  gint x, y, w, h;
  GstBuffer *buffer;
  GstMapInfo map;
  guint32 *pixels;

  for (row = begin; row < end; row++)
    for (col = 0; col < grid->cols; col++)
      if (is_set (grid, col, row)) {
        first = MIN (first, col);
        last = MAX (last, col);
      }
  x = edge (grid, first, grid->cols, grid->width);
  y = edge (grid, begin, grid->rows, grid->height);
  w = edge (grid, last + 1, grid->cols, grid->width) - x;
  h = edge (grid, end, grid->rows, grid->height) - y;
  if (w <= 0 || h <= 0)
    return;
  buffer = gst_buffer_new_allocate (NULL, (gsize) w * h * 4, NULL);
  if (!buffer || !gst_buffer_map (buffer, &map, GST_MAP_WRITE)) {
    gst_clear_buffer (&buffer);
    return;
  }
  memset (map.data, 0, map.size);
  pixels = (guint32 *) map.data;
  for (row = begin; row < end; row++)
    for (col = first; col <= last; col++) {
      gint bx, by, bw, bh;

      if (!is_set (grid, col, row))
        continue;
      bx = edge (grid, col, grid->cols, grid->width) - x;
      by = edge (grid, row, grid->rows, grid->height) - y;
      bw = edge (grid, col + 1, grid->cols, grid->width) - x - bx;
      bh = edge (grid, row + 1, grid->rows, grid->height) - y - by;
      if (bw <= 0 || bh <= 0)   /* more blocks than samples */
        continue;
      fill (pixels, w, bx, by, bw, bh, FILL);
      if (!is_set (grid, (gint) col, (gint) row - 1))
        fill (pixels, w, bx, by, bw, 1, OUTLINE);
      if (!is_set (grid, (gint) col, (gint) row + 1))
        fill (pixels, w, bx, by + bh - 1, bw, 1, OUTLINE);
      if (!is_set (grid, (gint) col - 1, (gint) row))
        fill (pixels, w, bx, by, 1, bh, OUTLINE);
      if (!is_set (grid, (gint) col + 1, (gint) row))
        fill (pixels, w, bx + bw - 1, by, 1, bh, OUTLINE);
    }
  gst_buffer_unmap (buffer, &map);
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, w, h);
  g_ptr_array_add (rectangles, gst_video_overlay_rectangle_new_raw (buffer, x,
          y, w, h, GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA));
  gst_buffer_unref (buffer);
}

void
delta_tint_blocks (GPtrArray * rectangles, const guint8 * blocks, guint cols,
    guint rows, gint width, gint height)
{
  Grid grid = { blocks, cols, rows, width, height,
    cols == (guint) (width + 7) / 8 && rows == (guint) (height + 7) / 8
  };
  guint row, begin = 0;

  for (row = 0; row <= rows; row++) {
    gboolean any = FALSE;
    guint col;

    for (col = 0; row < rows && col < cols && !any; col++)
      any = is_set (&grid, col, row);
    if (any)
      continue;
    if (row > begin)
      tint_rows (&grid, begin, row, rectangles);
    begin = row + 1;
  }
}
