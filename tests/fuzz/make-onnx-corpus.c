/* deltacnn tests: writes the seeds of the loader's fuzz target: tiny models that between them use
 * every operator. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   make-onnx-corpus FOLDER */
#include "onnxwriter.h"
#include <stdio.h>
#include <string.h>

static const char *folder;

static OnnxWriter *
start(int opset, int rank, const int64_t *dims)
{
  OnnxWriter *w = onnx_writer_new(opset);
  onnx_writer_input(w, "x", 1, rank, dims);
  return w;
}

static void
save(OnnxWriter *w, const char *y, const char *name)
{
  onnx_writer_output(w, y);
  GBytes *bytes = onnx_writer_finish(w);
  char *path = g_strdup_printf("%s/%s.onnx", folder, name);
  if (!g_file_set_contents(path, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes),
                           NULL))
    fprintf(stderr, "cannot write %s\n", path);
  g_free(path);
  g_bytes_unref(bytes);
}

static const int64_t image[4] = {0, 2, 5, 4};

static void
one_node(const char *op_type, int opset, const char *name)
{
  OnnxWriter *w = start(opset, 4, image);
  onnx_writer_node(w, op_type, "x", "y");
  save(w, "y", name);
}

static void
with_ints(const char *op_type, int n, const int64_t *ints, const char *name)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 2, 3, 4});
  onnx_writer_ints(w, "i", n, ints);
  onnx_writer_node(w, op_type, "x i", "y");
  save(w, "y", name);
}

static void
network(void)
{
  OnnxWriter *w = start(12, 4, (int64_t[]){0, 3, 8, 8});
  const char *y =
      onnx_unary(w, "Relu", onnx_batch_norm(w, onnx_conv(w, "x", 3, 4, 3, 2, 1, 1, FALSE), 4));
  y = onnx_pool(w, "MaxPool", onnx_conv(w, y, 4, 4, 3, 1, 1, 4, TRUE), 2, 2, 0, TRUE);
  y = onnx_unary(w, "Flatten", onnx_pool(w, "AveragePool", y, 2, 1, 1, FALSE));
  save(w, onnx_unary(w, "Softmax", onnx_gemm(w, y, 4 * 3 * 3, 3)), "network");
}

static void
shuffle(void)
{
  OnnxWriter *w = start(9, 4, (int64_t[]){1, 4, 2, 2});
  const char *y = onnx_reshape(w, "x", 5, (int64_t[]){1, 2, 2, 2, 2});
  onnx_node_ints(onnx_writer_node(w, "Transpose", y, "t"), "perm", 5, 0, 2, 1, 3, 4);
  save(w, onnx_reshape(w, "t", 4, (int64_t[]){0, 4, 2, -1}), "shuffle");
}

static void
channels_last(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){0, 16, 16, 3});
  onnx_writer_floats(w, "m", 1, (int64_t[]){3}, NULL, 1);
  const char *y = onnx_binary(w, "Div", onnx_binary(w, "Sub", "x", "m"), "m");
  onnx_node_ints(onnx_writer_node(w, "Transpose", y, "t"), "perm", 4, 0, 3, 1, 2);
  onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 1, 0, 0, 0, 0, 1});
  save(w, onnx_conv(w, onnx_binary(w, "Pad", "t", "p"), 3, 2, 3, 4, 0, 1, FALSE), "channels-last");
}

static void
swish(void)
{
  OnnxWriter *w = start(11, 4, image);
  onnx_writer_floats(w, "three", 0, NULL, (float[]){3}, 0);
  onnx_writer_floats(w, "zero", 0, NULL, (float[]){0}, 0);
  onnx_writer_floats(w, "six", 0, NULL, (float[]){6}, 0);
  const char *y = onnx_binary(w, "Add", "x", "three");
  char *inputs = g_strdup_printf("%s zero six", y);
  onnx_writer_node(w, "Clip", inputs, "clip");
  g_free(inputs);
  save(w, onnx_binary(w, "Div", onnx_binary(w, "Mul", "x", "clip"), "six"), "hard-swish");
}

static void
computed_shape(void)
{
  OnnxWriter *w = start(11, 4, image);
  onnx_writer_ints(w, "zero", 1, (int64_t[]){0});
  onnx_writer_ints(w, "minus", 1, (int64_t[]){-1});
  onnx_writer_node(w, "Shape", "x", "s");
  onnx_writer_node(w, "Gather", "s zero", "n");
  onnx_node_int(onnx_writer_node(w, "Concat", "n minus", "f"), "axis", 0);
  save(w, onnx_binary(w, "Reshape", "x", "f"), "computed-shape");

  w = start(9, 4, image);
  onnx_writer_ints(w, "dims", 2, (int64_t[]){1, 4});
  onnx_writer_node(w, "ConstantOfShape", "dims", "c");
  Dcn__Onnx__Node *fill = onnx_writer_node(w, "ConstantFill", "", "d");
  onnx_node_ints(fill, "shape", 2, 5, 1);
  onnx_node_float(fill, "value", 2);
  const char *y = onnx_binary(w, "Mul", onnx_binary(w, "Sub", "c", "d"), "x");
  onnx_writer_ints(w, "e", 4, (int64_t[]){3, 2, 5, 4});
  save(w, onnx_binary(w, "Expand", y, "e"), "filled");
}

static void
movements(void)
{
  with_ints("Unsqueeze", 2, (int64_t[]){0, -1}, "unsqueeze");
  with_ints("Tile", 4, (int64_t[]){2, 1, 2, 1}, "tile");
  with_ints("ReduceSum", 1, (int64_t[]){1}, "reduce-sum");
  with_ints("Pad", 8, (int64_t[]){0, 1, -1, 0, 0, 0, 2, 0}, "pad");

  OnnxWriter *w = start(10, 4, image);
  onnx_writer_ints(w, "a", 2, (int64_t[]){-1, 1});
  onnx_writer_ints(w, "b", 2, (int64_t[]){-9, 4});
  onnx_writer_ints(w, "c", 2, (int64_t[]){2, -1});
  onnx_writer_ints(w, "d", 2, (int64_t[]){-2, 2});
  onnx_writer_node(w, "Slice", "x a b c d", "y");
  save(w, "y", "slice");

  w = start(11, 4, (int64_t[]){1, 2, 3, 4});
  Dcn__Onnx__Node *pad = onnx_writer_node(w, "Pad", "x p", "t");
  onnx_node_string(pad, "mode", "reflect");
  onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 1, 1, 0, 0, 1, 1});
  Dcn__Onnx__Node *split = onnx_writer_node(w, "Split", "t", "l");
  onnx_node_output(split, "r");
  onnx_node_int(split, "axis", 1);
  onnx_node_int(onnx_writer_node(w, "Concat", "r x_ l", "y"), "axis", 3);
  onnx_writer_floats(w, "x_", 4, (int64_t[]){1, 1, 5, 1}, NULL, 1);
  save(w, "y", "split-concat");

  w = start(13, 4, image);
  onnx_node_ints(onnx_writer_node(w, "ReduceMean", "x", "y"), "axes", 2, 1, -1);
  save(w, "y", "reduce-mean");

  w = start(13, 4, (int64_t[]){1, 4, 2, 2});
  onnx_node_int(onnx_writer_node(w, "DepthToSpace", "x", "y"), "blocksize", 2);
  save(w, "y", "depth-to-space");
}

static void
products(void)
{
  OnnxWriter *w = start(13, 3, (int64_t[]){2, 3, 4});
  onnx_writer_floats(w, "m", 2, (int64_t[]){4, 2}, NULL, 1);
  onnx_node_ints(onnx_writer_node(w, "Transpose", onnx_binary(w, "MatMul", "x", "m"), "t"), "perm",
                 3, 0, 2, 1);
  save(w, onnx_binary(w, "MatMul", "t", "x"), "matmul");

  w = start(11, 2, (int64_t[]){3, 2});
  onnx_writer_floats(w, "m", 2, (int64_t[]){4, 3}, NULL, 1);
  onnx_writer_floats(w, "c", 2, (int64_t[]){2, 1}, NULL, 1);
  Dcn__Onnx__Node *gemm = onnx_writer_node(w, "Gemm", "x m c", "y");
  onnx_node_int(gemm, "transA", 1);
  onnx_node_int(gemm, "transB", 1);
  onnx_node_float(gemm, "alpha", 0.5f);
  onnx_node_float(gemm, "beta", 2);
  save(w, "y", "gemm");

  w = start(9, 3, (int64_t[]){1, 2, 9});
  onnx_writer_floats(w, "w", 3, (int64_t[]){2, 2, 3}, NULL, 1);
  onnx_writer_floats(w, "s", 2, (int64_t[]){2, 9}, NULL, 1);
  Dcn__Onnx__Node *conv = onnx_writer_node(w, "Conv", "x w", "t");
  onnx_node_string(conv, "auto_pad", "SAME_LOWER");
  onnx_writer_node(w, "PRelu", "t s", "y");
  save(w, "y", "conv1d-prelu");
}

static void
normalisations(void)
{
  OnnxWriter *w = start(18, 4, (int64_t[]){1, 4, 3, 2});
  onnx_writer_floats(w, "four", 1, (int64_t[]){4}, NULL, 1);
  onnx_writer_floats(w, "two", 1, (int64_t[]){2}, NULL, 1);
  onnx_writer_node(w, "InstanceNormalization", "x four four", "i");
  onnx_node_int(onnx_writer_node(w, "GroupNormalization", "i two two", "g"), "num_groups", 2);
  onnx_node_ints(onnx_writer_node(w, "MeanVarianceNormalization", "g", "y"), "axes", 3, 0, 2, 3);
  save(w, "y", "normalisations");

  w = start(8, 4, (int64_t[]){1, 2, 2, 2});
  onnx_writer_floats(w, "s", 3, (int64_t[]){2, 2, 2}, (float[]){1, 2, 3, 4, 5, 6, 7, 8}, 0);
  onnx_node_int(onnx_writer_node(w, "BatchNormalization", "x s s s s", "y"), "spatial", 0);
  save(w, "y", "batch-norm-spatial");
}

static void
sizes(void)
{
  static const char *const modes[] = {"nearest", "linear", "cubic"};
  for (int i = 0; i < 3; i++) {
    OnnxWriter *w = start(13, 4, image);
    onnx_writer_ints(w, "to", 4, (int64_t[]){1, 2, 7, 3});
    Dcn__Onnx__Node *resize = onnx_writer_node(w, "Resize", "x - - to", "y");
    onnx_node_string(resize, "mode", modes[i]);
    onnx_node_string(resize, "coordinate_transformation_mode",
                     i == 1 ? "align_corners" : "half_pixel");
    onnx_node_string(resize, "nearest_mode", "ceil");
    char *name = g_strdup_printf("resize-%s", modes[i]);
    save(w, "y", name);
    g_free(name);
  }
  OnnxWriter *w = start(9, 4, image);
  onnx_writer_floats(w, "by", 1, (int64_t[]){4}, (float[]){1, 1, 2, 3}, 0);
  onnx_writer_node(w, "Upsample", "x by", "y");
  save(w, "y", "upsample");
  w = start(1, 4, image);
  Dcn__Onnx__Node *old = onnx_writer_node(w, "Upsample", "x", "y");
  onnx_node_float(old, "width_scale", 2);
  onnx_node_float(old, "height_scale", 1.5f);
  save(w, "y", "upsample-1");

  w = start(11, 4, image);
  onnx_writer_floats(w, "w", 4, (int64_t[]){2, 1, 3, 2}, NULL, 1);
  Dcn__Onnx__Node *conv = onnx_writer_node(w, "ConvTranspose", "x w", "y");
  onnx_node_ints(conv, "strides", 2, 2, 3);
  onnx_node_ints(conv, "pads", 4, 1, 0, 1, 1);
  onnx_node_ints(conv, "output_padding", 2, 1, 0);
  onnx_node_int(conv, "group", 2);
  save(w, "y", "conv-transpose");
  w = start(13, 4, (int64_t[]){1, 2, 4, 6});
  onnx_node_int(onnx_writer_node(w, "SpaceToDepth", "x", "y"), "blocksize", 2);
  save(w, "y", "space-to-depth");
}

static void
choices(void)
{
  OnnxWriter *w = start(11, 4, image);
  onnx_writer_ints(w, "to", 4, (int64_t[]){3, -1, 5, -1});
  onnx_writer_ints(w, "minus", 1, (int64_t[]){-1});
  onnx_writer_ints(w, "ones", 4, (int64_t[]){1, 1, 1, 1});
  onnx_writer_node(w, "Equal", "to minus", "free");
  onnx_writer_node(w, "Where", "free ones to", "shape");
  onnx_node_ints(onnx_writer_node(w, "ReduceProd", "shape", "n"), "axes", 1, 0);
  onnx_writer_node(w, "Mod", "n minus", "m");
  onnx_writer_node(w, "Sub", "shape m", "wanted");
  onnx_writer_node(w, "Expand", "x wanted", "y");
  save(w, "y", "where");

  static const char *const kinds[] = {"ReduceMin", "ReduceL2"};
  for (int i = 0; i < 2; i++) {
    w = start(13, 4, image);
    onnx_node_ints(onnx_writer_node(w, kinds[i], "x", "y"), "axes", 2, 1, -1);
    save(w, "y", i ? "reduce-l2" : "reduce-min");
  }
}

static void
functions(void)
{
  OnnxWriter *w = start(18, 4, image);
  Dcn__Onnx__Node *leaky = onnx_writer_node(w, "LeakyRelu", "v", "inner");
  onnx_node_float(leaky, "alpha", 0);
  onnx_node_refers(leaky, "slope");
  onnx_writer_node(w, "Neg", "inner", "r");
  onnx_writer_function(w, "f", "Inner", "v", "r", 0);
  onnx_writer_node(w, "Inner", "v", "one")->domain = strdup("f");
  onnx_writer_node(w, "Inner", "one", "two")->domain = strdup("f");
  onnx_writer_function(w, "f", "Outer", "v", "two", 0);
  Dcn__Onnx__Node *call = onnx_writer_node(w, "Outer", "x", "y");
  call->domain = strdup("f");
  onnx_node_float(call, "slope", 0.5f);
  save(w, "y", "function");
}

static void
quantized(void)
{
  OnnxWriter *w = start(13, 4, image);
  onnx_writer_floats(w, "s", 0, NULL, (float[]){0.05f}, 0);
  onnx_writer_floats(w, "ws", 1, (int64_t[]){3}, (float[]){0.01f, 0.02f, 0.03f}, 0);
  onnx_writer_levels(w, "z", 2, 0, NULL, (int[]){128});
  onnx_writer_levels(w, "wz", 3, 1, (int64_t[]){3}, (int[]){0, 0, 0});
  onnx_writer_levels(w, "w", 3, 4, (int64_t[]){3, 2, 1, 1}, (int[]){1, -2, 3, 50, -60, 127});
  onnx_writer_levels(w, "b", 6, 1, (int64_t[]){3}, (int[]){10, -100, 1000});
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
  onnx_writer_node(w, "QLinearConv", "q s z w ws wz s z b", "c");
  onnx_node_ints(onnx_writer_node(w, "MaxPool", "c", "p"), "kernel_shape", 2, 2, 2);
  onnx_writer_node(w, "QLinearAdd", "p s z p s z s z", "a")->domain = strdup("com.microsoft");
  onnx_writer_node(w, "DequantizeLinear", "a s z", "y");
  save(w, "y", "qlinear");
}

static void
label_tail(void)
{
  OnnxWriter *w = start(13, 4, image);
  onnx_writer_node(w, "GlobalAveragePool", "x", "g");
  onnx_node_int(onnx_writer_node(w, "Flatten", "g", "f"), "axis", 1);
  onnx_writer_node(w, "ArgMax", "f", "best");
  onnx_writer_ints(w, "labels", 2, (int64_t[]){7, 9});
  onnx_writer_node(w, "ArrayFeatureExtractor", "labels best", "label")->domain =
      strdup("ai.onnx.ml");
  onnx_writer_node(w, "ZipMap", "f", "map")->domain = strdup("ai.onnx.ml");
  onnx_writer_output(w, "label");
  save(w, "map", "labels");
}

/* Each function of one number, one behind the other. */
static void
unary_functions(void)
{
  static const char *const types[] = {
      "Abs",        "Ceil",  "Elu",  "Erf",      "Exp",      "Floor", "Gelu", "Mish",
      "Reciprocal", "Round", "Selu", "Softplus", "Softsign", "Sqrt",  "Log",  "HardSwish"};
  OnnxWriter *w = start(20, 4, (int64_t[]){1, 2, 2, 3});
  const char *y = onnx_conv(w, "x", 2, 2, 1, 1, 0, 1, TRUE);
  for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
    y = onnx_unary(w, types[i], y);
  save(w, y, "functions");

  w = start(20, 4, image);
  onnx_node_string(onnx_writer_node(w, "Gelu", "x", "g"), "approximate", "tanh");
  onnx_node_float(onnx_writer_node(w, "Celu", "g", "c"), "alpha", 2);
  onnx_node_float(onnx_writer_node(w, "ThresholdedRelu", "c", "t"), "alpha", 0.5f);
  onnx_writer_floats(w, "two", 0, NULL, (float[]){2}, 0);
  onnx_writer_floats(w, "pair", 3, (int64_t[]){2, 1, 1}, NULL, 1);
  onnx_writer_node(w, "Pow", "t two", "p");
  onnx_writer_node(w, "Pow", "two p", "q");
  onnx_writer_node(w, "Min", "q pair x", "l");
  onnx_writer_node(w, "Max", "l t", "m");
  save(w, onnx_unary(w, "Neg", "m"), "min-max-pow");
}

/* A block of ConvNeXt's kind: LayerNormalization over channels, and a Gelu that is spelled out. */
static void
layer_norm(void)
{
  const int64_t channels = 3;
  OnnxWriter *w = start(17, 4, (int64_t[]){1, 3, 4, 5});
  onnx_node_ints(onnx_writer_node(w, "Transpose", "x", "t"), "perm", 4, 0, 2, 3, 1);
  onnx_writer_floats(w, "scale", 1, &channels, NULL, 1);
  onnx_writer_floats(w, "bias", 1, &channels, NULL, 1);
  Dcn__Onnx__Node *norm = onnx_writer_node(w, "LayerNormalization", "t scale bias", "n");
  onnx_node_int(norm, "axis", -1);
  onnx_node_float(norm, "epsilon", 1e-6f);
  onnx_writer_floats(w, "up", 2, (int64_t[]){3, 4}, NULL, 1);
  onnx_writer_floats(w, "down", 2, (int64_t[]){4, 3}, NULL, 1);
  onnx_writer_floats(w, "root", 0, NULL, (float[]){1.41421356f}, 0);
  onnx_writer_floats(w, "one", 0, NULL, (float[]){1}, 0);
  onnx_writer_floats(w, "half", 0, NULL, (float[]){0.5f}, 0);
  const char *h = onnx_binary(w, "MatMul", "n", "up");
  const char *erf =
      onnx_binary(w, "Add", onnx_unary(w, "Erf", onnx_binary(w, "Div", h, "root")), "one");
  h = onnx_binary(w, "Mul", onnx_binary(w, "Mul", h, erf), "half");
  onnx_node_ints(onnx_writer_node(w, "Transpose", onnx_binary(w, "MatMul", h, "down"), "b"), "perm",
                 4, 0, 3, 1, 2);
  save(w, onnx_binary(w, "Add", "b", "x"), "layer-norm");
}

/* QDQ form: weights per channel, biases of 32 bits, values in and out. */
static void
qdq(void)
{
  enum { UINT8 = 2, INT8 = 3, INT32 = 6 };
  static const int levels[] = {7, -3, 127, -128, 0, 50}, zeros[] = {0, 3}, bias[] = {1000, -70000},
                   middle[] = {128};
  static const float scales[] = {0.01f, 0.2f};
  const int64_t two = 2;
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 3, 3});
  onnx_writer_levels(w, "w8", INT8, 4, (int64_t[]){2, 3, 1, 1}, levels);
  onnx_writer_floats(w, "ws", 1, &two, scales, 0);
  onnx_writer_levels(w, "wz", INT8, 1, &two, zeros);
  onnx_writer_levels(w, "b32", INT32, 1, &two, bias);
  onnx_writer_floats(w, "s", 0, NULL, (float[]){0.05f}, 0);
  onnx_writer_levels(w, "z", UINT8, 0, NULL, middle);
  onnx_writer_node(w, "QuantizeLinear", "x s z", "q");
  onnx_writer_node(w, "DequantizeLinear", "q s z", "d");
  onnx_node_int(onnx_writer_node(w, "DequantizeLinear", "w8 ws wz", "w"), "axis", 0);
  onnx_node_int(onnx_writer_node(w, "DequantizeLinear", "b32 ws", "b"), "axis", 0);
  onnx_writer_node(w, "Conv", "d w b", "c");
  onnx_writer_node(w, "QuantizeLinear", "c s z", "e");
  onnx_writer_node(w, "MaxPool", "e", "m");
  onnx_node_ints(w->model->graph->node[w->model->graph->n_node - 1], "kernel_shape", 2, 2, 2);
  onnx_writer_node(w, "DequantizeLinear", "m s z", "f");
  save(w, onnx_binary(w, "Add", "f", "f"), "qdq");
}

/* What classifiers end in, several outputs, integers in, sizes left free. */
static void
ends(void)
{
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 2, 4, (int64_t[]){0, 3, 0, 0});
  onnx_node_int(onnx_writer_node(w, "Cast", "x", "f"), "to", 1);
  onnx_writer_output(w, "f");
  const char *y = onnx_unary(w, "GlobalAveragePool", onnx_conv(w, "f", 3, 4, 3, 2, 1, 1, TRUE));
  y = onnx_unary(w, "Flatten", y);
  onnx_writer_output(w, y);
  y = onnx_unary(w, "Softmax", onnx_gemm(w, y, 4, 5));
  onnx_node_int(onnx_writer_node(w, "ArgMax", y, "best"), "axis", 1);
  onnx_writer_ints(w, "k", 1, (int64_t[]){3});
  char *inputs = g_strdup_printf("%s k", y);
  onnx_node_output(onnx_writer_node(w, "TopK", inputs, "values"), "numbers");
  g_free(inputs);
  onnx_writer_output(w, "numbers");
  save(w, onnx_unary(w, "Squeeze", "best"), "ends");
}

/* Lists that are joined, as scripted modules have them. */
static void
lists(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 6, 5});
  onnx_writer_node(w, "SequenceConstruct", "x x", "s");
  onnx_writer_node(w, "SequenceInsert", "s x", "t");
  onnx_node_int(onnx_writer_node(w, "ConcatFromSequence", "t", "y"), "axis", 1);
  onnx_writer_node(w, "SequenceEmpty", "", "e");
  onnx_writer_node(w, "SequenceInsert", "e y", "f");
  Dcn__Onnx__Node *join = onnx_writer_node(w, "ConcatFromSequence", "f", "z");
  onnx_node_int(join, "new_axis", 0);
  onnx_node_int(join, "axis", 2);
  save(w, "z", "lists");
}

/* Lists of parts. */
static void
parts(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 6, 5});
  onnx_writer_ints(w, "two", 1, (int64_t[]){2});
  onnx_writer_ints(w, "last", 1, (int64_t[]){-1});
  onnx_writer_ints(w, "sizes", 2, (int64_t[]){4, 2});
  onnx_node_int(onnx_writer_node(w, "SplitToSequence", "x sizes", "s"), "axis", 2);
  onnx_writer_node(w, "SequenceAt", "s last", "a");
  Dcn__Onnx__Node *rows = onnx_writer_node(w, "SplitToSequence", "a", "r");
  onnx_node_int(rows, "axis", -2);
  onnx_node_int(rows, "keepdims", 0);
  onnx_writer_node(w, "SequenceAt", "r last", "b");
  onnx_writer_node(w, "SequenceInsert", "r b two", "q");
  onnx_writer_node(w, "SequenceErase", "q last", "p");
  Dcn__Onnx__Node *join = onnx_writer_node(w, "ConcatFromSequence", "p", "z");
  onnx_node_int(join, "new_axis", 1);
  onnx_node_int(join, "axis", -1);
  save(w, "z", "parts");
}

/* A mask made by assignments to parts of it. */
static void
scatter(void)
{
  OnnxWriter *w = start(16, 4, (int64_t[]){1, 3, 4, 4});
  onnx_writer_floats(w, "zeros", 2, (int64_t[]){4, 4}, NULL, 1);
  onnx_writer_ints(w, "flat", 4, (int64_t[]){1, 2, -1, 0});
  onnx_writer_ints(w, "shape", 2, (int64_t[]){2, 2});
  onnx_writer_node(w, "Reshape", "flat shape", "places");
  onnx_writer_floats(w, "new", 1, (int64_t[]){2}, (float[]){1, -2}, 0);
  onnx_writer_node(w, "ScatterND", "zeros places new", "m");
  onnx_writer_ints(w, "row", 1, (int64_t[]){3});
  onnx_writer_floats(w, "rows", 1, (int64_t[]){4}, (float[]){1, 2, 3, 4}, 0);
  onnx_node_string(onnx_writer_node(w, "ScatterND", "m row rows", "n"), "reduction", "add");
  save(w, onnx_binary(w, "Add", "x", "n"), "scatter");
}

int
main(int argc, char **argv)
{
  if (argc != 2) {
    fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 1;
  }
  folder = argv[1];
  network();
  shuffle();
  channels_last();
  swish();
  computed_shape();
  movements();
  products();
  normalisations();
  sizes();
  choices();
  functions();
  quantized();
  label_tail();
  unary_functions();
  layer_norm();
  qdq();
  ends();
  lists();
  parts();
  scatter();
  one_node("HardSigmoid", 13, "hard-sigmoid");
  one_node("LogSoftmax", 11, "log-softmax");
  one_node("LogSoftmax", 13, "log-softmax-13");
  one_node("GlobalMaxPool", 13, "global-max");
  one_node("Squeeze", 13, "squeeze");
  one_node("Dropout", 7, "dropout");

  OnnxWriter *w = start(8, 4, image);
  onnx_node_int(onnx_writer_node(w, "LRN", "x", "y"), "size", 3);
  save(w, "y", "lrn");
  w = onnx_writer_new(11);
  onnx_writer_input(w, "x", 2, 3, (int64_t[]){2, 3, 4});
  onnx_node_int(onnx_writer_node(w, "Cast", "x", "y"), "to", 1);
  save(w, "y", "cast");
  w = start(13, 5, (int64_t[]){1, 2, 3, 2, 2});
  onnx_node_int(onnx_writer_node(w, "Concat", "x x", "y"), "axis", 4);
  save(w, onnx_binary(w, "Add", "y", onnx_unary(w, "Sigmoid", "y")), "rank5");
  return 0;
}
