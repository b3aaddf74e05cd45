/* deltacnn: state shared by the stages of the MPEG-2 macroblock layer.  Internal to src/mpeg2.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One coded picture passes, per slice, through
 *   slice.c       slice header, macroblock addresses, skipped
 * macroblocks          6.2.4, 6.2.5, 7.6.6 macroblock.c  macroblock modes, quantiser, order of the
 * parts                  6.2.5, 6.3.17 motion.c      motion vectors, dual prime, predictors
 * 6.2.5.2, 7.6.3 block.c       coded_block_pattern and DCT
 * coefficients                         6.2.5.3, 6.2.6, 7.2 inherit.c     what a macroblock means
 * for born, flags, quantisers and vectors extractor.c keeps sequences, references and field pairs.
 */
#pragma once
#include "bits/bit_reader.h"
#include "mpeg2/mpeg2.h"
#include "mpeg2/tables.h"

#define DCN_MPEG2_TOP_FIELD    1
#define DCN_MPEG2_BOTTOM_FIELD 2
#define DCN_MPEG2_FRAME        3

#define DCN_MPEG2_I 1
#define DCN_MPEG2_P 2
#define DCN_MPEG2_B 3
#define DCN_MPEG2_D 4

/* How a macroblock is predicted: tables 6-17 and 6-18. */
typedef enum {
  DCN_MOTION_FRAME, /* frame picture, one vector, a frame prediction */
  DCN_MOTION_FIELD, /* one field prediction per vector: two in a frame picture, one in a field
                       picture */
  DCN_MOTION_16X8,  /* field picture, a vector for the upper and one for the lower half */
  DCN_MOTION_DUAL_PRIME
} DcnMotionType;

/* One macroblock, after 6.2.5. */
typedef struct {
  int type; /* DCN_MPEG2_INTRA and so on; 0 is not intra and without vectors of its own */
  DcnMotionType motion_type;
  gboolean dct_type;      /* field DCT; frame pictures only */
  gboolean skipped;       /* not in the bitstream: 7.6.6 */
  unsigned pattern;       /* bit i: pattern_code[i], block i is coded (figure 6-10 to 6-12) */
  int vector[2][2][2];    /* vector'[r][s][t] of 7.6.3.1, half samples */
  int field_select[2][2]; /* motion_vertical_field_select[r][s] */
  int dmvector[2];
} DcnMacroblock;

/* Set once per coded picture by the extractor. */
typedef struct {
  const DcnVlc *tables;
  const DcnMpeg2Sequence *sequence;
  DcnMpeg2PictureHeader header;
  int mb_width;        /* macroblocks per row */
  int mb_height;       /* rows of the coded picture, so of the field in a field picture */
  int block_count;     /* 6, 8 or 12 */
  DcnPicture *picture; /* the frame */
  /* References, or NULL.  In the second field of a P frame, opposite parity means `picture` itself.
   */
  const DcnPicture *reference[2];
  gboolean second_field;
  uint32_t *first_field_born; /* per 8x8 block: what the lines of the first field were copied from,
                                 or DCN_NUMBER_NONE; field pictures only */
  GArray *vectors;            /* of DcnVector, scratch */
  int next_address;  /* of the macroblock that has to come next; all before it are covered */
  const char *error; /* static string; set once, nothing is parsed after it */
} DcnMpeg2Coded;

/* Per slice. */
typedef struct {
  DcnMpeg2Coded *coded;
  DcnBitReader reader;
  int predictor[2][2][2]; /* PMV[r][s][t], 7.6.3 */
  int quantiser_scale;
  DcnMacroblock macroblock;
} DcnMpeg2Slice;

/* Every function that returns gboolean: FALSE after an error, coded->error then says which. */

static inline gboolean
dcn_mpeg2_fail(DcnMpeg2Slice *slice, const char *reason)
{
  if (!slice->coded->error)
    slice->coded->error = slice->reader.error ? "slice is cut off" : reason;
  return FALSE;
}

/* slice.c: reads one slice, start code included. */
gboolean dcn_mpeg2_slice(DcnMpeg2Coded *coded, const uint8_t *data, size_t size);

/* macroblock.c: reads what follows macroblock_address_increment into slice->macroblock. */
gboolean dcn_mpeg2_macroblock(DcnMpeg2Slice *slice);
/* quantiser_scale_code, 5 bits, which slices have as well; 7.4.2.2 */
gboolean dcn_mpeg2_quantiser_scale(DcnMpeg2Slice *slice);

/* motion.c: motion_vectors(s), s 0 forward, 1 backward, into slice->macroblock and the predictors.
 */
gboolean dcn_mpeg2_motion_vectors(DcnMpeg2Slice *slice, int s);
/* 7.6.3.4 */
void dcn_mpeg2_reset_predictors(DcnMpeg2Slice *slice);
/* Dual prime, 7.6.3.6: the vector that predicts from the field of opposite parity.  m: 1, 2 or 3
 * field distances against one, as in table 7-12 (1 or 3 in frame pictures, 1 in field pictures);
 * to_top: the predicted field is the top one. */
void dcn_mpeg2_dual_prime(const DcnMacroblock *macroblock, int m, gboolean to_top, int vector[2]);

/* block.c */
gboolean dcn_mpeg2_coded_block_pattern(DcnMpeg2Slice *slice);
gboolean dcn_mpeg2_blocks(DcnMpeg2Slice *slice);

/* inherit.c: enters slice->macroblock at macroblock address mb_y * mb_width + mb_x .. + count - 1
 * of the coded picture.  count > 1 for runs of equal skipped macroblocks in one row. */
void dcn_mpeg2_inherit(DcnMpeg2Slice *slice, int mb_x, int mb_y, int count);
