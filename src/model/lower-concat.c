/* deltacnn: lowers concatenation.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

static gboolean
concat_constants(DcnLoader *loader, int axis, const DcnShape *shape)
{
  GError *error = NULL;
  const int n = (int)loader->node->n_input;
  gboolean is_int = TRUE;
  for (int i = 0; i < n; i++)
    is_int = is_int && dcn_loader_constant(loader, i)->is_int;
  DcnTensor *result = dcn_tensor_new(is_int, shape->rank, shape->dims, &loader->budget, &error);
  if (!result)
    return dcn_loader_fail_with(loader, error);
  /* Rows of everything from the axis on follow each other. */
  size_t inner = 1, at = 0;
  for (int d = axis; d < shape->rank; d++)
    inner *= (size_t)shape->dims[d];
  for (int i = 0; i < n; i++) {
    const DcnTensor *part = dcn_loader_constant(loader, i);
    size_t row = 1;
    for (int d = axis; d < shape->rank; d++)
      row *= (size_t)part->dims[d];
    for (size_t k = 0; k < part->count; k++) {
      const size_t to = k / row * inner + at + k % row;
      if (is_int)
        result->i[to] = part->i[k];
      else
        result->f[to] = (float)dcn_tensor_get(part, k);
    }
    at += row;
  }
  return dcn_loader_set_tensor(loader, 0, result);
}

static gboolean
concat_values(DcnLoader *loader, int axis, const DcnShape *shape, gboolean integer)
{
  const int n = (int)loader->node->n_input;
  const int rank = shape->rank;
  int *inputs = g_new(int, n), n_used = 0, perm[DCN_MAX_RANK], back[DCN_MAX_RANK], output = -1;
  DcnOrigin *origins = g_new0(DcnOrigin, n);
  DcnShape result = *shape;
  int64_t at = 0;

  /* In rank 5 and more a row of pixels merges dimensions 3 and up; joining along an inner one of
   * them is not a rectangle, so that the axis trades places with the first dimension. */
  const gboolean last = shape->last && rank >= 3;
  const gboolean awkward = rank >= 5 && (last ? axis >= 3 && axis < rank - 1 : axis >= 4);
  for (int d = 0; d < rank; d++)
    perm[d] = d;
  if (awkward) {
    perm[0] = axis;
    perm[axis] = 0;
    result.dims[0] = shape->dims[axis];
    result.dims[axis] = shape->dims[0];
  }
  memcpy(back, perm, sizeof back); /* a swap is its own inverse */
  const int at_axis = awkward ? 0 : axis;
  int64_t pixels = 1; /* per step of the axis, where that is in a row */
  for (int d = last ? 3 : 4; d < (last ? rank - 1 : rank); d++)
    pixels *= result.dims[d];

  for (int i = 0; i < n && !loader->error; i++) {
    DcnShape part;
    if (!dcn_loader_input_shape(loader, i, &part))
      break;
    if (part.dims[axis] == 0)
      continue;
    int value = dcn_loader_any_value(loader, i);
    if (value >= 0)
      value = dcn_relaid_value(loader, value, last, "relaid");
    if (value >= 0 && awkward)
      value = dcn_transpose_value(loader, value, perm, "swapped");
    if (value < 0)
      break;
    inputs[n_used] = value;
    DcnOrigin *origin = &origins[n_used++];
    const int start = (int)at;
    if (rank == 1)
      origin->c = start;
    else if (rank == 2)
      *(at_axis == 0 ? &origin->x : &origin->c) = start;
    else if (last)
      *(at_axis == rank - 1        ? &origin->c
        : at_axis == 0             ? &origin->n
        : at_axis == 1 && rank > 3 ? &origin->y
                                   : &origin->x) = (int)(start * (at_axis == 2 ? pixels : 1));
    else if (rank == 3)
      *(at_axis == 0 ? &origin->n : at_axis == 1 ? &origin->c : &origin->x) = start;
    else if (at_axis == 3)
      origin->x = (int)(start * pixels);
    else
      *(at_axis == 0 ? &origin->n : at_axis == 1 ? &origin->c : &origin->y) = start;
    at += part.dims[axis];
  }
  if (!loader->error) {
    output = dcn_loader_add_value(loader, awkward ? "joined" : NULL, &result);
    DcnOp *op = dcn_loader_add_op(loader, DCN_OP_CONCAT, n_used, inputs, output);
    if (op)
      op->u.concat.origins = g_steal_pointer(&origins);
    if (op && awkward)
      output = dcn_transpose_value(loader, output, back, NULL);
  }
  g_free(inputs);
  g_free(origins);
  return dcn_loader_set_value(loader, 0, output, integer);
}

gboolean
dcn_lower_concat(DcnLoader *loader)
{
  const int n = (int)loader->node->n_input;
  const int64_t attribute = dcn_attr_int(loader, "axis", loader->opset < 4 ? 1 : 0);
  DcnShape shape, part;
  int axis;
  gboolean constant = TRUE, integer = FALSE, last = FALSE;
  if (!dcn_loader_input_shape(loader, 0, &shape) ||
      !dcn_loader_axis(loader, attribute, shape.rank, &axis))
    return FALSE;
  for (int i = 0; i < n; i++) {
    DcnEntry *entry = dcn_loader_input(loader, i);
    if (!entry || !dcn_loader_input_shape(loader, i, &part))
      return FALSE;
    constant = constant && entry->tensor;
    last = last || part.last;
    integer = integer || entry->integer;
    if (part.rank != shape.rank)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its inputs have different ranks");
    for (int d = 0; d < shape.rank; d++)
      if (d != axis && part.dims[d] != shape.dims[d])
        return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its inputs differ in dimension %d", d);
    if (i > 0)
      shape.dims[axis] += part.dims[axis];
    if (shape.dims[axis] > (int64_t)DCN_MAX_ELEMENTS)
      return dcn_loader_fail(loader, DCN_ERROR_MEMORY, "its output is too large");
  }
  shape.last = last;
  return constant ? concat_constants(loader, axis, &shape)
                  : concat_values(loader, axis, &shape, integer);
}
