/* deltacnn: chains of data movement become one movement, or none.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include <string.h>

static DcnOp *
get_op(DcnLoader *loader, int i)
{
  return &g_array_index(loader->ops, DcnOp, i);
}

/* second reads what first wrote: afterwards it reads what first reads. */
static void
compose(DcnLoader *loader, const DcnOp *first, DcnOp *second)
{
  const size_t count = dcn_value_elements(dcn_loader_get(loader, second->output));
  const DcnGather *a = &first->u.gather;
  DcnGather *b = &second->u.gather;
  gboolean a_fills = FALSE, b_fills = FALSE;

  for (size_t i = 0; i < count; i++) {
    if (b->index[i] < 0)
      b_fills = TRUE;
    else if (a->index[b->index[i]] < 0)
      a_fills = TRUE;
  }
  if (a_fills && b_fills && memcmp(&a->fill, &b->fill, sizeof a->fill) != 0)
    return;
  for (size_t i = 0; i < count; i++)
    if (b->index[i] >= 0)
      b->index[i] = a->index[b->index[i]];
  if (a_fills)
    b->fill = a->fill;
  second->inputs[0] = first->inputs[0];
}

/* Whether the movement keeps the logical order of the elements: a relabelling. */
static gboolean
keeps_logical_order(const DcnValue *from, const DcnValue *to, const int32_t *index)
{
  int from_strides[DCN_MAX_RANK], to_strides[DCN_MAX_RANK];
  int from_position[DCN_MAX_RANK] = {0}, to_position[DCN_MAX_RANK] = {0};
  const size_t count = dcn_value_elements(to);
  if (dcn_value_elements(from) != count)
    return FALSE;
  dcn_value_strides(from, from_strides);
  dcn_value_strides(to, to_strides);
  for (size_t i = 0; i < count; i++) {
    int it = 0, at = 0;
    for (int d = 0; d < from->rank; d++)
      it += from_position[d] * from_strides[d];
    for (int d = 0; d < to->rank; d++)
      at += to_position[d] * to_strides[d];
    if (index[at] != it)
      return FALSE;
    for (int d = from->rank - 1; d >= 0 && ++from_position[d] == from->dims[d]; d--)
      from_position[d] = 0;
    for (int d = to->rank - 1; d >= 0 && ++to_position[d] == to->dims[d]; d--)
      to_position[d] = 0;
  }
  return TRUE;
}

static gboolean
is_physical_identity(const DcnValue *from, const DcnValue *to, const int32_t *index)
{
  if (from->n != to->n || from->h != to->h || from->w != to->w || from->c != to->c)
    return FALSE;
  const size_t count = dcn_value_elements(to);
  for (size_t i = 0; i < count; i++)
    if (index[i] != (int32_t)i)
      return FALSE;
  return TRUE;
}

/* What is to be known of a value before it may be replaced. */
enum { IS_OUTPUT = 1, READ_BY_MATMUL = 2 };

/* Whether readers of the movement's result may read its source instead.  Layout alone matters to
 * all but the outputs and MATMUL, which go by the logical shape. */
static gboolean
can_drop(DcnLoader *loader, const DcnOp *op, const char *facts)
{
  DcnValue *from = dcn_loader_get(loader, op->inputs[0]);
  const DcnValue *to = dcn_loader_get(loader, op->output);
  if (!is_physical_identity(from, to, op->u.gather.index))
    return FALSE;
  const gboolean output = facts[op->output] & IS_OUTPUT;
  if (facts[op->output] == 0)
    return TRUE;
  if (!keeps_logical_order(from, to, op->u.gather.index))
    return FALSE;
  if (output && (op->inputs[0] == loader->input || facts[op->inputs[0]] & IS_OUTPUT))
    return FALSE; /* that value has a shape and a name of its own to keep */
  if (output) {
    from->rank = to->rank;
    from->last = to->last;
    memcpy(from->dims, to->dims, sizeof from->dims);
    g_free(from->name);
    from->name = g_strdup(to->name);
  }
  return TRUE;
}

/* Parts that all are moved from one value, as a picture is that is rolled over its edge: one movement.  Its elements
 * are NULL where parts come from several, or something is filled in. */
static int32_t *
joined_index(DcnLoader *loader, const int *producer, const DcnOp *op, int *source)
{
  const DcnValue *to = dcn_loader_get(loader, op->output);
  *source = -1;
  for (int k = 0; k < op->n_inputs; k++) {
    const int before = producer[op->inputs[k]];
    const DcnOp *first = before >= 0 ? get_op(loader, before) : NULL;
    if (!first || first->kind != DCN_OP_GATHER || (k > 0 && first->inputs[0] != *source))
      return NULL;
    *source = first->inputs[0];
    const size_t count = dcn_value_elements(dcn_loader_get(loader, op->inputs[k]));
    for (size_t i = 0; i < count; i++)
      if (first->u.gather.index[i] < 0)
        return NULL;
  }
  int32_t *index = g_try_new(int32_t, dcn_value_elements(to));
  for (int k = 0; index && k < op->n_inputs; k++) {
    const DcnOrigin *o = &op->u.concat.origins[k];
    const DcnValue *part = dcn_loader_get(loader, op->inputs[k]);
    const int32_t *from = get_op(loader, producer[op->inputs[k]])->u.gather.index;
    for (int n = 0; n < part->n; n++)
      for (int y = 0; y < part->h; y++)
        for (int x = 0; x < part->w; x++, from += part->c)
          memcpy(index + ((((size_t)n + o->n) * to->h + y + o->y) * to->w + x + o->x) * to->c +
                     o->c,
                 from, sizeof *from * (size_t)part->c);
  }
  return index;
}

static void
join_parts(DcnLoader *loader, const int *producer, DcnOp *op)
{
  int source = -1;
  int32_t *index = op->n_inputs > 1 ? joined_index(loader, producer, op, &source) : NULL;
  if (!index)
    return;
  g_free(op->u.concat.origins);
  op->kind = DCN_OP_GATHER;
  op->u.gather = (DcnGather){.index = index};
  op->n_inputs = 1;
  op->inputs[0] = source;
}

/* Whether each image keeps its pixels in their order, though perhaps in rows of another length. */
static gboolean
keeps_pixels(DcnLoader *loader, const DcnOp *op)
{
  const DcnValue *from = dcn_loader_get(loader, op->inputs[0]),
                 *to = dcn_loader_get(loader, op->output);
  const size_t count = dcn_value_elements(to);
  if (from->n != to->n || from->c != to->c || dcn_value_elements(from) != count)
    return FALSE;
  for (size_t i = 0; i < count; i++)
    if (op->u.gather.index[i] != (int32_t)i)
      return FALSE;
  return TRUE;
}

void
dcn_fuse_movement(DcnLoader *loader)
{
  const guint n_values = loader->values->len;
  int *producer = g_new(int, n_values), *alias = g_new(int, n_values);
  char *facts = g_new0(char, n_values);
  for (guint v = 0; v < n_values; v++) {
    producer[v] = -1;
    alias[v] = (int)v;
  }
  for (guint k = 0; k < loader->outputs->len; k++)
    facts[g_array_index(loader->outputs, int, k)] |= IS_OUTPUT;
  for (guint i = 0; i < loader->ops->len; i++) {
    const DcnOp *op = get_op(loader, i);
    for (int k = 0; op->kind == DCN_OP_MATMUL && k < op->n_inputs; k++)
      if (!(k == 0 && !op->u.matmul.a_constant ? op->u.matmul.a_index : op->u.matmul.b_index))
        facts[op->inputs[k]] |= READ_BY_MATMUL;
  }

  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = get_op(loader, i);
    if (op->output < 0)
      continue;
    for (int k = 0; k < op->n_inputs; k++)
      op->inputs[k] = alias[op->inputs[k]];
    if (op->kind == DCN_OP_CONCAT)
      join_parts(loader, producer, op);
    const int before = producer[op->inputs[0]];
    const DcnOp *first = before >= 0 && get_op(loader, before)->kind == DCN_OP_GATHER
                             ? get_op(loader, before)
                             : NULL;
    if (op->kind == DCN_OP_GATHER) {
      if (first)
        compose(loader, first, op);
      if (can_drop(loader, op, facts)) {
        alias[op->output] = op->inputs[0];
        facts[op->inputs[0]] |= facts[op->output];
        op->output = -1;
        continue;
      }
    } else if (op->kind == DCN_OP_GLOBAL_AVG && first && keeps_pixels(loader, first)) {
      op->inputs[0] = first->inputs[0];
    }
    producer[op->output] = (int)i;
  }
  for (guint k = 0; k < loader->outputs->len; k++) {
    int *output = &g_array_index(loader->outputs, int, k);
    *output = alias[*output];
  }
  g_free(producer);
  g_free(alias);
  g_free(facts);
  dcn_prune(loader);
}
