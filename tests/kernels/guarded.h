/* deltacnn tests: buffers that notice reads and writes outside of them.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>

/* Every byte around a buffer that is not on a guard page holds this; as a float it is a NaN, so
 * that a kernel which uses it spoils its result. */
#define GUARD_BYTE 0xff

typedef enum {
  GUARD_END,  /* the buffer ends at a page that cannot be touched: reads and writes past it crash */
  GUARD_START /* it begins right after such a page */
} GuardSide;

/* `count` floats at an address that is a multiple of align bytes (4 or more, a power of two),
 * filled with GUARD_BYTE.  With GUARD_END and an align over 4 up to align - 4 bytes of filling lie
 * before the page. */
float *guarded_new(size_t count, size_t align, GuardSide side);

/* Fails the running test where a byte around the buffer was written. */
void guarded_check(const float *buffer, const char *what);

/* guarded_check(), then gives the memory back. */
void guarded_free(float *buffer, const char *what);
