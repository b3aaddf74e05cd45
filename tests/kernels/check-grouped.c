/* deltacnn tests: convolutions of 3x3 in groups of few channels.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"
#include "util/memory.h"

#define ROWS_MAX  5
#define LINES_MAX ((ROWS_MAX - 1) * 2 + 3)

static float *
guarded_filled(int n, Values values, GuardSide side)
{
  float *p = guarded_new((size_t)n, 4, side);
  fill(p, n, values);
  return p;
}

/* Against the definition in double. */
static void
check_output(const DcnKernels *k, const DcnGroupedRows *d, int row, int p, int j, Values values)
{
  const int group = d->group, first = j - j % group;
  double sum = d->bias ? d->bias[j] : 0, magnitude = fabs(sum);
  for (int t = 0; t < 9; t++) {
    const float *line = d->lines[row * d->stride + t / 3];
    const int x = p * d->stride - d->left + t % 3;
    for (int c = 0; line && x >= 0 && x < d->in_w && c < group; c++) {
      const double product = (double)line[(size_t)x * d->step + (size_t)(first + c)] *
                             d->w[((j / 16 * 3 + t / 3) * group + c) * 48 + t % 3 * 16 + j % 16];
      sum += product;
      magnitude += fabs(product);
    }
  }
  const double bound = values == VALUES_INTEGER ? 0 : sum_bound(9 * group, magnitude);
  const float got = d->out[(size_t)row * d->row + (size_t)p * d->ldo + (size_t)j],
              low = fmaxf(d->lo, fminf(d->hi, (float)(sum - bound))),
              high = fmaxf(d->lo, fminf(d->hi, (float)(sum + bound)));
  if (!(got >= nextafterf(low, -INFINITY) && got <= nextafterf(high, INFINITY)))
    g_error("grouped_rows %s: groups of %d, stride %d, row %d of %d, pixel %d of %d, channel %d is "
            "%.9g, not %.9g",
            k->isa, group, d->stride, row, d->rows, p, d->pixels, j, got, sum);
}

/* Lines end (or begin) at a guard page, pixels and rows have gaps; one line may be missing. */
static void
grouped_case(const DcnKernels *k, int group, int channels, int stride, int rows, int pixels,
             int left, int beyond, Values values, GuardSide side)
{
  const int gap = g_test_rand_bit() ? 5 : 0, lines_n = (rows - 1) * stride + 3;
  const int in_w = (pixels - 1) * stride + 3 - left - beyond;
  const size_t step = (size_t)(channels + gap), row = (size_t)pixels * step + 3;
  const int out_floats = (int)((size_t)(rows - 1) * row + (size_t)(pixels - 1) * step) + channels;
  const float *lines[LINES_MAX];
  float *in[LINES_MAX], *w = guarded_new((size_t)(channels * 9 * group), DCN_ALIGN, GUARD_END);
  float *bias = guarded_filled(channels, values, side),
        *out = guarded_new((size_t)out_floats, 4, side);
  const int missing = g_test_rand_int_range(0, lines_n + 1);
  fill(w, channels * 9 * group, values);
  for (int i = 0; i < lines_n; i++) {
    in[i] = guarded_filled((in_w - 1) * (int)step + channels, values, side);
    lines[i] = i == missing ? NULL : in[i];
  }
  const DcnGroupedRows d = {.group = group,
                            .lines = lines,
                            .step = step,
                            .in_w = in_w,
                            .stride = stride,
                            .left = left,
                            .w = w,
                            .bias = g_test_rand_bit() ? bias : NULL,
                            .lo = -1,
                            .hi = 6,
                            .out = out,
                            .ldo = step,
                            .row = row,
                            .rows = rows,
                            .pixels = pixels};
  k->grouped_rows(&d, channels);
  static const unsigned char untouched[4] = {GUARD_BYTE, GUARD_BYTE, GUARD_BYTE, GUARD_BYTE};
  for (int i = 0; i < out_floats; i++) {
    const int y = i / (int)row, p = i % (int)row / (int)step, j = i % (int)row % (int)step;
    if (p < pixels && j < channels)
      check_output(k, &d, y, p, j, values);
    else
      g_assert_cmpmem(&out[i], 4, untouched, 4);
  }
  for (int i = 0; i < lines_n; i++)
    guarded_free(in[i], "grouped_rows");
  guarded_free(w, "grouped_rows");
  guarded_free(bias, "grouped_rows");
  guarded_free(out, "grouped_rows");
}

void
check_grouped_rows(const DcnKernels *k)
{
  static const int widths[] = {2, 3, 4, 5, 7, 8, 14, 17};
  for (int group = 4; group <= 16; group *= 2)
    for (guint i = 0; i < G_N_ELEMENTS(widths); i++)
      for (int kind = 0; kind < 8; kind++)
        grouped_case(k, group, 16 * (1 + kind % 3), 1 + (kind & 1),
                     1 + (int)(i + (guint)kind) % ROWS_MAX, widths[i], kind >> 1 & 1, kind >> 2 & 1,
                     (i + (guint)kind) % 3 ? VALUES_UNIFORM : VALUES_INTEGER,
                     kind & 4 ? GUARD_START : GUARD_END);
}
