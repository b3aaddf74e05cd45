/* deltacnn: where the components of a frame lie in its planes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/layout.h"
#include <string.h>

static void
set_plane(DcnLayout *layout, int plane, const DcnFrameInfo *info, int sub_x, int sub_y, int step)
{
  DcnPlane *p = &layout->plane[plane];
  p->width = (info->width + (1 << sub_x) - 1) >> sub_x;
  p->height = (info->height + (1 << sub_y) - 1) >> sub_y;
  p->step = step;
  p->sub_x = sub_x;
  p->sub_y = sub_y;
  layout->n_planes = plane + 1;
}

static void
set_component(DcnLayout *layout, int plane, int offset)
{
  layout->component[layout->n_components].plane = plane;
  layout->component[layout->n_components++].offset = offset;
}

const char *
dcn_layout_init(DcnLayout *layout, const DcnFrameInfo *info)
{
  memset(layout, 0, sizeof *layout);
  if (info->width < 1 || info->height < 1 || info->width > DCN_FRAME_MAX ||
      info->height > DCN_FRAME_MAX)
    return "the frame's size is out of range";
  gboolean yuv = info->format == DCN_FORMAT_I420 || info->format == DCN_FORMAT_NV12 ||
                 info->format == DCN_FORMAT_YUYV;
  if (yuv && (info->sub_x < 0 || info->sub_x > 2 || info->sub_y < 0 || info->sub_y > 2))
    return "the frame's chroma subsampling is not 1, 2 or 4";
  if (yuv && !(info->kr > 0 && info->kb > 0 && info->kr + info->kb < 1))
    return "the frame's luma coefficients are not a colour matrix";
  switch (info->format) {
  case DCN_FORMAT_I420:
    set_plane(layout, 0, info, 0, 0, 1);
    set_plane(layout, 1, info, info->sub_x, info->sub_y, 1);
    set_plane(layout, 2, info, info->sub_x, info->sub_y, 1);
    set_component(layout, 0, 0);
    set_component(layout, 1, 0);
    set_component(layout, 2, 0);
    return NULL;
  case DCN_FORMAT_RGB_PLANES:
    for (int c = 0; c < 3; c++) {
      set_plane(layout, c, info, 0, 0, 1);
      set_component(layout, c, 0);
    }
    return NULL;
  case DCN_FORMAT_YUYV:
    if (info->sub_x != 1 || info->sub_y != 0)
      return "packed pixels are not 4:2:2";
    if (info->r_offset < 0 || info->r_offset > 1 || info->g_offset < 0 || info->g_offset > 3 ||
        info->b_offset < 0 || info->b_offset > 3)
      return "a colour component lies outside of its group of pixels";
    set_plane(layout, 0, info, 0, 0, 2);
    set_plane(layout, 1, info, 1, 0, 4);
    set_component(layout, 0, info->r_offset);
    set_component(layout, 1, info->g_offset);
    set_component(layout, 1, info->b_offset);
    return NULL;
  case DCN_FORMAT_NV12:
    set_plane(layout, 0, info, 0, 0, 1);
    set_plane(layout, 1, info, info->sub_x, info->sub_y, 2);
    set_component(layout, 0, 0);
    set_component(layout, 1, info->v_first ? 1 : 0);
    set_component(layout, 1, info->v_first ? 0 : 1);
    return NULL;
  case DCN_FORMAT_RGB: {
    const int offset[3] = {info->r_offset, info->g_offset, info->b_offset};
    if (info->pixel_stride < 3 || info->pixel_stride > 4)
      return "packed pixels are not 3 or 4 bytes";
    for (int c = 0; c < 3; c++)
      if (offset[c] < 0 || offset[c] >= info->pixel_stride)
        return "a colour component lies outside of its pixel";
    set_plane(layout, 0, info, 0, 0, info->pixel_stride);
    for (int c = 0; c < 3; c++)
      set_component(layout, 0, offset[c]);
    return NULL;
  }
  case DCN_FORMAT_GRAY8:
    set_plane(layout, 0, info, 0, 0, 1);
    set_component(layout, 0, 0);
    return NULL;
  }
  return "the frame's format is not known";
}
