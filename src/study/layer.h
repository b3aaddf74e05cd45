/* deltacnn: a convolution as the DeltaCNN study sees it: a matrix product of unfolded input and kernels.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Unfolded, a convolution is [output pixels][terms] times [terms][output channels], for each group.
 * A term is one tap of the window and one input channel of the group: tap * cg + channel. */
#pragma once
#include "model/program.h"
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  int in_pixels, out_pixels, in_c, out_c;
  int groups, cg, mg; /* input and output channels of a group */
  int kh, kw, taps, terms;
  int in_h, in_w, out_h, out_w;
  int stride_w, pad_left, dil_w;
  int *rows;           /* [out_h * kh] input row that an output row's tap reads, -1: outside; owned */
  int *columns;        /* [out_w * kw] likewise; owned */
  gboolean point;      /* 1x1 without stride and padding: the input is its own unfolding */
  gboolean connected;  /* one output pixel: a fully connected layer */
  size_t ldw;          /* mg rounded up to 16 */
  size_t group_floats; /* terms * ldw */
  float *weights;      /* [groups][terms][ldw], owned */
  float *bias;         /* [out_c], owned */
  /* What one stream keeps of the last frame; NULL where nothing is (see dcn_study_layer_cache()). */
  float *last; /* input, [in_pixels][in_c], owned */
  float *sums; /* output before the activation, [out_pixels][out_c], owned */
} DcnStudyLayer;

/* Whether a matrix product makes sense for it: not for a depthwise convolution, which would be as many products of
 * one column as it has channels. */
gboolean dcn_study_layer_fits(const DcnProgram *program, const DcnOp *op);

/* op: a DCN_OP_CONV with its weights, which are copied.  NULL with DCN_ERROR_INVALID or _MEMORY. */
DcnStudyLayer *dcn_study_layer_new(const DcnProgram *program, const DcnOp *op, GError **error);
void dcn_study_layer_free(DcnStudyLayer *layer); /* NULL is fine */

/* Makes `last` and `sums`, unless they are there. */
gboolean dcn_study_layer_cache(DcnStudyLayer *layer, GError **error);
size_t dcn_study_layer_bytes(const DcnStudyLayer *layer);

/* First input column under an output column's window, which may lie outside. */
static inline int
dcn_study_first_column(const DcnStudyLayer *layer, int ox)
{
  return ox * layer->stride_w - layer->pad_left;
}

/* Input pixel under a tap of an output pixel's window, or -1 outside. */
static inline int
dcn_study_input_pixel(const DcnStudyLayer *layer, int image, int oy, int ox, int ky, int kx)
{
  int y = layer->rows[oy * layer->kh + ky], x = layer->columns[ox * layer->kw + kx];
  return y < 0 || x < 0 ? -1 : (image * layer->in_h + y) * layer->in_w + x;
}
