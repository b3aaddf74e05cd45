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

static void
test_pixels(const DcnJob *job, int first, int pixels, DcnWorker *worker)
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
      .changed = v->changed + first,
      .tolerance = v->threshold,
  };
  worker->values_changed += (uint64_t)job->kernels->diff_image(&d, pixels, nv->c);
}

/* Items are rows: tests them and makes bits of their marks.  Of a row with touched pixels also the three after each are tested, which does no
 * harm and makes fewer, longer runs. */
static void
test_rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  DcnWorker *worker = dcn_worker(job, number);
  int w = job->out->net->w;
  DcnValueState *v = job->out;
  if (!loop->touched)
    test_pixels(job, begin * w, (end - begin) * w, worker);
  for (int row = begin; row < end; row++) {
    uint64_t *bits = v->bits + (size_t)row * v->net->row_words;
    if (!loop->touched) {
      v->row_changed[row] = dcn_bits_pack(v->changed + (size_t)row * w, w, bits);
      continue;
    }
    int changed = 0;
    for (int x = 0; x < w; x += 64) {
      int n = MIN(64, w - x), first = row * w + x;
      uint64_t near = dcn_bits_of_any_bytes(loop->touched + first, n);
      near |= near << 1;
      near |= near << 2;
      near &= dcn_bits_last(n);
      if (near == 0)
        continue; /* its marks are clear */
      while (near) {
        int from = __builtin_ctzll(near), run = dcn_bits_run(near, from);
        test_pixels(job, first + from, run, worker);
        near &= ~(dcn_bits_last(run) << from);
      }
      changed += dcn_bits_pack(v->changed + first, n, bits + (x >> 6));
    }
    v->row_changed[row] = changed;
  }
}

void
dcn_input_propagate(DcnState *state, const uint8_t *touched)
{
  DcnValueState *v = &state->values[state->net->program->input];
  const DcnNetValue *nv = v->net;
  DcnJob job = {.state = state, .net = state->net, .kernels = state->net->kernels, .out = v};
  Loop loop = {&job, touched};
  dcn_parallel_for(state->threads, nv->n * nv->h, dcn_grain((size_t)nv->w * nv->c * 4), test_rows,
                   &loop);
  for (int i = 0; i < state->n_workers; i++)
    v->values_changed += state->workers[i]->values_changed;
  v->n_changed = 0;
  for (int row = 0; row < nv->n * nv->h; row++)
    v->n_changed += v->row_changed[row];
}
