/* deltacnn tests: a folder for the files that a test makes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>

/* A new, empty folder for temporary files; fails the test where there can be none. */
char *test_folder_new(void);

/* Removes the folder and the files in it, and frees its name. */
void test_folder_remove(char *folder);
