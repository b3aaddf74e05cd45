/* deltacnn: how fast frames become tensors and how fast they compare.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-tensor --sizes [FORMAT [CROP]]: prints what whole frames of usual sizes take for the tensors of usual networks, of
 * one format or all, the whole frame or a share of its middle: medians of processor time, two frames in turn.
 *
 * bench-tensor [THREADS]: prints the median time per frame for some sizes, formats and shares of
 * changed blocks; then what it takes without coding metas: by comparing samples and converting what changed, and by
 * converting all and looking which blocks that changed (frames from memory). */
#include "frame/compare.h"
#include "frame/tensor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* FRAMES frames in turn, each the one before with a share of its blocks changed. */
#define FRAMES 30

static void
bench_without_metas(const DcnFrameInfo *info, int size, double share)
{
  DcnTensorSpec spec = {.width = size,
                        .height = size,
                        .channels = 3,
                        .channel_stride = 4,
                        .order = DCN_COLOR_RGB,
                        .crop_fraction = 1,
                        .scale = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
  int width = info->width, height = info->height;
  size_t luma = (size_t)width * height, bytes = luma * 3 / 2;
  int cols = (width + 7) / 8, rows = (height + 7) / 8;
  uint8_t *memory = g_malloc(bytes * FRAMES), *blocks = g_malloc((size_t)cols * rows);
  uint8_t *touched = g_malloc((size_t)size * size);
  float *tensors[2] = {g_new0(float, (size_t)size *size * 4),
                       g_new0(float, (size_t)size *size * 4)};
  DcnFrameToTensor *by_samples = dcn_frame_to_tensor_new(info, &spec, NULL);
  DcnFrameToTensor *by_tensor = dcn_frame_to_tensor_new(info, &spec, NULL);
  DcnFrameHistory *history = dcn_frame_history_new(info);
  GRand *rand = g_rand_new_with_seed(1);
  gint64 times[2][2 * FRAMES];
  for (size_t i = 0; i < bytes; i++)
    memory[i] = (uint8_t)g_rand_int(rand);
  for (int f = 1; f < FRAMES; f++) {
    uint8_t *frame = memory + f * bytes;
    memcpy(frame, frame - bytes, bytes);
    for (int i = 0; i < cols * rows; i++) {
      int left = i % cols * 8, top = i / cols * 8;
      if (g_rand_double(rand) >= share)
        continue;
      for (int y = top; y < MIN(top + 8, height); y++)
        for (int x = left; x < MIN(left + 8, width); x++)
          frame[(size_t)y * width + x] ^= 7;
    }
  }
  for (int i = 0; i < 2 * FRAMES; i++) {
    const uint8_t *m = memory + i % FRAMES * bytes;
    DcnFrame frame = {{m, m + luma, m + luma * 5 / 4}, {width, width / 2, width / 2}};
    gint64 start = g_get_monotonic_time();
    int n = dcn_frame_history_update(history, &frame, blocks);
    if (n > 0)
      dcn_frame_to_tensor_run(by_samples, &frame, n > cols * rows / 2 ? NULL : blocks, tensors[0],
                              touched, 1);
    gint64 middle = g_get_monotonic_time();
    dcn_frame_to_tensor_run(by_tensor, &frame, NULL, tensors[1], touched, 1);
    dcn_frame_to_tensor_blocks(by_tensor, touched, blocks);
    times[0][i] = middle - start;
    times[1][i] = g_get_monotonic_time() - middle;
  }
  for (int i = 0; i < 2; i++)
    qsort(times[i], 2 * FRAMES, sizeof(gint64), compare_times);
  printf("I420   %4dx%-4d -> %3d, no metas: blocks %5.1f %%  by samples %8.3f ms, by tensor %8.3f "
         "ms\n",
         width, height, size, share * 100, times[0][FRAMES] / 1000.0, times[1][FRAMES] / 1000.0);
  g_rand_free(rand);
  dcn_frame_history_free(history);
  dcn_frame_to_tensor_free(by_samples);
  dcn_frame_to_tensor_free(by_tensor);
  g_free(tensors[0]);
  g_free(tensors[1]);
  g_free(touched);
  g_free(blocks);
  g_free(memory);
}

static gint64
processor_ns(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * G_GINT64_CONSTANT(1000000000) + t.tv_nsec;
}

/* Every sample of every frame is another one. */
static void
bench_size(const char *name, const DcnFrameInfo *info, int size, double crop)
{
  DcnTensorSpec spec = {.width = size,
                        .height = size,
                        .channels = 3,
                        .channel_stride = 4,
                        .order = DCN_COLOR_RGB,
                        .resize = crop > 0 ? DCN_RESIZE_CROP : DCN_RESIZE_STRETCH,
                        .crop_fraction = crop > 0 ? crop : 1,
                        .scale = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}};
  int width = info->width, height = info->height;
  int step = info->format == DCN_FORMAT_RGB ? info->pixel_stride : 1;
  int chroma = (width + 1) / 2 * (info->format == DCN_FORMAT_NV12 ? 2 : 1);
  size_t luma = (size_t)width * height * step, bytes = 4 * (size_t)width * (height + 1);
  uint8_t *memory = g_malloc(2 * bytes), *touched = g_malloc((size_t)size * size);
  float *tensor = g_new0(float, (size_t)size *size * 4);
  DcnFrameToTensor *convert = dcn_frame_to_tensor_new(info, &spec, NULL);
  GRand *rand = g_rand_new_with_seed(1);
  gint64 times[RUNS];
  for (size_t i = 0; i < 2 * bytes; i += 4) {
    guint32 four = g_rand_int(rand);
    memcpy(memory + i, &four, 4);
  }
  for (int i = 0; i < RUNS; i++) {
    uint8_t *m = memory + i % 2 * bytes;
    DcnFrame frame = {{m, m + luma, m + luma + (size_t)chroma * ((height + 1) / 2)},
                      {width * step, chroma, chroma}};
    if (info->format == DCN_FORMAT_YUYV) {
      frame.plane[1] = m;
      frame.stride[0] = frame.stride[1] = (width + 1) / 2 * 4;
    }
    gint64 start = processor_ns();
    dcn_frame_to_tensor_run(convert, &frame, NULL, tensor, touched, 1);
    times[i] = processor_ns() - start;
  }
  qsort(times, RUNS, sizeof *times, compare_times);
  double ns = (double)times[RUNS / 2];
  printf("%-5s %4dx%-4d -> %3d  %8.1f us  %6.3f ns a pixel of the frame, %6.3f of the tensor\n",
         name, width, height, size, ns / 1000, ns / (width * height), ns / (size * size));
  g_rand_free(rand);
  dcn_frame_to_tensor_free(convert);
  g_free(memory);
  g_free(touched);
  g_free(tensor);
}

static void
bench_sizes(const char *format, double crop)
{
  static const struct {
    const char *name;
    DcnFrameInfo info;
  } formats[] = {
      {"I420", {DCN_FORMAT_I420, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
      {"NV12", {DCN_FORMAT_NV12, 0, 0, 1, 1, FALSE, 0, 0, 0, 0, 0.299, 0.114, FALSE, 0, 0.5}},
      {"YUY2", {DCN_FORMAT_YUYV, 0, 0, 1, 0, FALSE, 0, 0, 1, 3, 0.299, 0.114, FALSE, 0, 0}},
      {"RGB", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 3, 0, 1, 2, 0, 0, TRUE, 0, 0}},
      {"BGRx", {DCN_FORMAT_RGB, 0, 0, 0, 0, FALSE, 4, 2, 1, 0, 0, 0, TRUE, 0, 0}},
      {"GRAY8", {DCN_FORMAT_GRAY8, 0, 0, 0, 0, FALSE, 0, 0, 0, 0, 0, 0, TRUE, 0, 0}},
  };
  static const int frames[][2] = {{320, 240},  {640, 360},   {640, 480},
                                  {1280, 720}, {1920, 1080}, {853, 479}};
  static const int sizes[] = {96,  128, 192, 224, 227, 240, 256, 260,
                              299, 300, 320, 384, 416, 480, 512, 640};
  for (guint f = 0; f < G_N_ELEMENTS(formats); f++)
    for (guint i = 0; i < G_N_ELEMENTS(frames); i++)
      for (guint k = 0; k < G_N_ELEMENTS(sizes); k++) {
        DcnFrameInfo info = formats[f].info;
        info.width = frames[i][0];
        info.height = frames[i][1];
        if (!format || strcmp(format, formats[f].name) == 0)
          bench_size(formats[f].name, &info, sizes[k], crop);
      }
}

int
main(int argc, char **argv)
{
  if (argc > 1 && strcmp(argv[1], "--sizes") == 0) {
    bench_sizes(argc > 2 ? argv[2] : NULL, argc > 3 ? g_ascii_strtod(argv[3], NULL) : 0);
    return 0;
  }
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
  static const int without[][3] = {{640, 480, 96},   {640, 480, 224},   {1280, 720, 224},
                                   {1280, 720, 480}, {1920, 1080, 224}, {1920, 1080, 512}};
  for (guint i = 0; i < G_N_ELEMENTS(without); i++)
    for (int k = 0; k < 3; k++) {
      DcnFrameInfo info = {.format = DCN_FORMAT_I420,
                           .width = without[i][0],
                           .height = without[i][1],
                           .sub_x = 1,
                           .sub_y = 1,
                           .kr = 0.299,
                           .kb = 0.114,
                           .chroma_y = 0.5};
      bench_without_metas(&info, without[i][2], (double[]){0, 0.1, 1}[k]);
    }
  return 0;
}
