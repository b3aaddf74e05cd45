/* deltacnn: the sliding window that convolutions and pools share.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/loader.h"

/* Index 0 is h, 1 is w; a 1-D operator has a window of 1 along h. */
typedef struct {
  int size[2], stride[2], dilation[2], pad_begin[2], pad_end[2];
  int out[2];
} DcnWindow;

/* Reads kernel_shape, strides, dilations, pads, auto_pad and (pools) ceil_mode of the current node,
 * for an input of rank 3 or 4. kernel   [rank - 2] sizes where weights give them, else NULL Returns
 * FALSE with the loader's error set on anything that does not fit. */
gboolean dcn_window_read(DcnLoader *loader, const DcnShape *input, const int64_t *kernel,
                         DcnWindow *window);

/* [N, channels, out..] */
DcnShape dcn_window_output(const DcnWindow *window, const DcnShape *input, int64_t channels);

/* Whether each window along one axis covers an element of it, not just padding. */
gboolean dcn_window_sees_all(int length, int size, int stride, int dilation, int pad_begin,
                             int out);
