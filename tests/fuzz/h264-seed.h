/* deltacnn tests: inputs of the H.264 slice data target, read by fuzz-h264.c and written by make-h264-corpus.c.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A picture: H264_SEED_PICTURE bytes, then slices of H264_SEED_SLICE bytes and a NAL unit each. */
#pragma once
#include "h264/h264.h"
#include <string.h>

#define H264_SEED_PICTURE 4
#define H264_SEED_SLICE 9

typedef struct {
  gboolean field_pic_flag;
} H264Seed;

static inline gboolean
h264_seed_picture(H264Seed *seed, const uint8_t *data, size_t size, DcnH264Sps *sps)
{
  if (size < H264_SEED_PICTURE)
    return FALSE;
  memset(sps, 0, sizeof *sps);
  sps->chroma_format_idc = data[0] & 3;
  sps->separate_colour_plane_flag = sps->chroma_format_idc == 3 && data[0] & 4;
  sps->direct_8x8_inference_flag = !!(data[0] & 8);
  sps->frame_mbs_only_flag = !(data[0] & 16);
  sps->mb_adaptive_frame_field_flag = !sps->frame_mbs_only_flag && data[0] & 32;
  seed->field_pic_flag = !sps->frame_mbs_only_flag && data[0] & 64;
  sps->bit_depth_luma_minus8 = (data[1] & 15) % 7;
  sps->bit_depth_chroma_minus8 = (data[1] >> 4) % 7;
  sps->pic_width_in_mbs_minus1 = data[2] & 15;
  sps->pic_height_in_map_units_minus1 = data[3] & 15;
  return TRUE;
}

/* The next slice; *at moves behind it. */
static inline gboolean
h264_seed_slice(const H264Seed *seed, const uint8_t *data, size_t size, size_t *at, DcnH264Pps *pps,
                DcnH264SliceHeader *header, const uint8_t **nal, size_t *nal_size, size_t *header_bits)
{
  if (size - *at < H264_SEED_SLICE)
    return FALSE;
  const uint8_t *d = data + *at;
  memset(pps, 0, sizeof *pps);
  memset(header, 0, sizeof *header);
  header->slice_type = (DcnH264SliceType)((d[0] & 7) % 5);
  pps->entropy_coding_mode_flag = !!(d[0] & 8);
  pps->transform_8x8_mode_flag = !!(d[0] & 16);
  header->cabac_init_idc = d[0] >> 5;
  header->first_mb_in_slice = d[1];
  header->slice_qp_delta = (int8_t)d[2];
  header->num_ref_idx_active_minus1[0] = d[3];
  header->num_ref_idx_active_minus1[1] = d[4];
  header->field_pic_flag = seed->field_pic_flag;
  *header_bits = (size_t)(d[5] | d[6] << 8);
  *nal_size = MIN((size_t)(d[7] | d[8] << 8), size - *at - H264_SEED_SLICE);
  *nal = d + H264_SEED_SLICE;
  *at += H264_SEED_SLICE + *nal_size;
  return TRUE;
}
