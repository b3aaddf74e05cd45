/* deltacnn: padding with zeros before a convolution or pool becomes the operator's own.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/window.h"

typedef struct {
  int top, left, bottom, right;
} Border;

/* Whether the movement puts zeros around each image and does nothing else. */
static gboolean
is_border(const DcnValue *from, const DcnValue *to, const DcnGather *gather, Border *border)
{
  if (gather->fill != 0 || from->n != to->n || from->c != to->c || from->h > to->h ||
      from->w > to->w)
    return FALSE;
  const size_t count = dcn_value_elements(to);
  size_t first = 0;
  while (first < count && gather->index[first] < 0)
    first++;
  if (first % to->c != 0)
    return FALSE;
  const size_t pixel = first / to->c;
  border->left = (int)(pixel % to->w);
  border->top = (int)(pixel / to->w);
  border->right = to->w - from->w - border->left;
  border->bottom = to->h - from->h - border->top;
  if (border->right < 0 || border->bottom < 0)
    return FALSE;
  size_t i = 0;
  for (int n = 0; n < to->n; n++) {
    for (int y = -border->top; y < to->h - border->top; y++) {
      for (int x = -border->left; x < to->w - border->left; x++) {
        const gboolean inside = y >= 0 && y < from->h && x >= 0 && x < from->w;
        const int base = inside ? ((n * from->h + y) * from->w + x) * from->c : -1;
        for (int c = 0; c < to->c; c++, i++)
          if (gather->index[i] != (inside ? base + c : -1))
            return FALSE;
      }
    }
  }
  return TRUE;
}

/* Where no value is below 0, zeros around the image and nothing around it have the same maximum. */
static gboolean
never_negative(DcnLoader *loader, const DcnUses *uses, int value)
{
  const int producer = uses->producer[value];
  if (producer < 0)
    return FALSE;
  const DcnAct *act = &g_array_index(loader->ops, DcnOp, producer).act;
  return act->kind == DCN_ACT_RELU || act->kind == DCN_ACT_SIGMOID ||
         act->kind == DCN_ACT_HARD_SIGMOID || (act->kind == DCN_ACT_CLIP && act->alpha >= 0) ||
         (act->kind == DCN_ACT_QUANTIZE && act->lo >= 0);
}

static gboolean
absorb(DcnLoader *loader, const DcnUses *uses, DcnOp *op, int source, const Border *border)
{
  const DcnValue *from = dcn_loader_get(loader, source), *to = dcn_loader_get(loader, op->output);
  DcnPool *pool = &op->u.pool;
  if (op->kind == DCN_OP_CONV) {
    op->u.conv.pad_top += border->top;
    op->u.conv.pad_left += border->left;
    return TRUE;
  }
  if (op->kind == DCN_OP_AVG_POOL) {
    /* The zeros counted, so all padding must: right where the pool has none of its own that does
     * not. */
    if (!pool->count_include_pad &&
        (pool->pad_top || pool->pad_left || pool->pad_bottom || pool->pad_right))
      return FALSE;
  } else if (!never_negative(loader, uses, source)) {
    return FALSE;
  }
  /* Each window must still see a pixel. */
  const int top = pool->pad_top + border->top, left = pool->pad_left + border->left;
  if (!dcn_window_sees_all(from->h, pool->kh, pool->stride_h, pool->dil_h, top, to->h) ||
      !dcn_window_sees_all(from->w, pool->kw, pool->stride_w, pool->dil_w, left, to->w))
    return FALSE;
  if (op->kind == DCN_OP_AVG_POOL)
    pool->count_include_pad = TRUE;
  pool->pad_top = top;
  pool->pad_left = left;
  pool->pad_bottom += border->bottom;
  pool->pad_right += border->right;
  return TRUE;
}

void
dcn_fuse_padding(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    Border border;
    if (op->kind != DCN_OP_CONV && op->kind != DCN_OP_MAX_POOL && op->kind != DCN_OP_AVG_POOL)
      continue;
    const int producer = uses->producer[op->inputs[0]];
    if (producer < 0)
      continue;
    const DcnOp *before = &g_array_index(loader->ops, DcnOp, producer);
    if (before->kind != DCN_OP_GATHER)
      continue;
    const int source = before->inputs[0];
    if (is_border(dcn_loader_get(loader, source), dcn_loader_get(loader, op->inputs[0]),
                  &before->u.gather, &border) &&
        absorb(loader, uses, op, source, &border))
      op->inputs[0] = source;
  }
  dcn_uses_free(uses);
  dcn_prune(loader);
}
