/* deltacnn: first layers: what cells that changed in the same way add, as matrix products.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See first-patches.c, which finds them.  Some of them are worked at together: their deltas are copied side by side, so
 * that one pointer serves all. */
#include "net/first-cells.h"
#include "util/parallel.h"
#include <string.h>

/* Cells in a part of the work, at least; most parts, about; cells worked at together: their outputs and deltas stay in the
 * second-level cache, and those of the next ones. */
#define PART_CELLS 48
#define PARTS_MOST 16
#define TOGETHER   12
/* What a multiply takes in those of igemm, of wide vectors and others (study-layer). */
#define PATCH_COST_WIDE 1.0
#define PATCH_COST      1.15
/* Cache lines asked for by a call of the kernel. */
#define ASK_MOST 256

/* The cells of a part in which a shape changed, TOGETHER at a time. */
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
} Loop;

/* A cell, and which of the outputs that see it are the part's: rows and columns counted from the cell's own first. */
typedef struct {
  int band, column;
  gboolean untested;
  DcnDeltas deltas; /* by pixels */
  ptrdiff_t pixel;  /* the number of that output */
  int first_y, end_y, first_x, end_x;
} Cell;

/* Cells that are worked at together. */
typedef struct {
  int n;
  Cell cells[TOGETHER];
  gboolean inside;     /* all outputs that see one of them are the part's */
  const float *deltas; /* [n] rectangles that changed, without gaps */
  float *nowhere;      /* [outputs' channels] sums of what is not the part's */
} Batch;

static inline int
divide_down(int a, int b)
{
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* The first cell of a band, or of one after it. */
static int
cell_of_band(const DcnFirstShape *shape, int band)
{
  int low = 0, high = shape->n_cells;
  while (low < high) {
    int middle = (low + high) / 2;
    if (dcn_band_of(shape->cells[middle]) < band)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The outputs of bands [first, end). */
static Cell
look_at(const Loop *loop, int32_t cell, int first, int end)
{
  const DcnFirstPlan *plan = loop->plan;
  const DcnWindow *win = &plan->window;
  int band = dcn_band_of(cell), column = cell & 0xffff, image = band / plan->bands,
      local = band - image * plan->bands;
  int y = local * loop->down, x = column * loop->across;
  return (Cell){
      .band = band,
      .column = column,
      .untested = dcn_untested_has(&loop->job->state->untested, band, column),
      .deltas = dcn_pixel_deltas(loop->job, plan, band, column),
      .pixel = ((ptrdiff_t)image * win->out_h + y) * win->out_w + x,
      .first_y = MAX((first - band) * loop->down, -y),
      .end_y = MIN((end - band) * loop->down, win->out_h - y),
      .first_x = -x,
      .end_x = win->out_w - x,
  };
}

/* Goes through a worker's cells, part after part. */
typedef struct {
  int part, end_part;
  int cell, end; /* of the part */
} Walk;

/* FALSE: there are no more. */
static gboolean
next_batch(const Loop *loop, Walk *walk, Batch *batch)
{
  const DcnFirstShape *shape = loop->shape;
  for (; walk->cell == walk->end; walk->part++) {
    if (walk->part + 1 >= walk->end_part)
      return FALSE;
    walk->cell =
        cell_of_band(shape, loop->parts[walk->part + 1] - divide_down(loop->last_y, loop->down));
    walk->end =
        cell_of_band(shape, loop->parts[walk->part + 2] - divide_down(loop->first_y, loop->down));
  }
  batch->n = MIN(TOGETHER, walk->end - walk->cell);
  batch->inside = TRUE;
  for (int i = 0; i < batch->n; i++) {
    Cell *cell = &batch->cells[i];
    *cell = look_at(loop, shape->cells[walk->cell++], loop->parts[walk->part],
                    loop->parts[walk->part + 1]);
    batch->inside &= cell->first_y <= loop->first_y && loop->last_y < cell->end_y &&
                     cell->first_x <= loop->first_x && loop->last_x < cell->end_x;
  }
  return TRUE;
}

/* What the next cells need is asked for while others are at work: outputs and deltas of a cell row by row. */
typedef struct {
  const Batch *batch;
  int cell, row;     /* the next */
  const float *line; /* of the row at hand, and how many more there are of it */
  int left;
  uint64_t lines, asked; /* of all, about; of which were asked for */
} Asker;

#define LINE 16 /* floats */

/* Rows of a cell: those of the input, or deltas, then outputs. */
static inline int
input_rows(const Loop *loop, const Cell *cell)
{
  return cell->untested ? 2 * loop->shape->h : loop->shape->h;
}

static void
start_asking(const Loop *loop, Asker *asker, const Batch *batch)
{
  const DcnFirstShape *shape = loop->shape;
  int outputs = (loop->last_y - loop->first_y + 1) * (loop->last_x - loop->first_x + 1);
  *asker = (Asker){.batch = batch};
  for (int i = 0; i < batch->n; i++)
    asker->lines += (uint64_t)outputs * (loop->stride / LINE + 1) +
                    (uint64_t)(input_rows(loop, &batch->cells[i]) * (shape->w * 4 / LINE + 1));
}

/* Where row `row` of what is wanted of a cell's input begins. */
static const float *
input_row(const Loop *loop, const Cell *cell, int row, size_t *floats)
{
  const DcnFirstShape *shape = loop->shape;
  size_t c = (size_t)loop->plan->c;
  *floats = (size_t)shape->w * c;
  if (!cell->untested)
    return cell->deltas.first + (size_t)(shape->y + row) * cell->deltas.pitch +
           (size_t)shape->x * c;
  const DcnValueState *in = loop->job->in;
  size_t at = (size_t)(cell->deltas.first - in->delta);
  if (row >= shape->h)
    return in->ref + at + (size_t)(row - shape->h) * cell->deltas.pitch;
  *floats = (size_t)shape->w * 4;
  return loop->job->state->input + (at + (size_t)row * cell->deltas.pitch) / c * 4;
}

/* The next row of what is wanted; FALSE: there is none. */
static gboolean
ask_for_row(const Loop *loop, Asker *asker)
{
  if (asker->cell == asker->batch->n)
    return FALSE;
  const Cell *cell = &asker->batch->cells[asker->cell];
  size_t floats = 0;
  int rows = input_rows(loop, cell), y = loop->first_y + asker->row - rows;
  if (asker->row < rows) {
    asker->line = input_row(loop, cell, asker->row, &floats);
  } else if (y >= cell->first_y && y < cell->end_y) {
    int from = MAX(loop->first_x, cell->first_x), to = MIN(loop->last_x + 1, cell->end_x);
    asker->line =
        loop->sums + (size_t)(cell->pixel + y * loop->plan->window.out_w + from) * loop->stride;
    floats = (size_t)MAX(to - from, 0) * loop->stride;
  }
  asker->left = (int)((floats + LINE - 1) / LINE);
  asker->row++;
  if (y == loop->last_y) {
    asker->row = 0;
    asker->cell++;
  }
  return TRUE;
}

/* Some more lines. */
static int
ask_some(const Loop *loop, Asker *asker, const float **ask, int most)
{
  int n = 0;
  while (n < most && (asker->left > 0 || ask_for_row(loop, asker))) {
    int some = MIN(asker->left, most - n);
    for (int i = 0; i < some; i++)
      ask[n + i] = asker->line + i * LINE;
    asker->line += some * LINE;
    asker->left -= some;
    n += some;
  }
  return n;
}

/* Puts the cells' deltas side by side. */
static void
gather(const Loop *loop, Batch *batch, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  const DcnFirstShape *shape = loop->shape;
  size_t row = (size_t)(shape->w * plan->c), from = (size_t)(shape->x * plan->c);
  float *to = worker->floats;
  batch->deltas = to;
  for (const Cell *cell = batch->cells; cell < batch->cells + batch->n; cell++) {
    if (cell->untested) { /* all of it is the rectangle */
      dcn_first_test_cell(job, plan, cell->band, cell->column, (DcnDeltas){to, row});
      to += row * (size_t)shape->h;
      continue;
    }
    for (int y = shape->y; y < shape->y + shape->h; y++, to += row)
      memcpy(to, cell->deltas.first + (size_t)y * cell->deltas.pitch + from, sizeof *to * row);
  }
  batch->nowhere = to;
  memset(to, 0, sizeof *to * (size_t)plan->m);
}

size_t
dcn_first_batch_floats(const DcnFirstPlan *plan)
{
  return (size_t)(plan->cell_w * plan->cell_h * plan->c) * TOGETHER + (size_t)plan->m;
}

/* Outputs at the same place beside each of some cells. */
typedef struct {
  int n, active;       /* active: outputs that are the part's */
  const float *deltas; /* those that the first sees */
  float *out[TOGETHER];
} Aim;

/* The outputs at place (x, y), the taps that they see, and the first of their weights. */
static void
aim_at(const Loop *loop, const Batch *batch, int x, int y, DcnPatch *patch, size_t *weight,
       Aim *aim)
{
  const DcnFirstPlan *plan = loop->plan;
  const DcnFirstShape *shape = loop->shape;
  const DcnWindow *win = &plan->window;
  int top = y * plan->stride_h - plan->pad_top, left = x * win->step + win->first_column;
  int inner_y = MAX(top, shape->y), inner_x = MAX(left, shape->x); /* in the cell */
  patch->rows = MIN(top + win->kh, shape->y + shape->h) - inner_y;
  patch->n = (MIN(left + win->kw, shape->x + shape->w) - inner_x) * plan->c;
  *weight = (size_t)((inner_y - top) * win->kw + (inner_x - left)) * (size_t)plan->c;
  ptrdiff_t pixel = (ptrdiff_t)y * win->out_w + x;
  aim->deltas = batch->deltas + (size_t)(inner_y - shape->y) * patch->ldd +
                (size_t)((inner_x - shape->x) * plan->c);
  if (batch->inside) {
    for (int i = 0; i < batch->n; i++)
      aim->out[i] = loop->sums + (batch->cells[i].pixel + pixel) * (ptrdiff_t)loop->stride;
    aim->n = aim->active = batch->n;
    return;
  }
  aim->active = 0;
  int first = batch->n, end = 0; /* of those that are the part's; in between may be others */
  for (int i = 0; i < batch->n; i++) {
    const Cell *cell = &batch->cells[i];
    gboolean within =
        y >= cell->first_y && y < cell->end_y && x >= cell->first_x && x < cell->end_x;
    if (within)
      end = i + 1;
    if (within && first > i)
      first = i;
    aim->active += within;
    aim->out[i] =
        within ? loop->sums + (cell->pixel + pixel) * (ptrdiff_t)loop->stride : batch->nowhere;
  }
  aim->n = MAX(end - first, 0);
  for (int i = 0; first > 0 && i < aim->n; i++)
    aim->out[i] = aim->out[first + i];
  if (aim->n > 0)
    aim->deltas += (size_t)first * patch->step;
}

/* All that the cells add to the part's outputs: from the last place beside a cell to the first, so that what an output gets
 * comes cell by cell as they lie, whichever of them are worked at together. */
static void
add_cells(const Loop *loop, const Batch *batch, Asker *asker, DcnWorker *worker)
{
  const DcnFirstPlan *plan = loop->plan;
  const DcnKernels *k = loop->job->kernels;
  size_t row = (size_t)(loop->shape->w * plan->c);
  DcnPatch patch = {.ldd = row,
                    .step = row * (size_t)loop->shape->h,
                    .ldw = (size_t)plan->row_floats * (size_t)k->nr};
  uint64_t done = 0, all = loop->work * (uint64_t)plan->blocks;
  for (int y = loop->last_y; y >= loop->first_y; y--)
    for (int x = loop->last_x; x >= loop->first_x; x--) {
      Aim aim;
      size_t weight;
      aim_at(loop, batch, x, y, &patch, &weight, &aim);
      uint64_t multiplies = (uint64_t)patch.rows * (uint64_t)patch.n;
      for (int b = 0; b < plan->blocks; b++) {
        const float *ask[ASK_MOST];
        done += multiplies;
        uint64_t wanted = asker->lines * done / all;
        int asks = 0;
        if (wanted > asker->asked)
          asks = ask_some(loop, asker, ask, (int)MIN(wanted - asker->asked, ASK_MOST));
        asker->asked += (uint64_t)asks;
        patch.w = plan->weights + (size_t)b * plan->block_floats + weight * (size_t)k->nr;
        k->pgemm(aim.deltas, &patch, aim.out, (size_t)(b * k->nr), aim.n,
                 MIN(k->nr, plan->m - b * k->nr), ask, asks);
      }
      worker->macs += multiplies * (uint64_t)aim.active * (uint64_t)plan->m;
    }
}

static void
parts(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  DcnWorker *worker = dcn_worker(loop->job, number);
  Walk walk = {.part = begin - 1, .end_part = end};
  Batch batches[2], *batch = &batches[0], *next = &batches[1];
  for (gboolean more = next_batch(loop, &walk, batch); more;) {
    Asker asker;
    more = next_batch(loop, &walk, next);
    if (!more)
      next->n = 0;
    start_asking(loop, &asker, next);
    gather(loop, batch, worker);
    add_cells(loop, batch, &asker, worker);
    worker->blocks_dgemm++;
    Batch *done = batch;
    batch = next;
    next = done;
  }
}

/* Cuts at bands, such that each part has some cells in its bands. */
static int
cut_into_parts(const DcnFirstShape *shape, int bands, int threads, int32_t *first)
{
  int n = 0, least = threads == 1 ? shape->n_cells : MAX(PART_CELLS, shape->n_cells / PARTS_MOST);
  first[0] = 0;
  for (int i = 1, begin = 0; i < shape->n_cells; i++)
    if (i - begin >= least && dcn_band_of(shape->cells[i]) > dcn_band_of(shape->cells[i - 1])) {
      first[++n] = dcn_band_of(shape->cells[i]);
      begin = i;
    }
  first[++n] = bands;
  return n;
}

/* Of `kernel` taps, `stride` apart, how many fall into [begin, end) for the outputs first to last. */
static int
taps_within(int first, int last, int stride, int pad, int kernel, int begin, int end)
{
  int taps = 0;
  for (int o = first; o <= last; o++)
    taps += MIN(o * stride - pad + kernel, end) - MAX(o * stride - pad, begin);
  return taps;
}

/* Whether cells of a band see outputs of two parts. */
static gboolean
crosses(const Loop *loop, int band)
{
  int above = divide_down(loop->first_y, loop->down), below = divide_down(loop->last_y, loop->down);
  for (int i = 1; i < loop->n_parts; i++)
    if (band + above < loop->parts[i] && loop->parts[i] <= band + below)
      return TRUE;
  return FALSE;
}

/* Items are bands: tests what two parts will add, as only one could test it later. */
static void
test_crossing(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  (void)number;
  for (int band = begin; band < end; band++)
    if (crosses(loop, band))
      dcn_first_test_band(loop->job, loop->plan, band, NULL);
}

void
dcn_first_add_patches(const DcnJob *job, const DcnFirstPatches *patches, float *sums, size_t stride)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnWindow *win = &plan->window;
  int sh = plan->stride_h, sw = win->step, pad_left = -win->first_column;
  for (int i = 0; i < patches->n_shapes; i++) {
    const DcnFirstShape *s = &patches->shapes[i];
    if (s->n_cells == 0)
      continue;
    Loop loop = {.job = job,
                 .plan = plan,
                 .shape = s,
                 .parts = patches->found,
                 .sums = sums,
                 .stride = stride};
    loop.first_y = divide_down(s->y + plan->pad_top - win->kh, sh) + 1;
    loop.last_y = divide_down(s->y + s->h - 1 + plan->pad_top, sh);
    loop.first_x = divide_down(s->x + pad_left - win->kw, sw) + 1;
    loop.last_x = divide_down(s->x + s->w - 1 + pad_left, sw);
    loop.across = plan->cell_w / sw;
    loop.down = plan->cell_h / sh;
    loop.work =
        (uint64_t)taps_within(loop.first_y, loop.last_y, sh, plan->pad_top, win->kh, s->y,
                              s->y + s->h) *
        (uint64_t)taps_within(loop.first_x, loop.last_x, sw, pad_left, win->kw, s->x, s->x + s->w) *
        (uint64_t)plan->c;
    int bands = job->in->net->n * plan->bands, threads = job->state->threads;
    loop.n_parts = cut_into_parts(s, bands, threads, patches->found);
    if (loop.n_parts > 1 && job->state->untested.used)
      dcn_parallel_for(threads, bands, 1, test_crossing, &loop);
    dcn_parallel_for(threads, loop.n_parts, 1, parts, &loop);
  }
  uint64_t macs = 0;
  for (int i = 0; i < job->state->n_workers; i++)
    macs += job->state->workers[i]->macs;
  dcn_worker(job, 0)->cost +=
      (uint64_t)((job->kernels->nr >= 32 ? PATCH_COST_WIDE : PATCH_COST) * (double)macs);
}
