/* deltacnn: pools: what a change reaches is recomputed from values.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include <float.h>
#include <string.h>

typedef struct {
  DcnWindow window;
  /* Average: how many positions count, per output row and per column; the divisor is their product.
   */
  int *rows, *cols; /* owned */
} Plan;

static void
pool_clear(DcnNetOp *op)
{
  Plan *plan = op->plan;
  dcn_window_clear(&plan->window);
  dcn_aligned_free(plan->rows);
  dcn_aligned_free(plan->cols);
  g_free(plan);
}

/* Window positions inside the input, or inside input and padding where that counts.  What ceil_mode
 * lets reach beyond the padding never counts. */
static int *
count_positions(int out, int taps, int stride, int pad_begin, int pad_end, int dilation, int in,
                gboolean padding)
{
  int *count = dcn_aligned_new0((size_t)out, sizeof(int));
  int low = padding ? -pad_begin : 0, high = padding ? in + pad_end : in;
  for (int o = 0; count && o < out; o++)
    for (int t = 0; t < taps; t++) {
      int64_t i = (int64_t)o * stride - pad_begin + (int64_t)t * dilation;
      count[o] += i >= low && i < high;
    }
  return count;
}

static gboolean
pool_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnPool *pool = &op->op->u.pool;
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  Plan *plan = op->plan = g_new0(Plan, 1);
  if (!dcn_window_init(&plan->window, in, out, pool->kh, pool->kw, pool->stride_h, pool->stride_w,
                       pool->pad_top, pool->pad_left, pool->dil_h, pool->dil_w) ||
      !(plan->rows =
            count_positions(out->h, pool->kh, pool->stride_h, pool->pad_top, pool->pad_bottom,
                            pool->dil_h, in->h, pool->count_include_pad)) ||
      !(plan->cols = count_positions(out->w, pool->kw, pool->stride_w, pool->pad_left,
                                     pool->pad_right, pool->dil_w, in->w, pool->count_include_pad)))
    return dcn_no_memory(error);
  net->needs.pointers = MAX(net->needs.pointers, (size_t)pool->kh * pool->kw);
  net->needs.lines = MAX(net->needs.lines, (size_t)pool->kh);
  return TRUE;
}

/* The window's pixels inside the input, for the output pixel in column x; returns how many. */
static int
point(const DcnWindow *win, const DcnRowRun *row, int x, size_t pitch, const float **a)
{
  const int *ix = win->ix + (size_t)x * win->kw;
  int taps = 0;
  for (int ky = 0; ky < win->kh; ky++)
    for (int kx = 0; row->lines[ky] && kx < win->kw; kx++)
      if (ix[kx] >= 0)
        a[taps++] = row->lines[ky] + (size_t)ix[kx] * pitch;
  return taps;
}

static void
pool_row(const DcnJob *job, const DcnRowRun *row, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnKernels *k = job->kernels;
  size_t pitch = (size_t)job->in->net->ref_pitch, step = (size_t)win->step * pitch;
  const float **a = worker->pointers;
  int c = job->in->net->c, taps = 0;
  float *y = row->y;
  for (int x = row->x; x < row->x + row->n; x++, y += row->ldy) {
    /* From one pixel between the borders to the next all move by the same step. */
    if (x > row->x && x > win->inner_begin && x < win->inner_end)
      for (int t = 0; t < taps; t++)
        a[t] += step;
    else
      taps = point(win, row, x, pitch, a);
    if (job->op->op->kind == DCN_OP_MAX_POOL) {
      if (taps > 0)
        k->max_pool(a, taps, y, c);
      else
        for (int i = 0; i < c; i++)
          y[i] = -FLT_MAX;
    } else {
      int divisor = plan->rows[row->oy] * plan->cols[x];
      if (taps > 0)
        k->sum_pool(a, taps, divisor > 0 ? 1.0f / (float)divisor : 0, y, c);
      else
        memset(y, 0, sizeof(float) * (size_t)c);
    }
  }
}

static void
pool_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  dcn_run_rows(job, &plan->window, pool_row,
               (size_t)plan->window.kh * plan->window.kw * (job->in->net->c * 4 + 32));
}

const DcnOpClass dcn_pool_class = {"pool", pool_prepare, pool_run, pool_clear};

/* Mean over an image.  Summed row by row, which keeps the rounding error of large images small. */
static gboolean
global_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnNetValue *in = dcn_op_in(net, op->op);
  net->needs.pointers = MAX(net->needs.pointers, (size_t)MAX(in->w, in->h));
  net->needs.floats = MAX(net->needs.floats, (size_t)in->h * in->pitch);
  return TRUE;
}

static void
global_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  const DcnNetValue *in = job->in->net;
  const float *image = job->in->ref + (size_t)p * in->h * in->w * in->ref_pitch;
  for (int r = 0; r < in->h; r++) {
    for (int x = 0; x < in->w; x++)
      worker->pointers[x] = image + ((size_t)r * in->w + x) * in->ref_pitch;
    job->kernels->sum_pool(worker->pointers, in->w, 1, worker->floats + (size_t)r * in->pitch,
                           in->c);
  }
  for (int r = 0; r < in->h; r++)
    worker->pointers[r] = worker->floats + (size_t)r * in->pitch;
  job->kernels->sum_pool(worker->pointers, in->h, 1.0f / ((float)in->h * (float)in->w), y, in->c);
}

static void
global_run(DcnJob *job)
{
  const DcnNetValue *in = job->in->net;
  dcn_list_all(job);
  dcn_run_pixels(job, global_pixel, (size_t)in->h * in->w * in->c * 4);
}

const DcnOpClass dcn_global_avg_class = {"global average", global_prepare, global_run, NULL};
