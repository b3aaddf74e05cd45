/* deltacnn: the last frame's results in the places where the image moved to.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/reuse.h"
#include "rivals/geometry.h"
#include "util/memory.h"
#include <math.h>
#include <string.h>

struct _DcnReuse {
  const DcnNet *net;
  const DcnProgram *program;
  DcnSight *sights;
  uint8_t **known; /* [n_values][h * w]; NULL where pixels have no place in the image */
  int *sums;       /* unknown pixels above and left of each, of the value at hand */
  DcnOffset offset;
};

DcnReuse *
dcn_reuse_new(const DcnNet *net)
{
  const DcnProgram *program = dcn_net_program(net);
  DcnReuse *reuse = g_new0(DcnReuse, 1);
  size_t most = 1;
  gboolean ok = TRUE;
  reuse->net = net;
  reuse->program = program;
  reuse->sights = g_new0(DcnSight, (size_t)program->n_values);
  reuse->known = g_new0(uint8_t *, (size_t)program->n_values);
  dcn_sights(program, reuse->sights);
  for (int i = 0; i < program->n_values && ok; i++) {
    const DcnValue *v = &program->values[i];
    if (!reuse->sights[i].image || v->n != 1)
      continue;
    reuse->known[i] = dcn_aligned_new0((size_t)v->h * v->w, 1);
    ok = reuse->known[i] != NULL;
    most = MAX(most, ((size_t)v->h + 1) * ((size_t)v->w + 1));
  }
  if (ok)
    reuse->sums = dcn_aligned_new0(most, sizeof *reuse->sums);
  if (!reuse->sums)
    g_clear_pointer(&reuse, dcn_reuse_free);
  return reuse;
}

void
dcn_reuse_free(DcnReuse *reuse)
{
  if (!reuse)
    return;
  for (int i = 0; i < reuse->program->n_values; i++)
    dcn_aligned_free(reuse->known[i]);
  dcn_aligned_free(reuse->sums);
  g_free(reuse->known);
  g_free(reuse->sights);
  g_free(reuse);
}

void
dcn_reuse_begin(DcnReuse *reuse, const uint8_t *known, DcnOffset offset)
{
  const DcnValue *v = &reuse->program->values[reuse->program->input];
  uint8_t *of_input = reuse->known[reuse->program->input];
  reuse->offset = offset;
  if (of_input)
    memcpy(of_input, known, (size_t)v->h * v->w);
}

/* From an input's pixels to those of a value with such sight. */
static DcnOffset
offset_in(const DcnReuse *reuse, const DcnSight *sight)
{
  return (DcnOffset){(int)lround((double)reuse->offset.x / sight->step_x),
                     (int)lround((double)reuse->offset.y / sight->step_y)};
}

static void
sum_unknown(DcnReuse *reuse, const uint8_t *known, const DcnValue *v)
{
  int *sums = reuse->sums, line = v->w + 1;
  memset(sums, 0, sizeof *sums * (size_t)line);
  for (int y = 0; y < v->h; y++) {
    int row = 0;
    sums[(y + 1) * line] = 0;
    for (int x = 0; x < v->w; x++) {
      row += !known[y * v->w + x];
      sums[(y + 1) * line + x + 1] = sums[y * line + x + 1] + row;
    }
  }
}

/* What windows read along one axis. */
typedef struct {
  int taps, stride, pad, dilation, in, out, offset;
} Axis;

/* The input pixels [*begin, *end) of output o; FALSE where its result cannot be what stands at o +
 * offset: there is none, or one of the two windows reaches across a border that the other does not. */
static gboolean
window_at(const Axis *a, int o, int *begin, int *end)
{
  int first = o * a->stride - a->pad, last = first + (a->taps - 1) * a->dilation;
  *begin = MAX(first, 0);
  *end = MIN(last + 1, a->in);
  if (a->offset == 0)
    return *begin < *end;
  int there = o + a->offset, shift = a->offset * a->stride;
  return there >= 0 && there < a->out && first >= 0 && last < a->in && first + shift >= 0 &&
         last + shift < a->in;
}

static void
known_through_window(DcnReuse *reuse, const uint8_t *from, const DcnValue *in, const DcnValue *out,
                     const Axis *down, const Axis *across, uint8_t *to)
{
  const int *sums = reuse->sums;
  int line = in->w + 1;
  sum_unknown(reuse, from, in);
  for (int y = 0; y < out->h; y++) {
    int y0, y1, x0, x1;
    gboolean row = window_at(down, y, &y0, &y1);
    for (int x = 0; x < out->w; x++)
      to[y * out->w + x] = row && window_at(across, x, &x0, &x1) &&
                           sums[y1 * line + x1] - sums[y0 * line + x1] - sums[y1 * line + x0] +
                                   sums[y0 * line + x0] ==
                               0;
  }
}

static void
know_nothing(const DcnReuse *reuse, int value)
{
  const DcnValue *v = &reuse->program->values[value];
  if (reuse->known[value])
    memset(reuse->known[value], 0, (size_t)v->h * v->w);
}

/* What is known of an op's output, from what is known of its inputs. */
static void
propagate(DcnReuse *reuse, const DcnOp *op)
{
  const DcnProgram *program = reuse->program;
  const DcnValue *in = &program->values[op->inputs[0]], *out = &program->values[op->output];
  uint8_t *to = reuse->known[op->output];
  const uint8_t *from = reuse->known[op->inputs[0]];
  if (!to)
    return;
  if (!from) {
    know_nothing(reuse, op->output);
    return;
  }
  DcnOffset offset = offset_in(reuse, &reuse->sights[op->output]);
  if (op->kind == DCN_OP_CONV) {
    const DcnConv *c = &op->u.conv;
    Axis down = {c->kh, c->stride_h, c->pad_top, c->dil_h, in->h, out->h, offset.y};
    Axis across = {c->kw, c->stride_w, c->pad_left, c->dil_w, in->w, out->w, offset.x};
    known_through_window(reuse, from, in, out, &down, &across, to);
    return;
  }
  if (op->kind == DCN_OP_MAX_POOL || op->kind == DCN_OP_AVG_POOL) {
    const DcnPool *p = &op->u.pool;
    Axis down = {p->kh, p->stride_h, p->pad_top, p->dil_h, in->h, out->h, offset.y};
    Axis across = {p->kw, p->stride_w, p->pad_left, p->dil_w, in->w, out->w, offset.x};
    known_through_window(reuse, from, in, out, &down, &across, to);
    return;
  }
  /* Pixel by pixel. */
  size_t n = (size_t)out->h * out->w;
  memcpy(to, from, n);
  for (int i = 1; i < op->n_inputs; i++) {
    const DcnValue *other = &program->values[op->inputs[i]];
    const uint8_t *also = reuse->known[op->inputs[i]];
    if (other->h != out->h || other->w != out->w || !also) {
      know_nothing(reuse, op->output); /* a gate that depends on the whole image */
      return;
    }
    for (size_t p = 0; p < n; p++)
      to[p] &= also[p];
  }
}

/* Pixels move in such an order that none is written before it was read. */
static void
move(const DcnPixels *out, const uint8_t *known, DcnOffset offset)
{
  int n = out->h * out->w, step = offset.y * out->w + offset.x;
  if (step == 0)
    return;
  for (int i = 0; i < n; i++) {
    int p = step > 0 ? i : n - 1 - i;
    if (known[p])
      memcpy(out->pixels + (size_t)p * out->pitch, out->pixels + (size_t)(p + step) * out->pitch,
             sizeof(float) * (size_t)out->c);
  }
}

DcnCompute
dcn_reuse_compute(void *context, int op, const DcnPixels *out, uint64_t *marks, int row_words)
{
  DcnReuse *reuse = context;
  const DcnOp *it = &reuse->program->ops[op];
  const uint8_t *known = reuse->known[it->output];
  propagate(reuse, it);
  if (it->kind != DCN_OP_CONV || !known || !dcn_net_op_marks(reuse->net, op) ||
      !memchr(known, 1, (size_t)out->h * out->w))
    return DCN_COMPUTE_ALL;
  for (int y = 0; y < out->h; y++)
    for (int x = 0; x < out->w; x++)
      marks[y * row_words + x / 64] |= (uint64_t)!known[y * out->w + x] << (x % 64);
  move(out, known, offset_in(reuse, &reuse->sights[it->output]));
  return DCN_COMPUTE_MARKED;
}
