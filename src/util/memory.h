/* deltacnn: aligned memory with overflow checks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

/* Every float buffer of the engine starts on such a boundary (one AVX-512 vector, one cache line). */
#define DCN_ALIGN 64

/* Zeroed memory of count * size bytes, aligned to DCN_ALIGN, rounded up to a multiple of it.
 * Returns NULL when the product overflows or memory is short.  Free with dcn_aligned_free(). */
void *dcn_aligned_new0(size_t count, size_t size);
/* The same with anything in it: for who writes all of it. */
void *dcn_aligned_new(size_t count, size_t size);
void dcn_aligned_free(void *memory); /* NULL is fine */

/* Zeroed floats, aligned as above, for what may never be used: the system has no memory for a page before it is written
 * to.  NULL as above.  Free with dcn_lazy_free(), and the same count. */
float *dcn_lazy_new0(size_t count);
void dcn_lazy_free(float *memory, size_t count); /* NULL is fine */

/* Multiplies sizes; FALSE on overflow, *out then untouched. */
gboolean dcn_size_mul(size_t a, size_t b, size_t *out);
