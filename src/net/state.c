/* deltacnn: one stream's caches.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "net/state.h"
#include "net/winograd.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

/* Counts what it allocates, and remembers whether any of it failed. */
typedef struct {
  size_t bytes;
  gboolean failed;
} Budget;

static void *
take(Budget *budget, size_t count, size_t size)
{
  void *memory = dcn_aligned_new0(count, size);
  budget->bytes += count * size;
  budget->failed |= !memory;
  return memory;
}

/* What a stream that always runs densely never touches. */
static float *
take_lazy(Budget *budget, size_t count)
{
  float *memory = dcn_lazy_new0(count);
  budget->bytes += count * sizeof(float);
  budget->failed |= !memory;
  return memory;
}

static void
worker_free(DcnWorker *worker)
{
  if (!worker)
    return;
  dcn_aligned_free(worker->pointers);
  dcn_aligned_free(worker->masks);
  dcn_aligned_free(worker->floats);
  dcn_aligned_free(worker->y);
  dcn_aligned_free(worker->lines);
  dcn_aligned_free(worker->repeated);
  dcn_aligned_free(worker);
}

static DcnWorker *
worker_new(const DcnNeeds *needs, Budget *budget)
{
  DcnWorker *worker = take(budget, 1, sizeof *worker); /* on cache lines of its own */
  if (!worker)
    return NULL;
  worker->pointers = take(budget, needs->pointers, sizeof *worker->pointers);
  worker->masks = take(budget, needs->masks, sizeof *worker->masks);
  worker->floats = take(budget, needs->floats, sizeof(float));
  worker->lines = take(budget, needs->lines, sizeof *worker->lines);
  worker->y = take(budget, MAX(needs->channels, DCN_RUN_FLOATS), sizeof(float));
  worker->repeated = take(budget, needs->channels, sizeof(float));
  return worker;
}

/* Returns how many workers there are afterwards: fewer than asked for when memory is short. */
int
dcn_state_add_workers(DcnState *state, int count)
{
  while (state->n_workers < count) {
    Budget budget = {0};
    DcnWorker *worker = worker_new(&state->net->needs, &budget);
    if (budget.failed) {
      worker_free(worker);
      break;
    }
    state->workers[state->n_workers++] = worker;
    state->cache_bytes += budget.bytes;
  }
  return state->n_workers;
}

static void
take_untested(Budget *budget, const DcnNetValue *input, DcnUntested *untested)
{
  untested->worth = TRUE;
  if (input->cell_w == 0)
    return;
  untested->cell_w = input->cell_w;
  untested->cell_h = input->cell_h;
  untested->across = (input->w - 1) / untested->cell_w + 1;
  untested->bands = ((input->h - 1) / untested->cell_h + 1) * input->n;
  untested->words = dcn_bits_words(untested->across);
  size_t words = (size_t)untested->bands * (size_t)untested->words;
  untested->cells = take(budget, words, sizeof *untested->cells);
  untested->taken = take(budget, words, sizeof *untested->taken);
}

DcnState *
dcn_state_new(DcnNet *net, GError **error)
{
  const DcnProgram *program = net->program;
  const DcnNetValue *input = &net->values[program->input];
  const DcnNeeds *needs = &net->needs;
  Budget budget = {0};
  DcnState *state = g_new0(DcnState, 1);
  state->net = dcn_net_ref(net);
  state->adaptive = TRUE;
  state->scale = 1;
  state->values = g_new0(DcnValueState, (size_t)program->n_values);
  state->acc = g_new0(float *, (size_t)MAX(program->n_ops, 1));
  state->acc_valid = g_new0(uint8_t *, (size_t)MAX(program->n_ops, 1));
  state->refresh = g_new0(DcnRefresh, (size_t)MAX(program->n_ops, 1));
  state->with_deltas = g_new0(uint8_t, (size_t)MAX(program->n_ops, 1));
  memset(state->with_deltas, 1, (size_t)MAX(program->n_ops, 1));
  state->stats = g_new0(DcnOpStat, (size_t)MAX(program->n_ops, 1));
  state->workers = g_new0(DcnWorker *, DCN_PARALLEL_MAX);
  state->input = take(&budget, (size_t)input->pixels * dcn_channel_pitch(input->c), sizeof(float));
  state->arena = take_lazy(&budget, net->arena_floats);
  state->zero = take(&budget, needs->taps, sizeof(float));
  state->list = take(&budget, needs->list + DCN_BITS_LIST_SLACK, sizeof *state->list);
  state->order = take(&budget, needs->list, sizeof *state->order);
  state->row_bits = take(&budget, needs->row_words, sizeof *state->row_bits);
  state->marks = take(&budget, needs->marks, sizeof *state->marks);
  state->tiles = take(&budget, needs->tiles, sizeof *state->tiles);
  state->tile_bits = take(&budget, needs->tiles, sizeof *state->tile_bits);
  state->products = take(&budget, needs->products, sizeof(float));
  state->fc_index = take(&budget, needs->inputs + 1, sizeof *state->fc_index);
  state->fc_x = take(&budget, needs->inputs + 1, sizeof(float));
  for (int i = 0; i < program->n_values && !budget.failed; i++) {
    DcnValueState *v = &state->values[i];
    const DcnNetValue *nv = v->net = &net->values[i];
    v->tolerance = v->rms = -1;
    if (!nv->produced)
      continue;
    if (nv->view_of < 0)
      v->ref = take(&budget, nv->floats, sizeof(float));
    if (!nv->no_mask)
      v->mask = take(&budget, (size_t)nv->pixels * nv->words, sizeof *v->mask);
    if (i != program->input || !nv->no_mask)
      v->changed = take(&budget, (size_t)nv->pixels + 7, 1);
    v->bits = take(&budget, (size_t)nv->n * nv->h * nv->row_words, sizeof *v->bits);
    v->row_changed = take(&budget, (size_t)nv->n * nv->h, sizeof *v->row_changed);
  }
  /* A view lies in a concatenation's ref, which may be a view itself. */
  for (int i = 0; i < program->n_values && !budget.failed; i++) {
    const DcnNetValue *nv = &net->values[i];
    size_t channel = 0;
    int at = i;
    for (; net->values[at].view_of >= 0; at = net->values[at].view_of)
      channel += (size_t)net->values[at].view_channel;
    if (nv->view_of >= 0)
      state->values[i].ref = state->values[at].ref + channel;
  }
  for (int i = 0; i < program->n_ops && !budget.failed; i++) {
    if (net->ops[i].acc_floats)
      state->acc[i] = take_lazy(&budget, net->ops[i].acc_floats);
    if (net->ops[i].acc_floats || net->ops[i].reads_deltas)
      state->acc_valid[i] = take(&budget, (size_t)dcn_op_out(net, net->ops[i].op)->pixels, 1);
  }
  take_untested(&budget, input, &state->untested);
  state->cache_bytes = budget.bytes;
  if (budget.failed || dcn_state_add_workers(state, 1) < 1) {
    dcn_state_free(state);
    dcn_no_memory(error);
    return NULL;
  }
  return state;
}

void
dcn_state_free(DcnState *state)
{
  if (!state)
    return;
  for (int i = 0; i < state->net->program->n_values; i++) {
    DcnValueState *v = &state->values[i];
    if (v->net && v->net->view_of < 0)
      dcn_aligned_free(v->ref);
    dcn_aligned_free(v->mask);
    dcn_aligned_free(v->changed);
    dcn_aligned_free(v->bits);
    dcn_aligned_free(v->row_changed);
  }
  for (int i = 0; i < state->net->program->n_ops; i++) {
    dcn_lazy_free(state->acc[i], state->net->ops[i].acc_floats);
    dcn_aligned_free(state->acc_valid[i]);
  }
  for (int i = 0; i < state->n_workers; i++)
    worker_free(state->workers[i]);
  dcn_aligned_free(state->input);
  dcn_lazy_free(state->arena, state->net->arena_floats);
  dcn_aligned_free(state->zero);
  dcn_aligned_free(state->list);
  dcn_aligned_free(state->order);
  dcn_aligned_free(state->row_bits);
  dcn_aligned_free(state->marks);
  dcn_aligned_free(state->tiles);
  dcn_aligned_free(state->tile_bits);
  dcn_aligned_free(state->products);
  dcn_aligned_free(state->fc_index);
  dcn_aligned_free(state->fc_x);
  dcn_aligned_free(state->untested.cells);
  dcn_aligned_free(state->untested.taken);
  g_free(state->values);
  g_free(state->acc);
  g_free(state->acc_valid);
  g_free(state->refresh);
  g_free(state->with_deltas);
  g_free(state->stats);
  g_free(state->workers);
  dcn_net_unref(state->net);
  g_free(state);
}

void
dcn_state_reset(DcnState *state)
{
  size_t n_ops = (size_t)MAX(state->net->program->n_ops, 1);
  state->valid = FALSE;
  state->pending = FALSE;
  state->full_runs = 0;
  /* As a new one: the same frames then give the same bits. */
  memset(state->refresh, 0, n_ops * sizeof *state->refresh);
  memset(state->with_deltas, 1, n_ops);
  memset(state->learned, 0, sizeof state->learned);
  state->untested.worth = TRUE;
  state->untested.spare = 0;
}

void
dcn_state_set_conv(DcnState *state, DcnConvFunc func, void *context)
{
  state->conv = func;
  state->conv_context = context;
  dcn_state_reset(state);
}

size_t
dcn_state_cache_bytes(const DcnState *state)
{
  return state->cache_bytes;
}

void
dcn_state_set_tolerance(DcnState *state, double tolerance)
{
  state->tolerance = tolerance > 0 ? tolerance : 0;
  state->learned[0].costly_inputs = 0;
}

void
dcn_state_scale_tolerances(DcnState *state, double factor)
{
  state->scale = factor < 1 ? MAX(factor, 0) : 1;
}

void
dcn_state_set_adaptive(DcnState *state, gboolean adaptive)
{
  state->adaptive = adaptive;
}

gboolean
dcn_state_set_value_tolerance(DcnState *state, const char *value_name, double tolerance)
{
  const DcnProgram *program = state->net->program;
  for (int i = 0; i < program->n_values; i++)
    if (state->net->values[i].produced && g_strcmp0(program->values[i].name, value_name) == 0) {
      state->values[i].tolerance = tolerance >= 0 ? tolerance : -1;
      state->learned[0].costly_inputs = 0;
      return TRUE;
    }
  return FALSE;
}

float *
dcn_state_input(DcnState *state)
{
  return state->input;
}

const DcnOpStat *
dcn_state_op_stats(const DcnState *state)
{
  return state->stats;
}

void
dcn_state_output(const DcnState *state, int output, float *out)
{
  dcn_state_value(state, state->net->program->outputs[output], out);
}

gboolean
dcn_state_value(const DcnState *state, int value, float *out)
{
  const DcnProgram *program = state->net->program;
  if (value < 0 || value >= program->n_values || !state->values[value].ref)
    return FALSE;
  dcn_value_to_logical(&program->values[value], &state->net->values[value],
                       state->values[value].ref, out);
  return TRUE;
}
