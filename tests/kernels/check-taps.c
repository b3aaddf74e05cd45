/* deltacnn tests: the matrix kernels of lists of taps and of patches, against sums in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"

#define PLACES 50 /* input pixels a window's pointer can reach */

typedef struct {
  int count, channels, columns;
  double share; /* of the pixels that a tap concerns */
  Values values;
  GuardSide side;
} Case;

/* Output pixels that no tap concerns have no pointers, and what no tap names is NaN. */
static void
wgemm_case(const DcnKernels *k, const Case *c)
{
  char *what = g_strdup_printf(
      "wgemm %s: %d taps of %d channels, %g of the pixels, %d columns values %d side %d", k->isa,
      c->count, c->channels, c->share, c->columns, c->values, c->side);
  size_t rows = (size_t)PLACES * c->channels;
  int blocks = (c->columns + k->nr - 1) / k->nr;
  size_t next = rows * k->nr;
  float *w = guarded_new(blocks * next, 64, c->side);
  fill(w, blocks * next, c->values);
  DcnTap *taps =
      (DcnTap *)guarded_new((size_t)c->count * sizeof(DcnTap) / sizeof(float), 8, c->side);
  uint64_t concerned = 0;
  int shift = g_test_rand_int_range(0, PLACES); /* windows may begin on either side of their taps */
  for (int t = 0; t < c->count; t++) {
    taps[t] = (DcnTap){.at = (g_test_rand_int_range(0, PLACES) - shift) * c->channels,
                       .weight = g_test_rand_int_range(0, (int)rows - c->channels + 1) * k->nr};
    for (int i = 0; i < 64; i++)
      if (g_test_rand_double() < c->share)
        taps[t].pixels |= UINT64_C(1) << i;
    if (t % 5 == 1) /* neighbours are often for the same pixels */
      taps[t].pixels = taps[t - 1].pixels;
    concerned |= taps[t].pixels;
  }
  float *from[64] = {NULL}, *out[64] = {NULL}, *before[64] = {NULL};
  const float *window[64] = {NULL};
  for (int i = 0; i < 64; i++) {
    if (!(concerned >> i & 1))
      continue;
    from[i] = guarded_new(rows, 4, c->side);
    window[i] = from[i] + (size_t)shift * c->channels;
    out[i] = guarded_new(c->columns, 4, c->side);
    fill(out[i], c->columns, c->values);
    before[i] = g_memdup2(out[i], c->columns * sizeof(float));
    for (int t = 0; t < c->count; t++)
      for (int n = 0; (taps[t].pixels >> i & 1) && n < c->channels; n++)
        from[i][shift * c->channels + taps[t].at + n] = random_value(c->values);
  }

  k->wgemm(window, taps, c->count, c->channels, w, next, out, c->columns);
  for (int i = 0; i < 64; i++) {
    if (!out[i])
      continue;
    for (int j = 0; j < c->columns; j++) {
      double sum = before[i][j], magnitude = fabs(sum);
      int terms = 1;
      for (int t = 0; t < c->count; t++)
        for (int n = 0; (taps[t].pixels >> i & 1) && n < c->channels; n++, terms++) {
          double product = (double)window[i][taps[t].at + n] *
                           w[j / k->nr * next + taps[t].weight + n * k->nr + j % k->nr];
          sum += product;
          magnitude += fabs(product);
        }
      double bound = c->values == VALUES_INTEGER ? 0 : sum_bound(terms, magnitude);
      if (!(fabs(out[i][j] - sum) <= bound))
        g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, out[i][j], sum, bound);
    }
    guarded_free(out[i], what);
    guarded_free(from[i], what);
    g_free(before[i]);
  }
  guarded_free((float *)taps, what);
  guarded_free(w, what);
  g_free(what);
}

void
check_wgemm(const DcnKernels *k)
{
  static const int counts[] = {1, 2, 7, 20, 0};
  static const double shares[] = {0.02, 0.3, 1};
  int n = 0;
  for (int columns = 1; columns <= k->dn * k->nr; columns++)
    for (int channels = 1; channels <= 4; channels++, n++)
      wgemm_case(k, &(Case){.count = counts[n % 5],
                            .channels = channels,
                            .columns = columns,
                            .share = shares[n / 5 % 3],
                            .values = n / 3 % 3,
                            .side = n / 7 % 2});
}

typedef struct {
  int rows, n, pixels, columns, at;
  gboolean anew;
  Values values;
  GuardSide side;
} PatchCase;

/* Pixels, rows of inputs and those of weights lie apart, with NaN between them; columns before `at` and after the last
 * stay. */
static void
pgemm_case(const DcnKernels *k, const PatchCase *c)
{
  char *what = g_strdup_printf(
      "pgemm %s: %d rows of %d, %d pixels, %d columns from %d on, anew %d, values %d side %d",
      k->isa, c->rows, c->n, c->pixels, c->columns, c->at, c->anew, c->values, c->side);
  size_t ldd = (size_t)c->n + 3, step = (size_t)c->rows * ldd + 5;
  size_t inputs = (size_t)(c->pixels - 1) * step + (size_t)(c->rows - 1) * ldd + (size_t)c->n;
  size_t ldw = (size_t)(c->n + 2) * (size_t)k->nr,
         weights = (size_t)(c->rows - 1) * ldw + (size_t)(c->n * k->nr);
  float *w = guarded_new(weights, 64, c->side);
  for (int r = 0; r < c->rows; r++)
    fill(w + (size_t)r * ldw, (size_t)(c->n * k->nr), c->values);
  float *d = guarded_new(inputs, 4, c->side), **out = g_new(float *, (gsize)c->pixels),
        **before = g_new(float *, (gsize)c->pixels);
  for (int i = 0; i < c->pixels; i++) {
    for (int r = 0; r < c->rows; r++)
      fill(d + (size_t)i * step + (size_t)r * ldd, (size_t)c->n, c->values);
    out[i] = guarded_new((size_t)(c->at + c->columns), 4, c->side);
    fill(out[i], (size_t)(c->at + c->columns), c->values);
    before[i] = g_memdup2(out[i], (gsize)(c->at + c->columns) * sizeof(float));
    if (c->anew)
      out[i][c->at + c->columns - 1] = NAN; /* as memory may hold that was never written */
  }
  const DcnPatch patch = {
      .rows = c->rows, .n = c->n, .ldd = ldd, .step = step, .w = w, .ldw = ldw, .anew = c->anew};
  /* What is asked for need not be there. */
  const float *ask[7] = {w, NULL, d, (const float *)-1, NULL, w, NULL};
  k->pgemm(d, &patch, out, (size_t)c->at, c->pixels, c->columns, ask, c->pixels % 8);
  for (int i = 0; i < c->pixels; i++) {
    g_assert_cmpmem(out[i], (gsize)c->at * sizeof(float), before[i], (gsize)c->at * sizeof(float));
    for (int j = 0; j < c->columns; j++) {
      double sum = c->anew ? 0 : before[i][c->at + j], magnitude = fabs(sum);
      for (int r = 0; r < c->rows; r++)
        for (int x = 0; x < c->n; x++) {
          double product = (double)d[(size_t)i * step + (size_t)r * ldd + (size_t)x] *
                           w[(size_t)r * ldw + (size_t)(x * k->nr + j)];
          sum += product;
          magnitude += fabs(product);
        }
      double bound = c->values == VALUES_INTEGER ? 0 : sum_bound(c->rows * c->n + 1, magnitude);
      float y = out[i][c->at + j];
      if (!(fabs(y - sum) <= bound))
        g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, y, sum, bound);
    }
    guarded_free(out[i], what);
    g_free(before[i]);
  }
  guarded_free(w, what);
  guarded_free(d, what);
  g_free(out);
  g_free(before);
  g_free(what);
}

void
check_pgemm(const DcnKernels *k)
{
  int n = 0;
  for (int columns = 1; columns <= k->nr; columns++)
    for (int pixels = 1; pixels <= 2 * k->mr + 2; pixels += 1 + (columns % k->nr != 0), n++)
      pgemm_case(k, &(PatchCase){.rows = 1 + n % 4,
                                 .n = 1 + n % 7,
                                 .pixels = pixels,
                                 .columns = columns,
                                 .at = n % 3 * k->nr,
                                 .anew = n % 5 == 0,
                                 .values = n / 3 % 3,
                                 .side = n / 7 % 2});
}
