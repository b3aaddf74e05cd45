/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "clips.h"
#include "common/clip-tree.h"

#include <string.h>

/* Groups that several classes share can make an order fail. */
#define SHUFFLES 256

void
transfer_rows_clear (TransferRows * rows)
{
  g_clear_pointer (&rows->values, g_free);
  g_clear_pointer (&rows->frames, g_free);
  rows->n = 0;
}

static void
clip_free (gpointer data)
{
  TransferClip *clip = data;

  transfer_rows_clear (&clip->rows);
  transfer_rows_clear (&clip->spare);
  g_free (clip->path);
  g_free (clip->name);
  g_free (clip->group);
  g_free (clip);
}

void
transfer_clips_free (TransferClips * clips)
{
  if (!clips)
    return;
  g_strfreev (clips->labels);
  g_ptr_array_unref (clips->clips);
  g_free (clips);
}

/* Class/v_Class_g07_c02.avi: g07 */
static gchar *
group_of (const gchar * name)
{
  const gchar *at = strrchr (name, '/');

  while ((at = strstr (at, "_g"))) {
    gsize digits = strspn (at + 2, "0123456789");

    if (digits && at[2 + digits] == '_')
      return g_strndup (at + 1, digits + 1);
    at += 2;
  }
  return g_strdup (name);
}

/* name: below folder, with its class's folder */
static void
add_clip (TransferClips * clips, const gchar * folder, const gchar * name)
{
  TransferClip *clip = g_new0 (TransferClip, 1);

  clip->path = g_build_filename (folder, name, NULL);
  clip->name = g_utf8_make_valid (name, -1);
  clip->group = group_of (name);
  /* the label's number comes later, when all are known */
  g_ptr_array_add (clips->clips, clip);
}

static gint
by_text (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar * const *) a, *(const gchar * const *) b);
}

static gboolean
check_label (const gchar * label, GError ** error)
{
  const gchar *c;
  gchar *valid;

  if (g_utf8_validate (label, -1, NULL)) {
    for (c = label; *c && !g_ascii_iscntrl (*c); c++);
    if (!*c && !g_ascii_isspace (c[-1]))
      return TRUE;
  }
  valid = g_utf8_make_valid (label, -1);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "the folder name \"%s\" cannot be a label: it must be UTF-8 without "
      "control characters and no space at its end", valid);
  g_free (valid);
  return FALSE;
}

/* All of them, or those that are listed. */
static gboolean
read_folders (TransferClips * clips, const gchar * folder, GError ** error)
{
  GPtrArray *labels = clip_tree_read_folder (folder, G_FILE_TEST_IS_DIR, error);
  gboolean ok = labels != NULL;
  guint i, j;

  for (i = 0; ok && i < labels->len; i++) {
    const gchar *label = g_ptr_array_index (labels, i);
    gchar *path = g_build_filename (folder, label, NULL);
    GPtrArray *files =
        clip_tree_read_folder (path, G_FILE_TEST_IS_REGULAR, error);

    ok = files && check_label (label, error);
    if (ok && files->len == 0) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
          "the class folder %s is empty", path);
      ok = FALSE;
    }
    for (j = 0; ok && j < files->len; j++) {
      gchar *name = g_build_filename (label, files->pdata[j], NULL);

      add_clip (clips, folder, name);
      g_free (name);
    }
    if (files)
      g_ptr_array_unref (files);
    g_free (path);
  }
  if (ok) {
    clips->n_labels = labels->len;
    g_ptr_array_set_free_func (labels, NULL);
    g_ptr_array_add (labels, NULL);
    clips->labels = (gchar **) g_ptr_array_free (labels, FALSE);
  } else if (labels) {
    g_ptr_array_unref (labels);
  }
  return ok;
}

typedef struct
{
  TransferClips *clips;
  const gchar *folder;
  GHashTable *labels, *seen;
} Listing;

static gboolean
add_line (const ClipTreeLine * line, gpointer user_data, GError ** error)
{
  const Listing *to = user_data;

  if (!g_hash_table_add (to->seen, g_strdup (line->name)))
    return TRUE;
  if (!check_label (line->class_name, error))
    return FALSE;
  g_hash_table_add (to->labels, g_strdup (line->class_name));
  add_clip (to->clips, to->folder, line->name);
  return TRUE;
}

static gboolean
read_list (TransferClips * clips, const gchar * folder, const gchar * list,
    GError ** error)
{
  Listing to = { clips, folder,
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
    g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL)
  };
  gboolean ok = clip_tree_read_list (folder, list, add_line, &to, error);
  guint i;

  if (ok) {
    gpointer *keys =
        g_hash_table_get_keys_as_array (to.labels, &clips->n_labels);

    clips->labels = g_new0 (gchar *, clips->n_labels + 1);
    for (i = 0; i < clips->n_labels; i++)
      clips->labels[i] = g_strdup (keys[i]);
    qsort (clips->labels, clips->n_labels, sizeof *clips->labels, by_text);
    g_free (keys);
  }
  g_hash_table_unref (to.labels);
  g_hash_table_unref (to.seen);
  return ok;
}

static gint
by_path (gconstpointer a, gconstpointer b)
{
  const TransferClip *x = *(TransferClip * const *) a;
  const TransferClip *y = *(TransferClip * const *) b;

  return x->label != y->label ? (x->label > y->label) - (x->label < y->label)
      : strcmp (x->path, y->path);
}

/* The folder that a clip is in, as number. */
static void
number_labels (TransferClips * clips)
{
  guint i, j;

  for (i = 0; i < clips->clips->len; i++) {
    TransferClip *clip = g_ptr_array_index (clips->clips, i);
    gchar *folder = g_path_get_dirname (clip->path);
    gchar *label = g_path_get_basename (folder);

    for (j = 0; !g_str_equal (clips->labels[j], label); j++);
    clip->label = j;
    g_free (label);
    g_free (folder);
  }
  g_ptr_array_sort (clips->clips, by_path);
}

TransferClips *
transfer_clips_find (const gchar * folder, const gchar * list, GError ** error)
{
  TransferClips *clips = g_new0 (TransferClips, 1);
  gboolean ok;

  clips->clips = g_ptr_array_new_with_free_func (clip_free);
  ok = list ? read_list (clips, folder, list, error)
      : read_folders (clips, folder, error);
  if (ok && clips->n_labels < 2) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        clips->n_labels ? "%s has clips of one class only (%s); at least two "
        "classes are needed, a folder of clips each" :
        "%s has no class folders: a folder of clips is needed for each class",
        list ? list : folder, clips->n_labels ? clips->labels[0] : "");
    ok = FALSE;
  }
  if (ok) {
    number_labels (clips);
    ok = transfer_clips_check (clips, error);
  }
  if (!ok)
    g_clear_pointer (&clips, transfer_clips_free);
  return clips;
}

/* --- Groups --- */

typedef struct
{
  const gchar *name;
  guint *clips;                 /* [labels] of each class */
  gboolean validation;
} Group;

static void
group_free (gpointer data)
{
  Group *group = data;

  g_free (group->clips);
  g_free (group);
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(Group * const *) a)->name, (*(Group * const *) b)->name);
}

static GPtrArray *
find_groups (const TransferClips * clips)
{
  GPtrArray *groups = g_ptr_array_new_with_free_func (group_free);
  GHashTable *known = g_hash_table_new (g_str_hash, g_str_equal);
  guint i;

  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);
    Group *group = g_hash_table_lookup (known, clip->group);

    if (!group) {
      group = g_new0 (Group, 1);
      group->name = clip->group;
      group->clips = g_new0 (guint, clips->n_labels);
      g_hash_table_insert (known, clip->group, group);
      g_ptr_array_add (groups, group);
    }
    group->clips[clip->label]++;
  }
  g_hash_table_unref (known);
  g_ptr_array_sort (groups, by_name);
  return groups;
}

gboolean
transfer_clips_check (const TransferClips * clips, GError ** error)
{
  GPtrArray *groups = find_groups (clips);
  guint label, i;
  gboolean ok = TRUE;

  for (label = 0; ok && label < clips->n_labels; label++) {
    guint n = 0;

    for (i = 0; i < groups->len; i++)
      n += ((Group *) g_ptr_array_index (groups, i))->clips[label] > 0;
    ok = n >= 2;
    if (n == 1)
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
          "the class %s has clips of one group only; two are needed at least: "
          "one to learn from and another to validate on", clips->labels[label]);
    else if (n == 0)
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
          "the class %s has no clip that could be read", clips->labels[label]);
  }
  g_ptr_array_unref (groups);
  return ok;
}

/* Takes groups in their order as long as a class of theirs needs clips and none would
 * lose its last group to learn from. */
static gboolean
choose (GPtrArray * groups, const guint * wanted, guint n_labels)
{
  guint *training = g_new0 (guint, n_labels), *chosen = g_new0 (guint,
      n_labels);
  gboolean ok = TRUE;
  guint i, c;

  for (i = 0; i < groups->len; i++) {
    Group *group = g_ptr_array_index (groups, i);

    group->validation = FALSE;
    for (c = 0; c < n_labels; c++)
      training[c] += group->clips[c] > 0;
  }
  for (i = 0; i < groups->len; i++) {
    Group *group = g_ptr_array_index (groups, i);
    gboolean needed = FALSE, spare = TRUE;

    for (c = 0; c < n_labels; c++) {
      needed |= group->clips[c] && chosen[c] < wanted[c];
      spare &= !group->clips[c] || training[c] > 1;
    }
    group->validation = needed && spare;
    for (c = 0; c < n_labels && group->validation; c++) {
      chosen[c] += group->clips[c];
      training[c] -= group->clips[c] > 0;
    }
  }
  for (c = 0; c < n_labels; c++)
    ok &= chosen[c] > 0 && training[c] > 0;
  g_free (training);
  g_free (chosen);
  return ok;
}

static void
mark (TransferClips * clips, GPtrArray * groups)
{
  GHashTable *validation = g_hash_table_new (g_str_hash, g_str_equal);
  guint i;

  for (i = 0; i < groups->len; i++) {
    Group *group = g_ptr_array_index (groups, i);

    if (group->validation)
      g_hash_table_add (validation, (gpointer) group->name);
  }
  for (i = 0; i < clips->clips->len; i++) {
    TransferClip *clip = g_ptr_array_index (clips->clips, i);

    clip->validation = g_hash_table_contains (validation, clip->group);
  }
  g_hash_table_unref (validation);
}

gboolean
transfer_clips_split (TransferClips * clips, gdouble share, guint32 seed,
    GError ** error)
{
  GPtrArray *groups = find_groups (clips);
  GRand *random = g_rand_new_with_seed (seed);
  guint *wanted = g_new0 (guint, clips->n_labels);
  gboolean found = FALSE;
  guint i, c;

  for (c = 0; c < clips->n_labels; c++) {
    guint n = 0;

    for (i = 0; i < groups->len; i++)
      n += ((Group *) g_ptr_array_index (groups, i))->clips[c];
    wanted[c] = MAX (1, (guint) (share * n + 0.5));
  }
  for (i = 0; i < SHUFFLES && !found; i++) {
    guint j;

    for (j = groups->len; j > 1; j--) {
      guint k = g_rand_int_range (random, 0, j);
      gpointer swapped = groups->pdata[j - 1];

      groups->pdata[j - 1] = groups->pdata[k];
      groups->pdata[k] = swapped;
    }
    found = choose (groups, wanted, clips->n_labels);
  }
  if (found)
    mark (clips, groups);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "the groups cannot be parted so that every class has some to learn "
        "from and others to validate on; more groups are needed");
  g_free (wanted);
  g_rand_free (random);
  g_ptr_array_unref (groups);
  return found;
}
