/* deltacnn: runs a convolution: for each block of output pixels that a change can reach, from
 * values or from differences, whichever multiplies less. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From values (igemm): accumulator = bias + W * ref, for all taps and channels.  Exact, so it also
 * clears what rounding the other way has left.  From differences (dgemm): accumulator += W * delta,
 * for the channels that changed in any pixel of a tile.  Both leave the accumulator at bias + W *
 * ref. */
#include "net/conv.h"
#include "util/parallel.h"
#include <string.h>

/* What a multiply of dgemm costs in multiplies of igemm: its weights are read with gaps, its lists
 * are made per tile, and its tiles are smaller. */
#define DGEMM_COST 1.4
/* Above this share of changed values nothing is won, so no lists are made. */
#define DGEMM_MAX_DENSITY 0.6

typedef struct {
  DcnJob *job;
  const DcnConvPlan *plan;
  /* Where sums go, [pixels][stride]: the accumulator, or in a run that keeps none ref; NULL: a
   * worker's floats. */
  float *sums;
  size_t stride;
  int parts;       /* the output channels are cut into this many parts */
  int n_blocks;    /* of pixels */
  gboolean deltas; /* differences are worth a try */
} Loop;

typedef struct {
  size_t first;       /* number of the image's first pixel */
  const int *iy, *ix; /* window tables of this output pixel */
} Place;

static inline Place
place(DcnCursor *cursor, const DcnWindow *win, int pixel)
{
  dcn_cursor_move(cursor, win, pixel);
  return (Place){(size_t)cursor->image * win->in_h * win->in_w,
                 win->iy + (size_t)cursor->y * win->kh, win->ix + (size_t)cursor->x * win->kw};
}

/* A window's row of kw pixels as one run; copied where it reaches across a border. */
static const float *
row_run(const DcnConvPlan *plan, const int *ix, const float *row, int pitch, float **copies)
{
  int kw = plan->window.kw;
  if (ix[0] >= 0 && ix[kw - 1] >= 0)
    return row + (size_t)ix[0] * pitch;
  float *copy = *copies;
  *copies += plan->channels;
  for (int kx = 0; kx < kw; kx++)
    for (int c = 0; c < pitch; c++)
      copy[kx * pitch + c] = ix[kx] < 0 ? 0 : row[(size_t)ix[kx] * pitch + c];
  return copy;
}

/* Pointers of igemm tiles for the block's pixels: [tile][taps][mr]. */
static void
point_to_values(const Loop *loop, int begin, int np, int group, float *copies,
                const float **pointers)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  int mr = job->kernels->mr, taps = plan->taps, pitch = job->in->net->ref_pitch;
  int kh = plan->window.kh, kw = plan->window.kw;
  const float *zero = job->state->zero;
  size_t line = (size_t)plan->window.in_w * pitch;
  int padded = (np + mr - 1) / mr * mr;
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int i = 0; i < padded; i++) {
    const float **a = pointers + (size_t)(i / mr) * taps * mr + i % mr;
    if (i >= np) { /* the last tile's tail repeats its pixel */
      for (int t = 0; t < taps; t++)
        a[t * mr] = a[t * mr - 1];
      continue;
    }
    Place at = place(&cursor, &plan->window, dcn_job_pixel(job, begin + i));
    const float *image = job->in->ref + at.first * (size_t)pitch + (size_t)group * plan->cg;
    if (plan->rows) {
      for (int ky = 0; ky < kh; ky++, a += mr)
        *a = at.iy[ky] < 0 ? zero
                           : row_run(plan, at.ix, image + (size_t)at.iy[ky] * line, pitch, &copies);
      continue;
    }

    for (int ky = 0; ky < kh; ky++) {
      if (at.iy[ky] < 0) {
        for (int kx = 0; kx < kw; kx++, a += mr)
          *a = zero;
        continue;
      }
      const float *row = image + (size_t)at.iy[ky] * line;
      for (int kx = 0; kx < kw; kx++, a += mr)
        *a = at.ix[kx] < 0 ? zero : row + (size_t)at.ix[kx] * pitch;
    }
  }
}

/* or |= bits [first, first + count) of mask, moved down to bit 0. */
static inline void
or_bits(uint64_t * or, const uint64_t *mask, int first, int count)
{
  int words = dcn_mask_words(count), shift = first & 63, from = first >> 6,
      last = (first + count - 1) >> 6;
  for (int i = 0; i < words; i++) {
    uint64_t v = mask[from + i] >> shift;
    if (shift && from + i + 1 <= last)
      v |= mask[from + i + 1] << (64 - shift);
    if (i == words - 1 && (count & 63))
      v &= (UINT64_C(1) << (count & 63)) - 1;
    or [i] |= v;
  }
}

/* Pointers and masks of dgemm tiles: [tile][taps][dr] and [tile][taps][words].  Returns the
 * multiplies per output channel; *padded counts the last tile as full. */
static uint64_t
point_to_deltas(const Loop *loop, int begin, int np, int group, DcnWorker *worker, uint64_t *padded)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  const DcnValueState *in = job->in;
  int dr = job->kernels->dr, taps = plan->taps, words = plan->words, in_words = in->net->words;
  int pitch = in->net->pitch, kh = plan->window.kh, kw = plan->window.kw, in_w = plan->window.in_w;
  size_t offset = (size_t)group * plan->cg;
  const float *zero = job->state->zero;
  gboolean whole = plan->groups == 1;
  uint64_t multiplies = 0;
  DcnCursor cursor = DCN_CURSOR_INIT;
  *padded = 0;
  for (int tile = 0; tile * dr < np; tile++) {
    const float **d = worker->pointers + (size_t)tile * taps * dr;
    uint64_t *masks = worker->masks + (size_t)tile * taps * words;
    int n = MIN(dr, np - tile * dr);
    memset(masks, 0, sizeof *masks * (size_t)taps * words);
    for (int i = 0; i < dr; i++) {
      if (i >= n) {
        for (int t = 0; t < taps; t++)
          d[t * dr + i] = zero;
        continue;
      }
      Place at = place(&cursor, &plan->window, dcn_job_pixel(job, begin + tile * dr + i));
      int t = 0;
      for (int ky = 0; ky < kh; ky++) {
        for (int kx = 0; kx < kw; kx++, t++) {
          size_t q = at.first + (size_t)(at.iy[ky] * (ptrdiff_t)in_w + at.ix[kx]);
          if (at.iy[ky] < 0 || at.ix[kx] < 0 || !in->changed[q]) {
            d[t * dr + i] = zero;
            continue;
          }
          d[t * dr + i] = in->delta + q * pitch + offset;
          const uint64_t *m = in->mask + q * in_words;
          uint64_t *u = masks + (size_t)t * words;
          if (whole)
            for (int j = 0; j < words; j++)
              u[j] |= m[j];
          else
            or_bits(u, m, (int)offset, plan->cg);
        }
      }
    }
    uint64_t bits = 0;
    for (int j = 0; j < taps * words; j++)
      bits += (uint64_t)__builtin_popcountll(masks[j]);
    multiplies += bits * (uint64_t)n;
    *padded += bits * (uint64_t)dr;
  }
  return multiplies;
}

/* The block's outputs of one group, channel blocks [b0, b1), from values. */
static void
block_igemm(const Loop *loop, int begin, int np, int group, int b0, int b1, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  const DcnKernels *k = job->kernels;
  int mr = k->mr, nr = k->nr, pitch = job->out->net->pitch;
  float *tile_out = worker->floats, *block_out = tile_out + (size_t)mr * nr;
  float *copies = block_out + (size_t)plan->block_pixels * pitch; /* used where plan->rows */
  point_to_values(loop, begin, np, group, copies, worker->pointers);
  for (int b = b0; b < b1; b++) {
    int column = group * plan->mg + b * nr, columns = MIN(nr, plan->mg - b * nr);
    size_t packed = (size_t)group * plan->blocks + b;
    const float *w = plan->weights + packed * plan->block_floats, *bias = plan->bias + packed * nr;
    for (int i = 0; i < np; i += mr) {
      const float *const *a = worker->pointers + (size_t)i * plan->taps;
      int n = MIN(mr, np - i);
      int first = dcn_job_pixel(job, begin + i), last = dcn_job_pixel(job, begin + i + n - 1);
      if (!loop->sums) {
        k->igemm(a, plan->taps, plan->channels, w, bias, -HUGE_VALF, HUGE_VALF,
                 block_out + (size_t)i * pitch + column, (size_t)pitch, n, columns);
      } else if (last - first == n - 1) {
        k->igemm(a, plan->taps, plan->channels, w, bias, -HUGE_VALF, HUGE_VALF,
                 loop->sums + (size_t)first * loop->stride + column, loop->stride, n, columns);
      } else {
        k->igemm(a, plan->taps, plan->channels, w, bias, -HUGE_VALF, HUGE_VALF, tile_out,
                 (size_t)nr, n, columns);
        for (int j = 0; j < n; j++)
          memcpy(loop->sums + (size_t)dcn_job_pixel(job, begin + i + j) * loop->stride + column,
                 tile_out + (size_t)j * nr, sizeof(float) * (size_t)columns);
      }
    }
  }
}

static void
block_dgemm(const Loop *loop, int begin, int np, int group, int b0, int b1, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  const DcnKernels *k = job->kernels;
  int dr = k->dr, nr = k->nr, dn = k->dn, pitch = job->out->net->pitch;
  for (int b = b0; b < b1; b += dn) {
    int column = group * plan->mg + b * nr, columns = MIN(MIN(dn, b1 - b) * nr, plan->mg - b * nr);
    const float *w = plan->weights + ((size_t)group * plan->blocks + b) * plan->block_floats;
    for (int i = 0; i < np; i += dr) {
      int n = MIN(dr, np - i), tile = i / dr;
      float *out[DCN_DR_MAX];
      for (int j = 0; j < dr; j++)
        out[j] = job->acc + (size_t)dcn_job_pixel(job, begin + i + MIN(j, n - 1)) * pitch + column;
      k->dgemm(worker->pointers + (size_t)tile * plan->taps * dr,
               worker->masks + (size_t)tile * plan->taps * plan->words, plan->taps, plan->words,
               plan->channels, w, plan->block_floats, out, n, columns);
    }
  }
}

/* Sums to values, in place or from the accumulator. */
static void
finish(const Loop *loop, int begin, int np, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnAct *act = &job->op->op->act;
  int c = job->out->net->c, pitch = job->out->net->pitch;
  const float *block_out = worker->floats + (size_t)job->kernels->mr * job->kernels->nr;
  /* Whole rows at once, padding channels included, where that does no harm. */
  if (job->full && !job->list && loop->sums && job->out->net->ref_pitch == pitch &&
      (pitch == c || dcn_act_keeps_zero(act)) && act->kind != DCN_ACT_PRELU) {
    dcn_act_run(job->kernels, act, loop->sums + (size_t)begin * pitch, dcn_ref(job->out, begin),
                np * pitch);
    return;
  }
  for (int i = 0; i < np; i++) {
    int p = dcn_job_pixel(job, begin + i);
    const float *x =
        loop->sums ? loop->sums + (size_t)p * loop->stride : block_out + (size_t)i * pitch;
    if (job->full) {
      dcn_act_run(job->kernels, act, x, dcn_ref(job->out, p), c);
    } else if (dcn_act_is_none(act)) {
      dcn_emit(job, p, x, worker);
    } else {
      dcn_act_run(job->kernels, act, x, worker->y, c);
      dcn_emit(job, p, worker->y, worker);
    }
  }
  if (!job->full && job->acc_valid)
    for (int i = 0; i < np; i++)
      job->acc_valid[dcn_job_pixel(job, begin + i)] = 1;
}

static void
finish_pixels(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  finish(loop, begin, end - begin, dcn_worker(loop->job, number));
}

/* Differences can only be added to sums that stand. */
static gboolean
sums_stand(const DcnJob *job, int begin, int np)
{
  for (int i = 0; i < np; i++)
    if (!job->acc_valid[dcn_job_pixel(job, begin + i)])
      return FALSE;
  return TRUE;
}

static void
blocks(void *context, int first, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  DcnWorker *worker = dcn_worker(job, number);
  int mr = job->kernels->mr, nr = job->kernels->nr, all = plan->groups * plan->blocks;
  uint64_t taps = (uint64_t)plan->taps * plan->channels;
  for (int item = first; item < end; item++) {
    int begin = item / loop->parts * plan->block_pixels, part = item % loop->parts;
    int np = MIN(plan->block_pixels, job->count - begin);
    int from = (int)((int64_t)all * part / loop->parts),
        to = (int)((int64_t)all * (part + 1) / loop->parts);
    while (from < to) {
      int group = from / plan->blocks, b0 = from % plan->blocks;
      int b1 = MIN(plan->blocks, b0 + to - from);
      uint64_t columns = (uint64_t)(MIN(plan->mg, b1 * nr) - b0 * nr), padded = 0, multiplies = 0;
      gboolean deltas = loop->deltas && sums_stand(job, begin, np);
      if (deltas) {
        multiplies = point_to_deltas(loop, begin, np, group, worker, &padded);
        deltas = (double)padded * DGEMM_COST < (double)((np + mr - 1) / mr * mr) * (double)taps;
      }
      if (deltas) {
        block_dgemm(loop, begin, np, group, b0, b1, worker);
        worker->macs += multiplies * columns;
        worker->delta_macs += multiplies * columns;
        worker->blocks_dgemm++;
      } else {
        block_igemm(loop, begin, np, group, b0, b1, worker);
        worker->macs += taps * (uint64_t)np * columns;
        worker->blocks_igemm++;
      }
      from += b1 - b0;
    }
    if (loop->parts == 1)
      finish(loop, begin, np, worker);
  }
}

void
dcn_conv_run(DcnJob *job)
{
  const DcnConvPlan *plan = job->op->plan;
  const DcnNetValue *in = job->in->net;
  dcn_list_window(job, &plan->window);
  Loop loop = {.job = job,
               .plan = plan,
               .sums = job->acc,
               .stride = (size_t)job->out->net->pitch,
               .parts = 1,
               .n_blocks = (job->count + plan->block_pixels - 1) / plan->block_pixels};
  if (job->full && (job->state->dense || !job->acc)) {
    loop.sums = job->out->ref;
    loop.stride = (size_t)job->out->net->ref_pitch;
  }
  if (job->full && job->acc_valid)
    memset(job->acc_valid, !job->state->dense, (size_t)job->out->net->pixels);
  double density = (double)job->in->values_changed / ((double)in->pixels * in->c);
  loop.deltas = !job->full && plan->keep_acc && job->in->delta && density < DGEMM_MAX_DENSITY;
  int channel_blocks = plan->groups * plan->blocks, threads = job->state->threads;
  double cost = (double)plan->block_floats * MIN(plan->block_pixels, job->count) * channel_blocks;
  if (loop.deltas)
    cost *= MIN(1.0, 2 * density);
  /* Few pixels: cut the channels too.  What a block computes does not depend on it. */
  if (loop.sums && threads > 1 && loop.n_blocks > 0 && loop.n_blocks < 2 * threads &&
      cost * loop.n_blocks > 2.0 * dcn_grain(0))
    loop.parts = MIN(channel_blocks, (2 * threads + loop.n_blocks - 1) / loop.n_blocks);
  dcn_parallel_for(threads, loop.n_blocks * loop.parts, dcn_grain((size_t)(cost / loop.parts)),
                   blocks, &loop);
  if (loop.parts > 1)
    dcn_parallel_for(threads, job->count, dcn_grain((size_t)job->out->net->c * 2), finish_pixels,
                     &loop);
}
