/* deltacnn: the MPEG-2 and MPEG-1 extractor: sequences, pictures, references.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mpeg2/mpeg2.h"

struct _DcnMpeg2Extractor {
  uint64_t epoch;
  uint32_t number;
  gboolean have_sequence;
  DcnMpeg2Sequence sequence;
  DcnPicture *current;
};

DcnMpeg2Extractor *
dcn_mpeg2_extractor_new(void)
{
  DcnMpeg2Extractor *extractor = g_new0(DcnMpeg2Extractor, 1);
  extractor->epoch = dcn_epoch_new();
  return extractor;
}

void
dcn_mpeg2_extractor_free(DcnMpeg2Extractor *extractor)
{
  if (!extractor)
    return;
  dcn_picture_unref(extractor->current);
  g_free(extractor);
}

void
dcn_mpeg2_extractor_reset(DcnMpeg2Extractor *extractor)
{
  extractor->epoch = dcn_epoch_new();
  extractor->number = 0;
}

gboolean
dcn_mpeg2_extractor_set_sequence(DcnMpeg2Extractor *extractor, const DcnMpeg2Sequence *sequence,
                                 GError **error)
{
  extractor->sequence = *sequence;
  extractor->have_sequence = TRUE;
  return TRUE;
}

DcnPicture *
dcn_mpeg2_extractor_begin_picture(DcnMpeg2Extractor *extractor, const DcnMpeg2PictureHeader *header,
                                  gboolean *second_field)
{
  if (!extractor->have_sequence)
    return NULL;
  if (second_field)
    *second_field = FALSE;
  dcn_picture_unref(extractor->current);
  extractor->current = dcn_picture_new(
      extractor->epoch, extractor->number++, (DcnPictureType)header->picture_coding_type,
      extractor->sequence.horizontal_size, extractor->sequence.vertical_size);
  return dcn_picture_ref(extractor->current);
}

void
dcn_mpeg2_extractor_slice(DcnMpeg2Extractor *extractor, const uint8_t *data, size_t size)
{
}

void
dcn_mpeg2_extractor_end_picture(DcnMpeg2Extractor *extractor)
{
  if (!extractor->current)
    return;
  dcn_picture_set_unknown(extractor->current, "the macroblock layer is not read yet");
  g_atomic_int_set(&extractor->current->complete, 1);
  g_clear_pointer(&extractor->current, dcn_picture_unref);
}
