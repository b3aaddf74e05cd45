/* deltacnn: operators that compute with quantised numbers (QLinearConv and its like, onnxruntime's QOperator format)
 * become QDQ form. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All are defined as: inputs made floats, the operator, the result rounded to levels; the sums that onnxruntime does in
 * whole numbers are exact there, and in floats to some 1e-6.  So a sum that falls on the edge between two levels may
 * come out as its neighbour, as between any two machines that run QDQ form. */
#include "model/expand.h"
#include <stdlib.h>
#include <string.h>

typedef enum {
  UNARY,  /* x, scale, zero, output's scale, zero */
  BINARY, /* a and b, each with scale and zero, then the output's */
  CONV,   /* like BINARY, and a bias of whole numbers last */
  GEMM, /* a and b, then the bias, then the output's, which may be absent: then the result is of floats */
  CONCAT /* the output's scale and zero, then x, scale, zero of each input */
} Form;

static const struct {
  const char *op_type, *plain;
  Form form;
  int axis;         /* of b, for scales per channel */
  const char *keep; /* attributes that the plain operator takes as well */
} table[] = {
    {"QLinearConv", "Conv", CONV, 0, "auto_pad dilations group kernel_shape pads strides"},
    {"QLinearMatMul", "MatMul", BINARY, -1, ""},
    {"QGemm", "Gemm", GEMM, 1, "transA transB"},
    {"QLinearAdd", "Add", BINARY, 1, ""},
    {"QLinearMul", "Mul", BINARY, 1, ""},
    {"QLinearAveragePool", "AveragePool", UNARY, 1,
     "auto_pad ceil_mode count_include_pad kernel_shape pads strides"},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", UNARY, 1, ""},
    {"QLinearReduceMean", "ReduceMean", UNARY, 1, "axes keepdims"},
    {"QLinearLeakyRelu", "LeakyRelu", UNARY, 1, "alpha"},
    {"QLinearSigmoid", "Sigmoid", UNARY, 1, ""},
    {"QLinearSoftmax", "Softmax", UNARY, 1, "axis"},
    {"QLinearConcat", "Concat", CONCAT, 1, "axis"},
};

static const char *
input(const Dcn__Onnx__Node *call, size_t i)
{
  return i < call->n_input ? call->input[i] : "";
}

/* A node without attributes; inputs: names of the graph, the last one not NULL but the end of the list. */
static Dcn__Onnx__Node *
add_node(DcnExpansion *expansion, const char *op_type, int n, const char *const *inputs,
         const char *output)
{
  const Dcn__Onnx__Node *call = expansion->loader->node;
  Dcn__Onnx__Node node = DCN__ONNX__NODE__INIT;
  char *outputs[1] = {(char *)output};
  node.n_input = (size_t)n;
  node.input = (char **)inputs;
  node.n_output = 1;
  node.output = outputs;
  node.op_type = (char *)op_type;
  node.name = call->name;
  return dcn_expansion_copy(expansion, &node);
}

static gboolean
add_int(Dcn__Onnx__Node *node, const char *name, int64_t value)
{
  Dcn__Onnx__Attribute attribute = DCN__ONNX__ATTRIBUTE__INIT;
  attribute.name = (char *)name;
  attribute.has_type = attribute.has_i = TRUE;
  attribute.type = 2;
  attribute.i = value;
  uint8_t packed[64];
  if (dcn__onnx__attribute__get_packed_size(&attribute) > sizeof packed)
    return FALSE;
  Dcn__Onnx__Attribute *copy =
      dcn__onnx__attribute__unpack(NULL, dcn__onnx__attribute__pack(&attribute, packed), packed);
  Dcn__Onnx__Attribute **list =
      realloc(node->attribute, (node->n_attribute + 1) * sizeof *node->attribute);
  if (list)
    node->attribute = list;
  if (!copy || !list) {
    if (copy)
      dcn__onnx__attribute__free_unpacked(copy, NULL);
    return FALSE;
  }
  list[node->n_attribute++] = copy;
  return TRUE;
}

/* Input i of the call, with scale and zero point after it, as floats: its new name, to be free()d. */
static char *
dequantize(DcnExpansion *expansion, const Dcn__Onnx__Node *call, size_t i, int axis)
{
  char inner[32];
  g_snprintf(inner, sizeof inner, "input%d", (int)i);
  char *name = dcn_expansion_name(expansion, inner);
  const char *const inputs[] = {input(call, i), input(call, i + 1), input(call, i + 2)};
  Dcn__Onnx__Node *node = add_node(expansion, "DequantizeLinear", 3, inputs, name);
  if (node)
    add_int(node, "axis", axis);
  return name;
}

/* Whole numbers, in units of the product of both factors' scales. */
static char *
dequantize_bias(DcnExpansion *expansion, const Dcn__Onnx__Node *call, size_t i)
{
  char *scale = dcn_expansion_name(expansion, "bias_scale");
  char *levels = dcn_expansion_name(expansion, "bias_levels");
  char *name = dcn_expansion_name(expansion, "bias");
  const char *const scales[] = {input(call, 1), input(call, 4)};
  const char *const given[] = {input(call, i)};
  const char *const product[] = {levels, scale};
  add_node(expansion, "Mul", 2, scales, scale);
  Dcn__Onnx__Node *cast = add_node(expansion, "Cast", 1, given, levels);
  if (cast)
    add_int(cast, "to", DCN_ONNX_FLOAT);
  add_node(expansion, "Mul", 2, product, name);
  free(scale);
  free(levels);
  return name;
}

static gboolean
listed(const char *words, const char *word)
{
  char **list = g_strsplit(words, " ", -1);
  const gboolean found = word && *word && g_strv_contains((const char *const *)list, word);
  g_strfreev(list);
  return found;
}

/* Moves a copy of the call's attributes that the plain operator has too.  FALSE for the call of one that means
 * something else with them. */
static gboolean
is_plain(const Dcn__Onnx__Node *call)
{
  for (size_t i = 0; i < call->n_attribute; i++) {
    const Dcn__Onnx__Attribute *attribute = call->attribute[i];
    const char *name = attribute->name ? attribute->name : "";
    if ((strcmp(name, "channels_last") == 0 && attribute->i != 0) ||
        (strcmp(call->op_type, "QGemm") == 0 && strcmp(name, "alpha") == 0 && attribute->f != 1))
      return FALSE;
  }
  return TRUE;
}

static void
copy_attributes(DcnExpansion *expansion, const Dcn__Onnx__Node *call, const char *op_type,
                const char *keep, int n, char *const *inputs, const char *output)
{
  /* The call itself, with other names; what is not kept is freed with the copy's surplus. */
  Dcn__Onnx__Node node = *call;
  Dcn__Onnx__Attribute **kept = g_new(Dcn__Onnx__Attribute *, call->n_attribute + 1);
  char *outputs[1] = {(char *)output};
  node.n_attribute = 0;
  for (size_t i = 0; i < call->n_attribute; i++)
    if (listed(keep, call->attribute[i]->name))
      kept[node.n_attribute++] = call->attribute[i];
  node.attribute = kept;
  node.op_type = (char *)op_type;
  node.domain = NULL;
  node.n_input = (size_t)n;
  node.input = (char **)inputs;
  node.n_output = 1;
  node.output = outputs;
  dcn_expansion_copy(expansion, &node);
  g_free(kept);
}

/* Where a transposed matrix has its columns. */
static int
channel_axis(const Dcn__Onnx__Node *call, Form form, int axis)
{
  for (size_t i = 0; form == GEMM && i < call->n_attribute; i++)
    if (call->attribute[i]->name && strcmp(call->attribute[i]->name, "transB") == 0)
      return call->attribute[i]->i != 0 ? 0 : 1;
  return axis;
}

gboolean
dcn_expand_quantized(DcnExpansion *expansion, const Dcn__Onnx__Node *call)
{
  size_t which = 0;
  const char *type = call->op_type ? call->op_type : "", *domain = call->domain ? call->domain : "";
  while (which < G_N_ELEMENTS(table) && strcmp(table[which].op_type, type) != 0)
    which++;
  if (which == G_N_ELEMENTS(table) || call->n_output != 1 || !is_plain(call) ||
      (*domain && strcmp(domain, "ai.onnx") != 0 && strcmp(domain, "com.microsoft") != 0))
    return FALSE;
  const Form form = table[which].form;
  const size_t scale_at = form == CONCAT ? 0 : form == UNARY ? 3 : form == GEMM ? 7 : 6;
  const size_t bias_at = form == CONV ? 8 : 6;
  const guint before = expansion->nodes->len;
  const gboolean floats = *input(call, scale_at) == '\0';
  GPtrArray *inputs = g_ptr_array_new_with_free_func(free);

  if (form == CONCAT) {
    for (size_t i = 2; i + 1 < call->n_input; i += 3)
      g_ptr_array_add(inputs, dequantize(expansion, call, i, 1));
  } else {
    g_ptr_array_add(inputs, dequantize(expansion, call, 0, 1));
    if (form != UNARY)
      g_ptr_array_add(inputs,
                      dequantize(expansion, call, 3, channel_axis(call, form, table[which].axis)));
    if ((form == CONV || form == GEMM) && *input(call, bias_at))
      g_ptr_array_add(inputs, dequantize_bias(expansion, call, bias_at));
  }
  char *result = floats ? strdup(call->output[0]) : dcn_expansion_name(expansion, "result");
  copy_attributes(expansion, call, table[which].plain, table[which].keep, (int)inputs->len,
                  (char *const *)inputs->pdata, result);
  if (!floats) {
    const char *const last[] = {result, input(call, scale_at), input(call, scale_at + 1)};
    add_node(expansion, "QuantizeLinear", 3, last, call->output[0]);
  }
  free(result);
  g_ptr_array_unref(inputs);
  return dcn_expansion_end(expansion, before);
}
