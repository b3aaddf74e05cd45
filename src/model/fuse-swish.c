/* deltacnn: swish, hard sigmoid, hard swish and Gelu that an exporter spelled out become one activation.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * x times its sigmoid is a swish (ONNX has no operator of that name before opset 24).
 * clip(x + 3, 0, 6) / 6 is a hard sigmoid; x times that a hard swish, wherever the division stands.
 * x * tanh(softplus(x)) is a Mish (an operator since opset 18).
 * x * (1 + erf(x / sqrt(2))) / 2 is a Gelu (an operator since opset 20), wherever x is halved or the product.
 */
#include "model/loader.h"
#include <math.h>

static DcnOp *
producer_of(DcnLoader *loader, const DcnUses *uses, int value, DcnOpKind kind)
{
  if (uses->uses[value] != 1 || uses->producer[value] < 0)
    return NULL;
  DcnOp *op = &g_array_index(loader->ops, DcnOp, uses->producer[value]);
  return op->kind == kind ? op : NULL;
}

static gboolean
is_near(float a, float b)
{
  return fabsf(a - b) <= 1e-6f * fmaxf(fabsf(a), 1);
}

/* x * scale + shift with the same numbers in all channels. */
static gboolean
is_uniform_affine(DcnLoader *loader, const DcnOp *op, float scale, float shift)
{
  const int channels = dcn_loader_get(loader, op->output)->c;
  if (op->act.kind != DCN_ACT_NONE)
    return FALSE;
  for (int c = 0; c < channels; c++)
    if (!is_near(op->u.affine.scale[c], scale) || !is_near(op->u.affine.shift[c], shift))
      return FALSE;
  return TRUE;
}

/* The x of value = clip(x + 3, 0, 6); -1 where it is something else. */
static int
match_clipped(DcnLoader *loader, const DcnUses *uses, int value)
{
  const DcnOp *clip = producer_of(loader, uses, value, DCN_OP_ACT);
  if (!clip || clip->act.kind != DCN_ACT_CLIP || clip->act.alpha != 0 || clip->act.beta != 6)
    return -1;
  const DcnOp *add = producer_of(loader, uses, clip->inputs[0], DCN_OP_AFFINE);
  return add && is_uniform_affine(loader, add, 1, 3) ? add->inputs[0] : -1;
}

static void
become_act(DcnOp *op, int input, DcnAct act)
{
  if (op->kind == DCN_OP_AFFINE) {
    g_clear_pointer(&op->u.affine.scale, g_free);
    g_clear_pointer(&op->u.affine.shift, g_free);
  }
  op->kind = DCN_OP_ACT;
  op->n_inputs = 1;
  op->inputs[0] = input;
  op->act = act;
}

static void
match_hard_sigmoid(DcnLoader *loader, const DcnUses *uses, DcnOp *op)
{
  const int x =
      is_uniform_affine(loader, op, 1.0f / 6, 0) ? match_clipped(loader, uses, op->inputs[0]) : -1;
  if (x >= 0)
    become_act(op, x, (DcnAct){.kind = DCN_ACT_HARD_SIGMOID, .alpha = 1.0f / 6, .beta = 0.5f});
}

/* op is all of act(x), and so is what its only reader makes of it: op takes that over. */
static void
take_over(DcnLoader *loader, DcnUses *uses, DcnOp *op, DcnOp *reader, int x, DcnAct act)
{
  become_act(op, x, act);
  uses->producer[reader->output] = uses->producer[op->output];
  op->output = reader->output;
  reader->output = -1;
}

/* The only reader of what op makes, where it is x * scale. */
static DcnOp *
scaling_reader(DcnLoader *loader, const DcnUses *uses, const DcnOp *op, float scale)
{
  const int reader = uses->uses[op->output] == 1 ? uses->reader[op->output] : -1;
  DcnOp *affine = reader >= 0 ? &g_array_index(loader->ops, DcnOp, reader) : NULL;
  return affine && affine->kind == DCN_OP_AFFINE && affine->output >= 0 &&
                 is_uniform_affine(loader, affine, scale, 0)
             ? affine
             : NULL;
}

/* The x of value = share * (1 + erf(x / sqrt(2))); -1 where it is something else. */
static int
match_erf_gate(DcnLoader *loader, const DcnUses *uses, int value, float share)
{
  const DcnOp *add = producer_of(loader, uses, value, DCN_OP_AFFINE);
  if (add && share != 1 && is_uniform_affine(loader, add, share, 0))
    return match_erf_gate(loader, uses, add->inputs[0], 1);
  if (!add || !is_uniform_affine(loader, add, share, share))
    return -1;
  const DcnOp *erf = producer_of(loader, uses, add->inputs[0], DCN_OP_ACT);
  if (!erf || erf->act.kind != DCN_ACT_ERF)
    return -1;
  const DcnOp *divide = producer_of(loader, uses, erf->inputs[0], DCN_OP_AFFINE);
  return divide && is_uniform_affine(loader, divide, 0.70710678f, 0) ? divide->inputs[0] : -1;
}

static void
match_gelu(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  const DcnAct gelu = {.kind = DCN_ACT_GELU};
  if (op->n_inputs != 2 || op->u.binary.kind != DCN_BINARY_MUL)
    return;
  for (int k = 0; k < 2; k++) {
    const int x = op->inputs[k], gate = op->inputs[1 - k];
    if (match_erf_gate(loader, uses, gate, 0.5f) == x) {
      become_act(op, x, gelu);
      return;
    }
    const int from = match_erf_gate(loader, uses, gate, 1);
    if (from < 0)
      continue;
    DcnOp *halved = scaling_reader(loader, uses, op, 0.5f);
    if (from == x && halved) {
      take_over(loader, uses, op, halved, x, gelu);
      return;
    }
    const DcnOp *half = producer_of(loader, uses, x, DCN_OP_AFFINE);
    if (half && half->inputs[0] == from && is_uniform_affine(loader, half, 0.5f, 0)) {
      become_act(op, from, gelu);
      return;
    }
  }
}

static void
match_swish(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  const DcnAct swish = {.kind = DCN_ACT_SWISH}, hard_swish = {.kind = DCN_ACT_HARD_SWISH},
               mish = {.kind = DCN_ACT_MISH};
  if (op->n_inputs != 2 || op->u.binary.kind != DCN_BINARY_MUL)
    return;
  for (int k = 0; k < 2; k++) {
    const int x = op->inputs[k], gate = op->inputs[1 - k];
    const DcnOp *act = producer_of(loader, uses, gate, DCN_OP_ACT);
    if (act && act->act.kind == DCN_ACT_SIGMOID && act->inputs[0] == x) {
      become_act(op, x, swish);
      return;
    }
    const DcnOp *plus = act && act->act.kind == DCN_ACT_TANH
                            ? producer_of(loader, uses, act->inputs[0], DCN_OP_ACT)
                            : NULL;
    if (plus && plus->act.kind == DCN_ACT_SOFTPLUS && plus->inputs[0] == x) {
      become_act(op, x, mish);
      return;
    }
    if (act && act->act.kind == DCN_ACT_HARD_SIGMOID && act->inputs[0] == x &&
        is_near(act->act.alpha, 1.0f / 6) && is_near(act->act.beta, 0.5f)) {
      become_act(op, x, hard_swish);
      return;
    }
    if (match_clipped(loader, uses, gate) != x)
      continue;
    /* The division comes after: the only reader of the product. */
    DcnOp *divide = scaling_reader(loader, uses, op, 1.0f / 6);
    if (divide) {
      take_over(loader, uses, op, divide, x, hard_swish);
      return;
    }
  }
}

void
dcn_fuse_swish(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->output < 0)
      continue;
    if (op->kind == DCN_OP_AFFINE)
      match_hard_sigmoid(loader, uses, op);
    else if (op->kind == DCN_OP_BINARY)
      match_swish(loader, uses, op);
    if (op->kind == DCN_OP_BINARY)
      match_gelu(loader, uses, op);
  }
  dcn_uses_free(uses);
  dcn_prune(loader);
}
