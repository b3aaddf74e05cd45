/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The length of the video is not known beforehand: every stride-th frame is
 * kept, and when twice the wanted number is reached, every second one is
 * dropped and the stride doubled.
 */
#include "contact-sheet.h"

#include <cairo.h>
#include <gio/gio.h>
#include <pango/pangocairo.h>

#define GAP 6
#define CAPTION_HEIGHT 34

typedef struct
{
  cairo_surface_t *image;
  gchar *caption;
} Entry;

struct _ContactSheet
{
  guint columns, rows;
  guint64 seen, stride;
  GPtrArray *entries;           /* of Entry */
};

static void
entry_free (gpointer data)
{
  Entry *entry = data;

  cairo_surface_destroy (entry->image);
  g_free (entry->caption);
  g_free (entry);
}

ContactSheet *
contact_sheet_new (guint columns, guint rows)
{
  ContactSheet *sheet = g_new0 (ContactSheet, 1);

  sheet->columns = MAX (columns, 1);
  sheet->rows = MAX (rows, 1);
  sheet->stride = 1;
  sheet->entries = g_ptr_array_new_with_free_func (entry_free);
  return sheet;
}

void
contact_sheet_free (ContactSheet * sheet)
{
  if (!sheet)
    return;
  g_ptr_array_unref (sheet->entries);
  g_free (sheet);
}

gboolean
contact_sheet_wants (ContactSheet * sheet)
{
  return sheet->seen++ % sheet->stride == 0;
}

void
contact_sheet_add (ContactSheet * sheet, const GstVideoFrame * frame,
    const gchar * caption)
{
  gint width = GST_VIDEO_FRAME_WIDTH (frame);
  gint height = GST_VIDEO_FRAME_HEIGHT (frame);
  Entry *entry = g_new0 (Entry, 1);
  guint8 *out;
  gint y, out_stride;

  entry->image = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  entry->caption = g_strdup (caption);
  out = cairo_image_surface_get_data (entry->image);
  out_stride = cairo_image_surface_get_stride (entry->image);
  for (y = 0; y < height && out; y++)
    memcpy (out + (gsize) y * out_stride,
        (const guint8 *) GST_VIDEO_FRAME_PLANE_DATA (frame, 0) +
        (gsize) y * GST_VIDEO_FRAME_PLANE_STRIDE (frame, 0), (gsize) width * 4);
  cairo_surface_mark_dirty (entry->image);
  g_ptr_array_add (sheet->entries, entry);

  if (sheet->entries->len >= 2 * sheet->columns * sheet->rows) {
    guint i;

    for (i = 1; i < sheet->entries->len; i++)
      g_ptr_array_remove_index (sheet->entries, i);
    sheet->stride *= 2;
  }
}

gboolean
contact_sheet_write (ContactSheet * sheet, const gchar * path, GError ** error)
{
  guint n = MIN (sheet->entries->len, sheet->columns * sheet->rows);
  guint columns = MIN (sheet->columns, n), rows, i;
  gint cell_width = 0, cell_height = 0;
  cairo_surface_t *surface;
  cairo_status_t status;
  PangoFontDescription *font;
  cairo_t *cr;

  if (n == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no frames to show");
    return FALSE;
  }
  rows = (n + columns - 1) / columns;
  /* frames can change size in mid-stream: cells are as large as the largest */
  for (i = 0; i < sheet->entries->len; i++) {
    Entry *e = g_ptr_array_index (sheet->entries, i);

    cell_width = MAX (cell_width, cairo_image_surface_get_width (e->image));
    cell_height = MAX (cell_height, cairo_image_surface_get_height (e->image));
  }
  surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24,
      columns * (cell_width + GAP) + GAP,
      rows * (cell_height + CAPTION_HEIGHT + GAP) + GAP);
  cr = cairo_create (surface);
  cairo_set_source_rgb (cr, 0.12, 0.12, 0.13);
  cairo_paint (cr);
  font = pango_font_description_from_string ("DejaVu Sans");
  pango_font_description_set_absolute_size (font, 11 * PANGO_SCALE);
  for (i = 0; i < n; i++) {
    guint pick = n > 1 ? i * (sheet->entries->len - 1) / (n - 1) : 0;
    Entry *e = g_ptr_array_index (sheet->entries, pick);
    gdouble x = GAP + (i % columns) * (cell_width + GAP);
    gdouble y = GAP + (i / columns) * (cell_height + CAPTION_HEIGHT + GAP);
    PangoLayout *layout = pango_cairo_create_layout (cr);

    cairo_set_source_surface (cr, e->image, x, y);
    cairo_paint (cr);
    pango_layout_set_font_description (layout, font);
    pango_layout_set_width (layout, cell_width * PANGO_SCALE);
    pango_layout_set_height (layout, -2);
    pango_layout_set_ellipsize (layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_text (layout, e->caption, -1);
    cairo_set_source_rgb (cr, 0.92, 0.92, 0.92);
    cairo_move_to (cr, x, y + cell_height + 2);
    pango_cairo_show_layout (cr, layout);
    g_object_unref (layout);
  }
  pango_font_description_free (font);
  cairo_destroy (cr);
  status = cairo_surface_write_to_png (surface, path);
  cairo_surface_destroy (surface);
  if (status != CAIRO_STATUS_SUCCESS) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", path,
        cairo_status_to_string (status));
    return FALSE;
  }
  return TRUE;
}
