/* deltacnn: tails of vectors in AVX2.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <immintrin.h>

/* All ones in the first n lanes (n < 0 counts as 0, n > 8 as 8), for VMASKMOVPS, which does not
 * touch the others. */
static inline __m256i
dcn_first_lanes(int n)
{
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
