/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-transfer: a classifier of one's own from another network and some clips.
 *
 * The network without its last layer makes features of frames of the clips; a new last
 * layer is trained on them, and put in the old one's place.
 */
#include "common/clip-pipeline.h"
#include "common/tool.h"
#include "features.h"
#include "options.h"
#include "report.h"
#include "save.h"
#include "write.h"

#include <gio/gio.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/modelinfo.h"
#include "model/onnx.h"

/* Of each clip, so many frames or half of them: some 25. */
#define FRAMES 32
/* Heads of more fully connected layers are not looked for. */
#define MOST_LAYERS 3
/* A few validation clips are a matter of luck: what is not asked for is decided with so
 * many choices of them. */
#define SPLITS 4
/* So far confidences of the written model may be from those of the training; models in
 * half precision need it. */
#define CHECK 0.01

typedef struct
{
  gint64 start;                 /* monotonic */
  guint done, all;              /* clips */
  guint frames;                 /* of the clips that are done */
  const gchar *name;
} Progress;

/* Where the base ends and what is new begins. */
typedef struct
{
  gint layers;                  /* that are replaced by one */
  DcnHead *head;
  GstDeltaCnnClassifier *classifier;    /* of the features */
  TransferLayer layer;          /* of the first split */
  guint splits;
  gdouble loss, l2;             /* of validation, mean; penalty, geometric mean */
  TransferConfusion confusion;  /* of the validation clips of all splits */
} Cut;

typedef struct
{
  TransferOptions o;
  TransferFiles files;
  Cut cut;
  gboolean told;                /* what is the same for all cuts */
  TransferClips *clips;
  TransferReading reading;
  gdouble seconds[3];           /* features, training, check */
} Transfer;

static Progress progress;

/* --- Progress: one line, where somebody watches --- */

static void
begin_progress (guint n_clips)
{
  memset (&progress, 0, sizeof progress);
  progress.start = g_get_monotonic_time ();
  progress.all = n_clips;
}

static void
show_reading (guint n_frames, gpointer user_data)
{
  gdouble seconds = (g_get_monotonic_time () - progress.start) / 1e6;
  gchar bar[TOOL_BAR + 1], time[32] = "";
  gint left;

  if (!tool_progress_due ())
    return;
  if (progress.done) {
    left = seconds / progress.done * (progress.all - progress.done);
    g_snprintf (time, sizeof time, "%d:%02d left  ", left / 60, left % 60);
  }
  tool_progress ("[%s] %u of %u clips  %.0f frames/s  %s%.40s",
      tool_progress_bar (bar, (gdouble) progress.done / progress.all),
      progress.done, progress.all,
      (progress.frames + n_frames) / MAX (seconds, 1e-3), time, progress.name);
}

static gboolean
on_step (gdouble l2, guint iteration, gdouble loss, gpointer user_data)
{
  Transfer *t = user_data;

  if (!t->o.quiet && tool_progress_due ())
    tool_progress ("training: penalty %.3g, iteration %u, %.0f/s, loss %.4f",
        l2, iteration, iteration / ((g_get_monotonic_time ()
                - progress.start) / 1e6), loss);
  return !tool_is_interrupted ();
}

/* --- Features --- */

static gboolean
open_base (Transfer * t, GError ** error)
{
  size_t size = 0;
  guint8 *bytes;
  DcnProgram *program = NULL;
  DcnNet *net = NULL;
  const DcnHeadInfo *info;
  DcnOnnxOptions options;

  if (!(t->cut.head = dcn_head_open (t->o.model, t->cut.layers, error)))
    return FALSE;
  info = dcn_head_info (t->cut.head);
  gst_delta_cnn_model_options (t->o.model, &options);
  bytes = dcn_head_features (t->cut.head, &size, error);
  if (bytes)
    program = dcn_onnx_load_memory (bytes, size, t->o.model, &options, error);
  g_free (bytes);
  if (!program)
    return FALSE;
  if (dcn_value_elements (&program->values[program->outputs[0]]) !=
      (gsize) info->n_features) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%s: its last layer, %s \"%s\", is applied to many places of the "
        "picture, and no average follows: it is no classifier", t->o.model,
        info->op_type, info->name);
    dcn_program_free (program);
    return FALSE;
  }
  tool_warn (NULL, gst_delta_cnn_model_warning (t->o.model, program));
  net = dcn_net_new (program, error);
  if (!net)
    return FALSE;
  t->cut.classifier =
      gst_delta_cnn_classifier_new_for_net (net, t->o.model, error);
  return t->cut.classifier != NULL;
}

static gboolean
read_features (Transfer * t, GError ** error)
{
  guint64 most = (guint64) sysconf (_SC_PHYS_PAGES) / 3
      * (guint64) sysconf (_SC_PAGESIZE), bytes = 0;
  GPtrArray *clips = t->clips->clips;
  guint i;

  begin_progress (clips->len);
  for (i = 0; i < clips->len;) {
    TransferClip *clip = g_ptr_array_index (clips, i);
    GError *reason = NULL;

    progress.name = clip->name;
    if (!transfer_read (t->cut.classifier, &t->reading, clip->path,
            t->o.quiet ? NULL : show_reading, t, &clip->rows, &reason)) {
      if (!reason || !t->o.skip) {
        tool_progress_wipe ();
        if (reason)
          g_propagate_error (error, reason);
        return FALSE;
      }
      tool_progress_wipe ();
      g_printerr ("warning: skipped: %s\n", reason->message);
      g_clear_error (&reason);
      g_ptr_array_remove_index (clips, i);
      t->clips->n_skipped++;
      progress.all--;
      continue;
    }
    bytes += (guint64) clip->rows.n * clip->rows.width * sizeof (float);
    if (bytes > most) {
      tool_progress_wipe ();
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
          "the features of so many frames do not fit into memory; take fewer "
          "with --step");
      return FALSE;
    }
    progress.frames += clip->rows.n;
    progress.done = ++i;
  }
  tool_progress_wipe ();
  return TRUE;
}

typedef enum
{ TRAINING, VALIDATION, ALL } Side;

static gboolean
is_on (const TransferClip * clip, Side side)
{
  return side == ALL || clip->validation == (side == VALIDATION);
}

static void
gather (const TransferClips * clips, Side side, TransferSamples * samples)
{
  guint i, j, width = 0;
  gsize n = 0;

  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);

    n += is_on (clip, side) ? clip->rows.n : 0;
    width = clip->rows.width;
  }
  samples->n = 0;
  samples->x = g_new (float, n * width);
  samples->y = g_new (guint, n);
  for (i = 0; i < clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (clips->clips, i);

    if (!is_on (clip, side))
      continue;
    memcpy (samples->x + (gsize) samples->n * width, clip->rows.values,
        (gsize) clip->rows.n * width * sizeof (float));
    for (j = 0; j < clip->rows.n; j++)
      samples->y[samples->n++] = clip->label;
  }
}

static gboolean
train (Transfer * t, TransferSamples * training, TransferSamples * validation)
{
  gboolean ok;

  begin_progress (0);
  ok = transfer_train (training, validation,
      dcn_head_info (t->cut.head)->n_features, t->clips->n_labels, t->o.l2,
      t->o.threads, on_step, t, &t->cut.layer);
  tool_progress_wipe ();
  return ok;
}

/* --- Check --- */

/* What the new layer makes of a clip's features. */
static float *
score (const Transfer * t, const TransferRows * rows)
{
  guint m = t->clips->n_labels, i, c, k;
  float *scores = g_new (float, (gsize) rows->n * m);

  for (i = 0; i < rows->n; i++)
    for (c = 0; c < m; c++) {
      const float *x = rows->values + (gsize) i * rows->width;
      const float *w = t->cut.layer.weights + (gsize) c * rows->width;
      gdouble sum = t->cut.layer.bias[c];

      for (k = 0; k < rows->width; k++)
        sum += (gdouble) x[k] * w[k];
      scores[(gsize) i * m + c] = sum;
    }
  return scores;
}

/* The largest difference of confidences. */
static gdouble
difference (const float *wanted, const TransferRows * rows, gboolean sure)
{
  guint m = rows->width, i, c;
  gdouble *a = g_new (gdouble, m), *b = g_new (gdouble, m), most = 0.0;

  for (i = 0; i < rows->n; i++) {
    transfer_softmax (wanted + (gsize) i * m, m, a);
    transfer_softmax (rows->values + (gsize) i * m, m, b);
    for (c = 0; c < m; c++) {
      gdouble found = sure ? rows->values[(gsize) i * m + c] : b[c];

      most = isfinite (found) ? MAX (most, fabs (a[c] - found)) : HUGE_VAL;
    }
  }
  g_free (a);
  g_free (b);
  return most;
}

static gboolean
check_clip (Transfer * t, GstDeltaCnnClassifier * classifier,
    const TransferClip * clip, GError ** error)
{
  gboolean sure = dcn_head_info (t->cut.head)->sure;
  float *wanted = score (t, &clip->rows);
  TransferRows rows;
  gboolean ok;

  progress.name = clip->name;
  ok = transfer_read (classifier, &t->reading, clip->path,
      t->o.quiet ? NULL : show_reading, t, &rows, error);
  if (ok && (rows.width != t->clips->n_labels || rows.n != clip->rows.n
          || difference (wanted, &rows, sure) > CHECK)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "the new model does not say of %s what the training did; nothing was "
        "written", clip->name);
    ok = FALSE;
  }
  progress.done++;
  progress.frames += rows.n;
  transfer_rows_clear (&rows);
  g_free (wanted);
  return ok;
}

/* The files as a pipeline would use them, on the clips kept back. */
static gboolean
check (Transfer * t, GError ** error)
{
  GstDeltaCnnClassifier *classifier = gst_delta_cnn_classifier_new
      (t->files.drafts[TRANSFER_MODEL], NULL, error);
  gboolean ok = classifier != NULL;
  guint i, n = 0;

  for (i = 0; i < t->clips->clips->len; i++)
    n += ((TransferClip *) g_ptr_array_index (t->clips->clips, i))->validation;
  begin_progress (n);
  for (i = 0; ok && i < t->clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (t->clips->clips, i);

    if (clip->validation)
      ok = check_clip (t, classifier, clip, error);
  }
  tool_progress_wipe ();
  gst_delta_cnn_classifier_free (classifier);
  return ok;
}

/* --- Report --- */

static void
print_base (const Transfer * t)
{
  const DcnHeadInfo *info = dcn_head_info (t->cut.head);
  gchar *name = g_path_get_basename (t->o.model);

  g_print ("%s: %s \"%s\"%s replaced, %d outputs of %d features\n", name,
      info->op_type, info->name, t->cut.layers > 1 ? " and all behind it are" :
      " is", info->n_classes, info->n_features);
  if (info->dropped && t->cut.layers == 1)
    g_print ("the %s behind it is taken out: the new layer's scores go on as "
        "they are\n", info->dropped);
  g_free (name);
}

static void
print_clips (const Transfer * t, guint n_training, guint n_validation)
{
  guint i, n = 0, clips = t->clips->clips->len;

  for (i = 0; i < clips; i++)
    n += ((TransferClip *) g_ptr_array_index (t->clips->clips, i))->validation;
  g_print ("%u clips of %u classes; learnt from %u with %u frames, validated "
      "on %u with %u\n", clips, t->clips->n_labels, clips - n, n_training, n,
      n_validation);
  if (t->clips->n_skipped)
    g_print ("%u clips were skipped\n", t->clips->n_skipped);
}

static void
print_training (const Transfer * t)
{
  const TransferLayer *layer = &t->cut.layer;

  g_print ("trained in %u iterations: penalty %.3g, loss %.4f, of validation "
      "%.4f", layer->iterations, layer->l2, layer->loss,
      layer->validation_loss);
  if (t->cut.splits > 1)
    g_print ("; %.4f in the mean of %u choices of it", t->cut.loss,
        t->cut.splits);
  g_print ("\n");
}

static void
print_result (const Transfer * t)
{
  const TransferConfusion *confusion = &t->cut.confusion;
  const DcnHeadInfo *info = dcn_head_info (t->cut.head);
  guint n = confusion->n_classes;

  if (!t->o.layers)
    g_print ("taken: %s \"%s\"%s\n", info->op_type, info->name,
        t->cut.layers > 1 ? " and all behind it" : "");
  if (t->cut.splits > 1)
    g_print ("\nvalidated on each of the %u choices, all counted together:",
        t->cut.splits);
  transfer_confusion_print (confusion, t->clips->labels);
  if (!t->o.no_refit)
    g_print ("\nthat was before it learnt from these clips, too");
  g_print ("\nvalidation: %.1f %% of the frames right, %.1f %% of the clips\n",
      100.0 * transfer_confusion_right (confusion->frames, n),
      100.0 * transfer_confusion_right (confusion->clips, n));
  g_print
      ("%.1f s: features %.1f, training %.1f, check of the new model %.1f\n",
      t->seconds[0] + t->seconds[1] + t->seconds[2], t->seconds[0],
      t->seconds[1], t->seconds[2]);
  g_print ("written: %s, %s, %s\n", t->files.places[TRANSFER_MODEL],
      t->files.places[TRANSFER_LABELS], t->files.places[TRANSFER_INFO]);
}

static gdouble
lap (gint64 * since)
{
  gint64 now = g_get_monotonic_time ();
  gdouble seconds = (now - *since) / 1e6;

  *since = now;
  return seconds;
}

/* What the validated layer said stays the report; its place takes one of the same kind. */
static gboolean
refit (Transfer * t)
{
  TransferLayer validated = t->cut.layer;
  TransferSamples all = { 0 }, none = { 0 };
  gdouble l2 = t->o.l2;
  gboolean ok;

  gather (t->clips, ALL, &all);
  memset (&t->cut.layer, 0, sizeof t->cut.layer);
  t->o.l2 = t->cut.l2;
  ok = train (t, &all, &none);
  t->o.l2 = l2;
  t->cut.layer.validation_loss = validated.validation_loss;
  t->cut.layer.iterations += validated.iterations;
  transfer_layer_clear (&validated);
  g_free (all.x);
  g_free (all.y);
  return ok;
}

/* --- How much of the network is replaced --- */

static void
cut_clear (Cut * cut)
{
  transfer_layer_clear (&cut->layer);
  transfer_confusion_clear (&cut->confusion);
  g_clear_pointer (&cut->classifier, gst_delta_cnn_classifier_free);
  g_clear_pointer (&cut->head, dcn_head_free);
}

/* Features of the clips are put aside, or taken back. */
static void
swap_rows (Transfer * t)
{
  guint i;

  for (i = 0; i < t->clips->clips->len; i++) {
    TransferClip *clip = g_ptr_array_index (t->clips->clips, i);
    TransferRows rows = clip->rows;

    clip->rows = clip->spare;
    clip->spare = rows;
  }
}

static void
clear_spare (Transfer * t)
{
  guint i;

  for (i = 0; i < t->clips->clips->len; i++)
    transfer_rows_clear (&((TransferClip *) g_ptr_array_index (t->clips->clips,
                i))->spare);
}

static void
add_validation (Transfer * t)
{
  guint i;

  for (i = 0; i < t->clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (t->clips->clips, i);
    float *scores = clip->validation ? score (t, &clip->rows) : NULL;

    if (scores)
      transfer_confusion_add (&t->cut.confusion, clip->label, scores,
          clip->rows.n, FALSE);
    g_free (scores);
  }
}

/* Trains with another choice of validation clips: with the first as it will be reported. */
static gboolean
try_split (Transfer * t, guint number, GError ** error)
{
  TransferSamples training = { 0 }, validation = { 0 };
  TransferLayer first = t->cut.layer;
  gboolean ok;

  if (!transfer_clips_split (t->clips, t->o.validation, t->o.seed + number,
          error))
    return FALSE;
  gather (t->clips, TRAINING, &training);
  gather (t->clips, VALIDATION, &validation);
  if (!t->o.quiet && number == 0 && !t->told)
    print_clips (t, training.n, validation.n);
  t->told = TRUE;
  ok = train (t, &training, &validation);
  if (ok) {
    t->cut.loss += t->cut.layer.validation_loss;
    t->cut.l2 += log (t->cut.layer.l2);
    t->cut.splits++;
    add_validation (t);
  }
  if (number) {
    transfer_layer_clear (&t->cut.layer);
    t->cut.layer = first;
  }
  g_free (training.x);
  g_free (training.y);
  g_free (validation.x);
  g_free (validation.y);
  return ok;
}

/* Features of the base without t->cut.layers layers, and a layer trained on them. */
static gboolean
try_cut (Transfer * t, gint64 * clock, GError ** error)
{
  gboolean ok;
  guint i;

  if (!open_base (t, error))
    return FALSE;
  transfer_confusion_init (&t->cut.confusion, t->clips->n_labels);
  if (!t->o.quiet)
    print_base (t);
  ok = read_features (t, error) && transfer_clips_check (t->clips, error);
  t->seconds[0] += lap (clock);
  ok = ok && try_split (t, 0, error);
  if (ok && t->o.layers <= 0) {
    for (i = 1; i < SPLITS && try_split (t, i, NULL); i++);
    ok = !tool_is_interrupted ()
        && transfer_clips_split (t->clips, t->o.validation, t->o.seed, error);
  }
  if (ok) {
    t->cut.loss /= t->cut.splits;
    t->cut.l2 = exp (t->cut.l2 / t->cut.splits);
    if (!t->o.quiet)
      print_training (t);
  }
  t->seconds[1] += lap (clock);
  return ok;
}

/* Fully connected layers that end the network, or as many as are looked for. */
static gint
count_layers (const Transfer * t)
{
  gint layers;
  DcnHead *head = NULL;

  for (layers = MOST_LAYERS; layers > 1; layers--)
    if ((head = dcn_head_open (t->o.model, layers, NULL)))
      break;
  dcn_head_free (head);
  return layers;
}

/* The last layers of a network know its own classes.  What stands before them says more
 * of others, and mostly serves them better, though there is more of it to learn. */
static gboolean
try_cuts (Transfer * t, gint64 * clock, GError ** error)
{
  gint layers;
  gboolean more = t->o.layers == 0;

  t->cut.layers = t->o.layers < 0 ? count_layers (t) : MAX (t->o.layers, 1);
  if (!try_cut (t, clock, error))
    return FALSE;
  for (layers = 2; more && layers <= MOST_LAYERS; layers++) {
    Cut best = t->cut;

    memset (&t->cut, 0, sizeof t->cut);
    t->cut.layers = layers;
    swap_rows (t);
    more = try_cut (t, clock, NULL);
    if (more && t->cut.loss < best.loss) {
      cut_clear (&best);
    } else {
      swap_rows (t);
      cut_clear (&t->cut);
      t->cut = best;
    }
    clear_spare (t);
  }
  return !tool_is_interrupted ();
}

static gboolean
learn (Transfer * t, gint64 * clock, GError ** error)
{
  gboolean ok = try_cuts (t, clock, error)
      && (!t->o.features || transfer_save (t->clips, t->o.features, error))
      && (t->o.no_refit || refit (t));

  t->seconds[1] += lap (clock);
  return ok;
}

static gboolean
transfer (Transfer * t, GError ** error)
{
  gint64 clock = g_get_monotonic_time ();
  gboolean ok;

  if (!transfer_files_plan (&t->files, t->o.model, t->o.out, error)
      || !(t->clips = transfer_clips_find (t->o.clips, t->o.list, error)))
    return FALSE;
  if (!learn (t, &clock, error))
    return FALSE;
  ok = transfer_files_write (&t->files, t->cut.head, t->clips->labels,
      &t->cut.layer, error) && check (t, error);
  ok = ok && !tool_is_interrupted ()
      && transfer_files_publish (&t->files, error);
  t->seconds[2] = lap (&clock);
  if (ok && !t->o.quiet)
    print_result (t);
  return ok;
}

int
main (int argc, char **argv)
{
  Transfer t = { {0} };
  GError *error = NULL;
  gboolean ok;

  setlocale (LC_ALL, "");
  ok = transfer_options_parse (&t.o, &argc, &argv, &error)
      && clip_pipeline_setup (&error);
  if (ok) {
    tool_catch_interrupt ();
    t.reading.step = t.o.step;
    t.reading.most = FRAMES;
    t.reading.threads = t.o.threads;
    ok = transfer (&t, &error);
  }
  transfer_files_clear (&t.files);
  cut_clear (&t.cut);
  transfer_clips_free (t.clips);
  transfer_options_clear (&t.o);
  return tool_end ("deltacnn-transfer", ok, error);
}
