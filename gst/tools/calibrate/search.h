/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Looks for the tolerances that cost least and keep the agreement.
 */
#pragma once

#include "space.h"

G_BEGIN_DECLS

typedef struct
{
  double *tolerances;           /* [n_values of the program]; < 0: not to be named; owned */
  gdouble margin;               /* guard.h */
  CalResult global;             /* the best single tolerance for all values, as searched on */
  gdouble global_tolerance, global_margin;
  CalResult final;              /* all frames, in order */
  guint trials;
} CalFound;

/* Deterministic, but for the end of the time.  FALSE where it was interrupted. */
gboolean cal_search (CalRunner * runner, const CalFrames * frames,
    const CalSearchSettings * settings, CalFound * found);
void cal_found_clear (CalFound * found);

G_END_DECLS
