/* deltacnn benchmark: makes a program that it is preloaded into see a CPU without AVX-512, so that another library can
 * be measured with the kernels that it has for AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   LD_PRELOAD=libavx2-only.so PROGRAM
 *
 * Linux on x86-64.  CPUID is made to fault (arch_prctl(2), ARCH_SET_CPUID) and answered here without the bits of
 * AVX-512, AMX and VNNI.  Where kernel or hypervisor cannot do that, it says so and exits. */
#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define SET_CPUID 0x1012 /* ARCH_SET_CPUID */
#define BIT(n)    (UINT32_C(1) << (n))

/* Intel's manual, volume 2, table 3-8: CPUID 7, 0. */
#define AVX512_EBX (BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31))
#define AVX512_ECX (BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14))
#define AVX512_EDX (BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25))
#define LATER_EAX  (BIT(4) | BIT(5) | BIT(21)) /* CPUID 7, 1 */

static void
answer(int number, siginfo_t *info, void *context)
{
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *code = (const uint8_t *)registers[REG_RIP];
  (void)info;
  if (code[0] != 0x0f || code[1] != 0xa2) { /* not CPUID: once more, and for good */
    signal(number, SIG_DFL);
    return;
  }
  uint32_t leaf = (uint32_t)registers[REG_RAX], part = (uint32_t)registers[REG_RCX];
  uint32_t a = leaf, b, c = part, d;
  syscall(SYS_arch_prctl, SET_CPUID, 1);
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  syscall(SYS_arch_prctl, SET_CPUID, 0);
  if (leaf == 7 && part == 0) {
    b &= ~AVX512_EBX;
    c &= ~AVX512_ECX;
    d &= ~AVX512_EDX;
  } else if (leaf == 7 && part == 1) {
    a &= ~LATER_EAX;
  } else if (leaf == 13 && part == 0) {
    a &= 7; /* what the operating system saves: x87, SSE, AVX */
  }
  registers[REG_RAX] = a;
  registers[REG_RBX] = b;
  registers[REG_RCX] = c;
  registers[REG_RDX] = d;
  registers[REG_RIP] += 2;
}

static int
real_sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
  int (*real)(int, const struct sigaction *, struct sigaction *);
  *(void **)&real = dlsym(RTLD_NEXT, "sigaction");
  return real(number, act, old);
}

/* The program must not take the signal away (node.js does). */
__attribute__((visibility("default"))) int
sigaction(int number, const struct sigaction *act, struct sigaction *old)
{
  if (number != SIGSEGV || !act)
    return real_sigaction(number, act, old);
  if (old)
    memset(old, 0, sizeof *old);
  return 0;
}

__attribute__((constructor)) static void
start(void)
{
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  act.sa_sigaction = answer;
  if (real_sigaction(SIGSEGV, &act, NULL) || syscall(SYS_arch_prctl, SET_CPUID, 0)) {
    fputs("avx2-only: CPUID cannot be made to fault here\n", stderr);
    _exit(77);
  }
}
