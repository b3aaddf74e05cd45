/* deltacnn: where the components of a frame lie in its planes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/frame.h"

/* A plane: `height` rows of `width` positions of `step` bytes each. */
typedef struct {
  int width, height;
  int step;         /* bytes from one sample of a component to the next */
  int sub_x, sub_y; /* log2 of luma samples per position */
} DcnPlane;

/* A component's place: bytes into each position of a plane. */
typedef struct {
  int plane, offset;
} DcnComponent;

typedef struct {
  int n_planes, n_components;
  DcnPlane plane[3];
  DcnComponent component[3]; /* Y U V, R G B, or Y */
} DcnLayout;

#define DCN_FRAME_MAX 32768 /* luma samples each way */

/* Fills in the layout.  Returns NULL, or what is wrong with info (a static string). */
const char *dcn_layout_init(DcnLayout *layout, const DcnFrameInfo *info);
