/* deltacnn: coded_block_pattern and DCT coefficients of MPEG-2 and MPEG-1 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ISO/IEC 13818-2 6.2.5.3, 6.2.6, 6.3.17.4, 7.2; ISO/IEC 11172-2 2.4.2.9.  Coefficients are read to
 * find where they end; nothing is reconstructed. */
#include "mpeg2/decode.h"

gboolean
dcn_mpeg2_coded_block_pattern(DcnMpeg2Slice *slice)
{
  DcnMacroblock *mb = &slice->macroblock;
  int block_count = slice->coded->block_count;
  int cbp = dcn_vlc_read(&slice->coded->tables[DCN_MPEG2_TABLE_B9], &slice->reader);
  if (cbp == DCN_VLC_INVALID)
    return dcn_mpeg2_fail(slice, "no coded_block_pattern has this code");

  /* coded_block_pattern_1 and _2 hold the blocks from 6 on, most significant bit first. */
  int more = block_count - 6;
  uint32_t all = (uint32_t)cbp << more | dcn_bits_read(&slice->reader, more);
  mb->pattern = 0;
  for (int i = 0; i < block_count; i++)
    mb->pattern |= (all >> (block_count - 1 - i) & 1) << i;
  if (mb->pattern == 0)
    return dcn_mpeg2_fail(slice, "coded_block_pattern is zero");
  return TRUE;
}

/* ISO/IEC 13818-2 7.2.2.3: a fixed length of run and level.  Returns the run, or -1. */
static int
escape(DcnMpeg2Slice *slice)
{
  DcnBitReader *reader = &slice->reader;
  int run = (int)dcn_bits_read(reader, 6);
  gboolean forbidden;
  if (slice->coded->sequence->mpeg1) {
    /* ISO/IEC 11172-2 table B.5g: 8 bits, or 16 where the first 8 are 0 or -128. */
    uint32_t level = dcn_bits_read(reader, 8);
    forbidden = FALSE;
    if (level == 0)
      forbidden = dcn_bits_read(reader, 8) == 0;
    else if (level == 128)
      forbidden = dcn_bits_read(reader, 8) == 0;
  } else {
    uint32_t level = dcn_bits_read(reader, 12);
    forbidden = level == 0 || level == 2048;
  }
  if (forbidden) {
    dcn_mpeg2_fail(slice, "forbidden level in a DCT coefficient");
    return -1;
  }
  return run;
}

/* Coefficients from index `next` on, to the end of the block. */
static gboolean
coefficients(DcnMpeg2Slice *slice, const DcnVlc *vlc, int next)
{
  DcnBitReader *reader = &slice->reader;
  const DcnVlcEntry *entries = vlc->entries;
  const int first_bits = vlc->first_bits;
  for (;;) {
    dcn_bits_refill(reader);
    DcnVlcEntry entry = entries[reader->cache >> (64 - first_bits)];
    if (G_UNLIKELY(entry.length < 0)) {
      uint64_t rest = reader->cache << first_bits >> (64 + entry.length);
      entry = entries[(uint64_t)entry.value + rest];
    }
    int run;
    if (G_LIKELY(entry.value >= 0 && entry.length > 0)) {
      dcn_bits_skip(reader, entry.length + 1); /* with the sign */
      run = DCN_MPEG2_DCT_RUN(entry.value);
    } else if (entry.length == 0) {
      return dcn_mpeg2_fail(slice, "no DCT coefficient has this code");
    } else {
      dcn_bits_skip(reader, entry.length);
      if (entry.value == DCN_MPEG2_DCT_END_OF_BLOCK)
        return TRUE;
      run = escape(slice);
      if (run < 0)
        return FALSE;
    }
    next += run + 1;
    if (next > 64)
      return dcn_mpeg2_fail(slice, "DCT coefficients run past the end of the block");
  }
}

static gboolean
intra_block(DcnMpeg2Slice *slice, int i, const DcnVlc *ac)
{
  const DcnMpeg2Coded *coded = slice->coded;
  const DcnVlc *dc = &coded->tables[i < 4 ? DCN_MPEG2_TABLE_B12 : DCN_MPEG2_TABLE_B13];
  int size = dcn_vlc_read(dc, &slice->reader);
  /* Tables B.5a and B.5b of ISO/IEC 11172-2 end at 8. */
  if (size == DCN_VLC_INVALID || (coded->sequence->mpeg1 && size > 8))
    return dcn_mpeg2_fail(slice, "no dct_dc_size has this code");
  dcn_bits_skip(&slice->reader, size);
  if (coded->header.picture_coding_type == DCN_MPEG2_D)
    return TRUE;
  return coefficients(slice, ac, 1);
}

static gboolean
non_intra_block(DcnMpeg2Slice *slice)
{
  const DcnVlc *ac = &slice->coded->tables[DCN_MPEG2_TABLE_B14];
  /* Note 2 of table B.14: the first coefficient cannot be the end of the block, so run 0, level 1
   * is short. */
  if (dcn_bits_peek(&slice->reader, 1)) {
    dcn_bits_skip(&slice->reader, 2);
    return coefficients(slice, ac, 1);
  }
  return coefficients(slice, ac, 0);
}

gboolean
dcn_mpeg2_blocks(DcnMpeg2Slice *slice)
{
  const DcnMpeg2Coded *coded = slice->coded;
  const DcnMacroblock *mb = &slice->macroblock;
  gboolean intra = mb->type & DCN_MPEG2_INTRA;
  const DcnVlc *intra_ac =
      &coded->tables[coded->header.intra_vlc_format ? DCN_MPEG2_TABLE_B15 : DCN_MPEG2_TABLE_B14];

  for (int i = 0; i < coded->block_count; i++) {
    if (!(mb->pattern >> i & 1))
      continue;
    if (intra ? !intra_block(slice, i, intra_ac) : !non_intra_block(slice))
      return FALSE;
  }
  if (coded->header.picture_coding_type == DCN_MPEG2_D && !dcn_bits_read(&slice->reader, 1))
    return dcn_mpeg2_fail(slice, "end_of_macroblock is zero");
  return TRUE;
}
