/* deltacnn tests: convolutions that full runs do by Winograd's way, against plain evaluation in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "net/winograd.h"
#include <math.h>
#include <string.h>

/* A sum of 9 * 70 products of numbers below 1, transformed and back. */
#define BOUND 5e-6

typedef struct {
  const DcnKernels *kernels;
  int m; /* outputs of a side of a tile */
} Way;

static size_t
weight_bytes(DcnProgram *program, const DcnKernels *kernels, int m)
{
  GError *error = NULL;
  dcn_winograd_ask(m);
  DcnNet *net = dcn_net_new_with(program, kernels, DCN_WEIGHTS_FLOAT32, &error);
  g_assert_no_error(error);
  size_t bytes = dcn_net_weight_bytes(net);
  dcn_net_unref(net);
  return bytes;
}

/* One layer of any shape, with any padding, over several images. */
static DcnProgram *
layer(guint32 seed)
{
  static const int sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 19};
  static const DcnActKind acts[] = {DCN_ACT_NONE, DCN_ACT_RELU, DCN_ACT_LEAKY_RELU,
                                    DCN_ACT_SIGMOID};
  GRand *rand = g_rand_new_with_seed(seed);
  int h = sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(sizes))],
      w = sizes[g_rand_int_range(rand, 0, G_N_ELEMENTS(sizes))];
  int groups = seed % 4 == 0 ? g_rand_int_range(rand, 2, 4) : 1, most = 70 / groups;
  int c = groups * g_rand_int_range(rand, 1, most + 1),
      m = groups * g_rand_int_range(rand, 1, most + 1);
  DcnProgram *p = netgen_conv(seed, h, w, c, m, 3, 1, groups, acts[seed % 4]);
  DcnConv *conv = &p->ops[0].u.conv;
  DcnValue *in = &p->values[p->input], *out = &p->values[p->outputs[0]];
  int top = g_rand_int_range(rand, 0, 3), bottom = g_rand_int_range(rand, 0, 3);
  int left = g_rand_int_range(rand, 0, 3), right = g_rand_int_range(rand, 0, 3);
  conv->pad_top = top;
  conv->pad_left = left;
  out->h = MAX(h + top + bottom - 2, 1);
  out->w = MAX(w + left + right - 2, 1);
  in->n = out->n = in->dims[0] = out->dims[0] = g_rand_int_range(rand, 1, 3);
  out->dims[2] = out->h;
  out->dims[3] = out->w;
  g_rand_free(rand);
  return p;
}

/* A full run gives what the program says, a partial run goes on from there, and the number of threads does not
 * matter.  Returns the tiles that partial runs did. */
static int
check(Subject *s, guint32 seed, double bound, const char *what)
{
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(seed);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  float *frame = g_malloc0(frame_bytes(in));
  DcnState *state[2] = {state_new(s->net), state_new(s->net)};
  int tiles = 0;
  for (int i = 0; i < 5; i++) {
    DcnMode mode = i == 2 ? DCN_MODE_DENSE : DCN_MODE_DELTA;
    change_frame(rand, in, i % 2 ? CHANGE_BLOCK : CHANGE_ALL, 1, frame, touched);
    frame_elements(in, frame, s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    for (int t = 0; t < 2; t++) {
      dcn_state_set_adaptive(state[t], FALSE);
      memcpy(dcn_state_input(state[t]), frame, frame_bytes(in));
      dcn_state_run(state[t], NULL, mode, t + 1, NULL);
    }
    for (int o = 0; i > 2 && o < s->program->n_ops; o++)
      tiles += dcn_state_op_stats(state[0])[o].tiles;
    assert_values(s, state[0], bound, what);
    assert_same(s, state[0], state[1], 0, what);
  }
  dcn_state_free(state[0]);
  dcn_state_free(state[1]);
  g_free(frame);
  g_free(touched);
  g_rand_free(rand);
  return tiles;
}

static void
test_layers(gconstpointer data)
{
  const Way *way = data;
  int used = 0, partial = 0;
  for (guint32 seed = 1; seed <= 60; seed++) {
    used += weight_bytes(layer(seed), way->kernels, way->m) >
            weight_bytes(layer(seed), way->kernels, 0);
    dcn_winograd_ask(way->m);
    Subject *s = subject_new(layer(seed), layer(seed), way->kernels);
    char *what = g_strdup_printf("%s, F(%d), layer %u", way->kernels->isa, way->m, seed);
    partial += check(s, seed, BOUND, what) > 0;
    g_free(what);
    subject_free(s);
  }
  g_test_message("%d of 60 layers in this way, %d in partial runs", used, partial);
  g_assert_cmpint(used, >, 40);
  g_assert_cmpint(partial, >, 20);
}

/* A layer that is large enough for several threads, and more tiles than are done at a time. */
static void
test_large(gconstpointer data)
{
  const Way *way = data;
  dcn_winograd_ask(way->m);
  Subject *s = subject_new(netgen_conv(1, 34, 31, 40, 72, 3, 1, 1, DCN_ACT_RELU),
                           netgen_conv(1, 34, 31, 40, 72, 3, 1, 1, DCN_ACT_RELU), way->kernels);
  check(s, 1, BOUND, way->kernels->isa);
  subject_free(s);
}

/* A partial run writes of a tile only what a change reached, or rounding would spread as changes do. */
static void
test_reach(gconstpointer data)
{
  enum { SIZE = 40, IN = 64, OUT = 40 };
  const Way *way = data;
  dcn_winograd_ask(way->m);
  Subject *s =
      subject_new(netgen_conv(1, SIZE, SIZE, IN, OUT, 3, 1, 1, DCN_ACT_NONE),
                  netgen_conv(1, SIZE, SIZE, IN, OUT, 3, 1, 1, DCN_ACT_NONE), way->kernels);
  GRand *rand = g_rand_new_with_seed(1);
  uint8_t touched[SIZE * SIZE];
  DcnState *state = state_new(s->net);
  float *input = dcn_state_input(state);
  dcn_state_set_adaptive(state, FALSE);
  change_frame(rand, subject_input(s), CHANGE_ALL, 1, input, touched);
  dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, NULL);
  dcn_state_output(state, 0, s->logical[0]);
  for (int y = 5; y < 24; y++)
    for (int x = 7; x < 30; x++)
      for (int c = 0; c < IN; c++)
        input[(y * SIZE + x) * IN + c] += 1;
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  dcn_state_output(state, 0, s->logical[1]);
  g_assert_cmpint(dcn_state_op_stats(state)[0].tiles, >=, 21 * 25 / (way->m * way->m));
  for (int y = 0; y < SIZE; y++)
    for (int x = 0; x < SIZE; x++) {
      gboolean reached = y >= 4 && y < 25 && x >= 6 && x < 31;
      for (int c = 0; c < OUT; c++) {
        size_t i = ((size_t)c * SIZE + y) * SIZE + x;
        if ((s->logical[0][i] != s->logical[1][i]) != reached)
          g_error("pixel %d, %d: %s", x, y, reached ? "unchanged" : "changed");
      }
    }
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

/* Whole networks, where values are parts of others. */
static void
test_networks(gconstpointer data)
{
  const Way *way = data;
  dcn_winograd_ask(way->m);
  for (guint32 seed = 1; seed <= 12; seed++) {
    Subject *s = subject_new(netgen_random(seed, NETGEN_ALL, 14),
                             netgen_random(seed, NETGEN_ALL, 14), way->kernels);
    char *what = g_strdup_printf("%s, F(%d), network %u", way->kernels->isa, way->m, seed);
    check(s, seed, 5e-5, what);
    g_free(what);
    subject_free(s);
  }
}

/* A number that is none spoils a whole tile; outputs that do not see it must not keep that. */
static void
test_not_finite(gconstpointer data)
{
  const Way *way = data;
  static const float bad[] = {NAN, INFINITY, 3e38f};
  dcn_winograd_ask(way->m);
  Subject *s = subject_new(netgen_conv(1, 12, 12, 20, 40, 3, 1, 1, DCN_ACT_RELU),
                           netgen_conv(1, 12, 12, 20, 40, 3, 1, 1, DCN_ACT_RELU), way->kernels);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(1);
  uint8_t *touched = g_malloc((size_t)in->h * in->w);
  DcnState *state = state_new(s->net);
  float *input = dcn_state_input(state);
  dcn_state_set_adaptive(state, FALSE);
  change_frame(rand, in, CHANGE_ALL, 1, input, touched);
  frame_elements(in, input, s->values[s->program->input]);
  reference_run_ops(s->program, s->values);
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    float *x = input + (5 * 12 + 6) * dcn_channel_pitch(in->c) + 3, was = *x;
    *x = bad[i];
    dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, NULL);
    *x = was;
    DcnRunInfo info;
    dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, &info);
    g_assert_false(info.full);
    assert_values(s, state, BOUND, "after a frame with numbers that are none");
  }
  dcn_state_free(state);
  g_free(touched);
  g_rand_free(rand);
  subject_free(s);
}

/* It costs memory, so it is not taken where it does not pay, and can be forgone. */
static void
test_choice(void)
{
  const DcnKernels *k = dcn_kernels_get();
#define LAYER(size, c, m, kernel, stride)                                                          \
  netgen_conv(1, size, size, c, m, kernel, stride, 1, DCN_ACT_RELU)
  size_t plain = weight_bytes(LAYER(56, 64, 64, 3, 1), k, 0);
  g_assert_cmpuint(plain, >=, 9 * 64 * 64 * sizeof(float));
  g_assert_cmpuint(plain, <, 10 * 64 * 64 * sizeof(float));
  g_assert_cmpuint(weight_bytes(LAYER(56, 64, 64, 3, 1), k, -1), ==, 5 * plain);
  g_assert_cmpuint(weight_bytes(LAYER(56, 64, 64, 3, 1), k, 2), ==, plain * 25 / 9);
  g_assert_cmpuint(weight_bytes(LAYER(56, 64, 64, 3, 2), k, 4), ==, plain);
  g_assert_cmpuint(weight_bytes(LAYER(4, 64, 64, 3, 1), k, -1), ==, plain);
  g_assert_cmpuint(weight_bytes(LAYER(20, 64, 64, 5, 1), k, 4), ==,
                   weight_bytes(LAYER(20, 64, 64, 5, 1), k, 0));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  static const struct {
    const char *name;
    GTestDataFunc func;
  } tests[] = {{"layers", test_layers},
               {"large", test_large},
               {"networks", test_networks},
               {"reach", test_reach},
               {"not-finite", test_not_finite}};
  Way ways[2 * 8], *way = ways;
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++)
    for (int m = 2; m <= 4; m += 2, way++) {
      *way = (Way){*k, m};
      for (guint i = 0; i < G_N_ELEMENTS(tests); i++) {
        char *path = g_strdup_printf("/winograd/%s/%d/%s", (*k)->isa, m, tests[i].name);
        g_test_add_data_func(path, way, tests[i].func);
        g_free(path);
      }
    }
  g_test_add_func("/winograd/choice", test_choice);
  return g_test_run();
}
