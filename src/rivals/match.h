/* deltacnn: which blocks of an image are found in the last one, at one offset for all of them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image matching of DeepCache (Xu et al., MobiCom 2018): each block is searched for, one movement
 * is taken from what was found, and all blocks are compared once more at that. */
#pragma once
#include "rivals/image.h"

typedef struct {
  int cols, rows; /* blocks; those of the last column and row may be smaller */
  int size;       /* of a block, pixels */
  DcnOffset offset; /* of all that match */
  uint8_t *matched; /* [rows * cols] */
  int n_matched;
  DcnOffset *offsets; /* [rows * cols] each block's own, by the search */
  uint8_t *found;     /* [rows * cols] 1 where that is a match */
  int n_found;
} DcnMatch;

/* For images of width x height, in blocks of size x size pixels. */
DcnMatch *dcn_match_new(int width, int height, int size);
void dcn_match_free(DcnMatch *match); /* NULL is fine */

/* Where block 0 .. rows * cols - 1 lies in the image. */
DcnBlock dcn_match_block(const DcnMatch *match, const DcnImage *image, int block);

/* Searches for each block: offsets, found.  psnr: dB from which on blocks match.
 * from_before: from where each block was found last time, else from none; both also from zero. */
void dcn_match_search(DcnMatch *match, const DcnImage *now, const DcnImage *then, double psnr,
                      gboolean from_before);
/* After a search: offset, matched. */
void dcn_match_agree(DcnMatch *match, const DcnImage *now, const DcnImage *then, double psnr);
