/* deltacnn: kernels of the AVX-512 table.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernel-list.h"

DCN_KERNEL_DECLARE(igemm, dcn_f32_igemm_12x32__avx512);
DCN_KERNEL_DECLARE(rgemm, dcn_f32_rgemm_12x32__avx512);
DCN_KERNEL_DECLARE(rgemm, dcn_f32_rgemm_12x8__avx512); /* columns <= 8 */
DCN_KERNEL_DECLARE(rgemm, dcn_f32_rgemm_24x8__avx512); /* the same for several taps */
DCN_KERNEL_DECLARE(dgemm, dcn_f32_dgemm_4x64__avx512);
DCN_KERNEL_DECLARE(wgemm, dcn_f32_wgemm_64c__avx512);
DCN_KERNEL_DECLARE(pgemm, dcn_f32_pgemm_12x32__avx512);
DCN_KERNEL_DECLARE(winograd_in, dcn_f32_winograd_in__avx512);
DCN_KERNEL_DECLARE(winograd_out, dcn_f32_winograd_out__avx512);
DCN_KERNEL_DECLARE(points_in, dcn_f32_points_in__avx512);
DCN_KERNEL_DECLARE(points_out, dcn_f32_points_out__avx512);
DCN_KERNEL_DECLARE(gemv, dcn_f32_gemv_8r__avx512);
DCN_KERNEL_DECLARE(gemv_half, dcn_f16_gemv_8r__avx512);
DCN_KERNEL_DECLARE(gemv_bytes, dcn_u8_gemv_8r__avx512);
DCN_KERNEL_DECLARE(depthwise, dcn_f32_depthwise_16c__avx512);
DCN_KERNEL_DECLARE(depthwise_rows, dcn_f32_depthwise_rows_16c__avx512);
DCN_KERNEL_DECLARE(depthwise_wide, dcn_f32_depthwise_wide_16c__avx512);
DCN_KERNEL_DECLARE(grouped_rows, dcn_f32_grouped_rows_16c__avx512);
DCN_KERNEL_DECLARE(max_pool, dcn_f32_max_pool_32c__avx512);
DCN_KERNEL_DECLARE(sum_pool, dcn_f32_sum_pool_32c__avx512);
DCN_KERNEL_DECLARE(bias_clamp, dcn_f32_bias_clamp__avx512);
DCN_KERNEL_DECLARE(add, dcn_f32_add__avx512);
DCN_KERNEL_DECLARE(mul, dcn_f32_mul__avx512);
DCN_KERNEL_DECLARE(squash, dcn_f32_squash__avx512);
DCN_KERNEL_DECLARE(softmax, dcn_f32_softmax__avx512);
DCN_KERNEL_DECLARE(normalise, dcn_f32_normalise__avx512);
DCN_KERNEL_DECLARE(diff, dcn_f32_diff__avx512);
DCN_KERNEL_DECLARE(diff_image, dcn_f32_diff_image_4p__avx512);
