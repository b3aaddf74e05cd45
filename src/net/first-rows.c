/* deltacnn: runs a first layer that keeps no sums: what a change reaches, or all, is computed from values, row by row.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A small image changes in short runs, which a small window reaches, and an output takes some hundred multiplies: to
 * list the pixels and point to their windows would take longer than to compute them.  In a full run what no border cuts is
 * computed where it lies; borders are copied. */
#include "net/first.h"
#include "util/parallel.h"
#include <string.h>

/* n outputs, all channels, of which the windows' rows begin at `lines`, from one to the next `step` floats on; output
 * i goes to y + i * ldy. */
static void
multiply(const DcnJob *job, const float *const *lines, size_t step, int n, float *y, size_t ldy)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnKernels *k = job->kernels;
  float lo, hi;
  dcn_act_limits(&job->op->op->act, &lo, &hi);
  for (int b = 0; b < plan->blocks; b++)
    k->rgemm(lines, plan->window.kh, step, plan->row_floats,
             plan->weights + (size_t)b * plan->block_floats, NULL, plan->bias + (size_t)b * k->nr,
             lo, hi, y + b * k->nr, ldy, n, MIN(k->nr, plan->m - b * k->nr));
}

/* What of the activation the kernel has not done, and the count. */
static void
finish(const DcnJob *job, int n, float *y, size_t ldy, DcnWorker *worker)
{
  const DcnFirstPlan *plan = job->op->plan;
  float lo, hi;
  if (!dcn_act_limits(&job->op->op->act, &lo, &hi))
    for (int i = 0; i < n; i++)
      dcn_act_run(job->kernels, &job->op->op->act, y + (size_t)i * ldy, y + (size_t)i * ldy,
                  plan->m);
  worker->macs +=
      (uint64_t)n * (uint64_t)plan->window.kh * (uint64_t)plan->row_floats * (uint64_t)plan->m;
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
  point_to_lines(job, run, worker->floats, worker->pointers);
  multiply(job, worker->pointers, (size_t)plan->window.step * (size_t)plan->c, run->n, run->y,
           run->ldy);
  finish(job, run->n, run->y, run->ldy, worker);
  worker->blocks_igemm++;
}

/* Column x of `rows` output rows from `row` on, whose windows a border cuts: copied with zeros where they lie outside,
 * one after another, so that those of all rows are one run. */
static void
border_column(const DcnJob *job, int row, int rows, int x, DcnWorker *worker)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnNetValue *out = job->out->net;
  size_t c = (size_t)plan->c, line = (size_t)win->in_w * c, n = (size_t)plan->row_floats;
  int column = win->first_column + x * win->step;
  size_t from = (size_t)MAX(column, 0) * c, before = (size_t)CLAMP(-column, 0, win->kw) * c;
  size_t inside = (size_t)CLAMP(win->in_w - column, 0, win->kw) * c;
  inside = inside > before ? inside - before : 0;
  float *copy = worker->floats;
  for (int ky = 0; ky < win->kh; ky++) {
    worker->pointers[ky] = copy;
    for (int r = row; r < row + rows; r++, copy += n) {
      int image = r / win->out_h,
          iy = win->iy[(size_t)(r - image * win->out_h) * (size_t)win->kh + (size_t)ky];
      memset(copy, 0, n * sizeof *copy);
      if (iy >= 0)
        memcpy(copy + before, job->in->ref + ((size_t)image * win->in_h + (size_t)iy) * line + from,
               inside * sizeof *copy);
    }
  }
  float *y = dcn_ref(job->out, row * out->w + x);
  size_t ldy = (size_t)out->w * (size_t)out->ref_pitch;
  multiply(job, worker->pointers, n, rows, y, ldy);
  finish(job, rows, y, ldy, worker);
}

/* Output rows [begin, end) of all images, in full. */
static void
full_rows(void *context, int begin, int end, int number)
{
  const DcnJob *job = context;
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnNetValue *out = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  size_t line = (size_t)win->in_w * (size_t)plan->c, step = (size_t)win->step * (size_t)plan->c;
  int inner = win->inner_begin, n = win->inner_end - inner;
  for (int row = begin; n > 0 && row < end; row++) {
    int image = row / win->out_h;
    const int *iy = win->iy + (size_t)(row - image * win->out_h) * (size_t)win->kh;
    const float *from = job->in->ref + (size_t)image * (size_t)win->in_h * line;
    size_t at = (size_t)(win->first_column + inner * win->step) * (size_t)plan->c;
    for (int ky = 0; ky < win->kh; ky++)
      worker->pointers[ky] = iy[ky] < 0 ? job->state->zero : from + (size_t)iy[ky] * line + at;
    float *y = dcn_ref(job->out, row * out->w + inner);
    multiply(job, worker->pointers, step, n, y, (size_t)out->ref_pitch);
    finish(job, n, y, (size_t)out->ref_pitch, worker);
  }
  for (int row = begin; row < end; row += DCN_FIRST_BORDER_ROWS) {
    int rows = MIN(DCN_FIRST_BORDER_ROWS, end - row);
    for (int x = 0; x < out->w; x++) {
      if (x == inner && n > 0)
        x += n;
      if (x < out->w)
        border_column(job, row, rows, x, worker);
    }
  }
  worker->blocks_igemm += (uint64_t)(end - begin);
}

void
dcn_first_run_rows(DcnJob *job)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnNetValue *out = job->out->net;
  size_t cost = plan->block_floats * (size_t)plan->blocks;
  if (job->full && !job->marked) {
    dcn_list_all(job);
    dcn_parallel_for(job->state->threads, out->n * out->h, dcn_grain(cost * (size_t)out->w),
                     full_rows, job);
  } else {
    dcn_run_rows(job, &plan->window, first_row, cost);
  }
  dcn_worker(job, 0)->cost += dcn_cost_igemm(
      job->kernels, job->count, (uint64_t)plan->window.kh * (uint64_t)plan->row_floats, plan->m);
}
