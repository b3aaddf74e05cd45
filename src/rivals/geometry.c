/* deltacnn: which part of the image each pixel of a value sees.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/geometry.h"
#include <string.h>

#define SIZE_MOST 1000000 /* pixels; larger than any image, and far from overflowing */

typedef struct {
  int kh, kw, stride_h, stride_w, pad_top, pad_left, dil_h, dil_w;
} Window;

static gboolean
slide(int *begin, int *step, int *size, int taps, int stride, int pad, int dilation)
{
  int64_t wide = (int64_t)*size + (int64_t)(taps - 1) * dilation * *step;
  int64_t first = *begin - (int64_t)pad * *step, next = (int64_t)*step * stride;
  if (wide > SIZE_MOST || first < -SIZE_MOST || next > SIZE_MOST)
    return FALSE;
  *size = (int)wide;
  *begin = (int)first;
  *step = (int)next;
  return TRUE;
}

static DcnSight
through_window(DcnSight sight, const Window *w)
{
  sight.image =
      sight.image &&
      slide(&sight.begin_x, &sight.step_x, &sight.size_x, w->kw, w->stride_w, w->pad_left,
            w->dil_w) &&
      slide(&sight.begin_y, &sight.step_y, &sight.size_y, w->kh, w->stride_h, w->pad_top, w->dil_h);
  return sight;
}

static DcnSight
both(DcnSight a, DcnSight b)
{
  if (!a.image || !b.image || a.step_x != b.step_x || a.step_y != b.step_y) {
    a.image = FALSE;
    return a;
  }
  int end_x = MAX(a.begin_x + a.size_x, b.begin_x + b.size_x);
  int end_y = MAX(a.begin_y + a.size_y, b.begin_y + b.size_y);
  a.begin_x = MIN(a.begin_x, b.begin_x);
  a.begin_y = MIN(a.begin_y, b.begin_y);
  a.size_x = end_x - a.begin_x;
  a.size_y = end_y - a.begin_y;
  return a;
}

static gboolean
same_pixels(const DcnValue *a, const DcnValue *b)
{
  return a->n == b->n && a->h == b->h && a->w == b->w;
}

static DcnSight
of_output(const DcnProgram *program, const DcnOp *op, const DcnSight *sights)
{
  const DcnValue *out = &program->values[op->output];
  DcnSight sight = sights[op->inputs[0]];
  switch (op->kind) {
  case DCN_OP_CONV: {
    const DcnConv *c = &op->u.conv;
    Window w = {c->kh,      c->kw,       c->stride_h, c->stride_w,
                c->pad_top, c->pad_left, c->dil_h,    c->dil_w};
    return through_window(sight, &w);
  }
  case DCN_OP_MAX_POOL:
  case DCN_OP_AVG_POOL: {
    const DcnPool *p = &op->u.pool;
    Window w = {p->kh,      p->kw,       p->stride_h, p->stride_w,
                p->pad_top, p->pad_left, p->dil_h,    p->dil_w};
    return through_window(sight, &w);
  }
  case DCN_OP_AFFINE:
  case DCN_OP_ACT:
  case DCN_OP_LRN:
  case DCN_OP_SOFTMAX:
  case DCN_OP_LOG_SOFTMAX:
  case DCN_OP_LAYER_NORM:
    return sight;
  case DCN_OP_BINARY:
  case DCN_OP_CONCAT:
    for (int i = 1; i < op->n_inputs; i++) {
      /* What is one pixel for all (a gate on channels) moves with none. */
      if (same_pixels(&program->values[op->inputs[i]], out))
        sight = both(sight, sights[op->inputs[i]]);
      else if (op->kind == DCN_OP_CONCAT)
        sight.image = FALSE;
    }
    sight.image &= same_pixels(&program->values[op->inputs[0]], out);
    return sight;
  default:
    sight.image = FALSE;
    return sight;
  }
}

void
dcn_sights(const DcnProgram *program, DcnSight *sights)
{
  memset(sights, 0, sizeof *sights * (size_t)program->n_values);
  sights[program->input] =
      (DcnSight){.image = TRUE, .step_x = 1, .step_y = 1, .size_x = 1, .size_y = 1};
  for (int i = 0; i < program->n_ops; i++)
    sights[program->ops[i].output] = of_output(program, &program->ops[i], sights);
}

int
dcn_last_image(const DcnProgram *program, const DcnSight *sights)
{
  /* made_by[v] is an op; oldest: of all that ops after the one looked at read. */
  int *made_by = g_new(int, (size_t)program->n_values);
  int oldest = program->n_ops, found = -1;
  for (int i = 0; i < program->n_values; i++)
    made_by[i] = -1;
  for (int i = 0; i < program->n_ops; i++)
    made_by[program->ops[i].output] = i;
  for (int i = 0; i < program->n_outputs; i++)
    oldest = MIN(oldest, made_by[program->outputs[i]]);
  for (int i = program->n_ops - 1; i >= 0 && found < 0; i--) {
    const DcnOp *op = &program->ops[i];
    const DcnValue *v = &program->values[op->output];
    if (oldest >= i && sights[op->output].image && v->n == 1 && v->h * v->w > 1)
      found = i;
    for (int j = 0; j < op->n_inputs; j++)
      oldest = MIN(oldest, made_by[op->inputs[j]]);
  }
  g_free(made_by);
  return found;
}
