/* deltacnn: when nobody knows which pictures decoders of H.264 hold.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "h264/state.h"

/* All zero, but for what dcn_h264_doubt_start() sets, at the start of a stream. */
typedef struct {
  gboolean epoch_is_over;  /* the next picture starts a new epoch; the extractor clears it then */
  gboolean in_doubt;       /* which references a decoder holds is not known */
  gboolean wait_for_start; /* and none counts before an I picture or a recovery point */
  gboolean recovery_point; /* the open, or next picture is one */
  gboolean field_was_lost; /* a field came without its partner, or damaged, any time before */
  gboolean long_term_used; /* since the last IDR picture */
  gboolean cavlc;          /* a slice of the open picture, parsed or not, is coded so */
  int leftovers;           /* pictures in which coefficients left over in a decoder may yet turn up */
} DcnH264Doubt;

/* Before the first picture, or behind a gap in the stream: a decoder may skip all that comes before an I picture. */
void dcn_h264_doubt_start(DcnH264Doubt *doubt, DcnH264Dpb *dpb);

/* Something happened after which the references of decoders may differ. */
void dcn_h264_doubt_raise(DcnH264Doubt *doubt, DcnH264Dpb *dpb);

/* Data was not parsed to its end: coefficients of it may be left over in a decoder. */
void dcn_h264_doubt_leftovers(DcnH264Doubt *doubt);

/* The marking commands of a picture that ended. */
void dcn_h264_doubt_markings(DcnH264Doubt *doubt, const DcnH264SliceHeader *header);

/* The coded picture (a frame or a field) ended and was marked: what its frame's picture and those that follow may still
 * claim.  Sets the picture unknown where it may claim nothing. */
void dcn_h264_doubt_end_picture(DcnH264Doubt *doubt, DcnH264Dpb *dpb, DcnH264Coded *coded, DcnH264MapPool *pool);

/* The frame is complete: whether the pictures held for reference are certain again. */
void dcn_h264_doubt_settle(DcnH264Doubt *doubt, const DcnH264Dpb *dpb);
