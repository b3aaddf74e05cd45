/* deltacnn: first layers: cells of the image, by the bands that they lie in.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/first.h"

static inline int
dcn_band_of(int32_t cell)
{
  return cell >> 16;
}

/* A cell's deltas: the first, and floats from one row of them to the next. */
typedef struct {
  float *first;
  size_t pitch;
} DcnDeltas;

/* Where they lie by pixels. */
static inline DcnDeltas
dcn_pixel_deltas(const DcnJob *job, const DcnFirstPlan *plan, int band, int column)
{
  const DcnWindow *win = &plan->window;
  size_t row = (size_t)(band / plan->bands) * (size_t)win->in_h +
               (size_t)(band % plan->bands) * (size_t)plan->cell_h;
  size_t x = (size_t)column * (size_t)plan->cell_w, c = (size_t)plan->c;
  return (DcnDeltas){job->in->delta + (row * (size_t)win->in_w + x) * c, (size_t)win->in_w * c};
}

/* first-late.c.  Tests one of the input's cells that were left untested.  deltas: where they go, 0 where nothing changed. */
void dcn_first_test_cell(const DcnJob *job, const DcnFirstPlan *plan, int band, int column,
                         DcnDeltas deltas);
/* Tests those of a band that are left, but for those that are `taken`; the deltas go to those of the pixels. */
void dcn_first_test_band(const DcnJob *job, const DcnFirstPlan *plan, int band,
                         const uint64_t *taken);
/* After all were: counts what changed. */
void dcn_first_all_tested(const DcnJob *job);
