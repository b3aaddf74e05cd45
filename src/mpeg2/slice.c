/* deltacnn: the slice layer of MPEG-2 and MPEG-1 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ISO/IEC 13818-2 6.2.4 and 6.3.16; skipped macroblocks 7.6.6; ISO/IEC 11172-2 2.4.2.7 where it
 * differs. */
#include "mpeg2/decode.h"

/* Up to and with extra_bit_slice.  The row of the slice, or -1. */
static int
slice_header(DcnMpeg2Slice *slice, int slice_vertical_position)
{
  const DcnMpeg2Coded *coded = slice->coded;
  DcnBitReader *reader = &slice->reader;
  int mb_row = slice_vertical_position - 1;
  if (!coded->sequence->mpeg1 && coded->sequence->vertical_size > 2800)
    mb_row += (int)(dcn_bits_read(reader, 3) << 7); /* slice_vertical_position_extension */
  if (mb_row >= coded->mb_height) {
    dcn_mpeg2_fail(slice, "slice below the picture");
    return -1;
  }
  if (!dcn_mpeg2_quantiser_scale(slice))
    return -1;
  /* intra_slice_flag, intra_slice and reserved_bits have the form of one extra_information_slice,
   * and say nothing that the macroblocks do not. */
  while (dcn_bits_read(reader, 1))
    dcn_bits_skip(reader, 8);
  if (reader->error) {
    dcn_mpeg2_fail(slice, "slice header is cut off");
    return -1;
  }
  return mb_row;
}

/* The macroblock_escapes and the macroblock_address_increment, summed; -1 on an error. */
static int
macroblock_address_increment(DcnMpeg2Slice *slice)
{
  const DcnMpeg2Coded *coded = slice->coded;
  const DcnVlc *vlc = &coded->tables[DCN_MPEG2_TABLE_B1];
  int limit = coded->mb_width * coded->mb_height;
  int increment = 0;
  for (;;) {
    int value = dcn_vlc_read(vlc, &slice->reader);
    if (value == DCN_MPEG2_MBA_STUFFING && coded->sequence->mpeg1 && increment == 0)
      continue; /* comes before the escapes: ISO/IEC 11172-2 2.4.2.8 */
    if (value == DCN_MPEG2_MBA_ESCAPE) {
      increment += 33;
      if (increment > limit) {
        dcn_mpeg2_fail(slice, "macroblock address beyond the picture");
        return -1;
      }
      continue;
    }
    if (value == DCN_VLC_INVALID || value > 33) {
      dcn_mpeg2_fail(slice, "no macroblock_address_increment has this code");
      return -1;
    }
    return increment + value;
  }
}

/* `count` macroblocks from `address` on were skipped: 7.6.6.  slice->macroblock is the one before
 * them. */
static gboolean
skipped_macroblocks(DcnMpeg2Slice *slice, int address, int count)
{
  const DcnMpeg2Coded *coded = slice->coded;
  DcnMacroblock *mb = &slice->macroblock;
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  int parity = coded->header.picture_structure == DCN_MPEG2_BOTTOM_FIELD;

  if (coded->header.picture_coding_type == DCN_MPEG2_P) {
    /* Zero vector from the field of the same parity, and the predictors are reset. */
    dcn_mpeg2_reset_predictors(slice);
    mb->type = DCN_MPEG2_MOTION_FORWARD;
  } else if (coded->header.picture_coding_type == DCN_MPEG2_B) {
    /* Directions of the macroblock before, vectors from the predictors. */
    if (mb->type & DCN_MPEG2_INTRA)
      return dcn_mpeg2_fail(slice, "macroblock skipped after an intra macroblock in a B picture");
    mb->type &= DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD;
  } else {
    return dcn_mpeg2_fail(slice, "macroblock skipped in an intra picture");
  }
  mb->skipped = TRUE;
  mb->pattern = 0;
  mb->dct_type = FALSE;
  mb->motion_type = frame ? DCN_MOTION_FRAME : DCN_MOTION_FIELD;
  for (int s = 0; s < 2; s++) {
    int full_pel =
        s ? coded->header.full_pel_backward_vector : coded->header.full_pel_forward_vector;
    mb->field_select[0][s] = parity;
    for (int t = 0; t < 2; t++)
      mb->vector[0][s][t] = slice->predictor[0][s][t] * (full_pel ? 2 : 1);
  }

  int mb_x = address % coded->mb_width;
  int mb_y = address / coded->mb_width;
  while (count > 0) {
    int run = MIN(count, coded->mb_width - mb_x);
    dcn_mpeg2_inherit(slice, mb_x, mb_y, run);
    count -= run;
    mb_x = 0;
    mb_y++;
  }
  return TRUE;
}

gboolean
dcn_mpeg2_slice(DcnMpeg2Coded *coded, const uint8_t *data, size_t size)
{
  DcnMpeg2Slice slice = {.coded = coded};
  /* Six bytes: libavcodec drops what is shorter, and no macroblock fits in less. */
  if (size < 6 || data[0] != 0 || data[1] != 0 || data[2] != 1 || data[3] < 1 || data[3] > 0xaf)
    return dcn_mpeg2_fail(&slice, "not a slice");
  dcn_bits_init(&slice.reader, data + 4, size - 4);

  int mb_row = slice_header(&slice, data[3]);
  if (mb_row < 0)
    return FALSE;

  /* The last macroblock this slice may hold: slices of ISO/IEC 13818-2 stay in their row (6.1.2).
   */
  int total = coded->mb_width * coded->mb_height;
  int limit = coded->sequence->mpeg1 ? total : (mb_row + 1) * coded->mb_width;

  int increment = macroblock_address_increment(&slice);
  if (increment < 0)
    return FALSE;
  if (increment > coded->mb_width)
    return dcn_mpeg2_fail(&slice, "slice starts beyond its row");
  int address = mb_row * coded->mb_width + increment - 1;
  /* Slices come in raster order without overlap (6.1.2).  Where a decoder is given others, what it
   * does with the second cover or the hole is its own affair. */
  if (address < coded->next_address)
    return dcn_mpeg2_fail(&slice, "macroblock covered twice or slices out of order");
  if (address > coded->next_address)
    return dcn_mpeg2_fail(&slice, "macroblocks missing between slices");

  for (;;) {
    if (!dcn_mpeg2_macroblock(&slice))
      return FALSE;
    dcn_mpeg2_inherit(&slice, address % coded->mb_width, address / coded->mb_width, 1);
    coded->next_address = ++address;

    /* 23 zeros: the next start code, maybe after zero_byte stuffing. */
    if (dcn_bits_peek(&slice.reader, 23) == 0) {
      if (!dcn_bits_rest_is_zero(&slice.reader))
        return dcn_mpeg2_fail(&slice, "data after the end of a slice");
      return TRUE;
    }
    increment = macroblock_address_increment(&slice);
    if (increment < 0)
      return FALSE;
    if (increment > limit - address)
      return dcn_mpeg2_fail(&slice, coded->sequence->mpeg1 ? "macroblock address beyond the picture"
                                                           : "macroblock address beyond the row");
    if (increment > 1) {
      if (!skipped_macroblocks(&slice, address, increment - 1))
        return FALSE;
      address += increment - 1;
    }
  }
}
