/* deltacnn: matrix kernels in AVX2 with FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tiles of 6 pixels x 16 output channels: 12 of the 16 registers are sums, two hold weights, one a
 * broadcast input. Every sum runs over taps, then channels, in ascending order, whatever the tile:
 * a pixel's result does not depend on its neighbours. */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"
#include "kernels/unroll.h"

#define MR 6
#define DR 6
#define NR 16

/* One input channel of mr pixels times nv vectors of 8 output channels. */
DCN_TEMPLATE void
step(const int mr, const int nv, __m256 (*c)[2], const float **p, const float *w, ptrdiff_t k)
{
  __m256 b[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    b[j] = _mm256_load_ps(w + 8 * j);
  DCN_UNROLL
  for (int i = 0; i < mr; i++) {
    __m256 x = _mm256_broadcast_ss(p[i] + k);
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      c[i][j] = _mm256_fmadd_ps(x, b[j], c[i][j]);
  }
}

/* mr pixels x nv vectors of 8 output channels. */
DCN_TEMPLATE void
igemm(const int mr, const int nv, const float *const *a, int taps, int channels, const float *w,
      const float *init, float *out, size_t ldo, int pixels, int columns)
{
  __m256 c[MR][2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++) {
    __m256 start = init ? _mm256_loadu_ps(init + 8 * j) : _mm256_setzero_ps();
    DCN_UNROLL
    for (int i = 0; i < mr; i++)
      c[i][j] = start;
  }

  for (int t = 0; t < taps; t++, a += MR) {
    const float *p[MR];
    DCN_UNROLL
    for (int i = 0; i < mr; i++)
      p[i] = a[i] + channels;
    for (ptrdiff_t k = -(ptrdiff_t)channels; k < 0; k++, w += NR)
      step(mr, nv, c, p, w, k);
  }

  __m256i m[2] = {dcn_first_lanes(columns), dcn_first_lanes(columns - 8)};
  DCN_UNROLL
  for (int i = 0; i < mr; i++) {
    if (i < pixels) {
      DCN_UNROLL
      for (int j = 0; j < nv; j++)
        _mm256_maskstore_ps(out + 8 * j, m[j], c[i][j]);
      out += ldo;
    }
  }
}

/* A tail tile costs what its pixels need, and a block of at most 8 channels half of a full one. */
#define IGEMM(mr)                                                                                  \
  (columns > 8 ? igemm(mr, 2, a, taps, channels, w, init, out, ldo, pixels, columns)               \
               : igemm(mr, 1, a, taps, channels, w, init, out, ldo, pixels, columns))

void
dcn_f32_igemm_6x16__avx2(const float *const *a, int taps, int channels, const float *w,
                         const float *init, float *out, size_t ldo, int pixels, int columns)
{
  if (pixels > 4)
    IGEMM(6);
  else if (pixels > 2)
    IGEMM(4);
  else if (pixels > 1)
    IGEMM(2);
  else if (pixels == 1)
    IGEMM(1);
}

/* dr pixels x nv vectors of 8 output channels. */
DCN_TEMPLATE void
dgemm(const int dr, const int nv, const float *const *d, const uint64_t *mask, int taps, int words,
      int channels, const float *w, float *const *out, int pixels, int columns)
{
  __m256 c[DR][2];
  __m256i m[2] = {dcn_first_lanes(columns), dcn_first_lanes(columns - 8)};
  DCN_UNROLL
  for (int i = 0; i < dr; i++) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      c[i][j] = i < pixels ? _mm256_maskload_ps(out[i] + 8 * j, m[j]) : _mm256_setzero_ps();
  }

  for (int t = 0; t < taps; t++, d += DR, mask += words, w += (size_t)channels * NR) {
    const float *p[DR];
    DCN_UNROLL
    for (int i = 0; i < dr; i++)
      p[i] = d[i];
    for (int j = 0; j < words; j++) {
      uint64_t bits = mask[j];
      ptrdiff_t k = (ptrdiff_t)j * 64;
      if (bits == ~(uint64_t)0) { /* everything changed: no search for the next channel */
        for (ptrdiff_t end = k + 64; k < end; k++)
          step(dr, nv, c, p, w + k * NR, k);
        continue;
      }
      for (; bits; bits &= bits - 1) {
        ptrdiff_t n = k + __builtin_ctzll(bits);
        step(dr, nv, c, p, w + n * NR, n);
      }
    }
  }

  DCN_UNROLL
  for (int i = 0; i < dr; i++) {
    if (i < pixels) {
      DCN_UNROLL
      for (int j = 0; j < nv; j++)
        _mm256_maskstore_ps(out[i] + 8 * j, m[j], c[i][j]);
    }
  }
}

#define DGEMM(dr)                                                                                  \
  (columns > 8 ? dgemm(dr, 2, d, mask, taps, words, channels, w, out, pixels, columns)             \
               : dgemm(dr, 1, d, mask, taps, words, channels, w, out, pixels, columns))

void
dcn_f32_dgemm_6x16__avx2(const float *const *d, const uint64_t *mask, int taps, int words,
                         int channels, const float *w, float *const *out, int pixels, int columns)
{
  if (pixels > 4)
    DGEMM(6);
  else if (pixels > 2)
    DGEMM(4);
  else if (pixels > 1)
    DGEMM(2);
  else if (pixels == 1)
    DGEMM(1);
}

/* y += x * rows of w, `rows` of them at a time, so that y is loaded and stored once for all. */
DCN_TEMPLATE void
gemv_rows(const int rows, const uint32_t *index, const float *x, const float *w, size_t ldw,
          float *y, int columns)
{
  const float *r[8];
  __m256 b[8];
  DCN_UNROLL
  for (int i = 0; i < rows; i++) {
    r[i] = w + index[i] * ldw;
    b[i] = _mm256_set1_ps(x[i]);
  }
  int j = 0;
  for (; j + 16 <= columns; j += 16) {
    __m256 s0 = _mm256_loadu_ps(y + j), s1 = _mm256_loadu_ps(y + j + 8);
    DCN_UNROLL
    for (int i = 0; i < rows; i++) {
      s0 = _mm256_fmadd_ps(b[i], _mm256_load_ps(r[i] + j), s0);
      s1 = _mm256_fmadd_ps(b[i], _mm256_load_ps(r[i] + j + 8), s1);
    }
    _mm256_storeu_ps(y + j, s0);
    _mm256_storeu_ps(y + j + 8, s1);
  }
  for (; j < columns; j += 8) {
    __m256i m = dcn_first_lanes(columns - j);
    __m256 s = _mm256_maskload_ps(y + j, m);
    DCN_UNROLL
    for (int i = 0; i < rows; i++)
      s = _mm256_fmadd_ps(b[i], _mm256_maskload_ps(r[i] + j, m), s);
    _mm256_maskstore_ps(y + j, m, s);
  }
}

void
dcn_f32_gemv_8r__avx2(const uint32_t *index, const float *x, int count, const float *w, size_t ldw,
                      float *y, int columns)
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
