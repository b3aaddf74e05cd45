/* deltacnn: what source=motion does with a frame: the convolutions are done on key frames only; on
 * those between, their results are moved along with the image. SPDX-License-Identifier:
 * LGPL-2.1-or-later
 *
 * M. Buckler, P. Bedoukian, S. Jayasuriya, A. Sampson: EVA2: Exploiting Temporal Redundancy in Live
 * Computer Vision; Y. Zhu, A. Samajdar, M. Mattina, P. Whatmough: Euphrates: Algorithm-SoC Co-Design
 * for Low-Power Mobile Continuous Vision; both ISCA 2018.  docs/rivals.md says where this departs from
 * them. */
#pragma once
#include "coding/picture.h"
#include "net/net.h"
#include "rivals/image.h"

#define DCN_KEYED_INTERVAL 4    /* frames from one key frame to the next */
#define DCN_KEYED_BLOCK    8    /* pixels of the network's input that are searched for as one */
#define DCN_KEYED_PSNR     20.0 /* dB: from which on a block was found */

typedef struct _DcnKeyed DcnKeyed;

/* net must outlive it.  NULL when memory is short. */
DcnKeyed *dcn_keyed_new(const DcnNet *net, const DcnFrameInfo *info, const DcnTensorSpec *spec);
void dcn_keyed_free(DcnKeyed *keyed); /* NULL is fine */
void dcn_keyed_reset(DcnKeyed *keyed);

typedef enum {
  DCN_KEYED_KEY,    /* a full run, then dcn_keyed_done() */
  DCN_KEYED_SEARCH, /* only samples can tell: dcn_keyed_search() with the frame's tensor */
  DCN_KEYED_WARP,   /* dcn_state_run_known() with dcn_keyed_compute(); it reads no tensor */
  DCN_KEYED_SAME    /* the last result stands */
} DcnKeyedKind;

/* A frame begins.
 * picture    what the codec says about it, where that fits the frame; else NULL
 * interval   from one key frame to the next at most
 * threshold  share [0, 1] of the image that may have been coded anew (of macroblocks that were intra or
 *            had residuals), or of blocks that are not found again, before a frame becomes a key frame;
 *            1: no limit */
DcnKeyedKind dcn_keyed_begin(DcnKeyed *keyed, const DcnPicture *picture, int interval,
                             double threshold);
/* After SEARCH.  Returns any of the others. */
DcnKeyedKind dcn_keyed_search(DcnKeyed *keyed, const float *tensor, double threshold);
/* After KEY, with the frame's tensor, before the run: TRUE where it is the last key frame's, to the
 * bit, and its result stands: no run is needed. */
gboolean dcn_keyed_is_last_key(DcnKeyed *keyed, const float *tensor);
/* After KEY, once the state has been run or need not be. */
void dcn_keyed_done(DcnKeyed *keyed, DcnState *state, const float *tensor);

/* A DcnComputeFunc; context is the DcnKeyed. */
DcnCompute dcn_keyed_compute(void *context, int op, const DcnPixels *out, uint64_t *marks,
                             int row_words);
