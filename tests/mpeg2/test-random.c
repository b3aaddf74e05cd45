/* Random valid streams: what the extractor says of every macroblock and block, against the
 * encoder's knowledge. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random-stream.h"
#include <string.h>

/* Runs a stream through an extractor.  Returns its pictures. */
static GPtrArray *
extract(const Stream *stream)
{
  GPtrArray *pictures = g_ptr_array_new_with_free_func((GDestroyNotify)dcn_picture_unref);
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  g_assert_true(dcn_mpeg2_extractor_set_sequence(extractor, &stream->sequence, NULL));
  for (guint i = 0; i < stream->frames->len; i++) {
    const Frame *frame = g_ptr_array_index(stream->frames, i);
    for (int k = 0; k < frame->n_coded; k++) {
      gboolean second = -1;
      DcnPicture *picture =
          dcn_mpeg2_extractor_begin_picture(extractor, &frame->header[k], &second);
      g_assert_cmpint(second, ==, k == 1);
      g_assert_false(picture->complete);
      feed_slices(extractor, frame->slices[k]->data, frame->slices[k]->len);
      dcn_mpeg2_extractor_end_picture(extractor);
      g_assert_cmpint(picture->complete, ==, k == frame->n_coded - 1);
      if (k == 0)
        g_ptr_array_add(pictures, picture);
      else
        dcn_picture_unref(picture);
    }
  }
  dcn_mpeg2_extractor_free(extractor);
  return pictures;
}

static void
check_picture(const Stream *stream, const Frame *frame, const DcnPicture *picture, guint number)
{
  g_assert_cmpstr(picture->unknown_reason, ==, NULL);
  g_assert_true(picture->known);
  g_assert_cmpuint(picture->number, ==, number);
  g_assert_cmpint(picture->type, ==, frame->type);
  g_assert_cmpint(picture->mb_cols, ==, stream->mb_cols);
  g_assert_cmpint(picture->mb_rows, ==, stream->mb_rows);
  gsize mbs = (gsize)stream->mb_cols * (gsize)stream->mb_rows;
  g_assert_cmpmem(picture->mb_flags, mbs, frame->flags, mbs);
  g_assert_cmpmem(picture->quantiser, mbs, frame->quantiser, mbs);
  g_assert_cmpuint(picture->vectors->len, ==, frame->vectors->len);
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *a = &g_array_index(picture->vectors, DcnVector, i);
    const DcnVector *b = &g_array_index(frame->vectors, DcnVector, i);
    g_assert_cmpuint(a->x, ==, b->x);
    g_assert_cmpuint(a->y, ==, b->y);
    g_assert_cmpuint(a->w, ==, b->w);
    g_assert_cmpuint(a->h, ==, b->h);
    g_assert_cmpint(a->mv_x_qpel, ==, b->mv_x_qpel);
    g_assert_cmpint(a->mv_y_qpel, ==, b->mv_y_qpel);
    g_assert_cmpuint(a->direction, ==, b->direction);
    g_assert_cmpuint(a->field, ==, b->field);
    g_assert_cmpuint(a->ref_field, ==, b->ref_field);
    g_assert_cmpuint(a->ref_number, ==, b->ref_number);
  }
}

static void
check_blocks(const Stream *stream, GPtrArray *pictures)
{
  guint equal = 0, claimed = 0;
  for (guint i = 0; i < pictures->len; i++) {
    for (guint j = i + 1; j < pictures->len; j++) {
      const DcnPicture *a = g_ptr_array_index(pictures, i), *b = g_ptr_array_index(pictures, j);
      const Frame *fa = g_ptr_array_index(stream->frames, i),
                  *fb = g_ptr_array_index(stream->frames, j);
      g_assert_cmpuint(a->epoch, ==, b->epoch);
      for (int row = 0; row < a->rows; row++) {
        for (int col = 0; col < a->cols; col++) {
          int block = row * a->cols + col;
          gboolean same = stream_block_equal(stream, fa, fb, col, row);
          if (a->born[block] == b->born[block]) {
            claimed++;
            if (!same)
              g_error("block %d, %d of pictures %u and %u: claimed equal, but is not", col, row, i,
                      j);
          }
          equal += same;
        }
      }
    }
  }
  g_assert_cmpuint(claimed, >, 0);
  /* With frame pictures the map is exact.  A frame of two fields may mix lines from two references,
   * which the map does not follow. */
  if (stream->any_field_pair)
    g_assert_cmpuint(claimed, >=, equal / 2);
  else
    g_assert_cmpuint(claimed, ==, equal);
}

typedef struct {
  const char *name;
  StreamPlan plan;
} Case;

#define MPEG2(w, h, chroma, progressive)                                                           \
  {                                                                                                \
    .horizontal_size = w, .vertical_size = h, .chroma_format = chroma,                             \
    .progressive_sequence = progressive                                                            \
  }
#define MPEG1(w, h)                                                                                \
  {                                                                                                \
    .mpeg1 = TRUE, .horizontal_size = w, .vertical_size = h, .chroma_format = 1,                   \
    .progressive_sequence = TRUE                                                                   \
  }

static const Case cases[] = {
    {"progressive", {MPEG2(96, 80, 1, TRUE), 12, FALSE, TRUE, 1}},
    {"odd-size", {MPEG2(91, 71, 1, TRUE), 12, FALSE, TRUE, 2}},
    {"interlaced", {MPEG2(96, 96, 1, FALSE), 12, FALSE, TRUE, 1}},
    {"interlaced-rows-not-shown", {MPEG2(83, 70, 1, FALSE), 12, FALSE, TRUE, 3}},
    {"interlaced-422", {MPEG2(96, 96, 2, FALSE), 10, FALSE, TRUE, 1}},
    {"interlaced-444", {MPEG2(96, 96, 3, FALSE), 10, FALSE, TRUE, 1}},
    {"dual-prime", {MPEG2(96, 96, 1, FALSE), 12, FALSE, FALSE, 1}},
    {"fields", {MPEG2(96, 128, 1, FALSE), 12, TRUE, TRUE, 1}},
    {"fields-dual-prime", {MPEG2(96, 128, 1, FALSE), 12, TRUE, FALSE, 2}},
    {"fields-422", {MPEG2(90, 120, 2, FALSE), 10, TRUE, TRUE, 1}},
    {"fields-444", {MPEG2(96, 128, 3, FALSE), 10, TRUE, FALSE, 1}},
    {"wide", {MPEG2(1920, 32, 1, FALSE), 6, TRUE, TRUE, 1}},
    {"tall", {MPEG2(16, 2880, 1, TRUE), 6, FALSE, TRUE, 1}},
    {"tall-fields", {MPEG2(48, 2848, 1, FALSE), 5, TRUE, TRUE, 1}},
    {"mpeg1", {MPEG1(96, 80), 12, FALSE, TRUE, 1}},
    {"mpeg1-slices-over-rows", {MPEG1(90, 76), 12, FALSE, TRUE, 0}},
};

static void
test_case(gconstpointer data)
{
  const Case *c = data;
  for (guint32 seed = 1; seed <= 4; seed++) {
    Stream *stream = stream_new(&c->plan, seed);
    GPtrArray *pictures = extract(stream);
    for (guint i = 0; i < pictures->len; i++)
      check_picture(stream, g_ptr_array_index(stream->frames, i), g_ptr_array_index(pictures, i),
                    i);
    check_blocks(stream, pictures);
    const char *dump = g_getenv("DCN_TEST_DUMP");
    if (dump) {
      char *path = g_strdup_printf("%s/%s-%u.m2v", dump, c->name, seed);
      GByteArray *bytes = stream_bytes(stream);
      g_file_set_contents(path, (const char *)bytes->data, bytes->len, NULL);
      g_byte_array_unref(bytes);
      g_free(path);
    }
    g_ptr_array_unref(pictures);
    stream_free(stream);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *path = g_strdup_printf("/mpeg2/random/%s", cases[i].name);
    g_test_add_data_func(path, &cases[i], test_case);
    g_free(path);
  }
  return g_test_run();
}
