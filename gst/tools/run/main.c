/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-run: classifies every frame of a clip.
 *
 *   filesrc ! parsebin ! [deltaextract !] decoder ! deltacnn ! deltaoverlay ! tee
 *       tee. ! encoder ! matroskamux ! filesink
 *       tee. ! appsink                              the contact sheet
 *
 * Prints one line per frame, then a summary; then runs the clip again without
 * drawing, in delta and in dense mode, to compare speed and labels.
 */
#include "pipeline.h"
#include "common/clip-pipeline.h"
#include "contact-sheet.h"
#include "common/tool.h"
#include "util/parallel.h"

#include <glib-unix.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <stdlib.h>

typedef struct
{
  gchar *clip, *model, *labels, *output;
  gchar *source;
  gdouble tolerance, margin;
  gint threads, frames, compare;
  gboolean quiet, no_video, blocks;
} Options;

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"clip", 'c', 0, G_OPTION_ARG_FILENAME, &o->clip,
        "Video file: mpg, ts, mkv, mp4, mov, avi or a bare stream", "FILE"},
    {"model", 'm', 0, G_OPTION_ARG_FILENAME, &o->model,
          "ONNX model; MODEL.modelinfo beside it says how frames are prepared",
        "FILE"},
    {"labels", 'l', 0, G_OPTION_ARG_FILENAME, &o->labels,
          "Class names, one per line (default: what the .modelinfo says)",
        "FILE"},
    {"tolerance", 't', 0, G_OPTION_ARG_DOUBLE, &o->tolerance,
        "Differences up to T times a layer's rms are not propagated (0: exact; "
          "-1: as calibrated)", "T"},
    {"margin", 0, 0, G_OPTION_ARG_DOUBLE, &o->margin,
          "With tolerances: frames whose best class leads by no more than this "
          "share, 0 to 1, are run again without (default: -1, as calibrated)",
        "M"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output,
          "Folder for the annotated video and the contact sheet (default: out)",
        "DIR"},
    {"source", 's', 0, G_OPTION_ARG_STRING, &o->source,
          "What tells the changes: auto, codec or pixel; approximate: histogram, "
          "diamond or motion (default: auto)",
        "SOURCE"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads of the network (0: all cores)", "N"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &o->frames,
        "Stop after N frames (0: the whole clip)", "N"},
    {"compare", 0, 0, G_OPTION_ARG_INT, &o->compare,
          "Compare with dense mode over the first N frames; 0: do not (default: 300)",
        "N"},
    {"blocks", 'b', 0, G_OPTION_ARG_NONE, &o->blocks,
        "Tint the blocks that changed in the annotated video", NULL},
    {"no-video", 0, 0, G_OPTION_ARG_NONE, &o->no_video,
        "No annotated video and no contact sheet", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet,
        "No line per frame", NULL},
    {NULL}
  };
  static const gchar *const sources[] = { "auto", "codec", "pixel",
    "histogram", "diamond", "motion", NULL
  };

  o->compare = 300;
  o->margin = -1;
  if (!tool_parse (entries, "- classify every frame of a clip", NULL, argc,
          argv, error))
    return FALSE;
  if (!o->clip || !o->model)
    return tool_bad_use (error,
        "--clip FILE and --model FILE are needed (see --help)");
  if (!(o->tolerance >= 0 && o->tolerance <= 1e6) && o->tolerance != -1)
    return tool_bad_use (error,
        "--tolerance must be 0 or more, or -1 for calibrated ones");
  if (!(o->margin >= 0 && o->margin <= 1) && o->margin != -1)
    return tool_bad_use (error,
        "--margin must be from 0 to 1, or -1 for the calibrated one");
  if (o->threads < 0 || o->threads > DCN_PARALLEL_MAX)
    return tool_bad_use (error, "--threads must be from 0 (all cores) to %d",
        DCN_PARALLEL_MAX);
  if (o->frames < 0 || o->compare < 0)
    return tool_bad_use (error, "--frames and --compare must be 0 or more");
  if (o->source && !g_strv_contains (sources, o->source))
    return tool_bad_use (error,
        "--source must be auto, codec or pixel, or of the approximate ones "
        "histogram, diamond or motion");
  if (!o->output)
    o->output = g_strdup ("out");
  return TRUE;
}

static void
print_frame (const RunFrame * frame, gpointer user_data)
{
  const gchar *types = "?IPBD";

  if (frame->number == 0)
    g_print ("%9s  type  changed  multiplies  label\n", "time");
  g_print ("%7.3f s  %4c  %5.1f %%     %5.1f %%  %s %.3f\n",
      GST_CLOCK_TIME_IS_VALID (frame->time) ? frame->time / 1e9 : 0.0,
      types[CLAMP (frame->picture_type, 0, 4)], frame->changed * 100,
      frame->multiplies * 100, frame->label, frame->confidence);
}

/* Share of frames on which two runs have the same label, and the largest
 * difference of confidence on those. */
static void
print_agreement (const RunResult * a, const RunResult * b)
{
  guint i, n = MIN (a->frames->len, b->frames->len), same = 0;
  gdouble worst = 0;

  for (i = 0; i < n; i++) {
    const RunFrame *x = &g_array_index (a->frames, RunFrame, i);
    const RunFrame *y = &g_array_index (b->frames, RunFrame, i);

    if (x->index == y->index) {
      same++;
      worst = MAX (worst, ABS (x->confidence - y->confidence));
    }
  }
  g_print ("  same top label on %u of %u frames, confidences within %.2g\n",
      same, n, worst);
}

static void
print_summary (const RunResult * r, gboolean drawn)
{
  guint i, n = r->frames->len, types[5] = { 0 }, reuse[3] = { 0 }, redone = 0;
  gdouble changed = 0, multiplies = 0, tensor = 0, network = 0;

  for (i = 0; i < n; i++) {
    const RunFrame *f = &g_array_index (r->frames, RunFrame, i);

    types[CLAMP (f->picture_type, 0, 4)]++;
    reuse[CLAMP (f->reuse, 0, 2)]++;
    redone += f->redone;
    changed += f->changed;
    multiplies += f->multiplies;
    tensor += f->time_tensor / 1e6;
    network += f->time_network / 1e6;
  }
  g_print ("\n%u frames (%u I, %u P, %u B, %u of other or unknown type) "
      "in %.2f s: %.1f frames/s%s\n", n, types[1], types[2], types[3],
      types[0] + types[4], r->seconds, n / MAX (r->seconds, 1e-9),
      drawn ? ", drawing and encoding included" : "");
  g_print ("  changes from: %s\n",
      r->coded ? "the codec" :
      "comparing pixels (no coding data of this codec)");
  g_print ("  mean share of blocks changed: %.1f %%\n", changed / n * 100);
  g_print ("  mean share of multiplies done: %.1f %%\n", multiplies / n * 100);
  g_print ("  results: %u reused, %u partly computed, %u computed in full\n",
      reuse[2], reuse[1], reuse[0]);
  if (redone)
    g_print ("  run again without tolerances, by the margin: %u (%.1f %%)\n",
        redone, redone * 100.0 / n);
  g_print ("  time per frame: extract %.3f ms, frame to tensor %.3f ms, "
      "network %.3f ms, %s %.3f ms\n", r->extract_seconds * 1e3 / n,
      tensor / n, network / n,
      drawn ? "decode, draw, encode (rest)" : "decode (rest)",
      MAX (0, r->seconds * 1e3 / n - r->extract_seconds * 1e3 / n -
          (tensor + network) / n));
}

static gdouble
network_ms (const RunResult * r)
{
  gdouble sum = 0;
  guint i;

  for (i = 0; i < r->frames->len; i++)
    sum += g_array_index (r->frames, RunFrame, i).time_network / 1e6 +
        g_array_index (r->frames, RunFrame, i).time_tensor / 1e6;
  return sum / r->frames->len;
}

/* The same frames again, nothing drawn: dense and delta in turn, twice, because
 * the first run of a mode warms the machine up.  The faster ones are compared. */
static gboolean
compare (const Options * o, RunSettings * settings, GError ** error)
{
  RunResult *best[2] = { NULL, NULL };  /* delta, dense */
  gboolean ok = FALSE;
  gint i;

  settings->sheet = NULL;
  settings->video = NULL;
  settings->frame_func = NULL;
  settings->max_frames =
      o->frames > 0 ? MIN (o->frames, o->compare) : o->compare;
  for (i = 3; i >= 0; i--) {
    RunResult *result;

    settings->dense = i % 2;
    if (!(result = run_pipeline (settings, error)))
      goto done;
    if (result->interrupted) {
      run_result_free (result);
      g_print ("\ninterrupted: not compared with dense\n");
      ok = TRUE;
      goto done;
    }
    if (!best[i % 2] || result->seconds < best[i % 2]->seconds) {
      if (best[i % 2])
        run_result_free (best[i % 2]);
      best[i % 2] = result;
    } else {
      run_result_free (result);
    }
  }
  g_print ("\nagainst dense, %u frames, nothing drawn:\n",
      best[0]->frames->len);
  g_print ("  tensor and network: delta %.3f ms, dense %.3f ms a frame: "
      "%.2f times as fast\n", network_ms (best[0]), network_ms (best[1]),
      network_ms (best[1]) / MAX (network_ms (best[0]), 1e-9));
  g_print ("  whole pipeline: delta %.1f, dense %.1f frames/s: "
      "%.2f times as fast\n", best[0]->frames->len / best[0]->seconds,
      best[1]->frames->len / best[1]->seconds,
      best[1]->seconds / best[0]->seconds);
  print_agreement (best[0], best[1]);
  ok = TRUE;

done:
  for (i = 0; i < 2; i++)
    if (best[i])
      run_result_free (best[i]);
  return ok;
}

static gboolean
run (const Options * o, GError ** error)
{
  RunSettings settings = { 0 };
  RunResult *result = NULL;
  gchar *base = NULL, *video = NULL, *sheet = NULL, *name, *dot;
  gboolean ok = FALSE;

  settings.clip = o->clip;
  settings.model = o->model;
  settings.labels = o->labels;
  settings.source = o->source;
  settings.tolerance = o->tolerance;
  settings.margin = o->margin;
  settings.threads = o->threads;
  settings.max_frames = o->frames;
  settings.show_blocks = o->blocks;
  if (!o->quiet)
    settings.frame_func = print_frame;
  if (!o->no_video) {
    if (g_mkdir_with_parents (o->output, 0777) < 0) {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
          "cannot make the folder %s: %s", o->output, g_strerror (errno));
      return FALSE;
    }
    base = g_path_get_basename (o->clip);
    if ((dot = strrchr (base, '.')) && dot != base)
      *dot = 0;
    name = g_strconcat (base, "-annotated.mkv", NULL);
    video = g_build_filename (o->output, name, NULL);
    g_free (name);
    name = g_strconcat (base, "-contact-sheet.png", NULL);
    sheet = g_build_filename (o->output, name, NULL);
    g_free (name);
    settings.video = video;
    settings.sheet = contact_sheet_new (4, 4);
  }

  if (!(result = run_pipeline (&settings, error)))
    goto done;
  print_summary (result, video != NULL);
  if (settings.sheet && !contact_sheet_write (settings.sheet, sheet, error))
    goto done;
  if (!result->interrupted && o->compare > 0) {
    ContactSheet *keep = settings.sheet;

    ok = compare (o, &settings, error);
    settings.sheet = keep;
    if (!ok)
      goto done;
  }
  if (video) {
    g_print ("\nannotated video: %s\ncontact sheet:   %s\n", video, sheet);
  }
  ok = TRUE;

done:
  if (result)
    run_result_free (result);
  contact_sheet_free (settings.sheet);
  g_free (base);
  g_free (video);
  g_free (sheet);
  return ok;
}

int
main (int argc, char **argv)
{
  Options o = { 0 };
  GError *error = NULL;
  int status;

  setlocale (LC_ALL, "");
  if (!parse_options (&o, &argc, &argv, &error)) {
    tool_end ("deltacnn-run", FALSE, error);
    status = 2;
  } else {
    gboolean ok = clip_pipeline_setup (&error) && run (&o, &error);

    status = tool_end ("deltacnn-run", ok, error);
  }
  g_free (o.clip);
  g_free (o.model);
  g_free (o.labels);
  g_free (o.output);
  g_free (o.source);
  return status;
}
