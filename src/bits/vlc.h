/* deltacnn: variable length codes, from the rows of a standard's table to a look-up.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "bits/bit_reader.h"

/* One row of a table.  code: '0' and '1', blanks between groups as printed in the standard. */
typedef struct {
  const char *code;
  int16_t value; /* never DCN_VLC_INVALID */
} DcnVlcRow;

#define DCN_VLC_INVALID INT16_MIN

/* length > 0: a code of so many bits that means value.  0: no code.  < 0: -length more bits select
 * an entry of the sub-table that starts at entries[value]. */
typedef struct {
  int16_t value;
  int8_t length;
} DcnVlcEntry;

typedef struct {
  const DcnVlcEntry *entries;
  int first_bits; /* bits that index entries[0 .. (1 << first_bits) - 1] */
} DcnVlc;

/* Builds the look-up into entries[capacity], which must live as long as out.  first_bits in 1..12,
 * codes at most 20 bits long, sub-tables at most 12 bits wide. Returns the number of entries used,
 * or -1 when a row is malformed, two codes collide (one is a prefix of the other) or capacity is
 * too small; out is then not set. */
int dcn_vlc_build(const DcnVlcRow *rows, size_t n_rows, int first_bits, DcnVlcEntry *entries,
                  int capacity, DcnVlc *out);

/* Parses a row's code.  Returns its length, or -1 when it has none, is longer than 20 bits or has
 * other characters; *bits is then not set. */
int dcn_vlc_parse_code(const char *code, uint32_t *bits);

/* Looks up the next code and consumes it.  Returns DCN_VLC_INVALID, consuming nothing, where there
 * is no code. A code cut off by the end of the data may be found, and sets the reader's error. */
static inline int
dcn_vlc_read(const DcnVlc *vlc, DcnBitReader *reader)
{
  DcnVlcEntry entry = vlc->entries[dcn_bits_peek(reader, vlc->first_bits)];
  if (G_UNLIKELY(entry.length < 0)) {
    int more = -entry.length;
    uint32_t bits = dcn_bits_peek(reader, vlc->first_bits + more);
    entry = vlc->entries[(uint32_t)entry.value + (bits & ((1u << more) - 1))];
  }
  if (G_UNLIKELY(entry.length == 0))
    return DCN_VLC_INVALID;
  dcn_bits_skip(reader, entry.length);
  return entry.value;
}
