/* deltacnn: products of two values read their factors where they are: what only moves a factor's elements, or scales
 * all of them alike, joins the product.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Attention cuts queries, keys and values out of one product, sorts them by heads, and scales them, in three to eight
 * operators that an exporter may write in any order. */
#include "model/loader.h"
#include <string.h>

static DcnOp *
producer_of(DcnLoader *loader, const DcnUses *uses, int value)
{
  const int producer = uses->producer[value];
  return producer >= 0 ? &g_array_index(loader->ops, DcnOp, producer) : NULL;
}

/* Element indices of a value in their logical order; NULL: no memory. */
static int32_t *
logical_order(const DcnValue *value)
{
  const size_t count = dcn_value_elements(value);
  int strides[DCN_MAX_RANK], position[DCN_MAX_RANK] = {0};
  int32_t *index = g_try_new(int32_t, count);
  dcn_value_strides(value, strides);
  for (size_t i = 0; index && i < count; i++) {
    int at = 0;
    for (int d = 0; d < value->rank; d++)
      at += position[d] * strides[d];
    index[i] = at;
    for (int d = value->rank - 1; d >= 0 && ++position[d] == value->dims[d]; d--)
      position[d] = 0;
  }
  return index;
}

/* The factor is read through the movement. */
static gboolean
read_through(DcnLoader *loader, const DcnOp *movement, int *input, int32_t **index)
{
  const DcnValue *moved = dcn_loader_get(loader, *input);
  const size_t count = dcn_value_elements(moved);
  const int32_t *from = movement->u.gather.index;
  for (size_t i = 0; i < count; i++)
    if (from[i] < 0)
      return FALSE;
  if (!*index && !(*index = logical_order(moved)))
    return FALSE;
  for (size_t i = 0; i < count; i++)
    (*index)[i] = from[(*index)[i]];
  *input = movement->inputs[0];
  return TRUE;
}

/* The one number that the op multiplies all by; 0 where it does something else. */
static float
uniform_scale(DcnLoader *loader, const DcnOp *op)
{
  if (op->kind != DCN_OP_AFFINE || op->act.kind != DCN_ACT_NONE)
    return 0;
  const int channels = dcn_loader_get(loader, op->output)->c;
  for (int c = 0; c < channels; c++)
    if (op->u.affine.scale[c] != op->u.affine.scale[0] || op->u.affine.shift[c] != 0)
      return 0;
  return op->u.affine.scale[0];
}

static void
fuse_factor(DcnLoader *loader, const DcnUses *uses, DcnMatMul *product, int *input, int32_t **index)
{
  for (;;) {
    const DcnOp *before = producer_of(loader, uses, *input);
    if (!before)
      return;
    const float scale = uniform_scale(loader, before);
    if (scale != 0) {
      product->scale *= scale;
      *input = before->inputs[0];
    } else if (before->kind != DCN_OP_GATHER || !read_through(loader, before, input, index)) {
      return;
    }
  }
}

/* What only reads the product and scales it, or makes weights of its rows, joins it. */
static void
fuse_reader(DcnLoader *loader, DcnUses *uses, DcnOp *op)
{
  for (;;) {
    const int reader = uses->uses[op->output] == 1 ? uses->reader[op->output] : -1;
    DcnOp *after = reader >= 0 ? &g_array_index(loader->ops, DcnOp, reader) : NULL;
    const float scale = after ? uniform_scale(loader, after) : 0;
    if (!after || op->u.matmul.softmax || (scale == 0 && after->kind != DCN_OP_SOFTMAX))
      return;
    if (scale != 0)
      op->u.matmul.scale *= scale;
    else
      op->u.matmul.softmax = TRUE;
    uses->producer[after->output] = uses->producer[op->output];
    op->output = after->output;
    after->output = -1;
  }
}

void
dcn_fuse_products(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->kind != DCN_OP_MATMUL || op->output < 0)
      continue;
    DcnMatMul *product = &op->u.matmul;
    int next = 0;
    if (!product->a_constant)
      fuse_factor(loader, uses, product, &op->inputs[next++], &product->a_index);
    if (!product->b_constant)
      fuse_factor(loader, uses, product, &op->inputs[next++], &product->b_index);
    fuse_reader(loader, uses, op);
  }
  dcn_uses_free(uses);
  dcn_prune(loader);
}
