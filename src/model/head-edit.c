/* deltacnn: takes the last layer of a classifier off, or puts another in its place.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A draft shares all messages with the model, which is never changed: what differs is a copy of the
 * draft's own.  So unknown fields, and all that is not concerned, are written as they were read. */
#include "model/head-internal.h"
#include "model/tensor.h"
#include "util/error.h"
#include "util/half.h"
#include <string.h>

/* Of a convolution's input: its identity has their square of weights.  Networks have some thousand.
 */
#define MOST_CHANNELS 16384

typedef struct {
  const DcnHead *head;
  Dcn__Onnx__Model model;
  Dcn__Onnx__Graph graph;
  GPtrArray *nodes, *initializers, *inputs, *outputs, *infos; /* not owned */
  GPtrArray *memory;                                          /* owned: what is the draft's own */
  GHashTable *replaced;                                       /* names of constants left behind */
} Draft;

static void *
own(Draft *draft, void *memory)
{
  g_ptr_array_add(draft->memory, memory);
  return memory;
}

static GPtrArray *
copy_list(void *const *list, size_t n)
{
  GPtrArray *copy = g_ptr_array_sized_new((guint)n);
  for (size_t i = 0; i < n; i++)
    g_ptr_array_add(copy, list[i]);
  return copy;
}

static void
draft_init(Draft *draft, const DcnHead *head)
{
  const Dcn__Onnx__Graph *graph = head->model->graph;
  memset(draft, 0, sizeof *draft);
  draft->head = head;
  draft->model = *head->model;
  draft->graph = *graph;
  draft->model.graph = &draft->graph;
  draft->nodes = copy_list((void *const *)graph->node, graph->n_node);
  draft->initializers = copy_list((void *const *)graph->initializer, graph->n_initializer);
  draft->inputs = copy_list((void *const *)graph->input, graph->n_input);
  draft->outputs = copy_list((void *const *)graph->output, graph->n_output);
  draft->infos = copy_list((void *const *)graph->value_info, graph->n_value_info);
  draft->memory = g_ptr_array_new_with_free_func(g_free);
  draft->replaced = g_hash_table_new(g_str_hash, g_str_equal);
}

static void
draft_clear(Draft *draft)
{
  g_ptr_array_unref(draft->nodes);
  g_ptr_array_unref(draft->initializers);
  g_ptr_array_unref(draft->inputs);
  g_ptr_array_unref(draft->outputs);
  g_ptr_array_unref(draft->infos);
  g_ptr_array_unref(draft->memory);
  g_hash_table_unref(draft->replaced);
}

/* A node of the draft's own, with room for n_input inputs. */
static Dcn__Onnx__Node *
own_node(Draft *draft, int index, size_t n_input)
{
  const Dcn__Onnx__Node *old = g_ptr_array_index(draft->nodes, index);
  Dcn__Onnx__Node *node = own(draft, g_memdup2(old, sizeof *old));
  char **input = own(draft, g_new0(char *, MAX(n_input, old->n_input) + 1));
  for (size_t i = 0; i < MAX(n_input, old->n_input); i++)
    input[i] = i < old->n_input ? old->input[i] : own(draft, g_strdup(""));
  node->input = input;
  node->n_input = MAX(n_input, old->n_input);
  node->output = own(draft, g_memdup2(old->output, old->n_output * sizeof *old->output));
  draft->nodes->pdata[index] = node;
  return node;
}

/* A name that nothing in the model has. */
static char *
new_name(Draft *draft, const char *base, const char *role)
{
  const DcnHead *head = draft->head;
  char *name = g_strconcat(base, role, NULL);
  while (dcn_head_lookup(head->writers, name) || dcn_head_lookup(head->constants, name) ||
         dcn_head_lookup(head->n_readers, name)) {
    char *longer = g_strconcat(name, "_", NULL);
    g_free(name);
    name = longer;
  }
  return own(draft, name);
}

/* Shapes.
 * -------------------------------------------------------------------------------------------------
 */
static Dcn__Onnx__TensorShape *
make_shape(Draft *draft, int rank, const int64_t *dims)
{
  Dcn__Onnx__TensorShape *shape = own(draft, g_new(Dcn__Onnx__TensorShape, 1));
  dcn__onnx__tensor_shape__init(shape);
  shape->n_dim = (size_t)rank;
  shape->dim = own(draft, g_new0(Dcn__Onnx__Dimension *, rank + 1));
  for (int d = 0; d < rank; d++) {
    shape->dim[d] = own(draft, g_new(Dcn__Onnx__Dimension, 1));
    dcn__onnx__dimension__init(shape->dim[d]);
    shape->dim[d]->has_dim_value = TRUE;
    shape->dim[d]->dim_value = dims[d];
  }
  return shape;
}

static Dcn__Onnx__ValueInfo *
make_info(Draft *draft, char *name, int type, Dcn__Onnx__TensorShape *shape)
{
  Dcn__Onnx__ValueInfo *info = own(draft, g_new(Dcn__Onnx__ValueInfo, 1));
  dcn__onnx__value_info__init(info);
  info->name = name;
  info->type = own(draft, g_new(Dcn__Onnx__Type, 1));
  dcn__onnx__type__init(info->type);
  info->type->tensor_type = own(draft, g_new(Dcn__Onnx__TensorType, 1));
  dcn__onnx__tensor_type__init(info->type->tensor_type);
  info->type->tensor_type->has_elem_type = TRUE;
  info->type->tensor_type->elem_type = type;
  info->type->tensor_type->shape = shape;
  return info;
}

/* The output with another number of classes, wherever its shape said how many there are. */
static void
resize_output(Draft *draft, int n_classes)
{
  const Dcn__Onnx__ValueInfo *old = g_ptr_array_index(draft->outputs, 0);
  const Dcn__Onnx__TensorType *type = old->type ? old->type->tensor_type : NULL;
  if (!type || !type->shape)
    return;
  Dcn__Onnx__ValueInfo *info = own(draft, g_memdup2(old, sizeof *old));
  info->type = own(draft, g_memdup2(old->type, sizeof *old->type));
  info->type->tensor_type = own(draft, g_memdup2(type, sizeof *type));
  Dcn__Onnx__TensorShape *shape = own(draft, g_memdup2(type->shape, sizeof *type->shape));
  info->type->tensor_type->shape = shape;
  shape->dim = own(draft, g_memdup2(shape->dim, shape->n_dim * sizeof *shape->dim));
  const size_t axis = shape->n_dim >= 2 ? 1 : 0; /* a batch comes first */
  if (axis < shape->n_dim && shape->dim[axis]->has_dim_value &&
      shape->dim[axis]->dim_value == draft->head->info.n_classes) {
    shape->dim[axis] = own(draft, g_memdup2(shape->dim[axis], sizeof *shape->dim[axis]));
    shape->dim[axis]->dim_value = n_classes;
  }
  draft->outputs->pdata[0] = info;
}

/* Constants.
 * ----------------------------------------------------------------------------------------------
 */
static Dcn__Onnx__Tensor *
make_tensor(Draft *draft, char *name, int type, int rank, const int64_t *dims, void *bytes,
            size_t size)
{
  Dcn__Onnx__Tensor *tensor = own(draft, g_new(Dcn__Onnx__Tensor, 1));
  dcn__onnx__tensor__init(tensor);
  tensor->name = name;
  tensor->n_dims = (size_t)rank;
  tensor->dims = own(draft, g_memdup2(dims, (size_t)rank * sizeof *dims));
  tensor->has_data_type = TRUE;
  tensor->data_type = type;
  tensor->has_raw_data = TRUE;
  tensor->raw_data.data = own(draft, bytes);
  tensor->raw_data.len = size;
  return tensor;
}

/* Numbers as the file holds them: little-endian, of the type that the layer's weights had. */
static void *
encode(int type, const float *values, size_t n, size_t *size)
{
  const size_t each = type == DCN_ONNX_FLOAT16 ? 2 : type == DCN_ONNX_DOUBLE ? 8 : 4;
  uint8_t *bytes = g_malloc_n(MAX(n, 1), each);
  for (size_t i = 0; i < n; i++) {
    if (type == DCN_ONNX_FLOAT16) {
      const uint16_t half = GUINT16_TO_LE(dcn_float_to_half(values[i]));
      memcpy(bytes + i * each, &half, each);
    } else if (type == DCN_ONNX_DOUBLE) {
      const double wide = values[i];
      uint64_t bits;
      memcpy(&bits, &wide, sizeof bits);
      bits = GUINT64_TO_LE(bits);
      memcpy(bytes + i * each, &bits, each);
    } else {
      uint32_t bits;
      memcpy(&bits, &values[i], sizeof bits);
      bits = GUINT32_TO_LE(bits);
      memcpy(bytes + i * each, &bits, each);
    }
  }
  *size = n * each;
  return bytes;
}

/* Puts a tensor where input k of a node reads it: under the old name where nobody else reads that,
 * else under a new one. */
static void
set_constant(Draft *draft, Dcn__Onnx__Node *node, int k, const char *role, int type, int rank,
             const int64_t *dims, void *bytes, size_t size)
{
  const DcnHead *head = draft->head;
  char *name = node->input[k];
  const int old = dcn_head_lookup(head->constants, name);
  if (old && dcn_head_lookup(head->n_readers, name) == 1) {
    draft->initializers->pdata[old - 1] = make_tensor(draft, name, type, rank, dims, bytes, size);
    /* files of an early kind list their constants among the inputs, too */
    for (guint i = 0; i < draft->inputs->len; i++) {
      const Dcn__Onnx__ValueInfo *input = g_ptr_array_index(draft->inputs, i);
      if (g_str_equal(dcn_head_text(input->name), name))
        draft->inputs->pdata[i] = make_info(draft, name, type, make_shape(draft, rank, dims));
    }
    g_hash_table_add(draft->replaced, name);
    return;
  }
  if (dcn_head_lookup(head->n_readers, name) == 1 && dcn_head_constant(head, name))
    g_hash_table_add(draft->replaced, name); /* of a node that goes, and leaves its name */
  else
    node->input[k] = new_name(draft, *name ? name : node->output[0], role);
  g_ptr_array_add(draft->initializers,
                  make_tensor(draft, node->input[k], type, rank, dims, bytes, size));
  if (draft->model.ir_version < 4)
    g_ptr_array_add(draft->inputs,
                    make_info(draft, node->input[k], type, make_shape(draft, rank, dims)));
}

/* Reshape to a fixed shape: the number of classes in it is another one. */
static gboolean
resize_reshape(Draft *draft, int index, int n_classes, GError **error)
{
  Dcn__Onnx__Node *node = own_node(draft, index, 2);
  const Dcn__Onnx__Tensor *old = dcn_head_constant(draft->head, node->input[1]);
  GError *reason = NULL;
  DcnTensor *shape =
      old && old->data_location != 1 ? dcn_tensor_from_proto(old, NULL, &reason) : NULL;
  if (!shape || !shape->is_int || shape->count > DCN_MAX_RANK) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED,
                "the Reshape \"%s\" behind the last layer has no constant shape",
                dcn_head_text(node->name));
    g_clear_error(&reason);
    dcn_tensor_unref(shape);
    return FALSE;
  }
  const int64_t count = (int64_t)shape->count;
  int64_t *dims = g_new0(int64_t, DCN_MAX_RANK);
  gboolean changed = FALSE;
  for (size_t d = shape->count; d-- > 0;) {
    dims[d] = shape->i[d];
    if (!changed && dims[d] == draft->head->info.n_classes) {
      dims[d] = n_classes;
      changed = TRUE;
    }
    dims[d] = GINT64_TO_LE(dims[d]);
  }
  dcn_tensor_unref(shape);
  if (changed)
    set_constant(draft, node, 1, "_shape", DCN_ONNX_INT64, 1, &count, dims,
                 (size_t)count * sizeof *dims);
  else
    g_free(dims);
  return TRUE;
}

/* The layer.
 * ----------------------------------------------------------------------------------------------
 */
static void
set_weights(Draft *draft, Dcn__Onnx__Node *node, int n_classes, const float *weights)
{
  const DcnHead *head = draft->head;
  const int k = head->info.n_features;
  const gboolean conv = g_str_equal(node->op_type, "Conv");
  const int64_t dims[4] = {head->transposed ? n_classes : k, head->transposed ? k : n_classes, 1,
                           1};
  float *turned = NULL;
  size_t size;
  if (!head->transposed) {
    turned = g_new(float, (size_t)n_classes *k);
    for (int j = 0; j < n_classes; j++)
      for (int i = 0; i < k; i++)
        turned[(size_t)i * n_classes + j] = weights[(size_t)j * k + i];
  }
  void *bytes = encode(head->type, turned ? turned : weights, (size_t)n_classes * k, &size);
  g_free(turned);
  set_constant(draft, node, 1, "_weight", head->type, conv ? 4 : 2, dims, bytes, size);
}

/* The old factors of the product and of the bias are in the new weights. */
static void
clear_factors(Draft *draft, Dcn__Onnx__Node *node)
{
  node->attribute =
      own(draft, g_memdup2(node->attribute, node->n_attribute * sizeof *node->attribute));
  for (size_t i = 0; i < node->n_attribute; i++) {
    const char *name = dcn_head_text(node->attribute[i]->name);
    if (!g_str_equal(name, "alpha") && !g_str_equal(name, "beta"))
      continue;
    node->attribute[i] = own(draft, g_memdup2(node->attribute[i], sizeof **node->attribute));
    node->attribute[i]->has_f = TRUE;
    node->attribute[i]->f = 1;
  }
}

/* product -> Add -> what the MatMul was to make. */
static Dcn__Onnx__Node *
insert_add(Draft *draft, Dcn__Onnx__Node *product)
{
  Dcn__Onnx__Node *add = own(draft, g_new(Dcn__Onnx__Node, 1));
  dcn__onnx__node__init(add);
  add->op_type = own(draft, g_strdup("Add"));
  add->n_input = 2;
  add->input = own(draft, g_new0(char *, 3));
  add->n_output = 1;
  add->output = own(draft, g_new0(char *, 2));
  add->output[0] = product->output[0];
  product->output[0] = new_name(draft, add->output[0], "_product");
  add->input[0] = product->output[0];
  add->input[1] = own(draft, g_strdup(""));
  add->name = new_name(draft, add->output[0], "_add");
  g_ptr_array_insert(draft->nodes, draft->head->layer + 1, add);
  return add;
}

static void
set_bias(Draft *draft, Dcn__Onnx__Node *node, int n_classes, const float *bias)
{
  const DcnHead *head = draft->head;
  const int64_t dims[1] = {n_classes};
  size_t size;
  void *bytes = encode(head->type, bias, (size_t)n_classes, &size);
  int k = 2;
  if (head->add >= 0) {
    const Dcn__Onnx__Node *old = g_ptr_array_index(draft->nodes, head->add);
    k = dcn_head_constant(head, old->input[1]) ? 1 : 0;
    node = own_node(draft, head->add, 2);
  } else if (g_str_equal(node->op_type, "MatMul")) {
    k = 1;
    node = insert_add(draft, node);
  }
  set_constant(draft, node, k, "_bias", head->type, 1, dims, bytes, size);
}

/* A node is left out: who made its input makes its output. */
static void
drop_node(Draft *draft, int index)
{
  const Dcn__Onnx__Node *gone = g_ptr_array_index(draft->nodes, index);
  const int data = dcn_head_data_input(draft->head, gone);
  for (guint i = 0; i < draft->nodes->len; i++) {
    Dcn__Onnx__Node *node = draft->nodes->pdata[i];
    for (size_t k = 0; node && k < node->n_output; k++)
      if (g_str_equal(node->output[k], gone->input[data])) {
        node = own_node(draft, (int)i, 0);
        node->output[k] = gone->output[0];
      }
  }
  draft->nodes->pdata[index] = NULL;
}

/* A layer with its constants. */
static void
drop_layer(Draft *draft, int index)
{
  const DcnHead *head = draft->head;
  const Dcn__Onnx__Node *gone = g_ptr_array_index(draft->nodes, index);
  const int data = dcn_head_data_input(head, gone);
  for (size_t k = 0; k < gone->n_input; k++) {
    const int source = dcn_head_lookup(head->constants, gone->input[k]);
    if ((int)k == data || dcn_head_lookup(head->n_readers, gone->input[k]) != 1)
      continue;
    if (source && draft->model.ir_version >= 4)
      draft->initializers->pdata[source - 1] = NULL;
    else if (!source && dcn_head_constant(head, gone->input[k]))
      g_hash_table_add(draft->replaced, gone->input[k]);
  }
  drop_node(draft, index);
}

static void
forget(GPtrArray *list, const void *gone)
{
  while (g_ptr_array_remove(list, (void *)gone))
    ;
}

/* Nodes that made constants which only the old layer read, and the constants they were made of. */
static void
drop_makers(Draft *draft)
{
  const DcnHead *head = draft->head;
  for (guint i = draft->nodes->len; i-- > 0;) {
    const Dcn__Onnx__Node *node = draft->nodes->pdata[i];
    if (!node || node->n_output != 1 || !g_hash_table_contains(draft->replaced, node->output[0]))
      continue;
    if (node->n_input && dcn_head_lookup(head->n_readers, node->input[0]) == 1) {
      const int source = dcn_head_lookup(head->constants, node->input[0]);
      /* files of an early kind list it among the inputs, too, which may stay */
      if (source && draft->model.ir_version >= 4)
        draft->initializers->pdata[source - 1] = NULL;
      else if (!source)
        g_hash_table_add(draft->replaced, node->input[0]);
    }
    draft->nodes->pdata[i] = NULL;
  }
  forget(draft->initializers, NULL);
}

/* What was left behind, and shapes that hold no more. */
static void
tidy(Draft *draft)
{
  drop_makers(draft);
  forget(draft->nodes, NULL);
  for (guint i = 0; i < draft->infos->len; i++) {
    const Dcn__Onnx__ValueInfo *info = draft->infos->pdata[i];
    const char *name = dcn_head_text(info->name);
    if (g_hash_table_contains(draft->head->made, name) ||
        g_hash_table_contains(draft->replaced, name))
      draft->infos->pdata[i] = NULL;
  }
  forget(draft->infos, NULL);
}

static gboolean
replace_layer(Draft *draft, int n_classes, const float *weights, const float *bias, GError **error)
{
  const DcnHead *head = draft->head;
  Dcn__Onnx__Node *layer =
      own_node(draft, head->layer, g_str_equal(head->info.op_type, "MatMul") ? 2 : 3);
  clear_factors(draft, layer);
  set_weights(draft, layer, n_classes, weights);
  for (guint i = 0; i < head->tail->len; i++) {
    const int index = g_array_index(head->tail, int, i);
    const Dcn__Onnx__Node *node = g_ptr_array_index(draft->nodes, index);
    if (g_str_equal(node->op_type, "Reshape") && node->n_input > 1 &&
        !resize_reshape(draft, index, n_classes, error))
      return FALSE;
  }
  for (guint i = 0; i < head->dropped->len; i++)
    drop_node(draft, g_array_index(head->dropped, int, i));
  for (guint i = 0; i < head->layers->len; i++)
    drop_layer(draft, g_array_index(head->layers, int, i));
  /* last: it may move what is behind the layer by one */
  set_bias(draft, g_ptr_array_index(draft->nodes, head->layer), n_classes, bias);
  resize_output(draft, n_classes);
  return TRUE;
}

/* Data beside the model would not be found from another folder. */
static gboolean
embed_external(Draft *draft, GError **error)
{
  DcnExternal *external = dcn_external_new(draft->head->folder, NULL);
  gboolean ok = TRUE;
  for (guint i = 0; ok && i < draft->initializers->len; i++) {
    const Dcn__Onnx__Tensor *old = draft->initializers->pdata[i];
    DcnSource *source;
    size_t at, size;
    if (!old || old->data_location != 1)
      continue;
    ok = dcn_external_find(external, old, &source, &at, &size, error);
    uint8_t *bytes = ok ? g_malloc(MAX(size, 1)) : NULL;
    if (ok && !(ok = dcn_source_read(source, at, size, bytes, error)))
      g_free(bytes);
    if (!ok)
      break;
    Dcn__Onnx__Tensor *tensor = own(draft, g_memdup2(old, sizeof *old));
    tensor->n_external_data = 0;
    tensor->external_data = NULL;
    tensor->has_data_location = FALSE;
    tensor->data_location = 0;
    tensor->has_raw_data = TRUE;
    tensor->raw_data.data = own(draft, bytes);
    tensor->raw_data.len = size;
    draft->initializers->pdata[i] = tensor;
  }
  dcn_external_free(external);
  return ok;
}

static uint8_t *
draft_pack(Draft *draft, size_t *size, GError **error)
{
  if (!embed_external(draft, error))
    return NULL;
  tidy(draft);
  Dcn__Onnx__Graph *graph = &draft->graph;
  graph->node = (Dcn__Onnx__Node **)draft->nodes->pdata;
  graph->n_node = draft->nodes->len;
  graph->initializer = (Dcn__Onnx__Tensor **)draft->initializers->pdata;
  graph->n_initializer = draft->initializers->len;
  graph->input = (Dcn__Onnx__ValueInfo **)draft->inputs->pdata;
  graph->n_input = draft->inputs->len;
  graph->output = (Dcn__Onnx__ValueInfo **)draft->outputs->pdata;
  graph->n_output = draft->outputs->len;
  graph->value_info = (Dcn__Onnx__ValueInfo **)draft->infos->pdata;
  graph->n_value_info = draft->infos->len;
  *size = dcn__onnx__model__get_packed_size(&draft->model);
  uint8_t *bytes = *size < ((size_t)1 << 31) ? g_try_malloc(MAX(*size, 1)) : NULL;
  if (!bytes) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY,
                "no memory for the model of %" G_GSIZE_FORMAT
                " bytes (2 GB are the most a file may "
                "have)",
                *size);
    return NULL;
  }
  dcn__onnx__model__pack(&draft->model, bytes);
  return bytes;
}

uint8_t *
dcn_head_replace(const DcnHead *head, int n_classes, const float *weights, const float *bias,
                 size_t *size, GError **error)
{
  Draft draft;
  uint8_t *bytes = NULL;
  draft_init(&draft, head);
  if (replace_layer(&draft, n_classes, weights, bias, error))
    bytes = draft_pack(&draft, size, error);
  draft_clear(&draft);
  return bytes;
}

/* The output of a fully connected layer's features is the layer's input.  Of a convolution, it is
 * what the file makes of the convolution with the identity for weights: so averages, padding and
 * strides are the file's own. */
uint8_t *
dcn_head_features(const DcnHead *head, size_t *size, GError **error)
{
  const Dcn__Onnx__Node *layer = head->model->graph->node[head->layer];
  const int k = head->info.n_features;
  Draft draft;
  uint8_t *bytes = NULL;
  gboolean ok = TRUE;
  char *name = NULL;
  draft_init(&draft, head);
  if (g_str_equal(head->info.op_type, "Conv")) {
    const size_t count = (size_t)k * (size_t)k;
    float *identity = k <= MOST_CHANNELS ? g_try_new0(float, count) : NULL;
    float *zero = g_new0(float, k);
    for (int i = 0; identity && i < k; i++)
      identity[(size_t)i * k + i] = 1;
    ok = identity && replace_layer(&draft, k, identity, zero, error);
    if (!identity)
      g_set_error(error, DCN_ERROR, DCN_ERROR_MEMORY, "no memory for %d channels", k);
    g_free(identity);
    g_free(zero);
    if (head->first_squash >= 0)
      name = ((Dcn__Onnx__Node *)g_ptr_array_index(draft.nodes, head->first_squash))->input[0];
  } else {
    name = layer->input[0];
  }
  if (name)
    draft.outputs->pdata[0] = make_info(&draft, name, DCN_ONNX_FLOAT, NULL);
  if (ok)
    bytes = draft_pack(&draft, size, error);
  draft_clear(&draft);
  return bytes;
}
