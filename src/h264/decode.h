/* deltacnn: macroblocks of one coded H.264 picture, as its slice data says them.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Slice data (ITU-T H.264 7.3.4, 7.3.5, clause 9) is read here without reconstructing a sample:
 *   slice.c        slice_data(): addresses, skipped macroblocks, field decoding flags, quantiser
 *   macroblock.c   macroblock_layer(): types, prediction modes, reference indices, vector differences
 *   cavlc.c        Exp-Golomb codes and residual blocks, clause 9.1 and 9.2
 *   cabac.c        binarisations and their contexts, clause 9.3
 *   cabac-residual.c   residual blocks, clause 9.3
 *   neighbours.c   which macroblock covers a neighbouring location, 6.4.9 to 6.4.12
 *   tables.c       code tables of clauses 9.1 and 9.2;  cabac-tables.c  those of 9.3
 * What a macroblock means (motion, copies) is derived from DcnH264Mb by others; parsing never needs it. */
#pragma once
#include "h264/h264.h"

/* Tables 7-11 to 7-14, as far as anything but the syntax tells types apart.  P and B types of one shape are one:
 * which lists a partition uses is in DcnH264Mb.sub. */
typedef enum {
  DCN_H264_MB_I_4X4,
  DCN_H264_MB_I_8X8,
  DCN_H264_MB_I_16X16,
  DCN_H264_MB_I_PCM,
  DCN_H264_MB_SI,
  DCN_H264_MB_LAST_INTRA = DCN_H264_MB_SI,
  DCN_H264_MB_16X16,
  DCN_H264_MB_16X8,
  DCN_H264_MB_8X16,
  DCN_H264_MB_8X8,    /* P_8x8, P_8x8ref0, B_8x8: see sub */
  DCN_H264_MB_DIRECT, /* B_Direct_16x16 */
  DCN_H264_MB_P_SKIP,
  DCN_H264_MB_B_SKIP
} DcnH264MbType;

/* DcnH264Mb.flags */
#define DCN_H264_MB_FIELD 1         /* mb_field_decoding_flag, sent or inferred; only in MBAFF frames */
#define DCN_H264_MB_TRANSFORM_8X8 2 /* transform_size_8x8_flag */
#define DCN_H264_MB_CHROMA 4        /* a chroma coefficient is not zero, DC or AC (4:4:4: Cb or Cr) */
#define DCN_H264_MB_LUMA_DC 8       /* I_16x16: a luma DC coefficient is not zero */

/* DcnH264Mb.sub, one per 8x8 quarter in the order of figure 6-10 (upper left, upper right, lower left, lower right).
 * Which lists are used is repeated in each quarter of a 16x16, 16x8 or 8x16 partition; 0 in intra macroblocks. */
#define DCN_H264_SUB_L0 1
#define DCN_H264_SUB_L1 2
#define DCN_H264_SUB_8X8 0 /* shape of the sub-macroblock partitions, only where type is 8X8: 8 wide, 8 high */
#define DCN_H264_SUB_8X4 4
#define DCN_H264_SUB_4X8 8
#define DCN_H264_SUB_4X4 12
#define DCN_H264_SUB_SHAPE 12
#define DCN_H264_SUB_DIRECT 16 /* B_Skip, B_Direct_16x16, B direct_8x8: lists and indices are derived, not sent */

typedef struct {
  uint16_t slice;              /* 0 not decoded, else the number of its slice in the picture, from 1 */
  uint8_t type;                /* DcnH264MbType */
  uint8_t flags;               /* DCN_H264_MB_* */
  uint8_t coded_block_pattern; /* CodedBlockPatternLuma | CodedBlockPatternChroma << 4; I_PCM: 0x2f */
  int8_t qp;                   /* QP_Y, from -QpBdOffset_Y; I_PCM 0, as 8.7.2.2 takes it */
  /* Bit 4 * y + x: the 4x4 luma block of that column and row holds a coefficient that is not zero (I_16x16: AC), or is part
   * of such an 8x8 block of an 8x8 transform.  I_PCM: all. */
  uint16_t nonzero;
  uint8_t sub[4];        /* DCN_H264_SUB_* */
  int8_t ref_idx[2][4];  /* per list and quarter; -1 where the list is not used, and in direct and intra ones */
  /* Vector differences in the order of the syntax: all of list 0, then all of list 1, partition by partition (and
   * sub-macroblock partition by partition), of those that are not direct and use the list.  Index of the first one in
   * DcnH264Picture.mvd. */
  uint32_t first_mvd;
} DcnH264Mb;

typedef struct _DcnH264Context DcnH264Context; /* what the syntax needs of neighbours, syntax.h */

/* The macroblocks of one coded picture: a frame, or one field.  Zero it before the first use. */
typedef struct {
  int chroma_array_type;
  int bit_depth_luma, bit_depth_chroma;
  int mb_width, mb_height; /* macroblocks of the coded picture, so of the field in a field picture */
  gboolean mbaff;          /* MbaffFrameFlag: addresses go by pairs, 6.4.1 */
  gboolean field;          /* field_pic_flag */
  gboolean direct_8x8_inference;
  int n_slices;          /* begun so far */
  int n_decoded;         /* macroblocks decoded so far */
  DcnH264Mb *mbs;        /* [mb_width * mb_height] by macroblock address */
  int16_t (*mvd)[2];     /* horizontal, vertical */
  uint32_t n_mvd, mvd_capacity;
  DcnH264Context *contexts; /* [mb_width * mb_height] */
  int capacity;          /* macroblocks allocated */
  uint8_t *rbsp;         /* slice data without emulation prevention bytes, then zeros */
  size_t rbsp_capacity;
} DcnH264Macroblocks;

/* Called after every macroblock, or run of skipped macroblocks, with the first address and the number of them in order
 * of addresses.  MBAFF: always whole pairs, so both have their field decoding flags. */
typedef void (*DcnH264MbFunc)(void *user, int mb_addr, int count);

/* Begins a coded picture: no macroblock decoded, no slices.  Sizes 1..1024 macroblocks each way are the caller's promise
 * (and an even frame height where frame_mbs_only_flag is 0).  FALSE when memory is short. */
gboolean dcn_h264_macroblocks_begin(DcnH264Macroblocks *macroblocks, const DcnH264Sps *sps, gboolean field_pic_flag);

/* Frees what it holds, not itself. */
void dcn_h264_macroblocks_clear(DcnH264Macroblocks *macroblocks);

/* Reads one slice of the picture; its number is n_slices after the call.
 * nal, size, header_bits   as dcn_h264_extractor_slice() takes them
 * func                     may be NULL
 * Returns NULL, or what was wrong, a static string: macroblocks before the error are decoded, and func was called for them
 * (MBAFF: not for half a pair).  A macroblock that another slice has is an error: leave redundant slices out. */
const char *dcn_h264_slice_data(DcnH264Macroblocks *macroblocks, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
                                const uint8_t *nal, size_t size, size_t header_bits, DcnH264MbFunc func, void *user);

/* Column and row of a macroblock in units of macroblocks; 6.4.1.  MBAFF: a field macroblock is put where the frame
 * macroblock of its address is. */
static inline void
dcn_h264_mb_position(const DcnH264Macroblocks *m, int mb_addr, int *x, int *y)
{
  int pair = m->mbaff ? mb_addr >> 1 : mb_addr;
  *x = pair % m->mb_width;
  *y = m->mbaff ? 2 * (pair / m->mb_width) + (mb_addr & 1) : pair / m->mb_width;
}

static inline gboolean
dcn_h264_mb_is_intra(const DcnH264Mb *mb)
{
  return mb->type <= DCN_H264_MB_LAST_INTRA;
}

/* neighbours.c: the macroblock that covers luma location (x, y) relative to the upper left sample of mb_addr (which is
 * decoded, or at least has its slice and field decoding flag set), 6.4.12: -1 <= x <= 16, -1 <= y <= 15.
 * any_slice    FALSE: macroblocks of other slices are not available, 6.4.8; TRUE: all that are decoded are
 * y_inside     out: yW, the row in the macroblock found (its own lines, if it is a field macroblock of a frame);
 *              xW is (x + 16) % 16
 * Returns its address, mb_addr itself for a location inside, -1 where it is not available. */
int dcn_h264_neighbour(const DcnH264Macroblocks *macroblocks, int mb_addr, int x, int y, gboolean any_slice, int *y_inside);
