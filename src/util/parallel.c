/* deltacnn: splits loops over a process-wide pool of threads.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "util/parallel.h"

/* One loop.  Shared by the caller and the helpers it asked for; the last to leave frees it, so the caller
 * waits only for helpers that are inside, not for those that the pool has not started yet. */
typedef struct {
  DcnParallelFunc func;
  void *context;
  int count, chunk;
  int next;   /* atomic: first item not yet taken */
  int worker; /* atomic: next worker number */
  int refs;   /* atomic */
  GMutex lock;
  GCond done;
  int inside;      /* helpers at work; protected by lock */
  gboolean closed; /* the caller has left; protected by lock */
} Loop;

int
dcn_parallel_threads(int requested)
{
  int n = requested > 0 ? requested : (int)g_get_num_processors();
  return CLAMP(n, 1, DCN_PARALLEL_MAX);
}

static void
work(Loop *loop, int worker)
{
  for (;;) {
    int begin = g_atomic_int_add(&loop->next, loop->chunk);
    if (begin >= loop->count)
      return;
    loop->func(loop->context, begin, MIN(begin + loop->chunk, loop->count), worker);
  }
}

static void
loop_unref(Loop *loop)
{
  if (!g_atomic_int_dec_and_test(&loop->refs))
    return;
  g_mutex_clear(&loop->lock);
  g_cond_clear(&loop->done);
  g_free(loop);
}

static void
helper(gpointer data, gpointer user_data)
{
  Loop *loop = data;
  (void)user_data;
  g_mutex_lock(&loop->lock);
  gboolean enter = !loop->closed;
  if (enter)
    loop->inside++;
  g_mutex_unlock(&loop->lock);
  if (enter) {
    work(loop, g_atomic_int_add(&loop->worker, 1));
    g_mutex_lock(&loop->lock);
    if (--loop->inside == 0)
      g_cond_signal(&loop->done);
    g_mutex_unlock(&loop->lock);
  }
  loop_unref(loop);
}

static gpointer
pool_new(gpointer data)
{
  (void)data;
  return g_thread_pool_new(helper, NULL, DCN_PARALLEL_MAX, FALSE, NULL);
}

void
dcn_parallel_for(int threads, int count, int grain, DcnParallelFunc func, void *context)
{
  static GOnce once = G_ONCE_INIT;
  if (count <= 0)
    return;
  grain = MAX(grain, 1);
  int useful = (count + grain - 1) / grain;
  threads = MIN(dcn_parallel_threads(threads), useful);
  if (threads == 1) {
    func(context, 0, count, 0);
    return;
  }
  GThreadPool *pool = g_once(&once, pool_new, NULL);
  /* Four chunks a thread: enough to even out a helper that starts late, few enough to keep the counter cold. */
  int chunk = MAX(grain, (count + threads * 4 - 1) / (threads * 4));
  Loop *loop = g_new0(Loop, 1);
  loop->func = func;
  loop->context = context;
  loop->count = count;
  loop->chunk = chunk;
  loop->worker = 1;
  loop->refs = threads;
  g_mutex_init(&loop->lock);
  g_cond_init(&loop->done);
  /* A push that could not start a thread still queues: the loop then waits for nobody and a later thread
   * only drops its reference. */
  for (int i = 0; i < threads - 1; i++)
    g_thread_pool_push(pool, loop, NULL);
  work(loop, 0);
  g_mutex_lock(&loop->lock);
  loop->closed = TRUE;
  while (loop->inside > 0)
    g_cond_wait(&loop->done, &loop->lock);
  g_mutex_unlock(&loop->lock);
  loop_unref(loop);
}
