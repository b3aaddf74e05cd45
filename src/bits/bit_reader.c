/* deltacnn: most significant bit first reader over a block of bytes.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bits/bit_reader.h"

gboolean
dcn_bits_rest_is_zero(const DcnBitReader *reader)
{
  if (reader->bits > 0 && reader->cache >> (64 - reader->bits) != 0)
    return FALSE;
  for (const uint8_t *p = reader->next; p < reader->end; p++) {
    if (*p)
      return FALSE;
  }
  return TRUE;
}
