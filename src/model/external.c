/* deltacnn: tensor data in the model's file, and in files beside it.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tensor.h"
#include "util/error.h"
#include <string.h>

/* So many files are kept open; a process may have few, and exporters write one for each constant. */
#define KEPT_OPEN 16

struct _DcnExternal {
  char *folder;      /* NULL: none */
  DcnSource *source; /* the model's; may be NULL */
  GHashTable *files; /* location -> DcnSource */
};

DcnExternal *
dcn_external_new(const char *folder, DcnSource *source)
{
  DcnExternal *external = g_new0(DcnExternal, 1);
  external->folder = g_strdup(folder);
  external->source = source ? dcn_source_ref(source) : NULL;
  external->files =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)dcn_source_unref);
  return external;
}

void
dcn_external_free(DcnExternal *external)
{
  if (!external)
    return;
  g_hash_table_unref(external->files);
  dcn_source_unref(external->source);
  g_free(external->folder);
  g_free(external);
}

/* A model may name files in its own folder and below, and no others: it must not read what it
 * likes. */
static gboolean
location_is_safe(const char *location)
{
  if (*location == '\0' || g_path_is_absolute(location) || strchr(location, '\\') ||
      strchr(location, ':'))
    return FALSE;
  char **parts = g_strsplit(location, "/", -1);
  gboolean safe = TRUE;
  for (int i = 0; parts[i]; i++)
    if (strcmp(parts[i], "..") == 0)
      safe = FALSE;
  g_strfreev(parts);
  return safe;
}

static DcnSource *
open_file(DcnExternal *external, const char *location, GError **error)
{
  DcnSource *file = g_hash_table_lookup(external->files, location);
  if (file)
    return file;
  char *path = g_build_filename(external->folder, location, NULL);
  GError *reason = NULL;
  if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "the model's data file %s is missing", path);
  } else if (!(file = g_hash_table_size(external->files) < KEPT_OPEN
                          ? dcn_source_open(path, &reason)
                          : dcn_source_open_for_each(path, &reason))) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model's data file %s: %s", path,
                reason->message);
    g_clear_error(&reason);
  } else {
    g_hash_table_insert(external->files, g_strdup(location), file);
  }
  g_free(path);
  return file;
}

static gboolean
find_place(DcnExternal *external, const Dcn__Onnx__Tensor *proto, DcnSource **source, size_t *at,
           size_t *size, GError **error)
{
  const size_t total = external && external->source ? dcn_source_size(external->source) : 0;
  if (proto->place_begin > total || proto->place_size > total - proto->place_begin) {
    g_set_error_literal(error, DCN_ERROR, DCN_ERROR_INVALID,
                        "a constant's place in the model is not there");
    return FALSE;
  }
  *source = external ? external->source : NULL;
  *at = (size_t)proto->place_begin;
  *size = (size_t)proto->place_size;
  return TRUE;
}

gboolean
dcn_external_find(DcnExternal *external, const Dcn__Onnx__Tensor *proto, DcnSource **source,
                  size_t *at, size_t *size, GError **error)
{
  const char *location = "";
  guint64 offset = 0, length = 0;
  gboolean has_length = FALSE, ok = TRUE;
  char *valid;

  if (proto->data_location != 1)
    return find_place(external, proto, source, at, size, error);
  for (size_t i = 0; i < proto->n_external_data; i++) {
    const char *key = proto->external_data[i]->key ? proto->external_data[i]->key : "";
    const char *value = proto->external_data[i]->value ? proto->external_data[i]->value : "";
    if (strcmp(key, "location") == 0) {
      location = value;
    } else if (strcmp(key, "offset") == 0) {
      ok = ok && g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &offset, NULL);
    } else if (strcmp(key, "length") == 0) {
      ok = ok && g_ascii_string_to_unsigned(value, 10, 0, G_MAXINT64, &length, NULL);
      has_length = TRUE;
    }
  }
  valid = g_utf8_make_valid(location, -1);
  if (!ok) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "offset or length in the data file \"%s\" is not a number", valid);
  } else if (!external || !external->folder) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED,
                "the model's data is in another file (%s), which cannot be found from here", valid);
    ok = FALSE;
  } else if (!location_is_safe(location)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "the model refers to data outside of its own folder (\"%s\"); that is refused",
                valid);
    ok = FALSE;
  } else {
    DcnSource *file = open_file(external, location, error);
    const size_t total = file ? dcn_source_size(file) : 0;
    ok = file != NULL;
    if (ok && (offset > total || (has_length && length > total - offset))) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "the model's data file \"%s\" is too short",
                  valid);
      ok = FALSE;
    }
    if (ok) {
      *source = file;
      *at = (size_t)offset;
      *size = (size_t)(has_length ? length : total - offset);
    }
  }
  g_free(valid);
  return ok;
}
