/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "write.h"
#include "common/report-json.h"

static const gchar *
type_name (GstDeltaPictureType type)
{
  static const gchar *names[] = { "unknown", "I", "P", "B", "D" };

  return (guint) type < G_N_ELEMENTS (names) ? names[type] : names[0];
}

static void
add_known (JsonBuilder * b, const gchar * name, gboolean known, gint64 value)
{
  if (known)
    report_json_int (b, name, value);
  else
    report_json_string (b, name, NULL);
}

void
inspect_write_line (guint64 number, GstBuffer * buffer,
    const GstVideoInfo * info, GstDeltaPicture * picture, gdouble changed)
{
  JsonBuilder *b = json_builder_new ();
  JsonGenerator *generator = json_generator_new ();
  JsonNode *root;
  guint width = GST_VIDEO_INFO_WIDTH (info);
  guint height = GST_VIDEO_INFO_HEIGHT (info);
  guint cols = 0, rows = 0;
  gchar *text;

  if (picture) {
    gst_delta_picture_get_coded_size (picture, &width, &height);
    gst_delta_picture_get_grid (picture, &cols, &rows);
  }
  json_builder_begin_object (b);
  report_json_int (b, "frame", number);
  add_known (b, "pts", GST_BUFFER_PTS_IS_VALID (buffer),
      GST_BUFFER_PTS (buffer));
  add_known (b, "epoch", picture != NULL,
      picture ? gst_delta_picture_get_epoch (picture) : 0);
  add_known (b, "number", picture != NULL,
      picture ? gst_delta_picture_get_number (picture) : 0);
  report_json_string (b, "type", type_name (picture ?
          gst_delta_picture_get_picture_type (picture) :
          GST_DELTA_PICTURE_TYPE_UNKNOWN));
  json_builder_set_member_name (b, "known");
  json_builder_add_boolean_value (b, picture
      && gst_delta_picture_is_known (picture));
  report_json_int (b, "width", width);
  report_json_int (b, "height", height);
  report_json_int (b, "cols", cols);
  report_json_int (b, "rows", rows);
  report_json_double (b, "changed", changed);
  json_builder_end_object (b);

  root = json_builder_get_root (b);
  json_generator_set_root (generator, root);
  text = json_generator_to_data (generator, NULL);
  puts (text);
  g_free (text);
  json_node_unref (root);
  g_object_unref (generator);
  g_object_unref (b);
}

gboolean
inspect_write_born (FILE * file, GstDeltaPicture * picture)
{
  guint cols, rows;
  gsize n;
  const guint32 *born = gst_delta_picture_get_born (picture, &n);
  guint32 *copy;
  gboolean ok;

  gst_delta_picture_get_grid (picture, &cols, &rows);
  n = (gsize) cols *rows;
  copy = g_new (guint32, n);
  for (gsize i = 0; i < n; i++)
    copy[i] = GUINT32_TO_LE (born ? born[i] :
        gst_delta_picture_get_number (picture));
  ok = fwrite (copy, sizeof (*copy), n, file) == n;
  g_free (copy);
  return ok;
}

gboolean
inspect_write_vectors (FILE * file, guint64 number, GstDeltaPicture * picture)
{
  guint n = gst_delta_picture_get_n_vectors (picture);

  for (guint i = 0; i < n; i++) {
    GstDeltaVector v;

    if (!gst_delta_picture_get_vector (picture, i, &v))
      break;
    /* -1: the reference was lost */
    fprintf (file,
        "%" G_GUINT64_FORMAT ",%u,%u,%u,%u,%" G_GINT64_FORMAT ",%d,%d,%u\n",
        number, v.x, v.y, v.w, v.h,
        v.ref_number == G_MAXUINT32 ? (gint64) - 1 : (gint64) v.ref_number,
        v.mv_x_qpel, v.mv_y_qpel, v.direction);
  }
  return !ferror (file);
}
