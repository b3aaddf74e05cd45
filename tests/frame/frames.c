/* deltacnn: frames for tests, in memory that fits exactly.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frames.h"
#include <stdlib.h>

const TestFormat test_formats[] = {
    {"I420 601 mpeg2",
     {DCN_FORMAT_I420, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"I420 709 jpeg",
     {DCN_FORMAT_I420, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.2126, 0.0722, FALSE, 0.5, 0.5}},
    {"I420 full cosited",
     {DCN_FORMAT_I420, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, TRUE, 0, 0}},
    {"Y42B", {DCN_FORMAT_I420, 0, 0, 1, 0, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"Y41B", {DCN_FORMAT_I420, 0, 0, 2, 0, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"YUV9", {DCN_FORMAT_I420, 0, 0, 2, 2, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 1.5, 1.5}},
    {"Y444", {DCN_FORMAT_I420, 0, 0, 0, 0, FALSE, 0, 0, 0, 0, 0.2126, 0.0722, FALSE, 0, 0}},
    {"NV12", {DCN_FORMAT_NV12, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"NV21", {DCN_FORMAT_NV12, 0, 0, 1, 1, TRUE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"NV16", {DCN_FORMAT_NV12, 0, 0, 1, 0, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
    {"NV24", {DCN_FORMAT_NV12, 0, 0, 0, 0, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0}},
    {"YUY2", {DCN_FORMAT_YUYV, 0, 0, 1, 0, FALSE, 0, 0, 1, 3, 0.299, 0.114, FALSE, 0, 0.5}},
    {"VYUY", {DCN_FORMAT_YUYV, 0, 0, 1, 0, FALSE, 0, 1, 2, 0, 0.2126, 0.0722, FALSE, 0.5, 0.5}},
    {"RGB", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 3, 0, 1, 2, 0, 0, TRUE, 0, 0}},
    {"BGR", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 3, 2, 1, 0, 0, 0, TRUE, 0, 0}},
    {"RGBx", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 4, 0, 1, 2, 0, 0, TRUE, 0, 0}},
    {"xBGR", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 4, 3, 2, 1, 0, 0, TRUE, 0, 0}},
    {"GBR", {DCN_FORMAT_RGB_PLANES, 0, 0, 0, 0, FALSE, 0, 0, 0, 0, 0, 0, TRUE, 0, 0}},
    {"GRAY8", {DCN_FORMAT_GRAY8, 0, 0, 0, 0, FALSE, 0, 0, 0, 0, 0, 0, TRUE, 0, 0}},
};
const int n_test_formats = G_N_ELEMENTS(test_formats);

DcnFrameInfo
test_info(const TestFormat *format, int width, int height)
{
  DcnFrameInfo info = format->info;
  info.width = width;
  info.height = height;
  return info;
}

int
test_n_components(const DcnFrameInfo *info)
{
  return info->format == DCN_FORMAT_GRAY8 ? 1 : 3;
}

static gboolean
is_sub_sampled(const DcnFrameInfo *info)
{
  return info->format == DCN_FORMAT_I420 || info->format == DCN_FORMAT_NV12 ||
         info->format == DCN_FORMAT_YUYV;
}

void
test_component_size(const DcnFrameInfo *info, int component, int *width, int *height)
{
  int x = 1, y = 1;
  if (component > 0 && is_sub_sampled(info)) {
    x = 1 << info->sub_x;
    y = 1 << info->sub_y;
  }
  *width = (info->width + x - 1) / x;
  *height = (info->height + y - 1) / y;
}

TestFrame *
test_frame_new(const DcnFrameInfo *info, int stride_extra, gboolean flip)
{
  TestFrame *frame = g_new0(TestFrame, 1);
  frame->info = *info;
  frame->n_planes = info->format == DCN_FORMAT_NV12 ? 2 : 3;
  if (info->format == DCN_FORMAT_RGB || info->format == DCN_FORMAT_YUYV ||
      info->format == DCN_FORMAT_GRAY8)
    frame->n_planes = 1;
  for (int p = 0; p < frame->n_planes; p++) {
    int width, height;
    test_component_size(info, p, &width, &height);
    if (info->format == DCN_FORMAT_RGB)
      width *= info->pixel_stride;
    else if (info->format == DCN_FORMAT_YUYV)
      width = (width + 1) / 2 * 4;
    else if (info->format == DCN_FORMAT_NV12 && p == 1)
      width *= 2;
    int stride = width + stride_extra;
    frame->size[p] = (size_t)stride * (height - 1) + width;
    frame->memory[p] = malloc(frame->size[p]);
    frame->frame.plane[p] =
        flip ? frame->memory[p] + (size_t)stride * (height - 1) : frame->memory[p];
    frame->frame.stride[p] = flip ? -stride : stride;
  }
  if (info->format == DCN_FORMAT_YUYV) {
    frame->frame.plane[1] = frame->frame.plane[0];
    frame->frame.stride[1] = frame->frame.stride[0];
  }
  return frame;
}

void
test_frame_free(TestFrame *frame)
{
  for (int p = 0; p < frame->n_planes; p++)
    free(frame->memory[p]);
  g_free(frame);
}

void
test_frame_randomise(TestFrame *frame, GRand *rand)
{
  for (int p = 0; p < frame->n_planes; p++)
    for (size_t i = 0; i < frame->size[p]; i++)
      frame->memory[p][i] = (uint8_t)g_rand_int(rand);
}

uint8_t *
test_sample(const TestFrame *frame, int component, int x, int y)
{
  const DcnFrameInfo *info = &frame->info;
  int plane = 0, offset = x;
  if (info->format == DCN_FORMAT_RGB) {
    const int byte[3] = {info->r_offset, info->g_offset, info->b_offset};
    offset = x * info->pixel_stride + byte[component];
  } else if (info->format == DCN_FORMAT_I420 || info->format == DCN_FORMAT_RGB_PLANES) {
    plane = component;
  } else if (info->format == DCN_FORMAT_YUYV) {
    const int byte[3] = {info->r_offset, info->g_offset, info->b_offset};
    offset = x * (component == 0 ? 2 : 4) + byte[component];
  } else if (info->format == DCN_FORMAT_NV12 && component > 0) {
    plane = 1;
    offset = x * 2 + ((component == 2) != info->v_first);
  }
  return (uint8_t *)frame->frame.plane[plane] + (ptrdiff_t)y * frame->frame.stride[plane] + offset;
}

int
test_block_of(const DcnFrameInfo *info, int component, int x, int y)
{
  if (component > 0 && is_sub_sampled(info)) {
    x <<= info->sub_x;
    y <<= info->sub_y;
  }
  return y / 8 * ((info->width + 7) / 8) + x / 8;
}
