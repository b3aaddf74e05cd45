/* Errors stay bounded on an endless scene: those of rounding, and those that a tolerance lets pass.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <math.h>
#include <string.h>

/* A clip played forwards and backwards without end: so no two frames in a row differ by much. */
static const float *
frame_of_run(float *const *clip, int frames, int run)
{
  int i = run % (2 * frames - 2);
  return clip[i < frames ? i : 2 * frames - 2 - i];
}

/* The largest difference to dense in 256 runs, from run `first` on. */
static double
worst_of_runs(Subject *s, DcnState *delta, DcnState *dense, float **clip, int frames, int first)
{
  double worst = 0;
  const DcnProgram *p = s->program;
  for (int run = first; run < first + 256; run++) {
    memcpy(dcn_state_input(delta), frame_of_run(clip, frames, run), frame_bytes(subject_input(s)));
    dcn_state_run(delta, NULL, DCN_MODE_DELTA, 1, NULL);
    if (run % 8)
      continue;
    memcpy(dcn_state_input(dense), frame_of_run(clip, frames, run), frame_bytes(subject_input(s)));
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
    for (int v = 0; v < p->n_values; v++)
      if (dcn_state_value(delta, v, s->logical[0]) && dcn_state_value(dense, v, s->logical[1]))
        worst =
            MAX(worst, difference(s->logical[0], s->logical[1], dcn_value_elements(&p->values[v])));
  }
  return worst;
}

/* Rounding errors of sums that are only ever added to do not pile up: after 10,000 frames of an endless clip, with
 * no picture computed in full, they are what they were at the beginning. */
static void
test_drift(gconstpointer data)
{
  enum { FRAMES = 30, RUNS = 10000 };
  Subject *s = subject_new(netgen_conv(5, 24, 24, 32, 64, 3, 1, 1, DCN_ACT_RELU),
                           netgen_conv(5, 24, 24, 32, 64, 3, 1, 1, DCN_ACT_RELU), data);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(5);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  float *clip[FRAMES];
  for (int i = 0; i < FRAMES; i++) {
    clip[i] = i ? g_memdup2(clip[i - 1], frame_bytes(in)) : g_malloc0(frame_bytes(in));
    change_frame(rand, in, i ? CHANGE_BLOCK : CHANGE_ALL, 1, clip[i], touched);
  }
  DcnState *delta = state_new(s->net), *dense = state_new(s->net);
  dcn_state_set_adaptive(delta, FALSE);
  double early = worst_of_runs(s, delta, dense, clip, FRAMES, 0), late;
  for (int run = 256; run < RUNS - 256; run++) {
    memcpy(dcn_state_input(delta), frame_of_run(clip, FRAMES, run), frame_bytes(in));
    dcn_state_run(delta, NULL, DCN_MODE_DELTA, 1, NULL);
  }
  late = worst_of_runs(s, delta, dense, clip, FRAMES, RUNS - 256);
  g_test_message("differs from dense by %.3g in the first 256 runs, by %.3g in the last", early,
                 late);
  g_assert_cmpfloat(late, <, 1e-4);
  g_assert_cmpfloat(late, <, 2 * early);
  for (int i = 0; i < FRAMES; i++)
    g_free(clip[i]);
  g_free(touched);
  dcn_state_free(delta);
  dcn_state_free(dense);
  g_rand_free(rand);
  subject_free(s);
}

/* The same of a first layer, which counts the steps of its sums. */
static void
test_first_drift(gconstpointer data)
{
  enum { SIDE = 31, RUNS = 6000 };
  Subject *s = subject_new(netgen_conv(7, SIDE, SIDE, 3, 64, 11, 4, 1, DCN_ACT_NONE),
                           netgen_conv(7, SIDE, SIDE, 3, 64, 11, 4, 1, DCN_ACT_NONE), data);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(7);
  float *frame = g_malloc0(frame_bytes(in));
  DcnState *state = state_new(s->net), *dense = state_new(s->net);
  DcnRunInfo info;
  double worst[2] = {0, 0}; /* of the first 256 runs and the last */
  dcn_state_set_adaptive(state, FALSE);
  for (int run = 0; run < RUNS; run++) {
    for (int i = 0; i < (run ? 20 : SIDE * SIDE); i++)
      for (int c = 0; c < 3; c++)
        frame[(run ? g_rand_int_range(rand, 0, SIDE * SIDE) : i) * 4 + c] =
            (float)g_rand_double_range(rand, -1, 1);
    memcpy(dcn_state_input(state), frame, frame_bytes(in));
    dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
    g_assert_cmpint(info.full, ==, run == 0);
    if ((run >= 256 && run < RUNS - 256) || run % 8)
      continue;
    memcpy(dcn_state_input(dense), frame, frame_bytes(in));
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
    dcn_state_output(state, 0, s->logical[0]);
    dcn_state_output(dense, 0, s->logical[1]);
    double d = difference(s->logical[0], s->logical[1],
                          dcn_value_elements(&s->program->values[s->program->outputs[0]]));
    worst[run >= 256] = fmax(worst[run >= 256], d);
  }
  g_test_message("off by %.3g in the first 256 runs, by %.3g in the last", worst[0], worst[1]);
  g_assert_cmpfloat(worst[0], <, 1e-5);
  g_assert_cmpfloat(worst[1], <, 2 * worst[0]);
  g_free(frame);
  dcn_state_free(state);
  dcn_state_free(dense);
  g_rand_free(rand);
  subject_free(s);
}

/* The same of a fully connected layer, of which a few inputs change in each run; all taps but one of its window lie outside of
 * the input. */
static void
test_fc_drift(gconstpointer data)
{
  enum { INPUTS = 512, OUTPUTS = 130, RUNS = 6000 };
  Subject *s = subject_new(netgen_conv(6, 1, 1, INPUTS, OUTPUTS, 3, 1, 1, DCN_ACT_NONE),
                           netgen_conv(6, 1, 1, INPUTS, OUTPUTS, 3, 1, 1, DCN_ACT_NONE), data);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(6);
  float *frame = g_malloc0(frame_bytes(in));
  DcnState *state = state_new(s->net);
  double worst[2] = {0, 0}; /* of the first 256 runs and the last */
  dcn_state_set_adaptive(state, FALSE);
  for (int run = 0; run < RUNS; run++) {
    for (int i = 0; i < (run ? 20 : INPUTS); i++)
      frame[run ? g_rand_int_range(rand, 0, INPUTS) : i] = (float)g_rand_double_range(rand, -1, 1);
    memcpy(dcn_state_input(state), frame, frame_bytes(in));
    dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
    if (run >= 256 && run < RUNS - 256)
      continue;
    frame_elements(in, frame, s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    dcn_state_output(state, 0, s->logical[0]);
    double d = difference(s->logical[0], s->values[s->program->outputs[0]], OUTPUTS);
    worst[run >= 256] = fmax(worst[run >= 256], d);
  }
  g_test_message("off by %.3g in the first 256 runs, by %.3g in the last", worst[0], worst[1]);
  g_assert_cmpfloat(worst[0], <, 1e-5);
  g_assert_cmpfloat(worst[1], <, 2 * worst[0]);
  g_free(frame);
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

static double
rms_of(const float *x, size_t count)
{
  double sum = 0;
  for (size_t i = 0; i < count; i++)
    sum += (double)x[i] * x[i];
  return sqrt(sum / (double)count);
}

/* With a tolerance, what each value shows and what its op would make of what its inputs show never
 * differ by more than the tolerance, however many frames have gone by; and the outputs do not
 * differ at all. */
static void
test_closed_loop(void)
{
  const double tolerance = 0.05;
  Subject *s = subject_new(netgen_classifier(5, 20), netgen_classifier(5, 20), dcn_kernels_get());
  const DcnProgram *p = s->program;
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(5);
  DcnState *state = state_new(s->net), *exact = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  float *frame = g_malloc0(frame_bytes(in));
  double *rms = g_new0(double, (size_t)p->n_values), worst = 0;
  uint64_t changed = 0, changed_exact = 0;
  int full = 0;
  dcn_state_set_tolerance(state, tolerance);
  g_assert_true(dcn_state_set_value_tolerance(state, p->values[3].name, 0.1));
  g_assert_false(dcn_state_set_value_tolerance(state, "no such value", 0.1));
  for (int i = 0; i < 2400; i++) {
    /* Noise everywhere now and then, else small changes here and there. */
    Change change = i == 0       ? CHANGE_ALL
                    : i % 8 == 0 ? CHANGE_NOISE
                    : i % 2      ? CHANGE_BLOCK
                                 : CHANGE_PIXEL;
    change_frame(rand, in, change,
                 change == CHANGE_BLOCK   ? 0.1f
                 : change == CHANGE_PIXEL ? 0.5f
                                          : 1,
                 frame, touched);
    memcpy(dcn_state_input(state), frame, frame_bytes(in));
    memcpy(dcn_state_input(exact), frame, frame_bytes(in));
    DcnRunInfo info, info_exact;
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    dcn_state_run(exact, touched, DCN_MODE_DELTA, 1, &info_exact);
    if (i > 0) {
      changed += info.values_changed;
      changed_exact += info_exact.values_changed;
    }
    full += info.full;
    if (!info.full && i % 60)
      continue;
    for (int v = 0; v < p->n_values; v++) {
      dcn_state_value(state, v, s->logical[0]);
      reference_from_logical(&p->values[v], s->logical[0], s->values[v]);
      if (info.full) /* then the tolerances are measured anew */
        rms[v] = rms_of(s->values[v], dcn_value_elements(&p->values[v]));
    }
    float *shown = g_new(float, dcn_value_elements(in));
    frame_elements(in, frame, shown);
    for (size_t e = 0; e < dcn_value_elements(in); e++)
      g_assert_cmpfloat(fabs(shown[e] - s->values[p->input][e]), <=,
                        tolerance * rms[p->input] * 1.0001);
    g_free(shown);
    for (int o = 0; o < p->n_ops; o++) {
      int value = p->ops[o].output;
      size_t n = dcn_value_elements(&p->values[value]);
      float *was = g_memdup2(s->values[value], n * sizeof(float));
      reference_run_op(p, &p->ops[o], s->values);
      double bound = (value == p->outputs[0] ? 0 : value == 3 ? 0.1 : tolerance) * rms[value];
      for (size_t e = 0; e < n; e++) {
        double d = fabs((double)was[e] - s->values[value][e]);
        if (d > bound * 1.0001 + 1e-4 * rms[value])
          g_error("frame %d: element %zu of value %d, made by kind %d, is off by %g, allowed %g, "
                  "rms %g",
                  i, e, value, p->ops[o].kind, d, bound, rms[value]); /* the rest is rounding */
        worst = fmax(worst, bound > 0 ? d / bound : 0);
      }
      memcpy(s->values[value], was, n * sizeof(float));
      g_free(was);
    }
  }
  g_test_message("largest error %.3f of the tolerance; values propagated %.3f of those without",
                 worst, (double)changed / (double)changed_exact);
  /* A full run would clear what had accumulated. */
  g_assert_cmpint(full, ==, 1);
  /* The tolerance is used, and it saves. */
  g_assert_cmpfloat(worst, >, 0.5);
  g_assert_cmpuint(changed * 2, <, changed_exact);
  g_free(rms);
  g_free(frame);
  g_free(touched);
  dcn_state_free(state);
  dcn_state_free(exact);
  g_rand_free(rand);
  subject_free(s);
}

/* What was only moved was tested before: it is not tested again, or errors of two tolerances would add up. */
static void
test_moved(void)
{
  Subject *s = subject_new(netgen_moved(9, 12), netgen_moved(9, 12), dcn_kernels_get());
  const DcnProgram *p = s->program;
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(9);
  DcnState *state = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  uint64_t changed = 0;
  dcn_state_set_adaptive(state, FALSE);
  dcn_state_set_tolerance(state, 0.1);
  for (int i = 0; i < 40; i++) {
    DcnRunInfo info;
    change_frame(rand, in,
                 i == 0  ? CHANGE_ALL
                 : i % 2 ? CHANGE_NOISE
                         : CHANGE_BLOCK,
                 i ? 0.2f : 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    changed += i ? info.values_changed : 0;
    for (int v = 0; v < p->n_values; v++) {
      dcn_state_value(state, v, s->logical[0]);
      reference_from_logical(&p->values[v], s->logical[0], s->values[v]);
    }
    for (int o = 0; o < p->n_ops; o++) {
      if (p->ops[o].kind != DCN_OP_GATHER && p->ops[o].kind != DCN_OP_CONCAT)
        continue;
      float *shown = s->values[p->ops[o].output];
      const size_t bytes = dcn_value_elements(&p->values[p->ops[o].output]) * sizeof(float);
      float *was = g_memdup2(shown, bytes);
      reference_run_op(p, &p->ops[o], s->values);
      g_assert_cmpmem(was, bytes, shown, bytes);
      g_free(was);
    }
  }
  g_assert_cmpuint(changed, >, 0);
  g_free(touched);
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

/* What a tolerance has let pass stays, and is told, when the tolerances that follow are 0, until a run is asked to be exact. */
static void
test_let_pass(void)
{
  Subject *s = subject_new(netgen_classifier(5, 20), netgen_classifier(5, 20), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(7);
  DcnState *state = state_new(s->net), *dense = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  float *frame = g_malloc0(frame_bytes(in));
  dcn_state_set_adaptive(state, FALSE);
  dcn_state_set_tolerance(state, 0.5);
  for (int i = 0; i < 8; i++) {
    DcnRunInfo info;
    change_frame(rand, in,
                 i == 0  ? CHANGE_ALL
                 : i < 6 ? CHANGE_NOISE
                         : CHANGE_PIXEL,
                 1, frame, touched);
    dcn_state_scale_tolerances(state, i < 6 ? 1 : 0);
    memcpy(dcn_state_input(state), frame, frame_bytes(in));
    dcn_state_run(state, touched, i == 7 ? DCN_MODE_EXACT : DCN_MODE_DELTA, 1, &info);
    g_assert_cmpint(info.exact, ==, i == 0 || i == 7);
  }
  memcpy(dcn_state_input(dense), frame, frame_bytes(in));
  dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
  assert_same(s, state, dense, 5e-5, "exact after tolerances");
  g_free(frame);
  g_free(touched);
  dcn_state_free(state);
  dcn_state_free(dense);
  g_rand_free(rand);
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    char *path = g_strdup_printf("/net/errors/%s/drift", (*k)->isa);
    g_test_add_data_func(path, *k, test_drift);
    g_free(path);
    path = g_strdup_printf("/net/errors/%s/first-drift", (*k)->isa);
    g_test_add_data_func(path, *k, test_first_drift);
    g_free(path);
    path = g_strdup_printf("/net/errors/%s/fc-drift", (*k)->isa);
    g_test_add_data_func(path, *k, test_fc_drift);
    g_free(path);
  }
  g_test_add_func("/net/errors/closed-loop", test_closed_loop);
  g_test_add_func("/net/errors/moved", test_moved);
  g_test_add_func("/net/errors/let-pass", test_let_pass);
  return g_test_run();
}
