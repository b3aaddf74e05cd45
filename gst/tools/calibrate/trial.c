/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/tool.h"
#include "guard.h"
#include "util/parallel.h"

/* Frames for the time of a dense run. */
#define DENSE_FRAMES 21

/* Of every frame that has to be looked at, as a share of a full run. */
#define FRAME_COST 0.01

typedef struct
{
  const CalRunner *runner;
  DcnState *state;
  guint8 *pending;              /* [pixels] touched since the last run */
  float *scores, *outputs;
  gint threads;                 /* of the network */
} Worker;

struct _CalRunner
{
  const CalFrames *frames;
  gint64 deadline;              /* monotonic, or 0 */
  Worker *workers;
  gint n_workers;

  /* of a batch */
  const CalTrial *trials;
  CalResult *results;
  guint n;
  gint next;                    /* atomic */
};

/* Brings the tensor up to date.  FALSE where nothing was touched since the last run. */
static gboolean
take_frame (Worker * worker, const CalFrame * frame)
{
  const CalFrames *frames = worker->runner->frames;
  float *tensor = dcn_state_input (worker->state);
  const float *in = frame->values;
  guint i;

  for (i = 0; i < frames->pixels && frame->n_values; i++) {
    if (!frame->whole && !frame->touched[i])
      continue;
    memcpy (tensor + (gsize) i * frames->pitch, in,
        frames->channels * sizeof (float));
    in += frames->channels;
  }
  if (!frame->touched)
    return FALSE;
  for (i = 0; i < frames->pixels; i++)
    worker->pending[i] |= frame->touched[i];
  return TRUE;
}

/* margin: what the class had to pass, 1 where the result is exact.  Returns by how much
 * more the class leads than it should. */
static gdouble
judge (const Worker * worker, const CalFrame * frame, guint weight,
    gdouble margin, CalKind * kind)
{
  const CalFrames *frames = worker->runner->frames;
  gdouble square = 0.0, lost, lead, scale, typical, error;
  guint i, best;

  for (i = 0; i < frames->n_scores; i++) {
    gdouble difference = fabs ((gdouble) worker->scores[i] - frame->scores[i]);

    square += difference * difference;
    if (!(difference <= kind->max_error))
      kind->max_error = difference;
  }
  kind->mean_error += weight * sqrt (square / frames->n_scores);
  best = cal_best (frames, worker->scores, &lead);
  error = cal_share (frames, worker->scores, best)
      - cal_share (frames, frame->scores, best);
  kind->frames += weight;
  kind->differ += best != frame->best ? weight : 0;
  kind->unsure += best != frame->best || error > margin ? weight : 0;
  lost = frame->margin - cal_lead (frames, worker->scores, frame->best);
  /* The typical lead keeps frames whose class hardly leads from outweighing all
   * others: those are lost or not, whatever is done. */
  scale = frame->margin * frame->margin;
  typical = frames->typical_margin * frames->typical_margin;
  lost = lost * lost;
  kind->risk[0] += weight * lost / MAX (scale + typical, 1e-30);
  kind->risk[1] += weight * lost / MAX (scale + 0.04 * typical + lost, 1e-30);
  return MAX (error, 0.0);
}

static void
finish (const CalFrames * frames, CalKind * kind)
{
  gdouble spread = MAX (frames->spread, 1e-30);

  if (!kind->frames)
    return;
  kind->risk[0] /= kind->frames;
  kind->risk[1] /= kind->frames;
  kind->mean_error /= kind->frames * spread;
  kind->max_error /= spread;
}

static void
set_tolerances (DcnState * state, const DcnProgram * program,
    const double *tolerances)
{
  gint i;

  dcn_state_set_tolerance (state, 0.0);
  for (i = 0; i < program->n_values; i++)
    if (tolerances[i] >= 0.0)
      dcn_state_set_value_tolerance (state, program->values[i].name,
          tolerances[i]);
  dcn_state_reset (state);
}

static gint64
now_ns (void)
{
  return g_get_monotonic_time () * 1000;
}

/* For how many a frame stands. */
static guint
weight_of (const CalTrial * trial, const CalFrame * frame)
{
  if (trial->all)
    return 1;
  return frame->held_out ? 0 : trial->weights ? trial->weights[frame->run] : 1;
}

/* Frames that follow another, by weight, in a trial that is not given up. */
static guint
count_partial (const CalFrames * frames, const CalTrial * trial)
{
  gboolean after = FALSE;
  guint n = 0, i;

  for (i = 0; i < frames->frames->len; i++) {
    const CalFrame *frame = g_ptr_array_index (frames->frames, i);
    guint weight = weight_of (trial, frame);

    n += after && !frame->restart ? weight : 0;
    after = weight > 0;
  }
  return n;
}

/* The frames in order, as the element would meet them; those that are not wanted only change
 * the tensor. */
static void
run_trial (Worker * worker, const CalTrial * trial, CalResult * result)
{
  const CalRunner *runner = worker->runner;
  const CalFrames *frames = runner->frames;
  const DcnProgram *program = dcn_net_program (frames->net);
  gboolean full = TRUE, jumped = TRUE, waiting = FALSE, sure = FALSE;
  GstDeltaCnnGuard guard = { trial->margin };
  gdouble passed = 0.0, error;
  guint partial = count_partial (frames, trial), weight, i;
  gint j;

  memset (result, 0, sizeof *result);
  set_tolerances (worker->state, program, trial->tolerances);
  memset (worker->pending, 0, frames->pixels);
  for (i = 0; i < frames->frames->len; i++) {
    const CalFrame *frame = g_ptr_array_index (frames->frames, i);
    CalKind *kind = frame->held_out ? &result->held_out : &result->searched;
    const DcnOpStat *stats = dcn_state_op_stats (worker->state);
    GstDeltaCnnGuarded info = { {0} };
    gint64 start;

    if (tool_is_interrupted () || cal_runner_is_late ((CalRunner *) runner))
      return;
    if (frame->restart) {
      full = TRUE;
      dcn_state_reset (worker->state);
      guard.tightened = 0.0;
    }
    waiting |= take_frame (worker, frame);
    if (!(weight = weight_of (trial, frame))) {
      jumped = TRUE;
      continue;
    }
    start = now_ns ();
    if (full || waiting) {
      gst_delta_cnn_guard_run (&guard, frames->model, worker->state,
          full ? NULL : worker->pending, NULL, worker->threads,
          worker->outputs, &info);
      dcn_state_value (worker->state, frames->scores_value, worker->scores);
      sure = info.run.exact;
      passed = info.passed;
    }
    if (!full && !jumped) {
      result->partial++;
      result->ns += now_ns () - start;
      result->cost += waiting ? weight * (info.run.cost + FRAME_COST) : 0.0;
      result->macs += info.run.macs;
      result->redone += info.redone;
      for (j = 0; trial->ops && waiting && j < program->n_ops; j++)
        trial->ops[j].macs += stats[j].macs;
    }
    error = judge (worker, frame, weight, sure ? 1.0 : passed, kind);
    if (trial->hardness)
      trial->hardness[frame->run] += info.redone || sure ? info.redone :
          MIN (error / MAX (passed, 0.01), 2.0);
    memset (worker->pending, 0, frames->pixels);
    full = jumped = waiting = FALSE;
    if (result->searched.differ + result->held_out.differ > trial->most_differ
        || result->searched.unsure + result->held_out.unsure >
        trial->most_unsure)
      return;
    if (trial->most_cost > 0.0 && result->cost > trial->most_cost * partial) {
      result->too_costly = TRUE;
      return;
    }
  }
  finish (frames, &result->searched);
  finish (frames, &result->held_out);
  if (result->partial) {
    result->cost /= MAX (partial, 1);
    result->ns /= result->partial;
    result->macs /= (gdouble) result->partial *
        MAX (dcn_net_macs (frames->net), 1);
  }
  result->complete = TRUE;
}

static gpointer
work (gpointer data)
{
  Worker *worker = data;
  CalRunner *runner = (CalRunner *) worker->runner;
  guint i;

  while ((i = (guint) g_atomic_int_add (&runner->next, 1)) < runner->n)
    run_trial (worker, &runner->trials[i], &runner->results[i]);
  return NULL;
}

gboolean
cal_runner_run (CalRunner * runner, const CalTrial * trials,
    CalResult * results, guint n)
{
  GThread *threads[DCN_PARALLEL_MAX];
  gint i, n_threads = MIN ((guint) runner->n_workers, n);

  runner->trials = trials;
  runner->results = results;
  runner->n = n;
  g_atomic_int_set (&runner->next, 0);
  for (i = 1; i < n_threads; i++)
    threads[i] = g_thread_new ("trial", work, &runner->workers[i]);
  work (&runner->workers[0]);
  for (i = 1; i < n_threads; i++)
    g_thread_join (threads[i]);
  return !tool_is_interrupted ();
}

gboolean
cal_runner_time (CalRunner * runner, const CalTrial * trial, CalResult * result)
{
  Worker *worker = &runner->workers[0];

  worker->threads = runner->n_workers;
  run_trial (worker, trial, result);
  worker->threads = 1;
  return !tool_is_interrupted ();
}

static gint
by_size (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

gdouble
cal_runner_time_dense (CalRunner * runner)
{
  Worker *worker = &runner->workers[0];
  gdouble ns[DENSE_FRAMES];
  gint i;

  for (i = -1; i < DENSE_FRAMES; i++) {
    gint64 start = now_ns ();

    dcn_state_run (worker->state, NULL, DCN_MODE_DENSE, runner->n_workers,
        NULL);
    if (i >= 0)
      ns[i] = now_ns () - start;
    if (tool_is_interrupted ())
      break;
  }
  if (i <= 0)
    return 0.0;
  qsort (ns, i, sizeof *ns, by_size);
  return ns[i / 2];
}

void
cal_runner_set_deadline (CalRunner * runner, gint64 deadline)
{
  runner->deadline = deadline;
}

gboolean
cal_runner_is_late (CalRunner * runner)
{
  return runner->deadline && g_get_monotonic_time () >= runner->deadline;
}

gint
cal_runner_get_threads (CalRunner * runner)
{
  return runner->n_workers;
}

CalRunner *
cal_runner_new (const CalFrames * frames, gint threads, GError ** error)
{
  CalRunner *runner = g_new0 (CalRunner, 1);
  gint i;

  runner->frames = frames;
  runner->n_workers = dcn_parallel_threads (threads);
  runner->workers = g_new0 (Worker, runner->n_workers);
  for (i = 0; i < runner->n_workers; i++) {
    Worker *worker = &runner->workers[i];

    worker->runner = runner;
    worker->threads = 1;
    worker->pending = g_malloc0 (frames->pixels);
    worker->scores = g_new0 (float, frames->n_scores);
    worker->outputs = g_new0 (float, frames->model->n_classes);
    worker->state = dcn_state_new (frames->net, i ? NULL : error);
    if (worker->state)
      continue;
    if (i == 0) {
      cal_runner_free (runner);
      return NULL;
    }
    /* no memory for more: with fewer, then */
    g_free (worker->pending);
    g_free (worker->scores);
    g_free (worker->outputs);
    runner->n_workers = i;
  }
  return runner;
}

void
cal_runner_free (CalRunner * runner)
{
  gint i;

  if (!runner)
    return;
  for (i = 0; i < runner->n_workers; i++) {
    dcn_state_free (runner->workers[i].state);
    g_free (runner->workers[i].pending);
    g_free (runner->workers[i].scores);
    g_free (runner->workers[i].outputs);
  }
  g_free (runner->workers);
  g_free (runner);
}
