/* deltacnn: first layers: memory that the next cells need is asked for while others are at work.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/first-batches.h"

#define LINE 16 /* floats */

/* Rows of a cell: those of the input, or deltas, then outputs. */
static inline int
input_rows(const DcnBatches *batches, const DcnBatchCell *cell)
{
  return cell->untested ? 2 * batches->shape->h : batches->shape->h;
}

void
dcn_asker_start(const DcnBatches *batches, DcnAsker *asker, const DcnBatch *batch)
{
  const DcnFirstShape *shape = batches->shape;
  int outputs = (batches->last_y - batches->first_y + 1) * (batches->last_x - batches->first_x + 1);
  *asker = (DcnAsker){.batch = batch};
  for (int i = 0; i < batch->n; i++)
    asker->lines += (uint64_t)outputs * (batches->stride / LINE + 1) +
                    (uint64_t)(input_rows(batches, &batch->cells[i]) * (shape->w * 4 / LINE + 1));
}

/* Where row `row` of what is wanted of a cell's input begins. */
static const float *
input_row(const DcnBatches *batches, const DcnBatchCell *cell, int row, size_t *floats)
{
  const DcnFirstShape *shape = batches->shape;
  size_t c = (size_t)batches->plan->c;
  *floats = (size_t)shape->w * c;
  if (!cell->untested)
    return cell->deltas.first + (size_t)(shape->y + row) * cell->deltas.pitch +
           (size_t)shape->x * c;
  const DcnValueState *in = batches->job->in;
  size_t at = (size_t)(cell->deltas.first - in->delta);
  if (row >= shape->h)
    return in->ref + at + (size_t)(row - shape->h) * cell->deltas.pitch;
  *floats = (size_t)shape->w * 4;
  return batches->job->state->input + (at + (size_t)row * cell->deltas.pitch) / c * 4;
}

/* The first output of a row that the cell before did not ask for, as their left neighbour does. */
static int
first_alone(const DcnBatches *batches, const DcnAsker *asker)
{
  const DcnBatchCell *cell = &asker->batch->cells[asker->cell];
  if (asker->cell > 0 && cell[-1].band == cell->band && cell[-1].column == cell->column - 1)
    return MAX(batches->last_x - batches->across + 1, batches->first_x);
  return batches->first_x;
}

/* The next row of what is wanted; FALSE: there is none. */
static gboolean
ask_for_row(const DcnBatches *batches, DcnAsker *asker)
{
  if (asker->cell == asker->batch->n)
    return FALSE;
  const DcnBatchCell *cell = &asker->batch->cells[asker->cell];
  size_t floats = 0;
  int rows = input_rows(batches, cell), y = batches->first_y + asker->row - rows;
  if (asker->row < rows) {
    asker->line = input_row(batches, cell, asker->row, &floats);
  } else if (y >= cell->first_y && y < cell->end_y) {
    int from = MAX(first_alone(batches, asker), cell->first_x),
        to = MIN(batches->last_x + 1, cell->end_x);
    asker->line = batches->sums +
                  (size_t)(cell->pixel + y * batches->plan->window.out_w + from) * batches->stride;
    floats = (size_t)MAX(to - from, 0) * batches->stride;
  }
  asker->left = (int)((floats + LINE - 1) / LINE);
  asker->row++;
  if (y == batches->last_y) {
    asker->row = 0;
    asker->cell++;
  }
  return TRUE;
}

int
dcn_asker_next(const DcnBatches *batches, DcnAsker *asker, uint64_t done, const float **ask)
{
  uint64_t wanted = asker->lines * done / (batches->work * (uint64_t)batches->plan->blocks);
  int n = 0, most = wanted > asker->asked ? (int)MIN(wanted - asker->asked, DCN_ASK_MOST) : 0;
  while (n < most && (asker->left > 0 || ask_for_row(batches, asker))) {
    int some = MIN(asker->left, most - n);
    for (int i = 0; i < some; i++)
      ask[n + i] = asker->line + i * LINE;
    asker->line += some * LINE;
    asker->left -= some;
    n += some;
  }
  asker->asked += (uint64_t)n;
  return n;
}
