/* deltacnn: arithmetic decoding engine of ITU-T H.264 9.3.1.2 and 9.3.3.2.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * codIOffset stands at bit 54 of a 64-bit word, the bits that follow it in the stream below; so a symbol costs no
 * memory access for the stream, and renormalisation is a shift. */
#pragma once
#include "h264/tables.h"

typedef struct {
  uint64_t value; /* codIOffset << 54 | what follows */
  uint32_t range; /* codIRange */
  int bits;       /* of the stream that are in value below bit 54 */
  const uint8_t *next;
  const uint8_t *limit; /* next never gets farther: a few bytes behind the end of the data, all of them zero */
} DcnH264Cabac;

#define DCN_H264_CABAC_PADDING 16 /* zero bytes there must be behind the data */

static inline void
dcn_h264_cabac_refill(DcnH264Cabac *c)
{
  uint32_t word;
  memcpy(&word, c->next, 4);
  c->value |= (uint64_t)GUINT32_FROM_BE(word) << (22 - c->bits);
  c->bits += 32;
  if (G_LIKELY(c->next < c->limit))
    c->next += 4;
}

/* 9.3.1.2.  data + size is followed by DCN_H264_CABAC_PADDING zeros. */
static inline void
dcn_h264_cabac_init(DcnH264Cabac *c, const uint8_t *data, size_t size)
{
  *c = (DcnH264Cabac){.range = 510, .bits = -9, .next = data, .limit = data + size + 8};
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
dcn_h264_cabac_renorm(DcnH264Cabac *c)
{
  int shift = __builtin_clz(c->range) - 23;
  c->range <<= shift;
  c->value <<= shift;
  c->bits -= shift;
  if (G_UNLIKELY(c->bits < 0))
    dcn_h264_cabac_refill(c);
}

/* DecodeDecision, 9.3.3.2.1, without a branch on its outcome: outcomes are what cannot be predicted. */
static inline unsigned
dcn_h264_cabac_bin(DcnH264Cabac *c, uint8_t *state)
{
  unsigned s = *state;
  unsigned lps = dcn_h264_engine_lps[2 * (c->range & 0xc0) + s];
  unsigned mps = c->range - lps;
  uint64_t scaled = (uint64_t)mps << 54;
  uint64_t is_lps = ~(uint64_t)((int64_t)(c->value - scaled) >> 63);
  c->value -= scaled & is_lps;
  c->range = mps + ((lps - mps) & (unsigned)is_lps);
  s ^= (unsigned)is_lps & 255;
  *state = dcn_h264_engine_next[s];
  dcn_h264_cabac_renorm(c);
  return s & 1;
}

/* DecodeBypass, 9.3.3.2.3 */
static inline unsigned
dcn_h264_cabac_bypass(DcnH264Cabac *c)
{
  uint64_t scaled = (uint64_t)c->range << 54;
  c->value <<= 1;
  if (G_UNLIKELY(--c->bits < 0))
    dcn_h264_cabac_refill(c);
  uint64_t is_one = ~(uint64_t)((int64_t)(c->value - scaled) >> 63);
  c->value -= scaled & is_one;
  return (unsigned)is_one & 1;
}

/* DecodeTerminate, 9.3.3.2.4.  After 1 the last bit that was read is rbsp_stop_one_bit, or its like before I_PCM samples: the
 * encoder's flush, 9.3.4.5, writes no more. */
static inline unsigned
dcn_h264_cabac_terminate(DcnH264Cabac *c)
{
  c->range -= 2;
  if (c->value >= (uint64_t)c->range << 54)
    return 1;
  dcn_h264_cabac_renorm(c);
  return 0;
}
