/* deltacnn: what the register tiles of the intrinsics files need from the compiler.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Before a loop of constant length over an array of vectors: unrolled in full, the array lives in
 * registers. */
#ifdef __clang__
#define DCN_UNROLL _Pragma("unroll")
#else
#define DCN_UNROLL _Pragma("GCC unroll 32")
#endif

/* A template: compiled anew for the constants of each call. */
#define DCN_TEMPLATE static inline __attribute__((always_inline))
