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
static const double tap_cost[DCN_TR_MAX + 1] = {0, 2.6, 3.6, 4.4, 5.0, 5.9, 6.7, 8.6, 8.6};
#define TILE_COST 150.0
/* The same for pixels by themselves. */
#define SINGLE_TAP_COST 2.4
#define SINGLE_COST     12.0
/* To copy a pixel's delta where a tile's pixels differ in what changed. */
#define GATHER_COST 0.15
/* The sums of a tile are asked for so many tiles before: those of a large image come from memory, in
 * pieces too short for the processor to foresee. */
#define TILES_AHEAD 3

/* The rows of one output row's windows in which something changed.  Blocks of changes make rows alike: those are one
 * band. */
typedef struct {
  int n;
  const uint64_t *bits[64];
  uint8_t first[64], height[64]; /* rows of the window */
  uint8_t word[64], shift[64];   /* of the first of them in a mask */
  uint64_t key;                  /* of how the window is cut into bands */
} Bands;

static inline uint64_t
mix(uint64_t key, uint64_t word)
{
  key = (key ^ word) * UINT64_C(0x9e3779b97f4a7c15);
  return key ^ key >> 29;
}

static void
find_bands(const DcnJob *job, const DcnFirstPlan *plan, const DcnCursor *cursor, Bands *bands)
{
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  const int *iy = win->iy + (size_t)cursor->y * win->kh;
  size_t words = (size_t)in->net->row_words;
  int row_before = 0;
  bands->n = 0;
  bands->key = 1;
  for (int ky = 0; ky < win->kh; ky++) {
    int row = cursor->image * win->in_h + iy[ky], last = bands->n - 1;
    if (iy[ky] < 0 || in->row_changed[row] == 0)
      continue;
    const uint64_t *bits = in->bits + (size_t)row * words;
    if (last >= 0 && bands->first[last] + bands->height[last] == ky &&
        in->row_changed[row] == in->row_changed[row_before] &&
        memcmp(bits, bands->bits[last], words * sizeof *bits) == 0) {
      bands->height[last]++;
      row_before = row;
      continue;
    }
    row_before = row;
    bands->bits[++last] = bits;
    bands->first[last] = (uint8_t)ky;
    bands->word[last] = (uint8_t)(ky / plan->rows_per_word);
    bands->shift[last] = (uint8_t)(ky % plan->rows_per_word * win->kw);
    bands->height[last] = 1;
    bands->n++;
  }
  for (int b = 0; b < bands->n; b++)
    bands->key = mix(bands->key, (uint64_t)(bands->first[b] << 8 | bands->height[b]));
}

/* Columns x to x + kw - 1 of a row of bits. */
static inline uint64_t
window_bits(const uint64_t *bits, int words, int64_t x, uint64_t all)
{
  int64_t at = x >> 6;
  int shift = (int)(x & 63);
  if (at < 0 || at + 1 >= words)
    return dcn_bits_at(bits, words, x) & all;
  return (bits[at] >> shift | bits[at + 1] << 1 << (63 - shift)) & all;
}

/* Where the windows of an output row are. */
typedef struct {
  DcnCursor cursor;
  Bands bands;
  ptrdiff_t corner; /* of the window at column 0 of the input, in pixels */
  gboolean inside;  /* all rows of the window */
  int row;
} Row;

/* Moves to an output pixel; returns the input column at which its window begins. */
static inline int64_t
move_to(const DcnJob *job, const DcnFirstPlan *plan, Row *row, int pixel)
{
  const DcnWindow *win = &plan->window;
  dcn_cursor_move(&row->cursor, win, pixel);
  const DcnCursor *cursor = &row->cursor;
  if (row->row != cursor->image * win->out_h + cursor->y) {
    row->row = cursor->image * win->out_h + cursor->y;
    find_bands(job, plan, cursor, &row->bands);
    const int *iy = win->iy + (size_t)cursor->y * win->kh;
    row->inside = iy[0] >= 0 && iy[win->kh - 1] >= 0;
    row->corner = ((ptrdiff_t)cursor->image * win->in_h + (ptrdiff_t)cursor->y * plan->stride_h -
                   plan->pad_top) *
                  win->in_w;
  }
  return win->first_column + (int64_t)cursor->x * win->step;
}

/* What changed in a window, as plan->taps counts. */
static void
make_mask(const DcnFirstPlan *plan, const Bands *bands, int words, int64_t x, uint64_t *mask)
{
  int kw = plan->window.kw;
  uint64_t all = (UINT64_C(1) << kw) - 1;
  memset(mask, 0, sizeof *mask * (size_t)plan->words);
  for (int b = 0; b < bands->n; b++) {
    uint64_t bits = window_bits(bands->bits[b], words, x, all);
    int word = bands->word[b], shift = bands->shift[b];
    mask[word] |= bits << shift;
    for (int i = 1; i < bands->height[b]; i++) {
      shift += kw;
      if (shift == plan->rows_per_word * kw) {
        shift = 0;
        word++;
      }
      mask[word] |= bits << shift;
    }
  }
}

/* Fills in corners; returns a key of what changed in each window in keys, and how many pixels that
 * is in counts.  Keys of windows across a border are even: they cannot join others' taps, which lie outside of the
 * image. */
static void
look_up(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, uint64_t *keys,
        uint16_t *counts)
{
  const DcnWindow *win = &plan->window;
  int words = job->in->net->row_words;
  uint64_t all = (UINT64_C(1) << win->kw) - 1;
  Row row = {.cursor = DCN_CURSOR_INIT, .row = -1};
  for (int i = 0; i < unit->n_pixels; i++) {
    int64_t x = move_to(job, plan, &row, unit->pixels[i]);
    const Bands *bands = &row.bands;
    uint64_t key = bands->key;
    int count = 0;
    for (int b = 0; b < bands->n; b++) {
      uint64_t bits = window_bits(bands->bits[b], words, x, all);
      count += dcn_bits_count(bits) * bands->height[b];
      key = mix(key, bits);
    }
    gboolean inside = row.inside && x >= 0 && x + win->kw <= win->in_w;
    keys[i] = inside ? key | 1 : key & ~UINT64_C(1);
    counts[i] = (uint16_t)count;
    unit->corners[i] = (row.corner + x) * plan->c;
  }
}

/* order[]: pixels of equal keys one after another, the groups in the order of their first pixels. */
static void
group(DcnFirstUnit *unit, const uint64_t *keys)
{
  enum { SLOTS = 2 * DCN_FIRST_ADDED_MAX, NONE = 0xffff };
  uint16_t slot_head[SLOTS], next[DCN_FIRST_ADDED_MAX], tail[DCN_FIRST_ADDED_MAX],
      heads[DCN_FIRST_ADDED_MAX];
  int n_heads = 0, n = 0;
  unsigned slots = 256;
  while (slots < 2 * (unsigned)unit->n_pixels)
    slots *= 2;
  memset(slot_head, 0xff, sizeof *slot_head * slots);
  for (int i = 0; i < unit->n_pixels; i++) {
    next[i] = NONE;
    unsigned slot = (unsigned)(keys[i] >> 40) % slots;
    while (slot_head[slot] != NONE && keys[slot_head[slot]] != keys[i])
      slot = (slot + 1) % slots;
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

static inline uint64_t *
mask_at(const DcnFirstPlan *plan, const DcnFirstUnit *unit, int i)
{
  return unit->masks + (size_t)i * (size_t)plan->words;
}

/* What changed in the window of the unit's pixel number i, also to unit->masks. */
static const uint64_t *
mask_of(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, int i)
{
  if (unit->masked[i])
    return mask_at(plan, unit, i);
  unit->masked[i] = TRUE;
  const DcnWindow *win = &plan->window;
  const DcnValueState *in = job->in;
  DcnCursor cursor = DCN_CURSOR_INIT;
  dcn_cursor_move(&cursor, win, unit->pixels[i]);
  const int *iy = win->iy + (size_t)cursor.y * win->kh;
  int64_t x = win->first_column + (int64_t)cursor.x * win->step;
  uint64_t all = (UINT64_C(1) << win->kw) - 1;
  int words = in->net->row_words;
  uint64_t *mask = mask_at(plan, unit, i);
  memset(mask, 0, sizeof *mask * (size_t)plan->words);
  for (int ky = 0, word = 0, shift = 0; ky < win->kh; ky++) {
    int row = cursor.image * win->in_h + iy[ky];
    if (iy[ky] >= 0 && in->row_changed[row] > 0)
      mask[word] |= window_bits(in->bits + (size_t)row * words, words, x, all) << shift;
    shift += win->kw;
    if (shift == plan->rows_per_word * win->kw) {
      shift = 0;
      word++;
    }
  }
  return mask;
}

/* A tile from order[begin] on: as many pixels as give the least cost per pixel's own changes.
 * Returns the tile's cost. */
static double
cut_tile(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, int begin,
         const uint64_t *keys, const uint16_t *counts, DcnFirstTile *tile)
{
  int words = plan->words, first = unit->order[begin], own = counts[first], all = own, n = 1;
  int most = MIN(job->kernels->tr, unit->n_pixels - begin);
  uint64_t merged[64];
  *tile = (DcnFirstTile){.begin = begin, .pixels = 1, .count = own};
  while (n < most && keys[unit->order[begin + n]] == keys[first])
    n++;
  tile->pixels = n;
  double best = tap_cost[n] * own * plan->c + TILE_COST;
  own *= n;
  if (n == most || n > most / 2 || (keys[first] & 1) == 0)
    return best;
  size_t bytes = sizeof *merged * (size_t)words;
  memcpy(merged, mask_of(job, plan, unit, first), bytes);
  for (int i = 1; i < n; i++) {
    memcpy(mask_at(plan, unit, unit->order[begin + i]), merged, bytes);
    unit->masked[unit->order[begin + i]] = TRUE;
  }
  for (double per_tap = best / MAX(own, 1); n < most; n++) {
    int i = unit->order[begin + n];
    if ((keys[i] & 1) == 0)
      break;
    all = merge(merged, mask_of(job, plan, unit, i), words);
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

/* Whether changed pixels mostly stand alone in their rows; a sample will do. */
static gboolean
scattered(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  int starts = 0, all = 0;
  for (int i = 0; i < unit->n_pixels; i += 16) {
    const uint64_t *mask = mask_of(job, plan, unit, i);
    for (int j = 0; j < plan->words; j++) {
      starts += dcn_bits_count(mask[j] & ~(mask[j] << 1));
      all += dcn_bits_count(mask[j]);
    }
  }
  return 2 * starts > all;
}

/* Pixels by themselves need their masks and corners, nothing else. */
static void
plan_singles(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  Row row = {.cursor = DCN_CURSOR_INIT, .row = -1};
  uint64_t all = 0;
  for (int i = 0; i < unit->n_pixels; i++) {
    int64_t x = move_to(job, plan, &row, unit->pixels[i]);
    uint64_t *mask = mask_at(plan, unit, i);
    make_mask(plan, &row.bands, job->in->net->row_words, x, mask);
    for (int j = 0; j < plan->words; j++)
      all += (uint64_t)dcn_bits_count(mask[j]);
    unit->corners[i] = (row.corner + x) * plan->c;
  }
  unit->multiplies = all * (uint64_t)plan->c;
  unit->cost = SINGLE_TAP_COST * (double)unit->multiplies + SINGLE_COST * unit->n_pixels;
}

void
dcn_first_plan_unit(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit)
{
  uint64_t keys[DCN_FIRST_ADDED_MAX];
  uint16_t counts[DCN_FIRST_ADDED_MAX];
  unit->cost = 0;
  unit->multiplies = 0;
  unit->n_tiles = 0;
  memset(unit->masked, 0, (size_t)unit->n_pixels);
  unit->single = scattered(job, plan, unit);
  if (unit->single) {
    plan_singles(job, plan, unit);
    return;
  }
  look_up(job, plan, unit, keys, counts);
  group(unit, keys);
  for (int i = 0; i < unit->n_pixels;) {
    DcnFirstTile *tile = &unit->tiles[unit->n_tiles++];
    unit->cost += cut_tile(job, plan, unit, i, keys, counts, tile);
    unit->multiplies += (uint64_t)tile->pixels * (uint64_t)tile->count * (uint64_t)plan->c;
    tile->again = i > 0 && !tile->mixed && !tile[-1].mixed &&
                  keys[unit->order[i]] == keys[unit->order[i - 1]];
    i += tile->pixels;
  }
}

/* The spans of a mask, and the place of each in it. */
static int
list_spans(const DcnFirstPlan *plan, const uint64_t *mask, DcnSpan *spans, uint16_t *places)
{
  int kw = plan->window.kw, n = 0;
  uint64_t all = (UINT64_C(1) << kw) - 1;
  for (int ky = 0; ky < plan->window.kh; ky++) {
    int word = ky / plan->rows_per_word, shift = ky % plan->rows_per_word * kw;
    for (uint64_t row = mask[word] >> shift & all; row; n++) {
      int first = __builtin_ctzll(row), run = dcn_bits_run(row, first);
      int place = word * 64 + shift + first;
      const DcnTap *tap = &plan->taps[place];
      spans[n] = (DcnSpan){tap->pixel, tap->weight, run * plan->c};
      places[n] = (uint16_t)place;
      row &= ~(dcn_bits_last(run) << first);
    }
  }
  return n;
}

/* At the border a window begins outside of the image; its taps are inside. */
static inline const float *
window_at(const DcnJob *job, ptrdiff_t corner)
{
  return (const float *)((uintptr_t)job->in->delta +
                         (uintptr_t)(corner * (ptrdiff_t)sizeof(float)));
}

/* One pixel's deltas of a mixed tile, 0 where it did not change: copied, since deltas mean nothing there. */
static void
gather(const DcnFirstPlan *plan, const uint64_t *mask, const float *from, const DcnSpan *spans,
       const uint16_t *places, int n_spans, float *to)
{
  typedef int32_t I4 __attribute__((vector_size(16), aligned(4), may_alias));
  int c = plan->c;
  for (int s = 0; s < n_spans; s++) {
    uint64_t bits = mask[places[s] >> 6] >> (places[s] & 63);
    const float *x = from + spans[s].at;
    for (int k = 0; k < spans[s].floats; k += c, x += c, to += c, bits >>= 1) {
      int32_t keep = -(int32_t)(bits & 1);
      /* Four floats at once: what is too much the next overwrites. */
      *(I4 *)to = *(const I4 *)x & (I4){keep, keep, keep, keep};
    }
  }
}

static inline void
ask_for(const DcnFirstUnit *unit, const DcnFirstTile *tile, const float *sums, size_t stride,
        int columns)
{
  for (int i = 0; i < tile->pixels; i++) {
    const float *out = sums + (size_t)unit->pixels[unit->order[tile->begin + i]] * stride;
    for (int j = 0; j < columns; j += 16)
      __builtin_prefetch(out + j, 1);
  }
}

static void
add_tiles(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, float *sums,
          size_t stride)
{
  const DcnKernels *k = job->kernels;
  int nr = k->nr, tr = k->tr, n_spans = 0;
  DcnSpan spans[64 * 17];
  uint16_t places[64 * 17];
  for (int t = 0; t < MIN(TILES_AHEAD, unit->n_tiles); t++)
    ask_for(unit, &unit->tiles[t], sums, stride, plan->m);
  for (int t = 0; t < unit->n_tiles; t++) {
    const DcnFirstTile *tile = &unit->tiles[t];
    const uint16_t *order = unit->order + tile->begin;
    const float *d[DCN_TR_MAX];
    float *out[DCN_TR_MAX];
    uint64_t merged[64];
    if (!tile->again) {
      /* Those of a mixed tile are there since it was cut. */
      const uint64_t *mask =
          tile->mixed ? mask_at(plan, unit, order[0]) : mask_of(job, plan, unit, order[0]);
      memcpy(merged, mask, sizeof *merged * (size_t)plan->words);
      for (int i = 1; tile->mixed && i < tile->pixels; i++)
        for (int j = 0; j < plan->words; j++)
          merged[j] |= mask_at(plan, unit, order[i])[j];
      n_spans = list_spans(plan, merged, spans, places);
    }
    for (int i = 0; i < tr; i++) {
      int p = order[MIN(i, tile->pixels - 1)];
      out[i] = sums + (size_t)unit->pixels[p] * stride;
      d[i] = window_at(job, unit->corners[p]);
    }
    if (tile->mixed) {
      int floats = tile->count * plan->c, at = 0;
      for (int i = 0; i < tile->pixels; i++) {
        gather(plan, mask_at(plan, unit, order[i]), d[i], spans, places, n_spans,
               unit->floats + (size_t)i * floats);
        d[i] = unit->floats + (size_t)i * floats;
      }
      for (int i = tile->pixels; i < tr; i++)
        d[i] = d[0];
      for (int s = 0; s < n_spans; at += spans[s++].floats)
        spans[s].at = at;
    }
    for (int b = 0; b < plan->blocks; b++) {
      if (t + TILES_AHEAD < unit->n_tiles)
        ask_for(unit, tile + TILES_AHEAD, sums + (size_t)b * nr, stride, MIN(nr, plan->m - b * nr));
      k->tgemm(d, spans, n_spans, plan->weights + (size_t)b * plan->block_floats, out, tile->pixels,
               MIN(nr, plan->m - b * nr));
      for (int i = 0; i < tr; i++)
        out[i] += nr;
    }
  }
}

static void
add_singles(const DcnJob *job, const DcnFirstPlan *plan, const DcnFirstUnit *unit, float *sums,
            size_t stride)
{
  enum { AT_ONCE = 32, AHEAD = 32 };
  const DcnKernels *k = job->kernels;
  for (int begin = 0; begin < unit->n_pixels; begin += AT_ONCE) {
    int n = MIN(AT_ONCE, unit->n_pixels - begin);
    const float *windows[AT_ONCE];
    float *out[AT_ONCE];
    for (int i = begin + AHEAD; i < MIN(begin + AHEAD + n, unit->n_pixels); i++)
      for (int j = 0; j < plan->m; j += 16)
        __builtin_prefetch(sums + (size_t)unit->pixels[i] * stride + j, 1);
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
dcn_first_add(const DcnJob *job, const DcnFirstPlan *plan, DcnFirstUnit *unit, float *sums,
              size_t stride)
{
  if (unit->single)
    add_singles(job, plan, unit, sums, stride);
  else
    add_tiles(job, plan, unit, sums, stride);
}
