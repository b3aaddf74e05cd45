/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "frames.h"
#include "common/clip-samples.h"
#include "common/clip-step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Frames are left out in runs of so many. */
#define SEGMENT 64
/* All frames are cut into about so many runs, of which every HOLD_OUT-th is held
 * out.  Runs shorter than SHORTEST_RUN would be next to what was searched on. */
#define RUNS 64
#define SHORTEST_RUN 8
#define HOLD_OUT 4

typedef struct
{
  CalFrames *frames;
  gsize bytes, max_bytes;
  guint stride;                 /* every so many-th segment is kept */
  guint64 seen;                 /* frames of all clips */
  gboolean last_kept;           /* the frame before this one was, and is of this clip */

  ClipStep step;
  const gchar *clip;
  guint n_clip, max_frames;     /* of this clip */
  CalProgress progress;
  gpointer user_data;
} Load;

static void
frame_free (gpointer data)
{
  CalFrame *frame = data;

  g_free (frame->touched);
  g_free (frame->values);
  g_free (frame->scores);
  g_free (frame);
}

static gsize
frame_bytes (const CalFrames * frames, const CalFrame * frame)
{
  return sizeof *frame + (frame->touched ? frames->pixels : 0) +
      ((gsize) frame->n_values * frames->channels +
      frames->n_scores) * sizeof (float);
}

gdouble
cal_lead (const CalFrames * frames, const float *scores, guint best)
{
  float other = -HUGE_VALF;
  guint i;

  if (frames->n_scores == 1)
    return best ? scores[0] - frames->threshold : frames->threshold - scores[0];
  for (i = 0; i < frames->n_scores; i++)
    if (i != best && scores[i] > other)
      other = scores[i];
  return (gdouble) scores[best] - other;
}

gdouble
cal_share (const CalFrames * frames, const float *scores, guint best)
{
  GstDeltaCnnActivation activation = frames->model->activation;
  gdouble lead = cal_lead (frames, scores, best), mine, next;

  if (frames->n_scores == 1)
    return frames->threshold > 0.0 ? 2.0 * lead : tanh (lead / 2.0);
  /* a difference of logarithms, then */
  if (frames->before_softmax || activation == GST_DELTA_CNN_ACTIVATION_SOFTMAX
      || activation == GST_DELTA_CNN_ACTIVATION_EXP)
    return tanh (lead / 2.0);
  mine = scores[best];
  next = mine - lead;
  if (activation == GST_DELTA_CNN_ACTIVATION_SIGMOID) {
    mine = 1.0 / (1.0 + exp (-mine));
    next = 1.0 / (1.0 + exp (-next));
  }
  mine = CLAMP (mine, 0.0, 1.0);
  next = CLAMP (next, 0.0, 1.0);
  return mine + next > 0.0 ? (mine - next) / (mine + next) : 0.0;
}

guint
cal_best (const CalFrames * frames, const float *scores, gdouble * margin)
{
  guint i, best = 0;

  if (frames->n_scores == 1)
    best = scores[0] >= frames->threshold;
  else
    for (i = 1; i < frames->n_scores; i++)
      if (scores[i] > scores[best])
        best = i;
  *margin = cal_lead (frames, scores, best);
  return best;
}

/* What a final softmax reads, or the output: behind a softmax all differences look
 * small. */
static gint
find_scores (const DcnProgram * program)
{
  gint i, value = program->outputs[0];

  for (i = program->n_ops - 1; i >= 0; i--) {
    const DcnOp *op = &program->ops[i];

    if (op->output != value)
      continue;
    if (op->kind == DCN_OP_SOFTMAX)
      return op->inputs[0];
    if (op->kind != DCN_OP_GATHER || op->n_inputs != 1)
      break;
    value = op->inputs[0];
  }
  return program->outputs[0];
}

/* Every second one of the segments kept until now. */
static void
thin_out (Load * load)
{
  CalFrames *frames = load->frames;
  GPtrArray *kept = g_ptr_array_new_with_free_func (frame_free);
  guint i, segment = 0;

  load->stride *= 2;
  for (i = 0; i < frames->frames->len; i++) {
    CalFrame *frame = g_ptr_array_index (frames->frames, i);

    if (i % SEGMENT == 0)
      segment = i / SEGMENT;
    if (segment % 2) {
      load->bytes -= frame_bytes (frames, frame);
      frames->n_left_out++;
      frame_free (frame);
      continue;
    }
    /* the segment before it is gone now */
    if (i % SEGMENT == 0) {
      frame->restart = TRUE;
      g_clear_pointer (&frame->touched, g_free);
    }
    g_ptr_array_add (kept, frame);
  }
  g_ptr_array_set_free_func (frames->frames, NULL);
  g_ptr_array_unref (frames->frames);
  frames->frames = kept;
}

/* Segments begin with the whole tensor, so that the one before can go. */
static void
keep_tensor (const Load * load, CalFrame * frame, const guint8 * touched)
{
  const CalFrames *frames = load->frames;
  const float *tensor = dcn_state_input ((DcnState *)
      gst_delta_cnn_classifier_get_state (load->step.classifier));
  float *out;
  guint i;

  frame->whole = frame->restart || load->seen % SEGMENT == 0;
  if (touched && !frame->restart)
    frame->touched = g_memdup2 (touched, frames->pixels);
  for (i = 0; i < frames->pixels; i++)
    frame->n_values += frame->whole || (touched && touched[i]);
  out = frame->values =
      g_new (float, (gsize) frame->n_values * frames->channels);
  for (i = 0; i < frames->pixels && frame->n_values; i++) {
    if (!frame->whole && !touched[i])
      continue;
    memcpy (out, tensor + (gsize) i * frames->pitch,
        frames->channels * sizeof (float));
    out += frames->channels;
  }
}

/* What the network says in dense mode. */
static void
keep_scores (Load * load, CalFrame * frame)
{
  CalFrames *frames = load->frames;
  GstDeltaCnnOutcome outcome;

  gst_delta_cnn_classifier_run (load->step.classifier, DCN_MODE_DENSE, 1,
      load->step.settings.threads, &outcome);
  frame->scores = g_new (float, frames->n_scores);
  dcn_state_value (gst_delta_cnn_classifier_get_state (load->step.classifier),
      frames->scores_value, frame->scores);
  if (frames->n_scores == 1 && frames->frames->len == 0)
    /* without a sigmoid behind it, the score is the confidence itself */
    frames->threshold =
        outcome.results[0].confidence == frame->scores[0] ? 0.5 : 0.0;
  frame->best = cal_best (frames, frame->scores, &frame->margin);
}

static void
keep_frame (Load * load, const guint8 * touched)
{
  CalFrames *frames = load->frames;
  GstDeltaCnnOutcome outcome;
  CalFrame *frame;

  if (load->seen / SEGMENT % load->stride) {
    /* only for the next tensor to be a difference from this one */
    gst_delta_cnn_classifier_run (load->step.classifier, DCN_MODE_DELTA, 1,
        load->step.settings.threads, &outcome);
    load->last_kept = FALSE;
    frames->n_left_out++;
    load->seen++;
    return;
  }
  frame = g_new0 (CalFrame, 1);
  frame->restart = !load->last_kept;
  keep_tensor (load, frame, touched);
  keep_scores (load, frame);
  g_ptr_array_add (frames->frames, frame);
  load->bytes += frame_bytes (frames, frame);
  load->last_kept = TRUE;
  load->seen++;
  while (load->bytes > load->max_bytes && load->seen % SEGMENT == 0
      && frames->frames->len >= 2 * SEGMENT)
    thin_out (load);
}

static gboolean
take_sample (GstPad * pad, GstSample * sample, gpointer user_data,
    GError ** error)
{
  Load *load = user_data;
  GstDeltaCnnStep step;

  switch (clip_step (&load->step, pad, sample, TRUE, &step, error)) {
    case CLIP_STEP_ERROR:
      return FALSE;
    case CLIP_STEP_PASSED:
      break;
    case CLIP_STEP_DONE:
      if (load->step.anew)
        load->last_kept = FALSE;
      load->frames->by_codec |= step.decision.used == GST_DELTA_CNN_USED_CODEC;
      keep_frame (load,
          gst_delta_cnn_classifier_get_touched (load->step.classifier));
      break;
  }
  load->n_clip++;
  if (load->progress)
    load->progress (load->clip, load->n_clip, load->user_data);
  return load->n_clip != load->max_frames;
}

static gboolean
load_clip (Load * load, const gchar * clip, GError ** error)
{
  ClipSamples read;
  gboolean ok;

  load->clip = clip;
  load->n_clip = 0;
  ok = clip_samples_read (clip, take_sample, load, &read, error);
  load->frames->interrupted |= read.interrupted;
  clip_step_clear (&load->step);
  return ok;
}

static void
hold_out (CalFrames * frames)
{
  guint run = MAX (frames->frames->len / RUNS, SHORTEST_RUN), n = 0, i;
  gboolean before = FALSE;

  for (i = 0; i < frames->frames->len; i++) {
    CalFrame *frame = g_ptr_array_index (frames->frames, i);

    frame->held_out = i / run % HOLD_OUT == HOLD_OUT / 2;
    frames->n_held_out += frame->held_out;
    n += frame->held_out != before;
    before = frame->held_out;
    frame->run = n;
    frames->n_runs = n + 1;
  }
}

static gint
by_size (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return (x > y) - (x < y);
}

static void
measure_scores (CalFrames * frames)
{
  gdouble *margins = g_new (gdouble, frames->frames->len + 1), sum = 0.0;
  guint i, j;

  for (i = 0; i < frames->frames->len; i++) {
    const CalFrame *frame = g_ptr_array_index (frames->frames, i);
    gdouble mean = 0.0, square = 0.0;

    for (j = 0; j < frames->n_scores; j++)
      mean += frame->scores[j] / frames->n_scores;
    if (frames->n_scores == 1)
      mean = frames->threshold;
    for (j = 0; j < frames->n_scores; j++)
      square += (frame->scores[j] - mean) * (frame->scores[j] - mean);
    sum += square / frames->n_scores;
    margins[i] = frame->margin;
  }
  qsort (margins, frames->frames->len, sizeof *margins, by_size);
  frames->typical_margin =
      frames->frames->len ? margins[frames->frames->len / 2] : 0.0;
  g_free (margins);
  frames->spread = sqrt (sum / MAX (frames->frames->len, 1));
}

CalFrames *
cal_frames_load (const gchar * model, gchar ** clips,
    GstDeltaCnnSource source, guint max_frames, gsize max_bytes, gint threads,
    CalProgress progress, gpointer user_data, GError ** error)
{
  CalFrames *frames = g_new0 (CalFrames, 1);
  Load load = { 0 };
  const DcnProgram *program;
  const DcnValue *input;
  gboolean ok = FALSE;
  guint i;

  frames->frames = g_ptr_array_new_with_free_func (frame_free);
  load.frames = frames;
  load.max_bytes = max_bytes;
  load.max_frames = max_frames;
  load.stride = 1;
  load.progress = progress;
  load.user_data = user_data;
  load.step.settings.source = source;
  load.step.settings.mode = GST_DELTA_CNN_MODE_DELTA;
  load.step.settings.top_k = 1;
  load.step.settings.threads = threads;
  load.step.classifier = gst_delta_cnn_classifier_new (model, NULL, error);
  if (!load.step.classifier)
    goto done;
  /* In delta mode hardly anything is computed: for frames that are left out. */
  gst_delta_cnn_classifier_set_tolerance (load.step.classifier, 1e6);
  frames->classifier = load.step.classifier;
  frames->model = gst_delta_cnn_classifier_peek_model (frames->classifier);
  frames->net = gst_delta_cnn_classifier_get_net (frames->classifier);
  program = dcn_net_program (frames->net);
  input = &program->values[program->input];
  frames->pixels = input->h * input->w;
  frames->channels = input->c;
  frames->pitch = dcn_channel_pitch (input->c);
  frames->tensor = g_strdup (input->name);
  frames->scores_value = find_scores (program);
  frames->before_softmax = frames->scores_value != program->outputs[0]
      && frames->model->activation == GST_DELTA_CNN_ACTIVATION_NONE;
  frames->n_scores =
      dcn_value_elements (&program->values[frames->scores_value]);
  for (i = 0; clips[i] && !frames->interrupted; i++) {
    if (!load_clip (&load, clips[i], error))
      goto done;
    frames->n_clips++;
  }
  hold_out (frames);
  measure_scores (frames);
  ok = TRUE;

done:
  if (!ok)
    g_clear_pointer (&frames, cal_frames_free);
  return frames;
}

void
cal_frames_free (CalFrames * frames)
{
  if (!frames)
    return;
  g_ptr_array_unref (frames->frames);
  gst_delta_cnn_classifier_free (frames->classifier);
  g_free (frames->tensor);
  g_free (frames);
}
