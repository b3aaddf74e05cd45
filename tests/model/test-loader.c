/* deltacnn tests: what the loader accepts, and what it says about models that it cannot load.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkprogram.h"
#include "model/onnx.h"
#include "onnxwriter.h"
#include "reference.h"
#include "util/error.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static DcnProgram *
load_bytes(GBytes *bytes, const DcnOnnxOptions *options, GError **error)
{
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  DcnProgram *program = dcn_onnx_load_memory(data, size, "model.onnx", options, error);
  g_bytes_unref(bytes);
  if (program)
    g_assert_cmpstr(check_program(program), ==, NULL);
  return program;
}

/* The model must be refused with this code and a message that holds these words. */
static void
refuse(OnnxWriter *w, int code, const char *words)
{
  GError *error = NULL;
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_null(program);
  g_assert_error(error, DCN_ERROR, code);
  g_assert_true(g_utf8_validate(error->message, -1, NULL));
  g_assert_true(g_str_has_prefix(error->message, "model.onnx: "));
  if (!strstr(error->message, words))
    g_error("\"%s\" does not say \"%s\"", error->message, words);
  g_error_free(error);
}

/* The first output of a model that must load. */
static float *
compute(OnnxWriter *w, const float *input, size_t n_wanted)
{
  GError *error = NULL;
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(dcn_value_elements(&program->values[program->outputs[0]]), ==, n_wanted);
  float **values = reference_run(program, input);
  float *out = reference_logical(program, values, program->outputs[0]);
  reference_free(program, values);
  dcn_program_free(program);
  return out;
}

static OnnxWriter *
start(int opset, int rank, const int64_t *dims)
{
  OnnxWriter *w = onnx_writer_new(opset);
  onnx_writer_input(w, "x", 1, rank, dims);
  return w;
}

static OnnxWriter *
start_image(void)
{
  return start(13, 4, (int64_t[]){1, 3, 8, 8});
}

static OnnxWriter *
with_output(OnnxWriter *w, const char *y)
{
  onnx_writer_output(w, y);
  return w;
}

static OnnxWriter *
with_node(OnnxWriter *w, const char *op_type, const char *inputs)
{
  onnx_writer_node(w, op_type, inputs, "y");
  return with_output(w, "y");
}

static Dcn__Onnx__Node *
last_node(OnnxWriter *w)
{
  return w->model->graph->node[w->model->graph->n_node - 1];
}

/* Files. */

static void
test_files(void)
{
  GError *error = NULL;
  g_assert_null(dcn_onnx_load_file("/no/such/model.onnx", NULL, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_assert_nonnull(strstr(error->message, "/no/such/model.onnx"));
  g_clear_error(&error);
  g_assert_null(dcn_onnx_load_file(g_get_tmp_dir(), NULL, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_clear_error(&error);

  static const char *const texts[] = {"", "not a model", "{\"json\": 1}"};
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
    g_assert_null(
        dcn_onnx_load_memory((const uint8_t *)texts[i], strlen(texts[i]), "t.onnx", NULL, &error));
    g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "not an ONNX model"));
    g_clear_error(&error);
  }
}

static void
test_truncated(void)
{
  OnnxWriter *w = start_image();
  GBytes *bytes = onnx_writer_finish(with_output(w, onnx_conv(w, "x", 3, 4, 3, 1, 1, 1, TRUE)));
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  for (size_t cut = 0; cut < size; cut++) {
    GError *error = NULL;
    uint8_t *copy = g_memdup2(data, cut);
    DcnProgram *program = dcn_onnx_load_memory(copy, cut, "t.onnx", NULL, &error);
    /* Only the list of operator sets comes after the graph: without it the model is an old one. */
    g_assert_true((program == NULL) == (error != NULL));
    if (cut < size - 8)
      g_assert_null(program);
    dcn_program_free(program);
    g_clear_error(&error);
    g_free(copy);
  }
  g_bytes_unref(bytes);
}

/* Graphs. */

static void
test_graph_errors(void)
{
  OnnxWriter *w;
  refuse(with_node(start_image(), "Det", "x"), DCN_ERROR_UNSUPPORTED, "Det");
  refuse(with_node(start_image(), "Det", "x"), DCN_ERROR_UNSUPPORTED, "node_y");
  w = with_node(start_image(), "Relu", "x");
  last_node(w)->domain = strdup("com.example");
  refuse(w, DCN_ERROR_UNSUPPORTED, "com.example");
  w = with_node(start_image(), "\xff\xfe", "x");
  refuse(w, DCN_ERROR_UNSUPPORTED, "is not supported");

  w = start_image();
  onnx_writer_node(w, "Add", "x b", "a");
  onnx_writer_node(w, "Relu", "a", "b");
  refuse(with_output(w, "b"), DCN_ERROR_INVALID, "cycle");
  refuse(with_node(start_image(), "Add", "x y"), DCN_ERROR_INVALID, "cycle");
  refuse(with_node(start_image(), "Relu", "nowhere"), DCN_ERROR_INVALID, "\"nowhere\"");
  refuse(with_output(start_image(), "nowhere"), DCN_ERROR_INVALID, "\"nowhere\"");
  w = with_node(start_image(), "Relu", "x");
  onnx_writer_node(w, "Tanh", "x", "y");
  refuse(w, DCN_ERROR_INVALID, "twice");
  w = start_image();
  onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_INVALID, "twice");
  w = start_image();
  onnx_writer_node(w, "Relu", "x", "y");
  refuse(w, DCN_ERROR_INVALID, "no output");
  w = start_image();
  onnx_writer_input(w, "second", 1, 4, (int64_t[]){1, 3, 8, 8});
  refuse(with_node(w, "Add", "x second"), DCN_ERROR_UNSUPPORTED, "more than one input");
  refuse(with_node(start(99, 4, (int64_t[]){1, 3, 8, 8}), "Relu", "x"), DCN_ERROR_UNSUPPORTED,
         "operator set 99");
  refuse(with_node(start(0, 4, (int64_t[]){1, 3, 8, 8}), "Relu", "x"), DCN_ERROR_INVALID,
         "operator set 0");
}

static void
test_input_errors(void)
{
  refuse(with_node(start(13, 4, (int64_t[]){1, 3, 0, 8}), "Relu", "x"), DCN_ERROR_INVALID, "free");
  refuse(with_node(start(13, 4, (int64_t[]){1, 3, 100000, 100000}), "Relu", "x"), DCN_ERROR_MEMORY,
         "too many elements");
  refuse(with_node(start(13, 4, (int64_t[]){G_MAXINT64, 3, G_MAXINT64, 8}), "Relu", "x"),
         DCN_ERROR_MEMORY, "too many elements");
  refuse(with_node(start(13, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}), "Relu", "x"),
         DCN_ERROR_UNSUPPORTED, "rank 9");
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 2, 4, (int64_t[]){1, 3, 8, 8});
  refuse(with_node(w, "Relu", "x"), DCN_ERROR_UNSUPPORTED, "integers");
  w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 8, 1, (int64_t[]){1});
  refuse(with_node(w, "Identity", "x"), DCN_ERROR_UNSUPPORTED, "element type");
}

/* Weights. */

static void
test_constant_errors(void)
{
  OnnxWriter *w = start_image();
  Dcn__Onnx__Tensor *t = onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  t->raw_data.len -= 4;
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_INVALID, "should have 3 elements, but data for 2");
  w = start_image();
  t = onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  t->raw_data.len -= 1;
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_INVALID, "should have 3 elements");
  w = start_image();
  t = onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  t->dims[0] = -3;
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_INVALID, "negative or too large");
  w = start_image();
  t = onnx_writer_floats(w, "c", 2, (int64_t[]){3, 1}, NULL, 1);
  t->dims[0] = (int64_t)1 << 40;
  t->dims[1] = (int64_t)1 << 24;
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_INVALID, "negative or too large");
  w = start_image();
  t = onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  t->data_type = 14; /* complex */
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_UNSUPPORTED, "element type 14");

  /* A few bytes must not become gigabytes. */
  w = start_image();
  onnx_writer_ints(w, "s", 3, (int64_t[]){1000, 1000, 1000});
  onnx_writer_node(w, "ConstantOfShape", "s", "c");
  refuse(with_node(w, "Add", "x c"), DCN_ERROR_MEMORY, "too many elements");
  w = start_image();
  onnx_writer_ints(w, "s", 5, (int64_t[]){100000, 100000, 3, 8, 8});
  refuse(with_node(w, "Expand", "x s"), DCN_ERROR_MEMORY, "too many elements");
  w = start_image();
  onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 0, 0, 0, 0, (int64_t)1 << 27, (int64_t)1 << 27});
  refuse(with_node(w, "Pad", "x p"), DCN_ERROR_MEMORY, "too many elements");
}

/* Operators. */

static void
test_operator_errors(void)
{
  OnnxWriter *w = start_image();
  refuse(with_output(w, onnx_conv(w, "x", 4, 4, 3, 1, 1, 1, TRUE)), DCN_ERROR_INVALID,
         "does not fit an input of 3 channels");
  w = start_image();
  refuse(with_output(w, onnx_conv(w, "x", 3, 4, 11, 1, 1, 1, TRUE)), DCN_ERROR_INVALID,
         "larger than its padded input");
  w = start(13, 2, (int64_t[]){1, 3});
  onnx_writer_floats(w, "w", 2, (int64_t[]){4, 3}, NULL, 1);
  refuse(with_node(w, "Conv", "x w"), DCN_ERROR_INVALID, "rank 2");
  w = start(13, 5, (int64_t[]){1, 3, 4, 4, 4});
  onnx_writer_floats(w, "w", 5, (int64_t[]){4, 3, 1, 1, 1}, NULL, 1);
  refuse(with_node(w, "Conv", "x w"), DCN_ERROR_UNSUPPORTED, "rank 5");
  refuse(with_node(start_image(), "Conv", "x x"), DCN_ERROR_UNSUPPORTED, "must be constant");
  refuse(with_node(start_image(), "Conv", "x"), DCN_ERROR_INVALID, "input 2 is missing");

  static const int bad_strides[] = {0, -1, 1 << 21};
  for (size_t i = 0; i < G_N_ELEMENTS(bad_strides); i++) {
    w = with_node(start_image(), "MaxPool", "x");
    onnx_node_ints(last_node(w), "kernel_shape", 2, 2, 2);
    onnx_node_ints(last_node(w), "strides", 2, 1, bad_strides[i]);
    refuse(w, bad_strides[i] < 0 ? DCN_ERROR_UNSUPPORTED : DCN_ERROR_INVALID, "strides");
  }
  w = with_node(start_image(), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 2, 2, 2);
  onnx_node_ints(last_node(w), "pads", 4, 2, 0, 0, 0);
  refuse(w, DCN_ERROR_INVALID, "only padding");
  w = with_node(start_image(), "MaxPool", "x");
  refuse(w, DCN_ERROR_INVALID, "kernel_shape");
  w = with_node(start_image(), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 3, 2, 2, 2);
  refuse(w, DCN_ERROR_INVALID, "3 elements instead of 2");
  w = with_node(start_image(), "LeakyRelu", "x");
  onnx_node_string(last_node(w), "alpha", "steep");
  refuse(w, DCN_ERROR_INVALID, "\"alpha\" has the wrong type");

  w = start_image();
  refuse(with_output(w, onnx_reshape(w, "x", 2, (int64_t[]){5, -1})), DCN_ERROR_INVALID,
         "as many elements");
  w = start_image();
  refuse(with_output(w, onnx_reshape(w, "x", 2, (int64_t[]){-1, -1})), DCN_ERROR_INVALID,
         "two dimensions open");
  w = start_image();
  refuse(with_output(w, onnx_reshape(w, "x", 5, (int64_t[]){1, 3, 8, 8, 0})), DCN_ERROR_INVALID,
         "dimension 4");
  w = start_image();
  refuse(with_output(w, onnx_reshape(w, "x", 1, (int64_t[]){-7})), DCN_ERROR_INVALID, "negative");
  w = with_node(start_image(), "Transpose", "x");
  onnx_node_ints(last_node(w), "perm", 4, 0, 1, 1, 2);
  refuse(w, DCN_ERROR_INVALID, "twice");
  w = start_image();
  onnx_writer_ints(w, "i", 1, (int64_t[]){3});
  w = with_node(w, "Gather", "x i");
  onnx_node_int(last_node(w), "axis", 1);
  refuse(w, DCN_ERROR_INVALID, "index 3 is outside of 3");
  w = with_node(start_image(), "Concat", "x x");
  onnx_node_int(last_node(w), "axis", 4);
  refuse(w, DCN_ERROR_INVALID, "axis 4");
  w = with_node(start_image(), "Cast", "x");
  onnx_node_int(last_node(w), "to", 7);
  refuse(w, DCN_ERROR_UNSUPPORTED, "cast to integers");
  w = start_image();
  onnx_writer_floats(w, "p", 1, (int64_t[]){4}, NULL, 1);
  refuse(with_node(w, "BatchNormalization", "x p p p p"), DCN_ERROR_INVALID, "per channel");
  w = start_image();
  onnx_writer_floats(w, "m", 2, (int64_t[]){7, 5}, NULL, 1);
  refuse(with_node(w, "MatMul", "x m"), DCN_ERROR_INVALID, "do not fit");
  w = start_image();
  onnx_writer_floats(w, "m", 1, (int64_t[]){5}, NULL, 1);
  refuse(with_node(w, "Add", "x m"), DCN_ERROR_INVALID, "do not fit");
  w = with_node(start_image(), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 2, 2, 2);
  onnx_node_output(last_node(w), "indices");
  refuse(with_output(w, "indices"), DCN_ERROR_UNSUPPORTED, "indices");
}

/* Long chains: no recursion, and no time that grows with the square of their length. */
/* Some bytes that ask for gigabytes are refused at once: with the tables made first this took half a minute. */
static void
test_large_resize(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 1, 1, 1});
  onnx_writer_ints(w, "to", 4, (int64_t[]){1, 100000000, 1, 1});
  onnx_writer_node(w, "Resize", "x - - to", "y");
  onnx_node_string(last_node(w), "mode", "cubic");
  const gint64 start_time = g_get_monotonic_time();
  refuse(with_output(w, "y"), DCN_ERROR_MEMORY, "too large");
  g_assert_cmpint(g_get_monotonic_time() - start_time, <, 2 * G_TIME_SPAN_SECOND);
}

/* Lists of tensors; long ones from few bytes among them. */
static void
test_list_errors(void)
{
  OnnxWriter *w = start_image();
  onnx_writer_node(w, "SequenceConstruct", "x x", "s");
  onnx_writer_ints(w, "two", 1, (int64_t[]){2});
  refuse(with_node(w, "SequenceAt", "s two"), DCN_ERROR_INVALID, "outside of a list of 2 tensors");
  w = start_image();
  onnx_writer_node(w, "SequenceConstruct", "x x", "s");
  refuse(with_node(w, "Relu", "s"), DCN_ERROR_UNSUPPORTED, "a list of tensors");
  w = start_image();
  onnx_writer_node(w, "SequenceEmpty", "", "s");
  refuse(with_node(w, "SequenceErase", "s"), DCN_ERROR_INVALID, "empty");
  refuse(with_node(start_image(), "SequenceLength", "x"), DCN_ERROR_INVALID, "not a list");
  w = start(13, 4, (int64_t[]){1, 3, 1, 100000});
  onnx_node_int(onnx_writer_node(w, "SplitToSequence", "x", "s"), "axis", 3);
  refuse(with_node(w, "SequenceLength", "s"), DCN_ERROR_UNSUPPORTED, "more than 4096 tensors");
  /* Each list is read once more, after the last one was made, so that none can be changed in its place. */
  w = start_image();
  onnx_writer_node(w, "SequenceConstruct", "x", "s0");
  onnx_writer_node(w, "SequenceLength", "s0", "0");
  for (int i = 1; i <= 6000; i++) {
    char list[16], *inputs = g_strdup_printf("s%d x", i - 1);
    g_snprintf(list, sizeof list, "s%d", i);
    onnx_writer_node(w, "SequenceInsert", inputs, list);
    onnx_writer_node(w, "SequenceLength", list, list + 1);
    g_free(inputs);
  }
  for (int i = 5999; i >= 0; i--) {
    char *inputs = g_strdup_printf(i == 5999 ? "%d %d" : "n%d %d", i + 1, i);
    char *sum = g_strdup_printf("n%d", i);
    onnx_writer_node(w, "Add", inputs, sum);
    g_free(inputs);
    g_free(sum);
  }
  refuse(with_output(w, "n0"), DCN_ERROR_MEMORY, "lists are too long");
}

static void
test_long_chain(void)
{
  static const char *const types[] = {"Relu", "Transpose"};
  for (size_t t = 0; t < G_N_ELEMENTS(types); t++) {
    OnnxWriter *w = start(13, 2, (int64_t[]){2, 3});
    char name[2][16] = {"x", ""};
    for (int i = 0; i < 20001; i++) {
      g_snprintf(name[(i + 1) % 2], sizeof name[0], "v%d", i);
      onnx_writer_node(w, types[t], name[i % 2], name[(i + 1) % 2]);
    }
    const gint64 begin = g_get_monotonic_time();
    float *y = compute(with_output(w, "v20000"), (float[]){1, -2, 3, -4, 5, -6}, 6);
    const double seconds = (double)(g_get_monotonic_time() - begin) * 1e-6;
    const float wanted[2][6] = {{1, 0, 3, 0, 5, 0}, {1, -4, -2, 5, 3, -6}};
    g_assert_cmpmem(y, 6 * sizeof *y, wanted[t], 6 * sizeof *y);
    g_assert_cmpfloat(seconds, <, 20);
    g_free(y);
  }
}

/* What is allowed, though it looks odd. */

static void
test_free_dimensions(void)
{
  const DcnOnnxOptions options = {.input_height = 20, .input_width = 30};
  GError *error = NULL;
  OnnxWriter *w = start(13, 4, (int64_t[]){0, 3, 0, 0});
  DcnProgram *program =
      load_bytes(onnx_writer_finish(with_node(w, "GlobalAveragePool", "x")), &options, &error);
  g_assert_no_error(error);
  const DcnValue *in = &program->values[program->input];
  g_assert_cmpint(in->n, ==, 1);
  g_assert_cmpint(in->h, ==, 20);
  g_assert_cmpint(in->w, ==, 30);
  g_assert_cmpint(in->c, ==, 3);
  dcn_program_free(program);

  /* The same with channels last. */
  w = start(13, 4, (int64_t[]){0, 0, 0, 3});
  program = load_bytes(onnx_writer_finish(with_node(w, "Relu", "x")), &options, &error);
  g_assert_no_error(error);
  in = &program->values[program->input];
  const DcnValue *out = &program->values[program->outputs[0]];
  g_assert_cmpint(in->h, ==, 20);
  g_assert_cmpint(in->w, ==, 30);
  g_assert_cmpint(in->c, ==, 3);
  g_assert_cmpint(out->dims[1], ==, 20);
  g_assert_cmpint(out->dims[3], ==, 3);
  dcn_program_free(program);
}

/* An image of bytes, cast and transposed by the model itself. */
static void
test_byte_image(void)
{
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 2, 4, (int64_t[]){1, 16, 16, 3});
  onnx_node_int(onnx_writer_node(w, "Cast", "x", "f"), "to", 1);
  onnx_node_ints(onnx_writer_node(w, "Transpose", "f", "t"), "perm", 4, 0, 3, 1, 2);
  GError *error = NULL;
  const char *y = onnx_conv(w, "t", 3, 2, 1, 1, 0, 1, TRUE);
  DcnProgram *program = load_bytes(onnx_writer_finish(with_output(w, y)), NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpint(program->n_ops, ==, 1);
  g_assert_cmpint(program->ops[0].kind, ==, DCN_OP_CONV);
  dcn_program_free(program);
}

static void
test_unsorted_and_unused(void)
{
  OnnxWriter *w = start(13, 1, (int64_t[]){3});
  onnx_writer_node(w, "Neverheard", "x", "unused"); /* nobody needs it */
  onnx_writer_node(w, "Relu", "a", "y");
  onnx_writer_node(w, "Add", "x c", "a");
  onnx_writer_floats(w, "c", 1, (int64_t[]){3}, (float[]){1, 2, 3}, 0);
  onnx_writer_input(w, "c", 1, 1, (int64_t[]){3}); /* old files list constants as inputs too */
  float *y = compute(with_output(w, "y"), (float[]){-5, 1, 1}, 3);
  g_assert_cmpmem(y, 3 * sizeof *y, ((float[]){0, 3, 4}), 3 * sizeof *y);
  g_free(y);
}

/* Until opset 6 `axis` says where the second operand is aligned. */
static void
test_old_broadcast(void)
{
  OnnxWriter *w = start(6, 4, (int64_t[]){1, 2, 1, 2});
  onnx_writer_floats(w, "c", 1, (int64_t[]){2}, (float[]){10, 20}, 0);
  w = with_node(w, "Add", "x c");
  onnx_node_int(last_node(w), "broadcast", 1);
  onnx_node_int(last_node(w), "axis", 1);
  float *y = compute(w, (float[]){1, 2, 3, 4}, 4);
  g_assert_cmpmem(y, 4 * sizeof *y, ((float[]){11, 12, 23, 24}), 4 * sizeof *y);
  g_free(y);
}

/* Until opset 12 softmax is over all axes from `axis` on, together, and that is the second where nothing is said. */
static void
test_old_softmax(void)
{
  const float x[4] = {1, 2, 3, 4};
  for (int opset = 11; opset <= 13; opset += 2) {
    OnnxWriter *w = with_node(start(opset, 4, (int64_t[]){1, 2, 1, 2}), "Softmax", "x");
    float *y = compute(w, x, 4);
    for (int i = 0; i < 4; i++) {
      double sum = 0;
      for (int k = opset < 13 ? 0 : i / 2 * 2; k < (opset < 13 ? 4 : i / 2 * 2 + 2); k++)
        sum += exp(x[k]);
      g_assert_cmpfloat_with_epsilon(y[i], exp(x[i]) / sum, 1e-6);
    }
    g_free(y);
  }
}

static void
test_windows(void)
{
  const float image[5] = {1, 2, 3, 4, 5};
  /* ceil_mode adds a window that hangs over the edge; what it adds never counts in a mean. */
  OnnxWriter *w = start(11, 3, (int64_t[]){1, 1, 5});
  w = with_node(w, "AveragePool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 1, 2);
  onnx_node_ints(last_node(w), "strides", 1, 2);
  onnx_node_int(last_node(w), "ceil_mode", 1);
  onnx_node_int(last_node(w), "count_include_pad", 1);
  float *y = compute(w, image, 3);
  g_assert_cmpmem(y, 3 * sizeof *y, ((float[]){1.5f, 3.5f, 5}), 3 * sizeof *y);
  g_free(y);

  /* ... and is left out where it would see nothing: stride 3 over 5 with window 1. */
  w = with_node(start(11, 3, (int64_t[]){1, 1, 5}), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 1, 1);
  onnx_node_ints(last_node(w), "strides", 1, 3);
  onnx_node_int(last_node(w), "ceil_mode", 1);
  y = compute(w, image, 2);
  g_assert_cmpmem(y, 2 * sizeof *y, ((float[]){1, 4}), 2 * sizeof *y);
  g_free(y);

  /* count_include_pad */
  for (int include = 0; include < 2; include++) {
    w = with_node(start(11, 3, (int64_t[]){1, 1, 5}), "AveragePool", "x");
    onnx_node_ints(last_node(w), "kernel_shape", 1, 3);
    onnx_node_ints(last_node(w), "strides", 1, 2);
    onnx_node_ints(last_node(w), "pads", 2, 1, 1);
    onnx_node_int(last_node(w), "count_include_pad", include);
    y = compute(w, image, 3);
    g_assert_cmpfloat_with_epsilon(y[0], include ? 1 : 1.5, 1e-6);
    g_assert_cmpfloat_with_epsilon(y[1], 3, 1e-6);
    g_assert_cmpfloat_with_epsilon(y[2], include ? 3 : 4.5, 1e-6);
    g_free(y);
  }

  /* Padding by an operator of its own counts in a mean, and must go on doing so when it is
   * absorbed. */
  w = start(11, 4, (int64_t[]){1, 1, 1, 5});
  onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 0, 1, 0, 0, 0, 0});
  onnx_writer_node(w, "Pad", "x p", "padded");
  onnx_writer_node(w, "AveragePool", "padded", "y");
  onnx_node_ints(last_node(w), "kernel_shape", 2, 1, 2);
  onnx_node_ints(last_node(w), "strides", 2, 1, 2);
  y = compute(with_output(w, "y"), image, 3);
  g_assert_cmpmem(y, 3 * sizeof *y, ((float[]){0.5f, 2.5f, 4.5f}), 3 * sizeof *y);
  g_free(y);

  /* Zeros before a maximum of negative numbers win, and so must not become padding. */
  w = start(11, 4, (int64_t[]){1, 1, 1, 5});
  onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 0, 1, 0, 0, 0, 0});
  onnx_writer_node(w, "Pad", "x p", "padded");
  onnx_writer_node(w, "MaxPool", "padded", "y");
  onnx_node_ints(last_node(w), "kernel_shape", 2, 1, 2);
  onnx_node_ints(last_node(w), "strides", 2, 1, 2);
  y = compute(with_output(w, "y"), (float[]){-1, -2, -3, -4, -5}, 3);
  g_assert_cmpmem(y, 3 * sizeof *y, ((float[]){0, -2, -4}), 3 * sizeof *y);
  g_free(y);
}

/* The last window of ceil_mode begins inside of the image or of the padding before it (onnx pull request 5741): one that
 * would begin right behind the image is left out; and one that is asked for there is refused, for it has no maximum. */
static void
test_last_window(void)
{
  const float image[5] = {1, 2, 3, 4, 5};
  OnnxWriter *w = with_node(start(11, 3, (int64_t[]){1, 1, 5}), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 1, 2);
  onnx_node_ints(last_node(w), "strides", 1, 5);
  onnx_node_ints(last_node(w), "pads", 2, 0, 1);
  onnx_node_int(last_node(w), "ceil_mode", 1);
  float *y = compute(w, image, 1);
  g_assert_cmpfloat(y[0], ==, 2);
  g_free(y);

  w = with_node(start(11, 3, (int64_t[]){1, 1, 5}), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 1, 2);
  onnx_node_ints(last_node(w), "strides", 1, 6);
  onnx_node_ints(last_node(w), "pads", 2, 1, 1);
  onnx_node_int(last_node(w), "ceil_mode", 1);
  y = compute(w, image, 1);
  g_assert_cmpfloat(y[0], ==, 1);
  g_free(y);

  w = with_node(start(11, 3, (int64_t[]){1, 1, 5}), "MaxPool", "x");
  onnx_node_ints(last_node(w), "kernel_shape", 1, 1);
  onnx_node_ints(last_node(w), "strides", 1, 5);
  onnx_node_ints(last_node(w), "pads", 2, 0, 1);
  refuse(w, DCN_ERROR_INVALID, "only padding");
}

/* Zeros around an image by an operator of their own, then a pool.  They count in a mean, also where the pool's own padding
 * does not, and win against negative numbers in a maximum, also where an activation lets these pass. */
static void
test_zeros_before_pool(void)
{
  static const struct {
    const char *pool;
    float clip, expected[3];
  } cases[] = {
      /* the pool pads once more on the left: its windows are [none 0 1], [1 2 3], [3 4 5] */
      {"AveragePool", -9, {0.5f, 2, 4}},
      {"MaxPool", -9, {1, 3, 5}},
      {"MaxPool", -2, {0, -1, -2}},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    const float sign = cases[i].clip == -2 ? -1 : 1;
    OnnxWriter *w = start(11, 4, (int64_t[]){1, 1, 1, 5});
    onnx_writer_ints(w, "p", 8, (int64_t[]){0, 0, 0, 1, 0, 0, 0, 0});
    onnx_writer_floats(w, "low", 0, NULL, &cases[i].clip, 0);
    onnx_writer_node(w, "Clip", "x low", "clipped");
    onnx_writer_node(w, "Pad", "clipped p", "padded");
    onnx_writer_node(w, cases[i].pool, "padded", "y");
    onnx_node_ints(last_node(w), "kernel_shape", 2, 1, 3);
    onnx_node_ints(last_node(w), "strides", 2, 1, 2);
    onnx_node_ints(last_node(w), "pads", 4, 0, 1, 0, 0);
    float *y = compute(with_output(w, "y"),
                       (float[]){sign * 1, sign * 2, sign * 3, sign * 4, sign * 5}, 3);
    for (int k = 0; k < 3; k++)
      g_assert_cmpfloat_with_epsilon(y[k], cases[i].expected[k], 1e-6);
    g_free(y);
  }
}

/* An operator's value that is an output as well, or read twice, must survive what follows it. */
static void
test_shared_values(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 1, 1, 2});
  onnx_writer_floats(w, "w", 4, (int64_t[]){1, 1, 1, 1}, (float[]){2}, 0);
  onnx_writer_floats(w, "k", 0, NULL, (float[]){-10}, 0);
  onnx_writer_node(w, "Conv", "x w", "conv");
  onnx_writer_node(w, "Add", "conv k", "shifted");
  onnx_writer_node(w, "Relu", "shifted", "relu");
  onnx_writer_node(w, "Add", "relu conv", "y");
  GError *error = NULL;
  with_output(w, "y");
  with_output(w, "conv");
  with_output(w, "shifted");
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_no_error(error);
  float **values = reference_run(program, (float[]){3, 7});
  const float wanted[3][2] = {{6, 18}, {6, 14}, {-4, 4}};
  for (int i = 0; i < 3; i++) {
    float *out = reference_logical(program, values, program->outputs[i]);
    g_assert_cmpmem(out, 2 * sizeof *out, wanted[i], 2 * sizeof *out);
    g_free(out);
  }
  g_assert_cmpstr(program->values[program->outputs[1]].name, ==, "conv");
  reference_free(program, values);
  dcn_program_free(program);
}

/* The same input seen in several shapes, all of them outputs. */
static void
test_relabelled_outputs(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 1, 1});
  onnx_writer_node(w, "Identity", "x", "same");
  onnx_writer_node(w, "Flatten", "x", "flat");
  onnx_writer_node(w, "Squeeze", "x", "list");
  with_output(with_output(with_output(w, "same"), "flat"), "list");
  GError *error = NULL;
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_no_error(error);
  static const int ranks[] = {4, 2, 1};
  g_assert_cmpint(program->n_outputs, ==, 3);
  for (int i = 0; i < 3; i++)
    g_assert_cmpint(program->values[program->outputs[i]].rank, ==, ranks[i]);
  g_assert_cmpint(program->outputs[0], ==, program->input);
  g_assert_cmpstr(program->values[program->input].name, ==, "x");
  dcn_program_free(program);
}

/* A value that is an output in two shapes. */
static void
test_relabelled_result(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 2, 2});
  onnx_writer_node(w, "GlobalAveragePool", "x", "pooled");
  onnx_writer_node(w, "Flatten", "pooled", "flat");
  with_output(with_output(w, "pooled"), "flat");
  GError *error = NULL;
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_no_error(error);
  const DcnValue *pooled = &program->values[program->outputs[0]],
                 *flat = &program->values[program->outputs[1]];
  g_assert_cmpstr(pooled->name, ==, "pooled");
  g_assert_cmpint(pooled->rank, ==, 4);
  g_assert_cmpstr(flat->name, ==, "flat");
  g_assert_cmpint(flat->rank, ==, 2);
  dcn_program_free(program);
}

/* What is computed is no output, but seen in two shapes it is two. */
static void
test_relabelled_twice(void)
{
  OnnxWriter *w = start(13, 4, (int64_t[]){1, 3, 2, 2});
  onnx_writer_node(w, "GlobalAveragePool", "x", "pooled");
  onnx_writer_node(w, "Flatten", "pooled", "flat");
  onnx_writer_node(w, "Squeeze", "pooled", "list");
  with_output(with_output(w, "flat"), "list");
  GError *error = NULL;
  DcnProgram *program = load_bytes(onnx_writer_finish(w), NULL, &error);
  g_assert_no_error(error);
  for (int i = 0; i < 2; i++) {
    const DcnValue *value = &program->values[program->outputs[i]];
    g_assert_cmpstr(value->name, ==, i ? "list" : "flat");
    g_assert_cmpint(value->rank, ==, i ? 1 : 2);
  }
  dcn_program_free(program);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/loader/files", test_files);
  g_test_add_func("/model/loader/truncated", test_truncated);
  g_test_add_func("/model/loader/graph-errors", test_graph_errors);
  g_test_add_func("/model/loader/input-errors", test_input_errors);
  g_test_add_func("/model/loader/constant-errors", test_constant_errors);
  g_test_add_func("/model/loader/operator-errors", test_operator_errors);
  g_test_add_func("/model/loader/large-resize", test_large_resize);
  g_test_add_func("/model/loader/list-errors", test_list_errors);
  g_test_add_func("/model/loader/long-chain", test_long_chain);
  g_test_add_func("/model/loader/free-dimensions", test_free_dimensions);
  g_test_add_func("/model/loader/byte-image", test_byte_image);
  g_test_add_func("/model/loader/unsorted-and-unused", test_unsorted_and_unused);
  g_test_add_func("/model/loader/old-broadcast", test_old_broadcast);
  g_test_add_func("/model/loader/old-softmax", test_old_softmax);
  g_test_add_func("/model/loader/windows", test_windows);
  g_test_add_func("/model/loader/last-window", test_last_window);
  g_test_add_func("/model/loader/zeros-before-pool", test_zeros_before_pool);
  g_test_add_func("/model/loader/shared-values", test_shared_values);
  g_test_add_func("/model/loader/relabelled-outputs", test_relabelled_outputs);
  g_test_add_func("/model/loader/relabelled-result", test_relabelled_result);
  g_test_add_func("/model/loader/relabelled-twice", test_relabelled_twice);
  return g_test_run();
}
