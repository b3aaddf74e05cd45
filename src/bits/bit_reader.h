/* deltacnn: most significant bit first reader over a block of bytes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Never reads a byte outside [data, data + size).  Past the end it sees zeros, and consuming one of
 * those sets a sticky error; so a parser may run on and look at `error` once per unit of syntax. No
 * VLC of MPEG-2 is all zeros, so a loop that reads codes ends there by itself. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const uint8_t *next; /* first byte that is not wholly in the cache */
  const uint8_t *end;
  uint64_t
      cache; /* the next bit is bit 63; what lies below the valid bits is either data or zero */
  int bits;  /* valid bits in the cache */
  gboolean error; /* sticky: more bits were consumed than there were */
} DcnBitReader;

/* data may be NULL when size is 0.  The bytes must outlive the reader. */
static inline void
dcn_bits_init(DcnBitReader *reader, const uint8_t *data, size_t size)
{
  reader->next = data;
  reader->end = size ? data + size : data;
  reader->cache = 0;
  reader->bits = 0;
  reader->error = FALSE;
}

/* At least 56 valid bits, or all there are. */
static inline void
dcn_bits_refill(DcnBitReader *reader)
{
  if (G_LIKELY(reader->end - reader->next >= 8)) {
    /* Whole bytes are counted in; the rest of the eight stays below the valid bits, where the next
     * refill writes the same values again. */
    uint64_t word;
    memcpy(&word, reader->next, 8);
    reader->cache |= GUINT64_FROM_BE(word) >> reader->bits;
    reader->next += (63 - reader->bits) >> 3;
    reader->bits |= 56;
  } else {
    while (reader->bits <= 56 && reader->next < reader->end) {
      reader->cache |= (uint64_t)*reader->next++ << (56 - reader->bits);
      reader->bits += 8;
    }
  }
}

/* The next n bits, 1 <= n <= 32, without consuming them; zeros past the end. */
static inline uint32_t
dcn_bits_peek(DcnBitReader *reader, int n)
{
  if (reader->bits < n)
    dcn_bits_refill(reader);
  return (uint32_t)(reader->cache >> (64 - n));
}

/* Consumes n bits, 0 <= n <= 32. */
static inline void
dcn_bits_skip(DcnBitReader *reader, int n)
{
  if (G_UNLIKELY(reader->bits < n)) {
    dcn_bits_refill(reader);
    if (reader->bits < n) {
      reader->next = reader->end;
      reader->cache = 0;
      reader->bits = 0;
      reader->error = TRUE;
      return;
    }
  }
  reader->cache <<= n;
  reader->bits -= n;
}

/* Reads n bits, 0 <= n <= 32, as an unsigned number; 0 once past the end. */
static inline uint32_t
dcn_bits_read(DcnBitReader *reader, int n)
{
  if (n == 0)
    return 0;
  uint32_t value = dcn_bits_peek(reader, n);
  dcn_bits_skip(reader, n);
  return reader->error ? 0 : value;
}

/* Bits that were not consumed yet. */
static inline size_t
dcn_bits_left(const DcnBitReader *reader)
{
  return (size_t)reader->bits + 8 * (size_t)(reader->end - reader->next);
}

/* TRUE when every bit that is left is zero (or none is left).  Time grows with what is left, but
 * stops at the first byte that is not zero. */
gboolean dcn_bits_rest_is_zero(const DcnBitReader *reader);
