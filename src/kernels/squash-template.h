/* deltacnn: activations that are curves, for any instruction set with vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exp(z) = 2^k * exp(r), k the whole number nearest to z / ln 2: r lies within ln 2 / 2 of 0, where the
 * first seven terms of the exponential series are exact to 1.2e-7.
 *
 * The including file defines
 *   Vector, Mask, LANES        Vector takes + - * /
 *   load(p), store(p, v), splat(x)
 *   first(n), load_first(p, mask), store_first(p, mask, v)
 *                              touch the first n lanes only, 0 < n < LANES; others load as 0
 *   MADD(c, x, b)              c + x * b
 *   QUOTIENT(a, b)             a / b to 1e-7, b from 1 to 2^127
 *   clamp(v, low, high)        as DcnKernels.bias_clamp
 * and then has squash(), which is the kernel. */
#pragma once
#include "kernels/kernel-list.h"
#include "kernels/unroll.h"

typedef uint32_t SquashBits __attribute__((vector_size(LANES * 4)));

/* Below LOWEST the sum with 1 is 1; at HIGHEST it is still finite, and one over it next to nothing. */
#define SQUASH_LOWEST  -87.0f
#define SQUASH_HIGHEST 88.0f
/* Adding it rounds to a whole number, which is then in the lowest bits. */
#define SQUASH_ROUND 12582912.0f /* 1.5 * 2^23 */

DCN_TEMPLATE Vector
squash_exp(Vector z)
{
  z = clamp(z, splat(SQUASH_LOWEST), splat(SQUASH_HIGHEST));
  Vector rounded = MADD(splat(SQUASH_ROUND), z, splat(1.44269504f)); /* 1 / ln 2 */
  Vector k = rounded - splat(SQUASH_ROUND);
  /* ln 2 in two parts, of which the first has so few bits that its product with k is exact. */
  Vector r = MADD(MADD(z, k, splat(-0.693359375f)), k, splat(2.12194440e-4f));
  Vector p = MADD(splat(1.0f / 120), r, splat(1.0f / 720));
  p = MADD(splat(1.0f / 24), p, r);
  p = MADD(splat(1.0f / 6), p, r);
  p = MADD(splat(0.5f), p, r);
  p = MADD(splat(1), p, r);
  p = MADD(splat(1), p, r);
  return p * (Vector)(((SquashBits)rounded << 23) + (127u << 23)); /* 2^k: its exponent's bits */
}

DCN_TEMPLATE Vector
squash_vector(const DcnSquash kind, Vector x, Vector a, Vector b)
{
  switch (kind) {
  case DCN_SQUASH_SIGMOID:
    return QUOTIENT(splat(1), splat(1) + squash_exp(splat(0) - x));
  case DCN_SQUASH_SWISH:
    return QUOTIENT(x, splat(1) + squash_exp(splat(0) - x));
  case DCN_SQUASH_HARD_SIGMOID:
    return clamp(MADD(b, x, a), splat(0), splat(1));
  default:
    return x * clamp(MADD(b, x, a), splat(0), splat(1));
  }
}

DCN_TEMPLATE void
squash_kind(const DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  Vector va = splat(a), vb = splat(b);
  int k = 0;
  for (; k + LANES <= n; k += LANES)
    store(y + k, squash_vector(kind, load(x + k), va, vb));
  if (k < n)
    store_first(y + k, first(n - k), squash_vector(kind, load_first(x + k, first(n - k)), va, vb));
}

DCN_TEMPLATE void
squash(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  switch (kind) {
  case DCN_SQUASH_SIGMOID:
    squash_kind(DCN_SQUASH_SIGMOID, x, a, b, y, n);
    break;
  case DCN_SQUASH_SWISH:
    squash_kind(DCN_SQUASH_SWISH, x, a, b, y, n);
    break;
  case DCN_SQUASH_HARD_SIGMOID:
    squash_kind(DCN_SQUASH_HARD_SIGMOID, x, a, b, y, n);
    break;
  case DCN_SQUASH_HARD_SWISH:
    squash_kind(DCN_SQUASH_HARD_SWISH, x, a, b, y, n);
    break;
  }
}
