/* deltacnn: lowers Attention, an operator since opset 23, to the products and the softmax that it stands for; and finds
 * the layer normalisation that exporters spelled out before opset 17.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

/* Input i as [batch, heads, tokens, width]. */
static int
read_heads(DcnLoader *loader, int i, const char *attribute)
{
  const int x = dcn_loader_any_float_value(loader, i);
  if (x < 0)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, x);
  const int64_t heads = dcn_attr_int(loader, attribute, 0);
  static const int perm[] = {0, 2, 1, 3};
  if (shape.rank == 4)
    return x;
  if (shape.rank != 3 || heads < 1 || shape.dims[2] % heads != 0) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "its inputs do not fit \"%s\"", attribute);
    return -1;
  }
  const DcnShape split = {.rank = 4,
                          .dims = {shape.dims[0], shape.dims[1], heads, shape.dims[2] / heads},
                          .last = TRUE};
  const int y = dcn_reshape_value(loader, x, &split, "heads");
  return y < 0 ? -1 : dcn_transpose_value(loader, y, perm, "by_heads");
}

/* x + 0 where the mask is true (or, where it is of numbers, these), -infinity elsewhere. */
static int
add_mask(DcnLoader *loader, int x)
{
  DcnEntry *entry = dcn_loader_has_input(loader, 3) ? dcn_loader_input(loader, 3) : NULL;
  if (!entry || x < 0)
    return x;
  DcnOperand mask = {entry->tensor ? -1 : dcn_loader_any_float_value(loader, 3), entry->tensor};
  DcnTensor *numbers = NULL;
  if (mask.tensor && mask.tensor->is_int) {
    mask.tensor = numbers = dcn_fold_new(loader, FALSE, entry->tensor->rank, entry->tensor->dims);
    for (size_t i = 0; numbers && i < numbers->count; i++)
      numbers->f[i] = entry->tensor->i[i] ? 0 : -INFINITY;
  }
  if (!loader->error)
    x = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){x, NULL}, mask, "masked");
  dcn_tensor_unref(numbers);
  return x;
}

static int
add_causal(DcnLoader *loader, int x, int64_t rows, int64_t columns)
{
  const int64_t dims[] = {rows, columns};
  DcnTensor *mask = dcn_fold_new(loader, FALSE, 2, dims);
  for (int64_t i = 0; mask && i < rows; i++)
    for (int64_t j = i + 1; j < columns; j++)
      mask->f[i * columns + j] = -INFINITY;
  if (mask)
    x = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){x, NULL}, (DcnOperand){-1, mask},
                              "causal");
  dcn_tensor_unref(mask);
  return x;
}

gboolean
dcn_lower_attention(DcnLoader *loader)
{
  static const int turned[] = {0, 1, 3, 2}, back[] = {0, 2, 1, 3};
  const int q = read_heads(loader, 0, "q_num_heads"), k = read_heads(loader, 1, "kv_num_heads"),
            v = read_heads(loader, 2, "kv_num_heads");
  if (q < 0 || k < 0 || v < 0)
    return FALSE;
  const DcnShape sq = dcn_loader_shape(loader, q), sk = dcn_loader_shape(loader, k);
  if (sq.dims[1] != sk.dims[1] || dcn_attr_float(loader, "softcap", 0) != 0 ||
      dcn_loader_has_input(loader, 4) || dcn_loader_has_input(loader, 5) ||
      dcn_loader_output_used(loader, 1) || dcn_loader_output_used(loader, 2) ||
      dcn_loader_output_used(loader, 3))
    return dcn_loader_fail(
        loader, DCN_ERROR_UNSUPPORTED,
        "only attention of one picture is supported, with as many heads of keys as of queries, "
        "without "
        "softcap, past keys or outputs besides its first; export the model for an earlier opset");
  const float scale = dcn_attr_float(loader, "scale", 1 / sqrtf((float)sq.dims[3]));
  const int kt = dcn_transpose_value(loader, k, turned, "keys");
  int x = dcn_loader_add_product(loader, (DcnOperand){q, NULL}, (DcnOperand){kt, NULL}, "scores");
  if (x < 0)
    return FALSE;
  const int channels = dcn_loader_get(loader, x)->c;
  float *scales = g_new(float, channels);
  for (int c = 0; c < channels; c++)
    scales[c] = scale;
  x = add_mask(loader, dcn_loader_add_affine(loader, x, scales, NULL, "scaled"));
  if (x >= 0 && dcn_attr_int(loader, "is_causal", 0) != 0)
    x = add_causal(loader, x, sq.dims[2], sk.dims[2]);
  x = dcn_loader_add_softmax(loader, x, "weights");
  x = dcn_loader_add_product(loader, (DcnOperand){x, NULL}, (DcnOperand){v, NULL}, "weighed");
  if (x < 0)
    return FALSE;
  DcnShape input, shape = dcn_loader_shape(loader, x);
  if (dcn_loader_input_shape(loader, 0, &input) && input.rank == 3) {
    const DcnShape joined = {.rank = 3,
                             .dims = {shape.dims[0], shape.dims[2], shape.dims[1] * shape.dims[3]},
                             .last = TRUE};
    x = dcn_transpose_value(loader, x, back, "by_tokens");
    x = x < 0 ? -1 : dcn_reshape_value(loader, x, &joined, NULL);
  }
  return dcn_loader_set_value(loader, 0, x, FALSE);
}

/* The node that writes a name, where it is of this kind; else NULL. */
static const Dcn__Onnx__Node *
writer_of(const DcnLoader *loader, const char *name, const char *kind)
{
  const Dcn__Onnx__Graph *graph = loader->graph;
  for (size_t i = 0; i < graph->n_node; i++)
    for (size_t k = 0; k < graph->node[i]->n_output; k++)
      if (strcmp(graph->node[i]->output[k], name) == 0)
        return strcmp(graph->node[i]->op_type, kind) == 0 ? graph->node[i] : NULL;
  return NULL;
}

/* The one constant number that a node was given besides a value, or NaN. */
static double
number_of(const DcnLoader *loader, const Dcn__Onnx__Node *node)
{
  const double *number = g_hash_table_lookup(loader->numbers, node->output[0]);
  return number ? *number : (double)NAN;
}

void
dcn_loader_note_number(DcnLoader *loader, double number)
{
  if (loader->node->n_output > 0)
    g_hash_table_insert(loader->numbers, loader->node->output[0],
                        g_memdup2(&number, sizeof number));
}

/* The name that a node takes the mean of, over the last of `rank` dimensions, which it keeps; NULL where it does
 * something else. */
static const char *
mean_of(DcnLoader *loader, const Dcn__Onnx__Node *node, int rank)
{
  const Dcn__Onnx__Node *current = loader->node;
  int64_t axes[2 * DCN_MAX_RANK];
  loader->node = node;
  const int n = dcn_attr_ints(loader, "axes", axes);
  const gboolean keeps = dcn_attr_int(loader, "keepdims", 1) != 0;
  loader->node = current;
  const double axis = n == 1 ? (double)axes[0] : n < 0 ? number_of(loader, node) : (double)NAN;
  return keeps && (axis == -1 || axis == rank - 1) && node->n_input > 0 ? node->input[0] : NULL;
}

/* Whether a name is x - mean(x) over the last dimension; *x is set. */
static gboolean
is_centred(DcnLoader *loader, const char *name, int rank, const char **x)
{
  const Dcn__Onnx__Node *sub = writer_of(loader, name, "Sub");
  const Dcn__Onnx__Node *mean =
      sub && sub->n_input == 2 ? writer_of(loader, sub->input[1], "ReduceMean") : NULL;
  const char *of = mean ? mean_of(loader, mean, rank) : NULL;
  *x = sub ? sub->input[0] : NULL;
  return of && strcmp(of, *x) == 0;
}

/* The current node is x / y: with x centred and y the root of the mean of its squares, more or less, it is the layer
 * normalisation of *source, a value. */
gboolean
dcn_find_layer_norm(DcnLoader *loader, int rank, int *source, float *epsilon)
{
  const Dcn__Onnx__Node *divide = loader->node;
  const char *x, *again;
  if (rank < 2 || divide->n_input != 2 || !is_centred(loader, divide->input[0], rank, &x))
    return FALSE;
  const Dcn__Onnx__Node *root = writer_of(loader, divide->input[1], "Sqrt");
  const Dcn__Onnx__Node *add = root ? writer_of(loader, root->input[0], "Add") : NULL;
  if (!add || add->n_input != 2)
    return FALSE;
  for (int k = 0; k < 2; k++) {
    const Dcn__Onnx__Node *mean = writer_of(loader, add->input[k], "ReduceMean");
    const char *squares = mean ? mean_of(loader, mean, rank) : NULL;
    const Dcn__Onnx__Node *square = squares ? writer_of(loader, squares, "Pow") : NULL;
    const double number = squares ? number_of(loader, add) : (double)NAN;
    gboolean found = square && square->n_input == 2 && number_of(loader, square) == 2;
    if (!square && squares) {
      square = writer_of(loader, squares, "Mul");
      found = square && square->n_input == 2 && strcmp(square->input[0], square->input[1]) == 0;
    }
    if (!found || !(number >= 0) || !is_centred(loader, square->input[0], rank, &again) ||
        strcmp(again, x) != 0)
      continue;
    const DcnEntry *entry = g_hash_table_lookup(loader->entries, x);
    if (!entry || entry->tensor || entry->integer || entry->value < 0)
      return FALSE;
    *source = entry->value;
    *epsilon = (float)number;
    return TRUE;
  }
  return FALSE;
}
