/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How often a classifier is right: of frames, and of clips, whose class is the one with
 * the largest mean of its frames' confidences.
 */
#pragma once

#include "clips.h"

G_BEGIN_DECLS

typedef struct
{
  guint n_classes;
  guint *frames, *clips;        /* [n_classes of the truth][n_classes as classified], owned */
} TransferConfusion;

/* Adds a clip.  scores: [n][n_classes]; sure: they are confidences, else a softmax makes
 * them so. */
void transfer_confusion_add (TransferConfusion * confusion, guint truth,
    const float *scores, guint n, gboolean sure);
void transfer_confusion_init (TransferConfusion * confusion, guint n_classes);
void transfer_confusion_clear (TransferConfusion * confusion);

/* Share on the diagonal. */
gdouble transfer_confusion_right (const guint * counts, guint n_classes);
/* Both tables, on stdout; of many classes a line each, with what they are taken for. */
void transfer_confusion_print (const TransferConfusion * confusion,
    gchar ** labels);

G_END_DECLS
