/* deltacnn: activations of a key frame, moved along with the image.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activation motion compensation of EVA2 (Buckler et al., ISCA 2018): each activation moves by the
 * mean vector of what it sees, divided by the distance between activations, and is interpolated
 * bilinearly. */
#pragma once
#include "net/net.h"
#include "rivals/field.h"
#include "rivals/geometry.h"

/* Mean vectors over what each pixel of a value sees, in pixels of the value.  Blocks that are not known
 * do not count; where none is known the vector is 0.
 * x, y: [h * w] of the value.  sums: scratch, 3 * (cols + 1) * (rows + 1) doubles of the field. */
void dcn_field_pool(const DcnField *field, const DcnSight *sight, int w, int h, double *sums,
                    float *x, float *y);

/* to[p] = from[p + (x, y)], between pixels interpolated, beyond the border as on it.
 * from: [to->h * to->w][to->c] floats without gaps.  A vector of 0 copies. */
void dcn_warp(const float *from, const float *x, const float *y, const DcnPixels *to);
