/* deltacnn: aligned memory with overflow checks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/memory.h"
#include <stdlib.h>
#include <string.h>

gboolean
dcn_size_mul(size_t a, size_t b, size_t *out)
{
  size_t product;
  if (__builtin_mul_overflow(a, b, &product))
    return FALSE;
  *out = product;
  return TRUE;
}

void *
dcn_aligned_new0(size_t count, size_t size)
{
  size_t bytes;
  if (!dcn_size_mul(count, size, &bytes) || bytes > SIZE_MAX - DCN_ALIGN)
    return NULL;
  bytes = (bytes + DCN_ALIGN - 1) / DCN_ALIGN * DCN_ALIGN;
  if (bytes == 0)
    bytes = DCN_ALIGN;
  void *memory = aligned_alloc(DCN_ALIGN, bytes);
  if (memory)
    memset(memory, 0, bytes);
  return memory;
}

void
dcn_aligned_free(void *memory)
{
  free(memory);
}
