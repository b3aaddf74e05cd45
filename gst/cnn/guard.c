/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * guard: frames whose class hangs by a thread are run without tolerances
 */

#include "guard.h"

/* Whether what tolerances led to has to be made sure of.  What is exact is remembered. */
static gboolean
doubts (GstDeltaCnnGuard * guard, const GstDeltaCnnModel * model,
    const float *outputs, gboolean exact)
{
  guint best;
  gdouble lead = gst_delta_cnn_model_lead (model, outputs, &best);
  gboolean narrow = lead <= guard->margin;

  if (!exact)
    return narrow || best != guard->best;
  guard->narrow = narrow;
  guard->best = best;
  return FALSE;
}

void
gst_delta_cnn_guard_run (GstDeltaCnnGuard * guard,
    const GstDeltaCnnModel * model, DcnState * state, const guint8 * touched,
    gint threads, float *outputs, GstDeltaCnnGuarded * info)
{
  gboolean on = guard->margin > 0.0;
  DcnRunInfo first;

  info->redone = FALSE;
  dcn_state_run (state, touched,
      on && guard->narrow ? DCN_MODE_EXACT : DCN_MODE_DELTA, threads,
      &info->run);
  dcn_state_output (state, 0, outputs);
  if (!on || !doubts (guard, model, outputs, info->run.exact))
    return;
  first = info->run;
  info->redone = TRUE;
  dcn_state_run (state, NULL, DCN_MODE_EXACT, threads, &info->run);
  dcn_state_output (state, 0, outputs);
  doubts (guard, model, outputs, TRUE);
  info->run.macs += first.macs;
  info->run.cost += first.cost;
  /* of what was propagated twice, the second time is nothing new */
  info->run.values_changed = MAX (info->run.values_changed,
      first.values_changed);
  info->run.reused = FALSE;
}
