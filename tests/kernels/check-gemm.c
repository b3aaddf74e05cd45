/* deltacnn tests: matrix kernels against sums in double.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"
#include "util/memory.h"
#include "util/half.h"

#define POOL 24 /* distinct pixels of a case; tiles point at random ones */

typedef struct {
  int taps, channels, pixels, columns;
  Values values;
  GuardSide side;
} Case;

static void
expect(float got, double want, int terms, double magnitude, Values values, const char *what, int i,
       int j)
{
  double bound = values == VALUES_INTEGER ? 0 : sum_bound(terms, magnitude);
  if (!(fabs(got - want) <= bound))
    g_error("%s: [%d][%d] is %.9g, not %.9g +- %.3g", what, i, j, got, want, bound);
}

static char *
describe(const char *kernel, const DcnKernels *k, const Case *c)
{
  return g_strdup_printf("%s %s: taps %d channels %d pixels %d columns %d values %d side %d",
                         kernel, k->isa, c->taps, c->channels, c->pixels, c->columns, c->values,
                         c->side);
}

static void
igemm_case(const DcnKernels *k, const Case *c)
{
  char *what = describe("igemm", k, c);
  size_t rows = (size_t)c->taps * c->channels;
  float *pool[POOL];
  for (int i = 0; i < POOL; i++) {
    pool[i] = guarded_new(c->channels, 4, c->side);
    fill(pool[i], c->channels, c->values);
  }
  float *w = guarded_new(rows * k->nr, DCN_ALIGN, c->side);
  fill(w, rows * k->nr, c->values);
  gboolean with_init = g_test_rand_bit();
  float *init = guarded_new(k->nr, 4, c->side);
  fill(init, k->nr, c->values);
  const float **a = g_new(const float *, (gsize)c->taps * k->mr);
  for (int i = 0; i < c->taps * k->mr; i++)
    a[i] = pool[g_test_rand_int_range(0, POOL)];

  size_t ldo = c->columns + g_test_rand_int_range(0, 20);
  size_t out_count = (c->pixels - 1) * ldo + c->columns;
  float *out = guarded_new(out_count, 4, c->side);
  /* Limits that cut some sums off, or none. */
  gboolean limited = g_test_rand_bit();
  float lo = limited ? -1 : -INFINITY, hi = limited ? 2 : INFINITY;
  k->igemm(a, c->taps, c->channels, w, g_test_rand_bit() ? w : NULL, with_init ? init : NULL, lo,
           hi, out, ldo, c->pixels, c->columns);

  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = with_init ? init[j] : 0, magnitude = fabs(sum);
      for (int t = 0; t < c->taps; t++) {
        for (int n = 0; n < c->channels; n++) {
          double product =
              (double)a[t * k->mr + i][n] * w[((size_t)t * c->channels + n) * k->nr + j];
          sum += product;
          magnitude += fabs(product);
        }
      }
      expect(out[i * ldo + j], CLAMP(sum, lo, hi), (int)rows, magnitude, c->values, what, i, j);
    }
    for (size_t j = i * ldo + c->columns; j < MIN((i + 1) * ldo, out_count); j++)
      if (to_bits(out[j]) != 0xffffffff)
        g_error("%s: wrote beyond the columns of pixel %d", what, i);
  }

  guarded_free(out, what);
  guarded_free(init, what);
  guarded_free(w, what);
  for (int i = 0; i < POOL; i++)
    guarded_free(pool[i], what);
  g_free(a);
  g_free(what);
}

/* What other pixels hold, the place in the tile, pixels and columns do not touch a pixel's result:
 * the engine's output may then be split among threads and tiles in any way. */
static void
igemm_independent(const DcnKernels *k)
{
  enum { TAPS = 3, CHANNELS = 21 };
  float pixel[CHANNELS], other[CHANNELS],
      *w = dcn_aligned_new0((size_t)TAPS * CHANNELS * k->nr, sizeof(float));
  fill(pixel, CHANNELS, VALUES_UNIFORM);
  fill(w, (size_t)TAPS * CHANNELS * k->nr, VALUES_UNIFORM);
  for (int i = 0; i < CHANNELS; i++)
    other[i] = NAN;

  const float *a[TAPS * DCN_MR_MAX];
  float first[32], out[DCN_MR_MAX * 32];
  for (int i = 0; i < TAPS * k->mr; i++)
    a[i] = pixel;
  k->igemm(a, TAPS, CHANNELS, w, NULL, NULL, -INFINITY, INFINITY, out, k->nr, k->mr, k->nr);
  memcpy(first, out, k->nr * sizeof(float));
  for (int pixels = 1; pixels <= k->mr; pixels++) {
    for (int place = 0; place < pixels; place++) {
      for (int t = 0; t < TAPS; t++)
        for (int i = 0; i < k->mr; i++)
          a[t * k->mr + i] = i == place ? pixel : other;
      for (int columns = 1; columns <= k->nr; columns++) {
        k->igemm(a, TAPS, CHANNELS, w, NULL, NULL, -INFINITY, INFINITY, out, k->nr, pixels,
                 columns);
        if (memcmp(out + place * k->nr, first, columns * sizeof(float)) != 0)
          g_error("igemm %s: place %d of %d, %d columns: another result", k->isa, place, pixels,
                  columns);
      }
    }
  }
  dcn_aligned_free(w);
}

void
check_igemm(const DcnKernels *k)
{
  static const int taps[] = {1, 2, 9}, channels[] = {1, 3, 4, 5, 16, 17, 67};
  g_assert_cmpint(k->mr, <=, DCN_MR_MAX);
  g_assert_cmpint(k->nr, <=, 32);
  int n = 0;
  for (guint t = 0; t < G_N_ELEMENTS(taps); t++)
    for (guint c = 0; c < G_N_ELEMENTS(channels); c++)
      for (int pixels = 1; pixels <= k->mr; pixels++, n++)
        igemm_case(k, &(Case){taps[t], channels[c], pixels, 1 + (n * 7) % k->nr, n % 3, n % 2});
  for (int columns = 1; columns <= k->nr; columns++)
    for (int pixels = 1; pixels <= k->mr; pixels++, n++)
      igemm_case(k, &(Case){3, 7, pixels, columns, n % 3, n % 2});
  igemm_case(k, &(Case){25, 64, k->mr, k->nr, VALUES_UNIFORM, GUARD_END});
  igemm_case(k, &(Case){9, 512, k->mr, k->nr, VALUES_INTEGER, GUARD_END});
  igemm_case(k, &(Case){121, 3, k->mr, k->nr, VALUES_INTEGER, GUARD_END});
  igemm_independent(k);
}

static void
rgemm_case(const DcnKernels *k, const Case *c, size_t step)
{
  char *what = describe("rgemm", k, c);
  size_t rows = (size_t)c->taps * c->channels, count = (c->pixels - 1) * step + c->channels;
  const float **a = g_new(const float *, c->taps);
  for (int t = 0; t < c->taps; t++) {
    float *in = guarded_new(count, 4, c->side);
    fill(in, count, c->values);
    a[t] = in;
  }
  float *w = guarded_new(rows * k->nr, DCN_ALIGN, c->side);
  fill(w, rows * k->nr, c->values);
  gboolean with_init = g_test_rand_bit();
  float *init = guarded_new(k->nr, 4, c->side);
  fill(init, k->nr, c->values);
  size_t ldo = c->columns + g_test_rand_int_range(0, 20);
  size_t out_count = (c->pixels - 1) * ldo + c->columns;
  float *out = guarded_new(out_count, 4, c->side);
  gboolean limited = g_test_rand_bit();
  float lo = limited ? -1 : -INFINITY, hi = limited ? 2 : INFINITY;
  /* What it asks for ahead may lie outside of the buffer. */
  const float *ahead = g_test_rand_bit() ? w + rows * k->nr : NULL;
  k->rgemm(a, c->taps, step, c->channels, w, ahead, with_init ? init : NULL, lo, hi, out, ldo,
           c->pixels, c->columns);

  const float **tile = g_new(const float *, (gsize)c->taps * k->mr);
  float alone[32];
  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = with_init ? init[j] : 0, magnitude = fabs(sum);
      for (int t = 0; t < c->taps; t++)
        for (int n = 0; n < c->channels; n++) {
          double product =
              (double)a[t][i * step + n] * w[((size_t)t * c->channels + n) * k->nr + j];
          sum += product;
          magnitude += fabs(product);
        }
      expect(out[i * ldo + j], CLAMP(sum, lo, hi), (int)rows, magnitude, c->values, what, i, j);
    }
    for (size_t j = i * ldo + c->columns; j < MIN((i + 1) * ldo, out_count); j++)
      if (to_bits(out[j]) != 0xffffffff)
        g_error("%s: wrote beyond the columns of pixel %d", what, i);
    /* To the bit what igemm makes of it, or itself of the pixel alone: the engine takes either. */
    for (int j = 0; j < c->taps * k->mr; j++)
      tile[j] = a[j / k->mr] + i * step;
    if (c->taps > 1 && c->columns <= 8) {
      for (int t = 0; t < c->taps; t++)
        tile[t] = tile[t * k->mr];
      k->rgemm(tile, c->taps, step, c->channels, w, NULL, with_init ? init : NULL, lo, hi, alone,
               32, 1, c->columns);
    } else {
      k->igemm(tile, c->taps, c->channels, w, NULL, with_init ? init : NULL, lo, hi, alone, 32, 1,
               c->columns);
    }
    if (memcmp(alone, out + i * ldo, c->columns * sizeof(float)) != 0)
      g_error("%s: pixel %d: other bits than alone", what, i);
  }

  guarded_free(out, what);
  guarded_free(init, what);
  guarded_free(w, what);
  for (int t = 0; t < c->taps; t++)
    guarded_free((float *)a[t], what);
  g_free(a);
  g_free(tile);
  g_free(what);
}

void
check_rgemm(const DcnKernels *k)
{
  static const int taps[] = {1, 3}, channels[] = {1, 3, 8, 9, 17};
  int n = 0;
  for (guint t = 0; t < G_N_ELEMENTS(taps); t++)
    for (guint c = 0; c < G_N_ELEMENTS(channels); c++)
      for (int pixels = 1; pixels <= 27; pixels++, n++)
        rgemm_case(k, &(Case){taps[t], channels[c], pixels, 1 + (n * 7) % k->nr, n % 3, n % 2},
                   1 + n % 20);
  for (int columns = 1; columns <= k->nr; columns++)
    for (int pixels = 1; pixels <= 13; pixels++, n++)
      rgemm_case(k, &(Case){3, 9, pixels, columns, n % 3, n % 2}, 6);
  /* First layers of few outputs: rows that end anywhere in a vector of pixels. */
  static const int steps[] = {1, 2, 3, 4, 6}, windows[] = {1, 3, 7},
                   runs[] = {15, 16, 17, 24, 25, 31, 33, 39, 40, 41, 47, 48, 49, 64, 65, 97, 127};
  for (guint s = 0; s < G_N_ELEMENTS(steps); s++)
    for (guint t = 0; t < G_N_ELEMENTS(windows); t++)
      for (guint r = 0; r < G_N_ELEMENTS(runs); r++, n++)
        rgemm_case(k,
                   &(Case){windows[t], windows[t] * (n % 3 ? 3 : 1), runs[r],
                           n % 4 ? MIN(8, k->nr) : 1 + n % 7, n % 3, n % 2},
                   (size_t)steps[s]);
  rgemm_case(k, &(Case){1, 128, 96, k->nr, VALUES_UNIFORM, GUARD_END}, 128);
}

/* Bits of a word; empty and full ones and those are among them that differ in one bit from these.
 */
static uint64_t
random_word(int density)
{
  uint64_t bits = 0;
  switch (density) {
  case 0:
    return 0;
  case 1:
    return ~(uint64_t)0;
  case 2:
    return (uint64_t)1 << g_test_rand_int_range(0, 64);
  case 3:
    return ~((uint64_t)1 << g_test_rand_int_range(0, 64));
  default:
    for (int i = 0; i < 64; i++)
      bits |= (uint64_t)(g_test_rand_int_range(0, density) == 0) << i;
    return bits;
  }
}

static void
dgemm_case(const DcnKernels *k, const Case *c)
{
  char *what = describe("dgemm", k, c);
  int words = dcn_mask_words(c->channels), slots = c->taps * k->dr;
  size_t rows = (size_t)c->taps * c->channels;
  uint64_t *mask = (uint64_t *)guarded_new((size_t)c->taps * words * 2, 8, c->side);
  for (int i = 0; i < c->taps * words; i++) {
    int left = c->channels - i % words * 64;
    mask[i] = random_word(g_test_rand_int_range(0, 9)) &
              (left < 64 ? ((uint64_t)1 << left) - 1 : ~(uint64_t)0);
  }
  /* A channel that is not in the tap's mask is never looked at: there stands NaN. */
  float **d = g_new(float *, slots);
  for (int i = 0; i < slots; i++) {
    const uint64_t *bits = mask + i / k->dr * words;
    d[i] = guarded_new(c->channels, 4, c->side);
    for (int n = 0; n < c->channels; n++)
      if (bits[n / 64] >> n % 64 & 1)
        d[i][n] = g_test_rand_bit() ? random_value(c->values) : 0;
  }
  /* The second block of columns stands anywhere behind the first. */
  size_t block = rows * k->nr, next = block + 16 * (size_t)g_test_rand_int_range(0, 3);
  int blocks = (c->columns + k->nr - 1) / k->nr;
  float *w = guarded_new(next * (blocks - 1) + block, DCN_ALIGN, c->side);
  for (int i = 0; i < blocks; i++)
    fill(w + next * i, block, c->values);
  float *out[DCN_DR_MAX] = {NULL}, before[DCN_DR_MAX][64];
  for (int i = 0; i < c->pixels; i++) {
    out[i] = guarded_new(c->columns, 4, c->side);
    fill(out[i], c->columns, c->values);
    memcpy(before[i], out[i], c->columns * sizeof(float));
  }
  k->dgemm((const float *const *)d, mask, c->taps, words, c->channels, w, next, out, c->pixels,
           c->columns);

  for (int i = 0; i < c->pixels; i++) {
    for (int j = 0; j < c->columns; j++) {
      double sum = before[i][j], magnitude = fabs(sum);
      int terms = 0;
      for (int t = 0; t < c->taps; t++) {
        for (int n = 0; n < c->channels; n++) {
          if (!(mask[t * words + n / 64] >> n % 64 & 1))
            continue;
          size_t row = (size_t)t * c->channels + n;
          double product =
              (double)d[t * k->dr + i][n] * w[next * (j / k->nr) + row * k->nr + j % k->nr];
          sum += product;
          magnitude += fabs(product);
          terms++;
        }
      }
      expect(out[i][j], sum, terms, magnitude, c->values, what, i, j);
    }
    guarded_free(out[i], what);
  }
  for (int i = 0; i < slots; i++)
    guarded_free(d[i], what);
  guarded_free(w, what);
  guarded_free((float *)mask, what);
  g_free(d);
  g_free(what);
}

void
check_dgemm(const DcnKernels *k)
{
  static const int taps[] = {1, 3, 9}, channels[] = {1, 3, 16, 63, 64, 65, 128, 200};
  g_assert_cmpint(k->dr, <=, DCN_DR_MAX);
  g_assert_cmpint(k->dn, <=, 2);
  int n = 0, widest = k->dn * k->nr;
  for (guint t = 0; t < G_N_ELEMENTS(taps); t++)
    for (guint c = 0; c < G_N_ELEMENTS(channels); c++)
      for (int pixels = 1; pixels <= k->dr; pixels++, n++)
        dgemm_case(k, &(Case){taps[t], channels[c], pixels, 1 + (n * 5) % widest, n % 3, n % 2});
  for (int columns = 1; columns <= widest; columns++)
    for (int pixels = 1; pixels <= k->dr; pixels++, n++)
      dgemm_case(k, &(Case){2, 70, pixels, columns, n % 3, n % 2});
}

/* What weights of gemv, gemv_half and gemv_bytes are: weight_at() has their values. */
typedef struct {
  const char *name;
  float *floats;
  uint16_t *half;      /* or NULL, then ... */
  uint8_t *bytes;      /* or NULL */
  float *zero, *scale; /* of bytes */
} Weights;

typedef enum { OF_FLOATS, OF_HALF, OF_BYTES } WeightKind;

/* From column `first` on. */
static void
run_gemv(const DcnKernels *k, const Weights *w, const uint32_t *index, const float *x, int count,
         size_t ldw, float *y, int first, int columns)
{
  if (w->half)
    k->gemv_half(index, x, count, w->half + first, ldw, y, columns);
  else if (w->bytes)
    k->gemv_bytes(index, x, count, w->bytes + first, ldw, w->zero + first, w->scale + first, y,
                  columns);
  else
    k->gemv(index, x, count, w->floats + first, ldw, y, columns);
}

/* Rows of half precision, whose floats replace those of w; finite, some of them denormal. */
static uint16_t *
make_half(float *w, size_t ldw, int inputs, int columns, Values values, GuardSide side)
{
  size_t readable = (size_t)(columns + 7) / 8 * 8;
  uint16_t *half = (uint16_t *)guarded_new(((inputs - 1) * ldw + readable) / 2, DCN_ALIGN, side);
  memset(half, 0, ((inputs - 1) * ldw + readable) * sizeof *half);
  for (int i = 0; i < inputs; i++)
    for (int j = 0; j < columns; j++) {
      float *value = &w[i * ldw + j];
      uint16_t bits = dcn_float_to_half(*value);
      if ((bits & 0x7c00) == 0x7c00)
        bits = (uint16_t)((bits & 0x8000) | 0x7bff);
      else if (values != VALUES_INTEGER && g_test_rand_int_range(0, 16) == 0)
        bits = (uint16_t)(bits & 0x83ff);
      half[i * ldw + j] = bits;
      *value = dcn_half_to_float(bits);
    }
  return half;
}

/* Rows of bytes: some are 0 and 255, zeros lie within a byte and outside. */
static void
make_bytes(Weights *weights, size_t ldw, int inputs, int columns, Values values, GuardSide side)
{
  size_t readable = (size_t)(columns + 7) / 8 * 8, count = (inputs - 1) * ldw + readable;
  weights->bytes = (uint8_t *)guarded_new((count + 3) / 4, DCN_ALIGN, side);
  weights->zero = guarded_new(columns, 4, side);
  weights->scale = guarded_new(columns, 4, side);
  memset(weights->bytes, 0, (count + 3) / 4 * 4);
  for (int j = 0; j < columns; j++) {
    weights->zero[j] = (float)g_test_rand_int_range(-300, 500);
    weights->scale[j] = (float)(values == VALUES_INTEGER ? 1 : g_test_rand_double_range(1e-6, 1));
  }
  for (int i = 0; i < inputs; i++)
    for (int j = 0; j < columns; j++) {
      uint8_t byte = (uint8_t)MIN(g_test_rand_int_range(0, 300), 255);
      if (values == VALUES_INTEGER) /* small, so that sums are exact */
        byte = (uint8_t)CLAMP(weights->zero[j] + (float)g_test_rand_int_range(-9, 10), 0, 255);
      if (values == VALUES_INTEGER && fabsf((float)byte - weights->zero[j]) > 9)
        weights->zero[j] = byte;
      weights->bytes[i * ldw + j] = byte;
    }
}

/* The weight of row i and column j, exactly: a byte's needs more digits than a float has. */
static double
weight_at(const Weights *w, size_t ldw, size_t i, int j)
{
  if (w->bytes)
    return ((double)w->bytes[i * ldw + j] - w->zero[j]) * w->scale[j];
  return w->floats[i * ldw + j];
}

/* Makes w what its kind can hold. */
static Weights
make_weights(WeightKind kind, float *w, size_t ldw, int inputs, int columns, Values values,
             GuardSide side)
{
  static const char *const names[] = {"gemv", "gemv_half", "gemv_bytes"};
  Weights weights = {.name = names[kind], .floats = w};
  if (kind == OF_HALF)
    weights.half = make_half(w, ldw, inputs, columns, values, side);
  else if (kind == OF_BYTES)
    make_bytes(&weights, ldw, inputs, columns, values, side);
  return weights;
}

static void
free_weights(Weights *weights, const char *what)
{
  if (weights->half)
    guarded_free((float *)weights->half, what);
  if (!weights->bytes)
    return;
  guarded_free((float *)(void *)weights->bytes, what);
  guarded_free(weights->zero, what);
  guarded_free(weights->scale, what);
}

static void
gemv_case(const DcnKernels *k, WeightKind kind, int inputs, int count, int columns, Values values,
          GuardSide side)
{
  char *what =
      g_strdup_printf("gemv of kind %d, %s: %d of %d inputs, %d columns, values %d side %d", kind,
                      k->isa, count, inputs, columns, values, side);
  size_t ldw = (columns + 15) / 16 * 16 + 16 * g_test_rand_int_range(0, 3);
  float *w = guarded_new((inputs - 1) * ldw + columns, DCN_ALIGN, side);
  for (int i = 0; i < inputs; i++)
    fill(w + i * ldw, columns, values);
  Weights weights = make_weights(kind, w, ldw, inputs, columns, values, side);
  float *x = guarded_new(count, 4, side), *y = guarded_new(columns, 4, side);
  uint32_t *index = (uint32_t *)guarded_new(count, 4, side);
  fill(x, count, values);
  fill(y, columns, values);
  for (int i = 0; i < count; i++)
    index[i] = (uint32_t)g_test_rand_int_range(0, inputs);
  float *before = g_memdup2(y, columns * sizeof(float));

  run_gemv(k, &weights, index, x, count, ldw, y, 0, columns);
  for (int j = 0; j < columns; j++) {
    double sum = before[j], magnitude = fabs(sum);
    for (int i = 0; i < count; i++) {
      double product = x[i] * weight_at(&weights, ldw, index[i], j);
      sum += product;
      magnitude += fabs(product);
    }
    expect(y[j], sum, count, magnitude, values, what, 0, j);
  }
  g_free(before);
  guarded_free((float *)index, what);
  guarded_free(x, what);
  guarded_free(y, what);
  guarded_free(w, what);
  free_weights(&weights, what);
  g_free(what);
}

/* A column's result does not depend on how many there are: threads may split them anywhere. */
static void
gemv_independent(const DcnKernels *k, WeightKind kind)
{
  enum { ROWS = 21, COLUMNS = 80 };
  float x[ROWS], start[COLUMNS], all[COLUMNS], part[COLUMNS];
  float *w = dcn_aligned_new0((size_t)ROWS * COLUMNS, sizeof(float));
  uint32_t index[ROWS];
  fill(x, ROWS, VALUES_UNIFORM);
  fill(start, COLUMNS, VALUES_UNIFORM);
  fill(w, (size_t)ROWS * COLUMNS, VALUES_UNIFORM);
  Weights weights = make_weights(kind, w, COLUMNS, ROWS, COLUMNS, VALUES_UNIFORM, GUARD_END);
  for (int i = 0; i < ROWS; i++)
    index[i] = (uint32_t)g_test_rand_int_range(0, ROWS);
  memcpy(all, start, sizeof all);
  run_gemv(k, &weights, index, x, ROWS, COLUMNS, all, 0, COLUMNS);
  for (int columns = 1; columns <= COLUMNS; columns++) {
    for (int first = 0; first < columns; first += 16) {
      memcpy(part, start, sizeof part);
      run_gemv(k, &weights, index, x, ROWS, COLUMNS, part + first, first, columns - first);
      if (memcmp(part + first, all + first, (size_t)(columns - first) * sizeof(float)) != 0)
        g_error("%s %s: columns %d to %d alone: another result", weights.name, k->isa, first,
                columns);
    }
  }
  free_weights(&weights, weights.name);
  dcn_aligned_free(w);
}

static void
check_gemv_of(const DcnKernels *k, WeightKind kind)
{
  int n = 0;
  gemv_independent(k, kind);
  for (int count = 0; count <= 40; count++)
    for (int columns = 1; columns <= 100; columns += 1 + n % 3, n++)
      gemv_case(k, kind, 50, count, columns, n % 3, n / 3 % 2);
  gemv_case(k, kind, 300, 250, 1000, VALUES_UNIFORM, GUARD_END);
  gemv_case(k, kind, 300, 250, 1001, VALUES_INTEGER, GUARD_END);
}

void
check_gemv(const DcnKernels *k)
{
  check_gemv_of(k, OF_FLOATS);
}

void
check_gemv_half(const DcnKernels *k)
{
  check_gemv_of(k, OF_HALF);
}

void
check_gemv_bytes(const DcnKernels *k)
{
  check_gemv_of(k, OF_BYTES);
}
