/* deltacnn: first layers: which changes fall into which windows, and adding them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Output pixels whose windows hold the same pattern of changes are put into one tile: the weights
 * are then read once for all of them.  Where whole blocks of the image changed there are few
 * patterns, since they repeat with the blocks' grid, and tiles fill up without multiplying a single
 * zero; pixels left over join a tile of others, which then takes the union of their changes, from a
 * copy that is 0 elsewhere.  Where single pixels changed hardly two patterns are alike, and every
 * output pixel is done by itself. */
#include "net/first.h"
#include <string.h>

/* What a tap costs in a tile of so many pixels, in multiplies of igemm, and what a tile costs
 * besides (bench-kernels --kernel=tgemm). */
static const double tap_cost[DCN_TR_MAX + 1] = {0, 2.3, 3.8, 4.6, 4.8, 6.6, 6.6, 8.8, 8.8};
#define TILE_COST 50.0
/* The same for pixels by themselves. */
#define SINGLE_TAP_COST 2.4
#define SINGLE_COST     12.0
/* To copy a pixel's delta where a tile's pixels differ in what changed. */
#define GATHER_COST 0.15

/* The rows of one output row's windows in which something changed, and their places in a mask. */
typedef struct {
  int n;
  const uint64_t *bits[64];
  uint8_t word[64], shift[64];
} Rows;

static void
find_rows(const DcnJob *job, const DcnFirstPlan *plan, const DcnCursor *cursor, Rows *rows)
{
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  const int *iy = win->iy + (size_t)cursor->y * win->kh;
  rows->n = 0;
  for (int ky = 0; ky < win->kh; ky++) {
    int row = cursor->image * win->in_h + iy[ky];
    if (iy[ky] < 0 || in->row_changed[row] == 0)
      continue;
    rows->bits[rows->n] = in->bits + (size_t)row * in->net->row_words;
    rows->word[rows->n] = (uint8_t)(ky / plan->rows_per_word);
    rows->shift[rows->n++] = (uint8_t)(ky % plan->rows_per_word * win->kw);
  }
}

/* Fills in masks and corners; returns a hash of each mask in keys, and how many pixels each holds
 * in counts. */
static void
look_up(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, uint64_t *keys,
        uint16_t *counts)
{
  const DcnWindow *win = &plan->window;
  int words = job->in->net->row_words, row = -1, n_words = plan->words;
  uint64_t all = (UINT64_C(1) << win->kw) - 1;
  ptrdiff_t corner = 0;
  gboolean inside = FALSE; /* the rows of the window */
  Rows rows = {.n = 0};
  DcnCursor cursor = DCN_CURSOR_INIT;
  memset(unit->masks, 0, sizeof *unit->masks * (size_t)unit->n_pixels * (size_t)n_words);
  for (int i = 0; i < unit->n_pixels; i++) {
    dcn_cursor_move(&cursor, win, unit->pixels[i]);
    if (row != cursor.image * win->out_h + cursor.y) {
      row = cursor.image * win->out_h + cursor.y;
      find_rows(job, plan, &cursor, &rows);
      const int *iy = win->iy + (size_t)cursor.y * win->kh;
      inside = iy[0] >= 0 && iy[win->kh - 1] >= 0;
      corner = ((ptrdiff_t)cursor.image * win->in_h + (ptrdiff_t)cursor.y * plan->stride_h -
                plan->pad_top) *
               win->in_w;
    }
    int64_t x = win->first_column + (int64_t)cursor.x * win->step, at = x >> 6;
    int shift = (int)(x & 63);
    uint64_t *mask = unit->masks + (size_t)i * (size_t)n_words;
    if (at >= 0 && at + 1 < words)
      for (int r = 0; r < rows.n; r++) {
        const uint64_t *bits = rows.bits[r] + at;
        mask[rows.word[r]] |= ((bits[0] >> shift | bits[1] << 1 << (63 - shift)) & all)
                              << rows.shift[r];
      }
    else
      for (int r = 0; r < rows.n; r++)
        mask[rows.word[r]] |= (dcn_bits_at(rows.bits[r], words, x) & all) << rows.shift[r];
    int count = 0;
    uint64_t key = 0, factor = UINT64_C(0x9e3779b97f4a7c15);
    for (int j = 0; j < n_words; j++, factor += UINT64_C(0x7f4a7c159e3779b8)) {
      count += dcn_bits_count(mask[j]);
      key += (mask[j] ^ mask[j] >> 31) * factor;
    }
    /* Windows across a border are alone: taps that others have lie outside of the image. */
    keys[i] = inside && x >= 0 && x + win->kw <= win->in_w ? key | 1 : 0;
    counts[i] = (uint16_t)count;
    unit->corners[i] = (corner + x) * plan->c;
  }
}

/* order[]: pixels of equal keys one after another, the groups in the order of their first pixels. */
static void
group(DcnFirstUnit *unit, const uint64_t *keys)
{
  enum { SLOTS = 2 * DCN_FIRST_UNIT_MAX, NONE = 0xffff };
  uint16_t slot_head[SLOTS], next[DCN_FIRST_UNIT_MAX], tail[DCN_FIRST_UNIT_MAX],
      heads[DCN_FIRST_UNIT_MAX];
  int n_heads = 0, n = 0;
  memset(slot_head, 0xff, sizeof slot_head);
  for (int i = 0; i < unit->n_pixels; i++) {
    next[i] = NONE;
    unsigned slot = (unsigned)(keys[i] >> 40) % SLOTS;
    while (slot_head[slot] != NONE && keys[slot_head[slot]] != keys[i])
      slot = (slot + 1) % SLOTS;
    int head = slot_head[slot];
    if (head == NONE) {
      slot_head[slot] = tail[i] = heads[n_heads++] = (uint16_t)i;
    } else {
      next[tail[head]] = (uint16_t)i;
      tail[head] = (uint16_t)i;
    }
  }
  for (int g = 0; g < n_heads; g++)
    for (int i = heads[g]; i != NONE; i = next[i])
      unit->order[n++] = (uint16_t)i;
}

/* merged |= mask; returns the bits of the result. */
static inline int
merge(uint64_t *merged, const uint64_t *mask, int words)
{
  int count = 0;
  for (int j = 0; j < words; j++) {
    merged[j] |= mask[j];
    count += dcn_bits_count(merged[j]);
  }
  return count;
}

/* A tile from order[begin] on: as many pixels as give the least cost per pixel's own changes.
 * Returns the tile's cost. */
static double
cut_tile(const DcnFirstPlan *plan, DcnFirstUnit *unit, int begin, int tr, const uint64_t *keys,
         const uint16_t *counts, DcnFirstTile *tile)
{
  int words = plan->words, first = unit->order[begin], own = counts[first], all = own, n = 1;
  int most = MIN(tr, unit->n_pixels - begin);
  uint64_t merged[64];
  *tile = (DcnFirstTile){.begin = begin, .pixels = 1, .count = own};
  double best = tap_cost[1] * own * plan->c + TILE_COST;
  if (keys[first] == 0)
    return best;
  while (n < most && keys[unit->order[begin + n]] == keys[first])
    n++;
  tile->pixels = n;
  best = tap_cost[n] * own * plan->c + TILE_COST;
  own *= n;
  if (n == most)
    return best;
  memcpy(merged, unit->masks + (size_t)first * (size_t)words, sizeof *merged * (size_t)words);
  for (double per_tap = best / own; n < most; n++) {
    int i = unit->order[begin + n];
    if (keys[i] == 0)
      break;
    all = merge(merged, unit->masks + (size_t)i * (size_t)words, words);
    own += counts[i];
    double cost = (tap_cost[n + 1] + GATHER_COST * (n + 1)) * all * plan->c + TILE_COST;
    if (cost < per_tap * own) {
      best = cost;
      per_tap = cost / own;
      tile->pixels = n + 1;
      tile->count = all;
      tile->mixed = TRUE;
    } else if (cost > 1.4 * per_tap * own) {
      break;
    }
  }
  return best;
}

/* Whether changed pixels mostly stand alone in their rows; a sample of the masks will do. */
static gboolean
scattered(const DcnFirstPlan *plan, const DcnFirstUnit *unit)
{
  int starts = 0, all = 0;
  for (int i = 0; i < unit->n_pixels; i += 8)
    for (int j = 0; j < plan->words; j++) {
      uint64_t mask = unit->masks[(size_t)i * (size_t)plan->words + (size_t)j];
      starts += dcn_bits_count(mask & ~(mask << 1));
      all += dcn_bits_count(mask);
    }
  return 2 * starts > all;
}

void
dcn_first_plan_unit(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  uint64_t keys[DCN_FIRST_UNIT_MAX];
  uint16_t counts[DCN_FIRST_UNIT_MAX];
  int taps = 0, floats = 0;
  look_up(job, plan, unit, keys, counts);
  unit->cost = 0;
  unit->multiplies = 0;
  unit->n_tiles = 0;
  unit->single = scattered(plan, unit);
  if (unit->single) {
    uint64_t all = 0;
    for (int i = 0; i < unit->n_pixels; i++)
      all += counts[i];
    unit->multiplies = all * (uint64_t)plan->c;
    unit->cost = SINGLE_TAP_COST * (double)unit->multiplies + SINGLE_COST * unit->n_pixels;
    return;
  }
  group(unit, keys);
  for (int i = 0; i < unit->n_pixels;) {
    DcnFirstTile *tile = &unit->tiles[unit->n_tiles++];
    unit->cost += cut_tile(plan, unit, i, job->kernels->tr, keys, counts, tile);
    unit->multiplies += (uint64_t)tile->pixels * (uint64_t)tile->count * (uint64_t)plan->c;
    /* A full group's tiles share their list. */
    gboolean again = i > 0 && !tile->mixed && !tile[-1].mixed && keys[unit->order[i]] != 0 &&
                     keys[unit->order[i]] == keys[unit->order[i - 1]];
    tile->listed = again;
    tile->first = again ? tile[-1].first : taps;
    taps += again ? 0 : tile->count;
    tile->floats = floats;
    if (tile->mixed)
      floats += tile->pixels * tile->count * plan->c;
    i += tile->pixels;
  }
}

/* The deltas of a mixed tile, 0 where a pixel did not change: copied, since deltas mean nothing
 * there. */
static void
gather(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstUnit *unit,
       const DcnFirstTile *tile, const uint16_t *bits, DcnTap *taps)
{
  typedef int32_t I4 __attribute__((vector_size(16), aligned(4), may_alias));
  int c = plan->c;
  for (int i = 0; i < tile->pixels; i++) {
    int p = unit->order[tile->begin + i];
    const uint64_t *mask = unit->masks + (size_t)p * (size_t)plan->words;
    const float *from = job->in->delta + unit->corners[p];
    float *to = unit->floats + tile->floats + (size_t)i * tile->count * c;
    for (int e = 0; e < tile->count; e++, to += c) {
      int32_t keep = -(int32_t)(mask[bits[e] >> 6] >> (bits[e] & 63) & 1);
      /* Four floats at once: what is too much the next tap overwrites. */
      *(I4 *)to = *(const I4 *)(from + taps[e].pixel) & (I4){keep, keep, keep, keep};
    }
  }
  for (int e = 0; e < tile->count; e++)
    taps[e].pixel = e * c;
}

void
dcn_first_list_taps(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  int words = plan->words;
  uint16_t places[64 * 64];
  for (int t = 0; t < unit->n_tiles; t++) {
    const DcnFirstTile *tile = &unit->tiles[t];
    if (tile->listed)
      continue;
    DcnTap *taps = unit->taps + tile->first;
    int n = 0;
    for (int j = 0; j < words; j++) {
      uint64_t bits = 0;
      for (int i = 0; i < (tile->mixed ? tile->pixels : 1); i++)
        bits |= unit->masks[(size_t)unit->order[tile->begin + i] * (size_t)words + (size_t)j];
      for (; bits; bits &= bits - 1, n++) {
        int place = j * 64 + __builtin_ctzll(bits);
        taps[n] = plan->taps[place];
        places[n] = (uint16_t)place;
      }
    }
    if (tile->mixed)
      gather(job, plan, unit, tile, places, taps);
  }
}

/* Sums of a large image come from memory, in pieces too short for the processor to foresee: those of
 * the next unit are asked for while this one is at work. */
static inline void
ask_for_next(const DcnFirstUnit *unit, int begin, int end, const float *sums, size_t stride,
             int column, int columns)
{
  for (int i = begin; i < MIN(end, unit->n_next); i++)
    for (int j = 0; j < columns; j += 16)
      __builtin_prefetch(sums + (size_t)unit->next[i] * stride + column + j, 1);
}

/* At the border a window begins outside of the image; its taps are inside. */
static inline const float *
window_at(const DcnJob *job, ptrdiff_t corner)
{
  return (const float *)((uintptr_t)job->in->delta +
                         (uintptr_t)(corner * (ptrdiff_t)sizeof(float)));
}

static void
add_singles(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstUnit *unit, float *sums,
            size_t stride)
{
  enum { AT_ONCE = 32 };
  const DcnKernels *k = job->kernels;
  for (int begin = 0; begin < unit->n_pixels; begin += AT_ONCE) {
    int n = MIN(AT_ONCE, unit->n_pixels - begin);
    const float *windows[AT_ONCE];
    float *out[AT_ONCE];
    ask_for_next(unit, begin, begin + n, sums, stride, 0, plan->m);
    for (int i = 0; i < n; i++)
      windows[i] = window_at(job, unit->corners[begin + i]);
    for (int b = 0; b < plan->blocks; b += k->dn) {
      for (int i = 0; i < n; i++)
        out[i] = sums + (size_t)unit->pixels[begin + i] * stride + (size_t)b * k->nr;
      k->mgemm(windows, unit->masks + (size_t)begin * (size_t)plan->words, plan->words, plan->taps,
               plan->c, plan->weights + (size_t)b * plan->block_floats, plan->block_floats, out, n,
               MIN(k->dn * k->nr, plan->m - b * k->nr));
    }
  }
}

void
dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstUnit *unit, float *sums,
              size_t stride)
{
  const DcnKernels *k = job->kernels;
  int nr = k->nr, tr = k->tr, c = plan->c;
  if (unit->single) {
    add_singles(job, plan, unit, sums, stride);
    return;
  }
  const float *windows[DCN_FIRST_UNIT_MAX];
  int32_t pixels[DCN_FIRST_UNIT_MAX];
  for (int t = 0; t < unit->n_tiles; t++) {
    const DcnFirstTile *tile = &unit->tiles[t];
    for (int i = 0; i < tile->pixels; i++) {
      int at = tile->begin + i, p = unit->order[at];
      pixels[at] = unit->pixels[p];
      windows[at] = tile->mixed ? unit->floats + tile->floats + (size_t)i * tile->count * c
                                : window_at(job, unit->corners[p]);
    }
  }
  for (int b = 0; b < plan->blocks; b++) {
    const float *w = plan->weights + (size_t)b * plan->block_floats;
    int columns = MIN(nr, plan->m - b * nr);
    for (int t = 0; t < unit->n_tiles; t++) {
      const DcnFirstTile *tile = &unit->tiles[t];
      ask_for_next(unit, tile->begin, tile->begin + tile->pixels, sums, stride, b * nr, columns);
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
