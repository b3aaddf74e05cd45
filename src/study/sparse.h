/* deltacnn: the study's sparse layer (its Fig. 5): the difference as a compressed sparse row matrix of the unfolded
 * input, times the kernel matrix, added to the last output.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernels.h"
#include "study/scratch.h"

/* Adds kernels * scratch->difference to layer->sums.  The matrix is made and multiplied some rows at a time; a row's
 * entries are gathered from lists of what differs in each row of the input, which costs what the entries cost, where
 * the study's library looked at every element of the unfolded matrix. */
void dcn_study_sparse(DcnStudyLayer *layer, const DcnKernels *kernels, int threads,
                      DcnStudyScratch *scratch);
