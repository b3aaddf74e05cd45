/* deltacnn: diamond search.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * S. Zhu, K.-K. Ma: A New Diamond Search Algorithm for Fast Block-Matching Motion Estimation, IEEE
 * Transactions on Image Processing 9(2), 2000: a diamond of nine points two pixels wide walks to where
 * its centre is best, then one of five points a pixel wide finishes. */
#pragma once
#include "rivals/image.h"

#define DCN_BLOCK_OUTSIDE UINT64_MAX

/* Sum of squared differences between a block of `now` and the one at block + offset of `then`;
 * DCN_BLOCK_OUTSIDE where that does not lie in the image.  Both images have one size, and the block
 * lies in it.  From `limit` on it may stop adding up. */
uint64_t dcn_block_error(const DcnImage *now, const DcnImage *then, const DcnBlock *block,
                         DcnOffset offset, uint64_t limit);

/* dB for a sum of squared differences of so many samples; infinite for 0. */
double dcn_psnr(uint64_t error, size_t samples);

/* The best of `starts` is where the search begins; among equals the first wins, so that a block
 * without texture stays where it is.  n_starts >= 1; error: what is left. */
DcnOffset dcn_diamond_search(const DcnImage *now, const DcnImage *then, const DcnBlock *block,
                             const DcnOffset *starts, int n_starts, uint64_t *error);
