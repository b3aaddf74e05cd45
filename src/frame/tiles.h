/* deltacnn: scaling both ways at once, in whole numbers.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bytes of a row are put in order so that the taps of an output lie where its products are added up: hardly an output is
 * summed along a vector, and no row of columns goes through memory.  The sums are the same exact ones as those of whole.h
 * and wide.h. */
#pragma once
#include "frame/filter.h"
#include <stddef.h>

#define DCN_TILE_OUTPUTS_MOST 16

typedef struct _DcnTiles DcnTiles;

/* A way of doing so, for an instruction set.  As dcn_tiles_init() and dcn_tiles_run(). */
typedef struct {
  gboolean (*init)(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes, int step,
                   int offset);
  void (*run)(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
              ptrdiff_t ahead, int begin, int end, float *out);
} DcnTilesWay;

/* For one component of a plane.  Outputs are computed some at a time, a tile: from so many loads of each row, a load's bytes
 * in one order or two, `passes`, which their taps fill. */
struct _DcnTiles {
  const DcnTilesWay *way;
  int tiles, loads, passes;
  int *start;      /* [tiles][loads] first byte of each load within a row */
  uint8_t *index;  /* [tiles][loads][passes][bytes of a load] which of its bytes */
  int8_t *weights; /* likewise, for each kind of row; 0 where there is no tap */
  size_t kind_bytes;   /* from one kind to the next */
  uint8_t kind[128];   /* by a row's weight */
  gboolean rows_apart; /* rows are weighed after they were summed across: there is one kind ... */
  gboolean wide;       /* ... or two: weights are too large for bytes, these are of their low and their high bits */
  float scale;         /* of the sums */
};

/* Those that run on this CPU, the best one first (ending with NULL, NULL). */
const DcnTilesWay *dcn_tiles_ways(void);

/* Plans this for a component whose samples lie `step` bytes apart in rows of so many bytes, `offset` bytes after each
 * position.  FALSE, with nothing to be cleared: there is no such way on this CPU or for these filters (or memory is short). */
gboolean dcn_tiles_init(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes,
                        int step, int offset);
void dcn_tiles_clear(DcnTiles *tiles); /* a zeroed one is fine */

/* out[x] = what DcnWholeRowsFunc would make of what DcnWholeColumnsFunc makes of the rows, begin <= x < end, and others in
 * the same tiles: up to the filter's size, rounded up to DCN_TILE_OUTPUTS_MOST.
 *
 * source   the first byte of the first of `taps` rows, stride bytes apart (it may be negative)
 * weights  [taps] of the rows
 * ahead    bytes from each row to one that is asked for meanwhile */
static inline void
dcn_tiles_run(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint16_t *weights, int taps,
              ptrdiff_t ahead, int begin, int end, float *out)
{
  tiles->way->run(tiles, source, stride, weights, taps, ahead, begin, end, out);
}

/* --- for ways -------------------------------------------------------------------------------------------------- */

/* Where samples lie further apart than this, each load is one of all three colours, and taking columns apart (whole.h, wide.h)
 * is faster than many loads for each of them. */
#define DCN_TILE_STEP_FREE 2

/* Whether each `n` outputs from a multiple of n on have their taps within so many bytes. */
gboolean dcn_tiles_fit(const DcnAxisFilter *across, int step, int n, int bytes);
/* Memory for tiles, loads, passes of load_bytes each. */
gboolean dcn_tiles_alloc(DcnTiles *tiles, int load_bytes, int n_kinds);

#ifdef __x86_64__
extern const DcnTilesWay dcn_tiles_avx512, dcn_tiles_avx2;
#endif
