/* Streams that share a network and the pool's threads, while others begin and end.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <string.h>

#define STREAMS 5
#define LIVES   16
#define FRAMES  6

typedef struct {
  const Subject *s;
  guint32 seed;
  GBytes *alone; /* what the stream puts out with nobody beside it */
} Stream;

/* All outputs of a stream's life. */
static GBytes *
live(const Subject *s, guint32 seed, int threads)
{
  const DcnValue *in = subject_input(s), *out = &s->program->values[s->program->outputs[0]];
  const size_t classes = dcn_value_elements(out);
  GRand *rand = g_rand_new_with_seed(seed);
  DcnState *state = state_new(s->net);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  float *outputs = g_new(float, FRAMES *classes);
  dcn_state_set_tolerance(state, seed % 2 ? 0.02 : 0);
  for (int i = 0; i < FRAMES; i++) {
    change_frame(rand, in,
                 i == 0  ? CHANGE_ALL
                 : i % 3 ? CHANGE_BLOCK
                         : CHANGE_NOISE,
                 1, dcn_state_input(state), touched);
    dcn_state_run(state, i ? touched : NULL, DCN_MODE_DELTA, threads, NULL);
    dcn_state_output(state, 0, outputs + (size_t)i * classes);
  }
  g_free(touched);
  dcn_state_free(state);
  g_rand_free(rand);
  return g_bytes_new_take(outputs, FRAMES * classes * sizeof *outputs);
}

static gpointer
stream(gpointer data)
{
  const Stream *stream = data;
  int wrong = 0;
  for (int i = 0; i < LIVES; i++) {
    GBytes *now = live(stream->s, stream->seed, 1 + i % 4);
    wrong += !g_bytes_equal(now, stream->alone);
    g_bytes_unref(now);
  }
  return GINT_TO_POINTER(wrong);
}

/* What a stream puts out does not depend, to the bit, on how many others there are, nor on threads. */
static void
test_lives(void)
{
  Subject *s = subject_new(netgen_classifier(3, 40), netgen_classifier(3, 40), dcn_kernels_get());
  Stream streams[STREAMS];
  GThread *thread[STREAMS];
  for (int i = 0; i < STREAMS; i++)
    streams[i] = (Stream){s, (guint32)(10 + i), live(s, (guint32)(10 + i), 1)};
  for (int i = 0; i < STREAMS; i++)
    thread[i] = g_thread_new("stream", stream, &streams[i]);
  for (int i = 0; i < STREAMS; i++) {
    g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(thread[i])), ==, 0);
    g_bytes_unref(streams[i].alone);
  }
  subject_free(s);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/net/streams/lives", test_lives);
  return g_test_run();
}
