/* deltacnn: kernels along a pixel's channels in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All equal the portable forms bit for bit (of a NaN: that it is one).  Tails are
 * masked loads and stores: they touch nothing beyond n. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>
#include <string.h>

static inline __mmask16
first(int n)
{
  return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

/* max > x ? max : x would lose a NaN in x.  VMAXPS returns its second operand where either is NaN
 * or both are zero: with max there, a NaN in max stays and of equal zeros the first stays; a NaN in
 * x is put in afterwards. */
static inline __m512
max_or_nan(__m512 max, __m512 x)
{
  return _mm512_mask_mov_ps(_mm512_max_ps(x, max), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

DCN_TEMPLATE void
max_pool(const int nv, const float *const *a, int taps, float *out, int k, __mmask16 m)
{
  __m512 s[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    s[j] = _mm512_maskz_loadu_ps(m, a[0] + k + 16 * j);
  for (int t = 1; t < taps; t++) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      s[j] = max_or_nan(s[j], _mm512_maskz_loadu_ps(m, a[t] + k + 16 * j));
  }
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    _mm512_mask_storeu_ps(out + k + 16 * j, m, s[j]);
}

void
dcn_f32_max_pool_32c__avx512(const float *const *a, int taps, float *out, int channels)
{
  int k = 0;
  for (; k + 32 <= channels; k += 32)
    max_pool(2, a, taps, out, k, 0xffff);
  for (; k < channels; k += 16)
    max_pool(1, a, taps, out, k, first(channels - k));
}

DCN_TEMPLATE void
sum_pool(const int nv, const float *const *a, int taps, float scale, float *out, int k, __mmask16 m)
{
  __m512 s[2];
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    s[j] = _mm512_maskz_loadu_ps(m, a[0] + k + 16 * j);
  for (int t = 1; t < taps; t++) {
    DCN_UNROLL
    for (int j = 0; j < nv; j++)
      s[j] = _mm512_add_ps(s[j], _mm512_maskz_loadu_ps(m, a[t] + k + 16 * j));
  }
  DCN_UNROLL
  for (int j = 0; j < nv; j++)
    _mm512_mask_storeu_ps(out + k + 16 * j, m, _mm512_mul_ps(s[j], _mm512_set1_ps(scale)));
}

void
dcn_f32_sum_pool_32c__avx512(const float *const *a, int taps, float scale, float *out, int channels)
{
  int k = 0;
  for (; k + 32 <= channels; k += 32)
    sum_pool(2, a, taps, scale, out, k, 0xffff);
  for (; k < channels; k += 16)
    sum_pool(1, a, taps, scale, out, k, first(channels - k));
}

void
dcn_f32_bias_clamp__avx512(const float *x, const float *bias, float lo, float hi, float *y, int n)
{
  __m512 low = _mm512_set1_ps(lo), high = _mm512_set1_ps(hi);
  for (int k = 0; k < n; k += 16) {
    __mmask16 m = first(n - k);
    __m512 v = _mm512_maskz_loadu_ps(m, x + k);
    if (bias)
      v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(m, bias + k));
    /* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
    v = _mm512_max_ps(low, _mm512_min_ps(high, v));
    _mm512_mask_storeu_ps(y + k, m, v);
  }
}

void
dcn_f32_add__avx512(const float *a, const float *b, float *y, int n)
{
  for (int k = 0; k < n; k += 16) {
    __mmask16 m = first(n - k);
    _mm512_mask_storeu_ps(
        y + k, m, _mm512_add_ps(_mm512_maskz_loadu_ps(m, a + k), _mm512_maskz_loadu_ps(m, b + k)));
  }
}

void
dcn_f32_mul__avx512(const float *a, const float *b, float *y, int n)
{
  for (int k = 0; k < n; k += 16) {
    __mmask16 m = first(n - k);
    _mm512_mask_storeu_ps(
        y + k, m, _mm512_mul_ps(_mm512_maskz_loadu_ps(m, a + k), _mm512_maskz_loadu_ps(m, b + k)));
  }
}

/* nv vectors of one pixel, of the last one the lanes in m; returns a bit per changed channel. */
DCN_TEMPLATE uint64_t
diff(const int nv, const gboolean wants_delta, const float *x, float *ref, float *delta,
     __mmask16 last, __m512 low, __m512 high, __m512 tolerance)
{
  uint64_t bits = 0;
  DCN_UNROLL
  for (int j = 0; j < nv; j++) {
    int k = 16 * j;
    __mmask16 m = j == nv - 1 ? last : 0xffff;
    DCN_PREFETCH(ref + k, DCN_DIFF_AHEAD);
    if (wants_delta)
      DCN_PREFETCH(delta + k, DCN_DIFF_AHEAD);
    __m512 y = _mm512_max_ps(low, _mm512_min_ps(high, _mm512_maskz_loadu_ps(m, x + k)));
    __m512 difference = _mm512_sub_ps(y, _mm512_maskz_loadu_ps(m, ref + k));
    __mmask16 differs =
        _mm512_mask_cmp_ps_mask(m, _mm512_abs_ps(difference), tolerance, _CMP_NLE_UQ);
    if (wants_delta)
      _mm512_mask_storeu_ps(delta + k, m, _mm512_maskz_mov_ps(differs, difference));
    _mm512_mask_storeu_ps(ref + k, differs, y);
    bits |= (uint64_t)differs << k;
  }
  return bits;
}

/* `blocks` of 64 channels, then nv vectors.  Pixels of one or a few vectors are the common case, and
 * which of them changed cannot be predicted: no branch depends on it. */
DCN_TEMPLATE int
diff_pixels(const int nv, const gboolean wants_delta, const DcnDiff *d, int pixels, int blocks,
            __mmask16 last)
{
  __m512 low = _mm512_set1_ps(d->lo), high = _mm512_set1_ps(d->hi);
  __m512 tolerance = _mm512_set1_ps(d->tolerance);
  int total = 0;
  for (int i = 0; i < pixels; i++) {
    size_t p = (size_t)(d->list ? d->list[i] : i);
    const float *x = d->x + (d->x_listed ? p : (size_t)i) * d->ldx;
    float *ref = d->ref + p * d->ldr, *delta = wants_delta ? d->delta + p * d->ldd : NULL;
    uint64_t *mask = d->mask + p * (size_t)(blocks + 1);
    int changed = 0, k = 0;
    for (int b = 0; b < blocks; b++, k += 64) {
      *mask = diff(4, wants_delta, x + k, ref + k, wants_delta ? delta + k : NULL, 0xffff, low,
                   high, tolerance);
      changed += __builtin_popcountll(*mask++);
    }
    *mask = diff(nv, wants_delta, x + k, ref + k, wants_delta ? delta + k : NULL, last, low, high,
                 tolerance);
    changed += __builtin_popcountll(*mask);
    d->changed[p] |= changed > 0;
    total += changed;
  }
  return total;
}

/* Up to 8 channels, in half a vector: a masked load of a whole one would wait for the store of the
 * pixel before, which may lie within it. */
DCN_TEMPLATE int
diff_narrow(const gboolean wants_delta, const DcnDiff *d, int begin, int pixels, int channels)
{
  __m256 low = _mm256_set1_ps(d->lo), high = _mm256_set1_ps(d->hi);
  __m256 tolerance = _mm256_set1_ps(d->tolerance), sign = _mm256_set1_ps(-0.f);
  __mmask8 m = (__mmask8)first(channels);
  int total = 0;
  for (int i = begin; i < pixels; i++) {
    size_t p = (size_t)(d->list ? d->list[i] : i);
    const float *x = d->x + (d->x_listed ? p : (size_t)i) * d->ldx;
    float *ref = d->ref + p * d->ldr;
    __m256 y = _mm256_max_ps(low, _mm256_min_ps(high, _mm256_maskz_loadu_ps(m, x)));
    __m256 difference = _mm256_sub_ps(y, _mm256_maskz_loadu_ps(m, ref));
    __mmask8 differs =
        _mm256_mask_cmp_ps_mask(m, _mm256_andnot_ps(sign, difference), tolerance, _CMP_NLE_UQ);
    if (wants_delta)
      _mm256_mask_storeu_ps(d->delta + p * d->ldd, m, _mm256_maskz_mov_ps(differs, difference));
    _mm256_mask_storeu_ps(ref, differs, y);
    d->mask[p] = differs;
    d->changed[p] |= differs != 0;
    total += __builtin_popcount(differs);
  }
  return total;
}

/* Pixels of 8 channels without gaps, two at a time. */
DCN_TEMPLATE int
diff_pairs(const gboolean wants_delta, const DcnDiff *d, int pixels)
{
  __m512 low = _mm512_set1_ps(d->lo), high = _mm512_set1_ps(d->hi);
  __m512 tolerance = _mm512_set1_ps(d->tolerance);
  int total = 0, i = 0;
  for (; i + 2 <= pixels; i += 2) {
    size_t at = (size_t)i * 8;
    uint64_t bits = diff(1, wants_delta, d->x + at, d->ref + at, wants_delta ? d->delta + at : NULL,
                         0xffff, low, high, tolerance);
    d->mask[i] = bits & 255;
    d->mask[i + 1] = bits >> 8;
    d->changed[i] |= (bits & 255) != 0;
    d->changed[i + 1] |= bits >> 8 != 0;
    total += __builtin_popcountll(bits);
  }
  return total + diff_narrow(wants_delta, d, i, pixels, 8);
}

DCN_TEMPLATE int
diff_any(const gboolean wants_delta, const DcnDiff *d, int pixels, int channels)
{
  if (channels == 8 && !d->list && d->ldx == 8 && d->ldr == 8 && (!wants_delta || d->ldd == 8))
    return diff_pairs(wants_delta, d, pixels);
  if (channels <= 8)
    return diff_narrow(wants_delta, d, 0, pixels, channels);
  int blocks = (channels - 1) / 64, rest = channels - blocks * 64, nv = (rest + 15) / 16;
  __mmask16 last = first(rest - 16 * (nv - 1));
  if (nv == 4)
    return diff_pixels(4, wants_delta, d, pixels, blocks, last);
  if (nv == 3)
    return diff_pixels(3, wants_delta, d, pixels, blocks, last);
  if (nv == 2)
    return diff_pixels(2, wants_delta, d, pixels, blocks, last);
  return blocks ? diff_pixels(1, wants_delta, d, pixels, blocks, last)
                : diff_pixels(1, wants_delta, d, pixels, 0, last);
}

int
dcn_f32_diff__avx512(const DcnDiff *d, int pixels, int channels)
{
  return d->delta ? diff_any(TRUE, d, pixels, channels) : diff_any(FALSE, d, pixels, channels);
}

/* Four pixels of an image: which values of theirs differ, four bits a pixel. */
typedef struct {
  __m512i spread; /* where their floats of ref go: four to a pixel */
  __m512 tolerance;
  unsigned used; /* lanes that are channels */
} Quads;

/* Four pixels without gaps.  Not masked: what a mask leaves out is fetched all the same where it lies in another line,
 * and after a short run that is one that nobody else needs, from memory. */
static inline __m512
load_quad(const float *p, int channels)
{
  if (channels == 3)
    return _mm512_insertf32x8(_mm512_zextps256_ps512(_mm256_loadu_ps(p)),
                              _mm256_zextps128_ps256(_mm_loadu_ps(p + 8)), 1);
  if (channels == 4)
    return _mm512_loadu_ps(p);
  return channels == 2 ? _mm512_zextps256_ps512(_mm256_loadu_ps(p))
                       : _mm512_zextps128_ps512(_mm_loadu_ps(p));
}

static inline void
store_quad(float *p, __m512 v, int channels)
{
  if (channels == 4) {
    _mm512_storeu_ps(p, v);
  } else if (channels == 1) {
    _mm_storeu_ps(p, _mm512_castps512_ps128(v));
  } else {
    _mm256_storeu_ps(p, _mm512_castps512_ps256(v));
    if (channels == 3)
      _mm_storeu_ps(p + 8, _mm512_extractf32x4_ps(v, 2));
  }
}

static inline __m512
spread_ref(const Quads *quads, const float *ref, __mmask16 there)
{
  return _mm512_permutexvar_ps(quads->spread, _mm512_maskz_loadu_ps(there, ref));
}

static inline __mmask16
differing(const Quads *quads, __m512 difference, unsigned lanes)
{
  return _mm512_mask_cmp_ps_mask((__mmask16)(quads->used & lanes), _mm512_abs_ps(difference),
                                 quads->tolerance, _CMP_NLE_UQ);
}

/* Takes over quad i's values that differ.  Returns its pixels in which any does. */
static inline unsigned
take_quad(const Quads *quads, const DcnDiff *d, int i, int n, int channels, __mmask16 differs)
{
  size_t at = (size_t)i * (size_t)channels;
  __mmask16 there = first(n * channels);
  __m512 x = _mm512_maskz_loadu_ps(first(n * 4), d->x + (size_t)i * 4);
  __m512 old = n == 4 ? _mm512_permutexvar_ps(quads->spread, load_quad(d->ref + at, channels))
                      : spread_ref(quads, d->ref + at, there);
  __mmask16 used = (__mmask16)quads->used;
  __m512 now = _mm512_maskz_compress_ps(used, _mm512_mask_mov_ps(old, differs, x));
  if (d->delta) {
    __m512 difference = _mm512_maskz_compress_ps(used, _mm512_maskz_sub_ps(differs, x, old));
    if (n == 4)
      store_quad(d->delta + at, difference, channels);
    else
      _mm512_mask_storeu_ps(d->delta + at, there, difference);
  }
  if (n == 4)
    store_quad(d->ref + at, now, channels);
  else
    _mm512_mask_storeu_ps(d->ref + at, there, now);
  /* Bits 4j to 4j + 3 are pixel j's: a word and a byte each. */
  unsigned any = (unsigned)(differs | differs >> 1 | differs >> 2 | differs >> 3),
           pixels = _pext_u32(any, 0x1111);
  if (d->mask) {
    __m256i all = _mm256_set1_epi64x(differs), shifts = _mm256_setr_epi64x(0, 4, 8, 12);
    __m256i bits = _mm256_and_si256(_mm256_srlv_epi64(all, shifts), _mm256_set1_epi64x(15));
    _mm256_mask_storeu_epi64(d->mask + i, (__mmask8)((1u << n) - 1), bits);
  }
  if (d->changed) {
    uint32_t bytes = _pdep_u32(pixels, 0x01010101);
    memcpy(d->changed + i, &bytes, (size_t)n);
  }
  return pixels;
}

/* The quads that hold a pixel to look at, as a list; whole ones only.  bits are cleared. */
static int
list_quads(uint64_t *bits, int pixels, int32_t *list)
{
  __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  int n = 0;
  for (int word = 0; word * 64 < pixels; word++) {
    uint64_t look = bits[word];
    if (look == 0)
      continue;
    look |= look >> 1;
    look |= look >> 2;
    __mmask16 some = (__mmask16)_pext_u64(look, UINT64_C(0x1111111111111111));
    if (pixels - word * 64 < 64)
      some &= (__mmask16)((1u << (pixels - word * 64) / 4) - 1);
    __m512i at = _mm512_add_epi32(lane, _mm512_set1_epi32(word * 16));
    _mm512_storeu_si512(list + n, _mm512_maskz_compress_epi32(some, at));
    n += __builtin_popcount(some);
    bits[word] = 0;
  }
  return n;
}

/* Float j of 16 of ref is this one of two vectors of x, of 16 pixels of three channels: of the first, the second and the last
 * 16 floats of these. */
static const int32_t of_threes[3][16] = {
    {0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20},
    {5, 6, 8, 9, 10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25},
    {10, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25, 26, 28, 29, 30},
};

/* 16 pixels of three channels, all of them: no marks of single values are wanted.  *bits: in which of them something
 * changed.  Returns the number of values that did. */
static inline int
test_threes(const DcnDiff *d, size_t first, uint64_t *bits)
{
  const float *x = d->x + first * 4;
  float *ref = d->ref + first * 3, *delta = d->delta ? d->delta + first * 3 : NULL;
  __m512 tolerance = _mm512_set1_ps(d->tolerance), now[3], old[3], difference[3];
  __mmask16 differs[3];
  for (int i = 0; i < 3; i++) {
    now[i] = _mm512_permutex2var_ps(_mm512_loadu_ps(x + i * 16), _mm512_loadu_si512(of_threes[i]),
                                    _mm512_loadu_ps(x + i * 16 + 16));
    old[i] = _mm512_loadu_ps(ref + i * 16);
    difference[i] = _mm512_sub_ps(now[i], old[i]);
    differs[i] = _mm512_cmp_ps_mask(_mm512_abs_ps(difference[i]), tolerance, _CMP_NLE_UQ);
  }
  uint64_t values = differs[0] | (uint64_t)differs[1] << 16 | (uint64_t)differs[2] << 32;
  if (values == 0)
    return 0;
  for (int i = 0; i < 3; i++) {
    _mm512_storeu_ps(ref + i * 16, _mm512_mask_mov_ps(old[i], differs[i], now[i]));
    if (delta)
      _mm512_storeu_ps(delta + i * 16, _mm512_maskz_mov_ps(differs[i], difference[i]));
  }
  *bits = _pext_u64(values | values >> 1 | values >> 2, UINT64_C(0x249249249249));
  return __builtin_popcountll(values);
}

/* Of the pixels to look at, those that are 16 side by side, which are then taken out of bits.  found: [words of bits]
 * the changed ones. */
static int
test_runs_of_threes(const DcnDiff *d, int pixels, uint64_t *bits, uint64_t *found)
{
  int total = 0;
  for (int word = 0; word * 64 < pixels; word++) {
    found[word] = 0;
    if (__builtin_popcountll(bits[word]) < 16)
      continue;
    for (int i = 0; i < 64 && word * 64 + i + 16 <= pixels; i += 16) {
      uint64_t run = UINT64_C(0xffff) << i, changed = 0;
      if (~bits[word] & run)
        continue;
      total += test_threes(d, (size_t)(word * 64 + i), &changed);
      found[word] |= changed << i;
      bits[word] &= ~run;
    }
  }
  return total;
}

/* Four pixels at a time: a vector of x is compared with their floats of ref, spread out.  First all are compared, then
 * those that differ are taken over, so that no branch depends on each, and no load waits for a store before it. */
static int
test_quads(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const Quads quads = {
      _mm512_add_epi32(_mm512_mullo_epi32(_mm512_srli_epi32(lane, 2), _mm512_set1_epi32(channels)),
                       _mm512_and_si512(lane, _mm512_set1_epi32(3))),
      _mm512_set1_ps(d->tolerance), 0x1111u * ((1u << channels) - 1)};
  int32_t list[256 + 16];
  uint16_t differs[256 + 32];
  int rest = pixels % 4, end = pixels - rest, total = 0;
  gboolean look_at_rest = rest && (bits[end / 64] >> end % 64 & 15) != 0;
  int n = list_quads(bits, pixels, list);
  for (int j = 0; j < n; j++) {
    size_t i = (size_t)list[j] * 4;
    __m512 old =
        _mm512_permutexvar_ps(quads.spread, load_quad(d->ref + i * (size_t)channels, channels));
    differs[j] = differing(&quads, _mm512_sub_ps(_mm512_loadu_ps(d->x + i * 4), old), 0xffff);
  }
  if (look_at_rest) {
    __m512 old =
               spread_ref(&quads, d->ref + (size_t)end * (size_t)channels, first(rest * channels)),
           new = _mm512_maskz_loadu_ps(first(rest * 4), d->x + (size_t)end * 4);
    list[n] = end / 4;
    differs[n++] = differing(&quads, _mm512_sub_ps(new, old), first(rest * 4));
  }
  for (int begin = 0; begin < n; begin += 32) {
    __m512i some = _mm512_loadu_si512(differs + begin);
    uint32_t taken = _mm512_test_epi16_mask(some, some);
    if (n - begin < 32)
      taken &= (1u << (n - begin)) - 1;
    for (; taken; taken &= taken - 1) {
      int j = begin + __builtin_ctz(taken), i = list[j] * 4;
      uint64_t in = take_quad(&quads, d, i, pixels - i < 4 ? pixels - i : 4, channels, differs[j]);
      bits[i / 64] |= in << i % 64;
      total += __builtin_popcount(differs[j]);
    }
  }
  return total;
}

int
dcn_f32_diff_image_4p__avx512(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  if (channels != 3 || d->mask || d->changed)
    return test_quads(d, pixels, channels, bits);
  uint64_t found[16];
  int words = (pixels + 63) / 64, total = test_runs_of_threes(d, pixels, bits, found);
  total += test_quads(d, pixels, channels, bits);
  for (int i = 0; i < words; i++)
    bits[i] |= found[i];
  return total;
}
