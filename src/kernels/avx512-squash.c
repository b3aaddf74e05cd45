/* deltacnn: activations that are curves, softmax and normalisation in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx512.h"
#include <immintrin.h>

#define LANES 16
typedef __m512 Vector;
typedef __mmask16 Mask;

#define load          _mm512_loadu_ps
#define store         _mm512_storeu_ps
#define splat         _mm512_set1_ps
#define MADD(c, x, b) _mm512_fmadd_ps(x, b, c)
/* v second: it is what VMINPS and VMAXPS return for a NaN. */
#define clamp(v, low, high)  _mm512_max_ps(low, _mm512_min_ps(high, v))
#define first(n)             ((Mask)((1u << (n)) - 1))
#define load_first(p, m)     _mm512_maskz_loadu_ps(m, p)
#define store_first(p, m, v) _mm512_mask_storeu_ps(p, m, v)

/* One step of Newton's from 14 bits on, in half the time of a division. */
static inline Vector
quotient(Vector a, Vector b)
{
  Vector r = _mm512_rcp14_ps(b);
  return a * (r * _mm512_fnmadd_ps(b, r, splat(2)));
}

static inline double
total(Vector v)
{
  return _mm512_reduce_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(v)) +
                              _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)));
}

#define QUOTIENT quotient
#define LARGEST  _mm512_reduce_max_ps
#define TOTAL    total

#include "kernels/channels-template.h"

void
dcn_f32_squash__avx512(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  squash(kind, x, a, b, y, n);
}

void
dcn_f32_softmax__avx512(const float *x, float *y, int n)
{
  softmax(x, y, n);
}

void
dcn_f32_normalise__avx512(const float *x, float epsilon, float *y, int n)
{
  normalise(x, epsilon, y, n);
}
