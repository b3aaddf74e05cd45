/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The header layer of MPEG-2 (ISO/IEC 13818-2 6.2.2, 6.2.3) and MPEG-1 video (ISO/IEC 11172-2 2.4.2).
 *
 * Anything out of order is handed on as a picture that is not known, never as one that is: a header that the
 * decoder may read in another way than we do would make every claim after it worthless.
 */
#include "mpeg2headers.h"

#define GST_USE_UNSTABLE_API
#include <gst/codecparsers/gstmpegvideoparser.h>
#include <string.h>
#include "mpeg2/mpeg2.h"

GST_DEBUG_CATEGORY_EXTERN (gst_delta_extract_debug);
#define GST_CAT_DEFAULT gst_delta_extract_debug

/* table 6-1, and the extensions of table 6-2 */
enum
{
  PICTURE_START_CODE = 0x00,
  SLICE_MIN = 0x01,
  SLICE_MAX = 0xaf,
  USER_DATA_START_CODE = 0xb2,
  SEQUENCE_HEADER_CODE = 0xb3,
  SEQUENCE_ERROR_CODE = 0xb4,
  EXTENSION_START_CODE = 0xb5,
  SEQUENCE_END_CODE = 0xb7,
  GROUP_START_CODE = 0xb8
};

enum
{
  SEQUENCE_EXTENSION_ID = 1,
  SEQUENCE_DISPLAY_EXTENSION_ID = 2,
  QUANT_MATRIX_EXTENSION_ID = 3,
  COPYRIGHT_EXTENSION_ID = 4,
  SEQUENCE_SCALABLE_EXTENSION_ID = 5,
  PICTURE_DISPLAY_EXTENSION_ID = 7,
  PICTURE_CODING_EXTENSION_ID = 8,
  PICTURE_SPATIAL_SCALABLE_EXTENSION_ID = 9,
  PICTURE_TEMPORAL_SCALABLE_EXTENSION_ID = 10
};

struct _DeltaMpeg2
{
  DcnMpeg2Extractor *extractor;

  /* a sequence header waits here for its extensions, possibly in a later buffer */
  gboolean sequence_pending;
  gboolean sequence_bad;
  DcnMpeg2Sequence sequence;
  gboolean have_sequence;       /* the extractor has one */
  guint aspect_ratio_information;

  /* a picture header waits here for its extension; cleared when its first slice comes */
  gboolean picture_pending;
  gboolean picture_bad;         /* headers that contradict each other */
  gboolean picture_extended;    /* the picture coding extension was read */
  DcnMpeg2PictureHeader header;

  DcnPicture *picture;          /* begun, not yet ended; owned */
  gboolean picture_second;

  DcnPicture *half;             /* a first field that waits for its second one; owned */
  gboolean pairing_lost;        /* see pair_fields() */

  /* of the buffer being parsed */
  gsize buffer_size;
  gboolean slice_seen;          /* since the last picture header */
  gboolean slices_end;          /* something else followed them */
};

DeltaMpeg2 *
delta_mpeg2_new (void)
{
  DeltaMpeg2 *self = g_new0 (DeltaMpeg2, 1);

  self->extractor = dcn_mpeg2_extractor_new ();
  return self;
}

void
delta_mpeg2_free (DeltaMpeg2 * self)
{
  if (!self)
    return;
  dcn_mpeg2_extractor_free (self->extractor);
  dcn_picture_unref (self->picture);
  dcn_picture_unref (self->half);
  g_free (self);
}

void
delta_mpeg2_reset (DeltaMpeg2 * self)
{
  if (self->picture)
    dcn_mpeg2_extractor_end_picture (self->extractor);
  g_clear_pointer (&self->picture, dcn_picture_unref);
  if (self->half)
    self->pairing_lost = TRUE;
  g_clear_pointer (&self->half, dcn_picture_unref);
  self->picture_pending = FALSE;
  self->sequence_pending = FALSE;
  dcn_mpeg2_extractor_reset (self->extractor);
}

void
delta_mpeg2_new_caps (DeltaMpeg2 * self)
{
  dcn_mpeg2_extractor_new_decoder (self->extractor);
}

/* Decoders pair fields as they come: after one that lost its partner they may take every first field for a
 * second one, until a header before a group of pictures or a frame picture sets them right.  Until then field
 * pictures are not known. */
static void
pair_fields (DeltaMpeg2 * self)
{
  gboolean field = self->header.picture_structure !=
      GST_MPEG_VIDEO_PICTURE_STRUCTURE_FRAME;
  gboolean complete = g_atomic_int_get (&self->picture->complete) != 0;

  if (!field && self->picture->known)
    self->pairing_lost = FALSE;
  else if (!self->picture->known || (self->half && self->half != self->picture))
    self->pairing_lost = TRUE;
  g_clear_pointer (&self->half, dcn_picture_unref);
  if (!complete)
    self->half = dcn_picture_ref (self->picture);
}

/* A sequence or group of pictures header: a decoder starts a frame with the next field whatever came before. */
static void
restart_pairing (DeltaMpeg2 * self)
{
  g_clear_pointer (&self->half, dcn_picture_unref);
  self->pairing_lost = FALSE;
  /* the same one once more changes nothing but that */
  if (self->have_sequence)
    dcn_mpeg2_extractor_set_sequence (self->extractor, &self->sequence, NULL);
}

/* A start code and what follows it up to the next one, in the form the codec parsers take. */
static gboolean
next_packet (const guint8 * data, gsize size, gsize * position,
    GstMpegVideoPacket * packet)
{
  gsize i, end;

  for (i = *position;; i++) {
    const guint8 *one;

    if (size < 4 || i > size - 4)
      return FALSE;
    one = memchr (data + i + 2, 1, size - 3 - i);
    if (!one)
      return FALSE;
    i = one - data - 2;
    if (data[i] == 0 && data[i + 1] == 0)
      break;
  }

  end = size;
  for (gsize k = i + 4; k + 3 <= size; k++) {
    const guint8 *one = memchr (data + k + 2, 1, size - 2 - k);

    if (!one)
      break;
    k = one - data - 2;
    if (data[k] == 0 && data[k + 1] == 0) {
      end = k;
      break;
    }
  }

  packet->data = data;
  packet->type = data[i + 3];
  packet->offset = i + 4;
  packet->size = end - (i + 4);
  *position = end;
  return TRUE;
}

/* 6.2.2.1 */
static void
sequence_header (DeltaMpeg2 * self, const GstMpegVideoPacket * packet)
{
  GstMpegVideoSequenceHdr hdr;

  memset (&self->sequence, 0, sizeof (self->sequence));
  self->sequence_pending = TRUE;
  self->sequence_bad =
      !gst_mpeg_video_packet_parse_sequence_header (packet, &hdr);
  if (self->sequence_bad)
    return;
  /* libavcodec drops its pictures and starts anew where the aspect ratio changes */
  if (self->have_sequence
      && self->aspect_ratio_information != hdr.aspect_ratio_info)
    dcn_mpeg2_extractor_reset (self->extractor);
  self->aspect_ratio_information = hdr.aspect_ratio_info;
  self->sequence.mpeg1 = TRUE;  /* until its extension comes */
  self->sequence.horizontal_size = hdr.width;
  self->sequence.vertical_size = hdr.height;
  self->sequence.chroma_format = GST_MPEG_VIDEO_CHROMA_420;
  self->sequence.progressive_sequence = TRUE;
}

/* 6.2.2.3: the size's upper two bits are in the extension */
static void
sequence_extension (DeltaMpeg2 * self, const GstMpegVideoPacket * packet)
{
  GstMpegVideoSequenceExt ext;

  if (!self->sequence.mpeg1 ||
      !gst_mpeg_video_packet_parse_sequence_extension (packet, &ext)) {
    self->sequence_bad = TRUE;
    return;
  }
  self->sequence.mpeg1 = FALSE;
  self->sequence.horizontal_size =
      (self->sequence.horizontal_size & 0xfff) | (ext.horiz_size_ext << 12);
  self->sequence.vertical_size =
      (self->sequence.vertical_size & 0xfff) | (ext.vert_size_ext << 12);
  self->sequence.chroma_format = ext.chroma_format;
  self->sequence.progressive_sequence = ext.progressive;
}

/* What a decoder makes of the headers cannot be known: nothing is understood until the next good sequence header. */
static void
forget_sequence (DeltaMpeg2 * self)
{
  self->have_sequence = FALSE;
  dcn_mpeg2_extractor_forget_sequence (self->extractor);
}

/* The sequence header and its extensions are complete: another start code came. */
static void
commit_sequence (DeltaMpeg2 * self)
{
  GError *error = NULL;

  if (!self->sequence_pending)
    return;
  self->sequence_pending = FALSE;
  if (!self->sequence_bad &&
      dcn_mpeg2_extractor_set_sequence (self->extractor, &self->sequence,
          &error)) {
    self->have_sequence = TRUE;
    return;
  }
  GST_WARNING ("sequence header not usable: %s",
      error ? error->message : "broken syntax");
  g_clear_error (&error);
  forget_sequence (self);
}

/* 6.2.3 */
static void
picture_header (DeltaMpeg2 * self, const GstMpegVideoPacket * packet)
{
  GstMpegVideoPictureHdr hdr;
  DcnMpeg2PictureHeader *h = &self->header;

  memset (h, 0, sizeof (*h));
  self->picture_pending = TRUE;
  self->picture_extended = FALSE;
  self->picture_bad =
      !gst_mpeg_video_packet_parse_picture_header (packet, &hdr);
  if (self->picture_bad)
    return;
  h->temporal_reference = hdr.tsn;
  h->picture_coding_type = hdr.pic_type;
  h->full_pel_forward_vector = hdr.full_pel_forward_vector;
  h->full_pel_backward_vector = hdr.full_pel_backward_vector;
  for (int s = 0; s < 2; s++)
    h->f_code[s][0] = h->f_code[s][1] = hdr.f_code[s][0];
  /* ISO/IEC 11172-2 has frames only; the values stand where no extension follows */
  h->picture_structure = GST_MPEG_VIDEO_PICTURE_STRUCTURE_FRAME;
  h->frame_pred_frame_dct = TRUE;
  h->progressive_frame = TRUE;
}

/* 6.2.3.1 */
static void
picture_coding_extension (DeltaMpeg2 * self, const GstMpegVideoPacket * packet)
{
  GstMpegVideoPictureExt ext;
  DcnMpeg2PictureHeader *h = &self->header;

  if (self->picture_extended ||
      !gst_mpeg_video_packet_parse_picture_extension (packet, &ext)) {
    self->picture_bad = TRUE;
    return;
  }
  self->picture_extended = TRUE;
  for (int s = 0; s < 2; s++)
    for (int t = 0; t < 2; t++)
      h->f_code[s][t] = ext.f_code[s][t];
  h->intra_dc_precision = ext.intra_dc_precision;
  h->picture_structure = ext.picture_structure;
  h->top_field_first = ext.top_field_first;
  h->frame_pred_frame_dct = ext.frame_pred_frame_dct;
  h->concealment_motion_vectors = ext.concealment_motion_vectors;
  h->q_scale_type = ext.q_scale_type;
  h->intra_vlc_format = ext.intra_vlc_format;
  h->alternate_scan = ext.alternate_scan;
  h->progressive_frame = ext.progressive_frame;
}

static void
extension (DeltaMpeg2 * self, const GstMpegVideoPacket * packet)
{
  guint id = packet->size > 0 ? packet->data[packet->offset] >> 4 : 0;

  switch (id) {
    case SEQUENCE_EXTENSION_ID:
      if (self->sequence_pending)
        sequence_extension (self, packet);
      else if (self->picture_pending)
        self->picture_bad = TRUE;
      else
        forget_sequence (self); /* libavcodec obeys it, whatever it stands behind */
      break;
    case SEQUENCE_SCALABLE_EXTENSION_ID:
      if (self->sequence_pending)
        self->sequence.scalable = TRUE;
      else
        self->picture_bad = TRUE;
      break;
    case PICTURE_CODING_EXTENSION_ID:
      if (self->picture_pending)
        picture_coding_extension (self, packet);
      /* ISO/IEC 11172-2 has none; libavcodec keeps what it says until the next sequence header */
      if (self->have_sequence && self->sequence.mpeg1)
        forget_sequence (self);
      break;
    case PICTURE_SPATIAL_SCALABLE_EXTENSION_ID:
    case PICTURE_TEMPORAL_SCALABLE_EXTENSION_ID:
      self->picture_bad = TRUE;
      break;
    default:
      /* display, matrices, copyright, camera: no prediction depends on them (a matrix changes the value of a
       * residual, and a block with a residual is born anew whatever its value) */
      break;
  }
}

/* The picture's headers are complete: its first slice came, or there is none.  FALSE where there is no picture. */
static gboolean
begin_picture (DeltaMpeg2 * self)
{
  if (!self->picture_pending)
    return self->picture != NULL;
  self->picture_pending = FALSE;
  if (!self->have_sequence)
    return FALSE;
  /* 6.1.1: every picture of ISO/IEC 13818-2 has the extension, none of ISO/IEC 11172-2 */
  if (self->picture_extended == self->sequence.mpeg1)
    self->picture_bad = TRUE;
  if (self->pairing_lost && self->header.picture_structure !=
      GST_MPEG_VIDEO_PICTURE_STRUCTURE_FRAME)
    self->picture_bad = TRUE;
  /* libavcodec takes so short a buffer for damaged and leaves the picture out.  Every macroblock of a row but two
   * may be skipped, so that rows of slices never are that short; MPEG-1 slices over many rows could be. */
  if (self->buffer_size <
      (gsize) ((self->sequence.horizontal_size + 15) / 16) *
      ((self->sequence.vertical_size + 15) / 16) / 48 + 1)
    self->picture_bad = TRUE;
  if (self->picture_bad)
    self->header.picture_structure = 0; /* forbidden value: makes a picture that is not known */
  self->picture = dcn_mpeg2_extractor_begin_picture (self->extractor,
      &self->header, &self->picture_second);
  return self->picture != NULL;
}

static void
end_picture (DeltaMpeg2 * self, DeltaResult * result)
{
  if (self->picture_pending && !begin_picture (self)) {
    result->reason = "no sequence header";
    result->pictures++;
    return;
  }
  if (!self->picture)
    return;
  dcn_mpeg2_extractor_end_picture (self->extractor);

  delta_result_add (result, self->picture, self->picture_second);
  pair_fields (self);
  g_clear_pointer (&self->picture, dcn_picture_unref);
}

/* mpegvideoparse leaves the first group of pictures header at the end of the buffer before in some streams, and
 * libavcodec passes over it there.  It says nothing that matters here but how fields pair. */
static void
group_header (DeltaMpeg2 * self, const DeltaResult * result)
{
  if (result->pictures == 0)
    restart_pairing (self);
  else if (self->half)
    self->pairing_lost = TRUE;
}

static void
parse (DeltaMpeg2 * self, const guint8 * data, gsize size, DeltaResult * result)
{
  GstMpegVideoPacket packet;
  gsize position = 0;

  memset (result, 0, sizeof (*result));
  self->buffer_size = size;
  self->slice_seen = self->slices_end = FALSE;

  while (next_packet (data, size, &position, &packet)) {
    switch (packet.type) {
      case SEQUENCE_HEADER_CODE:
        end_picture (self, result);
        commit_sequence (self);
        /* some decoders obey it behind a picture, others pass over it */
        if (result->pictures)
          result->reason = "sequence header behind a picture";
        restart_pairing (self);
        sequence_header (self, &packet);
        break;
      case EXTENSION_START_CODE:
        /* libavcodec with slice threads reads the picture's first slices from here then */
        if (self->slice_seen)
          result->reason = "extension behind a slice";
        extension (self, &packet);
        break;
      case USER_DATA_START_CODE:
        self->slices_end = self->slice_seen;
        break;
      case PICTURE_START_CODE:
        end_picture (self, result);
        commit_sequence (self);
        if (result->pictures > 1) {
          /* No more: a picture takes memory by its size, not by its bytes.  What else the buffer holds is not
           * known then. */
          self->have_sequence = FALSE;
          return;
        }
        self->slice_seen = self->slices_end = FALSE;
        picture_header (self, &packet);
        break;
      case GROUP_START_CODE:
        end_picture (self, result);
        commit_sequence (self);
        group_header (self, result);
        break;
      case SEQUENCE_END_CODE:
        /* a decoder may let go of its references here */
        end_picture (self, result);
        commit_sequence (self);
        self->pairing_lost |= self->half != NULL;
        g_clear_pointer (&self->half, dcn_picture_unref);
        dcn_mpeg2_extractor_reset (self->extractor);
        break;
      case SEQUENCE_ERROR_CODE:
        end_picture (self, result);
        commit_sequence (self);
        break;
      default:
        if (packet.type > SLICE_MAX) {  /* system start codes do not belong here; decoders skip them */
          self->slices_end = self->slice_seen;
          break;
        }
        commit_sequence (self);
        /* each of libavcodec's slice threads ends at the first start code that is no slice's, or goes on behind it:
         * by where it began */
        if (self->slices_end)
          result->reason = "start code between slices";
        self->slice_seen = TRUE;
        if (begin_picture (self))
          dcn_mpeg2_extractor_slice (self->extractor,
              data + packet.offset - 4, (size_t) packet.size + 4);
        else if (!result->reason)
          result->reason = "slice without a picture header";
        break;
    }
  }
  end_picture (self, result);
}

void
delta_mpeg2_headers (DeltaMpeg2 * self, const guint8 * data, gsize size)
{
  DeltaResult result;

  parse (self, data, size, &result);
  commit_sequence (self);
  if (result.pictures)
    dcn_mpeg2_extractor_reset (self->extractor);
  dcn_picture_unref (result.picture);
}

void
delta_mpeg2_buffer (DeltaMpeg2 * self, const guint8 * data, gsize size,
    DeltaResult * result)
{
  parse (self, data, size, result);
  if (!delta_result_settle (result))
    dcn_mpeg2_extractor_reset (self->extractor);
}
