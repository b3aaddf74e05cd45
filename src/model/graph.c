/* deltacnn: the order of a graph's nodes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The format promises topological order; files do not always keep it, and hostile ones have cycles.
 * Only nodes that the outputs need are kept, so that leftovers of an export cannot make a model
 * unusable. */
#include "model/loader.h"
#include "util/error.h"
#include <string.h>

enum { UNSEEN, OPEN, DONE };

typedef struct {
  int node;
  size_t next_input; /* to look at */
} Visit;

static gboolean
fail_at(DcnLoader *loader, int node, const char *format, const char *name)
{
  char *valid = g_utf8_make_valid(name, -1);
  loader->node = node >= 0 ? loader->graph->node[node] : NULL;
  dcn_loader_fail(loader, DCN_ERROR_INVALID, format, valid);
  loader->node = NULL;
  g_free(valid);
  return FALSE;
}

/* Name of an output -> 1 + index of the node that writes it. */
static gboolean
index_outputs(DcnLoader *loader, GHashTable *writers)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  for (size_t n = 0; n < graph->n_node; n++) {
    for (size_t k = 0; k < graph->node[n]->n_output; k++) {
      char *name = graph->node[n]->output[k];
      if (*name == '\0')
        continue;
      if (g_hash_table_contains(writers, name) || g_hash_table_contains(loader->entries, name))
        return fail_at(loader, (int)n, "its output \"%s\" is defined twice", name);
      g_hash_table_insert(writers, name, GINT_TO_POINTER((int)n + 1));
    }
  }
  return TRUE;
}

/* Depth first, with a stack of our own: a chain of a million nodes must not use up the C stack. */
static gboolean
visit(DcnLoader *loader, GHashTable *writers, int first, char *state, GArray *order)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  GArray *stack = g_array_new(FALSE, FALSE, sizeof(Visit));
  gboolean ok = TRUE;

  if (state[first] == UNSEEN) {
    state[first] = OPEN;
    g_array_append_val(stack, ((Visit){first, 0}));
  }
  while (ok && stack->len > 0) {
    Visit *top = &g_array_index(stack, Visit, stack->len - 1);
    const Dcn__Onnx__Node *node = graph->node[top->node];
    if (top->next_input == node->n_input) {
      state[top->node] = DONE;
      g_array_append_val(order, top->node);
      g_array_set_size(stack, stack->len - 1);
      continue;
    }
    const char *name = node->input[top->next_input++];
    const int writer = GPOINTER_TO_INT(g_hash_table_lookup(writers, name)) - 1;
    if (*name == '\0' || g_hash_table_contains(loader->entries, name))
      continue;
    if (writer < 0) {
      ok = fail_at(loader, top->node, "its input \"%s\" is defined nowhere", name);
    } else if (state[writer] == OPEN) {
      ok = fail_at(loader, top->node, "the graph has a cycle through \"%s\"", name);
    } else if (state[writer] == UNSEEN) {
      state[writer] = OPEN;
      g_array_append_val(stack, ((Visit){writer, 0}));
    }
  }
  g_array_unref(stack);
  return ok;
}

static void
count_use(DcnLoader *loader, const char *name)
{
  DcnEntry *entry = g_hash_table_lookup(loader->entries, name ? name : "");
  if (entry)
    entry->uses++;
}

/* Entries for what the nodes will write; and who reads what. */
static void
add_entries(DcnLoader *loader, GArray *order)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  for (guint k = 0; k < order->len; k++) {
    const Dcn__Onnx__Node *node = graph->node[g_array_index(order, int, k)];
    for (size_t i = 0; i < node->n_output; i++) {
      if (*node->output[i] == '\0')
        continue;
      DcnEntry *entry = g_new0(DcnEntry, 1);
      entry->value = -1;
      g_hash_table_insert(loader->entries, g_strdup(node->output[i]), entry);
    }
  }
  for (guint k = 0; k < order->len; k++) {
    const Dcn__Onnx__Node *node = graph->node[g_array_index(order, int, k)];
    for (size_t i = 0; i < node->n_input; i++)
      count_use(loader, node->input[i]);
  }
  for (size_t i = 0; i < graph->n_output; i++)
    count_use(loader, graph->output[i]->name);
}

gboolean
dcn_graph_sort(DcnLoader *loader, GArray *order)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  GHashTable *writers = g_hash_table_new(g_str_hash, g_str_equal);
  char *state = g_new0(char, graph->n_node + 1);
  gboolean ok = index_outputs(loader, writers);

  for (size_t i = 0; ok && i < graph->n_output; i++) {
    const char *name = graph->output[i]->name ? graph->output[i]->name : "";
    const int writer = GPOINTER_TO_INT(g_hash_table_lookup(writers, name)) - 1;
    if (g_hash_table_contains(loader->entries, name))
      continue;
    if (writer < 0)
      ok = fail_at(loader, -1, "the graph's output \"%s\" is computed by no node", name);
    else
      ok = visit(loader, writers, writer, state, order);
  }
  g_free(state);
  g_hash_table_unref(writers);

  if (ok)
    add_entries(loader, order);
  return ok;
}
