/* deltacnn tests: H.264 elementary streams, as far as headers go.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream.h"

/* Bits of a NAL unit in place: emulation prevention bytes are stepped over where a byte begins. */
typedef struct {
  const uint8_t *nal;
  size_t size, at; /* bits from the start of the NAL unit, everything counted */
  gboolean error;
} Bits;

static unsigned
bit(Bits *b)
{
  size_t byte = b->at / 8;
  if (b->at % 8 == 0 && byte >= 2 && byte < b->size && b->nal[byte] == 3 && !b->nal[byte - 1] &&
      !b->nal[byte - 2]) {
    b->at += 8;
    byte++;
  }
  if (byte >= b->size) {
    b->error = TRUE;
    return 0;
  }
  unsigned value = b->nal[byte] >> (7 - b->at % 8) & 1;
  b->at++;
  return value;
}

static unsigned
u(Bits *b, int n)
{
  unsigned value = 0;
  while (n--)
    value = value << 1 | bit(b);
  return value;
}

static int
ue(Bits *b)
{
  int zeros = 0;
  while (!bit(b)) {
    if (++zeros == 31 || b->error) {
      b->error = TRUE;
      return 0;
    }
  }
  return (int)((1u << zeros) - 1 + u(b, zeros));
}

static int
se(Bits *b)
{
  int code = ue(b);
  return code & 1 ? code / 2 + 1 : -(code / 2);
}

const uint8_t *
stream_next_nal(const uint8_t *data, size_t size, size_t *at, size_t *nal_size)
{
  size_t from = *at;
  while (from + 3 <= size && (data[from] || data[from + 1] || data[from + 2] != 1))
    from++;
  if (from + 3 > size)
    return NULL;
  from += 3;
  size_t to = from;
  while (to + 3 <= size && (data[to] || data[to + 1] || data[to + 2] > 1))
    to++;
  if (to + 3 > size)
    to = size;
  *at = to;
  while (to > from && data[to - 1] == 0)
    to--;
  *nal_size = to - from;
  return data + from;
}

static void
scaling_list(Bits *b, int size)
{
  int last = 8, next = 8;
  for (int i = 0; i < size && !b->error; i++) {
    if (next)
      next = (last + se(b) + 256) % 256;
    last = next ? next : last;
  }
}

static gboolean
is_high_profile(int profile_idc)
{
  static const int profiles[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
  for (guint i = 0; i < G_N_ELEMENTS(profiles); i++)
    if (profiles[i] == profile_idc)
      return TRUE;
  return FALSE;
}

/* 7.3.2.1.1, without VUI */
static void
read_sps(StreamHeaders *headers, Bits *b)
{
  DcnH264Sps sps = {.chroma_format_idc = 1};
  sps.profile_idc = (int)u(b, 8);
  sps.constraint_set_flags = (int)u(b, 8);
  sps.level_idc = (int)u(b, 8);
  sps.seq_parameter_set_id = ue(b);
  if (is_high_profile(sps.profile_idc)) {
    sps.chroma_format_idc = ue(b);
    if (sps.chroma_format_idc == 3)
      sps.separate_colour_plane_flag = (gboolean)bit(b);
    sps.bit_depth_luma_minus8 = ue(b);
    sps.bit_depth_chroma_minus8 = ue(b);
    sps.qpprime_y_zero_transform_bypass_flag = (gboolean)bit(b);
    if (bit(b))
      for (int i = 0; i < (sps.chroma_format_idc == 3 ? 12 : 8); i++)
        if (bit(b))
          scaling_list(b, i < 6 ? 16 : 64);
  }
  sps.log2_max_frame_num_minus4 = ue(b);
  sps.pic_order_cnt_type = ue(b);
  if (sps.pic_order_cnt_type == 0) {
    sps.log2_max_pic_order_cnt_lsb_minus4 = ue(b);
  } else if (sps.pic_order_cnt_type == 1) {
    sps.delta_pic_order_always_zero_flag = (gboolean)bit(b);
    sps.offset_for_non_ref_pic = se(b);
    sps.offset_for_top_to_bottom_field = se(b);
    sps.num_ref_frames_in_pic_order_cnt_cycle = ue(b);
    if (sps.num_ref_frames_in_pic_order_cnt_cycle > 255)
      return;
    for (int i = 0; i < sps.num_ref_frames_in_pic_order_cnt_cycle; i++)
      sps.offset_for_ref_frame[i] = se(b);
  }
  sps.max_num_ref_frames = ue(b);
  sps.gaps_in_frame_num_value_allowed_flag = (gboolean)bit(b);
  sps.pic_width_in_mbs_minus1 = ue(b);
  sps.pic_height_in_map_units_minus1 = ue(b);
  sps.frame_mbs_only_flag = (gboolean)bit(b);
  if (!sps.frame_mbs_only_flag)
    sps.mb_adaptive_frame_field_flag = (gboolean)bit(b);
  sps.direct_8x8_inference_flag = (gboolean)bit(b);
  if (b->error || sps.seq_parameter_set_id > 31 || sps.chroma_format_idc > 3 ||
      sps.bit_depth_luma_minus8 > 6 || sps.bit_depth_chroma_minus8 > 6 ||
      sps.log2_max_frame_num_minus4 > 12 || sps.log2_max_pic_order_cnt_lsb_minus4 > 12 ||
      sps.pic_width_in_mbs_minus1 > 511 || sps.pic_height_in_map_units_minus1 > 255)
    return;
  headers->sps[sps.seq_parameter_set_id] = sps;
  headers->have_sps[sps.seq_parameter_set_id] = TRUE;
}

static gboolean
more_rbsp_data(const Bits *b)
{
  size_t last = 8 * b->size - 1 - (size_t)__builtin_ctz(b->nal[b->size - 1]);
  return b->at < last;
}

/* 7.3.2.2 */
static void
read_pps(StreamHeaders *headers, Bits *b)
{
  DcnH264Pps pps = {0};
  pps.pic_parameter_set_id = ue(b);
  pps.seq_parameter_set_id = ue(b);
  pps.entropy_coding_mode_flag = (gboolean)bit(b);
  pps.bottom_field_pic_order_in_frame_present_flag = (gboolean)bit(b);
  pps.num_slice_groups_minus1 = ue(b);
  if (pps.num_slice_groups_minus1 == 0) {
    pps.num_ref_idx_l0_default_active_minus1 = ue(b);
    pps.num_ref_idx_l1_default_active_minus1 = ue(b);
    pps.weighted_pred_flag = (gboolean)bit(b);
    pps.weighted_bipred_idc = (int)u(b, 2);
    pps.pic_init_qp_minus26 = se(b);
    pps.pic_init_qs_minus26 = se(b);
    pps.chroma_qp_index_offset = se(b);
    pps.deblocking_filter_control_present_flag = (gboolean)bit(b);
    pps.constrained_intra_pred_flag = (gboolean)bit(b);
    pps.redundant_pic_cnt_present_flag = (gboolean)bit(b);
    if (more_rbsp_data(b))
      pps.transform_8x8_mode_flag = (gboolean)bit(b);
  }
  if (b->error || pps.pic_parameter_set_id > 255 || pps.seq_parameter_set_id > 31)
    return;
  headers->pps[pps.pic_parameter_set_id] = pps;
  headers->have_pps[pps.pic_parameter_set_id] = TRUE;
}

const DcnH264Pps *
stream_pps(const StreamHeaders *headers, const DcnH264SliceHeader *header)
{
  return &headers->pps[header->pic_parameter_set_id];
}

const DcnH264Sps *
stream_sps(const StreamHeaders *headers, const DcnH264SliceHeader *header)
{
  return &headers->sps[stream_pps(headers, header)->seq_parameter_set_id];
}

/* ref_pic_list_modification(), pred_weight_table() and dec_ref_pic_marking(): only stepped over. */
static void
skip_modification(Bits *b)
{
  if (bit(b))
    while (ue(b) != 3 && !b->error)
      ue(b);
}

static void
skip_weights(Bits *b, const DcnH264SliceHeader *h, int chroma_array_type)
{
  ue(b);
  if (chroma_array_type)
    ue(b);
  for (int list = 0; list < 1 + (h->slice_type == DCN_H264_SLICE_B); list++) {
    for (int i = 0; i <= h->num_ref_idx_active_minus1[list] && !b->error; i++) {
      if (bit(b)) {
        se(b);
        se(b);
      }
      if (chroma_array_type && bit(b))
        for (int k = 0; k < 4; k++)
          se(b);
    }
  }
}

static void
skip_marking(Bits *b, gboolean idr)
{
  if (idr) {
    u(b, 2);
  } else if (bit(b)) {
    int operation;
    while ((operation = ue(b)) != 0 && !b->error) {
      if (operation != 5)
        ue(b);
      if (operation == 3)
        ue(b);
    }
  }
}

/* 7.3.3 */
static gboolean
read_slice_header(const StreamHeaders *headers, Bits *b, int ref_idc, int type,
                  DcnH264SliceHeader *h)
{
  memset(h, 0, sizeof *h);
  h->nal_ref_idc = ref_idc;
  h->nal_unit_type = type;
  h->first_mb_in_slice = ue(b);
  h->slice_type = (DcnH264SliceType)(ue(b) % 5);
  h->pic_parameter_set_id = ue(b);
  if (b->error || h->pic_parameter_set_id > 255 || !headers->have_pps[h->pic_parameter_set_id] ||
      !headers->have_sps[headers->pps[h->pic_parameter_set_id].seq_parameter_set_id])
    return FALSE;
  const DcnH264Pps *pps = stream_pps(headers, h);
  const DcnH264Sps *sps = stream_sps(headers, h);
  if (sps->separate_colour_plane_flag)
    h->colour_plane_id = (int)u(b, 2);
  h->frame_num = (int)u(b, sps->log2_max_frame_num_minus4 + 4);
  if (!sps->frame_mbs_only_flag) {
    h->field_pic_flag = (gboolean)bit(b);
    if (h->field_pic_flag)
      h->bottom_field_flag = (gboolean)bit(b);
  }
  if (type == 5)
    h->idr_pic_id = ue(b);
  if (sps->pic_order_cnt_type == 0) {
    h->pic_order_cnt_lsb = (int)u(b, sps->log2_max_pic_order_cnt_lsb_minus4 + 4);
    if (pps->bottom_field_pic_order_in_frame_present_flag && !h->field_pic_flag)
      h->delta_pic_order_cnt_bottom = se(b);
  } else if (sps->pic_order_cnt_type == 1 && !sps->delta_pic_order_always_zero_flag) {
    h->delta_pic_order_cnt[0] = se(b);
    if (pps->bottom_field_pic_order_in_frame_present_flag && !h->field_pic_flag)
      h->delta_pic_order_cnt[1] = se(b);
  }
  if (pps->redundant_pic_cnt_present_flag)
    h->redundant_pic_cnt = ue(b);
  gboolean is_b = h->slice_type == DCN_H264_SLICE_B;
  gboolean is_p = h->slice_type == DCN_H264_SLICE_P || h->slice_type == DCN_H264_SLICE_SP;
  if (is_b)
    h->direct_spatial_mv_pred_flag = (gboolean)bit(b);
  h->num_ref_idx_active_minus1[0] = pps->num_ref_idx_l0_default_active_minus1;
  h->num_ref_idx_active_minus1[1] = pps->num_ref_idx_l1_default_active_minus1;
  if (is_p || is_b) {
    if (bit(b)) {
      h->num_ref_idx_active_minus1[0] = ue(b);
      if (is_b)
        h->num_ref_idx_active_minus1[1] = ue(b);
    }
    skip_modification(b);
    if (is_b)
      skip_modification(b);
    if ((is_p && pps->weighted_pred_flag) || (is_b && pps->weighted_bipred_idc == 1))
      skip_weights(b, h, dcn_h264_chroma_array_type(sps));
  }
  if (ref_idc)
    skip_marking(b, type == 5);
  if (pps->entropy_coding_mode_flag && (is_p || is_b))
    h->cabac_init_idc = ue(b);
  h->slice_qp_delta = se(b);
  if (h->slice_type == DCN_H264_SLICE_SP || h->slice_type == DCN_H264_SLICE_SI) {
    if (h->slice_type == DCN_H264_SLICE_SP)
      h->sp_for_switch_flag = (gboolean)bit(b);
    h->slice_qs_delta = se(b);
  }
  if (pps->deblocking_filter_control_present_flag) {
    h->disable_deblocking_filter_idc = ue(b);
    if (h->disable_deblocking_filter_idc != 1) {
      h->slice_alpha_c0_offset_div2 = se(b);
      h->slice_beta_offset_div2 = se(b);
    }
  }
  return !b->error;
}

gboolean
stream_nal(StreamHeaders *headers, const uint8_t *nal, size_t size, DcnH264SliceHeader *header,
           size_t *header_bits)
{
  Bits b = {.nal = nal, .size = size, .at = 8};
  if (size < 2)
    return FALSE;
  int ref_idc = nal[0] >> 5 & 3, type = nal[0] & 31;
  if (type == 7)
    read_sps(headers, &b);
  else if (type == 8)
    read_pps(headers, &b);
  if (type != 1 && type != 2 && type != 5)
    return FALSE;
  if (!read_slice_header(headers, &b, ref_idc, type, header))
    return FALSE;
  *header_bits = b.at;
  return TRUE;
}
