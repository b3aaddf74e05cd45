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

/* Appends the entries of input columns [x, x + n) of a row of a group, of which column x is under tap `tap`; returns
 * how many. */
static inline int
append(const DcnStudyLayer *layer, const DcnStudyDifference *d, size_t row, int group, int x, int n,
       int tap, uint32_t *index, float *value)
{
  size_t part = row * (size_t)layer->groups + (size_t)group, w = (size_t)layer->in_w;
  const int *begin = d->begin + part * (w + 1);
  size_t at = part * w * (size_t)layer->cg + (size_t)begin[x];
  int count = begin[x + n] - begin[x];
  /* modulo 2^32 */
  uint32_t shift = ((uint32_t)tap - (uint32_t)x) * (uint32_t)layer->cg;
  for (int i = 0; i < count; i++) {
    index[i] = d->index[at + (size_t)i] + shift;
    value[i] = d->value[at + (size_t)i];
  }
  return count;
}

/* Rows [first, first + n) of the matrix of a group, into the worker. */
static void
make_rows(const Loop *loop, int group, int first, int n, DcnStudyWorker *worker)
{
  const DcnStudyLayer *layer = loop->layer;
  const DcnStudyDifference *d = &loop->scratch->difference;
  int entries = 0, kw = layer->kw, dil = layer->dil_w;
  for (int r = 0; r < n; r++) {
    int ox = (first + r) % layer->out_w, out_row = (first + r) / layer->out_w;
    int oy = out_row % layer->out_h, image = out_row / layer->out_h;
    int x0 = dcn_study_first_column(layer, ox), from = MAX(x0, 0);
    int stop = MIN(x0 + kw, layer->in_w); /* without dilation */
    worker->begin[r] = entries;
    for (int ky = 0; ky < layer->kh; ky++) {
      int y = layer->rows[oy * layer->kh + ky];
      if (y < 0)
        continue;
      size_t row = (size_t)image * (size_t)layer->in_h + (size_t)y;
      if (dil == 1 && from < stop)
        entries += append(layer, d, row, group, from, stop - from, ky * kw + from - x0,
                          worker->index + entries, worker->value + entries);
      for (int kx = 0; dil > 1 && kx < kw; kx++) {
        int x = layer->columns[ox * kw + kx];
        if (x >= 0)
          entries += append(layer, d, row, group, x, 1, ky * kw + kx, worker->index + entries,
                            worker->value + entries);
      }
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
