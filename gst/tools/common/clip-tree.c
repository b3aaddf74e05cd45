/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clip-tree.h"

#include <stdlib.h>
#include <string.h>

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar * const *) a, *(const gchar * const *) b);
}

GPtrArray *
clip_tree_read_folder (const gchar * folder, GFileTest test, GError ** error)
{
  GDir *dir = g_dir_open (folder, 0, error);
  GPtrArray *names;
  const gchar *name;

  if (!dir)
    return NULL;
  names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir))) {
    gchar *path = g_build_filename (folder, name, NULL);

    if (*name != '.' && g_file_test (path, test))
      g_ptr_array_add (names, g_strdup (name));
    g_free (path);
  }
  g_dir_close (dir);
  g_ptr_array_sort (names, compare_names);
  return names;
}

gchar **
clip_tree_read_lines (const gchar * file, GError ** error)
{
  gchar *text, **lines;
  gsize size;
  guint i;

  if (!g_file_get_contents (file, &text, &size, error))
    return NULL;
  if (strlen (text) != size || !g_utf8_validate (text, size, NULL)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s is not a text file "
        "in UTF-8", file);
    g_free (text);
    return NULL;
  }
  lines = g_strsplit (text, "\n", -1);
  for (i = 0; lines[i]; i++)
    g_strstrip (lines[i]);
  g_free (text);
  return lines;
}

gboolean
clip_tree_is_number (const gchar * text)
{
  return *text && strspn (text, "0123456789") == strlen (text)
      && strlen (text) < 9;
}

/* Names of a list stay below the tree. */
static gboolean
escapes (const gchar * name)
{
  gchar **parts = g_strsplit (name, "/", -1);
  gboolean out = g_path_is_absolute (name);
  guint i;

  for (i = 0; parts[i] && !out; i++)
    out = g_str_equal (parts[i], "..");
  g_strfreev (parts);
  return out;
}

static gboolean
is_clip (const gchar * dir, const gchar * name)
{
  gchar *path = g_build_filename (dir, name, NULL);
  gboolean is = g_file_test (path, G_FILE_TEST_IS_REGULAR);

  g_free (path);
  return is;
}

/* Takes a number off the end of a line of a training list; 0: there is none.  Names may
 * have spaces, too. */
static gint
split_number (const gchar * dir, gchar * line)
{
  gchar *space = strrchr (line, ' ');

  if (!space)
    space = strrchr (line, '\t');
  if (!space || !clip_tree_is_number (space + 1) || is_clip (dir, line))
    return 0;
  *space = '\0';
  g_strchomp (line);
  return atoi (space + 1);
}

static gboolean
read_line (const gchar * dir, const gchar * where, gchar * name,
    ClipTreeLineFunc func, gpointer user_data, GError ** error)
{
  gint number = split_number (dir, name);
  gchar *folder = g_path_get_dirname (name);
  gchar *class_name = g_path_get_basename (folder);
  gboolean ok = FALSE;

  if (escapes (name)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: \"%s\" is not below %s", where, name, dir);
  } else if (g_str_equal (folder, ".")) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: \"%s\" is in no folder, whose name would be its class", where,
        name);
  } else if (!is_clip (dir, name)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
        "%s: there is no file \"%s\" in %s", where, name, dir);
  } else {
    ClipTreeLine line = { name, class_name, number, where };

    ok = func (&line, user_data, error);
  }
  g_free (folder);
  g_free (class_name);
  return ok;
}

gboolean
clip_tree_read_list (const gchar * dir, const gchar * list,
    ClipTreeLineFunc func, gpointer user_data, GError ** error)
{
  gchar **lines = clip_tree_read_lines (list, error);
  gboolean ok = lines != NULL;
  guint i, n = 0;

  for (i = 0; ok && lines[i]; i++) {
    gchar *where = g_strdup_printf ("%s, line %u", list, i + 1);

    if (*lines[i]) {
      n++;
      ok = read_line (dir, where, lines[i], func, user_data, error);
    }
    g_free (where);
  }
  g_strfreev (lines);
  if (ok && n == 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s names no clip",
        list);
    ok = FALSE;
  }
  return ok;
}
