/* deltacnn: depthwise convolutions: what a change reaches is recomputed from values, 16 channels at
 * a time. SPDX-License-Identifier: LGPL-2.1-or-later */
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
  net->needs.pointers = MAX(net->needs.pointers, 2 * (size_t)plan->taps);
  net->needs.masks = MAX(net->needs.masks, (size_t)in->words);
  net->needs.floats = MAX(net->needs.floats, (size_t)plan->run_pixels * out->pitch);
  /* Above and below the image a row of zeros is read. */
  net->needs.taps = MAX(net->needs.taps, (size_t)in->w * in->ref_pitch);
  return TRUE;
}

/* Above this share of changed values, most 16-channel groups hold one somewhere in the window, so
 * that looking for those that do not costs more than it saves. */
#define SPARSE_DENSITY 0.04

typedef struct {
  const DcnJob *job;
  const Plan *plan;
  gboolean sparse;
  float lo, hi;     /* the activation, or the part of it that the kernel does */
  gboolean clamped; /* that is all of it */
} Loop;

/* The windows' inputs of the output pixel at (cursor->y, x). */
static void
point(const Loop *loop, const DcnCursor *cursor, int x, const float **a)
{
  const DcnWindow *win = &loop->plan->window;
  const DcnValueState *in = loop->job->in;
  size_t pitch = (size_t)in->net->ref_pitch;
  const int *iy = win->iy + (size_t)cursor->y * win->kh, *ix = win->ix + (size_t)x * win->kw;
  const float *image = in->ref + (size_t)cursor->image * win->in_h * win->in_w * pitch;
  for (int ky = 0, t = 0; ky < win->kh; ky++) {
    const float *row = image + (size_t)MAX(iy[ky], 0) * win->in_w * pitch;
    for (int kx = 0; kx < win->kw; kx++, t++)
      a[t] = iy[ky] < 0 || ix[kx] < 0 ? loop->job->state->zero : row + (size_t)ix[kx] * pitch;
  }
}

/* The n pixels of a row from the cursor's on, to y[i * ldy]. */
static void
compute(const Loop *loop, const DcnCursor *cursor, int n, float *y, size_t ldy, DcnWorker *worker)
{
  const Plan *plan = loop->plan;
  const DcnWindow *win = &plan->window;
  int c = loop->job->out->net->c, end = cursor->x + n, run;
  size_t step = (size_t)win->step * loop->job->in->net->ref_pitch;
  float *to = y;
  for (int x = cursor->x; x < end; x += run) {
    run = x >= win->inner_begin && x < win->inner_end ? MIN(end, win->inner_end) - x : 1;
    point(loop, cursor, x, worker->pointers);
    loop->job->kernels->depthwise(worker->pointers, plan->taps, step, plan->weights, plan->ldw,
                                  plan->bias, loop->lo, loop->hi, to, ldy, run, c);
    to += (size_t)run * ldy;
  }
  if (!loop->clamped)
    for (int i = 0; i < n; i++, y += ldy)
      dcn_act_run(loop->job->kernels, &loop->job->op->op->act, y, y, c);
  worker->macs += (uint64_t)plan->taps * c * n;
}

/* Channels [c0, c0 + n) of one pixel. */
static void
compute_channels(const Loop *loop, const float *const *a, int c0, int n, float *y,
                 DcnWorker *worker)
{
  const Plan *plan = loop->plan;
  const float **shifted = worker->pointers + plan->taps;
  for (int t = 0; t < plan->taps; t++)
    shifted[t] = a[t] + c0;
  loop->job->kernels->depthwise(shifted, plan->taps, 0, plan->weights + c0, plan->ldw,
                                plan->bias ? plan->bias + c0 : NULL, loop->lo, loop->hi, y + c0, 0,
                                1, n);
  if (!loop->clamped) {
    DcnAct act = loop->job->op->op->act;
    if (act.slope)
      act.slope += c0;
    dcn_act_run(loop->job->kernels, &act, y + c0, y + c0, n);
  }
  worker->macs += (uint64_t)plan->taps * n;
}

/* Runs of 16-channel groups that a changed channel lies in; the other channels stand. */
static void
compute_changed(const Loop *loop, const DcnCursor *cursor, float *y, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnWindow *win = &loop->plan->window;
  const DcnValueState *in = job->in;
  const int *iy = win->iy + (size_t)cursor->y * win->kh,
            *ix = win->ix + (size_t)cursor->x * win->kw;
  size_t first = (size_t)cursor->image * win->in_h * win->in_w;
  int words = in->net->words, c = in->net->c;
  uint64_t *mask = worker->masks;
  memset(mask, 0, sizeof *mask * (size_t)words);
  for (int ky = 0; ky < win->kh; ky++)
    for (int kx = 0; kx < win->kw; kx++) {
      if (iy[ky] < 0 || ix[kx] < 0)
        continue;
      size_t q = first + (size_t)iy[ky] * win->in_w + (size_t)ix[kx];
      for (int j = 0; j < words; j++)
        mask[j] |= in->mask[q * words + j];
    }
  point(loop, cursor, cursor->x, worker->pointers);
  memcpy(y, dcn_ref(job->out, cursor->pixel), sizeof(float) * (size_t)c);
  for (int c0 = 0; c0 < c;) {
    int c1 = c0;
    while (c1 < c && (mask[c1 >> 6] >> (c1 & 63) & 0xffff))
      c1 += 16;
    if (c1 > c0)
      compute_channels(loop, worker->pointers, c0, MIN(c1, c) - c0, y, worker);
    c0 = c1 + 16;
  }
}

static void
pixels(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  DcnWorker *worker = dcn_worker(job, number);
  DcnCursor cursor = DCN_CURSOR_INIT;
  size_t pitch = (size_t)job->out->net->pitch;
  for (int i = begin, n; i < end; i += n) {
    n = dcn_job_run(job, i, end, loop->plan->window.out_w);
    int p = dcn_job_pixel(job, i);
    dcn_cursor_move(&cursor, &loop->plan->window, p);
    if (job->full) {
      compute(loop, &cursor, n, dcn_ref(job->out, p), (size_t)job->out->net->ref_pitch, worker);
      continue;
    }
    if (loop->sparse) {
      n = 1;
      compute_changed(loop, &cursor, worker->floats, worker);
    } else {
      n = MIN(n, loop->plan->run_pixels);
      compute(loop, &cursor, n, worker->floats, pitch, worker);
    }
    dcn_emit_run(job, p, n, worker->floats, pitch, -HUGE_VALF, HUGE_VALF, worker);
  }
}

static void
depthwise_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  const DcnNetValue *in = job->in->net;
  Loop loop = {.job = job, .plan = plan};
  loop.clamped = dcn_act_limits(&job->op->op->act, &loop.lo, &loop.hi);
  dcn_list_window(job, &plan->window);
  loop.sparse = !job->full && in->c > 16 &&
                (double)job->in->values_changed < SPARSE_DENSITY * (double)in->pixels * in->c;
  dcn_parallel_for(job->state->threads, job->count, dcn_grain((size_t)plan->taps * in->c + 100),
                   pixels, &loop);
}

const DcnOpClass dcn_depthwise_class = {"depthwise", depthwise_prepare, depthwise_run,
                                        depthwise_clear};
