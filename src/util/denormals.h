/* deltacnn: denormal numbers, those below the least normal one (1.2e-38).
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPUs take a hundred times as long for one: trained weights with a few per cent of them, as weight decay leaves them in
 * channels that died, make a network fifty times slower.  While a network runs they are zero.  32-bit CPUs keep them. */
#pragma once
#include <stdint.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* What the calling thread does with them (and how it rounds). */
typedef uint64_t DcnFloatMode;

static inline DcnFloatMode
dcn_float_mode(void)
{
#if defined(__x86_64__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  DcnFloatMode mode;
  __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

static inline void
dcn_float_mode_set(DcnFloatMode mode)
{
#if defined(__x86_64__)
  _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory");
#else
  (void)mode;
#endif
}

/* From now on they are zero for the calling thread, where it reads them and where they come out.  Returns the mode
 * before, which is to be set again. */
static inline DcnFloatMode
dcn_denormals_off(void)
{
  DcnFloatMode before = dcn_float_mode();
#if defined(__x86_64__)
  dcn_float_mode_set(before | 0x8040); /* flush to zero, denormals are zeros */
#elif defined(__aarch64__)
  dcn_float_mode_set(before | 1u << 24); /* FZ */
#endif
  return before;
}
