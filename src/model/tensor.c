/* deltacnn: constant tensors of a model: life cycle and conversions.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tensor.h"
#include "util/error.h"
#include "util/memory.h"
#include <math.h>
#include <string.h>

gboolean
dcn_shape_count(int rank, const int64_t *dims, size_t *count)
{
  size_t product = 1;
  gboolean empty = FALSE;

  if (rank < 0 || rank > DCN_MAX_RANK)
    return FALSE;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0 || dims[i] > (int64_t)DCN_MAX_ELEMENTS)
      return FALSE;
    if (dims[i] == 0)
      empty = TRUE;
    else if (!dcn_size_mul(product, (size_t)dims[i], &product) || product > DCN_MAX_ELEMENTS)
      return FALSE;
  }
  *count = empty ? 0 : product;
  return TRUE;
}

DcnTensor *
dcn_tensor_new(gboolean is_int, int rank, const int64_t *dims, size_t *budget, GError **error)
{
  size_t count;
  if (!dcn_shape_count(rank, dims, &count) || (budget && count > *budget)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY,
                "a constant has too many elements (at most %" G_GSIZE_FORMAT
                " each, %" G_GSIZE_FORMAT " in all)",
                DCN_MAX_ELEMENTS, DCN_TOTAL_ELEMENTS);
    return NULL;
  }
  void *data = g_try_malloc0_n(MAX(count, 1), is_int ? sizeof(int64_t) : sizeof(float));
  if (!data) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY,
                "no memory for a constant of %" G_GSIZE_FORMAT " elements", count);
    return NULL;
  }
  if (budget)
    *budget -= count;
  DcnTensor *tensor = g_new0(DcnTensor, 1);
  tensor->refs = 1;
  tensor->is_int = is_int;
  tensor->rank = rank;
  if (rank > 0)
    memcpy(tensor->dims, dims, rank * sizeof *dims);
  tensor->count = count;
  if (is_int)
    tensor->i = data;
  else
    tensor->f = data;
  return tensor;
}

DcnTensor *
dcn_tensor_reshape(DcnTensor *tensor, int rank, const int64_t *dims)
{
  DcnTensor *shaped = g_new0(DcnTensor, 1);
  shaped->refs = 1;
  shaped->is_int = tensor->is_int;
  shaped->type = tensor->type;
  shaped->rank = rank;
  if (rank > 0)
    memcpy(shaped->dims, dims, rank * sizeof *dims);
  shaped->count = tensor->count;
  shaped->f = tensor->f;
  shaped->i = tensor->i;
  /* One level only: freeing a chain of shapes must not recurse. */
  shaped->base = dcn_tensor_ref(tensor->base ? tensor->base : tensor);
  return shaped;
}

DcnTensor *
dcn_tensor_ref(DcnTensor *tensor)
{
  tensor->refs++;
  return tensor;
}

void
dcn_tensor_unref(DcnTensor *tensor)
{
  if (!tensor || --tensor->refs > 0)
    return;
  dcn_stored_unref(tensor->stored);
  if (tensor->base) {
    dcn_tensor_unref(tensor->base);
  } else {
    g_free(tensor->f);
    g_free(tensor->i);
  }
  g_free(tensor);
}

gboolean
dcn_tensor_load(DcnTensor *tensor, GError **error)
{
  if (!tensor->stored)
    return TRUE;
  tensor->f = dcn_stored_load(tensor->stored, error);
  if (!tensor->f)
    return FALSE;
  g_clear_pointer(&tensor->stored, dcn_stored_unref);
  return TRUE;
}

int64_t
dcn_float_to_int(double value)
{
  if (isnan(value))
    return 0;
  /* 2^63 is exact as a double; INT64_MAX is not. */
  if (value >= 9223372036854775808.0)
    return INT64_MAX;
  if (value <= -9223372036854775808.0)
    return INT64_MIN;
  return (int64_t)value;
}

DcnTensor *
dcn_tensor_to_float(DcnTensor *tensor, size_t *budget, GError **error)
{
  if (!tensor->is_int)
    return dcn_tensor_ref(tensor);
  DcnTensor *converted = dcn_tensor_new(FALSE, tensor->rank, tensor->dims, budget, error);
  for (size_t i = 0; converted && i < tensor->count; i++)
    converted->f[i] = (float)tensor->i[i];
  return converted;
}
