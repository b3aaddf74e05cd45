/* deltacnn tests: libFuzzer target of the MPEG-2 macroblock layer.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The input is an elementary stream.  Its headers are read here, without a check, so that any value
 * reaches the extractor; the pictures that come must keep the promises of coding/picture.h. */
#include "fuzz.h"
#include "mpeg2/mpeg2.h"
#include <stdlib.h>
#include <string.h>

#define MAX_PICTURES 64

typedef struct {
  DcnMpeg2Extractor *extractor;
  DcnMpeg2Sequence sequence;
  DcnMpeg2PictureHeader header;
  gboolean sequence_pending, header_pending, open;
  DcnPicture *pictures[MAX_PICTURES];
  int n_pictures;
} Target;

static int
bits(const uint8_t *data, size_t size, size_t at, int n)
{
  int value = 0;
  for (int i = 0; i < n; i++, at++)
    value = value << 1 | (at / 8 < size ? data[at / 8] >> (7 - at % 8) & 1 : 0);
  return value;
}

static void
begin(Target *t)
{
  gboolean second;
  if (!t->header_pending || t->n_pictures == MAX_PICTURES)
    return;
  t->header_pending = FALSE;
  DcnPicture *picture = dcn_mpeg2_extractor_begin_picture(t->extractor, &t->header, &second);
  if (!picture)
    return;
  t->open = TRUE;
  if (!second) {
    t->pictures[t->n_pictures++] = picture;
    return;
  }
  if (picture != t->pictures[t->n_pictures - 1])
    abort();
  dcn_picture_unref(picture);
}

static void
end(Target *t)
{
  if (t->open)
    dcn_mpeg2_extractor_end_picture(t->extractor);
  t->open = FALSE;
}

static void
extension(Target *t, const uint8_t *unit, size_t size)
{
  if (bits(unit, size, 32, 4) == 1) {
    t->sequence.mpeg1 = FALSE;
    t->sequence.progressive_sequence = bits(unit, size, 44, 1);
    t->sequence.chroma_format = bits(unit, size, 45, 2);
  } else if (bits(unit, size, 32, 4) == 5) {
    t->sequence.scalable = TRUE;
  } else if (bits(unit, size, 32, 4) == 8) {
    DcnMpeg2PictureHeader *h = &t->header;
    for (int i = 0; i < 4; i++)
      h->f_code[i / 2][i % 2] = bits(unit, size, 36 + 4 * (size_t)i, 4);
    h->intra_dc_precision = bits(unit, size, 52, 2);
    h->picture_structure = bits(unit, size, 54, 2);
    h->top_field_first = bits(unit, size, 56, 1);
    h->frame_pred_frame_dct = bits(unit, size, 57, 1);
    h->concealment_motion_vectors = bits(unit, size, 58, 1);
    h->q_scale_type = bits(unit, size, 59, 1);
    h->intra_vlc_format = bits(unit, size, 60, 1);
    h->alternate_scan = bits(unit, size, 61, 1);
    h->progressive_frame = bits(unit, size, 64, 1);
  }
}

static void
unit(Target *t, const uint8_t *data, size_t size)
{
  int code = data[3];
  if (code >= 1 && code <= 0xaf) {
    begin(t);
    dcn_mpeg2_extractor_slice(t->extractor, data, size);
    return;
  }
  end(t);
  if (code == 0xb3) {
    /* Up to 511 samples, or a picture takes longer than its bits are worth. */
    t->sequence = (DcnMpeg2Sequence){.mpeg1 = TRUE,
                                     .horizontal_size = bits(data, size, 32, 12) & 511,
                                     .vertical_size = bits(data, size, 44, 12) & 511,
                                     .chroma_format = 1,
                                     .progressive_sequence = TRUE};
    t->sequence_pending = TRUE;
  } else if (code == 0xb5) {
    extension(t, data, size);
  } else if (code == 0xb7) {
    dcn_mpeg2_extractor_reset(t->extractor);
  } else if (code == 0) {
    if (t->sequence_pending)
      dcn_mpeg2_extractor_set_sequence(t->extractor, &t->sequence, NULL);
    t->sequence_pending = FALSE;
    t->header = (DcnMpeg2PictureHeader){.temporal_reference = bits(data, size, 32, 10),
                                        .picture_coding_type = bits(data, size, 42, 3),
                                        .picture_structure = 3,
                                        .frame_pred_frame_dct = TRUE,
                                        .full_pel_forward_vector = bits(data, size, 61, 1),
                                        .full_pel_backward_vector = bits(data, size, 65, 1)};
    for (int i = 0; i < 4; i++)
      t->header.f_code[i / 2][i % 2] = bits(data, size, i < 2 ? 62 : 66, 3);
    t->header_pending = TRUE;
  }
}

static void
check(const DcnPicture *picture)
{
  if (!picture->complete || picture->known != (picture->unknown_reason == NULL))
    abort();
  for (int i = 0; i < picture->rows * picture->cols; i++) {
    if (picture->known ? picture->born[i] > picture->number : picture->born[i] != picture->number)
      abort();
  }
  for (guint i = 0; i < picture->vectors->len; i++) {
    const DcnVector *v = &g_array_index(picture->vectors, DcnVector, i);
    if ((v->ref_number > picture->number && v->ref_number != DCN_NUMBER_NONE) || v->direction > 1 ||
        v->field > 2 || v->ref_field > 2 || v->x >= picture->coded_width || v->w != 16 ||
        (v->h != 16 && v->h != 32))
      abort();
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  Target t = {.extractor = dcn_mpeg2_extractor_new()};
  size_t start = SIZE_MAX;
  for (size_t i = 0; i + 4 <= size; i++) {
    if (data[i] || data[i + 1] || data[i + 2] != 1)
      continue;
    if (start != SIZE_MAX)
      unit(&t, data + start, i - start);
    start = i;
    i += 3;
  }
  if (start != SIZE_MAX)
    unit(&t, data + start, size - start);
  /* Frees finish what is open, so all are complete then. */
  dcn_mpeg2_extractor_free(t.extractor);
  for (int i = 0; i < t.n_pictures; i++) {
    check(t.pictures[i]);
    dcn_picture_unref(t.pictures[i]);
  }
  return 0;
}
