/* deltacnn: cells of the input that are tested late, for a first layer that takes cells which changed as rectangles.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A cell's rows lie far apart in a large image: of each row three or four lines of values, and as many of what was
 * propagated, all of them out of memory.  Where all of a cell was touched, as a codec's blocks are, and such cells mostly
 * changed in the last run, it counts as changed until the layer adds it: then it is tested while the multipliers work at
 * others, and its deltas never leave the caches.  So it is where cells of which less changed were added whole. */
#pragma once
#include "net/bits.h"
#include <glib.h>
#include <stdatomic.h>

typedef struct {
  int cell_w, cell_h;     /* pixels */
  int across, bands;      /* cells of a row of cells, and these, of all images */
  int spare;              /* pixels of a whole cell that need not be touched, in this run */
  int words;              /* of a band's cells as bits */
  uint64_t *cells;        /* [bands][words] those not yet tested; NULL: all are tested at once, ever */
  uint64_t *taken;        /* [bands][words] of these, those that are tested when they are added */
  int touched;            /* pixels, in this run */
  atomic_int unchanged;   /* values of such cells that turned out so */
  gboolean used;          /* in this run */
  gboolean worth;         /* most of what changed in the last run was rectangles, of pixels that nearly all changed */
} DcnUntested;

static inline gboolean
dcn_untested_has(const DcnUntested *untested, int band, int cell)
{
  return untested->used &&
         (untested->cells[(size_t)band * untested->words + (cell >> 6)] >> (cell & 63) & 1);
}
