/* deltacnn: the inner loop of converting colours and normalising.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Most pixels come out as they were, coded noise being below half a step of 8 bits.  So samples are compared with those
 * known, four bytes a pixel, and only what differs becomes floats. */
#include "frame/colors.h"
#include <glib.h>

/* Floats from here to twice this are whole numbers: a sum with it is rounded to one, the nearest, of two the even one.
 * In this way all implementations round alike, -0 to 0 too.  Its bits are DCN_COLORS_KNOWN, the number added to it is
 * in the lowest. */
#define WHOLE 8388608.0f

/* Pixels at a time. */
#define CHUNK 64

/* known: what is known once these samples are. */
static inline __attribute__((always_inline)) void
to_samples(const DcnColors *colors, const float *const component[3], int first, int n,
           const int n_components, uint32_t *restrict known)
{
  const float *restrict p = component[0] + first, *restrict q = component[1] + first,
                        *restrict r = component[2] + first;
  for (int x = 0; x < n; x++)
    known[x] = DCN_COLORS_KNOWN;
  for (int c = 0; c < colors->channels; c++) {
    const float *m = colors->matrix[c], bias = colors->bias[c];
    float m0 = m[0], m1 = m[1], m2 = m[2];
    for (int x = 0; x < n; x++) {
      float v = n_components == 1 ? m0 * p[x] + bias : m0 * p[x] + m1 * q[x] + m2 * r[x] + bias;
      v = v > 0 ? v : 0;
      v = v < 255 ? v : 255;
      known[x] |= (uint32_t)(int32_t)((v + WHOLE) - WHOLE) << 8 * c;
    }
  }
}

static inline __attribute__((always_inline)) int
colors_chunks(const DcnColors *colors, const float *const component[3], uint32_t *restrict known,
              float *restrict out, size_t stride, int n, uint8_t *restrict differs)
{
  int n_differ = 0;
  for (int first = 0; first < n; first += CHUNK) {
    uint32_t now[CHUNK];
    int count = MIN(n - first, CHUNK), n_chunk = 0;
    if (colors->n_components == 3)
      to_samples(colors, component, first, count, 3, now);
    else
      to_samples(colors, component, first, count, 1, now);
    for (int x = 0; x < count; x++)
      differs[first + x] = now[x] != known[first + x];
    for (int x = 0; x < count; x++)
      n_chunk += differs[first + x];
    n_differ += n_chunk;
    for (int x = 0; x < count && n_chunk > 0; x++) {
      if (!differs[first + x])
        continue;
      known[first + x] = now[x];
      for (int c = 0; c < colors->channels; c++)
        out[(size_t)(first + x) * stride + (size_t)c] =
            (float)(now[x] >> 8 * c & 255) * colors->scale[c] + colors->offset[c];
    }
  }
  return n_differ;
}

static int
colors_portable(const DcnColors *colors, const float *const component[3], uint32_t *known,
                float *out, size_t stride, int n, uint8_t *differs)
{
  return colors_chunks(colors, component, known, out, stride, n, differs);
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx2"))) static int
colors_avx2(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
            size_t stride, int n, uint8_t *differs)
{
  return colors_chunks(colors, component, known, out, stride, n, differs);
}

/* Samples of one channel, as the lowest bits of WHOLE. */
__attribute__((target("avx512f"), always_inline)) static inline __m512i
channel(const DcnColors *colors, int c, const __m512 *in)
{
  __m512 v = _mm512_mul_ps(_mm512_set1_ps(colors->matrix[c][0]), in[0]);
  for (int j = 1; j < 3; j++)
    v = _mm512_add_ps(v, _mm512_mul_ps(_mm512_set1_ps(colors->matrix[c][j]), in[j]));
  v = _mm512_add_ps(v, _mm512_set1_ps(colors->bias[c]));
  v = _mm512_min_ps(_mm512_set1_ps(255), _mm512_max_ps(_mm512_setzero_ps(), v));
  return _mm512_castps_si512(_mm512_add_ps(v, _mm512_set1_ps(WHOLE)));
}

/* Bits 4i to 4i + 2 for bit i. */
static const __mmask16 three_of_four[16] = {0x0000, 0x0007, 0x0070, 0x0077, 0x0700, 0x0707,
                                            0x0770, 0x0777, 0x7000, 0x7007, 0x7070, 0x7077,
                                            0x7700, 0x7707, 0x7770, 0x7777};

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
AVX512 static inline __attribute__((always_inline)) void
store_four(const DcnColors *colors, __m128i samples, unsigned to_store, float *out)
{
  const __m512 scale = _mm512_broadcast_f32x4(_mm_loadu_ps(colors->scale));
  const __m512 offset = _mm512_broadcast_f32x4(_mm_loadu_ps(colors->offset));
  __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(samples));
  _mm512_mask_storeu_ps(out, three_of_four[to_store & 15],
                        _mm512_add_ps(_mm512_mul_ps(v, scale), offset));
}

AVX512 static int
colors_avx512(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
              size_t stride, int n, uint8_t *differs)
{
  if (colors->n_components != 3 || colors->channels != 3 || stride != 4)
    return colors_chunks(colors, component, known, out, stride, n, differs);
  int n_differ = 0;
  for (int x = 0; x < n; x += 16) {
    int rest = n - x;
    __mmask16 lanes = rest >= 16 ? 0xffff : (__mmask16)((1u << rest) - 1);
    __m512 in[3];
    for (int j = 0; j < 3; j++)
      in[j] = _mm512_maskz_loadu_ps(lanes, component[j] + x);
    /* What WHOLE has in its highest bits is shifted out of the second and third. */
    __m512i now = _mm512_or_si512(
        _mm512_or_si512(channel(colors, 0, in), _mm512_slli_epi32(channel(colors, 1, in), 8)),
        _mm512_slli_epi32(channel(colors, 2, in), 16));
    unsigned to_store =
        _mm512_mask_cmpneq_epi32_mask(lanes, now, _mm512_maskz_loadu_epi32(lanes, known + x));
    _mm_mask_storeu_epi8(differs + x, lanes, _mm_maskz_set1_epi8((__mmask16)to_store, 1));
    if (to_store == 0)
      continue;
    n_differ += __builtin_popcount(to_store);
    _mm512_mask_storeu_epi32(known + x, (__mmask16)to_store, now);
    float *to = out + (size_t)x * 4;
    store_four(colors, _mm512_castsi512_si128(now), to_store, to);
    store_four(colors, _mm512_extracti32x4_epi32(now, 1), to_store >> 4, to + 16);
    store_four(colors, _mm512_extracti32x4_epi32(now, 2), to_store >> 8, to + 32);
    store_four(colors, _mm512_extracti32x4_epi32(now, 3), to_store >> 12, to + 48);
  }
  return n_differ;
}
#endif

const DcnColorsFunc *
dcn_colors_all(void)
{
  static DcnColorsFunc all[4];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int k = 0;
#ifdef __x86_64__
    __builtin_cpu_init();
    gboolean has_avx2 = __builtin_cpu_supports("avx2");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl"))
      all[k++] = colors_avx512;
    if (has_avx2)
      all[k++] = colors_avx2;
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
