/* deltacnn: kernels along a pixel's channels in AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All equal the portable forms bit for bit (of a NaN: that it is one).  Full vectors
 * first, then a tail by masked loads and stores: they touch nothing beyond n. */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"
#include "kernels/unroll.h"

/* Where `whole`, m is not looked at. */
DCN_TEMPLATE __m256
load(const float *p, gboolean whole, __m256i m)
{
  return whole ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, m);
}

DCN_TEMPLATE void
store(float *p, __m256 v, gboolean whole, __m256i m)
{
  if (whole)
    _mm256_storeu_ps(p, v);
  else
    _mm256_maskstore_ps(p, m, v);
}

/* body(nv, whole, k, m) over n channels: blocks of wide vectors, single vectors, the tail. */
#define FOR_CHANNELS(n, wide, body)                                                                \
  do {                                                                                             \
    int k_ = 0;                                                                                    \
    __m256i none_ = _mm256_setzero_si256();                                                        \
    for (; k_ + 8 * (wide) <= (n); k_ += 8 * (wide))                                               \
      body(wide, TRUE, k_, none_);                                                                 \
    for (; k_ + 8 <= (n); k_ += 8)                                                                 \
      body(1, TRUE, k_, none_);                                                                    \
    if (k_ < (n))                                                                                  \
      body(1, FALSE, k_, dcn_first_lanes((n)-k_));                                                 \
  } while (0)

/* VMAXPS returns its second operand where either is NaN or both are zero: with the maximum there, of equal zeros the
 * first stays, and a NaN in x is lost.  Those are put in at the end; one comparison finds them in two taps. */
DCN_TEMPLATE void
max_pool(const int nv, const gboolean whole, const float *const *a, int taps, float *out, int k,
         __m256i m)
{
  __m256 s[2], odd[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++) {
    s[j] = load(a[0] + k + 8 * j, whole, m);
    odd[j] = _mm256_cmp_ps(s[j], s[j], _CMP_UNORD_Q);
  }
  int t = 1;
  for (; t + 2 <= taps; t += 2) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++) {
      __m256 x = load(a[t] + k + 8 * j, whole, m), y = load(a[t + 1] + k + 8 * j, whole, m);
      s[j] = _mm256_max_ps(y, _mm256_max_ps(x, s[j]));
      odd[j] = _mm256_or_ps(odd[j], _mm256_cmp_ps(x, y, _CMP_UNORD_Q));
    }
  }
  if (t < taps) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++) {
      __m256 x = load(a[t] + k + 8 * j, whole, m);
      s[j] = _mm256_max_ps(x, s[j]);
      odd[j] = _mm256_or_ps(odd[j], _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    }
  }
  DCN_UNROLL
  for (int j = 0; j < nv; j++) /* all ones are a NaN */
    store(out + k + 8 * j, _mm256_or_ps(s[j], odd[j]), whole, m);
}

void
dcn_f32_max_pool_16c__avx2(const float *const *a, int taps, float *out, int channels)
{
#define MAX_POOL(nv, whole, k, m) max_pool(nv, whole, a, taps, out, k, m)
  FOR_CHANNELS(channels, 2, MAX_POOL);
}

DCN_TEMPLATE void
sum_pool(const int nv, const gboolean whole, const float *const *a, int taps, float scale,
         float *out, int k, __m256i m)
{
  __m256 s[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    s[j] = load(a[0] + k + 8 * j, whole, m);
  for (int t = 1; t < taps; t++) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      s[j] = _mm256_add_ps(s[j], load(a[t] + k + 8 * j, whole, m));
  }
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    store(out + k + 8 * j, _mm256_mul_ps(s[j], _mm256_set1_ps(scale)), whole, m);
}

void
dcn_f32_sum_pool_16c__avx2(const float *const *a, int taps, float scale, float *out, int channels)
{
#define SUM_POOL(nv, whole, k, m) sum_pool(nv, whole, a, taps, scale, out, k, m)
  FOR_CHANNELS(channels, 2, SUM_POOL);
}

DCN_TEMPLATE void
bias_clamp(const gboolean whole, const float *x, const float *bias, __m256 lo, __m256 hi, float *y,
           int k, __m256i m)
{
  __m256 v = load(x + k, whole, m);
  if (bias)
    v = _mm256_add_ps(v, load(bias + k, whole, m));
  /* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
  store(y + k, _mm256_max_ps(lo, _mm256_min_ps(hi, v)), whole, m);
}

void
dcn_f32_bias_clamp__avx2(const float *x, const float *bias, float lo, float hi, float *y, int n)
{
  __m256 low = _mm256_set1_ps(lo), high = _mm256_set1_ps(hi);
#define BIAS_CLAMP(nv, whole, k, m) bias_clamp(whole, x, bias, low, high, y, k, m)
  FOR_CHANNELS(n, 1, BIAS_CLAMP);
}

void
dcn_f32_add__avx2(const float *a, const float *b, float *y, int n)
{
#define ADD(nv, whole, k, m)                                                                       \
  store(y + k, _mm256_add_ps(load(a + k, whole, m), load(b + k, whole, m)), whole, m)
  FOR_CHANNELS(n, 1, ADD);
}

void
dcn_f32_mul__avx2(const float *a, const float *b, float *y, int n)
{
#define MUL(nv, whole, k, m)                                                                       \
  store(y + k, _mm256_mul_ps(load(a + k, whole, m), load(b + k, whole, m)), whole, m)
  FOR_CHANNELS(n, 1, MUL);
}

/* Eight channels at k; returns a bit for each that changed. */
DCN_TEMPLATE unsigned
diff(const gboolean whole, const gboolean wants_delta, const DcnDiff *d, const float *x, float *ref,
     float *delta, int k, __m256i m)
{
  DCN_PREFETCH(ref + k, DCN_DIFF_AHEAD);
  if (wants_delta)
    DCN_PREFETCH(delta + k, DCN_DIFF_AHEAD);
  __m256 y = _mm256_min_ps(_mm256_set1_ps(d->hi), load(x + k, whole, m));
  y = _mm256_max_ps(_mm256_set1_ps(d->lo), y);
  __m256 old = load(ref + k, whole, m), difference = _mm256_sub_ps(y, old);
  __m256 magnitude = _mm256_andnot_ps(_mm256_set1_ps(-0.f), difference);
  __m256 differs = _mm256_cmp_ps(magnitude, _mm256_set1_ps(d->tolerance), _CMP_NLE_UQ);
  if (!whole)
    differs =
        _mm256_and_ps(differs, _mm256_castsi256_ps(m)); /* a negative tolerance is met by no lane */
  if (wants_delta)
    store(delta + k, _mm256_and_ps(differs, difference), whole, m);
  store(ref + k, _mm256_blendv_ps(old, y, differs), whole, m);
  return (unsigned)_mm256_movemask_ps(differs);
}

DCN_TEMPLATE int
diff_pixels(const gboolean wants_delta, const DcnDiff *d, int pixels, int channels)
{
  __m256i none = _mm256_setzero_si256();
  int total = 0;
  for (int i = 0; i < pixels; i++) {
    size_t p = (size_t)(d->list ? d->list[i] : i);
    const float *x = d->x + (d->x_listed ? p : (size_t)i) * d->ldx;
    float *ref = d->ref + p * d->ldr, *delta = wants_delta ? d->delta + p * d->ldd : NULL;
    uint64_t *mask = d->mask + p * (size_t)dcn_mask_words(channels);
    int changed = 0;
    for (int base = 0; base < channels; base += 64) {
      int end = channels - base < 64 ? channels : base + 64, k = base;
      uint64_t bits = 0;
      for (; k + 8 <= end; k += 8)
        bits |= (uint64_t)diff(TRUE, wants_delta, d, x, ref, delta, k, none) << (k - base);
      if (k < end)
        bits |= (uint64_t)diff(FALSE, wants_delta, d, x, ref, delta, k, dcn_first_lanes(end - k))
                << (k - base);
      *mask++ = bits;
      changed += __builtin_popcountll(bits);
    }
    d->changed[p] |= changed > 0;
    total += changed;
  }
  return total;
}

int
dcn_f32_diff__avx2(const DcnDiff *d, int pixels, int channels)
{
  return d->delta ? diff_pixels(TRUE, d, pixels, channels)
                  : diff_pixels(FALSE, d, pixels, channels);
}

/* The floats of ref of two pixels of an image, four to a pixel. */
static inline __m256
pair_of_ref(const float *ref, __m256i there, __m256i spread)
{
  return _mm256_permutevar8x32_ps(_mm256_maskload_ps(ref, there), spread);
}

/* Up to 64 pixels.  As in AVX-512: first all are compared, then those that differ are taken over. */
static int
diff_image(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i spread =
      _mm256_setr_epi32(0, 1, 2, 3, channels, channels + 1, channels + 2, channels + 3);
  __m256i one =
      _mm256_cmpgt_epi32(_mm256_set1_epi32(channels), _mm256_and_si256(lane, _mm256_set1_epi32(3)));
  __m128i m = _mm256_castsi256_si128(one);
  __m256 tolerance = _mm256_set1_ps(d->tolerance), sign = _mm256_set1_ps(-0.f);
  unsigned used = 0x11u * ((1u << channels) - 1);
  uint64_t look = *bits, out = 0;
  uint8_t differs[32];
  unsigned taken = 0; /* pairs in which any does */
  look |= look >> 1;
  look |= look >> 2;
  for (look &= UINT64_C(0x1111111111111111); look; look &= look - 1) {
    int i = __builtin_ctzll(look);
    const float *x = d->x + (size_t)i * 4, *ref = d->ref + (size_t)i * (size_t)channels;
    gboolean within = (pixels - i - 2) * channels >= 8; /* whole vectors end within */
    for (int q = i / 2; q < i / 2 + 2 && q * 2 < pixels; q++, x += 8, ref += 2 * channels) {
      int n = MIN(pixels - q * 2, 2);
      __m256 old = within ? _mm256_permutevar8x32_ps(_mm256_loadu_ps(ref), spread)
                          : pair_of_ref(ref, dcn_first_lanes(n * channels), spread);
      __m256 new = within ? _mm256_loadu_ps(x) : _mm256_maskload_ps(x, dcn_first_lanes(n * 4));
      __m256 differing =
          _mm256_cmp_ps(_mm256_andnot_ps(sign, _mm256_sub_ps(new, old)), tolerance, _CMP_NLE_UQ);
      differs[q] = (uint8_t)((unsigned)_mm256_movemask_ps(differing) & used & ((1u << n * 4) - 1));
      taken |= (unsigned)(differs[q] != 0) << q;
    }
  }
  int total = 0;
  for (; taken; taken &= taken - 1) {
    int q = __builtin_ctz(taken);
    for (int i = q * 2; i < MIN(q * 2 + 2, pixels); i++) {
      unsigned pixel = differs[q] >> (i & 1) * 4 & 15u;
      if (!pixel)
        continue;
      float *ref = d->ref + (size_t)i * (size_t)channels;
      __m128 new = _mm_loadu_ps(d->x + (size_t)i * 4), old = _mm_maskload_ps(ref, m);
      __m128i chosen =
          _mm_cmpgt_epi32(_mm_and_si128(_mm_set1_epi32((int)pixel), _mm_setr_epi32(1, 2, 4, 8)),
                          _mm_setzero_si128());
      _mm_maskstore_ps(ref, chosen, new);
      if (d->delta)
        _mm_maskstore_ps(d->delta + (size_t)i * (size_t)channels, m,
                         _mm_and_ps(_mm_castsi128_ps(chosen), _mm_sub_ps(new, old)));
      if (d->mask)
        d->mask[i] = pixel;
      if (d->changed)
        d->changed[i] = 1;
      out |= UINT64_C(1) << i;
      total += __builtin_popcount(pixel);
    }
  }
  *bits = out;
  return total;
}

int
dcn_f32_diff_image_2p__avx2(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  DcnDiff part = *d;
  int total = 0;
  for (int i = 0; i < pixels; i += 64) {
    if (bits[i / 64])
      total += diff_image(&part, MIN(pixels - i, 64), channels, &bits[i / 64]);
    part.x += 64 * 4;
    part.ref += 64 * channels;
    if (part.delta)
      part.delta += 64 * channels;
    if (part.mask)
      part.mask += 64;
    if (part.changed)
      part.changed += 64;
  }
  return total;
}
