/* deltacnn: the AVX2 table (AVX2, FMA, BMI, POPCNT).
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx2.h"

extern const DcnKernels dcn_kernels__avx2;
const DcnKernels dcn_kernels__avx2 = {
    .isa = "avx2",
    .mr = 6,
    .nr = 16,
    .dr = 3,
    .dn = 2,
    .igemm = dcn_f32_igemm_6x16__avx2,
    .rgemm = dcn_f32_rgemm_6x16__avx2,
    .dgemm = dcn_f32_dgemm_3x32__avx2,
    .wgemm = dcn_f32_wgemm_16c__avx2,
    .pgemm = dcn_f32_pgemm_6x16__avx2,
    .winograd_in = dcn_f32_winograd_in__avx2,
    .winograd_out = dcn_f32_winograd_out__avx2,
    .points_in = dcn_f32_points_in__avx2,
    .points_out = dcn_f32_points_out__avx2,
    .gemv = dcn_f32_gemv_8r__avx2,
    .gemv_half = dcn_f16_gemv_8r__avx2,
    .gemv_bytes = dcn_u8_gemv_8r__avx2,
    .depthwise = dcn_f32_depthwise_8c__avx2,
    .depthwise_rows = dcn_f32_depthwise_rows_8c__avx2,
    .depthwise_wide = dcn_f32_depthwise_wide_8c__avx2,
    .grouped_rows = dcn_f32_grouped_rows_8c__avx2,
    .max_pool = dcn_f32_max_pool_16c__avx2,
    .sum_pool = dcn_f32_sum_pool_16c__avx2,
    .bias_clamp = dcn_f32_bias_clamp__avx2,
    .add = dcn_f32_add__avx2,
    .mul = dcn_f32_mul__avx2,
    .squash = dcn_f32_squash__avx2,
    .softmax = dcn_f32_softmax__avx2,
    .normalise = dcn_f32_normalise__avx2,
    .diff = dcn_f32_diff__avx2,
    .diff_image = dcn_f32_diff_image_2p__avx2,
};
