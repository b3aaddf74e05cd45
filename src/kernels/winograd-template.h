/* deltacnn: the two transforms of a Winograd convolution, for any instruction set with vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors run over channels; a tile of 6x6 (4x4) vectors is taken column by column, then row by row.
 * Its points come in pairs +p, -p, which share all but their last addition.  A tile does not fit into
 * the registers: what lies between columns and rows is spilled to the stack, which stays in the
 * first-level cache.
 *
 * The including file defines
 *   Vector, Mask, LANES        Vector takes + and -
 *   NR                         the table's nr
 *   load(p), store(p, v), zero(), splat(x)
 *   first(n)                   a Mask of the first n lanes, 0 < n <= LANES
 *   load_first(p, mask), store_first(p, mask, v)
 *                              touch no other lanes; the others load as 0
 *   MADD(c, x, b)              c + x * b
 *   clamp(v, low, high)        as DcnKernels.bias_clamp
 * and then has winograd_in() and winograd_out(), which are the kernels. */
#pragma once
#include "kernels/kernel-list.h"
#include "kernels/unroll.h"
#include "kernels/winograd.h"

#define WINOGRAD_MOST (DCN_WINOGRAD_MOST + 2) /* a tile's side, input pixels */

#define POINT_A ((float)DCN_WINOGRAD_A)
#define POINT_B ((float)DCN_WINOGRAD_B)

/* Rows of B^T: the coefficients of the product of (x - p) over the other points. */
DCN_TEMPLATE void
winograd_in_side(const int m, const Vector *d, Vector *r)
{
  if (m == 2) {
    r[0] = d[0] - d[2];
    r[1] = d[1] + d[2];
    r[2] = d[2] - d[1];
    r[3] = d[3] - d[1];
    return;
  }
  Vector even_a = MADD(d[4], splat(-2), d[2]), odd_a = MADD(d[3], splat(-2), d[1]);
  Vector even_b = MADD(d[4], splat(-0.5f), d[2]), odd_b = MADD(d[3], splat(-0.5f), d[1]);
  r[0] = MADD(d[0] + d[4], splat(-2.5f), d[2]);
  r[1] = MADD(even_a, splat(POINT_A), odd_a);
  r[2] = MADD(even_a, splat(-POINT_A), odd_a);
  r[3] = MADD(even_b, splat(POINT_B), odd_b);
  r[4] = MADD(even_b, splat(-POINT_B), odd_b);
  r[5] = MADD(d[1] + d[5], splat(-2.5f), d[3]);
}

/* Rows of A^T: the points' powers. */
DCN_TEMPLATE void
winograd_out_side(const int m, const Vector *p, Vector *y)
{
  Vector sum_a = p[1] + p[2], odd_a = p[1] - p[2];
  if (m == 2) {
    y[0] = p[0] + sum_a;
    y[1] = odd_a + p[3];
    return;
  }
  Vector sum_b = p[3] + p[4], odd_b = p[3] - p[4];
  y[0] = p[0] + sum_a + sum_b;
  y[1] = MADD(odd_a * splat(POINT_A), splat(POINT_B), odd_b);
  y[2] = MADD(sum_a * splat(0.5f), splat(2), sum_b);
  y[3] = MADD(MADD(p[5], splat(POINT_A / 2), odd_a), splat(2 * POINT_B), odd_b);
}

DCN_TEMPLATE Vector
winograd_load(const float *p, const gboolean whole, Mask mask)
{
  return whole ? load(p) : load_first(p, mask);
}

DCN_TEMPLATE void
winograd_in_vector(const int m, const float *const *d, float *v, size_t ldv, int k,
                   const gboolean whole, Mask mask)
{
  const int side = m + 2;
  Vector t[WINOGRAD_MOST][WINOGRAD_MOST], x[WINOGRAD_MOST], r[WINOGRAD_MOST];
  DCN_UNROLL
  for (int i = 0; i < side; i++) {
    DCN_UNROLL
    for (int j = 0; j < side; j++)
      x[j] = winograd_load(d[j * side + i] + k, whole, mask);
    winograd_in_side(m, x, r);
    DCN_UNROLL
    for (int j = 0; j < side; j++)
      t[j][i] = r[j];
  }
  DCN_UNROLL
  for (int j = 0; j < side; j++) {
    winograd_in_side(m, t[j], r);
    float *row = v + (size_t)j * (size_t)side * ldv + k;
    DCN_UNROLL
    for (int i = 0; i < side; i++)
      if (whole)
        store(row + (size_t)i * ldv, r[i]);
      else
        store_first(row + (size_t)i * ldv, mask, r[i]);
  }
}

DCN_TEMPLATE void
winograd_in_tile(const int m, const float *const *d, float *v, size_t ldv, int channels)
{
  int k = 0;
  for (; k + LANES <= channels; k += LANES)
    winograd_in_vector(m, d, v, ldv, k, TRUE, first(LANES));
  if (k < channels)
    winograd_in_vector(m, d, v, ldv, k, FALSE, first(channels - k));
}

DCN_TEMPLATE void
winograd_in(int m, const float *const *d, float *v, size_t ldv, int channels)
{
  if (m == 4)
    winograd_in_tile(4, d, v, ldv, channels);
  else
    winograd_in_tile(2, d, v, ldv, channels);
}

typedef struct {
  const float *sums, *bias;
  size_t at;
  float *const *out;
  Vector low, high;
} WinogradOut;

/* Returns `odd`, plus a NaN in lanes where a sum is not finite. */
DCN_TEMPLATE Vector
winograd_out_vector(const int m, const WinogradOut *o, int k, const gboolean whole, Mask mask,
                    Vector odd)
{
  const int side = m + 2;
  Vector t[DCN_WINOGRAD_MOST][WINOGRAD_MOST], p[WINOGRAD_MOST], y[DCN_WINOGRAD_MOST];
  const float *sums = o->sums + k;
  DCN_UNROLL
  for (int j = 0; j < side; j++) { /* in the order of memory */
    DCN_UNROLL
    for (int i = 0; i < side; i++)
      p[i] = winograd_load(sums + (j * side + i) * NR, whole, mask);
    winograd_out_side(m, p, y);
    DCN_UNROLL
    for (int i = 0; i < m; i++)
      t[i][j] = y[i];
  }
  Vector bias = o->bias ? winograd_load(o->bias + k, whole, mask) : zero();
  DCN_UNROLL
  for (int i = 0; i < m; i++) {
    winograd_out_side(m, t[i], y);
    DCN_UNROLL
    for (int j = 0; j < m; j++) {
      y[j] = y[j] + bias;
      odd = MADD(odd, y[j], zero());
      float *out = o->out[j * m + i];
      if (!out)
        continue;
      Vector value = clamp(y[j], o->low, o->high);
      if (whole)
        store(out + o->at + k, value);
      else
        store_first(out + o->at + k, mask, value);
    }
  }
  return odd;
}

DCN_TEMPLATE Vector
winograd_out_tile(const int m, const WinogradOut *o, int columns)
{
  Vector odd = zero();
  int k = 0;
  for (; k + LANES <= columns; k += LANES)
    odd = winograd_out_vector(m, o, k, TRUE, first(LANES), odd);
  if (k < columns)
    odd = winograd_out_vector(m, o, k, FALSE, first(columns - k), odd);
  return odd;
}

DCN_TEMPLATE gboolean
winograd_out(int m, const float *sums, const float *bias, float lo, float hi,
             float *const *out, size_t at, int columns)
{
  WinogradOut o = {sums, bias, at, out, splat(lo), splat(hi)};
  Vector odd = m == 4 ? winograd_out_tile(4, &o, columns) : winograd_out_tile(2, &o, columns);
  float lanes[LANES], all = 0;
  store(lanes, odd);
  for (int i = 0; i < LANES; i++)
    all += lanes[i];
  return all == all;
}
