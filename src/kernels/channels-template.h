/* deltacnn: what works across all channels of a pixel, for any instruction set with vectors: softmax, normalisation.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * To be included after squash-template.h, whose exponential and words for vectors it uses.  Two vectors at a time, which
 * need not wait for each other.  The including file defines besides
 *   LARGEST(v)                 the largest of a vector's lanes; with a NaN among them any number
 *   TOTAL(v)                   their sum, added in double */
#pragma once
#include "kernels/squash-template.h"
#include <float.h>

typedef int32_t ChannelsNumbers __attribute__((vector_size(LANES * 4)));

/* The first n lanes of v; the others are zero. */
DCN_TEMPLATE Vector
channels_first(Vector v, int n)
{
  static const int32_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  ChannelsNumbers lanes;
  __builtin_memcpy(&lanes, numbers, sizeof lanes);
  return (Vector)((SquashBits)v & (SquashBits)(lanes < n));
}

DCN_TEMPLATE float
channels_largest(const float *x, int n)
{
  const Vector infinite = splat(__builtin_inff());
  float top = x[0];
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
  return LARGEST(clamp(a, b, infinite));
}

/* Weights times scale.  What would come out below the least normal number is zero instead, as it takes CPUs a hundred
 * times as long, here and in the product that reads it: of attention in which pairs are masked, most are. */
DCN_TEMPLATE Vector
softmax_scaled(Vector weights, Vector least, Vector scale)
{
  return (Vector)((SquashBits)weights & ~(SquashBits)(weights < least)) * scale;
}

DCN_TEMPLATE void
softmax(const float *x, float *y, int n)
{
  const Vector top = splat(channels_largest(x, n));
  Vector a = splat(0), b = splat(0);
  int k = 0;
  for (; k + SQUASH_MOST * LANES <= n; k += SQUASH_MOST * LANES) {
    Vector u[SQUASH_MOST];
    DCN_UNROLL
    for (int i = 0; i < SQUASH_MOST; i++)
      u[i] = load(x + k + i * LANES) - top;
    squash_exps(SQUASH_MOST, u);
    DCN_UNROLL
    for (int i = 0; i < SQUASH_MOST; i++)
      store(y + k + i * LANES, u[i]);
    DCN_UNROLL
    for (int i = 0; i < SQUASH_MOST; i += 2) {
      a = a + u[i];
      b = b + u[i + 1];
    }
  }
  for (; k + LANES <= n; k += LANES) {
    Vector u = squash_exp(load(x + k) - top);
    store(y + k, u);
    a = a + u;
  }
  Vector last = splat(0);
  const int rest = n - k;
  if (rest > 0) {
    last = squash_exp(load_first(x + k, first(rest)) - top);
    b = b + channels_first(last, rest);
  }
  const double sum = TOTAL(a + b);
  const Vector scale = splat((float)(1 / sum)), least = splat((float)(FLT_MIN * sum));
  for (k = 0; k + LANES <= n; k += LANES)
    store(y + k, softmax_scaled(load(y + k), least, scale));
  if (rest > 0)
    store_first(y + k, first(rest), softmax_scaled(last, least, scale));
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
  const int whole = k + LANES <= n ? k + LANES : k, rest = n - whole;
  if (k < whole)
    a = a + load(x + k);
  if (rest > 0)
    b = b + load_first(x + whole, first(rest));
  const Vector means = splat((float)(TOTAL(a + b) / n));
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
  if (rest > 0) {
    Vector u = channels_first(load_first(x + whole, first(rest)) - means, rest);
    b = MADD(b, u, u);
  }
  const double variance = TOTAL(a + b) / n;
  const Vector factor = splat((float)(1 / __builtin_sqrt(variance + (double)epsilon)));
  for (k = 0; k + LANES <= n; k += LANES)
    store(y + k, (load(x + k) - means) * factor);
  if (rest > 0)
    store_first(y + k, first(rest), (load_first(x + k, first(rest)) - means) * factor);
}
