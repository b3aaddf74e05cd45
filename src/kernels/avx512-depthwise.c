/* deltacnn: depthwise convolution in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx512.h"
#include <immintrin.h>

#define LANES 16
typedef __m512 Vector;
typedef __mmask16 Mask;

#define load                 _mm512_loadu_ps
#define zero                 _mm512_setzero_ps
#define store                _mm512_storeu_ps
#define first(n)             ((Mask)((1u << (n)) - 1))
#define fma(c, x, b)         _mm512_fmadd_ps(x, b, c)
#define load_first(p, m)     _mm512_maskz_loadu_ps(m, p)
#define store_first(p, m, v) _mm512_mask_storeu_ps(p, m, v)
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, lo, hi) _mm512_max_ps(lo, _mm512_min_ps(hi, v))

#include "kernels/depthwise-template.h"

void
dcn_f32_depthwise_16c__avx512(const float *const *a, int taps, size_t step, const float *w,
                              size_t ldw, const float *bias, float lo, float hi, float *out,
                              size_t ldo, int pixels, int channels)
{
  Depthwise d = {a,    step,  ldw, ldo, w, bias, out, _mm512_set1_ps(lo), _mm512_set1_ps(hi),
                 taps, pixels};
  depthwise_run(&d, channels);
}
