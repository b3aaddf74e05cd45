/* deltacnn tests: the transforms of products of polynomials, against sums in double from the points' definition.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"
#include "kernels/points.h"

static const double points[DCN_POINT_COUNT] = {0, 0.5, -0.5, 1, -1, 2, -2};

/* Additions and multiplications of a value, and constants that are rounded. */
#define ROUNDINGS 16

static void
in_case(const DcnKernels *k, int count, int n, Values values, GuardSide guard)
{
  char *what = g_strdup_printf("points_in %s: %d pixels of %d, values %d side %d", k->isa, count, n,
                               values, guard);
  size_t step = (size_t)(n + g_test_rand_int_range(0, 3)),
         ldv = (size_t)(n + g_test_rand_int_range(0, 20));
  size_t floats = (size_t)(count - 1) * step + (size_t)n,
         written = (DCN_POINT_COUNT - 1) * ldv + (size_t)n;
  float *x = guarded_new(floats, 4, guard), *v = guarded_new(written, 4, guard);
  fill(x, floats, values);
  k->points_in(x, step, count, n, v, ldv);
  for (size_t p = 0; p < DCN_POINT_COUNT; p++) {
    for (size_t j = 0; j < (size_t)n; j++) {
      double want = 0, magnitude = 0;
      for (int i = 0; i < count; i++) {
        double term = x[(size_t)i * step + j] * pow(points[p], i);
        want += term;
        magnitude += fabs(term);
      }
      double bound = values == VALUES_INTEGER ? 0 : sum_bound(ROUNDINGS, magnitude);
      if (!(fabs(v[p * ldv + j] - want) <= bound))
        g_error("%s: float %zu at point %zu is %.9g, not %.9g +- %.3g", what, j, p, v[p * ldv + j],
                want, bound);
    }
    for (size_t j = p * ldv + (size_t)n; j < MIN((p + 1) * ldv, written); j++)
      if (to_bits(v[j]) != 0xffffffff)
        g_error("%s: wrote beyond the floats of point %zu", what, p);
  }
  guarded_free(v, what);
  guarded_free(x, what);
  g_free(what);
}

/* The coefficients of the product of (x - q) over all points q but p. */
static void
polynomial_without(int p, double row[DCN_POINT_COUNT])
{
  int degree = 0;
  memset(row, 0, DCN_POINT_COUNT * sizeof *row);
  row[0] = 1;
  for (int q = 0; q < DCN_POINT_COUNT; q++) {
    if (q == p)
      continue;
    degree++;
    for (int e = degree; e > 0; e--)
      row[e] = row[e - 1] - points[q] * row[e];
    row[0] *= -points[q];
  }
}

static void
out_case(const DcnKernels *k, int columns, Values values, GuardSide guard)
{
  char *what = g_strdup_printf("points_out %s: %d columns, values %d side %d", k->isa, columns,
                               values, guard);
  double rows[DCN_POINT_COUNT][DCN_POINT_COUNT];
  for (int p = 0; p < DCN_POINT_COUNT; p++)
    polynomial_without(p, rows[p]);
  size_t ldv = (size_t)(columns + g_test_rand_int_range(0, 20)),
         at = (size_t)g_test_rand_int_range(0, 5), n = (size_t)columns,
         read = (DCN_POINT_COUNT - 1) * ldv + n;
  float *v = guarded_new(read, 4, guard), *out[DCN_POINT_COUNT], *before[DCN_POINT_COUNT];
  fill(v, read, values);
  for (int i = 0; i < DCN_POINT_COUNT; i++) {
    out[i] = g_test_rand_int_range(0, 4) ? guarded_new(at + n, 4, guard) : NULL;
    before[i] = g_new(float, n);
    fill(before[i], n, values);
    if (out[i])
      memcpy(out[i] + at, before[i], n * sizeof(float));
  }
  k->points_out(v, ldv, out, at, columns);
  for (int i = 0; i < DCN_POINT_COUNT; i++) {
    for (size_t j = 0; out[i] && j < n; j++) {
      double want = before[i][j], magnitude = fabs(want);
      for (size_t p = 0; p < DCN_POINT_COUNT; p++) {
        want += rows[p][i] * v[p * ldv + j];
        magnitude += fabs(rows[p][i] * v[p * ldv + j]);
      }
      double bound = values == VALUES_INTEGER ? 0 : sum_bound(ROUNDINGS, magnitude);
      if (!(fabs(out[i][at + j] - want) <= bound))
        g_error("%s: coefficient %d of column %zu is %.9g, not %.9g +- %.3g", what, i, j,
                out[i][at + j], want, bound);
    }
    for (size_t j = 0; out[i] && j < at; j++)
      if (to_bits(out[i][j]) != 0xffffffff)
        g_error("%s: wrote before the columns of coefficient %d", what, i);
    if (out[i])
      guarded_free(out[i], what);
    g_free(before[i]);
  }
  guarded_free(v, what);
  g_free(what);
}

void
check_points_in(const DcnKernels *k)
{
  int number = 0;
  for (int n = 1; n <= 40; n++)
    for (int count = 1; count <= DCN_POINT_COUNT; count++, number++)
      in_case(k, count, n, number % 3, number / 3 % 2);
}

void
check_points_out(const DcnKernels *k)
{
  for (int number = 0; number < 210; number++)
    out_case(k, 1 + number / 3, number % 3, number % 2);
}
