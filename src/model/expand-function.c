/* deltacnn: a call of one of the model's own functions becomes the function's body.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * PyTorch's exporter of opset 18 and later writes operators of its own as functions in the model (onnx.proto's
 * FunctionProto): a list of nodes with names of their own, in which formal inputs and outputs stand for those of the
 * call, and attributes may be taken from it. */
#include "model/expand.h"
#include "util/error.h"
#include <stdlib.h>
#include <string.h>

/* What looking up a formal input or output takes. */
#define PARAMETER_BYTES 64

static const char *
text(const char *string)
{
  return string ? string : "";
}

char *
dcn_function_key(const char *domain, const char *name, const char *overload)
{
  return g_strjoin("\n", text(domain), text(name), text(overload), NULL);
}

static const Dcn__Onnx__Function *
find_function(const DcnExpansion *expansion, const Dcn__Onnx__Node *call)
{
  if (g_hash_table_size(expansion->functions) == 0)
    return NULL;
  char *key = dcn_function_key(call->domain, call->op_type, call->overload);
  const Dcn__Onnx__Function *function = g_hash_table_lookup(expansion->functions, key);
  g_free(key);
  return function;
}

static gboolean
set_text(char **to, char *owned)
{
  if (*to != protobuf_c_empty_string)
    free(*to);
  *to = owned;
  return owned != NULL;
}

/* What the formal names of a function stand for in a call: name -> the call's, neither owned. */
typedef struct {
  GHashTable *inputs, *outputs;
} Binding;

static GHashTable *
bind(char *const *formal, size_t n_formal, char *const *given, size_t n_given, char *absent)
{
  GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
  for (size_t i = n_formal; i-- > 0;) /* the first of a name counts */
    g_hash_table_insert(names, formal[i], i < n_given ? given[i] : absent);
  return names;
}

/* What a name of the body is called outside. */
static void
rename_value(const DcnExpansion *expansion, const Binding *binding, char **name)
{
  if (**name == '\0')
    return;
  /* Outputs first: one that is an input as well is made by an Identity. */
  const char *outside = g_hash_table_lookup(binding->outputs, *name);
  set_text(name, outside && *outside ? strdup(outside) : dcn_expansion_name(expansion, *name));
}

static void
rename_input(const DcnExpansion *expansion, const Binding *binding, char **name)
{
  const char *outside = **name ? g_hash_table_lookup(binding->inputs, *name) : NULL;
  if (outside)
    set_text(name, strdup(outside));
  else
    rename_value(expansion, binding, name);
}

static const Dcn__Onnx__Attribute *
find_attribute(Dcn__Onnx__Attribute *const *list, size_t n, const char *name)
{
  for (size_t i = 0; i < n; i++)
    if (strcmp(text(list[i]->name), name) == 0)
      return list[i];
  return NULL;
}

/* An attribute that refers to the call's takes that one's content, or the function's default; where there is neither
 * it is as if it were not there. */
static gboolean
resolve(DcnExpansion *expansion, const Dcn__Onnx__Function *function, const Dcn__Onnx__Node *call,
        Dcn__Onnx__Node *node)
{
  size_t kept = 0;
  for (size_t i = 0; i < node->n_attribute; i++) {
    Dcn__Onnx__Attribute *attribute = node->attribute[i];
    if (!attribute->ref_attr_name || !*attribute->ref_attr_name) {
      node->attribute[kept++] = attribute;
      continue;
    }
    const char *wanted = attribute->ref_attr_name;
    const Dcn__Onnx__Attribute *given = find_attribute(call->attribute, call->n_attribute, wanted);
    if (!given)
      given = find_attribute(function->attribute_proto, function->n_attribute_proto, wanted);
    Dcn__Onnx__Attribute *copy = NULL;
    if (given) {
      const size_t size = dcn__onnx__attribute__get_packed_size(given);
      if (dcn_expansion_spend(expansion, size)) {
        uint8_t *packed = g_malloc(MAX(size, 1));
        dcn__onnx__attribute__pack(given, packed);
        copy = dcn__onnx__attribute__unpack(NULL, size, packed);
        g_free(packed);
        if (copy)
          set_text(&copy->name, strdup(text(attribute->name)));
        else
          dcn_loader_fail(expansion->loader, DCN_ERROR_INVALID, "its function cannot be decoded");
      }
    }
    dcn__onnx__attribute__free_unpacked(attribute, NULL);
    if (copy)
      node->attribute[kept++] = copy;
  }
  node->n_attribute = kept;
  return !expansion->loader->error;
}

gboolean
dcn_expand_function(DcnExpansion *expansion, const Dcn__Onnx__Node *call)
{
  const Dcn__Onnx__Function *function = find_function(expansion, call);
  if (!function)
    return FALSE;
  if (!dcn_expansion_spend(expansion, (function->n_input + function->n_output) * PARAMETER_BYTES))
    return FALSE;
  if (call->n_input > function->n_input || call->n_output > function->n_output)
    return dcn_loader_fail(expansion->loader, DCN_ERROR_INVALID,
                           "its function takes %d inputs and gives %d outputs",
                           (int)function->n_input, (int)function->n_output);
  const guint before = expansion->nodes->len;
  const Binding binding = {
      bind(function->input, function->n_input, call->input, call->n_input, ""),
      bind(function->output, function->n_output, call->output, call->n_output, "")};
  for (size_t i = 0; i < function->n_node; i++) {
    Dcn__Onnx__Node *node = dcn_expansion_copy(expansion, function->node[i]);
    if (!node || !resolve(expansion, function, call, node))
      break;
    for (size_t k = 0; k < node->n_input; k++)
      rename_input(expansion, &binding, &node->input[k]);
    for (size_t k = 0; k < node->n_output; k++)
      rename_value(expansion, &binding, &node->output[k]);
    /* For messages: where it was called, and what it is there. */
    char *name = g_strdup_printf("%s/%s", *text(call->name) ? call->name : text(call->op_type),
                                 *text(node->name) ? node->name : text(node->op_type));
    set_text(&node->name, strdup(name));
    g_free(name);
  }
  g_hash_table_unref(binding.inputs);
  g_hash_table_unref(binding.outputs);
  return dcn_expansion_end(expansion, before);
}
