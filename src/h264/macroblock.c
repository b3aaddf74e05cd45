/* deltacnn: macroblock layer of H.264: types, prediction, what is coded.  ITU-T H.264 7.3.5.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/syntax.h"

#define L0 DCN_H264_SUB_L0
#define L1 DCN_H264_SUB_L1
#define BI (L0 | L1)

/* Table 7-14, mb_type 1 to 21: shape, and the lists of both partitions. */
static const struct {
  uint8_t type, lists[2];
} b_types[] = {
    {DCN_H264_MB_16X16, {L0, L0}}, {DCN_H264_MB_16X16, {L1, L1}}, {DCN_H264_MB_16X16, {BI, BI}},
    {DCN_H264_MB_16X8, {L0, L0}},  {DCN_H264_MB_8X16, {L0, L0}},  {DCN_H264_MB_16X8, {L1, L1}},
    {DCN_H264_MB_8X16, {L1, L1}},  {DCN_H264_MB_16X8, {L0, L1}},  {DCN_H264_MB_8X16, {L0, L1}},
    {DCN_H264_MB_16X8, {L1, L0}},  {DCN_H264_MB_8X16, {L1, L0}},  {DCN_H264_MB_16X8, {L0, BI}},
    {DCN_H264_MB_8X16, {L0, BI}},  {DCN_H264_MB_16X8, {L1, BI}},  {DCN_H264_MB_8X16, {L1, BI}},
    {DCN_H264_MB_16X8, {BI, L0}},  {DCN_H264_MB_8X16, {BI, L0}},  {DCN_H264_MB_16X8, {BI, L1}},
    {DCN_H264_MB_8X16, {BI, L1}},  {DCN_H264_MB_16X8, {BI, BI}},  {DCN_H264_MB_8X16, {BI, BI}},
};

/* Table 7-17 */
static const uint8_t p_sub_types[] = {
    L0 | DCN_H264_SUB_8X8,
    L0 | DCN_H264_SUB_8X4,
    L0 | DCN_H264_SUB_4X8,
    L0 | DCN_H264_SUB_4X4,
};

/* Table 7-18 */
static const uint8_t b_sub_types[] = {
    DCN_H264_SUB_DIRECT,   L0 | DCN_H264_SUB_8X8, L1 | DCN_H264_SUB_8X8, BI | DCN_H264_SUB_8X8,
    L0 | DCN_H264_SUB_8X4, L0 | DCN_H264_SUB_4X8, L1 | DCN_H264_SUB_8X4, L1 | DCN_H264_SUB_4X8,
    BI | DCN_H264_SUB_8X4, BI | DCN_H264_SUB_4X8, L0 | DCN_H264_SUB_4X4, L1 | DCN_H264_SUB_4X4,
    BI | DCN_H264_SUB_4X4,
};

static inline unsigned
flag(DcnH264Slice *s)
{
  return dcn_bits_read(&s->reader, 1);
}

static void
set_lists(DcnH264Mb *mb, int type, int lists0, int lists1)
{
  mb->type = (uint8_t)type;
  for (int i = 0; i < 4; i++)
    mb->sub[i] = (uint8_t)((type == DCN_H264_MB_16X8 ? i & 2 : i & 1) ? lists1 : lists0);
}

/* mb_type of tables 7-11 (0 I_NxN, 1 to 24 I_16x16, 25 I_PCM).  I_NxN is I_4x4 until the transform size is known. */
static gboolean
intra_type(DcnH264Slice *s, uint32_t type)
{
  DcnH264Mb *mb = s->mb;
  memset(mb->sub, 0, sizeof mb->sub);
  if (type == 0) {
    mb->type = DCN_H264_MB_I_4X4;
  } else if (type < 25) {
    mb->type = DCN_H264_MB_I_16X16;
    type--;
    mb->coded_block_pattern = (uint8_t)((type >= 12 ? 15 : 0) | (type / 4 % 3) << 4);
  } else if (type == 25) {
    mb->type = DCN_H264_MB_I_PCM;
  } else {
    return dcn_h264_fail(s, "mb_type out of range");
  }
  return TRUE;
}

/* Sets type and sub; *ref0: P_8x8ref0. */
static gboolean
read_type(DcnH264Slice *s, gboolean *ref0)
{
  DcnH264Mb *mb = s->mb;
  uint32_t type = s->cabac ? (uint32_t)dcn_h264_cabac_mb_type(s) : dcn_h264_ue(&s->reader);
  *ref0 = FALSE;
  if (s->intra) {
    if (!s->si)
      return intra_type(s, type);
    if (type > 0)
      return intra_type(s, type - 1);
    memset(mb->sub, 0, sizeof mb->sub);
    mb->type = DCN_H264_MB_SI;
    return TRUE;
  }
  if (s->b) {
    if (type >= 23)
      return intra_type(s, type - 23);
    if (type == 0)
      set_lists(mb, DCN_H264_MB_DIRECT, DCN_H264_SUB_DIRECT, DCN_H264_SUB_DIRECT);
    else if (type == 22)
      mb->type = DCN_H264_MB_8X8;
    else
      set_lists(mb, b_types[type - 1].type, b_types[type - 1].lists[0], b_types[type - 1].lists[1]);
    return TRUE;
  }
  static const uint8_t p_types[] = {DCN_H264_MB_16X16, DCN_H264_MB_16X8, DCN_H264_MB_8X16,
                                    DCN_H264_MB_8X8, DCN_H264_MB_8X8};
  if (type >= 5)
    return intra_type(s, type - 5);
  *ref0 = type == 4;
  set_lists(mb, p_types[type], L0, L0);
  return TRUE;
}

/* pcm_alignment_zero_bit and the samples */
static gboolean
read_pcm(DcnH264Slice *s)
{
  static const int chroma_samples[] = {0, 128, 256, 512};
  const DcnH264Macroblocks *m = s->m;
  size_t position = s->cabac ? dcn_h264_cabac_position(&s->engine, s->data)
                             : 8 * s->size - dcn_bits_left(&s->reader);
  size_t from = (position + 7) / 8;
  size_t bits = (size_t)(256 * m->bit_depth_luma +
                         chroma_samples[s->chroma_array_type] * m->bit_depth_chroma);
  if (s->reader.error || from > s->size || s->size - from < bits / 8)
    return dcn_h264_fail(s, "slice is cut off");
  from += bits / 8; /* whole bytes: 64 samples and more of each kind */
  if (s->cabac)
    dcn_h264_cabac_init(&s->engine, s->data + from, s->size - from);
  else
    dcn_bits_init(&s->reader, s->data + from, s->size - from);

  DcnH264Context *c = s->context;
  c->intra_chroma_pred_mode = 0;
  c->coded_dc = 7;
  memset(c->coded, 0xff, sizeof c->coded);
  if (s->cabac)
    memset(&c->mvd, 0, sizeof c->mvd);
  else
    memset(&c->total, 16, sizeof c->total);
  s->mb->coded_block_pattern = 0x2f;
  s->mb->nonzero = 0xffff;
  s->mb->flags |= DCN_H264_MB_CHROMA | DCN_H264_MB_LUMA_DC;
  s->mb->qp = 0;
  s->last_qp_delta = FALSE;
  return TRUE;
}

static gboolean
read_transform_size(DcnH264Slice *s)
{
  unsigned big = s->cabac ? dcn_h264_cabac_transform_size_8x8_flag(s) : flag(s);
  if (big)
    s->mb->flags |= DCN_H264_MB_TRANSFORM_8X8;
  return (gboolean)big;
}

/* mb_pred() of intra macroblocks: only the chroma mode is of use, as context. */
static gboolean
read_intra_pred(DcnH264Slice *s)
{
  int n = s->mb->type == DCN_H264_MB_I_16X16 ? 0 : s->mb->type == DCN_H264_MB_I_8X8 ? 4 : 16;
  if (s->cabac) {
    dcn_h264_cabac_intra_pred_modes(s, n);
  } else {
    for (int i = 0; i < n; i++) {
      dcn_bits_refill(&s->reader);
      dcn_bits_skip(&s->reader, 4 - 3 * (int)dcn_bits_peek(&s->reader, 1));
    }
  }
  if (s->chroma_array_type == 1 || s->chroma_array_type == 2) {
    uint32_t mode =
        s->cabac ? (uint32_t)dcn_h264_cabac_intra_chroma_pred_mode(s) : dcn_h264_ue(&s->reader);
    if (mode > 3)
      return dcn_h264_fail(s, "intra_chroma_pred_mode out of range");
    s->context->intra_chroma_pred_mode = (uint8_t)mode;
  }
  return TRUE;
}

/* ref_idx of the partition that starts at a quarter; te(v) or ae(v). */
static gboolean
read_ref_idx(DcnH264Slice *s, int list, int quarter, int *ref_idx)
{
  int n = s->num_ref_idx[list] << (s->field ? 1 : 0);
  uint32_t value = 0;
  if (n > 1) {
    if (s->cabac)
      value = (uint32_t)dcn_h264_cabac_ref_idx(s, list, quarter);
    else
      value = n == 2 ? !flag(s) : dcn_h264_ue(&s->reader);
    if (value >= (uint32_t)n)
      return dcn_h264_fail(s, "ref_idx out of range");
  }
  *ref_idx = (int)value;
  return TRUE;
}

/* |mvd| of both components, at most DCN_H264_MVD_LIMIT, as the current macroblock counts lines; CABAC. */
typedef struct {
  uint8_t part[2];
} Magnitude;

static inline Magnitude
mvd_neighbour(const DcnH264Slice *s, const DcnH264Mb *mb, const uint8_t from[2])
{
  int vertical = from[1];
  if (s->field != !!(mb->flags & DCN_H264_MB_FIELD))
    vertical = s->field ? vertical >> 1 : MIN(2 * vertical, 255);
  return (Magnitude){{from[0], (uint8_t)vertical}};
}

/* Of the block to the left of a row of 4x4 blocks, or above a column. */
static inline Magnitude
mvd_left(const DcnH264Slice *s, int list, int row)
{
  if (!s->a)
    return (Magnitude){{0, 0}};
  const uint8_t(*right)[2] = s->left[row]->mvd.right[list];
  if (!s->m->mbaff)
    return (Magnitude){{right[row][0], right[row][1]}};
  return mvd_neighbour(s, s->left_mb[row], right[s->left_row[row]]);
}

static inline Magnitude
mvd_above(const DcnH264Slice *s, int list, int column)
{
  if (!s->b_mb)
    return (Magnitude){{0, 0}};
  const uint8_t *bottom = s->top->mvd.bottom[list][column];
  if (!s->m->mbaff)
    return (Magnitude){{bottom[0], bottom[1]}};
  return mvd_neighbour(s, s->b_mb, bottom);
}

/* What the neighbours will see of two blocks each, at the right or the bottom. */
static inline void
mvd_keep(uint8_t (*edge)[2], Magnitude first, Magnitude second)
{
  for (int i = 0; i < 4; i++)
    memcpy(edge[i], i < 2 ? first.part : second.part, 2);
}

/* mvd_lX; a, b: of the neighbours.  *out is set with CABAC only. */
static inline gboolean
read_mvd(DcnH264Slice *s, Magnitude a, Magnitude b, Magnitude *out)
{
  DcnH264Macroblocks *m = s->m;
  int value[2];
  if (s->cabac) {
    for (int c = 0; c < 2; c++) {
      if (!dcn_h264_cabac_mvd(s, c, a.part[c] + b.part[c], &value[c]))
        return FALSE;
      out->part[c] = (uint8_t)MIN(abs(value[c]), DCN_H264_MVD_LIMIT);
    }
  } else {
    value[0] = dcn_h264_se(&s->reader);
    value[1] = dcn_h264_se(&s->reader);
  }
  if (value[0] != (int16_t)value[0] || value[1] != (int16_t)value[1])
    return dcn_h264_fail(s, "mvd out of range");
  /* Room for all of a macroblock was made before. */
  m->mvd[m->n_mvd][0] = (int16_t)value[0];
  m->mvd[m->n_mvd][1] = (int16_t)value[1];
  m->n_mvd++;
  return TRUE;
}

/* mvd_lX of one list of 16x16, 16x8 and 8x16 */
static inline gboolean
partition_mvds(DcnH264Slice *s, int list, int n, int second)
{
  const DcnH264Mb *mb = s->mb;
  const Magnitude none = {{0, 0}};
  Magnitude of[2] = {{{0, 0}}, {{0, 0}}}, a = none, b = none;
  if (mb->sub[0] >> list & 1) {
    if (s->cabac) {
      a = mvd_left(s, list, 0);
      b = mvd_above(s, list, 0);
    }
    if (!read_mvd(s, a, b, &of[0]))
      return FALSE;
  }
  if (n == 1) {
    of[1] = of[0];
  } else if (mb->sub[3] >> list & 1) {
    if (s->cabac) {
      a = second == 2 ? mvd_left(s, list, 2) : of[0];
      b = second == 2 ? of[0] : mvd_above(s, list, 2);
    }
    if (!read_mvd(s, a, b, &of[1]))
      return FALSE;
  }
  if (s->cabac) {
    mvd_keep(s->context->mvd.right[list], second == 2 ? of[0] : of[1], of[1]);
    mvd_keep(s->context->mvd.bottom[list], second == 2 ? of[1] : of[0], of[1]);
  }
  return TRUE;
}

/* The same of sub-macroblocks */
static gboolean
sub_macroblock_mvds(DcnH264Slice *s, int list)
{
  const DcnH264Mb *mb = s->mb;
  const Magnitude none = {{0, 0}};
  Magnitude grid[40] = {{{0, 0}}}; /* by DCN_H264_GRID(x, y) */
  if (s->cabac) {
    for (int i = 0; i < 4; i++) {
      grid[DCN_H264_GRID(i, -1)] = mvd_above(s, list, i);
      grid[DCN_H264_GRID(-1, i)] = mvd_left(s, list, i);
    }
  }
  for (int i = 0; i < 4; i++) {
    if (!(mb->sub[i] >> list & 1))
      continue;
    int w = mb->sub[i] & DCN_H264_SUB_4X8 ? 1 : 2, h = mb->sub[i] & DCN_H264_SUB_8X4 ? 1 : 2;
    for (int y = 0; y < 2; y += h) {
      for (int x = 0; x < 2; x += w) {
        if (!s->cabac) {
          if (!read_mvd(s, none, none, NULL))
            return FALSE;
          continue;
        }
        Magnitude *at = grid + DCN_H264_GRID(2 * (i & 1) + x, (i & 2) + y);
        if (!read_mvd(s, at[-1], at[-8], at))
          return FALSE;
        at[w - 1] = at[8 * (h - 1)] = at[8 * (h - 1) + w - 1] = at[0];
      }
    }
  }
  if (s->cabac) {
    for (int i = 0; i < 4; i++) {
      memcpy(s->context->mvd.bottom[list][i], grid[DCN_H264_GRID(i, 3)].part, 2);
      memcpy(s->context->mvd.right[list][i], grid[DCN_H264_GRID(3, i)].part, 2);
    }
  }
  return TRUE;
}

/* mb_pred() of 16x16, 16x8 and 8x16 */
static gboolean
read_partitions(DcnH264Slice *s)
{
  DcnH264Mb *mb = s->mb;
  /* The quarter where the second one starts, and quarters of the first one and of it, a byte for each. */
  static const struct {
    uint8_t n, second;
    uint8_t parts[2][4];
  } shapes[] = {
      {1, 1, {{255, 255, 255, 255}, {0}}},          /* 16x16 */
      {2, 2, {{255, 255, 0, 0}, {0, 0, 255, 255}}}, /* 16x8 */
      {2, 1, {{255, 0, 255, 0}, {0, 255, 0, 255}}}, /* 8x16 */
  };
  int shape = mb->type - DCN_H264_MB_16X16;
  int n = shapes[shape].n, second = shapes[shape].second;

  for (int list = 0; list < 1 + s->b; list++) {
    for (int i = 0; i < n; i++) {
      int quarter = i * second, ref_idx;
      if (!(mb->sub[quarter] >> list & 1))
        continue;
      if (!read_ref_idx(s, list, quarter, &ref_idx))
        return FALSE;
      uint32_t part, all;
      memcpy(&part, shapes[shape].parts[i], sizeof part);
      memcpy(&all, mb->ref_idx[list], sizeof all);
      all = (all & ~part) | (part & (uint32_t)ref_idx * 0x01010101u);
      memcpy(mb->ref_idx[list], &all, sizeof all);
    }
  }
  for (int list = 0; list < 1 + s->b; list++) {
    /* Where the list is not used the context holds zeros. */
    if ((mb->sub[0] | mb->sub[3]) >> list & 1 && !partition_mvds(s, list, n, second))
      return FALSE;
  }
  return TRUE;
}

/* sub_mb_pred().  *no_small: noSubMbPartSizeLessThan8x8Flag */
static gboolean
read_sub_macroblocks(DcnH264Slice *s, gboolean ref0, gboolean *no_small)
{
  DcnH264Mb *mb = s->mb;
  *no_small = TRUE;
  for (int i = 0; i < 4; i++) {
    uint32_t type = s->cabac ? (uint32_t)dcn_h264_cabac_sub_mb_type(s) : dcn_h264_ue(&s->reader);
    if (type >= (s->b ? G_N_ELEMENTS(b_sub_types) : G_N_ELEMENTS(p_sub_types)))
      return dcn_h264_fail(s, "sub_mb_type out of range");
    mb->sub[i] = s->b ? b_sub_types[type] : p_sub_types[type];
    if (mb->sub[i] & DCN_H264_SUB_DIRECT ? !s->m->direct_8x8_inference
                                         : mb->sub[i] & DCN_H264_SUB_SHAPE)
      *no_small = FALSE;
  }
  for (int list = 0; list < 1 + s->b; list++) {
    for (int i = 0; i < 4; i++) {
      int ref_idx = 0;
      if (!(mb->sub[i] >> list & 1))
        continue;
      if (!ref0 && !read_ref_idx(s, list, i, &ref_idx))
        return FALSE;
      mb->ref_idx[list][i] = (int8_t)ref_idx;
    }
  }
  for (int list = 0; list < 1 + s->b; list++) {
    if ((mb->sub[0] | mb->sub[1] | mb->sub[2] | mb->sub[3]) >> list & 1 &&
        !sub_macroblock_mvds(s, list))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_coded_block_pattern(DcnH264Slice *s)
{
  if (s->cabac) {
    s->mb->coded_block_pattern = (uint8_t)dcn_h264_cabac_coded_block_pattern(s);
    return TRUE;
  }
  uint32_t code = dcn_h264_ue(&s->reader);
  gboolean inter = !dcn_h264_mb_is_intra(s->mb);
  gboolean chroma = s->chroma_array_type == 1 || s->chroma_array_type == 2;
  if (code >= (chroma ? 48 : 16))
    return dcn_h264_fail(s, "coded_block_pattern out of range");
  s->mb->coded_block_pattern = chroma ? dcn_h264_coded_block_pattern_420[inter][code]
                                      : dcn_h264_coded_block_pattern_gray[inter][code];
  return TRUE;
}

/* mb_qp_delta, 7.4.5 */
static gboolean
read_qp_delta(DcnH264Slice *s)
{
  int delta, offset = s->qp_bd_offset;
  if (!s->cabac)
    delta = dcn_h264_se(&s->reader);
  else if (!dcn_h264_cabac_mb_qp_delta(s, &delta))
    return FALSE;
  if (delta < -(26 + offset / 2) || delta > 25 + offset / 2)
    return dcn_h264_fail(s, "mb_qp_delta out of range");
  s->last_qp_delta = delta != 0;
  /* (7-37), without its division: one step back into the range is enough. */
  int qp = s->qp + delta;
  if (qp < -offset)
    qp += 52 + offset;
  else if (qp > 51)
    qp -= 52 + offset;
  s->qp = qp;
  return TRUE;
}

gboolean
dcn_h264_macroblock(DcnH264Slice *s)
{
  DcnH264Mb *mb = s->mb;
  DcnH264Context *context = s->context;
  gboolean ref0, no_small = TRUE;

  *context = (DcnH264Context){.coded = {0}};
  mb->flags &= DCN_H264_MB_FIELD;
  mb->coded_block_pattern = 0;
  mb->nonzero = 0;
  mb->first_mvd = s->m->n_mvd;
  memset(mb->ref_idx, -1, sizeof mb->ref_idx);
  if (!read_type(s, &ref0))
    return FALSE;
  if (mb->type == DCN_H264_MB_I_PCM)
    return read_pcm(s);

  if (mb->type == DCN_H264_MB_8X8) {
    if (!read_sub_macroblocks(s, ref0, &no_small))
      return FALSE;
  } else if (dcn_h264_mb_is_intra(mb)) {
    if (mb->type == DCN_H264_MB_I_4X4 && s->transform_8x8_mode && read_transform_size(s))
      mb->type = DCN_H264_MB_I_8X8;
    if (!read_intra_pred(s))
      return FALSE;
  } else if (mb->type == DCN_H264_MB_DIRECT) {
    no_small = s->m->direct_8x8_inference;
  } else if (!read_partitions(s)) {
    return FALSE;
  }

  if (mb->type != DCN_H264_MB_I_16X16) {
    if (!read_coded_block_pattern(s))
      return FALSE;
    if (s->transform_8x8_mode &&
        ((mb->coded_block_pattern & 15) != 0) & (mb->type > DCN_H264_MB_I_8X8) & (no_small != 0))
      read_transform_size(s);
  }
  if (mb->coded_block_pattern || mb->type == DCN_H264_MB_I_16X16) {
    if (!read_qp_delta(s))
      return FALSE;
    mb->qp = (int8_t)s->qp;
    return s->cabac ? dcn_h264_cabac_residual(s) : dcn_h264_cavlc_residual(s);
  }
  mb->qp = (int8_t)s->qp;
  s->last_qp_delta = FALSE;
  return TRUE;
}
