/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * guard: frames whose class hangs by a thread are run with less tolerance, or none
 */

#include "guard.h"

#include <math.h>

/* Of the tolerances that a lead would just bear, this share is taken: so that it may shrink
 * to as much of itself before a frame is run again. */
#define KEEP 0.8
/* Less than this share of the tolerances hardly saves anything over none. */
#define LEAST 0.25

/* Errors of the scores grow in proportion to tolerances; what is in proportion to scores, of
 * what confidences are e to the power of, is the inverse of tanh (see
 * gst_delta_cnn_model_lead()). */
static gdouble
share_borne (const GstDeltaCnnGuard * guard, gdouble lead)
{
  gdouble share;

  if (guard->margin >= 1.0)
    return 0.0;
  if (lead >= 1.0)
    return 1.0;
  share = KEEP * atanh (lead) / atanh (guard->margin);
  return share < LEAST ? 0.0 : MIN (share, 1.0);
}

gdouble
gst_delta_cnn_guard_passed (const GstDeltaCnnGuard * guard)
{
  return guard->margin >= 1.0 ? 1.0 :
      tanh ((1.0 - guard->tightened) * atanh (guard->margin));
}

/* Whether what tolerances led to has to be made sure of.  What may be let pass from now on is
 * remembered. */
static gboolean
doubts (GstDeltaCnnGuard * guard, const GstDeltaCnnModel * model,
    const float *outputs, gboolean exact)
{
  guint best;
  gdouble lead = gst_delta_cnn_model_lead (model, outputs, &best);
  gdouble tightened = 1.0 - share_borne (guard, lead);

  if (!exact) {
    if (lead <= gst_delta_cnn_guard_passed (guard) || best != guard->best)
      return TRUE;
    /* never back, as what was let pass stays */
    guard->tightened = MIN (guard->tightened, tightened);
    return FALSE;
  }
  guard->tightened = tightened;
  guard->best = best;
  return FALSE;
}

void
gst_delta_cnn_guard_run (GstDeltaCnnGuard * guard,
    const GstDeltaCnnModel * model, DcnState * state, const guint8 * touched,
    const uint64_t * near, gint threads, float *outputs,
    GstDeltaCnnGuarded * info)
{
  gboolean on = guard->margin > 0.0;
  DcnRunInfo first;

  info->redone = FALSE;
  info->passed = on ? gst_delta_cnn_guard_passed (guard) : 0.0;
  dcn_state_scale_tolerances (state, on ? 1.0 - guard->tightened : 1.0);
  dcn_state_run_near (state, touched, near,
      on && guard->tightened >= 1.0 ? DCN_MODE_EXACT : DCN_MODE_DELTA, threads,
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
