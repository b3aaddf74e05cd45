/* deltacnn: depthwise convolutions: what a change reaches is recomputed from values, 16 channels at
 * a time. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include <string.h>

typedef struct {
  DcnWindow window;
  int taps;
  size_t ldw;
  float *weights; /* [taps][ldw], owned */
  float *bias;    /* [c], owned; NULL for none */
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
  net->needs.pointers = MAX(net->needs.pointers, 2 * (size_t)plan->taps);
  net->needs.masks = MAX(net->needs.masks, (size_t)in->words);
  net->needs.taps = MAX(net->needs.taps, (size_t)in->pitch);
  return TRUE;
}

/* Channels [c0, c0 + n) of one pixel. */
static void
compute(const DcnJob *job, const Plan *plan, const float *const *a, int c0, int n, float *y,
        DcnWorker *worker)
{
  const float **shifted = worker->pointers + plan->taps;
  if (c0 > 0) {
    for (int t = 0; t < plan->taps; t++)
      shifted[t] = a[t] + c0;
    a = shifted;
  }
  job->kernels->depthwise(a, plan->taps, plan->weights + c0, plan->ldw,
                          plan->bias ? plan->bias + c0 : NULL, y + c0, n);
  DcnAct act = job->op->op->act;
  if (act.slope)
    act.slope += c0;
  dcn_act_run(job->kernels, &act, y + c0, y + c0, n);
  worker->macs += (uint64_t)plan->taps * n;
}

static void
pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  int words = in->net->words, pitch = in->net->pitch, c = in->net->c;
  int ox = p % win->out_w, rest = p / win->out_w;
  const int *iy = win->iy + (size_t)(rest % win->out_h) * win->kh,
            *ix = win->ix + (size_t)ox * win->kw;
  size_t first = (size_t)(rest / win->out_h) * win->in_h * win->in_w;
  const float **a = worker->pointers;
  gboolean sparse = !job->full && c > 16;
  uint64_t *mask = worker->masks;
  if (sparse)
    memset(mask, 0, sizeof *mask * (size_t)words);
  for (int ky = 0, t = 0; ky < win->kh; ky++) {
    size_t row = first + (size_t)MAX(iy[ky], 0) * win->in_w;
    for (int kx = 0; kx < win->kw; kx++, t++) {
      if (iy[ky] < 0 || ix[kx] < 0) {
        a[t] = job->state->zero;
        continue;
      }
      size_t q = row + (size_t)ix[kx];
      a[t] = in->ref + q * pitch;
      if (sparse)
        for (int j = 0; j < words; j++)
          mask[j] |= in->mask[q * words + j];
    }
  }
  if (!sparse) {
    compute(job, plan, a, 0, c, y, worker);
    return;
  }
  /* Runs of 16-channel groups that a changed channel lies in; the other channels stand. */
  memcpy(y, dcn_ref(job->out, p), sizeof(float) * (size_t)c);
  for (int c0 = 0; c0 < c;) {
    int c1 = c0;
    while (c1 < c && (mask[c1 >> 6] >> (c1 & 63) & 0xffff))
      c1 += 16;
    if (c1 > c0)
      compute(job, plan, a, c0, MIN(c1, c) - c0, y, worker);
    c0 = c1 + 16;
  }
}

static void
depthwise_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  dcn_list_window(job, &plan->window);
  dcn_run_pixels(job, pixel, (size_t)plan->taps * job->in->net->c + 100);
}

const DcnOpClass dcn_depthwise_class = {"depthwise", depthwise_prepare, depthwise_run,
                                        depthwise_clear};
