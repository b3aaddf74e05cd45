/* deltacnn: runs a first layer that keeps no sums: what a change reaches is computed from values, row by row.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small image changes in short runs, which a small window reaches, and an output takes some hundred multiplies: to
 * list the pixels and point to their windows would take longer than to compute them. */
#include "net/first.h"
#include <string.h>

/* n neighbours of an output row, all channels, of which the windows' rows begin at `lines`. */
static void
multiply(const DcnJob *job, const float *const *lines, int n, float lo, float hi, float *y,
         size_t ldy)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnKernels *k = job->kernels;
  for (int b = 0; b < plan->blocks; b++)
    k->rgemm(lines, plan->window.kh, (size_t)plan->window.step * (size_t)plan->c, plan->row_floats,
             plan->weights + (size_t)b * plan->block_floats, plan->bias + (size_t)b * k->nr, lo, hi,
             y + b * k->nr, ldy, n, MIN(k->nr, plan->m - b * k->nr));
}

/* A pixel whose window reaches across the left or right border: its rows are copied. */
static void
border_pixel(const DcnJob *job, const float *const *rows, int x, float lo, float hi, float *y,
             DcnWorker *worker)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const int *ix = win->ix + (size_t)x * (size_t)win->kw;
  float *copy = worker->floats;
  const float **lines = worker->pointers;
  for (int ky = 0; ky < win->kh; ky++, copy += plan->row_floats) {
    lines[ky] = rows[ky] ? copy : job->state->zero;
    for (int kx = 0; rows[ky] && kx < win->kw; kx++)
      for (int c = 0; c < plan->c; c++)
        copy[kx * plan->c + c] = ix[kx] < 0 ? 0 : rows[ky][ix[kx] * plan->c + c];
  }
  multiply(job, lines, 1, lo, hi, y, (size_t)job->out->net->pitch);
}

static void
first_row(const DcnJob *job, const DcnRowRun *run, DcnWorker *worker)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnAct *act = &job->op->op->act;
  const float **lines = worker->pointers;
  float lo, hi;
  gboolean clamps = dcn_act_limits(act, &lo, &hi);
  int begin = CLAMP(win->inner_begin, run->x, run->x + run->n),
      end = CLAMP(win->inner_end, begin, run->x + run->n);
  for (int x = run->x; x < begin; x++)
    border_pixel(job, run->lines, x, lo, hi, run->y + (size_t)(x - run->x) * run->ldy, worker);
  if (begin < end) {
    size_t at = (size_t)win->ix[(size_t)begin * (size_t)win->kw] * (size_t)plan->c;
    for (int ky = 0; ky < win->kh; ky++)
      lines[ky] = run->lines[ky] ? run->lines[ky] + at : job->state->zero;
    multiply(job, lines, end - begin, lo, hi, run->y + (size_t)(begin - run->x) * run->ldy,
             run->ldy);
  }
  for (int x = end; x < run->x + run->n; x++)
    border_pixel(job, run->lines, x, lo, hi, run->y + (size_t)(x - run->x) * run->ldy, worker);
  if (!clamps)
    for (int i = 0; i < run->n; i++)
      dcn_act_run(job->kernels, act, run->y + (size_t)i * run->ldy, run->y + (size_t)i * run->ldy,
                  plan->m);
  worker->macs +=
      (uint64_t)run->n * (uint64_t)plan->window.kh * (uint64_t)plan->row_floats * (uint64_t)plan->m;
  worker->blocks_igemm++;
}

void
dcn_first_run_rows(DcnJob *job)
{
  const DcnFirstPlan *plan = job->op->plan;
  dcn_run_rows(job, &plan->window, first_row, plan->block_floats * (size_t)plan->blocks);
  dcn_worker(job, 0)->cost += dcn_cost_igemm(
      job->kernels, job->count, (uint64_t)plan->window.kh * (uint64_t)plan->row_floats, plan->m);
}
