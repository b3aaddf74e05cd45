/* deltacnn: depthwise convolution with windows of 5, 7 and 9 columns, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One vector of channels after another, so that its weights stay in the nearest cache: those of all channels do not fit
 * there.  An input pixel is loaded once for all the outputs of a tile that see it, instead of once for each, and a pixel
 * beside the image is left out.
 *
 * Included after depthwise-template.h, of which it needs the same; has depthwise_wide(), which is the kernel. */
#pragma once
#include "kernels/depthwise-template.h"

#define WIDE_TILE 7 /* output pixels: images of 7, 14, 28 and 56 columns have no rest */

/* What the loop over tiles does not change. */
typedef struct {
  const DcnDepthwiseWide *d;
  int k; /* the first channel */
  Mask m;
  Vector start, lo, hi;
} Wide;

/* Output pixels p to p + np - 1; inner: their windows lie inside the image. */
DCN_TEMPLATE void
wide_tile(const Wide *wide, const int kw, const int stride, const int np, const gboolean inner,
          const gboolean whole, int p)
{
  const DcnDepthwiseWide *d = wide->d;
  const Mask m = wide->m;
  const size_t step = d->step;
  const int column = p * stride - d->left;
  const float *w = d->w + wide->k;
  Vector s[WIDE_TILE];
  DCN_UNROLL
  for (int i = 0; i < np; i++)
    s[i] = wide->start;
  for (int ky = 0; ky < d->kh; ky++, w += (size_t)kw * d->ldw) {
    const float *line = d->lines[ky];
    if (!line)
      continue;
    Vector wt[9];
    DCN_UNROLL
    for (int kx = 0; kx < kw; kx++)
      wt[kx] = load_lanes(w + (size_t)kx * d->ldw, whole, m);
    DCN_UNROLL
    for (int j = 0; j < (np - 1) * stride + kw; j++) {
      if (!inner && (unsigned)(column + j) >= (unsigned)d->in_w)
        continue;
      Vector x = load_lanes(line + (size_t)(column + j) * step + wide->k, whole, m);
      DCN_UNROLL
      for (int i = 0; i < np; i++) {
        const int kx = j - i * stride;
        if (kx >= 0 && kx < kw)
          s[i] = fma(s[i], x, wt[kx]);
      }
    }
  }
  float *out = d->out + (size_t)p * d->ldo + wide->k;
  DCN_UNROLL
  for (int i = 0; i < np; i++)
    store_lanes(out + (size_t)i * d->ldo, clamp(s[i], wide->lo, wide->hi), whole, m);
}

/* Asks for what the next row's tile at output pixel p needs. */
DCN_TEMPLATE void
wide_ask(const Wide *wide, const int stride, int p)
{
  const DcnDepthwiseWide *d = wide->d;
  if (wide->k % 16)
    return;
  DCN_UNROLL
  for (int i = 0; i < WIDE_TILE; i++)
    DCN_PREFETCH_FAR(d->next_out, (size_t)(p + i) * d->ldo + (size_t)wide->k);
  for (int y = 0; y < stride; y++) {
    if (!d->next[y])
      continue;
    DCN_UNROLL
    for (int i = 0; i < WIDE_TILE * stride; i++)
      DCN_PREFETCH_FAR(d->next[y], (size_t)(p * stride + i) * d->step + (size_t)wide->k);
  }
}

/* A row, one vector of channels.  The last tile begins earlier, and does some pixels again, rather than to be
 * smaller. */
DCN_TEMPLATE void
wide_row(const Wide *wide, const int kw, const int stride, const gboolean whole)
{
  const DcnDepthwiseWide *d = wide->d;
  const int n = d->pixels, np = n >= WIDE_TILE ? WIDE_TILE : n >= 3 ? 3 : 1;
  for (int next = 0; next < n; next += np) {
    const int p = MIN(next, n - np), column = p * stride - d->left;
    if (d->next_out)
      wide_ask(wide, stride, p);
    if (np == WIDE_TILE && column >= 0 && column + (WIDE_TILE - 1) * stride + kw <= d->in_w)
      wide_tile(wide, kw, stride, WIDE_TILE, TRUE, whole, p);
    else if (np == WIDE_TILE)
      wide_tile(wide, kw, stride, WIDE_TILE, FALSE, whole, p);
    else if (np == 3)
      wide_tile(wide, kw, stride, 3, FALSE, whole, p);
    else
      wide_tile(wide, kw, stride, 1, FALSE, whole, p);
  }
}

#define DEFINE_WIDE(kw, stride)                                                                    \
  static void wide_##kw##_##stride(const Wide *wide, const gboolean whole)                         \
  {                                                                                                \
    if (whole)                                                                                     \
      wide_row(wide, kw, stride, TRUE);                                                            \
    else                                                                                           \
      wide_row(wide, kw, stride, FALSE);                                                           \
  }
DEFINE_WIDE(5, 1)
DEFINE_WIDE(5, 2)
DEFINE_WIDE(7, 1)
DEFINE_WIDE(7, 2)
DEFINE_WIDE(9, 1)
DEFINE_WIDE(9, 2)

DCN_TEMPLATE void
depthwise_wide(const DcnDepthwiseWide *d, int channels)
{
  static void (*const rows[][2])(const Wide *, gboolean) = {
      {wide_5_1, wide_5_2}, {wide_7_1, wide_7_2}, {wide_9_1, wide_9_2}};
  Wide wide = {.d = d, .m = first(LANES), .lo = splat(d->lo), .hi = splat(d->hi)};
  for (; wide.k < channels; wide.k += LANES) {
    const gboolean whole = wide.k + LANES <= channels;
    if (!whole)
      wide.m = first(channels - wide.k);
    wide.start = d->bias ? load_lanes(d->bias + wide.k, whole, wide.m) : zero();
    rows[(d->kw - 5) / 2][d->stride - 1](&wide, whole);
  }
}
