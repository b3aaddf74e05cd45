/* deltacnn: where a model's bytes are, and constants that still lie there.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files are read piece by piece, not mapped: what another process does to a mapped file while it is looked at comes as
 * a signal, and its pages count as the process's own memory beside what is made of them.  So a model's weights are in
 * memory once, as they are packed: until then they stay in the file. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _DcnSource DcnSource;

/* Opens a file and keeps it open as long as there are references.  Errors: DCN_ERROR_IO, a reason without the path. */
DcnSource *dcn_source_open(const char *path, GError **error);
/* The same, but it is opened for each time that it is read: for who has many. */
DcnSource *dcn_source_open_for_each(const char *path, GError **error);
/* The caller's bytes, which must stay as long as there are references. */
DcnSource *dcn_source_of_memory(const uint8_t *data, size_t size);
DcnSource *dcn_source_ref(DcnSource *source);
void dcn_source_unref(DcnSource *source); /* NULL is fine */
size_t dcn_source_size(const DcnSource *source);
/* Copies the bytes [at, at + size) to out.  FALSE with DCN_ERROR_IO where they are not there, or where the file has been
 * written to since it was opened.  Several threads may read at once. */
gboolean dcn_source_read(const DcnSource *source, size_t at, size_t size, void *out,
                         GError **error);

/* Numbers of a floating point type in a source, one after the other.  Immutable, reference counted, and may be read by
 * several threads at once. */
typedef struct _DcnStored DcnStored;

/* type: a DcnOnnxType of floating point; the caller has checked that the source is large enough. */
DcnStored *dcn_stored_new(DcnSource *source, size_t at, size_t count, int type);
/* The same where what is wanted is the transpose of [count / columns][columns], as they lie there. */
DcnStored *dcn_stored_transposed(const DcnStored *stored, size_t columns);
DcnStored *dcn_stored_ref(DcnStored *stored);
void dcn_stored_unref(DcnStored *stored); /* NULL is fine */
size_t dcn_stored_count(const DcnStored *stored);
size_t dcn_stored_columns(const DcnStored *stored); /* 0: they are wanted as they lie */
/* Numbers [first, first + count) in the order in which they lie there, as floats. */
gboolean dcn_stored_read(const DcnStored *stored, size_t first, size_t count, float *out,
                         GError **error);
/* All of them in the order that is wanted; the caller frees them with g_free().  NULL with DCN_ERROR_IO or
 * DCN_ERROR_MEMORY. */
float *dcn_stored_load(const DcnStored *stored, GError **error);
