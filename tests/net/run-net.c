/* Runs frames through a model with the engine: for the comparison with onnxruntime, for
 * measurements and profiles. SPDX-License-Identifier: LGPL-2.1-or-later
 *
 *   run-net MODEL [--input FRAMES.f32] [--output LOGITS.f32] [--dense] [--tolerance T] [--threads
 * N]
 *           [--kernels ISA] [--runs N] [--classifier] [--profile]
 *
 * FRAMES.f32: frames one after another, little-endian floats in the model's own order (N,C,H,W);
 * without it, one random frame.  LOGITS.f32: the first output of each frame.  --runs: each frame so
 * many times, the first of them not counted (with --dense; a delta run would have nothing to do).
 * Prints a JSON object: what was run, times in ms, multiplies done.   --profile adds a line per op:
 * means over the frames, and the least, which other programs disturb less. */
#include "model/onnx.h"
#include "net/net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *input_path, *output_path, *isa;
static gboolean dense, partial, profile, half, classifier;
static double tolerance;
static int threads = 1, runs = 1;

static const GOptionEntry entries[] = {
    {"input", 0, 0, G_OPTION_ARG_FILENAME, &input_path, "frames", "FILE"},
    {"output", 0, 0, G_OPTION_ARG_FILENAME, &output_path, "first outputs", "FILE"},
    {"dense", 0, 0, G_OPTION_ARG_NONE, &dense, "recompute every frame whole", NULL},
    {"partial", 0, 0, G_OPTION_ARG_NONE, &partial, "never recompute a frame whole but the first",
     NULL},
    {"tolerance", 0, 0, G_OPTION_ARG_DOUBLE, &tolerance, "relative tolerance", "T"},
    {"threads", 0, 0, G_OPTION_ARG_INT, &threads, "threads", "N"},
    {"kernels", 0, 0, G_OPTION_ARG_STRING, &isa, "portable, avx2, avx512", "ISA"},
    {"half", 0, 0, G_OPTION_ARG_NONE, &half, "weights of fully connected layers in half precision",
     NULL},
    {"runs", 0, 0, G_OPTION_ARG_INT, &runs, "times to run each frame", "N"},
    {"classifier", 0, 0, G_OPTION_ARG_NONE, &classifier, "load it as the elements do", NULL},
    {"profile", 0, 0, G_OPTION_ARG_NONE, &profile, "a line per op", NULL},
    {NULL},
};

static double
clock_ms(clockid_t clock)
{
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

/* The model's order (rank 3 and more: N,C,rest) to pixels. */
static void
fill_input(const DcnValue *v, const float *frame, float *input)
{
  int pitch = dcn_channel_pitch(v->c);
  size_t plane = (size_t)v->h * v->w;
  for (int n = 0; n < v->n; n++)
    for (size_t p = 0; p < plane; p++)
      for (int c = 0; c < v->c; c++)
        input[((size_t)n * plane + p) * pitch + c] =
            v->rank < 3 ? frame[p * v->c + c] : frame[((size_t)n * v->c + c) * plane + p];
}

/* Sums over all frames that count, and the least times. */
static void
add_stats(const DcnProgram *p, const DcnState *state, DcnOpStat *sum, uint64_t *least_ns)
{
  const DcnOpStat *s = dcn_state_op_stats(state);
  for (int i = 0; i < p->n_ops; i++) {
    sum[i].ns += s[i].ns;
    least_ns[i] = least_ns[i] ? MIN(least_ns[i], s[i].ns) : s[i].ns;
    sum[i].macs += s[i].macs;
    sum[i].pixels += s[i].pixels;
    sum[i].blocks_igemm += s[i].blocks_igemm;
    sum[i].blocks_dgemm += s[i].blocks_dgemm;
  }
}

static void
print_profile(const DcnProgram *p, const DcnOpStat *stats, const uint64_t *least_ns, int frames)
{
  static const char *const names[] = {
      "conv", "max_pool", "avg_pool",    "global_avg", "affine", "act",    "binary",
      "lrn",  "softmax",  "log_softmax", "layer_norm", "concat", "gather", "matmul"};
  for (int i = 0; i < p->n_ops; i++) {
    const DcnValue *in = &p->values[p->ops[i].inputs[0]], *out = &p->values[p->ops[i].output];
    printf(
        "# %-11s %4dx%-4dx%-5d -> %4dx%-4dx%-5d %8.3f ms (%8.4f) %10.3f Mmac %7.1f GF %6d px %4llu "
        "igemm %4llu dgemm  %s\n",
        names[p->ops[i].kind], in->h, in->w, in->c, out->h, out->w, out->c,
        (double)stats[i].ns / 1e6 / frames, (double)least_ns[i] / 1e6,
        (double)stats[i].macs / 1e6 / frames,
        stats[i].ns ? 2.0 * (double)stats[i].macs / (double)stats[i].ns : 0,
        stats[i].pixels / frames, (unsigned long long)stats[i].blocks_igemm / (unsigned)frames,
        (unsigned long long)stats[i].blocks_dgemm / (unsigned)frames, p->ops[i].name);
  }
}

int
main(int argc, char **argv)
{
  GError *error = NULL;
  GOptionContext *context = g_option_context_new("MODEL");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!g_option_context_parse(context, &argc, &argv, &error) || argc != 2) {
    fprintf(stderr, "%s\n", error ? error->message : "one model is needed");
    return 2;
  }
  g_option_context_free(context);
  const DcnKernels *kernels = isa ? dcn_kernels_by_isa(isa) : dcn_kernels_get();
  if (!kernels) {
    fprintf(stderr, "no kernels for %s here\n", isa);
    return 2;
  }
  const DcnOnnxOptions options = {.classifier = classifier, .weights_later = classifier};
  double load_start = clock_ms(CLOCK_MONOTONIC), load_cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
  DcnProgram *program = dcn_onnx_load_file(argv[1], &options, &error);
  DcnNet *net = program ? dcn_net_new_with(program, kernels,
                                           half ? DCN_WEIGHTS_FLOAT16 : DCN_WEIGHTS_FLOAT32, &error)
                        : NULL;
  double load_ms = clock_ms(CLOCK_MONOTONIC) - load_start;
  load_cpu = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - load_cpu;
  double state_ms = clock_ms(CLOCK_MONOTONIC);
  DcnState *state = net ? dcn_state_new(net, &error) : NULL;
  state_ms = clock_ms(CLOCK_MONOTONIC) - state_ms;
  if (!state) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  program = (DcnProgram *)dcn_net_program(net);
  const DcnValue *in = &program->values[program->input],
                 *out = &program->values[program->outputs[0]];
  size_t floats = (size_t)in->n * in->h * in->w * in->c,
         out_floats = (size_t)out->n * out->h * out->w * out->c;
  float *frames = NULL;
  gsize bytes = floats * sizeof(float);
  if (input_path && !g_file_get_contents(input_path, (char **)&frames, &bytes, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  if (!frames) {
    frames = g_new(float, floats);
    for (size_t i = 0; i < floats; i++)
      frames[i] = (float)rand() / (float)RAND_MAX - 0.5f;
  }
  size_t n_frames = bytes / sizeof(float) / floats;
  FILE *output = output_path ? fopen(output_path, "wb") : NULL;
  float *logits = g_new(float, out_floats);
  dcn_state_set_tolerance(state, tolerance);
  dcn_state_set_adaptive(state, !partial);
  double *ms = g_new(double, n_frames *(size_t)runs + 1), macs = 0, total = 0, cpu = 0;
  size_t n_ms = 0, full = 0;
  DcnOpStat *sums = g_new0(DcnOpStat, (size_t)program->n_ops + 1);
  uint64_t *least_ns = g_new0(uint64_t, (size_t)program->n_ops + 1);
  DcnRunInfo info = {0};
  for (size_t f = 0; f < n_frames; f++)
    for (int r = 0; r < runs; r++) {
      fill_input(in, frames + f * floats, dcn_state_input(state));
      /* CPU time of this thread: other programs disturb it less than the clock on the wall. */
      double cpu_start = clock_ms(CLOCK_THREAD_CPUTIME_ID), start = clock_ms(CLOCK_MONOTONIC);
      dcn_state_run(state, NULL, dense ? DCN_MODE_DENSE : DCN_MODE_DELTA, threads, &info);
      double took = clock_ms(CLOCK_MONOTONIC) - start;
      /* The first run of all touches its memory for the first time. */
      if (f == 0 && r == 0 && n_frames * (size_t)runs > 1)
        continue;
      ms[n_ms++] = took;
      total += took;
      cpu += clock_ms(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
      macs += (double)info.macs;
      add_stats(program, state, sums, least_ns);
      full += info.full;
    }
  if (output)
    for (size_t f = 0; f < n_frames; f++) {
      if (f == 0)
        dcn_state_reset(state);
      fill_input(in, frames + f * floats, dcn_state_input(state));
      dcn_state_run(state, NULL, dense ? DCN_MODE_DENSE : DCN_MODE_DELTA, threads, NULL);
      dcn_state_output(state, 0, logits);
      fwrite(logits, sizeof(float), out_floats, output);
    }
  qsort(ms, n_ms, sizeof *ms, compare);
  printf("{\"model\":\"%s\",\"input\":[%d,%d,%d,%d],\"kernels\":\"%s\",\"mode\":\"%s\","
         "\"tolerance\":%g,\"threads\":%d,"
         "\"frames\":%zu,"
         "\"median_ms\":%.4f,\"min_ms\":%.4f,\"mean_ms\":%.4f,\"mean_cpu_ms\":%.4f,\"mac_share\":%."
         "4f,\"full\":%zu,"
         "\"input_max\":%g,\"input_bgr\":%s,"
         "\"macs\":%.0f,\"weight_mb\":%.1f,\"cache_mb\":%.1f,"
         "\"load_ms\":%.1f,\"load_cpu_ms\":%.1f,\"state_ms\":%.1f}\n",
         program->model_name, in->n, in->c, in->h, in->w, kernels->isa, dense ? "dense" : "delta",
         tolerance, threads, n_ms, ms[n_ms / 2], ms[0], total / (double)n_ms, cpu / (double)n_ms,
         macs / ((double)MAX(dcn_net_macs(net), 1) * (double)n_ms), full, program->input_max,
         program->input_bgr ? "true" : "false", (double)dcn_net_macs(net),
         (double)dcn_net_weight_bytes(net) / 1e6, (double)dcn_state_cache_bytes(state) / 1e6,
         load_ms, load_cpu, state_ms);
  if (profile)
    print_profile(program, sums, least_ns, (int)n_ms);
  int failed = output && fclose(output) != 0;
  g_free(ms);
  g_free(sums);
  g_free(least_ns);
  g_free(logits);
  g_free(frames);
  dcn_state_free(state);
  dcn_net_unref(net);
  return failed;
}
