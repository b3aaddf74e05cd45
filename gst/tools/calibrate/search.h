/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks for the tolerances that cost least and keep the agreement.
 */
#pragma once

#include "trial.h"

G_BEGIN_DECLS

typedef struct
{
  gdouble agreement;            /* share of frames that must keep their class; of those searched
                                 * on and of those held out, alone, less by part of a frame */
  gdouble error;                /* most of CalKind.mean_error */
  gint64 deadline;              /* monotonic: what was found until then is kept; 0: none */
  void (*progress) (const gchar * doing, gdouble done, gpointer user_data);
  gpointer user_data;
} CalSearchSettings;

typedef struct
{
  double *tolerances;           /* [n_values of the program]; < 0: not to be named; owned */
  gdouble margin;               /* guard.h */
  CalResult global;             /* the best single tolerance for all values, as searched on */
  gdouble global_tolerance, global_margin;
  CalResult final;              /* all frames, in order */
  guint trials;
  gboolean narrowed;            /* made smaller, because the frames held out asked for it */
} CalFound;

/* Deterministic, but for the end of the time.  FALSE where the runner was stopped. */
gboolean cal_search (CalRunner * runner, const CalFrames * frames,
    const CalSearchSettings * settings, CalFound * found);
void cal_found_clear (CalFound * found);

G_END_DECLS
