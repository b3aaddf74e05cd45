/* deltacnn: lowers quantised models in QDQ form: float operators with QuantizeLinear and DequantizeLinear around them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Constants are folded: weights are float afterwards.  A value that is quantised stays a float: it is rounded to the
 * numbers that the quantised form can hold, by one activation, and the DequantizeLinear that follows finds its result
 * made already.  The levels themselves (0..255, say) are made for whoever else reads them, and are dropped where nobody does. */
#include "model/loader.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

/* Scales and zero points, one of each or one per index of an axis. */
typedef struct {
  const float *scale;  /* [channels] */
  const int64_t *zero; /* [channels]; NULL: zeros */
  size_t channels;
  size_t inner;  /* element i of the tensor has parameters i / inner % channels */
  int zero_type; /* DcnOnnxType; 0 where there is no zero point */
} Grid;

static gboolean
read_grid(DcnLoader *loader, const DcnShape *shape, Grid *grid)
{
  memset(grid, 0, sizeof *grid);
  const DcnTensor *scale = dcn_loader_need_constant(loader, 1, "its scale"), *zero = NULL;
  if (scale && dcn_loader_has_input(loader, 2))
    zero = dcn_loader_need_constant(loader, 2, "its zero point");
  const int64_t block = dcn_attr_int(loader, "block_size", 0);
  const int64_t axis_given = dcn_attr_int(loader, "axis", 1);
  if (loader->error)
    return FALSE;
  if (block != 0)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "block_size %" G_GINT64_FORMAT
                           " is not supported; quantise the model per tensor or per channel",
                           block);
  if (scale->is_int)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its scale is not of floats");
  if (zero && !zero->is_int)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "its zero point is not of integers");
  if (scale->rank > 1 || scale->count == 0 || (zero && zero->count != scale->count))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its scale and zero point are not one number or one per channel");
  grid->channels = scale->count;
  grid->inner = 1;
  if (scale->count > 1) {
    int axis;
    if (!dcn_loader_axis(loader, axis_given, shape->rank, &axis))
      return FALSE;
    if (shape->dims[axis] != (int64_t)scale->count)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "it has %" G_GSIZE_FORMAT " scales for %" G_GINT64_FORMAT
                             " channels on axis %d",
                             scale->count, shape->dims[axis], axis);
    for (int d = axis + 1; d < shape->rank; d++)
      grid->inner *= (size_t)shape->dims[d];
  }
  grid->scale = scale->f;
  grid->zero = zero ? zero->i : NULL;
  grid->zero_type = zero ? zero->type : 0;
  return TRUE;
}

static DcnTensor *
new_like(DcnLoader *loader, gboolean is_int, const DcnTensor *like)
{
  GError *error = NULL;
  DcnTensor *tensor = dcn_tensor_new(is_int, like->rank, like->dims, &loader->budget, &error);
  if (!tensor)
    dcn_loader_fail_with(loader, error);
  return tensor;
}

static gboolean
fold_dequantize(DcnLoader *loader, const DcnTensor *tensor, const Grid *grid)
{
  if (!tensor->is_int)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "its input is not of integers");
  DcnTensor *result = new_like(loader, FALSE, tensor);
  for (size_t i = 0; result && i < tensor->count; i++) {
    const size_t p = i / grid->inner % grid->channels;
    /* Exact: integers of 32 bits at most, unless the file is damaged. */
    const double level = (double)tensor->i[i] - (grid->zero ? (double)grid->zero[p] : 0);
    result->f[i] = (float)level * grid->scale[p];
  }
  return dcn_loader_set_tensor(loader, 0, result);
}

/* The levels of a quantised type; those of 4 bits and the floats of 8 are not read anywhere. */
static gboolean
read_levels(DcnLoader *loader, const Grid *grid, int *type, int *lo, int *hi)
{
  const int64_t wanted = dcn_attr_int(loader, "output_dtype", 0);
  *type = grid->zero_type ? grid->zero_type : wanted ? (int)wanted : DCN_ONNX_UINT8;
  *lo = *type == DCN_ONNX_INT8 ? INT8_MIN : *type == DCN_ONNX_INT16 ? INT16_MIN : 0;
  *hi = *type == DCN_ONNX_INT8     ? INT8_MAX
        : *type == DCN_ONNX_INT16  ? INT16_MAX
        : *type == DCN_ONNX_UINT16 ? UINT16_MAX
                                   : UINT8_MAX;
  if (loader->error)
    return FALSE;
  if (*type != DCN_ONNX_UINT8 && *type != DCN_ONNX_INT8 && *type != DCN_ONNX_UINT16 &&
      *type != DCN_ONNX_INT16)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "levels of element type %d are not supported", *type);
  for (size_t i = 0; i < grid->channels; i++) {
    if (!(grid->scale[i] > 0) || !isfinite(grid->scale[i]))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its scale is not above 0");
    if (grid->zero && (grid->zero[i] < *lo || grid->zero[i] > *hi))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its zero point is none of its levels");
  }
  return TRUE;
}

static gboolean
fold_quantize(DcnLoader *loader, const DcnTensor *tensor, const Grid *grid, int type, int lo,
              int hi)
{
  DcnTensor *result = new_like(loader, TRUE, tensor);
  for (size_t i = 0; result && i < tensor->count; i++) {
    const size_t p = i / grid->inner % grid->channels;
    const double level = rintf((float)dcn_tensor_get(tensor, i) / grid->scale[p]) +
                         (grid->zero ? (double)grid->zero[p] : 0);
    result->i[i] = !(level > lo) ? lo : level > hi ? hi : (int64_t)level;
  }
  if (result)
    result->type = type;
  return dcn_loader_set_tensor(loader, 0, result);
}

static float *
repeat(DcnLoader *loader, int value, float number)
{
  const int channels = dcn_loader_get(loader, value)->c;
  float *numbers = g_new(float, channels);
  for (int c = 0; c < channels; c++)
    numbers[c] = number;
  return numbers;
}

/* Of values, as opposed to constants. */
static gboolean
check_per_tensor(DcnLoader *loader, const Grid *grid)
{
  if (grid->channels == 1)
    return TRUE;
  return dcn_loader_fail(
      loader, DCN_ERROR_UNSUPPORTED,
      "a scale per channel is supported for constants only; quantise activations per tensor");
}

/* Levels of a value that holds what they stand for; dropped where nobody reads them. */
gboolean
dcn_loader_set_levels(DcnLoader *loader, int i, int exact, const DcnEntry *like)
{
  if (exact < 0)
    return FALSE;
  const float scale = like->scale;
  const int zero = like->zero_point;
  /* Exact, as dividing what was multiplied leaves far less than half a level. */
  const DcnAct whole = {.kind = DCN_ACT_QUANTIZE,
                        .alpha = scale,
                        .beta = 1,
                        .lo = -DCN_QUANTIZE_MAX,
                        .hi = DCN_QUANTIZE_MAX};
  int levels = dcn_loader_add_act(loader, exact, whole, "levels");
  if (levels >= 0 && zero != 0)
    levels = dcn_loader_add_affine(loader, levels, NULL, repeat(loader, levels, (float)zero),
                                   "levels_from_zero");
  return dcn_loader_set_quantized(loader, i, levels, exact, scale, zero);
}

gboolean
dcn_lower_quantize(DcnLoader *loader)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  DcnShape shape;
  Grid grid;
  int type, lo, hi;
  if (!entry || !dcn_loader_input_shape(loader, 0, &shape) || !read_grid(loader, &shape, &grid) ||
      !read_levels(loader, &grid, &type, &lo, &hi))
    return FALSE;
  if (entry->tensor)
    return fold_quantize(loader, entry->tensor, &grid, type, lo, hi);
  const int x = dcn_loader_any_float_value(loader, 0);
  if (x < 0 || !check_per_tensor(loader, &grid))
    return FALSE;
  const float scale = grid.scale[0];
  const int zero = grid.zero ? (int)grid.zero[0] : 0;
  const DcnAct exact = {.kind = DCN_ACT_QUANTIZE,
                        .alpha = scale,
                        .beta = scale,
                        .lo = (float)(lo - zero),
                        .hi = (float)(hi - zero)};
  /* The levels are made of the rounded value, so that what is before it has one reader and can take the activation. */
  const int value = dcn_loader_add_act(loader, x, exact, NULL);
  return dcn_loader_set_levels(loader, 0, value, &(DcnEntry){.scale = scale, .zero_point = zero});
}

gboolean
dcn_lower_dequantize(DcnLoader *loader)
{
  DcnEntry *entry = dcn_loader_input(loader, 0);
  DcnShape shape;
  Grid grid;
  if (!entry || !dcn_loader_input_shape(loader, 0, &shape) || !read_grid(loader, &shape, &grid))
    return FALSE;
  if (entry->tensor)
    return fold_dequantize(loader, entry->tensor, &grid);
  if (!entry->integer)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its input is not of integers");
  if (!check_per_tensor(loader, &grid))
    return FALSE;
  const float scale = grid.scale[0];
  const double zero = grid.zero ? (double)grid.zero[0] : 0;
  if (entry->quantized && entry->scale == scale && entry->zero_point == zero)
    return dcn_loader_set_value(loader, 0, entry->exact, FALSE);
  /* Levels that come from elsewhere: the input's, or moved ones. */
  const int x = dcn_loader_any_value(loader, 0);
  if (x < 0)
    return FALSE;
  const int y = dcn_loader_add_affine(loader, x, repeat(loader, x, scale),
                                      repeat(loader, x, (float)(-zero * scale)), NULL);
  return dcn_loader_set_value(loader, 0, y, FALSE);
}

gboolean
dcn_lower_integer_arithmetic(DcnLoader *loader)
{
  return dcn_loader_fail(
      loader, DCN_ERROR_UNSUPPORTED,
      "it computes with integers, which is not supported here: its scales are found anew for every "
      "picture, or nothing like it is known; quantise the model statically (onnxruntime's "
      "quantize_static(), in QDQ form), or export it as float");
}
