/* deltacnn: rgemm of one tap for at most 8 output channels, for CPUs with AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In vectors of 16, half of every multiply would be lost.  Of 8 there are as many multiplies in a cycle, and with 32
 * registers and masks they do better than AVX2's. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>

#define MR    12 /* of the other vectors' igemm; not looked at */
#define DR    4
#define NR    32
#define LANES 8
typedef __m256 Vector;
typedef __mmask8 Mask;

#define load_aligned        _mm256_load_ps
#define load                _mm256_loadu_ps
#define store               _mm256_storeu_ps
#define zero                _mm256_setzero_ps
#define broadcast(p)        _mm256_broadcast_ss(p)
#define splat               _mm256_set1_ps
#define clamp(v, low, high) _mm256_max_ps(low, _mm256_min_ps(high, v))
/* As assembly for the reason given with the wide ones. */
#define FMA(c, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(x), "v"(b))

static inline Mask
first(int n)
{
  return n >= LANES ? 0xff : n <= 0 ? 0 : (Mask)((1u << n) - 1);
}

static inline void
store_first(float *p, Mask m, Vector v)
{
  _mm256_mask_storeu_ps(p, m, v);
}

#include "kernels/rgemm-template.h"

// clang-format off
DEFINE_RGEMM(12, 1) DEFINE_RGEMM(11, 1) DEFINE_RGEMM(10, 1) DEFINE_RGEMM(9, 1) DEFINE_RGEMM(8, 1) DEFINE_RGEMM(7, 1)
DEFINE_RGEMM(6, 1) DEFINE_RGEMM(5, 1) DEFINE_RGEMM(4, 1) DEFINE_RGEMM(3, 1) DEFINE_RGEMM(2, 1) DEFINE_RGEMM(1, 1)
    // clang-format on

    void dcn_f32_rgemm_12x8__avx512(const float *const *a, int taps, size_t step, int channels,
                                    const float *w, const float *ahead, const float *init, float lo,
                                    float hi, float *out, size_t ldo, int pixels, int columns)
{
  static Rgemm *const tiles[] = {NULL,       rgemm_1_1,  rgemm_2_1, rgemm_3_1, rgemm_4_1,
                                 rgemm_5_1,  rgemm_6_1,  rgemm_7_1, rgemm_8_1, rgemm_9_1,
                                 rgemm_10_1, rgemm_11_1, rgemm_12_1};
  Run run = {a, step, ldo, taps, channels, w, init, lo, hi, out, columns, NULL, NULL};
  rgemm_run(&run, tiles, MR, pixels);
}
