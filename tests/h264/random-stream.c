/* deltacnn tests: random H.264 streams of what encoders at hand do not make.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   random-stream SEED FILE
 * Field pictures, frames and MBAFF frames in turn, reordered lists, memory management commands, long-term references,
 * explicit and implicit weights, slices with filters of their own, quantisers at which only one chroma plane is filtered; CAVLC, macroblocks without residual (vectors, direct
 * prediction, skipped) and I_PCM.  The syntax is that of ITU-T H.264 7.3; what is decoded from it is for decoders to say. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  GByteArray *bytes;
  unsigned current;
  int n_bits;
} Bits;

static void
u(Bits *b, int n, unsigned value)
{
  for (int i = n - 1; i >= 0; i--) {
    b->current = b->current << 1 | (value >> i & 1);
    if (++b->n_bits == 8) {
      uint8_t byte = (uint8_t)b->current;
      g_byte_array_append(b->bytes, &byte, 1);
      b->current = 0;
      b->n_bits = 0;
    }
  }
}

static void
ue(Bits *b, unsigned value)
{
  int n = 0;
  while ((value + 1) >> (n + 1))
    n++;
  u(b, n, 0);
  u(b, n + 1, value + 1);
}

static void
se(Bits *b, int value)
{
  ue(b, value > 0 ? 2u * (unsigned)value - 1 : 2u * (unsigned)-value);
}

/* te(v), 9.1.1 */
static void
te(Bits *b, int range, int value)
{
  if (range > 1)
    ue(b, (unsigned)value);
  else if (range == 1)
    u(b, 1, !value);
}

static FILE *file;

static void
nal(Bits *b, int ref_idc, int type)
{
  u(b, 1, 1); /* rbsp_trailing_bits */
  while (b->n_bits)
    u(b, 1, 0);
  fwrite("\0\0\0\1", 1, 4, file);
  fputc(ref_idc << 5 | type, file);
  int zeros = 0;
  for (guint i = 0; i < b->bytes->len; i++) {
    if (zeros == 2 && b->bytes->data[i] <= 3) {
      fputc(3, file);
      zeros = 0;
    }
    fputc(b->bytes->data[i], file);
    zeros = b->bytes->data[i] ? 0 : zeros + 1;
  }
  g_byte_array_set_size(b->bytes, 0);
}

/* A reference frame, as far as commands and lists have to name it. */
typedef struct {
  int frame_num;
  int long_idx; /* -1: short-term */
} Ref;

static GRand *rng;
static struct {
  int w, h; /* macroblocks of the frame */
  gboolean frames_only, mbaff, inference, weighted, b_pictures, commands, modify, temporal;
  int bipred, num_refs, qp, poc_type;
  gboolean high; /* High profile, whose Cb and Cr have quantisers of their own, */
  int cb_offset, cr_offset;
} cfg;
static Ref refs[16];
static int n_refs;
static int frame_num, idr_id;
static Bits out;

static int
rnd(int n)
{
  return g_rand_int_range(rng, 0, n);
}

#define MAX_FRAME_NUM 16

static void
parameter_sets(void)
{
  Bits *b = &out;
  u(b, 8, cfg.high ? 100 : 77);
  u(b, 8, 0);
  u(b, 8, 40);
  ue(b, 0);
  if (cfg.high) { /* 4:2:0, 8 bits, flat matrices */
    ue(b, 1);
    ue(b, 0);
    ue(b, 0);
    u(b, 2, 0);
  }
  ue(b, 0); /* log2_max_frame_num_minus4 */
  ue(b, (unsigned)cfg.poc_type);
  if (cfg.poc_type == 0)
    ue(b, 4);
  ue(b, (unsigned)cfg.num_refs);
  u(b, 1, 0);
  ue(b, (unsigned)cfg.w - 1);
  ue(b, (unsigned)(cfg.frames_only ? cfg.h : cfg.h / 2) - 1);
  u(b, 1, cfg.frames_only);
  if (!cfg.frames_only)
    u(b, 1, cfg.mbaff);
  u(b, 1, cfg.inference);
  u(b, 1, 0); /* cropping */
  u(b, 1, 1); /* VUI: only how much is reordered */
  u(b, 4, 0);
  u(b, 4, 0);
  u(b, 1, 1);
  u(b, 1, 1);
  ue(b, 0);
  ue(b, 0);
  ue(b, 12);
  ue(b, 12);
  ue(b, cfg.b_pictures ? 2 : 0);
  ue(b, (unsigned)MAX(cfg.num_refs, 2));
  nal(b, 3, 7);
  ue(b, 0);
  ue(b, 0);
  u(b, 1, 0); /* CAVLC */
  u(b, 1, 1); /* delta_pic_order_cnt_bottom is sent */
  ue(b, 0);
  ue(b, 0);
  ue(b, 0);
  u(b, 1, cfg.weighted);
  u(b, 2, (unsigned)cfg.bipred);
  se(b, cfg.qp - 26);
  se(b, 0);
  int offset = rnd(3) - 1;
  se(b, cfg.high ? cfg.cb_offset : offset);
  u(b, 1, 1); /* deblocking filter control */
  u(b, 2, 0);
  if (cfg.high) {
    u(b, 2, 0); /* 4x4 transforms, flat matrices */
    se(b, cfg.cr_offset);
  }
  nal(b, 3, 8);
  /* User data as x264 writes it, for vectors-h264. */
  char text[32];
  g_snprintf(text, sizeof text, "weightp=%d", cfg.weighted || cfg.bipred == 1);
  u(b, 8, 5);
  u(b, 8, (unsigned)(16 + strlen(text)));
  for (int i = 0; i < 16; i++)
    u(b, 8, 0x55);
  for (size_t i = 0; i < strlen(text); i++)
    u(b, 8, (unsigned)text[i]);
  nal(b, 0, 6);
}

typedef struct {
  int type; /* 0 P, 1 B, 2 I */
  gboolean idr, field, bottom, second, reference, mbaff;
  int poc, n_active[2];
} Picture;

static int
wrap(int num)
{
  return num > frame_num ? num - MAX_FRAME_NUM : num;
}

static void
modifications(const Picture *p, int list)
{
  Bits *b = &out;
  gboolean some = cfg.modify && n_refs > 0 && rnd(3) == 0;
  u(b, 1, some);
  if (!some)
    return;
  int max = p->field ? 2 * MAX_FRAME_NUM : MAX_FRAME_NUM;
  int pred = p->field ? 2 * frame_num + 1 : frame_num;
  for (int n = rnd(3) + 1; n > 0 && n <= p->n_active[list]; n--) {
    const Ref *ref = &refs[rnd(n_refs)];
    if (ref->long_idx >= 0) {
      ue(b, 2);
      ue(b, (unsigned)(p->field ? 2 * ref->long_idx + 1 : ref->long_idx));
    } else {
      int target = p->field ? 2 * wrap(ref->frame_num) + rnd(2) : wrap(ref->frame_num);
      int diff = ((pred - target) % max + max) % max;
      ue(b, 0);
      ue(b, (unsigned)(diff == 0 ? max - 1 : diff - 1));
      pred = ((target % max) + max) % max;
    }
  }
  ue(b, 3);
}

static void
weights(const Picture *p)
{
  Bits *b = &out;
  int denom = rnd(6);
  ue(b, (unsigned)denom);
  ue(b, (unsigned)denom);
  for (int list = 0; list < (p->type == 1 ? 2 : 1); list++) {
    for (int i = 0; i < p->n_active[list]; i++) {
      for (int chroma = 0; chroma < 2; chroma++) {
        gboolean flag = rnd(3) == 0;
        u(b, 1, flag);
        for (int k = 0; flag && k < 1 + chroma; k++) {
          se(b, (1 << denom) + (rnd(2) ? 0 : rnd(7) - 3));
          se(b, rnd(2) ? 0 : rnd(9) - 4);
        }
      }
    }
  }
}

/* The memory management command of the picture, on one of refs; 0: none. */
static int op;
static Ref chosen;

/* 7.3.3.3 */
static void
marking(const Picture *p, gboolean repeat)
{
  Bits *b = &out;
  if (p->idr) {
    u(b, 2, 0);
    return;
  }
  if (!repeat) {
    op = 0;
    if (cfg.commands && !p->field && n_refs > 0 && rnd(3) == 0) {
      chosen = refs[rnd(n_refs)];
      op = chosen.long_idx >= 0 ? 2 : 1 + 2 * rnd(2);
    }
  }
  u(b, 1, op != 0);
  if (op == 1) {
    ue(b, 1);
    ue(b, (unsigned)(frame_num - wrap(chosen.frame_num) - 1));
    ue(b, 0);
  } else if (op == 2) {
    ue(b, 2);
    ue(b, (unsigned)chosen.long_idx);
    ue(b, 0);
  } else if (op == 3) {
    ue(b, 4);
    ue(b, 2);
    ue(b, 3);
    ue(b, (unsigned)(frame_num - wrap(chosen.frame_num) - 1));
    ue(b, (unsigned)(chosen.frame_num & 1));
    ue(b, 0);
  }
}

static void
remove_ref(int i)
{
  memmove(&refs[i], &refs[i + 1], (size_t)(--n_refs - i) * sizeof(Ref));
}

/* What becomes of refs when the picture is decoded. */
static void
apply_marking(void)
{
  int idx = chosen.frame_num & 1;
  for (int i = n_refs - 1; i >= 0; i--) {
    gboolean it = refs[i].long_idx == chosen.long_idx && refs[i].frame_num == chosen.frame_num;
    if (op == 3 && it)
      refs[i].long_idx = idx;
    else if (op && (op == 3 ? refs[i].long_idx == idx : it))
      remove_ref(i);
  }
}

/* 8.2.5.3 */
static void
slide(void)
{
  int oldest = -1;
  if (n_refs < cfg.num_refs)
    return;
  for (int i = 0; i < n_refs; i++)
    if (refs[i].long_idx < 0 &&
        (oldest < 0 || wrap(refs[i].frame_num) < wrap(refs[oldest].frame_num)))
      oldest = i;
  if (oldest >= 0)
    remove_ref(oldest);
}

static void
slice_header(Picture *p, int first_mb, gboolean repeat)
{
  Bits *b = &out;
  ue(b, (unsigned)first_mb);
  ue(b, (unsigned)p->type);
  ue(b, 0);
  u(b, 4, (unsigned)frame_num);
  if (!cfg.frames_only) {
    u(b, 1, p->field);
    if (p->field)
      u(b, 1, p->bottom);
  }
  if (p->idr)
    ue(b, (unsigned)idr_id);
  if (cfg.poc_type == 0) {
    u(b, 8, (unsigned)(p->poc + (p->field && p->bottom)) & 255);
    if (!p->field)
      se(b, 1);
  }
  if (p->type == 1)
    u(b, 1, !cfg.temporal);
  if (p->type < 2) {
    u(b, 1, 1);
    for (int list = 0; list <= p->type; list++)
      ue(b, (unsigned)p->n_active[list] - 1);
    for (int list = 0; list <= p->type; list++)
      modifications(p, list);
    if (p->type == 0 ? cfg.weighted : cfg.bipred == 1)
      weights(p);
  }
  if (p->reference)
    marking(p, repeat);
  se(b, rnd(9) - 4);
  int idc = rnd(4) % 3;
  ue(b, (unsigned)idc);
  if (idc != 1) {
    se(b, rnd(7) - 3);
    se(b, rnd(7) - 3);
  }
}

static void
pcm(int base)
{
  Bits *b = &out;
  while (b->n_bits)
    u(b, 1, 0);
  gboolean flat = rnd(2);
  for (int i = 0; i < 384; i++)
    u(b, 8, (unsigned)(flat ? base : base + rnd(12)));
}

static void
mvd(void)
{
  for (int t = 0; t < 2; t++)
    se(&out, rnd(3) ? 0 : rnd(2) ? 4 * (rnd(5) - 2) : rnd(25) - 12);
}

/* Partitions' lists: bits 1 list 0, 2 list 1; count of them, all with n_mvd vectors. */
static void
partitions(const Picture *p, gboolean field_mb, const int *uses, int count, const int *n_mvd)
{
  for (int list = 0; list < 2; list++)
    for (int i = 0; i < count; i++)
      if (uses[i] >> list & 1) {
        int range = p->n_active[list] * (field_mb ? 2 : 1) - 1;
        te(&out, range, rnd(2) ? 0 : rnd(range + 1));
      }
  for (int list = 0; list < 2; list++)
    for (int i = 0; i < count; i++)
      if (uses[i] >> list & 1)
        for (int k = 0; k < n_mvd[i]; k++)
          mvd();
}

static void
macroblock(const Picture *p, gboolean field_mb)
{
  static const int ones[4] = {1, 1, 1, 1};
  Bits *b = &out;
  int kind = p->type == 2 ? 9 : rnd(10);
  if (kind == 9) {
    ue(b, p->type == 2 ? 25 : p->type == 0 ? 30 : 48);
    pcm(rnd(200) + 16);
    return;
  }
  if (p->type == 0) {
    int type = rnd(4);
    ue(b, (unsigned)type);
    int n_mvd[4], uses[4] = {1, 1, 1, 1};
    if (type == 3) {
      static const int counts[4] = {1, 2, 2, 4};
      for (int i = 0; i < 4; i++) {
        int sub = rnd(4);
        ue(b, (unsigned)sub);
        n_mvd[i] = counts[sub];
      }
      partitions(p, field_mb, uses, 4, n_mvd);
    } else {
      partitions(p, field_mb, uses, type == 0 ? 1 : 2, ones);
    }
  } else {
    /* table 7-14; 4 to 21 are 16x8 and 8x16 in turn */
    static const int pairs[9][2] = {{1, 1}, {2, 2}, {1, 2}, {2, 1}, {1, 3},
                                    {2, 3}, {3, 1}, {3, 2}, {3, 3}};
    int type = rnd(23);
    ue(b, (unsigned)type);
    if (type == 22) {
      int uses[4], n_mvd[4];
      static const int lists[13] = {0, 1, 2, 3, 1, 1, 2, 2, 3, 3, 1, 2, 3};
      static const int counts[13] = {0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 4, 4};
      for (int i = 0; i < 4; i++) {
        int sub = rnd(13);
        ue(b, (unsigned)sub);
        uses[i] = lists[sub];
        n_mvd[i] = counts[sub];
      }
      partitions(p, field_mb, uses, 4, n_mvd);
    } else if (type >= 4) {
      partitions(p, field_mb, pairs[(type - 4) / 2], 2, ones);
    } else if (type > 0) {
      partitions(p, field_mb, (int[]){type}, 1, ones);
    }
  }
  ue(b, 0); /* coded_block_pattern 0 */
}

static void
slice_data(const Picture *p, int first, int end)
{
  Bits *b = &out;
  int skip = 0;
  gboolean field_mb = FALSE, previous_skipped = FALSE;
  int busy = rnd(4) ? 25 : 2; /* one in so many macroblocks is not skipped */
  for (int mb = first; mb < end; mb++) {
    if (p->type < 2 && rnd(busy)) {
      skip++;
      previous_skipped = TRUE;
      continue;
    }
    if (p->type < 2)
      ue(b, (unsigned)skip);
    skip = 0;
    if (p->mbaff && (mb % 2 == 0 || previous_skipped)) {
      field_mb = rnd(2);
      u(b, 1, field_mb);
    }
    previous_skipped = FALSE;
    macroblock(p, p->mbaff && field_mb);
  }
  if (skip)
    ue(b, (unsigned)skip);
}

static void
picture(Picture *p)
{
  int fields = 0; /* that can be referred to */
  for (int i = 0; i < n_refs; i++)
    fields += p->field ? 2 : 1;
  if (p->second && p->reference)
    fields++; /* the first field */
  if (fields == 0)
    p->type = 2;
  for (int list = 0; list < 2; list++)
    p->n_active[list] = fields ? rnd(2) ? fields : rnd(fields) + 1 : 1;
  int units = cfg.w * cfg.h / (p->field || p->mbaff ? 2 : 1);
  int n_slices = rnd(3) ? 1 : MIN(rnd(3) + 1, units);
  for (int s = 0; s < n_slices; s++) {
    int first = units * s / n_slices, end = units * (s + 1) / n_slices;
    slice_header(p, first, s > 0);
    int scale = p->mbaff ? 2 : 1;
    slice_data(p, first * scale, end * scale);
    nal(&out, p->reference, p->idr ? 5 : 1);
  }
}

static void
frame(int type, gboolean idr, gboolean reference, int poc)
{
  if (idr) {
    n_refs = 0;
    frame_num = 0;
  }
  op = 0;
  gboolean as_fields = !cfg.frames_only && rnd(2);
  Picture p = {.type = type, .idr = idr, .reference = reference, .poc = poc};
  if (as_fields) {
    gboolean bottom_first = cfg.poc_type == 0 && !idr && rnd(4) == 0;
    p.field = TRUE;
    p.bottom = bottom_first;
    picture(&p);
    if (reference)
      slide();
    p.second = TRUE;
    p.bottom = !bottom_first;
    p.idr = FALSE;
    if (type == 2)
      p.type = rnd(2) ? 0 : 2;
    else
      p.type = type;
    picture(&p);
  } else {
    p.mbaff = cfg.mbaff;
    picture(&p);
  }
  if (!reference)
    return;
  if (!op)
    slide();
  apply_marking();
  if (n_refs < 16)
    refs[n_refs++] = (Ref){frame_num, -1};
}

int
main(int argc, char **argv)
{
  if (argc != 3 || !(file = fopen(argv[2], "wb")))
    return 2;
  rng = g_rand_new_with_seed((guint32)atoi(argv[1]) * 77 + 5);
  out.bytes = g_byte_array_new();
  cfg.frames_only = rnd(4) == 0;
  cfg.mbaff = !cfg.frames_only && rnd(2);
  cfg.w = 2 + rnd(6);
  cfg.h = 2 * (1 + rnd(4));
  cfg.inference = !cfg.frames_only || rnd(2);
  cfg.weighted = rnd(4) == 0;
  cfg.bipred = rnd(3);
  cfg.num_refs = 2 + rnd(4);
  cfg.qp = 20 + rnd(28);
  cfg.b_pictures = rnd(3) > 0;
  cfg.poc_type = cfg.b_pictures || rnd(2) ? 0 : 2;
  cfg.commands = rnd(3) == 0;
  cfg.modify = rnd(3) == 0;
  cfg.temporal = rnd(2);
  cfg.high = atoi(argv[1]) % 4 == 3;
  if (cfg.high) { /* below 16 nothing is filtered but for offsets */
    cfg.qp = 6 + rnd(14);
    cfg.cb_offset = rnd(25) - 12;
    cfg.cr_offset = rnd(25) - 12;
  }
  parameter_sets();
  int base = 0; /* order count of the last reference frame */
  for (int i = 0; i < 30; i++) {
    if (i == 0 || rnd(15) == 0) {
      base = 0;
      idr_id ^= 1;
      frame(2, TRUE, TRUE, 0);
    } else {
      int n_b = cfg.b_pictures ? rnd(3) : 0;
      frame_num = (frame_num + 1) % MAX_FRAME_NUM;
      base += 2 * (n_b + 1);
      /* order counts of type 2 leave no room for two pictures in a row that are no references */
      frame(rnd(12) ? 0 : 2, FALSE, TRUE, base);
      for (int k = 0; k < n_b; k++) {
        int saved = frame_num;
        frame_num = (frame_num + 1) % MAX_FRAME_NUM;
        frame(1, FALSE, FALSE, base - 2 * (n_b - k));
        frame_num = saved;
      }
    }
  }
  g_byte_array_unref(out.bytes);
  g_rand_free(rng);
  return fclose(file) ? 2 : 0;
}
