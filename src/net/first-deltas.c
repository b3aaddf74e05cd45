/* deltacnn: first layers: which changes fall into which windows, and adding them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Output pixels whose windows hold the same pattern of changes are put into one tile: the weights
 * are then read once for all of them.  Where whole blocks of the image changed there are few
 * patterns, since they repeat with the blocks' grid, and tiles fill up without multiplying a single
 * zero; where single pixels changed hardly two are alike, and most tiles are one pixel.  Between
 * the two a tile takes the union of its pixels' changes; deltas are 0 elsewhere, so it is only time
 * that is lost. */
#include "net/first.h"
#include <string.h>

/* What a tap costs in a tile of so many pixels, in multiplies of igemm, and what a tile costs
 * besides (bench-kernels --kernel=tgemm). */
static const double tap_cost[DCN_TR_MAX + 1] = {0, 2.3, 3.8, 4.6, 4.8, 6.6, 6.6, 8.8, 8.8};
#define TILE_COST 50.0

typedef struct {
  size_t image;       /* number of its first pixel */
  int row;            /* of all images' rows: the first one's */
  const int *iy, *ix; /* window tables */
} Place;

static inline Place
place(const DcnWindow *win, DcnCursor *cursor, int pixel)
{
  dcn_cursor_move(cursor, win, pixel);
  return (Place){(size_t)cursor->image * win->in_h * win->in_w, cursor->image * win->in_h,
                 win->iy + (size_t)cursor->y * win->kh, win->ix + (size_t)cursor->x * win->kw};
}

static inline gboolean
lies_inside(const DcnWindow *win, const Place *at)
{
  return at->iy[0] >= 0 && at->iy[win->kh - 1] >= 0 && at->ix[0] >= 0 && at->ix[win->kw - 1] >= 0;
}

/* Fills in the masks; returns a hash of each in keys, and how many pixels each holds in counts. */
static void
look_up(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, uint64_t *keys,
        int *counts)
{
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  int kh = win->kh, words = in->net->row_words;
  uint64_t all = (UINT64_C(1) << win->kw) - 1;
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int i = 0; i < unit->n_pixels; i++) {
    Place at = place(win, &cursor, unit->pixels[i]);
    int64_t x = win->first_column + (int64_t)cursor.x * win->step;
    uint64_t *mask = unit->masks + (size_t)i * kh, key = 0;
    int count = 0;
    for (int ky = 0; ky < kh; ky++) {
      int row = at.row + at.iy[ky];
      mask[ky] = at.iy[ky] < 0 || in->row_changed[row] == 0
                     ? 0
                     : dcn_bits_at(in->bits + (size_t)row * words, words, x) & all;
      count += __builtin_popcountll(mask[ky]);
      key = (key ^ mask[ky]) * UINT64_C(0x9e3779b97f4a7c15);
      key ^= key >> 29;
    }
    /* Windows across a border are alone: their pixels differ in which taps exist. */
    keys[i] = lies_inside(win, &at) ? key | 1 : 0;
    counts[i] = count;
  }
}

/* order[]: pixels of equal keys one after another, the groups in the order of their first pixels. */
static void
group(DcnFirstUnit *unit, const uint64_t *keys)
{
  enum { SLOTS = 2 * DCN_FIRST_UNIT_MAX, NONE = 0xff };
  uint8_t slot_head[SLOTS], next[DCN_FIRST_UNIT_MAX], tail[DCN_FIRST_UNIT_MAX],
      heads[DCN_FIRST_UNIT_MAX];
  int n_heads = 0, n = 0;
  memset(slot_head, NONE, sizeof slot_head);
  for (int i = 0; i < unit->n_pixels; i++) {
    next[i] = NONE;
    unsigned slot = (unsigned)(keys[i] >> 32) % SLOTS;
    while (slot_head[slot] != NONE && keys[slot_head[slot]] != keys[i])
      slot = (slot + 1) % SLOTS;
    int head = slot_head[slot];
    if (head == NONE) {
      slot_head[slot] = tail[i] = heads[n_heads++] = (uint8_t)i;
    } else {
      next[tail[head]] = (uint8_t)i;
      tail[head] = (uint8_t)i;
    }
  }
  for (int g = 0; g < n_heads; g++)
    for (int i = heads[g]; i != NONE; i = next[i])
      unit->order[n++] = (uint8_t)i;
}

/* merged |= mask; returns the bits of the result. */
static inline int
merge(uint64_t *merged, const uint64_t *mask, int kh)
{
  int count = 0;
  for (int ky = 0; ky < kh; ky++) {
    merged[ky] |= mask[ky];
    count += __builtin_popcountll(merged[ky]);
  }
  return count;
}

/* A tile from order[begin] on: as many pixels as give the least cost per pixel's own changes. */
static void
cut_tile(const DcnFirstPlan *plan, DcnFirstUnit *unit, int begin, int tr, const uint64_t *keys,
         const int *counts, DcnFirstTile *tile)
{
  int kh = plan->window.kh, first = unit->order[begin], own = counts[first], all = own;
  uint64_t merged[64];
  double best = tap_cost[1] * own * plan->c + TILE_COST, per_tap = best / own;
  *tile = (DcnFirstTile){begin, 1, 0, own, keys[first] != 0};
  if (!tile->same)
    return;
  memcpy(merged, unit->masks + (size_t)first * kh, sizeof *merged * (size_t)kh);
  for (int n = 1; n < tr && begin + n < unit->n_pixels; n++) {
    int i = unit->order[begin + n];
    if (keys[i] == 0)
      break;
    if (keys[i] != keys[first])
      all = merge(merged, unit->masks + (size_t)i * kh, kh);
    own += counts[i];
    double cost = tap_cost[n + 1] * all * plan->c + TILE_COST;
    if (cost < per_tap * own) {
      best = cost;
      per_tap = cost / own;
      tile->pixels = n + 1;
      tile->count = all;
    } else if (cost > 2 * per_tap * own) {
      break;
    }
  }
}

void
dcn_first_plan_unit(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  uint64_t keys[DCN_FIRST_UNIT_MAX];
  int counts[DCN_FIRST_UNIT_MAX], taps = 0;
  look_up(job, plan, unit, keys, counts);
  group(unit, keys);
  unit->cost = 0;
  unit->multiplies = 0;
  unit->n_tiles = 0;
  for (int i = 0; i < unit->n_pixels;) {
    DcnFirstTile *tile = &unit->tiles[unit->n_tiles++];
    cut_tile(plan, unit, i, job->kernels->tr, keys, counts, tile);
    tile->first = taps;
    taps += tile->count;
    unit->cost += tap_cost[tile->pixels] * tile->count * plan->c + TILE_COST;
    unit->multiplies += (uint64_t)tile->pixels * (uint64_t)tile->count * (uint64_t)plan->c;
    i += tile->pixels;
  }
}

void
dcn_first_list_taps(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  const DcnWindow *win = &plan->window;
  int kh = win->kh, kw = win->kw, c = plan->c, nr = job->kernels->nr;
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int t = 0; t < unit->n_tiles; t++) {
    const DcnFirstTile *tile = &unit->tiles[t];
    const uint64_t *mask = unit->masks + (size_t)unit->order[tile->begin] * kh;
    uint64_t merged[64];
    memcpy(merged, mask, sizeof *merged * (size_t)kh);
    for (int i = 1; i < tile->pixels; i++)
      merge(merged, unit->masks + (size_t)unit->order[tile->begin + i] * kh, kh);
    Place at = place(win, &cursor, unit->pixels[unit->order[tile->begin]]);
    int64_t corner = win->first_column + (int64_t)cursor.x * win->step;
    DcnTap *tap = unit->taps + tile->first;
    for (int ky = 0; ky < kh; ky++) {
      if (merged[ky] == 0)
        continue;
      int64_t row = tile->same ? (int64_t)(at.iy[ky] - at.iy[0]) * win->in_w
                               : (int64_t)at.image + (int64_t)at.iy[ky] * win->in_w + corner;
      for (uint64_t bits = merged[ky]; bits; bits &= bits - 1) {
        int kx = __builtin_ctzll(bits);
        *tap++ = (DcnTap){(int32_t)((row + kx) * c), (ky * kw + kx) * c * nr};
      }
    }
  }
}

void
dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstUnit *unit, float *sums,
              size_t stride)
{
  const DcnKernels *k = job->kernels;
  const DcnWindow *win = &plan->window;
  int nr = k->nr, tr = k->tr, c = plan->c;
  const float *windows[DCN_FIRST_UNIT_MAX];
  int32_t pixels[DCN_FIRST_UNIT_MAX];
  for (int i = 0; i < unit->n_pixels; i++)
    pixels[i] = unit->pixels[unit->order[i]];
  DcnCursor cursor = DCN_CURSOR_INIT;
  for (int t = 0; t < unit->n_tiles; t++) {
    const DcnFirstTile *tile = &unit->tiles[t];
    for (int i = tile->begin; i < tile->begin + tile->pixels; i++) {
      windows[i] = job->in->delta;
      if (tile->same) {
        Place at = place(win, &cursor, pixels[i]);
        windows[i] += (at.image + (size_t)at.iy[0] * win->in_w + (size_t)at.ix[0]) * c;
      }
    }
  }
  for (int b = 0; b < plan->blocks; b++) {
    const float *w = plan->weights + (size_t)b * plan->block_floats;
    int columns = MIN(nr, plan->m - b * nr);
    for (int t = 0; t < unit->n_tiles; t++) {
      const DcnFirstTile *tile = &unit->tiles[t];
      const float *d[DCN_TR_MAX];
      float *out[DCN_TR_MAX];
      for (int i = 0; i < tr; i++) {
        int from = tile->begin + MIN(i, tile->pixels - 1);
        d[i] = windows[from];
        out[i] = sums + (size_t)pixels[from] * stride + (size_t)b * nr;
      }
      k->tgemm(d, unit->taps + tile->first, tile->count, c, w, out, tile->pixels, columns);
    }
  }
}
