/* deltacnn tests: kernels along a pixel's channels.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All but depthwise must give the bits of the portable form, which itself is held against the
 * contract's formula here, written out again. */
#include "checks.h"
#include "guarded.h"
#include "util/memory.h"

#define LONGEST                                                                                    \
  150 /* lengths 1 to this: every tail of every vector width, and more than two mask words */

static const DcnKernels *
portable(void)
{
  return dcn_kernels_by_isa("portable");
}

static void
expect_same(const float *got, const float *want, int n, const char *kernel, const char *isa)
{
  for (int i = 0; i < n; i++)
    if (!same(got[i], want[i]))
      g_error("%s %s: [%d] of %d is %.9g (%08x), not %.9g (%08x)", kernel, isa, i, n, got[i],
              to_bits(got[i]), want[i], to_bits(want[i]));
}

static float *
guarded_filled(int n, Values values, GuardSide side)
{
  float *p = guarded_new(n, 4, side);
  fill(p, n, values);
  return p;
}

static float
clamped(double x, float lo, float hi)
{
  return (float)fmax(lo, fmin(hi, x));
}

/* A run of pixels; each tap's inputs end (or begin) at a guard page, outputs have gaps that must
 * stay as they are. */
static void
depthwise_case(const DcnKernels *k, int taps, int channels, int pixels, Values values,
               GuardSide side)
{
  const char *what = "depthwise";
  static const float limits[][2] = {{-INFINITY, INFINITY}, {0, INFINITY}, {0, 6}, {-1, 0.5f}};
  const float *limit = limits[g_test_rand_int_range(0, G_N_ELEMENTS(limits))];
  int gaps = g_test_rand_int_range(0, 2) ? 20 : 1; /* 1: pixels lie one after another */
  size_t step = (size_t)(channels + g_test_rand_int_range(0, gaps)) *
                (size_t)(1 + g_test_rand_int_range(0, 2));
  size_t ldo = channels + g_test_rand_int_range(0, gaps);
  int in_floats = (int)((pixels - 1) * step) + channels, out_floats = (int)((pixels - 1) * ldo);
  out_floats += channels;
  float *a[25], *out = guarded_new(out_floats, 4, side);
  size_t ldw = channels + g_test_rand_int_range(0, 20);
  float *w = guarded_filled((int)((taps - 1) * ldw) + channels, values, side);
  float *bias = guarded_filled(channels, values, side);
  gboolean with_bias = g_test_rand_bit();
  for (int t = 0; t < taps; t++)
    a[t] = guarded_filled(in_floats, values, side);

  k->depthwise((const float *const *)a, taps, step, w, ldw, with_bias ? bias : NULL, limit[0],
               limit[1], out, ldo, pixels, channels);
  for (int p = 0; p < pixels; p++) {
    for (int i = 0; i < channels; i++) {
      double sum = with_bias ? bias[i] : 0, magnitude = fabs(sum);
      for (int t = 0; t < taps; t++) {
        double product = (double)a[t][p * step + i] * w[t * ldw + i];
        sum += product;
        magnitude += fabs(product);
      }
      double bound = values == VALUES_INTEGER ? 0 : sum_bound(taps, magnitude);
      float got = out[p * ldo + i], low = clamped(sum - bound, limit[0], limit[1]),
            high = clamped(sum + bound, limit[0], limit[1]);
      if (!(got >= nextafterf(low, -INFINITY) && got <= nextafterf(high, INFINITY)) ||
          (values == VALUES_INTEGER && got != low))
        g_error("depthwise %s: pixel %d of %d, channel %d of %d, %d taps, is %.9g, not %.9g",
                k->isa, p, pixels, i, channels, taps, got, clamped(sum, limit[0], limit[1]));
    }
    static const unsigned char untouched[4] = {GUARD_BYTE, GUARD_BYTE, GUARD_BYTE, GUARD_BYTE};
    for (size_t i = channels; p + 1 < pixels && i < ldo; i++)
      g_assert_cmpmem(&out[p * ldo + i], 4, untouched, 4);
  }
  for (int t = 0; t < taps; t++)
    guarded_free(a[t], what);
  guarded_free(w, what);
  guarded_free(bias, what);
  guarded_free(out, what);
}

/* A channel's result depends neither on how many there are nor on the run its pixel is in. */
static void
depthwise_independent(const DcnKernels *k, int taps)
{
  enum { MOST = 25, CHANNELS = 150, PIXELS = 11 };
  static float pixels[MOST][PIXELS][CHANNELS], w[MOST][CHANNELS], bias[CHANNELS];
  static float all[PIXELS][CHANNELS], part[PIXELS][CHANNELS];
  const float *a[MOST], *b[MOST];
  fill(pixels[0][0], (size_t)MOST * PIXELS * CHANNELS, VALUES_UNIFORM);
  fill(w[0], (size_t)MOST * CHANNELS, VALUES_UNIFORM);
  fill(bias, CHANNELS, VALUES_UNIFORM);
  for (int t = 0; t < taps; t++)
    a[t] = pixels[t][0];
  k->depthwise(a, taps, CHANNELS, w[0], CHANNELS, bias, -1, 1, all[0], CHANNELS, PIXELS, CHANNELS);
  for (int c = 0; c < CHANNELS; c += 7) {
    for (int n = 1; c + n <= CHANNELS; n += 1 + n / 20) {
      int p = g_test_rand_int_range(0, PIXELS), run = g_test_rand_int_range(1, PIXELS - p + 1);
      for (int t = 0; t < taps; t++)
        b[t] = &pixels[t][p][c];
      k->depthwise(b, taps, CHANNELS, w[0] + c, CHANNELS, bias + c, -1, 1, part[0], CHANNELS, run,
                   n);
      for (int i = 0; i < run; i++)
        if (memcmp(part[i], &all[p + i][c], n * sizeof(float)) != 0)
          g_error("depthwise %s: channels %d to %d of %d pixels alone: another result", k->isa, c,
                  c + n, run);
    }
  }
}

/* Rows of 3x3 windows with borders: the definition in double, and the bits of depthwise with zeros around the image.
 * Lines end (or begin) at a guard page, output pixels have gaps. */
static void
depthwise_rows_case(const DcnKernels *k, int channels, int out_w, int stride, int left, int right,
                    Values values, GuardSide side)
{
  enum { ROWS = 2 };
  const char *what = "depthwise_rows";
  int in_w = (out_w - 1) * stride + 3 - left - right, gap = g_test_rand_bit() ? 5 : 0;
  if (in_w < 1)
    return;
  size_t step = (size_t)(channels + gap), ldo = (size_t)(channels + gap), ldw = step + 3;
  int in_floats = (in_w - 1) * (int)step + channels,
      out_floats = (ROWS * out_w - 1) * (int)ldo + channels;
  const float *lines[ROWS * 3];
  float *in[ROWS * 3], *zero = g_new0(float, channels);
  float *w = guarded_filled(8 * (int)ldw + channels, values, side);
  float *bias = guarded_filled(channels, values, side), *out = guarded_new(out_floats, 4, side);
  float *alone = g_new(float, channels);
  for (int i = 0; i < ROWS * 3; i++)
    lines[i] = in[i] = guarded_filled(in_floats, values, side);
  const DcnDepthwiseRows d = {.lines = lines,
                              .step = step,
                              .in_w = in_w,
                              .out_w = out_w,
                              .stride = stride,
                              .left = left,
                              .w = w,
                              .ldw = ldw,
                              .bias = g_test_rand_bit() ? bias : NULL,
                              .lo = -1,
                              .hi = 6,
                              .out = out,
                              .ldo = ldo,
                              .far = g_test_rand_bit()};
  k->depthwise_rows(&d, ROWS, channels);
  for (int p = 0; p < ROWS * out_w; p++) {
    const float *a[9];
    for (int t = 0; t < 9; t++) {
      int x = p % out_w * stride - left + t % 3;
      a[t] = x < 0 || x >= in_w ? zero : lines[p / out_w * 3 + t / 3] + (size_t)x * step;
    }
    const float *got = out + (size_t)p * ldo;
    for (int i = 0; i < channels; i++) {
      double sum = d.bias ? bias[i] : 0, magnitude = fabs(sum);
      for (int t = 0; t < 9; t++) {
        sum += (double)a[t][i] * w[t * ldw + i];
        magnitude += fabs((double)a[t][i] * w[t * ldw + i]);
      }
      double bound = values == VALUES_INTEGER ? 0 : sum_bound(9, magnitude);
      float low = clamped(sum - bound, d.lo, d.hi), high = clamped(sum + bound, d.lo, d.hi);
      if (!(got[i] >= nextafterf(low, -INFINITY) && got[i] <= nextafterf(high, INFINITY)))
        g_error("%s %s: pixel %d of %d, channel %d of %d, stride %d, left %d, is %.9g, not %.9g",
                what, k->isa, p, out_w, i, channels, stride, left, got[i],
                clamped(sum, d.lo, d.hi));
    }
    k->depthwise(a, 9, 0, w, ldw, d.bias, d.lo, d.hi, alone, 0, 1, channels);
    expect_same(got, alone, channels, what, k->isa);
    static const unsigned char untouched[4] = {GUARD_BYTE, GUARD_BYTE, GUARD_BYTE, GUARD_BYTE};
    for (size_t i = (size_t)channels; p + 1 < ROWS * out_w && i < ldo; i++)
      g_assert_cmpmem(&got[i], 4, untouched, 4);
  }
  for (int i = 0; i < ROWS * 3; i++)
    guarded_free(in[i], what);
  guarded_free(w, what);
  guarded_free(bias, what);
  guarded_free(out, what);
  g_free(zero);
  g_free(alone);
}

void
check_depthwise_rows(const DcnKernels *k)
{
  static const int channels[] = {1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 32, 33, 64, 67};
  for (guint c = 0; c < G_N_ELEMENTS(channels); c++)
    for (int out_w = 1; out_w <= 25; out_w += out_w < 12 ? 1 : 5)
      for (int borders = 0; borders < 8; borders++)
        depthwise_rows_case(k, channels[c], out_w, 1 + borders / 4, borders & 1, borders >> 1 & 1,
                            (out_w + (int)c) % 3, borders % 2);
}

/* NaN and infinities come out where the sum has them; a NaN passes the limits. */
static void
depthwise_special(const DcnKernels *k)
{
  static const float x[] = {NAN, INFINITY, -INFINITY, 1}, want[] = {NAN, 6, 0, 1};
  for (int channels = 1; channels <= 40; channels++) {
    float pixel[40], w[40], out[40];
    const float *a[1] = {pixel};
    for (int i = 0; i < channels; i++) {
      pixel[i] = x[i % 4];
      w[i] = 1;
    }
    k->depthwise(a, 1, 0, w, 0, NULL, 0, 6, out, 0, 1, channels);
    for (int i = 0; i < channels; i++)
      g_assert_true(isnan(want[i % 4]) ? isnan(out[i]) : out[i] == want[i % 4]);
  }
}

void
check_depthwise(const DcnKernels *k)
{
  static const int taps[] = {1, 2, 9, 25};
  depthwise_special(k);
  for (guint t = 0; t < G_N_ELEMENTS(taps); t++)
    depthwise_independent(k, taps[t]);
  for (int channels = 1; channels <= LONGEST; channels++)
    for (guint t = 0; t < G_N_ELEMENTS(taps); t++)
      depthwise_case(k, taps[t], channels, 1 + (channels + (int)t) % 10, channels % 3, t % 2);
}

static float
max_by_contract(const float *x, int n)
{
  float max = -INFINITY;
  for (int i = 0; i < n; i++) {
    if (isnan(x[i]))
      return x[i];
    max = fmaxf(max, x[i]);
  }
  return max;
}

void
check_max_pool(const DcnKernels *k)
{
  for (int channels = 1; channels <= LONGEST; channels++) {
    int taps = 1 + channels % 9;
    GuardSide side = channels / 9 % 2;
    float *a[9], *out = guarded_new(channels, 4, side), *want = g_new(float, channels);
    for (int t = 0; t < taps; t++)
      a[t] = guarded_filled(channels, channels % 4, side);
    k->max_pool((const float *const *)a, taps, out, channels);
    portable()->max_pool((const float *const *)a, taps, want, channels);
    expect_same(out, want, channels, "max_pool", k->isa);
    for (int i = 0; i < channels; i++) {
      float x[9];
      for (int t = 0; t < taps; t++)
        x[t] = a[t][i];
      float max = max_by_contract(x, taps);
      g_assert_true(isnan(max) ? isnan(out[i]) : out[i] == max);
    }
    for (int t = 0; t < taps; t++)
      guarded_free(a[t], "max_pool");
    guarded_free(out, "max_pool");
    g_free(want);
  }
}

void
check_sum_pool(const DcnKernels *k)
{
  for (int channels = 1; channels <= LONGEST; channels++) {
    int taps = 1 + channels % 49;
    Values values = channels % 4;
    GuardSide side = channels / 4 % 2;
    float *a[49], *out = guarded_new(channels, 4, side), *want = g_new(float, channels);
    float scale = values == VALUES_INTEGER ? 0.25f : 1.f / (float)taps;
    for (int t = 0; t < taps; t++)
      a[t] = guarded_filled(channels, values, side);
    k->sum_pool((const float *const *)a, taps, scale, out, channels);
    portable()->sum_pool((const float *const *)a, taps, scale, want, channels);
    expect_same(out, want, channels, "sum_pool", k->isa);
    for (int i = 0; i < channels && values != VALUES_SPECIAL; i++) {
      double sum = 0, magnitude = 0;
      for (int t = 0; t < taps; t++) {
        sum += (double)a[t][i] * scale;
        magnitude += fabs((double)a[t][i] * scale);
      }
      double bound = values == VALUES_INTEGER ? 0 : sum_bound(taps, magnitude);
      g_assert_true(fabs(out[i] - sum) <= bound);
    }
    for (int t = 0; t < taps; t++)
      guarded_free(a[t], "sum_pool");
    guarded_free(out, "sum_pool");
    g_free(want);
  }
}

void
check_bias_clamp(const DcnKernels *k)
{
  static const float limits[][2] = {
      {-INFINITY, INFINITY}, {0, INFINITY}, {0, 6}, {-1, 1}, {-0.f, 0}};
  for (int n = 1; n <= LONGEST; n++) {
    for (guint l = 0; l < G_N_ELEMENTS(limits); l++) {
      float lo = limits[l][0], hi = limits[l][1];
      GuardSide side = g_test_rand_bit();
      float *x = guarded_filled(n, (n + l) % 4, side), *bias = guarded_filled(n, n % 4, side);
      float *y = guarded_new(n, 4, side), *want = g_new(float, n);
      const float *b = n & 1 ? bias : NULL;
      k->bias_clamp(x, b, lo, hi, y, n);
      portable()->bias_clamp(x, b, lo, hi, want, n);
      expect_same(y, want, n, "bias_clamp", k->isa);
      for (int i = 0; i < n; i++) {
        float v = b ? x[i] + b[i] : x[i];
        g_assert_true(isnan(v) ? isnan(y[i]) : y[i] == fmaxf(lo, fminf(hi, v)));
      }
      k->bias_clamp(x, b, lo, hi, x, n); /* in place */
      expect_same(x, want, n, "bias_clamp in place", k->isa);
      guarded_free(x, "bias_clamp");
      guarded_free(bias, "bias_clamp");
      guarded_free(y, "bias_clamp");
      g_free(want);
    }
  }
}

typedef void (*Binary)(const float *a, const float *b, float *y, int n);

static float
plus(float a, float b)
{
  return a + b;
}

static float
times(float a, float b)
{
  return a * b;
}

static void
check_binary(const DcnKernels *k, const char *what, Binary kernel, float (*op)(float, float))
{
  for (int n = 1; n <= LONGEST; n++) {
    for (Values values = VALUES_INTEGER; values <= VALUES_SPECIAL; values++) {
      GuardSide side = g_test_rand_bit();
      float *a = guarded_filled(n, values, side), *b = guarded_filled(n, values, side);
      float *y = guarded_new(n, 4, side), *want = g_new(float, n);
      for (int i = 0; i < n; i++)
        want[i] = op(a[i], b[i]);
      kernel(a, b, y, n);
      expect_same(y, want, n, what, k->isa);
      memcpy(y, a, n * sizeof(float));
      kernel(y, b, y, n);
      expect_same(y, want, n, what, k->isa);
      memcpy(y, b, n * sizeof(float));
      kernel(a, y, y, n);
      expect_same(y, want, n, what, k->isa);
      guarded_free(a, what);
      guarded_free(b, what);
      guarded_free(y, what);
      g_free(want);
    }
  }
}

void
check_add(const DcnKernels *k)
{
  check_binary(k, "add", k->add, plus);
}

void
check_mul(const DcnKernels *k)
{
  check_binary(k, "mul", k->mul, times);
}

/* In double, as the contract says it. */
static double
exact_squash(DcnSquash kind, double x, double a, double b)
{
  double line = a * x + b, hard = isnan(line) ? line : fmax(0, fmin(1, line));
  switch (kind) {
  case DCN_SQUASH_SIGMOID:
    return 1 / (1 + exp(-x));
  case DCN_SQUASH_SWISH:
    return x / (1 + exp(-x));
  case DCN_SQUASH_SOFTPLUS:
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
  case DCN_SQUASH_MISH:
    return x * tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
  case DCN_SQUASH_TANH:
    return tanh(x);
  case DCN_SQUASH_ERF:
    return erf(x);
  case DCN_SQUASH_GELU:
    return x / 2 * erfc(-x / sqrt(2));
  case DCN_SQUASH_GELU_TANH:
    return x / 2 * (1 + tanh(sqrt(2 / G_PI) * (x + 0.044715 * x * x * x)));
  case DCN_SQUASH_ELU:
    return x < 0 ? a * expm1(x) : b * x;
  case DCN_SQUASH_LEAKY:
    return x < 0 ? a * x : x;
  case DCN_SQUASH_HARD_SIGMOID:
    return hard;
  default:
    return x * hard;
  }
}

void
check_squash(const DcnKernels *k)
{
  for (DcnSquash kind = DCN_SQUASH_SIGMOID; kind <= DCN_SQUASH_HARD_SWISH; kind++) {
    gboolean hard = kind >= DCN_SQUASH_HARD_SIGMOID;
    for (int n = 1; n <= LONGEST; n++) {
      Values values = (Values)(n % 4);
      GuardSide side = g_test_rand_bit();
      float *x = guarded_filled(n, values, side), *y = guarded_new(n, 4, side);
      gboolean line = kind == DCN_SQUASH_ELU || kind == DCN_SQUASH_LEAKY,
               of_x = kind == DCN_SQUASH_GELU || kind == DCN_SQUASH_GELU_TANH;
      float a = hard ? 1.0f / 6 : line ? 0.3f : 0, b = hard ? 0.5f : line ? 1.1f : 0;
      if (values == VALUES_UNIFORM) /* where the curves are curved */
        for (int i = 0; i < n; i++)
          x[i] *= n & 4 ? 8 : 100;
      k->squash(kind, x, a, b, y, n);
      for (int i = 0; i < n; i++) {
        double want = exact_squash(kind, x[i], a, b);
        double least =
            kind == DCN_SQUASH_SWISH || kind == DCN_SQUASH_MISH ? fmax(1, fabs(x[i])) : 1;
        /* a * x + b may cancel, so what is left of it is off by as much as 1 would be. */
        double bound = hard ? 3e-7 * fmax(1, kind == DCN_SQUASH_HARD_SWISH ? fabs(x[i]) : 0)
                            : 1e-6 * fabs(of_x ? x[i] : want) + 2e-38 * least;
        if (isnan(x[i]))
          g_assert_true(isnan(y[i]));
        else if (isnan(want)) /* 0 times infinity */
          g_assert_false(isfinite(y[i]));
        else if (isinf(want) || isinf((float)want))
          g_assert_cmpfloat(y[i], ==, (float)want);
        else if (!(fabs(y[i] - want) <= bound))
          g_error("squash %d %s: %g gives %.9g, not %.9g", kind, k->isa, x[i], y[i], want);
      }
      float *again = guarded_new(n, 4, side);
      memcpy(again, x, sizeof(float) * (size_t)n);
      k->squash(kind, again, a, b, again, n); /* in place */
      expect_same(again, y, n, "squash in place", k->isa);
      guarded_free(x, "squash");
      guarded_free(y, "squash");
      guarded_free(again, "squash");
    }
  }
}

/* Three pixels with gaps between them, which must stay as they are. */
static void
diff_case(const DcnKernels *k, int n, Values values, float tolerance, gboolean with_delta,
          GuardSide side)
{
  enum { PIXELS = 3 };
  int gaps = g_test_rand_int_range(0, 2) ? 4 : 1;
  size_t ldx = n + g_test_rand_int_range(0, gaps), ldr = n + g_test_rand_int_range(0, gaps);
  size_t ldd = n + g_test_rand_int_range(0, gaps), words = dcn_mask_words(n);
  size_t nx = ldx * (PIXELS - 1) + n, n_ref = ldr * (PIXELS - 1) + n, nd = ldd * (PIXELS - 1) + n;
  float *x = guarded_filled(nx, values, side), *ref = guarded_filled(n_ref, values, side);
  float *delta = guarded_new(nd, 4, side);
  uint64_t *mask = (uint64_t *)guarded_new(PIXELS * words * 2, 8, side);
  uint8_t changed[PIXELS] = {0, 0, 0};
  gboolean limited = g_test_rand_bit();
  float lo = limited ? 0 : -INFINITY, hi = limited ? 6 : INFINITY;
  for (int p = 0; p < PIXELS; p++) {
    for (int i = 0; i < n; i++) {
      float *xi = x + p * ldx + i, *ri = ref + p * ldr + i;
      switch (g_test_rand_int_range(0, p == 1 ? 1 : 4)) {
      case 0:
        *ri = *xi = limited ? fminf(fmaxf(*xi, 0), 6) : *xi;
        break;
      case 1: /* right at the tolerance, and one step to either side */
        *xi = *ri + tolerance;
        *xi = g_test_rand_bit() ? nextafterf(*xi, INFINITY) : nextafterf(*xi, -INFINITY);
        break;
      default:
        break;
      }
    }
  }
  float *before = g_memdup2(ref, n_ref * sizeof(float));
  DcnDiff d = {.x = x,
               .ldx = ldx,
               .lo = lo,
               .hi = hi,
               .ref = ref,
               .ldr = ldr,
               .delta = with_delta ? delta : NULL,
               .ldd = ldd,
               .mask = mask,
               .changed = changed,
               .tolerance = tolerance};
  int count = k->diff(&d, PIXELS, n), want_count = 0;
  for (int p = 0; p < PIXELS; p++) {
    int of_pixel = 0;
    for (int i = 0; i < (int)words * 64; i++) {
      gboolean bit = mask[p * words + i / 64] >> i % 64 & 1;
      if (i >= n) {
        g_assert_false(bit);
        continue;
      }
      float v = x[p * ldx + i], old = before[p * ldr + i];
      float y = v < lo ? lo : v > hi ? hi : v;
      gboolean differs = !(fabsf(y - old) <= tolerance);
      of_pixel += differs;
      if (bit != differs)
        g_error("diff %s: [%d] of %d: %.9g against %.9g, tolerance %g: %d", k->isa, i, n, y, old,
                tolerance, bit);
      g_assert_cmphex(to_bits(ref[p * ldr + i]), ==, to_bits(differs ? y : old));
      float de = delta[p * ldd + i];
      g_assert_true(!with_delta ? to_bits(de) == 0xffffffff
                    : differs   ? same(de, y - old)
                                : to_bits(de) == 0);
    }
    g_assert_cmpint(changed[p], ==, of_pixel > 0);
    want_count += of_pixel;
    if (p + 1 < PIXELS)
      for (size_t i = p * ldr + n; i < (p + 1) * ldr; i++)
        g_assert_cmphex(to_bits(ref[i]), ==, to_bits(before[i]));
  }
  g_assert_cmpint(count, ==, want_count);
  /* The loop is closed: against what was just propagated nothing differs, but for NaN and
   * infinities. */
  if (values != VALUES_SPECIAL && values != VALUES_EXTREME && !limited) {
    memset(changed, 0, sizeof changed);
    d.x = ref;
    d.ldx = ldr;
    g_assert_cmpint(k->diff(&d, PIXELS, n), ==, 0);
    g_assert_cmpint(changed[0] + changed[1] + changed[2], ==, 0);
  }
  g_free(before);
  guarded_free(x, "diff");
  guarded_free(ref, "diff");
  guarded_free(delta, "diff");
  guarded_free((float *)mask, "diff");
}

/* Listed pixels: what the kernel does with each of them alone, and nothing with the others. */
static void
diff_listed(const DcnKernels *k, int n, Values values, gboolean x_listed, gboolean with_delta)
{
  enum { PIXELS = 7, LISTED = 4 };
  static const int32_t list[LISTED] = {5, 0, 2, 3};
  const char *what = "listed diff";
  size_t ld = (size_t)n + (size_t)g_test_rand_int_range(0, 3),
         floats = ld * (PIXELS - 1) + (size_t)n;
  size_t words = (size_t)dcn_mask_words(n);
  float *x = guarded_filled((int)floats, values, GUARD_END);
  float *ref = guarded_filled((int)floats, values, GUARD_END);
  float *delta = guarded_filled((int)floats, values, GUARD_START);
  float *want_ref = g_memdup2(ref, floats * sizeof(float));
  float *want_delta = g_memdup2(delta, floats * sizeof(float));
  uint64_t *mask = g_new0(uint64_t, PIXELS * words), *want_mask = g_new0(uint64_t, PIXELS * words);
  uint8_t changed[PIXELS] = {0}, want_changed[PIXELS] = {0};
  int want = 0;
  for (int i = 0; i < LISTED; i++) {
    size_t p = (size_t)list[i];
    const DcnDiff one = {.x = x + (x_listed ? p : (size_t)i) * ld,
                         .lo = -1,
                         .hi = 2,
                         .ref = want_ref + p * ld,
                         .delta = with_delta ? want_delta + p * ld : NULL,
                         .mask = want_mask + p * words,
                         .changed = want_changed + p,
                         .tolerance = 0.5f};
    want += k->diff(&one, 1, n);
  }
  const DcnDiff d = {.x = x,
                     .ldx = ld,
                     .lo = -1,
                     .hi = 2,
                     .ref = ref,
                     .ldr = ld,
                     .delta = with_delta ? delta : NULL,
                     .ldd = ld,
                     .mask = mask,
                     .changed = changed,
                     .tolerance = 0.5f,
                     .list = list,
                     .x_listed = x_listed};
  g_assert_cmpint(k->diff(&d, LISTED, n), ==, want);
  expect_same(ref, want_ref, (int)floats, what, k->isa);
  expect_same(delta, want_delta, (int)floats, what, k->isa);
  g_assert_cmpmem(mask, PIXELS * words * sizeof *mask, want_mask, PIXELS * words * sizeof *mask);
  g_assert_cmpmem(changed, PIXELS, want_changed, PIXELS);
  guarded_free(x, what);
  guarded_free(ref, what);
  guarded_free(delta, what);
  g_free(want_ref);
  g_free(want_delta);
  g_free(mask);
  g_free(want_mask);
}

void
check_diff(const DcnKernels *k)
{
  static const float tolerances[] = {0, 1e-3f, 0.5f, 3, 1e-40f, INFINITY};
  for (int n = 1; n <= LONGEST; n++)
    for (Values values = VALUES_INTEGER; values <= VALUES_SPECIAL; values++)
      for (guint t = 0; t < G_N_ELEMENTS(tolerances); t++)
        diff_case(k, n, values, tolerances[t], (n + t) % 3 > 0, (n + t) % 2);
  for (int n = 1; n <= LONGEST; n++)
    diff_listed(k, n, n % 2 ? VALUES_UNIFORM : VALUES_SPECIAL, n / 2 % 2, n / 4 % 2);
}

static gboolean
finite_pixel(const float *x, int channels)
{
  for (int i = 0; i < channels; i++)
    if (!isfinite(x[i]))
      return FALSE;
  return TRUE;
}

/* A row of pixels of which a share differs; what the kernel may leave alone holds 0 before. */
static void
diff_image_case(const DcnKernels *k, int channels, int pixels, Values values, float tolerance,
                int percent, gboolean with_delta, gboolean with_mask, gboolean with_changed,
                GuardSide side)
{
  const char *what = "diff_image";
  int n = pixels * channels, want_count = 0;
  float *x = guarded_new((size_t)pixels * 4, 4, side), *ref = guarded_filled(n, values, side);
  float *delta = guarded_new(n, 4, side);
  uint64_t *mask = (uint64_t *)guarded_new((size_t)pixels * 2, 8, side);
  uint8_t *changed = g_malloc0(pixels);
  memset(mask, 0, (size_t)pixels * sizeof *mask);
  for (int i = 0; i < n; i++) {
    float *xi = x + i / channels * 4 + i % channels;
    *xi = g_test_rand_int_range(0, 100) < percent ? random_value(values) : ref[i];
    if (g_test_rand_int_range(0, 100) < percent) /* right at the tolerance */
      *xi = g_test_rand_bit() ? ref[i] + tolerance : nextafterf(ref[i] + tolerance, INFINITY);
  }
  /* Some pixels are those of before, and said to be; or none. */
  gboolean all = g_test_rand_bit();
  uint64_t out[3] = {0, 0, ~UINT64_C(0)};
  for (int p = 0; p < pixels; p++) {
    float *pixel = ref + p * channels;
    if (all || g_test_rand_int_range(0, 3) || !finite_pixel(pixel, channels))
      out[p / 64] |= UINT64_C(1) << p % 64;
    else
      memcpy(x + p * 4, pixel, sizeof(float) * (size_t)channels);
  }
  /* Of fours of which none is, nothing is looked at. */
  gboolean aside[128] = {FALSE};
  for (int p = 0; p < pixels; p++)
    if ((out[p / 64] >> p / 4 % 16 * 4 & 15) == 0) {
      aside[p] = TRUE;
      for (int i = 0; i < channels; i++)
        x[p * 4 + i] = ref[p * channels + i] + 3;
    }
  float *before = g_memdup2(ref, n * sizeof(float));
  DcnDiff d = {.x = x,
               .ref = ref,
               .delta = with_delta ? delta : NULL,
               .mask = with_mask ? mask : NULL,
               .changed = with_changed ? changed : NULL,
               .tolerance = tolerance};
  int count = k->diff_image(&d, pixels, channels, out);
  g_assert_cmpuint(out[2], ==, ~UINT64_C(0));
  if (pixels % 64)
    g_assert_cmpuint(out[pixels / 64] >> pixels % 64, ==, 0);
  for (int p = 0; p < pixels; p++) {
    uint64_t bits = 0;
    for (int i = 0; i < channels; i++)
      bits |=
          (uint64_t)(!aside[p] && !(fabsf(x[p * 4 + i] - before[p * channels + i]) <= tolerance))
          << i;
    if (mask[p] != (with_mask ? bits : 0) || changed[p] != (with_changed && bits != 0) ||
        (out[p / 64] >> p % 64 & 1) != (bits != 0))
      g_error("diff_image %s: pixel %d of %d, %d channels, tolerance %g: %d, mask %d, not %d",
              k->isa, p, pixels, channels, tolerance, changed[p], (int)mask[p], (int)bits);
    for (int i = 0; i < channels; i++) {
      gboolean differs = bits >> i & 1;
      float old = before[p * channels + i], y = x[p * 4 + i], de = delta[p * channels + i];
      g_assert_cmphex(to_bits(ref[p * channels + i]), ==, to_bits(differs ? y : old));
      if (!with_delta)
        g_assert_cmphex(to_bits(de), ==, 0xffffffff);
      else if (bits)
        g_assert_true(differs ? same(de, y - old) : to_bits(de) == 0);
      want_count += differs;
    }
  }
  g_assert_cmpint(count, ==, want_count);
  g_free(before);
  g_free(changed);
  guarded_free(x, what);
  guarded_free(ref, what);
  guarded_free(delta, what);
  guarded_free((float *)mask, what);
}

void
check_diff_image(const DcnKernels *k)
{
  static const float tolerances[] = {0, 0.5f, 1e-40f, INFINITY};
  static const int percents[] = {0, 3, 30, 100};
  for (int channels = 1; channels <= 4; channels++)
    for (int pixels = 1; pixels <= 128; pixels += pixels < 37                  ? 1
                                                  : pixels < 60 || pixels > 67 ? 9
                                                                               : 1)
      for (Values values = VALUES_INTEGER; values <= VALUES_SPECIAL; values++)
        for (guint t = 0; t < 4; t++)
          diff_image_case(k, channels, pixels, values, tolerances[t], percents[(pixels + t) % 4],
                          (pixels + t) % 3 > 0, (pixels + t) % 5 > 1, (pixels + t) % 7 > 2,
                          (pixels + t) % 2);
}
