/* deltacnn: the last frame's results in the places where the image moved to.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The propagation of DeepCache (Xu et al., MobiCom 2018).  What matched in the input shrinks with each
 * window; in a value whose pixels are `step` input pixels apart, results are taken offset / step
 * pixels away.  Where step does not divide offset that is rounded, so that what is reused is off by
 * up to half a pixel of the value. */
#pragma once
#include "net/net.h"
#include "rivals/image.h"

typedef struct _DcnReuse DcnReuse;

DcnReuse *dcn_reuse_new(const DcnNet *net); /* which must outlive it; NULL when memory is short */
void dcn_reuse_free(DcnReuse *reuse);       /* NULL is fine */

/* A frame begins.  known: [h * w] of the input, 1 where a pixel is (nearly) what was at its place +
 * offset in the frame of the state's last run. */
void dcn_reuse_begin(DcnReuse *reuse, const uint8_t *known, DcnOffset offset);

/* A DcnComputeFunc for dcn_state_run_known(); context is the DcnReuse.  Convolutions are reused, all
 * other operators computed. */
DcnCompute dcn_reuse_compute(void *context, int op, const DcnPixels *out, uint64_t *marks,
                             int row_words);
