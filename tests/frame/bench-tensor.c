/* deltacnn: how fast frames become tensors and how fast they compare.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-tensor [THREADS]: prints the median time per frame for some sizes, formats and shares of
 * changed blocks. */
#include "frame/compare.h"
#include "frame/tensor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS 41

static int
compare_times(gconstpointer a, gconstpointer b)
{
  gint64 d = *(const gint64 *)a - *(const gint64 *)b;
  return d < 0 ? -1 : d > 0;
}

static void
bench(const char *name, const DcnFrameInfo *info, int size, DcnResize resize, double share,
      int threads)
{
  DcnTensorSpec spec = {.width = size,
                        .height = size,
                        .channels = 3,
                        .channel_stride = 4,
                        .order = DCN_COLOR_RGB,
                        .resize = resize,
                        .crop_fraction = 0.875,
                        .scale = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
  size_t bytes = (size_t)info->width * info->height * 4;
  int cols = (info->width + 7) / 8, rows = (info->height + 7) / 8, pixels = 0;
  uint8_t *memory = g_malloc(bytes), *changed = g_malloc0((size_t)cols * rows);
  uint8_t *touched = g_malloc((size_t)size * size);
  float *tensor = g_new0(float, (size_t)size *size * 4);
  GRand *rand = g_rand_new_with_seed(1);
  for (size_t i = 0; i < bytes; i++)
    memory[i] = (uint8_t)g_rand_int(rand);
  for (int i = 0; i < cols * rows; i++)
    changed[i] = g_rand_double(rand) < share;
  int step = info->format == DCN_FORMAT_RGB ? info->pixel_stride : 1;
  size_t luma = (size_t)info->width * info->height;
  DcnFrame frame = {{memory, memory + luma, memory + luma + luma / 4},
                    {info->width * step,
                     info->format == DCN_FORMAT_NV12 ? info->width : info->width / 2,
                     info->width / 2}};
  DcnFrameToTensor *convert = dcn_frame_to_tensor_new(info, &spec, NULL);
  gint64 times[RUNS];
  for (int i = 0; i < RUNS; i++) {
    gint64 start = g_get_monotonic_time();
    pixels = dcn_frame_to_tensor_run(convert, &frame, share < 1 ? changed : NULL, tensor, touched,
                                     threads);
    times[i] = g_get_monotonic_time() - start;
  }
  qsort(times, RUNS, sizeof *times, compare_times);
  printf("%-6s %4dx%-4d -> %3d %-7s blocks %5.1f %%  pixels %5.1f %%  %8.3f ms\n", name,
         info->width, info->height, size, resize == DCN_RESIZE_CROP ? "crop" : "stretch",
         share * 100, 100.0 * pixels / (size * size), times[RUNS / 2] / 1000.0);
  if (share == 0) {
    DcnFrameHistory *history = dcn_frame_history_new(info);
    for (int i = 0; i < RUNS; i++) {
      gint64 start = g_get_monotonic_time();
      dcn_frame_history_update(history, &frame, changed);
      times[i] = g_get_monotonic_time() - start;
    }
    qsort(times, RUNS, sizeof *times, compare_times);
    printf("%-6s %4dx%-4d comparison, nothing changed %8.3f ms\n", name, info->width, info->height,
           times[RUNS / 2] / 1000.0);
    dcn_frame_history_free(history);
  }
  dcn_frame_to_tensor_free(convert);
  g_rand_free(rand);
  g_free(memory);
  g_free(changed);
  g_free(touched);
  g_free(tensor);
}

int
main(int argc, char **argv)
{
  static const struct {
    const char *name;
    DcnFrameInfo info;
  } frames[] = {
      {"I420",
       {DCN_FORMAT_I420, 1920, 1080, 1, 1, FALSE, 0, 0, 0, 0, 0.2126, 0.0722, FALSE, 0, 0.5}},
      {"NV12",
       {DCN_FORMAT_NV12, 1920, 1080, 1, 1, FALSE, 0, 0, 0, 0, 0.2126, 0.0722, FALSE, 0, 0.5}},
      {"RGB", {DCN_FORMAT_RGB, 1920, 1080, 0, 0, FALSE, 3, 0, 1, 2, 0, 0, TRUE, 0, 0}},
      {"I420", {DCN_FORMAT_I420, 640, 480, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
      {"I420", {DCN_FORMAT_I420, 160, 120, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
  };
  static const double shares[] = {1, 0.5, 0.1, 0.01, 0};
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  for (size_t f = 0; f < G_N_ELEMENTS(frames); f++) {
    for (size_t s = 0; s < G_N_ELEMENTS(shares); s++)
      bench(frames[f].name, &frames[f].info, 224, DCN_RESIZE_STRETCH, shares[s], threads);
    bench(frames[f].name, &frames[f].info, 224, DCN_RESIZE_CROP, 1, threads);
  }
  return 0;
}
