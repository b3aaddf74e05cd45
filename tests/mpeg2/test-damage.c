/* Damaged streams: whatever the bytes and the order of calls, pictures come that keep their
 * promises. SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random-stream.h"
#include <string.h>

static const StreamPlan plans[] = {
    {{.horizontal_size = 83, .vertical_size = 70, .chroma_format = 1}, 6, TRUE, TRUE, 2},
    {{.horizontal_size = 64, .vertical_size = 64, .chroma_format = 3}, 6, TRUE, FALSE, 1},
    {{.horizontal_size = 48, .vertical_size = 48, .chroma_format = 2, .progressive_sequence = TRUE},
     6,
     FALSE,
     TRUE,
     1},
    {{.mpeg1 = TRUE,
      .horizontal_size = 50,
      .vertical_size = 40,
      .chroma_format = 1,
      .progressive_sequence = TRUE},
     6,
     FALSE,
     TRUE,
     0},
};

typedef enum { FLIP, TRUNCATE, NOISE, DROP_SLICE, DROP_FIELD, SWAP, HEADER, N_DAMAGES } Damage;

/* Slices from an exact heap copy, so that a sanitizer sees a byte too many. */
static void
feed_copy(DcnMpeg2Extractor *extractor, const guint8 *data, gsize size)
{
  guint8 *copy = g_memdup2(data, size);
  dcn_mpeg2_extractor_slice(extractor, copy, size);
  g_free(copy);
}

static void
feed_damaged(DcnMpeg2Extractor *extractor, GByteArray *slices, Damage damage, GRand *rand)
{
  GArray *starts = g_array_new(FALSE, FALSE, sizeof(guint));
  for (guint i = 0; i + 3 <= slices->len; i++) {
    if (slices->data[i] == 0 && slices->data[i + 1] == 0 && slices->data[i + 2] == 1)
      g_array_append_val(starts, i);
  }
  guint n = starts->len;
  g_array_append_val(starts, slices->len);
  guint victim = (guint)g_rand_int_range(rand, 0, (gint)n);
  for (guint k = 0; k < n; k++) {
    guint at = damage == SWAP ? n - 1 - k : k;
    guint from = g_array_index(starts, guint, at), to = g_array_index(starts, guint, at + 1);
    guint8 *data = g_memdup2(slices->data + from, to - from);
    guint size = to - from;
    if (at == victim) {
      if (damage == DROP_SLICE)
        size = 0;
      else if (damage == TRUNCATE)
        size = (guint)g_rand_int_range(rand, 0, (gint)size);
      else if (damage == FLIP)
        data[g_rand_int_range(rand, 0, (gint)size)] ^= (guint8)(1 << g_rand_int_range(rand, 0, 8));
      else if (damage == NOISE)
        for (guint i = 4; i < size; i++)
          data[i] = (guint8)g_rand_int(rand);
    }
    if (size || damage == TRUNCATE)
      feed_copy(extractor, data, size);
    g_free(data);
  }
  g_array_unref(starts);
}

/* What holds of any picture that is complete. */
static void
check(const DcnPicture *picture, gboolean last_was_damaged_reference, const DcnPicture *before)
{
  g_assert_true(picture->complete);
  gsize blocks = (gsize)picture->rows * (gsize)picture->cols;
  for (gsize i = 0; i < blocks; i++) {
    if (picture->known)
      g_assert_cmpuint(picture->born[i], <=, picture->number);
    else
      g_assert_cmpuint(picture->born[i], ==, picture->number);
  }
  g_assert_cmpint(picture->known, ==, picture->unknown_reason == NULL);
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    g_assert_true(v->ref_number <= picture->number || v->ref_number == DCN_NUMBER_NONE);
    g_assert_cmpint(v->x, <, picture->coded_width);
    g_assert_cmpint(v->y, <, (picture->coded_height + 31) / 32 * 32);
  }
  if (before && last_was_damaged_reference)
    g_assert_cmpuint(before->epoch, !=, picture->epoch);
  if (before && before->epoch == picture->epoch)
    g_assert_cmpuint(picture->number, >, before->number);
}

static DcnMpeg2PictureHeader
damaged_header(DcnMpeg2PictureHeader header, GRand *rand)
{
  switch (g_rand_int_range(rand, 0, 8)) {
  case 0:
    header.picture_coding_type = g_rand_int_range(rand, 0, 8);
    break;
  case 1:
    header.picture_structure = g_rand_int_range(rand, 0, 4);
    break;
  case 2:
    header.f_code[g_rand_int_range(rand, 0, 2)][g_rand_int_range(rand, 0, 2)] =
        g_rand_int_range(rand, 0, 16);
    break;
  case 3:
    header.frame_pred_frame_dct ^= 1;
    break;
  case 4:
    header.temporal_reference++;
    break;
  case 5:
    header.concealment_motion_vectors ^= 1;
    break;
  case 6:
    header.intra_vlc_format ^= 1;
    break;
  default:
    header.progressive_frame ^= 1;
  }
  return header;
}

static void
test_damage(gconstpointer data)
{
  Damage damage = (Damage)GPOINTER_TO_INT(data);
  for (gsize p = 0; p < G_N_ELEMENTS(plans); p++) {
    Stream *stream = stream_new(&plans[p], 100 + (guint32)p);
    GRand *rand = g_rand_new_with_seed(5);
    guint n_unknown = 0;
    for (int round = 0; round < 60; round++) {
      DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
      g_assert_true(dcn_mpeg2_extractor_set_sequence(extractor, &stream->sequence, NULL));
      GPtrArray *pictures = g_ptr_array_new_with_free_func((GDestroyNotify)dcn_picture_unref);
      int victim = g_rand_int_range(rand, 0, (gint)stream->frames->len);
      for (guint i = 0; i < stream->frames->len; i++) {
        const Frame *frame = g_ptr_array_index(stream->frames, i);
        int victim_field = g_rand_int_range(rand, 0, frame->n_coded);
        for (int k = 0; k < frame->n_coded; k++) {
          gboolean hit = (int)i == victim && k == victim_field;
          DcnMpeg2PictureHeader header = frame->header[k];
          gboolean second;
          if (hit && damage == DROP_FIELD)
            continue;
          if (hit && damage == HEADER)
            header = damaged_header(header, rand);
          DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, &second);
          g_assert_nonnull(picture);
          if (hit)
            feed_damaged(extractor, frame->slices[k], damage, rand);
          else
            feed_slices(extractor, frame->slices[k]->data, frame->slices[k]->len);
          dcn_mpeg2_extractor_end_picture(extractor);
          if (second) {
            g_assert_true(picture == g_ptr_array_index(pictures, pictures->len - 1));
            dcn_picture_unref(picture);
          } else {
            g_ptr_array_add(pictures, picture);
          }
        }
      }
      dcn_mpeg2_extractor_free(extractor);
      gboolean bad_reference = FALSE;
      for (guint i = 0; i < pictures->len; i++) {
        const DcnPicture *picture = g_ptr_array_index(pictures, i);
        check(picture, bad_reference, i ? g_ptr_array_index(pictures, i - 1) : NULL);
        bad_reference = !picture->known && picture->type != DCN_PICTURE_B;
        n_unknown += !picture->known;
      }
      g_ptr_array_unref(pictures);
    }
    /* A slice that is missing or out of place is always seen; so is most of the rest.  Frame
     * pictures alone do not suffer from one that is missing as a whole. */
    if (damage == DROP_SLICE || damage == TRUNCATE || damage == NOISE)
      g_assert_cmpuint(n_unknown, >=, 50);
    g_rand_free(rand);
    stream_free(stream);
  }
}

/* Nothing but noise, with headers at random. */
static void
test_noise(void)
{
  GRand *rand = g_rand_new_with_seed(11);
  DcnMpeg2Extractor *extractor = dcn_mpeg2_extractor_new();
  for (int round = 0; round < 3000; round++) {
    if (round % 50 == 0) {
      DcnMpeg2Sequence sequence = {.mpeg1 = g_rand_int_range(rand, 0, 4) == 0,
                                   .horizontal_size = g_rand_int_range(rand, -1, 200),
                                   .vertical_size = g_rand_int_range(rand, -1, 200),
                                   .chroma_format = g_rand_int_range(rand, 0, 5),
                                   .progressive_sequence = g_rand_boolean(rand)};
      dcn_mpeg2_extractor_set_sequence(extractor, &sequence, NULL);
    }
    DcnMpeg2PictureHeader header = {.temporal_reference = g_rand_int_range(rand, 0, 2),
                                    .picture_coding_type = g_rand_int_range(rand, 0, 6),
                                    .picture_structure = g_rand_int_range(rand, 0, 4),
                                    .frame_pred_frame_dct = g_rand_boolean(rand),
                                    .concealment_motion_vectors = g_rand_boolean(rand),
                                    .intra_vlc_format = g_rand_boolean(rand),
                                    .full_pel_forward_vector = g_rand_boolean(rand)};
    for (int i = 0; i < 4; i++)
      header.f_code[i / 2][i % 2] = g_rand_int_range(rand, -1, 16);
    DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(extractor, &header, NULL);
    for (int i = g_rand_int_range(rand, 0, 8); i > 0; i--) {
      guint8 slice[300];
      gsize size = (gsize)g_rand_int_range(rand, 0, sizeof slice);
      for (gsize k = 0; k < size; k++)
        slice[k] = (guint8)(g_rand_int(rand) & g_rand_int(rand));
      if (size > 4)
        memcpy(slice, (guint8[4]){0, 0, 1, (guint8)g_rand_int_range(rand, 0, 12)}, 4);
      feed_copy(extractor, slice, size);
    }
    if (g_rand_int_range(rand, 0, 20))
      dcn_mpeg2_extractor_end_picture(extractor);
    if (!g_rand_int_range(rand, 0, 50))
      dcn_mpeg2_extractor_reset(extractor);
    dcn_picture_unref(picture);
  }
  dcn_mpeg2_extractor_free(extractor);
  g_rand_free(rand);
}

int
main(int argc, char **argv)
{
  static const char *const names[N_DAMAGES] = {"flip",       "truncate", "noise", "drop-slice",
                                               "drop-field", "swap",     "header"};
  g_test_init(&argc, &argv, NULL);
  for (int i = 0; i < N_DAMAGES; i++) {
    char *path = g_strdup_printf("/mpeg2/damage/%s", names[i]);
    g_test_add_data_func(path, GINT_TO_POINTER(i), test_damage);
    g_free(path);
  }
  g_test_add_func("/mpeg2/damage/only-noise", test_noise);
  return g_test_run();
}
