/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "measure.h"
#include "step.h"
#include "common/tool.h"
#include "util/parallel.h"

#include <gio/gio.h>
#include <math.h>
#include <string.h>

/* One stream's part of the element. */
typedef struct
{
  GstDeltaCnnClassifier *classifier;
  GstDeltaCnnStream kept;
  GstDeltaCnnStepSettings settings;
  BenchTimes *times;            /* [runs * n_frames] */
  gint compared;                /* value that outputs are compared in, or -1 */
  float *outputs;               /* [n_outputs] */
  gsize n_outputs;
} Stream;

static void
stream_clear (Stream * stream)
{
  gst_delta_cnn_stream_clear (&stream->kept);
  gst_delta_cnn_classifier_free (stream->classifier);
  g_free (stream->times);
  g_free (stream->outputs);
}

/* The value before a final softmax, behind which all outputs differ little; the
 * output itself where the model has none. */
static gint
compared_value (const DcnProgram * program, gboolean * before_softmax)
{
  gint i, value = program->outputs[0];

  *before_softmax = FALSE;
  for (i = program->n_ops - 1; i >= 0; i--) {
    const DcnOp *op = &program->ops[i];

    if (op->output != value)
      continue;
    if (op->kind == DCN_OP_SOFTMAX || op->kind == DCN_OP_LOG_SOFTMAX) {
      *before_softmax = TRUE;
      return op->inputs[0];
    }
    if (op->kind != DCN_OP_GATHER || op->n_inputs != 1)
      break;
    value = op->inputs[0];
  }
  return program->outputs[0];
}

static gboolean
stream_init (Stream * stream, const BenchSettings * settings,
    GstDeltaCnnMode mode, GstDeltaCnnEngine engine, guint n_frames,
    gboolean * before_softmax, GError ** error)
{
  const DcnProgram *program;

  stream->classifier =
      gst_delta_cnn_classifier_new (settings->model, NULL, error);
  if (!stream->classifier)
    return FALSE;
  if (!gst_delta_cnn_classifier_prepare (stream->classifier, mode, engine,
          settings->threads, error))
    return FALSE;
  gst_delta_cnn_classifier_set_tolerance (stream->classifier,
      mode == GST_DELTA_CNN_MODE_DELTA ? settings->tolerance : 0.0);
  gst_delta_cnn_classifier_set_margin (stream->classifier, settings->margin);
  stream->settings.source = settings->source;
  stream->settings.mode = mode;
  stream->settings.engine = engine;
  stream->settings.study_gop = settings->study_gop;
  stream->settings.top_k = 2;
  stream->settings.threads = settings->threads;
  stream->times = g_new0 (BenchTimes, (gsize) settings->runs * n_frames);
  program =
      dcn_net_program (gst_delta_cnn_classifier_get_net (stream->classifier));
  stream->compared = compared_value (program, before_softmax);
  stream->n_outputs = dcn_value_elements (&program->values[stream->compared]);
  stream->outputs = g_new0 (float, stream->n_outputs);
  return TRUE;
}

static void
stream_step (Stream * stream, const BenchFrame * frame, guint slot,
    GstDeltaCnnStep * step)
{
  BenchTimes *times = &stream->times[slot];

  gst_delta_cnn_step (&stream->kept, stream->classifier, &stream->settings,
      &frame->input, step);
  times->changes = step->time_changes;
  times->tensor = step->outcome.time_tensor;
  times->network = step->outcome.time_network;
}

static void
read_outputs (Stream * stream)
{
  if (!dcn_state_value (gst_delta_cnn_classifier_get_state
          (stream->classifier), stream->compared, stream->outputs))
    memset (stream->outputs, 0, stream->n_outputs * sizeof *stream->outputs);
}

static gdouble
rel_error (Stream * stream, Stream * dense)
{
  gdouble worst = 0, largest = 0;
  gsize i;

  read_outputs (stream);
  read_outputs (dense);
  for (i = 0; i < stream->n_outputs; i++) {
    gdouble difference = fabs ((gdouble) stream->outputs[i]
        - dense->outputs[i]);

    /* not a number in one of them alone is as wrong as can be */
    if (isnan (stream->outputs[i]) != isnan (dense->outputs[i]))
      return HUGE_VAL;
    worst = fmax (worst, difference);
    largest = fmax (largest, fabs (dense->outputs[i]));
  }
  return largest > 0 ? worst / largest : worst;
}

static gint
compare_totals (gconstpointer a, gconstpointer b)
{
  guint64 x = bench_times_total (a), y = bench_times_total (b);

  return x < y ? -1 : x > y;
}

/* Of several passes the lower median of each frame. */
static BenchTimes *
middle_pass (const Stream * stream, guint runs, guint n_frames)
{
  BenchTimes *out = g_new (BenchTimes, n_frames);
  BenchTimes *one = g_new (BenchTimes, runs);
  guint i, run;

  for (i = 0; i < n_frames; i++) {
    for (run = 0; run < runs; run++)
      one[run] = stream->times[(gsize) run * n_frames + i];
    qsort (one, runs, sizeof *one, compare_totals);
    out[i] = one[(runs - 1) / 2];
  }
  g_free (one);
  return out;
}

static void
count_frame (BenchResult * result, const GstDeltaCnnStep * step)
{
  result->macs += step->outcome.macs;
  result->macs_dense += step->outcome.macs_dense;
  result->values_changed += step->outcome.values_changed;
  result->values += step->outcome.values;
  result->blocks_changed += step->decision.n_changed;
  result->blocks += step->decision.n_blocks;
  result->reuse[CLAMP (step->outcome.reuse, 0, 2)]++;
  result->used[CLAMP (step->decision.used, 0, 2)]++;
  result->mismatches += step->mismatch;
  result->redone += step->outcome.redone;
}

static gboolean
run_pass (const BenchSettings * settings, guint run, BenchFrames * frames,
    Stream * main, Stream * twin, BenchResult * result, GError ** error)
{
  guint i, n = result->n_frames, same = 0;

  gst_delta_cnn_step_restart (&main->kept, main->classifier);
  if (twin)
    gst_delta_cnn_step_restart (&twin->kept, twin->classifier);
  for (i = 0; i < n; i++) {
    guint slot = run * n + i;
    GstDeltaCnnStep step, dense = { {0}
    };
    BenchFrame frame;

    if (tool_is_interrupted ())
      return FALSE;
    if (!bench_frames_get (frames, i, &frame)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
          "frame %u of the clip cannot be read", i);
      return FALSE;
    }
    if (i == 0) {
      result->width = frame.info.width;
      result->height = frame.info.height;
    }
    if (!gst_delta_cnn_step_plan (&main->kept, main->classifier,
            &frame.info, error)
        || (twin && !gst_delta_cnn_step_plan (&twin->kept, twin->classifier,
                &frame.info, error)))
      return FALSE;
    /* Whoever comes first brings the frame into the caches: they take turns. */
    if (twin && (i + run) % 2 == 1)
      stream_step (twin, &frame, slot, &dense);
    stream_step (main, &frame, slot, &step);
    if (twin && (i + run) % 2 == 0)
      stream_step (twin, &frame, slot, &dense);
    if (i > 0)
      op_sums_add_run (result->side.ops, main->classifier, step.outcome.reuse);
    if (i > 0 && run == 0)
      count_frame (result, &step);
    if (twin) {
      if (i > 0)
        op_sums_add_run (result->twin.ops, twin->classifier,
            dense.outcome.reuse);
      if (run == 0) {
        gdouble e = rel_error (main, twin);

        result->max_rel_error = fmax (result->max_rel_error, e);
        result->mean_rel_error += e / n;
        if (dense.outcome.n_results > 1)
          result->mean_margin += (dense.outcome.results[0].confidence
              - dense.outcome.results[1].confidence) / n;
        same += step.outcome.results[0].index == dense.outcome.results[0].index;
      }
    }
    if (settings->progress)
      settings->progress (slot + 1, settings->runs * n, settings->user_data);
  }
  if (twin && run == 0)
    result->top1_agreement = (gdouble) same / n;
  return TRUE;
}

BenchResult *
bench_measure (const BenchSettings * settings, BenchFrames * frames,
    GError ** error)
{
  BenchResult *result = g_new0 (BenchResult, 1);
  gboolean dense = settings->mode == GST_DELTA_CNN_MODE_DENSE
      && settings->engine == GST_DELTA_CNN_ENGINE_NATIVE;
  gboolean beside = !settings->alone && !dense;
  Stream main = { NULL }, twin = { NULL };
  gboolean ok = FALSE;
  guint run;
  gint n_ops;

  result->n_frames = bench_frames_count (frames);
  result->runs = settings->runs;
  result->threads = dcn_parallel_threads (settings->threads);
  if (result->n_frames < 2) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "at least two frames are needed: the first has nothing to reuse");
    goto done;
  }
  if (!stream_init (&main, settings, settings->mode, settings->engine,
          result->n_frames, &result->before_softmax, error)
      || (beside && !stream_init (&twin, settings, GST_DELTA_CNN_MODE_DENSE,
              GST_DELTA_CNN_ENGINE_NATIVE, result->n_frames,
              &result->before_softmax, error)))
    goto done;
  n_ops =
      dcn_net_program (gst_delta_cnn_classifier_get_net (main.classifier))->
      n_ops;
  result->side.ops = g_new0 (OpSums, n_ops);
  result->twin.ops = g_new0 (OpSums, n_ops);
  for (run = 0; run < settings->runs; run++)
    if (!run_pass (settings, run, frames, &main, beside ? &twin : NULL, result,
            error))
      goto done;
  result->side.frames = middle_pass (&main, settings->runs, result->n_frames);
  if (beside) {
    result->twin.frames = middle_pass (&twin, settings->runs, result->n_frames);
    result->dense = &result->twin;
  } else if (dense) {
    result->dense = &result->side;
    result->top1_agreement = 1.0;
  }
  result->classifier = g_steal_pointer (&main.classifier);
  ok = TRUE;

done:
  stream_clear (&main);
  stream_clear (&twin);
  if (ok)
    return result;
  bench_result_free (result);
  return NULL;
}

void
bench_result_free (BenchResult * result)
{
  if (!result)
    return;
  gst_delta_cnn_classifier_free (result->classifier);
  g_free (result->side.frames);
  g_free (result->side.ops);
  g_free (result->twin.frames);
  g_free (result->twin.ops);
  g_free (result);
}
