/* The tables of ITU-T H.264 clause 9: codes are prefix-free and complete but for known holes, and all agree with sums that
 * were taken of an encoder's copy of them, not of these files.  SPDX-License-Identifier: LGPL-2.1-or-later */
#include "h264/tables.h"
#include <string.h>

/* Of the codes in the rows' order: their lengths; row number, from 1, times code read as a number; and what is missing to a
 * Kraft sum of 1, in units of 2^-16. */
static const struct {
  const char *name;
  DcnH264TableId id;
  guint n_rows, lengths, weighted, hole;
} codes[] = {
    {"9-5 nc 0", DCN_H264_TABLE_9_5_NC_0, 62, 738, 17930, 2},
    {"9-5 nc 2", DCN_H264_TABLE_9_5_NC_2, 62, 608, 16902, 8},
    {"9-5 nc 4", DCN_H264_TABLE_9_5_NC_4, 62, 451, 18451, 64},
    {"9-5 nc 8", DCN_H264_TABLE_9_5_NC_8, 62, 372, 83299, 2048},
    {"9-5 nc m1", DCN_H264_TABLE_9_5_NC_M1, 14, 79, 267, 0},
    {"9-5 nc m2", DCN_H264_TABLE_9_5_NC_M2, 30, 254, 2749, 56},
    {"9-7 1", DCN_H264_TABLE_9_7_1, 16, 94, 311, 128},
    {"9-7 2", DCN_H264_TABLE_9_7_2, 15, 65, 293, 0},
    {"9-7 3", DCN_H264_TABLE_9_7_3, 14, 58, 242, 0},
    {"9-7 4", DCN_H264_TABLE_9_7_4, 13, 51, 241, 0},
    {"9-7 5", DCN_H264_TABLE_9_7_5, 12, 45, 201, 0},
    {"9-7 6", DCN_H264_TABLE_9_7_6, 11, 42, 153, 0},
    {"9-7 7", DCN_H264_TABLE_9_7_7, 10, 38, 98, 0},
    {"9-8 8", DCN_H264_TABLE_9_8_8, 9, 34, 67, 0},
    {"9-8 9", DCN_H264_TABLE_9_8_9, 8, 30, 47, 0},
    {"9-8 10", DCN_H264_TABLE_9_8_10, 7, 23, 39, 0},
    {"9-8 11", DCN_H264_TABLE_9_8_11, 6, 18, 36, 0},
    {"9-8 12", DCN_H264_TABLE_9_8_12, 5, 14, 14, 0},
    {"9-8 13", DCN_H264_TABLE_9_8_13, 4, 9, 9, 0},
    {"9-8 14", DCN_H264_TABLE_9_8_14, 3, 5, 5, 0},
    {"9-8 15", DCN_H264_TABLE_9_8_15, 2, 2, 2, 0},
    {"9-9a 1", DCN_H264_TABLE_9_9A_1, 4, 9, 6, 0},
    {"9-9a 2", DCN_H264_TABLE_9_9A_2, 3, 5, 3, 0},
    {"9-9a 3", DCN_H264_TABLE_9_9A_3, 2, 2, 1, 0},
    {"9-9b 1", DCN_H264_TABLE_9_9B_1, 8, 29, 50, 0},
    {"9-9b 2", DCN_H264_TABLE_9_9B_2, 7, 20, 131, 0},
    {"9-9b 3", DCN_H264_TABLE_9_9B_3, 6, 16, 85, 0},
    {"9-9b 4", DCN_H264_TABLE_9_9B_4, 5, 12, 52, 0},
    {"9-9b 5", DCN_H264_TABLE_9_9B_5, 4, 8, 20, 0},
    {"9-9b 6", DCN_H264_TABLE_9_9B_6, 3, 5, 5, 0},
    {"9-9b 7", DCN_H264_TABLE_9_9B_7, 2, 2, 2, 0},
    {"9-10 1", DCN_H264_TABLE_9_10_1, 2, 2, 1, 0},
    {"9-10 2", DCN_H264_TABLE_9_10_2, 3, 5, 3, 0},
    {"9-10 3", DCN_H264_TABLE_9_10_3, 4, 8, 10, 0},
    {"9-10 4", DCN_H264_TABLE_9_10_4, 5, 12, 14, 0},
    {"9-10 5", DCN_H264_TABLE_9_10_5, 6, 16, 29, 0},
    {"9-10 6", DCN_H264_TABLE_9_10_6, 7, 20, 86, 0},
    {"9-10 7", DCN_H264_TABLE_9_10_7, 15, 81, 176, 32},
};

/* Of the pairs m, n of a column in the order of ctxIdx: sums of m, of n, and of (3 m + n) times the pair's number, from 1. */
static const struct {
  const char *title;
  int first, column, m, n, weighted;
} contexts[] = {
    {"9-12", 0, 0, -1, 615, 3590},         {"9-13", 11, 0, 38, 645, 5502},
    {"9-13", 11, 1, 49, 634, 5524},        {"9-13", 11, 2, 34, 675, 5444},
    {"9-14", 24, 0, -1, 1158, 8299},       {"9-14", 24, 1, 132, 923, 9438},
    {"9-14", 24, 2, 71, 1031, 8954},       {"9-15", 40, 0, -17, 1062, 7797},
    {"9-15", 40, 1, -42, 1104, 7370},      {"9-15", 40, 2, -8, 1186, 8978},
    {"9-16", 54, 0, -27, 425, 1231},       {"9-16", 54, 1, -8, 432, 1401},
    {"9-16", 54, 2, -21, 416, 1172},       {"9-17", 60, 0, 4, 671, 3993},
    {"9-18", 70, 0, -456, 3373, 37224},    {"9-18", 70, 1, -356, 2933, 37498},
    {"9-18", 70, 2, -400, 2970, 35076},    {"9-18", 70, 3, -398, 3081, 36473},
    {"9-19", 105, 0, -39, 4119, 128482},   {"9-19", 105, 1, 194, 3520, 129936},
    {"9-19", 105, 2, -417, 4322, 108981},  {"9-19", 105, 3, -176, 3855, 104632},
    {"9-20", 166, 0, 1359, 1227, 183262},  {"9-20", 166, 1, 769, 2679, 170187},
    {"9-20", 166, 2, 1769, 536, 182244},   {"9-20", 166, 3, 1006, 2115, 175214},
    {"9-21", 227, 0, -387, 3494, 58586},   {"9-21", 227, 1, -117, 2872, 64995},
    {"9-21", 227, 2, -328, 3221, 60269},   {"9-21", 227, 3, -599, 3879, 53433},
    {"9-22", 277, 0, -13, 4151, 129931},   {"9-22", 277, 1, 46, 4049, 137828},
    {"9-22", 277, 2, -270, 4625, 127433},  {"9-22", 277, 3, -362, 4988, 130880},
    {"9-23", 338, 0, 1396, 1184, 185220},  {"9-23", 338, 1, 1447, 1362, 189548},
    {"9-23", 338, 2, 2042, 79, 200920},    {"9-23", 338, 3, 1879, 662, 204449},
    {"9-16", 399, 0, 87, 102, 737},        {"9-16", 399, 1, 37, 150, 547},
    {"9-16", 399, 2, 67, 135, 682},        {"9-16", 399, 3, 57, 144, 646},
    {"9-24", 402, 0, 150, 3196, 115671},   {"9-24", 402, 1, 341, 2821, 136724},
    {"9-24", 402, 2, 646, 2773, 156143},   {"9-24", 402, 3, 90, 2889, 102149},
    {"9-25", 460, 0, -298, 2348, 17570},   {"9-25", 460, 1, -178, 2050, 18686},
    {"9-25", 460, 2, -240, 2130, 16852},   {"9-25", 460, 3, -174, 2090, 18094},
    {"9-26", 484, 0, -90, 5866, 251686},   {"9-26", 484, 1, 190, 5188, 256692},
    {"9-26", 484, 2, -1046, 6992, 180916}, {"9-26", 484, 3, -418, 5862, 200652},
    {"9-27", 572, 0, 1722, 1766, 322936},  {"9-27", 572, 1, 1156, 3460, 331008},
    {"9-27", 572, 2, 3114, -818, 383484},  {"9-27", 572, 3, 1404, 2816, 333352},
    {"9-28", 660, 0, 150, 3196, 123170},   {"9-28", 660, 1, 341, 2821, 133399},
    {"9-28", 660, 2, 646, 2773, 158558},   {"9-28", 660, 3, 90, 2889, 104367},
    {"9-29", 718, 0, 150, 3196, 123170},   {"9-29", 718, 1, 341, 2821, 133399},
    {"9-29", 718, 2, 646, 2773, 158558},   {"9-29", 718, 3, 90, 2889, 104367},
    {"9-30", 776, 0, 28, 5810, 265676},    {"9-30", 776, 1, -208, 6504, 271486},
    {"9-30", 776, 2, -822, 7580, 233310},  {"9-30", 776, 3, -750, 7682, 254890},
    {"9-31", 864, 0, 1726, 1952, 333334},  {"9-31", 864, 1, 2182, 1256, 358002},
    {"9-31", 864, 2, 3372, -1286, 405204}, {"9-31", 864, 3, 3112, -286, 419162},
    {"9-32", 952, 0, -390, 3988, 85776},   {"9-32", 952, 1, -274, 3758, 89346},
    {"9-32", 952, 2, -742, 4624, 72664},   {"9-32", 952, 3, -838, 4992, 76328},
    {"9-33", 1012, 0, -153, 1140, 4305},   {"9-33", 1012, 1, -129, 1137, 4836},
    {"9-33", 1012, 2, -162, 1185, 4389},   {"9-33", 1012, 3, -171, 1203, 4344},
};

static guint
code_bits(const char *code, guint *length)
{
  guint bits = 0;
  *length = 0;
  for (; *code; code++) {
    if (*code == ' ')
      continue;
    bits = bits << 1 | (guint)(*code - '0');
    ++*length;
  }
  return bits;
}

static void
test_codes(gconstpointer data)
{
  gsize i = GPOINTER_TO_SIZE(data);
  size_t n;
  const DcnVlcRow *rows = dcn_h264_table_rows(codes[i].id, &n);
  guint lengths = 0, weighted = 0, kraft = 0;
  g_assert_cmpuint(n, ==, codes[i].n_rows);
  for (guint a = 0; a < n; a++) {
    guint length_a, bits_a = code_bits(rows[a].code, &length_a);
    lengths += length_a;
    weighted += (a + 1) * bits_a;
    kraft += 1u << (16 - length_a);
    for (guint b = 0; b < n; b++) {
      guint length_b, bits_b = code_bits(rows[b].code, &length_b);
      if (a != b && length_a <= length_b)
        g_assert_cmpuint(bits_b >> (length_b - length_a), !=, bits_a);
    }
    /* the standard's order */
    if (a > 0 && codes[i].id > DCN_H264_TABLE_9_5_NC_M2)
      g_assert_cmpint(rows[a].value, ==, rows[a - 1].value + 1);
    if (a > 0 && codes[i].id <= DCN_H264_TABLE_9_5_NC_M2)
      g_assert_cmpint(
          DCN_H264_TOTAL_COEFF(rows[a].value) * 4 + DCN_H264_TRAILING_ONES(rows[a].value), >,
          DCN_H264_TOTAL_COEFF(rows[a - 1].value) * 4 + DCN_H264_TRAILING_ONES(rows[a - 1].value));
  }
  g_assert_cmpuint(lengths, ==, codes[i].lengths);
  g_assert_cmpuint(weighted, ==, codes[i].weighted);
  g_assert_cmpuint(65536 - kraft, ==, codes[i].hole);
}

static void
test_contexts(void)
{
  gsize next = 0;
  int covered = 0;
  for (int t = 0; t < DCN_H264_N_CONTEXT_TABLES; t++) {
    const DcnH264ContextTable *table = &dcn_h264_context_tables[t];
    int size = table->last - table->first + 1;
    covered += size;
    for (int column = 0; column < table->columns; column++, next++) {
      const int8_t *values = table->values + column * 2 * size;
      int m = 0, n = 0, weighted = 0;
      for (int i = 0; i < size; i++) {
        m += values[2 * i];
        n += values[2 * i + 1];
        weighted += (i + 1) * (3 * values[2 * i] + values[2 * i + 1]);
      }
      g_assert_cmpuint(next, <, G_N_ELEMENTS(contexts));
      g_assert_cmpstr(table->title, ==, contexts[next].title);
      g_assert_cmpint(table->first, ==, contexts[next].first);
      g_assert_cmpint(column, ==, contexts[next].column);
      g_assert_cmpint(m, ==, contexts[next].m);
      g_assert_cmpint(n, ==, contexts[next].n);
      g_assert_cmpint(weighted, ==, contexts[next].weighted);
    }
  }
  g_assert_cmpuint(next, ==, G_N_ELEMENTS(contexts));
  g_assert_cmpint(covered, ==, 1023); /* 276 is not in a table: it never adapts */
}

/* Tables 9-43 to 9-45 and 9-4 */
static void
test_others(void)
{
  int sums[4] = {0}, weighted = 0, lps = 0;
  for (int i = 0; i < 64; i++) {
    const uint8_t *r = dcn_h264_range_lps[i];
    for (int q = 0; q < 4; q++) {
      sums[q] += r[q];
      weighted += (i + 1) * (q + 1) * r[q];
    }
    lps += dcn_h264_trans_idx_lps[i];
    if (i > 0)
      g_assert_cmpint(dcn_h264_trans_idx_lps[i], >=, dcn_h264_trans_idx_lps[i - 1]);
    g_assert_cmpint(dcn_h264_trans_idx_lps[i], <=, i);
  }
  g_assert_cmpint(sums[0], ==, 2699);
  g_assert_cmpint(sums[1], ==, 3331);
  g_assert_cmpint(sums[2], ==, 3936);
  g_assert_cmpint(sums[3], ==, 4548);
  g_assert_cmpint(weighted, ==, 680153);
  g_assert_cmpint(lps, ==, 1442);

  int frame = 0, field = 0, last = 0;
  for (int i = 0; i < 63; i++) {
    frame += (i + 1) * dcn_h264_significant_8x8[0][i];
    field += (i + 1) * dcn_h264_significant_8x8[1][i];
    last += (i + 1) * dcn_h264_last_8x8[i];
  }
  g_assert_cmpint(frame, ==, 18509);
  g_assert_cmpint(field, ==, 20832);
  g_assert_cmpint(last, ==, 8663);

  for (int k = 0; k < 2; k++) {
    uint64_t seen = 0;
    unsigned gray = 0;
    for (int i = 0; i < 48; i++)
      seen |= UINT64_C(1) << dcn_h264_coded_block_pattern_420[k][i];
    for (int i = 0; i < 16; i++)
      gray |= 1u << dcn_h264_coded_block_pattern_gray[k][i];
    g_assert_cmphex(seen, ==, (UINT64_C(1) << 48) - 1);
    g_assert_cmphex(gray, ==, 0xffff);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
    char *path = g_strdup_printf("/h264/tables/codes/%s", codes[i].name);
    g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_codes);
    g_free(path);
  }
  g_test_add_func("/h264/tables/contexts", test_contexts);
  g_test_add_func("/h264/tables/others", test_others);
  return g_test_run();
}
