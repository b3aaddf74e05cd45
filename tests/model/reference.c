/* deltacnn tests: runs a program with plain loops.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference.h"
#include <float.h>
#include <math.h>
#include <string.h>

static size_t
at(const DcnValue *v, int n, int y, int x, int c)
{
  return (((size_t)n * v->h + y) * v->w + x) * v->c + c;
}

/* Logical row-major position -> element index, by the layout rules as program.h states them (not by
 * dcn_value_strides, which is under test). */
static size_t
element_of(const DcnValue *v, size_t logical)
{
  int index[DCN_MAX_RANK];
  for (int d = v->rank - 1; d >= 0; d--) {
    index[d] = (int)(logical % v->dims[d]);
    logical /= v->dims[d];
  }
  if (v->last) {
    int x = 0;
    for (int d = v->rank > 3 ? 2 : 1; d < v->rank - 1; d++)
      x = x * v->dims[d] + index[d];
    return at(v, index[0], v->rank > 3 ? index[1] : 0, x, index[v->rank - 1]);
  }
  switch (v->rank) {
  case 0:
    return 0;
  case 1:
    return at(v, 0, 0, 0, index[0]);
  case 2:
    return at(v, 0, 0, index[0], index[1]);
  case 3:
    return at(v, index[0], 0, index[2], index[1]);
  default: {
    int x = 0;
    for (int d = 3; d < v->rank; d++)
      x = x * v->dims[d] + index[d];
    return at(v, index[0], index[2], x, index[1]);
  }
  }
}

static double
activate(const DcnAct *act, double x, int channel)
{
  switch (act->kind) {
  case DCN_ACT_RELU:
    return x < 0 ? 0 : x;
  case DCN_ACT_LEAKY_RELU:
    return x < 0 ? act->alpha * x : x;
  case DCN_ACT_CLIP:
    return x < act->alpha ? act->alpha : x > act->beta ? act->beta : x;
  case DCN_ACT_PRELU:
    return x < 0 ? act->slope[channel] * x : x;
  case DCN_ACT_SIGMOID:
    return 1 / (1 + exp(-x));
  case DCN_ACT_TANH:
    return tanh(x);
  case DCN_ACT_HARD_SIGMOID:
    return fmax(0, fmin(1, act->alpha * x + act->beta));
  case DCN_ACT_HARD_SWISH:
    return x * fmax(0, fmin(1, x / 6 + 0.5));
  case DCN_ACT_SWISH:
    return x / (1 + exp(-x));
  case DCN_ACT_QUANTIZE: {
    const double level = nearbyint((double)(float)x / act->alpha);
    return fmin(fmax(level, act->lo), act->hi) * act->beta;
  }
  case DCN_ACT_ELU:
    return x < 0 ? act->alpha * (exp(x) - 1) : act->beta * x;
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
    return x > act->alpha ? x : 0;
  case DCN_ACT_ERF:
    return erf(x);
  case DCN_ACT_EXP:
    return exp(x);
  case DCN_ACT_LOG:
    return log(x);
  case DCN_ACT_POWER:
    return pow(x, act->alpha);
  case DCN_ACT_ABS:
    return fabs(x);
  case DCN_ACT_FLOOR:
    return floor(x);
  case DCN_ACT_CEIL:
    return ceil(x);
  case DCN_ACT_ROUND:
    return fmin(fmax(nearbyint(x), act->alpha), act->beta);
  default:
    return x;
  }
}

static double
convolve(const DcnConv *conv, const DcnValue *in, const float *x, int out_channels, int n, int oy,
         int ox, int oc)
{
  const int per_group = in->c / conv->groups, group = oc / (out_channels / conv->groups);
  double sum = conv->bias ? conv->bias[oc] : 0;
  for (int k = 0; k < per_group; k++) {
    for (int i = 0; i < conv->kh; i++) {
      for (int j = 0; j < conv->kw; j++) {
        const int y = oy * conv->stride_h - conv->pad_top + i * conv->dil_h;
        const int xx = ox * conv->stride_w - conv->pad_left + j * conv->dil_w;
        if (y >= 0 && y < in->h && xx >= 0 && xx < in->w)
          sum += (double)x[at(in, n, y, xx, group * per_group + k)] *
                 conv->weights[(((size_t)oc * per_group + k) * conv->kh + i) * conv->kw + j];
      }
    }
  }
  return sum;
}

static double
pool(const DcnPool *p, gboolean maximum, const DcnValue *in, const float *x, int n, int oy, int ox,
     int c)
{
  double sum = 0, best = -INFINITY;
  int inside = 0, counted = 0;
  for (int i = 0; i < p->kh; i++) {
    for (int j = 0; j < p->kw; j++) {
      const int y = oy * p->stride_h - p->pad_top + i * p->dil_h,
                xx = ox * p->stride_w - p->pad_left + j * p->dil_w;
      if (y < in->h + p->pad_bottom && xx < in->w + p->pad_right)
        counted++;
      if (y < 0 || y >= in->h || xx < 0 || xx >= in->w)
        continue;
      const double value = x[at(in, n, y, xx, c)];
      inside++;
      sum += value;
      best = value > best ? value : best;
    }
  }
  if (inside == 0) /* a window of padding only */
    return maximum ? -FLT_MAX : 0;
  return maximum ? best : sum / (p->count_include_pad ? counted : inside);
}

static double
binary(const DcnOp *op, double a, double b)
{
  if (op->u.binary.swap) {
    const double t = a;
    a = b;
    b = t;
  }
  switch (op->u.binary.kind) {
  case DCN_BINARY_ADD:
    return a + b;
  case DCN_BINARY_SUB:
    return a - b;
  case DCN_BINARY_MUL:
    return a * b;
  case DCN_BINARY_MIN:
    return fmin(a, b);
  case DCN_BINARY_MAX:
    return fmax(a, b);
  case DCN_BINARY_POW:
    return pow(a, b);
  default:
    return a / b;
  }
}

/* ONNX LRN: the window is [c - floor((size-1)/2), c + ceil((size-1)/2)], alpha is divided by its
 * nominal size. */
static double
normalise(const DcnLrn *lrn, const float *pixel, int channels, int c)
{
  double sum = 0;
  for (int k = c - (lrn->size - 1) / 2; k <= c + lrn->size / 2; k++)
    if (k >= 0 && k < channels)
      sum += (double)pixel[k] * pixel[k];
  return pixel[c] / pow(lrn->bias + lrn->alpha / lrn->size * sum, lrn->beta);
}

static double
softmax(const float *pixel, int channels, int c, gboolean logarithm)
{
  double largest = -INFINITY, sum = 0;
  for (int k = 0; k < channels; k++)
    largest = pixel[k] > largest ? pixel[k] : largest;
  for (int k = 0; k < channels; k++)
    sum += exp(pixel[k] - largest);
  return logarithm ? pixel[c] - largest - log(sum) : exp(pixel[c] - largest) / sum;
}

static double
standardise(const float *pixel, int channels, int c, double epsilon)
{
  double mean = 0, variance = 0;
  for (int k = 0; k < channels; k++)
    mean += (double)pixel[k] / channels;
  for (int k = 0; k < channels; k++)
    variance += (pixel[k] - mean) * (pixel[k] - mean) / channels;
  return (pixel[c] - mean) / sqrt(variance + epsilon);
}

/* A factor's elements in the matrices' order. */
static float *
factor(const DcnProgram *program, float **values, int value, const int32_t *index, int64_t count)
{
  if (!index)
    return reference_logical(program, values, value);
  float *elements = g_new(float, count);
  for (int64_t i = 0; i < count; i++)
    elements[i] = values[value][index[i]];
  return elements;
}

static void
matmul(const DcnProgram *program, const DcnOp *op, float **values, float *out)
{
  const DcnMatMul *m = &op->u.matmul;
  int next = 0;
  float *a = m->a_constant, *b = m->b_constant, *owned[2] = {NULL, NULL};
  if (!a)
    a = owned[0] = factor(program, values, op->inputs[next++], m->a_index,
                          (int64_t)m->a_batch * m->rows * m->k);
  if (!b)
    b = owned[1] =
        factor(program, values, op->inputs[next++], m->b_index, (int64_t)m->b_batch * m->k * m->m);
  const DcnValue *result = &program->values[op->output];
  for (int batch = 0; batch < m->batch; batch++) {
    const float *left = a + (size_t)(m->a_batch == 1 ? 0 : batch) * m->rows * m->k;
    const float *right = b + (size_t)(m->b_batch == 1 ? 0 : batch) * m->k * m->m;
    for (int i = 0; i < m->rows; i++) {
      for (int j = 0; j < m->m; j++) {
        double sum = 0;
        for (int k = 0; k < m->k; k++)
          sum += (double)left[(size_t)i * m->k + k] * right[(size_t)k * m->m + j];
        out[element_of(result, ((size_t)batch * m->rows + i) * m->m + j)] = (float)(m->scale * sum);
      }
      float *row = g_new(float, m->m);
      for (int j = 0; m->softmax && j < m->m; j++)
        row[j] = out[element_of(result, ((size_t)batch * m->rows + i) * m->m + j)];
      for (int j = 0; m->softmax && j < m->m; j++)
        out[element_of(result, ((size_t)batch * m->rows + i) * m->m + j)] =
            (float)softmax(row, m->m, j, FALSE);
      g_free(row);
    }
  }
  g_free(owned[0]);
  g_free(owned[1]);
}

static void
concat(const DcnProgram *program, const DcnOp *op, float **values, float *out)
{
  const DcnValue *to = &program->values[op->output];
  for (int k = 0; k < op->n_inputs; k++) {
    const DcnValue *from = &program->values[op->inputs[k]];
    const DcnOrigin *o = &op->u.concat.origins[k];
    for (int n = 0; n < from->n; n++)
      for (int y = 0; y < from->h; y++)
        for (int x = 0; x < from->w; x++)
          for (int c = 0; c < from->c; c++)
            out[at(to, o->n + n, o->y + y, o->x + x, o->c + c)] =
                values[op->inputs[k]][at(from, n, y, x, c)];
  }
}

/* One element of an op whose elements do not depend on each other. */
static double
element(const DcnProgram *program, const DcnOp *op, float **values, int n, int y, int x, int c)
{
  const DcnValue *in = &program->values[op->inputs[0]], *out = &program->values[op->output];
  const float *a = values[op->inputs[0]];
  switch (op->kind) {
  case DCN_OP_CONV:
    return convolve(&op->u.conv, in, a, out->c, n, y, x, c);
  case DCN_OP_MAX_POOL:
    return pool(&op->u.pool, TRUE, in, a, n, y, x, c);
  case DCN_OP_AVG_POOL:
    return pool(&op->u.pool, FALSE, in, a, n, y, x, c);
  case DCN_OP_GLOBAL_AVG: {
    double sum = 0;
    for (int i = 0; i < in->h; i++)
      for (int j = 0; j < in->w; j++)
        sum += a[at(in, n, i, j, c)];
    return sum / ((double)in->h * in->w);
  }
  case DCN_OP_AFFINE:
    return (double)a[at(in, n, y, x, c)] * op->u.affine.scale[c] + op->u.affine.shift[c];
  case DCN_OP_ACT:
    return a[at(in, n, y, x, c)];
  case DCN_OP_BINARY: {
    const DcnBinary *b = &op->u.binary;
    const float *other = op->n_inputs == 2 ? values[op->inputs[1]] : b->constant;
    const size_t i = (((size_t)(b->bn == 1 ? 0 : n) * b->bh + (b->bh == 1 ? 0 : y)) * b->bw +
                      (b->bw == 1 ? 0 : x)) *
                         b->bc +
                     (b->bc == 1 ? 0 : c);
    return binary(op, a[at(in, n, y, x, c)], other[i]);
  }
  case DCN_OP_LRN:
    return normalise(&op->u.lrn, a + at(in, n, y, x, 0), in->c, c);
  case DCN_OP_LAYER_NORM:
    return standardise(a + at(in, n, y, x, 0), in->c, c, op->u.norm.epsilon);
  case DCN_OP_SOFTMAX:
  case DCN_OP_LOG_SOFTMAX:
    return softmax(a + at(in, n, y, x, 0), in->c, c, op->kind == DCN_OP_LOG_SOFTMAX);
  case DCN_OP_GATHER: {
    const int32_t index = op->u.gather.index[at(out, n, y, x, c)];
    return index >= 0 ? a[index] : op->u.gather.fill;
  }
  default:
    g_assert_not_reached();
  }
}

void
reference_run_op(const DcnProgram *program, const DcnOp *op, float **values)
{
  const DcnValue *out = &program->values[op->output];
  if (op->kind == DCN_OP_MATMUL) {
    matmul(program, op, values, values[op->output]);
    return;
  }
  if (op->kind == DCN_OP_CONCAT) {
    concat(program, op, values, values[op->output]);
    return;
  }
  for (int n = 0; n < out->n; n++)
    for (int y = 0; y < out->h; y++)
      for (int x = 0; x < out->w; x++)
        for (int c = 0; c < out->c; c++)
          values[op->output][at(out, n, y, x, c)] =
              (float)activate(&op->act, element(program, op, values, n, y, x, c), c);
}

void
reference_run_ops(const DcnProgram *program, float **values)
{
  for (int i = 0; i < program->n_ops; i++)
    reference_run_op(program, &program->ops[i], values);
}

float **
reference_run(const DcnProgram *program, const float *input)
{
  float **values = g_new0(float *, program->n_values);
  for (int v = 0; v < program->n_values; v++)
    values[v] = g_new0(float, dcn_value_elements(&program->values[v]));
  reference_from_logical(&program->values[program->input], input, values[program->input]);
  reference_run_ops(program, values);
  return values;
}

void
reference_free(const DcnProgram *program, float **values)
{
  for (int v = 0; v < program->n_values; v++)
    g_free(values[v]);
  g_free(values);
}

void
reference_to_logical(const DcnValue *value, const float *elements, float *logical)
{
  for (size_t i = 0; i < dcn_value_elements(value); i++)
    logical[i] = elements[element_of(value, i)];
}

void
reference_from_logical(const DcnValue *value, const float *logical, float *elements)
{
  for (size_t i = 0; i < dcn_value_elements(value); i++)
    elements[element_of(value, i)] = logical[i];
}

float *
reference_logical(const DcnProgram *program, float **values, int value)
{
  const DcnValue *v = &program->values[value];
  float *out = g_new(float, dcn_value_elements(v));
  reference_to_logical(v, values[value], out);
  return out;
}
