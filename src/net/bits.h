/* deltacnn: rows of marks as bits: bit x & 63 of word x >> 6 stands for column x; bits beyond the
 * row's width are 0.  What looks for changes looks at 64 pixels at once.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <glib.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline int
dcn_bits_words(int w)
{
  return (w + 63) / 64;
}

/* The bits of the last word of a row. */
static inline uint64_t
dcn_bits_last(int w)
{
  return ~UINT64_C(0) >> (-w & 63);
}

/* Bit i is byte i of eight bytes that are 0 or 1: the product's byte 7 adds bit 8i of v, for each i,
 * shifted to bit 56 + i, and no two of its terms meet. */
static inline uint64_t
dcn_bits_of_bytes(const uint8_t *bytes)
{
  uint64_t v;
  memcpy(&v, bytes, 8);
  return GUINT64_FROM_LE(v) * UINT64_C(0x0102040810204080) >> 56;
}

/* The same for up to 64 bytes, any value but 0 counting as 1. */
static inline uint64_t
dcn_bits_of_any_bytes(const uint8_t *bytes, int n)
{
  uint64_t word = 0;
  int i = 0;
#ifdef __SSE2__
  for (; i + 16 <= n; i += 16) {
    __m128i none = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(bytes + i)), _mm_setzero_si128());
    word |= (uint64_t)(~_mm_movemask_epi8(none) & 0xffff) << i;
  }
#else
  if (n == 64) { /* mostly there are none */
    uint64_t v[8];
    memcpy(v, bytes, sizeof v);
    if (((v[0] | v[1]) | (v[2] | v[3]) | ((v[4] | v[5]) | (v[6] | v[7]))) == 0)
      return 0;
  }
#endif
  for (; i < n; i += 8) {
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t v = 0;
    if (n - i >= 8)
      memcpy(&v, bytes + i, 8);
    else
      memcpy(&v, bytes + i, (size_t)(n - i));
    if (v == 0)
      continue;
    v = (((v & low) + low) | v) >> 7 & UINT64_C(0x0101010101010101);
    word |= dcn_bits_of_bytes((const uint8_t *)&v) << i;
  }
  return word;
}

/* Whether 256 bytes are all 0. */
static inline gboolean
dcn_bits_none_of_256(const uint8_t *bytes)
{
  typedef uint64_t V2 __attribute__((vector_size(16), aligned(1), may_alias));
  V2 any = {0, 0};
  for (int i = 0; i < 256; i += 16)
    any |= *(const V2 *)(bytes + i);
  return (any[0] | any[1]) == 0;
}

/* How many of n bytes are not 0. */
static inline int
dcn_bits_count_bytes(const uint8_t *bytes, int n)
{
  typedef uint8_t V16 __attribute__((vector_size(16)));
  int count = 0, i = 0;
  while (i + 16 <= n) {
    V16 sums = {0}; /* of 255 vectors at most */
    for (int end = MIN(n - 15, i + 255 * 16); i < end; i += 16) {
      V16 v;
      memcpy(&v, bytes + i, sizeof v);
      sums -= (V16)(v != 0);
    }
    for (int j = 0; j < 16; j++)
      count += sums[j];
  }
  for (; i < n; i++)
    count += bytes[i] != 0;
  return count;
}

/* How many bits are set one after another from bit `first` on. */
static inline int
dcn_bits_run(uint64_t v, int first)
{
  uint64_t rest = ~(v >> first);
  return rest ? __builtin_ctzll(rest) : 64;
}

/* How many bits are set; without the instruction, which the baseline of x86-64 lacks. */
static inline int
dcn_bits_count(uint64_t v)
{
  v -= v >> 1 & UINT64_C(0x5555555555555555);
  v = (v & UINT64_C(0x3333333333333333)) + (v >> 2 & UINT64_C(0x3333333333333333));
  v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  return (int)(v * UINT64_C(0x0101010101010101) >> 56);
}

/* A row of w bytes that are 0 or 1 as bits.  Reads up to 7 bytes beyond the row.  Returns how many
 * are 1. */
static inline int
dcn_bits_pack(const uint8_t *bytes, int w, uint64_t *bits)
{
  int count = 0;
  for (int x = 0; x < w; x += 64) {
    int n = MIN(64, w - x);
    uint64_t word = 0;
    int i = 0;
#ifdef __SSE2__
    for (; i + 16 <= n; i += 16) {
      __m128i v = _mm_loadu_si128((const __m128i *)(bytes + x + i));
      word |= (uint64_t)_mm_movemask_epi8(_mm_slli_epi16(v, 7)) << i;
    }
#endif
    for (; i < n; i += 8)
      word |= dcn_bits_of_bytes(bytes + x + i) << i;
    word &= dcn_bits_last(n);
    bits[x >> 6] = word;
    if (word)
      count += dcn_bits_count(word);
  }
  return count;
}

/* The 64 bits from bit `at` on, which may begin before the row or end after it. */
static inline uint64_t
dcn_bits_at(const uint64_t *bits, int words, int64_t at)
{
  int64_t i = at >> 6; /* rounds down: of a negative number this shift is arithmetic here */
  int shift = (int)(at & 63);
  uint64_t low = i >= 0 && i < words ? bits[i] : 0;
  if (shift == 0)
    return low;
  uint64_t high = i + 1 >= 0 && i + 1 < words ? bits[i + 1] : 0;
  return low >> shift | high << (64 - shift);
}

/* Every second bit, from bit 0 on, moved together into the lower half. */
static inline uint64_t
dcn_bits_even(uint64_t v)
{
  v &= UINT64_C(0x5555555555555555);
  v = (v | v >> 1) & UINT64_C(0x3333333333333333);
  v = (v | v >> 2) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  v = (v | v >> 4) & UINT64_C(0x00ff00ff00ff00ff);
  v = (v | v >> 8) & UINT64_C(0x0000ffff0000ffff);
  return (v | v >> 16) & UINT64_C(0x00000000ffffffff);
}

static inline gboolean
dcn_bits_any(const uint64_t *bits, int words)
{
  uint64_t any = 0;
  for (int i = 0; i < words; i++)
    any |= bits[i];
  return any != 0;
}

/* Every fourth bit, from bit 0 on, moved together into the lowest quarter. */
static inline uint64_t
dcn_bits_fourth(uint64_t v)
{
  v &= UINT64_C(0x1111111111111111);
  v = (v | v >> 3) & UINT64_C(0x0303030303030303);
  v = (v | v >> 6) & UINT64_C(0x000f000f000f000f);
  v = (v | v >> 12) & UINT64_C(0x000000ff000000ff);
  return (v | v >> 24) & 0xffff;
}

/* Runs of set columns, one after another. */
typedef struct {
  int begin, end; /* columns [begin, end) */
  int word;       /* of the next run */
  uint64_t rest;  /* bits of it not yet handed out */
} DcnBitsRun;
#define DCN_BITS_RUN_INIT                                                                          \
  {                                                                                                \
    0, 0, -1, 0                                                                                    \
  }

/* The next run of a row; runs with at most `gap` clear columns between them are one, but for those
 * that lie in different words.  FALSE: there is none. */
static inline gboolean
dcn_bits_next_run(const uint64_t *bits, int words, int gap, DcnBitsRun *run)
{
  while (run->rest == 0) {
    if (++run->word >= words)
      return FALSE;
    run->rest = bits[run->word];
  }
  int base = run->word * 64, from = __builtin_ctzll(run->rest), to = from;
  do {
    int next = __builtin_ctzll(run->rest), n = dcn_bits_run(run->rest, next);
    if (to > from && next - to > gap)
      break;
    to = next + n;
    run->rest &= ~(dcn_bits_last(n) << next);
  } while (run->rest);
  run->begin = base + from;
  run->end = base + to;
  return TRUE;
}

#define DCN_BITS_LIST_SLACK 4

/* Appends base + x for every column x that is set; returns the new count.  Writes up to
 * DCN_BITS_LIST_SLACK - 1 entries more than that, whose contents mean nothing. */
static inline int
dcn_bits_list(const uint64_t *bits, int words, int32_t base, int32_t *list, int count)
{
  for (int i = 0; i < words; i++, base += 64)
    for (uint64_t v = bits[i]; v;) {
      int first = __builtin_ctzll(v);
      int run = dcn_bits_run(v, first);
      int32_t p = base + first;
      for (int j = 0; j < run; j += 4, p += 4) {
        list[count + j] = p;
        list[count + j + 1] = p + 1;
        list[count + j + 2] = p + 2;
        list[count + j + 3] = p + 3;
      }
      count += run;
      v &= ~(dcn_bits_last(run) << first);
    }
  return count;
}
