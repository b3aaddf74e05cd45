/* deltacnn: the two matrix kernels, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A tile of pixels x 1 to 4 vectors of output channels stays in registers.  Per input channel: a
 * load of weights per vector, and per pixel one broadcast and as many FMAs as vectors.  The broadcast goes to a register: folded
 * into the FMAs it would be loaded twice, and the load ports would be busier than the FMA ports.
 * Every sum runs over taps, then channels, in ascending order, whatever the tile: a pixel's result
 * depends neither on its neighbours nor on its place.
 *
 * The including file defines
 *   Vector, Mask, LANES        and NR, which is 2 * LANES
 *   MR, DR                     pixels of an igemm and a dgemm tile: strides of their pointer lists
 *   load_aligned(p), load(p), zero(), broadcast(p), splat(x)
 *   clamp(v, low, high)        as DcnKernels.bias_clamp
 *   first(n)                   a Mask of the first n lanes; n may lie outside of 0..LANES
 *   load_first(p, mask), store_first(p, mask, v)
 *                              touch no other lanes; the others load as 0
 *   FMA(c, x, b)               c += x * b in place
 *
 * and then has DEFINE_IGEMM(pixels, 1 or 2) and DEFINE_DGEMM(pixels, 1 to 4), which define the
 * functions igemm_PIXELS_VECTORS and dgemm_PIXELS_VECTORS, and RUN_IGEMM, RUN_DGEMM, which call
 * them: tiles of fewer pixels or vectors cost less. */
#pragma once
#include "kernels/kernel-list.h"
#include "kernels/unroll.h"

/* The tile is in named variables: those stay in registers with any compiler, an array does not.
 * EACHn(M): M(0) to M(n - 1). */
#define EACH1(M)  M(0)
#define EACH2(M)  EACH1(M) M(1)
#define EACH3(M)  EACH2(M) M(2)
#define EACH4(M)  EACH3(M) M(3)
#define EACH5(M)  EACH4(M) M(4)
#define EACH6(M)  EACH5(M) M(5)
#define EACH7(M)  EACH6(M) M(6)
#define EACH8(M)  EACH7(M) M(7)
#define EACH9(M)  EACH8(M) M(8)
#define EACH10(M) EACH9(M) M(9)
#define EACH11(M) EACH10(M) M(10)
#define EACH12(M) EACH11(M) M(11)

#define POINTER(i) const float *p##i;
#define AIM_A(i)   p##i = a[i];
#define AIM_D(i)   p##i = d[i];
#define START_2(i) Vector c##i##_0 = start0, c##i##_1 = start1;
#define START_1(i) Vector c##i##_0 = start0;

/* Of pixel i: vectors 0 to v - 1. */
#define FETCH(i, v) Vector c##i##_##v = i < pixels ? load_first(out[i] + v * LANES, m##v) : zero();
#define FETCH_1(i)  FETCH(i, 0)
#define FETCH_2(i)  FETCH_1(i) FETCH(i, 1)
#define FETCH_3(i)  FETCH_2(i) FETCH(i, 2)
#define FETCH_4(i)  FETCH_3(i) FETCH(i, 3)

#define ADD_1(i) FMA(c##i##_0, x, b0);
#define ADD_2(i) ADD_1(i) FMA(c##i##_1, x, b1);
#define ADD_3(i) ADD_2(i) FMA(c##i##_2, x, b2);
#define ADD_4(i) ADD_3(i) FMA(c##i##_3, x, b3);
#define STEP(i, vectors)                                                                           \
  {                                                                                                \
    Vector x = broadcast(p##i + k);                                                                \
    ADD_##vectors(i)                                                                               \
  }
#define STEP_1(i) STEP(i, 1)
#define STEP_2(i) STEP(i, 2)
#define STEP_3(i) STEP(i, 3)
#define STEP_4(i) STEP(i, 4)

#define STORE_ROW_1(i)                                                                             \
  if (i < pixels)                                                                                  \
    store_first(out + i * ldo, m0, clamp(c##i##_0, low, high));
#define STORE_ROW_2(i)                                                                             \
  if (i < pixels) {                                                                                \
    store_first(out + i * ldo, m0, clamp(c##i##_0, low, high));                                    \
    store_first(out + i * ldo + LANES, m1, clamp(c##i##_1, low, high));                            \
  }
#define STORE_POINTER(i, v)                                                                        \
  if (i < pixels)                                                                                  \
    store_first(out[i] + v * LANES, m##v, c##i##_##v);
#define STORE_POINTER_1(i) STORE_POINTER(i, 0)
#define STORE_POINTER_2(i) STORE_POINTER_1(i) STORE_POINTER(i, 1)
#define STORE_POINTER_3(i) STORE_POINTER_2(i) STORE_POINTER(i, 2)
#define STORE_POINTER_4(i) STORE_POINTER_3(i) STORE_POINTER(i, 3)

/* Weights of input channel k: two vectors at wk, two more in w2, which dgemm has. */
#define WEIGHTS_1(wk) Vector b0 = load_aligned(wk);
#define WEIGHTS_2(wk) WEIGHTS_1(wk) Vector b1 = load_aligned((wk) + LANES);
#define WEIGHTS_3(wk) WEIGHTS_2(wk) Vector b2 = load_aligned(w2 + k * NR);
#define WEIGHTS_4(wk) WEIGHTS_3(wk) Vector b3 = load_aligned(w2 + k * NR + LANES);

/* Input channel k of all pixels; wk: its row of weights. */
#define CHANNEL(pixels, vectors, wk)                                                               \
  {                                                                                                \
    WEIGHTS_##vectors(wk) EACH##pixels(STEP_##vectors)                                             \
  }

/* The same with the inputs kept and each vector of weights used at once: for tiles of fewer pixels than vectors, where
 * registers are short. */
#define INPUT(i)  Vector x##i = broadcast(p##i + k);
#define ADD_V0(i) FMA(c##i##_0, x##i, b);
#define ADD_V1(i) FMA(c##i##_1, x##i, b);
#define ADD_V2(i) FMA(c##i##_2, x##i, b);
#define ADD_V3(i) FMA(c##i##_3, x##i, b);
#define COLUMN(pixels, v, at)                                                                      \
  {                                                                                                \
    Vector b = load_aligned(at);                                                                   \
    EACH##pixels(ADD_V##v)                                                                         \
  }
#define COLUMNS_1(pixels, wk) COLUMN(pixels, 0, wk)
#define COLUMNS_2(pixels, wk) COLUMNS_1(pixels, wk) COLUMN(pixels, 1, (wk) + LANES)
#define COLUMNS_3(pixels, wk) COLUMNS_2(pixels, wk) COLUMN(pixels, 2, w2 + k * NR)
#define COLUMNS_4(pixels, wk) COLUMNS_3(pixels, wk) COLUMN(pixels, 3, w2 + k * NR + LANES)
#define CHANNEL_BY_COLUMNS(pixels, vectors, wk)                                                    \
  {                                                                                                \
    EACH##pixels(INPUT) COLUMNS_##vectors(pixels, wk)                                              \
  }

/* Which of both dgemm takes. */
#ifndef DGEMM_CHANNEL
#define DGEMM_CHANNEL CHANNEL
#endif

/* Far enough ahead for weights that come from the third-level cache, as those of large layers do.
 */
#define PREFETCH_ROWS 24
#define NEXT_CHANNEL(pixels, vectors)                                                              \
  {                                                                                                \
    DCN_PREFETCH(w, PREFETCH_ROWS *NR);                                                            \
    if (vectors > 1)                                                                               \
      DCN_PREFETCH(w, PREFETCH_ROWS *NR + LANES);                                                  \
    CHANNEL(pixels, vectors, w)                                                                    \
    w += NR;                                                                                       \
    k++;                                                                                           \
  }

/* Large layers' weights come from far away: while one block of columns is worked on for some tiles,
 * the next one is brought nearer, two cache lines for every four rows of weights. */
#define FETCH_AHEAD                                                                                \
  DCN_PREFETCH_FAR(ahead, 0);                                                                      \
  DCN_PREFETCH_FAR(ahead, 16);                                                                     \
  ahead += 32;

/* k to k + 3 of all pixels; a file may have its own. */
#ifndef FOUR_CHANNELS
#define FOUR_CHANNELS(pixels, vectors)                                                             \
  FETCH_AHEAD                                                                                      \
  NEXT_CHANNEL(pixels, vectors)                                                                    \
  NEXT_CHANNEL(pixels, vectors)                                                                    \
  NEXT_CHANNEL(pixels, vectors)                                                                    \
  NEXT_CHANNEL(pixels, vectors)
#endif

#define DEFINE_IGEMM(mr, nv)                                                                       \
  static void igemm_##mr##_##nv(const float *const *a, int taps, int channels, const float *w,     \
                                const float *ahead, const float *init, float lo, float hi,         \
                                float *out, size_t ldo, int pixels, int columns)                   \
  {                                                                                                \
    Vector start0 = init ? load(init) : zero();                                                    \
    Vector start1 = init && nv > 1 ? load(init + LANES) : zero();                                  \
    ahead = ahead ? ahead : w;                                                                     \
    EACH##mr(START_##nv) EACH##mr(POINTER) for (int t = 0; t < taps; t++, a += MR)                 \
    {                                                                                              \
      ptrdiff_t k = 0;                                                                             \
      EACH##mr(AIM_A) while (k < channels - 3)                                                     \
      {                                                                                            \
        FOUR_CHANNELS(mr, nv)                                                                      \
      }                                                                                            \
      while (k < channels)                                                                         \
        NEXT_CHANNEL(mr, nv)                                                                       \
    }                                                                                              \
    Mask m0 = first(columns), m1 = first(columns - LANES);                                         \
    Vector low = splat(lo), high = splat(hi);                                                      \
    (void)start1, (void)m1;                                                                        \
    EACH##mr(STORE_ROW_##nv)                                                                       \
  }

/* A compiler that knew that w2 is w + next would compute it anew for each channel, on the FMAs' ports. */
#define KEEP(pointer) __asm__("" : "+r"(pointer));

#define DEFINE_DGEMM(dr, nv)                                                                       \
  static void dgemm_##dr##_##nv(const float *const *d, const uint64_t *mask, int taps, int words,  \
                                int channels, const float *w, size_t next, float *const *out,      \
                                int pixels, int columns)                                           \
  {                                                                                                \
    Mask m0 = first(columns), m1 = first(columns - LANES);                                         \
    Mask m2 = first(columns - 2 * LANES), m3 = first(columns - 3 * LANES);                         \
    const float *w2 = w + next;                                                                    \
    KEEP(w2)                                                                                       \
    (void)m1, (void)m2, (void)m3;                                                                  \
    EACH##dr(FETCH_##nv) EACH##dr(POINTER) for (int t = 0; t < taps; t++, d += DR)                 \
    {                                                                                              \
      EACH##dr(AIM_D) for (ptrdiff_t base = 0; base < words * (ptrdiff_t)64; base += 64)           \
      {                                                                                            \
        uint64_t bits = *mask++;                                                                   \
        if (bits == ~(uint64_t)0) { /* all changed: no search for the next one */                  \
          for (ptrdiff_t k = base; k < base + 64; k++)                                             \
            DGEMM_CHANNEL(dr, nv, (w + k * NR))                                                          \
        } else {                                                                                   \
          for (; bits; bits &= bits - 1) {                                                         \
            ptrdiff_t k = base + __builtin_ctzll(bits);                                            \
            DGEMM_CHANNEL(dr, nv, (w + k * NR))                                                          \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
      w += (size_t)channels * NR, w2 += (size_t)channels * NR;                                     \
    }                                                                                              \
    EACH##dr(STORE_POINTER_##nv)                                                                   \
  }

/* Calls the tile of `height` pixels for the columns at hand. */
#define RUN_IGEMM(height)                                                                          \
  (columns > LANES                                                                                 \
       ? igemm_##height##_2(a, taps, channels, w, ahead, init, lo, hi, out, ldo, pixels, columns)         \
       : igemm_##height##_1(a, taps, channels, w, ahead, init, lo, hi, out, ldo, pixels, columns))
#define RUN_DGEMM(height, vectors)                                                                 \
  dgemm_##height##_##vectors(d, mask, taps, words, channels, w, next, out, pixels, columns)
