/* deltacnn: weights that are whole multiples of a step, as those of quantised models are.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model that was quantised and written in floats again has at most 256 different weights, each a whole number times a
 * step, rounded once.  Others have more among their first few hundred, so that it is soon found out. */
#include "net/steps.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST  256
#define SLOTS 1024 /* a power of two, some times MOST */

typedef struct {
  float values[MOST]; /* those seen, in any order */
  int n;
  uint16_t slots[SLOTS]; /* by a hash of their bits: 1 + where they stand; 0: none */
} Seen;

/* FALSE: there are too many, or it is not finite. */
static gboolean
see(Seen *seen, float value)
{
  uint32_t bits;
  value += 0.0f; /* there is one zero */
  memcpy(&bits, &value, sizeof bits);
  uint32_t slot = bits * 2654435761u >> 22;
  for (; seen->slots[slot]; slot = (slot + 1) % SLOTS)
    if (seen->values[seen->slots[slot] - 1] == value)
      return TRUE;
  if (seen->n == MOST || !isfinite(value))
    return FALSE;
  seen->values[seen->n++] = value;
  seen->slots[slot] = (uint16_t)seen->n;
  return TRUE;
}

static int
ascending(const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* The step that fits best, from one that is near it. */
static double
fitted(const float *values, int n, double step)
{
  double products = 0, squares = 0;
  for (int i = 0; i < n; i++) {
    double k = rint(values[i] / step);
    products += k * values[i];
    squares += k * k;
  }
  return squares > 0 ? products / squares : step;
}

static gboolean
all_are(const float *values, int n, double step, float scale)
{
  for (int i = 0; i < n; i++)
    if ((float)rint(values[i] / step) * scale != values[i])
      return FALSE;
  return TRUE;
}

/* Neighbours of the step that are tried, as it was rounded. */
#define NEIGHBOURS 4
/* As gemv_bytes wants it. */
#define ZERO_MOST 65536
/* Two values may never be one step apart. */
#define PARTS_MOST 4

static gboolean
find_step(Seen *seen, float *zero, float *scale)
{
  float *v = seen->values;
  int n = seen->n;
  qsort(v, (size_t)n, sizeof *v, ascending);
  double least = fmax(fabs(v[0]), fabs(v[n - 1]));
  /* fmin() would do, but gcc 12 for AArch64 stops with an error of its own at one over floats in double. */
  for (int i = 1; i < n; i++) {
    double apart = (double)v[i] - v[i - 1];
    least = apart < least ? apart : least;
  }
  if (least < 1e-30) { /* nothing but zeros; steps of denormal products are not looked for */
    *zero = 0;
    *scale = 1;
    return v[0] == 0 && v[n - 1] == 0;
  }
  for (int part = 1; part <= PARTS_MOST; part++) {
    double step = fitted(v, n, fitted(v, n, least / part)), first = rint(v[0] / step);
    if (rint(v[n - 1] / step) - first > 255 || fabs(first) > ZERO_MOST)
      return FALSE;
    float s = (float)step;
    for (int i = 0; i < NEIGHBOURS; i++)
      s = nextafterf(s, 0);
    for (int i = -NEIGHBOURS; i <= NEIGHBOURS; i++, s = nextafterf(s, HUGE_VALF)) {
      if (!all_are(v, n, step, s))
        continue;
      *zero = (float)-first;
      *scale = s;
      return TRUE;
    }
  }
  return FALSE;
}

static gboolean
see_all(Seen *seen, const float *weights, size_t count)
{
  seen->n = 0;
  memset(seen->slots, 0, sizeof seen->slots);
  for (size_t i = 0; i < count; i++)
    if (!see(seen, weights[i]))
      return FALSE;
  return TRUE;
}

static gboolean
fit(const float *weights, size_t count, float *zero, float *scale)
{
  Seen seen;
  return see_all(&seen, weights, count) && seen.n > 0 && find_step(&seen, zero, scale);
}

gboolean
dcn_steps_possible(const float *weights, size_t count)
{
  Seen seen;
  return see_all(&seen, weights, count);
}

gboolean
dcn_steps_fit(const float *weights, size_t outputs, size_t inputs, float *zero, float *scale)
{
  if (fit(weights, outputs * inputs, zero, scale)) {
    for (size_t j = 1; j < outputs; j++) {
      zero[j] = zero[0];
      scale[j] = scale[0];
    }
    return TRUE;
  }
  for (size_t j = 0; j < outputs; j++)
    if (!fit(weights + j * inputs, inputs, &zero[j], &scale[j]))
      return FALSE;
  return TRUE;
}

uint8_t
dcn_steps_byte(float weight, float zero, float scale)
{
  return (uint8_t)(rint((double)weight / scale) + zero);
}
