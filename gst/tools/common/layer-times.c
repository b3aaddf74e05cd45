/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "layer-times.h"

static void
clear_layer (gpointer data)
{
  LayerTimes *layer = data;

  g_free (layer->type);
  g_free (layer->shape);
  g_free (layer->kernel);
}

static GArray *
new_array (void)
{
  GArray *array = g_array_new (FALSE, TRUE, sizeof (LayerTimes));

  g_array_set_clear_func (array, clear_layer);
  return array;
}

static void
append_shape (GString * text, const DcnValue * value)
{
  g_string_append_printf (text, "%d", value->c);
  if (value->h > 1 || value->w > 1)
    g_string_append_printf (text, "x%dx%d", value->h, value->w);
}

static gchar *
shape_of (const DcnProgram * program, const DcnOp * op)
{
  GString *text = g_string_new (NULL);
  gint i;

  for (i = 0; i < MIN (op->n_inputs, 2); i++) {
    if (i)
      g_string_append (text, ", ");
    append_shape (text, &program->values[op->inputs[i]]);
  }
  if (op->n_inputs > 2)
    g_string_append_printf (text, ", ... (%d)", op->n_inputs);
  g_string_append (text, " -> ");
  append_shape (text, &program->values[op->output]);
  return g_string_free (text, FALSE);
}

static gchar *
type_of (DcnNet * net, gint i)
{
  const DcnOp *op = &dcn_net_program (net)->ops[i];
  const gchar *class = dcn_net_op_class (net, i);

  switch (op->kind) {
    case DCN_OP_CONV:
      if (op->u.conv.kh * op->u.conv.kw == 1 && g_strcmp0 (class, "conv"))
        break;
      if (!g_strcmp0 (class, "first"))
        class = "first conv";
      return g_strdup_printf ("%s %dx%d%s", class, op->u.conv.kh,
          op->u.conv.kw, op->u.conv.stride_h > 1 ? " strided" : "");
    case DCN_OP_MAX_POOL:
    case DCN_OP_AVG_POOL:
      return g_strdup_printf ("%s pool %dx%d",
          op->kind == DCN_OP_MAX_POOL ? "max" : "average", op->u.pool.kh,
          op->u.pool.kw);
    default:
      break;
  }
  return g_strdup (class);
}

static gchar *
kernel_of (DcnNet * net, gint i, const OpSums * op)
{
  guint64 blocks = op->blocks_igemm + op->blocks_dgemm;

  if (op->runs == 0)
    return g_strdup ("-");
  if (op->sparse_runs)
    return g_strdup ("csr");
  if (op->unfolded_runs)
    return g_strdup ("blas");
  if (blocks == 0)
    return g_strdup (dcn_net_op_class (net, i));
  if (op->blocks_dgemm == 0)
    return g_strdup ("igemm");
  if (op->blocks_igemm == 0)
    return g_strdup ("dgemm");
  return g_strdup_printf ("mixed (%.0f %% dgemm)",
      op->blocks_dgemm * 100.0 / blocks);
}

static gdouble
gflops (guint64 macs, guint64 ns)
{
  return ns ? 2.0 * macs / ns : 0;
}

const gchar *const layer_study_parts[LAYER_STUDY_PARTS] =
    { "unfold_ms", "dense_product_ms", "to_sparse_ms", "sparse_product_ms",
  "rest_ms"
};

gdouble
layer_study_part (const LayerTimes * layer, gint part)
{
  const gdouble parts[LAYER_STUDY_PARTS] = { layer->unfold_ms,
    layer->dense_product_ms, layer->to_sparse_ms, layer->sparse_product_ms,
    layer->rest_ms
  };

  return parts[part];
}

static gdouble
mean_ms (guint64 ns, gdouble frames)
{
  return frames > 0 ? ns / frames / 1e6 : 0;
}

static void
add_study (LayerTimes * layer, const OpSums * op, guint runs, gdouble frames)
{
  guint64 parts = op->unfold_ns + op->dense_product_ns + op->to_sparse_ns
      + op->sparse_product_ns;

  if (parts == 0)
    return;
  layer->study = TRUE;
  layer->unfolded = op->unfolded_runs / runs;
  layer->sparse = op->sparse_runs / runs;
  layer->unfold_ms = mean_ms (op->unfold_ns, op->unfolded_runs);
  layer->dense_product_ms = mean_ms (op->dense_product_ns, op->unfolded_runs);
  layer->to_sparse_ms = mean_ms (op->to_sparse_ns, op->sparse_runs);
  layer->sparse_product_ms = mean_ms (op->sparse_product_ns, op->sparse_runs);
  layer->rest_ms = mean_ms (op->ns > parts ? op->ns - parts : 0, frames);
  if (op->elements)
    layer->density = (gdouble) op->nonzeros / op->elements;
}

GArray *
layer_times (DcnNet * net, const OpSums * sums, const OpSums * dense_sums,
    guint n_frames, guint runs)
{
  const DcnProgram *program = dcn_net_program (net);
  gdouble frames = (gdouble) n_frames * runs;
  GArray *layers = new_array ();
  guint64 all = 0;
  gint i, j;

  for (i = 0; i < program->n_ops; i++)
    all += sums[i].ns;
  for (i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];
    const OpSums *delta = &sums[i];
    const OpSums *dense = dense_sums ? &dense_sums[i] : NULL;
    LayerTimes layer = { 0 };

    layer.name = op->name;
    layer.type = type_of (net, i);
    layer.shape = shape_of (program, op);
    layer.kernel = kernel_of (net, i, delta);
    layer.layers = 1;
    layer.ms = delta->ns / frames / 1e6;
    layer.share = all ? (gdouble) delta->ns / all : 0;
    layer.gflops = gflops (delta->macs, delta->ns);
    layer.dense_ms = dense ? dense->ns / frames / 1e6 : -1;
    layer.dense_gflops = dense ? gflops (dense->macs, dense->ns) : -1;
    for (j = 0; j < op->n_inputs; j++)
      layer.weight += dcn_value_elements (&program->values[op->inputs[j]]);
    layer.changed = delta->inputs_changed / frames / layer.weight;
    add_study (&layer, delta, runs, frames);
    g_array_append_val (layers, layer);
  }
  return layers;
}

static gint
compare_ms (gconstpointer a, gconstpointer b)
{
  const LayerTimes *x = a, *y = b;

  return x->ms > y->ms ? -1 : x->ms < y->ms;
}

GArray *
layer_times_by_type (const GArray * layers)
{
  GArray *types = new_array ();
  guint i, j;

  for (i = 0; i < layers->len; i++) {
    const LayerTimes *layer = &g_array_index (layers, LayerTimes, i);
    LayerTimes *type = NULL;
    gdouble weight;

    for (j = 0; j < types->len && !type; j++) {
      type = &g_array_index (types, LayerTimes, j);
      if (g_strcmp0 (type->type, layer->type))
        type = NULL;
    }
    if (!type) {
      g_array_set_size (types, types->len + 1);
      type = &g_array_index (types, LayerTimes, types->len - 1);
      type->type = g_strdup (layer->type);
      type->dense_ms = layer->dense_ms < 0 ? -1 : 0;
      type->dense_gflops = layer->dense_gflops < 0 ? -1 : 0;
    }
    weight = type->weight + layer->weight;
    type->changed =
        (type->changed * type->weight + layer->changed * layer->weight)
        / weight;
    type->weight = weight;
    /* multiplies add up, so rates are averaged over time */
    if (type->ms + layer->ms > 0)
      type->gflops = (type->gflops * type->ms + layer->gflops * layer->ms)
          / (type->ms + layer->ms);
    if (type->dense_ms + layer->dense_ms > 0)
      type->dense_gflops = (type->dense_gflops * type->dense_ms
          + layer->dense_gflops * layer->dense_ms)
          / (type->dense_ms + layer->dense_ms);
    type->ms += layer->ms;
    type->share += layer->share;
    if (layer->dense_ms >= 0)
      type->dense_ms += layer->dense_ms;
    type->layers++;
  }
  g_array_sort (types, compare_ms);
  return types;
}
