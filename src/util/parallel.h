/* deltacnn: splits loops over a process-wide pool of threads.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One pool of GLib threads per process, shared by all streams.  The caller works too, so a loop needs
 * threads - 1 helpers and threads == 1 touches no lock. */
#pragma once
#include <glib.h>

/* Called for item indices [begin, end); worker is in [0, threads) and no two concurrent calls of one loop
 * share it, so that scratch memory can be indexed by it. */
typedef void (*DcnParallelFunc)(void *context, int begin, int end, int worker);

/* Number of threads for a request: 0 means all cores; the result is in [1, DCN_PARALLEL_MAX]. */
#define DCN_PARALLEL_MAX 64
int dcn_parallel_threads(int requested);

/* Runs func over [0, count) in chunks of at least grain items on up to threads threads; returns when all is
 * done.  May be called from several threads at once; func must not call it again. */
void dcn_parallel_for(int threads, int count, int grain, DcnParallelFunc func, void *context);

/* Between these two, loops of the calling thread share up to threads - 1 helpers, who stay: what to put around
 * many short loops.  The helpers are called by the first loop that can use them.  May be nested, the outermost
 * counts. */
void dcn_parallel_begin(int threads);
void dcn_parallel_end(void);

/* How many threads the pool may have; at first one less than there are processors. */
void dcn_parallel_set_helpers(int helpers);
