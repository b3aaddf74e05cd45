/* deltacnn: a convolution's plan: its window, packed weights and how it is cut into tiles.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"

/* Packed weights are [groups][blocks][taps][channels][nr]; output channels beyond mg are zero
 * columns. */
typedef struct {
  DcnWindow window;
  int groups, cg, mg; /* input and output channels of a group */
  /* What the kernels see.  Usually a tap is one of kh*kw pixels with cg channels.  Where rows have
   * no holes (pitch == c, a first layer) and the columns are not dilated, a tap is a run of kw
   * pixels: taps = kh, channels = kw*c, which spares short inner loops.  Windows across the left or
   * right border are copied. */
  gboolean rows;
  int taps, channels;
  int blocks;          /* of nr output channels, per group */
  int words;           /* mask words of a group */
  size_t block_floats; /* taps * channels * nr */
  float *weights;      /* owned */
  float *bias;         /* [groups][blocks][nr], owned */
  /* The unit of work: this many output pixels, their pointers set up once and used for all output
   * channels. Also the unit of the choice between values and differences.  Never depends on the
   * number of threads. */
  int block_pixels;
  gboolean keep_acc; /* FALSE: always computed from values */
} DcnConvPlan;

void dcn_conv_run(DcnJob *job);
