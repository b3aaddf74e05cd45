/* deltacnn: replaces nodes that stand for several others, until there is none left.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/expand.h"
#include "util/error.h"
#include <stdlib.h>
#include <string.h>

/* Functions may call functions: so deep, and no deeper, which also ends those that call themselves. */
#define MAX_DEPTH 32
/* A body that is called twice by one that is called twice, and so on, must not fill the memory.  Bodies are small where
 * weights are outside of them; but PyTorch's exporter of modules as functions hands them down as attributes, so what
 * the file has may be there a few times at once. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define MAX_BYTES ((size_t)1 << 18)
#else
#define MAX_BYTES ((size_t)1 << 27)
#endif
/* What a node takes besides its text. */
#define NODE_BYTES 256
#define TIMES_FILE 3

char *
dcn_expansion_name(const DcnExpansion *expansion, const char *inner)
{
  char *name = g_strdup_printf("%u/%s", expansion->number, inner);
  char *copy = strdup(name);
  g_free(name);
  return copy;
}

gboolean
dcn_expansion_spend(DcnExpansion *expansion, size_t bytes)
{
  if (bytes > *expansion->bytes)
    return dcn_loader_fail(expansion->loader, DCN_ERROR_MEMORY, "its functions are too large");
  *expansion->bytes -= bytes;
  return TRUE;
}

Dcn__Onnx__Node *
dcn_expansion_copy(DcnExpansion *expansion, const Dcn__Onnx__Node *node)
{
  const size_t size = dcn__onnx__node__get_packed_size(node);
  if (expansion->loader->error || !dcn_expansion_spend(expansion, size + NODE_BYTES))
    return NULL;
  uint8_t *packed = g_malloc(MAX(size, 1));
  dcn__onnx__node__pack(node, packed);
  Dcn__Onnx__Node *copy = dcn__onnx__node__unpack(NULL, size, packed);
  g_free(packed);
  if (copy)
    g_ptr_array_add(expansion->nodes, copy);
  else
    dcn_loader_fail(expansion->loader, DCN_ERROR_INVALID, "its function cannot be decoded");
  return copy;
}

gboolean
dcn_expansion_end(DcnExpansion *expansion, guint before)
{
  if (!expansion->loader->error)
    return TRUE;
  while (expansion->nodes->len > before)
    dcn__onnx__node__free_unpacked(
        g_ptr_array_steal_index(expansion->nodes, expansion->nodes->len - 1), NULL);
  return FALSE;
}

/* What a replaced node's attributes took.  Not what it takes itself, or work would only be bounded together with depth. */
static void
give_back(DcnExpansion *expansion, const Dcn__Onnx__Node *node)
{
  for (size_t i = 0; i < node->n_attribute; i++)
    *expansion->bytes += dcn__onnx__attribute__get_packed_size(node->attribute[i]);
}

/* One round over the graph.  changed: something was replaced. */
static void
expand_once(DcnLoader *loader, GHashTable *functions, size_t *bytes, guint *number,
            gboolean *changed)
{
  Dcn__Onnx__Graph *graph = loader->graph;
  DcnExpansion expansion = {.loader = loader, .bytes = bytes, .functions = functions};
  expansion.nodes = g_ptr_array_sized_new((guint)graph->n_node);
  *changed = FALSE;
  for (size_t i = 0; i < graph->n_node; i++) {
    Dcn__Onnx__Node *node = graph->node[i];
    loader->node = node;
    expansion.number = ++*number;
    if (!loader->error &&
        (dcn_expand_function(&expansion, node) || dcn_expand_quantized(&expansion, node))) {
      *changed = TRUE;
      give_back(&expansion, node);
      dcn__onnx__node__free_unpacked(node, NULL);
    } else {
      g_ptr_array_add(expansion.nodes, node);
    }
  }
  loader->node = NULL;
  /* The decoder's own list has to be of the default allocator as well. */
  Dcn__Onnx__Node **list = realloc(graph->node, MAX(expansion.nodes->len, 1) * sizeof *list);
  if (!list)
    g_error("no memory for a list of nodes"); /* as GLib's own allocations */
  for (guint i = 0; i < expansion.nodes->len; i++)
    list[i] = g_ptr_array_index(expansion.nodes, i);
  graph->node = list;
  graph->n_node = expansion.nodes->len;
  g_ptr_array_unref(expansion.nodes);
}

gboolean
dcn_expand(DcnLoader *loader, const Dcn__Onnx__Model *model)
{
  GHashTable *functions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (size_t i = 0; i < model->n_functions; i++) {
    Dcn__Onnx__Function *function = model->functions[i];
    g_hash_table_insert(functions,
                        dcn_function_key(function->domain, function->name, function->overload),
                        function);
  }
  size_t bytes = MAX_BYTES + TIMES_FILE * dcn__onnx__model__get_packed_size(model);
  guint number = 0;
  gboolean changed = TRUE;
  for (int depth = 0; changed && !loader->error; depth++) {
    if (depth > MAX_DEPTH)
      dcn_loader_fail(loader, DCN_ERROR_INVALID, "its functions call each other more than %d deep",
                      MAX_DEPTH);
    else
      expand_once(loader, functions, &bytes, &number, &changed);
  }
  g_hash_table_unref(functions);
  return !loader->error;
}
