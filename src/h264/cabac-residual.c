/* deltacnn: residual blocks of H.264 in CABAC.  ITU-T H.264 7.3.5.3 and 9.3.3.1.3.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Coefficients are read past: what is kept is which blocks have any. */
#include "h264/syntax.h"

/* ctxBlockCat, table 9-42; Cb and Cr of 4:4:4 repeat those of luma from 6 and from 10. */
enum { LUMA_DC, LUMA_AC, LUMA_4X4, CHROMA_DC, CHROMA_AC, LUMA_8X8, CB_DC, CR_DC = 10 };

/* ctxIdxOffset of table 9-34 and ctxBlockCatOffset of table 9-40, added up, by ctxBlockCat. */
static const uint16_t coded_block_flag_ctx[14] = {
    85,      85 + 4,  85 + 8,   85 + 12, 85 + 16, 1012,    460,
    460 + 4, 460 + 8, 1012 + 4, 472,     472 + 4, 472 + 8, 1012 + 8,
};
static const uint16_t significant_ctx[2][14] = {
    /* frame coded */
    {105, 105 + 15, 105 + 29, 105 + 44, 105 + 47, 402, 484, 484 + 15, 484 + 29, 660, 528, 528 + 15,
     528 + 29, 718},
    /* field coded */
    {277, 277 + 15, 277 + 29, 277 + 44, 277 + 47, 436, 776, 776 + 15, 776 + 29, 675, 820, 820 + 15,
     820 + 29, 733},
};
static const uint16_t last_ctx[2][14] = {
    {166, 166 + 15, 166 + 29, 166 + 44, 166 + 47, 417, 572, 572 + 15, 572 + 29, 690, 616, 616 + 15,
     616 + 29, 748},
    {338, 338 + 15, 338 + 29, 338 + 44, 338 + 47, 451, 864, 864 + 15, 864 + 29, 699, 908, 908 + 15,
     908 + 29, 757},
};
static const uint16_t level_ctx[14] = {
    227,      227 + 10, 227 + 20, 227 + 30, 227 + 39, 426,      952,
    952 + 10, 952 + 20, 708,      982,      982 + 10, 982 + 20, 766,
};

/* ctxIdxInc of coeff_abs_level_minus1, 9.3.3.1.3, as a machine: states 0 to 3 count levels of 1 (and stand for all
 * before), 4 to 7 count greater ones. */
static const uint8_t level_first_ctx[8] = {1, 2, 3, 4, 0, 0, 0, 0};
static const uint8_t level_next_ctx[2][8] = {
    {5, 5, 5, 5, 6, 7, 8, 9}, {5, 5, 5, 5, 6, 7, 8, 8}, /* ctxBlockCat 3 */
};
static const uint8_t level_next_state[2][8] = {
    {1, 2, 3, 3, 4, 5, 6, 7}, /* after a level of 1 */
    {4, 4, 4, 4, 5, 6, 7, 7},
};

/* coeff_abs_level_minus1 and coeff_sign_flag of count coefficients.  FALSE where a suffix is too long. */
static inline __attribute__((always_inline)) gboolean
levels(DcnH264Cabac *engine, uint8_t *ctx, const uint8_t *next_ctx, int count)
{
  int state = 0;
  do {
    if (!dcn_h264_cabac_bin(engine, ctx + level_first_ctx[state])) {
      state = level_next_state[0][state];
    } else {
      uint8_t *more = ctx + next_ctx[state];
      int prefix = 1;
      state = level_next_state[1][state];
      while (prefix < 14 && dcn_h264_cabac_bin(engine, more))
        prefix++;
      if (G_UNLIKELY(prefix == 14)) {
        int k = 0;
        while (dcn_h264_cabac_bypass(engine))
          if (++k > 24)
            return FALSE;
        while (k--)
          dcn_h264_cabac_bypass(engine);
      }
    }
    dcn_h264_cabac_bypass(engine);
  } while (--count);
  return TRUE;
}

/* residual_block_cabac() behind coded_block_flag. */
static gboolean
block_4x4(DcnH264Slice *s, int cat, int max, int field)
{
  DcnH264Cabac engine = s->engine; /* in registers meanwhile */
  dcn_h264_cabac_top_up(&engine);
  uint8_t *significant = s->states + significant_ctx[field][cat];
  uint8_t *last = s->states + last_ctx[field][cat];
  int count = 0, i = 0;
  for (; i < max - 1; i++) {
    if (dcn_h264_cabac_bin(&engine, significant + i)) {
      count++;
      if (dcn_h264_cabac_bin(&engine, last + i))
        break;
    }
  }
  count += i == max - 1; /* inferred */
  gboolean ok = levels(&engine, s->states + level_ctx[cat], level_next_ctx[0], count);
  s->engine = engine;
  return ok;
}

static gboolean
block_chroma_dc(DcnH264Slice *s, int max, int field)
{
  DcnH264Cabac engine = s->engine;
  dcn_h264_cabac_top_up(&engine);
  uint8_t *significant = s->states + significant_ctx[field][CHROMA_DC];
  uint8_t *last = s->states + last_ctx[field][CHROMA_DC];
  int shift = max == 8; /* NumC8x8 is 2 */
  int count = 0, i = 0;
  for (; i < max - 1; i++) {
    int inc = MIN(i >> shift, 2);
    if (dcn_h264_cabac_bin(&engine, significant + inc)) {
      count++;
      if (dcn_h264_cabac_bin(&engine, last + inc))
        break;
    }
  }
  count += i == max - 1;
  gboolean ok = levels(&engine, s->states + level_ctx[CHROMA_DC], level_next_ctx[1], count);
  s->engine = engine;
  return ok;
}

static gboolean
block_8x8(DcnH264Slice *s, int cat, int field)
{
  DcnH264Cabac engine = s->engine;
  dcn_h264_cabac_top_up(&engine);
  uint8_t *significant = s->states + significant_ctx[field][cat];
  uint8_t *last = s->states + last_ctx[field][cat];
  const uint8_t *inc = dcn_h264_significant_8x8[field];
  int count = 0, i = 0;
  for (; i < 63; i++) {
    if (dcn_h264_cabac_bin(&engine, significant + inc[i])) {
      count++;
      if (dcn_h264_cabac_bin(&engine, last + dcn_h264_last_8x8[i]))
        break;
    }
  }
  count += i == 63;
  gboolean ok = levels(&engine, s->states + level_ctx[cat], level_next_ctx[0], count);
  s->engine = engine;
  return ok;
}

/* One colour plane's coded_block_flags, with those around them; bit GRID(x, y) of 4x4 block (x, y).  Rows of five bits: so
 * one multiplication brings a column to its place. */
typedef uint32_t Grid;

#define GRID(x, y) (5 * ((y) + 1) + (x) + 1)

/* Bits 0, 4, 8 and 12 to GRID(-1, 0), (-1, 1), (-1, 2) and (-1, 3): each is shifted by 5 and as much again as its row;
 * what else the product has lies elsewhere. */
static inline Grid
column_at_left(unsigned bits)
{
  return (bits & 0x1111) * 0x1e0 &
         (1u << GRID(-1, 0) | 1u << GRID(-1, 1) | 1u << GRID(-1, 2) | 1u << GRID(-1, 3));
}

/* Transform blocks of neighbours as 9.3.3.1.1.9 assigns them: one that is not available counts as coded for intra
 * macroblocks.  only_8x8: 4:4:4 and 8x8 transform: only such neighbours (and I_PCM) count. */
static gboolean
counts(const DcnH264Mb *mb, gboolean only_8x8)
{
  return !only_8x8 || (mb->flags & DCN_H264_MB_TRANSFORM_8X8) || mb->type == DCN_H264_MB_I_PCM;
}

static inline Grid
luma_grid(const DcnH264Slice *s, int plane, gboolean intra, gboolean only_8x8)
{
  unsigned top = intra ? 15 : 0, left = intra ? 0x1111 : 0;
  if (s->b_mb)
    top = counts(s->b_mb, only_8x8) ? s->top->coded[plane] >> 12 : 0;
  if (s->a && !s->m->mbaff) {
    left = counts(s->a, only_8x8) ? s->left[0]->coded[plane] >> 3 : 0;
  } else if (s->a) {
    left = 0;
    for (int y = 0; y < 4; y++)
      if (counts(s->left_mb[y], only_8x8))
        left |= (s->left[y]->coded[plane] >> (4 * s->left_row[y] + 3) & 1u) << 4 * y;
  }
  return top << GRID(0, -1) | column_at_left(left);
}

/* rows of 4x4 chroma blocks: 2 in 4:2:0, 4 in 4:2:2 */
static inline Grid
chroma_grid(const DcnH264Slice *s, int plane, gboolean intra, int rows)
{
  unsigned top = intra ? 3 : 0, left = intra ? 0x1111 : 0;
  if (s->b_mb)
    top = s->top->coded[plane] >> 4 * (rows - 1) & 3;
  if (s->a && !s->m->mbaff) {
    left = s->left[0]->coded[plane] >> 1;
  } else if (s->a) {
    left = 0;
    for (int y = 0; y < rows; y++) {
      int from = rows == 2 ? 2 * y : y;
      int row = rows == 2 ? s->left_row[from] >> 1 : s->left_row[from];
      left |= (s->left[from]->coded[plane] >> (4 * row + 1) & 1u) << 4 * y;
    }
  }
  return top << GRID(0, -1) | column_at_left(left);
}

static inline unsigned
coded_block_flag(DcnH264Slice *s, int cat, unsigned a, unsigned b)
{
  return dcn_h264_cabac_bin(&s->engine, &s->states[coded_block_flag_ctx[cat] + a + 2 * b]);
}

static inline unsigned
coded_at(Grid grid, int x, int y)
{
  return grid >> GRID(x, y) & 1;
}

static gboolean
dc_flag(const DcnH264Slice *s, int cat, int plane, gboolean intra, DcnH264Slice *mutable)
{
  unsigned a = s->a ? s->left[0]->coded_dc >> plane & 1 : (unsigned)intra;
  unsigned b = s->b_mb ? s->top->coded_dc >> plane & 1 : (unsigned)intra;
  return (gboolean)coded_block_flag(mutable, cat, a, b);
}

/* residual_luma(), 7.3.5.3.1 and .2; first_cat: LUMA_DC, CB_DC or CR_DC. */
static gboolean
residual_luma(DcnH264Slice *s, int plane, int first_cat, int field)
{
  DcnH264Mb *mb = s->mb;
  gboolean intra = dcn_h264_mb_is_intra(mb);
  gboolean big = mb->flags & DCN_H264_MB_TRANSFORM_8X8;
  gboolean ok = TRUE;
  int cat = LUMA_4X4 + first_cat, max = 16;

  if (mb->type == DCN_H264_MB_I_16X16) {
    if (dc_flag(s, first_cat, plane, intra, s)) {
      s->context->coded_dc |= (uint8_t)(1 << plane);
      ok = block_4x4(s, first_cat, 16, field);
    }
    cat = LUMA_AC + first_cat;
    max = 15;
  }
  if (!(mb->coded_block_pattern & 15))
    return ok;

  Grid grid = luma_grid(s, plane, intra, big && s->chroma_array_type == 3);
  unsigned coded = 0;
  if (big) {
    /* 5, 9, 13 */
    cat = plane == 0 ? LUMA_8X8 : first_cat + 3;
    for (int i = 0; i < 4 && ok; i++) {
      int x = i & 1 ? 2 : 0, y = i & 2;
      if (!(mb->coded_block_pattern >> i & 1))
        continue;
      if (s->chroma_array_type == 3 &&
          !coded_block_flag(s, cat, coded_at(grid, x - 1, y), coded_at(grid, x, y - 1)))
        continue;
      grid |= 0x63u << GRID(x, y);
      coded |= 0x33u << (4 * y + x);
      ok = block_8x8(s, cat, field);
    }
  } else {
    for (int i = 0; i < 16 && ok; i++) {
      if (!(mb->coded_block_pattern >> (i >> 2) & 1)) {
        i |= 3;
        continue;
      }
      /* Figure 6-10 */
      int x = (i & 1) | (i >> 1 & 2), y = (i >> 1 & 1) | (i >> 2 & 2);
      if (!coded_block_flag(s, cat, coded_at(grid, x - 1, y), coded_at(grid, x, y - 1)))
        continue;
      grid |= 1u << GRID(x, y);
      coded |= 1u << (4 * y + x);
      ok = block_4x4(s, cat, max, field);
    }
  }
  s->context->coded[plane] = (uint16_t)coded;
  return ok;
}

/* Cb and Cr of 4:2:0 and 4:2:2 */
static gboolean
residual_chroma(DcnH264Slice *s, int field)
{
  DcnH264Mb *mb = s->mb;
  gboolean intra = dcn_h264_mb_is_intra(mb);
  int rows = s->chroma_array_type == 1 ? 2 : 4;
  if (!(mb->coded_block_pattern & 0x30))
    return TRUE;
  for (int plane = 1; plane < 3; plane++) {
    if (!dc_flag(s, CHROMA_DC, plane, intra, s))
      continue;
    s->context->coded_dc |= (uint8_t)(1 << plane);
    if (!block_chroma_dc(s, 2 * rows, field))
      return FALSE;
  }
  if (!(mb->coded_block_pattern & 0x20))
    return TRUE;
  for (int plane = 1; plane < 3; plane++) {
    Grid grid = chroma_grid(s, plane, intra, rows);
    unsigned coded = 0;
    for (int i = 0; i < 2 * rows; i++) {
      int x = i & 1, y = i >> 1;
      if (!coded_block_flag(s, CHROMA_AC, coded_at(grid, x - 1, y), coded_at(grid, x, y - 1)))
        continue;
      grid |= 1u << GRID(x, y);
      coded |= 1u << (4 * y + x);
      if (!block_4x4(s, CHROMA_AC, 15, field))
        return FALSE;
    }
    s->context->coded[plane] = (uint16_t)coded;
  }
  return TRUE;
}

gboolean
dcn_h264_cabac_residual(DcnH264Slice *s)
{
  int field = s->field || s->m->field;
  gboolean ok = residual_luma(s, 0, LUMA_DC, field);
  if (s->chroma_array_type == 3)
    ok = ok && residual_luma(s, 1, CB_DC, field) && residual_luma(s, 2, CR_DC, field);
  else if (s->chroma_array_type)
    ok = ok && residual_chroma(s, field);
  if (!ok)
    return dcn_h264_fail(s, "coeff_abs_level_minus1 out of range");

  const DcnH264Context *c = s->context;
  s->mb->nonzero = c->coded[0];
  if (c->coded[1] | c->coded[2] | (c->coded_dc & 6))
    s->mb->flags |= DCN_H264_MB_CHROMA;
  if (c->coded_dc & 1)
    s->mb->flags |= DCN_H264_MB_LUMA_DC;
  return TRUE;
}
