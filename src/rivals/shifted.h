/* deltacnn: what source=diamond does with a frame: what the last one has, at another position, is
 * reused, the rest computed. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * DeepCache: M. Xu, M. Zhu, Y. Liu, F. X. Lin, X. Liu: DeepCache: Principled Cache for Mobile Deep
 * Vision, MobiCom 2018.  docs/rivals.md says where this departs from it. */
#pragma once
#include "net/net.h"
#include "rivals/match.h"

#define DCN_SHIFTED_BLOCK    10   /* pixels of the network's input */
#define DCN_SHIFTED_PSNR     20.0 /* dB */
#define DCN_SHIFTED_INTERVAL 10   /* frames */

typedef struct _DcnShifted DcnShifted;

/* net must outlive it.  NULL when memory is short. */
DcnShifted *dcn_shifted_new(const DcnNet *net, const DcnTensorSpec *spec);
void dcn_shifted_free(DcnShifted *shifted); /* NULL is fine */
void dcn_shifted_reset(DcnShifted *shifted);

typedef enum {
  DCN_SHIFTED_FULL, /* the frame is computed in full */
  DCN_SHIFTED_SOME, /* dcn_state_run_known() with dcn_shifted_compute() */
  DCN_SHIFTED_SAME  /* it is the last frame: so is the result */
} DcnShiftedKind;

/* Compares a frame with the last one and makes it the last one; the caller runs the network as told.
 * tensor    as in dcn_state_input()
 * interval  from one full frame to the next at most, unless results are as exact without
 * psnr      dB from which on blocks match */
DcnShiftedKind dcn_shifted_look(DcnShifted *shifted, const float *tensor, int interval, double psnr);

/* A DcnComputeFunc; context is the DcnShifted. */
DcnCompute dcn_shifted_compute(void *context, int op, const DcnPixels *out, uint64_t *marks,
                               int row_words);

/* Of the last look; all of it matches where that said SAME, nothing where it said FULL. */
const DcnMatch *dcn_shifted_match(const DcnShifted *shifted);
