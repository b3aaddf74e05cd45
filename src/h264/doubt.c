/* deltacnn: when nobody knows which pictures decoders of H.264 hold, and what is claimed then.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The map must hold for what decoders really put out.  A stream that is as it should be has one meaning; where something is
 * lost, damaged or not understood, decoders conceal, drop or go on as they like, and for a while nobody knows which pictures
 * they hold for reference.  So any such event ends the epoch and leaves the references in doubt: pictures are not known until
 * every decoder must hold the same ones again, which is
 *   - at an IDR picture, or
 *   - when max_num_ref_frames frames have been decoded since, all understood and short-term: no decoder has room for another
 *     then (8.2.5.3).
 * After a loss of data a decoder may skip all that comes before an I picture or a recovery point, so that these frames count
 * from there on only.  Frames decoded in between are themselves not known, but what later pictures copy from one of them is
 * the same for all that do: they are numbered like others.
 *
 * Two things outlast an IDR picture, in libavcodec: fields that lost their partner (extractor.c asks for field_was_lost), and
 * coefficients left over from damaged CAVLC data. */
#include "h264/doubt.h"

void
dcn_h264_doubt_raise(DcnH264Doubt *doubt, DcnH264Dpb *dpb)
{
  doubt->epoch_is_over = TRUE;
  doubt->in_doubt = TRUE;
  for (int i = 0; i < dpb->n_frames; i++)
    dpb->frames[i]->clean = FALSE;
}

void
dcn_h264_doubt_start(DcnH264Doubt *doubt, DcnH264Dpb *dpb)
{
  doubt->wait_for_start = TRUE;
  dcn_h264_doubt_raise(doubt, dpb);
}

/* Where CAVLC residual data breaks off in the middle of a macroblock, libavcodec keeps what it has read of it, and adds it to
 * the next macroblock it reconstructs with the same context, be that skipped and in a picture behind the next IDR picture:
 * each of its threads has a context of its own, and takes each n-th picture.  Samples of I_PCM leave the coefficients
 * waiting.  So many pictures in turn without any, and they are gone from as many threads. */
#define LEFTOVER_PICTURES 64

void
dcn_h264_doubt_leftovers(DcnH264Doubt *doubt)
{
  doubt->leftovers = LEFTOVER_PICTURES;
}

static gboolean
has_pcm(const DcnH264Macroblocks *m)
{
  for (int i = 0; i < m->mb_width * m->mb_height; i++)
    if (m->mbs[i].type == DCN_H264_MB_I_PCM)
      return TRUE;
  return FALSE;
}

void
dcn_h264_doubt_markings(DcnH264Doubt *doubt, const DcnH264SliceHeader *header)
{
  if (dcn_h264_idr(header))
    doubt->long_term_used = header->long_term_reference_flag;
  for (int i = 0; i < header->n_markings; i++)
    doubt->long_term_used |= header->markings[i].memory_management_control_operation == 3 ||
                             header->markings[i].memory_management_control_operation == 6;
}

void
dcn_h264_doubt_end_picture(DcnH264Doubt *doubt, DcnH264Dpb *dpb, DcnH264Coded *coded,
                           DcnH264MapPool *pool)
{
  DcnH264Frame *frame = coded->frame;
  DcnPicture *picture = frame->picture;
  gboolean start =
      dcn_h264_idr(&coded->header) || picture->type == DCN_PICTURE_I || doubt->recovery_point;
  if (!coded->second_field)
    doubt->recovery_point = FALSE;
  if (coded->error) {
    if (picture->known)
      dcn_picture_set_unknown(picture, coded->error);
    frame->clean = FALSE;
    if (coded->map)
      dcn_h264_map_give(pool, coded->map);
    dcn_h264_doubt_raise(doubt, dpb);
  } else if (dcn_h264_idr(&coded->header)) {
    /* 8.2.5.1: no other reference is left. */
    doubt->in_doubt = doubt->wait_for_start = FALSE;
  } else if (doubt->wait_for_start) {
    if (start)
      doubt->wait_for_start = FALSE;
    else
      frame->clean = FALSE;
  }
  if (doubt->in_doubt && picture->known)
    dcn_picture_set_unknown(picture, "references are in doubt");
  if (coded->error && doubt->cavlc)
    dcn_h264_doubt_leftovers(doubt);
  if (doubt->leftovers > 0) {
    if (picture->known)
      dcn_picture_set_unknown(picture, "coefficients of a damaged picture may be left");
    if (!coded->error)
      doubt->leftovers = has_pcm(&coded->macroblocks) ? LEFTOVER_PICTURES : doubt->leftovers - 1;
  }
}

/* Whether the pictures held for reference are certain again: those of before have all been pushed out, which does not happen
 * to long-term ones that a decoder may hold. */
void
dcn_h264_doubt_settle(DcnH264Doubt *doubt, const DcnH264Dpb *dpb)
{
  if (!doubt->in_doubt || doubt->long_term_used || dpb->n_frames < MAX(dpb->max_num_ref_frames, 1))
    return;
  for (int i = 0; i < dpb->n_frames; i++) {
    const DcnH264Frame *frame = dpb->frames[i];
    if (!frame->picture || !frame->clean || frame->long_term || frame->short_term != DCN_H264_FRAME)
      return;
  }
  doubt->in_doubt = FALSE;
}
