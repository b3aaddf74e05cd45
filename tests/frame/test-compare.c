/* deltacnn: tests of the comparison of frames, against the definition sample by sample.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/compare.h"
#include "frames.h"
#include <string.h>

static int
n_blocks(const DcnFrameInfo *info)
{
  return (info->width + 7) / 8 * ((info->height + 7) / 8);
}

static void
check(DcnFrameHistory *history, const TestFrame *frame, const uint8_t *expected)
{
  int n = n_blocks(&frame->info), n_expected = 0;
  uint8_t *changed = g_malloc(n);
  memset(changed, 0xaa, n);
  int n_changed = dcn_frame_history_update(history, &frame->frame, changed);
  for (int i = 0; i < n; i++)
    n_expected += expected[i];
  g_assert_cmpmem(changed, n, expected, n);
  g_assert_cmpint(n_changed, ==, n_expected);
  g_free(changed);
}

static void
run_format(const TestFormat *format, int width, int height, GRand *rand)
{
  DcnFrameInfo info = test_info(format, width, height);
  TestFrame *frame = test_frame_new(&info, g_rand_int_range(rand, 0, 19), g_rand_boolean(rand));
  DcnFrameHistory *history = dcn_frame_history_new(&info);
  int n = n_blocks(&info);
  uint8_t *expected = g_malloc(n);
  g_assert_nonnull(history);
  test_frame_randomise(frame, rand);
  memset(expected, 1, n);
  check(history, frame, expected); /* nothing to compare with */
  memset(expected, 0, n);
  check(history, frame, expected);
  for (int round = 0; round < 20; round++) {
    memset(expected, 0, n);
    for (int k = g_rand_int_range(rand, 0, 6); k > 0; k--) {
      int c = g_rand_int_range(rand, 0, test_n_components(&info)), w, h;
      test_component_size(&info, c, &w, &h);
      /* The edges are where such code goes wrong. */
      int x = g_rand_boolean(rand) ? g_rand_int_range(rand, 0, w) : w - 1;
      int y = g_rand_boolean(rand) ? g_rand_int_range(rand, 0, h) : h - 1;
      uint8_t *sample = test_sample(frame, c, x, y), before = *sample;
      /* A second change of one sample might take the first back: only ever add, and never by 256.
       */
      *sample = (uint8_t)(before + g_rand_int_range(rand, 1, 30));
      expected[test_block_of(&info, c, x, y)] = 1;
    }
    check(history, frame, expected);
  }
  memset(expected, 0, n);
  check(history, frame, expected);
  dcn_frame_history_reset(history);
  memset(expected, 1, n);
  check(history, frame, expected);
  g_free(expected);
  dcn_frame_history_free(history);
  test_frame_free(frame);
}

static void
test_formats_and_sizes(gconstpointer data)
{
  GRand *rand = g_rand_new_with_seed(7);
  static const int sizes[][2] = {{1, 1},  {2, 3},   {7, 9},   {8, 8},   {9, 17},
                                 {15, 1}, {16, 16}, {33, 31}, {65, 50}, {203, 101}};
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
    run_format(data, sizes[i][0], sizes[i][1], rand);
  g_rand_free(rand);
}

/* Bytes that are no samples may hold anything: line padding, and the x of RGBx. */
static void
test_padding(void)
{
  for (int f = 0; f < n_test_formats; f++) {
    DcnFrameInfo info = test_info(&test_formats[f], 37, 21);
    TestFrame *frame = test_frame_new(&info, 5, FALSE);
    DcnFrameHistory *history = dcn_frame_history_new(&info);
    uint8_t *expected = g_malloc0(n_blocks(&info)), *kept = g_malloc(n_blocks(&info));
    GRand *rand = g_rand_new_with_seed(3);
    test_frame_randomise(frame, rand);
    dcn_frame_history_update(history, &frame->frame, kept);
    GByteArray *samples = g_byte_array_new();
    for (int pass = 0; pass < 2;
         pass++) { /* save all samples, change every byte, put the samples back */
      guint k = 0;
      for (int c = 0; c < test_n_components(&info); c++) {
        int w, h;
        test_component_size(&info, c, &w, &h);
        for (int y = 0; y < h; y++)
          for (int x = 0; x < w; x++) {
            if (pass == 0)
              g_byte_array_append(samples, test_sample(frame, c, x, y), 1);
            else
              *test_sample(frame, c, x, y) = samples->data[k++];
          }
      }
      for (int p = 0; p < frame->n_planes && pass == 0; p++)
        for (size_t i = 0; i < frame->size[p]; i++)
          frame->memory[p][i] ^= 0x55;
    }
    check(history, frame, expected);
    g_byte_array_unref(samples);
    g_rand_free(rand);
    g_free(expected);
    g_free(kept);
    dcn_frame_history_free(history);
    test_frame_free(frame);
  }
}

static void
test_invalid(void)
{
  DcnFrameInfo info = test_info(&test_formats[0], 0, 16);
  g_assert_null(dcn_frame_history_new(&info));
  info.width = G_MAXINT;
  g_assert_null(dcn_frame_history_new(&info));
  info.width = 16;
  info.sub_x = 7;
  g_assert_null(dcn_frame_history_new(&info));
  info = test_info(&test_formats[0], 16, 16);
  info.format = 99;
  g_assert_null(dcn_frame_history_new(&info));
  dcn_frame_history_free(NULL);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (int f = 0; f < n_test_formats; f++) {
    char *name = g_strdup_printf("/frame/compare/%s", test_formats[f].name);
    g_test_add_data_func(name, &test_formats[f], test_formats_and_sizes);
    g_free(name);
  }
  g_test_add_func("/frame/compare/padding", test_padding);
  g_test_add_func("/frame/compare/invalid", test_invalid);
  return g_test_run();
}
