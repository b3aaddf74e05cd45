/* deltacnn: the inner loop of scaling along a row.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where an output's taps lie side by side they are one load, and what remains is to add up along vectors: of eight
 * outputs at once, by adding vectors in pairs.  Where they lie apart (interleaved components) they are gathered: tap t
 * of 8 or 16 outputs at once.  Not fused to multiply-adds, so that all give the same bits. */
#include "frame/rows.h"
#include "frame/cpu.h"
#include <glib.h>
#include <stddef.h>

static inline __attribute__((always_inline)) float
eight(const float *p)
{
  return ((p[0] + p[1]) + (p[2] + p[3])) + ((p[4] + p[5]) + (p[6] + p[7]));
}

static inline __attribute__((always_inline)) void
rows_step(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
          float *out)
{
  int origin = filter->first[begin];
  for (int x = begin; x < end; x++) {
    const float *weights = filter->weights + filter->offset[x];
    int taps = dcn_axis_filter_taps(filter, x);
    const float *c = columns + (ptrdiff_t)(filter->first[x] - origin) * step;
    float sum = 0;
    for (int t = 0; t < taps; t += 8) {
      float p[8] = {0};
      for (int i = 0; i < MIN(taps - t, 8); i++)
        p[i] = weights[t + i] * c[(ptrdiff_t)(t + i) * step];
      sum += eight(p);
    }
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

/* Of each pair of neighbours the sum: a's in the lower half of each 128 bits, b's in the upper. */
__attribute__((target("avx2"), always_inline)) static inline __m256
pairs(__m256 a, __m256 b)
{
  return _mm256_add_ps(_mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)),
                       _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
}

/* The sums of the halves: of a's, of b's, of c's, of d's; then the same of the upper halves. */
__attribute__((target("avx2"), always_inline)) static inline __m256
fours(const __m256 *p)
{
  return pairs(pairs(p[0], p[1]), pairs(p[2], p[3]));
}

/* Eight outputs of at most four taps; first: where each one's taps begin, w: their weights. */
__attribute__((target("avx2"), always_inline)) static inline __m256
of_four_taps(const float *columns, const int *first, const float *w)
{
  __m256 p[4];
  for (int i = 0; i < 4; i++) {
    __m256 c = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(columns + first[i])),
                                    _mm_loadu_ps(columns + first[i + 4]), 1);
    __m256 of = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(w + i * 4)),
                                     _mm_load_ps(w + (i + 4) * 4), 1);
    p[i] = _mm256_mul_ps(of, c);
  }
  return fours(p);
}

/* Eight outputs' sums of eight taps each. */
__attribute__((target("avx2"), always_inline)) static inline __m256
of_eight_taps(const float *columns, const int *first, const float *w, size_t pitch)
{
  __m256 p[8];
  for (int i = 0; i < 8; i++)
    p[i] =
        _mm256_mul_ps(_mm256_load_ps(w + (size_t)i * pitch), _mm256_loadu_ps(columns + first[i]));
  __m256 a = fours(p), b = fours(p + 4);
  return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
}

__attribute__((target("avx2"))) static void
rows_side_by_side(const DcnAxisFilter *filter, const float *columns, int begin, int end, float *out)
{
  size_t pitch = filter->padded;
  columns -= filter->first[begin];
  for (int x = begin; x < end; x += 8) {
    const int *first = filter->first + x;
    const float *w = filter->by_output + (size_t)x * pitch;
    int n = end - x, few[8];
    if (n < 8 && end - begin >= 8) { /* some once more */
      x -= 8 - n;
      first -= 8 - n;
      w -= (size_t)(8 - n) * pitch;
    } else if (n < 8) { /* by_output goes on behind the last output */
      for (int i = 0; i < 8; i++)
        few[i] = first[MIN(i, n - 1)];
      first = few;
    }
    __m256 sum;
    if (pitch == 4) {
      sum = of_four_taps(columns, first, w);
    } else {
      sum = of_eight_taps(columns, first, w, pitch);
      for (size_t t = 8; t < pitch; t += 8)
        sum = _mm256_add_ps(sum, of_eight_taps(columns + t, first, w + t, pitch));
    }
    if (end - x >= 8) {
      _mm256_storeu_ps(out + (x - begin), sum);
    } else {
      __m256i lanes =
          _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
      _mm256_maskstore_ps(out + (x - begin), lanes, sum);
    }
  }
}

__attribute__((target("avx2"))) static void
rows_avx2(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
          float *out)
{
  if (step == 1) {
    rows_side_by_side(filter, columns, begin, end, out);
    return;
  }
  __m256i origin = _mm256_set1_epi32(filter->first[begin]), steps = _mm256_set1_epi32(step);
  __m256 zero = _mm256_setzero_ps();
  int x = begin;
  for (; x + 8 <= end; x += 8) {
    __m256i first = _mm256_loadu_si256((const __m256i *)(filter->first + x));
    __m256i offset = _mm256_loadu_si256((const __m256i *)(filter->offset + x));
    __m256i taps =
        _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(filter->offset + x + 1)), offset);
    __m256i at = _mm256_mullo_epi32(_mm256_sub_epi32(first, origin), steps);
    __m256 sum = zero;
    for (int t = 0; t < filter->most; t += 8) {
      __m256 p[8];
      for (int i = 0; i < 8; i++) {
        p[i] = zero;
        if (t + i >= filter->most)
          continue;
        __m256 has = _mm256_castsi256_ps(_mm256_cmpgt_epi32(taps, _mm256_set1_epi32(t + i)));
        __m256 c = _mm256_mask_i32gather_ps(zero, columns, at, has, 4);
        __m256 w = _mm256_loadu_ps(filter->by_tap + (size_t)(t + i) * filter->size + x);
        p[i] = _mm256_mul_ps(w, c);
        at = _mm256_add_epi32(at, steps);
      }
      sum = _mm256_add_ps(
          sum, _mm256_add_ps(_mm256_add_ps(_mm256_add_ps(p[0], p[1]), _mm256_add_ps(p[2], p[3])),
                             _mm256_add_ps(_mm256_add_ps(p[4], p[5]), _mm256_add_ps(p[6], p[7]))));
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
  if (step == 1) {
    rows_side_by_side(filter, columns, begin, end, out);
    return;
  }
  __m512i origin = _mm512_set1_epi32(filter->first[begin]), steps = _mm512_set1_epi32(step);
  __m512 zero = _mm512_setzero_ps();
  for (int x = begin; x < end; x += 16) {
    __mmask16 lanes = end - x >= 16 ? 0xffff : (__mmask16)((1u << (end - x)) - 1);
    __m512i first = _mm512_maskz_loadu_epi32(lanes, filter->first + x);
    __m512i offset = _mm512_maskz_loadu_epi32(lanes, filter->offset + x);
    __m512i taps =
        _mm512_sub_epi32(_mm512_maskz_loadu_epi32(lanes, filter->offset + x + 1), offset);
    __m512i at = _mm512_mullo_epi32(_mm512_sub_epi32(first, origin), steps);
    __m512 sum = zero;
    for (int t = 0; t < filter->most; t += 8) {
      __m512 p[8];
      for (int i = 0; i < 8; i++) {
        p[i] = zero;
        if (t + i >= filter->most)
          continue;
        __mmask16 has = _mm512_cmpgt_epi32_mask(taps, _mm512_set1_epi32(t + i));
        __m512 c = _mm512_mask_i32gather_ps(zero, has, at, columns, 4);
        __m512 w = _mm512_maskz_loadu_ps(has, filter->by_tap + (size_t)(t + i) * filter->size + x);
        p[i] = _mm512_mul_ps(w, c);
        at = _mm512_add_epi32(at, steps);
      }
      sum = _mm512_add_ps(
          sum, _mm512_add_ps(_mm512_add_ps(_mm512_add_ps(p[0], p[1]), _mm512_add_ps(p[2], p[3])),
                             _mm512_add_ps(_mm512_add_ps(p[4], p[5]), _mm512_add_ps(p[6], p[7]))));
    }
    _mm512_mask_storeu_ps(out + (x - begin), lanes, sum);
  }
}
#endif

#ifdef __aarch64__
#include <arm_neon.h>

/* Of an output's eight taps from `t` on the sums of four pairs; of four taps, of two pairs and zeros. */
static inline __attribute__((always_inline)) float32x4_t
pairs_of_taps(const float *columns, const float *w, const size_t pitch)
{
  float32x4_t low = vmulq_f32(vld1q_f32(w), vld1q_f32(columns));
  if (pitch == 4)
    return vpaddq_f32(low, vdupq_n_f32(0));
  return vpaddq_f32(low, vmulq_f32(vld1q_f32(w + 4), vld1q_f32(columns + 4)));
}

/* Four outputs. */
static inline __attribute__((always_inline)) void
four_outputs(const float *columns, const int *first, const float *w, const size_t pitch, float *out)
{
  float32x4_t sum = vdupq_n_f32(0);
  for (size_t t = 0; t < pitch; t += 8) {
    float32x4_t p[4];
#pragma GCC unroll 8
    for (size_t i = 0; i < 4; i++)
      p[i] = pairs_of_taps(columns + first[i] + t, w + i * pitch + t, pitch);
    sum = vaddq_f32(sum, vpaddq_f32(vpaddq_f32(p[0], p[1]), vpaddq_f32(p[2], p[3])));
  }
  vst1q_f32(out, sum);
}

static inline __attribute__((always_inline)) void
rows_of_four(const DcnAxisFilter *filter, const float *columns, int begin, int end, float *out,
             const size_t pitch)
{
  const int *first = filter->first + begin;
  const float *w = filter->by_output + (size_t)begin * pitch;
  int n = end - begin;
  columns -= first[0];
  __asm__("" : "+r"(columns)); /* else that is subtracted again and again */
  for (; n >= 4; n -= 4, first += 4, w += 4 * pitch, out += 4)
    four_outputs(columns, first, w, pitch, out);
  if (n > 0) /* some once more */
    four_outputs(columns, first + n - 4, w - (size_t)(4 - n) * pitch, pitch, out + n - 4);
}

static void
rows_neon(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
          float *out)
{
  if (step != 1 || end - begin < 4)
    rows_portable(filter, columns, step, begin, end, out);
  else if (filter->padded == 4)
    rows_of_four(filter, columns, begin, end, out, 4);
  else if (filter->padded == 8)
    rows_of_four(filter, columns, begin, end, out, 8);
  else
    rows_of_four(filter, columns, begin, end, out, filter->padded);
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
    if (dcn_cpu_has_avx512())
      all[k++] = rows_avx512;
    if (dcn_cpu_has_avx2())
      all[k++] = rows_avx2;
#endif
#ifdef __aarch64__
    all[k++] = rows_neon;
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
