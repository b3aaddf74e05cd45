/* deltacnn: slice data of H.264: addresses, skipped macroblocks, field decoding flags.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ITU-T H.264 7.3.4.  Flexible macroblock ordering is for the caller to refuse: addresses go up by one. */
#include "h264/syntax.h"
#include <stdlib.h>

#define MVDS_PER_MB 32 /* 16 sub-macroblock partitions, two lists */

gboolean
dcn_h264_macroblocks_begin(DcnH264Macroblocks *m, const DcnH264Sps *sps, gboolean field_pic_flag)
{
  dcn_h264_tables_init();
  dcn_h264_cavlc_init();
  m->chroma_array_type = dcn_h264_chroma_array_type(sps);
  m->bit_depth_luma = 8 + sps->bit_depth_luma_minus8;
  m->bit_depth_chroma = 8 + sps->bit_depth_chroma_minus8;
  m->mb_width = dcn_h264_width_in_mbs(sps);
  m->mb_height = dcn_h264_frame_height_in_mbs(sps) >> (field_pic_flag ? 1 : 0);
  m->mbaff = sps->mb_adaptive_frame_field_flag && !field_pic_flag;
  m->field = field_pic_flag;
  m->direct_8x8_inference = sps->direct_8x8_inference_flag;
  m->n_slices = 0;
  m->n_decoded = 0;
  m->n_mvd = 0;

  int size = m->mb_width * m->mb_height;
  if (size > m->capacity) {
    free(m->mbs);
    free(m->contexts);
    m->mbs = malloc((size_t)size * sizeof *m->mbs);
    m->contexts = malloc((size_t)size * sizeof *m->contexts);
    m->capacity = m->mbs && m->contexts ? size : 0;
    if (m->capacity == 0)
      return FALSE;
  }
  memset(m->mbs, 0, (size_t)size * sizeof *m->mbs);
  return TRUE;
}

void
dcn_h264_macroblocks_clear(DcnH264Macroblocks *m)
{
  free(m->mbs);
  free(m->contexts);
  free(m->mvd);
  free(m->rbsp);
  memset(m, 0, sizeof *m);
}

/* Room for the vectors of one more macroblock. */
static gboolean
reserve_mvd(DcnH264Slice *s)
{
  DcnH264Macroblocks *m = s->m;
  uint32_t need = m->n_mvd + MVDS_PER_MB;
  if (G_LIKELY(need <= m->mvd_capacity))
    return TRUE;
  uint32_t capacity = MAX(2 * m->mvd_capacity, need + 4096);
  int16_t(*mvd)[2] = realloc(m->mvd, capacity * sizeof *mvd);
  if (!mvd)
    return dcn_h264_fail(s, "out of memory");
  m->mvd = mvd;
  m->mvd_capacity = capacity;
  return TRUE;
}

/* Copies slice data into m->rbsp without emulation prevention bytes, 7.3.1, from the byte that holds its first bit on.  FALSE
 * when memory is short.  *size: bytes before the zeros that follow. */
static gboolean
unescape(DcnH264Macroblocks *m, const uint8_t *nal, size_t nal_size, size_t from, size_t *size)
{
  size_t need = nal_size - from + DCN_H264_CABAC_PADDING;
  if (need > m->rbsp_capacity) {
    free(m->rbsp);
    m->rbsp_capacity = 0;
    m->rbsp = malloc(need + need / 2);
    if (!m->rbsp)
      return FALSE;
    m->rbsp_capacity = need + need / 2;
  }
  const uint8_t *in = nal + from, *end = nal + nal_size;
  uint8_t *out = m->rbsp;
  /* Each 3 behind two zeros, which may lie before the slice data. */
  const uint8_t *scan = in;
  while (scan < end) {
    const uint8_t *three = memchr(scan, 3, (size_t)(end - scan));
    if (!three)
      break;
    scan = three + 1;
    if (three - nal < 2 || three[-1] || three[-2])
      continue;
    memcpy(out, in, (size_t)(three - in));
    out += three - in;
    in = scan;
  }
  memcpy(out, in, (size_t)(end - in));
  out += end - in;
  *size = (size_t)(out - m->rbsp);
  memset(out, 0, DCN_H264_CABAC_PADDING);
  return TRUE;
}

static inline gboolean
more_rbsp_data(const DcnH264Slice *s)
{
  return dcn_bits_left(&s->reader) > 8 * s->size - s->stop_bit;
}

/* Slice data must end at rbsp_stop_one_bit, or something was misread. */
static gboolean
check_end(DcnH264Slice *s)
{
  if (s->cabac) {
    /* 9.3.3.2.4: the last bit the engine reads is the stop bit.  Not every bit behind it is zero in what x264 writes: it
     * marks its streams in the last byte. */
    size_t last = dcn_h264_cabac_position(&s->engine, s->data) - 1;
    if (last / 8 + 1 != s->size || !(s->data[last / 8] >> (7 - last % 8) & 1))
      return dcn_h264_fail(s, "slice data does not end with its slice");
  } else if (s->reader.error || dcn_bits_left(&s->reader) != 8 * s->size - s->stop_bit) {
    return dcn_h264_fail(s, "slice data does not end with its slice");
  }
  return TRUE;
}

/* mbAddrA and mbAddrB of 6.4.9 of a macroblock that has not been decoded, and so belongs to no slice: it stands for those that
 * lie outside of the picture. */
static inline void
set_around(DcnH264Slice *s, int mb_addr, int column)
{
  const DcnH264Macroblocks *m = s->m;
  const DcnH264Mb *mb = m->mbs + mb_addr;
  const DcnH264Mb *left = mb - (column > 0),
                  *above = mb - (mb_addr >= m->mb_width ? m->mb_width : 0);
  s->a = left->slice == s->number ? left : NULL;
  s->b_mb = above->slice == s->number ? above : NULL;
}

/* Points s at that macroblock, and at what the others of its elements need; 6.4.12. */
static inline void
set_plain(DcnH264Slice *s, int mb_addr)
{
  DcnH264Macroblocks *m = s->m;
  s->mb_addr = mb_addr;
  s->mb = m->mbs + mb_addr;
  s->context = m->contexts + mb_addr;
  s->top = s->context - (s->b_mb ? m->mb_width : 0);
  const DcnH264Context *left = s->context - (s->a ? 1 : 0);
  static const uint8_t rows[4] = {0, 1, 2, 3};
  for (int y = 0; y < 4; y++) {
    s->left_mb[y] = s->a;
    s->left[y] = left;
  }
  memcpy(s->left_row, rows, sizeof rows);
}

static void
set_mbaff(DcnH264Slice *s, int mb_addr)
{
  DcnH264Macroblocks *m = s->m;
  int row;
  s->mb_addr = mb_addr;
  s->mb = m->mbs + mb_addr;
  s->context = m->contexts + mb_addr;
  s->field = s->mb->flags & DCN_H264_MB_FIELD ? TRUE : FALSE;
  int above = dcn_h264_neighbour(m, mb_addr, 0, -1, FALSE, &row);
  s->b_mb = above >= 0 ? m->mbs + above : NULL;
  s->top = m->contexts + MAX(above, 0);
  for (int y = 0; y < 4; y++) {
    int left = dcn_h264_neighbour(m, mb_addr, -1, 4 * y, FALSE, &row);
    s->left_mb[y] = left >= 0 ? m->mbs + left : NULL;
    s->left[y] = m->contexts + MAX(left, 0);
    s->left_row[y] = (uint8_t)(row >> 2);
  }
  s->a = s->left_mb[0];
}

/* P_Skip and B_Skip */
static inline void
skip(DcnH264Slice *s, int mb_addr, int flags)
{
  DcnH264Mb *mb = s->m->mbs + mb_addr;
  static const int8_t ref_idx[2][2][4] = {{{0, 0, 0, 0}, {-1, -1, -1, -1}},
                                          {{-1, -1, -1, -1}, {-1, -1, -1, -1}}};
  int sub = s->b ? DCN_H264_SUB_DIRECT : DCN_H264_SUB_L0;
  *mb = (DcnH264Mb){.slice = s->number,
                    .type = s->b ? DCN_H264_MB_B_SKIP : DCN_H264_MB_P_SKIP,
                    .flags = (uint8_t)flags,
                    .qp = (int8_t)s->qp,
                    .sub = {(uint8_t)sub, (uint8_t)sub, (uint8_t)sub, (uint8_t)sub},
                    .first_mvd = s->m->n_mvd};
  memcpy(mb->ref_idx, ref_idx[!!s->b], sizeof mb->ref_idx);
  s->m->contexts[mb_addr] = (DcnH264Context){.coded = {0}};
  s->last_qp_delta = FALSE;
  s->m->n_decoded++;
}

/* Before a macroblock of the slice is written: nobody else's. */
static inline gboolean
claim(DcnH264Slice *s, int mb_addr)
{
  if (G_UNLIKELY(s->m->mbs[mb_addr].slice != 0))
    return dcn_h264_fail(s, "macroblock decoded twice");
  return TRUE;
}

static gboolean
one_macroblock(DcnH264Slice *s)
{
  s->mb->slice = s->number;
  if (reserve_mvd(s) && dcn_h264_macroblock(s)) {
    if (s->cabac ? !dcn_h264_cabac_overrun(&s->engine) : !s->reader.error) {
      s->m->n_decoded++;
      return TRUE;
    }
    dcn_h264_fail(s, "slice is cut off");
  }
  s->mb->slice = 0;
  return FALSE;
}

typedef struct {
  DcnH264MbFunc func;
  void *user;
} Report;

static inline void
report(const Report *r, int mb_addr, int count)
{
  if (r->func && count > 0)
    r->func(r->user, mb_addr, count);
}

/* Frames without MBAFF, and fields: CAVLC. */
static void
plain_cavlc(DcnH264Slice *s, int mb_addr, const Report *r)
{
  int size = s->m->mb_width * s->m->mb_height;
  int column = mb_addr % s->m->mb_width;
  for (;;) {
    if (!s->intra) {
      uint32_t run = dcn_h264_ue(&s->reader);
      if (s->reader.error || run > (uint32_t)(size - mb_addr)) {
        dcn_h264_fail(s, "mb_skip_run out of range");
        return;
      }
      int n = 0;
      for (; n < (int)run && claim(s, mb_addr + n); n++)
        skip(s, mb_addr + n, 0);
      report(r, mb_addr, n);
      mb_addr += n;
      if (s->error || (run > 0 && !more_rbsp_data(s)))
        return;
      column = (column + n) % s->m->mb_width;
    }
    if (mb_addr >= size) {
      dcn_h264_fail(s, "more macroblocks than the picture has");
      return;
    }
    if (!claim(s, mb_addr))
      return;
    set_around(s, mb_addr, column);
    set_plain(s, mb_addr);
    if (!one_macroblock(s))
      return;
    report(r, mb_addr, 1);
    mb_addr++;
    if (++column == s->m->mb_width)
      column = 0;
    if (!more_rbsp_data(s))
      return;
  }
}

static void
plain_cabac(DcnH264Slice *s, int mb_addr, const Report *r)
{
  int size = s->m->mb_width * s->m->mb_height;
  int column = mb_addr % s->m->mb_width;
  int skipped = 0; /* that were not reported yet */
  for (; mb_addr < size; mb_addr++) {
    if (!claim(s, mb_addr))
      break;
    set_around(s, mb_addr, column);
    if (!s->intra && dcn_h264_cabac_mb_skip_flag(s)) {
      skip(s, mb_addr, 0);
      skipped++;
      if (dcn_h264_cabac_overrun(&s->engine)) {
        dcn_h264_fail(s, "slice is cut off");
        mb_addr++; /* behind what was skipped */
        break;
      }
    } else {
      report(r, mb_addr - skipped, skipped);
      skipped = 0;
      set_plain(s, mb_addr);
      if (!one_macroblock(s))
        return;
      report(r, mb_addr, 1);
    }
    if (++column == s->m->mb_width)
      column = 0;
    if (dcn_h264_cabac_terminate(&s->engine)) {
      report(r, mb_addr + 1 - skipped, skipped);
      return;
    }
  }
  report(r, mb_addr - skipped, skipped);
  dcn_h264_fail(s, "more macroblocks than the picture has");
}

/* Flag of a pair and what 7.4.4 infers for it where it is not sent. */
typedef struct {
  gboolean left, above; /* the pair there is available and a field pair */
  gboolean inferred;
} PairField;

static PairField
pair_field(const DcnH264Slice *s, int top)
{
  const DcnH264Macroblocks *m = s->m;
  int pair = top / 2;
  const DcnH264Mb *left = pair % m->mb_width ? m->mbs + top - 2 : NULL;
  const DcnH264Mb *above = pair >= m->mb_width ? m->mbs + top - 2 * m->mb_width : NULL;
  PairField p = {FALSE, FALSE, FALSE};
  if (left && left->slice != s->number)
    left = NULL;
  if (above && above->slice != s->number)
    above = NULL;
  p.left = left && (left->flags & DCN_H264_MB_FIELD);
  p.above = above && (above->flags & DCN_H264_MB_FIELD);
  p.inferred = left ? p.left : p.above;
  return p;
}

static void
set_pair_field(DcnH264Slice *s, int top, gboolean field)
{
  for (int i = 0; i < 2; i++) {
    DcnH264Mb *mb = s->m->mbs + top + i;
    mb->flags = (uint8_t)((mb->flags & ~DCN_H264_MB_FIELD) | (field ? DCN_H264_MB_FIELD : 0));
  }
}

/* mb_field_decoding_flag of a pair, from its bottom macroblock where the top one is skipped. */
static void
read_pair_field(DcnH264Slice *s, int top, const PairField *p)
{
  gboolean field = s->cabac ? (gboolean)dcn_h264_cabac_mb_field_decoding_flag(s, p->left, p->above)
                            : (gboolean)dcn_bits_read(&s->reader, 1);
  set_pair_field(s, top, field);
}

/* MBAFF frames, CAVLC.  *run: macroblocks of mb_skip_run that are left, -1 when it comes next in the data. */
static gboolean
pair_cavlc(DcnH264Slice *s, int top, int *run, gboolean *end)
{
  PairField p = pair_field(s, top);
  gboolean top_skipped = FALSE;
  *end = FALSE;
  set_pair_field(s, top, p.inferred);
  for (int i = 0; i < 2; i++) {
    if (*end)
      return dcn_h264_fail(s, "slice ends within a pair");
    if (!claim(s, top + i))
      return FALSE;
    if (!s->intra && *run < 0) {
      uint32_t value = dcn_h264_ue(&s->reader);
      if (s->reader.error || value > (uint32_t)(s->m->mb_width * s->m->mb_height - top - i))
        return dcn_h264_fail(s, "mb_skip_run out of range");
      *run = (int)value;
    }
    if (*run > 0) {
      skip(s, top + i, s->m->mbs[top].flags & DCN_H264_MB_FIELD);
      top_skipped = i == 0;
      if (--*run == 0)
        *end = !more_rbsp_data(s); /* else a macroblock that is not skipped follows */
      continue;
    }
    *run = -1;
    if (i == 0 || top_skipped)
      read_pair_field(s, top, &p);
    s->m->mbs[top + i].slice = s->number;
    set_mbaff(s, top + i);
    if (!one_macroblock(s))
      return FALSE;
    *end = !more_rbsp_data(s);
  }
  return TRUE;
}

static gboolean
pair_cabac(DcnH264Slice *s, int top, gboolean *end)
{
  PairField p = pair_field(s, top);
  gboolean skipped[2] = {FALSE, FALSE};
  if (!claim(s, top) || !claim(s, top + 1))
    return FALSE;
  set_pair_field(s, top, p.inferred);
  s->m->mbs[top].slice = s->number;
  if (!s->intra) {
    set_mbaff(s, top);
    skipped[0] = (gboolean)dcn_h264_cabac_mb_skip_flag(s);
    if (skipped[0]) {
      /* The next two elements are the bottom one's mb_skip_flag, with the inferred flag's neighbours, and the flag. */
      skip(s, top, s->m->mbs[top].flags & DCN_H264_MB_FIELD);
      s->m->mbs[top + 1].slice = s->number;
      set_mbaff(s, top + 1);
      skipped[1] = (gboolean)dcn_h264_cabac_mb_skip_flag(s);
    }
  }
  if (!skipped[0] || !skipped[1])
    read_pair_field(s, top, &p);

  if (!skipped[0]) {
    set_mbaff(s, top);
    if (!one_macroblock(s))
      return FALSE;
    s->m->mbs[top + 1].slice = s->number;
    set_mbaff(s, top + 1);
    if (!s->intra)
      skipped[1] = (gboolean)dcn_h264_cabac_mb_skip_flag(s);
  }
  if (skipped[1]) {
    skip(s, top + 1, s->m->mbs[top].flags & DCN_H264_MB_FIELD);
  } else {
    set_mbaff(s, top + 1);
    if (!one_macroblock(s))
      return FALSE;
  }
  if (dcn_h264_cabac_overrun(&s->engine))
    return dcn_h264_fail(s, "slice is cut off");
  *end = (gboolean)dcn_h264_cabac_terminate(&s->engine);
  return TRUE;
}

static void
pairs(DcnH264Slice *s, int mb_addr, const Report *r)
{
  int size = s->m->mb_width * s->m->mb_height, run = s->intra ? 0 : -1;
  gboolean end = FALSE;
  for (; mb_addr < size && !end; mb_addr += 2) {
    if (!(s->cabac ? pair_cabac(s, mb_addr, &end) : pair_cavlc(s, mb_addr, &run, &end)))
      return;
    report(r, mb_addr, 2);
  }
  if (!end)
    dcn_h264_fail(s, "more macroblocks than the picture has");
}

/* Finds rbsp_stop_one_bit, behind which there may be cabac_zero_words, and starts the reader or the engine. */
static gboolean
start(DcnH264Slice *s, size_t first_bit)
{
  while (s->size > 0 && s->data[s->size - 1] == 0)
    s->size--;
  if (s->size == 0)
    return dcn_h264_fail(s, "slice is cut off");
  s->stop_bit = 8 * s->size - 1 - (size_t)__builtin_ctz(s->data[s->size - 1]);
  if (first_bit > s->stop_bit)
    return dcn_h264_fail(s, "slice is cut off");
  if (s->cabac) {
    size_t from = (first_bit + 7) / 8; /* cabac_alignment_one_bit */
    if (from >= s->size)
      return dcn_h264_fail(s, "slice is cut off");
    dcn_h264_cabac_init(&s->engine, s->data + from, s->size - from);
  } else {
    dcn_bits_init(&s->reader, s->data, s->size);
    dcn_bits_skip(&s->reader, (int)first_bit);
  }
  return TRUE;
}

const char *
dcn_h264_slice_data(DcnH264Macroblocks *m, const DcnH264Pps *pps, const DcnH264SliceHeader *header,
                    const uint8_t *nal, size_t size, size_t header_bits, DcnH264MbFunc func,
                    void *user)
{
  DcnH264Slice s;
  Report r = {func, user};
  memset(&s, 0, offsetof(DcnH264Slice, states));
  if (m->n_slices == UINT16_MAX)
    return "too many slices";
  m->n_slices++;
  s.m = m;
  s.number = (uint16_t)m->n_slices;
  s.cabac = pps->entropy_coding_mode_flag;
  s.b = header->slice_type == DCN_H264_SLICE_B;
  s.si = header->slice_type == DCN_H264_SLICE_SI;
  s.intra = s.si || header->slice_type == DCN_H264_SLICE_I;
  s.transform_8x8_mode = pps->transform_8x8_mode_flag;
  s.chroma_array_type = m->chroma_array_type;
  s.qp_bd_offset = 6 * (m->bit_depth_luma - 8);
  s.qp = 26 + pps->pic_init_qp_minus26 + header->slice_qp_delta;
  for (int list = 0; list < 2; list++) {
    s.num_ref_idx[list] = 1 + header->num_ref_idx_active_minus1[list];
    if (s.num_ref_idx[list] < 1 || s.num_ref_idx[list] > 32)
      return "num_ref_idx_active out of range";
  }
  int64_t first = (int64_t)header->first_mb_in_slice * (m->mbaff ? 2 : 1);
  if (first < 0 || first >= m->mb_width * m->mb_height)
    return "first_mb_in_slice out of range";
  if (s.qp < -s.qp_bd_offset || s.qp > 51)
    return "slice_qp_delta out of range";
  if (header->cabac_init_idc < 0 || header->cabac_init_idc > 2)
    return "cabac_init_idc out of range";
  if (header_bits / 8 >= size)
    return "slice is cut off";

  /* The slice header may end before an emulation prevention byte, which then is not counted as its. */
  size_t from = header_bits / 8;
  if (!unescape(m, nal, size, from, &s.size))
    return "out of memory";
  s.data = m->rbsp;
  if (!start(&s, header_bits & 7))
    return s.error;
  if (s.cabac)
    dcn_h264_cabac_contexts(&s, header->cabac_init_idc, s.qp);

  if (m->mbaff)
    pairs(&s, (int)first, &r);
  else if (s.cabac)
    plain_cabac(&s, (int)first, &r);
  else
    plain_cavlc(&s, (int)first, &r);
  if (!s.error)
    check_end(&s);
  return s.error;
}
