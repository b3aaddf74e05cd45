/* deltacnn: scaling both ways at once, in whole numbers.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/tiles.h"
#include "frame/cpu.h"
#include "util/memory.h"
#include <string.h>

gboolean
dcn_tiles_fit(const DcnAxisFilter *across, int step, int n, int bytes)
{
  for (int x = 0; x < across->size; x += n) {
    int last = MIN(x + n, across->size) - 1;
    int samples = across->first[last] + dcn_axis_filter_taps(across, last) - across->first[x];
    if ((samples - 1) * step + 1 > bytes)
      return FALSE;
  }
  return TRUE;
}

gboolean
dcn_tiles_alloc(DcnTiles *tiles, int load_bytes, int n_kinds)
{
  size_t n_loads = (size_t)tiles->tiles * (size_t)tiles->loads;
  tiles->kind_bytes = n_loads * (size_t)tiles->passes * (size_t)load_bytes;
  tiles->start = dcn_aligned_new0(n_loads, sizeof *tiles->start);
  tiles->index = dcn_aligned_new0(tiles->kind_bytes, 1);
  tiles->weights = dcn_aligned_new0(tiles->kind_bytes, (size_t)n_kinds);
  if (tiles->start && tiles->index && tiles->weights)
    return TRUE;
  dcn_tiles_clear(tiles);
  return FALSE;
}

gboolean
dcn_tiles_init(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down,
               int row_bytes, int step, int offset)
{
  memset(tiles, 0, sizeof *tiles);
  if (!dcn_axis_filters_are_whole(across, down))
    return FALSE;
  for (const DcnTilesWay *way = dcn_tiles_ways(); way->init; way++)
    if (way->init(tiles, across, down, row_bytes, step, offset))
      return TRUE;
  return FALSE;
}

void
dcn_tiles_clear(DcnTiles *tiles)
{
  dcn_aligned_free(tiles->start);
  dcn_aligned_free(tiles->index);
  dcn_aligned_free(tiles->weights);
  memset(tiles, 0, sizeof *tiles);
}

const DcnTilesWay *
dcn_tiles_ways(void)
{
  static DcnTilesWay ways[3];
  static gsize once;
  if (g_once_init_enter(&once)) {
#ifdef __x86_64__
    int k = 0;
    if (dcn_cpu_has_avx512() && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
      ways[k++] = dcn_tiles_avx512;
    if (dcn_cpu_has_avx2())
      ways[k++] = dcn_tiles_avx2;
#endif
    g_once_init_leave(&once, 1);
  }
  return ways;
}
