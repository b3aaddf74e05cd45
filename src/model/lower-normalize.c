/* deltacnn: lowers normalisations whose mean is over the pixels of an image: by channel, by group of channels.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All are the layer normalisation of a matrix that has a row for each mean: the image in another shape.  In delta runs
 * a row is done anew when anything in it changed, as all of its values depend on that. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

/* x in `groups` groups of channels, each of which comes out with mean 0 and variance 1. */
static int
add_normalisation(DcnLoader *loader, int x, int64_t groups, float epsilon, const char *role)
{
  if (x < 0 || loader->error)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, x);
  DcnShape matrix = {.rank = 2, .dims = {shape.dims[0] * groups, 1}};
  matrix.dims[1] = shape.dims[1] / groups;
  for (int d = 2; d < shape.rank; d++)
    matrix.dims[1] *= shape.dims[d];
  const int rows = dcn_reshape_value(loader, x, &matrix, "rows");
  const int output = dcn_loader_add_layer_norm(loader, rows, epsilon, "normalised");
  return output < 0 ? -1 : dcn_reshape_value(loader, output, &shape, role);
}

/* Input 0, an image of channels. */
static int
image_input(DcnLoader *loader, DcnShape *shape)
{
  const int x = dcn_loader_float_value(loader, 0);
  if (x < 0)
    return -1;
  *shape = dcn_loader_shape(loader, x);
  if (shape->rank >= 3)
    return x;
  dcn_loader_fail(loader, DCN_ERROR_INVALID, "its input has rank %d; an image [N,C,H,W] is needed",
                  shape->rank);
  return -1;
}

/* Inputs 1 and 2 for every channel; given per group where each = channels / groups is above 1. */
static int
scale_and_shift(DcnLoader *loader, int x, int64_t given, int64_t each)
{
  static const char *const names[] = {"its scale", "its bias"};
  float *numbers[2] = {NULL, NULL};
  for (int k = 0; k < 2 && !loader->error; k++) {
    const DcnTensor *tensor = dcn_loader_need_constant(loader, 1 + k, names[k]);
    if (tensor && tensor->count != (size_t)given)
      dcn_loader_fail(loader, DCN_ERROR_INVALID,
                      "%s has %" G_GSIZE_FORMAT " numbers instead of %" G_GINT64_FORMAT, names[k],
                      tensor->count, given);
    if (loader->error)
      break;
    numbers[k] = g_new(float, given *each);
    for (int64_t c = 0; c < given * each; c++)
      numbers[k][c] = (float)dcn_tensor_get(tensor, (size_t)(c / each));
  }
  if (loader->error) {
    g_free(numbers[0]);
    g_free(numbers[1]);
    return -1;
  }
  return dcn_loader_add_affine(loader, x, numbers[0], numbers[1], NULL);
}

gboolean
dcn_lower_instance_normalization(DcnLoader *loader)
{
  DcnShape shape;
  int x = image_input(loader, &shape);
  const float epsilon = dcn_attr_float(loader, "epsilon", 1e-5f);
  if (x < 0)
    return FALSE;
  x = add_normalisation(loader, x, shape.dims[1], epsilon, "plain");
  return x >= 0 &&
         dcn_loader_set_value(loader, 0, scale_and_shift(loader, x, shape.dims[1], 1), FALSE);
}

/* Scale and bias are per group until opset 20, per channel from 21 on. */
gboolean
dcn_lower_group_normalization(DcnLoader *loader)
{
  DcnShape shape;
  int x = image_input(loader, &shape);
  const float epsilon = dcn_attr_float(loader, "epsilon", 1e-5f);
  const int64_t groups = dcn_attr_int(loader, "num_groups", 0);
  if (x < 0 || loader->error)
    return FALSE;
  const int64_t channels = shape.dims[1];
  if (groups < 1 || groups > channels || channels % groups != 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "%" G_GINT64_FORMAT " channels cannot be split into %" G_GINT64_FORMAT
                           " groups",
                           channels, groups);
  const int64_t given = loader->opset < 21 ? groups : channels;
  x = add_normalisation(loader, x, groups, epsilon, "plain");
  return x >= 0 && dcn_loader_set_value(loader, 0,
                                        scale_and_shift(loader, x, given, channels / given), FALSE);
}

/* (x - mean) / (standard deviation + 1e-9), over all but the channels, or over all. */
gboolean
dcn_lower_mean_variance_normalization(DcnLoader *loader)
{
  DcnShape shape;
  const int x = image_input(loader, &shape);
  int64_t axes[2 * DCN_MAX_RANK] = {0, 2, 3};
  gboolean of_axis[DCN_MAX_RANK] = {FALSE};
  int n = dcn_attr_ints(loader, "axes", axes);
  if (x < 0 || loader->error)
    return FALSE;
  if (n < 0)
    n = 3;
  for (int i = 0; i < n; i++) {
    int axis;
    if (!dcn_loader_axis(loader, axes[i], shape.rank, &axis))
      return FALSE;
    of_axis[axis] = TRUE;
  }
  gboolean fits = of_axis[0] || shape.dims[0] == 1;
  for (int d = 2; d < shape.rank; d++)
    fits = fits && of_axis[d];
  if (!fits || shape.dims[0] != 1)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "only a mean over all pixels of one picture is supported");
  return dcn_loader_set_value(
      loader, 0, add_normalisation(loader, x, of_axis[1] ? 1 : shape.dims[1], 1e-18f, NULL), FALSE);
}
