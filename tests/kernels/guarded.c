/* deltacnn tests: buffers that notice reads and writes outside of them.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guarded.h"
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
  uint8_t *map;
  size_t map_bytes, page;
  uint8_t *begin, *end; /* of the buffer */
} Guarded;

static GHashTable *live; /* buffer address -> Guarded */

float *
guarded_new(size_t count, size_t align, GuardSide side)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = count * sizeof(float);
  size_t inner = (bytes + page) / page * page; /* at least one byte of filling, or an empty page */
  Guarded *guarded = g_new0(Guarded, 1);
  guarded->page = page;
  guarded->map_bytes = inner + 2 * page;
  guarded->map =
      mmap(NULL, guarded->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true(guarded->map != MAP_FAILED);
  memset(guarded->map, GUARD_BYTE, guarded->map_bytes);
  g_assert_cmpint(mprotect(guarded->map, page, PROT_NONE), ==, 0);
  g_assert_cmpint(mprotect(guarded->map + page + inner, page, PROT_NONE), ==, 0);

  uint8_t *begin = guarded->map + page;
  if (side == GUARD_END)
    begin = (uint8_t *)(((uintptr_t)begin + inner - bytes) / align * align);
  guarded->begin = begin;
  guarded->end = begin + bytes;
  if (!live)
    live = g_hash_table_new(NULL, NULL);
  g_hash_table_insert(live, begin, guarded);
  return (float *)begin;
}

static Guarded *
find(const float *buffer)
{
  Guarded *guarded = g_hash_table_lookup(live, buffer);
  g_assert_nonnull(guarded);
  return guarded;
}

void
guarded_check(const float *buffer, const char *what)
{
  const Guarded *guarded = find(buffer);
  for (const uint8_t *p = guarded->map + guarded->page; p < guarded->begin; p++)
    if (*p != GUARD_BYTE)
      g_error("%s: wrote %d bytes before the buffer", what, (int)(guarded->begin - p));
  for (const uint8_t *p = guarded->end; p < guarded->map + guarded->map_bytes - guarded->page; p++)
    if (*p != GUARD_BYTE)
      g_error("%s: wrote %d bytes past the buffer", what, (int)(p - guarded->end));
}

void
guarded_free(float *buffer, const char *what)
{
  guarded_check(buffer, what);
  Guarded *guarded = find(buffer);
  g_hash_table_remove(live, buffer);
  munmap(guarded->map, guarded->map_bytes);
  g_free(guarded);
}
