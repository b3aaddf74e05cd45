/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltacnn-bench tells: a table for people, JSON for programs.
 */
#pragma once

#include "measure.h"

G_BEGIN_DECLS

/* What was asked for; nothing here is owned. */
typedef struct
{
  const BenchSettings *settings;
  const gchar *clip;            /* or NULL: made frames of this sparsity */
  gdouble sparsity;
  gboolean layers;
} BenchAbout;

void bench_report_print (const BenchAbout * about, const BenchResult * result);

/* file "-": standard output.  FALSE and a sentence in error when it cannot be written. */
gboolean bench_report_write (const BenchAbout * about,
    const BenchResult * result, const gchar * file, GError ** error);

G_END_DECLS
