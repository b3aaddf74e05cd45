/* deltacnn: finds the last layer of a classifier.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/head-internal.h"
#include "model/loader.h"
#include "model/onnx.h"
#include "model/tensor.h"
#include "util/error.h"
#include <string.h>

/* What a node behind the layer does. */
typedef enum {
  TAIL_OTHER,
  TAIL_MOVE,    /* the same numbers in another shape */
  TAIL_AVERAGE, /* over the picture */
  TAIL_SQUASH,  /* confidences of the scores, and keeps which is largest */
  TAIL_SIGMOID,
  TAIL_ACTIVATION
} TailKind;

const char *
dcn_head_text(const char *text)
{
  return text ? text : "";
}

int
dcn_head_lookup(GHashTable *table, const char *name)
{
  return GPOINTER_TO_INT(g_hash_table_lookup(table, dcn_head_text(name)));
}

static TailKind
tail_kind(const char *op_type)
{
  static const struct {
    const char *op_type;
    TailKind kind;
  } kinds[] = {
      {"Flatten", TAIL_MOVE},
      {"Reshape", TAIL_MOVE},
      {"Squeeze", TAIL_MOVE},
      {"Unsqueeze", TAIL_MOVE},
      {"Dropout", TAIL_MOVE},
      {"Identity", TAIL_MOVE},
      {"Cast", TAIL_MOVE},
      {"GlobalAveragePool", TAIL_AVERAGE},
      {"AveragePool", TAIL_AVERAGE},
      {"ReduceMean", TAIL_AVERAGE},
      {"Softmax", TAIL_SQUASH},
      {"LogSoftmax", TAIL_SQUASH},
      {"Sigmoid", TAIL_SIGMOID},
      {"Relu", TAIL_ACTIVATION},
      {"LeakyRelu", TAIL_ACTIVATION},
      {"Clip", TAIL_ACTIVATION},
      {"HardSigmoid", TAIL_ACTIVATION},
      {"HardSwish", TAIL_ACTIVATION},
      {"Elu", TAIL_ACTIVATION},
      {"Tanh", TAIL_ACTIVATION},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (g_str_equal(op_type, kinds[i].op_type))
      return kinds[i].kind;
  return TAIL_OTHER;
}

static const Dcn__Onnx__Attribute *
attribute(const Dcn__Onnx__Node *node, const char *name)
{
  for (size_t i = 0; i < node->n_attribute; i++)
    if (g_str_equal(dcn_head_text(node->attribute[i]->name), name))
      return node->attribute[i];
  return NULL;
}

/* Cast and Identity of a constant are constants, as networks have whose weights are kept in half
 * precision.  type: of its elements as they are read; may be NULL. */
static const Dcn__Onnx__Tensor *
find_constant(const DcnHead *head, const char *name, int *type)
{
  const Dcn__Onnx__Graph *graph = head->model->graph;
  int cast = 0;
  for (size_t steps = 0; steps <= graph->n_node; steps++) {
    const int initializer = dcn_head_lookup(head->constants, name);
    const int writer = dcn_head_lookup(head->writers, name);
    const Dcn__Onnx__Tensor *found = NULL;
    if (initializer) {
      found = graph->initializer[initializer - 1];
    } else if (!writer) {
      return NULL;
    } else {
      const Dcn__Onnx__Node *node = graph->node[writer - 1];
      const char *op_type = dcn_head_text(node->op_type);
      const Dcn__Onnx__Attribute *value = attribute(node, "value"), *to = attribute(node, "to");
      if (g_str_equal(op_type, "Constant"))
        found = value ? value->t : NULL;
      else if (!(g_str_equal(op_type, "Cast") || g_str_equal(op_type, "Identity")) ||
               node->n_input != 1)
        return NULL;
      if (g_str_equal(op_type, "Cast") && !cast)
        cast = to ? (int)CLAMP(to->i, 0, 1000) : 0;
      if (!found && !node->n_input)
        return NULL;
      name = found ? name : node->input[0];
    }
    if (found) {
      if (type)
        *type = cast ? cast : found->data_type;
      return found;
    }
  }
  return NULL;
}

const Dcn__Onnx__Tensor *
dcn_head_constant(const DcnHead *head, const char *name)
{
  return find_constant(head, name, NULL);
}

static void
index_names(DcnHead *head)
{
  const Dcn__Onnx__Graph *graph = head->model->graph;
  head->writers = g_hash_table_new(g_str_hash, g_str_equal);
  head->constants = g_hash_table_new(g_str_hash, g_str_equal);
  head->n_readers = g_hash_table_new(g_str_hash, g_str_equal);
  head->made = g_hash_table_new(g_str_hash, g_str_equal);
  for (size_t i = 0; i < graph->n_initializer; i++)
    g_hash_table_insert(head->constants, (char *)dcn_head_text(graph->initializer[i]->name),
                        GINT_TO_POINTER((int)i + 1));
  for (size_t i = 0; i < graph->n_node; i++) {
    const Dcn__Onnx__Node *node = graph->node[i];
    for (size_t k = 0; k < node->n_output; k++)
      g_hash_table_insert(head->writers, node->output[k], GINT_TO_POINTER((int)i + 1));
    for (size_t k = 0; k < node->n_input; k++)
      g_hash_table_insert(head->n_readers, node->input[k],
                          GINT_TO_POINTER(dcn_head_lookup(head->n_readers, node->input[k]) + 1));
  }
  for (size_t i = 0; i < graph->n_output; i++) {
    char *name = (char *)dcn_head_text(graph->output[i]->name);
    g_hash_table_insert(head->n_readers, name,
                        GINT_TO_POINTER(dcn_head_lookup(head->n_readers, name) + 1));
  }
}

static gboolean unfit(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
unfit(GError **error, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  char *why = g_strdup_vprintf(format, args);
  va_end(args);
  char *valid = g_utf8_make_valid(why, -1);
  g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED,
              "it does not end in a fully connected layer or a 1x1 convolution that could be "
              "replaced: %s",
              valid);
  g_free(valid);
  g_free(why);
  return FALSE;
}

static const char *
node_name(const Dcn__Onnx__Node *node)
{
  const char *name = dcn_head_text(node->name);
  return *name ? name : node->n_output ? node->output[0] : "";
}

/* The addend of an Add with a constant: index of its other input; -1: neither is constant. */
static int
other_input(const DcnHead *head, const Dcn__Onnx__Node *node)
{
  if (node->n_input != 2)
    return -1;
  if (dcn_head_constant(head, node->input[1]))
    return 0;
  return dcn_head_constant(head, node->input[0]) ? 1 : -1;
}

int
dcn_head_data_input(const DcnHead *head, const Dcn__Onnx__Node *node)
{
  return g_str_equal(dcn_head_text(node->op_type), "Add") ? MAX(other_input(head, node), 0) : 0;
}

static gboolean
is_layer(const char *op_type)
{
  return g_str_equal(op_type, "Gemm") || g_str_equal(op_type, "MatMul") ||
         g_str_equal(op_type, "Conv");
}

/* Where the Softmax is, and what is to be taken out. */
static gboolean
look_at_tail(DcnHead *head, GError **error)
{
  const Dcn__Onnx__Graph *graph = head->model->graph;
  head->first_squash = -1;
  for (guint i = 0; i < head->tail->len; i++) {
    const int index = g_array_index(head->tail, int, i);
    const Dcn__Onnx__Node *node = graph->node[index];
    switch (tail_kind(node->op_type)) {
    case TAIL_SQUASH:
      if (head->first_squash >= 0)
        return unfit(error, "there are two Softmax behind each other");
      head->first_squash = index;
      head->info.sure = g_str_equal(node->op_type, "Softmax");
      break;
    case TAIL_AVERAGE:
      if (head->first_squash >= 0)
        return unfit(error, "%s \"%s\" averages confidences", node->op_type, node_name(node));
      break;
    case TAIL_ACTIVATION:
    case TAIL_SIGMOID:
      g_array_append_val(head->dropped, index);
      head->info.dropped = node->op_type;
      break;
    default:
      break;
    }
  }
  return TRUE;
}

/* What the weights' shape says. */
static gboolean
measure(DcnHead *head, const Dcn__Onnx__Node *node, GError **error)
{
  const Dcn__Onnx__Tensor *weights = find_constant(head, node->input[1], &head->type);
  const Dcn__Onnx__Attribute *trans_b = attribute(node, "transB"),
                             *trans_a = attribute(node, "transA"),
                             *group = attribute(node, "group");
  const gboolean conv = g_str_equal(node->op_type, "Conv");
  g_free(head->name);
  head->name = g_utf8_make_valid(node_name(node), -1);
  head->info.name = head->name;
  head->info.op_type = node->op_type;
  if (!weights)
    return unfit(error, "the weights of %s \"%s\" are not constants of the file", node->op_type,
                 head->name);
  if (weights->n_dims != (conv ? 4 : 2))
    return unfit(error, "the weights of %s \"%s\" have rank %" G_GSIZE_FORMAT, node->op_type,
                 head->name, weights->n_dims);
  for (size_t d = 0; d < weights->n_dims; d++)
    if (weights->dims[d] < 1 || weights->dims[d] > (1 << 24))
      return unfit(error, "the shape of the weights of \"%s\" is impossible", head->name);
  if (conv && (weights->dims[2] != 1 || weights->dims[3] != 1))
    return unfit(
        error, "Conv \"%s\" is its last layer, of %" G_GINT64_FORMAT "x%" G_GINT64_FORMAT " pixels",
        head->name, weights->dims[2], weights->dims[3]);
  if (conv && group && group->i != 1)
    return unfit(error, "Conv \"%s\" works on groups of channels", head->name);
  if (trans_a && trans_a->i)
    return unfit(error, "Gemm \"%s\" reads its input transposed", head->name);
  if (head->type != DCN_ONNX_FLOAT && head->type != DCN_ONNX_DOUBLE &&
      head->type != DCN_ONNX_FLOAT16)
    return unfit(error, "the weights of \"%s\" are not floating point numbers", head->name);
  head->transposed = conv || (trans_b && trans_b->i);
  if (!head->info.n_classes) /* of the last one */
    head->info.n_classes = (int)weights->dims[head->transposed ? 0 : 1];
  head->info.n_features = (int)weights->dims[head->transposed ? 1 : 0];
  return TRUE;
}

/* From the output back to the layer. */
static gboolean
find_layer(DcnHead *head, int n_layers, GError **error)
{
  const Dcn__Onnx__Graph *graph = head->model->graph;
  if (graph->n_output != 1)
    return unfit(error, "it has %" G_GSIZE_FORMAT " outputs", graph->n_output);
  const char *value = dcn_head_text(graph->output[0]->name);
  head->add = -1;
  for (size_t steps = 0; steps <= graph->n_node; steps++) {
    const int writer = dcn_head_lookup(head->writers, value);
    if (!writer)
      return unfit(error, "no layer with weights makes its output");
    const Dcn__Onnx__Node *node = graph->node[writer - 1];
    const char *op_type = dcn_head_text(node->op_type);
    if (dcn_head_lookup(head->n_readers, value) != 1)
      return unfit(error, "\"%s\" is read more than once", value);
    g_hash_table_add(head->made, (char *)value);
    if (is_layer(op_type)) {
      if (node->n_input < 2)
        return unfit(error, "%s \"%s\" has no weights", op_type, node_name(node));
      if (head->add >= 0 && !g_str_equal(op_type, "MatMul"))
        return unfit(error, "something is added to what %s \"%s\" makes", op_type, node_name(node));
      if ((n_layers > 1 || head->layers->len > 0) && g_str_equal(op_type, "Conv"))
        return unfit(error, "Conv \"%s\" comes before so many fully connected layers",
                     node_name(node));
      if (!measure(head, node, error))
        return FALSE;
      if (--n_layers == 0) {
        head->layer = writer - 1;
        return look_at_tail(head, error);
      }
      if (head->add >= 0)
        g_array_append_val(head->layers, head->add);
      g_array_append_val(head->layers, ((int){writer - 1}));
      head->add = -1;
      value = node->input[0];
      continue;
    }
    int input = 0;
    if (head->add >= 0)
      return unfit(error, "%s \"%s\" stands before what is added", op_type, node_name(node));
    if (g_str_equal(op_type, "Add") && (input = other_input(head, node)) >= 0)
      head->add = writer - 1;
    else if (tail_kind(op_type) == TAIL_OTHER || node->n_input < 1)
      return unfit(error, "%s \"%s\" stands behind its last layer", op_type, node_name(node));
    else
      g_array_prepend_val(head->tail, ((int){writer - 1}));
    value = node->input[input];
  }
  return unfit(error, "its nodes make a circle");
}

static Dcn__Onnx__Model *
read_model(const char *path, GError **error)
{
  GError *reason = NULL;
  GMappedFile *file = NULL;
  Dcn__Onnx__Model *model = NULL;
  if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "there is no file %s", path);
    return NULL;
  }
  file = g_mapped_file_new(path, FALSE, &reason);
  if (!file) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model: %s", reason->message);
    g_clear_error(&reason);
    return NULL;
  }
  if (g_mapped_file_get_length(file) > 0)
    model = dcn__onnx__model__unpack(NULL, g_mapped_file_get_length(file),
                                     (const uint8_t *)g_mapped_file_get_contents(file));
  g_mapped_file_unref(file);
  if (model && model->graph && model->graph->n_node > 0)
    return model;
  if (model)
    dcn__onnx__model__free_unpacked(model, NULL);
  g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: not an ONNX model, or damaged", path);
  return NULL;
}

static gboolean
drop_output(Dcn__Onnx__Graph *graph, size_t i)
{
  dcn__onnx__value_info__free_unpacked(graph->output[i], NULL);
  graph->n_output--;
  memmove(&graph->output[i], &graph->output[i + 1], (graph->n_output - i) * sizeof *graph->output);
  return TRUE;
}

/* Of several outputs the one that a classifier's classes are taken from; "" where that is not known. */
static char *
chosen_output(const char *path)
{
  const DcnOnnxOptions options = {.classifier = TRUE, .input_height = 224, .input_width = 224};
  DcnProgram *program = dcn_onnx_load_file(path, &options, NULL);
  char *name =
      g_strdup(program && program->n_outputs == 1 ? program->values[program->outputs[0]].name : "");
  dcn_program_free(program);
  return name;
}

/* The outputs as the elements read them: what ArgMax, TopK and the like rank, and of several the one with the classes.
 * What stood behind goes from the file, too. */
static void
take_scores(Dcn__Onnx__Model *model, const char *path)
{
  Dcn__Onnx__Graph *graph = model->graph;
  char **old = g_new0(char *, graph->n_output + 1);
  for (size_t i = 0; i < graph->n_output; i++)
    old[i] = g_strdup(dcn_head_text(graph->output[i]->name));
  dcn_ends_skip_ranking(graph);
  for (size_t i = 0; i < graph->n_output; i++) {
    Dcn__Onnx__ValueInfo *output = graph->output[i];
    if (g_str_equal(old[i], dcn_head_text(output->name)) || !output->type)
      continue;
    /* Scores, of whatever shape. */
    Dcn__Onnx__TensorType *type = output->type->tensor_type;
    if (type) {
      type->has_elem_type = TRUE;
      type->elem_type = DCN_ONNX_FLOAT;
      if (type->shape)
        dcn__onnx__tensor_shape__free_unpacked(g_steal_pointer(&type->shape), NULL);
    } else { /* a ZipMap's: a sequence of maps, which this library does not know */
      dcn__onnx__type__free_unpacked(g_steal_pointer(&output->type), NULL);
    }
  }
  g_strfreev(old);
  if (graph->n_output < 2)
    return;
  char *chosen = chosen_output(path);
  gboolean kept = FALSE;
  for (size_t i = 0; *chosen && i < graph->n_output;) {
    const gboolean is = g_str_equal(dcn_head_text(graph->output[i]->name), chosen);
    if (is && !kept)
      kept = TRUE;
    else if (drop_output(graph, i))
      continue;
    i++;
  }
  g_free(chosen);
}

/* Takes out the nodes that no output needs; the rest keeps its order. */
static void
drop_unread(Dcn__Onnx__Graph *graph)
{
  GHashTable *read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  for (size_t i = 0; i < graph->n_output; i++)
    g_hash_table_add(read, g_strdup(dcn_head_text(graph->output[i]->name)));
  /* From the end: in files that keep the order that the format asks for, readers come later. */
  size_t kept = graph->n_node;
  for (size_t i = graph->n_node; i-- > 0;) {
    Dcn__Onnx__Node *node = graph->node[i];
    gboolean needed = FALSE;
    for (size_t k = 0; k < node->n_output; k++)
      needed = needed || g_hash_table_contains(read, node->output[k]);
    if (!needed) {
      dcn__onnx__node__free_unpacked(node, NULL);
      continue;
    }
    for (size_t k = 0; k < node->n_input; k++)
      g_hash_table_add(read, g_strdup(node->input[k]));
    graph->node[--kept] = node;
  }
  graph->n_node -= kept;
  memmove(graph->node, graph->node + kept, graph->n_node * sizeof *graph->node);
  g_hash_table_unref(read);
}

DcnHead *
dcn_head_open(const char *path, int n_layers, GError **error)
{
  Dcn__Onnx__Model *model = read_model(path, error);
  if (!model)
    return NULL;
  DcnHead *head = g_new0(DcnHead, 1);
  head->model = model;
  const size_t n_outputs = model->graph->n_output;
  char *first = g_strdup(n_outputs ? dcn_head_text(model->graph->output[0]->name) : "");
  take_scores(model, path);
  if (model->graph->n_output != n_outputs ||
      (n_outputs && !g_str_equal(first, dcn_head_text(model->graph->output[0]->name))))
    drop_unread(model->graph);
  g_free(first);
  head->folder = g_path_get_dirname(path);
  head->tail = g_array_new(FALSE, FALSE, sizeof(int));
  head->dropped = g_array_new(FALSE, FALSE, sizeof(int));
  head->layers = g_array_new(FALSE, FALSE, sizeof(int));
  index_names(head);
  if (!find_layer(head, MAX(n_layers, 1), error)) {
    g_prefix_error(error, "%s: ", path);
    g_clear_pointer(&head, dcn_head_free);
  }
  return head;
}

void
dcn_head_free(DcnHead *head)
{
  if (!head)
    return;
  g_hash_table_unref(head->writers);
  g_hash_table_unref(head->constants);
  g_hash_table_unref(head->n_readers);
  g_hash_table_unref(head->made);
  g_array_unref(head->tail);
  g_array_unref(head->dropped);
  g_array_unref(head->layers);
  g_free(head->folder);
  g_free(head->name);
  dcn__onnx__model__free_unpacked(head->model, NULL);
  g_free(head);
}

const DcnHeadInfo *
dcn_head_info(const DcnHead *head)
{
  return &head->info;
}

gboolean
dcn_head_makes(const DcnHead *head, const char *value_name)
{
  return g_hash_table_contains(head->made, value_name);
}
