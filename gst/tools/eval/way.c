/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "way.h"
#include "common/tool.h"

#include <gio/gio.h>
#include <string.h>

#define REFERENCE "dense"

/* Not for a way to set: they are the same for all. */
static const gchar *const common[] = { "name", "parent", "model-file",
  "labels-file", "top-k", "threads", "post-messages", "stats", "qos", NULL
};

/* The element's class, with all its properties. */
static GObjectClass *
get_class (void)
{
  static GObjectClass *class;
  GstElement *element;

  if (class)
    return class;
  element = gst_element_factory_make ("deltacnn", NULL);
  g_return_val_if_fail (element, NULL);
  class = g_type_class_ref (G_OBJECT_TYPE (element));
  gst_object_unref (gst_object_ref_sink (element));
  return class;
}

static GParamSpec *
find_property (const gchar * name)
{
  GParamSpec *spec = g_object_class_find_property (get_class (), name);

  return spec && (spec->flags & G_PARAM_WRITABLE)
      && !g_strv_contains (common, spec->name) ? spec : NULL;
}

static void
way_free (gpointer data)
{
  EvalWay *way = data;

  g_free (way->name);
  g_array_unref (way->settings);
  g_free (way);
}

static void
clear_setting (gpointer data)
{
  g_value_unset (&((EvalSetting *) data)->value);
}

static const GValue *
lookup (const EvalWay * way, const gchar * property)
{
  guint i;

  for (i = 0; i < way->settings->len; i++) {
    const EvalSetting *s = &g_array_index (way->settings, EvalSetting, i);

    if (g_str_equal (s->property, property))
      return &s->value;
  }
  return NULL;
}

/* The element's own enumerations. */
static GPtrArray *
enumerations (void)
{
  GPtrArray *out = g_ptr_array_new ();
  guint i, n;
  GParamSpec **specs = g_object_class_list_properties (get_class (), &n);

  for (i = 0; i < n; i++)
    if (G_IS_PARAM_SPEC_ENUM (specs[i])
        && specs[i]->owner_type == G_OBJECT_CLASS_TYPE (get_class ())
        && find_property (specs[i]->name))
      g_ptr_array_add (out, specs[i]);
  g_free (specs);
  return out;
}

/* "mode (delta, dense), source (...)" */
static gchar *
list_words (void)
{
  GString *text = g_string_new (NULL);
  GPtrArray *enums = enumerations ();
  guint i, j;

  for (i = 0; i < enums->len; i++) {
    GParamSpecEnum *spec = g_ptr_array_index (enums, i);

    g_string_append_printf (text, "%s%s (", i ? ", " : "",
        G_PARAM_SPEC (spec)->name);
    for (j = 0; j < spec->enum_class->n_values; j++)
      g_string_append_printf (text, "%s%s", j ? ", " : "",
          spec->enum_class->values[j].value_nick);
    g_string_append_c (text, ')');
  }
  g_ptr_array_unref (enums);
  return g_string_free (text, FALSE);
}

static gboolean
set_value (EvalWay * way, GParamSpec * spec, const gchar * text,
    GError ** error)
{
  EvalSetting setting = { g_intern_string (spec->name), G_VALUE_INIT };

  if (lookup (way, spec->name))
    return tool_bad_use (error, "%s: %s is given twice", way->name, spec->name);
  g_value_init (&setting.value, spec->value_type);
  /* validate: TRUE where the value had to be changed */
  if (!*text || !gst_value_deserialize (&setting.value, text)
      || g_param_value_validate (spec, &setting.value)) {
    g_value_unset (&setting.value);
    return tool_bad_use (error, "%s: %s cannot be \"%s\"", way->name,
        spec->name, text);
  }
  g_array_append_val (way->settings, setting);
  return TRUE;
}

/* A value of an enumeration by its name. */
static gboolean
set_word (EvalWay * way, const gchar * word, GError ** error)
{
  GPtrArray *enums = enumerations ();
  GParamSpec *found = NULL;
  gboolean ok = TRUE;
  guint i;

  for (i = 0; i < enums->len && ok; i++) {
    GParamSpecEnum *spec = g_ptr_array_index (enums, i);

    if (!g_enum_get_value_by_nick (spec->enum_class, word))
      continue;
    if (found)
      ok = tool_bad_use (error,
          "%s: \"%s\" may be %s or %s; write %s=%s or %s=%s", way->name, word,
          found->name, G_PARAM_SPEC (spec)->name, found->name, word,
          G_PARAM_SPEC (spec)->name, word);
    found = G_PARAM_SPEC (spec);
  }
  g_ptr_array_unref (enums);
  if (ok && !found) {
    gchar *words = list_words ();

    ok = tool_bad_use (error,
        "%s: what is \"%s\"? There are %s, calibrated, and "
        "PROPERTY=VALUE, as in tolerance=0.05", way->name, word, words);
    g_free (words);
  }
  return ok && set_value (way, found, word, error);
}

static EvalWay *
way_parse (const gchar * text, GError ** error)
{
  EvalWay *way = g_new0 (EvalWay, 1);
  gchar **words = g_strsplit (text, "/", -1);
  gboolean ok = TRUE;
  guint i;

  way->name = g_strdup (text);
  way->settings = g_array_new (FALSE, FALSE, sizeof (EvalSetting));
  g_array_set_clear_func (way->settings, clear_setting);
  for (i = 0; words[i] && ok; i++) {
    gchar *equals = strchr (words[i], '=');
    GParamSpec *spec;

    if (g_str_equal (words[i], "calibrated")) {
      ok = set_value (way, find_property ("tolerance"), "-1", error);
    } else if (!equals) {
      ok = set_word (way, words[i], error);
    } else {
      *equals = '\0';
      spec = find_property (words[i]);
      ok = spec ? set_value (way, spec, equals + 1, error)
          : tool_bad_use (error,
          "%s: deltacnn has no property \"%s\" that could be set " "here", text,
          words[i]);
    }
  }
  g_strfreev (words);
  if (ok)
    return way;
  way_free (way);
  return NULL;
}

static gboolean
append_way (GPtrArray * ways, const gchar * text, GError ** error)
{
  EvalWay *way;
  guint i;

  for (i = 0; i < ways->len; i++)
    if (g_str_equal (((EvalWay *) g_ptr_array_index (ways, i))->name, text))
      return i == 0 || tool_bad_use (error, "%s is given twice", text);
  way = way_parse (text, error);
  if (way)
    g_ptr_array_add (ways, way);
  return way != NULL;
}

GPtrArray *
eval_ways_parse (const gchar * text, GError ** error)
{
  GPtrArray *ways = g_ptr_array_new_with_free_func (way_free);
  gchar **parts = g_strsplit (text, ",", -1);
  gboolean ok = append_way (ways, REFERENCE, error);
  guint i, n = 0;

  for (i = 0; parts[i] && ok; i++) {
    g_strstrip (parts[i]);
    if (!*parts[i])
      continue;
    ok = append_way (ways, parts[i], error);
    n++;
  }
  g_strfreev (parts);
  if (ok && n == 0)
    ok = tool_bad_use (error, "--modes names no way");
  if (ok)
    return ways;
  g_ptr_array_unref (ways);
  return NULL;
}

static const GEnumClass *
enum_class (const gchar * property)
{
  GParamSpec *spec = find_property (property);

  return spec && G_IS_PARAM_SPEC_ENUM (spec) ?
      G_PARAM_SPEC_ENUM (spec)->enum_class : NULL;
}

static void
append_default (GPtrArray * ways, const gchar * format, const gchar * word)
{
  gchar *text = g_strdup_printf (format, word);

  append_way (ways, text, NULL);
  g_free (text);
}

GPtrArray *
eval_ways_default (gboolean calibrated)
{
  GPtrArray *ways = g_ptr_array_new_with_free_func (way_free);
  const GEnumClass *modes = enum_class ("mode"), *sources =
      enum_class ("source"), *engines = enum_class ("engine");
  guint i;

  append_way (ways, REFERENCE, NULL);
  for (i = 0; engines && i < engines->n_values; i++)
    if (!g_str_equal (engines->values[i].value_nick, "auto")
        && engines->values[i].value !=
        G_PARAM_SPEC_ENUM (find_property ("engine"))->default_value)
      append_default (ways, REFERENCE "/%s", engines->values[i].value_nick);
  for (i = 0; modes && i < modes->n_values; i++)
    if (!g_str_equal (modes->values[i].value_nick, "delta"))
      append_default (ways, "%s", modes->values[i].value_nick);
  for (i = 0; sources && i < sources->n_values; i++)
    if (!g_str_equal (sources->values[i].value_nick, "auto"))
      append_default (ways, "delta/%s", sources->values[i].value_nick);
  /* other sources reuse results whole, whatever the tolerance */
  if (calibrated) {
    append_default (ways, "delta/%s/calibrated", "codec");
    append_default (ways, "delta/%s/calibrated", "pixel");
  }
  return ways;
}

void
eval_way_apply (const EvalWay * way, GstElement * element)
{
  guint i;

  for (i = 0; i < way->settings->len; i++) {
    const EvalSetting *s = &g_array_index (way->settings, EvalSetting, i);

    g_object_set_property (G_OBJECT (element), s->property, &s->value);
  }
}

gchar *
eval_way_get (const EvalWay * way, const gchar * property)
{
  GParamSpec *spec = find_property (property);
  const GValue *value = spec ? lookup (way, property) : NULL;

  if (!spec)
    return NULL;
  if (!value)
    value = g_param_spec_get_default_value (spec);
  if (G_VALUE_HOLDS_ENUM (value)) {
    GEnumValue *v = g_enum_get_value (G_PARAM_SPEC_ENUM (spec)->enum_class,
        g_value_get_enum (value));

    return g_strdup (v ? v->value_nick : "");
  }
  if (G_VALUE_HOLDS_DOUBLE (value)) {
    gchar text[G_ASCII_DTOSTR_BUF_SIZE];

    return g_strdup (g_ascii_formatd (text, sizeof text, "%g",
            g_value_get_double (value)));
  }
  return gst_value_serialize (value);
}

gboolean
eval_way_is_calibrated (const EvalWay * way)
{
  const GValue *value = lookup (way, "tolerance");

  return value && g_value_get_double (value) < 0;
}
