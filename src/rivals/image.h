/* deltacnn: what the rivals look at: the network's input as an 8-bit image, and where it lies in the
 * frame. SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/frame.h"
#include "frame/tensor.h"

typedef struct {
  int width, height, channels;
  const uint8_t *samples; /* [height][width][channels] */
} DcnImage;

/* A block's place in an image, pixels. */
typedef struct {
  int x, y, w, h;
} DcnBlock;

/* As a codec's vector: what is at p now was at p + offset then.  Pixels. */
typedef struct {
  int x, y;
} DcnOffset;

/* Undoes the normalisation of a tensor ([height][width][spec->channel_stride] floats) and rounds, so
 * that distances are those of samples 0..255, as in the papers.
 * samples: [height * width * spec->channels] */
void dcn_image_from_tensor(const DcnTensorSpec *spec, const float *tensor, uint8_t *samples);

/* Where the tensor's pixels lie: tensor x = (frame x - left) * scale_x, likewise y. */
typedef struct {
  double left, top, scale_x, scale_y;
} DcnPlacement;

DcnPlacement dcn_placement(const DcnFrameInfo *info, const DcnTensorSpec *spec);
