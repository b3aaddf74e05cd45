/* deltacnn: data movement: where each element of a result comes from.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All movements but reshaping are separable: along each dimension of the result a table says which
 * coordinate of one dimension of the source is read, or that the result is filled there.  So
 * transposing, slicing, padding, expanding, tiling and picking are one thing, for constants and for
 * values alike. */
#pragma once
#include "model/loader.h"

typedef struct {
  DcnShape shape;               /* of the result */
  int axis[DCN_MAX_RANK];       /* source dimension that a result dimension walks; -1: none */
  int32_t *coord[DCN_MAX_RANK]; /* [dims], source coordinate or -1 for fill; NULL where axis is -1;
                                   owned */
} DcnMove;

/* The result has the source's shape and elements; callers change what their operator moves. */
void dcn_move_init(DcnMove *move, const DcnShape *source);
void dcn_move_clear(DcnMove *move);
/* Gives dimension d its size and walks source dimension axis (-1: constant along d); the table is
 * uninitialised. FALSE on a size out of range. */
gboolean dcn_move_set_dim(DcnLoader *loader, DcnMove *move, int d, int64_t size, int axis);

DcnTensor *dcn_move_tensor(DcnLoader *loader, const DcnMove *move, DcnTensor *source, double fill);
int dcn_move_value(DcnLoader *loader, const DcnMove *move, int source, float fill,
                   const char *role);
/* Applies to input 0 of the node, whatever it is, and sets output i. */
gboolean dcn_move_apply(DcnLoader *loader, DcnMove *move, double fill, int output);

/* Same elements in row-major order under another shape (counts must agree). */
int dcn_reshape_value(DcnLoader *loader, int source, const DcnShape *shape, const char *role);
gboolean dcn_reshape_apply(DcnLoader *loader, const DcnShape *shape);

/* The same elements and shape; the channels are the last dimension, or the second one.  Where a model works along the
 * last dimension of an image, a transposition has brought the channels there, and nothing is moved in memory. */
int dcn_relaid_value(DcnLoader *loader, int source, gboolean last, const char *role);

/* Whether the channels are last after a transposition: they are where the source has them, if that is the second
 * dimension or the last one now; else they are not while an image's last dimension stays where it is. */
gboolean dcn_transposed_last(const DcnShape *source, const int *perm);
DcnTensor *dcn_transpose_tensor(DcnLoader *loader, DcnTensor *source, const int *perm);
int dcn_transpose_value(DcnLoader *loader, int source, const int *perm, const char *role);
/* Numpy broadcasting to a shape. */
int dcn_expand_value(DcnLoader *loader, int source, const DcnShape *shape, const char *role);
DcnTensor *dcn_expand_tensor(DcnLoader *loader, DcnTensor *source, const DcnShape *shape);
