/* deltacnn benchmark: matrix kernels on layers of well-known networks.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * igemm      all tiles of a layer, against the peak and against OpenBLAS sgemm on the same sizes,
 * one thread.  sgemm gets its matrix unfolded beforehand and that is not counted; nor are the
 * pointer lists of igemm. rgemm      the same layers by rows, against igemm. dgemm      3x3 layers at several shares of changed values, against igemm
 * on the whole layer in the same run. gemv       the first fully connected layer of AlexNet,
 * against reading as much memory. */
#include "bench.h"
#include "util/memory.h"
#include "util/half.h"
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  int size;     /* output: size x size pixels */
  int channels; /* per tap */
  int kernel;   /* kernel x kernel taps, stride 1, "same" */
  int outputs;
} Layer;

static const Layer layers[] = {
    {"alexnet conv2 5x5", 27, 64, 5, 192},     {"alexnet conv3", 13, 192, 3, 384},
    {"alexnet conv4", 13, 384, 3, 256},        {"alexnet conv5", 13, 256, 3, 256},
    {"resnet 56 64-64", 56, 64, 3, 64},        {"resnet 28 128-128", 28, 128, 3, 128},
    {"resnet 14 256-256", 14, 256, 3, 256},    {"resnet 7 512-512", 7, 512, 3, 512},
    {"first 11x11 of 3", 55, 3, 11, 64},       {"squeeze 1x1", 27, 256, 1, 32},
    {"first 3x3 of 3 to 8", 48, 3, 3, 8},      {"mobilenet 1x1 8-16", 48, 8, 1, 16},
    {"mobilenet 1x1 16-32", 48, 16, 1, 32},    {"mobilenet 1x1 64-64", 12, 64, 1, 64},
    {"mobilenet 1x1 128-128", 6, 128, 1, 128},
};

#define DCN_BENCH_KERNEL_MAX 11 /* of the layers above */

typedef struct {
  const DcnKernels *k;
  const Layer *layer;
  int taps, pixels, n_tiles, width; /* width of a row with its border */
  float *in;                        /* [width][width][channels] */
  float *w;                         /* [blocks][taps][channels][nr] */
  float *out;                       /* [pixels][outputs] */
  const float **tiles;              /* igemm: [tiles][taps][mr] */
  float *unfolded, *b;              /* sgemm: [pixels][taps*channels], [taps*channels][outputs] */
  /* dgemm */
  float *delta;         /* like in */
  const float **dtiles; /* [tiles][taps][dr] */
  uint64_t *masks;      /* [tiles][taps][words] */
  float **douts;        /* [tiles][dr], of channel block 0 */
  int *dpixels;         /* [tiles] */
  gboolean *any;        /* [tiles] */
  int dcount;
  double union_share;
} Conv;

static size_t
input_offset(const Conv *c, int pixel, int tap)
{
  int kernel = c->layer->kernel;
  int y = pixel / c->layer->size + tap / kernel, x = pixel % c->layer->size + tap % kernel;
  return ((size_t)y * c->width + x) * c->layer->channels;
}

/* As few tiles as can be, of as equal a size as can be. */
static int
tile_begin(const Conv *c, int tile)
{
  return c->pixels * tile / c->n_tiles;
}

static void
conv_init(Conv *c, const DcnKernels *k, const Layer *layer)
{
  memset(c, 0, sizeof *c);
  c->k = k;
  c->layer = layer;
  c->taps = layer->kernel * layer->kernel;
  c->pixels = layer->size * layer->size;
  c->width = layer->size + layer->kernel - 1;
  int blocks = (layer->outputs + k->nr - 1) / k->nr, tiles = (c->pixels + k->mr - 1) / k->mr;
  c->n_tiles = tiles;
  size_t rows = (size_t)c->taps * layer->channels;
  c->in = bench_floats((size_t)c->width * c->width * layer->channels);
  c->w = bench_floats(blocks * rows * k->nr);
  c->out = bench_floats((size_t)c->pixels * layer->outputs);
  c->tiles = g_new(const float *, (gsize)tiles * c->taps * k->mr);
  for (int tile = 0; tile < tiles; tile++)
    for (int t = 0; t < c->taps; t++)
      for (int i = 0; i < k->mr; i++)
        c->tiles[((size_t)tile * c->taps + t) * k->mr + i] =
            c->in + input_offset(c, MIN(tile_begin(c, tile) + i, c->pixels - 1), t);
}

static void
conv_clear(Conv *c)
{
  dcn_aligned_free(c->in);
  dcn_aligned_free(c->w);
  dcn_aligned_free(c->out);
  dcn_aligned_free(c->unfolded);
  dcn_aligned_free(c->b);
  g_free(c->tiles);
}

static double
conv_flops(const Conv *c)
{
  return 2.0 * c->pixels * c->taps * c->layer->channels * c->layer->outputs;
}

static void
run_igemm(void *context)
{
  const Conv *c = context;
  const DcnKernels *k = c->k;
  size_t rows = (size_t)c->taps * c->layer->channels;
  for (int m = 0; m < c->layer->outputs; m += k->nr) {
    const float *w = c->w + m * rows;
    for (int tile = 0; tile < c->n_tiles; tile++) {
      int p = tile_begin(c, tile);
      gboolean fetch = tile < 4 && m + k->nr < c->layer->outputs;
      k->igemm(c->tiles + (size_t)tile * c->taps * k->mr, c->taps, c->layer->channels, w,
               fetch ? w + rows * k->nr + tile * (rows * k->nr / 4) : NULL, NULL, -INFINITY,
               INFINITY, c->out + (size_t)p * c->layer->outputs + m, c->layer->outputs,
               tile_begin(c, tile + 1) - p, MIN(k->nr, c->layer->outputs - m));
    }
  }
}

/* Rows of the padded image; 1x1: the whole image. */
static void
run_rgemm(void *context)
{
  const Conv *c = context;
  const DcnKernels *k = c->k;
  size_t rows = (size_t)c->taps * c->layer->channels, outputs = (size_t)c->layer->outputs;
  gboolean point = c->layer->kernel == 1;
  int height = point ? 1 : c->layer->size, width = point ? c->pixels : c->layer->size;
  for (int m = 0; m < c->layer->outputs; m += k->nr)
    for (int y = 0; y < height; y++) {
      const float *a[DCN_BENCH_KERNEL_MAX];
      for (int ky = 0; ky < c->layer->kernel; ky++)
        a[ky] = c->in + input_offset(c, y * width, ky * c->layer->kernel);
      k->rgemm(a, c->layer->kernel, (size_t)c->layer->channels,
               c->layer->kernel * c->layer->channels, c->w + m * rows, NULL, NULL, -INFINITY,
               INFINITY, c->out + (size_t)y * (size_t)width * outputs + m, outputs, width,
               MIN(k->nr, c->layer->outputs - m));
    }
}

static void
run_sgemm(void *context)
{
  const Conv *c = context;
  int rows = c->taps * c->layer->channels, outputs = c->layer->outputs;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, c->pixels, outputs, rows, 1, c->unfolded,
              rows, c->b, outputs, 0, c->out, outputs);
}

/* Measured in turn with the kernels, because the clock of a shared machine moves. */
static double peak_operations;

static void
run_peak(void *context)
{
  const Conv *c = context;
  peak_operations = bench_peak(c->k->isa, 200000);
}

void
bench_igemm(Bench *bench)
{
  openblas_set_num_threads(1);
  for (guint l = 0; l < G_N_ELEMENTS(layers); l++) {
    Conv c;
    conv_init(&c, bench->k, &layers[l]);
    size_t rows = (size_t)c.taps * c.layer->channels;
    c.unfolded = bench_floats(c.pixels * rows);
    c.b = bench_floats(rows * c.layer->outputs);
    double seconds[3], flops = conv_flops(&c);
    bench_median(bench, 3, (BenchFunc[]){run_igemm, run_sgemm, run_peak}, &c, seconds);
    double peak = peak_operations / seconds[2];
    BENCH_REPORT(bench, "igemm", c.layer->name, {"ms", seconds[0] * 1e3},
                 {"gflops", flops / seconds[0] / 1e9}, {"of_peak", flops / seconds[0] / peak},
                 {"openblas_gflops", flops / seconds[1] / 1e9},
                 {"times_openblas", seconds[1] / seconds[0]});
    conv_clear(&c);
  }
}

void
bench_rgemm(Bench *bench)
{
  for (guint l = 0; l < G_N_ELEMENTS(layers); l++) {
    Conv c;
    conv_init(&c, bench->k, &layers[l]);
    double seconds[2], flops = conv_flops(&c);
    bench_median(bench, 2, (BenchFunc[]){run_rgemm, run_igemm}, &c, seconds);
    BENCH_REPORT(bench, "rgemm", c.layer->name, {"ms", seconds[0] * 1e3},
                 {"gflops", flops / seconds[0] / 1e9}, {"times_igemm", seconds[1] / seconds[0]});
    conv_clear(&c);
  }
}

static double
random_share(void)
{
  return rand() / (RAND_MAX + 1.0);
}

/* Changes as video has them: groups of four pixels are quiet or active, and an active group has
 * channels that change often.  Masks are per pixel and tap tile: the union over the tile's pixels.
 */
static void
make_changes(Conv *c, double share)
{
  int channels = c->layer->channels, words = dcn_mask_words(channels), dr = c->k->dr,
      size = c->layer->size;
  size_t positions = (size_t)c->width * c->width;
  uint64_t *changed = g_new0(uint64_t, positions * words);
  double groups = share < 0.5 ? MIN(share * 2.5, 1) : 1, of_group = share / groups;
  double chosen = MIN(of_group * 1.6, 1), of_chosen = of_group / chosen;
  memset(c->delta, 0, positions * channels * sizeof(float));
  srand(1);
  for (int y = 0; y < c->width; y++) {
    for (int x = 0; x < c->width; x += 4) {
      if (random_share() >= groups)
        continue;
      for (int n = 0; n < channels; n++) {
        if (random_share() >= chosen)
          continue;
        for (int i = 0; i < 4 && x + i < c->width; i++) {
          size_t p = (size_t)y * c->width + x + i;
          if (random_share() < of_chosen) {
            c->delta[p * channels + n] = c->in[p * channels + n];
            changed[p * words + n / 64] |= (uint64_t)1 << n % 64;
          }
        }
      }
    }
  }

  /* Tiles of dr pixels of one row. */
  uint64_t set = 0;
  c->dcount = 0;
  for (int y = 0; y < size; y++) {
    for (int x = 0; x < size; x += dr) {
      int tile = c->dcount++;
      c->dpixels[tile] = MIN(dr, size - x);
      c->any[tile] = FALSE;
      for (int t = 0; t < c->taps; t++) {
        uint64_t *mask = c->masks + ((size_t)tile * c->taps + t) * words;
        memset(mask, 0, words * sizeof *mask);
        for (int i = 0; i < dr; i++) {
          size_t offset = input_offset(c, y * size + MIN(x + i, size - 1), t);
          c->dtiles[((size_t)tile * c->taps + t) * dr + i] = c->delta + offset;
          for (int j = 0; j < words; j++)
            mask[j] |= changed[offset / channels * words + j];
        }
        for (int j = 0; j < words; j++) {
          set += (uint64_t)__builtin_popcountll(mask[j]) * c->dpixels[tile];
          c->any[tile] |= mask[j] != 0;
        }
      }
      for (int i = 0; i < dr; i++)
        c->douts[(size_t)tile * dr + i] =
            c->out + (size_t)(y * size + MIN(x + i, size - 1)) * c->layer->outputs;
    }
  }
  c->union_share = (double)set / ((double)c->pixels * c->taps * channels);
  g_free(changed);
}

static void
run_dgemm(void *context)
{
  const Conv *c = context;
  const DcnKernels *k = c->k;
  size_t rows = (size_t)c->taps * c->layer->channels;
  int words = dcn_mask_words(c->layer->channels);
  for (int m = 0; m < c->layer->outputs; m += k->dn * k->nr) {
    for (int tile = 0; tile < c->dcount; tile++) {
      if (!c->any[tile])
        continue;
      float *out[DCN_DR_MAX];
      for (int i = 0; i < k->dr; i++)
        out[i] = c->douts[(size_t)tile * k->dr + i] + m;
      k->dgemm(c->dtiles + (size_t)tile * c->taps * k->dr,
               c->masks + (size_t)tile * c->taps * words, c->taps, words, c->layer->channels,
               c->w + m * rows, rows * k->nr, out, c->dpixels[tile],
               MIN(k->dn * k->nr, c->layer->outputs - m));
    }
  }
}

void
bench_dgemm(Bench *bench)
{
  static const Layer shapes[] = {{"56 64-64", 56, 64, 3, 64},
                                 {"28 128-128", 28, 128, 3, 128},
                                 {"56 64-192", 56, 64, 3, 192},
                                 {"14 256-256", 14, 256, 3, 256},
                                 {"12 384-256", 12, 384, 3, 256}};
  static const double shares[] = {1, 0.6, 0.5, 0.45, 0.35, 0.2, 0.1, 0.05, 0.02, 0.005};
  for (guint l = 0; l < G_N_ELEMENTS(shapes); l++) {
    Conv c;
    conv_init(&c, bench->k, &shapes[l]);
    size_t tiles = (size_t)c.pixels, words = dcn_mask_words(c.layer->channels);
    c.delta = bench_floats((size_t)c.width * c.width * c.layer->channels);
    c.dtiles = g_new(const float *, tiles *c.taps * bench->k->dr);
    c.masks = g_new(uint64_t, tiles * c.taps * words);
    c.douts = g_new(float *, tiles * bench->k->dr);
    c.dpixels = g_new(int, tiles);
    c.any = g_new(gboolean, tiles);
    double seconds[2], flops = conv_flops(&c);
    for (guint s = 0; s < G_N_ELEMENTS(shares); s++) {
      make_changes(&c, shares[s]);
      bench_median(bench, 2, (BenchFunc[]){run_dgemm, run_igemm}, &c, seconds);
      BENCH_REPORT(
          bench, "dgemm", c.layer->name, {"changed", shares[s]}, {"of_multiplies", c.union_share},
          {"ms", seconds[0] * 1e3}, {"gflops", c.union_share * flops / seconds[0] / 1e9},
          {"dense_gflops", flops / seconds[1] / 1e9}, {"times_dense", seconds[1] / seconds[0]});
    }
    dcn_aligned_free(c.delta);
    g_free(c.dtiles);
    g_free(c.masks);
    g_free(c.douts);
    g_free(c.dpixels);
    g_free(c.any);
    conv_clear(&c);
  }
}

typedef struct {
  const DcnKernels *k;
  uint32_t *index;
  float *x, *w, *y;
  int bytes; /* of a weight: 4 floats, 2 numbers of half precision, 1 bytes */
  float *zero, *scale;
  int count, rows, columns;
} Gemv;

static void
run_gemv(void *context)
{
  Gemv *g = context;
  if (g->bytes == 1)
    g->k->gemv_bytes(g->index, g->x, g->count, (const uint8_t *)(const void *)g->w, g->columns,
                     g->zero, g->scale, g->y, g->columns);
  else if (g->bytes == 2)
    g->k->gemv_half(g->index, g->x, g->count, (const uint16_t *)(const void *)g->w, g->columns,
                    g->y, g->columns);
  else
    g->k->gemv(g->index, g->x, g->count, g->w, g->columns, g->y, g->columns);
}

/* Eight streams, as gemv has them: one alone is read at half the rate. */
static void
run_read(void *context)
{
  Gemv *g = context;
  typedef uint64_t Line __attribute__((vector_size(64), aligned(4), may_alias));
  size_t floats = (size_t)g->count * g->columns * g->bytes / 4 / 8 / 16 * 16;
  Line sum = {0};
  for (size_t i = 0; i < floats; i += 16)
    for (int j = 0; j < 8; j++)
      sum ^= *(const Line *)(g->w + j * floats + i);
  for (int j = 1; j < 8; j++)
    sum[0] ^= sum[j];
  volatile uint64_t keep = sum[0];
  (void)keep;
}

static void
bench_gemv_of(Bench *bench, const char *kernel, int bytes_each)
{
  static const int shapes[][2] = {{9216, 4096}, {4096, 1000}, {256, 1000}};
  static const double shares[] = {1, 0.5, 0.2, 0.05, 0.01};
  for (guint s = 0; s < G_N_ELEMENTS(shapes); s++) {
    Gemv g = {.k = bench->k, .rows = shapes[s][0], .columns = (shapes[s][1] + 15) / 16 * 16};
    g.w = bench_floats((size_t)g.rows * g.columns);
    g.bytes = bytes_each;
    g.zero = bench_floats(g.columns);
    g.scale = bench_floats(g.columns);
    for (size_t i = 0; bytes_each == 2 && i < (size_t)g.rows * g.columns; i++)
      ((uint16_t *)(void *)g.w)[i] = dcn_float_to_half(g.w[i]);
    g.x = bench_floats(g.rows);
    g.y = bench_floats(g.columns);
    g.index = g_new(uint32_t, g.rows);
    char name[40];
    snprintf(name, sizeof name, "%d-%d", g.rows, shapes[s][1]);
    for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
      srand(1);
      g.count = 0;
      for (int r = 0; r < g.rows; r++)
        if (random_share() < shares[i])
          g.index[g.count++] = (uint32_t)r;
      double seconds[2], bytes = (double)g.count * g.columns * bytes_each;
      bench_median(bench, 2, (BenchFunc[]){run_gemv, run_read}, &g, seconds);
      BENCH_REPORT(bench, kernel, name, {"changed", shares[i]}, {"ms", seconds[0] * 1e3},
                   {"gb_per_s", bytes / seconds[0] / 1e9},
                   {"read_gb_per_s", bytes / seconds[1] / 1e9});
    }
    dcn_aligned_free(g.w);
    dcn_aligned_free(g.zero);
    dcn_aligned_free(g.scale);
    dcn_aligned_free(g.x);
    dcn_aligned_free(g.y);
    g_free(g.index);
  }
}

void
bench_gemv(Bench *bench)
{
  bench_gemv_of(bench, "gemv", 4);
}

void
bench_gemv_half(Bench *bench)
{
  bench_gemv_of(bench, "gemv_half", 2);
}

void
bench_gemv_bytes(Bench *bench)
{
  bench_gemv_of(bench, "gemv_bytes", 1);
}
