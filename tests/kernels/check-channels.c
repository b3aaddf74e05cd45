/* deltacnn tests: what works across all channels of a pixel, against the definition in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"

/* Lengths around those of several vectors. */
#define LONGEST 140

/* Values around `middle`; one of them may be no number, or infinite. */
static float *
pixel(int n, float middle, float width, GuardSide side, float *odd)
{
  static const float none[] = {0, 0, 0, NAN, INFINITY, -INFINITY};
  float *x = guarded_new((size_t)n, 4, side);
  for (int i = 0; i < n; i++)
    x[i] = middle + width * random_value(VALUES_UNIFORM);
  *odd = none[g_test_rand_int_range(0, G_N_ELEMENTS(none))];
  if (*odd != 0)
    x[g_test_rand_int_range(0, n)] = *odd;
  return x;
}

static void
softmax_case(const DcnKernels *k, int n, float middle, float width, GuardSide side)
{
  float odd, *x = pixel(n, middle, width, side, &odd), *y = guarded_new((size_t)n, 4, side);
  double top = -INFINITY, sum = 0;
  for (int i = 0; i < n; i++)
    top = x[i] > top ? x[i] : top; /* as in src/net/steps.c */
  for (int i = 0; i < n; i++)
    sum += exp(x[i] - top);
  k->softmax(x, y, n);
  for (int i = 0; i < n; i++) {
    const double want = exp(x[i] - top) / sum; /* the difference is rounded to a float */
    if (isnan(odd) || odd == INFINITY || top == -INFINITY)
      g_assert_true(isnan(y[i]));
    else if (!(fabs(y[i] - want) <= (2e-6 + ldexp(fmin(top - x[i], 256), -24)) * want + 2e-38))
      g_error("softmax %s: channel %d of %d, %g, gives %.9g, not %.9g", k->isa, i, n, x[i], y[i],
              want);
  }
  for (int i = 0; i < n; i++)
    g_assert_cmpint(fpclassify(y[i]), !=, FP_SUBNORMAL); /* which are slow wherever they go */
  k->softmax(x, x, n);                                   /* in place */
  for (int i = 0; i < n; i++)
    g_assert_true(same(x[i], y[i]));
  guarded_free(x, "softmax");
  guarded_free(y, "softmax");
}

void
check_softmax(const DcnKernels *k)
{
  for (int n = 1; n <= LONGEST; n++)
    for (int i = 0; i < 8; i++)
      softmax_case(k, n, i & 1 ? 50 : -1e4f, i & 2 ? 3 : 200, i & 4 ? GUARD_END : GUARD_START);
}

static void
normalise_case(const DcnKernels *k, int n, float middle, float epsilon, GuardSide side)
{
  float odd, *x = pixel(n, middle, 2, side, &odd), *y = guarded_new((size_t)n, 4, side);
  double mean = 0, variance = 0;
  for (int i = 0; i < n; i++)
    mean += (double)x[i] / n;
  for (int i = 0; i < n; i++)
    variance += (x[i] - mean) * (x[i] - mean) / n;
  k->normalise(x, epsilon, y, n);
  const double scale = 1 / sqrt(variance + (double)epsilon);
  /* The mean is off by some roundings of the values; the rest by some of the result. */
  const double bound = (double)n * ldexp(fabsf(middle) + 2, -24) * scale;
  for (int i = 0; i < n; i++) {
    const double want = (x[i] - mean) * scale;
    if (odd != 0)
      g_assert_false(isfinite(y[i]));
    else if (!(fabs(y[i] - want) <= bound + 1e-5 * fabs(want)))
      g_error("normalise %s: channel %d of %d, %g, gives %.9g, not %.9g", k->isa, i, n, x[i], y[i],
              want);
  }
  k->normalise(x, epsilon, x, n); /* in place */
  for (int i = 0; i < n; i++)
    g_assert_true(same(x[i], y[i]));
  guarded_free(x, "normalise");
  guarded_free(y, "normalise");
}

void
check_normalise(const DcnKernels *k)
{
  for (int n = 1; n <= LONGEST; n++)
    for (int i = 0; i < 8; i++)
      normalise_case(k, n, i & 1 ? 100 : 0, i & 2 ? 1e-5f : 0.5f, i & 4 ? GUARD_END : GUARD_START);
}
