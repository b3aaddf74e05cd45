/* deltacnn: the inner loop of converting colours and normalising.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Most pixels come out as they were, coded noise being below half a step of 8 bits.  So samples are compared with those
 * known, four bytes a pixel, and only what differs becomes floats. */
#include "frame/colors.h"
#include "frame/cpu.h"
#include <glib.h>
#include <string.h>

/* Floats from here to twice this are whole numbers: a sum with it is rounded to one, the nearest, of two the even one.
 * In this way all implementations round alike, -0 to 0 too.  Its bits are DCN_COLORS_KNOWN, the number added to it is
 * in the lowest. */
#define WHOLE 8388608.0f

/* Pixels at a time. */
#define CHUNK 64

/* One sample.  Below 0 the sum with WHOLE may keep a half, which is cut off.  Clamped once it is a whole number, which comes to the same and, unlike comparisons of floats, never
 * becomes a branch. */
static inline __attribute__((always_inline)) uint32_t
to_sample(float v)
{
  int32_t whole = (int32_t)((v + WHOLE) - WHOLE);
  return (uint32_t)CLAMP(whole, 0, 255);
}

/* known: what is known once these samples are.  Loops that compilers make vectors of. */
static inline __attribute__((always_inline)) void
to_samples(const DcnColors *colors, const float *const component[3], int first, int n,
           const int n_components, const int channels, uint32_t *restrict known)
{
  const float *restrict p = component[0] + first, *restrict q = component[1] + first,
                        *restrict r = component[2] + first;
  float m[3][3], bias[3];
  memcpy(m, colors->matrix, sizeof m);
  memcpy(bias, colors->bias, sizeof bias);
  for (int x = 0; x < n; x++) {
    uint32_t sample[3] = {0, 0, 0};
    for (int c = 0; c < channels; c++)
      sample[c] =
          to_sample(n_components == 1 ? m[c][0] * p[x] + bias[c]
                                      : m[c][0] * p[x] + m[c][1] * q[x] + m[c][2] * r[x] + bias[c]);
    known[x] = DCN_COLORS_KNOWN | sample[0] | sample[1] << 8 | sample[2] << 16;
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
    if (colors->n_components == 3 && colors->channels == 3)
      to_samples(colors, component, first, count, 3, 3, now);
    else if (colors->n_components == 3)
      to_samples(colors, component, first, count, 3, 1, now);
    else
      to_samples(colors, component, first, count, 1, colors->channels, now);
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

#if defined(__x86_64__) || defined(__aarch64__)
/* Three components to three channels, tensors of four floats a pixel: all but gray ones are so. */
static gboolean
is_usual(const DcnColors *colors, size_t stride)
{
  return colors->n_components == 3 && colors->channels == 3 && stride == 4;
}

/* Which component the first and the third channel have besides the first one, which is in all three alike: {2, 1} for Y U V
 * to RGB, {1, 2} to BGR.  FALSE: the matrix is another one.  A product with 0 that is left out changes no sum. */
static gboolean
has_sides(const DcnColors *colors, int sides[2])
{
  const float(*m)[3] = colors->matrix;
  sides[0] = m[0][1] == 0 ? 2 : 1;
  sides[1] = 3 - sides[0];
  return m[0][sides[1]] == 0 && m[2][sides[0]] == 0 && m[0][0] == m[1][0] && m[0][0] == m[2][0];
}

/* Pixels one by one, of which n are fewer than a vector has. */
static void
store_few(const DcnColors *colors, const uint32_t *now, uint32_t *known, int n, float *out,
          const uint8_t *differs)
{
  for (int x = 0; x < n; x++) {
    if (!differs[x])
      continue;
    known[x] = now[x];
    for (int c = 0; c < 3; c++)
      out[x * 4 + c] = (float)(now[x] >> 8 * c & 255) * colors->scale[c] + colors->offset[c];
  }
}
#endif

#ifdef __x86_64__
#include <immintrin.h>

#define AVX2        __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

AVX2_INLINE __m256
add_product_8(__m256 sum, float m, __m256 in)
{
  return _mm256_add_ps(sum, _mm256_mul_ps(_mm256_set1_ps(m), in));
}

/* What is known of 8 pixels once these samples are.  Packing clamps to [0, 255] what was rounded, which comes to the same
 * as the other way round. */
AVX2_INLINE __m256i
samples_8(const DcnColors *colors, const __m256 *in, const int *sides, const gboolean by_sides)
{
  const float(*m)[3] = colors->matrix;
  const __m256i order = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m256 v[3];
  v[0] = v[1] = v[2] = _mm256_mul_ps(_mm256_set1_ps(m[0][0]), in[0]);
  if (by_sides) {
    v[0] = add_product_8(v[0], m[0][sides[0]], in[sides[0]]);
    v[1] = add_product_8(add_product_8(v[1], m[1][1], in[1]), m[1][2], in[2]);
    v[2] = add_product_8(v[2], m[2][sides[1]], in[sides[1]]);
  } else {
    for (int c = 0; c < 3; c++) {
      v[c] = _mm256_mul_ps(_mm256_set1_ps(m[c][0]), in[0]);
      v[c] = add_product_8(add_product_8(v[c], m[c][1], in[1]), m[c][2], in[2]);
    }
  }
  __m256i whole[3];
  for (int c = 0; c < 3; c++)
    whole[c] = _mm256_cvtps_epi32(_mm256_add_ps(v[c], _mm256_set1_ps(colors->bias[c])));
  __m256i packed =
      _mm256_packus_epi16(_mm256_packs_epi32(whole[0], whole[1]),
                          _mm256_packs_epi32(whole[2], _mm256_set1_epi32(DCN_COLORS_KNOWN >> 24)));
  return _mm256_shuffle_epi8(packed, order);
}

/* Bytes of 1 where lanes are 0. */
AVX2_INLINE uint64_t
zero_lanes(__m256i lanes)
{
  __m256i words = _mm256_packs_epi32(lanes, lanes), bytes = _mm256_packs_epi16(words, words);
  uint64_t low = (uint32_t)_mm256_cvtsi256_si32(bytes);
  uint64_t high = (uint32_t)_mm_cvtsi128_si32(_mm256_extracti128_si256(bytes, 1));
  return ~(low | high << 32) & UINT64_C(0x0101010101010101);
}

/* Eight pixels to a tensor, those of lanes that are 0 in `same`.  Stores under masks are slow on some CPUs: what is not to be
 * written is written as it was. */
AVX2_INLINE void
store_8(const DcnColors *colors, __m256i now, __m256i same, float *out)
{
  const __m256 scale = _mm256_broadcast_ps((const __m128 *)colors->scale);
  const __m256 offset = _mm256_broadcast_ps((const __m128 *)colors->offset);
  __m256i keep = _mm256_setr_epi32(0, 0, 0, -1, 0, 0, 0, -1);
  __m128i half[2] = {_mm256_castsi256_si128(now), _mm256_extracti128_si256(now, 1)};
  for (int k = 0; k < 4; k++) {
    __m128i samples = k % 2 ? _mm_srli_si128(half[k / 2], 8) : half[k / 2];
    __m256 v = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(samples));
    __m256i which =
        _mm256_add_epi32(_mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1), _mm256_set1_epi32(2 * k));
    __m256i old = _mm256_or_si256(keep, _mm256_permutevar8x32_epi32(same, which));
    v = _mm256_add_ps(_mm256_mul_ps(v, scale), offset);
    _mm256_storeu_ps(out + 8 * k,
                     _mm256_blendv_ps(v, _mm256_loadu_ps(out + 8 * k), _mm256_castsi256_ps(old)));
  }
}

AVX2_INLINE int
usual_avx2(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
           int n, uint8_t *differs, const int *sides, const gboolean by_sides)
{
  int n_differ = 0;
  for (int x = 0; x < n; x += 8) {
    int rest = n - x;
    __m256i lanes =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(rest), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256 in[3];
    for (int j = 0; j < 3; j++)
      in[j] = rest >= 8 ? _mm256_loadu_ps(component[j] + x)
                        : _mm256_maskload_ps(component[j] + x, lanes);
    __m256i now = samples_8(colors, in, sides, by_sides);
    __m256i before = rest >= 8 ? _mm256_loadu_si256((const __m256i *)(known + x))
                               : _mm256_maskload_epi32((const int *)(known + x), lanes);
    __m256i same = _mm256_cmpeq_epi32(now, before);
    uint64_t differ = zero_lanes(same);
    if (rest < 8) {
      uint32_t few[8];
      differ &= (UINT64_C(1) << 8 * rest) - 1;
      memcpy(differs + x, &differ, (size_t)rest);
      _mm256_storeu_si256((__m256i *)few, now);
      store_few(colors, few, known + x, rest, out + (size_t)x * 4, differs + x);
    } else {
      memcpy(differs + x, &differ, sizeof differ);
      if (differ == 0)
        continue;
      _mm256_storeu_si256((__m256i *)(known + x), now);
      store_8(colors, now, same, out + (size_t)x * 4);
    }
    n_differ += (int)(differ * UINT64_C(0x0101010101010101) >> 56); /* the sum of its bytes */
  }
  return n_differ;
}

AVX2 static int
colors_avx2(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
            size_t stride, int n, uint8_t *differs)
{
  int sides[2];
  if (!is_usual(colors, stride))
    return colors_chunks(colors, component, known, out, stride, n, differs);
  if (has_sides(colors, sides))
    return usual_avx2(colors, component, known, out, n, differs, sides, TRUE);
  return usual_avx2(colors, component, known, out, n, differs, sides, FALSE);
}

#define AVX512        __attribute__((target("avx512f,avx512bw,avx512vl")))
#define AVX512_INLINE AVX512 static inline __attribute__((always_inline))

AVX512_INLINE __m512
add_product_16(__m512 sum, float m, __m512 in)
{
  return _mm512_add_ps(sum, _mm512_mul_ps(_mm512_set1_ps(m), in));
}

/* As samples_8(). */
AVX512_INLINE __m512i
samples_16(const DcnColors *colors, const __m512 *in, const int *sides, const gboolean by_sides)
{
  const float(*m)[3] = colors->matrix;
  const __m512i order =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
  __m512 v[3];
  v[0] = v[1] = v[2] = _mm512_mul_ps(_mm512_set1_ps(m[0][0]), in[0]);
  if (by_sides) {
    v[0] = add_product_16(v[0], m[0][sides[0]], in[sides[0]]);
    v[1] = add_product_16(add_product_16(v[1], m[1][1], in[1]), m[1][2], in[2]);
    v[2] = add_product_16(v[2], m[2][sides[1]], in[sides[1]]);
  } else {
    for (int c = 0; c < 3; c++) {
      v[c] = _mm512_mul_ps(_mm512_set1_ps(m[c][0]), in[0]);
      v[c] = add_product_16(add_product_16(v[c], m[c][1], in[1]), m[c][2], in[2]);
    }
  }
  __m512i whole[3];
  for (int c = 0; c < 3; c++)
    whole[c] = _mm512_cvtps_epi32(_mm512_add_ps(v[c], _mm512_set1_ps(colors->bias[c])));
  __m512i packed =
      _mm512_packus_epi16(_mm512_packs_epi32(whole[0], whole[1]),
                          _mm512_packs_epi32(whole[2], _mm512_set1_epi32(DCN_COLORS_KNOWN >> 24)));
  return _mm512_shuffle_epi8(packed, order);
}

/* Bits 4i to 4i + 2 for bit i. */
static const __mmask16 three_of_four[16] = {0x0000, 0x0007, 0x0070, 0x0077, 0x0700, 0x0707,
                                            0x0770, 0x0777, 0x7000, 0x7007, 0x7070, 0x7077,
                                            0x7700, 0x7707, 0x7770, 0x7777};

AVX512_INLINE void
store_four(const DcnColors *colors, __m128i samples, unsigned to_store, float *out)
{
  const __m512 scale = _mm512_broadcast_f32x4(_mm_loadu_ps(colors->scale));
  const __m512 offset = _mm512_broadcast_f32x4(_mm_loadu_ps(colors->offset));
  __m512 v = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(samples));
  _mm512_mask_storeu_ps(out, three_of_four[to_store & 15],
                        _mm512_add_ps(_mm512_mul_ps(v, scale), offset));
}

AVX512_INLINE int
usual_avx512(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
             int n, uint8_t *differs, const int *sides, const gboolean by_sides)
{
  int n_differ = 0;
  for (int x = 0; x < n; x += 16) {
    int rest = n - x;
    __mmask16 lanes = rest >= 16 ? 0xffff : (__mmask16)((1u << rest) - 1);
    __m512 in[3];
    for (int j = 0; j < 3; j++)
      in[j] = _mm512_maskz_loadu_ps(lanes, component[j] + x);
    __m512i now = samples_16(colors, in, sides, by_sides);
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

AVX512 static int
colors_avx512(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
              size_t stride, int n, uint8_t *differs)
{
  int sides[2];
  if (!is_usual(colors, stride))
    return colors_chunks(colors, component, known, out, stride, n, differs);
  if (has_sides(colors, sides))
    return usual_avx512(colors, component, known, out, n, differs, sides, TRUE);
  return usual_avx512(colors, component, known, out, n, differs, sides, FALSE);
}
#endif

#ifdef __aarch64__
#include <arm_neon.h>

#define NEON_INLINE static inline __attribute__((always_inline))

/* Four pixels' samples of a channel, below 0 or above 255 as they come. */
NEON_INLINE int32x4_t
rounded(float32x4_t sum, float bias)
{
  return vcvtnq_s32_f32(vaddq_f32(sum, vdupq_n_f32(bias)));
}

NEON_INLINE float32x4_t
add_product_4(float32x4_t sum, float m, float32x4_t in)
{
  return vaddq_f32(sum, vmulq_n_f32(in, m));
}

/* whole: [3], four pixels' samples; as samples_8() of AVX2. */
NEON_INLINE void
samples_4(const DcnColors *colors, const float32x4_t *in, const int *sides, const gboolean by_sides,
          int32x4_t *whole)
{
  const float(*m)[3] = colors->matrix;
  float32x4_t v[3];
  v[0] = v[1] = v[2] = vmulq_n_f32(in[0], m[0][0]);
  if (by_sides) {
    v[0] = add_product_4(v[0], m[0][sides[0]], in[sides[0]]);
    v[1] = add_product_4(add_product_4(v[1], m[1][1], in[1]), m[1][2], in[2]);
    v[2] = add_product_4(v[2], m[2][sides[1]], in[sides[1]]);
  } else {
#pragma GCC unroll 4
    for (int c = 0; c < 3; c++) {
      v[c] = vmulq_n_f32(in[0], m[c][0]);
      v[c] = add_product_4(add_product_4(v[c], m[c][1], in[1]), m[c][2], in[2]);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 3; c++)
    whole[c] = rounded(v[c], colors->bias[c]);
}

/* What is known of eight pixels once these samples are: narrowing clamps, to what fits into 16 and then 8 bits. */
NEON_INLINE void
known_8(const DcnColors *colors, const float *const component[3], int x, const int *sides,
        const gboolean by_sides, uint8x16_t now[2])
{
  int32x4_t low[3], high[3];
  float32x4_t in[3];
  uint8x8_t sample[3];
#pragma GCC unroll 4
  for (int j = 0; j < 3; j++)
    in[j] = vld1q_f32(component[j] + x);
  samples_4(colors, in, sides, by_sides, low);
#pragma GCC unroll 4
  for (int j = 0; j < 3; j++)
    in[j] = vld1q_f32(component[j] + x + 4);
  samples_4(colors, in, sides, by_sides, high);
#pragma GCC unroll 4
  for (int c = 0; c < 3; c++)
    sample[c] = vqmovn_u16(vcombine_u16(vqmovun_s32(low[c]), vqmovun_s32(high[c])));
  uint8x8_t last = vdup_n_u8(DCN_COLORS_KNOWN >> 24);
  uint16x8_t front = vreinterpretq_u16_u8(
      vcombine_u8(vzip1_u8(sample[0], sample[1]), vzip2_u8(sample[0], sample[1])));
  uint16x8_t back =
      vreinterpretq_u16_u8(vcombine_u8(vzip1_u8(sample[2], last), vzip2_u8(sample[2], last)));
  now[0] = vreinterpretq_u8_u16(vzip1q_u16(front, back));
  now[1] = vreinterpretq_u8_u16(vzip2q_u16(front, back));
}

/* Four pixels to a tensor, those of lanes that are 0 in `same`.  What is not to be written is written as it was. */
NEON_INLINE void
store_4(float32x4_t scale, float32x4_t offset, uint8x16_t now, uint32x4_t same, float *out)
{
  const uint32x4_t keep = {0, 0, 0, UINT32_MAX};
  const uint32x4_t old[4] = {vdupq_laneq_u32(same, 0), vdupq_laneq_u32(same, 1),
                             vdupq_laneq_u32(same, 2), vdupq_laneq_u32(same, 3)};
  uint16x8_t low = vmovl_u8(vget_low_u8(now)), high = vmovl_high_u8(now);
  const uint32x4_t samples[4] = {vmovl_u16(vget_low_u16(low)), vmovl_high_u16(low),
                                 vmovl_u16(vget_low_u16(high)), vmovl_high_u16(high)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    float32x4_t v = vaddq_f32(vmulq_f32(vcvtq_f32_u32(samples[i]), scale), offset);
    vst1q_f32(out + 4 * i, vbslq_f32(vorrq_u32(old[i], keep), vld1q_f32(out + 4 * i), v));
  }
}

NEON_INLINE int
usual_neon(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
           int n, uint8_t *differs, const int *sides, const gboolean by_sides)
{
  float32x4_t scale = vld1q_f32(colors->scale), offset = vld1q_f32(colors->offset);
  int n_differ = 0, x = 0;
  for (; x + 8 <= n; x += 8) {
    uint8x16_t now[2];
    known_8(colors, component, x, sides, by_sides, now);
    uint32x4_t a = vceqq_u32(vreinterpretq_u32_u8(now[0]), vld1q_u32(known + x));
    uint32x4_t b = vceqq_u32(vreinterpretq_u32_u8(now[1]), vld1q_u32(known + x + 4));
    uint8x8_t same = vmovn_u16(vcombine_u16(vmovn_u32(a), vmovn_u32(b)));
    uint8x8_t ones = vbic_u8(vdup_n_u8(1), same);
    uint64_t differ = vget_lane_u64(vreinterpret_u64_u8(ones), 0);
    vst1_u8(differs + x, ones);
    if (differ == 0)
      continue;
    vst1q_u32(known + x, vreinterpretq_u32_u8(now[0]));
    vst1q_u32(known + x + 4, vreinterpretq_u32_u8(now[1]));
    store_4(scale, offset, now[0], a, out + (size_t)x * 4);
    store_4(scale, offset, now[1], b, out + (size_t)(x + 4) * 4);
    n_differ += (int)(differ * UINT64_C(0x0101010101010101) >> 56); /* the sum of its bytes */
  }
  if (x == n)
    return n_differ;
  float last[3][8] = {{0}};
  const float *from[3] = {last[0], last[1], last[2]};
  uint8x16_t now[2];
  uint32_t few[8];
#pragma GCC unroll 4
  for (int j = 0; j < 3; j++)
    memcpy(last[j], component[j] + x, sizeof(float) * (size_t)(n - x));
  known_8(colors, from, 0, sides, by_sides, now);
  vst1q_u32(few, vreinterpretq_u32_u8(now[0]));
  vst1q_u32(few + 4, vreinterpretq_u32_u8(now[1]));
  for (int i = 0; i < n - x; i++) {
    differs[x + i] = few[i] != known[x + i];
    n_differ += differs[x + i];
  }
  store_few(colors, few, known + x, n - x, out + (size_t)x * 4, differs + x);
  return n_differ;
}

static int
colors_neon(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
            size_t stride, int n, uint8_t *differs)
{
  int sides[2];
  if (!is_usual(colors, stride))
    return colors_chunks(colors, component, known, out, stride, n, differs);
  if (has_sides(colors, sides))
    return usual_neon(colors, component, known, out, n, differs, sides, TRUE);
  return usual_neon(colors, component, known, out, n, differs, sides, FALSE);
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
    if (dcn_cpu_has_avx512())
      all[k++] = colors_avx512;
    if (dcn_cpu_has_avx2())
      all[k++] = colors_avx2;
#endif
#ifdef __aarch64__
    all[k++] = colors_neon;
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
