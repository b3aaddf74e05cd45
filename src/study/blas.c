/* deltacnn: im2col and sgemm.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/blas.h"
#include "util/parallel.h"
#include <cblas.h>
#include <string.h>

/* Outputs of a fully connected layer that one thread does at a time. */
#define COLUMNS 256

typedef struct {
  const DcnStudyLayer *layer;
  const float *in;
  size_t in_pitch;
  float *out;
  size_t out_pitch;
  DcnStudyScratch *scratch;
  int rows; /* at a time */
} Loop;

/* Rows [first, first + n) of the unfolded input of a group: [n][terms]. */
static void
unfold(const Loop *loop, int group, int first, int n, float *to)
{
  const DcnStudyLayer *layer = loop->layer;
  size_t cg = (size_t)layer->cg, kw = (size_t)layer->kw;
  const float *in = loop->in + (size_t)group * cg;
  /* Then the taps of a row lie side by side. */
  gboolean joined = loop->in_pitch == cg && layer->dil_w == 1;
  for (int p = first; p < first + n; p++) {
    int ox = p % layer->out_w, row = p / layer->out_w;
    int oy = row % layer->out_h, image = row / layer->out_h;
    int x = dcn_study_first_column(layer, ox);
    for (int ky = 0; ky < layer->kh; ky++) {
      int y = layer->rows[oy * layer->kh + ky];
      if (joined && y >= 0 && x >= 0 && x + layer->kw <= layer->in_w) {
        size_t pixel = ((size_t)image * layer->in_h + (size_t)y) * layer->in_w + (size_t)x;
        memcpy(to, in + pixel * cg, sizeof(float) * kw * cg);
        to += kw * cg;
        continue;
      }
      for (int kx = 0; kx < layer->kw; kx++, to += cg) {
        int q = dcn_study_input_pixel(layer, image, oy, ox, ky, kx);
        if (q < 0)
          memset(to, 0, sizeof(float) * cg);
        else
          memcpy(to, in + (size_t)q * loop->in_pitch, sizeof(float) * cg);
      }
    }
  }
}

static void
set_bias(const Loop *loop, int first, int n)
{
  const DcnStudyLayer *layer = loop->layer;
  for (int p = first; p < first + n; p++)
    memcpy(loop->out + (size_t)p * loop->out_pitch, layer->bias,
           sizeof(float) * (size_t)layer->out_c);
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
    uint64_t start = dcn_study_now_ns();
    set_bias(loop, first, n);
    for (int g = 0; g < layer->groups; g++) {
      const float *a = loop->in + (size_t)first * loop->in_pitch + (size_t)g * layer->cg;
      size_t lda = loop->in_pitch;
      if (!layer->point) {
        unfold(loop, g, first, n, worker->unfolded);
        a = worker->unfolded;
        lda = (size_t)layer->terms;
      }
      uint64_t middle = dcn_study_now_ns();
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, layer->mg, layer->terms, 1, a,
                  (int)lda, layer->weights + (size_t)g * layer->group_floats, (int)layer->ldw, 1,
                  loop->out + (size_t)first * loop->out_pitch + (size_t)g * layer->mg,
                  (int)loop->out_pitch);
      worker->making_ns += middle - start;
      start = dcn_study_now_ns();
      worker->product_ns += start - middle;
    }
  }
}

/* Items are blocks of columns of a layer with one output pixel, whose input has been unfolded. */
static void
columns(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnStudyLayer *layer = loop->layer;
  DcnStudyWorker *worker = loop->scratch->workers[number];
  uint64_t start = dcn_study_now_ns();
  int from = begin * COLUMNS, n = MIN(end * COLUMNS, layer->mg) - from;
  cblas_sgemv(CblasRowMajor, CblasTrans, layer->terms, n, 1, layer->weights + from, (int)layer->ldw,
              loop->scratch->workers[0]->unfolded, 1, 1, loop->out + from, 1);
  worker->product_ns += dcn_study_now_ns() - start;
}

void
dcn_study_blas(const DcnStudyLayer *layer, const float *in, size_t in_pitch, float *out,
               size_t out_pitch, int threads, DcnStudyScratch *scratch)
{
  static gsize once;
  if (g_once_init_enter(&once)) {
    openblas_set_num_threads(1);
    g_once_init_leave(&once, 1);
  }
  threads = MIN(threads, scratch->n_workers);
  Loop loop = {layer, in, in_pitch, out, out_pitch, scratch, dcn_study_unfolded_rows(layer)};
  if (layer->connected && layer->groups == 1) {
    uint64_t start = dcn_study_now_ns();
    set_bias(&loop, 0, 1);
    unfold(&loop, 0, 0, 1, scratch->workers[0]->unfolded);
    scratch->workers[0]->making_ns += dcn_study_now_ns() - start;
    dcn_parallel_for(threads, (layer->mg + COLUMNS - 1) / COLUMNS, 1, columns, &loop);
    return;
  }
  if (threads > 1) /* at least a block for each */
    loop.rows = MIN(loop.rows, (layer->out_pixels + threads - 1) / threads);
  dcn_parallel_for(threads, (layer->out_pixels + loop.rows - 1) / loop.rows, 1, blocks, &loop);
}
