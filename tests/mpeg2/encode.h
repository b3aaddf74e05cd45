/* Test help: writes MPEG-2 and MPEG-1 video from descriptions of macroblocks.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The other side of src/mpeg2, written apart from it: it keeps its own predictors, and knows codes
 * by the strings of the standard. */
#pragma once
#include "mpeg2/mpeg2.h"

/* Bits. */
typedef struct {
  GByteArray *bytes;
  unsigned partial; /* bits not yet in bytes, right aligned */
  int n_partial;
} Bits;

void bits_init(Bits *bits);
void bits_clear(Bits *bits);
void bits_put(Bits *bits, int n, unsigned value);
void bits_code(Bits *bits, const char *code); /* "0" and "1", blanks are skipped */
void bits_align(Bits *bits);                  /* with zeros */
void bits_start_code(Bits *bits, int value);

/* Prediction of a macroblock, as in tables 6-17 and 6-18. */
typedef enum { MC_FRAME, MC_FIELD, MC_16X8, MC_DUAL_PRIME } Mc;

/* One macroblock.  Zero is: not intra, no vectors, nothing coded. */
typedef struct {
  gboolean intra;
  gboolean forward, backward; /* P: neither means "no MC" */
  Mc mc;
  int vector[2][2][2]; /* [r][s][t], half samples */
  int select[2][2];    /* [r][s] motion_vertical_field_select */
  int dmvector[2];
  gboolean dct_type;
  unsigned pattern;     /* bit i: block i; not for intra */
  int quantiser;        /* quantiser_scale_code where it changes, else 0 */
  int concealment[2];   /* vector, where the picture has concealment vectors and the macroblock is
                           intra */
  gboolean long_blocks; /* coefficients up to the last one, with escapes */
} Mb;

typedef struct {
  DcnMpeg2Sequence sequence;
  DcnMpeg2PictureHeader header;
  int mb_width, mb_height; /* of the coded picture */
  int block_count;
  int predictor[2][2][2];
  Bits bits;
  GRand *rand; /* picks coefficients */
} Encoder;

/* Starts a coded picture; bits are empty then. */
void encoder_init(Encoder *encoder, const DcnMpeg2Sequence *sequence,
                  const DcnMpeg2PictureHeader *header, guint32 seed);
void encoder_clear(Encoder *encoder);

/* A slice: start code and header, up to the first macroblock_address_increment.  extra: that many
 * extra_information_slice bytes, the first of them intra_slice. */
void encode_slice(Encoder *encoder, int mb_row, int quantiser_scale_code, int extra);
/* A macroblock, after skipped ones (for the first of a slice: its column). */
void encode_macroblock(Encoder *encoder, int skipped, const Mb *mb);
/* Aligns the end of the slice. */
void encode_slice_end(Encoder *encoder);

void encode_address_increment(Bits *bits, int increment);
void encode_coefficient(Bits *bits, const DcnMpeg2Sequence *sequence, gboolean table_one, int run,
                        int level);

/* Headers for an elementary stream that a decoder takes. */
void encode_sequence_header(Bits *bits, const DcnMpeg2Sequence *sequence);
void encode_picture_header(Bits *bits, const DcnMpeg2Sequence *sequence,
                           const DcnMpeg2PictureHeader *header);

/* Cuts bytes at slice start codes and hands each to the extractor. */
void feed_slices(DcnMpeg2Extractor *extractor, const guint8 *data, gsize size);
