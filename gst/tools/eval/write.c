/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CSV (RFC 4180, with a heading) and JSON.
 */
#include "report.h"
#include "common/report-json.h"

#include <math.h>
#include <string.h>

static const gchar *const reuse_names[] = { "full", "partial", "reused" };

static const gchar *const type_names[] = { "unknown", "I", "P", "B", "D" };

/* ---- CSV ---- */

static void
put_text (GString * row, const gchar * text)
{
  if (row->len && row->str[row->len - 1] != '\n')
    g_string_append_c (row, ',');
  if (!strpbrk (text, ",\"\r\n")) {
    g_string_append (row, text);
    return;
  }
  g_string_append_c (row, '"');
  for (; *text; text++) {
    if (*text == '"')
      g_string_append_c (row, '"');
    g_string_append_c (row, *text);
  }
  g_string_append_c (row, '"');
}

/* With a point, whatever the locale says. */
static void
put_number (GString * row, gdouble value)
{
  gchar text[G_ASCII_DTOSTR_BUF_SIZE];

  put_text (row, isfinite (value) ?
      g_ascii_formatd (text, sizeof text, "%.6g", value) : "");
}

static void
put_count (GString * row, guint value)
{
  gchar text[16];

  g_snprintf (text, sizeof text, "%u", value);
  put_text (row, text);
}

static gboolean
write_text (GString * text, const gchar * file, GError ** error)
{
  gboolean ok = TRUE;

  if (g_str_equal (file, "-"))
    g_print ("%s", text->str);
  else
    ok = g_file_set_contents (file, text->str, text->len, error);
  g_string_free (text, TRUE);
  return ok;
}

/* What a way sets of a property, "" where the element has none such. */
static void
put_property (GString * row, const EvalWay * way, const gchar * property)
{
  gchar *value = eval_way_get (way, property);

  put_text (row, value ? value : "");
  g_free (value);
}

static gdouble
share (guint part, guint all)
{
  return all ? (gdouble) part / all : NAN;
}

gboolean
eval_write_csv (const EvalResult * result, const gchar * file, GError ** error)
{
  GString *out =
      g_string_new ("way,mode,engine,source,tolerance,margin,clips,frames,"
      "frame_accuracy,clip_accuracy,frame_agreement,clip_agreement,multiplies,"
      "mean_ms,median_ms,p99_ms,first_ms,changes_ms,tensor_ms,network_ms,"
      "element_ms,i_ms,p_ms,b_ms,times_dense_mean,times_dense_median,"
      "full,partial,reused\n");
  const EvalTally *tallies = (const EvalTally *) result->tallies->data;
  guint w, n = result->n_frames, clips = result->done->len;
  EvalSummary dense, s;

  eval_summarise (&tallies[0], &dense);
  for (w = 0; w < result->tallies->len; w++) {
    const EvalTally *t = &tallies[w];

    eval_summarise (t, &s);
    put_text (out, t->way->name);
    put_property (out, t->way, "mode");
    put_property (out, t->way, "engine");
    put_property (out, t->way, "source");
    put_property (out, t->way, "tolerance");
    put_property (out, t->way, "margin");
    put_count (out, clips);
    put_count (out, n);
    put_number (out, share (t->right, n));
    put_number (out, share (t->clips_right, clips));
    put_number (out, share (t->same, n));
    put_number (out, share (t->clips_same, clips));
    put_number (out, s.multiplies);
    put_number (out, s.mean);
    put_number (out, s.median);
    put_number (out, s.p99);
    put_number (out, s.first);
    put_number (out, s.changes);
    put_number (out, s.tensor);
    put_number (out, s.network);
    put_number (out, s.element);
    put_number (out, s.by_type[GST_DELTA_PICTURE_TYPE_I]);
    put_number (out, s.by_type[GST_DELTA_PICTURE_TYPE_P]);
    put_number (out, s.by_type[GST_DELTA_PICTURE_TYPE_B]);
    put_number (out, dense.mean / s.mean);
    put_number (out, dense.median / s.median);
    put_count (out, s.reuse[0]);
    put_count (out, s.reuse[1]);
    put_count (out, s.reuse[2]);
    g_string_append_c (out, '\n');
  }
  return write_text (out, file, error);
}

gboolean
eval_write_layers_csv (const EvalResult * result, const gchar * file,
    GError ** error)
{
  GString *out = g_string_new ("way,layer,name,type,shape,kernel,changed,ms,"
      "median_ms,p99_ms,dense_ms,share,gflops");
  guint w, i;
  gint part;
  gdouble median, p99;

  for (part = 0; part < LAYER_STUDY_PARTS; part++)
    g_string_append_printf (out, ",%s", layer_study_parts[part]);
  g_string_append_c (out, '\n');

  for (w = 0; w < result->tallies->len; w++) {
    const EvalTally *tally = &g_array_index (result->tallies, EvalTally, w);
    GArray *layers = eval_layers (result, w);

    for (i = 0; i < layers->len; i++) {
      const LayerTimes *l = &g_array_index (layers, LayerTimes, i);

      eval_layer_percentiles (result, tally, i, &median, &p99);
      put_text (out, tally->way->name);
      put_count (out, i);
      put_text (out, l->name ? l->name : "");
      put_text (out, l->type);
      put_text (out, l->shape);
      put_text (out, l->kernel);
      put_number (out, l->changed);
      put_number (out, l->ms);
      put_number (out, median);
      put_number (out, p99);
      put_number (out, l->dense_ms);
      put_number (out, l->share);
      put_number (out, l->gflops);
      for (part = 0; part < LAYER_STUDY_PARTS; part++)
        put_number (out, l->study ? layer_study_part (l, part) : NAN);
      g_string_append_c (out, '\n');
    }
    g_array_unref (layers);
  }
  return write_text (out, file, error);
}

/* A label, or the class's number where there are none; "" for no result. */
static void
put_label (GString * row, const EvalAbout * about, gint best)
{
  if (best < 0 || best >= (gint) about->n_labels)
    put_text (row, "");
  else if (about->labels)
    put_text (row, about->labels[best]);
  else
    put_count (row, best);
}

gboolean
eval_write_frames_csv (const EvalAbout * about, const EvalResult * result,
    const gchar * file, GError ** error)
{
  GString *out = g_string_new ("way,clip,frame,picture,class,best,right,"
      "multiplies,reuse,changes_ms,tensor_ms,network_ms,ms,element_ms\n");
  guint w, i;

  for (w = 0; w < result->tallies->len; w++) {
    const EvalTally *t = &g_array_index (result->tallies, EvalTally, w);

    for (i = 0; i < t->records->len; i++) {
      const EvalRecord *r = &g_array_index (t->records, EvalRecord, i);
      const EvalClip *clip =
          g_array_index (result->done, EvalDone, r->clip).clip;

      put_text (out, t->way->name);
      put_text (out, clip->name);
      put_count (out, r->number);
      put_text (out, type_names[CLAMP (r->frame.picture_type, 0, 4)]);
      put_text (out, clip->class_name);
      put_label (out, about, r->frame.best);
      put_count (out, r->frame.best == clip->label);
      put_number (out, r->frame.multiplies);
      put_text (out, reuse_names[MIN (r->frame.reuse, 2)]);
      put_number (out, r->frame.changes);
      put_number (out, r->frame.tensor);
      put_number (out, r->frame.network);
      put_number (out, eval_frame_ms (&r->frame));
      put_number (out, r->frame.element);
      g_string_append_c (out, '\n');
    }
  }
  return write_text (out, file, error);
}

/* ---- JSON ---- */

static void
add_layers (JsonBuilder * b, const EvalResult * result, guint way)
{
  GArray *layers = eval_layers (result, way);
  guint i;
  gint part;
  gdouble median, p99;

  report_json_begin_array (b, "layers");
  for (i = 0; i < layers->len; i++) {
    const LayerTimes *l = &g_array_index (layers, LayerTimes, i);

    json_builder_begin_object (b);
    report_json_string (b, "name", l->name);
    report_json_string (b, "type", l->type);
    report_json_string (b, "shape", l->shape);
    report_json_string (b, "kernel", l->kernel);
    report_json_double (b, "value_fraction", l->changed);
    eval_layer_percentiles (result, &g_array_index (result->tallies, EvalTally,
            way), i, &median, &p99);
    report_json_double (b, "ms", l->ms);
    report_json_double (b, "median_ms", median);
    report_json_double (b, "p99_ms", p99);
    report_json_double (b, "share", l->share);
    report_json_double (b, "gflops", l->gflops);
    for (part = 0; l->study && part < LAYER_STUDY_PARTS; part++)
      report_json_double (b, layer_study_parts[part],
          layer_study_part (l, part));
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
  g_array_unref (layers);
}

static void
add_properties (JsonBuilder * b, const EvalWay * way)
{
  static const gchar *const names[] = { "mode", "engine", "source",
    "tolerance"
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    gchar *value = eval_way_get (way, names[i]);

    if (value && i == 3)
      report_json_double (b, names[i], g_ascii_strtod (value, NULL));
    else
      report_json_string (b, names[i], value);
    g_free (value);
  }
}

static void
add_times (JsonBuilder * b, const EvalSummary * s, const EvalSummary * dense)
{
  guint i;

  report_json_begin (b, "ms");
  report_json_double (b, "mean", s->mean);
  report_json_double (b, "median", s->median);
  report_json_double (b, "p99", s->p99);
  report_json_double (b, "first", s->first);
  json_builder_end_object (b);
  report_json_begin (b, "stage_ms");
  report_json_double (b, "changes", s->changes);
  report_json_double (b, "tensor", s->tensor);
  report_json_double (b, "network", s->network);
  json_builder_end_object (b);
  report_json_begin (b, "ms_by_picture");
  for (i = 0; i < G_N_ELEMENTS (type_names); i++)
    if (isfinite (s->by_type[i]))
      report_json_double (b, type_names[i], s->by_type[i]);
  json_builder_end_object (b);
  report_json_double (b, "element_ms", s->element);
  report_json_begin (b, "times_dense");
  report_json_double (b, "mean", dense->mean / s->mean);
  report_json_double (b, "median", dense->median / s->median);
  json_builder_end_object (b);
}

static void
add_way (JsonBuilder * b, const EvalAbout * about, const EvalResult * result,
    guint way, const EvalSummary * dense)
{
  const EvalTally *t = &g_array_index (result->tallies, EvalTally, way);
  guint i, n = result->n_frames, clips = result->done->len;
  EvalSummary s;

  eval_summarise (t, &s);
  json_builder_begin_object (b);
  report_json_string (b, "way", t->way->name);
  add_properties (b, t->way);
  report_json_double (b, "frame_accuracy", share (t->right, n));
  report_json_double (b, "clip_accuracy", share (t->clips_right, clips));
  report_json_double (b, "frame_agreement", share (t->same, n));
  report_json_double (b, "clip_agreement", share (t->clips_same, clips));
  report_json_double (b, "multiplies", s.multiplies);
  add_times (b, &s, dense);
  report_json_begin (b, "reuse");
  for (i = 0; i < G_N_ELEMENTS (reuse_names); i++)
    report_json_int (b, reuse_names[i], s.reuse[i]);
  json_builder_end_object (b);
  report_json_begin (b, "class_accuracy");
  for (i = 0; i < result->clips->classes->len; i++)
    if (result->class_frames[i])
      report_json_double (b, g_ptr_array_index (result->clips->classes, i),
          share (t->class_right[i], result->class_frames[i]));
  json_builder_end_object (b);
  if (about->layers)
    add_layers (b, result, way);
  json_builder_end_object (b);
}

static void
add_strings (JsonBuilder * b, const gchar * name, const GPtrArray * strings)
{
  guint i;

  report_json_begin_array (b, name);
  for (i = 0; i < strings->len; i++)
    json_builder_add_string_value (b, g_ptr_array_index (strings, i));
  json_builder_end_array (b);
}

gboolean
eval_write_json (const EvalAbout * about, const EvalResult * result,
    const gchar * file, GError ** error)
{
  JsonBuilder *b = json_builder_new ();
  gchar *model = g_path_get_basename (about->model);
  EvalSummary dense;
  JsonNode *root;
  gboolean ok;
  guint i;

  json_builder_begin_object (b);
  report_json_string (b, "model", model);
  report_json_string (b, "clips_in", about->dir);
  report_json_string (b, "list", about->list);
  report_json_int (b, "width", result->width);
  report_json_int (b, "height", result->height);
  report_json_int (b, "threads", about->threads);
  report_json_string (b, "kernels", dcn_kernels_get ()->isa);
  report_json_int (b, "listed", result->clips->n_found);
  report_json_int (b, "clips", result->done->len);
  report_json_int (b, "frames", result->n_frames);
  report_json_int (b, "left_out", result->clips->n_left_out);
  add_strings (b, "unknown_classes", result->clips->unknown);
  add_strings (b, "unreadable", result->bad);
  eval_summarise (&g_array_index (result->tallies, EvalTally, 0), &dense);
  report_json_begin_array (b, "ways");
  for (i = 0; i < result->tallies->len; i++)
    add_way (b, about, result, i, &dense);
  json_builder_end_array (b);
  json_builder_end_object (b);
  root = json_builder_get_root (b);
  ok = report_json_write (root, file, error);
  json_node_unref (root);
  g_object_unref (b);
  g_free (model);
  return ok;
}
