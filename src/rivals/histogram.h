/* deltacnn: which parts of a frame look like those their results were made of, by colour histogram.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The cache look-up of DeepMon (Huynh, Lee, Balan, MobiSys 2017). */
#pragma once
#include "frame/frame.h"

typedef struct _DcnHistogram DcnHistogram;

/* The frame is cut into grid x grid cells, at multiples of 8 samples.  NULL for impossible sizes. */
DcnHistogram *dcn_histogram_new(const DcnFrameInfo *info, int grid);
void dcn_histogram_free(DcnHistogram *histogram); /* NULL is fine */
void dcn_histogram_reset(DcnHistogram *histogram);

/* Compares each cell of a frame with the frame at which its results were made; where they are apart,
 * or the results are `expiry` frames old, it is this frame that the results are made of from now on.
 * distance  up to which histograms count as alike: chi-square, sum of (a - b)^2 / (a + b) of shares,
 *           the mean of the components
 * changed   [ceil(height/8) * ceil(width/8)] 1 where results are to be made anew
 * Returns how many blocks that are. */
int dcn_histogram_update(DcnHistogram *histogram, const DcnFrame *frame, double distance, int expiry,
                         uint8_t *changed);
