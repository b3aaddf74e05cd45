/* deltacnn: the NEON table, for AArch64.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The matrix kernels and depthwise gain from FMA instructions, which portable C must not use; the
 * rest is the portable form, whose vectors are NEON's here.  Passes the kernels' tests under
 * qemu-user; its speed was never measured.
 *
 * igemm: 8 pixels x 8 channels, 16 of the 32 registers are sums.  dgemm: 4 pixels x 8 channels. */
#include "kernels/portable.h"
#include "kernels/unroll.h"
#include <arm_neon.h>
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
#define broadcast    vld1q_dup_f32
#define FMA(c, x, b) (c) = vfmaq_f32(c, x, b)

static inline Mask
first(int n)
{
  return n < 0 ? 0 : n > LANES ? LANES : n;
}

static inline Vector
load_first(const float *p, Mask n)
{
  float lanes[LANES] = {0};
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

#include "kernels/gemm-template.h"

// clang-format off
DEFINE_IGEMM(8, 2) DEFINE_IGEMM(4, 2) DEFINE_IGEMM(2, 2) DEFINE_IGEMM(1, 2)
DEFINE_IGEMM(8, 1) DEFINE_IGEMM(4, 1) DEFINE_IGEMM(2, 1) DEFINE_IGEMM(1, 1)
DEFINE_DGEMM(4, 2) DEFINE_DGEMM(2, 2) DEFINE_DGEMM(1, 2)
DEFINE_DGEMM(4, 1) DEFINE_DGEMM(2, 1) DEFINE_DGEMM(1, 1)
    // clang-format on

    static void dcn_f32_igemm_8x8__neon(const float *const *a, int taps, int channels,
                                        const float *w, const float *init, float *out, size_t ldo,
                                        int pixels, int columns)
{
  if (pixels > 4)
    RUN_IGEMM(8);
  else if (pixels > 2)
    RUN_IGEMM(4);
  else if (pixels > 1)
    RUN_IGEMM(2);
  else if (pixels == 1)
    RUN_IGEMM(1);
}

static void
dcn_f32_dgemm_4x8__neon(const float *const *d, const uint64_t *mask, int taps, int words,
                        int channels, const float *w, float *const *out, int pixels, int columns)
{
  if (pixels > 2)
    RUN_DGEMM(4);
  else if (pixels > 1)
    RUN_DGEMM(2);
  else if (pixels == 1)
    RUN_DGEMM(1);
}

static void
dcn_f32_depthwise_8c__neon(const float *const *a, int taps, const float *w, size_t ldw,
                           const float *bias, float *out, int channels)
{
  int k = 0;
  for (; k + 8 <= channels; k += 8) {
    Vector s0 = bias ? load(bias + k) : zero(), s1 = bias ? load(bias + k + 4) : zero();
    for (int t = 0; t < taps; t++) {
      const float *at = a[t] + k, *wt = w + (size_t)t * ldw + k;
      s0 = vfmaq_f32(s0, load(at), load(wt));
      s1 = vfmaq_f32(s1, load(at + 4), load(wt + 4));
    }
    vst1q_f32(out + k, s0);
    vst1q_f32(out + k + 4, s1);
  }
  for (; k < channels; k += 4) {
    Mask n = first(channels - k);
    Vector s = bias ? load_first(bias + k, n) : zero();
    for (int t = 0; t < taps; t++)
      s = vfmaq_f32(s, load_first(a[t] + k, n), load_first(w + (size_t)t * ldw + k, n));
    store_first(out + k, n, s);
  }
}

extern const DcnKernels dcn_kernels__neon;
const DcnKernels dcn_kernels__neon = {
    .isa = "neon",
    .mr = MR,
    .nr = NR,
    .dr = DR,
    .igemm = dcn_f32_igemm_8x8__neon,
    .dgemm = dcn_f32_dgemm_4x8__neon,
    .gemv = dcn_f32_gemv_4r__portable,
    .depthwise = dcn_f32_depthwise_8c__neon,
    .max_pool = dcn_f32_max_pool_4c__portable,
    .sum_pool = dcn_f32_sum_pool_4c__portable,
    .bias_clamp = dcn_f32_bias_clamp__portable,
    .add = dcn_f32_add__portable,
    .mul = dcn_f32_mul__portable,
    .diff = dcn_f32_diff__portable,
};
