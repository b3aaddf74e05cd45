/* deltacnn: the study's speed-up: small differences are taken for none.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "study/scratch.h"

/* means [in_c] of scratch->difference: the mean magnitude of each channel's difference to the last frame, zeros
 * included.  The study zeroes what lies below its channel's mean. */
void dcn_study_means(const DcnStudyLayer *layer, const float *in, size_t in_pitch,
                     DcnStudyScratch *scratch);
