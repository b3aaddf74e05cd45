/* deltacnn: the depthwise kernel for whole rows of 3x3 windows, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Of a row up to TILE output pixels are done together, vector of channels by vector of channels: as many sums as hide
 * an FMA's latency, and an input pixel that three windows share is loaded once.  Columns outside of the image are
 * read from a vector of zeros, so that a row needs no other code at its ends.
 *
 * The including file has depthwise-template.h before, whose definitions this takes, defines
 *   TILE     most output pixels of a tile: 4, or 8 with 32 registers
 *   splat(x)
 * and then has rows_run(), which is the kernel. */
#pragma once
#include "kernels/depthwise-template.h"

/* A tile.  The outermost columns are read at first[ky] + (k & first_k): first_k is 0 where a vector of zeros stands for
 * the column. */
typedef struct {
  const float *lines[3]; /* its first column, which may lie outside of the image */
  const float *first[3], *last[3], *w, *bias;
  size_t first_k, last_k;
  size_t step, ldw, ldo; /* step: floats from one column to the next */
  float *out;
  Vector lo, hi;
  /* Where `ask`, the tile of the next row: its inputs that no row before reads, `stride` lines of them, and its outputs. */
  gboolean ask;
  const float *next[2], *next_out;
} RowTile;

/* Asks for the vector of channels at k of the next row's tile of n pixels. */
DCN_TEMPLATE void
row_ask(const RowTile *t, size_t k, const int n, const int stride)
{
  if (k % 16)
    return;
  DCN_UNROLL
  for (int i = 0; i < n; i++)
    DCN_PREFETCH_FAR(t->next_out, (size_t)i * t->ldo + k);
  DCN_UNROLL
  for (int i = 0; i < n * stride; i++)
    for (int y = 0; y < stride; y++)
      DCN_PREFETCH_FAR(t->next[y], (size_t)i * t->step + k);
}

/* In named variables, for the reason given in gemm-template.h.  ROWn(M): M(0) to M(n - 1). */
#define ROW0(M)
#define ROW1(M) M(0)
#define ROW2(M) ROW1(M) M(1)
#define ROW3(M) ROW2(M) M(2)
#define ROW4(M) ROW3(M) M(3)
#define ROW5(M) ROW4(M) M(4)
#define ROW6(M) ROW5(M) M(5)
#define ROW7(M) ROW6(M) M(6)
#define ROW8(M) ROW7(M) M(7)

/* i + 1 and i + 2 */
#define NEXT_0  1
#define NEXT_1  2
#define NEXT_2  3
#define NEXT_3  4
#define NEXT_4  5
#define NEXT_5  6
#define NEXT_6  7
#define NEXT_7  8
#define AFTER_0 2
#define AFTER_1 3
#define AFTER_2 4
#define AFTER_3 5
#define AFTER_4 6
#define AFTER_5 7
#define AFTER_6 8
#define AFTER_7 9

#define ROW_LOAD(column)       load_lanes(x + (size_t)(column)*step, whole, m)
#define ROW_COLUMN_(j, column) Vector c##j = ROW_LOAD(column);
#define ROW_COLUMN(j, column)  ROW_COLUMN_(j, column)
#define ROW_COLUMN_1(i)        ROW_COLUMN(NEXT_##i, NEXT_##i)
#define ROW_COLUMN_2(i)        ROW_COLUMN(NEXT_##i, 2 * (NEXT_##i))
#define ROW_ADD_(i, j, w)      s##i = fma(s##i, c##j, w);
#define ROW_ADD(i, j, w)       ROW_ADD_(i, j, w)

#define ROW_SUM(i)    Vector s##i = start;
#define ROW_TAP_0(i)  ROW_ADD(i, i, w0)
#define ROW_TAP_11(i) ROW_ADD(i, NEXT_##i, w1)
#define ROW_TAP_21(i) ROW_ADD(i, AFTER_##i, w2)
/* Stride 2: c0 to cn are the columns with even numbers; each of the others has one reader. */
#define ROW_TAP_12(i) s##i = fma(s##i, ROW_LOAD(2 * (i) + 1), w1);
#define ROW_TAP_22(i) ROW_ADD(i, NEXT_##i, w2)
#define ROW_STORE(i)  store_lanes(out + (i)*ldo, clamp(s##i, t->lo, t->hi), whole, m);

/* row_tile_n_stride(): n pixels, the vector of channels at k; m: its lanes, unless it is whole.
 * middle, end: how many columns lie between the outermost of c0 to c[end] */
#define DEFINE_ROW_TILE(n, stride, middle, end)                                                    \
  DCN_TEMPLATE void row_tile_##n##_##stride(const RowTile *t, size_t k, const gboolean whole,      \
                                            Mask m)                                                \
  {                                                                                                \
    Vector start = t->bias ? load_lanes(t->bias + k, whole, m) : zero();                           \
    const size_t step = t->step, ldo = t->ldo;                                                     \
    const float *w = t->w + k;                                                                     \
    ROW##n(ROW_SUM) for (int ky = 0; ky < 3; ky++, w += 3 * t->ldw)                                \
    {                                                                                              \
      const float *x = t->lines[ky] + k;                                                           \
      Vector c0 = load_lanes(t->first[ky] + (k & t->first_k), whole, m);                           \
      ROW##middle(ROW_COLUMN_##stride) Vector c##end =                                             \
          load_lanes(t->last[ky] + (k & t->last_k), whole, m);                                     \
      Vector w0 = load_lanes(w, whole, m), w1 = load_lanes(w + t->ldw, whole, m);                  \
      Vector w2 = load_lanes(w + 2 * t->ldw, whole, m);                                            \
      ROW##n(ROW_TAP_0) ROW##n(ROW_TAP_1##stride) ROW##n(ROW_TAP_2##stride)                        \
    }                                                                                              \
    float *out = t->out + k;                                                                       \
    ROW##n(ROW_STORE)                                                                              \
  }                                                                                                \
  static void row_channels_##n##_##stride(const RowTile *t, int channels)                          \
  {                                                                                                \
    int k = 0;                                                                                     \
    for (; t->ask && k + LANES <= channels; k += LANES) {                                          \
      row_ask(t, (size_t)k, n, stride);                                                            \
      row_tile_##n##_##stride(t, (size_t)k, TRUE, first(LANES));                                   \
    }                                                                                              \
    for (; k + LANES <= channels; k += LANES)                                                      \
      row_tile_##n##_##stride(t, (size_t)k, TRUE, first(LANES));                                   \
    if (k < channels)                                                                              \
      row_tile_##n##_##stride(t, (size_t)k, FALSE, first(channels - k));                           \
  }

// clang-format off
DEFINE_ROW_TILE(1, 1, 1, 2) DEFINE_ROW_TILE(2, 1, 2, 3) DEFINE_ROW_TILE(3, 1, 3, 4) DEFINE_ROW_TILE(4, 1, 4, 5)
DEFINE_ROW_TILE(1, 2, 0, 1) DEFINE_ROW_TILE(2, 2, 1, 2) DEFINE_ROW_TILE(3, 2, 2, 3) DEFINE_ROW_TILE(4, 2, 3, 4)
#if TILE > 4
DEFINE_ROW_TILE(6, 1, 6, 7) DEFINE_ROW_TILE(8, 1, 8, 9)
DEFINE_ROW_TILE(6, 2, 5, 6) DEFINE_ROW_TILE(8, 2, 7, 8)
#endif
    // clang-format on

    /* By the pixels of a tile: the largest that there is with as many or fewer, and how many it has. */
    typedef void RowChannels(const RowTile *t, int channels);
#if TILE > 4
static RowChannels *const row_tiles[2][TILE + 1] = {
    {NULL, row_channels_1_1, row_channels_2_1, row_channels_3_1, row_channels_4_1, row_channels_4_1,
     row_channels_6_1, row_channels_6_1, row_channels_8_1},
    {NULL, row_channels_1_2, row_channels_2_2, row_channels_3_2, row_channels_4_2, row_channels_4_2,
     row_channels_6_2, row_channels_6_2, row_channels_8_2}};
static const int row_tile_pixels[TILE + 1] = {0, 1, 2, 3, 4, 4, 6, 6, 8};
#else
static RowChannels *const row_tiles[2][TILE + 1] = {
    {NULL, row_channels_1_1, row_channels_2_1, row_channels_3_1, row_channels_4_1},
    {NULL, row_channels_1_2, row_channels_2_2, row_channels_3_2, row_channels_4_2}};
static const int row_tile_pixels[TILE + 1] = {0, 1, 2, 3, 4};
#endif

/* One row of `pixels` output pixels from t->lines on.  tiles: those to do it with.  first_k, last_k: 0 where the row's
 * outermost columns lie outside of the image, else all ones. */
DCN_TEMPLATE void
row_run(RowTile *t, RowChannels *const *tiles, int stride, int pixels, size_t first_k, size_t last_k,
        int channels)
{
  static const float zeros[LANES];
  for (int n; pixels > 0; pixels -= n) {
    int most = MIN(pixels, TILE);
    n = row_tile_pixels[most];
    size_t on = (size_t)(n * stride) * t->step, last = (size_t)((n - 1) * stride + 2) * t->step;
    t->first_k = first_k;
    t->last_k = n == pixels ? last_k : ~(size_t)0;
    for (int ky = 0; ky < 3; ky++) {
      t->first[ky] = t->first_k ? t->lines[ky] : zeros;
      t->last[ky] = t->last_k ? t->lines[ky] + last : zeros;
    }
    tiles[most](t, channels);
    for (int ky = 0; ky < 3; ky++)
      t->lines[ky] += on;
    t->next[0] += on, t->next[1] += on, t->next_out += (size_t)n * t->ldo;
    t->out += (size_t)n * t->ldo;
    first_k = ~(size_t)0;
  }
}

DCN_TEMPLATE void
rows_run(const DcnDepthwiseRows *d, int rows, int channels)
{
  gboolean beyond = (d->out_w - 1) * d->stride - d->left + 2 >= d->in_w;
  RowTile t = {.w = d->w, .bias = d->bias, .step = d->step, .ldw = d->ldw, .ldo = d->ldo};
  t.lo = splat(d->lo);
  t.hi = splat(d->hi);
  for (int row = 0; row < rows; row++) {
    for (int ky = 0; ky < 3; ky++)
      t.lines[ky] = d->lines[row * 3 + ky] - (size_t)d->left * d->step;
    t.out = d->out + (size_t)row * (size_t)d->out_w * d->ldo;
    t.ask = d->far && row + 1 < rows;
    for (int y = 0; y < d->stride; y++)
      t.next[y] = d->lines[MIN(row + 1, rows - 1) * 3 + 2 - y];
    t.next_out = t.out + (size_t)d->out_w * d->ldo;
    row_run(&t, row_tiles[d->stride - 1], d->stride, d->out_w, d->left ? 0 : ~(size_t)0,
            beyond ? 0 : ~(size_t)0, channels);
  }
}
