/* deltacnn: rgemm for at most 8 output channels with a vector of output pixels, for CPUs with AVX-512.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of 16 channels would be half empty.  Here the lanes are 16 output pixels and each channel has sums of its
 * own: up to 3 x 8 registers of them.  For that inputs of neighbouring pixels must be neighbours: rows are taken apart
 * into planes, of which plane r holds every step-th float from r on.  Input k of pixel p is then in plane k % step at
 * p + k / step. */
#include "kernels/avx512.h"
#include "kernels/unroll.h"
#include <immintrin.h>

#define NR       32
#define LANES    16
#define COLUMNS  8
#define VECTORS  3 /* of pixels at a time */
#define STEP_MAX 6 /* floats from one pixel to the next */
#define TAPS_MAX 7
#define BEYOND   16 /* pixels of a plane after those of the vectors */
#define PLANE    (VECTORS * LANES + BEYOND)

/* As assembly for the reason given with the other ones. */
#define FMA(c, x, b) __asm__("vfmadd231ps %2, %1, %0" : "+v"(c) : "v"(x), "v"(b))

/* Lanes of the floats 0 to 15, in order and where two loads were blended: even lanes first, then the odd ones. */
#define STRAIGHT(i) (i)
#define BLENDED(i)  ((i) < 8 ? 2 * (i) : 2 * (i)-15)

/* Lanes of floats q, q + 3, ... of 16. */
#define LANE(at, i) (1 << at(i))
#define THIRDS_0(at)                                                                               \
  (LANE(at, 0) | LANE(at, 3) | LANE(at, 6) | LANE(at, 9) | LANE(at, 12) | LANE(at, 15))
#define THIRDS_1(at) (LANE(at, 1) | LANE(at, 4) | LANE(at, 7) | LANE(at, 10) | LANE(at, 13))
#define THIRDS_2(at) (LANE(at, 2) | LANE(at, 5) | LANE(at, 8) | LANE(at, 11) | LANE(at, 14))

/* Lanes that hold the floats r, r + s, ... of 16 x s. */
#define ORDER(at, s, r)                                                                            \
  _mm512_setr_epi32(at((r) % 16), at((s + r) % 16), at((2 * s + r) % 16), at((3 * s + r) % 16),    \
                    at((4 * s + r) % 16), at((5 * s + r) % 16), at((6 * s + r) % 16),              \
                    at((7 * s + r) % 16), at((8 * s + r) % 16), at((9 * s + r) % 16),              \
                    at((10 * s + r) % 16), at((11 * s + r) % 16), at((12 * s + r) % 16),           \
                    at((13 * s + r) % 16), at((14 * s + r) % 16), at((15 * s + r) % 16))

/* Every third of 48 floats, to three planes. */
#define TAKE_THIRDS(at, v0, v1, v2, planes, apart)                                                 \
  {                                                                                                \
    __m512 third = _mm512_mask_blend_ps(THIRDS_2(at), v0, v1);                                     \
    third = _mm512_mask_blend_ps(THIRDS_1(at), third, v2);                                         \
    _mm512_storeu_ps(planes, _mm512_permutexvar_ps(ORDER(at, 3, 0), third));                       \
    third = _mm512_mask_blend_ps(THIRDS_0(at), v0, v1);                                            \
    third = _mm512_mask_blend_ps(THIRDS_2(at), third, v2);                                         \
    _mm512_storeu_ps((planes) + (apart), _mm512_permutexvar_ps(ORDER(at, 3, 1), third));           \
    third = _mm512_mask_blend_ps(THIRDS_1(at), v0, v1);                                            \
    third = _mm512_mask_blend_ps(THIRDS_0(at), third, v2);                                         \
    _mm512_storeu_ps((planes) + 2 * (apart), _mm512_permutexvar_ps(ORDER(at, 3, 2), third));       \
  }

/* Every second of 32 floats, as BLENDED has them. */
static inline __m512
even(const float *row)
{
  return _mm512_mask_loadu_ps(_mm512_loadu_ps(row), 0xaaaa, row + 15);
}

/* 16 pixels of a row to planes that are `apart` floats apart. */
DCN_TEMPLATE void
take_apart(const float *row, int step, float *planes, size_t apart)
{
  if (step == 6) {
    __m512 v0 = even(row), v1 = even(row + 32), v2 = even(row + 64);
    TAKE_THIRDS(BLENDED, v0, v1, v2, planes, 2 * apart)
    v0 = even(row + 1), v1 = even(row + 33), v2 = even(row + 65);
    TAKE_THIRDS(BLENDED, v0, v1, v2, planes + apart, 2 * apart)
  } else if (step == 3) {
    __m512 v0 = _mm512_loadu_ps(row), v1 = _mm512_loadu_ps(row + 16),
           v2 = _mm512_loadu_ps(row + 32);
    TAKE_THIRDS(STRAIGHT, v0, v1, v2, planes, apart)
  } else {
    _mm512_storeu_ps(planes, _mm512_permutexvar_ps(ORDER(BLENDED, 1, 0), even(row)));
    _mm512_storeu_ps(planes + apart, _mm512_permutexvar_ps(ORDER(BLENDED, 1, 0), even(row + 1)));
  }
}

typedef struct {
  const float *planes[TAPS_MAX]; /* plane 0 of each row */
  size_t apart;                  /* from one plane to the next */
  size_t step, ldo;
  int taps, channels;
  const float *w, *init;
  float lo, hi;
  float *out; /* of the first pixel in the planes */
  int columns;
} Run;

/* The upper half, for a masked store.  Compilers would make one VEXTRACTF32X8 to memory of both, which faults for masked
 * lanes too. */
static inline __m256
upper(__m512 v)
{
  __m256 half = _mm512_extractf32x8_ps(v, 1);
  __asm__("" : "+v"(half));
  return half;
}

/* 16 pixels of 8 channels each. */
DCN_TEMPLATE void
store_pixels(const Run *run, __m512 *c, float *out)
{
  __m512 low = _mm512_set1_ps(run->lo), high = _mm512_set1_ps(run->hi), t[COLUMNS];
  /* c second: it is what VMINPS and VMAXPS return for a NaN or equal zeros. */
  DCN_UNROLL for (int j = 0; j < COLUMNS; j++) c[j] = _mm512_max_ps(low, _mm512_min_ps(high, c[j]));
  DCN_UNROLL for (int j = 0; j < COLUMNS; j += 4)
  {
    __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(c[j], c[j + 1]));
    __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(c[j], c[j + 1]));
    __m512d d = _mm512_castps_pd(_mm512_unpacklo_ps(c[j + 2], c[j + 3]));
    __m512d e = _mm512_castps_pd(_mm512_unpackhi_ps(c[j + 2], c[j + 3]));
    /* t[j + i]: channels j to j + 3 of pixels i, 4 + i, 8 + i, 12 + i */
    t[j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, d));
    t[j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, d));
    t[j + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, e));
    t[j + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, e));
  }
  size_t ldo = run->ldo;
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                last = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  DCN_UNROLL for (int i = 0; i < 4; i++)
  {
    __m512d a = _mm512_castps_pd(t[i]), b = _mm512_castps_pd(t[4 + i]);
    __m512 f = _mm512_castpd_ps(_mm512_permutex2var_pd(a, first, b));
    __m512 l = _mm512_castpd_ps(_mm512_permutex2var_pd(a, last, b));
    float *p = out + (size_t)i * ldo;
    if (run->columns == COLUMNS) {
      _mm256_storeu_ps(p, _mm512_castps512_ps256(f));
      _mm256_storeu_ps(p + 4 * ldo, _mm512_extractf32x8_ps(f, 1));
      _mm256_storeu_ps(p + 8 * ldo, _mm512_castps512_ps256(l));
      _mm256_storeu_ps(p + 12 * ldo, _mm512_extractf32x8_ps(l, 1));
    } else {
      __mmask8 m = (__mmask8)((1u << run->columns) - 1);
      _mm256_mask_storeu_ps(p, m, _mm512_castps512_ps256(f));
      _mm256_mask_storeu_ps(p + 4 * ldo, m, upper(f));
      _mm256_mask_storeu_ps(p + 8 * ldo, m, _mm512_castps512_ps256(l));
      _mm256_mask_storeu_ps(p + 12 * ldo, m, upper(l));
    }
  }
}

/* Vectors of pixels from at[0], at[1], ... in the planes on. */
DCN_TEMPLATE void
multiply(const Run *run, const int *at, int vectors)
{
  __m512 c[VECTORS][COLUMNS];
  DCN_UNROLL for (int j = 0; j < COLUMNS; j++)
  {
    __m512 start = run->init ? _mm512_set1_ps(run->init[j]) : _mm512_setzero_ps();
    c[0][j] = c[1][j] = c[2][j] = start;
  }
  const float *w = run->w;
  for (int t = 0; t < run->taps; t++) {
    const float *pixels = run->planes[t];
    for (int k = run->channels; k > 0; pixels++) {
      const float *x0 = pixels + at[0], *x1 = pixels + at[vectors > 1],
                  *x2 = pixels + at[vectors > 2 ? 2 : 0];
      for (int r = 0, n = MIN((int)run->step, k); r < n; r++, k--, w += NR) {
        __m512 v0 = _mm512_loadu_ps(x0), v1 = _mm512_loadu_ps(x1), v2 = _mm512_loadu_ps(x2);
        DCN_UNROLL for (int j = 0; j < COLUMNS; j++)
        {
          __m512 b = _mm512_set1_ps(w[j]);
          FMA(c[0][j], v0, b);
          if (vectors > 1)
            FMA(c[1][j], v1, b);
          if (vectors > 2)
            FMA(c[2][j], v2, b);
        }
        x0 += run->apart, x1 += run->apart, x2 += run->apart;
      }
    }
  }
  store_pixels(run, c[0], run->out + (size_t)at[0] * run->ldo);
  if (vectors > 1)
    store_pixels(run, c[1], run->out + (size_t)at[1] * run->ldo);
  if (vectors > 2)
    store_pixels(run, c[2], run->out + (size_t)at[2] * run->ldo);
}

static __attribute__((noinline)) void
multiply_1(const Run *run, const int *at)
{
  multiply(run, at, 1);
}

static __attribute__((noinline)) void
multiply_2(const Run *run, const int *at)
{
  multiply(run, at, 2);
}

static __attribute__((noinline)) void
multiply_3(const Run *run, const int *at)
{
  multiply(run, at, 3);
}

/* All rows under the pixels of `vectors` vectors, and `beyond` floats after the last step. */
DCN_TEMPLATE void
take_rows(const float *const *a, size_t first, int step, int taps, const int *at, int vectors,
          int beyond, float *planes)
{
  for (int t = 0; t < taps; t++, planes += (size_t)step * PLANE) {
    const float *row = a[t] + first * (size_t)step;
    int pixels = at[vectors - 1] + LANES;
    for (int k = 0; k < beyond; k++)
      planes[(k % step) * PLANE + pixels + k / step] = row[pixels * step + k];
    for (int v = 0; v < vectors; v++)
      take_apart(row + at[v] * step, step, planes + at[v], PLANE);
  }
}

void
dcn_f32_rgemm_48x8__avx512(const float *const *a, int taps, size_t step, int channels,
                           const float *w, const float *ahead, const float *init, float lo,
                           float hi, float *out, size_t ldo, int pixels, int columns)
{
  /* With fewer channels than the step some of the floats that would be taken apart may lie outside of the rows. */
  if (pixels < LANES || taps > TAPS_MAX || channels < (int)step || channels > (int)step * BEYOND ||
      !(step == 1 || step == 2 || step == 3 || step == 6)) {
    dcn_f32_rgemm_12x8__avx512(a, taps, step, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                               columns);
    return;
  }
  float planes[TAPS_MAX * STEP_MAX * PLANE] __attribute__((aligned(64)));
  Run run = {{NULL}, PLANE, step, ldo, taps, channels, w, init, lo, hi, out, columns};
  int vectors = (pixels + LANES - 1) / LANES, calls = (vectors + VECTORS - 1) / VECTORS;
  for (int call = 0, done = 0; call < calls; call++) {
    /* As many as there are still calls for. */
    int n = (vectors - done + calls - call - 1) / (calls - call);
    /* The last vector ends with the last pixel and does others once more. */
    int begin = MIN(done * LANES, pixels - LANES), at[VECTORS];
    for (int v = 0; v < n; v++)
      at[v] = MIN((done + v) * LANES, pixels - LANES) - begin;
    done += n;
    run.out = out + (size_t)begin * ldo;
    for (int t = 0; t < taps; t++)
      run.planes[t] = step == 1 ? a[t] + begin : planes + (size_t)t * step * PLANE;
    if (step == 6)
      take_rows(a, (size_t)begin, 6, taps, at, n, channels - 6, planes);
    else if (step == 3)
      take_rows(a, (size_t)begin, 3, taps, at, n, channels - 3, planes);
    else if (step == 2)
      take_rows(a, (size_t)begin, 2, taps, at, n, channels - 2, planes);
    if (n == 3)
      multiply_3(&run, at);
    else if (n == 2)
      multiply_2(&run, at);
    else
      multiply_1(&run, at);
  }
}
