/* deltacnn: the depthwise kernel, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The loads are the work: one per FMA, and the weights.  Four pixels share a load of weights, and go
 * through their channels together, so that memory is read in its order.  With few channels and nine
 * taps (3x3) the weights stay in registers for the whole run of pixels instead.
 *
 * The including file defines
 *   Vector, Mask, LANES
 *   load(p), zero(), store(p, v)
 *   first(n)                   a Mask of the first n lanes, 0 < n <= LANES
 *   load_first(p, mask), store_first(p, mask, v)
 *                              touch no other lanes; the others load as 0
 *   fma(c, x, b)               c + x * b
 *   clamp(v, lo, hi)           as bias_clamp's, for vectors
 * and then has depthwise_run(), which is the kernel. */
#pragma once
#include "kernels/kernel-list.h"
#include "kernels/unroll.h"

/* What all parts of a call share. */
typedef struct {
  const float *const *a;
  size_t step, ldw, ldo;
  const float *w, *bias;
  float *out;
  Vector lo, hi;
  int taps, pixels;
} Depthwise;

/* Where `whole`, m is not looked at. */
DCN_TEMPLATE Vector
load_lanes(const float *p, const gboolean whole, Mask m)
{
  return whole ? load(p) : load_first(p, m);
}

DCN_TEMPLATE void
store_lanes(float *p, Vector v, const gboolean whole, Mask m)
{
  if (whole)
    store(p, v);
  else
    store_first(p, m, v);
}

/* np pixels from p on, the vector of channels at k. */
DCN_TEMPLATE void
depthwise_tile(const Depthwise *d, const int taps, const int np, int p, int k, const gboolean whole,
               Mask m)
{
  Vector start = d->bias ? load_lanes(d->bias + k, whole, m) : zero(), s[4];
  DCN_UNROLL
  for (int i = 0; i < np; i++)
    s[i] = start;
  size_t step = d->step, at = (size_t)p * step + (size_t)k;
  const float *w = d->w + k;
  DCN_UNROLL_IF_CONSTANT
  for (int t = 0; t < taps; t++, w += d->ldw) {
    const float *x = d->a[t] + at;
    Vector wt = load_lanes(w, whole, m);
    DCN_UNROLL
    for (int i = 0; i < np; i++)
      s[i] = fma(s[i], load_lanes(x + (size_t)i * step, whole, m), wt);
  }
  float *out = d->out + (size_t)p * d->ldo + k;
  DCN_UNROLL
  for (int i = 0; i < np; i++)
    store_lanes(out + (size_t)i * d->ldo, clamp(s[i], d->lo, d->hi), whole, m);
}

/* np pixels from p on, all channels. */
DCN_TEMPLATE void
depthwise_pixels(const Depthwise *d, const int taps, const int np, int p, int channels)
{
  int k = 0;
  for (; k + LANES <= channels; k += LANES)
    depthwise_tile(d, taps, np, p, k, TRUE, first(LANES));
  if (k < channels)
    depthwise_tile(d, taps, np, p, k, FALSE, first(channels - k));
}

DCN_TEMPLATE void
depthwise_tiles(const Depthwise *d, const int taps, int channels)
{
  int p = 0;
  for (; p + 4 <= d->pixels; p += 4)
    depthwise_pixels(d, taps, 4, p, channels);
  for (; p + 2 <= d->pixels; p += 2)
    depthwise_pixels(d, taps, 2, p, channels);
  if (p < d->pixels)
    depthwise_pixels(d, taps, 1, p, channels);
}

/* All pixels of nine taps, the vector of channels at k. */
DCN_TEMPLATE void
depthwise_nine(const Depthwise *d, int k, const gboolean whole, Mask m)
{
  Vector start = d->bias ? load_lanes(d->bias + k, whole, m) : zero(), w[9];
  const float *a[9];
  DCN_UNROLL
  for (int t = 0; t < 9; t++) {
    w[t] = load_lanes(d->w + (size_t)t * d->ldw + k, whole, m);
    a[t] = d->a[t] + k;
  }
  Vector lo = d->lo, hi = d->hi;
  size_t at = 0, step = d->step, ldo = d->ldo;
  float *out = d->out + k;
  for (int p = d->pixels; p > 0; p--, at += step, out += ldo) {
    Vector s = start;
    DCN_UNROLL
    for (int t = 0; t < 9; t++)
      s = fma(s, load_lanes(a[t] + at, whole, m), w[t]);
    store_lanes(out, clamp(s, lo, hi), whole, m);
  }
}

#define NARROW 32 /* channels */

DCN_TEMPLATE void
depthwise_run(const Depthwise *d, int channels)
{
  if (d->taps != 9) {
    depthwise_tiles(d, d->taps, channels);
    return;
  }
  if (channels > NARROW) {
    depthwise_tiles(d, 9, channels);
    return;
  }
  int k = 0;
  for (; k + LANES <= channels; k += LANES)
    depthwise_nine(d, k, TRUE, first(LANES));
  if (k < channels)
    depthwise_nine(d, k, FALSE, first(channels - k));
}
