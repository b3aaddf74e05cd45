/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-transfer: a classifier of one's own from another network and some clips.
 *
 * The network without its last layer makes features of frames of the clips; a new last
 * layer is trained on them, and put in the old one's place.
 */
#include "clip-pipeline.h"
#include "tool.h"
#include "transfer-features.h"
#include "transfer-report.h"
#include "transfer-save.h"
#include "transfer-write.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "model/modelinfo.h"
#include "model/onnx.h"

/* Of each clip, so many frames or half of them: some 25. */
#define FRAMES 32
/* So far confidences of the written model may be from those of the training; models in
 * half precision need it. */
#define CHECK 0.01

typedef struct
{
  gchar *model, *clips, *out, *list, *features;
  gint step, seed, threads, layers;
  gdouble validation, l2;
  gboolean skip, quiet, refit;
} Options;

typedef struct
{
  gint64 start;                 /* monotonic */
  guint done, all;              /* clips */
  guint frames;                 /* of the clips that are done */
  const gchar *name;
} Progress;

typedef struct
{
  Options o;
  TransferFiles files;
  DcnHead *head;
  GstDeltaCnnClassifier *classifier;    /* of the features */
  TransferClips *clips;
  TransferLayer layer;
  TransferConfusion confusion;  /* of the validation clips, which layer did not see */
  TransferReading reading;
  gdouble seconds[3];           /* features, training, check */
} Transfer;

static gboolean interrupted;    /* atomic: streaming threads read it */
static Progress progress;

static gboolean
on_signal (gpointer user_data)
{
  g_atomic_int_set (&interrupted, TRUE);
  return G_SOURCE_CONTINUE;
}

static gboolean
is_interrupted (void)
{
  while (g_main_context_iteration (NULL, FALSE));
  return g_atomic_int_get (&interrupted);
}

static gboolean
check_options (const Options * o, GError ** error)
{
  if (!o->model || !o->clips || !o->out)
    return tool_bad_use (error, "--model, --clips and --out are needed "
        "(see --help)");
  if (o->layers < 1)
    return tool_bad_use (error, "--layers must be 1 or more");
  if (o->step < 0 || o->threads < 0)
    return tool_bad_use (error, "--step and --threads must be 0 or more");
  if (!(o->validation > 0.0 && o->validation < 1.0))
    return tool_bad_use (error, "--validation must be above 0 and below 1");
  if (!(o->l2 == -1.0 || (o->l2 > 0.0 && o->l2 < 1e6)))
    return tool_bad_use (error, "--l2 must be above 0");
  return TRUE;
}

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
        "The network to begin with; its .modelinfo beside it is read", "ONNX"},
    {"clips", 'c', 0, G_OPTION_ARG_FILENAME, &o->clips,
        "A folder with a folder of clips for each class", "FOLDER"},
    {"out", 'o', 0, G_OPTION_ARG_FILENAME, &o->out,
          "The new model; .labels.txt and .modelinfo are written beside it",
        "ONNX"},
    {"list", 'l', 0, G_OPTION_ARG_FILENAME, &o->list,
        "Only the clips in this file, CLASS/FILE in each line (as UCF101's "
          "trainlist01.txt)", "FILE"},
    {"layers", 0, 0, G_OPTION_ARG_INT, &o->layers,
        "Put one new layer in the place of the last N fully connected ones "
          "(default: 1)", "N"},
    {"step", 0, 0, G_OPTION_ARG_INT, &o->step,
          "Every N-th frame (default: so that there are some 25 of each clip)",
        "N"},
    {"validation", 0, 0, G_OPTION_ARG_DOUBLE, &o->validation,
        "Share of each class that is not learnt from but validated on "
          "(default: 0.2)", "SHARE"},
    {"seed", 's', 0, G_OPTION_ARG_INT, &o->seed,
        "Of the choice of these clips (default: 1)", "N"},
    {"l2", 0, 0, G_OPTION_ARG_DOUBLE, &o->l2,
        "Penalty of large weights (default: the one with which validation goes "
          "best)", "L2"},
    {"refit", 0, 0, G_OPTION_ARG_NONE, &o->refit,
          "After validation, learn from all clips, with the penalty found",
        NULL},
    {"skip-unreadable", 0, 0, G_OPTION_ARG_NONE, &o->skip,
        "Go on without clips that cannot be read", NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads (0: all cores)", "N"},
    {"features", 0, 0, G_OPTION_ARG_FILENAME, &o->features,
          "Also write the features: NAME.npy, and NAME.csv of what its rows are",
        "NAME"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet,
        "No progress and no report", NULL},
    {NULL}
  };

  o->validation = 0.2;
  o->seed = 1;
  o->layers = 1;
  o->l2 = -1.0;
  return tool_parse (entries, NULL,
      "Makes a classifier of your own: replaces the last layer of a network and\n"
      "trains it on your clips.  In FOLDER, each folder is a class, and its name\n"
      "the label.  Clips of one person or place are a group if their names say so\n"
      "(v_Walking_g07_c01.avi: g07), and are never on both sides of the\n"
      "validation; other clips stand for themselves.",
      argc, argv, error) && check_options (o, error);
}

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
  return !is_interrupted ();
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
  gchar *description;

  if (!(t->head = dcn_head_open (t->o.model, t->o.layers, error)))
    return FALSE;
  info = dcn_head_info (t->head);
  bytes = dcn_head_features (t->head, &size, error);
  if (bytes)
    program = dcn_onnx_load_memory (bytes, size, t->o.model, NULL, error);
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
  description = dcn_modelinfo_find (t->o.model);
  if (!description)
    g_printerr ("warning: %s has no .modelinfo: frames are given to it as RGB "
        "from 0 to 1\n", t->o.model);
  g_free (description);
  net = dcn_net_new (program, error);
  if (!net)
    return FALSE;
  t->classifier = gst_delta_cnn_classifier_new_for_net (net, t->o.model, error);
  return t->classifier != NULL;
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
    if (!transfer_read (t->classifier, &t->reading, clip->path,
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
      dcn_head_info (t->head)->n_features, t->clips->n_labels, t->o.l2,
      t->o.threads, on_step, t, &t->layer);
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
      const float *w = t->layer.weights + (gsize) c * rows->width;
      gdouble sum = t->layer.bias[c];

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
    const TransferClip * clip, TransferConfusion * confusion, GError ** error)
{
  gboolean sure = dcn_head_info (t->head)->sure;
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
  if (ok)
    transfer_confusion_add (confusion, clip->label, rows.values, rows.n, sure);
  progress.done++;
  progress.frames += rows.n;
  transfer_rows_clear (&rows);
  g_free (wanted);
  return ok;
}

/* The files as a pipeline would use them, on the clips kept back. */
static gboolean
check (Transfer * t, TransferConfusion * confusion, GError ** error)
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
      ok = check_clip (t, classifier, clip, confusion, error);
  }
  tool_progress_wipe ();
  gst_delta_cnn_classifier_free (classifier);
  return ok;
}

/* --- Report --- */

static void
print_base (const Transfer * t)
{
  const DcnHeadInfo *info = dcn_head_info (t->head);
  gchar *name = g_path_get_basename (t->o.model);

  g_print ("%s: %s \"%s\"%s replaced, %d outputs of %d features\n", name,
      info->op_type, info->name, t->o.layers > 1 ? " and all behind it are" :
      " is", info->n_classes, info->n_features);
  if (info->dropped && t->o.layers == 1)
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
print_result (const Transfer * t, const TransferConfusion * confusion)
{
  guint n = confusion->n_classes;

  g_print ("trained in %u iterations: penalty %.3g, loss %.4f, of validation "
      "%.4f\n", t->layer.iterations, t->layer.l2, t->layer.loss,
      t->layer.validation_loss);
  transfer_confusion_print (confusion, t->clips->labels);
  if (t->o.refit)
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
  TransferLayer validated = t->layer;
  TransferSamples all = { 0 }, none = { 0 };
  gdouble l2 = t->o.l2;
  gboolean ok;
  guint i;

  for (i = 0; i < t->clips->clips->len; i++) {
    const TransferClip *clip = g_ptr_array_index (t->clips->clips, i);
    float *scores = clip->validation ? score (t, &clip->rows) : NULL;

    if (scores)
      transfer_confusion_add (&t->confusion, clip->label, scores,
          clip->rows.n, FALSE);
    g_free (scores);
  }
  gather (t->clips, ALL, &all);
  memset (&t->layer, 0, sizeof t->layer);
  t->o.l2 = validated.l2;
  ok = train (t, &all, &none);
  t->o.l2 = l2;
  t->layer.validation_loss = validated.validation_loss;
  t->layer.iterations += validated.iterations;
  transfer_layer_clear (&validated);
  g_free (all.x);
  g_free (all.y);
  return ok;
}

static gboolean
learn (Transfer * t, gint64 * clock, GError ** error)
{
  TransferSamples training = { 0 }, validation = { 0 };
  gboolean ok;

  ok = read_features (t, error) && transfer_clips_check (t->clips, error)
      && transfer_clips_split (t->clips, t->o.validation, t->o.seed, error)
      && (!t->o.features || transfer_save (t->clips, t->o.features, error));
  t->seconds[0] = lap (clock);
  if (ok) {
    gather (t->clips, TRAINING, &training);
    gather (t->clips, VALIDATION, &validation);
    if (!t->o.quiet)
      print_clips (t, training.n, validation.n);
    ok = train (t, &training, &validation) && (!t->o.refit || refit (t));
  }
  t->seconds[1] = lap (clock);
  g_free (training.x);
  g_free (training.y);
  g_free (validation.x);
  g_free (validation.y);
  return ok;
}

static gboolean
transfer (Transfer * t, GError ** error)
{
  gint64 clock = g_get_monotonic_time ();
  TransferConfusion written = { 0 };
  gboolean ok;

  if (!transfer_files_plan (&t->files, t->o.model, t->o.out, error)
      || !open_base (t, error)
      || !(t->clips = transfer_clips_find (t->o.clips, t->o.list, error)))
    return FALSE;
  if (!t->o.quiet)
    print_base (t);
  transfer_confusion_init (&t->confusion, t->clips->n_labels);
  if (!learn (t, &clock, error))
    return FALSE;
  transfer_confusion_init (&written, t->clips->n_labels);
  ok = transfer_files_write (&t->files, t->head, t->clips->labels, &t->layer,
      error) && check (t, &written, error);
  ok = ok && !is_interrupted () && transfer_files_publish (&t->files, error);
  t->seconds[2] = lap (&clock);
  if (ok && !t->o.quiet)
    print_result (t, t->o.refit ? &t->confusion : &written);
  transfer_confusion_clear (&written);
  return ok;
}

int
main (int argc, char **argv)
{
  Transfer t = { {0} };
  GError *error = NULL;
  gboolean ok;

  setlocale (LC_ALL, "");
  ok = parse_options (&t.o, &argc, &argv, &error)
      && clip_pipeline_setup (&error);
  if (ok) {
    g_unix_signal_add (SIGINT, on_signal, NULL);
    g_unix_signal_add (SIGTERM, on_signal, NULL);
    t.reading.step = t.o.step;
    t.reading.most = FRAMES;
    t.reading.threads = t.o.threads;
    t.reading.interrupted = &interrupted;
    ok = transfer (&t, &error);
  }
  transfer_files_clear (&t.files);
  transfer_layer_clear (&t.layer);
  transfer_confusion_clear (&t.confusion);
  gst_delta_cnn_classifier_free (t.classifier);
  dcn_head_free (t.head);
  transfer_clips_free (t.clips);
  g_free (t.o.model);
  g_free (t.o.clips);
  g_free (t.o.out);
  g_free (t.o.list);
  g_free (t.o.features);
  return tool_end ("deltacnn-transfer", ok, error);
}
