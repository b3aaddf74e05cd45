/* deltacnn: loops over output rows, for operators that slide a window over an image: what a change
 * reaches is computed anew, in runs of neighbouring pixels.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/parallel.h"

/* Pixels that no change reaches are computed too where they lie between two runs and have at most
 * this many channels in all: that is cheaper than to begin another run, and gives what is there
 * already. */
#define GAP_CHANNELS 32
/* Of pixels of half a vector, or of one, several. */
#define GAP_NARROW        16
#define GAP_NARROW_PIXELS 8

typedef struct {
  const DcnJob *job;
  const DcnWindow *window;
  DcnRowFunc func;
} Loop;

/* Computes and emits pixels [x, end) of a row that begins with pixel `first`. */
static void
emit(const Loop *loop, const float *const *lines, const int first, int oy, int x, int end,
     DcnWorker *worker)
{
  const DcnNetValue *out = loop->job->out->net;
  int most = dcn_run_most(out);
  for (int n; x < end; x += n) {
    n = MIN(end - x, most);
    DcnRowRun run = {lines, oy, x, n, worker->y, (size_t)out->pitch};
    loop->func(loop->job, &run, worker);
    dcn_emit_run(loop->job, first + x, n, worker->y, (size_t)out->pitch, -HUGE_VALF, HUGE_VALF,
                 worker);
  }
}

static void
rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnWindow *win = loop->window;
  const DcnNetValue *out = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  const float **lines = worker->lines;
  size_t line = (size_t)win->in_w * job->in->net->ref_pitch;
  for (int row = begin; row < end; row++) {
    int image = row / win->out_h, oy = row - image * win->out_h, first = row * win->out_w;
    const uint64_t *reached = dcn_job_row(job, row);
    if (reached && !dcn_bits_any(reached, out->row_words))
      continue;
    const int *iy = win->iy + (size_t)oy * win->kh;
    for (int ky = 0; ky < win->kh; ky++)
      lines[ky] = iy[ky] < 0 ? NULL : job->in->ref + ((size_t)image * win->in_h + iy[ky]) * line;
    if (job->full) {
      DcnRowRun run = {lines, oy, 0, win->out_w, dcn_ref(job->out, first), (size_t)out->ref_pitch};
      loop->func(job, &run, worker);
    } else if (!reached) {
      emit(loop, lines, first, oy, 0, win->out_w, worker);
    } else {
      DcnBitsRun run = DCN_BITS_RUN_INIT;
      int gap = out->c <= GAP_NARROW ? GAP_NARROW_PIXELS : GAP_CHANNELS / out->c;
      if (job->marked) /* what is not marked must stay */
        gap = 0;
      while (dcn_bits_next_run(reached, out->row_words, gap, &run))
        emit(loop, lines, first, oy, run.begin, run.end, worker);
    }
  }
}

void
dcn_run_rows(DcnJob *job, const DcnWindow *window, DcnRowFunc func, size_t cost)
{
  const DcnNetValue *out = job->out->net;
  Loop loop = {job, window, func};
  dcn_mark_window(job, window);
  size_t of_row = cost * (size_t)MAX(job->count, 1) / (size_t)(out->n * out->h);
  dcn_parallel_for(job->state->threads, out->n * out->h, dcn_grain(of_row), rows, &loop);
}
