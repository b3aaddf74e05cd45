/* deltacnn: loads an ONNX model and lowers it to a program.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opset 1 to 25 (NEWEST_OPSET in onnx.c).  Weights in
 * float32, float16 and wider or integer types, raw or typed, here or in files beside the model.  Shapes
 * are static: the batch dimension is 1 where free, height and width are the caller's where free. */
#pragma once
#include "model/program.h"
#include <stddef.h>

typedef struct {
  /* Height and width for models whose input has free spatial dimensions; 0: such a model is an
   * error. */
  int input_height, input_width;
  /* Values for graph inputs other than the first, by name (tests; weights passed as inputs):
   * parallel arrays of n_bound names and serialised TensorProto bytes. */
  int n_bound;
  const char *const *bound_names;
  const uint8_t *const *bound_tensors;
  const size_t *bound_sizes;
  /* Of the graph's outputs only one is kept: the first that has one number per class, or as a last resort a single
   * number; where none has, all are.  For one that ends in ArgMax or TopK, what these rank. */
  gboolean classifier;
  /* Weights of convolutions may stay in the file, which the program then keeps open, until somebody reads them
   * (DcnConv.stored; net/ does while it packs them). */
  gboolean weights_later;
  gboolean literal; /* tests: fuse and simplify nothing, so that what the passes do can be checked
                       against it */
} DcnOnnxOptions;

/* options may be NULL.  On error: DCN_ERROR_IO (cannot read), DCN_ERROR_INVALID (corrupt, wrong
 * rank, shapes that do not fit), DCN_ERROR_UNSUPPORTED (the message names operator, node and what
 * of it). */
DcnProgram *dcn_onnx_load_file(const char *path, const DcnOnnxOptions *options, GError **error);
/* weights_later has no effect here: the bytes are the caller's again. */
DcnProgram *dcn_onnx_load_memory(const uint8_t *data, size_t size, const char *name,
                                 const DcnOnnxOptions *options, GError **error);

/* Decodes a serialised TensorProto (as in .pb test data) to float32 in its own row-major order;
 * integer and boolean types are converted.  dims: [DCN_MAX_RANK].  The caller frees *data with
 * g_free(). */
gboolean dcn_onnx_read_tensor(const uint8_t *bytes, size_t size, float **data, int *dims, int *rank,
                              GError **error);
