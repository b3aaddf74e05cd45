/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The files of a new classifier: model, labels, .modelinfo.  They are written into a
 * hidden folder beside their places, checked there, and moved: what is there under
 * their names is complete at every moment, and all the old or all the new.
 */
#pragma once

#include "model/head.h"
#include "train.h"

G_BEGIN_DECLS

typedef enum
{
  TRANSFER_MODEL, TRANSFER_LABELS, TRANSFER_INFO, TRANSFER_N_FILES
} TransferFile;

typedef struct
{
  gchar *base;
  gchar *places[TRANSFER_N_FILES];
  gchar *folder;                /* hidden; NULL: none now */
  gchar *drafts[TRANSFER_N_FILES];      /* in it */
} TransferFiles;

/* Where the files of a model of this name go.  FALSE and a sentence where they cannot be
 * written, or would replace files of the base. */
gboolean transfer_files_plan (TransferFiles * files, const gchar * base,
    const gchar * out, GError ** error);

/* Makes the drafts. */
gboolean transfer_files_write (TransferFiles * files, const DcnHead * head,
    gchar ** labels, const TransferLayer * layer, GError ** error);

/* The drafts take their places.  Without: clear leaves nothing behind. */
gboolean transfer_files_publish (TransferFiles * files, GError ** error);
void transfer_files_clear (TransferFiles * files);

G_END_DECLS
