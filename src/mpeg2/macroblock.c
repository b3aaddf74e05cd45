/* deltacnn: the macroblock layer of MPEG-2 and MPEG-1 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ISO/IEC 13818-2 6.2.5 and 6.3.17; ISO/IEC 11172-2 2.4.2.8. */
#include "mpeg2/decode.h"

/* macroblock_modes(), 6.2.5.1 */
static gboolean
macroblock_modes(DcnMpeg2Slice *slice)
{
  static const uint8_t type_table[] = {
      [DCN_MPEG2_I] = DCN_MPEG2_TABLE_B2,
      [DCN_MPEG2_P] = DCN_MPEG2_TABLE_B3,
      [DCN_MPEG2_B] = DCN_MPEG2_TABLE_B4,
      [DCN_MPEG2_D] = DCN_MPEG2_TABLE_B2D,
  };
  const DcnMpeg2PictureHeader *header = &slice->coded->header;
  DcnMacroblock *mb = &slice->macroblock;
  gboolean frame = header->picture_structure == DCN_MPEG2_FRAME;

  int type =
      dcn_vlc_read(&slice->coded->tables[type_table[header->picture_coding_type]], &slice->reader);
  if (type == DCN_VLC_INVALID)
    return dcn_mpeg2_fail(slice, "no macroblock_type has this code");
  mb->type = type;
  mb->skipped = FALSE;
  mb->dct_type = FALSE;
  mb->motion_type = frame ? DCN_MOTION_FRAME : DCN_MOTION_FIELD;

  if (type & (DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD) &&
      !(frame && header->frame_pred_frame_dct)) {
    switch (dcn_bits_read(&slice->reader, 2)) {
    case 1:
      mb->motion_type = DCN_MOTION_FIELD;
      break;
    case 2:
      mb->motion_type = frame ? DCN_MOTION_FRAME : DCN_MOTION_16X8;
      break;
    case 3:
      /* 7.6.3.6 speaks of P pictures only. */
      if (header->picture_coding_type != DCN_MPEG2_P)
        return dcn_mpeg2_fail(slice, "dual prime outside a P picture");
      mb->motion_type = DCN_MOTION_DUAL_PRIME;
      break;
    default:
      return dcn_mpeg2_fail(slice, "reserved motion type");
    }
  }
  if (frame && !header->frame_pred_frame_dct && type & (DCN_MPEG2_INTRA | DCN_MPEG2_PATTERN))
    mb->dct_type = (gboolean)dcn_bits_read(&slice->reader, 1);
  return TRUE;
}

gboolean
dcn_mpeg2_quantiser_scale(DcnMpeg2Slice *slice)
{
  const DcnMpeg2Coded *coded = slice->coded;
  uint32_t code = dcn_bits_read(&slice->reader, 5);
  if (code == 0)
    return dcn_mpeg2_fail(slice, "quantiser_scale_code is zero");
  if (coded->sequence->mpeg1)
    slice->quantiser_scale = (int)code;
  else if (coded->header.q_scale_type)
    slice->quantiser_scale = dcn_mpeg2_non_linear_quantiser_scale[code];
  else
    slice->quantiser_scale = 2 * (int)code;
  return TRUE;
}

gboolean
dcn_mpeg2_macroblock(DcnMpeg2Slice *slice)
{
  const DcnMpeg2PictureHeader *header = &slice->coded->header;
  DcnMacroblock *mb = &slice->macroblock;
  if (!macroblock_modes(slice))
    return FALSE;
  if (mb->type & DCN_MPEG2_QUANT && !dcn_mpeg2_quantiser_scale(slice))
    return FALSE;

  mb->pattern = 0;
  if (mb->type & DCN_MPEG2_INTRA) {
    if (header->concealment_motion_vectors) {
      /* Vectors for a decoder that loses the macroblock; here they only move the predictors. */
      if (!dcn_mpeg2_motion_vectors(slice, 0))
        return FALSE;
      if (!dcn_bits_read(&slice->reader, 1))
        return dcn_mpeg2_fail(slice, "marker_bit is zero after concealment_motion_vectors");
    } else {
      dcn_mpeg2_reset_predictors(slice);
    }
    mb->pattern = (1u << slice->coded->block_count) - 1;
  } else {
    if (mb->type & DCN_MPEG2_MOTION_FORWARD) {
      if (!dcn_mpeg2_motion_vectors(slice, 0))
        return FALSE;
    } else if (header->picture_coding_type == DCN_MPEG2_P) {
      /* "No MC": a zero vector, from the field of the same parity, and the predictors are reset
       * (7.6.3.4, 7.6.3.5). */
      dcn_mpeg2_reset_predictors(slice);
      mb->vector[0][0][0] = mb->vector[0][0][1] = 0;
      mb->field_select[0][0] = header->picture_structure == DCN_MPEG2_BOTTOM_FIELD;
      mb->type |= DCN_MPEG2_MOTION_FORWARD;
    }
    if (mb->type & DCN_MPEG2_MOTION_BACKWARD && !dcn_mpeg2_motion_vectors(slice, 1))
      return FALSE;
    if (mb->type & DCN_MPEG2_PATTERN && !dcn_mpeg2_coded_block_pattern(slice))
      return FALSE;
  }
  if (mb->pattern && !dcn_mpeg2_blocks(slice))
    return FALSE;
  if (slice->reader.error)
    return dcn_mpeg2_fail(slice, "slice is cut off");
  return TRUE;
}
