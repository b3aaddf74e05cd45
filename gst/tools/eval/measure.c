/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "measure.h"
#include "common/tool.h"

#include <gst/video/video.h>
#include <math.h>
#include <string.h>

/* One way's part of the clip that is under way. */
typedef struct
{
  GArray *frames;               /* of EvalFrame */
  gdouble *scores;              /* [n_classes] */
} Part;

typedef struct
{
  const EvalSetup *setup;
  EvalResult *result;
  Part *parts;                  /* [ways] */
  guint n_ways;
  guint max_frames;
  EvalProgress progress;
} Measure;

static gint
best_of (const gdouble * scores, guint n)
{
  guint i, best = 0;

  for (i = 1; i < n; i++)
    if (scores[i] > scores[best])
      best = i;
  return best;
}

static guint
class_of (const EvalClips * clips, const EvalClip * clip)
{
  guint i;

  for (i = 0; i < clips->classes->len; i++)
    if (g_ptr_array_index (clips->classes, i) == clip->class_name)
      break;
  return i;
}

static void
tell (const Measure * m, guint clip, const EvalWay * way, guint nth)
{
  const GPtrArray *clips = m->result->clips->clips;
  const gchar *name = ((EvalClip *) g_ptr_array_index (clips, clip))->name;
  gchar *what;

  if (!m->progress)
    return;
  what = g_strdup_printf ("%s  %s", name, way ? way->name : "decoding");
  /* decoding is about as much as one way */
  m->progress (what, (clip + (gdouble) nth / (m->n_ways + 1)) / clips->len);
  g_free (what);
}

/* All ways have done all frames of it. */
static void
count_clip (Measure * m, const EvalClip * clip, const ClipFrames * frames)
{
  EvalResult *result = m->result;
  guint i, w, n = frames->samples->len, class = class_of (result->clips, clip);
  EvalDone done = { clip, n, 0, frames->coded, frames->untouched,
    frames->memory_full
  };

  done.label = best_of (m->parts[0].scores, m->setup->n_classes);
  for (w = 0; w < m->n_ways; w++) {
    EvalTally *tally = &g_array_index (result->tallies, EvalTally, w);
    gint label = best_of (m->parts[w].scores, m->setup->n_classes);

    for (i = 0; i < n; i++) {
      EvalRecord record = { g_array_index (m->parts[w].frames, EvalFrame, i),
        result->done->len, i
      };
      gint dense = g_array_index (m->parts[0].frames, EvalFrame, i).best;

      tally->right += record.frame.best == clip->label;
      tally->class_right[class] += record.frame.best == clip->label;
      tally->same += record.frame.best == dense;
      g_array_append_val (tally->records, record);
    }
    tally->clips_right += label == clip->label;
    tally->clips_same += label == done.label;
    if (tally->op_ms)
      g_array_append_vals (tally->op_ms, eval_runner_op_ms (tally->runner),
          n * result->n_ops);
    op_sums_add (tally->ops, eval_runner_ops (tally->runner), result->n_ops);
  }
  if (!result->n_frames) {
    GstVideoInfo info;

    if (gst_video_info_from_caps (&info,
            gst_sample_get_caps (g_ptr_array_index (frames->samples, 0)))) {
      result->width = GST_VIDEO_INFO_WIDTH (&info);
      result->height = GST_VIDEO_INFO_HEIGHT (&info);
    }
  }
  result->class_frames[class] += n;
  result->n_frames += n;
  g_array_append_val (result->done, done);
}

static gboolean
measure_clip (Measure * m, guint nth, GError ** error)
{
  EvalResult *result = m->result;
  const EvalClip *clip = g_ptr_array_index (result->clips->clips, nth);
  ClipFrames *frames;
  gboolean ok = TRUE;
  guint i;

  tell (m, nth, NULL, 0);
  frames = clip_frames_load (clip->path, m->max_frames, NULL, NULL, error);
  if (!frames)
    return FALSE;
  result->interrupted = frames->interrupted || tool_is_interrupted ();
  for (i = 0; i < m->n_ways && ok && !result->interrupted; i++) {
    guint w = (nth + i) % m->n_ways;
    EvalTally *tally = &g_array_index (result->tallies, EvalTally, w);

    tell (m, nth, tally->way, i + 1);
    g_array_set_size (m->parts[w].frames, 0);
    ok = eval_runner_clip (tally->runner, frames, m->parts[w].frames,
        m->parts[w].scores, error);
    result->interrupted = tool_is_interrupted ();
  }
  if (ok && !result->interrupted)
    count_clip (m, clip, frames);
  clip_frames_free (frames);
  if (!ok)
    g_prefix_error (error, "%s: ", clip->path);
  return ok;
}

static void
clear_tally (gpointer data)
{
  EvalTally *tally = data;

  eval_runner_free (tally->runner);
  g_array_unref (tally->records);
  if (tally->op_ms)
    g_array_unref (tally->op_ms);
  g_free (tally->class_right);
  g_free (tally->ops);
}

static gboolean
start_ways (EvalResult * result, const EvalSetup * setup,
    const GPtrArray * ways, gboolean layers, GError ** error)
{
  guint i;

  for (i = 0; i < ways->len; i++) {
    EvalTally tally = { g_ptr_array_index (ways, i) };

    tally.runner = eval_runner_new (setup, tally.way, error);
    if (!tally.runner)
      return FALSE;
    result->n_ops = dcn_net_program (gst_delta_cnn_classifier_get_net
        (eval_runner_classifier (tally.runner)))->n_ops;
    tally.records = g_array_new (FALSE, FALSE, sizeof (EvalRecord));
    tally.class_right = g_new0 (guint, result->clips->classes->len);
    if (layers)
      tally.op_ms = g_array_new (FALSE, FALSE, sizeof (gfloat));
    tally.ops = g_new0 (OpSums, result->n_ops);
    g_array_append_val (result->tallies, tally);
  }
  return TRUE;
}

EvalResult *
eval_measure (const EvalSetup * setup, const EvalClips * clips,
    const GPtrArray * ways, guint max_frames, gboolean layers,
    EvalProgress progress, GError ** error)
{
  EvalResult *result = g_new0 (EvalResult, 1);
  Measure m = { setup, result, NULL, ways->len, max_frames, progress };
  gboolean ok;
  guint i;

  result->clips = clips;
  result->done = g_array_new (FALSE, FALSE, sizeof (EvalDone));
  result->bad = g_ptr_array_new_with_free_func (g_free);
  result->class_frames = g_new0 (guint, clips->classes->len);
  result->tallies = g_array_new (FALSE, FALSE, sizeof (EvalTally));
  g_array_set_clear_func (result->tallies, clear_tally);
  m.parts = g_new0 (Part, m.n_ways);
  for (i = 0; i < m.n_ways; i++) {
    m.parts[i].frames = g_array_new (FALSE, FALSE, sizeof (EvalFrame));
    m.parts[i].scores = g_new0 (gdouble, setup->n_classes);
  }
  ok = start_ways (result, setup, ways, layers, error);
  for (i = 0; ok && i < clips->clips->len && !result->interrupted; i++) {
    GError *bad = NULL;

    if (!measure_clip (&m, i, &bad)) {
      g_ptr_array_add (result->bad, g_strdup (bad->message));
      g_error_free (bad);
    }
  }
  if (ok && !result->done->len && !result->interrupted) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "none of the %u clips could be read; the first: %s", clips->clips->len,
        (const gchar *) g_ptr_array_index (result->bad, 0));
    ok = FALSE;
  }
  for (i = 0; i < m.n_ways; i++) {
    g_array_unref (m.parts[i].frames);
    g_free (m.parts[i].scores);
  }
  g_free (m.parts);
  if (ok)
    return result;
  eval_result_free (result);
  return NULL;
}

void
eval_result_free (EvalResult * result)
{
  if (!result)
    return;
  g_array_unref (result->done);
  g_ptr_array_unref (result->bad);
  g_array_unref (result->tallies);
  g_free (result->class_frames);
  g_free (result);
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return x < y ? -1 : x > y;
}

/* Sorts ms. */
static void
percentiles (gdouble * ms, guint n, gdouble * median, gdouble * p99)
{
  qsort (ms, n, sizeof *ms, compare_doubles);
  *median = n % 2 ? ms[n / 2] : (ms[n / 2 - 1] + ms[n / 2]) / 2;
  *p99 = ms[(guint) ceil (0.99 * n) - 1];
}

void
eval_layer_percentiles (const EvalResult * result, const EvalTally * tally,
    gint op, gdouble * median, gdouble * p99)
{
  guint i, n = result->n_frames;
  gdouble *ms;

  *median = *p99 = NAN;
  if (!tally->op_ms)
    return;
  ms = g_new (gdouble, n);
  for (i = 0; i < n; i++)
    ms[i] = g_array_index (tally->op_ms, gfloat, (gsize) i * result->n_ops
        + op);
  percentiles (ms, n, median, p99);
  g_free (ms);
}

void
eval_summarise (const EvalTally * tally, EvalSummary * s)
{
  guint i, n = tally->records->len, firsts = 0, types[5] = { 0 };
  gdouble *ms = g_new (gdouble, n);

  memset (s, 0, sizeof *s);
  for (i = 0; i < n; i++) {
    const EvalRecord *r = &g_array_index (tally->records, EvalRecord, i);
    guint type = CLAMP (r->frame.picture_type, 0, 4);

    ms[i] = eval_frame_ms (&r->frame);
    s->mean += ms[i] / n;
    s->changes += (gdouble) r->frame.changes / n;
    s->tensor += (gdouble) r->frame.tensor / n;
    s->network += (gdouble) r->frame.network / n;
    s->element += (gdouble) r->frame.element / n;
    s->multiplies += (gdouble) r->frame.multiplies / n;
    s->by_type[type] += ms[i];
    types[type]++;
    if (r->number == 0) {
      s->first += ms[i];
      firsts++;
    }
    s->reuse[MIN (r->frame.reuse, 2)]++;
  }
  percentiles (ms, n, &s->median, &s->p99);
  s->first /= firsts;
  for (i = 0; i < G_N_ELEMENTS (types); i++)
    s->by_type[i] = types[i] ? s->by_type[i] / types[i] : NAN;
  g_free (ms);
}
