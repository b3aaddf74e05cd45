/* deltacnn: which tiles of a partial run are done by Winograd's way: those in which so many outputs are to be computed from
 * values that a whole tile takes less.  Only what is wanted of a tile is written: the rest has the values of an earlier run, from
 * which it would differ by rounding.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/conv.h"
#include "net/winograd.h"
#include <string.h>

/* The tile of an output pixel, and its bit there. */
static inline DcnWinogradTile
tile_of(const DcnWinograd *w, DcnCursor *cursor, const DcnWindow *window, int pixel)
{
  dcn_cursor_move(cursor, window, pixel);
  int shift = w->m == 4 ? 2 : 1, y = cursor->y >> shift, x = cursor->x >> shift;
  int bit = (cursor->y - (y << shift)) * w->m + cursor->x - (x << shift);
  return (DcnWinogradTile){(cursor->image * w->tiles_y + y) * w->tiles_x + x, UINT32_C(1) << bit};
}

int
dcn_winograd_choose(DcnJob *job, DcnWinogradRun *run, int n)
{
  DcnState *state = job->state;
  const DcnWinograd *w = run->winograd;
  const DcnConvPlan *plan = job->op->plan;
  uint32_t *wanted = state->tile_bits;
  DcnCursor cursor = DCN_CURSOR_INIT;
  double tile_cost = dcn_winograd_cost(run, w->tiles) / w->tiles,
         pixel_cost = w->plain_pixel * run->groups;
  if (w->always)
    tile_cost = 0;
  if (n * pixel_cost < tile_cost)
    return 0;
  memset(wanted, 0, sizeof *wanted * (size_t)w->tiles);
  for (int i = 0; i < n; i++) {
    DcnWinogradTile t = tile_of(w, &cursor, &plan->window, dcn_job_pixel(job, i));
    wanted[t.tile] |= t.wanted;
  }
  int tiles = 0, pixels = 0;
  for (int i = 0; i < w->tiles; i++) {
    int count = dcn_bits_count(wanted[i]);
    if (count * pixel_cost <= tile_cost) {
      wanted[i] = 0;
      continue;
    }
    state->tiles[tiles++] = (DcnWinogradTile){i, wanted[i]};
    pixels += count;
  }
  if (tiles == 0 || (!w->always && dcn_winograd_cost(run, tiles) > pixels * pixel_cost))
    return 0;
  run->tiles = state->tiles;
  run->n_tiles = tiles;
  if (pixels == n)
    return n;
  int32_t *list = job->list == state->order ? state->list : state->order;
  int taken = 0, left = pixels;
  cursor = (DcnCursor)DCN_CURSOR_INIT;
  for (int i = 0; i < n; i++) {
    int p = dcn_job_pixel(job, i);
    list[wanted[tile_of(w, &cursor, &plan->window, p).tile] ? taken++ : left++] = p;
  }
  for (int i = n; i < job->count; i++)
    list[i] = dcn_job_pixel(job, i);
  job->list = list;
  return pixels;
}
