/* deltacnn: direct prediction of B macroblocks of H.264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.4.1.2. */
#include "h264/around.h"

/* The co-located 4x4 block, 8.4.1.2.1. */
typedef struct {
  int ref_idx;     /* refIdxCol; -1: intra */
  int mv[2];       /* mvCol */
  DcnH264RefId id; /* of the frame refPicCol belongs to */
  int fields;      /* which of it refPicCol is */
  int list;        /* the list it was predicted from */
  gboolean field;  /* predicted in field mode: a field picture, or a field macroblock */
} Col;

/* Where to look for what is co-located with this macroblock; the same for all its blocks. */
typedef struct {
  const DcnH264MotionMap *map;
  gboolean fields; /* colPic is a field (FLD of table 8-6) */
  gboolean mbaff;  /* colPic is an MBAFF frame */
  int parity;      /* of the nearer field: 0 top, 1 bottom */
} ColPic;

static gboolean
col_pic(DcnH264Coded *coded, int mb_addr, ColPic *out)
{
  const DcnH264Ref *ref = &coded->slice->refs[1][0];
  const DcnH264Frame *frame = ref->frame;
  gboolean field_mb = coded->macroblocks.mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  if (!frame || !frame->picture || (frame->fields & ref->fields) != ref->fields)
    return FALSE;
  /* Ties go to the bottom field. */
  int64_t poc = dcn_h264_frame_poc(coded->frame, DCN_H264_FRAME);
  out->parity = ABS(frame->poc[0] - poc) >= ABS(frame->poc[1] - poc);
  out->fields = frame->coded_as_fields;
  out->mbaff = frame->mbaff;
  if (!frame->coded_as_fields)
    out->map = &frame->map[0];
  else if (coded->structure != DCN_H264_FRAME)
    out->map = &frame->map[ref->fields == DCN_H264_BOTTOM];
  else
    out->map = &frame->map[field_mb ? mb_addr & 1 : out->parity];
  return out->map->kind != NULL;
}

/* Table 8-8.  (x, y): the block's corner, xCol and yCol. */
static void
colocated(const DcnH264Coded *coded, int mb_addr, const ColPic *pic, int x, int y, Col *col)
{
  int w = coded->macroblocks.mb_width;
  gboolean field_mb = coded->macroblocks.mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  const DcnH264MotionMap *map = pic->map;
  int mb = mb_addr;
  if (coded->structure != DCN_H264_FRAME) {
    if (!pic->fields && !pic->mbaff) {
      mb = 2 * w * (mb_addr / w) + mb_addr % w + w * (y / 8);
      y = 2 * y % 16;
    } else if (!pic->fields) {
      if (map->kind[2 * mb_addr] & DCN_H264_MOTION_FIELD) {
        mb = 2 * mb_addr + (coded->structure == DCN_H264_BOTTOM);
      } else {
        mb = 2 * mb_addr + y / 8;
        y = 2 * y % 16;
      }
    }
  } else if (!coded->mbaff) {
    if (pic->fields) {
      mb = w * (mb_addr / (2 * w)) + mb_addr % w;
      y = 8 * (mb_addr / w % 2) + 4 * (y / 8);
    }
  } else if (pic->fields) {
    mb = mb_addr / 2;
    if (!field_mb)
      y = 8 * (mb_addr % 2) + 4 * (y / 8);
  } else {
    gboolean field = map->kind[mb_addr] & DCN_H264_MOTION_FIELD;
    if (!field_mb && field) {
      mb = mb_addr / 2 * 2 + pic->parity;
      y = 8 * (mb_addr % 2) + 4 * (y / 8);
    } else if (field_mb && !field) {
      mb = mb_addr / 2 * 2 + y / 8;
      y = 2 * y % 16;
    }
  }
  int b4 = (y >> 2) * 4 + (x >> 2);
  gboolean field_col = map->kind[mb] & DCN_H264_MOTION_FIELD;
  col->field = pic->fields || field_col;
  col->list = 0;
  col->ref_idx = dcn_h264_motion_at(map, mb, 0, b4, col->mv);
  if (col->ref_idx < 0 && !(map->kind[mb] & DCN_H264_MOTION_INTRA)) {
    col->list = 1;
    col->ref_idx = dcn_h264_motion_at(map, mb, 1, b4, col->mv);
  }
  if (col->ref_idx < 0)
    return;
  const DcnH264SliceInfo *slice = &g_array_index(map->slices, DcnH264SliceInfo, map->slice[mb]);
  DcnH264RefId id = slice->ref_id[col->list][field_col ? col->ref_idx >> 1 : col->ref_idx];
  col->id = id & ~3u;
  col->fields = (int)(id & 3);
  if (field_col) /* index 0 is the field of the macroblock's own parity */
    col->fields = (col->ref_idx & 1) == (mb & 1) ? DCN_H264_TOP : DCN_H264_BOTTOM;
}

/* MinPositive of 8.4.1.2.2; below 0 where both are. */
static int
min_positive(int x, int y)
{
  return (int)MIN((unsigned)x, (unsigned)y);
}

static void
set_block(DcnH264Motion *motion, int b4, int list, int ref_idx, const int mv[2])
{
  motion->mv[list][b4][0] = (int16_t)mv[0];
  motion->mv[list][b4][1] = (int16_t)mv[1];
  motion->ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)] = (int8_t)ref_idx;
}

/* Where blocks are 8x8 (direct_8x8_inference_flag) their corner of the macroblock decides. */
static void
corner(gboolean inference, int b4, int *x, int *y)
{
  *x = (b4 & 3) * 4;
  *y = (b4 >> 2) * 4;
  if (inference) {
    *x = *x < 8 ? 0 : 12;
    *y = *y < 8 ? 0 : 12;
  }
}

/* colZeroFlag of 8.4.1.2.2 for the quarters (direct_8x8_inference_flag) or the 4x4 blocks that are asked for: bit b4. */
static unsigned
col_zeros(DcnH264Coded *coded, int mb_addr, const ColPic *pic, unsigned quarters)
{
  gboolean inference = coded->sps.direct_8x8_inference_flag;
  const DcnH264MotionMap *map = pic->map;
  unsigned zeros = 0;
  if (!coded->mbaff && !pic->mbaff && pic->fields == (coded->structure != DCN_H264_FRAME)) {
    /* One macroblock, at the same place; often predicted as one. */
    int kind = map->kind[mb_addr];
    const DcnH264Whole *whole = &map->whole[mb_addr];
    if (kind & DCN_H264_MOTION_INTRA)
      return 0;
    if (kind & DCN_H264_MOTION_UNIFORM) {
      int list = whole->ref_idx[0] < 0;
      return whole->ref_idx[list] == 0 && ABS(whole->mv[list][0]) <= 1 &&
                     ABS(whole->mv[list][1]) <= 1
                 ? 0xffff
                 : 0;
    }
    if (inference) {
      /* Corners, of which only those that are asked for are looked at behind this. */
      const DcnH264Motion *motion = &map->motion[mb_addr];
      for (int b8 = 0; b8 < 4; b8++) {
        static const uint8_t corners[4] = {0, 3, 12, 15};
        int list = motion->ref_idx[0][b8] < 0;
        const int16_t *mv = motion->mv[list][corners[b8]];
        gboolean zero = (motion->ref_idx[list][b8] == 0) & (ABS(mv[0]) <= 1) & (ABS(mv[1]) <= 1);
        zeros |= zero ? 0x33u << ((b8 & 2) * 4 + (b8 & 1) * 2) : 0;
      }
      return zeros;
    }
  }
  for (int b4 = 0; b4 < 16; b4++) {
    Col col;
    int x, y, b8 = (b4 >> 3) * 2 + (b4 >> 1 & 1);
    if (!(quarters >> b8 & 1) || (inference && b4 & 5))
      continue;
    corner(inference, b4, &x, &y);
    colocated(coded, mb_addr, pic, x, y, &col);
    if (col.ref_idx == 0 && ABS(col.mv[0]) <= 1 && ABS(col.mv[1]) <= 1)
      zeros |= (inference ? 0x33u : 1u) << b4;
  }
  return zeros;
}

static void
set_whole(DcnH264Coded *coded, int mb_addr, const int ref[2], int mv[2][2])
{
  DcnH264Whole *whole = &coded->map->whole[mb_addr];
  for (int list = 0; list < 2; list++) {
    whole->ref_idx[list] = (int8_t)ref[list];
    whole->mv[list][0] = (int16_t)mv[list][0];
    whole->mv[list][1] = (int16_t)mv[list][1];
  }
}

/* refIdxL0, refIdxL1 and the vectors of 8.4.1.2.2, before colZeroFlag. */
static inline void
spatial_prediction(const DcnH264Coded *coded, int mb_addr, int column, int ref[2], int mv[2][2])
{
  DcnH264Addresses at = {-1, -1, -1, -1};
  if (!coded->mbaff)
    at = dcn_h264_addresses(coded, mb_addr, column);
  for (int list = 0; list < 2; list++) {
    DcnH264Three n;
    if (G_UNLIKELY(coded->mbaff))
      dcn_h264_three_mbaff(coded, mb_addr, list, 0, 0, 16, &n);
    else
      dcn_h264_three(coded->map, &at, list, &n);
    ref[list] = MAX(min_positive(n.ref[0], min_positive(n.ref[1], n.ref[2])), -1);
    DcnH264Mv predicted = ref[list] >= 0 ? dcn_h264_predict(&n, ref[list]) : 0;
    mv[list][0] = dcn_h264_mv_part(predicted, 0);
    mv[list][1] = dcn_h264_mv_part(predicted, 1);
  }
  if (ref[0] < 0 && ref[1] < 0) {
    ref[0] = ref[1] = 0;
    memset(mv, 0, 4 * sizeof mv[0][0]);
  }
}

/* 8.4.1.2.2; returns TRUE when all blocks are alike, and then fills in the macroblock as a whole. */
static gboolean
spatial(DcnH264Coded *coded, int mb_addr, int column, unsigned quarters)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  gboolean inference = coded->sps.direct_8x8_inference_flag;
  int ref[2], mv[2][2];
  static const int zero[2] = {0, 0};
  gboolean col_matters = FALSE;
  spatial_prediction(coded, mb_addr, column, ref, mv);
  for (int list = 0; list < 2; list++)
    col_matters |= ref[list] == 0 && (mv[list][0] || mv[list][1]);
  if (coded->slice->long_term[1] & 1)
    col_matters = FALSE;

  unsigned zeros = 0, all = 0;
  if (col_matters) {
    ColPic pic;
    if (col_pic(coded, mb_addr, &pic))
      zeros = col_zeros(coded, mb_addr, &pic, quarters);
    else
      dcn_h264_fail(coded, "co-located picture missing");
  }
  for (int b8 = 0; b8 < 4; b8++)
    if (quarters >> b8 & 1)
      all |= 0x33u << ((b8 & 2) * 4 + (b8 & 1) * 2);
  zeros &= all;
  if (quarters == 15 && (zeros == 0 || zeros == all)) {
    for (int list = 0; list < 2; list++)
      if (zeros && ref[list] == 0)
        mv[list][0] = mv[list][1] = 0;
    set_whole(coded, mb_addr, ref, mv);
    return TRUE;
  }
  for (int b4 = 0; b4 < 16; b4++) {
    if (!(all >> b4 & 1))
      continue;
    for (int list = 0; list < 2; list++)
      set_block(motion, b4, list, ref[list], ref[list] == 0 && zeros >> b4 & 1 ? zero : mv[list]);
  }
  if (!inference && zeros && zeros != all)
    coded->map->kind[mb_addr] |= DCN_H264_MOTION_SUB;
  return FALSE;
}

/* refIdxL0 = map of refPicCol, 8.4.1.2.3; -1 when the list has it not. */
static int
map_to_list0(const DcnH264Coded *coded, int mb_addr, const Col *col)
{
  const DcnH264SliceInfo *slice = coded->slice;
  gboolean field_mb = coded->macroblocks.mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  if (field_mb) {
    int own = mb_addr & 1 ? DCN_H264_BOTTOM : DCN_H264_TOP;
    int wanted = col->field ? col->fields : own;
    for (int i = 0; i < slice->n_refs[0]; i++)
      if ((slice->ref_id[0][i] & ~3u) == col->id)
        return 2 * i + (wanted != own);
    return -1;
  }
  int fields = DCN_H264_FRAME;
  if (coded->structure != DCN_H264_FRAME)
    fields = col->field ? col->fields : coded->structure;
  for (int i = 0; i < slice->n_refs[0]; i++)
    if (slice->ref_id[0][i] == (col->id | (DcnH264RefId)fields))
      return i;
  return -1;
}

/* 8.4.1.2.3: mvL0 and mvL1 of a block */
static gboolean
temporal_block(DcnH264Coded *coded, int mb_addr, const Col *col, int *ref_idx, int mv[2][2])
{
  const DcnH264SliceInfo *slice = coded->slice;
  gboolean field_mb = coded->macroblocks.mbs[mb_addr].flags & DCN_H264_MB_FIELD;
  gboolean bottom_mb = mb_addr & 1;
  gboolean field_here = field_mb || coded->structure != DCN_H264_FRAME;
  *ref_idx = 0;
  int mv_col[2] = {0, 0};
  if (col->ref_idx >= 0) {
    *ref_idx = map_to_list0(coded, mb_addr, col);
    mv_col[0] = col->mv[0];
    mv_col[1] = col->mv[1];
    if (field_here && !col->field)
      mv_col[1] /= 2;
    else if (!field_here && col->field)
      mv_col[1] *= 2;
  }
  if (*ref_idx < 0)
    return FALSE;
  DcnH264Ref ref0 = dcn_h264_ref_at(slice, 0, *ref_idx, field_mb, bottom_mb);
  DcnH264Ref ref1 = dcn_h264_ref_at(slice, 1, 0, field_mb, bottom_mb);
  if (!ref0.frame || !ref1.frame)
    return FALSE;
  int own = field_mb ? (bottom_mb ? DCN_H264_BOTTOM : DCN_H264_TOP) : coded->structure;
  int64_t poc = own == DCN_H264_FRAME ? MIN(coded->frame->poc[0], coded->frame->poc[1])
                                      : coded->frame->poc[own - 1];
  int64_t poc0 = dcn_h264_frame_poc(ref0.frame, ref0.fields);
  int64_t poc1 = dcn_h264_frame_poc(ref1.frame, ref1.fields);
  gboolean long_term = slice->long_term[0] >> (field_mb ? *ref_idx >> 1 : *ref_idx) & 1;
  int tb = (int)CLAMP(poc - poc0, -128, 127);
  int td = (int)CLAMP(poc1 - poc0, -128, 127);
  if (long_term || td == 0) {
    mv[0][0] = mv_col[0];
    mv[0][1] = mv_col[1];
    mv[1][0] = mv[1][1] = 0;
    return TRUE;
  }
  int tx = (16384 + ABS(td / 2)) / td;
  int scale = CLAMP((tb * tx + 32) >> 6, -1024, 1023);
  for (int t = 0; t < 2; t++) {
    mv[0][t] = (scale * mv_col[t] + 128) >> 8;
    mv[1][t] = mv[0][t] - mv_col[t];
  }
  return TRUE;
}

static gboolean
temporal(DcnH264Coded *coded, int mb_addr, unsigned quarters)
{
  DcnH264Motion *motion = &coded->map->motion[mb_addr];
  gboolean inference = coded->sps.direct_8x8_inference_flag;
  ColPic pic;
  if (!col_pic(coded, mb_addr, &pic)) {
    const int none[2] = {0, 0};
    dcn_h264_fail(coded, "co-located picture missing");
    /* The other quarters have vectors of their own. */
    for (int b4 = 0; quarters != 15 && b4 < 16; b4++)
      if (quarters >> ((b4 >> 3) * 2 + (b4 >> 1 & 1)) & 1) {
        set_block(motion, b4, 0, 0, none);
        set_block(motion, b4, 1, -1, none);
      }
    if (quarters != 15)
      return FALSE;
    coded->map->whole[mb_addr] = (DcnH264Whole){.ref_idx = {0, -1}};
    coded->map->kind[mb_addr] |= DCN_H264_MOTION_ZERO;
    return TRUE;
  }
  /* libavcodec keeps the lists of one slice of each picture only. */
  if (pic.map->lists_differ)
    dcn_h264_fail(coded, "co-located picture with several reference lists");
  gboolean uniform = quarters == 15;
  for (int b4 = 0; b4 < 16; b4++) {
    int b8 = (b4 >> 3) * 2 + (b4 >> 1 & 1);
    if (!(quarters >> b8 & 1))
      continue;
    int first = (b4 & 8) + (b4 & 2); /* upper left 4x4 block of the 8x8 block */
    int ref_idx, mv[2][2];
    if (inference && b4 != first) {
      for (int list = 0; list < 2; list++)
        for (int t = 0; t < 2; t++)
          motion->mv[list][b4][t] = motion->mv[list][first][t];
      continue;
    }
    Col col;
    int x, y;
    corner(inference, b4, &x, &y);
    colocated(coded, mb_addr, &pic, x, y, &col);
    if (!temporal_block(coded, mb_addr, &col, &ref_idx, mv)) {
      dcn_h264_fail(coded, "reference of direct prediction missing");
      ref_idx = 0;
      mv[0][0] = mv[0][1] = mv[1][0] = mv[1][1] = 0;
    }
    set_block(motion, b4, 0, ref_idx, mv[0]);
    set_block(motion, b4, 1, 0, mv[1]);
    /* Block 0 has a vector already only where all quarters are asked for. */
    uniform = uniform && ref_idx == motion->ref_idx[0][0];
    for (int list = 0; list < 2; list++) {
      for (int t = 0; t < 2; t++) {
        uniform = uniform && motion->mv[list][b4][t] == motion->mv[list][0][t];
        if (motion->mv[list][b4][t] != motion->mv[list][first][t])
          coded->map->kind[mb_addr] |= DCN_H264_MOTION_SUB;
      }
    }
  }
  if (uniform) {
    int ref[2] = {motion->ref_idx[0][0], motion->ref_idx[1][0]};
    int mv[2][2] = {{motion->mv[0][0][0], motion->mv[0][0][1]},
                    {motion->mv[1][0][0], motion->mv[1][0][1]}};
    set_whole(coded, mb_addr, ref, mv);
  }
  return uniform;
}

void
dcn_h264_direct(DcnH264Coded *coded, int mb_addr, int column, unsigned quarters)
{
  gboolean uniform = coded->slice->direct_spatial ? spatial(coded, mb_addr, column, quarters)
                                                  : temporal(coded, mb_addr, quarters);
  if (uniform)
    coded->map->kind[mb_addr] |= DCN_H264_MOTION_UNIFORM;
}
