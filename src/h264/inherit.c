/* deltacnn: what the macroblocks of an H.264 picture mean for the coding map.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The born rule of H.264.  An 8x8 luma block, with the chroma under it, is a sample-exact copy of the
 * reference's block at the same position when
 *   - all of it is predicted with zero vectors, from a frame or, in field pictures, from the field of
 * the same parity (a zero vector reads whole samples of luma and chroma, 8.4.1.4, 8.4.2.2);
 *   - weighted prediction leaves samples alone (weights.c);
 *   - with two lists, both references hold the same samples there, which equal born values prove;
 *   - there is no residual in its luma, and none in the macroblock's chroma;
 *   - the deblocking filter touches nothing of it (deblock.c), which depends on neighbours of later
 * macroblocks and slices: so this is decided when the whole picture is parsed. In field pictures both
 * fields must have been copied, from blocks of the same born. */
#include "h264/around.h"

/* Whether prediction with zero vectors from these references (-1: none) gives what is in them. */
static inline gboolean
keeps(const DcnH264SliceInfo *slice, int ref0, int ref1)
{
  return slice->copies[ref0 + 1] >> ((ref1 + 1) & 63) & 1;
}

/* Whether a quarter of a macroblock in parts is predicted by a copy. */
static gboolean
is_copy(const DcnH264Coded *coded, const DcnH264Motion *motion, int b8)
{
  int first = (b8 >> 1) * 8 + (b8 & 1) * 2;
  for (int list = 0; list < 2; list++) {
    /* Two rows of two vectors; those of lists that are not used are 0. */
    uint64_t upper, lower;
    memcpy(&upper, &motion->mv[list][0][0] + 2 * first, sizeof upper);
    memcpy(&lower, &motion->mv[list][0][0] + 2 * first + 8, sizeof lower);
    if (upper | lower)
      return FALSE;
  }
  return keeps(coded->slice, motion->ref_idx[0][b8], motion->ref_idx[1][b8]);
}

/* Quarters that are predicted by a copy and have no residual. */
static unsigned
copies(const DcnH264Coded *coded, int mb_addr)
{
  const DcnH264Mb *mb = &coded->macroblocks.mbs[mb_addr];
  int kind = coded->map->kind[mb_addr];
  if (kind & DCN_H264_MOTION_FIELD)
    return 0;
  unsigned result;
  if (kind & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_INTRA)) {
    const DcnH264Whole *whole = &coded->map->whole[mb_addr];
    gboolean still = (dcn_h264_mv_load(whole->mv[0]) | dcn_h264_mv_load(whole->mv[1])) == 0;
    result = still & keeps(coded->slice, whole->ref_idx[0], whole->ref_idx[1]) ? 15 : 0;
  } else {
    result = 0;
    for (int b8 = 0; b8 < 4; b8++)
      result |= (unsigned)is_copy(coded, &coded->map->motion[mb_addr], b8) << b8;
  }
  result &= mb->flags & DCN_H264_MB_CHROMA ? 0 : 15;
  return result & ~dcn_h264_quarters_of(mb->nonzero);
}

typedef struct {
  DcnH264Coded *coded;
  int mb_addr;
  int x, y;      /* of the macroblock, luma samples of the frame */
  int line_step; /* 2 where its lines are those of a field */
  int field;     /* DcnVector.field */
  gboolean field_mb, bottom;
} Place;

/* Room for so many more vectors. */
static gboolean
reserve_vectors(DcnH264Coded *coded, size_t n)
{
  size_t need = coded->n_vectors + n;
  if (G_LIKELY(need <= coded->vectors_capacity))
    return TRUE;
  size_t capacity = MAX(2 * coded->vectors_capacity, need + 1024);
  DcnVector *vectors = g_try_renew(DcnVector, coded->vectors, capacity);
  if (!vectors) {
    dcn_h264_fail(coded, "memory is short");
    return FALSE;
  }
  coded->vectors = vectors;
  coded->vectors_capacity = capacity;
  return TRUE;
}

/* Writes a vector; what it returns is behind it if the list is used, else the same place.  Room was made, for one more. */
static inline DcnVector *
put_vector(DcnVector *to, const DcnH264SliceInfo *slice, int list, int ref, const int16_t mv[2],
           int x, int y, int w, int h)
{
  *to = (DcnVector){
      .x = (uint16_t)x,
      .y = (uint16_t)y,
      .w = (uint16_t)w,
      .h = (uint16_t)h,
      .ref_number = slice->ref_number[list][ref & 31],
      .mv_x_qpel = mv[0],
      .mv_y_qpel = mv[1],
      .direction = (uint8_t)list,
  };
  /* Without a branch: which lists are used is hard to guess. */
  size_t used = (size_t)0 - ((unsigned)ref < (unsigned)slice->n_refs[list]);
  return (DcnVector *)(void *)((char *)to + (used & sizeof *to));
}

/* Room was made. */
static inline void
add_vector(const Place *place, int list, int b4, int w, int h)
{
  DcnH264Coded *coded = place->coded;
  int mv[2];
  int ref = dcn_h264_motion_at(coded->map, place->mb_addr, list, b4, mv);
  if (ref < 0)
    return;
  int entry = place->field_mb ? ref >> 1 : ref;
  if (entry >= coded->slice->n_refs[list])
    return;
  DcnVector *vector = coded->vectors + coded->n_vectors++;
  int16_t value[2] = {(int16_t)mv[0], (int16_t)mv[1]};
  put_vector(vector, coded->slice, list, entry, value, place->x + (b4 & 3) * 4,
             place->y + (b4 >> 2) * 4 * place->line_step, w, h * place->line_step);
  if (place->field) {
    vector->field = (uint8_t)place->field;
    vector->ref_field =
        (uint8_t)dcn_h264_ref_at(coded->slice, list, ref, place->field_mb, place->bottom).fields;
  }
}

/* Direct prediction in 4x4 blocks is told as one 8x8 block where they are alike. */
static gboolean
alike(const DcnH264MotionMap *map, int mb, int list, int first)
{
  int a[2], b[2];
  dcn_h264_motion_at(map, mb, list, first, a);
  for (int i = 1; i < 4; i++) {
    dcn_h264_motion_at(map, mb, list, first + (i & 1) + (i >> 1) * 4, b);
    if (a[0] != b[0] || a[1] != b[1])
      return FALSE;
  }
  return TRUE;
}

static void
add_vectors(const Place *place)
{
  const DcnH264Coded *coded = place->coded;
  const DcnH264Mb *mb = &coded->macroblocks.mbs[place->mb_addr];
  int kind = coded->map->kind[place->mb_addr];
  for (int list = 0; list < 2; list++) {
    if (kind & (DCN_H264_MOTION_UNIFORM | DCN_H264_MOTION_ZERO)) {
      add_vector(place, list, 0, 16, 16);
    } else if (mb->type == DCN_H264_MB_16X8) {
      add_vector(place, list, 0, 16, 8);
      add_vector(place, list, 8, 16, 8);
    } else if (mb->type == DCN_H264_MB_8X16) {
      add_vector(place, list, 0, 8, 16);
      add_vector(place, list, 2, 8, 16);
    } else {
      for (int b8 = 0; b8 < 4; b8++) {
        int first = (b8 >> 1) * 8 + (b8 & 1) * 2;
        int w = 8, h = 8;
        if (mb->sub[b8] & DCN_H264_SUB_DIRECT) {
          if (kind & DCN_H264_MOTION_SUB && !alike(coded->map, place->mb_addr, list, first))
            w = h = 4;
        } else {
          int shape = mb->sub[b8] & DCN_H264_SUB_SHAPE;
          w = shape == DCN_H264_SUB_4X8 || shape == DCN_H264_SUB_4X4 ? 4 : 8;
          h = shape == DCN_H264_SUB_8X4 || shape == DCN_H264_SUB_4X4 ? 4 : 8;
        }
        for (int y = 0; y < 8; y += h)
          for (int x = 0; x < 8; x += w)
            add_vector(place, list, first + y + (x >> 2), w, h);
      }
    }
  }
}

/* The same of a macroblock in parts, not in a field or an MBAFF frame; (x, y): its corner. */
static void
add_parts(DcnH264Coded *coded, int mb_addr, int x, int y)
{
  const DcnH264Mb *mb = &coded->macroblocks.mbs[mb_addr];
  const DcnH264Motion *motion = &coded->map->motion[mb_addr];
  const DcnH264SliceInfo *slice = coded->slice;
  DcnVector *to = coded->vectors + coded->n_vectors;
  for (int list = 0; list < 2; list++) {
    const int8_t *ref = motion->ref_idx[list];
    const int16_t(*mv)[2] = motion->mv[list];
    if (slice->n_refs[list] == 0)
      continue;
    if (mb->type == DCN_H264_MB_16X8) {
      to = put_vector(to, slice, list, ref[0], mv[0], x, y, 16, 8);
      to = put_vector(to, slice, list, ref[2], mv[8], x, y + 8, 16, 8);
      continue;
    }
    if (mb->type == DCN_H264_MB_8X16) {
      to = put_vector(to, slice, list, ref[0], mv[0], x, y, 8, 16);
      to = put_vector(to, slice, list, ref[1], mv[2], x + 8, y, 8, 16);
      continue;
    }
    for (int b8 = 0; b8 < 4; b8++) {
      int bx = (b8 & 1) * 2, by = b8 & 2, first = 4 * by + bx, shape = DCN_H264_SUB_8X8;
      if (!(mb->sub[b8] & DCN_H264_SUB_DIRECT))
        shape = mb->sub[b8] & DCN_H264_SUB_SHAPE;
      else if (coded->map->kind[mb_addr] & DCN_H264_MOTION_SUB &&
               !alike(coded->map, mb_addr, list, first))
        shape = DCN_H264_SUB_4X4;
      int w = shape & DCN_H264_SUB_4X8 ? 1 : 2, h = shape & DCN_H264_SUB_8X4 ? 1 : 2;
      for (int j = 0; j < 2; j += h)
        for (int i = 0; i < 2; i += w)
          to = put_vector(to, slice, list, ref[b8], mv[first + 4 * j + i], x + 4 * (bx + i),
                          y + 4 * (by + j), 4 * w, 4 * h);
    }
  }
  coded->n_vectors = (size_t)(to - coded->vectors);
}

static inline uint8_t
flags_of(const DcnH264Mb *mb)
{
  gboolean skipped = mb->type == DCN_H264_MB_P_SKIP || mb->type == DCN_H264_MB_B_SKIP;
  gboolean has_residual =
      (mb->nonzero | (mb->flags & (DCN_H264_MB_CHROMA | DCN_H264_MB_LUMA_DC))) != 0;
  return (uint8_t)((dcn_h264_mb_is_intra(mb) ? DCN_MB_INTRA : 0) | (skipped ? DCN_MB_SKIPPED : 0) |
                   (has_residual ? DCN_MB_CODED : 0));
}

/* Flags and quantiser.  A field macroblock lies on two macroblocks of the frame; there both fields
 * meet: intra or coded where either is, skipped where both are, and the coarser quantiser. */
static void
enter_macroblock(DcnH264Coded *coded, const DcnH264Mb *mb, int mb_x, int mb_y, gboolean merge)
{
  DcnPicture *picture = coded->frame->picture;
  uint8_t flags = flags_of(mb), qp = (uint8_t)MAX(mb->qp, 0);
  if (mb_y >= picture->mb_rows)
    return;
  size_t i = (size_t)mb_y * (size_t)picture->mb_cols + (size_t)mb_x;
  if (merge) {
    unsigned both = picture->mb_flags[i] & flags & DCN_MB_SKIPPED;
    unsigned either = (picture->mb_flags[i] | flags) & (DCN_MB_INTRA | DCN_MB_CODED);
    picture->mb_flags[i] = (uint8_t)(both | either);
    picture->quantiser[i] = MAX(picture->quantiser[i], qp);
  } else {
    picture->mb_flags[i] = flags;
    picture->quantiser[i] = qp;
  }
}

/* Macroblocks of frames without MBAFF; more than one only of those that are predicted as one. */
static inline __attribute__((always_inline)) void
enter_plain(DcnH264Coded *coded, int mb_addr, int mb_x, int mb_y, int count)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  const DcnH264Mb *mb = &m->mbs[mb_addr];
  DcnPicture *picture = coded->frame->picture;
  int kind = coded->map->kind[mb_addr];
  if (mb_addr + count > picture->mb_cols * picture->mb_rows)
    return;
  uint8_t flags = flags_of(mb), qp = (uint8_t)MAX(mb->qp, 0);
  for (int i = 0; i < count; i++) {
    picture->mb_flags[mb_addr + i] = flags;
    picture->quantiser[mb_addr + i] = qp;
  }
  if (kind & DCN_H264_MOTION_INTRA)
    return;
  gboolean whole = kind & DCN_H264_MOTION_UNIFORM;
  if (!reserve_vectors(coded, 2 * (size_t)count + 32))
    return;
  if (!whole) {
    add_parts(coded, mb_addr, 16 * mb_x, 16 * mb_y);
    return;
  }
  const DcnH264SliceInfo *slice = coded->slice;
  const DcnH264Whole *motion = &coded->map->whole[mb_addr];
  DcnVector *from = coded->vectors + coded->n_vectors, *to = from;
  for (int list = 0; list < 2; list++)
    to = put_vector(to, slice, list, motion->ref_idx[list], motion->mv[list], 16 * mb_x, 16 * mb_y,
                    16, 16);
  /* The others are like those of the first one but for their place. */
  size_t step = (size_t)(to - from);
  coded->n_vectors += step * (size_t)count;
  for (int i = 1; i < count; i++) {
    if (++mb_x == m->mb_width) {
      mb_x = 0;
      mb_y++;
    }
    for (size_t k = 0; k < step; k++) {
      *to = from[k];
      to->x = (uint16_t)(16 * mb_x);
      to->y = (uint16_t)(16 * mb_y);
      to++;
    }
  }
}

/* The macroblocks of fields and of MBAFF frames. */
static void
enter_lines(DcnH264Coded *coded, int mb_addr, int count)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  if (!reserve_vectors(coded, 32 * (size_t)count + 1))
    return;
  for (int i = 0; i < count; i++) {
    const DcnH264Mb *mb = &m->mbs[mb_addr + i];
    int kind = coded->map->kind[mb_addr + i], mb_x, mb_y;
    dcn_h264_mb_position(m, mb_addr + i, &mb_x, &mb_y);
    Place place = {.coded = coded, .line_step = 1, .mb_addr = mb_addr + i, .x = 16 * mb_x};
    place.field_mb = kind & DCN_H264_MOTION_FIELD;
    if (coded->structure != DCN_H264_FRAME) {
      place.y = 32 * mb_y;
      place.line_step = 2;
      place.field = coded->structure;
      enter_macroblock(coded, mb, mb_x, 2 * mb_y, coded->second_field);
      enter_macroblock(coded, mb, mb_x, 2 * mb_y + 1, coded->second_field);
    } else if (place.field_mb) {
      place.bottom = mb_y & 1;
      place.y = 16 * (mb_y & ~1); /* lines of both fields lie between each other */
      place.line_step = 2;
      place.field = place.bottom ? DCN_H264_BOTTOM : DCN_H264_TOP;
      enter_macroblock(coded, mb, mb_x, mb_y & ~1, place.bottom);
      enter_macroblock(coded, mb, mb_x, mb_y | 1, place.bottom);
    } else {
      place.y = 16 * mb_y;
      enter_macroblock(coded, mb, mb_x, mb_y, FALSE);
    }
    if (!(kind & DCN_H264_MOTION_INTRA))
      add_vectors(&place);
  }
}

void
dcn_h264_enter(DcnH264Coded *coded, int mb_addr, int mb_x, int mb_y, int count)
{
  uint8_t copied = (uint8_t)copies(coded, mb_addr);
  gboolean plain = coded->structure == DCN_H264_FRAME && !coded->mbaff;
  /* Most often, and then without the loops over more. */
  if (plain && count == 1) {
    coded->copy[mb_addr] = copied;
    enter_plain(coded, mb_addr, mb_x, mb_y, 1);
    return;
  }
  memset(coded->copy + mb_addr, copied, (size_t)count);
  if (plain)
    enter_plain(coded, mb_addr, mb_x, mb_y, count);
  else
    enter_lines(coded, mb_addr, count);
}

/* n blocks from block i of the grid on are copies. */
static void
inherit_blocks(DcnH264Coded *coded, const uint32_t *const sources[2], size_t i, size_t n)
{
  uint32_t *restrict born = coded->frame->picture->born + i;
  const uint32_t *from = sources[0] + i, *other = sources[1] ? sources[1] + i : from;
  if (coded->structure == DCN_H264_FRAME) {
    if (from == other)
      memcpy(born, from, n * sizeof *born);
    else
      for (size_t k = 0; k < n; k++)
        born[k] = from[k] == other[k] ? from[k] : born[k];
    return;
  }
  uint32_t *first = coded->first_field_born + i;
  for (size_t k = 0; k < n; k++) {
    if (other[k] != from[k])
      continue;
    if (!coded->second_field)
      first[k] = from[k];
    else if (first[k] == from[k])
      born[k] = from[k];
  }
}

/* Up to two lists' sources of a quarter: FALSE where one is missing. */
static gboolean
quarter_sources(const DcnH264Coded *coded, int mb, int b8, const uint32_t *sources[2])
{
  const DcnH264SliceInfo *slice =
      &g_array_index(coded->map->slices, DcnH264SliceInfo, coded->map->slice[mb]);
  int n = 0;
  sources[0] = sources[1] = NULL;
  for (int list = 0; list < 2; list++) {
    int mv[2];
    int ref = dcn_h264_motion_at(coded->map, mb, list, (b8 >> 1) * 8 + (b8 & 1) * 2, mv);
    if (ref < 0)
      continue;
    sources[n] = slice->born[list][ref];
    if (!sources[n++])
      return FALSE;
  }
  return n > 0;
}

/* The quarters `copied` of a macroblock of a frame. */
static inline void
inherit_macroblock(DcnH264Coded *coded, int mb, unsigned copied, uint32_t *born, size_t i)
{
  size_t cols = (size_t)coded->frame->picture->cols;
  for (int b8 = 0; b8 < 4; b8++) {
    const uint32_t *sources[2];
    size_t k = i + (b8 & 1) + (b8 >> 1) * cols;
    if (!(copied >> b8 & 1) || !quarter_sources(coded, mb, b8, sources))
      continue;
    const uint32_t *other = sources[1] ? sources[1] : sources[0];
    born[k] = sources[0][k] == other[k] ? sources[0][k] : born[k];
  }
}

/* The same where it is predicted as one; without branches for what is hard to guess. */
static inline void
inherit_whole(DcnH264Coded *coded, int mb, unsigned copied, uint32_t *born, size_t i)
{
  const DcnH264SliceInfo *slice =
      &g_array_index(coded->map->slices, DcnH264SliceInfo, coded->map->slice[mb]);
  const int8_t *ref = coded->map->whole[mb].ref_idx;
  const uint32_t *first = ref[0] >= 0 ? slice->born[0][ref[0] & 31] : slice->born[1][ref[1] & 31];
  const uint32_t *second = ref[1] >= 0 ? slice->born[1][ref[1] & 31] : first;
  size_t cols = (size_t)coded->frame->picture->cols;
  if (!first || !second)
    return;
  for (int b8 = 0; b8 < 4; b8++) {
    size_t k = i + (b8 & 1) + (b8 >> 1) * cols;
    uint32_t from = first[k], now = born[k];
    born[k] = (from == second[k]) & (copied >> b8) ? from : now;
  }
}

/* Macroblocks behind mb, up to limit, that are copies as mb is: all of them, from the same references.  In eights: where
 * pictures stand still there are many, elsewhere hardly any, which is easy to guess. */
static inline int
more_copies(const DcnH264Coded *coded, int mb, int limit)
{
  int more = 0;
  for (; more + 8 <= limit; more += 8) {
    uint64_t copy, filtered, kind;
    memcpy(&copy, coded->copy + mb + 1 + more, 8);
    memcpy(&filtered, coded->filtered + mb + 1 + more, 8);
    memcpy(&kind, coded->map->kind + mb + 1 + more, 8);
    uint64_t like = DCN_H264_MOTION_LIKE * UINT64_C(0x0101010101010101);
    if ((copy ^ UINT64_C(0x0f0f0f0f0f0f0f0f)) | filtered | (~kind & like))
      break;
  }
  return more;
}

/* Frames without MBAFF: a macroblock's blocks lie together. */
static void
inherit_frame(DcnH264Coded *coded)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  DcnPicture *picture = coded->frame->picture;
  for (int y = 0; y < m->mb_height; y++) {
    for (int x = 0; x < m->mb_width; x++) {
      int mb = y * m->mb_width + x;
      unsigned copied = coded->copy[mb] & ~coded->filtered[mb];
      size_t i = (size_t)(2 * y) * (size_t)picture->cols + (size_t)(2 * x);
      if (!copied)
        continue;
      if (!(coded->map->kind[mb] & DCN_H264_MOTION_UNIFORM)) {
        inherit_macroblock(coded, mb, copied, picture->born, i);
        continue;
      }
      int more = copied == 15 ? more_copies(coded, mb, m->mb_width - 1 - x) : 0;
      const uint32_t *sources[2];
      if (more == 0) {
        inherit_whole(coded, mb, copied, picture->born, i);
      } else if (quarter_sources(coded, mb, 0, sources)) {
        size_t n = 2 * (size_t)(1 + more);
        inherit_blocks(coded, sources, i, n);
        inherit_blocks(coded, sources, i + (size_t)picture->cols, n);
      }
      x += more;
    }
  }
}

void
dcn_h264_inherit(DcnH264Coded *coded)
{
  const DcnH264Macroblocks *m = &coded->macroblocks;
  const DcnH264MotionMap *map = coded->map;
  DcnPicture *picture = coded->frame->picture;
  size_t cols = (size_t)picture->cols;
  gboolean field = coded->structure != DCN_H264_FRAME;
  if (!field && !coded->mbaff) {
    inherit_frame(coded);
    return;
  }
  int n_mbs = m->mb_width * m->mb_height;
  for (int mb = 0; mb < n_mbs; mb++) {
    unsigned copied = coded->copy[mb] & ~coded->filtered[mb];
    int x, y;
    if (!copied)
      continue;
    dcn_h264_mb_position(m, mb, &x, &y);
    gboolean whole = copied == 15 && map->kind[mb] & DCN_H264_MOTION_UNIFORM;
    const uint32_t *sources[2];
    if (whole && !quarter_sources(coded, mb, 0, sources))
      continue;
    for (int b8 = 0; b8 < 4; b8 += whole ? 2 : 1) {
      if (!whole && (!(copied >> b8 & 1) || !quarter_sources(coded, mb, b8, sources)))
        continue;
      size_t n = whole ? 2 : 1;
      size_t column = 2 * (size_t)x + (whole ? 0 : (size_t)(b8 & 1));
      /* A block row of a field lies on two of the frame. */
      size_t row = (size_t)(2 * y + (b8 >> 1)) * (field ? 2 : 1);
      for (int k = 0; k < (field ? 2 : 1); k++)
        if (row + (size_t)k < (size_t)picture->rows && column + n <= cols)
          inherit_blocks(coded, sources, (row + (size_t)k) * cols + column, n);
    }
  }
}
