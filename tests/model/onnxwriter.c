/* deltacnn tests: writes small ONNX models.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnxwriter.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Everything is malloc'ed, so that the library's own function frees the model. */
#define APPEND(array, count, item)                                                                 \
  do {                                                                                             \
    (array) = realloc((array), ((count) + 1) * sizeof *(array));                                   \
    (array)[(count)++] = (item);                                                                   \
  } while (0)

OnnxWriter *
onnx_writer_new(int opset)
{
  OnnxWriter *writer = g_new0(OnnxWriter, 1);
  writer->rand = g_rand_new_with_seed(20240607);
  writer->model = malloc(sizeof *writer->model);
  dcn__onnx__model__init(writer->model);
  writer->model->graph = malloc(sizeof *writer->model->graph);
  dcn__onnx__graph__init(writer->model->graph);
  writer->model->has_ir_version = TRUE;
  writer->model->ir_version = 7;
  writer->model->graph->name = strdup("test");
  Dcn__Onnx__OperatorSetId *set = malloc(sizeof *set);
  dcn__onnx__operator_set_id__init(set);
  set->domain = strdup("");
  set->has_version = TRUE;
  set->version = opset;
  APPEND(writer->model->opset_import, writer->model->n_opset_import, set);
  return writer;
}

GBytes *
onnx_writer_finish(OnnxWriter *writer)
{
  const size_t size = dcn__onnx__model__get_packed_size(writer->model);
  uint8_t *bytes = g_malloc(size);
  dcn__onnx__model__pack(writer->model, bytes);
  dcn__onnx__model__free_unpacked(writer->model, NULL);
  g_rand_free(writer->rand);
  g_free(writer);
  return g_bytes_new_take(bytes, size);
}

static Dcn__Onnx__ValueInfo *
new_info(const char *name)
{
  Dcn__Onnx__ValueInfo *info = malloc(sizeof *info);
  dcn__onnx__value_info__init(info);
  info->name = strdup(name);
  return info;
}

void
onnx_writer_input(OnnxWriter *writer, const char *name, int type, int rank, const int64_t *dims)
{
  Dcn__Onnx__ValueInfo *info = new_info(name);
  info->type = malloc(sizeof *info->type);
  dcn__onnx__type__init(info->type);
  Dcn__Onnx__TensorType *tensor = info->type->tensor_type = malloc(sizeof *tensor);
  dcn__onnx__tensor_type__init(tensor);
  tensor->has_elem_type = TRUE;
  tensor->elem_type = type;
  tensor->shape = malloc(sizeof *tensor->shape);
  dcn__onnx__tensor_shape__init(tensor->shape);
  for (int d = 0; d < rank; d++) {
    Dcn__Onnx__Dimension *dim = malloc(sizeof *dim);
    dcn__onnx__dimension__init(dim);
    if (dims[d] == 0) {
      dim->dim_param = strdup("free");
    } else {
      dim->has_dim_value = TRUE;
      dim->dim_value = dims[d];
    }
    APPEND(tensor->shape->dim, tensor->shape->n_dim, dim);
  }
  APPEND(writer->model->graph->input, writer->model->graph->n_input, info);
}

void
onnx_writer_output(OnnxWriter *writer, const char *name)
{
  Dcn__Onnx__ValueInfo *info = new_info(name);
  APPEND(writer->model->graph->output, writer->model->graph->n_output, info);
}

static Dcn__Onnx__Tensor *
new_tensor(OnnxWriter *writer, const char *name, int type, int rank, const int64_t *dims)
{
  Dcn__Onnx__Tensor *tensor = malloc(sizeof *tensor);
  dcn__onnx__tensor__init(tensor);
  tensor->name = strdup(name);
  tensor->has_data_type = TRUE;
  tensor->data_type = type;
  for (int d = 0; d < rank; d++)
    APPEND(tensor->dims, tensor->n_dims, dims[d]);
  APPEND(writer->model->graph->initializer, writer->model->graph->n_initializer, tensor);
  return tensor;
}

Dcn__Onnx__Tensor *
onnx_writer_floats(OnnxWriter *writer, const char *name, int rank, const int64_t *dims,
                   const float *data, float scale)
{
  Dcn__Onnx__Tensor *tensor = new_tensor(writer, name, 1, rank, dims);
  size_t count = 1;
  for (int d = 0; d < rank; d++)
    count *= (size_t)dims[d];
  tensor->has_raw_data = TRUE;
  tensor->raw_data.len = count * sizeof(float);
  tensor->raw_data.data = malloc(MAX(tensor->raw_data.len, 1));
  for (size_t i = 0; i < count; i++) {
    const float value = data ? data[i] : (float)g_rand_double_range(writer->rand, -scale, scale);
    memcpy(tensor->raw_data.data + i * sizeof value, &value, sizeof value);
  }
  return tensor;
}

void
onnx_writer_ints(OnnxWriter *writer, const char *name, int n, const int64_t *data)
{
  Dcn__Onnx__Tensor *tensor = new_tensor(writer, name, 7, 1, (int64_t[]){n});
  for (int i = 0; i < n; i++)
    APPEND(tensor->int64_data, tensor->n_int64_data, data[i]);
}

void
onnx_writer_levels(OnnxWriter *writer, const char *name, int type, int rank, const int64_t *dims,
                   const int *data)
{
  Dcn__Onnx__Tensor *tensor = new_tensor(writer, name, type, rank, dims);
  int64_t count = 1;
  for (int d = 0; d < rank; d++)
    count *= dims[d];
  for (int64_t i = 0; i < count; i++)
    APPEND(tensor->int32_data, tensor->n_int32_data, data[i]);
}

Dcn__Onnx__Node *
onnx_writer_node(OnnxWriter *writer, const char *op_type, const char *inputs, const char *output)
{
  Dcn__Onnx__Node *node = malloc(sizeof *node);
  dcn__onnx__node__init(node);
  node->op_type = strdup(op_type);
  node->name = g_strdup_printf("node_%s", output);
  char **names = g_strsplit(inputs, " ", -1);
  for (int i = 0; names[i]; i++)
    if (*names[i])
      APPEND(node->input, node->n_input, strdup(strcmp(names[i], "-") == 0 ? "" : names[i]));
  g_strfreev(names);
  APPEND(node->output, node->n_output, strdup(output));
  APPEND(writer->model->graph->node, writer->model->graph->n_node, node);
  return node;
}

void
onnx_node_output(Dcn__Onnx__Node *node, const char *output)
{
  APPEND(node->output, node->n_output, strdup(output));
}

Dcn__Onnx__Function *
onnx_writer_function(OnnxWriter *writer, const char *domain, const char *name, const char *inputs,
                     const char *outputs, size_t first)
{
  Dcn__Onnx__Graph *graph = writer->model->graph;
  Dcn__Onnx__Function *function = malloc(sizeof *function);
  dcn__onnx__function__init(function);
  function->domain = strdup(domain);
  function->name = strdup(name);
  char **names = g_strsplit(inputs, " ", -1);
  for (int i = 0; names[i]; i++)
    if (*names[i])
      APPEND(function->input, function->n_input, strdup(names[i]));
  g_strfreev(names);
  names = g_strsplit(outputs, " ", -1);
  for (int i = 0; names[i]; i++)
    APPEND(function->output, function->n_output, strdup(names[i]));
  g_strfreev(names);
  for (size_t i = first; i < graph->n_node; i++)
    APPEND(function->node, function->n_node, graph->node[i]);
  graph->n_node = first;
  APPEND(writer->model->functions, writer->model->n_functions, function);
  return function;
}

void
onnx_node_refers(Dcn__Onnx__Node *node, const char *attribute_of_call)
{
  node->attribute[node->n_attribute - 1]->ref_attr_name = strdup(attribute_of_call);
}

static Dcn__Onnx__Attribute *
new_attribute(Dcn__Onnx__Node *node, const char *name, int type)
{
  Dcn__Onnx__Attribute *attribute = malloc(sizeof *attribute);
  dcn__onnx__attribute__init(attribute);
  attribute->name = strdup(name);
  attribute->has_type = TRUE;
  attribute->type = type;
  APPEND(node->attribute, node->n_attribute, attribute);
  return attribute;
}

void
onnx_node_int(Dcn__Onnx__Node *node, const char *name, int64_t value)
{
  Dcn__Onnx__Attribute *attribute = new_attribute(node, name, 2);
  attribute->has_i = TRUE;
  attribute->i = value;
}

void
onnx_node_float(Dcn__Onnx__Node *node, const char *name, float value)
{
  Dcn__Onnx__Attribute *attribute = new_attribute(node, name, 1);
  attribute->has_f = TRUE;
  attribute->f = value;
}

void
onnx_node_string(Dcn__Onnx__Node *node, const char *name, const char *value)
{
  Dcn__Onnx__Attribute *attribute = new_attribute(node, name, 3);
  attribute->has_s = TRUE;
  attribute->s.len = strlen(value);
  attribute->s.data = (uint8_t *)strdup(value);
}

void
onnx_node_ints(Dcn__Onnx__Node *node, const char *name, int n, ...)
{
  Dcn__Onnx__Attribute *attribute = new_attribute(node, name, 7);
  va_list args;
  va_start(args, n);
  for (int i = 0; i < n; i++)
    APPEND(attribute->ints, attribute->n_ints, (int64_t)va_arg(args, int));
  va_end(args);
}

const char *
onnx_name(OnnxWriter *writer, const char *base)
{
  char name[64];
  g_snprintf(name, sizeof name, "%s%d", base, writer->n_names++);
  return g_intern_string(name);
}

const char *
onnx_conv(OnnxWriter *writer, const char *x, int in, int out, int kernel, int stride, int pad,
          int groups, gboolean bias)
{
  const char *y = onnx_name(writer, "conv"), *w = onnx_name(writer, "w"),
             *b = onnx_name(writer, "b");
  const float scale = sqrtf(3.0f / (kernel * kernel * in / groups));
  onnx_writer_floats(writer, w, 4, (int64_t[]){out, in / groups, kernel, kernel}, NULL, scale);
  if (bias)
    onnx_writer_floats(writer, b, 1, (int64_t[]){out}, NULL, 0.5f);
  char *inputs = g_strdup_printf("%s %s %s", x, w, bias ? b : "");
  Dcn__Onnx__Node *node = onnx_writer_node(writer, "Conv", inputs, y);
  onnx_node_ints(node, "kernel_shape", 2, kernel, kernel);
  onnx_node_ints(node, "strides", 2, stride, stride);
  onnx_node_ints(node, "pads", 4, pad, pad, pad, pad);
  onnx_node_int(node, "group", groups);
  g_free(inputs);
  return y;
}

const char *
onnx_batch_norm(OnnxWriter *writer, const char *x, int channels)
{
  const char *y = onnx_name(writer, "bn"), *part[4];
  for (int i = 0; i < 4; i++) {
    Dcn__Onnx__Tensor *tensor = onnx_writer_floats(writer, part[i] = onnx_name(writer, "p"), 1,
                                                   (int64_t[]){channels}, NULL, 0.4f);
    /* Scale and variance around 1. */
    for (int c = 0; c < channels && (i == 0 || i == 3); c++) {
      float value;
      memcpy(&value, tensor->raw_data.data + c * sizeof value, sizeof value);
      value += 1;
      memcpy(tensor->raw_data.data + c * sizeof value, &value, sizeof value);
    }
  }
  char *inputs = g_strdup_printf("%s %s %s %s %s", x, part[0], part[1], part[2], part[3]);
  onnx_node_float(onnx_writer_node(writer, "BatchNormalization", inputs, y), "epsilon", 1e-3f);
  g_free(inputs);
  return y;
}

const char *
onnx_unary(OnnxWriter *writer, const char *op_type, const char *x)
{
  const char *y = onnx_name(writer, "u");
  onnx_writer_node(writer, op_type, x, y);
  return y;
}

const char *
onnx_binary(OnnxWriter *writer, const char *op_type, const char *a, const char *b)
{
  const char *y = onnx_name(writer, "b");
  char *inputs = g_strdup_printf("%s %s", a, b);
  onnx_writer_node(writer, op_type, inputs, y);
  g_free(inputs);
  return y;
}

const char *
onnx_pool(OnnxWriter *writer, const char *op_type, const char *x, int kernel, int stride, int pad,
          gboolean ceil_mode)
{
  const char *y = onnx_name(writer, "pool");
  Dcn__Onnx__Node *node = onnx_writer_node(writer, op_type, x, y);
  onnx_node_ints(node, "kernel_shape", 2, kernel, kernel);
  onnx_node_ints(node, "strides", 2, stride, stride);
  onnx_node_ints(node, "pads", 4, pad, pad, pad, pad);
  if (ceil_mode)
    onnx_node_int(node, "ceil_mode", 1);
  return y;
}

const char *
onnx_gemm(OnnxWriter *writer, const char *x, int in, int out)
{
  const char *y = onnx_name(writer, "fc"), *w = onnx_name(writer, "w"), *b = onnx_name(writer, "b");
  onnx_writer_floats(writer, w, 2, (int64_t[]){out, in}, NULL, sqrtf(3.0f / in));
  onnx_writer_floats(writer, b, 1, (int64_t[]){out}, NULL, 0.5f);
  char *inputs = g_strdup_printf("%s %s %s", x, w, b);
  onnx_node_int(onnx_writer_node(writer, "Gemm", inputs, y), "transB", 1);
  g_free(inputs);
  return y;
}

const char *
onnx_reshape(OnnxWriter *writer, const char *x, int rank, const int64_t *dims)
{
  const char *shape = onnx_name(writer, "shape");
  onnx_writer_ints(writer, shape, rank, dims);
  return onnx_binary(writer, "Reshape", x, shape);
}
