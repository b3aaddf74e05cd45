/* deltacnn: compressed sparse rows, and their product with the kernel matrix.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/sparse.h"
#include "util/parallel.h"
#include <string.h>

typedef struct {
  DcnStudyLayer *layer;
  const DcnKernels *kernels;
  DcnStudyScratch *scratch;
  int rows; /* at a time */
} Loop;

/* Appends the entries of one tap; returns how many. */
static inline int
append(const DcnStudyLayer *layer, const DcnStudyDifference *d, int pixel, int group, int tap,
       uint32_t *index, float *value)
{
  int n = d->count[(size_t)pixel * layer->groups + group];
  size_t at = (size_t)pixel * layer->in_c + (size_t)group * layer->cg;
  uint32_t first = (uint32_t)tap * (uint32_t)layer->cg;
  for (int i = 0; i < n; i++) {
    index[i] = d->index[at + (size_t)i] + first;
    value[i] = d->value[at + (size_t)i];
  }
  return n;
}

/* Rows [first, first + n) of the matrix of a group, into the worker. */
static void
make_rows(const Loop *loop, int group, int first, int n, DcnStudyWorker *worker)
{
  const DcnStudyLayer *layer = loop->layer;
  const DcnStudyDifference *d = &loop->scratch->difference;
  int entries = 0;
  for (int r = 0; r < n; r++) {
    int ox = (first + r) % layer->out_w, row = (first + r) / layer->out_w;
    int oy = row % layer->out_h, image = row / layer->out_h;
    worker->begin[r] = entries;
    for (int ky = 0, tap = 0; ky < layer->kh; ky++)
      for (int kx = 0; kx < layer->kw; kx++, tap++) {
        int q = dcn_study_input_pixel(layer, image, oy, ox, ky, kx);
        if (q >= 0)
          entries +=
              append(layer, d, q, group, tap, worker->index + entries, worker->value + entries);
      }
  }
  worker->begin[n] = entries;
}

/* Items are blocks of rows. */
static void
blocks(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnStudyLayer *layer = loop->layer;
  DcnStudyWorker *worker = loop->scratch->workers[number];
  for (int block = begin; block < end; block++) {
    int first = block * loop->rows, n = MIN(loop->rows, layer->out_pixels - first);
    for (int g = 0; g < layer->groups; g++) {
      uint64_t start = dcn_study_now_ns();
      make_rows(loop, g, first, n, worker);
      uint64_t middle = dcn_study_now_ns();
      const float *w = layer->weights + (size_t)g * layer->group_floats;
      for (int r = 0; r < n; r++) {
        int from = worker->begin[r], count = worker->begin[r + 1] - from;
        if (count > 0)
          loop->kernels->gemv(
              worker->index + from, worker->value + from, count, w, layer->ldw,
              layer->sums + (size_t)(first + r) * layer->out_c + (size_t)g * layer->mg, layer->mg);
      }
      worker->nonzeros += (uint64_t)worker->begin[n];
      worker->making_ns += middle - start;
      worker->product_ns += dcn_study_now_ns() - middle;
    }
  }
}

void
dcn_study_sparse(DcnStudyLayer *layer, const DcnKernels *kernels, int threads,
                 DcnStudyScratch *scratch)
{
  threads = MIN(threads, scratch->n_workers);
  Loop loop = {layer, kernels, scratch, dcn_study_sparse_rows(layer)};
  if (threads > 1) /* some blocks for each */
    loop.rows = MIN(loop.rows, (layer->out_pixels + 4 * threads - 1) / (4 * threads));
  dcn_parallel_for(threads, (layer->out_pixels + loop.rows - 1) / loop.rows, 1, blocks, &loop);
}
