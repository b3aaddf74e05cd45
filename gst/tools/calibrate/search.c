/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * 1. One tolerance for all values, at each of some margins: the largest that keeps the
 *    agreement, by halving.
 * 2. A shape, at the margin at which that costs least: more or less for the input, for
 *    values that no convolution multiplies, from the first to the last; each step of these
 *    is scaled to where the agreement just holds, and kept where that costs less.
 * 3. Values are grouped by depth.  For each group: how much less it would cost, and how
 *    much more it would risk, if its tolerance alone were doubled.  Groups that save much
 *    at little risk get more, the others less, and all together are then scaled to where
 *    the agreement just holds.  Where that costs less than before, the same again.
 *    Before and after, a little more or less of the margin.
 * 4. What the search came by is tried on all frames, in order, those held out included:
 *    the cheapest that holds on either kind.  Those that do not hold are made smaller,
 *    little by little, until they do or cost more than one that does.
 *
 * What keeps the agreement is not only that the class stays.  Where it leads by far in all
 * the clips, it would stay with nearly any tolerances, and they would be wrong for the
 * first frame on which it does not.  So only so many frames may be unsure: with an error
 * larger than the margin, whether or not the class is another for it.  With errors that
 * are no larger it stays however little it leads.  Besides, the error of the scores has a
 * limit.
 *
 * Frames are lost one at a time, so the risk, which is smooth, says where to go, and the
 * agreement only how far.
 */
#include "search.h"
#include "values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LOWEST 0.001
#define HIGHEST 1.0
/* For each frame that may differ, so many may be unsure: more do not hold where much is
 * different, as with another choice of full runs. */
#define UNSURE 1.5
/* Of the frames that may differ, and of the error, these shares are kept in reserve while
 * searching. */
#define RESERVE 0.25
#define ERROR_RESERVE 0.1
#define MOST_GROUPS 48
#define FEWEST_GROUPS 10
#define ROUNDS 12
/* A round that gains less is the last of its step width. */
#define GAIN 0.01
#define STEP 0.4
/* Of a shape, as logarithms of factors; begun with, and the smallest. */
#define SHAPE_STEP 1.0
#define SHAPE_STEP_LEAST 0.4
#define SMALLEST_STEP 0.1
/* Of a margin's odds, as a factor. */
#define TURN 1.8
/* Of one group in one round, as a factor. */
#define WIDEST 2.5
#define NARROWING 0.9
/* The cheapest ones of the search that are tried on the frames held out; of them, with
 * so many larger margins each. */
#define MOST_CANDIDATES 4
#define MOST_GUARDED 2
#define MORE_MARGINS 3

typedef struct
{
  gdouble cost;
  double *by_value;             /* owned; < 0: not to be named */
  gdouble margin;
} Candidate;

typedef struct
{
  CalRunner *runner;
  const CalFrames *frames;
  const CalSearchSettings *settings;
  const DcnProgram *program;
  CalFound *found;
  gint *group;                  /* [n_values] number of the value's group, or -1 */
  guint n_groups;
  double *shape;                /* [n_values] what a group's tolerance is multiplied by for each */
  guint most_differ, most_unsure;
  gdouble margin;               /* of all trials; guard.h */
  GArray *candidates;           /* of Candidate */
  guint skip;                   /* for what only has to point the way */
  guint coarse;                 /* the same, for what has to hold, until it is settled */
} Search;

/* What stands in the .modelinfo is what is tried. */
static double
rounded (double tolerance)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!(tolerance >= LOWEST / 2))
    return 0.0;
  g_ascii_formatd (text, sizeof text, "%.3g", MIN (tolerance, HIGHEST));
  return g_ascii_strtod (text, NULL);
}

static double *
spread_out (const Search * s, const double *by_group, double factor)
{
  double *tolerances = g_new (double, s->program->n_values);
  gint i;

  for (i = 0; i < s->program->n_values; i++)
    tolerances[i] = s->group[i] < 0 ? -1.0 :
        rounded (by_group[s->group[i]] * s->shape[i] * factor);
  return tolerances;
}

static double *
scaled (const Search * s, const double *by_value, double factor)
{
  double *tolerances = g_new (double, s->program->n_values);
  gint i;

  for (i = 0; i < s->program->n_values; i++)
    tolerances[i] = by_value[i] < 0.0 ? -1.0 : rounded (by_value[i] * factor);
  return tolerances;
}

/* Each by_group times its factor, n of them at once. */
static gboolean
try_all (Search * s, const double *const *by_group, const double *factors,
    guint n, gboolean point, CalResult * results)
{
  CalTrial *trials = g_new0 (CalTrial, n);
  gboolean ok;
  guint i;

  for (i = 0; i < n; i++) {
    trials[i].tolerances = spread_out (s, by_group[i], factors[i]);
    trials[i].margin = s->margin;
    trials[i].skip = point ? s->skip : s->coarse;
    trials[i].most_differ = point ? G_MAXUINT : s->most_differ / s->coarse;
    trials[i].most_unsure = point ? G_MAXUINT : s->most_unsure / s->coarse;
  }
  ok = cal_runner_run (s->runner, trials, results, n);
  for (i = 0; i < n; i++)
    g_free ((double *) trials[i].tolerances);
  g_free (trials);
  s->found->trials += n;
  return ok;
}

/* Given up ones differ too much. */
static gboolean
keeps (const Search * s, const CalResult * result)
{
  return result->complete && result->searched.mean_error <=
      s->settings->error * (1.0 - ERROR_RESERVE);
}

/* The largest factor in [low, high] at which by_group keeps the agreement: a grid of
 * `grid` factors first, then halving.  0 in *factor where none does. */
static gboolean
scale (Search * s, const double *by_group, double low, double high,
    guint grid, guint halvings, double *factor, CalResult * best)
{
  const double **all = g_new (const double *, grid);
  double *factors = g_new (double, grid);
  CalResult *results = g_new0 (CalResult, grid);
  gboolean ok;
  guint i;
  gint last = -1;

  for (i = 0; i < grid; i++) {
    all[i] = by_group;
    factors[i] = low * pow (high / low, i / (double) (grid - 1));
  }
  ok = try_all (s, all, factors, grid, FALSE, results);
  for (i = 0; ok && i < grid && keeps (s, &results[i]); i++)
    last = i;
  *factor = last < 0 ? 0.0 : factors[last];
  if (last >= 0)
    *best = results[last];
  if (last >= 0 && last + 1 < (gint) grid) {
    double above = factors[last + 1];

    for (i = 0; ok && i < halvings; i++) {
      double middle = sqrt (*factor * above);
      CalResult result;

      ok = try_all (s, &by_group, &middle, 1, FALSE, &result);
      if (ok && keeps (s, &result)) {
        *factor = middle;
        *best = result;
      } else {
        above = middle;
      }
    }
  }
  g_free (all);
  g_free (factors);
  g_free (results);
  return ok;
}

static void
tell (Search * s, const gchar * doing, gdouble done)
{
  if (s->settings->progress)
    s->settings->progress (doing, done, s->settings->user_data);
}

/* Where to go by one measure of risk: log factors per group, of which only the
 * proportions count. */
static void
point (const Search * s, const CalResult * results, const CalResult * now,
    guint measure, double *out)
{
  /* below these, differences say nothing */
  double least_gain = 1e-4 * now->cost;
  double least_risk = 0.01 * now->searched.risk[measure] + 1e-9;
  double mean = 0.0;
  guint i;

  for (i = 0; i < s->n_groups; i++) {
    double gain = MAX (now->cost - results[i].cost, least_gain);
    double risk = MAX (results[i].searched.risk[measure] -
        now->searched.risk[measure], least_risk);

    out[i] = log (gain / risk);
    mean += out[i] / s->n_groups;
  }
  for (i = 0; i < s->n_groups; i++)
    out[i] -= mean;
}

/* By each measure: out[measure * n_groups + group]. */
static gboolean
directions (Search * s, const double *by_group, double *out)
{
  guint n = s->n_groups + 1, i;
  double **all = g_new0 (double *, n);
  double *factors = g_new (double, n);
  CalResult *results = g_new0 (CalResult, n);
  gboolean ok;

  for (i = 0; i < n; i++) {
    all[i] = g_memdup2 (by_group, s->n_groups * sizeof (double));
    factors[i] = 1.0;
    if (i < s->n_groups)
      all[i][i] = MIN (all[i][i] * 2.0, HIGHEST);
  }
  ok = try_all (s, (const double *const *) all, factors, n, TRUE, results);
  for (i = 0; ok && i < CAL_RISKS; i++)
    point (s, results, &results[s->n_groups], i, out + i * s->n_groups);
  for (i = 0; i < n; i++)
    g_free (all[i]);
  g_free (all);
  g_free (factors);
  g_free (results);
  return ok;
}

/* Keeps what the frames searched on allow for step 4, cheapest first. */
static void
remember (Search * s, const double *by_group, gdouble cost)
{
  Candidate candidate = { cost, spread_out (s, by_group, 1.0), s->margin };
  guint i;

  for (i = 0; i < s->candidates->len; i++)
    if (cost < g_array_index (s->candidates, Candidate, i).cost)
      break;
  g_array_insert_val (s->candidates, i, candidate);
}

/* Goes a step that way, and to where the agreement just holds.  *cost: of the best so
 * far, which is replaced where this one costs less. */
static gboolean
go (Search * s, const double *from, const double *way, double step,
    double *best, gdouble * cost)
{
  double *next = g_new (double, s->n_groups), factor;
  CalResult result = { 0 };
  gboolean ok;
  guint i;

  for (i = 0; i < s->n_groups; i++)
    next[i] = CLAMP (from[i] * exp (CLAMP (step * way[i], -log (WIDEST),
                log (WIDEST))), LOWEST, HIGHEST);
  ok = scale (s, next, 0.35, 2.2, 6, 3, &factor, &result);
  if (factor > 0.0 && result.cost < *cost) {
    *cost = result.cost;
    for (i = 0; i < s->n_groups; i++)
      best[i] = CLAMP (next[i] * factor, LOWEST, HIGHEST);
  }
  g_free (next);
  return ok;
}

/* Step 1.  The largest multiple of s->shape at each margin: by_group and *cost are set to
 * the cheapest, if it is cheaper than *cost.  The more a margin guards, the larger the
 * tolerances and the more frames are run twice: there is one best in between. */
static gboolean
find_margin (Search * s, double *by_group, gdouble * cost)
{
  static const double margins[] = { 0.1, 0.25, 0.45, 0.65, 0.8, 0.9, 0.96 };
  double *lowest = g_new (double, MAX (s->n_groups, 1)), best = s->margin;
  gboolean ok = TRUE;
  guint i, j, worse = 0;

  for (i = 0; i < s->n_groups; i++)
    lowest[i] = LOWEST;
  for (i = 0; ok && i < G_N_ELEMENTS (margins) && worse < 2
      && s->n_groups > 0; i++) {
    CalResult result = { 0 };
    double factor;

    tell (s, "one for all layers", 0.0);
    if (i && cal_runner_is_late (s->runner))
      break;
    s->margin = margins[i];
    ok = scale (s, lowest, 2.0, 1024.0, 10, 3, &factor, &result);
    if (!ok || factor <= 0.0 || result.cost >= *cost) {
      worse++;
      continue;
    }
    worse = 0;
    best = s->margin;
    *cost = result.cost;
    for (j = 0; j < s->n_groups; j++)
      by_group[j] = LOWEST * factor;
    s->found->global = result;
    s->found->global_tolerance = LOWEST * factor;
    s->found->global_margin = best;
    remember (s, by_group, *cost);
  }
  s->margin = best;
  g_free (lowest);
  return ok;
}

/* The same for what an earlier calibration found, as a shape.  *taken: it is cheaper. */
static gboolean
find_again (Search * s, double *by_group, gdouble * cost, gboolean * taken)
{
  CalFound *found = s->found, before = *found;
  gdouble before_cost = *cost;
  gboolean ok = TRUE;
  gint i;

  if (cal_values_known_shape (s->frames, s->group, s->shape))
    ok = find_margin (s, by_group, cost);
  *taken = *cost < before_cost;
  /* those are of one tolerance for all values */
  found->global = before.global;
  found->global_tolerance = before.global_tolerance;
  found->global_margin = before.global_margin;
  for (i = 0; !*taken && i < s->program->n_values; i++)
    s->shape[i] = 1.0;
  return ok;
}

/* By odds, as a margin is between 0 and 1. */
static gdouble
turned (gdouble margin, gdouble factor)
{
  gdouble odds = MAX (margin, 0.05) / (1.0 - MIN (margin, 0.999)) * factor;

  return rounded (odds / (1.0 + odds));
}

/* A little more of a margin, or less, where that costs less; *cost: as it is. */
static gboolean
turn_margin (Search * s, double *by_group, gdouble * cost)
{
  double from = s->margin, best = from, best_factor = 1.0;
  gdouble before = *cost;
  gboolean ok = TRUE;
  guint i;

  for (i = 0; ok && i < 2 && !cal_runner_is_late (s->runner); i++) {
    CalResult result = { 0 };
    double factor;

    tell (s, "margin", i / 2.0);
    s->margin = turned (from, i ? 1.0 / TURN : TURN);
    ok = scale (s, by_group, 0.5, 2.2, 6, 3, &factor, &result);
    if (!ok || factor <= 0.0 || result.cost >= *cost)
      continue;
    *cost = result.cost;
    best = s->margin;
    best_factor = factor;
  }
  s->margin = best;
  if (*cost < before) {
    for (i = 0; i < s->n_groups; i++)
      by_group[i] = CLAMP (by_group[i] * best_factor, LOWEST, HIGHEST);
    remember (s, by_group, *cost);
  }
  return ok;
}

/* Step 2.  by_group, the same for all, keeps the agreement at *cost; and so it does
 * afterwards, with the best shape found. */
static gboolean
find_shape (Search * s, double *by_group, gdouble * cost)
{
  gboolean *light = g_new0 (gboolean, s->program->n_values), ok = TRUE;
  double best[CAL_N_SHAPES] = { 0.0 }, step = SHAPE_STEP;
  gint i;

  for (i = 0; i < s->program->n_values; i++)
    light[i] = s->group[i] >= 0 && !cal_value_is_multiplied (s->frames, i);
  while (ok && step >= SHAPE_STEP_LEAST) {
    double from[CAL_N_SHAPES], tolerance = by_group[0], best_factor = 0.0;
    gdouble before = *cost;

    memcpy (from, best, sizeof from);
    for (i = 0; ok && i < 2 * CAL_N_SHAPES; i++) {
      double next[CAL_N_SHAPES], factor;
      CalResult result = { 0 };

      tell (s, "first to last layer", i / (2.0 * CAL_N_SHAPES));
      if (cal_runner_is_late (s->runner))
        break;
      memcpy (next, from, sizeof next);
      next[i / 2] += i % 2 ? -step : step;
      cal_values_shape (s->program, next, light, s->shape);
      ok = scale (s, by_group, 0.35, 2.2, 6, 3, &factor, &result);
      if (!ok || factor <= 0.0 || result.cost >= *cost)
        continue;
      *cost = result.cost;
      best_factor = factor;
      memcpy (best, next, sizeof best);
    }
    cal_values_shape (s->program, best, light, s->shape);
    if (best_factor > 0.0) {
      for (i = 0; i < (gint) s->n_groups; i++)
        by_group[i] = tolerance * best_factor;
      remember (s, by_group, *cost);
    }
    if (cal_runner_is_late (s->runner))
      break;
    if (*cost > before * (1.0 - GAIN))
      step /= 2;
  }
  g_free (light);
  return ok;
}

/* Step 3.  by_group keeps the agreement at *cost; and so it does afterwards. */
static gboolean
refine (Search * s, double *by_group, gdouble * cost)
{
  double *best = g_memdup2 (by_group, s->n_groups * sizeof (double));
  double *ways = g_new (double, CAL_RISKS * s->n_groups);
  double step = STEP;
  gboolean ok = TRUE;
  guint round, i;

  for (round = 0; ok && round < ROUNDS && step >= SMALLEST_STEP; round++) {
    gdouble before = *cost;

    tell (s, "each layer", (double) round / ROUNDS);
    if (cal_runner_is_late (s->runner))
      break;
    ok = directions (s, by_group, ways);
    for (i = 0; ok && i < CAL_RISKS && !cal_runner_is_late (s->runner); i++)
      ok = go (s, by_group, ways + i * s->n_groups, step, best, cost);
    if (*cost < before) {
      memcpy (by_group, best, s->n_groups * sizeof (double));
      remember (s, by_group, *cost);
    }
    if (*cost > before * (1.0 - GAIN))
      step /= 2;
  }
  g_free (best);
  g_free (ways);
  return ok;
}

/* What was found on a part of the frames, on all those to search on. */
static gboolean
settle (Search * s, const double *by_group)
{
  CalResult result = { 0 };
  gboolean ok = TRUE;
  double factor, *next;
  guint i;

  if (s->coarse <= 1)
    return TRUE;
  s->coarse = 1;
  cal_runner_set_deadline (s->runner, 0);
  ok = scale (s, by_group, 0.5, 1.4, 6, 1, &factor, &result);
  if (!ok || factor <= 0.0)
    return ok;
  next = g_new (double, s->n_groups);
  for (i = 0; i < s->n_groups; i++)
    next[i] = by_group[i] * factor;
  remember (s, next, result.cost);
  g_free (next);
  return TRUE;
}

/* Of few frames, a share of one counts as one. */
static gboolean
holds (const CalKind * kind, const CalSearchSettings * settings)
{
  gdouble may = kind->frames * (1.0 - settings->agreement);

  return kind->differ <= ceil (may - 1e-9)
      && kind->unsure <= ceil (may * UNSURE - 1e-9)
      && kind->mean_error <= settings->error;
}

/* All frames together, and neither kind at the other's expense. */
static gboolean
holds_on_both (const Search * s, const CalResult * result)
{
  guint frames = result->searched.frames + result->held_out.frames;
  guint differ = result->searched.differ + result->held_out.differ;

  return differ <= frames * (1.0 - s->settings->agreement) + 1e-9
      && holds (&result->searched, s->settings)
      && holds (&result->held_out, s->settings);
}

/* Tries those of the first n candidates that are open, made smaller by factor, on all
 * frames.  Closes those that hold, of which the cheapest is kept, and those that cost
 * more than what is kept. */
static gboolean
confirm_scaled (Search * s, gdouble factor, gboolean * open, guint n)
{
  CalFound *found = s->found;
  CalTrial *trials = g_new0 (CalTrial, n);
  CalResult *results = g_new0 (CalResult, n);
  guint *numbers = g_new (guint, n), n_trials = 0, i;
  gboolean ok;

  for (i = 0; i < n; i++) {
    if (!open[i])
      continue;
    trials[n_trials].tolerances = scaled (s,
        g_array_index (s->candidates, Candidate, i).by_value, factor);
    trials[n_trials].margin =
        g_array_index (s->candidates, Candidate, i).margin;
    trials[n_trials].all = TRUE;
    trials[n_trials].most_differ = trials[n_trials].most_unsure = G_MAXUINT;
    numbers[n_trials++] = i;
  }
  ok = cal_runner_run (s->runner, trials, results, n_trials);
  found->trials += n_trials;
  for (i = 0; i < n_trials; i++) {
    double *tolerances = (double *) trials[i].tolerances;
    gboolean cheaper = !found->tolerances
        || results[i].cost < found->final.cost;

    /* 0 is exact, and the end of it */
    if (ok && cheaper && (factor == 0.0 || holds_on_both (s, &results[i]))) {
      g_free (found->tolerances);
      found->tolerances = g_steal_pointer (&tolerances);
      found->margin = factor > 0.0 ? trials[i].margin : 0.0;
      found->final = results[i];
      found->narrowed = factor < 1.0;
      open[numbers[i]] = FALSE;
    } else if (!cheaper) {
      open[numbers[i]] = FALSE;
    }
    g_free (tolerances);
  }
  g_free (trials);
  g_free (results);
  g_free (numbers);
  return ok;
}

static void
free_candidate (gpointer data)
{
  g_free (((Candidate *) data)->by_value);
}

/* Leaves the cheapest candidates, and the first of these with larger margins, too: frames
 * held out may ask for more than those searched on. */
static void
guard_more (Search * s)
{
  guint n = MIN (s->candidates->len, MOST_CANDIDATES), i, j;

  g_array_set_size (s->candidates, n);
  for (i = 0; i < MIN (n, MOST_GUARDED); i++)
    for (j = 0; j < MORE_MARGINS; j++) {
      Candidate more = g_array_index (s->candidates, Candidate, i);

      more.margin = turned (more.margin, pow (TURN, j + 1));
      more.by_value = scaled (s, more.by_value, 1.0);
      g_array_append_val (s->candidates, more);
    }
}

/* Step 4. */
static gboolean
confirm (Search * s)
{
  gboolean open[MOST_CANDIDATES + MOST_GUARDED * MORE_MARGINS], ok = TRUE;
  gdouble factor = 1.0;
  guint n, i, left;

  guard_more (s);
  n = left = s->candidates->len;
  for (i = 0; i < n; i++)
    open[i] = TRUE;
  while (ok && left) {
    tell (s, "on the frames held out", 0.0);
    ok = confirm_scaled (s, factor, open, n);
    factor = factor > 1e-3 ? factor * NARROWING : 0.0;
    for (i = left = 0; i < n; i++)
      left += open[i];
  }
  return ok;
}

gboolean
cal_search (CalRunner * runner, const CalFrames * frames,
    const CalSearchSettings * settings, CalFound * found)
{
  Search s = { runner, frames, settings, dcn_net_program (frames->net), found };
  guint i, searched = frames->frames->len - frames->n_held_out;
  gdouble may, work = (gdouble) dcn_net_macs (frames->net) * searched;
  double *by_group;
  gdouble cost = G_MAXDOUBLE;
  gboolean ok, again = FALSE;

  memset (found, 0, sizeof *found);
  may = searched * (1.0 - settings->agreement);
  s.most_differ = (guint) floor (may * (1.0 - RESERVE) + 1e-9);
  /* few frames: the one that may differ must not be lost to rounding */
  if (s.most_differ == 0 && frames->frames->len * (1.0 -
          settings->agreement) >= 1.0 - 1e-9)
    s.most_differ = 1;
  s.most_unsure = (guint) floor (MAX (may, s.most_differ) * UNSURE + 1e-9);
  s.group = g_new (gint, s.program->n_values);
  s.shape = g_new (double, s.program->n_values);
  for (i = 0; i < (guint) s.program->n_values; i++) {
    s.group[i] = -1;
    s.shape[i] = 1.0;
  }
  /* Large networks get fewer groups and fewer frames, so that a round still ends. */
  s.n_groups = cal_values_group (s.program,
      CLAMP ((guint) (1.5e12 / MAX (work, 1.0)), FEWEST_GROUPS, MOST_GROUPS),
      s.group);
  s.skip = CLAMP ((guint) (work / 5e10), 1, 4);
  s.coarse = MIN (s.skip, MAX (s.most_differ, 1));
  by_group = g_new (double, MAX (s.n_groups, 1));
  s.candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_array_set_clear_func (s.candidates, free_candidate);
  cal_runner_set_deadline (runner, settings->deadline);
  for (i = 0; i < s.n_groups; i++)
    by_group[i] = 0.0;
  ok = find_margin (&s, by_group, &cost)
      && find_again (&s, by_group, &cost, &again);
  if (s.candidates->len)
    ok = ok && (again || find_shape (&s, by_group, &cost))
        && turn_margin (&s, by_group, &cost) && refine (&s, by_group, &cost)
        && turn_margin (&s, by_group, &cost) && settle (&s, by_group);
  else                          /* not even the smallest: by_group is 0 */
    remember (&s, by_group, 0.0);
  cal_runner_set_deadline (runner, 0);
  ok = ok && confirm (&s);
  g_array_unref (s.candidates);
  g_free (by_group);
  g_free (s.group);
  g_free (s.shape);
  if (!ok)
    cal_found_clear (found);
  return ok;
}

void
cal_found_clear (CalFound * found)
{
  g_clear_pointer (&found->tolerances, g_free);
}
