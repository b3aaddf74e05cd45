/* deltacnn tests: functions of a model, which become their nodes, and that none makes the loader grow without end.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checkprogram.h"
#include "model/onnx.h"
#include "onnxwriter.h"
#include "reference.h"
#include "util/error.h"
#include <string.h>

#define DOMAIN "own.functions"

static OnnxWriter *
start(void)
{
  OnnxWriter *w = onnx_writer_new(18);
  onnx_writer_input(w, "x", 1, 2, (int64_t[]){1, 3});
  return w;
}

static Dcn__Onnx__Node *
call(OnnxWriter *w, const char *name, const char *inputs, const char *output)
{
  Dcn__Onnx__Node *node = onnx_writer_node(w, name, inputs, output);
  node->domain = strdup(DOMAIN);
  return node;
}

static DcnProgram *
load(OnnxWriter *w, const char *output, GError **error)
{
  onnx_writer_output(w, output);
  GBytes *bytes = onnx_writer_finish(w);
  DcnProgram *program = dcn_onnx_load_memory(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes),
                                             "test.onnx", NULL, error);
  g_bytes_unref(bytes);
  return program;
}

static void
check(OnnxWriter *w, const char *output, const float *input, const float *wanted)
{
  GError *error = NULL;
  DcnProgram *program = load(w, output, &error);
  g_assert_no_error(error);
  g_assert_null(check_program(program));
  float **values = reference_run(program, input);
  for (int i = 0; i < 3; i++)
    g_assert_cmpfloat_with_epsilon(values[program->outputs[0]][i], wanted[i], 1e-6);
  reference_free(program, values);
  dcn_program_free(program);
}

static void
refuse(OnnxWriter *w, const char *output, const char *words)
{
  GError *error = NULL;
  DcnProgram *program = load(w, output, &error);
  g_assert_null(program);
  g_assert_nonnull(error);
  if (!strstr(error->message, words))
    g_error("\"%s\" is not in \"%s\"", words, error->message);
  g_error_free(error);
}

static size_t
nodes(OnnxWriter *w)
{
  return w->model->graph->n_node;
}

/* Two calls of one body: inner names must not meet, and each has its own attribute; a third one takes the default. */
static void
test_calls(void)
{
  OnnxWriter *w = start();
  size_t first = nodes(w);
  onnx_writer_node(w, "Neg", "given", "inner");
  Dcn__Onnx__Node *leaky = onnx_writer_node(w, "LeakyRelu", "inner", "result");
  onnx_node_float(leaky, "alpha", 0);
  onnx_node_refers(leaky, "slope");
  onnx_writer_function(w, DOMAIN, "Body", "given", "result", first);
  onnx_node_float(call(w, "Body", "x", "a"), "slope", 0.5f);
  onnx_node_float(call(w, "Body", "a", "b"), "slope", 0.25f);
  call(w, "Body", "b", "inner"); /* the graph may use the function's inner name */
  /* 4: -4 -> -2; 2 -> 2; -2 -> -0.02 by LeakyRelu's own default */
  check(w, "inner", (float[]){4, -4, 0}, (float[]){-0.02f, 1, 0});
}

static void
test_default(void)
{
  OnnxWriter *w = start();
  size_t first = nodes(w);
  Dcn__Onnx__Node *leaky = onnx_writer_node(w, "LeakyRelu", "given", "result");
  onnx_node_float(leaky, "alpha", 0);
  onnx_node_refers(leaky, "slope");
  Dcn__Onnx__Function *function = onnx_writer_function(w, DOMAIN, "Body", "given", "result", first);
  Dcn__Onnx__Node *holder = onnx_writer_node(w, "Relu", "x", "unused");
  onnx_node_float(holder, "slope", 0.125f);
  function->attribute_proto = holder->attribute;
  function->n_attribute_proto = holder->n_attribute;
  holder->attribute = NULL;
  holder->n_attribute = 0;
  call(w, "Body", "x", "y");
  check(w, "y", (float[]){8, -8, 0}, (float[]){8, -1, 0});
}

/* A function within a function, with an input that is left out and outputs in another order. */
static void
test_nested(void)
{
  OnnxWriter *w = start();
  size_t first = nodes(w);
  onnx_writer_node(w, "Neg", "a", "n");
  onnx_writer_node(w, "Clip", "a low high", "c");
  onnx_writer_function(w, DOMAIN, "Inner", "a low high", "c n", first);
  first = nodes(w);
  Dcn__Onnx__Node *inner = call(w, "Inner", "v - top", "c");
  onnx_node_output(inner, "n");
  onnx_writer_node(w, "Add", "c n", "n2");
  onnx_writer_function(w, DOMAIN, "Outer", "v top", "n2", first);
  onnx_writer_floats(w, "one", 0, NULL, (float[]){1}, 0);
  call(w, "Outer", "x one", "y");
  check(w, "y", (float[]){3, -5, 1}, (float[]){-2, 0, 0}); /* min(x, 1) - x */
}

static void
test_recursion(void)
{
  OnnxWriter *w = start();
  size_t first = nodes(w);
  call(w, "Again", "v", "r");
  onnx_writer_function(w, DOMAIN, "Again", "v", "r", first);
  call(w, "Again", "x", "y");
  refuse(w, "y", "its functions call each other more than");
}

/* Each level calls the one below a hundred times: 10^20 nodes from a kilobyte or so. */
static void
test_explosion(void)
{
  OnnxWriter *w = start();
  for (int level = 0; level < 10; level++) {
    const size_t first = nodes(w);
    char *below = level ? g_strdup_printf("Level%d", level - 1) : g_strdup("Neg");
    char *name = g_strdup_printf("Level%d", level);
    for (int i = 0; i < 100; i++) {
      char *from = i ? g_strdup_printf("v%d", i) : g_strdup("v0");
      char *to = g_strdup_printf("v%d", i + 1);
      if (level)
        call(w, below, from, to);
      else
        onnx_writer_node(w, below, from, to);
      g_free(from);
      g_free(to);
    }
    onnx_writer_function(w, DOMAIN, name, "v0", "v100", first);
    g_free(below);
    g_free(name);
  }
  call(w, "Level9", "x", "y");
  refuse(w, "y", "its functions are too large");
}

static void
test_arity(void)
{
  OnnxWriter *w = start();
  const size_t first = nodes(w);
  onnx_writer_node(w, "Neg", "v", "r");
  onnx_writer_function(w, DOMAIN, "One", "v", "r", first);
  call(w, "One", "x x", "y");
  refuse(w, "y", "operator One (node \"node_y\"): its function takes 1 inputs and gives 1 outputs");
  w = start();
  call(w, "Unknown", "x", "y");
  refuse(w, "y", "this operator of domain " DOMAIN " is not supported; export the model with");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/expand/calls", test_calls);
  g_test_add_func("/model/expand/default", test_default);
  g_test_add_func("/model/expand/nested", test_nested);
  g_test_add_func("/model/expand/recursion", test_recursion);
  g_test_add_func("/model/expand/explosion", test_explosion);
  g_test_add_func("/model/expand/arity", test_arity);
  return g_test_run();
}
