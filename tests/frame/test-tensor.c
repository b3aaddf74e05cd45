/* deltacnn: tests of frame to tensor, of whole frames: each pixel is what the definition says.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "conversion.h"
#include "util/error.h"
#include <math.h>
#include <string.h>

static void
check_against_reference(const TestFormat *format, int width, int height, const DcnTensorSpec *spec,
                        GRand *rand)
{
  DcnFrameInfo info = test_info(format, width, height);
  TestFrame *frame = test_frame_new(&info, g_rand_int_range(rand, 0, 9), g_rand_boolean(rand));
  TestRun run;
  test_run_init(&run, &info, spec);
  test_frame_randomise(frame, rand);
  int n = dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
  g_assert_cmpint(n, ==, (int)run.n_pixels);
  for (int y = 0; y < spec->height; y++)
    for (int x = 0; x < spec->width; x++) {
      size_t pixel = (size_t)y * spec->width + x;
      double expected[3];
      test_reference_pixel(frame, spec, x, y, expected);
      g_assert_cmpint(run.touched[pixel], ==, 1);
      for (int c = 0; c < spec->channel_stride; c++) {
        float got = run.tensor[pixel * spec->channel_stride + c];
        if (c >= spec->channels) /* the rest of a pixel is the caller's */
          g_assert_cmpfloat(got, ==, -77);
        else if (!test_is_rounded(spec, c, got, expected[c], 2e-3))
          g_error("%s %dx%d to %dx%d: pixel %d,%d channel %d is %g, not %g rounded, * %g + %g",
                  format->name, width, height, spec->width, spec->height, x, y, c, got, expected[c],
                  spec->scale[c], spec->offset[c]);
      }
    }
  test_run_clear(&run);
  test_frame_free(frame);
}

static void
test_reference(gconstpointer data)
{
  static const int sizes[][4] = {
      {1, 1, 1, 1},     {1, 1, 5, 7},      {2, 2, 1, 1},      {3, 5, 4, 4},     {5, 3, 2, 2},
      {8, 8, 8, 8},     {16, 16, 8, 8},    {17, 19, 16, 16},  {19, 17, 24, 31}, {40, 30, 30, 40},
      {64, 48, 32, 32}, {101, 77, 32, 24}, {13, 211, 20, 20}, {333, 9, 12, 12}, {160, 120, 28, 28},
      {700, 500, 3, 2}, {30, 40, 45, 20}};
  GRand *rand = g_rand_new_with_seed(11);
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++)
    for (int round = 0; round < 3; round++) {
      DcnTensorSpec spec = test_random_spec(rand, sizes[i][2], sizes[i][3]);
      check_against_reference(data, sizes[i][0], sizes[i][1], &spec, rand);
    }
  g_rand_free(rand);
}

/* Weights sum to 1: a constant picture stays what it is, at every size. */
static void
test_constant(gconstpointer data)
{
  GRand *rand = g_rand_new_with_seed(21);
  for (int round = 0; round < 60; round++) {
    DcnFrameInfo info =
        test_info(data, g_rand_int_range(rand, 1, 150), g_rand_int_range(rand, 1, 150));
    DcnTensorSpec spec =
        test_random_spec(rand, g_rand_int_range(rand, 1, 60), g_rand_int_range(rand, 1, 60));
    TestFrame *frame = test_frame_new(&info, 0, FALSE);
    uint8_t value[3] = {(uint8_t)g_rand_int(rand), (uint8_t)g_rand_int(rand),
                        (uint8_t)g_rand_int(rand)};
    for (int c = 0; c < test_n_components(&info); c++) {
      int w, h;
      test_component_size(&info, c, &w, &h);
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
          *test_sample(frame, c, x, y) = value[c];
    }
    double expected[3];
    DcnTensorSpec one = spec;
    one.width = one.height = 1;
    test_reference_pixel(frame, &one, 0, 0, expected);
    TestRun run;
    test_run_init(&run, &info, &spec);
    dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
    for (size_t i = 0; i < run.n_pixels; i++)
      for (int c = 0; c < spec.channels; c++)
        g_assert_true(
            test_is_rounded(&spec, c, run.tensor[i * spec.channel_stride + c], expected[c], 1e-3));
    test_run_clear(&run);
    test_frame_free(frame);
  }
  g_rand_free(rand);
}

/* Codes of ITU-R BT.601-7 and BT.709-6 colour bars, 8 bits, and JFIF: what they must be. */
static void
test_known_colors(void)
{
  static const struct {
    double kr, kb;
    gboolean full;
    uint8_t yuv[3], rgb[3];
  } colors[] = {
      {0.299, 0.114, FALSE, {235, 128, 128}, {255, 255, 255}},
      {0.299, 0.114, FALSE, {16, 128, 128}, {0, 0, 0}},
      {0.299, 0.114, FALSE, {81, 90, 240}, {255, 0, 0}},
      {0.299, 0.114, FALSE, {145, 54, 34}, {0, 255, 0}},
      {0.299, 0.114, FALSE, {41, 240, 110}, {0, 0, 255}},
      {0.2126, 0.0722, FALSE, {235, 128, 128}, {255, 255, 255}},
      {0.2126, 0.0722, FALSE, {63, 102, 240}, {255, 0, 0}},
      {0.2126, 0.0722, FALSE, {173, 42, 26}, {0, 255, 0}},
      {0.2126, 0.0722, FALSE, {32, 240, 118}, {0, 0, 255}},
      {0.2126, 0.0722, FALSE, {219, 16, 138}, {255, 255, 0}},
      {0.299, 0.114, TRUE, {255, 128, 128}, {255, 255, 255}},
      {0.299, 0.114, TRUE, {0, 128, 128}, {0, 0, 0}},
      {0.299, 0.114, TRUE, {76, 85, 255}, {254, 0, 0}},
      {0.299, 0.114, TRUE, {150, 44, 21}, {0, 255, 0}},
      {0.299, 0.114, TRUE, {29, 255, 107}, {0, 0, 254}},
      {0.299, 0.114, FALSE, {5, 128, 128}, {0, 0, 0}},
      {0.299, 0.114, FALSE, {250, 128, 128}, {255, 255, 255}},
      {0.299, 0.114, FALSE, {126, 128, 128}, {128, 128, 128}},
  };
  for (size_t k = 0; k < G_N_ELEMENTS(colors); k++) {
    DcnFrameInfo info = test_info(&test_formats[0], 33, 17);
    info.kr = colors[k].kr;
    info.kb = colors[k].kb;
    info.full_range = colors[k].full;
    TestFrame *frame = test_frame_new(&info, 0, FALSE);
    for (int p = 0; p < 3; p++)
      memset(frame->memory[p], colors[k].yuv[p], frame->size[p]);
    DcnTensorSpec spec = test_spec(7, 50);
    for (int bgr = 0; bgr < 2; bgr++) {
      TestRun run;
      spec.order = bgr ? DCN_COLOR_BGR : DCN_COLOR_RGB;
      test_run_init(&run, &info, &spec);
      dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
      for (size_t i = 0; i < run.n_pixels; i++)
        for (int c = 0; c < 3; c++) /* codes are rounded: one step of chroma is about two of blue */
          g_assert_cmpfloat_with_epsilon(run.tensor[i * 4 + c], colors[k].rgb[bgr ? 2 - c : c],
                                         1.7);
      test_run_clear(&run);
    }
    test_frame_free(frame);
  }
}

/* Chroma lies where the caps say: a luma ramp and a chroma ramp of one slope stay in step. */
static void
test_siting(void)
{
  static const double sitings[] = {0, 0.5};
  for (size_t k = 0; k < G_N_ELEMENTS(sitings); k++) {
    DcnFrameInfo info = test_info(&test_formats[0], 64, 64);
    info.full_range = TRUE;
    info.chroma_x = info.chroma_y = sitings[k];
    TestFrame *frame = test_frame_new(&info, 0, FALSE);
    for (int y = 0; y < 64; y++)
      for (int x = 0; x < 64; x++)
        *test_sample(frame, 0, x, y) = (uint8_t)(64 + 2 * x);
    for (int c = 1; c < 3; c++)
      for (int y = 0; y < 32; y++)
        for (int x = 0; x < 32;
             x++) /* position 2x + siting: 128 - 64 + 2 * position, Cb falls, Cr rises */
          *test_sample(frame, c, x, y) = (uint8_t)lround(64 + 2 * (2 * x + sitings[k]));
    DcnTensorSpec spec = test_spec(16, 16);
    TestRun run;
    test_run_init(&run, &info, &spec);
    dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
    for (int x = 2; x < 14; x++) {
      /* The middle of pixel x is luma position 4x + 1.5. */
      double luma = 64 + 2 * (4 * x + 1.5), chroma = luma - 128;
      const float *pixel = run.tensor + (8 * 16 + x) * 4;
      double red = CLAMP(luma + 1.402 * chroma, 0, 255);
      double blue = CLAMP(luma + 1.772 * chroma, 0, 255);
      g_assert_true(test_is_rounded(&spec, 0, pixel[0], red, 0.01));
      g_assert_true(test_is_rounded(&spec, 2, pixel[2], blue, 0.01));
    }
    test_run_clear(&run);
    test_frame_free(frame);
  }
}

static void
test_invalid(void)
{
  DcnFrameInfo good = test_info(&test_formats[0], 64, 64);
  for (int k = 0; k < 13; k++) {
    DcnFrameInfo info = good;
    DcnTensorSpec spec = test_spec(16, 16);
    GError *error = NULL;
    switch (k) {
    case 0:
      info.width = 0;
      break;
    case 1:
      info.height = -3;
      break;
    case 2:
      info.width = G_MAXINT;
      break;
    case 3:
      info.sub_x = 9;
      break;
    case 4:
      info.kr = 1.2;
      break;
    case 5:
      info.format = (DcnFormat)42;
      break;
    case 6:
      spec.width = 0;
      break;
    case 7:
      spec.height = G_MAXINT;
      break;
    case 8:
      spec.channels = 2;
      break;
    case 9:
      spec.channel_stride = 2;
      break;
    case 10:
      spec.resize = DCN_RESIZE_CROP;
      spec.crop_fraction = 0;
      break;
    case 11:
      spec.resize = DCN_RESIZE_CROP;
      spec.crop_fraction = NAN;
      break;
    case 12:
      info = test_info(&test_formats[11], 64, 64);
      info.r_offset = 3;
      break;
    }
    g_assert_null(dcn_frame_to_tensor_new(&info, &spec, &error));
    g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
    g_assert_cmpint(error->message[strlen(error->message) - 1], ==, '.');
    g_error_free(error);
  }
  dcn_frame_to_tensor_free(NULL);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/tensor/invalid", test_invalid);
  g_test_add_func("/frame/tensor/colors", test_known_colors);
  g_test_add_func("/frame/tensor/siting", test_siting);
  test_add_formats("tensor/constant", test_constant);
  test_add_formats("tensor/reference", test_reference);
  return g_test_run();
}
