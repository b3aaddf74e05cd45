/* deltacnn: activations that are curves, softmax and normalisation in AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"

#define LANES 8
typedef __m256 Vector;
typedef __m256i Mask;

#define load           _mm256_loadu_ps
#define store          _mm256_storeu_ps
#define splat          _mm256_set1_ps
#define MADD(c, x, b)  _mm256_fmadd_ps(x, b, c)
#define QUOTIENT(a, b) ((a) / (b))
/* v second: it is what VMINPS and VMAXPS return for a NaN. */
#define clamp(v, low, high)  _mm256_max_ps(low, _mm256_min_ps(high, v))
#define first                dcn_first_lanes
#define load_first(p, m)     _mm256_maskload_ps(p, m)
#define store_first(p, m, v) _mm256_maskstore_ps(p, m, v)

static inline float
largest(Vector v)
{
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

static inline double
total(Vector v)
{
  __m256d x =
      _mm256_cvtps_pd(_mm256_castps256_ps128(v)) + _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  __m128d y = _mm256_castpd256_pd128(x) + _mm256_extractf128_pd(x, 1);
  return _mm_cvtsd_f64(y) + _mm_cvtsd_f64(_mm_unpackhi_pd(y, y));
}

#define LARGEST largest
#define TOTAL   total

#include "kernels/channels-template.h"

void
dcn_f32_squash__avx2(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  squash(kind, x, a, b, y, n);
}

void
dcn_f32_softmax__avx2(const float *x, float *y, int n)
{
  softmax(x, y, n);
}

void
dcn_f32_normalise__avx2(const float *x, float epsilon, float *y, int n)
{
  normalise(x, epsilon, y, n);
}
