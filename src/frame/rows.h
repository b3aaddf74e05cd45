/* deltacnn: the inner loop of scaling along a row.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/filter.h"

/* out[x - begin] = output x of the filter, begin <= x < end, over every step-th float of `columns`, which begin at
 * the first tap of output begin: sums in the order of the taps, each product and sum rounded to float.  Every
 * implementation gives the same bits, wherever begin and end are. */
typedef void (*DcnRowsFunc)(const DcnAxisFilter *filter, const float *columns, int step, int begin, int end,
                            float *out);

/* The best one for this CPU, and all that run on it (NULL-terminated). */
DcnRowsFunc dcn_rows_best(void);
const DcnRowsFunc *dcn_rows_all(void);
