/* deltacnn: comparisons and choices among constants, as shapes are computed with them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * PyTorch writes expand() and the like as Where(Equal(shape, -1), ones, shape), for sizes that are known here.  None of
 * it is supported for values: nothing in a classifier needs it. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

#define MAX_INPUTS 3

/* Operator Mod: the sign is the divisor's, with fmod=1 the dividend's. */
static double
modulo(double a, double b, gboolean c_sign)
{
  const double rest = fmod(a, b);
  return !c_sign && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

static double
choose(const char *type, const double *x, gboolean flag)
{
  if (strcmp(type, "Where") == 0)
    return x[0] != 0 ? x[1] : x[2];
  if (strcmp(type, "Equal") == 0)
    return x[0] == x[1];
  if (strcmp(type, "Less") == 0)
    return x[0] < x[1];
  if (strcmp(type, "LessOrEqual") == 0)
    return x[0] <= x[1];
  if (strcmp(type, "Greater") == 0)
    return x[0] > x[1];
  if (strcmp(type, "GreaterOrEqual") == 0)
    return x[0] >= x[1];
  if (strcmp(type, "And") == 0)
    return x[0] != 0 && x[1] != 0;
  if (strcmp(type, "Or") == 0)
    return x[0] != 0 || x[1] != 0;
  if (strcmp(type, "Xor") == 0)
    return (x[0] != 0) != (x[1] != 0);
  if (strcmp(type, "Not") == 0)
    return x[0] == 0;
  return modulo(x[0], x[1], flag);
}

gboolean
dcn_lower_choice(DcnLoader *loader)
{
  const char *type = loader->node->op_type;
  const gboolean where = strcmp(type, "Where") == 0, mod = strcmp(type, "Mod") == 0;
  const int n = where ? 3 : strcmp(type, "Not") == 0 ? 1 : 2;
  const gboolean flag = mod && dcn_attr_int(loader, "fmod", 0) != 0;
  DcnTensor *given[MAX_INPUTS], *expanded[MAX_INPUTS] = {NULL}, *result = NULL;
  DcnShape shape = {0};
  for (int i = 0; i < n; i++) {
    given[i] = dcn_loader_constant(loader, i);
    if (loader->error || !dcn_loader_has_input(loader, i))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "input %d is missing", i + 1);
    if (!given[i])
      return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                             "it is supported for constants and shapes only, and its input %d is "
                             "computed from the picture",
                             i + 1);
    DcnShape own = {.rank = given[i]->rank}, both;
    memcpy(own.dims, given[i]->dims, sizeof own.dims);
    if (!dcn_shape_broadcast(&shape, &own, &both))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "the shapes of its inputs do not fit together");
    shape = both;
  }
  const gboolean is_int = where ? given[1]->is_int && given[2]->is_int
                          : mod ? given[0]->is_int && given[1]->is_int
                                : TRUE;
  for (int i = 0; i < n && !loader->error; i++)
    expanded[i] = dcn_expand_tensor(loader, given[i], &shape);
  if (!loader->error)
    result = dcn_fold_new(loader, is_int, shape.rank, shape.dims);
  for (size_t k = 0; result && k < result->count; k++) {
    double x[MAX_INPUTS] = {0};
    if (where && is_int) { /* beyond 2^53, too: the largest number says "to the end" */
      result->i[k] = dcn_tensor_get(expanded[0], k) != 0 ? expanded[1]->i[k] : expanded[2]->i[k];
      continue;
    }
    for (int i = 0; i < n; i++)
      x[i] = dcn_tensor_get(expanded[i], k);
    if (mod && is_int && x[1] == 0) {
      dcn_loader_fail(loader, DCN_ERROR_INVALID, "division by zero");
      break;
    }
    if (is_int)
      result->i[k] = dcn_float_to_int(choose(type, x, flag));
    else
      result->f[k] = (float)choose(type, x, flag);
  }
  for (int i = 0; i < n; i++)
    dcn_tensor_unref(expanded[i]);
  return dcn_loader_set_tensor(loader, 0, result);
}

/* Sums, products, means, extremes of constants; over the axes that reduced[] marks. */
DcnTensor *
dcn_fold_reduce(DcnLoader *loader, const DcnTensor *input, const gboolean *reduced, gboolean keep)
{
  const char *type = loader->node->op_type;
  DcnShape shape = {0};
  size_t count = 1;
  for (int d = 0; d < input->rank; d++) {
    if (reduced[d])
      count *= (size_t)input->dims[d];
    if (!reduced[d] || keep)
      shape.dims[shape.rank++] = reduced[d] ? 1 : input->dims[d];
  }
  DcnTensor *result = dcn_fold_new(loader, input->is_int, shape.rank, shape.dims);
  double *sums = result ? g_try_new0(double, MAX(result->count, 1)) : NULL;
  if (!sums || input->count == 0) {
    dcn_loader_fail(loader, input->count == 0 ? DCN_ERROR_UNSUPPORTED : DCN_ERROR_MEMORY,
                    "its input is empty or too large");
    dcn_tensor_unref(result);
    g_free(sums);
    return NULL;
  }
  int64_t position[DCN_MAX_RANK] = {0};
  for (size_t i = 0; i < input->count; i++) {
    size_t at = 0;
    gboolean first = TRUE;
    for (int d = 0; d < input->rank; d++) {
      if (!reduced[d])
        at = at * (size_t)input->dims[d] + (size_t)position[d];
      else
        first = first && position[d] == 0;
    }
    const double x = dcn_tensor_get(input, i);
    if (first)
      sums[at] = x;
    else if (strcmp(type, "ReduceProd") == 0)
      sums[at] *= x;
    else if (strcmp(type, "ReduceMax") == 0)
      sums[at] = MAX(sums[at], x);
    else if (strcmp(type, "ReduceMin") == 0)
      sums[at] = MIN(sums[at], x);
    else
      sums[at] += x;
    for (int d = input->rank - 1; d >= 0 && ++position[d] == input->dims[d]; d--)
      position[d] = 0;
  }
  for (size_t k = 0; k < result->count; k++) {
    const double value = strcmp(type, "ReduceMean") == 0 ? sums[k] / (double)count : sums[k];
    if (result->is_int)
      result->i[k] = dcn_float_to_int(value);
    else
      result->f[k] = (float)value;
  }
  g_free(sums);
  return result;
}
