/* deltacnn: keeps LeakSanitizer from calling GLib's first quark table a leak.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * GLib lets go of a quark table on purpose when it grows, because another thread may still read the
 * old one.  The registry of a machine with many GStreamer plugins makes more quarks than the first
 * table holds, and every GStreamer program then ends with 16384 bytes "leaked" from a stack that
 * has no frame a suppression could name. Preloaded by tests/run.sh --sanitize: copies GLib's
 * writable data at start, so that what it points to then stays reachable. */
#include <link.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEGMENTS 8

static void *volatile kept[MAX_SEGMENTS]; /* volatile: written for the sanitizer alone */
static int n_kept;

static int
keep(struct dl_phdr_info *info, size_t size, void *data)
{
  if (!strstr(info->dlpi_name, "/libglib-2.0."))
    return 0;
  for (int i = 0; i < info->dlpi_phnum && n_kept < MAX_SEGMENTS; i++) {
    const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
      continue;
    void *copy = malloc(segment->p_memsz);
    if (!copy)
      return 1;
    memcpy(copy, (const void *)(info->dlpi_addr + segment->p_vaddr), segment->p_memsz);
    kept[n_kept++] = copy;
  }
  return 1;
}

__attribute__((constructor)) static void
keep_roots(void)
{
  dl_iterate_phdr(keep, NULL);
}
