/* deltacnn: arithmetic decoding engine of ITU-T H.264 9.3.1.2 and 9.3.3.2.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * codIOffset and codIRange stand at bit 54 of 64-bit words, the bits that follow codIOffset in the stream below it.  So a
 * symbol costs no memory access but that for its state, and renormalisation is a shift.  What a symbol takes is the
 * chain from one codIRange to the next; the comparison that tells the symbol is a branch, beside that chain. */
#pragma once
#include "h264/tables.h"

typedef struct {
  uint64_t value; /* codIOffset << 54 | what follows */
  uint64_t range; /* codIRange << 54 */
  int bits;       /* of the stream that are in value below bit 54 */
  const uint8_t *next;
  const uint8_t *limit; /* next never gets farther: a few bytes behind the end of the data, all of them zero */
} DcnH264Cabac;

#define DCN_H264_CABAC_ONE (UINT64_C(1) << 54)
#define DCN_H264_CABAC_PADDING 32 /* zero bytes there must be behind the data */

/* Six bytes, which is what there is room for: when that happens is hard to guess. */
static inline void
dcn_h264_cabac_refill(DcnH264Cabac *c)
{
  uint64_t word;
  memcpy(&word, c->next, 8);
  c->value |= GUINT64_FROM_BE(word) >> 16 << (6 - c->bits);
  c->bits += 48;
  if (G_LIKELY(c->next < c->limit))
    c->next += 6;
}

/* What whole bytes there is room for, unasked: so that a refill in the midst of symbols, which nobody can guess, is rare.
 * What is left of the last byte is there as well, and comes once more, the same, with the next. */
static inline void
dcn_h264_cabac_top_up(DcnH264Cabac *c)
{
  uint64_t word;
  if (G_UNLIKELY(c->next >= c->limit))
    return;
  memcpy(&word, c->next, 8);
  c->value |= GUINT64_FROM_BE(word) >> 10 >> c->bits;
  int bytes = (54 - c->bits) >> 3;
  c->next += bytes;
  c->bits += 8 * bytes;
}

/* 9.3.1.2.  data + size is followed by DCN_H264_CABAC_PADDING zeros. */
static inline void
dcn_h264_cabac_init(DcnH264Cabac *c, const uint8_t *data, size_t size)
{
  *c = (DcnH264Cabac){.range = 510 * DCN_H264_CABAC_ONE, .bits = -9, .next = data, .limit = data + size + 8};
  dcn_h264_cabac_refill(c);
}

/* More was read than there was: every bit of the data, and more of the zeros than reading ahead explains. */
static inline gboolean
dcn_h264_cabac_overrun(const DcnH264Cabac *c)
{
  return c->next >= c->limit;
}

/* Bits the engine of the standard has read, counted from data. */
static inline size_t
dcn_h264_cabac_position(const DcnH264Cabac *c, const uint8_t *data)
{
  return 8 * (size_t)(c->next - data) - (size_t)c->bits;
}

/* RenormD */
static inline void
dcn_h264_cabac_shift(DcnH264Cabac *c, int shift)
{
  c->range <<= shift;
  c->value <<= shift;
  c->bits -= shift;
  if (G_UNLIKELY(c->bits < 0))
    dcn_h264_cabac_refill(c);
}

/* DecodeDecision, 9.3.3.2.1.  One tail for both symbols: there are many copies of this, and small ones are faster. */
static inline unsigned
dcn_h264_cabac_bin(DcnH264Cabac *c, uint8_t *state)
{
  unsigned symbol = *state;
  uint64_t row = dcn_h264_engine[symbol];
  uint64_t lps = row << (c->range >> 57 & 0x18) & DCN_H264_ENGINE_LPS;
  int shift;
  c->range -= lps;
  /* codIRange is 2 * 256 - 240 and more before, so behind an MPS one step of renormalisation is enough. */
  if (G_LIKELY(c->value < c->range)) {
    shift = (int)(c->range >> 62) ^ 1;
    *state = (uint8_t)row;
  } else {
    c->value -= c->range;
    *state = (uint8_t)(row >> 8);
    c->range = lps;
    shift = __builtin_clzll(lps) - 1;
    symbol = ~symbol;
  }
  dcn_h264_cabac_shift(c, shift);
  return symbol & 1;
}

/* The same without a branch, for symbols that nothing branches on: they are often hard to guess. */
static inline unsigned
dcn_h264_cabac_bin_straight(DcnH264Cabac *c, uint8_t *state)
{
  unsigned symbol = *state;
  uint64_t row = dcn_h264_engine[*state];
  uint64_t lps = row << (c->range >> 57 & 0x18) & DCN_H264_ENGINE_LPS;
  uint64_t mps = c->range - lps;
  uint64_t is_lps = ~(uint64_t)((int64_t)(c->value - mps) >> 63);
  *state = (uint8_t)(row >> (8 & is_lps));
  c->value -= mps & is_lps;
  c->range = mps ^ ((mps ^ lps) & is_lps);
  dcn_h264_cabac_shift(c, __builtin_clzll(c->range) - 1);
  return (symbol ^ (unsigned)is_lps) & 1;
}

/* DecodeBypass, 9.3.3.2.3 */
static inline unsigned
dcn_h264_cabac_bypass(DcnH264Cabac *c)
{
  c->value <<= 1;
  if (G_UNLIKELY(--c->bits < 0))
    dcn_h264_cabac_refill(c);
  /* Both are below 2^63: the difference is greater than either where it is below 0. */
  uint64_t rest = c->value - c->range;
  unsigned symbol = c->value >= c->range;
  c->value = MIN(rest, c->value);
  return symbol;
}

/* DecodeTerminate, 9.3.3.2.4.  After 1 the last bit that was read is rbsp_stop_one_bit, or its like before I_PCM samples: the
 * encoder's flush, 9.3.4.5, writes no more. */
static inline unsigned
dcn_h264_cabac_terminate(DcnH264Cabac *c)
{
  c->range -= 2 * DCN_H264_CABAC_ONE;
  if (c->value >= c->range)
    return 1;
  dcn_h264_cabac_shift(c, (int)(c->range >> 62) ^ 1);
  return 0;
}
