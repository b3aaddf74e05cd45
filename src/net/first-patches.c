/* deltacnn: first layers: changes that fill rectangles, as those of a codec's blocks do.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The image is cut into cells of some 16x16 pixels, whole numbers of strides.  Where cells changed in the same way, the
 * outputs at the same place beside each of them see the same taps of what changed: so these are one matrix product, in
 * which sums stay in registers for all of the taps.  What is left, changes here and there, goes tap by tap
 * (first-deltas.c).
 *
 * Cells lie in bands, and so do the outputs: a part of the work is the outputs of some bands, and all that is added to
 * them (first-batches.c). */
#include "net/first-cells.h"
#include <string.h>

/* Pixels of a cell's row or column, at least. */
#define CELL 16
/* A rectangle is taken for changed where this share of it is: tap by tap it would take as long. */
#define FILLED 0.8
/* With fewer multiplies for whole cells (first-points.c) this share would do; but what is left goes tap by tap, and takes
 * nearly as long for a few pixels here and there as for all.  So of so many cells at most one may be left. */
#define HALF      0.45
#define HALF_LEFT 50
/* Fewer cells that are alike are not worth while. */
#define ALIKE_LEAST 6
/* Nor are cells in which fewer pixels changed; and where of so many cells few are a rectangle, no others are looked at. */
#define LEAST_PIXELS 16
#define LOOK_LEAST   256
#define LOOK_SHARE   0.1
/* Cells that were touched all over are tested late after a run in which so much of what changed was in rectangles, and so
 * many of the values touched did change. */
#define WORTH_SHARE 0.5
#define LIKELY      0.9

int
dcn_first_cell(int stride)
{
  return (CELL + stride - 1) / stride * stride;
}

/* The number of the shape, which is new perhaps; -1: there are too many. */
static int
find_shape(DcnFirstPatches *patches, DcnFirstShape shape)
{
  for (int i = patches->n_shapes - 1; i >= 0; i--) {
    const DcnFirstShape *s = &patches->shapes[i];
    if (s->x == shape.x && s->y == shape.y && s->w == shape.w && s->h == shape.h)
      return i;
  }
  if (patches->n_shapes == DCN_FIRST_SHAPES)
    return -1;
  patches->shapes[patches->n_shapes] = shape;
  patches->shapes[patches->n_shapes].count = 0;
  return patches->n_shapes++;
}

/* The number of those of which enough changed, not yet that of a shape. */
#define HALVES -1

/* What changed in a cell; w is 0 where that is no rectangle, and count where it is next to nothing. */
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
    return (DcnFirstShape){.w = 0, .count = count};
  return (DcnFirstShape){.x = left, .y = top, .w = width, .h = end - top, .count = count};
}

/* One that was left untested. */
static DcnFirstShape
whole_cell(int rows, int columns)
{
  return (DcnFirstShape){.w = columns, .h = rows, .count = columns * rows};
}

/* All of the rectangle will be multiplied: deltas of what did not change are to be 0. */
static void
clear_gaps(const DcnJob *job, int row, int x, const DcnFirstShape *shape, DcnDeltas deltas)
{
  const DcnValueState *in = job->in;
  int words = in->net->row_words, c = in->net->c;
  for (int i = shape->y; i < shape->y + shape->h; i++) {
    int y = row + i;
    uint64_t gaps = dcn_bits_last(shape->w);
    if (in->row_changed[y])
      gaps &= ~dcn_bits_at(in->bits + (size_t)y * words, words, x + shape->x);
    float *delta = deltas.first + (size_t)i * deltas.pitch + (size_t)shape->x * (size_t)c;
    for (; gaps; gaps &= gaps - 1)
      memset(delta + __builtin_ctzll(gaps) * c, 0, sizeof *delta * (size_t)c);
  }
}

/* Cells of a band in which something changed, of which columns[] tells.  Appends them and their shapes. */
static int
find_in_band(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstPatches *patches, int band,
             int row, int rows, const uint64_t *columns, int count)
{
  int words = job->in->net->row_words, w = job->in->net->w, step = plan->cell_w;
  for (int x = 0, number = 0; x < w; x += step, number++) {
    while (columns[x >> 6] == 0 && (x & 63) + step <= 64 && x + step < w)
      x += step, number++;
    if ((dcn_bits_at(columns, words, x) & dcn_bits_last(step)) == 0)
      continue;
    patches->looked++;
    gboolean late = dcn_untested_has(&job->state->untested, band, number);
    DcnFirstShape shape =
        late ? whole_cell(rows, MIN(step, w - x)) : shape_of(job, plan, row, rows, x);
    int number_of_shape = shape.w ? find_shape(patches, shape) : -1;
    if (number_of_shape < 0) {
      if (plan->point_weights && rows == plan->cell_h && step <= w - x &&
          shape.count >= HALF * step * rows) {
        patches->n_halves++;
        patches->half_pixels += shape.count;
        patches->found[count] = band << 16 | number;
        patches->shape_of[count++] = HALVES;
      }
      continue;
    }
    patches->shapes[number_of_shape].n_cells++;
    patches->shapes[number_of_shape].count += shape.count;
    if (!late && shape.count < shape.w * shape.h)
      clear_gaps(job, row, x, &shape, dcn_pixel_deltas(job, plan, band, number));
    patches->found[count] = band << 16 | number;
    patches->shape_of[count++] = number_of_shape;
  }
  return count;
}

/* Cells of which enough changed are done whole where few others are left. */
static void
take_halves(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstPatches *patches, int count)
{
  DcnFirstShape whole = whole_cell(plan->cell_h, plan->cell_w);
  int number = patches->n_halves ? find_shape(patches, whole) : -1;
  if (number < 0 || (patches->looked - count) * HALF_LEFT > patches->looked)
    return;
  patches->shapes[number].n_cells += patches->n_halves;
  patches->shapes[number].count += patches->half_pixels;
  for (int i = 0; i < count; i++) {
    if (patches->shape_of[i] != HALVES)
      continue;
    int band = dcn_band_of(patches->found[i]), column = patches->found[i] & 0xffff;
    patches->shape_of[i] = number;
    clear_gaps(job, band / plan->bands * job->in->net->h + band % plan->bands * plan->cell_h,
               column * plan->cell_w, &whole, dcn_pixel_deltas(job, plan, band, column));
  }
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
    if (patches->shape_of[i] != HALVES && patches->shapes[patches->shape_of[i]].n_cells > 0)
      *next[patches->shape_of[i]]++ = patches->found[i];
}

/* Cells that were left untested and go tap by tap are tested. */
static void
test_rest(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstPatches *patches)
{
  const DcnUntested *untested = &job->state->untested;
  size_t words = (size_t)untested->words;
  memset(untested->taken, 0, sizeof *untested->taken * words * (size_t)untested->bands);
  for (int i = 0; i < patches->n_shapes; i++) {
    const DcnFirstShape *shape = &patches->shapes[i];
    for (int j = 0; j < shape->n_cells; j++) {
      int column = shape->cells[j] & 0xffff;
      untested->taken[(size_t)dcn_band_of(shape->cells[j]) * words + (column >> 6)] |=
          UINT64_C(1) << (column & 63);
    }
  }
  for (int band = 0; band < untested->bands; band++)
    dcn_first_test_band(job, plan, band, untested->taken + (size_t)band * words);
}

/* Takes what the cells hold out of the bits of the rest. */
static void
take_out(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstPatches *patches,
         uint64_t *rest)
{
  const DcnValueState *in = job->in;
  int words = in->net->row_words;
  for (int i = 0; i < patches->n_shapes; i++) {
    const DcnFirstShape *shape = &patches->shapes[i];
    for (int j = 0; j < shape->n_cells; j++) {
      int band = dcn_band_of(shape->cells[j]),
          x = (shape->cells[j] & 0xffff) * plan->cell_w + shape->x;
      int row = band / plan->bands * in->net->h + band % plan->bands * plan->cell_h + shape->y;
      int shift = x & 63;
      uint64_t mask = dcn_bits_last(shape->w);
      for (int y = row; y < row + shape->h; y++) {
        uint64_t *bits = rest + (size_t)y * words + (x >> 6);
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
  int words = nv->row_words, count = 0;
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
  patches->n_cells = count;
  take_halves(job, plan, patches, count);
  sort_cells(patches, count);
  patches->all = patches->taken == in->n_changed;
  if (state->untested.used && !patches->all)
    test_rest(job, plan, patches);
}

void
dcn_first_settle_patches(const DcnJob *job, DcnFirstPatches *patches)
{
  DcnUntested *untested = &job->state->untested;
  const DcnValueState *in = job->in;
  const DcnFirstPlan *plan = job->op->plan;
  untested->worth = patches->taken >= WORTH_SHARE * in->n_changed;
  /* What was left untested as a whole cell does not say whether it was half of one. */
  gboolean few_left = (patches->looked - patches->n_cells) * HALF_LEFT <= patches->looked;
  untested->spare =
      plan->point_weights && few_left ? (int)((1 - HALF) * plan->cell_w * plan->cell_h) : 0;
  dcn_first_all_tested(job);
  untested->worth &=
      (double)in->values_changed >= LIKELY * (double)untested->touched * (double)in->net->c;
}

const uint64_t *
dcn_first_rest(const DcnJob *job, const DcnFirstPatches *patches)
{
  DcnValueState *in = job->in;
  size_t words = (size_t)in->net->row_words;
  if (patches->all)
    return NULL;
  if (patches->taken == 0)
    return in->bits;
  uint64_t *rest = job->state->marks;
  for (int row = 0; row < in->net->n * in->net->h; row++)
    if (in->row_changed[row])
      memcpy(rest + (size_t)row * words, in->bits + (size_t)row * words, sizeof *in->bits * words);
  take_out(job, job->op->plan, patches, rest);
  return rest;
}
