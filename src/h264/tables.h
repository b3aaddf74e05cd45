/* deltacnn: tables of ITU-T H.264 clause 9.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows stand in the standard's order; the look-ups are built from them once per process. */
#pragma once
#include "bits/vlc.h"

/* Value of a row of table 9-5. */
#define DCN_H264_COEFF_TOKEN(trailing_ones, total_coeff) ((trailing_ones) << 5 | (total_coeff))
#define DCN_H264_TRAILING_ONES(value)                    ((value) >> 5)
#define DCN_H264_TOTAL_COEFF(value)                      ((value)&31)

/* Consecutive where tzVlcIndex or zerosLeft counts on. */
typedef enum {
  DCN_H264_TABLE_9_5_NC_0,
  DCN_H264_TABLE_9_5_NC_2,
  DCN_H264_TABLE_9_5_NC_4,
  DCN_H264_TABLE_9_5_NC_8,
  DCN_H264_TABLE_9_5_NC_M1,
  DCN_H264_TABLE_9_5_NC_M2,
  DCN_H264_TABLE_9_7_1,
  DCN_H264_TABLE_9_7_2,
  DCN_H264_TABLE_9_7_3,
  DCN_H264_TABLE_9_7_4,
  DCN_H264_TABLE_9_7_5,
  DCN_H264_TABLE_9_7_6,
  DCN_H264_TABLE_9_7_7,
  DCN_H264_TABLE_9_8_8,
  DCN_H264_TABLE_9_8_9,
  DCN_H264_TABLE_9_8_10,
  DCN_H264_TABLE_9_8_11,
  DCN_H264_TABLE_9_8_12,
  DCN_H264_TABLE_9_8_13,
  DCN_H264_TABLE_9_8_14,
  DCN_H264_TABLE_9_8_15,
  DCN_H264_TABLE_9_9A_1,
  DCN_H264_TABLE_9_9A_2,
  DCN_H264_TABLE_9_9A_3,
  DCN_H264_TABLE_9_9B_1,
  DCN_H264_TABLE_9_9B_2,
  DCN_H264_TABLE_9_9B_3,
  DCN_H264_TABLE_9_9B_4,
  DCN_H264_TABLE_9_9B_5,
  DCN_H264_TABLE_9_9B_6,
  DCN_H264_TABLE_9_9B_7,
  DCN_H264_TABLE_9_10_1,
  DCN_H264_TABLE_9_10_2,
  DCN_H264_TABLE_9_10_3,
  DCN_H264_TABLE_9_10_4,
  DCN_H264_TABLE_9_10_5,
  DCN_H264_TABLE_9_10_6,
  DCN_H264_TABLE_9_10_7,
  DCN_H264_N_TABLES
} DcnH264TableId;

/* The rows of a table, for tests and tools. */
const DcnVlcRow *dcn_h264_table_rows(DcnH264TableId id, size_t *n_rows);

/* Builds the look-ups below at the first call; thread safe. */
void dcn_h264_tables_init(void);

extern DcnVlc dcn_h264_vlc[DCN_H264_N_TABLES];

/* Table 9-4: CodedBlockPatternLuma | CodedBlockPatternChroma << 4 of codeNum; [0] Intra_4x4 and
 * Intra_8x8, [1] Inter. */
extern const uint8_t dcn_h264_coded_block_pattern_420[2][48];
extern const uint8_t dcn_h264_coded_block_pattern_gray[2][16];

/* Tables 9-12 to 9-33: m and n of the context variables of 9.3.1.1. */
typedef struct {
  const char *title;
  int first, last;      /* ctxIdx */
  int columns;          /* 1: one for all slices; 3: cabac_init_idc 0 to 2; 4: I and SI slices, then those */
  const int8_t *values; /* [columns][2 * (last - first + 1)] */
} DcnH264ContextTable;

#define DCN_H264_N_CONTEXT_TABLES 23
#define DCN_H264_N_CONTEXTS       1024
extern const DcnH264ContextTable dcn_h264_context_tables[DCN_H264_N_CONTEXT_TABLES];

/* m and n by [0 for I and SI slices, else 1 + cabac_init_idc][ctxIdx]; 0 where there are none. */
extern int8_t dcn_h264_context_mn[4][DCN_H264_N_CONTEXTS][2];

extern const uint8_t dcn_h264_range_lps[64][4]; /* table 9-44 */
extern const uint8_t dcn_h264_trans_idx_lps[64]; /* table 9-45 */
extern const uint8_t dcn_h264_significant_8x8[2][63]; /* table 9-43; [0] frame, [1] field */
extern const uint8_t dcn_h264_last_8x8[63];

/* The same two for the engine, by state, which is pStateIdx << 1 | valMPS.
 * bits 0 to 7, 8 to 15   state after a most and a least probable symbol
 * bits 54 to 61          rangeTabLPS of qCodIRangeIdx 0; 46 to 53, 38 to 45 and 30 to 37 those of 1, 2 and 3 */
#define DCN_H264_ENGINE_LPS (UINT64_C(255) << 54)
extern uint64_t dcn_h264_engine[128];
