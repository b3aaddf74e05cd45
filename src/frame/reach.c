/* deltacnn: which pixels of the tensor blocks of the frame reach, and the other way round.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/reach.h"
#include "util/memory.h"
#include <string.h>

gboolean
dcn_reach_init(DcnReach *reach, int width, int height, int cols, int rows)
{
  size_t words = (size_t)(cols + 63) / 64, pixel_words = (size_t)(width + 63) / 64 + 1;
  *reach = (DcnReach){
      .width = width,
      .height = height,
      .cols = cols,
      .rows = rows,
      .words = (int)words,
      .pixel_words = (int)pixel_words,
      .across = dcn_aligned_new0((size_t)width, sizeof(DcnSpan)),
      .down = dcn_aligned_new0((size_t)height, sizeof(DcnSpan)),
      .reached = dcn_aligned_new0((size_t)cols, sizeof(DcnSpan)),
      .bits = dcn_aligned_new0(((size_t)rows + 1) * words, sizeof(uint64_t)),
      .any = dcn_aligned_new0((size_t)rows, 1),
      .pixels = dcn_aligned_new0(((size_t)rows + 1) * pixel_words, sizeof(uint64_t)),
  };
  return reach->across && reach->down && reach->reached && reach->bits && reach->any &&
         reach->pixels;
}

void
dcn_reach_clear(DcnReach *reach)
{
  dcn_aligned_free(reach->across);
  dcn_aligned_free(reach->down);
  dcn_aligned_free(reach->reached);
  dcn_aligned_free(reach->bits);
  dcn_aligned_free(reach->any);
  dcn_aligned_free(reach->pixels);
}

/* From spans of blocks by pixel to spans of pixels by block: the first x whose taps lie in this column of blocks or right
 * of it, the last whose taps lie in it or left of it.  Spans move on with x, so [first, last] is what it reaches, and that
 * of a run of columns goes from the first one's first to the last one's last, also where some of them lie outside of what
 * is taken from the frame. */
void
dcn_reach_plan(DcnReach *reach)
{
  for (int c = 0, first = 0, last = -1; c < reach->cols; c++) {
    while (first < reach->width && reach->across[first].last < c)
      first++;
    while (last + 1 < reach->width && reach->across[last + 1].first <= c)
      last++;
    reach->reached[c] = (DcnSpan){first, last};
  }
}

/* n bytes as bits, 1 where one is not 0; FALSE: none is. */
static gboolean
pack_bytes(const uint8_t *bytes, int n, uint64_t *bits)
{
  const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
  uint64_t any = 0;
  for (int c = 0; c < n; c += 8) {
    uint64_t v = 0;
    if (n - c >= 8)
      memcpy(&v, bytes + c, 8);
    else
      memcpy(&v, bytes + c, (size_t)(n - c));
    v = GUINT64_FROM_LE(v);
    v = (((v & low) + low) | v) >> 7 & UINT64_C(0x0101010101010101);
    /* The product's byte 7 adds bit 8i of v, for each i, shifted to bit 56 + i. */
    v = v * UINT64_C(0x0102040810204080) >> 56;
    bits[c / 64] = (c % 64 ? bits[c / 64] : 0) | v << c % 64;
    any |= v;
  }
  return any != 0;
}

gboolean
dcn_reach_take(DcnReach *reach, const uint8_t *changed)
{
  gboolean any = FALSE;
  for (int r = 0; r < reach->rows; r++) {
    reach->any[r] = (uint8_t)pack_bytes(changed + (size_t)r * (size_t)reach->cols, reach->cols,
                                        reach->bits + (size_t)r * (size_t)reach->words);
    any |= reach->any[r];
  }
  return any;
}

int
dcn_reach_runs(const DcnReach *reach, int y, int gap, DcnSpan *runs)
{
  int words = reach->words, k = 0;
  DcnSpan rows = reach->down[y];
  uint64_t *bits = reach->bits + (size_t)reach->rows * (size_t)words;
  gboolean any = FALSE;
  for (int r = rows.first; r <= rows.last; r++) {
    const uint64_t *row = reach->bits + (size_t)r * (size_t)words;
    if (!reach->any[r])
      continue;
    for (int i = 0; i < words; i++)
      bits[i] = any ? bits[i] | row[i] : row[i];
    any = TRUE;
  }
  for (int i = 0; any && i < words; i++)
    for (uint64_t v = bits[i]; v;) {
      int c = __builtin_ctzll(v);
      uint64_t rest = ~(v >> c);
      int run = rest ? __builtin_ctzll(rest) : 64;
      v = run + c < 64 ? v >> (c + run) << (c + run) : 0;
      c += i * 64;
      int from = reach->reached[c].first, last = reach->reached[c + run - 1].last;
      if (last < from)
        continue;
      /* Neighbouring blocks reach some of the same pixels. */
      if (k > 0 && from - runs[k - 1].last - 1 <= gap)
        runs[k - 1].last = MAX(runs[k - 1].last, last);
      else
        runs[k++] = (DcnSpan){from, last};
    }
  return k;
}

/* Bits [first, last], at most 64 of them; those behind are whatever follows. */
static uint64_t
window(const uint64_t *bits, DcnSpan span)
{
  int shift = span.first & 63;
  bits += span.first >> 6;
  return bits[0] >> shift | bits[1] << 1 << (63 - shift);
}

static gboolean
any_bit(const uint64_t *bits, DcnSpan span)
{
  for (; span.last - span.first >= 64; span.first += 64)
    if (window(bits, span) != 0)
      return TRUE;
  return span.first <= span.last &&
         (window(bits, span) & ~UINT64_C(0) >> (63 - (span.last - span.first))) != 0;
}

/* A row of blocks, from the pixels of it that are touched.  Returns how many are 1. */
static int
blocks_of_row(const DcnReach *reach, const uint64_t *pixels, uint8_t *blocks)
{
  int n = 0;
  for (int c = 0; c < reach->cols; c++)
    n += blocks[c] = (uint8_t)any_bit(pixels, reach->reached[c]);
  return n;
}

int
dcn_reach_blocks(DcnReach *reach, const uint8_t *touched, uint8_t *blocks)
{
  size_t words = (size_t)reach->pixel_words, cols = (size_t)reach->cols;
  uint64_t *packed = reach->pixels + (size_t)reach->rows * words; /* a row of the tensor */
  int n = 0;
  memset(reach->any, 0, (size_t)reach->rows);
  for (int y = 0; y < reach->height; y++) {
    if (!pack_bytes(touched + (size_t)y * (size_t)reach->width, reach->width, packed))
      continue;
    for (int r = reach->down[y].first; r <= reach->down[y].last; r++) {
      uint64_t *row = reach->pixels + (size_t)r * words;
      for (size_t i = 0; i < words; i++)
        row[i] = reach->any[r] ? row[i] | packed[i] : packed[i];
      reach->any[r] = 1;
    }
  }
  for (int r = 0; r < reach->rows; r++)
    if (reach->any[r])
      n += blocks_of_row(reach, reach->pixels + (size_t)r * words, blocks + (size_t)r * cols);
    else
      memset(blocks + (size_t)r * cols, 0, cols);
  return n;
}
