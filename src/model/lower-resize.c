/* deltacnn: lowers Upsample and Resize.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sizes are known, so that to repeat pixels is data movement, and to interpolate is a sum of two or four movements with
 * constant factors, axis by axis.  Positions are computed in floats, as other runtimes do: where one falls in the middle
 * between two pixels, which is taken depends on it. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

#define MAX_TAPS 4

typedef enum {
  HALF_PIXEL,
  HALF_PIXEL_SYMMETRIC,
  PYTORCH_HALF_PIXEL,
  ALIGN_CORNERS,
  ASYMMETRIC,
  TF_HALF_PIXEL
} Mapping;
typedef enum { PREFER_FLOOR, PREFER_CEIL, ROUND_FLOOR, ROUND_CEIL, ROUND_OLD } Nearest;

typedef struct {
  Mapping mapping;
  Nearest nearest;
  int taps; /* 1 nearest, 2 linear, 4 cubic */
  float cubic;
  gboolean exclude_outside;
} Method;

/* Position in the source that element i of the result stands for. */
static float
source_position(const Method *method, int64_t i, int64_t from, int64_t to, float scale)
{
  const float x = (float)i;
  switch (method->mapping) {
  case ASYMMETRIC:
    return x / scale;
  case ALIGN_CORNERS:
    return to == 1 ? 0 : x * (float)(from - 1) / (float)(to - 1);
  case PYTORCH_HALF_PIXEL:
    return to > 1 ? (x + 0.5f) / scale - 0.5f : 0;
  case TF_HALF_PIXEL:
    return (x + 0.5f) / scale;
  case HALF_PIXEL_SYMMETRIC: {
    /* The part of the result that a fractional size cut off is cut off on both sides. */
    const float center = (float)from / 2;
    const float adjustment = (float)to / (scale * (float)from);
    return center * (1 - adjustment) + (x + 0.5f) / scale - 0.5f;
  }
  default:
    return (x + 0.5f) / scale - 0.5f;
  }
}

static int64_t
nearest_pixel(const Method *method, float position, float scale)
{
  switch (method->nearest) {
  case PREFER_FLOOR:
    return (int64_t)(position == floorf(position) + 0.5f ? floorf(position) : roundf(position));
  case PREFER_CEIL:
    return (int64_t)floorf(position + 0.5f);
  case ROUND_CEIL:
    return (int64_t)ceilf(position);
  case ROUND_OLD: /* opset 10 left it open; onnxruntime has it so */
    return (int64_t)(scale < 1 ? ceilf(position) : floorf(position));
  default:
    return (int64_t)floorf(position);
  }
}

/* The pixels that element i is made of, and how much of each. */
static void
find_taps(const Method *method, int64_t i, int64_t from, int64_t to, float scale, int64_t *pixel,
          float *weight)
{
  float position = source_position(method, i, from, to, scale);
  if (method->taps == 1) {
    pixel[0] = CLAMP(nearest_pixel(method, position, scale), 0, from - 1);
    weight[0] = 1;
    return;
  }
  if (method->taps == 2) {
    position = CLAMP(position, 0, (float)(from - 1));
    pixel[0] = (int64_t)floorf(position);
    pixel[1] = MIN(pixel[0] + 1, from - 1);
    weight[1] = position - (float)pixel[0];
    weight[0] = 1 - weight[1];
    return;
  }
  /* Keys' kernel with its parameter a, at distances 1 + t, t, 1 - t and 2 - t. */
  const float first = floorf(position), t = position - first, a = method->cubic;
  const float far_t = 1 + t, u = 1 - t, far_u = 2 - t;
  weight[0] = ((a * far_t - 5 * a) * far_t + 8 * a) * far_t - 4 * a;
  weight[1] = ((a + 2) * t - (a + 3)) * t * t + 1;
  weight[2] = ((a + 2) * u - (a + 3)) * u * u + 1;
  weight[3] = ((a * far_u - 5 * a) * far_u + 8 * a) * far_u - 4 * a;
  float sum = 0;
  for (int k = 0; k < 4; k++) {
    const int64_t at = (int64_t)first - 1 + k;
    if (method->exclude_outside && (at < 0 || at >= from))
      weight[k] = 0;
    pixel[k] = CLAMP(at, 0, from - 1);
    sum += weight[k];
  }
  for (int k = 0; method->exclude_outside && k < 4; k++)
    weight[k] /= sum;
}

/* Before the tables of an axis are made: they, and what will be made by them, must fit into what may be generated. */
static gboolean
spend(DcnLoader *loader, DcnShape shape, int axis, int64_t to, const Method *method)
{
  const size_t taps = (size_t)method->taps, values = taps == 1 ? 1 : 3 * taps - 1;
  size_t count;
  shape.dims[axis] = to;
  if (!dcn_shape_count(shape.rank, shape.dims, &count) ||
      count > loader->budget / (values + 2 * taps))
    return dcn_loader_fail(loader, DCN_ERROR_MEMORY,
                           "its result, %" G_GINT64_FORMAT " along dimension %d, is too large", to,
                           axis);
  loader->budget -= 2 * taps * (size_t)to;
  return TRUE;
}

/* x with one axis resized. */
static int
resize_axis(DcnLoader *loader, int x, int axis, int64_t to, float scale, const Method *method,
            const char *role)
{
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int64_t from = shape.dims[axis];
  DcnMove move[MAX_TAPS];
  float *weights[MAX_TAPS] = {NULL};
  gboolean ok = spend(loader, shape, axis, to, method);
  int sum = -1;
  for (int k = 0; k < method->taps; k++) {
    dcn_move_init(&move[k], &shape);
    for (int d = 0; ok && d < shape.rank; d++) {
      ok = dcn_move_set_dim(loader, &move[k], d, d == axis ? to : shape.dims[d], d);
      for (int64_t i = 0; ok && d != axis && i < shape.dims[d]; i++)
        move[k].coord[d][i] = (int32_t)i;
    }
    weights[k] = ok ? g_new(float, to) : NULL;
  }
  for (int64_t i = 0; ok && i < to; i++) {
    int64_t pixel[MAX_TAPS];
    float weight[MAX_TAPS];
    find_taps(method, i, from, to, scale, pixel, weight);
    for (int k = 0; k < method->taps; k++) {
      move[k].coord[axis][i] = (int32_t)pixel[k];
      weights[k][i] = weight[k];
    }
  }
  for (int k = 0; ok && k < method->taps; k++) {
    int part = dcn_move_value(loader, &move[k], x, 0, method->taps == 1 ? role : "picked");
    if (method->taps > 1 && part >= 0) {
      /* [to, 1, ..]: along the axis. */
      int64_t dims[DCN_MAX_RANK];
      for (int d = axis; d < shape.rank; d++)
        dims[d - axis] = d == axis ? to : 1;
      DcnTensor *factor = dcn_fold_new(loader, FALSE, shape.rank - axis, dims);
      if (factor)
        memcpy(factor->f, weights[k], (size_t)to * sizeof(float));
      part = factor ? dcn_loader_add_binary(loader, DCN_BINARY_MUL, (DcnOperand){part, NULL},
                                            (DcnOperand){-1, factor}, "weighted")
                    : -1;
      dcn_tensor_unref(factor);
    }
    if (part >= 0 && k > 0)
      part = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){sum, NULL},
                                   (DcnOperand){part, NULL}, k + 1 < method->taps ? "sum" : role);
    sum = part;
    ok = sum >= 0;
  }
  for (int k = 0; k < method->taps; k++) {
    dcn_move_clear(&move[k]);
    g_free(weights[k]);
  }
  return ok ? sum : -1;
}

static gboolean
read_method(DcnLoader *loader, gboolean upsample, Method *method)
{
  static const char *const mappings[] = {"half_pixel",         "half_pixel_symmetric",
                                         "pytorch_half_pixel", "align_corners",
                                         "asymmetric",         "tf_half_pixel_for_nn"};
  static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                          "ceil"};
  const gboolean old = upsample || loader->opset < 11;
  *method = (Method){.mapping = ASYMMETRIC, .nearest = upsample ? ROUND_FLOOR : ROUND_OLD};
  char *mode = dcn_attr_string(loader, "mode", "nearest");
  method->taps = strcmp(mode, "nearest") == 0                                   ? 1
                 : strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0 ? 2
                 : strcmp(mode, "cubic") == 0                                   ? 4
                                                                                : 0;
  g_free(mode);
  if (method->taps == 0)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its mode is none of nearest, linear and cubic");
  if (old)
    return !loader->error;
  char *mapping = dcn_attr_string(loader, "coordinate_transformation_mode", "half_pixel");
  char *nearest = dcn_attr_string(loader, "nearest_mode", "round_prefer_floor");
  int m = 0, r = 0;
  while (m < (int)G_N_ELEMENTS(mappings) && strcmp(mappings[m], mapping) != 0)
    m++;
  while (r < (int)G_N_ELEMENTS(roundings) && strcmp(roundings[r], nearest) != 0)
    r++;
  g_free(mapping);
  g_free(nearest);
  if (m == G_N_ELEMENTS(mappings))
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its coordinate_transformation_mode is not supported");
  if (r == G_N_ELEMENTS(roundings))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its nearest_mode is unknown");
  method->mapping = (Mapping)m;
  method->nearest = (Nearest)r;
  method->cubic = dcn_attr_float(loader, "cubic_coeff_a", -0.75f);
  method->exclude_outside = dcn_attr_int(loader, "exclude_outside", 0) != 0;
  return !loader->error;
}

/* Factors of all dimensions (which the first Upsample had as two attributes) or, for Resize, sizes.  Each of scale[] is
 * set; to[] are sizes of the result. */
static gboolean
read_sizes(DcnLoader *loader, gboolean upsample, const DcnShape *shape, float *scale, int64_t *to)
{
  const int rank = shape->rank, scales_at = upsample || loader->opset < 11 ? 1 : 2;
  int64_t axes[2 * DCN_MAX_RANK], sizes[DCN_MAX_RANK];
  int n = dcn_attr_ints(loader, "axes", axes);
  for (int d = 0; d < rank; d++) {
    scale[d] = 1;
    to[d] = shape->dims[d];
    if (n < 0)
      axes[d] = d;
  }
  n = n < 0 ? rank : n;
  const Dcn__Onnx__Attribute *listed = dcn_attr_find(loader, "scales");
  const DcnTensor *given = dcn_loader_has_input(loader, scales_at)
                               ? dcn_loader_need_constant(loader, scales_at, "its scales")
                               : NULL;
  if (loader->error)
    return FALSE;
  if (upsample && loader->opset < 7) {
    scale[rank - 1] = dcn_attr_float(loader, "width_scale", 1);
    scale[rank - 2] = dcn_attr_float(loader, "height_scale", 1);
  } else if (upsample && loader->opset < 9 && listed && (int)listed->n_floats == rank) {
    memcpy(scale, listed->floats, (size_t)rank * sizeof *scale);
  } else if (given && given->count > 0) {
    if (given->count != (size_t)n)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "it does not have a scale per dimension");
    for (int i = 0; i < n; i++) {
      int axis;
      if (!dcn_loader_axis(loader, axes[i], rank, &axis))
        return FALSE;
      scale[axis] = (float)dcn_tensor_get(given, (size_t)i);
    }
  } else if (!upsample && dcn_loader_has_input(loader, 3)) {
    if (dcn_loader_need_ints(loader, 3, "its sizes", sizes) != n)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "it does not have a size per dimension");
    char *policy = dcn_attr_string(loader, "keep_aspect_ratio_policy", "stretch");
    const gboolean larger = strcmp(policy, "not_smaller") == 0;
    const gboolean keep = larger || strcmp(policy, "not_larger") == 0;
    float chosen = larger ? 0 : INFINITY;
    g_free(policy);
    for (int i = 0; i < n; i++) {
      int axis;
      if (!dcn_loader_axis(loader, axes[i], rank, &axis))
        return FALSE;
      to[axis] = sizes[i];
      scale[axis] = (float)sizes[i] / (float)shape->dims[axis];
      chosen = larger ? MAX(chosen, scale[axis]) : MIN(chosen, scale[axis]);
    }
    for (int i = 0; keep && i < n; i++) {
      int axis;
      dcn_loader_axis(loader, axes[i], rank, &axis);
      scale[axis] = chosen;
      to[axis] = (int64_t)roundf(chosen * (float)shape->dims[axis]);
    }
    return !loader->error;
  } else {
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "it has neither scales nor sizes");
  }
  for (int d = 0; d < rank; d++) {
    const double size = floor((double)(scale[d] * (float)shape->dims[d]));
    if (!(scale[d] > 0) || !(size >= 1) || size > (double)DCN_MAX_ELEMENTS)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "a scale is out of range");
    to[d] = (int64_t)size;
  }
  return TRUE;
}

gboolean
dcn_lower_resize(DcnLoader *loader)
{
  const gboolean upsample = strcmp(loader->node->op_type, "Upsample") == 0;
  int x = dcn_loader_float_value(loader, 0);
  float scale[DCN_MAX_RANK];
  int64_t to[DCN_MAX_RANK];
  Method method;
  if (x < 0)
    return FALSE;
  const DcnShape shape = dcn_loader_shape(loader, x);
  if (shape.rank < 3)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its input has rank %d; an image [N,C,H,W] is needed", shape.rank);
  if (!read_method(loader, upsample, &method) || !read_sizes(loader, upsample, &shape, scale, to))
    return FALSE;
  int last = -1;
  for (int d = 0; d < shape.rank; d++) {
    if (to[d] < 1 || to[d] > (int64_t)DCN_MAX_ELEMENTS)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "a size is out of range");
    if (to[d] != shape.dims[d] || scale[d] != 1)
      last = d;
    if (scale[d] < 1 && method.taps > 1 && dcn_attr_int(loader, "antialias", 0) != 0)
      return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                             "it makes its input smaller with antialias=1, which is not supported; "
                             "give the network pictures of its own size, or export it without");
  }
  if (last < 0)
    return dcn_lower_identity(loader);
  for (int d = 0; d <= last && x >= 0; d++)
    if (to[d] != shape.dims[d] || scale[d] != 1)
      x = resize_axis(loader, x, d, to[d], scale[d], &method, d == last ? NULL : "resized");
  return dcn_loader_set_value(loader, 0, x, FALSE);
}
