/* deltacnn: the difference of a layer's input to its last frame, as lists of what is not zero.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "study/scratch.h"

/* Writes scratch->difference and makes `in` the layer's last frame.
 * means    NULL: everything that differs counts; else [in_c]: only values of at least that magnitude do.  What is
 *          left out is lost all the same: the study's heuristic is an open loop.
 * Returns how many values count. */
uint64_t dcn_study_difference(DcnStudyLayer *layer, const float *in, size_t in_pitch,
                              const float *means, int threads, DcnStudyScratch *scratch);
