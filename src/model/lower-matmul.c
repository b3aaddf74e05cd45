/* deltacnn: lowers matrix products.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A product with a constant right matrix is a 1x1 convolution: each row of the left one is a pixel.
 * Only what cannot be that becomes a MATMUL. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

/* Weights of a product: as DcnConv has them. */
typedef struct {
  float *weights;
  DcnStored *stored;
} Weights;

/* rows x k times k x m as a convolution of [.., rows, k]; weights [m][k] are taken over, and bias [m]
 * or NULL. */
static int
add_fully_connected(DcnLoader *loader, int x, int64_t m, Weights w, float *bias, const char *role)
{
  int output = -1;
  DcnOp *op = NULL;
  if (x >= 0 && !loader->error) {
    DcnShape shape = dcn_loader_shape(loader, x);
    shape.dims[shape.rank - 1] = m;
    output = dcn_loader_add_value(loader, role, &shape);
    op = dcn_loader_add_op(loader, DCN_OP_CONV, 1, &x, output);
  }
  if (!op) {
    g_free(w.weights);
    dcn_stored_unref(w.stored);
    g_free(bias);
    return -1;
  }
  op->u.conv = (DcnConv){.kh = 1,
                         .kw = 1,
                         .stride_h = 1,
                         .stride_w = 1,
                         .dil_h = 1,
                         .dil_w = 1,
                         .groups = 1,
                         .weights = w.weights,
                         .stored = w.stored,
                         .bias = bias};
  return output;
}

/* A k x m matrix as m x k; FALSE, with an error, where there is none or no memory. */
static gboolean
transpose(DcnLoader *loader, const DcnTensor *tensor, int64_t k, int64_t m, Weights *w)
{
  if (!tensor || loader->error)
    return FALSE;
  if (tensor->stored) {
    w->stored = dcn_stored_transposed(tensor->stored, (size_t)m);
    return TRUE;
  }
  float *out = g_try_malloc_n(MAX(tensor->count, 1), sizeof *out);
  if (!out) {
    return dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for its weights");
  }
  /* In blocks: the columns of a large matrix are a cache miss each otherwise. */
  for (int64_t k0 = 0; k0 < k; k0 += 32)
    for (int64_t j0 = 0; j0 < m; j0 += 32)
      for (int64_t j = j0; j < MIN(j0 + 32, m); j++)
        for (int64_t q = k0; q < MIN(k0 + 32, k); q++)
          out[j * k + q] = (float)dcn_tensor_get(tensor, (size_t)(q * m + j));
  w->weights = out;
  return TRUE;
}

/* alpha * A * B + beta * C, A and B possibly transposed. */
gboolean
dcn_lower_gemm(DcnLoader *loader)
{
  const float alpha = dcn_attr_float(loader, "alpha", 1), beta = dcn_attr_float(loader, "beta", 1);
  const gboolean trans_a = dcn_attr_int(loader, "transA", 0) != 0,
                 trans_b = dcn_attr_int(loader, "transB", 0) != 0;
  static const int swapped[2] = {1, 0};
  const DcnEntry *right = dcn_loader_unread_input(loader, 1);
  DcnTensor *b = right ? right->tensor : NULL;
  DcnShape sb;
  int x = dcn_loader_float_value(loader, 0);
  if (x < 0 || !dcn_loader_input_shape(loader, 1, &sb))
    return FALSE;
  if (dcn_loader_get(loader, x)->rank != 2 || sb.rank != 2)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its factors must have rank 2, not %d and %d",
                           dcn_loader_get(loader, x)->rank, sb.rank);
  if (trans_a)
    x = dcn_transpose_value(loader, x, swapped, "transposed");
  if (x < 0)
    return FALSE;
  const DcnShape sa = dcn_loader_shape(loader, x);
  const int64_t k = sa.dims[1], m = sb.dims[trans_b ? 0 : 1];
  if (sb.dims[trans_b ? 1 : 0] != k || m < 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its factors have %" G_GINT64_FORMAT " columns and %" G_GINT64_FORMAT
                           " rows",
                           k, sb.dims[trans_b ? 1 : 0]);

  DcnTensor *c = dcn_loader_constant(loader, 2);
  const gboolean has_c = dcn_loader_has_input(loader, 2) && beta != 0;
  /* C the same for every row: the convolution's bias. */
  const gboolean c_is_bias =
      has_c && c && c->rank <= 2 &&
      (c->count == 1 || (c->count == (size_t)m && c->dims[c->rank - 1] == m));
  int y;
  if (b) {
    Weights w = {0};
    DcnConv own = {0};
    if (alpha != 1 && !dcn_loader_read(loader, b))
      return FALSE;
    if (trans_b && dcn_loader_take_weights(loader, 1, "its right factor", &own))
      w = (Weights){own.weights, own.stored};
    else if (trans_b || !transpose(loader, b, k, m, &w))
      return FALSE;
    float *bias = c_is_bias ? g_new(float, m) : NULL;
    for (int64_t i = 0; alpha != 1 && i < k * m; i++)
      w.weights[i] *= alpha;
    for (int64_t j = 0; bias && j < m; j++)
      bias[j] = beta * (float)dcn_tensor_get(c, c->count == 1 ? 0 : (size_t)j);
    y = add_fully_connected(loader, x, m, w, bias, has_c && !c_is_bias ? "product" : NULL);
    if (c_is_bias || !has_c)
      return dcn_loader_set_value(loader, 0, y, FALSE);
  } else {
    int factor = dcn_loader_float_value(loader, 1);
    if (factor >= 0 && trans_b)
      factor = dcn_transpose_value(loader, factor, swapped, "transposed_b");
    const DcnShape shape = {.rank = 2, .dims = {sa.dims[0], m}};
    const int inputs[2] = {x, factor};
    y = factor < 0 ? -1 : dcn_loader_add_value(loader, "product", &shape);
    DcnOp *op = dcn_loader_add_op(loader, DCN_OP_MATMUL, 2, inputs, y);
    if (!op)
      return FALSE;
    op->u.matmul = (DcnMatMul){.batch = 1,
                               .a_batch = 1,
                               .b_batch = 1,
                               .rows = (int)sa.dims[0],
                               .k = (int)k,
                               .m = (int)m,
                               .scale = alpha};
  }
  if (y < 0)
    return FALSE;
  if (has_c) {
    DcnOperand addend = {.value = -1, .tensor = NULL};
    DcnTensor *scaled = NULL;
    if (c) {
      GError *error = NULL;
      scaled = dcn_tensor_new(FALSE, c->rank, c->dims, &loader->budget, &error);
      if (!scaled)
        return dcn_loader_fail_with(loader, error);
      for (size_t i = 0; i < c->count; i++)
        scaled->f[i] = beta * (float)dcn_tensor_get(c, i);
      addend.tensor = scaled;
    } else {
      addend.value = dcn_loader_float_value(loader, 2);
      if (addend.value >= 0 && beta != 1) {
        const int channels = dcn_loader_get(loader, addend.value)->c;
        float *scale = g_new(float, channels);
        for (int i = 0; i < channels; i++)
          scale[i] = beta;
        addend.value = dcn_loader_add_affine(loader, addend.value, scale, NULL, "beta");
      }
      if (addend.value < 0)
        return FALSE;
    }
    y = dcn_loader_add_binary(loader, DCN_BINARY_ADD, (DcnOperand){y, NULL}, addend, NULL);
    dcn_tensor_unref(scaled);
    if (y >= 0 && dcn_loader_get(loader, y)->dims[0] != sa.dims[0])
      return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its addend does not fit the product");
  }
  return dcn_loader_set_value(loader, 0, y, FALSE);
}

/* Constant left or right factor as floats of batch x rows x columns, broadcast to the batch where
 * it has more than one matrix of its own. */
static float *
copy_factor(DcnLoader *loader, DcnTensor *tensor, const DcnShape *full, int *batch)
{
  DcnTensor *use = dcn_tensor_ref(tensor);
  float *out = NULL;
  int64_t own = 1;
  for (int d = 0; d < tensor->rank - 2; d++)
    own *= tensor->dims[d];
  if (own > 1) {
    DcnTensor *expanded = dcn_expand_tensor(loader, tensor, full);
    dcn_tensor_unref(use);
    use = expanded;
  }
  *batch = 1;
  for (int d = 0; own > 1 && d < full->rank - 2; d++)
    *batch *= (int)full->dims[d];
  if (use)
    out = g_try_malloc_n(MAX(use->count, 1), sizeof *out);
  if (!out)
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "no memory for a factor");
  for (size_t i = 0; out && i < use->count; i++)
    out[i] = (float)dcn_tensor_get(use, i);
  dcn_tensor_unref(use);
  return out;
}

/* A value as batch x rows x columns; its batch dimensions are expanded where only some of them
 * repeat. */
static int
prepare_factor(DcnLoader *loader, int value, const DcnShape *full, int *batch, const char *role)
{
  value = dcn_relaid_value(loader, value, TRUE, role);
  if (value < 0)
    return -1;
  const DcnShape shape = dcn_loader_shape(loader, value);
  int64_t own = 1, all = 1;
  for (int d = 0; d < shape.rank - 2; d++)
    own *= shape.dims[d];
  for (int d = 0; d < full->rank - 2; d++)
    all *= full->dims[d];
  *batch = (int)own;
  if (own == 1 || own == all)
    return value;
  *batch = (int)all;
  return dcn_expand_value(loader, value, full, role);
}

/* With a constant matrix on the right: a 1x1 convolution of the rows. */
static int
add_product_of_rows(DcnLoader *loader, int x, DcnTensor *b, int64_t k, int64_t m, const char *role)
{
  x = dcn_relaid_value(loader, x, TRUE, "rows");
  Weights w = {0};
  return x >= 0 && transpose(loader, b, k, m, &w) ? add_fully_connected(loader, x, m, w, NULL, role)
                                                  : -1;
}

int
dcn_loader_add_product(DcnLoader *loader, DcnOperand a, DcnOperand b, const char *role)
{
  if (loader->error || (a.value < 0 && !a.tensor) || (b.value < 0 && !b.tensor))
    return -1;
  const DcnShape sa = dcn_operand_shape(loader, a), sb = dcn_operand_shape(loader, b);
  DcnShape batch_a = sa, batch_b = sb, batch;
  const int64_t rows = sa.dims[sa.rank - 2], k = sa.dims[sa.rank - 1], m = sb.dims[sb.rank - 1];
  batch_a.rank -= 2;
  batch_b.rank -= 2;
  if (sb.dims[sb.rank - 2] != k || !dcn_shape_broadcast(&batch_a, &batch_b, &batch)) {
    dcn_loader_fail(loader, DCN_ERROR_INVALID, "its factors do not fit together");
    return -1;
  }
  DcnShape full_a = batch, full_b = batch, product = batch;
  full_a.rank = full_b.rank = product.rank = batch.rank + 2;
  if (product.rank > DCN_MAX_RANK) {
    dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED, "its output has too many dimensions");
    return -1;
  }
  full_a.dims[batch.rank] = product.dims[batch.rank] = rows;
  full_a.dims[batch.rank + 1] = full_b.dims[batch.rank] = k;
  full_b.dims[batch.rank + 1] = product.dims[batch.rank + 1] = m;
  full_a.last = full_b.last = product.last = TRUE;
  size_t count;
  if (!dcn_shape_count(product.rank, product.dims, &count) || count == 0 || k == 0) {
    dcn_loader_fail(loader, DCN_ERROR_MEMORY, "its output is empty or too large");
    return -1;
  }
  if (b.value < 0 && sb.rank == 2)
    return add_product_of_rows(loader, a.value, b.tensor, k, m, role);
  if ((a.value < 0 && !dcn_loader_read(loader, a.tensor)) ||
      (b.value < 0 && !dcn_loader_read(loader, b.tensor)))
    return -1;

  DcnMatMul matmul = {.batch = (int)(count / (size_t)(rows * m)),
                      .rows = (int)rows,
                      .k = (int)k,
                      .m = (int)m,
                      .scale = 1};
  int inputs[2], n = 0;
  if (a.value < 0)
    matmul.a_constant = copy_factor(loader, a.tensor, &full_a, &matmul.a_batch);
  else
    inputs[n++] = prepare_factor(loader, a.value, &full_a, &matmul.a_batch, "left");
  if (b.value < 0)
    matmul.b_constant = copy_factor(loader, b.tensor, &full_b, &matmul.b_batch);
  else
    inputs[n++] = prepare_factor(loader, b.value, &full_b, &matmul.b_batch, "right");
  const int y = dcn_loader_add_value(loader, role, &product);
  DcnOp *op = dcn_loader_add_op(loader, DCN_OP_MATMUL, n, inputs, y);
  if (!op) {
    g_free(matmul.a_constant);
    g_free(matmul.b_constant);
    return -1;
  }
  op->u.matmul = matmul;
  return y;
}

/* Operand i of a product; a vector is a row on the left and a column on the right. */
static gboolean
read_factor(DcnLoader *loader, int i, DcnOperand *factor, DcnTensor **owned, gboolean *vector)
{
  DcnEntry *entry = dcn_loader_unread_input(loader, i);
  DcnShape shape;
  if (!entry || !dcn_loader_input_shape(loader, i, &shape))
    return FALSE;
  if (entry->integer)
    return dcn_loader_fail(loader, DCN_ERROR_UNSUPPORTED,
                           "arithmetic on integers is not supported");
  if (shape.rank < 1)
    return dcn_loader_fail(loader, DCN_ERROR_INVALID, "its factors must have rank 1 at least");
  *vector = shape.rank == 1;
  *factor = (DcnOperand){entry->tensor ? -1 : entry->value, entry->tensor};
  if (!*vector)
    return TRUE;
  const DcnShape matrix = {.rank = 2,
                           .dims = {i == 0 ? 1 : shape.dims[0], i == 0 ? shape.dims[0] : 1}};
  if (factor->tensor && !dcn_loader_read(loader, factor->tensor))
    return FALSE;
  if (factor->tensor)
    *owned = factor->tensor = dcn_tensor_reshape(factor->tensor, 2, matrix.dims);
  else
    factor->value = dcn_reshape_value(loader, factor->value, &matrix, "matrix");
  return !loader->error;
}

gboolean
dcn_lower_matmul(DcnLoader *loader)
{
  DcnOperand a, b;
  DcnTensor *owned[2] = {NULL, NULL};
  gboolean row = FALSE, column = FALSE;
  int y = -1;
  if (read_factor(loader, 0, &a, &owned[0], &row) &&
      read_factor(loader, 1, &b, &owned[1], &column)) {
    if (a.tensor && b.tensor &&
        dcn_loader_read(loader, a.tensor)) { /* rare: one side becomes a value */
      a.value = dcn_loader_materialise(loader, a.tensor, "constant");
      a.tensor = NULL;
    }
    y = dcn_loader_add_product(loader, a, b, row || column ? "product" : NULL);
  }
  if (y >= 0 && (row || column)) {
    const DcnShape product = dcn_loader_shape(loader, y);
    DcnShape result = product;
    result.rank -= 2;
    if (!row)
      result.dims[result.rank++] = product.dims[product.rank - 2];
    if (!column)
      result.dims[result.rank++] = product.dims[product.rank - 1];
    y = dcn_reshape_value(loader, y, &result, NULL);
  }
  for (int i = 0; i < 2; i++)
    dcn_tensor_unref(owned[i]);
  return y >= 0 && dcn_loader_set_value(loader, 0, y, FALSE);
}
