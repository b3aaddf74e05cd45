/* The code tables of ISO/IEC 13818-2 annex B: prefix-free, complete but for known holes, and in
 * agreement with what is known of them apart from their rows. SPDX-License-Identifier:
 * LGPL-2.1-or-later */
#include "mpeg2/tables.h"
#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  DcnMpeg2TableId id;
  guint n_rows;
  /* Words that no code starts with, by commas.  With them the Kraft sum is 1; so they are all there
   * are.  Zeros keep start codes from being imitated, the others are reserved. */
  const char *holes;
} Table;

/* Table B.15 gives these runs and levels short codes; the long ones table B.14 has for them stay
 * free: 0 8, 0 9, 0 10, 0 11, 1 5, 2 4, 0 12, 0 13 and 0 14, 0 15. */
#define FREED_BY_B15                                                                               \
  "0000 0001 1101,0000 0001 1000,0000 0001 0011,0000 0001 0000,0000 0001 1011,0000 0001 0100,"     \
  "0000 0000 1101 0,0000 0000 1100,0000 0000 1011 1"

static const Table all_tables[] = {
    {"B.1", DCN_MPEG2_TABLE_B1, 35,
     "0000 0000,0000 0001 001,0000 0001 01,0000 0001 10,0000 0001 110,0000 0010"},
    {"B.2", DCN_MPEG2_TABLE_B2, 2, "00"},
    {"B.3", DCN_MPEG2_TABLE_B3, 7, "0000 00"},
    {"B.4", DCN_MPEG2_TABLE_B4, 11, "0000 00"},
    {"B.2d", DCN_MPEG2_TABLE_B2D, 1, "0"},
    {"B.9", DCN_MPEG2_TABLE_B9, 64, "0000 0000 0"},
    {"B.10", DCN_MPEG2_TABLE_B10, 33, "0000 000,0000 0010"},
    {"B.11", DCN_MPEG2_TABLE_B11, 3, ""},
    {"B.12", DCN_MPEG2_TABLE_B12, 12, ""},
    {"B.13", DCN_MPEG2_TABLE_B13, 12, ""},
    {"B.14", DCN_MPEG2_TABLE_B14, 113, "0000 0000 0000"},
    {"B.15", DCN_MPEG2_TABLE_B15, 113, "0000 0000 0000," FREED_BY_B15},
};

static char *
without_blanks(const char *code)
{
  GString *s = g_string_new(NULL);
  for (; *code; code++) {
    if (*code != ' ')
      g_string_append_c(s, *code);
  }
  return g_string_free(s, FALSE);
}

static const DcnVlcRow *
row_of(DcnMpeg2TableId id, int value)
{
  size_t n;
  const DcnVlcRow *rows = dcn_mpeg2_table_rows(id, &n);
  for (size_t i = 0; i < n; i++) {
    if (rows[i].value == value)
      return &rows[i];
  }
  return NULL;
}

static gsize
length_of(DcnMpeg2TableId id, int value)
{
  char *code = without_blanks(row_of(id, value)->code);
  gsize length = strlen(code);
  g_free(code);
  return length;
}

/* Codes and holes together are prefix-free and fill the code space. */
static void
test_kraft(gconstpointer data)
{
  const Table *table = data;
  size_t n;
  const DcnVlcRow *rows = dcn_mpeg2_table_rows(table->id, &n);
  g_assert_cmpuint(n, ==, table->n_rows);
  GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
  for (size_t i = 0; i < n; i++)
    g_ptr_array_add(words, without_blanks(rows[i].code));
  char **holes = g_strsplit(table->holes, ",", -1);
  for (char **h = holes; *h; h++) {
    if (**h)
      g_ptr_array_add(words, without_blanks(*h));
  }
  g_strfreev(holes);

  guint sum = 0; /* in 2^-20 */
  for (guint i = 0; i < words->len; i++) {
    const char *a = g_ptr_array_index(words, i);
    sum += 1u << (20 - strlen(a));
    for (guint j = 0; j < words->len; j++) {
      const char *b = g_ptr_array_index(words, j);
      if (i != j && g_str_has_prefix(b, a))
        g_error("%s starts with %s", b, a);
    }
  }
  g_assert_cmpuint(sum, ==, 1u << 20);
  g_ptr_array_unref(words);
}

/* Every code, read through the look-up, gives its row; every hole none. */
static void
test_look_up(gconstpointer data)
{
  const Table *table = data;
  const DcnVlc *vlc = &dcn_mpeg2_tables()[table->id];
  size_t n;
  const DcnVlcRow *rows = dcn_mpeg2_table_rows(table->id, &n);
  for (size_t i = 0; i < n; i++) {
    /* Followed by ones and by zeros: what comes after must not matter. */
    for (int fill = 0; fill < 2; fill++) {
      guint8 bytes[8];
      memset(bytes, fill ? 0xff : 0, sizeof bytes);
      char *code = without_blanks(rows[i].code);
      int length = (int)strlen(code);
      for (int k = 0; k < length; k++) {
        guint8 bit = (guint8)(0x80 >> (k % 8));
        bytes[k / 8] = code[k] == '1' ? bytes[k / 8] | bit : bytes[k / 8] & (guint8)~bit;
      }
      g_free(code);
      DcnBitReader reader;
      dcn_bits_init(&reader, bytes, sizeof bytes);
      g_assert_cmpint(dcn_vlc_read(vlc, &reader), ==, rows[i].value);
      g_assert_cmpuint(dcn_bits_left(&reader), ==, 64 - length);
    }
  }
  DcnBitReader zeros;
  static const guint8 zero_bytes[4];
  dcn_bits_init(&zeros, zero_bytes, sizeof zero_bytes);
  if (strstr(table->holes, "0")) {
    g_assert_cmpint(dcn_vlc_read(vlc, &zeros), ==, DCN_VLC_INVALID);
    g_assert_cmpuint(dcn_bits_left(&zeros), ==, 32);
  }
}

/* Codes of opposite motion_code differ in the last bit, their sign. */
static void
test_motion_code_signs(void)
{
  for (int v = 1; v <= 16; v++) {
    char *plus = without_blanks(row_of(DCN_MPEG2_TABLE_B10, v)->code);
    char *minus = without_blanks(row_of(DCN_MPEG2_TABLE_B10, -v)->code);
    gsize length = strlen(plus);
    g_assert_cmpuint(strlen(minus), ==, length);
    g_assert_true(strncmp(plus, minus, length - 1) == 0);
    g_assert_cmpint(plus[length - 1], ==, '0');
    g_assert_cmpint(minus[length - 1], ==, '1');
    if (v > 1)
      g_assert_cmpuint(length, >=, length_of(DCN_MPEG2_TABLE_B10, v - 1));
    g_free(plus);
    g_free(minus);
  }
}

/* The number of levels that each run has a code for: 111 pairs, the same in both tables; and within
 * a run a larger level never has a shorter code. */
static void
test_coefficients(gconstpointer data)
{
  static const int levels[32] = {40, 18, 5, 4, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2,
                                 2,  1,  1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  DcnMpeg2TableId id = GPOINTER_TO_INT(data);
  int pairs = 0;
  for (int run = 0; run < 32; run++) {
    for (int level = 1; level <= levels[run]; level++) {
      g_assert_nonnull(row_of(id, DCN_MPEG2_DCT(run, level)));
      if (level > 1)
        g_assert_cmpuint(length_of(id, DCN_MPEG2_DCT(run, level)), >=,
                         length_of(id, DCN_MPEG2_DCT(run, level - 1)));
      pairs++;
    }
    if (levels[run] < 63)
      g_assert_null(row_of(id, DCN_MPEG2_DCT(run, levels[run] + 1)));
  }
  g_assert_cmpint(pairs, ==, 111);
  g_assert_cmpstr(row_of(id, DCN_MPEG2_DCT_ESCAPE)->code, ==, "0000 01");
  g_assert_cmpstr(row_of(id, DCN_MPEG2_DCT_END_OF_BLOCK)->code, ==,
                  id == DCN_MPEG2_TABLE_B14 ? "10" : "0110");
}

/* From length 14 on (without sign) both tables are one. */
static void
test_coefficient_tails(void)
{
  size_t n;
  const DcnVlcRow *rows = dcn_mpeg2_table_rows(DCN_MPEG2_TABLE_B14, &n);
  int tail = 0;
  for (size_t i = 0; i < n; i++) {
    if (length_of(DCN_MPEG2_TABLE_B14, rows[i].value) < 14)
      continue;
    g_assert_cmpstr(rows[i].code, ==, row_of(DCN_MPEG2_TABLE_B15, rows[i].value)->code);
    tail++;
  }
  g_assert_cmpint(tail, ==, 48);
}

/* Mirror images of a block pattern, and Cb for Cr, are coded alike in length. */
static void
test_pattern_symmetry(void)
{
  for (int cbp = 1; cbp < 64; cbp++) {
    int b[6];
    for (int i = 0; i < 6; i++)
      b[i] = cbp >> (5 - i) & 1;
    int across = b[1] << 5 | b[0] << 4 | b[3] << 3 | b[2] << 2 | (cbp & 3);
    int down = b[2] << 5 | b[3] << 4 | b[0] << 3 | b[1] << 2 | (cbp & 3);
    int chroma = (cbp & ~3) | b[5] << 1 | b[4];
    gsize length = length_of(DCN_MPEG2_TABLE_B9, cbp);
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B9, across), ==, length);
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B9, down), ==, length);
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B9, chroma), ==, length);
  }
}

/* Addresses 1 to 33 with codes that never get shorter; the two sizes of differences end at 11. */
static void
test_ranges(void)
{
  for (int i = 2; i <= 33; i++)
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B1, i), >=, length_of(DCN_MPEG2_TABLE_B1, i - 1));
  g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B1, DCN_MPEG2_MBA_ESCAPE), ==, 11);
  g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B1, DCN_MPEG2_MBA_STUFFING), ==, 11);
  for (int size = 5; size <= 10; size++) {
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B12, size), ==, size - 1);
    g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B13, size), ==, size);
  }
  g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B12, 11), ==, 9);
  g_assert_cmpuint(length_of(DCN_MPEG2_TABLE_B13, 11), ==, 10);
}

/* A bad table is refused, not half built. */
static void
test_bad_tables(void)
{
  static const DcnVlcRow prefix[] = {{"1", 1}, {"10", 2}};
  static const DcnVlcRow deep_prefix[] = {{"0001", 1}, {"000101", 2}};
  static const DcnVlcRow twice[] = {{"01", 1}, {"01", 2}};
  static const DcnVlcRow letters[] = {{"01x", 1}};
  static const DcnVlcRow empty[] = {{" ", 1}};
  static const struct {
    const DcnVlcRow *rows;
    size_t n;
  } bad[] = {{prefix, 2}, {deep_prefix, 2}, {twice, 2}, {letters, 1}, {empty, 1}};
  DcnVlcEntry entries[64];
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    for (int first_bits = 1; first_bits <= 5; first_bits++) {
      DcnVlc vlc = {NULL, 0};
      g_assert_cmpint(dcn_vlc_build(bad[i].rows, bad[i].n, first_bits, entries, 64, &vlc), ==, -1);
      g_assert_null(vlc.entries);
    }
  }
  static const DcnVlcRow good[] = {{"1", 1}, {"0001", 2}};
  DcnVlc vlc;
  g_assert_cmpint(dcn_vlc_build(good, 2, 2, entries, 8, &vlc), ==, 8);
  g_assert_cmpint(dcn_vlc_build(good, 2, 2, entries, 7, &vlc), ==, -1);
}

/* The reader against a reader that takes one bit at a time, over all sizes and steps. */
static void
test_reader(void)
{
  GRand *rand = g_rand_new_with_seed(7);
  for (gsize size = 0; size < 40; size++) {
    /* An exact heap block, so that a sanitizer sees a byte too many. */
    guint8 *bytes = g_malloc(size);
    for (gsize i = 0; i < size; i++)
      bytes[i] = (guint8)g_rand_int(rand);
    for (int round = 0; round < 50; round++) {
      DcnBitReader reader;
      dcn_bits_init(&reader, bytes, size);
      gsize at = 0;
      while (!reader.error) {
        g_assert_cmpuint(dcn_bits_left(&reader), ==, 8 * size - at);
        int n = g_rand_int_range(rand, 1, 33);
        guint32 expected = 0;
        for (int k = 0; k < n; k++) {
          gsize bit = at + (gsize)k;
          expected = expected << 1 | (bit < 8 * size ? bytes[bit / 8] >> (7 - bit % 8) & 1u : 0u);
        }
        g_assert_cmpuint(dcn_bits_peek(&reader, n), ==, expected);
        if (at + (gsize)n > 8 * size) {
          g_assert_cmpuint(dcn_bits_read(&reader, n), ==, 0);
          g_assert_true(reader.error);
        } else if (round % 2) {
          dcn_bits_skip(&reader, n);
        } else {
          g_assert_cmpuint(dcn_bits_read(&reader, n), ==, expected);
        }
        at += (gsize)n;
      }
      g_assert_cmpuint(dcn_bits_left(&reader), ==, 0);
      g_assert_cmpuint(dcn_bits_peek(&reader, 32), ==, 0);
      g_assert_cmpuint(dcn_bits_read(&reader, 1), ==, 0);
    }
    g_free(bytes);
  }
  g_rand_free(rand);

  static const guint8 tail[] = {0x12, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  DcnBitReader reader;
  dcn_bits_init(&reader, tail, 11);
  g_assert_false(dcn_bits_rest_is_zero(&reader));
  dcn_bits_skip(&reader, 11);
  g_assert_false(dcn_bits_rest_is_zero(&reader));
  dcn_bits_skip(&reader, 1);
  g_assert_true(dcn_bits_rest_is_zero(&reader));
  dcn_bits_init(&reader, tail, 12);
  dcn_bits_skip(&reader, 12);
  g_assert_false(dcn_bits_rest_is_zero(&reader));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(all_tables); i++) {
    char *path = g_strdup_printf("/mpeg2/tables/%s/kraft", all_tables[i].name);
    g_test_add_data_func(path, &all_tables[i], test_kraft);
    g_free(path);
    path = g_strdup_printf("/mpeg2/tables/%s/look-up", all_tables[i].name);
    g_test_add_data_func(path, &all_tables[i], test_look_up);
    g_free(path);
  }
  g_test_add_func("/mpeg2/tables/B.10/signs", test_motion_code_signs);
  g_test_add_data_func("/mpeg2/tables/B.14/pairs", GINT_TO_POINTER(DCN_MPEG2_TABLE_B14),
                       test_coefficients);
  g_test_add_data_func("/mpeg2/tables/B.15/pairs", GINT_TO_POINTER(DCN_MPEG2_TABLE_B15),
                       test_coefficients);
  g_test_add_func("/mpeg2/tables/B.15/tail-of-B.14", test_coefficient_tails);
  g_test_add_func("/mpeg2/tables/B.9/symmetry", test_pattern_symmetry);
  g_test_add_func("/mpeg2/tables/ranges", test_ranges);
  g_test_add_func("/bits/vlc/bad-tables", test_bad_tables);
  g_test_add_func("/bits/reader", test_reader);
  return g_test_run();
}
