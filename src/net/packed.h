/* deltacnn: the input's deltas cell by cell, for a first layer that takes cells which changed as rectangles.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A cell's rows lie far apart in a large image: of each row three or four lines of values, and as many of deltas, all of
 * them out of memory.  Where all of a cell was touched, as a codec's blocks are, its deltas go to the next of many slots
 * that lie one after another and stay in the caches.  The deltas by pixels are then not written. */
#pragma once
#include "net/bits.h"
#include <glib.h>
#include <stdatomic.h>

typedef struct {
  int cell_w, cell_h;     /* pixels */
  int across, bands;      /* cells of a row of cells, and these, of all images */
  int words;              /* of a band's cells as bits */
  int most;               /* cells packed of a band */
  size_t pitch, floats;   /* of a cell's row, and of a cell */
  float *slots;           /* [bands * most][floats]; NULL: nothing is packed, ever */
  uint64_t *cells;        /* [bands][words] those packed */
  uint64_t *taken;        /* [bands][words] of these, those whose deltas are read from there */
  int *first;             /* [bands] slot of a band's first; the others follow */
  atomic_int next;        /* slot */
  gboolean used;          /* in this run */
  gboolean worth;         /* most of what changed in the last run was rectangles */
} DcnPacked;

static inline gboolean
dcn_packed_has(const DcnPacked *packed, int band, int cell)
{
  return packed->used && (packed->cells[(size_t)band * packed->words + (cell >> 6)] >> (cell & 63) & 1);
}

/* The deltas of a cell that is packed. */
static inline float *
dcn_packed_slot(const DcnPacked *packed, int band, int cell)
{
  const uint64_t *cells = packed->cells + (size_t)band * packed->words;
  int slot = packed->first[band];
  for (int i = 0; i < cell >> 6; i++)
    slot += dcn_bits_count(cells[i]);
  slot += dcn_bits_count(cells[cell >> 6] & ((UINT64_C(1) << (cell & 63)) - 1));
  return packed->slots + (size_t)slot * packed->floats;
}
