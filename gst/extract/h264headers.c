/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NAL units, parameter sets and slice headers of H.264 (ITU-T H.264 7.3.1, 7.3.2, 7.3.3, annex B; ISO/IEC 14496-15).
 *
 * Anything out of order is handed on as a picture that is not known, never as one that is: a header that the
 * decoder may read in another way than we do would make every claim after it worthless.
 */
#include "h264headers.h"
#include "h264sei.h"

#define GST_USE_UNSTABLE_API
#include <gst/codecparsers/gsth264parser.h>
#include <string.h>
#include "h264/h264.h"

GST_DEBUG_CATEGORY_EXTERN (gst_delta_extract_debug);
#define GST_CAT_DEFAULT gst_delta_extract_debug

struct _DeltaH264
{
  DcnH264Extractor *extractor;
  GstH264NalParser *parser;
  guint nal_length_size;        /* 0: byte stream */
  gboolean unusable;            /* the codec_data that would tell it */

  GBytes *sps_bytes[GST_H264_MAX_SPS_COUNT];    /* as they came last, NULL: unusable */
  gboolean pps_usable[GST_H264_MAX_PPS_COUNT];

  DeltaH264Sei sei;             /* outlasts resets, as decoders are not new then */
  DcnH264Sps sps;               /* of the open picture */
  DcnH264SliceHeader header;    /* of the last slice */
  DcnH264Pps pps;

  DcnPicture *picture;          /* open in the extractor */
  gboolean picture_second;
};

DeltaH264 *
delta_h264_new (void)
{
  DeltaH264 *self = g_new0 (DeltaH264, 1);

  self->extractor = dcn_h264_extractor_new ();
  self->parser = gst_h264_nal_parser_new ();
  return self;
}

static void
forget_parameter_sets (DeltaH264 * self)
{
  for (guint i = 0; i < GST_H264_MAX_SPS_COUNT; i++)
    g_clear_pointer (&self->sps_bytes[i], g_bytes_unref);
  memset (self->pps_usable, 0, sizeof (self->pps_usable));
}

void
delta_h264_free (DeltaH264 * self)
{
  if (!self)
    return;
  dcn_h264_extractor_free (self->extractor);
  dcn_picture_unref (self->picture);
  gst_h264_nal_parser_free (self->parser);
  forget_parameter_sets (self);
  g_free (self);
}

void
delta_h264_reset (DeltaH264 * self)
{
  if (self->picture)
    dcn_h264_extractor_end_picture (self->extractor);
  g_clear_pointer (&self->picture, dcn_picture_unref);
  dcn_h264_extractor_reset (self->extractor);
}

/* ---- from the codec parsers' structures to the extractor's ---- */

static void
convert_sps (const GstH264SPS * s, DcnH264Sps * d)
{
  memset (d, 0, sizeof (*d));
  d->seq_parameter_set_id = s->id;
  d->profile_idc = s->profile_idc;
  d->constraint_set_flags = s->constraint_set0_flag |
      s->constraint_set1_flag << 1 | s->constraint_set2_flag << 2 |
      s->constraint_set3_flag << 3 | s->constraint_set4_flag << 4 |
      s->constraint_set5_flag << 5;
  d->level_idc = s->level_idc;
  d->chroma_format_idc = s->chroma_format_idc;
  d->separate_colour_plane_flag = s->separate_colour_plane_flag;
  d->bit_depth_luma_minus8 = s->bit_depth_luma_minus8;
  d->bit_depth_chroma_minus8 = s->bit_depth_chroma_minus8;
  d->qpprime_y_zero_transform_bypass_flag =
      s->qpprime_y_zero_transform_bypass_flag;
  d->log2_max_frame_num_minus4 = s->log2_max_frame_num_minus4;
  d->pic_order_cnt_type = s->pic_order_cnt_type;
  d->log2_max_pic_order_cnt_lsb_minus4 = s->log2_max_pic_order_cnt_lsb_minus4;
  d->delta_pic_order_always_zero_flag = s->delta_pic_order_always_zero_flag;
  d->offset_for_non_ref_pic = s->offset_for_non_ref_pic;
  d->offset_for_top_to_bottom_field = s->offset_for_top_to_bottom_field;
  d->num_ref_frames_in_pic_order_cnt_cycle =
      s->num_ref_frames_in_pic_order_cnt_cycle;
  for (guint i = 0; i < s->num_ref_frames_in_pic_order_cnt_cycle; i++)
    d->offset_for_ref_frame[i] = s->offset_for_ref_frame[i];
  /* what does not fit is out of range, which the extractor checks */
  d->max_num_ref_frames = MIN (s->num_ref_frames, 1000);
  d->gaps_in_frame_num_value_allowed_flag =
      s->gaps_in_frame_num_value_allowed_flag;
  d->pic_width_in_mbs_minus1 = MIN (s->pic_width_in_mbs_minus1, 10000);
  d->pic_height_in_map_units_minus1 =
      MIN (s->pic_height_in_map_units_minus1, 10000);
  d->frame_mbs_only_flag = s->frame_mbs_only_flag;
  d->mb_adaptive_frame_field_flag = s->mb_adaptive_frame_field_flag;
  d->direct_8x8_inference_flag = s->direct_8x8_inference_flag;
  if (s->frame_cropping_flag) {
    d->frame_crop_left_offset = MIN (s->frame_crop_left_offset, 100000);
    d->frame_crop_right_offset = MIN (s->frame_crop_right_offset, 100000);
    d->frame_crop_top_offset = MIN (s->frame_crop_top_offset, 100000);
    d->frame_crop_bottom_offset = MIN (s->frame_crop_bottom_offset, 100000);
  }
  if (s->vui_parameters_present_flag
      && s->vui_parameters.bitstream_restriction_flag) {
    d->bitstream_restriction_flag = TRUE;
    d->max_num_reorder_frames = MIN (s->vui_parameters.num_reorder_frames, 100);
    d->max_dec_frame_buffering =
        MIN (s->vui_parameters.max_dec_frame_buffering, 100);
  }
}

static void
convert_pps (const GstH264PPS * s, DcnH264Pps * d)
{
  memset (d, 0, sizeof (*d));
  d->pic_parameter_set_id = s->id;
  d->seq_parameter_set_id = s->sequence->id;
  d->entropy_coding_mode_flag = s->entropy_coding_mode_flag;
  d->bottom_field_pic_order_in_frame_present_flag = s->pic_order_present_flag;
  d->num_slice_groups_minus1 = MIN (s->num_slice_groups_minus1, 100);
  d->num_ref_idx_l0_default_active_minus1 = s->num_ref_idx_l0_active_minus1;
  d->num_ref_idx_l1_default_active_minus1 = s->num_ref_idx_l1_active_minus1;
  d->weighted_pred_flag = s->weighted_pred_flag;
  d->weighted_bipred_idc = s->weighted_bipred_idc;
  d->pic_init_qp_minus26 = s->pic_init_qp_minus26;
  d->pic_init_qs_minus26 = s->pic_init_qs_minus26;
  d->chroma_qp_index_offset = s->chroma_qp_index_offset;
  d->second_chroma_qp_index_offset = (gint8) s->second_chroma_qp_index_offset;
  d->deblocking_filter_control_present_flag =
      s->deblocking_filter_control_present_flag;
  d->constrained_intra_pred_flag = s->constrained_intra_pred_flag;
  d->redundant_pic_cnt_present_flag = s->redundant_pic_cnt_present_flag;
  d->transform_8x8_mode_flag = s->transform_8x8_mode_flag;
}

static void
convert_modifications (const GstH264RefPicListModification * s, guint n,
    gboolean flag, DcnH264SliceHeader * d, int list)
{
  d->n_modifications[list] = 0;
  for (guint i = 0; flag && i < n && i < DCN_H264_MAX_MODIFICATIONS; i++) {
    DcnH264RefPicListModification *m =
        &d->modifications[list][d->n_modifications[list]];

    if (s[i].modification_of_pic_nums_idc == 3)
      break;
    m->modification_of_pic_nums_idc = s[i].modification_of_pic_nums_idc;
    m->value = MIN (s[i].value.abs_diff_pic_num_minus1, G_MAXINT / 2);
    d->n_modifications[list]++;
  }
}

static void
convert_weights (const GstH264PredWeightTable * s, gboolean b, gboolean chroma,
    DcnH264SliceHeader * d)
{
  d->luma_log2_weight_denom = s->luma_log2_weight_denom;
  d->chroma_log2_weight_denom = s->chroma_log2_weight_denom;
  for (int list = 0; list < (b ? 2 : 1); list++) {
    for (int i = 0; i <= d->num_ref_idx_active_minus1[list] && i < 32; i++) {
      DcnH264Weight *w = &d->weights[list][i];

      w->weight[0] = list ? s->luma_weight_l1[i] : s->luma_weight_l0[i];
      w->offset[0] = list ? s->luma_offset_l1[i] : s->luma_offset_l0[i];
      for (int c = 0; c < 2; c++) {
        w->weight[1 + c] = !chroma ? 0 :
            list ? s->chroma_weight_l1[i][c] : s->chroma_weight_l0[i][c];
        w->offset[1 + c] = !chroma ? 0 :
            list ? s->chroma_offset_l1[i][c] : s->chroma_offset_l0[i][c];
      }
    }
  }
}

static void
convert_marking (const GstH264DecRefPicMarking * s, DcnH264SliceHeader * d)
{
  d->no_output_of_prior_pics_flag = s->no_output_of_prior_pics_flag;
  d->long_term_reference_flag = s->long_term_reference_flag;
  d->adaptive_ref_pic_marking_mode_flag = s->adaptive_ref_pic_marking_mode_flag;
  for (guint i = 0; i < s->n_ref_pic_marking; i++) {
    const GstH264RefPicMarking *m = &s->ref_pic_marking[i];
    DcnH264RefPicMarking *out = &d->markings[d->n_markings];

    if (m->memory_management_control_operation == 0)
      break;
    out->memory_management_control_operation =
        m->memory_management_control_operation;
    out->difference_of_pic_nums_minus1 =
        MIN (m->difference_of_pic_nums_minus1, G_MAXINT / 4);
    out->long_term_pic_num = MIN (m->long_term_pic_num, G_MAXINT / 4);
    out->long_term_frame_idx = MIN (m->long_term_frame_idx, G_MAXINT / 4);
    out->max_long_term_frame_idx_plus1 =
        MIN (m->max_long_term_frame_idx_plus1, 1000);
    d->n_markings++;
  }
}

static void
convert_slice (const GstH264SliceHdr * s, const GstH264NalUnit * nalu,
    DcnH264SliceHeader * d)
{
  const GstH264SPS *sps = s->pps->sequence;
  gboolean b = s->type % 5 == GST_H264_B_SLICE;
  gboolean p = s->type % 5 == GST_H264_P_SLICE
      || s->type % 5 == GST_H264_SP_SLICE;

  memset (d, 0, sizeof (*d));
  d->nal_ref_idc = nalu->ref_idc;
  d->nal_unit_type = nalu->type;
  d->first_mb_in_slice = MIN (s->first_mb_in_slice, 1 << 24);
  d->slice_type = (DcnH264SliceType) (s->type % 5);
  d->pic_parameter_set_id = s->pps->id;
  d->colour_plane_id = s->colour_plane_id;
  d->frame_num = s->frame_num;
  d->field_pic_flag = s->field_pic_flag;
  d->bottom_field_flag = s->bottom_field_flag;
  d->idr_pic_id = nalu->idr_pic_flag ? s->idr_pic_id : 0;
  d->pic_order_cnt_lsb = s->pic_order_cnt_lsb;
  d->delta_pic_order_cnt_bottom = s->delta_pic_order_cnt_bottom;
  d->delta_pic_order_cnt[0] = s->delta_pic_order_cnt[0];
  d->delta_pic_order_cnt[1] = s->delta_pic_order_cnt[1];
  d->redundant_pic_cnt = s->redundant_pic_cnt;
  d->direct_spatial_mv_pred_flag = s->direct_spatial_mv_pred_flag;
  d->num_ref_idx_active_minus1[0] = s->num_ref_idx_l0_active_minus1;
  d->num_ref_idx_active_minus1[1] = s->num_ref_idx_l1_active_minus1;
  if (p || b)
    convert_modifications (s->ref_pic_list_modification_l0,
        s->n_ref_pic_list_modification_l0, s->ref_pic_list_modification_flag_l0,
        d, 0);
  if (b)
    convert_modifications (s->ref_pic_list_modification_l1,
        s->n_ref_pic_list_modification_l1, s->ref_pic_list_modification_flag_l1,
        d, 1);
  if ((p && s->pps->weighted_pred_flag)
      || (b && s->pps->weighted_bipred_idc == 1))
    convert_weights (&s->pred_weight_table, b, sps->chroma_array_type != 0, d);
  if (nalu->ref_idc)
    convert_marking (&s->dec_ref_pic_marking, d);
  d->cabac_init_idc = s->cabac_init_idc;
  d->slice_qp_delta = s->slice_qp_delta;
  d->sp_for_switch_flag = s->sp_for_switch_flag;
  d->slice_qs_delta = s->slice_qs_delta;
  d->disable_deblocking_filter_idc = s->disable_deblocking_filter_idc;
  d->slice_alpha_c0_offset_div2 = s->slice_alpha_c0_offset_div2;
  d->slice_beta_offset_div2 = s->slice_beta_offset_div2;
}

/* ---- NAL units ---- */

static void
sps_nal (DeltaH264 * self, GstH264NalUnit * nalu)
{
  GstH264SPS sps;
  GBytes *bytes;
  gint id;

  memset (&sps, 0, sizeof (sps));
  if (gst_h264_parser_parse_sps (self->parser, nalu, &sps) !=
      GST_H264_PARSER_OK) {
    /* Which one it was meant to be is not known. */
    GST_WARNING ("sequence parameter set not usable");
    forget_parameter_sets (self);
    return;
  }
  id = sps.id;
  gst_h264_sps_clear (&sps);
  bytes = g_bytes_new (nalu->data + nalu->offset, nalu->size);
  if (self->sps_bytes[id] && g_bytes_equal (self->sps_bytes[id], bytes)) {
    g_bytes_unref (bytes);
    return;
  }
  /* Another one: decoders forget the picture parameter sets that refer to it, until they come again. */
  g_clear_pointer (&self->sps_bytes[id], g_bytes_unref);
  self->sps_bytes[id] = bytes;
  for (guint i = 0; i < GST_H264_MAX_PPS_COUNT; i++)
    if (self->parser->pps[i].sequence == &self->parser->sps[id])
      self->pps_usable[i] = FALSE;
}

static void
pps_nal (DeltaH264 * self, GstH264NalUnit * nalu)
{
  GstH264PPS pps;

  memset (&pps, 0, sizeof (pps));
  if (gst_h264_parser_parse_pps (self->parser, nalu, &pps) !=
      GST_H264_PARSER_OK) {
    GST_WARNING ("picture parameter set not usable");
    memset (self->pps_usable, 0, sizeof (self->pps_usable));
    return;
  }
  self->pps_usable[pps.id] = TRUE;
  gst_h264_pps_clear (&pps);
}

static void
sei_nal (DeltaH264 * self, GstH264NalUnit * nalu)
{
  GArray *messages = NULL;

  delta_h264_sei_read (&self->sei, nalu->data + nalu->offset, nalu->size);
  gst_h264_parser_parse_sei (self->parser, nalu, &messages);
  if (!messages)
    return;
  for (guint i = 0; i < messages->len; i++)
    if (g_array_index (messages, GstH264SEIMessage, i).payloadType ==
        GST_H264_SEI_RECOVERY_POINT)
      dcn_h264_extractor_recovery_point (self->extractor);
  g_array_unref (messages);
}

static void
end_picture (DeltaH264 * self, DeltaResult * result)
{
  if (!self->picture)
    return;
  dcn_h264_extractor_end_picture (self->extractor);
  delta_result_add (result, self->picture, self->picture_second);
  g_clear_pointer (&self->picture, dcn_picture_unref);
}

/* What is not understood belongs to the open picture, or leaves the next one in doubt. */
static void
fail (DeltaH264 * self, DeltaResult * result, const gchar * reason)
{
  dcn_h264_extractor_fail (self->extractor, reason);
  if (!self->picture && !result->picture)
    result->reason = reason;
}

static void
slice_nal (DeltaH264 * self, GstH264NalUnit * nalu, DeltaResult * result)
{
  GstH264SliceHdr slice;
  DcnH264SliceHeader header;
  const gchar *doubt;
  gsize size = nalu->size;
  const guint8 *data = nalu->data + nalu->offset;

  memset (&slice, 0, sizeof (slice));
  if (gst_h264_parser_parse_slice_hdr (self->parser, nalu, &slice, TRUE,
          TRUE) != GST_H264_PARSER_OK) {
    fail (self, result, "slice header not usable");
    return;
  }
  if (!self->pps_usable[slice.pps->id]
      || !self->sps_bytes[slice.pps->sequence->id]) {
    fail (self, result, "no parameter sets");
    return;
  }
  convert_slice (&slice, nalu, &header);
  /* 7.4.3: one that repeats a picture, for decoders that lost it; others pass over it */
  if (header.redundant_pic_cnt > 0)
    return;
  convert_pps (slice.pps, &self->pps);
  if (self->picture
      && dcn_h264_first_slice_of_picture (&self->sps, &self->header, &header))
    end_picture (self, result);
  self->header = header;
  if (!self->picture) {
    /* No more: a picture takes memory by its size, not by its bytes. */
    if (result->pictures > 1)
      return;
    convert_sps (slice.pps->sequence, &self->sps);
    self->picture = dcn_h264_extractor_begin_picture (self->extractor,
        &self->sps, &self->header, &self->picture_second);
    if (!self->picture) {
      result->reason = "parameters out of range";
      return;
    }
  }
  doubt = delta_h264_sei_doubt (&self->sei,
      header.slice_type == DCN_H264_SLICE_B, self->sps.chroma_format_idc);
  if (doubt)
    dcn_h264_extractor_refuse (self->extractor, doubt);
  while (size > 1 && data[size - 1] == 0)       /* trailing_zero_8bits, B.1 */
    size--;
  dcn_h264_extractor_slice (self->extractor, &self->pps, &self->header, data,
      size, nalu->header_bytes * 8 + slice.header_size);
}

/* 7.4.1: no three bytes of a value of at most 2 are in a NAL unit.  Decoders take such for the end of the unit, or for
 * the start of another, also where a length field says otherwise.  In units that do not matter for decoding some cameras
 * leave emulation prevention out: there only a start code does harm.  Zeros at the end are trailing_zero_8bits (annex B). */
static gboolean
has_start_code (const GstH264NalUnit * nalu)
{
  const guint8 *data = nalu->data + nalu->offset, *zero;
  gsize size = nalu->size;
  gboolean matters = nalu->type < GST_H264_NAL_SEI
      || nalu->type == GST_H264_NAL_SPS || nalu->type == GST_H264_NAL_PPS;

  while (size > 0 && data[size - 1] == 0)
    size--;
  for (gsize i = 0; i + 3 <= size; i = zero - data + 1) {
    zero = memchr (data + i, 0, size - 2 - i);
    if (!zero)
      break;
    if (zero[1] == 0 && (zero[2] == 1 || (matters && zero[2] <= 2)))
      return TRUE;
  }
  return FALSE;
}

static void
nal (DeltaH264 * self, GstH264NalUnit * nalu, DeltaResult * result)
{
  /* forbidden_zero_bit: 7.4.1; some decoders skip what others read */
  if (nalu->data[nalu->offset] & 0x80) {
    fail (self, result, "forbidden_zero_bit");
    return;
  }
  if (has_start_code (nalu)) {
    fail (self, result, "start code inside of a NAL unit");
    return;
  }
  switch (nalu->type) {
    case GST_H264_NAL_SPS:
      end_picture (self, result);
      sps_nal (self, nalu);
      break;
    case GST_H264_NAL_PPS:
      end_picture (self, result);
      pps_nal (self, nalu);
      break;
    case GST_H264_NAL_SEI:
      sei_nal (self, nalu);
      break;
    case GST_H264_NAL_SLICE:
    case GST_H264_NAL_SLICE_IDR:
      slice_nal (self, nalu, result);
      break;
    case GST_H264_NAL_SLICE_DPA:
    case GST_H264_NAL_SLICE_DPB:
    case GST_H264_NAL_SLICE_DPC:
      fail (self, result, "data partitioning");
      break;
    case GST_H264_NAL_SLICE_EXT:
    case GST_H264_NAL_SLICE_DEPTH:
      fail (self, result, "scalable or multiview layer");
      break;
    default:
      /* delimiters, filler, prefixes and parameter sets of layers, alpha: the primary picture does not depend on
       * them */
      break;
  }
}

static void
parse (DeltaH264 * self, const guint8 * data, gsize size, DeltaResult * result)
{
  GstH264NalUnit nalu;
  GstH264ParserResult found;
  gsize offset = 0;

  memset (result, 0, sizeof (*result));
  if (self->unusable || size > G_MAXUINT32 / 8) {
    result->reason =
        self->unusable ? "codec_data not usable" : "buffer too large";
    dcn_h264_extractor_reset (self->extractor);
    return;
  }
  while (offset < size) {
    memset (&nalu, 0, sizeof (nalu));
    if (self->nal_length_size) {
      found = gst_h264_parser_identify_nalu_avc (self->parser, data, offset,
          size, self->nal_length_size, &nalu);
    } else {
      found = gst_h264_parser_identify_nalu (self->parser, data, offset, size,
          &nalu);
      if (found == GST_H264_PARSER_NO_NAL_END)
        found = GST_H264_PARSER_OK;
    }
    if (found == GST_H264_PARSER_NO_NAL && offset > 0 && !self->nal_length_size)
      break;                    /* zeros at the end */
    if (found != GST_H264_PARSER_OK) {
      fail (self, result, "broken NAL unit");
      break;
    }
    nal (self, &nalu, result);
    offset = nalu.offset + nalu.size;
  }
  end_picture (self, result);
}

gboolean
delta_h264_set_caps (DeltaH264 * self, const GstStructure * caps)
{
  const gchar *format = gst_structure_get_string (caps, "stream-format");
  const GValue *value = gst_structure_get_value (caps, "codec_data");
  GstH264DecoderConfigRecord *config = NULL;
  GstMapInfo map;
  gboolean ok;

  delta_h264_reset (self);
  forget_parameter_sets (self);
  self->nal_length_size = 0;
  self->unusable = FALSE;
  if (!format || g_str_equal (format, "byte-stream"))
    return TRUE;
  self->unusable = TRUE;
  if (!value || !GST_VALUE_HOLDS_BUFFER (value)
      || !gst_buffer_map (gst_value_get_buffer (value), &map, GST_MAP_READ))
    return FALSE;
  ok = map.size > 0
      && gst_h264_parser_parse_decoder_config_record (self->parser, map.data,
      map.size, &config) == GST_H264_PARSER_OK;
  if (ok) {
    self->nal_length_size = config->length_size_minus_one + 1;
    for (guint i = 0; i < config->sps->len; i++) {
      GstH264NalUnit *nalu = &g_array_index (config->sps, GstH264NalUnit, i);

      if (nalu->type == GST_H264_NAL_SPS)
        sps_nal (self, nalu);
    }
    for (guint i = 0; i < config->pps->len; i++) {
      GstH264NalUnit *nalu = &g_array_index (config->pps, GstH264NalUnit, i);

      if (nalu->type == GST_H264_NAL_PPS)
        pps_nal (self, nalu);
    }
    gst_h264_decoder_config_record_free (config);
  }
  gst_buffer_unmap (gst_value_get_buffer (value), &map);
  self->unusable = !ok;
  return ok;
}

void
delta_h264_buffer (DeltaH264 * self, const guint8 * data, gsize size,
    DeltaResult * result)
{
  parse (self, data, size, result);
  if (delta_result_settle (result))
    return;
  if (result->pictures > 1)
    dcn_h264_extractor_fail (self->extractor, result->reason);
  dcn_h264_extractor_reset (self->extractor);
}
