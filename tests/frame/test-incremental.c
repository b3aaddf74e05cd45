/* deltacnn: tests of frame to tensor where only some blocks changed: what is written, what is not, and what a check finds.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "conversion.h"
#include <math.h>
#include <string.h>

/* Columns (or rows) of blocks that a pixel covers for certain, and those that its taps can reach. */
static void
block_spans(const DcnFrameInfo *info, const DcnTensorSpec *spec, gboolean vertical, int i,
            int certain[2], int possible[2])
{
  /* Linear interpolation and siting reach at most a chroma group and a half further. */
  double low, high, reach = 1.5 * (1 << (vertical ? info->sub_y : info->sub_x));
  int last = ((vertical ? info->height : info->width) - 1) / 8;
  test_interval(info, spec, 0, vertical, i, &low, &high);
  double middle = (low + high) / 2,
         edge = 0.01; /* what covers a sample by less may be rounded off */
  certain[0] = (int)floor(MIN(low + edge, middle) / 8);
  certain[1] = (int)floor(MAX(high - edge, middle) / 8);
  possible[0] = MAX(0, (int)floor((low - reach) / 8));
  possible[1] = MIN(last, (int)floor((high + reach) / 8));
}

/* Of touched pixels: blocks that one covers are told, and none that none can reach. */
static void
check_blocks(const DcnFrameInfo *info, const DcnTensorSpec *spec, DcnFrameToTensor *convert,
             const uint8_t *touched)
{
  int cols = (info->width + 7) / 8, rows = (info->height + 7) / 8, n = 0;
  uint8_t *blocks = g_malloc(cols * rows), *expected = g_malloc0(cols * rows);
  memset(blocks, 0xaa, cols * rows);
  int told = dcn_frame_to_tensor_blocks(convert, touched, blocks);
  for (int y = 0; y < spec->height; y++)
    for (int x = 0; x < spec->width; x++) {
      int in_x[2], in_y[2], to_x[2], to_y[2];
      if (!touched[(size_t)y * spec->width + x])
        continue;
      block_spans(info, spec, FALSE, x, in_x, to_x);
      block_spans(info, spec, TRUE, y, in_y, to_y);
      for (int by = to_y[0]; by <= to_y[1]; by++)
        for (int bx = to_x[0]; bx <= to_x[1]; bx++)
          expected[by * cols + bx] |=
              by >= in_y[0] && by <= in_y[1] && bx >= in_x[0] && bx <= in_x[1] ? 3 : 1;
    }
  for (int i = 0; i < cols * rows; i++) {
    if (blocks[i] ? !(expected[i] & 1) : expected[i] & 2)
      g_error("%dx%d to %dx%d: block %d is %d, expected %d", info->width, info->height, spec->width,
              spec->height, i, blocks[i], expected[i]);
    g_assert_cmpint(blocks[i], <=, 1);
    n += blocks[i];
  }
  g_assert_cmpint(told, ==, n);
  g_free(blocks);
  g_free(expected);
}

/* Changes samples of random blocks, claims those blocks, and demands: the incremental tensor has
 * the bits of a full one; the touched pixels are those that differ from before; each has a claimed
 * block near its footprint. */
static void
check_incremental(const TestFormat *format, int width, int height, const DcnTensorSpec *spec,
                  GRand *rand, int rounds)
{
  DcnFrameInfo info = test_info(format, width, height);
  int cols = (width + 7) / 8, n_blocks = cols * ((height + 7) / 8);
  TestFrame *frame = test_frame_new(&info, g_rand_int_range(rand, 0, 9), g_rand_boolean(rand));
  TestRun full, some;
  uint8_t *changed = g_malloc(n_blocks);
  test_run_init(&full, &info, spec);
  test_run_init(&some, &info, spec);
  float *before = g_new(float, some.n_floats);
  test_frame_randomise(frame, rand);
  dcn_frame_to_tensor_run(some.convert, &frame->frame, NULL, some.tensor, some.touched, 0);
  for (int round = 0; round < rounds; round++) {
    static const double shares[] = {0, 0.002, 0.02, 0.2, 0.6, 1};
    double share = shares[g_rand_int_range(rand, 0, G_N_ELEMENTS(shares))];
    for (int i = 0; i < n_blocks; i++)
      changed[i] = g_rand_double(rand) < share ? (uint8_t)g_rand_int_range(rand, 1, 256) : 0;
    if (round == 0)
      changed[g_rand_int_range(rand, 0, n_blocks)] = 1;
    for (int c = 0; c < test_n_components(&info); c++) {
      int w, h;
      test_component_size(&info, c, &w, &h);
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
          if (changed[test_block_of(&info, c, x, y)])
            *test_sample(frame, c, x, y) = (uint8_t)g_rand_int(rand);
    }
    memcpy(before, some.tensor, some.n_floats * sizeof(float));
    /* A sentinel that no conversion makes, where the caller's tensor must not be written, would
     * break later rounds: compare with what was there instead. */
    int n = dcn_frame_to_tensor_run(some.convert, &frame->frame, changed, some.tensor, some.touched,
                                    1 + round % 3);
    dcn_frame_to_tensor_run(full.convert, &frame->frame, NULL, full.tensor, full.touched, 1);
    for (size_t i = 0; i < some.n_pixels; i++)
      for (int c = 0; c < spec->channel_stride; c++)
        if (memcmp(&some.tensor[i * spec->channel_stride + c],
                   &full.tensor[i * spec->channel_stride + c], sizeof(float)) != 0)
          g_error("%s %dx%d to %dx%d: pixel %zu differs from a full conversion", format->name,
                  width, height, spec->width, spec->height, i);
    const uint64_t *told = dcn_frame_to_tensor_near(some.convert);
    int n_touched = 0, words = (spec->width + 4095) / 4096;
    for (int y = 0; y < spec->height; y++)
      for (int x = 0; x < spec->width; x++) {
        size_t pixel = (size_t)y * spec->width + x;
        g_assert_cmpint(some.touched[pixel], <=, 1);
        n_touched += some.touched[pixel];
        g_assert_true(!some.touched[pixel] || !told ||
                      told[y * words + x / 4096] >> x / 64 % 64 & 1);
        double low_x, high_x, low_y, high_y;
        test_interval(&info, spec, 0, FALSE, x, &low_x, &high_x);
        test_interval(&info, spec, 0, TRUE, y, &low_y, &high_y);
        /* Linear interpolation and siting reach at most a chroma group and a half further. */
        double reach_x = 1.5 * (1 << info.sub_x), reach_y = 1.5 * (1 << info.sub_y);
        gboolean near = FALSE;
        for (int by = MAX(0, (int)floor((low_y - reach_y) / 8));
             by * 8 < MIN(height, high_y + reach_y); by++)
          for (int bx = MAX(0, (int)floor((low_x - reach_x) / 8));
               bx * 8 < MIN(width, high_x + reach_x); bx++)
            near |= changed[by * cols + bx] != 0;
        gboolean same =
            memcmp(&before[pixel * spec->channel_stride],
                   &some.tensor[pixel * spec->channel_stride], spec->channels * sizeof(float)) == 0;
        g_assert_true(some.touched[pixel] ? near && !same : same);
      }
    g_assert_cmpint(n, ==, n_touched);
    check_blocks(&info, spec, some.convert, some.touched);
  }
  g_free(before);
  g_free(changed);
  test_run_clear(&full);
  test_run_clear(&some);
  test_frame_free(frame);
}

static void
test_incremental(gconstpointer data)
{
  static const int sizes[][4] = {{1, 1, 3, 3},       {3, 2, 8, 8},       {9, 9, 9, 9},
                                 {16, 16, 16, 16},   {31, 33, 16, 16},   {64, 64, 224, 224},
                                 {65, 63, 224, 224}, {176, 144, 96, 96}, {353, 287, 224, 200},
                                 {100, 8, 32, 32},   {8, 300, 96, 16}};
  GRand *rand = g_rand_new_with_seed(5);
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (int round = 0; round < 3; round++) {
      DcnTensorSpec spec = test_random_spec(rand, sizes[i][2], sizes[i][3]);
      check_incremental(data, sizes[i][0], sizes[i][1], &spec, rand, 5);
    }
  DcnTensorSpec spec = test_spec(224, 224);
  check_incremental(data, 1923, 1085, &spec, rand, 2);
  g_rand_free(rand);
}

/* The poison test: a conversion may write only what it says it touched. */
static void
test_writes_only_touched(void)
{
  GRand *rand = g_rand_new_with_seed(9);
  DcnFrameInfo info = test_info(&test_formats[0], 320, 240);
  DcnTensorSpec spec = test_spec(96, 96);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  uint8_t *changed = g_malloc0(40 * 30);
  TestRun run;
  test_run_init(&run, &info, &spec);
  test_frame_randomise(frame, rand);
  for (int k = 0; k < 8; k++)
    changed[g_rand_int_range(rand, 0, 40 * 30)] = 1;
  dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1);
  int untouched = 0;
  for (size_t i = 0; i < run.n_pixels; i++) {
    for (int c = 0; c < 3; c++)
      g_assert_true((run.tensor[i * 4 + c] == -77) == !run.touched[i]);
    untouched += !run.touched[i];
  }
  g_assert_cmpint(untouched, >, 0);
  g_assert_cmpint(untouched, <, (int)run.n_pixels);
  test_run_clear(&run);
  g_free(changed);
  test_frame_free(frame);
  g_rand_free(rand);
}

/* Asked for nothing else, a conversion leaves what no claimed block reaches as it was, also where most of a row is
 * claimed and the frame is another one altogether. */
static void
test_only_reached(void)
{
  enum { COLS = 40, ROWS = 30, SIZE = 80 }; /* a pixel is 4 x 3 samples */
  GRand *rand = g_rand_new_with_seed(10);
  DcnFrameInfo info = test_info(&test_formats[0], COLS * 8, ROWS * 8);
  DcnTensorSpec spec = test_spec(SIZE, SIZE);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  uint8_t changed[COLS * ROWS];
  TestRun run;
  spec.resize = DCN_RESIZE_STRETCH;
  test_run_init(&run, &info, &spec);
  dcn_frame_to_tensor_set_only_reached(run.convert, TRUE);
  test_frame_randomise(frame, rand);
  dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
  test_frame_randomise(frame, rand);
  for (int i = 0; i < COLS * ROWS; i++)
    changed[i] = i % 8 > 2; /* five of eight columns */
  dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1);
  g_assert_false(dcn_frame_to_tensor_was_whole(run.convert));
  for (int x = 0; x < SIZE; x++) {
    /* Two pixels a block; a sample of chroma may reach over into the next. */
    gboolean inside = changed[x / 2];
    gboolean near = changed[(x + 1) / 2 % COLS] || changed[MAX(x - 1, 0) / 2];
    int touched = 0;
    for (int y = 0; y < SIZE; y++)
      touched += run.touched[y * SIZE + x];
    if (inside)
      g_assert_cmpint(touched, >, SIZE / 2);
    else if (!near)
      g_assert_cmpint(touched, ==, 0);
  }
  dcn_frame_to_tensor_set_only_reached(run.convert, FALSE);
  dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1);
  g_assert_true(dcn_frame_to_tensor_was_whole(run.convert));
  test_run_clear(&run);
  test_frame_free(frame);
  g_rand_free(rand);
}

/* Work in proportion to the change: one block of 1080p reaches a handful of 224x224 pixels. */
static void
test_few_pixels(void)
{
  DcnFrameInfo info = test_info(&test_formats[0], 1920, 1080);
  DcnTensorSpec spec = test_spec(224, 224);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  GRand *rand = g_rand_new_with_seed(7);
  uint8_t *changed = g_malloc0(240 * 135);
  TestRun run;
  test_run_init(&run, &info, &spec);
  test_frame_randomise(frame, rand);
  g_rand_free(rand);
  g_assert_cmpint(
      dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1), ==,
      0);
  changed[67 * 240 + 120] = 1;
  /* A block is 8 samples, a pixel 8.6 x 4.8: 2 or 3 columns, 3 or 4 rows with chroma's edges. */
  int n = dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1);
  g_assert_cmpint(n, >=, 2);
  g_assert_cmpint(n, <=, 12);
  test_run_clear(&run);
  g_free(changed);
  test_frame_free(frame);
}

/* A check finds a sample that changed where it looks and does not where it does not look, and needs no more than the
 * tensor that a run left. */
static void
test_check(gconstpointer data)
{
  static const int sizes[][4] = {{16, 16, 16, 16}, {65, 63, 224, 224}, {353, 287, 96, 80}};
  GRand *rand = g_rand_new_with_seed(6);
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
    DcnTensorSpec spec = test_spec(sizes[i][2], sizes[i][3]);
    DcnFrameInfo info = test_info(data, sizes[i][0], sizes[i][1]);
    int cols = (info.width + 7) / 8, rows = (info.height + 7) / 8;
    TestFrame *frame = test_frame_new(&info, 3, FALSE);
    uint8_t *blocks = g_malloc0((gsize)(cols * rows));
    TestRun run;
    test_run_init(&run, &info, &spec);
    test_frame_randomise(frame, rand);
    dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
    for (int round = 0; round < 20; round++) {
      int x = g_rand_int_range(rand, 0, info.width), y = g_rand_int_range(rand, 0, info.height);
      int bx = x / 8, by = y / 8;
      for (int k = 0; k < cols * rows; k++)
        blocks[k] = g_rand_boolean(rand);
      g_assert_true(dcn_frame_to_tensor_check(run.convert, &frame->frame, blocks));
      uint8_t *sample = test_sample(frame, 0, x, y), kept = *sample;
      *sample = kept < 128 ? 255 : 0;
      for (int k = 0; k < cols * rows; k++) /* far from it: neighbours may share its pixels ... */
        blocks[k] = abs(k / cols - by) > 2; /* ... and those between two of a row are looked at */
      g_assert_true(dcn_frame_to_tensor_check(run.convert, &frame->frame, blocks));
      memset(blocks, 0, (gsize)(cols * rows));
      blocks[by * cols + bx] = 1;
      g_assert_false(dcn_frame_to_tensor_check(run.convert, &frame->frame, blocks));
      *sample = kept;
      g_assert_true(dcn_frame_to_tensor_check(run.convert, &frame->frame, blocks));
    }
    g_free(blocks);
    test_run_clear(&run);
    test_frame_free(frame);
  }
  g_rand_free(rand);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/incremental/writes-only-touched", test_writes_only_touched);
  g_test_add_func("/frame/incremental/only-reached", test_only_reached);
  g_test_add_func("/frame/incremental/few-pixels", test_few_pixels);
  test_add_formats("incremental", test_incremental);
  test_add_formats("check", test_check);
  return g_test_run();
}
