/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What keeps the agreement is not only that the class stays.  Where it leads by far in all
 * the clips, it would stay with nearly any tolerances, and they would be wrong for the
 * first frame on which it does not.  So only so many frames may be unsure: with an error
 * larger than the margin, whether or not the class is another for it.  With errors that
 * are no larger it stays however little it leads.  Besides, the error of the scores has a
 * limit.
 */
#include "space.h"
#include "values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* For each frame that may differ, so many may be unsure: more do not hold where much is
 * different, as with another choice of full runs. */
#define UNSURE 1.5
/* Of the frames that may differ, and of the error, these shares are kept in reserve while
 * searching. */
#define RESERVE 0.25
#define ERROR_RESERVE 0.1
#define MOST_GROUPS 48
#define FEWEST_GROUPS 10
/* More frames than these tell little more while searching: of the runs of frames, these shares
 * that are the hardest are searched on, and of the rest every so many-th. */
#define ENOUGH_FRAMES 400
#define HARD_SHARE 0.2
#define EASY_STEP 5

void
cal_space_init (CalSpace * space, CalRunner * runner,
    const CalFrames * frames, const CalSearchSettings * settings)
{
  gdouble work = (gdouble) dcn_net_macs (frames->net) *
      (frames->frames->len - frames->n_held_out);
  gint i;

  memset (space, 0, sizeof *space);
  space->runner = runner;
  space->frames = frames;
  space->settings = settings;
  space->program = dcn_net_program (frames->net);
  space->group = g_new (gint, space->program->n_values);
  space->shape = g_new (double, space->program->n_values);
  for (i = 0; i < space->program->n_values; i++) {
    space->group[i] = -1;
    space->shape[i] = 1.0;
  }
  /* Large networks get fewer groups and fewer frames, so that a round still ends. */
  space->n_groups = cal_values_group (space->program,
      CLAMP ((guint) (1.5e12 / MAX (work, 1.0)), FEWEST_GROUPS, MOST_GROUPS),
      space->group);
}

void
cal_space_clear (CalSpace * space)
{
  g_clear_pointer (&space->group, g_free);
  g_clear_pointer (&space->shape, g_free);
  g_clear_pointer (&space->weights, g_free);
}

CalPoint *
cal_point_new (const CalSpace * space, double tolerance, gdouble margin)
{
  CalPoint *point = g_new0 (CalPoint, 1);
  guint i;

  point->by_group = g_new (double, MAX (space->n_groups, 1));
  for (i = 0; i < space->n_groups; i++)
    point->by_group[i] = tolerance;
  point->margin = margin;
  point->cost = G_MAXDOUBLE;
  return point;
}

CalPoint *
cal_point_copy (const CalSpace * space, const CalPoint * point)
{
  CalPoint *copy = g_memdup2 (point, sizeof *point);

  copy->by_group = g_memdup2 (point->by_group,
      MAX (space->n_groups, 1) * sizeof (double));
  return copy;
}

void
cal_point_free (CalPoint * point)
{
  if (!point)
    return;
  g_free (point->by_group);
  g_free (point);
}

void
cal_point_scale (const CalSpace * space, CalPoint * point, double factor)
{
  guint i;

  for (i = 0; i < space->n_groups; i++)
    point->by_group[i] *= factor;
}

/* What stands in the .modelinfo is what is tried. */
static double
rounded (double tolerance)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!(tolerance >= CAL_LOWEST / 2))
    return 0.0;
  g_ascii_formatd (text, sizeof text, "%.3g", MIN (tolerance, CAL_HIGHEST));
  return g_ascii_strtod (text, NULL);
}

double *
cal_point_spread_out (const CalSpace * space, const CalPoint * point,
    double factor)
{
  double *tolerances = g_new (double, space->program->n_values);
  gint i;

  for (i = 0; i < space->program->n_values; i++)
    tolerances[i] = space->group[i] < 0 ? -1.0 :
        rounded (point->by_group[space->group[i]] * space->shape[i] * factor);
  return tolerances;
}

/* Of few frames, a share of one counts as one. */
static guint
may_differ (const CalSpace * space, guint frames)
{
  return (guint) ceil (frames * (1.0 - space->settings->agreement) - 1e-9);
}

static guint
may_be_unsure (const CalSpace * space, guint frames)
{
  return (guint) ceil (frames * (1.0 - space->settings->agreement) * UNSURE -
      1e-9);
}

/* How many of the frames that a trial is of. */
static void
set_limits (const CalSpace * space, CalTrial * trial)
{
  guint held_out = space->frames->n_held_out;
  guint all = space->frames->frames->len, searched = all - held_out;
  gdouble lost = 1.0 - space->settings->agreement;

  if (space->all) {
    trial->most_differ = (guint) floor (all * lost + 1e-9);
    trial->most_unsure = may_be_unsure (space, searched) +
        may_be_unsure (space, held_out);
    return;
  }
  trial->most_differ = (guint) floor (searched * lost * (1.0 - RESERVE) + 1e-9);
  /* few frames: the one that may differ must not be lost to rounding */
  if (trial->most_differ == 0 && all * lost >= 1.0 - 1e-9)
    trial->most_differ = 1;
  trial->most_unsure =
      (guint) floor (MAX (searched * lost, trial->most_differ) * UNSURE + 1e-9);
}

typedef struct
{
  gdouble hardness;
  guint run;
} Run;

static gint
by_hardness (gconstpointer a, gconstpointer b)
{
  const Run *x = a, *y = b;

  if (x->hardness != y->hardness)
    return x->hardness < y->hardness ? 1 : -1;
  return (x->run > y->run) - (x->run < y->run);
}

/* runs: the hardest first.  They are taken as far as they go; those that stand for others are
 * spread over the rest. */
static void
weigh (CalSpace * space, const Run * runs, guint n)
{
  guint hard = (guint) ceil (n * HARD_SHARE), i;

  space->weights = g_new0 (guint, space->frames->n_runs);
  for (i = 0; i < hard; i++)
    space->weights[runs[i].run] = 1;
  for (i = hard + EASY_STEP / 2; i < n; i += EASY_STEP)
    space->weights[runs[i].run] = EASY_STEP;
}

gboolean
cal_space_thin_out (CalSpace * space, const CalPoint * point)
{
  const CalFrames *frames = space->frames;
  guint n_runs = frames->n_runs, n = 0, i;
  CalTrial trial = { 0 };
  CalResult result;
  Run *runs;
  gboolean ok;

  if (frames->frames->len - frames->n_held_out <= ENOUGH_FRAMES)
    return TRUE;
  runs = g_new0 (Run, n_runs);
  trial.tolerances = cal_point_spread_out (space, point, 1.0);
  trial.margin = point->margin;
  trial.most_differ = trial.most_unsure = G_MAXUINT;
  trial.hardness = g_new0 (gdouble, n_runs);
  ok = cal_runner_run (space->runner, &trial, &result, 1);
  space->trials++;
  for (i = 0; i < n_runs; i++)
    runs[i].run = G_MAXUINT;
  for (i = 0; i < frames->frames->len; i++) {
    const CalFrame *frame = g_ptr_array_index (frames->frames, i);

    if (frame->held_out || (n && runs[n - 1].run == frame->run))
      continue;
    runs[n].run = frame->run;
    runs[n++].hardness = trial.hardness[frame->run];
  }
  qsort (runs, n, sizeof *runs, by_hardness);
  if (ok && result.complete)
    weigh (space, runs, n);
  g_free (runs);
  g_free (trial.hardness);
  g_free ((double *) trial.tolerances);
  return ok;
}

gboolean
cal_space_try (CalSpace * space, const CalPoint * const *points,
    const double *factors, guint n, gboolean point_the_way, gdouble most_cost,
    CalResult * results)
{
  CalTrial *trials = g_new0 (CalTrial, n);
  gboolean ok;
  guint i;

  for (i = 0; i < n; i++) {
    trials[i].tolerances = cal_point_spread_out (space, points[i], factors[i]);
    trials[i].margin = points[i]->margin;
    trials[i].all = space->all;
    trials[i].weights = space->weights;
    trials[i].most_cost = most_cost < G_MAXDOUBLE ? most_cost : 0.0;
    trials[i].most_differ = trials[i].most_unsure = G_MAXUINT;
    if (!point_the_way)
      set_limits (space, &trials[i]);
  }
  ok = cal_runner_run (space->runner, trials, results, n);
  for (i = 0; i < n; i++)
    g_free ((double *) trials[i].tolerances);
  g_free (trials);
  space->trials += n;
  return ok;
}

static gboolean
kind_keeps (const CalSpace * space, const CalKind * kind)
{
  return kind->differ <= may_differ (space, kind->frames)
      && kind->unsure <= may_be_unsure (space, kind->frames)
      && kind->mean_error <= space->settings->error;
}

/* Of all frames, neither kind at the other's expense. */
gboolean
cal_space_keeps (const CalSpace * space, const CalResult * result)
{
  if (!result->complete)
    return FALSE;
  if (space->all)
    return kind_keeps (space, &result->searched)
        && kind_keeps (space, &result->held_out);
  return result->searched.mean_error <=
      space->settings->error * (1.0 - ERROR_RESERVE);
}
