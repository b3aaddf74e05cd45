/* deltacnn tests: depthwise convolution with larger windows.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checks.h"
#include "guarded.h"

#define KH_MAX   4
#define TAPS_MAX (KH_MAX * 9)

static float *
guarded_filled(int n, Values values, GuardSide side)
{
  float *p = guarded_new(n, 4, side);
  fill(p, n, values);
  return p;
}

/* One output pixel against the definition in double, and against depthwise over those taps that lie in the image. */
static void
check_pixel(const DcnKernels *k, const DcnDepthwiseWide *d, int p, int channels, Values values)
{
  const float *a[TAPS_MAX], *got = d->out + (size_t)p * d->ldo;
  int inside[TAPS_MAX], taps = 0;
  for (int t = 0; t < d->kh * d->kw; t++) {
    int x = p * d->stride - d->left + t % d->kw;
    const float *line = d->lines[t / d->kw];
    if (!line || x < 0 || x >= d->in_w)
      continue;
    inside[taps] = t;
    a[taps++] = line + (size_t)x * d->step;
  }
  float *w = g_new0(float, MAX(taps, 1) * channels), *alone = g_new(float, channels);
  for (int t = 0; t < taps; t++)
    memcpy(w + t * channels, d->w + (size_t)inside[t] * d->ldw, sizeof(float) * (size_t)channels);
  k->depthwise(a, taps, 0, w, (size_t)channels, d->bias, d->lo, d->hi, alone, 0, 1, channels);
  for (int i = 0; i < channels; i++) {
    double sum = d->bias ? d->bias[i] : 0, magnitude = fabs(sum);
    for (int t = 0; t < taps; t++) {
      sum += (double)a[t][i] * w[t * channels + i];
      magnitude += fabs((double)a[t][i] * w[t * channels + i]);
    }
    double bound = values == VALUES_INTEGER ? 0 : sum_bound(taps, magnitude);
    float low = fmaxf(d->lo, fminf(d->hi, (float)(sum - bound))),
          high = fmaxf(d->lo, fminf(d->hi, (float)(sum + bound)));
    if (!(got[i] >= nextafterf(low, -INFINITY) && got[i] <= nextafterf(high, INFINITY)) ||
        !same(got[i], alone[i]))
      g_error("depthwise_wide %s: pixel %d of %d, channel %d of %d, %d columns, stride %d, left %d "
              "is %.9g, not %.9g (%.9g alone)",
              k->isa, p, d->pixels, i, channels, d->kw, d->stride, d->left, got[i], sum, alone[i]);
  }
  g_free(w);
  g_free(alone);
}

/* Lines end (or begin) at a guard page, output pixels have gaps; one line is missing. */
static void
wide_case(const DcnKernels *k, int channels, int kw, int stride, int in_w, int pixels, int left,
          Values values, GuardSide side)
{
  const char *what = "depthwise_wide";
  const int gap = g_test_rand_bit() ? 5 : 0, kh = g_test_rand_int_range(1, KH_MAX + 1);
  const size_t step = (size_t)(channels + gap), ldw = step + 3;
  const int out_floats = (pixels - 1) * (int)step + channels;
  const float *lines[KH_MAX] = {NULL};
  float *in[KH_MAX];
  float *w = guarded_filled((kh * kw - 1) * (int)ldw + channels, values, side);
  float *bias = guarded_filled(channels, values, side), *out = guarded_new(out_floats, 4, side);
  const int missing = g_test_rand_int_range(0, kh + 1);
  for (int i = 0; i < kh; i++) {
    in[i] = guarded_filled((in_w - 1) * (int)step + channels, values, side);
    lines[i] = i == missing ? NULL : in[i];
  }
  const DcnDepthwiseWide d = {.lines = lines,
                              .step = step,
                              .in_w = in_w,
                              .kh = kh,
                              .kw = kw,
                              .stride = stride,
                              .left = left,
                              .w = w,
                              .ldw = ldw,
                              .bias = g_test_rand_bit() ? bias : NULL,
                              .lo = -1,
                              .hi = 6,
                              .out = out,
                              .ldo = step,
                              .pixels = pixels,
                              .next_out = g_test_rand_bit() ? out : NULL,
                              .next = {in[0], g_test_rand_bit() ? in[0] : NULL}};
  k->depthwise_wide(&d, channels);
  static const unsigned char untouched[4] = {GUARD_BYTE, GUARD_BYTE, GUARD_BYTE, GUARD_BYTE};
  for (int p = 0; p < pixels; p++) {
    check_pixel(k, &d, p, channels, values);
    for (size_t i = (size_t)channels; p + 1 < pixels && i < step; i++)
      g_assert_cmpmem(&out[(size_t)p * step + i], 4, untouched, 4);
  }
  for (int i = 0; i < kh; i++)
    guarded_free(in[i], what);
  guarded_free(w, what);
  guarded_free(bias, what);
  guarded_free(out, what);
}

void
check_depthwise_wide(const DcnKernels *k)
{
  static const int channels[] = {1, 4, 7, 8, 16, 17, 24, 67}, widths[] = {1, 2, 3, 6, 7, 8, 14, 19};
  for (guint c = 0; c < G_N_ELEMENTS(channels); c++)
    for (guint i = 0; i < G_N_ELEMENTS(widths); i++)
      for (int kind = 0; kind < 6; kind++) {
        const int kw = 5 + kind % 3 * 2, stride = 1 + kind / 3, n = widths[i];
        const Values values = (i + c) % 2 ? VALUES_INTEGER : VALUES_UNIFORM;
        /* A whole row with its borders, and a part of one inside. */
        wide_case(k, channels[c], kw, stride, n * stride, n, kw / 2, values, kind % 2);
        wide_case(k, channels[c], kw, stride, n * stride + kw + 2, n, -2, values, kind % 2);
      }
}
