/* deltacnn: loops over output pixels, for every operator that computes a pixel at a time.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/parallel.h"

/* A chunk should take some microseconds, or handing it to a thread costs more than it saves.  Cost is counted in
 * multiplies of igemm, of which a nanosecond has about a hundred. */
#define CHUNK_COST 250000

/* One of the two functions is there. */
typedef struct {
  const DcnJob *job;
  DcnPixelFunc pixel;
  DcnPixelsFunc pixels;
} Loop;

DcnWorker *
dcn_worker(const DcnJob *job, int worker)
{
  return job->state->workers[worker];
}

int
dcn_grain(size_t cost_per_item)
{
  return (int)(CHUNK_COST / MAX(cost_per_item, 1)) + 1;
}

/* Pixels [p, p + n) to y[i * ldy], activation included. */
static void
compute(const Loop *loop, int p, int n, float *y, size_t ldy, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  if (loop->pixel) {
    for (int i = 0; i < n; i++)
      loop->pixel(job, p + i, y + (size_t)i * ldy, worker);
    return;
  }
  const DcnAct *act = &job->op->op->act;
  const DcnNetValue *out = job->out->net;
  loop->pixels(job, p, n, y, ldy, worker);
  float lo, hi;
  if (dcn_act_is_none(act))
    return;
  if (dcn_act_limits(act, &lo, &hi) && ldy == (size_t)out->pitch && dcn_act_keeps_zero(act)) {
    dcn_act_run(job->kernels, act, y, y, (n - 1) * out->pitch + out->c);
    return;
  }
  for (int i = 0; i < n; i++, y += ldy)
    dcn_act_run(job->kernels, act, y, y, out->c);
}

static void
runs(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnNetValue *out = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  int most = dcn_run_most(out);
  for (int i = begin, n; i < end; i += n) {
    int p = dcn_job_pixel(job, i), limit = MIN(end - i, most);
    for (n = job->list ? 1 : limit; n < limit && job->list[i + n] == p + n;)
      n++;
    if (job->full) {
      compute(loop, p, n, dcn_ref(job->out, p), (size_t)out->ref_pitch, worker);
      continue;
    }
    compute(loop, p, n, worker->y, (size_t)out->pitch, worker);
    dcn_emit_run(job, p, n, worker->y, (size_t)out->pitch, -HUGE_VALF, HUGE_VALF, worker);
  }
}

void
dcn_run_pixels(DcnJob *job, DcnPixelFunc func, size_t cost)
{
  Loop loop = {.job = job, .pixel = func};
  dcn_parallel_for(job->state->threads, job->count, dcn_grain(cost), runs, &loop);
}

void
dcn_run_runs(DcnJob *job, DcnPixelsFunc func, size_t cost)
{
  Loop loop = {.job = job, .pixels = func};
  dcn_parallel_for(job->state->threads, job->count, dcn_grain(cost), runs, &loop);
}

void
dcn_list_all(DcnJob *job)
{
  job->list = NULL;
  job->count = job->out->net->pixels;
}

void
dcn_list_changed(DcnJob *job, const DcnValueState *v)
{
  if (job->full || v->n_changed == v->net->pixels) {
    dcn_list_all(job);
    return;
  }
  int32_t *list = job->state->list;
  int count = 0;
  for (int row = 0; row < v->net->n * v->net->h; row++) {
    if (v->row_changed[row] == 0)
      continue;
    count = dcn_bits_list(v->bits + (size_t)row * v->net->row_words, v->net->row_words,
                          (int32_t)(row * v->net->w), list, count);
  }
  job->list = list;
  job->count = count;
}

void
dcn_mark_window(DcnJob *job, const DcnWindow *window)
{
  dcn_list_all(job);
  if (job->marked) {
    const DcnNetValue *out = job->out->net;
    job->marks = job->state->marks;
    job->count = 0;
    for (int i = 0; i < out->n * out->h * out->row_words; i++)
      job->count += dcn_bits_count(job->marks[i]);
    return;
  }
  if (job->full || job->in->n_changed == job->in->net->pixels)
    return;
  job->marks = job->state->marks;
  job->count = dcn_window_reach(window, job->in, job->state->row_bits, job->state->marks);
}

void
dcn_list_window(DcnJob *job, const DcnWindow *window)
{
  const DcnNetValue *out = job->out->net;
  dcn_mark_window(job, window);
  if (!job->marks || job->count == out->pixels)
    return;
  int count = 0;
  for (int row = 0; row < out->n * out->h; row++)
    count = dcn_bits_list(job->marks + (size_t)row * out->row_words, out->row_words,
                          (int32_t)(row * out->w), job->state->list, count);
  job->list = job->state->list;
}

void
dcn_follow(const DcnJob *job, int first, int n, DcnWorker *worker)
{
  for (int i = 0; i < job->n_followers; i++) {
    const DcnJob *next = &job->followers[i];
    const DcnOpClass *class = next->op->class;
    const Loop loop = {.job = next, .pixel = class->pixel, .pixels = class->pixels};
    int most = dcn_run_most(next->out->net);
    for (int p = first, some; p < first + n; p += some) {
      some = MIN(first + n - p, most);
      compute(&loop, p, some, dcn_ref(next->out, p), (size_t)next->out->net->ref_pitch, worker);
    }
  }
}
