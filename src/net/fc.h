/* deltacnn: a fully connected layer's plan: its packed weights.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"

typedef struct {
  int taps; /* that fall inside the input */
  int channels;
  int *pixel; /* [taps] input pixel of each, owned */
  int m;
  size_t ldw;
  float *weights;      /* [taps][channels][ldw], owned; or NULL, and */
  uint16_t *half;      /* the same in half precision, or */
  uint8_t *bytes;      /* as whole numbers, of which ... */
  float *zero, *scale; /* [ldw] these make weights; owned */
  float *bias;         /* [m], owned; NULL for none */
} DcnFcPlan;

/* Decides what the weights are kept as, and packs them; those of a file (DcnConv.stored) in strips, so that they are in
 * memory once.  kernel_tap: [plan->taps] of the convolution's kh * kw.  Sets op->weight_bytes.  Errors: MEMORY, IO. */
gboolean dcn_fc_pack(DcnFcPlan *plan, DcnNetOp *op, const int *kernel_tap, DcnWeights rounding,
                     GError **error);
