/* deltacnn: the .modelinfo of a network made from another.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Edited line by line, as people's comments and spacing are to stay. */
#include "model/modelinfo.h"
#include "util/error.h"
#include <string.h>

/* Comments that speak of the base's tolerances. */
#define NOTE "# deltacnn-calibrate: "

static char **
split(const char *text)
{
  GPtrArray *lines = g_ptr_array_new();
  while (*text) {
    size_t n = strcspn(text, "\n");
    n += text[n] == '\n';
    g_ptr_array_add(lines, g_strndup(text, n));
    text += n;
  }
  g_ptr_array_add(lines, NULL);
  return (char **)g_ptr_array_free(lines, FALSE);
}

static gboolean
is_group(const char *line, const char *group)
{
  char *text = g_strstrip(g_strdup(line));
  const size_t n = strlen(text);
  const gboolean is = n >= 2 && text[0] == '[' && text[n - 1] == ']' &&
                      (!group || (strlen(group) == n - 2 && strncmp(text + 1, group, n - 2) == 0));
  g_free(text);
  return is;
}

static gboolean
is_key(const char *line, const char *key)
{
  line += strspn(line, " \t");
  if (!g_str_has_prefix(line, key))
    return FALSE;
  line += strlen(key);
  return line[strspn(line, " \t")] == '=';
}

/* Sets a key of a group: in its line, else behind the group's head, else in a new group.  value
 * NULL: takes the key out, and notes about it. */
static char *
set_key(char *text, const char *group, const char *key, const char *value)
{
  char **lines = split(text);
  const char *newline = strchr(text, '\n');
  const char *end = newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
  GString *out = g_string_new(NULL);
  char *ours = value ? g_strdup_printf("%s=%s%s", key, value, end) : g_strdup("");
  int head = -1, place = -1;
  gboolean inside = FALSE;

  for (int i = 0; lines[i]; i++) {
    if (is_group(lines[i], NULL))
      inside = is_group(lines[i], group);
    if (inside && head < 0)
      head = i;
    if (inside && place < 0 && is_key(lines[i], key))
      place = i;
  }
  inside = FALSE;
  for (int i = 0; lines[i]; i++) {
    if (is_group(lines[i], NULL))
      inside = is_group(lines[i], group);
    const gboolean gone =
        inside && (is_key(lines[i], key) || (!value && g_str_has_prefix(lines[i], NOTE)));
    if (!gone)
      g_string_append(out, lines[i]);
    if (i == place || (place < 0 && i == head)) {
      if (out->len && out->str[out->len - 1] != '\n' && value)
        g_string_append(out, end);
      g_string_append(out, ours);
    }
  }
  if (head < 0 && value) {
    if (out->len && out->str[out->len - 1] != '\n')
      g_string_append(out, end);
    g_string_append_printf(out, "%s[%s]%s%s", out->len ? end : "", group, end, ours);
  }
  g_free(ours);
  g_strfreev(lines);
  g_free(text);
  return g_string_free(out, FALSE);
}

/* The section of the output: the one of its name, else the only one with dir=output. */
static char *
output_section(GKeyFile *keys, const char *output_name)
{
  char **groups = g_key_file_get_groups(keys, NULL), *found = NULL;
  int n = 0;
  for (int i = 0; groups[i]; i++) {
    char *dir = g_key_file_get_string(keys, groups[i], "dir", NULL);
    if (g_str_equal(groups[i], output_name)) {
      g_free(found);
      found = g_strdup(output_name);
      n = 1;
      g_free(dir);
      break;
    }
    if (dir && g_ascii_strcasecmp(g_strstrip(dir), "output") == 0 && n++ == 0)
      found = g_strdup(groups[i]);
    g_free(dir);
  }
  g_strfreev(groups);
  if (n != 1)
    g_clear_pointer(&found, g_free);
  return found;
}

static char *
derive(GKeyFile *keys, const char *text, const char *labels, const char *output_name,
       const int *dims, int n_dims)
{
  char *out = g_strdup(text);
  char *section = output_section(keys, output_name);
  char *activation = g_key_file_get_string(keys, DCN_MODELINFO_SECTION, "activation", NULL);

  if (*out == '\0')
    out = set_key(out, "modelinfo", "version", "1.0");
  out = set_key(out, DCN_MODELINFO_SECTION, "tolerance", NULL);
  out = set_key(out, DCN_MODELINFO_SECTION, "margin", NULL);
  out = set_key(out, DCN_MODELINFO_SECTION, "labels", labels);
  if (activation && g_ascii_strcasecmp(g_strstrip(activation), "sigmoid") == 0)
    out = set_key(out, DCN_MODELINFO_SECTION, "activation", "softmax");
  if (section && g_key_file_has_key(keys, section, "dims", NULL)) {
    GString *sizes = g_string_new(NULL);
    for (int d = 0; d < n_dims; d++)
      g_string_append_printf(sizes, "%s%d", d ? "," : "", dims[d]);
    out = set_key(out, section, "dims", sizes->str);
    g_string_free(sizes, TRUE);
  }
  g_free(activation);
  g_free(section);
  return out;
}

char *
dcn_modelinfo_derive(const char *file, const char *text, const char *labels,
                     const char *output_name, const int *dims, int n_dims, GError **error)
{
  GKeyFile *keys = g_key_file_new();
  GError *reason = NULL;
  char *out = NULL, *found = NULL;

  if (!text)
    text = "";
  if (!g_key_file_load_from_data(keys, text, strlen(text), G_KEY_FILE_NONE, &reason)) {
    dcn_error_propagate(error, g_error_new(DCN_ERROR, DCN_ERROR_INVALID, "%s is not a key file: %s",
                                           file, reason->message));
    g_clear_error(&reason);
  } else {
    out = derive(keys, text, labels, output_name, dims, n_dims);
    /* whether a reader gets the labels */
    if (g_key_file_load_from_data(keys, out, strlen(out), G_KEY_FILE_NONE, NULL))
      found = g_key_file_get_string(keys, DCN_MODELINFO_SECTION, "labels", NULL);
    if (g_strcmp0(found, labels) != 0) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "the name \"%s\" of the labels file cannot stand in a .modelinfo", labels);
      g_clear_pointer(&out, g_free);
    }
    g_free(found);
  }
  g_key_file_free(keys);
  return out;
}
