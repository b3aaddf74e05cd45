/* deltacnn: full runs of 3x3 convolutions in groups of 4, 8 or 16 channels, by rows of the image.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As products of matrices they would fill a part of a tile only, or multiply zeros between merged groups.  Partial runs
 * do them that way, with weights of their own. */
#include "net/conv.h"
#include "util/memory.h"
#include "util/parallel.h"

/* Output rows of a call: so few that the inputs of all channels stay in the second-level cache while one vector of them
 * after another is read. */
#define ROWS      8
#define LINES_MAX ((ROWS - 1) * 2 + 3)
#define PACK      16 /* channels that lie together in the weights */

/* What a multiply takes, in those of igemm, by groups of 4, 8 and 16 (bench-kernels). */
static const double group_cost[] = {1.5, 1.4, 1.2};

static gboolean
fits(const DcnKernels *k, const DcnConv *conv, const DcnWindow *win, int channels)
{
  const int left = -win->first_column;
  return (channels == 4 || channels == 8 || channels == 16) && channels < k->nr &&
         conv->groups > 1 && conv->groups * channels % PACK == 0 && win->kh == 3 && win->kw == 3 &&
         conv->dil_h == 1 && conv->dil_w == 1 && conv->stride_h == conv->stride_w &&
         (conv->stride_w == 1 || conv->stride_w == 2) && (left == 0 || left == 1) &&
         (win->out_w - 1) * win->step - left + 2 <= win->in_w;
}

DcnGrouped *
dcn_grouped_new(DcnNet *net, const DcnOp *op, const DcnWindow *win, double *cost)
{
  const DcnConv *conv = &op->u.conv;
  const int c = dcn_op_out(net, op)->c, group = c / conv->groups;
  if (dcn_op_in(net, op)->c != c || !fits(net->kernels, conv, win, group))
    return NULL;
  DcnGrouped *grouped = g_new0(DcnGrouped, 1);
  grouped->group = group;
  grouped->weight_bytes = sizeof(float) * (size_t)c * 9 * (size_t)group;
  grouped->weights = dcn_aligned_new0(grouped->weight_bytes, 1);
  if (!grouped->weights) {
    g_free(grouped);
    return NULL;
  }
  for (int j = 0; j < c; j++)
    for (int k = 0; k < group; k++)
      for (int t = 0; t < 9; t++)
        grouped
            ->weights[((size_t)((j / PACK * 3 + t / 3) * group + k) * 3 + (size_t)(t % 3)) * PACK +
                      (size_t)(j % PACK)] =
            conv->weights[((size_t)j * (size_t)group + (size_t)k) * 9 + (size_t)t];
  if (conv->bias)
    grouped->bias = g_memdup2(conv->bias, sizeof(float) * (size_t)c);
  net->needs.lines = MAX(net->needs.lines, LINES_MAX);
  *cost *= group_cost[group / 8];
  return grouped;
}

void
dcn_grouped_free(DcnGrouped *grouped)
{
  if (!grouped)
    return;
  dcn_aligned_free(grouped->weights);
  g_free(grouped->bias);
  g_free(grouped);
}

typedef struct {
  const DcnGroupedRun *run;
  int chunks; /* of rows, of an image */
  int parts;  /* of channels */
} Loop;

static void
rows_of_image(const Loop *loop, int image, int chunk, int part, DcnWorker *worker)
{
  const DcnGroupedRun *run = loop->run;
  const DcnJob *job = run->job;
  const DcnGrouped *grouped = run->grouped;
  const DcnWindow *win = run->window;
  const int packs = job->out->net->c / PACK, from = packs * part / loop->parts * PACK,
            channels = packs * (part + 1) / loop->parts * PACK - from;
  const int row = chunk * ROWS, rows = MIN(ROWS, win->out_h - row);
  const size_t line = (size_t)win->in_w * (size_t)job->in->net->ref_pitch;
  const float *in = job->in->ref + (size_t)image * (size_t)win->in_h * line + from;
  for (int i = 0; i < (rows - 1) * win->step + 3; i++) {
    const int at = MIN(i / win->step, rows - 1), ky = i - at * win->step; /* a row that reads it */
    const int y = win->iy[(row + at) * 3 + ky];
    worker->lines[i] = y < 0 ? NULL : in + (size_t)y * line;
  }
  const DcnGroupedRows d = {
      .group = grouped->group,
      .lines = worker->lines,
      .step = (size_t)job->in->net->ref_pitch,
      .in_w = win->in_w,
      .stride = win->step,
      .left = -win->first_column,
      .w = grouped->weights + (size_t)from * 9 * (size_t)grouped->group,
      .bias = grouped->bias ? grouped->bias + from : NULL,
      .lo = run->lo,
      .hi = run->hi,
      .out = run->sums +
             ((size_t)image * (size_t)win->out_h + (size_t)row) * (size_t)win->out_w * run->stride +
             from,
      .ldo = run->stride,
      .row = (size_t)win->out_w * run->stride,
      .rows = rows,
      .pixels = win->out_w,
  };
  job->kernels->grouped_rows(&d, channels);
}

static void
items(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  for (int i = begin; i < end; i++) {
    const int chunk = i / loop->parts;
    rows_of_image(loop, chunk / loop->chunks, chunk % loop->chunks, i % loop->parts,
                  dcn_worker(loop->run->job, number));
  }
}

void
dcn_grouped_run(const DcnGroupedRun *run)
{
  const DcnJob *job = run->job;
  const DcnNetValue *out = job->out->net;
  const int threads = job->state->threads;
  Loop loop = {.run = run, .chunks = (out->h + ROWS - 1) / ROWS, .parts = 1};
  if (threads > 1 && out->n * loop.chunks < 2 * threads) /* few rows: the channels are cut too */
    loop.parts = MIN(out->c / PACK, threads);
  const int n = out->n * loop.chunks * loop.parts;
  dcn_parallel_for(threads, n, dcn_grain((size_t)(job->op->full_macs / n)), items, &loop);
}
