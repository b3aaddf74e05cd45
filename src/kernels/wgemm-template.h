/* deltacnn: the matrix kernel of first layers with deltas, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Included after gemm-template.h.  Two taps' weights stay in registers while they go to every output pixel that they
 * concern, whose sums come from the first-level cache and return there.  So no pixel need have anything in common
 * with another, and nothing is multiplied that did not change; as soon as some twenty pixels share a tap the
 * multipliers are as busy as igemm's.
 *
 * WGEMM_REGISTERS: vector registers that there are.  RUN_WGEMM(nv) is the kernel for nv whole vectors. */
#pragma once
#include "kernels/gemm-template.h"
#include "kernels/unroll.h"

/* Weights of `rows` floats of a tap, nv vectors each, from row `begin` of b on. */
DCN_TEMPLATE void
wgemm_load(const int nv, const int channels, const int begin, const float *w, size_t next, Vector b[8][4])
{
  DCN_UNROLL
  for (int k = 0; k < channels; k++) {
    DCN_UNROLL
    for (int v = 0; v < nv; v++)
      b[begin + k][v] = load_aligned(w + (v * LANES >= NR ? next : 0) + k * NR + v * LANES % NR);
  }
}

/* To the given pixels from rows [begin, end) of b: those of tap 0, then those of tap 1. */
DCN_TEMPLATE void
wgemm_add(const int nv, const int channels, const int begin, const int end, const float *const *d,
          const DcnTap *tap, uint64_t pixels, Vector b[8][4], float *const *out)
{
  for (; pixels; pixels &= pixels - 1) {
    int i = __builtin_ctzll(pixels);
    float *o = out[i];
    Vector sum[4];
    DCN_UNROLL
    for (int v = 0; v < nv; v++)
      sum[v] = load(o + v * LANES);
    DCN_UNROLL
    for (int k = begin; k < end; k++) {
      Vector x = broadcast(d[i] + tap[k >= channels].at + k % channels);
      DCN_UNROLL
      for (int v = 0; v < nv; v++)
        FMA(sum[v], x, b[k][v]);
    }
    DCN_UNROLL
    for (int v = 0; v < nv; v++)
      store(o + v * LANES, sum[v]);
  }
}

DCN_TEMPLATE void
wgemm_taps(const int nv, const int channels, const float *const *d, const DcnTap *taps, int count,
           const float *w, size_t next, float *const *out)
{
  const gboolean pairs = (2 * channels + 1) * nv + 1 <= WGEMM_REGISTERS;
  Vector b[8][4];
  int t = 0;
  for (; pairs && t + 2 <= count; t += 2) {
    const DcnTap *tap = taps + t;
    uint64_t both = tap[0].pixels & tap[1].pixels;
    wgemm_load(nv, channels, 0, w + tap[0].weight, next, b);
    wgemm_load(nv, channels, channels, w + tap[1].weight, next, b);
    wgemm_add(nv, channels, 0, 2 * channels, d, tap, both, b, out);
    wgemm_add(nv, channels, 0, channels, d, tap, tap[0].pixels & ~both, b, out);
    wgemm_add(nv, channels, channels, 2 * channels, d, tap, tap[1].pixels & ~both, b, out);
  }
  for (; t < count; t++) {
    wgemm_load(nv, channels, 0, w + taps[t].weight, next, b);
    wgemm_add(nv, channels, 0, channels, d, taps + t, taps[t].pixels, b, out);
  }
}

#define DEFINE_WGEMM(nv)                                                                           \
  static void wgemm_##nv(const float *const *d, const DcnTap *taps, int count, int channels,       \
                         const float *w, size_t next, float *const *out)                           \
  {                                                                                                \
    if (channels == 3)                                                                             \
      wgemm_taps(nv, 3, d, taps, count, w, next, out);                                             \
    else if (channels == 1)                                                                        \
      wgemm_taps(nv, 1, d, taps, count, w, next, out);                                             \
    else if (channels == 2)                                                                        \
      wgemm_taps(nv, 2, d, taps, count, w, next, out);                                             \
    else                                                                                           \
      wgemm_taps(nv, 4, d, taps, count, w, next, out);                                             \
  }
typedef void Wgemm(const float *const *d, const DcnTap *taps, int count, int channels,
                   const float *w, size_t next, float *const *out);

/* Columns that end within a vector: sums are copied there and back, since a masked load would wait for the masked
 * store before it. */
static void
wgemm_run(Wgemm *const *vectors, const float *const *d, const DcnTap *taps, int count, int channels,
          const float *w, size_t next, float *const *out, int columns)
{
  Wgemm *run = vectors[(columns + LANES - 1) / LANES];
  if (columns % LANES == 0) {
    run(d, taps, count, channels, w, next, out);
    return;
  }
  float sums[64][4 * LANES];
  float *to[64] = {NULL};
  uint64_t all = 0;
  for (int t = 0; t < count; t++)
    all |= taps[t].pixels;
  for (uint64_t bits = all; bits; bits &= bits - 1) {
    int i = __builtin_ctzll(bits);
    to[i] = sums[i];
    for (int v = 0; v * LANES < columns; v++)
      store(to[i] + v * LANES, load_first(out[i] + v * LANES, first(columns - v * LANES)));
  }
  run(d, taps, count, channels, w, next, to);
  for (uint64_t bits = all; bits; bits &= bits - 1) {
    int i = __builtin_ctzll(bits);
    for (int v = 0; v * LANES < columns; v++)
      store_first(out[i] + v * LANES, first(columns - v * LANES), load(to[i] + v * LANES));
  }
}
