/* deltacnn: what is known without an input: shapes, constants and arithmetic on them.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include "util/half.h"
#include <math.h>
#include <string.h>

DcnTensor *
dcn_fold_new(DcnLoader *loader, gboolean is_int, int rank, const int64_t *dims)
{
  GError *error = NULL;
  if (loader->error)
    return NULL;
  DcnTensor *tensor = dcn_tensor_new(is_int, rank, dims, &loader->budget, &error);
  if (!tensor)
    dcn_loader_fail_with(loader, error);
  return tensor;
}

static gboolean
is_integer_type(int64_t type)
{
  return (type >= DCN_ONNX_UINT8 && type <= DCN_ONNX_INT64) || type == DCN_ONNX_BOOL ||
         type == DCN_ONNX_UINT32 || type == DCN_ONNX_UINT64;
}

static gboolean
is_float_type(int64_t type)
{
  return type == DCN_ONNX_FLOAT || type == DCN_ONNX_FLOAT16 || type == DCN_ONNX_DOUBLE ||
         type == DCN_ONNX_BFLOAT16;
}

gboolean
dcn_lower_constant(DcnLoader *loader)
{
  const Dcn__Onnx__Attribute *attribute;
  DcnTensor *tensor = NULL;
  GError *error = NULL;
  if ((attribute = dcn_attr_find(loader, "value")) && attribute->t) {
    tensor = dcn_tensor_open(attribute->t, loader->external, &error); /* its reader loads it */
    if (!tensor)
      return dcn_loader_fail_with(loader, error);
  } else if ((attribute = dcn_attr_find(loader, "value_float"))) {
    tensor = dcn_fold_new(loader, FALSE, 0, NULL);
    if (tensor)
      tensor->f[0] = attribute->f;
  } else if ((attribute = dcn_attr_find(loader, "value_int"))) {
    tensor = dcn_fold_new(loader, TRUE, 0, NULL);
    if (tensor)
      tensor->i[0] = attribute->i;
  } else if ((attribute = dcn_attr_find(loader, "value_floats"))) {
    tensor = dcn_fold_new(loader, FALSE, 1, (int64_t[]){(int64_t)attribute->n_floats});
    if (tensor && tensor->count)
      memcpy(tensor->f, attribute->floats, tensor->count * sizeof(float));
  } else if ((attribute = dcn_attr_find(loader, "value_ints"))) {
    tensor = dcn_fold_new(loader, TRUE, 1, (int64_t[]){(int64_t)attribute->n_ints});
    if (tensor && tensor->count)
      memcpy(tensor->i, attribute->ints, tensor->count * sizeof(int64_t));
  } else {
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "it holds no tensor of numbers");
  }
  return dcn_loader_set_tensor(loader, 0, tensor);
}

static gboolean
set_filled(DcnLoader *loader, gboolean is_int, const DcnShape *shape, double value)
{
  DcnTensor *tensor = dcn_fold_new(loader, is_int, shape->rank, shape->dims);
  for (size_t i = 0; tensor && i < tensor->count; i++) {
    if (is_int)
      tensor->i[i] = dcn_float_to_int(value);
    else
      tensor->f[i] = (float)value;
  }
  return dcn_loader_set_tensor(loader, 0, tensor);
}

/* An experimental operator that exports of Caffe2 models carry. */
gboolean
dcn_lower_constant_fill(DcnLoader *loader)
{
  const int64_t type = dcn_attr_int(loader, "dtype", DCN_ONNX_FLOAT);
  const float value = dcn_attr_float(loader, "value", 0);
  int64_t list[2 * DCN_MAX_RANK];
  DcnShape shape = {0};
  int n;
  if (dcn_loader_has_input(loader, 0)) {
    if (dcn_attr_int(loader, "input_as_shape", 0) != 0)
      n = shape.rank = dcn_loader_need_ints(loader, 0, "its shape", shape.dims);
    else
      n = dcn_loader_input_shape(loader, 0, &shape) ? shape.rank : -1;
    const int more = n < 0 ? -1 : dcn_attr_ints(loader, "extra_shape", list);
    for (int i = 0; i < more && shape.rank < DCN_MAX_RANK; i++)
      shape.dims[shape.rank++] = list[i];
  } else {
    n = dcn_attr_ints(loader, "shape", list);
    shape.rank = CLAMP(n, 0, DCN_MAX_RANK);
    memcpy(shape.dims, list, shape.rank * sizeof *list);
  }
  if (n < 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "it has no shape");
  if (!is_float_type(type) && !is_integer_type(type))
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "element type %" G_GINT64_FORMAT " is not supported", type);
  return set_filled(loader, is_integer_type(type), &shape, value);
}

gboolean
dcn_lower_constant_of_shape(DcnLoader *loader)
{
  DcnShape shape = {0};
  double value = 0;
  gboolean is_int = FALSE;
  shape.rank = dcn_loader_need_ints(loader, 0, "its shape", shape.dims);
  const Dcn__Onnx__Attribute *attribute = dcn_attr_find(loader, "value");
  if (attribute && attribute->t && shape.rank >= 0) {
    GError *error = NULL;
    DcnTensor *tensor = dcn_tensor_from_proto(attribute->t, loader->external, &error);
    if (!tensor)
      return dcn_loader_fail_with(loader, error);
    is_int = tensor->is_int;
    if (tensor->count > 0)
      value = dcn_tensor_get(tensor, 0);
    dcn_tensor_unref(tensor);
  }
  return shape.rank >= 0 && set_filled(loader, is_int, &shape, value);
}

/* Shapes are static here, so the shape of a value is a constant too. */
gboolean
dcn_lower_shape(DcnLoader *loader)
{
  DcnShape input;
  if (!dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  int64_t start = dcn_attr_int(loader, "start", 0), end = dcn_attr_int(loader, "end", input.rank);
  start = CLAMP(start < 0 ? start + input.rank : start, 0, input.rank);
  end = CLAMP(end < 0 ? end + input.rank : end, start, input.rank);
  DcnTensor *tensor = dcn_fold_new(loader, TRUE, 1, (int64_t[]){end - start});
  if (tensor && tensor->count)
    memcpy(tensor->i, input.dims + start, tensor->count * sizeof(int64_t));
  return dcn_loader_set_tensor(loader, 0, tensor);
}

gboolean
dcn_lower_size(DcnLoader *loader)
{
  DcnShape input;
  size_t count;
  if (!dcn_loader_input_shape(loader, 0, &input) ||
      !dcn_shape_count(input.rank, input.dims, &count))
    return FALSE;
  DcnTensor *tensor = dcn_fold_new(loader, TRUE, 0, NULL);
  if (tensor)
    tensor->i[0] = (int64_t)count;
  return dcn_loader_set_tensor(loader, 0, tensor);
}

gboolean
dcn_lower_range(DcnLoader *loader)
{
  static const char *const names[] = {"its start", "its limit", "its step"};
  double bound[3];
  gboolean is_int = TRUE;
  for (int i = 0; i < 3; i++) {
    DcnTensor *tensor = dcn_loader_need_constant(loader, i, names[i]);
    if (!tensor)
      return FALSE;
    if (tensor->count != 1)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "%s is not one number", names[i]);
    bound[i] = dcn_tensor_get(tensor, 0);
    is_int = is_int && tensor->is_int;
  }
  const double n = ceil((bound[1] - bound[0]) / bound[2]);
  if (!isfinite(n) || n > (double)DCN_MAX_ELEMENTS)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its range has no end or is too long");
  DcnTensor *tensor = dcn_fold_new(loader, is_int, 1, (int64_t[]){n > 0 ? (int64_t)n : 0});
  for (size_t i = 0; tensor && i < tensor->count; i++) {
    const double value = bound[0] + (double)i * bound[2];
    if (is_int)
      tensor->i[i] = dcn_float_to_int(value);
    else
      tensor->f[i] = (float)value;
  }
  return dcn_loader_set_tensor(loader, 0, tensor);
}

/* Narrow integers wrap like C conversions do in the usual runtimes. */
static int64_t
wrap_integer(int64_t value, int64_t type)
{
  switch (type) {
  case DCN_ONNX_BOOL:
    return value != 0;
  case DCN_ONNX_UINT8:
    return (uint8_t)value;
  case DCN_ONNX_INT8:
    return (int8_t)(uint8_t)value;
  case DCN_ONNX_UINT16:
    return (uint16_t)value;
  case DCN_ONNX_INT16:
    return (int16_t)(uint16_t)value;
  case DCN_ONNX_INT32:
    return (int32_t)(uint32_t)value;
  case DCN_ONNX_UINT32:
    return (uint32_t)value;
  default:
    return value;
  }
}

static gboolean
cast_constant(DcnLoader *loader, DcnTensor *tensor, int64_t to)
{
  const gboolean is_int = is_integer_type(to);
  if ((to == DCN_ONNX_FLOAT || to == DCN_ONNX_DOUBLE) && !tensor->is_int)
    return dcn_loader_set_tensor(loader, 0, dcn_tensor_ref(tensor));
  DcnTensor *result = dcn_fold_new(loader, is_int, tensor->rank, tensor->dims);
  if (result)
    result->type = (int)to;
  for (size_t i = 0; result && i < tensor->count; i++) {
    if (!is_int) {
      const float value = (float)dcn_tensor_get(tensor, i);
      result->f[i] = to == DCN_ONNX_FLOAT16 ? dcn_half_to_float(dcn_float_to_half(value)) : value;
    } else if (tensor->is_int) {
      result->i[i] = wrap_integer(tensor->i[i], to);
    } else if (to == DCN_ONNX_BOOL) {
      result->i[i] = tensor->f[i] != 0;
    } else {
      result->i[i] = wrap_integer(dcn_float_to_int(tensor->f[i]), to);
    }
  }
  return dcn_loader_set_tensor(loader, 0, result);
}

static gboolean
cast(DcnLoader *loader, int64_t to)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  if (!entry || loader->error)
    return FALSE;
  if ((!is_float_type(to) && !is_integer_type(to)) || to == DCN_ONNX_BFLOAT16)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "element type %" G_GINT64_FORMAT " is not supported", to);
  if (entry->tensor)
    return cast_constant(loader, entry->tensor, to);
  /* Values are float32 whatever the model calls them; only rounding to integers would be a
   * computation. */
  if (is_integer_type(to) && !entry->integer)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "computed numbers cannot be cast to integers");
  if (is_integer_type(to) && to != DCN_ONNX_INT32 && to != DCN_ONNX_INT64)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "element type %" G_GINT64_FORMAT " is not supported", to);
  return dcn_loader_set_value(loader, 0, entry->value, is_integer_type(to));
}

/* Until opset 5 the type is a word. */
static int64_t
type_by_name(DcnLoader *loader)
{
  static const char *const names[] = {"",        "FLOAT",  "UINT8",  "INT8",   "UINT16",
                                      "INT16",   "INT32",  "INT64",  "STRING", "BOOL",
                                      "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
  char *word = dcn_attr_string(loader, "to", "");
  int64_t type = 0;
  for (size_t i = 1; i < G_N_ELEMENTS(names); i++)
    if (g_ascii_strcasecmp(word, names[i]) == 0)
      type = (int64_t)i;
  g_free(word);
  return type;
}

gboolean
dcn_lower_cast(DcnLoader *loader)
{
  return cast(loader, loader->opset < 6 ? type_by_name(loader) : dcn_attr_int(loader, "to", 0));
}

gboolean
dcn_lower_cast_like(DcnLoader *loader)
{
  const DcnEntry *like = dcn_loader_input(loader, 1);
  if (!like)
    return FALSE;
  const gboolean integer = like->tensor ? like->tensor->is_int : like->integer;
  return cast(loader, integer ? DCN_ONNX_INT64 : DCN_ONNX_FLOAT);
}

static int64_t
fold_integers(DcnLoader *loader, DcnBinaryKind kind, int64_t a, int64_t b)
{
  int64_t result;
  switch (kind) {
  case DCN_BINARY_ADD:
    __builtin_add_overflow(a, b, &result);
    return result;
  case DCN_BINARY_SUB:
    __builtin_sub_overflow(a, b, &result);
    return result;
  case DCN_BINARY_MUL:
    __builtin_mul_overflow(a, b, &result);
    return result;
  case DCN_BINARY_MIN:
    return MIN(a, b);
  case DCN_BINARY_MAX:
    return MAX(a, b);
  case DCN_BINARY_POW:
    return dcn_float_to_int(pow((double)a, (double)b));
  default:
    if (b == 0) {
      dcn_loader_fail(loader, DCN_ERROR_INVALID, "division by zero");
      return 0;
    }
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
  }
}

static float
fold_floats(DcnBinaryKind kind, float a, float b)
{
  switch (kind) {
  case DCN_BINARY_ADD:
    return a + b;
  case DCN_BINARY_SUB:
    return a - b;
  case DCN_BINARY_MUL:
    return a * b;
  case DCN_BINARY_MIN:
    return a < b || isnan(a) ? a : b;
  case DCN_BINARY_MAX:
    return a > b || isnan(a) ? a : b;
  case DCN_BINARY_POW:
    return powf(a, b);
  default:
    return a / b;
  }
}

DcnTensor *
dcn_fold_binary(DcnLoader *loader, DcnBinaryKind kind, DcnTensor *a, DcnTensor *b)
{
  DcnShape sa = {.rank = a->rank}, sb = {.rank = b->rank}, shape;
  memcpy(sa.dims, a->dims, sizeof sa.dims);
  memcpy(sb.dims, b->dims, sizeof sb.dims);
  if (!dcn_shape_broadcast(&sa, &sb, &shape)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "the shapes of its inputs do not fit together");
    return NULL;
  }
  DcnTensor *ea = dcn_expand_tensor(loader, a, &shape), *eb = dcn_expand_tensor(loader, b, &shape);
  DcnTensor *result =
      ea && eb ? dcn_fold_new(loader, a->is_int && b->is_int, shape.rank, shape.dims) : NULL;
  for (size_t i = 0; result && i < result->count; i++) {
    if (result->is_int) {
      result->i[i] = fold_integers(loader, kind, ea->i[i], eb->i[i]);
      continue;
    }
    const float x = (float)dcn_tensor_get(ea, i), y = (float)dcn_tensor_get(eb, i);
    result->f[i] = fold_floats(kind, x, y);
  }
  dcn_tensor_unref(ea);
  dcn_tensor_unref(eb);
  return result;
}
