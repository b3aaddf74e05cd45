/* deltacnn: the inner loops of scaling in whole numbers.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/whole.h"
#include "frame/apart.h"
#include "frame/cpu.h"

/* Down.  Sums wrap around in 16 bits; what they come to fits (filter.h). */
static inline __attribute__((always_inline)) void
columns_by_pairs(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                 int16_t *out, int n)
{
  uint16_t *restrict sums = (uint16_t *)out, start = 0;
  for (int t = 0; t < taps; t++)
    start = (uint16_t)(start - weights[t] * 128);
  for (int t = 0; t < taps; t += 2) {
    const uint8_t *restrict a = source + t * stride, *restrict b = t + 1 < taps ? a + stride : a;
    uint16_t wa = weights[t], wb = t + 1 < taps ? weights[t + 1] : 0;
    if (t == 0)
      for (int i = 0; i < n; i++)
        sums[i] = (uint16_t)(start + (uint16_t)(a[i] * wa) + (uint16_t)(b[i] * wb));
    else
      for (int i = 0; i < n; i++)
        sums[i] = (uint16_t)(sums[i] + (uint16_t)(a[i] * wa) + (uint16_t)(b[i] * wb));
  }
}

static void
columns_portable(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                 int16_t *out, int n)
{
  columns_by_pairs(source, stride, weights, taps, out, n);
}

DCN_DEFINE_APART(int16_t)

static void
apart_portable(const int16_t *columns, int step, int16_t *out, int n)
{
  apart_by_step(columns, step, out, n);
}

/* Across. */
static void
rows_portable(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end,
              int32_t start, float scale, float *out)
{
  size_t pitch = filter->whole_padded;
  const int16_t *weights = filter->whole_by_output + (size_t)begin * pitch;
  for (int x = begin; x < end; x++, weights += pitch) {
    const int16_t *c = columns + (filter->first[x] - filter->first[begin]);
    int32_t sum = start;
    for (size_t t = 0; t < pitch; t += 4)
      for (int i = 0; i < 4; i++)
        sum += weights[t + i] * c[t + i];
    *out++ = (float)sum * scale;
  }
}

#ifdef __x86_64__
#include <immintrin.h>

/* Two rows byte by byte in turn, times two weights; those of a last row alone are it and 0. */
static inline int
pair_weights(const uint8_t *weights, int taps, int t)
{
  return weights[t] | (t + 1 < taps ? weights[t + 1] << 8 : 0);
}

static inline int
start_of(const uint8_t *weights, int taps)
{
  int sum = 0;
  for (int t = 0; t < taps; t++) {
    sum -= 128 * weights[t];
    __asm__("" : "+r"(sum)); /* few: not worth vectors */
  }
  return sum;
}

/* Pairs of rows for which weights stay in registers. */
#define PAIRS_MOST 16

#define AVX2 __attribute__((target("avx2"), always_inline)) static inline

/* 32 columns. */
AVX2 void
columns_of_32(const uint8_t *source, ptrdiff_t stride, int taps, const __m256i *w, const int pairs,
              __m256i start, int16_t *out)
{
  __m256i low = start, high = start;
  for (int k = 0; k < pairs; k++) {
    const uint8_t *row = source + 2 * k * stride;
    __m256i a = _mm256_loadu_si256((const __m256i *)row);
    __m256i b = _mm256_loadu_si256((const __m256i *)(2 * k + 1 < taps ? row + stride : row));
    low = _mm256_add_epi16(low, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), w[k]));
    high = _mm256_add_epi16(high, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), w[k]));
  }
  _mm256_storeu_si256((__m256i *)out, _mm256_permute2x128_si256(low, high, 0x20));
  _mm256_storeu_si256((__m256i *)(out + 16), _mm256_permute2x128_si256(low, high, 0x31));
}

AVX2 void
columns_of_pairs(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                 int16_t *out, int n, const int pairs)
{
  __m256i w[PAIRS_MOST], start = _mm256_set1_epi16((int16_t)start_of(weights, taps));
  for (int k = 0; k < pairs; k++)
    w[k] = _mm256_set1_epi16((int16_t)pair_weights(weights, taps, 2 * k));
  for (int i = 0;;) {
    columns_of_32(source + i, stride, taps, w, pairs, start, out + i);
    if (i + 32 == n)
      return;
    i = i + 64 <= n ? i + 32 : n - 32; /* some once more */
  }
}

__attribute__((target("avx2"))) static void
apart_avx2(const int16_t *columns, int step, int16_t *out, int n)
{
  apart_by_step(columns, step, out, n);
}

__attribute__((target("avx2"))) static void
columns_avx2(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
             int16_t *out, int n)
{
  int pairs = (taps + 1) / 2;
  if (n < 32 || pairs > PAIRS_MOST)
    columns_by_pairs(source, stride, weights, taps, out, n);
  else if (pairs == 1)
    columns_of_pairs(source, stride, weights, taps, out, n, 1);
  else if (pairs == 2)
    columns_of_pairs(source, stride, weights, taps, out, n, 2);
  else if (pairs == 3)
    columns_of_pairs(source, stride, weights, taps, out, n, 3);
  else
    columns_of_pairs(source, stride, weights, taps, out, n, pairs);
}

AVX2 __m256i
two_halves(__m128i a, __m128i b)
{
  return _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
}

AVX2 __m128i
eight(const int16_t *p)
{
  return _mm_loadu_si128((const __m128i *)p);
}

/* Sums of pairs of products, of outputs 0, 1 | 2, 3 of four taps each. */
AVX2 __m256i
of_four_taps(const int16_t *columns, const int *first, const int16_t *w)
{
  __m128i c[4];
  for (int i = 0; i < 4; i++)
    c[i] = _mm_loadl_epi64((const __m128i *)(columns + first[i]));
  return _mm256_madd_epi16(
      two_halves(_mm_unpacklo_epi64(c[0], c[1]), _mm_unpacklo_epi64(c[2], c[3])),
      _mm256_loadu_si256((const __m256i *)w));
}

/* The same of outputs 0 | 1 of eight taps each. */
AVX2 __m256i
of_eight_taps(const int16_t *columns, const int *first, const int16_t *w, const size_t pitch)
{
  return _mm256_madd_epi16(two_halves(eight(columns + first[0]), eight(columns + first[1])),
                           pitch == 8 ? _mm256_loadu_si256((const __m256i *)w)
                                      : two_halves(eight(w), eight(w + pitch)));
}

/* Eight outputs. */
AVX2 __m256i
of_outputs(const int16_t *columns, const int *first, const int16_t *w, const size_t pitch,
           __m256i sum)
{
  if (pitch == 4) {
    __m256i p = _mm256_hadd_epi32(of_four_taps(columns, first, w),
                                  of_four_taps(columns, first + 4, w + 16));
    return _mm256_add_epi32(sum, _mm256_permute4x64_epi64(p, _MM_SHUFFLE(3, 1, 2, 0)));
  }
  __m256i all = _mm256_setzero_si256();
  for (size_t t = 0; t < pitch; t += 8) {
    __m256i p[4];
    for (int i = 0; i < 4; i++)
      p[i] = of_eight_taps(columns + t, first + 2 * i, w + 2 * (size_t)i * pitch + t, pitch);
    all = _mm256_add_epi32(
        all, _mm256_hadd_epi32(_mm256_hadd_epi32(p[0], p[1]), _mm256_hadd_epi32(p[2], p[3])));
  }
  /* 0 2 4 6 | 1 3 5 7 */
  return _mm256_add_epi32(
      sum, _mm256_permutevar8x32_epi32(all, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

AVX2 void
rows_of(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
        float scale, float *out, const size_t pitch)
{
  __m256i add = _mm256_set1_epi32(start);
  __m256 times = _mm256_set1_ps(scale);
  const int *first = filter->first + begin;
  const int16_t *w = filter->whole_by_output + (size_t)begin * pitch;
  int n = end - begin, x = 0;
  columns -= first[0];
  if (n < 8) {
    int few[8]; /* the weights go on behind the last output */
    for (int i = 0; i < 8; i++)
      few[i] = first[i < n ? i : n - 1];
    __m256 y = _mm256_mul_ps(_mm256_cvtepi32_ps(of_outputs(columns, few, w, pitch, add)), times);
    __m256i lanes =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_maskstore_ps(out, lanes, y);
    return;
  }
  for (;;) {
    __m256i sum = of_outputs(columns, first + x, w + (size_t)x * pitch, pitch, add);
    _mm256_storeu_ps(out + x, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), times));
    if (x + 8 == n)
      return;
    x = x + 16 <= n ? x + 8 : n - 8; /* some once more */
  }
}

__attribute__((target("avx2"))) static void
rows_avx2(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
          float scale, float *out)
{
  if (filter->whole_padded == 4)
    rows_of(filter, columns, begin, end, start, scale, out, 4);
  else if (filter->whole_padded == 8)
    rows_of(filter, columns, begin, end, start, scale, out, 8);
  else
    rows_of(filter, columns, begin, end, start, scale, out, filter->whole_padded);
}

#define AVX512 __attribute__((target("avx2,avx512f,avx512bw,avx512vl,avx512dq")))
/* 64 columns, those of the mask. */
AVX512 static inline __attribute__((always_inline)) void
columns_of_64(const uint8_t *source, ptrdiff_t stride, int taps, const __m512i *w, const int pairs,
              __m512i start, int16_t *out, __mmask64 mask)
{
  __m512i low = start, high = start;
  for (int k = 0; k < pairs; k++) {
    const uint8_t *row = source + 2 * k * stride;
    __m512i a = _mm512_maskz_loadu_epi8(mask, row);
    __m512i b = _mm512_maskz_loadu_epi8(mask, 2 * k + 1 < taps ? row + stride : row);
    low = _mm512_add_epi16(low, _mm512_maddubs_epi16(_mm512_unpacklo_epi8(a, b), w[k]));
    high = _mm512_add_epi16(high, _mm512_maddubs_epi16(_mm512_unpackhi_epi8(a, b), w[k]));
  }
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
  const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_mask_storeu_epi16(out, (__mmask32)mask, _mm512_permutex2var_epi64(low, first, high));
  _mm512_mask_storeu_epi16(out + 32, (__mmask32)(mask >> 32),
                           _mm512_permutex2var_epi64(low, second, high));
}

AVX512 static inline __attribute__((always_inline)) void
columns_of_most(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                int16_t *out, int n, const int pairs)
{
  __m512i w[PAIRS_MOST], start = _mm512_set1_epi16((int16_t)start_of(weights, taps));
  for (int k = 0; k < pairs; k++)
    w[k] = _mm512_set1_epi16((int16_t)pair_weights(weights, taps, 2 * k));
  int i = 0;
  for (; i + 64 <= n; i += 64)
    columns_of_64(source + i, stride, taps, w, pairs, start, out + i, ~(__mmask64)0);
  if (i < n)
    columns_of_64(source + i, stride, taps, w, pairs, start, out + i,
                  ~(__mmask64)0 >> (64 - (n - i)));
}

AVX512 static void
columns_avx512(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
               int16_t *out, int n)
{
  int pairs = (taps + 1) / 2;
  if (pairs > PAIRS_MOST)
    columns_by_pairs(source, stride, weights, taps, out, n);
  else if (pairs == 1)
    columns_of_most(source, stride, weights, taps, out, n, 1);
  else if (pairs == 2)
    columns_of_most(source, stride, weights, taps, out, n, 2);
  else if (pairs == 3)
    columns_of_most(source, stride, weights, taps, out, n, 3);
  else
    columns_of_most(source, stride, weights, taps, out, n, pairs);
}

AVX512 static inline __attribute__((always_inline)) __m512i
four_times_eight(const int16_t *p, const int *first)
{
  __m512i v = _mm512_castsi128_si512(eight(p + first[0]));
  v = _mm512_inserti64x2(v, eight(p + first[1]), 1);
  v = _mm512_inserti64x2(v, eight(p + first[2]), 2);
  return _mm512_inserti64x2(v, eight(p + first[3]), 3);
}

/* 16 outputs of eight taps or a multiple each. */
AVX512 static inline __attribute__((always_inline)) __m512i
of_16_outputs(const int16_t *columns, const int *first, const int16_t *w, const size_t pitch)
{
  const int apart[4] = {0, (int)pitch, 2 * (int)pitch, 3 * (int)pitch};
  __m512i p[4];
  for (int i = 0; i < 4; i++) { /* sums of pairs of products; an output is 128 bits */
    const int16_t *weights = w + 4 * (size_t)i * pitch;
    for (size_t t = 0; t < pitch; t += 8) {
      __m512i v = _mm512_madd_epi16(four_times_eight(columns + t, first + 4 * i),
                                    pitch == 8 ? _mm512_loadu_si512(weights)
                                               : four_times_eight(weights + t, apart));
      p[i] = t == 0 ? v : _mm512_add_epi32(p[i], v);
    }
  }
  __m512i a =
      _mm512_add_epi32(_mm512_unpacklo_epi32(p[0], p[1]), _mm512_unpackhi_epi32(p[0], p[1]));
  __m512i b =
      _mm512_add_epi32(_mm512_unpacklo_epi32(p[2], p[3]), _mm512_unpackhi_epi32(p[2], p[3]));
  __m512i sum = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
  /* 0 4 8 12 | 1 5 9 13 | ... */
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), sum);
}

AVX512 static inline __attribute__((always_inline)) void
rows_of_16(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
           float scale, float *out, const size_t pitch)
{
  __m512i add = _mm512_set1_epi32(start);
  __m512 times = _mm512_set1_ps(scale);
  const int *first = filter->first + begin;
  const int16_t *w = filter->whole_by_output + (size_t)begin * pitch;
  int n = end - begin;
  columns -= first[0];
  for (int x = 0;;) {
    __m512i sum =
        _mm512_add_epi32(add, of_16_outputs(columns, first + x, w + (size_t)x * pitch, pitch));
    _mm512_storeu_ps(out + x, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), times));
    if (x + 16 == n)
      return;
    x = x + 32 <= n ? x + 16 : n - 16; /* some once more */
  }
}

AVX512 static void
rows_avx512(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
            float scale, float *out)
{
  if (filter->whole_padded < 8 || end - begin < 16)
    rows_avx2(filter, columns, begin, end, start, scale, out);
  else if (filter->whole_padded == 8)
    rows_of_16(filter, columns, begin, end, start, scale, out, 8);
  else
    rows_of_16(filter, columns, begin, end, start, scale, out, filter->whole_padded);
}
#endif

#ifdef __aarch64__
#include <arm_neon.h>

/* 16 times `blocks` columns, of which small cores want many: they wait for each load.  start: what sums begin with. */
static inline __attribute__((always_inline)) void
columns_of_16(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
              uint16x8_t start, int16_t *out, const int blocks)
{
  uint16x8_t sum[8];
#pragma GCC unroll 8
  for (int k = 0; k < 2 * blocks; k++)
    sum[k] = start;
  for (int t = 0; t < taps; t++, source += stride) {
    uint8x16_t w = vld1q_dup_u8(weights + t);
#pragma GCC unroll 8
    for (int k = 0; k < blocks; k++) {
      uint8x16_t row = vld1q_u8(source + 16 * k);
      sum[2 * k] = vmlal_u8(sum[2 * k], vget_low_u8(row), vget_low_u8(w));
      sum[2 * k + 1] = vmlal_high_u8(sum[2 * k + 1], row, w);
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < 2 * blocks; k++)
    vst1q_s16(out + 8 * k, vreinterpretq_s16_u16(sum[k]));
}

static void
columns_neon(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
             int16_t *out, int n)
{
  unsigned total = 0;
  int i = 0;
  if (n < 16) {
    columns_by_pairs(source, stride, weights, taps, out, n);
    return;
  }
  for (int t = 0; t < taps; t++)
    total += weights[t];
  uint16x8_t start = vdupq_n_u16((uint16_t)(0 - 128 * total));
  for (; i + 64 <= n; i += 64)
    columns_of_16(source + i, stride, weights, taps, start, out + i, 4);
  for (; i + 16 <= n; i += 16)
    columns_of_16(source + i, stride, weights, taps, start, out + i, 1);
  if (i < n) /* some once more */
    columns_of_16(source + n - 16, stride, weights, taps, start, out + n - 16, 1);
}

/* Sums of products of an output's taps, a quarter of them in each lane. */
static inline __attribute__((always_inline)) int32x4_t
of_output(const int16_t *columns, const int16_t *w, const size_t pitch)
{
  if (pitch == 4)
    return vmull_s16(vld1_s16(columns), vld1_s16(w));
  int16x8_t c = vld1q_s16(columns), by = vld1q_s16(w);
  int32x4_t sum = vmull_s16(vget_low_s16(c), vget_low_s16(by));
  sum = vmlal_high_s16(sum, c, by);
  for (size_t t = 8; t < pitch; t += 8) {
    c = vld1q_s16(columns + t);
    by = vld1q_s16(w + t);
    sum = vmlal_s16(sum, vget_low_s16(c), vget_low_s16(by));
    sum = vmlal_high_s16(sum, c, by);
  }
  return sum;
}

/* Four outputs. */
static inline __attribute__((always_inline)) void
four_outputs(const int16_t *columns, const int *first, const int16_t *w, const size_t pitch,
             int32x4_t start, float scale, float *out)
{
  int32x4_t p[4];
#pragma GCC unroll 8
  for (size_t i = 0; i < 4; i++)
    p[i] = of_output(columns + first[i], w + i * pitch, pitch);
  int32x4_t sum = vpaddq_s32(vpaddq_s32(p[0], p[1]), vpaddq_s32(p[2], p[3]));
  vst1q_f32(out, vmulq_n_f32(vcvtq_f32_s32(vaddq_s32(sum, start)), scale));
}

static inline __attribute__((always_inline)) void
rows_of_four(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
             float scale, float *out, const size_t pitch)
{
  const int *first = filter->first + begin;
  const int16_t *w = filter->whole_by_output + (size_t)begin * pitch;
  int32x4_t add = vdupq_n_s32(start);
  int n = end - begin;
  columns -= first[0];
  __asm__("" : "+r"(columns)); /* else that is subtracted again and again */
  for (; n >= 4; n -= 4, first += 4, w += 4 * pitch, out += 4)
    four_outputs(columns, first, w, pitch, add, scale, out);
  if (n > 0) /* some once more */
    four_outputs(columns, first + n - 4, w - (size_t)(4 - n) * pitch, pitch, add, scale,
                 out + n - 4);
}

static void
rows_neon(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
          float scale, float *out)
{
  if (end - begin < 4)
    rows_portable(filter, columns, begin, end, start, scale, out);
  else if (filter->whole_padded == 4)
    rows_of_four(filter, columns, begin, end, start, scale, out, 4);
  else if (filter->whole_padded == 8)
    rows_of_four(filter, columns, begin, end, start, scale, out, 8);
  else
    rows_of_four(filter, columns, begin, end, start, scale, out, filter->whole_padded);
}
#endif

const DcnWhole *
dcn_whole_all(void)
{
  static DcnWhole all[4];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    if (dcn_cpu_has_avx512())
      all[k++] = (DcnWhole){columns_avx512, apart_avx2, rows_avx512};
    if (dcn_cpu_has_avx2())
      all[k++] = (DcnWhole){columns_avx2, apart_avx2, rows_avx2};
#endif
#ifdef __aarch64__
    all[k++] = (DcnWhole){columns_neon, apart_portable, rows_neon};
#endif
    all[k] = (DcnWhole){columns_portable, apart_portable, rows_portable};
    g_once_init_leave(&once, 1);
  }
  return all;
}

const DcnWhole *
dcn_whole_best(void)
{
  return dcn_whole_all();
}
