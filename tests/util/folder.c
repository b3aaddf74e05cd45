/* deltacnn tests: a folder for the files that a test makes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "folder.h"
#include <glib/gstdio.h>

char *
test_folder_new(void)
{
  GError *error = NULL;
  char *folder = g_dir_make_tmp("deltacnn-XXXXXX", &error);
  g_assert_no_error(error);
  return folder;
}

void
test_folder_remove(char *folder)
{
  GDir *dir = g_dir_open(folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    char *path = g_build_filename(folder, name, NULL);
    g_remove(path);
    g_free(path);
  }
  if (dir)
    g_dir_close(dir);
  g_rmdir(folder);
  g_free(folder);
}
