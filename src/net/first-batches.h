/* deltacnn: first layers: cells that changed in the same way, some of which are worked at together.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/first-cells.h"

/* Cells worked at together: their outputs and deltas stay in the second-level cache, and those of the next ones. */
#define DCN_BATCH_CELLS 12
/* Cache lines asked for by a call of a kernel, at most. */
#define DCN_ASK_MOST 256

static inline int
dcn_divide_down(int a, int b)
{
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* The cells of a part in which a shape changed, some at a time. */
typedef struct {
  const DcnJob *job;
  const DcnFirstPlan *plan;
  const DcnFirstShape *shape;
  const int32_t *parts; /* [n_parts + 1] the first band of each, and the end of the last */
  int n_parts;
  float *sums;
  size_t stride;
  int first_y, last_y, first_x, last_x; /* outputs that see a cell, counted from its own first */
  int across, down;                     /* outputs of a cell */
  uint64_t work;                        /* multiplies for a cell and an output channel */
  gboolean points;                      /* by their polynomials (first-points.c) */
} DcnBatches;

/* A cell, and which of the outputs that see it are the part's: rows and columns counted from the cell's own first. */
typedef struct {
  int band, column;
  gboolean untested;
  DcnDeltas deltas; /* by pixels */
  ptrdiff_t pixel;  /* the number of that output */
  int first_y, end_y, first_x, end_x;
} DcnBatchCell;

/* Cells that are worked at together. */
typedef struct {
  int n;
  DcnBatchCell cells[DCN_BATCH_CELLS];
  gboolean inside;     /* all outputs that see one of them are the part's */
  const float *deltas; /* [n] rectangles that changed, without gaps */
  float *nowhere;      /* [outputs' channels] sums of what is not the part's */
} DcnBatch;

/* What the next cells need is asked for while others are at work: outputs and deltas of a cell row by row. */
typedef struct {
  const DcnBatch *batch;
  int cell, row;     /* the next */
  const float *line; /* of the row at hand, and how many more there are of it */
  int left;
  uint64_t lines, asked; /* of all, about; of which were asked for */
} DcnAsker;

/* first-ask.c.  batch: of which nothing has been asked for. */
void dcn_asker_start(const DcnBatches *batches, DcnAsker *asker, const DcnBatch *batch);
/* After `done` of batches->work * blocks: lines to ask for, DCN_ASK_MOST at most.  Returns how many. */
int dcn_asker_next(const DcnBatches *batches, DcnAsker *asker, uint64_t done, const float **ask);

/* first-points.c.  Whether a shape may be done so, and multiplies for one of its cells and an output channel. */
gboolean dcn_first_points_fit(const DcnBatches *batches, uint64_t *work);
/* Values of the cells' deltas at all points, in the worker's floats. */
void dcn_first_points_gather(const DcnBatches *batches, DcnBatch *batch, DcnWorker *worker);
void dcn_first_points_add(const DcnBatches *batches, const DcnBatch *batch, DcnAsker *asker,
                          DcnWorker *worker);
