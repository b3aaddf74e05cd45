/* deltacnn benchmark: one first layer on a large frame, over the share of it that changes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   study-layer [--width 3840] [--height 2160] [--kernel 11] [--stride 4] [--outputs 64] [--relu]
 *               [--threads 1] [--frames 5] [--shares 0.001,0.01,...] [--pattern blocks|pixels]
 *               [--no-dense] [--no-others] [--csv FILE] [--markdown]
 *
 * The layer that the original study could not make faster by sparsity: 64 kernels of 3x11x11 on a
 * 3840x2160 frame, here with AlexNet's stride 4 and padding 2.  Changes are whole 16x16 blocks on
 * their grid, or single pixels anywhere.  Every frame is run twice in turn: by differences, and in
 * full by a second state; medians.  The time of a frame is all of dcn_state_run(): the test of the
 * input, the layer, and the marks of its output.
 *
 * Beside each time stands what it cannot fall below: the outputs that a change reaches have to be
 * read and written, at the rate that reading and writing all of them has in this run; and the
 * multiplies have to be done, at the rate of the dense run.
 *
 * --relu: a layer as it stands in a network, which keeps its sums beside its values.  Without, the
 * layer's sums are its values.
 *
 * For comparison: the same layer unfolded and given to OpenBLAS sgemm, and the product of its
 * changes as a compressed sparse row matrix with the weights (with the engine's own vectorised
 * row kernel), which is how the study did it: with and without the time to make that matrix. */
#include "kernels/kernels.h"
#include "net/net.h"
#include "util/memory.h"
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int width = 3840, height = 2160, kernel = 11, stride = 4, outputs = 64, threads = 1,
           frames = 5;
static gboolean relu, no_others, no_dense, markdown;
static char *csv_path, *share_list, *only;

static const GOptionEntry entries[] = {
    {"width", 0, 0, G_OPTION_ARG_INT, &width, "of the frame", "N"},
    {"height", 0, 0, G_OPTION_ARG_INT, &height, "of the frame", "N"},
    {"kernel", 0, 0, G_OPTION_ARG_INT, &kernel, "rows and columns of a kernel", "N"},
    {"stride", 0, 0, G_OPTION_ARG_INT, &stride, "of the layer", "N"},
    {"outputs", 0, 0, G_OPTION_ARG_INT, &outputs, "kernels", "N"},
    {"relu", 0, 0, G_OPTION_ARG_NONE, &relu, "with an activation", NULL},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "threads", "N"},
    {"frames", 0, 0, G_OPTION_ARG_INT, &frames, "per share", "N"},
    {"shares", 0, 0, G_OPTION_ARG_STRING, &share_list, "shares that change", "S,S,..."},
    {"pattern", 0, 0, G_OPTION_ARG_STRING, &only, "blocks or pixels", "NAME"},
    {"no-others", 0, 0, G_OPTION_ARG_NONE, &no_others, "without OpenBLAS and CSR", NULL},
    {"no-dense", 0, 0, G_OPTION_ARG_NONE, &no_dense, "for profilers", NULL},
    {"csv", 0, 0, G_OPTION_ARG_FILENAME, &csv_path, "writes the figures there, too", "FILE"},
    {"markdown", 0, 0, G_OPTION_ARG_NONE, &markdown, "tables in Markdown", NULL},
    {NULL},
};

enum { CHANNELS = 3, PITCH = 4, BLOCK = 16 };

typedef struct {
  int out_h, out_w, pad;
  DcnNet *net;
  DcnState *delta, *dense;
  float *frames[2]; /* both states' inputs, [height][width][PITCH] */
  uint8_t *touched, *reached;
  FILE *csv;
  double rw_bytes_per_s;
} Study;

static double
now_ms(void)
{
  return (double)g_get_monotonic_time() / 1000;
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static double
median(double *values, int n)
{
  qsort(values, (size_t)n, sizeof *values, compare);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static uint64_t random_state = 1;

static inline uint32_t
random_bits(void)
{
  random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(random_state >> 32);
}

static inline float
random_value(void)
{
  return (float)random_bits() * 0x1p-31f - 1;
}

static DcnProgram *
make_program(const Study *s)
{
  DcnProgram *p = g_new0(DcnProgram, 1);
  p->model_name = g_strdup("study");
  p->n_values = 2;
  p->values = g_new0(DcnValue, 2);
  p->values[0].name = g_strdup("in");
  p->values[1].name = g_strdup("out");
  dcn_value_set_dims(&p->values[0], 4, (int[]){1, CHANNELS, height, width});
  dcn_value_set_dims(&p->values[1], 4, (int[]){1, outputs, s->out_h, s->out_w});
  p->n_ops = 1;
  p->ops = g_new0(DcnOp, 1);
  DcnOp *op = p->ops;
  op->name = g_strdup("conv");
  op->n_inputs = op->output = 1;
  op->inputs = g_new0(int, 1);
  op->act.kind = relu ? DCN_ACT_RELU : DCN_ACT_NONE;
  size_t weights = (size_t)outputs * CHANNELS * kernel * kernel;
  op->u.conv = (DcnConv){kernel,
                         kernel,
                         stride,
                         stride,
                         s->pad,
                         s->pad,
                         1,
                         1,
                         1,
                         g_new(float, weights),
                         g_new0(float, (gsize)outputs)};
  for (size_t i = 0; i < weights; i++)
    op->u.conv.weights[i] = random_value() * 0.1f;
  p->n_outputs = 1;
  p->outputs = g_new(int, 1);
  p->outputs[0] = 1;
  return p;
}

static void
change_pixel(Study *s, size_t p)
{
  s->touched[p] = 1;
  for (int c = 0; c < CHANNELS; c++)
    s->frames[0][p * PITCH + c] = s->frames[1][p * PITCH + c] = random_value();
}

/* Returns the share of pixels that changed. */
static double
change_frame(Study *s, gboolean blocks, double share)
{
  size_t pixels = (size_t)width * height, changed = 0;
  memset(s->touched, 0, pixels);
  if (!blocks) {
    uint32_t below = (uint32_t)(MIN(share, 1) * UINT32_MAX);
    for (size_t p = 0; p < pixels; p++)
      if (random_bits() <= below)
        change_pixel(s, p), changed++;
    return (double)changed / (double)pixels;
  }
  int bw = (width + BLOCK - 1) / BLOCK, bh = (height + BLOCK - 1) / BLOCK, n = bw * bh;
  int *order = g_new(int, (gsize)n);
  for (int i = 0; i < n; i++)
    order[i] = i;
  int wanted = (int)(share * n + 0.5);
  for (int i = 0; i < wanted; i++) {
    int j = i + (int)(random_bits() % (unsigned)(n - i)), b = order[j];
    order[j] = order[i];
    for (int y = b / bw * BLOCK; y < MIN(height, b / bw * BLOCK + BLOCK); y++)
      for (int x = b % bw * BLOCK; x < MIN(width, b % bw * BLOCK + BLOCK); x++)
        change_pixel(s, (size_t)y * width + x), changed++;
  }
  g_free(order);
  return (double)changed / (double)pixels;
}

/* Share of the outputs whose windows hold a touched pixel, by the definition. */
static double
count_reached(Study *s)
{
  size_t count = 0;
  uint8_t *any = s->reached; /* columns with a touched pixel in the window's rows */
  for (int oy = 0; oy < s->out_h; oy++) {
    memset(any, 0, (size_t)width);
    for (int ky = 0; ky < kernel; ky++) {
      int y = oy * stride - s->pad + ky;
      if (y >= 0 && y < height)
        for (int x = 0; x < width; x++)
          any[x] |= s->touched[(size_t)y * width + x];
    }
    for (int ox = 0; ox < s->out_w; ox++) {
      int from = MAX(ox * stride - s->pad, 0), to = MIN(ox * stride - s->pad + kernel, width);
      count += memchr(any + from, 1, (size_t)(to - from)) != NULL;
    }
  }
  return (double)count / ((double)s->out_h * s->out_w);
}

static double
timed_run(DcnState *state, const uint8_t *touched, DcnMode mode, DcnRunInfo *info)
{
  double start = now_ms();
  dcn_state_run(state, touched, mode, threads, info);
  return now_ms() - start;
}

static void
head(const char *name)
{
  if (markdown)
    printf(
        "\n%s\n\n| changed %% | outputs reached %% | multiplies %% | ms | dense ms | times dense | "
        "GFLOP/s | memory ms | compute ms |\n|---|---|---|---|---|---|---|---|---|\n",
        name);
  else
    printf("\n%s\n%9s %9s %9s %9s %9s %9s %9s %9s %9s\n", name, "changed%", "reached%", "mult.%",
           "ms", "dense ms", "x dense", "GFLOP/s", "memory ms", "comp. ms");
}

static void
measure(Study *s, gboolean blocks, double share)
{
  double *ms = g_new(double, (gsize)frames), *dense_ms = g_new(double, (gsize)frames);
  double changed = 0, macs = 0, flops = 0, reached = 0;
  /* The first frame after another share is not counted. */
  for (int f = -1; f < frames; f++) {
    DcnRunInfo info;
    double part = change_frame(s, blocks, share);
    double took = timed_run(s->delta, s->touched, DCN_MODE_DELTA, &info);
    double dense = no_dense ? 1 : timed_run(s->dense, NULL, DCN_MODE_DENSE, NULL);
    if (f < 0)
      continue;
    ms[f] = took;
    dense_ms[f] = dense;
    changed += part / frames;
    macs += (double)info.macs / (double)info.macs_dense / frames;
    flops = 2 * (double)info.macs_dense;
    if (f == 0)
      reached = count_reached(s);
  }
  double t = median(ms, frames), d = median(dense_ms, frames);
  double values = (double)s->out_h * s->out_w * outputs * sizeof(float);
  double memory = reached * values * (relu ? 4 : 2) / s->rw_bytes_per_s * 1e3;
  printf(markdown ? "| %.4g | %.4g | %.4g | %.3f | %.1f | %.2f | %.1f | %.2f | %.2f |\n"
                  : "%9.4g %9.4g %9.4g %9.3f %9.1f %9.2f %9.1f %9.2f %9.2f\n",
         changed * 100, reached * 100, macs * 100, t, d, d / t, macs * flops / t / 1e6, memory,
         macs * d);
  fflush(stdout);
  if (s->csv)
    fprintf(s->csv, "%s,%d,%d,%.6f,%.6f,%.6f,%.4f,%.4f,%.4f,%.4f,%.4f\n",
            blocks ? "blocks" : "pixels", threads, relu, changed, reached, macs, t, d, d / t,
            memory, macs * d);
  g_free(ms);
  g_free(dense_ms);
}

/* Reads and writes as many floats as the layer has outputs, as adding to all of them would. */
static void
measure_memory(Study *s, const DcnKernels *k)
{
  size_t n = (size_t)s->out_h * s->out_w * outputs;
  float *y = dcn_aligned_new0(n, sizeof(float)), *x = dcn_aligned_new0(4096, sizeof(float));
  double best = 1e30;
  for (int r = 0; r < 4; r++) {
    double start = now_ms();
    for (size_t i = 0; i < n; i += 4096)
      k->add(y + i, x, y + i, (int)MIN(4096, n - i));
    if (r)
      best = MIN(best, now_ms() - start);
  }
  s->rw_bytes_per_s = 2.0 * (double)n * sizeof(float) / (best / 1e3);
  printf("%s%d x %d outputs of %d floats; reading and writing all of them: %.1f ms, %.1f GB/s (one "
         "thread)\n",
         markdown ? "\n" : "", s->out_w, s->out_h, outputs, best, s->rw_bytes_per_s / 1e9);
  dcn_aligned_free(x);
  dcn_aligned_free(y);
}

/* One row of outputs unfolded: [out_w][kernel][kernel][CHANNELS]. */
static void
unfold(const Study *s, const float *image, int oy, float *rows)
{
  int taps = kernel * CHANNELS;
  for (int ox = 0; ox < s->out_w; ox++)
    for (int ky = 0; ky < kernel; ky++) {
      float *to = rows + ((size_t)ox * kernel + ky) * taps;
      int y = oy * stride - s->pad + ky, x = ox * stride - s->pad;
      if (y >= 0 && y < height && x >= 0 && x + kernel <= width) {
        memcpy(to, image + ((size_t)y * width + x) * CHANNELS, sizeof(float) * (size_t)taps);
        continue;
      }
      for (int kx = 0; kx < kernel; kx++)
        for (int c = 0; c < CHANNELS; c++)
          to[kx * CHANNELS + c] = y >= 0 && y < height && x + kx >= 0 && x + kx < width
                                      ? image[((size_t)y * width + x + kx) * CHANNELS + c]
                                      : 0;
    }
}

static float *
packed_image(const Study *s, const uint8_t *where)
{
  size_t pixels = (size_t)width * height;
  float *image = dcn_aligned_new0(pixels * CHANNELS, sizeof(float));
  for (size_t p = 0; p < pixels; p++)
    if (!where || where[p])
      memcpy(image + p * CHANNELS, s->frames[0] + p * PITCH, sizeof(float) * CHANNELS);
  return image;
}

static void
measure_others(Study *s, const DcnKernels *k)
{
  size_t terms = (size_t)kernel * kernel * CHANNELS, ldw = (size_t)(outputs + 15) / 16 * 16;
  size_t row = (size_t)s->out_w * outputs;
  float *rows = dcn_aligned_new0((size_t)s->out_w * terms, sizeof(float));
  float *w = dcn_aligned_new0(terms * ldw, sizeof(float));
  float *out = dcn_aligned_new0((size_t)s->out_h * row, sizeof(float));
  for (size_t i = 0; i < terms * ldw; i++)
    w[i] = random_value();
  float *image = packed_image(s, NULL);
  openblas_set_num_threads(threads);
  double ms[3];
  for (int r = -1; r < 3; r++) {
    double start = now_ms();
    for (int oy = 0; oy < s->out_h; oy++) {
      unfold(s, image, oy, rows);
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, s->out_w, outputs, (int)terms, 1, rows,
                  (int)terms, w, (int)ldw, 0, out + (size_t)oy * row, outputs);
    }
    if (r >= 0)
      ms[r] = now_ms() - start;
  }
  dcn_aligned_free(image);
  double blas = median(ms, 3);
  printf("\nunfolded, OpenBLAS sgemm, %d thread(s): %.1f ms\n", threads, blas);
  uint32_t *index = g_new(uint32_t, terms * (size_t)s->out_w);
  float *x = g_new(float, terms *(size_t)s->out_w);
  int *begin = g_new(int, (gsize)s->out_w + 1);
  static const double shares[] = {0.01, 0.1};
  for (guint i = 0; i < G_N_ELEMENTS(shares); i++) {
    change_frame(s, TRUE, shares[i]);
    image = packed_image(s, s->touched);
    double making = 0, product = 0;
    for (int oy = 0; oy < s->out_h; oy++) {
      double start = now_ms();
      unfold(s, image, oy, rows);
      int n = 0;
      for (int ox = 0; ox < s->out_w; ox++) {
        begin[ox] = n;
        for (size_t t = 0; t < terms; t++)
          if (rows[(size_t)ox * terms + t] != 0) {
            index[n] = (uint32_t)t;
            x[n++] = rows[(size_t)ox * terms + t];
          }
      }
      begin[s->out_w] = n;
      double middle = now_ms();
      for (int ox = 0; ox < s->out_w; ox++)
        k->gemv(index + begin[ox], x + begin[ox], begin[ox + 1] - begin[ox], w, ldw,
                out + (size_t)oy * row + (size_t)ox * outputs, outputs);
      making += middle - start;
      product += now_ms() - middle;
    }
    printf("%s%.0f %% changed in blocks, sparse rows times weights, one thread: product %.1f ms, "
           "making the rows %.1f ms\n",
           markdown ? "\n" : "", shares[i] * 100, product, making);
    dcn_aligned_free(image);
  }
  g_free(index);
  g_free(x);
  g_free(begin);
  dcn_aligned_free(rows);
  dcn_aligned_free(w);
  dcn_aligned_free(out);
}

int
main(int argc, char **argv)
{
  GError *error = NULL;
  GOptionContext *context = g_option_context_new("- one first layer over the share of change");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 1 || width < kernel ||
      height < kernel || stride < 1 || outputs < 1 || kernel < 2 || frames < 1 || threads < 1) {
    fprintf(stderr, "%s\n", error ? error->message : "see --help");
    return 2;
  }
  g_option_context_free(context);
  Study s = {.pad = stride == 4 && kernel == 11 ? 2 : kernel / 2};
  s.out_w = (width + 2 * s.pad - kernel) / stride + 1;
  s.out_h = (height + 2 * s.pad - kernel) / stride + 1;
  const DcnKernels *k = dcn_kernels_get();
  s.net = dcn_net_new(make_program(&s), &error);
  s.delta = s.net ? dcn_state_new(s.net, &error) : NULL;
  s.dense = s.delta ? dcn_state_new(s.net, &error) : NULL;
  if (!s.dense) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  size_t pixels = (size_t)width * height;
  s.frames[0] = dcn_state_input(s.delta);
  s.frames[1] = dcn_state_input(s.dense);
  s.touched = g_malloc0(pixels);
  s.reached = g_malloc0((gsize)width);
  s.csv = csv_path ? fopen(csv_path, "w") : NULL;
  if (csv_path && !s.csv) {
    fprintf(stderr, "cannot write %s\n", csv_path);
    return 1;
  }
  if (s.csv)
    fprintf(s.csv, "pattern,threads,relu,changed,reached,multiplies,ms,dense_ms,times_dense,"
                   "memory_ms,compute_ms\n");
  printf(
      "%s%d kernels of %dx%dx%d, stride %d, on %dx%d; kernels %s, %d thread(s)%s; caches %.0f MB, "
      "%.2f of the activations\n",
      markdown ? "## One first layer\n\n" : "", outputs, CHANNELS, kernel, kernel, stride, width,
      height, k->isa, threads, relu ? ", with ReLU" : "",
      (double)dcn_state_cache_bytes(s.delta) / 1e6,
      (double)dcn_state_cache_bytes(s.delta) /
          (sizeof(float) * ((double)pixels * CHANNELS + (double)s.out_h * s.out_w * outputs)));
  measure_memory(&s, k);
  change_frame(&s, FALSE, 1);
  timed_run(s.delta, NULL, DCN_MODE_DELTA, NULL);
  timed_run(s.dense, NULL, DCN_MODE_DENSE, NULL);
  char **shares = g_strsplit(
      share_list ? share_list : "0,0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.3,0.5,0.7,0.9,0.95,1",
      ",", -1);
  for (int blocks = 1; blocks >= 0; blocks--) {
    if (only && strcmp(only, blocks ? "blocks" : "pixels") != 0)
      continue;
    head(blocks ? "Changes in 16x16 blocks" : "Scattered single pixels");
    for (int i = 0; shares[i]; i++)
      measure(&s, blocks, g_ascii_strtod(shares[i], NULL));
  }
  g_strfreev(shares);
  if (!no_others)
    measure_others(&s, k);
  int failed = s.csv && fclose(s.csv) != 0;
  dcn_state_free(s.delta);
  dcn_state_free(s.dense);
  dcn_net_unref(s.net);
  g_free(s.touched);
  g_free(s.reached);
  return failed;
}
