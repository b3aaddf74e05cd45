/* deltacnn: runs a convolution: for each block of output pixels that a change can reach, from
 * values or from differences, whichever takes less. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From values (igemm): accumulator = bias + W * ref, for all taps and channels.  Exact, so it also
 * clears what rounding the other way has left.  From differences (dgemm): accumulator += W * delta,
 * for the channels that changed in any pixel of a tile.  Both leave the accumulator at bias + W *
 * ref.
 *
 * Differences need accumulators, and deltas from whoever makes the input; to keep them costs memory
 * traffic that is lost where so much changes that values are used anyway.  So an op works in one of
 * two ways, and changes between them from one frame to the next: with differences, or without, when
 * nothing but the values is written.  A pixel's accumulator stands or is stale (acc_valid): stale
 * pixels are computed from values, which makes theirs stand again. */
#include "net/conv.h"
#include "util/parallel.h"
#include <string.h>

/* Above this share of changed values nothing is won, so no lists are made. */
#define MAX_DENSITY 0.6
/* An op that goes without differences takes them up below this share, ... */
#define TAKE_UP_DENSITY 0.4
/* ... and gives them up when a run with them took more than this share of one without. */
#define GIVE_UP_COST 0.9
/* More of its outputs than that are nearly all. */
#define MOST_PIXELS 0.7

/* Both ask for the block after; of larger ones than this igemm brings its own weights nearer as well, which gains more
 * than rgemm does by having no lists. */
#define RGEMM_MOST_WEIGHTS 16384
/* Blocks done as one where the whole image is one run, without lists, and no block of channels reads its inputs again. */
#define POINT_BLOCKS 4

typedef struct {
  DcnJob *job;
  const DcnConvPlan *plan;
  /* Where sums go, [pixels][stride]: the accumulator, or in a full run that keeps none ref; NULL: a
   * worker's floats. */
  float *sums;
  size_t stride;
  gboolean clamps;              /* the activation is done while storing */
  float lo, hi;                 /* limits while storing */
  gboolean followed;            /* each block by the ops that follow */
  int parts;                    /* the output channels are cut into this many parts */
  int n_stale;                  /* so many of the job's pixels, the first ones, are stale */
  int n_done;                   /* of them the first ones, done by Winograd's way already */
  int n_stale_blocks, n_blocks; /* of pixels; a block has stale ones or others */
} Loop;

/* Pixels [*begin, *begin + np) of the job's list are block number `block`; returns np. */
static int
block_pixels(const Loop *loop, int block, int *begin)
{
  gboolean stale = block < loop->n_stale_blocks;
  int64_t first = stale ? loop->n_done : loop->n_stale, pixels = loop->job->count - first;
  int blocks = loop->n_blocks - loop->n_stale_blocks;
  if (stale) {
    pixels = loop->n_stale - loop->n_done;
    blocks = loop->n_stale_blocks;
  } else {
    block -= loop->n_stale_blocks;
  }
  *begin = (int)(first + pixels * block / blocks);
  return (int)(first + pixels * (block + 1) / blocks) - *begin;
}

/* From the job's pixel i on: how many follow one another.  Stale pixels come before others, so the list need not
 * ascend. */
static int
run_length(const DcnJob *job, int i, int end)
{
  int first = dcn_job_pixel(job, i), n = 1;
  if (!job->list)
    return end - i;
  while (i + n < end && dcn_job_pixel(job, i + n) == first + n)
    n++;
  return n;
}

/* In a full run: where outputs of the next block of pixels go, which come from memory or the third-level cache before
 * they are written.  Block b of channels asks for a part of them; where other ops follow, for theirs in turn. */
static const float *
next_outputs(const Loop *loop, int begin, int np, int b)
{
  const DcnJob *job = loop->job;
  int first = begin + np, blocks = loop->plan->blocks, regions = 1;
  const float *to = loop->sums;
  size_t stride = loop->stride;
  if (!to || job->list || first + np > job->count)
    return NULL;
  if (loop->followed)
    regions += job->n_followers;
  int region = (b + begin / np) % regions;
  if (region > 0) {
    const DcnValueState *v = job->followers[region - 1].out;
    to = v->ref;
    stride = (size_t)v->net->ref_pitch;
  }
  return to + ((size_t)first + (size_t)np * (size_t)b / (size_t)blocks) * stride;
}

/* Where the window is one pixel, neighbours read neighbours, and no lists are needed; FALSE: the block's pixels are
 * not all neighbours, or igemm does better. */
static gboolean
block_rgemm(const Loop *loop, int begin, int np, int group, int b0, int b1, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  const DcnKernels *k = job->kernels;
  int first = dcn_job_pixel(job, begin);
  if (!plan->point || plan->block_floats > RGEMM_MOST_WEIGHTS ||
      run_length(job, begin, begin + np) < np)
    return FALSE;
  size_t pitch = (size_t)job->out->net->pitch, in_pitch = (size_t)job->in->net->ref_pitch;
  const float *in = dcn_ref(job->in, first) + (size_t)group * plan->cg;
  float *out = worker->floats + (size_t)k->mr * k->nr;
  size_t all = (size_t)plan->groups * (size_t)plan->blocks;
  if (loop->sums) {
    out = loop->sums + (size_t)first * loop->stride;
    pitch = loop->stride;
  }
  for (int b = b0; b < b1; b++) {
    int column = group * plan->mg + b * k->nr, columns = MIN(k->nr, plan->mg - b * k->nr);
    size_t packed = (size_t)group * plan->blocks + b;
    const float *w = plan->weights + packed * plan->block_floats;
    /* The first block of pixels asks for the weights that it needs next, the last one for what follows. */
    const float *ahead = NULL;
    if (packed + 1 < all)
      ahead = begin == 0 ? w + plan->block_floats : NULL;
    else if (begin + np == job->count)
      ahead = job->op->next_weights;
    if (!ahead && job->full)
      ahead = next_outputs(loop, begin, np, b);
    k->rgemm(&in, 1, in_pitch, plan->cg, w, ahead, plan->bias + packed * k->nr, loop->lo, loop->hi,
             out + column, pitch, np, columns);
  }
  return TRUE;
}

/* From one group to the next all pointers move by its channels; those to zeros as well, which are as many. */
static void
point_to_next_group(const DcnConvPlan *plan, const float **pointers, int count)
{
  for (int i = 0; i < count; i++)
    pointers[i] += plan->cg;
}

/* The block's outputs of one group, channel blocks [b0, b1), from values.  pointed: the group to which the worker's
 * pointers point already for this block, or -1. */
static void
block_igemm(const Loop *loop, int begin, int np, int group, int b0, int b1, int *pointed,
            DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  const DcnKernels *k = job->kernels;
  int mr = k->mr, nr = k->nr, tiles = dcn_conv_tiles(np, mr);
  size_t pitch = (size_t)job->out->net->pitch;
  float *tile_out = worker->floats, *block_out = tile_out + (size_t)mr * nr;
  if (block_rgemm(loop, begin, np, group, b0, b1, worker))
    return;
  if (*pointed >= 0 && *pointed == group - 1)
    point_to_next_group(plan, worker->pointers, tiles * plan->taps * mr);
  else if (*pointed != group)
    dcn_conv_point_to_values(job, begin, np, group, worker->pointers);
  *pointed = group;
  for (int b = b0; b < b1; b++) {
    int column = group * plan->mg + b * nr, columns = MIN(nr, plan->mg - b * nr);
    size_t packed = (size_t)group * plan->blocks + b;
    const float *w = plan->weights + packed * plan->block_floats, *bias = plan->bias + packed * nr;
    for (int tile = 0; tile < tiles; tile++) {
      const float *const *a = worker->pointers + (size_t)tile * plan->taps * mr;
      int i = dcn_conv_tile_begin(np, tiles, tile);
      int n = dcn_conv_tile_begin(np, tiles, tile + 1) - i;
      /* Each of the first four tiles asks for a quarter of the next block's weights. */
      const float *ahead = w + plan->block_floats + (size_t)tile * (plan->block_floats / 4);
      if (tile >= 4 || b + 1 >= b1)
        ahead = NULL;
      int first = dcn_job_pixel(job, begin + i), last = dcn_job_pixel(job, begin + i + n - 1);
      if (!loop->sums) {
        k->igemm(a, plan->taps, plan->cg, w, ahead, bias, loop->lo, loop->hi,
                 block_out + (size_t)i * pitch + column, pitch, n, columns);
      } else if (last - first == n - 1) {
        k->igemm(a, plan->taps, plan->cg, w, ahead, bias, loop->lo, loop->hi,
                 loop->sums + (size_t)first * loop->stride + column, loop->stride, n, columns);
      } else {
        k->igemm(a, plan->taps, plan->cg, w, ahead, bias, loop->lo, loop->hi, tile_out, (size_t)nr,
                 n, columns);
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
               plan->cg, w, plan->block_floats, out, n, columns);
    }
  }
}

/* Sums to values, in place or from the accumulator. */
static void
finish(const Loop *loop, int begin, int np, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnAct *act = &job->op->op->act;
  size_t c = (size_t)job->out->net->c, pitch = (size_t)job->out->net->pitch;
  size_t ref_pitch = (size_t)job->out->net->ref_pitch;
  gboolean in_ref = loop->sums == job->out->ref;
  if (in_ref && loop->clamps)
    return;
  float *block_out = worker->floats + (size_t)job->kernels->mr * job->kernels->nr;
  for (int i = 0, n; i < np; i += n) {
    int p = dcn_job_pixel(job, begin + i);
    n = run_length(job, begin + i, begin + np);
    float *x = loop->sums ? loop->sums + (size_t)p * loop->stride : block_out + (size_t)i * pitch;
    size_t ldx = loop->sums ? loop->stride : pitch;
    if (job->full && loop->clamps && ref_pitch == pitch &&
        (pitch == c || dcn_act_keeps_zero(act))) { /* padding channels included */
      dcn_act_run(job->kernels, act, x, dcn_ref(job->out, p), (int)(n * pitch));
    } else if (job->full) {
      for (int j = 0; j < n; j++)
        dcn_act_run(job->kernels, act, x + j * ldx, dcn_ref(job->out, p + j), (int)c);
    } else if (loop->clamps) {
      float lo, hi;
      dcn_act_limits(act, &lo, &hi);
      n = np;
      if (job->list && loop->sums)
        dcn_emit_list(job, job->list + begin, np, loop->sums, ldx, TRUE, lo, hi, worker);
      else if (job->list)
        dcn_emit_list(job, job->list + begin, np, x, ldx, FALSE, lo, hi, worker);
      else
        dcn_emit_run(job, p, np, x, ldx, lo, hi, worker);
    } else {
      for (int j = 0; j < n; j++) {
        dcn_act_run(job->kernels, act, x + j * ldx, worker->y, (int)c);
        dcn_emit(job, p + j, worker->y, worker);
      }
    }
  }
}

static void
finish_pixels(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  finish(loop, begin, end - begin, dcn_worker(loop->job, number));
}

/* The same of those that are not done yet: to test a pixel again would find it unchanged. */
static void
finish_rest(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  finish_pixels(context, loop->n_done + begin, loop->n_done + end, number);
}

static void
blocks(void *context, int first, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  DcnWorker *worker = dcn_worker(job, number);
  int nr = job->kernels->nr, all = plan->groups * plan->blocks;
  uint64_t taps = (uint64_t)plan->taps * plan->cg;
  for (int item = first; item < end; item++) {
    int block = item / loop->parts, part = item % loop->parts, begin;
    int np = block_pixels(loop, block, &begin);
    int from = (int)((int64_t)all * part / loop->parts),
        to = (int)((int64_t)all * (part + 1) / loop->parts), pointed = -1;
    while (from < to) {
      int group = from / plan->blocks, b0 = from % plan->blocks;
      int b1 = MIN(plan->blocks, b0 + to - from), columns = MIN(plan->mg, b1 * nr) - b0 * nr;
      /* Decided for all columns, so that it does not depend on how they are cut. */
      uint64_t padded = 0, multiplies = 0;
      uint64_t values = dcn_cost_igemm(job->kernels, np, taps, plan->mg), deltas = values;
      if (block >= loop->n_stale_blocks) {
        pointed = -1;
        multiplies = dcn_conv_point_to_deltas(job, begin, np, group, worker, &padded);
        deltas = dcn_cost_dgemm(job->kernels, np, plan->taps, padded, plan->mg);
      }
      if (deltas < values) {
        block_dgemm(loop, begin, np, group, b0, b1, worker);
        worker->macs += multiplies * (uint64_t)columns / (uint64_t)plan->merged;
        worker->blocks_dgemm++;
      } else {
        block_igemm(loop, begin, np, group, b0, b1, &pointed, worker);
        worker->macs += taps * (uint64_t)np * (uint64_t)columns / (uint64_t)plan->merged;
        worker->blocks_igemm++;
      }
      if (b0 == 0 && block >= loop->n_stale_blocks) {
        worker->cost_values += values;
        worker->cost += MIN(deltas, values);
      }
      from += b1 - b0;
    }
    if (loop->parts == 1)
      finish(loop, begin, np, worker);
    if (loop->followed)
      dcn_follow(job, begin, np, worker);
  }
}

/* Makes the next pixels stale, and moves those of the list that are to its front; the order stays
 * otherwise, so that tiles are neighbours. */
static void
sort_stale(Loop *loop)
{
  DcnJob *job = loop->job;
  DcnState *state = job->state;
  uint8_t *valid = job->acc_valid;
  dcn_refresh(job);
  int n_stale = 0;
  for (int i = 0; i < job->count; i++)
    n_stale += !valid[dcn_job_pixel(job, i)];
  if (n_stale == 0 || n_stale == job->count) {
    loop->n_stale = n_stale;
    return;
  }
  int32_t *sorted = state->order;
  int stale = 0, standing = n_stale;
  for (int i = 0; i < job->count; i++) {
    int p = dcn_job_pixel(job, i);
    sorted[valid[p] ? standing++ : stale++] = p;
  }
  job->list = sorted;
  loop->n_stale = n_stale;
}

/* With differences in the next run?  From counts alone, so that equal frames give equal bits. */
static gboolean
with_deltas_next(const Loop *loop, gboolean now, double density)
{
  const DcnState *state = loop->job->state;
  /* From values, Winograd's way takes less where nearly all is to be computed. */
  const DcnJob *job = loop->job;
  double values_cost = loop->plan->winograd && job->count > MOST_PIXELS * job->out->net->pixels
                           ? MIN(1, job->op->full_macs / (double)job->op->macs)
                           : 1;
  if (!now)
    return density < TAKE_UP_DENSITY * values_cost;
  uint64_t cost = 0, values = 0;
  for (int i = 0; i < state->n_workers; i++) {
    cost += state->workers[i]->cost;
    values += state->workers[i]->cost_values;
  }
  /* What was done from values because it was stale says nothing. */
  return density < TAKE_UP_DENSITY * values_cost ||
         (density < MAX_DENSITY * values_cost &&
          (loop->n_stale > 0 || (double)cost < GIVE_UP_COST * values_cost * (double)values));
}

static DcnWinogradRun
winograd_run(const Loop *loop)
{
  const DcnConvPlan *plan = loop->plan;
  return (DcnWinogradRun){
      .job = loop->job,
      .winograd = plan->winograd,
      .bias = plan->bias,
      .lo = loop->lo,
      .hi = loop->hi,
      .sums = loop->sums,
      .stride = loop->stride,
      .groups = plan->groups,
      .blocks = plan->blocks,
      .cg = plan->cg,
      .mg = plan->mg,
  };
}

/* FALSE: has to be done another way. */
static gboolean
full_by_winograd(const Loop *loop)
{
  const DcnWinogradRun run = winograd_run(loop);
  if (!dcn_winograd_run(&run))
    return FALSE;
  dcn_worker(loop->job, 0)->macs += loop->job->op->macs;
  return TRUE;
}

static gboolean
full_by_groups(const Loop *loop)
{
  const DcnGroupedRun run = {.job = loop->job,
                             .grouped = loop->plan->grouped,
                             .window = &loop->plan->window,
                             .lo = loop->lo,
                             .hi = loop->hi,
                             .sums = loop->sums,
                             .stride = loop->stride};
  dcn_grouped_run(&run);
  dcn_worker(loop->job, 0)->macs += loop->job->op->macs;
  return TRUE;
}

/* Stale pixels that lie close together: computed and emitted. */
static void
touched_by_winograd(Loop *loop)
{
  DcnJob *job = loop->job;
  const DcnConvPlan *plan = loop->plan;
  Loop part = *loop;
  if (!part.sums) { /* on the way to ref */
    part.sums = job->acc;
    part.stride = (size_t)job->out->net->pitch;
  }
  DcnWinogradRun run = winograd_run(&part);
  int n = dcn_winograd_choose(job, &run, loop->n_stale);
  if (n == 0 || !dcn_winograd_run(&run))
    return;
  dcn_parallel_for(job->state->threads, n, dcn_grain((size_t)job->out->net->c * 2), finish_pixels,
                   &part);
  DcnWorker *worker = dcn_worker(job, 0);
  uint64_t cost = (uint64_t)dcn_winograd_cost(&run, run.n_tiles);
  worker->macs +=
      (uint64_t)n * (uint64_t)(plan->taps * plan->cg) * (uint64_t)(plan->groups * plan->mg);
  worker->cost += cost;
  worker->cost_values += cost;
  loop->n_done = n;
}

/* All pixels, where some see nothing: those that see something; the others are put there. */
static void
leave_out_unseeing(DcnJob *job)
{
  const DcnConvPlan *plan = job->op->plan;
  const DcnNetValue *out = job->out->net;
  job->list = plan->seeing;
  job->count = plan->n_seeing;
  if (!job->full)
    return;
  dcn_worker(job, 0)->macs += /* a full run counts as all of them */
      job->op->macs / (uint64_t)out->pixels * (uint64_t)(out->pixels - plan->n_seeing);
  for (int p = 0, i = 0; p < out->pixels; p++) {
    if (i < plan->n_seeing && plan->seeing[i] == p)
      i++;
    else
      memcpy(dcn_ref(job->out, p), plan->unseeing, sizeof(float) * (size_t)out->c);
  }
}

void
dcn_conv_run(DcnJob *job)
{
  const DcnConvPlan *plan = job->op->plan;
  const DcnNetValue *in = job->in->net;
  DcnState *state = job->state;
  gboolean with_deltas = job->acc && state->with_deltas[job->op->index] && !state->dense;
  double density = (double)job->in->values_changed / ((double)in->pixels * in->c);
  if (plan->point && !job->marked)
    dcn_list_changed(job, job->in);
  else
    dcn_list_window(job, &plan->window);
  if (plan->seeing && !job->marked && job->count == job->out->net->pixels)
    leave_out_unseeing(job);
  Loop loop = {.job = job, .plan = plan, .lo = -HUGE_VALF, .hi = HUGE_VALF, .parts = 1};
  float lo, hi;
  loop.clamps = dcn_act_limits(&job->op->op->act, &lo, &hi);
  if (with_deltas) {
    loop.sums = job->acc;
    loop.stride = (size_t)job->out->net->pitch;
  } else if (job->full) {
    loop.sums = job->out->ref;
    loop.stride = (size_t)job->out->net->ref_pitch;
  }
  loop.n_stale = job->count;
  if (!job->full && with_deltas && job->in->delta && density < MAX_DENSITY)
    sort_stale(&loop);
  if (!job->full) {
    state->listed += (double)job->count * job->out->net->c;
    if (with_deltas && density < TAKE_UP_DENSITY)
      state->stale += (double)loop.n_stale * job->out->net->c;
  }
  if (!job->full && plan->winograd && job->acc)
    touched_by_winograd(&loop);
  int size = plan->block_pixels, threads = state->threads;
  if (job->full && plan->point && plan->groups * plan->blocks == 1)
    size *= POINT_BLOCKS;
  loop.n_stale_blocks = (loop.n_stale - loop.n_done + size - 1) / size;
  /* What is computed from values does not depend on how it is cut. */
  if (threads > 1 && loop.n_stale_blocks > 1)
    loop.n_stale_blocks = (loop.n_stale_blocks + threads - 1) / threads * threads;
  loop.n_blocks = loop.n_stale_blocks + (job->count - loop.n_stale + size - 1) / size;

  int channel_blocks = plan->groups * plan->blocks;
  double cost = (double)plan->block_floats * MIN(size, job->count) * channel_blocks;
  if (loop.n_stale < job->count)
    cost *= MIN(1.0, 2 * density);
  /* Few pixels: cut the channels too.  What a block computes does not depend on it. */
  if ((loop.sums || job->acc) && threads > 1 && loop.n_blocks > 0 && loop.n_blocks < 2 * threads &&
      cost * loop.n_blocks > 2.0 * dcn_grain(0)) {
    loop.parts = MIN(channel_blocks, (2 * threads + loop.n_blocks - 1) / loop.n_blocks);
    if (!loop.sums) { /* the parts meet in the accumulator */
      loop.sums = job->acc;
      loop.stride = (size_t)job->out->net->pitch;
    }
  }
  if (loop.clamps && (!loop.sums || loop.sums == job->out->ref)) {
    loop.lo = lo;
    loop.hi = hi;
  }
  gboolean done = job->full && ((plan->winograd && full_by_winograd(&loop)) ||
                                (plan->grouped && full_by_groups(&loop)));
  job->followed = loop.followed = !done && loop.parts == 1 && !job->list && job->n_followers > 0;
  if (!done)
    dcn_parallel_for(threads, loop.n_blocks * loop.parts, dcn_grain((size_t)(cost / loop.parts)),
                     blocks, &loop);
  if ((done || loop.parts > 1) &&
      !(loop.clamps && loop.sums == job->out->ref)) /* else it is finished */
    dcn_parallel_for(threads, job->count - loop.n_done, dcn_grain((size_t)job->out->net->c * 2),
                     finish_rest, &loop);
  if (loop.n_stale > loop.n_done) { /* all at once, as they are cut by threads */
    uint64_t values = dcn_cost_igemm(job->kernels, loop.n_stale - loop.n_done,
                                     (uint64_t)plan->taps * plan->cg, plan->mg) *
                      (uint64_t)plan->groups;
    dcn_worker(job, 0)->cost_values += values;
    dcn_worker(job, 0)->cost += values;
  }
  if (!job->acc)
    return;
  gboolean stands = with_deltas; /* also where the parts met there: threads must not matter */
  if (job->full)
    memset(job->acc_valid, stands, (size_t)job->out->net->pixels);
  else
    for (int i = 0; i < job->count; i++)
      job->acc_valid[dcn_job_pixel(job, i)] = (uint8_t)stands;
  if (!job->full)
    state->with_deltas[job->op->index] = (uint8_t)with_deltas_next(&loop, with_deltas, density);
}
