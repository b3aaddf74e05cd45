/* deltacnn: runs a first layer: for each unit of output pixels that a change can reach, from values
 * or by adding what changed, whichever takes less.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An op goes with deltas or without, and sums go stale, as in conv-run.c, but by the steps that were added to them: sums
 * that went stale in turn, all of them in 256 runs, would take 0.4 % of a run in full of every frame in the end, however
 * little changes. */
#include "net/first.h"
#include "util/parallel.h"
#include <string.h>

/* Above this share of changed pixels nothing is won, so no lists are made; but for whole cells with fewer multiplies. */
#define MAX_DENSITY 0.93
/* An op that goes without takes deltas up again below this share, ... */
#define TAKE_UP_DENSITY 0.1
/* ... and gives them up when a run with them took more than this share of one without. */
#define GIVE_UP_COST 0.87
/* What finding the changes in a window takes, in multiplies of igemm. */
#define FIND_COST 1500.0
/* What the test of a pixel of an image that the caches do not hold takes, in multiplies of igemm: not to be left out where
 * the multiplies are as fast as those of a full run.  Late ones are done while others are multiplied. */
#define TEST_COST     300
#define LATE_COST     70
#define CACHED_PIXELS (256 * 256)

/* acc_valid says how often a pixel's sums may still be added to, 0 where they do not stand: so no sum is one of more than
 * 255 steps, and one to which nothing is added is never made anew.  From a full run on as many go stale in each run as in
 * any other, neighbours together, so that what is left has few gaps; later sums are given about as many steps, so that
 * those which were made anew in one run do not go stale in one. */
#define STEPS_LEAST 192
#define TOGETHER    8

static inline unsigned
scattered(const DcnNetValue *out, int pixel)
{
  return (unsigned)(pixel / MAX(TOGETHER, out->pixels / 255)) * 151;
}

static inline uint8_t
steps_anew(const DcnNetValue *out, int pixel)
{
  return (uint8_t)(STEPS_LEAST + scattered(out, pixel) % (256 - STEPS_LEAST));
}

static void
set_all_steps(uint8_t *valid, const DcnNetValue *out)
{
  int together = MAX(TOGETHER, out->pixels / 255);
  for (int i = 0; i < out->pixels; i += together)
    memset(valid + i, (int)(1 + scattered(out, i) % 255), (size_t)MIN(together, out->pixels - i));
}

typedef struct {
  const DcnJob *job;
  const DcnFirstPlan *plan;
  /* Where sums go, [pixels][stride]: the accumulator or ref; NULL: a worker's floats. */
  float *sums;
  size_t stride;
  gboolean clamps; /* the activation is a clamp ... */
  float lo, hi;
  gboolean store_clamped;  /* ... and done while storing */
  gboolean deltas;         /* changes are worth a look */
  const uint64_t *changes; /* rows of bits of what is to be added; NULL: nothing */
  int late;                /* pixels tested late, about */
  uint8_t stands;          /* the sums stand afterwards */
  int unit;                /* pixels; never depends on the number of threads */
} Loop;

/* A window's row of kw pixels as one run; copied where it reaches across a border. */
static const float *
row_run(const DcnFirstPlan *plan, const int *ix, const float *row, float **copies)
{
  int kw = plan->window.kw, c = plan->c;
  if (ix[0] >= 0 && ix[kw - 1] >= 0)
    return row + (size_t)ix[0] * c;
  float *copy = *copies;
  *copies += plan->row_floats;
  for (int kx = 0; kx < kw; kx++)
    for (int n = 0; n < c; n++)
      copy[kx * c + n] = ix[kx] < 0 ? 0 : row[(size_t)ix[kx] * c + n];
  return copy;
}

/* Pointers of igemm tiles: [tile][kh][mr].  The last tile's tail repeats its pixel. */
static void
point_to_values(const Loop *loop, const int32_t *pixels, int np, float *copies,
                const float **pointers)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  const DcnWindow *win = &plan->window;
  int mr = job->kernels->mr, kh = win->kh;
  size_t line = (size_t)win->in_w * plan->c, step = (size_t)win->step * plan->c;
  const float *zero = job->state->zero, **before = NULL; /* the pointers of the pixel before */
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int i = 0; i < (np + mr - 1) / mr * mr; i++) {
    const float **a = pointers + (size_t)(i / mr) * kh * mr + i % mr;
    if (i >= np) {
      for (int ky = 0; ky < kh; ky++)
        a[ky * mr] = a[ky * mr - 1];
      continue;
    }
    int last = cursor.pixel, last_x = cursor.x;
    dcn_cursor_move(&cursor, win, pixels[i]);
    /* From one output pixel to its right neighbour all move by the same step, but for borders. */
    if (pixels[i] == last + 1 && cursor.x == last_x + 1 && last_x >= win->inner_begin &&
        cursor.x < win->inner_end) {
      for (int ky = 0; ky < kh; ky++) {
        const float *p = before[ky * mr];
        a[ky * mr] = p == zero ? p : p + step;
      }
      before = a;
      continue;
    }
    before = a;
    const int *iy = win->iy + (size_t)cursor.y * kh, *ix = win->ix + (size_t)cursor.x * win->kw;
    const float *image = job->in->ref + (size_t)cursor.image * win->in_h * line;
    for (int ky = 0; ky < kh; ky++)
      a[ky * mr] = iy[ky] < 0 ? zero : row_run(plan, ix, image + (size_t)iy[ky] * line, &copies);
  }
}

/* Neighbours of one row whose windows lie between the left and right border, for all channels.
 * out: the first one's, pixels `ldo` floats apart */
static void
run_from_values(const Loop *loop, int first, int n, float *out, size_t ldo, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  const DcnWindow *win = &plan->window;
  const DcnKernels *k = job->kernels;
  size_t line = (size_t)win->in_w * plan->c;
  DcnCursor cursor = DCN_CURSOR_INIT;
  dcn_cursor_move(&cursor, win, first);
  const int *iy = win->iy + (size_t)cursor.y * win->kh;
  size_t x = (size_t)win->ix[(size_t)cursor.x * win->kw] * plan->c;
  const float *image = job->in->ref + (size_t)cursor.image * win->in_h * line + x;
  const float **a = worker->lines;
  for (int ky = 0; ky < win->kh; ky++)
    a[ky] = iy[ky] < 0 ? job->state->zero + x : image + (size_t)iy[ky] * line;
  for (int b = 0; b < plan->blocks; b++) {
    int column = b * k->nr;
    k->rgemm(a, win->kh, (size_t)win->step * plan->c, plan->row_floats,
             plan->weights + (size_t)b * plan->block_floats, NULL, plan->bias + (size_t)b * k->nr,
             loop->store_clamped ? loop->lo : -HUGE_VALF,
             loop->store_clamped ? loop->hi : HUGE_VALF, out + column, ldo, n,
             MIN(k->nr, plan->m - column));
  }
}

/* How many of the pixels follow one another, in one row and between the borders; 0: not even the first. */
static int
inner_run(const DcnWindow *win, const int32_t *pixels, int np)
{
  int x = pixels[0] % win->out_w, most = MIN(np, win->inner_end - x), n = 1;
  if (x < win->inner_begin || most <= 0)
    return 0;
  if (pixels[most - 1] == pixels[0] + most - 1)
    return most;
  while (pixels[n] == pixels[0] + n)
    n++;
  return n;
}

/* Runs of so many pixels are computed as runs. */
#define RUN_LEAST 6

/* The same for any pixels. */
static void
listed_from_values(const Loop *loop, const int32_t *pixels, const uint16_t *places, int np,
                   DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  const DcnKernels *k = job->kernels;
  int mr = k->mr, nr = k->nr, kh = plan->window.kh;
  float lo = loop->store_clamped ? loop->lo : -HUGE_VALF,
        hi = loop->store_clamped ? loop->hi : HUGE_VALF;
  float *tile_out = worker->floats, *unit_out = tile_out + (size_t)mr * nr;
  size_t pitch = (size_t)job->out->net->pitch;
  point_to_values(loop, pixels, np, unit_out + (size_t)plan->unit * pitch, worker->pointers);
  for (int b = 0; b < plan->blocks; b++) {
    int column = b * nr, columns = MIN(nr, plan->m - column);
    const float *w = plan->weights + (size_t)b * plan->block_floats,
                *bias = plan->bias + (size_t)b * nr;
    for (int i = 0; i < np; i += mr) {
      const float *const *a = worker->pointers + (size_t)i * kh;
      int n = MIN(mr, np - i);
      float *out = tile_out;
      size_t ldo = (size_t)nr;
      if (!loop->sums && places[i + n - 1] - places[i] == n - 1) {
        out = unit_out + (size_t)places[i] * pitch + column;
        ldo = pitch;
      } else if (loop->sums && pixels[i + n - 1] - pixels[i] == n - 1) {
        out = loop->sums + (size_t)pixels[i] * loop->stride + column;
        ldo = loop->stride;
      }
      k->igemm(a, kh, plan->row_floats, w, NULL, bias, lo, hi, out, ldo, n, columns);
      if (out == tile_out)
        for (int j = 0; j < n; j++)
          memcpy(loop->sums ? loop->sums + (size_t)pixels[i + j] * loop->stride + column
                            : unit_out + (size_t)places[i + j] * pitch + column,
                 tile_out + (size_t)j * nr, sizeof(float) * (size_t)columns);
    }
  }
}

/* From values, up to plan->unit pixels.  Without sums the outputs go to the worker's floats. */
static void
from_values(const Loop *loop, const int32_t *pixels, int np, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  size_t stride = loop->sums ? loop->stride : (size_t)job->out->net->pitch;
  float *unit_out = worker->floats + (size_t)job->kernels->mr * job->kernels->nr;
  int32_t rest[DCN_FIRST_UNIT_MAX];
  uint16_t places[DCN_FIRST_UNIT_MAX]; /* of the rest in the unit */
  int n_rest = 0;
  for (int i = 0, n; i < np; i += n) {
    n = inner_run(&plan->window, pixels + i, np - i);
    if (n >= RUN_LEAST) {
      float *out =
          loop->sums ? loop->sums + (size_t)pixels[i] * stride : unit_out + (size_t)i * stride;
      run_from_values(loop, pixels[i], n, out, stride, worker);
      continue;
    }
    n = MAX(n, 1);
    for (int j = 0; j < n; j++, n_rest++) {
      rest[n_rest] = pixels[i + j];
      places[n_rest] = (uint16_t)(i + j);
    }
  }
  if (n_rest > 0)
    listed_from_values(loop, rest, places, n_rest, worker);
  worker->macs +=
      (uint64_t)np * (uint64_t)plan->window.kh * (uint64_t)plan->row_floats * (uint64_t)plan->m;
  worker->blocks_igemm++;
}

/* From values to sums that are kept, any number of pixels. */
static void
all_from_values(const Loop *loop, const int32_t *pixels, int np, DcnWorker *worker)
{
  for (int i = 0; i < np; i += loop->plan->unit)
    from_values(loop, pixels + i, MIN(loop->plan->unit, np - i), worker);
}

/* Each group of pixels by adding what changed, or from values where that takes less. */
static void
groups(const Loop *loop, const int32_t *pixels, int np, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  int taps = plan->window.kh * (plan->window.kw + 1), vector = MAX(job->kernels->nr / 2, 1);
  uint64_t terms = (uint64_t)plan->window.kh * (uint64_t)plan->row_floats;
  double columns = (plan->m + vector - 1) / vector * vector;
  DcnFirstGroup ring[2], *group = &ring[0], *next = &ring[1];
  DcnTap *lists = (DcnTap *)worker->masks;
  for (int i = 0; i < 2; i++) {
    ring[i].taps = lists + (size_t)i * (size_t)taps;
    ring[i].marks = (uint64_t *)(lists + 2 * (size_t)taps) + (size_t)i * (size_t)taps;
  }
  int from_values = 0; /* pixels before the group that are yet to be computed so */
  dcn_first_plan_group(job, plan, loop->changes, pixels, np, group);
  for (int planned = group->n_pixels; group;) {
    gboolean more = planned < np;
    if (more) {
      dcn_first_plan_group(job, plan, loop->changes, pixels + planned, np - planned, next);
      planned += next->n_pixels;
    }
    uint64_t cost = (uint64_t)(group->cost * columns + group->n_pixels * FIND_COST),
             values = dcn_cost_igemm(job->kernels, group->n_pixels, terms, plan->m);
    worker->cost_values += values;
    if (cost >= values) {
      worker->cost += values + (uint64_t)(group->n_pixels * FIND_COST);
      from_values += group->n_pixels;
    } else {
      worker->cost += cost;
      all_from_values(loop, group->pixels - from_values, from_values, worker);
      from_values = 0;
      dcn_first_add(job, plan, group, more ? next : NULL, loop->sums, loop->stride);
      worker->macs += group->multiplies * (uint64_t)plan->m;
      worker->blocks_dgemm++;
    }
    DcnFirstGroup *done = group;
    group = more ? next : NULL;
    next = done;
  }
  all_from_values(loop, pixels + np - from_values, from_values, worker);
}

/* Sums to values. */
static void
finish(const Loop *loop, int begin, int np, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const DcnAct *act = &job->op->op->act;
  const DcnNetValue *out = job->out->net;
  const float *unit_out = worker->floats + (size_t)job->kernels->mr * job->kernels->nr;
  gboolean done = loop->sums == job->out->ref && loop->clamps;
  if (done && job->full)
    return;
  for (int i = 0, n; i < np; i += n) {
    int p = dcn_job_pixel(job, begin + i);
    n = dcn_job_run(job, begin + i, begin + np, out->w);
    const float *x =
        loop->sums ? loop->sums + (size_t)p * loop->stride : unit_out + (size_t)i * out->pitch;
    size_t ldx = loop->sums ? loop->stride : (size_t)out->pitch;
    if (done) { /* in place */
      memset(job->out->changed + p, 1, (size_t)n);
      worker->values_changed += (uint64_t)n * (uint64_t)out->c;
    } else if (job->full) {
      for (int j = 0; j < n; j++)
        dcn_act_run(job->kernels, act, x + j * ldx, dcn_ref(job->out, p + j), out->c);
    } else if (loop->clamps) {
      dcn_emit_run(job, p, n, x, ldx, loop->lo, loop->hi, worker);
    } else {
      for (int j = 0; j < n; j++) {
        dcn_act_run(job->kernels, act, x + j * ldx, worker->y, out->c);
        dcn_emit(job, p + j, worker->y, worker);
      }
    }
  }
}

/* Units of pixels to which changes may be added. */
static void
units_of_deltas(void *context, int first, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  DcnWorker *worker = dcn_worker(job, number);
  for (int u = first; u < end; u++) {
    int begin = u * loop->unit, np = MIN(loop->unit, job->count - begin), n_stale = 0, n = 0;
    /* Those of which the sums do not stand come last and are computed from values. */
    int32_t pixels[DCN_FIRST_ADDED_MAX];
    for (int i = 0; i < np; i++) {
      int p = dcn_job_pixel(job, begin + i);
      if (job->acc_valid[p]) {
        job->acc_valid[p]--;
        pixels[n++] = p;
      } else {
        pixels[np - ++n_stale] = p;
      }
    }
    if (n_stale > 0) {
      for (int i = 0; i < n_stale / 2; i++) { /* as they were listed */
        int32_t p = pixels[n + i];
        pixels[n + i] = pixels[np - 1 - i];
        pixels[np - 1 - i] = p;
      }
      for (int i = 0; i < n_stale; i++)
        job->acc_valid[pixels[n + i]] = steps_anew(job->out->net, pixels[n + i]);
      all_from_values(loop, pixels + n, n_stale, worker);
      uint64_t cost = dcn_cost_igemm(
          job->kernels, n_stale, (uint64_t)plan->window.kh * (uint64_t)plan->row_floats, plan->m);
      worker->cost += cost;
      worker->cost_values += cost;
    }
    if (n > 0 && loop->changes)
      groups(loop, pixels, n, worker);
    else if (n > 0)
      worker->cost_values += dcn_cost_igemm(
          job->kernels, n, (uint64_t)plan->window.kh * (uint64_t)plan->row_floats, plan->m);
    finish(loop, begin, np, worker);
  }
}

static void
units(void *context, int first, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const DcnFirstPlan *plan = loop->plan;
  DcnWorker *worker = dcn_worker(job, number);
  uint64_t terms = (uint64_t)plan->window.kh * (uint64_t)plan->row_floats;
  for (int u = first; u < end; u++) {
    int begin = u * loop->unit, np = MIN(loop->unit, job->count - begin);
    int32_t pixels[DCN_FIRST_UNIT_MAX];
    for (int i = 0; i < np; i++)
      pixels[i] = dcn_job_pixel(job, begin + i);
    from_values(loop, pixels, np, worker);
    uint64_t cost = dcn_cost_igemm(job->kernels, np, terms, plan->m);
    worker->cost += cost;
    worker->cost_values += cost;
    finish(loop, begin, np, worker);
    if (job->acc_valid && !job->full)
      for (int i = 0; i < np; i++)
        job->acc_valid[pixels[i]] = loop->stands ? steps_anew(job->out->net, pixels[i]) : 0;
  }
}

/* With deltas in the next run?  From counts alone, so that equal frames give equal bits. */
static gboolean
with_deltas_next(const Loop *loop, double density)
{
  const DcnState *state = loop->job->state;
  uint64_t cost = 0, values = 0;
  for (int i = 0; i < state->n_workers; i++) {
    cost += state->workers[i]->cost;
    values += state->workers[i]->cost_values;
  }
  return loop->deltas ? (double)cost < GIVE_UP_COST * (double)values : density < TAKE_UP_DENSITY;
}

/* Adds what can be added so, and leaves the rest.  Then all is known of what changed, and which outputs that reaches. */
static void
add_patches(Loop *loop, DcnJob *job)
{
  DcnFirstPatches patches;
  gboolean late = job->state->untested.used;
  dcn_first_find_patches(job, &patches);
  dcn_first_add_patches(job, &patches, loop->sums, loop->stride);
  dcn_first_settle_patches(job, &patches);
  dcn_list_window(job, &loop->plan->window);
  loop->changes = dcn_first_rest(job, &patches);
  loop->late = late ? MIN(patches.taken, job->in->n_changed) : 0;
}

void
dcn_first_run(DcnJob *job)
{
  const DcnFirstPlan *plan = job->op->plan;
  const DcnNetValue *in = job->in->net, *out = job->out->net;
  DcnState *state = job->state;
  uint8_t *with_deltas = &state->with_deltas[job->op->index];
  double density = (double)job->in->n_changed / in->pixels;
  if (!plan->deltas) {
    dcn_first_run_rows(job);
    return;
  }
  Loop loop = {.job = job, .plan = plan};
  loop.clamps = dcn_act_limits(&job->op->op->act, &loop.lo, &loop.hi);
  if (job->acc && *with_deltas && !state->dense) {
    loop.sums = job->acc;
    loop.stride = (size_t)out->pitch;
  } else if (job->full || plan->in_place) {
    loop.sums = job->out->ref;
    loop.stride = (size_t)out->ref_pitch;
  }
  loop.store_clamped = loop.clamps && (!loop.sums || loop.sums == job->out->ref);
  loop.stands = plan->in_place || (job->acc && loop.sums == job->acc);
  loop.deltas = !job->full && plan->deltas && *with_deltas && job->in->delta &&
                (plan->point_weights || density < MAX_DENSITY);
  loop.changes = job->in->bits;
  if (loop.deltas && plan->cell_w) {
    add_patches(&loop, job);
  } else {
    if (!job->full && state->untested.used)
      dcn_first_test_all(job);
    dcn_list_window(job, &plan->window);
  }
  if (job->full && job->acc_valid && loop.stands)
    set_all_steps(job->acc_valid, out);
  else if (job->full && job->acc_valid)
    memset(job->acc_valid, 0, (size_t)out->pixels);
  /* Within a unit the next group's sums are asked for while one is at work, so units are large.  But there should be some
   * for each thread. */
  loop.unit = loop.deltas ? CLAMP(job->count / 4, 120, DCN_FIRST_ADDED_MAX) : plan->unit;
  double cost = (double)plan->block_floats * plan->blocks * MIN(loop.unit, job->count);
  if (loop.deltas)
    cost *= 0.1;
  dcn_parallel_for(state->threads, (job->count + loop.unit - 1) / loop.unit,
                   dcn_grain((size_t)cost), loop.deltas ? units_of_deltas : units, &loop);
  if (!job->full && plan->deltas && !plan->in_place)
    *with_deltas = (uint8_t)with_deltas_next(&loop, density);
  if (loop.deltas && plan->cell_w && in->pixels > CACHED_PIXELS)
    dcn_worker(job, 0)->cost +=
        (uint64_t)loop.late * LATE_COST + (uint64_t)(job->in->n_changed - loop.late) * TEST_COST;
}
