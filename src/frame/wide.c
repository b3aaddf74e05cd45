/* deltacnn: the inner loops of scaling in whole numbers that take more than a byte.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For what tiles (tiles.h) do not take: on x86 many taps, or packed colours. */
#include "frame/wide.h"
#include "frame/apart.h"
#include "frame/cpu.h"

/* Products of 16 bits each, which every CPU has vectors for. */
static inline uint32_t
product(uint8_t sample, uint16_t weight)
{
  return (uint32_t)(uint16_t)sample * (uint32_t)weight;
}

static inline __attribute__((always_inline)) void
columns_by_pairs(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
                 int32_t *out, int n)
{
  uint32_t *restrict sums = (uint32_t *)out;
  for (int t = 0; t < taps; t += 2) {
    const uint8_t *restrict a = source + t * stride, *restrict b = t + 1 < taps ? a + stride : a;
    uint16_t wa = weights[t], wb = t + 1 < taps ? weights[t + 1] : 0;
    if (t == 0)
      for (int i = 0; i < n; i++)
        sums[i] = product(a[i], wa) + product(b[i], wb);
    else
      for (int i = 0; i < n; i++)
        sums[i] += product(a[i], wa) + product(b[i], wb);
  }
}

DCN_DEFINE_APART(int32_t)

/* Numbers beyond an output's taps may be any, their weights are 0. */
static inline __attribute__((always_inline)) void
rows_one_by_one(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end,
                float scale, float *out)
{
  size_t pitch = filter->whole_padded;
  const int16_t *weights = filter->whole_by_output + (size_t)begin * pitch;
  for (int x = begin; x < end; x++, weights += pitch) {
    const uint32_t *c = (const uint32_t *)columns + (filter->first[x] - filter->first[begin]);
    uint32_t sum = 0;
    for (size_t t = 0; t < pitch; t += 4)
      for (int i = 0; i < 4; i++)
        sum += (uint32_t)weights[t + i] * c[t + i];
    *out++ = (float)(int32_t)sum * scale;
  }
}

static void
columns_portable(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
                 int32_t *out, int n)
{
  columns_by_pairs(source, stride, weights, taps, out, n);
}

static void
apart_portable(const int32_t *columns, int step, int32_t *out, int n)
{
  apart_by_step(columns, step, out, n);
}

static void
rows_portable(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
              float *out)
{
  rows_one_by_one(filter, columns, begin, end, scale, out);
}

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2        __attribute__((target("avx2"))) static
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

/* Pairs of rows at most. */
#define PAIRS_MOST 16

/* Of two rows side by side; of a last one alone and 0. */
static inline int
pair_weights(const uint16_t *weights, int taps, int t)
{
  return weights[t] | (t + 1 < taps ? weights[t + 1] << 16 : 0);
}

/* 16 columns.  Two rows byte by byte in turn, times two weights. */
AVX2_INLINE void
columns_of_16(const uint8_t *source, ptrdiff_t stride, int taps, const __m256i *w, const int pairs,
              int32_t *out)
{
  __m256i low = _mm256_setzero_si256(), high = low;
  for (int k = 0; k < pairs; k++) {
    const uint8_t *row = source + 2 * k * stride;
    __m128i a = _mm_loadu_si128((const __m128i *)row);
    __m128i b = _mm_loadu_si128((const __m128i *)(2 * k + 1 < taps ? row + stride : row));
    __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b));
    __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(first, w[k]));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(second, w[k]));
  }
  _mm256_storeu_si256((__m256i *)out, low);
  _mm256_storeu_si256((__m256i *)(out + 8), high);
}

AVX2_INLINE void
columns_of_pairs(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
                 int32_t *out, int n, const int pairs)
{
  __m256i w[PAIRS_MOST];
  for (int k = 0; k < pairs; k++)
    w[k] = _mm256_set1_epi32(pair_weights(weights, taps, 2 * k));
  for (int i = 0;;) {
    columns_of_16(source + i, stride, taps, w, pairs, out + i);
    if (i + 16 == n)
      return;
    i = i + 32 <= n ? i + 16 : n - 16; /* some once more */
  }
}

AVX2 void
columns_avx2(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
             int32_t *out, int n)
{
  int pairs = (taps + 1) / 2;
  if (n < 16 || pairs > PAIRS_MOST)
    columns_by_pairs(source, stride, weights, taps, out, n);
  else if (pairs == 1)
    columns_of_pairs(source, stride, weights, taps, out, n, 1);
  else if (pairs == 2)
    columns_of_pairs(source, stride, weights, taps, out, n, 2);
  else
    columns_of_pairs(source, stride, weights, taps, out, n, pairs);
}

#define AVX512        __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq"))) static
#define AVX512_INLINE AVX512 inline __attribute__((always_inline))

/* 32 columns, likewise. */
AVX512_INLINE void
columns_of_32(const uint8_t *source, ptrdiff_t stride, int taps, const __m512i *w, const int pairs,
              int32_t *out)
{
  __m512i even = _mm512_setzero_si512(), odd = even; /* of eights of columns */
  for (int k = 0; k < pairs; k++) {
    const uint8_t *row = source + 2 * k * stride;
    __m256i a = _mm256_loadu_si256((const __m256i *)row);
    __m256i b = _mm256_loadu_si256((const __m256i *)(2 * k + 1 < taps ? row + stride : row));
    __m512i first = _mm512_cvtepu8_epi16(_mm256_unpacklo_epi8(a, b));
    __m512i second = _mm512_cvtepu8_epi16(_mm256_unpackhi_epi8(a, b));
    even = _mm512_add_epi32(even, _mm512_madd_epi16(first, w[k]));
    odd = _mm512_add_epi32(odd, _mm512_madd_epi16(second, w[k]));
  }
  _mm512_storeu_si512(out, _mm512_shuffle_i64x2(even, odd, 0x44));
  _mm512_storeu_si512(out + 16, _mm512_shuffle_i64x2(even, odd, 0xee));
}

AVX512_INLINE void
columns_of_most(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
                int32_t *out, int n, const int pairs)
{
  __m512i w[PAIRS_MOST];
  for (int k = 0; k < pairs; k++)
    w[k] = _mm512_set1_epi32(pair_weights(weights, taps, 2 * k));
  for (int i = 0;;) {
    columns_of_32(source + i, stride, taps, w, pairs, out + i);
    if (i + 32 == n)
      return;
    i = i + 64 <= n ? i + 32 : n - 32; /* some once more */
  }
}

AVX512 void
columns_avx512(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
               int32_t *out, int n)
{
  int pairs = (taps + 1) / 2;
  if (n < 32 || pairs > PAIRS_MOST)
    columns_avx2(source, stride, weights, taps, out, n);
  else if (pairs == 1)
    columns_of_most(source, stride, weights, taps, out, n, 1);
  else if (pairs == 2)
    columns_of_most(source, stride, weights, taps, out, n, 2);
  else
    columns_of_most(source, stride, weights, taps, out, n, pairs);
}

AVX2 void
apart_avx2(const int32_t *columns, int step, int32_t *out, int n)
{
  apart_by_step(columns, step, out, n);
}

/* Sums of products of an output's taps, an eighth of them in each lane; of four taps two outputs'. */
AVX2_INLINE __m256i
of_output(const int32_t *columns, const int16_t *w, const size_t pitch)
{
  __m256i sum = _mm256_setzero_si256();
  for (size_t t = 0; t < pitch; t += 8)
    sum = _mm256_add_epi32(
        sum, _mm256_mullo_epi32(_mm256_loadu_si256((const __m256i *)(columns + t)),
                                _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(w + t)))));
  return sum;
}

AVX2_INLINE __m256i
of_two_outputs(const int32_t *a, const int32_t *b, const int16_t *w)
{
  __m256i c = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)),
                                      _mm_loadu_si128((const __m128i *)b), 1);
  return _mm256_mullo_epi32(c, _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)w)));
}

/* Eight outputs. */
AVX2_INLINE __m256i
of_outputs(const int32_t *columns, const int *first, const int16_t *w, const size_t pitch)
{
  if (pitch == 4) {
    __m256i p[4]; /* 0 | 1 and so on */
    for (int i = 0; i < 4; i++)
      p[i] = of_two_outputs(columns + first[2 * i], columns + first[2 * i + 1], w + 8 * i);
    __m256i sum = _mm256_hadd_epi32(_mm256_hadd_epi32(p[0], p[1]), _mm256_hadd_epi32(p[2], p[3]));
    return _mm256_permutevar8x32_epi32(sum, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  __m256i half[2]; /* the sums of the lower lanes of four outputs | of the upper ones */
  for (int k = 0; k < 2; k++) {
    __m256i p[4];
    for (int i = 0; i < 4; i++)
      p[i] = of_output(columns + first[4 * k + i], w + (size_t)(4 * k + i) * pitch, pitch);
    half[k] = _mm256_hadd_epi32(_mm256_hadd_epi32(p[0], p[1]), _mm256_hadd_epi32(p[2], p[3]));
  }
  return _mm256_add_epi32(_mm256_permute2x128_si256(half[0], half[1], 0x20),
                          _mm256_permute2x128_si256(half[0], half[1], 0x31));
}

AVX2_INLINE void
rows_of(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
        float *out, const size_t pitch)
{
  const int *first = filter->first + begin;
  const int16_t *w = filter->whole_by_output + (size_t)begin * pitch;
  int n = end - begin;
  columns -= first[0];
  for (int x = 0;;) {
    __m256i sum = of_outputs(columns, first + x, w + (size_t)x * pitch, pitch);
    _mm256_storeu_ps(out + x, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_set1_ps(scale)));
    if (x + 8 == n)
      return;
    x = x + 16 <= n ? x + 8 : n - 8; /* some once more */
  }
}

AVX2 void
rows_avx2(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
          float *out)
{
  if (end - begin < 8)
    rows_one_by_one(filter, columns, begin, end, scale, out);
  else if (filter->whole_padded == 4)
    rows_of(filter, columns, begin, end, scale, out, 4);
  else if (filter->whole_padded == 8)
    rows_of(filter, columns, begin, end, scale, out, 8);
  else
    rows_of(filter, columns, begin, end, scale, out, filter->whole_padded);
}
#endif

#ifdef __aarch64__
#include <arm_neon.h>

/* Sums of products of an output's taps, a quarter of them in each lane. */
static inline int32x4_t
of_output(const int32_t *columns, const int16_t *w, const size_t pitch)
{
  int32x4_t sum = vmulq_s32(vld1q_s32(columns), vmovl_s16(vld1_s16(w)));
  for (size_t t = 4; t < pitch; t += 4)
    sum = vmlaq_s32(sum, vld1q_s32(columns + t), vmovl_s16(vld1_s16(w + t)));
  return sum;
}

static inline __attribute__((always_inline)) void
rows_of_four(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
             float *out, const size_t pitch)
{
  const int *first = filter->first + begin;
  const int16_t *weights = filter->whole_by_output + (size_t)begin * pitch;
  int n = end - begin;
  columns -= first[0];
  for (int x = 0;;) {
    int32x4_t p[4];
    for (int i = 0; i < 4; i++)
      p[i] = of_output(columns + first[x + i], weights + (size_t)(x + i) * pitch, pitch);
    int32x4_t sum = vpaddq_s32(vpaddq_s32(p[0], p[1]), vpaddq_s32(p[2], p[3]));
    vst1q_f32(out + x, vmulq_n_f32(vcvtq_f32_s32(sum), scale));
    if (x + 4 == n)
      return;
    x = x + 8 <= n ? x + 4 : n - 4; /* some once more */
  }
}

static void
rows_neon(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
          float *out)
{
  if (end - begin < 4)
    rows_one_by_one(filter, columns, begin, end, scale, out);
  else if (filter->whole_padded == 4)
    rows_of_four(filter, columns, begin, end, scale, out, 4);
  else if (filter->whole_padded == 8)
    rows_of_four(filter, columns, begin, end, scale, out, 8);
  else
    rows_of_four(filter, columns, begin, end, scale, out, filter->whole_padded);
}
#endif

const DcnWide *
dcn_wide_all(void)
{
  static DcnWide all[4];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    if (dcn_cpu_has_avx512())
      all[k++] = (DcnWide){columns_avx512, apart_avx2, rows_avx2};
    if (dcn_cpu_has_avx2())
      all[k++] = (DcnWide){columns_avx2, apart_avx2, rows_avx2};
#endif
#ifdef __aarch64__
    all[k++] = (DcnWide){columns_portable, apart_portable, rows_neon};
#endif
    all[k] = (DcnWide){columns_portable, apart_portable, rows_portable};
    g_once_init_leave(&once, 1);
  }
  return all;
}

const DcnWide *
dcn_wide_best(void)
{
  return dcn_wide_all();
}
