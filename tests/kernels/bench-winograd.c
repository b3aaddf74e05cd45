/* deltacnn benchmark: the transforms of Winograd convolutions, and of products of polynomials.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A row of tiles, and what a value takes in multiplies of igemm at 3/4 of the peak: the constants of conv-winograd.c. */
#include "bench.h"
#include "kernels/points.h"
#include "kernels/winograd.h"
#include "util/memory.h"
#include <math.h>
#include <stdio.h>

#define TILES 32

typedef struct {
  const DcnKernels *k;
  int m, channels;
  float *pixels, *transformed;
} Winograd;

static void
run_in(void *context)
{
  const Winograd *w = context;
  int side = w->m + 2, n = side * side;
  const float *d[DCN_WINOGRAD_POINTS];
  for (int t = 0; t < TILES; t++) {
    for (int i = 0; i < n; i++)
      d[i] =
          w->pixels + ((size_t)(i / side) * (TILES * w->m + 2) + t * w->m + i % side) * w->channels;
    w->k->winograd_in(w->m, d, w->transformed + (size_t)t * w->channels,
                      (size_t)(TILES * w->channels + 16), w->channels);
  }
}

static void
run_out(void *context)
{
  const Winograd *w = context;
  int n = (w->m + 2) * (w->m + 2), nr = w->k->nr;
  float *out[DCN_WINOGRAD_MOST * DCN_WINOGRAD_MOST];
  for (int j = 0; j < w->channels; j += nr)
    for (int t = 0; t < TILES; t++) {
      for (int i = 0; i < w->m * w->m; i++)
        out[i] = w->pixels +
                 ((size_t)(i / w->m) * (TILES * w->m + 2) + t * w->m + i % w->m) * w->channels;
      w->k->winograd_out(w->m, w->transformed + (size_t)t * n * nr, NULL, 0, INFINITY, out, j, nr);
    }
}

static void
bench(Bench *bench, const char *name, BenchFunc func)
{
  for (int m = 2; m <= DCN_WINOGRAD_MOST; m += 2)
    for (int channels = 32; channels <= 256; channels *= 8) {
      Winograd w = {.k = bench->k, .m = m, .channels = channels};
      int n = (m + 2) * (m + 2);
      w.pixels = bench_floats((size_t)(m + 2) * (TILES * m + 2) * channels);
      w.transformed = bench_floats((size_t)n * (TILES * channels + 16));
      double seconds[1];
      char shape[40];
      snprintf(shape, sizeof shape, "F(%d) %d channels", m, channels);
      bench_median(bench, 1, (BenchFunc[]){func}, &w, seconds);
      BENCH_REPORT(bench, name, shape, {"us", seconds[0] * 1e6},
                   {"ns_per_value", seconds[0] * 1e9 / TILES / n / channels});
      dcn_aligned_free(w.pixels);
      dcn_aligned_free(w.transformed);
    }
}

void
bench_winograd_in(Bench *b)
{
  bench(b, "winograd_in", run_in);
}

void
bench_winograd_out(Bench *b)
{
  bench(b, "winograd_out", run_out);
}

/* As of 16x16 blocks under 64 kernels of 3x11x11 in strides of 4 (first-points.c): four pixels of 12 floats, 64 channels. */
#define PIXEL_FLOATS 12
#define OUTPUTS      64

static void
run_points_in(void *context)
{
  const Winograd *w = context;
  for (int t = 0; t < TILES; t++)
    w->k->points_in(w->pixels + (size_t)t * 4 * PIXEL_FLOATS, PIXEL_FLOATS, 4, PIXEL_FLOATS,
                    w->transformed + (size_t)t * PIXEL_FLOATS, TILES * PIXEL_FLOATS);
}

static void
run_points_out(void *context)
{
  const Winograd *w = context;
  for (int t = 0; t < TILES; t++) {
    float *out[DCN_POINT_COUNT];
    for (int i = 0; i < DCN_POINT_COUNT; i++)
      out[i] = w->pixels + (size_t)(t + i) * OUTPUTS;
    w->k->points_out(w->transformed + (size_t)t * DCN_POINT_COUNT * OUTPUTS, OUTPUTS, out, 0,
                     OUTPUTS);
  }
}

static void
bench_points(Bench *b, const char *name, const char *shape, BenchFunc func)
{
  Winograd w = {.k = b->k};
  w.pixels = bench_floats((TILES + DCN_POINT_COUNT) * OUTPUTS);
  w.transformed = bench_floats(TILES * DCN_POINT_COUNT * OUTPUTS);
  double seconds[1];
  bench_median(b, 1, (BenchFunc[]){func}, &w, seconds);
  BENCH_REPORT(b, name, shape, {"ns_per_row", seconds[0] * 1e9 / TILES});
  dcn_aligned_free(w.pixels);
  dcn_aligned_free(w.transformed);
}

void
bench_points_in(Bench *b)
{
  bench_points(b, "points_in", "4 pixels of 12 floats", run_points_in);
}

void
bench_points_out(Bench *b)
{
  bench_points(b, "points_out", "64 columns", run_points_out);
}
