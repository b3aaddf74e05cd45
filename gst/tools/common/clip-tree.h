/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Trees of clips as UCF101's: a folder per class, named like it, and lists of the clips:
 *
 *   DIR/Class/v_Class_g01_c01.avi
 *   testlist01.txt     a line per clip: Class/v_Class_g01_c01.avi
 *   trainlist01.txt    the same, with the number of the class: Class/v_....avi 3
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Names in a folder, sorted, of what test holds for, without hidden ones.  NULL and an
 * error where it cannot be read. */
GPtrArray *clip_tree_read_folder (const gchar * folder, GFileTest test,
    GError ** error);

/* A text file's lines, without white space at their ends.  NULL and an error where it
 * cannot be read or is not text in UTF-8. */
gchar **clip_tree_read_lines (const gchar * file, GError ** error);

/* Decimal digits only, up to eight. */
gboolean clip_tree_is_number (const gchar * text);

/* One line of a list; nothing here is owned. */
typedef struct
{
  const gchar *name;            /* of the clip, below dir: it is a file */
  const gchar *class_name;      /* the folder that it is in */
  gint number;                  /* of the class; 0: none was given */
  const gchar *where;           /* "list, line 3", for errors */
} ClipTreeLine;

typedef gboolean (*ClipTreeLineFunc) (const ClipTreeLine * line,
    gpointer user_data, GError ** error);

/* Hands out the lines of a list in their order, until func returns FALSE.  FALSE and a
 * sentence also where a line is not a clip below dir in a folder, and where there is
 * none. */
gboolean clip_tree_read_list (const gchar * dir, const gchar * list,
    ClipTreeLineFunc func, gpointer user_data, GError ** error);

G_END_DECLS
