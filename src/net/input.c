/* deltacnn: the network's input: taken over whole, or tested against what was propagated.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Most frames leave most pixels as they were, so this loop is the largest fixed cost of a frame. */
#include "net/internal.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

/* The caller's pixels have a pitch of 4 floats where ref's have none to spare (c <= 4). */
void
dcn_input_take(DcnState *state)
{
  DcnValueState *v = &state->values[state->net->program->input];
  const DcnNetValue *nv = v->net;
  size_t stride = (size_t)dcn_channel_pitch(nv->c), c = (size_t)nv->c;
  const float *from = state->input;
  float *to = v->ref;
  int p = 0;
  if (c <= 4) /* four floats are one move; what is too much the next pixel overwrites */
    for (; p + 4 < nv->pixels; p++, from += stride, to += c)
      memcpy(to, from, sizeof(float) * 4);
  for (; p < nv->pixels; p++, from += stride, to += nv->ref_pitch)
    memcpy(to, from, sizeof(float) * c);
}

typedef struct {
  const DcnJob *job;
  const uint8_t *touched;
} Loop;

/* changed: of pixel `first`. */
static void
test_pixels(const DcnJob *job, int first, int pixels, uint8_t *changed, DcnWorker *worker)
{
  DcnValueState *v = job->out;
  const DcnNetValue *nv = v->net;
  const float *x = job->state->input + (size_t)first * dcn_channel_pitch(nv->c);
  if (nv->c > 4) {
    dcn_emit_run(job, first, pixels, x, (size_t)dcn_channel_pitch(nv->c), -INFINITY, INFINITY,
                 worker);
    return;
  }
  const DcnDiff d = {
      .x = x,
      .ref = dcn_ref(v, first),
      .delta = v->delta ? v->delta + (size_t)first * nv->pitch : NULL,
      .mask = v->mask ? v->mask + first : NULL,
      .changed = changed,
      .tolerance = v->threshold,
  };
  worker->values_changed += (uint64_t)job->kernels->diff_image(&d, pixels, nv->c);
}

/* Of an image larger than the caches, what was touched is asked for this many words of 64 pixels
 * before it is looked at. */
#define AHEAD 16

/* Of smaller ones a whole word takes no longer than a few short runs. */
#define CACHED_PIXELS (256 * 256)

typedef struct {
  int row, x;
  uint64_t near;
} Word;

static void
ask_for(const DcnJob *job, const Word *word)
{
  const DcnValueState *v = job->out;
  size_t row = (size_t)word->row * v->net->w + (size_t)word->x, c = (size_t)v->net->c;
  if (c > 4 || word->near == ~UINT64_C(0)) /* long runs the processor foresees */
    return;
  for (uint64_t near = word->near; near;) {
    int from = __builtin_ctzll(near), run = dcn_bits_run(near, from);
    const float *x = job->state->input + (row + (size_t)from) * 4,
                *ref = v->ref + (row + (size_t)from) * c,
                *delta = v->delta ? v->delta + (row + (size_t)from) * c : NULL;
    for (int i = 0; i < run; i += 4) {
      __builtin_prefetch(x + i * 4);
      __builtin_prefetch(ref + (size_t)i * c, 1);
      if (delta)
        __builtin_prefetch(delta + (size_t)i * c, 1);
    }
    size_t last = (size_t)run * c - 1; /* a short run may lie on two lines */
    __builtin_prefetch(ref + last, 1);
    if (delta)
      __builtin_prefetch(delta + last, 1);
    near &= ~(dcn_bits_last(run) << from);
  }
  if (v->changed)
    __builtin_prefetch(v->changed + row, 1);
}

static void
test_word(const DcnJob *job, const Word *word, DcnWorker *worker)
{
  DcnValueState *v = job->out;
  int w = v->net->w, first = word->row * w + word->x;
  uint8_t marks[64 + 8] = {0}, *changed = v->changed ? v->changed + first : marks;
  for (uint64_t near = word->near; near;) {
    int from = __builtin_ctzll(near), run = dcn_bits_run(near, from);
    test_pixels(job, first + from, run, changed + from, worker);
    near &= ~(dcn_bits_last(run) << from);
  }
  v->row_changed[word->row] +=
      dcn_bits_pack(changed, MIN(64, w - word->x),
                    v->bits + (size_t)word->row * v->net->row_words + (word->x >> 6));
}

/* Items are rows: tests them and makes bits of their marks, which are clear.  Up to three pixels between touched ones
 * are tested, too, which does no harm and makes fewer, longer runs. */
static void
test_rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  DcnValueState *v = job->out;
  DcnWorker *worker = dcn_worker(job, number);
  int w = v->net->w, many = v->net->pixels > CACHED_PIXELS ? 40 : 8;
  if (!loop->touched) {
    worker->pixels_touched += (end - begin) * w;
    if (!v->changed) {
      for (int row = begin; row < end; row++)
        for (int x = 0; x < w; x += 64)
          test_word(job, &(Word){row, x, dcn_bits_last(MIN(64, w - x))}, worker);
      return;
    }
    test_pixels(job, begin * w, (end - begin) * w, v->changed + (size_t)begin * w, worker);
    for (int row = begin; row < end; row++)
      v->row_changed[row] =
          dcn_bits_pack(v->changed + (size_t)row * w, w, v->bits + (size_t)row * v->net->row_words);
    return;
  }
  Word words[AHEAD];
  unsigned asked = 0, done = 0;
  for (int row = begin; row < end; row++)
    for (int x = 0; x < w; x += 64) {
      const uint8_t *marks = loop->touched + (size_t)row * w;
      while (x + 256 <= w && dcn_bits_none_of_256(marks + x))
        x += 256;
      if (x >= w)
        break;
      int n = MIN(64, w - x);
      uint64_t near = dcn_bits_of_any_bytes(marks + x, n);
      if (near == 0)
        continue;
      worker->pixels_touched += dcn_bits_count(near);
      uint64_t longer = near | near << 1;
      longer |= longer << 2;
      near |= longer & longer >> 1 & longer >> 2 & longer >> 3;
      if (dcn_bits_count(near) > many)
        near = ~UINT64_C(0);
      near &= dcn_bits_last(n);
      if (asked - done == AHEAD)
        test_word(job, &words[done++ % AHEAD], worker);
      Word *word = &words[asked++ % AHEAD];
      *word = (Word){row, x, near};
      ask_for(job, word);
    }
  while (done < asked)
    test_word(job, &words[done++ % AHEAD], worker);
}

int
dcn_input_propagate(DcnState *state, const uint8_t *touched)
{
  DcnValueState *v = &state->values[state->net->program->input];
  const DcnNetValue *nv = v->net;
  DcnJob job = {.state = state, .net = state->net, .kernels = state->net->kernels, .out = v};
  Loop loop = {&job, touched};
  dcn_parallel_for(state->threads, nv->n * nv->h, dcn_grain((size_t)nv->w * nv->c * 4), test_rows,
                   &loop);
  int n_touched = 0;
  for (int i = 0; i < state->n_workers; i++) {
    v->values_changed += state->workers[i]->values_changed;
    n_touched += state->workers[i]->pixels_touched;
  }
  v->n_changed = 0;
  for (int row = 0; row < nv->n * nv->h; row++)
    v->n_changed += v->row_changed[row];
  return n_touched;
}
