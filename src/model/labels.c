/* deltacnn: reads the file that names a classifier's outputs.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/modelinfo.h"
#include "util/error.h"
#include <string.h>

char **
dcn_labels_load(const char *path, int n_expected, GError **error)
{
  GError *reason = NULL;
  char *text = NULL;
  size_t size = 0;
  char **lines = NULL;
  int n;

  if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "the labels file %s is not a file", path);
    return NULL;
  }
  if (!g_file_get_contents(path, &text, &size, &reason)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the labels file: %s", reason->message);
    g_clear_error(&reason);
    return NULL;
  }
  /* A byte order mark is no part of the first label. */
  const char *start = g_str_has_prefix(text, "\xef\xbb\xbf") ? text + 3 : text;
  if (!g_utf8_validate(start, size - (start - text), NULL)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "the labels file %s is not UTF-8 text", path);
    goto out;
  }
  lines = g_strsplit(start, "\n", -1);
  n = (int)g_strv_length(lines);
  for (int i = 0; i < n; i++)
    g_strchomp(lines[i]);
  while (n > 0 && *lines[n - 1] == '\0')
    g_clear_pointer(&lines[--n], g_free);
  /* More are a mistake as well: a line too many at the top, and every name is one off. */
  if (n != n_expected) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "the labels file %s has %d line%s, but the model has %d output%s to name", path, n,
                n == 1 ? "" : "s", n_expected, n_expected == 1 ? "" : "s");
    g_clear_pointer(&lines, g_strfreev);
  }
out:
  g_free(text);
  return lines;
}
