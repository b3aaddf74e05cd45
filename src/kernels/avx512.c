/* deltacnn: the AVX-512 table (F, BW, DQ, VL, and FMA, BMI, POPCNT).
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/avx512.h"

extern const DcnKernels dcn_kernels__avx512;
const DcnKernels dcn_kernels__avx512 = {
    .isa = "avx512",
    .mr = 12,
    .nr = 32,
    .dr = 4,
    .dn = 2,
    .igemm = dcn_f32_igemm_12x32__avx512,
    .rgemm = dcn_f32_rgemm_12x32__avx512,
    .dgemm = dcn_f32_dgemm_4x64__avx512,
    .wgemm = dcn_f32_wgemm_64c__avx512,
    .pgemm = dcn_f32_pgemm_12x32__avx512,
    .winograd_in = dcn_f32_winograd_in__avx512,
    .winograd_out = dcn_f32_winograd_out__avx512,
    .points_in = dcn_f32_points_in__avx512,
    .points_out = dcn_f32_points_out__avx512,
    .gemv = dcn_f32_gemv_8r__avx512,
    .gemv_half = dcn_f16_gemv_8r__avx512,
    .gemv_bytes = dcn_u8_gemv_8r__avx512,
    .depthwise = dcn_f32_depthwise_16c__avx512,
    .depthwise_rows = dcn_f32_depthwise_rows_16c__avx512,
    .depthwise_wide = dcn_f32_depthwise_wide_16c__avx512,
    .grouped_rows = dcn_f32_grouped_rows_16c__avx512,
    .max_pool = dcn_f32_max_pool_32c__avx512,
    .sum_pool = dcn_f32_sum_pool_32c__avx512,
    .bias_clamp = dcn_f32_bias_clamp__avx512,
    .add = dcn_f32_add__avx512,
    .mul = dcn_f32_mul__avx512,
    .squash = dcn_f32_squash__avx512,
    .softmax = dcn_f32_softmax__avx512,
    .normalise = dcn_f32_normalise__avx512,
    .diff = dcn_f32_diff__avx512,
    .diff_image = dcn_f32_diff_image_4p__avx512,
};
