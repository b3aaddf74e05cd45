/* Programs made at random; tests/model/reference.h says what they compute.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/program.h"
#include <stddef.h>

/* The same seed gives the same program (an engine takes its program over, so tests make it twice).
 * kinds: which DcnOpKind may occur, a bit each.  n_ops: how many, at least. */
DcnProgram *netgen_random(guint32 seed, unsigned kinds, int n_ops);
#define NETGEN_ALL ((1u << DCN_OP_COUNT) - 1)

/* One convolution, h x w x c to m channels, k x k, "same" padding, and the activation. */
DcnProgram *netgen_conv(guint32 seed, int h, int w, int c, int m, int k, int stride, int groups,
                        DcnActKind act);
/* A small classifier: convolutions, pools, a residual sum, a fully connected layer. */
DcnProgram *netgen_classifier(guint32 seed, int size);
/* Two convolutions of an image, to first and second channels, one behind the other, and a third one of both; and the same
 * the other way round, which cannot be in place as well. */
DcnProgram *netgen_concat(guint32 seed, int size, int first, int second);
/* A convolution of an image; the same turned by half, with a large number in place of each fourth; both one above the
 * other; and a convolution of these. */
DcnProgram *netgen_moved(guint32 seed, int size);
