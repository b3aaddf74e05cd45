/* deltacnn: what works across all channels of a pixel, in portable C.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/portable.h"
#include <float.h>
#include <math.h>

/* The largest of n values, and NaN where the first is.  Four at a time, which need not wait for each other. */
static float
largest(const float *x, int n)
{
  float top[4] = {x[0], x[0], x[0], x[0]};
  int c = 0;
  for (; c + 4 <= n; c += 4)
    for (int i = 0; i < 4; i++)
      top[i] = x[c + i] > top[i] ? x[c + i] : top[i];
  for (; c < n; c++)
    top[0] = x[c] > top[0] ? x[c] : top[0];
  for (int i = 1; i < 4; i++)
    top[0] = top[i] > top[0] ? top[i] : top[0];
  return top[0];
}

void
dcn_f32_softmax__portable(const float *x, float *y, int n)
{
  const float top = largest(x, n);
  double sums[4] = {0};
  int c = 0;
  for (; c + 4 <= n; c += 4)
    for (int i = 0; i < 4; i++) {
      y[c + i] = expf(x[c + i] - top);
      sums[i] += y[c + i];
    }
  for (; c < n; c++) {
    y[c] = expf(x[c] - top);
    sums[0] += y[c];
  }
  const float scale = (float)(1 / ((sums[0] + sums[1]) + (sums[2] + sums[3])));
  const float least = (float)(FLT_MIN / scale); /* channels-template.h says why */
  for (c = 0; c < n; c++)
    y[c] = y[c] < least ? 0 : y[c] * scale;
}

/* In so many sums, which need not wait for each other. */
#define SUMS 16

static double
sum_of(const float *x, float less, gboolean squares, int n)
{
  float sums[SUMS] = {0};
  double sum = 0;
  int c = 0;
  for (; c + SUMS <= n; c += SUMS)
    for (int i = 0; i < SUMS; i++) {
      const float d = x[c + i] - less;
      sums[i] += squares ? d * d : d;
    }
  for (; c < n; c++) {
    const float d = x[c] - less;
    sum += squares ? d * d : d;
  }
  for (int i = 0; i < SUMS; i++)
    sum += sums[i];
  return sum;
}

/* Two passes: the mean first, as a difference of two large sums would lose the variance. */
void
dcn_f32_normalise__portable(const float *x, float epsilon, float *y, int n)
{
  const float mean = (float)(sum_of(x, 0, FALSE, n) / n);
  const float scale = (float)(1 / sqrt(sum_of(x, mean, TRUE, n) / n + (double)epsilon));
  for (int c = 0; c < n; c++)
    y[c] = (x[c] - mean) * scale;
}
