/* deltacnn: writes calibrated tolerances into a .modelinfo.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The text is edited, not written anew from what was parsed: people keep comments, order and
 * spacing in these files. */
#include "model/modelinfo.h"
#include "util/error.h"
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KEY    "tolerance"
#define MARGIN "margin"
#define NOTE   "# deltacnn-calibrate: "

gboolean
dcn_modelinfo_can_name(const char *name)
{
  size_t n = name ? strlen(name) : 0;
  if (n == 0 || !g_utf8_validate(name, -1, NULL) || g_str_equal(name, DCN_MODELINFO_OTHERS))
    return FALSE;
  for (size_t i = 0; i < n; i++)
    if (g_ascii_iscntrl(name[i]))
      return FALSE;
  return !g_ascii_isspace(name[0]) && !g_ascii_isspace(name[n - 1]);
}

/* The right side of tolerance=, escaped as key files want it. */
static char *
format_value(const DcnTolerance *tolerances, int n)
{
  GKeyFile *keys = g_key_file_new();
  char **entries = g_new0(char *, (size_t)n + 1);
  for (int i = 0; i < n; i++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(number, sizeof number, "%.3g", tolerances[i].tolerance);
    entries[i] = g_strdup_printf("%s,%s", tolerances[i].name, number);
  }
  g_key_file_set_string_list(keys, DCN_MODELINFO_SECTION, KEY, (const char *const *)entries,
                             (size_t)n);
  char *value = g_key_file_get_value(keys, DCN_MODELINFO_SECTION, KEY, NULL);
  g_strfreev(entries);
  g_key_file_free(keys);
  return value;
}

/* The name in [name]; NULL for other lines.  Free with g_free(). */
static char *
group_of(const char *line)
{
  char *text = g_strstrip(g_strdup(line));
  size_t n = strlen(text);
  char *group = n >= 2 && text[0] == '[' && text[n - 1] == ']' ? g_strndup(text + 1, n - 2) : NULL;
  g_free(text);
  return group;
}

static gboolean
is_blank(const char *line)
{
  return line[strspn(line, " \t\r\n")] == '\0';
}

static gboolean
has_key(const char *line, const char *key)
{
  if (!g_str_has_prefix(line, key))
    return FALSE;
  line += strlen(key);
  return line[strspn(line, " \t")] == '=';
}

/* One of our keys, or a comment of the last time. */
static gboolean
is_ours(const char *line)
{
  line += strspn(line, " \t");
  return g_str_has_prefix(line, NOTE) || has_key(line, KEY) || has_key(line, MARGIN);
}

/* The lines of text without those that are ours; `place`: the index at which to put them, -1 where
 * there is no section of ours.  Lines keep their ends. */
static GPtrArray *
take_apart(const char *text, int *place)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
  gboolean inside = FALSE, replaced = FALSE;
  *place = -1;
  while (*text) {
    size_t n = strcspn(text, "\n");
    n += text[n] == '\n';
    char *line = g_strndup(text, n), *group = group_of(line);
    text += n;
    if (group)
      inside = g_str_equal(group, DCN_MODELINFO_SECTION);
    g_free(group);
    if (inside && is_ours(line)) {
      if (!replaced)
        *place = (int)lines->len;
      replaced = TRUE;
      g_free(line);
      continue;
    }
    g_ptr_array_add(lines, line);
    if (inside && !replaced && !is_blank(line))
      *place = (int)lines->len; /* behind the section's last key so far */
  }
  return lines;
}

static void
append_ours(GString *out, const char *value, double margin, const char *note, const char *end)
{
  char **lines = g_strsplit(note ? note : "", "\n", -1);
  for (int i = 0; lines[i]; i++)
    if (*lines[i])
      g_string_append_printf(out, "%s%s%s", NOTE, lines[i], end);
  g_string_append_printf(out, "%s=%s%s", KEY, value, end);
  if (margin > 0) {
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(number, sizeof number, "%.3g", margin);
    g_string_append_printf(out, "%s=%s%s", MARGIN, number, end);
  }
  g_strfreev(lines);
}

static char *
edit(const char *text, const char *value, double margin, const char *note)
{
  const char *newline = strchr(text, '\n');
  const char *end = newline && newline > text && newline[-1] == '\r' ? "\r\n" : "\n";
  int place;
  GPtrArray *lines = take_apart(text, &place);
  GString *out = g_string_new(NULL);

  for (int i = 0; i <= (int)lines->len; i++) {
    if (i == place) {
      if (out->len && out->str[out->len - 1] != '\n')
        g_string_append(out, end);
      append_ours(out, value, margin, note, end);
    }
    if (i < (int)lines->len)
      g_string_append(out, g_ptr_array_index(lines, i));
  }
  if (place < 0) {
    if (out->len && out->str[out->len - 1] != '\n')
      g_string_append(out, end);
    if (out->len == 0)
      g_string_append_printf(out, "[modelinfo]%sversion=1.0%s", end, end);
    g_string_append_printf(out, "%s[%s]%s", end, DCN_MODELINFO_SECTION, end);
    append_ours(out, value, margin, note, end);
  }
  g_ptr_array_unref(lines);
  return g_string_free(out, FALSE);
}

/* Whether a reader of the text gets these tolerances, and no others. */
static gboolean
check(const char *file, const char *text, const DcnTolerance *tolerances, int n, GError **error)
{
  GKeyFile *keys = g_key_file_new();
  char **entries = NULL;
  char *value = format_value(tolerances, n);
  char *found = NULL;
  GError *reason = NULL;
  gboolean same = FALSE;
  if (g_key_file_load_from_data(keys, text, strlen(text), G_KEY_FILE_NONE, &reason)) {
    found = g_key_file_get_value(keys, DCN_MODELINFO_SECTION, KEY, NULL);
    entries = g_key_file_get_string_list(keys, DCN_MODELINFO_SECTION, KEY, NULL, NULL);
    same = g_strcmp0(found, value) == 0 && (entries ? (int)g_strv_length(entries) : 0) == n;
  }
  if (!same)
    dcn_error_propagate(
        error, g_error_new(DCN_ERROR, DCN_ERROR_INVALID, "%s cannot take tolerances: %s", file,
                           reason ? reason->message : "a name does not go into a key file"));
  g_clear_error(&reason);
  g_strfreev(entries);
  g_free(found);
  g_free(value);
  g_key_file_free(keys);
  return same;
}

static gboolean
read_text(const char *file, char **text, GError **error)
{
  GError *reason = NULL;
  size_t size = 0;
  *text = NULL;
  if (!file) {
    *text = g_strdup("");
    return TRUE;
  }
  if (!g_file_get_contents(file, text, &size, &reason)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model's description: %s",
                reason->message);
    g_clear_error(&reason);
  } else if (size > DCN_MODELINFO_MAX_BYTES || strlen(*text) != size) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s is not a key file", file);
    g_clear_pointer(text, g_free);
  }
  return *text != NULL;
}

gboolean
dcn_modelinfo_write_tolerances(const char *from, const char *to, const DcnTolerance *tolerances,
                               int n, double margin, const char *note, GError **error)
{
  GError *reason = NULL;
  GStatBuf info;
  char *before = NULL;
  if (!read_text(from, &before, error))
    return FALSE;
  char *value = format_value(tolerances, n);
  char *after = edit(before, value, margin, note);
  gboolean ok = check(to, after, tolerances, n, error);
  if (ok) {
    /* Behind a link the file itself is replaced, and keeps its permissions. */
    char *place = realpath(to, NULL);
    gboolean exists = place && g_stat(place, &info) == 0;
    ok = g_file_set_contents_full(place ? place : to, after, -1, G_FILE_SET_CONTENTS_CONSISTENT,
                                  0666, &reason);
    if (ok && exists)
      (void)!g_chmod(place, info.st_mode & 07777); /* not ours, perhaps */
    free(place);
    if (!ok)
      g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot write the tolerances: %s",
                  reason->message);
    g_clear_error(&reason);
  }
  g_free(value);
  g_free(before);
  g_free(after);
  return ok;
}
