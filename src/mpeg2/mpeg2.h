/* deltacnn: what changed, from the macroblock layer of MPEG-2 and MPEG-1 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ISO/IEC 13818-2 (MPEG-2 video) and ISO/IEC 11172-2 (MPEG-1 video).  Headers down to the picture coding
 * extension are parsed by the caller and handed in; slices are parsed here, without reconstructing a sample.
 *
 * Use: set_sequence once per sequence header; then per coded picture begin_picture, slice for each slice in
 * order, end_picture.  begin_picture and end_picture are called for each field of a field pair.
 *
 * What the caller has to add, because only it sees the headers: reset
 *   - at a sequence_end_code, and where a sequence header was damaged or set_sequence refused it;
 *   - where a sequence header differs from the last one in anything else that makes a decoder start anew
 *     (libavcodec: the aspect ratio), before set_sequence.
 * At a group of pictures header without a sequence header, set_sequence may be called again with the same
 * values: after damage to field pictures that is where decoders pair fields anew.
 *
 * Without a reference: a P picture without one, or a B picture without a backward one, is not known.  A P picture
 * like that right after set_sequence (as libavcodec starts there) is followed by a new epoch in which a stand-in,
 * that nobody gets to see, has number 0 and is its first reference.
 *
 * Vectors (DcnVector), in the order of the macroblocks, forward before backward:
 *   frame prediction           one, h 16, field 0
 *   field, frame picture       two, both h 16: field 1 the top lines, field 2 the bottom lines
 *   field, field picture       one, h 32
 *   16x8, field picture        two, h 16 each: field lines 0-7 and 8-15 of the macroblock
 *   dual prime, frame picture  four, h 16: top from top, top from bottom, bottom from bottom, bottom from top
 *   dual prime, field picture  two, h 32: from the field of the same parity, from the other one
 *   P, no MC or skipped        one with a zero vector (field picture: from the field of the same parity)
 *   B, skipped                 one per direction of the macroblock before, with its (frame, or same parity)
 *                              vector
 * Concealment vectors of intra macroblocks are not partitions.  Rectangles may reach below coded_height and
 * beyond coded_width, to the end of the last macroblock (interlaced sequences: the last pair of rows).
 *
 * What libavcodec exports (AVMotionVector; half samples, dst the middle of the block) differs where:
 *   - a field picture's macroblock of row r is put at frame row 2 r, or 2 r + 1 for the bottom field, as a
 *     frame macroblock;
 *   - 16x8 and field vectors of frame pictures have their vertical component doubled (one field line is two
 *     frame lines), and are two 16x8 blocks, upper for the top field;
 *   - dual prime is exported as its transmitted vector only, not doubled;
 *   - a B macroblock skipped after a field or 16x8 predicted one is exported as two 16x8 blocks, both with the
 *     one vector, vertical component doubled;
 *   - with full_pel_*_vector a skipped B macroblock has half the vector (an error of libavcodec);
 *   - the frame that draining puts out at the end has none.
 *
 * Flags and quantisers of field pictures: a field macroblock counts for the two frame macroblocks it lies on;
 * intra or coded where either field is, skipped where both are, the larger quantiser. */
#pragma once
#include "coding/picture.h"
#include <stddef.h>

/* Sequence layer, 6.2.2.1 and 6.2.2.3. */
typedef struct {
  gboolean mpeg1;     /* no sequence_extension followed: ISO/IEC 11172-2 */
  int horizontal_size, vertical_size;
  int chroma_format;  /* table 6-5: 1 4:2:0, 2 4:2:2, 3 4:4:4 */
  gboolean progressive_sequence;
  gboolean scalable;  /* a sequence_scalable_extension is present: not understood */
} DcnMpeg2Sequence;

/* Picture header and picture coding extension, 6.2.3 and 6.2.3.1.  For MPEG-1 fill f_code from forward_f_code
 * and backward_f_code (both components alike), picture_structure 3, frame_pred_frame_dct 1, the rest 0. */
typedef struct {
  int temporal_reference;
  int picture_coding_type;             /* table 6-12: 1 I, 2 P, 3 B, 4 D */
  gboolean full_pel_forward_vector;    /* MPEG-1 only */
  gboolean full_pel_backward_vector;   /* MPEG-1 only */
  int f_code[2][2];                    /* [forward, backward][horizontal, vertical], 1..9 or 15 */
  int intra_dc_precision;
  int picture_structure;               /* table 6-14: 1 top field, 2 bottom field, 3 frame */
  gboolean top_field_first;
  gboolean frame_pred_frame_dct;
  gboolean concealment_motion_vectors;
  gboolean q_scale_type;
  gboolean intra_vlc_format;
  gboolean alternate_scan;
  gboolean progressive_frame;
} DcnMpeg2PictureHeader;

typedef struct _DcnMpeg2Extractor DcnMpeg2Extractor;

/* A new extractor with a new epoch and no references. */
DcnMpeg2Extractor *dcn_mpeg2_extractor_new(void);
void dcn_mpeg2_extractor_free(DcnMpeg2Extractor *extractor);

/* New epoch, references forgotten: flush, seek, discontinuity, lost data. */
void dcn_mpeg2_extractor_reset(DcnMpeg2Extractor *extractor);

/* The decoder is started anew, by the next sequence header or the one before. */
void dcn_mpeg2_extractor_new_decoder(DcnMpeg2Extractor *extractor);

/* As dcn_mpeg2_extractor_reset() where a sequence header or extension came that was not understood, and that decoders may obey: the pictures
 * until the next dcn_mpeg2_extractor_set_sequence() are not to be handed in. */
void dcn_mpeg2_extractor_forget_sequence(DcnMpeg2Extractor *extractor);

/* A sequence header.  A repeated one with equal values changes nothing, but that a first field still waiting for
 * its second is given up, as decoders do; a different one starts a new epoch.
 * FALSE and nothing changed when the values are out of range (size 1..16384 x 1..16384, chroma_format 1..3). */
gboolean dcn_mpeg2_extractor_set_sequence(DcnMpeg2Extractor *extractor, const DcnMpeg2Sequence *sequence, GError **error);

/* Starts a coded picture (a frame or one field).  Returns the picture it belongs to, a reference that the
 * caller owns: a new one for a frame or first field, the same one again for the second field of a pair
 * (*second_field then TRUE).  NULL without a sequence and when memory is short, else never; a header that cannot
 * be right gives a picture that is not known. */
DcnPicture *dcn_mpeg2_extractor_begin_picture(DcnMpeg2Extractor *extractor, const DcnMpeg2PictureHeader *header,
                                              gboolean *second_field);

/* One slice: data starts with its start code 00 00 01 xx (xx 01..AF) and ends before the next start code.
 * Errors are kept and show in the picture (unknown_reason): nothing to return. */
void dcn_mpeg2_extractor_slice(DcnMpeg2Extractor *extractor, const uint8_t *data, size_t size);

/* Ends the coded picture.  Macroblocks no slice covered make the picture not known.  The picture becomes
 * complete here, unless it is the first of two fields. A picture that is not known also ends the epoch for
 * all that follow it in decode order when it is (or may be) a reference, because the decoder's own
 * concealment and its choice of references cannot be foreseen. */
void dcn_mpeg2_extractor_end_picture(DcnMpeg2Extractor *extractor);
