/* deltacnn tests: the matrix kernels over lists of spans and taps, against sums in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"

#define PLACES 50 /* input pixels a window's pointer can reach */

typedef struct {
  int count, channels, pixels, columns;
  Values values;
  GuardSide side;
  int longest; /* span, floats */
} Case;

static void
tgemm_case(const DcnKernels *k, const Case *c)
{
  char *what = g_strdup_printf(
      "tgemm %s: %d spans of up to %d floats, %d pixels %d columns values %d side %d", k->isa,
      c->count, c->longest, c->pixels, c->columns, c->values, c->side);
  /* Places that no span names are never looked at: there stands NaN.  Windows may point at any of
   * their floats, and spans lie on both sides of it. */
  int shift = g_test_rand_int_range(0, PLACES), terms = 3;
  DcnSpan *spans = (DcnSpan *)guarded_new((size_t)c->count * 3, 4, c->side);
  float *w = guarded_new((size_t)PLACES * k->nr, 64, c->side);
  fill(w, (size_t)PLACES * k->nr, c->values);
  for (int e = 0; e < c->count; e++) {
    int floats = g_test_rand_int_range(0, c->longest + 1);
    spans[e] = (DcnSpan){g_test_rand_int_range(0, PLACES - floats + 1) - shift,
                         g_test_rand_int_range(0, PLACES - floats + 1) * k->nr, floats};
    terms += floats;
  }
  float *window[DCN_TR_MAX];
  const float *d[DCN_TR_MAX];
  float *out[DCN_TR_MAX] = {NULL}, before[DCN_TR_MAX][32];
  for (int i = 0; i < k->tr; i++) {
    window[i] = guarded_new((size_t)PLACES, 4, c->side);
    d[i] = window[i] + shift;
    for (int e = 0; e < c->count; e++)
      for (int n = 0; n < spans[e].floats; n++)
        window[i][shift + spans[e].at + n] = g_test_rand_bit() ? random_value(c->values) : 0;
  }
  for (int i = 0; i < c->pixels; i++) {
    out[i] = guarded_new(c->columns, 4, c->side);
    fill(out[i], c->columns, c->values);
    memcpy(before[i], out[i], c->columns * sizeof(float));
  }

  k->tgemm(d, spans, c->count, w, out, c->pixels, c->columns);
  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = before[i][j], magnitude = fabs(sum);
      for (int e = 0; e < c->count; e++)
        for (int n = 0; n < spans[e].floats; n++) {
          double product = (double)d[i][spans[e].at + n] * w[spans[e].weight + n * k->nr + j];
          sum += product;
          magnitude += fabs(product);
        }
      /* Floats may be summed apart, which takes three additions more. */
      double bound = c->values == VALUES_INTEGER ? 0 : sum_bound(terms, magnitude);
      if (!(fabs(out[i][j] - sum) <= bound))
        g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, out[i][j], sum, bound);
    }
    guarded_free(out[i], what);
  }
  for (int i = 0; i < k->tr; i++)
    guarded_free(window[i], what);
  guarded_free(w, what);
  guarded_free((float *)spans, what);
  g_free(what);
}

static void
mgemm_case(const DcnKernels *k, int words, const Case *c)
{
  char *what =
      g_strdup_printf("mgemm %s: %d words %d channels %d pixels %d columns values %d side "
                      "%d",
                      k->isa, words, c->channels, c->pixels, c->columns, c->values, c->side);
  size_t rows = (size_t)PLACES * c->channels;
  int blocks = (c->columns + k->nr - 1) / k->nr;
  size_t next = rows * k->nr;
  float *w = guarded_new(blocks * next, 64, c->side);
  fill(w, blocks * next, c->values);
  DcnTap *taps = (DcnTap *)guarded_new((size_t)words * 64 * 2, 4, c->side);
  for (int e = 0; e < words * 64; e++)
    taps[e] = (DcnTap){g_test_rand_int_range(0, PLACES) * c->channels,
                       g_test_rand_int_range(0, (int)rows - c->channels + 1) * k->nr};
  uint64_t *mask = (uint64_t *)guarded_new((size_t)c->pixels * words * 2, 8, c->side);
  float **window = g_new(float *, c->pixels), **out = g_new(float *, c->pixels),
        **before = g_new(float *, c->pixels);
  for (int i = 0; i < c->pixels; i++) {
    window[i] = guarded_new(rows, 4, c->side); /* NaN where no tap of its mask is */
    out[i] = guarded_new(c->columns, 4, c->side);
    fill(out[i], c->columns, c->values);
    before[i] = g_memdup2(out[i], c->columns * sizeof(float));
    for (int e = 0; e < words * 64; e++) {
      uint64_t *word = &mask[(size_t)i * words + e / 64], bit = (uint64_t)1 << e % 64;
      gboolean set = g_test_rand_int_range(0, 12) == 0;
      *word = set ? *word | bit : *word & ~bit;
      for (int n = 0; set && n < c->channels; n++)
        window[i][taps[e].pixel + n] = random_value(c->values);
    }
  }

  k->mgemm((const float *const *)window, mask, words, taps, c->channels, w, next, out, c->pixels,
           c->columns);
  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = before[i][j], magnitude = fabs(sum);
      int terms = 3;
      for (int e = 0; e < words * 64; e++)
        if (mask[(size_t)i * words + e / 64] >> e % 64 & 1)
          for (int n = 0; n < c->channels; n++, terms++) {
            double product = (double)window[i][taps[e].pixel + n] *
                             w[j / k->nr * next + taps[e].weight + n * k->nr + j % k->nr];
            sum += product;
            magnitude += fabs(product);
          }
      double bound = c->values == VALUES_INTEGER ? 0 : sum_bound(terms, magnitude);
      if (!(fabs(out[i][j] - sum) <= bound))
        g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, out[i][j], sum, bound);
    }
    guarded_free(out[i], what);
    guarded_free(window[i], what);
    g_free(before[i]);
  }
  guarded_free((float *)mask, what);
  guarded_free((float *)taps, what);
  guarded_free(w, what);
  g_free(window);
  g_free(out);
  g_free(before);
  g_free(what);
}

void
check_mgemm(const DcnKernels *k)
{
  int n = 0;
  for (int columns = 1; columns <= k->dn * k->nr; columns++)
    for (int channels = 1; channels <= 4; channels++, n++)
      mgemm_case(k, 1 + n % 3, &(Case){0, channels, n % 6, columns, n % 3, n / 3 % 2});
}

void
check_tgemm(const DcnKernels *k)
{
  static const int counts[] = {0, 1, 2, 7, 40};
  g_assert_cmpint(k->tr, <=, DCN_TR_MAX);
  int n = 0;
  for (guint t = 0; t < G_N_ELEMENTS(counts); t++)
    for (int longest = 1; longest <= 31; longest += 6)
      for (int pixels = 1; pixels <= k->tr; pixels++, n++)
        tgemm_case(k, &(Case){.count = counts[t],
                              .longest = longest,
                              .pixels = pixels,
                              .columns = 1 + (n * 5) % k->nr,
                              .values = n % 3,
                              .side = n % 2});
  for (int columns = 1; columns <= k->nr; columns++)
    for (int pixels = 1; pixels <= k->tr; pixels++, n++)
      tgemm_case(k, &(Case){.count = 9,
                            .longest = 9,
                            .pixels = pixels,
                            .columns = columns,
                            .values = n % 3,
                            .side = n % 2});
}
