/* deltacnn: what a macroblock means for the coding map.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The born rule of MPEG-2.  An 8x8 luma block of the frame, with the chroma under it, is a
 * sample-exact copy of the reference's block at the same position when
 *   - its prediction reads the same lines at the same place: a zero vector from the frame, or from
 * the field of the same parity for each field it is predicted by.  A zero vector reads no half
 * samples (7.6.4) and its chroma vector is zero as well (7.6.3.7).  Dual prime averages two fields:
 * never a copy;
 *   - no coded block touches its luma or its chroma;
 *   - with two directions, both references hold the same samples there, which equal born values
 * prove: the average of equal samples is that sample (7.6.7.1). In field pictures both fields must
 * have been copied, from blocks of the same born. */
#include "mpeg2/decode.h"

/* The 8x8 luma blocks of the macroblock (bit b as in figure 6-10: 0 upper left, 1 upper right, 2
 * lower left, 3 lower right) that coded blocks touch.  In a field picture they are blocks of the
 * field. */
static unsigned
touched_blocks(const DcnMpeg2Coded *coded, const DcnMacroblock *mb)
{
  unsigned pattern = mb->pattern;
  if (!pattern)
    return 0;
  unsigned luma = pattern & 15;
  unsigned chroma = 0;
  if (coded->block_count == 6) {
    chroma = pattern >> 4 ? 15 : 0; /* one block of each lies under all four */
  } else if (coded->block_count == 8) {
    /* Figure 6-11: 4, 5 the upper, 6, 7 the lower half of Cb, Cr. */
    chroma = (pattern & 0x030 ? 3 : 0) | (pattern & 0x0c0 ? 12 : 0);
  } else {
    /* Figure 6-12: Cb 4, 6, 8, 10 and Cr 5, 7, 9, 11 are upper left, lower left, upper right, lower
     * right. */
    chroma = (pattern & 0x030 ? 1 : 0) | (pattern & 0x0c0 ? 4 : 0) | (pattern & 0x300 ? 2 : 0) |
             (pattern & 0xc00 ? 8 : 0);
  }
  unsigned touched = luma | chroma;
  /* Field DCT: the upper blocks hold the lines of the top field, the lower ones those of the bottom
   * field, so either touches the upper and the lower half of the frame (6.1.3). */
  if (mb->dct_type)
    touched |= touched >> 2 | (touched << 2 & 12);
  return touched;
}

static gboolean
is_zero(const DcnMacroblock *mb, int r, int s)
{
  return mb->vector[r][s][0] == 0 && mb->vector[r][s][1] == 0;
}

/* The 8x8 luma blocks that direction s predicts by a copy from the same place. */
static unsigned
copied_blocks(const DcnMpeg2Coded *coded, const DcnMacroblock *mb, int s)
{
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  int parity = coded->header.picture_structure == DCN_MPEG2_BOTTOM_FIELD;
  unsigned blocks = 0;
  switch (mb->motion_type) {
  case DCN_MOTION_FRAME:
    blocks = is_zero(mb, 0, s) ? 15 : 0;
    break;
  case DCN_MOTION_FIELD:
    if (frame)
      blocks = is_zero(mb, 0, s) && is_zero(mb, 1, s) && mb->field_select[0][s] == 0 &&
                       mb->field_select[1][s] == 1
                   ? 15
                   : 0;
    else
      blocks = is_zero(mb, 0, s) && mb->field_select[0][s] == parity ? 15 : 0;
    break;
  case DCN_MOTION_16X8:
    blocks = (is_zero(mb, 0, s) && mb->field_select[0][s] == parity ? 3 : 0) |
             (is_zero(mb, 1, s) && mb->field_select[1][s] == parity ? 12 : 0);
    break;
  case DCN_MOTION_DUAL_PRIME:
    break;
  }
  return blocks;
}

static void
add_vector(DcnMpeg2Coded *coded, DcnVector vector, int direction, const int mv[2])
{
  const DcnPicture *reference = coded->reference[direction];
  /* The second field of a P frame takes the other parity from the first field of its own frame
   * (7.6.2.1). */
  if (coded->second_field && coded->header.picture_coding_type == DCN_MPEG2_P &&
      vector.ref_field != coded->header.picture_structure)
    reference = coded->picture;
  vector.ref_number = reference ? reference->number : DCN_NUMBER_NONE;
  vector.direction = (uint8_t)direction;
  vector.mv_x_qpel = (int16_t)(2 * mv[0]);
  vector.mv_y_qpel = (int16_t)(2 * mv[1]);
  g_array_append_val(coded->vectors, vector);
}

static void
add_frame_vectors(DcnMpeg2Coded *coded, const DcnMacroblock *mb, DcnVector vector, int s)
{
  vector.h = 16;
  if (mb->motion_type == DCN_MOTION_FRAME) {
    add_vector(coded, vector, s, mb->vector[0][s]);
    return;
  }
  for (int r = 0; r < 2; r++) {
    vector.field = (uint8_t)(r + 1);
    if (mb->motion_type == DCN_MOTION_FIELD) {
      vector.ref_field = (uint8_t)(mb->field_select[r][s] + 1);
      add_vector(coded, vector, s, mb->vector[r][s]);
    } else {
      int derived[2];
      gboolean top = r == 0;
      /* Table 7-12: the field of opposite parity is one field away, or three. */
      dcn_mpeg2_dual_prime(mb, coded->header.top_field_first == top ? 1 : 3, top, derived);
      vector.ref_field = vector.field;
      add_vector(coded, vector, s, mb->vector[0][0]);
      vector.ref_field = (uint8_t)(DCN_MPEG2_FRAME - vector.field);
      add_vector(coded, vector, s, derived);
    }
  }
}

static void
add_field_vectors(DcnMpeg2Coded *coded, const DcnMacroblock *mb, DcnVector vector, int s)
{
  int structure = coded->header.picture_structure;
  vector.field = (uint8_t)structure;
  if (mb->motion_type == DCN_MOTION_16X8) {
    vector.h = 16;
    for (int r = 0; r < 2; r++) {
      vector.ref_field = (uint8_t)(mb->field_select[r][s] + 1);
      add_vector(coded, vector, s, mb->vector[r][s]);
      vector.y += 16;
    }
    return;
  }
  vector.h = 32;
  if (mb->motion_type == DCN_MOTION_FIELD) {
    vector.ref_field = (uint8_t)(mb->field_select[0][s] + 1);
    add_vector(coded, vector, s, mb->vector[0][s]);
  } else {
    int derived[2];
    dcn_mpeg2_dual_prime(mb, 1, structure == DCN_MPEG2_TOP_FIELD, derived);
    vector.ref_field = vector.field;
    add_vector(coded, vector, s, mb->vector[0][0]);
    vector.ref_field = (uint8_t)(DCN_MPEG2_FRAME - structure);
    add_vector(coded, vector, s, derived);
  }
}

static void
add_vectors(DcnMpeg2Coded *coded, const DcnMacroblock *mb, int mb_x, int mb_y)
{
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  DcnVector vector = {
      .x = (uint16_t)(16 * mb_x), .y = (uint16_t)((frame ? 16 : 32) * mb_y), .w = 16};
  for (int s = 0; s < 2; s++) {
    if (!(mb->type & (s ? DCN_MPEG2_MOTION_BACKWARD : DCN_MPEG2_MOTION_FORWARD)))
      continue;
    if (frame)
      add_frame_vectors(coded, mb, vector, s);
    else
      add_field_vectors(coded, mb, vector, s);
  }
}

/* Flags and quantiser.  A field macroblock lies on two macroblocks of the frame; there both fields
 * meet: intra or coded where either is, skipped where both are, and the coarser quantiser. */
static void
enter_macroblocks(const DcnMpeg2Slice *slice, int mb_x, int mb_y, int count)
{
  const DcnMpeg2Coded *coded = slice->coded;
  const DcnMacroblock *mb = &slice->macroblock;
  DcnPicture *picture = coded->picture;
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  uint8_t flags = (mb->type & DCN_MPEG2_INTRA ? DCN_MB_INTRA : 0) |
                  (mb->skipped ? DCN_MB_SKIPPED : 0) | (mb->pattern ? DCN_MB_CODED : 0);
  int y_end = MIN(frame ? mb_y + 1 : 2 * mb_y + 2, picture->mb_rows);
  for (int y = frame ? mb_y : 2 * mb_y; y < y_end; y++) {
    for (int x = mb_x; x < mb_x + count; x++) {
      size_t i = (size_t)y * (size_t)picture->mb_cols + (size_t)x;
      if (coded->second_field) {
        unsigned both = picture->mb_flags[i] & flags & DCN_MB_SKIPPED;
        unsigned either = (picture->mb_flags[i] | flags) & (DCN_MB_INTRA | DCN_MB_CODED);
        picture->mb_flags[i] = (uint8_t)(both | either);
        picture->quantiser[i] = (uint8_t)MAX(picture->quantiser[i], slice->quantiser_scale);
      } else {
        picture->mb_flags[i] = flags;
        picture->quantiser[i] = (uint8_t)slice->quantiser_scale;
      }
    }
  }
}

/* Blocks [x0, x1) of block row y are copies: enters what they were born of. */
static void
inherit_row(DcnMpeg2Coded *coded, int type, int y, int x0, int x1)
{
  DcnPicture *picture = coded->picture;
  if (y >= picture->rows)
    return;
  x1 = MIN(x1, picture->cols);
  const uint32_t *sources[2];
  int n_sources = 0;
  for (int s = 0; s < 2; s++) {
    if (!(type & (s ? DCN_MPEG2_MOTION_BACKWARD : DCN_MPEG2_MOTION_FORWARD)))
      continue;
    if (!coded->reference[s])
      return;
    sources[n_sources++] = coded->reference[s]->born;
  }
  size_t row = (size_t)y * (size_t)picture->cols;
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  for (size_t i = row + (size_t)x0; i < row + (size_t)x1; i++) {
    uint32_t born = sources[0][i];
    if (n_sources == 2 && sources[1][i] != born)
      continue;
    if (frame)
      picture->born[i] = born;
    else if (!coded->second_field)
      coded->first_field_born[i] = born;
    else if (coded->first_field_born[i] == born)
      picture->born[i] = born;
  }
}

void
dcn_mpeg2_inherit(DcnMpeg2Slice *slice, int mb_x, int mb_y, int count)
{
  DcnMpeg2Coded *coded = slice->coded;
  const DcnMacroblock *mb = &slice->macroblock;
  enter_macroblocks(slice, mb_x, mb_y, count);
  if (!(mb->type & (DCN_MPEG2_MOTION_FORWARD | DCN_MPEG2_MOTION_BACKWARD)))
    return; /* intra: born now, as every block of a new picture is */
  for (int i = 0; i < count; i++)
    add_vectors(coded, mb, mb_x + i, mb_y);

  unsigned copied = 15 & ~touched_blocks(coded, mb);
  for (int s = 0; s < 2; s++) {
    if (mb->type & (s ? DCN_MPEG2_MOTION_BACKWARD : DCN_MPEG2_MOTION_FORWARD))
      copied &= copied_blocks(coded, mb, s);
  }
  if (!copied)
    return;
  gboolean frame = coded->header.picture_structure == DCN_MPEG2_FRAME;
  /* A block row of the field lies on two block rows of the frame. */
  int n_rows = frame ? 2 : 4;
  for (int y = 0; y < n_rows; y++) {
    unsigned blocks = copied >> (frame ? 2 * y : y & ~1) & 3;
    if (blocks == 3)
      inherit_row(coded, mb->type, n_rows * mb_y + y, 2 * mb_x, 2 * (mb_x + count));
    else if (blocks) /* coded blocks: a single macroblock */
      inherit_row(coded, mb->type, n_rows * mb_y + y, 2 * mb_x + (blocks >> 1),
                  2 * mb_x + (blocks >> 1) + 1);
  }
}
