/* deltacnn: depthwise convolution in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx512.h"
#include <immintrin.h>

#define LANES 16
typedef __m512 Vector;
typedef __mmask16 Mask;

#define load                 _mm512_loadu_ps
#define zero                 _mm512_setzero_ps
#define store                _mm512_storeu_ps
#define first(n)             ((Mask)((1u << (n)) - 1))
#define fma(c, x, b)         _mm512_fmadd_ps(x, b, c)
#define load_first(p, m)     _mm512_maskz_loadu_ps(m, p)
#define store_first(p, m, v) _mm512_mask_storeu_ps(p, m, v)
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, lo, hi) _mm512_max_ps(lo, _mm512_min_ps(hi, v))

#define splat _mm512_set1_ps
#define TILE  8

#define broadcast(p)          _mm512_set1_ps(*(p))
#define GROUPED_ROWS          2
#define GROUPED_SPREAD(v, at) _mm512_permutexvar_ps((__m512i)(at), v)

#include "kernels/depthwise-rows-template.h"
#include "kernels/depthwise-wide-template.h"
#include "kernels/grouped-rows-template.h"

#define PAIR_TAPS 25

/* Pixels of 8 channels that lie one after another: two of them are one of 16.  All but the last
 * where their number is odd. */
static void
depthwise_pairs(const Depthwise *d)
{
  float w[PAIR_TAPS][16] __attribute__((aligned(64))), bias[16] __attribute__((aligned(64)));
  for (int t = 0; t < d->taps; t++)
    _mm512_store_ps(w[t], _mm512_broadcast_f32x8(_mm256_loadu_ps(d->w + (size_t)t * d->ldw)));
  if (d->bias)
    _mm512_store_ps(bias, _mm512_broadcast_f32x8(_mm256_loadu_ps(d->bias)));
  Depthwise pairs = *d;
  pairs.step = pairs.ldo = pairs.ldw = 16;
  pairs.w = w[0];
  pairs.bias = d->bias ? bias : NULL;
  pairs.pixels = d->pixels / 2;
  depthwise_run(&pairs, 16);
}

void
dcn_f32_depthwise_16c__avx512(const float *const *a, int taps, size_t step, const float *w,
                              size_t ldw, const float *bias, float lo, float hi, float *out,
                              size_t ldo, int pixels, int channels)
{
  Depthwise d = {a,    step,  ldw, ldo, w, bias, out, _mm512_set1_ps(lo), _mm512_set1_ps(hi),
                 taps, pixels};
  if (channels == 8 && step == 8 && ldo == 8 && pixels > 1 && taps <= PAIR_TAPS) {
    depthwise_pairs(&d);
    if (pixels % 2 == 0)
      return;
    const float *last[PAIR_TAPS];
    for (int t = 0; t < taps; t++)
      last[t] = a[t] + (size_t)(pixels - 1) * 8;
    d.a = last;
    d.out += (size_t)(pixels - 1) * 8;
    d.pixels = 1;
    depthwise_run(&d, 8);
    return;
  }
  depthwise_run(&d, channels);
}

/* Rows of pixels of 8 channels that lie one after another, stride 1, a border on either side: two output pixels are one
 * of 16 channels.  Its columns are pairs of pixels: its own, and two that are put together from neighbours, as to load
 * what lies across cache lines takes longer. */
#define PAIR(a, b)                                                                                 \
  _mm512_castsi512_ps(_mm512_alignr_epi64(_mm512_castps_si512(b), _mm512_castps_si512(a), 4))
#define PAIR_LOAD(i)         Vector a##i = load(x + (i)*16);
#define PAIR_BETWEEN_(i, j)  Vector c##j = PAIR(a##i, a##j);
#define PAIR_BETWEEN__(i, j) PAIR_BETWEEN_(i, j)
#define PAIR_BETWEEN(i)      PAIR_BETWEEN__(i, NEXT_##i)
#define PAIR_TAP_1(i)        s##i = fma(s##i, a##i, w1);

/* n pairs; less: n - 1 */
#define DEFINE_PAIR_TILE(n, less)                                                                  \
  static void pairs_##n(const RowTile *t, int channels)                                            \
  {                                                                                                \
    Vector start = t->bias ? load(t->bias) : zero();                                               \
    const size_t ldo = 16;                                                                         \
    const float *w = t->w;                                                                         \
    const gboolean whole = TRUE;                                                                   \
    const Mask m = first(LANES);                                                                   \
    ROW##n(ROW_SUM) for (int ky = 0; ky < 3; ky++, w += 3 * 16)                                    \
    {                                                                                              \
      const float *x = t->lines[ky] + 16;                                                          \
      ROW##n(PAIR_LOAD) Vector c0 = PAIR(load(t->first[ky]), a0);                                  \
      ROW##less(PAIR_BETWEEN) Vector c##n = PAIR(a##less, load(t->last[ky]));                      \
      Vector w0 = load(w), w1 = load(w + 16), w2 = load(w + 32);                                   \
      ROW##n(ROW_TAP_0) ROW##n(PAIR_TAP_1) ROW##n(ROW_TAP_22)                                      \
    }                                                                                              \
    float *out = t->out;                                                                           \
    ROW##n(ROW_STORE)                                                                              \
  }

// clang-format off
DEFINE_PAIR_TILE(1, 0) DEFINE_PAIR_TILE(2, 1) DEFINE_PAIR_TILE(3, 2) DEFINE_PAIR_TILE(4, 3)
DEFINE_PAIR_TILE(6, 5) DEFINE_PAIR_TILE(8, 7)
    // clang-format on

    static RowChannels *const pair_tiles[TILE + 1] = {NULL,    pairs_1, pairs_2, pairs_3, pairs_4,
                                                      pairs_4, pairs_6, pairs_6, pairs_8};

static void
rows_of_pairs(const DcnDepthwiseRows *d, int rows)
{
  float w[9][16] __attribute__((aligned(64))), bias[16] __attribute__((aligned(64)));
  for (int t = 0; t < 9; t++)
    _mm512_store_ps(w[t], _mm512_broadcast_f32x8(_mm256_loadu_ps(d->w + (size_t)t * d->ldw)));
  if (d->bias)
    _mm512_store_ps(bias, _mm512_broadcast_f32x8(_mm256_loadu_ps(d->bias)));
  RowTile t = {.w = w[0], .bias = d->bias ? bias : NULL, .step = 16, .ldw = 16, .ldo = 16};
  t.lo = splat(d->lo);
  t.hi = splat(d->hi);
  for (int row = 0; row < rows; row++) {
    for (int ky = 0; ky < 3; ky++)
      t.lines[ky] = d->lines[row * 3 + ky] - 16;
    t.out = d->out + (size_t)row * (size_t)d->out_w * 8;
    row_run(&t, pair_tiles, 1, d->out_w / 2, 0, 0, 16);
  }
}

void
dcn_f32_depthwise_rows_16c__avx512(const DcnDepthwiseRows *d, int rows, int channels)
{
  if (channels == 8 && d->step == 8 && d->ldo == 8 && d->stride == 1 && d->left == 1 &&
      d->out_w == d->in_w && d->out_w % 2 == 0)
    rows_of_pairs(d, rows);
  else
    rows_run(d, rows, channels);
}

void
dcn_f32_depthwise_wide_16c__avx512(const DcnDepthwiseWide *d, int channels)
{
  depthwise_wide(d, channels);
}

void
dcn_f32_grouped_rows_16c__avx512(const DcnGroupedRows *d, int channels)
{
  grouped_run(d, channels);
}
