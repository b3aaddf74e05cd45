/* deltacnn: which of a graph's outputs a classifier's scores are.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Exports often end in the number of the best class, or give features and scores both. */
#include "model/loader.h"
#include <stdlib.h>
#include <string.h>

/* What may stand between an ArgMax and the output; longer chains are something else. */
#define MAX_CHAIN 8
/* Nor is a graph with more outputs a classifier, and each is looked for among all nodes. */
#define MAX_OUTPUTS 64

static gboolean
is_one_of(const char *type, const char *const *types)
{
  return type && g_strv_contains(types, type);
}

static const Dcn__Onnx__Node *
writer_of(const Dcn__Onnx__Graph *graph, const char *name)
{
  for (size_t n = 0; n < graph->n_node; n++)
    for (size_t k = 0; k < graph->node[n]->n_output; k++)
      if (strcmp(graph->node[n]->output[k], name) == 0)
        return graph->node[n];
  return NULL;
}

void
dcn_ends_skip_ranking(Dcn__Onnx__Graph *graph)
{
  static const char *const ranking[] = {"ArgMax", "TopK", "ZipMap", NULL};
  static const char *const moving[] = {"Cast",    "Identity",  "Squeeze",      "Flatten",
                                       "Reshape", "Unsqueeze", "LabelEncoder", NULL};
  /* Of a list of labels, by the number of the class. */
  static const char *const labelling[] = {"Gather", "ArrayFeatureExtractor", NULL};
  for (size_t i = 0; i < graph->n_output && graph->n_output <= MAX_OUTPUTS; i++) {
    const char *output = graph->output[i]->name;
    const Dcn__Onnx__Node *node = output && *output ? writer_of(graph, output) : NULL;
    for (int k = 0; k < MAX_CHAIN && node && node->n_input > 0; k++) {
      const gboolean label = node->n_input > 1 && is_one_of(node->op_type, labelling);
      if (!label && !is_one_of(node->op_type, moving))
        break;
      node = writer_of(graph, node->input[label]);
    }
    if (!node || node->n_input == 0 || !is_one_of(node->op_type, ranking))
      continue;
    /* the default allocator's */
    char *name = strdup(node->input[0]);
    if (name) {
      free(graph->output[i]->name);
      graph->output[i]->name = name;
    }
  }
}

static gboolean
is_scores(const DcnValue *value, gboolean one)
{
  int wide = 0;
  for (int d = 0; d < value->rank; d++)
    wide += value->dims[d] > 1;
  return wide == (one ? 0 : 1);
}

void
dcn_ends_choose(DcnLoader *loader)
{
  const int *outputs = (const int *)(void *)loader->outputs->data;
  const guint n = loader->outputs->len;
  int chosen = outputs[0];
  gboolean found = FALSE;
  /* A single number is a class's only where there is nothing else: with scores it rather is a loss. */
  for (int one = 0; one <= 1; one++)
    for (guint i = 0; i < n && !found; i++)
      if (is_scores(dcn_loader_get(loader, outputs[i]), one)) {
        chosen = outputs[i];
        found = TRUE;
      }
  if (!found)
    return;
  g_array_set_size(loader->outputs, 0);
  g_array_append_val(loader->outputs, chosen);
}
