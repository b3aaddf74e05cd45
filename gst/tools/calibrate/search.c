/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * On the frames that are hard and a sample of the others (space.c), and every point scaled
 * to where the agreement just holds (line.c), before it is compared with others:
 * 1. One tolerance for all values, with some margin; more of a margin, or less, while that
 *    costs less.  What an earlier calibration found, the same way.
 * 2. Values are grouped by depth.  For each group: how much less it would cost, and how
 *    much more it would risk, if its tolerance alone were doubled.  Groups that save much
 *    at little risk get more, the others less; twice, with the margin in between.
 * 3. A shape: more or less for the input, for values that no convolution multiplies, from
 *    the first to the last.
 * 4. Groups again, while it gains; then steps at random, as long as some of them gain.
 * Then on all frames, in order, those held out included: the cheapest that came of this is
 * scaled to where the agreement holds on either kind, and the runners-up where they may
 * cost less than that.  From there it goes back a little.
 *
 * Frames are lost one at a time, so the risk, which is smooth, says where to go, and the
 * agreement only how far.
 */
#include "search.h"
#include "values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is begun with: looser than what most networks bear, as too loose is soon found out. */
#define FIRST_TOLERANCE 0.15
#define FIRST_MARGIN 0.5
#define FIRST_RATIO 2.0
/* From there on. */
#define RATIO 1.25
/* Of a margin's odds, as a factor; at first, and later. */
#define TURN 2.0
#define SMALL_TURN 1.35
#define MOST_TURNS 4
/* A round that gains less is the last of its step width. */
#define GAIN 0.01
/* Of a shape, as logarithms of factors; begun with, and the smallest. */
#define SHAPE_STEP 1.0
#define SHAPE_STEP_LEAST 0.5
/* Of groups by their risks, the same. */
#define ROUNDS 6
#define STEP 0.5
#define SMALLEST_STEP 0.12
/* Of one group in one round, as a factor. */
#define WIDEST 2.5
/* At random. */
#define RANDOM_STEP 0.35
#define MOST_RANDOM 60
#define MOST_IN_VAIN 12
/* Of the time, what the search on a part of the frames may take. */
#define PART_SHARE 0.6
/* Of the tolerances that just hold on all frames, what is taken, and the margin's odds, times
 * this: beyond some point a class is held up for many frames at once, and on other clips that
 * may come a little earlier. */
#define KEPT 0.85
#define KEPT_TURN 1.6
/* The cheapest of these that are tried on all frames. */
#define MOST_CANDIDATES 3

typedef struct
{
  CalSpace space;
  CalFound *found;
  CalPoint *best;
  GPtrArray *others;            /* of CalPoint, what was the best before, cheapest last */
} Search;

static void
tell (const Search * s, const gchar * doing)
{
  const CalSearchSettings *settings = s->space.settings;

  if (settings->progress)
    settings->progress (doing, settings->user_data);
}

/* Of a margin's odds, as it is between 0 and 1. */
static gdouble
turned (gdouble margin, gdouble factor)
{
  gdouble odds = MAX (margin, 0.02) / (1.0 - MIN (margin, 0.999)) * factor;

  return floor (1000.0 * odds / (1.0 + odds) + 0.5) / 1000.0;
}

/* from, scaled as far as it goes, is the best if it is cheaper.  It is freed. */
static gboolean
try_point (Search * s, CalPoint * from, double ratio, gboolean * better)
{
  CalPoint *before = cal_point_copy (&s->space, s->best);
  gboolean won = FALSE, ok =
      cal_line_search (&s->space, from, ratio, s->best, &won);

  cal_point_free (from);
  if (won && before->cost < G_MAXDOUBLE)
    g_ptr_array_add (s->others, before);
  else
    cal_point_free (before);
  if (better)
    *better = won;
  return ok;
}

/* With another margin, errors may grow as it does. */
static gboolean
turn_once (Search * s, gdouble factor, gboolean * better)
{
  CalPoint *next = cal_point_copy (&s->space, s->best);

  next->margin = turned (next->margin, factor);
  cal_point_scale (&s->space, next,
      sqrt (atanh (next->margin) / atanh (s->best->margin)));
  return try_point (s, next, RATIO, better);
}

/* More of a margin, or less, while that costs less. */
static gboolean
turn_margin (Search * s, gdouble factor)
{
  gboolean ok = TRUE, better = TRUE, any = FALSE;
  guint i;

  tell (s, "margin");
  for (i = 0; ok && better && i < MOST_TURNS; i++) {
    ok = turn_once (s, factor, &better);
    any |= better;
  }
  for (better = !any, i = 0; ok && better && i < MOST_TURNS; i++)
    ok = turn_once (s, 1.0 / factor, &better);
  return ok;
}

/* What was found with another shape cannot be told any more. */
static void
forget_others (Search * s)
{
  g_ptr_array_set_size (s->others, 0);
}

/* Step 1. */
static gboolean
find_start (Search * s)
{
  CalPoint *first = cal_point_new (&s->space, FIRST_TOLERANCE, FIRST_MARGIN);
  gboolean ok;

  tell (s, "one for all layers");
  ok = cal_space_thin_out (&s->space, first)
      && try_point (s, first, FIRST_RATIO, NULL);
  if (ok && s->best->cost < G_MAXDOUBLE)
    ok = turn_margin (s, TURN);
  if (s->best->cost < G_MAXDOUBLE) {
    s->found->global = s->best->result;
    s->found->global_tolerance = s->best->by_group[0];
    s->found->global_margin = s->best->margin;
  }
  return ok;
}

/* A shape was tried: the one before, which this takes, comes back where the new one was
 * not taken. */
static void
end_shape (Search * s, double *before, gboolean taken)
{
  CalSpace *space = &s->space;

  if (taken)
    forget_others (s);
  else
    memcpy (space->shape, before, space->program->n_values * sizeof (double));
  g_free (before);
}

/* What an earlier calibration found, as a shape.  *taken: it is cheaper. */
static gboolean
find_again (Search * s, gboolean * taken)
{
  CalSpace *space = &s->space;
  const CalFrames *frames = space->frames;
  gdouble margin = frames->model->info->margin, most;
  double *before = g_memdup2 (space->shape,
      space->program->n_values * sizeof (double));
  gboolean ok = TRUE;

  *taken = FALSE;
  if (cal_values_known_shape (frames, space->group, space->shape, &most)) {
    tell (s, "those of an earlier calibration");
    ok = try_point (s, cal_point_new (space, most,
            margin > 0.0 && margin < 1.0 ? margin : FIRST_MARGIN), RATIO,
        taken);
  }
  end_shape (s, before, *taken);
  return ok;
}

/* Step 3.  One way, by one step. */
static gboolean
try_shape (Search * s, const double *logs, const gboolean * light,
    gboolean * better)
{
  CalSpace *space = &s->space;
  double *before = g_memdup2 (space->shape,
      space->program->n_values * sizeof (double));
  gboolean ok;

  cal_values_shape (space->program, logs, light, space->shape);
  ok = try_point (s, cal_point_copy (space, s->best), RATIO, better);
  end_shape (s, before, *better);
  return ok;
}

static gboolean
find_shape (Search * s)
{
  CalSpace *space = &s->space;
  gboolean *light = g_new0 (gboolean, space->program->n_values), ok = TRUE;
  double logs[CAL_N_SHAPES] = { 0.0 }, step = SHAPE_STEP;
  gint i, way;

  for (i = 0; i < space->program->n_values; i++)
    light[i] = space->group[i] >= 0
        && !cal_value_is_multiplied (space->frames, i);
  while (ok && step >= SHAPE_STEP_LEAST && !cal_runner_is_late (space->runner)) {
    gdouble before = s->best->cost;

    for (i = 0; ok && i < CAL_N_SHAPES; i++)
      for (way = 1; ok && way >= -1; way -= 2) {
        double next[CAL_N_SHAPES];
        gboolean better;

        tell (s, "first to last layer");
        memcpy (next, logs, sizeof next);
        next[i] += way * step;
        ok = try_shape (s, next, light, &better);
        if (!better)
          continue;
        memcpy (logs, next, sizeof logs);
        break;
      }
    if (s->best->cost > before * (1.0 - GAIN))
      step /= 2;
  }
  g_free (light);
  return ok;
}

/* Where to go by one measure of risk: log factors per group, of which only the
 * proportions count. */
static void
point_out (const Search * s, const CalResult * results, const CalResult * now,
    guint measure, double *out)
{
  guint n = s->space.n_groups, i;
  /* below these, differences say nothing */
  double least_gain = 1e-4 * now->cost;
  double least_risk = 0.01 * now->searched.risk[measure] + 1e-9;
  double mean = 0.0;

  for (i = 0; i < n; i++) {
    double gain = MAX (now->cost - results[i].cost, least_gain);
    double risk = MAX (results[i].searched.risk[measure] -
        now->searched.risk[measure], least_risk);

    out[i] = log (gain / risk);
    mean += out[i] / n;
  }
  for (i = 0; i < n; i++)
    out[i] -= mean;
}

/* By each measure: out[measure * n_groups + group]. */
static gboolean
find_ways (Search * s, double *out)
{
  CalSpace *space = &s->space;
  guint n = space->n_groups, i;
  CalPoint **points = g_new0 (CalPoint *, n + 1);
  double *factors = g_new (double, n + 1);
  CalResult *results = g_new0 (CalResult, n + 1);
  gboolean ok;

  for (i = 0; i <= n; i++) {
    points[i] = cal_point_copy (space, s->best);
    factors[i] = 1.0;
    if (i < n)
      points[i]->by_group[i] = MIN (points[i]->by_group[i] * 2.0, CAL_HIGHEST);
  }
  ok = cal_space_try (space, (const CalPoint * const *) points, factors, n + 1,
      TRUE, 0.0, results);
  for (i = 0; ok && i < CAL_RISKS; i++)
    point_out (s, results, &results[n], i, out + i * n);
  for (i = 0; i <= n; i++)
    cal_point_free (points[i]);
  g_free (points);
  g_free (factors);
  g_free (results);
  return ok;
}

static gboolean
go (Search * s, const CalPoint * from, const double *way, double step,
    gboolean * better)
{
  CalPoint *next = cal_point_copy (&s->space, from);
  guint i;

  for (i = 0; i < s->space.n_groups; i++)
    next->by_group[i] = CLAMP (next->by_group[i] * exp (CLAMP (step * way[i],
                -log (WIDEST), log (WIDEST))), CAL_LOWEST, CAL_HIGHEST);
  return try_point (s, next, RATIO, better);
}

/* Steps 2 and 4. */
static gboolean
refine (Search * s, guint rounds)
{
  CalSpace *space = &s->space;
  double *ways = g_new (double, CAL_RISKS * space->n_groups);
  double step = STEP;
  gboolean ok = TRUE;
  guint round, i;

  for (round = 0; ok && round < rounds && step >= SMALLEST_STEP; round++) {
    CalPoint *from = cal_point_copy (space, s->best);

    tell (s, "each layer");
    if (!cal_runner_is_late (space->runner))
      ok = find_ways (s, ways);
    for (i = 0; ok && i < CAL_RISKS && !cal_runner_is_late (space->runner); i++)
      ok = go (s, from, ways + i * space->n_groups, step, NULL);
    if (ok && s->best->cost > from->cost * (1.0 - GAIN))
      step /= 2;
    cal_point_free (from);
    if (ok && round % 2 == 0)
      ok = turn_margin (s, SMALL_TURN);
  }
  g_free (ways);
  return ok;
}

/* Some groups more, some less, and back where that does not help. */
static gboolean
wander (Search * s)
{
  CalSpace *space = &s->space;
  GRand *rand = g_rand_new_with_seed (1);
  double *way = g_new (double, MAX (space->n_groups, 1));
  gboolean ok = TRUE;
  guint round, in_vain = 0, i;

  for (round = 0; ok && round < MOST_RANDOM && in_vain < MOST_IN_VAIN
      && !cal_runner_is_late (space->runner); round++) {
    CalPoint *from = cal_point_copy (space, s->best);
    gboolean better = FALSE;

    tell (s, "here and there");
    for (i = 0; i < space->n_groups; i++)
      way[i] = g_rand_double_range (rand, -1.0, 1.0);
    ok = go (s, from, way, RANDOM_STEP, &better);
    if (ok && !better) {
      for (i = 0; i < space->n_groups; i++)
        way[i] = -way[i];
      ok = go (s, from, way, RANDOM_STEP, &better);
    }
    in_vain = better ? 0 : in_vain + 1;
    cal_point_free (from);
  }
  g_free (way);
  g_rand_free (rand);
  return ok;
}

/* A little below what all frames allow. */
static gboolean
step_back (Search * s, CalPoint ** best)
{
  CalPoint *point = cal_point_copy (&s->space, *best);
  const CalPoint *tried = point;
  double factor = 1.0;
  gboolean ok;

  cal_runner_set_deadline (s->space.runner, 0);
  cal_point_scale (&s->space, point, KEPT);
  point->margin = turned (point->margin, KEPT_TURN);
  ok = cal_space_try (&s->space, &tried, &factor, 1, FALSE, 0.0,
      &point->result);
  if (ok && cal_space_keeps (&s->space, &point->result)) {
    cal_point_free (*best);
    *best = g_steal_pointer (&point);
  }
  cal_point_free (point);
  return ok;
}

/* On all frames.  There is time for it until something holds. */
static gboolean
confirm (Search * s)
{
  CalSpace *space = &s->space;
  CalPoint *best = cal_point_new (space, 0.0, 0.0), *from = s->best;
  gboolean ok = TRUE;
  guint i;

  space->all = TRUE;
  for (i = 0; ok && i < MOST_CANDIDATES; i++) {
    tell (s, "on the frames held out");
    cal_runner_set_deadline (space->runner,
        best->cost < G_MAXDOUBLE ? space->settings->deadline : 0);
    ok = cal_line_search (space, from, RATIO, best, NULL);
    if (i >= s->others->len)
      break;
    from = g_ptr_array_index (s->others, s->others->len - 1 - i);
  }
  cal_runner_set_deadline (space->runner, space->settings->deadline);
  for (i = 0; ok && i < 2 && best->cost < G_MAXDOUBLE; i++) {
    CalPoint *next = cal_point_copy (space, best);

    next->margin = turned (next->margin, i ? 1.0 / SMALL_TURN : SMALL_TURN);
    ok = cal_line_search (space, next, RATIO, best, NULL);
    cal_point_free (next);
  }
  if (ok && best->cost < G_MAXDOUBLE)
    ok = step_back (s, &best);
  cal_point_free (s->best);
  s->best = best;
  return ok;
}

/* Exact, where nothing keeps the agreement, or what does costs no less: where a class hardly
 * leads, most frames are made sure of, and looking twice costs more than it saves. */
static gboolean
compare_with_exact (Search * s)
{
  CalPoint *exact = cal_point_new (&s->space, 0.0, 0.0);
  const CalPoint *point = exact;
  double factor = 1.0;
  gboolean ok;

  s->space.all = TRUE;
  cal_runner_set_deadline (s->space.runner, 0);
  ok = cal_space_try (&s->space, &point, &factor, 1, FALSE, 0.0,
      &exact->result);
  exact->cost = exact->result.cost;
  if (s->best->cost < G_MAXDOUBLE && (!ok
          || s->best->result.cost < exact->cost)) {
    cal_point_free (exact);
    return ok;
  }
  cal_point_free (s->best);
  s->best = exact;
  return ok;
}

gboolean
cal_search (CalRunner * runner, const CalFrames * frames,
    const CalSearchSettings * settings, CalFound * found)
{
  Search s = { {0} };
  gint64 now = g_get_monotonic_time ();
  gboolean ok, again = FALSE;

  memset (found, 0, sizeof *found);
  s.found = found;
  s.others = g_ptr_array_new_with_free_func ((GDestroyNotify) cal_point_free);
  cal_space_init (&s.space, runner, frames, settings);
  s.best = cal_point_new (&s.space, 0.0, FIRST_MARGIN);
  cal_runner_set_deadline (runner, settings->deadline ? now +
      (gint64) ((settings->deadline - now) * PART_SHARE) : 0);
  ok = s.space.n_groups == 0 || (find_start (&s) && find_again (&s, &again));
  if (ok && s.best->cost < G_MAXDOUBLE)
    ok = refine (&s, again ? ROUNDS : 2) && (again || (find_shape (&s)
            && refine (&s, ROUNDS))) && wander (&s) && confirm (&s);
  if (ok)
    ok = compare_with_exact (&s);
  cal_runner_set_deadline (runner, 0);
  if (ok) {
    found->tolerances = cal_point_spread_out (&s.space, s.best, 1.0);
    found->margin = s.best->margin;
    found->final = s.best->result;
  }
  found->trials = s.space.trials;
  g_ptr_array_unref (s.others);
  cal_point_free (s.best);
  cal_space_clear (&s.space);
  return ok;
}

void
cal_found_clear (CalFound * found)
{
  g_clear_pointer (&found->tolerances, g_free);
}
