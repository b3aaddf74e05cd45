/* deltacnn: what differs from the last frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/difference.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

typedef struct {
  DcnStudyLayer *layer;
  const float *in;
  size_t in_pitch;
  const float *means;
  DcnStudyScratch *scratch;
} Loop;

/* How many pixels from x on are the same, in steps that one comparison can do. */
static int
same(const Loop *loop, const float *in, const float *last, int x)
{
  enum { FLOATS = 256 };
  int c = loop->layer->in_c, w = loop->layer->in_w, from = x;
  int step = loop->in_pitch == (size_t)c ? MAX(1, FLOATS / c) : 1;
  for (; x < w; x += step) {
    int n = MIN(step, w - x);
    if (memcmp(in + (size_t)x * loop->in_pitch, last + (size_t)x * (size_t)c,
               sizeof(float) * (size_t)(n * c)) != 0)
      break;
  }
  return MIN(x, w) - from;
}

/* The channels of one group of a pixel; returns how many count. */
static int
list(int cg, const float *x, const float *last, const float *means, uint32_t first, uint32_t *index,
     float *value)
{
  int n = 0;
  for (int c = 0; c < cg; c++) {
    float d = x[c] - last[c];
    index[n] = first + (uint32_t)c;
    value[n] = d;
    /* so that not-a-number counts */
    n += means ? !(fabsf(d) < means[c]) && d != 0 : d != 0;
  }
  return n;
}

/* A row of one group. */
static uint64_t
list_row(const Loop *loop, size_t row, int group)
{
  const DcnStudyLayer *layer = loop->layer;
  const DcnStudyDifference *d = &loop->scratch->difference;
  int w = layer->in_w, cg = layer->cg, n = 0;
  size_t c = (size_t)layer->in_c, part = row * (size_t)layer->groups + (size_t)group;
  const float *in = loop->in + row * (size_t)w * loop->in_pitch;
  const float *last = layer->last + row * (size_t)w * c;
  const float *means = loop->means ? loop->means + (size_t)group * (size_t)cg : NULL;
  uint32_t *index = d->index + part * (size_t)w * (size_t)cg;
  float *value = d->value + part * (size_t)w * (size_t)cg;
  int *begin = d->begin + part * (size_t)(w + 1);
  for (int x = 0; x < w;) {
    int stop = x + same(loop, in, last, x);
    while (x < stop)
      begin[x++] = n;
    /* Whether these differ is not asked one by one. */
    for (stop = MIN(w, x + MAX(1, 64 / (int)c)); x < stop; x++) {
      size_t at = (size_t)group * (size_t)cg;
      begin[x] = n;
      n += list(cg, in + (size_t)x * loop->in_pitch + at, last + (size_t)x * c + at, means,
                (uint32_t)x * (uint32_t)cg, index + n, value + n);
    }
  }
  begin[w] = n;
  return (uint64_t)n;
}

static void
rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  DcnStudyLayer *layer = loop->layer;
  DcnStudyWorker *worker = loop->scratch->workers[number];
  size_t c = (size_t)layer->in_c, w = (size_t)layer->in_w;
  uint64_t start = dcn_study_now_ns();
  for (size_t row = (size_t)begin; row < (size_t)end; row++) {
    uint64_t differ = 0;
    for (int g = 0; g < layer->groups; g++)
      differ += list_row(loop, row, g);
    worker->nonzeros += differ;
    if (differ == 0 && !loop->means)
      continue;
    float *last = layer->last + row * w * c;
    const float *in = loop->in + row * w * loop->in_pitch;
    if (loop->in_pitch == c)
      memcpy(last, in, sizeof(float) * w * c);
    else
      for (size_t x = 0; x < w; x++)
        memcpy(last + x * c, in + x * loop->in_pitch, sizeof(float) * c);
  }
  worker->making_ns += dcn_study_now_ns() - start;
}

uint64_t
dcn_study_difference(DcnStudyLayer *layer, const float *in, size_t in_pitch, const float *means,
                     int threads, DcnStudyScratch *scratch)
{
  Loop loop = {layer, in, in_pitch, means, scratch};
  uint64_t nonzeros = 0;
  dcn_parallel_for(MIN(threads, scratch->n_workers), layer->in_pixels / layer->in_w,
                   1 + 16384 / (layer->in_w * layer->in_c), rows, &loop);
  for (int i = 0; i < scratch->n_workers; i++) {
    nonzeros += scratch->workers[i]->nonzeros;
    scratch->workers[i]->nonzeros = 0; /* counted again as entries of the sparse matrix */
  }
  return nonzeros;
}
