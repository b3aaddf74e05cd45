/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tools' JSON is built with.
 */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Members of the object that is open.  What is not a finite number, and no string, is
 * null. */
void report_json_double (JsonBuilder * b, const gchar * name, gdouble value);
void report_json_int (JsonBuilder * b, const gchar * name, gint64 value);
void report_json_string (JsonBuilder * b, const gchar * name,
    const gchar * value);
/* Opens an object, an array; closed with json_builder_end_object(), _end_array(). */
void report_json_begin (JsonBuilder * b, const gchar * name);
void report_json_begin_array (JsonBuilder * b, const gchar * name);

/* file "-": standard output.  Otherwise the file is whole at every moment.  FALSE and a
 * sentence in error when it cannot be written. */
gboolean report_json_write (JsonNode * root, const gchar * file,
    GError ** error);

G_END_DECLS
