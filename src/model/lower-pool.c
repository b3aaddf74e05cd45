/* deltacnn: lowers pools and reductions.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "model/window.h"
#include "util/error.h"
#include <string.h>

static gboolean
lower_pool(DcnLoader *loader, DcnOpKind kind)
{
  const int x = dcn_loader_float_value(loader, 0);
  DcnWindow window;
  if (x < 0)
    return FALSE;
  const DcnShape input = dcn_loader_shape(loader, x);
  if (!dcn_window_read(loader, &input, NULL, &window))
    return FALSE;
  const DcnShape shape = dcn_window_output(&window, &input, input.dims[1]);
  const gboolean include_pad = dcn_attr_int(loader, "count_include_pad", 0) != 0;
  const int output = dcn_loader_add_value(loader, NULL, &shape);
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

/* Mean or maximum of each channel over all pixels of an image. */
static int
add_global(DcnLoader *loader, int x, gboolean maximum, const char *role)
{
  if (x < 0 || loader->error)
    return -1;
  DcnShape shape = dcn_loader_shape(loader, x);
  for (int d = 2; d < shape.rank; d++)
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
  return dcn_loader_set_value(loader, 0, add_global(loader, x, maximum, NULL), FALSE);
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

/* Which axes a reduction takes away: an attribute, or (from opset 13 for sums, 18 for the rest) an
 * input. */
static gboolean
read_axes(DcnLoader *loader, int rank, gboolean *reduced, gboolean *nothing)
{
  int64_t axes[2 * DCN_MAX_RANK];
  int n = dcn_attr_ints(loader, "axes", axes);
  if (n < 0 && dcn_loader_has_input(loader, 1)) {
    n = dcn_loader_need_ints(loader, 1, "its list of axes", axes);
    if (n < 0)
      return FALSE;
  }
  *nothing = n <= 0 && dcn_attr_int(loader, "noop_with_empty_axes", 0) != 0;
  for (int d = 0; d < rank; d++)
    reduced[d] = n <= 0;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!dcn_loader_axis(loader, axes[i], rank, &axis))
      return FALSE;
    reduced[axis] = TRUE;
  }
  return !loader->error;
}

typedef enum { REDUCE_MEAN, REDUCE_SUM, REDUCE_MAX } Reduce;

/* Reductions are means (or maxima) over the pixels of an image: where the axes are others, data is
 * moved so that they are the pixels and all that is kept are channels. */
static gboolean
lower_reduce(DcnLoader *loader, Reduce kind)
{
  const int x = dcn_loader_float_value(loader, 0);
  gboolean reduced[DCN_MAX_RANK], nothing;
  if (x < 0)
    return FALSE;
  const DcnShape input = dcn_loader_shape(loader, x);
  if (!read_axes(loader, input.rank, reduced, &nothing))
    return FALSE;
  if (nothing || input.rank == 0)
    return dcn_loader_set_value(loader, 0, x, FALSE);
  const gboolean keep = dcn_attr_int(loader, "keepdims", 1) != 0;

  int perm[DCN_MAX_RANK], n = 0;
  int64_t kept = 1, count = 1;
  DcnShape shape = {0};
  gboolean spatial = input.rank >= 3;
  for (int d = 0; d < input.rank; d++) {
    if (reduced[d])
      count *= input.dims[d];
    else
      kept *= input.dims[d];
    if (reduced[d] != (d >= 2))
      spatial = FALSE;
    if (!reduced[d])
      perm[n++] = d;
    if (!reduced[d] || keep)
      shape.dims[shape.rank++] = reduced[d] ? 1 : input.dims[d];
  }
  for (int d = 0; d < input.rank; d++)
    if (reduced[d])
      perm[n++] = d;

  int y = x;
  if (!spatial) {
    const DcnShape image = {.rank = 4, .dims = {1, kept, count, 1}};
    y = dcn_transpose_value(loader, y, perm, "order");
    y = y < 0 ? -1 : dcn_reshape_value(loader, y, &image, "image");
  }
  y = add_global(loader, y, kind == REDUCE_MAX, "reduced");
  if (y >= 0 && kind == REDUCE_SUM) {
    const int channels = dcn_loader_get(loader, y)->c;
    float *scale = g_new(float, channels);
    for (int i = 0; i < channels; i++)
      scale[i] = (float)count;
    y = dcn_loader_add_affine(loader, y, scale, NULL, "sum");
  }
  if (y < 0)
    return FALSE;
  return dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, y, &shape, NULL), FALSE);
}

gboolean
dcn_lower_reduce_mean(DcnLoader *loader)
{
  return lower_reduce(loader, REDUCE_MEAN);
}

gboolean
dcn_lower_reduce_sum(DcnLoader *loader)
{
  return lower_reduce(loader, REDUCE_SUM);
}

gboolean
dcn_lower_reduce_max(DcnLoader *loader)
{
  return lower_reduce(loader, REDUCE_MAX);
}
