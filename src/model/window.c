/* deltacnn: sizes and padding of sliding windows.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/window.h"
#include "util/error.h"
#include <string.h>

/* No sensible kernel, stride or padding is larger; all sums of three such numbers stay far inside
 * of int. */
#define MAX_EXTENT (1 << 20)

static gboolean
read_list(DcnLoader *loader, const char *name, int n, int64_t lowest, int64_t otherwise,
          int64_t *out)
{
  int64_t values[2 * DCN_MAX_RANK];
  const int count = dcn_attr_ints(loader, name, values);
  if (loader->error)
    return FALSE;
  if (count >= 0 && count != n)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "attribute \"%s\" has %d elements instead of %d", name, count, n);
  for (int i = 0; i < n; i++) {
    out[i] = count < 0 ? otherwise : values[i];
    if (out[i] < lowest || out[i] > MAX_EXTENT)
      return dcn_loader_fail(loader, out[i] < 0 ? DCN_ERROR_UNSUPPORTED : DCN_ERROR_INVALID,
                             "attribute \"%s\" holds %" G_GINT64_FORMAT ", which is out of range",
                             name, out[i]);
  }
  return TRUE;
}

gboolean
dcn_window_read(DcnLoader *loader, const DcnShape *input, const int64_t *kernel, DcnWindow *window)
{
  const int n = input->rank - 2;
  int64_t size[2], stride[2], dilation[2], pads[4];

  if (loader->error)
    return FALSE;
  if (n < 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its input has rank %d; an image [N,C,H,W] is needed", input->rank);
  if (n > 2)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "its input has rank %d; only 1-D and 2-D windows are supported",
                           input->rank);
  if (!kernel && !dcn_attr_has(loader, "kernel_shape"))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "attribute \"kernel_shape\" is missing");
  if (!read_list(loader, "kernel_shape", n, 1, 1, size) ||
      !read_list(loader, "strides", n, 1, 1, stride) ||
      !read_list(loader, "dilations", n, 1, 1, dilation) ||
      !read_list(loader, "pads", 2 * n, 0, 0, pads))
    return FALSE;
  for (int i = 0; kernel && i < n; i++) {
    if (kernel[i] < 1 || kernel[i] > MAX_EXTENT ||
        (dcn_attr_has(loader, "kernel_shape") && size[i] != kernel[i]))
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "attribute \"kernel_shape\" does not agree with the weights");
    size[i] = kernel[i];
  }

  char *auto_pad = dcn_attr_string(loader, "auto_pad", "NOTSET");
  const gboolean same_upper = strcmp(auto_pad, "SAME_UPPER") == 0,
                 same_lower = strcmp(auto_pad, "SAME_LOWER") == 0;
  const gboolean valid = strcmp(auto_pad, "VALID") == 0;
  const gboolean known = same_upper || same_lower || valid || strcmp(auto_pad, "NOTSET") == 0;
  g_free(auto_pad);
  if (!known)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "attribute \"auto_pad\" has an unknown value");
  const gboolean ceil_mode = dcn_attr_int(loader, "ceil_mode", 0) != 0;

  *window = (DcnWindow){.size = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .out = {1, 1}};
  for (int i = 0; i < n; i++) {
    const int k = i + 2 - n; /* 1-D windows walk along w */
    const int64_t length = input->dims[2 + i];
    const int64_t extent = (size[i] - 1) * dilation[i] + 1;
    int64_t begin = pads[i], end = pads[n + i], out;
    if (same_upper || same_lower) {
      out = (length + stride[i] - 1) / stride[i];
      const int64_t total = MAX((out - 1) * stride[i] + extent - length, 0);
      begin = same_upper ? total / 2 : total - total / 2;
      end = total - begin;
    } else {
      if (valid)
        begin = end = 0;
      const int64_t room = length + begin + end - extent;
      if (room < 0)
        return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                               "its window is larger than its padded input");
      out = room / stride[i] + 1;
      if (ceil_mode && room % stride[i] != 0) {
        out++;
        /* The added window must start inside the input or the padding before it: onnx pull request
         * 5741. */
        if ((out - 1) * stride[i] >= length + begin)
          out--;
      }
    }
    if (extent > INT32_MAX / 4 || begin > INT32_MAX / 4 || end > INT32_MAX / 4 ||
        out > INT32_MAX / 4)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its window is too large");
    window->size[k] = (int)size[i];
    window->stride[k] = (int)stride[i];
    window->dilation[k] = (int)dilation[i];
    window->pad_begin[k] = (int)begin;
    window->pad_end[k] = (int)end;
    window->out[k] = (int)out;
  }
  return !loader->error;
}

DcnShape
dcn_window_output(const DcnWindow *window, const DcnShape *input, int64_t channels)
{
  DcnShape shape = *input;
  shape.dims[1] = channels;
  for (int i = 2; i < shape.rank; i++)
    shape.dims[i] = window->out[i - shape.rank + 2];
  return shape;
}

gboolean
dcn_window_sees_all(int length, int size, int stride, int dilation, int pad_begin, int out)
{
  for (int64_t o = 0; o < out; o++) {
    const int64_t begin = o * stride - pad_begin;
    const int64_t first =
        begin >= 0 ? 0 : (-begin + dilation - 1) / dilation; /* tap at or after element 0 */
    if (first >= size || begin + first * dilation >= length)
      return FALSE;
  }
  return TRUE;
}
