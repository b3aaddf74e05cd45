/* deltacnn: tests of scaling both ways at once, against the exact sums.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "frame/tiles.h"
#include <string.h>

static const struct {
  int size, samples; /* across: tensor, plane */
  double begin, end;
  int down_size, down_samples;
  int step;
} cases[] = {
    {96, 640, 0, 640, 96, 360, 1},
    {96, 320, 0.25, 320.25, 96, 180, 1}, /* I420's chroma */
    {96, 320, 0.25, 320.25, 96, 180, 2}, /* NV12's */
    {128, 640, 0, 640, 128, 480, 1},
    {224, 640, 0, 640, 224, 480, 1},
    {224, 320, 0.25, 320.25, 224, 240, 1}, /* products of weights do not fit bytes */
    {224, 320, 0, 320, 224, 240, 2},
    {224, 1280, 0, 1280, 224, 720, 1},
    {224, 1920, 0, 1920, 224, 1080, 1},
    {96, 1280, 0, 1280, 96, 720, 1},
    {224, 480, 30, 450, 224, 480, 1},
    {100, 1280, 0, 1280, 100, 100, 1},
    {64, 64, 0, 64, 64, 64, 1},
    {7, 65, 1, 64, 2, 3, 1}, /* enlarged beyond the plane: */
    {224, 112, -0.25, 111.75, 224, 112, 1},
    {33, 99, 0, 99, 11, 99, 1},
    {227, 640, 0, 640, 227, 480, 1}, /* weights do not fit bytes: */
    {299, 1920, 0, 1920, 299, 1080, 1},
    {299, 320, 0.25, 320.25, 299, 240, 2},
    {512, 320, 0.25, 320.25, 512, 120, 1},
    {416, 960, 0.25, 960.25, 416, 540, 2},
    {512, 640, 0, 640, 512, 360, 1}, /* only those of the rows */
    {64, 853, 3.5, 849.5, 64, 479, 1},
    {97, 1280, 0, 1280, 97, 720, 1}, /* 15 taps */
    {1021, 1022, 0, 1022, 17, 33, 1},
    {224, 640, 0, 640, 224, 480, 3}, /* packed colours */
    {299, 640, 0, 640, 299, 480, 4},
    {416, 640, 0, 640, 416, 480, 4},
    {96, 1920, 0, 1920, 96, 1080, 1}, /* 20 taps and more: 8 or 16 loads */
    {40, 1280, 0, 1280, 96, 720, 1},
    {100, 1920, 0, 1920, 100, 1080, 2},
};

/* The sum over rows and columns of weight times sample. */
static int
expected_sum(const DcnAxisFilter *across, const DcnAxisFilter *down, int x, int y,
             const uint8_t *source, int pitch, int step, int offset)
{
  int sum = 0;
  for (int r = 0; r < dcn_axis_filter_taps(down, y); r++)
    for (int t = 0; t < dcn_axis_filter_taps(across, x); t++)
      sum += down->whole[down->offset[y] + r] * across->whole[across->offset[x] + t] *
             source[r * pitch + (across->first[x] + t) * step + offset];
  return sum;
}

static void
check_case(guint c, const DcnTiles *tiles, const DcnAxisFilter *across, const DcnAxisFilter *down,
           int offset, GRand *rand)
{
  int pitch = cases[c].samples * cases[c].step, size = cases[c].size;
  gsize n_floats =
      (gsize)(size + DCN_TILE_OUTPUTS_MOST - 1) / DCN_TILE_OUTPUTS_MOST * DCN_TILE_OUTPUTS_MOST;
  float scale = 1 / (float)(across->whole_sum * down->whole_sum);
  for (int round = 0; round < 30; round++) {
    int y = g_rand_int_range(rand, 0, down->size), taps = dcn_axis_filter_taps(down, y);
    int begin = round < 2 ? 0 : g_rand_int_range(rand, 0, size);
    int end = round < 2 ? size : g_rand_int_range(rand, begin, size) + 1;
    /* Nothing behind the last row may be read. */
    uint8_t *source = g_malloc((gsize)pitch * (gsize)taps);
    float *out = g_new(float, n_floats + 1);
    for (int i = 0; i < pitch * taps; i++)
      source[i] = round == 0 ? 255 : (uint8_t)g_rand_int(rand);
    out[n_floats] = -5;
    dcn_tiles_run(tiles, source, pitch, down->whole + down->offset[y], taps, 0, begin, end, out);
    g_assert_cmpfloat(out[n_floats], ==, -5);
    for (int x = begin; x < end; x++) {
      volatile float sum =
          (float)expected_sum(across, down, x, y, source, pitch, cases[c].step, offset);
      sum = sum * scale;
      g_assert_cmpfloat(out[x], ==, sum);
    }
    g_free(source);
    g_free(out);
  }
}

/* Returns how many of the cases this way takes. */
static int
check_way(const DcnTilesWay *way, GRand *rand)
{
  int n_taken = 0;
  for (guint c = 0; c < G_N_ELEMENTS(cases); c++) {
    DcnAxisFilter across, down;
    g_assert_true(dcn_axis_filter_init(&across, cases[c].size, cases[c].samples, cases[c].begin,
                                       cases[c].end));
    g_assert_true(dcn_axis_filter_init(&down, cases[c].down_size, cases[c].down_samples, 0,
                                       cases[c].down_samples));
    for (int offset = 0; offset < cases[c].step; offset++) {
      DcnTiles tiles;
      if (!way->init(&tiles, &across, &down, cases[c].samples * cases[c].step, cases[c].step,
                     offset))
        continue;
      n_taken++;
      check_case(c, &tiles, &across, &down, offset, rand);
      dcn_tiles_clear(&tiles);
    }
    dcn_axis_filter_clear(&across);
    dcn_axis_filter_clear(&down);
  }
  return n_taken;
}

static void
test_sums(void)
{
  GRand *rand = g_rand_new_with_seed(6);
  const DcnTilesWay *ways = dcn_tiles_ways();
  if (!ways[0].init)
    g_test_skip("there are no tiles on this CPU");
  for (int i = 0; ways[i].init; i++)
    g_assert_cmpint(check_way(&ways[i], rand), >=, 24);
  g_rand_free(rand);
}

/* Where weights are no whole numbers, sums do not fit 32 bits, or rows are too short, there are none. */
static void
test_refused(void)
{
  DcnAxisFilter odd, even, large;
  DcnTiles tiles;
  g_assert_true(dcn_axis_filter_init(&odd, 100, 640, 0.1234567, 639.7654321));
  g_assert_true(dcn_axis_filter_init(&even, 96, 360, 0, 360));
  g_assert_true(dcn_axis_filter_init(&large, 2003, 4001, 0, 4001));
  g_assert_false(dcn_tiles_init(&tiles, &odd, &even, 640, 1, 0));
  g_assert_false(dcn_tiles_init(&tiles, &even, &odd, 360, 1, 0));
  g_assert_false(dcn_tiles_init(&tiles, &large, &large, 4001, 1, 0));
  dcn_axis_filter_clear(&odd);
  g_assert_true(dcn_axis_filter_init(&odd, 5, 15, 0, 15));
  g_assert_false(dcn_tiles_init(&tiles, &odd, &even, 15, 1, 0));
  dcn_tiles_clear(&tiles);
  dcn_axis_filter_clear(&odd);
  dcn_axis_filter_clear(&even);
  dcn_axis_filter_clear(&large);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/tiles/sums", test_sums);
  g_test_add_func("/frame/tiles/refused", test_refused);
  return g_test_run();
}
