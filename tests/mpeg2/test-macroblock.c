/* Single macroblocks and slices, assembled by hand: what each mode means, and which errors are
 * seen. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "encode.h"
#include <string.h>

/* Pictures of 32 x 32: four macroblocks, 4 x 4 blocks. */
#define BLOCKS 16

static const DcnMpeg2Sequence progressive = {
    .horizontal_size = 32, .vertical_size = 32, .chroma_format = 1, .progressive_sequence = TRUE};
static const DcnMpeg2Sequence interlaced = {
    .horizontal_size = 32, .vertical_size = 32, .chroma_format = 1};
static const DcnMpeg2Sequence interlaced_422 = {
    .horizontal_size = 32, .vertical_size = 32, .chroma_format = 2};
static const DcnMpeg2Sequence interlaced_444 = {
    .horizontal_size = 32, .vertical_size = 32, .chroma_format = 3};
static const DcnMpeg2Sequence mpeg1 = {.mpeg1 = TRUE,
                                       .horizontal_size = 32,
                                       .vertical_size = 32,
                                       .chroma_format = 1,
                                       .progressive_sequence = TRUE};

static DcnMpeg2PictureHeader
header_of(const DcnMpeg2Sequence *sequence, int type)
{
  return (DcnMpeg2PictureHeader){.picture_coding_type = type,
                                 .picture_structure = 3,
                                 .f_code = {{1, 1}, {1, 1}},
                                 .frame_pred_frame_dct = sequence->progressive_sequence,
                                 .progressive_frame = sequence->progressive_sequence};
}

/* One picture of the given macroblocks, a slice per row.  Returns it, complete. */
static DcnPicture *
put_picture(DcnMpeg2Extractor *extractor, const DcnMpeg2Sequence *sequence,
            const DcnMpeg2PictureHeader *header, const Mb *mbs)
{
  Encoder encoder;
  encoder_init(&encoder, sequence, header, 1);
  for (int row = 0; row < encoder.mb_height; row++) {
    encode_slice(&encoder, row, 5, 0);
    for (int col = 0; col < encoder.mb_width; col++)
      encode_macroblock(&encoder, 0, &mbs[row * encoder.mb_width + col]);
    encode_slice_end(&encoder);
  }
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, header, NULL);
  g_assert_nonnull(picture);
  feed_slices(extractor, encoder.bits.bytes->data, encoder.bits.bytes->len);
  dcn_mpeg2_extractor_end_picture(extractor);
  encoder_clear(&encoder);
  return picture;
}

static const Mb intra_mbs[4] = {{.intra = TRUE}, {.intra = TRUE}, {.intra = TRUE}, {.intra = TRUE}};

/* An extractor after an I picture, number 0. */
static DcnMpeg2Extractor *
started(const DcnMpeg2Sequence *sequence)
{
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  g_assert_true(dcn_mpeg2_extractor_set_sequence(extractor, sequence, NULL));
  DcnMpeg2PictureHeader header = header_of(sequence, 1);
  DcnPicture *picture = put_picture(extractor, sequence, &header, intra_mbs);
  g_assert_true(picture->known);
  dcn_picture_unref(picture);
  return extractor;
}

/* The born map as rows of '.', the block is still that of picture 0, and '#', it is new. */
static void
assert_map(const DcnPicture *picture, const char *map)
{
  char found[BLOCKS + 4];
  int n = 0;
  for (int i = 0; i < BLOCKS; i++) {
    if (i && i % 4 == 0)
      found[n++] = ' ';
    found[n++] = picture->born[i] == 0 ? '.' : '#';
  }
  found[n] = 0;
  g_assert_cmpstr(picture->unknown_reason, ==, NULL);
  g_assert_cmpstr(found, ==, map);
}

typedef struct {
  const char *name;
  const DcnMpeg2Sequence *sequence;
  Mb mb; /* all four */
  const char *map;
} MapCase;

/* One macroblock's mode, in all four macroblocks of a P picture after an I picture. */
static const MapCase map_cases[] = {
    {"no-mc-block-0", &progressive, {.pattern = 1}, "#.#. .... #.#. ...."},
    {"no-mc-block-3", &progressive, {.pattern = 8}, ".... .#.# .... .#.#"},
    {"chroma-420", &progressive, {.pattern = 32}, "#### #### #### ####"},
    {"zero-vector", &progressive, {.forward = TRUE}, ".... .... .... ...."},
    {"zero-vector-block-1", &progressive, {.forward = TRUE, .pattern = 2}, ".#.# .... .#.# ...."},
    {"vector", &progressive, {.forward = TRUE, .vector = {{{1, 0}}}}, "#### #### #### ####"},
    {"intra", &progressive, {.intra = TRUE}, "#### #### #### ####"},
    {"frame-dct", &interlaced, {.forward = TRUE, .pattern = 1}, "#.#. .... #.#. ...."},
    {"field-dct-top",
     &interlaced,
     {.forward = TRUE, .pattern = 1, .dct_type = TRUE},
     "#.#. #.#. #.#. #.#."},
    {"field-dct-bottom",
     &interlaced,
     {.forward = TRUE, .pattern = 8, .dct_type = TRUE},
     ".#.# .#.# .#.# .#.#"},
    {"field-same-parity",
     &interlaced,
     {.forward = TRUE, .mc = MC_FIELD, .select = {{0}, {1}}},
     ".... .... .... ...."},
    {"field-top-from-bottom",
     &interlaced,
     {.forward = TRUE, .mc = MC_FIELD, .select = {{1}, {1}}},
     "#### #### #### ####"},
    {"field-bottom-from-top",
     &interlaced,
     {.forward = TRUE, .mc = MC_FIELD, .select = {{0}, {0}}},
     "#### #### #### ####"},
    {"field-one-moves",
     &interlaced,
     {.forward = TRUE, .mc = MC_FIELD, .select = {{0}, {1}}, .vector = {{{0}}, {{0, 1}}}},
     "#### #### #### ####"},
    {"dual-prime", &interlaced, {.forward = TRUE, .mc = MC_DUAL_PRIME}, "#### #### #### ####"},
    {"422-upper-cb", &interlaced_422, {.forward = TRUE, .pattern = 1 << 4}, "#### .... #### ...."},
    {"422-lower-cr", &interlaced_422, {.forward = TRUE, .pattern = 1 << 7}, ".... #### .... ####"},
    {"422-field-dct",
     &interlaced_422,
     {.forward = TRUE, .pattern = 1 << 7, .dct_type = TRUE},
     "#### #### #### ####"},
    {"444-cb-4", &interlaced_444, {.forward = TRUE, .pattern = 1 << 4}, "#.#. .... #.#. ...."},
    {"444-cr-7", &interlaced_444, {.forward = TRUE, .pattern = 1 << 7}, ".... #.#. .... #.#."},
    {"444-cb-8", &interlaced_444, {.forward = TRUE, .pattern = 1 << 8}, ".#.# .... .#.# ...."},
    {"444-cr-11", &interlaced_444, {.forward = TRUE, .pattern = 1 << 11}, ".... .#.# .... .#.#"},
    {"444-field-dct",
     &interlaced_444,
     {.forward = TRUE, .pattern = 1 << 8, .dct_type = TRUE},
     ".#.# .#.# .#.# .#.#"},
};

static void
test_map(gconstpointer data)
{
  const MapCase *c = data;
  DcnMpeg2Extractor *extractor = started(c->sequence);
  DcnMpeg2PictureHeader header = header_of(c->sequence, 2);
  Mb mbs[4] = {c->mb, c->mb, c->mb, c->mb};
  DcnPicture *picture = put_picture(extractor, c->sequence, &header, mbs);
  assert_map(picture, c->map);
  dcn_picture_unref(picture);
  dcn_mpeg2_extractor_free(extractor);
}

/* B pictures between I 0 and a P that changed the upper half. */
static void
test_b_directions(void)
{
  DcnMpeg2Extractor *extractor = started(&progressive);
  DcnMpeg2PictureHeader p = header_of(&progressive, 2), b = header_of(&progressive, 3);
  static const Mb p_mbs[4] = {
      {.intra = TRUE}, {.intra = TRUE}, {.forward = TRUE}, {.forward = TRUE}};
  DcnPicture *reference = put_picture(extractor, &progressive, &p, p_mbs);
  assert_map(reference, "#### #### .... ....");

  static const struct {
    gboolean forward, backward;
    uint32_t upper;
  } cases[] = {{TRUE, FALSE, 0}, {FALSE, TRUE, 1}, {TRUE, TRUE, UINT32_MAX}};
  for (guint i = 0; i < 3; i++) {
    Mb mb = {.forward = cases[i].forward, .backward = cases[i].backward};
    Mb mbs[4] = {mb, mb, mb, mb};
    DcnPicture *picture = put_picture(extractor, &progressive, &b, mbs);
    g_assert_true(picture->known);
    g_assert_cmpuint(picture->number, ==, 2 + i);
    uint32_t upper = cases[i].upper == UINT32_MAX ? picture->number : cases[i].upper;
    for (int k = 0; k < BLOCKS; k++)
      g_assert_cmpuint(picture->born[k], ==, k < 8 ? upper : 0);
    g_assert_cmpuint(picture->vectors->len, ==, cases[i].forward && cases[i].backward ? 8 : 4);
    DcnVector *v = &g_array_index(picture->vectors, DcnVector, 0);
    g_assert_cmpuint(v->ref_number, ==, cases[i].forward ? 0 : 1);
    g_assert_cmpuint(v->direction, ==,
                     cases[i].forward ? DCN_DIRECTION_FORWARD : DCN_DIRECTION_BACKWARD);
    dcn_picture_unref(picture);
  }
  dcn_picture_unref(reference);
  dcn_mpeg2_extractor_free(extractor);
}

/* Bits by hand, no encoder. */
static void
test_by_hand(void)
{
  DcnMpeg2Extractor *extractor = started(&progressive);
  DcnMpeg2PictureHeader header = header_of(&progressive, 2);
  header.f_code[0][0] = 2;
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, NULL);
  for (int row = 1; row <= 2; row++) {
    Bits bits;
    bits_init(&bits);
    bits_start_code(&bits, row);
    bits_code(&bits, "00011 0");         /* quantiser_scale_code 3, extra_bit_slice */
    bits_code(&bits, "1 001");           /* increment 1, motion forward only */
    bits_code(&bits, "0010 1   0001 0"); /* motion_code 2, residual 1: 2 + 2 = 4; motion_code 3 */
    bits_code(&bits, "1 1");             /* increment 1, motion forward and pattern */
    bits_code(&bits, "0011 0  0001 1");  /* motion_code -2, residual 0: 4 - 3 = 1; 3 - 3 = 0 */
    bits_code(&bits, "1011");            /* coded_block_pattern 16: block 1 */
    bits_code(&bits, "10  0000 01 000010 000000000111  10"); /* 1, escape run 2 level 7, end */
    bits_align(&bits);
    bits_put(&bits, 16, 0); /* zero_byte */
    dcn_mpeg2_extractor_slice(extractor, bits.bytes->data, bits.bytes->len);
    bits_clear(&bits);
  }
  dcn_mpeg2_extractor_end_picture(extractor);
  g_assert_cmpstr(picture->unknown_reason, ==, NULL);
  g_assert_cmpuint(picture->vectors->len, ==, 4);
  static const int expected[2][4] = {{0, 0, 8, 6}, {16, 0, 2, 0}};
  for (int i = 0; i < 4; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    g_assert_cmpint(v->x, ==, expected[i % 2][0]);
    g_assert_cmpint(v->y, ==, i < 2 ? 0 : 16);
    g_assert_cmpint(v->mv_x_qpel, ==, expected[i % 2][2]);
    g_assert_cmpint(v->mv_y_qpel, ==, expected[i % 2][3]);
    g_assert_cmpuint(v->ref_number, ==, 0);
    g_assert_cmpint(picture->mb_flags[i], ==, i % 2 ? DCN_MB_CODED : 0);
    g_assert_cmpint(picture->quantiser[i], ==, 6);
  }
  dcn_picture_unref(picture);
  dcn_mpeg2_extractor_free(extractor);
}

/* Vectors wrap at the end of their range: 7.6.3.1. */
static void
test_vector_wraps(void)
{
  DcnMpeg2Extractor *extractor = started(&mpeg1);
  DcnMpeg2PictureHeader header = header_of(&mpeg1, 2);
  header.full_pel_forward_vector = TRUE;
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, NULL);
  Bits bits;
  bits_init(&bits);
  bits_start_code(&bits, 1);
  bits_code(&bits, "00001 0");
  /* Each adds 10 and 1 in full samples: 10, then 20 - 32 = -12, then -2. */
  for (int i = 0; i < 4; i++) {
    bits_code(&bits, "0000 0001 111"); /* macroblock_stuffing */
    bits_code(&bits, "1 001 0000 0100 10 010");
  }
  bits_align(&bits);
  dcn_mpeg2_extractor_slice(extractor, bits.bytes->data, bits.bytes->len);
  dcn_mpeg2_extractor_end_picture(extractor);
  bits_clear(&bits);
  g_assert_cmpstr(picture->unknown_reason, ==, NULL);
  static const int x[4] = {10, -12, -2, 8};
  for (int i = 0; i < 4; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    g_assert_cmpint(v->mv_x_qpel, ==, 4 * x[i]);
    g_assert_cmpint(v->mv_y_qpel, ==, 4 * (i + 1));
  }
  dcn_picture_unref(picture);
  dcn_mpeg2_extractor_free(extractor);
}

/* Slices of one P or I picture, as bit strings after the start code, that must not be taken. */
typedef struct {
  const char *name;
  const char *reason; /* part of it */
  const DcnMpeg2Sequence *sequence;
  int type;
  int rows[3]; /* slice_vertical_position; 0 ends */
  const char *slices[3];
  gboolean concealment;
} ErrorCase;

#define ZERO_MB      "1 001 1 1 " /* a P macroblock with a zero vector */
#define ROW          "00001 0 " ZERO_MB ZERO_MB
#define INTRA_BLOCKS "100 10 100 10 100 10 100 10 00 10 00 10 "
#define INTRA_MB     "1 1 " INTRA_BLOCKS

static const ErrorCase error_cases[] = {
    {"nothing-wrong", NULL, &progressive, 2, {1, 2}, {ROW, ROW}},
    {"nothing-wrong-intra",
     NULL,
     &progressive,
     1,
     {1, 2},
     {"00001 0 " INTRA_MB INTRA_MB, "00001 0 " INTRA_MB INTRA_MB}},
    {"no-slices", "macroblocks missing", &progressive, 2, {0}, {NULL}},
    {"last-row-missing", "macroblocks missing", &progressive, 2, {1}, {ROW}},
    {"very-last-macroblock-missing",
     "macroblocks missing",
     &progressive,
     2,
     {1, 2},
     {ROW, "00001 0 " ZERO_MB}},
    {"first-row-missing", "missing between", &progressive, 2, {2}, {ROW}},
    {"last-macroblock-missing",
     "missing between",
     &progressive,
     2,
     {1, 2},
     {"00001 0 " ZERO_MB, ROW}},
    {"row-twice", "covered twice", &progressive, 2, {1, 1, 2}, {ROW, ROW, ROW}},
    {"rows-swapped", "missing between", &progressive, 2, {2, 1}, {ROW, ROW}},
    {"below-the-picture", "below the picture", &progressive, 2, {1, 2, 3}, {ROW, ROW, ROW}},
    {"over-the-row", "beyond the row", &progressive, 2, {1, 2}, {ROW ZERO_MB, ROW}},
    {"skip-over-the-row",
     "beyond the row",
     &progressive,
     2,
     {1, 2},
     {"00001 0 " ZERO_MB "011 001 1 1", ROW}},
    {"starts-beyond-its-row", "beyond its row", &progressive, 2, {1}, {"00001 0 010 001 1 1"}},
    {"over-the-picture", "beyond the picture", &mpeg1, 2, {1}, {ROW ZERO_MB ZERO_MB ZERO_MB}},
    {"escapes-over-the-picture",
     "beyond the picture",
     &progressive,
     2,
     {1},
     {"00001 0 0000 0001 000 0000 0001 000 0000 0001 000 0000 0001 000 1 001 1 1"}},
    {"quantiser-zero", "quantiser_scale_code", &progressive, 2, {1}, {"00000 0 " ZERO_MB ZERO_MB}},
    {"macroblock-quantiser-zero",
     "quantiser_scale_code",
     &progressive,
     2,
     {1},
     {"00001 0 1 0000 1 00000 0101 1 10 10"}},
    {"data-after-the-slice",
     "after the end",
     &progressive,
     2,
     {1, 2},
     {ROW "0000 0000 0000 0000 0000 0000 0000 0001", ROW}},
    {"stuffing-in-mpeg2",
     "macroblock_address_increment",
     &progressive,
     2,
     {1},
     {"00001 0 0000 0001 111 " ZERO_MB ZERO_MB}},
    {"bad-increment",
     "macroblock_address_increment",
     &progressive,
     2,
     {1},
     {"00001 0 " ZERO_MB "0000 0001 0110 0000 1111 1111 1111 1111"}},
    {"bad-type", "macroblock_type", &progressive, 2, {1}, {"00001 0 1 0000 0011 1111 1111 1111"}},
    {"bad-type-intra",
     "macroblock_type",
     &progressive,
     1,
     {1},
     {"00001 0 1 00 1111 1111 1111 1111"}},
    {"skipped-in-intra",
     "intra picture",
     &mpeg1,
     1,
     {1},
     {"00001 0 " INTRA_MB "011 1 " INTRA_BLOCKS INTRA_MB}},
    {"bad-motion-code",
     "motion_code",
     &progressive,
     2,
     {1},
     {"00001 0 1 001 0000 0010 1111 1111 1111"}},
    {"reserved-motion-type",
     "motion type",
     &interlaced,
     2,
     {1},
     {"00001 0 1 001 00 1111 1111 1111"}},
    {"pattern-zero", "pattern", &progressive, 2, {1}, {"00001 0 1 01 0000 0000 1 1111 1111 1111"}},
    {"bad-pattern", "pattern", &progressive, 2, {1}, {"00001 0 1 01 0000 0000 0111 1111 1111"}},
    {"bad-coefficient",
     "DCT coefficient",
     &progressive,
     2,
     {1},
     {"00001 0 1 01 0101 1 0000 0000 0000 0111 1111 1111 1111"}},
    {"past-the-block",
     "past the end",
     &progressive,
     2,
     {1},
     {"00001 0 1 01 0101 1 10 0000 01 111111 000000000001 10 1111 1111 1111"}},
    {"level-zero",
     "forbidden level",
     &progressive,
     2,
     {1},
     {"00001 0 1 01 0101 1 0000 01 000001 000000000000 10 1111 1111 1111"}},
    {"level-zero-mpeg1",
     "forbidden level",
     &mpeg1,
     2,
     {1},
     {"00001 0 1 01 0101 1 0000 01 000001 00000000 00000000 10 1111 1111 1111"}},
    {"dc-size-mpeg1", "dct_dc_size", &mpeg1, 1, {1}, {"00001 0 1 1 1111 1110 1111 1111 1111"}},
    {"cut-off",
     "cut off",
     &progressive,
     2,
     {1, 2},
     {ROW, "00001 0 " ZERO_MB "1 01 0101 1 0000 01 000001 01"}},
    {"cut-off-in-the-header",
     "cut off",
     &progressive,
     2,
     {1},
     {"00001 1 1111 1111 1 1111 1111 1 1111 1"}},
    {"marker-after-concealment",
     "marker_bit",
     &progressive,
     1,
     {1},
     {"00001 0 1 1 1 1 0 " INTRA_BLOCKS},
     TRUE},
    {"end-of-macroblock",
     "end_of_macroblock",
     &mpeg1,
     4,
     {1},
     {"00001 0 1 1 100 100 100 100 00 00 0 1111 1111"}},
    {"slice-extension-too-low", "below the picture", &progressive, 2, {1, 100}, {ROW, ROW}},
};

static void
test_error(gconstpointer data)
{
  const ErrorCase *c = data;
  DcnMpeg2Extractor *extractor = started(c->sequence);
  DcnMpeg2PictureHeader header = header_of(c->sequence, c->type);
  header.concealment_motion_vectors = c->concealment;
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, NULL);
  uint64_t epoch = picture->epoch;
  for (int i = 0; i < 3 && c->rows[i]; i++) {
    Bits bits;
    bits_init(&bits);
    bits_start_code(&bits, c->rows[i]);
    bits_code(&bits, c->slices[i]);
    bits_align(&bits);
    /* An exact copy, so that a sanitizer sees a byte too many. */
    guint8 *copy = g_memdup2(bits.bytes->data, bits.bytes->len);
    dcn_mpeg2_extractor_slice(extractor, copy, bits.bytes->len);
    g_free(copy);
    bits_clear(&bits);
  }
  dcn_mpeg2_extractor_end_picture(extractor);
  g_assert_true(picture->complete);
  if (!c->reason) {
    g_assert_cmpstr(picture->unknown_reason, ==, NULL);
  } else {
    g_assert_false(picture->known);
    if (!strstr(picture->unknown_reason, c->reason))
      g_error("reason is \"%s\", not \"%s\"", picture->unknown_reason, c->reason);
    for (int i = 0; i < BLOCKS; i++)
      g_assert_cmpuint(picture->born[i], ==, picture->number);
    g_assert_cmpuint(picture->vectors->len, ==, 0);
  }
  /* What follows does not compare with what came before a damaged reference picture. */
  DcnMpeg2PictureHeader i_header = header_of(c->sequence, 1);
  DcnPicture *next = put_picture(extractor, c->sequence, &i_header, intra_mbs);
  g_assert_true(next->known);
  if (c->reason)
    g_assert_cmpuint(next->epoch, !=, epoch);
  else
    g_assert_cmpuint(next->epoch, ==, epoch);
  dcn_picture_unref(next);
  dcn_picture_unref(picture);
  dcn_mpeg2_extractor_free(extractor);
}

/* B: nothing can be skipped after an intra macroblock (7.6.6.3), and dual prime is for P pictures.
 */
static void
test_b_errors(void)
{
  static const char *const slices[] = {
      "00001 0 1 0001 1 " INTRA_BLOCKS "011 0010 1 1", /* MPEG-1: three macroblocks, one skipped */
      "00001 0 1 0010 11 1 0 1 0",
  };
  static const DcnMpeg2Sequence *const sequences[] = {&mpeg1, &interlaced};
  static const char *const reasons[] = {"after an intra macroblock", "dual prime"};
  for (int i = 0; i < 2; i++) {
    DcnMpeg2Extractor *extractor = started(sequences[i]);
    DcnMpeg2PictureHeader header = header_of(sequences[i], 3);
    DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, NULL);
    Bits bits;
    bits_init(&bits);
    bits_start_code(&bits, 1);
    bits_code(&bits, slices[i]);
    bits_align(&bits);
    dcn_mpeg2_extractor_slice(extractor, bits.bytes->data, bits.bytes->len);
    bits_clear(&bits);
    dcn_mpeg2_extractor_end_picture(extractor);
    g_assert_nonnull(picture->unknown_reason);
    g_assert_nonnull(strstr(picture->unknown_reason, reasons[i]));
    dcn_picture_unref(picture);
    dcn_mpeg2_extractor_free(extractor);
  }
}

/* D pictures (ISO/IEC 11172-2) are read, and end the epoch. */
static void
test_d_picture(void)
{
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  g_assert_true(dcn_mpeg2_extractor_set_sequence(extractor, &mpeg1, NULL));
  DcnMpeg2PictureHeader header = header_of(&mpeg1, 4);
  DcnPicture *a = put_picture(extractor, &mpeg1, &header, intra_mbs);
  DcnPicture *b = put_picture(extractor, &mpeg1, &header, intra_mbs);
  g_assert_cmpstr(a->unknown_reason, ==, NULL);
  g_assert_cmpint(a->type, ==, DCN_PICTURE_D);
  g_assert_cmpint(a->mb_flags[3], ==, DCN_MB_INTRA | DCN_MB_CODED);
  g_assert_true(b->known);
  g_assert_cmpuint(a->epoch, !=, b->epoch);
  dcn_picture_unref(a);
  dcn_picture_unref(b);
  dcn_mpeg2_extractor_free(extractor);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(map_cases); i++) {
    char *path = g_strdup_printf("/mpeg2/map/%s", map_cases[i].name);
    g_test_add_data_func(path, &map_cases[i], test_map);
    g_free(path);
  }
  for (gsize i = 0; i < G_N_ELEMENTS(error_cases); i++) {
    char *path = g_strdup_printf("/mpeg2/error/%s", error_cases[i].name);
    g_test_add_data_func(path, &error_cases[i], test_error);
    g_free(path);
  }
  g_test_add_func("/mpeg2/b-directions", test_b_directions);
  g_test_add_func("/mpeg2/b-errors", test_b_errors);
  g_test_add_func("/mpeg2/by-hand", test_by_hand);
  g_test_add_func("/mpeg2/vector-wraps", test_vector_wraps);
  g_test_add_func("/mpeg2/d-picture", test_d_picture);
  return g_test_run();
}
