/* deltacnn: a movement moves in front of the elementwise operators before it, so as to meet an
 * earlier movement. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Models converted from frameworks that keep channels last have transpositions around everything:
 * image -> transposed -> (x - mean) * scale -> transposed back -> convolution.  Elementwise
 * operators do not care where an element is, so second(elementwise(first(x)))  =
 * elementwise'(second(first(x))) with the parameters of elementwise' moved along.  The two
 * movements become one, which often is none. */
#include "model/loader.h"
#include <string.h>

#define MAX_CHAIN 8

static DcnOp *
get_op(DcnLoader *loader, int i)
{
  return &g_array_index(loader->ops, DcnOp, i);
}

static gboolean
is_elementwise(const DcnOp *op)
{
  return op->kind == DCN_OP_ACT || op->kind == DCN_OP_AFFINE ||
         (op->kind == DCN_OP_BINARY && op->n_inputs == 1);
}

/* Element of a constant that repeats along whole axes, for element `at` of the whole. */
static float
constant_at(const DcnBinary *binary, const DcnValue *value, size_t at)
{
  const size_t c = at % value->c, x = at / value->c % value->w,
               y = at / value->c / value->w % value->h, n = at / value->c / value->w / value->h;
  return binary->constant[(((binary->bn == 1 ? 0 : n) * binary->bh + (binary->bh == 1 ? 0 : y)) *
                               binary->bw +
                           (binary->bw == 1 ? 0 : x)) *
                              binary->bc +
                          (binary->bc == 1 ? 0 : c)];
}

/* A parameter per channel of the new layout, where all pixels of a channel agree; else NULL.  of:
 * element of the old layout -> parameter. */
typedef float (*Parameter)(const DcnOp *op, const DcnValue *old, size_t at);

static float *
per_channel(const DcnOp *op, const DcnValue *old, const DcnValue *new, const int32_t *index,
            Parameter parameter)
{
  const size_t count = dcn_value_elements(new);
  float *out = g_new(float, new->c);
  for (size_t i = 0; i < count; i++) {
    const float value = parameter(op, old, (size_t)index[i]);
    if (i < (size_t) new->c) {
      out[i] = value;
    } else if (memcmp(&out[i % new->c], &value, sizeof value) != 0) {
      g_free(out);
      return NULL;
    }
  }
  return out;
}

static float
slope_at(const DcnOp *op, const DcnValue *old, size_t at)
{
  return op->act.slope[at % old->c];
}

static float
scale_at(const DcnOp *op, const DcnValue *old, size_t at)
{
  return op->u.affine.scale[at % old->c];
}

static float
shift_at(const DcnOp *op, const DcnValue *old, size_t at)
{
  return op->u.affine.shift[at % old->c];
}

static float
binary_at(const DcnOp *op, const DcnValue *old, size_t at)
{
  return constant_at(&op->u.binary, old, at);
}

/* What an op of the chain will have instead; filled for all of them before anything is changed. */
typedef struct {
  float *a, *b;     /* slope; scale and shift; or constants */
  gboolean is_full; /* a: one constant per element */
} Moved;

static gboolean
move_parameters(const DcnOp *op, const DcnValue *old, const DcnValue *new, const int32_t *index,
                Moved *moved)
{
  if (op->kind == DCN_OP_ACT) {
    if (!op->act.slope)
      return TRUE;
    moved->a = per_channel(op, old, new, index, slope_at);
    return moved->a != NULL;
  }
  if (op->kind == DCN_OP_AFFINE) {
    moved->a = per_channel(op, old, new, index, scale_at);
    moved->b = per_channel(op, old, new, index, shift_at);
    return moved->a && moved->b;
  }
  moved->a = per_channel(op, old, new, index, binary_at);
  if (!moved->a) {
    const size_t count = dcn_value_elements(new);
    moved->a = g_try_new(float, count);
    moved->is_full = TRUE;
    for (size_t i = 0; moved->a && i < count; i++)
      moved->a[i] = binary_at(op, old, (size_t)index[i]);
  }
  return moved->a != NULL;
}

static void
apply_parameters(DcnOp *op, const DcnValue *new, Moved *moved)
{
  if (op->kind == DCN_OP_ACT) {
    if (moved->a) {
      g_free(op->act.slope);
      op->act.slope = g_steal_pointer(&moved->a);
    }
    return;
  }
  if (op->kind == DCN_OP_AFFINE) {
    g_free(op->u.affine.scale);
    g_free(op->u.affine.shift);
    op->u.affine.scale = g_steal_pointer(&moved->a);
    op->u.affine.shift = g_steal_pointer(&moved->b);
    return;
  }
  DcnBinary *binary = &op->u.binary;
  g_free(binary->constant);
  binary->constant = NULL;
  const DcnBinary old = *binary;
  if (moved->is_full || !dcn_binary_is_affine(&old)) {
    binary->constant = g_steal_pointer(&moved->a);
    binary->bn = moved->is_full ? new->n : 1;
    binary->bh = moved->is_full ? new->h : 1;
    binary->bw = moved->is_full ? new->w : 1;
    binary->bc = new->c;
    return;
  }
  /* Per channel now: it may join a convolution. */
  float *scale = g_new(float, new->c), *shift = g_new(float, new->c);
  for (int c = 0; c < new->c; c++) {
    const float value = moved->a[c];
    scale[c] = old.kind == DCN_BINARY_MUL               ? value
               : old.kind == DCN_BINARY_DIV             ? 1 / value
               : old.kind == DCN_BINARY_SUB && old.swap ? -1
                                                        : 1;
    shift[c] = old.kind == DCN_BINARY_ADD   ? value
               : old.kind != DCN_BINARY_SUB ? 0
               : old.swap                   ? value
                                            : -value;
  }
  op->kind = DCN_OP_AFFINE;
  memset(&op->u, 0, sizeof op->u);
  op->u.affine.scale = scale;
  op->u.affine.shift = shift;
}

static void
set_layout(DcnValue *value, const DcnValue *like)
{
  dcn_value_set_layout(value, like->rank, like->dims, like->last);
}

/* second: a movement.  Walks up from it to an earlier one; TRUE when they were joined. */
static gboolean
hoist(DcnLoader *loader, DcnUses *uses, DcnOp *second)
{
  DcnOp *chain[MAX_CHAIN];
  int n = 0, value = second->inputs[0];
  for (;;) {
    if (uses->uses[value] != 1 || uses->producer[value] < 0)
      return FALSE;
    DcnOp *op = get_op(loader, uses->producer[value]);
    if (op->kind == DCN_OP_GATHER && n > 0)
      break;
    if (!is_elementwise(op) || n == MAX_CHAIN)
      return FALSE;
    chain[n++] = op;
    value = op->inputs[0];
  }
  DcnOp *first = get_op(loader, uses->producer[value]);
  const DcnValue new = *dcn_loader_get(loader, second->output);
  const size_t count = dcn_value_elements(&new);
  const int32_t *index = second->u.gather.index;
  if (count != dcn_value_elements(dcn_loader_get(loader, value)))
    return FALSE;
  /* Permutations only: nothing filled in, nothing computed twice. */
  for (size_t i = 0; i < count; i++)
    if (index[i] < 0)
      return FALSE;

  Moved moved[MAX_CHAIN] = {{0}};
  gboolean ok = TRUE;
  for (int i = 0; ok && i < n; i++)
    ok =
        move_parameters(chain[i], dcn_loader_get(loader, chain[i]->output), &new, index, &moved[i]);
  int32_t *joined = ok ? g_try_new(int32_t, count) : NULL;
  if (joined) {
    for (size_t i = 0; i < count; i++)
      joined[i] = first->u.gather.index[index[i]];
    g_free(first->u.gather.index);
    first->u.gather.index = joined;
    set_layout(dcn_loader_get(loader, value), &new);
    for (int i = 0; i < n; i++) {
      apply_parameters(chain[i], &new, &moved[i]);
      set_layout(dcn_loader_get(loader, chain[i]->output), &new);
    }
    uses->producer[second->output] = uses->producer[chain[0]->output];
    chain[0]->output = second->output;
    second->output = -1;
  }
  for (int i = 0; i < n; i++) {
    g_free(moved[i].a);
    g_free(moved[i].b);
  }
  return joined != NULL;
}

void
dcn_fuse_hoist(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = get_op(loader, i);
    if (op->kind == DCN_OP_GATHER && op->output >= 0)
      hoist(loader, uses, op);
  }
  dcn_uses_free(uses);
  dcn_prune(loader);
}
