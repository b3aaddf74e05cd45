/* deltacnn: the list of kernels and the list of instruction sets.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dispatch, tests and benchmarks expand these lists, so that a kernel that is added to the table
 * cannot go without a test: an entry here without a test function does not compile, and a table
 * member without an entry here fails the assertion at the end.
 *
 * To add a kernel: its member and contract in kernels.h, a line here, its portable form, then the
 * others (a table may use the portable form until it has its own); check_NAME() in tests/kernels,
 * bench_NAME() in the benchmark. To add an instruction set: a table dcn_kernels__ISA, a line here,
 * its static library in meson.build. */
#pragma once
#include "kernels/kernels.h"

#define DCN_KERNEL_LIST(K)                                                                         \
  K(igemm)                                                                                         \
  K(rgemm)                                                                                         \
  K(dgemm)                                                                                         \
  K(wgemm)                                                                                         \
  K(pgemm)                                                                                         \
  K(winograd_in)                                                                                   \
  K(winograd_out)                                                                                  \
  K(points_in)                                                                                     \
  K(points_out)                                                                                    \
  K(gemv)                                                                                          \
  K(gemv_half)                                                                                     \
  K(gemv_bytes)                                                                                    \
  K(depthwise)                                                                                     \
  K(depthwise_rows)                                                                                \
  K(depthwise_wide)                                                                                \
  K(grouped_rows)                                                                                  \
  K(max_pool)                                                                                      \
  K(sum_pool)                                                                                      \
  K(bias_clamp)                                                                                    \
  K(add)                                                                                           \
  K(mul)                                                                                           \
  K(squash)                                                                                        \
  K(softmax)                                                                                       \
  K(normalise)                                                                                     \
  K(diff)  \
  K(diff_image)

/* Best first; portable last.  Which of them are in the build is meson.build's choice. */
#ifdef DCN_HAVE_AVX512
#define DCN_ISA_AVX512(I) I(avx512)
#else
#define DCN_ISA_AVX512(I)
#endif
#ifdef DCN_HAVE_AVX2
#define DCN_ISA_AVX2(I) I(avx2)
#else
#define DCN_ISA_AVX2(I)
#endif
#ifdef DCN_HAVE_NEON
#define DCN_ISA_NEON(I) I(neon)
#else
#define DCN_ISA_NEON(I)
#endif
#define DCN_ISA_LIST(I) DCN_ISA_AVX512(I) DCN_ISA_AVX2(I) DCN_ISA_NEON(I) I(portable)

/* Declares a kernel with the type of its table member, as in
 * DCN_KERNEL_DECLARE(igemm, dcn_f32_igemm_12x32__avx512); */
#define DCN_KERNEL_DECLARE(member, name) __typeof__(*((DcnKernels *)0)->member) name

#define DCN_KERNEL_COUNT_ONE(name) +1
#define DCN_KERNEL_COUNT           (0 DCN_KERNEL_LIST(DCN_KERNEL_COUNT_ONE))

_Static_assert(sizeof(DcnKernels) ==
                   offsetof(DcnKernels, igemm) + DCN_KERNEL_COUNT * sizeof(void (*)(void)),
               "every kernel of the table is in DCN_KERNEL_LIST");
