/* deltacnn: lowers operators that give the same elements another shape, or nothing at all.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

gboolean
dcn_lower_identity(DcnLoader *loader)
{
  if (dcn_loader_list(loader, 0))
    return dcn_lower_sequence_identity(loader);
  DcnEntry *entry = dcn_loader_input(loader, 0);
  if (!entry)
    return FALSE;
  if (entry->tensor)
    return dcn_loader_set_tensor(loader, 0, dcn_tensor_ref(entry->tensor));
  return dcn_loader_set_value(loader, 0, entry->value, entry->integer);
}

/* Whether training drops anything: PyTorch writes training mode with a ratio of 0 where a function was called so. */
static gboolean
read_ratio(DcnLoader *loader, gboolean *drops)
{
  *drops = TRUE;
  if (!dcn_loader_has_input(loader, 1))
    return TRUE;
  DcnTensor *ratio = dcn_loader_need_constant(loader, 1, "its ratio");
  if (!ratio)
    return FALSE;
  *drops = ratio->count == 0 || dcn_tensor_get(ratio, 0) != 0;
  return TRUE;
}

/* Inference: nothing is dropped, so the mask is all ones. */
gboolean
dcn_lower_dropout(DcnLoader *loader)
{
  if (dcn_loader_has_input(loader, 2)) {
    gboolean drops;
    DcnTensor *training = dcn_loader_need_constant(loader, 2, "training_mode");
    if (!training || !read_ratio(loader, &drops))
      return FALSE;
    if (drops && training->count > 0 && dcn_tensor_get(training, 0) != 0)
      return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                             "training mode is not supported; export the model for inference");
  }
  if (dcn_loader_output_used(loader, 1)) {
    DcnShape shape;
    GError *error = NULL;
    if (!dcn_loader_input_shape(loader, 0, &shape))
      return FALSE;
    DcnTensor *mask = dcn_tensor_new(TRUE, shape.rank, shape.dims, &loader->budget, &error);
    if (!mask)
      return dcn_loader_fail_with(loader, error);
    for (size_t i = 0; i < mask->count; i++)
      mask->i[i] = 1;
    dcn_loader_set_tensor(loader, 1, mask);
  }
  return dcn_lower_identity(loader);
}

gboolean
dcn_lower_reshape(DcnLoader *loader)
{
  int64_t wanted[2 * DCN_MAX_RANK];
  DcnShape input, shape = {0};
  const int n = loader->opset < 5 && dcn_attr_has(loader, "shape")
                    ? dcn_attr_ints(loader, "shape", wanted)
                    : dcn_loader_need_ints(loader, 1, "its shape", wanted);
  const gboolean allow_zero = dcn_attr_int(loader, "allowzero", 0) != 0;
  if (n < 0 || n > DCN_MAX_RANK || !dcn_loader_input_shape(loader, 0, &input))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its shape has too many dimensions");
  size_t total, known = 1;
  int open = -1;
  shape.rank = n;
  for (int d = 0; d < n; d++) {
    if (wanted[d] == 0 && !allow_zero) {
      if (d >= input.rank)
        return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                               "its shape copies dimension %d, which its input does not have", d);
      wanted[d] = input.dims[d];
    }
    /* A batch that is written into the shape, of a model that is run with one picture. */
    if (d == 0 && loader->file_batch > 1 && wanted[d] == loader->file_batch && input.rank > 0 &&
        input.dims[0] == 1)
      wanted[d] = 1;
    if (wanted[d] == -1) {
      if (open >= 0)
        return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its shape leaves two dimensions open");
      open = d;
      shape.dims[d] = 1;
    } else {
      shape.dims[d] = wanted[d];
    }
  }
  if (!dcn_shape_count(n, shape.dims, &known) || !dcn_shape_count(input.rank, input.dims, &total))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its shape is negative or too large");
  if (open >= 0) {
    if (known == 0 || total % known != 0)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "its shape does not have as many elements as its input");
    shape.dims[open] = (int64_t)(total / known);
  }
  return dcn_reshape_apply(loader, &shape);
}

gboolean
dcn_lower_flatten(DcnLoader *loader)
{
  DcnShape input, shape = {.rank = 2, .dims = {1, 1}};
  const int64_t attribute = dcn_attr_int(loader, "axis", 1);
  int axis;
  if (!dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  if (attribute == input.rank)
    axis = input.rank;
  else if (!dcn_loader_axis(loader, attribute, input.rank, &axis))
    return FALSE;
  for (int d = 0; d < input.rank; d++)
    shape.dims[d >= axis] *= input.dims[d];
  return dcn_reshape_apply(loader, &shape);
}

/* Axes of Squeeze and Unsqueeze: an attribute, or an input from opset 13 on.  -1: not given. */
static int
read_axes(DcnLoader *loader, int64_t *axes)
{
  int n = dcn_attr_ints(loader, "axes", axes);
  if (n < 0 && dcn_loader_has_input(loader, 1))
    n = dcn_loader_need_ints(loader, 1, "its list of axes", axes);
  return n;
}

gboolean
dcn_lower_squeeze(DcnLoader *loader)
{
  DcnShape input, shape = {0};
  int64_t axes[2 * DCN_MAX_RANK];
  gboolean gone[DCN_MAX_RANK] = {FALSE};
  const int n = read_axes(loader, axes);
  if (!dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!dcn_loader_axis(loader, axes[i], input.rank, &axis))
      return FALSE;
    if (input.dims[axis] != 1)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "dimension %d has %" G_GINT64_FORMAT
                             " elements and cannot be squeezed",
                             axis, input.dims[axis]);
    gone[axis] = TRUE;
  }
  for (int d = 0; d < input.rank; d++)
    if (n < 0 ? input.dims[d] != 1 : !gone[d])
      shape.dims[shape.rank++] = input.dims[d];
  return dcn_reshape_apply(loader, &shape);
}

gboolean
dcn_lower_unsqueeze(DcnLoader *loader)
{
  DcnShape input, shape = {0};
  int64_t axes[2 * DCN_MAX_RANK];
  gboolean added[DCN_MAX_RANK] = {FALSE};
  const int n = read_axes(loader, axes);
  if (!dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  if (n < 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its list of axes is missing");
  shape.rank = input.rank + n;
  if (shape.rank > DCN_MAX_RANK)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its output has rank %d, at most %d is supported", shape.rank,
                           DCN_MAX_RANK);
  for (int i = 0; i < n; i++) {
    int axis;
    if (!dcn_loader_axis(loader, axes[i], shape.rank, &axis))
      return FALSE;
    if (added[axis])
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "axis %d is given twice", axis);
    added[axis] = TRUE;
  }
  for (int d = 0, from = 0; d < shape.rank; d++)
    shape.dims[d] = added[d] ? 1 : input.dims[from++];
  return dcn_reshape_apply(loader, &shape);
}
