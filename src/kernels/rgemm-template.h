/* deltacnn: the matrix kernel for runs of output pixels, for any instruction set with vectors and FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * As igemm in gemm-template.h, which is included before.  But a tile's pixels lie `step` floats apart, so that one
 * pointer serves three of them; there are no lists to make and to read, and a call does all tiles of the run.  For
 * layers of few channels, in which a tile takes little more than what igemm's lists do.
 *
 * The including file has DEFINE_RGEMM(pixels, 1 or 2) for 1 to RMR_1 and 1 to RMR_2 pixels, which are at most 12, and
 * then a function rgemm_run() that takes tables of them. */
#pragma once
#include "kernels/gemm-template.h"

typedef struct {
  const float *const *a;
  size_t step, ldo;
  int taps, channels;
  const float *w, *init;
  float lo, hi;
  float *out;
  int columns;
  const float *ahead, *ahead_end; /* asked for up to here, to be asked for; both NULL: nothing */
} Run;

/* Of what is wanted next as much as is read of weights or written: both are about as much in the block after. */
static inline void
run_ahead(Run *run, const float *ahead, int pixels)
{
  if (!ahead)
    return;
  size_t weights = (size_t)run->taps * (size_t)run->channels * NR,
         outputs = (size_t)pixels * (size_t)run->columns;
  run->ahead = ahead;
  run->ahead_end = ahead + MAX(weights, outputs);
}

/* So many cache lines of it are asked for with every three channels. */
static inline int
run_asks(const Run *run, int tiles)
{
  if (run->ahead >= run->ahead_end)
    return 0;
  int lines = (int)((run->ahead_end - run->ahead) / 16),
      steps = tiles * MAX(run->taps * (run->channels / 3), 1);
  return MAX((lines + steps / 2) / steps, 1);
}

#define RUN_ASK                                                                                    \
  for (int n = asks; n > 0; n--, ahead += 16)                                                      \
    DCN_PREFETCH_FAR(ahead, 0);

/* Pixel i's input channel n: r0 to r3 point to pixels 0, 3, 6, 9. */
#define RUN_AT_0(n)  (r0 + (n))
#define RUN_AT_1(n)  (r0 + step + (n))
#define RUN_AT_2(n)  (r0 + 2 * step + (n))
#define RUN_AT_3(n)  (r1 + (n))
#define RUN_AT_4(n)  (r1 + step + (n))
#define RUN_AT_5(n)  (r1 + 2 * step + (n))
#define RUN_AT_6(n)  (r2 + (n))
#define RUN_AT_7(n)  (r2 + step + (n))
#define RUN_AT_8(n)  (r2 + 2 * step + (n))
#define RUN_AT_9(n)  (r3 + (n))
#define RUN_AT_10(n) (r3 + step + (n))
#define RUN_AT_11(n) (r3 + 2 * step + (n))

#define RUN_STEP(i, vectors, n)                                                                    \
  {                                                                                                \
    Vector x = broadcast(RUN_AT_##i(n));                                                           \
    ADD_##vectors(i)                                                                               \
  }
#define RUN_STEP_10(i) RUN_STEP(i, 1, 0)
#define RUN_STEP_11(i) RUN_STEP(i, 1, 1)
#define RUN_STEP_12(i) RUN_STEP(i, 1, 2)
#define RUN_STEP_20(i) RUN_STEP(i, 2, 0)
#define RUN_STEP_21(i) RUN_STEP(i, 2, 1)
#define RUN_STEP_22(i) RUN_STEP(i, 2, 2)

#define RUN_CHANNEL(pixels, vectors, n)                                                            \
  {                                                                                                \
    WEIGHTS_##vectors(w + n * NR) EACH##pixels(RUN_STEP_##vectors##n)                              \
  }

#define RUN_STORE_2(i)                                                                             \
  store_first(out + i * ldo, m0, clamp(c##i##_0, low, high));                                      \
  store_first(out + i * ldo + LANES, m1, clamp(c##i##_1, low, high));
#define RUN_STORE_1(i) store_first(out + i * ldo, m0, clamp(c##i##_0, low, high));
/* Masks cost more than their work on some CPUs. */
#define RUN_STORE_WHOLE_2(i)                                                                       \
  store(out + i * ldo, clamp(c##i##_0, low, high));                                                \
  store(out + i * ldo + LANES, clamp(c##i##_1, low, high));
#define RUN_STORE_WHOLE_1(i) store(out + i * ldo, clamp(c##i##_0, low, high));

/* A loop that takes off k, first, what it can by four channels. */
#ifndef RUN_BY_FOUR
#define RUN_BY_FOUR(mr, nv)
#endif

/* `tiles` of mr pixels each, from pixel `first` on.  By threes: the rows of a window over three components are. */
#define DEFINE_RGEMM(mr, nv)                                                                       \
  static void rgemm_##mr##_##nv(Run *run, size_t first_pixel, int tiles, int asks)                 \
  {                                                                                                \
    const float *ahead = run->ahead;                                                               \
    size_t step = run->step, ldo = run->ldo;                                                       \
    Vector start0 = run->init ? load(run->init) : zero();                                          \
    Vector start1 = run->init && nv > 1 ? load(run->init + LANES) : zero();                        \
    (void)start1;                                                                                  \
    for (int tile = 0; tile < tiles; tile++, first_pixel += mr) {                                  \
      const float *w = run->w;                                                                     \
      EACH##mr(START_##nv) for (int t = 0; t < run->taps; t++)                                     \
      {                                                                                            \
        const float *r0 = run->a[t] + first_pixel * step, *r1 = r0 + 3 * step;                     \
        const float *r2 = r1 + 3 * step, *r3 = r2 + 3 * step;                                      \
        (void)r1, (void)r2, (void)r3;                                                              \
        int k = run->channels;                                                                     \
        RUN_BY_FOUR(mr, nv)                                                                        \
        for (; k >= 3; k -= 3) {                                                                   \
          RUN_ASK                                                                                  \
          RUN_CHANNEL(mr, nv, 0)                                                                   \
          RUN_CHANNEL(mr, nv, 1)                                                                   \
          RUN_CHANNEL(mr, nv, 2)                                                                   \
          r0 += 3, r1 += 3, r2 += 3, r3 += 3, w += 3 * NR;                                         \
        }                                                                                          \
        for (; k > 0; k--) {                                                                       \
          RUN_CHANNEL(mr, nv, 0)                                                                   \
          r0++, r1++, r2++, r3++, w += NR;                                                         \
        }                                                                                          \
      }                                                                                            \
      Vector low = splat(run->lo), high = splat(run->hi);                                          \
      float *out = run->out + first_pixel * ldo;                                                   \
      if (run->columns == nv * LANES) {                                                            \
        EACH##mr(RUN_STORE_WHOLE_##nv)                                                             \
      } else {                                                                                     \
        Mask m0 = first(run->columns), m1 = first(run->columns - LANES);                           \
        (void)m1;                                                                                  \
        EACH##mr(RUN_STORE_##nv)                                                                   \
      }                                                                                            \
      if (ahead >= run->ahead_end)                                                                 \
        asks = 0;                                                                                  \
    }                                                                                              \
    run->ahead = ahead;                                                                            \
  }

typedef void Rgemm(Run *run, size_t first_pixel, int tiles, int asks);

/* As few tiles as can be, of as equal a size as can be; tiles: [mr + 1] by their pixels. */
static inline void
rgemm_run(Run *run, Rgemm *const *tiles, int mr, int pixels)
{
  if (pixels <= 0)
    return;
  if (pixels <= mr) { /* short runs are frequent, divisions slow */
    tiles[pixels](run, 0, 1, run_asks(run, 1));
    return;
  }
  int n = (pixels + mr - 1) / mr, size = pixels / n, larger = pixels - n * size;
  if (larger > 0)
    tiles[size + 1](run, 0, larger, run_asks(run, n));
  tiles[size](run, (size_t)larger * (size_t)(size + 1), n - larger, run_asks(run, n));
}
