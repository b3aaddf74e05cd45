/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guards a class against tolerances: where it leads by little, the frame is run again
 * without them.
 */
#pragma once

#include "model.h"

G_BEGIN_DECLS

typedef struct
{
  gdouble margin;               /* 0: off; a lead up to this is too small, 1: any */
  /* of the last exact result */
  gboolean narrow;              /* its class led by too little */
  guint best;                   /* its class */
} GstDeltaCnnGuard;

typedef struct
{
  DcnRunInfo run;               /* of both runs together; full and exact are those of the last */
  gboolean redone;              /* there were two */
} GstDeltaCnnGuarded;

/* As dcn_state_run() with DCN_MODE_DELTA, and
 *   - once more with DCN_MODE_EXACT, where the class leads by too little, or is not
 *     that of the last exact result;
 *   - only so, where the last exact result's class led by too little: where two classes
 *     are next to each other, frame after frame, nothing is computed twice.
 * A guard is of one state: before the state's first run, and when the state is reset, it
 * is all 0 but for the margin.  outputs: [n_classes], set. */
void gst_delta_cnn_guard_run (GstDeltaCnnGuard * guard,
    const GstDeltaCnnModel * model, DcnState * state, const guint8 * touched,
    gint threads, float *outputs, GstDeltaCnnGuarded * info);

G_END_DECLS
