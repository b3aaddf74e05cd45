/* deltacnn: Exp-Golomb codes, and residual blocks of H.264 in CAVLC.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 9.1 and 9.2.  Coefficients are read past: what is kept is how many each block has. */
#include "h264/syntax.h"

uint32_t
dcn_h264_long_ue(DcnBitReader *reader)
{
  uint32_t bits = dcn_bits_peek(reader, 32);
  int zeros = bits ? __builtin_clz(bits) : 32;
  if (zeros > 24) {
    /* No element has such a range; and zeros are what is seen behind the end. */
    reader->error = TRUE;
    return 0;
  }
  dcn_bits_skip(reader, zeros);
  bits = dcn_bits_read(reader, zeros + 1);
  return bits ? bits - 1 : 0;
}

/* Which total_zeros tables go with a block. */
typedef enum { TOTAL_ZEROS_4X4, TOTAL_ZEROS_2X2, TOTAL_ZEROS_2X4 } TotalZeros;

/* Refills come unasked, and often enough for what is read next: when they are needed is hard to guess. */

/* level_prefix and level_suffix of all coefficients that are not trailing ones, 9.2.2.1.  FALSE where there is no such
 * level. */
static inline gboolean
levels(DcnBitReader *reader, int total, int trailing_ones)
{
  int suffix_length = total > 10 && trailing_ones < 3;
  for (int i = trailing_ones; i < total; i++) {
    dcn_bits_refill(reader);
    uint32_t bits = dcn_bits_peek(reader, 32);
    if (G_UNLIKELY(bits < 1u << 6)) /* more than 25 zeros */
      return FALSE;
    int prefix = __builtin_clz(bits), code;
    if (G_LIKELY(prefix < 14)) {
      uint32_t suffix = bits << (prefix + 1) >> 1 >> (31 - suffix_length);
      code = prefix << suffix_length | (int)suffix;
      dcn_bits_skip(reader, prefix + 1 + suffix_length);
    } else {
      int suffix_size = prefix >= 15 ? prefix - 3 : suffix_length ? suffix_length : 4;
      dcn_bits_skip(reader, prefix + 1);
      code = (MIN(15, prefix) << suffix_length) + (int)dcn_bits_read(reader, suffix_size);
      if (prefix >= 15 && suffix_length == 0)
        code += 15;
      if (prefix >= 16)
        code += (1 << (prefix - 3)) - 4096;
    }
    code += 2 * ((i == trailing_ones) & (trailing_ones < 3));
    int magnitude = (code + 2) >> 1;
    if (suffix_length == 0)
      suffix_length = 1;
    suffix_length += (magnitude > 3 << (suffix_length - 1)) & (suffix_length < 6);
  }
  return TRUE;
}

/* Table 9-10 for codes of three bits at most: length | run_before << 4 by zerosLeft, 7 for all above, and the next bits; 0: a
 * longer code, which a 1 ends. */
static uint8_t short_runs[8][8];

static void
build_short_runs(void)
{
  for (int zeros = 1; zeros < 8; zeros++) {
    for (unsigned bits = 0; bits < 8; bits++) {
      uint8_t byte = (uint8_t)(bits << 5);
      DcnBitReader reader;
      dcn_bits_init(&reader, &byte, 1);
      int run = dcn_vlc_read(&dcn_h264_vlc[DCN_H264_TABLE_9_10_1 + zeros - 1], &reader);
      int length = 8 - (int)dcn_bits_left(&reader);
      short_runs[zeros][bits] =
          (uint8_t)(run == DCN_VLC_INVALID || length > 3 ? 0 : length | run << 4);
    }
  }
}

/* run_before of count coefficients.  FALSE where there is no such code. */
static inline gboolean
runs(DcnBitReader *reader, int count, int zeros)
{
  for (; count > 0 && zeros > 0; count--) {
    unsigned found = short_runs[MIN(zeros, 7)][dcn_bits_peek(reader, 3)];
    int length = (int)(found & 15), run = (int)(found >> 4);
    if (G_UNLIKELY(!found)) {
      uint32_t bits = dcn_bits_peek(reader, 11);
      if (!bits)
        return FALSE;
      length = __builtin_clz(bits) - 20;
      run = length + 3;
    }
    if (G_UNLIKELY(run > zeros))
      return FALSE;
    dcn_bits_skip(reader, length);
    zeros -= run;
  }
  return TRUE;
}

/* residual_block_cavlc() with max coefficients.  Returns TotalCoeff, or -1. */
static int
long_block(DcnBitReader *from, const DcnVlc *coeff_token, int max, TotalZeros which)
{
  DcnBitReader reader = *from; /* in registers meanwhile */
  dcn_bits_refill(&reader);
  int token = dcn_vlc_read(coeff_token, &reader);
  if (G_UNLIKELY(token == DCN_VLC_INVALID))
    return -1;
  int total = DCN_H264_TOTAL_COEFF(token), trailing_ones = DCN_H264_TRAILING_ONES(token);
  if (total > 0) {
    if (G_UNLIKELY(total > max))
      return -1;
    dcn_bits_skip(&reader, trailing_ones);
    if (!levels(&reader, total, trailing_ones))
      return -1;
    if (total < max) {
      static const int first[] = {DCN_H264_TABLE_9_7_1, DCN_H264_TABLE_9_9A_1,
                                  DCN_H264_TABLE_9_9B_1};
      /* 9 bits, and 46 for runs: three for one of up to 6, eleven at most for others, of which there are two at most. */
      dcn_bits_refill(&reader);
      int zeros = dcn_vlc_read(&dcn_h264_vlc[first[which] + total - 1], &reader);
      if (G_UNLIKELY(zeros == DCN_VLC_INVALID || zeros + total > max))
        return -1;
      if (!runs(&reader, total - 1, zeros))
        return -1;
    }
  }
  *from = reader;
  return total;
}

/* Most blocks are a few bits long.  By the column of table 9-5 and the next bits: length | TotalCoeff << 4 of a whole block, 0
 * where it is longer.  Those of 4x4 blocks hold for 16 coefficients as for 15: what differs is longer. */
#define SHORT_BITS 12
static uint8_t short_blocks[DCN_H264_TABLE_9_5_NC_M1 + 1][1 << SHORT_BITS];

static void
build_short_blocks(void)
{
  for (int column = 0; column <= DCN_H264_TABLE_9_5_NC_M1; column++) {
    gboolean dc = column == DCN_H264_TABLE_9_5_NC_M1;
    for (unsigned bits = 0; bits < 1 << SHORT_BITS; bits++) {
      uint8_t bytes[2] = {(uint8_t)(bits >> 4), (uint8_t)(bits << 4)};
      DcnBitReader reader;
      dcn_bits_init(&reader, bytes, 2);
      int total = long_block(&reader, &dcn_h264_vlc[column], dc ? 4 : 15,
                             dc ? TOTAL_ZEROS_2X2 : TOTAL_ZEROS_4X4);
      int length = 16 - (int)dcn_bits_left(&reader);
      short_blocks[column][bits] =
          (uint8_t)(total < 0 || reader.error || length > SHORT_BITS ? 0 : length | total << 4);
    }
  }
}

void
dcn_h264_cavlc_init(void)
{
  static gsize once;
  if (g_once_init_enter(&once)) {
    build_short_runs();
    build_short_blocks();
    g_once_init_leave(&once, 1);
  }
}

static inline int
block(DcnH264Slice *s, int column, int max, TotalZeros which)
{
  dcn_bits_refill(&s->reader);
  unsigned found = short_blocks[column][dcn_bits_peek(&s->reader, SHORT_BITS)];
  if (G_LIKELY(found)) {
    dcn_bits_skip(&s->reader, found & 15);
    return (int)(found >> 4);
  }
  return long_block(&s->reader, &dcn_h264_vlc[column], max, which);
}

/* TotalCoeff of one colour plane's blocks and those around them, by DCN_H264_GRID(x, y). */
typedef uint8_t Grid[40];

#define NOT_AVAILABLE 64 /* so that sums of two tell how many are */

static void
grid_init(const DcnH264Slice *s, int plane, int rows, gboolean halved, Grid grid)
{
  memset(grid, 0, sizeof(Grid));
  if (s->b_mb)
    memcpy(grid + DCN_H264_GRID(0, -1), s->top->total.bottom[plane], 4);
  else
    memset(grid + DCN_H264_GRID(0, -1), NOT_AVAILABLE, 4);
  for (int y = 0; y < rows; y++) {
    int from = halved ? 2 * y : y;
    uint8_t total = NOT_AVAILABLE;
    if (s->a)
      total = s->left[from]->total.right[plane][s->left_row[from] >> halved];
    grid[DCN_H264_GRID(-1, y)] = total;
  }
}

/* What neighbours need of a grid of columns x rows blocks. */
static void
grid_keep(const Grid grid, int columns, int rows, uint8_t right[4], uint8_t bottom[4])
{
  memcpy(bottom, grid + DCN_H264_GRID(0, rows - 1), 4);
  for (int y = 0; y < rows; y++)
    right[y] = grid[DCN_H264_GRID(columns - 1, y)];
}

/* 9.2.1: the column of table 9-5 for the block at a place of the grid. */
static inline int
token_column(const Grid grid, int at)
{
  static const uint8_t columns[17] = {
      DCN_H264_TABLE_9_5_NC_0, DCN_H264_TABLE_9_5_NC_0, DCN_H264_TABLE_9_5_NC_2,
      DCN_H264_TABLE_9_5_NC_2, DCN_H264_TABLE_9_5_NC_4, DCN_H264_TABLE_9_5_NC_4,
      DCN_H264_TABLE_9_5_NC_4, DCN_H264_TABLE_9_5_NC_4, DCN_H264_TABLE_9_5_NC_8,
      DCN_H264_TABLE_9_5_NC_8, DCN_H264_TABLE_9_5_NC_8, DCN_H264_TABLE_9_5_NC_8,
      DCN_H264_TABLE_9_5_NC_8, DCN_H264_TABLE_9_5_NC_8, DCN_H264_TABLE_9_5_NC_8,
      DCN_H264_TABLE_9_5_NC_8, DCN_H264_TABLE_9_5_NC_8,
  };
  int sum = grid[at - 1] + grid[at - 8];
  if (sum < NOT_AVAILABLE)
    sum = (sum + 1) >> 1;
  return columns[sum & (NOT_AVAILABLE / 2 - 1)];
}

/* residual_luma() of one colour plane, 7.3.5.3.1 and .2.  *nonzero: bit 4 * y + x. */
static gboolean
residual_luma(DcnH264Slice *s, int plane, uint16_t *nonzero, gboolean *dc)
{
  DcnH264Mb *mb = s->mb;
  Grid grid;
  unsigned coded = 0;
  int max = 16;
  grid_init(s, plane, 4, FALSE, grid);

  *dc = FALSE;
  if (mb->type == DCN_H264_MB_I_16X16) {
    int total = block(s, token_column(grid, DCN_H264_GRID(0, 0)), 16, TOTAL_ZEROS_4X4);
    if (total < 0)
      return FALSE;
    *dc = total > 0;
    max = 15;
  }
  /* Figure 6-10.  An 8x8 block is four interleaved ones here. */
  for (int quarter = 0; quarter < 4; quarter++) {
    static const uint8_t first_at[4] = {DCN_H264_GRID(0, 0), DCN_H264_GRID(2, 0),
                                        DCN_H264_GRID(0, 2), DCN_H264_GRID(2, 2)};
    static const uint8_t first_bit[4] = {0, 2, 8, 10};
    if (!(mb->coded_block_pattern >> quarter & 1))
      continue;
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      int at = first_at[quarter] + (i & 1) + 4 * (i & 2);
      int total = block(s, token_column(grid, at), max, TOTAL_ZEROS_4X4);
      if (total < 0)
        return FALSE;
      grid[at] = (uint8_t)total;
      coded |= (unsigned)(total > 0) << (first_bit[quarter] + (i & 1) + 2 * (i & 2));
    }
  }
  if (mb->flags & DCN_H264_MB_TRANSFORM_8X8) {
    for (int i = 0; i < 4; i++) {
      unsigned quarter = 0x33u << ((i & 1) * 2 + (i & 2) * 4);
      if (coded & quarter)
        coded |= quarter;
    }
  }
  *nonzero = (uint16_t)coded;
  grid_keep(grid, 4, 4, s->context->total.right[plane], s->context->total.bottom[plane]);
  return TRUE;
}

/* Cb and Cr of 4:2:0 and 4:2:2 */
static gboolean
residual_chroma(DcnH264Slice *s)
{
  DcnH264Mb *mb = s->mb;
  gboolean is_420 = s->chroma_array_type == 1;
  int rows = is_420 ? 2 : 4;
  int coded = 0;
  if (!(mb->coded_block_pattern & 0x30))
    return TRUE;
  for (int plane = 1; plane < 3; plane++) {
    int total = is_420 ? block(s, DCN_H264_TABLE_9_5_NC_M1, 4, TOTAL_ZEROS_2X2)
                       : long_block(&s->reader, &dcn_h264_vlc[DCN_H264_TABLE_9_5_NC_M2], 8,
                                    TOTAL_ZEROS_2X4);
    if (total < 0)
      return FALSE;
    coded |= total;
  }
  for (int plane = 1; plane < 3 && mb->coded_block_pattern & 0x20; plane++) {
    Grid grid;
    grid_init(s, plane, rows, is_420, grid);
    for (int i = 0; i < 2 * rows; i++) {
      int at = DCN_H264_GRID(i & 1, i >> 1);
      int total = block(s, token_column(grid, at), 15, TOTAL_ZEROS_4X4);
      if (total < 0)
        return FALSE;
      grid[at] = (uint8_t)total;
      coded |= total;
    }
    grid_keep(grid, 2, rows, s->context->total.right[plane], s->context->total.bottom[plane]);
  }
  if (coded)
    mb->flags |= DCN_H264_MB_CHROMA;
  return TRUE;
}

gboolean
dcn_h264_cavlc_residual(DcnH264Slice *s)
{
  gboolean dc = FALSE;
  if (!residual_luma(s, 0, &s->mb->nonzero, &dc))
    return dcn_h264_fail(s, "no such residual block");
  s->mb->flags |= (uint8_t)(dc ? DCN_H264_MB_LUMA_DC : 0);
  if (s->chroma_array_type == 3) {
    for (int plane = 1; plane < 3; plane++) {
      uint16_t nonzero;
      if (!residual_luma(s, plane, &nonzero, &dc))
        return dcn_h264_fail(s, "no such residual block");
      if (nonzero || dc)
        s->mb->flags |= DCN_H264_MB_CHROMA;
    }
  } else if (s->chroma_array_type) {
    if (!residual_chroma(s))
      return dcn_h264_fail(s, "no such residual block");
  }
  return TRUE;
}
