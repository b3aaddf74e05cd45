/* deltacnn: kernels in portable C.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The definition of what every other table must compute, and what runs where there is none. Written
 * with the vector type of GCC and clang, which becomes SSE2 on x86-64, NEON on AArch64 and plain C
 * elsewhere; this file gets no instruction-set flags.
 *
 * Sums run over taps, then channels, in ascending order, starting from init (or the old value): the
 * result of an output does not depend on its place in a tile, nor on pixels and columns. */
#include "kernels/portable.h"
#include "util/half.h"
#include <math.h>
#include <string.h>

#define MR 4
#define NR 8

/* Four floats at any address. */
typedef float V4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t I4
    __attribute__((vector_size(16), aligned(4), may_alias)); /* what comparing them gives */

static inline V4
splat(float x)
{
  return (V4){x, x, x, x};
}

static inline V4
load(const float *p)
{
  return *(const V4 *)p;
}

static inline void
store(float *p, V4 v)
{
  *(V4 *)p = v;
}

static inline float
clamp(float x, float lo, float hi)
{
  x = hi < x ? hi : x; /* in this form NaN stays, and of equal zeros it is x that stays */
  return lo > x ? lo : x;
}

void
dcn_f32_igemm_4x8__portable(const float *const *a, int taps, int channels, const float *w,
                            const float *ahead, const float *init, float lo, float hi, float *out,
                            size_t ldo, int pixels, int columns)
{
  V4 s0 = init ? load(init) : splat(0), s1 = init ? load(init + 4) : splat(0);
  V4 c00 = s0, c01 = s1, c10 = s0, c11 = s1, c20 = s0, c21 = s1, c30 = s0, c31 = s1;

  for (int t = 0; t < taps; t++, a += MR) {
    const float *p0 = a[0], *p1 = a[1], *p2 = a[2], *p3 = a[3];
    for (int k = 0; k < channels; k++, w += NR) {
      V4 w0 = load(w), w1 = load(w + 4);
      V4 x0 = splat(p0[k]), x1 = splat(p1[k]), x2 = splat(p2[k]), x3 = splat(p3[k]);
      c00 += x0 * w0, c01 += x0 * w1;
      c10 += x1 * w0, c11 += x1 * w1;
      c20 += x2 * w0, c21 += x2 * w1;
      c30 += x3 * w0, c31 += x3 * w1;
    }
  }

  V4 tile[MR][NR / 4] = {{c00, c01}, {c10, c11}, {c20, c21}, {c30, c31}};
  for (int i = 0; i < pixels; i++) {
    const float *sums = (const float *)tile[i];
    for (int j = 0; j < columns; j++)
      out[i * ldo + j] = clamp(sums[j], lo, hi);
  }
}

/* By igemm's tiles, with the tail's pixels repeated. */
void
dcn_f32_rgemm_4x8__portable(const float *const *a, int taps, size_t step, int channels,
                            const float *w, const float *ahead, const float *init, float lo,
                            float hi, float *out, size_t ldo, int pixels, int columns)
{
  V4 s0 = init ? load(init) : splat(0), s1 = init ? load(init + 4) : splat(0);
  for (int i = 0; i < pixels; i += MR) {
    size_t at = (size_t)i * step, n = (size_t)MIN(MR, pixels - i);
    const float *wk = w;
    V4 c00 = s0, c01 = s1, c10 = s0, c11 = s1, c20 = s0, c21 = s1, c30 = s0, c31 = s1;
    for (int t = 0; t < taps; t++) {
      const float *p0 = a[t] + at, *p1 = p0 + (n > 1 ? step : 0);
      const float *p2 = p0 + (n > 2 ? 2 * step : 0), *p3 = p0 + (n > 3 ? 3 * step : 0);
      for (int k = 0; k < channels; k++, wk += NR) {
        V4 w0 = load(wk), w1 = load(wk + 4);
        V4 x0 = splat(p0[k]), x1 = splat(p1[k]), x2 = splat(p2[k]), x3 = splat(p3[k]);
        c00 += x0 * w0, c01 += x0 * w1;
        c10 += x1 * w0, c11 += x1 * w1;
        c20 += x2 * w0, c21 += x2 * w1;
        c30 += x3 * w0, c31 += x3 * w1;
      }
    }
    V4 tile[MR][NR / 4] = {{c00, c01}, {c10, c11}, {c20, c21}, {c30, c31}};
    for (size_t p = 0; p < n; p++) {
      const float *sums = (const float *)tile[p];
      for (int j = 0; j < columns; j++)
        out[((size_t)i + p) * ldo + j] = clamp(sums[j], lo, hi);
    }
  }
}

void
dcn_f32_dgemm_4x8__portable(const float *const *d, const uint64_t *mask, int taps, int words,
                            int channels, const float *w, size_t next, float *const *out,
                            int pixels, int columns)
{
  V4 tile[MR][NR / 4] = {{{0}}};
  for (int i = 0; i < pixels; i++)
    memcpy(tile[i], out[i], (size_t)columns * sizeof(float));
  V4 c00 = tile[0][0], c01 = tile[0][1], c10 = tile[1][0], c11 = tile[1][1];
  V4 c20 = tile[2][0], c21 = tile[2][1], c30 = tile[3][0], c31 = tile[3][1];

  for (int t = 0; t < taps; t++, d += MR, mask += words, w += (size_t)channels * NR) {
    const float *p0 = d[0], *p1 = d[1], *p2 = d[2], *p3 = d[3];
    for (int j = 0; j < words; j++) {
      for (uint64_t bits = mask[j]; bits; bits &= bits - 1) {
        size_t k = (size_t)j * 64 + (size_t)__builtin_ctzll(bits);
        const float *wk = w + k * NR;
        V4 w0 = load(wk), w1 = load(wk + 4);
        V4 x0 = splat(p0[k]), x1 = splat(p1[k]), x2 = splat(p2[k]), x3 = splat(p3[k]);
        c00 += x0 * w0, c01 += x0 * w1;
        c10 += x1 * w0, c11 += x1 * w1;
        c20 += x2 * w0, c21 += x2 * w1;
        c30 += x3 * w0, c31 += x3 * w1;
      }
    }
  }

  V4 sums[MR][NR / 4] = {{c00, c01}, {c10, c11}, {c20, c21}, {c30, c31}};
  for (int i = 0; i < pixels; i++)
    memcpy(out[i], sums[i], (size_t)columns * sizeof(float));
}

/* sums: [64] pointers to NR floats */
static void
wgemm(const float *const *d, const DcnTap *taps, int count, int channels, const float *w,
      float *const *sums)
{
  for (const DcnTap *tap = taps; tap < taps + count; tap++) {
    const float *rows = w + tap->weight;
    V4 w00 = load(rows), w01 = load(rows + 4), w10 = w00, w11 = w01;
    if (channels > 1)
      w10 = load(rows + NR), w11 = load(rows + NR + 4);
    for (uint64_t pixels = tap->pixels; pixels; pixels &= pixels - 1) {
      int i = __builtin_ctzll(pixels);
      const float *x = d[i] + tap->at;
      V4 s0 = load(sums[i]) + splat(x[0]) * w00, s1 = load(sums[i] + 4) + splat(x[0]) * w01;
      if (channels > 1) {
        s0 += splat(x[1]) * w10;
        s1 += splat(x[1]) * w11;
      }
      for (int k = 2; k < channels; k++) {
        s0 += splat(x[k]) * load(rows + k * NR);
        s1 += splat(x[k]) * load(rows + k * NR + 4);
      }
      store(sums[i], s0);
      store(sums[i] + 4, s1);
    }
  }
}

void
dcn_f32_wgemm_8c__portable(const float *const *d, const DcnTap *taps, int count, int channels,
                           const float *w, size_t next, float *const *out, int columns)
{
  (void)next;
  if (columns == NR) {
    wgemm(d, taps, count, channels, w, out);
    return;
  }
  float sums[64][NR] = {{0}}, *to[64];
  uint64_t all = 0;
  for (int t = 0; t < count; t++)
    all |= taps[t].pixels;
  for (int i = 0; i < 64; i++) {
    to[i] = sums[i];
    if (all >> i & 1)
      memcpy(to[i], out[i], (size_t)columns * sizeof(float));
  }
  wgemm(d, taps, count, channels, w, to);
  for (uint64_t bits = all; bits; bits &= bits - 1) {
    int i = __builtin_ctzll(bits);
    memcpy(out[i], to[i], (size_t)columns * sizeof(float));
  }
}

void
dcn_f32_pgemm_2x8__portable(const float *d, const DcnPatch *patch, float *const *out, size_t at,
                            int pixels, int columns, const float *const *ask, int asks)
{
  (void)ask, (void)asks;
  for (int i = 0; i < pixels; i += 2) {
    int last =
        MIN(i + 1, pixels - 1); /* of an odd number the last one is done twice, and stored once */
    size_t bytes = (size_t)columns * sizeof(float);
    V4 sums[2][NR / 4] = {{{0}}};
    if (!patch->anew) {
      memcpy(sums[0], out[i] + at, bytes);
      memcpy(sums[1], out[last] + at, bytes);
    }
    for (int r = 0; r < patch->rows; r++) {
      const float *p0 = d + (size_t)i * patch->step + (size_t)r * patch->ldd,
                  *p1 = d + (size_t)last * patch->step + (size_t)r * patch->ldd;
      const float *w = patch->w + (size_t)r * patch->ldw;
      for (int k = 0; k < patch->n; k++, w += NR) {
        V4 w0 = load(w), w1 = load(w + 4), x0 = splat(p0[k]), x1 = splat(p1[k]);
        sums[0][0] += x0 * w0, sums[0][1] += x0 * w1;
        sums[1][0] += x1 * w0, sums[1][1] += x1 * w1;
      }
    }
    memcpy(out[i] + at, sums[0], bytes);
    if (last > i)
      memcpy(out[last] + at, sums[1], bytes);
  }
}

void
dcn_f32_gemv_4r__portable(const uint32_t *index, const float *x, int count, const float *w,
                          size_t ldw, float *y, int columns)
{
  int i = 0;
  /* Four rows per pass: y is loaded and stored once for all of them. */
  for (; i + 4 <= count; i += 4) {
    const float *w0 = w + index[i] * ldw, *w1 = w + index[i + 1] * ldw;
    const float *w2 = w + index[i + 2] * ldw, *w3 = w + index[i + 3] * ldw;
    float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (int j = 0; j < columns; j++)
      y[j] = y[j] + x0 * w0[j] + x1 * w1[j] + x2 * w2[j] + x3 * w3[j];
  }
  for (; i < count; i++) {
    const float *wi = w + index[i] * ldw;
    for (int j = 0; j < columns; j++)
      y[j] += x[i] * wi[j];
  }
}

void
dcn_f16_gemv_4r__portable(const uint32_t *index, const float *x, int count, const uint16_t *w,
                          size_t ldw, float *y, int columns)
{
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    const uint16_t *w0 = w + index[i] * ldw, *w1 = w + index[i + 1] * ldw;
    const uint16_t *w2 = w + index[i + 2] * ldw, *w3 = w + index[i + 3] * ldw;
    float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (int j = 0; j < columns; j++)
      y[j] = y[j] + x0 * dcn_half_to_float(w0[j]) + x1 * dcn_half_to_float(w1[j]) +
             x2 * dcn_half_to_float(w2[j]) + x3 * dcn_half_to_float(w3[j]);
  }
  for (; i < count; i++) {
    const uint16_t *wi = w + index[i] * ldw;
    for (int j = 0; j < columns; j++)
      y[j] += x[i] * dcn_half_to_float(wi[j]);
  }
}

void
dcn_u8_gemv_4r__portable(const uint32_t *index, const float *x, int count, const uint8_t *w,
                         size_t ldw, const float *zeros, const float *scales, float *y, int columns)
{
  int i = 0;
  for (; i + 4 <= count; i += 4) {
    const uint8_t *w0 = w + index[i] * ldw, *w1 = w + index[i + 1] * ldw;
    const uint8_t *w2 = w + index[i + 2] * ldw, *w3 = w + index[i + 3] * ldw;
    float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (int j = 0; j < columns; j++)
      y[j] += scales[j] * (x0 * ((float)w0[j] - zeros[j]) + x1 * ((float)w1[j] - zeros[j]) +
                           x2 * ((float)w2[j] - zeros[j]) + x3 * ((float)w3[j] - zeros[j]));
  }
  for (; i < count; i++) {
    const uint8_t *wi = w + index[i] * ldw;
    for (int j = 0; j < columns; j++)
      y[j] += scales[j] * (x[i] * ((float)wi[j] - zeros[j]));
  }
}

static inline V4
clamp4(V4 x, V4 lo, V4 hi)
{
  I4 above = hi < x;
  x = (V4)(((I4)hi & above) | ((I4)x & ~above));
  I4 below = lo > x;
  return (V4)(((I4)lo & below) | ((I4)x & ~below));
}

void
dcn_f32_depthwise_8c__portable(const float *const *a, int taps, size_t step, const float *w,
                               size_t ldw, const float *bias, float lo, float hi, float *out,
                               size_t ldo, int pixels, int channels)
{
  for (int p = 0; p < pixels; p++, out += ldo) {
    size_t at = (size_t)p * step;
    int k = 0;
    for (; k + 8 <= channels; k += 8) {
      V4 s0 = bias ? load(bias + k) : splat(0), s1 = bias ? load(bias + k + 4) : splat(0);
      for (int t = 0; t < taps; t++) {
        const float *x = a[t] + at + k, *wt = w + (size_t)t * ldw + k;
        s0 += load(x) * load(wt);
        s1 += load(x + 4) * load(wt + 4);
      }
      store(out + k, clamp4(s0, splat(lo), splat(hi)));
      store(out + k + 4, clamp4(s1, splat(lo), splat(hi)));
    }
    for (; k < channels; k++) {
      float sum = bias ? bias[k] : 0;
      for (int t = 0; t < taps; t++)
        sum += a[t][at + k] * w[(size_t)t * ldw + k];
      out[k] = clamp(sum, lo, hi);
    }
  }
}

/* One output pixel, channels k to k + 3. */
static V4
wide_sum(const DcnDepthwiseWide *d, int column, int k, V4 sum)
{
  for (int ky = 0; ky < d->kh; ky++)
    for (int kx = MAX(0, -column); d->lines[ky] && kx < MIN(d->kw, d->in_w - column); kx++)
      sum += load(d->lines[ky] + (size_t)(column + kx) * d->step + k) *
             load(d->w + (size_t)(ky * d->kw + kx) * d->ldw + k);
  return sum;
}

void
dcn_f32_depthwise_wide_4c__portable(const DcnDepthwiseWide *d, int channels)
{
  float *out = d->out;
  for (int p = 0; p < d->pixels; p++, out += d->ldo) {
    int column = p * d->stride - d->left, k = 0;
    for (; k + 4 <= channels; k += 4)
      store(out + k, clamp4(wide_sum(d, column, k, d->bias ? load(d->bias + k) : splat(0)),
                            splat(d->lo), splat(d->hi)));
    for (; k < channels; k++) {
      float sum = d->bias ? d->bias[k] : 0;
      for (int ky = 0; ky < d->kh; ky++)
        for (int kx = MAX(0, -column); d->lines[ky] && kx < MIN(d->kw, d->in_w - column); kx++)
          sum += d->lines[ky][(size_t)(column + kx) * d->step + k] *
                 d->w[(size_t)(ky * d->kw + kx) * d->ldw + k];
      out[k] = clamp(sum, d->lo, d->hi);
    }
  }
}

void
dcn_f32_depthwise_rows_8c__portable(const DcnDepthwiseRows *d, int rows, int channels)
{
  static const float zero[8];
  for (int row = 0; row < rows; row++)
    for (int x = 0; x < d->out_w; x++) {
      float *out = d->out + ((size_t)row * (size_t)d->out_w + (size_t)x) * d->ldo;
      int n;
      for (int k = 0; k < channels; k += n) { /* by so many that a row of zeros is short */
        const float *a[9];
        n = MIN(8, channels - k);
        for (int t = 0; t < 9; t++) {
          int ix = x * d->stride - d->left + t % 3;
          a[t] =
              ix < 0 || ix >= d->in_w ? zero : d->lines[row * 3 + t / 3] + (size_t)ix * d->step + k;
        }
        dcn_f32_depthwise_8c__portable(a, 9, 0, d->w + k, d->ldw, d->bias ? d->bias + k : NULL,
                                       d->lo, d->hi, out + k, 0, 1, n);
      }
    }
}

void
dcn_f32_max_pool_4c__portable(const float *const *a, int taps, float *out, int channels)
{
  int k = 0;
  for (; k + 4 <= channels; k += 4) {
    V4 max = load(a[0] + k);
    for (int t = 1; t < taps; t++) {
      V4 x = load(a[t] + k);
      I4 take = (x > max) | (x != x); /* a NaN, once in max, is not less than anything: it stays */
      max = (V4)(((I4)x & take) | ((I4)max & ~take));
    }
    store(out + k, max);
  }
  for (; k < channels; k++) {
    float max = a[0][k];
    for (int t = 1; t < taps; t++) {
      float x = a[t][k];
      max = x > max || x != x ? x : max;
    }
    out[k] = max;
  }
}

void
dcn_f32_sum_pool_4c__portable(const float *const *a, int taps, float scale, float *out,
                              int channels)
{
  int k = 0;
  for (; k + 4 <= channels; k += 4) {
    V4 sum = load(a[0] + k);
    for (int t = 1; t < taps; t++)
      sum += load(a[t] + k);
    store(out + k, sum * splat(scale));
  }
  for (; k < channels; k++) {
    float sum = a[0][k];
    for (int t = 1; t < taps; t++)
      sum += a[t][k];
    out[k] = sum * scale;
  }
}

void
dcn_f32_bias_clamp__portable(const float *x, const float *bias, float lo, float hi, float *y, int n)
{
  if (bias) {
    for (int k = 0; k < n; k++)
      y[k] = clamp(x[k] + bias[k], lo, hi);
  } else {
    for (int k = 0; k < n; k++)
      y[k] = clamp(x[k], lo, hi);
  }
}

void
dcn_f32_add__portable(const float *a, const float *b, float *y, int n)
{
  for (int k = 0; k < n; k++)
    y[k] = a[k] + b[k];
}

void
dcn_f32_mul__portable(const float *a, const float *b, float *y, int n)
{
  for (int k = 0; k < n; k++)
    y[k] = a[k] * b[k];
}

static inline float
clamp01(float v)
{
  return clamp(v, 0, 1);
}

static float
softplus(float x)
{
  return x > 20 ? x : log1pf(expf(x));
}

/* Those that have a formula of the C library's functions. */
static float
squash_one(DcnSquash kind, float x, float a, float b)
{
  switch (kind) {
  case DCN_SQUASH_SOFTPLUS:
    return softplus(x);
  case DCN_SQUASH_MISH:
    return x * tanhf(softplus(x));
  case DCN_SQUASH_TANH:
    return tanhf(x);
  case DCN_SQUASH_ERF:
    return erff(x);
  case DCN_SQUASH_GELU:
    return 0.5f * x * (1 + erff(x * 0.707106781f));
  case DCN_SQUASH_GELU_TANH:
    return x / (1 + expf(-1.5957691216f * (x + 0.044715f * x * x * x)));
  default: /* Elu */
    return x < 0 ? a * expm1f(x) : b * x;
  }
}

void
dcn_f32_squash__portable(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  switch (kind) {
  case DCN_SQUASH_SIGMOID:
    for (int k = 0; k < n; k++)
      y[k] = 1 / (1 + expf(-x[k]));
    break;
  case DCN_SQUASH_SWISH:
    for (int k = 0; k < n; k++)
      y[k] = x[k] / (1 + expf(-x[k]));
    break;
  case DCN_SQUASH_LEAKY:
    for (int k = 0; k < n; k++)
      y[k] = x[k] < 0 ? a * x[k] : x[k];
    break;
  case DCN_SQUASH_HARD_SIGMOID:
    for (int k = 0; k < n; k++)
      y[k] = clamp01(a * x[k] + b);
    break;
  case DCN_SQUASH_HARD_SWISH:
    for (int k = 0; k < n; k++)
      y[k] = x[k] * clamp01(a * x[k] + b);
    break;
  default:
    for (int k = 0; k < n; k++)
      y[k] = squash_one(kind, x[k], a, b);
    break;
  }
}

/* 64 channels of one pixel at most. */
static uint64_t
diff(const DcnDiff *d, const float *x, float *ref, float *delta, int n)
{
  uint64_t bits = 0;
  for (int k = 0; k < n; k++) {
    float y = clamp(x[k], d->lo, d->hi), difference = y - ref[k];
    gboolean differs = !(__builtin_fabsf(difference) <= d->tolerance);
    if (delta)
      delta[k] = differs ? difference : 0;
    ref[k] = differs ? y : ref[k];
    bits |= (uint64_t)differs << k;
  }
  return bits;
}

int
dcn_f32_diff__portable(const DcnDiff *d, int pixels, int channels)
{
  int total = 0;
  for (int i = 0; i < pixels; i++) {
    size_t p = (size_t)(d->list ? d->list[i] : i), at = d->x_listed ? p : (size_t)i;
    uint64_t *mask = d->mask + p * (size_t)dcn_mask_words(channels);
    int changed = 0;
    for (int k = 0; k < channels; k += 64) {
      *mask =
          diff(d, d->x + at * d->ldx + k, d->ref + p * d->ldr + k,
               d->delta ? d->delta + p * d->ldd + k : NULL, channels - k < 64 ? channels - k : 64);
      changed += __builtin_popcountll(*mask++);
    }
    if (changed)
      d->changed[p] = 1;
    total += changed;
  }
  return total;
}

/* Pixels that are read as four floats all at once; the last one, where that is too much, is not. */
int
dcn_f32_diff_image_1p__portable(const DcnDiff *d, int pixels, int channels, uint64_t *bits)
{
  I4 used = {-1, channels > 1 ? -1 : 0, channels > 2 ? -1 : 0, channels > 3 ? -1 : 0};
  V4 tolerance = splat(d->tolerance);
  int total = 0;
  for (int word = 0; word * 64 < pixels; word++) {
    uint64_t look = bits[word];
    bits[word] = 0;
    for (; look; look &= look - 1) {
      int i = word * 64 + __builtin_ctzll(look);
      const float *x = d->x + (size_t)i * 4;
      float *ref = d->ref + (size_t)i * (size_t)channels;
      if ((pixels - i) * channels >= 4) {
        V4 magnitude = (V4)((I4)(load(x) - load(ref)) & INT32_MAX);
        I4 differs = ~(magnitude <= tolerance) & used;
        uint64_t halves[2];
        memcpy(halves, &differs, sizeof halves);
        if ((halves[0] | halves[1]) == 0)
          continue;
      }
      uint64_t differing = 0;
      float delta[4];
      for (int k = 0; k < channels; k++) {
        delta[k] = x[k] - ref[k];
        gboolean differs = !(__builtin_fabsf(delta[k]) <= d->tolerance);
        delta[k] = differs ? delta[k] : 0;
        ref[k] = differs ? x[k] : ref[k];
        differing |= (uint64_t)differs << k;
      }
      if (differing == 0)
        continue;
      if (d->delta)
        memcpy(d->delta + (size_t)i * channels, delta, sizeof(float) * (size_t)channels);
      if (d->mask)
        d->mask[i] = differing;
      if (d->changed)
        d->changed[i] = 1;
      bits[word] |= UINT64_C(1) << i % 64;
      total += __builtin_popcountll(differing);
    }
  }
  return total;
}

extern const DcnKernels dcn_kernels__portable;
const DcnKernels dcn_kernels__portable = {
    .isa = "portable",
    .mr = MR,
    .nr = NR,
    .dr = MR,
    .dn = 1,
    .igemm = dcn_f32_igemm_4x8__portable,
    .rgemm = dcn_f32_rgemm_4x8__portable,
    .dgemm = dcn_f32_dgemm_4x8__portable,
    .wgemm = dcn_f32_wgemm_8c__portable,
    .pgemm = dcn_f32_pgemm_2x8__portable,
    .winograd_in = dcn_f32_winograd_in__portable,
    .winograd_out = dcn_f32_winograd_out__portable,
    .points_in = dcn_f32_points_in__portable,
    .points_out = dcn_f32_points_out__portable,
    .gemv = dcn_f32_gemv_4r__portable,
    .gemv_half = dcn_f16_gemv_4r__portable,
    .gemv_bytes = dcn_u8_gemv_4r__portable,
    .depthwise = dcn_f32_depthwise_8c__portable,
    .depthwise_rows = dcn_f32_depthwise_rows_8c__portable,
    .depthwise_wide = dcn_f32_depthwise_wide_4c__portable,
    .grouped_rows = dcn_f32_grouped_rows_4c__portable,
    .max_pool = dcn_f32_max_pool_4c__portable,
    .sum_pool = dcn_f32_sum_pool_4c__portable,
    .bias_clamp = dcn_f32_bias_clamp__portable,
    .add = dcn_f32_add__portable,
    .mul = dcn_f32_mul__portable,
    .squash = dcn_f32_squash__portable,
    .softmax = dcn_f32_softmax__portable,
    .normalise = dcn_f32_normalise__portable,
    .diff = dcn_f32_diff__portable,
    .diff_image = dcn_f32_diff_image_1p__portable,
};
