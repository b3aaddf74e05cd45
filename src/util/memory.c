/* deltacnn: aligned memory with overflow checks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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
