/* What a program computes, plainly.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netgen.h"
#include <math.h>
#include <string.h>

size_t
netgen_elements(const DcnValue *v)
{
  return (size_t)v->n * v->h * v->w * v->c;
}

static size_t
at(const DcnValue *v, int n, int y, int x, int c)
{
  return (((size_t)n * v->h + y) * v->w + x) * v->c + c;
}

static double
act(const DcnAct *a, double x, int c)
{
  switch (a->kind) {
  case DCN_ACT_RELU:
    return x > 0 ? x : 0;
  case DCN_ACT_LEAKY_RELU:
    return x < 0 ? x * a->alpha : x;
  case DCN_ACT_CLIP:
    return fmin(fmax(x, a->alpha), a->beta);
  case DCN_ACT_PRELU:
    return x < 0 ? x * a->slope[c] : x;
  case DCN_ACT_SIGMOID:
    return 1 / (1 + exp(-x));
  case DCN_ACT_TANH:
    return tanh(x);
  case DCN_ACT_HARD_SIGMOID:
    return fmax(0, fmin(1, a->alpha * x + a->beta));
  case DCN_ACT_HARD_SWISH:
    return x * fmax(0, fmin(1, x / 6 + 0.5));
  case DCN_ACT_SWISH:
    return x / (1 + exp(-x));
  case DCN_ACT_QUANTIZE: {
    const double level = nearbyint((double)(float)x / a->alpha);
    return fmin(fmax(level, a->lo), a->hi) * a->beta;
  }
  case DCN_ACT_ELU:
    return x < 0 ? a->alpha * (exp(x) - 1) : a->beta * x;
  case DCN_ACT_SOFTPLUS:
    return x > 700 ? x : log(1 + exp(x));
  case DCN_ACT_SOFTSIGN:
    return x / (1 + fabs(x));
  case DCN_ACT_MISH:
    return x > 700 ? x : x * tanh(log(1 + exp(x)));
  case DCN_ACT_GELU:
    return x * erfc(-x * M_SQRT1_2) / 2;
  case DCN_ACT_GELU_TANH:
    return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case DCN_ACT_THRESHOLD:
    return x > a->alpha ? x : 0;
  case DCN_ACT_ERF:
    return erf(x);
  case DCN_ACT_EXP:
    return exp(x);
  case DCN_ACT_LOG:
    return log(x);
  case DCN_ACT_POWER:
    return pow(x, a->alpha);
  case DCN_ACT_ABS:
    return fabs(x);
  case DCN_ACT_FLOOR:
    return floor(x);
  case DCN_ACT_CEIL:
    return ceil(x);
  case DCN_ACT_ROUND:
    return fmin(fmax(nearbyint(x), a->alpha), a->beta);
  default:
    return x;
  }
}

static double
conv_element(const DcnOp *op, const DcnValue *vi, const float *in, int groups_out, int n, int y,
             int x, int m)
{
  const DcnConv *v = &op->u.conv;
  int cg = vi->c / v->groups, g = m / groups_out;
  double sum = v->bias ? v->bias[m] : 0;
  for (int c = 0; c < cg; c++)
    for (int ky = 0; ky < v->kh; ky++)
      for (int kx = 0; kx < v->kw; kx++) {
        int iy = y * v->stride_h - v->pad_top + ky * v->dil_h,
            ix = x * v->stride_w - v->pad_left + kx * v->dil_w;
        if (iy >= 0 && iy < vi->h && ix >= 0 && ix < vi->w)
          sum += (double)v->weights[(((size_t)m * cg + c) * v->kh + ky) * v->kw + kx] *
                 in[at(vi, n, iy, ix, g * cg + c)];
      }
  return act(&op->act, sum, m);
}

static double
pool_element(const DcnOp *op, const DcnValue *vi, const float *in, int n, int y, int x, int c)
{
  const DcnPool *p = &op->u.pool;
  double sum = 0, top = -INFINITY;
  int valid = 0, padded = 0;
  for (int ky = 0; ky < p->kh; ky++)
    for (int kx = 0; kx < p->kw; kx++) {
      int iy = y * p->stride_h - p->pad_top + ky * p->dil_h,
          ix = x * p->stride_w - p->pad_left + kx * p->dil_w;
      padded += iy < vi->h + p->pad_bottom && ix < vi->w + p->pad_right;
      if (iy < 0 || iy >= vi->h || ix < 0 || ix >= vi->w)
        continue;
      valid++;
      sum += in[at(vi, n, iy, ix, c)];
      top = fmax(top, in[at(vi, n, iy, ix, c)]);
    }
  if (op->kind == DCN_OP_MAX_POOL)
    return valid ? top : -3.402823466e38;
  int divisor = p->count_include_pad ? padded : valid;
  return valid ? sum / divisor : 0;
}

static double
binary_element(const DcnOp *op, const float *b, float left, int n, int y, int x, int c)
{
  const DcnBinary *v = &op->u.binary;
  DcnValue shape = {.n = v->bn, .h = v->bh, .w = v->bw, .c = v->bc};
  double l = left, r = b[at(&shape, v->bn > 1 ? n : 0, v->bh > 1 ? y : 0, v->bw > 1 ? x : 0,
                            v->bc > 1 ? c : 0)];
  if (v->swap) {
    double t = l;
    l = r;
    r = t;
  }
  double result = v->kind == DCN_BINARY_ADD   ? l + r
                  : v->kind == DCN_BINARY_SUB ? l - r
                  : v->kind == DCN_BINARY_MUL ? l * r
                  : v->kind == DCN_BINARY_MIN ? fmin(l, r)
                  : v->kind == DCN_BINARY_MAX ? fmax(l, r)
                  : v->kind == DCN_BINARY_POW ? pow(l, r)
                                              : l / r;
  return act(&op->act, result, c);
}

static double
across_channels(const DcnOp *op, const float *pixel, int count, int c)
{
  double sum = 0, top = -INFINITY;
  if (op->kind == DCN_OP_LRN) {
    const DcnLrn *v = &op->u.lrn;
    /* ONNX: max(0, c - floor((size - 1) / 2)) to min(C - 1, c + ceil((size - 1) / 2)) */
    for (int i = c - (v->size - 1) / 2; i <= c + v->size / 2; i++)
      if (i >= 0 && i < count)
        sum += (double)pixel[i] * pixel[i];
    return pixel[c] / pow(v->bias + v->alpha / v->size * sum, v->beta);
  }
  if (op->kind == DCN_OP_LAYER_NORM) {
    double squares = 0;
    for (int i = 0; i < count; i++)
      sum += pixel[i];
    for (int i = 0; i < count; i++)
      squares += (pixel[i] - sum / count) * (pixel[i] - sum / count);
    return (pixel[c] - sum / count) / sqrt(squares / count + op->u.norm.epsilon);
  }
  for (int i = 0; i < count; i++)
    top = fmax(top, pixel[i]);
  for (int i = 0; i < count; i++)
    sum += exp(pixel[i] - top);
  return op->kind == DCN_OP_SOFTMAX ? exp(pixel[c] - top) / sum : pixel[c] - top - log(sum);
}

static void
matmul(const DcnProgram *program, const DcnOp *op, float **values)
{
  const DcnMatMul *mm = &op->u.matmul;
  float *factor[2] = {NULL, NULL};
  for (int i = 0; i < op->n_inputs; i++) {
    const DcnValue *v = &program->values[op->inputs[i]];
    factor[i] = g_new(float, netgen_elements(v));
    netgen_to_logical(v, values[op->inputs[i]], factor[i]);
  }
  const float *a = mm->a_constant ? mm->a_constant : factor[0];
  const float *b = mm->b_constant ? mm->b_constant : mm->a_constant ? factor[0] : factor[1];
  float *out = g_new(float, (size_t)mm->batch * mm->rows * mm->m);
  for (int i = 0; i < mm->batch; i++)
    for (int r = 0; r < mm->rows; r++)
      for (int j = 0; j < mm->m; j++) {
        double sum = 0;
        for (int k = 0; k < mm->k; k++)
          sum += (double)a[((size_t)(mm->a_batch == 1 ? 0 : i) * mm->rows + r) * mm->k + k] *
                 b[((size_t)(mm->b_batch == 1 ? 0 : i) * mm->k + k) * mm->m + j];
        out[((size_t)i * mm->rows + r) * mm->m + j] = (float)sum;
      }
  netgen_from_logical(&program->values[op->output], out, values[op->output]);
  g_free(out);
  g_free(factor[0]);
  g_free(factor[1]);
}

static void
concat(const DcnProgram *program, const DcnOp *op, float **values)
{
  const DcnValue *vo = &program->values[op->output];
  for (int i = 0; i < op->n_inputs; i++) {
    const DcnValue *v = &program->values[op->inputs[i]];
    const DcnOrigin *o = &op->u.concat.origins[i];
    for (int n = 0; n < v->n; n++)
      for (int y = 0; y < v->h; y++)
        for (int x = 0; x < v->w; x++)
          for (int c = 0; c < v->c; c++)
            values[op->output][at(vo, o->n + n, o->y + y, o->x + x, o->c + c)] =
                values[op->inputs[i]][at(v, n, y, x, c)];
  }
}

static double
element(const DcnProgram *program, const DcnOp *op, float **values, int n, int y, int x, int c)
{
  const DcnValue *vi = &program->values[op->inputs[0]], *vo = &program->values[op->output];
  const float *in = values[op->inputs[0]];
  double sum = 0;
  switch (op->kind) {
  case DCN_OP_CONV:
    return conv_element(op, vi, in, vo->c / op->u.conv.groups, n, y, x, c);
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL:
    return pool_element(op, vi, in, n, y, x, c);
  case DCN_OP_GLOBAL_AVG:
    for (int iy = 0; iy < vi->h; iy++)
      for (int ix = 0; ix < vi->w; ix++)
        sum += in[at(vi, n, iy, ix, c)];
    return sum / ((double)vi->h * vi->w);
  case DCN_OP_AFFINE:
    return act(&op->act,
               (double)in[at(vi, n, y, x, c)] * op->u.affine.scale[c] + op->u.affine.shift[c], c);
  case DCN_OP_ACT:
    return act(&op->act, in[at(vi, n, y, x, c)], c);
  case DCN_OP_BINARY:
    return binary_element(op, op->u.binary.constant ? op->u.binary.constant : values[op->inputs[1]],
                          in[at(vi, n, y, x, c)], n, y, x, c);
  default:
    return across_channels(op, in + at(vi, n, y, x, 0), vi->c, c);
  }
}

void
netgen_evaluate_op(const DcnProgram *program, const DcnOp *op, float **values)
{
  const DcnValue *vo = &program->values[op->output];
  float *out = values[op->output];
  if (op->kind == DCN_OP_MATMUL) {
    matmul(program, op, values);
  } else if (op->kind == DCN_OP_CONCAT) {
    concat(program, op, values);
  } else if (op->kind == DCN_OP_GATHER) {
    for (size_t i = 0; i < netgen_elements(vo); i++)
      out[i] = op->u.gather.index[i] < 0 ? op->u.gather.fill
                                         : values[op->inputs[0]][op->u.gather.index[i]];
  } else {
    for (int n = 0; n < vo->n; n++)
      for (int y = 0; y < vo->h; y++)
        for (int x = 0; x < vo->w; x++)
          for (int c = 0; c < vo->c; c++)
            out[at(vo, n, y, x, c)] = (float)element(program, op, values, n, y, x, c);
  }
}

void
netgen_evaluate(const DcnProgram *program, float **values)
{
  for (int i = 0; i < program->n_ops; i++)
    netgen_evaluate_op(program, &program->ops[i], values);
}

static void
reorder(const DcnValue *v, const float *from, float *to, gboolean back)
{
  size_t plane = (size_t)v->h * v->w;
  for (int n = 0; n < v->n; n++)
    for (size_t p = 0; p < plane; p++)
      for (int c = 0; c < v->c; c++) {
        size_t elements = ((size_t)n * plane + p) * v->c + c;
        size_t logical = v->rank < 3 ? elements : ((size_t)n * v->c + c) * plane + p;
        to[back ? elements : logical] = from[back ? logical : elements];
      }
}

void
netgen_to_logical(const DcnValue *value, const float *elements, float *logical)
{
  reorder(value, elements, logical, FALSE);
}

void
netgen_from_logical(const DcnValue *value, const float *logical, float *elements)
{
  reorder(value, logical, elements, TRUE);
}
