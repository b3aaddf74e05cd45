/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table for people.
 */
#include "report.h"

#include <math.h>

#define NAME_WIDTH 40

GArray *
eval_layers (const EvalResult * result, guint way)
{
  const EvalTally *tally = &g_array_index (result->tallies, EvalTally, way);
  const EvalTally *dense = &g_array_index (result->tallies, EvalTally, 0);

  return layer_times (gst_delta_cnn_classifier_get_net (eval_runner_classifier
          (tally->runner)), tally->ops, dense->ops, tally->records->len, 1);
}

static gdouble
percent (guint part, guint all)
{
  return all ? part * 100.0 / all : 0;
}

/* Layers that take a hundredth of a dense frame or more; one column for each way. */
static void
print_layers (const EvalResult * result)
{
  guint n_ways = result->tallies->len, w, i;
  GArray **layers = g_new (GArray *, n_ways);

  g_print ("\nms a frame by layer:\n");
  for (w = 0; w < n_ways; w++) {
    layers[w] = eval_layers (result, w);
    g_print ("  %c  %s\n", 'A' + w % 26,
        g_array_index (result->tallies, EvalTally, w).way->name);
  }
  g_print ("\n%-24s %-24s %-26s", "layer", "type", "shape");
  for (w = 0; w < n_ways; w++)
    g_print (" %8c", 'A' + w % 26);
  g_print ("\n");
  for (i = 0; i < layers[0]->len; i++) {
    const LayerTimes *l = &g_array_index (layers[0], LayerTimes, i);

    if (l->share < 0.01)
      continue;
    g_print ("%-24.24s %-24s %-26s", l->name ? l->name : "", l->type, l->shape);
    for (w = 0; w < n_ways; w++)
      g_print (" %8.4f", g_array_index (layers[w], LayerTimes, i).ms);
    g_print ("\n");
  }
  for (w = 0; w < n_ways; w++)
    g_array_unref (layers[w]);
  g_free (layers);
}

/* How the decoded frames came: what the sources could know. */
static void
print_clips (const EvalResult * result)
{
  guint i, coded = 0, cut = 0, classes = 0;

  for (i = 0; i < result->clips->classes->len; i++)
    classes += result->class_frames[i] > 0;

  for (i = 0; i < result->done->len; i++) {
    const EvalDone *done = &g_array_index (result->done, EvalDone, i);

    coded += done->coded;
    cut += done->cut;
  }
  g_print ("%u clip%s of %u class%s", result->done->len,
      result->done->len == 1 ? "" : "s", classes, classes == 1 ? "" : "es");
  if (result->clips->n_found > result->clips->clips->len)
    g_print (" (a sample of %u)", result->clips->n_found);
  g_print (", %u frames of %dx%d; codec read in %u\n", result->n_frames,
      result->width, result->height, coded);
  if (result->clips->n_left_out)
    g_print ("left out: %u clips of %u classes that are no labels of the "
        "model\n", result->clips->n_left_out, result->clips->unknown->len);
  if (cut)
    g_print ("%u clips did not fit into a quarter of the memory and were "
        "cut\n", cut);
}

void
eval_report_print (const EvalAbout * about, const EvalResult * result)
{
  const EvalTally *tallies = (const EvalTally *) result->tallies->data;
  guint w, n = result->n_frames, width = 10;
  gchar *model = g_path_get_basename (about->model);
  EvalSummary dense, s;

  g_print ("%s on %s%s%s, %d thread%s, %s kernels\n", model, about->dir,
      about->list ? ", " : "", about->list ? about->list : "", about->threads,
      about->threads == 1 ? "" : "s", dcn_kernels_get ()->isa);
  g_free (model);
  print_clips (result);
  for (w = 0; w < result->tallies->len; w++)
    width = MAX (width, (guint) g_utf8_strlen (tallies[w].way->name, -1));
  width = MIN (width, NAME_WIDTH);
  g_print ("\n%-*s %8s %8s %9s %10s %9s %9s %9s %11s\n", width, "", "frames",
      "clips", "frames as", "multiplies", "ms mean", "median", "99th %",
      "times dense");
  g_print ("%-*s %8s %8s %9s %10s %9s %9s %9s %11s\n", width, "", "right %",
      "right %", "dense %", "%", "a frame", "", "", "(mean)");
  eval_summarise (&tallies[0], &dense);
  for (w = 0; w < result->tallies->len; w++) {
    const EvalTally *t = &tallies[w];

    eval_summarise (t, &s);
    g_print ("%-*s %8.2f %8.2f %9.2f %10.1f %9.3f %9.3f %9.3f %11.2f\n", width,
        t->way->name, percent (t->right, n), percent (t->clips_right,
            result->done->len), percent (t->same, n), s.multiplies * 100,
        s.mean, s.median, s.p99, dense.mean / MAX (s.mean, 1e-9));
  }
  g_print ("\nframes right: the best class is that of the clip's folder; clips "
      "right: the class with the\nhighest mean of the confidences over the "
      "clip's frames; ms: what changed, frame to tensor and\nnetwork, first "
      "frames of clips included\n");
  if (about->layers)
    print_layers (result);
}
