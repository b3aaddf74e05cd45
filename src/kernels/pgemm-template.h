/* deltacnn: the matrix kernel of patches of deltas, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Included after rgemm-template.h.  As rgemm, but sums are added to wherever they lie, and inputs and weights are
 * rectangles of larger ones.
 *
 * The including file has DEFINE_PGEMM(pixels, 1 or 2) for 1 to the most pixels of a tile, and then a function that
 * takes tables of them to pgemm_run(). */
#pragma once
#include "kernels/rgemm-template.h"

#define PATCH_SUM_1(i)      Vector c##i##_0;
#define PATCH_SUM_2(i)      PATCH_SUM_1(i) Vector c##i##_1;
#define PATCH_FETCH(i, v)   c##i##_##v = load(out[i] + at + v * LANES);
#define PATCH_FETCH_1(i)    PATCH_FETCH(i, 0)
#define PATCH_FETCH_2(i)    PATCH_FETCH_1(i) PATCH_FETCH(i, 1)
#define PATCH_STORE(i, v)   store(out[i] + at + v * LANES, c##i##_##v);
#define PATCH_STORE_1(i)    PATCH_STORE(i, 0)
#define PATCH_STORE_2(i)    PATCH_STORE_1(i) PATCH_STORE(i, 1)
#define PATCH_ZERO_1(i)     c##i##_0 = zero();
#define PATCH_ZERO_2(i)     PATCH_ZERO_1(i) c##i##_1 = zero();
#define PATCH_FETCH_FIRST(i, v) c##i##_##v = load_first(out[i] + at + v * LANES, m##v);
#define PATCH_FETCH_FIRST_1(i)  PATCH_FETCH_FIRST(i, 0)
#define PATCH_FETCH_FIRST_2(i)  PATCH_FETCH_FIRST_1(i) PATCH_FETCH_FIRST(i, 1)
#define PATCH_STORE_FIRST(i, v) store_first(out[i] + at + v * LANES, m##v, c##i##_##v);
#define PATCH_STORE_FIRST_1(i)  PATCH_STORE_FIRST(i, 0)
#define PATCH_STORE_FIRST_2(i)  PATCH_STORE_FIRST_1(i) PATCH_STORE_FIRST(i, 1)

/* One tile.  each: so many lines are asked for with each row of weights. */
#define DEFINE_PGEMM(mr, nv)                                                                       \
  static void pgemm_##mr##_##nv(const float *d, const DcnPatch *patch, float *const *out,          \
                                size_t at, int columns, const float *const *ask,                   \
                                const float *const *ask_end, int each)                             \
  {                                                                                                \
    const gboolean whole = columns == nv * LANES;                                                  \
    Mask m0 = first(columns), m1 = first(columns - LANES);                                         \
    (void)m1;                                                                                      \
    EACH##mr(PATCH_SUM_##nv) if (patch->anew)                                                      \
    {                                                                                              \
      EACH##mr(PATCH_ZERO_##nv)                                                                    \
    }                                                                                              \
    else if (whole)                                                                                \
    {                                                                                              \
      EACH##mr(PATCH_FETCH_##nv)                                                                   \
    }                                                                                              \
    else                                                                                           \
    {                                                                                              \
      EACH##mr(PATCH_FETCH_FIRST_##nv)                                                             \
    }                                                                                              \
    const float *r0 = d, *w = patch->w;                                                            \
    size_t step = patch->step, gap = patch->ldd - (size_t)patch->n,                                \
           gap_w = patch->ldw - (size_t)patch->n * NR;                                             \
    for (int r = patch->rows; r > 0; r--) {                                                        \
      const float *r1 = r0 + 3 * step, *r2 = r1 + 3 * step, *r3 = r2 + 3 * step;                   \
      (void)r1, (void)r2, (void)r3;                                                                \
      for (int i = 0; i < each && ask < ask_end; i++)                                              \
        __builtin_prefetch(*ask++, 0, 2);                                                          \
      int k = patch->n;                                                                            \
      for (; k >= 3; k -= 3) {                                                                     \
        RUN_CHANNEL(mr, nv, 0)                                                                     \
        RUN_CHANNEL(mr, nv, 1)                                                                     \
        RUN_CHANNEL(mr, nv, 2)                                                                     \
        r0 += 3, r1 += 3, r2 += 3, r3 += 3, w += 3 * NR;                                           \
      }                                                                                            \
      for (; k > 0; k--) {                                                                         \
        RUN_CHANNEL(mr, nv, 0)                                                                     \
        r0++, r1++, r2++, r3++, w += NR;                                                           \
      }                                                                                            \
      r0 += gap, w += gap_w;                                                                       \
    }                                                                                              \
    if (whole) {                                                                                   \
      EACH##mr(PATCH_STORE_##nv)                                                                   \
    } else {                                                                                       \
      EACH##mr(PATCH_STORE_FIRST_##nv)                                                             \
    }                                                                                              \
  }

typedef void Pgemm(const float *d, const DcnPatch *patch, float *const *out, size_t at, int columns,
                   const float *const *ask, const float *const *ask_end, int each);

/* As few tiles as can be, of as equal a size as can be; tiles: [mr + 1] by their pixels. */
static inline void
pgemm_run(Pgemm *const *tiles, int mr, const float *d, const DcnPatch *patch, float *const *out,
          size_t at, int pixels, int columns, const float *const *ask, int asks)
{
  int left = (pixels + mr - 1) / mr;
  const float *const *ask_end = ask + asks;
  int each = left ? (asks + left * patch->rows - 1) / (left * patch->rows) : 0;
  for (int size; left > 0; left--, pixels -= size, d += (size_t)size * patch->step, out += size) {
    size = (pixels + left - 1) / left;
    tiles[size](d, patch, out, at, columns, ask, ask_end, each);
    ask += MIN(each * patch->rows, ask_end - ask);
  }
}
