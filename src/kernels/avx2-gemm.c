/* deltacnn: matrix kernels in AVX2 with FMA.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * igemm: 6 pixels x 16 channels; 12 of the 16 registers are sums, two hold weights, one a
 * broadcast input.
 *
 * dgemm: 3 pixels x 32 channels, 12 sums too; three registers hold inputs, one weights.  With 4 x 16, whose 8 sums are the
 * fewest that hide an FMA's latency and with it only where that is 4 cycles, finding a changed channel takes more than
 * the FMAs leave room for. */
#include "kernels/avx2.h"
#include "kernels/avx2-tail.h"
#include "kernels/unroll.h"

#define MR    6
#define DR    3
#define NR    16
#define LANES 8
typedef __m256 Vector;
typedef __m256i Mask;

#define load_aligned _mm256_load_ps
#define load         _mm256_loadu_ps
#define store        _mm256_storeu_ps
#define zero         _mm256_setzero_ps
#define broadcast(p) _mm256_broadcast_ss(p)
#define splat        _mm256_set1_ps
/* v second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
#define clamp(v, low, high) _mm256_max_ps(low, _mm256_min_ps(high, v))
#define first               dcn_first_lanes

/* As assembly, because compilers given the intrinsic rename sums between registers in the inner
 * loop and copy them back there. */
#define FMA(c, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+x"(c) : "x"(x), "x"(b))

static inline Vector
load_first(const float *p, Mask m)
{
  return _mm256_maskload_ps(p, m);
}

static inline void
store_first(float *p, Mask m, Vector v)
{
  _mm256_maskstore_ps(p, m, v);
}

#define PLUS  _mm256_add_ps
#define MINUS _mm256_sub_ps

static inline Vector
load_halves(const uint16_t *p)
{
  return _mm256_cvtph_ps(_mm_load_si128((const __m128i *)(const void *)p));
}

static inline Vector
load_bytes(const uint8_t *p)
{
  __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)p);
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

#define load_row_first load_first
/* Eight can be read. */
#define load_halves_first(p, m) load_halves(p)
#define load_bytes_first(p, m)  load_bytes(p)

#define DGEMM_CHANNEL CHANNEL_BY_COLUMNS

#include "kernels/gemm-template.h"
#include "kernels/rgemm-template.h"
#define WGEMM_REGISTERS 16
#include "kernels/wgemm-template.h"
#include "kernels/pgemm-template.h"
#define GEMV_ROWS    8
#define GEMV_VECTORS 2
#define GEMV_ASK(p)  (void)(p)
#include "kernels/gemv-template.h"

// clang-format off
DEFINE_IGEMM(6, 2) DEFINE_IGEMM(5, 2) DEFINE_IGEMM(4, 2) DEFINE_IGEMM(3, 2) DEFINE_IGEMM(2, 2) DEFINE_IGEMM(1, 2)
DEFINE_IGEMM(6, 1) DEFINE_IGEMM(4, 1) DEFINE_IGEMM(2, 1) DEFINE_IGEMM(1, 1)
DEFINE_DGEMM(3, 4) DEFINE_DGEMM(2, 4) DEFINE_DGEMM(1, 4) DEFINE_DGEMM(3, 3) DEFINE_DGEMM(2, 3) DEFINE_DGEMM(1, 3)
DEFINE_DGEMM(3, 2) DEFINE_DGEMM(2, 2) DEFINE_DGEMM(1, 2) DEFINE_DGEMM(3, 1) DEFINE_DGEMM(2, 1) DEFINE_DGEMM(1, 1)
DEFINE_RGEMM(6, 2) DEFINE_RGEMM(5, 2) DEFINE_RGEMM(4, 2) DEFINE_RGEMM(3, 2) DEFINE_RGEMM(2, 2) DEFINE_RGEMM(1, 2)
DEFINE_RGEMM(12, 1) DEFINE_RGEMM(11, 1) DEFINE_RGEMM(10, 1) DEFINE_RGEMM(9, 1) DEFINE_RGEMM(8, 1) DEFINE_RGEMM(7, 1)
DEFINE_RGEMM(6, 1) DEFINE_RGEMM(5, 1) DEFINE_RGEMM(4, 1) DEFINE_RGEMM(3, 1) DEFINE_RGEMM(2, 1) DEFINE_RGEMM(1, 1)
DEFINE_WGEMM(2) DEFINE_WGEMM(1)
DEFINE_PGEMM(6, 2) DEFINE_PGEMM(5, 2) DEFINE_PGEMM(4, 2) DEFINE_PGEMM(3, 2) DEFINE_PGEMM(2, 2) DEFINE_PGEMM(1, 2)
DEFINE_PGEMM(6, 1) DEFINE_PGEMM(5, 1) DEFINE_PGEMM(4, 1) DEFINE_PGEMM(3, 1) DEFINE_PGEMM(2, 1) DEFINE_PGEMM(1, 1)
    // clang-format on

    typedef __typeof__(igemm_6_2) Igemm;
typedef __typeof__(dgemm_3_4) Dgemm;

void
dcn_f32_igemm_6x16__avx2(const float *const *a, int taps, int channels, const float *w,
                         const float *ahead, const float *init, float lo, float hi, float *out,
                         size_t ldo, int pixels, int columns)
{
  static Igemm *const tiles[2][MR + 1] = {
      {NULL, igemm_1_1, igemm_2_1, igemm_4_1, igemm_4_1, igemm_6_1, igemm_6_1},
      {NULL, igemm_1_2, igemm_2_2, igemm_3_2, igemm_4_2, igemm_5_2, igemm_6_2}};
  if (pixels > 0)
    tiles[columns > LANES][pixels](a, taps, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                                   columns);
}

void
dcn_f32_rgemm_6x16__avx2(const float *const *a, int taps, size_t step, int channels, const float *w,
                         const float *ahead, const float *init, float lo, float hi, float *out,
                         size_t ldo, int pixels, int columns)
{
  static Rgemm *const narrow[] = {NULL,       rgemm_1_1,  rgemm_2_1, rgemm_3_1, rgemm_4_1,
                                  rgemm_5_1,  rgemm_6_1,  rgemm_7_1, rgemm_8_1, rgemm_9_1,
                                  rgemm_10_1, rgemm_11_1, rgemm_12_1};
  static Rgemm *const wide[] = {NULL,      rgemm_1_2, rgemm_2_2, rgemm_3_2,
                                rgemm_4_2, rgemm_5_2, rgemm_6_2};
  Run run = {a, step, ldo, taps, channels, w, init, lo, hi, out, columns, NULL, NULL};
  run_ahead(&run, ahead, pixels);
  if (columns > LANES)
    rgemm_run(&run, wide, 6, pixels);
  else
    rgemm_run(&run, narrow, 12, pixels);
}

void
dcn_f32_dgemm_3x32__avx2(const float *const *d, const uint64_t *mask, int taps, int words,
                         int channels, const float *w, size_t next, float *const *out, int pixels,
                         int columns)
{
  static Dgemm *const tiles[4][DR + 1] = {{NULL, dgemm_1_1, dgemm_2_1, dgemm_3_1},
                                          {NULL, dgemm_1_2, dgemm_2_2, dgemm_3_2},
                                          {NULL, dgemm_1_3, dgemm_2_3, dgemm_3_3},
                                          {NULL, dgemm_1_4, dgemm_2_4, dgemm_3_4}};
  if (pixels > 0 && columns > 0)
    tiles[(columns - 1) / LANES][pixels](d, mask, taps, words, channels, w, next, out, pixels,
                                         columns);
}

/* By 16 columns: two taps' weights of these, three channels each, are what the registers hold. */
void
dcn_f32_wgemm_16c__avx2(const float *const *d, const DcnTap *taps, int count, int channels,
                        const float *w, size_t next, float *const *out, int columns)
{
  static Wgemm *const vectors[] = {NULL, wgemm_1, wgemm_2};
  wgemm_run(vectors, d, taps, count, channels, w, next, out, MIN(columns, NR));
  if (columns <= NR)
    return;
  float *to[64] = {NULL};
  uint64_t all = 0;
  for (int t = 0; t < count; t++)
    all |= taps[t].pixels;
  for (; all; all &= all - 1)
    to[__builtin_ctzll(all)] = out[__builtin_ctzll(all)] + NR;
  wgemm_run(vectors, d, taps, count, channels, w + next, 0, to, columns - NR);
}

void
dcn_f32_pgemm_6x16__avx2(const float *d, const DcnPatch *patch, float *const *out, size_t at,
                         int pixels, int columns, const float *const *ask, int asks)
{
  static Pgemm *const tiles[2][MR + 1] = {
      {NULL, pgemm_1_1, pgemm_2_1, pgemm_3_1, pgemm_4_1, pgemm_5_1, pgemm_6_1},
      {NULL, pgemm_1_2, pgemm_2_2, pgemm_3_2, pgemm_4_2, pgemm_5_2, pgemm_6_2}};
  pgemm_run(tiles[columns > LANES], MR, d, patch, out, at, pixels, columns, ask, asks);
}

void
dcn_f32_gemv_8r__avx2(const uint32_t *index, const float *x, int count, const float *w, size_t ldw,
                      float *y, int columns)
{
  gemv_floats(index, x, count, w, ldw, y, columns);
}

void
dcn_f16_gemv_8r__avx2(const uint32_t *index, const float *x, int count, const uint16_t *w,
                      size_t ldw, float *y, int columns)
{
  gemv_halves(index, x, count, w, ldw, y, columns);
}

void
dcn_u8_gemv_8r__avx2(const uint32_t *index, const float *x, int count, const uint8_t *w, size_t ldw,
                     const float *zeros, const float *scales, float *y, int columns)
{
  gemv_bytes(index, x, count, w, ldw, zeros, scales, y, columns);
}
