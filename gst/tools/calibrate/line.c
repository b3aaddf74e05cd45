/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tolerances that are too large are found out early in a trial, those that are smaller
 * than need be are expensive to try: so it goes from the first ones known to the edge, two
 * trials at a time, whatever the number of threads.  Beyond some point larger ones cost
 * more, too, as more frames are run again.
 */
#include "space.h"

#include <math.h>

#define MOST_PAIRS 10
/* Where something holds already, what has not been cheaper by then. */
#define MOST_PAIRS_IN_VAIN 2
/* Steps that have not found the edge grow. */
#define GROWTH 1.5
/* Factors that are nearer to each other are the same. */
#define FINEST 1.08
/* The same, where the best so far is not likely to be reached. */
#define COARSEST 1.2

typedef struct
{
  double low;                   /* the largest that keeps, or 0 */
  gboolean low_wins;            /* it is the best so far */
  double high;                  /* the smallest known not to, or that costs more; or 0 */
} Edge;

/* Two factors, or none. */
static gboolean
choose (const Edge * edge, double *ratio, double factors[2])
{
  double gap;

  if (!edge->low && !edge->high) {
    factors[0] = 1.0;
    factors[1] = *ratio;
    return TRUE;
  }
  if (edge->low && edge->high) {
    gap = edge->high / edge->low;
    if (gap <= (edge->low_wins ? FINEST : COARSEST))
      return FALSE;
    factors[0] = edge->low * cbrt (gap);
    factors[1] = edge->low * cbrt (gap * gap);
    return TRUE;
  }
  *ratio = pow (*ratio, GROWTH);
  factors[0] = edge->low ? edge->low * sqrt (*ratio) : edge->high / *ratio;
  factors[1] = edge->low ? edge->low * *ratio : edge->high / sqrt (*ratio);
  return TRUE;
}

static void
take (CalPoint * best, const CalSpace * space, const CalPoint * from,
    double factor, const CalResult * result)
{
  guint i;

  for (i = 0; i < space->n_groups; i++)
    best->by_group[i] = MIN (from->by_group[i] * factor, CAL_HIGHEST);
  best->margin = from->margin;
  best->cost = result->cost;
  best->result = *result;
}

/* Whether tolerances of all groups are at their limits already. */
static gboolean
is_beyond (const CalSpace * space, const CalPoint * from, double factor,
    gboolean above)
{
  gint i;

  for (i = 0; i < space->program->n_values; i++) {
    double tolerance = space->group[i] < 0 ? -1.0 :
        from->by_group[space->group[i]] * space->shape[i] * factor;

    if (tolerance >= 0.0 && (above ? tolerance < CAL_HIGHEST :
            tolerance > CAL_LOWEST / 2))
      return FALSE;
  }
  return TRUE;
}

gboolean
cal_line_search (CalSpace * space, const CalPoint * from, double ratio,
    CalPoint * best, gboolean * better)
{
  const CalPoint *points[2] = { from, from };
  Edge edge = { 0 };
  double factors[2];
  gboolean won = FALSE, known = best->cost < G_MAXDOUBLE;
  guint pair, i;

  for (pair = 0; pair < MOST_PAIRS && choose (&edge, &ratio, factors); pair++) {
    CalResult results[2] = { {{0}
        }
    };

    if (cal_runner_is_late (space->runner))
      break;
    if (!cal_space_try (space, points, factors, 2, FALSE, best->cost, results))
      return FALSE;
    for (i = 0; i < 2; i++) {
      gboolean keeps = cal_space_keeps (space, &results[i]);

      if (edge.high && factors[i] >= edge.high)
        break;
      if (keeps && results[i].cost < best->cost) {
        take (best, space, from, factors[i], &results[i]);
        won = TRUE;
        edge.low = factors[i];
        edge.low_wins = TRUE;
      } else if (!edge.low_wins && (keeps || results[i].too_costly)) {
        edge.low = factors[i];
      } else {
        edge.high = factors[i];
        break;
      }
    }
    if (!won && known && pair + 1 >= MOST_PAIRS_IN_VAIN)
      break;
    if ((!edge.high && is_beyond (space, from, edge.low, TRUE))
        || (!edge.low && is_beyond (space, from, edge.high, FALSE)))
      break;
  }
  if (better)
    *better = won;
  return TRUE;
}
