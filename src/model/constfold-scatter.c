/* deltacnn: ScatterND among constants: PyTorch writes x[a:b, c:d] = v so, as windows of shifted attention are masked.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "util/error.h"
#include <string.h>

typedef enum { REPLACE, ADD, MUL, MIN, MAX } Reduction;

static gboolean
read_reduction(DcnLoader *loader, Reduction *reduction)
{
  static const char *const names[] = {"none", "add", "mul", "min", "max", NULL};
  char *name = dcn_attr_string(loader, "reduction", "none");
  int found = 0;
  while (!loader->error && names[found] && strcmp(names[found], name) != 0)
    found++;
  const gboolean known = !loader->error && names[found];
  if (!known)
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "its reduction is not known");
  *reduction = (Reduction)found;
  g_free(name);
  return known;
}

static void
put(DcnTensor *to, size_t at, const DcnTensor *from, size_t i, Reduction reduction)
{
  if (to->is_int) {
    int64_t *x = &to->i[at], v = from->is_int ? from->i[i] : dcn_float_to_int(from->f[i]);
    if (reduction == ADD)
      __builtin_add_overflow(*x, v, x);
    else if (reduction == MUL)
      __builtin_mul_overflow(*x, v, x);
    else
      *x = reduction == MIN ? MIN(*x, v) : reduction == MAX ? MAX(*x, v) : v;
  } else {
    float *x = &to->f[at], v = (float)dcn_tensor_get(from, i);
    *x = reduction == ADD   ? *x + v
         : reduction == MUL ? *x * v
         : reduction == MIN ? MIN(*x, v)
         : reduction == MAX ? MAX(*x, v)
                            : v;
  }
}

/* Where the slice begins that row `row` of the indices names; -1 where it is outside. */
static int64_t
place(const DcnTensor *data, const DcnTensor *indices, size_t row, int depth, size_t slice)
{
  int64_t at = 0;
  for (int d = 0; d < depth; d++) {
    const int64_t i = indices->i[row * depth + d], size = data->dims[d];
    if (i < -size || i >= size)
      return -1;
    at = at * size + (i < 0 ? i + size : i);
  }
  return at * (int64_t)slice;
}

static gboolean
fits(const DcnTensor *data, const DcnTensor *indices, const DcnTensor *updates)
{
  if (!indices->is_int || indices->rank < 1 || data->rank < 1)
    return FALSE;
  const int64_t depth = indices->dims[indices->rank - 1];
  const int outer = indices->rank - 1;
  if (depth < 1 || depth > data->rank || updates->rank != outer + data->rank - depth)
    return FALSE;
  for (int d = 0; d < updates->rank; d++)
    if (updates->dims[d] != (d < outer ? indices->dims[d] : data->dims[d - outer + depth]))
      return FALSE;
  return TRUE;
}

gboolean
dcn_lower_scatter_nd(DcnLoader *loader)
{
  Reduction reduction;
  const DcnTensor *data = dcn_loader_need_constant(loader, 0, "its data");
  const DcnTensor *indices = dcn_loader_need_constant(loader, 1, "its indices");
  const DcnTensor *updates = dcn_loader_need_constant(loader, 2, "its updates");
  if (!data || !indices || !updates || !read_reduction(loader, &reduction))
    return FALSE;
  if (!fits(data, indices, updates))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "shapes of its data, indices and updates do not fit together");
  DcnTensor *result = dcn_fold_new(loader, data->is_int, data->rank, data->dims);
  if (!result)
    return FALSE;
  if (data->is_int && data->count)
    memcpy(result->i, data->i, data->count * sizeof *data->i);
  else if (data->count)
    memcpy(result->f, data->f, data->count * sizeof *data->f);
  const int depth = (int)indices->dims[indices->rank - 1];
  size_t slice = 1;
  for (int d = depth; d < data->rank; d++)
    slice *= (size_t)data->dims[d];
  for (size_t row = 0; row < indices->count / depth; row++) {
    const int64_t at = place(data, indices, row, depth, slice);
    if (at < 0) {
      dcn_tensor_unref(result);
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "an index is outside of its data");
    }
    for (size_t i = 0; i < slice; i++)
      put(result, (size_t)at + i, updates, row * slice + i, reduction);
  }
  return dcn_loader_set_tensor(loader, 0, result);
}
