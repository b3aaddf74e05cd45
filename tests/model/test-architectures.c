/* deltacnn tests: classifiers of the usual kinds load, compute the same with and without
 * simplification, and are simplified as far as they should be. SPDX-License-Identifier:
 * LGPL-2.1-or-later */
#include "architectures.h"
#include "model/onnx.h"
#include "reference.h"
#include <math.h>
#include <string.h>

static DcnProgram *
load(GBytes *bytes, gboolean literal)
{
  const DcnOnnxOptions options = {.literal = literal};
  GError *error = NULL;
  size_t size;
  const uint8_t *data = g_bytes_get_data(bytes, &size);
  DcnProgram *program = dcn_onnx_load_memory(data, size, "model", &options, &error);
  g_assert_no_error(error);
  g_assert_nonnull(program);
  return program;
}

/* Names of architectures whose files are wanted elsewhere (to compare with another runtime). */
static void
write_file(const char *name, GBytes *bytes, const float *input, size_t count, const float *output,
           size_t n_out)
{
  const char *folder = g_getenv("DCN_WRITE_MODELS");
  if (!folder)
    return;
  char *path = g_strdup_printf("%s/%s.onnx", folder, name);
  g_file_set_contents(path, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes), NULL);
  g_free(path);
  path = g_strdup_printf("%s/%s.in", folder, name);
  g_file_set_contents(path, (const char *)input, (gssize)(count * sizeof *input), NULL);
  g_free(path);
  path = g_strdup_printf("%s/%s.ref", folder, name);
  g_file_set_contents(path, (const char *)output, (gssize)(n_out * sizeof *output), NULL);
  g_free(path);
}

static int
count_ops(const DcnProgram *program, DcnOpKind kind)
{
  int n = 0;
  for (int i = 0; i < program->n_ops; i++)
    n += program->ops[i].kind == kind;
  return n;
}

static void
test_architecture(gconstpointer data)
{
  const Architecture *architecture = data;
  GBytes *bytes = architecture->build();
  DcnProgram *plain = load(bytes, TRUE), *fused = load(bytes, FALSE);
  const DcnValue *in = &fused->values[fused->input];
  GRand *rand = g_rand_new_with_seed(7);
  const size_t count = dcn_value_elements(in);

  /* Pictures are seen as [1,C,H,W], whatever the model calls them. */
  g_assert_cmpint(in->n, ==, 1);
  g_assert_cmpint(in->c, ==, 3);
  float *input = g_new(float, count);
  for (size_t i = 0; i < count; i++)
    input[i] = (float)g_rand_double_range(rand, -1, 2);

  float **a = reference_run(plain, input), **b = reference_run(fused, input);
  float *wanted = reference_logical(plain, a, plain->outputs[0]),
        *got = reference_logical(fused, b, fused->outputs[0]);
  const DcnValue *va = &plain->values[plain->outputs[0]], *vb = &fused->values[fused->outputs[0]];
  g_assert_cmpstr(va->name, ==, vb->name);
  g_assert_cmpint(va->rank, ==, vb->rank);
  g_assert_cmpmem(va->dims, va->rank * sizeof(int), vb->dims, vb->rank * sizeof(int));
  double largest = 0;
  for (size_t i = 0; i < dcn_value_elements(va); i++)
    largest = fmax(largest, fabs(wanted[i]));
  g_assert_cmpfloat(largest, >, 1e-3);
  for (size_t i = 0; i < dcn_value_elements(va); i++)
    g_assert_cmpfloat_with_epsilon(got[i], wanted[i], 1e-5 * largest);
  /* Fetching channels first out of an NHWC model is for the caller; the file has the model's order.
   */
  write_file(architecture->name, bytes, input, count, got, dcn_value_elements(va));

  g_test_message("%s: %d ops of %d", architecture->name, fused->n_ops, plain->n_ops);
  g_assert_cmpint(count_ops(fused, DCN_OP_GATHER), <=, architecture->movements);
  g_assert_cmpint(count_ops(fused, DCN_OP_AFFINE), <=, architecture->affines);
  g_assert_cmpint(count_ops(fused, DCN_OP_ACT), <=, architecture->acts);

  reference_free(plain, a);
  reference_free(fused, b);
  g_free(wanted);
  g_free(got);
  g_free(input);
  g_rand_free(rand);
  dcn_program_free(plain);
  dcn_program_free(fused);
  g_bytes_unref(bytes);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (int i = 0; i < n_architectures; i++) {
    char *path = g_strdup_printf("/model/architecture/%s", architectures[i].name);
    g_test_add_data_func(path, &architectures[i], test_architecture);
    g_free(path);
  }
  return g_test_run();
}
