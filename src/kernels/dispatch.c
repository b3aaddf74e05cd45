/* deltacnn: which table of kernels this CPU gets.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kernels/kernel-list.h"
#include <string.h>

/* Whether CPU and operating system run a table.  __builtin_cpu_supports() looks at XCR0 too, so a
 * kernel or hypervisor that does not save the wide registers counts as a CPU without them. */
static gboolean
runs_portable(void)
{
  return TRUE;
}

#if defined(DCN_HAVE_AVX2) || defined(DCN_HAVE_AVX512)
#include <cpuid.h>

/* A name that not every compiler's __builtin_cpu_supports() knows.  Its registers are AVX's. */
static gboolean
has_f16c(void)
{
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

static gboolean
runs_avx2(void)
{
  __builtin_cpu_init();
  return has_f16c() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt");
}
#endif

#ifdef DCN_HAVE_AVX512
static gboolean
runs_avx512(void)
{
  return runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

#ifdef DCN_HAVE_NEON
static gboolean
runs_neon(void)
{
  return TRUE; /* part of AArch64 */
}
#endif

#define DECLARE_TABLE(isa) extern const DcnKernels dcn_kernels__##isa;
DCN_ISA_LIST(DECLARE_TABLE)

static const DcnKernels *tables[8];
static const DcnKernels *chosen;

static void
find_tables(void)
{
  int count = 0;
#define ADD_TABLE(isa)                                                                             \
  if (runs_##isa())                                                                                \
    tables[count++] = &dcn_kernels__##isa;
  DCN_ISA_LIST(ADD_TABLE)

  chosen = tables[0];
  const char *wanted = g_getenv("DCN_KERNELS");
  if (!wanted || !*wanted)
    return;
  for (int i = 0; i < count; i++) {
    if (strcmp(tables[i]->isa, wanted) == 0) {
      chosen = tables[i];
      return;
    }
  }
  g_message("DCN_KERNELS=%s: this build or CPU has no such kernels; using %s", wanted, chosen->isa);
}

static void
find_tables_once(void)
{
  static gsize done;
  if (g_once_init_enter(&done)) {
    find_tables();
    g_once_init_leave(&done, 1);
  }
}

const DcnKernels *
dcn_kernels_get(void)
{
  find_tables_once();
  return chosen;
}

const DcnKernels *
dcn_kernels_by_isa(const char *isa)
{
  find_tables_once();
  for (int i = 0; tables[i]; i++)
    if (strcmp(tables[i]->isa, isa) == 0)
      return tables[i];
  return NULL;
}

const DcnKernels *const *
dcn_kernels_all(void)
{
  find_tables_once();
  return tables;
}
