/* deltacnn: lowers pools.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "model/window.h"
#include "util/error.h"
#include <string.h>

static gboolean
lower_pool(DcnLoader *loader, DcnOpKind kind)
{
  /* The largest level is the level of the largest number. */
  DcnEntry *entry = kind == DCN_OP_MAX_POOL ? dcn_loader_input(loader, 0) : NULL;
  const DcnEntry *levels = entry && entry->quantized ? entry : NULL;
  const int x = levels ? levels->exact : dcn_loader_float_value(loader, 0);
  DcnWindow window;
  if (x < 0)
    return FALSE;
  const DcnShape input = dcn_loader_shape(loader, x);
  if (!dcn_window_read(loader, &input, NULL, &window))
    return FALSE;
  const DcnShape shape = dcn_window_output(&window, &input, input.dims[1]);
  const gboolean include_pad = dcn_attr_int(loader, "count_include_pad", 0) != 0;
  const int output = dcn_loader_add_value(loader, levels ? "exact" : NULL, &shape);
  if (output < 0)
    return FALSE;
  /* A window that sees padding only has no maximum and no mean. */
  for (int k = 0; k < 2; k++) {
    const DcnValue *value = dcn_loader_get(loader, x);
    if (!dcn_window_sees_all(k ? value->w : value->h, window.size[k], window.stride[k],
                             window.dilation[k], window.pad_begin[k], window.out[k]))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "it has windows that see only padding");
  }
  DcnOp *op = dcn_loader_add_op(loader, kind, 1, &x, output);
  if (!op)
    return FALSE;
  op->u.pool = (DcnPool){.kh = window.size[0],
                         .kw = window.size[1],
                         .stride_h = window.stride[0],
                         .stride_w = window.stride[1],
                         .pad_top = window.pad_begin[0],
                         .pad_left = window.pad_begin[1],
                         .pad_bottom = window.pad_end[0],
                         .pad_right = window.pad_end[1],
                         .dil_h = window.dilation[0],
                         .dil_w = window.dilation[1],
                         .count_include_pad = include_pad};
  if (levels)
    return dcn_loader_set_levels(loader, 0, output, levels);
  return dcn_loader_set_value(loader, 0, output, FALSE);
}

gboolean
dcn_lower_max_pool(DcnLoader *loader)
{
  return lower_pool(loader, DCN_OP_MAX_POOL);
}

gboolean
dcn_lower_average_pool(DcnLoader *loader)
{
  return lower_pool(loader, DCN_OP_AVG_POOL);
}

int
dcn_loader_add_global(DcnLoader *loader, int x, gboolean maximum, const char *role)
{
  if (x < 0 || loader->error)
    return -1;
  DcnShape shape = dcn_loader_shape(loader, x);
  for (int d = shape.last ? 1 : 2; d < (shape.last ? shape.rank - 1 : shape.rank); d++)
    shape.dims[d] = 1;
  const int output = dcn_loader_add_value(loader, role, &shape);
  DcnOp *op =
      dcn_loader_add_op(loader, maximum ? DCN_OP_MAX_POOL : DCN_OP_GLOBAL_AVG, 1, &x, output);
  if (op && maximum) {
    const DcnValue *value = dcn_loader_get(loader, x);
    op->u.pool = (DcnPool){
        .kh = value->h, .kw = value->w, .stride_h = 1, .stride_w = 1, .dil_h = 1, .dil_w = 1};
  }
  return op ? output : -1;
}

static gboolean
lower_global(DcnLoader *loader, gboolean maximum)
{
  const int x = dcn_loader_float_value(loader, 0);
  if (x >= 0 && dcn_loader_get(loader, x)->rank < 3)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its input has rank %d; an image [N,C,H,W] is needed",
                           dcn_loader_get(loader, x)->rank);
  return dcn_loader_set_value(loader, 0, dcn_loader_add_global(loader, x, maximum, NULL), FALSE);
}

gboolean
dcn_lower_global_average_pool(DcnLoader *loader)
{
  return lower_global(loader, FALSE);
}

gboolean
dcn_lower_global_max_pool(DcnLoader *loader)
{
  return lower_global(loader, TRUE);
}
