/* deltacnn tests: the transforms of Winograd convolutions, against matrices made in double from the points' definition.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"
#include "kernels/winograd.h"

#define SIDE_MOST (DCN_WINOGRAD_MOST + 2)

/* The finite points of F(m); the last one is infinity. */
static const double points_2[] = {0, 1, -1}, points_4[] = {0, DCN_WINOGRAD_A, -DCN_WINOGRAD_A,
                                                           DCN_WINOGRAD_B, -DCN_WINOGRAD_B};

/* Row j of B^T: the coefficients of the product of (x - p) over all other points; of infinity: over all.  For F(2) rows 2
 * and 3 may have either sign, as long as the weights' have, too: there the kernel's is (-x + x^2), (-x + x^3). */
static void
input_matrix(int m, double matrix[SIDE_MOST][SIDE_MOST])
{
  const double *points = m == 2 ? points_2 : points_4;
  int n = m + 1;
  memset(matrix, 0, SIDE_MOST * sizeof *matrix);
  for (int j = 0; j <= n; j++) {
    double *row = matrix[j];
    int degree = 0;
    row[0] = 1;
    for (int i = 0; i < n; i++) {
      if (i == j)
        continue;
      degree++;
      for (int e = degree; e > 0; e--)
        row[e] = row[e - 1] - points[i] * row[e];
      row[0] *= -points[i];
    }
  }
  if (m == 2) /* x^2 - 1 is written 1 - x^2 */
    for (int e = 0; e < 4; e++)
      matrix[0][e] = -matrix[0][e];
}

/* Row y of A^T: the points to the power y. */
static void
output_matrix(int m, double matrix[SIDE_MOST][SIDE_MOST])
{
  const double *points = m == 2 ? points_2 : points_4;
  memset(matrix, 0, SIDE_MOST * sizeof *matrix);
  for (int y = 0; y < m; y++) {
    for (int j = 0; j <= m; j++)
      matrix[y][j] = pow(points[j], y);
    matrix[y][m + 1] = y == m - 1;
  }
}

/* Constants that are rounded to floats, and up to 6 additions and multiplications a side. */
#define ROUNDINGS 24

typedef struct {
  double value, magnitude;
} Sum;

/* Element (y, x) of matrix times tile times its transpose. */
static Sum
transformed(double matrix[SIDE_MOST][SIDE_MOST], int side, const float *const *tile, int y, int x,
            int k)
{
  Sum s = {0, 0};
  for (int i = 0; i < side; i++)
    for (int j = 0; j < side; j++) {
      double product = matrix[y][i] * matrix[x][j] * tile[i * side + j][k];
      s.value += product;
      s.magnitude += fabs(product);
    }
  return s;
}

static void
in_case(const DcnKernels *k, int m, int channels, Values values, GuardSide guard)
{
  int side = m + 2, n = side * side;
  char *what = g_strdup_printf("winograd_in %s: F(%d), %d channels, values %d side %d", k->isa, m,
                               channels, values, guard);
  double matrix[SIDE_MOST][SIDE_MOST];
  input_matrix(m, matrix);
  float *tile[DCN_WINOGRAD_POINTS];
  for (int i = 0; i < n; i++) {
    tile[i] = guarded_new(channels, 4, guard);
    fill(tile[i], channels, values);
  }
  size_t ldv = channels + g_test_rand_int_range(0, 20), count = (n - 1) * ldv + channels;
  float *v = guarded_new(count, 4, guard);
  k->winograd_in(m, (const float *const *)tile, v, ldv, channels);
  for (int i = 0; i < n; i++) {
    for (int c = 0; c < channels; c++) {
      Sum want = transformed(matrix, side, (const float *const *)tile, i / side, i % side, c);
      double bound = m == 2 && values == VALUES_INTEGER ? 0 : sum_bound(ROUNDINGS, want.magnitude);
      if (!(fabs(v[i * ldv + c] - want.value) <= bound))
        g_error("%s: element %d of channel %d is %.9g, not %.9g +- %.3g", what, i, c,
                v[i * ldv + c], want.value, bound);
    }
    for (size_t c = i * ldv + channels; c < MIN((i + 1) * ldv, count); c++)
      if (to_bits(v[c]) != 0xffffffff)
        g_error("%s: wrote beyond the channels of element %d", what, i);
  }
  guarded_free(v, what);
  for (int i = 0; i < n; i++)
    guarded_free(tile[i], what);
  g_free(what);
}

static void
out_case(const DcnKernels *k, int m, int columns, Values values, GuardSide guard)
{
  int side = m + 2, n = side * side;
  char *what = g_strdup_printf("winograd_out %s: F(%d), %d columns, values %d side %d", k->isa, m,
                               columns, values, guard);
  double matrix[SIDE_MOST][SIDE_MOST];
  output_matrix(m, matrix);
  size_t lds = k->nr, at = g_test_rand_int_range(0, 5);
  float *sums = guarded_new((n - 1) * lds + columns, 4, guard),
        *bias = guarded_new(columns, 4, guard);
  const float *tile[DCN_WINOGRAD_POINTS];
  for (int i = 0; i < n; i++) {
    tile[i] = sums + i * lds;
    fill(sums + i * lds, columns, values);
  }
  fill(bias, columns, values);
  gboolean with_bias = g_test_rand_bit(), limited = g_test_rand_bit();
  float lo = limited ? -1 : -INFINITY, hi = limited ? 2 : INFINITY;
  float *out[DCN_WINOGRAD_MOST * DCN_WINOGRAD_MOST];
  gboolean all = g_test_rand_bit();
  for (int i = 0; i < m * m; i++)
    out[i] = all || g_test_rand_bit() ? guarded_new(at + columns, 4, guard) : NULL;
  g_assert_true(k->winograd_out(m, sums, with_bias ? bias : NULL, lo, hi, out, at, columns));
  for (int i = 0; i < m * m; i++) {
    if (!out[i])
      continue;
    for (int c = 0; c < columns; c++) {
      Sum want = transformed(matrix, side, tile, i / m, i % m, c);
      want.value += with_bias ? bias[c] : 0;
      want.magnitude += with_bias ? fabs(bias[c]) : 0;
      double bound = m == 2 && values == VALUES_INTEGER ? 0 : sum_bound(ROUNDINGS, want.magnitude);
      want.value = CLAMP(want.value, lo, hi);
      if (!(fabs(out[i][at + c] - want.value) <= bound))
        g_error("%s: pixel %d, channel %d is %.9g, not %.9g +- %.3g", what, i, c, out[i][at + c],
                want.value, bound);
    }
    for (size_t c = 0; c < at; c++)
      if (to_bits(out[i][c]) != 0xffffffff)
        g_error("%s: wrote before the channels of pixel %d", what, i);
    guarded_free(out[i], what);
  }
  guarded_free(bias, what);
  guarded_free(sums, what);
  g_free(what);
}

/* One number that is none, anywhere, is told; a limit does not hide it. */
static void
out_not_finite(const DcnKernels *k, int m)
{
  static const float bad[] = {NAN, INFINITY, -INFINITY};
  int n = (m + 2) * (m + 2);
  float sums[DCN_WINOGRAD_POINTS * 32], pixels[DCN_WINOGRAD_MOST * DCN_WINOGRAD_MOST][32];
  float *out[DCN_WINOGRAD_MOST * DCN_WINOGRAD_MOST];
  for (int i = 0; i < m * m; i++)
    out[i] = pixels[i];
  fill(sums, (size_t)n * k->nr, VALUES_UNIFORM);
  for (int i = 0; i < n * k->nr; i++) {
    float was = sums[i];
    g_assert_true(k->winograd_out(m, sums, NULL, 0, 6, out, 0, k->nr));
    sums[i] = bad[i % 3];
    g_assert_false(k->winograd_out(m, sums, NULL, 0, 6, out, 0, k->nr));
    sums[i] = was;
  }
}

void
check_winograd_in(const DcnKernels *k)
{
  int n = 0;
  for (int channels = 1; channels <= 70; channels++)
    for (int m = 2; m <= 4; m += 2, n++)
      in_case(k, m, channels, n % 3, n / 3 % 2);
}

void
check_winograd_out(const DcnKernels *k)
{
  int n = 0;
  for (int columns = 1; columns <= k->nr; columns++)
    for (int m = 2; m <= 4; m += 2, n++)
      out_case(k, m, columns, n % 3, n / 3 % 2);
  out_not_finite(k, 2);
  out_not_finite(k, 4);
}
