/* deltacnn tests: one check per kernel, and what they share.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernel-list.h"
#include <glib.h>
#include <math.h>
#include <string.h>

/* check_igemm(table) and so on, one per entry of the list. */
#define DECLARE_CHECK(kernel) void check_##kernel(const DcnKernels *k);
DCN_KERNEL_LIST(DECLARE_CHECK)

typedef enum {
  VALUES_INTEGER, /* whole numbers in [-8, 8]: sums of products of up to 2^17 of them are exact in
                     any order */
  VALUES_UNIFORM, /* [-1, 1) */
  VALUES_EXTREME, /* magnitudes from denormal to 2^60, of both signs, and zeros */
  VALUES_SPECIAL  /* as EXTREME, with NaN, infinities, -0, the largest and the smallest float */
} Values;

static inline float
from_bits(uint32_t bits)
{
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline uint32_t
to_bits(float x)
{
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static inline float
random_value(Values values)
{
  static const uint32_t special[] = {
      0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007fffff, 0x807fffff,
      0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000,
      0xffc00001, 0x7f800001, 0xff812345, 0x3f800000,
  };
  if (values == VALUES_INTEGER)
    return (float)g_test_rand_int_range(-8, 9);
  if (values == VALUES_UNIFORM)
    return (float)g_test_rand_double_range(-1, 1);
  if (values == VALUES_SPECIAL && g_test_rand_int_range(0, 3) == 0)
    return from_bits(special[g_test_rand_int_range(0, G_N_ELEMENTS(special))]);
  if (g_test_rand_int_range(0, 8) == 0)
    return 0;
  return ldexpf((float)g_test_rand_double_range(-1, 1), g_test_rand_int_range(-148, 61));
}

static inline void
fill(float *p, size_t count, Values values)
{
  for (size_t i = 0; i < count; i++)
    p[i] = random_value(values);
}

/* The bound of a sum of `terms` products and a start value that is computed in float in any order,
 * with or without FMA: each of the at most terms + 1 roundings a product goes through is off by a
 * factor in 1 +- 2^-24 (Higham, Accuracy and Stability of Numerical Algorithms, 3.1), and a product
 * may underflow, which costs at most half of the smallest denormal. magnitude: sum of the absolute
 * values of products and start, in double. */
static inline double
sum_bound(int terms, double magnitude)
{
  double u = ldexp(1, -24), n = terms + 2;
  return n * u / (1 - n * u) * magnitude + n * ldexp(1, -149);
}

/* Equal bits, or both NaN: which NaN an operation on two of them gives is up to the compiler. */
static inline gboolean
same(float a, float b)
{
  return (isnan(a) && isnan(b)) || to_bits(a) == to_bits(b);
}
