/* deltacnn: activations that are curves, for any instruction set with vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * exp(z) = 2^k * exp(r), k the whole number nearest to z / ln 2: r lies within ln 2 / 2 of 0, where exp(r) - 1 is r times a
 * polynomial fitted for the least relative error (5e-7, so that exp(r) is off by 1.5e-7).  tanh and erf are quotients of polynomials in x^2, times
 * x: fitted for the least relative error (2e-8) up to where floats no longer tell them from 1.
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

/* Vectors that are done together. */
#ifndef SQUASH_MOST
#define SQUASH_MOST 4
#endif

/* Below LOWEST the sum with 1 is 1; at HIGHEST it is still finite, and one over it next to nothing. */
#define SQUASH_LOWEST  -87.0f
#define SQUASH_HIGHEST 88.0f
/* Adding it rounds to a whole number, which is then, with the 127 of an exponent's bits, in the lowest bits. */
#define SQUASH_ROUND 12583039.0f /* 1.5 * 2^23 + 127 */

/* Of each of n values, with sign times it for z: exp(z) = 2^k * exp(r) as exp(r) - 1, in its place, and 2^k.  Step by step for
 * all of them: one's steps wait for each other so long that no CPU looks far enough ahead to fill the time with the
 * next ones'. */
DCN_TEMPLATE void
squash_exp_parts(const int n, const float sign, Vector *z, Vector *power)
{
  Vector r[SQUASH_MOST];
#define SQUASH_EACH                                                                                \
  DCN_UNROLL                                                                                       \
  for (int i = 0; i < n; i++)
  SQUASH_EACH z[i] = clamp(z[i], splat(sign < 0 ? -SQUASH_HIGHEST : SQUASH_LOWEST),
                           splat(sign < 0 ? -SQUASH_LOWEST : SQUASH_HIGHEST));
  SQUASH_EACH power[i] = MADD(splat(SQUASH_ROUND), z[i], splat(sign * 1.44269504f)); /* 1 / ln 2 */
  SQUASH_EACH r[i] = power[i] - splat(SQUASH_ROUND);                                 /* k */
  /* ln 2 in two parts, of which the first has so few bits that its product with k is exact.  r here is sign times it. */
  SQUASH_EACH z[i] = MADD(z[i], r[i], splat(sign * -0.693359375f));
  SQUASH_EACH r[i] = MADD(z[i], r[i], splat(sign * 2.12194440e-4f));
  SQUASH_EACH z[i] = MADD(splat(0.0418753214f), r[i], splat(sign * 0.00833332073f));
  SQUASH_EACH z[i] = MADD(splat(sign * 0.166669354f), z[i], r[i]);
  SQUASH_EACH z[i] = MADD(splat(0.499993771f), z[i], r[i]);
  SQUASH_EACH z[i] = MADD(splat(sign), z[i], r[i]) * r[i];
  SQUASH_EACH power[i] = (Vector)((SquashBits)power[i] << 23); /* its exponent's bits */
}

/* Of each of n values. */
DCN_TEMPLATE void
squash_exps(const int n, Vector *z)
{
  Vector power[SQUASH_MOST];
  squash_exp_parts(n, 1, z, power);
  SQUASH_EACH z[i] = MADD(power[i], z[i], power[i]);
}

DCN_TEMPLATE Vector
squash_exp(Vector z)
{
  squash_exps(1, &z);
  return z;
}

DCN_TEMPLATE Vector
squash_polynomial(Vector t, const float *c, int n)
{
  Vector sum = splat(c[n - 1]);
  for (int i = n - 2; i >= 0; i--)
    sum = MADD(splat(c[i]), sum, t);
  return sum;
}

/* x * top(x^2) / bottom(x^2) within [-1, 1], for x within [-limit, limit], with the limit's beyond. */
DCN_TEMPLATE Vector
squash_odd(Vector x, float limit, const float *top, const float *bottom, int n)
{
  x = clamp(x, splat(-limit), splat(limit));
  Vector t = x * x;
  Vector y = QUOTIENT(x * squash_polynomial(t, top, n), squash_polynomial(t, bottom, n));
  return clamp(y, splat(-1), splat(1));
}

DCN_TEMPLATE Vector
squash_tanh(Vector x)
{
  static const float top[] = {1, 0.133810282f, 3.49559146e-3f, 2.06091354e-5f, 1.33547298e-8f};
  static const float bottom[] = {1, 0.467143446f, 0.0258769952f, 3.28564027e-4f, 7.77658727e-7f};
  return squash_odd(x, 9, top, bottom, 5);
}

DCN_TEMPLATE Vector
squash_erf(Vector x)
{
  static const float top[] = {1.12837911f,     0.190406621f,   0.0527487472f,
                              3.76562472e-3f, 2.84883106e-4f, 2.05008882e-6f};
  static const float bottom[] = {1,             0.502076209f,   0.114109181f,
                                 0.0149692325f, 1.16253784e-3f, 3.80917518e-5f};
  return squash_odd(x, 3.92f, top, bottom, 6);
}

/* log(1 + t), t from 0 to 1: twice the inverse tanh of t / (2 + t). */
DCN_TEMPLATE Vector
squash_log1p(Vector t)
{
  static const float series[] = {2, 0.66666317f, 0.400249094f, 0.279606134f, 0.281782866f};
  Vector s = QUOTIENT(t, t + splat(2));
  return s * squash_polynomial(s * s, series, 5);
}

/* tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1); from 20 on floats do not tell it from 1. */
DCN_TEMPLATE Vector
squash_mish(Vector x)
{
  Vector e = squash_exp(clamp(x, splat(SQUASH_LOWEST), splat(20)));
  Vector n = MADD(e + e, e, e);
  return x * QUOTIENT(n, n + splat(2));
}

/* x / 2 * (1 + tanh(u)) = x / (1 + exp(-2u)). */
DCN_TEMPLATE Vector
squash_gelu_tanh(Vector x)
{
  Vector u = x * MADD(splat(-1.5957691216f), x * x, splat(-1.5957691216f * 0.044715f));
  return QUOTIENT(x, splat(1) + squash_exp(u));
}

DCN_TEMPLATE Vector
squash_elu(Vector below, Vector above, Vector a, Vector b)
{
  Vector power;
  squash_exp_parts(1, 1, &below, &power);
  return MADD(above * b, a, MADD(power - splat(1), below, power));
}

/* x[i] / (1 + exp(-x[i])), or 1 / it. */
DCN_TEMPLATE void
squash_sigmoids(const int n, const gboolean swish, Vector *x)
{
  Vector z[SQUASH_MOST], power[SQUASH_MOST];
  SQUASH_EACH z[i] = x[i];
  squash_exp_parts(n, -1, z, power);
  SQUASH_EACH z[i] = MADD(splat(1) + power[i], z[i], power[i]);
  SQUASH_EACH x[i] = QUOTIENT(swish ? x[i] : splat(1), z[i]);
}

DCN_TEMPLATE Vector
squash_vector(const DcnSquash kind, Vector x, Vector a, Vector b)
{
  const Vector below = clamp(x, splat(-__builtin_inff()), splat(0)),
               above = clamp(x, splat(0), splat(__builtin_inff()));
  switch (kind) {
  case DCN_SQUASH_SIGMOID:
  case DCN_SQUASH_SWISH:
    squash_sigmoids(1, kind == DCN_SQUASH_SWISH, &x);
    return x;
  case DCN_SQUASH_SOFTPLUS:
    return above + squash_log1p(squash_exp(below - above));
  case DCN_SQUASH_MISH:
    return squash_mish(x);
  case DCN_SQUASH_TANH:
    return squash_tanh(x);
  case DCN_SQUASH_ERF:
    return squash_erf(x);
  case DCN_SQUASH_GELU: {
    Vector half = x * splat(0.5f);
    return MADD(half, half, squash_erf(x * splat(0.707106781f)));
  }
  case DCN_SQUASH_GELU_TANH:
    return squash_gelu_tanh(x);
  case DCN_SQUASH_ELU:
    return squash_elu(below, above, a, b);
  case DCN_SQUASH_LEAKY:
    return MADD(above, below, a);
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
  if (kind == DCN_SQUASH_SIGMOID || kind == DCN_SQUASH_SWISH)
    for (; k + SQUASH_MOST * LANES <= n; k += SQUASH_MOST * LANES) {
      Vector v[SQUASH_MOST];
      DCN_UNROLL
      for (int i = 0; i < SQUASH_MOST; i++)
        v[i] = load(x + k + i * LANES);
      squash_sigmoids(SQUASH_MOST, kind == DCN_SQUASH_SWISH, v);
      DCN_UNROLL
      for (int i = 0; i < SQUASH_MOST; i++)
        store(y + k + i * LANES, v[i]);
    }
  for (; k + LANES <= n; k += LANES)
    store(y + k, squash_vector(kind, load(x + k), va, vb));
  if (k < n)
    store_first(y + k, first(n - k), squash_vector(kind, load_first(x + k, first(n - k)), va, vb));
}

DCN_TEMPLATE void
squash(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  switch (kind) {
#define SQUASH_CASE(name)                                                                          \
  case DCN_SQUASH_##name:                                                                          \
    squash_kind(DCN_SQUASH_##name, x, a, b, y, n);                                                 \
    break;
    SQUASH_CASE(SIGMOID)
    SQUASH_CASE(SWISH)
    SQUASH_CASE(SOFTPLUS)
    SQUASH_CASE(MISH)
    SQUASH_CASE(TANH)
    SQUASH_CASE(ERF)
    SQUASH_CASE(GELU)
    SQUASH_CASE(GELU_TANH)
    SQUASH_CASE(ELU)
    SQUASH_CASE(LEAKY)
    SQUASH_CASE(HARD_SIGMOID)
    SQUASH_CASE(HARD_SWISH)
#undef SQUASH_CASE
  }
}
