/* deltacnn: first layers: changes that fill rectangles, as those of a codec's blocks do.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image is cut into cells of some 16x16 pixels, whole numbers of strides.  Where cells changed in the same way, the
 * outputs at the same place beside each of them see the same taps of what changed: so these are one matrix product, in
 * which sums stay in registers for all of the taps.  What is left, changes here and there, goes tap by tap
 * (first-deltas.c).
 *
 * Cells lie in bands, and so do the outputs: a part of the work is the outputs of some bands, and all that is added to
 * them.  Which these are depends on counts alone, so that any number of threads adds in the same order. */
#include "net/first.h"
#include "util/parallel.h"
#include <string.h>

/* Pixels of a cell's row or column, at least. */
#define CELL 16
/* A rectangle is taken for changed where this share of it is: tap by tap it would take as long. */
#define FILLED 0.8
/* Fewer cells that are alike are not worth while. */
#define ALIKE_LEAST 6
/* Nor are cells in which fewer pixels changed; and where of so many cells few are a rectangle, no others are looked at. */
#define LEAST_PIXELS 16
#define LOOK_LEAST   256
#define LOOK_SHARE   0.1
/* Cells in a part of the work, at least; most parts, about; cells worked at together: their outputs and deltas stay in the
 * second-level cache, and those of the next ones. */
#define PART_CELLS 48
#define PARTS_MOST 16
#define TOGETHER   12
/* Deltas are packed after a run in which so much of what changed was in rectangles. */
#define WORTH_SHARE 0.5
/* Of more of the image too many cells of a band are touched. */
#define WORTH_MOST 0.25
/* What a multiply takes in those of igemm. */
#define PATCH_COST 1.15
/* Cache lines asked for by a call of the kernel. */
#define ASK_MOST 256

int
dcn_first_cell(int stride)
{
  return (CELL + stride - 1) / stride * stride;
}

static inline int
band_of(int32_t cell)
{
  return cell >> 16;
}

/* The number of the shape, which is new perhaps; -1: there are too many. */
static int
find_shape(DcnFirstPatches *patches, DcnFirstShape shape)
{
  for (int i = patches->n_shapes - 1; i >= 0; i--) {
    const DcnFirstShape *s = &patches->shapes[i];
    if (s->x == shape.x && s->y == shape.y && s->w == shape.w && s->h == shape.h &&
        s->packed == shape.packed)
      return i;
  }
  if (patches->n_shapes == DCN_FIRST_SHAPES)
    return -1;
  patches->shapes[patches->n_shapes] = shape;
  patches->shapes[patches->n_shapes].count = 0;
  return patches->n_shapes++;
}

/* What changed in a cell; w is 0 where that is no rectangle. */
static DcnFirstShape
shape_of(const DcnJob *job, const DcnFirstPlan *plan, int row, int rows, int x)
{
  const DcnValueState *in = job->in;
  int words = in->net->row_words, columns = MIN(plan->cell_w, in->net->w - x), top = -1, end = 0,
      count = 0;
  uint64_t mask = dcn_bits_last(columns), any = 0;
  for (int y = 0; y < rows; y++) {
    if (in->row_changed[row + y] == 0)
      continue;
    uint64_t bits = dcn_bits_at(in->bits + (size_t)(row + y) * words, words, x) & mask;
    if (bits == 0)
      continue;
    any |= bits;
    count += bits == mask ? columns : dcn_bits_count(bits);
    top = top < 0 ? y : top;
    end = y + 1;
  }
  if (count < LEAST_PIXELS)
    return (DcnFirstShape){.w = 0};
  if (count >= FILLED * plan->cell_w * plan->cell_h)
    return (DcnFirstShape){.w = columns, .h = rows, .count = count};
  int left = __builtin_ctzll(any), width = 64 - __builtin_clzll(any) - left;
  if (count < FILLED * width * (end - top))
    return (DcnFirstShape){.w = 0};
  return (DcnFirstShape){.x = left, .y = top, .w = width, .h = end - top, .count = count};
}

/* All of the rectangle will be multiplied: deltas of what did not change are to be 0.  deltas: the cell's, rows `pitch`
 * floats apart. */
static void
clear_gaps(const DcnJob *job, int row, int x, const DcnFirstShape *shape, float *deltas,
           size_t pitch)
{
  const DcnValueState *in = job->in;
  int words = in->net->row_words, c = in->net->c;
  for (int i = shape->y; i < shape->y + shape->h; i++) {
    int y = row + i;
    uint64_t gaps = dcn_bits_last(shape->w);
    if (in->row_changed[y])
      gaps &= ~dcn_bits_at(in->bits + (size_t)y * words, words, x + shape->x);
    float *delta = deltas + (size_t)i * pitch + (size_t)shape->x * (size_t)c;
    for (; gaps; gaps &= gaps - 1)
      memset(delta + __builtin_ctzll(gaps) * c, 0, sizeof *delta * (size_t)c);
  }
}

/* Where a cell's deltas begin, and from one row of them to the next. */
static inline float *
cell_deltas(const DcnJob *job, const DcnFirstPlan *plan, gboolean packed, int band, int column)
{
  if (packed)
    return dcn_packed_slot(&job->state->packed, band, column);
  const DcnWindow *win = &plan->window;
  size_t row = (size_t)(band / plan->bands) * (size_t)win->in_h +
               (size_t)(band % plan->bands) * (size_t)plan->cell_h;
  return job->in->delta +
         (row * (size_t)win->in_w + (size_t)column * (size_t)plan->cell_w) * (size_t)plan->c;
}

static inline size_t
row_floats(const DcnJob *job, const DcnFirstPlan *plan, gboolean packed)
{
  return packed ? job->state->packed.pitch : (size_t)job->in->net->w * (size_t)plan->c;
}

/* Cells of a band in which something changed, of which columns[] tells.  Appends them and their shapes. */
static int
find_in_band(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstPatches *patches, int band,
             int row, int rows, const uint64_t *columns, int count)
{
  const DcnPacked *packed = &job->state->packed;
  int words = job->in->net->row_words, w = job->in->net->w, step = plan->cell_w;
  for (int x = 0, number = 0; x < w; x += step, number++) {
    while (columns[x >> 6] == 0 && (x & 63) + step <= 64 && x + step < w)
      x += step, number++;
    if ((dcn_bits_at(columns, words, x) & dcn_bits_last(step)) == 0)
      continue;
    patches->looked++;
    DcnFirstShape shape = shape_of(job, plan, row, rows, x);
    shape.packed = dcn_packed_has(packed, band, number);
    int number_of_shape = shape.w ? find_shape(patches, shape) : -1;
    if (number_of_shape < 0)
      continue;
    patches->shapes[number_of_shape].n_cells++;
    patches->shapes[number_of_shape].count += shape.count;
    if (shape.count < shape.w * shape.h)
      clear_gaps(job, row, x, &shape, cell_deltas(job, plan, shape.packed, band, number),
                 row_floats(job, plan, shape.packed));
    patches->found[count] = band << 16 | number;
    patches->shape_of[count++] = number_of_shape;
  }
  return count;
}

/* Sorts the cells by shape; those whose shape is rare are left out. */
static void
sort_cells(DcnFirstPatches *patches, int count)
{
  int32_t *next[DCN_FIRST_SHAPES], *at = patches->cells;
  for (int i = 0; i < patches->n_shapes; i++) {
    DcnFirstShape *shape = &patches->shapes[i];
    if (shape->n_cells < ALIKE_LEAST)
      shape->n_cells = shape->count = 0;
    patches->taken += shape->count;
    shape->cells = next[i] = at;
    at += shape->n_cells;
  }
  for (int i = 0; i < count; i++)
    if (patches->shapes[patches->shape_of[i]].n_cells > 0)
      *next[patches->shape_of[i]]++ = patches->found[i];
}

/* Deltas that were packed and go tap by tap are put to those of the pixels. */
static void
unpack_rest(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstPatches *patches)
{
  const DcnPacked *packed = &job->state->packed;
  const DcnValueState *in = job->in;
  int row_words = in->net->row_words;
  size_t words = (size_t)packed->words, pitch = row_floats(job, plan, FALSE);
  memset(packed->taken, 0, sizeof *packed->taken * words * (size_t)packed->bands);
  for (int i = 0; i < patches->n_shapes; i++) {
    const DcnFirstShape *shape = &patches->shapes[i];
    for (int j = 0; shape->packed && j < shape->n_cells; j++) {
      int column = shape->cells[j] & 0xffff;
      packed->taken[(size_t)band_of(shape->cells[j]) * words + (column >> 6)] |= UINT64_C(1)
                                                                                 << (column & 63);
    }
  }
  for (int band = 0; band < packed->bands; band++) {
    int top = band % plan->bands * plan->cell_h, rows = MIN(plan->cell_h, in->net->h - top);
    int row = band / plan->bands * in->net->h + top;
    for (size_t i = 0; i < words; i++) {
      size_t at = (size_t)band * words + i;
      for (uint64_t left = packed->cells[at] & ~packed->taken[at]; left; left &= left - 1) {
        int column = (int)i * 64 + __builtin_ctzll(left), x = column * plan->cell_w;
        int w = MIN(plan->cell_w, in->net->w - x);
        const float *from = dcn_packed_slot(packed, band, column);
        float *to = cell_deltas(job, plan, FALSE, band, column);
        for (int y = row; y < row + rows; y++, from += packed->pitch, to += pitch)
          if (in->row_changed[y] &&
              (dcn_bits_at(in->bits + (size_t)y * row_words, row_words, x) & dcn_bits_last(w)))
            memcpy(to, from, sizeof *to * (size_t)w * (size_t)plan->c);
      }
    }
  }
}

/* Takes what the cells hold out of the bits of the rest. */
static void
take_out(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstPatches *patches)
{
  DcnValueState *in = job->in;
  int words = in->net->row_words;
  for (int i = 0; i < patches->n_shapes; i++) {
    const DcnFirstShape *shape = &patches->shapes[i];
    for (int j = 0; j < shape->n_cells; j++) {
      int band = band_of(shape->cells[j]), x = (shape->cells[j] & 0xffff) * plan->cell_w + shape->x;
      int row = band / plan->bands * in->net->h + band % plan->bands * plan->cell_h + shape->y;
      int shift = x & 63;
      uint64_t mask = dcn_bits_last(shape->w);
      for (int y = row; y < row + shape->h; y++) {
        uint64_t *bits = patches->rest + (size_t)y * words + (x >> 6);
        bits[0] &= ~(mask << shift);
        if (shift + shape->w > 64)
          bits[1] &= ~(mask >> (64 - shift));
      }
    }
  }
}

void
dcn_first_find_patches(const DcnJob *job, DcnFirstPatches *patches)
{
  const DcnFirstPlan *plan = job->op->plan;
  DcnState *state = job->state;
  DcnValueState *in = job->in;
  const DcnNetValue *nv = in->net;
  int words = nv->row_words, count = 0, n_rows = nv->n * nv->h;
  int most = plan->bands * nv->n * ((nv->w - 1) / plan->cell_w + 1);
  *patches = (DcnFirstPatches){.found = state->order,
                               .shape_of = state->order + most,
                               .cells = state->order + 2 * (size_t)most};
  for (int band = 0; band < nv->n * plan->bands; band++) {
    int y = band % plan->bands * plan->cell_h, row = band / plan->bands * nv->h + y;
    int rows = MIN(plan->cell_h, nv->h - y);
    gboolean any = FALSE;
    for (int i = row; i < row + rows; i++) {
      if (in->row_changed[i] == 0)
        continue;
      const uint64_t *bits = in->bits + (size_t)i * words;
      for (int j = 0; j < words; j++)
        state->row_bits[j] = any ? state->row_bits[j] | bits[j] : bits[j];
      any = TRUE;
    }
    if (patches->looked >= LOOK_LEAST && count < LOOK_SHARE * patches->looked)
      break;
    if (any)
      count = find_in_band(job, plan, patches, band, row, rows, state->row_bits, count);
  }
  sort_cells(patches, count);
  state->packed.worth =
      patches->taken >= WORTH_SHARE * in->n_changed && in->n_changed < WORTH_MOST * nv->pixels;
  if (patches->taken == in->n_changed)
    return;
  if (state->packed.used)
    unpack_rest(job, plan, patches);
  patches->rest = state->marks;
  for (int i = 0; i < n_rows; i++)
    if (in->row_changed[i])
      memcpy(patches->rest + (size_t)i * words, in->bits + (size_t)i * words,
             sizeof *in->bits * (size_t)words);
  take_out(job, plan, patches);
}

/* The cells of a part in which a shape changed, TOGETHER at a time. */
typedef struct {
  const DcnJob *job;
  const DcnFirstPlan *plan;
  const DcnFirstShape *shape;
  const int32_t *parts; /* the first band of each, and the end of the last */
  float *sums;
  size_t stride;
  int first_y, last_y, first_x, last_x; /* outputs that see a cell, counted from its own first */
  int across, down;                     /* outputs of a cell */
  size_t ldd;                           /* deltas from one row of a cell to the next */
  uint64_t work;                        /* multiplies for a cell and an output channel */
} Loop;

/* A cell, and which of the outputs that see it are the part's: rows and columns counted from the cell's own first. */
typedef struct {
  const float *delta;
  ptrdiff_t pixel; /* the number of that output */
  int first_y, end_y, first_x, end_x;
} Cell;

/* Cells that are worked at together. */
typedef struct {
  int n;
  Cell cells[TOGETHER];
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
    if (band_of(shape->cells[middle]) < band)
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
  int band = band_of(cell), column = cell & 0xffff, image = band / plan->bands,
      local = band - image * plan->bands;
  int y = local * loop->down, x = column * loop->across;
  return (Cell){
      .delta = cell_deltas(loop->job, plan, loop->shape->packed, band, column),
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
  for (int i = 0; i < batch->n; i++)
    batch->cells[i] = look_at(loop, shape->cells[walk->cell++], loop->parts[walk->part],
                              loop->parts[walk->part + 1]);
  return TRUE;
}

/* What the next cells need is asked for while others are at work: outputs and deltas of a cell row by row. */
typedef struct {
  const Batch *batch;
  int cell, row;
  uint64_t lines, asked; /* of all, about; of which were asked for */
} Asker;

#define LINE 16 /* floats */

static void
start_asking(const Loop *loop, Asker *asker, const Batch *batch)
{
  const DcnFirstShape *shape = loop->shape;
  int outputs = (loop->last_y - loop->first_y + 1) * (loop->last_x - loop->first_x + 1);
  *asker = (Asker){.batch = batch};
  asker->lines =
      (uint64_t)batch->n * ((uint64_t)outputs * (loop->stride / LINE + 1) +
                            (uint64_t)shape->h * (uint64_t)(shape->w * loop->plan->c / LINE + 1));
}

/* Some more lines. */
static int
ask_some(const Loop *loop, Asker *asker, const float **ask, int most)
{
  const DcnFirstShape *shape = loop->shape;
  const DcnFirstPlan *plan = loop->plan;
  int rows = loop->last_y - loop->first_y + 1, n = 0;
  while (n < most && asker->cell < asker->batch->n) {
    const Cell *cell = &asker->batch->cells[asker->cell];
    const float *line = NULL;
    size_t floats = 0;
    int y = loop->first_y + asker->row;
    if (asker->row >= rows) {
      size_t row = (size_t)(shape->y + asker->row - rows);
      line = cell->delta + row * loop->ldd + (size_t)(shape->x * plan->c);
      floats = (size_t)(shape->w * plan->c);
    } else if (y >= cell->first_y && y < cell->end_y) {
      int from = MAX(loop->first_x, cell->first_x), to = MIN(loop->last_x + 1, cell->end_x);
      line = loop->sums + (size_t)(cell->pixel + y * plan->window.out_w + from) * loop->stride;
      floats = (size_t)MAX(to - from, 0) * loop->stride;
    }
    for (const float *end = line + floats; line < end && n < ASK_MOST; line += LINE)
      ask[n++] = line;
    if (++asker->row == rows + shape->h) {
      asker->row = 0;
      asker->cell++;
    }
  }
  return n;
}

typedef struct {
  int n;
  const float *d[TOGETHER];
  float *out[TOGETHER];
} Aim;

/* Of the outputs at place (x, y) beside each of the cells: the taps that they see, and pointers to these and to the
 * sums. */
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
  size_t delta = (size_t)inner_y * loop->ldd + (size_t)(inner_x * plan->c);
  ptrdiff_t pixel = (ptrdiff_t)y * win->out_w + x;
  int n = 0;
  for (const Cell *cell = batch->cells; cell < batch->cells + batch->n; cell++) {
    aim->d[n] = cell->delta + delta;
    aim->out[n] = loop->sums + (cell->pixel + pixel) * (ptrdiff_t)loop->stride;
    n += y >= cell->first_y && y < cell->end_y && x >= cell->first_x && x < cell->end_x;
  }
  aim->n = n;
}

/* All that the cells add to the part's outputs. */
static void
add_cells(const Loop *loop, const Batch *batch, Asker *asker, DcnWorker *worker)
{
  const DcnFirstPlan *plan = loop->plan;
  const DcnKernels *k = loop->job->kernels;
  DcnPatch patch = {.ldd = loop->ldd, .ldw = (size_t)plan->row_floats * (size_t)k->nr};
  uint64_t done = 0, all = loop->work * (uint64_t)plan->blocks;
  for (int y = loop->first_y; y <= loop->last_y; y++)
    for (int x = loop->first_x; x <= loop->last_x; x++) {
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
        k->pgemm(aim.d, &patch, aim.out, (size_t)(b * k->nr), aim.n,
                 MIN(k->nr, plan->m - b * k->nr), ask, asks);
      }
      uint64_t macs = multiplies * (uint64_t)aim.n * (uint64_t)plan->m;
      worker->macs += macs;
      worker->cost += (uint64_t)(PATCH_COST * (double)macs);
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
    add_cells(loop, batch, &asker, worker);
    worker->blocks_dgemm++;
    Batch *done = batch;
    batch = next;
    next = done;
  }
}

/* Cuts at bands, such that each part has some cells in its bands. */
static int
cut_into_parts(const DcnFirstShape *shape, int bands, int32_t *first)
{
  int n = 0, least = MAX(PART_CELLS, shape->n_cells / PARTS_MOST);
  first[0] = 0;
  for (int i = 1, begin = 0; i < shape->n_cells; i++)
    if (i - begin >= least && band_of(shape->cells[i]) > band_of(shape->cells[i - 1])) {
      first[++n] = band_of(shape->cells[i]);
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
    Loop loop = {job, plan, s, patches->found, sums, stride};
    loop.first_y = divide_down(s->y + plan->pad_top - win->kh, sh) + 1;
    loop.last_y = divide_down(s->y + s->h - 1 + plan->pad_top, sh);
    loop.first_x = divide_down(s->x + pad_left - win->kw, sw) + 1;
    loop.last_x = divide_down(s->x + s->w - 1 + pad_left, sw);
    loop.across = plan->cell_w / sw;
    loop.down = plan->cell_h / sh;
    loop.ldd = row_floats(job, plan, s->packed);
    loop.work =
        (uint64_t)taps_within(loop.first_y, loop.last_y, sh, plan->pad_top, win->kh, s->y,
                              s->y + s->h) *
        (uint64_t)taps_within(loop.first_x, loop.last_x, sw, pad_left, win->kw, s->x, s->x + s->w) *
        (uint64_t)plan->c;
    int n = cut_into_parts(s, job->in->net->n * plan->bands, patches->found);
    dcn_parallel_for(job->state->threads, n, 1, parts, &loop);
  }
}
