/* deltacnn: convolutions: plan and packing.  conv-run.c runs them.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/conv.h"
#include "util/memory.h"
#include <string.h>

/* About 8 tiles a block; more where the weights are large, so that they are read less often. */
static int
choose_block_pixels(const DcnKernels *k, const DcnConvPlan *plan)
{
  size_t weight_bytes = plan->block_floats * plan->blocks * sizeof(float);
  int tiles = weight_bytes > (1u << 20) ? 16 : 8;
  while (tiles > 1 && (size_t)tiles * k->mr * plan->taps > 16384)
    tiles /= 2;
  return tiles * k->mr;
}

/* Groups narrower than a vector of outputs: as many together as fill one take as long as each alone. */
static int
merge_groups(const DcnConv *conv, int mg, int lanes)
{
  int merged = MAX(1, MIN(conv->groups, lanes / mg));
  while (conv->groups % merged)
    merged--;
  return merged;
}

static void
pack(const DcnConvPlan *plan, const DcnConv *conv, int nr)
{
  int kk = conv->kh * conv->kw, cg = plan->cg, of_one = cg / plan->merged;
  for (int g = 0; g < plan->groups; g++)
    for (int b = 0; b < plan->blocks; b++) {
      float *w = plan->weights + ((size_t)g * plan->blocks + b) * plan->block_floats;
      int columns = MIN(nr, plan->mg - b * nr);
      for (int j = 0; j < columns; j++) {
        int m = g * plan->mg + b * nr + j;
        int first = m / (plan->mg / plan->merged) % plan->merged * of_one;
        const float *from = conv->weights + (size_t)m * of_one * kk;
        for (int c = 0; c < of_one; c++)
          for (int t = 0; t < kk; t++)
            w[((size_t)t * cg + first + c) * nr + j] = from[(size_t)c * kk + t];
        if (conv->bias)
          plan->bias[((size_t)g * plan->blocks + b) * nr + j] = conv->bias[m];
      }
    }
}

static void
conv_clear(DcnNetOp *op)
{
  DcnConvPlan *plan = op->plan;
  dcn_window_clear(&plan->window);
  dcn_aligned_free(plan->weights);
  dcn_aligned_free(plan->bias);
  dcn_winograd_free(plan->winograd);
  dcn_grouped_free(plan->grouped);
  g_free(plan->seeing);
  g_free(plan->unseeing);
  g_free(plan);
}

/* Whether differences could take less than values do, of pixels in which no more than two channels changed: else no sums are
 * kept. */
static gboolean
gains_by_deltas(const DcnKernels *k, const DcnConvPlan *plan)
{
  uint64_t terms = (uint64_t)plan->taps * (uint64_t)plan->cg;
  return dcn_cost_dgemm(k, k->dr, plan->taps, 2 * (uint64_t)k->dr, plan->mg) * (uint64_t)k->mr <
         dcn_cost_igemm(k, k->mr, terms, plan->mg) * (uint64_t)k->dr;
}

static gboolean
any_inside(const int *inputs, int taps)
{
  for (int i = 0; i < taps; i++)
    if (inputs[i] >= 0)
      return TRUE;
  return FALSE;
}

/* A 1x1 convolution with padding, mostly: SqueezeNet's last one spends a quarter of its multiplies on it. */
static void
list_seeing(DcnConvPlan *plan, DcnNetOp *op, const DcnConv *conv, const DcnKernels *k,
            const DcnNetValue *out)
{
  const DcnWindow *win = &plan->window;
  int32_t *seeing = g_new(int32_t, out->pixels);
  int n = 0;
  for (int p = 0; p < out->pixels; p++) {
    int x = p % out->w, y = p / out->w % out->h;
    if (any_inside(win->iy + (size_t)y * win->kh, win->kh) &&
        any_inside(win->ix + (size_t)x * win->kw, win->kw))
      seeing[n++] = p;
  }
  if (n == out->pixels || plan->winograd) {
    g_free(seeing);
    return;
  }
  plan->seeing = seeing;
  plan->n_seeing = n;
  plan->unseeing = g_new0(float, out->pitch);
  if (conv->bias)
    memcpy(plan->unseeing, conv->bias, sizeof(float) * (size_t)out->c);
  dcn_act_run(k, &op->op->act, plan->unseeing, plan->unseeing, out->c);
  op->full_macs = (double)op->macs * plan->merged * n / out->pixels;
}

static gboolean
conv_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  DcnConv *conv = &op->op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  const DcnKernels *k = net->kernels;
  DcnConvPlan *plan = op->plan = g_new0(DcnConvPlan, 1);
  plan->merged = merge_groups(conv, out->c / conv->groups, k->nr / 2);
  plan->groups = conv->groups / plan->merged;
  plan->cg = in->c / plan->groups;
  plan->mg = out->c / plan->groups;
  plan->words = dcn_mask_words(plan->cg);
  plan->taps = conv->kh * conv->kw;
  plan->blocks = (plan->mg + k->nr - 1) / k->nr;
  plan->block_floats = (size_t)plan->taps * plan->cg * k->nr;
  plan->point = conv->kh == 1 && conv->kw == 1 && in->h == out->h && in->w == out->w &&
                conv->stride_h == 1 && conv->stride_w == 1 && conv->pad_top == 0 &&
                conv->pad_left == 0;
  size_t weights;
  if (!dcn_window_init(&plan->window, in, out, conv->kh, conv->kw, conv->stride_h, conv->stride_w,
                       conv->pad_top, conv->pad_left, conv->dil_h, conv->dil_w) ||
      !dcn_size_mul(plan->block_floats, (size_t)plan->blocks * plan->groups, &weights) ||
      !(plan->weights = dcn_aligned_new0(weights, sizeof(float))) ||
      !(plan->bias = dcn_aligned_new0((size_t)plan->blocks * plan->groups * k->nr, sizeof(float))))
    return dcn_no_memory(error);
  pack(plan, conv, k->nr);
  op->weights = plan->weights;
  plan->block_pixels = choose_block_pixels(k, plan);
  double grouped_macs = (double)op->macs;
  plan->grouped = dcn_grouped_new(net, op->op, &plan->window, &grouped_macs);
  if (plan->grouped)
    op->full_macs = grouped_macs;
  else if (plan->merged > 1)
    op->full_macs = (double)op->macs * plan->merged;
  else
    plan->winograd = dcn_winograd_new(net, op->op, plan->block_pixels, &op->full_macs);
  list_seeing(plan, op, conv, k, out);
  g_clear_pointer(&conv->weights, g_free);
  g_clear_pointer(&conv->bias, g_free);
  op->weight_bytes = weights * sizeof(float) + (plan->winograd ? plan->winograd->weight_bytes : 0) +
                     (plan->grouped ? plan->grouped->weight_bytes : 0);
  DcnNeeds *needs = &net->needs;
  /* A dgemm tile is dr pixels, so a block's tail may hold dr - 1 more. */
  size_t padded = (size_t)plan->block_pixels + DCN_MR_MAX;
  needs->pointers = MAX(needs->pointers, padded * plan->taps);
  needs->masks = MAX(needs->masks, padded * plan->taps * plan->words);
  needs->taps = MAX(needs->taps, (size_t)in->pitch);
  /* a tile and a block of outputs */
  needs->floats =
      MAX(needs->floats, (size_t)k->mr * k->nr + (size_t)plan->block_pixels * out->pitch);
  if (gains_by_deltas(k, plan))
    op->acc_floats = out->floats;
  return TRUE;
}

const DcnOpClass dcn_conv_class = {"conv", conv_prepare, dcn_conv_run, conv_clear};
