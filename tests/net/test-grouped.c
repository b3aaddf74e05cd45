/* deltacnn tests: 3x3 convolutions in groups of 4, 8 and 16 channels, which full runs do by rows, against plain evaluation in
 * double. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <string.h>

/* A sum of 9 * 16 products of numbers below 1. */
#define BOUND 5e-6

/* One layer over several images, with or without padding at each side. */
static DcnProgram *
layer(guint32 seed)
{
  static const DcnActKind acts[] = {DCN_ACT_NONE, DCN_ACT_RELU, DCN_ACT_SIGMOID};
  GRand *rand = g_rand_new_with_seed(seed);
  const int group = 4 << seed % 3, stride = 1 + (int)(seed / 3 % 2);
  const int c = 16 * g_rand_int_range(rand, 2, 5);
  const int h = g_rand_int_range(rand, 3, 40), w = g_rand_int_range(rand, 3, 20);
  DcnProgram *p = netgen_conv(seed, h, w, c, c, 3, stride, c / group, acts[seed % 4 % 3]);
  DcnConv *conv = &p->ops[0].u.conv;
  DcnValue *in = &p->values[p->input], *out = &p->values[p->outputs[0]];
  conv->pad_top = g_rand_int_range(rand, 0, 3);
  conv->pad_left = g_rand_int_range(rand, 0, 3); /* 2: the kernel does not fit */
  out->h = (h + conv->pad_top + g_rand_int_range(rand, 0, 3) - 3) / stride + 1;
  out->w = (w + conv->pad_left + g_rand_int_range(rand, 0, 2) - 3) / stride + 1;
  in->n = out->n = in->dims[0] = out->dims[0] = g_rand_int_range(rand, 1, 3);
  out->dims[2] = out->h;
  out->dims[3] = out->w;
  g_rand_free(rand);
  return p;
}

/* Full runs with and without sums to go on from, a partial run after either, by one thread and by two. */
static void
test_layers(gconstpointer data)
{
  const DcnKernels *kernels = data;
  for (guint32 seed = 1; seed <= 36; seed++) {
    Subject *s = subject_new(layer(seed), layer(seed), kernels);
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(seed);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    float *frame = g_malloc0(frame_bytes(in));
    DcnState *state[2] = {state_new(s->net), state_new(s->net)};
    char *what = g_strdup_printf("%s, layer %u", kernels->isa, seed);
    for (int i = 0; i < 4; i++) {
      change_frame(rand, in, i % 2 ? CHANGE_BLOCK : CHANGE_ALL, 1, frame, touched);
      frame_elements(in, frame, s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      for (int t = 0; t < 2; t++) {
        dcn_state_set_adaptive(state[t], FALSE);
        memcpy(dcn_state_input(state[t]), frame, frame_bytes(in));
        dcn_state_run(state[t], NULL, i == 2 ? DCN_MODE_DENSE : DCN_MODE_DELTA, t + 1, NULL);
      }
      assert_values(s, state[0], BOUND, what);
      assert_same(s, state[0], state[1], 0, what);
    }
    dcn_state_free(state[0]);
    dcn_state_free(state[1]);
    g_free(what);
    g_free(frame);
    g_free(touched);
    g_rand_free(rand);
    subject_free(s);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    char *path = g_strdup_printf("/grouped/%s/layers", (*k)->isa);
    g_test_add_data_func(path, *k, test_layers);
    g_free(path);
  }
  return g_test_run();
}
