/* deltacnn tests: what weights of fully connected layers are kept as: half precision where the
 * model has nothing else, where rounding was asked for, and nowhere else; bytes where they are multiples of a step.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "net/steps.h"
#include "util/half.h"
#include <math.h>
#include <string.h>

#define SEEDS 6

static gboolean
is_connected(const DcnProgram *p, const DcnOp *op)
{
  const DcnValue *out = &p->values[op->output];
  return op->kind == DCN_OP_CONV && op->u.conv.groups == 1 && out->n * out->h * out->w == 1;
}

static size_t
weight_count(const DcnProgram *p, const DcnOp *op)
{
  const DcnConv *conv = &op->u.conv;
  return (size_t)p->values[op->output].c * p->values[op->inputs[0]].c * conv->kh * conv->kw;
}

typedef enum { AS_THEY_ARE, TO_HALF, TO_STEPS, TO_OUTPUTS_STEPS } Rounding;

/* As a quantised model's floats are made: a number that fits in 8 bits, with or without sign, times a scale, rounded once; all
 * with one scale, or those of each output with its own. */
static void
round_to_steps(GRand *rand, float *weights, size_t count, size_t inputs)
{
  float scale = 0, zero = 0;
  for (size_t i = 0; i < count; i++) {
    if (i % inputs == 0) {
      float least = weights[i], most = weights[i];
      for (size_t j = i; j < i + inputs; j++) {
        least = fminf(least, weights[j]);
        most = fmaxf(most, weights[j]);
      }
      scale = (fmaxf(most, 0) - fminf(least, 0)) / 255 + 1e-6f;
      zero = g_rand_boolean(rand) ? rintf(fminf(least, 0) / scale) : -128;
    }
    float level = CLAMP(rintf(weights[i] / scale), zero, zero + 255);
    weights[i] = level * scale;
  }
}

/* A network with two fully connected layers; their weights are rounded, or all but one, which is `other`. */
static DcnProgram *
classifier(guint32 seed, Rounding rounded, float other)
{
  GRand *rand = g_rand_new_with_seed(seed);
  DcnProgram *p = netgen_classifier(seed, 20);
  int connected = 0;
  for (int i = 0; i < p->n_ops; i++) {
    if (!is_connected(p, &p->ops[i]))
      continue;
    float *weights = p->ops[i].u.conv.weights;
    size_t count = weight_count(p, &p->ops[i]);
    for (size_t j = 0; rounded == TO_HALF && j < count; j++)
      weights[j] = dcn_half_to_float(dcn_float_to_half(weights[j]));
    if (rounded >= TO_STEPS)
      round_to_steps(rand, weights, count,
                     rounded == TO_STEPS ? count : count / p->values[p->ops[i].output].c);
    if (other != 0)
      weights[weight_count(p, &p->ops[i]) / 2] = other;
    connected++;
  }
  g_assert_cmpint(connected, ==, 2);
  g_rand_free(rand);
  return p;
}

static DcnNet *
net_new(DcnProgram *program, const DcnKernels *kernels, DcnWeights weights)
{
  GError *error = NULL;
  DcnNet *net = dcn_net_new_with(program, kernels, weights, &error);
  g_assert_no_error(error);
  return net;
}

static size_t
bytes_of(DcnProgram *program, const DcnKernels *kernels, DcnWeights weights)
{
  DcnNet *net = net_new(program, kernels, weights);
  size_t bytes = dcn_net_weight_bytes(net);
  dcn_net_unref(net);
  return bytes;
}

/* Half of the bytes of fully connected layers, with rows of whole vectors. */
static void
test_bytes(gconstpointer data)
{
  const DcnKernels *k = data;
  size_t all = bytes_of(classifier(1, AS_THEY_ARE, 0), k, DCN_WEIGHTS_FLOAT32), connected = 0;
  DcnProgram *p = classifier(1, AS_THEY_ARE, 0);
  for (int i = 0; i < p->n_ops; i++)
    if (is_connected(p, &p->ops[i])) {
      size_t m = p->values[p->ops[i].output].c;
      connected += weight_count(p, &p->ops[i]) / m * ((m + 15) / 16 * 16) * sizeof(float);
    }
  dcn_program_free(p);
  g_assert_cmpuint(bytes_of(classifier(1, AS_THEY_ARE, 0), k, DCN_WEIGHTS_FLOAT16), ==,
                   all - connected / 2);
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, 0), k, DCN_WEIGHTS_FLOAT32), ==,
                   all - connected / 2);
  /* One weight that half precision does not hold exactly. */
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, 0.1f), k, DCN_WEIGHTS_FLOAT32), ==, all);
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, 0x1p-25f), k, DCN_WEIGHTS_FLOAT32), ==, all);
  /* And one that it cannot hold at all. */
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, 65520), k, DCN_WEIGHTS_FLOAT16), ==, all);
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, INFINITY), k, DCN_WEIGHTS_FLOAT16), ==, all);
  g_assert_cmpuint(bytes_of(classifier(1, TO_HALF, NAN), k, DCN_WEIGHTS_FLOAT16), ==, all);
}

/* A quarter of the bytes, and what makes floats of them. */
static void
test_steps(gconstpointer data)
{
  const DcnKernels *k = data;
  size_t all = bytes_of(classifier(1, AS_THEY_ARE, 0), k, DCN_WEIGHTS_FLOAT32), connected = 0,
         steps = 0;
  DcnProgram *p = classifier(1, AS_THEY_ARE, 0);
  for (int i = 0; i < p->n_ops; i++)
    if (is_connected(p, &p->ops[i])) {
      size_t m = p->values[p->ops[i].output].c, padded = (m + 15) / 16 * 16;
      connected += weight_count(p, &p->ops[i]) / m * padded * sizeof(float);
      steps += 2 * padded * sizeof(float);
    }
  dcn_program_free(p);
  for (Rounding r = TO_STEPS; r <= TO_OUTPUTS_STEPS; r++) {
    size_t bytes = all - connected + connected / 4 + steps;
    g_assert_cmpuint(bytes_of(classifier(1, r, 0), k, DCN_WEIGHTS_FLOAT32), ==, bytes);
    g_assert_cmpuint(bytes_of(classifier(1, r, 0), k, DCN_WEIGHTS_FLOAT16), ==, bytes);
    /* One weight that is no multiple, one too far away, and one that is no number. */
    g_assert_cmpuint(bytes_of(classifier(1, r, 0.1234567f), k, DCN_WEIGHTS_FLOAT32), ==, all);
    g_assert_cmpuint(bytes_of(classifier(1, r, 1e9f), k, DCN_WEIGHTS_FLOAT32), ==, all);
    g_assert_cmpuint(bytes_of(classifier(1, r, NAN), k, DCN_WEIGHTS_FLOAT32), ==, all);
  }
}

/* As many levels as a byte has, but one step further apart: a byte does not hold them. */
static void
test_span(void)
{
  float weights[256], zero, scale;
  for (int gap = 0; gap < 2; gap++) {
    for (int i = 0; i < 256; i++)
      weights[i] = 0.01f * (float)(i - 100 + (i > 200 ? gap : 0));
    g_assert_cmpint(dcn_steps_fit(weights, 1, 256, &zero, &scale), ==, !gap);
    for (int i = 0; i < 256 && !gap; i++) {
      float back = ((float)dcn_steps_byte(weights[i], zero, scale) - zero) * scale;
      g_assert_cmpmem(&back, sizeof back, &weights[i], sizeof back);
    }
  }
}

/* Frames that change through a network of some kind of weights, dense and delta, against plain
 * evaluation of the program it stands for. */
static void
run_frames(const DcnKernels *k, guint32 seed, DcnWeights weights, Rounding rounded)
{
  Subject *s = subject_new(classifier(seed, rounded == AS_THEY_ARE ? TO_HALF : rounded, 0),
                           classifier(seed, rounded, 0), k);
  DcnNet *net = net_new(classifier(seed, rounded, 0), k, weights);
  dcn_net_unref(s->net);
  s->net = net;
  const DcnValue *in = subject_input(s);
  GError *error = NULL;
  DcnState *dense = dcn_state_new(net, &error), *delta = dcn_state_new(net, &error);
  g_assert_no_error(error);
  GRand *rand = g_rand_new_with_seed(seed);
  float *frame = g_malloc0(frame_bytes(in));
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  for (int i = 0; i < 12; i++) {
    Change change = i == 0 ? CHANGE_ALL : (Change)g_rand_int_range(rand, 0, N_CHANGES);
    change_frame(rand, in, change, 1, frame, touched);
    memcpy(dcn_state_input(delta), frame, frame_bytes(in));
    memcpy(dcn_state_input(dense), frame, frame_bytes(in));
    frame_elements(in, frame, s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1 + i % 2, NULL);
    dcn_state_run(delta, touched, DCN_MODE_DELTA, 1 + i % 2, NULL);
    char *what = g_strdup_printf("%s, seed %u, frame %d", k->isa, seed, i);
    assert_values(s, dense, 5e-5, what);
    assert_same(s, delta, dense, 5e-5, what);
    g_free(what);
  }
  g_free(touched);
  g_free(frame);
  g_rand_free(rand);
  dcn_state_free(dense);
  dcn_state_free(delta);
  subject_free(s);
}

static void
test_exact(gconstpointer data)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++)
    run_frames(data, seed, DCN_WEIGHTS_FLOAT32, TO_HALF);
}

static void
test_exact_steps(gconstpointer data)
{
  for (guint32 seed = 1; seed <= 2; seed++)
    run_frames(data, seed, DCN_WEIGHTS_FLOAT32, seed % 2 ? TO_STEPS : TO_OUTPUTS_STEPS);
}

static void
test_rounded(gconstpointer data)
{
  for (guint32 seed = 1; seed <= SEEDS; seed++)
    run_frames(data, seed, DCN_WEIGHTS_FLOAT16, AS_THEY_ARE);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  static const struct {
    const char *name;
    GTestDataFunc func;
  } tests[] = {{"bytes", test_bytes},
               {"steps", test_steps},
               {"exact", test_exact},
               {"exact-steps", test_exact_steps},
               {"rounded", test_rounded}};
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++)
    for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
      char *path = g_strdup_printf("/weights/%s/%s", (*k)->isa, tests[i].name);
      g_test_add_data_func(path, *k, tests[i].func);
      g_free(path);
    }
  g_test_add_func("/net/weights/span", test_span);
  return g_test_run();
}
