/* deltacnn: the NEON table, for AArch64.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The matrix kernels, those of fully connected layers and depthwise gain from FMA instructions, which portable C must
 * not use; others are in
 * neon-vector.c and neon-image.c.  Passes the kernels' tests under qemu-user; its speed was never measured, only
 * estimated (tests/bench/RESULTS.md).
 *
 * igemm: 8 pixels x 8 channels, 16 of the 32 registers are sums, 8 hold inputs; rgemm, without lists, the same, or 12
 * pixels x 4 channels.
 * dgemm: 4 pixels x 16 channels, 16 sums too. */
#include "kernels/neon.h"
#include "kernels/unroll.h"
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#define MR    8
#define DR    4
#define NR    8
#define LANES 4
typedef float32x4_t Vector;
typedef int Mask; /* how many lanes */

#define load_aligned vld1q_f32
#define load         vld1q_f32
#define zero()       vdupq_n_f32(0)
#define store        vst1q_f32
#define broadcast    vld1q_dup_f32
#define splat        vdupq_n_f32
/* These keep a NaN. */
#define clamp(v, low, high) vmaxq_f32(low, vminq_f32(high, v))
#define FMA(c, x, b)        (c) = vfmaq_f32(c, x, b)

static inline Mask
first(int n)
{
  return n < 0 ? 0 : n > LANES ? LANES : n;
}

static inline Vector
load_first(const float *p, Mask n)
{
  float lanes[LANES] = {0};
  if (n == LANES)
    return vld1q_f32(p);
  memcpy(lanes, p, (size_t)n * sizeof(float));
  return vld1q_f32(lanes);
}

static inline void
store_first(float *p, Mask n, Vector v)
{
  float lanes[LANES];
  if (n == LANES) {
    vst1q_f32(p, v);
    return;
  }
  vst1q_f32(lanes, v);
  memcpy(p, lanes, (size_t)n * sizeof(float));
}

#define PLUS vaddq_f32

/* Four input channels of a pixel come with one load, and FMAs take them from its lanes: a load for four FMAs instead of
 * five for eight.  Small cores load one vector a cycle at most, and nothing besides then. */
#define QUAD(i)              Vector q##i = load(p##i + k);
#define QUAD_ADD(i, v, lane) c##i##_##v = vfmaq_laneq_f32(c##i##_##v, b##v, q##i, lane);
#define QUAD_ADD_10(i)       QUAD_ADD(i, 0, 0)
#define QUAD_ADD_11(i)       QUAD_ADD(i, 0, 1)
#define QUAD_ADD_12(i)       QUAD_ADD(i, 0, 2)
#define QUAD_ADD_13(i)       QUAD_ADD(i, 0, 3)
#define QUAD_ADD_20(i)       QUAD_ADD(i, 0, 0) QUAD_ADD(i, 1, 0)
#define QUAD_ADD_21(i)       QUAD_ADD(i, 0, 1) QUAD_ADD(i, 1, 1)
#define QUAD_ADD_22(i)       QUAD_ADD(i, 0, 2) QUAD_ADD(i, 1, 2)
#define QUAD_ADD_23(i)       QUAD_ADD(i, 0, 3) QUAD_ADD(i, 1, 3)
#define QUAD_LANE(mr, nv, lane)                                                                    \
  {                                                                                                \
    WEIGHTS_##nv(w + lane * NR) EACH##mr(QUAD_ADD_##nv##lane)                                      \
  }
#define QUAD_LANES(mr, nv)                                                                         \
  QUAD_LANE(mr, nv, 0) QUAD_LANE(mr, nv, 1) QUAD_LANE(mr, nv, 2) QUAD_LANE(mr, nv, 3)

/* A row of weights is half a cache line here. */
#define FOUR_CHANNELS(mr, nv)                                                                      \
  {                                                                                                \
    DCN_PREFETCH_FAR(ahead, 0);                                                                    \
    DCN_PREFETCH(w, PREFETCH_ROWS *NR);                                                            \
    DCN_PREFETCH(w, PREFETCH_ROWS *NR + 16);                                                       \
    EACH##mr(QUAD) QUAD_LANES(mr, nv) ahead += 8;                                                  \
    w += 4 * NR;                                                                                   \
    k += 4;                                                                                        \
  }

#define RUN_QUAD(i) Vector q##i = load(RUN_AT_##i(0));
#define RUN_BY_FOUR(mr, nv)                                                                        \
  for (; k >= 4; k -= 4) {                                                                         \
    RUN_ASK                                                                                        \
    EACH##mr(RUN_QUAD) QUAD_LANES(mr, nv) r0 += 4, r1 += 4, r2 += 4, r3 += 4, w += 4 * NR;         \
  }

#include "kernels/gemm-template.h"
#include "kernels/rgemm-template.h"
#define WGEMM_REGISTERS 32
#include "kernels/wgemm-template.h"
#include "kernels/pgemm-template.h"

// clang-format off
DEFINE_IGEMM(8, 2) DEFINE_IGEMM(7, 2) DEFINE_IGEMM(6, 2) DEFINE_IGEMM(5, 2)
DEFINE_IGEMM(4, 2) DEFINE_IGEMM(3, 2) DEFINE_IGEMM(2, 2) DEFINE_IGEMM(1, 2)
DEFINE_IGEMM(8, 1) DEFINE_IGEMM(4, 1) DEFINE_IGEMM(2, 1) DEFINE_IGEMM(1, 1)
DEFINE_DGEMM(4, 4) DEFINE_DGEMM(2, 4) DEFINE_DGEMM(1, 4) DEFINE_DGEMM(4, 3) DEFINE_DGEMM(2, 3) DEFINE_DGEMM(1, 3)
DEFINE_DGEMM(4, 2) DEFINE_DGEMM(2, 2) DEFINE_DGEMM(1, 2) DEFINE_DGEMM(4, 1) DEFINE_DGEMM(2, 1) DEFINE_DGEMM(1, 1)
DEFINE_RGEMM(8, 2) DEFINE_RGEMM(7, 2)
DEFINE_RGEMM(6, 2) DEFINE_RGEMM(5, 2) DEFINE_RGEMM(4, 2) DEFINE_RGEMM(3, 2) DEFINE_RGEMM(2, 2) DEFINE_RGEMM(1, 2)
DEFINE_RGEMM(12, 1) DEFINE_RGEMM(11, 1) DEFINE_RGEMM(10, 1) DEFINE_RGEMM(9, 1) DEFINE_RGEMM(8, 1) DEFINE_RGEMM(7, 1)
DEFINE_RGEMM(6, 1) DEFINE_RGEMM(5, 1) DEFINE_RGEMM(4, 1) DEFINE_RGEMM(3, 1) DEFINE_RGEMM(2, 1) DEFINE_RGEMM(1, 1)
DEFINE_WGEMM(4) DEFINE_WGEMM(3) DEFINE_WGEMM(2) DEFINE_WGEMM(1)
DEFINE_PGEMM(8, 2) DEFINE_PGEMM(7, 2) DEFINE_PGEMM(6, 2) DEFINE_PGEMM(5, 2) DEFINE_PGEMM(4, 2) DEFINE_PGEMM(3, 2) DEFINE_PGEMM(2, 2) DEFINE_PGEMM(1, 2)
DEFINE_PGEMM(8, 1) DEFINE_PGEMM(7, 1) DEFINE_PGEMM(6, 1) DEFINE_PGEMM(5, 1) DEFINE_PGEMM(4, 1) DEFINE_PGEMM(3, 1) DEFINE_PGEMM(2, 1) DEFINE_PGEMM(1, 1)
    // clang-format on

    typedef __typeof__(igemm_8_2) Igemm;
typedef __typeof__(dgemm_4_4) Dgemm;

static void
dcn_f32_igemm_8x8__neon(const float *const *a, int taps, int channels, const float *w,
                        const float *ahead, const float *init, float lo, float hi, float *out,
                        size_t ldo, int pixels, int columns)
{
  static Igemm *const tiles[2][MR + 1] = {{NULL, igemm_1_1, igemm_2_1, igemm_4_1, igemm_4_1,
                                           igemm_8_1, igemm_8_1, igemm_8_1, igemm_8_1},
                                          {NULL, igemm_1_2, igemm_2_2, igemm_3_2, igemm_4_2,
                                           igemm_5_2, igemm_6_2, igemm_7_2, igemm_8_2}};
  if (pixels > 0)
    tiles[columns > LANES][pixels](a, taps, channels, w, ahead, init, lo, hi, out, ldo, pixels,
                                   columns);
}

static void
dcn_f32_rgemm_8x8__neon(const float *const *a, int taps, size_t step, int channels, const float *w,
                        const float *ahead, const float *init, float lo, float hi, float *out,
                        size_t ldo, int pixels, int columns)
{
  static Rgemm *const narrow[] = {NULL,       rgemm_1_1,  rgemm_2_1, rgemm_3_1, rgemm_4_1,
                                  rgemm_5_1,  rgemm_6_1,  rgemm_7_1, rgemm_8_1, rgemm_9_1,
                                  rgemm_10_1, rgemm_11_1, rgemm_12_1};
  static Rgemm *const wide[] = {NULL,      rgemm_1_2, rgemm_2_2, rgemm_3_2, rgemm_4_2,
                                rgemm_5_2, rgemm_6_2, rgemm_7_2, rgemm_8_2};
  Run run = {a, step, ldo, taps, channels, w, init, lo, hi, out, columns, NULL, NULL};
  run_ahead(&run, ahead, pixels);
  if (columns > LANES)
    rgemm_run(&run, wide, 8, pixels);
  else
    rgemm_run(&run, narrow, 12, pixels);
}

static void
dcn_f32_dgemm_4x16__neon(const float *const *d, const uint64_t *mask, int taps, int words,
                         int channels, const float *w, size_t next, float *const *out, int pixels,
                         int columns)
{
  static Dgemm *const tiles[4][DR + 1] = {{NULL, dgemm_1_1, dgemm_2_1, dgemm_4_1, dgemm_4_1},
                                          {NULL, dgemm_1_2, dgemm_2_2, dgemm_4_2, dgemm_4_2},
                                          {NULL, dgemm_1_3, dgemm_2_3, dgemm_4_3, dgemm_4_3},
                                          {NULL, dgemm_1_4, dgemm_2_4, dgemm_4_4, dgemm_4_4}};
  if (pixels > 0 && columns > 0)
    tiles[(columns - 1) / LANES][pixels](d, mask, taps, words, channels, w, next, out, pixels,
                                         columns);
}

static void
dcn_f32_wgemm_16c__neon(const float *const *d, const DcnTap *taps, int count, int channels,
                        const float *w, size_t next, float *const *out, int columns)
{
  static Wgemm *const vectors[] = {NULL, wgemm_1, wgemm_2, wgemm_3, wgemm_4};
  wgemm_run(vectors, d, taps, count, channels, w, next, out, columns);
}

static void
dcn_f32_pgemm_8x8__neon(const float *d, const DcnPatch *patch, float *const *out, size_t at,
                        int pixels, int columns, const float *const *ask, int asks)
{
  static Pgemm *const tiles[2][MR + 1] = {{NULL, pgemm_1_1, pgemm_2_1, pgemm_3_1, pgemm_4_1,
                                           pgemm_5_1, pgemm_6_1, pgemm_7_1, pgemm_8_1},
                                          {NULL, pgemm_1_2, pgemm_2_2, pgemm_3_2, pgemm_4_2,
                                           pgemm_5_2, pgemm_6_2, pgemm_7_2, pgemm_8_2}};
  pgemm_run(tiles[columns > LANES], MR, d, patch, out, at, pixels, columns, ask, asks);
}

#define fma(c, x, b) vfmaq_f32(c, x, b)

#define TILE         8
#define GROUPED_ROWS 2

#include "kernels/depthwise-rows-template.h"
#include "kernels/depthwise-wide-template.h"
#include "kernels/grouped-rows-template.h"

static void
dcn_f32_depthwise_4c__neon(const float *const *a, int taps, size_t step, const float *w, size_t ldw,
                           const float *bias, float lo, float hi, float *out, size_t ldo,
                           int pixels, int channels)
{
  Depthwise d = {a, step, ldw, ldo, w, bias, out, vdupq_n_f32(lo), vdupq_n_f32(hi), taps, pixels};
  depthwise_run(&d, channels);
}

static void
dcn_f32_depthwise_rows_4c__neon(const DcnDepthwiseRows *d, int rows, int channels)
{
  rows_run(d, rows, channels);
}

static void
dcn_f32_depthwise_wide_4c__neon(const DcnDepthwiseWide *d, int channels)
{
  depthwise_wide(d, channels);
}

static void
dcn_f32_grouped_rows_4c__neon(const DcnGroupedRows *d, int channels)
{
  grouped_run(d, channels);
}

#define MADD(c, x, b) vfmaq_f32(c, x, b)

#include "kernels/winograd-template.h"
#include "kernels/points-template.h"

static void
dcn_f32_winograd_in__neon(int m, const float *const *d, float *v, size_t ldv, int channels)
{
  winograd_in(m, d, v, ldv, channels);
}

static gboolean
dcn_f32_winograd_out__neon(int m, const float *sums, const float *bias, float lo, float hi,
                           float *const *out, size_t at, int columns)
{
  return winograd_out(m, sums, bias, lo, hi, out, at, columns);
}

static void
dcn_f32_points_in__neon(const float *x, size_t step, int count, int n, float *v, size_t ldv)
{
  points_in(x, step, count, n, v, ldv);
}

static void
dcn_f32_points_out__neon(const float *values, size_t ldv, float *const *out, size_t at, int columns)
{
  points_out(values, ldv, out, at, columns);
}

#define QUOTIENT(a, b) ((a) / (b))
#define LARGEST        vmaxvq_f32
#define TOTAL(v)       vaddvq_f64(vaddq_f64(vcvt_f64_f32(vget_low_f32(v)), vcvt_high_f64_f32(v)))

#include "kernels/channels-template.h"

static void
dcn_f32_squash__neon(DcnSquash kind, const float *x, float a, float b, float *y, int n)
{
  squash(kind, x, a, b, y, n);
}

static void
dcn_f32_softmax__neon(const float *x, float *y, int n)
{
  softmax(x, y, n);
}

static void
dcn_f32_normalise__neon(const float *x, float epsilon, float *y, int n)
{
  normalise(x, epsilon, y, n);
}

static inline Vector
load_halves(const uint16_t *p)
{
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

static inline Vector
load_bytes(const uint8_t *p)
{
  uint32_t four;
  memcpy(&four, p, sizeof four);
  uint16x4_t wide = vget_low_u16(vmovl_u8(vcreate_u8(four)));
  return vcvtq_f32_u32(vmovl_u16(wide));
}

#define MINUS vsubq_f32
/* Four can be read. */
#define load_row_first(p, m)    load(p)
#define load_halves_first(p, m) load_halves(p)
#define load_bytes_first(p, m)  load_bytes(p)
#define GEMV_ROWS               4
#define GEMV_VECTORS            4
#define GEMV_ASK(p)                                                                                \
  DCN_PREFETCH(p, 64) /* each row is read once: from memory, where they are many */
#include "kernels/gemv-template.h"

static void
dcn_f32_gemv_4r__neon(const uint32_t *index, const float *x, int count, const float *w, size_t ldw,
                      float *y, int columns)
{
  gemv_floats(index, x, count, w, ldw, y, columns);
}

static void
dcn_f16_gemv_4r__neon(const uint32_t *index, const float *x, int count, const uint16_t *w,
                      size_t ldw, float *y, int columns)
{
  gemv_halves(index, x, count, w, ldw, y, columns);
}

static void
dcn_u8_gemv_4r__neon(const uint32_t *index, const float *x, int count, const uint8_t *w, size_t ldw,
                     const float *zeros, const float *scales, float *y, int columns)
{
  gemv_bytes(index, x, count, w, ldw, zeros, scales, y, columns);
}

extern const DcnKernels dcn_kernels__neon;
const DcnKernels dcn_kernels__neon = {
    .isa = "neon",
    .mr = MR,
    .nr = NR,
    .dr = DR,
    .dn = 2,
    .igemm = dcn_f32_igemm_8x8__neon,
    .rgemm = dcn_f32_rgemm_8x8__neon,
    .dgemm = dcn_f32_dgemm_4x16__neon,
    .wgemm = dcn_f32_wgemm_16c__neon,
    .pgemm = dcn_f32_pgemm_8x8__neon,
    .winograd_in = dcn_f32_winograd_in__neon,
    .winograd_out = dcn_f32_winograd_out__neon,
    .points_in = dcn_f32_points_in__neon,
    .points_out = dcn_f32_points_out__neon,
    .gemv = dcn_f32_gemv_4r__neon,
    .gemv_half = dcn_f16_gemv_4r__neon,
    .gemv_bytes = dcn_u8_gemv_4r__neon,
    .depthwise = dcn_f32_depthwise_4c__neon,
    .depthwise_rows = dcn_f32_depthwise_rows_4c__neon,
    .depthwise_wide = dcn_f32_depthwise_wide_4c__neon,
    .grouped_rows = dcn_f32_grouped_rows_4c__neon,
    .max_pool = dcn_f32_max_pool_16c__neon,
    .sum_pool = dcn_f32_sum_pool_16c__neon,
    .bias_clamp = dcn_f32_bias_clamp__neon,
    .add = dcn_f32_add__neon,
    .mul = dcn_f32_mul__neon,
    .squash = dcn_f32_squash__neon,
    .softmax = dcn_f32_softmax__neon,
    .normalise = dcn_f32_normalise__neon,
    .diff = dcn_f32_diff__neon,
    .diff_image = dcn_f32_diff_image_8p__neon,
};
