/* deltacnn: convolutions of 3x3 in groups of few channels, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A vector holds output channels of one group, of which all see the same inputs, or of several small ones.  Of a pixel's
 * inputs, one of each group is spread over the lanes of its group, and then added to all outputs of a tile that see the
 * pixel: up to three in each of two rows.  Columns outside of the image are read from zeros.
 *
 * The including file defines
 *   Vector, LANES
 *   load(p), zero(), store(p, v), splat(x)
 *   broadcast(p)               the float at p in all lanes
 *   fma(c, x, b)               c + x * b
 *   clamp(v, lo, hi)           as bias_clamp's, for vectors
 *   GROUPED_ROWS               rows of a tile: 1, or 2 with 32 registers, of which some then hold the inputs of a row, so
 *                              that each sum waits for its own last one as short as can be
 * and, where a vector is longer than the least group,
 *   GROUPED_SPREAD(v, at)      lane i: lane at[i] of v
 * and then has grouped_run(), which is the kernel. */
#pragma once
#include "kernels/kernel-list.h"
#include "kernels/unroll.h"

#define GROUPED_TILE 7 /* pixels of a row: images of 7, 14, 28 and 56 columns have no rest */
#define GROUPED_PACK 16 /* output channels that lie together in the weights */

typedef int32_t GroupedPlaces __attribute__((vector_size(LANES * 4)));

/* What does not change from tile to tile. */
typedef struct {
  const DcnGroupedRows *d;
  int k; /* first output channel */
  const float *w;
  Vector start, lo, hi;
  GroupedPlaces places; /* where each lane's group begins, where a vector holds several */
} Grouped;

/* One input channel of each group in the lanes of the group; p: the first one's where they are spread. */
DCN_TEMPLATE Vector
grouped_input(const gboolean spread, const float *p, GroupedPlaces places)
{
#ifdef GROUPED_SPREAD
  if (spread)
    return GROUPED_SPREAD(load(p), places);
#endif
  (void)spread, (void)places;
  return broadcast(p);
}

/* A compiler that knew what these pointers are would keep one for each column, some of them in vectors. */
#define GROUPED_KEEP(p) __asm__("" : "+r"(p));

/* An input row under a tile of np columns and one or two rows: with the weights at `upper` to the sums of the first row,
 * with those at `lower` to those of the second one.  left, right: whether the outermost columns lie in the image. */
DCN_TEMPLATE void
grouped_line(const Grouped *g, Vector (*s)[GROUPED_TILE], const gboolean spread, const int stride,
             const int np, const gboolean above, const gboolean below, const float *upper,
             const float *lower, const float *line, gboolean left, gboolean right)
{
  static const float zeros[GROUPED_PACK];
  const int last = (np - 1) * stride + 2;
  const size_t step = g->d->step;
  const float *first = left ? line : zeros, *end = right ? line + (size_t)last * step : zeros;
  const float *inner[5]; /* columns 1, 4, .. */
  DCN_UNROLL
  for (int j = 1; j < last; j += 3)
    inner[j / 3] = line + (size_t)j * step;
  DCN_UNROLL
  for (int j = 0; j <= last; j++) /* for the next vector of channels, which lies in lines of memory of its own */
    DCN_PREFETCH(line, (size_t)j * step + LANES);
  GroupedPlaces places = g->places;
  for (int k = g->d->group; k > 0; k--) {
    Vector x[2 * GROUPED_TILE + 1], u[3], l[3];
    DCN_UNROLL
    for (int kx = 0; kx < 3; kx++) {
      u[kx] = above ? load(upper + kx * GROUPED_PACK) : zero();
      l[kx] = below ? load(lower + kx * GROUPED_PACK) : zero();
    }
    DCN_UNROLL
    for (int j = 0; j <= last; j++) {
      const float *p = j == 0      ? first
                       : j == last ? end
                                   : inner[(j - 1) / 3] + (size_t)((j - 1) % 3) * step;
      x[j] = grouped_input(spread, p, places);
      DCN_UNROLL
      for (int i = 0; GROUPED_ROWS == 1 && i < np; i++)
        if (j >= i * stride && j <= i * stride + 2)
          s[0][i] = fma(s[0][i], x[j], u[j - i * stride]);
    }
    DCN_UNROLL
    for (int kx = 0; GROUPED_ROWS == 2 && kx < 3; kx++) {
      DCN_UNROLL
      for (int i = 0; above && i < np; i++)
        s[0][i] = fma(s[0][i], x[i * stride + kx], u[kx]);
      DCN_UNROLL
      for (int i = 0; below && i < np; i++)
        s[1][i] = fma(s[1][i], x[i * stride + kx], l[kx]);
    }
    upper += 3 * GROUPED_PACK, lower += 3 * GROUPED_PACK;
    places += 1;
    if (spread)
      continue;
    first++, end++;
    DCN_UNROLL
    for (int j = 1; j < last; j += 3) {
      inner[j / 3]++;
      GROUPED_KEEP(inner[j / 3])
    }
  }
}

/* Output pixels p to p + np - 1 of rows `row` and, where there are two, the next one. */
DCN_TEMPLATE void
grouped_tile(const Grouped *g, const gboolean spread, const int stride, const int np,
             const gboolean two, int row, int p)
{
  const DcnGroupedRows *d = g->d;
  const int column = p * stride - d->left, lines = two ? stride + 3 : 3;
  const gboolean left = column >= 0, right = column + (np - 1) * stride + 2 < d->in_w;
  const ptrdiff_t at = (ptrdiff_t)column * (ptrdiff_t)d->step + (spread ? g->k : g->k - g->k % d->group);
  const size_t of_row = (size_t)d->group * 3 * GROUPED_PACK;
  Vector s[2][GROUPED_TILE];
  DCN_UNROLL
  for (int i = 0; i < np; i++)
    s[0][i] = s[1][i] = g->start;
  DCN_UNROLL
  for (int y = 0; y < lines; y++) {
    const float *line = d->lines[row * stride + y];
    if (!line)
      continue;
    line += at;
    const gboolean above = y < 3, below = two && y >= stride;
    const float *upper = g->w + (size_t)(above ? y : 0) * of_row;
    const float *lower = g->w + (size_t)(below ? y - stride : 0) * of_row;
    if (above && below)
      grouped_line(g, s, spread, stride, np, TRUE, TRUE, upper, lower, line, left, right);
    else if (above)
      grouped_line(g, s, spread, stride, np, TRUE, FALSE, upper, lower, line, left, right);
    else
      grouped_line(g, s, spread, stride, np, FALSE, TRUE, upper, lower, line, left, right);
  }
  float *out = d->out + (size_t)row * d->row + (size_t)p * d->ldo + (size_t)g->k;
  DCN_UNROLL
  for (int i = 0; i < np; i++, out += d->ldo) {
    store(out, clamp(s[0][i], g->lo, g->hi));
    if (two)
      store(out + d->row, clamp(s[1][i], g->lo, g->hi));
  }
}

/* One vector of channels of one or two rows.  The last tile begins earlier, and does some pixels again, rather than to be
 * smaller. */
DCN_TEMPLATE void
grouped_vector(const Grouped *g, const gboolean spread, const int stride, const gboolean two, int row)
{
  const int n = g->d->pixels, np = n >= GROUPED_TILE ? GROUPED_TILE : n >= 3 ? 3 : 1;
  for (int next = 0; next < n; next += np) {
    const int p = MIN(next, n - np);
    if (np == GROUPED_TILE)
      grouped_tile(g, spread, stride, GROUPED_TILE, two, row, p);
    else if (np == 3)
      grouped_tile(g, spread, stride, 3, two, row, p);
    else
      grouped_tile(g, spread, stride, 1, two, row, p);
  }
}

#define DEFINE_GROUPED(spread, stride)                                                             \
  static void grouped_##spread##_##stride(const Grouped *g, int row, int rows)                     \
  {                                                                                                \
    if (rows == 2)                                                                                 \
      grouped_vector(g, spread, stride, GROUPED_ROWS == 2, row);                                   \
    else                                                                                           \
      grouped_vector(g, spread, stride, FALSE, row);                                               \
  }
DEFINE_GROUPED(0, 1)
DEFINE_GROUPED(0, 2)
#ifdef GROUPED_SPREAD
DEFINE_GROUPED(1, 1)
DEFINE_GROUPED(1, 2)
#endif

DCN_TEMPLATE void
grouped_run(const DcnGroupedRows *d, int channels)
{
  Grouped g = {.d = d, .lo = splat(d->lo), .hi = splat(d->hi)};
  for (int i = 0; i < LANES; i++)
    g.places[i] = i - i % d->group;
  for (int row = 0, rows; row < d->rows; row += rows) {
    rows = MIN(GROUPED_ROWS, d->rows - row);
    for (g.k = 0; g.k < channels; g.k += LANES) {
      const int at = g.k % GROUPED_PACK;
      g.w = d->w + (size_t)(g.k - at) * 9 * (size_t)d->group + at;
      g.start = d->bias ? load(d->bias + g.k) : zero();
#ifdef GROUPED_SPREAD
      if (d->group < LANES) {
        (d->stride == 1 ? grouped_1_1 : grouped_1_2)(&g, row, rows);
        continue;
      }
#endif
      (d->stride == 1 ? grouped_0_1 : grouped_0_2)(&g, row, rows);
    }
  }
}
