/* deltacnn: first layers: what cells that changed in the same way add, as matrix products.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See first-patches.c, which finds them.  Some of them are worked at together: their deltas are copied side by side, so
 * that one pointer serves all. */
#include "net/first-batches.h"
#include "util/parallel.h"
#include <string.h>

/* Cells in a part of the work, at least; most parts, about. */
#define PART_CELLS 48
#define PARTS_MOST 16
/* What a multiply takes in those of igemm, of wide vectors and others (study-layer). */
#define PATCH_COST_WIDE 1.0
#define PATCH_COST      1.15

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
static DcnBatchCell
look_at(const DcnBatches *batches, int32_t cell, int first, int end)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnWindow *win = &plan->window;
  int band = dcn_band_of(cell), column = cell & 0xffff, image = band / plan->bands,
      local = band - image * plan->bands;
  int y = local * batches->down, x = column * batches->across;
  return (DcnBatchCell){
      .band = band,
      .column = column,
      .untested = dcn_untested_has(&batches->job->state->untested, band, column),
      .deltas = dcn_pixel_deltas(batches->job, plan, band, column),
      .pixel = ((ptrdiff_t)image * win->out_h + y) * win->out_w + x,
      .first_y = MAX((first - band) * batches->down, -y),
      .end_y = MIN((end - band) * batches->down, win->out_h - y),
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
next_batch(const DcnBatches *batches, Walk *walk, DcnBatch *batch)
{
  const DcnFirstShape *shape = batches->shape;
  for (; walk->cell == walk->end; walk->part++) {
    if (walk->part + 1 >= walk->end_part)
      return FALSE;
    walk->cell = cell_of_band(shape, batches->parts[walk->part + 1] -
                                         dcn_divide_down(batches->last_y, batches->down));
    walk->end = cell_of_band(shape, batches->parts[walk->part + 2] -
                                        dcn_divide_down(batches->first_y, batches->down));
  }
  batch->n = MIN(DCN_BATCH_CELLS, walk->end - walk->cell);
  batch->inside = TRUE;
  for (int i = 0; i < batch->n; i++) {
    DcnBatchCell *cell = &batch->cells[i];
    *cell = look_at(batches, shape->cells[walk->cell++], batches->parts[walk->part],
                    batches->parts[walk->part + 1]);
    batch->inside &= cell->first_y <= batches->first_y && batches->last_y < cell->end_y &&
                     cell->first_x <= batches->first_x && batches->last_x < cell->end_x;
  }
  return TRUE;
}

/* Puts the cells' deltas side by side. */
static void
gather(const DcnBatches *batches, DcnBatch *batch, DcnWorker *worker)
{
  const DcnJob *job = batches->job;
  const DcnFirstPlan *plan = batches->plan;
  const DcnFirstShape *shape = batches->shape;
  size_t row = (size_t)(shape->w * plan->c), from = (size_t)(shape->x * plan->c);
  float *to = worker->floats;
  batch->deltas = to;
  for (const DcnBatchCell *cell = batch->cells; cell < batch->cells + batch->n; cell++) {
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
  return (size_t)(plan->cell_w * plan->cell_h * plan->c) * DCN_BATCH_CELLS + (size_t)plan->m;
}

/* Outputs at the same place beside each of some cells. */
typedef struct {
  int n, active;       /* active: outputs that are the part's */
  const float *deltas; /* those that the first sees */
  float *out[DCN_BATCH_CELLS];
} Aim;

/* The outputs at place (x, y), the taps that they see, and the first of their weights. */
static void
aim_at(const DcnBatches *batches, const DcnBatch *batch, int x, int y, DcnPatch *patch,
       size_t *weight, Aim *aim)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnFirstShape *shape = batches->shape;
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
      aim->out[i] = batches->sums + (batch->cells[i].pixel + pixel) * (ptrdiff_t)batches->stride;
    aim->n = aim->active = batch->n;
    return;
  }
  aim->active = 0;
  int first = batch->n, end = 0; /* of those that are the part's; in between may be others */
  for (int i = 0; i < batch->n; i++) {
    const DcnBatchCell *cell = &batch->cells[i];
    gboolean within =
        y >= cell->first_y && y < cell->end_y && x >= cell->first_x && x < cell->end_x;
    if (within)
      end = i + 1;
    if (within && first > i)
      first = i;
    aim->active += within;
    aim->out[i] = within ? batches->sums + (cell->pixel + pixel) * (ptrdiff_t)batches->stride
                         : batch->nowhere;
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
add_cells(const DcnBatches *batches, const DcnBatch *batch, DcnAsker *asker, DcnWorker *worker)
{
  const DcnFirstPlan *plan = batches->plan;
  const DcnKernels *k = batches->job->kernels;
  size_t row = (size_t)(batches->shape->w * plan->c);
  DcnPatch patch = {.ldd = row,
                    .step = row * (size_t)batches->shape->h,
                    .ldw = (size_t)plan->row_floats * (size_t)k->nr};
  uint64_t done = 0;
  for (int y = batches->last_y; y >= batches->first_y; y--)
    for (int x = batches->last_x; x >= batches->first_x; x--) {
      Aim aim;
      size_t weight;
      aim_at(batches, batch, x, y, &patch, &weight, &aim);
      uint64_t multiplies = (uint64_t)patch.rows * (uint64_t)patch.n;
      for (int b = 0; b < plan->blocks; b++) {
        const float *ask[DCN_ASK_MOST];
        done += multiplies;
        int asks = dcn_asker_next(batches, asker, done, ask);
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
  const DcnBatches *batches = context;
  DcnWorker *worker = dcn_worker(batches->job, number);
  Walk walk = {.part = begin - 1, .end_part = end};
  DcnBatch ring[2], *batch = &ring[0], *next = &ring[1];
  for (gboolean more = next_batch(batches, &walk, batch); more;) {
    DcnAsker asker;
    more = next_batch(batches, &walk, next);
    if (!more)
      next->n = 0;
    dcn_asker_start(batches, &asker, next);
    if (batches->points) {
      dcn_first_points_gather(batches, batch, worker);
      dcn_first_points_add(batches, batch, &asker, worker);
    } else {
      gather(batches, batch, worker);
      add_cells(batches, batch, &asker, worker);
    }
    worker->blocks_dgemm++;
    DcnBatch *done = batch;
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
crosses(const DcnBatches *batches, int band)
{
  int above = dcn_divide_down(batches->first_y, batches->down),
      below = dcn_divide_down(batches->last_y, batches->down);
  for (int i = 1; i < batches->n_parts; i++)
    if (band + above < batches->parts[i] && batches->parts[i] <= band + below)
      return TRUE;
  return FALSE;
}

/* Items are bands: tests what two parts will add, as only one could test it later. */
static void
test_crossing(void *context, int begin, int end, int number)
{
  const DcnBatches *batches = context;
  (void)number;
  for (int band = begin; band < end; band++)
    if (crosses(batches, band))
      dcn_first_test_band(batches->job, batches->plan, band, NULL);
}

static double
macs_done(const DcnJob *job)
{
  uint64_t macs = 0;
  for (int i = 0; i < job->state->n_workers; i++)
    macs += job->state->workers[i]->macs;
  return (double)macs;
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
    DcnBatches batches = {.job = job,
                          .plan = plan,
                          .shape = s,
                          .parts = patches->found,
                          .sums = sums,
                          .stride = stride};
    batches.first_y = dcn_divide_down(s->y + plan->pad_top - win->kh, sh) + 1;
    batches.last_y = dcn_divide_down(s->y + s->h - 1 + plan->pad_top, sh);
    batches.first_x = dcn_divide_down(s->x + pad_left - win->kw, sw) + 1;
    batches.last_x = dcn_divide_down(s->x + s->w - 1 + pad_left, sw);
    batches.across = plan->cell_w / sw;
    batches.down = plan->cell_h / sh;
    batches.work = (uint64_t)taps_within(batches.first_y, batches.last_y, sh, plan->pad_top,
                                         win->kh, s->y, s->y + s->h) *
                   (uint64_t)taps_within(batches.first_x, batches.last_x, sw, pad_left, win->kw,
                                         s->x, s->x + s->w) *
                   (uint64_t)plan->c;
    batches.points = dcn_first_points_fit(&batches, &batches.work);
    int bands = job->in->net->n * plan->bands, threads = job->state->threads;
    batches.n_parts = cut_into_parts(s, bands, threads, patches->found);
    if (batches.n_parts > 1 && job->state->untested.used)
      dcn_parallel_for(threads, bands, 1, test_crossing, &batches);
    double cost = job->kernels->nr >= 32 ? PATCH_COST_WIDE : PATCH_COST, before = macs_done(job);
    dcn_parallel_for(threads, batches.n_parts, 1, parts, &batches);
    dcn_worker(job, 0)->cost +=
        (uint64_t)((batches.points ? DCN_POINTS_COST * cost : cost) * (macs_done(job) - before));
  }
}
