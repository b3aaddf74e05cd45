/* deltacnn: what an op takes, guessed from what it does.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For two decisions: whether a block of a convolution is done from values or from differences, and
 * whether a frame in which much has changed is cheaper done whole.  From counts, never from clocks,
 * so that the same frames always give the same bits.  The figures are measured rates (bench-kernels
 * and deltacnn-bench --layers on a quiet machine), as ratios to igemm's, which carry over from one
 * machine to another better than times do. */
#include "net/internal.h"

/* A multiply of dgemm in those of igemm, by vectors of output channels in the tile: the fewer, the
 * less hides the search for changed channels. */
static const double dgemm_factor[4] = {1.9, 1.45, 1.3, 1.22};

/* In multiplies: a window's tap set up for igemm, and for dgemm with its mask. */
#define POINTER       60.0
#define DELTA_POINTER 200.0

/* What a whole op takes: for its work (what convolutions count as above, else multiplies), for each output pixel and
 * each output value that it computes; a partial run besides once, and for each output pixel that there is: marks are
 * cleared, found, listed.  Fitted to the times of MobileNet, SqueezeNet and ResNet-18 on clips. */
typedef struct {
  const DcnOpClass *class;
  double full_work, full_pixel, full_value;
  double work, pixel, value, once, all;
} OpCost;
static const OpCost op_costs[] = {
    {&dcn_first_class, 1.14, 970, 14, 1.2, 1950, 19, 130000, 42},
    {&dcn_depthwise_class, 4, 100, 2, 7.4, 50, 2, 25000, 170},
    {&dcn_conv_class, 1.14, 260, 12, 1.4, 2400, 56, 60000, 115},
    {&dcn_fc_class, 13.5, 48000, 0, 15, 70000, 100, 50000, 0},
    {&dcn_pool_class, 0, 1000, 70, 0, 4000, 84, 240000, 100},
    {&dcn_concat_class, 0, 1, 0, 0, 1600, 0, 300000, 5},
    {NULL, 1, 0, 32, 1, 180, 55, 45000, 67}, /* others */
};

static const OpCost *
op_cost(const DcnNetOp *op)
{
  const OpCost *cost = op_costs;
  while (cost->class && cost->class != op->class)
    cost++;
  return cost;
}

static int
lanes(const DcnKernels *kernels)
{
  return MAX(kernels->nr / 2, 1);
}

static double
whole_vectors(const DcnKernels *kernels, int columns)
{
  int n = lanes(kernels);
  return (double)((columns + n - 1) / n * n);
}

uint64_t
dcn_cost_igemm(const DcnKernels *kernels, int pixels, uint64_t terms, int columns)
{
  int tiles = (pixels + kernels->mr - 1) / kernels->mr;
  /* A tile of few pixels takes as long as one of four: its sums wait for each other. */
  double padded = MAX(pixels, tiles * MIN(kernels->mr, 4));
  return (uint64_t)(padded * (double)terms * whole_vectors(kernels, columns) + pixels * POINTER);
}

uint64_t
dcn_cost_dgemm(const DcnKernels *kernels, int pixels, int taps, uint64_t padded, int columns)
{
  int n = lanes(kernels), width = kernels->dn * kernels->nr, rest = columns % width;
  double cost = (columns - rest) * dgemm_factor[MIN(width / n, 4) - 1];
  if (rest)
    cost += whole_vectors(kernels, rest) * dgemm_factor[(rest + n - 1) / n - 1];
  return (uint64_t)(cost * (double)padded + (double)pixels * taps * DELTA_POINTER);
}

double
dcn_cost_full(const DcnNet *net, const DcnNetOp *op)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  const OpCost *cost = op_cost(op);
  return (op->full_macs > 0 ? op->full_macs : (double)op->macs) * cost->full_work +
         out->pixels * (cost->full_pixel + cost->full_value * out->c);
}

double
dcn_cost_changed(const DcnNet *net, const DcnNetOp *op)
{
  double work = op->changed_macs > 0 ? op->changed_macs : op->full_macs;
  return dcn_cost_partial(net, op, op->macs, (uint64_t)work, dcn_op_out(net, op->op)->pixels);
}

double
dcn_cost_partial(const DcnNet *net, const DcnNetOp *op, uint64_t macs, uint64_t work, int pixels)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  const OpCost *cost = op_cost(op);
  return (double)(work ? work : macs) * cost->work + pixels * (cost->pixel + cost->value * out->c) +
         cost->once + cost->all * out->pixels;
}
