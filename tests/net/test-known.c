/* Runs in which some outputs are known: what is computed, against plain evaluation; what is not,
 * against what stood there. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "util/parallel.h"
#include <string.h>

#define SEEDS 60

/* A script for one run, made at random, that the test itself plays as well. */
typedef struct {
  Subject *subject;
  GRand *rand;
  const DcnProgram *program;
  DcnCompute *compute; /* [n_ops] */
  uint8_t **wanted;    /* [n_ops][pixels] where MARKED */
  int asked;
} Script;

static int
pixels_of(const DcnValue *v)
{
  return v->n * v->h * v->w;
}

/* Of pools and convolutions any pixels can be left out, of other ops all: but for concatenations,
 * which may be made in place. */
static void
script_write(Script *script)
{
  int left_out = 0;
  for (int i = 0; i < script->program->n_ops; i++) {
    const DcnOp *op = &script->program->ops[i];
    int n = pixels_of(&script->program->values[op->output]),
        dice = g_rand_int_range(script->rand, 0, 6);
    gboolean marks = dcn_net_op_marks(script->subject->net, i);
    script->compute[i] = dice < 3 && marks                        ? DCN_COMPUTE_MARKED
                         : dice == 3 && op->kind != DCN_OP_CONCAT ? DCN_COMPUTE_NONE
                                                                  : DCN_COMPUTE_ALL;
    int share = g_rand_int_range(script->rand, 0, 5);
    for (int p = 0; p < n; p++) {
      script->wanted[i][p] = g_rand_int_range(script->rand, 0, 4) < share;
      left_out += script->compute[i] == DCN_COMPUTE_MARKED && !script->wanted[i][p];
    }
  }
  g_test_message("%d pixels left out", left_out);
}

static DcnCompute
known(void *context, int op, const DcnPixels *out, uint64_t *marks, int row_words)
{
  Script *script = context;
  const DcnValue *v = &script->program->values[script->program->ops[op].output];
  g_assert_cmpint(op, ==, script->asked++);
  g_assert_cmpint(out->n, ==, v->n);
  g_assert_cmpint(out->h, ==, v->h);
  g_assert_cmpint(out->w, ==, v->w);
  g_assert_cmpint(out->c, ==, v->c);
  if (script->compute[op] == DCN_COMPUTE_MARKED)
    for (int row = 0; row < v->n * v->h; row++)
      for (int x = 0; x < v->w; x++) {
        g_assert_cmpuint(marks[row * row_words + x / 64] >> (x % 64) & 1, ==, 0);
        if (script->wanted[op][row * v->w + x])
          marks[row * row_words + x / 64] |= UINT64_C(1) << (x % 64);
      }
  return script->compute[op];
}

/* Plays the script on the subject's values, which hold the last run's; returns the multiplies of
 * convolutions in it. */
static uint64_t
play(Script *script, const float *frame)
{
  Subject *s = script->subject;
  const DcnProgram *program = script->program;
  uint64_t macs = 0;
  gboolean taken = FALSE;
  for (int i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    const DcnValue *out = &program->values[op->output];
    if (script->compute[i] == DCN_COMPUTE_NONE)
      continue;
    for (int j = 0; j < op->n_inputs && !taken; j++)
      if (op->inputs[j] == program->input) {
        frame_elements(subject_input(s), frame, s->values[program->input]);
        taken = TRUE;
      }
    float *stood = g_memdup2(s->values[op->output], dcn_value_elements(out) * sizeof(float));
    int pixels = pixels_of(out), computed = pixels;
    reference_run_op(program, op, s->values);
    if (script->compute[i] == DCN_COMPUTE_MARKED)
      for (int p = 0; p < pixels; p++)
        if (!script->wanted[i][p]) {
          memcpy(s->values[op->output] + (size_t)p * out->c, stood + (size_t)p * out->c,
                 sizeof(float) * (size_t)out->c);
          computed--;
        }
    macs += dcn_op_macs(program, op) / (uint64_t)pixels * (uint64_t)computed;
    g_free(stood);
  }
  return macs;
}

static void
test_known(gconstpointer data)
{
  const DcnKernels *kernels = data;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Subject *s = subject_new(netgen_random(seed, NETGEN_ALL, 14),
                             netgen_random(seed, NETGEN_ALL, 14), kernels);
    const DcnValue *in = subject_input(s);
    Script script = {s, g_rand_new_with_seed(seed), s->program};
    script.compute = g_new0(DcnCompute, s->program->n_ops);
    script.wanted = g_new0(uint8_t *, s->program->n_ops);
    for (int i = 0; i < s->program->n_ops; i++)
      script.wanted[i] =
          g_malloc0((size_t)pixels_of(&s->program->values[s->program->ops[i].output]));
    DcnState *state = dcn_state_new(s->net, NULL);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    DcnRunInfo info;
    for (int run = 0; run < 8; run++) {
      change_frame(script.rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
      /* In between, what an ordinary run leaves behind. */
      if (run == 0 || run == 5) {
        frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
        reference_run_ops(s->program, s->values);
        dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
        g_assert_true(info.full);
        assert_values(s, state, 5e-5, "ordinary run");
        continue;
      }
      script_write(&script);
      script.asked = 0;
      uint64_t macs = play(&script, dcn_state_input(state));
      dcn_state_run_known(state, known, &script, 1 + run % 3, &info);
      g_assert_cmpint(script.asked, ==, s->program->n_ops);
      g_assert_cmpuint(info.macs, ==, macs);
      char *what = g_strdup_printf("%s, seed %u, run %d", kernels->isa, seed, run);
      assert_values(s, state, 5e-5, what);
      g_free(what);
    }
    for (int i = 0; i < s->program->n_ops; i++)
      g_free(script.wanted[i]);
    g_free(script.wanted);
    g_free(script.compute);
    g_free(touched);
    g_rand_free(script.rand);
    dcn_state_free(state);
    subject_free(s);
  }
}

/* What the caller puts into a value goes through the rest of the network, and the rest only. */
static void
test_from_a_value(void)
{
  Subject *s = subject_new(netgen_classifier(3, 32), netgen_classifier(3, 32), dcn_kernels_get());
  const DcnProgram *program = s->program;
  Script script = {s, g_rand_new_with_seed(1), program};
  script.compute = g_new0(DcnCompute, program->n_ops);
  script.wanted = g_new0(uint8_t *, program->n_ops);
  int from = 0;
  for (int i = 0; i < program->n_ops && pixels_of(&program->values[program->ops[i].output]) > 1;
       i++)
    from = i;
  g_assert_cmpint(from, >, 0);
  g_assert_cmpint(from, <, program->n_ops - 1);
  uint64_t rest = 0;
  for (int i = 0; i < program->n_ops; i++) {
    script.compute[i] = i <= from ? DCN_COMPUTE_NONE : DCN_COMPUTE_ALL;
    rest += i > from ? dcn_op_macs(program, &program->ops[i]) : 0;
  }
  DcnState *state = dcn_state_new(s->net, NULL);
  dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, NULL);
  for (int i = 0; i < program->n_values; i++) {
    dcn_state_value(state, i, s->logical[0]);
    reference_from_logical(&program->values[i], s->logical[0], s->values[i]);
  }
  DcnPixels pixels;
  int value = program->ops[from].output;
  g_assert_true(dcn_state_pixels(state, value, &pixels));
  for (int p = 0; p < pixels_of(&program->values[value]); p++)
    for (int c = 0; c < pixels.c; c++)
      pixels.pixels[p * pixels.pitch + c] = s->values[value][p * pixels.c + c] =
          (float)g_rand_double(script.rand);
  for (int i = from + 1; i < program->n_ops; i++)
    reference_run_op(program, &program->ops[i], s->values);
  DcnRunInfo info;
  dcn_state_run_known(state, known, &script, 1, &info);
  g_assert_false(info.full);
  g_assert_cmpuint(info.macs, ==, rest);
  assert_values(s, state, 5e-5, "from a value");
  g_free(script.wanted);
  g_free(script.compute);
  g_rand_free(script.rand);
  dcn_state_free(state);
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  dcn_parallel_set_helpers(7);
  const DcnKernels *const *tables = dcn_kernels_all();
  for (int i = 0; tables[i]; i++) {
    char *path = g_strdup_printf("/net/known/%s", tables[i]->isa);
    g_test_add_data_func(path, tables[i], test_known);
    g_free(path);
  }
  g_test_add_func("/net/known/from-a-value", test_from_a_value);
  return g_test_run();
}
