/* deltacnn: the inner loop of converting colours and normalising.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Channel c of a pixel: the sum over j < n_components of matrix[c][j] * component j, in the order of j, + bias[c],
 * clamped to [0, 255], rounded to the nearest integer (halves to the even one), * scale[c] + offset[c]. */
typedef struct {
  int n_components; /* 1 or 3 */
  int channels;     /* 1 or 3 */
  float matrix[3][3], bias[3], scale[3], offset[3];
} DcnColors;

/* Those of the pixels [0, n) for which wanted[i] is 1, pixel i to out[i * stride]; nothing else is written.  Every
 * product and sum is rounded to float: all implementations give the same bits.
 * wanted   [n] bytes, 0 or 1 */
typedef void (*DcnColorsFunc)(const DcnColors *colors, const float *const component[3], const uint8_t *wanted,
                              float *out, size_t stride, int n);

/* The best one for this CPU, and all that run on it (NULL-terminated). */
DcnColorsFunc dcn_colors_best(void);
const DcnColorsFunc *dcn_colors_all(void);
