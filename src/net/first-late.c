/* deltacnn: first layers: cells of the input that were left untested are tested (untested.h).
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/first-cells.h"
#include <string.h>

void
dcn_first_test_cell(const DcnJob *job, const DcnFirstPlan *plan, int band, int column,
                    DcnDeltas deltas)
{
  DcnValueState *v = job->in;
  const DcnNetValue *nv = v->net;
  int top = band % plan->bands * plan->cell_h, rows = MIN(plan->cell_h, nv->h - top);
  int row = band / plan->bands * nv->h + top, x = column * plan->cell_w;
  int w = MIN(plan->cell_w, nv->w - x), shift = x & 63, unchanged = 0;
  uint64_t all = dcn_bits_last(w);
  for (int y = row; y < row + rows; y++, deltas.first += deltas.pitch) {
    size_t first = (size_t)y * (size_t)nv->w + (size_t)x, c = (size_t)nv->c;
    const DcnDiff d = {
        .x = job->state->input + first * 4,
        .ref = v->ref + first * c,
        .delta = deltas.first,
        .tolerance = v->threshold,
    };
    uint64_t found = all;
    memset(deltas.first, 0, sizeof *deltas.first * (size_t)w * c);
    unchanged += w * nv->c - job->kernels->diff_image(&d, w, nv->c, &found);
    if (found == all)
      continue;
    uint64_t gone = all & ~found, *bits = v->bits + (size_t)y * (size_t)nv->row_words + (x >> 6);
    bits[0] &= ~(gone << shift);
    if (shift + w > 64)
      bits[1] &= ~(gone >> (64 - shift));
    v->row_changed[y] -= dcn_bits_count(gone);
  }
  if (unchanged > 0)
    atomic_fetch_add(&job->state->untested.unchanged, unchanged);
}

void
dcn_first_test_band(const DcnJob *job, const DcnFirstPlan *plan, int band, const uint64_t *taken)
{
  const DcnUntested *untested = &job->state->untested;
  for (int i = 0; i < untested->words; i++) {
    uint64_t *cells = untested->cells + (size_t)band * (size_t)untested->words + i;
    for (uint64_t left = taken ? *cells & ~taken[i] : *cells; left; left &= left - 1) {
      int column = i * 64 + __builtin_ctzll(left);
      dcn_first_test_cell(job, plan, band, column, dcn_pixel_deltas(job, plan, band, column));
    }
    *cells = taken ? *cells & taken[i] : 0;
  }
}

void
dcn_first_all_tested(const DcnJob *job)
{
  DcnUntested *untested = &job->state->untested;
  DcnValueState *in = job->in;
  int unchanged = atomic_load(&untested->unchanged);
  untested->used = FALSE;
  if (unchanged == 0)
    return;
  in->values_changed -= (uint64_t)unchanged;
  in->n_changed = 0;
  for (int row = 0; row < in->net->n * in->net->h; row++)
    in->n_changed += in->row_changed[row];
}

void
dcn_first_test_all(const DcnJob *job)
{
  for (int band = 0; band < job->state->untested.bands; band++)
    dcn_first_test_band(job, job->op->plan, band, NULL);
  dcn_first_all_tested(job);
}
