/* deltacnn tests: the building blocks of the well known classifiers.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "architectures.h"

static OnnxWriter *
start(int opset, int size)
{
  OnnxWriter *w = onnx_writer_new(opset);
  onnx_writer_input(w, "x", 1, 4, (int64_t[]){0, 3, size, size});
  return w;
}

static GBytes *
finish(OnnxWriter *w, const char *y)
{
  onnx_writer_output(w, y);
  return onnx_writer_finish(w);
}

static const char *
conv_relu(OnnxWriter *w, const char *x, int in, int out, int kernel, int stride, int pad,
          int groups)
{
  return onnx_unary(w, "Relu", onnx_conv(w, x, in, out, kernel, stride, pad, groups, TRUE));
}

static const char *
conv_bn(OnnxWriter *w, const char *x, int in, int out, int kernel, int stride, int pad, int groups)
{
  return onnx_batch_norm(w, onnx_conv(w, x, in, out, kernel, stride, pad, groups, FALSE), out);
}

static const char *
conv_bn_relu(OnnxWriter *w, const char *x, int in, int out, int kernel, int stride, int pad,
             int groups)
{
  return onnx_unary(w, "Relu", conv_bn(w, x, in, out, kernel, stride, pad, groups));
}

static const char *
lrn(OnnxWriter *w, const char *x)
{
  const char *y = onnx_name(w, "lrn");
  Dcn__Onnx__Node *node = onnx_writer_node(w, "LRN", x, y);
  onnx_node_int(node, "size", 5);
  onnx_node_float(node, "alpha", 0.1f);
  return y;
}

static const char *
concat(OnnxWriter *w, const char *inputs)
{
  const char *y = onnx_name(w, "cat");
  onnx_node_int(onnx_writer_node(w, "Concat", inputs, y), "axis", 1);
  return y;
}

static const char *
classify(OnnxWriter *w, const char *x, int channels)
{
  const char *y = onnx_unary(w, "Flatten", onnx_unary(w, "GlobalAveragePool", x));
  return onnx_unary(w, "Softmax", onnx_gemm(w, y, channels, 10));
}

/* Two groups, LRN, fully connected layers with dropout, as the original. */
static GBytes *
alexnet_grouped(void)
{
  OnnxWriter *w = start(9, 47);
  const char *y = lrn(w, conv_relu(w, "x", 3, 12, 11, 4, 0, 1));
  y = onnx_pool(w, "MaxPool", y, 3, 2, 0, FALSE);
  y = onnx_pool(w, "MaxPool", lrn(w, conv_relu(w, y, 12, 20, 5, 1, 2, 2)), 3, 1, 0, FALSE);
  y = onnx_reshape(w, y, 2, (int64_t[]){1, -1});
  y = onnx_unary(w, "Dropout", onnx_unary(w, "Relu", onnx_gemm(w, y, 20 * 2 * 2, 24)));
  return finish(w, onnx_unary(w, "Softmax", onnx_gemm(w, y, 24, 10)));
}

/* One tower, as newer frameworks export it: adaptive pool by fixed window, Flatten, no LRN. */
static GBytes *
alexnet_one_tower(void)
{
  OnnxWriter *w = start(17, 63);
  const char *y = onnx_pool(w, "MaxPool", conv_relu(w, "x", 3, 8, 11, 4, 2, 1), 3, 2, 0, FALSE);
  y = conv_relu(w, y, 8, 12, 5, 1, 2, 1);
  y = onnx_unary(w, "Flatten", onnx_pool(w, "AveragePool", y, 2, 2, 0, FALSE));
  y = onnx_unary(w, "Relu", onnx_gemm(w, y, 12 * 3 * 3, 16));
  return finish(w, onnx_gemm(w, y, 16, 10));
}

static GBytes *
vgg(void)
{
  OnnxWriter *w = start(9, 16);
  const char *y = conv_relu(w, conv_relu(w, "x", 3, 8, 3, 1, 1, 1), 8, 8, 3, 1, 1, 1);
  y = onnx_pool(w, "MaxPool", y, 2, 2, 0, FALSE);
  y = onnx_pool(w, "MaxPool", conv_relu(w, y, 8, 16, 3, 1, 1, 1), 2, 2, 0, FALSE);
  return finish(w, onnx_gemm(w, onnx_unary(w, "Flatten", y), 16 * 4 * 4, 10));
}

static GBytes *
googlenet(void)
{
  OnnxWriter *w = start(10, 21);
  const char *y =
      onnx_pool(w, "MaxPool", lrn(w, conv_relu(w, "x", 3, 16, 3, 2, 1, 1)), 3, 2, 0, TRUE);
  const char *a = conv_relu(w, y, 16, 8, 1, 1, 0, 1);
  const char *b = conv_relu(w, conv_relu(w, y, 16, 6, 1, 1, 0, 1), 6, 12, 3, 1, 1, 1);
  const char *c = conv_relu(w, conv_relu(w, y, 16, 4, 1, 1, 0, 1), 4, 8, 5, 1, 2, 1);
  const char *d = conv_relu(w, onnx_pool(w, "MaxPool", y, 3, 1, 1, FALSE), 16, 4, 1, 1, 0, 1);
  char *names = g_strdup_printf("%s %s %s %s", a, b, c, d);
  y = concat(w, names);
  g_free(names);
  return finish(w, classify(w, y, 32));
}

static GBytes *
squeezenet(void)
{
  OnnxWriter *w = start(12, 19);
  const char *y = onnx_pool(w, "MaxPool", conv_relu(w, "x", 3, 16, 3, 2, 0, 1), 3, 2, 0, TRUE);
  const char *s = conv_relu(w, y, 16, 4, 1, 1, 0, 1);
  char *names = g_strdup_printf("%s %s", conv_relu(w, s, 4, 8, 1, 1, 0, 1),
                                conv_relu(w, s, 4, 8, 3, 1, 1, 1));
  y = conv_relu(w, onnx_unary(w, "Dropout", concat(w, names)), 16, 10, 1, 1, 0, 1);
  g_free(names);
  y = onnx_reshape(w, onnx_unary(w, "GlobalAveragePool", y), 2, (int64_t[]){0, -1});
  return finish(w, onnx_unary(w, "LogSoftmax", y));
}

static GBytes *
resnet(void)
{
  OnnxWriter *w = start(11, 32);
  const char *x = onnx_pool(w, "MaxPool", conv_bn_relu(w, "x", 3, 16, 7, 2, 3, 1), 3, 2, 1, FALSE);
  const char *y = conv_bn_relu(w, conv_bn_relu(w, x, 16, 8, 1, 1, 0, 1), 8, 8, 3, 2, 1, 1);
  y = conv_bn(w, y, 8, 32, 1, 1, 0, 1);
  const char *shortcut = conv_bn(w, x, 16, 32, 1, 2, 0, 1);
  y = onnx_unary(w, "Relu", onnx_binary(w, "Add", y, shortcut));
  return finish(w, classify(w, y, 32));
}

static const char *
clip6(OnnxWriter *w, const char *x)
{
  const char *low = onnx_name(w, "low"), *high = onnx_name(w, "high"), *y = onnx_name(w, "clip");
  onnx_writer_floats(w, low, 0, NULL, (float[]){0}, 0);
  onnx_writer_floats(w, high, 0, NULL, (float[]){6}, 0);
  char *inputs = g_strdup_printf("%s %s %s", x, low, high);
  onnx_writer_node(w, "Clip", inputs, y);
  g_free(inputs);
  return y;
}

/* Depthwise and pointwise, ReLU6, a residual without activation. */
static GBytes *
mobilenet_v2(void)
{
  OnnxWriter *w = start(12, 24);
  const char *x = clip6(w, conv_bn(w, "x", 3, 8, 3, 2, 1, 1));
  const char *y = clip6(w, conv_bn(w, x, 8, 24, 1, 1, 0, 1));
  y = clip6(w, conv_bn(w, y, 24, 24, 3, 1, 1, 24));
  y = onnx_binary(w, "Add", x, conv_bn(w, y, 24, 8, 1, 1, 0, 1));
  return finish(w, classify(w, y, 8));
}

static const char *
scalar(OnnxWriter *w, float value)
{
  const char *name = onnx_name(w, "k");
  onnx_writer_floats(w, name, 0, NULL, &value, 0);
  return name;
}

/* x * clip(x + 3, 0, 6) / 6, as exporters without the operator write it. */
static const char *
hard_swish_spelled_out(OnnxWriter *w, const char *x, gboolean divide_first)
{
  const char *y = clip6(w, onnx_binary(w, "Add", x, scalar(w, 3)));
  if (divide_first)
    return onnx_binary(w, "Mul", x, onnx_binary(w, "Div", y, scalar(w, 6)));
  return onnx_binary(w, "Div", onnx_binary(w, "Mul", x, y), scalar(w, 6));
}

static const char *
squeeze_excite(OnnxWriter *w, const char *x, int channels)
{
  const char *s =
      conv_relu(w, onnx_unary(w, "GlobalAveragePool", x), channels, channels / 4, 1, 1, 0, 1);
  const char *gate = onnx_name(w, "gate");
  s = onnx_conv(w, s, channels / 4, channels, 1, 1, 0, 1, TRUE);
  onnx_node_float(onnx_writer_node(w, "HardSigmoid", s, gate), "alpha", 1.0f / 6);
  return onnx_binary(w, "Mul", gate, x);
}

static GBytes *
mobilenet_v3_operators(void)
{
  OnnxWriter *w = start(14, 24);
  const char *x = onnx_unary(w, "HardSwish", conv_bn(w, "x", 3, 8, 3, 2, 1, 1));
  const char *y = onnx_unary(w, "HardSwish", conv_bn(w, x, 8, 16, 1, 1, 0, 1));
  y = onnx_unary(w, "HardSwish", conv_bn(w, y, 16, 16, 5, 2, 2, 16));
  y = squeeze_excite(w, y, 16);
  y = onnx_unary(w, "HardSwish", conv_bn(w, y, 16, 20, 1, 1, 0, 1));
  return finish(w, classify(w, y, 20));
}

static GBytes *
mobilenet_v3_spelled_out(void)
{
  OnnxWriter *w = start(11, 24);
  const char *x = hard_swish_spelled_out(w, conv_bn(w, "x", 3, 8, 3, 2, 1, 1), TRUE);
  const char *y = hard_swish_spelled_out(w, conv_bn(w, x, 8, 16, 1, 1, 0, 1), FALSE);
  const char *gate = onnx_name(w, "gate");
  onnx_node_float(onnx_writer_node(w, "HardSigmoid", y, gate), "alpha", 1.0f / 6);
  y = squeeze_excite(w, onnx_binary(w, "Mul", y, gate), 16);
  return finish(w, classify(w, y, 16));
}

/* x times its sigmoid, in either order. */
static const char *
silu(OnnxWriter *w, const char *x, gboolean gate_first)
{
  const char *gate = onnx_unary(w, "Sigmoid", x);
  return gate_first ? onnx_binary(w, "Mul", gate, x) : onnx_binary(w, "Mul", x, gate);
}

static GBytes *
efficientnet(void)
{
  OnnxWriter *w = start(13, 24);
  const char *x = silu(w, conv_bn(w, "x", 3, 8, 3, 2, 1, 1), FALSE);
  const char *y = silu(w, conv_bn(w, x, 8, 16, 1, 1, 0, 1), TRUE);
  y = silu(w, conv_bn(w, y, 16, 16, 5, 1, 2, 16), FALSE);
  const char *s = onnx_conv(w, onnx_unary(w, "GlobalAveragePool", y), 16, 4, 1, 1, 0, 1, TRUE);
  s = onnx_conv(w, silu(w, s, FALSE), 4, 16, 1, 1, 0, 1, TRUE);
  y = onnx_binary(w, "Mul", onnx_unary(w, "Sigmoid", s), y);
  y = onnx_binary(w, "Add", conv_bn(w, y, 16, 8, 1, 1, 0, 1), x);
  return finish(w, classify(w, silu(w, conv_bn(w, y, 8, 20, 1, 1, 0, 1), FALSE), 20));
}

static const char *
mish(OnnxWriter *w, const char *x)
{
  return onnx_binary(w, "Mul", x, onnx_unary(w, "Tanh", onnx_unary(w, "Softplus", x)));
}

static GBytes *
darknet(void)
{
  OnnxWriter *w = start(13, 24);
  const char *x = mish(w, conv_bn(w, "x", 3, 8, 3, 2, 1, 1));
  const char *y = mish(w, conv_bn(w, mish(w, conv_bn(w, x, 8, 4, 1, 1, 0, 1)), 4, 8, 3, 1, 1, 1));
  return finish(w, classify(w, onnx_binary(w, "Add", x, y), 8));
}

/* x * (1 + erf(x / sqrt(2))) / 2: the product halved, or x, or the gate. */
static const char *
gelu_spelled_out(OnnxWriter *w, const char *x, int form)
{
  const char *erf = onnx_unary(w, "Erf", onnx_binary(w, "Div", x, scalar(w, 1.4142135f)));
  const char *gate = onnx_binary(w, "Add", erf, scalar(w, 1));
  if (form == 0)
    return onnx_binary(w, "Mul", onnx_binary(w, "Mul", x, gate), scalar(w, 0.5f));
  if (form == 1)
    return onnx_binary(w, "Mul", onnx_binary(w, "Mul", x, scalar(w, 0.5f)), gate);
  return onnx_binary(w, "Mul", onnx_binary(w, "Mul", gate, scalar(w, 0.5f)), x);
}

/* Channels last, and back: normalised over them, a product with a matrix and a bias. */
static const char *
permuted(OnnxWriter *w, const char *x, gboolean back)
{
  const char *y = onnx_name(w, "t");
  Dcn__Onnx__Node *node = onnx_writer_node(w, "Transpose", x, y);
  if (back)
    onnx_node_ints(node, "perm", 4, 0, 3, 1, 2);
  else
    onnx_node_ints(node, "perm", 4, 0, 2, 3, 1);
  return y;
}

static const char *
constant(OnnxWriter *w, int rank, int a, int b)
{
  const char *name = onnx_name(w, "constant");
  onnx_writer_floats(w, name, rank, (int64_t[]){a, b}, NULL, 0.4f);
  return name;
}

static const char *
linear(OnnxWriter *w, const char *x, int in, int out)
{
  return onnx_binary(w, "Add", onnx_binary(w, "MatMul", x, constant(w, 2, in, out)),
                     constant(w, 1, out, 0));
}

static GBytes *
convnext(void)
{
  OnnxWriter *w = start(17, 24);
  const char *x = onnx_conv(w, "x", 3, 8, 4, 4, 0, 1, TRUE);
  for (int form = 0; form < 3; form++) {
    const char *y = permuted(w, onnx_conv(w, x, 8, 8, 7, 1, 3, 8, TRUE), FALSE);
    const char *normalised = onnx_name(w, "ln");
    char *inputs = g_strdup_printf("%s %s %s", y, constant(w, 1, 8, 0), constant(w, 1, 8, 0));
    onnx_writer_node(w, "LayerNormalization", inputs, normalised);
    g_free(inputs);
    y = linear(w, gelu_spelled_out(w, linear(w, normalised, 8, 20), form), 20, 8);
    x = onnx_binary(w, "Add", x, permuted(w, onnx_binary(w, "Mul", constant(w, 1, 8, 0), y), TRUE));
  }
  return finish(w, classify(w, x, 8));
}

static const char *
channel_shuffle(OnnxWriter *w, const char *x, int groups, int channels, int size)
{
  const char *y = onnx_reshape(w, x, 5, (int64_t[]){1, groups, channels / groups, size, size}),
             *t = onnx_name(w, "t");
  onnx_node_ints(onnx_writer_node(w, "Transpose", y, t), "perm", 5, 0, 2, 1, 3, 4);
  return onnx_reshape(w, t, 4, (int64_t[]){1, channels, size, size});
}

static GBytes *
shufflenet_v1(void)
{
  OnnxWriter *w = start(9, 20);
  const char *x = onnx_pool(w, "MaxPool", conv_bn_relu(w, "x", 3, 12, 3, 2, 1, 1), 3, 2, 1, FALSE);
  const char *y = conv_bn_relu(w, x, 12, 12, 1, 1, 0, 3);
  y = conv_bn(w, channel_shuffle(w, y, 3, 12, 5), 12, 12, 3, 1, 1, 12);
  y = onnx_unary(w, "Relu", onnx_binary(w, "Add", conv_bn(w, y, 12, 12, 1, 1, 0, 3), x));
  return finish(w, classify(w, y, 12));
}

/* Split of the channels, again of shuffled ones, and the batch size computed from the shape of the input. */
static GBytes *
shufflenet_v2(void)
{
  OnnxWriter *w = start(11, 16);
  const char *x = conv_bn_relu(w, "x", 3, 16, 3, 2, 1, 1);
  const char *y = x;
  for (int unit = 0; unit < 2; unit++) {
    const char *left = onnx_name(w, "left"), *right = onnx_name(w, "right");
    Dcn__Onnx__Node *split = onnx_writer_node(w, "Split", y, left);
    onnx_node_output(split, right);
    onnx_node_int(split, "axis", 1);
    y = conv_bn_relu(w, right, 8, 8, 1, 1, 0, 1);
    y = conv_bn_relu(w, conv_bn(w, y, 8, 8, 3, 1, 1, 8), 8, 8, 1, 1, 0, 1);
    char *names = g_strdup_printf("%s %s", left, y);
    y = channel_shuffle(w, concat(w, names), 2, 16, 8);
    g_free(names);
  }
  onnx_writer_node(w, "ReduceMean", y, "mean");
  onnx_node_ints(w->model->graph->node[w->model->graph->n_node - 1], "axes", 2, 2, 3);
  onnx_node_int(w->model->graph->node[w->model->graph->n_node - 1], "keepdims", 0);
  /* view(x.size(0), -1) */
  onnx_writer_node(w, "Shape", y, "shape");
  onnx_writer_ints(w, "zero", 1, (int64_t[]){0});
  onnx_writer_ints(w, "minus", 1, (int64_t[]){-1});
  onnx_writer_node(w, "Gather", "shape zero", "batch");
  onnx_node_int(onnx_writer_node(w, "Concat", "batch minus", "flat"), "axis", 0);
  return finish(w, onnx_gemm(w, onnx_binary(w, "Reshape", "mean", "flat"), 16, 10));
}

static GBytes *
densenet(void)
{
  OnnxWriter *w = start(9, 16);
  const char *x = onnx_pool(w, "MaxPool", conv_bn_relu(w, "x", 3, 16, 3, 2, 1, 1), 3, 2, 1, FALSE);
  int channels = 16;
  for (int i = 0; i < 3; i++) {
    const char *y = onnx_unary(w, "Relu", onnx_batch_norm(w, x, channels));
    y = onnx_conv(w, conv_bn_relu(w, y, channels, 12, 1, 1, 0, 1), 12, 4, 3, 1, 1, 1, FALSE);
    char *names = g_strdup_printf("%s %s", x, y);
    x = concat(w, names);
    g_free(names);
    channels += 4;
  }
  x = onnx_conv(w, onnx_unary(w, "Relu", onnx_batch_norm(w, x, channels)), channels, 8, 1, 1, 0, 1,
                FALSE);
  return finish(w, classify(w, onnx_pool(w, "AveragePool", x, 2, 2, 0, FALSE), 8));
}

static const char *
transpose(OnnxWriter *w, const char *x, int a, int b, int c, int d)
{
  const char *y = onnx_name(w, "t");
  onnx_node_ints(onnx_writer_node(w, "Transpose", x, y), "perm", 4, a, b, c, d);
  return y;
}

/* NHWC input, normalised there, padded by an operator of its own, transposed around the layers. */
static GBytes *
converted_nhwc(void)
{
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 1, 4, (int64_t[]){0, 32, 32, 3});
  const char *mean = onnx_name(w, "mean");
  onnx_writer_floats(w, mean, 1, (int64_t[]){3}, (float[]){0.485f, 0.456f, 0.406f}, 0);
  const char *y = onnx_binary(w, "Sub", onnx_binary(w, "Mul", "x", scalar(w, 1.0f / 255)), mean);
  y = transpose(w, y, 0, 3, 1, 2);
  onnx_writer_ints(w, "pads", 8, (int64_t[]){0, 0, 0, 0, 0, 0, 1, 1});
  y = conv_bn_relu(w, onnx_binary(w, "Pad", y, "pads"), 3, 8, 3, 2, 0, 1);
  onnx_writer_ints(w, "pads1", 8, (int64_t[]){0, 0, 1, 1, 0, 0, 1, 1});
  y = onnx_pool(w, "MaxPool", onnx_binary(w, "Pad", y, "pads1"), 3, 2, 0, FALSE);
  y = transpose(w, y, 0, 2, 3, 1);
  y = onnx_unary(w, "Relu", y);
  y = transpose(w, y, 0, 3, 1, 2);
  y = conv_bn_relu(w, y, 8, 12, 1, 1, 0, 1);
  const char *pooled = onnx_name(w, "pooled");
  Dcn__Onnx__Node *reduce = onnx_writer_node(w, "ReduceMean", transpose(w, y, 0, 2, 3, 1), pooled);
  onnx_node_ints(reduce, "axes", 2, 1, 2);
  onnx_node_int(reduce, "keepdims", 0);
  const char *weights = onnx_name(w, "w"), *bias = onnx_name(w, "b");
  onnx_writer_floats(w, weights, 2, (int64_t[]){12, 10}, NULL, 0.5f);
  onnx_writer_floats(w, bias, 1, (int64_t[]){10}, NULL, 0.5f);
  y = onnx_binary(w, "Add", onnx_binary(w, "MatMul", pooled, weights), bias);
  return finish(w, onnx_unary(w, "Softmax", y));
}

const Architecture architectures[] = {
    {"alexnet-grouped", alexnet_grouped, 1, 0, 0},
    {"alexnet-one-tower", alexnet_one_tower, 1, 0, 0},
    {"vgg", vgg, 1, 0, 0},
    {"googlenet", googlenet, 0, 0, 0},
    {"squeezenet", squeezenet, 0, 0, 0},
    {"resnet", resnet, 0, 0, 0},
    {"mobilenet-v2", mobilenet_v2, 0, 0, 0},
    {"mobilenet-v3", mobilenet_v3_operators, 0, 0, 0},
    {"mobilenet-v3-spelled-out", mobilenet_v3_spelled_out, 0, 0, 1},
    {"efficientnet", efficientnet, 0, 0, 0},
    {"darknet", darknet, 0, 0, 0},
    {"convnext", convnext, 0, 0, 0},
    {"shufflenet-v1", shufflenet_v1, 1, 0, 0},
    {"shufflenet-v2", shufflenet_v2, 5, 0, 0},
    {"densenet", densenet, 0, 4, 0},
    {"converted-nhwc", converted_nhwc, 0, 1, 1},
};
const int n_architectures = G_N_ELEMENTS(architectures);
