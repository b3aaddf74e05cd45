/* deltacnn: matrix times sparse vector, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows of weights are taken GEMV_ROWS at a time, as many streams from memory as can be read at once, so that y is loaded
 * and stored once for all of them.  Each value of y sums over the rows in ascending order, whatever the columns.
 *
 * Beside what gemm-template.h asks for the including file defines
 *   GEMV_ROWS                  8 or 4
 *   GEMV_VECTORS               vectors of y that stay in registers while the rows of floats or halves are added
 *   GEMV_ASK(p)                asks for more of a row than is read at p, or nothing
 *   MINUS(a, b)
 *   load_halves(p), load_bytes(p)
 *                              LANES values of half precision, or bytes, as floats
 *   load_row_first(p, mask), load_halves_first(p, mask), load_bytes_first(p, mask)
 *                              the same of a row's last columns: may read no further than the next multiple of 8
 *
 * and then has gemv_floats, gemv_halves and gemv_bytes, with the arguments of the kernels gemv, gemv_half and gemv_bytes. */
#pragma once
#include "kernels/unroll.h"

DCN_TEMPLATE Vector
gemv_load(const gboolean half, const char *row, int j)
{
  return half ? load_halves((const uint16_t *)(const void *)row + j)
              : load_aligned((const float *)(const void *)row + j);
}

DCN_TEMPLATE Vector
gemv_load_first(const gboolean half, const char *row, int j, Mask m)
{
  return half ? load_halves_first((const uint16_t *)(const void *)row + j, m)
              : load_row_first((const float *)(const void *)row + j, m);
}

/* y += x * rows of w: floats, or half as wide. */
DCN_TEMPLATE void
gemv_rows(const int rows, const gboolean half, const uint32_t *index, const float *x, const void *w,
          size_t ldw, float *y, int columns)
{
  const char *r[GEMV_ROWS];
  Vector b[GEMV_ROWS];
  DCN_UNROLL
  for (int i = 0; i < rows; i++) {
    r[i] = (const char *)w + index[i] * ldw * (half ? 2 : 4);
    b[i] = splat(x[i]);
  }
  int j = 0;
  for (; j + GEMV_VECTORS * LANES <= columns; j += GEMV_VECTORS * LANES) {
    Vector s[GEMV_VECTORS];
    DCN_UNROLL
    for (int v = 0; v < GEMV_VECTORS; v++)
      s[v] = load(y + j + v * LANES);
    DCN_UNROLL
    for (int i = 0; i < rows; i++) {
      GEMV_ASK(r[i] + j * (half ? 2 : 4));
      DCN_UNROLL
      for (int v = 0; v < GEMV_VECTORS; v++)
        FMA(s[v], b[i], gemv_load(half, r[i], j + v * LANES));
    }
    DCN_UNROLL
    for (int v = 0; v < GEMV_VECTORS; v++)
      store(y + j + v * LANES, s[v]);
  }
  for (; j < columns; j += LANES) {
    Mask m = first(columns - j);
    Vector s = load_first(y + j, m);
    DCN_UNROLL
    for (int i = 0; i < rows; i++)
      FMA(s, b[i], gemv_load_first(half, r[i], j, m));
    store_first(y + j, m, s);
  }
}

/* The same with weights of a byte. */
DCN_TEMPLATE void
gemv_byte_rows(const int rows, const uint32_t *index, const float *x, const uint8_t *w, size_t ldw,
               const float *zeros, const float *scales, float *y, int columns)
{
  const uint8_t *r[GEMV_ROWS];
  Vector b[GEMV_ROWS];
  DCN_UNROLL
  for (int i = 0; i < rows; i++) {
    r[i] = w + index[i] * ldw;
    b[i] = splat(x[i]);
  }
  int j = 0;
  for (; j + LANES <= columns; j += LANES) {
    Vector s = zero(), from = load(zeros + j), to = load(y + j);
    DCN_UNROLL
    for (int i = 0; i < rows; i++)
      FMA(s, b[i], MINUS(load_bytes(r[i] + j), from));
    FMA(to, s, load(scales + j));
    store(y + j, to);
  }
  if (j < columns) {
    Mask m = first(columns - j);
    Vector s = zero(), from = load_first(zeros + j, m), to = load_first(y + j, m);
    DCN_UNROLL
    for (int i = 0; i < rows; i++)
      FMA(s, b[i], MINUS(load_bytes_first(r[i] + j, m), from));
    FMA(to, s, load_first(scales + j, m));
    store_first(y + j, m, to);
  }
}

/* All `count` rows by CALL(rows at a time, the first of them). */
#define GEMV_ALL(CALL)                                                                             \
  int i = 0;                                                                                       \
  for (; i + GEMV_ROWS <= count; i += GEMV_ROWS)                                                   \
    CALL(GEMV_ROWS, i);                                                                            \
  for (; i + 4 <= count; i += 4)                                                                   \
    CALL(4, i);                                                                                    \
  for (; i < count; i++)                                                                           \
    CALL(1, i)

DCN_TEMPLATE void
gemv_floats(const uint32_t *index, const float *x, int count, const float *w, size_t ldw, float *y,
            int columns)
{
#define FLOAT_ROWS(rows, i) gemv_rows(rows, FALSE, index + i, x + i, w, ldw, y, columns)
  GEMV_ALL(FLOAT_ROWS);
}

DCN_TEMPLATE void
gemv_halves(const uint32_t *index, const float *x, int count, const uint16_t *w, size_t ldw,
            float *y, int columns)
{
#define HALF_ROWS(rows, i) gemv_rows(rows, TRUE, index + i, x + i, w, ldw, y, columns)
  GEMV_ALL(HALF_ROWS);
}

DCN_TEMPLATE void
gemv_bytes(const uint32_t *index, const float *x, int count, const uint8_t *w, size_t ldw,
           const float *zeros, const float *scales, float *y, int columns)
{
#define BYTE_ROWS(rows, i)                                                                         \
  gemv_byte_rows(rows, index + i, x + i, w, ldw, zeros, scales, y, columns)
  GEMV_ALL(BYTE_ROWS);
}
