/* deltacnn: aligned memory with overflow checks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is larger asks for huge pages: caches of large images are visited a few lines per row, and
 * the walk to a small page then takes longer than the line does. */
#define HUGE_FROM ((size_t)4 << 20)
#define HUGE_PAGE ((size_t)2 << 20)

gboolean
dcn_size_mul(size_t a, size_t b, size_t *out)
{
  size_t product;
  if (__builtin_mul_overflow(a, b, &product))
    return FALSE;
  *out = product;
  return TRUE;
}

static void *
allocate(size_t count, size_t size, gboolean clear)
{
  size_t bytes;
  if (!dcn_size_mul(count, size, &bytes) || bytes > SIZE_MAX - DCN_ALIGN)
    return NULL;
  bytes = (bytes + DCN_ALIGN - 1) / DCN_ALIGN * DCN_ALIGN;
  if (bytes == 0)
    bytes = DCN_ALIGN;
  void *memory = NULL;
  if (posix_memalign(&memory, bytes >= HUGE_FROM ? HUGE_PAGE : DCN_ALIGN, bytes) != 0)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_FROM)
    (void)madvise(memory, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
#endif
  if (clear)
    memset(memory, 0, bytes);
  return memory;
}

void *
dcn_aligned_new0(size_t count, size_t size)
{
  return allocate(count, size, TRUE);
}

void *
dcn_aligned_new(size_t count, size_t size)
{
  return allocate(count, size, FALSE);
}

void
dcn_aligned_free(void *memory)
{
  free(memory);
}

/* Smaller ones, and all where a sanitizer is to see who writes beyond their end, are ordinary memory. */
#ifdef __SANITIZE_ADDRESS__
#define LAZY_FROM SIZE_MAX
#else
#define LAZY_FROM ((size_t)64 << 10)
#endif

float *
dcn_lazy_new0(size_t count)
{
  size_t bytes;
  if (!dcn_size_mul(count, sizeof(float), &bytes) || bytes > SIZE_MAX / 2)
    return NULL;
  if (bytes < LAZY_FROM)
    return dcn_aligned_new0(count, sizeof(float));
#ifdef MADV_HUGEPAGE
  const size_t huge = HUGE_PAGE;
#else
  const size_t huge = 0;
#endif
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), spare = bytes >= HUGE_FROM ? huge : 0;
  bytes = (bytes + page - 1) / page * page;
  uint8_t *block =
      mmap(NULL, bytes + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (spare > 0) { /* what it does not need of the block goes back */
    const size_t before = (HUGE_PAGE - (uintptr_t)block % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0)
      munmap(block, before);
    block += before;
    if (spare > before)
      munmap(block + bytes, spare - before);
    (void)madvise(block, bytes / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
  }
#endif
  return (float *)block;
}

void
dcn_lazy_free(float *memory, size_t count)
{
  if (memory && count * sizeof(float) >= LAZY_FROM)
    munmap(memory, count * sizeof(float)); /* the rest of the last page, too */
  else
    dcn_aligned_free(memory);
}
