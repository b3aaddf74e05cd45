/* deltacnn: scaling both ways at once, in whole numbers.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes of a row are put in order so that the taps of 16 outputs lie in the lanes that add up their products: no output is
 * summed along a vector, and no row of columns goes through memory.  The sums are the same exact ones as those of whole.h. */
#pragma once
#include "frame/filter.h"
#include <stddef.h>

#define DCN_TILE_OUTPUTS 16

/* For one component of a plane. */
typedef struct {
  int size;   /* outputs */
  int tiles;  /* of 16 outputs; what is beyond the last output comes out as 0 */
  int loads;  /* of 64 bytes of each row, per tile: 1, 2 or 4, of 16 / loads outputs each ... */
  int passes; /* ... times so many, 1 or 2, of 4 * loads taps each */
  int *start; /* [tiles][loads] first byte of each within a row */
  uint8_t *index;       /* [tiles][loads][passes][64] which of the bytes: lane by lane of 4 taps, output by output */
  int8_t *weights;      /* likewise, for each kind of row; 0 where there is no tap */
  size_t kind_bytes;    /* from one kind to the next */
  uint8_t kind[256];    /* by a row's weight */
  gboolean rows_apart;  /* rows of different weight are weighed after they were summed: there is one kind */
  float scale;          /* of the sums */
} DcnTiles;

/* Plans this for a component whose samples lie `step` bytes apart in rows of so many bytes, `offset` bytes after each
 * position.  FALSE, with nothing to be cleared: there is no such way on this CPU or for these filters (or memory is short). */
gboolean dcn_tiles_init(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes,
                        int step, int offset);
void dcn_tiles_clear(DcnTiles *tiles); /* a zeroed one is fine */

/* out[x] = what DcnWholeRowsFunc would make of what DcnWholeColumnsFunc makes of the rows, begin <= x < end, and others in
 * the same tiles: up to `tiles` times 16 floats.
 *
 * source   the first byte of the first of `taps` rows, stride bytes apart (it may be negative)
 * weights  [taps] of the rows
 * ahead    bytes from each row to one that is asked for meanwhile */
void dcn_tiles_run(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint8_t *weights, int taps,
                   ptrdiff_t ahead, int begin, int end, float *out);
