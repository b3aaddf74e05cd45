/* deltacnn benchmark: kernels along a pixel's channels.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call of these is one pixel, so short lengths matter: some channel counts of real networks, over
 * enough pixels to fill the second-level cache as a layer does. */
#include "bench.h"
#include "util/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FLOATS 65536 /* of each buffer: 256 KB */
#define MANY                                                                                       \
  (4 * 1024 * 1024) /* what a network keeps of its activations: they come from memory \
                                  */
#define TAPS 9

typedef struct {
  const DcnKernels *k;
  int n, count; /* channels, floats in y and z */
  float tolerance;
  float *a, *b, *y, *z;
  uint64_t mask[64];
  uint8_t changed;
} Vector;

static const int lengths[] = {16, 64, 100, 256};

/* The input pixels of a window of nine starting at p, in a row. */
static void
window(const Vector *v, int p, const float **taps)
{
  for (int t = 0; t < TAPS; t++)
    taps[t] = v->a + (p + t * v->n) % (FLOATS - v->n);
}

/* Rows of 14 pixels of a 3x3 window of stride 1, as the middle of a network has them. */
#define ROW 14

static void
run_depthwise(void *context)
{
  Vector *v = context;
  const float *taps[TAPS];
  for (int p = 0; p + ROW * v->n <= FLOATS; p += ROW * v->n) {
    for (int t = 0; t < TAPS; t++)
      taps[t] = v->a + (p + t / 3 * ROW * v->n) % (FLOATS - (ROW + 2) * v->n) + t % 3 * v->n;
    v->k->depthwise(taps, TAPS, (size_t)v->n, v->b, v->n, v->z, 0, 6, v->y + p, (size_t)v->n, ROW,
                    v->n);
  }
}

/* Images of ROW columns and few rows, borders included. */
static void
run_depthwise_rows(void *context)
{
  Vector *v = context;
  enum { ROWS = 8 };
  const float *lines[ROWS * 3];
  for (int p = 0; p + ROWS * ROW * v->n <= FLOATS; p += ROWS * ROW * v->n) {
    for (int i = 0; i < ROWS * 3; i++)
      lines[i] = v->a + (p + (i / 3 + i % 3) * ROW * v->n) % (FLOATS - ROW * v->n);
    const DcnDepthwiseRows d = {.lines = lines,
                                .step = (size_t)v->n,
                                .in_w = ROW,
                                .out_w = ROW,
                                .stride = 1,
                                .left = 1,
                                .w = v->b,
                                .ldw = (size_t)v->n,
                                .bias = v->z,
                                .lo = 0,
                                .hi = 6,
                                .out = v->y + p,
                                .ldo = (size_t)v->n};
    v->k->depthwise_rows(&d, ROWS, v->n);
  }
}

/* Rows of 14 pixels of a 5x5 window, borders included. */
static void
run_depthwise_wide(void *context)
{
  Vector *v = context;
  const float *lines[5];
  for (int p = 0; p + ROW * v->n <= FLOATS; p += ROW * v->n) {
    for (int i = 0; i < 5; i++)
      lines[i] = v->a + (p + i * ROW * v->n) % (FLOATS - ROW * v->n);
    const DcnDepthwiseWide d = {.lines = lines,
                                .step = (size_t)v->n,
                                .in_w = ROW,
                                .kh = 5,
                                .kw = 5,
                                .stride = 1,
                                .left = 2,
                                .w = v->b,
                                .ldw = (size_t)v->n,
                                .bias = v->z,
                                .lo = 0,
                                .hi = 6,
                                .out = v->y + p,
                                .ldo = (size_t)v->n,
                                .pixels = ROW};
    v->k->depthwise_wide(&d, v->n);
  }
}

/* Rows of 14 pixels in groups of 4, 8 or 16, borders included, in turn. */
static void
run_grouped(Vector *v, int group)
{
  enum { ROWS = 8 };
  const int channels = v->n / 16 * 16;
  const float *lines[ROWS + 2];
  for (int p = 0; channels && p + ROWS * ROW * channels <= FLOATS; p += ROWS * ROW * channels) {
    for (int i = 0; i < ROWS + 2; i++)
      lines[i] = v->a + (p + i * ROW * channels) % (FLOATS - ROW * channels);
    const DcnGroupedRows d = {.group = group,
                              .lines = lines,
                              .step = (size_t)channels,
                              .in_w = ROW,
                              .stride = 1,
                              .left = 1,
                              .w = v->b,
                              .bias = v->z,
                              .lo = 0,
                              .hi = 6,
                              .out = v->y + p,
                              .ldo = (size_t)channels,
                              .row = (size_t)(ROW * channels),
                              .rows = ROWS,
                              .pixels = ROW};
    v->k->grouped_rows(&d, channels);
  }
}

static void
run_grouped_4(void *context)
{
  run_grouped(context, 4);
}

static void
run_grouped_8(void *context)
{
  run_grouped(context, 8);
}

static void
run_grouped_16(void *context)
{
  run_grouped(context, 16);
}

static void
run_max_pool(void *context)
{
  Vector *v = context;
  const float *taps[TAPS];
  for (int p = 0; p + v->n <= FLOATS; p += v->n) {
    window(v, p, taps);
    v->k->max_pool(taps, TAPS, v->y + p, v->n);
  }
}

static void
run_sum_pool(void *context)
{
  Vector *v = context;
  const float *taps[TAPS];
  for (int p = 0; p + v->n <= FLOATS; p += v->n) {
    window(v, p, taps);
    v->k->sum_pool(taps, TAPS, 1.f / TAPS, v->y + p, v->n);
  }
}

static void
run_bias_clamp(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->bias_clamp(v->a + p, v->b, 0, INFINITY, v->y + p, v->n);
}

static void
run_add(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->add(v->a + p, v->b + p, v->y + p, v->n);
}

static void
run_mul(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->mul(v->a + p, v->b + p, v->y + p, v->n);
}

static void
run_squash(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->squash(DCN_SQUASH_SWISH, v->a + p, 0, 0, v->y + p, v->n);
}

static void
run_gelu(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->squash(DCN_SQUASH_GELU, v->a + p, 0, 0, v->y + p, v->n);
}

/* a and b are propagated in turn, so that with a tolerance of 0 every value changes each time. */
static void
run_diff(void *context)
{
  Vector *v = context;
  for (int p = 0; p + v->n <= v->count; p += v->n)
    v->k->diff(&(DcnDiff){.x = v->a + p % FLOATS,
                          .lo = -INFINITY,
                          .hi = INFINITY,
                          .ref = v->z + p,
                          .delta = v->y + p,
                          .mask = v->mask,
                          .changed = &v->changed,
                          .tolerance = v->tolerance},
               1, v->n);
  float *a = v->a;
  v->a = v->b;
  v->b = a;
}

static void
bench_vector(Bench *bench, const char *kernel, BenchFunc run, int count, float tolerance,
             const char *note)
{
  for (guint i = 0; i < G_N_ELEMENTS(lengths); i++) {
    Vector v = {.k = bench->k, .n = lengths[i], .count = count, .tolerance = tolerance};
    v.a = bench_floats(FLOATS + 256);
    v.b = bench_floats(FLOATS + 256);
    v.y = bench_floats(count);
    v.z = bench_floats(count);
    for (int j = 0; j < FLOATS + 256; j++)
      v.b[j] += 0.5f;
    double seconds;
    bench_median(bench, 1, &run, &v, &seconds);
    char shape[48];
    snprintf(shape, sizeof shape, "%d channels%s", v.n, note);
    int pixels = count / v.n;
    BENCH_REPORT(bench, kernel, shape, {"ns_per_pixel", seconds / pixels * 1e9},
                 {"gvalues_per_s", (double)pixels * v.n / seconds / 1e9});
    dcn_aligned_free(v.a);
    dcn_aligned_free(v.b);
    dcn_aligned_free(v.y);
    dcn_aligned_free(v.z);
  }
}

void
bench_depthwise(Bench *bench)
{
  bench_vector(bench, "depthwise", run_depthwise, FLOATS, 0, " 3x3");
}

void
bench_depthwise_rows(Bench *bench)
{
  bench_vector(bench, "depthwise_rows", run_depthwise_rows, FLOATS, 0, " 3x3");
}

void
bench_depthwise_wide(Bench *bench)
{
  bench_vector(bench, "depthwise_wide", run_depthwise_wide, FLOATS, 0, " 5x5");
}

void
bench_grouped_rows(Bench *bench)
{
  bench_vector(bench, "grouped_rows", run_grouped_4, FLOATS, 0, " groups of 4");
  bench_vector(bench, "grouped_rows", run_grouped_8, FLOATS, 0, " groups of 8");
  bench_vector(bench, "grouped_rows", run_grouped_16, FLOATS, 0, " groups of 16");
}

void
bench_max_pool(Bench *bench)
{
  bench_vector(bench, "max_pool", run_max_pool, FLOATS, 0, " 3x3");
}

void
bench_sum_pool(Bench *bench)
{
  bench_vector(bench, "sum_pool", run_sum_pool, FLOATS, 0, " 3x3");
}

void
bench_bias_clamp(Bench *bench)
{
  bench_vector(bench, "bias_clamp", run_bias_clamp, FLOATS, 0, "");
}

void
bench_add(Bench *bench)
{
  bench_vector(bench, "add", run_add, FLOATS, 0, "");
}

void
bench_mul(Bench *bench)
{
  bench_vector(bench, "mul", run_mul, FLOATS, 0, "");
}

void
bench_squash(Bench *bench)
{
  bench_vector(bench, "squash", run_squash, FLOATS, 0, "");
  bench_vector(bench, "squash", run_gelu, FLOATS, 0, " Gelu");
}

static void
run_softmax(void *context)
{
  const Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->softmax(v->a + p, v->y + p, v->n);
}

void
bench_softmax(Bench *bench)
{
  bench_vector(bench, "softmax", run_softmax, FLOATS, 0, "");
}

static void
run_normalise(void *context)
{
  const Vector *v = context;
  for (int p = 0; p + v->n <= FLOATS; p += v->n)
    v->k->normalise(v->a + p, 1e-5f, v->y + p, v->n);
}

void
bench_normalise(Bench *bench)
{
  bench_vector(bench, "normalise", run_normalise, FLOATS, 0, "");
}

void
bench_diff(Bench *bench)
{
  bench_vector(bench, "diff", run_diff, FLOATS, 0, " all");
  bench_vector(bench, "diff", run_diff, FLOATS, INFINITY, " none");
  bench_vector(bench, "diff", run_diff, MANY, 0, " all, memory");
  bench_vector(bench, "diff", run_diff, MANY, INFINITY, " none, memory");
}

/* Every step-th pixel of an image changes each time.  As in networks whose first layer alone reads it, without marks. */
static void
run_diff_image(void *context)
{
  Vector *v = context;
  int pixels = FLOATS / 4;
  for (int p = 0; p < pixels; p += v->n)
    v->a[p * 4] = -v->a[p * 4];
  for (int p = 0; p < pixels; p += 1024) {
    uint64_t bits[16];
    memset(bits, 255, sizeof bits);
    v->k->diff_image(&(DcnDiff){.x = v->a + p * 4, .ref = v->z + p * 3}, MIN(1024, pixels - p), 3,
                     bits);
  }
}

void
bench_diff_image(Bench *bench)
{
  static const int steps[] = {100, 5, 1};
  int pixels = FLOATS / 4;
  for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
    Vector v = {.k = bench->k, .n = steps[i]};
    v.a = bench_floats(FLOATS);
    v.z = bench_floats(FLOATS);
    double seconds;
    BenchFunc run = run_diff_image;
    bench_median(bench, 1, &run, &v, &seconds);
    char shape[48];
    snprintf(shape, sizeof shape, "3 channels, %d %% change", 100 / steps[i]);
    BENCH_REPORT(bench, "diff_image", shape, {"ns_per_pixel", seconds / pixels * 1e9},
                 {"gvalues_per_s", 3.0 * pixels / seconds / 1e9});
    dcn_aligned_free(v.a);
    dcn_aligned_free(v.z);
  }
}
