/* deltacnn: lowers lists of tensors.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Scripted PyTorch modules append to lists and join them, as DenseNet does, or take one apart after a split.  Which tensors
 * are in a list is known here, as there are no branches.  A list is the names of entries of its own, which nodes of the
 * graph do not see, so that operators on tensors do the work: as Concat, Split and so on with these names. */
#include "model/loader.h"
#include "util/error.h"
#include <string.h>

/* Of a Split: a few bytes must not make lists of millions. */
#define MAX_PARTS 4096
/* What a name in a copied list costs of the budget of elements: no chain of copies may grow out of proportion. */
#define NAME_COST 64

#define INTS 7 /* a kind of attributes */

/* A new entry, in no list yet; the name is the table's. */
static char *
add_hidden(DcnLoader *loader)
{
  char *name = NULL;
  do {
    g_free(name);
    name = g_strdup_printf("list/%u", loader->n_listed++);
  } while (g_hash_table_contains(loader->entries, name));
  DcnEntry *entry = g_new0(DcnEntry, 1);
  entry->value = -1;
  entry->uses = 2; /* nobody is the only reader, who may take a constant away */
  g_hash_table_insert(loader->entries, name, entry);
  return name;
}

/* Input i, so that it stays when its own name is not read any more; NULL on error. */
static char *
keep_input(DcnLoader *loader, int i)
{
  const DcnEntry *entry = dcn_loader_input(loader, i);
  if (!entry)
    return NULL;
  char *name = add_hidden(loader);
  DcnEntry *kept = g_hash_table_lookup(loader->entries, name);
  const int uses = kept->uses;
  *kept = *entry;
  kept->uses = uses;
  if (kept->tensor)
    dcn_tensor_ref(kept->tensor);
  return name;
}

/* lower, as if the node had these inputs and outputs, and one more attribute before its own, or NULL. */
static gboolean
lower_as(DcnLoader *loader, DcnLower lower, int n_inputs, char **inputs, int n_outputs,
         char **outputs, Dcn__Onnx__Attribute *more)
{
  const Dcn__Onnx__Node *node = loader->node;
  Dcn__Onnx__Node as = *node;
  Dcn__Onnx__Attribute **attributes = g_new(Dcn__Onnx__Attribute *, node->n_attribute + 1);
  as.n_attribute = 0;
  if (more)
    attributes[as.n_attribute++] = more;
  for (size_t i = 0; i < node->n_attribute; i++)
    attributes[as.n_attribute++] = node->attribute[i];
  as.attribute = attributes;
  as.n_input = (size_t)n_inputs;
  as.input = inputs;
  as.n_output = (size_t)n_outputs;
  as.output = outputs;
  loader->node = &as;
  const gboolean ok = lower(loader) && !loader->error;
  loader->node = node;
  g_free(attributes);
  return ok;
}

/* lower_as() for what has one input, one output and a list of axes: the output's name, NULL on error. */
static char *
with_axis(DcnLoader *loader, DcnLower lower, char *input, int64_t axis)
{
  char *output = add_hidden(loader);
  Dcn__Onnx__Attribute axes = DCN__ONNX__ATTRIBUTE__INIT;
  axes.name = (char *)"axes";
  axes.has_type = TRUE;
  axes.type = INTS;
  axes.n_ints = 1;
  axes.ints = &axis;
  return lower_as(loader, lower, 1, &input, 1, &output, &axes) ? output : NULL;
}

static GPtrArray *
list_of(DcnLoader *loader)
{
  GPtrArray *list = dcn_loader_list(loader, 0);
  if (!list)
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "input 1 is not a list of tensors");
  return list;
}

/* Input 0's list, to be changed: its own where nobody else will read it. */
static GPtrArray *
take_list(DcnLoader *loader)
{
  GPtrArray *list = list_of(loader);
  if (!list)
    return NULL;
  DcnEntry *entry = g_hash_table_lookup(loader->entries, loader->node->input[0]);
  if (entry->uses == 1)
    return g_steal_pointer(&entry->list);
  const size_t cost = (size_t)list->len * NAME_COST;
  if (cost > loader->budget) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "its lists are too long");
    return NULL;
  }
  loader->budget -= cost;
  return g_ptr_array_copy(list, NULL, NULL);
}

static gboolean
set_list(DcnLoader *loader, GPtrArray *list)
{
  const Dcn__Onnx__Node *node = loader->node;
  DcnEntry *entry = node->n_output > 0 && !loader->error
                        ? g_hash_table_lookup(loader->entries, node->output[0])
                        : NULL;
  if (!entry || entry->list)
    g_ptr_array_unref(list);
  else
    entry->list = list;
  return !loader->error;
}

/* A place in a list, or where another may be put in, which is one more; counted from the end where negative. */
static gboolean
read_position(DcnLoader *loader, int i, guint n_places, guint length, guint otherwise, guint *out)
{
  int64_t at[DCN_MAX_RANK];
  *out = otherwise;
  if (dcn_loader_has_input(loader, i)) {
    if (dcn_loader_need_ints(loader, i, "its position", at) != 1)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its position is not one number");
    at[0] += at[0] < 0 ? length : 0;
    if (at[0] < 0 || at[0] >= n_places)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "its position is outside of a list of %u tensors", length);
    *out = (guint)at[0];
  }
  return *out < n_places || dcn_loader_fail(loader, DCN_ERROR_INVALID, "its list is empty");
}

gboolean
dcn_lower_sequence_construct(DcnLoader *loader) /* SequenceEmpty as well */
{
  GPtrArray *list = g_ptr_array_new();
  for (size_t i = 0; i < loader->node->n_input && !loader->error; i++)
    g_ptr_array_add(list, keep_input(loader, (int)i));
  return set_list(loader, list);
}

gboolean
dcn_lower_sequence_insert(DcnLoader *loader)
{
  guint at;
  GPtrArray *list = take_list(loader);
  if (!list)
    return FALSE;
  if (read_position(loader, 2, list->len + 1, list->len, list->len, &at))
    g_ptr_array_insert(list, (int)at, keep_input(loader, 1));
  return set_list(loader, list);
}

gboolean
dcn_lower_sequence_erase(DcnLoader *loader)
{
  guint at;
  GPtrArray *list = take_list(loader);
  if (!list)
    return FALSE;
  if (read_position(loader, 1, list->len, list->len, list->len - 1, &at))
    g_ptr_array_remove_index(list, at);
  return set_list(loader, list);
}

gboolean
dcn_lower_sequence_at(DcnLoader *loader)
{
  guint at;
  GPtrArray *list = list_of(loader);
  if (!list || !dcn_loader_has_input(loader, 1))
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "input 2 is missing");
  if (!read_position(loader, 1, list->len, list->len, 0, &at))
    return FALSE;
  return lower_as(loader, dcn_lower_identity, 1, (char **)&list->pdata[at],
                  (int)loader->node->n_output, loader->node->output, NULL);
}

gboolean
dcn_lower_sequence_length(DcnLoader *loader)
{
  const GPtrArray *list = list_of(loader);
  DcnTensor *length = list ? dcn_fold_new(loader, TRUE, 0, NULL) : NULL;
  if (length)
    length->i[0] = list->len;
  return dcn_loader_set_tensor(loader, 0, length);
}

gboolean
dcn_lower_sequence_identity(DcnLoader *loader)
{
  GPtrArray *list = take_list(loader);
  return list && set_list(loader, list);
}

gboolean
dcn_lower_concat_from_sequence(DcnLoader *loader)
{
  GPtrArray *list = list_of(loader);
  if (!list)
    return FALSE;
  const gboolean stack = dcn_attr_int(loader, "new_axis", 0) != 0;
  const int64_t axis = dcn_attr_int(loader, "axis", 0);
  GPtrArray *joined = g_ptr_array_new();
  for (guint i = 0; i < list->len && !loader->error; i++) {
    char *name = list->pdata[i];
    g_ptr_array_add(joined, stack ? with_axis(loader, dcn_lower_unsqueeze, name, axis) : name);
  }
  const gboolean ok =
      !loader->error && lower_as(loader, dcn_lower_concat, (int)joined->len, (char **)joined->pdata,
                                 (int)loader->node->n_output, loader->node->output, NULL);
  g_ptr_array_unref(joined);
  return ok;
}

/* Sizes of the parts; without any given, of one each, which may lose the axis. */
static GArray *
read_parts(DcnLoader *loader, int64_t length)
{
  GArray *sizes = g_array_new(FALSE, FALSE, sizeof(int64_t));
  DcnTensor *split = NULL;
  if (dcn_loader_has_input(loader, 1) &&
      !(split = dcn_loader_need_constant(loader, 1, "its list of sizes")))
    return sizes;
  if (split && (!split->is_int || split->rank > 1)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "its list of sizes is not of integers");
  } else if (split && split->rank == 1) {
    g_array_append_vals(sizes, split->i, (guint)MIN(split->count, MAX_PARTS + 1));
  } else {
    const int64_t step = split ? MIN(split->i[0], MAX(length, 1)) : 1;
    if (step < 1)
      dcn_loader_fail(loader, DCN_ERROR_INVALID, "its parts have no size");
    for (int64_t at = 0; step >= 1 && at < length && sizes->len <= MAX_PARTS; at += step) {
      const int64_t size = MIN(step, length - at);
      g_array_append_val(sizes, size);
    }
  }
  if (sizes->len > MAX_PARTS)
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "it makes a list of more than %d tensors",
                    MAX_PARTS);
  return sizes;
}

gboolean
dcn_lower_split_to_sequence(DcnLoader *loader)
{
  DcnShape shape;
  int axis;
  if (!dcn_loader_input_shape(loader, 0, &shape) ||
      !dcn_loader_axis(loader, dcn_attr_int(loader, "axis", 0), shape.rank, &axis))
    return FALSE;
  const gboolean squeeze =
      !dcn_loader_has_input(loader, 1) && dcn_attr_int(loader, "keepdims", 1) == 0;
  GArray *sizes = read_parts(loader, shape.dims[axis]);
  GPtrArray *list = g_ptr_array_new();
  for (guint i = 0; i < sizes->len && !loader->error; i++)
    g_ptr_array_add(list, add_hidden(loader));
  Dcn__Onnx__Attribute split = DCN__ONNX__ATTRIBUTE__INIT;
  split.name = (char *)"split";
  split.has_type = TRUE;
  split.type = INTS;
  split.n_ints = sizes->len;
  split.ints = (int64_t *)sizes->data;
  if (!loader->error)
    lower_as(loader, dcn_lower_split, 1, loader->node->input, (int)list->len, (char **)list->pdata,
             &split);
  for (guint i = 0; i < list->len && squeeze && !loader->error; i++)
    list->pdata[i] = with_axis(loader, dcn_lower_squeeze, list->pdata[i], axis);
  g_array_unref(sizes);
  return set_list(loader, list);
}
