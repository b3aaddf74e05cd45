/* deltacnn: matrix kernels in AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * igemm: 12 pixels x 32 channels; 24 of the 32 registers are sums.
 *
 * dgemm: 4 pixels x 64 channels; 16 registers are sums.  Finding a changed channel, four broadcasts
 * and four loads of weights then hide behind 16 FMAs; with 32 channels they do not.  With 8 pixels
 * the union of what changed is so much larger that on video 4 are as fast or faster. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>

#define MR    12
#define DR    4
#define NR    32
#define LANES 16
typedef __m512 Vector;
typedef __mmask16 Mask;

#define load_aligned _mm512_load_ps
#define load         _mm512_loadu_ps
#define store        _mm512_storeu_ps
#define zero         _mm512_setzero_ps
#define broadcast(p) _mm512_set1_ps(*(p))
#define splat        _mm512_set1_ps
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, low, high) _mm512_max_ps(low, _mm512_min_ps(high, v))

/* As assembly, because compilers given the intrinsic rename sums between registers in the inner
 * loop, copy them back there, and fold the broadcast into two FMAs. */
#define FMA(c, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(x), "v"(b))

static inline Mask
first(int n)
{
  return n >= LANES ? 0xffff : n <= 0 ? 0 : (Mask)((1u << n) - 1);
}

static inline Vector
load_first(const float *p, Mask m)
{
  return _mm512_maskz_loadu_ps(m, p);
}

static inline void
store_first(float *p, Mask m, Vector v)
{
  _mm512_mask_storeu_ps(p, m, v);
}

#define PLUS  _mm512_add_ps
#define MINUS _mm512_sub_ps

static inline Vector
load_halves(const uint16_t *p)
{
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline Vector
load_halves_first(const uint16_t *p, Mask m)
{
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, p));
}

static inline Vector
load_bytes(const uint8_t *p)
{
  __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}

static inline Vector
load_bytes_first(const uint8_t *p, Mask m)
{
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(m, p)));
}

#define load_row_first load_first

#include "kernels/gemm-template.h"
#include "kernels/rgemm-template.h"
#define WGEMM_REGISTERS 32
#include "kernels/wgemm-template.h"
#include "kernels/pgemm-template.h"
#define GEMV_ROWS    8
#define GEMV_VECTORS 2
#define GEMV_ASK(p)  (void)(p)
#include "kernels/gemv-template.h"

// clang-format off
DEFINE_IGEMM(12, 2) DEFINE_IGEMM(11, 2) DEFINE_IGEMM(10, 2) DEFINE_IGEMM(9, 2) DEFINE_IGEMM(8, 2) DEFINE_IGEMM(7, 2)
DEFINE_IGEMM(6, 2) DEFINE_IGEMM(5, 2) DEFINE_IGEMM(4, 2) DEFINE_IGEMM(3, 2) DEFINE_IGEMM(2, 2) DEFINE_IGEMM(1, 2)
DEFINE_IGEMM(12, 1) DEFINE_IGEMM(8, 1) DEFINE_IGEMM(6, 1) DEFINE_IGEMM(4, 1) DEFINE_IGEMM(2, 1) DEFINE_IGEMM(1, 1)
DEFINE_DGEMM(4, 4) DEFINE_DGEMM(3, 4) DEFINE_DGEMM(2, 4) DEFINE_DGEMM(1, 4)
DEFINE_DGEMM(4, 3) DEFINE_DGEMM(2, 3) DEFINE_DGEMM(1, 3)
DEFINE_DGEMM(4, 2) DEFINE_DGEMM(2, 2) DEFINE_DGEMM(1, 2)
DEFINE_DGEMM(4, 1) DEFINE_DGEMM(2, 1) DEFINE_DGEMM(1, 1)
DEFINE_RGEMM(12, 2) DEFINE_RGEMM(11, 2) DEFINE_RGEMM(10, 2) DEFINE_RGEMM(9, 2) DEFINE_RGEMM(8, 2) DEFINE_RGEMM(7, 2)
DEFINE_RGEMM(6, 2) DEFINE_RGEMM(5, 2) DEFINE_RGEMM(4, 2) DEFINE_RGEMM(3, 2) DEFINE_RGEMM(2, 2) DEFINE_RGEMM(1, 2)
DEFINE_RGEMM(12, 1) DEFINE_RGEMM(11, 1) DEFINE_RGEMM(10, 1) DEFINE_RGEMM(9, 1) DEFINE_RGEMM(8, 1) DEFINE_RGEMM(7, 1)
DEFINE_RGEMM(6, 1) DEFINE_RGEMM(5, 1) DEFINE_RGEMM(4, 1) DEFINE_RGEMM(3, 1) DEFINE_RGEMM(2, 1) DEFINE_RGEMM(1, 1)
DEFINE_WGEMM(4) DEFINE_WGEMM(3) DEFINE_WGEMM(2) DEFINE_WGEMM(1)
DEFINE_PGEMM(12, 2) DEFINE_PGEMM(11, 2) DEFINE_PGEMM(10, 2) DEFINE_PGEMM(9, 2) DEFINE_PGEMM(8, 2) DEFINE_PGEMM(7, 2) DEFINE_PGEMM(6, 2) DEFINE_PGEMM(5, 2) DEFINE_PGEMM(4, 2) DEFINE_PGEMM(3, 2) DEFINE_PGEMM(2, 2) DEFINE_PGEMM(1, 2)
DEFINE_PGEMM(12, 1) DEFINE_PGEMM(11, 1) DEFINE_PGEMM(10, 1) DEFINE_PGEMM(9, 1) DEFINE_PGEMM(8, 1) DEFINE_PGEMM(7, 1) DEFINE_PGEMM(6, 1) DEFINE_PGEMM(5, 1) DEFINE_PGEMM(4, 1) DEFINE_PGEMM(3, 1) DEFINE_PGEMM(2, 1) DEFINE_PGEMM(1, 1)
    // clang-format on

    typedef __typeof__(igemm_12_2) Igemm;
typedef __typeof__(dgemm_4_4) Dgemm;

void
dcn_f32_igemm_12x32__avx512(const float *const *a, int taps, int channels, const float *w,
                            const float *ahead, const float *init, float lo, float hi, float *out,
                            size_t ldo, int pixels, int columns)
{
  static Igemm *const tiles[2][MR + 1] = {
      {NULL, igemm_1_1, igemm_2_1, igemm_4_1, igemm_4_1, igemm_6_1, igemm_6_1, igemm_8_1, igemm_8_1,
       igemm_12_1, igemm_12_1, igemm_12_1, igemm_12_1},
      {NULL, igemm_1_2, igemm_2_2, igemm_3_2, igemm_4_2, igemm_5_2, igemm_6_2, igemm_7_2, igemm_8_2,
       igemm_9_2, igemm_10_2, igemm_11_2, igemm_12_2}};
  if (pixels > 0)
    tiles[columns > LANES][pixels](a, taps, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                                   columns);
}

#define KEPT        8 /* input channels */
#define KEPT_PIXELS 8

/* One tap of 8 channels to at most 16, by tiles of 8 pixels: the weights stay in registers for the whole run, and FMAs
 * broadcast their inputs themselves, a load each.  Returns how many pixels it has done. */
static int
rgemm_kept(const Run *run, int pixels)
{
  Vector w[KEPT], start = run->init ? load(run->init) : zero();
  Vector low = splat(run->lo), high = splat(run->hi);
  Mask m = first(run->columns);
  DCN_UNROLL for (int k = 0; k < KEPT; k++) w[k] = load_aligned(run->w + k * NR);
  const float *x = run->a[0];
  float *out = run->out;
  const size_t step = run->step, ldo = run->ldo;
  int done = 0;
  for (; done + KEPT_PIXELS <= pixels; done += KEPT_PIXELS) {
    Vector c[KEPT_PIXELS];
    DCN_UNROLL for (int i = 0; i < KEPT_PIXELS; i++) c[i] = start;
    DCN_UNROLL for (int k = 0; k < KEPT; k++)
    {
      DCN_UNROLL for (int i = 0; i < KEPT_PIXELS; i++) c[i] =
          _mm512_fmadd_ps(_mm512_set1_ps(x[(size_t)i * step + (size_t)k]), w[k], c[i]);
    }
    DCN_UNROLL for (int i = 0; i < KEPT_PIXELS; i++)
    {
      Vector y = clamp(c[i], low, high);
      if (m == 0xffff) /* masks cost more than their work on some CPUs */
        store(out + (size_t)i * ldo, y);
      else
        store_first(out + (size_t)i * ldo, m, y);
    }
    x += KEPT_PIXELS * step, out += KEPT_PIXELS * ldo;
  }
  return done;
}

void
dcn_f32_rgemm_12x32__avx512(const float *const *a, int taps, size_t step, int channels,
                            const float *w, const float *ahead, const float *init, float lo,
                            float hi, float *out, size_t ldo, int pixels, int columns)
{
  static Rgemm *const narrow[] = {NULL,       rgemm_1_1,  rgemm_2_1, rgemm_3_1, rgemm_4_1,
                                  rgemm_5_1,  rgemm_6_1,  rgemm_7_1, rgemm_8_1, rgemm_9_1,
                                  rgemm_10_1, rgemm_11_1, rgemm_12_1};
  static Rgemm *const wide[] = {NULL,       rgemm_1_2,  rgemm_2_2, rgemm_3_2, rgemm_4_2,
                                rgemm_5_2,  rgemm_6_2,  rgemm_7_2, rgemm_8_2, rgemm_9_2,
                                rgemm_10_2, rgemm_11_2, rgemm_12_2};
  Run run = {a, step, ldo, taps, channels, w, init, lo, hi, out, columns, NULL, NULL};
  run_ahead(&run, ahead, pixels);
  if (columns <= LANES / 2 && taps > 1)
    dcn_f32_rgemm_24x8__avx512(a, taps, step, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                               columns);
  else if (columns <= LANES / 2)
    dcn_f32_rgemm_12x8__avx512(a, taps, step, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                               columns);
  else if (columns > LANES)
    rgemm_run(&run, wide, 12, pixels);
  else if (taps == 1 && channels == KEPT && pixels >= KEPT_PIXELS) {
    int done = rgemm_kept(&run, pixels);
    const float *rest = a[0] + (size_t)done * step;
    run.a = &rest;
    run.out += (size_t)done * ldo;
    rgemm_run(&run, narrow, 12, pixels - done);
  } else
    rgemm_run(&run, narrow, 12, pixels);
}

void
dcn_f32_dgemm_4x64__avx512(const float *const *d, const uint64_t *mask, int taps, int words,
                           int channels, const float *w, size_t next, float *const *out, int pixels,
                           int columns)
{
  static Dgemm *const tiles[4][DR + 1] = {{NULL, dgemm_1_1, dgemm_2_1, dgemm_4_1, dgemm_4_1},
                                          {NULL, dgemm_1_2, dgemm_2_2, dgemm_4_2, dgemm_4_2},
                                          {NULL, dgemm_1_3, dgemm_2_3, dgemm_4_3, dgemm_4_3},
                                          {NULL, dgemm_1_4, dgemm_2_4, dgemm_3_4, dgemm_4_4}};
  if (pixels > 0 && columns > 0)
    tiles[(columns - 1) / LANES][pixels](d, mask, taps, words, channels, w, next, out, pixels,
                                         columns);
}

void
dcn_f32_wgemm_64c__avx512(const float *const *d, const DcnTap *taps, int count, int channels,
                          const float *w, size_t next, float *const *out, int columns)
{
  static Wgemm *const vectors[] = {NULL, wgemm_1, wgemm_2, wgemm_3, wgemm_4};
  wgemm_run(vectors, d, taps, count, channels, w, next, out, columns);
}

void
dcn_f32_pgemm_12x32__avx512(const float *d, const DcnPatch *patch, float *const *out, size_t at,
                            int pixels, int columns, const float *const *ask, int asks)
{
  static Pgemm *const tiles[2][MR + 1] = {
      {NULL, pgemm_1_1, pgemm_2_1, pgemm_3_1, pgemm_4_1, pgemm_5_1, pgemm_6_1, pgemm_7_1, pgemm_8_1,
       pgemm_9_1, pgemm_10_1, pgemm_11_1, pgemm_12_1},
      {NULL, pgemm_1_2, pgemm_2_2, pgemm_3_2, pgemm_4_2, pgemm_5_2, pgemm_6_2, pgemm_7_2, pgemm_8_2,
       pgemm_9_2, pgemm_10_2, pgemm_11_2, pgemm_12_2}};
  pgemm_run(tiles[columns > LANES], MR, d, patch, out, at, pixels, columns, ask, asks);
}

void
dcn_f32_gemv_8r__avx512(const uint32_t *index, const float *x, int count, const float *w,
                        size_t ldw, float *y, int columns)
{
  gemv_floats(index, x, count, w, ldw, y, columns);
}

void
dcn_f16_gemv_8r__avx512(const uint32_t *index, const float *x, int count, const uint16_t *w,
                        size_t ldw, float *y, int columns)
{
  gemv_halves(index, x, count, w, ldw, y, columns);
}

void
dcn_u8_gemv_8r__avx512(const uint32_t *index, const float *x, int count, const uint8_t *w,
                       size_t ldw, const float *zeros, const float *scales, float *y, int columns)
{
  gemv_bytes(index, x, count, w, ldw, zeros, scales, y, columns);
}
