/* deltacnn: the program's layout rules, sizes and life time.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/program.h"

void
dcn_value_set_layout(DcnValue *value, int rank, const int *dims, gboolean last)
{
  dcn_value_set_dims(value, rank, dims);
  if (!last || rank < 3)
    return;
  value->last = TRUE;
  value->n = dims[0];
  value->h = rank > 3 ? dims[1] : 1;
  value->c = dims[rank - 1];
  value->w = 1;
  for (int i = rank > 3 ? 2 : 1; i < rank - 1; i++)
    value->w *= dims[i];
}

void
dcn_value_set_dims(DcnValue *value, int rank, const int *dims)
{
  value->rank = rank;
  value->last = FALSE;
  value->n = value->h = value->w = value->c = 1;
  for (int i = 0; i < DCN_MAX_RANK; i++)
    value->dims[i] = i < rank ? dims[i] : 0;
  if (rank == 1) {
    value->c = dims[0];
  } else if (rank == 2) {
    value->w = dims[0];
    value->c = dims[1];
  } else if (rank == 3) {
    value->n = dims[0];
    value->c = dims[1];
    value->w = dims[2];
  } else if (rank >= 4) {
    value->n = dims[0];
    value->c = dims[1];
    value->h = dims[2];
    for (int i = 3; i < rank; i++)
      value->w *= dims[i];
  }
}

void
dcn_value_strides(const DcnValue *value, int *strides)
{
  const int row = value->w * value->c;
  if (value->last) {
    for (int i = value->rank - 1, stride = 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= value->dims[i];
    }
    return;
  }
  switch (value->rank) {
  case 0:
    break;
  case 1:
    strides[0] = 1;
    break;
  case 2:
    strides[0] = value->c;
    strides[1] = 1;
    break;
  case 3:
    strides[0] = row;
    strides[1] = 1;
    strides[2] = value->c;
    break;
  default:
    strides[0] = value->h * row;
    strides[1] = 1;
    strides[2] = row;
    /* Dimensions 3 and up are pixels of a row, the last one fastest. */
    for (int i = value->rank - 1, stride = value->c; i >= 3; i--) {
      strides[i] = stride;
      stride *= value->dims[i];
    }
    break;
  }
}

size_t
dcn_value_elements(const DcnValue *value)
{
  return (size_t)value->n * value->h * value->w * value->c;
}

gboolean
dcn_conv_load(DcnConv *conv, GError **error)
{
  if (!conv->stored)
    return TRUE;
  conv->weights = dcn_stored_load(conv->stored, error);
  if (!conv->weights)
    return FALSE;
  g_clear_pointer(&conv->stored, dcn_stored_unref);
  return TRUE;
}

void
dcn_conv_clear_weights(DcnConv *conv)
{
  g_clear_pointer(&conv->weights, g_free);
  g_clear_pointer(&conv->stored, dcn_stored_unref);
}

void
dcn_op_clear(DcnOp *op)
{
  g_clear_pointer(&op->name, g_free);
  g_clear_pointer(&op->inputs, g_free);
  g_clear_pointer(&op->act.slope, g_free);
  switch (op->kind) {
  case DCN_OP_CONV:
    dcn_conv_clear_weights(&op->u.conv);
    g_clear_pointer(&op->u.conv.bias, g_free);
    break;
  case DCN_OP_BINARY:
    g_clear_pointer(&op->u.binary.constant, g_free);
    break;
  case DCN_OP_AFFINE:
    g_clear_pointer(&op->u.affine.scale, g_free);
    g_clear_pointer(&op->u.affine.shift, g_free);
    break;
  case DCN_OP_CONCAT:
    g_clear_pointer(&op->u.concat.origins, g_free);
    break;
  case DCN_OP_GATHER:
    g_clear_pointer(&op->u.gather.index, g_free);
    break;
  case DCN_OP_MATMUL:
    g_clear_pointer(&op->u.matmul.a_constant, g_free);
    g_clear_pointer(&op->u.matmul.b_constant, g_free);
    g_clear_pointer(&op->u.matmul.a_index, g_free);
    g_clear_pointer(&op->u.matmul.b_index, g_free);
    break;
  default:
    break;
  }
}

void
dcn_program_free(DcnProgram *program)
{
  if (!program)
    return;
  for (int i = 0; i < program->n_ops; i++)
    dcn_op_clear(&program->ops[i]);
  for (int i = 0; i < program->n_values; i++)
    g_free(program->values[i].name);
  g_free(program->ops);
  g_free(program->values);
  g_free(program->outputs);
  g_free(program->model_name);
  g_free(program);
}

uint64_t
dcn_op_macs(const DcnProgram *program, const DcnOp *op)
{
  if (op->kind == DCN_OP_CONV) {
    const DcnConv *conv = &op->u.conv;
    const DcnValue *in = &program->values[op->inputs[0]];
    return (uint64_t)dcn_value_elements(&program->values[op->output]) * (in->c / conv->groups) *
           conv->kh * conv->kw;
  }
  if (op->kind == DCN_OP_MATMUL) {
    const DcnMatMul *matmul = &op->u.matmul;
    return (uint64_t)matmul->batch * matmul->rows * matmul->k * matmul->m;
  }
  return 0;
}
