/* deltacnn: the inner loops of scaling in whole numbers.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The edges of an output lie at simple fractions of a sample for most pairs of sizes: 640 columns to 96 are 20/3 each, so
 * that the weights are 20ths, whole numbers of them.  Such sums are exact, whatever their order, and take 16-bit products
 * instead of floats. */
#pragma once
#include "frame/filter.h"
#include <stddef.h>
#include <stdint.h>

/* out[i] = sum over t < taps of weights[t] * (source[t * stride + i] - 128), i < n.  The weights are narrow ones of an
 * output of a filter (filter.h).
 *
 * source   `taps` rows of n readable bytes, stride bytes apart (it may be negative) */
typedef void (*DcnWholeColumnsFunc)(const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                                    int16_t *out, int n);

/* out[x - begin] = scale * (start + sum over t of weight t of output x * columns[first[x] - first[begin] + t]),
 * begin <= x < end, where the sum is exact.  filter->whole_padded numbers from each output's first tap on are read. */
typedef void (*DcnWholeRowsFunc)(const DcnAxisFilter *filter, const int16_t *columns, int begin, int end, int32_t start,
                                 float scale, float *out);

/* out[i] = columns[i * step], i < n, step <= 4. */
typedef void (*DcnWholeApartFunc)(const int16_t *columns, int step, int16_t *out, int n);

typedef struct {
  DcnWholeColumnsFunc columns;
  DcnWholeApartFunc apart;
  DcnWholeRowsFunc rows;
} DcnWhole;

/* The best ones for this CPU, and all that run on it (ending with NULL, NULL). */
const DcnWhole *dcn_whole_best(void);
const DcnWhole *dcn_whole_all(void);
