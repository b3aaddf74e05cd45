/* deltacnn: lowers transposed convolutions.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An input pixel adds its multiple of the window to the output, at its place times the stride.  That is a convolution of
 * the input with zeros between its pixels and around them, by the window turned by half a circle.  The zeros are
 * multiplied, too: simple rather than fast, as classifiers hardly have any. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

typedef struct {
  int64_t size, stride, dilation, before,
      out;        /* before: zeros in front of the first pixel; may be negative */
  int64_t padded; /* length of what is convolved */
} Axis;

static gboolean
read_list(DcnLoader *loader, const char *name, int n, int64_t otherwise, int64_t lowest,
          int64_t *out)
{
  int64_t values[2 * DCN_MAX_RANK];
  const int count = dcn_attr_ints(loader, name, values);
  for (int i = 0; i < n; i++) {
    out[i] = count < 0 ? otherwise : values[i];
    if ((count >= 0 && count != n) || out[i] < lowest || out[i] > 1 << 20)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "attribute \"%s\" is out of range", name);
  }
  return !loader->error;
}

static gboolean
read_axes(DcnLoader *loader, const DcnShape *input, const DcnTensor *w, Axis *axis)
{
  const int n = input->rank - 2;
  int64_t stride[2], dilation[2], pads[4], extra[2], shape[2];
  if (!read_list(loader, "strides", n, 1, 1, stride) ||
      !read_list(loader, "dilations", n, 1, 1, dilation) ||
      !read_list(loader, "pads", 2 * n, 0, 0, pads) ||
      !read_list(loader, "output_padding", n, 0, 0, extra) ||
      !read_list(loader, "output_shape", n, -1, -1, shape))
    return FALSE;
  char *auto_pad = dcn_attr_string(loader, "auto_pad", "NOTSET");
  const gboolean lower = strcmp(auto_pad, "SAME_LOWER") == 0;
  const gboolean same = lower || strcmp(auto_pad, "SAME_UPPER") == 0;
  g_free(auto_pad);
  for (int i = 0; i < n; i++) {
    Axis *a = &axis[i];
    const int64_t length = input->dims[2 + i];
    *a = (Axis){.size = w->dims[2 + i], .stride = stride[i], .dilation = dilation[i]};
    const int64_t reach = (a->size - 1) * a->dilation;
    int64_t begin = pads[i], full = (length - 1) * a->stride + extra[i] + reach + 1;
    a->out = shape[i] >= 0 ? shape[i] : same ? length * a->stride : full - begin - pads[n + i];
    if (shape[i] >= 0 || same) {
      const int64_t total = MAX(full - a->out, 0);
      begin = lower ? total - total / 2 : total / 2;
    }
    a->before = reach - begin;
    a->padded = a->out + reach;
    if (a->size < 1 || a->out < 1 || a->padded > (int64_t)DCN_MAX_ELEMENTS || reach > 1 << 24)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its output is empty or too large");
  }
  return TRUE;
}

/* [in][out / groups][h][w] to [out][in / groups][h][w], turned. */
static float *
turn_weights(DcnLoader *loader, const DcnTensor *w, int64_t groups)
{
  const int64_t in = w->dims[0] / groups, out = w->dims[1];
  const int64_t window = (int64_t)(w->count / (size_t)(w->dims[0] * out));
  float *turned = g_try_new(float, w->count);
  if (!turned) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for its weight");
    return NULL;
  }
  for (int64_t g = 0; g < groups; g++)
    for (int64_t i = 0; i < in; i++)
      for (int64_t o = 0; o < out; o++)
        for (int64_t k = 0; k < window; k++)
          turned[((g * out + o) * in + i) * window + window - 1 - k] =
              (float)dcn_tensor_get(w, (size_t)(((g * in + i) * out + o) * window + k));
  return turned;
}

gboolean
dcn_lower_conv_transpose(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  DcnTensor *w = dcn_loader_need_constant(loader, 1, "its weight");
  const int64_t groups = dcn_attr_int(loader, "group", 1);
  Axis axis[2];
  if (x < 0 || !w)
    return FALSE;
  const DcnShape input = dcn_loader_shape(loader, x);
  if (input.rank < 3 || input.rank > 4)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its input has rank %d; only 1-D and 2-D windows are supported",
                           input.rank);
  if (w->rank != input.rank || w->count == 0 || groups < 1 || w->dims[0] != input.dims[1] ||
      w->dims[0] % groups != 0 || w->dims[1] > INT32_MAX / groups)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its weight does not fit its input");
  const int64_t channels = w->dims[1] * groups;
  if (!read_axes(loader, &input, w, axis))
    return FALSE;
  DcnTensor *b =
      dcn_loader_has_input(loader, 2) ? dcn_loader_need_constant(loader, 2, "its bias") : NULL;
  if (b && b->count != (size_t)channels)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its bias does not have one element per output channel");
  if (loader->error)
    return FALSE;

  DcnMove move;
  DcnShape shape = input;
  gboolean ok = TRUE;
  dcn_move_init(&move, &input);
  for (int d = 0; ok && d < input.rank; d++) {
    const int64_t size = d < 2 ? input.dims[d] : axis[d - 2].padded;
    ok = dcn_move_set_dim(loader, &move, d, size, d);
    for (int64_t i = 0; ok && i < size; i++) {
      const int64_t at = d < 2 ? i : i - axis[d - 2].before, step = d < 2 ? 1 : axis[d - 2].stride;
      move.coord[d][i] =
          at >= 0 && at % step == 0 && at / step < input.dims[d] ? (int32_t)(at / step) : -1;
    }
    shape.dims[d] = d == 0 ? input.dims[0] : d == 1 ? channels : axis[d - 2].out;
  }
  const int spread = ok ? dcn_move_value(loader, &move, x, 0, "spread") : -1;
  dcn_move_clear(&move);
  const int output = spread < 0 ? -1 : dcn_loader_add_value(loader, NULL, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_CONV, 1, &spread, output);
  if (!op)
    return FALSE;
  const Axis one = {.size = 1, .dilation = 1}, *h = input.rank == 4 ? &axis[0] : &one;
  const Axis *v = input.rank == 4 ? &axis[1] : &axis[0];
  op->u.conv = (DcnConv){.kh = (int)h->size,
                         .kw = (int)v->size,
                         .stride_h = 1,
                         .stride_w = 1,
                         .dil_h = (int)h->dilation,
                         .dil_w = (int)v->dilation,
                         .groups = (int)groups};
  op->u.conv.weights = turn_weights(loader, w, groups);
  if (b)
    op->u.conv.bias = dcn_loader_take_floats(loader, 2, "its bias");
  return dcn_loader_set_value(loader, 0, output, FALSE);
}
