/* Sequences of pictures: references, field pairs, epochs, and what a decoder's own way with odd
 * streams asks for. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "encode.h"
#include <string.h>

#define TOP    1
#define BOTTOM 2
#define FRAME  3

static const DcnMpeg2Sequence sequence = {
    .horizontal_size = 32, .vertical_size = 32, .chroma_format = 1};

typedef struct {
  DcnMpeg2Extractor *extractor;
  GPtrArray *pictures; /* all that came, owned */
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
  f->extractor = dcn_mpeg2_extractor_new();
  f->pictures = g_ptr_array_new_with_free_func((GDestroyNotify)dcn_picture_unref);
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
}

static void
tear_down(Fixture *f, gconstpointer data)
{
  g_ptr_array_unref(f->pictures);
  dcn_mpeg2_extractor_free(f->extractor);
}

typedef struct {
  char type; /* I, P, B; lower case: damaged */
  int structure;
  int temporal_reference;
  gboolean parity_swapped; /* field pictures, P: from the field of the other parity */
  gboolean progressive_frame;
} Put;

/* A picture whose macroblocks all are intra, or all have zero vectors.  Returns it; *second too. */
static DcnPicture *
put(Fixture *f, Put what, gboolean *second)
{
  gboolean broken = g_ascii_islower(what.type);
  int type = (int)(strchr("IPB", g_ascii_toupper(what.type)) - "IPB") + 1;
  DcnMpeg2PictureHeader header = {.picture_coding_type = type,
                                  .picture_structure = what.structure ? what.structure : FRAME,
                                  .temporal_reference = what.temporal_reference,
                                  .progressive_frame = what.progressive_frame,
                                  .f_code = {{1, 1}, {1, 1}}};
  gboolean frame = header.picture_structure == FRAME;
  int parity = header.picture_structure == BOTTOM;
  Mb mb = {.intra = type == 1,
           .forward = type != 1,
           .mc = frame ? MC_FRAME : MC_FIELD,
           .select = {{what.parity_swapped ? !parity : parity}}};
  Encoder encoder;
  encoder_init(&encoder, &sequence, &header, 1);
  for (int row = 0; row < encoder.mb_height; row++) {
    encode_slice(&encoder, row, broken ? 0 : 5, 0);
    for (int col = 0; col < encoder.mb_width; col++)
      encode_macroblock(&encoder, 0, &mb);
    encode_slice_end(&encoder);
  }
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(f->extractor, &header, second);
  g_assert_nonnull(picture);
  feed_slices(f->extractor, encoder.bits.bytes->data, encoder.bits.bytes->len);
  dcn_mpeg2_extractor_end_picture(f->extractor);
  encoder_clear(&encoder);
  g_ptr_array_add(f->pictures, picture);
  return picture;
}

#define PUT(...) put(f, (Put){__VA_ARGS__}, NULL)

static gboolean
all_born(const DcnPicture *picture, uint32_t number)
{
  for (int i = 0; i < picture->rows * picture->cols; i++) {
    if (picture->born[i] != number)
      return FALSE;
  }
  return TRUE;
}

static void
assert_unknown(const DcnPicture *picture, const char *reason)
{
  g_assert_true(picture->complete);
  g_assert_false(picture->known);
  g_assert_cmpstr(picture->unknown_reason, ==, reason);
  g_assert_true(all_born(picture, picture->number));
}

/* I P B P B: numbers in decode order, each B from the reference before the last. */
static void
test_order(Fixture *f, gconstpointer data)
{
  DcnPicture *i = PUT('I'), *p = PUT('P'), *b = PUT('B');
  DcnPicture *i2 = PUT('I'), *p2 = PUT('P'), *b2 = PUT('B');
  DcnPicture *all[] = {i, p, b, i2, p2, b2};
  for (guint k = 0; k < 6; k++) {
    g_assert_true(all[k]->known);
    g_assert_true(all[k]->complete);
    g_assert_cmpuint(all[k]->number, ==, k);
    g_assert_cmpuint(all[k]->epoch, ==, i->epoch);
  }
  g_assert_true(all_born(p, 0));
  g_assert_true(all_born(b, 0));
  g_assert_true(all_born(i2, 3));
  g_assert_true(all_born(p2, 3));
  g_assert_true(all_born(b2, 3));
  g_assert_cmpuint(g_array_index(b2->vectors, DcnVector, 0).ref_number, ==, 3);
  g_assert_cmpuint(g_array_index(p2->vectors, DcnVector, 0).ref_number, ==, 3);
  g_assert_cmpuint(g_array_index(b->vectors, DcnVector, 0).ref_number, ==, 0);
}

/* Another chroma_format: decoders notice it only together with another size. */
static void
test_chroma_format(Fixture *f, gconstpointer data)
{
  DcnMpeg2Sequence other = sequence, larger = sequence;
  PUT('I');
  other.chroma_format = 2;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &other, NULL));
  assert_unknown(PUT('I'), "chroma_format changed without the size");
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  g_assert_true(PUT('I')->known);
  larger.vertical_size = 64;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &larger, NULL));
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  g_assert_true(PUT('I')->known);
  /* Of a size that no picture has they take no notice. */
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &larger, NULL));
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &other, NULL));
  assert_unknown(PUT('I'), "chroma_format changed without the size");
}

/* What counts is the first picture, not the first header; where that picture's header was not understood, nobody knows. */
static void
test_chroma_format_of_first(Fixture *f, gconstpointer data)
{
  DcnMpeg2Sequence other = sequence;
  other.chroma_format = 2;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &other, NULL));
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  if (data)
    dcn_mpeg2_extractor_forget_sequence(f->extractor);
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  if (data)
    assert_unknown(PUT('I'), "chroma_format changed without the size");
  else
    g_assert_true(PUT('I')->known);
  /* once it is known it is not forgotten */
  dcn_mpeg2_extractor_forget_sequence(f->extractor);
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  g_assert_cmpint(PUT('I')->known, ==, !data);
  dcn_mpeg2_extractor_new_decoder(f->extractor);
  g_assert_true(PUT('I')->known);
  dcn_mpeg2_extractor_new_decoder(f->extractor);
  dcn_mpeg2_extractor_forget_sequence(f->extractor);
  assert_unknown(PUT('I'), "chroma_format changed without the size");
}

/* A B picture behind the first I picture: nothing to predict forward from. */
static void
test_leading_b(Fixture *f, gconstpointer data)
{
  DcnPicture *i = PUT('I'), *b = PUT('B');
  g_assert_true(b->known);
  g_assert_true(all_born(b, 1));
  g_assert_cmpuint(g_array_index(b->vectors, DcnVector, 0).ref_number, ==, DCN_NUMBER_NONE);
  g_assert_cmpuint(b->epoch, ==, i->epoch);
}

static void
test_start_with_b(Fixture *f, gconstpointer data)
{
  DcnPicture *b = PUT('B'), *i = PUT('I'), *p = PUT('P');
  assert_unknown(b, "no reference picture");
  g_assert_true(i->known);
  g_assert_true(all_born(p, i->number));
}

/* A stream that starts with a P picture after its headers: what comes after it can be known, but
 * not compared with it. */
static void
test_start_with_p(Fixture *f, gconstpointer data)
{
  DcnPicture *p0 = PUT('P'), *p1 = PUT('P'), *p2 = PUT('P'), *b = PUT('B');
  assert_unknown(p0, "no reference picture");
  g_assert_true(p1->known);
  g_assert_cmpuint(p1->epoch, !=, p0->epoch);
  g_assert_cmpuint(p1->number, >, 0);
  g_assert_cmpuint(p2->epoch, ==, p1->epoch);
  g_assert_true(all_born(p1, 0));
  g_assert_true(all_born(p2, 0));
  g_assert_true(all_born(b, 0));
}

/* Without a header before it a decoder may have left the P picture out. */
static void
test_start_with_p_after_reset(Fixture *f, gconstpointer data)
{
  PUT('I');
  dcn_mpeg2_extractor_reset(f->extractor);
  for (int k = 0; k < 3; k++)
    assert_unknown(PUT('P'), "no reference picture");
  DcnPicture *i = PUT('I'), *p = PUT('P');
  g_assert_true(i->known);
  g_assert_cmpuint(p->epoch, ==, i->epoch);
  g_assert_true(all_born(p, i->number));
}

/* Damage to a reference picture cuts all that follows off from all before, damage to a B picture
 * does not. */
static void
test_damage(Fixture *f, gconstpointer data)
{
  DcnPicture *i = PUT('I'), *b = PUT('b'), *p = PUT('P');
  assert_unknown(b, "quantiser_scale_code is zero");
  g_assert_cmpuint(p->epoch, ==, i->epoch);
  g_assert_true(all_born(p, 0));
  DcnPicture *broken = PUT('p');
  assert_unknown(broken, "quantiser_scale_code is zero");
  g_assert_cmpuint(broken->epoch, ==, i->epoch);
  DcnPicture *b2 = PUT('B');
  g_assert_cmpuint(b2->epoch, !=, i->epoch);
  assert_unknown(b2, "no reference picture");
  DcnPicture *p2 = PUT('P');
  assert_unknown(p2, "no reference picture");
  DcnPicture *i2 = PUT('I'), *p3 = PUT('P');
  g_assert_cmpuint(i2->epoch, !=, i->epoch);
  g_assert_cmpuint(p3->epoch, ==, i2->epoch);
  g_assert_true(all_born(p3, i2->number));
}

/* Both fields are one picture, which is complete with the second. */
static void
test_field_pair(Fixture *f, gconstpointer data)
{
  gboolean second = TRUE;
  DcnPicture *first = put(f, (Put){'I', TOP}, &second);
  g_assert_false(second);
  g_assert_false(first->complete);
  DcnPicture *other = put(f, (Put){'I', BOTTOM}, &second);
  g_assert_true(second);
  g_assert_true(other == first);
  g_assert_true(first->complete);
  g_assert_true(first->known);
  g_assert_true(all_born(first, 0));

  DcnPicture *p = PUT('P', BOTTOM, 1);
  g_assert_true(PUT('P', TOP, 1) == p);
  g_assert_true(p->known);
  g_assert_cmpuint(p->number, ==, 1);
  g_assert_true(all_born(p, 0));
  DcnPicture *frame = PUT('P', FRAME, 2);
  g_assert_true(all_born(frame, 0));
}

/* The second field of a P frame predicted from the first one is not a copy of another frame. */
static void
test_second_from_first(Fixture *f, gconstpointer data)
{
  PUT('I');
  DcnPicture *p = PUT('P', TOP, 1);
  PUT('P', BOTTOM, 1, TRUE);
  g_assert_true(p->known);
  g_assert_true(all_born(p, 1));
  g_assert_cmpuint(p->vectors->len, ==, 4);
  const DcnVector *v = &g_array_index(p->vectors, DcnVector, 3);
  g_assert_cmpuint(v->ref_number, ==, 1);
  g_assert_cmpuint(v->field, ==, 2);
  g_assert_cmpuint(v->ref_field, ==, 1);
  g_assert_cmpuint(g_array_index(p->vectors, DcnVector, 0).ref_number, ==, 0);
}

/* An intra first field with a P second one: new, and a good reference. */
static void
test_i_and_p(Fixture *f, gconstpointer data)
{
  PUT('I');
  DcnPicture *ip = PUT('I', TOP, 1);
  PUT('P', BOTTOM, 1);
  g_assert_true(ip->known);
  g_assert_cmpint(ip->type, ==, DCN_PICTURE_I);
  g_assert_true(all_born(ip, 1));
  DcnPicture *p = PUT('P');
  g_assert_true(all_born(p, 1));
}

typedef struct {
  const char *name;
  Put first, second;
  gboolean frame; /* the second is a frame: it is known itself, or misses its reference */
} OddCase;

static const OddCase odd_cases[] = {
    {"same-parity", {'P', TOP, 1}, {'P', TOP, 1}, FALSE},
    {"other-frame", {'P', TOP, 1}, {'P', BOTTOM, 2}, FALSE},
    {"p-then-b", {'P', TOP, 1}, {'B', BOTTOM, 1}, FALSE},
    {"p-then-i", {'P', TOP, 1}, {'I', BOTTOM, 1}, FALSE},
    {"b-then-p", {'B', TOP, 1}, {'P', BOTTOM, 1}, FALSE},
    {"progressive", {'P', TOP, 1}, {'P', BOTTOM, 1, FALSE, TRUE}, FALSE},
    {"frame", {'P', TOP, 1}, {'I', FRAME, 2}, TRUE},
};

/* Fields that are no pair: neither is known, and decoders that count fields are out of step until a
 * header. */
static void
test_odd_pair(Fixture *f, gconstpointer data)
{
  const OddCase *c = data;
  DcnPicture *i = PUT('I');
  gboolean second = FALSE;
  DcnPicture *a = put(f, c->first, &second);
  DcnPicture *b = put(f, c->second, &second);
  g_assert_false(second);
  g_assert_true(a != b);
  assert_unknown(a, "second field missing");
  g_assert_cmpuint(b->epoch, !=, i->epoch);
  if (c->frame) {
    g_assert_true(b->known);
    PUT('P', TOP, 3);
    DcnPicture *pair = PUT('P', BOTTOM, 3);
    g_assert_true(pair->known);
    return;
  }
  g_assert_true(b->complete);
  g_assert_false(b->known);
  DcnPicture *pair = PUT('I', TOP, 4);
  assert_unknown(pair, "the pairing of fields is in doubt");
  assert_unknown(PUT('I', BOTTOM, 4), "the pairing of fields is in doubt");
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  pair = PUT('I', TOP, 5);
  g_assert_true(PUT('I', BOTTOM, 5) == pair);
  g_assert_true(pair->known);
}

/* A header between two fields parts them. */
static void
test_header_between_fields(Fixture *f, gconstpointer data)
{
  DcnPicture *a = PUT('I', TOP);
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  assert_unknown(a, "second field missing");
  DcnPicture *b = PUT('I', BOTTOM);
  g_assert_true(b != a);
  g_assert_cmpuint(b->epoch, !=, a->epoch);
  g_assert_false(b->complete);
  /* Freed while a picture waits: it is finished, so that nobody waits for it. */
  dcn_mpeg2_extractor_reset(f->extractor);
  assert_unknown(b, "second field missing");
}

static void
test_sequences(Fixture *f, gconstpointer data)
{
  DcnPicture *i = PUT('I');
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  DcnPicture *p = PUT('P');
  g_assert_cmpuint(p->epoch, ==, i->epoch);
  g_assert_true(all_born(p, 0));

  DcnMpeg2Sequence other = sequence;
  other.chroma_format = 2;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &other, NULL));
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &sequence, NULL));
  DcnPicture *i2 = PUT('I');
  g_assert_cmpuint(i2->epoch, !=, i->epoch);
  g_assert_cmpuint(i2->number, ==, 0);

  static const int bad[][3] = {{0, 32, 1},  {32, 0, 1},  {16385, 32, 1}, {32, 16385, 1},
                               {-1, 32, 1}, {32, 32, 0}, {32, 32, 4}};
  for (gsize k = 0; k < G_N_ELEMENTS(bad); k++) {
    GError *error = NULL;
    DcnMpeg2Sequence wrong = sequence;
    wrong.horizontal_size = bad[k][0];
    wrong.vertical_size = bad[k][1];
    wrong.chroma_format = bad[k][2];
    g_assert_false(dcn_mpeg2_extractor_set_sequence(f->extractor, &wrong, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
  }
  DcnPicture *p2 = PUT('P');
  g_assert_cmpuint(p2->epoch, ==, i2->epoch);
  g_assert_true(all_born(p2, i2->number));
}

static void
test_no_sequence(Fixture *f, gconstpointer data)
{
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  DcnMpeg2PictureHeader header = {.picture_coding_type = 1, .picture_structure = FRAME};
  gboolean second = TRUE;
  g_assert_null(dcn_mpeg2_extractor_begin_picture(extractor, &header, &second));
  g_assert_false(second);
  static const uint8_t slice[] = {0, 0, 1, 1, 0x10, 0x20, 0x30};
  dcn_mpeg2_extractor_slice(extractor, slice, sizeof slice);
  dcn_mpeg2_extractor_end_picture(extractor);
  dcn_mpeg2_extractor_reset(extractor);
  dcn_mpeg2_extractor_free(extractor);
  dcn_mpeg2_extractor_free(NULL);
}

/* Headers no decoder can take at their word. */
static void
test_bad_headers(Fixture *f, gconstpointer data)
{
  static const DcnMpeg2PictureHeader bad[] = {
      {.picture_coding_type = 0, .picture_structure = FRAME},
      {.picture_coding_type = 4, .picture_structure = FRAME},
      {.picture_coding_type = 7, .picture_structure = FRAME},
      {.picture_coding_type = 1, .picture_structure = 0},
      {.picture_coding_type = 1, .picture_structure = 4},
      {.picture_coding_type = 1, .picture_structure = TOP, .progressive_frame = TRUE},
  };
  for (gsize k = 0; k < G_N_ELEMENTS(bad); k++) {
    DcnPicture *before = PUT('I');
    DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(f->extractor, &bad[k], NULL);
    static const uint8_t slice[] = {0, 0, 1, 1, 0x12, 0x34, 0x56, 0x78};
    dcn_mpeg2_extractor_slice(f->extractor, slice, sizeof slice);
    dcn_mpeg2_extractor_end_picture(f->extractor);
    g_assert_true(picture->complete);
    g_assert_false(picture->known);
    dcn_picture_unref(picture);
    DcnPicture *after = PUT('I');
    g_assert_true(after->known);
    g_assert_cmpuint(after->epoch, !=, before->epoch);
  }
  /* In a progressive sequence frames are not interlaced. */
  DcnMpeg2Sequence progressive = sequence;
  progressive.progressive_sequence = TRUE;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &progressive, NULL));
  assert_unknown(PUT('I', TOP), "field picture in a progressive sequence");
  assert_unknown(PUT('I', FRAME), "frame_pred_frame_dct is zero in a progressive sequence");
  progressive.scalable = TRUE;
  g_assert_true(dcn_mpeg2_extractor_set_sequence(f->extractor, &progressive, NULL));
  assert_unknown(PUT('I'), "scalable extension");
}

/* The next picture ends one that was left open. */
static void
test_left_open(Fixture *f, gconstpointer data)
{
  DcnMpeg2PictureHeader header = {.picture_coding_type = 1, .picture_structure = FRAME};
  DcnPicture *a = dcn_mpeg2_extractor_begin_picture(f->extractor, &header, NULL);
  g_ptr_array_add(f->pictures, a);
  DcnPicture *b = PUT('I');
  assert_unknown(a, "picture not ended");
  g_assert_true(b->known);
  g_assert_cmpuint(a->epoch, !=, b->epoch);
}

/* Pictures outlive the extractor, and stay as they were. */
static void
test_ownership(Fixture *f, gconstpointer data)
{
  DcnMpeg2Extractor *extractor = f->extractor;
  f->extractor = dcn_mpeg2_extractor_new();
  Fixture other = {.extractor = extractor, .pictures = f->pictures};
  DcnPicture *i = put(&other, (Put){'I'}, NULL);
  DcnPicture *p = put(&other, (Put){'P'}, NULL);
  dcn_mpeg2_extractor_free(extractor);
  g_assert_cmpint(i->refs, ==, 1);
  g_assert_cmpint(p->refs, ==, 1);
  g_assert_true(all_born(p, 0));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(name, func)                                                                            \
  g_test_add("/mpeg2/references/" name, Fixture, NULL, set_up, func, tear_down)
  ADD("order", test_order);
  ADD("leading-b", test_leading_b);
  ADD("start-with-b", test_start_with_b);
  ADD("start-with-p", test_start_with_p);
  ADD("start-with-p-after-reset", test_start_with_p_after_reset);
  ADD("damage", test_damage);
  ADD("field-pair", test_field_pair);
  ADD("second-from-first", test_second_from_first);
  ADD("i-and-p", test_i_and_p);
  for (gsize i = 0; i < G_N_ELEMENTS(odd_cases); i++) {
    char *path = g_strdup_printf("/mpeg2/references/odd-pair/%s", odd_cases[i].name);
    g_test_add(path, Fixture, &odd_cases[i], set_up, test_odd_pair, tear_down);
    g_free(path);
  }
  ADD("header-between-fields", test_header_between_fields);
  ADD("sequences", test_sequences);
  ADD("chroma-format", test_chroma_format);
  ADD("chroma-format-of-first", test_chroma_format_of_first);
  g_test_add("/mpeg2/references/chroma-format-forgotten", Fixture, "", set_up,
             test_chroma_format_of_first, tear_down);
  ADD("no-sequence", test_no_sequence);
  ADD("bad-headers", test_bad_headers);
  ADD("left-open", test_left_open);
  ADD("ownership", test_ownership);
  return g_test_run();
}
