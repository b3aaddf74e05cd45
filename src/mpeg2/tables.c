/* deltacnn: variable length code tables of ISO/IEC 13818-2 annex B.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mpeg2/tables.h"

/* Table B.1 - variable length codes for macroblock_address_increment. */
static const DcnVlcRow table_b1[] = {
    {"1", 1},
    {"011", 2},
    {"010", 3},
    {"0011", 4},
    {"0010", 5},
    {"0001 1", 6},
    {"0001 0", 7},
    {"0000 111", 8},
    {"0000 110", 9},
    {"0000 1011", 10},
    {"0000 1010", 11},
    {"0000 1001", 12},
    {"0000 1000", 13},
    {"0000 0111", 14},
    {"0000 0110", 15},
    {"0000 0101 11", 16},
    {"0000 0101 10", 17},
    {"0000 0101 01", 18},
    {"0000 0101 00", 19},
    {"0000 0100 11", 20},
    {"0000 0100 10", 21},
    {"0000 0100 011", 22},
    {"0000 0100 010", 23},
    {"0000 0100 001", 24},
    {"0000 0100 000", 25},
    {"0000 0011 111", 26},
    {"0000 0011 110", 27},
    {"0000 0011 101", 28},
    {"0000 0011 100", 29},
    {"0000 0011 011", 30},
    {"0000 0011 010", 31},
    {"0000 0011 001", 32},
    {"0000 0011 000", 33},
    {"0000 0001 000", DCN_MPEG2_MBA_ESCAPE},
    {"0000 0001 111", DCN_MPEG2_MBA_STUFFING},
};

/* Table B.2 - macroblock_type in I pictures. */
static const DcnVlcRow table_b2[] = {
    {"1", DCN_MPEG2_INTRA},
    {"01", DCN_MPEG2_QUANT | DCN_MPEG2_INTRA},
};

/* Table B.3 - macroblock_type in P pictures. */
static const DcnVlcRow table_b3[] = {
    {"1", DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_PATTERN},
    {"01", DCN_MPEG2_PATTERN},
    {"001", DCN_MPEG2_MOTION_FORWARD},
    {"0001 1", DCN_MPEG2_INTRA},
    {"0001 0", DCN_MPEG2_QUANT | DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_PATTERN},
    {"0000 1", DCN_MPEG2_QUANT | DCN_MPEG2_PATTERN},
    {"0000 01", DCN_MPEG2_QUANT | DCN_MPEG2_INTRA},
};

/* Table B.4 - macroblock_type in B pictures. */
static const DcnVlcRow table_b4[] = {
    {"10", DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD},
    {"11", DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD | DCN_MPEG2_PATTERN},
    {"010", DCN_MPEG2_MOTION_BACKWARD},
    {"011", DCN_MPEG2_MOTION_BACKWARD | DCN_MPEG2_PATTERN},
    {"0010", DCN_MPEG2_MOTION_FORWARD},
    {"0011", DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_PATTERN},
    {"0001 1", DCN_MPEG2_INTRA},
    {"0001 0",
     DCN_MPEG2_QUANT | DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD | DCN_MPEG2_PATTERN},
    {"0000 11", DCN_MPEG2_QUANT | DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_PATTERN},
    {"0000 10", DCN_MPEG2_QUANT | DCN_MPEG2_MOTION_BACKWARD | DCN_MPEG2_PATTERN},
    {"0000 01", DCN_MPEG2_QUANT | DCN_MPEG2_INTRA},
};

/* ISO/IEC 11172-2 B.2d - macroblock_type in D pictures. */
static const DcnVlcRow table_b2d[] = {
    {"1", DCN_MPEG2_INTRA},
};

/* Table B.9 - coded_block_pattern_420.  The last row is not for 4:2:0. */
static const DcnVlcRow table_b9[] = {
    {"111", 60},         {"1101", 4},         {"1100", 8},         {"1011", 16},
    {"1010", 32},        {"1001 1", 12},      {"1001 0", 48},      {"1000 1", 20},
    {"1000 0", 40},      {"0111 1", 28},      {"0111 0", 44},      {"0110 1", 52},
    {"0110 0", 56},      {"0101 1", 1},       {"0101 0", 61},      {"0100 1", 2},
    {"0100 0", 62},      {"0011 11", 24},     {"0011 10", 36},     {"0011 01", 3},
    {"0011 00", 63},     {"0010 111", 5},     {"0010 110", 9},     {"0010 101", 17},
    {"0010 100", 33},    {"0010 011", 6},     {"0010 010", 10},    {"0010 001", 18},
    {"0010 000", 34},    {"0001 1111", 7},    {"0001 1110", 11},   {"0001 1101", 19},
    {"0001 1100", 35},   {"0001 1011", 13},   {"0001 1010", 49},   {"0001 1001", 21},
    {"0001 1000", 41},   {"0001 0111", 14},   {"0001 0110", 50},   {"0001 0101", 22},
    {"0001 0100", 42},   {"0001 0011", 15},   {"0001 0010", 51},   {"0001 0001", 23},
    {"0001 0000", 43},   {"0000 1111", 25},   {"0000 1110", 37},   {"0000 1101", 26},
    {"0000 1100", 38},   {"0000 1011", 29},   {"0000 1010", 45},   {"0000 1001", 53},
    {"0000 1000", 57},   {"0000 0111", 30},   {"0000 0110", 46},   {"0000 0101", 54},
    {"0000 0100", 58},   {"0000 0011 1", 31}, {"0000 0011 0", 47}, {"0000 0010 1", 55},
    {"0000 0010 0", 59}, {"0000 0001 1", 27}, {"0000 0001 0", 39}, {"0000 0000 1", 0},
};

/* Table B.10 - motion_code. */
static const DcnVlcRow table_b10[] = {
    {"0000 0011 001", -16},
    {"0000 0011 011", -15},
    {"0000 0011 101", -14},
    {"0000 0011 111", -13},
    {"0000 0100 001", -12},
    {"0000 0100 011", -11},
    {"0000 0100 11", -10},
    {"0000 0101 01", -9},
    {"0000 0101 11", -8},
    {"0000 0111", -7},
    {"0000 1001", -6},
    {"0000 1011", -5},
    {"0000 111", -4},
    {"0001 1", -3},
    {"0011", -2},
    {"011", -1},
    {"1", 0},
    {"010", 1},
    {"0010", 2},
    {"0001 0", 3},
    {"0000 110", 4},
    {"0000 1010", 5},
    {"0000 1000", 6},
    {"0000 0110", 7},
    {"0000 0101 10", 8},
    {"0000 0101 00", 9},
    {"0000 0100 10", 10},
    {"0000 0100 010", 11},
    {"0000 0100 000", 12},
    {"0000 0011 110", 13},
    {"0000 0011 100", 14},
    {"0000 0011 010", 15},
    {"0000 0011 000", 16},
};

/* Table B.11 - dmvector. */
static const DcnVlcRow table_b11[] = {
    {"11", -1},
    {"0", 0},
    {"10", 1},
};

/* Table B.12 - dct_dc_size_luminance. */
static const DcnVlcRow table_b12[] = {
    {"100", 0},      {"00", 1},        {"01", 2},           {"101", 3},
    {"110", 4},      {"1110", 5},      {"1111 0", 6},       {"1111 10", 7},
    {"1111 110", 8}, {"1111 1110", 9}, {"1111 1111 0", 10}, {"1111 1111 1", 11},
};

/* Table B.13 - dct_dc_size_chrominance. */
static const DcnVlcRow table_b13[] = {
    {"00", 0},
    {"01", 1},
    {"10", 2},
    {"110", 3},
    {"1110", 4},
    {"1111 0", 5},
    {"1111 10", 6},
    {"1111 110", 7},
    {"1111 1110", 8},
    {"1111 1111 0", 9},
    {"1111 1111 10", 10},
    {"1111 1111 11", 11},
};

/* Table B.14 - DCT coefficients table zero; each run and level is followed by its sign.  The first
 * coefficient of a non-intra block has the code 1 for run 0, level 1 (note 2 of the table). */
static const DcnVlcRow table_b14[] = {
    {"10", DCN_MPEG2_DCT_END_OF_BLOCK},
    {"11", DCN_MPEG2_DCT(0, 1)},
    {"011", DCN_MPEG2_DCT(1, 1)},
    {"0100", DCN_MPEG2_DCT(0, 2)},
    {"0101", DCN_MPEG2_DCT(2, 1)},
    {"0010 1", DCN_MPEG2_DCT(0, 3)},
    {"0011 1", DCN_MPEG2_DCT(3, 1)},
    {"0011 0", DCN_MPEG2_DCT(4, 1)},
    {"0001 10", DCN_MPEG2_DCT(1, 2)},
    {"0001 11", DCN_MPEG2_DCT(5, 1)},
    {"0001 01", DCN_MPEG2_DCT(6, 1)},
    {"0001 00", DCN_MPEG2_DCT(7, 1)},
    {"0000 110", DCN_MPEG2_DCT(0, 4)},
    {"0000 100", DCN_MPEG2_DCT(2, 2)},
    {"0000 111", DCN_MPEG2_DCT(8, 1)},
    {"0000 101", DCN_MPEG2_DCT(9, 1)},
    {"0000 01", DCN_MPEG2_DCT_ESCAPE},
    {"0010 0110", DCN_MPEG2_DCT(0, 5)},
    {"0010 0001", DCN_MPEG2_DCT(0, 6)},
    {"0010 0101", DCN_MPEG2_DCT(1, 3)},
    {"0010 0100", DCN_MPEG2_DCT(3, 2)},
    {"0010 0111", DCN_MPEG2_DCT(10, 1)},
    {"0010 0011", DCN_MPEG2_DCT(11, 1)},
    {"0010 0010", DCN_MPEG2_DCT(12, 1)},
    {"0010 0000", DCN_MPEG2_DCT(13, 1)},
    {"0000 0010 10", DCN_MPEG2_DCT(0, 7)},
    {"0000 0011 00", DCN_MPEG2_DCT(1, 4)},
    {"0000 0010 11", DCN_MPEG2_DCT(2, 3)},
    {"0000 0011 11", DCN_MPEG2_DCT(4, 2)},
    {"0000 0010 01", DCN_MPEG2_DCT(5, 2)},
    {"0000 0011 10", DCN_MPEG2_DCT(14, 1)},
    {"0000 0011 01", DCN_MPEG2_DCT(15, 1)},
    {"0000 0010 00", DCN_MPEG2_DCT(16, 1)},
    {"0000 0001 1101", DCN_MPEG2_DCT(0, 8)},
    {"0000 0001 1000", DCN_MPEG2_DCT(0, 9)},
    {"0000 0001 0011", DCN_MPEG2_DCT(0, 10)},
    {"0000 0001 0000", DCN_MPEG2_DCT(0, 11)},
    {"0000 0001 1011", DCN_MPEG2_DCT(1, 5)},
    {"0000 0001 0100", DCN_MPEG2_DCT(2, 4)},
    {"0000 0001 1100", DCN_MPEG2_DCT(3, 3)},
    {"0000 0001 0010", DCN_MPEG2_DCT(4, 3)},
    {"0000 0001 1110", DCN_MPEG2_DCT(6, 2)},
    {"0000 0001 0101", DCN_MPEG2_DCT(7, 2)},
    {"0000 0001 0001", DCN_MPEG2_DCT(8, 2)},
    {"0000 0001 1111", DCN_MPEG2_DCT(17, 1)},
    {"0000 0001 1010", DCN_MPEG2_DCT(18, 1)},
    {"0000 0001 1001", DCN_MPEG2_DCT(19, 1)},
    {"0000 0001 0111", DCN_MPEG2_DCT(20, 1)},
    {"0000 0001 0110", DCN_MPEG2_DCT(21, 1)},
    {"0000 0000 1101 0", DCN_MPEG2_DCT(0, 12)},
    {"0000 0000 1100 1", DCN_MPEG2_DCT(0, 13)},
    {"0000 0000 1100 0", DCN_MPEG2_DCT(0, 14)},
    {"0000 0000 1011 1", DCN_MPEG2_DCT(0, 15)},
    {"0000 0000 1011 0", DCN_MPEG2_DCT(1, 6)},
    {"0000 0000 1010 1", DCN_MPEG2_DCT(1, 7)},
    {"0000 0000 1010 0", DCN_MPEG2_DCT(2, 5)},
    {"0000 0000 1001 1", DCN_MPEG2_DCT(3, 4)},
    {"0000 0000 1001 0", DCN_MPEG2_DCT(5, 3)},
    {"0000 0000 1000 1", DCN_MPEG2_DCT(9, 2)},
    {"0000 0000 1000 0", DCN_MPEG2_DCT(10, 2)},
    {"0000 0000 1111 1", DCN_MPEG2_DCT(22, 1)},
    {"0000 0000 1111 0", DCN_MPEG2_DCT(23, 1)},
    {"0000 0000 1110 1", DCN_MPEG2_DCT(24, 1)},
    {"0000 0000 1110 0", DCN_MPEG2_DCT(25, 1)},
    {"0000 0000 1101 1", DCN_MPEG2_DCT(26, 1)},
    {"0000 0000 0111 11", DCN_MPEG2_DCT(0, 16)},
    {"0000 0000 0111 10", DCN_MPEG2_DCT(0, 17)},
    {"0000 0000 0111 01", DCN_MPEG2_DCT(0, 18)},
    {"0000 0000 0111 00", DCN_MPEG2_DCT(0, 19)},
    {"0000 0000 0110 11", DCN_MPEG2_DCT(0, 20)},
    {"0000 0000 0110 10", DCN_MPEG2_DCT(0, 21)},
    {"0000 0000 0110 01", DCN_MPEG2_DCT(0, 22)},
    {"0000 0000 0110 00", DCN_MPEG2_DCT(0, 23)},
    {"0000 0000 0101 11", DCN_MPEG2_DCT(0, 24)},
    {"0000 0000 0101 10", DCN_MPEG2_DCT(0, 25)},
    {"0000 0000 0101 01", DCN_MPEG2_DCT(0, 26)},
    {"0000 0000 0101 00", DCN_MPEG2_DCT(0, 27)},
    {"0000 0000 0100 11", DCN_MPEG2_DCT(0, 28)},
    {"0000 0000 0100 10", DCN_MPEG2_DCT(0, 29)},
    {"0000 0000 0100 01", DCN_MPEG2_DCT(0, 30)},
    {"0000 0000 0100 00", DCN_MPEG2_DCT(0, 31)},
    {"0000 0000 0011 000", DCN_MPEG2_DCT(0, 32)},
    {"0000 0000 0010 111", DCN_MPEG2_DCT(0, 33)},
    {"0000 0000 0010 110", DCN_MPEG2_DCT(0, 34)},
    {"0000 0000 0010 101", DCN_MPEG2_DCT(0, 35)},
    {"0000 0000 0010 100", DCN_MPEG2_DCT(0, 36)},
    {"0000 0000 0010 011", DCN_MPEG2_DCT(0, 37)},
    {"0000 0000 0010 010", DCN_MPEG2_DCT(0, 38)},
    {"0000 0000 0010 001", DCN_MPEG2_DCT(0, 39)},
    {"0000 0000 0010 000", DCN_MPEG2_DCT(0, 40)},
    {"0000 0000 0011 111", DCN_MPEG2_DCT(1, 8)},
    {"0000 0000 0011 110", DCN_MPEG2_DCT(1, 9)},
    {"0000 0000 0011 101", DCN_MPEG2_DCT(1, 10)},
    {"0000 0000 0011 100", DCN_MPEG2_DCT(1, 11)},
    {"0000 0000 0011 011", DCN_MPEG2_DCT(1, 12)},
    {"0000 0000 0011 010", DCN_MPEG2_DCT(1, 13)},
    {"0000 0000 0011 001", DCN_MPEG2_DCT(1, 14)},
    {"0000 0000 0001 0011", DCN_MPEG2_DCT(1, 15)},
    {"0000 0000 0001 0010", DCN_MPEG2_DCT(1, 16)},
    {"0000 0000 0001 0001", DCN_MPEG2_DCT(1, 17)},
    {"0000 0000 0001 0000", DCN_MPEG2_DCT(1, 18)},
    {"0000 0000 0001 0100", DCN_MPEG2_DCT(6, 3)},
    {"0000 0000 0001 1010", DCN_MPEG2_DCT(11, 2)},
    {"0000 0000 0001 1001", DCN_MPEG2_DCT(12, 2)},
    {"0000 0000 0001 1000", DCN_MPEG2_DCT(13, 2)},
    {"0000 0000 0001 0111", DCN_MPEG2_DCT(14, 2)},
    {"0000 0000 0001 0110", DCN_MPEG2_DCT(15, 2)},
    {"0000 0000 0001 0101", DCN_MPEG2_DCT(16, 2)},
    {"0000 0000 0001 1111", DCN_MPEG2_DCT(27, 1)},
    {"0000 0000 0001 1110", DCN_MPEG2_DCT(28, 1)},
    {"0000 0000 0001 1101", DCN_MPEG2_DCT(29, 1)},
    {"0000 0000 0001 1100", DCN_MPEG2_DCT(30, 1)},
    {"0000 0000 0001 1011", DCN_MPEG2_DCT(31, 1)},
};

/* Table B.15 - DCT coefficients table one. */
static const DcnVlcRow table_b15[] = {
    {"0110", DCN_MPEG2_DCT_END_OF_BLOCK},
    {"10", DCN_MPEG2_DCT(0, 1)},
    {"010", DCN_MPEG2_DCT(1, 1)},
    {"110", DCN_MPEG2_DCT(0, 2)},
    {"0010 1", DCN_MPEG2_DCT(2, 1)},
    {"0111", DCN_MPEG2_DCT(0, 3)},
    {"0011 1", DCN_MPEG2_DCT(3, 1)},
    {"0001 10", DCN_MPEG2_DCT(4, 1)},
    {"0011 0", DCN_MPEG2_DCT(1, 2)},
    {"0001 11", DCN_MPEG2_DCT(5, 1)},
    {"0000 110", DCN_MPEG2_DCT(6, 1)},
    {"0000 100", DCN_MPEG2_DCT(7, 1)},
    {"1110 0", DCN_MPEG2_DCT(0, 4)},
    {"0000 111", DCN_MPEG2_DCT(2, 2)},
    {"0000 101", DCN_MPEG2_DCT(8, 1)},
    {"1111 000", DCN_MPEG2_DCT(9, 1)},
    {"0000 01", DCN_MPEG2_DCT_ESCAPE},
    {"1110 1", DCN_MPEG2_DCT(0, 5)},
    {"0001 01", DCN_MPEG2_DCT(0, 6)},
    {"1111 001", DCN_MPEG2_DCT(1, 3)},
    {"0010 0110", DCN_MPEG2_DCT(3, 2)},
    {"1111 010", DCN_MPEG2_DCT(10, 1)},
    {"0010 0001", DCN_MPEG2_DCT(11, 1)},
    {"0010 0101", DCN_MPEG2_DCT(12, 1)},
    {"0010 0100", DCN_MPEG2_DCT(13, 1)},
    {"0001 00", DCN_MPEG2_DCT(0, 7)},
    {"0010 0111", DCN_MPEG2_DCT(1, 4)},
    {"1111 1100", DCN_MPEG2_DCT(2, 3)},
    {"1111 1101", DCN_MPEG2_DCT(4, 2)},
    {"0000 0010 0", DCN_MPEG2_DCT(5, 2)},
    {"0000 0010 1", DCN_MPEG2_DCT(14, 1)},
    {"0000 0011 1", DCN_MPEG2_DCT(15, 1)},
    {"0000 0011 01", DCN_MPEG2_DCT(16, 1)},
    {"1111 011", DCN_MPEG2_DCT(0, 8)},
    {"1111 100", DCN_MPEG2_DCT(0, 9)},
    {"0010 0011", DCN_MPEG2_DCT(0, 10)},
    {"0010 0010", DCN_MPEG2_DCT(0, 11)},
    {"0010 0000", DCN_MPEG2_DCT(1, 5)},
    {"0000 0011 00", DCN_MPEG2_DCT(2, 4)},
    {"0000 0001 1100", DCN_MPEG2_DCT(3, 3)},
    {"0000 0001 0010", DCN_MPEG2_DCT(4, 3)},
    {"0000 0001 1110", DCN_MPEG2_DCT(6, 2)},
    {"0000 0001 0101", DCN_MPEG2_DCT(7, 2)},
    {"0000 0001 0001", DCN_MPEG2_DCT(8, 2)},
    {"0000 0001 1111", DCN_MPEG2_DCT(17, 1)},
    {"0000 0001 1010", DCN_MPEG2_DCT(18, 1)},
    {"0000 0001 1001", DCN_MPEG2_DCT(19, 1)},
    {"0000 0001 0111", DCN_MPEG2_DCT(20, 1)},
    {"0000 0001 0110", DCN_MPEG2_DCT(21, 1)},
    {"1111 1010", DCN_MPEG2_DCT(0, 12)},
    {"1111 1011", DCN_MPEG2_DCT(0, 13)},
    {"1111 1110", DCN_MPEG2_DCT(0, 14)},
    {"1111 1111", DCN_MPEG2_DCT(0, 15)},
    {"0000 0000 1011 0", DCN_MPEG2_DCT(1, 6)},
    {"0000 0000 1010 1", DCN_MPEG2_DCT(1, 7)},
    {"0000 0000 1010 0", DCN_MPEG2_DCT(2, 5)},
    {"0000 0000 1001 1", DCN_MPEG2_DCT(3, 4)},
    {"0000 0000 1001 0", DCN_MPEG2_DCT(5, 3)},
    {"0000 0000 1000 1", DCN_MPEG2_DCT(9, 2)},
    {"0000 0000 1000 0", DCN_MPEG2_DCT(10, 2)},
    {"0000 0000 1111 1", DCN_MPEG2_DCT(22, 1)},
    {"0000 0000 1111 0", DCN_MPEG2_DCT(23, 1)},
    {"0000 0000 1110 1", DCN_MPEG2_DCT(24, 1)},
    {"0000 0000 1110 0", DCN_MPEG2_DCT(25, 1)},
    {"0000 0000 1101 1", DCN_MPEG2_DCT(26, 1)},
    {"0000 0000 0111 11", DCN_MPEG2_DCT(0, 16)},
    {"0000 0000 0111 10", DCN_MPEG2_DCT(0, 17)},
    {"0000 0000 0111 01", DCN_MPEG2_DCT(0, 18)},
    {"0000 0000 0111 00", DCN_MPEG2_DCT(0, 19)},
    {"0000 0000 0110 11", DCN_MPEG2_DCT(0, 20)},
    {"0000 0000 0110 10", DCN_MPEG2_DCT(0, 21)},
    {"0000 0000 0110 01", DCN_MPEG2_DCT(0, 22)},
    {"0000 0000 0110 00", DCN_MPEG2_DCT(0, 23)},
    {"0000 0000 0101 11", DCN_MPEG2_DCT(0, 24)},
    {"0000 0000 0101 10", DCN_MPEG2_DCT(0, 25)},
    {"0000 0000 0101 01", DCN_MPEG2_DCT(0, 26)},
    {"0000 0000 0101 00", DCN_MPEG2_DCT(0, 27)},
    {"0000 0000 0100 11", DCN_MPEG2_DCT(0, 28)},
    {"0000 0000 0100 10", DCN_MPEG2_DCT(0, 29)},
    {"0000 0000 0100 01", DCN_MPEG2_DCT(0, 30)},
    {"0000 0000 0100 00", DCN_MPEG2_DCT(0, 31)},
    {"0000 0000 0011 000", DCN_MPEG2_DCT(0, 32)},
    {"0000 0000 0010 111", DCN_MPEG2_DCT(0, 33)},
    {"0000 0000 0010 110", DCN_MPEG2_DCT(0, 34)},
    {"0000 0000 0010 101", DCN_MPEG2_DCT(0, 35)},
    {"0000 0000 0010 100", DCN_MPEG2_DCT(0, 36)},
    {"0000 0000 0010 011", DCN_MPEG2_DCT(0, 37)},
    {"0000 0000 0010 010", DCN_MPEG2_DCT(0, 38)},
    {"0000 0000 0010 001", DCN_MPEG2_DCT(0, 39)},
    {"0000 0000 0010 000", DCN_MPEG2_DCT(0, 40)},
    {"0000 0000 0011 111", DCN_MPEG2_DCT(1, 8)},
    {"0000 0000 0011 110", DCN_MPEG2_DCT(1, 9)},
    {"0000 0000 0011 101", DCN_MPEG2_DCT(1, 10)},
    {"0000 0000 0011 100", DCN_MPEG2_DCT(1, 11)},
    {"0000 0000 0011 011", DCN_MPEG2_DCT(1, 12)},
    {"0000 0000 0011 010", DCN_MPEG2_DCT(1, 13)},
    {"0000 0000 0011 001", DCN_MPEG2_DCT(1, 14)},
    {"0000 0000 0001 0011", DCN_MPEG2_DCT(1, 15)},
    {"0000 0000 0001 0010", DCN_MPEG2_DCT(1, 16)},
    {"0000 0000 0001 0001", DCN_MPEG2_DCT(1, 17)},
    {"0000 0000 0001 0000", DCN_MPEG2_DCT(1, 18)},
    {"0000 0000 0001 0100", DCN_MPEG2_DCT(6, 3)},
    {"0000 0000 0001 1010", DCN_MPEG2_DCT(11, 2)},
    {"0000 0000 0001 1001", DCN_MPEG2_DCT(12, 2)},
    {"0000 0000 0001 1000", DCN_MPEG2_DCT(13, 2)},
    {"0000 0000 0001 0111", DCN_MPEG2_DCT(14, 2)},
    {"0000 0000 0001 0110", DCN_MPEG2_DCT(15, 2)},
    {"0000 0000 0001 0101", DCN_MPEG2_DCT(16, 2)},
    {"0000 0000 0001 1111", DCN_MPEG2_DCT(27, 1)},
    {"0000 0000 0001 1110", DCN_MPEG2_DCT(28, 1)},
    {"0000 0000 0001 1101", DCN_MPEG2_DCT(29, 1)},
    {"0000 0000 0001 1100", DCN_MPEG2_DCT(30, 1)},
    {"0000 0000 0001 1011", DCN_MPEG2_DCT(31, 1)},
};

/* Table 7-6, the column q_scale_type 1. */
const uint8_t dcn_mpeg2_non_linear_quantiser_scale[32] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  10, 12, 14, 16, 18, 20,  22,
    24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 72, 80, 88, 96, 104, 112};

#define TABLE(name, first_bits)                                                                    \
  {                                                                                                \
    name, G_N_ELEMENTS(name), first_bits                                                           \
  }

static const struct {
  const DcnVlcRow *rows;
  size_t n_rows;
  int first_bits; /* short enough that the look-ups of one picture stay in the first level cache */
} tables[DCN_MPEG2_N_TABLES] = {
    [DCN_MPEG2_TABLE_B1] = TABLE(table_b1, 6),   [DCN_MPEG2_TABLE_B2] = TABLE(table_b2, 2),
    [DCN_MPEG2_TABLE_B3] = TABLE(table_b3, 6),   [DCN_MPEG2_TABLE_B4] = TABLE(table_b4, 6),
    [DCN_MPEG2_TABLE_B2D] = TABLE(table_b2d, 1), [DCN_MPEG2_TABLE_B9] = TABLE(table_b9, 9),
    [DCN_MPEG2_TABLE_B10] = TABLE(table_b10, 6), [DCN_MPEG2_TABLE_B11] = TABLE(table_b11, 2),
    [DCN_MPEG2_TABLE_B12] = TABLE(table_b12, 9), [DCN_MPEG2_TABLE_B13] = TABLE(table_b13, 10),
    [DCN_MPEG2_TABLE_B14] = TABLE(table_b14, 9), [DCN_MPEG2_TABLE_B15] = TABLE(table_b15, 9),
};

#define CAPACITY 6144

const DcnVlcRow *
dcn_mpeg2_table_rows(DcnMpeg2TableId id, size_t *n_rows)
{
  *n_rows = tables[id].n_rows;
  return tables[id].rows;
}

const DcnVlc *
dcn_mpeg2_tables(void)
{
  static DcnVlcEntry entries[CAPACITY];
  static DcnVlc look_ups[DCN_MPEG2_N_TABLES];
  static gsize once;
  if (g_once_init_enter(&once)) {
    int used = 0;
    for (int i = 0; i < DCN_MPEG2_N_TABLES; i++) {
      int n = dcn_vlc_build(tables[i].rows, tables[i].n_rows, tables[i].first_bits, entries + used,
                            CAPACITY - used, &look_ups[i]);
      g_assert(n > 0); /* a mistake in a table above, not in any data */
      used += n;
    }
    g_once_init_leave(&once, 1);
  }
  return look_ups;
}
