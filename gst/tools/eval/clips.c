/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clips.h"
#include "common/clip-tree.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 12

/* Numbers of classInd.txt; NULL where there is no such file. */
typedef struct
{
  gchar *file;
  GHashTable *numbers;          /* name in lower case -> number, 1 and up */
} ClassIndex;

static void
clip_free (gpointer data)
{
  EvalClip *clip = data;

  g_free (clip->path);
  g_free (clip->name);
  g_free (clip);
}

void
eval_clips_free (EvalClips * clips)
{
  if (!clips)
    return;
  g_ptr_array_unref (clips->clips);
  g_ptr_array_unref (clips->classes);
  g_ptr_array_unref (clips->unknown);
  g_free (clips);
}

static gboolean
fail (GError ** error, const gchar * format, ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_IO_ERROR, G_IO_ERROR_FAILED,
          format, args));
  va_end (args);
  return FALSE;
}

static const gchar *
intern_class (EvalClips * clips, const gchar * name)
{
  guint i;

  for (i = 0; i < clips->classes->len; i++)
    if (g_str_equal (g_ptr_array_index (clips->classes, i), name))
      return g_ptr_array_index (clips->classes, i);
  g_ptr_array_add (clips->classes, g_strdup (name));
  return g_ptr_array_index (clips->classes, clips->classes->len - 1);
}

static void
add_clip (EvalClips * clips, const EvalWhich * which, gchar * name,
    const gchar * class_name)
{
  EvalClip *clip = g_new0 (EvalClip, 1);

  clip->path = g_build_filename (which->dir, name, NULL);
  clip->name = name;
  clip->class_name = intern_class (clips, class_name);
  clip->label = -1;
  g_ptr_array_add (clips->clips, clip);
}

/* ---- classInd.txt ---- */

static gboolean
read_class_index (const gchar * file, ClassIndex * index, GError ** error)
{
  gchar **lines = clip_tree_read_lines (file, error);
  gboolean ok = TRUE;
  guint i;

  if (!lines)
    return FALSE;
  index->file = g_strdup (file);
  index->numbers = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
      NULL);
  for (i = 0; lines[i] && ok; i++) {
    gchar *name = strpbrk (lines[i], " \t");

    if (!*lines[i])
      continue;
    if (name)
      *name++ = '\0';
    if (!name || !clip_tree_is_number (lines[i]) || atoi (lines[i]) < 1)
      ok = fail (error, "%s: line %u is not a number and a class's name", file,
          i + 1);
    else
      g_hash_table_insert (index->numbers, g_utf8_casefold (g_strchug (name),
              -1), GINT_TO_POINTER (atoi (lines[i])));
  }
  g_strfreev (lines);
  return ok;
}

/* 0: the name is not in it. */
static gint
class_number (const ClassIndex * index, const gchar * name)
{
  gchar *folded = g_utf8_casefold (name, -1);
  gint number = GPOINTER_TO_INT (g_hash_table_lookup (index->numbers, folded));

  g_free (folded);
  return number;
}

/* classInd.txt beside the list, or in the tree. */
static gboolean
find_class_index (const EvalWhich * which, const gchar * list,
    ClassIndex * index, GError ** error)
{
  gchar *beside = list ? g_path_get_dirname (list) : NULL;
  const gchar *folders[] = { beside, which->dir };
  gboolean ok = TRUE;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (folders) && ok && !index->file; i++) {
    gchar *file;

    if (!folders[i])
      continue;
    file = g_build_filename (folders[i], "classInd.txt", NULL);
    if (g_file_test (file, G_FILE_TEST_IS_REGULAR))
      ok = read_class_index (file, index, error);
    g_free (file);
  }
  g_free (beside);
  return ok;
}

/* ---- the list ---- */

typedef struct
{
  EvalClips *clips;
  const EvalWhich *which;
  const ClassIndex *index;
} Listing;

static gboolean
add_line (const ClipTreeLine * line, gpointer user_data, GError ** error)
{
  const Listing *to = user_data;

  if (line->number && to->index->numbers) {
    gint known = class_number (to->index, line->class_name);

    if (!known)
      return fail (error, "%s: %s has no class \"%s\"", line->where,
          to->index->file, line->class_name);
    if (known != line->number)
      return fail (error, "%s: the class of \"%s\" is number %d, but %d in %s",
          line->where, line->name, line->number, known, to->index->file);
  }
  add_clip (to->clips, to->which, g_strdup (line->name), line->class_name);
  return TRUE;
}

/* ---- the tree ---- */

static gboolean
has_video_name (const gchar * name)
{
  static const gchar *const ends[] = { "avi", "mpg", "mpeg", "m2v", "m1v",
    "vob", "ts", "m2ts", "mts", "mkv", "webm", "mp4", "m4v", "mov", "264",
    "h264", "avc", "flv", "wmv", "3gp", NULL
  };
  const gchar *dot = strrchr (name, '.');
  gchar *end;
  gboolean is;

  if (!dot)
    return FALSE;
  end = g_ascii_strdown (dot + 1, -1);
  is = g_strv_contains (ends, end);
  g_free (end);
  return is;
}

static gboolean
read_class_folder (EvalClips * clips, const EvalWhich * which,
    const gchar * name, GError ** error)
{
  gchar *folder = g_build_filename (which->dir, name, NULL);
  GPtrArray *files =
      clip_tree_read_folder (folder, G_FILE_TEST_IS_REGULAR, error);
  guint i, n = clips->clips->len;
  gboolean ok = files != NULL;

  for (i = 0; ok && i < files->len; i++) {
    const gchar *file = g_ptr_array_index (files, i);

    if (has_video_name (file))
      add_clip (clips, which, g_build_filename (name, file, NULL), name);
  }
  if (ok && clips->clips->len == n)
    ok = fail (error, "the folder %s has no clips", folder);
  if (files)
    g_ptr_array_unref (files);
  g_free (folder);
  return ok;
}

static gboolean
read_tree (EvalClips * clips, const EvalWhich * which, GError ** error)
{
  GPtrArray *names =
      clip_tree_read_folder (which->dir, G_FILE_TEST_IS_DIR, error);
  gboolean ok = names != NULL;
  guint i;

  for (i = 0; ok && i < names->len; i++)
    ok = read_class_folder (clips, which, g_ptr_array_index (names, i), error);
  if (names)
    g_ptr_array_unref (names);
  if (ok && clips->clips->len == 0)
    return fail (error, "%s has no folders with clips; one for each class is "
        "needed, named like it", which->dir);
  return ok;
}

/* ---- classes and labels ---- */

static gint
label_of (const EvalWhich * which, const ClassIndex * index,
    const gchar * class_name)
{
  gchar *wanted;
  gint i, found = -1, number;

  if (!which->labels) {
    number = class_number (index, class_name);
    return number <= (gint) which->n_labels ? number - 1 : -1;
  }
  wanted = g_utf8_casefold (class_name, -1);
  for (i = 0; i < (gint) which->n_labels && found < 0; i++) {
    gchar *label = g_utf8_casefold (which->labels[i], -1);

    if (g_str_equal (g_strstrip (label), wanted))
      found = i;
    g_free (label);
  }
  g_free (wanted);
  return found;
}

/* "A, B, C and 7 more" */
static gchar *
enumerate (gchar ** names, guint n)
{
  GString *text = g_string_new (NULL);
  guint i;

  for (i = 0; i < n && i < NAMES_SHOWN; i++)
    g_string_append_printf (text, "%s%s", i ? ", " : "", names[i]);
  if (n > NAMES_SHOWN)
    g_string_append_printf (text, " and %u more", n - NAMES_SHOWN);
  return g_string_free (text, FALSE);
}

static gboolean
complain_unknown (const EvalClips * clips, const EvalWhich * which,
    GError ** error)
{
  gboolean all = clips->unknown->len == clips->classes->len;
  gchar *names = enumerate ((gchar **) clips->unknown->pdata,
      clips->unknown->len);
  gchar *labels = which->labels ?
      enumerate (which->labels, which->n_labels) : NULL;

  if (!which->labels)
    fail (error, "%s has no labels, and classInd.txt has no number up to %u for"
        ": %s", which->model, which->n_labels, names);
  else if (all)
    fail (error, "no class of %s (%s) is a label of %s (%s)", which->dir,
        names, which->model, labels);
  else
    fail (error, "not labels of %s (%s): %s; --skip-unknown leaves them out",
        which->model, labels, names);
  g_free (names);
  g_free (labels);
  return FALSE;
}

static gboolean
set_labels (EvalClips * clips, const EvalWhich * which,
    const ClassIndex * index, GError ** error)
{
  guint i;

  if (!which->labels && !index->numbers)
    return fail (error, "%s has no labels, and there is no classInd.txt that "
        "numbers the classes", which->model);
  for (i = 0; i < clips->classes->len; i++) {
    gchar *name = g_ptr_array_index (clips->classes, i);

    if (label_of (which, index, name) < 0)
      g_ptr_array_add (clips->unknown, name);
  }
  if (clips->unknown->len && (!which->skip_unknown
          || clips->unknown->len == clips->classes->len))
    return complain_unknown (clips, which, error);
  for (i = 0; i < clips->clips->len;) {
    EvalClip *clip = g_ptr_array_index (clips->clips, i);

    clip->label = label_of (which, index, clip->class_name);
    if (clip->label >= 0) {
      i++;
    } else {
      g_ptr_array_remove_index (clips->clips, i);
      clips->n_left_out++;
    }
  }
  return TRUE;
}

/* Evenly over the list, which is sorted by class. */
static void
thin_out (EvalClips * clips, guint limit)
{
  guint i, n = clips->clips->len;
  GPtrArray *some;

  if (!limit || n <= limit)
    return;
  some = g_ptr_array_new_with_free_func (clip_free);
  for (i = 0; i < n; i++) {
    /* the k-th of them is where k/limit of the list begins */
    if ((guint64) i * limit % n < limit)
      g_ptr_array_add (some, g_ptr_array_index (clips->clips, i));
    else
      clip_free (g_ptr_array_index (clips->clips, i));
  }
  g_ptr_array_set_free_func (clips->clips, NULL);
  g_ptr_array_unref (clips->clips);
  clips->clips = some;
}

EvalClips *
eval_clips_find (const EvalWhich * which, GError ** error)
{
  EvalClips *clips;
  ClassIndex index = { NULL };
  Listing listing;
  gchar *list = NULL;
  gboolean ok;

  if (!g_file_test (which->dir, G_FILE_TEST_IS_DIR)) {
    fail (error, "there is no folder %s", which->dir);
    return NULL;
  }
  if (which->list) {
    list = g_file_test (which->list, G_FILE_TEST_EXISTS) ?
        g_strdup (which->list) : g_build_filename (which->dir, which->list,
        NULL);
    if (!g_file_test (list, G_FILE_TEST_IS_REGULAR)) {
      fail (error, "there is no list %s, nor in %s", which->list, which->dir);
      g_free (list);
      return NULL;
    }
  }
  clips = g_new0 (EvalClips, 1);
  clips->clips = g_ptr_array_new_with_free_func (clip_free);
  clips->classes = g_ptr_array_new_with_free_func (g_free);
  clips->unknown = g_ptr_array_new ();
  listing = (Listing) {
  clips, which, &index};
  ok = find_class_index (which, list, &index, error)
      && (list ? clip_tree_read_list (which->dir, list, add_line, &listing,
          error) : read_tree (clips, which, error))
      && set_labels (clips, which, &index, error);
  clips->n_found = clips->clips->len;
  if (ok)
    thin_out (clips, which->limit);
  g_clear_pointer (&index.numbers, g_hash_table_unref);
  g_free (index.file);
  g_free (list);
  if (ok)
    return clips;
  eval_clips_free (clips);
  return NULL;
}
