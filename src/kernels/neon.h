/* deltacnn: kernels of the NEON table that are not in its file.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernel-list.h"

DCN_KERNEL_DECLARE(bias_clamp, dcn_f32_bias_clamp__neon);
DCN_KERNEL_DECLARE(add, dcn_f32_add__neon);
DCN_KERNEL_DECLARE(mul, dcn_f32_mul__neon);
DCN_KERNEL_DECLARE(max_pool, dcn_f32_max_pool_16c__neon);
DCN_KERNEL_DECLARE(sum_pool, dcn_f32_sum_pool_16c__neon);
DCN_KERNEL_DECLARE(diff, dcn_f32_diff__neon);
DCN_KERNEL_DECLARE(diff_image, dcn_f32_diff_image_8p__neon);
