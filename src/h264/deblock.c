/* deltacnn: which samples the deblocking filter of H.264 may touch.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 8.7.  An edge is filtered where its boundary strength is above 0 and the quantiser makes
 * both thresholds other than 0; then up to three luma samples either side may change (one of chroma),
 * so the 8x8 blocks on both its sides are marked. Edges of the transform lie on multiples of 4 luma
 * samples: none further away reaches into an 8x8 block.  Edges without a copy on either side are not looked at. */
#include "h264/state.h"
#include <string.h>

/* Table 8-15: QP_C for qPI from 30 on */
static const uint8_t qp_c_from_30[22] = {29, 30, 31, 32, 32, 33, 34, 34, 35, 35, 36,
                                         36, 37, 37, 37, 38, 38, 38, 39, 39, 39, 39};

/* What one 4x4 block is predicted from. */
typedef struct {
  DcnH264RefId id[2]; /* 0: list not used */
  int mv[2][2];
} Prediction;

typedef struct {
  const DcnH264Coded *coded;
  const DcnH264Macroblocks *m;
  const DcnH264MotionMap *map;
  const DcnH264SliceInfo *slices;
  int mv_limit; /* vertical, quarter samples */
} Deblock;

static void
prediction(const Deblock *d, int mb, int b4, Prediction *p)
{
  const DcnH264SliceInfo *slice = &d->slices[d->map->slice[mb]];
  for (int list = 0; list < 2; list++) {
    int ref = dcn_h264_motion_at(d->map, mb, list, b4, p->mv[list]);
    p->id[list] = ref >= 0 && ref < 32 ? slice->ref_id[list][ref] : 0;
  }
}

static gboolean
far(const Deblock *d, const int a[2], const int b[2])
{
  return ABS(a[0] - b[0]) >= 4 || ABS(a[1] - b[1]) >= d->mv_limit;
}

/* 8.7.2.1, bS 1: other pictures, another number of vectors, or vectors too far apart. */
static gboolean
differs(const Deblock *d, const Prediction *p, const Prediction *q)
{
  gboolean straight = p->id[0] == q->id[0] && p->id[1] == q->id[1];
  gboolean crossed = p->id[0] == q->id[1] && p->id[1] == q->id[0];
  if (straight && !far(d, p->mv[0], q->mv[0]) && !far(d, p->mv[1], q->mv[1]))
    return FALSE;
  if (crossed && !far(d, p->mv[0], q->mv[1]) && !far(d, p->mv[1], q->mv[0]))
    return FALSE;
  return TRUE;
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

/* Bits of a line of 4x4 blocks: a column (vertical) or a row. */
static inline unsigned
line_bits(unsigned blocks, int line, gboolean vertical)
{
  /* The product brings bits 0, 4, 8 and 12 side by side. */
  return vertical ? (blocks >> line & 0x1111) * 0x1248 >> 12 & 15 : blocks >> 4 * line & 15;
}

/* The whole of both is predicted alike, but for what differs() lets pass. */
static gboolean
wholes_differ(const Deblock *d, int p, int q)
{
  const DcnH264MotionMap *map = d->map;
  Prediction a, b;
  if (map->slice[p] == map->slice[q] &&
      memcmp(&map->whole[p], &map->whole[q], sizeof map->whole[p]) == 0)
    return FALSE;
  prediction(d, p, 0, &a);
  prediction(d, q, 0, &b);
  return differs(d, &a, &b);
}

/* Bit i: the edge between 4x4 blocks p_b4(i) of p and q_b4(i) of q has bS > 0.  vertical: blocks i
 * of a column; else of a row.  p_line, q_line: the column or row in either macroblock. */
static unsigned
strengths(const Deblock *d, int p, int p_line, int q, int q_line, gboolean vertical)
{
  const DcnH264Mb *p_mb = &d->m->mbs[p], *q_mb = &d->m->mbs[q];
  if (dcn_h264_mb_is_intra(p_mb) || dcn_h264_mb_is_intra(q_mb))
    return 15;
  unsigned bits = line_bits(coefficients(d, p_mb), p_line, vertical) |
                  line_bits(coefficients(d, q_mb), q_line, vertical);
  if (bits == 15)
    return bits;
  if (d->map->kind[p] & d->map->kind[q] & DCN_H264_MOTION_UNIFORM)
    return p != q && wholes_differ(d, p, q) ? 15 : bits;
  Prediction a, b;
  gboolean differ = FALSE;
  int fine = (d->map->kind[p] | d->map->kind[q]) & DCN_H264_MOTION_SUB;
  for (int i = 0; i < 4; i++) {
    /* Without small blocks both of a quarter are alike. */
    if (!(i & 1) || fine) {
      prediction(d, p, vertical ? 4 * i + p_line : 4 * p_line + i, &a);
      prediction(d, q, vertical ? 4 * i + q_line : 4 * q_line + i, &b);
      differ = differs(d, &a, &b);
    }
    bits |= (unsigned)differ << i;
  }
  return bits;
}

/* Quarters beside an edge: bits of strengths to bits b8.  line: column or row of 4x4 blocks. */
static unsigned
quarters(unsigned bits, int line, gboolean vertical)
{
  unsigned first = bits & 3 ? 1 : 0, second = bits & 12 ? 1 : 0;
  if (vertical)
    return (first | second << 2) << (line >> 1);
  return (first | second << 1) << (line >> 1) * 2;
}

static void
inner_edges(const Deblock *d, int q)
{
  const DcnH264Mb *mb = &d->m->mbs[q];
  if (!d->coded->copy[q] || !can_filter(d, q, q))
    return;
  uint8_t *filtered = &d->coded->filtered[q];
  if (dcn_h264_mb_is_intra(mb)) {
    *filtered = 15;
    return;
  }
  gboolean transform_8x8 = mb->flags & DCN_H264_MB_TRANSFORM_8X8;
  for (int vertical = 0; vertical < 2; vertical++) {
    for (int line = 1; line < 4; line++) {
      /* 8.7: edges of 8x8 transforms; but chroma of 4:2:2 has 4x4 ones at every fourth row */
      if (line & 1 && transform_8x8 && (vertical || d->m->chroma_array_type != 2))
        continue;
      unsigned bits = strengths(d, q, line - 1, q, line, vertical);
      *filtered |= (uint8_t)(quarters(bits, line - 1, vertical) | quarters(bits, line, vertical));
    }
  }
}

/* Most often: two macroblocks of one slice without coefficients, each predicted as one, in the same way. */
static inline gboolean
alike(const DcnH264MotionMap *map, int p, int q)
{
  int both = map->kind[p] & map->kind[q];
  return both & DCN_H264_MOTION_CLEAN && map->slice[p] == map->slice[q] &&
         (both & DCN_H264_MOTION_ZERO ||
          memcmp(&map->whole[p], &map->whole[q], sizeof map->whole[p]) == 0);
}

/* The edge between p, to the left of q or above it, and q. */
static void
unlike(const Deblock *d, int p, int q, gboolean vertical)
{
  if (!can_filter(d, p, q))
    return;
  unsigned bits = strengths(d, p, 3, q, 0, vertical);
  d->coded->filtered[p] |= (uint8_t)quarters(bits, 3, vertical);
  d->coded->filtered[q] |= (uint8_t)quarters(bits, 0, vertical);
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
  int w = m->mb_width;
  const uint8_t *copy = coded->copy, *kind = d.map->kind;
  for (int y = 0; y < m->mb_height; y++) {
    gboolean like_above = FALSE; /* the macroblock before was as the one above it */
    for (int x = 0; x < w; x++) {
      int mb = y * w + x;
      /* Most often: beside one that is like it, both under ones that are. */
      if (like_above && kind[mb] & kind[mb - w] & DCN_H264_MOTION_LIKE)
        continue;
      like_above = y > 0 && alike(d.map, mb - w, mb);
      /* Where nothing is copied it does not matter what is filtered. */
      unsigned left = x > 0 ? copy[mb - 1] : 0, above = y > 0 ? copy[mb - w] : 0;
      if (!(copy[mb] | left | above) ||
          d.slices[d.map->slice[mb]].disable_deblocking_filter_idc == 1)
        continue;
      if (copy[mb] && !(kind[mb] & DCN_H264_MOTION_CLEAN))
        inner_edges(&d, mb);
      if (x > 0 && copy[mb] | left && !(kind[mb] & DCN_H264_MOTION_LIKE) &&
          !alike(d.map, mb - 1, mb) && crosses(&d, mb - 1, mb))
        unlike(&d, mb - 1, mb, TRUE);
      if (y > 0 && copy[mb] | above && !like_above && crosses(&d, mb - w, mb))
        unlike(&d, mb - w, mb, FALSE);
    }
  }
}
