/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-eval tells: a table for people, CSV and JSON for programs.
 */
#pragma once

#include "common/layer-times.h"
#include "measure.h"

G_BEGIN_DECLS

/* What was asked for; nothing here is owned. */
typedef struct
{
  const gchar *model, *dir, *list;      /* list may be NULL */
  gchar **labels;               /* [n_labels], or NULL: numbers */
  guint n_labels;
  gint threads;                 /* really used */
  gboolean layers;
} EvalAbout;

void eval_report_print (const EvalAbout * about, const EvalResult * result);

/* Each writes a whole file or none; "-" is standard output.  FALSE and a sentence in
 * error.
 * csv     a row per way
 * layers  a row per way and layer
 * frames  a row per way and frame
 * json    all but the frames */
gboolean eval_write_csv (const EvalResult * result, const gchar * file,
    GError ** error);
gboolean eval_write_layers_csv (const EvalResult * result, const gchar * file,
    GError ** error);
gboolean eval_write_frames_csv (const EvalAbout * about,
    const EvalResult * result, const gchar * file, GError ** error);
gboolean eval_write_json (const EvalAbout * about, const EvalResult * result,
    const gchar * file, GError ** error);

/* Layers of a way, with dense beside them.  Free with g_array_unref(). */
GArray *eval_layers (const EvalResult * result, guint way);

G_END_DECLS
