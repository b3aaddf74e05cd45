/* deltacnn: interleaved sums of columns, of pixels of several components, taken apart.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* apart_by_step(): out[i] = columns[i * step], i < n, for sums of type T; loops that compilers make vectors of. */
#define DCN_DEFINE_APART(T) \
static inline __attribute__((always_inline)) void \
apart_by_step(const T *columns, int step, T *out, int n) \
{ \
  const T *restrict from = columns; \
  T *restrict to = out; \
  if (step == 2) \
    for (int i = 0; i < n; i++) \
      to[i] = from[2 * i]; \
  else if (step == 3) \
    for (int i = 0; i < n; i++) \
      to[i] = from[3 * i]; \
  else if (step == 4) \
    for (int i = 0; i < n; i++) \
      to[i] = from[4 * i]; \
  else \
    for (int i = 0; i < n; i++) \
      to[i] = from[i * step]; \
}
