/* deltacnn: diamond search.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rivals/diamond.h"
#include <math.h>

/* Steps of the large diamond: as far as a block can have gone from one frame to the next. */
#define STEPS_MOST 32

uint64_t
dcn_block_error(const DcnImage *now, const DcnImage *then, const DcnBlock *block, DcnOffset offset,
                uint64_t limit)
{
  int x = block->x + offset.x, y = block->y + offset.y;
  if (x < 0 || y < 0 || x > now->width - block->w || y > now->height - block->h)
    return DCN_BLOCK_OUTSIDE;
  size_t line = (size_t)now->width * now->channels;
  const uint8_t *a = now->samples + (size_t)block->y * line + (size_t)block->x * now->channels;
  const uint8_t *b = then->samples + (size_t)y * line + (size_t)x * now->channels;
  int bytes = block->w * now->channels;
  uint64_t error = 0;
  for (int row = 0; row < block->h && error < limit; row++, a += line, b += line) {
    uint32_t sum = 0; /* 65536 samples of 65025 each fit, and a row has fewer */
    for (int i = 0; i < bytes; i++) {
      int d = a[i] - b[i];
      sum += (uint32_t)(d * d);
    }
    error += sum;
  }
  return error;
}

double
dcn_psnr(uint64_t error, size_t samples)
{
  return error == 0 ? HUGE_VAL : 10 * log10(255.0 * 255.0 * (double)samples / (double)error);
}

typedef struct {
  const DcnImage *now, *then;
  const DcnBlock *block;
  DcnOffset best;
  uint64_t error;
} Search;

static void
try_offset(Search *search, DcnOffset offset)
{
  uint64_t error = dcn_block_error(search->now, search->then, search->block, offset, search->error);
  if (error < search->error) {
    search->error = error;
    search->best = offset;
  }
}

/* TRUE where the centre was best. */
static gboolean
try_around(Search *search, const DcnOffset *points, int n)
{
  DcnOffset centre = search->best;
  for (int i = 0; i < n && search->error > 0; i++)
    try_offset(search, (DcnOffset){centre.x + points[i].x, centre.y + points[i].y});
  return search->best.x == centre.x && search->best.y == centre.y;
}

DcnOffset
dcn_diamond_search(const DcnImage *now, const DcnImage *then, const DcnBlock *block,
                   const DcnOffset *starts, int n_starts, uint64_t *error)
{
  static const DcnOffset large[8] = {{0, -2}, {1, -1}, {2, 0},  {1, 1},
                                     {0, 2},  {-1, 1}, {-2, 0}, {-1, -1}};
  static const DcnOffset small[4] = {{0, -1}, {1, 0}, {0, 1}, {-1, 0}};
  Search search = {now, then, block, starts[0], DCN_BLOCK_OUTSIDE};
  for (int i = 0; i < n_starts; i++)
    try_offset(&search, starts[i]);
  for (int step = 0; step < STEPS_MOST && !try_around(&search, large, G_N_ELEMENTS(large)); step++)
    ;
  try_around(&search, small, G_N_ELEMENTS(small));
  *error = search.error;
  return search.best;
}
