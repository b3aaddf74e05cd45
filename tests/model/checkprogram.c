/* deltacnn tests: what the engine may rely on in every program that the loader hands out.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkprogram.h"
#include <math.h>

static gboolean
same_layout(const DcnValue *a, const DcnValue *b)
{
  return a->n == b->n && a->h == b->h && a->w == b->w && a->c == b->c;
}

static gboolean
fits(int part, int whole)
{
  return part == whole || part == 1;
}

static const char *
check_value(const DcnValue *value)
{
  int64_t logical = 1;
  if (!value->name)
    return "a value has no name";
  if (value->rank < 0 || value->rank > DCN_MAX_RANK)
    return "a value's rank is out of range";
  for (int d = 0; d < value->rank; d++) {
    if (value->dims[d] < 1)
      return "a value is empty";
    logical *= value->dims[d];
  }
  if (value->n < 1 || value->h < 1 || value->w < 1 || value->c < 1)
    return "a value has no pixels";
  if ((int64_t)value->n * value->h * value->w * value->c != logical || logical > INT32_MAX)
    return "a value's two shapes disagree";
  return NULL;
}

static const char *
check_conv(const DcnOp *op, const DcnValue *in, const DcnValue *out)
{
  const DcnConv *conv = &op->u.conv;
  if (!conv->weights)
    return "a convolution has no weights";
  if (conv->kh < 1 || conv->kw < 1 || conv->stride_h < 1 || conv->stride_w < 1 || conv->dil_h < 1 ||
      conv->dil_w < 1 || conv->pad_top < 0 || conv->pad_left < 0)
    return "a convolution's window is impossible";
  if (conv->groups < 1 || in->c % conv->groups || out->c % conv->groups || in->n != out->n)
    return "a convolution's groups do not fit";
  /* Touching every weight and bias lets the sanitizer see whether they are all there. */
  volatile float sum = 0;
  for (int64_t i = 0; i < (int64_t)out->c * (in->c / conv->groups) * conv->kh * conv->kw; i++)
    sum += conv->weights[i];
  for (int c = 0; conv->bias && c < out->c; c++)
    sum += conv->bias[c];
  (void)sum;
  return NULL;
}

/* Whether each window along an axis has a tap inside. */
static gboolean
windows_see(int length, int out, int size, int stride, int dilation, int pad)
{
  for (int o = 0; o < out; o++) {
    gboolean seen = FALSE;
    for (int i = 0; i < size && !seen; i++) {
      const int64_t at = (int64_t)o * stride - pad + (int64_t)i * dilation;
      seen = at >= 0 && at < length;
    }
    if (!seen)
      return FALSE;
  }
  return TRUE;
}

static const char *
check_pool(const DcnOp *op, const DcnValue *in, const DcnValue *out)
{
  const DcnPool *p = &op->u.pool;
  if (p->kh < 1 || p->kw < 1 || p->stride_h < 1 || p->stride_w < 1 || p->dil_h < 1 ||
      p->dil_w < 1 || p->pad_top < 0 || p->pad_left < 0 || p->pad_bottom < 0 || p->pad_right < 0)
    return "a pool's window is impossible";
  if (in->n != out->n || in->c != out->c)
    return "a pool changes the channels";
  if (!windows_see(in->h, out->h, p->kh, p->stride_h, p->dil_h, p->pad_top) ||
      !windows_see(in->w, out->w, p->kw, p->stride_w, p->dil_w, p->pad_left))
    return "a pool has a window without a pixel";
  return NULL;
}

static const char *
check_binary(const DcnProgram *program, const DcnOp *op, const DcnValue *out)
{
  const DcnBinary *b = &op->u.binary;
  if (!same_layout(&program->values[op->inputs[0]], out))
    return "an elementwise op's first input has another layout than its output";
  if (!fits(b->bn, out->n) || !fits(b->bh, out->h) || !fits(b->bw, out->w) || !fits(b->bc, out->c))
    return "an elementwise op's second input does not repeat along whole axes";
  if (op->n_inputs == 2) {
    const DcnValue *v = &program->values[op->inputs[1]];
    if (b->constant || v->n != b->bn || v->h != b->bh || v->w != b->bw || v->c != b->bc)
      return "an elementwise op's second input has another layout than it says";
  } else {
    if (op->n_inputs != 1 || !b->constant)
      return "an elementwise op lacks its second operand";
    volatile float sum = 0;
    for (int64_t i = 0; i < (int64_t)b->bn * b->bh * b->bw * b->bc; i++)
      sum += b->constant[i];
    (void)sum;
  }
  return NULL;
}

static const char *
check_gather(const DcnOp *op, const DcnValue *in, const DcnValue *out)
{
  const int64_t count = (int64_t)dcn_value_elements(in);
  if (!op->u.gather.index)
    return "a movement has no index";
  for (size_t i = 0; i < dcn_value_elements(out); i++)
    if (op->u.gather.index[i] < -1 || op->u.gather.index[i] >= count)
      return "a movement reads outside of its input";
  return NULL;
}

static const char *
check_concat(const DcnProgram *program, const DcnOp *op, const DcnValue *out)
{
  size_t covered = 0;
  for (int k = 0; k < op->n_inputs; k++) {
    const DcnValue *v = &program->values[op->inputs[k]];
    const DcnOrigin *o = &op->u.concat.origins[k];
    if (o->n < 0 || o->y < 0 || o->x < 0 || o->c < 0 || o->n + v->n > out->n ||
        o->y + v->h > out->h || o->x + v->w > out->w || o->c + v->c > out->c)
      return "a part of a concatenation lies outside";
    covered += dcn_value_elements(v);
  }
  return covered == dcn_value_elements(out) ? NULL : "a concatenation does not cover its output";
}

/* Whether a factor of so many elements can be read of a value. */
static gboolean
check_factor(const DcnValue *value, const int32_t *index, int64_t count)
{
  const int64_t elements = (int64_t)dcn_value_elements(value);
  if (!index)
    return elements == count;
  for (int64_t i = 0; i < count; i++)
    if (index[i] < 0 || index[i] >= elements)
      return FALSE;
  return TRUE;
}

static const char *
check_matmul(const DcnProgram *program, const DcnOp *op, const DcnValue *out)
{
  const DcnMatMul *m = &op->u.matmul;
  const int n_values = !m->a_constant + !m->b_constant;
  if (n_values != op->n_inputs || n_values == 0)
    return "a product has the wrong number of factors";
  if ((m->a_batch != 1 && m->a_batch != m->batch) || (m->b_batch != 1 && m->b_batch != m->batch))
    return "a product's batches do not fit";
  if (m->rows < 1 || m->k < 1 || m->m < 1 ||
      (uint64_t)m->batch * (uint64_t)m->rows * (uint64_t)m->m != dcn_value_elements(out))
    return "a product's size is not its output's";
  if (out->c != m->m)
    return "a product's rows are not its output's pixels";
  int next = 0;
  volatile float sum = 0;
  if (m->a_constant) {
    for (int64_t i = 0; i < (int64_t)m->a_batch * m->rows * m->k; i++)
      sum += m->a_constant[i];
  } else if (!check_factor(&program->values[op->inputs[next++]], m->a_index,
                           (int64_t)m->a_batch * m->rows * m->k)) {
    return "a product's left factor has another size";
  }
  if (m->b_constant) {
    for (int64_t i = 0; i < (int64_t)m->b_batch * m->k * m->m; i++)
      sum += m->b_constant[i];
  } else if (!check_factor(&program->values[op->inputs[next++]], m->b_index,
                           (int64_t)m->b_batch * m->k * m->m)) {
    return "a product's right factor has another size";
  }
  (void)sum;
  return NULL;
}

static const char *
check_op(const DcnProgram *program, const DcnOp *op)
{
  const DcnValue *in = &program->values[op->inputs[0]], *out = &program->values[op->output];
  volatile float sum = 0;
  if (op->act.kind != DCN_ACT_NONE && op->kind != DCN_OP_CONV && op->kind != DCN_OP_AFFINE &&
      op->kind != DCN_OP_ACT && op->kind != DCN_OP_BINARY)
    return "an op has an activation that may have none";
  if ((op->act.kind == DCN_ACT_PRELU) != (op->act.slope != NULL))
    return "an activation has no slopes, or needs none";
  if (op->act.kind == DCN_ACT_QUANTIZE &&
      !(op->act.alpha > 0 && op->act.lo <= op->act.hi && op->act.lo == rintf(op->act.lo) &&
        op->act.hi == rintf(op->act.hi)))
    return "a quantiser has no scale or no levels";
  for (int c = 0; op->act.slope && c < out->c; c++)
    sum += op->act.slope[c];
  (void)sum;
  if (op->kind != DCN_OP_CONCAT && op->kind != DCN_OP_BINARY && op->kind != DCN_OP_MATMUL &&
      op->n_inputs != 1)
    return "an op has more than one input";
  switch (op->kind) {
  case DCN_OP_CONV:
    return check_conv(op, in, out);
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL:
    return check_pool(op, in, out);
  case DCN_OP_GLOBAL_AVG:
    return in->n == out->n && in->c == out->c && out->h == 1 && out->w == 1
               ? NULL
               : "a global mean leaves pixels";
  case DCN_OP_AFFINE:
    for (int c = 0; c < out->c; c++)
      sum += op->u.affine.scale[c] + op->u.affine.shift[c];
    return same_layout(in, out) ? NULL : "an affine op changes the layout";
  case DCN_OP_ACT:
    return op->act.kind != DCN_ACT_NONE && same_layout(in, out)
               ? NULL
               : "an activation changes the layout, or is none";
  case DCN_OP_LRN:
    return op->u.lrn.size >= 1 && same_layout(in, out) ? NULL
                                                       : "a normalisation changes the layout";
  case DCN_OP_LAYER_NORM:
  case DCN_OP_SOFTMAX:
  case DCN_OP_LOG_SOFTMAX:
    return same_layout(in, out) ? NULL : "what works across channels changes the layout";
  case DCN_OP_BINARY:
    return check_binary(program, op, out);
  case DCN_OP_GATHER:
    return check_gather(op, in, out);
  case DCN_OP_CONCAT:
    return check_concat(program, op, out);
  case DCN_OP_MATMUL:
    return check_matmul(program, op, out);
  default:
    return "an op is of no kind";
  }
}

const char *
check_program(const DcnProgram *program)
{
  const char *wrong = NULL;
  char *written = g_new0(char, program->n_values);
  if (program->input < 0 || program->input >= program->n_values || program->n_outputs < 1) {
    g_free(written);
    return "the program has no input or output";
  }
  written[program->input] = 1;
  for (int v = 0; v < program->n_values && !wrong; v++)
    wrong = check_value(&program->values[v]);
  for (int i = 0; i < program->n_ops && !wrong; i++) {
    const DcnOp *op = &program->ops[i];
    if (op->n_inputs < 1 || !op->name)
      wrong = "an op has no inputs or no name";
    for (int k = 0; k < op->n_inputs && !wrong; k++)
      if (op->inputs[k] < 0 || op->inputs[k] >= program->n_values || !written[op->inputs[k]])
        wrong = "an op reads what is not written before it";
    if (!wrong && (op->output < 0 || op->output >= program->n_values || written[op->output]))
      wrong = "a value is written twice";
    if (!wrong)
      wrong = check_op(program, op);
    if (!wrong)
      written[op->output] = 1;
  }
  for (int v = 0; v < program->n_values && !wrong; v++)
    if (!written[v])
      wrong = "a value is written by no op";
  for (int i = 0; i < program->n_outputs && !wrong; i++)
    if (program->outputs[i] < 0 || program->outputs[i] >= program->n_values)
      wrong = "an output is no value";
  g_free(written);
  return wrong;
}
