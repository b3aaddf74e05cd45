/* deltacnn: what differs from the last frame.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/difference.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

#define PIXELS 64 /* the unit in which threads share them */

typedef struct {
  DcnStudyLayer *layer;
  const float *in;
  size_t in_pitch;
  const float *means;
  DcnStudyScratch *scratch;
} Loop;

/* The channels of one group of a pixel; returns how many count. */
static int
list(const Loop *loop, const float *x, float *last, const float *means, uint32_t *index,
     float *value)
{
  int n = 0;
  for (int c = 0; c < loop->layer->cg; c++) {
    float d = x[c] - last[c];
    index[n] = (uint32_t)c;
    value[n] = d;
    /* so that not-a-number counts */
    n += means ? !(fabsf(d) < means[c]) && d != 0 : d != 0;
    last[c] = x[c];
  }
  return n;
}

static void
pixels(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnStudyLayer *layer = loop->layer;
  DcnStudyDifference *d = &loop->scratch->difference;
  DcnStudyWorker *worker = loop->scratch->workers[number];
  size_t c = (size_t)layer->in_c, groups = (size_t)layer->groups, cg = (size_t)layer->cg;
  uint64_t start = dcn_study_now_ns();
  for (size_t p = (size_t)begin * PIXELS, n = MIN((size_t)end * PIXELS, (size_t)layer->in_pixels);
       p < n; p++) {
    const float *x = loop->in + p * loop->in_pitch;
    float *last = layer->last + p * c;
    int *count = d->count + p * groups;
    if (memcmp(x, last, sizeof(float) * c) == 0) {
      memset(count, 0, sizeof *count * groups);
      continue;
    }
    for (size_t g = 0; g < groups; g++) {
      size_t at = g * cg;
      count[g] = list(loop, x + at, last + at, loop->means ? loop->means + at : NULL,
                      d->index + p * c + at, d->value + p * c + at);
      worker->nonzeros += (uint64_t)count[g];
    }
  }
  worker->making_ns += dcn_study_now_ns() - start;
}

uint64_t
dcn_study_difference(DcnStudyLayer *layer, const float *in, size_t in_pitch, const float *means,
                     int threads, DcnStudyScratch *scratch)
{
  Loop loop = {layer, in, in_pitch, means, scratch};
  uint64_t nonzeros = 0;
  dcn_parallel_for(MIN(threads, scratch->n_workers), (layer->in_pixels + PIXELS - 1) / PIXELS,
                   1 + 16384 / (PIXELS * layer->in_c), pixels, &loop);
  for (int i = 0; i < scratch->n_workers; i++) {
    nonzeros += scratch->workers[i]->nonzeros;
    scratch->workers[i]->nonzeros = 0; /* counted again as entries of the sparse matrix */
  }
  return nonzeros;
}
