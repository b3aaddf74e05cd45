/* deltacnn: the inner loop of converting colours and normalising.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors are along the row; three of them are then woven into pixels of four floats, of which the fourth is not
 * stored. */
#include "frame/colors.h"
#include <glib.h>
#include <string.h>

/* Floats from here to twice this are whole numbers: a sum with it is rounded to one, the nearest, of two the even one.
 * In this way all implementations round alike, -0 to 0 too. */
#define WHOLE 8388608.0f

static inline float
to_sample(float v)
{
  v = v < 0 ? 0 : v > 255 ? 255 : v;
  return (v + WHOLE) - WHOLE;
}

static void
colors_run(const DcnColors *colors, const float *const component[3], int first, int n, float *out,
           size_t stride)
{
  const float *restrict p = component[0] + first, *restrict q = component[1] + first,
                        *restrict r = component[2] + first;
  for (int c = 0; c < colors->channels; c++) {
    const float *m = colors->matrix[c], bias = colors->bias[c];
    float m0 = m[0], m1 = m[1], m2 = m[2], scale = colors->scale[c], offset = colors->offset[c];
    float *restrict o = out + (size_t)first * stride + c;
    if (colors->n_components == 1) {
      for (int x = 0; x < n; x++)
        o[(size_t)x * stride] = to_sample(m0 * p[x] + bias) * scale + offset;
    } else {
      for (int x = 0; x < n; x++)
        o[(size_t)x * stride] =
            to_sample(m0 * p[x] + m1 * q[x] + m2 * r[x] + bias) * scale + offset;
    }
  }
}

/* The end of the run of pixels of one kind (wanted or not) that begins at x. */
static int
run_end(const uint8_t *wanted, int x, int n)
{
  const uint8_t *end = memchr(wanted + x, !wanted[x], (size_t)(n - x));
  return end ? (int)(end - wanted) : n;
}

static void
colors_portable(const DcnColors *colors, const float *const component[3], const uint8_t *wanted,
                float *out, size_t stride, int n)
{
  for (int x = 0, end; x < n; x = end) {
    end = run_end(wanted, x, n);
    if (wanted[x])
      colors_run(colors, component, x, end - x, out, stride);
  }
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx512f"), always_inline)) static inline __m512
channel(const DcnColors *colors, int c, const __m512 *in)
{
  __m512 v = _mm512_mul_ps(_mm512_set1_ps(colors->matrix[c][0]), in[0]);
  for (int j = 1; j < 3; j++)
    v = _mm512_add_ps(v, _mm512_mul_ps(_mm512_set1_ps(colors->matrix[c][j]), in[j]));
  v = _mm512_add_ps(v, _mm512_set1_ps(colors->bias[c]));
  v = _mm512_min_ps(_mm512_set1_ps(255), _mm512_max_ps(_mm512_setzero_ps(), v));
  v = _mm512_sub_ps(_mm512_add_ps(v, _mm512_set1_ps(WHOLE)), _mm512_set1_ps(WHOLE));
  return _mm512_add_ps(_mm512_mul_ps(v, _mm512_set1_ps(colors->scale[c])),
                       _mm512_set1_ps(colors->offset[c]));
}

/* Bits 4i to 4i + 2 for bit i. */
static const __mmask16 three_of_four[16] = {0x0000, 0x0007, 0x0070, 0x0077, 0x0700, 0x0707,
                                            0x0770, 0x0777, 0x7000, 0x7007, 0x7070, 0x7077,
                                            0x7700, 0x7707, 0x7770, 0x7777};

__attribute__((target("avx512f,avx512bw,avx512vl"))) static void
colors_avx512(const DcnColors *colors, const float *const component[3], const uint8_t *wanted,
              float *out, size_t stride, int n)
{
  if (colors->n_components != 3 || colors->channels != 3 || stride != 4) {
    colors_portable(colors, component, wanted, out, stride, n);
    return;
  }
  for (int x = 0; x < n; x += 16) {
    int rest = n - x;
    __mmask16 lanes = rest >= 16 ? 0xffff : (__mmask16)((1u << rest) - 1);
    __m128i marks = _mm_maskz_loadu_epi8(lanes, wanted + x);
    unsigned to_store = _mm_test_epi8_mask(marks, marks);
    if (to_store == 0)
      continue;
    __m512 in[3];
    for (int j = 0; j < 3; j++)
      in[j] = _mm512_maskz_loadu_ps(lanes, component[j] + x);
    __m512 r = channel(colors, 0, in), g = channel(colors, 1, in), b = channel(colors, 2, in);
    /* Pixels 4k and 4k + 1, 4k + 2 and 4k + 3 of each 128 bits k ... */
    __m512 rg0 = _mm512_unpacklo_ps(r, g), rg2 = _mm512_unpackhi_ps(r, g);
    __m512 b0 = _mm512_unpacklo_ps(b, b), b2 = _mm512_unpackhi_ps(b, b);
    /* ... pixels 4k + i ... */
    __m512 p0 = _mm512_shuffle_ps(rg0, b0, _MM_SHUFFLE(1, 0, 1, 0));
    __m512 p1 = _mm512_shuffle_ps(rg0, b0, _MM_SHUFFLE(3, 2, 3, 2));
    __m512 p2 = _mm512_shuffle_ps(rg2, b2, _MM_SHUFFLE(1, 0, 1, 0));
    __m512 p3 = _mm512_shuffle_ps(rg2, b2, _MM_SHUFFLE(3, 2, 3, 2));
    /* ... 0 4 1 5, 8 12 9 13, ... by two in each vector, then in order. */
    __m512 lo01 = _mm512_shuffle_f32x4(p0, p1, _MM_SHUFFLE(1, 0, 1, 0));
    __m512 hi01 = _mm512_shuffle_f32x4(p0, p1, _MM_SHUFFLE(3, 2, 3, 2));
    __m512 lo23 = _mm512_shuffle_f32x4(p2, p3, _MM_SHUFFLE(1, 0, 1, 0));
    __m512 hi23 = _mm512_shuffle_f32x4(p2, p3, _MM_SHUFFLE(3, 2, 3, 2));
    __m512 out4[4] = {_mm512_shuffle_f32x4(lo01, lo23, _MM_SHUFFLE(2, 0, 2, 0)),
                      _mm512_shuffle_f32x4(lo01, lo23, _MM_SHUFFLE(3, 1, 3, 1)),
                      _mm512_shuffle_f32x4(hi01, hi23, _MM_SHUFFLE(2, 0, 2, 0)),
                      _mm512_shuffle_f32x4(hi01, hi23, _MM_SHUFFLE(3, 1, 3, 1))};
    for (int i = 0; i < 4 && i * 4 < rest; i++)
      _mm512_mask_storeu_ps(out + (size_t)(x + i * 4) * 4, three_of_four[to_store >> i * 4 & 15],
                            out4[i]);
  }
}
#endif

const DcnColorsFunc *
dcn_colors_all(void)
{
  static DcnColorsFunc all[3];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
      all[k++] = colors_avx512;
#endif
    all[k] = colors_portable;
    g_once_init_leave(&once, 1);
  }
  return all;
}

DcnColorsFunc
dcn_colors_best(void)
{
  return dcn_colors_all()[0];
}
