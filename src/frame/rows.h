/* deltacnn: the inner loop of scaling along a row.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/filter.h"

/* out[x - begin] = output x of the filter, begin <= x < end, over every step-th float of `columns`, which begin at
 * the first tap of output begin: products of eight taps, each rounded to float, are added as
 * ((0+1)+(2+3))+((4+5)+(6+7)), and those sums one after another.  Every implementation gives the same bits,
 * wherever begin and end are.  Where step is 1, filter->padded floats from each output's first tap on are read, those that
 * are no taps with a weight of 0: they must be finite. */
typedef void (*DcnRowsFunc)(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
                            float *out);

/* The best one for this CPU, and all that run on it (NULL-terminated). */
DcnRowsFunc dcn_rows_best(void);
const DcnRowsFunc *dcn_rows_all(void);
