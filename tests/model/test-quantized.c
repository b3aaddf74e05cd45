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

/* What computes with integers is named, with what to do about it. */
static void
test_integer_operators(void)
{
  static const char *const types[] = {"QLinearConv", "QLinearMatMul", "ConvInteger",
                                      "MatMulInteger", "DynamicQuantizeLinear"};
  for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
    OnnxWriter *w = start(13, 4, (int64_t[]){1, 2, 2, 2});
    finish(w, types[i], "x x x x x x x x");
    char *words = g_strdup_printf("operator %s (node \"node_y\"): it computes with integers, which "
                                  "is not supported; export the model in QDQ form",
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
  g_test_add_func("/model/quantized/integer-operators", test_integer_operators);
  return g_test_run();
}
