/* Test help: random valid streams, with what a decoder makes of every sample.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "encode.h"

/* Origin of every sample of a frame: equal origins mean equal samples in any decoder.  A sample
 * that is not a plain copy gets an origin of its own. */
typedef struct {
  guint64 *plane[3];
} Origins;

/* One frame: a frame picture or two fields. */
typedef struct {
  int type;
  gboolean field_pair;
  int n_coded; /* 1 or 2 */
  DcnMpeg2PictureHeader header[2];
  GByteArray *slices[2];
  GArray *vectors;   /* of DcnVector; ref_number counts frames of the stream */
  guint8 *flags;     /* [mb_rows * mb_cols] */
  guint8 *quantiser; /* [mb_rows * mb_cols] */
  Origins origins;
} Frame;

typedef struct {
  DcnMpeg2Sequence sequence;
  int width[3], height[3]; /* of the planes, whole macroblocks */
  int mb_cols, mb_rows;    /* that are shown */
  gboolean any_field_pair;
  GPtrArray *frames; /* of Frame, decode order */
} Stream;

/* What may occur. */
typedef struct {
  DcnMpeg2Sequence sequence;
  int n_frames;
  gboolean field_pictures;
  gboolean b_pictures;
  int slices_per_row; /* 0: MPEG-1 slices over several rows */
} StreamPlan;

Stream *stream_new(const StreamPlan *plan, guint32 seed);
void stream_free(Stream *stream);

/* Whether all samples of an 8x8 luma block and the chroma under it, as far as shown, have equal
 * origins. */
gboolean stream_block_equal(const Stream *stream, const Frame *a, const Frame *b, int col, int row);

/* The whole as an elementary stream. */
GByteArray *stream_bytes(const Stream *stream);
