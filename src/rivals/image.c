/* deltacnn: the network's input as an 8-bit image, and where it lies in the frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/image.h"

void
dcn_image_from_tensor(const DcnTensorSpec *spec, const float *tensor, uint8_t *samples)
{
  size_t pixels = (size_t)spec->width * spec->height;
  int channels = spec->channels;
  float scale[3], offset[3];
  for (int c = 0; c < channels; c++) {
    scale[c] = spec->scale[c] != 0 ? 1 / spec->scale[c] : 0;
    offset[c] = spec->offset[c];
  }
  for (size_t p = 0; p < pixels; p++, tensor += spec->channel_stride, samples += channels)
    for (int c = 0; c < channels; c++) {
      float sample = (tensor[c] - offset[c]) * scale[c] + 0.5f;
      samples[c] = sample >= 255 ? 255 : sample > 0 ? (uint8_t)sample : 0;
    }
}

/* As frame/tensor.c takes it from the frame. */
DcnPlacement
dcn_placement(const DcnFrameInfo *info, const DcnTensorSpec *spec)
{
  double width = info->width, height = info->height;
  if (spec->resize == DCN_RESIZE_CROP) {
    width = MIN(width, (double)info->height * spec->width / spec->height) * spec->crop_fraction;
    height = MIN(height, (double)info->width * spec->height / spec->width) * spec->crop_fraction;
  }
  return (DcnPlacement){.left = (info->width - width) / 2,
                        .top = (info->height - height) / 2,
                        .scale_x = spec->width / width,
                        .scale_y = spec->height / height};
}
