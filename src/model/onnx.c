/* deltacnn: loads an ONNX model: from bytes to a program.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/onnx.h"
#include "model/expand.h"
#include "model/loader.h"
#include "model/movement.h"
#include "model/skeleton.h"
#include "util/error.h"
#include <string.h>

/* What later opsets changed is read in both forms; beyond this one nobody has looked.  Those after 22 have brought
 * element types and operators, and changed none of ours. */
#define NEWEST_OPSET 25

static void
entry_free(gpointer data)
{
  DcnEntry *entry = data;
  dcn_tensor_unref(entry->tensor);
  g_clear_pointer(&entry->list, g_ptr_array_unref);
  g_free(entry);
}

static gboolean
is_standard_domain(const char *domain)
{
  return !domain || *domain == '\0' || strcmp(domain, "ai.onnx") == 0;
}

static gboolean
read_opset(DcnLoader *loader, const Dcn__Onnx__Model *model)
{
  int64_t version = 1; /* files without a list are older than it */
  for (size_t i = 0; i < model->n_opset_import; i++)
    if (is_standard_domain(model->opset_import[i]->domain))
      version = model->opset_import[i]->version;
  if (version < 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "operator set %" G_GINT64_FORMAT " does not exist", version);
  if (version > NEWEST_OPSET)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "operator set %" G_GINT64_FORMAT
                           " is newer than %d; export the model for that or an older one",
                           version, NEWEST_OPSET);
  loader->opset = (int)version;
  return TRUE;
}

static DcnEntry *
add_entry(DcnLoader *loader, const char *name)
{
  if (g_hash_table_contains(loader->entries, name)) {
    char *valid = g_utf8_make_valid(name, -1);
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "the name \"%s\" is defined twice", valid);
    g_free(valid);
    return NULL;
  }
  DcnEntry *entry = g_new0(DcnEntry, 1);
  entry->value = -1;
  g_hash_table_insert(loader->entries, g_strdup(name), entry);
  return entry;
}

static gboolean
add_constants(DcnLoader *loader, GPtrArray *bound)
{
  for (size_t i = 0; i < loader->graph->n_initializer; i++) {
    Dcn__Onnx__Tensor *tensor = loader->graph->initializer[i];
    DcnEntry *entry = add_entry(loader, tensor->name ? tensor->name : "");
    if (!entry)
      return FALSE;
    entry->pending = tensor;
  }
  for (int i = 0; i < loader->options->n_bound; i++) {
    const char *name = loader->options->bound_names[i];
    Dcn__Onnx__Tensor *tensor = dcn__onnx__tensor__unpack(NULL, loader->options->bound_sizes[i],
                                                          loader->options->bound_tensors[i]);
    if (!tensor)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "the tensor for input \"%s\" cannot be read", name);
    g_ptr_array_add(bound, tensor);
    DcnEntry *entry = add_entry(loader, name);
    if (!entry)
      return FALSE;
    entry->pending = tensor;
  }
  return TRUE;
}

static gboolean
is_channels(int64_t dim)
{
  return dim == 1 || dim == 3 || dim == 4;
}

/* Images may be given as [N,H,W,C]; a dimension of 0 is free. */
static gboolean
looks_like_nhwc(const DcnShape *shape)
{
  return shape->rank == 4 && shape->dims[0] <= 1 && is_channels(shape->dims[3]) &&
         !is_channels(shape->dims[1]) && (shape->dims[1] == 0 || shape->dims[1] >= 16) &&
         (shape->dims[2] == 0 || shape->dims[2] >= 16);
}

/* Free dimensions: the batch is one picture, height and width are the caller's. */
static gboolean
bind_dimensions(DcnLoader *loader, const char *name, DcnShape *shape, gboolean nhwc)
{
  const int height_axis = nhwc ? 1 : 2;
  for (int d = 0; d < shape->rank; d++) {
    if (shape->dims[d] > 0)
      continue;
    if (d == 0)
      shape->dims[d] = 1;
    else if (shape->rank == 4 && d == height_axis)
      shape->dims[d] = loader->options->input_height;
    else if (shape->rank == 4 && d == height_axis + 1)
      shape->dims[d] = loader->options->input_width;
    if (shape->dims[d] <= 0)
      return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                             "dimension %d of the input \"%s\" is free; give dims=1,3,HEIGHT,WIDTH "
                             "in its section of the .modelinfo, or export the model with a fixed "
                             "size, such as 1x3x224x224",
                             d, name);
  }
  return TRUE;
}

static gboolean
is_integer(int type)
{
  return type != DCN_ONNX_FLOAT && type != DCN_ONNX_FLOAT16 && type != DCN_ONNX_DOUBLE &&
         type != DCN_ONNX_BFLOAT16;
}

/* The program's input. type: of the graph input; NULL makes a dummy of one element for graphs that
 * have none. */
static gboolean
add_input(DcnLoader *loader, const Dcn__Onnx__ValueInfo *info)
{
  char *name = g_utf8_make_valid(info && info->name ? info->name : "", -1);
  const Dcn__Onnx__TensorType *type = info && info->type ? info->type->tensor_type : NULL;
  DcnShape shape = {.rank = 1, .dims = {1}};
  gboolean ok = TRUE, nhwc = FALSE;

  if (info && info->type && !type) {
    ok = dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "the input \"%s\" is not a tensor", name);
  } else if (info && (!type || !type->shape)) {
    ok = dcn_loader_fail(loader, DCN_ERROR_INVALID, "the input \"%s\" has no shape", name);
  } else if (info && type->shape->n_dim > DCN_MAX_RANK) {
    ok = dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                         "the input \"%s\" has rank %" G_GSIZE_FORMAT, name, type->shape->n_dim);
  } else if (info && (type->elem_type == DCN_ONNX_STRING || type->elem_type == DCN_ONNX_BFLOAT16 ||
                      type->elem_type == 0)) {
    ok = dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                         "the input \"%s\" has an element type that is not supported", name);
  } else if (info) {
    shape.rank = (int)type->shape->n_dim;
    for (int d = 0; d < shape.rank; d++) {
      const int64_t dim = type->shape->dim[d]->dim_value;
      shape.dims[d] = dim > 0 ? dim : 0; /* names, 0 and -1 all mean free */
    }
    /* Those of Caffe have 10 pictures at a time; a frame is one. */
    if (loader->options->classifier && shape.rank == 4 && shape.dims[0] > 1) {
      loader->file_batch = shape.dims[0];
      shape.dims[0] = 1;
    }
    nhwc = looks_like_nhwc(&shape);
    ok = bind_dimensions(loader, name, &shape, nhwc);
  }
  if (ok) {
    DcnShape image = shape;
    if (nhwc) {
      image.dims[1] = shape.dims[3];
      image.dims[2] = shape.dims[1];
      image.dims[3] = shape.dims[2];
    }
    const int value = loader->input = dcn_loader_add_value(loader, NULL, &image);
    ok = value >= 0;
    if (ok) {
      g_free(dcn_loader_get(loader, value)->name);
      dcn_loader_get(loader, value)->name = g_strdup(name);
    }
    loader->integer_input = ok && info && is_integer(type->elem_type);
    DcnEntry *entry = ok && info ? add_entry(loader, info->name ? info->name : "") : NULL;
    if (entry) {
      static const int to_nhwc[4] = {0, 2, 3, 1};
      entry->value = nhwc ? dcn_transpose_value(loader, value, to_nhwc, "nhwc") : value;
      entry->integer = loader->integer_input;
    }
    ok = !loader->error;
  }
  g_free(name);
  return ok;
}

/* The names that nodes read; the graph's. */
static GHashTable *
names_read(const Dcn__Onnx__Graph *graph)
{
  GHashTable *names = g_hash_table_new(g_str_hash, g_str_equal);
  for (size_t n = 0; n < graph->n_node; n++)
    for (size_t i = 0; i < graph->node[n]->n_input; i++)
      g_hash_table_add(names, graph->node[n]->input[i]);
  return names;
}

static gboolean
add_inputs(DcnLoader *loader)
{
  const Dcn__Onnx__ValueInfo *first = NULL;
  GHashTable *read = names_read(loader->graph);
  for (size_t i = 0; i < loader->graph->n_input; i++) {
    const Dcn__Onnx__ValueInfo *info = loader->graph->input[i];
    if (g_hash_table_contains(loader->entries, info->name ? info->name : ""))
      continue; /* old files list their constants here */
    /* What training needed, and nobody reads any more, may stay. */
    if (first && !g_hash_table_contains(read, info->name ? info->name : ""))
      continue;
    if (first && g_hash_table_contains(read, first->name ? first->name : "")) {
      char *a = g_utf8_make_valid(first->name ? first->name : "", -1);
      char *b = g_utf8_make_valid(info->name ? info->name : "", -1);
      dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                      "the model has more than one input (\"%s\", \"%s\"); export one that takes a "
                      "picture alone",
                      a, b);
      g_free(a);
      g_free(b);
      break;
    }
    first = info;
  }
  g_hash_table_unref(read);
  if (loader->error)
    return FALSE;
  return add_input(loader, first);
}

/* What the node has read and nobody else will. */
static void
release_inputs(DcnLoader *loader)
{
  for (size_t i = 0; i < loader->node->n_input; i++) {
    DcnEntry *entry = g_hash_table_lookup(loader->entries, loader->node->input[i]);
    if (entry && --entry->uses == 0 && entry->tensor) {
      /* Still something, for error messages and for the check of what was defined. */
      g_clear_pointer(&entry->tensor, dcn_tensor_unref);
    }
  }
}

/* onnxruntime's own domain has QuantizeLinear and DequantizeLinear as well (16 bits, which the standard ones had not
 * before opset 21), and more that computes with integers. */
static DcnLower
find_lower(const Dcn__Onnx__Node *node)
{
  const char *type = node->op_type ? node->op_type : "";
  if (is_standard_domain(node->domain))
    return dcn_lower_find(type);
  if (strcmp(node->domain, "com.microsoft") != 0)
    return NULL;
  if (strcmp(type, "QuantizeLinear") == 0 || strcmp(type, "DequantizeLinear") == 0)
    return dcn_lower_find(type);
  return NULL;
}

/* What to do about an operator that is not known. */
static const char *
advice(const Dcn__Onnx__Node *node)
{
  static const char *const branching[] = {"If", "Loop", "Scan", NULL};
  static const char *const recurrent[] = {"GRU", "LSTM", "RNN", NULL};
  const char *type = node->op_type ? node->op_type : "", *domain = node->domain ? node->domain : "";
  if (strcmp(domain, "ai.onnx.ml") == 0)
    return "; it belongs to classical machine learning: export the network alone, up to its scores";
  if (g_str_has_prefix(type, "QLinear") || g_str_has_prefix(type, "QGemm") ||
      g_str_has_suffix(type, "Integer"))
    return "; quantise the model in QDQ form (onnxruntime's QuantFormat.QDQ), or export it as "
           "float";
  if (!is_standard_domain(domain))
    return "; export the model with ONNX's own operators, or with its functions included";
  if (g_strv_contains(branching, type))
    return ": branches and loops are not; simplify the model, for instance with onnxsim, which "
           "decides those that are constant";
  if (g_strv_contains(recurrent, type))
    return ": a classifier of single pictures is needed";
  return "; a model without it is needed, where onnxsim does not make it disappear: the operators "
         "that are "
         "known are those of image classifiers";
}

static gboolean
lower_nodes(DcnLoader *loader)
{
  GArray *order = g_array_new(FALSE, FALSE, sizeof(int));
  gboolean ok = dcn_graph_sort(loader, order);
  for (guint i = 0; ok && i < order->len; i++) {
    loader->node = loader->graph->node[g_array_index(order, int, i)];
    DcnLower lower = find_lower(loader->node);
    if (!lower) {
      char *domain = g_utf8_make_valid(loader->node->domain ? loader->node->domain : "", -1);
      ok = dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "this operator%s%s is not supported%s",
                           *domain ? " of domain " : "", domain, advice(loader->node));
      g_free(domain);
      break;
    }
    ok = lower(loader) && !loader->error;
    if (!ok) /* a lowering that failed silently must not pass for a success */
      dcn_loader_fail(loader, DCN_ERROR_INVALID, "it cannot be lowered");
    else
      release_inputs(loader);
  }
  loader->node = NULL;
  g_array_unref(order);
  return ok && !loader->error;
}

static gboolean
add_outputs(DcnLoader *loader)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  if (graph->n_output == 0)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "the graph has no output");
  for (size_t i = 0; i < graph->n_output; i++) {
    const char *name = graph->output[i]->name ? graph->output[i]->name : "";
    char *valid = g_utf8_make_valid(name, -1);
    /* As if a node read it: constants are decoded and become values. */
    Dcn__Onnx__Node reader = DCN__ONNX__NODE__INIT;
    char *input = (char *)name;
    reader.n_input = reader.n_output = 1;
    reader.input = reader.output = &input;
    loader->node = &reader;
    loader->output_name = valid;
    const int value = dcn_loader_value(loader, 0);
    loader->node = NULL;
    loader->output_name = NULL;
    if (value >= 0) {
      DcnValue *v = dcn_loader_get(loader, value);
      if (value != loader->input) {
        g_free(v->name);
        v->name = g_strdup(valid);
      }
      g_array_append_val(loader->outputs, value);
    }
    g_free(valid);
    if (value < 0)
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_weights(DcnLoader *loader)
{
  GError *error = NULL;
  for (guint i = 0; i < loader->ops->len; i++) {
    DcnOp *op = &g_array_index(loader->ops, DcnOp, i);
    if (op->kind == DCN_OP_CONV && !dcn_conv_load(&op->u.conv, &error))
      return dcn_loader_fail_with(loader, error);
  }
  return TRUE;
}

static DcnProgram *
build(DcnLoader *loader, const Dcn__Onnx__Model *model, const char *name)
{
  GPtrArray *bound = g_ptr_array_new();
  DcnProgram *program = NULL;
  double input_max = 0;
  gboolean input_bgr = FALSE;

  loader->graph = model->graph;
  const size_t n_outputs = model->graph->n_output;
  if (loader->options->classifier)
    dcn_ends_skip_ranking(model->graph);
  gboolean ok = read_opset(loader, model) && dcn_expand(loader, model) &&
                add_constants(loader, bound) && add_inputs(loader) && lower_nodes(loader) &&
                add_outputs(loader);
  if (ok) {
    if (loader->options->classifier)
      dcn_ends_choose(loader);
    dcn_prune(loader);
    if (!loader->options->literal) {
      /* Spelled-out activations first: movements pass one operator, but not two ways that meet. */
      dcn_fuse_swish(loader);
      /* Twice: single transpositions meet across arithmetic before they are joined with what else
       * moves data, and chains that only joining makes visible meet then. */
      dcn_fuse_hoist(loader);
      dcn_fuse_movement(loader);
      dcn_fuse_hoist(loader);
      dcn_fuse_movement(loader);
      dcn_fuse_products(loader);
      dcn_fuse_swish(loader);
      dcn_guess_input(loader, &input_max, &input_bgr);
      dcn_fuse_arithmetic(loader);
      dcn_fuse_padding(
          loader); /* last: before a maximum it asks for the activation that precedes it */
    }
  }
  ok = ok && !loader->error && (loader->options->weights_later || read_weights(loader));
  if (ok) {
    program = g_new0(DcnProgram, 1);
    program->model_name = g_path_get_basename(name);
    program->input = loader->input;
    program->integer_input = loader->integer_input;
    program->input_max = input_max;
    program->input_bgr = input_bgr;
    program->n_file_outputs = (int)n_outputs;
    program->n_values = (int)loader->values->len;
    program->values = (DcnValue *)g_array_free(g_steal_pointer(&loader->values), FALSE);
    program->n_ops = (int)loader->ops->len;
    program->ops = (DcnOp *)g_array_free(g_steal_pointer(&loader->ops), FALSE);
    program->n_outputs = (int)loader->outputs->len;
    program->outputs = (int *)g_array_free(g_steal_pointer(&loader->outputs), FALSE);
  }
  for (guint i = 0; i < bound->len; i++)
    dcn__onnx__tensor__free_unpacked(g_ptr_array_index(bound, i), NULL);
  g_ptr_array_unref(bound);
  return program;
}

static DcnProgram *
load(DcnSource *source, const char *name, const char *folder, const DcnOnnxOptions *options,
     GError **error)
{
  GError *reason = NULL;
  Dcn__Onnx__Model *model = dcn_skeleton_unpack(source, &reason);
  if (reason) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model %s: %s", name,
                reason->message);
    g_error_free(reason);
    if (model)
      dcn__onnx__model__free_unpacked(model, NULL);
    return NULL;
  }
  if (!model || !model->graph || model->graph->n_node + model->graph->n_output == 0) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "%s: not an ONNX model, or damaged: %s", name,
                dcn_source_size(source) == 0 ? "the file is empty"
                : model                      ? "it has no graph"
                                             : "it cannot be decoded");
    if (model)
      dcn__onnx__model__free_unpacked(model, NULL);
    return NULL;
  }
  DcnLoader loader = {.options = options, .budget = DCN_TOTAL_ELEMENTS, .input = -1};
  loader.external = dcn_external_new(folder, source);
  loader.entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
  loader.numbers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
  loader.relaid = g_hash_table_new(NULL, NULL);
  loader.values = g_array_new(FALSE, FALSE, sizeof(DcnValue));
  loader.ops = g_array_new(FALSE, FALSE, sizeof(DcnOp));
  loader.outputs = g_array_new(FALSE, FALSE, sizeof(int));

  DcnProgram *program = build(&loader, model, name);
  if (!program) {
    g_propagate_error(error, loader.error);
    g_prefix_error(error, "%s: ", name);
    for (guint i = 0; i < loader.ops->len; i++)
      dcn_op_clear(&g_array_index(loader.ops, DcnOp, i));
    for (guint i = 0; i < loader.values->len; i++)
      g_free(g_array_index(loader.values, DcnValue, i).name);
    g_array_unref(loader.ops);
    g_array_unref(loader.values);
    g_array_unref(loader.outputs);
  }
  g_hash_table_unref(loader.entries);
  g_hash_table_unref(loader.numbers);
  g_hash_table_unref(loader.relaid);
  dcn_external_free(loader.external);
  dcn__onnx__model__free_unpacked(model, NULL);
  return program;
}

DcnProgram *
dcn_onnx_load_memory(const uint8_t *data, size_t size, const char *name,
                     const DcnOnnxOptions *options, GError **error)
{
  DcnOnnxOptions own = options ? *options : (DcnOnnxOptions){0};
  own.weights_later = FALSE;
  DcnSource *source = dcn_source_of_memory(data, size);
  DcnProgram *program = load(source, name, NULL, &own, error);
  dcn_source_unref(source);
  return program;
}

DcnProgram *
dcn_onnx_load_file(const char *path, const DcnOnnxOptions *options, GError **error)
{
  GError *reason = NULL;
  if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "%s is not a file", path);
    return NULL;
  }
  DcnSource *source = dcn_source_open(path, &reason);
  if (!source) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_IO, "cannot read the model %s: %s", path,
                reason->message);
    g_clear_error(&reason);
    return NULL;
  }
  static const DcnOnnxOptions none = {0};
  char *folder = g_path_get_dirname(path);
  DcnProgram *program = load(source, path, folder, options ? options : &none, error);
  g_free(folder);
  dcn_source_unref(source);
  return program;
}

gboolean
dcn_onnx_read_tensor(const uint8_t *bytes, size_t size, float **data, int *dims, int *rank,
                     GError **error)
{
  Dcn__Onnx__Tensor *proto = dcn__onnx__tensor__unpack(NULL, size, bytes);
  if (!proto) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "not a tensor, or damaged");
    return FALSE;
  }
  DcnTensor *tensor = dcn_tensor_from_proto(proto, NULL, error);
  dcn__onnx__tensor__free_unpacked(proto, NULL);
  DcnTensor *converted = tensor ? dcn_tensor_to_float(tensor, NULL, error) : NULL;
  dcn_tensor_unref(tensor);
  if (!converted)
    return FALSE;
  *rank = converted->rank;
  for (int d = 0; d < DCN_MAX_RANK; d++)
    dims[d] = d < converted->rank ? (int)converted->dims[d] : 0;
  *data = g_steal_pointer(&converted->f);
  dcn_tensor_unref(converted);
  return TRUE;
}
