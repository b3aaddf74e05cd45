/* deltacnn: what works across all channels of a pixel, for any instruction set with vectors: softmax, normalisation.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To be included after squash-template.h, whose exponential and words for vectors it uses.  Two vectors at a time, which
 * need not wait for each other. */
#pragma once
#include "kernels/squash-template.h"

DCN_TEMPLATE float
channels_largest(const float *x, int n)
{
  const Vector infinite = splat(__builtin_inff());
  float lanes[LANES], top = x[0];
  if (n < LANES) {
    for (int k = 1; k < n; k++)
      top = x[k] > top ? x[k] : top;
    return top;
  }
  /* The last vector ends with the last channel. */
  Vector a = load(x), b = load(x + n - LANES);
  int k = LANES;
  for (; k + 2 * LANES <= n; k += 2 * LANES) {
    a = clamp(load(x + k), a, infinite);
    b = clamp(load(x + k + LANES), b, infinite);
  }
  if (k + LANES <= n)
    a = clamp(load(x + k), a, infinite);
  store(lanes, clamp(a, b, infinite));
  top = lanes[0];
  for (int i = 1; i < LANES; i++)
    top = lanes[i] > top ? lanes[i] : top;
  return top;
}

DCN_TEMPLATE double
channels_sum(Vector a, Vector b)
{
  float lanes[LANES];
  double sum = 0;
  store(lanes, a + b);
  for (int i = 0; i < LANES; i++)
    sum += lanes[i];
  return sum;
}

DCN_TEMPLATE void
softmax(const float *x, float *y, int n)
{
  const Vector top = splat(channels_largest(x, n));
  Vector a = splat(0), b = splat(0);
  int k = 0;
  for (; k + 2 * LANES <= n; k += 2 * LANES) {
    Vector u = squash_exp(load(x + k) - top), v = squash_exp(load(x + k + LANES) - top);
    store(y + k, u);
    store(y + k + LANES, v);
    a = a + u;
    b = b + v;
  }
  for (; k + LANES <= n; k += LANES) {
    Vector u = squash_exp(load(x + k) - top);
    store(y + k, u);
    a = a + u;
  }
  double sum = channels_sum(a, b);
  if (k < n) {
    const Mask rest = first(n - k);
    store_first(y + k, rest, squash_exp(load_first(x + k, rest) - top));
    for (int i = k; i < n; i++)
      sum += y[i];
  }
  const float scale = (float)(1 / sum);
  const Vector factor = splat(scale);
  for (k = 0; k + LANES <= n; k += LANES)
    store(y + k, load(y + k) * factor);
  for (; k < n; k++)
    y[k] *= scale;
}

/* Two passes: the mean first, as a difference of two large sums would lose the variance. */
DCN_TEMPLATE void
normalise(const float *x, float epsilon, float *y, int n)
{
  Vector a = splat(0), b = splat(0);
  int k = 0;
  for (; k + 2 * LANES <= n; k += 2 * LANES) {
    a = a + load(x + k);
    b = b + load(x + k + LANES);
  }
  const int whole = k + LANES <= n ? k + LANES : k;
  if (k < whole)
    a = a + load(x + k);
  double sum = channels_sum(a, b);
  for (int i = whole; i < n; i++)
    sum += x[i];
  const float mean = (float)(sum / n);
  const Vector means = splat(mean);
  a = b = splat(0);
  for (k = 0; k + 2 * LANES <= n; k += 2 * LANES) {
    Vector u = load(x + k) - means, v = load(x + k + LANES) - means;
    a = MADD(a, u, u);
    b = MADD(b, v, v);
  }
  if (k < whole) {
    Vector u = load(x + k) - means;
    a = MADD(a, u, u);
  }
  sum = channels_sum(a, b);
  for (int i = whole; i < n; i++)
    sum += (x[i] - mean) * (x[i] - mean);
  const float scale = (float)(1 / __builtin_sqrt(sum / n + (double)epsilon));
  const Vector factor = splat(scale);
  for (k = 0; k + LANES <= n; k += LANES)
    store(y + k, (load(x + k) - means) * factor);
  for (; k < n; k++)
    y[k] = (x[k] - mean) * scale;
}
