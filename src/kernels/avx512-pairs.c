/* deltacnn: rgemm of several taps for at most 8 output channels, for CPUs with AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of 16 channels would be half empty.  Here a vector is 8 channels' sums of even inputs and, beside each, of
 * odd ones: two neighbouring inputs are one broadcast and one FMA.  Both are added at the end, for two pixels at once.
 * Every sum runs over its inputs in ascending order, whatever the tile. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>
#include <string.h>

#define NR      32
#define COLUMNS 8
#define TILE    24 /* pixels */

/* As assembly for the reason given with the other ones. */
#define FMA(c, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(x), "v"(b))

typedef struct {
  const float *const *a;
  size_t step, ldo;
  int taps, channels;
  const float *w, *init;
  __m512 low, high;
  float *out;
  int columns;
} Run;

static inline __m512
broadcast_two(const float *x)
{
  double two;
  memcpy(&two, x, sizeof two);
  return _mm512_castpd_ps(_mm512_set1_pd(two));
}

/* The upper half, for a masked store.  Compilers would make one VEXTRACTF32X8 to memory of both, which faults for masked
 * lanes too. */
static inline __m256
upper(__m512 v)
{
  __m256 half = _mm512_extractf32x8_ps(v, 1);
  __asm__("" : "+v"(half));
  return half;
}

/* One or two pixels' sums, which lie in a's, or in a's and b's, even and odd lanes. */
DCN_TEMPLATE void
store_two(const Run *run, __m512 a, __m512 b, float *out, const gboolean both)
{
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
                odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  __m512 y = _mm512_add_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b));
  /* y second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
  y = _mm512_max_ps(run->low, _mm512_min_ps(run->high, y));
  if (run->columns == COLUMNS) { /* masks cost more than their work on some CPUs */
    _mm256_storeu_ps(out, _mm512_castps512_ps256(y));
    if (both)
      _mm256_storeu_ps(out + run->ldo, _mm512_extractf32x8_ps(y, 1));
  } else {
    __mmask8 m = (__mmask8)((1u << run->columns) - 1);
    _mm256_mask_storeu_ps(out, m, _mm512_castps512_ps256(y));
    if (both)
      _mm256_mask_storeu_ps(out + run->ldo, m, upper(y));
  }
}

/* Where pixels 0 to 8 after x lie: with these multiples of the step each is one address. */
typedef struct {
  size_t one, three, five, seven;
} Steps;

/* A compiler that knew what they are would keep 24 addresses instead. */
#define KEEP(x) __asm__("" : "+r"(x));

DCN_TEMPLATE const float *
pixel(const float *x, const Steps *s, const int i)
{
  switch (i) {
  case 0:
    return x;
  case 1:
    return x + s->one;
  case 2:
    return x + 2 * s->one;
  case 3:
    return x + s->three;
  case 4:
    return x + 4 * s->one;
  case 5:
    return x + s->five;
  case 6:
    return x + 2 * s->three;
  case 7:
    return x + s->seven;
  default:
    return x + 8 * s->one;
  }
}

/* n pixels from `first` on. */
DCN_TEMPLATE void
tile(const Run *run, size_t first, const int n)
{
  /* A channel's weight for an even input, then that for the odd one after it; `second` is what lies in the row after. */
  const __m512i two = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __mmask16 even = 0x5555;
  __m512 c[TILE], start = _mm512_setzero_ps();
  if (run->init)
    start =
        _mm512_maskz_permutexvar_ps(even, two, _mm512_castps256_ps512(_mm256_loadu_ps(run->init)));
  DCN_UNROLL for (int i = 0; i < n; i++) c[i] = start;
  const float *w = run->w;
  Steps s = {run->step, 3 * run->step, 5 * run->step, 7 * run->step};
  KEEP(s.one) KEEP(s.three) KEEP(s.five) KEEP(s.seven) for (int t = 0; t < run->taps; t++)
  {
    const float *x[3] = {run->a[t] + first * s.one};
    x[1] = x[0] + s.one + 8 * s.one;
    x[2] = x[1] + s.one + 8 * s.one;
    int k = run->channels;
    for (; k >= 2; k -= 2, w += 2 * NR) {
      __m512 b = _mm512_permutex2var_ps(_mm512_load_ps(w), two, _mm512_load_ps(w + NR));
      DCN_UNROLL for (int i = 0; i < n; i++)
      {
        __m512 v = broadcast_two(pixel(x[i / 9], &s, i % 9));
        FMA(c[i], v, b);
      }
      x[0] += 2, x[1] += 2, x[2] += 2;
      KEEP(x[0]) KEEP(x[1]) KEEP(x[2])
    }
    if (k > 0) { /* the odd lanes stay */
      __m512 b = _mm512_permutexvar_ps(two, _mm512_load_ps(w));
      DCN_UNROLL for (int i = 0; i < n; i++) c[i] =
          _mm512_mask3_fmadd_ps(_mm512_set1_ps(*pixel(x[i / 9], &s, i % 9)), b, c[i], even);
      w += NR;
    }
  }
  float *out = run->out + first * run->ldo;
  DCN_UNROLL for (int i = 0; i + 1 < n; i += 2)
      store_two(run, c[i], c[i + 1], out + (size_t)i * run->ldo, TRUE);
  if (n % 2)
    store_two(run, c[n - 1], c[n - 1], out + (size_t)(n - 1) * run->ldo, FALSE);
}

/* Tiles of n pixels; the last one ends with the last pixel and does others once more. */
#define DEFINE_TILES(n)                                                                            \
  static void tiles_##n(const Run *run, int pixels)                                                \
  {                                                                                                \
    for (int i = 0; i < pixels; i += n)                                                            \
      tile(run, (size_t)MIN(i, pixels - n), n);                                                    \
  }
DEFINE_TILES(1)
DEFINE_TILES(2)
DEFINE_TILES(4)
DEFINE_TILES(8)
DEFINE_TILES(16)
DEFINE_TILES(24)

void
dcn_f32_rgemm_24x8__avx512(const float *const *a, int taps, size_t step, int channels,
                           const float *w, const float *ahead, const float *init, float lo,
                           float hi, float *out, size_t ldo, int pixels, int columns)
{
  (void)ahead;
  const Run run = {
      a, step, ldo, taps, channels, w, init, _mm512_set1_ps(lo), _mm512_set1_ps(hi), out, columns};
  if (pixels >= 40 || pixels == 24)
    tiles_24(&run, pixels);
  else if (pixels >= 16)
    tiles_16(&run, pixels);
  else if (pixels >= 8)
    tiles_8(&run, pixels);
  else if (pixels >= 4)
    tiles_4(&run, pixels);
  else if (pixels >= 2)
    tiles_2(&run, pixels);
  else
    tiles_1(&run, pixels);
}
