/* deltacnn: what changed, from the macroblock layer of H.264 video.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 (ISO/IEC 14496-10).  Parameter sets and slice headers are parsed by the caller and handed in, in the
 * standard's own names; slice data is parsed here, without reconstructing a sample.
 *
 * Use: per primary coded picture (a frame or one field) begin_picture with the parameter sets it uses and its first
 * slice's header, slice for each of its slices in order, end_picture.  Both fields of a complementary pair are one
 * DcnPicture: the second begin_picture returns the same one again.
 *
 * Which slices make one primary coded picture (7.4.1.2.4, dcn_h264_first_slice_of_picture) is for the caller to find out,
 * as is the content of parameter sets at the time of their activation: the extractor keeps copies and starts a new epoch
 * where a sequence parameter set differs from the active one.
 *
 * What the caller has to add, because only it sees it: reset where data was lost; fail where a NAL unit belonged to the
 * open picture and could not be understood (data partitions, an unreadable slice header, auxiliary pictures excepted).
 *
 * Vectors (DcnVector): one per partition (sub-macroblock partition of 8x8 and smaller, direct prediction in 8x8 or 4x4
 * blocks as direct_8x8_inference_flag says) and direction, in the order of the macroblocks of the slices, list 0 of the
 * whole macroblock before list 1. */
#pragma once
#include "coding/picture.h"
#include <stddef.h>

/* Sequence parameter set, 7.3.2.1.1; values not transmitted have what 7.4.2.1.1 infers. */
typedef struct {
  int seq_parameter_set_id;
  int profile_idc;
  int constraint_set_flags; /* bit i: constraint_set<i>_flag */
  int level_idc;
  int chroma_format_idc;
  gboolean separate_colour_plane_flag;
  int bit_depth_luma_minus8, bit_depth_chroma_minus8;
  gboolean qpprime_y_zero_transform_bypass_flag;
  int log2_max_frame_num_minus4;
  int pic_order_cnt_type;
  int log2_max_pic_order_cnt_lsb_minus4;
  gboolean delta_pic_order_always_zero_flag;
  int offset_for_non_ref_pic, offset_for_top_to_bottom_field;
  int num_ref_frames_in_pic_order_cnt_cycle;
  int offset_for_ref_frame[255];
  int max_num_ref_frames;
  gboolean gaps_in_frame_num_value_allowed_flag;
  int pic_width_in_mbs_minus1, pic_height_in_map_units_minus1;
  gboolean frame_mbs_only_flag;
  gboolean mb_adaptive_frame_field_flag;
  gboolean direct_8x8_inference_flag;
  /* 0 without frame_cropping_flag */
  int frame_crop_left_offset, frame_crop_right_offset, frame_crop_top_offset, frame_crop_bottom_offset;
  gboolean bitstream_restriction_flag; /* the next two are given, E.1.1 */
  int max_num_reorder_frames, max_dec_frame_buffering;
} DcnH264Sps;

/* ChromaArrayType, 7.4.2.1.1: 0 none, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
static inline int
dcn_h264_chroma_array_type(const DcnH264Sps *sps)
{
  return sps->separate_colour_plane_flag ? 0 : sps->chroma_format_idc;
}

/* Picture parameter set, 7.3.2.2. */
typedef struct {
  int pic_parameter_set_id;
  int seq_parameter_set_id;
  gboolean entropy_coding_mode_flag; /* CABAC */
  gboolean bottom_field_pic_order_in_frame_present_flag;
  int num_slice_groups_minus1; /* more than 0: not understood */
  int num_ref_idx_l0_default_active_minus1, num_ref_idx_l1_default_active_minus1;
  gboolean weighted_pred_flag;
  int weighted_bipred_idc;
  int pic_init_qp_minus26, pic_init_qs_minus26;
  int chroma_qp_index_offset, second_chroma_qp_index_offset; /* the second one equals the first where it is not sent */
  gboolean deblocking_filter_control_present_flag;
  gboolean constrained_intra_pred_flag;
  gboolean redundant_pic_cnt_present_flag;
  gboolean transform_8x8_mode_flag;
} DcnH264Pps;

/* slice_type % 5, table 7-6 */
typedef enum {
  DCN_H264_SLICE_P = 0,
  DCN_H264_SLICE_B = 1,
  DCN_H264_SLICE_I = 2,
  DCN_H264_SLICE_SP = 3,
  DCN_H264_SLICE_SI = 4
} DcnH264SliceType;

/* One step of ref_pic_list_modification(), 7.3.3.1 */
typedef struct {
  int modification_of_pic_nums_idc; /* 0, 1, 2; 3 (the end) is not kept */
  int value;                        /* abs_diff_pic_num_minus1, or long_term_pic_num */
} DcnH264RefPicListModification;

/* One explicit weight of one reference index, 7.3.3.2; [0] luma, [1] Cb, [2] Cr.  What is not sent holds the inferred
 * 2^denominator and 0. */
typedef struct {
  int16_t weight[3];
  int16_t offset[3];
} DcnH264Weight;

/* One command of dec_ref_pic_marking(), 7.3.3.3 */
typedef struct {
  int memory_management_control_operation; /* 1 to 6; 0 (the end) is not kept */
  int difference_of_pic_nums_minus1;       /* 1, 3 */
  int long_term_pic_num;                   /* 2 */
  int long_term_frame_idx;                 /* 3, 6 */
  int max_long_term_frame_idx_plus1;       /* 4 */
} DcnH264RefPicMarking;

#define DCN_H264_MAX_MODIFICATIONS 66
#define DCN_H264_MAX_MARKINGS 66

/* nal_unit_header() and slice_header(), 7.3.3. */
typedef struct {
  int nal_ref_idc;
  int nal_unit_type;           /* 1, or 5: IdrPicFlag */
  int first_mb_in_slice;
  DcnH264SliceType slice_type; /* slice_type % 5 */
  int pic_parameter_set_id;
  int colour_plane_id;
  int frame_num;
  gboolean field_pic_flag, bottom_field_flag;
  int idr_pic_id;
  int pic_order_cnt_lsb;
  int delta_pic_order_cnt_bottom;
  int delta_pic_order_cnt[2];
  int redundant_pic_cnt;
  gboolean direct_spatial_mv_pred_flag;
  int num_ref_idx_active_minus1[2]; /* after num_ref_idx_active_override_flag; l0, l1 */
  int n_modifications[2];           /* 0 without ref_pic_list_modification_flag_lX */
  DcnH264RefPicListModification modifications[2][DCN_H264_MAX_MODIFICATIONS];
  /* pred_weight_table(), filled where weighted_pred_flag (P, SP) or weighted_bipred_idc 1 (B) asks for it */
  int luma_log2_weight_denom, chroma_log2_weight_denom;
  DcnH264Weight weights[2][32];
  gboolean no_output_of_prior_pics_flag, long_term_reference_flag;
  gboolean adaptive_ref_pic_marking_mode_flag;
  int n_markings;
  DcnH264RefPicMarking markings[DCN_H264_MAX_MARKINGS];
  int cabac_init_idc;
  int slice_qp_delta;
  gboolean sp_for_switch_flag;
  int slice_qs_delta;
  int disable_deblocking_filter_idc;
  int slice_alpha_c0_offset_div2, slice_beta_offset_div2;
} DcnH264SliceHeader;

/* Derived variables of 7.4.3 */
static inline gboolean
dcn_h264_idr(const DcnH264SliceHeader *header)
{
  return header->nal_unit_type == 5;
}

static inline gboolean
dcn_h264_mbaff(const DcnH264Sps *sps, const DcnH264SliceHeader *header)
{
  return sps->mb_adaptive_frame_field_flag && !header->field_pic_flag;
}

/* PicWidthInMbs */
static inline int
dcn_h264_width_in_mbs(const DcnH264Sps *sps)
{
  return sps->pic_width_in_mbs_minus1 + 1;
}

/* FrameHeightInMbs */
static inline int
dcn_h264_frame_height_in_mbs(const DcnH264Sps *sps)
{
  return (2 - sps->frame_mbs_only_flag) * (sps->pic_height_in_map_units_minus1 + 1);
}

/* Whether a slice begins a new primary coded picture: 7.4.1.2.4.  a belongs to the picture before. */
gboolean dcn_h264_first_slice_of_picture(const DcnH264Sps *sps, const DcnH264SliceHeader *a,
                                         const DcnH264SliceHeader *b);

typedef struct _DcnH264Extractor DcnH264Extractor;

/* A new extractor with a new epoch and no references. */
DcnH264Extractor *dcn_h264_extractor_new(void);
void dcn_h264_extractor_free(DcnH264Extractor *extractor); /* NULL is fine */

/* New epoch, references forgotten: flush, seek, discontinuity, lost data.  Nothing is known again before an IDR picture
 * or one like it. */
void dcn_h264_extractor_reset(DcnH264Extractor *extractor);

/* The next picture comes with a recovery point SEI message, D.2.8: a decoder may begin there as at an I picture. */
void dcn_h264_extractor_recovery_point(DcnH264Extractor *extractor);

/* Starts a primary coded picture (a frame or one field).  The parameter sets are copied; other slices of the picture
 * may use other picture parameter sets.  header is the first slice's.  Returns the picture it belongs to, a reference
 * that the caller owns: a new one for a frame or first field, the same one again for the second field of a pair
 * (*second_field then TRUE; may be NULL).  NULL when the parameters are out of range (then nothing is known until the next
 * IDR picture) and when memory is short. */
DcnPicture *dcn_h264_extractor_begin_picture(DcnH264Extractor *extractor, const DcnH264Sps *sps,
                                             const DcnH264SliceHeader *header, gboolean *second_field);

/* One slice of the open picture.
 * nal         the NAL unit, its header byte first, emulation prevention bytes still in it, without trailing zeros of
 *             the byte stream format
 * header_bits where slice_data() begins: bits from the start of the NAL unit, its header and emulation prevention
 *             bytes counted
 * Errors are kept and show in the picture (unknown_reason): nothing to return. */
void dcn_h264_extractor_slice(DcnH264Extractor *extractor, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
                              const uint8_t *nal, size_t size, size_t header_bits);

/* The open picture holds something that was not understood: reason, a static string. */
void dcn_h264_extractor_fail(DcnH264Extractor *extractor, const char *reason);

/* The open picture is as it should be, but its samples are not what its slices say: reason, a static string. */
void dcn_h264_extractor_refuse(DcnH264Extractor *extractor, const char *reason);

/* Ends the coded picture.  Macroblocks no slice covered make the picture not known.  The picture becomes complete
 * here, unless it is a first field.  A picture that is not known and a reference also ends the epoch: what the decoder
 * conceals cannot be foreseen; nothing is known then before the references it may have touched are gone. */
void dcn_h264_extractor_end_picture(DcnH264Extractor *extractor);
