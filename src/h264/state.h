/* deltacnn: state shared by the semantic stages of the H.264 macroblock layer.  Internal to src/h264.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One primary coded picture passes through
 *   poc.c         picture order counts                               8.2.1
 *   references.c  decoded reference picture marking, gaps            8.2.5
 *   frame.c       frames and the motion kept with them
 *   lists.c       reference picture lists, per slice                 8.2.4
 *   the slice data parser (decode.h), per slice                      7.3.4, 7.3.5
 *   motion.c, direct.c, around.h, neighbourhood.c  vectors and reference indices, per macroblock 8.4.1
 *   weights.c     where weighted prediction leaves samples alone     8.4.2.3
 *   deblock.c     which edges the deblocking filter may touch        8.7, whole picture
 *   inherit.c     the born rule, vectors, flags, whole picture
 * extractor.c keeps the decoded picture buffer and epochs, doubt.c (doubt.h) what decoders do with streams that are not
 * right. */
#pragma once
#include "h264/decode.h"

#define DCN_H264_TOP 1
#define DCN_H264_BOTTOM 2
#define DCN_H264_FRAME 3 /* both */

/* Frames that may be marked as used for reference, and the current one: max_num_ref_frames <= 16. */
#define DCN_H264_MAX_REFS 16
#define DCN_H264_DPB_SIZE (DCN_H264_MAX_REFS + 2)
#define DCN_H264_LIST_SIZE 33

typedef struct _DcnH264Frame DcnH264Frame;

/* One entry of RefPicList0 or RefPicList1: a frame, or one of its fields. */
typedef struct {
  DcnH264Frame *frame; /* borrowed; NULL: no reference picture */
  int fields;          /* DCN_H264_TOP, _BOTTOM or _FRAME */
} DcnH264Ref;

/* What stands for a reference picture wherever pictures are only compared: frame and parity, unique while any
 * frame that names it is kept.  0: none. */
typedef uint32_t DcnH264RefId;

/* What later pictures and the picture's last pass need to know of a slice. */
typedef struct {
  DcnH264SliceType type;
  int n_refs[2];
  DcnH264RefId ref_id[2][32];   /* of RefPicList0 and 1, by refIdx */
  DcnH264Ref refs[2][32];       /* borrowed; valid while the picture of the slice is open */
  uint32_t ref_number[2][32];   /* DcnPicture.number in the picture's epoch, or DCN_NUMBER_NONE */
  uint32_t long_term[2];        /* bit refIdx */
  uint32_t present[2];          /* bit refIdx: a picture that was decoded */
  uint32_t same_lines[2];       /* bit refIdx: a frame where a frame is decoded, the field of the same parity for a field */
  uint32_t copy_single[2];      /* bit refIdx: prediction from it alone leaves samples as they are (weights.c) */
  uint32_t copy_bi[32];         /* [refIdxL0] bit refIdxL1: so does the mean of two equal samples */
  uint64_t copies[33];          /* the three in one: [1 + refIdxL0] bit 1 + refIdxL1, -1 where a list is not used: prediction
                                 * with zero vectors from them gives what is in them, where they are the same */
  const uint32_t *born[2][32];  /* borrowed, as refs: what may be inherited from the reference; NULL: nothing */
  uint32_t used[2];             /* bit refIdx: something is predicted from it */
  gboolean direct_spatial;
  int disable_deblocking_filter_idc;
  int filter_offset_a, filter_offset_b;
  int chroma_qp_index_offset[2];
} DcnH264SliceInfo;

/* Prediction of one macroblock.  b4: 4x4 block in raster order of the macroblock; b8 likewise 8x8. */
typedef struct {
  int16_t mv[2][16][2]; /* [list][b4][x, y] quarter samples */
  int8_t ref_idx[2][4]; /* [list][b8]; -1: the list is not used */
} DcnH264Motion;

/* The same of a macroblock that is predicted as one. */
typedef struct {
  int16_t mv[2][2];   /* [list][x, y]; 0 where the list is not used */
  int8_t ref_idx[2];  /* [list] */
} DcnH264Whole;

#define DCN_H264_MOTION_UNIFORM 1 /* one vector and index per list: in DcnH264MotionMap.whole, not in .motion */
#define DCN_H264_MOTION_INTRA 2   /* .whole says that no list is used */
#define DCN_H264_MOTION_ZERO 4    /* beside UNIFORM: list 0 only, refIdx 0, zero vector */
#define DCN_H264_MOTION_FIELD 8   /* field macroblock of an MBAFF frame */
#define DCN_H264_MOTION_SUB 16    /* vectors differ inside of 8x8 blocks, or may */
#define DCN_H264_MOTION_CLEAN 32  /* beside UNIFORM: no coefficients that count for the deblocking filter */
#define DCN_H264_MOTION_LIKE 64   /* beside CLEAN: as the macroblock to the left, of the same slice; never in column 0 */

/* The prediction of one coded picture (a frame or a field), kept for direct prediction of later ones.  kind[-1] and whole[-1] stand
 * for a macroblock that is not available. */
typedef struct {
  int mb_width, mb_height;
  int n_mbs;
  uint8_t *kind;         /* [n_mbs] by macroblock address, DCN_H264_MOTION_* */
  uint16_t *slice;       /* [n_mbs] index into slices */
  DcnH264Whole *whole;   /* [n_mbs] */
  DcnH264Motion *motion; /* [n_mbs]; kept apart, because few macroblocks need so much */
  GArray *slices;        /* of DcnH264SliceInfo */
  gboolean lists_differ; /* not all P and B slices have the same reference lists */
} DcnH264MotionMap;

/* Maps that nobody uses at the moment: pictures come and go, their size stays. */
typedef struct {
  DcnH264MotionMap free[DCN_H264_DPB_SIZE];
  int n;
} DcnH264MapPool;

/* For a coded picture of so many macroblocks; FALSE when memory is short.  What is in it is undefined. */
gboolean dcn_h264_map_take(DcnH264MapPool *pool, int mb_width, int mb_height, DcnH264MotionMap *map);
/* Zeroes it. */
void dcn_h264_map_give(DcnH264MapPool *pool, DcnH264MotionMap *map);
void dcn_h264_map_pool_clear(DcnH264MapPool *pool);

/* A frame or complementary field pair (or a field without its partner). */
struct _DcnH264Frame {
  int refs;
  DcnH264MapPool *pool; /* borrowed; where the maps go back to */
  uint32_t id;         /* unique, never 0, times 4 */
  DcnPicture *picture; /* owned; NULL: "non-existing" (8.2.5.2) */
  gboolean coded_as_fields, mbaff;
  gboolean clean;      /* understood, and decoded after the last event that left references in doubt */
  int fields;          /* decoded so far */
  int poc[2];          /* TopFieldOrderCnt, BottomFieldOrderCnt */
  int frame_num;
  int frame_num_wrap;  /* as of the current picture, 8.2.4.1 */
  int long_term_frame_idx;
  int short_term, long_term; /* fields that are marked so */
  DcnH264MotionMap map[2]; /* [0] the frame's, or the top field's; [1] the bottom field's */
};

/* ---- frame.c ---- */

DcnH264Frame *dcn_h264_frame_ref(DcnH264Frame *frame);
void dcn_h264_frame_unref(DcnH264Frame *frame); /* NULL is fine */

/* PicOrderCnt of 8.2.1 of the frame, or of one of its fields; of what was decoded of it. */
int dcn_h264_frame_poc(const DcnH264Frame *frame, int fields);

/* ---- poc.c ---- */

/* What 8.2.1 takes over from one picture to the next.  All zero at the start. */
typedef struct {
  int prev_pic_order_cnt_msb, prev_pic_order_cnt_lsb;
  int prev_frame_num, prev_frame_num_offset;
  int pic_order_cnt_msb, frame_num_offset; /* of the current picture */
} DcnH264PocState;

/* 8.2.1: TopFieldOrderCnt into poc[0], BottomFieldOrderCnt into poc[1]; of a field only its own is set.
 * FALSE where they leave the range of 32 bits. */
gboolean dcn_h264_poc(DcnH264PocState *state, const DcnH264Sps *sps, const DcnH264SliceHeader *header, int poc[2]);
/* The picture was decoded and marked.  mmco5: it had memory_management_control_operation 5; top_after: its
 * TopFieldOrderCnt after that. */
void dcn_h264_poc_next(DcnH264PocState *state, const DcnH264SliceHeader *header, gboolean mmco5, int top_after);

/* ---- references.c ---- */

typedef struct {
  DcnH264Frame *frames[DCN_H264_DPB_SIZE]; /* owned; marked as used for reference, in decoding order */
  int n_frames;
  int max_frame_num, max_num_ref_frames;
  int max_long_term_frame_idx; /* -1: "no long-term frame indices" */
} DcnH264Dpb;

void dcn_h264_dpb_clear(DcnH264Dpb *dpb);
/* FrameNumWrap of all frames, 8.2.4.1 */
void dcn_h264_dpb_set_frame_num(DcnH264Dpb *dpb, int frame_num);
/* Lets go of the oldest frame, after errors. */
void dcn_h264_dpb_drop_oldest(DcnH264Dpb *dpb);
/* 8.2.5.2: enters one non-existing frame. */
gboolean dcn_h264_dpb_gap(DcnH264Dpb *dpb, int frame_num, uint32_t id, const int poc[2]);
/* 8.2.5.1: marks `current` (its fields of this picture: header says which) and all others, and enters it.
 * FALSE where a command names what is not there or too much stays: decoders differ in what they do then. *mmco5 is set
 * where command 5 was among them (`current` has then frame_num 0, its order counts are for the caller). */
gboolean dcn_h264_dpb_mark(DcnH264Dpb *dpb, DcnH264Frame *current, const DcnH264SliceHeader *header, gboolean *mmco5);

/* ---- lists.c ---- */

/* 8.2.4: both lists of a slice; entries up to num_ref_idx_active.  current: the frame being decoded (of which the first
 * field may be referred to by the second).  FALSE where a modification names a picture that is not there. */
gboolean dcn_h264_lists(const DcnH264Dpb *dpb, const DcnH264Frame *current, const DcnH264SliceHeader *header,
                        DcnH264Ref lists[2][DCN_H264_LIST_SIZE]);

/* ---- the picture being decoded ---- */

typedef struct {
  DcnH264Sps sps;
  DcnH264SliceHeader header;     /* of its first slice */
  int structure;                 /* DCN_H264_TOP, _BOTTOM or _FRAME */
  gboolean mbaff, second_field;
  DcnH264Macroblocks macroblocks;
  DcnH264Frame *frame;           /* owned */
  DcnH264MotionMap *map;         /* into frame */
  uint8_t *copy;                 /* [n_mbs] bit b8: predicted by a copy of the same place, without residual */
  uint8_t *filtered;             /* [n_mbs] bit b8: the deblocking filter may touch it */
  size_t mbs_capacity;           /* of both */
  uint32_t *first_field_born;    /* [rows * cols] what the first field's lines were copied from, or DCN_NUMBER_NONE */
  size_t born_capacity;
  DcnVector *vectors;            /* [n_vectors] */
  size_t n_vectors, vectors_capacity;
  /* the slice being decoded */
  const DcnH264Pps *pps;
  const DcnH264SliceHeader *slice_header;
  DcnH264SliceInfo *slice;       /* into map->slices; moves when one is added */
  int slice_index;
  int next_mb, next_x, next_y;   /* outside of MBAFF: a macroblock and its place; of the one behind the last, mostly */
  const char *error;             /* static string; set once */
} DcnH264Coded;

static inline void
dcn_h264_fail(DcnH264Coded *coded, const char *reason)
{
  if (!coded->error)
    coded->error = reason;
}

/* Motion of b4 of macroblock mb in a map: refIdx (-1 none) and the vector (zero where none). */
static inline int
dcn_h264_motion_at(const DcnH264MotionMap *map, int mb, int list, int b4, int mv[2])
{
  if (map->kind[mb] & (DCN_H264_MOTION_INTRA | DCN_H264_MOTION_UNIFORM)) {
    const DcnH264Whole *whole = &map->whole[mb];
    mv[0] = whole->mv[list][0];
    mv[1] = whole->mv[list][1];
    return whole->ref_idx[list];
  }
  const DcnH264Motion *motion = &map->motion[mb];
  mv[0] = motion->mv[list][b4][0];
  mv[1] = motion->mv[list][b4][1];
  return motion->ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)];
}

/* Entry refIdx of a list as a macroblock sees it: field macroblocks of frames see fields, 8.4.2.1.  NULL frame where
 * there is none. */
static inline DcnH264Ref
dcn_h264_ref_at(const DcnH264SliceInfo *slice, int list, int ref_idx, gboolean field_mb, gboolean bottom_mb)
{
  int entry = field_mb ? ref_idx >> 1 : ref_idx;
  if (entry < 0 || entry >= slice->n_refs[list])
    return (DcnH264Ref){NULL, 0};
  DcnH264Ref ref = slice->refs[list][entry];
  if (field_mb && ref.frame)
    ref.fields = (ref_idx & 1) == bottom_mb ? DCN_H264_TOP : DCN_H264_BOTTOM;
  return ref;
}

/* ---- motion.c ---- */

/* 8.4.1 for count macroblocks from mb_addr on, of which all but the first are skipped. */
void dcn_h264_motion(DcnH264Coded *coded, int mb_addr, int count);

/* ---- direct.c ---- */

/* 8.4.1.2: fills in the quarters `quarters` (bit b8) of the macroblock's motion, or all of it as a whole. */
void dcn_h264_direct(DcnH264Coded *coded, int mb_addr, int column, unsigned quarters);

/* ---- weights.c ---- */

/* Fills in copy_single and copy_bi. */
void dcn_h264_weights(const DcnH264Sps *sps, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
                      DcnH264SliceInfo *slice);

/* Fills in copies, from those two and same_lines. */
void dcn_h264_copies(DcnH264SliceInfo *slice);

/* ---- deblock.c ---- */

/* Fills in coded->filtered for the whole picture, where coded->copy is not 0. */
void dcn_h264_deblock(DcnH264Coded *coded);

/* ---- inherit.c ---- */

/* Enters vectors, flags, quantiser and candidates for copies of count macroblocks from mb_addr on, all alike; the first one
 * is at (mb_x, mb_y) as dcn_h264_mb_position() says. */
void dcn_h264_enter(DcnH264Coded *coded, int mb_addr, int mb_x, int mb_y, int count);
/* The born rule, when all slices are parsed and deblock.c ran. */
void dcn_h264_inherit(DcnH264Coded *coded);
