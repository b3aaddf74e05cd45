/* deltacnn: lowers reductions: sums, means, extremes over some axes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

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
    if (n == 1)
      dcn_loader_note_number(loader, (double)axes[0]);
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

/* All are one of these, of numbers to which something was done before, and is after. */
static const struct {
  const char *op_type;
  enum { MEAN, SUM, MAXIMUM } kind;
  DcnActKind before, after;
  gboolean negated;
} table[] = {
    {"ReduceMean", MEAN, DCN_ACT_NONE, DCN_ACT_NONE, FALSE},
    {"ReduceSum", SUM, DCN_ACT_NONE, DCN_ACT_NONE, FALSE},
    {"ReduceMax", MAXIMUM, DCN_ACT_NONE, DCN_ACT_NONE, FALSE},
    {"ReduceMin", MAXIMUM, DCN_ACT_NONE, DCN_ACT_NONE, TRUE},
    {"ReduceL1", SUM, DCN_ACT_ABS, DCN_ACT_NONE, FALSE},
    {"ReduceSumSquare", SUM, DCN_ACT_POWER, DCN_ACT_NONE, FALSE},
    {"ReduceL2", SUM, DCN_ACT_POWER, DCN_ACT_POWER, FALSE},
};

static int
scale(DcnLoader *loader, int x, float factor, const char *role)
{
  if (x < 0 || factor == 1)
    return x;
  const int channels = dcn_loader_get(loader, x)->c;
  float *factors = g_new(float, channels);
  for (int i = 0; i < channels; i++)
    factors[i] = factor;
  return dcn_loader_add_affine(loader, x, factors, NULL, role);
}

static int
apply(DcnLoader *loader, int x, DcnActKind kind, float power, const char *role)
{
  if (kind == DCN_ACT_NONE || x < 0)
    return x;
  return dcn_loader_add_act(loader, x, (DcnAct){.kind = kind, .alpha = power}, role);
}

/* Reductions are means (or maxima) over the pixels of an image: where the axes are others, data is
 * moved so that they are the pixels and all that is kept are channels. */
gboolean
dcn_lower_reduce(DcnLoader *loader)
{
  DcnShape input;
  gboolean reduced[DCN_MAX_RANK], nothing;
  DcnTensor *constant = dcn_loader_constant(loader, 0);
  if (!dcn_loader_input_shape(loader, 0, &input) ||
      !read_axes(loader, input.rank, reduced, &nothing))
    return FALSE;
  const gboolean keep = dcn_attr_int(loader, "keepdims", 1) != 0;
  size_t which = 0;
  while (which < G_N_ELEMENTS(table) && strcmp(table[which].op_type, loader->node->op_type) != 0)
    which++;
  const gboolean product = which == G_N_ELEMENTS(table);
  if (constant && !nothing && (product || (!table[which].before && !table[which].after)))
    return dcn_loader_set_tensor(loader, 0, dcn_fold_reduce(loader, constant, reduced, keep));
  if (product)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "products are supported of constants and shapes only");
  int x = dcn_loader_any_float_value(loader, 0);
  if (x < 0)
    return FALSE;

  int perm[DCN_MAX_RANK], n = 0;
  int64_t kept = 1, count = 1;
  DcnShape shape = {0};
  gboolean spatial = input.rank >= 3, tokens = spatial;
  for (int d = 0; d < input.rank; d++) {
    reduced[d] = reduced[d] && !nothing;
    if (reduced[d])
      count *= input.dims[d];
    else
      kept *= input.dims[d];
    if (reduced[d] != (d >= 2))
      spatial = FALSE;
    if (reduced[d] != (d >= 1 && d < input.rank - 1))
      tokens = FALSE;
    if (!reduced[d])
      perm[n++] = d;
    if (!reduced[d] || keep)
      shape.dims[shape.rank++] = reduced[d] ? 1 : input.dims[d];
  }
  for (int d = 0; d < input.rank; d++)
    if (reduced[d])
      perm[n++] = d;

  /* What is kept of pixels are their channels, whichever dimension these are. */
  if (tokens && !(spatial && !input.last)) {
    x = dcn_relaid_value(loader, x, TRUE, "last");
    spatial = TRUE;
  } else if (!nothing) {
    x = dcn_relaid_value(loader, x, FALSE, "image");
  }
  int y = scale(loader, x, table[which].negated ? -1 : 1, "negated");
  y = apply(loader, y, table[which].before, 2, "before");
  if (!nothing && input.rank > 0) {
    if (!spatial && y >= 0) {
      const DcnShape image = {.rank = 4, .dims = {1, kept, count, 1}};
      y = dcn_transpose_value(loader, y, perm, "order");
      y = y < 0 ? -1 : dcn_reshape_value(loader, y, &image, "image");
    }
    y = dcn_loader_add_global(loader, y, table[which].kind == MAXIMUM, "reduced");
    y = scale(loader, y, table[which].kind == SUM ? (float)count : 1, "sum");
  }
  y = apply(loader, y, table[which].after, 0.5f, "after");
  y = scale(loader, y, table[which].negated ? -1 : 1, "back");
  return y >= 0 &&
         dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, y, &shape, NULL), FALSE);
}
