/* deltacnn: runs a first layer that keeps no sums: what a change reaches, or all, is computed from values, row by row.
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
             plan->weights + (size_t)b * plan->block_floats, NULL, plan->bias + (size_t)b * k->nr,
             lo, hi, y + b * k->nr, ldy, n, MIN(k->nr, plan->m - b * k->nr));
}

/* Where the windows of a run's rows begin.  Rows that some of its windows leave at the left or right are copied with
 * zeros around, so that all pixels are one run. */
static void
point_to_lines(const DcnJob *job, const DcnRowRun *run, float *copy, const float **lines)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  int column = win->first_column + run->x * win->step, span = (run->n - 1) * win->step + win->kw;
  int before = CLAMP(-column, 0, span), end = CLAMP(win->in_w - column, before, span);
  gboolean inside = before == 0 && end == span;
  size_t c = (size_t)plan->c;
  for (int ky = 0; ky < win->kh; ky++) {
    const float *row = run->lines[ky];
    lines[ky] = !row ? job->state->zero : inside ? row + (size_t)column * c : copy;
    if (!row || inside)
      continue;
    memset(copy, 0, (size_t)before * c * sizeof *copy);
    memcpy(copy + (size_t)before * c, row + (ptrdiff_t)(column + before) * (ptrdiff_t)c,
           (size_t)(end - before) * c * sizeof *copy);
    memset(copy + (size_t)end * c, 0, (size_t)(span - end) * c * sizeof *copy);
    copy += (size_t)span * c;
  }
}

static void
first_row(const DcnJob *job, const DcnRowRun *run, DcnWorker *worker)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnAct *act = &job->op->op->act;
  float lo, hi;
  gboolean clamps = dcn_act_limits(act, &lo, &hi);
  point_to_lines(job, run, worker->floats, worker->pointers);
  multiply(job, worker->pointers, run->n, lo, hi, run->y, run->ldy);
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
