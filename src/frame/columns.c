/* deltacnn: the inner loop of scaling down a column.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One body, compiled for several instruction sets.  The vectors are GCC's and clang's portable
 * ones.  The build forbids contraction to fused multiply-adds, so that all give the same bits. */
#include "frame/columns.h"
#include "frame/cpu.h"
#include <glib.h>

/* Adds `taps` (1 to 4) rows to out, which the compiler vectorises; several at once keep out in a
 * register. */
static inline __attribute__((always_inline)) void
add_rows(const uint8_t *restrict source, ptrdiff_t stride, const float *weights, int taps,
         gboolean first, float *restrict out, int n)
{
  const uint8_t *restrict b = source + (taps > 1 ? stride : 0), *restrict c =
                                                                    source +
                                                                    (taps > 2 ? 2 * stride : 0);
  const uint8_t *restrict d = source + (taps > 3 ? 3 * stride : 0);
  float wa = weights[0], wb = taps > 1 ? weights[1] : 0, wc = taps > 2 ? weights[2] : 0;
  float wd = taps > 3 ? weights[3] : 0;
  for (int i = 0; i < n; i++) {
    float sum = first ? (float)source[i] * wa : out[i] + (float)source[i] * wa;
    if (taps > 1)
      sum += (float)b[i] * wb;
    if (taps > 2)
      sum += (float)c[i] * wc;
    if (taps > 3)
      sum += (float)d[i] * wd;
    out[i] = sum;
  }
}

static inline __attribute__((always_inline)) void
columns(const uint8_t *source, ptrdiff_t stride, const float *weights, int taps, float *out, int n)
{
  for (int t = 0; t < taps; t += 4) {
    const uint8_t *row = source + t * stride;
    const float *w = weights + t;
    switch (MIN(taps - t, 4) + (t == 0 ? 4 : 0)) {
    case 1:
      add_rows(row, stride, w, 1, FALSE, out, n);
      break;
    case 2:
      add_rows(row, stride, w, 2, FALSE, out, n);
      break;
    case 3:
      add_rows(row, stride, w, 3, FALSE, out, n);
      break;
    case 4:
      add_rows(row, stride, w, 4, FALSE, out, n);
      break;
    case 5:
      add_rows(row, stride, w, 1, TRUE, out, n);
      break;
    case 6:
      add_rows(row, stride, w, 2, TRUE, out, n);
      break;
    case 7:
      add_rows(row, stride, w, 3, TRUE, out, n);
      break;
    case 8:
      add_rows(row, stride, w, 4, TRUE, out, n);
      break;
    }
  }
}

static void
columns_portable(const uint8_t *source, ptrdiff_t stride, const float *weights, int taps,
                 float *out, int n)
{
  columns(source, stride, weights, taps, out, n);
}

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>

__attribute__((target("avx2"))) static void
columns_avx2(const uint8_t *source, ptrdiff_t stride, const float *weights, int taps, float *out,
             int n)
{
  columns(source, stride, weights, taps, out, n);
}

/* Sums stay in registers, of 64 columns at once; what is left over is masked, so that short runs take
 * no longer than their share. */
#define AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq")))
AVX512 static inline __attribute__((always_inline)) void
columns_of(const uint8_t *source, ptrdiff_t stride, const float *weights, int taps, float *out,
           int vectors, __mmask16 last)
{
  __m512 sum[4];
  for (int v = 0; v < vectors; v++)
    sum[v] = _mm512_setzero_ps();
  for (int t = 0; t < taps; t++) {
    const uint8_t *row = source + t * stride;
    __m512 w = _mm512_set1_ps(weights[t]);
    for (int v = 0; v < vectors; v++) {
      __m128i bytes = v + 1 < vectors ? _mm_loadu_si128((const __m128i *)(row + v * 16))
                                      : _mm_maskz_loadu_epi8(last, row + v * 16);
      __m512 x = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
      sum[v] = _mm512_add_ps(sum[v], _mm512_mul_ps(x, w));
    }
  }
  for (int v = 0; v < vectors; v++)
    _mm512_mask_storeu_ps(out + v * 16, v + 1 < vectors ? 0xffff : last, sum[v]);
}

AVX512 static void
columns_avx512(const uint8_t *source, ptrdiff_t stride, const float *weights, int taps, float *out,
               int n)
{
  int i = 0;
  for (; i + 64 <= n; i += 64)
    columns_of(source + i, stride, weights, taps, out + i, 4, 0xffff);
  if (i == n)
    return;
  source += i;
  out += i;
  n -= i;
  __mmask16 last = (__mmask16)(0xffff >> (-n & 15));
  switch ((n + 15) / 16) {
  case 1:
    columns_of(source, stride, weights, taps, out, 1, last);
    break;
  case 2:
    columns_of(source, stride, weights, taps, out, 2, last);
    break;
  case 3:
    columns_of(source, stride, weights, taps, out, 3, last);
    break;
  case 4:
    columns_of(source, stride, weights, taps, out, 4, last);
    break;
  }
}
#endif

const DcnColumnsFunc *
dcn_columns_all(void)
{
  static DcnColumnsFunc all[4];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#if defined(__x86_64__) || defined(__i386__)
    if (dcn_cpu_has_avx512())
      all[k++] = columns_avx512;
    if (dcn_cpu_has_avx2())
      all[k++] = columns_avx2;
#endif
    all[k] = columns_portable;
    g_once_init_leave(&once, 1);
  }
  return all;
}

DcnColumnsFunc
dcn_columns_best(void)
{
  return dcn_columns_all()[0];
}
