/* deltacnn: which part of the image each pixel of a value sees.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/program.h"

/* Pixel (x, y) of the value sees input columns [begin_x + x * step_x, + size_x), rows likewise. */
typedef struct {
  gboolean image; /* the rest holds; FALSE behind whatever moves or mixes pixels */
  int step_x, step_y;
  int begin_x, begin_y;
  int size_x, size_y;
} DcnSight;

/* sights: [n_values], written. */
void dcn_sights(const DcnProgram *program, DcnSight *sights);

/* The last op of which the output is an image of more than one pixel and all that the rest of the
 * network reads: where a network can be entered.  -1: there is none. */
int dcn_last_image(const DcnProgram *program, const DcnSight *sights);
