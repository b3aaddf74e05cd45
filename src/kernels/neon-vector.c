/* deltacnn: kernels along a pixel's channels in NEON.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All equal the portable forms bit for bit (of a NaN: that it is one).  Compilers make vectors of those only
 * where they optimise much and can tell that nothing overlaps.  Tails of fewer than four values go by way of four
 * that are all valid. */
#include "kernels/neon.h"
#include "kernels/unroll.h"
#include <arm_neon.h>
#include <string.h>

/* The first n of four values, the others 0. */
static inline float32x4_t
load_few(const float *p, int n)
{
  float lanes[4] = {0};
  if (n == 4)
    return vld1q_f32(p);
  memcpy(lanes, p, (size_t)n * sizeof(float));
  return vld1q_f32(lanes);
}

static inline void
store_few(float *p, int n, float32x4_t v)
{
  float lanes[4];
  if (n == 4) {
    vst1q_f32(p, v);
    return;
  }
  vst1q_f32(lanes, v);
  memcpy(p, lanes, (size_t)n * sizeof(float));
}

/* FMAX would make a NaN stay too, but also 0 of -0 and 0. */
static inline float32x4_t
clamp(float32x4_t v, float32x4_t lo, float32x4_t hi)
{
  v = vbslq_f32(vcgtq_f32(v, hi), hi, v);
  return vbslq_f32(vcgtq_f32(lo, v), lo, v);
}

/* y[k] = result, an expression of the vectors in0 and in1, which are x's and other's; other may be NULL.  All loads of
 * sixteen values come before their stores: y may be x, so that a compiler cannot put them there, and a small core waits
 * for each. */
#define FOR_VALUES(x, other, result)                                                               \
  do {                                                                                             \
    int k = 0;                                                                                     \
    for (; k + 16 <= n; k += 16) {                                                                 \
      float32x4_t r[4], p[4];                                                                      \
      DCN_UNROLL                                                                                   \
      for (int v = 0; v < 4; v++) {                                                                \
        r[v] = vld1q_f32((x) + k + 4 * v);                                                         \
        p[v] = (other) ? vld1q_f32((other) + k + 4 * v) : r[v];                                    \
      }                                                                                            \
      DCN_UNROLL                                                                                   \
      for (int v = 0; v < 4; v++) {                                                                \
        float32x4_t in0 = r[v], in1 = p[v];                                                        \
        (void)in1;                                                                                 \
        r[v] = result;                                                                             \
      }                                                                                            \
      DCN_UNROLL                                                                                   \
      for (int v = 0; v < 4; v++)                                                                  \
        vst1q_f32(y + k + 4 * v, r[v]);                                                            \
    }                                                                                              \
    for (int few; k < n; k += few) {                                                               \
      few = MIN(n - k, 4);                                                                         \
      float32x4_t in0 = load_few((x) + k, few);                                                    \
      float32x4_t in1 = (other) ? load_few((other) + k, few) : in0;                                \
      (void)in1;                                                                                   \
      store_few(y + k, few, result);                                                               \
    }                                                                                              \
  } while (0)

void
dcn_f32_bias_clamp__neon(const float *x, const float *bias, float lo, float hi, float *y, int n)
{
  float32x4_t low = vdupq_n_f32(lo), high = vdupq_n_f32(hi);
  const float *none = NULL;
  if (bias)
    FOR_VALUES(x, bias, clamp(vaddq_f32(in0, in1), low, high));
  else
    FOR_VALUES(x, none, clamp(in0, low, high));
}

void
dcn_f32_add__neon(const float *a, const float *b, float *y, int n)
{
  FOR_VALUES(a, b, vaddq_f32(in0, in1));
}

void
dcn_f32_mul__neon(const float *a, const float *b, float *y, int n)
{
  FOR_VALUES(a, b, vmulq_f32(in0, in1));
}

/* Sixteen channels of all taps at once: small cores wait four cycles for each result.  FMAX keeps a NaN, but makes 0 of -0
 * and 0, of which the first is to stay: comparing tells. */
void
dcn_f32_max_pool_16c__neon(const float *const *a, int taps, float *out, int channels)
{
  int k = 0;
  for (; k + 16 <= channels; k += 16) {
    float32x4_t most[4], with_nan[4];
    DCN_UNROLL
    for (int v = 0; v < 4; v++)
      most[v] = with_nan[v] = vld1q_f32(a[0] + k + 4 * v);
    for (int t = 1; t < taps; t++) {
      const float *p = a[t] + k;
      DCN_UNROLL
      for (int v = 0; v < 4; v++) {
        float32x4_t x = vld1q_f32(p + 4 * v);
        most[v] = vbslq_f32(vcgtq_f32(x, most[v]), x, most[v]);
        with_nan[v] = vmaxq_f32(with_nan[v], x);
      }
    }
    DCN_UNROLL
    for (int v = 0; v < 4; v++)
      vst1q_f32(out + k + 4 * v,
                vbslq_f32(vceqq_f32(with_nan[v], with_nan[v]), most[v], with_nan[v]));
  }
  for (int few; k < channels; k += few) {
    few = MIN(channels - k, 4);
    float32x4_t most = load_few(a[0] + k, few), with_nan = most;
    for (int t = 1; t < taps; t++) {
      float32x4_t x = load_few(a[t] + k, few);
      most = vbslq_f32(vcgtq_f32(x, most), x, most);
      with_nan = vmaxq_f32(with_nan, x);
    }
    store_few(out + k, few, vbslq_f32(vceqq_f32(with_nan, with_nan), most, with_nan));
  }
}

void
dcn_f32_sum_pool_16c__neon(const float *const *a, int taps, float scale, float *out, int channels)
{
  int k = 0;
  for (; k + 16 <= channels; k += 16) {
    float32x4_t sum[4];
    DCN_UNROLL
    for (int v = 0; v < 4; v++)
      sum[v] = vld1q_f32(a[0] + k + 4 * v);
    for (int t = 1; t < taps; t++) {
      const float *p = a[t] + k;
      DCN_UNROLL
      for (int v = 0; v < 4; v++)
        sum[v] = vaddq_f32(sum[v], vld1q_f32(p + 4 * v));
    }
    DCN_UNROLL
    for (int v = 0; v < 4; v++)
      vst1q_f32(out + k + 4 * v, vmulq_n_f32(sum[v], scale));
  }
  for (int few; k < channels; k += few) {
    few = MIN(channels - k, 4);
    float32x4_t sum = load_few(a[0] + k, few);
    for (int t = 1; t < taps; t++)
      sum = vaddq_f32(sum, load_few(a[t] + k, few));
    store_few(out + k, few, vmulq_n_f32(sum, scale));
  }
}

typedef struct {
  float32x4_t lo, hi, tolerance;
} Limits;

/* Four channels; returns all ones where one changed. */
static inline uint32x4_t
diff_four(const Limits *l, float32x4_t x, float32x4_t *ref, float32x4_t *delta)
{
  float32x4_t y = clamp(x, l->lo, l->hi), difference = vsubq_f32(y, *ref);
  uint32x4_t same = vcleq_f32(vabsq_f32(difference), l->tolerance);
  *delta = vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(difference), same));
  *ref = vbslq_f32(same, *ref, y);
  return vmvnq_u32(same);
}

static inline uint64_t
bits_of_four(uint32x4_t differs)
{
  static const uint32_t weights[4] = {1, 2, 4, 8};
  return vaddvq_u32(vandq_u32(differs, vld1q_u32(weights)));
}

/* Four vectors at once: narrowed to bytes, of which each half adds up to eight bits. */
static inline uint64_t
bits_of_sixteen(const uint32x4_t *differs)
{
  static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint16x8_t low = vcombine_u16(vmovn_u32(differs[0]), vmovn_u32(differs[1]));
  uint16x8_t high = vcombine_u16(vmovn_u32(differs[2]), vmovn_u32(differs[3]));
  uint8x16_t bytes = vcombine_u8(vmovn_u16(low), vmovn_u16(high));
  bytes = vandq_u8(bytes, vld1q_u8(weights));
  return vaddv_u8(vget_low_u8(bytes)) | (uint64_t)vaddv_u8(vget_high_u8(bytes)) << 8;
}

/* Up to 64 channels; returns a bit for each that changed. */
DCN_TEMPLATE uint64_t
diff_word(const Limits *l, const float *x, float *ref, float *delta, int n)
{
  uint64_t bits = 0;
  int k = 0;
  for (; k + 16 <= n; k += 16) { /* all loads first, as above */
    float32x4_t in[4], old[4], difference[4];
    uint32x4_t differs[4];
    DCN_PREFETCH(ref + k, DCN_DIFF_AHEAD);
    if (delta)
      DCN_PREFETCH(delta + k, DCN_DIFF_AHEAD);
    DCN_UNROLL
    for (int v = 0; v < 4; v++) {
      in[v] = vld1q_f32(x + k + 4 * v);
      old[v] = vld1q_f32(ref + k + 4 * v);
    }
    DCN_UNROLL
    for (int v = 0; v < 4; v++)
      differs[v] = diff_four(l, in[v], &old[v], &difference[v]);
    DCN_UNROLL
    for (int v = 0; v < 4; v++) {
      vst1q_f32(ref + k + 4 * v, old[v]);
      if (delta)
        vst1q_f32(delta + k + 4 * v, difference[v]);
    }
    bits |= bits_of_sixteen(differs) << k;
  }
  for (int few; k < n; k += few) {
    few = MIN(n - k, 4);
    float32x4_t old = load_few(ref + k, few), difference;
    uint64_t some = bits_of_four(diff_four(l, load_few(x + k, few), &old, &difference));
    store_few(ref + k, few, old);
    if (delta)
      store_few(delta + k, few, difference);
    bits |= (some & ((1u << few) - 1)) << k; /* a negative tolerance is met by no lane */
  }
  return bits;
}

DCN_TEMPLATE int
diff_pixels(const gboolean wants_delta, const DcnDiff *d, int pixels, int channels)
{
  Limits l = {vdupq_n_f32(d->lo), vdupq_n_f32(d->hi), vdupq_n_f32(d->tolerance)};
  int total = 0;
  for (int i = 0; i < pixels; i++) {
    size_t p = (size_t)(d->list ? d->list[i] : i);
    const float *x = d->x + (d->x_listed ? p : (size_t)i) * d->ldx;
    float *ref = d->ref + p * d->ldr;
    float *delta = wants_delta ? d->delta + p * d->ldd : NULL;
    uint64_t *mask = d->mask + p * (size_t)dcn_mask_words(channels);
    int changed = 0;
    for (int k = 0; k < channels; k += 64) {
      uint64_t bits =
          diff_word(&l, x + k, ref + k, wants_delta ? delta + k : NULL, MIN(channels - k, 64));
      *mask++ = bits;
      changed += __builtin_popcountll(bits);
    }
    d->changed[p] |= changed > 0;
    total += changed;
  }
  return total;
}

int
dcn_f32_diff__neon(const DcnDiff *d, int pixels, int channels)
{
  return d->delta ? diff_pixels(TRUE, d, pixels, channels)
                  : diff_pixels(FALSE, d, pixels, channels);
}
