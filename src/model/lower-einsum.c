/* deltacnn: lowers Einsum of one or two operands: a product of matrices, with movements before and after it.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Letters that both operands and the result have count batches; those of one operand and the result are its rows or
 * columns; what the result lacks is summed up. */
#include "model/loader.h"
#include "model/movement.h"
#include "util/error.h"
#include <string.h>

#define LETTERS 128

typedef struct {
  char letters[DCN_MAX_RANK + 1];
  int n;
} Term;

static gboolean
refuse(DcnLoader *loader, const char *equation)
{
  return dcn_loader_fail(
      loader, DCN_ERROR_UNSUPPORTED,
      "its equation \"%s\" is none of one or two operands of which each letter stands once in "
      "each and none is \"...\"; export the model with MatMul and Transpose instead",
      equation);
}

static gboolean
read_term(const char **text, Term *term)
{
  term->n = 0;
  for (; **text && **text != ',' && **text != '-'; ++*text) {
    if (**text == ' ')
      continue;
    if (!g_ascii_isalpha(**text) || term->n == DCN_MAX_RANK ||
        memchr(term->letters, **text, (size_t)term->n))
      return FALSE;
    term->letters[term->n++] = **text;
  }
  term->letters[term->n] = '\0';
  return TRUE;
}

static gboolean
has(const Term *term, char letter)
{
  return memchr(term->letters, letter, (size_t)term->n) != NULL;
}

/* Without an arrow: the letters that stand once, in the alphabet's order. */
static gboolean
read_equation(const char *text, int n_terms, Term *terms, Term *result)
{
  for (int i = 0; i < n_terms; i++) {
    if (!read_term(&text, &terms[i]) || (i + 1 < n_terms && *text++ != ','))
      return FALSE;
  }
  result->n = 0;
  if (strncmp(text, "->", 2) == 0) {
    text += 2;
    if (!read_term(&text, result) || *text)
      return FALSE;
    for (int i = 0; i < result->n; i++)
      if (!has(&terms[0], result->letters[i]) &&
          !(n_terms > 1 && has(&terms[1], result->letters[i])))
        return FALSE;
    return TRUE;
  }
  for (char c = 'A'; c <= 'z'; c++) {
    const int times = has(&terms[0], c) + (n_terms > 1 && has(&terms[1], c));
    if (times == 1 && result->n < DCN_MAX_RANK)
      result->letters[result->n++] = c;
  }
  return *text == '\0';
}

/* The letters of `of` that are (or are not) in both others, appended. */
static void
collect(const Term *of, const Term *a, gboolean in_a, const Term *b, gboolean in_b, Term *to)
{
  for (int i = 0; i < of->n; i++)
    if (has(a, of->letters[i]) == in_a && has(b, of->letters[i]) == in_b)
      to->letters[to->n++] = of->letters[i];
}

/* An operand with its letters in another order, and in the given shape. */
static DcnOperand
arrange(DcnLoader *loader, DcnOperand operand, const Term *from, const Term *to,
        const DcnShape *shape)
{
  int perm[DCN_MAX_RANK] = {0};
  for (int d = 0; d < to->n; d++)
    perm[d] =
        (int)((const char *)memchr(from->letters, to->letters[d], (size_t)from->n) - from->letters);
  if (operand.value >= 0) {
    const int moved = dcn_transpose_value(loader, operand.value, perm, "arranged");
    operand.value = moved < 0 ? -1 : dcn_reshape_value(loader, moved, shape, "matrices");
    return operand;
  }
  DcnTensor *moved = dcn_transpose_tensor(loader, operand.tensor, perm);
  operand.tensor = moved ? dcn_tensor_reshape(moved, shape->rank, shape->dims) : NULL;
  dcn_tensor_unref(moved);
  return operand;
}

static int64_t
size_of(const Term *term, const int64_t *sizes)
{
  int64_t size = 1;
  for (int i = 0; i < term->n; i++)
    size *= sizes[(int)term->letters[i]];
  return size;
}

static void
append(Term *to, const Term *from)
{
  memcpy(to->letters + to->n, from->letters, (size_t)from->n);
  to->n += from->n;
}

static int
product(DcnLoader *loader, DcnOperand *operands, const Term *terms, const Term *result,
        const int64_t *sizes)
{
  const Term *a = &terms[0], *b = &terms[1];
  Term batch = {0}, rows = {0}, columns = {0}, summed = {0};
  collect(a, b, TRUE, result, TRUE, &batch);
  collect(a, b, FALSE, result, TRUE, &rows);
  collect(b, a, FALSE, result, TRUE, &columns);
  collect(a, b, TRUE, result, FALSE, &summed);
  const int64_t n = size_of(&batch, sizes), r = size_of(&rows, sizes), c = size_of(&columns, sizes),
                k = size_of(&summed, sizes);
  Term order_a = batch, order_b = batch, order = batch;
  append(&order_a, &rows);
  append(&order_a, &summed);
  append(&order_b, &summed);
  append(&order_b, &columns);
  append(&order, &rows);
  append(&order, &columns);
  DcnShape left = {.rank = 3, .dims = {n, r, k}, .last = TRUE};
  DcnShape right = {.rank = 3, .dims = {n, k, c}, .last = TRUE};
  if (n == 1) { /* a constant matrix on the right is a convolution's weights */
    left = (DcnShape){.rank = 2, .dims = {r, k}};
    right = (DcnShape){.rank = 2, .dims = {k, c}};
  }
  const DcnOperand x = arrange(loader, operands[0], a, &order_a, &left);
  const DcnOperand y = arrange(loader, operands[1], b, &order_b, &right);
  int value = dcn_loader_add_product(loader, x, y, "product");
  if (x.tensor)
    dcn_tensor_unref(x.tensor);
  if (y.tensor)
    dcn_tensor_unref(y.tensor);
  DcnShape shape = {.rank = order.n, .last = TRUE};
  for (int d = 0; d < order.n; d++)
    shape.dims[d] = sizes[(int)order.letters[d]];
  value = value < 0 ? -1 : dcn_reshape_value(loader, value, &shape, "ordered");
  int perm[DCN_MAX_RANK] = {0};
  for (int d = 0; d < result->n; d++)
    perm[d] = (int)((const char *)memchr(order.letters, result->letters[d], (size_t)order.n) -
                    order.letters);
  return value < 0 ? -1 : dcn_transpose_value(loader, value, perm, NULL);
}

gboolean
dcn_lower_einsum(DcnLoader *loader)
{
  const int n = (int)loader->node->n_input;
  Term terms[2] = {{{0}, 0}}, result;
  DcnOperand operands[2] = {{-1, NULL}, {-1, NULL}};
  int64_t sizes[LETTERS] = {0};
  DcnTensor *ones = NULL;
  char *equation = dcn_attr_string(loader, "equation", "");
  gboolean ok = n == 1 || n == 2;
  ok = (ok && read_equation(equation, n, terms, &result)) || refuse(loader, equation);
  for (int i = 0; ok && i < n; i++) {
    DcnShape shape;
    DcnEntry *entry = dcn_loader_input(loader, i);
    if (!entry || !dcn_loader_input_shape(loader, i, &shape) || shape.rank != terms[i].n) {
      ok = dcn_loader_fail(loader, DCN_ERROR_INVALID,
                           "its equation \"%s\" does not fit the shapes of its inputs", equation);
      break;
    }
    for (int d = 0; d < shape.rank; d++) {
      int64_t *size = &sizes[(int)terms[i].letters[d]];
      if (*size && *size != shape.dims[d])
        ok = refuse(loader, equation); /* 1 repeats, in PyTorch's */
      *size = shape.dims[d];
    }
    operands[i] =
        (DcnOperand){entry->tensor ? -1 : dcn_loader_any_float_value(loader, i), entry->tensor};
    ok = ok && !loader->error;
  }
  if (ok && n == 1) {
    /* Sums are products with ones. */
    collect(&terms[0], &result, FALSE, &result, FALSE, &terms[1]);
    const int64_t count = size_of(&terms[1], sizes);
    DcnShape shape = {.rank = terms[1].n};
    for (int d = 0; d < shape.rank; d++)
      shape.dims[d] = sizes[(int)terms[1].letters[d]];
    operands[1].tensor = ones = dcn_fold_new(loader, FALSE, shape.rank, shape.dims);
    for (int64_t i = 0; ones && i < count; i++)
      ones->f[i] = 1;
  }
  /* What only one operand has and the result lacks would be summed up before. */
  for (int i = 0; ok && i < 2; i++)
    for (int d = 0; d < terms[i].n; d++)
      if (!has(&result, terms[i].letters[d]) && !has(&terms[1 - i], terms[i].letters[d]))
        ok = refuse(loader, equation);
  if (ok && operands[0].tensor && operands[1].tensor) {
    operands[0].value = dcn_loader_materialise(loader, operands[0].tensor, "constant");
    operands[0].tensor = NULL;
  }
  ok = ok && !loader->error &&
       dcn_loader_set_value(loader, 0, product(loader, operands, terms, &result, sizes), FALSE);
  dcn_tensor_unref(ones);
  g_free(equation);
  return ok;
}
