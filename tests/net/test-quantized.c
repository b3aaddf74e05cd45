/* A network quantised in QDQ form, against what its operators are defined to compute, evaluated in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *   test-quantized --write FILE    writes the model with scales as they occur, for other implementations to run
 *
 * With scales that are powers of two every product and sum is exact, in float as in double, also halfway between
 * two levels: all must be equal.  With others a sum may be rounded across such an edge: a level apart, and rarely. */
#include "model/onnx.h"
#include "net/net.h"
#include "onnxwriter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { UINT8 = 2, INT8 = 3, INT32 = 6 };
enum { IN = 3, SIZE = 16, MID = 8, HALF = SIZE / 2, QUARTER = SIZE / 4, CLASSES = 5 };
#define N_IN     (IN * SIZE * SIZE)
#define N_HALF   (MID * HALF * HALF)
#define N_POOLED (MID * QUARTER * QUARTER)

typedef struct {
  double scale;
  int zero, type;
} Grid;

typedef enum { OF_INPUT, OF_FIRST, OF_SECOND, OF_SUM, OF_MEAN, OF_SCORES, N_GRIDS } GridName;

typedef struct {
  Grid grids[N_GRIDS];
  int w1[MID][IN][3][3], b1[MID], w2[MID][MID], w3[CLASSES][MID], b3[CLASSES];
  double s1[MID], s2, s3; /* of the weights; those of biases are these times their input's */
} Model;

static Model
make_model(gboolean exact)
{
  static const Grid exactly[N_GRIDS] = {{1.0 / 64, 128, UINT8}, {1.0 / 16, 0, UINT8},
                                        {1.0 / 8, -5, INT8},    {1.0 / 8, 3, UINT8},
                                        {1.0 / 32, 0, UINT8},   {1.0 / 16, 10, INT8}};
  Model model;
  memcpy(model.grids, exactly, sizeof model.grids);
  GRand *rand = g_rand_new_with_seed(71);
  for (int i = 0; i < N_GRIDS && !exact; i++)
    model.grids[i].scale = (float)(model.grids[i].scale * g_rand_double_range(rand, 0.8, 1.2));
  for (int c = 0; c < MID; c++) {
    model.s1[c] =
        (c % 2 ? 1.0 / 128 : 1.0 / 256) * (exact ? 1 : g_rand_double_range(rand, 0.8, 1.2));
    model.s1[c] = (float)model.s1[c];
    model.b1[c] = g_rand_int_range(rand, -3000, 3000);
    for (int i = 0; i < IN * 9; i++)
      (&model.w1[c][0][0][0])[i] = g_rand_int_range(rand, -127, 128);
    for (int i = 0; i < MID; i++)
      model.w2[c][i] = g_rand_int_range(rand, -127, 128);
  }
  model.s2 = exact ? 1.0 / 128 : 0.0093f;
  model.s3 = exact ? 1.0 / 64 : 0.0141f;
  for (int k = 0; k < CLASSES; k++) {
    model.b3[k] = g_rand_int_range(rand, -2000, 2000);
    for (int c = 0; c < MID; c++)
      model.w3[k][c] = g_rand_int_range(rand, -127, 128);
  }
  g_rand_free(rand);
  return model;
}

static void
scalar(OnnxWriter *w, const char *name, double value)
{
  onnx_writer_floats(w, name, 0, NULL, &(float){(float)value}, 0);
}

/* x quantised and dequantised: "NAME". */
static void
pair(OnnxWriter *w, const Grid *grid, const char *x, const char *name)
{
  char *scale = g_strdup_printf("%s_scale", name), *zero = g_strdup_printf("%s_zero", name),
       *levels = g_strdup_printf("%s_levels", name);
  char *to = g_strdup_printf("%s %s %s", x, scale, zero),
       *from = g_strdup_printf("%s %s %s", levels, scale, zero);
  scalar(w, scale, grid->scale);
  onnx_writer_levels(w, zero, grid->type, 0, NULL, &grid->zero);
  onnx_writer_node(w, "QuantizeLinear", to, levels);
  onnx_writer_node(w, "DequantizeLinear", from, name);
  g_free(scale);
  g_free(zero);
  g_free(levels);
  g_free(to);
  g_free(from);
}

static GBytes *
write_model(const Model *model)
{
  OnnxWriter *w = onnx_writer_new(13);
  const int64_t mid = MID, classes = CLASSES;
  float s1[MID], sb1[MID];
  int zeros[MID] = {0};
  for (int c = 0; c < MID; c++) {
    s1[c] = (float)model->s1[c];
    sb1[c] = (float)(model->s1[c] * model->grids[OF_INPUT].scale);
  }
  onnx_writer_input(w, "x", 1, 4, (int64_t[]){1, IN, SIZE, SIZE});
  onnx_writer_levels(w, "w1q", INT8, 4, (int64_t[]){MID, IN, 3, 3}, &model->w1[0][0][0][0]);
  onnx_writer_floats(w, "w1s", 1, &mid, s1, 0);
  onnx_writer_levels(w, "w1z", INT8, 1, &mid, zeros);
  onnx_writer_levels(w, "b1q", INT32, 1, &mid, model->b1);
  onnx_writer_floats(w, "b1s", 1, &mid, sb1, 0);
  onnx_node_int(onnx_writer_node(w, "DequantizeLinear", "w1q w1s w1z", "w1"), "axis", 0);
  onnx_node_int(onnx_writer_node(w, "DequantizeLinear", "b1q b1s", "b1"), "axis", 0);
  onnx_writer_levels(w, "w2q", INT8, 4, (int64_t[]){MID, MID, 1, 1}, &model->w2[0][0]);
  scalar(w, "w2s", model->s2);
  onnx_writer_levels(w, "w2z", INT8, 0, NULL, zeros);
  onnx_writer_node(w, "DequantizeLinear", "w2q w2s w2z", "w2");
  onnx_writer_levels(w, "w3q", INT8, 2, (int64_t[]){CLASSES, MID}, &model->w3[0][0]);
  scalar(w, "w3s", model->s3);
  onnx_writer_node(w, "DequantizeLinear", "w3q w3s w2z", "w3");
  onnx_writer_levels(w, "b3q", INT32, 1, &classes, model->b3);
  scalar(w, "b3s", (float)(model->s3 * model->grids[OF_MEAN].scale));
  onnx_writer_node(w, "DequantizeLinear", "b3q b3s", "b3");

  pair(w, &model->grids[OF_INPUT], "x", "input");
  Dcn__Onnx__Node *conv = onnx_writer_node(w, "Conv", "input w1 b1", "conv1");
  onnx_node_ints(conv, "strides", 2, 2, 2);
  onnx_node_ints(conv, "pads", 4, 1, 1, 1, 1);
  onnx_writer_node(w, "Relu", "conv1", "relu1");
  pair(w, &model->grids[OF_FIRST], "relu1", "first");
  onnx_writer_node(w, "Conv", "first w2", "conv2");
  pair(w, &model->grids[OF_SECOND], "conv2", "second");
  onnx_writer_node(w, "Add", "second first", "add");
  onnx_writer_node(w, "Relu", "add", "relu2");
  pair(w, &model->grids[OF_SUM], "relu2", "sum");
  Dcn__Onnx__Node *pool = onnx_writer_node(w, "MaxPool", "sum", "pool");
  onnx_node_ints(pool, "kernel_shape", 2, 2, 2);
  onnx_node_ints(pool, "strides", 2, 2, 2);
  pair(w, &model->grids[OF_SUM], "pool", "pooled");
  onnx_writer_node(w, "GlobalAveragePool", "pooled", "mean1");
  pair(w, &model->grids[OF_MEAN], "mean1", "mean");
  onnx_writer_node(w, "Flatten", "mean", "flat");
  onnx_node_int(onnx_writer_node(w, "Gemm", "flat w3 b3", "gemm"), "transB", 1);
  pair(w, &model->grids[OF_SCORES], "gemm", "scores");
  onnx_writer_output(w, "scores");
  onnx_writer_output(w, "pooled");
  onnx_writer_output(w, "sum_levels");
  return onnx_writer_finish(w);
}

/* As ONNX defines QuantizeLinear. */
static double
level_of(const Grid *grid, double value)
{
  const int lo = grid->type == INT8 ? -128 : 0;
  return fmin(fmax(nearbyint(value / grid->scale) + grid->zero, lo), lo + 255);
}

static double
round_to(const Grid *grid, double value)
{
  return (level_of(grid, value) - grid->zero) * grid->scale;
}

typedef struct {
  float scores[CLASSES], pooled[N_POOLED], levels[N_HALF];
} Outputs;

static void
evaluate(const Model *m, const float *x, Outputs *out)
{
  static double first[MID][HALF][HALF], sum[MID][HALF][HALF];
  const Grid *grids = m->grids;
  double mean[MID] = {0};
  for (int c = 0; c < MID; c++)
    for (int p = 0; p < HALF * HALF; p++) {
      const int y = p / HALF, z = p % HALF;
      double value = m->b1[c] * m->s1[c] * grids[OF_INPUT].scale;
      for (int i = 0; i < IN * 9; i++) {
        const int iy = 2 * y - 1 + i % 9 / 3, ix = 2 * z - 1 + i % 3;
        if (iy >= 0 && iy < SIZE && ix >= 0 && ix < SIZE)
          value += m->w1[c][i / 9][i % 9 / 3][i % 3] * m->s1[c] *
                   round_to(&grids[OF_INPUT], x[(i / 9 * SIZE + iy) * SIZE + ix]);
      }
      first[c][y][z] = round_to(&grids[OF_FIRST], fmax(value, 0));
    }
  for (int c = 0; c < MID; c++)
    for (int p = 0; p < HALF * HALF; p++) {
      const int y = p / HALF, z = p % HALF;
      double value = 0;
      for (int i = 0; i < MID; i++)
        value += m->w2[c][i] * m->s2 * first[i][y][z];
      value = fmax(round_to(&grids[OF_SECOND], value) + first[c][y][z], 0);
      sum[c][y][z] = round_to(&grids[OF_SUM], value);
      out->levels[c * HALF * HALF + p] = (float)level_of(&grids[OF_SUM], value);
    }
  for (int c = 0; c < MID; c++)
    for (int p = 0; p < QUARTER * QUARTER; p++) {
      const int y = p / QUARTER * 2, z = p % QUARTER * 2;
      const double most =
          fmax(fmax(sum[c][y][z], sum[c][y][z + 1]), fmax(sum[c][y + 1][z], sum[c][y + 1][z + 1]));
      const double value = round_to(&grids[OF_SUM], most);
      out->pooled[c * QUARTER * QUARTER + p] = (float)value;
      mean[c] += value / (QUARTER * QUARTER);
    }
  for (int k = 0; k < CLASSES; k++) {
    double value = m->b3[k] * m->s3 * grids[OF_MEAN].scale;
    for (int c = 0; c < MID; c++)
      value += m->w3[k][c] * m->s3 * round_to(&grids[OF_MEAN], mean[c]);
    out->scores[k] = (float)round_to(&grids[OF_SCORES], value);
  }
}

/* A part of the picture in other numbers.  halves: many of them halfway between two levels, which a model of exact scales
 * alone rounds alike everywhere. */
static void
change(GRand *rand, const Model *model, gboolean halves, float *x, gboolean all)
{
  const int y0 = all ? 0 : g_rand_int_range(rand, 0, SIZE - 3),
            z0 = all ? 0 : g_rand_int_range(rand, 0, SIZE - 3), n = all ? SIZE : 3;
  for (int i = 0; i < IN * n * n; i++) {
    const double level =
        halves ? g_rand_int_range(rand, -300, 300) / 2.0 : g_rand_double_range(rand, -150, 150);
    x[(i / (n * n) * SIZE + y0 + i / n % n) * SIZE + z0 + i % n] =
        (float)(level * model->grids[OF_INPUT].scale);
  }
}

typedef struct {
  int compared, different;
  double furthest; /* in levels */
} Tally;

static void
compare(Tally *tally, const float *got, const float *wanted, int n, double step)
{
  for (int i = 0; i < n; i++) {
    const double off = fabs((double)got[i] - wanted[i]) / step;
    tally->compared++;
    if (!(off <= 1e-3)) /* a NaN, too */
      tally->different++;
    if (!(off <= tally->furthest))
      tally->furthest = isnan(off) ? HUGE_VAL : off;
  }
}

static Tally
run(gboolean exact, const DcnKernels *kernels, DcnMode mode, gboolean literal)
{
  const Model made = make_model(exact), *model = &made;
  const DcnOnnxOptions options = {.literal = literal};
  GError *error = NULL;
  Tally tally = {0};
  GBytes *bytes = write_model(model);
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  DcnProgram *program = dcn_onnx_load_memory(data, size, "quantized", &options, &error);
  g_assert_no_error(error);
  g_bytes_unref(bytes);
  /* The input's pair; two convolutions and a sum, with what follows done along; two for the output of levels; the
   * pool, whose pair changes nothing; the mean and its pair; the scores. */
  if (!literal)
    g_assert_cmpint(program->n_ops, ==, 10);
  DcnNet *net = dcn_net_new_with(program, kernels, DCN_WEIGHTS_FLOAT32, &error);
  g_assert_no_error(error);
  DcnState *state = dcn_state_new(net, &error);
  g_assert_no_error(error);
  dcn_state_set_adaptive(state, FALSE);
  const int pitch = dcn_channel_pitch(IN);
  float *x = g_new0(float, N_IN);
  Outputs *wanted = g_new0(Outputs, 1), *got = g_new0(Outputs, 1);
  GRand *rand = g_rand_new_with_seed(5);
  for (int frame = 0; frame < 30; frame++) {
    change(rand, model, exact, x, frame % 10 == 0);
    for (int i = 0; i < N_IN; i++)
      dcn_state_input(state)[i % (SIZE * SIZE) * pitch + i / (SIZE * SIZE)] = x[i];
    dcn_state_run(state, NULL, mode, 1, NULL);
    dcn_state_output(state, 0, got->scores);
    dcn_state_output(state, 1, got->pooled);
    dcn_state_output(state, 2, got->levels);
    evaluate(model, x, wanted);
    compare(&tally, got->scores, wanted->scores, CLASSES, model->grids[OF_SCORES].scale);
    compare(&tally, got->pooled, wanted->pooled, N_POOLED, model->grids[OF_SUM].scale);
    compare(&tally, got->levels, wanted->levels, N_HALF, 1);
  }
  g_rand_free(rand);
  g_free(x);
  g_free(wanted);
  g_free(got);
  dcn_state_free(state);
  dcn_net_unref(net);
  return tally;
}

static void
test_exact(void)
{
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++)
    for (int form = 0; form < 4; form++) {
      const Tally tally = run(TRUE, *k, form % 2 ? DCN_MODE_DELTA : DCN_MODE_DENSE, form / 2);
      g_test_message("%s, form %d: %d of %d differ, by at most %g levels", (*k)->isa, form,
                     tally.different, tally.compared, tally.furthest);
      g_assert_cmpfloat(tally.furthest, ==, 0);
    }
}

static void
test_usual_scales(void)
{
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++)
    for (int form = 0; form < 4; form++) {
      const Tally tally = run(FALSE, *k, form % 2 ? DCN_MODE_DELTA : DCN_MODE_DENSE, form / 2);
      g_test_message("%s, form %d: %d of %d differ, by at most %g levels", (*k)->isa, form,
                     tally.different, tally.compared, tally.furthest);
      g_assert_cmpfloat(tally.furthest, <, 1.001);
      g_assert_cmpint(tally.different, <, tally.compared / 1000);
    }
}

int
main(int argc, char **argv)
{
  if (argc == 3 && strcmp(argv[1], "--write") == 0) {
    const Model model = make_model(FALSE);
    GBytes *bytes = write_model(&model);
    const gboolean ok = g_file_set_contents(argv[2], g_bytes_get_data(bytes, NULL),
                                            (gssize)g_bytes_get_size(bytes), NULL);
    g_bytes_unref(bytes);
    return !ok;
  }
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/quantized/exact", test_exact);
  g_test_add_func("/net/quantized/usual-scales", test_usual_scales);
  return g_test_run();
}
