/* deltacnn: motion vectors of MPEG-2 and MPEG-1 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ISO/IEC 13818-2 6.2.5.2 and 7.6.3. */
#include "mpeg2/decode.h"

/* motion_code and motion_residual of one component and its vector: 7.6.3.1.
 * pred   the prediction, half samples of the frame or the field the vector belongs to
 * f_code 1..9, anything else is an error
 * out    set on success only */
static gboolean
vector_component(DcnMpeg2Slice *slice, int f_code, int pred, int *out)
{
  if (f_code < 1 || f_code > 9)
    return dcn_mpeg2_fail(slice, "motion vector with a forbidden f_code");
  int motion_code = dcn_vlc_read(&slice->coded->tables[DCN_MPEG2_TABLE_B10], &slice->reader);
  if (motion_code == DCN_VLC_INVALID)
    return dcn_mpeg2_fail(slice, "no motion_code has this code");

  int r_size = f_code - 1;
  int f = 1 << r_size;
  int high = 16 * f - 1;
  int low = -16 * f;
  int range = 32 * f;
  if (motion_code == 0) {
    /* The standard wraps here as well; decoders (libavcodec) take the prediction as it is.  It
     * differs only for predictors of a field vector that a frame vector could not have. */
    if (pred < low || pred > high)
      return dcn_mpeg2_fail(slice, "motion vector prediction out of range");
    *out = pred;
    return TRUE;
  }
  int motion_residual = (int)dcn_bits_read(&slice->reader, r_size);
  int delta = (ABS(motion_code) - 1) * f + motion_residual + 1;
  if (motion_code < 0)
    delta = -delta;
  int vector = pred + delta;
  if (vector < low)
    vector += range;
  if (vector > high)
    vector -= range;
  if (vector < low || vector > high)
    return dcn_mpeg2_fail(slice, "motion vector out of range");
  *out = vector;
  return TRUE;
}

/* -1, 0 or 1.  Every bit string starts with a code of table B.11, so this cannot fail. */
static int
dmvector(DcnMpeg2Slice *slice)
{
  return dcn_vlc_read(&slice->coded->tables[DCN_MPEG2_TABLE_B11], &slice->reader);
}

/* motion_vector(r, s): 6.2.5.2.1, 7.6.3.1.  field_in_frame: a field vector of a frame picture,
 * whose vertical component is predicted from and kept in frame lines. */
static gboolean
motion_vector(DcnMpeg2Slice *slice, int r, int s, gboolean field_in_frame)
{
  const DcnMpeg2PictureHeader *header = &slice->coded->header;
  DcnMacroblock *mb = &slice->macroblock;
  gboolean dmv = mb->motion_type == DCN_MOTION_DUAL_PRIME;
  int *predictor = slice->predictor[r][s];
  int *vector = mb->vector[r][s];

  if (!vector_component(slice, header->f_code[s][0], predictor[0], &vector[0]))
    return FALSE;
  predictor[0] = vector[0];
  if (dmv)
    mb->dmvector[0] = dmvector(slice);

  /* DIV of the standard truncates toward minus infinity, as the shift does. */
  int pred = field_in_frame ? predictor[1] >> 1 : predictor[1];
  if (!vector_component(slice, header->f_code[s][1], pred, &vector[1]))
    return FALSE;
  predictor[1] = field_in_frame ? vector[1] * 2 : vector[1];
  if (dmv)
    mb->dmvector[1] = dmvector(slice);

  gboolean full_pel = s ? header->full_pel_backward_vector : header->full_pel_forward_vector;
  if (full_pel) {
    vector[0] *= 2;
    vector[1] *= 2;
  }
  return TRUE;
}

gboolean
dcn_mpeg2_motion_vectors(DcnMpeg2Slice *slice, int s)
{
  DcnMacroblock *mb = &slice->macroblock;
  gboolean frame = slice->coded->header.picture_structure == DCN_MPEG2_FRAME;
  /* Tables 6-17 and 6-18: motion_vector_count, mv_format and dmv. */
  gboolean two =
      mb->motion_type == DCN_MOTION_16X8 || (frame && mb->motion_type == DCN_MOTION_FIELD);
  gboolean field_format = mb->motion_type != DCN_MOTION_FRAME;
  gboolean field_in_frame = frame && field_format;

  for (int r = 0; r < (two ? 2 : 1); r++) {
    if (field_format && mb->motion_type != DCN_MOTION_DUAL_PRIME)
      mb->field_select[r][s] = (int)dcn_bits_read(&slice->reader, 1);
    if (!motion_vector(slice, r, s, field_in_frame))
      return FALSE;
  }
  if (!two) {
    /* 7.6.3.3 */
    slice->predictor[1][s][0] = slice->predictor[0][s][0];
    slice->predictor[1][s][1] = slice->predictor[0][s][1];
  }
  return TRUE;
}

void
dcn_mpeg2_reset_predictors(DcnMpeg2Slice *slice)
{
  memset(slice->predictor, 0, sizeof slice->predictor);
}

/* Rounds to nearest, halves away from zero: the // of the standard, for a divisor of 2. */
static int
half(int value)
{
  return (value + (value > 0)) >> 1;
}

void
dcn_mpeg2_dual_prime(const DcnMacroblock *mb, int m, gboolean to_top, int vector[2])
{
  const int *base = mb->vector[0][0];
  int e = to_top ? -1 : 1; /* the lines of the two fields lie half a field line apart: table 7-11 */
  vector[0] = half(base[0] * m) + mb->dmvector[0];
  vector[1] = half(base[1] * m) + mb->dmvector[1] + e;
}
