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

#define PAIR_TAPS 25

/* Pixels of 8 channels that lie one after another: two of them are one of 16.  All but the last
 * where their number is odd. */
static void
depthwise_pairs(const Depthwise *d)
{
  float w[PAIR_TAPS][16] __attribute__((aligned(64))), bias[16] __attribute__((aligned(64)));
  for (int t = 0; t < d->taps; t++)
    _mm512_store_ps(w[t], _mm512_broadcast_f32x8(_mm256_loadu_ps(d->w + (size_t)t * d->ldw)));
  if (d->bias)
    _mm512_store_ps(bias, _mm512_broadcast_f32x8(_mm256_loadu_ps(d->bias)));
  Depthwise pairs = *d;
  pairs.step = pairs.ldo = pairs.ldw = 16;
  pairs.w = w[0];
  pairs.bias = d->bias ? bias : NULL;
  pairs.pixels = d->pixels / 2;
  depthwise_run(&pairs, 16);
}

void
dcn_f32_depthwise_16c__avx512(const float *const *a, int taps, size_t step, const float *w,
                              size_t ldw, const float *bias, float lo, float hi, float *out,
                              size_t ldo, int pixels, int channels)
{
  Depthwise d = {a,    step,  ldw, ldo, w, bias, out, _mm512_set1_ps(lo), _mm512_set1_ps(hi),
                 taps, pixels};
  if (channels == 8 && step == 8 && ldo == 8 && pixels > 1 && taps <= PAIR_TAPS) {
    depthwise_pairs(&d);
    if (pixels % 2 == 0)
      return;
    const float *last[PAIR_TAPS];
    for (int t = 0; t < taps; t++)
      last[t] = a[t] + (size_t)(pixels - 1) * 8;
    d.a = last;
    d.out += (size_t)(pixels - 1) * 8;
    d.pixels = 1;
    depthwise_run(&d, 8);
    return;
  }
  depthwise_run(&d, channels);
}
