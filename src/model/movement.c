/* deltacnn: data movement on constants and on values.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/movement.h"
#include "util/error.h"
#include "util/memory.h"
#include <string.h>

void
dcn_move_init(DcnMove *move, const DcnShape *source)
{
  memset(move, 0, sizeof *move);
  move->shape = *source;
  for (int d = 0; d < DCN_MAX_RANK; d++)
    move->axis[d] = -1;
}

void
dcn_move_clear(DcnMove *move)
{
  for (int d = 0; d < DCN_MAX_RANK; d++)
    g_clear_pointer(&move->coord[d], g_free);
}

gboolean
dcn_move_set_dim(DcnLoader *loader, DcnMove *move, int d, int64_t size, int axis)
{
  size_t product = 1;
  if (loader->error)
    return FALSE;
  move->shape.dims[d] = size;
  /* Before a table is allocated: the result itself must be possible. Callers go through d in order.
   */
  for (int k = 0; k <= d; k++)
    if (move->shape.dims[k] < 0 ||
        !dcn_size_mul(product, (size_t)MAX(move->shape.dims[k], 1), &product) ||
        product > MIN(DCN_MAX_ELEMENTS, loader->budget))
      return dcn_loader_fail(
          loader, DCN_ERROR_MEMORY,
          "its output has a negative size or too many elements (at most %" G_GSIZE_FORMAT ")",
          DCN_MAX_ELEMENTS);
  move->axis[d] = axis;
  g_free(move->coord[d]);
  move->coord[d] = axis >= 0 ? g_try_new(int32_t, MAX(size, 1)) : NULL;
  if (axis >= 0 && !move->coord[d])
    return dcn_loader_fail(loader, DCN_ERROR_MEMORY,
                           "no memory for an index of %" G_GINT64_FORMAT " elements", size);
  return TRUE;
}

/* Source offset of a result position; -1 for fill.  strides are the source's. */
static int64_t
source_offset(const DcnMove *move, const int *position, const int64_t *strides)
{
  int64_t offset = 0;
  for (int d = 0; d < move->shape.rank; d++) {
    if (move->axis[d] < 0)
      continue;
    const int32_t coord = move->coord[d][position[d]];
    if (coord < 0)
      return -1;
    offset += coord * strides[move->axis[d]];
  }
  return offset;
}

static void
advance(const DcnShape *shape, int *position)
{
  for (int d = shape->rank - 1; d >= 0 && ++position[d] == shape->dims[d]; d--)
    position[d] = 0;
}

DcnTensor *
dcn_move_tensor(DcnLoader *loader, const DcnMove *move, DcnTensor *source, double fill)
{
  GError *error = NULL;
  int64_t strides[DCN_MAX_RANK];
  int position[DCN_MAX_RANK] = {0};
  int64_t stride = 1;

  if (loader->error)
    return NULL;
  for (int d = source->rank - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= source->dims[d];
  }
  DcnTensor *result =
      dcn_tensor_new(source->is_int, move->shape.rank, move->shape.dims, &loader->budget, &error);
  if (!result) {
    dcn_loader_fail_with(loader, error);
    return NULL;
  }
  const int64_t fill_int = dcn_float_to_int(fill);
  for (size_t i = 0; i < result->count; i++) {
    const int64_t from = source_offset(move, position, strides);
    if (source->is_int)
      result->i[i] = from >= 0 ? source->i[from] : fill_int;
    else
      result->f[i] = from >= 0 ? source->f[from] : (float)fill;
    advance(&move->shape, position);
  }
  return result;
}

int
dcn_move_value(DcnLoader *loader, const DcnMove *move, int source, float fill, const char *role)
{
  const int output = loader->error ? -1 : dcn_loader_add_value(loader, role, &move->shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_GATHER, 1, &source, output);
  if (!op)
    return -1;
  const DcnValue *to = dcn_loader_get(loader, output);
  const size_t count = dcn_value_elements(to);
  int to_strides[DCN_MAX_RANK], from_strides[DCN_MAX_RANK], position[DCN_MAX_RANK] = {0};
  int64_t strides[DCN_MAX_RANK] = {0};

  op->u.gather.fill = fill;
  op->u.gather.index = g_try_malloc_n(count, sizeof(int32_t));
  if (!op->u.gather.index) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY,
                    "no memory for an index of %" G_GSIZE_FORMAT " elements", count);
    return -1;
  }
  dcn_value_strides(to, to_strides);
  dcn_value_strides(dcn_loader_get(loader, source), from_strides);
  for (int d = 0; d < dcn_loader_get(loader, source)->rank; d++)
    strides[d] = from_strides[d];
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    for (int d = 0; d < move->shape.rank; d++)
      at += (size_t)position[d] * to_strides[d];
    op->u.gather.index[at] = (int32_t)source_offset(move, position, strides);
    advance(&move->shape, position);
  }
  return output;
}

gboolean
dcn_move_apply(DcnLoader *loader, DcnMove *move, double fill, int output)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  if (!entry)
    return FALSE;
  if (entry->tensor)
    return dcn_loader_set_tensor(loader, output,
                                 dcn_move_tensor(loader, move, entry->tensor, fill));
  char *role = output > 0 ? g_strdup_printf("%d", output) : NULL;
  const gboolean integer = entry->integer;
  const int value = dcn_move_value(loader, move, entry->value, (float)fill, role);
  g_free(role);
  return dcn_loader_set_value(loader, output, value, integer);
}

static gboolean
same_layout(const DcnShape *a, const DcnShape *b)
{
  return a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0 &&
         (a->rank < 3 || a->last == b->last);
}

int
dcn_reshape_value(DcnLoader *loader, int source, const DcnShape *shape, const char *role)
{
  if (loader->error)
    return -1;
  const DcnShape old = dcn_loader_shape(loader, source);
  if (same_layout(&old, shape))
    return source;
  const int output = dcn_loader_add_value(loader, role, shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_GATHER, 1, &source, output);
  if (!op)
    return -1;
  const DcnValue *from = dcn_loader_get(loader, source), *to = dcn_loader_get(loader, output);
  const size_t count = dcn_value_elements(to);
  int from_strides[DCN_MAX_RANK], to_strides[DCN_MAX_RANK];
  int from_position[DCN_MAX_RANK] = {0}, to_position[DCN_MAX_RANK] = {0};

  op->u.gather.index = g_try_malloc_n(count, sizeof(int32_t));
  if (!op->u.gather.index || count != dcn_value_elements(from)) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY,
                    "no memory for an index of %" G_GSIZE_FORMAT " elements", count);
    return -1;
  }
  dcn_value_strides(from, from_strides);
  dcn_value_strides(to, to_strides);
  for (size_t i = 0; i < count; i++) {
    int at = 0, it = 0;
    for (int d = 0; d < to->rank; d++)
      at += to_position[d] * to_strides[d];
    for (int d = 0; d < from->rank; d++)
      it += from_position[d] * from_strides[d];
    op->u.gather.index[at] = it;
    advance(&old, from_position);
    advance(shape, to_position);
  }
  return output;
}

int
dcn_relaid_value(DcnLoader *loader, int source, gboolean last, const char *role)
{
  if (loader->error)
    return -1;
  DcnShape shape = dcn_loader_shape(loader, source);
  if (shape.rank < 3 || shape.last == last)
    return source;
  const gpointer known = g_hash_table_lookup(loader->relaid, GINT_TO_POINTER(source + 1));
  if (known)
    return GPOINTER_TO_INT(known) - 1;
  shape.last = last;
  const int relaid = dcn_reshape_value(loader, source, &shape, role);
  if (relaid >= 0) {
    g_hash_table_insert(loader->relaid, GINT_TO_POINTER(source + 1), GINT_TO_POINTER(relaid + 1));
    g_hash_table_insert(loader->relaid, GINT_TO_POINTER(relaid + 1), GINT_TO_POINTER(source + 1));
  }
  return relaid;
}

/* Matrices have their channels last, and so has what they become; but for what pooling left of an image. */
static gboolean
channels_stay_last(const DcnShape *from, const DcnShape *to)
{
  if (from->rank >= 3)
    return from->last;
  for (int d = 2; d < to->rank; d++)
    if (to->dims[d] != 1)
      return TRUE;
  return from->rank == 0 || to->rank < 3 || to->dims[1] != from->dims[from->rank - 1];
}

gboolean
dcn_reshape_apply(DcnLoader *loader, const DcnShape *shape)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  DcnShape old;
  size_t count, old_count;
  if (!dcn_loader_input_shape(loader, 0, &old))
    return FALSE;
  if (!dcn_shape_count(shape->rank, shape->dims, &count) ||
      !dcn_shape_count(old.rank, old.dims, &old_count) || count != old_count)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its output shape does not have as many elements as its input");
  if (entry->tensor)
    return dcn_loader_set_tensor(loader, 0,
                                 dcn_tensor_reshape(entry->tensor, shape->rank, shape->dims));
  const gboolean integer = entry->integer;
  DcnShape laid = *shape;
  laid.last = channels_stay_last(&old, shape);
  return dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, entry->value, &laid, NULL),
                              integer);
}

static void
fill_identity(int32_t *coord, int64_t n)
{
  for (int64_t i = 0; i < n; i++)
    coord[i] = (int32_t)i;
}

gboolean
dcn_transposed_last(const DcnShape *source, const int *perm)
{
  const int end = source->rank - 1, channels = source->last ? end : 1;
  if (source->rank < 3 || perm[1] == channels)
    return FALSE;
  /* An image whose channels are shuffled, [N,groups,C,..] with the first two changed about, stays one. */
  return source->last || perm[end] == channels || perm[end] != end;
}

static gboolean
init_transpose(DcnLoader *loader, DcnMove *move, const DcnShape *shape, const int *perm)
{
  gboolean ok = TRUE;
  dcn_move_init(move, shape);
  move->shape.last = dcn_transposed_last(shape, perm);
  for (int d = 0; ok && d < shape->rank; d++) {
    ok = dcn_move_set_dim(loader, move, d, shape->dims[perm[d]], perm[d]);
    if (ok)
      fill_identity(move->coord[d], shape->dims[perm[d]]);
  }
  return ok;
}

int
dcn_transpose_value(DcnLoader *loader, int source, const int *perm, const char *role)
{
  if (loader->error)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, source);
  DcnMove move;
  int output = -1;
  if (init_transpose(loader, &move, &shape, perm))
    output = dcn_move_value(loader, &move, source, 0, role);
  dcn_move_clear(&move);
  return output;
}

DcnTensor *
dcn_transpose_tensor(DcnLoader *loader, DcnTensor *source, const int *perm)
{
  DcnShape shape = {.rank = source->rank};
  memcpy(shape.dims, source->dims, sizeof shape.dims);
  DcnMove move;
  DcnTensor *result = NULL;
  if (init_transpose(loader, &move, &shape, perm))
    result = dcn_move_tensor(loader, &move, source, 0);
  dcn_move_clear(&move);
  return result;
}

/* Result dimension d of a broadcast reads the source dimension that numpy aligns with it, or only
 * its element 0. */
static gboolean
init_expand(DcnLoader *loader, DcnMove *move, const DcnShape *source, const DcnShape *shape)
{
  dcn_move_init(move, shape);
  for (int d = 0; d < shape->rank; d++) {
    const int axis = d - (shape->rank - source->rank);
    if (axis < 0)
      continue;
    if (!dcn_move_set_dim(loader, move, d, shape->dims[d], axis))
      return FALSE;
    for (int64_t i = 0; i < shape->dims[d]; i++)
      move->coord[d][i] = source->dims[axis] == 1 ? 0 : (int32_t)i;
  }
  return TRUE;
}

int
dcn_expand_value(DcnLoader *loader, int source, const DcnShape *shape, const char *role)
{
  if (loader->error)
    return -1;
  const DcnShape old = dcn_loader_shape(loader, source);
  DcnMove move;
  int output = -1;
  if (same_layout(&old, shape))
    return source;
  if (init_expand(loader, &move, &old, shape))
    output = dcn_move_value(loader, &move, source, 0, role);
  dcn_move_clear(&move);
  return output;
}

DcnTensor *
dcn_expand_tensor(DcnLoader *loader, DcnTensor *source, const DcnShape *shape)
{
  DcnShape old = {.rank = source->rank};
  memcpy(old.dims, source->dims, sizeof old.dims);
  DcnMove move;
  DcnTensor *result = NULL;
  if (init_expand(loader, &move, &old, shape))
    result = dcn_move_tensor(loader, &move, source, 0);
  dcn_move_clear(&move);
  return result;
}
