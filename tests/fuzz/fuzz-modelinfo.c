/* deltacnn tests: libFuzzer target of the files beside a model: key files and labels.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text gives values within what modelinfo.h says, or an error; and what writes tolerances and labels into it gives a
 * file that is read again, with these. */
#include "fuzz.h"
#include "model/modelinfo.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
check_error(gboolean good, GError **error)
{
  if (good == (*error != NULL) || (*error && !g_utf8_validate((*error)->message, -1, NULL)))
    abort();
  g_clear_error(error);
}

static void
check_info(const DcnModelInfo *info)
{
  GHashTableIter iter;
  gpointer name, value;
  if (!(info->margin >= 0 && info->margin <= 1) || !(info->crop_fraction > 0) ||
      info->crop_fraction > 1 || info->n_ranges > 4 || info->height < 0 || info->width < 0)
    abort();
  for (int i = 0; info->has_ranges && i < info->n_ranges; i++)
    if (!isfinite(info->range_min[i]) || !isfinite(info->range_max[i]))
      abort();
  g_hash_table_iter_init(&iter, info->tolerances);
  while (g_hash_table_iter_next(&iter, &name, &value))
    if (!(*(double *)value >= 0) || !isfinite(*(double *)value))
      abort();
}

/* A file of that text, under a name of its own. */
static int
file_of(const void *data, size_t size, char path[40])
{
  const int file = memfd_create("text", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != (ssize_t)size)
    abort();
  g_snprintf(path, 40, "/proc/self/fd/%d", file);
  return file;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  const char *text = (const char *)data;
  GError *error = NULL;
  DcnModelInfo *info = NULL;
  for (int channels = 0; channels <= 3; channels += 3) {
    info = dcn_modelinfo_parse("fuzz.modelinfo", text, size, "input", channels, &error);
    if (info)
      check_info(info);
    check_error(info != NULL, &error);
    if (channels == 0)
      dcn_modelinfo_free(info);
  }

  char *terminated = g_strndup(text, size);
  char *derived = dcn_modelinfo_derive("fuzz.modelinfo", terminated, "names.txt", "output",
                                       (const int[]){1, 3}, 2, &error);
  check_error(derived != NULL, &error);
  if (derived) {
    DcnModelInfo *again =
        dcn_modelinfo_parse("derived.modelinfo", derived, strlen(derived), "input", 0, &error);
    if (again && (!again->labels_file || !g_str_has_suffix(again->labels_file, "names.txt")))
      abort();
    check_error(again != NULL, &error);
    dcn_modelinfo_free(again);
  }
  g_free(derived);
  g_free(terminated);
  dcn_modelinfo_free(info);

  char path[40];
  const int file = file_of(data, size, path);
  int lines = 1;
  for (size_t i = 0; i < size; i++)
    lines += data[i] == '\n';
  for (int n = lines - 1; n <= lines; n++) {
    char **labels = dcn_labels_load(path, n, &error);
    if (labels && (int)g_strv_length(labels) != n)
      abort();
    check_error(labels != NULL, &error);
    g_strfreev(labels);
  }
  close(file);
  return 0;
}
