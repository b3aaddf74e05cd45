/* deltacnn benchmark: the matrix kernels of lists of taps and of patches.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The first layer of AlexNet: 64 kernels 3x11x11, stride 4.  Groups of 64 neighbouring output pixels, a share of the
 * taps of each: any of them, or in runs of seven pixels and two rows of taps, as where whole blocks of the image
 * changed; against igemm, whose tap is a row of the window.  The deltas lie in one image, as in the engine. */
#include "bench.h"
#include "util/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  KERNEL = 11,
  CHANNELS = 3,
  STRIDE = 4,
  OUTPUTS = 64,
  SIZE = 55,
  WIDTH = 227,
  TAPS = KERNEL * KERNEL,
  GROUPS = SIZE * SIZE / 64
};

typedef struct {
  const DcnKernels *k;
  float *in, *w, *out;
  const float **rows; /* [tiles][KERNEL][mr], for igemm */
  DcnTap *taps;       /* [GROUPS][TAPS] */
} First;

static const float *
window(const First *f, int pixel)
{
  return f->in + (size_t)(pixel / SIZE * WIDTH + pixel % SIZE) * STRIDE * CHANNELS;
}

static void
run_wgemm(void *context)
{
  const First *f = context;
  const DcnKernels *k = f->k;
  size_t block = (size_t)TAPS * CHANNELS * k->nr;
  for (int g = 0; g < GROUPS; g++) {
    const float *d[64];
    float *out[64];
    for (int i = 0; i < 64; i++)
      d[i] = window(f, g * 64 + i);
    for (int m = 0; m < OUTPUTS; m += k->dn * k->nr) {
      for (int i = 0; i < 64; i++)
        out[i] = f->out + (size_t)(g * 64 + i) * OUTPUTS + m;
      k->wgemm(d, f->taps + (size_t)g * TAPS, TAPS, CHANNELS, f->w + m / k->nr * block, block, out,
               MIN(k->dn * k->nr, OUTPUTS - m));
    }
  }
}

static void
run_igemm(void *context)
{
  const First *f = context;
  const DcnKernels *k = f->k;
  size_t block = (size_t)TAPS * CHANNELS * k->nr;
  for (int m = 0; m < OUTPUTS; m += k->nr)
    for (int p = 0; p < GROUPS * 64; p += k->mr)
      k->igemm(f->rows + (size_t)p * KERNEL, KERNEL, KERNEL * CHANNELS, f->w + m / k->nr * block,
               NULL, NULL, -INFINITY, INFINITY, f->out + (size_t)p * OUTPUTS + m, OUTPUTS,
               MIN(k->mr, GROUPS * 64 - p), MIN(k->nr, OUTPUTS - m));
}

/* Returns how many pixels the taps concern in all. */
static size_t
choose_taps(First *f, double share, gboolean blocks)
{
  size_t count = 0;
  srand(1);
  for (int g = 0; g < GROUPS; g++)
    for (int t = 0; t < TAPS; t++) {
      DcnTap *tap = &f->taps[(size_t)g * TAPS + t];
      *tap = (DcnTap){(t / KERNEL * WIDTH + t % KERNEL) * CHANNELS, t * CHANNELS * f->k->nr, 0};
      int run = blocks ? 7 : 1;
      for (int i = 0; i < 64; i += run)
        if (rand() / (RAND_MAX + 1.0) < share)
          tap->pixels |= ~UINT64_C(0) >> (64 - run) << i;
      if (blocks && t % 2)
        tap->pixels = tap[-1].pixels;
      count += (size_t)__builtin_popcountll(tap->pixels);
    }
  return count;
}

void
bench_wgemm(Bench *bench)
{
  static const double shares[] = {1, 0.5, 0.3, 0.1, 0.02, 0.01};
  const DcnKernels *k = bench->k;
  First f = {.k = k};
  int tiles = (GROUPS * 64 + k->mr - 1) / k->mr;
  f.in = bench_floats((size_t)WIDTH * WIDTH * CHANNELS);
  f.w = bench_floats((size_t)TAPS * CHANNELS * (OUTPUTS + k->nr));
  f.out = bench_floats((size_t)SIZE * SIZE * OUTPUTS);
  f.taps = g_new(DcnTap, (gsize)GROUPS * TAPS);
  f.rows = g_new(const float *, (gsize)tiles *KERNEL * k->mr);
  for (int tile = 0; tile < tiles; tile++)
    for (int t = 0; t < KERNEL; t++)
      for (int i = 0; i < k->mr; i++)
        f.rows[((size_t)tile * KERNEL + t) * k->mr + i] =
            window(&f, MIN(tile * k->mr + i, GROUPS * 64 - 1)) + t * WIDTH * CHANNELS;
  double pixel = 2.0 * OUTPUTS * CHANNELS;
  for (int blocks = 0; blocks < 2; blocks++)
    for (guint s = 0; s < G_N_ELEMENTS(shares); s++) {
      double seconds[2], count = (double)choose_taps(&f, shares[s], blocks);
      bench_median(bench, 2, (BenchFunc[]){run_wgemm, run_igemm}, &f, seconds);
      BENCH_REPORT(bench, "wgemm", blocks ? "11x11 of 3, blocks" : "11x11 of 3, single pixels",
                   {"share", shares[s]}, {"ms", seconds[0] * 1e3},
                   {"gflops", count * pixel / seconds[0] / 1e9},
                   {"dense_gflops", pixel * TAPS * GROUPS * 64 / seconds[1] / 1e9},
                   {"ns_per_tap_and_pixel", seconds[0] * 1e9 / count});
    }
  dcn_aligned_free(f.in);
  dcn_aligned_free(f.w);
  dcn_aligned_free(f.out);
  g_free(f.rows);
  g_free(f.taps);
}

enum { BLOCK = 16, BLOCKS = 48 };

/* Blocks of 16x16 pixels that changed, somewhere: all that their changes add. */
typedef struct {
  const DcnKernels *k;
  float *in, *w, *out; /* [BLOCKS][BLOCK][BLOCK][CHANNELS]; [...][nr]; [BLOCKS][7 * 7][OUTPUTS] */
} Patches;

static void
run_pgemm(void *context)
{
  const Patches *p = context;
  const DcnKernels *k = p->k;
  size_t block = (size_t)TAPS * CHANNELS * k->nr, row = (size_t)BLOCK * CHANNELS;
  for (int y = -2; y <= 4; y++)
    for (int x = -2; x <= 4; x++) {
      float *out[BLOCKS];
      int top = y * STRIDE - 2, left = x * STRIDE - 2, ky = MAX(-top, 0), kx = MAX(-left, 0);
      DcnPatch patch = {.rows = MIN(KERNEL, BLOCK - top) - ky,
                        .n = (MIN(KERNEL, BLOCK - left) - kx) * CHANNELS,
                        .ldd = row,
                        .step = row * BLOCK,
                        .ldw = (size_t)(KERNEL * CHANNELS) * k->nr};
      const float *d = p->in + (size_t)((top + ky) * BLOCK + left + kx) * CHANNELS;
      for (int i = 0; i < BLOCKS; i++)
        out[i] = p->out + (size_t)(i * 49 + (y + 2) * 7 + x + 2) * OUTPUTS;
      for (int m = 0; m < OUTPUTS; m += k->nr) {
        patch.w = p->w + m / k->nr * block + (size_t)(ky * KERNEL + kx) * CHANNELS * k->nr;
        k->pgemm(d, &patch, out, m, BLOCKS, MIN(k->nr, OUTPUTS - m), NULL, 0);
      }
    }
}

void
bench_pgemm(Bench *bench)
{
  const DcnKernels *k = bench->k;
  Patches p = {.k = k};
  p.in = bench_floats((size_t)BLOCKS * BLOCK * BLOCK * CHANNELS);
  p.w = bench_floats((size_t)TAPS * CHANNELS * (OUTPUTS + k->nr));
  p.out = bench_floats((size_t)BLOCKS * 49 * OUTPUTS);
  double seconds[1], products = 44.0 * 44 * BLOCKS * CHANNELS * OUTPUTS;
  bench_median(bench, 1, (BenchFunc[]){run_pgemm}, &p, seconds);
  BENCH_REPORT(bench, "pgemm", "11x11 of 3, 16x16 blocks", {"ms", seconds[0] * 1e3},
               {"gflops", 2 * products / seconds[0] / 1e9});
  dcn_aligned_free(p.in);
  dcn_aligned_free(p.w);
  dcn_aligned_free(p.out);
}
