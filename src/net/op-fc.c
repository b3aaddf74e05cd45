/* deltacnn: fully connected layers: a convolution with one output pixel.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The weights are the work: they are read once per frame and hardly fit a cache.  So they are
 * packed (fc-pack.c) with a row per input, [taps][channels][out], and only the rows of inputs that changed (in
 * a full run: that are not zero) are read.  Reading takes a quarter of the time where they are bytes: where all are whole
 * multiples of a step, as those of quantised models are; and half of it where they are numbers of half precision: where
 * the model has such ones only, and where rounding them was asked for. */
#include "net/fc.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

#define COLUMNS 64 /* the unit in which threads share the outputs */

gboolean
dcn_fc_fits(const DcnNet *net, const DcnOp *op)
{
  const DcnNetValue *in = dcn_op_in(net, op), *out = dcn_op_out(net, op);
  return out->pixels == 1 && op->u.conv.groups == 1 && (size_t)in->pixels * in->c >= 32;
}

static void
fc_clear(DcnNetOp *op)
{
  DcnFcPlan *plan = op->plan;
  g_free(plan->pixel);
  dcn_aligned_free(plan->weights);
  dcn_aligned_free(plan->half);
  dcn_aligned_free(plan->bytes);
  g_free(plan->zero);
  g_free(plan->scale);
  g_free(plan->bias);
  g_free(plan);
}

static gboolean
fc_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  DcnConv *conv = &op->op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  DcnFcPlan *plan = op->plan = g_new0(DcnFcPlan, 1);
  DcnWindow window;
  gboolean ok =
      dcn_window_init(&window, in, out, conv->kh, conv->kw, conv->stride_h, conv->stride_w,
                      conv->pad_top, conv->pad_left, conv->dil_h, conv->dil_w);
  int kk = conv->kh * conv->kw;
  int *kernel_tap = g_new(int, kk);
  if (ok) {
    plan->pixel = g_new(int, kk);
    for (int t = 0; t < kk; t++) {
      int iy = window.iy[t / conv->kw], ix = window.ix[t % conv->kw];
      if (iy < 0 || ix < 0)
        continue;
      kernel_tap[plan->taps] = t;
      plan->pixel[plan->taps++] = iy * in->w + ix;
    }
  }
  dcn_window_clear(&window);
  plan->channels = in->c;
  plan->m = out->c;
  plan->ldw = ((size_t)out->c + 15) / 16 * 16;
  size_t rows = (size_t)plan->taps * in->c;
  if (!ok || rows > INT32_MAX)
    ok = dcn_no_memory(error);
  else
    ok = dcn_fc_pack(plan, op, kernel_tap, net->weights, error);
  g_free(kernel_tap);
  dcn_conv_clear_weights(conv);
  if (!ok) {
    g_prefix_error(error, "%s: ", net->program->model_name);
    return FALSE;
  }
  plan->bias = g_steal_pointer(&conv->bias);
  op->acc_floats = out->floats;
  net->needs.inputs = MAX(net->needs.inputs, rows);
  return TRUE;
}

typedef struct {
  const DcnJob *job;
  const DcnFcPlan *plan;
  int count;
  gboolean whole; /* from values: start at the bias */
} Loop;

static void
columns(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnFcPlan *plan = loop->plan;
  const DcnState *state = loop->job->state;
  int j0 = begin * COLUMNS, n = MIN(end * COLUMNS, plan->m) - j0;
  float *y = loop->job->acc + j0;
  if (loop->whole) {
    if (plan->bias)
      memcpy(y, plan->bias + j0, sizeof(float) * (size_t)n);
    else
      memset(y, 0, sizeof(float) * (size_t)n);
  }
  const DcnKernels *kernels = loop->job->kernels;
  if (plan->bytes)
    kernels->gemv_bytes(state->fc_index, state->fc_x, loop->count, plan->bytes + j0, plan->ldw,
                        plan->zero + j0, plan->scale + j0, y, n);
  else if (plan->half)
    kernels->gemv_half(state->fc_index, state->fc_x, loop->count, plan->half + j0, plan->ldw, y, n);
  else
    kernels->gemv(state->fc_index, state->fc_x, loop->count, plan->weights + j0, plan->ldw, y, n);
}

/* Lists the inputs that are not zero; NaN is not. */
static int
list_values(const DcnJob *job, const DcnFcPlan *plan)
{
  uint32_t *index = job->state->fc_index;
  float *x = job->state->fc_x;
  int count = 0;
  for (int t = 0; t < plan->taps; t++) {
    const float *v = dcn_ref(job->in, plan->pixel[t]);
    uint32_t row = (uint32_t)t * (uint32_t)plan->channels;
    for (int c = 0; c < plan->channels; c++) {
      index[count] = row + (uint32_t)c;
      x[count] = v[c];
      count += !(v[c] == 0);
    }
  }
  return count;
}

static int
list_deltas(const DcnJob *job, const DcnFcPlan *plan)
{
  const DcnValueState *in = job->in;
  uint32_t *index = job->state->fc_index;
  float *x = job->state->fc_x;
  int count = 0;
  for (int t = 0; t < plan->taps; t++) {
    int p = plan->pixel[t];
    if (!in->changed[p])
      continue;
    const float *d = in->delta + (size_t)p * in->net->delta_pitch;
    uint32_t row = (uint32_t)t * (uint32_t)plan->channels;
    for (int j = 0; j < in->net->words; j++)
      for (uint64_t m = in->mask[(size_t)p * in->net->words + j]; m; m &= m - 1) {
        int c = j * 64 + __builtin_ctzll(m);
        index[count] = row + (uint32_t)c;
        x[count++] = d[c];
      }
  }
  return count;
}

/* Sums that are only ever added to gather rounding errors: in turn, each part of them is made anew. */
static void
refresh(const DcnJob *job, const DcnFcPlan *plan)
{
  DcnRefresh *turn = &job->state->refresh[job->op->index];
  int parts = (plan->m + COLUMNS - 1) / COLUMNS;
  turn->due += parts;
  if (turn->due < DCN_REFRESH_RUNS)
    return;
  Loop loop = {job, plan, list_values(job, plan), TRUE};
  for (; turn->due >= DCN_REFRESH_RUNS; turn->due -= DCN_REFRESH_RUNS) {
    columns(&loop, turn->next, turn->next + 1, 0);
    turn->next = (turn->next + 1) % parts;
  }
}

static void
fc_finish(const DcnJob *job, int pixel, float *y, DcnWorker *worker)
{
  dcn_act_run(job->kernels, &job->op->op->act, job->acc, y, job->out->net->c);
}

static void
fc_run(DcnJob *job)
{
  const DcnFcPlan *plan = job->op->plan;
  int threads = job->state->threads;
  Loop loop = {job, plan, list_values(job, plan), TRUE};
  uint64_t macs = job->full ? job->op->macs : (uint64_t)loop.count * plan->m;
  /* Rebuilding from values is exact, so it is taken where it is no more work. */
  if (!job->full && job->in->values_changed < (uint64_t)loop.count) {
    loop.count = list_deltas(job, plan);
    loop.whole = FALSE;
    macs = (uint64_t)loop.count * plan->m;
  }
  dcn_list_all(job);
  /* Long pieces of the rows: memory is slow where it is read in small ones. */
  int parts = (plan->m + COLUMNS - 1) / COLUMNS;
  if (loop.count > 0 || loop.whole)
    dcn_parallel_for(
        threads, parts,
        MAX(dcn_grain((size_t)loop.count * COLUMNS), (parts + 2 * threads - 1) / (2 * threads)),
        columns, &loop);
  if (!loop.whole)
    refresh(job, plan);
  dcn_worker(job, 0)->macs += macs;
  dcn_run_pixels(job, fc_finish, 0);
}

const DcnOpClass dcn_fc_class = {"fully connected", fc_prepare, fc_run, fc_clear};
