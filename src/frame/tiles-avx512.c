/* deltacnn: scaling both ways at once, in whole numbers, on CPUs that permute 64 bytes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A tile is 16 outputs: from 1, 2, 4, 8 or 16 loads of 64 bytes, of 16 / loads outputs each, in 1 pass or, up to 4 loads, 2
 * of 4 * loads taps each.  A lane of 32 bits adds up the products of four taps; the lanes of a load are those of its outputs, one by one, for
 * the first four taps, then for the next four. */
#include "frame/tiles.h"
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>

#define TILE_OUTPUTS 16
#define LOAD_BYTES   64
#define LANE_TAPS    4   /* products that one lane of 32 bits adds up */
#define PRODUCT_MOST 127 /* of the weights of a row and of a column */
#define LOW_BITS     7   /* of weights above */

/* Permutations of a tile of packed colours, at most: each component takes as many. */
#define PACKED_MOST 4
/* Loads that are summed at once, at most. */
#define BLOCK_MOST 4

static const DcnTilesWay *const way = &dcn_tiles_avx512;

/* Chooses loads and passes: as few permutations as possible, then as few loads. */
static gboolean
choose(DcnTiles *tiles, const DcnAxisFilter *across, int step)
{
  int least = G_MAXINT;
  for (int loads = 1; loads <= TILE_OUTPUTS; loads *= 2) {
    int passes = (across->most + LANE_TAPS * loads - 1) / (LANE_TAPS * loads);
    if (passes > (loads <= BLOCK_MOST ? 2 : 1) ||
        (step > DCN_TILE_STEP_FREE && loads * passes > PACKED_MOST) || loads * passes >= least ||
        !dcn_tiles_fit(across, step, TILE_OUTPUTS / loads, LOAD_BYTES))
      continue;
    least = loads * passes;
    tiles->loads = loads;
    tiles->passes = passes;
  }
  return least < G_MAXINT;
}

/* Rows between the first and the last of an output must have one weight: FALSE, or the largest of all. */
static gboolean
look_at_rows(const DcnAxisFilter *down, int *most)
{
  *most = 0;
  for (int y = 0; y < down->size; y++) {
    const uint16_t *w = down->whole + down->offset[y];
    int taps = dcn_axis_filter_taps(down, y);
    for (int t = 0; t < taps; t++) {
      *most = MAX(*most, w[t]);
      if (t > 1 && t + 1 < taps && w[t] != w[1])
        return FALSE;
    }
  }
  return TRUE;
}

static void
plan_load(DcnTiles *tiles, const DcnAxisFilter *across, int load, int row_bytes, int step,
          int offset)
{
  int n = TILE_OUTPUTS / tiles->loads, x = load * n;
  size_t at = (size_t)load * tiles->passes * LOAD_BYTES;
  if (x >= across->size)
    return;
  int start = MIN(across->first[x] * step + offset, row_bytes - LOAD_BYTES);
  tiles->start[load] = start;
  for (int i = 0; i < n && x + i < across->size; i++)
    for (int t = 0; t < dcn_axis_filter_taps(across, x + i); t++) {
      int lane = t / LANE_TAPS, pass = lane / tiles->loads;
      size_t k = at + (size_t)pass * LOAD_BYTES +
                 (size_t)((lane % tiles->loads) * n + i) * LANE_TAPS + t % LANE_TAPS;
      tiles->index[k] = (uint8_t)((across->first[x + i] + t) * step + offset - start);
      int w = across->whole[across->offset[x + i] + t];
      tiles->weights[k] = (int8_t)(tiles->wide ? w & ((1 << LOW_BITS) - 1) : w);
      if (tiles->wide)
        tiles->weights[tiles->kind_bytes + k] = (int8_t)(w >> LOW_BITS);
    }
}

static gboolean
init_avx512(DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down, int row_bytes,
            int step, int offset)
{
  int most_across = 0, most_down, n_kinds = 1;
  memset(tiles, 0, sizeof *tiles);
  if (row_bytes < LOAD_BYTES || !look_at_rows(down, &most_down) || !choose(tiles, across, step))
    return FALSE;
  for (int k = 0; k < across->offset[across->size]; k++)
    most_across = MAX(most_across, across->whole[k]);
  tiles->rows_apart = most_across * most_down > PRODUCT_MOST;
  tiles->wide = most_across > PRODUCT_MOST;
  int kind_weight[PRODUCT_MOST] = {1};
  for (int k = 0, n = 0; k < down->offset[down->size] && !tiles->rows_apart; k++) {
    int w = down->whole[k], i = 0;
    while (i < n && kind_weight[i] != w)
      i++;
    if (i == n)
      kind_weight[n++] = w;
    tiles->kind[w] = (uint8_t)i;
    n_kinds = n;
  }
  tiles->way = way;
  tiles->tiles = (across->size + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  tiles->scale = 1 / (float)(across->whole_sum * down->whole_sum);
  if (!dcn_tiles_alloc(tiles, LOAD_BYTES, tiles->wide ? 2 : n_kinds))
    return FALSE;
  for (int l = 0; l < tiles->tiles * tiles->loads; l++)
    plan_load(tiles, across, l, row_bytes, step, offset);
  for (int i = n_kinds - 1; i >= 0; i--) /* the first, of weight 1 so far, last */
    for (size_t k = 0; k < tiles->kind_bytes; k++)
      tiles->weights[(size_t)i * tiles->kind_bytes + k] =
          (int8_t)(tiles->weights[k] * kind_weight[i]);
  return TRUE;
}

#define TILES                                                                                      \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni"))) static
#define TILES_INLINE TILES inline __attribute__((always_inline))

typedef struct {
  /* weights of the kinds of the first row, those between, the last */
  const int8_t *first, *middle, *last;
  __m512i by_first, by_middle, by_last; /* where rows are weighed afterwards */
  size_t high;                          /* bytes from weights of low bits to those of high ones */
} RowWeights;

/* How weights of rows come in. */
typedef enum { TOGETHER, APART, APART_WIDE } How;

/* Adds one row to the sums of n loads; high: of the weights' high bits. */
TILES_INLINE void
add_row(const uint8_t *source, const int *start, ptrdiff_t ahead, const uint8_t *index,
        const int8_t *weights, const int n, const int passes, __m512i *sum, size_t to_high,
        __m512i *high)
{
#pragma GCC unroll 4
  for (int l = 0; l < n; l++) {
    const uint8_t *from = source + start[l];
    __m512i v = _mm512_loadu_si512(from);
    __builtin_prefetch(from + ahead);
#pragma GCC unroll 2
    for (int p = 0; p < passes; p++) {
      size_t at = (size_t)(l * passes + p) * LOAD_BYTES;
      __m512i bytes = _mm512_permutexvar_epi8(_mm512_load_si512(index + at), v);
      sum[l] = _mm512_dpbusd_epi32(sum[l], bytes, _mm512_load_si512(weights + at));
      if (high)
        high[l] = _mm512_dpbusd_epi32(high[l], bytes, _mm512_load_si512(weights + to_high + at));
    }
  }
}

/* The sums, times by, added to `result`; they then begin anew. */
TILES_INLINE void
weigh(__m512i *sum, __m512i *high, __m512i by, const int n, __m512i *result)
{
#pragma GCC unroll 4
  for (int l = 0; l < n; l++) {
    __m512i v = high ? _mm512_add_epi32(sum[l], _mm512_slli_epi32(high[l], LOW_BITS)) : sum[l];
    result[l] = _mm512_add_epi32(result[l], _mm512_mullo_epi32(v, by));
    sum[l] = _mm512_setzero_si512();
    if (high)
      high[l] = _mm512_setzero_si512();
  }
}

/* Sums over rows of n loads. */
TILES_INLINE void
sum_rows(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, int taps, ptrdiff_t ahead,
         const RowWeights *weights, int load, const int n, const int passes, const How how,
         __m512i *result)
{
  const int *start = tiles->start + load;
  size_t at = (size_t)load * passes * LOAD_BYTES, to_high = weights->high;
  const uint8_t *index = tiles->index + at;
  __m512i sums[BLOCK_MOST], highs[BLOCK_MOST];
  __m512i *sum = how == TOGETHER ? result : sums, *high = how == APART_WIDE ? highs : NULL;
#pragma GCC unroll 4
  for (int l = 0; l < n; l++)
    result[l] = sums[l] = highs[l] = _mm512_setzero_si512();
  add_row(source, start, ahead, index, weights->first + at, n, passes, sum, to_high, high);
  if (how != TOGETHER)
    weigh(sum, high, weights->by_first, n, result);
  for (int t = 1; t < taps - 1; t++) {
    source += stride;
    add_row(source, start, ahead, index, weights->middle + at, n, passes, sum, to_high, high);
  }
  if (how != TOGETHER && taps > 2)
    weigh(sum, high, weights->by_middle, n, result);
  if (taps > 1) {
    add_row(source + stride, start, ahead, index, weights->last + at, n, passes, sum, to_high,
            high);
    if (how != TOGETHER)
      weigh(sum, high, weights->by_last, n, result);
  }
}

/* Of two vectors of two or more lanes an output each: halves added. */
TILES_INLINE __m512i
add_halves(__m512i a, __m512i b)
{
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(a, b, 0xee));
}

/* Of four vectors, their 128 bits added. */
TILES_INLINE __m512i
add_four(const __m512i *sum)
{
  __m512i a = add_halves(sum[0], sum[1]), b = add_halves(sum[2], sum[3]);
  return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
}

/* A tile's outputs from the sums of its loads. */
TILES_INLINE __m512i
add_lanes(const __m512i *sum, const int loads)
{
  if (loads == 1)
    return sum[0];
  if (loads == 2)
    return add_halves(sum[0], sum[1]);
  if (loads == 4)
    return add_four(sum);
  __m512i v[4]; /* 128 bits of each are a load's sums, in two or four parts */
#pragma GCC unroll 4
  for (int i = 0; i < loads / 4; i++)
    v[i] = add_four(sum + 4 * i);
  if (loads == 8)
    return _mm512_permutexvar_epi64(
        _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7),
        _mm512_add_epi32(_mm512_unpacklo_epi64(v[0], v[1]), _mm512_unpackhi_epi64(v[0], v[1])));
  __m512i a =
      _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
  __m512i b =
      _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
      _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b)));
}

TILES_INLINE void
store(const __m512i *sum, const int loads, __m512 scale, float *out)
{
  _mm512_storeu_ps(out, _mm512_mul_ps(_mm512_cvtepi32_ps(add_lanes(sum, loads)), scale));
}

TILES_INLINE void
run_of(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const RowWeights *weights,
       int taps, ptrdiff_t ahead, int begin, int end, float *out, const int loads, const int passes,
       const How how)
{
  __m512 scale = _mm512_set1_ps(tiles->scale);
  __m512i sum[TILE_OUTPUTS];
  const int at_once = MIN(loads, BLOCK_MOST);
  int i = begin;
  for (; loads <= 2 && i + 2 <= end; i += 2) {
    sum_rows(tiles, source, stride, taps, ahead, weights, i * loads, 2 * loads, passes, how, sum);
    for (int k = 0; k < 2; k++)
      store(sum + k * loads, loads, scale, out + (i + k) * TILE_OUTPUTS);
  }
  for (; i < end; i++) {
#pragma GCC unroll 4
    for (int l = 0; l < loads; l += at_once)
      sum_rows(tiles, source, stride, taps, ahead, weights, i * loads + l, at_once, passes, how,
               sum + l);
    store(sum, loads, scale, out + i * TILE_OUTPUTS);
  }
}

TILES_INLINE void
run_loads(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const RowWeights *weights,
          int taps, ptrdiff_t ahead, int begin, int end, float *out, const int loads,
          const int passes)
{
  if (tiles->wide)
    run_of(tiles, source, stride, weights, taps, ahead, begin, end, out, loads, passes, APART_WIDE);
  else if (tiles->rows_apart)
    run_of(tiles, source, stride, weights, taps, ahead, begin, end, out, loads, passes, APART);
  else
    run_of(tiles, source, stride, weights, taps, ahead, begin, end, out, loads, passes, TOGETHER);
}

TILES void
run_avx512(const DcnTiles *tiles, const uint8_t *source, ptrdiff_t stride, const uint16_t *weights,
           int taps, ptrdiff_t ahead, int begin, int end, float *out)
{
  begin /= TILE_OUTPUTS;
  end = (end + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  int first = weights[0], middle = weights[taps > 2 ? 1 : 0], last = weights[taps - 1];
  RowWeights w = {.first = tiles->weights,
                  .middle = tiles->weights,
                  .last = tiles->weights,
                  .by_first = _mm512_set1_epi32(first),
                  .by_middle = _mm512_set1_epi32(middle),
                  .by_last = _mm512_set1_epi32(last),
                  .high = tiles->kind_bytes};
  if (!tiles->rows_apart) {
    w.first += tiles->kind[first] * tiles->kind_bytes;
    w.middle += tiles->kind[middle] * tiles->kind_bytes;
    w.last += tiles->kind[last] * tiles->kind_bytes;
  }
  if (tiles->loads == 1 && tiles->passes == 1)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 1, 1);
  else if (tiles->loads == 1)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 1, 2);
  else if (tiles->loads == 2 && tiles->passes == 1)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 2, 1);
  else if (tiles->loads == 2)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 2, 2);
  else if (tiles->loads == 4 && tiles->passes == 1)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 4, 1);
  else if (tiles->loads == 4)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 4, 2);
  else if (tiles->loads == 8)
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 8, 1);
  else
    run_loads(tiles, source, stride, &w, taps, ahead, begin, end, out, 16, 1);
}

const DcnTilesWay dcn_tiles_avx512 = {init_avx512, run_avx512};
#endif
