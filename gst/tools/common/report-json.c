/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "report-json.h"

#include <math.h>

void
report_json_double (JsonBuilder * b, const gchar * name, gdouble value)
{
  json_builder_set_member_name (b, name);
  /* JSON has no others */
  if (isfinite (value))
    json_builder_add_double_value (b, value);
  else
    json_builder_add_null_value (b);
}

void
report_json_int (JsonBuilder * b, const gchar * name, gint64 value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_int_value (b, value);
}

void
report_json_string (JsonBuilder * b, const gchar * name, const gchar * value)
{
  json_builder_set_member_name (b, name);
  if (value)
    json_builder_add_string_value (b, value);
  else
    json_builder_add_null_value (b);
}

void
report_json_begin (JsonBuilder * b, const gchar * name)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_object (b);
}

void
report_json_begin_array (JsonBuilder * b, const gchar * name)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_array (b);
}

gboolean
report_json_write (JsonNode * root, const gchar * file, GError ** error)
{
  JsonGenerator *generator = json_generator_new ();
  gchar *text, *lines;
  gboolean ok = TRUE;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  lines = g_strconcat (text, "\n", NULL);
  if (g_strcmp0 (file, "-") == 0)
    g_print ("%s", lines);
  else
    ok = g_file_set_contents (file, lines, -1, error);
  g_free (lines);
  g_free (text);
  g_object_unref (generator);
  return ok;
}
