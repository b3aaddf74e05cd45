/* deltacnn: first layers: what cells add, row by row as products of polynomials.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels that lie whole strides apart see the same taps, an output further on: what a row of a cell adds to a row of outputs
 * is, for each column within a stride, a row of pixels times a row of taps as polynomials are multiplied.  From their values
 * at a few points (kernels/points.h), with sums over rows, columns within a stride and channels, the product's coefficients
 * are found once for each row of outputs: 7 multiplies for the 11 of four pixels under 11 taps in strides of 4.
 *
 * A pixel that is infinite or NaN, which no frame has, makes NaN of the cell's outputs in its rows, also of those beside it, until their
 * sums are made anew. */
#include "kernels/points.h"
#include "net/first-batches.h"
#include "util/memory.h"

/* So many times fewer multiplies, or it is not worth while. */
#define LEAST_GAIN 1.25

/* The tap under which the first pixels' column lies in output u, or -1. */
static int
tap_of(const DcnFirstPlan *plan, int column, int u)
{
  const DcnWindow *win = &plan->window;
  int tap = column - win->first_column - win->step * (plan->point_first + u);
  return tap >= 0 && tap < win->kw ? tap : -1;
}

/* One over the product of the differences of the point's from all others. */
static double
weight_of(const double *points, int p)
{
  double product = 1;
  for (int q = 0; q < DCN_POINT_COUNT; q++)
    if (q != p)
      product *= points[p] - points[q];
  return 1 / product;
}

static void
list_points(double *points)
{
  static const float pairs[DCN_POINT_PAIRS] = DCN_POINTS;
  points[0] = 0;
  for (int j = 0; j < DCN_POINT_PAIRS; j++) {
    points[2 * j + 1] = pairs[j];
    points[2 * j + 2] = -pairs[j];
  }
}

/* Values of the taps' polynomials at a point. */
static void
transform_taps(const DcnFirstPlan *plan, int nr, int block, int p, const double *points, float *to)
{
  int step = plan->window.step, c = plan->c, kw = plan->window.kw;
  const float *from = plan->weights + (size_t)block * plan->block_floats;
  double weight = weight_of(points, p);
  for (int ky = 0; ky < plan->window.kh; ky++, from += (size_t)kw * c * nr)
    for (int column = 0; column < step; column++)
      for (int i = 0; i < c * nr; i++) {
        double sum = 0, power = weight;
        for (int u = 0; u < plan->point_taps; u++, power *= points[p]) {
          int tap = tap_of(plan, column, u);
          if (tap >= 0)
            sum += power * from[(size_t)tap * c * nr + i];
        }
        *to++ = (float)sum;
      }
}

gboolean
dcn_first_points_plan(DcnFirstPlan *plan, int nr, double *gain, size_t *weight_bytes)
{
  const DcnWindow *win = &plan->window;
  int sw = win->step, pad = -win->first_column;
  if (plan->cell_w == 0)
    return TRUE;
  plan->point_first = dcn_divide_down(pad - win->kw, sw) + 1;
  int outputs = dcn_divide_down(plan->cell_w - 1 + pad, sw) - plan->point_first + 1;
  plan->point_taps = outputs - plan->cell_w / sw + 1;
  double plain = (double)plan->cell_w * win->kw / sw; /* multiplies of a row under a row of taps */
  if (outputs > DCN_POINT_COUNT || plain < LEAST_GAIN * DCN_POINT_COUNT * sw)
    return TRUE;
  *gain = plain / (DCN_POINT_COUNT * sw);
  plan->point_floats = (size_t)win->kh * (size_t)sw * (size_t)plan->c * (size_t)nr;
  size_t floats;
  if (!dcn_size_mul(plan->point_floats, (size_t)plan->blocks * DCN_POINT_COUNT, &floats) ||
      !(plan->point_weights = dcn_aligned_new0(floats, sizeof(float))))
    return FALSE;
  double points[DCN_POINT_COUNT];
  list_points(points);
  for (int p = 0; p < DCN_POINT_COUNT; p++)
    for (int b = 0; b < plan->blocks; b++)
      transform_taps(plan, nr, b, p, points,
                     plan->point_weights +
                         ((size_t)p * (size_t)plan->blocks + (size_t)b) * plan->point_floats);
  *weight_bytes += floats * sizeof(float);
  return TRUE;
}

/* Floats of the values at a cell's points, and of its sums of a row of outputs. */
static size_t
values_of(const DcnFirstPlan *plan, int rows)
{
  return (size_t)DCN_POINT_COUNT * (size_t)rows * (size_t)(plan->window.step * plan->c);
}

static size_t
sums_of(const DcnFirstPlan *plan, int nr)
{
  return (size_t)DCN_POINT_COUNT * (size_t)(plan->blocks * nr);
}

size_t
dcn_first_points_floats(const DcnFirstPlan *plan, int nr)
{
  if (!plan->point_weights)
    return 0;
  return (size_t)(plan->cell_w * plan->cell_h * plan->c) +
         DCN_BATCH_CELLS * (values_of(plan, plan->cell_h) + sums_of(plan, nr));
}

/* Rows of outputs that see rows of the shape: the first of these, and how many. */
static int
rows_seen(const DcnBatches *batches, int y, int *first, int *tap)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnFirstShape *shape = batches->shape;
  int top = y * plan->stride_h - plan->pad_top;
  *first = MAX(top, shape->y);
  *tap = *first - top;
  *first -= shape->y;
  return MIN(top + plan->window.kh, shape->y + shape->h) - shape->y - *first;
}

gboolean
dcn_first_points_fit(const DcnBatches *batches, uint64_t *work)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnFirstShape *shape = batches->shape;
  if (!plan->point_weights || shape->x != 0 || shape->w != plan->cell_w)
    return FALSE;
  int rows = 0, first, tap;
  for (int y = batches->first_y; y <= batches->last_y; y++)
    rows += rows_seen(batches, y, &first, &tap);
  *work = (uint64_t)rows * DCN_POINT_COUNT * (uint64_t)(plan->window.step * plan->c);
  return TRUE;
}

void
dcn_first_points_gather(const DcnBatches *batches, DcnBatch *batch, DcnWorker *worker)
{
  const DcnJob *job = batches->job;
  const DcnFirstPlan *plan = batches->plan;
  const DcnFirstShape *shape = batches->shape;
  size_t row = (size_t)(shape->w * plan->c);
  int n = plan->window.step * plan->c, count = plan->cell_w / plan->window.step;
  float *tested = worker->floats, *to = tested + (size_t)(plan->cell_w * plan->cell_h * plan->c);
  batch->deltas = to;
  for (const DcnBatchCell *cell = batch->cells; cell < batch->cells + batch->n; cell++) {
    DcnDeltas from = {cell->deltas.first + (size_t)shape->y * cell->deltas.pitch,
                      cell->deltas.pitch};
    if (cell->untested) { /* all of it is the rectangle */
      from = (DcnDeltas){tested, row};
      dcn_first_test_cell(job, plan, cell->band, cell->column, from);
    }
    for (int y = 0; y < shape->h; y++)
      job->kernels->points_in(from.first + (size_t)y * from.pitch, (size_t)n, count, n,
                              to + (size_t)y * (size_t)n, (size_t)(shape->h * n));
    to += values_of(plan, shape->h);
  }
  batch->nowhere = to;
}

/* Products of a row of outputs, to sums[cell][point][channels]. */
static void
multiply(const DcnBatches *batches, const DcnBatch *batch, int y, float *const *sums,
         DcnAsker *asker, uint64_t *done)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnKernels *k = batches->job->kernels;
  int n = plan->window.step * plan->c, first, tap, rows = rows_seen(batches, y, &first, &tap);
  size_t width = (size_t)(plan->blocks * k->nr);
  DcnPatch patch = {.rows = rows,
                    .n = n,
                    .ldd = (size_t)n,
                    .step = values_of(plan, batches->shape->h),
                    .ldw = (size_t)n * (size_t)k->nr,
                    .anew = TRUE};
  for (int p = 0; p < DCN_POINT_COUNT; p++)
    for (int b = 0; b < plan->blocks; b++) {
      const float *ask[DCN_ASK_MOST];
      *done += (uint64_t)(rows * n);
      int asks = dcn_asker_next(batches, asker, *done, ask);
      patch.w = plan->point_weights +
                ((size_t)p * (size_t)plan->blocks + (size_t)b) * plan->point_floats +
                (size_t)tap * patch.ldw;
      k->pgemm(batch->deltas + (size_t)((p * batches->shape->h + first) * n), &patch, sums,
               (size_t)p * width + (size_t)(b * k->nr), batch->n, k->nr, ask, asks);
    }
}

/* Which of a row of outputs, from first_x on, see something of the cell that changed.  All others would get rounding errors
 * for 0: nobody counts these as steps or makes such sums anew, so that they would grow for ever. */
static uint64_t
reached(const DcnBatches *batches, const DcnBatchCell *cell, int y)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = batches->job->in;
  int words = in->net->row_words, first, tap, rows = rows_seen(batches, y, &first, &tap);
  int row = cell->band / plan->bands * in->net->h + cell->band % plan->bands * plan->cell_h +
            batches->shape->y + first;
  uint64_t all = dcn_bits_last(plan->cell_w), columns = 0, seen = 0;
  for (int i = row; i < row + rows && columns != all; i++)
    if (in->row_changed[i])
      columns |=
          dcn_bits_at(in->bits + (size_t)i * (size_t)words, words, cell->column * plan->cell_w) &
          all;
  for (int x = batches->first_x; x <= batches->last_x; x++) {
    int left = x * win->step + win->first_column, from = MAX(left, 0),
        end = MIN(left + win->kw, plan->cell_w);
    if (columns & dcn_bits_last(end - from) << from)
      seen |= UINT64_C(1) << (x - batches->first_x);
  }
  return seen;
}

/* As add_cells() of first-batches.c, and in the same order. */
void
dcn_first_points_add(const DcnBatches *batches, const DcnBatch *batch, DcnAsker *asker,
                     DcnWorker *worker)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnKernels *k = batches->job->kernels;
  size_t floats = sums_of(plan, k->nr);
  float *sums[DCN_BATCH_CELLS];
  uint64_t done = 0;
  for (int i = 0; i < batch->n; i++)
    sums[i] = batch->nowhere + (size_t)i * floats;
  for (int y = batches->last_y; y >= batches->first_y; y--) {
    gboolean any = FALSE;
    for (int i = 0; i < batch->n; i++)
      any |= y >= batch->cells[i].first_y && y < batch->cells[i].end_y;
    if (!any)
      continue;
    uint64_t before = done;
    multiply(batches, batch, y, sums, asker, &done);
    for (int i = 0; i < batch->n; i++) {
      const DcnBatchCell *cell = &batch->cells[i];
      if (y < cell->first_y || y >= cell->end_y)
        continue;
      float *out[DCN_POINT_COUNT] = {NULL};
      uint64_t seen = reached(batches, cell, y);
      float *row = batches->sums +
                   (cell->pixel + (ptrdiff_t)y * plan->window.out_w) * (ptrdiff_t)batches->stride;
      for (int x = MAX(batches->first_x, cell->first_x); x < MIN(batches->last_x + 1, cell->end_x);
           x++)
        if (seen >> (x - batches->first_x) & 1)
          out[x - batches->first_x] = row + (ptrdiff_t)x * (ptrdiff_t)batches->stride;
      k->points_out(sums[i], (size_t)(plan->blocks * k->nr), out, 0, plan->m);
      worker->macs += (done - before) / (uint64_t)plan->blocks * (uint64_t)plan->m;
    }
  }
}
