/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The clips that deltacnn-transfer learns from: a folder per class, and which of them
 * are kept back to validate on.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a network said of some frames of a clip. */
typedef struct
{
  guint n, width;
  float *values;                /* [n][width], owned */
  guint *frames;                /* [n] index in the clip, owned */
} TransferRows;

typedef struct
{
  gchar *path;
  gchar *name;                  /* Class/file, for people; UTF-8 */
  gchar *group;                 /* clips of one group are alike: never on both sides */
  guint label;
  gboolean validation;
  TransferRows rows;            /* features */
  TransferRows spare;           /* those of another cut, or none */
} TransferClip;

typedef struct
{
  gchar **labels;               /* sorted; NULL-terminated */
  guint n_labels;
  GPtrArray *clips;             /* of TransferClip, sorted by class and name */
  guint n_skipped;
} TransferClips;

/* folder and list (or NULL, all of folder) as in common/clip-tree.h.  A group is
 * what stands between _g and _ in a name, of all classes; a clip without is a group of its
 * own.  NULL and a sentence in error. */
TransferClips *transfer_clips_find (const gchar * folder, const gchar * list,
    GError ** error);
void transfer_clips_free (TransferClips * clips);

/* Every class needs clips of two groups.  Called again after clips were taken out. */
gboolean transfer_clips_check (const TransferClips * clips, GError ** error);

/* Marks about this share of each class for validation, whole groups, at least one of
 * each class on both sides; follows from seed and names alone. */
gboolean transfer_clips_split (TransferClips * clips, gdouble share,
    guint32 seed, GError ** error);

void transfer_rows_clear (TransferRows * rows);

G_END_DECLS
