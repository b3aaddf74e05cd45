/* deltacnn: lists of tensors that are joined in the end become the inputs of a Concat.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A scripted PyTorch module that appends to a list, as DenseNet does, is exported with SequenceConstruct, SequenceInsert
 * and ConcatFromSequence.  Which tensors are in the list is known here, as there are no branches. */
#include "model/expand.h"
#include <stdlib.h>
#include <string.h>

/* What an input of a Concat takes besides its name. */
#define INPUT_BYTES 16

static gboolean
is(const Dcn__Onnx__Node *node, const char *type)
{
  return node->op_type && strcmp(node->op_type, type) == 0 && (!node->domain || !*node->domain);
}

/* The tensors of a list, last first.  FALSE: that cannot be said. */
static gboolean
collect(GHashTable *producers, const char *list, size_t n_nodes, GPtrArray *tensors)
{
  for (size_t step = 0; step <= n_nodes; step++) { /* a list may claim to be made of itself */
    const Dcn__Onnx__Node *node = g_hash_table_lookup(producers, list);
    if (!node)
      return FALSE;
    if (is(node, "SequenceEmpty"))
      return TRUE;
    if (is(node, "SequenceConstruct")) {
      for (size_t i = node->n_input; i-- > 0;)
        g_ptr_array_add(tensors, node->input[i]);
      return TRUE;
    }
    if (is(node, "SequenceInsert") &&
        (node->n_input == 2 || (node->n_input == 3 && !*node->input[2])))
      g_ptr_array_add(tensors, node->input[1]);
    else if (!is(node, "Identity") || node->n_input != 1)
      return FALSE;
    list = node->input[0];
  }
  return FALSE;
}

static size_t
size_of(const GPtrArray *names)
{
  size_t size = 0;
  for (guint i = 0; i < names->len; i++)
    size += strlen(names->pdata[i]) + INPUT_BYTES;
  return size;
}

/* The names, last first, become the node's inputs. */
static void
set_inputs(Dcn__Onnx__Node *node, const GPtrArray *names)
{
  char **inputs = malloc(MAX(names->len, 1) * sizeof *inputs);
  for (guint i = 0; inputs && i < names->len; i++)
    if (!(inputs[i] = strdup(names->pdata[names->len - 1 - i])))
      inputs = NULL;
  if (!inputs)
    g_error("no memory for a list of names"); /* as GLib's own allocations */
  for (size_t i = 0; i < node->n_input; i++)
    if (node->input[i] != protobuf_c_empty_string)
      free(node->input[i]);
  free(node->input);
  node->input = inputs;
  node->n_input = names->len;
}

/* FALSE where it adds a dimension, which Concat does not. */
static gboolean
drop_new_axis(Dcn__Onnx__Node *node)
{
  for (size_t i = 0; i < node->n_attribute; i++) {
    Dcn__Onnx__Attribute *attribute = node->attribute[i];
    if (!attribute->name || strcmp(attribute->name, "new_axis") != 0)
      continue;
    if (attribute->i != 0)
      return FALSE;
    dcn__onnx__attribute__free_unpacked(attribute, NULL);
    node->attribute[i] = node->attribute[--node->n_attribute];
    return TRUE;
  }
  return TRUE;
}

/* What only lists were made of goes: nothing reads them any more, or a message will name one that does. */
static void
drop_lists(Dcn__Onnx__Graph *graph)
{
  GHashTable *read = g_hash_table_new(g_str_hash, g_str_equal);
  size_t kept = 0;
  for (size_t n = 0; n < graph->n_node; n++)
    for (size_t i = 0; i < graph->node[n]->n_input; i++)
      if (!is(graph->node[n], "SequenceInsert") || i > 0)
        g_hash_table_add(read, graph->node[n]->input[i]);
  for (size_t i = 0; i < graph->n_output; i++)
    if (graph->output[i]->name)
      g_hash_table_add(read, graph->output[i]->name);
  GPtrArray *dropped = g_ptr_array_new();
  for (size_t n = 0; n < graph->n_node; n++) {
    Dcn__Onnx__Node *node = graph->node[n];
    const gboolean list =
        is(node, "SequenceEmpty") || is(node, "SequenceConstruct") || is(node, "SequenceInsert");
    if (list && node->n_output == 1 && !g_hash_table_contains(read, node->output[0]))
      g_ptr_array_add(dropped, node);
    else
      graph->node[kept++] = node;
  }
  graph->n_node = kept;
  g_hash_table_unref(read);
  for (guint i = 0; i < dropped->len; i++)
    dcn__onnx__node__free_unpacked(dropped->pdata[i], NULL);
  g_ptr_array_unref(dropped);
}

void
dcn_expand_sequences(DcnExpansion *expansion)
{
  Dcn__Onnx__Graph *graph = expansion->loader->graph;
  GHashTable *producers = NULL;
  for (size_t n = 0; n < graph->n_node && !expansion->loader->error; n++) {
    Dcn__Onnx__Node *node = graph->node[n];
    if (!is(node, "ConcatFromSequence") || node->n_input != 1)
      continue;
    if (!producers) {
      producers = g_hash_table_new(g_str_hash, g_str_equal);
      for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_output; k++)
          g_hash_table_insert(producers, graph->node[i]->output[k], graph->node[i]);
    }
    GPtrArray *tensors = g_ptr_array_new();
    expansion->loader->node = node;
    if (collect(producers, node->input[0], graph->n_node, tensors) && tensors->len > 0 &&
        drop_new_axis(node) && dcn_expansion_spend(expansion, size_of(tensors))) {
      set_inputs(node, tensors);
      free(node->op_type);
      node->op_type = strdup("Concat");
    }
    g_ptr_array_unref(tensors);
  }
  expansion->loader->node = NULL;
  if (producers) {
    g_hash_table_unref(producers);
    drop_lists(graph);
  }
}
