/* deltacnn: the inner loop of converting colours and normalising.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Sample c of a pixel: the sum over j < n_components of matrix[c][j] * component j, in the order of j, + bias[c], clamped
 * to [0, 255], rounded to the nearest integer (halves to the even one).  Channel c: that * scale[c] + offset[c]. */
typedef struct {
  int n_components; /* 1 or 3 */
  int channels;     /* 1 or 3 */
  float matrix[3][3], bias[3];
  float scale[4], offset[4]; /* the last of them 0 */
} DcnColors;

/* What is known of a pixel: its samples, the first in the low byte, and this; 0: nothing. */
#define DCN_COLORS_KNOWN 0x4b000000u

/* Converts n pixels.  Those whose samples are not as known go to known and, pixel i, to out[i * stride]; nothing else is
 * written.  Every product and sum is rounded to float: all implementations give the same bits.
 * differs  [n] set to 1 for those pixels, else to 0
 * Returns how many they are. */
typedef int (*DcnColorsFunc)(const DcnColors *colors, const float *const component[3], uint32_t *known, float *out,
                             size_t stride, int n, uint8_t *differs);

/* The best one for this CPU, and all that run on it (NULL-terminated). */
DcnColorsFunc dcn_colors_best(void);
const DcnColorsFunc *dcn_colors_all(void);
