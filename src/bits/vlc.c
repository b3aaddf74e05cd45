/* deltacnn: variable length codes, from the rows of a standard's table to a look-up.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bits/vlc.h"

#define MAX_CODE_BITS  20
#define MAX_TABLE_BITS 12

int
dcn_vlc_parse_code(const char *code, uint32_t *bits)
{
  uint32_t value = 0;
  int length = 0;
  for (const char *c = code; *c; c++) {
    if (*c == ' ')
      continue;
    if ((*c != '0' && *c != '1') || length == MAX_CODE_BITS)
      return -1;
    value = value << 1 | (uint32_t)(*c == '1');
    length++;
  }
  if (length == 0)
    return -1;
  *bits = value;
  return length;
}

/* Writes one code into the 2^index_bits entries of a table that its remaining bits index. */
static gboolean
fill(DcnVlcEntry *table, int index_bits, uint32_t code, int code_bits, int length, int16_t value)
{
  uint32_t first = code << (index_bits - code_bits);
  uint32_t count = 1u << (index_bits - code_bits);
  for (uint32_t i = first; i < first + count; i++) {
    if (table[i].length != 0)
      return FALSE;
    table[i] = (DcnVlcEntry){.value = value, .length = (int8_t)length};
  }
  return TRUE;
}

/* Sub-table of all codes longer than first_bits that start with prefix.  Returns its size or -1. */
static int
build_sub_table(const DcnVlcRow *rows, size_t n_rows, int first_bits, uint32_t prefix, int width,
                DcnVlcEntry *table)
{
  memset(table, 0, sizeof *table << width);
  for (size_t i = 0; i < n_rows; i++) {
    uint32_t code = 0;
    int length = dcn_vlc_parse_code(rows[i].code, &code);
    int rest = length - first_bits;
    if (rest <= 0 || code >> rest != prefix)
      continue;
    if (!fill(table, width, code & ((1u << rest) - 1), rest, length, rows[i].value))
      return -1;
  }
  return 1 << width;
}

int
dcn_vlc_build(const DcnVlcRow *rows, size_t n_rows, int first_bits, DcnVlcEntry *entries,
              int capacity, DcnVlc *out)
{
  if (first_bits < 1 || first_bits > MAX_TABLE_BITS || capacity < 1 << first_bits)
    return -1;
  int used = 1 << first_bits;
  memset(entries, 0, sizeof *entries * (size_t)used);

  for (size_t i = 0; i < n_rows; i++) {
    uint32_t code = 0;
    int length = dcn_vlc_parse_code(rows[i].code, &code);
    if (length < 0 || rows[i].value == DCN_VLC_INVALID)
      return -1;
    if (length <= first_bits && !fill(entries, first_bits, code, length, length, rows[i].value))
      return -1;
  }

  /* The longest code of each prefix decides how wide its sub-table is. */
  for (size_t i = 0; i < n_rows; i++) {
    uint32_t code = 0;
    int rest = dcn_vlc_parse_code(rows[i].code, &code) - first_bits;
    if (rest <= 0)
      continue;
    DcnVlcEntry *entry = &entries[code >> rest];
    if (entry->length > 0 || rest > MAX_TABLE_BITS)
      return -1;
    entry->length = (int8_t)MIN(entry->length, -rest);
  }
  for (uint32_t prefix = 0; prefix < 1u << first_bits; prefix++) {
    if (entries[prefix].length >= 0)
      continue;
    int width = -entries[prefix].length;
    if (used > INT16_MAX || capacity - used < 1 << width)
      return -1;
    int size = build_sub_table(rows, n_rows, first_bits, prefix, width, entries + used);
    if (size < 0)
      return -1;
    entries[prefix].value = (int16_t)used;
    used += size;
  }
  *out = (DcnVlc){.entries = entries, .first_bits = first_bits};
  return used;
}
