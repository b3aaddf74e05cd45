/* deltacnn: lowers convolutions.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/window.h"
#include "util/error.h"

gboolean
dcn_lower_conv(DcnLoader *loader)
{
  const int x = dcn_loader_float_value(loader, 0);
  DcnEntry *weight = dcn_loader_unread_input(loader, 1);
  if (weight && !weight->tensor)
    dcn_loader_need_constant(loader, 1, "its weight");
  const DcnTensor *w = weight ? weight->tensor : NULL;
  const int64_t groups = dcn_attr_int(loader, "group", 1);
  DcnWindow window;
  if (x < 0 || !w)
    return FALSE;
  const DcnShape input = dcn_loader_shape(loader, x);
  if (w->rank != input.rank || w->count == 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its weight has rank %d, but its input has rank %d", w->rank,
                           input.rank);
  if (!dcn_window_read(loader, &input, w->dims + 2, &window))
    return FALSE;
  const int64_t out_channels = w->dims[0], channels = input.dims[1];
  if (groups < 1 || groups > channels || channels % groups != 0 || out_channels % groups != 0 ||
      w->dims[1] != channels / groups)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "a weight of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
                           " channels in %" G_GINT64_FORMAT
                           " groups does not fit an input of %" G_GINT64_FORMAT " channels",
                           out_channels, w->dims[1], groups, channels);
  if (dcn_loader_has_input(loader, 2)) {
    DcnTensor *b = dcn_loader_need_constant(loader, 2, "its bias");
    if (b && b->count != (size_t)out_channels)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "its bias does not have one element per output channel");
  }
  const DcnShape shape = dcn_window_output(&window, &input, out_channels);
  const int output = dcn_loader_add_value(loader, NULL, &shape);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_CONV, 1, &x, output);
  if (!op)
    return FALSE;
  op->u.conv = (DcnConv){.kh = window.size[0],
                         .kw = window.size[1],
                         .stride_h = window.stride[0],
                         .stride_w = window.stride[1],
                         .pad_top = window.pad_begin[0],
                         .pad_left = window.pad_begin[1],
                         .dil_h = window.dilation[0],
                         .dil_w = window.dilation[1],
                         .groups = (int)groups};
  dcn_loader_take_weights(loader, 1, "its weight", &op->u.conv);
  if (dcn_loader_has_input(loader, 2))
    op->u.conv.bias = dcn_loader_take_floats(loader, 2, "its bias");
  return dcn_loader_set_value(loader, 0, output, FALSE);
}
