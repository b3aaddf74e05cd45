/* deltacnn: the transforms of Winograd convolutions in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx512.h"
#include <immintrin.h>

#define NR    32
#define LANES 16
typedef __m512 Vector;
typedef __mmask16 Mask;

#define load          _mm512_loadu_ps
#define store         _mm512_storeu_ps
#define zero          _mm512_setzero_ps
#define splat         _mm512_set1_ps
#define MADD(c, x, b) _mm512_fmadd_ps(x, b, c)
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, low, high)  _mm512_max_ps(low, _mm512_min_ps(high, v))
#define first(n)             ((Mask)((1u << (n)) - 1))
#define load_first(p, m)     _mm512_maskz_loadu_ps(m, p)
#define store_first(p, m, v) _mm512_mask_storeu_ps(p, m, v)

#include "kernels/winograd-template.h"
#include "kernels/points-template.h"

void
dcn_f32_winograd_in__avx512(int m, const float *const *d, float *v, size_t ldv, int channels)
{
  winograd_in(m, d, v, ldv, channels);
}

gboolean
dcn_f32_winograd_out__avx512(int m, const float *sums, const float *bias, float lo, float hi,
                             float *const *out, size_t at, int columns)
{
  return winograd_out(m, sums, bias, lo, hi, out, at, columns);
}

void
dcn_f32_points_in__avx512(const float *x, size_t step, int count, int n, float *v, size_t ldv)
{
  points_in(x, step, count, n, v, ldv);
}

void
dcn_f32_points_out__avx512(const float *values, size_t ldv, float *const *out, size_t at,
                           int columns)
{
  points_out(values, ldv, out, at, columns);
}
