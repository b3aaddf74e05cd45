/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "op-sums.h"

static void
add_study (const DcnStudyTimes * times, OpSums * op)
{
  guint64 unfolded = times->unfold_ns + times->dense_product_ns;
  guint64 sparse = times->to_sparse_ns + times->sparse_product_ns;

  op->unfold_ns += times->unfold_ns;
  op->dense_product_ns += times->dense_product_ns;
  op->to_sparse_ns += times->to_sparse_ns;
  op->sparse_product_ns += times->sparse_product_ns;
  op->nonzeros += times->nonzeros;
  op->elements += times->elements;
  op->unfolded_runs += unfolded > 0;
  op->sparse_runs += sparse > 0;
}

void
op_sums_add_run (OpSums * ops, GstDeltaCnnClassifier * classifier,
    GstDeltaCnnReuse reuse)
{
  const DcnOpStat *stats =
      dcn_state_op_stats (gst_delta_cnn_classifier_get_state (classifier));
  const DcnStudyTimes *study =
      gst_delta_cnn_classifier_get_study_times (classifier);
  gint i, n_ops =
      dcn_net_program (gst_delta_cnn_classifier_get_net (classifier))->n_ops;

  if (reuse == GST_DELTA_CNN_REUSE_REUSED)
    return;
  for (i = 0; i < n_ops; i++) {
    ops[i].ns += stats[i].ns;
    ops[i].macs += stats[i].macs;
    ops[i].inputs_changed += stats[i].inputs_changed;
    ops[i].blocks_igemm += stats[i].blocks_igemm;
    ops[i].blocks_dgemm += stats[i].blocks_dgemm;
    ops[i].runs += stats[i].ns > 0;
    if (study)
      add_study (&study[i], &ops[i]);
  }
}

void
op_sums_add (OpSums * ops, const OpSums * others, gint n_ops)
{
  gint i;

  for (i = 0; i < n_ops; i++) {
    ops[i].ns += others[i].ns;
    ops[i].macs += others[i].macs;
    ops[i].inputs_changed += others[i].inputs_changed;
    ops[i].blocks_igemm += others[i].blocks_igemm;
    ops[i].blocks_dgemm += others[i].blocks_dgemm;
    ops[i].runs += others[i].runs;
    ops[i].unfold_ns += others[i].unfold_ns;
    ops[i].dense_product_ns += others[i].dense_product_ns;
    ops[i].to_sparse_ns += others[i].to_sparse_ns;
    ops[i].sparse_product_ns += others[i].sparse_product_ns;
    ops[i].nonzeros += others[i].nonzeros;
    ops[i].elements += others[i].elements;
    ops[i].unfolded_runs += others[i].unfolded_runs;
    ops[i].sparse_runs += others[i].sparse_runs;
  }
}
