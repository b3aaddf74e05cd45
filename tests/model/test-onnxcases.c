/* deltacnn tests: lowering, verified by the operator cases run through the reference executor.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "onnxcases.h"
#include "reference.h"
#include <string.h>

static gboolean
run_reference(DcnProgram *program, const float *input, float **outputs, void *user, GError **error)
{
  float **values = reference_run(program, input);
  for (int i = 0; i < program->n_outputs; i++) {
    float *logical = reference_logical(program, values, program->outputs[i]);
    memcpy(outputs[i], logical,
           dcn_value_elements(&program->values[program->outputs[i]]) * sizeof(float));
    g_free(logical);
  }
  reference_free(program, values);
  dcn_program_free(program);
  return TRUE;
}

static void
test_cases(void)
{
  OnnxCaseCounts counts;
  if (!onnx_cases_run_all(run_reference, NULL, &counts)) {
    g_test_skip("libonnx-testdata is not installed");
    return;
  }
  g_assert_cmpint(counts.failed, ==, 0);
  /* The package of Debian 12 has this many for our operators; fewer means that some were lost on
   * the way. */
  g_assert_cmpint(counts.passed, >=, 400);
}

static void
test_constant_cases(void)
{
  OnnxCaseCounts counts;
  if (!onnx_cases_run_constant(run_reference, NULL, &counts)) {
    g_test_skip("libonnx-testdata is not installed");
    return;
  }
  g_assert_cmpint(counts.failed, ==, 0);
  g_assert_cmpint(counts.passed, >=, 400);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/onnx-cases", test_cases);
  g_test_add_func("/model/onnx-cases-constant", test_constant_cases);
  return g_test_run();
}
