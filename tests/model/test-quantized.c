/* deltacnn tests: quantised models in QDQ form, against what the operators' definitions say.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkprogram.h"
#include "model/onnx.h"
#include "onnxwriter.h"
#include "reference.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

enum { UINT8 = 2, INT8 = 3, INT32 = 6 };

static DcnProgram *
load(OnnxWriter *w, GError **error)
{
  GBytes *bytes = onnx_writer_finish(w);
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  DcnProgram *program = dcn_onnx_load_memory(data, size, "model.onnx", NULL, error);
  g_bytes_unref(bytes);
  if (program)
    g_assert_cmpstr(check_program(program), ==, NULL);
  return program;
}

static void
refuse(OnnxWriter *w, int code, const char *words)
{
  GError *error = NULL;
  g_assert_null(load(w, &error));
  g_assert_error(error, DCN_ERROR, code);
  if (!strstr(error->message, words))
    g_error("\"%s\" does not say \"%s\"", error->message, words);
  g_error_free(error);
}

static OnnxWriter *
start(int opset, int rank, const int64_t *dims)
{
  OnnxWriter *w = onnx_writer_new(opset);
  onnx_writer_input(w, "x", 1, rank, dims);
  return w;
}

static Dcn__Onnx__Node *
finish(OnnxWriter *w, const char *op_type, const char *inputs)
{
  Dcn__Onnx__Node *node = onnx_writer_node(w, op_type, inputs, "y");
  onnx_writer_output(w, "y");
  return node;
}

/* One number. */
static void
scalar(OnnxWriter *w, const char *name, float value)
{
  onnx_writer_floats(w, name, 0, NULL, &value, 0);
}

/* Weights per channel with and without zero points, biases of 32 bits: one convolution of floats. */
static void
test_weights(void)
{
  static const int weights[3][2] = {{127, -128}, {-3, 50}, {0, 1}}, zeros[3] = {-128, 7, 0},
                   biases[3] = {1000000, -70000, 5};
  static const float scales[3] = {0.01f, 0.5f, 3}, input[2][4] = {{1, 2, -3, 0.5f}, {0, -1, 4, 8}};
  const int64_t dims[4] = {3, 2, 1, 1}, channels = 3;
  for (int with_zeros = 0; with_zeros < 2; with_zeros++) {
    OnnxWriter *w = start(13, 4, (int64_t[]){1, 2, 2, 2});
    onnx_writer_levels(w, "q", INT8, 4, dims, &weights[0][0]);
    onnx_writer_floats(w, "s", 1, &channels, scales, 0);
    onnx_writer_levels(w, "z", INT8, 1, &channels, zeros);
    onnx_writer_levels(w, "bq", INT32, 1, &channels, biases);
    scalar(w, "bs", 0.001f);
    onnx_node_int(onnx_writer_node(w, "DequantizeLinear", with_zeros ? "q s z" : "q s", "w"),
                  "axis", 0);
    onnx_writer_node(w, "DequantizeLinear", "bq bs", "b");
    finish(w, "Conv", "x w b");
    GError *error = NULL;
    DcnProgram *program = load(w, &error);
    g_assert_no_error(error);
    g_assert_cmpint(program->n_ops, ==, 1);
    float **values = reference_run(program, &input[0][0]);
    float *y = reference_logical(program, values, program->outputs[0]);
    for (int c = 0; c < 3; c++)
      for (int i = 0; i < 4; i++) {
        double wanted = biases[c] * 0.001;
        for (int k = 0; k < 2; k++)
          wanted += (weights[c][k] - (with_zeros ? zeros[c] : 0)) * (double)scales[c] * input[k][i];
        g_assert_cmpfloat(fabs(y[c * 4 + i] - wanted), <=, 1e-5 * (1 + fabs(wanted)));
      }
    g_free(y);
    reference_free(program, values);
    dcn_program_free(program);
  }
}

/* A constant of six levels in two rows, and what dequantises it. */
static OnnxWriter *
start_levels(int n_scales, int n_zeros)
{
  static const int levels[6] = {1, 2, 3, 4, 5, 6};
  const int64_t dims[2] = {2, 3}, scales = n_scales, zeros = n_zeros;
  OnnxWriter *w = start(21, 2, dims);
  onnx_writer_levels(w, "q", UINT8, 2, dims, levels);
  onnx_writer_floats(w, "s", 1, &scales, NULL, 1);
  onnx_writer_levels(w, "z", UINT8, 1, &zeros, levels);
  onnx_writer_floats(w, "s2", 2, dims, NULL, 1);
  return w;
}

static void
test_weight_errors(void)
{
  OnnxWriter *w = start_levels(2, 2);
  finish(w, "DequantizeLinear", "q s z"); /* axis 1 */
  refuse(w, DCN_ERROR_INVALID, "2 scales for 3 channels");
  w = start_levels(3, 2);
  finish(w, "DequantizeLinear", "q s z");
  refuse(w, DCN_ERROR_INVALID, "one per channel");
  w = start_levels(0, 0);
  finish(w, "DequantizeLinear", "q s z");
  refuse(w, DCN_ERROR_INVALID, "one per channel");
  w = start_levels(3, 3);
  onnx_node_int(finish(w, "DequantizeLinear", "q s z"), "axis", 2);
  refuse(w, DCN_ERROR_INVALID, "axis 2");
  w = start_levels(3, 3);
  onnx_node_int(finish(w, "DequantizeLinear", "q s2"), "block_size", 1);
  refuse(w, DCN_ERROR_UNSUPPORTED, "block_size");
  w = start_levels(3, 3);
  finish(w, "DequantizeLinear", "q s2");
  refuse(w, DCN_ERROR_INVALID, "one per channel");
  w = start_levels(3, 3);
  finish(w, "DequantizeLinear", "q x");
  refuse(w, DCN_ERROR_UNSUPPORTED, "its scale must be constant");
  w = start_levels(3, 3);
  onnx_node_int(finish(w, "DequantizeLinear", "s s"), "axis", 0);
  refuse(w, DCN_ERROR_UNSUPPORTED, "not of integers");
}

/* Levels of 8 bits with a scale that is a power of two, so that halves are halves. */
#define STEP 0.25
enum { ZERO = 100, COUNT = 4096 };

static void
add_grid(OnnxWriter *w)
{
  scalar(w, "s", STEP);
  scalar(w, "s_other", 3 * STEP);
  onnx_writer_levels(w, "z", UINT8, 0, NULL, (int[]){ZERO});
  onnx_writer_levels(w, "z_other", UINT8, 0, NULL, (int[]){7});
}

static double
level_of(double x)
{
  return fmin(fmax(nearbyint(x / STEP) + ZERO, 0), 255);
}

/* Runs the model, literally and not, and compares with wanted(x), element by element. */
static void
check(OnnxWriter *w, int n_ops, double (*wanted)(double))
{
  GBytes *bytes = onnx_writer_finish(w);
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  float *x = g_new(float, COUNT);
  for (int i = 0; i < COUNT; i++)
    x[i] = (float)((i - COUNT / 2) * STEP /
                   8); /* every eighth is a level, and every eighth is between two */
  for (int literal = 0; literal < 2; literal++) {
    const DcnOnnxOptions options = {.literal = literal};
    GError *error = NULL;
    DcnProgram *program = dcn_onnx_load_memory(data, size, "model.onnx", &options, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(check_program(program), ==, NULL);
    if (!literal)
      g_assert_cmpint(program->n_ops, ==, n_ops);
    float **values = reference_run(program, x);
    float *y = reference_logical(program, values, program->outputs[0]);
    for (int i = 0; i < COUNT; i++)
      g_assert_cmpfloat(y[i], ==, wanted(x[i]));
    g_free(y);
    reference_free(program, values);
    dcn_program_free(program);
  }
  g_free(x);
  g_bytes_unref(bytes);
}

static OnnxWriter *
start_values(void)
{
  OnnxWriter *w = start(13, 2, (int64_t[]){COUNT / 8, 8});
  add_grid(w);
  return w;
}

static double
rounded(double x)
{
  return (level_of(x) - ZERO) * STEP;
}

static double
rounded_above_zero(double x)
{
  return rounded(fmax(x, 0));
}

static double
rounded_within(double x)
{
  return rounded(fmin(fmax(x, -2.1), 5.125)); /* the upper bound is halfway between two levels */
}

static double
read_otherwise(double x)
{
  return (level_of(x) - 7) * 3 * STEP;
}

static void
test_values(void)
{
  OnnxWriter *w = start_values();
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
  finish(w, "DequantizeLinear", "q s z");
  check(w, 1, rounded);
  /* Levels as the output. */
  w = start_values();
  finish(w, "QuantizeLinear", "x s z");
  check(w, 3, level_of);
  /* Dequantised with other parameters. */
  w = start_values();
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
  finish(w, "DequantizeLinear", "q s_other z_other");
  check(w, 3, read_otherwise);
  /* Levels that are moved. */
  w = start_values();
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
  onnx_writer_ints(w, "shape", 3, (int64_t[]){1, -1, 4});
  onnx_writer_node(w, "Reshape", "q shape", "moved");
  finish(w, "DequantizeLinear", "moved s z");
  check(w, 5, rounded);
  /* onnxruntime's own domain. */
  w = start_values();
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q")->domain = strdup("com.microsoft");
  finish(w, "DequantizeLinear", "q s z")->domain = strdup("com.microsoft");
  check(w, 1, rounded);
}

static double
rounded_twice(double x)
{
  return fmax(rounded(x), -7 * STEP);
}

/* A second pair changes nothing where it has the levels of the first, and is done where it has not. */
static void
test_pairs(void)
{
  static const char *const second[] = {"p s z", "p s z_other"};
  for (int other = 0; other < 2; other++) {
    OnnxWriter *w = start_values();
    onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
    onnx_writer_node(w, "DequantizeLinear", "q s z", "p");
    onnx_writer_node(w, "QuantizeLinear", second[other], "r");
    finish(w, "DequantizeLinear", other ? "r s z_other" : "r s z");
    check(w, other ? 2 : 1, other ? rounded_twice : rounded);
  }
}

/* Limits before rounding join it. */
static void
test_limits(void)
{
  OnnxWriter *w = start_values();
  onnx_writer_node(w, "Relu", "x", "relu");
  onnx_writer_node(w, "QuantizeLinear", "relu s z", "q");
  finish(w, "DequantizeLinear", "q s z");
  check(w, 1, rounded_above_zero);
  w = start_values();
  scalar(w, "lo", -2.1f);
  scalar(w, "hi", 5.125f);
  onnx_writer_node(w, "Clip", "x lo hi", "clip");
  onnx_writer_node(w, "QuantizeLinear", "clip s z", "q");
  finish(w, "DequantizeLinear", "q s z");
  check(w, 1, rounded_within);
  /* Not where somebody else reads what is before it. */
  w = start_values();
  onnx_writer_node(w, "Relu", "x", "relu");
  onnx_writer_node(w, "QuantizeLinear", "relu s z", "q");
  finish(w, "DequantizeLinear", "q s z");
  onnx_writer_output(w, "relu");
  check(w, 2, rounded_above_zero);
}

/* Weights of floats that are rounded when the model runs, as training with rounding leaves them. */
static double
weighted(double x)
{
  return x * 127 * STEP;
}

static double
of_bytes(double x)
{
  return (x - ZERO) * STEP;
}

static void
test_rounded_weights(void)
{
  OnnxWriter *w = start(13, 2, (int64_t[]){COUNT, 1});
  onnx_writer_floats(w, "w", 2, (int64_t[]){1, 1}, &(float){40}, 0);
  scalar(w, "s", STEP);
  onnx_writer_levels(w, "z", INT8, 0, NULL, (int[]){0});
  onnx_writer_node(w, "QuantizeLinear", "w s z", "wq");
  onnx_writer_node(w, "DequantizeLinear", "wq s z", "wf");
  finish(w, "MatMul", "x wf");
  check(w, 1, weighted);
  /* Halves go to the even level, and what is beyond the levels to the last one. */
  static const float weights[6] = {0.5f, 1.5f, 2.5f, -0.5f, 300, -300},
                     wanted[6] = {0, 2, 2, 0, 127, -128};
  w = start(13, 2, (int64_t[]){1, 6});
  onnx_writer_floats(w, "w", 2, (int64_t[]){1, 6}, weights, 0);
  scalar(w, "s", 1);
  onnx_writer_levels(w, "z", INT8, 0, NULL, (int[]){0});
  onnx_writer_node(w, "QuantizeLinear", "w s z", "wq");
  onnx_writer_node(w, "DequantizeLinear", "wq s z", "wf");
  finish(w, "Add", "x wf");
  GError *error = NULL;
  DcnProgram *program = load(w, &error);
  g_assert_no_error(error);
  float **values = reference_run(program, (float[6]){0});
  float *y = reference_logical(program, values, program->outputs[0]);
  for (int i = 0; i < 6; i++)
    g_assert_cmpfloat(y[i], ==, wanted[i]);
  g_free(y);
  reference_free(program, values);
  dcn_program_free(program);
  /* An input that is quantised already. */
  w = onnx_writer_new(13);
  onnx_writer_input(w, "x", UINT8, 2, (int64_t[]){COUNT / 8, 8});
  add_grid(w);
  finish(w, "DequantizeLinear", "x s z");
  check(w, 1, of_bytes);
}

static void
test_value_errors(void)
{
  static const float bad_scales[] = {0, -1, INFINITY, NAN};
  for (size_t i = 0; i < G_N_ELEMENTS(bad_scales); i++) {
    OnnxWriter *w = start_values();
    scalar(w, "bad", bad_scales[i]);
    finish(w, "QuantizeLinear", "x bad z");
    refuse(w, DCN_ERROR_INVALID, "scale is not above 0");
  }
  OnnxWriter *w = start_values();
  onnx_writer_levels(w, "far", UINT8, 0, NULL, (int[]){1 << 30});
  finish(w, "QuantizeLinear", "x s far");
  refuse(w, DCN_ERROR_INVALID, "none of its levels");
  w = start_values();
  onnx_writer_levels(w, "wide", INT32, 0, NULL, (int[]){0});
  finish(w, "QuantizeLinear", "x s wide");
  refuse(w, DCN_ERROR_UNSUPPORTED, "element type 6");
  w = start_values();
  onnx_writer_floats(w, "many", 1, (int64_t[]){8}, NULL, 1);
  for (int i = 0; i < 8; i++)
    w->model->graph->initializer[w->model->graph->n_initializer - 1]->raw_data.data[4 * i + 3] &=
        0x7f;
  finish(w, "QuantizeLinear", "x many");
  refuse(w, DCN_ERROR_UNSUPPORTED, "quantise activations per tensor");
  w = start_values();
  finish(w, "DequantizeLinear", "x s z");
  refuse(w, DCN_ERROR_INVALID, "not of integers");
  w = start_values();
  onnx_writer_node(w, "QLinearWhere", "x s z x s z s z", "y")->domain = strdup("com.microsoft");
  onnx_writer_output(w, "y");
  refuse(w, DCN_ERROR_UNSUPPORTED, "quantise the model in QDQ form");
}

/* What computes with integers is named, with what to do about it. */
static void
test_integer_operators(void)
{
  static const char *const types[] = {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"};
  for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
    OnnxWriter *w = start(13, 4, (int64_t[]){1, 2, 2, 2});
    finish(w, types[i], "x x x x x x x x");
    char *words = g_strdup_printf("operator %s (node \"node_y\"): it computes with integers, which "
                                  "is not supported here",
                                  types[i]);
    refuse(w, DCN_ERROR_UNSUPPORTED, words);
    g_free(words);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/quantized/weights", test_weights);
  g_test_add_func("/model/quantized/weight-errors", test_weight_errors);
  g_test_add_func("/model/quantized/values", test_values);
  g_test_add_func("/model/quantized/pairs", test_pairs);
  g_test_add_func("/model/quantized/limits", test_limits);
  g_test_add_func("/model/quantized/rounded-weights", test_rounded_weights);
  g_test_add_func("/model/quantized/value-errors", test_value_errors);
  g_test_add_func("/model/quantized/integer-operators", test_integer_operators);
  return g_test_run();
}
