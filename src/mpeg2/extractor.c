/* deltacnn: the MPEG-2 and MPEG-1 extractor: sequences, pictures, field pairs, references.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The map must hold for what decoders really put out, so this file also says how a decoder behaves
 * on streams that are not right.  Two rules cover it:
 *   - a damaged or odd picture that may be a reference ends the epoch: what the decoder makes of
 * it, whether it keeps it and which picture it then takes for a reference is left open.  The next
 * picture starts without references, so nothing is inherited across;
 *   - libavcodec pairs fields by counting, not by parity: after a field that is damaged, missing or
 * of the wrong kind it may pair every following field with the wrong one, until a sequence header,
 * a group of pictures header or a frame picture.  Of these this file is told of the first and the
 * last.  So long field pictures are not known. */
#include "mpeg2/decode.h"
#include "util/error.h"

struct _DcnMpeg2Extractor {
  uint64_t epoch;
  uint32_t number; /* of the next picture */
  gboolean have_sequence;
  DcnMpeg2Sequence sequence;
  /* libavcodec sets its output up anew with the first picture of another size, not when chroma_format alone
   * changes: it then goes on with the old one, and what comes out is not what the stream says.  These are
   * what it was set up with; output_chroma_format 0: not known. */
  int output_width, output_height, output_chroma_format;

  DcnPicture
      *reference[2]; /* the last two reference pictures in decode order, [1] the later; or NULL */
  gboolean epoch_is_over;   /* the next picture starts a new epoch */
  gboolean fields_in_doubt; /* how a decoder pairs fields is not known */
  gboolean after_header;    /* a sequence or group header came since the last picture */
  gboolean lost_reference;  /* the open or waiting picture predicts from one that is missing */
  gboolean at_header;       /* the open or waiting picture came right after such a header */

  DcnPicture *first_field; /* a picture that waits for its second field */
  DcnMpeg2PictureHeader first_field_header;

  DcnMpeg2Coded coded; /* the open coded picture, where picture_is_open */
  gboolean picture_is_open;
  uint32_t *first_field_born; /* [rows * cols] of the sequence's size; allocated with the first
                                 field picture */
  GArray *vectors;
};

DcnMpeg2Extractor *
dcn_mpeg2_extractor_new(void)
{
  DcnMpeg2Extractor *extractor = g_new0(DcnMpeg2Extractor, 1);
  extractor->epoch = dcn_epoch_new();
  extractor->vectors = g_array_new(FALSE, FALSE, sizeof(DcnVector));
  return extractor;
}

static void
forget_references(DcnMpeg2Extractor *extractor)
{
  g_clear_pointer(&extractor->reference[0], dcn_picture_unref);
  g_clear_pointer(&extractor->reference[1], dcn_picture_unref);
}

static void
new_epoch(DcnMpeg2Extractor *extractor)
{
  forget_references(extractor);
  extractor->epoch = dcn_epoch_new();
  extractor->number = 0;
  extractor->epoch_is_over = FALSE;
}

/* Gives up the picture whose second field did not come. */
static void
abandon_first_field(DcnMpeg2Extractor *extractor)
{
  if (!extractor->first_field)
    return;
  dcn_picture_set_unknown(extractor->first_field, "second field missing");
  g_atomic_int_set(&extractor->first_field->complete, 1);
  g_clear_pointer(&extractor->first_field, dcn_picture_unref);
  extractor->epoch_is_over = TRUE;
}

/* Gives up the open coded picture, which end_picture was not called for. */
static void
abandon_picture(DcnMpeg2Extractor *extractor)
{
  if (!extractor->picture_is_open)
    return;
  if (!extractor->coded.error)
    extractor->coded.error = "picture not ended";
  dcn_mpeg2_extractor_end_picture(extractor);
}

void
dcn_mpeg2_extractor_reset(DcnMpeg2Extractor *extractor)
{
  abandon_picture(extractor);
  abandon_first_field(extractor);
  extractor->fields_in_doubt = FALSE;
  extractor->after_header = FALSE;
  new_epoch(extractor);
}

void
dcn_mpeg2_extractor_free(DcnMpeg2Extractor *extractor)
{
  if (!extractor)
    return;
  abandon_picture(extractor);
  abandon_first_field(extractor);
  forget_references(extractor);
  g_array_unref(extractor->vectors);
  g_free(extractor->first_field_born);
  g_free(extractor);
}

/* With the first picture of this size. */
static void
set_up_output(DcnMpeg2Extractor *extractor, int chroma_format)
{
  if (extractor->output_width == extractor->sequence.horizontal_size &&
      extractor->output_height == extractor->sequence.vertical_size)
    return;
  extractor->output_width = extractor->sequence.horizontal_size;
  extractor->output_height = extractor->sequence.vertical_size;
  extractor->output_chroma_format = chroma_format;
}

void
dcn_mpeg2_extractor_new_decoder(DcnMpeg2Extractor *extractor)
{
  extractor->output_width = extractor->output_height = 0;
}

void
dcn_mpeg2_extractor_forget_sequence(DcnMpeg2Extractor *extractor)
{
  dcn_mpeg2_extractor_reset(extractor);
  if (extractor->have_sequence)
    set_up_output(extractor, 0);
}

static gboolean
same_sequence(const DcnMpeg2Sequence *a, const DcnMpeg2Sequence *b)
{
  return a->mpeg1 == b->mpeg1 && a->horizontal_size == b->horizontal_size &&
         a->vertical_size == b->vertical_size && a->chroma_format == b->chroma_format &&
         a->progressive_sequence == b->progressive_sequence && a->scalable == b->scalable;
}

gboolean
dcn_mpeg2_extractor_set_sequence(DcnMpeg2Extractor *extractor, const DcnMpeg2Sequence *sequence,
                                 GError **error)
{
  if (sequence->horizontal_size < 1 || sequence->horizontal_size > 16384 ||
      sequence->vertical_size < 1 || sequence->vertical_size > 16384) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "The sequence header gives a picture size of %d x %d; 1 to 16384 is possible.",
                sequence->horizontal_size, sequence->vertical_size);
    return FALSE;
  }
  DcnMpeg2Sequence wanted = *sequence;
  if (wanted.mpeg1) {
    wanted.chroma_format = 1;
    wanted.progressive_sequence = TRUE;
    wanted.scalable = FALSE;
  }
  wanted.mpeg1 = !!wanted.mpeg1;
  wanted.progressive_sequence = !!wanted.progressive_sequence;
  wanted.scalable = !!wanted.scalable;
  if (wanted.chroma_format < 1 || wanted.chroma_format > 3) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "The sequence extension gives chroma_format %d; 1 to 3 is possible.",
                wanted.chroma_format);
    return FALSE;
  }

  /* libavcodec takes the next field for a first one. */
  abandon_picture(extractor);
  abandon_first_field(extractor);
  extractor->fields_in_doubt = FALSE;
  extractor->after_header = TRUE;
  if (extractor->have_sequence && same_sequence(&extractor->sequence, &wanted))
    return TRUE;
  extractor->sequence = wanted;
  extractor->have_sequence = TRUE;
  g_clear_pointer(&extractor->first_field_born, g_free);
  new_epoch(extractor);
  return TRUE;
}

/* Why a picture with this header cannot be known, or NULL. */
static const char *
header_error(const DcnMpeg2Sequence *sequence, const DcnMpeg2PictureHeader *header)
{
  int type = header->picture_coding_type;
  if (sequence->scalable)
    return "scalable extension";
  if (type < DCN_MPEG2_I || type > (sequence->mpeg1 ? DCN_MPEG2_D : DCN_MPEG2_B))
    return "forbidden picture_coding_type";
  if (header->picture_structure < DCN_MPEG2_TOP_FIELD ||
      header->picture_structure > DCN_MPEG2_FRAME)
    return "reserved picture_structure";
  if (header->picture_structure != DCN_MPEG2_FRAME) {
    if (sequence->progressive_sequence)
      return "field picture in a progressive sequence";
    if (header->progressive_frame)
      return "field picture that is a progressive frame";
  }
  if (sequence->progressive_sequence && !header->frame_pred_frame_dct)
    return "frame_pred_frame_dct is zero in a progressive sequence";
  /* libavcodec goes by rows of macroblocks, not lines, to tell whether slices carry their
   * position's extension; where an odd number of field rows makes the two differ, its reading is
   * not the standard's. */
  if (!sequence->mpeg1 && sequence->vertical_size <= 2800 && !sequence->progressive_sequence &&
      2 * ((sequence->vertical_size + 31) / 32) > 2800 / 16)
    return "height at which decoders differ";
  return NULL;
}

/* Whether a field picture with this header completes the frame of the first
 * field: 6.1.1.4.1, 6.3.9, 6.3.10. */
static gboolean
is_second_field(const DcnMpeg2PictureHeader *first, const DcnMpeg2PictureHeader *header)
{
  if (first->picture_structure + header->picture_structure != DCN_MPEG2_FRAME ||
      first->temporal_reference != header->temporal_reference)
    return FALSE;
  return header->picture_coding_type == first->picture_coding_type ||
         (first->picture_coding_type == DCN_MPEG2_I && header->picture_coding_type == DCN_MPEG2_P);
}

static gboolean
prepare_first_field(DcnMpeg2Extractor *extractor, const DcnPicture *picture)
{
  size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
  if (!extractor->first_field_born)
    extractor->first_field_born = g_try_new(uint32_t, blocks);
  if (!extractor->first_field_born)
    return FALSE;
  memset(extractor->first_field_born, 0xff, blocks * sizeof *extractor->first_field_born);
  return TRUE;
}

/* A new picture for a frame or a first field. */
static DcnPicture *
new_picture(DcnMpeg2Extractor *extractor, int type)
{
  /* The last number is DCN_NUMBER_NONE. */
  if (extractor->epoch_is_over || extractor->number >= DCN_NUMBER_NONE - 1)
    new_epoch(extractor);
  DcnPicture *picture = dcn_picture_new(
      extractor->epoch, extractor->number,
      type >= DCN_MPEG2_I && type <= DCN_MPEG2_D ? (DcnPictureType)type : DCN_PICTURE_UNKNOWN,
      extractor->sequence.horizontal_size, extractor->sequence.vertical_size);
  if (!picture) {
    extractor->epoch_is_over = TRUE;
    return NULL;
  }
  extractor->number++;
  return picture;
}

static void
open_picture(DcnMpeg2Extractor *extractor, DcnPicture *picture, const DcnMpeg2PictureHeader *header,
             gboolean second_field, const char *reason)
{
  const DcnMpeg2Sequence *sequence = &extractor->sequence;
  gboolean field = header->picture_structure != DCN_MPEG2_FRAME;
  static const int block_count[] = {0, 6, 8, 12};

  if (!second_field)
    g_array_set_size(extractor->vectors, 0);
  DcnMpeg2Coded *coded = &extractor->coded;
  *coded = (DcnMpeg2Coded){
      .tables = dcn_mpeg2_tables(),
      .sequence = sequence,
      .header = *header,
      .picture = picture,
      .mb_width = (sequence->horizontal_size + 15) / 16,
      .block_count = block_count[sequence->chroma_format],
      .second_field = second_field,
      .first_field_born = extractor->first_field_born,
      .vectors = extractor->vectors,
      .error = reason,
  };
  /* 6.3.3: mb_height */
  if (sequence->progressive_sequence)
    coded->mb_height = (sequence->vertical_size + 15) / 16;
  else
    coded->mb_height = (field ? 1 : 2) * ((sequence->vertical_size + 31) / 32);
  /* Both fields of a P frame see the reference before it (7.6.2.1); it moves on with the second. */
  if (header->picture_coding_type == DCN_MPEG2_P) {
    coded->reference[0] = extractor->reference[1];
  } else if (header->picture_coding_type == DCN_MPEG2_B) {
    coded->reference[0] = extractor->reference[0];
    coded->reference[1] = extractor->reference[1];
  }
  if (!second_field) {
    /* B pictures of a closed group do without the forward one. */
    extractor->lost_reference =
        header->picture_coding_type != DCN_MPEG2_I && !extractor->reference[1];
    extractor->at_header = extractor->after_header;
    extractor->after_header = FALSE;
  }
  extractor->picture_is_open = TRUE;
}

DcnPicture *
dcn_mpeg2_extractor_begin_picture(DcnMpeg2Extractor *extractor, const DcnMpeg2PictureHeader *header,
                                  gboolean *second_field)
{
  if (second_field)
    *second_field = FALSE;
  if (!extractor->have_sequence)
    return NULL;
  abandon_picture(extractor);

  DcnMpeg2PictureHeader wanted = *header;
  wanted.top_field_first = !!wanted.top_field_first;
  const char *reason = header_error(&extractor->sequence, &wanted);
  set_up_output(extractor, extractor->sequence.chroma_format);
  if (!reason && extractor->sequence.chroma_format != extractor->output_chroma_format)
    reason = "chroma_format changed without the size";
  gboolean field = wanted.picture_structure == DCN_MPEG2_TOP_FIELD ||
                   wanted.picture_structure == DCN_MPEG2_BOTTOM_FIELD;
  DcnPicture *picture = NULL;
  gboolean second = FALSE;
  if (!field) {
    abandon_first_field(extractor);
    /* A reserved structure or a field where none can be: a decoder may read it either way. */
    extractor->fields_in_doubt = reason && wanted.picture_structure != DCN_MPEG2_FRAME;
  } else {
    if (reason) {
      extractor->fields_in_doubt = TRUE;
    } else if (extractor->first_field && is_second_field(&extractor->first_field_header, &wanted)) {
      second = TRUE;
      picture = g_steal_pointer(&extractor->first_field);
    } else if (extractor->first_field) {
      reason = "field that does not belong to the one before";
      extractor->fields_in_doubt = TRUE;
    } else if (extractor->fields_in_doubt) {
      reason = "the pairing of fields is in doubt";
    }
    abandon_first_field(extractor);
  }

  if (!picture)
    picture = new_picture(extractor, wanted.picture_coding_type);
  if (!picture)
    return NULL;
  if (field && !second && !prepare_first_field(extractor, picture) && !reason)
    reason = "memory is short";
  open_picture(extractor, picture, &wanted, second, reason);
  if (second_field)
    *second_field = second;
  return dcn_picture_ref(picture);
}

void
dcn_mpeg2_extractor_slice(DcnMpeg2Extractor *extractor, const uint8_t *data, size_t size)
{
  if (extractor->picture_is_open && !extractor->coded.error)
    dcn_mpeg2_slice(&extractor->coded, data, size);
}

/* Where a P picture has nothing to refer to, or a B picture nothing behind it, libavcodec makes up
 * a grey frame, and that frame comes out, too, with all that came in with this picture; so nothing
 * may be equal to it.  The pictures predicted from a P picture like that may still be known, if the
 * decoder surely took it, as it does right after a header, and if it is whole: a stand-in in a new
 * epoch takes its place as their reference.  So streams without I pictures, refreshed by intra
 * slices, get to be known. */
static void
stand_in(DcnMpeg2Extractor *extractor, const DcnPicture *lost)
{
  new_epoch(extractor);
  DcnPicture *picture = dcn_picture_new(extractor->epoch, extractor->number, lost->type,
                                        lost->coded_width, lost->coded_height);
  if (!picture)
    return;
  extractor->number++;
  g_atomic_int_set(&picture->complete, 1);
  extractor->reference[1] = picture;
}

/* A frame is whole: it becomes visible, and a reference. */
static void
finish_picture(DcnMpeg2Extractor *extractor, DcnPicture *picture, int last_type)
{
  if (picture->known && extractor->lost_reference && last_type != DCN_MPEG2_D) {
    dcn_picture_set_unknown(picture, "no reference picture");
    g_atomic_int_set(&picture->complete, 1);
    if (last_type == DCN_MPEG2_P) {
      if (extractor->at_header)
        stand_in(extractor, picture);
      else
        extractor->epoch_is_over = TRUE;
    }
    dcn_picture_unref(picture);
    return;
  }
  if (picture->known)
    g_array_append_vals(picture->vectors, extractor->vectors->data, extractor->vectors->len);
  g_atomic_int_set(&picture->complete, 1);
  if (last_type == DCN_MPEG2_B) {
    dcn_picture_unref(picture);
  } else if (last_type == DCN_MPEG2_D || !picture->known) {
    /* D pictures: not to be referred to, and libavcodec drops them. */
    extractor->epoch_is_over = TRUE;
    dcn_picture_unref(picture);
  } else {
    dcn_picture_unref(extractor->reference[0]);
    extractor->reference[0] = extractor->reference[1];
    extractor->reference[1] = picture;
  }
}

void
dcn_mpeg2_extractor_end_picture(DcnMpeg2Extractor *extractor)
{
  if (!extractor->picture_is_open)
    return;
  extractor->picture_is_open = FALSE;
  DcnMpeg2Coded *coded = &extractor->coded;
  DcnPicture *picture = coded->picture;
  gboolean field = coded->header.picture_structure == DCN_MPEG2_TOP_FIELD ||
                   coded->header.picture_structure == DCN_MPEG2_BOTTOM_FIELD;

  if (!coded->error && coded->next_address < coded->mb_width * coded->mb_height)
    coded->error = "macroblocks missing";
  /* libavcodec drops a picture with fewer than 11 bits for 66 macroblocks of the frame.  Whole
   * pictures have more: skipping takes 11 bits for 33. */
  if (coded->error) {
    if (picture->known)
      dcn_picture_set_unknown(picture, coded->error);
    if (coded->header.picture_coding_type != DCN_MPEG2_B)
      extractor->epoch_is_over = TRUE;
    if (field) {
      extractor->fields_in_doubt = TRUE;
      extractor->epoch_is_over = TRUE;
    }
  }
  if (field && !coded->second_field && !extractor->fields_in_doubt) {
    extractor->first_field = picture;
    extractor->first_field_header = coded->header;
    return;
  }
  finish_picture(extractor, picture, coded->header.picture_coding_type);
}
