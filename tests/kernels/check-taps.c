/* deltacnn tests: the matrix kernel over lists of taps, against sums in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"

#define PLACES 50 /* input pixels a window's pointer can reach */

typedef struct {
  int count, channels, pixels, columns;
  Values values;
  GuardSide side;
} Case;

static void
tgemm_case(const DcnKernels *k, const Case *c)
{
  char *what =
      g_strdup_printf("tgemm %s: %d taps %d channels %d pixels %d columns values %d side %d",
                      k->isa, c->count, c->channels, c->pixels, c->columns, c->values, c->side);
  /* Places that no tap names are never looked at: there stands NaN.  Windows may point at any of
   * their pixels, and taps lie on both sides of it. */
  int shift = g_test_rand_int_range(0, PLACES) * c->channels;
  DcnTap *taps = (DcnTap *)guarded_new((size_t)c->count * 2, 4, c->side);
  float *w = guarded_new((size_t)PLACES * c->channels * k->nr, 64, c->side);
  fill(w, (size_t)PLACES * c->channels * k->nr, c->values);
  for (int e = 0; e < c->count; e++)
    taps[e] = (DcnTap){g_test_rand_int_range(0, PLACES) * c->channels - shift,
                       g_test_rand_int_range(0, PLACES * c->channels - c->channels + 1) * k->nr};
  float *window[DCN_TR_MAX];
  const float *d[DCN_TR_MAX];
  float *out[DCN_TR_MAX] = {NULL}, before[DCN_TR_MAX][32];
  for (int i = 0; i < k->tr; i++) {
    window[i] = guarded_new((size_t)PLACES * c->channels, 4, c->side);
    d[i] = window[i] + shift;
    for (int e = 0; e < c->count; e++)
      for (int n = 0; n < c->channels; n++)
        window[i][shift + taps[e].pixel + n] = g_test_rand_bit() ? random_value(c->values) : 0;
  }
  for (int i = 0; i < c->pixels; i++) {
    out[i] = guarded_new(c->columns, 4, c->side);
    fill(out[i], c->columns, c->values);
    memcpy(before[i], out[i], c->columns * sizeof(float));
  }

  k->tgemm(d, taps, c->count, c->channels, w, out, c->pixels, c->columns);
  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = before[i][j], magnitude = fabs(sum);
      for (int e = 0; e < c->count; e++)
        for (int n = 0; n < c->channels; n++) {
          double product = (double)d[i][taps[e].pixel + n] * w[taps[e].weight + n * k->nr + j];
          sum += product;
          magnitude += fabs(product);
        }
      /* Channels may be summed apart, which takes three additions more. */
      double bound =
          c->values == VALUES_INTEGER ? 0 : sum_bound(c->count * c->channels + 3, magnitude);
      if (!(fabs(out[i][j] - sum) <= bound))
        g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, out[i][j], sum, bound);
    }
    guarded_free(out[i], what);
  }
  for (int i = 0; i < k->tr; i++)
    guarded_free(window[i], what);
  guarded_free(w, what);
  guarded_free((float *)taps, what);
  g_free(what);
}

void
check_tgemm(const DcnKernels *k)
{
  static const int counts[] = {0, 1, 2, 7, 40};
  g_assert_cmpint(k->tr, <=, DCN_TR_MAX);
  int n = 0;
  for (guint t = 0; t < G_N_ELEMENTS(counts); t++)
    for (int channels = 1; channels <= 4; channels++)
      for (int pixels = 1; pixels <= k->tr; pixels++, n++)
        tgemm_case(k, &(Case){counts[t], channels, pixels, 1 + (n * 5) % k->nr, n % 3, n % 2});
  for (int columns = 1; columns <= k->nr; columns++)
    for (int pixels = 1; pixels <= k->tr; pixels++, n++)
      tgemm_case(k, &(Case){9, 3, pixels, columns, n % 3, n % 2});
}
