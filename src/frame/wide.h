/* deltacnn: the inner loops of scaling in whole numbers that take more than a byte.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As whole.h, for pairs of sizes that have little in common: 640 columns to 299 are 640/299 each, so that the weights are
 * 640ths.  Sums are exact in 32 bits. */
#pragma once
#include "frame/filter.h"
#include <stddef.h>
#include <stdint.h>

/* out[i] = sum over t < taps of weights[t] * source[t * stride + i], i < n.  The weights are whole ones of an output of a
 * filter.
 *
 * source   `taps` rows of n readable bytes, stride bytes apart (it may be negative) */
typedef void (*DcnWideColumnsFunc)(const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
                                   int32_t *out, int n);

/* out[x - begin] = scale * sum over t of weight t of output x * columns[first[x] - first[begin] + t], begin <= x < end,
 * where the sum is exact.  filter->whole_padded numbers from each output's first tap on are read. */
typedef void (*DcnWideRowsFunc)(const DcnAxisFilter *filter, const int32_t *columns, int begin, int end, float scale,
                                float *out);

/* out[i] = columns[i * step], i < n, step <= 4. */
typedef void (*DcnWideApartFunc)(const int32_t *columns, int step, int32_t *out, int n);

typedef struct {
  DcnWideColumnsFunc columns;
  DcnWideApartFunc apart;
  DcnWideRowsFunc rows;
} DcnWide;

/* The best ones for this CPU, and all that run on it (ending with NULL, NULL). */
const DcnWide *dcn_wide_best(void);
const DcnWide *dcn_wide_all(void);
