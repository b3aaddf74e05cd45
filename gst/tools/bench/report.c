/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "report.h"
#include "common/layer-times.h"
#include "common/report-json.h"

#include <math.h>

typedef struct
{
  gdouble mean, median, p99, first;
} Summary;

/* Which part of a frame's time. */
typedef enum
{
  PART_TOTAL,
  PART_CHANGES,
  PART_TENSOR,
  PART_NETWORK
} Part;

static gdouble
part_ms (const BenchTimes * times, Part part)
{
  switch (part) {
    case PART_CHANGES:
      return times->changes / 1e6;
    case PART_TENSOR:
      return times->tensor / 1e6;
    case PART_NETWORK:
      return times->network / 1e6;
    default:
      return bench_times_total (times) / 1e6;
  }
}

static gint
compare_doubles (gconstpointer a, gconstpointer b)
{
  gdouble x = *(const gdouble *) a, y = *(const gdouble *) b;

  return x < y ? -1 : x > y;
}

/* The first frame stands alone: nothing can be reused for it. */
static Summary
summarise (const BenchSide * side, guint n_frames, Part part)
{
  guint i, n = n_frames - 1;
  gdouble *ms = g_new (gdouble, n);
  Summary s = { 0 };

  for (i = 0; i < n; i++) {
    ms[i] = part_ms (&side->frames[i + 1], part);
    s.mean += ms[i] / n;
  }
  qsort (ms, n, sizeof *ms, compare_doubles);
  s.median = n % 2 ? ms[n / 2] : (ms[n / 2 - 1] + ms[n / 2]) / 2;
  s.p99 = ms[(guint) ceil (0.99 * n) - 1];
  s.first = part_ms (&side->frames[0], part);
  g_free (ms);
  return s;
}

static gdouble
fraction (guint64 part, guint64 all)
{
  return all ? (gdouble) part / all : 0;
}

static const gchar *
nick (GType type, gint value)
{
  GEnumClass *class = g_type_class_ref (type);
  const gchar *name = g_enum_get_value (class, value)->value_nick;

  g_type_class_unref (class);
  return name;
}

static const gchar *
mode_name (GstDeltaCnnMode mode)
{
  return nick (GST_TYPE_DELTA_CNN_MODE, mode);
}

static const gchar *
engine_name (GstDeltaCnnEngine engine)
{
  return nick (GST_TYPE_DELTA_CNN_ENGINE, engine);
}

static const gchar *
source_name (GstDeltaCnnSource source)
{
  static const gchar *const names[] = { "auto", "codec", "pixel" };

  return names[source];
}

/* ---- table ---- */

static void
print_times (const gchar * name, const BenchSide * side, guint n, Part part)
{
  Summary s = summarise (side, n, part);

  g_print ("  %-22s %9.3f %9.3f %9.3f %9.3f\n", name, s.mean, s.median, s.p99,
      s.first);
}

static void
print_side (const gchar * name, const BenchSide * side, guint n)
{
  print_times (name, side, n, PART_TOTAL);
  print_times ("  what changed", side, n, PART_CHANGES);
  print_times ("  frame to tensor", side, n, PART_TENSOR);
  print_times ("  network", side, n, PART_NETWORK);
}

static void
print_against_dense (const BenchResult * r)
{
  Summary side = summarise (&r->side, r->n_frames, PART_TOTAL);
  Summary dense = summarise (r->dense, r->n_frames, PART_TOTAL);

  g_print ("\nagainst dense: %.2f times as fast (mean), %.2f (median)\n",
      dense.mean / MAX (side.mean, 1e-9), dense.median / MAX (side.median,
          1e-9));
  g_print ("  same top label on %.1f %% of the frames; outputs%s differ by "
      "%.2g of the largest at most, %.2g in the mean\n",
      r->top1_agreement * 100, r->before_softmax ? " before softmax" : "",
      r->max_rel_error, r->mean_rel_error);
}

/* A rate, or a dash where there is nothing to multiply. */
static void
print_rate (gdouble gflops)
{
  if (gflops > 0)
    g_print (" %8.1f", gflops);
  else
    g_print (" %8s", "-");
}

/* The study's figures: where its layers' time goes. */
static void
print_study (const GArray * layers)
{
  gboolean head = FALSE;
  guint i;

  for (i = 0; i < layers->len; i++) {
    const LayerTimes *l = &g_array_index (layers, LayerTimes, i);

    if (!l->study)
      continue;
    if (!head)
      g_print ("\n%-26s %7s %9s %12s %7s %9s %10s %14s %9s\n",
          "ms by the study's layers", "full", "im2col", "dense prod.", "sparse",
          "not 0", "to sparse", "sparse prod.", "rest");
    head = TRUE;
    g_print ("%-26.26s %7d %9.4f %12.4f %7d %7.2f %% %10.4f %14.4f %9.4f\n",
        l->name ? l->name : "", l->unfolded, l->unfold_ms, l->dense_product_ms,
        l->sparse, l->density * 100, l->to_sparse_ms, l->sparse_product_ms,
        l->rest_ms);
  }
  if (head)
    g_print ("(of a frame done in either way, in full or with sparse matrices; "
        "rest: of any frame)\n");
}

/* Of all frames but the first, which has nothing to reuse. */
static GArray *
layers_of (const BenchResult * r)
{
  return layer_times (gst_delta_cnn_classifier_get_net (r->classifier),
      r->side.ops, r->dense ? r->dense->ops : NULL, r->n_frames - 1, r->runs);
}

static void
print_layers (const BenchResult * r)
{
  GArray *layers = layers_of (r), *types = layer_times_by_type (layers);
  Summary network = summarise (&r->side, r->n_frames, PART_NETWORK);
  gdouble sum = 0;
  guint i;

  g_print ("\n%-26s %-24s %-26s %-20s %8s %8s %6s %8s %8s %8s\n", "layer",
      "type", "shape", "kernel", "changed", "ms", "share", "GFLOP/s",
      "dense ms", "GFLOP/s");
  for (i = 0; i < layers->len; i++) {
    const LayerTimes *l = &g_array_index (layers, LayerTimes, i);

    sum += l->ms;
    g_print ("%-26.26s %-24s %-26s %-20s %6.1f %% %8.4f %4.1f %%",
        l->name ? l->name : "", l->type, l->shape, l->kernel,
        l->changed * 100, l->ms, l->share * 100);
    print_rate (l->gflops);
    if (l->dense_ms >= 0) {
      g_print (" %8.4f", l->dense_ms);
      print_rate (l->dense_gflops);
    }
    g_print ("\n");
  }
  g_print ("%-99s %8.4f\n", "beside the layers: the input's test, the results",
      MAX (network.mean - sum, 0));
  print_study (layers);

  g_print ("\n%-24s %6s %8s %8s %6s %8s %8s %11s\n", "by type", "layers",
      "changed", "ms", "share", "GFLOP/s", "dense ms", "of dense");
  for (i = 0; i < types->len; i++) {
    const LayerTimes *t = &g_array_index (types, LayerTimes, i);

    g_print ("%-24s %6d %6.1f %% %8.4f %4.1f %%", t->type, t->layers,
        t->changed * 100, t->ms, t->share * 100);
    print_rate (t->gflops);
    if (t->dense_ms > 0)
      g_print (" %8.4f %9.1f %%", t->dense_ms, t->ms / t->dense_ms * 100);
    g_print ("\n");
  }
  g_array_unref (types);
  g_array_unref (layers);
}

void
bench_report_print (const BenchAbout * about, const BenchResult * r)
{
  const BenchSettings *settings = about->settings;
  guint rest = r->n_frames - 1;

  g_print ("%s on ", gst_delta_cnn_classifier_get_model (r->classifier));
  if (about->clip) {
    gchar *clip = g_path_get_basename (about->clip);

    g_print ("%s", clip);
    g_free (clip);
  } else {
    g_print ("made frames with %g %% of the blocks unchanged",
        about->sparsity * 100);
  }
  g_print ("\n%u frames of %dx%d, mode %s%s, tolerance %g, source %s, %d "
      "thread%s, %s kernels", r->n_frames, r->width, r->height,
      mode_name (settings->mode),
      settings->engine == GST_DELTA_CNN_ENGINE_BLAS ? " by blas" : "",
      settings->tolerance,
      source_name (settings->source), r->threads, r->threads == 1 ? "" : "s",
      dcn_kernels_get ()->isa);
  if (r->runs > 1)
    g_print (", median of %u passes", r->runs);
  g_print ("\n\n  %-22s %9s %9s %9s %9s\n", "ms a frame", "mean", "median",
      "99th %", "first");
  print_side (mode_name (settings->mode), &r->side, r->n_frames);
  if (r->dense && r->dense != &r->side)
    print_side ("dense", r->dense, r->n_frames);
  g_print ("  (mean, median and 99th percentile without the first frame)\n");

  g_print
      ("\nblocks changed %.1f %%, multiplies done %.1f %%, values propagated %.1f %%\n",
      fraction (r->blocks_changed, r->blocks) * 100, fraction (r->macs,
          r->macs_dense) * 100, fraction (r->values_changed, r->values) * 100);
  g_print ("frames: %u reused, %u partly computed, %u computed in full; "
      "changes from the codec %u, from pixels %u, not known %u\n",
      r->reuse[GST_DELTA_CNN_REUSE_REUSED],
      r->reuse[GST_DELTA_CNN_REUSE_PARTIAL], r->reuse[GST_DELTA_CNN_REUSE_FULL],
      r->used[GST_DELTA_CNN_USED_CODEC], r->used[GST_DELTA_CNN_USED_PIXEL],
      r->used[GST_DELTA_CNN_USED_NONE]);
  if (r->redone)
    g_print ("run again without tolerances, for want of a margin: %u of %u "
        "frames (%.1f %%)\n", r->redone, rest, 100.0 * r->redone / rest);
  if (r->mismatches)
    g_print ("the codec's word did not hold on %u of %u frames\n",
        r->mismatches, rest);
  g_print ("memory: weights %.1f MB, caches of a stream %.1f MB\n",
      gst_delta_cnn_classifier_get_weight_bytes (r->classifier) / 1e6,
      gst_delta_cnn_classifier_get_cache_bytes (r->classifier) / 1e6);
  if (r->dense && r->dense != &r->side)
    print_against_dense (r);
  if (about->layers)
    print_layers (r);
}

/* ---- JSON ---- */

static void
add_summary (JsonBuilder * b, const gchar * name, const BenchSide * side,
    guint n)
{
  Summary s;

  if (!side) {
    report_json_string (b, name, NULL);
    return;
  }
  s = summarise (side, n, PART_TOTAL);
  report_json_begin (b, name);
  report_json_double (b, "mean", s.mean);
  report_json_double (b, "median", s.median);
  report_json_double (b, "p99", s.p99);
  report_json_double (b, "first", s.first);
  json_builder_end_object (b);
}

static void
add_stages (JsonBuilder * b, const gchar * name, const BenchSide * side,
    guint n, gboolean median)
{
  static const gchar *const names[] = { "changes", "tensor", "network" };
  guint i;

  if (!side) {
    report_json_string (b, name, NULL);
    return;
  }
  report_json_begin (b, name);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    Summary s = summarise (side, n, PART_CHANGES + i);

    report_json_double (b, names[i], median ? s.median : s.mean);
  }
  json_builder_end_object (b);
}

static void
add_layer_list (JsonBuilder * b, const gchar * name, const GArray * layers)
{
  guint i;
  gint part;

  json_builder_set_member_name (b, name);
  json_builder_begin_array (b);
  for (i = 0; i < layers->len; i++) {
    const LayerTimes *l = &g_array_index (layers, LayerTimes, i);

    json_builder_begin_object (b);
    if (l->shape) {
      report_json_string (b, "name", l->name);
      report_json_string (b, "type", l->type);
      report_json_string (b, "shape", l->shape);
      report_json_string (b, "kernel", l->kernel);
    } else {
      report_json_string (b, "type", l->type);
      report_json_int (b, "layers", l->layers);
    }
    report_json_double (b, "value_fraction", l->changed);
    report_json_double (b, "ms", l->ms);
    report_json_double (b, "share", l->share);
    report_json_double (b, "gflops", l->gflops);
    report_json_double (b, "dense_ms", l->dense_ms < 0 ? NAN : l->dense_ms);
    report_json_double (b, "dense_gflops",
        l->dense_ms < 0 ? NAN : l->dense_gflops);
    if (l->study) {
      report_json_begin (b, "study");
      report_json_int (b, "full_frames", l->unfolded);
      report_json_int (b, "sparse_frames", l->sparse);
      for (part = 0; part < LAYER_STUDY_PARTS; part++)
        report_json_double (b, layer_study_parts[part],
            layer_study_part (l, part));
      report_json_double (b, "density", l->density);
      json_builder_end_object (b);
    }
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
}

static void
add_layers (JsonBuilder * b, const BenchResult * r)
{
  GArray *layers = layers_of (r), *types = layer_times_by_type (layers);

  add_layer_list (b, "layers", layers);
  add_layer_list (b, "types", types);
  g_array_unref (types);
  g_array_unref (layers);
}

/* Of all values of the network, once. */
static guint64
activation_bytes (const BenchResult * r)
{
  const DcnProgram *program =
      dcn_net_program (gst_delta_cnn_classifier_get_net (r->classifier));
  guint64 values = dcn_value_elements (&program->values[program->input]);
  gint i;

  for (i = 0; i < program->n_ops; i++)
    values += dcn_value_elements (&program->values[program->ops[i].output]);
  return values * sizeof (float);
}

static JsonNode *
make_json (const BenchAbout * about, const BenchResult * r)
{
  const BenchSettings *settings = about->settings;
  gchar *clip = about->clip ? g_path_get_basename (about->clip) : NULL;
  JsonBuilder *b = json_builder_new ();
  JsonNode *root;
  guint n = r->n_frames;

  json_builder_begin_object (b);
  report_json_string (b, "model",
      gst_delta_cnn_classifier_get_model (r->classifier));
  report_json_string (b, "clip", clip);
  report_json_double (b, "sparsity", about->clip ? NAN : about->sparsity);
  report_json_int (b, "width", r->width);
  report_json_int (b, "height", r->height);
  report_json_string (b, "mode", mode_name (settings->mode));
  report_json_string (b, "engine", engine_name (settings->engine));
  report_json_string (b, "source", source_name (settings->source));
  report_json_double (b, "tolerance", settings->tolerance);
  report_json_double (b, "margin", settings->margin);
  report_json_int (b, "threads", r->threads);
  report_json_string (b, "kernels", dcn_kernels_get ()->isa);
  report_json_int (b, "frames", n);
  report_json_int (b, "runs", r->runs);
  add_summary (b, "ms", &r->side, n);
  add_stages (b, "stage_ms", &r->side, n, FALSE);
  add_stages (b, "stage_median_ms", &r->side, n, TRUE);
  report_json_int (b, "macs_dense", r->macs_dense / (n - 1));
  report_json_double (b, "mac_fraction", fraction (r->macs, r->macs_dense));
  report_json_double (b, "block_fraction", fraction (r->blocks_changed,
          r->blocks));
  report_json_double (b, "value_fraction", fraction (r->values_changed,
          r->values));
  add_summary (b, "dense_ms", r->dense, n);
  add_stages (b, "dense_stage_ms", r->dense, n, FALSE);
  add_stages (b, "dense_stage_median_ms", r->dense, n, TRUE);
  report_json_double (b, "top1_agreement", r->dense ? r->top1_agreement : NAN);
  report_json_double (b, "max_rel_error", r->dense ? r->max_rel_error : NAN);
  report_json_double (b, "mean_rel_error", r->dense ? r->mean_rel_error : NAN);
  report_json_double (b, "mean_margin", r->dense ? r->mean_margin : NAN);
  report_json_begin (b, "reuse");
  report_json_int (b, "full", r->reuse[GST_DELTA_CNN_REUSE_FULL]);
  report_json_int (b, "partial", r->reuse[GST_DELTA_CNN_REUSE_PARTIAL]);
  report_json_int (b, "reused", r->reuse[GST_DELTA_CNN_REUSE_REUSED]);
  json_builder_end_object (b);
  report_json_begin (b, "changes_from");
  report_json_int (b, "codec", r->used[GST_DELTA_CNN_USED_CODEC]);
  report_json_int (b, "pixels", r->used[GST_DELTA_CNN_USED_PIXEL]);
  report_json_int (b, "nothing", r->used[GST_DELTA_CNN_USED_NONE]);
  json_builder_end_object (b);
  report_json_int (b, "redone", r->redone);
  report_json_int (b, "mismatches", r->mismatches);
  report_json_begin (b, "bytes");
  report_json_int (b, "weights",
      gst_delta_cnn_classifier_get_weight_bytes (r->classifier));
  report_json_int (b, "caches",
      gst_delta_cnn_classifier_get_cache_bytes (r->classifier));
  report_json_int (b, "activations", activation_bytes (r));
  json_builder_end_object (b);
  if (about->layers)
    add_layers (b, r);
  json_builder_end_object (b);
  root = json_builder_get_root (b);
  g_object_unref (b);
  g_free (clip);
  return root;
}

gboolean
bench_report_write (const BenchAbout * about, const BenchResult * result,
    const gchar * file, GError ** error)
{
  JsonNode *root = make_json (about, result);
  gboolean ok = report_json_write (root, file, error);

  json_node_unref (root);
  return ok;
}
