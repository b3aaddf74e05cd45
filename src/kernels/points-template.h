/* deltacnn: the two transforms of sums of products of polynomials, for any instruction set with vectors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors run over whatever lies side by side: input columns within a stride on the way in, output channels on the way out.
 * Included after winograd-template.h. */
#pragma once
#include "kernels/points.h"
#include "kernels/winograd-template.h"

/* Values of the polynomial x[0] + x[1] t + .. at all points. */
DCN_TEMPLATE void
points_in_vector(const float *x, size_t step, int count, float *v, size_t ldv, const gboolean whole, Mask mask)
{
  Vector at_0 = winograd_load(x, whole, mask), even[DCN_POINT_PAIRS], odd[DCN_POINT_PAIRS];
  static const float t[DCN_POINT_PAIRS] = DCN_POINTS;
  DCN_UNROLL
  for (int j = 0; j < DCN_POINT_PAIRS; j++) {
    even[j] = zero();
    odd[j] = zero();
  }
  /* Horner's way, of the even and the odd powers. */
  for (int i = (count - 1) & ~1; i >= 0; i -= 2) {
    Vector e = winograd_load(x + (size_t)i * step, whole, mask);
    Vector o = i + 1 < count ? winograd_load(x + (size_t)(i + 1) * step, whole, mask) : zero();
    DCN_UNROLL
    for (int j = 0; j < DCN_POINT_PAIRS; j++) {
      even[j] = MADD(e, even[j], splat(t[j] * t[j]));
      odd[j] = MADD(o, odd[j], splat(t[j] * t[j]));
    }
  }
  if (whole)
    store(v, at_0);
  else
    store_first(v, mask, at_0);
  DCN_UNROLL
  for (int j = 0; j < DCN_POINT_PAIRS; j++) {
    Vector plus = MADD(even[j], odd[j], splat(t[j])), minus = MADD(even[j], odd[j], splat(-t[j]));
    float *to = v + (size_t)(2 * j + 1) * ldv;
    if (whole) {
      store(to, plus);
      store(to + ldv, minus);
    } else {
      store_first(to, mask, plus);
      store_first(to + ldv, mask, minus);
    }
  }
}

DCN_TEMPLATE void
points_in(const float *x, size_t step, int count, int n, float *v, size_t ldv)
{
  int k = 0;
  for (; k + LANES <= n; k += LANES)
    points_in_vector(x + k, step, count, v + k, ldv, TRUE, first(LANES));
  if (k < n)
    points_in_vector(x + k, step, count, v + k, ldv, FALSE, first(n - k));
}

/* The product's coefficients from its values over the product of the differences of points (points.h). */
DCN_TEMPLATE void
points_out_vector(const float *values, size_t ldv, float *const *out, size_t at,
                  const gboolean whole, Mask mask)
{
  static const float t[DCN_POINT_PAIRS] = DCN_POINTS;
  Vector y[DCN_POINT_COUNT], v0 = winograd_load(values, whole, mask), s[DCN_POINT_PAIRS], d[DCN_POINT_PAIRS];
  DCN_UNROLL
  for (int j = 0; j < DCN_POINT_PAIRS; j++) {
    const float *from = values + (size_t)(2 * j + 1) * ldv;
    Vector plus = winograd_load(from, whole, mask), minus = winograd_load(from + ldv, whole, mask);
    s[j] = plus + minus;
    d[j] = (plus - minus) * splat(t[j]);
  }
  /* (x^2 - u)(x^2 - w) = x^4 - (u + w) x^2 + u w, of the other two pairs */
  Vector sums = s[0] * splat(DCN_POINT_SUM(1, 2)), products = s[0] * splat(DCN_POINT_PRODUCT(1, 2));
  sums = MADD(MADD(sums, s[1], splat(DCN_POINT_SUM(0, 2))), s[2], splat(DCN_POINT_SUM(0, 1)));
  products = MADD(MADD(products, s[1], splat(DCN_POINT_PRODUCT(0, 2))), s[2], splat(DCN_POINT_PRODUCT(0, 1)));
  y[6] = v0 + s[0] + (s[1] + s[2]);
  y[4] = zero() - MADD(sums, v0, splat(DCN_POINT_SUMS));
  y[2] = MADD(products, v0, splat(DCN_POINT_PAIR_PRODUCTS));
  y[0] = v0 * splat(-DCN_POINT_PRODUCTS);
  Vector odd_sums = d[0] * splat(DCN_POINT_SUM(1, 2)), odd_products = d[0] * splat(DCN_POINT_PRODUCT(1, 2));
  y[5] = d[0] + (d[1] + d[2]);
  y[3] = zero() - MADD(MADD(odd_sums, d[1], splat(DCN_POINT_SUM(0, 2))), d[2], splat(DCN_POINT_SUM(0, 1)));
  y[1] = MADD(MADD(odd_products, d[1], splat(DCN_POINT_PRODUCT(0, 2))), d[2], splat(DCN_POINT_PRODUCT(0, 1)));
  DCN_UNROLL
  for (int i = 0; i < DCN_POINT_COUNT; i++) {
    if (!out[i])
      continue;
    float *to = out[i] + at;
    if (whole)
      store(to, load(to) + y[i]);
    else
      store_first(to, mask, load_first(to, mask) + y[i]);
  }
}

DCN_TEMPLATE void
points_out(const float *values, size_t ldv, float *const *out, size_t at, int columns)
{
  int k = 0;
  for (; k + LANES <= columns; k += LANES)
    points_out_vector(values + k, ldv, out, at + (size_t)k, TRUE, first(LANES));
  if (k < columns)
    points_out_vector(values + k, ldv, out, at + (size_t)k, FALSE, first(columns - k));
}
