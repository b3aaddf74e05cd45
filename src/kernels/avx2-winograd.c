/* deltacnn: the transforms of Winograd convolutions in AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"

#define NR    16
#define LANES 8
typedef __m256 Vector;
typedef __m256i Mask;

#define load          _mm256_loadu_ps
#define store         _mm256_storeu_ps
#define zero          _mm256_setzero_ps
#define splat         _mm256_set1_ps
#define MADD(c, x, b) _mm256_fmadd_ps(x, b, c)
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, low, high)  _mm256_max_ps(low, _mm256_min_ps(high, v))
#define first                dcn_first_lanes
#define load_first(p, m)     _mm256_maskload_ps(p, m)
#define store_first(p, m, v) _mm256_maskstore_ps(p, m, v)

#include "kernels/winograd-template.h"
#include "kernels/points-template.h"

void
dcn_f32_winograd_in__avx2(int m, const float *const *d, float *v, size_t ldv, int channels)
{
  winograd_in(m, d, v, ldv, channels);
}

gboolean
dcn_f32_winograd_out__avx2(int m, const float *sums, const float *bias, float lo, float hi,
                           float *const *out, size_t at, int columns)
{
  return winograd_out(m, sums, bias, lo, hi, out, at, columns);
}

void
dcn_f32_points_in__avx2(const float *x, size_t step, int count, int n, float *v, size_t ldv)
{
  points_in(x, step, count, n, v, ldv);
}

void
dcn_f32_points_out__avx2(const float *values, size_t ldv, float *const *out, size_t at, int columns)
{
  points_out(values, ldv, out, at, columns);
}
