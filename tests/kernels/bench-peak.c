/* deltacnn benchmark: the rate of FMAs (or of multiplies and adds, where there is no FMA) from
 * registers. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compiled once per instruction set, with its flags, DCN_BENCH_ISA and DCN_BENCH_LANES. */
#include "bench.h"

typedef float Vector __attribute__((vector_size(DCN_BENCH_LANES * 4)));

#define SUMS 12

#define PASTE2(a, b) a##b
#define PASTE(a, b)  PASTE2(a, b)

/* Returns the number of floating-point operations done in `rounds` rounds. */
double
PASTE(bench_peak__, DCN_BENCH_ISA)(long rounds)
{
  Vector s[SUMS], x = {0}, y = {0};
  for (int j = 0; j < DCN_BENCH_LANES; j++)
    x[j] = 0.999f, y[j] = 1e-3f;
  for (int i = 0; i < SUMS; i++)
    s[i] = x;
  for (long r = 0; r < rounds; r++) {
#ifdef __clang__
#pragma unroll
#else
#pragma GCC unroll 12
#endif
    for (int i = 0; i < SUMS; i++)
      s[i] = s[i] * x + y;
  }
  for (int i = 1; i < SUMS; i++)
    s[0] += s[i];
  volatile float keep = s[0][0];
  (void)keep;
  return 2.0 * SUMS * DCN_BENCH_LANES * (double)rounds;
}
