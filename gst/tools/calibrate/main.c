/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltacnn-calibrate: how much the values of a network may be off before its results
 * are others.
 *
 * Decodes clips as a pipeline would, keeps the tensors, looks for the tolerances that
 * save most while the best class stays what it is in dense mode, and writes them
 * where deltacnn tolerance=-1 finds them.
 */
#include "search.h"
#include "common/clip-pipeline.h"
#include "common/tool.h"

#include <gio/gio.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include "model/modelinfo.h"

#define FEWEST_FRAMES 24
/* Of the time, this share is for the search; the rest for what comes after it. */
#define SEARCH_SHARE 0.9

typedef struct
{
  gchar **files;                /* model, clips */
  gchar *source_name, *output;
  GstDeltaCnnSource source;
  gdouble agreement, error;
  gint frames, threads, seconds, megabytes;
  gboolean dry_run, quiet;
} Options;

static gint64 search_start, search_end; /* monotonic */

static gboolean
parse_options (Options * o, int *argc, char ***argv, GError ** error)
{
  GOptionEntry entries[] = {
    {"agreement", 'a', 0, G_OPTION_ARG_DOUBLE, &o->agreement,
        "Share of frames that must keep the best class of dense mode "
          "(default: 0.99)", "A"},
    {"error", 'e', 0, G_OPTION_ARG_DOUBLE, &o->error,
        "Mean error of the scores that is allowed besides, as a share of their "
          "spread within a frame (default: 0.5)", "E"},
    {"source", 's', 0, G_OPTION_ARG_STRING, &o->source_name,
          "What tells the changes: auto, codec or pixel (default: auto)",
        "SOURCE"},
    {"frames", 'n', 0, G_OPTION_ARG_INT, &o->frames,
        "The first N frames of each clip (0: all)", "N"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &o->threads,
        "Threads (0: all cores)", "N"},
    {"time", 't', 0, G_OPTION_ARG_INT, &o->seconds,
        "Search for about so long at most, reading the clips not counted "
          "(default: 120)", "SECONDS"},
    {"memory", 0, 0, G_OPTION_ARG_INT, &o->megabytes,
        "Keep at most about MB megabytes of frames; runs of frames are left out "
          "where there are more (default: 2048)", "MB"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &o->output,
        "Write this file instead of the .modelinfo beside the model", "FILE"},
    {"dry-run", 0, 0, G_OPTION_ARG_NONE, &o->dry_run,
        "Write nothing", NULL},
    {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet,
        "No progress and no report", NULL},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->files, NULL,
        "MODEL CLIP..."},
    {NULL}
  };
  static const gchar *const sources[] = { "auto", "codec", "pixel", NULL };
  gint i;

  o->agreement = 0.99;
  o->error = 0.5;
  o->seconds = 120;
  o->megabytes = 2048;
  if (!tool_parse (entries, NULL,
          "Finds how much the values of a network may be off before its results are\n"
          "others: decodes the clips, tries tolerances on their frames, and writes\n"
          "those that save most into the .modelinfo beside the model, where\n"
          "deltacnn tolerance=-1 finds them.  Take clips like those the model is to\n"
          "see: same camera or kind of camera, same codec settings.  A part of the\n"
          "frames is not searched on, and must agree as well.",
          argc, argv, error))
    return FALSE;
  if (!o->files || !o->files[0] || !o->files[1])
    return tool_bad_use (error,
        "a model and at least one clip are needed (see --help)");
  if (!(o->agreement > 0.0 && o->agreement <= 1.0))
    return tool_bad_use (error, "--agreement must be above 0 and at most 1");
  if (!(o->error > 0.0 && o->error <= 1e6))
    return tool_bad_use (error, "--error must be above 0");
  if (o->frames < 0 || o->threads < 0 || o->seconds < 1 || o->megabytes < 1)
    return tool_bad_use (error,
        "--frames and --threads must be 0 or more, --time and --memory 1 or "
        "more");
  for (i = 0; o->source_name && sources[i]; i++)
    if (g_str_equal (sources[i], o->source_name))
      break;
  if (o->source_name && !sources[i])
    return tool_bad_use (error, "--source must be auto, codec or pixel");
  o->source = o->source_name ? i : GST_DELTA_CNN_SOURCE_AUTO;
  return TRUE;
}

/* --- Progress: one line, where somebody watches --- */

static void
show_reading (const gchar * clip, guint n_frames, gpointer user_data)
{
  if (tool_progress_due ())
    tool_progress ("reading %s: %u frames", clip, n_frames);
}

static void
show_search (const gchar * doing, gpointer user_data)
{
  gint64 now = g_get_monotonic_time ();
  gdouble share = (gdouble) (now - search_start) /
      MAX (search_end - search_start, 1);
  gint left = MAX (0, (search_end - now) / G_USEC_PER_SEC);
  gchar bar[TOOL_BAR + 1];

  if (!tool_progress_due ())
    return;
  share = CLAMP (share, 0.0, 1.0);
  tool_progress ("[%s] %3.0f %%  at most %d:%02d left  tolerances: %s",
      tool_progress_bar (bar, share), share * 100, left / 60, left % 60, doing);
}

/* --- Report --- */

static const gchar *
maker (const DcnProgram * program, const DcnNet * net, gint value)
{
  gint i;

  for (i = 0; i < program->n_ops; i++)
    if (program->ops[i].output == value)
      return dcn_net_op_class (net, i);
  return "input";
}

static gboolean
reads (const DcnOp * op, gint value)
{
  gint i;

  for (i = 0; i < op->n_inputs; i++)
    if (op->inputs[i] == value)
      return TRUE;
  return FALSE;
}

static void
print_values (const CalFrames * frames, const CalFound * found,
    const CalOp * ops)
{
  const DcnProgram *program = dcn_net_program (frames->net);
  gint i, j, v, width = 5;

  for (v = 0; v < program->n_values; v++)
    if (found->tolerances[v] >= 0.0)
      width = MAX (width, (gint) g_utf8_strlen (program->values[v].name, -1));
  width = MIN (width, 40);
  g_print ("%-*s  %-10s  tolerance  multiplies behind it\n", width, "value",
      "made by");
  for (i = -1; i < program->n_ops; i++) {
    guint64 macs = 0, dense = 0;

    v = i < 0 ? program->input : program->ops[i].output;
    if (found->tolerances[v] < 0.0)
      continue;
    for (j = 0; j < program->n_ops; j++)
      if (reads (&program->ops[j], v)) {
        macs += ops[j].macs;
        dense += dcn_op_macs (program, &program->ops[j]);
      }
    g_print ("%-*.*s  %-10s  %9.3g  ", width, width, program->values[v].name,
        maker (program, frames->net, v), found->tolerances[v]);
    if (dense && found->final.partial)
      g_print ("%5.1f %% of %.3g million\n",
          100.0 * macs / dense / found->final.partial, dense / 1e6);
    else
      g_print ("    -\n");
  }
}

static gdouble
share_same (const CalKind * kind)
{
  return kind->frames ? 1.0 - (gdouble) kind->differ / kind->frames : 1.0;
}

/* Frames on which the error is no larger than the margin, or there is none. */
static gdouble
share_sure (const CalKind * kind)
{
  return kind->frames ? 1.0 - (gdouble) kind->unsure / kind->frames : 1.0;
}

static void
print_report (const Options * o, const CalFrames * frames,
    const CalFound * found, const CalOp * ops, gdouble dense_ns, gdouble ns,
    gint threads)
{
  const CalResult *r = &found->final;

  g_print ("%u frames of %u clip%s, changes from %s", frames->frames->len,
      frames->n_clips, frames->n_clips == 1 ? "" : "s",
      frames->by_codec ? "the codec" : "comparing pixels");
  if (frames->n_left_out)
    g_print (" (%u more left out, to stay below %d MB)", frames->n_left_out,
        o->megabytes);
  g_print ("\n%u trials\n", found->trials);
  if (found->global_tolerance > 0.0)
    g_print ("the same for all values: %.3g with a margin of %.3g, multiplies "
        "%.1f %%, modelled time %.1f %%\n", found->global_tolerance,
        found->global_margin, found->global.macs * 100,
        found->global.cost * 100);
  else
    g_print ("no tolerance keeps the agreement: all are 0, exact\n");
  g_print ("\n");
  print_values (frames, found, ops);
  g_print ("\n                          searched on  held out\n");
  g_print ("frames                    %11u  %8u\n", r->searched.frames,
      r->held_out.frames);
  g_print ("same class as dense       %11.4f  %8.4f\n",
      share_same (&r->searched), share_same (&r->held_out));
  g_print ("would keep it at any lead %10.4f  %8.4f\n",
      share_sure (&r->searched), share_sure (&r->held_out));
  g_print ("error of the scores, mean %11.4f  %8.4f   (of their spread in a "
      "frame)\n", r->searched.mean_error, r->held_out.mean_error);
  g_print ("                  largest %11.4f  %8.4f\n", r->searched.max_error,
      r->held_out.max_error);
  if (found->margin > 0.0)
    g_print ("\nmargin %.3g: %.1f %% of the frames are run again without "
        "tolerances", found->margin, 100.0 * r->redone / MAX (r->partial, 1));
  g_print
      ("\nmultiplies: %.1f %% of dense; modelled time of the network: %.1f %%\n",
      r->macs * 100, r->cost * 100);
  g_print ("network: dense %.3f ms, delta %.3f ms a frame: %.1f times as fast "
      "(%d thread%s)\n", dense_ns / 1e6, ns / 1e6, dense_ns / MAX (ns, 1.0),
      threads, threads == 1 ? "" : "s");
  /* times of a busy machine are not worth more than that */
  if (ns > 1.2 * dense_ns)
    g_print ("on these clips with this agreement, dense mode is faster\n");
}

/* --- Writing --- */

/* The file to write, and whether that can work: better known before the search. */
static gchar *
target (const Options * o, gchar ** from, GError ** error)
{
  gchar *to, *real;

  *from = dcn_modelinfo_find (o->files[0]);
  to = o->output ? g_strdup (o->output) : *from ? g_strdup (*from) :
      g_strconcat (o->files[0], ".modelinfo", NULL);
  /* through a link: what it leads to is written anew, not the link */
  real = realpath (to, NULL);
  if (!o->dry_run && !tool_check_output (real ? real : to, error))
    g_clear_pointer (&to, g_free);
  free (real);
  return to;
}

static gboolean
write_tolerances (const Options * o, const CalFrames * frames,
    const CalFound * found, const gchar * from, const gchar * to,
    GError ** error)
{
  const DcnProgram *program = dcn_net_program (frames->net);
  const CalResult *r = &found->final;
  GArray *list = g_array_new (FALSE, FALSE, sizeof (DcnTolerance));
  gchar *note;
  gboolean ok;
  gint v;

  for (v = 0; v < program->n_values; v++)
    if (found->tolerances[v] >= 0.0) {
      DcnTolerance one = { program->values[v].name, found->tolerances[v] };

      g_array_append_val (list, one);
    }
  note =
      g_strdup_printf ("agreement %.4f on %u frames and %.4f on %u held out, "
      "of %u clip%s; %g was asked for\nmultiplies %.1f %% of dense",
      share_same (&r->searched), r->searched.frames, share_same (&r->held_out),
      r->held_out.frames, frames->n_clips, frames->n_clips == 1 ? "" : "s",
      o->agreement, r->macs * 100);
  ok = dcn_modelinfo_write_tolerances (from, to, (DcnTolerance *) list->data,
      list->len, found->margin, note, error);
  g_free (note);
  g_array_unref (list);
  return ok;
}

static gboolean
search_and_write (const Options * o, const CalFrames * frames,
    const gchar * from, const gchar * to, GError ** error)
{
  CalSearchSettings settings = { 0 };
  CalFound found = { 0 };
  CalResult timed;
  CalTrial trial = { 0 };
  CalRunner *runner;
  gdouble dense_ns;
  gboolean ok = FALSE;

  runner = cal_runner_new (frames, o->threads, error);
  if (!runner)
    return FALSE;
  search_start = g_get_monotonic_time ();
  search_end = search_start + o->seconds * G_USEC_PER_SEC;
  settings.agreement = o->agreement;
  settings.error = o->error;
  settings.deadline = search_start + o->seconds * SEARCH_SHARE * G_USEC_PER_SEC;
  settings.progress = !o->quiet ? show_search : NULL;
  if (!cal_search (runner, frames, &settings, &found))
    goto done;
  trial.tolerances = found.tolerances;
  trial.margin = found.margin;
  trial.all = TRUE;
  trial.most_differ = trial.most_unsure = G_MAXUINT;
  trial.ops = g_new0 (CalOp, MAX (dcn_net_program (frames->net)->n_ops, 1));
  if (!o->quiet) {
    dense_ns = cal_runner_time_dense (runner);
    if (!cal_runner_time (runner, &trial, &timed))
      goto done;
    tool_progress_wipe ();
    print_report (o, frames, &found, trial.ops, dense_ns, timed.ns,
        cal_runner_get_threads (runner));
  }
  if (tool_is_interrupted ())
    goto done;
  ok = o->dry_run || write_tolerances (o, frames, &found, from, to, error);
  if (ok && !o->quiet && !o->dry_run)
    g_print ("written: %s\n", to);

done:
  g_free (trial.ops);
  cal_found_clear (&found);
  cal_runner_free (runner);
  return ok;
}

static gboolean
calibrate (const Options * o, GError ** error)
{
  CalFrames *frames = NULL;
  gchar *from = NULL, *to;
  gboolean ok = FALSE;

  if (!(to = target (o, &from, error)))
    goto done;
  frames = cal_frames_load (o->files[0], o->files + 1, o->source, o->frames,
      (gsize) o->megabytes << 20, o->threads, !o->quiet ? show_reading : NULL,
      NULL, error);
  tool_progress_wipe ();
  if (!frames)
    goto done;
  tool_warn (NULL, gst_delta_cnn_model_warning (o->files[0],
          dcn_net_program (gst_delta_cnn_classifier_get_net
              (frames->classifier))));
  if (frames->interrupted || tool_is_interrupted ())
    goto done;
  if (frames->frames->len < FEWEST_FRAMES) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
        "%u frames are too few to calibrate on; at least %u are needed, "
        "and some hundred are better", frames->frames->len, FEWEST_FRAMES);
    goto done;
  }
  ok = search_and_write (o, frames, from, to, error);

done:
  cal_frames_free (frames);
  g_free (from);
  g_free (to);
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
    ok = calibrate (&o, &error);
  }
  g_strfreev (o.files);
  g_free (o.source_name);
  g_free (o.output);
  return tool_end ("deltacnn-calibrate", ok, error);
}
