/* Programs made at random.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "netgen.h"
#include <math.h>
#include <string.h>

typedef struct {
  GRand *rand;
  GArray *values, *ops;
} Maker;

static int
pick(Maker *m, int low, int high)
{
  return g_rand_int_range(m->rand, low, high + 1);
}

static float *
numbers(Maker *m, size_t count, double low, double high)
{
  float *x = g_new(float, count);
  for (size_t i = 0; i < count; i++)
    x[i] = (float)g_rand_double_range(m->rand, low, high);
  return x;
}

static DcnValue *
value_at(Maker *m, int i)
{
  return &g_array_index(m->values, DcnValue, i);
}

static int
add_value(Maker *m, int n, int h, int w, int c)
{
  DcnValue v = {.name = g_strdup_printf("v%u", m->values->len),
                .rank = 4,
                .dims = {n, c, h, w},
                .n = n,
                .h = h,
                .w = w,
                .c = c};
  g_array_append_val(m->values, v);
  return (int)m->values->len - 1;
}

/* Of [n, h, w, c]: as add_value(), but that its channels are its last dimension. */
static int
add_last_value(Maker *m, int n, int h, int w, int c)
{
  const int dims[] = {n, h, w, c}, value = add_value(m, n, h, w, c);
  dcn_value_set_layout(&g_array_index(m->values, DcnValue, value), 4, dims, TRUE);
  return value;
}

static DcnOp *
add_op(Maker *m, DcnOpKind kind, int output, int n_inputs, int a, int b)
{
  DcnOp op = {.kind = kind,
              .name = g_strdup_printf("op%u", m->ops->len),
              .n_inputs = n_inputs,
              .output = output};
  op.inputs = g_new(int, (size_t)n_inputs);
  op.inputs[0] = a;
  if (n_inputs > 1)
    op.inputs[1] = b;
  g_array_append_val(m->ops, op);
  return &g_array_index(m->ops, DcnOp, m->ops->len - 1);
}

/* Not those with steps, at which two ways of rounding would part. Most often one of the first. */
static DcnAct
random_act(Maker *m, int c)
{
  DcnAct act = {.kind = (DcnActKind)pick(m, DCN_ACT_NONE, DCN_ACT_SWISH)};
  if (pick(m, 0, 2) == 0)
    act.kind = (DcnActKind)pick(m, DCN_ACT_ELU, DCN_ACT_ABS);
  if (act.kind == DCN_ACT_EXP || act.kind == DCN_ACT_LOG || act.kind == DCN_ACT_POWER)
    act.kind = DCN_ACT_ERF; /* see random_bounded() */
  act.alpha = act.kind == DCN_ACT_THRESHOLD ? 0 : 0.2f;
  act.beta = 0.5f;
  if (act.kind == DCN_ACT_CLIP) {
    act.alpha = -0.3f;
    act.beta = 0.8f;
  } else if (act.kind == DCN_ACT_PRELU) {
    act.slope = numbers(m, (size_t)c, -0.5, 0.5);
  }
  return act;
}

static int add_elementwise(Maker *m, DcnOpKind kind, int in, DcnAct act);

/* Functions that are not defined everywhere, or grow without bound, of numbers that were limited. */
static int
random_bounded(Maker *m, int in)
{
  static const DcnActKind kinds[] = {DCN_ACT_EXP, DCN_ACT_LOG, DCN_ACT_POWER};
  static const float exponents[] = {-1, -0.5f, 0.5f, 1.7f, 2, 3};
  const DcnAct limit = {.kind = DCN_ACT_CLIP, .alpha = 0.3f, .beta = 1.5f};
  const DcnAct act = {.kind = kinds[pick(m, 0, 2)], .alpha = exponents[pick(m, 0, 5)]};
  return add_elementwise(m, DCN_OP_ACT, add_elementwise(m, DCN_OP_ACT, in, limit), act);
}

static int
out_size(int in, int k, int stride, int pad, int dil)
{
  int span = in + pad - (k - 1) * dil - 1;
  return span < 0 ? 0 : span / stride + 1;
}

static int
conv(Maker *m, int in, int out_c, int kh, int kw, int sh, int sw, int pt, int pl, int pad_h,
     int pad_w, int dh, int dw, int groups, DcnAct act)
{
  DcnValue v = *value_at(m, in);
  int oh = out_size(v.h, kh, sh, pad_h, dh), ow = out_size(v.w, kw, sw, pad_w, dw);
  if (oh < 1 || ow < 1) {
    g_free(act.slope);
    return -1;
  }
  int out = add_value(m, v.n, oh, ow, out_c);
  DcnOp *op = add_op(m, DCN_OP_CONV, out, 1, in, 0);
  int k = v.c / groups * kh * kw;
  double scale = sqrt(3.0 / k);
  op->act = act;
  op->u.conv = (DcnConv){kh,
                         kw,
                         sh,
                         sw,
                         pt,
                         pl,
                         dh,
                         dw,
                         groups,
                         numbers(m, (size_t)out_c * k, -scale, scale),
                         pick(m, 0, 2) ? numbers(m, (size_t)out_c, -0.2, 0.2) : NULL};
  return out;
}

static int
random_conv(Maker *m, int in)
{
  static const int widths[] = {1, 3, 8, 12, 16, 33, 64, 70, 96};
  DcnValue v = *value_at(m, in);
  int form = pick(m, 0, 5), groups = 1, c = widths[pick(m, 0, 8)], kh = pick(m, 1, 4),
      kw = pick(m, 1, 4);
  if (form == 0) { /* depthwise */
    groups = c = v.c;
  } else if (form == 1) { /* groups that do not fill a mask word, and a multiplier */
    for (groups = 4; v.c % groups; groups--)
      ;
    c = groups * pick(m, 1, 9);
  } else if (form == 2) { /* fully connected */
    return conv(m, in, c, v.h, v.w, 1, 1, 0, 0, 0, 0, 1, 1, 1, random_act(m, c));
  } else if (form == 3) {
    kh = kw = 1;
  }
  int wide = form == 3 && c < 12 ? 2 : 0; /* windows that see nothing but padding */
  int dh = pick(m, 1, 2), dw = pick(m, 1, 2), pt = pick(m, 0, kh - 1 + wide),
      pl = pick(m, 0, kw - 1 + wide);
  return conv(m, in, c, kh, kw, pick(m, 1, 2), pick(m, 1, 2), pt, pl, pt + pick(m, 0, kh - 1),
              pl + pick(m, 0, kw - 1), dh, dw, groups, random_act(m, c));
}

/* Every window holds a pixel (the maximum of none is a number no network survives). */
static gboolean
none_empty(int out, int in, int k, int stride, int pad, int dil)
{
  for (int o = 0; o < out; o++) {
    int inside = 0;
    for (int t = 0; t < k; t++)
      inside += o * stride - pad + t * dil >= 0 && o * stride - pad + t * dil < in;
    if (!inside)
      return FALSE;
  }
  return TRUE;
}

static int
random_pool(Maker *m, int in, DcnOpKind kind)
{
  DcnValue v = *value_at(m, in);
  DcnPool p = {.kh = pick(m, 1, 3),
               .kw = pick(m, 1, 3),
               .stride_h = pick(m, 1, 2),
               .stride_w = pick(m, 1, 3),
               .dil_h = pick(m, 1, 2),
               .dil_w = 1,
               .count_include_pad = pick(m, 0, 1)};
  p.pad_top = pick(m, 0, p.kh / 2);
  p.pad_left = pick(m, 0, p.kw / 2);
  p.pad_bottom = pick(m, 0, p.kh / 2);
  p.pad_right = pick(m, 0, p.kw / 2);
  int extra = pick(m, 0, 1); /* what ceil_mode adds */
  int oh = out_size(v.h, p.kh, p.stride_h, p.pad_top + p.pad_bottom + (extra ? p.stride_h - 1 : 0),
                    p.dil_h);
  int ow = out_size(v.w, p.kw, p.stride_w, p.pad_left + p.pad_right + (extra ? p.stride_w - 1 : 0),
                    p.dil_w);
  if (oh < 1 || ow < 1 || !none_empty(oh, v.h, p.kh, p.stride_h, p.pad_top, p.dil_h) ||
      !none_empty(ow, v.w, p.kw, p.stride_w, p.pad_left, p.dil_w))
    return -1;
  int out = add_value(m, v.n, oh, ow, v.c);
  add_op(m, kind, out, 1, in, 0)->u.pool = p;
  return out;
}

static int
random_binary(Maker *m, int in)
{
  DcnValue v = *value_at(m, in);
  DcnBinary b = {.kind = (DcnBinaryKind)pick(m, DCN_BINARY_ADD, DCN_BINARY_MAX),
                 .swap = pick(m, 0, 1)};
  int other = -1;
  if (b.kind != DCN_BINARY_DIV) {
    /* Some value that fits, so that factors like those of squeeze-and-excitation occur. */
    for (guint i = 0; i < m->values->len; i++) {
      DcnValue o = *value_at(m, (int)i);
      if ((o.n == 1 || o.n == v.n) && (o.h == 1 || o.h == v.h) && (o.w == 1 || o.w == v.w) &&
          (o.c == 1 || o.c == v.c) && (other < 0 || pick(m, 0, 2)))
        other = (int)i;
    }
  }
  int out = add_value(m, v.n, v.h, v.w, v.c);
  DcnOp *op;
  if (other >= 0 && pick(m, 0, 3)) {
    DcnValue o = *value_at(m, other);
    b.bn = o.n, b.bh = o.h, b.bw = o.w, b.bc = o.c;
    op = add_op(m, DCN_OP_BINARY, out, 2, in, other);
  } else {
    b.bn = pick(m, 0, 1) ? v.n : 1;
    b.bh = pick(m, 0, 1) ? v.h : 1;
    b.bw = pick(m, 0, 1) ? v.w : 1;
    b.bc = pick(m, 0, 2) ? v.c : 1;
    if (b.kind == DCN_BINARY_DIV)
      b.swap = FALSE;
    b.constant = numbers(m, (size_t)b.bn * b.bh * b.bw * b.bc, 0.5, 1.5);
    op = add_op(m, DCN_OP_BINARY, out, 1, in, 0);
  }
  op->act = random_act(m, v.c);
  op->u.binary = b;
  return out;
}

static int
random_concat(Maker *m, int in)
{
  DcnValue v = *value_at(m, in);
  int axis = pick(m, 0, 3), other = in;
  for (guint i = 0; i < m->values->len; i++) {
    DcnValue o = *value_at(m, (int)i);
    if ((axis == 0 || o.c == v.c) && (axis == 1 || o.h == v.h) && (axis == 2 || o.w == v.w) &&
        (axis == 3 || o.n == v.n) && pick(m, 0, 1))
      other = (int)i;
  }
  DcnValue o = *value_at(m, other);
  if (axis != 0 && (size_t)v.n * v.h * v.w > 2000)
    return -1;
  DcnOrigin second = {axis == 3 ? v.n : 0, axis == 1 ? v.h : 0, axis == 2 ? v.w : 0,
                      axis == 0 ? v.c : 0};
  if (v.c + o.c > 200)
    return -1;
  int out = add_value(m, v.n + (axis == 3 ? o.n : 0), v.h + (axis == 1 ? o.h : 0),
                      v.w + (axis == 2 ? o.w : 0), v.c + (axis == 0 ? o.c : 0));
  DcnOp *op = add_op(m, DCN_OP_CONCAT, out, 2, in, other);
  op->u.concat.origins = g_new0(DcnOrigin, 2);
  op->u.concat.origins[1] = second;
  return out;
}

static int
random_gather(Maker *m, int in)
{
  DcnValue v = *value_at(m, in);
  int form = pick(m, 0, 3), elements = (int)dcn_value_elements(&v), out;
  int32_t *index;
  if (form == 0) { /* channel shuffle */
    out = add_value(m, v.n, v.h, v.w, v.c);
    index = g_new(int32_t, (size_t)elements);
    for (int i = 0; i < elements; i++)
      index[i] = i / v.c * v.c + (i % v.c * 5 + 1) % v.c;
  } else if (form == 1) { /* flatten in logical order, to rank 2 */
    out = add_value(m, 1, 1, v.n, v.c * v.h * v.w);
    DcnValue *o = value_at(m, out);
    o->rank = 2;
    o->dims[0] = v.n;
    o->dims[1] = o->c;
    index = g_new(int32_t, (size_t)elements);
    for (int n = 0, i = 0; n < v.n; n++)
      for (int c = 0; c < v.c; c++)
        for (int p = 0; p < v.h * v.w; p++)
          index[i++] = (n * v.h * v.w + p) * v.c + c;
  } else if (form == 2) { /* slice and pad */
    out = add_value(m, v.n, v.h + 1, v.w, v.c);
    index = g_new(int32_t, dcn_value_elements(value_at(m, out)));
    for (int n = 0, i = 0; n < v.n; n++)
      for (int y = 0; y <= v.h; y++)
        for (int e = 0; e < v.w * v.c; e++)
          index[i++] = y == 0 ? -1 : (n * v.h + y - 1) * v.w * v.c + e;
  } else { /* anything */
    out = add_value(m, 1, pick(m, 1, 4), pick(m, 1, 5), pick(m, 1, 20));
    size_t count = dcn_value_elements(value_at(m, out));
    index = g_new(int32_t, count);
    for (size_t i = 0; i < count; i++)
      index[i] = pick(m, -1, elements - 1);
  }
  DcnOp *op = add_op(m, DCN_OP_GATHER, out, 1, in, 0);
  op->u.gather = (DcnGather){index, form == 2 ? 0.25f : 0.0f};
  return out;
}

/* Elements of a factor, in any order and some of them twice; now and then. */
static int32_t *
random_index(Maker *m, int value, int64_t count)
{
  const int elements = (int)dcn_value_elements(value_at(m, value));
  if (pick(m, 0, 4) > 0)
    return NULL;
  int32_t *index = g_new(int32_t, count);
  const int form = pick(m, 0, 2), step = pick(m, 1, elements);
  for (int64_t i = 0; i < count; i++)
    index[i] = form == 0 ? (int32_t)((i * step) % elements) : pick(m, 0, elements - 1);
  return index;
}

/* Batched over the first two dimensions: [.][.][rows][k] times [k][cols], or with a value of the same
 * batch. */
static int
random_matmul(Maker *m, int in)
{
  DcnValue v = *value_at(m, in);
  if (v.rank != 4)
    return -1;
  const int batch = v.dims[0] * v.dims[1], rows = v.dims[2], columns = v.dims[3];
  int other = -1, constant_left = pick(m, 0, 2) == 0;
  for (guint i = 0; i < m->values->len && !constant_left; i++) {
    DcnValue o = *value_at(m, (int)i);
    if (o.rank == 4 && o.dims[0] == v.dims[0] && o.dims[1] == v.dims[1] && o.dims[2] == columns)
      other = (int)i;
  }
  DcnMatMul mm = {.batch = batch,
                  .a_batch = batch,
                  .b_batch = batch,
                  .scale = pick(m, 0, 1) ? 1 : 0.125f * (float)pick(m, 1, 9),
                  .softmax = pick(m, 0, 2) == 0};
  int out;
  DcnOp *op;
  if (constant_left) {
    mm.a_batch = 1;
    mm.rows = pick(m, 1, 5), mm.k = rows, mm.m = columns;
    mm.a_constant = numbers(m, (size_t)mm.rows * mm.k, -0.4, 0.4);
    mm.b_index = random_index(m, in, (int64_t)mm.b_batch * mm.k * mm.m);
    out = add_last_value(m, v.dims[0], v.dims[1], mm.rows, mm.m);
    op = add_op(m, DCN_OP_MATMUL, out, 1, in, 0);
  } else if (other >= 0) {
    mm.rows = rows, mm.k = columns, mm.m = value_at(m, other)->dims[3];
    mm.a_index = random_index(m, in, (int64_t)mm.a_batch * mm.rows * mm.k);
    mm.b_index = random_index(m, other, (int64_t)mm.b_batch * mm.k * mm.m);
    out = add_last_value(m, v.dims[0], v.dims[1], mm.rows, mm.m);
    op = add_op(m, DCN_OP_MATMUL, out, 2, in, other);
  } else {
    mm.b_batch = 1;
    mm.rows = rows, mm.k = columns, mm.m = pick(m, 1, 40);
    mm.b_constant = numbers(m, (size_t)mm.k * mm.m, -0.4, 0.4);
    mm.a_index = random_index(m, in, (int64_t)mm.a_batch * mm.rows * mm.k);
    out = add_last_value(m, v.dims[0], v.dims[1], mm.rows, mm.m);
    op = add_op(m, DCN_OP_MATMUL, out, 1, in, 0);
  }
  op->u.matmul = mm;
  return out;
}

static int
add_elementwise(Maker *m, DcnOpKind kind, int in, DcnAct act)
{
  const DcnValue v = *value_at(m, in);
  const int out = add_value(m, v.n, v.h, v.w, v.c);
  add_op(m, kind, out, 1, in, 0)->act = act;
  return out;
}

static int
random_op(Maker *m, DcnOpKind kind, int in)
{
  DcnValue v = *value_at(m, in);
  int out;
  DcnOp *op;
  switch (kind) {
  case DCN_OP_CONV:
    return random_conv(m, in);
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL:
    return random_pool(m, in, kind);
  case DCN_OP_GLOBAL_AVG:
    out = add_value(m, v.n, 1, 1, v.c);
    add_op(m, kind, out, 1, in, 0);
    return out;
  case DCN_OP_BINARY:
    return random_binary(m, in);
  case DCN_OP_CONCAT:
    return random_concat(m, in);
  case DCN_OP_GATHER:
    return random_gather(m, in);
  case DCN_OP_MATMUL:
    return random_matmul(m, in);
  case DCN_OP_ACT:
    if (pick(m, 0, 3) == 0)
      return random_bounded(m, in);
    return add_elementwise(m, kind, in, random_act(m, v.c));
  default:
    out = add_value(m, v.n, v.h, v.w, v.c);
    op = add_op(m, kind, out, 1, in, 0);
    if (kind == DCN_OP_AFFINE) {
      op->u.affine.scale = numbers(m, (size_t)v.c, -1.5, 1.5);
      op->u.affine.shift = numbers(m, (size_t)v.c, -0.5, 0.5);
      op->act = random_act(m, v.c);
    } else if (kind == DCN_OP_LAYER_NORM) {
      op->u.norm.epsilon = 0.1f;
    } else if (kind == DCN_OP_LRN) {
      static const float betas[] = {0.75f, 0.5f, 0.6f};
      op->u.lrn = (DcnLrn){pick(m, 1, 6), 0.3f, betas[pick(m, 0, 2)], 1.5f};
    }
    return out;
  }
}

static Maker
maker_new(guint32 seed)
{
  return (Maker){g_rand_new_with_seed(seed), g_array_new(FALSE, TRUE, sizeof(DcnValue)),
                 g_array_new(FALSE, TRUE, sizeof(DcnOp))};
}

static DcnProgram *
maker_finish(Maker *m, const int *outputs, int n_outputs)
{
  DcnProgram *p = g_new0(DcnProgram, 1);
  p->model_name = g_strdup("random");
  p->n_values = (int)m->values->len;
  p->n_ops = (int)m->ops->len;
  p->values = (DcnValue *)g_array_free(m->values, FALSE);
  p->ops = (DcnOp *)g_array_free(m->ops, FALSE);
  p->outputs = g_memdup2(outputs, sizeof(int) * (size_t)n_outputs);
  p->n_outputs = n_outputs;
  g_rand_free(m->rand);
  return p;
}

DcnProgram *
netgen_random(guint32 seed, unsigned kinds, int n_ops)
{
  static const int channels[] = {1, 3, 4, 9, 32};
  Maker m = maker_new(seed);
  add_value(&m, pick(&m, 0, 3) ? 1 : 2, pick(&m, 3, 18), pick(&m, 3, 18), channels[pick(&m, 0, 4)]);
  for (int tries = 0; tries < 200 && (int)m.ops->len < n_ops; tries++) {
    DcnOpKind kind = (DcnOpKind)pick(&m, 0, DCN_OP_COUNT - 1);
    if (pick(&m, 0, 2) == 0)
      kind = DCN_OP_CONV;
    if (!(kinds >> kind & 1))
      continue;
    int last = (int)m.values->len - 1;
    random_op(&m, kind, pick(&m, 0, 2) ? last : pick(&m, 0, last));
  }
  int last = (int)m.values->len - 1, outputs[] = {last, pick(&m, 0, last)};
  return maker_finish(&m, outputs, 2);
}

DcnProgram *
netgen_conv(guint32 seed, int h, int w, int c, int out_c, int k, int stride, int groups,
            DcnActKind act)
{
  Maker m = maker_new(seed);
  add_value(&m, 1, h, w, c);
  int out = conv(&m, 0, out_c, k, k, stride, stride, k / 2, k / 2, k / 2 * 2, k / 2 * 2, 1, 1,
                 groups, (DcnAct){.kind = act});
  return maker_finish(&m, &out, 1);
}

DcnProgram *
netgen_classifier(guint32 seed, int size)
{
  Maker m = maker_new(seed);
  DcnAct relu = {.kind = DCN_ACT_RELU}, none = {.kind = DCN_ACT_NONE};
  add_value(&m, 1, size, size, 3);
  int a = conv(&m, 0, 32, 3, 3, 2, 2, 1, 1, 2, 2, 1, 1, 1, relu);
  int b = conv(&m, a, 32, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 32, relu);
  int c = conv(&m, b, 64, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, relu);
  int d = conv(&m, c, 64, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, none);
  DcnValue v = *value_at(&m, d);
  int sum = add_value(&m, 1, v.h, v.w, v.c);
  DcnOp *op = add_op(&m, DCN_OP_BINARY, sum, 2, c, d);
  op->act = relu;
  op->u.binary = (DcnBinary){DCN_BINARY_ADD, FALSE, NULL, 1, v.h, v.w, v.c};
  int pooled = add_value(&m, 1, v.h / 2, v.w / 2, v.c);
  add_op(&m, DCN_OP_MAX_POOL, pooled, 1, sum, 0)->u.pool =
      (DcnPool){.kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2, .dil_h = 1, .dil_w = 1};
  int wide = conv(&m, pooled, 96, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 2, relu);
  int flat = conv(&m, wide, 40, v.h / 2, v.w / 2, 1, 1, 0, 0, 0, 0, 1, 1, 1, relu);
  int out = conv(&m, flat, 10, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, none);
  return maker_finish(&m, &out, 1);
}

DcnProgram *
netgen_concat(guint32 seed, int size, int first, int second)
{
  Maker m = maker_new(seed);
  DcnAct relu = {.kind = DCN_ACT_RELU};
  add_value(&m, 1, size, size, 8);
  int a = conv(&m, 0, first, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, relu);
  int b = conv(&m, 0, second, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, relu);
  int out[2];
  for (int i = 0; i < 2; i++) {
    int both = add_value(&m, 1, size, size, first + second);
    DcnOp *op = add_op(&m, DCN_OP_CONCAT, both, 2, i ? b : a, i ? a : b);
    op->u.concat.origins = g_new0(DcnOrigin, 2);
    op->u.concat.origins[1].c = i ? second : first;
    out[i] = conv(&m, both, 24, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, relu);
  }
  return maker_finish(&m, out, 2);
}

DcnProgram *
netgen_moved(guint32 seed, int size)
{
  Maker m = maker_new(seed);
  const int c = 24, elements = size * size * c;
  const DcnAct relu = {.kind = DCN_ACT_RELU};
  add_value(&m, 1, size, size, 3);
  const int a = conv(&m, 0, c, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, relu);
  const int turned = add_value(&m, 1, size, size, c);
  DcnOp *op = add_op(&m, DCN_OP_GATHER, turned, 1, a, 0);
  op->u.gather.index = g_new(int32_t, (size_t)elements);
  for (int i = 0; i < elements; i++)
    op->u.gather.index[i] = i % 4 ? elements - 1 - i : -1;
  op->u.gather.fill = 5;
  const int both = add_value(&m, 1, 2 * size, size, c);
  op = add_op(&m, DCN_OP_CONCAT, both, 2, a, turned);
  op->u.concat.origins = g_new0(DcnOrigin, 2);
  op->u.concat.origins[1].y = size;
  const int out = conv(&m, both, 16, 3, 3, 1, 1, 1, 1, 2, 2, 1, 1, 1, relu);
  return maker_finish(&m, &out, 1);
}
