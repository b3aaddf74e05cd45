/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "write.h"
#include "common/tool.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "model/modelinfo.h"
#include "model.h"
#include "model/onnx.h"

static gboolean
same_file (const gchar * a, const gchar * b)
{
  GStatBuf x, y;

  return a && b && g_stat (a, &x) == 0 && g_stat (b, &y) == 0
      && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The file that the base's .modelinfo names, if any. */
static gchar *
labels_of (const gchar * base)
{
  gchar *found = NULL, *file = dcn_modelinfo_find (base);
  GKeyFile *keys = g_key_file_new ();
  gchar *name = NULL, *folder;

  if (file && g_key_file_load_from_file (keys, file, G_KEY_FILE_NONE, NULL))
    name = g_key_file_get_string (keys, DCN_MODELINFO_SECTION, "labels", NULL);
  if (name) {
    folder = g_path_get_dirname (file);
    found = g_path_is_absolute (g_strstrip (name)) ? g_strdup (name)
        : g_build_filename (folder, name, NULL);
    g_free (folder);
  }
  g_free (name);
  g_free (file);
  g_key_file_free (keys);
  return found;
}

static gboolean
check_places (TransferFiles * files, GError ** error)
{
  gchar *taken[TRANSFER_N_FILES] = { g_strdup (files->base),
    labels_of (files->base), dcn_modelinfo_find (files->base)
  };
  gboolean ok = TRUE;
  guint i, j;

  for (i = 0; i < TRANSFER_N_FILES && ok; i++) {
    if (g_file_test (files->places[i], G_FILE_TEST_IS_DIR)) {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR,
          "cannot write %s: it is a folder", files->places[i]);
      ok = FALSE;
    }
    for (j = 0; j < TRANSFER_N_FILES && ok; j++)
      if (same_file (files->places[i], taken[j])) {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
            "%s belongs to the base model, which stays as it is; give --out "
            "another name", files->places[i]);
        ok = FALSE;
      }
  }
  for (i = 0; i < TRANSFER_N_FILES; i++)
    g_free (taken[i]);
  return ok;
}

gboolean
transfer_files_plan (TransferFiles * files, const gchar * base,
    const gchar * out, GError ** error)
{
  gsize stem = strlen (out) - (g_str_has_suffix (out, ".onnx") ? 5 : 0);
  gchar *info = g_strconcat (out, ".modelinfo", NULL);
  gboolean ok = FALSE;

  memset (files, 0, sizeof *files);
  files->base = g_strdup (base);
  files->places[TRANSFER_MODEL] = g_strdup (out);
  files->places[TRANSFER_LABELS] =
      g_strdup_printf ("%.*s.labels.txt", (int) stem, out);
  /* where there is one of this name, it is the one that is read */
  files->places[TRANSFER_INFO] = g_file_test (info, G_FILE_TEST_EXISTS) ?
      g_strdup (info) : g_strdup_printf ("%.*s.modelinfo", (int) stem, out);
  if (stem == 0 || out[strlen (out) - 1] == G_DIR_SEPARATOR)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "--out needs the name of a file, not \"%s\"", out);
  else
    ok = tool_check_output (out, error) && check_places (files, error);
  g_free (info);
  return ok;
}

/* Tolerances of the values that are what they were in the base.  Those of the new layer,
 * and behind it, are exact until somebody calibrates. */
static gboolean
write_tolerances (TransferFiles * files, const DcnHead * head,
    const DcnProgram * program, GError ** error)
{
  const DcnValue *input = &program->values[program->input];
  DcnModelInfo *info = dcn_modelinfo_load (files->base, input->name,
      input->rank > 1 ? input->dims[1] : 1, error);
  GArray *list = g_array_new (FALSE, FALSE, sizeof (DcnTolerance));
  const double *others, *value;
  gboolean ok = info != NULL;
  gchar *name, *note;
  gint v;

  if (!ok)
    goto done;
  others = g_hash_table_lookup (info->tolerances, DCN_MODELINFO_OTHERS);
  for (v = 0; v < program->n_values; v++) {
    DcnTolerance one = { program->values[v].name, 0.0 };
    gboolean made = dcn_head_makes (head, one.name);

    value = g_hash_table_lookup (info->tolerances, one.name);
    if (!made && value)
      one.tolerance = *value;
    else if (!made || !others || v == program->outputs[0])
      continue;
    g_array_append_val (list, one);
  }
  if (others) {
    DcnTolerance one = { DCN_MODELINFO_OTHERS, *others };

    g_array_append_val (list, one);
  }
  if (list->len) {
    gchar *basename = g_path_get_basename (files->base);

    name = g_utf8_make_valid (basename, -1);
    note = g_strdup_printf ("as found for %s, whose last layer was replaced",
        name);
    ok = dcn_modelinfo_write_tolerances (files->drafts[TRANSFER_INFO],
        files->drafts[TRANSFER_INFO], (DcnTolerance *) list->data, list->len,
        info->margin, note, error);
    g_free (note);
    g_free (name);
    g_free (basename);
  }

done:
  g_array_unref (list);
  dcn_modelinfo_free (info);
  return ok;
}

static gboolean
write_info (TransferFiles * files, const DcnHead * head,
    const DcnProgram * program, GError ** error)
{
  const DcnValue *output = &program->values[program->outputs[0]];
  gchar *file = dcn_modelinfo_find (files->base), *text = NULL, *derived;
  gchar *labels = g_path_get_basename (files->places[TRANSFER_LABELS]);
  gboolean ok = !file || g_file_get_contents (file, &text, NULL, error);

  derived = ok ? dcn_modelinfo_derive (file, text, labels, output->name,
      output->dims, output->rank, error) : NULL;
  ok = derived && g_file_set_contents (files->drafts[TRANSFER_INFO], derived,
      -1, error) && write_tolerances (files, head, program, error);
  g_free (derived);
  g_free (labels);
  g_free (text);
  g_free (file);
  return ok;
}

static gboolean
make_folder (TransferFiles * files, GError ** error)
{
  gchar *place = g_path_get_dirname (files->places[TRANSFER_MODEL]);
  gchar *folder = g_build_filename (place, ".deltacnn-transfer-XXXXXX", NULL);
  gint i;

  if (!g_mkdtemp (folder)) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        "cannot write into %s: %s", place, g_strerror (errno));
    g_clear_pointer (&folder, g_free);
  }
  files->folder = folder;
  for (i = 0; folder && i < TRANSFER_N_FILES; i++) {
    gchar *name = g_path_get_basename (files->places[i]);

    files->drafts[i] = g_build_filename (folder, name, NULL);
    g_free (name);
  }
  g_free (place);
  return folder != NULL;
}

gboolean
transfer_files_write (TransferFiles * files, const DcnHead * head,
    gchar ** labels, const TransferLayer * layer, GError ** error)
{
  guint n = g_strv_length (labels);
  size_t size = 0;
  guint8 *bytes = dcn_head_replace (head, n, layer->weights, layer->bias,
      &size, error);
  DcnOnnxOptions options;
  DcnProgram *program = NULL;
  gchar *lines = g_strjoinv ("\n", labels);
  gchar *text = g_strconcat (lines, "\n", NULL);
  gboolean ok;

  gst_delta_cnn_model_options (files->base, &options);
  if (bytes)
    program = dcn_onnx_load_memory (bytes, size, files->places[TRANSFER_MODEL],
        &options, error);
  ok = program && make_folder (files, error)
      && g_file_set_contents (files->drafts[TRANSFER_MODEL],
      (const gchar *) bytes, size, error)
      && g_file_set_contents (files->drafts[TRANSFER_LABELS], text, -1, error)
      && write_info (files, head, program, error);
  dcn_program_free (program);
  g_free (lines);
  g_free (text);
  g_free (bytes);
  return ok;
}

/* Old files wait in the folder until all the new ones are in their places. */
gboolean
transfer_files_publish (TransferFiles * files, GError ** error)
{
  gchar *old[TRANSFER_N_FILES];
  gboolean moved[TRANSFER_N_FILES] = { FALSE }, new[TRANSFER_N_FILES], ok =
      TRUE;
  gint i;

  for (i = 0; i < TRANSFER_N_FILES; i++) {
    old[i] = g_strdup_printf ("%s/old-%d", files->folder, i);
    /* not every file system can; files that are moved all the same need none */
    new[i] = link (files->places[i], old[i]) != 0 && errno == ENOENT;
  }
  /* the model last: who waits for it finds the others */
  for (i = TRANSFER_N_FILES - 1; ok && i >= 0; i--) {
    ok = g_rename (files->drafts[i], files->places[i]) == 0;
    moved[i] = ok;
  }
  if (!ok) {
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
        "cannot write %s: %s", files->places[MAX (i, 0)], g_strerror (errno));
    for (i = 0; i < TRANSFER_N_FILES; i++)
      if (moved[i] && g_rename (old[i], files->places[i]) != 0 && new[i])
        g_unlink (files->places[i]);
  }
  for (i = 0; i < TRANSFER_N_FILES; i++) {
    g_unlink (old[i]);
    g_free (old[i]);
  }
  return ok;
}

void
transfer_files_clear (TransferFiles * files)
{
  gint i;

  for (i = 0; i < TRANSFER_N_FILES; i++) {
    if (files->drafts[i])
      g_unlink (files->drafts[i]);
    g_free (files->drafts[i]);
    g_free (files->places[i]);
  }
  if (files->folder)
    g_rmdir (files->folder);
  g_free (files->folder);
  g_free (files->base);
  memset (files, 0, sizeof *files);
}
