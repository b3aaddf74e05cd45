/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "values.h"

#include <math.h>
#include "model/modelinfo.h"

guint
cal_values_group (const DcnProgram * program, guint most, gint * group)
{
  GHashTable *names = g_hash_table_new (g_str_hash, g_str_equal);
  GArray *values = g_array_new (FALSE, FALSE, sizeof (gint));
  guint n_groups, i;
  gint j, k;

  for (j = -1; j < program->n_ops; j++) {
    gint value = j < 0 ? program->input : program->ops[j].output;
    const gchar *name = program->values[value].name;

    group[value] = -1;
    if (j >= 0 && (program->ops[j].kind == DCN_OP_CONCAT
            || program->ops[j].kind == DCN_OP_GATHER))
      continue;
    for (k = 0; k < program->n_outputs && program->outputs[k] != value; k++);
    if (k == program->n_outputs && dcn_modelinfo_can_name (name)
        && g_hash_table_add (names, (gpointer) name))
      g_array_append_val (values, value);
  }
  n_groups = MIN (values->len, most);
  /* the input, which all that follows profits from, has one of its own */
  for (i = 0; i < values->len; i++)
    group[g_array_index (values, gint, i)] = n_groups < 2
        || i == 0 ? 0 : 1 + (i - 1) * (n_groups - 1) / (values->len - 1);
  g_array_unref (values);
  g_hash_table_unref (names);
  return n_groups;
}

static gboolean
is_multiplied (const CalFrames * frames, gint value, guint depth)
{
  const DcnProgram *program = dcn_net_program (frames->net);
  gint i, j;

  for (i = 0; i < program->n_ops; i++) {
    const DcnOp *op = &program->ops[i];

    for (j = 0; j < op->n_inputs && op->inputs[j] != value; j++);
    if (j == op->n_inputs)
      continue;
    if (op->kind == DCN_OP_CONCAT || op->kind == DCN_OP_GATHER) {
      if (depth < 8 && is_multiplied (frames, op->output, depth + 1))
        return TRUE;
    } else if (dcn_op_macs (program, op) > 0
        && !g_str_equal (dcn_net_op_class (frames->net, i), "depthwise")) {
      return TRUE;
    }
  }
  return FALSE;
}

gboolean
cal_value_is_multiplied (const CalFrames * frames, gint value)
{
  return is_multiplied (frames, value, 0);
}

void
cal_values_shape (const DcnProgram * program, const double *logs,
    const gboolean * light, double *out)
{
  gint i;

  for (i = -1; i < program->n_ops; i++) {
    gint value = i < 0 ? program->input : program->ops[i].output;
    double log_factor =
        logs[CAL_SHAPE_SLOPE] * ((i + 1.0) / program->n_ops - 0.5);

    if (i < 0)
      log_factor += logs[CAL_SHAPE_INPUT];
    else if (light[value])
      log_factor += logs[CAL_SHAPE_LIGHT];
    out[value] = exp (log_factor);
  }
}

gboolean
cal_values_known_shape (const CalFrames * frames, const gint * group,
    double *out, double *largest)
{
  const DcnProgram *program = dcn_net_program (frames->net);
  GHashTable *known = frames->model->info->tolerances;
  const double *others = g_hash_table_lookup (known, DCN_MODELINFO_OTHERS);
  double most = 0.0;
  gint i;

  for (i = 0; i < program->n_values; i++) {
    const double *value = g_hash_table_lookup (known, program->values[i].name);

    out[i] = value ? *value : others ? *others : 0.0;
    if (group[i] >= 0)
      most = MAX (most, out[i]);
  }
  for (i = 0; i < program->n_values; i++)
    out[i] = most > 0.0 ? out[i] / most : 1.0;
  *largest = most;
  return most > 0.0;
}
