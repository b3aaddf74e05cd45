/* deltacnn: depthwise convolutions: the pixels that a change reaches are recomputed from values, all
 * their channels: looking for channels that could stay costs more than a window of nine taps does,
 * and of 16 neighbouring channels one nearly always changed somewhere in the window.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"

typedef struct {
  DcnWindow window;
  int taps;
  size_t ldw;
  float *weights;   /* [taps][ldw], owned */
  float *bias;      /* [c], owned; NULL for none */
  float lo, hi;     /* the activation, or the part of it that the kernel does */
  gboolean clamped; /* that is all of it */
} Plan;

gboolean
dcn_depthwise_fits(const DcnNet *net, const DcnOp *op)
{
  const DcnNetValue *in = dcn_op_in(net, op), *out = dcn_op_out(net, op);
  return op->u.conv.groups > 1 && op->u.conv.groups == in->c && in->c == out->c;
}

static void
depthwise_clear(DcnNetOp *op)
{
  Plan *plan = op->plan;
  dcn_window_clear(&plan->window);
  dcn_aligned_free(plan->weights);
  g_free(plan->bias);
  g_free(plan);
}

static gboolean
depthwise_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  DcnConv *conv = &op->op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  Plan *plan = op->plan = g_new0(Plan, 1);
  plan->taps = conv->kh * conv->kw;
  plan->ldw = ((size_t)in->c + 15) / 16 * 16;
  size_t count;
  if (!dcn_window_init(&plan->window, in, out, conv->kh, conv->kw, conv->stride_h, conv->stride_w,
                       conv->pad_top, conv->pad_left, conv->dil_h, conv->dil_w) ||
      !dcn_size_mul((size_t)plan->taps, plan->ldw, &count) ||
      !(plan->weights = dcn_aligned_new0(count, sizeof(float))))
    return dcn_no_memory(error);
  for (int c = 0; c < in->c; c++)
    for (int t = 0; t < plan->taps; t++)
      plan->weights[(size_t)t * plan->ldw + c] = conv->weights[(size_t)c * plan->taps + t];
  g_clear_pointer(&conv->weights, g_free);
  plan->bias = g_steal_pointer(&conv->bias);
  op->weight_bytes = count * sizeof(float);
  plan->clamped = dcn_act_limits(&op->op->act, &plan->lo, &plan->hi);
  net->needs.pointers = MAX(net->needs.pointers, (size_t)plan->taps);
  net->needs.lines = MAX(net->needs.lines, (size_t)conv->kh);
  /* Above and below the image a row of zeros is read. */
  net->needs.taps = MAX(net->needs.taps, (size_t)in->w * in->ref_pitch);
  return TRUE;
}

static void
depthwise_row(const DcnJob *job, const DcnRowRun *row, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const float **a = worker->pointers, *zero = job->state->zero;
  int c = job->out->net->c, end = row->x + row->n, run;
  size_t pitch = (size_t)job->in->net->ref_pitch;
  float *y = row->y;
  for (int x = row->x; x < end; x += run, y += (size_t)run * row->ldy) {
    const int *ix = win->ix + (size_t)x * win->kw;
    gboolean inner = x >= win->inner_begin && x < win->inner_end;
    run = inner ? MIN(end, win->inner_end) - x : 1;
    for (int ky = 0, t = 0; ky < win->kh; ky++) {
      const float *line = row->lines[ky] ? row->lines[ky] : zero;
      for (int kx = 0; kx < win->kw; kx++, t++)
        a[t] = inner || ix[kx] >= 0 ? line + (size_t)ix[kx] * pitch : zero;
    }
    job->kernels->depthwise(a, plan->taps, (size_t)win->step * pitch, plan->weights, plan->ldw,
                            plan->bias, plan->lo, plan->hi, y, row->ldy, run, c);
  }
  if (!plan->clamped)
    for (int i = 0; i < row->n; i++) {
      y = row->y + (size_t)i * row->ldy;
      dcn_act_run(job->kernels, &job->op->op->act, y, y, c);
    }
  worker->macs += (uint64_t)plan->taps * c * row->n;
}

static void
depthwise_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  dcn_run_rows(job, &plan->window, depthwise_row, (size_t)plan->taps * job->in->net->c * 4 + 200);
}

const DcnOpClass dcn_depthwise_class = {"depthwise", depthwise_prepare, depthwise_run,
                                        depthwise_clear};
