/* deltacnn tests: slices of H.264 that end too early: what is reported of them.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * src/h264/decode.h: each macroblock before the error is reported, once, in the order of addresses.  What reports are for
 * writes to maps at these addresses, so that one too low is memory of somebody else's. */
#include "h264/decode.h"
#include <string.h>

#define SIDE 64

typedef struct {
  const DcnH264Macroblocks *m;
  int next, reported;
} Reports;

static void
report(void *user, int mb_addr, int count)
{
  Reports *r = user;
  g_assert_cmpint(count, >, 0);
  g_assert_cmpint(mb_addr, ==, r->next);
  g_assert_cmpint(mb_addr + count, <=, r->m->mb_width * r->m->mb_height);
  for (int i = mb_addr; i < mb_addr + count; i++)
    g_assert_cmpint(r->m->mbs[i].slice, ==, r->m->n_slices);
  r->next += count;
  r->reported += count;
}

/* One slice of a picture of SIDE x SIDE macroblocks.  Returns how many of its macroblocks were reported: all that were
 * decoded. */
static int
read_slice(DcnH264SliceType type, gboolean cabac, int qp, int first, const uint8_t *data,
           size_t size, const char **error)
{
  DcnH264Sps sps = {.chroma_format_idc = 1,
                    .frame_mbs_only_flag = 1,
                    .direct_8x8_inference_flag = 1,
                    .pic_width_in_mbs_minus1 = SIDE - 1,
                    .pic_height_in_map_units_minus1 = SIDE - 1};
  DcnH264Pps pps = {.entropy_coding_mode_flag = cabac};
  DcnH264SliceHeader header = {
      .slice_type = type, .first_mb_in_slice = first, .slice_qp_delta = qp - 26};
  DcnH264Macroblocks m = {0};
  Reports reports = {.m = &m, .next = first};
  uint8_t *copy = g_memdup2(data, size); /* so that reading past its end shows */
  g_assert_true(dcn_h264_macroblocks_begin(&m, &sps, FALSE));
  *error = dcn_h264_slice_data(&m, &pps, &header, copy, size, 0, report, &reports);
  g_assert_cmpint(reports.reported, ==, m.n_decoded);
  g_free(copy);
  dcn_h264_macroblocks_clear(&m);
  return reports.reported;
}

/* Skipped macroblocks from the slice's first one on, and no end.  SliceQP 21 makes preCtxState of ctxIdx 11 63 (tables 9-13
 * and 9-34): pStateIdx 0, valMPS 0.  codIRange is 510 at first and its LPS 240 (table 9-44); 0x87 and a zero are codIOffset
 * 270, all that is left to the MPS: so mb_skip_flag is the LPS, 1, and valMPS is 1 from then on (9.3.3.2.1).  codIOffset is 0
 * then, and zeros are all that is seen behind the end: the MPS for ever, mb_skip_flag 1 and end_of_slice_flag 0. */
static void
test_within_skipped(void)
{
  static const int firsts[] = {0, 1, SIDE - 1, SIDE, SIDE * SIDE / 2 + 5};
  static const uint8_t data[] = {0x87};
  for (size_t i = 0; i < G_N_ELEMENTS(firsts); i++) {
    const char *error;
    int n = read_slice(DCN_H264_SLICE_P, TRUE, 21, firsts[i], data, sizeof data, &error);
    g_assert_cmpstr(error, ==, "slice is cut off");
    g_assert_cmpint(n, >, 0);
    g_assert_cmpint(n, <, SIDE * SIDE - firsts[i]); /* not the picture's end */
  }
}

/* Slices of any bytes go wrong anywhere. */
static void
test_any_bytes(void)
{
  GRand *rng = g_rand_new_with_seed(26);
  int n_wrong = 0, n_some = 0;
  for (int i = 0; i < 3000; i++) {
    static const DcnH264SliceType types[] = {DCN_H264_SLICE_P, DCN_H264_SLICE_B, DCN_H264_SLICE_I};
    uint8_t data[64];
    size_t size = (size_t)g_rand_int_range(rng, 1, sizeof data + 1);
    for (size_t k = 0; k < size; k++) /* mostly small, which are likelier in CABAC */
      data[k] = (uint8_t)(g_rand_int_range(rng, 0, 256) >> g_rand_int_range(rng, 0, 8));
    const char *error;
    int n = read_slice(types[i % 3], i & 1, g_rand_int_range(rng, 10, 45),
                       g_rand_int_range(rng, 0, SIDE * SIDE), data, size, &error);
    n_wrong += error != NULL;
    n_some += n > 0;
  }
  g_rand_free(rng);
  g_assert_cmpint(n_wrong, >, 2000);
  g_assert_cmpint(n_some, >, 500);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/h264/cut/within-skipped", test_within_skipped);
  g_test_add_func("/h264/cut/any-bytes", test_any_bytes);
  return g_test_run();
}
