/* deltacnn tests: random graphs compute the same with and without simplification.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Chains and diamonds of data movement, arithmetic, activations, convolutions and pools in random
 * order and shapes: what the passes rewrite (and must leave alone) comes up in every combination.
 */
#include "checkprogram.h"
#include "model/onnx.h"
#include "onnxwriter.h"
#include "reference.h"
#include <math.h>
#include <string.h>

#define MAX_VALUES 24

typedef struct {
  const char *name;
  int rank;
  int64_t dims[6];
} Value;

typedef struct {
  OnnxWriter *w;
  GRand *rand;
  Value values[MAX_VALUES];
  int n;
} Graph;

static int
pick(Graph *g, int n)
{
  return g_rand_int_range(g->rand, 0, n);
}

static int64_t
count(const Value *v)
{
  int64_t product = 1;
  for (int d = 0; d < v->rank; d++)
    product *= v->dims[d];
  return product;
}

static void
add(Graph *g, const char *name, int rank, const int64_t *dims)
{
  Value *v = &g->values[g->n++];
  v->name = name;
  v->rank = rank;
  memcpy(v->dims, dims, rank * sizeof *dims);
}

static void
add_transpose(Graph *g, const Value *x)
{
  const char *y = onnx_name(g->w, "t");
  int64_t dims[6];
  int perm[6];
  for (int d = 0; d < x->rank; d++)
    perm[d] = d;
  for (int d = x->rank - 1; d > 0; d--) {
    const int k = pick(g, d + 1), t = perm[d];
    perm[d] = perm[k];
    perm[k] = t;
  }
  /* Half of the time the one that conversions are full of. */
  if (x->rank == 4 && pick(g, 2))
    memcpy(perm, pick(g, 2) ? (int[]){0, 2, 3, 1} : (int[]){0, 3, 1, 2}, 4 * sizeof *perm);
  for (int d = 0; d < x->rank; d++)
    dims[d] = x->dims[perm[d]];
  Dcn__Onnx__Node *node = onnx_writer_node(g->w, "Transpose", x->name, y);
  onnx_node_ints(node, "perm", x->rank, perm[0], perm[1], perm[2], perm[3], perm[4], perm[5]);
  add(g, y, x->rank, dims);
}

static void
add_reshape(Graph *g, const Value *x)
{
  int64_t dims[6], rest = count(x);
  const int rank = 2 + pick(g, 4);
  for (int d = 0; d < rank; d++) {
    int64_t part = 1;
    for (int64_t k = 2; k <= 6; k++)
      if (rest % k == 0 && pick(g, 2))
        part = k;
    dims[d] = d == rank - 1 ? rest : part;
    rest /= dims[d];
  }
  add(g, onnx_reshape(g->w, x->name, rank, dims), rank, dims);
}

static void
add_pad_or_crop(Graph *g, const Value *x)
{
  int64_t pads[12] = {0}, dims[6];
  for (int d = 0; d < x->rank; d++) {
    dims[d] = x->dims[d];
    if (d < 2 && pick(g, 4))
      continue;
    pads[d] = pick(g, 3);
    pads[x->rank + d] = pick(g, 3) - (x->dims[d] > 2 && pick(g, 4) == 0 ? 1 : 0);
    dims[d] += pads[d] + pads[x->rank + d];
  }
  const char *list = onnx_name(g->w, "pads");
  onnx_writer_ints(g->w, list, 2 * x->rank, pads);
  /* Zeros, another number, or (not everywhere) the edge repeated. */
  const int kind = pick(g, 4);
  const char *y = onnx_name(g->w, "padded"), *fill = onnx_name(g->w, "fill");
  onnx_writer_floats(g->w, fill, 0, NULL, (float[]){kind == 1 ? 1.5f : 0}, 0);
  char *inputs = g_strdup_printf("%s %s %s", x->name, list, fill);
  Dcn__Onnx__Node *node = onnx_writer_node(g->w, "Pad", inputs, y);
  if (kind == 2)
    onnx_node_string(node, "mode", "edge");
  g_free(inputs);
  add(g, y, x->rank, dims);
}

/* The pixels of an image as rows of a matrix, and that matrix times its own transpose or a constant. */
static void
add_rows(Graph *g, const Value *x)
{
  if (x->rank != 4)
    return;
  const char *t = onnx_name(g->w, "t");
  onnx_node_ints(onnx_writer_node(g->w, "Transpose", x->name, t), "perm", 4, 0, 2, 3, 1);
  const int64_t rows = x->dims[0] * x->dims[2] * x->dims[3], channels = x->dims[1];
  const char *y = onnx_reshape(g->w, t, 2, (int64_t[]){rows, channels});
  add(g, y, 2, (int64_t[]){rows, channels});
  const int next = pick(g, 3);
  if (next == 0 && rows <= 40) {
    const char *back = onnx_name(g->w, "t");
    onnx_node_ints(onnx_writer_node(g->w, "Transpose", y, back), "perm", 2, 1, 0);
    add(g, onnx_binary(g->w, "MatMul", y, back), 2, (int64_t[]){rows, rows});
  } else if (next == 1) {
    add(g, onnx_gemm(g->w, y, (int)channels, 3), 2, (int64_t[]){rows, 3});
  }
}

static void
add_slice(Graph *g, const Value *x)
{
  const int axis = pick(g, x->rank);
  const int64_t length = x->dims[axis];
  int64_t dims[6];
  const char *part[4];
  const gboolean backward = pick(g, 2);
  const int64_t step = length > 3 && pick(g, 2) ? 2 : 1;
  const int64_t list[4] = {backward ? length - 1 : 0, backward ? -length - 1 : length, axis,
                           backward ? -step : step};
  for (int i = 0; i < 4; i++)
    onnx_writer_ints(g->w, part[i] = onnx_name(g->w, "i"), 1, &list[i]);
  char *inputs = g_strdup_printf("%s %s %s %s %s", x->name, part[0], part[1], part[2], part[3]);
  const char *y = onnx_name(g->w, "slice");
  onnx_writer_node(g->w, "Slice", inputs, y);
  g_free(inputs);
  memcpy(dims, x->dims, sizeof dims);
  dims[axis] = (length + step - 1) / step;
  add(g, y, x->rank, dims);
}

/* With a constant that repeats along random dimensions, on either side. */
static void
add_constant(Graph *g, const Value *x)
{
  static const char *const types[] = {"Add", "Sub", "Mul", "Div"};
  const int rank = pick(g, x->rank + 1);
  int64_t dims[6];
  for (int d = 0; d < rank; d++)
    dims[d] = pick(g, 2) ? x->dims[x->rank - rank + d] : 1;
  const char *c = onnx_name(g->w, "c");
  Dcn__Onnx__Tensor *t = onnx_writer_floats(g->w, c, rank, dims, NULL, 0.5f);
  for (size_t i = 0; i < t->raw_data.len; i += sizeof(float)) {
    float value;
    memcpy(&value, t->raw_data.data + i, sizeof value);
    value += value < 0 ? -1 : 1; /* away from zero: it may divide */
    memcpy(t->raw_data.data + i, &value, sizeof value);
  }
  const char *type = types[pick(g, 4)];
  const gboolean swap = strcmp(type, "Div") != 0 && pick(g, 2);
  add(g, onnx_binary(g->w, type, swap ? c : x->name, swap ? x->name : c), x->rank, x->dims);
}

static void
add_activation(Graph *g, const Value *x)
{
  static const char *const types[] = {"Relu",      "Sigmoid",   "Tanh",
                                      "LeakyRelu", "HardSwish", "HardSigmoid"};
  if (pick(g, 3) == 0 && x->rank >= 2) {
    const char *slope = onnx_name(g->w, "slope");
    onnx_writer_floats(g->w, slope, x->rank - 1, (int64_t[]){x->dims[1], 1, 1, 1, 1}, NULL, 1);
    add(g, onnx_binary(g->w, "PRelu", x->name, slope), x->rank, x->dims);
    return;
  }
  add(g, onnx_unary(g->w, types[pick(g, G_N_ELEMENTS(types))], x->name), x->rank, x->dims);
}

static void
add_window(Graph *g, const Value *x)
{
  if (x->rank != 4 || x->dims[2] < 3 || x->dims[3] < 3 || x->dims[1] > 64 || count(x) > 3000)
    return;
  const int in = (int)x->dims[1];
  const int stride = 1 + pick(g, 2), pad = pick(g, 2);
  const int64_t h = (x->dims[2] + 2 * pad - 3) / stride + 1,
                w = (x->dims[3] + 2 * pad - 3) / stride + 1;
  if (pick(g, 2)) {
    const gboolean depthwise = pick(g, 3) == 0;
    const int out = depthwise ? in : 1 + pick(g, 6);
    const char *y =
        onnx_conv(g->w, x->name, in, out, 3, stride, pad, depthwise ? in : 1, pick(g, 2));
    add(g, y, 4, (int64_t[]){x->dims[0], out, h, w});
    if (pick(g, 2) && g->n < MAX_VALUES)
      add(g, onnx_batch_norm(g->w, y, out), 4, (int64_t[]){x->dims[0], out, h, w});
  } else {
    const char *type = pick(g, 2) ? "MaxPool" : "AveragePool";
    add(g, onnx_pool(g->w, type, x->name, 3, stride, pad, FALSE), 4,
        (int64_t[]){x->dims[0], in, h, w});
  }
}

static void
add_channelwise(Graph *g, const Value *x)
{
  const char *y = onnx_name(g->w, "k");
  if (pick(g, 2)) {
    Dcn__Onnx__Node *node = onnx_writer_node(g->w, "Softmax", x->name, y);
    onnx_node_int(node, "axis", pick(g, x->rank));
    add(g, y, x->rank, x->dims);
  } else if (x->rank >= 3) {
    int64_t dims[6];
    Dcn__Onnx__Node *node = onnx_writer_node(g->w, "ReduceMean", x->name, y);
    const int axis = 1 + pick(g, x->rank - 1);
    onnx_node_ints(node, "axes", 1, axis);
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = 1;
    add(g, y, x->rank, dims);
  }
}

/* Two values of one shape, added or joined. */
static void
add_pair(Graph *g, const Value *x)
{
  for (int tries = 0; tries < 8; tries++) {
    const Value *other = &g->values[pick(g, g->n)];
    if (other->rank != x->rank || memcmp(other->dims, x->dims, x->rank * sizeof *x->dims) != 0)
      continue;
    if (pick(g, 2)) {
      add(g, onnx_binary(g->w, pick(g, 2) ? "Add" : "Mul", x->name, other->name), x->rank, x->dims);
    } else {
      const int axis = pick(g, x->rank);
      int64_t dims[6];
      memcpy(dims, x->dims, sizeof dims);
      dims[axis] *= 2;
      const char *y = onnx_binary(g->w, "Concat", x->name, other->name);
      onnx_node_int(g->w->model->graph->node[g->w->model->graph->n_node - 1], "axis", axis);
      add(g, y, x->rank, dims);
    }
    return;
  }
}

static GBytes *
random_graph(int seed)
{
  static void (*const adders[])(Graph *, const Value *) = {
      add_transpose,   add_transpose, add_reshape,  add_pad_or_crop, add_slice,
      add_constant,    add_constant,  add_constant, add_activation,  add_window,
      add_channelwise, add_pair,      add_rows,
  };
  Graph g = {.w = onnx_writer_new(14), .rand = g_rand_new_with_seed((guint32)seed)};
  g_rand_set_seed(g.w->rand, (guint32)seed + 1000);
  int64_t dims[4] = {1 + pick(&g, 4) / 3, 1 + pick(&g, 4), 4 + pick(&g, 4), 4 + pick(&g, 4)};
  if (pick(&g, 4) == 0)
    dims[2] = 1; /* a line: its layout is that of a matrix */
  onnx_writer_input(g.w, "x", 1, 4, dims);
  add(&g, "x", 4, dims);
  const int length = 2 + pick(&g, 8);
  for (int i = 0; i < length && g.n < MAX_VALUES - 2; i++) {
    /* Mostly on, sometimes from an earlier value. */
    const Value x = g.values[pick(&g, 4) ? g.n - 1 : pick(&g, g.n)];
    if (count(&x) < 4000)
      adders[pick(&g, G_N_ELEMENTS(adders))](&g, &x);
  }
  onnx_writer_output(g.w, g.values[g.n - 1].name);
  const char *second = g.values[pick(&g, g.n)].name;
  if (pick(&g, 3) == 0 && second != g.values[g.n - 1].name)
    onnx_writer_output(g.w, second);
  g_rand_free(g.rand);
  return onnx_writer_finish(g.w);
}

static DcnProgram *
load(GBytes *bytes, gboolean literal)
{
  const DcnOnnxOptions options = {.literal = literal};
  GError *error = NULL;
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  DcnProgram *program = dcn_onnx_load_memory(data, size, "random", &options, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(check_program(program), ==, NULL);
  return program;
}

static void
test_random(void)
{
  int before = 0, after = 0;
  const int n_graphs = g_test_thorough() ? 20000 : 1500;
  for (int seed = 0; seed < n_graphs; seed++) {
    GBytes *bytes = random_graph(seed);
    DcnProgram *plain = load(bytes, TRUE), *fused = load(bytes, FALSE);
    const size_t n_input = dcn_value_elements(&plain->values[plain->input]);
    GRand *rand = g_rand_new_with_seed((guint32)seed);
    float *input = g_new(float, n_input);
    for (size_t i = 0; i < n_input; i++)
      input[i] = (float)g_rand_double_range(rand, -2, 2);
    float **a = reference_run(plain, input), **b = reference_run(fused, input);
    g_assert_cmpint(plain->n_outputs, ==, fused->n_outputs);
    for (int o = 0; o < plain->n_outputs; o++) {
      const DcnValue *va = &plain->values[plain->outputs[o]],
                     *vb = &fused->values[fused->outputs[o]];
      g_assert_cmpint(va->rank, ==, vb->rank);
      g_assert_cmpmem(va->dims, va->rank * sizeof(int), vb->dims, vb->rank * sizeof(int));
      float *wanted = reference_logical(plain, a, plain->outputs[o]),
            *got = reference_logical(fused, b, fused->outputs[o]);
      double largest = 1e-3;
      for (size_t i = 0; i < dcn_value_elements(va); i++)
        largest = fmax(largest, fabs(wanted[i]));
      for (size_t i = 0; i < dcn_value_elements(va); i++)
        if (!(fabs(got[i] - wanted[i]) <= 2e-5 * largest))
          g_error("graph %d: element %zu of output %d is %g instead of %g", seed, i, o, got[i],
                  wanted[i]);
      g_free(wanted);
      g_free(got);
    }
    before += plain->n_ops;
    after += fused->n_ops;
    reference_free(plain, a);
    reference_free(fused, b);
    dcn_program_free(plain);
    dcn_program_free(fused);
    g_free(input);
    g_rand_free(rand);
    g_bytes_unref(bytes);
  }
  g_test_message("%d graphs: %d operators, %d after simplification", n_graphs, before, after);
  g_assert_cmpint(after, <, before);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/random-graphs", test_random);
  return g_test_run();
}
