/* deltacnn: variable length code tables of ISO/IEC 13818-2 annex B.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows stand in the standard's order; the look-ups are built from them once per process.  ISO/IEC
 * 11172-2 has the same codes, except macroblock_stuffing and table B.2d (D pictures), which are
 * given apart. */
#pragma once
#include "bits/vlc.h"

/* macroblock_type, tables B.2 to B.4: what the five columns say. */
#define DCN_MPEG2_QUANT           1
#define DCN_MPEG2_MOTION_FORWARD  2
#define DCN_MPEG2_MOTION_BACKWARD 4
#define DCN_MPEG2_PATTERN         8
#define DCN_MPEG2_INTRA           16

/* macroblock_address_increment, table B.1 */
#define DCN_MPEG2_MBA_ESCAPE   34
#define DCN_MPEG2_MBA_STUFFING 35 /* ISO/IEC 11172-2 only */

/* DCT coefficients, tables B.14 and B.15: run and level of a row, or one of the two marks.  A sign
 * bit follows every run and level. */
#define DCN_MPEG2_DCT_END_OF_BLOCK (-1)
#define DCN_MPEG2_DCT_ESCAPE       (-2)
#define DCN_MPEG2_DCT(run, level)  ((run) << 6 | (level))
#define DCN_MPEG2_DCT_RUN(value)   ((value) >> 6)
#define DCN_MPEG2_DCT_LEVEL(value) ((value)&63)

typedef enum {
  DCN_MPEG2_TABLE_B1,  /* macroblock_address_increment */
  DCN_MPEG2_TABLE_B2,  /* macroblock_type in I pictures */
  DCN_MPEG2_TABLE_B3,  /* macroblock_type in P pictures */
  DCN_MPEG2_TABLE_B4,  /* macroblock_type in B pictures */
  DCN_MPEG2_TABLE_B2D, /* macroblock_type in D pictures, ISO/IEC 11172-2 table B.2d */
  DCN_MPEG2_TABLE_B9,  /* coded_block_pattern_420 */
  DCN_MPEG2_TABLE_B10, /* motion_code */
  DCN_MPEG2_TABLE_B11, /* dmvector */
  DCN_MPEG2_TABLE_B12, /* dct_dc_size_luminance */
  DCN_MPEG2_TABLE_B13, /* dct_dc_size_chrominance */
  DCN_MPEG2_TABLE_B14, /* DCT coefficients, table zero, without the short first code */
  DCN_MPEG2_TABLE_B15, /* DCT coefficients, table one */
  DCN_MPEG2_N_TABLES
} DcnMpeg2TableId;

/* The rows of a table, for tests and tools. */
const DcnVlcRow *dcn_mpeg2_table_rows(DcnMpeg2TableId id, size_t *n_rows);

/* The look-ups, indexed by DcnMpeg2TableId.  Built at the first call; thread safe; lives for ever.
 */
const DcnVlc *dcn_mpeg2_tables(void);

/* quantiser_scale of quantiser_scale_code 1..31 with q_scale_type 1; table 7-6.  Index 0 is
 * forbidden. */
extern const uint8_t dcn_mpeg2_non_linear_quantiser_scale[32];
