/* deltacnn: loops over output pixels, for every operator that computes a pixel at a time.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/parallel.h"

/* A chunk should take some microseconds, or handing it to a thread costs more than it saves.  Cost is counted in
 * multiplies of igemm, of which a nanosecond has about a hundred. */
#define CHUNK_COST 250000

typedef struct {
  const DcnJob *job;
  DcnPixelFunc func;
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

static void
pixels(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  DcnWorker *worker = dcn_worker(job, number);
  for (int i = begin; i < end; i++) {
    int p = dcn_job_pixel(job, i);
    if (job->full) {
      loop->func(job, p, dcn_ref(job->out, p), worker);
    } else {
      loop->func(job, p, worker->y, worker);
      dcn_emit(job, p, worker->y, worker);
    }
  }
}

void
dcn_run_pixels(DcnJob *job, DcnPixelFunc func, size_t cost)
{
  Loop loop = {job, func};
  dcn_parallel_for(job->state->threads, job->count, dcn_grain(cost), pixels, &loop);
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
