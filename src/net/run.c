/* deltacnn: one frame through the network.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "net/state.h"
#include "util/denormals.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>
#include <time.h>

/* A frame in which much has changed is done as a full run where a partial one would take longer:
 * nearly every value is recomputed anyway, and looking for those that stayed costs more than it
 * saves.  How much is too much depends on the network and the scene, so it is learned: a partial
 * run that cost more than a full one sets the number of changed input values from which on runs are
 * full, and each of those raises it a little, so that it is tried again. */
#define COSTLY_SET   0.95
#define COSTLY_RAISE 1.007
/* What does not matter, in multiplies: some microseconds. */
#define COSTLY_LEAST 4e5
/* A run in which more than this share of the convolutions' outputs had no accumulator to add to says little about the
 * next; but so many in turn say enough. */
#define STALE_SHARE   0.25
#define UNJUDGED_MOST 2
/* Before that, without tolerance, this share of the input, where it takes longer to change all than to do all. */
#define COSTLY_SHARE 0.95
/* So many frames in turn may be called costly without a look at their values. */
#define UNTESTED_MOST 7
/* The rms of values is measured anew after so many full runs. */
#define MEASURED_FULL_RUNS 64

static double
rms(const DcnValueState *v)
{
  const DcnNetValue *nv = v->net;
  double sum = 0;
  for (int p = 0; p < nv->pixels; p++) {
    const float *x = dcn_ref(v, p);
    float part[8] = {0}; /* apart, so that they need not wait for each other */
    int c = 0;
    for (; c + 8 <= nv->c; c += 8)
      for (int i = 0; i < 8; i++)
        part[i] += x[c + i] * x[c + i];
    for (; c < nv->c; c++)
      part[0] += x[c] * x[c];
    for (int i = 0; i < 8; i++)
      sum += part[i];
  }
  return sqrt(sum / ((double)nv->pixels * nv->c));
}

/* The tolerance in the value's own units.  ref still holds what the last full run left, or near
 * enough: the measurement is made when it is first needed after one. */
static void
set_threshold(const DcnState *state, DcnValueState *v)
{
  double tolerance = v->tolerance >= 0 ? v->tolerance : v->net->moved ? 0 : state->tolerance;
  v->threshold = 0;
  if (tolerance == 0 || v->net->output || state->exact)
    return;
  if (v->rms < 0)
    v->rms = rms(v);
  double threshold = tolerance * state->scale * v->rms;
  if (isfinite(threshold) && threshold < HUGE_VALF)
    v->threshold = (float)threshold;
}

static void
reset_workers(DcnState *state)
{
  for (int i = 0; i < state->n_workers; i++) {
    DcnWorker *w = state->workers[i];
    w->values_changed = w->macs = w->blocks_igemm = w->blocks_dgemm = 0;
    w->tiles = 0;
    w->cost = w->cost_values = 0;
    w->pixels_touched = 0;
  }
}

static gboolean
any_input_changed(const DcnState *state, const DcnOp *op)
{
  for (int i = 0; i < op->n_inputs; i++)
    if (state->values[op->inputs[i]].n_changed > 0)
      return TRUE;
  return FALSE;
}

static uint64_t
now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t
inputs_changed(const DcnState *state, const DcnOp *op, gboolean full)
{
  uint64_t changed = 0;
  for (int i = 0; i < op->n_inputs; i++) {
    const DcnValueState *v = &state->values[op->inputs[i]];
    changed += full ? (uint64_t)v->net->pixels * v->net->c : v->values_changed;
  }
  return changed;
}

typedef enum {
  OP_PARTIAL,
  OP_FULL,
  OP_CHAIN, /* full, with the ops that follow it pixel by pixel, where it can */
  OP_MARKED /* partial, of the pixels in state->marks */
} Extent;

static gboolean
reads(const DcnOp *op, int value)
{
  for (int i = 0; i < op->n_inputs; i++)
    if (op->inputs[i] == value)
      return TRUE;
  return FALSE;
}

static DcnJob
job_of(DcnState *state, int index, gboolean full)
{
  const DcnNetOp *op = &state->net->ops[index];
  return (DcnJob){
      .state = state,
      .net = state->net,
      .kernels = state->net->kernels,
      .op = op,
      .full = full,
      .in = &state->values[op->op->inputs[0]],
      .out = &state->values[op->op->output],
      .acc = state->acc[index],
      .acc_valid = state->acc_valid[index],
  };
}

/* An addition and an activation, mostly. */
#define FOLLOWERS_MOST 3

/* The next ops, as long as each goes pixel by pixel and reads what the one before makes. */
static int
find_followers(DcnState *state, int index, DcnJob *followers)
{
  const DcnNet *net = state->net;
  int n = 0;
  for (int i = index + 1; i < net->program->n_ops && n < FOLLOWERS_MOST; i++, n++) {
    const DcnNetOp *op = &net->ops[i], *before = &net->ops[i - 1];
    if ((!op->class->pixel && !op->class->pixels) || !reads(op->op, before->op->output) ||
        net->values[op->op->output].pixels != net->values[before->op->output].pixels)
      break;
    followers[n] = job_of(state, i, TRUE);
    dcn_list_all(&followers[n]);
  }
  return n;
}

/* *now: when it begins, set to when it has ended; a reading of the clock takes as long as the rest that is done for an
 * op.  *done: how many ops were.  Returns a guess of what it took, ns. */
static double
run_op(DcnState *state, int index, Extent extent, uint64_t *now, int *done)
{
  gboolean full = extent == OP_FULL || extent == OP_CHAIN;
  const DcnNetOp *op = &state->net->ops[index];
  DcnOpStat *stat = &state->stats[index];
  uint64_t start = *now;
  DcnJob job = job_of(state, index, full), followers[FOLLOWERS_MOST];
  job.marked = extent == OP_MARKED;
  if (extent == OP_CHAIN && op->class == &dcn_conv_class) {
    job.followers = followers;
    job.n_followers = find_followers(state, index, followers);
  }
  reset_workers(state);
  uint64_t changed = inputs_changed(state, op->op, full);
  if (!state->conv || op->op->kind != DCN_OP_CONV || !dcn_conv_elsewhere(&job, &changed)) {
    op->class->run(&job);
    changed = inputs_changed(state, op->op, full); /* a first layer may find that fewer did */
  }
  *stat = (DcnOpStat){.pixels = job.count, .inputs_changed = changed};
  uint64_t cost = 0;
  for (int i = 0; i < state->n_workers; i++) {
    const DcnWorker *w = state->workers[i];
    job.out->values_changed += w->values_changed;
    stat->macs += w->macs;
    cost += w->cost;
    stat->blocks_igemm += w->blocks_igemm;
    stat->blocks_dgemm += w->blocks_dgemm;
    stat->tiles += w->tiles;
  }
  if (!full)
    dcn_value_finish(job.out);
  *done = 1;
  for (int i = 0; job.followed && i < job.n_followers; i++, (*done)++)
    state->stats[index + 1 + i] =
        (DcnOpStat){.pixels = followers[i].count,
                    .inputs_changed = inputs_changed(state, followers[i].op->op, TRUE)};
  *now = now_ns();
  stat->ns = *now - start;
  return full ? op->full_ns : dcn_cost_partial(state->net, op, stat->macs, cost, job.count);
}

/* taken: the input is there already. */
static void
run_full(DcnState *state, gboolean taken)
{
  const DcnProgram *program = state->net->program;
  /* On a busy scene full runs follow one another; the size of values hardly changes from one to the next. */
  gboolean measure = !state->valid || ++state->full_runs % MEASURED_FULL_RUNS == 0;
  for (int i = 0; i < program->n_values; i++) {
    dcn_value_clear_marks(&state->values[i]);
    if (measure)
      state->values[i].rms = -1;
  }
  if (!taken)
    dcn_input_take(state);
  state->untested.used = FALSE;
  uint64_t now = now_ns();
  for (int i = 0, done; i < program->n_ops; i += done)
    run_op(state, i, OP_CHAIN, &now, &done);
  state->valid = TRUE;
  state->pending = FALSE;
}

/* Deltas are written where somebody will read them in this run. */
static void
choose_deltas(DcnState *state)
{
  const DcnNet *net = state->net;
  const DcnProgram *program = net->program;
  for (int i = 0; i < program->n_values; i++)
    state->values[i].delta = NULL;
  for (int i = program->n_ops - 1; i >= 0; i--) {
    const DcnNetOp *op = &net->ops[i];
    const DcnValueState *out = &state->values[op->op->output];
    if (op->class == &dcn_concat_class ? !out->delta
                                       : !state->with_deltas[i] || !state->acc_valid[i])
      continue;
    for (int j = 0; j < op->op->n_inputs; j++) {
      DcnValueState *in = &state->values[op->op->inputs[j]];
      if (in->net->wants_delta)
        in->delta = state->arena + in->net->delta_offset;
    }
  }
}

static int
count_touched(const DcnNetValue *input, const uint8_t *touched)
{
  if (!touched)
    return input->pixels;
  return dcn_bits_count_bytes(touched, input->pixels);
}

static DcnPartialCost *
learned_of(DcnState *state)
{
  return &state->learned[state->exact ? 1 : state->scale < 1 ? 2 : 0];
}

/* While frame after frame is done in full, most of them need not even look which values changed: about as many of
 * the touched ones as last time. */
static gboolean
surely_costly(DcnState *state, const uint8_t *touched)
{
  const DcnNetValue *input = &state->net->values[state->net->program->input];
  DcnPartialCost *learned = learned_of(state);
  if (!state->adaptive || learned->costly_inputs == 0 || learned->untested >= UNTESTED_MOST ||
      learned->changed_per_touched == 0 ||
      learned->changed_per_touched * count_touched(input, touched) < learned->costly_inputs)
    return FALSE;
  learned->untested++;
  return TRUE;
}

typedef enum {
  PARTIAL_DONE,
  PARTIAL_GAVE_UP, /* the input has been propagated, nothing else */
  PARTIAL_UNTRIED  /* nothing has */
} Partial;

/* Where it does not run to the end, the frame is better done in full. */
static Partial
run_partial(DcnState *state, const uint8_t *touched, const uint64_t *near)
{
  const DcnProgram *program = state->net->program;
  DcnPartialCost *learned = learned_of(state);
  if ((state->exact && state->pending) || surely_costly(state, touched))
    return PARTIAL_UNTRIED;
  learned->untested = 0;
  gboolean exact = TRUE;
  for (int i = 0; i < program->n_values; i++) {
    DcnValueState *v = &state->values[i];
    if (!v->ref)
      continue;
    dcn_value_clear_marks(v);
    set_threshold(state, v);
    exact &= v->threshold == 0;
  }
  choose_deltas(state);
  reset_workers(state);
  int n_touched = dcn_input_propagate(state, touched, near);
  const DcnValueState *input = &state->values[program->input];
  double inputs = (double)input->values_changed, ns = 0;
  learned->changed_per_touched = n_touched ? inputs / n_touched : 0;
  double costly = learned->costly_inputs;
  if (costly == 0 && exact && state->net->changed_ns >= state->net->full_ns)
    costly = COSTLY_SHARE * input->net->pixels * input->net->c;
  if (state->adaptive && costly > 0 && inputs >= costly) {
    learned->costly_inputs = costly * COSTLY_RAISE;
    return PARTIAL_GAVE_UP;
  }
  state->stale = state->listed = 0;
  uint64_t now = now_ns();
  for (int i = 0, done; i < program->n_ops; i++) {
    if (any_input_changed(state, &program->ops[i]))
      ns += run_op(state, i, OP_PARTIAL, &now, &done);
    else
      memset(&state->stats[i], 0, sizeof state->stats[i]);
  }
  state->partial_ns = ns;
  state->pending |= !exact;
  if (ns <= state->net->full_ns + COSTLY_LEAST) {
    learned->unjudged = 0;
  } else if (state->stale > STALE_SHARE * state->listed && learned->unjudged < UNJUDGED_MOST) {
    learned->unjudged++;
  } else { /* about in proportion */
    learned->costly_inputs = inputs * COSTLY_SET * state->net->full_ns / ns;
    learned->unjudged = 0;
  }
  return PARTIAL_DONE;
}

void
dcn_state_run(DcnState *state, const uint8_t *touched, DcnMode mode, int threads, DcnRunInfo *info)
{
  dcn_state_run_near(state, touched, NULL, mode, threads, info);
}

void
dcn_state_run_near(DcnState *state, const uint8_t *touched, const uint64_t *near, DcnMode mode,
                   int threads, DcnRunInfo *info)
{
  const DcnNet *net = state->net;
  const DcnProgram *program = net->program;
  state->threads = dcn_state_add_workers(state, dcn_parallel_threads(threads));
  state->dense = mode == DCN_MODE_DENSE || state->conv;
  state->exact = mode == DCN_MODE_EXACT;
  DcnFloatMode mode_before = dcn_denormals_off();
  dcn_parallel_begin(state->threads);
  Partial partial =
      state->dense || !state->valid ? PARTIAL_UNTRIED : run_partial(state, touched, near);
  gboolean full = partial != PARTIAL_DONE;
  if (full) {
    /* Where so much changes, accumulators are not worth writing. */
    state->dense |= state->valid;
    /* A run that gave up has taken over every input value that differed at all, unless some were left untested. */
    run_full(state, partial == PARTIAL_GAVE_UP && !state->untested.used &&
                        state->values[program->input].threshold == 0);
  }
  dcn_parallel_end();
  dcn_float_mode_set(mode_before);
  if (!info)
    return;
  *info = (DcnRunInfo){
      .macs_dense = net->macs, .values = net->total_values, .full = full, .exact = !state->pending};
  for (int i = 0; i < program->n_ops; i++)
    info->macs += state->stats[i].macs;
  if (full) {
    info->cost = 1;
    info->values_changed = net->total_values;
    return;
  }
  info->cost = state->partial_ns / MAX(net->full_ns, 1);
  for (int i = 0; i < program->n_values; i++)
    info->values_changed += state->values[i].values_changed;
  info->reused = state->values[program->input].n_changed == 0;
}

gboolean
dcn_state_pixels(DcnState *state, int value, DcnPixels *pixels)
{
  if (value < 0 || value >= state->net->program->n_values || !state->values[value].ref)
    return FALSE;
  const DcnValueState *v = &state->values[value];
  *pixels = (DcnPixels){.n = v->net->n,
                        .h = v->net->h,
                        .w = v->net->w,
                        .c = v->net->c,
                        .pitch = v->net->ref_pitch,
                        .pixels = v->ref};
  return TRUE;
}

gboolean
dcn_net_op_marks(const DcnNet *net, int op)
{
  const DcnOpClass *class = net->ops[op].class;
  return class == &dcn_conv_class || class == &dcn_first_class || class == &dcn_depthwise_class ||
         class == &dcn_pool_class;
}

typedef struct {
  DcnState *state;
  DcnComputeFunc func;
  void *context;
  gboolean full;        /* every op was computed */
  gboolean input_taken; /* somebody read it */
  uint64_t values, macs;
} KnownRun;

static void
run_known_op(KnownRun *run, int index)
{
  DcnState *state = run->state;
  const DcnNet *net = state->net;
  const DcnOp *op = &net->program->ops[index];
  const DcnNetValue *nv = &net->values[op->output];
  DcnPixels out;
  dcn_state_pixels(state, op->output, &out);
  memset(state->marks, 0, sizeof *state->marks * (size_t)nv->n * nv->h * nv->row_words);
  DcnCompute compute = run->func(run->context, index, &out, state->marks, nv->row_words);
  gboolean some = compute == DCN_COMPUTE_MARKED && dcn_net_op_marks(net, index) && !state->conv;
  run->full &= compute != DCN_COMPUTE_NONE && !some;
  if (compute == DCN_COMPUTE_NONE) {
    memset(&state->stats[index], 0, sizeof state->stats[index]);
    return;
  }
  if (!run->input_taken && reads(op, net->program->input)) {
    dcn_input_take(state);
    run->input_taken = TRUE;
  }
  uint64_t now = now_ns();
  int done;
  run_op(state, index, some ? OP_MARKED : OP_FULL, &now, &done);
  run->values += some ? state->values[op->output].values_changed : (uint64_t)nv->pixels * nv->c;
  run->macs += state->stats[index].macs;
}

void
dcn_state_run_known(DcnState *state, DcnComputeFunc func, void *context, int threads,
                    DcnRunInfo *info)
{
  const DcnNet *net = state->net;
  const DcnProgram *program = net->program;
  KnownRun run = {.state = state, .func = func, .context = context, .full = TRUE};
  state->threads = dcn_state_add_workers(state, dcn_parallel_threads(threads));
  state->dense = TRUE; /* from values: neither accumulators nor deltas know what was put in */
  state->valid = FALSE;
  for (int i = 0; i < program->n_values; i++) {
    DcnValueState *v = &state->values[i];
    if (v->ref)
      dcn_value_clear_marks(v);
    v->delta = NULL;
    v->threshold = 0;
  }
  DcnFloatMode mode_before = dcn_denormals_off();
  dcn_parallel_begin(state->threads);
  for (int i = 0; i < program->n_ops; i++)
    run_known_op(&run, i);
  dcn_parallel_end();
  dcn_float_mode_set(mode_before);
  if (info)
    *info = (DcnRunInfo){.macs = run.macs,
                         .macs_dense = net->macs,
                         .values_changed = run.values,
                         .values = net->total_values,
                         .full = run.full,
                         .exact = run.full};
}
