/* deltacnn: depthwise convolutions: the pixels that a change reaches are recomputed from values, all
 * their channels: looking for channels that could stay costs more than a window of nine taps does,
 * and of 16 neighbouring channels one nearly always changed somewhere in the window.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include "util/parallel.h"

/* Output rows of a call in a full run. */
#define ROWS 16
/* With fewer channels a run of pixels has few vectors, and the kernel that keeps its weights is faster. */
#define PART_CHANNELS 48

/* Inputs and outputs of more than that together are asked for a row ahead. */
#define FAR_BYTES 500000

typedef struct {
  DcnWindow window;
  int taps;
  size_t ldw;
  float *weights;   /* [taps][ldw], owned */
  float *bias;      /* [c], owned; NULL for none */
  float lo, hi;     /* the activation, or the part of it that the kernel does */
  gboolean clamped; /* that is all of it */
  gboolean rows;    /* the kernel for whole rows fits */
  gboolean wide;    /* the one for larger windows does */
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

/* What depthwise_rows asks of a window. */
static gboolean
rows_fit(const DcnWindow *win)
{
  int left = -win->first_column;
  return win->kh == 3 && win->kw == 3 && win->dilation == 1 && (win->step == 1 || win->step == 2) &&
         (left == 0 || left == 1) && (win->out_w - 1) * win->step - left + 2 <= win->in_w;
}

/* What depthwise_wide asks of one. */
static gboolean
wide_fits(const DcnWindow *win)
{
  return (win->kw == 5 || win->kw == 7 || win->kw == 9) && win->dilation == 1 &&
         (win->step == 1 || win->step == 2);
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
  plan->rows = rows_fit(&plan->window);
  plan->wide = wide_fits(&plan->window);
  net->needs.pointers = MAX(net->needs.pointers, MAX((size_t)plan->taps, 3 * ROWS));
  net->needs.lines = MAX(net->needs.lines, (size_t)conv->kh);
  /* Above and below the image a row of zeros is read. */
  net->needs.taps = MAX(net->needs.taps, (size_t)in->w * in->ref_pitch);
  return TRUE;
}

/* The rest of the activation, for n pixels one after another. */
static void
finish(const DcnJob *job, float *y, size_t ldy, int n, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  int c = job->out->net->c;
  const DcnAct *act = &job->op->op->act;
  if (!plan->clamped && ldy == (size_t)c && act->kind != DCN_ACT_PRELU)
    dcn_act_run(job->kernels, act, y, y, n * c);
  else if (!plan->clamped)
    for (int i = 0; i < n; i++, y += ldy)
      dcn_act_run(job->kernels, act, y, y, c);
  worker->macs += (uint64_t)plan->taps * c * n;
}

/* Some pixels of a row, by the kernel for whole ones: as an image that begins and ends where they need it to. */
static void
part_of_row(const DcnJob *job, const DcnRowRun *row, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  int begin = MAX(0, row->x * win->step + win->first_column);
  const float *lines[3];
  for (int ky = 0; ky < 3; ky++)
    lines[ky] = row->lines[ky] ? row->lines[ky] + (size_t)begin * job->in->net->ref_pitch
                               : job->state->zero;
  const DcnDepthwiseRows rows = {
      .lines = lines,
      .step = (size_t)job->in->net->ref_pitch,
      .in_w = win->in_w - begin,
      .out_w = row->n,
      .stride = win->step,
      .left = row->x == 0 ? -win->first_column : 0,
      .w = plan->weights,
      .ldw = plan->ldw,
      .bias = plan->bias,
      .lo = plan->lo,
      .hi = plan->hi,
      .out = row->y,
      .ldo = row->ldy,
  };
  job->kernels->depthwise_rows(&rows, 1, job->out->net->c);
  finish(job, row->y, row->ldy, row->n, worker);
}

/* Whether inputs and outputs are not in the nearest cache when it is their turn. */
static gboolean
is_far(const DcnJob *job)
{
  return sizeof(float) * (job->in->net->floats + job->out->net->floats) > FAR_BYTES;
}

static void
wide_row(const DcnJob *job, const DcnRowRun *row, DcnWorker *worker)
{
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  DcnDepthwiseWide wide = {
      .lines = row->lines,
      .step = (size_t)job->in->net->ref_pitch,
      .in_w = win->in_w,
      .kh = win->kh,
      .kw = win->kw,
      .stride = win->step,
      .left = -(row->x * win->step + win->first_column),
      .w = plan->weights,
      .ldw = plan->ldw,
      .bias = plan->bias,
      .lo = plan->lo,
      .hi = plan->hi,
      .out = row->y,
      .ldo = row->ldy,
      .pixels = row->n,
  };
  if (job->full && is_far(job) && row->oy + 1 < win->out_h) {
    const int last = win->iy[(row->oy + 1) * win->kh - 1];
    wide.next_out = row->y + (size_t)win->out_w * row->ldy;
    for (int y = 0; y < win->step && last >= 0 && last + 1 + y < win->in_h; y++)
      wide.next[y] = row->lines[win->kh - 1] + (size_t)(1 + y) * (size_t)win->in_w * wide.step;
  }
  job->kernels->depthwise_wide(&wide, job->out->net->c);
  finish(job, row->y, row->ldy, row->n, worker);
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
  finish(job, row->y, row->ldy, row->n, worker);
}

/* Output rows [begin, end) of all images, in full. */
static void
full_rows(void *context, int begin, int end, int number)
{
  const DcnJob *job = context;
  const Plan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  const DcnNetValue *out = job->out->net;
  DcnWorker *worker = dcn_worker(job, number);
  const float **lines = worker->pointers;
  size_t line = (size_t)win->in_w * job->in->net->ref_pitch;
  for (int row = begin, n; row < end; row += n) {
    n = MIN(ROWS, end - row);
    for (int i = 0; i < n; i++) {
      int image = (row + i) / win->out_h;
      const int *iy = win->iy + (size_t)(row + i - image * win->out_h) * 3;
      const float *from = job->in->ref + (size_t)image * win->in_h * line;
      for (int ky = 0; ky < 3; ky++)
        lines[i * 3 + ky] = iy[ky] < 0 ? job->state->zero : from + (size_t)iy[ky] * line;
    }
    const DcnDepthwiseRows rows = {
        .lines = lines,
        .step = (size_t)job->in->net->ref_pitch,
        .in_w = win->in_w,
        .out_w = win->out_w,
        .stride = win->step,
        .left = -win->first_column,
        .w = plan->weights,
        .ldw = plan->ldw,
        .bias = plan->bias,
        .lo = plan->lo,
        .hi = plan->hi,
        .out = dcn_ref(job->out, row * out->w),
        .ldo = (size_t)out->ref_pitch,
        .far = is_far(job),
    };
    job->kernels->depthwise_rows(&rows, n, out->c);
    finish(job, rows.out, rows.ldo, n * out->w, worker);
  }
}

static void
depthwise_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  const DcnNetValue *out = job->out->net;
  size_t cost = (size_t)plan->taps * job->in->net->c * 4 + 200;
  if (!job->full || job->marked || !plan->rows) {
    dcn_run_rows(job, &plan->window,
                 plan->wide                              ? wide_row
                 : plan->rows && out->c >= PART_CHANNELS ? part_of_row
                                                         : depthwise_row,
                 cost);
    return;
  }
  dcn_list_all(job);
  dcn_parallel_for(job->state->threads, out->n * out->h, dcn_grain(cost * (size_t)out->w),
                   full_rows, job);
}

const DcnOpClass dcn_depthwise_class = {"depthwise", depthwise_prepare, depthwise_run,
                                        depthwise_clear};
