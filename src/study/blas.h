/* deltacnn: a convolution as frameworks did it: the input unfolded (im2col), then OpenBLAS's sgemm.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "study/scratch.h"

/* out[p] = bias + kernels * unfolded input of output pixel p, for all of them.
 * in       in_pixels pixels, in_pitch floats apart; out likewise
 * threads  as many as the scratch was fitted for, at most
 * Threads share the rows, each calling a BLAS of one thread: OpenBLAS's own threads are turned off in the process on
 * first use. */
void dcn_study_blas(const DcnStudyLayer *layer, const float *in, size_t in_pitch, float *out,
                    size_t out_pitch, int threads, DcnStudyScratch *scratch);
