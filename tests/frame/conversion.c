/* deltacnn: frame to tensor by its definition.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "conversion.h"
#include <math.h>
#include <string.h>

static const DcnTensorSpec rgb_spec = {.channels = 3,
                                       .channel_stride = 4,
                                       .order = DCN_COLOR_RGB,
                                       .crop_fraction = 1,
                                       .scale = {1, 1, 1}};

DcnTensorSpec
test_spec(int width, int height)
{
  DcnTensorSpec spec = rgb_spec;
  spec.width = width;
  spec.height = height;
  return spec;
}

DcnTensorSpec
test_random_spec(GRand *rand, int width, int height)
{
  DcnTensorSpec spec = test_spec(width, height);
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

void
test_interval(const DcnFrameInfo *info, const DcnTensorSpec *spec, int component, gboolean vertical,
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
  if (component > 0 && (info->format == DCN_FORMAT_I420 || info->format == DCN_FORMAT_NV12 ||
                        info->format == DCN_FORMAT_YUYV))
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
  test_interval(&frame->info, spec, component, FALSE, x, &left, &right);
  test_interval(&frame->info, spec, component, TRUE, y, &top, &bottom);
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
void
test_reference_pixel(const TestFrame *frame, const DcnTensorSpec *spec, int x, int y, double *out)
{
  const DcnFrameInfo *info = &frame->info;
  double r, g, b, a = resample(frame, spec, 0, x, y);
  if (info->format == DCN_FORMAT_GRAY8) {
    r = g = b = a / 255;
    if (spec->order == DCN_COLOR_GRAY)
      r = a / 255;
  } else if (info->format == DCN_FORMAT_RGB || info->format == DCN_FORMAT_RGB_PLANES) {
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

gboolean
test_is_rounded(const DcnTensorSpec *spec, int channel, float got, double exact, double error)
{
  double scale = spec->scale[channel], offset = spec->offset[channel];
  double whole = nearbyint((got - offset) / scale);
  volatile float product = (float)whole * spec->scale[channel];
  volatile float normalised = product + spec->offset[channel];
  return whole >= 0 && whole <= 255 && fabs(whole - exact) <= 0.5 + error && got == normalised;
}

void
test_run_init(TestRun *run, const DcnFrameInfo *info, const DcnTensorSpec *spec)
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

void
test_run_clear(TestRun *run)
{
  dcn_frame_to_tensor_free(run->convert);
  g_free(run->tensor);
  g_free(run->touched);
}

void
test_add_formats(const char *name, void (*func)(gconstpointer))
{
  for (int f = 0; f < n_test_formats; f++) {
    char *path = g_strdup_printf("/frame/%s/%s", name, test_formats[f].name);
    g_test_add_data_func(path, &test_formats[f], func);
    g_free(path);
  }
}
