/* deltacnn: lowers functions of one number that are more than a few instructions, and Pow.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

static const struct {
  const char *op_type;
  DcnAct act;
} plain[] = {
    {"Abs", {.kind = DCN_ACT_ABS}},
    {"Ceil", {.kind = DCN_ACT_CEIL}},
    {"Erf", {.kind = DCN_ACT_ERF}},
    {"Exp", {.kind = DCN_ACT_EXP}},
    {"Floor", {.kind = DCN_ACT_FLOOR}},
    {"Log", {.kind = DCN_ACT_LOG}},
    {"Mish", {.kind = DCN_ACT_MISH}},
    {"Reciprocal", {.kind = DCN_ACT_POWER, .alpha = -1}},
    {"Round", {.kind = DCN_ACT_ROUND, .alpha = -INFINITY, .beta = INFINITY}},
    {"Softplus", {.kind = DCN_ACT_SOFTPLUS}},
    {"Softsign", {.kind = DCN_ACT_SOFTSIGN}},
    {"Sqrt", {.kind = DCN_ACT_POWER, .alpha = 0.5f}},
};

static gboolean
read_act(DcnLoader *loader, DcnAct *act)
{
  const char *type = loader->node->op_type;
  for (size_t i = 0; i < G_N_ELEMENTS(plain); i++)
    if (strcmp(plain[i].op_type, type) == 0) {
      *act = plain[i].act;
      return TRUE;
    }
  if (strcmp(type, "Elu") == 0) {
    *act = (DcnAct){.kind = DCN_ACT_ELU, .alpha = dcn_attr_float(loader, "alpha", 1), .beta = 1};
  } else if (strcmp(type, "Selu") == 0) {
    /* The defaults got more digits with opset 6. */
    const gboolean old = loader->opset < 6;
    const float alpha = dcn_attr_float(loader, "alpha", old ? 1.6732f : 1.6732631921768188f);
    const float gamma = dcn_attr_float(loader, "gamma", old ? 1.0507f : 1.0507010221481323f);
    *act = (DcnAct){.kind = DCN_ACT_ELU, .alpha = gamma * alpha, .beta = gamma};
  } else if (strcmp(type, "ThresholdedRelu") == 0) {
    *act = (DcnAct){.kind = DCN_ACT_THRESHOLD, .alpha = dcn_attr_float(loader, "alpha", 1)};
  } else if (dcn_attr_string_is(loader, "approximate", "none", "none")) {
    act->kind = DCN_ACT_GELU;
  } else if (dcn_attr_string_is(loader, "approximate", "none", "tanh")) {
    act->kind = DCN_ACT_GELU_TANH;
  } else {
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "attribute \"approximate\" is neither \"none\" nor \"tanh\"");
  }
  return !loader->error;
}

static gboolean
fold(DcnLoader *loader, DcnTensor *input, const DcnAct *act)
{
  DcnTensor *result = dcn_fold_new(loader, input->is_int, input->rank, input->dims);
  for (size_t i = 0; result && i < result->count; i++) {
    /* Of these only Abs is defined on integers; the others leave them as they are. */
    if (!input->is_int)
      result->f[i] = dcn_act_value(act, input->f[i]);
    else if (act->kind == DCN_ACT_ABS && input->i[i] < 0)
      result->i[i] = (int64_t)(0 - (uint64_t)input->i[i]);
    else
      result->i[i] = input->i[i];
  }
  return dcn_loader_set_tensor(loader, 0, result);
}

gboolean
dcn_lower_unary(DcnLoader *loader)
{
  DcnAct act = {0};
  DcnEntry *entry = dcn_loader_input(loader, 0);
  if (!entry || !read_act(loader, &act))
    return FALSE;
  if (entry->tensor)
    return fold(loader, entry->tensor, &act);
  const int x = dcn_loader_any_float_value(loader, 0);
  return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
}

/* x * factor, the same in all channels. */
static int
scale(DcnLoader *loader, int x, float factor, const char *role)
{
  if (x < 0)
    return -1;
  const int channels = dcn_loader_get(loader, x)->c;
  float *factors = g_new(float, channels);
  for (int c = 0; c < channels; c++)
    factors[c] = factor;
  return dcn_loader_add_affine(loader, x, factors, NULL, role);
}

gboolean
dcn_lower_neg(DcnLoader *loader)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  if (!entry)
    return FALSE;
  if (!entry->tensor) {
    const int x = dcn_loader_any_float_value(loader, 0);
    return dcn_loader_set_value(loader, 0, scale(loader, x, -1, NULL), FALSE);
  }
  DcnTensor *input = entry->tensor;
  DcnTensor *result = dcn_fold_new(loader, input->is_int, input->rank, input->dims);
  for (size_t i = 0; result && i < result->count; i++) {
    if (input->is_int)
      result->i[i] = (int64_t)(0 - (uint64_t)input->i[i]);
    else
      result->f[i] = -input->f[i];
  }
  return dcn_loader_set_tensor(loader, 0, result);
}

/* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)): an Elu of x / alpha. */
gboolean
dcn_lower_celu(DcnLoader *loader)
{
  const float alpha = dcn_attr_float(loader, "alpha", 1);
  if (!loader->error && !(alpha > 0))
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "only a positive \"alpha\" is supported, and it is %g", alpha);
  int x = dcn_loader_any_float_value(loader, 0);
  if (alpha != 1)
    x = scale(loader, x, 1 / alpha, "scaled");
  const DcnAct act = {.kind = DCN_ACT_ELU, .alpha = alpha, .beta = alpha};
  return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
}

/* A constant exponent that is one number makes a function of one number, which can join a
 * convolution; others are arithmetic on two operands. */
gboolean
dcn_lower_pow(DcnLoader *loader)
{
  DcnEntry *base = dcn_loader_input(loader, 0), *exponent = dcn_loader_input(loader, 1);
  if (!base || !exponent)
    return FALSE;
  DcnShape shape, of_exponent, out;
  if (base->tensor || !exponent->tensor || exponent->tensor->count != 1 ||
      !dcn_loader_input_shape(loader, 0, &shape) ||
      !dcn_loader_input_shape(loader, 1, &of_exponent) ||
      !dcn_shape_broadcast(&shape, &of_exponent, &out) || out.rank != shape.rank)
    return !loader->error && dcn_lower_binary(loader);
  const DcnAct act = {.kind = DCN_ACT_POWER, .alpha = (float)dcn_tensor_get(exponent->tensor, 0)};
  dcn_loader_note_number(loader, (double)act.alpha);
  const int x = dcn_loader_any_float_value(loader, 0);
  return dcn_loader_set_value(loader, 0, dcn_loader_add_act(loader, x, act, NULL), FALSE);
}
