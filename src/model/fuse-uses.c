/* deltacnn: who writes and who reads each value; removal of what nobody reads.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"

DcnUses *
dcn_uses_new(DcnLoader *loader)
{
  DcnUses *uses = g_new0(DcnUses, 1);
  uses->producer = g_new(int, loader->values->len);
  uses->uses = g_new0(int, loader->values->len);
  uses->reader = g_new(int, loader->values->len);
  for (guint v = 0; v < loader->values->len; v++)
    uses->producer[v] = uses->reader[v] = -1;
  for (guint i = 0; i < loader->ops->len; i++) {
    const DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->output < 0)
      continue;
    uses->producer[op->output] = (int)i;
    for (int k = 0; k < op->n_inputs; k++) {
      uses->uses[op->inputs[k]]++;
      uses->reader[op->inputs[k]] = (int)i;
    }
  }
  for (guint i = 0; i < loader->outputs->len; i++)
    uses->uses[g_array_index(loader->outputs, int, i)]++;
  return uses;
}

void
dcn_uses_free(DcnUses *uses)
{
  g_free(uses->producer);
  g_free(uses->uses);
  g_free(uses->reader);
  g_free(uses);
}

/* Drops ops that were marked (output < 0) or whose result nobody reads, then values without an op,
 * and renumbers. */
void
dcn_prune(DcnLoader *loader)
{
  DcnUses *uses = dcn_uses_new(loader);
  /* Backwards: a dropped op's inputs lose a reader before their own op is looked at. */
  for (int i = (int)loader->ops->len - 1; i >= 0; i--) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->output >= 0 && uses->uses[op->output] == 0) {
      for (int k = 0; k < op->n_inputs; k++)
        uses->uses[op->inputs[k]]--;
      op->output = -1;
    }
  }
  guint n_ops = 0, n_values = 0;
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->output < 0)
      dcn_op_clear(op);
    else
      g_array_index(loader->ops, DcnOp, n_ops++) = *op;
  }
  g_array_set_size(loader->ops, n_ops);

  int *number = g_new(int, loader->values->len);
  char *kept = g_new0(char, loader->values->len);
  kept[loader->input] = 1;
  for (guint i = 0; i < n_ops; i++)
    kept[g_array_index(loader->ops, DcnOp, i).output] = 1;
  for (guint v = 0; v < loader->values->len; v++) {
    DcnValue *value = &g_array_index(loader->values, DcnValue, v);
    if (kept[v]) {
      number[v] = (int)n_values;
      g_array_index(loader->values, DcnValue, n_values++) = *value;
    } else {
      g_free(value->name);
    }
  }
  g_array_set_size(loader->values, n_values);
  for (guint i = 0; i < n_ops; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    op->output = number[op->output];
    for (int k = 0; k < op->n_inputs; k++)
      op->inputs[k] = number[op->inputs[k]];
  }
  for (guint i = 0; i < loader->outputs->len; i++) {
    int *output = &g_array_index(loader->outputs, int, i);
    *output = number[*output];
  }
  loader->input = number[loader->input];
  g_free(number);
  g_free(kept);
  dcn_uses_free(uses);
}
