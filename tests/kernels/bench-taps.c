/* deltacnn benchmark: the matrix kernel over lists of taps.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first layer of AlexNet: 64 kernels 3x11x11, stride 4.  Tiles of 1 to tr neighbouring output
 * pixels whose windows share a list of spans, from one to all of them, against igemm, whose
 * tap is a row of the window.  The deltas lie in one image, as in the engine. */
#include "bench.h"
#include "util/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNEL = 11, CHANNELS = 3, STRIDE = 4, OUTPUTS = 64, SIZE = 55, WIDTH = 227 };

typedef struct {
  const DcnKernels *k;
  float *in, *w, *out;
  const float **rows; /* [tiles][KERNEL][mr], for igemm */
  DcnTap *taps;
  DcnSpan *spans;
  int count; /* of taps or spans */
  int pixels;
} First;

static const float *
window(const First *f, int pixel)
{
  return f->in + (size_t)(pixel / SIZE * WIDTH + pixel % SIZE) * STRIDE * CHANNELS;
}

static void
run_tgemm(void *context)
{
  const First *f = context;
  const DcnKernels *k = f->k;
  size_t block = (size_t)KERNEL * KERNEL * CHANNELS * k->nr;
  for (int m = 0; m < OUTPUTS; m += k->nr)
    for (int p = 0; p < SIZE * SIZE; p += f->pixels) {
      const float *d[DCN_TR_MAX];
      float *out[DCN_TR_MAX];
      int n = MIN(f->pixels, SIZE * SIZE - p);
      for (int i = 0; i < k->tr; i++) {
        int pixel = p + MIN(i, n - 1);
        d[i] = window(f, pixel);
        out[i] = f->out + (size_t)pixel * OUTPUTS + m;
      }
      k->tgemm(d, f->spans, f->count, f->w + m / k->nr * block, out, n, MIN(k->nr, OUTPUTS - m));
    }
}

static void
run_igemm(void *context)
{
  const First *f = context;
  const DcnKernels *k = f->k;
  size_t block = (size_t)KERNEL * KERNEL * CHANNELS * k->nr;
  for (int m = 0; m < OUTPUTS; m += k->nr)
    for (int p = 0; p < SIZE * SIZE; p += k->mr)
      k->igemm(f->rows + (size_t)p * KERNEL, KERNEL, KERNEL * CHANNELS, f->w + m / k->nr * block,
               NULL, NULL, -INFINITY, INFINITY, f->out + (size_t)p * OUTPUTS + m, OUTPUTS,
               MIN(k->mr, SIZE * SIZE - p), MIN(k->nr, OUTPUTS - m));
}

/* Single pixels with a share of their taps each. */
typedef struct {
  First f;
  const float **windows;
  float **outs;
  uint64_t *masks;
} Singles;

static void
run_mgemm(void *context)
{
  const Singles *s = context;
  const DcnKernels *k = s->f.k;
  size_t block = (size_t)KERNEL * KERNEL * CHANNELS * k->nr;
  for (int m = 0; m < OUTPUTS; m += k->dn * k->nr) {
    float *out[SIZE];
    for (int p = 0; p < SIZE * SIZE; p += SIZE) {
      for (int i = 0; i < SIZE; i++)
        out[i] = s->outs[p + i] + m;
      k->mgemm(s->windows + p, s->masks + (size_t)p * 2, 2, s->f.taps, CHANNELS,
               s->f.w + m / k->nr * block, block, out, SIZE, MIN(k->dn * k->nr, OUTPUTS - m));
    }
  }
}

void
bench_mgemm(Bench *bench)
{
  static const double shares[] = {1, 0.3, 0.1, 0.02, 0.01};
  const DcnKernels *k = bench->k;
  Singles s = {.f.k = k};
  First *f = &s.f;
  f->in = bench_floats((size_t)WIDTH * WIDTH * CHANNELS);
  f->w = bench_floats((size_t)KERNEL * KERNEL * CHANNELS * (OUTPUTS + k->nr));
  f->out = bench_floats((size_t)SIZE * SIZE * OUTPUTS);
  f->taps = g_new(DcnTap, 128);
  s.windows = g_new(const float *, SIZE *SIZE);
  s.outs = g_new(float *, SIZE *SIZE);
  s.masks = g_new(uint64_t, SIZE * SIZE * 2);
  for (int t = 0; t < KERNEL * KERNEL; t++)
    f->taps[t] = (DcnTap){(t / KERNEL * WIDTH + t % KERNEL) * CHANNELS, t * CHANNELS * k->nr};
  for (int p = 0; p < SIZE * SIZE; p++) {
    s.windows[p] = window(f, p);
    s.outs[p] = f->out + (size_t)p * OUTPUTS;
  }
  for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
    srand(1);
    size_t count = 0;
    memset(s.masks, 0, sizeof *s.masks * SIZE * SIZE * 2);
    for (size_t p = 0; p < SIZE * SIZE; p++)
      for (int t = 0; t < KERNEL * KERNEL; t++)
        if (rand() / (RAND_MAX + 1.0) < shares[i]) {
          s.masks[p * 2 + t / 64] |= (uint64_t)1 << t % 64;
          count++;
        }
    double seconds[1];
    bench_median(bench, 1, (BenchFunc[]){run_mgemm}, &s, seconds);
    BENCH_REPORT(bench, "mgemm", "11x11 of 3", {"share", shares[i]}, {"ms", seconds[0] * 1e3},
                 {"gflops", 2.0 * (double)count * CHANNELS * OUTPUTS / seconds[0] / 1e9},
                 {"ns_per_pixel", seconds[0] * 1e9 / (SIZE * SIZE)});
  }
  dcn_aligned_free(f->in);
  dcn_aligned_free(f->w);
  dcn_aligned_free(f->out);
  g_free(f->taps);
  g_free(s.windows);
  g_free(s.outs);
  g_free(s.masks);
}

void
bench_tgemm(Bench *bench)
{
  static const double shares[] = {1, 0.3, 0.1, 0.02};
  const DcnKernels *k = bench->k;
  First f = {.k = k};
  int tiles = (SIZE * SIZE + k->mr - 1) / k->mr;
  f.in = bench_floats((size_t)WIDTH * WIDTH * CHANNELS);
  f.w = bench_floats((size_t)KERNEL * KERNEL * CHANNELS * (OUTPUTS + k->nr));
  f.out = bench_floats((size_t)SIZE * SIZE * OUTPUTS);
  f.rows = g_new(const float *, (gsize)tiles *KERNEL * k->mr);
  f.spans = g_new(DcnSpan, KERNEL * KERNEL);
  for (int tile = 0; tile < tiles; tile++)
    for (int t = 0; t < KERNEL; t++)
      for (int i = 0; i < k->mr; i++)
        f.rows[((size_t)tile * KERNEL + t) * k->mr + i] =
            window(&f, MIN(tile * k->mr + i, SIZE * SIZE - 1)) + t * WIDTH * CHANNELS;
  double dense = 2.0 * SIZE * SIZE * OUTPUTS * KERNEL * KERNEL * CHANNELS;
  for (f.pixels = 1; f.pixels <= k->tr; f.pixels++)
    for (guint s = 0; s < G_N_ELEMENTS(shares); s++) {
      srand(1);
      f.count = 0;
      int taps = 0, last = 0;
      for (int t = 0; t < KERNEL * KERNEL; t++)
        if (rand() / (RAND_MAX + 1.0) < shares[s]) {
          if (taps > 0 && last == t - 1 && t % KERNEL)
            f.spans[f.count - 1].floats += CHANNELS;
          else
            f.spans[f.count++] = (DcnSpan){(t / KERNEL * WIDTH + t % KERNEL) * CHANNELS,
                                           t * CHANNELS * k->nr, CHANNELS};
          last = t;
          taps++;
        }
      double seconds[2], done = dense * taps / (KERNEL * KERNEL);
      bench_median(bench, 2, (BenchFunc[]){run_tgemm, run_igemm}, &f, seconds);
      char name[40];
      snprintf(name, sizeof name, "11x11 of 3, %d pixels", f.pixels);
      BENCH_REPORT(bench, "tgemm", name, {"taps", taps}, {"ms", seconds[0] * 1e3},
                   {"gflops", done / seconds[0] / 1e9}, {"dense_gflops", dense / seconds[1] / 1e9},
                   {"times_dense", seconds[1] / seconds[0]});
    }
  dcn_aligned_free(f.in);
  dcn_aligned_free(f.w);
  dcn_aligned_free(f.out);
  g_free(f.rows);
  g_free(f.spans);
}
