/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What each op of a network did, summed over frames.
 */
#pragma once

#include "classify.h"

G_BEGIN_DECLS

/* Of one op, sums over frames. */
typedef struct
{
  guint64 ns, macs, inputs_changed, blocks_igemm, blocks_dgemm;
  guint64 runs;                 /* frames for which it had anything to do */
  /* Of the study's convolutions, as in DcnStudyTimes. */
  guint64 unfold_ns, dense_product_ns, to_sparse_ns, sparse_product_ns;
  guint64 nonzeros, elements;
  guint64 unfolded_runs, sparse_runs;   /* frames done in either way */
} OpSums;

/* Adds what the classifier's last run did to ops [n_ops of its program]; nothing where
 * that frame was REUSED, whose statistics are those of an earlier one. */
void op_sums_add_run (OpSums * ops, GstDeltaCnnClassifier * classifier,
    GstDeltaCnnReuse reuse);

/* Adds other sums. */
void op_sums_add (OpSums * ops, const OpSums * others, gint n_ops);

G_END_DECLS
