/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guards a class against tolerances: where it leads by too little, the frame is run again
 * without them, and those after it with less.
 */
#pragma once

#include "model.h"

G_BEGIN_DECLS

typedef struct
{
  gdouble margin;               /* 0: off; a lead up to this is too small, 1: any */
  gdouble tightened;            /* 0: tolerances as they are set, 1: none; in between: less
                                 * by this share, and with them the lead that is too small */
  guint best;                   /* class of the last exact result */
} GstDeltaCnnGuard;

typedef struct
{
  DcnRunInfo run;               /* of both runs together; full and exact are those of the last */
  gboolean redone;              /* there were two */
  gdouble passed;               /* the first had to lead by more than this */
} GstDeltaCnnGuarded;

/* As dcn_state_run_near() with DCN_MODE_DELTA, and once more with DCN_MODE_EXACT, where the class
 * leads by too little, or is not that of the last exact result.  Where two classes are next
 * to each other, frame after frame, tolerances are made smaller, in proportion to the lead,
 * so that hardly anything is computed twice; and larger again as the lead grows.
 * A guard is of one state: before the state's first run, and when the state is reset, it
 * is all 0 but for the margin.  outputs: [n_classes], set. */
void gst_delta_cnn_guard_run (GstDeltaCnnGuard * guard,
    const GstDeltaCnnModel * model, DcnState * state, const guint8 * touched,
    const uint64_t * near, gint threads, float *outputs,
    GstDeltaCnnGuarded * info);

/* The lead that is too small at present. */
gdouble gst_delta_cnn_guard_passed (const GstDeltaCnnGuard * guard);

G_END_DECLS
