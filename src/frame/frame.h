/* deltacnn: a raw video frame in memory, described without GStreamer.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <stdint.h>

typedef enum {
  DCN_FORMAT_I420, /* also YV12, with planes given in the order Y U V; any subsampling through sub_x, sub_y */
  DCN_FORMAT_YUYV, /* YUY2, UYVY and the like: 4:2:2 in one plane, component offsets of Y U V in r_offset.. */
  DCN_FORMAT_NV12, /* Y plane, interleaved UV plane; NV21 through v_first */
  DCN_FORMAT_RGB,  /* packed, pixel_stride 3 or 4, component offsets in r_offset.. */
  DCN_FORMAT_RGB_PLANES, /* planes given in the order R G B */
  DCN_FORMAT_GRAY8
} DcnFormat;

/* What is fixed for a stream.  Sizes in luma samples. */
typedef struct {
  DcnFormat format;
  int width, height;
  int sub_x, sub_y;   /* log2 of chroma subsampling: 4:2:0 1,1; 4:2:2 1,0; 4:4:4 0,0 */
  gboolean v_first;   /* NV21 */
  int pixel_stride, r_offset, g_offset, b_offset; /* bytes; packed kinds only */
  double kr, kb;      /* luma coefficients of the colour matrix: 601 0.299, 0.114; 709 0.2126, 0.0722 */
  gboolean full_range; /* 0..255 instead of 16..235 / 16..240 */
  /* Where chroma samples lie, in luma samples, relative to the top left luma sample of their group:
   * MPEG-2 (left) 0, 0.5; JPEG/MPEG-1 (centre) 0.5, 0.5; co-sited 0, 0. */
  double chroma_x, chroma_y;
} DcnFrameInfo;

/* One frame.  The planes are read only between the call that gets them and its return. */
typedef struct {
  /* Y U V; R G B; Y UV; or the packed plane; of YUYV where luma and where chroma begins, which are the same but where luma
   * begins within a group */
  const uint8_t *plane[3];
  int stride[3];           /* bytes from one line to the next */
} DcnFrame;
