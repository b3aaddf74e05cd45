/* deltacnn: tests of frame to tensor.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The oracle is written from the definition: the area integral (or the linear interpolation) over
 * the plane, each plane extended by its edge samples, in double, one output at a time. */
#include "frame/tensor.h"
#include "frame/colors.h"
#include "frame/columns.h"
#include "frame/rows.h"
#include "frame/whole.h"
#include "util/error.h"
#include "frames.h"
#include <math.h>
#include <string.h>

static const DcnTensorSpec rgb_spec = {.channels = 3,
                                       .channel_stride = 4,
                                       .order = DCN_COLOR_RGB,
                                       .crop_fraction = 1,
                                       .scale = {1, 1, 1}};

static DcnTensorSpec
make_spec(int width, int height)
{
  DcnTensorSpec spec = rgb_spec;
  spec.width = width;
  spec.height = height;
  return spec;
}

static DcnTensorSpec
random_spec(GRand *rand, int width, int height)
{
  DcnTensorSpec spec = make_spec(width, height);
  spec.order = (DcnColorOrder)g_rand_int_range(rand, 0, 3);
  spec.channels = spec.order == DCN_COLOR_GRAY ? 1 : 3;
  spec.channel_stride = g_rand_boolean(rand) ? 4 : spec.channels;
  spec.resize = g_rand_boolean(rand) ? DCN_RESIZE_CROP : DCN_RESIZE_STRETCH;
  spec.crop_fraction = g_rand_boolean(rand) ? 1 : g_rand_double_range(rand, 0.3, 1);
  for (int c = 0; c < 3; c++) {
    spec.scale[c] = (float)g_rand_double_range(rand, 0.002, 2);
    spec.offset[c] = (float)g_rand_double_range(rand, -3, 3);
  }
  return spec;
}

/* --- oracle -------------------------------------------------------------------------------------
 */

/* Weight of sample s of an endless line for an output that covers [low, high). */
static double
tap(double low, double high, int s)
{
  double width = high - low;
  if (width >= 1 - 1e-9) {
    double covered = fmin(high, s + 1) - fmax(low, s);
    return covered > 0 ? covered / width : 0;
  }
  return fmax(0, 1 - fabs((low + high) / 2 - (s + 0.5)));
}

/* The interval of a component's samples under output i of n. */
static void
interval(const DcnFrameInfo *info, const DcnTensorSpec *spec, int component, gboolean vertical,
         int i, double *low, double *high)
{
  double size = vertical ? info->height : info->width, covered = size;
  int n = vertical ? spec->height : spec->width;
  if (spec->resize == DCN_RESIZE_CROP) {
    /* the largest rectangle of the tensor's shape: one scale for both axes */
    double scale = fmin((double)info->width / spec->width, (double)info->height / spec->height);
    covered = scale * n * spec->crop_fraction;
  }
  double begin = (size - covered) / 2;
  *low = begin + covered * i / n;
  *high = begin + covered * (i + 1) / n;
  int sub = 0;
  if (component > 0 && (info->format == DCN_FORMAT_I420 || info->format == DCN_FORMAT_NV12))
    sub = vertical ? info->sub_y : info->sub_x;
  if (sub > 0) {
    /* Chroma sample j is centred on luma position 2^sub * j + siting, luma sample k on k: as
     * centres are half a sample from the start of a sample, both shift by a half of their own. */
    double siting = vertical ? info->chroma_y : info->chroma_x, group = 1 << sub;
    *low = (*low - 0.5 - siting) / group + 0.5;
    *high = (*high - 0.5 - siting) / group + 0.5;
  }
}

static double
resample(const TestFrame *frame, const DcnTensorSpec *spec, int component, int x, int y)
{
  double left, right, top, bottom, sum = 0;
  int width, height;
  interval(&frame->info, spec, component, FALSE, x, &left, &right);
  interval(&frame->info, spec, component, TRUE, y, &top, &bottom);
  test_component_size(&frame->info, component, &width, &height);
  for (int j = (int)floor(top) - 2; j <= bottom + 2; j++) {
    double wy = tap(top, bottom, j), line = 0;
    if (wy <= 0)
      continue;
    for (int i = (int)floor(left) - 2; i <= right + 2; i++) {
      double wx = tap(left, right, i);
      if (wx > 0)
        line +=
            wx * *test_sample(frame, component, CLAMP(i, 0, width - 1), CLAMP(j, 0, height - 1));
    }
    sum += wy * line;
  }
  return sum;
}

static double
unit(double v)
{
  return fmin(fmax(v, 0), 1);
}

/* The channels of a pixel, 0..255, not rounded.  ITU-R BT.601/709: E'Y, E'Cb, E'Cr from the codes, then E'R, E'G,
 * E'B. */
static void
reference_pixel(const TestFrame *frame, const DcnTensorSpec *spec, int x, int y, double *out)
{
  const DcnFrameInfo *info = &frame->info;
  double r, g, b, a = resample(frame, spec, 0, x, y);
  if (info->format == DCN_FORMAT_GRAY8) {
    r = g = b = a / 255;
    if (spec->order == DCN_COLOR_GRAY)
      r = a / 255;
  } else if (info->format == DCN_FORMAT_RGB) {
    r = a / 255;
    g = resample(frame, spec, 1, x, y) / 255;
    b = resample(frame, spec, 2, x, y) / 255;
    if (spec->order == DCN_COLOR_GRAY)
      r = 0.299 * r + 0.587 * g + 0.114 * b;
  } else {
    double luma = info->full_range ? a / 255 : (a - 16) / 219;
    double cb = (resample(frame, spec, 1, x, y) - 128) / (info->full_range ? 255 : 224);
    double cr = (resample(frame, spec, 2, x, y) - 128) / (info->full_range ? 255 : 224);
    r = luma + 2 * (1 - info->kr) * cr;
    b = luma + 2 * (1 - info->kb) * cb;
    g = (luma - info->kr * r - info->kb * b) / (1 - info->kr - info->kb);
    if (spec->order == DCN_COLOR_GRAY)
      r = luma;
  }
  double rgb[3] = {unit(r) * 255, unit(g) * 255, unit(b) * 255};
  if (spec->order == DCN_COLOR_BGR) {
    double swap = rgb[0];
    rgb[0] = rgb[2];
    rgb[2] = swap;
  }
  for (int c = 0; c < spec->channels; c++)
    out[c] = rgb[c];
}

/* Whether a channel is a whole number that exact may be rounded to, normalised in float.
 * error  of the sums of float products before they are rounded, of 255 */
static gboolean
is_rounded(const DcnTensorSpec *spec, int channel, float got, double exact, double error)
{
  double scale = spec->scale[channel], offset = spec->offset[channel];
  double whole = nearbyint((got - offset) / scale);
  volatile float product = (float)whole * spec->scale[channel];
  volatile float normalised = product + spec->offset[channel];
  return whole >= 0 && whole <= 255 && fabs(whole - exact) <= 0.5 + error && got == normalised;
}

/* --- tests --------------------------------------------------------------------------------------
 */

typedef struct {
  DcnFrameToTensor *convert;
  DcnTensorSpec spec;
  float *tensor;
  uint8_t *touched;
  size_t n_pixels, n_floats;
} Run;

static void
run_init(Run *run, const DcnFrameInfo *info, const DcnTensorSpec *spec)
{
  GError *error = NULL;
  run->spec = *spec;
  run->convert = dcn_frame_to_tensor_new(info, spec, &error);
  g_assert_no_error(error);
  run->n_pixels = (size_t)spec->width * spec->height;
  run->n_floats = run->n_pixels * spec->channel_stride;
  run->tensor = g_new(float, run->n_floats);
  run->touched = g_malloc(run->n_pixels);
  memset(run->touched, 0xaa, run->n_pixels);
  for (size_t i = 0; i < run->n_floats; i++)
    run->tensor[i] = -77;
}

static void
run_clear(Run *run)
{
  dcn_frame_to_tensor_free(run->convert);
  g_free(run->tensor);
  g_free(run->touched);
}

static void
check_against_reference(const TestFormat *format, int width, int height, const DcnTensorSpec *spec,
                        GRand *rand)
{
  DcnFrameInfo info = test_info(format, width, height);
  TestFrame *frame = test_frame_new(&info, g_rand_int_range(rand, 0, 9), g_rand_boolean(rand));
  Run run;
  run_init(&run, &info, spec);
  test_frame_randomise(frame, rand);
  int n = dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
  g_assert_cmpint(n, ==, (int)run.n_pixels);
  for (int y = 0; y < spec->height; y++)
    for (int x = 0; x < spec->width; x++) {
      size_t pixel = (size_t)y * spec->width + x;
      double expected[3];
      reference_pixel(frame, spec, x, y, expected);
      g_assert_cmpint(run.touched[pixel], ==, 1);
      for (int c = 0; c < spec->channel_stride; c++) {
        float got = run.tensor[pixel * spec->channel_stride + c];
        if (c >= spec->channels) /* the rest of a pixel is the caller's */
          g_assert_cmpfloat(got, ==, -77);
        else if (!is_rounded(spec, c, got, expected[c], 2e-3))
          g_error("%s %dx%d to %dx%d: pixel %d,%d channel %d is %g, not %g rounded, * %g + %g",
                  format->name, width, height, spec->width, spec->height, x, y, c, got, expected[c],
                  spec->scale[c], spec->offset[c]);
      }
    }
  run_clear(&run);
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
      DcnTensorSpec spec = random_spec(rand, sizes[i][2], sizes[i][3]);
      check_against_reference(data, sizes[i][0], sizes[i][1], &spec, rand);
    }
  g_rand_free(rand);
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
  Run full, some;
  uint8_t *changed = g_malloc(n_blocks);
  run_init(&full, &info, spec);
  run_init(&some, &info, spec);
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
    int n_touched = 0;
    for (int y = 0; y < spec->height; y++)
      for (int x = 0; x < spec->width; x++) {
        size_t pixel = (size_t)y * spec->width + x;
        g_assert_cmpint(some.touched[pixel], <=, 1);
        n_touched += some.touched[pixel];
        double low_x, high_x, low_y, high_y;
        interval(&info, spec, 0, FALSE, x, &low_x, &high_x);
        interval(&info, spec, 0, TRUE, y, &low_y, &high_y);
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
  }
  g_free(before);
  g_free(changed);
  run_clear(&full);
  run_clear(&some);
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
      DcnTensorSpec spec = random_spec(rand, sizes[i][2], sizes[i][3]);
      check_incremental(data, sizes[i][0], sizes[i][1], &spec, rand, 5);
    }
  DcnTensorSpec spec = make_spec(224, 224);
  check_incremental(data, 1923, 1085, &spec, rand, 2);
  g_rand_free(rand);
}

/* The poison test: a conversion may write only what it says it touched. */
static void
test_writes_only_touched(void)
{
  GRand *rand = g_rand_new_with_seed(9);
  DcnFrameInfo info = test_info(&test_formats[0], 320, 240);
  DcnTensorSpec spec = make_spec(96, 96);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  uint8_t *changed = g_malloc0(40 * 30);
  Run run;
  run_init(&run, &info, &spec);
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
  run_clear(&run);
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
  DcnTensorSpec spec = make_spec(SIZE, SIZE);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  uint8_t changed[COLS * ROWS];
  Run run;
  spec.resize = DCN_RESIZE_STRETCH;
  run_init(&run, &info, &spec);
  dcn_frame_to_tensor_set_only_reached(run.convert, TRUE);
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
  run_clear(&run);
  test_frame_free(frame);
  g_rand_free(rand);
}

/* Work in proportion to the change: one block of 1080p reaches a handful of 224x224 pixels. */
static void
test_few_pixels(void)
{
  DcnFrameInfo info = test_info(&test_formats[0], 1920, 1080);
  DcnTensorSpec spec = make_spec(224, 224);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  uint8_t *changed = g_malloc0(240 * 135);
  Run run;
  run_init(&run, &info, &spec);
  g_assert_cmpint(
      dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1), ==,
      0);
  changed[67 * 240 + 120] = 1;
  /* A block is 8 samples, a pixel 8.6 x 4.8: 2 or 3 columns, 3 or 4 rows with chroma's edges. */
  int n = dcn_frame_to_tensor_run(run.convert, &frame->frame, changed, run.tensor, run.touched, 1);
  g_assert_cmpint(n, >=, 2);
  g_assert_cmpint(n, <=, 12);
  run_clear(&run);
  g_free(changed);
  test_frame_free(frame);
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
    DcnTensorSpec spec = make_spec(7, 50);
    for (int bgr = 0; bgr < 2; bgr++) {
      Run run;
      spec.order = bgr ? DCN_COLOR_BGR : DCN_COLOR_RGB;
      run_init(&run, &info, &spec);
      dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
      for (size_t i = 0; i < run.n_pixels; i++)
        for (int c = 0; c < 3; c++) /* codes are rounded: one step of chroma is about two of blue */
          g_assert_cmpfloat_with_epsilon(run.tensor[i * 4 + c], colors[k].rgb[bgr ? 2 - c : c],
                                         1.7);
      run_clear(&run);
    }
    test_frame_free(frame);
  }
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
        random_spec(rand, g_rand_int_range(rand, 1, 60), g_rand_int_range(rand, 1, 60));
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
    reference_pixel(frame, &one, 0, 0, expected);
    Run run;
    run_init(&run, &info, &spec);
    dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
    for (size_t i = 0; i < run.n_pixels; i++)
      for (int c = 0; c < spec.channels; c++)
        g_assert_true(
            is_rounded(&spec, c, run.tensor[i * spec.channel_stride + c], expected[c], 1e-3));
    run_clear(&run);
    test_frame_free(frame);
  }
  g_rand_free(rand);
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
    DcnTensorSpec spec = make_spec(16, 16);
    Run run;
    run_init(&run, &info, &spec);
    dcn_frame_to_tensor_run(run.convert, &frame->frame, NULL, run.tensor, run.touched, 1);
    for (int x = 2; x < 14; x++) {
      /* The middle of pixel x is luma position 4x + 1.5. */
      double luma = 64 + 2 * (4 * x + 1.5), chroma = luma - 128;
      const float *pixel = run.tensor + (8 * 16 + x) * 4;
      double red = CLAMP(luma + 1.402 * chroma, 0, 255);
      double blue = CLAMP(luma + 1.772 * chroma, 0, 255);
      g_assert_true(is_rounded(&spec, 0, pixel[0], red, 0.01));
      g_assert_true(is_rounded(&spec, 2, pixel[2], blue, 0.01));
    }
    run_clear(&run);
    test_frame_free(frame);
  }
}

/* All forms of the inner loop give the same bits, and write n floats only. */
static void
test_columns(void)
{
  const DcnColumnsFunc *all = dcn_columns_all();
  GRand *rand = g_rand_new_with_seed(2);
  int n_forms = 0;
  while (all[n_forms])
    n_forms++;
  g_test_message("%d forms on this CPU", n_forms);
  g_assert_true(all[0] == dcn_columns_best());
  for (int taps = 1; taps < 40; taps++)
    for (int n = 1; n < 200; n += 1 + n / 4) {
      size_t stride = (size_t)n + taps % 3;
      uint8_t *source = g_malloc(stride * taps);
      float *weights = g_new(float, taps), *out = g_new(float, n + 1);
      for (size_t i = 0; i < stride * taps; i++)
        source[i] = (uint8_t)g_rand_int(rand);
      for (int t = 0; t < taps; t++)
        weights[t] = (float)g_rand_double(rand);
      for (int form = 0; form < n_forms; form++) {
        for (int i = 0; i <= n; i++)
          out[i] = -5;
        all[form](source, (ptrdiff_t)stride, weights, taps, out, n);
        g_assert_cmpfloat(out[n], ==, -5);
        for (int i = 0; i < n; i++) {
          volatile float sum = (float)source[i] * weights[0], product;
          for (int t = 1; t < taps; t++) {
            product = (float)source[t * stride + i] * weights[t];
            sum = sum + product;
          }
          g_assert_cmpfloat(out[i], ==, sum);
        }
      }
      g_free(source);
      g_free(weights);
      g_free(out);
    }
  g_rand_free(rand);
}

/* All forms of the other one, too.  Where step is 1 they may read on, up to filter.padded floats; else they read no
 * float that is not a tap. */
static void
test_rows(void)
{
  const DcnRowsFunc *all = dcn_rows_all();
  GRand *rand = g_rand_new_with_seed(3);
  g_assert_true(all[0] == dcn_rows_best());
  for (int samples = 1; samples < 300; samples += 1 + samples / 3)
    for (int size = 1; size < 120; size += 1 + size / 2) {
      DcnAxisFilter filter;
      g_assert_true(dcn_axis_filter_init(&filter, size, samples, samples * 0.05, samples * 0.98));
      for (int step = 1; step <= 4; step++) {
        int begin = g_rand_int_range(rand, 0, size), end = g_rand_int_range(rand, begin, size) + 1;
        int last = filter.first[end - 1] + dcn_axis_filter_taps(&filter, end - 1) - 1;
        if (step == 1)
          last = filter.first[end - 1] + (int)filter.padded - 1;
        size_t n = (size_t)(last - filter.first[begin]) * step + 1;
        float *columns = g_new(float, n), *out = g_new(float, end - begin + 1);
        for (size_t i = 0; i < n; i++)
          columns[i] = i % step ? NAN : (float)g_rand_double(rand);
        for (int form = 0; all[form]; form++) {
          out[end - begin] = -5;
          all[form](&filter, columns, step, begin, end, out);
          g_assert_cmpfloat(out[end - begin], ==, -5);
          for (int x = begin; x < end; x++) {
            volatile float sum = 0, p[8];
            for (int t = 0; t < dcn_axis_filter_taps(&filter, x); t += 8) {
              for (int k = 0; k < 8; k++)
                p[k] = t + k >= dcn_axis_filter_taps(&filter, x)
                           ? 0
                           : filter.weights[filter.offset[x] + t + k] *
                                 columns[(filter.first[x] - filter.first[begin] + t + k) * step];
              for (int width = 1; width < 8; width *= 2)
                for (int k = 0; k < 8; k += 2 * width)
                  p[k] = p[k] + p[k + width];
              sum = sum + p[0];
            }
            g_assert_cmpfloat(out[x - begin], ==, sum);
          }
        }
        g_free(columns);
        g_free(out);
      }
      dcn_axis_filter_clear(&filter);
    }
  g_rand_free(rand);
}

/* Whole weights are the same filter: each output's, over their sum, to what floats keep. */
static void
check_whole(const DcnAxisFilter *filter)
{
  for (int i = 0; i < filter->size; i++) {
    int taps = dcn_axis_filter_taps(filter, i), sum = 0;
    for (int t = 0; t < (int)filter->whole_padded; t++) {
      int w = filter->whole_by_output[(size_t)i * filter->whole_padded + t];
      double exact = t < taps ? filter->weights[filter->offset[i] + t] : 0;
      if (t < taps)
        g_assert_cmpint(w, ==, filter->whole[filter->offset[i] + t]);
      g_assert_cmpfloat_with_epsilon(w / (double)filter->whole_sum, exact, 1e-7);
      sum += w;
    }
    g_assert_cmpint(sum, ==, filter->whole_sum);
  }
}

/* Scaling in whole numbers is exact in all forms, on samples at their limits too, and writes nothing else. */
static void
test_whole(void)
{
  static const struct {
    int size, samples;
    gboolean whole;
  } axes[] = {{96, 640, TRUE},   {96, 320, TRUE},  {96, 480, TRUE},  {96, 360, TRUE},
              {128, 640, TRUE},  {128, 360, TRUE}, {224, 640, TRUE}, {224, 480, TRUE},
              {224, 1080, TRUE}, {224, 160, TRUE}, {96, 96, TRUE},   {7, 3, TRUE},
              {227, 640, FALSE}, {1, 300, FALSE}};
  const DcnWhole *all = dcn_whole_all();
  GRand *rand = g_rand_new_with_seed(5);
  g_assert_true(all == dcn_whole_best());
  for (guint a = 0; a < G_N_ELEMENTS(axes); a++) {
    DcnAxisFilter filter;
    int samples = axes[a].samples, pitch = samples + 13;
    g_assert_true(dcn_axis_filter_init(&filter, axes[a].size, samples, 0, samples));
    g_assert_cmpint(filter.whole_sum > 0, ==, axes[a].whole);
    if (filter.whole_sum > 0)
      check_whole(&filter);
    for (int round = 0; filter.whole_sum > 0 && round < 40; round++) {
      uint8_t *source = g_malloc((gsize)pitch * filter.most);
      for (int i = 0; i < pitch * filter.most; i++)
        source[i] = round == 0 ? 0 : round == 1 ? 255 : (uint8_t)g_rand_int(rand);
      int y = g_rand_int_range(rand, 0, filter.size), taps = dcn_axis_filter_taps(&filter, y);
      int n = round < 4 ? samples : g_rand_int_range(rand, 1, samples + 1);
      int begin = g_rand_int_range(rand, 0, filter.size),
          end = g_rand_int_range(rand, begin, filter.size) + 1;
      size_t read = (size_t)(filter.first[end - 1] - filter.first[begin]) + filter.whole_padded;
      int16_t *columns = g_new(int16_t, n + 1), *across = g_new(int16_t, read);
      float *out = g_new(float, end - begin + 1);
      int most = 128 * filter.whole_sum;
      for (size_t i = 0; i < read; i++)
        across[i] = (int16_t)(round == 0   ? -most
                              : round == 1 ? MIN(most, 32767)
                                           : g_rand_int_range(rand, -most, most));
      for (int form = 0; all[form].columns; form++) {
        columns[n] = 77;
        all[form].columns(source, pitch, filter.whole + filter.offset[y], taps, columns, n);
        g_assert_cmpint(columns[n], ==, 77);
        for (int i = 0; i < n; i++) {
          int sum = 0;
          for (int t = 0; t < taps; t++)
            sum += filter.whole[filter.offset[y] + t] * (source[t * pitch + i] - 128);
          g_assert_cmpint(columns[i], ==, sum);
        }
        out[end - begin] = -5;
        all[form].rows(&filter, across, begin, end, 1000 + round, 0.125f, out);
        g_assert_cmpfloat(out[end - begin], ==, -5);
        for (int x = begin; x < end; x++) {
          int sum = 1000 + round;
          for (int t = 0; t < dcn_axis_filter_taps(&filter, x); t++)
            sum += filter.whole[filter.offset[x] + t] *
                   across[filter.first[x] - filter.first[begin] + t];
          g_assert_cmpfloat(out[x - begin], ==, (float)sum * 0.125f);
        }
      }
      g_free(source);
      g_free(columns);
      g_free(across);
      g_free(out);
    }
    dcn_axis_filter_clear(&filter);
  }
  g_rand_free(rand);
}

/* What the documentation says of one channel of a pixel. */
static int
expected_sample(const DcnColors *colors, const float *const component[3], int x, int c)
{
  volatile float v = colors->matrix[c][0] * component[0][x], product;
  for (int j = 1; j < colors->n_components; j++) {
    product = colors->matrix[c][j] * component[j][x];
    v = v + product;
  }
  v = v + colors->bias[c];
  return (int)nearbyint(CLAMP(v, 0, 255)); /* halves to even */
}

/* All forms of the colour conversion give the same bits, halves included, and write the pixels that are not known or
 * known to be others, nothing else. */
static void
test_color_forms(void)
{
  const DcnColorsFunc *all = dcn_colors_all();
  GRand *rand = g_rand_new_with_seed(4);
  g_assert_true(all[0] == dcn_colors_best());
  for (int round = 0; round < 300; round++) {
    DcnColors colors = {.n_components = round % 3 ? 3 : 1, .channels = round % 4 ? 3 : 1};
    int n = g_rand_int_range(rand, 1, 150), guard = 9;
    size_t stride = (size_t)(round % 5 ? 4 : colors.channels + round % 2);
    size_t floats = (size_t)n * stride + (size_t)guard;
    float *in = g_new(float, 3 * n), *out = g_new(float, floats);
    uint32_t *before = g_new(uint32_t, n), *known = g_new(uint32_t, n + 1);
    uint8_t *differs = g_malloc((gsize)n + 1);
    const float *component[3] = {in, in + n, in + 2 * n};
    for (int c = 0; c < 3; c++) {
      for (int j = 0; j < 3; j++)
        colors.matrix[c][j] = (float)g_rand_double_range(rand, -2, 2);
      colors.bias[c] = (float)g_rand_double_range(rand, -200, 200);
      colors.scale[c] = (float)g_rand_double_range(rand, 0.01, 2);
      colors.offset[c] = (float)g_rand_double_range(rand, -3, 3);
    }
    for (int i = 0; i < 3 * n; i++)
      in[i] = (float)g_rand_double_range(rand, 0, 255);
    if (round % 6 == 0) { /* sums that lie halfway, at and beyond both ends */
      for (int c = 0; c < 3; c++) {
        for (int j = 0; j < 3; j++)
          colors.matrix[c][j] = j == c % colors.n_components;
        colors.bias[c] = (float)g_rand_int_range(rand, -3, 4);
      }
      for (int i = 0; i < 3 * n; i++)
        in[i] = (float)g_rand_int_range(rand, 0, 511) / 2;
    }
    if (round % 6 == 1 || round % 6 == 2) { /* Y U V to RGB or BGR, and halves likewise */
      int side = 1 + round / 6 % 2, halves = round % 6 == 2;
      for (int c = 0; c < 3; c++) {
        colors.matrix[c][0] = halves ? 1 : 1.164f;
        colors.bias[c] = halves ? -150 : colors.bias[c];
      }
      colors.matrix[0][side] = colors.matrix[2][3 - side] = halves ? 1 : 1.6f;
      colors.matrix[0][3 - side] = colors.matrix[2][side] = 0;
      for (int i = 0; i < 3 * n && halves; i++)
        in[i] = (float)g_rand_int_range(rand, 0, 511) / 2;
    }
    int n_same = 0;
    for (int i = 0; i < n; i++) {
      int kind = round % 7 == 0 ? 2 : g_rand_int_range(rand, 0, 3);
      before[i] = 0; /* not known */
      for (int c = 0; c < colors.channels && kind < 2; c++)
        before[i] |= (uint32_t)expected_sample(&colors, component, i, c) << 8 * c;
      before[i] |= kind < 2 ? DCN_COLORS_KNOWN : 0;
      if (kind == 1) /* one of the samples was another, by 1 */
        before[i] ^= 1u << 8 * g_rand_int_range(rand, 0, colors.channels);
      n_same += kind == 0;
    }
    for (int form = 0; all[form]; form++) {
      for (size_t i = 0; i < floats; i++)
        out[i] = -5;
      memcpy(known, before, (gsize)n * sizeof *known);
      known[n] = 7;
      memset(differs, 9, (gsize)n + 1);
      g_assert_cmpint(all[form](&colors, component, known, out, stride, n, differs), ==,
                      n - n_same);
      g_assert_cmpuint(known[n], ==, 7);
      g_assert_cmpint(differs[n], ==, 9);
      for (int x = 0; x < n; x++) {
        uint32_t now = DCN_COLORS_KNOWN;
        for (int c = 0; c < colors.channels; c++)
          now |= (uint32_t)expected_sample(&colors, component, x, c) << 8 * c;
        g_assert_cmphex(known[x], ==, now);
        g_assert_cmpint(differs[x], ==, before[x] != now);
      }
      for (size_t i = 0; i < floats; i++) {
        size_t x = i / stride, c = i % stride;
        if (x >= (size_t)n || !differs[x] || c >= (size_t)colors.channels) {
          g_assert_cmpfloat(out[i], ==, -5);
          continue;
        }
        volatile float v = (float)expected_sample(&colors, component, (int)x, (int)c);
        v = v * colors.scale[c];
        v = v + colors.offset[c];
        g_assert_cmpfloat(out[i], ==, v);
      }
    }
    g_free(in);
    g_free(out);
    g_free(before);
    g_free(known);
    g_free(differs);
  }
  g_rand_free(rand);
}

/* A check finds a sample that changed where it looks and does not where it does not look, and needs no more than the
 * tensor that a run left. */
static void
test_check(gconstpointer data)
{
  static const int sizes[][4] = {{16, 16, 16, 16}, {65, 63, 224, 224}, {353, 287, 96, 80}};
  GRand *rand = g_rand_new_with_seed(6);
  for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
    DcnTensorSpec spec = make_spec(sizes[i][2], sizes[i][3]);
    DcnFrameInfo info = test_info(data, sizes[i][0], sizes[i][1]);
    int cols = (info.width + 7) / 8, rows = (info.height + 7) / 8;
    TestFrame *frame = test_frame_new(&info, 3, FALSE);
    uint8_t *blocks = g_malloc0((gsize)(cols * rows));
    Run run;
    run_init(&run, &info, &spec);
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
    run_clear(&run);
    test_frame_free(frame);
  }
  g_rand_free(rand);
}

static void
test_invalid(void)
{
  DcnFrameInfo good = test_info(&test_formats[0], 64, 64);
  for (int k = 0; k < 13; k++) {
    DcnFrameInfo info = good;
    DcnTensorSpec spec = make_spec(16, 16);
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

static void
add_tests(const char *test, void (*func)(gconstpointer))
{
  for (int f = 0; f < n_test_formats; f++) {
    char *name = g_strdup_printf("/frame/tensor/%s/%s", test, test_formats[f].name);
    g_test_add_data_func(name, &test_formats[f], func);
    g_free(name);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/tensor/columns", test_columns);
  g_test_add_func("/frame/tensor/rows", test_rows);
  g_test_add_func("/frame/tensor/whole", test_whole);
  g_test_add_func("/frame/tensor/color-forms", test_color_forms);
  g_test_add_func("/frame/tensor/invalid", test_invalid);
  g_test_add_func("/frame/tensor/colors", test_known_colors);
  g_test_add_func("/frame/tensor/siting", test_siting);
  g_test_add_func("/frame/tensor/writes-only-touched", test_writes_only_touched);
  g_test_add_func("/frame/tensor/only-reached", test_only_reached);
  g_test_add_func("/frame/tensor/few-pixels", test_few_pixels);
  add_tests("constant", test_constant);
  add_tests("reference", test_reference);
  add_tests("incremental", test_incremental);
  add_tests("check", test_check);
  return g_test_run();
}
