/* deltacnn: frame to tensor, incrementally.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Crop or stretch, scaling (area coverage when shrinking, bilinear when enlarging), colour conversion, rounding to
 * 8 bits and normalisation in one step, only for the tensor pixels whose source blocks changed.  A pixel's value
 * depends on the frame alone, never on which other pixels are computed with it: recomputing all or some of them
 * gives the same bits.
 *
 * Rounding: networks are trained on, and everywhere else given, 8-bit RGB.  Coding noise that moves a few of the
 * samples under a pixel by 1 then mostly leaves the pixel as it was, to the bit, and nothing of it reaches the
 * network; kept in full precision, each would. */
#pragma once
#include "frame/frame.h"

typedef enum {
  DCN_RESIZE_STRETCH, /* the whole frame, aspect ratio given up */
  DCN_RESIZE_CROP     /* the largest centred rectangle of the tensor's aspect ratio, times crop_fraction */
} DcnResize;

typedef enum { DCN_COLOR_RGB, DCN_COLOR_BGR, DCN_COLOR_GRAY } DcnColorOrder;

typedef struct {
  int width, height;     /* of the tensor */
  int channels;          /* 3, or 1 with DCN_COLOR_GRAY */
  int channel_stride;    /* floats from one pixel to the next in the tensor (NHWC), >= channels */
  DcnColorOrder order;
  DcnResize resize;
  double crop_fraction;  /* (0, 1]; 0.875 for the usual 256 -> 224 */
  float scale[3], offset[3]; /* value = sample (a whole number, 0..255) * scale + offset, per tensor channel */
} DcnTensorSpec;

typedef struct _DcnFrameToTensor DcnFrameToTensor;

/* Plans the conversion (filters, footprints).  NULL with DCN_ERROR_INVALID on impossible sizes. */
DcnFrameToTensor *dcn_frame_to_tensor_new(const DcnFrameInfo *info, const DcnTensorSpec *spec, GError **error);
void dcn_frame_to_tensor_free(DcnFrameToTensor *convert);

/* Recomputes the tensor pixels that a changed block can reach (and others where that is faster), and writes those that come out
 * otherwise than they are.
 * changed  [ceil(height/8) * ceil(width/8)] bytes over the frame, 8x8 luma blocks, != 0 where samples may have
 *          changed (luma or the chroma under it); NULL: everything changed
 * tensor   [height][width][channel_stride] floats, as the last call left them; those of another tensor than the last
 *          call's are not known: all that is recomputed is written
 * touched  [height][width] bytes, set to 1 where a pixel was written, else to 0
 * threads  as in dcn_parallel_for
 * Returns the number of pixels written. */
int dcn_frame_to_tensor_run(DcnFrameToTensor *convert, const DcnFrame *frame, const uint8_t *changed, float *tensor,
                            uint8_t *touched, int threads);

/* Where the last call may have set `touched`: [height][ceil(width / 4096)] words, of a row's bit i & 63 of word i >> 6
 * stands for pixels 64 * i to 64 * i + 63; NULL: anywhere.  Owned by the converter, until the next call. */
const uint64_t *dcn_frame_to_tensor_near(const DcnFrameToTensor *convert);

/* Whether to leave pixels that no changed block can reach as they are, whatever takes longer.  Off at first.  It makes a
 * difference where blocks changed that are said not to have. */
void dcn_frame_to_tensor_set_only_reached(DcnFrameToTensor *convert, gboolean only_reached);

/* Whether the last call recomputed all pixels: where not much less would have been recomputed otherwise, that is faster. */
gboolean dcn_frame_to_tensor_was_whole(const DcnFrameToTensor *convert);

/* The blocks that have a part in pixels of `touched`.
 * blocks   [ceil(height/8) * ceil(width/8)] bytes over the frame, set to 1 or 0
 * Returns how many are 1. */
int dcn_frame_to_tensor_blocks(DcnFrameToTensor *convert, const uint8_t *touched, uint8_t *blocks);

/* Whether the pixels that these blocks (as `changed` above, not NULL) can reach, and some between them, are in the tensor
 * of the last call what the frame makes of them. */
gboolean dcn_frame_to_tensor_check(DcnFrameToTensor *convert, const DcnFrame *frame, const uint8_t *blocks);
