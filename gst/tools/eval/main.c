/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-eval: how right and how fast a model is on labelled clips, in each mode of
 * the element deltacnn and with each source of what changed.
 *
 * Clips are decoded through the real pipeline; all ways run on the same frames in one
 * process, in turn.
 */
#include "report.h"
#include "common/clip-pipeline.h"
#include "common/tool.h"
#include "util/parallel.h"
#include "model/modelinfo.h"

#include <locale.h>
#include <stdlib.h>

typedef struct
{
  gchar *model, *labels, *clips, *list, *modes;
  gchar *csv, *layers_csv, *frames_csv, *json;
  gint threads, limit, frames;
  gboolean layers, skip_unknown, quiet;
} Options;

static gint64 start;

/* Can the file be made, and is it not the other's? */
static gboolean
check_output (const gchar * option, const gchar * file,
    const gchar ** stdout_of, GError ** error)
{
  if (!file)
    return TRUE;
  if (!g_str_equal (file, "-"))
    return tool_check_output (file, error);
  if (*stdout_of)
    return tool_bad_use (error,
        "%s and %s cannot both write to standard output", *stdout_of, option);
  *stdout_of = option;
  return TRUE;
}

static gboolean
check_options (Options * o, GError ** error)
{
  const gchar *stdout_of = NULL;

  if (!o->model || !o->clips)
    return tool_bad_use (error,
        "--model FILE and --clips DIR are needed (see --help)");
  if (o->threads < 0 || o->threads > DCN_PARALLEL_MAX)
    return tool_bad_use (error, "--threads must be from 0 (all cores) to %d",
        DCN_PARALLEL_MAX);
  if (o->limit < 0 || o->frames < 0)
    return tool_bad_use (error, "--limit and --frames must be 0 (all) or more");
  if (!check_output ("--csv", o->csv, &stdout_of, error)
      || !check_output ("--layers-csv", o->layers_csv, &stdout_of, error)
      || !check_output ("--frames-csv", o->frames_csv, &stdout_of, error)
      || !check_output ("--json", o->json, &stdout_of, error))
    return FALSE;
  o->quiet |= stdout_of != NULL;
  return TRUE;
}

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
          "ONNX model; MODEL.modelinfo beside it says how frames are prepared",
        "FILE"},
    {"labels", 0, 0, G_OPTION_ARG_FILENAME, &o->labels,
          "Class names, one per line (default: what the .modelinfo says)",
        "FILE"},
    {"clips", 'c', 0, G_OPTION_ARG_FILENAME, &o->clips,
        "Tree of clips: a folder for each class, named like it", "DIR"},
    {"list", 'l', 0, G_OPTION_ARG_FILENAME, &o->list,
        "Clips to take, one per line (testlist01.txt, trainlist01.txt; default: "
          "all of the tree)", "FILE"},
    {"modes", 0, 0, G_OPTION_ARG_STRING, &o->modes,
        "Ways to run, separated by commas; each a mode, engine, source or "
          "PROPERTY=VALUE, separated by slashes: dense,delta/codec/calibrated,"
          "delta/pixel/tolerance=0.05 (default: all there are)", "LIST"},
    {"limit", 0, 0, G_OPTION_ARG_INT, &o->limit,
        "Take N clips, spread evenly over the list (0, the default: all)", "N"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &o->frames,
        "Take the first N frames of each clip (0, the default: all)", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads to compute with (0, the default: all cores)", "N"},
    {"skip-unknown", 0, 0, G_OPTION_ARG_NONE, &o->skip_unknown,
        "Leave out clips whose class is no label of the model", NULL},
    {"layers", 0, 0, G_OPTION_ARG_NONE, &o->layers,
        "Times of each layer, too (in the table and the JSON)", NULL},
    {"csv", 0, 0, G_OPTION_ARG_FILENAME, &o->csv,
          "Write a row for each way to FILE (-: to standard output, no table)",
        "FILE"},
    {"layers-csv", 0, 0, G_OPTION_ARG_FILENAME, &o->layers_csv,
        "Write a row for each way and layer", "FILE"},
    {"frames-csv", 0, 0, G_OPTION_ARG_FILENAME, &o->frames_csv,
        "Write a row for each way and frame", "FILE"},
    {"json", 'j', 0, G_OPTION_ARG_FILENAME, &o->json,
        "Write all figures but those of single frames", "FILE"},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "No table", NULL},
    {NULL}
  };

  return tool_parse (entries, "- measure a model on labelled clips",
      "Runs a model over a tree of clips such as UCF101's in several ways, and "
      "tells for each\nhow many frames and clips are classified rightly, how "
      "often it agrees with dense mode,\nhow long a frame takes, and how many "
      "of the multiplies were done.", argc, argv, error)
      && check_options (o, error);
}

static void
show_progress (const gchar * what, gdouble share)
{
  gdouble seconds = (g_get_monotonic_time () - start) / 1e6;
  gchar bar[TOOL_BAR + 1], time[32] = "";
  gint left;

  if (!tool_progress_due ())
    return;
  if (share > 0.01) {
    left = seconds / share * (1 - share);
    g_snprintf (time, sizeof time, "  %d:%02d left", left / 60, left % 60);
  }
  tool_progress ("[%s] %3.0f %%%s  %.60s", tool_progress_bar (bar, share),
      share * 100, time, what);
}

/* ---- the model ---- */

typedef struct
{
  DcnNet *net;                  /* keeps the weights while elements come and go */
  guint n_classes;
  gchar **labels;               /* NULL: it has none */
  gboolean calibrated;
} Model;

static void
model_clear (Model * model)
{
  g_clear_pointer (&model->net, dcn_net_unref);
  g_strfreev (model->labels);
}

static gboolean
model_load (Model * model, const Options * o, GError ** error)
{
  GstDeltaCnnClassifier *probe =
      gst_delta_cnn_classifier_new (o->model, o->labels, error);
  const DcnProgram *program;
  DcnModelInfo *info;
  const gchar *labels;
  gboolean ok = TRUE;

  /* it says best what is wrong with a model */
  if (!probe)
    return FALSE;
  model->net = dcn_net_ref (gst_delta_cnn_classifier_get_net (probe));
  model->calibrated = gst_delta_cnn_classifier_is_calibrated (probe);
  gst_delta_cnn_classifier_get_outputs (probe, &model->n_classes);
  gst_delta_cnn_classifier_free (probe);
  program = dcn_net_program (model->net);
  info = dcn_modelinfo_load (o->model, program->values[program->input].name,
      program->values[program->input].dims[1], error);
  if (!info)
    return FALSE;
  labels = o->labels ? o->labels : info->labels_file;
  if (labels)
    ok = (model->labels = dcn_labels_load (labels, model->n_classes, error))
        != NULL;
  dcn_modelinfo_free (info);
  return ok;
}

static GPtrArray *
find_ways (const Options * o, const Model * model, GError ** error)
{
  GPtrArray *ways = o->modes ? eval_ways_parse (o->modes, error) :
      eval_ways_default (model->calibrated);
  guint i;

  for (i = 0; ways && i < ways->len; i++)
    if (!model->calibrated
        && eval_way_is_calibrated (g_ptr_array_index (ways, i))) {
      tool_bad_use (error, "there are no tolerances in %s.modelinfo "
          "(deltacnn-calibrate writes them)", o->model);
      g_clear_pointer (&ways, g_ptr_array_unref);
    }
  return ways;
}

/* ---- all of it ---- */

static gboolean
report (const Options * o, const EvalAbout * about, const EvalResult * result,
    GError ** error)
{
  guint i;

  if (!o->quiet)
    eval_report_print (about, result);
  if ((o->csv && !eval_write_csv (result, o->csv, error))
      || (o->layers_csv
          && !eval_write_layers_csv (result, o->layers_csv, error))
      || (o->frames_csv
          && !eval_write_frames_csv (about, result, o->frames_csv, error))
      || (o->json && !eval_write_json (about, result, o->json, error)))
    return FALSE;
  if (!result->bad->len)
    return TRUE;
  for (i = 0; i < result->bad->len; i++)
    g_printerr ("left out: %s\n",
        (const gchar *) g_ptr_array_index (result->bad, i));
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "%u of %u clips could not be read and are not in the figures",
      result->bad->len, result->clips->clips->len);
  return FALSE;
}

static gboolean
run (const Options * o, GError ** error)
{
  EvalAbout about = { o->model, o->clips, o->list };
  EvalWhich which = { o->clips, o->list };
  EvalSetup setup = { o->model, o->labels, o->threads };
  Model model = { NULL };
  GPtrArray *ways = NULL;
  EvalClips *clips = NULL;
  EvalResult *result = NULL;
  gboolean ok = FALSE;

  if (!model_load (&model, o, error) || !(ways = find_ways (o, &model, error)))
    goto done;
  which.labels = model.labels;
  which.n_labels = setup.n_classes = model.n_classes;
  which.model = o->model;
  which.skip_unknown = o->skip_unknown;
  which.limit = o->limit;
  if (!(clips = eval_clips_find (&which, error)))
    goto done;
  start = g_get_monotonic_time ();
  result = eval_measure (&setup, clips, ways, o->frames,
      o->layers || o->layers_csv, show_progress, error);
  tool_progress_wipe ();
  if (!result)
    goto done;
  if (result->interrupted)
    goto done;
  about.labels = model.labels;
  about.n_labels = model.n_classes;
  about.threads = dcn_parallel_threads (o->threads);
  about.layers = o->layers;
  ok = report (o, &about, result, error);

done:
  eval_result_free (result);
  eval_clips_free (clips);
  if (ways)
    g_ptr_array_unref (ways);
  model_clear (&model);
  return ok;
}

int
main (int argc, char **argv)
{
  Options o = { 0 };
  GError *error = NULL;
  gboolean ok;

  setlocale (LC_ALL, "");
  ok = parse_options (&o, &argc, &argv, &error)
      && clip_pipeline_setup (&error);
  if (ok) {
    tool_catch_interrupt ();
    ok = run (&o, &error);
  }
  g_free (o.model);
  g_free (o.labels);
  g_free (o.clips);
  g_free (o.list);
  g_free (o.modes);
  g_free (o.csv);
  g_free (o.layers_csv);
  g_free (o.frames_csv);
  g_free (o.json);
  return tool_end ("deltacnn-eval", ok, error);
}
