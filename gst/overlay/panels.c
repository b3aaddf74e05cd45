/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "panels.h"
#include <math.h>
#include <string.h>

/* Text on a fraction of the frame's height: 20 pixels at 480 lines. */
#define LINES_PER_FRAME 24.0
#define MIN_FONT_PIXELS 8.0
/* The other labels are smaller than the best one. */
#define SECOND_LABEL 0.8
/* Longer labels are cut, so that the picture stays visible. */
#define MAX_LABELS_EM 20

typedef struct
{
  gdouble r, g, b, a;
} Color;

/* White on a dark, slightly see-through ground is readable on any picture. */
static const Color ground = { 0.05, 0.06, 0.08, 0.72 };
static const Color text_strong = { 1, 1, 1, 1 };
static const Color text_weak = { 0.80, 0.83, 0.88, 1 };
static const Color bar_ground = { 1, 1, 1, 0.18 };
static const Color bar_fill = { 0.18, 0.83, 0.75, 1 };

static const struct
{
  GstDeltaPictureType type;
  gchar letter;
  Color color;
} badges[] = {
  {GST_DELTA_PICTURE_TYPE_I, 'I', {0.90, 0.28, 0.30, 1}},
  {GST_DELTA_PICTURE_TYPE_P, 'P', {0.22, 0.47, 0.92, 1}},
  {GST_DELTA_PICTURE_TYPE_B, 'B', {0.18, 0.62, 0.34, 1}},
  {GST_DELTA_PICTURE_TYPE_D, 'D', {0.85, 0.50, 0.13, 1}},
};

static gint
percent (gdouble share)
{
  /* also where share is not a number */
  return share > 0 ? (gint) floor (MIN (share, 9.99) * 100 + 0.5) : 0;
}

/* A share in two digits' width mostly, so that panels do not jitter. */
#define FIGURE_SPACE "\342\200\207"     /* as wide as a digit */

static void
append_share (GString * out, gdouble share)
{
  gint p = percent (share);

  if (p == 0 && share > 0) {
    g_string_append (out, "<1");
    return;
  }
  if (p < 10)
    g_string_append (out, FIGURE_SPACE);
  g_string_append_printf (out, "%d", p);
}

/* Labels come from files: any bytes. */
static gchar *
displayable (const gchar * label)
{
  gchar *text = g_utf8_make_valid (label, -1);
  gchar *c;

  for (c = text; *c; c++)
    if ((guchar) * c < 0x20 || *c == 0x7f)
      *c = ' ';
  return g_strstrip (text);
}

gchar *
delta_panel_labels_key (const GstDeltaCnnMeta * meta, guint n_labels)
{
  GString *key;
  guint i;

  n_labels = MIN (n_labels, meta->n_results);
  if (n_labels == 0)
    return NULL;
  key = g_string_new (NULL);
  for (i = 0; i < n_labels; i++) {
    const GstDeltaCnnResult *result = &meta->results[i];
    gchar *label = displayable (result->label ? result->label : "");

    if (i > 0)
      g_string_append_c (key, '\n');
    g_string_append_printf (key, "%d ",
        MIN (percent (result->confidence), 100));
    if (*label)
      g_string_append (key, label);
    else
      g_string_append_printf (key, "class %u", result->index);
    g_free (label);
  }
  return g_string_free (key, FALSE);
}

gchar *
delta_panel_stats_key (const GstDeltaCnnMeta * meta)
{
  GString *key = g_string_new (NULL);
  gchar letter = '-';
  guint i;

  for (i = 0; i < G_N_ELEMENTS (badges); i++)
    if (badges[i].type == meta->picture_type)
      letter = badges[i].letter;
  g_string_append_c (key, letter);
  append_share (key, meta->changed);
  g_string_append (key, " % of blocks changed  ");
  append_share (key, meta->multiplies);
  g_string_append (key, " % of multiplies");
  return g_string_free (key, FALSE);
}

/* --- drawing --------------------------------------------------------------- */

static void
set_color (cairo_t * cr, const Color * color)
{
  cairo_set_source_rgba (cr, color->r, color->g, color->b, color->a);
}

static void
rounded (cairo_t * cr, gdouble x, gdouble y, gdouble w, gdouble h, gdouble r)
{
  r = MIN (r, MIN (w, h) / 2);
  cairo_new_sub_path (cr);
  cairo_arc (cr, x + w - r, y + r, r, -G_PI / 2, 0);
  cairo_arc (cr, x + w - r, y + h - r, r, 0, G_PI / 2);
  cairo_arc (cr, x + r, y + h - r, r, G_PI / 2, G_PI);
  cairo_arc (cr, x + r, y + r, r, G_PI, 3 * G_PI / 2);
  cairo_close_path (cr);
}

static gdouble
font_pixels (const DeltaPanelStyle * style)
{
  /* A portrait frame's text must fit its width. */
  gdouble size = MIN (style->height, style->width * 3 / 4.0) / LINES_PER_FRAME;

  return MAX (size * style->scale, MIN_FONT_PIXELS);
}

static PangoLayout *
make_layout (const DeltaPanelStyle * style, const gchar * text, gdouble pixels,
    gboolean bold)
{
  PangoLayout *layout = pango_layout_new (style->context);
  PangoFontDescription *font =
      pango_font_description_from_string (style->font ? style->font : "Sans");

  pango_font_description_set_absolute_size (font, pixels * PANGO_SCALE);
  if (bold)
    pango_font_description_set_weight (font, PANGO_WEIGHT_BOLD);
  pango_layout_set_font_description (layout, font);
  pango_font_description_free (font);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_set_text (layout, text, -1);
  return layout;
}

static void
layout_size (PangoLayout * layout, gint * width, gint * height)
{
  PangoRectangle logical;

  pango_layout_get_pixel_extents (layout, NULL, &logical);
  if (width)
    *width = logical.width;
  if (height)
    *height = logical.height;
}

static void
draw_layout (cairo_t * cr, PangoLayout * layout, gdouble x, gdouble y,
    const Color * color)
{
  set_color (cr, color);
  cairo_move_to (cr, x, y);
  pango_cairo_show_layout (cr, layout);
}

/* Even places and sizes: chroma samples are then all inside or all outside. */
static gint
even (gdouble v)
{
  return 2 * (gint) ceil (v / 2);
}

/* A cleared picture; *cr draws on *buffer until canvas_finish(). */
static cairo_t *
canvas_new (gint width, gint height, GstBuffer ** buffer, GstMapInfo * map)
{
  cairo_surface_t *surface;
  cairo_t *cr;

  *buffer = gst_buffer_new_allocate (NULL, (gsize) width * height * 4, NULL);
  if (!*buffer || !gst_buffer_map (*buffer, map, GST_MAP_READWRITE)) {
    gst_clear_buffer (buffer);
    return NULL;
  }
  memset (map->data, 0, map->size);
  surface = cairo_image_surface_create_for_data (map->data, CAIRO_FORMAT_ARGB32,
      width, height, width * 4);
  cr = cairo_create (surface);
  cairo_surface_destroy (surface);      /* cr holds it */
  return cr;
}

static GstVideoOverlayRectangle *
canvas_finish (cairo_t * cr, GstBuffer * buffer, GstMapInfo * map, gint x,
    gint y, gint width, gint height)
{
  GstVideoOverlayRectangle *rectangle;

  cairo_surface_flush (cairo_get_target (cr));
  cairo_destroy (cr);
  gst_buffer_unmap (buffer, map);
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_OVERLAY_COMPOSITION_FORMAT_RGB, width, height);
  rectangle = gst_video_overlay_rectangle_new_raw (buffer, x, y, width, height,
      GST_VIDEO_OVERLAY_FORMAT_FLAG_PREMULTIPLIED_ALPHA);
  gst_buffer_unref (buffer);
  return rectangle;
}

typedef struct
{
  PangoLayout *label, *share;
  gint percent;
  gint share_width, height;     /* of the text; the bar comes below */
} Line;

GstVideoOverlayRectangle *
delta_panel_draw_labels (const gchar * key, const DeltaPanelStyle * style)
{
  GstVideoOverlayRectangle *rectangle = NULL;
  gdouble em = font_pixels (style);
  gint margin = even (em * 0.5), pad = (gint) ceil (em * 0.45);
  gint gap = (gint) ceil (em * 0.3), bar = MAX (1, (gint) (em * 0.16 + 0.5));
  gint most = style->width - 2 * margin, inner = (gint) ceil (em * 8);
  gint under = (gint) ceil (em * 0.08), height = 2 * pad, n = 0, i, y, width;
  gchar **texts = g_strsplit (key, "\n", -1);
  Line *lines = g_new0 (Line, g_strv_length (texts));
  GstBuffer *buffer;
  GstMapInfo map;
  cairo_t *cr;

  /* As many lines as fit, and the width that the widest needs. */
  for (i = 0; texts[i]; i++) {
    Line *line = &lines[n];
    gchar *label, *share;
    gint label_width, line_height;
    gdouble size = i == 0 ? em : em * SECOND_LABEL;

    line->percent = (gint) g_ascii_strtoll (texts[i], &label, 10);
    share = g_strdup_printf ("%d %%", line->percent);
    line->label = make_layout (style, *label ? label + 1 : "", size, i == 0);
    line->share = make_layout (style, share, size, i == 0);
    g_free (share);
    layout_size (line->label, &label_width, &line_height);
    layout_size (line->share, &line->share_width, &line->height);
    line->height = MAX (line->height, line_height) + under;
    line_height = line->height + bar + (n > 0 ? gap : 0);
    /* The upper half of the frame is enough for more than one. */
    if (height + line_height + margin >
        (n == 0 ? style->height - margin : style->height / 2)) {
      g_clear_object (&line->label);
      g_clear_object (&line->share);
      break;
    }
    n++;
    height += line_height;
    inner = MAX (inner, label_width + (gint) em + line->share_width);
  }
  inner = MIN (inner, (gint) (em * MAX_LABELS_EM));
  width = MIN (even (inner + 2 * pad), most & ~1);
  height = even (height);
  inner = width - 2 * pad;
  if (n == 0 || inner < lines[0].share_width + 2 * em)
    goto done;
  if (margin + height > style->height)
    height = (style->height - margin) & ~1;

  cr = canvas_new (width, height, &buffer, &map);
  if (!cr)
    goto done;
  rounded (cr, 0, 0, width, height, em * 0.3);
  set_color (cr, &ground);
  cairo_fill (cr);
  for (i = 0, y = pad; i < n; i++) {
    Line *line = &lines[i];
    gdouble full = inner, done = full * line->percent / 100;

    pango_layout_set_ellipsize (line->label, PANGO_ELLIPSIZE_END);
    pango_layout_set_width (line->label,
        MAX (1, inner - line->share_width - (gint) (em * 0.6)) * PANGO_SCALE);
    draw_layout (cr, line->label, pad, y, i == 0 ? &text_strong : &text_weak);
    draw_layout (cr, line->share, width - pad - line->share_width, y,
        i == 0 ? &text_strong : &text_weak);
    y += line->height;
    rounded (cr, pad, y, full, bar, bar / 2.0);
    set_color (cr, &bar_ground);
    cairo_fill (cr);
    if (done >= 1) {
      rounded (cr, pad, y, done, bar, bar / 2.0);
      set_color (cr, &bar_fill);
      cairo_fill (cr);
    }
    y += bar + gap;
  }
  rectangle = canvas_finish (cr, buffer, &map, margin, margin, width, height);

done:
  for (i = 0; i < n; i++) {
    g_object_unref (lines[i].label);
    g_object_unref (lines[i].share);
  }
  g_free (lines);
  g_strfreev (texts);
  return rectangle;
}

GstVideoOverlayRectangle *
delta_panel_draw_stats (const gchar * key, const DeltaPanelStyle * style,
    gint top)
{
  GstVideoOverlayRectangle *rectangle = NULL;
  gdouble em = font_pixels (style), size = em * SECOND_LABEL;
  gint margin = even (em * 0.5), pad = (gint) ceil (em * 0.35);
  gint badge, gap = (gint) ceil (em * 0.45), left;
  gint width, height, text_width, text_height, line_height, x, y;
  gint most = (style->width - 2 * margin) & ~1;
  gchar letter[2] = { key[0], 0 };
  PangoLayout *mark = make_layout (style, letter, size, TRUE);
  PangoLayout *text = make_layout (style, key + 1, size, FALSE);
  const Color *color = NULL;
  GstBuffer *buffer;
  GstMapInfo map;
  cairo_t *cr;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (badges); i++)
    if (badges[i].letter == key[0])
      color = &badges[i].color;
  layout_size (mark, NULL, &line_height);
  badge = color ? line_height : 0;      /* a square */
  left = pad + (color ? badge + gap : 0);
  if (most < left + pad + 4 * em)
    goto done;
  /* On a narrow frame in two lines, the rest is cut. */
  layout_size (text, &text_width, &text_height);
  if (left + text_width + pad > most) {
    pango_layout_set_width (text, (most - left - pad) * PANGO_SCALE);
    pango_layout_set_wrap (text, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_height (text, -2);
    pango_layout_set_ellipsize (text, PANGO_ELLIPSIZE_END);
    layout_size (text, &text_width, &text_height);
  }
  width = MIN (even (left + text_width + pad), most);
  height = even (MAX (text_height, badge) + 2 * pad);
  x = margin;
  y = (style->height - margin - height) & ~1;
  if (y < MAX (top, 0))
    goto done;

  cr = canvas_new (width, height, &buffer, &map);
  if (!cr)
    goto done;
  rounded (cr, 0, 0, width, height, em * 0.3);
  set_color (cr, &ground);
  cairo_fill (cr);
  if (color) {
    gint mark_width;

    layout_size (mark, &mark_width, NULL);
    rounded (cr, pad, (height - badge) / 2.0, badge, badge, em * 0.2);
    set_color (cr, color);
    cairo_fill (cr);
    draw_layout (cr, mark, pad + (badge - mark_width) / 2.0,
        (height - badge) / 2.0, &text_strong);
  }
  draw_layout (cr, text, left, (height - text_height) / 2.0, &text_weak);
  rectangle = canvas_finish (cr, buffer, &map, x, y, width, height);

done:
  g_object_unref (mark);
  g_object_unref (text);
  return rectangle;
}
