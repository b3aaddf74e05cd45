/* deltacnn: what an op takes, guessed from what it does.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * For one decision only: whether a frame in which much has changed is cheaper done whole.  From
 * counts, never from clocks, so that the same frames always give the same bits.  The figures were
 * measured with AVX-512 kernels; an igemm multiply is scaled to the others by their tile's width.
 */
#include "net/internal.h"

#define FULL_PIXEL_NS    4.0  /* an output pixel: pointers, loops */
#define FULL_VALUE_NS    0.05 /* an output value: activation, store */
#define PARTIAL_PIXEL_NS 30.0 /* besides: lists, marks, the call of diff */
#define PARTIAL_VALUE_NS 0.2  /* besides: the test against ref, delta */
#define DELTA_FACTOR     1.7  /* a multiply of dgemm, in those of igemm */
#define DEPTHWISE_FACTOR 8.0

static double
mac_ns(const DcnNet *net, const DcnNetOp *op)
{
  double ns = 0.5 / net->kernels->nr;
  return op->class == &dcn_depthwise_class ? ns * DEPTHWISE_FACTOR : ns;
}

double
dcn_cost_full(const DcnNet *net, const DcnNetOp *op)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  return (double)op->macs * mac_ns(net, op) +
         out->pixels * (FULL_PIXEL_NS + FULL_VALUE_NS * out->c);
}

double
dcn_cost_partial(const DcnNet *net, const DcnNetOp *op, uint64_t macs, uint64_t delta_macs,
                 int pixels)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  double igemm = (double)(macs - delta_macs) + (double)delta_macs * DELTA_FACTOR;
  return igemm * mac_ns(net, op) + pixels * (PARTIAL_PIXEL_NS + PARTIAL_VALUE_NS * out->c);
}
