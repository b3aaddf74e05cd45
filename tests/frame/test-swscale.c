/* deltacnn: frame to tensor against libswscale, an independent scaler.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Smooth pictures: there the two agree but for swscale's integer arithmetic and its own idea of
 * filters. */
#include "frame/tensor.h"
#include "frames.h"
#include <libswscale/swscale.h>
#include <libavutil/pixfmt.h>
#include <math.h>
#include <string.h>

static void
check(const TestFormat *format, enum AVPixelFormat pixfmt, int width, int height, int size,
      int flags)
{
  DcnFrameInfo info = test_info(format, width, height);
  TestFrame *frame = test_frame_new(&info, 0, FALSE);
  for (int c = 0; c < test_n_components(&info); c++) {
    int w, h;
    test_component_size(&info, c, &w, &h);
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) {
        double wave = sin(2.5 * x / w + c) * cos(3.1 * y / h + 2 * c);
        *test_sample(frame, c, x, y) = (uint8_t)lround(c == 0 ? 125 + 70 * wave : 128 + 40 * wave);
      }
  }
  DcnTensorSpec spec = {.width = size,
                        .height = size,
                        .channels = 3,
                        .channel_stride = 3,
                        .order = DCN_COLOR_RGB,
                        .crop_fraction = 1,
                        .scale = {1, 1, 1}};
  float *tensor = g_new0(float, size *size * 3);
  uint8_t *touched = g_malloc(size * size), *rgb = g_malloc(size * size * 3 + 64);
  DcnFrameToTensor *convert = dcn_frame_to_tensor_new(&info, &spec, NULL);
  dcn_frame_to_tensor_run(convert, &frame->frame, NULL, tensor, touched, 1);

  struct SwsContext *sws = sws_getContext(width, height, pixfmt, size, size, AV_PIX_FMT_RGB24,
                                          flags | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT |
                                              SWS_FULL_CHR_H_INP | SWS_BITEXACT,
                                          NULL, NULL, NULL);
  g_assert_nonnull(sws);
  const int *table = sws_getCoefficients(info.kr > 0.25 ? SWS_CS_ITU601 : SWS_CS_ITU709);
  sws_setColorspaceDetails(sws, table, info.full_range, table, 1, 0, 1 << 16, 1 << 16);
  uint8_t *dst[4] = {rgb};
  int dst_stride[4] = {size * 3};
  sws_scale(sws, frame->frame.plane, frame->frame.stride, 0, height, dst, dst_stride);
  sws_freeContext(sws);

  double worst = 0, sum = 0;
  for (int i = 0; i < size * size * 3; i++) {
    double d = fabs(tensor[i] - rgb[i]);
    worst = fmax(worst, d);
    sum += d;
  }
  g_test_message("%s %dx%d to %d: mean %.3f, worst %.2f of 255", format->name, width, height, size,
                 sum / (size * size * 3), worst);
  g_assert_cmpfloat(sum / (size * size * 3), <, 1.0);
  g_assert_cmpfloat(worst, <, 4.0);
  dcn_frame_to_tensor_free(convert);
  g_free(tensor);
  g_free(touched);
  g_free(rgb);
  test_frame_free(frame);
}

static const TestFormat *
named(const char *name)
{
  for (int i = 0; i < n_test_formats; i++)
    if (strcmp(test_formats[i].name, name) == 0)
      return &test_formats[i];
  g_assert_not_reached();
}

static void
test_shrink(void)
{
  check(named("I420 601 mpeg2"), AV_PIX_FMT_YUV420P, 640, 480, 224, SWS_AREA);
  check(named("I420 709 jpeg"), AV_PIX_FMT_YUV420P, 1920, 1080, 224, SWS_AREA);
  check(named("Y42B"), AV_PIX_FMT_YUV422P, 352, 288, 96, SWS_AREA);
  check(named("NV12"), AV_PIX_FMT_NV12, 640, 480, 128, SWS_AREA);
  check(named("YUY2"), AV_PIX_FMT_YUYV422, 640, 480, 224, SWS_AREA);
  check(named("RGB"), AV_PIX_FMT_RGB24, 640, 480, 224, SWS_AREA);
}

static void
test_enlarge(void)
{
  check(named("I420 601 mpeg2"), AV_PIX_FMT_YUV420P, 160, 120, 224, SWS_BILINEAR);
  check(named("Y444"), AV_PIX_FMT_YUV444P, 160, 120, 224, SWS_BILINEAR);
  check(named("BGR"), AV_PIX_FMT_BGR24, 96, 96, 224, SWS_BILINEAR);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/frame/swscale/shrink", test_shrink);
  g_test_add_func("/frame/swscale/enlarge", test_enlarge);
  return g_test_run();
}
