/* deltacnn: lowers operators that move data.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

/* A movement that starts as the identity on input 0. */
static gboolean
start(DcnLoader *loader, DcnMove *move, DcnShape *input)
{
  if (!dcn_loader_input_shape(loader, 0, input)) {
    dcn_move_init(move, &(DcnShape){0});
    return FALSE;
  }
  dcn_move_init(move, input);
  return TRUE;
}

/* Dimension d of the result is `size` elements of source dimension `axis` from `first` on in steps
 * of `step`. */
static gboolean
take_range(DcnLoader *loader, DcnMove *move, int d, int axis, int64_t first, int64_t step,
           int64_t size)
{
  if (!dcn_move_set_dim(loader, move, d, size, axis))
    return FALSE;
  for (int64_t i = 0; i < size; i++)
    move->coord[d][i] = (int32_t)(first + i * step);
  return TRUE;
}

gboolean
dcn_lower_transpose(DcnLoader *loader)
{
  DcnShape input;
  DcnMove move;
  int64_t perm[2 * DCN_MAX_RANK];
  gboolean seen[DCN_MAX_RANK] = {FALSE};
  int axes[DCN_MAX_RANK] = {0};
  const int n = dcn_attr_ints(loader, "perm", perm);
  gboolean ok = start(loader, &move, &input);
  if (ok && n >= 0 && n != input.rank)
    ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                         "attribute \"perm\" has %d elements, but its input has rank %d", n,
                         input.rank);
  for (int d = 0; ok && d < input.rank; d++) {
    int axis = input.rank - 1 - d;
    if (n >= 0 && !dcn_loader_axis(loader, perm[d], input.rank, &axis))
      ok = FALSE;
    else if (seen[axis])
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "attribute \"perm\" names dimension %d twice",
                           axis);
    else
      ok = take_range(loader, &move, d, axis, 0, 1, input.dims[axis]);
    seen[axis] = TRUE;
    axes[d] = axis;
  }
  if (ok) {
    move.shape.last = dcn_transposed_last(&input, axes);
    ok = dcn_move_apply(loader, &move, 0, 0);
  }
  dcn_move_clear(&move);
  return ok;
}

typedef struct {
  int64_t start, end, step;
} Range;

static gboolean
read_slices(DcnLoader *loader, int rank, Range *ranges, gboolean *given)
{
  int64_t starts[2 * DCN_MAX_RANK], ends[2 * DCN_MAX_RANK], axes[2 * DCN_MAX_RANK],
      steps[2 * DCN_MAX_RANK];
  int n, n_ends, n_axes = -1, n_steps = -1;
  if (loader->opset < 10) {
    n = dcn_attr_ints(loader, "starts", starts);
    n_ends = dcn_attr_ints(loader, "ends", ends);
    n_axes = dcn_attr_ints(loader, "axes", axes);
  } else {
    n = dcn_loader_need_ints(loader, 1, "its list of starts", starts);
    n_ends = dcn_loader_need_ints(loader, 2, "its list of ends", ends);
    if (dcn_loader_has_input(loader, 3))
      n_axes = dcn_loader_need_ints(loader, 3, "its list of axes", axes);
    if (dcn_loader_has_input(loader, 4))
      n_steps = dcn_loader_need_ints(loader, 4, "its list of steps", steps);
  }
  if (loader->error)
    return FALSE;
  if (n < 0 || n > rank || n_ends != n || (n_axes >= 0 && n_axes != n) ||
      (n_steps >= 0 && n_steps != n))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its lists of starts, ends, axes and steps do not fit together");
  for (int i = 0; i < n; i++) {
    int axis = i;
    if (n_axes >= 0 && !dcn_loader_axis(loader, axes[i], rank, &axis))
      return FALSE;
    if (given[axis] || (n_steps >= 0 && steps[i] == 0))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "dimension %d is sliced twice or in steps of 0", axis);
    given[axis] = TRUE;
    ranges[axis] = (Range){starts[i], ends[i], n_steps >= 0 ? steps[i] : 1};
  }
  return TRUE;
}

/* Negative positions count from the end; positions outside are moved to the nearest one that makes
 * sense. */
static int64_t
clamp_position(int64_t position, int64_t length, int64_t lowest, int64_t highest)
{
  if (position < 0)
    position = position < -length ? -1 : position + length;
  else if (position > length)
    position = length;
  return CLAMP(position, lowest, highest);
}

gboolean
dcn_lower_slice(DcnLoader *loader)
{
  DcnShape input;
  DcnMove move;
  Range ranges[DCN_MAX_RANK];
  gboolean given[DCN_MAX_RANK] = {FALSE};
  gboolean ok = start(loader, &move, &input) && read_slices(loader, input.rank, ranges, given);
  for (int d = 0; ok && d < input.rank; d++) {
    const int64_t length = input.dims[d];
    if (!given[d]) {
      ok = take_range(loader, &move, d, d, 0, 1, length);
      continue;
    }
    /* Steps beyond the length all take one element. */
    const int64_t step =
        CLAMP(ranges[d].step, -(int64_t)DCN_MAX_ELEMENTS, (int64_t)DCN_MAX_ELEMENTS);
    const gboolean forward = step > 0;
    const int64_t from = clamp_position(ranges[d].start, length, 0, forward ? length : length - 1);
    /* An end before the first element can only be said with a number below -length. */
    const int64_t to =
        clamp_position(ranges[d].end, length, forward ? 0 : -1, forward ? length : length - 1);
    const int64_t span = forward ? to - from : from - to;
    const int64_t pace = forward ? step : -step;
    ok = take_range(loader, &move, d, d, from, step,
                    span > 0 && length > 0 ? (span + pace - 1) / pace : 0);
  }
  ok = ok && dcn_move_apply(loader, &move, 0, 0);
  dcn_move_clear(&move);
  return ok;
}

gboolean
dcn_lower_split(DcnLoader *loader)
{
  DcnShape input;
  int axis;
  const int n_outputs = (int)loader->node->n_output;
  const int64_t parts = dcn_attr_int(loader, "num_outputs", n_outputs);
  if (!dcn_loader_input_shape(loader, 0, &input) ||
      !dcn_loader_axis(loader, dcn_attr_int(loader, "axis", 0), input.rank, &axis))
    return FALSE;
  const int64_t length = input.dims[axis];

  /* Sizes: attribute, input, or equal parts (of which the last one may be smaller from opset 18
   * on). */
  const Dcn__Onnx__Attribute *attribute = dcn_attr_find(loader, "split");
  const int64_t *sizes = NULL;
  size_t n_sizes = 0;
  if (attribute) {
    sizes = attribute->ints;
    n_sizes = attribute->n_ints;
  } else if (dcn_loader_has_input(loader, 1)) {
    DcnTensor *split = dcn_loader_need_constant(loader, 1, "its list of sizes");
    if (!split)
      return FALSE;
    if (!split->is_int)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its list of sizes is not of integers");
    sizes = split->i;
    n_sizes = split->count;
  }
  if ((sizes && n_sizes != (size_t)n_outputs) || parts != n_outputs || n_outputs < 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "it has %d outputs, but sizes for %" G_GINT64_FORMAT, n_outputs,
                           sizes ? (int64_t)n_sizes : parts);
  if (!sizes && length % n_outputs != 0 && loader->opset < 18)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "%" G_GINT64_FORMAT " elements cannot be split into %d equal parts",
                           length, n_outputs);
  const int64_t equal = (length + n_outputs - 1) / n_outputs;
  int64_t at = 0;
  for (int i = 0; i < n_outputs; i++) {
    const int64_t size = sizes ? sizes[i] : MIN(equal, length - at);
    if (size < 0 || size > length - at)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its parts are larger than its input");
    if (dcn_loader_output_used(loader, i)) {
      DcnMove move;
      dcn_move_init(&move, &input);
      gboolean ok = TRUE;
      for (int d = 0; ok && d < input.rank; d++)
        ok = take_range(loader, &move, d, d, d == axis ? at : 0, 1,
                        d == axis ? size : input.dims[d]);
      ok = ok && dcn_move_apply(loader, &move, 0, i);
      dcn_move_clear(&move);
      if (!ok)
        return FALSE;
    }
    at += size;
  }
  if (at != length)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its parts do not add up to its input");
  return TRUE;
}

/* Indices of any rank: they are picked as a list, which then gets the indices' shape. */
gboolean
dcn_lower_gather(DcnLoader *loader)
{
  DcnShape input;
  DcnMove move;
  int axis;
  DcnEntry *entry = dcn_loader_input(loader, 0);
  DcnTensor *indices = dcn_loader_need_constant(loader, 1, "its list of indices");
  if (!entry || !indices || !dcn_loader_input_shape(loader, 0, &input) ||
      !dcn_loader_axis(loader, dcn_attr_int(loader, "axis", 0), input.rank, &axis))
    return FALSE;
  if (!indices->is_int)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its indices are not integers");
  DcnShape shape = {.rank = input.rank - 1 + indices->rank, .last = input.rank < 3 || input.last};
  if (shape.rank > DCN_MAX_RANK)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its output has rank %d, at most %d is supported", shape.rank,
                           DCN_MAX_RANK);
  for (int d = 0, k = 0; d < input.rank; d++) {
    if (d == axis)
      for (int q = 0; q < indices->rank; q++)
        shape.dims[k++] = indices->dims[q];
    else
      shape.dims[k++] = input.dims[d];
  }
  dcn_move_init(&move, &input);
  gboolean ok = TRUE;
  for (int d = 0; ok && d < input.rank; d++) {
    if (d != axis) {
      ok = take_range(loader, &move, d, d, 0, 1, input.dims[d]);
      continue;
    }
    ok = dcn_move_set_dim(loader, &move, d, (int64_t)indices->count, d);
    for (size_t i = 0; ok && i < indices->count; i++) {
      const int64_t index = indices->i[i];
      if (index < -input.dims[d] || index >= input.dims[d])
        ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "index %" G_GINT64_FORMAT " is outside of %" G_GINT64_FORMAT
                             " elements",
                             index, input.dims[d]);
      else
        move.coord[d][i] = (int32_t)(index < 0 ? index + input.dims[d] : index);
    }
  }
  if (ok && entry->tensor) {
    DcnTensor *picked = dcn_move_tensor(loader, &move, entry->tensor, 0);
    ok = picked &&
         dcn_loader_set_tensor(loader, 0, dcn_tensor_reshape(picked, shape.rank, shape.dims));
    dcn_tensor_unref(picked);
  } else if (ok) {
    const gboolean integer = entry->integer;
    const int picked = dcn_move_value(loader, &move, entry->value, 0, "picked");
    ok = picked >= 0 &&
         dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, picked, &shape, NULL), integer);
  }
  dcn_move_clear(&move);
  return ok;
}

gboolean
dcn_lower_expand(DcnLoader *loader)
{
  DcnShape input, wanted = {0}, shape;
  DcnEntry *entry = dcn_loader_input(loader, 0);
  wanted.rank = dcn_loader_need_ints(loader, 1, "its shape", wanted.dims);
  if (!entry || wanted.rank < 0 || !dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  if (!dcn_shape_broadcast(&input, &wanted, &shape))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its input cannot be expanded to that shape");
  if (entry->tensor)
    return dcn_loader_set_tensor(loader, 0, dcn_expand_tensor(loader, entry->tensor, &shape));
  const gboolean integer = entry->integer;
  return dcn_loader_set_value(loader, 0, dcn_expand_value(loader, entry->value, &shape, NULL),
                              integer);
}

gboolean
dcn_lower_tile(DcnLoader *loader)
{
  DcnShape input;
  DcnMove move;
  int64_t repeats[2 * DCN_MAX_RANK];
  const int n = dcn_loader_need_ints(loader, 1, "its list of repeats", repeats);
  gboolean ok = start(loader, &move, &input);
  if (ok && n != input.rank)
    ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "it has %d repeats for rank %d", n, input.rank);
  for (int d = 0; ok && d < input.rank; d++) {
    const int64_t length = input.dims[d];
    if (repeats[d] < 0 || repeats[d] > (int64_t)DCN_MAX_ELEMENTS)
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "a repeat is out of range");
    ok = ok && dcn_move_set_dim(loader, &move, d, length * repeats[d], d);
    for (int64_t i = 0; ok && i < length * repeats[d]; i++)
      move.coord[d][i] = (int32_t)(i % length);
  }
  ok = ok && dcn_move_apply(loader, &move, 0, 0);
  dcn_move_clear(&move);
  return ok;
}

/* Source coordinate for position i - begin in a line of `length`, which may be outside. */
static int32_t
padded_coordinate(int64_t position, int64_t length, char mode)
{
  if (position >= 0 && position < length)
    return (int32_t)position;
  if (mode == 'c')
    return -1;
  if (mode == 'e')
    return (int32_t)CLAMP(position, 0, length - 1);
  if (mode == 'w')
    return (int32_t)(((position % length) + length) % length);
  /* Mirrored at the first and last element, which are not repeated. */
  if (length == 1)
    return 0;
  const int64_t period = 2 * (length - 1);
  const int64_t phase = ((position % period) + period) % period;
  return (int32_t)(phase < length ? phase : period - phase);
}

gboolean
dcn_lower_pad(DcnLoader *loader)
{
  DcnShape input;
  DcnMove move;
  int64_t pads[2 * DCN_MAX_RANK] = {0};
  double fill = 0;
  gboolean ok = start(loader, &move, &input);
  char *mode = dcn_attr_string(loader, "mode", "constant");
  const char kind = *mode;
  if (strcmp(mode, "constant") != 0 && strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0 &&
      strcmp(mode, "wrap") != 0)
    ok = dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "its mode is not supported");
  g_free(mode);

  if (ok && loader->opset < 11) {
    const int n = dcn_attr_ints(loader, dcn_attr_has(loader, "pads") ? "pads" : "paddings", pads);
    fill = dcn_attr_float(loader, "value", 0);
    if (n != 2 * input.rank)
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its list of pads does not have two elements per dimension");
  } else if (ok) {
    /* From opset 18 on a list of axes says which dimensions the pads are of. */
    int64_t axes[DCN_MAX_RANK];
    DcnTensor *list = dcn_loader_need_constant(loader, 1, "its list of pads");
    int n_axes = input.rank;
    for (int d = 0; d < input.rank; d++)
      axes[d] = d;
    if (dcn_loader_has_input(loader, 3))
      n_axes = dcn_loader_need_ints(loader, 3, "its list of axes", axes);
    if (!list || n_axes < 0)
      ok = FALSE;
    else if (!list->is_int || list->count != 2 * (size_t)n_axes)
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its list of pads does not have two elements per dimension");
    for (int i = 0; ok && i < n_axes; i++) {
      int axis;
      ok = dcn_loader_axis(loader, axes[i], input.rank, &axis);
      if (ok) {
        pads[axis] = list->i[i];
        pads[axis + input.rank] = list->i[i + n_axes];
      }
    }
    if (ok && dcn_loader_has_input(loader, 2)) {
      DcnTensor *value = dcn_loader_need_constant(loader, 2, "its fill value");
      if (value && value->count == 1)
        fill = dcn_tensor_get(value, 0);
      else
        ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "its fill value is not one number");
    }
  }
  for (int d = 0; ok && d < input.rank; d++) {
    const int64_t limit = (int64_t)DCN_MAX_ELEMENTS;
    const int64_t begin = pads[d], end = pads[d + input.rank], length = input.dims[d];
    if (begin < -limit || begin > limit || end < -limit || end > limit) {
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "a pad is out of range");
      break;
    }
    if (kind != 'c' && length == 0)
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "an empty dimension cannot be padded with itself");
    const int64_t size = length + begin + end;
    ok = ok && dcn_move_set_dim(loader, &move, d, size, d);
    for (int64_t i = 0; ok && i < size; i++)
      move.coord[d][i] = padded_coordinate(i - begin, length, kind);
  }
  ok = ok && dcn_move_apply(loader, &move, fill, 0);
  dcn_move_clear(&move);
  return ok;
}

/* [N, b*b*C, H, W] to [N, C, H*b, W*b], through six dimensions. */
gboolean
dcn_lower_depth_to_space(DcnLoader *loader)
{
  DcnShape input;
  const int x = dcn_loader_value(loader, 0);
  const int64_t b = dcn_attr_int(loader, "blocksize", 0);
  const gboolean crd = dcn_attr_string_is(loader, "mode", "DCR", "CRD");
  static const int perm_dcr[6] = {0, 3, 4, 1, 5, 2}, perm_crd[6] = {0, 1, 4, 2, 5, 3};
  if (x < 0 || !dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  if (input.rank != 4 || b < 1 || b > input.dims[1] || input.dims[1] % (b * b) != 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its blocksize does not fit its input");
  const int64_t n = input.dims[0], c = input.dims[1] / (b * b), h = input.dims[2],
                w = input.dims[3];
  const DcnShape split =
      crd ? (DcnShape){6, {n, c, b, b, h, w}} : (DcnShape){6, {n, b, b, c, h, w}};
  const DcnShape shape = {4, {n, c, h * b, w * b}};
  int y = dcn_reshape_value(loader, x, &split, "blocks");
  y = y < 0 ? -1 : dcn_transpose_value(loader, y, crd ? perm_crd : perm_dcr, "moved");
  return y >= 0 &&
         dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, y, &shape, NULL), FALSE);
}

/* [N, C, H*b, W*b] to [N, b*b*C, H, W]: the other way. */
gboolean
dcn_lower_space_to_depth(DcnLoader *loader)
{
  DcnShape input;
  const int x = dcn_loader_value(loader, 0);
  const int64_t b = dcn_attr_int(loader, "blocksize", 0);
  static const int perm[6] = {0, 3, 5, 1, 2, 4};
  if (x < 0 || !dcn_loader_input_shape(loader, 0, &input))
    return FALSE;
  if (input.rank != 4 || b < 1 || b > 1 << 15 || input.dims[2] % b != 0 || input.dims[3] % b != 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its blocksize does not fit its input");
  const int64_t n = input.dims[0], c = input.dims[1], h = input.dims[2] / b, w = input.dims[3] / b;
  const DcnShape split = {6, {n, c, h, b, w, b}}, shape = {4, {n, c * b * b, h, w}};
  int y = dcn_reshape_value(loader, x, &split, "blocks");
  y = y < 0 ? -1 : dcn_transpose_value(loader, y, perm, "moved");
  return y >= 0 &&
         dcn_loader_set_value(loader, 0, dcn_reshape_value(loader, y, &shape, NULL), FALSE);
}
