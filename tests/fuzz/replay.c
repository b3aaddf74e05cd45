/* deltacnn tests: runs a fuzz target once over every file of the folders named.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Also over damaged copies of each: cut short, and with single bits flipped at fixed places, so
 * that the ordinary test run sees bad input as well. */
#include "fuzz.h"
#include <glib.h>

static int n_runs;

static void
run_damaged(const uint8_t *bytes, size_t size)
{
  uint8_t *copy;
  for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
    /* An allocation of its own size, so that reading past the end shows. */
    copy = g_memdup2(bytes, cut);
    LLVMFuzzerTestOneInput(copy, cut);
    g_free(copy);
    n_runs++;
  }
  for (size_t at = 0; at < size; at += 1 + size / 150) {
    copy = g_memdup2(bytes, size);
    copy[at] ^= (uint8_t)(1 << at % 8);
    LLVMFuzzerTestOneInput(copy, size);
    g_free(copy);
    n_runs++;
  }
}

static void
test_folder(gconstpointer data)
{
  const char *folder = data, *name;
  GError *error = NULL;
  GDir *dir = g_dir_open(folder, 0, &error);
  int n_files = 0;
  g_assert_no_error(error);
  n_runs = 0;
  while ((name = g_dir_read_name(dir))) {
    char *path = g_build_filename(folder, name, NULL), *bytes;
    size_t size;
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    uint8_t *copy = g_memdup2(bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    run_damaged(copy, size);
    g_free(copy);
    g_free(bytes);
    g_free(path);
    n_files++;
  }
  g_dir_close(dir);
  g_test_message("%d files, %d damaged copies", n_files, n_runs);
  g_assert_cmpint(n_files, >, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (int i = 1; i < argc; i++) {
    char *base = g_path_get_basename(argv[i]), *path = g_strdup_printf("/fuzz/%s", base);
    g_test_add_data_func(path, argv[i], test_folder);
    g_free(path);
    g_free(base);
  }
  return g_test_run();
}
