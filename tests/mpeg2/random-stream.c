/* Test help: random valid streams, with what a decoder makes of every sample.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random-stream.h"
#include <math.h>
#include <string.h>

typedef struct {
  Stream *stream;
  const StreamPlan *plan;
  GRand *rand;
  guint64 next_origin;
  Frame *reference[2]; /* the last two, [1] the later */
  int reference_number[2];
  int temporal_reference;
  /* the coded picture that is written */
  Frame *frame;
  int number;
  Encoder encoder;
  gboolean second;
  int scale; /* quantiser_scale now */
} Writer;

static int
below(Writer *w, int n)
{
  return g_rand_int_range(w->rand, 0, n);
}

static gboolean
chance(Writer *w, int percent)
{
  return below(w, 100) < percent;
}

static int
quantiser_scale(const DcnMpeg2Sequence *sequence, const DcnMpeg2PictureHeader *header, int code)
{
  if (sequence->mpeg1)
    return code;
  if (!header->q_scale_type)
    return 2 * code;
  /* Table 7-6 in its four stretches. */
  if (code <= 8)
    return code;
  if (code <= 16)
    return 8 + 2 * (code - 8);
  if (code <= 24)
    return 24 + 4 * (code - 16);
  return 56 + 8 * (code - 24);
}

/* Samples a plane has per macroblock. */
static int
plane_w(const Stream *s, int plane)
{
  return plane && s->sequence.chroma_format < 3 ? 8 : 16;
}

static int
plane_h(const Stream *s, int plane)
{
  return plane && s->sequence.chroma_format < 2 ? 8 : 16;
}

static guint64 *
origin_at(const Stream *s, const Origins *o, int plane, int x, int y)
{
  return &o->plane[plane][(gsize)y * (gsize)s->width[plane] + (gsize)x];
}

/* Frame line of line y of the macroblock in row mb_y of the coded picture. */
static int
frame_line(const Writer *w, int plane, int mb_y, int y)
{
  int structure = w->encoder.header.picture_structure;
  int line = mb_y * plane_h(w->stream, plane) + y;
  return structure == 3 ? line : 2 * line + (structure == 2);
}

static gboolean
zero(const Mb *mb, int r, int s)
{
  return mb->vector[r][s][0] == 0 && mb->vector[r][s][1] == 0;
}

/* The origin of a predicted sample in one direction, or 0 where it is not a copy from the same
 * place. */
static guint64
predicted(Writer *w, const Mb *mb, int s, int plane, int mb_y, int x, int y)
{
  int structure = w->encoder.header.picture_structure;
  int line = frame_line(w, plane, mb_y, y);
  int parity = structure == 3 ? line & 1 : structure == 2;
  /* P: the later of the two; B: the earlier is forward, the later is backward. */
  const Frame *ref = w->encoder.header.picture_coding_type == 2 ? w->reference[1] : w->reference[s];
  gboolean copy = FALSE;
  switch (mb->mc) {
  case MC_FRAME:
    copy = zero(mb, 0, s);
    break;
  case MC_FIELD: {
    int r = structure == 3 ? parity : 0;
    copy = zero(mb, r, s) && mb->select[r][s] == parity;
    break;
  }
  case MC_16X8: {
    int r = y >= plane_h(w->stream, plane) / 2;
    copy = zero(mb, r, s) && mb->select[r][s] == parity;
    break;
  }
  case MC_DUAL_PRIME:
    break;
  }
  return copy ? *origin_at(w->stream, &ref->origins, plane, x, line) : 0;
}

static gboolean
in_coded_block(const Writer *w, const Mb *mb, int plane, int x, int y)
{
  int format = w->stream->sequence.chroma_format;
  gboolean by_field = mb->dct_type && (plane == 0 || format > 1);
  int lower = by_field ? y & 1 : y / 8;
  int right = x / 8;
  int block;
  if (plane == 0)
    block = 2 * lower + right;
  else if (format == 1)
    block = 3 + plane;
  else
    block = 3 + plane + 2 * lower + 4 * right;
  return mb->intra || (mb->pattern >> block & 1);
}

static void
reconstruct(Writer *w, const Mb *mb, int mb_x, int mb_y)
{
  for (int plane = 0; plane < 3; plane++) {
    int pw = plane_w(w->stream, plane);
    for (int y = 0; y < plane_h(w->stream, plane); y++) {
      for (int x = 0; x < pw; x++) {
        int px = mb_x * pw + x;
        guint64 origin = 0;
        if (!in_coded_block(w, mb, plane, x, y)) {
          guint64 f = mb->forward ? predicted(w, mb, 0, plane, mb_y, px, y) : 0;
          guint64 b = mb->backward ? predicted(w, mb, 1, plane, mb_y, px, y) : 0;
          origin = mb->forward && mb->backward ? (f == b ? f : 0) : f | b;
        }
        if (!origin)
          origin = ++w->next_origin;
        *origin_at(w->stream, &w->frame->origins, plane, px, frame_line(w, plane, mb_y, y)) =
            origin;
      }
    }
  }
}

static void
expect_vector(Writer *w, const Mb *mb, DcnVector v, int s, int mvx, int mvy)
{
  int structure = w->encoder.header.picture_structure;
  int type = w->encoder.header.picture_coding_type;
  int number = w->reference_number[type == 2 ? 1 : s];
  if (w->second && type == 2 && v.ref_field != structure)
    number = w->number;
  v.ref_number = (guint32)number;
  v.direction = (guint8)s;
  v.mv_x_qpel = (gint16)(mvx * 2);
  v.mv_y_qpel = (gint16)(mvy * 2);
  g_array_append_val(w->frame->vectors, v);
}

static void
expect_vectors(Writer *w, const Mb *mb, int mb_x, int mb_y)
{
  int structure = w->encoder.header.picture_structure;
  gboolean frame = structure == 3;
  for (int s = 0; s < 2; s++) {
    if (!(s ? mb->backward : mb->forward))
      continue;
    int height = frame ? 16 : 32;
    DcnVector v = {
        .x = (guint16)(mb_x * 16), .y = (guint16)(mb_y * height), .w = 16, .h = (guint16)height};
    if (mb->mc == MC_FRAME) {
      expect_vector(w, mb, v, s, mb->vector[0][s][0], mb->vector[0][s][1]);
    } else if (mb->mc == MC_FIELD) {
      for (int r = 0; r < (frame ? 2 : 1); r++) {
        v.field = (guint8)(frame ? r + 1 : structure);
        v.ref_field = (guint8)(mb->select[r][s] + 1);
        expect_vector(w, mb, v, s, mb->vector[r][s][0], mb->vector[r][s][1]);
      }
    } else if (mb->mc == MC_16X8) {
      for (int r = 0; r < 2; r++) {
        v.field = (guint8)structure;
        v.ref_field = (guint8)(mb->select[r][s] + 1);
        v.h = 16;
        v.y = (guint16)(mb_y * 32 + r * 16);
        expect_vector(w, mb, v, s, mb->vector[r][s][0], mb->vector[r][s][1]);
      }
    } else {
      /* Equations of 7.6.3.6 with tables 7-11 and 7-12. */
      for (int field = frame ? 1 : structure; field <= (frame ? 2 : structure); field++) {
        double m = 1;
        if (frame)
          m = (field == 1) == !!w->encoder.header.top_field_first ? 1 : 3;
        int e = field == 1 ? -1 : 1;
        v.field = v.ref_field = (guint8)field;
        expect_vector(w, mb, v, s, mb->vector[0][0][0], mb->vector[0][0][1]);
        v.ref_field = (guint8)(3 - field);
        expect_vector(w, mb, v, s, (int)round(mb->vector[0][0][0] * m / 2) + mb->dmvector[0],
                      (int)round(mb->vector[0][0][1] * m / 2) + mb->dmvector[1] + e);
      }
    }
  }
}

static void
expect_macroblock(Writer *w, const Mb *mb, gboolean skipped, int mb_x, int mb_y)
{
  gboolean frame = w->encoder.header.picture_structure == 3;
  guint8 flags = (guint8)((mb->intra ? DCN_MB_INTRA : 0) | (skipped ? DCN_MB_SKIPPED : 0) |
                          (mb->intra || mb->pattern ? DCN_MB_CODED : 0));
  for (int k = 0; k < (frame ? 1 : 2); k++) {
    int row = frame ? mb_y : 2 * mb_y + k;
    if (row >= w->stream->mb_rows)
      continue;
    gsize i = (gsize)row * (gsize)w->stream->mb_cols + (gsize)mb_x;
    guint8 old = w->frame->flags[i];
    if (w->second) {
      w->frame->flags[i] =
          (guint8)(((old | flags) & ~DCN_MB_SKIPPED) | (old & flags & DCN_MB_SKIPPED));
      w->frame->quantiser[i] = (guint8)MAX(w->frame->quantiser[i], w->scale);
    } else {
      w->frame->flags[i] = flags;
      w->frame->quantiser[i] = (guint8)w->scale;
    }
  }
  expect_vectors(w, mb, mb_x, mb_y);
  reconstruct(w, mb, mb_x, mb_y);
}

/* Whether a block of `size` samples at `at` moved by half samples stays within [0, limit). */
static gboolean
stays(int at, int size, int vector, int limit)
{
  int whole = (int)floor(vector / 2.0);
  return at + whole >= 0 && at + whole + size + (vector & 1) <= limit;
}

static gboolean
vector_fits(const Writer *w, Mc mc, int r, const int *v, int mb_x, int mb_y)
{
  gboolean frame = w->encoder.header.picture_structure == 3;
  int rows = 16 * w->encoder.mb_height; /* of the coded picture */
  int y = 16 * mb_y, h = 16;
  if (frame && mc != MC_FRAME) {
    rows /= 2;
    y = 8 * mb_y;
    h = 8;
  } else if (mc == MC_16X8) {
    y += 8 * r;
    h = 8;
  }
  return stays(16 * mb_x, 16, v[0], 16 * w->encoder.mb_width) && stays(y, h, v[1], rows);
}

static void
pick_vector(Writer *w, Mc mc, int r, int *v, int mb_x, int mb_y)
{
  gboolean full_pel = w->encoder.header.full_pel_forward_vector;
  do {
    v[0] = v[1] = 0;
    if (chance(w, 40)) {
      int reach = chance(w, 20) ? 60 : 8;
      v[0] = below(w, 2 * reach + 1) - reach;
      v[1] = below(w, 2 * reach + 1) - reach;
      if (full_pel) {
        v[0] &= ~1;
        v[1] &= ~1;
      }
    }
  } while (!vector_fits(w, mc, r, v, mb_x, mb_y));
}

static void
pick_motion(Writer *w, Mb *mb, int mb_x, int mb_y)
{
  const DcnMpeg2PictureHeader *header = &w->encoder.header;
  gboolean frame = header->picture_structure == 3;
  int parity = header->picture_structure == 2;
  mb->mc = frame ? MC_FRAME : MC_FIELD;
  if (!(frame && header->frame_pred_frame_dct)) {
    static const Mc in_frame[] = {MC_FRAME, MC_FIELD, MC_DUAL_PRIME};
    static const Mc in_field[] = {MC_FIELD, MC_16X8, MC_DUAL_PRIME};
    /* Dual prime: only where the derived vectors cannot leave the picture. */
    gboolean inner =
        mb_x > 0 && mb_x < w->encoder.mb_width - 1 && mb_y > 0 && mb_y < w->encoder.mb_height - 1;
    int n = header->picture_coding_type == 2 && inner && !w->plan->b_pictures ? 3 : 2;
    mb->mc = (frame ? in_frame : in_field)[below(w, n)];
  }
  if (mb->mc == MC_DUAL_PRIME) {
    mb->vector[0][0][0] = below(w, 5) - 2;
    mb->vector[0][0][1] = below(w, 5) - 2;
    mb->dmvector[0] = below(w, 3) - 1;
    mb->dmvector[1] = below(w, 3) - 1;
    return;
  }
  for (int s = 0; s < 2; s++) {
    if (!(s ? mb->backward : mb->forward))
      continue;
    for (int r = 0; r < 2; r++) {
      pick_vector(w, mb->mc, r, mb->vector[r][s], mb_x, mb_y);
      int same = frame ? r : parity;
      mb->select[r][s] = chance(w, 80) ? same : !same;
    }
  }
}

static Mb
pick_macroblock(Writer *w, int mb_x, int mb_y)
{
  const DcnMpeg2PictureHeader *header = &w->encoder.header;
  int type = header->picture_coding_type;
  gboolean frame = header->picture_structure == 3;
  Mb mb = {0};
  mb.intra = type == 1 || type == 4 || chance(w, 10);
  mb.long_blocks = chance(w, 5);
  if (chance(w, 20))
    mb.quantiser = 1 + below(w, 31);
  if (frame && !header->frame_pred_frame_dct)
    mb.dct_type = chance(w, 40);
  if (mb.intra) {
    mb.concealment[0] = below(w, 9) - 4;
    mb.concealment[1] = below(w, 9) - 4;
    return mb;
  }
  if (type == 2) {
    mb.forward = chance(w, 70);
  } else {
    int which = 1 + below(w, 3);
    mb.forward = which & 1;
    mb.backward = which >> 1;
  }
  if (chance(w, 50) || !(mb.forward || mb.backward)) {
    do {
      mb.pattern = (unsigned)below(w, 1 << w->encoder.block_count);
      if (chance(w, 60))
        mb.pattern &= (unsigned)below(w, 1 << w->encoder.block_count) &
                      (unsigned)below(w, 1 << w->encoder.block_count);
    } while (mb.pattern == 0);
  }
  if (!mb.pattern)
    mb.dct_type = FALSE;
  if (mb.forward || mb.backward) {
    pick_motion(w, &mb, mb_x, mb_y);
  } else {
    mb.mc = frame ? MC_FRAME : MC_FIELD; /* no MC: zero, same parity */
    mb.select[0][0] = header->picture_structure == 2;
  }
  return mb;
}

/* The macroblock a decoder puts where one is skipped after `last`; FALSE where it must not be
 * skipped. */
static gboolean
skipped_macroblock(Writer *w, const Mb *last, Mb *out, int mb_x, int mb_y)
{
  const DcnMpeg2PictureHeader *header = &w->encoder.header;
  gboolean frame = header->picture_structure == 3;
  *out = (Mb){.forward = TRUE, .mc = frame ? MC_FRAME : MC_FIELD};
  out->select[0][0] = out->select[0][1] = header->picture_structure == 2;
  if (header->picture_coding_type == 2)
    return TRUE;
  if (header->picture_coding_type != 3 || last->intra)
    return FALSE;
  out->forward = last->forward;
  out->backward = last->backward;
  for (int s = 0; s < 2; s++) {
    memcpy(out->vector[0][s], w->encoder.predictor[0][s], sizeof out->vector[0][s]);
    if (!(s ? out->backward : out->forward))
      continue;
    /* libavcodec has it wrong with full_pel vectors; keep to what any decoder does alike. */
    if (header->full_pel_forward_vector && !zero(out, 0, s))
      return FALSE;
    if (!vector_fits(w, out->mc, 0, out->vector[0][s], mb_x, mb_y))
      return FALSE;
  }
  return TRUE;
}

static void
write_slice(Writer *w, int address, int count)
{
  int mb_width = w->encoder.mb_width;
  int code = 1 + below(w, 31);
  w->scale = quantiser_scale(&w->stream->sequence, &w->encoder.header, code);
  encode_slice(&w->encoder, address / mb_width, code, chance(w, 20) ? 1 + below(w, 3) : 0);
  int skipped = address % mb_width; /* the first increment counts from the left edge */
  gboolean first = TRUE;
  Mb last = {0};
  for (int i = address; i < address + count; i++) {
    Mb mb;
    int mb_x = i % mb_width, mb_y = i / mb_width;
    if (!first && i < address + count - 1 && chance(w, 45) &&
        skipped_macroblock(w, &last, &mb, mb_x, mb_y)) {
      if (w->encoder.header.picture_coding_type == 2)
        memset(w->encoder.predictor, 0, sizeof w->encoder.predictor);
      expect_macroblock(w, &mb, TRUE, mb_x, mb_y);
      skipped++;
      continue;
    }
    mb = pick_macroblock(w, mb_x, mb_y);
    gboolean quant =
        mb.quantiser && (mb.intra || mb.pattern) && w->encoder.header.picture_coding_type != 4;
    if (quant)
      w->scale = quantiser_scale(&w->stream->sequence, &w->encoder.header, mb.quantiser);
    /* The encoder must not reset P predictors for the leading column of a slice. */
    if (first) {
      Mb copy = mb;
      memset(w->encoder.predictor, 0, sizeof w->encoder.predictor);
      encode_macroblock(&w->encoder, skipped, &copy);
    } else {
      encode_macroblock(&w->encoder, skipped, &mb);
    }
    skipped = 0;
    first = FALSE;
    if (w->encoder.header.picture_coding_type == 2 && !mb.intra && !mb.forward)
      mb.forward = TRUE; /* no MC is a zero vector */
    expect_macroblock(w, &mb, FALSE, mb_x, mb_y);
    last = mb;
  }
  encode_slice_end(&w->encoder);
}

static void
write_coded(Writer *w, const DcnMpeg2PictureHeader *header)
{
  encoder_init(&w->encoder, &w->stream->sequence, header, g_rand_int(w->rand));
  int mb_width = w->encoder.mb_width;
  int total = mb_width * w->encoder.mb_height;
  for (int address = 0; address < total;) {
    int left_in_row = mb_width - address % mb_width;
    int count = left_in_row;
    if (w->plan->slices_per_row == 0)
      count = chance(w, 30) ? total - address : 1 + below(w, total - address);
    else if (w->plan->slices_per_row > 1)
      count = 1 + below(w, MIN(left_in_row, 2 * mb_width / w->plan->slices_per_row));
    write_slice(w, address, count);
    address += count;
  }
  w->frame->header[w->frame->n_coded] = *header;
  w->frame->slices[w->frame->n_coded++] = g_byte_array_ref(w->encoder.bits.bytes);
  encoder_clear(&w->encoder);
}

static DcnMpeg2PictureHeader
pick_header(Writer *w, int type)
{
  const DcnMpeg2Sequence *sequence = &w->stream->sequence;
  DcnMpeg2PictureHeader h = {.picture_coding_type = type,
                             .picture_structure = 3,
                             .frame_pred_frame_dct = TRUE,
                             .progressive_frame = TRUE,
                             .temporal_reference = w->temporal_reference++ & 1023};
  for (int s = 0; s < 2; s++) {
    int f_code = 4 + below(w, 3);
    h.f_code[s][0] = f_code;
    h.f_code[s][1] = sequence->mpeg1 ? f_code : 4 + below(w, 3);
  }
  if (sequence->mpeg1) {
    h.full_pel_forward_vector = h.full_pel_backward_vector = type != 1 && chance(w, 30);
    return h;
  }
  h.intra_dc_precision = below(w, 4);
  h.concealment_motion_vectors = chance(w, 20);
  h.q_scale_type = chance(w, 50);
  h.intra_vlc_format = chance(w, 50);
  h.alternate_scan = chance(w, 50);
  if (!sequence->progressive_sequence) {
    h.frame_pred_frame_dct = chance(w, 30);
    h.progressive_frame = FALSE;
    h.top_field_first = chance(w, 50);
  }
  return h;
}

static void
write_frame(Writer *w, int type)
{
  Stream *stream = w->stream;
  Frame *frame = w->frame = g_new0(Frame, 1);
  gsize mbs = (gsize)stream->mb_cols * (gsize)stream->mb_rows;
  frame->type = type;
  frame->vectors = g_array_new(FALSE, FALSE, sizeof(DcnVector));
  frame->flags = g_new0(guint8, mbs);
  frame->quantiser = g_new0(guint8, mbs);
  for (int p = 0; p < 3; p++)
    frame->origins.plane[p] = g_new0(guint64, (gsize)stream->width[p] * (gsize)stream->height[p]);
  w->number = (int)stream->frames->len;
  w->second = FALSE;

  DcnMpeg2PictureHeader header = pick_header(w, type);
  if (w->plan->field_pictures && chance(w, 60)) {
    frame->field_pair = stream->any_field_pair = TRUE;
    header.frame_pred_frame_dct = FALSE;
    header.top_field_first = FALSE;
    header.picture_structure = 1 + below(w, 2);
    write_coded(w, &header);
    w->second = TRUE;
    header.picture_structure = 3 - header.picture_structure;
    if (type == 1 && w->reference[1])
      header.picture_coding_type = chance(w, 50) ? 2 : 1;
    write_coded(w, &header);
  } else {
    write_coded(w, &header);
  }
  g_ptr_array_add(stream->frames, frame);
  if (type == 1 || type == 2) {
    w->reference[0] = w->reference[1];
    w->reference[1] = frame;
    w->reference_number[0] = w->reference_number[1];
    w->reference_number[1] = w->number;
  }
}

Stream *
stream_new(const StreamPlan *plan, guint32 seed)
{
  Stream *stream = g_new0(Stream, 1);
  stream->sequence = plan->sequence;
  stream->frames = g_ptr_array_new();
  stream->mb_cols = (plan->sequence.horizontal_size + 15) / 16;
  stream->mb_rows = (plan->sequence.vertical_size + 15) / 16;
  int rows = plan->sequence.progressive_sequence ? stream->mb_rows
                                                 : (plan->sequence.vertical_size + 31) / 32 * 2;
  for (int p = 0; p < 3; p++) {
    stream->width[p] = stream->mb_cols * plane_w(stream, p);
    stream->height[p] = rows * plane_h(stream, p);
  }
  Writer w = {.stream = stream, .plan = plan, .rand = g_rand_new_with_seed(seed)};
  while ((int)stream->frames->len < plan->n_frames) {
    if (!w.reference[0])
      write_frame(&w, w.reference[1] ? 2 : 1);
    else if (plan->b_pictures && chance(&w, 50))
      write_frame(&w, 3);
    else
      write_frame(&w, chance(&w, 10) ? 1 : 2);
  }
  g_rand_free(w.rand);
  return stream;
}

void
stream_free(Stream *stream)
{
  for (guint i = 0; i < stream->frames->len; i++) {
    Frame *frame = g_ptr_array_index(stream->frames, i);
    for (int k = 0; k < frame->n_coded; k++)
      g_byte_array_unref(frame->slices[k]);
    for (int p = 0; p < 3; p++)
      g_free(frame->origins.plane[p]);
    g_array_unref(frame->vectors);
    g_free(frame->flags);
    g_free(frame->quantiser);
    g_free(frame);
  }
  g_ptr_array_unref(stream->frames);
  g_free(stream);
}

gboolean
stream_block_equal(const Stream *stream, const Frame *a, const Frame *b, int col, int row)
{
  for (int p = 0; p < 3; p++) {
    int w = plane_w(stream, p) / 2, h = plane_h(stream, p) / 2;
    int shown_w = (stream->sequence.horizontal_size * w + 7) / 8,
        shown_h = (stream->sequence.vertical_size * h + 7) / 8;
    for (int y = row * h; y < MIN((row + 1) * h, shown_h); y++) {
      for (int x = col * w; x < MIN((col + 1) * w, shown_w); x++) {
        if (*origin_at(stream, &a->origins, p, x, y) != *origin_at(stream, &b->origins, p, x, y))
          return FALSE;
      }
    }
  }
  return TRUE;
}

GByteArray *
stream_bytes(const Stream *stream)
{
  Bits bits;
  bits_init(&bits);
  for (guint i = 0; i < stream->frames->len; i++) {
    const Frame *frame = g_ptr_array_index(stream->frames, i);
    if (frame->type == 1)
      encode_sequence_header(&bits, &stream->sequence);
    for (int k = 0; k < frame->n_coded; k++) {
      encode_picture_header(&bits, &stream->sequence, &frame->header[k]);
      bits_align(&bits);
      g_byte_array_append(bits.bytes, frame->slices[k]->data, frame->slices[k]->len);
    }
  }
  bits_start_code(&bits, 0xb7);
  GByteArray *bytes = g_byte_array_ref(bits.bytes);
  bits_clear(&bits);
  return bytes;
}
