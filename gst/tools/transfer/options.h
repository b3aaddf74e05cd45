/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-transfer was asked for.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gchar *model, *clips, *out, *list, *features; /* owned; the last two may be NULL */
  gint step, seed, threads;
  gint layers;                  /* 0: as validation likes best; -1: all */
  gdouble validation;           /* share */
  gdouble l2;                   /* -1: as validation likes best */
  gboolean skip, quiet, no_refit;
} TransferOptions;

/* o: zeros, and to be cleared in error, too.  FALSE and a sentence. */
gboolean transfer_options_parse (TransferOptions * o, int *argc, char ***argv,
    GError ** error);
void transfer_options_clear (TransferOptions * o);

G_END_DECLS
