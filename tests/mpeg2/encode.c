/* Test help: writes MPEG-2 and MPEG-1 video from descriptions of macroblocks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "encode.h"
#include "mpeg2/tables.h"
#include <stdlib.h>
#include <string.h>

void
bits_init(Bits *bits)
{
  *bits = (Bits){.bytes = g_byte_array_new()};
}

void
bits_clear(Bits *bits)
{
  g_byte_array_unref(bits->bytes);
}

void
bits_put(Bits *bits, int n, unsigned value)
{
  for (int i = n - 1; i >= 0; i--) {
    bits->partial = bits->partial << 1 | (value >> i & 1);
    if (++bits->n_partial == 8) {
      guint8 byte = (guint8)bits->partial;
      g_byte_array_append(bits->bytes, &byte, 1);
      bits->partial = 0;
      bits->n_partial = 0;
    }
  }
}

void
bits_code(Bits *bits, const char *code)
{
  for (; *code; code++) {
    if (*code != ' ')
      bits_put(bits, 1, *code == '1');
  }
}

void
bits_align(Bits *bits)
{
  while (bits->n_partial)
    bits_put(bits, 1, 0);
}

void
bits_start_code(Bits *bits, int value)
{
  bits_align(bits);
  bits_put(bits, 24, 1);
  bits_put(bits, 8, (unsigned)value);
}

/* The code of a value in a table whose rows test-tables checks. */
static void
put_row(Bits *bits, DcnMpeg2TableId id, int value)
{
  size_t n;
  const DcnVlcRow *rows = dcn_mpeg2_table_rows(id, &n);
  for (size_t i = 0; i < n; i++) {
    if (rows[i].value == value) {
      bits_code(bits, rows[i].code);
      return;
    }
  }
  g_error("no code for %d in table %d", value, id);
}

void
encoder_init(Encoder *encoder, const DcnMpeg2Sequence *sequence,
             const DcnMpeg2PictureHeader *header, guint32 seed)
{
  *encoder = (Encoder){.sequence = *sequence, .header = *header};
  int lines = header->picture_structure == 3 ? 16 : 32;
  int height = sequence->vertical_size;
  if (!sequence->progressive_sequence)
    height = (height + 31) / 32 * 32;
  encoder->mb_width = (sequence->horizontal_size + 15) / 16;
  encoder->mb_height = (height + lines - 1) / lines;
  encoder->block_count = sequence->chroma_format == 1 ? 6 : sequence->chroma_format == 2 ? 8 : 12;
  encoder->rand = g_rand_new_with_seed(seed);
  bits_init(&encoder->bits);
}

void
encoder_clear(Encoder *encoder)
{
  g_rand_free(encoder->rand);
  bits_clear(&encoder->bits);
}

void
encode_slice(Encoder *encoder, int mb_row, int quantiser_scale_code, int extra)
{
  Bits *bits = &encoder->bits;
  memset(encoder->predictor, 0, sizeof encoder->predictor);
  gboolean tall = !encoder->sequence.mpeg1 && encoder->sequence.vertical_size > 2800;
  bits_start_code(bits, (tall ? mb_row & 127 : mb_row) + 1);
  if (tall)
    bits_put(bits, 3, (unsigned)mb_row >> 7);
  bits_put(bits, 5, (unsigned)quantiser_scale_code);
  for (int i = 0; i < extra; i++)
    bits_put(bits, 9, i == 0 ? 0x100 : 0x1a5);
  bits_put(bits, 1, 0);
}

void
encode_slice_end(Encoder *encoder)
{
  bits_align(&encoder->bits);
}

void
encode_address_increment(Bits *bits, int increment)
{
  for (; increment > 33; increment -= 33)
    bits_code(bits, "0000 0001 000");
  put_row(bits, DCN_MPEG2_TABLE_B1, increment);
}

void
encode_coefficient(Bits *bits, const DcnMpeg2Sequence *sequence, gboolean table_one, int run,
                   int level)
{
  size_t n;
  const DcnVlcRow *rows =
      dcn_mpeg2_table_rows(table_one ? DCN_MPEG2_TABLE_B15 : DCN_MPEG2_TABLE_B14, &n);
  int size = abs(level);
  for (size_t i = 0; i < n; i++) {
    if (rows[i].value >= 0 && rows[i].value == run * 64 + size && size < 64) {
      bits_code(bits, rows[i].code);
      bits_put(bits, 1, level < 0);
      return;
    }
  }
  bits_code(bits, "0000 01");
  bits_put(bits, 6, (unsigned)run);
  if (!sequence->mpeg1) {
    bits_put(bits, 12, (unsigned)level & 0xfff);
  } else if (size < 128) {
    bits_put(bits, 8, (unsigned)level & 0xff);
  } else {
    bits_put(bits, 8, level < 0 ? 0x80 : 0);
    bits_put(bits, 8, (unsigned)level & 0xff);
  }
}

/* Coefficients from `next` on and the end of the block. */
static void
put_coefficients(Encoder *encoder, gboolean table_one, gboolean first_is_short, int next,
                 gboolean long_block)
{
  Bits *bits = &encoder->bits;
  int count = long_block ? 64 : g_rand_int_range(encoder->rand, first_is_short ? 1 : 0, 4);
  while (count-- > 0 && next < 64) {
    int run = 0;
    int level = g_rand_int_range(encoder->rand, 1, 4);
    if (long_block) {
      run = g_rand_int_range(encoder->rand, 0, 100) < 20
                ? g_rand_int_range(encoder->rand, 0, 64 - next)
                : 0;
      if (g_rand_int_range(encoder->rand, 0, 10) == 0)
        level = g_rand_int_range(encoder->rand, 1, encoder->sequence.mpeg1 ? 256 : 2048);
    } else {
      run = g_rand_int_range(encoder->rand, 0, MIN(6, 64 - next));
    }
    if (g_rand_boolean(encoder->rand))
      level = -level;
    if (first_is_short && run == 0 && abs(level) == 1) {
      bits_code(bits, "1");
      bits_put(bits, 1, level < 0);
    } else {
      encode_coefficient(bits, &encoder->sequence, table_one, run, level);
    }
    first_is_short = FALSE;
    next += run + 1;
  }
  bits_code(bits, table_one ? "0110" : "10");
}

static void
put_blocks(Encoder *encoder, const Mb *mb)
{
  gboolean d_picture = encoder->header.picture_coding_type == 4;
  for (int i = 0; i < encoder->block_count; i++) {
    if (mb->intra) {
      int size = g_rand_int_range(encoder->rand, 0, encoder->sequence.mpeg1 ? 5 : 6);
      put_row(&encoder->bits, i < 4 ? DCN_MPEG2_TABLE_B12 : DCN_MPEG2_TABLE_B13, size);
      /* Small differences of either sign keep the predictor in range. */
      if (size)
        bits_put(&encoder->bits, size,
                 g_rand_boolean(encoder->rand) ? 1u << (size - 1) : (1u << (size - 1)) - 1);
      if (!d_picture)
        put_coefficients(encoder, encoder->header.intra_vlc_format, FALSE, 1, mb->long_blocks);
    } else if (mb->pattern >> i & 1) {
      put_coefficients(encoder, FALSE, TRUE, 0, mb->long_blocks);
    }
  }
  if (d_picture)
    bits_put(&encoder->bits, 1, 1);
}

static void
put_component(Bits *bits, int f_code, int value, int pred)
{
  int f = 1 << (f_code - 1);
  int delta = value - pred;
  if (delta < -16 * f)
    delta += 32 * f;
  if (delta > 16 * f - 1)
    delta -= 32 * f;
  if (delta == 0) {
    bits_code(bits, "1");
    return;
  }
  int size = abs(delta) - 1;
  int code = size / f + 1;
  put_row(bits, DCN_MPEG2_TABLE_B10, delta < 0 ? -code : code);
  bits_put(bits, f_code - 1, (unsigned)(size % f));
}

static void
put_dmvector(Bits *bits, int value)
{
  bits_code(bits, value == 0 ? "0" : value > 0 ? "10" : "11");
}

static void
put_vectors(Encoder *encoder, const Mb *mb, int s)
{
  Bits *bits = &encoder->bits;
  const DcnMpeg2PictureHeader *header = &encoder->header;
  gboolean frame = header->picture_structure == 3;
  gboolean dual_prime = mb->mc == MC_DUAL_PRIME && !mb->intra;
  Mc mc = mb->intra ? (frame ? MC_FRAME : MC_FIELD) : mb->mc;
  int count = mc == MC_16X8 || (frame && mc == MC_FIELD) ? 2 : 1;
  int scale = frame && (mc == MC_FIELD || mc == MC_DUAL_PRIME) ? 2 : 1;
  gboolean full_pel = s ? header->full_pel_backward_vector : header->full_pel_forward_vector;

  for (int r = 0; r < count; r++) {
    if (mc == MC_16X8 || mc == MC_FIELD)
      bits_put(bits, 1, (unsigned)mb->select[r][s]);
    for (int t = 0; t < 2; t++) {
      int value = mb->intra ? mb->concealment[t] : mb->vector[r][s][t];
      if (full_pel)
        value /= 2;
      int *pred = &encoder->predictor[r][s][t];
      int from = t == 1 && scale == 2 ? (*pred - (*pred & 1)) / 2 : *pred;
      put_component(bits, header->f_code[s][t], value, from);
      *pred = t == 1 ? value * scale : value;
      if (dual_prime)
        put_dmvector(bits, mb->dmvector[t]);
    }
  }
  if (count == 1)
    memcpy(encoder->predictor[1][s], encoder->predictor[0][s], sizeof encoder->predictor[1][s]);
}

/* Rows of tables B.2 to B.4 by type of picture, then: quant, forward, backward, pattern, intra. */
static const char *
macroblock_type_code(int picture_coding_type, gboolean quant, gboolean forward, gboolean backward,
                     gboolean pattern, gboolean intra)
{
  if (picture_coding_type == 1)
    return quant ? "01" : "1";
  if (picture_coding_type == 4)
    return "1";
  if (picture_coding_type == 2) {
    if (intra)
      return quant ? "0000 01" : "0001 1";
    if (forward)
      return !pattern ? "001" : quant ? "0001 0" : "1";
    return quant ? "0000 1" : "01";
  }
  if (intra)
    return quant ? "0000 01" : "0001 1";
  if (forward && backward)
    return !pattern ? "10" : quant ? "0001 0" : "11";
  if (forward)
    return !pattern ? "0010" : quant ? "0000 11" : "0011";
  return !pattern ? "010" : quant ? "0000 10" : "011";
}

static void
put_pattern(Encoder *encoder, const Mb *mb)
{
  int first = 0;
  for (int i = 0; i < 6; i++)
    first |= (int)(mb->pattern >> i & 1) << (5 - i);
  put_row(&encoder->bits, DCN_MPEG2_TABLE_B9, first);
  for (int i = 6; i < encoder->block_count; i++)
    bits_put(&encoder->bits, 1, mb->pattern >> i & 1);
}

void
encode_macroblock(Encoder *encoder, int skipped, const Mb *mb)
{
  Bits *bits = &encoder->bits;
  const DcnMpeg2PictureHeader *header = &encoder->header;
  gboolean frame = header->picture_structure == 3;
  gboolean p = header->picture_coding_type == 2;
  gboolean pattern = !mb->intra && mb->pattern;
  gboolean quant = mb->quantiser != 0 && (mb->intra || pattern) && header->picture_coding_type != 4;

  if (skipped && p)
    memset(encoder->predictor, 0, sizeof encoder->predictor);
  encode_address_increment(bits, skipped + 1);
  bits_code(bits, macroblock_type_code(header->picture_coding_type, quant, mb->forward,
                                       mb->backward, pattern, mb->intra));
  if (!mb->intra && (mb->forward || mb->backward) && !(frame && header->frame_pred_frame_dct)) {
    static const char *const frame_type[] = {"10", "01", NULL, "11"};
    static const char *const field_type[] = {NULL, "01", "10", "11"};
    bits_code(bits, frame ? frame_type[mb->mc] : field_type[mb->mc]);
  }
  if (frame && !header->frame_pred_frame_dct && (mb->intra || pattern))
    bits_put(bits, 1, (unsigned)mb->dct_type);
  if (quant)
    bits_put(bits, 5, (unsigned)mb->quantiser);

  if (mb->intra) {
    if (header->concealment_motion_vectors) {
      put_vectors(encoder, mb, 0);
      bits_put(bits, 1, 1);
    } else {
      memset(encoder->predictor, 0, sizeof encoder->predictor);
    }
  } else {
    if (mb->forward)
      put_vectors(encoder, mb, 0);
    else if (p)
      memset(encoder->predictor, 0, sizeof encoder->predictor);
    if (mb->backward)
      put_vectors(encoder, mb, 1);
    if (pattern)
      put_pattern(encoder, mb);
  }
  put_blocks(encoder, mb);
}

void
encode_sequence_header(Bits *bits, const DcnMpeg2Sequence *sequence)
{
  bits_start_code(bits, 0xb3);
  bits_put(bits, 12, (unsigned)sequence->horizontal_size & 0xfff);
  bits_put(bits, 12, (unsigned)sequence->vertical_size & 0xfff);
  bits_put(bits, 4, 1); /* square samples, or 1:1 */
  bits_put(bits, 4, 3); /* 25 Hz */
  bits_put(bits, 18, 0x3ffff);
  bits_put(bits, 1, 1);
  bits_put(bits, 10, 100);
  bits_put(bits, 3, 0);
  if (sequence->mpeg1)
    return;
  bits_start_code(bits, 0xb5);
  bits_put(bits, 4, 1);
  bits_put(bits, 8, 0x14);
  bits_put(bits, 1, (unsigned)sequence->progressive_sequence);
  bits_put(bits, 2, (unsigned)sequence->chroma_format);
  bits_put(bits, 2, (unsigned)sequence->horizontal_size >> 12);
  bits_put(bits, 2, (unsigned)sequence->vertical_size >> 12);
  bits_put(bits, 12, 0);
  bits_put(bits, 1, 1);
  bits_put(bits, 8, 0);
  bits_put(bits, 8, 0);
}

void
encode_picture_header(Bits *bits, const DcnMpeg2Sequence *sequence,
                      const DcnMpeg2PictureHeader *header)
{
  bits_start_code(bits, 0);
  bits_put(bits, 10, (unsigned)header->temporal_reference);
  bits_put(bits, 3, (unsigned)header->picture_coding_type);
  bits_put(bits, 16, 0xffff);
  for (int s = 0; s < 2; s++) {
    if (header->picture_coding_type < 2 + s || header->picture_coding_type > 3)
      continue;
    bits_put(bits, 1,
             (unsigned)(s ? header->full_pel_backward_vector : header->full_pel_forward_vector));
    bits_put(bits, 3, sequence->mpeg1 ? (unsigned)header->f_code[s][0] : 7);
  }
  bits_put(bits, 1, 0);
  if (sequence->mpeg1)
    return;
  bits_start_code(bits, 0xb5);
  bits_put(bits, 4, 8);
  for (int i = 0; i < 4; i++)
    bits_put(bits, 4, (unsigned)header->f_code[i / 2][i % 2]);
  bits_put(bits, 2, (unsigned)header->intra_dc_precision);
  bits_put(bits, 2, (unsigned)header->picture_structure);
  bits_put(bits, 1, (unsigned)header->top_field_first);
  bits_put(bits, 1, (unsigned)header->frame_pred_frame_dct);
  bits_put(bits, 1, (unsigned)header->concealment_motion_vectors);
  bits_put(bits, 1, (unsigned)header->q_scale_type);
  bits_put(bits, 1, (unsigned)header->intra_vlc_format);
  bits_put(bits, 1, (unsigned)header->alternate_scan);
  bits_put(bits, 2, 0);
  bits_put(bits, 1, (unsigned)header->progressive_frame);
  bits_put(bits, 1, 0);
}

void
feed_slices(DcnMpeg2Extractor *extractor, const guint8 *data, gsize size)
{
  gsize start = 0;
  gboolean open = FALSE;
  for (gsize i = 0; i + 3 <= size; i++) {
    if (data[i] || data[i + 1] || data[i + 2] != 1)
      continue;
    if (open)
      dcn_mpeg2_extractor_slice(extractor, data + start, i - start);
    start = i;
    open = TRUE;
    i += 2;
  }
  if (open)
    dcn_mpeg2_extractor_slice(extractor, data + start, size - start);
}
