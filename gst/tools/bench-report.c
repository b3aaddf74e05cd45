/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "bench-report.h"
#include "bench-layers.h"

#include <json-glib/json-glib.h>
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
mode_name (DcnMode mode)
{
  return mode == DCN_MODE_DENSE ? "dense" : "delta";
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

static void
print_layers (const BenchResult * r)
{
  GArray *layers = bench_layers (r), *types = bench_layer_types (layers);
  Summary network = summarise (&r->side, r->n_frames, PART_NETWORK);
  gdouble sum = 0;
  guint i;

  g_print ("\n%-26s %-20s %-26s %-20s %8s %8s %6s %8s %8s %8s\n", "layer",
      "type", "shape", "kernel", "changed", "ms", "share", "GFLOP/s",
      "dense ms", "GFLOP/s");
  for (i = 0; i < layers->len; i++) {
    const BenchLayer *l = &g_array_index (layers, BenchLayer, i);

    sum += l->ms;
    g_print ("%-26.26s %-20s %-26s %-20s %6.1f %% %8.4f %4.1f %%",
        l->name ? l->name : "", l->type, l->shape, l->kernel,
        l->changed * 100, l->ms, l->share * 100);
    print_rate (l->gflops);
    if (l->dense_ms >= 0) {
      g_print (" %8.4f", l->dense_ms);
      print_rate (l->dense_gflops);
    }
    g_print ("\n");
  }
  g_print ("%-95s %8.4f\n", "beside the layers: the input's test, the results",
      MAX (network.mean - sum, 0));

  g_print ("\n%-24s %6s %8s %8s %6s %8s %8s %11s\n", "by type", "layers",
      "changed", "ms", "share", "GFLOP/s", "dense ms", "of dense");
  for (i = 0; i < types->len; i++) {
    const BenchLayer *t = &g_array_index (types, BenchLayer, i);

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
  g_print ("\n%u frames of %dx%d, mode %s, tolerance %g, source %s, %d "
      "thread%s, %s kernels", r->n_frames, r->width, r->height,
      mode_name (settings->mode), settings->tolerance,
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

  g_print ("\nmultiplies done %.1f %%, values propagated %.1f %%\n",
      fraction (r->macs, r->macs_dense) * 100,
      fraction (r->values_changed, r->values) * 100);
  g_print ("frames: %u reused, %u partly computed, %u computed in full; "
      "changes from the codec %u, from pixels %u, not known %u\n",
      r->reuse[GST_DELTA_CNN_REUSE_REUSED],
      r->reuse[GST_DELTA_CNN_REUSE_PARTIAL],
      r->reuse[GST_DELTA_CNN_REUSE_FULL], r->used[GST_DELTA_CNN_USED_CODEC],
      r->used[GST_DELTA_CNN_USED_PIXEL], r->used[GST_DELTA_CNN_USED_NONE]);
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
add_double (JsonBuilder * b, const gchar * name, gdouble value)
{
  json_builder_set_member_name (b, name);
  /* JSON has no others */
  if (isfinite (value))
    json_builder_add_double_value (b, value);
  else
    json_builder_add_null_value (b);
}

static void
add_int (JsonBuilder * b, const gchar * name, gint64 value)
{
  json_builder_set_member_name (b, name);
  json_builder_add_int_value (b, value);
}

static void
add_string (JsonBuilder * b, const gchar * name, const gchar * value)
{
  json_builder_set_member_name (b, name);
  if (value)
    json_builder_add_string_value (b, value);
  else
    json_builder_add_null_value (b);
}

static void
begin (JsonBuilder * b, const gchar * name)
{
  json_builder_set_member_name (b, name);
  json_builder_begin_object (b);
}

static void
add_summary (JsonBuilder * b, const gchar * name, const BenchSide * side,
    guint n)
{
  Summary s;

  if (!side) {
    add_string (b, name, NULL);
    return;
  }
  s = summarise (side, n, PART_TOTAL);
  begin (b, name);
  add_double (b, "mean", s.mean);
  add_double (b, "median", s.median);
  add_double (b, "p99", s.p99);
  add_double (b, "first", s.first);
  json_builder_end_object (b);
}

static void
add_stages (JsonBuilder * b, const gchar * name, const BenchSide * side,
    guint n, gboolean median)
{
  static const gchar *const names[] = { "changes", "tensor", "network" };
  guint i;

  if (!side) {
    add_string (b, name, NULL);
    return;
  }
  begin (b, name);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    Summary s = summarise (side, n, PART_CHANGES + i);

    add_double (b, names[i], median ? s.median : s.mean);
  }
  json_builder_end_object (b);
}

static void
add_layer_list (JsonBuilder * b, const gchar * name, const GArray * layers)
{
  guint i;

  json_builder_set_member_name (b, name);
  json_builder_begin_array (b);
  for (i = 0; i < layers->len; i++) {
    const BenchLayer *l = &g_array_index (layers, BenchLayer, i);

    json_builder_begin_object (b);
    if (l->shape) {
      add_string (b, "name", l->name);
      add_string (b, "type", l->type);
      add_string (b, "shape", l->shape);
      add_string (b, "kernel", l->kernel);
    } else {
      add_string (b, "type", l->type);
      add_int (b, "layers", l->layers);
    }
    add_double (b, "value_fraction", l->changed);
    add_double (b, "ms", l->ms);
    add_double (b, "share", l->share);
    add_double (b, "gflops", l->gflops);
    add_double (b, "dense_ms", l->dense_ms < 0 ? NAN : l->dense_ms);
    add_double (b, "dense_gflops", l->dense_ms < 0 ? NAN : l->dense_gflops);
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
}

static void
add_layers (JsonBuilder * b, const BenchResult * r)
{
  GArray *layers = bench_layers (r), *types = bench_layer_types (layers);

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
  add_string (b, "model", gst_delta_cnn_classifier_get_model (r->classifier));
  add_string (b, "clip", clip);
  add_double (b, "sparsity", about->clip ? NAN : about->sparsity);
  add_int (b, "width", r->width);
  add_int (b, "height", r->height);
  add_string (b, "mode", mode_name (settings->mode));
  add_string (b, "source", source_name (settings->source));
  add_double (b, "tolerance", settings->tolerance);
  add_int (b, "threads", r->threads);
  add_string (b, "kernels", dcn_kernels_get ()->isa);
  add_int (b, "frames", n);
  add_int (b, "runs", r->runs);
  add_summary (b, "ms", &r->side, n);
  add_stages (b, "stage_ms", &r->side, n, FALSE);
  add_stages (b, "stage_median_ms", &r->side, n, TRUE);
  add_int (b, "macs_dense", r->macs_dense / (n - 1));
  add_double (b, "mac_fraction", fraction (r->macs, r->macs_dense));
  add_double (b, "value_fraction", fraction (r->values_changed, r->values));
  add_summary (b, "dense_ms", r->dense, n);
  add_stages (b, "dense_stage_ms", r->dense, n, FALSE);
  add_stages (b, "dense_stage_median_ms", r->dense, n, TRUE);
  add_double (b, "top1_agreement", r->dense ? r->top1_agreement : NAN);
  add_double (b, "max_rel_error", r->dense ? r->max_rel_error : NAN);
  add_double (b, "mean_rel_error", r->dense ? r->mean_rel_error : NAN);
  begin (b, "reuse");
  add_int (b, "full", r->reuse[GST_DELTA_CNN_REUSE_FULL]);
  add_int (b, "partial", r->reuse[GST_DELTA_CNN_REUSE_PARTIAL]);
  add_int (b, "reused", r->reuse[GST_DELTA_CNN_REUSE_REUSED]);
  json_builder_end_object (b);
  begin (b, "changes_from");
  add_int (b, "codec", r->used[GST_DELTA_CNN_USED_CODEC]);
  add_int (b, "pixels", r->used[GST_DELTA_CNN_USED_PIXEL]);
  add_int (b, "nothing", r->used[GST_DELTA_CNN_USED_NONE]);
  json_builder_end_object (b);
  add_int (b, "mismatches", r->mismatches);
  begin (b, "bytes");
  add_int (b, "weights",
      gst_delta_cnn_classifier_get_weight_bytes (r->classifier));
  add_int (b, "caches",
      gst_delta_cnn_classifier_get_cache_bytes (r->classifier));
  add_int (b, "activations", activation_bytes (r));
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
  JsonGenerator *generator = json_generator_new ();
  JsonNode *root = make_json (about, result);
  gchar *text, *lines;
  gboolean ok = TRUE;

  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  text = json_generator_to_data (generator, NULL);
  lines = g_strconcat (text, "\n", NULL);
  if (g_strcmp0 (file, "-") == 0)
    g_print ("%s", lines);
  else
    ok = g_file_set_contents (file, lines, -1, error);
  g_free (lines);
  g_free (text);
  json_node_unref (root);
  g_object_unref (generator);
  return ok;
}
