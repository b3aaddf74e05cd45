/* deltacnn: splits loops over a process-wide pool of threads.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A network is fifty loops of some ten microseconds each: waking a thread for every one of them
 * would cost more than it saves.  So helpers join a stream's team for as long as a frame takes: they
 * wait for its loops actively, for a moment, and only then sleep.  The pool has a thread less than
 * there are processors, and hands them to teams in the order in which these asked: a stream that
 * gets none does its frame alone. */
#include "util/parallel.h"
#include "util/denormals.h"
#include <stdatomic.h>

/* Pauses before a waiting thread sleeps (a helper) or lets others run (a caller): some 50 us. */
#define PATIENCE 1500

#define OPEN   1u                /* Team.state: helpers may enter the loop */
#define INSIDE 2u                /* one helper inside */
#define NUMBER 0x100u            /* the loop's number */
#define COUNT  (NUMBER - INSIDE) /* mask of the helpers inside */

/* What is left of the items that a worker begins with, alone on its cache line. */
typedef struct {
  _Alignas(64) atomic_int next;
  int end;
} Share;

typedef struct {
  atomic_int refs; /* the thread that it belongs to, and a helper each */
  atomic_uint state;
  atomic_int over; /* the team has broken up */
  /* The loop; written while nobody is inside. */
  DcnParallelFunc func;
  void *context;
  int chunk, threads;
  Share shares[DCN_PARALLEL_MAX];

  DcnFloatMode mode;  /* the owner's, for its helpers too */
  int size;           /* threads asked for; the owner's */
  gboolean gathered;  /* helpers have been called; the owner's */
  atomic_int numbers; /* worker number of the last helper that came */
  atomic_int sleeping;
  GMutex lock;
  GCond wake;
} Team;

/* Of one thread: teams to take turns with, because helpers of the last one may not have left yet. */
typedef struct {
  Team *teams[3];
  Team *current;
  int depth;
} Owner;

static GThreadPool *pool;

static inline void
pause_a_moment(void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int
dcn_parallel_threads(int requested)
{
  int n = requested > 0 ? requested : (int)g_get_num_processors();
  return CLAMP(n, 1, DCN_PARALLEL_MAX);
}

static void
team_unref(Team *team)
{
  if (!team || atomic_fetch_sub(&team->refs, 1) != 1)
    return;
  g_mutex_clear(&team->lock);
  g_cond_clear(&team->wake);
  g_aligned_free(team);
}

/* A worker begins with its own share of the items, the same part of each loop: what it wrote in the last loop
 * is in its caches when it reads it in the next.  Then it helps the others. */
static void
work(Team *team, int worker)
{
  int threads = team->threads, chunk = team->chunk;
  for (int i = 0, w = worker; i < threads; i++, w = w + 1 < threads ? w + 1 : 0) {
    Share *share = &team->shares[w];
    for (;;) {
      int begin = atomic_load(&share->next);
      if (begin >= share->end)
        break;
      begin = atomic_fetch_add(&share->next, chunk);
      if (begin >= share->end)
        break;
      team->func(team->context, begin, MIN(begin + chunk, share->end), worker);
    }
  }
}

static void
share_out(Team *team, int count)
{
  int chunks = (count + team->chunk - 1) / team->chunk, begin = 0;
  for (int w = 0; w < team->threads; w++) {
    int end = (int)((gint64)chunks * (w + 1) / team->threads) * team->chunk;
    atomic_store_explicit(&team->shares[w].next, begin, memory_order_relaxed);
    team->shares[w].end = begin = MIN(end, count);
  }
}

static gboolean
loop_is_new(unsigned state, unsigned seen)
{
  return (state & OPEN) && state / NUMBER != seen;
}

static void
sleep_until_needed(Team *team, unsigned seen)
{
  g_mutex_lock(&team->lock);
  atomic_fetch_add(&team->sleeping, 1); /* before the state is read: see dcn_parallel_for() */
  while (!atomic_load(&team->over) && !loop_is_new(atomic_load(&team->state), seen))
    g_cond_wait(&team->wake, &team->lock);
  atomic_fetch_sub(&team->sleeping, 1);
  g_mutex_unlock(&team->lock);
}

static void
wake_all(Team *team)
{
  if (atomic_load(&team->sleeping) == 0)
    return;
  g_mutex_lock(&team->lock);
  g_cond_broadcast(&team->wake);
  g_mutex_unlock(&team->lock);
}

static void
helper(gpointer data, gpointer user_data)
{
  Team *team = data;
  (void)user_data;
  int worker = atomic_fetch_add(&team->numbers, 1) + 1, waited = 0;
  unsigned seen = 0;
  DcnFloatMode own = dcn_float_mode();
  dcn_float_mode_set(team->mode);
  while (!atomic_load(&team->over)) {
    unsigned state = atomic_load(&team->state);
    if (!loop_is_new(state, seen)) {
      if (++waited < PATIENCE)
        pause_a_moment();
      else
        sleep_until_needed(team, seen);
      continue;
    }
    /* Entering fails where the owner has closed the loop meanwhile. */
    if (!atomic_compare_exchange_strong(&team->state, &state, state + INSIDE))
      continue;
    seen = state / NUMBER;
    if (worker < team->threads)
      work(team, worker);
    atomic_fetch_sub(&team->state, INSIDE);
    waited = 0;
  }
  dcn_float_mode_set(own); /* GLib lends the thread to others */
  team_unref(team);
}

static void
owner_free(gpointer data)
{
  Owner *owner = data;
  for (guint i = 0; i < G_N_ELEMENTS(owner->teams); i++)
    team_unref(owner->teams[i]);
  g_free(owner);
}

static GPrivate owners = G_PRIVATE_INIT(owner_free);

static Owner *
owner_get(void)
{
  Owner *owner = g_private_get(&owners);
  if (!owner) {
    owner = g_new0(Owner, 1);
    g_private_set(&owners, owner);
  }
  return owner;
}

/* A team of this thread's that all helpers have left. */
static Team *
owner_team(Owner *owner)
{
  Team **slot = &owner->teams[0];
  for (guint i = 0; i < G_N_ELEMENTS(owner->teams); i++) {
    slot = &owner->teams[i];
    if (!*slot || atomic_load(&(*slot)->refs) == 1)
      break;
  }
  if (*slot && atomic_load(&(*slot)->refs) > 1) { /* none: their helpers free it */
    team_unref(*slot);
    *slot = NULL;
  }
  if (!*slot) {
    *slot = g_aligned_alloc0(1, sizeof(Team), _Alignof(Team));
    atomic_init(&(*slot)->refs, 1);
    g_mutex_init(&(*slot)->lock);
    g_cond_init(&(*slot)->wake);
  }
  return *slot;
}

void
dcn_parallel_begin(int threads)
{
  Owner *owner = owner_get();
  if (owner->depth++ > 0)
    return;
  Team *team = owner->current = owner_team(owner);
  atomic_store(&team->state, 0);
  atomic_store(&team->over, 0);
  atomic_store(&team->numbers, 0);
  team->mode = dcn_float_mode();
  team->size = dcn_parallel_threads(threads);
  team->gathered = FALSE;
}

void
dcn_parallel_end(void)
{
  Owner *owner = owner_get();
  if (--owner->depth > 0)
    return;
  Team *team = owner->current;
  owner->current = NULL;
  if (!team->gathered)
    return;
  atomic_store(&team->over, 1);
  wake_all(team);
}

static gpointer
pool_new(gpointer data)
{
  (void)data;
  int helpers = MAX((int)g_get_num_processors() - 1, 1);
  pool = g_thread_pool_new(helper, NULL, helpers, FALSE, NULL);
  return pool;
}

static GThreadPool *
pool_get(void)
{
  static GOnce once = G_ONCE_INIT;
  return g_once(&once, pool_new, NULL);
}

void
dcn_parallel_set_helpers(int helpers)
{
  g_thread_pool_set_max_threads(pool_get(), CLAMP(helpers, 1, DCN_PARALLEL_MAX), NULL);
}

static void
gather(Team *team)
{
  team->gathered = TRUE;
  int helpers = MIN(team->size - 1, g_thread_pool_get_max_threads(pool_get()));
  /* A push that could not start a thread still queues: nobody waits for it, and a later thread only
   * drops its reference. */
  for (int i = 0; i < helpers; i++) {
    atomic_fetch_add(&team->refs, 1);
    g_thread_pool_push(pool_get(), team, NULL);
  }
}

void
dcn_parallel_for(int threads, int count, int grain, DcnParallelFunc func, void *context)
{
  if (count <= 0)
    return;
  grain = MAX(grain, 1);
  int useful = (count + grain - 1) / grain;
  threads = MIN(dcn_parallel_threads(threads), useful);
  if (threads == 1) {
    func(context, 0, count, 0);
    return;
  }
  dcn_parallel_begin(threads);
  Team *team = owner_get()->current;
  if (!team->gathered)
    gather(team);
  team->func = func;
  team->context = context;
  team->chunk = grain; /* the smallest that pays, so that all end together */
  team->threads = threads;
  share_out(team, count);
  unsigned number = atomic_load(&team->state) / NUMBER + 1;
  atomic_store(&team->state, number * NUMBER + OPEN);
  wake_all(team); /* a helper that is about to sleep has said so, or will see the loop */
  work(team, 0);
  atomic_fetch_and(&team->state, ~OPEN);
  for (int waited = 0; atomic_load(&team->state) & COUNT; waited++)
    if (waited < PATIENCE)
      pause_a_moment();
    else
      g_thread_yield();
  dcn_parallel_end();
}
