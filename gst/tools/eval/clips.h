/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The clips of a tree (common/clip-tree.h), and what each is for the model.  A file
 * classInd.txt beside a list or in the tree has the numbers of classes, a line each:
 * 3 Class
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  gchar *path;                  /* owned, as is the next */
  gchar *name;                  /* below DIR */
  const gchar *class_name;      /* in classes */
  gint label;                   /* index of the class among the model's outputs */
} EvalClip;

typedef struct
{
  GPtrArray *clips;             /* of EvalClip, in the order of the list, or of the tree */
  GPtrArray *classes;           /* of gchar *, the folders' names, each once */
  GPtrArray *unknown;           /* of gchar *, classes left out because the model has none of that name */
  guint n_left_out;             /* clips of these */
  guint n_found;                /* clips before the limit */
} EvalClips;

/* What to take. */
typedef struct
{
  const gchar *dir;
  const gchar *list;            /* a file's path, or its name in dir; NULL: all clips of the tree */
  gchar **labels;               /* the model's; NULL: classInd.txt has the numbers */
  guint n_labels;               /* outputs of the model */
  const gchar *model;           /* for sentences */
  gboolean skip_unknown;        /* leave out clips of classes that are no label of the model */
  guint limit;                  /* take so many, spread evenly; 0: all */
} EvalWhich;

/* Every clip exists and has a label of the model.  NULL and a sentence for the user
 * otherwise, and where there is none. */
EvalClips *eval_clips_find (const EvalWhich * which, GError ** error);
void eval_clips_free (EvalClips * clips);

G_END_DECLS
