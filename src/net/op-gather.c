/* deltacnn: any rearrangement of a value's elements.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Most movements do the same in every pixel: an output pixel's channels come from places that lie in the same way from
 * the first one's.  These keep a place for each pixel and one order of channels; the rest an offset for each element. */
#include "net/internal.h"
#include "util/error.h"
#include "util/memory.h"
#include <string.h>

/* Output pixels that read more input pixels than these are done anew when anything changed. */
#define MOST_SOURCES 64
/* Copied by runs where these are so long, on average. */
#define RUN_CHANNELS 4

/* Channels [to, to + n) come from `from` on, `step` apart. */
typedef struct {
  int to, from, n, step;
} Run;

enum { NOWHERE = -1, ANYWHERE = -2 };

typedef struct {
  int32_t *
      base; /* [pixels of the output] where its first channel is in ref, or -1: all is fill; owned */
  int32_t *order; /* [channels] where the others are from there; owned */
  Run *runs;      /* the same; NULL where they would be short; owned */
  int n_runs;
  int32_t *
      offset; /* instead of all these: [elements of the output] offsets in ref, -1 for fill; owned */
  /* [pixels of the output] the first input pixel that it reads, NOWHERE or ANYWHERE; owned.  Those that it reads lie
   * related[] pixels from there. */
  int32_t *source;
  int32_t related[MOST_SOURCES];
  int n_related;
} GatherPlan;

static void
gather_clear(DcnNetOp *op)
{
  GatherPlan *plan = op->plan;
  g_free(plan->base);
  g_free(plan->order);
  g_free(plan->runs);
  g_free(plan->offset);
  g_free(plan->source);
  g_free(plan);
}

/* Makes `base` and `order` of `offset` where it can be. */
static void
find_order(GatherPlan *plan, const DcnNetValue *out)
{
  const size_t channels = (size_t)out->c;
  int32_t *base = g_new(int32_t, out->pixels), *order = NULL;
  for (int p = 0; p < out->pixels; p++) {
    const int32_t *offset = plan->offset + (size_t)p * channels;
    base[p] = offset[0];
    if (!order && offset[0] >= 0) {
      order = g_new(int32_t, channels);
      for (size_t c = 0; c < channels; c++)
        order[c] = offset[c] - offset[0];
    }
    for (size_t c = 0; c < channels; c++)
      if (offset[0] < 0 ? offset[c] >= 0 : offset[c] < 0 || offset[c] - offset[0] != order[c]) {
        g_free(base);
        g_free(order);
        return;
      }
  }
  plan->base = base;
  plan->order = order ? order : g_new0(int32_t, channels);
  g_clear_pointer(&plan->offset, g_free);
}

static void
find_runs(GatherPlan *plan, int channels)
{
  Run *runs = g_new(Run, channels);
  const int32_t *order = plan->order;
  int n = 0;
  for (int c = 0; c < channels; c += runs[n++].n) {
    const int step = c + 1 < channels ? order[c + 1] - order[c] : 1;
    int end = c + 1;
    while (end < channels && order[end] - order[end - 1] == step)
      end++;
    runs[n] = (Run){c, order[c], end - c, step};
  }
  if (n * RUN_CHANNELS > channels)
    g_clear_pointer(&runs, g_free);
  plan->runs = runs;
  plan->n_runs = runs ? n : 0;
}

/* Which input pixels an output pixel reads, from offsets in the input without gaps. */
static void
find_sources(GatherPlan *plan, const int32_t *index, const DcnNetValue *in, const DcnNetValue *out)
{
  gboolean known = FALSE;
  plan->n_related = 1;
  for (int p = 0; p < out->pixels; p++) {
    const int32_t *elements = index + (size_t)p * (size_t)out->c;
    int32_t related[MOST_SOURCES], first = NOWHERE;
    int n = 0;
    for (int c = 0; c < out->c && n <= MOST_SOURCES; c++) {
      if (elements[c] < 0)
        continue;
      const int32_t pixel = elements[c] / in->c;
      int k = 0;
      first = first == NOWHERE ? pixel : first;
      while (k < n && related[k] != pixel - first)
        k++;
      if (k == MOST_SOURCES)
        n = MOST_SOURCES + 1;
      else if (k == n)
        related[n++] = pixel - first;
    }
    if (n > 0 && n <= MOST_SOURCES && !known) {
      known = TRUE;
      plan->n_related = n;
      memcpy(plan->related, related, sizeof *related * (size_t)n);
    }
    const gboolean same =
        n == plan->n_related && memcmp(plan->related, related, sizeof *related * (size_t)n) == 0;
    plan->source[p] = first == NOWHERE || same ? first : ANYWHERE;
  }
}

static gboolean
gather_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnNetValue *in = dcn_op_in(net, op->op), *out = dcn_op_out(net, op->op);
  GatherPlan *plan = op->plan = g_new0(GatherPlan, 1);
  plan->offset = g_steal_pointer(&op->op->u.gather.index);
  plan->source = g_try_new(int32_t, out->pixels);
  if (!plan->source)
    return dcn_no_memory(error);
  const int64_t elements = (int64_t)in->pixels * in->c;
  const size_t count = (size_t)out->pixels * (size_t)out->c;
  for (size_t i = 0; i < count; i++)
    if (plan->offset[i] >= elements) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "'%s' reads outside of its input",
                  op->op->name);
      return FALSE;
    }
  find_sources(plan, plan->offset, in, out);
  for (size_t i = 0; i < count; i++)
    if (plan->offset[i] >= 0)
      plan->offset[i] = plan->offset[i] / in->c * in->ref_pitch + plan->offset[i] % in->c;
  find_order(plan, out);
  if (plan->order)
    find_runs(plan, out->c);
  op->weight_bytes = sizeof(int32_t) * (plan->offset ? (size_t)out->pixels + count
                                                     : 2 * (size_t)out->pixels + (size_t)out->c);
  return TRUE;
}

static void
fill(float *y, int n, float value)
{
  for (int c = 0; c < n; c++)
    y[c] = value;
}

static void
gather_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  const GatherPlan *plan = job->op->plan;
  const int n = job->out->net->c;
  const float *ref = job->in->ref;
  if (plan->offset) {
    const int32_t *offset = plan->offset + (size_t)p * n;
    for (int c = 0; c < n; c++)
      y[c] = offset[c] < 0 ? job->op->op->u.gather.fill : ref[offset[c]];
    return;
  }
  if (plan->base[p] < 0) {
    fill(y, n, job->op->op->u.gather.fill);
    return;
  }
  const float *from = ref + plan->base[p];
  if (!plan->runs)
    for (int c = 0; c < n; c++)
      y[c] = from[plan->order[c]];
  for (int i = 0; i < plan->n_runs; i++) {
    const Run *run = &plan->runs[i];
    const float *x = from + run->from;
    if (run->step == 1)
      memcpy(y + run->to, x, sizeof(float) * (size_t)run->n);
    else
      for (int c = 0; c < run->n; c++)
        y[run->to + c] = x[(ptrdiff_t)c * run->step];
  }
}

static gboolean
reads_changed(const GatherPlan *plan, const DcnValueState *in, int p)
{
  const int32_t source = plan->source[p];
  if (source < 0)
    return source == ANYWHERE;
  for (int i = 0; i < plan->n_related; i++)
    if (in->changed[source + plan->related[i]])
      return TRUE;
  return FALSE;
}

static void
gather_run(DcnJob *job)
{
  const GatherPlan *plan = job->op->plan;
  const DcnNetValue *out = job->out->net;
  dcn_list_all(job);
  if (!job->full) {
    int32_t *list = job->state->list;
    int count = 0;
    for (int p = 0; p < out->pixels; p++)
      if (reads_changed(plan, job->in, p))
        list[count++] = p;
    job->list = list;
    job->count = count;
  }
  dcn_run_pixels(job, gather_pixel, (size_t)out->c * 8 + 500);
}

const DcnOpClass dcn_gather_class = {"gather", gather_prepare, gather_run, gather_clear};
