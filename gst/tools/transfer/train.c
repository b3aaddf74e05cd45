/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "train.h"
#include "util/parallel.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

/* The samples are summed over in so many parts, whatever the number of threads, so that
 * rounding is the same on all machines of a kind. */
#define PARTS 16
/* Pairs of steps and changes of the gradient that L-BFGS remembers. */
#define MEMORY 10
#define MOST_ITERATIONS 500
/* Products are of floats: below that, a gradient's largest entry is noise. */
#define FLAT 5e-6
#define ARMIJO 1e-4
/* Strengths that are tried: from FIRST_L2 down in factors of sqrt (10). */
#define FIRST_L2 100.0
#define L2_STEPS 17
/* So many that do no better on the validation samples end it. */
#define PATIENCE 2

typedef struct
{
  const TransferSamples *samples;
  guint n_features, n_classes;
  gint threads;
  gdouble *class_weights;       /* [n_classes] r, already over their sum */
  float *weights;               /* [n_classes][n_features] of the point looked at */
  const gdouble *bias;
  gboolean with_gradient;
  float *scores;                /* [n][n_classes] */
  float *part_gradients;        /* [PARTS][n_classes][n_features] */
  gdouble part_loss[PARTS];
  gdouble *part_bias;           /* [PARTS][n_classes] */
} Problem;

void
transfer_softmax (const float *scores, guint n_classes, gdouble * confidences)
{
  gdouble max = scores[0], sum = 0.0;
  guint c;

  for (c = 1; c < n_classes; c++)
    max = MAX (max, scores[c]);
  for (c = 0; c < n_classes; c++)
    sum += confidences[c] = exp (scores[c] - max);
  for (c = 0; c < n_classes; c++)
    confidences[c] /= sum;
}

static void
problem_init (Problem * p, const TransferSamples * samples, guint n_features,
    guint n_classes, gint threads, gboolean with_gradient)
{
  guint *count = g_new0 (guint, n_classes), i, present = 0;

  memset (p, 0, sizeof *p);
  p->samples = samples;
  p->n_features = n_features;
  p->n_classes = n_classes;
  p->threads = threads;
  p->with_gradient = with_gradient;
  p->weights = g_new (float, (gsize) n_classes * n_features);
  p->scores = g_new (float, (gsize) samples->n * n_classes);
  p->class_weights = g_new0 (gdouble, n_classes);
  p->part_bias = g_new0 (gdouble, (gsize) PARTS * n_classes);
  if (with_gradient)
    p->part_gradients = g_new0 (float, (gsize) PARTS * n_classes * n_features);
  for (i = 0; i < samples->n; i++)
    count[samples->y[i]]++;
  for (i = 0; i < n_classes; i++)
    present += count[i] > 0;
  for (i = 0; i < n_classes; i++)
    if (count[i])
      p->class_weights[i] = 1.0 / present / count[i];
  g_free (count);
}

static void
problem_clear (Problem * p)
{
  g_free (p->weights);
  g_free (p->scores);
  g_free (p->class_weights);
  g_free (p->part_bias);
  g_free (p->part_gradients);
}

static void
do_part (Problem * p, guint part)
{
  guint n = p->samples->n, c, i;
  guint first = (guint64) n * part / PARTS;
  guint end = (guint64) n * (part + 1) / PARTS;
  guint k = p->n_features, m = p->n_classes;
  float *scores = p->scores + (gsize) first * m;
  const float *x = p->samples->x + (gsize) first * k;
  gdouble *confidences = g_new (gdouble, m);
  gdouble *bias = p->part_bias + (gsize) part * m;
  gdouble loss = 0.0;

  memset (bias, 0, m * sizeof *bias);
  if (end > first)
    cblas_sgemm (CblasRowMajor, CblasNoTrans, CblasTrans, end - first, m, k,
        1.0f, x, k, p->weights, k, 0.0f, scores, m);
  for (i = first; i < end; i++, scores += m) {
    guint y = p->samples->y[i];
    gdouble r = p->class_weights[y];

    for (c = 0; c < m; c++)
      scores[c] += p->bias[c];
    transfer_softmax (scores, m, confidences);
    loss -= r * log (MAX (confidences[y], 1e-300));
    for (c = 0; c < m; c++) {
      gdouble slope = r * (confidences[c] - (c == y));

      scores[c] = slope;
      bias[c] += slope;
    }
  }
  p->part_loss[part] = loss;
  if (p->with_gradient) {
    float *gradient = p->part_gradients + (gsize) part * m * k;

    if (end > first)
      cblas_sgemm (CblasRowMajor, CblasTrans, CblasNoTrans, m, k, end - first,
          1.0f, p->scores + (gsize) first * m, m, x, k, 0.0f, gradient, k);
    else
      memset (gradient, 0, (gsize) m * k * sizeof *gradient);
  }
  g_free (confidences);
}

static void
do_parts (void *context, int begin, int end, int worker)
{
  for (; begin < end; begin++)
    do_part (context, begin);
}

/* Loss and, where wanted, gradient at point [n_classes][n_features] then [n_classes].
 * bare: the loss without the penalty; may be NULL. */
static gdouble
evaluate (Problem * p, const gdouble * point, gdouble l2, gdouble * gradient,
    gdouble * bare)
{
  gsize n_weights = (gsize) p->n_classes * p->n_features, i;
  gdouble loss = 0.0, square = 0.0;
  guint part, c;

  for (i = 0; i < n_weights; i++) {
    p->weights[i] = point[i];
    square += point[i] * point[i];
  }
  p->bias = point + n_weights;
  dcn_parallel_for (p->threads, PARTS, 1, do_parts, p);
  for (part = 0; part < PARTS; part++)
    loss += p->part_loss[part];
  if (bare)
    *bare = loss;
  if (gradient) {
    for (i = 0; i < n_weights; i++) {
      gdouble sum = l2 * point[i];

      for (part = 0; part < PARTS; part++)
        sum += p->part_gradients[part * n_weights + i];
      gradient[i] = sum;
    }
    for (c = 0; c < p->n_classes; c++) {
      gradient[n_weights + c] = 0.0;
      for (part = 0; part < PARTS; part++)
        gradient[n_weights + c] += p->part_bias[part * p->n_classes + c];
    }
  }
  return loss + 0.5 * l2 * square;
}

/* --- L-BFGS --- */

typedef struct
{
  gsize n;                      /* unknowns */
  gdouble *point, *gradient, *next, *next_gradient, *direction;
  gdouble *s[MEMORY], *y[MEMORY], rho[MEMORY];
  guint stored;                 /* pairs in all */
} Search;

static gdouble
dot (gsize n, const gdouble * a, const gdouble * b)
{
  gdouble sum = 0.0;
  gsize i;

  for (i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

static gdouble
largest (gsize n, const gdouble * a)
{
  gdouble max = 0.0;
  gsize i;

  for (i = 0; i < n; i++)
    max = MAX (max, fabs (a[i]));
  return max;
}

static void
search_init (Search * s, gsize n)
{
  guint i;

  memset (s, 0, sizeof *s);
  s->n = n;
  s->point = g_new0 (gdouble, n);
  s->gradient = g_new0 (gdouble, n);
  s->next = g_new0 (gdouble, n);
  s->next_gradient = g_new0 (gdouble, n);
  s->direction = g_new0 (gdouble, n);
  for (i = 0; i < MEMORY; i++) {
    s->s[i] = g_new0 (gdouble, n);
    s->y[i] = g_new0 (gdouble, n);
  }
}

static void
search_clear (Search * s)
{
  guint i;

  g_free (s->point);
  g_free (s->gradient);
  g_free (s->next);
  g_free (s->next_gradient);
  g_free (s->direction);
  for (i = 0; i < MEMORY; i++) {
    g_free (s->s[i]);
    g_free (s->y[i]);
  }
}

/* The two loops: minus the gradient times what is known of the inverse Hessian. */
static void
find_direction (Search * s)
{
  guint n_pairs = MIN (s->stored, MEMORY), i;
  gdouble alpha[MEMORY];
  gsize j;

  for (j = 0; j < s->n; j++)
    s->direction[j] = -s->gradient[j];
  for (i = 0; i < n_pairs; i++) {
    guint at = (s->stored - 1 - i) % MEMORY;

    alpha[at] = s->rho[at] * dot (s->n, s->s[at], s->direction);
    for (j = 0; j < s->n; j++)
      s->direction[j] -= alpha[at] * s->y[at][j];
  }
  if (n_pairs) {
    guint at = (s->stored - 1) % MEMORY;
    gdouble scale = 1.0 / (s->rho[at] * dot (s->n, s->y[at], s->y[at]));

    for (j = 0; j < s->n; j++)
      s->direction[j] *= scale;
  }
  for (i = n_pairs; i-- > 0;) {
    guint at = (s->stored - 1 - i) % MEMORY;
    gdouble beta = s->rho[at] * dot (s->n, s->y[at], s->direction);

    for (j = 0; j < s->n; j++)
      s->direction[j] += (alpha[at] - beta) * s->s[at][j];
  }
}

/* Keeps the pair and goes to the next point. */
static void
advance (Search * s)
{
  guint at = s->stored % MEMORY;
  gdouble curvature;
  gsize j;

  for (j = 0; j < s->n; j++) {
    s->s[at][j] = s->next[j] - s->point[j];
    s->y[at][j] = s->next_gradient[j] - s->gradient[j];
  }
  curvature = dot (s->n, s->s[at], s->y[at]);
  /* rounding may spoil it, the function is convex */
  if (curvature > 1e-12 * dot (s->n, s->s[at], s->s[at])) {
    s->rho[at] = 1.0 / curvature;
    s->stored++;
  }
  memcpy (s->point, s->next, s->n * sizeof *s->point);
  memcpy (s->gradient, s->next_gradient, s->n * sizeof *s->gradient);
}

/* From search->point to the minimum.  FALSE where step said so. */
static gboolean
minimise (Problem * p, Search * s, gdouble l2, TransferStep step,
    gpointer user_data, guint * iterations, gdouble * bare)
{
  gdouble loss = evaluate (p, s->point, l2, s->gradient, bare);
  guint i;

  /* what is known of another function's Hessian is no good start */
  s->stored = 0;
  for (i = 0; i < MOST_ITERATIONS; i++) {
    gdouble slope, length = 1.0, next = 0.0, next_bare = 0.0;
    guint tries;
    gsize j;

    if (step && !step (l2, *iterations, loss, user_data))
      return FALSE;
    if (largest (s->n, s->gradient) <= FLAT)
      break;
    find_direction (s);
    slope = dot (s->n, s->gradient, s->direction);
    if (s->stored == 0)
      length = 1.0 / MAX (1.0, sqrt (-slope));
    for (tries = 0; tries < 30; tries++, length *= 0.5) {
      for (j = 0; j < s->n; j++)
        s->next[j] = s->point[j] + length * s->direction[j];
      next = evaluate (p, s->next, l2, s->next_gradient, &next_bare);
      if (next <= loss + ARMIJO * length * slope)
        break;
    }
    /* no progress that floats can show */
    if (tries == 30)
      break;
    advance (s);
    loss = next;
    *bare = next_bare;
    (*iterations)++;
  }
  return TRUE;
}

/* --- Features --- */

static void
standardise (const TransferSamples * training, guint n_features,
    gdouble * mean, gdouble * scale)
{
  gdouble *square = g_new0 (gdouble, n_features);
  guint i, k;

  for (i = 0; i < training->n; i++)
    for (k = 0; k < n_features; k++)
      mean[k] += training->x[(gsize) i * n_features + k];
  for (k = 0; k < n_features; k++)
    mean[k] /= training->n;
  for (i = 0; i < training->n; i++)
    for (k = 0; k < n_features; k++) {
      gdouble d = training->x[(gsize) i * n_features + k] - mean[k];

      square[k] += d * d;
    }
  for (k = 0; k < n_features; k++) {
    gdouble deviation = sqrt (square[k] / training->n);

    /* what never changes says nothing */
    scale[k] = deviation > 1e-6 * fabs (mean[k]) && deviation > 1e-30 ?
        1.0 / deviation : 0.0;
  }
  g_free (square);
}

static void
apply (TransferSamples * samples, guint n_features, const gdouble * mean,
    const gdouble * scale)
{
  guint i, k;

  for (i = 0; i < samples->n; i++)
    for (k = 0; k < n_features; k++) {
      float *x = &samples->x[(gsize) i * n_features + k];

      *x = (*x - mean[k]) * scale[k];
    }
}

/* W (x - mean) scale + b as one linear function of x. */
static void
fold (const gdouble * point, guint n_features, guint n_classes,
    const gdouble * mean, const gdouble * scale, TransferLayer * layer)
{
  guint c, k;

  layer->weights = g_new (float, (gsize) n_classes * n_features);
  layer->bias = g_new (float, n_classes);
  for (c = 0; c < n_classes; c++) {
    gdouble bias = point[(gsize) n_classes * n_features + c];

    for (k = 0; k < n_features; k++) {
      gdouble w = point[(gsize) c * n_features + k] * scale[k];

      layer->weights[(gsize) c * n_features + k] = w;
      bias -= w * mean[k];
    }
    layer->bias[c] = bias;
  }
}

gboolean
transfer_train (TransferSamples * training, TransferSamples * validation,
    guint n_features, guint n_classes, gdouble l2, gint threads,
    TransferStep step, gpointer user_data, TransferLayer * layer)
{
  gsize n = ((gsize) n_features + 1) * n_classes;
  gdouble *mean = g_new0 (gdouble, n_features);
  gdouble *scale = g_new0 (gdouble, n_features);
  gdouble *best = g_new0 (gdouble, n);
  Problem learn, check;
  Search search;
  guint i, worse = 0;
  gboolean ok = TRUE;

  memset (layer, 0, sizeof *layer);
  layer->validation_loss = HUGE_VAL;
  /* threads are ours; and the products' rounding is then that of one */
  openblas_set_num_threads (1);
  standardise (training, n_features, mean, scale);
  apply (training, n_features, mean, scale);
  apply (validation, n_features, mean, scale);
  problem_init (&learn, training, n_features, n_classes, threads, TRUE);
  problem_init (&check, validation, n_features, n_classes, threads, FALSE);
  search_init (&search, n);
  for (i = 0; i < (l2 >= 0.0 ? 1 : L2_STEPS) && worse < PATIENCE; i++) {
    gdouble strength = l2 >= 0.0 ? l2 : FIRST_L2 * pow (10.0, -0.5 * i);
    gdouble loss, validation_loss = 0.0;

    ok = minimise (&learn, &search, strength, step, user_data,
        &layer->iterations, &loss);
    if (!ok)
      break;
    if (validation->n)
      evaluate (&check, search.point, 0.0, NULL, &validation_loss);
    if (validation_loss < layer->validation_loss) {
      layer->l2 = strength;
      layer->loss = loss;
      layer->validation_loss = validation_loss;
      memcpy (best, search.point, n * sizeof *best);
      worse = 0;
    } else {
      worse++;
    }
  }
  if (ok)
    fold (best, n_features, n_classes, mean, scale, layer);
  search_clear (&search);
  problem_clear (&learn);
  problem_clear (&check);
  g_free (best);
  g_free (mean);
  g_free (scale);
  return ok;
}

void
transfer_layer_clear (TransferLayer * layer)
{
  g_clear_pointer (&layer->weights, g_free);
  g_clear_pointer (&layer->bias, g_free);
}
