/* deltacnn: the inner loop of scaling along a row.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An output's taps lie anywhere, so the vector forms gather: tap t of 8 or 16 outputs at once, as far as they have
 * so many.  Not fused to multiply-adds, so that all give the same bits. */
#include "frame/rows.h"
#include <glib.h>
#include <stddef.h>

static inline __attribute__((always_inline)) void
rows_step(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
          float *out)
{
  int origin = filter->first[begin];
  const float *weights = filter->weights + filter->offset[begin];
  for (int x = begin; x < end; x++) {
    int taps = dcn_axis_filter_taps(filter, x);
    const float *c = columns + (ptrdiff_t)(filter->first[x] - origin) * step;
    float sum = 0;
    for (int t = 0; t < taps; t++)
      sum += weights[t] * c[(ptrdiff_t)t * step];
    weights += taps;
    *out++ = sum;
  }
}

static void
rows_portable(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
              float *out)
{
  if (step == 1)
    rows_step(filter, columns, 1, begin, end, out);
  else
    rows_step(filter, columns, step, begin, end, out);
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx2"))) static void
rows_avx2(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
          float *out)
{
  __m256i origin = _mm256_set1_epi32(filter->first[begin]), steps = _mm256_set1_epi32(step);
  int x = begin;
  for (; x + 8 <= end; x += 8) {
    __m256i first = _mm256_loadu_si256((const __m256i *)(filter->first + x));
    __m256i offset = _mm256_loadu_si256((const __m256i *)(filter->offset + x));
    __m256i taps =
        _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(filter->offset + x + 1)), offset);
    __m256i at = _mm256_mullo_epi32(_mm256_sub_epi32(first, origin), steps);
    __m256 sum = _mm256_setzero_ps();
    for (int t = 0;; t++) {
      __m256 has = _mm256_castsi256_ps(_mm256_cmpgt_epi32(taps, _mm256_set1_epi32(t)));
      if (_mm256_movemask_ps(has) == 0)
        break;
      __m256 zero = _mm256_setzero_ps();
      __m256 c = _mm256_mask_i32gather_ps(zero, columns, at, has, 4);
      __m256 w = _mm256_loadu_ps(filter->by_tap + (size_t)t * filter->size + x);
      sum = _mm256_blendv_ps(sum, _mm256_add_ps(sum, _mm256_mul_ps(w, c)), has);
      at = _mm256_add_epi32(at, steps);
    }
    _mm256_storeu_ps(out + (x - begin), sum);
  }
  if (x < end)
    rows_step(filter, columns + (ptrdiff_t)(filter->first[x] - filter->first[begin]) * step, step,
              x, end, out + (x - begin));
}

__attribute__((target("avx512f"))) static void
rows_avx512(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
            float *out)
{
  __m512i origin = _mm512_set1_epi32(filter->first[begin]), steps = _mm512_set1_epi32(step);
  for (int x = begin; x < end; x += 16) {
    __mmask16 lanes = end - x >= 16 ? 0xffff : (__mmask16)((1u << (end - x)) - 1);
    __m512i first = _mm512_maskz_loadu_epi32(lanes, filter->first + x);
    __m512i offset = _mm512_maskz_loadu_epi32(lanes, filter->offset + x);
    __m512i taps =
        _mm512_sub_epi32(_mm512_maskz_loadu_epi32(lanes, filter->offset + x + 1), offset);
    __m512i at = _mm512_mullo_epi32(_mm512_sub_epi32(first, origin), steps);
    __m512 sum = _mm512_setzero_ps();
    for (int t = 0;; t++) {
      __mmask16 has = _mm512_cmpgt_epi32_mask(taps, _mm512_set1_epi32(t));
      if (!has)
        break;
      __m512 zero = _mm512_setzero_ps();
      __m512 c = _mm512_mask_i32gather_ps(zero, has, at, columns, 4);
      __m512 w = _mm512_maskz_loadu_ps(has, filter->by_tap + (size_t)t * filter->size + x);
      sum = _mm512_mask_add_ps(sum, has, sum, _mm512_mul_ps(w, c));
      at = _mm512_add_epi32(at, steps);
    }
    _mm512_mask_storeu_ps(out + (x - begin), lanes, sum);
  }
}
#endif

const DcnRowsFunc *
dcn_rows_all(void)
{
  static DcnRowsFunc all[4];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f"))
      all[k++] = rows_avx512;
    if (__builtin_cpu_supports("avx2"))
      all[k++] = rows_avx2;
#endif
    all[k] = rows_portable;
    g_once_init_leave(&once, 1);
  }
  return all;
}

DcnRowsFunc
dcn_rows_best(void)
{
  return dcn_rows_all()[0];
}
