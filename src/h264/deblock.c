/* deltacnn: which samples the deblocking filter of H.264 may touch.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.7.  An edge is filtered where its boundary strength is above 0 and the quantiser makes
 * both thresholds other than 0; then up to three luma samples either side may change (one of chroma),
 * so the 8x8 blocks on both its sides are marked. Edges of the transform lie on multiples of 4 luma
 * samples: none further away reaches into an 8x8 block.  Edges without a copy on either side are not looked at. */
#include "h264/around.h"

/* Table 8-15: QP_C for qPI from 30 on */
static const uint8_t qp_c_from_30[22] = {29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36,
                                         36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39};

/* What one 4x4 block is predicted from. */
typedef struct {
  DcnH264RefId id[2]; /* 0: list not used */
  DcnH264Mv mv[2];    /* 0 there */
} Prediction;

typedef struct {
  const DcnH264Coded *coded;
  const DcnH264Macroblocks *m;
  const DcnH264MotionMap *map;
  const DcnH264SliceInfo *slices;
  int mv_limit; /* vertical, quarter samples */
} Deblock;

static inline void
prediction(const Deblock *d, int mb, int b4, Prediction *p)
{
  const DcnH264SliceInfo *slice = &d->slices[d->map->slice[mb]];
  gboolean whole = d->map->kind[mb] & (DCN_H264_MOTION_INTRA | DCN_H264_MOTION_UNIFORM);
  for (int list = 0; list < 2; list++) {
    int ref;
    if (whole) {
      p->mv[list] = dcn_h264_mv_load(d->map->whole[mb].mv[list]);
      ref = d->map->whole[mb].ref_idx[list];
    } else {
      p->mv[list] = dcn_h264_mv_load(d->map->motion[mb].mv[list][b4]);
      ref = d->map->motion[mb].ref_idx[list][(b4 >> 3) * 2 + (b4 >> 1 & 1)];
    }
    p->id[list] = slice->ref_id[list][ref & 31] & (0u - ((unsigned)ref < 32));
  }
}

static inline gboolean
far(const Deblock *d, DcnH264Mv a, DcnH264Mv b)
{
  int x = dcn_h264_mv_part(a, 0) - dcn_h264_mv_part(b, 0);
  int y = dcn_h264_mv_part(a, 1) - dcn_h264_mv_part(b, 1);
  return (ABS(x) >= 4) | (ABS(y) >= d->mv_limit);
}

/* 8.7.2.1, bS 1: other pictures, another number of vectors, or vectors too far apart. */
static inline gboolean
differs(const Deblock *d, const Prediction *p, const Prediction *q)
{
  /* 0 where alike; in numbers, because a branch for each is hard to guess */
  uint32_t straight = (p->id[0] ^ q->id[0]) | (p->id[1] ^ q->id[1]) |
                      (uint32_t)far(d, p->mv[0], q->mv[0]) | (uint32_t)far(d, p->mv[1], q->mv[1]);
  uint32_t crossed = (p->id[0] ^ q->id[1]) | (p->id[1] ^ q->id[0]) |
                     (uint32_t)far(d, p->mv[0], q->mv[1]) | (uint32_t)far(d, p->mv[1], q->mv[0]);
  return straight && crossed;
}

/* QP_C of 8.5.8 */
static int
chroma_qp(int qp, int offset)
{
  int index = MIN(qp + offset, 51);
  return index < 30 ? index : qp_c_from_30[index - 30];
}

/* 8.7.2.2: whether alpha and beta are both above 0 for a quantiser. */
static gboolean
thresholds(const DcnH264SliceInfo *q_slice, int qp_p, int qp_q)
{
  int average = (qp_p + qp_q + 1) >> 1;
  return average + q_slice->filter_offset_a >= 16 && average + q_slice->filter_offset_b >= 16;
}

/* Whether the filter can do anything at an edge between the macroblocks; luma, or either chroma. */
static gboolean
can_filter(const Deblock *d, int p, int q)
{
  const DcnH264SliceInfo *p_slice = &d->slices[d->map->slice[p]];
  const DcnH264SliceInfo *q_slice = &d->slices[d->map->slice[q]];
  /* Below 0 only with more than 8 bits, where lossless macroblocks count as 0. */
  int qp_p = MAX(d->m->mbs[p].qp, 0), qp_q = MAX(d->m->mbs[q].qp, 0);
  if (thresholds(q_slice, qp_p, qp_q))
    return TRUE;
  if (d->m->chroma_array_type == 0)
    return FALSE;
  for (int c = 0; c < 2; c++) {
    if (thresholds(q_slice, chroma_qp(qp_p, p_slice->chroma_qp_index_offset[c]),
                   chroma_qp(qp_q, q_slice->chroma_qp_index_offset[c])))
      return TRUE;
  }
  return FALSE;
}

/* Luma coefficients; in 4:4:4 any coefficient, which is more than counts. */
static unsigned
coefficients(const Deblock *d, const DcnH264Mb *mb)
{
  if (d->m->chroma_array_type == 3 && mb->flags & DCN_H264_MB_CHROMA)
    return 0xffff;
  return mb->nonzero;
}

/* The whole of both is predicted alike, but for what differs() lets pass. */
static gboolean
wholes_differ(const Deblock *d, int p, int q)
{
  const DcnH264MotionMap *map = d->map;
  Prediction a, b;
  if (map->slice[p] == map->slice[q] && dcn_h264_same_whole(&map->whole[p], &map->whole[q]))
    return FALSE;
  prediction(d, p, 0, &a);
  prediction(d, q, 0, &b);
  return differs(d, &a, &b);
}

static inline gboolean
blocks_differ(const Deblock *d, int p, int p_b4, int q, int q_b4)
{
  Prediction a, b;
  prediction(d, p, p_b4, &a);
  prediction(d, q, q_b4, &b);
  return differs(d, &a, &b);
}

/* Edges inside of a macroblock in parts that have bS 1 for its vectors, by the block to the right of the edge
 * (*vertical) or below it (*horizontal), bit 4 * y + x. */
static void
inner_motion(const Deblock *d, int q, unsigned *vertical, unsigned *horizontal)
{
  *vertical = *horizontal = 0;
  if (d->map->kind[q] & DCN_H264_MOTION_SUB) {
    for (int b4 = 0; b4 < 16; b4++) {
      if (b4 & 3)
        *vertical |= (unsigned)blocks_differ(d, q, b4 - 1, q, b4) << b4;
      if (b4 >> 2)
        *horizontal |= (unsigned)blocks_differ(d, q, b4 - 4, q, b4) << b4;
    }
    return;
  }
  Prediction quarter[4];
  for (int b8 = 0; b8 < 4; b8++)
    prediction(d, q, (b8 & 2) * 4 + (b8 & 1) * 2, &quarter[b8]);
  if (differs(d, &quarter[0], &quarter[1]))
    *vertical |= 0x0044;
  if (differs(d, &quarter[2], &quarter[3]))
    *vertical |= 0x4400;
  if (differs(d, &quarter[0], &quarter[2]))
    *horizontal |= 0x0300;
  if (differs(d, &quarter[1], &quarter[3]))
    *horizontal |= 0x0c00;
}

static void
inner_edges(const Deblock *d, int q)
{
  const DcnH264Mb *mb = &d->m->mbs[q];
  if (!d->coded->copy[q] || !can_filter(d, q, q))
    return;
  if (dcn_h264_mb_is_intra(mb)) {
    d->coded->filtered[q] = 15;
    return;
  }
  unsigned coded = coefficients(d, mb), vertical = 0, horizontal = 0;
  if (!(d->map->kind[q] & DCN_H264_MOTION_UNIFORM))
    inner_motion(d, q, &vertical, &horizontal);
  vertical |= coded | coded << 1;
  horizontal |= coded | coded << 4;
  /* 8.7: edges of 8x8 transforms; but chroma of 4:2:2 has 4x4 ones at every fourth row */
  gboolean transform_8x8 = mb->flags & DCN_H264_MB_TRANSFORM_8X8;
  vertical &= transform_8x8 ? 0x4444 : 0xeeee;
  horizontal &= transform_8x8 && d->m->chroma_array_type != 2 ? 0x0f00 : 0xfff0;
  d->coded->filtered[q] |=
      (uint8_t)dcn_h264_quarters_of(vertical | vertical >> 1 | horizontal | horizontal >> 4);
}

/* Most often: two macroblocks of one slice without coefficients, each predicted as one, in the same way. */
static inline gboolean
alike(const DcnH264MotionMap *map, int p, int q)
{
  return ((map->kind[p] & map->kind[q] & DCN_H264_MOTION_CLEAN) != 0) &
         (map->slice[p] == map->slice[q]) & dcn_h264_same_whole(&map->whole[p], &map->whole[q]);
}

/* Whether half of an edge has bS above 0 for vectors: the blocks p_b4 and q_b4 beside it, and those a step on. */
static inline gboolean
half_differs(const Deblock *d, int p, int p_b4, int q, int q_b4, int step)
{
  /* Without small blocks both of a quarter are alike. */
  int fine = (d->map->kind[p] | d->map->kind[q]) & DCN_H264_MOTION_SUB;
  return blocks_differ(d, p, p_b4, q, q_b4) ||
         (fine && blocks_differ(d, p, p_b4 + step, q, q_b4 + step));
}

/* The edge between p, to the left of q or above it, and q, 8.7.2.1. */
static inline __attribute__((always_inline)) void
unlike(const Deblock *d, int p, int q, gboolean vertical)
{
  const DcnH264Mb *p_mb = &d->m->mbs[p], *q_mb = &d->m->mbs[q];
  /* Quarters beside its first half, and its second one, that it matters for. */
  unsigned p_copy = d->coded->copy[p], q_copy = d->coded->copy[q];
  unsigned p_first = p_copy & (vertical ? 2 : 4), p_second = p_copy & 8;
  unsigned q_first = q_copy & 1, q_second = q_copy & (vertical ? 4 : 2);
  if (!(p_first | p_second | q_first | q_second) || !can_filter(d, p, q))
    return;
  gboolean first = TRUE, second = TRUE;
  if (!dcn_h264_mb_is_intra(p_mb) && !dcn_h264_mb_is_intra(q_mb)) {
    unsigned a = coefficients(d, p_mb), b = coefficients(d, q_mb);
    if (vertical) {
      first = ((a >> 3 | b) & 0x0011) != 0;
      second = ((a >> 3 | b) & 0x1100) != 0;
    } else {
      first = ((a >> 12 | b) & 3) != 0;
      second = ((a >> 12 | b) & 12) != 0;
    }
    if (!(first && second)) {
      if (d->map->kind[p] & d->map->kind[q] & DCN_H264_MOTION_UNIFORM) {
        if (wholes_differ(d, p, q))
          first = second = TRUE;
      } else {
        int p_b4 = vertical ? 3 : 12, along = vertical ? 8 : 2, step = vertical ? 4 : 1;
        if (!first && p_first | q_first)
          first = half_differs(d, p, p_b4, q, 0, step);
        if (!second && p_second | q_second)
          second = half_differs(d, p, p_b4 + along, q, along, step);
      }
    }
  }
  if (first) {
    d->coded->filtered[p] |= (uint8_t)p_first;
    d->coded->filtered[q] |= (uint8_t)q_first;
  }
  if (second) {
    d->coded->filtered[p] |= (uint8_t)p_second;
    d->coded->filtered[q] |= (uint8_t)q_second;
  }
}

static inline void
outer_edge(const Deblock *d, int p, int q, gboolean vertical)
{
  if (d->coded->copy[p] | d->coded->copy[q] && !alike(d->map, p, q))
    unlike(d, p, q, vertical);
}

/* 8.7: filterLeftMbEdgeFlag, filterTopMbEdgeFlag, but for the edge of the picture */
static inline gboolean
crosses(const Deblock *d, int p, int q)
{
  return d->slices[d->map->slice[q]].disable_deblocking_filter_idc != 2 ||
         d->map->slice[p] == d->map->slice[q];
}

static gboolean
frame_pair(const DcnH264Macroblocks *m, int mb)
{
  return !(m->mbs[mb].flags & DCN_H264_MB_FIELD);
}

/* Of MBAFF frames only pairs of frame macroblocks among others of their kind are looked at; their
 * edges are those of other frames. */
static void
mbaff(Deblock *d)
{
  const DcnH264Macroblocks *m = d->m;
  int w = m->mb_width, pairs = m->mb_width * m->mb_height / 2;
  for (int pair = 0; pair < pairs; pair++) {
    int x = pair % w;
    gboolean plain = frame_pair(m, 2 * pair) && (x == 0 || frame_pair(m, 2 * pair - 2)) &&
                     (x == w - 1 || frame_pair(m, 2 * pair + 2)) &&
                     (pair < w || frame_pair(m, 2 * (pair - w))) &&
                     (pair + w >= pairs || frame_pair(m, 2 * (pair + w)));
    if (!plain)
      d->coded->filtered[2 * pair] = d->coded->filtered[2 * pair + 1] = 15;
  }
  for (int mb = 0; mb < 2 * pairs; mb++) {
    int pair = mb >> 1, x = pair % w;
    if (d->slices[d->map->slice[mb]].disable_deblocking_filter_idc == 1)
      continue;
    inner_edges(d, mb);
    if (!frame_pair(m, mb))
      continue;
    int left = x > 0 ? mb - 2 : -1;
    int above = mb & 1 ? mb - 1 : pair >= w ? 2 * (pair - w) + 1 : -1;
    if (left >= 0 && frame_pair(m, left) && crosses(d, left, mb))
      outer_edge(d, left, mb, TRUE);
    if (above >= 0 && frame_pair(m, above) && crosses(d, above, mb))
      outer_edge(d, above, mb, FALSE);
  }
}

/* Columns of a row of macroblocks whose edges are to be looked at: those inside, to the left and above. */
enum { INNER, LEFT, ABOVE, N_EDGES };
typedef struct {
  int n[N_EDGES];
  uint16_t columns[N_EDGES][1024];
} Work;

/* DCN_H264_MOTION_LIKE of so many macroblocks and those above */
static inline gboolean
eight_alike(const uint8_t *kind, const uint8_t *above)
{
  uint64_t a, b, like = DCN_H264_MOTION_LIKE * UINT64_C(0x0101010101010101);
  memcpy(&a, kind, sizeof a);
  memcpy(&b, above, sizeof b);
  return (~(a & b) & like) == 0;
}

/* A row of macroblocks, in two steps: first what there is to do, found without branches, for what is copied and what is
 * alike is hard to guess. */
static void
row_work(const Deblock *d, int y, Work *work)
{
  int w = d->m->mb_width, n[N_EDGES] = {0, 0, 0}, up = y > 0 ? w : 0;
  const uint8_t *copy = d->coded->copy + y * w, *kind = d->map->kind + y * w;
  gboolean like_above = FALSE; /* the macroblock before was as the one above it */
  for (int x = 0; x < w; x++) {
    /* Most often: beside one that is like it, both under ones that are. */
    if (like_above && kind[x] & kind[x - w] & DCN_H264_MOTION_LIKE) {
      while (x + 8 < w && eight_alike(kind + x + 1, kind + x + 1 - w))
        x += 8;
      continue;
    }
    int mb = y * w + x, back = x > 0;
    like_above = (y > 0) & alike(d->map, mb - up, mb);
    gboolean like_left = ((kind[x] & DCN_H264_MOTION_LIKE) != 0) | alike(d->map, mb - back, mb);
    for (int i = 0; i < N_EDGES; i++)
      work->columns[i][n[i]] = (uint16_t)x;
    /* Where nothing is copied it does not matter what is filtered. */
    n[INNER] += (copy[x] != 0) & !(kind[x] & DCN_H264_MOTION_CLEAN);
    n[LEFT] += back & ((copy[x] | copy[x - back]) != 0) & !like_left;
    n[ABOVE] += (y > 0) & ((copy[x] | copy[x - up]) != 0) & !like_above;
  }
  memcpy(work->n, n, sizeof n);
}

static inline gboolean
is_filtered(const Deblock *d, int mb)
{
  return d->slices[d->map->slice[mb]].disable_deblocking_filter_idc != 1;
}

static void
row(const Deblock *d, int y, Work *work)
{
  int w = d->m->mb_width;
  row_work(d, y, work);
  for (int i = 0; i < work->n[INNER]; i++) {
    int mb = y * w + work->columns[INNER][i];
    if (is_filtered(d, mb))
      inner_edges(d, mb);
  }
  for (int i = 0; i < work->n[LEFT]; i++) {
    int mb = y * w + work->columns[LEFT][i];
    if (is_filtered(d, mb) && crosses(d, mb - 1, mb))
      unlike(d, mb - 1, mb, TRUE);
  }
  for (int i = 0; i < work->n[ABOVE]; i++) {
    int mb = y * w + work->columns[ABOVE][i];
    if (is_filtered(d, mb) && crosses(d, mb - w, mb))
      unlike(d, mb - w, mb, FALSE);
  }
}

void
dcn_h264_deblock(DcnH264Coded *coded)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  Deblock d = {
      .coded = coded,
      .m = m,
      .map = coded->map,
      .slices = (const DcnH264SliceInfo *)(void *)coded->map->slices->data,
      /* 4 in units of quarter frame samples: 2 of a field's */
      .mv_limit = coded->structure == DCN_H264_FRAME ? 4 : 2,
  };
  size_t n = (size_t)m->mb_width * (size_t)m->mb_height;
  memset(coded->filtered, 0, n);
  gboolean any = FALSE;
  for (guint i = 0; i < coded->map->slices->len; i++)
    any |= d.slices[i].disable_deblocking_filter_idc != 1;
  if (!any)
    return;
  if (coded->mbaff) {
    mbaff(&d);
    return;
  }
  Work work;
  for (int y = 0; y < m->mb_height; y++)
    row(&d, y, &work);
}
