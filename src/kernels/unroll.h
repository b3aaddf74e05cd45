/* deltacnn: what the register tiles of the intrinsics files need from the compiler.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stdint.h>

/* Before a loop of constant length over an array of vectors: unrolled in full, the array lives in
 * registers. */
#ifdef __clang__
#define DCN_UNROLL _Pragma("unroll")
#else
#define DCN_UNROLL _Pragma("GCC unroll 32")
#endif

/* The same before a loop of which the length is a constant in some calls only: clang unrolls those unasked, and
 * warns of the others. */
#ifdef __clang__
#define DCN_UNROLL_IF_CONSTANT
#else
#define DCN_UNROLL_IF_CONSTANT DCN_UNROLL
#endif

/* A template: compiled anew for the constants of each call. */
#define DCN_TEMPLATE static inline __attribute__((always_inline))

/* Asks for the cache line `floats` after p, which may lie outside of the buffer: such a prefetch
 * does nothing. */
#define DCN_PREFETCH(p, floats)                                                                    \
  __builtin_prefetch((const void *)((uintptr_t)(p) + (floats) * sizeof(float)))

/* The same, not into the nearest cache. */
#define DCN_PREFETCH_FAR(p, floats)                                                                \
  __builtin_prefetch((const void *)((uintptr_t)(p) + (floats) * sizeof(float)), 0, 2)

/* diff asks for ref and delta so many floats ahead.  They are as large as all activations, so they
 * come from memory, pixel after pixel: without this a third of diff's time is waiting. */
#define DCN_DIFF_AHEAD 512
