/* deltacnn: every item of a parallel loop is done once, and no two workers share a number.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/denormals.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <float.h>
#include <string.h>

typedef struct {
  int done[4096];                 /* times an item was done */
  int busy[DCN_PARALLEL_MAX + 1]; /* worker number in use */
  gboolean shared;                /* two calls had the same worker number at once */
} Counts;

static void
count(void *context, int begin, int end, int worker)
{
  Counts *counts = context;
  if (g_atomic_int_add(&counts->busy[worker], 1) != 0)
    counts->shared = TRUE;
  for (int i = begin; i < end; i++)
    g_atomic_int_inc(&counts->done[i]);
  g_atomic_int_add(&counts->busy[worker], -1);
}

static void
check_loop(int threads, int n, int grain)
{
  Counts *counts = g_new0(Counts, 1);
  dcn_parallel_for(threads, n, grain, count, counts);
  for (int i = 0; i < 4096; i++)
    g_assert_cmpint(counts->done[i], ==, i < n ? 1 : 0);
  g_assert_false(counts->shared);
  g_free(counts);
}

static void
test_every_item_once(void)
{
  const int sizes[] = {0, 1, 2, 3, 7, 64, 1000, 4096};
  for (int threads = 0; threads <= 9; threads++)
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++)
      for (int grain = 0; grain < 300; grain = grain * 4 + 1)
        check_loop(threads, sizes[i], grain);
}

static gpointer
stream(gpointer data)
{
  for (int i = 0; i < 500; i++)
    check_loop(GPOINTER_TO_INT(data), 1000, 1);
  return NULL;
}

static void
test_several_streams_at_once(void)
{
  GThread *threads[4];
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new("stream", stream, GINT_TO_POINTER(i + 1));
  for (int i = 0; i < 4; i++)
    g_thread_join(threads[i]);
}

/* As a frame does it: loops of all sizes, one after another, with the same helpers. */
static gpointer
frames(gpointer data)
{
  int threads = GPOINTER_TO_INT(data);
  for (int frame = 0; frame < 200; frame++) {
    dcn_parallel_begin(threads);
    for (int loop = 0; loop < 20; loop++)
      check_loop(1 + loop % threads, 1 + loop * 37 % 500, 1);
    if (frame % 50 == 0)
      g_usleep(2000); /* long enough for helpers to fall asleep */
    check_loop(threads, 300, 1);
    dcn_parallel_end();
  }
  return NULL;
}

static void
test_teams(void)
{
  GThread *threads[4];
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new("stream", frames, GINT_TO_POINTER(2 + i));
  for (int i = 0; i < 4; i++)
    g_thread_join(threads[i]);
}

static void
test_memory(void)
{
  g_assert_null(dcn_aligned_new0(SIZE_MAX / 2, 3));
  g_assert_null(dcn_aligned_new0(SIZE_MAX, 1));
  char *memory = dcn_aligned_new0(3, 7);
  g_assert_cmpuint((uintptr_t)memory % DCN_ALIGN, ==, 0);
  for (int i = 0; i < 21; i++)
    g_assert_cmpint(memory[i], ==, 0);
  dcn_aligned_free(memory);
  dcn_aligned_free(NULL);
}

typedef struct {
  volatile float least; /* the least normal number */
  int zero, more;       /* how often half of it was zero, and how often not */
} Halves;

static void
halve(void *context, int begin, int end, int worker)
{
  Halves *halves = context;
  (void)worker;
  for (int i = begin; i < end; i++)
    g_atomic_int_inc(halves->least / 2 > 0 ? &halves->more : &halves->zero);
  g_usleep(200); /* so that the others get some */
}

/* What the caller does with denormal numbers its helpers do as well, and no longer than that. */
static void
test_float_mode(void)
{
#if !defined(__x86_64__) && !defined(__aarch64__)
  g_test_skip("32-bit CPUs keep denormal numbers");
  return;
#endif
  for (int i = 0; i < 20; i++) {
    Halves off = {.least = FLT_MIN}, on = {.least = FLT_MIN};
    DcnFloatMode before = dcn_denormals_off();
    dcn_parallel_for(4, 40, 1, halve, &off);
    dcn_float_mode_set(before);
    dcn_parallel_for(4, 40, 1, halve, &on);
    g_assert_cmpint(off.zero, ==, 40);
    g_assert_cmpint(on.more, ==, 40);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  dcn_parallel_set_helpers(6); /* more than a small machine has processors */
  g_test_add_func("/util/parallel/every-item-once", test_every_item_once);
  g_test_add_func("/util/parallel/several-streams-at-once", test_several_streams_at_once);
  g_test_add_func("/util/parallel/teams", test_teams);
  g_test_add_func("/util/parallel/float-mode", test_float_mode);
  g_test_add_func("/util/memory/aligned", test_memory);
  return g_test_run();
}
