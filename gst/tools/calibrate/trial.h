/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What given tolerances would cost on the frames, and what they would do to the
 * results.
 */
#pragma once

#include "frames.h"

G_BEGIN_DECLS

/* Two measures: no one of them leads to less on all clips. */
#define CAL_RISKS 2

/* Over one kind of frames: those to search on, and those held out. */
typedef struct
{
  guint frames, differ;         /* differ: another class than in dense mode */
  guint unsure;                 /* tolerances made the class lead by so much more than in dense
                                 * mode that a class with no lead would have passed the margin:
                                 * all that differ, and those that were lucky */
  gdouble risk[CAL_RISKS];      /* mean over frames of what the class loses of its lead,
                                 * squared and in proportion: to its lead and a typical one;
                                 * to its lead and itself, so that 1 is the most */
  gdouble mean_error;           /* rms difference of the scores, in CalFrames.spread */
  gdouble max_error;            /* largest difference of a score, the same */
} CalKind;

typedef struct
{
  CalKind searched, held_out;
  guint partial;                /* frames that followed another, which the next two are of */
  gdouble cost;                 /* of such a frame, modelled, share of a full run's time */
  gdouble macs;                 /* the same, share of a dense frame's multiplies; of each frame
                                 * alike, whatever the weights */
  gdouble ns;                   /* the same, measured, network only */
  guint redone;                 /* of them, run again without tolerances */
  gboolean complete;            /* FALSE: given up, as more differ or are unsure than may, it costs
                                 * too much, or time is over; the rest is of no use then */
  gboolean too_costly;          /* the second of these */
} CalResult;

/* One op, summed up over partial frames. */
typedef struct
{
  guint64 macs;
} CalOp;

typedef struct
{
  const double *tolerances;     /* [n_values of the program]; < 0: not given */
  gdouble margin;               /* guard.h */
  gboolean all;                 /* also the frames held out */
  const guint *weights;         /* else, [n_runs] for how many each run of frames stands, 0: is
                                 * left out; NULL: 1 */
  guint most_differ, most_unsure;       /* G_MAXUINT: any number */
  gdouble most_cost;            /* CalResult.cost; 0: any */
  CalOp *ops;                   /* [n_ops] to add to, or NULL */
  gdouble *hardness;            /* [n_runs] to add to, or NULL: how much frames lose of the
                                 * margin, and how many are run again */
} CalTrial;

typedef struct _CalRunner CalRunner;

/* Ends all soon once tool_is_interrupted(). */
CalRunner *cal_runner_new (const CalFrames * frames, gint threads,
    GError ** error);
void cal_runner_free (CalRunner * runner);
gint cal_runner_get_threads (CalRunner * runner);

/* Trials are given up from then on; monotonic time, 0: never. */
void cal_runner_set_deadline (CalRunner * runner, gint64 deadline);
gboolean cal_runner_is_late (CalRunner * runner);

/* Each trial in one thread, several at once; what comes out does not depend on how
 * many.  FALSE where it was interrupted.  Those that were given up are not complete. */
gboolean cal_runner_run (CalRunner * runner, const CalTrial * trials,
    CalResult * results, guint n);

/* All threads on one trial; ns means something then. */
gboolean cal_runner_time (CalRunner * runner, const CalTrial * trial,
    CalResult * result);
/* Median of dense runs of the network, ns. */
gdouble cal_runner_time_dense (CalRunner * runner);

G_END_DECLS
