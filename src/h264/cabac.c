/* deltacnn: syntax elements of H.264 macroblocks in CABAC, all but residual blocks.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Binarisations of ITU-T H.264 9.3.2 and the contexts of their bins, 9.3.3.1.  A neighbour that is
 * not available, or has not got the element, adds nothing to ctxIdxInc unless said otherwise. */
#include "h264/syntax.h"

/* ctxIdxOffset, table 9-34 */
enum {
  MB_TYPE_SI_PREFIX = 0,
  MB_TYPE_I = 3,
  MB_SKIP_FLAG_P = 11,
  MB_TYPE_P = 14,
  MB_TYPE_P_INTRA = 17,
  SUB_MB_TYPE_P = 21,
  MB_SKIP_FLAG_B = 24,
  MB_TYPE_B = 27,
  MB_TYPE_B_INTRA = 32,
  SUB_MB_TYPE_B = 36,
  MVD_X = 40,
  MVD_Y = 47,
  REF_IDX = 54,
  MB_QP_DELTA = 60,
  INTRA_CHROMA_PRED_MODE = 64,
  PREV_INTRA_PRED_MODE_FLAG = 68,
  REM_INTRA_PRED_MODE = 69,
  MB_FIELD_DECODING_FLAG = 70,
  CODED_BLOCK_PATTERN_LUMA = 73,
  CODED_BLOCK_PATTERN_CHROMA = 77,
  TRANSFORM_SIZE_8X8_FLAG = 399
};

static inline unsigned
bin(DcnH264Slice *s, int ctx_idx)
{
  return dcn_h264_cabac_bin(&s->engine, &s->states[ctx_idx]);
}

/* The same in elements of many bins, with the engine in registers meanwhile. */
static inline unsigned
bin_of(DcnH264Cabac *engine, DcnH264Slice *s, int ctx_idx)
{
  return dcn_h264_cabac_bin(engine, &s->states[ctx_idx]);
}

static inline unsigned
straight_bin_of(DcnH264Cabac *engine, DcnH264Slice *s, int ctx_idx)
{
  return dcn_h264_cabac_bin_straight(engine, &s->states[ctx_idx]);
}

/* More bits of a number. */
static inline int
straight_bin(DcnH264Slice *s, int ctx_idx)
{
  return (int)dcn_h264_cabac_bin_straight(&s->engine, &s->states[ctx_idx]);
}

/* 9.3.1.1 */
void
dcn_h264_cabac_contexts(DcnH264Slice *s, int cabac_init_idc, int slice_qp)
{
  const int8_t(*mn)[2] = (const int8_t(*)[2])dcn_h264_context_mn[s->intra ? 0 : 1 + cabac_init_idc];
  int qp = CLAMP(slice_qp, 0, 51);
  /* Behind 459 only Cb and Cr of 4:4:4 have theirs. */
  int n = s->chroma_array_type == 3 ? DCN_H264_N_CONTEXTS : 460;
  for (int i = 0; i < n; i++) {
    int pre = (mn[i][0] * qp >> 4) + mn[i][1];
    pre = CLAMP(pre, 1, 126);
    int lower = 63 - pre, upper = pre - 64;
    s->states[i] = (uint8_t)(pre <= 63 ? lower << 1 : upper << 1 | 1);
  }
}

static inline gboolean
is_skip(const DcnH264Mb *mb)
{
  return mb->type >= DCN_H264_MB_P_SKIP;
}

unsigned
dcn_h264_cabac_mb_skip_flag(DcnH264Slice *s)
{
  int inc = (s->a && !is_skip(s->a)) + (s->b_mb && !is_skip(s->b_mb));
  return bin(s, (s->b ? MB_SKIP_FLAG_B : MB_SKIP_FLAG_P) + inc);
}

/* left, above: the pair there is available and a field pair. */
unsigned
dcn_h264_cabac_mb_field_decoding_flag(DcnH264Slice *s, gboolean left, gboolean above)
{
  return bin(s, MB_FIELD_DECODING_FLAG + !!left + !!above);
}

/* Table 9-36, behind the first bin; context of the third bin, and steps to those that follow: I slices have one for
 * each bin, the suffixes in P and B slices share. */
static int
mb_type_intra_rest(DcnH264Slice *s, int ctx, gboolean in_intra_slice)
{
  if (dcn_h264_cabac_terminate(&s->engine))
    return 25; /* I_PCM */
  int step = in_intra_slice;
  int type = 1 + 12 * straight_bin(s, ctx);
  if (bin(s, ctx + 1))
    type += 4 + 4 * straight_bin(s, ctx + 1 + step);
  type += 2 * straight_bin(s, ctx + 2 + step);
  type += straight_bin(s, ctx + 2 + 2 * step);
  return type;
}

static int
mb_type_i(DcnH264Slice *s)
{
  int inc =
      (s->a && s->a->type > DCN_H264_MB_I_8X8) + (s->b_mb && s->b_mb->type > DCN_H264_MB_I_8X8);
  if (!bin(s, MB_TYPE_I + inc))
    return 0;
  return mb_type_intra_rest(s, MB_TYPE_I + 3, TRUE);
}

static int
mb_type_intra_suffix(DcnH264Slice *s, int ctx)
{
  return bin(s, ctx) ? mb_type_intra_rest(s, ctx + 1, FALSE) : 0;
}

/* Table 9-37 */
static int
mb_type_p(DcnH264Slice *s)
{
  if (bin(s, MB_TYPE_P))
    return 5 + mb_type_intra_suffix(s, MB_TYPE_P_INTRA);
  if (!bin(s, MB_TYPE_P + 1))
    return 3 * straight_bin(s, MB_TYPE_P + 2);
  return 2 - straight_bin(s, MB_TYPE_P + 3);
}

static inline gboolean
is_direct(const DcnH264Mb *mb)
{
  return mb->type == DCN_H264_MB_DIRECT || mb->type == DCN_H264_MB_B_SKIP;
}

static int
mb_type_b(DcnH264Slice *s)
{
  int inc = (s->a && !is_direct(s->a)) + (s->b_mb && !is_direct(s->b_mb));
  if (!bin(s, MB_TYPE_B + inc))
    return 0;
  if (!bin(s, MB_TYPE_B + 3))
    return 1 + straight_bin(s, MB_TYPE_B + 5);
  int bits = straight_bin(s, MB_TYPE_B + 4) << 3;
  bits |= straight_bin(s, MB_TYPE_B + 5) << 2;
  bits |= straight_bin(s, MB_TYPE_B + 5) << 1;
  bits |= straight_bin(s, MB_TYPE_B + 5);
  if (bits < 8)
    return 3 + bits;
  if (bits == 13)
    return 23 + mb_type_intra_suffix(s, MB_TYPE_B_INTRA);
  if (bits == 14)
    return 11;
  if (bits == 15)
    return 22;
  bits = bits << 1 | straight_bin(s, MB_TYPE_B + 5);
  return bits - 4;
}

int
dcn_h264_cabac_mb_type(DcnH264Slice *s)
{
  dcn_h264_cabac_top_up(&s->engine);
  if (s->si) {
    int inc = (s->a && s->a->type != DCN_H264_MB_SI) + (s->b_mb && s->b_mb->type != DCN_H264_MB_SI);
    return bin(s, MB_TYPE_SI_PREFIX + inc) ? 1 + mb_type_i(s) : 0;
  }
  if (s->intra)
    return mb_type_i(s);
  return s->b ? mb_type_b(s) : mb_type_p(s);
}

/* Table 9-38 */
int
dcn_h264_cabac_sub_mb_type(DcnH264Slice *s)
{
  if (!s->b) {
    if (bin(s, SUB_MB_TYPE_P))
      return 0;
    if (!bin(s, SUB_MB_TYPE_P + 1))
      return 1;
    return bin(s, SUB_MB_TYPE_P + 2) ? 2 : 3;
  }
  if (!bin(s, SUB_MB_TYPE_B))
    return 0;
  if (!bin(s, SUB_MB_TYPE_B + 1))
    return 1 + straight_bin(s, SUB_MB_TYPE_B + 3);
  int type = 3;
  if (bin(s, SUB_MB_TYPE_B + 2)) {
    if (bin(s, SUB_MB_TYPE_B + 3))
      return 11 + straight_bin(s, SUB_MB_TYPE_B + 3);
    type += 4;
  }
  type += 2 * straight_bin(s, SUB_MB_TYPE_B + 3);
  type += straight_bin(s, SUB_MB_TYPE_B + 3);
  return type;
}

static inline gboolean
has_8x8_transform(const DcnH264Mb *mb)
{
  return mb && (mb->flags & DCN_H264_MB_TRANSFORM_8X8);
}

unsigned
dcn_h264_cabac_transform_size_8x8_flag(DcnH264Slice *s)
{
  return bin(s, TRANSFORM_SIZE_8X8_FLAG + has_8x8_transform(s->a) + has_8x8_transform(s->b_mb));
}

/* prev_intra4x4_pred_mode_flag and rem_intra4x4_pred_mode, or those of 8x8, of n blocks. */
void
dcn_h264_cabac_intra_pred_modes(DcnH264Slice *s, int n)
{
  DcnH264Cabac engine = s->engine;
  while (n--) {
    if (bin_of(&engine, s, PREV_INTRA_PRED_MODE_FLAG))
      continue;
    for (int i = 0; i < 3; i++)
      straight_bin_of(&engine, s, REM_INTRA_PRED_MODE);
  }
  s->engine = engine;
}

/* 9.3.3.1.1.8; the context holds 0 where there is no such element. */
int
dcn_h264_cabac_intra_chroma_pred_mode(DcnH264Slice *s)
{
  int inc =
      (s->a && s->left[0]->intra_chroma_pred_mode) + (s->b_mb && s->top->intra_chroma_pred_mode);
  if (!bin(s, INTRA_CHROMA_PRED_MODE + inc))
    return 0;
  if (!bin(s, INTRA_CHROMA_PRED_MODE + 3))
    return 1;
  return 2 + (int)bin(s, INTRA_CHROMA_PRED_MODE + 3);
}

/* refIdxZeroFlagN of 9.3.3.1.1.6: a field macroblock's indices count twice for a frame macroblock.  Direct macroblocks and
 * those without the list have -1. */
static inline gboolean
ref_idx_counts(const DcnH264Slice *s, const DcnH264Mb *mb, int list, int quarter)
{
  int zero = !s->field && (mb->flags & DCN_H264_MB_FIELD) ? 1 : 0;
  return mb->ref_idx[list][quarter] > zero;
}

int
dcn_h264_cabac_ref_idx(DcnH264Slice *s, int list, int quarter)
{
  int inc = 0;
  if (quarter & 1) {
    inc = s->mb->ref_idx[list][quarter - 1] > 0;
  } else if (s->a) {
    int row = quarter; /* of 4x4 blocks: 0 or 2 */
    inc = ref_idx_counts(s, s->left_mb[row], list, (s->left_row[row] & 2) + 1);
  }
  if (quarter & 2)
    inc += 2 * (s->mb->ref_idx[list][quarter - 2] > 0);
  else if (s->b_mb)
    inc += 2 * ref_idx_counts(s, s->b_mb, list, 2 + quarter);

  int value = 0;
  while (value < 32 && bin(s, REF_IDX + inc)) {
    value++;
    inc = value == 1 ? 4 : 5;
  }
  return value;
}

/* UEG3 with signedValFlag 1 and uCoff 9, 9.3.2.3 */
gboolean
dcn_h264_cabac_mvd(DcnH264Slice *s, int component, int sum, int *value)
{
  int base = component ? MVD_Y : MVD_X;
  DcnH264Cabac engine = s->engine;
  gboolean ok = TRUE;
  int magnitude = (int)bin_of(&engine, s, base + (sum > 2) + (sum > 32));
  if (magnitude) {
    for (int ctx = 3; magnitude < 9 && bin_of(&engine, s, base + ctx); magnitude++)
      ctx = MIN(ctx + 1, 6);
    if (magnitude == 9) {
      int k = 3;
      while (k <= 16 && dcn_h264_cabac_bypass(&engine))
        magnitude += 1 << k++;
      ok = k <= 16;
      while (k--)
        magnitude += (int)dcn_h264_cabac_bypass(&engine) << k;
    }
    int sign = -(int)dcn_h264_cabac_bypass(&engine);
    magnitude = (magnitude ^ sign) - sign;
  }
  s->engine = engine;
  *value = magnitude;
  return ok || dcn_h264_fail(s, "mvd out of range");
}

/* 9.3.3.1.1.4: the bits of the luma prefix have those of the 8x8 blocks to the left and above as contexts, 1 where not
 * coded; what is not available counts as coded. */
int
dcn_h264_cabac_coded_block_pattern(DcnH264Slice *s)
{
  int left = 0xf, above = 0xf, chroma_a = 0, chroma_b = 0;
  if (s->a) {
    /* Quarters 1 and 3 of what is there. */
    int upper = s->left_mb[0]->coded_block_pattern >> ((s->left_row[0] & 2) + 1) & 1;
    int lower = s->left_mb[2]->coded_block_pattern >> ((s->left_row[2] & 2) + 1) & 1;
    left = upper << 1 | lower << 3;
    chroma_a = s->a->coded_block_pattern >> 4;
  }
  if (s->b_mb) {
    above = s->b_mb->coded_block_pattern;
    chroma_b = s->b_mb->coded_block_pattern >> 4;
  }
  int base = CODED_BLOCK_PATTERN_LUMA;
  DcnH264Cabac engine = s->engine;
  int pattern = (int)straight_bin_of(&engine, s, base + !(left & 2) + 2 * !(above & 4));
  pattern |= (int)straight_bin_of(&engine, s, base + !(pattern & 1) + 2 * !(above & 8)) << 1;
  pattern |= (int)straight_bin_of(&engine, s, base + !(left & 8) + 2 * !(pattern & 1)) << 2;
  pattern |= (int)straight_bin_of(&engine, s, base + !(pattern & 4) + 2 * !(pattern & 2)) << 3;

  if (s->chroma_array_type == 1 || s->chroma_array_type == 2) {
    base = CODED_BLOCK_PATTERN_CHROMA;
    if (bin_of(&engine, s, base + (chroma_a != 0) + 2 * (chroma_b != 0)))
      pattern |= bin_of(&engine, s, base + 4 + (chroma_a == 2) + 2 * (chroma_b == 2)) ? 0x20 : 0x10;
  }
  s->engine = engine;
  return pattern;
}

/* Unary code of table 9-3's codeNum */
gboolean
dcn_h264_cabac_mb_qp_delta(DcnH264Slice *s, int *value)
{
  int code = 0, ctx = s->last_qp_delta ? 1 : 0;
  while (bin(s, MB_QP_DELTA + ctx)) {
    ctx = 2 + (code > 0);
    if (++code > 2 * (26 + 18) + 1)
      return dcn_h264_fail(s, "mb_qp_delta out of range");
  }
  int sign = (code & 1) - 1;
  *value = (((code + 1) >> 1) ^ sign) - sign;
  return TRUE;
}
