/* deltacnn: which of the wide instruction sets of x86 the inner loops of this folder may use.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * __builtin_cpu_supports() looks at what the operating system saves, too. */
#pragma once
#include <glib.h>

#if defined(__x86_64__) || defined(__i386__)

static inline gboolean
dcn_cpu_has_avx2(void)
{
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2");
}

/* The AVX-512 of servers since Skylake: F, BW, DQ and VL. */
static inline gboolean
dcn_cpu_has_avx512(void)
{
  return dcn_cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

#endif
