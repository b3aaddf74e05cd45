/* deltacnn: operators that compute each output pixel from one pixel of each input: affine,
 * activation, binary, local response and layer normalisation, softmax. SPDX-License-Identifier:
 * LGPL-2.1-or-later */
#include "net/internal.h"
#include <math.h>
#include <string.h>

static gboolean
nothing_to_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  return TRUE;
}

static void
affine_pixels(const DcnJob *job, int p, int n, float *y, size_t ldy, DcnWorker *worker)
{
  const DcnOp *op = job->op->op;
  const float *scale = op->u.affine.scale, *shift = op->u.affine.shift;
  int channels = job->out->net->c;
  for (int i = 0; i < n; i++, y += ldy) {
    const float *x = dcn_ref(job->in, p + i);
    for (int c = 0; c < channels; c++)
      y[c] = x[c] * scale[c] + shift[c];
  }
}

static void
affine_run(DcnJob *job)
{
  dcn_list_changed(job, job->in);
  dcn_run_runs(job, affine_pixels, (size_t)job->out->net->c * 8 + 100);
}

const DcnOpClass dcn_affine_class = {"affine", nothing_to_prepare, affine_run, NULL,
                                     .pixels = affine_pixels};

static void
act_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  dcn_act_run(job->kernels, &job->op->op->act, dcn_ref(job->in, p), y, job->out->net->c);
}

/* Of one number; says how many pixels a thread takes. */
static size_t
act_cost(DcnActKind kind)
{
  switch (kind) {
  case DCN_ACT_NONE:
  case DCN_ACT_RELU:
  case DCN_ACT_LEAKY_RELU:
  case DCN_ACT_CLIP:
  case DCN_ACT_PRELU:
  case DCN_ACT_HARD_SIGMOID:
  case DCN_ACT_HARD_SWISH:
  case DCN_ACT_QUANTIZE:
    return 8;
  case DCN_ACT_EXP:
  case DCN_ACT_LOG:
  case DCN_ACT_POWER:
    return 400;
  default:
    return 40;
  }
}

static void
act_run(DcnJob *job)
{
  dcn_list_changed(job, job->in);
  dcn_run_pixels(job, act_pixel, (size_t)job->out->net->c * act_cost(job->op->op->act.kind));
}

const DcnOpClass dcn_act_class = {"activation", nothing_to_prepare, act_run, NULL,
                                  .pixel = act_pixel};

/* Binary.  b is a value or a constant and may repeat along whole axes. */
typedef struct {
  const float *constant;      /* [pixels of b][bc]; the program's */
  int step_n, step_y, step_x; /* pixels of b per step of the output; 0 along an axis that repeats */
} BinaryPlan;

static gboolean
binary_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnBinary *b = &op->op->u.binary;
  BinaryPlan *plan = op->plan = g_new0(BinaryPlan, 1);
  plan->constant = b->constant;
  plan->step_x = b->bw > 1;
  plan->step_y = b->bh > 1 ? b->bw : 0;
  plan->step_n = b->bn > 1 ? b->bh * b->bw : 0;
  return TRUE;
}

static inline int
pixel_of_b(const BinaryPlan *plan, const DcnNetValue *out, int p)
{
  int x = p % out->w, rest = p / out->w;
  return rest / out->h * plan->step_n + rest % out->h * plan->step_y + x * plan->step_x;
}

/* One pixel, or several as if they were one of many channels. */
static void
binary(const DcnJob *job, const float *a, const float *b, float *y, int n)
{
  const DcnBinary *binary = &job->op->op->u.binary;
  switch (binary->kind) {
  case DCN_BINARY_ADD:
    job->kernels->add(a, b, y, n);
    break;
  case DCN_BINARY_MUL:
    job->kernels->mul(a, b, y, n);
    break;
  case DCN_BINARY_SUB:
    for (int c = 0; c < n; c++)
      y[c] = binary->swap ? b[c] - a[c] : a[c] - b[c];
    break;
  case DCN_BINARY_DIV:
    for (int c = 0; c < n; c++)
      y[c] = binary->swap ? b[c] / a[c] : a[c] / b[c];
    break;
  case DCN_BINARY_POW:
    for (int c = 0; c < n; c++)
      y[c] = binary->swap ? powf(b[c], a[c]) : powf(a[c], b[c]);
    break;
  case DCN_BINARY_MIN:
    for (int c = 0; c < n; c++)
      y[c] = a[c] < b[c] || isnan(a[c]) ? a[c] : b[c];
    break;
  case DCN_BINARY_MAX:
    for (int c = 0; c < n; c++)
      y[c] = a[c] > b[c] || isnan(a[c]) ? a[c] : b[c];
    break;
  }
}

static void
binary_pixels(const DcnJob *job, int p, int n, float *y, size_t ldy, DcnWorker *worker)
{
  const BinaryPlan *plan = job->op->plan;
  const DcnBinary *op = &job->op->op->u.binary;
  const DcnNetValue *out = job->out->net;
  const DcnValueState *b = plan->constant ? NULL : dcn_job_input(job, 1);
  /* Two values alike, and no gaps: padding gives zeros, but for a quotient and a
   * power. */
  if (b && b->net->pixels == out->pixels && op->bc == out->c && op->kind != DCN_BINARY_DIV &&
      op->kind != DCN_BINARY_POW && job->in->net->ref_pitch == out->pitch &&
      b->net->ref_pitch == out->pitch && ldy == (size_t)out->pitch) {
    binary(job, dcn_ref(job->in, p), dcn_ref(b, p), y, (n - 1) * out->pitch + out->c);
    return;
  }
  for (int i = 0; i < n; i++, y += ldy) {
    int q = pixel_of_b(plan, out, p + i);
    const float *of_b = b ? dcn_ref(b, q) : plan->constant + (size_t)q * op->bc;
    if (op->bc == 1 && out->c > 1) {
      float *repeated = worker->repeated;
      for (int c = 0; c < out->c; c++)
        repeated[c] = of_b[0];
      of_b = repeated;
    }
    binary(job, dcn_ref(job->in, p + i), of_b, y, out->c);
  }
}

static void
binary_run(DcnJob *job)
{
  const BinaryPlan *plan = job->op->plan;
  const DcnNetValue *out = job->out->net;
  if (job->full || plan->constant) {
    dcn_list_changed(job, job->in);
  } else {
    const DcnValueState *a = job->in, *b = dcn_job_input(job, 1);
    int32_t *list = job->state->list;
    int count = 0;
    if (b->net->pixels == out->pixels) {
      int words = out->row_words;
      uint64_t *row_bits = job->state->row_bits;
      for (int row = 0; row < out->n * out->h; row++) {
        if (a->row_changed[row] + b->row_changed[row] == 0)
          continue;
        for (int i = 0; i < words; i++)
          row_bits[i] = a->bits[(size_t)row * words + i] | b->bits[(size_t)row * words + i];
        count = dcn_bits_list(row_bits, words, (int32_t)(row * out->w), list, count);
      }
    } else {
      for (int p = 0; p < out->pixels; p++)
        if (a->changed[p] || b->changed[pixel_of_b(plan, out, p)])
          list[count++] = p;
    }
    job->list = list;
    job->count = count;
  }
  dcn_run_runs(job, binary_pixels, (size_t)out->c * 8 + 100);
}

const DcnOpClass dcn_binary_class = {"binary", binary_prepare, binary_run, NULL,
                                     .pixels = binary_pixels};

/* y[c] = x[c] / (bias + alpha / size * sum of squares of the channels around c) ^ beta */
static gboolean
lrn_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnNetValue *in = dcn_op_in(net, op->op);
  net->needs.floats =
      MAX(net->needs.floats, 2 * (size_t)in->pitch + (size_t)MAX(op->op->u.lrn.size, 0));
  return TRUE;
}

static void
lrn_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  const DcnLrn *lrn = &job->op->op->u.lrn;
  const float *x = dcn_ref(job->in, p);
  int n = job->out->net->c, size = MIN(lrn->size, 2 * n);
  int before = (size - 1) / 2,
      after = size - 1 - before; /* ONNX: floor and ceil of (size - 1) / 2 */
  float *sum = worker->floats, *square = sum + n;
  float scale = lrn->alpha / (float)lrn->size;
  for (int c = 0; c < n; c++)
    square[c] = x[c] * x[c];
  memset(sum, 0, sizeof(float) * (size_t)n);
  for (int d = -before; d <= after; d++) {
    int from = MAX(0, -d), to = MIN(n, n - d);
    for (int c = from; c < to; c++)
      sum[c] += square[c + d];
  }
  for (int c = 0; c < n; c++)
    sum[c] = lrn->bias + scale * sum[c];
  if (lrn->beta == 0.75f) {
    for (int c = 0; c < n; c++) {
      float root = sqrtf(sum[c]);
      y[c] = x[c] / (root * sqrtf(root));
    }
  } else if (lrn->beta == 0.5f) {
    for (int c = 0; c < n; c++)
      y[c] = x[c] / sqrtf(sum[c]);
  } else {
    for (int c = 0; c < n; c++)
      y[c] = x[c] * powf(sum[c], -lrn->beta);
  }
}

static void
lrn_run(DcnJob *job)
{
  dcn_list_changed(job, job->in);
  dcn_run_pixels(job, lrn_pixel, (size_t)job->out->net->c * 200);
}

const DcnOpClass dcn_lrn_class = {"local response normalisation", lrn_prepare, lrn_run, NULL};

static void
softmax_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  job->kernels->softmax(dcn_ref(job->in, p), y, job->out->net->c);
}

/* Shifted by the maximum, so that nothing overflows. */
static void
log_softmax_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  const float *x = dcn_ref(job->in, p);
  const int n = job->out->net->c;
  float top = x[0];
  double sum = 0;
  for (int c = 1; c < n; c++)
    top = x[c] > top ? x[c] : top;
  for (int c = 0; c < n; c++)
    sum += expf(x[c] - top);
  const double log_sum = log(sum);
  for (int c = 0; c < n; c++)
    y[c] = (float)((double)(x[c] - top) - log_sum);
}

static void
softmax_run(DcnJob *job)
{
  dcn_list_changed(job, job->in);
  if (job->op->op->kind == DCN_OP_LOG_SOFTMAX)
    dcn_run_pixels(job, log_softmax_pixel, (size_t)job->out->net->c * 400);
  else
    dcn_run_pixels(job, softmax_pixel, (size_t)job->out->net->c * 40 + 1000);
}

const DcnOpClass dcn_softmax_class = {"softmax", nothing_to_prepare, softmax_run, NULL};

static void
layer_norm_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  job->kernels->normalise(dcn_ref(job->in, p), job->op->op->u.norm.epsilon, y, job->out->net->c);
}

static void
layer_norm_run(DcnJob *job)
{
  dcn_list_changed(job, job->in);
  dcn_run_pixels(job, layer_norm_pixel, (size_t)job->out->net->c * 20);
}

const DcnOpClass dcn_layer_norm_class = {"layer normalisation", nothing_to_prepare, layer_norm_run,
                                         NULL};
