/* deltacnn: where a model's bytes are, and constants that still lie there.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/source.h"
#include "model/tensor.h"
#include "util/error.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct _DcnSource {
  int refs; /* atomic */
  size_t size;
  const uint8_t *data; /* NULL: a file */
  int file;            /* -1: not kept open */
  char *path;          /* of one that is not */
  dev_t device;
  ino_t inode;
  struct timespec modified; /* when it was opened */
};

struct _DcnStored {
  int refs; /* atomic */
  DcnSource *source;
  size_t at, count, columns;
  int type;
};

/* Bytes of other types than float that are converted at a time. */
#define PIECE 16384

static gboolean
fail_errno(GError **error)
{
  g_set_error_literal(error, DCN_ERROR, DCN_ERROR_IO, g_strerror(errno));
  return FALSE;
}

DcnSource *
dcn_source_open(const char *path, GError **error)
{
  struct stat st;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &st) < 0) {
    fail_errno(error);
    if (file >= 0)
      close(file);
    return NULL;
  }
  if ((guint64)st.st_size > SIZE_MAX) {
    g_set_error_literal(error, DCN_ERROR, DCN_ERROR_IO, "the file is too large");
    close(file);
    return NULL;
  }
  DcnSource *source = g_new0(DcnSource, 1);
  source->refs = 1;
  source->file = file;
  source->size = (size_t)st.st_size;
  source->device = st.st_dev;
  source->inode = st.st_ino;
  source->modified = st.st_mtim;
  return source;
}

DcnSource *
dcn_source_open_for_each(const char *path, GError **error)
{
  DcnSource *source = dcn_source_open(path, error);
  if (source) {
    close(source->file);
    source->file = -1;
    source->path = g_strdup(path);
  }
  return source;
}

DcnSource *
dcn_source_of_memory(const uint8_t *data, size_t size)
{
  DcnSource *source = g_new0(DcnSource, 1);
  source->refs = 1;
  source->file = -1;
  source->size = size;
  source->data = data ? data : (const uint8_t *)"";
  return source;
}

DcnSource *
dcn_source_ref(DcnSource *source)
{
  g_atomic_int_inc(&source->refs);
  return source;
}

void
dcn_source_unref(DcnSource *source)
{
  if (!source || !g_atomic_int_dec_and_test(&source->refs))
    return;
  if (source->file >= 0)
    close(source->file);
  g_free(source->path);
  g_free(source);
}

size_t
dcn_source_size(const DcnSource *source)
{
  return source->size;
}

static gboolean
fail_changed(GError **error)
{
  g_set_error_literal(error, DCN_ERROR, DCN_ERROR_IO, "the file was changed while it was read");
  return FALSE;
}

static gboolean
read_file(const DcnSource *source, int file, size_t at, size_t size, uint8_t *to, GError **error)
{
  struct stat st;
  while (size > 0) {
    const ssize_t n = pread(file, to, MIN(size, G_MAXINT32), (off_t)at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return fail_errno(error);
    if (n == 0)
      return fail_changed(error);
    to += n;
    at += (size_t)n;
    size -= (size_t)n;
  }
  /* Parts of two models would pass for one. */
  if (fstat(file, &st) < 0)
    return fail_errno(error);
  if ((guint64)st.st_size != source->size || st.st_dev != source->device ||
      st.st_ino != source->inode || st.st_mtim.tv_sec != source->modified.tv_sec ||
      st.st_mtim.tv_nsec != source->modified.tv_nsec)
    return fail_changed(error);
  return TRUE;
}

gboolean
dcn_source_read(const DcnSource *source, size_t at, size_t size, void *out, GError **error)
{
  if (at > source->size || size > source->size - at) {
    g_set_error_literal(error, DCN_ERROR, DCN_ERROR_IO, "the file is too short");
    return FALSE;
  }
  if (source->data) {
    if (size > 0)
      memcpy(out, source->data + at, size);
    return TRUE;
  }
  const int file = source->path ? open(source->path, O_RDONLY | O_CLOEXEC) : source->file;
  if (file < 0)
    return fail_errno(error);
  const gboolean ok = read_file(source, file, at, size, out, error);
  if (source->path)
    close(file);
  return ok;
}

DcnStored *
dcn_stored_new(DcnSource *source, size_t at, size_t count, int type)
{
  DcnStored *stored = g_new0(DcnStored, 1);
  stored->refs = 1;
  stored->source = dcn_source_ref(source);
  stored->at = at;
  stored->count = count;
  stored->type = type;
  return stored;
}

DcnStored *
dcn_stored_transposed(const DcnStored *stored, size_t columns)
{
  DcnStored *other = dcn_stored_new(stored->source, stored->at, stored->count, stored->type);
  other->columns = columns;
  return other;
}

DcnStored *
dcn_stored_ref(DcnStored *stored)
{
  g_atomic_int_inc(&stored->refs);
  return stored;
}

void
dcn_stored_unref(DcnStored *stored)
{
  if (!stored || !g_atomic_int_dec_and_test(&stored->refs))
    return;
  dcn_source_unref(stored->source);
  g_free(stored);
}

size_t
dcn_stored_count(const DcnStored *stored)
{
  return stored->count;
}

size_t
dcn_stored_columns(const DcnStored *stored)
{
  return stored->columns;
}

gboolean
dcn_stored_read(const DcnStored *stored, size_t first, size_t count, float *out, GError **error)
{
  const size_t each = dcn_element_bytes(stored->type);
  const size_t at = stored->at + first * each;
  if (stored->type == DCN_ONNX_FLOAT && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    return dcn_source_read(stored->source, at, count * each, out, error);
  uint8_t piece[PIECE];
  for (size_t done = 0; done < count;) {
    const size_t n = MIN(count - done, PIECE / each);
    if (!dcn_source_read(stored->source, at + done * each, n * each, piece, error))
      return FALSE;
    dcn_elements_decode(stored->type, piece, n, out + done, NULL);
    done += n;
  }
  return TRUE;
}

float *
dcn_stored_load(const DcnStored *stored, GError **error)
{
  const size_t columns = stored->columns, rows = columns ? stored->count / columns : 0;
  float *out = g_try_malloc_n(MAX(stored->count, 1), sizeof *out);
  /* Some rows at a time are turned: all of the transpose and all that lies there would be twice the memory. */
  const size_t strip = columns ? MIN(MAX(PIECE / columns, 16), rows) : 0;
  float *lying = columns ? g_try_malloc_n(strip * columns, sizeof *lying) : NULL;
  gboolean ok = out && (lying || !columns);
  if (!ok)
    g_set_error_literal(error, DCN_ERROR, DCN_ERROR_MEMORY, "no memory for weights");
  else if (!columns)
    ok = dcn_stored_read(stored, 0, stored->count, out, error);
  for (size_t row = 0; ok && row < rows; row += strip) {
    const size_t n = MIN(strip, rows - row);
    ok = dcn_stored_read(stored, row * columns, n * columns, lying, error);
    for (size_t j = 0; ok && j < columns; j++)
      for (size_t i = 0; i < n; i++)
        out[j * rows + row + i] = lying[i * columns + j];
  }
  g_free(lying);
  if (!ok)
    g_clear_pointer(&out, g_free);
  return out;
}
