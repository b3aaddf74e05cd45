/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-bench: how long a model takes for the frames of a clip.
 *
 * Frames are decoded beforehand, through the real pipeline; what is timed is what
 * the element deltacnn does with each, without GStreamer.
 */
#include "report.h"
#include "common/clip-pipeline.h"
#include "common/tool.h"
#include "util/parallel.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#define MADE_FRAMES 60
#define FRAMES_MAX 1000000
#define RUNS_MAX 1000
#define NO_SPARSITY G_MAXDOUBLE

typedef struct
{
  gchar *model, *clip, *mode, *engine, *source, *kernels, *json, *size;
  gdouble sparsity, tolerance, margin;
  gint threads, frames, runs, study_gop;
  gboolean layers, alone;
  gint width, height;           /* of size */
} Options;

static void
say_nothing (const gchar * domain, GLogLevelFlags level, const gchar * text,
    gpointer user_data)
{
}

static gboolean
check_kernels (const gchar * isa, GError ** error)
{
  const DcnKernels *const *all;
  GString *names;
  gboolean found;
  guint handler;

  /* before anybody asks for them; the engine's own message names the variable */
  g_setenv ("DCN_KERNELS", isa, TRUE);
  handler = g_log_set_handler (NULL, G_LOG_LEVEL_MESSAGE, say_nothing, NULL);
  found = dcn_kernels_by_isa (isa) != NULL;
  g_log_remove_handler (NULL, handler);
  if (found)
    return TRUE;
  names = g_string_new (NULL);
  for (all = dcn_kernels_all (); *all; all++)
    g_string_append_printf (names, " %s", (*all)->isa);
  tool_bad_use (error, "there are no %s kernels in this build or CPU, but:%s",
      isa, names->str);
  g_string_free (names, TRUE);
  return FALSE;
}

/* TRUE, with the value, where the enum has that nick. */
static gboolean
enum_by_nick (GType type, const gchar * nick, gint * value)
{
  GEnumClass *class = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value_by_nick (class, nick);

  if (found && value)
    *value = found->value;
  g_type_class_unref (class);
  return found != NULL;
}

static gboolean
check_options (Options * o, GError ** error)
{
  gchar end;

  if (!o->model)
    return tool_bad_use (error, "--model FILE is needed (see --help)");
  if (!o->clip && o->sparsity == NO_SPARSITY)
    return tool_bad_use (error,
        "what shall it run on? --clip FILE or --sparsity S");
  if (o->clip && o->sparsity != NO_SPARSITY)
    return tool_bad_use (error, "--clip and --sparsity exclude each other");
  if (!o->clip && !(o->sparsity >= 0 && o->sparsity <= 1))
    return tool_bad_use (error,
        "--sparsity is the share of blocks that do not change, " "from 0 to 1");
  if (!(o->tolerance >= 0 && o->tolerance <= 1e6) && o->tolerance != -1)
    return tool_bad_use (error, "--tolerance must be 0 or more, or -1 for the "
        "calibrated ones of the .modelinfo");
  if (!(o->margin >= 0 && o->margin <= 1) && o->margin != -1)
    return tool_bad_use (error, "--margin must be from 0 to 1, or -1 for the "
        "calibrated one");
  if (o->mode && !enum_by_nick (GST_TYPE_DELTA_CNN_MODE, o->mode, NULL))
    return tool_bad_use (error, "--mode must be delta, dense, sparse or "
        "sparse-heuristic");
  if (o->engine && !enum_by_nick (GST_TYPE_DELTA_CNN_ENGINE, o->engine, NULL))
    return tool_bad_use (error, "--engine must be native or blas");
  if (o->engine && g_strcmp0 (o->mode, "dense"))
    return tool_bad_use (error, "--engine is for --mode dense");
  if (o->study_gop < 1)
    return tool_bad_use (error, "--study-gop must be 1 or more");
  if (o->source && g_strcmp0 (o->source, "auto")
      && g_strcmp0 (o->source, "codec") && g_strcmp0 (o->source, "pixel"))
    return tool_bad_use (error, "--source must be auto, codec or pixel");
  if (o->threads < 0 || o->threads > DCN_PARALLEL_MAX)
    return tool_bad_use (error, "--threads must be from 0 (all cores) to %d",
        DCN_PARALLEL_MAX);
  if (o->frames < 0 || o->frames == 1 || o->frames > FRAMES_MAX)
    return tool_bad_use (error, "--frames must be 0 (all) or from 2 to %d",
        FRAMES_MAX);
  if (o->runs < 1 || o->runs > RUNS_MAX)
    return tool_bad_use (error, "--runs must be from 1 to %d", RUNS_MAX);
  o->width = 640;
  o->height = 480;
  if (o->size && (sscanf (o->size, "%dx%d%c", &o->width, &o->height,
              &end) != 2 || o->width < 16 || o->width > 16384
          || o->height < 16 || o->height > 16384))
    return tool_bad_use (error,
        "--size must be WIDTHxHEIGHT, each from 16 to 16384");
  if (o->size && o->clip)
    return tool_bad_use (error, "--size is for made frames (--sparsity)");
  return (!o->kernels || check_kernels (o->kernels, error))
      && (!g_strcmp0 (o->json, "-") || !o->json
      || tool_check_output (o->json, error));
}

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
          "ONNX model; MODEL.modelinfo beside it says how frames are prepared",
        "FILE"},
    {"clip", 'c', 0, G_OPTION_ARG_FILENAME, &o->clip,
        "Video file, decoded beforehand", "FILE"},
    {"sparsity", 0, 0, G_OPTION_ARG_DOUBLE, &o->sparsity,
        "Instead of a clip: made frames of which this share of the 16x16 "
          "blocks, 0 to 1, does not change", "S"},
    {"size", 0, 0, G_OPTION_ARG_STRING, &o->size,
        "Size of made frames (default: 640x480)", "WxH"},
    {"mode", 0, 0, G_OPTION_ARG_STRING, &o->mode,
        "delta, dense, sparse or sparse-heuristic (default: delta; native "
          "dense beside all others)", "MODE"},
    {"engine", 0, 0, G_OPTION_ARG_STRING, &o->engine,
        "Of --mode dense: native or blas (default: native)", "ENGINE"},
    {"study-gop", 0, 0, G_OPTION_ARG_INT, &o->study_gop,
        "sparse modes: without coding metas one frame in N is done in full "
          "(default: 15)", "N"},
    {"tolerance", 't', 0, G_OPTION_ARG_DOUBLE, &o->tolerance,
        "Differences up to T times a layer's rms are not propagated (0: exact; "
          "-1: the calibrated tolerances of the .modelinfo)", "T"},
    {"margin", 0, 0, G_OPTION_ARG_DOUBLE, &o->margin,
          "With tolerances: frames whose best class leads by no more than this "
          "share, 0 to 1, are run again without (default: -1, as calibrated)",
        "M"},
    {"source", 's', 0, G_OPTION_ARG_STRING, &o->source,
          "What tells the changes: auto, codec or pixel (default: auto)",
        "SOURCE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads to compute with (0, the default: all cores)", "N"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &o->frames,
          "Stop after N frames (0, the default: the whole clip; 60 made ones)",
        "N"},
    {"runs", 0, 0, G_OPTION_ARG_INT, &o->runs,
        "Pass over the frames N times, each from a fresh start, and take each "
          "frame's median", "N"},
    {"alone", 0, 0, G_OPTION_ARG_NONE, &o->alone,
        "No dense run beside it, which also clears the CPU's caches", NULL},
    {"kernels", 0, 0, G_OPTION_ARG_STRING, &o->kernels,
        "Kernels of this instruction set: portable, avx2, avx512, neon", "ISA"},
    {"layers", 'l', 0, G_OPTION_ARG_NONE, &o->layers,
        "A row for each layer, and sums by type of layer", NULL},
    {"json", 'j', 0, G_OPTION_ARG_FILENAME, &o->json,
          "Write the figures to FILE as JSON (-: to standard output, no table)",
        "FILE"},
    {NULL}
  };

  o->sparsity = NO_SPARSITY;
  o->runs = 1;
  o->margin = -1;
  o->study_gop = GST_DELTA_CNN_STUDY_GOP;
  return tool_parse (entries, "- time a model on the frames of a clip",
      "Times what deltacnn does with each frame: finding what changed, frame to "
      "tensor,\nnetwork; and the same in dense mode, frame by frame in turn.",
      argc, argv, error) && check_options (o, error);
}

/* On a terminal, a few times a second. */
static void
on_decoded (guint n_frames, gpointer user_data)
{
  if (tool_progress_due ())
    tool_progress ("decoding: frame %u", n_frames);
}

static void
on_measured (guint done, guint all, gpointer user_data)
{
  if (tool_progress_due ())
    tool_progress ("measuring: frame %u of %u", done, all);
}

/* NULL without an error: interrupted. */
static BenchFrames *
load_frames (const Options * o, GError ** error)
{
  ClipFrames *clip;

  if (!o->clip)
    return bench_frames_new_made (o->width, o->height, o->sparsity,
        o->frames > 0 ? o->frames : MADE_FRAMES);
  clip = clip_frames_load (o->clip, o->frames, on_decoded, NULL, error);
  tool_progress_wipe ();
  if (!clip)
    return NULL;
  if (clip->interrupted) {
    clip_frames_free (clip);
    return NULL;
  }
  if (clip->memory_full)
    g_printerr ("deltacnn-bench: the first %u frames fill a quarter of the "
        "memory; those are measured\n", clip->samples->len);
  return bench_frames_new_clip (clip);
}

static gboolean
run (const Options * o, GError ** error)
{
  BenchSettings settings = { 0 };
  BenchAbout about = { &settings, o->clip, o->sparsity, o->layers };
  GstDeltaCnnClassifier *probe;
  BenchFrames *frames;
  BenchResult *result;
  gboolean ok;
  gint value;

  settings.model = o->model;
  settings.mode = GST_DELTA_CNN_MODE_DELTA;
  if (o->mode && enum_by_nick (GST_TYPE_DELTA_CNN_MODE, o->mode, &value))
    settings.mode = value;
  settings.engine = g_strcmp0 (o->engine, "blas") ? GST_DELTA_CNN_ENGINE_NATIVE
      : GST_DELTA_CNN_ENGINE_BLAS;
  settings.study_gop = o->study_gop;
  settings.source = !g_strcmp0 (o->source, "codec") ?
      GST_DELTA_CNN_SOURCE_CODEC : !g_strcmp0 (o->source, "pixel") ?
      GST_DELTA_CNN_SOURCE_PIXEL : GST_DELTA_CNN_SOURCE_AUTO;
  settings.tolerance = o->tolerance;
  settings.margin = o->margin;
  settings.threads = o->threads;
  settings.runs = o->runs;
  settings.alone = o->alone;
  settings.progress = on_measured;

  /* a model that does not do is better known before a long clip is decoded */
  if (!(probe = gst_delta_cnn_classifier_new (o->model, NULL, error)))
    return FALSE;
  if (o->tolerance < 0 && !gst_delta_cnn_classifier_is_calibrated (probe)) {
    gst_delta_cnn_classifier_free (probe);
    return tool_bad_use (error, "there are no tolerances in %s.modelinfo "
        "(deltacnn-calibrate writes them)", o->model);
  }
  tool_warn (NULL, gst_delta_cnn_model_warning (o->model,
          dcn_net_program (gst_delta_cnn_classifier_get_net (probe))));
  frames = load_frames (o, error);
  result = frames ? bench_measure (&settings, frames, error) : NULL;
  tool_progress_wipe ();
  gst_delta_cnn_classifier_free (probe);
  bench_frames_free (frames);
  if (!result)
    return FALSE;
  if (g_strcmp0 (o->json, "-"))
    bench_report_print (&about, result);
  ok = !o->json || bench_report_write (&about, result, o->json, error);
  bench_result_free (result);
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
  g_free (o.clip);
  g_free (o.mode);
  g_free (o.engine);
  g_free (o.source);
  g_free (o.kernels);
  g_free (o.json);
  g_free (o.size);
  return tool_end ("deltacnn-bench", ok, error);
}
