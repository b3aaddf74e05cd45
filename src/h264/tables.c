/* deltacnn: code tables of ITU-T H.264 clauses 9.1 and 9.2.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/tables.h"

/* TrailingOnes, TotalCoeff */
#define T DCN_H264_COEFF_TOKEN

/* Table 9-4 (a) - coded_block_pattern of codeNum, ChromaArrayType 1 and 2: Intra_4x4 and Intra_8x8, Inter. */
const uint8_t dcn_h264_coded_block_pattern_420[2][48] = {
    {47, 31, 15, 0,  23, 27, 29, 30, 7, 11, 13, 14, 39, 43, 45, 46, 16, 3,  5,  10, 12, 19, 21, 26,
     28, 35, 37, 42, 44, 1,  2,  4,  8, 17, 18, 20, 24, 6,  9,  22, 25, 32, 33, 34, 36, 40, 38, 41},
    {0,  16, 1,  2,  4,  8,  32, 3,  5,  10, 12, 15, 47, 7,  11, 13,
     14, 6,  9,  31, 35, 37, 42, 44, 33, 34, 36, 40, 39, 43, 45, 46,
     17, 18, 20, 24, 19, 21, 26, 28, 23, 27, 29, 30, 22, 25, 38, 41},
};

/* Table 9-4 (b) - coded_block_pattern of codeNum, ChromaArrayType 0 and 3. */
const uint8_t dcn_h264_coded_block_pattern_gray[2][16] = {
    {15, 0, 7, 11, 13, 14, 3, 5, 10, 12, 1, 2, 4, 8, 6, 9},
    {0, 1, 2, 4, 8, 3, 5, 10, 12, 15, 7, 11, 13, 14, 6, 9},
};

/* Table 9-5 - coeff_token to TrailingOnes and TotalCoeff, column 0 <= nC < 2. */
static const DcnVlcRow table_9_5_nc_0[] = {
    {"1", T(0, 0)},
    {"0001 01", T(0, 1)},
    {"01", T(1, 1)},
    {"0000 0111", T(0, 2)},
    {"0001 00", T(1, 2)},
    {"001", T(2, 2)},
    {"0000 0011 1", T(0, 3)},
    {"0000 0110", T(1, 3)},
    {"0000 101", T(2, 3)},
    {"0001 1", T(3, 3)},
    {"0000 0001 11", T(0, 4)},
    {"0000 0011 0", T(1, 4)},
    {"0000 0101", T(2, 4)},
    {"0000 11", T(3, 4)},
    {"0000 0000 111", T(0, 5)},
    {"0000 0001 10", T(1, 5)},
    {"0000 0010 1", T(2, 5)},
    {"0000 100", T(3, 5)},
    {"0000 0000 0111 1", T(0, 6)},
    {"0000 0000 110", T(1, 6)},
    {"0000 0001 01", T(2, 6)},
    {"0000 0100", T(3, 6)},
    {"0000 0000 0101 1", T(0, 7)},
    {"0000 0000 0111 0", T(1, 7)},
    {"0000 0000 101", T(2, 7)},
    {"0000 0010 0", T(3, 7)},
    {"0000 0000 0100 0", T(0, 8)},
    {"0000 0000 0101 0", T(1, 8)},
    {"0000 0000 0110 1", T(2, 8)},
    {"0000 0001 00", T(3, 8)},
    {"0000 0000 0011 11", T(0, 9)},
    {"0000 0000 0011 10", T(1, 9)},
    {"0000 0000 0100 1", T(2, 9)},
    {"0000 0000 100", T(3, 9)},
    {"0000 0000 0010 11", T(0, 10)},
    {"0000 0000 0010 10", T(1, 10)},
    {"0000 0000 0011 01", T(2, 10)},
    {"0000 0000 0110 0", T(3, 10)},
    {"0000 0000 0001 111", T(0, 11)},
    {"0000 0000 0001 110", T(1, 11)},
    {"0000 0000 0010 01", T(2, 11)},
    {"0000 0000 0011 00", T(3, 11)},
    {"0000 0000 0001 011", T(0, 12)},
    {"0000 0000 0001 010", T(1, 12)},
    {"0000 0000 0001 101", T(2, 12)},
    {"0000 0000 0010 00", T(3, 12)},
    {"0000 0000 0000 1111", T(0, 13)},
    {"0000 0000 0000 001", T(1, 13)},
    {"0000 0000 0001 001", T(2, 13)},
    {"0000 0000 0001 100", T(3, 13)},
    {"0000 0000 0000 1011", T(0, 14)},
    {"0000 0000 0000 1110", T(1, 14)},
    {"0000 0000 0000 1101", T(2, 14)},
    {"0000 0000 0001 000", T(3, 14)},
    {"0000 0000 0000 0111", T(0, 15)},
    {"0000 0000 0000 1010", T(1, 15)},
    {"0000 0000 0000 1001", T(2, 15)},
    {"0000 0000 0000 1100", T(3, 15)},
    {"0000 0000 0000 0100", T(0, 16)},
    {"0000 0000 0000 0110", T(1, 16)},
    {"0000 0000 0000 0101", T(2, 16)},
    {"0000 0000 0000 1000", T(3, 16)},
};

/* Table 9-5 - coeff_token to TrailingOnes and TotalCoeff, column 2 <= nC < 4. */
static const DcnVlcRow table_9_5_nc_2[] = {
    {"11", T(0, 0)},
    {"0010 11", T(0, 1)},
    {"10", T(1, 1)},
    {"0001 11", T(0, 2)},
    {"0011 1", T(1, 2)},
    {"011", T(2, 2)},
    {"0000 111", T(0, 3)},
    {"0010 10", T(1, 3)},
    {"0010 01", T(2, 3)},
    {"0101", T(3, 3)},
    {"0000 0111", T(0, 4)},
    {"0001 10", T(1, 4)},
    {"0001 01", T(2, 4)},
    {"0100", T(3, 4)},
    {"0000 0100", T(0, 5)},
    {"0000 110", T(1, 5)},
    {"0000 101", T(2, 5)},
    {"0011 0", T(3, 5)},
    {"0000 0011 1", T(0, 6)},
    {"0000 0110", T(1, 6)},
    {"0000 0101", T(2, 6)},
    {"0010 00", T(3, 6)},
    {"0000 0001 111", T(0, 7)},
    {"0000 0011 0", T(1, 7)},
    {"0000 0010 1", T(2, 7)},
    {"0001 00", T(3, 7)},
    {"0000 0001 011", T(0, 8)},
    {"0000 0001 110", T(1, 8)},
    {"0000 0001 101", T(2, 8)},
    {"0000 100", T(3, 8)},
    {"0000 0000 1111", T(0, 9)},
    {"0000 0001 010", T(1, 9)},
    {"0000 0001 001", T(2, 9)},
    {"0000 0010 0", T(3, 9)},
    {"0000 0000 1011", T(0, 10)},
    {"0000 0000 1110", T(1, 10)},
    {"0000 0000 1101", T(2, 10)},
    {"0000 0001 100", T(3, 10)},
    {"0000 0000 1000", T(0, 11)},
    {"0000 0000 1010", T(1, 11)},
    {"0000 0000 1001", T(2, 11)},
    {"0000 0001 000", T(3, 11)},
    {"0000 0000 0111 1", T(0, 12)},
    {"0000 0000 0111 0", T(1, 12)},
    {"0000 0000 0110 1", T(2, 12)},
    {"0000 0000 1100", T(3, 12)},
    {"0000 0000 0101 1", T(0, 13)},
    {"0000 0000 0101 0", T(1, 13)},
    {"0000 0000 0100 1", T(2, 13)},
    {"0000 0000 0110 0", T(3, 13)},
    {"0000 0000 0011 1", T(0, 14)},
    {"0000 0000 0010 11", T(1, 14)},
    {"0000 0000 0011 0", T(2, 14)},
    {"0000 0000 0100 0", T(3, 14)},
    {"0000 0000 0010 01", T(0, 15)},
    {"0000 0000 0010 00", T(1, 15)},
    {"0000 0000 0010 10", T(2, 15)},
    {"0000 0000 0000 1", T(3, 15)},
    {"0000 0000 0001 11", T(0, 16)},
    {"0000 0000 0001 10", T(1, 16)},
    {"0000 0000 0001 01", T(2, 16)},
    {"0000 0000 0001 00", T(3, 16)},
};

/* Table 9-5 - coeff_token to TrailingOnes and TotalCoeff, column 4 <= nC < 8. */
static const DcnVlcRow table_9_5_nc_4[] = {
    {"1111", T(0, 0)},          {"0011 11", T(0, 1)},       {"1110", T(1, 1)},
    {"0010 11", T(0, 2)},       {"0111 1", T(1, 2)},        {"1101", T(2, 2)},
    {"0010 00", T(0, 3)},       {"0110 0", T(1, 3)},        {"0111 0", T(2, 3)},
    {"1100", T(3, 3)},          {"0001 111", T(0, 4)},      {"0101 0", T(1, 4)},
    {"0101 1", T(2, 4)},        {"1011", T(3, 4)},          {"0001 011", T(0, 5)},
    {"0100 0", T(1, 5)},        {"0100 1", T(2, 5)},        {"1010", T(3, 5)},
    {"0001 001", T(0, 6)},      {"0011 10", T(1, 6)},       {"0011 01", T(2, 6)},
    {"1001", T(3, 6)},          {"0001 000", T(0, 7)},      {"0010 10", T(1, 7)},
    {"0010 01", T(2, 7)},       {"1000", T(3, 7)},          {"0000 1111", T(0, 8)},
    {"0001 110", T(1, 8)},      {"0001 101", T(2, 8)},      {"0110 1", T(3, 8)},
    {"0000 1011", T(0, 9)},     {"0000 1110", T(1, 9)},     {"0001 010", T(2, 9)},
    {"0011 00", T(3, 9)},       {"0000 0111 1", T(0, 10)},  {"0000 1010", T(1, 10)},
    {"0000 1101", T(2, 10)},    {"0001 100", T(3, 10)},     {"0000 0101 1", T(0, 11)},
    {"0000 0111 0", T(1, 11)},  {"0000 1001", T(2, 11)},    {"0000 1100", T(3, 11)},
    {"0000 0100 0", T(0, 12)},  {"0000 0101 0", T(1, 12)},  {"0000 0110 1", T(2, 12)},
    {"0000 1000", T(3, 12)},    {"0000 0011 01", T(0, 13)}, {"0000 0011 1", T(1, 13)},
    {"0000 0100 1", T(2, 13)},  {"0000 0110 0", T(3, 13)},  {"0000 0010 01", T(0, 14)},
    {"0000 0011 00", T(1, 14)}, {"0000 0010 11", T(2, 14)}, {"0000 0010 10", T(3, 14)},
    {"0000 0001 01", T(0, 15)}, {"0000 0010 00", T(1, 15)}, {"0000 0001 11", T(2, 15)},
    {"0000 0001 10", T(3, 15)}, {"0000 0000 01", T(0, 16)}, {"0000 0001 00", T(1, 16)},
    {"0000 0000 11", T(2, 16)}, {"0000 0000 10", T(3, 16)},
};

/* Table 9-5 - coeff_token to TrailingOnes and TotalCoeff, column 8 <= nC. */
static const DcnVlcRow table_9_5_nc_8[] = {
    {"0000 11", T(0, 0)},  {"0000 00", T(0, 1)},  {"0000 01", T(1, 1)},  {"0001 00", T(0, 2)},
    {"0001 01", T(1, 2)},  {"0001 10", T(2, 2)},  {"0010 00", T(0, 3)},  {"0010 01", T(1, 3)},
    {"0010 10", T(2, 3)},  {"0010 11", T(3, 3)},  {"0011 00", T(0, 4)},  {"0011 01", T(1, 4)},
    {"0011 10", T(2, 4)},  {"0011 11", T(3, 4)},  {"0100 00", T(0, 5)},  {"0100 01", T(1, 5)},
    {"0100 10", T(2, 5)},  {"0100 11", T(3, 5)},  {"0101 00", T(0, 6)},  {"0101 01", T(1, 6)},
    {"0101 10", T(2, 6)},  {"0101 11", T(3, 6)},  {"0110 00", T(0, 7)},  {"0110 01", T(1, 7)},
    {"0110 10", T(2, 7)},  {"0110 11", T(3, 7)},  {"0111 00", T(0, 8)},  {"0111 01", T(1, 8)},
    {"0111 10", T(2, 8)},  {"0111 11", T(3, 8)},  {"1000 00", T(0, 9)},  {"1000 01", T(1, 9)},
    {"1000 10", T(2, 9)},  {"1000 11", T(3, 9)},  {"1001 00", T(0, 10)}, {"1001 01", T(1, 10)},
    {"1001 10", T(2, 10)}, {"1001 11", T(3, 10)}, {"1010 00", T(0, 11)}, {"1010 01", T(1, 11)},
    {"1010 10", T(2, 11)}, {"1010 11", T(3, 11)}, {"1011 00", T(0, 12)}, {"1011 01", T(1, 12)},
    {"1011 10", T(2, 12)}, {"1011 11", T(3, 12)}, {"1100 00", T(0, 13)}, {"1100 01", T(1, 13)},
    {"1100 10", T(2, 13)}, {"1100 11", T(3, 13)}, {"1101 00", T(0, 14)}, {"1101 01", T(1, 14)},
    {"1101 10", T(2, 14)}, {"1101 11", T(3, 14)}, {"1110 00", T(0, 15)}, {"1110 01", T(1, 15)},
    {"1110 10", T(2, 15)}, {"1110 11", T(3, 15)}, {"1111 00", T(0, 16)}, {"1111 01", T(1, 16)},
    {"1111 10", T(2, 16)}, {"1111 11", T(3, 16)},
};

/* Table 9-5, column nC = -1: chroma DC of 4:2:0. */
static const DcnVlcRow table_9_5_nc_m1[] = {
    {"01", T(0, 0)},        {"0001 11", T(0, 1)},  {"1", T(1, 1)},       {"0001 00", T(0, 2)},
    {"0001 10", T(1, 2)},   {"001", T(2, 2)},      {"0000 11", T(0, 3)}, {"0000 011", T(1, 3)},
    {"0000 010", T(2, 3)},  {"0001 01", T(3, 3)},  {"0000 10", T(0, 4)}, {"0000 0011", T(1, 4)},
    {"0000 0010", T(2, 4)}, {"0000 000", T(3, 4)},
};

/* Table 9-5, column nC = -2: chroma DC of 4:2:2. */
static const DcnVlcRow table_9_5_nc_m2[] = {
    {"1", T(0, 0)},
    {"0001 111", T(0, 1)},
    {"01", T(1, 1)},
    {"0001 110", T(0, 2)},
    {"0001 101", T(1, 2)},
    {"001", T(2, 2)},
    {"0000 0011 1", T(0, 3)},
    {"0001 100", T(1, 3)},
    {"0001 011", T(2, 3)},
    {"0000 1", T(3, 3)},
    {"0000 0011 0", T(0, 4)},
    {"0000 0010 1", T(1, 4)},
    {"0001 010", T(2, 4)},
    {"0000 01", T(3, 4)},
    {"0000 0001 11", T(0, 5)},
    {"0000 0001 10", T(1, 5)},
    {"0000 0010 0", T(2, 5)},
    {"0001 001", T(3, 5)},
    {"0000 0000 111", T(0, 6)},
    {"0000 0000 110", T(1, 6)},
    {"0000 0001 01", T(2, 6)},
    {"0001 000", T(3, 6)},
    {"0000 0000 0111", T(0, 7)},
    {"0000 0000 0110", T(1, 7)},
    {"0000 0000 101", T(2, 7)},
    {"0000 0001 00", T(3, 7)},
    {"0000 0000 0011 1", T(0, 8)},
    {"0000 0000 0101", T(1, 8)},
    {"0000 0000 0100", T(2, 8)},
    {"0000 0000 100", T(3, 8)},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 1. */
static const DcnVlcRow table_9_7_1[] = {
    {"1", 0},          {"011", 1},          {"010", 2},          {"0011", 3},
    {"0010", 4},       {"0001 1", 5},       {"0001 0", 6},       {"0000 11", 7},
    {"0000 10", 8},    {"0000 011", 9},     {"0000 010", 10},    {"0000 0011", 11},
    {"0000 0010", 12}, {"0000 0001 1", 13}, {"0000 0001 0", 14}, {"0000 0000 1", 15},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 2. */
static const DcnVlcRow table_9_7_2[] = {
    {"111", 0},     {"110", 1},      {"101", 2},      {"100", 3},      {"011", 4},
    {"0101", 5},    {"0100", 6},     {"0011", 7},     {"0010", 8},     {"0001 1", 9},
    {"0001 0", 10}, {"0000 11", 11}, {"0000 10", 12}, {"0000 01", 13}, {"0000 00", 14},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 3. */
static const DcnVlcRow table_9_7_3[] = {
    {"0101", 0},    {"111", 1},      {"110", 2},     {"101", 3},      {"0100", 4},
    {"0011", 5},    {"100", 6},      {"011", 7},     {"0010", 8},     {"0001 1", 9},
    {"0001 0", 10}, {"0000 01", 11}, {"0000 1", 12}, {"0000 00", 13},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 4. */
static const DcnVlcRow table_9_7_4[] = {
    {"0001 1", 0},  {"111", 1},     {"0101", 2},    {"0100", 3}, {"110", 4},
    {"101", 5},     {"100", 6},     {"0011", 7},    {"011", 8},  {"0010", 9},
    {"0001 0", 10}, {"0000 1", 11}, {"0000 0", 12},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 5. */
static const DcnVlcRow table_9_7_5[] = {
    {"0101", 0}, {"0100", 1}, {"0011", 2}, {"111", 3},    {"110", 4},   {"101", 5},
    {"100", 6},  {"011", 7},  {"0010", 8}, {"0000 1", 9}, {"0001", 10}, {"0000 0", 11},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 6. */
static const DcnVlcRow table_9_7_6[] = {
    {"0000 01", 0}, {"0000 1", 1}, {"111", 2},  {"110", 3}, {"101", 4},      {"100", 5},
    {"011", 6},     {"010", 7},    {"0001", 8}, {"001", 9}, {"0000 00", 10},
};

/* Table 9-7 - total_zeros of 4x4 blocks, tzVlcIndex 7. */
static const DcnVlcRow table_9_7_7[] = {
    {"0000 01", 0}, {"0000 1", 1}, {"101", 2},  {"100", 3}, {"011", 4},
    {"11", 5},      {"010", 6},    {"0001", 7}, {"001", 8}, {"0000 00", 9},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 8. */
static const DcnVlcRow table_9_8_8[] = {
    {"0000 01", 0}, {"0001", 1}, {"0000 1", 2}, {"011", 3},     {"11", 4},
    {"10", 5},      {"010", 6},  {"001", 7},    {"0000 00", 8},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 9. */
static const DcnVlcRow table_9_8_9[] = {
    {"0000 01", 0}, {"0000 00", 1}, {"0001", 2}, {"11", 3},
    {"10", 4},      {"001", 5},     {"01", 6},   {"0000 1", 7},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 10. */
static const DcnVlcRow table_9_8_10[] = {
    {"0000 1", 0}, {"0000 0", 1}, {"001", 2}, {"11", 3}, {"10", 4}, {"01", 5}, {"0001", 6},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 11. */
static const DcnVlcRow table_9_8_11[] = {
    {"0000", 0}, {"0001", 1}, {"001", 2}, {"010", 3}, {"1", 4}, {"011", 5},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 12. */
static const DcnVlcRow table_9_8_12[] = {
    {"0000", 0}, {"0001", 1}, {"01", 2}, {"1", 3}, {"001", 4},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 13. */
static const DcnVlcRow table_9_8_13[] = {
    {"000", 0},
    {"001", 1},
    {"1", 2},
    {"01", 3},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 14. */
static const DcnVlcRow table_9_8_14[] = {
    {"00", 0},
    {"01", 1},
    {"1", 2},
};

/* Table 9-8 - total_zeros of 4x4 blocks, tzVlcIndex 15. */
static const DcnVlcRow table_9_8_15[] = {
    {"0", 0},
    {"1", 1},
};

/* Table 9-9 (a) - total_zeros of chroma DC 2x2 blocks, tzVlcIndex 1. */
static const DcnVlcRow table_9_9a_1[] = {
    {"1", 0},
    {"01", 1},
    {"001", 2},
    {"000", 3},
};

/* Table 9-9 (a) - total_zeros of chroma DC 2x2 blocks, tzVlcIndex 2. */
static const DcnVlcRow table_9_9a_2[] = {
    {"1", 0},
    {"01", 1},
    {"00", 2},
};

/* Table 9-9 (a) - total_zeros of chroma DC 2x2 blocks, tzVlcIndex 3. */
static const DcnVlcRow table_9_9a_3[] = {
    {"1", 0},
    {"0", 1},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 1. */
static const DcnVlcRow table_9_9b_1[] = {
    {"1", 0},    {"010", 1},  {"011", 2},    {"0010", 3},
    {"0011", 4}, {"0001", 5}, {"0000 1", 6}, {"0000 0", 7},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 2. */
static const DcnVlcRow table_9_9b_2[] = {
    {"000", 0}, {"01", 1}, {"001", 2}, {"100", 3}, {"101", 4}, {"110", 5}, {"111", 6},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 3. */
static const DcnVlcRow table_9_9b_3[] = {
    {"000", 0}, {"001", 1}, {"01", 2}, {"10", 3}, {"110", 4}, {"111", 5},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 4. */
static const DcnVlcRow table_9_9b_4[] = {
    {"110", 0}, {"00", 1}, {"01", 2}, {"10", 3}, {"111", 4},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 5. */
static const DcnVlcRow table_9_9b_5[] = {
    {"00", 0},
    {"01", 1},
    {"10", 2},
    {"11", 3},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 6. */
static const DcnVlcRow table_9_9b_6[] = {
    {"00", 0},
    {"01", 1},
    {"1", 2},
};

/* Table 9-9 (b) - total_zeros of chroma DC 2x4 blocks, tzVlcIndex 7. */
static const DcnVlcRow table_9_9b_7[] = {
    {"0", 0},
    {"1", 1},
};

/* Table 9-10 - run_before, zerosLeft 1. */
static const DcnVlcRow table_9_10_1[] = {
    {"1", 0},
    {"0", 1},
};

/* Table 9-10 - run_before, zerosLeft 2. */
static const DcnVlcRow table_9_10_2[] = {
    {"1", 0},
    {"01", 1},
    {"00", 2},
};

/* Table 9-10 - run_before, zerosLeft 3. */
static const DcnVlcRow table_9_10_3[] = {
    {"11", 0},
    {"10", 1},
    {"01", 2},
    {"00", 3},
};

/* Table 9-10 - run_before, zerosLeft 4. */
static const DcnVlcRow table_9_10_4[] = {
    {"11", 0}, {"10", 1}, {"01", 2}, {"001", 3}, {"000", 4},
};

/* Table 9-10 - run_before, zerosLeft 5. */
static const DcnVlcRow table_9_10_5[] = {
    {"11", 0}, {"10", 1}, {"011", 2}, {"010", 3}, {"001", 4}, {"000", 5},
};

/* Table 9-10 - run_before, zerosLeft 6. */
static const DcnVlcRow table_9_10_6[] = {
    {"11", 0}, {"000", 1}, {"001", 2}, {"011", 3}, {"010", 4}, {"101", 5}, {"100", 6},
};

/* Table 9-10 - run_before, zerosLeft more than 6. */
static const DcnVlcRow table_9_10_7[] = {
    {"111", 0},          {"110", 1},           {"101", 2},
    {"100", 3},          {"011", 4},           {"010", 5},
    {"001", 6},          {"0001", 7},          {"0000 1", 8},
    {"0000 01", 9},      {"0000 001", 10},     {"0000 0001", 11},
    {"0000 0000 1", 12}, {"0000 0000 01", 13}, {"0000 0000 001", 14},
};

#define ROWS(id, rows, first_bits) [id] = {rows, G_N_ELEMENTS(rows), first_bits}

/* first_bits: so that the frequent codes take one look-up. */
static const struct {
  const DcnVlcRow *rows;
  size_t n_rows;
  int first_bits;
} tables[DCN_H264_N_TABLES] = {
    ROWS(DCN_H264_TABLE_9_5_NC_0, table_9_5_nc_0, 8),
    ROWS(DCN_H264_TABLE_9_5_NC_2, table_9_5_nc_2, 8),
    ROWS(DCN_H264_TABLE_9_5_NC_4, table_9_5_nc_4, 8),
    ROWS(DCN_H264_TABLE_9_5_NC_8, table_9_5_nc_8, 6),
    ROWS(DCN_H264_TABLE_9_5_NC_M1, table_9_5_nc_m1, 8),
    ROWS(DCN_H264_TABLE_9_5_NC_M2, table_9_5_nc_m2, 8),
    ROWS(DCN_H264_TABLE_9_7_1, table_9_7_1, 9),
    ROWS(DCN_H264_TABLE_9_7_2, table_9_7_2, 6),
    ROWS(DCN_H264_TABLE_9_7_3, table_9_7_3, 6),
    ROWS(DCN_H264_TABLE_9_7_4, table_9_7_4, 5),
    ROWS(DCN_H264_TABLE_9_7_5, table_9_7_5, 5),
    ROWS(DCN_H264_TABLE_9_7_6, table_9_7_6, 6),
    ROWS(DCN_H264_TABLE_9_7_7, table_9_7_7, 6),
    ROWS(DCN_H264_TABLE_9_8_8, table_9_8_8, 6),
    ROWS(DCN_H264_TABLE_9_8_9, table_9_8_9, 6),
    ROWS(DCN_H264_TABLE_9_8_10, table_9_8_10, 5),
    ROWS(DCN_H264_TABLE_9_8_11, table_9_8_11, 4),
    ROWS(DCN_H264_TABLE_9_8_12, table_9_8_12, 4),
    ROWS(DCN_H264_TABLE_9_8_13, table_9_8_13, 3),
    ROWS(DCN_H264_TABLE_9_8_14, table_9_8_14, 2),
    ROWS(DCN_H264_TABLE_9_8_15, table_9_8_15, 1),
    ROWS(DCN_H264_TABLE_9_9A_1, table_9_9a_1, 3),
    ROWS(DCN_H264_TABLE_9_9A_2, table_9_9a_2, 2),
    ROWS(DCN_H264_TABLE_9_9A_3, table_9_9a_3, 1),
    ROWS(DCN_H264_TABLE_9_9B_1, table_9_9b_1, 5),
    ROWS(DCN_H264_TABLE_9_9B_2, table_9_9b_2, 3),
    ROWS(DCN_H264_TABLE_9_9B_3, table_9_9b_3, 3),
    ROWS(DCN_H264_TABLE_9_9B_4, table_9_9b_4, 3),
    ROWS(DCN_H264_TABLE_9_9B_5, table_9_9b_5, 2),
    ROWS(DCN_H264_TABLE_9_9B_6, table_9_9b_6, 2),
    ROWS(DCN_H264_TABLE_9_9B_7, table_9_9b_7, 1),
    ROWS(DCN_H264_TABLE_9_10_1, table_9_10_1, 1),
    ROWS(DCN_H264_TABLE_9_10_2, table_9_10_2, 2),
    ROWS(DCN_H264_TABLE_9_10_3, table_9_10_3, 2),
    ROWS(DCN_H264_TABLE_9_10_4, table_9_10_4, 3),
    ROWS(DCN_H264_TABLE_9_10_5, table_9_10_5, 3),
    ROWS(DCN_H264_TABLE_9_10_6, table_9_10_6, 3),
    ROWS(DCN_H264_TABLE_9_10_7, table_9_10_7, 11),
};

const DcnVlcRow *
dcn_h264_table_rows(DcnH264TableId id, size_t *n_rows)
{
  *n_rows = tables[id].n_rows;
  return tables[id].rows;
}

#define CAPACITY 5120

DcnVlc dcn_h264_vlc[DCN_H264_N_TABLES];
int8_t dcn_h264_context_mn[4][DCN_H264_N_CONTEXTS][2];
uint64_t dcn_h264_engine[128];

static void
build_contexts(void)
{
  for (int i = 0; i < DCN_H264_N_CONTEXT_TABLES; i++) {
    const DcnH264ContextTable *table = &dcn_h264_context_tables[i];
    size_t size = 2 * (size_t)(table->last - table->first + 1);
    for (int k = 0; k < 4; k++) {
      int column = table->columns == 1 ? 0 : k - (4 - table->columns);
      if (column >= 0)
        memcpy(dcn_h264_context_mn[k][table->first], table->values + (size_t)column * size, size);
    }
  }
}

static void
build_engine(void)
{
  for (int state = 0; state < 128; state++) {
    int index = state >> 1, mps = state & 1;
    uint64_t row = (uint64_t)(MIN(index + 1, 62) << 1 | mps);
    /* 9.3.3.2.1.1: the most probable symbol changes where its probability was least. */
    row |= (uint64_t)(dcn_h264_trans_idx_lps[index] << 1 | (index == 0 ? !mps : mps)) << 8;
    for (int q = 0; q < 4; q++)
      row |= (uint64_t)dcn_h264_range_lps[index][q] << (54 - 8 * q);
    dcn_h264_engine[state] = row;
  }
}

void
dcn_h264_tables_init(void)
{
  static DcnVlcEntry entries[CAPACITY];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int used = 0;
    for (int i = 0; i < DCN_H264_N_TABLES; i++) {
      int n = dcn_vlc_build(tables[i].rows, tables[i].n_rows, tables[i].first_bits, entries + used,
                            CAPACITY - used, &dcn_h264_vlc[i]);
      g_assert(n > 0); /* a mistake in a table above, not in any data */
      used += n;
    }
    build_contexts();
    build_engine();
    g_once_init_leave(&once, 1);
  }
}
