/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is searched through: a tolerance for each group of values, and a margin; and what
 * keeps the agreement.
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
  void (*progress) (const gchar * doing, gpointer user_data);
  gpointer user_data;
} CalSearchSettings;

#define CAL_LOWEST 0.001
#define CAL_HIGHEST 1.0

typedef struct
{
  CalRunner *runner;
  const CalFrames *frames;
  const CalSearchSettings *settings;
  const DcnProgram *program;
  gint *group;                  /* [n_values] number of the value's group, or -1 */
  guint n_groups;
  double *shape;                /* [n_values] what a group's tolerance is multiplied by for each */
  gboolean all;                 /* also the frames held out */
  guint *weights;               /* [n_runs] else: of CalTrial; or NULL */
  guint trials;
} CalSpace;

typedef struct
{
  double *by_group;             /* [n_groups]; owned */
  gdouble margin;               /* guard.h */
  gdouble cost;                 /* G_MAXDOUBLE: not known to keep the agreement */
  CalResult result;             /* where it is */
} CalPoint;

void cal_space_init (CalSpace * space, CalRunner * runner,
    const CalFrames * frames, const CalSearchSettings * settings);
void cal_space_clear (CalSpace * space);

/* tolerance: of all groups. */
CalPoint *cal_point_new (const CalSpace * space, double tolerance,
    gdouble margin);
CalPoint *cal_point_copy (const CalSpace * space, const CalPoint * point);
void cal_point_free (CalPoint * point);
void cal_point_scale (const CalSpace * space, CalPoint * point, double factor);

/* [n_values], as a trial and the .modelinfo have them.  Free with g_free(). */
double *cal_point_spread_out (const CalSpace * space, const CalPoint * point,
    double factor);

/* From a trial of a point on all frames to search on: what is hard stays, of the rest of the
 * runs some stand for the others, where there are more frames than need be. */
gboolean cal_space_thin_out (CalSpace * space, const CalPoint * point);

/* Tries n points, each times its factor, at once.  point_the_way: all frames there are
 * to try on, however many differ.  most_cost: as CalTrial, 0 for any.  FALSE where it was
 * interrupted. */
gboolean cal_space_try (CalSpace * space, const CalPoint * const *points,
    const double *factors, guint n, gboolean point_the_way, gdouble most_cost,
    CalResult * results);

/* Whether a result, which was not to point the way, keeps the agreement. */
gboolean cal_space_keeps (const CalSpace * space, const CalResult * result);

/* Looks for the multiple of from that costs least and keeps the agreement, ratio being
 * the first step.  Where that costs less than best, best becomes it; *better, which may be
 * NULL, says so.  FALSE where it was interrupted. */
gboolean cal_line_search (CalSpace * space, const CalPoint * from,
    double ratio, CalPoint * best, gboolean * better);

G_END_DECLS
