/* deltacnn: the matrix kernels over lists of spans and taps, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Included after gemm-template.h, whose vectors and constants it uses.  A tile of pixels x 2 vectors
 * of output channels stays in registers, as igemm's does; the pixels' pointers stay where they are, so that even a
 * span of a single pixel costs little besides its multiplies.
 *
 * DEFINE_TGEMM(pixels, vectors) or, for few pixels, DEFINE_TGEMM_SPLIT(pixels, vectors) defines
 * tgemm_PIXELS_VECTORS; RUN_TGEMM(pixels) calls them. */
#pragma once
#include "kernels/gemm-template.h"
#include "kernels/unroll.h"

#define TAP_STEP_2(i)                                                                              \
  {                                                                                                \
    Vector x = broadcast(p##i + k);                                                                \
    FMA(c##i##_0, x, b0);                                                                          \
    FMA(c##i##_1, x, b1);                                                                          \
  }
#define TAP_STEP_1(i)                                                                              \
  {                                                                                                \
    Vector x = broadcast(p##i + k);                                                                \
    FMA(c##i##_0, x, b0);                                                                          \
  }
#define TAP_FETCH_2(i)                                                                             \
  const float *p##i = d[i];                                                                        \
  Vector c##i##_0 = i < pixels ? load_first(out[i], m0) : zero();                                  \
  Vector c##i##_1 = i < pixels ? load_first(out[i] + LANES, m1) : zero();
#define TAP_FETCH_1(i)                                                                             \
  const float *p##i = d[i];                                                                        \
  Vector c##i##_0 = i < pixels ? load_first(out[i], m0) : zero();
#define TAP_STORE_2(i)                                                                             \
  if (i < pixels) {                                                                                \
    store_first(out[i], m0, c##i##_0);                                                             \
    store_first(out[i] + LANES, m1, c##i##_1);                                                     \
  }
#define TAP_STORE_1(i)                                                                             \
  if (i < pixels)                                                                                  \
    store_first(out[i], m0, c##i##_0);

#define TAP_FLOAT(height, nv, step)                                                                 \
  {                                                                                                \
    DCN_PREFETCH(wk, PREFETCH_ROWS *NR);                                                           \
    if (nv > 1)                                                                                    \
      DCN_PREFETCH(wk, PREFETCH_ROWS *NR + LANES);                                                 \
    Vector b0 = load_aligned(wk);                                                                  \
    Vector b1 = nv > 1 ? load_aligned(wk + LANES) : b0;                                            \
    (void)b1;                                                                                      \
    EACH##height(step##_##nv) wk += NR;                                                            \
    k++;                                                                                           \
  }

#define DEFINE_TGEMM(height, nv)                                                                   \
  static void tgemm_##height##_##nv(const float *const *d, const DcnSpan *spans, int count,        \
                                    const float *w, float *const *out, int pixels, int columns)    \
  {                                                                                                \
    Mask m0 = first(columns), m1 = first(columns - LANES);                                         \
    (void)m1;                                                                                      \
    EACH##height(TAP_FETCH_##nv) for (const DcnSpan *span = spans, *last = spans + count;          \
                                      span < last; span++)                                         \
    {                                                                                              \
      const float *wk = w + span->weight;                                                          \
      ptrdiff_t k = span->at, end = k + span->floats;                                              \
      while (k < end)                                                                              \
        TAP_FLOAT(height, nv, TAP_STEP)                                                            \
    }                                                                                              \
    EACH##height(TAP_STORE_##nv)                                                                   \
  }

/* Few pixels have too few sums to keep the multipliers busy, so every third float of a span goes to
 * sums of its own: c, e, f. */
#define TAP_SPLIT_STEP_2(i, sum)                                                                   \
  {                                                                                                \
    Vector x = broadcast(p##i + k);                                                                \
    FMA(sum##i##_0, x, b0);                                                                        \
    FMA(sum##i##_1, x, b1);                                                                        \
  }
#define TAP_SPLIT_STEP_1(i, sum)                                                                   \
  {                                                                                                \
    Vector x = broadcast(p##i + k);                                                                \
    FMA(sum##i##_0, x, b0);                                                                        \
  }
#define TAP_SPLIT_C_2(i)    TAP_SPLIT_STEP_2(i, c)
#define TAP_SPLIT_E_2(i)    TAP_SPLIT_STEP_2(i, e)
#define TAP_SPLIT_F_2(i)    TAP_SPLIT_STEP_2(i, f)
#define TAP_SPLIT_C_1(i)    TAP_SPLIT_STEP_1(i, c)
#define TAP_SPLIT_E_1(i)    TAP_SPLIT_STEP_1(i, e)
#define TAP_SPLIT_F_1(i)    TAP_SPLIT_STEP_1(i, f)
#define TAP_SPLIT_ZERO_2(i) Vector e##i##_0 = zero(), e##i##_1 = zero(), f##i##_0 = zero(), f##i##_1 = zero();
#define TAP_SPLIT_ZERO_1(i) Vector e##i##_0 = zero(), f##i##_0 = zero();
#define TAP_SPLIT_SUM_2(i)                                                                         \
  c##i##_0 = PLUS(c##i##_0, PLUS(e##i##_0, f##i##_0));                                             \
  c##i##_1 = PLUS(c##i##_1, PLUS(e##i##_1, f##i##_1));
#define TAP_SPLIT_SUM_1(i) c##i##_0 = PLUS(c##i##_0, PLUS(e##i##_0, f##i##_0));

#define DEFINE_TGEMM_SPLIT(height, nv)                                                             \
  static void tgemm_##height##_##nv(const float *const *d, const DcnSpan *spans, int count,        \
                                    const float *w, float *const *out, int pixels, int columns)    \
  {                                                                                                \
    Mask m0 = first(columns), m1 = first(columns - LANES);                                         \
    (void)m1;                                                                                      \
    EACH##height(TAP_FETCH_##nv) EACH##height(TAP_SPLIT_ZERO_##nv)                                 \
        for (const DcnSpan *span = spans, *last = spans + count; span < last; span++)              \
    {                                                                                              \
      const float *wk = w + span->weight;                                                          \
      ptrdiff_t k = span->at, end = k + span->floats;                                              \
      while (k < end - 2) {                                                                        \
        TAP_FLOAT(height, nv, TAP_SPLIT_C)                                                         \
        TAP_FLOAT(height, nv, TAP_SPLIT_E)                                                         \
        TAP_FLOAT(height, nv, TAP_SPLIT_F)                                                         \
      }                                                                                            \
      if (k < end)                                                                                 \
        TAP_FLOAT(height, nv, TAP_SPLIT_C)                                                         \
      if (k < end)                                                                                 \
        TAP_FLOAT(height, nv, TAP_SPLIT_E)                                                         \
    }                                                                                              \
    EACH##height(TAP_SPLIT_SUM_##nv) EACH##height(TAP_STORE_##nv)                                  \
  }

/* Single pixels, each with its own taps: pixels x 1 x nv vectors.  Every channel of a tap has sums
 * of its own, as above. */
DCN_TEMPLATE void
mgemm_pixels(const int nv, const int channels, const float *const *d, const uint64_t *mask,
             int words, const DcnTap *taps, const float *w, size_t next, float *const *out,
             int pixels, int columns)
{
  Mask m[4];
  DCN_UNROLL
  for (int v = 0; v < nv; v++)
    m[v] = first(columns - v * LANES);
  for (int i = 0; i < pixels; i++, mask += words) {
    Vector sum[3][4];
    DCN_UNROLL
    for (int v = 0; v < nv; v++) {
      sum[0][v] = load_first(out[i] + v * LANES, m[v]);
      sum[1][v] = sum[2][v] = zero();
    }
    for (int j = 0; j < words; j++)
      for (uint64_t bits = mask[j]; bits; bits &= bits - 1) {
        const DcnTap *tap = &taps[j * 64 + __builtin_ctzll(bits)];
        const float *x = d[i] + tap->pixel, *w0 = w + tap->weight, *w1 = w0 + next;
        DCN_UNROLL
        for (int k = 0; k < channels; k++) {
          Vector xk = broadcast(x + k);
          DCN_UNROLL
          for (int v = 0; v < nv; v++) {
            const float *wk = (v < 2 ? w0 : w1) + k * NR + v % 2 * LANES;
            FMA(sum[k % 3][v], xk, load_aligned(wk));
          }
        }
      }
    DCN_UNROLL
    for (int v = 0; v < nv; v++)
      store_first(out[i] + v * LANES, m[v], PLUS(sum[0][v], PLUS(sum[1][v], sum[2][v])));
  }
}

#define MGEMM_CHANNELS(nv, channels)                                                               \
  mgemm_pixels(nv, channels, d, mask, words, taps, w, next, out, pixels, columns)
#define DEFINE_MGEMM(nv)                                                                           \
  static void mgemm_##nv(const float *const *d, const uint64_t *mask, int words,                   \
                         const DcnTap *taps, int channels, const float *w, size_t next,            \
                         float *const *out, int pixels, int columns)                               \
  {                                                                                                \
    if (channels == 3)                                                                             \
      MGEMM_CHANNELS(nv, 3);                                                                       \
    else if (channels == 1)                                                                        \
      MGEMM_CHANNELS(nv, 1);                                                                       \
    else if (channels == 2)                                                                        \
      MGEMM_CHANNELS(nv, 2);                                                                       \
    else                                                                                           \
      MGEMM_CHANNELS(nv, 4);                                                                       \
  }
#define RUN_MGEMM(nv) mgemm_##nv(d, mask, words, taps, channels, w, next, out, pixels, columns)

#define RUN_TGEMM(height)                                                                          \
  (columns > LANES ? tgemm_##height##_2(d, spans, count, w, out, pixels, columns)                  \
                   : tgemm_##height##_1(d, spans, count, w, out, pixels, columns))
