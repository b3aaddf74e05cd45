/* deltacnn: the points at which rows of pixels and rows of weights are multiplied as polynomials.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a row of input pixels adds to a row of outputs is the product of two polynomials, of the pixels and of the weights;
 * one of 7 coefficients is known from its values at 7 points (Toom and Cook; the transpose of Winograd's F(m, r), see
 * winograd.h).  The points are 0 and pairs +-t: they share all but their last additions, and powers of two make the values of
 * the pixels' polynomial exact but for its sums.  Over sums of 132 products the error is 2.5 times that of the plain sum in
 * rms.
 *
 * With the squares u of the pairs, the coefficients of the product of (x - q) over the other points are
 *   at 0:    x^6 - (sum of u) x^4 + (sum of products of two u) x^2 - (product of u)
 *   at +-t:  (x^2 +- t x) (x^4 - (u + w) x^2 + u w), u and w those of the other pairs;
 * what they are divided by, the product of (t - q), is in the weights. */
#pragma once

#define DCN_POINT_PAIRS 3
#define DCN_POINT_COUNT (2 * DCN_POINT_PAIRS + 1)

/* 0, +t[0], -t[0], +t[1], .. */
#define DCN_POINTS          {0.5f, 1, 2}
#define DCN_POINT_SQUARE(i) ((i) == 0 ? 0.25f : (i) == 1 ? 1.0f : 4.0f)

#define DCN_POINT_SUM(i, j)     (DCN_POINT_SQUARE(i) + DCN_POINT_SQUARE(j))
#define DCN_POINT_PRODUCT(i, j) (DCN_POINT_SQUARE(i) * DCN_POINT_SQUARE(j))
#define DCN_POINT_SUMS          (DCN_POINT_SUM(0, 1) + DCN_POINT_SQUARE(2))
#define DCN_POINT_PRODUCTS      (DCN_POINT_PRODUCT(0, 1) * DCN_POINT_SQUARE(2))
#define DCN_POINT_PAIR_PRODUCTS \
  (DCN_POINT_PRODUCT(0, 1) + DCN_POINT_PRODUCT(0, 2) + DCN_POINT_PRODUCT(1, 2))
