/* deltacnn benchmark: every kernel of every table that this CPU runs.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bench-kernels [--json] [--isa=avx512] [--kernel=igemm] [--repeats=15]
 *
 * Prints a table, or with --json one object per line.  Times are CPU time of one thread, medians.
 */
#include "bench.h"
#include "util/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double
bench_now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int
compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

void
bench_median(const Bench *bench, int count, BenchFunc *functions, void *context, double *seconds)
{
  double *times = g_new(double, (gsize)count * bench->repeats);
  for (int i = 0; i < count; i++)
    functions[i](context);
  for (int r = 0; r < bench->repeats; r++) {
    for (int i = 0; i < count; i++) {
      double start = bench_now();
      functions[i](context);
      times[i * bench->repeats + r] = bench_now() - start;
    }
  }
  for (int i = 0; i < count; i++) {
    qsort(times + i * bench->repeats, bench->repeats, sizeof *times, compare_doubles);
    seconds[i] = times[i * bench->repeats + bench->repeats / 2];
  }
  g_free(times);
}

void
bench_report(const Bench *bench, const char *kernel, const char *shape, const BenchValue *values,
             int count)
{
  if (bench->json) {
    printf("{\"kernel\": \"%s\", \"isa\": \"%s\", \"shape\": \"%s\"", kernel, bench->k->isa, shape);
    for (int i = 0; i < count; i++)
      printf(", \"%s\": %.6g", values[i].name, values[i].value);
    printf("}\n");
  } else {
    printf("%-10s %-8s %-24s", kernel, bench->k->isa, shape);
    for (int i = 0; i < count; i++)
      printf("  %s %.4g", values[i].name, values[i].value);
    printf("\n");
  }
  fflush(stdout);
}

float *
bench_floats(size_t count)
{
  float *p = dcn_aligned_new0(count, sizeof(float));
  if (!p) {
    fprintf(stderr, "no memory for %zu floats\n", count);
    exit(1);
  }
  uint32_t state = 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    p[i] = (float)(int32_t)state / 2147483648.f;
  }
  return p;
}

double
bench_peak(const char *isa, long rounds)
{
#define RUN_PEAK(name)                                                                             \
  if (strcmp(isa, #name) == 0)                                                                     \
    return bench_peak__##name(rounds);
  DCN_ISA_LIST(RUN_PEAK)
  return 0;
}

typedef struct {
  const char *isa;
  double operations;
} Peak;

static void
run_peak(void *context)
{
  Peak *peak = context;
  peak->operations = bench_peak(peak->isa, 1000000);
}

int
main(int argc, char **argv)
{
  Bench bench = {.repeats = 15};
  GOptionEntry options[] = {
      {"json", 0, 0, G_OPTION_ARG_NONE, &bench.json, "one JSON object per line", NULL},
      {"isa", 0, 0, G_OPTION_ARG_STRING, &bench.isa, "only this table", "NAME"},
      {"kernel", 0, 0, G_OPTION_ARG_STRING, &bench.kernel, "only this kernel", "NAME"},
      {"repeats", 0, 0, G_OPTION_ARG_INT, &bench.repeats, "measurements per figure", "N"},
      {NULL},
  };
  GOptionContext *context = g_option_context_new(NULL);
  g_option_context_add_main_entries(context, options, NULL);
  GError *error = NULL;
  if (!g_option_context_parse(context, &argc, &argv, &error)) {
    fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  g_option_context_free(context);
  bench.repeats = MAX(bench.repeats, 1);

  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    bench.k = *k;
    if (bench.isa && strcmp(bench.isa, bench.k->isa) != 0)
      continue;
    Peak peak = {bench.k->isa, 0};
    double seconds;
    bench_median(&bench, 1, (BenchFunc[]){run_peak}, &peak, &seconds);
    BENCH_REPORT(&bench, "peak", "registers", {"gflops", peak.operations / seconds / 1e9});
#define RUN_BENCH(name)                                                                            \
  if (!bench.kernel || strcmp(bench.kernel, #name) == 0)                                           \
    bench_##name(&bench);
    DCN_KERNEL_LIST(RUN_BENCH)
  }
  return 0;
}
