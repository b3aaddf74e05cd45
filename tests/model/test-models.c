/* deltacnn tests: whole models of the shared data folder.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   test-models FOLDER    (absent: everything is skipped) */
#include "checkprogram.h"
#include "model/onnx.h"
#include "reference.h"
#include <math.h>
#include <string.h>

static const char *folder;

static char *
find(const char *name)
{
  char *path = g_build_filename(folder ? folder : "", "models", name, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip("the shared data is not here");
    g_clear_pointer(&path, g_free);
  }
  return path;
}

static DcnProgram *
load(const char *path)
{
  GError *error = NULL;
  DcnProgram *program = dcn_onnx_load_file(path, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(check_program(program), ==, NULL);
  return program;
}

static int
count_ops(const DcnProgram *program, DcnOpKind kind)
{
  int n = 0;
  for (int i = 0; i < program->n_ops; i++)
    n += program->ops[i].kind == kind;
  return n;
}

typedef struct {
  const char *name;
  int size, channels, outputs, convolutions;
  double macs; /* published, millions; within a tenth */
} Model;

static const Model models[] = {
    {"mobilenetv1-0.25-vww96-mlctiny.onnx", 96, 3, 2, 28, 7.5},
    {"squeezenet1.0-deepcompression.onnx", 227, 3, 1000, 26, 861},
    {"mobilenet_v1_0.25_128-dequant.onnx", 128, 3, 1001, 28, 14},
    {"resnet20-cifar10-akamaster.onnx", 32, 3, 10, 22, 41},
    {"resnet8-cifar10-mlctiny.onnx", 32, 3, 10, 10, 12.5},
    {"light_bvlc_alexnet.onnx", 224, 3, 1000, 8, 655},
};

static void
test_model(gconstpointer data)
{
  const Model *model = data;
  char *path = find(model->name);
  if (!path)
    return;
  DcnProgram *program = load(path);
  const DcnValue *in = &program->values[program->input],
                 *out = &program->values[program->outputs[0]];
  g_assert_cmpint(in->n, ==, 1);
  g_assert_cmpint(in->h, ==, model->size);
  g_assert_cmpint(in->w, ==, model->size);
  g_assert_cmpint(in->c, ==, model->channels);
  g_assert_cmpint((int)dcn_value_elements(out), ==, model->outputs);
  g_assert_cmpint(count_ops(program, DCN_OP_CONV), ==, model->convolutions);
  /* Batch normalisation and activations have all joined convolutions and additions. */
  g_assert_cmpint(count_ops(program, DCN_OP_AFFINE) + count_ops(program, DCN_OP_ACT), ==, 0);
  double macs = 0;
  for (int i = 0; i < program->n_ops; i++)
    macs += (double)dcn_op_macs(program, &program->ops[i]) * 1e-6;
  g_assert_cmpfloat_with_epsilon(macs, model->macs, 0.1 * model->macs);
  dcn_program_free(program);
  g_free(path);
}

static void
compare_output(const DcnProgram *program, const float *input, const char *expected)
{
  char *bytes;
  size_t size;
  float *wanted;
  int dims[DCN_MAX_RANK], rank;
  GError *error = NULL;
  g_assert_true(g_file_get_contents(expected, &bytes, &size, NULL));
  g_assert_true(dcn_onnx_read_tensor((const uint8_t *)bytes, size, &wanted, dims, &rank, &error));
  const DcnValue *out = &program->values[program->outputs[0]];
  float **values = reference_run(program, input),
        *got = reference_logical(program, values, program->outputs[0]);
  double largest = 0;
  for (size_t i = 0; i < dcn_value_elements(out); i++)
    largest = fmax(largest, fabs(wanted[i]));
  for (size_t i = 0; i < dcn_value_elements(out); i++)
    g_assert_cmpfloat_with_epsilon(got[i], wanted[i], 1e-4 * largest);
  reference_free(program, values);
  g_free(got);
  g_free(wanted);
  g_free(bytes);
}

static void
test_mnist(void)
{
  char *path = find("mnist_8/model.onnx");
  if (!path)
    return;
  DcnProgram *program = load(path);
  for (int set = 0; set < 3; set++) {
    char *name[2], *bytes;
    size_t size;
    float *input;
    int dims[DCN_MAX_RANK], rank;
    for (int i = 0; i < 2; i++)
      name[i] = g_strdup_printf("%s/models/mnist_8/test_data_set_%d/%s_0.pb", folder, set,
                                i ? "output" : "input");
    g_assert_true(g_file_get_contents(name[0], &bytes, &size, NULL));
    g_assert_true(dcn_onnx_read_tensor((const uint8_t *)bytes, size, &input, dims, &rank, NULL));
    compare_output(program, input, name[1]);
    g_free(input);
    g_free(bytes);
    g_free(name[0]);
    g_free(name[1]);
  }
  dcn_program_free(program);
  g_free(path);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = argc > 1 ? argv[1] : NULL;
  for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
    char *path = g_strdup_printf("/model/models/%s", models[i].name);
    g_test_add_data_func(path, &models[i], test_model);
    g_free(path);
  }
  g_test_add_func("/model/models/mnist_8", test_mnist);
  return g_test_run();
}
