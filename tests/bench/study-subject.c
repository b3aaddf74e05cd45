/* deltacnn benchmark: the layer and its frames.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study-subject.h"
#include "kernels/kernels.h"
#include "util/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHANNELS = 3, PITCH = 4, BLOCK = 16 };

static double
now_ms(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
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

/* The same on every call. */
static DcnProgram *
make_program(const StudySubject *s)
{
  const StudyShape *shape = &s->shape;
  int k = shape->kernel;
  DcnProgram *p = g_new0(DcnProgram, 1);
  random_state = 1;
  p->model_name = g_strdup("study");
  p->n_values = 2;
  p->values = g_new0(DcnValue, 2);
  p->values[0].name = g_strdup("in");
  p->values[1].name = g_strdup("out");
  dcn_value_set_dims(&p->values[0], 4, (int[]){1, CHANNELS, shape->height, shape->width});
  dcn_value_set_dims(&p->values[1], 4, (int[]){1, shape->outputs, s->out_h, s->out_w});
  p->n_ops = 1;
  p->ops = g_new0(DcnOp, 1);
  DcnOp *op = p->ops;
  op->name = g_strdup("conv");
  op->n_inputs = op->output = 1;
  op->inputs = g_new0(int, 1);
  op->act.kind = shape->relu ? DCN_ACT_RELU : DCN_ACT_NONE;
  size_t weights = (size_t)shape->outputs * CHANNELS * k * k;
  op->u.conv = (DcnConv){.kh = k,
                         .kw = k,
                         .stride_h = shape->stride,
                         .stride_w = shape->stride,
                         .pad_top = s->pad,
                         .pad_left = s->pad,
                         .dil_h = 1,
                         .dil_w = 1,
                         .groups = 1,
                         .weights = g_new(float, weights),
                         .bias = g_new0(float, (gsize)shape->outputs)};
  for (size_t i = 0; i < weights; i++)
    op->u.conv.weights[i] = random_value() * 0.1f;
  p->n_outputs = 1;
  p->outputs = g_new(int, 1);
  p->outputs[0] = 1;
  return p;
}

StudySubject *
study_subject_new(const StudyShape *shape, gboolean others)
{
  StudySubject *s = g_new0(StudySubject, 1);
  GError *error = NULL;
  size_t pixels = (size_t)shape->width * shape->height;
  s->shape = *shape;
  s->pad = shape->stride == 4 && shape->kernel == 11 ? 2 : shape->kernel / 2;
  s->out_w = (shape->width + 2 * s->pad - shape->kernel) / shape->stride + 1;
  s->out_h = (shape->height + 2 * s->pad - shape->kernel) / shape->stride + 1;
  s->touched = g_malloc0(pixels);
  s->near = g_new0(uint64_t, (gsize)shape->height * (gsize)dcn_near_words(shape->width));
  s->any = g_malloc0((gsize)shape->width);
  s->net = dcn_net_new(make_program(s), &error);
  s->delta = s->net ? dcn_state_new(s->net, &error) : NULL;
  s->dense = s->delta ? dcn_state_new(s->net, &error) : NULL;
  for (int i = 0; i < 2 && others && !error; i++) {
    s->studies[i] = dcn_study_new(s->net, make_program(s), &error);
    s->others[i] = s->studies[i] ? dcn_state_new(s->net, &error) : NULL;
  }
  if (error) {
    fprintf(stderr, "%s\n", error->message);
    g_clear_error(&error);
    study_subject_free(s);
    return NULL;
  }
  s->inputs[0] = dcn_state_input(s->delta);
  s->inputs[1] = dcn_state_input(s->dense);
  for (int i = 0; i < 2; i++)
    s->inputs[2 + i] = s->others[i] ? dcn_state_input(s->others[i]) : NULL;
  study_change(s, FALSE, 1);
  dcn_state_run(s->delta, NULL, DCN_MODE_DELTA, shape->threads, NULL);
  dcn_state_run(s->dense, NULL, DCN_MODE_DENSE, shape->threads, NULL);
  for (int i = 0; i < 2 && others; i++)
    dcn_study_run(s->studies[i], s->others[i], i ? DCN_STUDY_BLAS : DCN_STUDY_SPARSE, TRUE,
                  shape->threads, NULL);
  return s;
}

void
study_subject_free(StudySubject *s)
{
  if (!s)
    return;
  for (int i = 0; i < 2; i++) {
    if (s->others[i])
      dcn_study_detach(s->studies[i], s->others[i]);
    dcn_study_free(s->studies[i]);
    dcn_state_free(s->others[i]);
  }
  dcn_state_free(s->dense);
  dcn_state_free(s->delta);
  dcn_net_unref(s->net);
  g_free(s->touched);
  g_free(s->near);
  g_free(s->any);
  g_free(s);
}

static void
change_pixel(StudySubject *s, size_t p)
{
  size_t width = (size_t)s->shape.width, row = p / width, column = p % width;
  s->touched[p] = 1;
  s->near[row * (size_t)dcn_near_words(s->shape.width) + (column >> 12)] |= UINT64_C(1)
                                                                            << (column >> 6 & 63);
  for (int c = 0; c < CHANNELS; c++) {
    float x = random_value();
    for (int i = 0; i < 4; i++)
      if (s->inputs[i])
        s->inputs[i][p * PITCH + c] = x;
  }
}

void
study_change(StudySubject *s, gboolean blocks, double share)
{
  int width = s->shape.width, height = s->shape.height;
  size_t pixels = (size_t)width * height;
  memset(s->touched, 0, pixels);
  memset(s->near, 0, sizeof *s->near * (size_t)height * (size_t)dcn_near_words(width));
  if (!blocks) {
    uint32_t below = (uint32_t)(MIN(share, 1) * UINT32_MAX);
    for (size_t p = 0; p < pixels; p++)
      if (share > 0 && random_bits() <= below)
        change_pixel(s, p);
    return;
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
        change_pixel(s, (size_t)y * width + x);
  }
  g_free(order);
}

static double
count_changed(const StudySubject *s)
{
  size_t pixels = (size_t)s->shape.width * s->shape.height, n = 0;
  for (size_t p = 0; p < pixels; p++)
    n += s->touched[p];
  return (double)n / (double)pixels;
}

/* Share of the outputs whose windows hold a touched pixel, by the definition. */
static double
count_reached(const StudySubject *s)
{
  const StudyShape *shape = &s->shape;
  size_t count = 0, width = (size_t)shape->width;
  uint8_t *any = s->any; /* columns with a touched pixel in the window's rows */
  for (int oy = 0; oy < s->out_h; oy++) {
    memset(any, 0, width);
    for (int ky = 0; ky < shape->kernel; ky++) {
      int y = oy * shape->stride - s->pad + ky;
      if (y >= 0 && y < shape->height)
        for (size_t x = 0; x < width; x++)
          any[x] |= s->touched[(size_t)y * width + x];
    }
    for (int ox = 0; ox < s->out_w; ox++) {
      int from = MAX(ox * shape->stride - s->pad, 0);
      int to = MIN(ox * shape->stride - s->pad + shape->kernel, shape->width);
      count += memchr(any + from, 1, (size_t)(to - from)) != NULL;
    }
  }
  return (double)count / ((double)s->out_h * s->out_w);
}

static double
run(const StudySubject *s, DcnState *state, DcnMode mode, DcnRunInfo *info)
{
  double start = now_ms();
  dcn_state_run_near(state, s->touched, s->near, mode, s->shape.threads, info);
  return now_ms() - start;
}

/* The study's sparse layer, or blas. */
static double
run_study(StudySubject *s, gboolean blas, double *making, double *product, double *density)
{
  double start = now_ms();
  dcn_study_run(s->studies[blas], s->others[blas], blas ? DCN_STUDY_BLAS : DCN_STUDY_SPARSE, FALSE,
                s->shape.threads, NULL);
  double took = now_ms() - start;
  const DcnStudyTimes *t = dcn_study_times(s->studies[blas]);
  *making = (double)(blas ? t->unfold_ns : t->to_sparse_ns) / 1e6;
  *product = (double)(blas ? t->dense_product_ns : t->sparse_product_ns) / 1e6;
  if (!blas)
    *density = t->elements ? (double)t->nonzeros / (double)t->elements : 0;
  return took;
}

enum { DELTA, DENSE, TO_SPARSE, SPARSE_PRODUCT, SPARSE, UNFOLD, DENSE_PRODUCT, BLAS, N_TIMES };

StudyFigures
study_measure(StudySubject *s, gboolean blocks, double share, int frames, gboolean dense)
{
  StudyFigures figures = {0};
  double *times[N_TIMES], medians[N_TIMES];
  for (int i = 0; i < N_TIMES; i++)
    times[i] = g_new0(double, (gsize)frames);
  /* The first frame after another share is not counted. */
  for (int f = -1; f < frames; f++) {
    DcnRunInfo info;
    double t[N_TIMES] = {0}, density = 0;
    study_change(s, blocks, share);
    t[DELTA] = run(s, s->delta, DCN_MODE_DELTA, &info);
    if (dense)
      t[DENSE] = run(s, s->dense, DCN_MODE_DENSE, NULL);
    if (s->studies[0])
      t[SPARSE] = run_study(s, FALSE, &t[TO_SPARSE], &t[SPARSE_PRODUCT], &density);
    if (s->studies[1] && dense)
      t[BLAS] = run_study(s, TRUE, &t[UNFOLD], &t[DENSE_PRODUCT], NULL);
    if (f < 0)
      continue;
    for (int i = 0; i < N_TIMES; i++)
      times[i][f] = t[i];
    figures.changed += count_changed(s) / frames;
    figures.multiplies += (double)info.macs / (double)info.macs_dense / frames;
    figures.density += density / frames;
    if (f == 0)
      figures.reached = count_reached(s);
  }
  for (int i = 0; i < N_TIMES; i++) {
    medians[i] = median(times[i], frames);
    g_free(times[i]);
  }
  figures.delta = medians[DELTA];
  figures.dense = medians[DENSE];
  figures.to_sparse = medians[TO_SPARSE];
  figures.sparse_product = medians[SPARSE_PRODUCT];
  figures.sparse = medians[SPARSE];
  figures.unfold = medians[UNFOLD];
  figures.dense_product = medians[DENSE_PRODUCT];
  figures.blas = medians[BLAS];
  return figures;
}

double
study_memory_rate(const StudySubject *s)
{
  const DcnKernels *k = dcn_kernels_get();
  size_t n = (size_t)s->out_h * s->out_w * s->shape.outputs;
  float *y = dcn_aligned_new0(n, sizeof(float)), *x = dcn_aligned_new0(4096, sizeof(float));
  double best = 1e30;
  for (int r = 0; r < 4 && x && y; r++) {
    double start = now_ms();
    for (size_t i = 0; i < n; i += 4096)
      k->add(y + i, x, y + i, (int)MIN(4096, n - i));
    if (r)
      best = MIN(best, now_ms() - start);
  }
  dcn_aligned_free(x);
  dcn_aligned_free(y);
  return 2.0 * (double)n * sizeof(float) / (MAX(best, 1e-6) / 1e3);
}
