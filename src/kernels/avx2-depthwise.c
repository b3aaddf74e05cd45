/* deltacnn: depthwise convolution in AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"

#define LANES 8
typedef __m256 Vector;
typedef __m256i Mask;

#define load                 _mm256_loadu_ps
#define zero                 _mm256_setzero_ps
#define store                _mm256_storeu_ps
#define first                dcn_first_lanes
#define fma(c, x, b)         _mm256_fmadd_ps(x, b, c)
#define load_first(p, m)     _mm256_maskload_ps(p, m)
#define store_first(p, m, v) _mm256_maskstore_ps(p, m, v)
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, lo, hi) _mm256_max_ps(lo, _mm256_min_ps(hi, v))

#define splat _mm256_set1_ps
#define TILE  4

#define broadcast             _mm256_broadcast_ss
#define GROUPED_ROWS          1
#define GROUPED_SPREAD(v, at) _mm256_permutevar8x32_ps(v, (__m256i)(at))

#include "kernels/depthwise-rows-template.h"
#include "kernels/depthwise-wide-template.h"
#include "kernels/grouped-rows-template.h"

void
dcn_f32_depthwise_8c__avx2(const float *const *a, int taps, size_t step, const float *w, size_t ldw,
                           const float *bias, float lo, float hi, float *out, size_t ldo,
                           int pixels, int channels)
{
  Depthwise d = {a,    step,  ldw, ldo, w, bias, out, _mm256_set1_ps(lo), _mm256_set1_ps(hi),
                 taps, pixels};
  depthwise_run(&d, channels);
}

void
dcn_f32_depthwise_rows_8c__avx2(const DcnDepthwiseRows *d, int rows, int channels)
{
  rows_run(d, rows, channels);
}

void
dcn_f32_depthwise_wide_8c__avx2(const DcnDepthwiseWide *d, int channels)
{
  depthwise_wide(d, channels);
}

void
dcn_f32_grouped_rows_8c__avx2(const DcnGroupedRows *d, int channels)
{
  grouped_run(d, channels);
}
