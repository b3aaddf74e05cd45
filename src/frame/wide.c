/* deltacnn: the inner loops of scaling in whole numbers that take more than a byte.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One body, of loops that compilers make vectors of, compiled for several instruction sets; compilers add along vectors
 * badly, which matters on NEON, where there are no tiles (tiles.h) that do better. */
#include "frame/wide.h"
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
rows_portable(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
              float *out)
{
  rows_one_by_one(filter, columns, begin, end, scale, out);
}

#ifdef __x86_64__
__attribute__((target("avx2"))) static void
columns_avx2(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
             int32_t *out, int n)
{
  columns_by_pairs(source, stride, weights, taps, out, n);
}

__attribute__((target("avx2"))) static void
rows_avx2(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
          float *out)
{
  rows_one_by_one(filter, columns, begin, end, scale, out);
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
  static DcnWide all[3];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    if (dcn_cpu_has_avx2())
      all[k++] = (DcnWide){columns_avx2, rows_avx2};
#endif
#ifdef __aarch64__
    all[k++] = (DcnWide){columns_portable, rows_neon};
#endif
    all[k] = (DcnWide){columns_portable, rows_portable};
    g_once_init_leave(&once, 1);
  }
  return all;
}

const DcnWide *
dcn_wide_best(void)
{
  return dcn_wide_all();
}
