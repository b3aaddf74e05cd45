/* deltacnn: batch normalisation and what scales channels joins convolutions, activations join what they follow.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include <math.h>

/* The op whose result only `op` reads as its input 0, and which applies no activation yet; NULL
 * otherwise. */
static DcnOp *
sole_producer(DcnLoader *loader, const DcnUses *uses, const DcnOp *op)
{
  const int value = op->inputs[0];
  if (uses->uses[value] != 1 || uses->producer[value] < 0)
    return NULL;
  DcnOp *producer = &g_array_index(loader->ops, DcnOp, uses->producer[value]);
  return producer->act.kind == DCN_ACT_NONE ? producer : NULL;
}

static gboolean
read_weights(DcnLoader *loader, DcnConv *conv)
{
  GError *error = NULL;
  if (loader->error)
    return FALSE;
  return dcn_conv_load(conv, &error) || dcn_loader_fail_with(loader, error);
}

/* (W x + b) * scale + shift = (scale W) x + (scale b + shift) */
static void
scale_conv(DcnConv *conv, const float *scale, const float *shift, int out_channels,
           size_t per_channel)
{
  if (!conv->bias)
    conv->bias = g_new0(float, out_channels);
  for (int c = 0; c < out_channels; c++) {
    float *row = conv->weights + c * per_channel;
    for (size_t i = 0; i < per_channel; i++)
      row[i] *= scale[c];
    conv->bias[c] = conv->bias[c] * scale[c] + shift[c];
  }
}

/* `later` does nothing more: `earlier` writes its result. */
static void
replace(DcnUses *uses, DcnOp *earlier, DcnOp *later)
{
  uses->producer[later->output] = uses->producer[earlier->output];
  earlier->output = later->output;
  earlier->act = later->act;
  later->act = (DcnAct){0};
  later->output = -1;
}

static void
fuse_affine(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  DcnOp *before = sole_producer(loader, uses, op);
  if (!before)
    return;
  const DcnValue *value = dcn_loader_get(loader, op->output);
  const float *scale = op->u.affine.scale, *shift = op->u.affine.shift;
  if (before->kind == DCN_OP_CONV) {
    const DcnConv *conv = &before->u.conv;
    const size_t per_channel =
        (size_t)dcn_loader_get(loader, before->inputs[0])->c / conv->groups * conv->kh * conv->kw;
    if (!read_weights(loader, &before->u.conv))
      return;
    scale_conv(&before->u.conv, scale, shift, value->c, per_channel);
  } else if (before->kind == DCN_OP_AFFINE) {
    for (int c = 0; c < value->c; c++) {
      before->u.affine.scale[c] *= scale[c];
      before->u.affine.shift[c] = before->u.affine.shift[c] * scale[c] + shift[c];
    }
  } else {
    return;
  }
  replace(uses, before, op);
}

/* Whether every window lies inside of the image: with padding the border would be scaled as well. */
static gboolean
is_unpadded(DcnLoader *loader, const DcnOp *op)
{
  const DcnConv *conv = &op->u.conv;
  const DcnValue *in = dcn_loader_get(loader, op->inputs[0]),
                 *out = dcn_loader_get(loader, op->output);
  return conv->pad_top == 0 && conv->pad_left == 0 &&
         (int64_t)(out->h - 1) * conv->stride_h + (int64_t)(conv->kh - 1) * conv->dil_h < in->h &&
         (int64_t)(out->w - 1) * conv->stride_w + (int64_t)(conv->kw - 1) * conv->dil_w < in->w;
}

/* W (x * scale + shift) + b = (W scale) x + (W shift + b): what follows a LayerNormalization, mostly. */
static void
fuse_affine_before(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  DcnOp *before = sole_producer(loader, uses, op);
  if (!before || before->kind != DCN_OP_AFFINE || !is_unpadded(loader, op))
    return;
  DcnConv *conv = &op->u.conv;
  if (!read_weights(loader, conv))
    return;
  const float *scale = before->u.affine.scale, *shift = before->u.affine.shift;
  const int out_channels = dcn_loader_get(loader, op->output)->c;
  const int of_group = dcn_loader_get(loader, op->inputs[0])->c / conv->groups;
  const size_t taps = (size_t)conv->kh * conv->kw;
  if (!conv->bias)
    conv->bias = g_new0(float, out_channels);
  for (int m = 0; m < out_channels; m++) {
    const int first = m / (out_channels / conv->groups) * of_group;
    float *w = conv->weights + (size_t)m * of_group * taps;
    double bias = conv->bias[m];
    for (int c = 0; c < of_group; c++)
      for (size_t t = 0; t < taps; t++, w++) {
        bias += (double)*w * shift[first + c];
        *w *= scale[first + c];
      }
    conv->bias[m] = (float)bias;
  }
  op->inputs[0] = before->inputs[0];
  before->output = -1;
}

/* Limits before rounding are limits of what is rounded to: rounding keeps the order.  So Relu and Clip join the
 * quantiser that follows, and leave the place of the one activation that an operator can have to it. */
static void
fuse_limits(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  const int value = op->inputs[0], producer = uses->producer[value];
  if (op->act.kind != DCN_ACT_QUANTIZE || uses->uses[value] != 1 || producer < 0)
    return;
  DcnOp *before = &g_array_index(loader->ops, DcnOp, producer);
  const DcnAct limits = before->act;
  if (limits.kind != DCN_ACT_RELU && limits.kind != DCN_ACT_CLIP)
    return;
  const float scale = op->act.alpha;
  const float lo = limits.kind == DCN_ACT_RELU ? 0 : rintf(limits.alpha / scale);
  const float hi = limits.kind == DCN_ACT_RELU ? INFINITY : rintf(limits.beta / scale);
  const float from = op->act.lo, to = op->act.hi;
  op->act.lo = CLAMP(lo, from, to);
  op->act.hi = CLAMP(hi, from, to);
  before->act = (DcnAct){0};
  if (before->kind == DCN_OP_ACT) {
    op->inputs[0] = before->inputs[0];
    uses->uses[before->output]--;
    before->output = -1;
  }
}

/* What is rounded to levels already, and only moved or maximised since, stays as it is in rounding to the same ones:
 * exporters put a pair behind every pool. */
static gboolean
is_rounded_already(DcnLoader *loader, const DcnUses *uses, const DcnOp *op)
{
  for (int value = op->inputs[0]; uses->producer[value] >= 0;) {
    const DcnOp *before = &g_array_index(loader->ops, DcnOp, uses->producer[value]);
    const DcnAct *act = &before->act;
    if (act->kind == DCN_ACT_QUANTIZE)
      return act->alpha == op->act.alpha && act->beta == op->act.alpha &&
             op->act.beta == op->act.alpha && act->lo >= op->act.lo && act->hi <= op->act.hi;
    if (before->kind != DCN_OP_MAX_POOL &&
        (before->kind != DCN_OP_GATHER || before->u.gather.fill != 0 || op->act.lo > 0 ||
         op->act.hi < 0))
      return FALSE;
    value = before->inputs[0];
  }
  return FALSE;
}

static void
fuse_act(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  fuse_limits(loader, uses, op);
  if (op->act.kind == DCN_ACT_QUANTIZE && uses->uses[op->inputs[0]] == 1 &&
      is_rounded_already(loader, uses, op)) {
    DcnOp *before = &g_array_index(loader->ops, DcnOp, uses->producer[op->inputs[0]]);
    uses->producer[op->output] = uses->producer[op->inputs[0]];
    before->output = op->output;
    op->output = -1;
    return;
  }
  DcnOp *before = sole_producer(loader, uses, op);
  if (before && (before->kind == DCN_OP_CONV || before->kind == DCN_OP_AFFINE ||
                 before->kind == DCN_OP_BINARY))
    replace(uses, before, op);
}

void
dcn_fuse_arithmetic(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->output < 0)
      continue;
    if (op->kind == DCN_OP_AFFINE)
      fuse_affine(loader, uses, op);
    else if (op->kind == DCN_OP_CONV)
      fuse_affine_before(loader, uses, op);
    else if (op->kind == DCN_OP_ACT)
      fuse_act(loader, uses, op);
  }
  dcn_uses_free(uses);
  dcn_prune(loader);
}
