/* deltacnn: the inner loop of scaling down a column.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* out[i] = sum over t < taps of weights[t] * source[t * stride + i], in the order of t, each
 * product and sum rounded to float.  Every implementation gives the same bits. source   `taps` rows
 * of n readable bytes, stride bytes apart (it may be negative) out      n floats */
typedef void (*DcnColumnsFunc)(const uint8_t *source, ptrdiff_t stride, const float *weights,
                               int taps, float *out, int n);

/* The best one for this CPU, and all that run on it (NULL-terminated). */
DcnColumnsFunc dcn_columns_best(void);
const DcnColumnsFunc *dcn_columns_all(void);
