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

#define FULL_PIXEL    400.0  /* an output pixel: pointers, loops */
#define FULL_VALUE    4.0    /* an output value: activation, store */
#define PARTIAL_PIXEL 2500.0 /* besides: lists, marks, the call of diff */
#define PARTIAL_VALUE 18.0   /* besides: the test against ref, delta */
#define DEPTHWISE     8.0    /* a multiply of depthwise */

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
  double macs = (double)op->macs;
  return (op->class == &dcn_depthwise_class ? macs * DEPTHWISE : macs) +
         out->pixels * (FULL_PIXEL + FULL_VALUE * out->c);
}

double
dcn_cost_partial(const DcnNet *net, const DcnNetOp *op, uint64_t macs, uint64_t cost, int pixels)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  double work = cost ? (double)cost : (double)macs;
  if (op->class == &dcn_depthwise_class)
    work *= DEPTHWISE;
  return work + pixels * (PARTIAL_PIXEL + PARTIAL_VALUE * out->c);
}
