/* deltacnn: scaling both ways at once, in whole numbers, on CPUs that permute bytes within 16.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A load is 16 bytes, the taps of four outputs of up to 4, of two of up to 8 or of one of up to 16; two of them make a
 * vector.  Across, sums of two products are below 2^15, so that they may be weighed and added to 32 bits in one step. */
#include "frame/tiles.h"
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>

#define LOAD_BYTES   16
#define TILE_OUTPUTS 8
#define TAPS_MOST    64 /* rows */
/* Of two bytes below 2^6 times any other two, and of two that are 2^6 at most, sums are below 2^15. */
#define LOW_BITS  6
#define WIDE_MOST ((1 << 2 * LOW_BITS) + (1 << LOW_BITS) - 1)

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
      int w = across->whole[across->offset[x + i] + t];
      tiles->weights[k] = (int8_t)(tiles->wide ? w & ((1 << LOW_BITS) - 1) : w);
      if (tiles->wide)
        tiles->weights[tiles->kind_bytes + k] = (int8_t)(w >> LOW_BITS);
    }
}

static gboolean
init_avx2(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes,
          int step, int offset)
{
  memset(tiles, 0, sizeof *tiles);
  if (row_bytes < LOAD_BYTES || down->most > TAPS_MOST)
    return FALSE;
  for (int k = 0; k < across->offset[across->size]; k++)
    if (across->whole[k] > WIDE_MOST)
      return FALSE;
  for (tiles->loads = 2; tiles->loads <= TILE_OUTPUTS; tiles->loads *= 2) {
    int n = TILE_OUTPUTS / tiles->loads;
    if (across->most <= LOAD_BYTES / n && dcn_tiles_fit(across, step, n, LOAD_BYTES))
      break;
  }
  tiles->wide = !across->narrow;
  /* An output from each load: of interleaved components half of it is wasted, which takes longer than whole.h. */
  int loads_most = step > DCN_TILE_STEP_FREE || (step > 1 && across->narrow && down->narrow)
                       ? TILE_OUTPUTS / 2
                       : TILE_OUTPUTS;
  if (tiles->loads > loads_most)
    return FALSE;
  tiles->way = way;
  tiles->passes = 1;
  tiles->rows_apart = TRUE;
  tiles->tiles = (across->size + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  tiles->scale = 1 / (float)(across->whole_sum * down->whole_sum);
  if (!dcn_tiles_alloc(tiles, LOAD_BYTES, tiles->wide ? 2 : 1))
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
         int taps, ptrdiff_t ahead, int load, const int n, const gboolean wide, __m256i *sum)
{
  const int *start = tiles->start + load;
  __m256i index[4], weights[4], high_weights[4], high[4];
#pragma GCC unroll 4
  for (int k = 0; k < n; k++) {
    size_t at = (size_t)(load + 2 * k) * LOAD_BYTES;
    index[k] = _mm256_load_si256((const __m256i *)(tiles->index + at));
    weights[k] = _mm256_load_si256((const __m256i *)(tiles->weights + at));
    sum[k] = high[k] = _mm256_setzero_si256();
    if (wide)
      high_weights[k] =
          _mm256_load_si256((const __m256i *)(tiles->weights + tiles->kind_bytes + at));
  }
  for (int t = 0; t < taps; t++, source += stride) {
#pragma GCC unroll 4
    for (int k = 0; k < n; k++) {
      __m128i a = _mm_loadu_si128((const __m128i *)(source + start[2 * k]));
      __m128i b = _mm_loadu_si128((const __m128i *)(source + start[2 * k + 1]));
      __m256i v = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
      __m256i bytes = _mm256_shuffle_epi8(v, index[k]);
      __m256i pairs = _mm256_maddubs_epi16(bytes, weights[k]);
      sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(pairs, by[t]));
      if (!wide)
        continue;
      pairs = _mm256_maddubs_epi16(bytes, high_weights[k]);
      high[k] = _mm256_add_epi32(high[k], _mm256_madd_epi16(pairs, by[t]));
    }
    __builtin_prefetch(source + start[0] + ahead);
    if (n == 4) /* two tiles, of 64 bytes and less each */
      __builtin_prefetch(source + start[4] + ahead);
  }
#pragma GCC unroll 4
  for (int k = 0; k < n && wide; k++)
    sum[k] = _mm256_add_epi32(sum[k], _mm256_slli_epi32(high[k], LOW_BITS));
}

TILES_INLINE void
store(__m256i sum, __m256 scale, float *out)
{
  _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), scale));
}

/* A tile's outputs from the sums of its pairs of loads.  One's are a lane, or two, 0 1 | 2 3 and 4 5 | 6 7, or four, 0 | 1
 * and so on. */
TILES_INLINE __m256i
add_lanes(const __m256i *sum, const int loads)
{
  if (loads == 2)
    return sum[0];
  __m256i v = _mm256_hadd_epi32(sum[0], sum[1]);
  if (loads == 4)
    return _mm256_permute4x64_epi64(v, _MM_SHUFFLE(3, 1, 2, 0));
  return _mm256_permutevar8x32_epi32(_mm256_hadd_epi32(v, _mm256_hadd_epi32(sum[2], sum[3])),
                                     _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* at_once: pairs of loads that are summed at once, so that their weights stay in registers. */
TILES_INLINE void
run_of(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const __m256i *by, int taps,
       ptrdiff_t ahead, int begin, int end, float *out, const int loads, const int at_once,
       const gboolean wide)
{
  __m256 scale = _mm256_set1_ps(tiles->scale);
  __m256i sum[4];
  const int pairs = loads / 2; /* of a tile */
  int i = begin;
  for (; pairs < at_once && i + at_once / pairs <= end; i += at_once / pairs) {
    sum_rows(tiles, source, stride, by, taps, ahead, i * loads, at_once, wide, sum);
#pragma GCC unroll 2
    for (int k = 0; k < at_once / pairs; k++)
      store(add_lanes(sum + k * pairs, loads), scale, out + (i + k) * TILE_OUTPUTS);
  }
  for (; i < end; i++) {
#pragma GCC unroll 4
    for (int k = 0; k < pairs; k += MIN(at_once, pairs))
      sum_rows(tiles, source, stride, by, taps, ahead, i * loads + 2 * k, MIN(at_once, pairs), wide,
               sum + k);
    store(add_lanes(sum, loads), scale, out + i * TILE_OUTPUTS);
  }
}

TILES void
run_avx2(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint16_t *weights,
         int taps, ptrdiff_t ahead, int begin, int end, float *out)
{
  __m256i by[TAPS_MOST];
  begin /= TILE_OUTPUTS;
  end = (end + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  for (int t = 0; t < taps; t++)
    by[t] = _mm256_set1_epi16((int16_t)weights[t]);
  if (tiles->loads == 2 && tiles->wide)
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 2, 2, TRUE);
  else if (tiles->loads == 2)
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 2, 2, FALSE);
  else if (tiles->loads == 4 && tiles->wide)
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 4, 2, TRUE);
  else if (tiles->loads == 4)
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 4, 4, FALSE);
  else if (tiles->wide)
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 8, 2, TRUE);
  else
    run_of(tiles, source, stride, by, taps, ahead, begin, end, out, 8, 4, FALSE);
}

const DcnTilesWay dcn_tiles_avx2 = {init_avx2, run_avx2};
#endif
