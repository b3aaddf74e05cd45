/* deltacnn: the H.264 extractor: pictures, field pairs, references, and when they are in doubt.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stream that is as it should be has one meaning, which is followed here; doubt.c decides what holds where something is lost,
 * damaged or not understood. */
#include "h264/doubt.h"
#include <string.h>

struct _DcnH264Extractor {
  uint64_t epoch;
  uint32_t number;   /* of the next picture */
  uint32_t frame_id; /* of the last frame, times 4 */

  gboolean have_sps;
  DcnH264Sps sps;
  DcnH264Dpb dpb;
  DcnH264MapPool pool;
  DcnH264PocState poc;
  gboolean have_prev_ref_frame_num;
  int prev_ref_frame_num;

  DcnH264Doubt doubt;

  DcnH264Frame *first_field; /* owned; waits for its second field */
  DcnH264SliceHeader first_field_header;

  DcnH264Coded coded;
  gboolean picture_is_open;
};

DcnH264Extractor *
dcn_h264_extractor_new(void)
{
  DcnH264Extractor *extractor = g_new0(DcnH264Extractor, 1);
  extractor->epoch = dcn_epoch_new();
  extractor->dpb.max_long_term_frame_idx = -1;
  dcn_h264_doubt_start(&extractor->doubt, &extractor->dpb);
  return extractor;
}

static void
doubt(DcnH264Extractor *extractor)
{
  dcn_h264_doubt_raise(&extractor->doubt, &extractor->dpb);
}

/* Gives up the picture whose second field did not come. */
static void
abandon_first_field(DcnH264Extractor *extractor)
{
  if (!extractor->first_field)
    return;
  dcn_picture_set_unknown(extractor->first_field->picture, "second field missing");
  g_atomic_int_set(&extractor->first_field->picture->complete, 1);
  extractor->first_field->clean = FALSE;
  g_clear_pointer(&extractor->first_field, dcn_h264_frame_unref);
  doubt(extractor);
}

/* Data of the picture is missing, or wrong. */
static void
damaged(DcnH264Extractor *extractor, const char *reason)
{
  dcn_h264_fail(&extractor->coded, reason);
  if (extractor->coded.header.field_pic_flag)
    extractor->doubt.field_was_lost = TRUE;
}

static void
abandon_picture(DcnH264Extractor *extractor)
{
  if (!extractor->picture_is_open)
    return;
  damaged(extractor, "picture not ended");
  dcn_h264_extractor_end_picture(extractor);
}

void
dcn_h264_extractor_reset(DcnH264Extractor *extractor)
{
  abandon_picture(extractor);
  abandon_first_field(extractor);
  dcn_h264_dpb_clear(&extractor->dpb);
  extractor->poc = (DcnH264PocState){0};
  extractor->have_prev_ref_frame_num = FALSE;
  extractor->doubt.recovery_point = FALSE;
  dcn_h264_doubt_start(&extractor->doubt, &extractor->dpb);
}

void
dcn_h264_extractor_free(DcnH264Extractor *extractor)
{
  if (!extractor)
    return;
  DcnH264Coded *coded = &extractor->coded;
  abandon_picture(extractor);
  abandon_first_field(extractor);
  dcn_h264_dpb_clear(&extractor->dpb);
  dcn_h264_map_pool_clear(&extractor->pool);
  dcn_h264_macroblocks_clear(&coded->macroblocks);
  g_free(coded->vectors);
  g_free(coded->copy);
  g_free(coded->filtered);
  g_free(coded->first_field_born);
  g_free(extractor);
}

void
dcn_h264_extractor_recovery_point(DcnH264Extractor *extractor)
{
  extractor->doubt.recovery_point = TRUE;
}

void
dcn_h264_extractor_fail(DcnH264Extractor *extractor, const char *reason)
{
  dcn_h264_doubt_leftovers(&extractor->doubt);
  if (extractor->picture_is_open)
    dcn_h264_fail(&extractor->coded, reason);
  else
    doubt(extractor);
}

void
dcn_h264_extractor_refuse(DcnH264Extractor *extractor, const char *reason)
{
  if (extractor->picture_is_open)
    dcn_h264_fail(&extractor->coded, reason);
}

/* ---- parameters ---- */

static gboolean
in_range(const DcnH264Sps *sps)
{
  return sps->pic_width_in_mbs_minus1 >= 0 && sps->pic_width_in_mbs_minus1 < 1024 &&
         sps->pic_height_in_map_units_minus1 >= 0 && sps->pic_height_in_map_units_minus1 < 1024 &&
         dcn_h264_frame_height_in_mbs(sps) <= 1024 && sps->chroma_format_idc >= 0 &&
         sps->chroma_format_idc <= 3 && sps->bit_depth_luma_minus8 >= 0 &&
         sps->bit_depth_luma_minus8 <= 6 && sps->bit_depth_chroma_minus8 >= 0 &&
         sps->bit_depth_chroma_minus8 <= 6 && sps->log2_max_frame_num_minus4 >= 0 &&
         sps->log2_max_frame_num_minus4 <= 12 && sps->log2_max_pic_order_cnt_lsb_minus4 >= 0 &&
         sps->log2_max_pic_order_cnt_lsb_minus4 <= 12 && sps->pic_order_cnt_type >= 0 &&
         sps->pic_order_cnt_type <= 2 && sps->num_ref_frames_in_pic_order_cnt_cycle >= 0 &&
         sps->num_ref_frames_in_pic_order_cnt_cycle <= 255 && sps->max_num_ref_frames >= 0 &&
         sps->max_num_ref_frames <= DCN_H264_MAX_REFS;
}

/* The part that is shown, (7-18) and following.  FALSE where nothing is. */
static gboolean
set_crop(DcnPicture *picture, const DcnH264Sps *sps)
{
  int chroma = dcn_h264_chroma_array_type(sps);
  int unit_x = chroma == 1 || chroma == 2 ? 2 : 1;
  int unit_y = (chroma == 1 ? 2 : 1) * (sps->frame_mbs_only_flag ? 1 : 2);
  int64_t left = (int64_t)unit_x * sps->frame_crop_left_offset;
  int64_t right = (int64_t)unit_x * sps->frame_crop_right_offset;
  int64_t top = (int64_t)unit_y * sps->frame_crop_top_offset;
  int64_t bottom = (int64_t)unit_y * sps->frame_crop_bottom_offset;
  if (left < 0 || right < 0 || top < 0 || bottom < 0 || left + right >= picture->coded_width ||
      top + bottom >= picture->coded_height)
    return FALSE;
  picture->crop_x = (int)left;
  picture->crop_y = (int)top;
  picture->crop_width = picture->coded_width - (int)(left + right);
  picture->crop_height = picture->coded_height - (int)(top + bottom);
  return TRUE;
}

/* Why pictures with these parameters cannot be known, or NULL. */
static const char *
not_understood(const DcnH264Sps *sps, const DcnH264SliceHeader *header)
{
  if (sps->separate_colour_plane_flag)
    return "separate colour planes";
  if (header->field_pic_flag && sps->frame_mbs_only_flag)
    return "field picture where there are frames only";
  if (!sps->frame_mbs_only_flag && !sps->direct_8x8_inference_flag)
    return "direct_8x8_inference_flag is zero with fields";
  if (header->nal_unit_type != 1 && header->nal_unit_type != 5)
    return "NAL unit type";
  if (header->frame_num < 0 || header->frame_num >= 1 << (sps->log2_max_frame_num_minus4 + 4))
    return "frame_num out of range";
  /* libavcodec keeps to an alignment of its frames' left edge, and shows other samples then. */
  if (sps->frame_crop_left_offset)
    return "cropped at the left";
  return NULL;
}

/* ---- pictures ---- */

static void
set_sps(DcnH264Extractor *extractor, const DcnH264Sps *sps, gboolean idr)
{
  if (extractor->have_sps && memcmp(&extractor->sps, sps, sizeof *sps) == 0)
    return;
  if (!idr && extractor->have_sps) {
    /* 7.4.1.2.1: only an IDR picture may activate another one. */
    dcn_h264_dpb_clear(&extractor->dpb);
    extractor->have_prev_ref_frame_num = FALSE;
    dcn_h264_doubt_start(&extractor->doubt, &extractor->dpb);
  }
  extractor->sps = *sps;
  extractor->have_sps = TRUE;
  extractor->doubt.epoch_is_over = TRUE;
  extractor->dpb.max_frame_num = 1 << (sps->log2_max_frame_num_minus4 + 4);
  extractor->dpb.max_num_ref_frames = sps->max_num_ref_frames;
}

/* 3.30, 7.4.1.2.4 */
static gboolean
is_second_field(const DcnH264SliceHeader *first, const DcnH264SliceHeader *header)
{
  return header->field_pic_flag && !first->bottom_field_flag != !header->bottom_field_flag &&
         first->frame_num == header->frame_num && !dcn_h264_idr(header) &&
         (first->nal_ref_idc == 0) == (header->nal_ref_idc == 0);
}

/* 7.4.3, 8.2.5.2: frames between the last reference picture and this one. */
static void
fill_gap(DcnH264Extractor *extractor, const DcnH264SliceHeader *header)
{
  DcnH264Dpb *dpb = &extractor->dpb;
  int max = dpb->max_frame_num;
  if (dcn_h264_idr(header) || !extractor->have_prev_ref_frame_num)
    return;
  int missing = (header->frame_num - extractor->prev_ref_frame_num + max) % max - 1;
  /* The standard counts from the last reference picture; libavcodec from the last picture, so that it
   * finds other gaps where those are not one apart. */
  int last = extractor->poc.prev_frame_num;
  if (missing < 0) {
    if (header->nal_ref_idc || header->frame_num != last)
      doubt(extractor);
    return;
  }
  if (missing == 0) {
    if (last != extractor->prev_ref_frame_num && last != header->frame_num)
      doubt(extractor);
    return;
  }
  if (!extractor->sps.gaps_in_frame_num_value_allowed_flag || last != extractor->prev_ref_frame_num)
    doubt(extractor);
  int n = MIN(missing, MAX(dpb->max_num_ref_frames, 1));
  DcnH264SliceHeader inferred = {.nal_ref_idc = 1, .nal_unit_type = 1};
  for (int i = missing - n; i < missing; i++) {
    int poc[2] = {0, 0};
    inferred.frame_num = (extractor->prev_ref_frame_num + 1 + i) % max;
    if (extractor->sps.pic_order_cnt_type != 0) {
      if (!dcn_h264_poc(&extractor->poc, &extractor->sps, &inferred, poc))
        doubt(extractor);
      dcn_h264_poc_next(&extractor->poc, &inferred, FALSE, poc[0]);
    }
    extractor->frame_id += 4;
    if (!dcn_h264_dpb_gap(dpb, inferred.frame_num, extractor->frame_id, poc))
      doubt(extractor);
  }
  extractor->prev_ref_frame_num = inferred.frame_num;
}

static DcnH264Frame *
new_frame(DcnH264Extractor *extractor, DcnPictureType type)
{
  /* The last number is DCN_NUMBER_NONE. */
  if (extractor->doubt.epoch_is_over || extractor->number >= DCN_NUMBER_NONE - 1) {
    extractor->epoch = dcn_epoch_new();
    extractor->number = 0;
    extractor->doubt.epoch_is_over = FALSE;
  }
  const DcnH264Sps *sps = &extractor->sps;
  DcnPicture *picture =
      dcn_picture_new(extractor->epoch, extractor->number, type, 16 * dcn_h264_width_in_mbs(sps),
                      16 * dcn_h264_frame_height_in_mbs(sps));
  if (!picture)
    return NULL;
  DcnH264Frame *frame = g_new0(DcnH264Frame, 1);
  frame->refs = 1;
  frame->pool = &extractor->pool;
  frame->picture = picture;
  extractor->number++;
  extractor->frame_id += 4;
  frame->id = extractor->frame_id;
  return frame;
}

static DcnPictureType
picture_type(DcnH264SliceType type)
{
  switch (type) {
  case DCN_H264_SLICE_P:
  case DCN_H264_SLICE_SP:
    return DCN_PICTURE_P;
  case DCN_H264_SLICE_B:
    return DCN_PICTURE_B;
  default:
    return DCN_PICTURE_I;
  }
}

static gboolean
prepare_buffers(DcnH264Extractor *extractor)
{
  DcnH264Coded *coded = &extractor->coded;
  const DcnPicture *picture = coded->frame->picture;
  DcnH264Macroblocks *m = &coded->macroblocks;
  if (!dcn_h264_macroblocks_begin(m, &extractor->sps, coded->header.field_pic_flag))
    return FALSE;
  size_t n = (size_t)m->mb_width * (size_t)m->mb_height;
  if (n > coded->mbs_capacity) {
    g_free(coded->copy);
    g_free(coded->filtered);
    coded->mbs_capacity = 0;
    coded->copy = g_try_malloc(n);
    coded->filtered = g_try_malloc(n);
    if (!coded->copy || !coded->filtered)
      return FALSE;
    coded->mbs_capacity = n;
  }
  int which = coded->structure == DCN_H264_BOTTOM;
  if (!dcn_h264_map_take(&extractor->pool, m->mb_width, m->mb_height, &coded->frame->map[which]))
    return FALSE;
  coded->map = &coded->frame->map[which];
  if (coded->header.field_pic_flag && !coded->second_field) {
    size_t blocks = (size_t)picture->cols * (size_t)picture->rows;
    if (blocks > coded->born_capacity) {
      g_free(coded->first_field_born);
      coded->born_capacity = 0;
      coded->first_field_born = g_try_new(uint32_t, blocks);
      if (!coded->first_field_born)
        return FALSE;
      coded->born_capacity = blocks;
    }
    memset(coded->first_field_born, 0xff, blocks * sizeof *coded->first_field_born);
  }
  return TRUE;
}

static void
open_picture(DcnH264Extractor *extractor, DcnH264Frame *frame, const DcnH264SliceHeader *header,
             gboolean second_field)
{
  DcnH264Coded *coded = &extractor->coded;
  coded->sps = extractor->sps;
  coded->header = *header;
  coded->structure = !header->field_pic_flag     ? DCN_H264_FRAME
                     : header->bottom_field_flag ? DCN_H264_BOTTOM
                                                 : DCN_H264_TOP;
  coded->mbaff = dcn_h264_mbaff(&coded->sps, header);
  coded->second_field = second_field;
  coded->frame = frame;
  coded->map = NULL;
  coded->slice = NULL;
  coded->next_mb = coded->next_x = coded->next_y = 0;
  coded->error = not_understood(&coded->sps, header);
  /* libavcodec counts fields without a partner, in each of its threads, and from the second one on shows first fields before
   * their second ones are decoded; what it makes of a field that is not whole lasts beyond IDR pictures, too.  Nothing but a
   * new decoder ends that. */
  if (header->field_pic_flag && extractor->doubt.field_was_lost)
    dcn_h264_fail(coded, "field picture after a lost one");
  if (!second_field)
    coded->n_vectors = 0;
  extractor->picture_is_open = TRUE;
  extractor->doubt.cavlc = FALSE;

  if (!second_field) {
    frame->coded_as_fields = header->field_pic_flag;
    frame->mbaff = coded->mbaff;
    frame->frame_num = frame->frame_num_wrap = header->frame_num;
    frame->fields = coded->structure;
    frame->clean = TRUE;
    if (!set_crop(frame->picture, &coded->sps))
      dcn_h264_fail(coded, "cropped to nothing");
  }
  int poc[2] = {frame->poc[0], frame->poc[1]};
  if (!dcn_h264_poc(&extractor->poc, &coded->sps, header, poc))
    dcn_h264_fail(coded, "picture order count out of range");
  frame->poc[0] = poc[0];
  frame->poc[1] = poc[1];
  if (!prepare_buffers(extractor))
    dcn_h264_fail(coded, "memory is short");
}

DcnPicture *
dcn_h264_extractor_begin_picture(DcnH264Extractor *extractor, const DcnH264Sps *sps,
                                 const DcnH264SliceHeader *header, gboolean *second_field)
{
  if (second_field)
    *second_field = FALSE;
  abandon_picture(extractor);
  if (!in_range(sps)) {
    dcn_h264_extractor_reset(extractor);
    extractor->have_sps = FALSE;
    return NULL;
  }
  set_sps(extractor, sps, dcn_h264_idr(header));

  DcnH264Frame *frame = NULL;
  gboolean second = FALSE;
  if (extractor->first_field && is_second_field(&extractor->first_field_header, header)) {
    second = TRUE;
    frame = g_steal_pointer(&extractor->first_field);
  } else {
    if (extractor->first_field)
      extractor->doubt.field_was_lost = TRUE;
    abandon_first_field(extractor);
    fill_gap(extractor, header);
    /* A new coded video sequence: nothing behind it refers to anything before. */
    if (dcn_h264_idr(header))
      extractor->doubt.epoch_is_over = TRUE;
    frame = new_frame(extractor, picture_type(header->slice_type));
    if (!frame) {
      doubt(extractor);
      return NULL;
    }
  }
  open_picture(extractor, frame, header, second);
  if (second_field)
    *second_field = second;
  return dcn_picture_ref(frame->picture);
}

/* ---- slices ---- */

/* B pictures order their references by time.  8.2.1: no two frames share a picture order count; and
 * libavcodec gives one to frames that are missing. */
static void
check_order(DcnH264Extractor *extractor)
{
  const DcnH264Dpb *dpb = &extractor->dpb;
  const DcnH264Frame *current = extractor->coded.frame;
  int poc = dcn_h264_frame_poc(current, DCN_H264_FRAME);
  for (int i = 0; i < dpb->n_frames; i++) {
    const DcnH264Frame *frame = dpb->frames[i];
    int other = dcn_h264_frame_poc(frame, DCN_H264_FRAME);
    if (!frame->picture)
      dcn_h264_fail(&extractor->coded, "frame_num gap before a B picture");
    if (frame != current && other == poc)
      dcn_h264_fail(&extractor->coded, "two pictures of one picture order count");
    for (int k = 0; k < i; k++)
      if (dcn_h264_frame_poc(dpb->frames[k], DCN_H264_FRAME) == other)
        dcn_h264_fail(&extractor->coded, "two pictures of one picture order count");
  }
}

/* What the slice says about all of its macroblocks. */
static void
describe_slice(DcnH264Extractor *extractor, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
               DcnH264SliceInfo *slice)
{
  DcnH264Coded *coded = &extractor->coded;
  DcnH264Ref lists[2][DCN_H264_LIST_SIZE];
  memset(slice, 0, sizeof *slice);
  slice->type = header->slice_type;
  slice->direct_spatial = header->direct_spatial_mv_pred_flag;
  slice->disable_deblocking_filter_idc = header->disable_deblocking_filter_idc;
  slice->filter_offset_a = 2 * header->slice_alpha_c0_offset_div2;
  slice->filter_offset_b = 2 * header->slice_beta_offset_div2;
  slice->chroma_qp_index_offset[0] = pps->chroma_qp_index_offset;
  slice->chroma_qp_index_offset[1] = pps->second_chroma_qp_index_offset;
  if (header->slice_type == DCN_H264_SLICE_I)
    return;
  int n_lists = header->slice_type == DCN_H264_SLICE_B ? 2 : 1;
  for (int list = 0; list < n_lists; list++) {
    int limit = header->field_pic_flag ? 32 : 16;
    if (header->num_ref_idx_active_minus1[list] < 0 ||
        header->num_ref_idx_active_minus1[list] >= limit) {
      dcn_h264_fail(coded, "num_ref_idx_active_minus1 out of range");
      return;
    }
  }
  if (header->slice_type == DCN_H264_SLICE_B)
    check_order(extractor);
  dcn_h264_dpb_set_frame_num(&extractor->dpb, header->frame_num);
  if (!dcn_h264_lists(&extractor->dpb, coded->frame, header, lists)) {
    dcn_h264_fail(coded, "reference picture list names what is not there");
    return;
  }
  for (int list = 0; list < n_lists; list++) {
    slice->n_refs[list] = header->num_ref_idx_active_minus1[list] + 1;
    for (int i = 0; i < slice->n_refs[list]; i++) {
      DcnH264Ref ref = lists[list][i];
      slice->refs[list][i] = ref;
      slice->ref_number[list][i] = DCN_NUMBER_NONE;
      if (!ref.frame)
        continue;
      slice->present[list] |= (uint32_t)(ref.frame->picture != NULL) << i;
      slice->same_lines[list] |= (uint32_t)(ref.fields == coded->structure) << i;
      slice->ref_id[list][i] = ref.frame->id | (DcnH264RefId)ref.fields;
      if (ref.frame->picture && ref.frame->picture->epoch == coded->frame->picture->epoch)
        slice->ref_number[list][i] = ref.frame->picture->number;
      if (slice->ref_number[list][i] != DCN_NUMBER_NONE && ref.frame != coded->frame)
        slice->born[list][i] = ref.frame->picture->born;
      slice->long_term[list] |= (uint32_t)((ref.frame->long_term & ref.fields) != 0) << i;
    }
  }
  dcn_h264_weights(&coded->sps, pps, header, slice);
  dcn_h264_copies(slice);
}

/* Whether a slice has other lists than those of its picture before it. */
static gboolean
lists_differ(const GArray *slices, const DcnH264SliceInfo *slice)
{
  for (guint i = 0; i < slices->len; i++) {
    const DcnH264SliceInfo *other = &g_array_index(slices, DcnH264SliceInfo, i);
    if (other->type != DCN_H264_SLICE_I)
      return memcmp(other->ref_id, slice->ref_id, sizeof slice->ref_id) != 0;
  }
  return FALSE;
}

static void
macroblocks_parsed(void *user, int mb_addr, int count)
{
  DcnH264Coded *coded = user;
  if (!coded->error)
    dcn_h264_motion(coded, mb_addr, count);
}

void
dcn_h264_extractor_slice(DcnH264Extractor *extractor, const DcnH264Pps *pps,
                         const DcnH264SliceHeader *header, const uint8_t *nal, size_t size,
                         size_t header_bits)
{
  DcnH264Coded *coded = &extractor->coded;
  if (!extractor->picture_is_open || header->redundant_pic_cnt > 0)
    return;
  DcnPicture *picture = coded->frame->picture;
  DcnPictureType type = picture_type(header->slice_type);
  /* A frame goes by its first field, as in libavcodec. */
  if (!coded->second_field)
    picture->type = MAX(picture->type, type);
  extractor->doubt.cavlc |= !pps->entropy_coding_mode_flag;
  if (coded->error)
    return;
  if (pps->num_slice_groups_minus1 > 0)
    dcn_h264_fail(coded, "flexible macroblock ordering");
  else if (header->slice_type == DCN_H264_SLICE_SP || header->slice_type == DCN_H264_SLICE_SI)
    dcn_h264_fail(coded, "SP or SI slice");
  else if (dcn_h264_first_slice_of_picture(&coded->sps, &coded->header, header))
    dcn_h264_fail(coded, "slice of another picture");
  else if ((int64_t)header->first_mb_in_slice * (coded->mbaff ? 2 : 1) !=
           coded->macroblocks.n_decoded)
    damaged(extractor, "slices missing or in another order");
  else if (coded->map->slices->len >= 0xffff)
    dcn_h264_fail(coded, "too many slices");
  if (coded->error)
    return;

  DcnH264SliceInfo slice;
  describe_slice(extractor, pps, header, &slice);
  if (coded->error)
    return;
  if (slice.type != DCN_H264_SLICE_I)
    coded->map->lists_differ |= lists_differ(coded->map->slices, &slice);
  coded->slice_index = (int)coded->map->slices->len;
  g_array_append_val(coded->map->slices, slice);
  coded->slice = &g_array_index(coded->map->slices, DcnH264SliceInfo, coded->slice_index);
  coded->pps = pps;
  coded->slice_header = header;
  const char *error = dcn_h264_slice_data(&coded->macroblocks, pps, header, nal, size, header_bits,
                                          macroblocks_parsed, coded);
  if (error)
    damaged(extractor, error);
}

/* ---- end of pictures ---- */

/* Pictures shown earlier that the coded picture predicts from, DcnPicture.past. */
static void
note_past(DcnH264Coded *coded)
{
  DcnPicture *picture = coded->frame->picture;
  int poc = dcn_h264_frame_poc(coded->frame, DCN_H264_FRAME);
  picture->n_past = MAX(picture->n_past, 0);
  for (guint i = 0; i < coded->map->slices->len; i++) {
    const DcnH264SliceInfo *slice = &g_array_index(coded->map->slices, DcnH264SliceInfo, i);
    for (int list = 0; list < 2; list++) {
      for (int k = 0; k < slice->n_refs[list]; k++) {
        const DcnH264Frame *frame = slice->refs[list][k].frame;
        uint32_t number = slice->ref_number[list][k];
        if (!(slice->used[list] >> k & 1) || number == DCN_NUMBER_NONE || frame == coded->frame ||
            dcn_h264_frame_poc(frame, DCN_H264_FRAME) >= poc)
          continue;
        int n = 0;
        while (n < picture->n_past && picture->past[n] != number)
          n++;
        if (n == picture->n_past && n < DCN_PAST_MAX)
          picture->past[picture->n_past++] = number;
      }
    }
  }
}

/* 8.2.1: after command 5 counts are relative to the picture. */
static void
restart_order(DcnH264Frame *frame, int structure)
{
  if (structure == DCN_H264_FRAME) {
    int base = MIN(frame->poc[0], frame->poc[1]);
    frame->poc[0] -= base;
    frame->poc[1] -= base;
  } else {
    frame->poc[structure - 1] = 0;
  }
}

static void
mark(DcnH264Extractor *extractor)
{
  DcnH264Coded *coded = &extractor->coded;
  DcnH264Frame *frame = coded->frame;
  const DcnH264SliceHeader *header = &coded->header;
  gboolean mmco5 = FALSE;
  dcn_h264_doubt_markings(&extractor->doubt, header);
  if (header->nal_ref_idc) {
    if (!dcn_h264_dpb_mark(&extractor->dpb, frame, header, &mmco5)) {
      dcn_h264_fail(coded, "reference picture marking names what is not there");
      while (extractor->dpb.n_frames > DCN_H264_MAX_REFS)
        dcn_h264_dpb_drop_oldest(&extractor->dpb);
    }
    if (mmco5)
      restart_order(frame, coded->structure);
    extractor->prev_ref_frame_num = mmco5 ? 0 : header->frame_num;
    extractor->have_prev_ref_frame_num = TRUE;
  }
  dcn_h264_poc_next(&extractor->poc, header, mmco5, frame->poc[0]);
}

void
dcn_h264_extractor_end_picture(DcnH264Extractor *extractor)
{
  if (!extractor->picture_is_open)
    return;
  extractor->picture_is_open = FALSE;
  DcnH264Coded *coded = &extractor->coded;
  DcnH264Frame *frame = coded->frame;
  DcnPicture *picture = frame->picture;
  const DcnH264Macroblocks *m = &coded->macroblocks;
  if (!coded->error && m->n_decoded < m->mb_width * m->mb_height)
    damaged(extractor, "macroblocks missing");

  if (!coded->error && picture->known) {
    dcn_h264_deblock(coded);
    dcn_h264_inherit(coded);
    note_past(coded);
  }
  mark(extractor);
  frame->fields |= coded->structure;
  dcn_h264_doubt_end_picture(&extractor->doubt, &extractor->dpb, coded, &extractor->pool);
  coded->frame = NULL;
  coded->map = NULL;

  if (coded->header.field_pic_flag && !coded->second_field) {
    extractor->first_field = frame;
    extractor->first_field_header = coded->header;
    return;
  }
  dcn_h264_doubt_settle(&extractor->doubt, &extractor->dpb);
  if (picture->known)
    g_array_append_vals(picture->vectors, coded->vectors, (guint)coded->n_vectors);
  g_atomic_int_set(&picture->complete, 1);
  dcn_h264_frame_unref(frame);
}
