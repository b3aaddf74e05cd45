/* deltacnn: matrix kernels in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tiles of pixels x 32 output channels stay in registers.  Per input channel: two loads of weights,
 * and per pixel one broadcast and two FMAs.  The broadcast goes to a register: folded into the FMAs
 * it would be loaded twice, and the load ports would then be busier than the FMA ports.  Every sum
 * runs over taps, then channels, in ascending order, whatever the tile: a pixel's result does not
 * depend on its neighbours. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>

#define NR 32

static inline __mmask16
first(int n)
{
  return n >= 16 ? 0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

/* mr pixels x nv vectors of 16 output channels. */
DCN_TEMPLATE void
igemm(const int mr, const int nv, const float *const *a, int taps, int channels, const float *w,
      const float *init, float *out, size_t ldo, int pixels, int columns)
{
  __m512 c[12][2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++) {
    __m512 start = init ? _mm512_loadu_ps(init + 16 * j) : _mm512_setzero_ps();
    DCN_UNROLL
    for (int i = 0; i < mr; i++)
      c[i][j] = start;
  }

  for (int t = 0; t < taps; t++, a += 12) {
    const float *p[12];
    DCN_UNROLL
    for (int i = 0; i < mr; i++)
      p[i] = a[i] + channels;
    for (ptrdiff_t k = -(ptrdiff_t)channels; k < 0; k++, w += NR) {
      __m512 b[2];
      DCN_UNROLL
      for (int j = 0; j < nv; j++)
        b[j] = _mm512_load_ps(w + 16 * j);
      DCN_UNROLL
      for (int i = 0; i < mr; i++) {
        __m512 x = _mm512_set1_ps(p[i][k]);
        DCN_UNROLL
        for (int j = 0; j < nv; j++)
          c[i][j] = _mm512_fmadd_ps(x, b[j], c[i][j]);
      }
    }
  }

  __mmask16 m[2] = {first(columns), first(columns - 16)};
  DCN_UNROLL
  for (int i = 0; i < mr; i++) {
    if (i < pixels) {
      DCN_UNROLL
      for (int j = 0; j < nv; j++)
        _mm512_mask_storeu_ps(out + 16 * j, m[j], c[i][j]);
      out += ldo;
    }
  }
}

/* A tail tile costs what its pixels need, and a block of at most 16 channels half of a full one. */
#define IGEMM(mr)                                                                                  \
  (columns > 16 ? igemm(mr, 2, a, taps, channels, w, init, out, ldo, pixels, columns)              \
                : igemm(mr, 1, a, taps, channels, w, init, out, ldo, pixels, columns))

void
dcn_f32_igemm_12x32__avx512(const float *const *a, int taps, int channels, const float *w,
                            const float *init, float *out, size_t ldo, int pixels, int columns)
{
  if (pixels > 8)
    IGEMM(12);
  else if (pixels > 6)
    IGEMM(8);
  else if (pixels > 4)
    IGEMM(6);
  else if (pixels > 2)
    IGEMM(4);
  else if (pixels > 1)
    IGEMM(2);
  else if (pixels == 1)
    IGEMM(1);
}

#ifndef DR
#define DR 8
#endif

DCN_TEMPLATE void
dgemm_step(const int dr, const int nv, __m512 (*c)[2], const float **p, const float *w, size_t k)
{
  __m512 b[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    b[j] = _mm512_load_ps(w + k * NR + 16 * j);
  DCN_UNROLL
  for (int i = 0; i < dr; i++) {
    __m512 x = _mm512_set1_ps(p[i][k]);
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      c[i][j] = _mm512_fmadd_ps(x, b[j], c[i][j]);
  }
}

/* dr pixels x nv vectors of 16 output channels. */
DCN_TEMPLATE void
dgemm(const int dr, const int nv, const float *const *d, const uint64_t *mask, int taps, int words,
      int channels, const float *w, float *const *out, int pixels, int columns)
{
  __m512 c[DR][2];
  __mmask16 m[2] = {first(columns), first(columns - 16)};
  DCN_UNROLL
  for (int i = 0; i < dr; i++) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      c[i][j] = i < pixels ? _mm512_maskz_loadu_ps(m[j], out[i] + 16 * j) : _mm512_setzero_ps();
  }

  for (int t = 0; t < taps; t++, d += DR, mask += words, w += (size_t)channels * NR) {
    const float *p[DR];
    DCN_UNROLL
    for (int i = 0; i < dr; i++)
      p[i] = d[i];
    for (int j = 0; j < words; j++) {
      uint64_t bits = mask[j];
      size_t k = (size_t)j * 64;
      if (bits == ~(uint64_t)0) { /* everything changed: no search for the next channel */
        for (size_t end = k + 64; k < end; k++)
          dgemm_step(dr, nv, c, p, w, k);
        continue;
      }
      for (; bits; bits &= bits - 1)
        dgemm_step(dr, nv, c, p, w, k + (size_t)__builtin_ctzll(bits));
    }
  }

  DCN_UNROLL
  for (int i = 0; i < dr; i++) {
    if (i < pixels) {
      DCN_UNROLL
      for (int j = 0; j < nv; j++)
        _mm512_mask_storeu_ps(out[i] + 16 * j, m[j], c[i][j]);
    }
  }
}

#define DGEMM(dr)                                                                                  \
  (columns > 16 ? dgemm(dr, 2, d, mask, taps, words, channels, w, out, pixels, columns)            \
                : dgemm(dr, 1, d, mask, taps, words, channels, w, out, pixels, columns))

void
dcn_f32_dgemm_8x32__avx512(const float *const *d, const uint64_t *mask, int taps, int words,
                           int channels, const float *w, float *const *out, int pixels, int columns)
{
  if (pixels > 4)
    DGEMM(8);
  else if (pixels > 2)
    DGEMM(4);
  else if (pixels > 1)
    DGEMM(2);
  else if (pixels == 1)
    DGEMM(1);
}

/* y += x * rows of w, `rows` of them at a time. */
DCN_TEMPLATE void
gemv_rows(const int rows, const uint32_t *index, const float *x, const float *w, size_t ldw,
          float *y, int columns)
{
  const float *r[8];
  __m512 b[8];
  DCN_UNROLL
  for (int i = 0; i < rows; i++) {
    r[i] = w + index[i] * ldw;
    b[i] = _mm512_set1_ps(x[i]);
  }
  int j = 0;
  for (; j + 32 <= columns; j += 32) {
    __m512 s0 = _mm512_loadu_ps(y + j), s1 = _mm512_loadu_ps(y + j + 16);
    DCN_UNROLL
    for (int i = 0; i < rows; i++) {
      s0 = _mm512_fmadd_ps(b[i], _mm512_load_ps(r[i] + j), s0);
      s1 = _mm512_fmadd_ps(b[i], _mm512_load_ps(r[i] + j + 16), s1);
    }
    _mm512_storeu_ps(y + j, s0);
    _mm512_storeu_ps(y + j + 16, s1);
  }
  for (; j < columns; j += 16) {
    __mmask16 m = first(columns - j);
    __m512 s = _mm512_maskz_loadu_ps(m, y + j);
    DCN_UNROLL
    for (int i = 0; i < rows; i++)
      s = _mm512_fmadd_ps(b[i], _mm512_maskz_loadu_ps(m, r[i] + j), s);
    _mm512_mask_storeu_ps(y + j, m, s);
  }
}

void
dcn_f32_gemv_8r__avx512(const uint32_t *index, const float *x, int count, const float *w,
                        size_t ldw, float *y, int columns)
{
  int i = 0;
  for (; i + 8 <= count; i += 8)
    gemv_rows(8, index + i, x + i, w, ldw, y, columns);
  if (i + 4 <= count) {
    gemv_rows(4, index + i, x + i, w, ldw, y, columns);
    i += 4;
  }
  for (; i < count; i++)
    gemv_rows(1, index + i, x + i, w, ldw, y, columns);
}
