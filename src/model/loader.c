/* deltacnn: names, constants, values and operators while a model is lowered.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <stdlib.h>
#include <string.h>

gboolean
dcn_loader_fail(DcnLoader *loader, int code, const char *format, ...)
{
  if (loader->error)
    return FALSE;
  va_list args;
  va_start(args, format);
  char *message = g_strdup_vprintf(format, args);
  va_end(args);
  const Dcn__Onnx__Node *node = loader->node;
  if (loader->output_name) {
    loader->error = g_error_new(DCN_ERROR, code, "output \"%s\": %s", loader->output_name, message);
  } else if (node) {
    const char *called = node->name && *node->name ? node->name
                         : node->n_output          ? node->output[0]
                                                   : "";
    char *type = g_utf8_make_valid(node->op_type ? node->op_type : "", -1);
    char *name = g_utf8_make_valid(called, -1);
    loader->error =
        g_error_new(DCN_ERROR, code, "operator %s (node \"%s\"): %s", type, name, message);
    g_free(type);
    g_free(name);
  } else {
    loader->error = g_error_new_literal(DCN_ERROR, code, message);
  }
  g_free(message);
  return FALSE;
}

gboolean
dcn_loader_fail_with(DcnLoader *loader, GError *error)
{
  dcn_loader_fail(loader, error->code, "%s", error->message);
  g_error_free(error);
  return FALSE;
}

gboolean
dcn_loader_has_input(DcnLoader *loader, int i)
{
  return i < (int)loader->node->n_input && *loader->node->input[i] != '\0';
}

GPtrArray *
dcn_loader_list(DcnLoader *loader, int i)
{
  const DcnEntry *entry = dcn_loader_has_input(loader, i)
                              ? g_hash_table_lookup(loader->entries, loader->node->input[i])
                              : NULL;
  return entry ? entry->list : NULL;
}

/* What the decoder has copied of a tensor's elements is not needed again. */
static void
free_elements(Dcn__Onnx__Tensor *proto)
{
  free(proto->raw_data.data); /* the default allocator's, as are the rest */
  free(proto->float_data);
  proto->raw_data.data = NULL;
  proto->raw_data.len = 0;
  proto->float_data = NULL;
  proto->n_float_data = 0;
}

DcnEntry *
dcn_loader_unread_input(DcnLoader *loader, int i)
{
  if (loader->error)
    return NULL;
  if (!dcn_loader_has_input(loader, i)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "input %d is missing", i + 1);
    return NULL;
  }
  DcnEntry *entry = g_hash_table_lookup(loader->entries, loader->node->input[i]);
  if (!entry || (!entry->tensor && !entry->pending && entry->value < 0)) {
    char *name = g_utf8_make_valid(loader->node->input[i], -1);
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                    entry && entry->list
                        ? "\"%s\" is a list of tensors, where a tensor is needed"
                        : "\"%s\" is a result that its operator does not give here",
                    name);
    g_free(name);
    return NULL;
  }
  if (entry->pending && !entry->tensor) {
    GError *error = NULL;
    entry->tensor = dcn_tensor_open(entry->pending, loader->external, &error);
    if (!entry->tensor) {
      dcn_loader_fail_with(loader, error);
      return NULL;
    }
    free_elements(entry->pending);
    entry->pending = NULL;
  }
  return entry;
}

gboolean
dcn_loader_read(DcnLoader *loader, DcnTensor *tensor)
{
  GError *error = NULL;
  if (loader->error)
    return FALSE;
  return dcn_tensor_load(tensor, &error) || dcn_loader_fail_with(loader, error);
}

DcnEntry *
dcn_loader_input(DcnLoader *loader, int i)
{
  DcnEntry *entry = dcn_loader_unread_input(loader, i);
  return entry && entry->tensor && !dcn_loader_read(loader, entry->tensor) ? NULL : entry;
}

DcnTensor *
dcn_loader_constant(DcnLoader *loader, int i)
{
  DcnEntry *entry = dcn_loader_has_input(loader, i) ? dcn_loader_input(loader, i) : NULL;
  return entry ? entry->tensor : NULL;
}

DcnTensor *
dcn_loader_need_constant(DcnLoader *loader, int i, const char *what)
{
  DcnEntry *entry = dcn_loader_input(loader, i);
  if (entry && !entry->tensor)
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                    "%s must be constant, but is computed from the input", what);
  return entry ? entry->tensor : NULL;
}

gboolean
dcn_loader_take_weights(DcnLoader *loader, int i, const char *what, DcnConv *conv)
{
  DcnEntry *entry = dcn_loader_unread_input(loader, i);
  if (entry && entry->tensor && entry->tensor->stored)
    conv->stored = dcn_stored_ref(entry->tensor->stored);
  else
    conv->weights = dcn_loader_take_floats(loader, i, what);
  return conv->stored || conv->weights;
}

float *
dcn_loader_take_floats(DcnLoader *loader, int i, const char *what)
{
  DcnTensor *tensor = dcn_loader_need_constant(loader, i, what);
  if (!tensor)
    return NULL;
  DcnEntry *entry = dcn_loader_input(loader, i);
  DcnTensor *owner = tensor->base ? tensor->base : tensor;
  if (!tensor->is_int && entry->uses == 1 && tensor->refs == 1 && owner->refs == 1) {
    float *taken = owner->f;
    owner->f = NULL;
    tensor->f = NULL;
    return taken;
  }
  float *copy = g_try_malloc_n(MAX(tensor->count, 1), sizeof *copy);
  if (!copy) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for %s", what);
    return NULL;
  }
  for (size_t k = 0; k < tensor->count; k++)
    copy[k] = (float)dcn_tensor_get(tensor, k);
  return copy;
}

int
dcn_loader_need_ints(DcnLoader *loader, int i, const char *what, int64_t *out)
{
  DcnTensor *tensor = dcn_loader_need_constant(loader, i, what);
  if (!tensor)
    return -1;
  if (!tensor->is_int || tensor->rank > 1 || tensor->count > DCN_MAX_RANK) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "%s must be a list of at most %d integers", what,
                    DCN_MAX_RANK);
    return -1;
  }
  if (tensor->count > 0)
    memcpy(out, tensor->i, tensor->count * sizeof *out);
  return (int)tensor->count;
}

int
dcn_loader_any_value(DcnLoader *loader, int i)
{
  DcnEntry *entry = dcn_loader_input(loader, i);
  if (!entry)
    return -1;
  if (entry->tensor)
    return dcn_loader_materialise(loader, entry->tensor, "constant");
  return entry->value;
}

int
dcn_loader_value(DcnLoader *loader, int i)
{
  const int value = dcn_loader_any_value(loader, i);
  return value < 0 ? -1 : dcn_relaid_value(loader, value, FALSE, "image");
}

static gboolean
fail_integer(DcnLoader *loader, int i)
{
  DcnEntry *entry = dcn_loader_input(loader, i);
  if (entry && entry->integer)
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "arithmetic on integers is not supported");
  return !entry || entry->integer;
}

int
dcn_loader_float_value(DcnLoader *loader, int i)
{
  return fail_integer(loader, i) ? -1 : dcn_loader_value(loader, i);
}

int
dcn_loader_any_float_value(DcnLoader *loader, int i)
{
  return fail_integer(loader, i) ? -1 : dcn_loader_any_value(loader, i);
}

gboolean
dcn_loader_input_shape(DcnLoader *loader, int i, DcnShape *shape)
{
  DcnEntry *entry = dcn_loader_unread_input(loader, i);
  if (!entry)
    return FALSE;
  if (entry->tensor) {
    shape->rank = entry->tensor->rank;
    shape->last = FALSE;
    memcpy(shape->dims, entry->tensor->dims, sizeof shape->dims);
  } else {
    *shape = dcn_loader_shape(loader, entry->value);
  }
  return TRUE;
}

static DcnEntry *
output_entry(DcnLoader *loader, int i)
{
  if (i >= (int)loader->node->n_output || *loader->node->output[i] == '\0')
    return NULL;
  return g_hash_table_lookup(loader->entries, loader->node->output[i]);
}

gboolean
dcn_loader_set_value(DcnLoader *loader, int i, int value, gboolean integer)
{
  DcnEntry *entry = output_entry(loader, i);
  if (loader->error || value < 0)
    return FALSE;
  if (entry) {
    entry->value = value;
    entry->integer = integer;
  }
  return TRUE;
}

gboolean
dcn_loader_set_quantized(DcnLoader *loader, int i, int levels, int exact, float scale,
                         int zero_point)
{
  DcnEntry *entry = output_entry(loader, i);
  if (exact < 0 || !dcn_loader_set_value(loader, i, levels, TRUE))
    return FALSE;
  if (entry) {
    entry->quantized = TRUE;
    entry->exact = exact;
    entry->scale = scale;
    entry->zero_point = zero_point;
  }
  return TRUE;
}

gboolean
dcn_loader_set_tensor(DcnLoader *loader, int i, DcnTensor *tensor)
{
  DcnEntry *entry = output_entry(loader, i);
  if (!tensor || loader->error || !entry) {
    dcn_tensor_unref(tensor);
    return !loader->error;
  }
  dcn_tensor_unref(entry->tensor);
  entry->tensor = tensor;
  return TRUE;
}

gboolean
dcn_loader_output_used(DcnLoader *loader, int i)
{
  DcnEntry *entry = output_entry(loader, i);
  return entry && entry->uses > 0;
}

/* Building. */

int
dcn_loader_add_value(DcnLoader *loader, const char *role, const DcnShape *shape)
{
  size_t count;
  int dims[DCN_MAX_RANK];
  if (loader->error)
    return -1;
  if (!dcn_shape_count(shape->rank, shape->dims, &count) || count > loader->budget) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY,
                    "its output has too many elements (at most %" G_GSIZE_FORMAT
                    " each, %" G_GSIZE_FORMAT " in the whole model)",
                    DCN_MAX_ELEMENTS, DCN_TOTAL_ELEMENTS);
    return -1;
  }
  if (count == 0) {
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "its output has no elements");
    return -1;
  }
  loader->budget -= count;
  for (int i = 0; i < shape->rank; i++)
    dims[i] = (int)shape->dims[i];
  DcnValue value = {0};
  dcn_value_set_layout(&value, shape->rank, dims, shape->last);
  const char *base = loader->node && loader->node->n_output ? loader->node->output[0] : "";
  char *valid = g_utf8_make_valid(base, -1);
  value.name = role ? g_strdup_printf("%s/%s", valid, role) : g_strdup(valid);
  g_free(valid);
  g_array_append_val(loader->values, value);
  return (int)loader->values->len - 1;
}

DcnOp *
dcn_loader_add_op(DcnLoader *loader, DcnOpKind kind, int n_inputs, const int *inputs, int output)
{
  if (loader->error || output < 0)
    return NULL;
  DcnOp op = {.kind = kind, .n_inputs = n_inputs, .output = output};
  op.inputs = g_memdup2(inputs, n_inputs * sizeof *inputs);
  const Dcn__Onnx__Node *node = loader->node;
  if (node && node->name && *node->name)
    op.name = g_utf8_make_valid(node->name, -1);
  else
    op.name = g_strdup(dcn_loader_get(loader, output)->name);
  g_array_append_val(loader->ops, op);
  return &g_array_index(loader->ops, DcnOp, loader->ops->len - 1);
}

DcnValue *
dcn_loader_get(DcnLoader *loader, int value)
{
  return &g_array_index(loader->values, DcnValue, value);
}

DcnShape
dcn_loader_shape(DcnLoader *loader, int value)
{
  const DcnValue *v = dcn_loader_get(loader, value);
  DcnShape shape = {.rank = v->rank, .last = v->last};
  for (int i = 0; i < v->rank; i++)
    shape.dims[i] = v->dims[i];
  return shape;
}

/* The program has no constants of its own: a value that depends on no element of the input, and its
 * elements added. */
int
dcn_loader_materialise(DcnLoader *loader, DcnTensor *tensor, const char *role)
{
  DcnShape shape = {.rank = tensor->rank};
  memcpy(shape.dims, tensor->dims, sizeof shape.dims);
  const int zeros = dcn_loader_add_value(loader, "zero", &shape);
  const int output = dcn_loader_add_value(loader, role, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_GATHER, 1, &loader->input, zeros);
  if (!op || output < 0)
    return -1;
  const DcnValue *value = dcn_loader_get(loader, output);
  op->u.gather.index = g_try_malloc_n(tensor->count, sizeof(int32_t));
  float *elements = g_try_malloc_n(tensor->count, sizeof(float));
  if (!op->u.gather.index || !elements) {
    g_free(elements);
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for a constant");
    return -1;
  }
  int strides[DCN_MAX_RANK], position[DCN_MAX_RANK] = {0};
  dcn_value_strides(value, strides);
  for (size_t i = 0; i < tensor->count; i++) {
    size_t to = 0;
    for (int d = 0; d < shape.rank; d++)
      to += (size_t)position[d] * strides[d];
    elements[to] = (float)dcn_tensor_get(tensor, i);
    op->u.gather.index[i] = -1;
    for (int d = shape.rank - 1; d >= 0 && ++position[d] == shape.dims[d]; d--)
      position[d] = 0;
  }
  const DcnBinary binary = {.kind = DCN_BINARY_ADD,
                            .constant = elements,
                            .bn = value->n,
                            .bh = value->h,
                            .bw = value->w,
                            .bc = value->c};
  op = dcn_loader_add_op(loader, DCN_OP_BINARY, 1, &zeros, output);
  if (!op) {
    g_free(elements);
    return -1;
  }
  op->u.binary = binary;
  return output;
}

gboolean
dcn_shape_broadcast(const DcnShape *a, const DcnShape *b, DcnShape *out)
{
  out->rank = MAX(a->rank, b->rank);
  out->last = (a->last && a->rank >= 3) || (b->last && b->rank >= 3);
  for (int i = 1; i <= out->rank; i++) {
    const int64_t x = i <= a->rank ? a->dims[a->rank - i] : 1;
    const int64_t y = i <= b->rank ? b->dims[b->rank - i] : 1;
    if (x != y && x != 1 && y != 1)
      return FALSE;
    out->dims[out->rank - i] = x == 1 ? y : x;
  }
  return TRUE;
}

gboolean
dcn_loader_axis(DcnLoader *loader, int64_t axis, int rank, int *out)
{
  if (loader->error)
    return FALSE;
  if (axis < -rank || axis >= rank)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "axis %" G_GINT64_FORMAT " is outside of rank %d", axis, rank);
  *out = (int)(axis < 0 ? axis + rank : axis);
  return TRUE;
}
