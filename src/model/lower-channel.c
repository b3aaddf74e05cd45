/* deltacnn: lowers what works across the channels of a pixel: softmax, layer and local response
 * normalisation. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

gboolean
dcn_lower_lrn(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  const int64_t size = dcn_attr_int(loader, "size", 0);
  const DcnLrn lrn = {.size = (int)CLAMP(size, 0, 1 << 20),
                      .alpha = dcn_attr_float(loader, "alpha", 1e-4f),
                      .beta = dcn_attr_float(loader, "beta", 0.75f),
                      .bias = dcn_attr_float(loader, "bias", 1)};
  if (x < 0 || loader->error)
    return FALSE;
  if (size < 1 || size != lrn.size)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "attribute \"size\" is missing or out of range");
  const DcnShape shape = dcn_loader_shape(loader, x);
  if (shape.rank < 3)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its input has rank %d; an image [N,C,H,W] is needed", shape.rank);
  const int output = dcn_loader_add_value(loader, NULL, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_LRN, 1, &x, output);
  if (op)
    op->u.lrn = lrn;
  return dcn_loader_set_value(loader, 0, output, FALSE);
}

static int
add_softmax(DcnLoader *loader, int x, DcnOpKind kind, const char *role)
{
  if (x < 0 || loader->error)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int output = dcn_loader_add_value(loader, role, &shape);
  return dcn_loader_add_op(loader, kind, 1, &x, output) ? output : -1;
}

int
dcn_loader_add_softmax(DcnLoader *loader, int x, const char *role)
{
  x = x < 0 ? -1 : dcn_relaid_value(loader, x, TRUE, "last");
  return add_softmax(loader, x, DCN_OP_SOFTMAX, role);
}

/* The op works over the channels of each pixel; where the model normalises over something else,
 * data is moved so that this is the channels, and back. */
gboolean
dcn_lower_softmax(DcnLoader *loader)
{
  const DcnOpKind kind =
      strcmp(loader->node->op_type, "Softmax") == 0 ? DCN_OP_SOFTMAX : DCN_OP_LOG_SOFTMAX;
  int x = dcn_loader_any_float_value(loader, 0);
  const int64_t attribute = dcn_attr_int(loader, "axis", loader->opset < 13 ? 1 : -1);
  int axis;
  if (x < 0)
    return FALSE;
  DcnShape shape = dcn_loader_shape(loader, x);
  if (shape.rank == 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its input is a single number");
  if (shape.rank >= 3 && (attribute == -1 || attribute == shape.rank - 1)) {
    x = dcn_relaid_value(loader, x, TRUE, "last");
    return dcn_loader_set_value(loader, 0, add_softmax(loader, x, kind, NULL), FALSE);
  }
  x = dcn_relaid_value(loader, x, FALSE, "image");
  shape.last = FALSE;
  const int channel_axis = shape.rank == 1 ? 0 : 1;

  if (loader->opset < 13) {
    /* The input is treated as a matrix: dimensions from axis on are normalised together. axis ==
     * rank is allowed there in the same way as for Flatten. */
    if (attribute == shape.rank)
      axis = shape.rank;
    else if (!dcn_loader_axis(loader, attribute, shape.rank, &axis))
      return FALSE;
    DcnShape matrix = {.rank = 2, .dims = {1, 1}};
    for (int d = 0; d < shape.rank; d++)
      matrix.dims[d >= axis] *= shape.dims[d];
    if (axis == channel_axis && matrix.dims[1] == shape.dims[axis])
      return dcn_loader_set_value(loader, 0, add_softmax(loader, x, kind, NULL), FALSE);
    int y = dcn_reshape_value(loader, x, &matrix, "matrix");
    y = add_softmax(loader, y, kind, "softmax");
    return y >= 0 &&
           dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, y, &shape, NULL), FALSE);
  }

  if (!dcn_loader_axis(loader, attribute, shape.rank, &axis))
    return FALSE;
  if (axis == channel_axis)
    return dcn_loader_set_value(loader, 0, add_softmax(loader, x, kind, NULL), FALSE);
  int there[DCN_MAX_RANK], back[DCN_MAX_RANK], n = 0;
  for (int d = 0; d < shape.rank; d++)
    if (d != axis)
      there[n++] = d;
  there[n] = axis;
  DcnShape moved = {.rank = shape.rank}, matrix = {.rank = 2, .dims = {1, shape.dims[axis]}};
  for (int d = 0; d < shape.rank; d++) {
    back[there[d]] = d;
    moved.dims[d] = shape.dims[there[d]];
    if (d != axis)
      matrix.dims[0] *= shape.dims[d];
  }
  int y = dcn_transpose_value(loader, x, there, "last");
  y = y < 0 ? -1 : dcn_reshape_value(loader, y, &matrix, "matrix");
  y = add_softmax(loader, y, kind, "softmax");
  y = y < 0 ? -1 : dcn_reshape_value(loader, y, &moved, "moved");
  return y >= 0 &&
         dcn_loader_set_value(loader, 0, dcn_transpose_value(loader, y, back, NULL), FALSE);
}

int
dcn_loader_add_layer_norm(DcnLoader *loader, int x, float epsilon, const char *role)
{
  if (x < 0 || loader->error)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int output = dcn_loader_add_value(loader, role, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_LAYER_NORM, 1, &x, output);
  if (op)
    op->u.norm.epsilon = epsilon;
  return op ? output : -1;
}

/* ONNX LayerNormalization: over the axes from `axis` on, together; scale and bias are as large as those. */
gboolean
dcn_lower_layer_normalization(DcnLoader *loader)
{
  int x = dcn_loader_any_float_value(loader, 0);
  const float epsilon = dcn_attr_float(loader, "epsilon", 1e-5f);
  int axis;
  if (x < 0 || loader->error)
    return FALSE;
  const DcnShape shape = dcn_loader_shape(loader, x);
  if (!dcn_loader_axis(loader, dcn_attr_int(loader, "axis", -1), shape.rank, &axis))
    return FALSE;
  if (dcn_loader_output_used(loader, 1) || dcn_loader_output_used(loader, 2))
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its outputs Mean and InvStdDev are not supported");
  DcnShape matrix = {.rank = 2, .dims = {1, 1}};
  for (int d = 0; d < shape.rank; d++)
    matrix.dims[d >= axis] *= shape.dims[d];
  const gboolean direct = shape.rank >= 2 && axis == shape.rank - 1;

  const DcnTensor *scale = dcn_loader_need_constant(loader, 1, "its scale");
  const DcnTensor *bias =
      dcn_loader_has_input(loader, 2) ? dcn_loader_need_constant(loader, 2, "its bias") : NULL;
  if (loader->error)
    return FALSE;
  if (scale->count != (size_t)matrix.dims[1] || (bias && bias->count != scale->count))
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its scale and bias are not as large as what is normalised, %d",
                           (int)matrix.dims[1]);
  float *factors = dcn_loader_take_floats(loader, 1, "its scale");
  float *shift = bias ? dcn_loader_take_floats(loader, 2, "its bias") : NULL;

  int y = direct ? dcn_relaid_value(loader, x, TRUE, "last")
                 : dcn_reshape_value(loader, x, &matrix, "matrix");
  y = dcn_loader_add_layer_norm(loader, y, epsilon, "normalised");
  y = dcn_loader_add_affine(loader, y, factors, shift, direct ? NULL : "scaled");
  if (y >= 0 && !direct)
    y = dcn_reshape_value(loader, y, &shape, NULL);
  return y >= 0 && dcn_loader_set_value(loader, 0, y, FALSE);
}
