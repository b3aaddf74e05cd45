/* deltacnn: depthwise convolutions: the pixels that a change reaches are recomputed from values, all
 * their channels: looking for channels that could stay costs more than a window of nine taps does,
 * and of 16 neighbouring channels one nearly always changed somewhere in the window.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

typedef struct {
  DcnWindow window;
  int taps;
  size_t ldw;
  float *weights; /* [taps][ldw], owned */
  float *bias;    /* [c], owned; NULL for none */
  int run_pixels; /* of a partial run at most so many are computed before they are tested */
} Plan;

#define RUN_FLOATS 4096 /* a quarter of a first-level cache */

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
  plan->run_pixels = (int)CLAMP(RUN_FLOATS / (size_t)out->pitch, 1, (size_t)out->w);
  net->needs.pointers = MAX(net->needs.pointers, (size_t)plan->taps + (size_t)conv->kh);
  net->needs.floats = MAX(net->needs.floats, (size_t)plan->run_pixels * out->pitch);
  /* Above and below the image a row of zeros is read. */
  net->needs.taps = MAX(net->needs.taps, (size_t)in->w * in->ref_pitch);
  return TRUE;
}

/* Pixels that no change reaches are recomputed where they lie between two runs of at most this many
 * channels in all: that is cheaper than starting another run, and gives what is there already. */
#define GAP_CHANNELS 32

typedef struct {
  const DcnJob *job;
  const Plan *plan;
  float lo, hi;     /* the activation, or the part of it that the kernel does */
  gboolean clamped; /* that is all of it */
} Loop;

/* Output pixels [x, x + n) of a row, to y[i * ldy].  lines: where the window's rows begin. */
static void
compute(const Loop *loop, const float *const *lines, int x, int n, float *y, size_t ldy,
        DcnWorker *worker)
{
  const Plan *plan = loop->plan;
  const DcnWindow *win = &plan->window;
  const float **a = worker->pointers;
  int c = loop->job->out->net->c, end = x + n, run;
  size_t pitch = (size_t)loop->job->in->net->ref_pitch;
  float *to = y;
  for (; x < end; x += run, to += (size_t)run * ldy) {
    const int *ix = win->ix + (size_t)x * win->kw;
    gboolean inner = x >= win->inner_begin && x < win->inner_end;
    run = inner ? MIN(end, win->inner_end) - x : 1;
    for (int ky = 0, t = 0; ky < win->kh; ky++)
      for (int kx = 0; kx < win->kw; kx++, t++)
        a[t] = inner || ix[kx] >= 0 ? lines[ky] + (size_t)ix[kx] * pitch : loop->job->state->zero;
    loop->job->kernels->depthwise(a, plan->taps, (size_t)win->step * pitch, plan->weights,
                                  plan->ldw, plan->bias, loop->lo, loop->hi, to, ldy, run, c);
  }
  if (!loop->clamped)
    for (int i = 0; i < n; i++, y += ldy)
      dcn_act_run(loop->job->kernels, &loop->job->op->op->act, y, y, c);
  worker->macs += (uint64_t)plan->taps * c * n;
}

/* Computes and emits pixels [x, end) of a row that begins with pixel `first`. */
static void
emit(const Loop *loop, const float *const *lines, int first, int x, int end, DcnWorker *worker)
{
  size_t pitch = (size_t)loop->job->out->net->pitch;
  for (int n; x < end; x += n) {
    n = MIN(end - x, loop->plan->run_pixels);
    compute(loop, lines, x, n, worker->floats, pitch, worker);
    dcn_emit_run(loop->job, first + x, n, worker->floats, pitch, -HUGE_VALF, HUGE_VALF, worker);
  }
}

static void
rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnWindow *win = &loop->plan->window;
  const DcnNetValue *out = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  const float **lines = worker->pointers + loop->plan->taps;
  size_t line = (size_t)win->in_w * job->in->net->ref_pitch;
  int gap = GAP_CHANNELS / out->c;
  for (int row = begin; row < end; row++) {
    int image = row / win->out_h, first = row * win->out_w;
    const uint64_t *reached = dcn_job_row(job, row);
    const int *iy = win->iy + (size_t)(row - image * win->out_h) * win->kh;
    for (int ky = 0; ky < win->kh; ky++)
      lines[ky] = iy[ky] < 0 ? job->state->zero
                             : job->in->ref + ((size_t)image * win->in_h + iy[ky]) * line;
    if (job->full) {
      compute(loop, lines, 0, win->out_w, dcn_ref(job->out, first), (size_t)out->ref_pitch, worker);
      continue;
    }
    if (!reached) {
      emit(loop, lines, first, 0, win->out_w, worker);
      continue;
    }
    DcnBitsRun run = DCN_BITS_RUN_INIT;
    while (dcn_bits_next_run(reached, out->row_words, gap, &run))
      emit(loop, lines, first, run.begin, run.end, worker);
  }
}

static void
depthwise_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  const DcnNetValue *in = job->in->net, *out = job->out->net;
  Loop loop = {.job = job, .plan = plan};
  loop.clamped = dcn_act_limits(&job->op->op->act, &loop.lo, &loop.hi);
  dcn_mark_window(job, &plan->window);
  dcn_parallel_for(job->state->threads, out->n * out->h,
                   dcn_grain(((size_t)plan->taps * in->c * 4 + 500) * MAX(job->count, 1) /
                             (size_t)(out->n * out->h)),
                   rows, &loop);
}

const DcnOpClass dcn_depthwise_class = {"depthwise", depthwise_prepare, depthwise_run,
                                        depthwise_clear};
