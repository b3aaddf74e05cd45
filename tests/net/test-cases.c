/* The operator cases of libonnx-testdata through the engine: in one dense run, and in a delta run
 * that comes from another input. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "onnxcases.h"
#include <string.h>

typedef struct {
  const DcnKernels *kernels;
  gboolean delta;
  int partial; /* delta runs that were not done as full ones */
} Form;

static void
fill(const DcnValue *v, const float *logical, float *input)
{
  size_t n = dcn_value_elements(v);
  float *elements = g_new(float, n);
  reference_from_logical(v, logical, elements);
  for (size_t p = 0; p < n / (size_t)v->c; p++)
    memcpy(input + p * (size_t)dcn_channel_pitch(v->c), elements + p * (size_t)v->c,
           sizeof(float) * (size_t)v->c);
  g_free(elements);
}

static gboolean
run(DcnProgram *program, const float *input, float **outputs, void *user, GError **error)
{
  Form *form = user;
  DcnNet *net = dcn_net_new_with(program, form->kernels, DCN_WEIGHTS_FLOAT32, error);
  DcnState *state = net ? dcn_state_new(net, error) : NULL;
  if (state) {
    const DcnProgram *p = dcn_net_program(net);
    const DcnValue *in = &p->values[p->input];
    size_t n = dcn_value_elements(in);
    DcnRunInfo info = {0};
    if (form->delta) {
      /* Other values in some places only, so that what follows is a partial run. */
      float *other = g_memdup2(input, n * sizeof(float));
      GRand *rand = g_rand_new_with_seed((guint32)n);
      for (size_t i = 0; i < n; i++)
        if (g_rand_int_range(rand, 0, 4) == 0)
          other[i] += (float)g_rand_double_range(rand, -2, 2);
      fill(in, other, dcn_state_input(state));
      dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
      g_rand_free(rand);
      g_free(other);
    }
    fill(in, input, dcn_state_input(state));
    dcn_state_run(state, NULL, form->delta ? DCN_MODE_DELTA : DCN_MODE_DENSE, 2, &info);
    form->partial += !info.full;
    for (int i = 0; i < p->n_outputs; i++)
      dcn_state_output(state, i, outputs[i]);
  }
  gboolean ok = state != NULL;
  dcn_state_free(state);
  dcn_net_unref(net);
  return ok;
}

static void
test_form(gconstpointer data)
{
  Form form = *(const Form *)data;
  OnnxCaseCounts counts = {0};
  if (!onnx_cases_run_all(run, &form, &counts)) {
    g_test_skip("libonnx-testdata is not installed");
    return;
  }
  g_test_message("%s %s: %d cases run, %d passed, %d skipped; %d runs were partial",
                 form.kernels->isa, form.delta ? "delta" : "dense", counts.run, counts.passed,
                 counts.skipped, form.partial);
  g_assert_cmpint(counts.failed, ==, 0);
  g_assert_cmpint(counts.passed, ==, counts.run);
  g_assert_cmpint(counts.run, >, 100);
  if (form.delta)
    g_assert_cmpint(form.partial, >, counts.run / 2);
}

int
main(int argc, char **argv)
{
  static Form forms[16];
  int n = 0;
  g_test_init(&argc, &argv, NULL);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++)
    for (int delta = 0; delta < 2; delta++) {
      char *path = g_strdup_printf("/net/cases/%s/%s", (*k)->isa, delta ? "delta" : "dense");
      forms[n] = (Form){*k, delta, 0};
      g_test_add_data_func(path, &forms[n++], test_form);
      g_free(path);
    }
  return g_test_run();
}
