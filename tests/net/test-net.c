/* The engine against plain evaluation, and its ways of running against each other, on networks made
 * at random. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

#define SEEDS 60

static Subject *
random_subject(guint32 seed, const DcnKernels *kernels)
{
  return subject_new(netgen_random(seed, NETGEN_ALL, 14), netgen_random(seed, NETGEN_ALL, 14),
                     kernels);
}

/* Every kind of operator and activation must occur, or the tests below say less than they seem to.
 */
static void
test_coverage(void)
{
  unsigned kinds = 0, acts = 0, grouped = 0, depthwise = 0, connected = 0, padded = 0;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    DcnProgram *p = netgen_random(seed, NETGEN_ALL, 14);
    for (int i = 0; i < p->n_ops; i++) {
      const DcnOp *op = &p->ops[i];
      kinds |= 1u << op->kind;
      acts |= 1u << op->act.kind;
      if (op->kind == DCN_OP_CONV) {
        const DcnValue *in = &p->values[op->inputs[0]], *out = &p->values[op->output];
        depthwise += op->u.conv.groups > 1 && op->u.conv.groups == in->c && in->c == out->c;
        grouped += op->u.conv.groups > 1 && op->u.conv.groups != in->c;
        connected += out->n * out->h * out->w == 1;
        padded += op->u.conv.kh == 1 && op->u.conv.pad_top > 0 && op->u.conv.groups == 1;
      }
    }
    dcn_program_free(p);
  }
  g_assert_cmpuint(kinds, ==, NETGEN_ALL);
  /* All but those with steps. */
  g_assert_cmpuint(acts, ==, ((1u << (DCN_ACT_ABS + 1)) - 1) & ~(1u << DCN_ACT_QUANTIZE));
  g_assert_cmpuint(grouped, >=, 5);
  g_assert_cmpuint(depthwise, >=, 5);
  g_assert_cmpuint(connected, >=, 5);
  g_assert_cmpuint(padded, >=, 5);
}

static void
test_dense(gconstpointer data)
{
  const DcnKernels *kernels = data;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Subject *s = random_subject(seed, kernels);
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed);
    DcnState *state = state_new(s->net);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    char *what = g_strdup_printf("%s, seed %u", kernels->isa, seed);
    DcnRunInfo info;
    /* The second time over caches that hold something. */
    for (int frame = 0; frame < 2; frame++) {
      change_frame(rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
      frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, &info);
      g_assert_true(info.full);
      g_assert_false(info.reused);
      g_assert_cmpuint(info.macs, ==, dcn_net_macs(s->net));
      g_assert_cmpuint(info.macs_dense, ==, dcn_net_macs(s->net));
      assert_values(s, state, 5e-5, what);
    }
    for (int o = 0; o < s->program->n_outputs; o++) {
      int value = s->program->outputs[o];
      dcn_state_output(state, o, s->logical[0]);
      g_assert_true(dcn_state_value(state, value, s->logical[1]));
      g_assert_cmpmem(s->logical[0], dcn_value_elements(&s->program->values[value]) * sizeof(float),
                      s->logical[1],
                      dcn_value_elements(&s->program->values[value]) * sizeof(float));
    }
    g_free(what);
    g_free(touched);
    dcn_state_free(state);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* At tolerance 0 a delta run gives what a dense one gives, whatever changed. */
static void
test_delta(gconstpointer data)
{
  const DcnKernels *kernels = data;
  uint64_t saved = 0, partial = 0;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Subject *s = random_subject(seed, kernels);
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed + 1000);
    DcnState *delta = state_new(s->net), *dense = state_new(s->net);
    dcn_state_set_adaptive(delta, seed % 4 == 0);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    float *frame = g_malloc0(frame_bytes(in));
    for (int i = 0; i < 24; i++) {
      Change change = i == 0 ? CHANGE_ALL : (Change)g_rand_int_range(rand, 0, N_CHANGES);
      change_frame(rand, in, change, 1, frame, touched);
      memcpy(dcn_state_input(delta), frame, frame_bytes(in));
      memcpy(dcn_state_input(dense), frame, frame_bytes(in));
      DcnRunInfo info;
      dcn_state_run(delta, i % 5 ? touched : NULL, i % 11 == 10 ? DCN_MODE_DENSE : DCN_MODE_DELTA,
                    1, &info);
      dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
      char *what =
          g_strdup_printf("%s, seed %u, frame %d, change %d", kernels->isa, seed, i, change);
      assert_same(s, delta, dense, 5e-5, what);
      g_free(what);
      if (change == CHANGE_NONE && !info.full) {
        g_assert_true(info.reused);
        g_assert_cmpuint(info.macs, ==, 0);
        g_assert_cmpuint(info.values_changed, ==, 0);
      }
      g_assert_cmpuint(info.values_changed, <=, info.values);
      saved += info.macs < info.macs_dense;
      partial += !info.full && !info.reused;
    }
    g_free(frame);
    g_free(touched);
    dcn_state_free(delta);
    dcn_state_free(dense);
    g_rand_free(rand);
    subject_free(s);
  }
  g_test_message("%" G_GUINT64_FORMAT " runs were partial, %" G_GUINT64_FORMAT
                 " multiplied less than a dense one",
                 partial, saved);
  g_assert_cmpuint(partial, >, SEEDS * 12);
  g_assert_cmpuint(saved, >, SEEDS * 5);
}

/* With whatever tolerance: a run asked for as EXACT gives what a dense one gives, and is no full one where the runs
 * before it let nothing pass. */
static void
test_exact(gconstpointer data)
{
  const DcnKernels *kernels = data;
  int after_exact = 0, partial = 0, wrong = 0;
  for (guint32 seed = 1; seed <= SEEDS; seed++) {
    Subject *s = random_subject(seed, kernels);
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed + 3000);
    DcnState *state = state_new(s->net), *dense = state_new(s->net);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    gboolean clean = FALSE;
    dcn_state_set_tolerance(state, 0.3);
    for (int i = 0; i < 18; i++) {
      gboolean exact = i % 6 >= 3;
      DcnRunInfo info;
      change_frame(rand, in, i == 0 ? CHANGE_ALL : CHANGE_BLOCK, 1, dcn_state_input(state),
                   touched);
      memcpy(dcn_state_input(dense), dcn_state_input(state), frame_bytes(in));
      dcn_state_run(state, touched, exact ? DCN_MODE_EXACT : DCN_MODE_DELTA, 1, &info);
      dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
      g_assert_cmpint(info.exact, ==, info.full || (exact && clean));
      if (exact)
        g_assert_true(info.exact);
      after_exact += exact && clean;
      partial += exact && clean && !info.full;
      clean = info.exact;
      if (info.exact) {
        char *what = g_strdup_printf("%s, seed %u, frame %d", kernels->isa, seed, i);
        assert_same(s, state, dense, 5e-5, what);
        g_free(what);
      } else {
        dcn_state_output(state, 0, s->logical[0]);
        dcn_state_output(dense, 0, s->logical[1]);
        wrong += memcmp(s->logical[0], s->logical[1],
                        dcn_value_elements(&s->program->values[s->program->outputs[0]]) *
                            sizeof(float)) != 0;
      }
    }
    g_free(touched);
    dcn_state_free(state);
    dcn_state_free(dense);
    g_rand_free(rand);
    subject_free(s);
  }
  g_test_message("%d of %d exact runs after exact ones were partial", partial, after_exact);
  g_assert_cmpint(partial, >, after_exact / 3);
  g_assert_cmpint(wrong, >, SEEDS); /* or there was nothing to make good */
}

/* Tolerances made smaller are as good as smaller ones given, and can be made larger again. */
static void
test_scaled_tolerances(void)
{
  int differ = 0;
  for (guint32 seed = 1; seed <= 12; seed++) {
    Subject *s = random_subject(seed, dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    size_t n = dcn_value_elements(&s->program->values[s->program->outputs[0]]);
    GRand *rand = g_rand_new_with_seed(seed + 4000);
    DcnState *scaled = state_new(s->net), *given = state_new(s->net), *whole = state_new(s->net);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    dcn_state_set_tolerance(scaled, 0.5);
    dcn_state_set_tolerance(whole, 0.5);
    dcn_state_set_adaptive(scaled, FALSE);
    dcn_state_set_adaptive(given, FALSE);
    for (int i = 0; i < 12; i++) {
      DcnRunInfo a, b;
      dcn_state_scale_tolerances(scaled, i < 8 ? 0.25 : 7);
      dcn_state_set_tolerance(given, i < 8 ? 0.125 : 0.5);
      change_frame(rand, in, i == 0 ? CHANGE_ALL : CHANGE_BLOCK, 1, dcn_state_input(scaled),
                   touched);
      memcpy(dcn_state_input(given), dcn_state_input(scaled), frame_bytes(in));
      memcpy(dcn_state_input(whole), dcn_state_input(scaled), frame_bytes(in));
      dcn_state_run(scaled, touched, DCN_MODE_DELTA, 1, &a);
      dcn_state_run(given, touched, DCN_MODE_DELTA, 1, &b);
      dcn_state_run(whole, touched, DCN_MODE_DELTA, 1, NULL);
      g_assert_cmpint(a.exact, ==, b.exact);
      dcn_state_output(scaled, 0, s->logical[0]);
      dcn_state_output(given, 0, s->logical[1]);
      g_assert_cmpmem(s->logical[0], n * sizeof(float), s->logical[1], n * sizeof(float));
      dcn_state_output(whole, 0, s->logical[1]);
      differ += memcmp(s->logical[0], s->logical[1], n * sizeof(float)) != 0;
    }
    g_free(touched);
    dcn_state_free(scaled);
    dcn_state_free(given);
    dcn_state_free(whole);
    g_rand_free(rand);
    subject_free(s);
  }
  g_assert_cmpint(differ, >, 12); /* or it made no difference */
}

/* One, two and three threads give the same bits, and the same counts. */
static void
test_threads(gconstpointer data)
{
  const DcnKernels *kernels = data;
  for (guint32 seed = 1; seed <= 15; seed++) {
    /* The classifiers are large enough that their loops are shared out, and the last are single layers whose
     * channels are, too, over many frames. */
    Subject *s =
        seed <= 6 ? random_subject(seed, kernels)
        : seed <= 12
            ? subject_new(netgen_classifier(seed, 64), netgen_classifier(seed, 64), kernels)
            : subject_new(netgen_conv(seed, 16, 16, 64, 256, 1, 1, 1, DCN_ACT_RELU),
                          netgen_conv(seed, 16, 16, 64, 256, 1, 1, 1, DCN_ACT_RELU), kernels);
    int frames = seed <= 12 ? 10 : 60;
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed);
    DcnState *state[3];
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    float *frame = g_malloc0(frame_bytes(in));
    for (int t = 0; t < 3; t++) {
      state[t] = state_new(s->net);
      dcn_state_set_tolerance(state[t], seed % 2 ? 0.02 : 0);
      dcn_state_set_adaptive(state[t], seed % 3 == 0);
    }
    for (int i = 0; i < frames; i++) {
      DcnRunInfo info[3];
      change_frame(rand, in, i == 0 ? CHANGE_ALL : (Change)g_rand_int_range(rand, 0, N_CHANGES), 1,
                   frame, touched);
      for (int t = 0; t < 3; t++) {
        memcpy(dcn_state_input(state[t]), frame, frame_bytes(in));
        dcn_state_run(state[t], touched, DCN_MODE_DELTA, t + 1, &info[t]);
      }
      for (int t = 1; t < 3; t++) {
        g_assert_cmpuint(info[0].macs, ==, info[t].macs);
        g_assert_cmpuint(info[0].macs_dense, ==, info[t].macs_dense);
        g_assert_cmpuint(info[0].values_changed, ==, info[t].values_changed);
        g_assert_cmpuint(info[0].values, ==, info[t].values);
        g_assert_cmpfloat(info[0].cost, ==, info[t].cost);
        g_assert_cmpint(info[0].full, ==, info[t].full);
        g_assert_cmpint(info[0].reused, ==, info[t].reused);
        g_assert_cmpint(info[0].exact, ==, info[t].exact);
        for (int v = 0; v < s->program->n_values; v++) {
          size_t bytes = dcn_value_elements(&s->program->values[v]) * sizeof(float);
          dcn_state_value(state[0], v, s->logical[0]);
          dcn_state_value(state[t], v, s->logical[1]);
          g_assert_cmpmem(s->logical[0], bytes, s->logical[1], bytes);
        }
      }
    }
    for (int t = 0; t < 3; t++)
      dcn_state_free(state[t]);
    g_free(frame);
    g_free(touched);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* A state that was reset is as good as new: whatever it went through before, the same frames give the same bits and
 * the same amount of work. */
static void
test_reset(void)
{
  enum { BEFORE = 150, AFTER = 100 };
  for (guint32 seed = 1; seed <= 4; seed++) {
    Subject *s =
        subject_new(netgen_classifier(seed, 48), netgen_classifier(seed, 48), dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed);
    uint8_t *touched = g_malloc((size_t)in->h * in->w);
    float *frame = g_malloc0(frame_bytes(in));
    DcnState *state[2] = {state_new(s->net), state_new(s->net)};
    for (int t = 0; t < 2; t++)
      dcn_state_set_tolerance(state[t], seed % 2 ? 0.03 : 0);
    for (int i = 0; i < BEFORE; i++) {
      change_frame(rand, in, i % 3 ? CHANGE_ALL : CHANGE_NOISE, 1, frame, touched);
      memcpy(dcn_state_input(state[0]), frame, frame_bytes(in));
      dcn_state_run(state[0], touched, DCN_MODE_DELTA, 1, NULL);
    }
    dcn_state_reset(state[0]);
    for (int i = 0; i < AFTER; i++) {
      DcnRunInfo info[2];
      change_frame(rand, in, (Change)g_rand_int_range(rand, 0, N_CHANGES), 1, frame, touched);
      for (int t = 0; t < 2; t++) {
        memcpy(dcn_state_input(state[t]), frame, frame_bytes(in));
        dcn_state_run(state[t], i ? touched : NULL, DCN_MODE_DELTA, 1, &info[t]);
      }
      g_assert_cmpmem(&info[0], sizeof info[0], &info[1], sizeof info[1]);
      for (int v = 0; v < s->program->n_values; v++) {
        size_t bytes = dcn_value_elements(&s->program->values[v]) * sizeof(float);
        if (!dcn_state_value(state[0], v, s->logical[0]))
          continue;
        dcn_state_value(state[1], v, s->logical[1]);
        g_assert_cmpmem(s->logical[0], bytes, s->logical[1], bytes);
      }
    }
    for (int t = 0; t < 2; t++)
      dcn_state_free(state[t]);
    g_free(frame);
    g_free(touched);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* A changed input pixel reaches 3 x 3 outputs of a 3 x 3 convolution; nothing else is multiplied.
 */
static void
test_accounting(gconstpointer data)
{
  const DcnKernels *kernels = data;
  const int c = 64, m = 48, h = 24, w = 40;
  Subject *s = subject_new(netgen_conv(1, h, w, c, m, 3, 1, 1, DCN_ACT_NONE),
                           netgen_conv(1, h, w, c, m, 3, 1, 1, DCN_ACT_NONE), kernels);
  g_assert_cmpuint(dcn_net_macs(s->net), ==, (uint64_t)h * w * 9 * c * m);
  DcnState *state = state_new(s->net);
  uint8_t *touched = g_malloc0(h * w);
  GRand *rand = g_rand_new_with_seed(1);
  DcnRunInfo info;
  change_frame(rand, subject_input(s), CHANGE_ALL, 1, dcn_state_input(state), touched);
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
  g_assert_true(info.full);
  g_assert_cmpuint(info.macs, ==, dcn_net_macs(s->net));

  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
  g_assert_true(info.reused);
  g_assert_cmpuint(info.macs, ==, 0);

  /* All channels of one pixel: no way of doing it takes more than the 9 outputs from values, and
   * none less than the products of the 64 changed values. */
  float *pixel = dcn_state_input(state) + (5 * w + 7) * c;
  for (int k = 0; k < c; k++)
    pixel[k] += 1;
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
  g_assert_false(info.reused);
  g_assert_cmpuint(info.macs, >=, 9u * c * m);
  g_assert_cmpuint(info.macs, <=, 9u * 9 * c * m);
  g_assert_cmpuint(info.values_changed, ==, c + 9u * m);

  /* One channel: only differences are multiplied, at most once for each pixel of a tile and tap. */
  pixel[10] += 1;
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
  g_assert_cmpuint(info.macs, >=, 9u * m);
  g_assert_cmpuint(info.macs, <=, 9u * 9 * m);

  /* An 8 x 8 block of 40 x 24: (10 x 10) / (40 x 24) of the outputs. */
  for (int y = 8; y < 16; y++)
    for (int x = 16; x < 24; x++)
      for (int k = 0; k < c; k++)
        dcn_state_input(state)[(y * w + x) * c + k] += 1;
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
  g_assert_cmpuint(info.macs, <=, 100u * 9 * c * m);
  g_assert_cmpuint(info.macs, >=, 64u * 9 * c * m / 2);

  dcn_state_reset(state);
  dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
  g_assert_true(info.full);
  g_assert_cmpuint(info.macs, ==, dcn_net_macs(s->net));
  g_rand_free(rand);
  g_free(touched);
  dcn_state_free(state);
  subject_free(s);
}

/* Frames that change everywhere become full runs, are tried again now and then, and small changes
 * stay partial. */
static void
test_adaptive(void)
{
  Subject *s = subject_new(netgen_classifier(7, 48), netgen_classifier(7, 48), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(7);
  DcnState *state = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->h * in->w);
  DcnRunInfo info;
  int full = 0;
  for (int i = 0; i < 60; i++) {
    change_frame(rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    full += info.full;
  }
  g_test_message("%d of 60 were full", full);
  g_assert_cmpint(full, >, 40);
  for (int i = 0; i < 10; i++) {
    change_frame(rand, in, CHANGE_PIXEL, 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    g_assert_false(info.full);
  }
  dcn_state_set_adaptive(state, FALSE);
  for (int i = 0; i < 10; i++) {
    change_frame(rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    g_assert_false(info.full);
  }
  g_free(touched);
  g_rand_free(rand);
  dcn_state_free(state);
  subject_free(s);
}

/* NaN and infinity pass through without harm, and are gone with the frame that brought them. */
static void
test_not_finite(void)
{
  Subject *s = subject_new(netgen_classifier(3, 24), netgen_classifier(3, 24), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(3);
  DcnState *state = state_new(s->net), *clean = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->h * in->w);
  float *input = dcn_state_input(state), out[10];
  dcn_state_set_tolerance(state, 0.01);
  change_frame(rand, in, CHANGE_ALL, 1, input, touched);
  memcpy(dcn_state_input(clean), input, frame_bytes(in));
  dcn_state_run(clean, NULL, DCN_MODE_DENSE, 1, NULL);
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    float was = input[4 * 77];
    input[4 * 77] = bad[i];
    dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
    dcn_state_output(state, 0, out);
    input[4 * 77] = was;
    dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, NULL);
    assert_same(s, state, clean, 1e-6, "after a frame with numbers that are none");
  }
  dcn_state_free(state);
  dcn_state_free(clean);

  DcnProgram *p = netgen_classifier(3, 24);
  for (int i = 0; i < p->n_ops; i++)
    if (p->ops[i].kind == DCN_OP_CONV)
      p->ops[i].u.conv.weights[i] = bad[i % 4];
  GError *error = NULL;
  DcnNet *net = dcn_net_new(p, &error);
  g_assert_no_error(error);
  state = state_new(net);
  for (int i = 0; i < 6; i++) {
    change_frame(rand, in, i ? CHANGE_BLOCK : CHANGE_ALL, 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 2, NULL);
  }
  dcn_state_free(state);
  dcn_net_unref(net);
  g_free(touched);
  g_rand_free(rand);
  subject_free(s);
}

static void
test_memory(void)
{
  DcnProgram *p = netgen_classifier(9, 96);
  size_t elements = 0;
  for (int i = 0; i < p->n_values; i++)
    elements += dcn_value_elements(&p->values[i]);
  GError *error = NULL;
  DcnNet *net = dcn_net_new(p, &error);
  g_assert_no_error(error);
  DcnState *state = state_new(net);
  g_test_message("caches: %.2f of the activations",
                 (double)dcn_state_cache_bytes(state) / (double)(elements * 4));
  g_assert_cmpuint(dcn_state_cache_bytes(state), >=, elements * 4);
  g_assert_cmpuint(dcn_state_cache_bytes(state), <=, elements * 4 * 5 / 2);
  g_assert_cmpuint(dcn_net_weight_bytes(net), >, 0);
  dcn_net_unref(net); /* the state keeps it */
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  dcn_state_free(state);
}

/* A program that breaks its own rules is refused, not run. */
static void
test_refused(void)
{
  for (int form = 0; form < 6; form++) {
    DcnProgram *p = netgen_classifier(1, 16);
    switch (form) {
    case 0:
      p->ops[0].inputs[0] = p->ops[3].output;
      break;
    case 1:
      p->ops[0].u.conv.groups = 2;
      break;
    case 2:
      p->ops[0].u.conv.stride_w = 0;
      break;
    case 3:
      p->values[p->ops[1].output].c = 1 << 20;
      p->values[p->ops[1].output].h = 1 << 12;
      break;
    case 4:
      p->outputs[0] = p->n_values;
      break;
    case 5:
      p->values[p->ops[4].output].w++;
      break;
    }
    GError *error = NULL;
    g_assert_null(dcn_net_new(p, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
  }
}

/* Channels behind others, whose marks begin and end anywhere in a word. */
static void
test_concat(void)
{
  static const int channels[][2] = {{64, 64}, {96, 96}, {40, 100}, {100, 30}, {160, 224}};
  for (guint i = 0; i < G_N_ELEMENTS(channels); i++) {
    Subject *s =
        subject_new(netgen_concat(i, 14, channels[i][0], channels[i][1]),
                    netgen_concat(i, 14, channels[i][0], channels[i][1]), dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(i);
    DcnState *delta = state_new(s->net);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    float *frame = g_malloc0(frame_bytes(in));
    uint64_t blocks_dgemm[2] = {0, 0}; /* of the convolutions of both */
    dcn_state_set_adaptive(delta, FALSE);
    for (int run = 0; run < 24; run++) {
      change_frame(rand, in, run ? run % 2 ? CHANGE_PIXEL : CHANGE_BLOCK : CHANGE_ALL, 1, frame,
                   touched);
      memcpy(dcn_state_input(delta), frame, frame_bytes(in));
      dcn_state_run(delta, touched, DCN_MODE_DELTA, 1, NULL);
      for (int k = 0; k < 2; k++)
        blocks_dgemm[k] += dcn_state_op_stats(delta)[3 + 2 * k].blocks_dgemm;
      frame_elements(in, frame, s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      assert_values(s, delta, 5e-5, "concatenated");
    }
    g_assert_cmpuint(MIN(blocks_dgemm[0], blocks_dgemm[1]), >, 0); /* or nobody read the marks */
    g_free(frame);
    g_free(touched);
    dcn_state_free(delta);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* Sums that large numbers were added to and taken off again are not what they were; after some hundred frames they are. */
static void
test_drift(void)
{
  Subject *s =
      subject_new(netgen_conv(3, 12, 12, 64, 40, 3, 1, 1, DCN_ACT_NONE),
                  netgen_conv(3, 12, 12, 64, 40, 3, 1, 1, DCN_ACT_NONE), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(3);
  DcnState *state = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->w * in->h);
  double after[2];
  dcn_state_set_adaptive(state, FALSE);
  change_frame(rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  memset(touched, 1, (size_t)in->w * in->h);
  for (int part = 0; part < 2; part++) {
    for (int run = 0; run < (part ? 600 : 48); run++) {
      /* a channel of each pixel: of 64, so that differences are what is added */
      for (int p = 0; p < in->w * in->h; p++)
        dcn_state_input(state)[p * dcn_channel_pitch(in->c) + run % 8] =
            part || run % 16 >= 8 ? (float)g_rand_double_range(rand, -1, 1) : 1e4f;
      dcn_state_run(state, touched, DCN_MODE_DELTA, 1, NULL);
    }
    g_assert_cmpuint(dcn_state_op_stats(state)[0].blocks_dgemm, >, 0);
    frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    const int v = s->program->ops[0].output;
    g_assert_true(dcn_state_value(state, v, s->logical[0]));
    reference_to_logical(&s->program->values[v], s->values[v], s->logical[1]);
    after[part] =
        difference(s->logical[0], s->logical[1], dcn_value_elements(&s->program->values[v]));
  }
  g_test_message("off by %g, then by %g", after[0], after[1]);
  g_assert_cmpfloat(after[1], <, 1e-5);
  g_assert_cmpfloat(after[0], >, 5 * after[1]); /* there was something to be cleared */
  g_free(touched);
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  dcn_parallel_set_helpers(7); /* more than a small machine has processors */
  g_test_add_func("/net/coverage", test_coverage);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    static const struct {
      const char *name;
      GTestDataFunc func;
    } tests[] = {{"dense-equals-plain", test_dense},
                 {"delta-equals-dense", test_delta},
                 {"exact", test_exact},
                 {"threads", test_threads},
                 {"accounting", test_accounting}};
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
      char *path = g_strdup_printf("/net/%s/%s", (*k)->isa, tests[i].name);
      g_test_add_data_func(path, *k, tests[i].func);
      g_free(path);
    }
  }
  g_test_add_func("/net/scaled-tolerances", test_scaled_tolerances);
  g_test_add_func("/net/concat", test_concat);
  g_test_add_func("/net/drift", test_drift);
  g_test_add_func("/net/adaptive", test_adaptive);
  g_test_add_func("/net/reset", test_reset);
  g_test_add_func("/net/not-finite", test_not_finite);
  g_test_add_func("/net/memory", test_memory);
  g_test_add_func("/net/refused", test_refused);
  return g_test_run();
}
