/* The study's modes against plain evaluation and against the engine, on networks made at random.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "study/study.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

#define SEEDS 30

/* A network, and a study of it. */
typedef struct {
  Subject *subject;
  DcnState *state;
  DcnStudy *study;
  GRand *rand;
  uint8_t *touched;
  float *frame;
} Case;

static Case
case_new(DcnProgram *program, DcnProgram *again, DcnProgram *third, guint32 seed)
{
  GError *error = NULL;
  Case c = {subject_new(program, again, dcn_kernels_get())};
  c.state = dcn_state_new(c.subject->net, &error);
  g_assert_no_error(error);
  c.study = dcn_study_new(c.subject->net, third, &error);
  g_assert_no_error(error);
  const DcnValue *in = subject_input(c.subject);
  c.rand = g_rand_new_with_seed(seed);
  c.touched = g_malloc((gsize)in->n * in->h * in->w);
  c.frame = g_malloc0(frame_bytes(in));
  return c;
}

static Case
random_case(guint32 seed)
{
  return case_new(netgen_random(seed, NETGEN_ALL, 14), netgen_random(seed, NETGEN_ALL, 14),
                  netgen_random(seed, NETGEN_ALL, 14), seed);
}

static void
case_clear(Case *c)
{
  dcn_study_detach(c->study, c->state);
  dcn_study_free(c->study);
  dcn_state_free(c->state);
  subject_free(c->subject);
  g_rand_free(c->rand);
  g_free(c->touched);
  g_free(c->frame);
}

/* The next frame, into the state and, evaluated, the subject's values. */
static void
next_frame(Case *c, Change change, gboolean evaluate)
{
  Subject *s = c->subject;
  const DcnValue *in = subject_input(s);
  change_frame(c->rand, in, change, 1, c->frame, c->touched);
  memcpy(dcn_state_input(c->state), c->frame, frame_bytes(in));
  if (!evaluate)
    return;
  frame_elements(in, c->frame, s->values[s->program->input]);
  reference_run_ops(s->program, s->values);
}

static Change
random_change(Case *c)
{
  return (Change)g_rand_int_range(c->rand, 0, N_CHANGES);
}

static void
test_blas(void)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Case c = random_case(seed);
    char *what = g_strdup_printf("blas, seed %u", seed);
    for (int i = 0; i < 3; i++) {
      DcnRunInfo info;
      next_frame(&c, CHANGE_ALL, TRUE);
      dcn_study_run(c.study, c.state, DCN_STUDY_BLAS, FALSE, 1 + i % 2, &info);
      assert_values(c.subject, c.state, 5e-5, what);
      g_assert_true(info.full);
      g_assert_cmpuint(info.macs, ==, info.macs_dense);
    }
    g_free(what);
    case_clear(&c);
  }
}

/* Whatever changed, and with rounding errors that add up over 20 frames. */
static void
test_sparse(void)
{
  uint64_t fewer = 0;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Case c = random_case(seed);
    for (int i = 0; i < 20; i++) {
      Change change = i == 0 ? CHANGE_ALL : random_change(&c);
      char *what = g_strdup_printf("sparse, seed %u, frame %d, change %d", seed, i, change);
      DcnRunInfo info;
      next_frame(&c, change, TRUE);
      dcn_study_run(c.study, c.state, DCN_STUDY_SPARSE, FALSE, 1 + i % 3, &info);
      assert_values(c.subject, c.state, 1e-4, what);
      g_assert_cmpint(info.full, ==, i == 0);
      g_assert_cmpuint(dcn_study_since_full(c.study), ==, i + 1);
      fewer += info.macs < info.macs_dense;
      g_free(what);
    }
    case_clear(&c);
  }
  g_assert_cmpuint(fewer, >, SEEDS * 5);
}

/* One convolution, for which the study's arithmetic can be done by hand. */
typedef struct {
  const char *name;
  int h, w, c, m, k, stride, groups;
} Layer;

static const Layer layers[] = {
    {"first", 40, 56, 3, 24, 11, 4, 1},      {"middle", 13, 17, 40, 33, 3, 1, 1},
    {"grouped", 15, 15, 12, 20, 5, 2, 4},    {"point", 9, 9, 48, 64, 1, 1, 1},
    {"depthwise", 12, 14, 16, 16, 3, 1, 16},
};

static DcnProgram *
layer_program(const Layer *l)
{
  return netgen_conv(7, l->h, l->w, l->c, l->m, l->k, l->stride, l->groups, DCN_ACT_RELU);
}

static Case
layer_case(const Layer *l)
{
  return case_new(layer_program(l), layer_program(l), layer_program(l), 7);
}

/* Input values in steps of 1/64, so that differences and their sums are exact in float. */
static void
coarse_frame(Case *c, double share)
{
  const DcnValue *in = subject_input(c->subject);
  for (int p = 0; p < in->h * in->w; p++)
    for (int ch = 0; ch < in->c; ch++)
      if (g_rand_double(c->rand) < share)
        c->frame[(size_t)p * dcn_channel_pitch(in->c) + ch] =
            (float)g_rand_int_range(c->rand, -64, 65) / 64;
  memcpy(dcn_state_input(c->state), c->frame, frame_bytes(in));
}

/* Multiplies of a sparse frame, by the definition: for every output and every term whose input differs, one. */
static uint64_t
count_products(const Case *c, const Layer *l, const float *before, const float *now)
{
  const DcnValue *in = subject_input(c->subject);
  const DcnValue *out = &c->subject->program->values[c->subject->program->ops[0].output];
  uint64_t count = 0;
  for (int oy = 0; oy < out->h; oy++)
    for (int ox = 0; ox < out->w; ox++)
      for (int ky = 0; ky < l->k; ky++)
        for (int kx = 0; kx < l->k; kx++) {
          int y = oy * l->stride + ky - l->k / 2, x = ox * l->stride + kx - l->k / 2;
          if (y < 0 || x < 0 || y >= in->h || x >= in->w)
            continue;
          for (int ch = 0; ch < in->c; ch++)
            count += now[((size_t)y * in->w + x) * in->c + ch] !=
                     before[((size_t)y * in->w + x) * in->c + ch];
        }
  return count * (uint64_t)(out->c / l->groups);
}

static void
test_counts(gconstpointer data)
{
  const Layer *l = data;
  Case c = layer_case(l);
  const DcnValue *in = subject_input(c.subject);
  size_t n = dcn_value_elements(in);
  float *before = g_new0(float, n), *now = g_new0(float, n);
  for (int i = 0; i < 4; i++) {
    DcnRunInfo info;
    coarse_frame(&c, i == 2 ? 0 : 0.2);
    frame_elements(in, c.frame, now);
    dcn_study_run(c.study, c.state, DCN_STUDY_SPARSE, FALSE, 1 + i % 2, &info);
    const DcnStudyTimes *times = dcn_study_times(c.study);
    const DcnOpStat *stat = dcn_state_op_stats(c.state);
    if (i == 0 || l->groups == l->c) {
      g_assert_cmpuint(info.macs, ==, info.macs_dense);
    } else {
      g_assert_cmpuint(info.macs, ==, count_products(&c, l, before, now));
      g_assert_cmpuint(info.macs, ==, times->nonzeros * (uint64_t)(l->m / l->groups));
      g_assert_cmpuint(times->to_sparse_ns, >, 0);
    }
    g_assert_cmpuint(times->unfold_ns + times->dense_product_ns + times->to_sparse_ns +
                         times->sparse_product_ns,
                     <=, stat->ns);
    memcpy(before, now, n * sizeof(float));
  }
  g_free(before);
  g_free(now);
  case_clear(&c);
}

/* The heuristic by its definition, in double: of each channel's difference what lies below the mean magnitude is
 * lost, and the rest convolved and added. */
static void
test_heuristic_layer(gconstpointer data)
{
  const Layer *l = data;
  Case c = layer_case(l);
  Subject *s = c.subject;
  const DcnValue *in = subject_input(s);
  DcnOp *op = &s->program->ops[0];
  size_t n = dcn_value_elements(in), n_out = dcn_value_elements(&s->program->values[op->output]);
  size_t pixels = n / (size_t)in->c;
  float *last = g_new0(float, n), *now = g_new0(float, n), *out = s->values[op->output];
  double *sums = g_new0(double, n_out);
  float *bias = op->u.conv.bias;
  uint64_t lost = 0;
  op->act.kind = DCN_ACT_NONE;
  for (int i = 0; i < 12; i++) {
    gboolean full = i == 0 || i == 8;
    DcnRunInfo info;
    coarse_frame(&c, i == 0 ? 1 : 0.3);
    frame_elements(in, c.frame, now);
    float *d = s->values[s->program->input];
    for (int ch = 0; ch < in->c; ch++) {
      double sum = 0; /* exact */
      for (size_t p = 0; p < pixels; p++)
        sum += fabs((double)now[p * in->c + ch] - last[p * in->c + ch]);
      for (size_t p = 0; p < pixels; p++) {
        size_t at = p * in->c + ch;
        d[at] = full ? now[at] : now[at] - last[at];
        if (!full && d[at] != 0 && fabs(d[at]) * (double)pixels < sum) {
          lost++;
          d[at] = 0;
        }
      }
    }
    op->u.conv.bias = full ? bias : NULL;
    reference_run_op(s->program, op, s->values);
    for (size_t o = 0; o < n_out; o++) {
      sums[o] = full ? out[o] : sums[o] + out[o];
      out[o] = (float)MAX(sums[o], 0);
    }
    memcpy(last, now, n * sizeof(float));
    memcpy(d, now, n * sizeof(float));
    dcn_study_run(c.study, c.state, DCN_STUDY_HEURISTIC, full, 1 + i % 2, &info);
    g_assert_cmpint(info.full, ==, full);
    assert_values(s, c.state, 2e-5, l->name);
  }
  g_assert_cmpuint(lost, >, 0);
  op->u.conv.bias = bias;
  g_free(last);
  g_free(now);
  g_free(sums);
  case_clear(&c);
}

/* Through a whole network: wrong in between, right again on full frames. */
static void
test_heuristic(void)
{
  Case c =
      case_new(netgen_classifier(3, 64), netgen_classifier(3, 64), netgen_classifier(3, 64), 3);
  Subject *s = c.subject;
  int output = s->program->outputs[0];
  size_t n = dcn_value_elements(&s->program->values[output]);
  double worst = 0;
  for (int i = 0; i < 30; i++) {
    gboolean full = i % 10 == 0;
    DcnRunInfo info;
    next_frame(&c, i == 0 ? CHANGE_ALL : CHANGE_SCATTERED, TRUE);
    dcn_study_run(c.study, c.state, DCN_STUDY_HEURISTIC, full, 1, &info);
    if (full) {
      assert_values(s, c.state, 5e-5, "a full frame of the heuristic");
      continue;
    }
    dcn_state_output(c.state, 0, s->logical[0]);
    reference_to_logical(&s->program->values[output], s->values[output], s->logical[1]);
    double d = difference(s->logical[0], s->logical[1], n);
    worst = MAX(worst, d);
    g_assert_true(isfinite(d));
    g_assert_cmpuint(info.macs, <, info.macs_dense);
    g_assert_cmpuint(info.values_changed, <, info.values);
  }
  g_test_message("the heuristic is off by %g of the largest output at most", worst);
  g_assert_cmpfloat(worst, >, 1e-3);
  case_clear(&c);
}

/* How far rounding carries sparse from dense without a full frame. */
static void
test_drift(void)
{
  Case c =
      case_new(netgen_classifier(3, 32), netgen_classifier(3, 32), netgen_classifier(3, 32), 3);
  Subject *s = c.subject;
  GError *error = NULL;
  DcnState *dense = dcn_state_new(s->net, &error);
  g_assert_no_error(error);
  size_t n = dcn_value_elements(&s->program->values[s->program->outputs[0]]);
  double after[2] = {0, 0};
  for (int i = 0; i < 300; i++) {
    next_frame(&c, i ? CHANGE_BLOCK : CHANGE_ALL, FALSE);
    dcn_study_run(c.study, c.state, DCN_STUDY_SPARSE, FALSE, 1, NULL);
    if (i != 14 && i != 299)
      continue;
    memcpy(dcn_state_input(dense), c.frame, frame_bytes(subject_input(s)));
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
    dcn_state_output(c.state, 0, s->logical[0]);
    dcn_state_output(dense, 0, s->logical[1]);
    after[i == 299] = difference(s->logical[0], s->logical[1], n);
  }
  g_test_message("off by %g after 15 frames, %g after 300", after[0], after[1]);
  g_assert_cmpfloat(after[0], <, 5e-6);
  g_assert_cmpfloat(after[1], <, 5e-5);
  dcn_state_free(dense);
  case_clear(&c);
}

/* From one mode to another, and to the engine and back: nothing of the one before is left. */
static void
test_changing(void)
{
  static const DcnStudyMode modes[] = {DCN_STUDY_HEURISTIC, DCN_STUDY_SPARSE, DCN_STUDY_BLAS,
                                       DCN_STUDY_HEURISTIC, DCN_STUDY_BLAS,   DCN_STUDY_SPARSE};
  for (guint32 seed = 1; seed <= 10; seed++) {
    Case c = random_case(seed);
    DcnRunInfo info;
    next_frame(&c, CHANGE_ALL, FALSE);
    for (guint m = 0; m < G_N_ELEMENTS(modes); m++)
      for (int i = 0; i < 3; i++) {
        next_frame(&c, random_change(&c), TRUE);
        dcn_study_run(c.study, c.state, modes[m], FALSE, 1, &info);
        g_assert_cmpint(info.full, ==, i == 0 || modes[m] == DCN_STUDY_BLAS);
        if (i == 0 || modes[m] != DCN_STUDY_HEURISTIC)
          assert_values(c.subject, c.state, 1e-4, "after another mode");
      }
    dcn_study_reset(c.study);
    next_frame(&c, CHANGE_BLOCK, FALSE);
    dcn_study_run(c.study, c.state, DCN_STUDY_HEURISTIC, FALSE, 1, &info);
    g_assert_true(info.full);
    next_frame(&c, CHANGE_SCATTERED, FALSE);
    dcn_study_run(c.study, c.state, DCN_STUDY_HEURISTIC, FALSE, 1, &info);
    dcn_study_detach(c.study, c.state);
    for (int i = 0; i < 5; i++) {
      next_frame(&c, random_change(&c), TRUE);
      dcn_state_run(c.state, c.touched, DCN_MODE_DELTA, 1, &info);
      g_assert_true(info.full || i > 0);
      assert_values(c.subject, c.state, 1e-4, "the engine after the study");
    }
    case_clear(&c);
  }
}

/* The weights of another model would give nonsense. */
static void
test_other_program(void)
{
  Subject *s = subject_new(netgen_classifier(3, 32), netgen_classifier(3, 32), dcn_kernels_get());
  GError *error = NULL;
  g_assert_null(dcn_study_new(s->net, netgen_classifier(3, 48), &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_null(dcn_study_load(s->net, "/nowhere/model.onnx", &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_clear_error(&error);
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/study/blas", test_blas);
  g_test_add_func("/study/sparse", test_sparse);
  for (guint i = 0; i < G_N_ELEMENTS(layers); i++) {
    char *path = g_strdup_printf("/study/counts/%s", layers[i].name);
    g_test_add_data_func(path, &layers[i], test_counts);
    g_free(path);
    if (layers[i].groups == layers[i].c)
      continue;
    path = g_strdup_printf("/study/heuristic/%s", layers[i].name);
    g_test_add_data_func(path, &layers[i], test_heuristic_layer);
    g_free(path);
  }
  g_test_add_func("/study/heuristic/network", test_heuristic);
  g_test_add_func("/study/drift", test_drift);
  g_test_add_func("/study/changing", test_changing);
  g_test_add_func("/study/other-program", test_other_program);
  return g_test_run();
}
