/* deltacnn: first layers: plan and packing.  first-run.c runs them, first-deltas.c adds changes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/first.h"
#include "util/memory.h"

/* Finding and listing what changed in a window takes as long as some 10000 multiplies of 512 bits.
 * Where an output pixel does not take more than these (7x7 windows of 3 channels and less, as
 * measured on clips), it is always computed from values, which spares the accumulator, too.  In
 * multiplies per output pixel, for each of the nr lanes of a tile. */
#define DELTAS_MIN_MULTIPLIES 500

gboolean
dcn_first_fits(const DcnNet *net, const DcnOp *op)
{
  const DcnConv *conv = &op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op);
  return in->c <= 4 && in->ref_pitch == in->c && conv->groups == 1 && conv->dil_w == 1 &&
         conv->kw > 1 && conv->kw <= 32 && conv->kh <= 64;
}

static gboolean
read_by_an_op(const DcnNet *net, int value)
{
  const DcnProgram *program = net->program;
  for (int i = 0; i < program->n_ops; i++)
    for (int j = 0; j < program->ops[i].n_inputs; j++)
      if (program->ops[i].inputs[j] == value)
        return TRUE;
  return FALSE;
}

static gboolean
is_output(const DcnNet *net, int value)
{
  const DcnProgram *program = net->program;
  for (int i = 0; i < program->n_outputs; i++)
    if (program->outputs[i] == value)
      return TRUE;
  return FALSE;
}

static void
pack(const DcnFirstPlan *plan, const DcnConv *conv, int nr)
{
  int taps = conv->kh * conv->kw;
  for (int b = 0; b < plan->blocks; b++) {
    float *w = plan->weights + (size_t)b * plan->block_floats;
    for (int j = 0; j < MIN(nr, plan->m - b * nr); j++) {
      int m = b * nr + j;
      for (int c = 0; c < plan->c; c++)
        for (int t = 0; t < taps; t++)
          w[((size_t)t * plan->c + c) * nr + j] =
              conv->weights[((size_t)m * plan->c + c) * taps + t];
      if (conv->bias)
        plan->bias[(size_t)b * nr + j] = conv->bias[m];
    }
  }
}

static gboolean
list_taps(DcnFirstPlan *plan, const DcnConv *conv, int in_w, int nr)
{
  plan->taps = dcn_aligned_new0((size_t)conv->kh * conv->kw, sizeof *plan->taps);
  if (!plan->taps)
    return FALSE;
  for (int ky = 0; ky < conv->kh; ky++)
    for (int kx = 0; kx < conv->kw; kx++)
      plan->taps[ky * conv->kw + kx] = (DcnTap){
          .at = (ky * conv->dil_h * in_w + kx) * plan->c,
          .weight = (ky * conv->kw + kx) * plan->c * nr,
      };
  return TRUE;
}

/* Of smaller images few cells would be alike. */
#define CELLS_LEAST 12

/* Cells of whole strides, so that what outputs see of one, others see of the next; numbers of cells fit into 16 bits. */
static void
plan_cells(DcnFirstPlan *plan, const DcnConv *conv, const DcnNetValue *in, const DcnNetValue *out)
{
  int w = dcn_first_cell(conv->stride_w), h = dcn_first_cell(conv->stride_h);
  plan->bands = (in->h + h - 1) / h;
  if (!plan->deltas || conv->dil_h != 1 || w > 64 || in->pixels < CELLS_LEAST * w * h ||
      (in->w + w - 1) / w > 0xffff || (int64_t)plan->bands * in->n > 0x7fff ||
      out->h > plan->bands * (h / conv->stride_h))
    return;
  plan->cell_w = w;
  plan->cell_h = h;
}

static void
first_clear(DcnNetOp *op)
{
  DcnFirstPlan *plan = op->plan;
  dcn_window_clear(&plan->window);
  dcn_aligned_free(plan->weights);
  dcn_aligned_free(plan->point_weights);
  dcn_aligned_free(plan->bias);
  dcn_aligned_free(plan->taps);
  g_free(plan);
}

static gboolean
first_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  DcnConv *conv = &op->op->u.conv;
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  const DcnKernels *k = net->kernels;
  DcnFirstPlan *plan = op->plan = g_new0(DcnFirstPlan, 1);
  plan->c = in->c;
  plan->m = out->c;
  plan->stride_h = conv->stride_h;
  plan->pad_top = conv->pad_top;
  plan->row_floats = conv->kw * in->c;
  plan->blocks = (out->c + k->nr - 1) / k->nr;
  plan->block_floats = (size_t)conv->kh * plan->row_floats * k->nr;
  /* More pixels have more in common; but there should be some units for each thread. */
  plan->unit = CLAMP(out->pixels / 24, 96, DCN_FIRST_UNIT_MAX) / k->mr * k->mr;
  plan->deltas = (double)conv->kh * plan->row_floats * out->c >= DELTAS_MIN_MULTIPLIES * k->nr &&
                 plan->block_floats <= INT32_MAX && conv->stride_w <= DCN_FIRST_STEP_MAX &&
                 (double)conv->kh * conv->dil_h * in->w * in->c <= INT32_MAX;
  plan_cells(plan, conv, in, out);
  plan->in_place = plan->deltas && dcn_act_is_none(&op->op->act) && out->view_of < 0 &&
                   is_output(net, op->op->output) && !read_by_an_op(net, op->op->output);
  size_t weights;
  if (!dcn_window_init(&plan->window, in, out, conv->kh, conv->kw, conv->stride_h, conv->stride_w,
                       conv->pad_top, conv->pad_left, conv->dil_h, conv->dil_w) ||
      !dcn_size_mul(plan->block_floats, (size_t)plan->blocks, &weights) ||
      !(plan->weights = dcn_aligned_new0(weights, sizeof(float))) ||
      !(plan->bias = dcn_aligned_new0((size_t)plan->blocks * k->nr, sizeof(float))) ||
      (plan->deltas && !list_taps(plan, conv, in->w, k->nr)))
    return dcn_no_memory(error);
  pack(plan, conv, k->nr);
  g_clear_pointer(&conv->weights, g_free);
  g_clear_pointer(&conv->bias, g_free);
  op->weight_bytes = weights * sizeof(float);
  double gain = 0;
  if (!dcn_first_points_plan(plan, k->nr, &gain, &op->weight_bytes))
    return dcn_no_memory(error);
  if (gain > 0)
    op->changed_macs = (double)op->macs / gain * DCN_POINTS_COST;

  DcnNeeds *needs = &net->needs;
  size_t rows = (size_t)(plan->unit + k->mr) * conv->kh;
  needs->pointers = MAX(needs->pointers, rows);
  needs->lines = MAX(needs->lines, (size_t)conv->kh);
  /* A row outside of the image, or one with borders. */
  size_t line = ((size_t)(out->w - 1) * plan->window.step + conv->kw) * in->c;
  needs->taps = MAX(needs->taps, MAX(line, (size_t)in->w * in->ref_pitch));
  /* A tile, a unit of outputs, and copies of windows across the border. */
  needs->floats = MAX(needs->floats, (size_t)k->mr * k->nr + (size_t)plan->unit * out->pitch +
                                         rows * plan->row_floats + 4);
  if (!plan->deltas)
    needs->floats = MAX(needs->floats, conv->kh * MAX(line, (size_t)DCN_FIRST_BORDER_ROWS *
                                                                (size_t)plan->row_floats));
  if (plan->cell_w)
    needs->floats =
        MAX(needs->floats, MAX(dcn_first_batch_floats(plan), dcn_first_points_floats(plan, k->nr)));
  if (plan->deltas) {
    /* Two groups, with a mark and a tap each. */
    needs->masks =
        MAX(needs->masks, (size_t)conv->kh * (conv->kw + 1) * 2 * (1 + sizeof(DcnTap) / 8));
    op->reads_deltas = TRUE;
    if (!plan->in_place)
      op->acc_floats = out->floats;
  }
  return TRUE;
}

gboolean
dcn_first_in_place(const DcnNetOp *op)
{
  const DcnFirstPlan *plan = op->plan;
  return plan->in_place;
}

void
dcn_first_cells(const DcnNetOp *op, int *w, int *h)
{
  const DcnFirstPlan *plan = op->plan;
  *w = plan->cell_w;
  *h = plan->cell_h;
}

const DcnOpClass dcn_first_class = {"first", first_prepare, dcn_first_run, first_clear};
