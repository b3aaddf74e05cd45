/* deltacnn: scaling both ways at once, in whole numbers, on CPUs that permute bytes within 16.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A load is 16 bytes, the taps of four outputs of up to 4 or of two of up to 8; two of them make a vector.  Across, sums
 * of two products are below 2^15 (filter.h), so that they may be weighed and added to 32 bits in one step. */
#include "frame/tiles.h"
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>

#define LOAD_BYTES   16
#define TILE_OUTPUTS 8
#define TAPS_MOST    64 /* rows */

static const DcnTilesWay *const way = &dcn_tiles_avx2;

static void
plan_load(DcnTiles *tiles, const DcnAxisFilter *across, int load, int row_bytes, int step,
          int offset)
{
  int n = TILE_OUTPUTS / tiles->loads, x = load * n;
  size_t at = (size_t)load * LOAD_BYTES;
  if (x >= across->size)
    return;
  int start = MIN(across->first[x] * step + offset, row_bytes - LOAD_BYTES);
  tiles->start[load] = start;
  for (int i = 0; i < n && x + i < across->size; i++)
    for (int t = 0; t < dcn_axis_filter_taps(across, x + i); t++) {
      size_t k = at + (size_t)(i * (LOAD_BYTES / n) + t);
      tiles->index[k] = (uint8_t)((across->first[x + i] + t) * step + offset - start);
      tiles->weights[k] = (int8_t)across->whole[across->offset[x + i] + t];
    }
}

static gboolean
init_avx2(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes,
          int step, int offset)
{
  memset(tiles, 0, sizeof *tiles);
  if (row_bytes < LOAD_BYTES || down->most > TAPS_MOST)
    return FALSE;
  if (across->most <= 4 && dcn_tiles_fit(across, step, 4, LOAD_BYTES))
    tiles->loads = 2;
  else if (across->most <= 8 && dcn_tiles_fit(across, step, 2, LOAD_BYTES))
    tiles->loads = 4;
  else
    return FALSE;
  tiles->way = way;
  tiles->passes = 1;
  tiles->rows_apart = TRUE;
  tiles->tiles = (across->size + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  tiles->scale = 1 / (float)(across->whole_sum * down->whole_sum);
  if (!dcn_tiles_alloc(tiles, LOAD_BYTES, 1))
    return FALSE;
  for (int l = 0; l < tiles->tiles * tiles->loads; l++)
    plan_load(tiles, across, l, row_bytes, step, offset);
  return TRUE;
}

#define TILES        __attribute__((target("avx2"))) static
#define TILES_INLINE TILES inline __attribute__((always_inline))

/* Sums of n pairs of loads from one on. */
TILES_INLINE void
sum_rows(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const __m256i *by,
         int taps, ptrdiff_t ahead, int load, const int n, __m256i *sum)
{
  const int *start = tiles->start + load;
  __m256i index[4], weights[4];
#pragma GCC unroll 4
  for (int k = 0; k < n; k++) {
    size_t at = (size_t)(load + 2 * k) * LOAD_BYTES;
    index[k] = _mm256_load_si256((const __m256i *)(tiles->index + at));
    weights[k] = _mm256_load_si256((const __m256i *)(tiles->weights + at));
    sum[k] = _mm256_setzero_si256();
  }
  for (int t = 0; t < taps; t++, source += stride) {
#pragma GCC unroll 4
    for (int k = 0; k < n; k++) {
      __m128i a = _mm_loadu_si128((const __m128i *)(source + start[2 * k]));
      __m128i b = _mm_loadu_si128((const __m128i *)(source + start[2 * k + 1]));
      __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
      __m256i pairs = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, index[k]), weights[k]);
      sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(pairs, by[t]));
    }
    __builtin_prefetch(source + start[0] + ahead);
    if (n == 4) /* two tiles, of 64 bytes and less each */
      __builtin_prefetch(source + start[4] + ahead);
  }
}

TILES_INLINE void
store(__m256i sum, __m256 scale, float *out)
{
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale));
}

/* Two outputs' sums are two lanes each: 0 1 | 2 3 and 4 5 | 6 7. */
TILES_INLINE __m256i
add_lanes(__m256i a, __m256i b)
{
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), _MM_SHUFFLE(3, 1, 2, 0));
}

TILES void
run_avx2(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint8_t *weights,
         int taps, ptrdiff_t ahead, int begin, int end, float *out)
{
  __m256i by[TAPS_MOST], sum[4];
  __m256 scale = _mm256_set1_ps(tiles->scale);
  int i = begin / TILE_OUTPUTS, last = (end + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  for (int t = 0; t < taps; t++)
    by[t] = _mm256_set1_epi16(weights[t]);
  out += (size_t)i * TILE_OUTPUTS;
  if (tiles->loads == 2) {
    for (; i + 2 <= last; i += 2, out += 2 * TILE_OUTPUTS) {
      sum_rows(tiles, source, stride, by, taps, ahead, i * 2, 2, sum);
      store(sum[0], scale, out);
      store(sum[1], scale, out + TILE_OUTPUTS);
    }
    if (i < last) {
      sum_rows(tiles, source, stride, by, taps, ahead, i * 2, 1, sum);
      store(sum[0], scale, out);
    }
    return;
  }
  for (; i + 2 <= last; i += 2, out += 2 * TILE_OUTPUTS) {
    sum_rows(tiles, source, stride, by, taps, ahead, i * 4, 4, sum);
    store(add_lanes(sum[0], sum[1]), scale, out);
    store(add_lanes(sum[2], sum[3]), scale, out + TILE_OUTPUTS);
  }
  if (i < last) {
    sum_rows(tiles, source, stride, by, taps, ahead, i * 4, 2, sum);
    store(add_lanes(sum[0], sum[1]), scale, out);
  }
}

const DcnTilesWay dcn_tiles_avx2 = {init_avx2, run_avx2};
#endif
