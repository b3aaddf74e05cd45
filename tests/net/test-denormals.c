/* deltacnn tests: weights below the least normal number count as zero, so that no network waits for them; the thread
 * that runs it computes with such numbers as before.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <float.h>
#include <string.h>

#define DEAD 1 /* the output channel whose weights are all denormal */

/* Of each layer of weights, a third of them and all of channel DEAD become `tiny`. */
static DcnProgram *
dying(guint32 seed, float tiny)
{
  DcnProgram *p = netgen_classifier(seed, 20);
  for (int i = 0; i < p->n_ops; i++) {
    if (p->ops[i].kind != DCN_OP_CONV)
      continue;
    DcnConv *conv = &p->ops[i].u.conv;
    size_t outputs = p->values[p->ops[i].output].c;
    size_t each = (size_t)p->values[p->ops[i].inputs[0]].c / conv->groups * conv->kh * conv->kw;
    for (size_t j = 0; j < outputs * each; j++)
      if (j % 3 == 0 || j / each == DEAD)
        conv->weights[j] = tiny;
    if (conv->bias)
      conv->bias[DEAD] = 0;
  }
  return p;
}

static void
assert_dead_channels(const DcnState *state, const DcnProgram *p, int frame)
{
  for (int i = 0; i < p->n_ops; i++) {
    DcnPixels out;
    if (p->ops[i].kind != DCN_OP_CONV ||
        !dcn_state_pixels((DcnState *)state, p->ops[i].output, &out))
      continue;
    for (int pixel = 0; pixel < out.n * out.h * out.w; pixel++) {
      float value = out.pixels[(size_t)pixel * out.pitch + DEAD];
      if (value != 0)
        g_error("frame %d, layer %d, pixel %d: %g", frame, i, pixel, value);
    }
  }
}

/* Where floats are flushed, a channel of denormal weights is exactly 0; all else equals the program in which they are. */
static void
test_weights(gconstpointer data)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
  g_test_skip("32-bit CPUs keep denormal numbers");
  return;
#endif
  Subject *s = subject_new(dying(3, 0), dying(3, 1e-40f), data);
  const DcnValue *in = subject_input(s);
  DcnState *dense = state_new(s->net), *delta = state_new(s->net);
  GRand *rand = g_rand_new_with_seed(3);
  float *frame = g_malloc0(frame_bytes(in));
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  for (int i = 0; i < 8; i++) {
    change_frame(rand, in, i == 0 ? CHANGE_ALL : CHANGE_BLOCK, 1, frame, touched);
    memcpy(dcn_state_input(delta), frame, frame_bytes(in));
    memcpy(dcn_state_input(dense), frame, frame_bytes(in));
    frame_elements(in, frame, s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1 + i % 3, NULL);
    dcn_state_run(delta, touched, DCN_MODE_DELTA, 1 + i % 3, NULL);
    assert_dead_channels(dense, s->program, i);
    assert_dead_channels(delta, s->program, i);
    assert_values(s, dense, 5e-5, "dense");
    assert_values(s, delta, 5e-5, "delta");
    volatile float least = FLT_MIN;
    g_assert_cmpfloat(least / 2, >, 0); /* as before, for whoever called */
  }
  g_free(touched);
  g_free(frame);
  g_rand_free(rand);
  dcn_state_free(dense);
  dcn_state_free(delta);
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    char *path = g_strdup_printf("/denormals/%s/weights", (*k)->isa);
    g_test_add_data_func(path, *k, test_weights);
    g_free(path);
  }
  return g_test_run();
}
