/* deltacnn benchmark: timing and reporting shared by the kernels' benchmarks.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "kernels/kernel-list.h"
#include <glib.h>

typedef struct {
  gboolean json;
  int repeats;         /* measurements per figure; the median counts */
  const char *isa;     /* only this table, or NULL */
  const char *kernel;  /* only this kernel, or NULL */
  const DcnKernels *k; /* the table now measured */
} Bench;

/* bench_igemm(bench) and so on, one per entry of the list. */
#define DECLARE_BENCH(kernel) void bench_##kernel(Bench *bench);
DCN_KERNEL_LIST(DECLARE_BENCH)

#define DECLARE_PEAK(isa) double bench_peak__##isa(long rounds);
DCN_ISA_LIST(DECLARE_PEAK)

/* Runs that many rounds of a table's peak loop; returns the operations done. */
double bench_peak(const char *isa, long rounds);

/* CPU time of this thread in seconds: the machine may be shared, and waiting for it is not the
 * kernel's time. */
double bench_now(void);

/* Runs each of `count` functions once per repeat, in turn, so that what else the machine does hits
 * all alike; seconds[i] is the median time of function i.  Each function is run once before,
 * untimed. */
typedef void (*BenchFunc)(void *context);
void bench_median(const Bench *bench, int count, BenchFunc *functions, void *context,
                  double *seconds);

/* One line of results: kernel, table and shape, then names and values up to a NULL name. */
typedef struct {
  const char *name; /* with its unit, as in "gflops" */
  double value;
} BenchValue;
void bench_report(const Bench *bench, const char *kernel, const char *shape,
                  const BenchValue *values, int count);
#define BENCH_REPORT(bench, kernel, shape, ...)                                                    \
  bench_report(bench, kernel, shape, (const BenchValue[]){__VA_ARGS__},                            \
               G_N_ELEMENTS(((const BenchValue[]){__VA_ARGS__})))

float *bench_floats(size_t count); /* random in [-1, 1), aligned; dcn_aligned_free() */
