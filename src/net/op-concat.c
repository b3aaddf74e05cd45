/* deltacnn: concatenation.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/bits.h"
#include "net/internal.h"
#include "util/error.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

static gboolean
concat_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnNetValue *out = dcn_op_out(net, op->op);
  for (int i = 0; i < op->op->n_inputs; i++) {
    const DcnOrigin *o = &op->op->u.concat.origins[i];
    const DcnNetValue *in = &net->values[op->op->inputs[i]];
    if (o->n < 0 || o->y < 0 || o->x < 0 || o->c < 0 || o->n > out->n - in->n ||
        o->y > out->h - in->h || o->x > out->w - in->w || o->c > out->c - in->c) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "'%s' places an input outside of its output",
                  op->op->name);
      return FALSE;
    }
  }
  net->needs.masks = MAX(net->needs.masks, (size_t)out->words + 1);
  return TRUE;
}

/* Made in place: ref of the input is a part of the output's. */
static inline gboolean
is_view(const DcnValueState *in, const DcnValueState *out, int c0)
{
  return in->ref == out->ref + c0;
}

/* The same for its delta, which somebody reads in this run. */
static inline gboolean
is_delta_view(const DcnValueState *in, const DcnValueState *out, int c0)
{
  return in->delta && in->delta == out->delta + c0 && in->net->delta_pitch == out->net->delta_pitch;
}

/* The input's pixel that lies under output pixel (n, y, x), or -1. */
static inline int
pixel_under(const DcnOrigin *o, const DcnNetValue *in, int n, int y, int x)
{
  n -= o->n;
  y -= o->y;
  x -= o->x;
  if (n < 0 || n >= in->n || y < 0 || y >= in->h || x < 0 || x >= in->w)
    return -1;
  return (n * in->h + y) * in->w + x;
}

/* Takes over what one input propagated: as dcn_emit(), for a slice of channels.  Returns how many
 * there are. */
static int
emit_slice(const DcnJob *job, const DcnValueState *in, int q, int p, int c0, DcnWorker *worker)
{
  DcnValueState *out = job->out;
  const uint64_t *slice = worker->masks;
  uint64_t *mask = out->mask + (size_t)p * out->net->words;
  float *delta = out->delta ? out->delta + (size_t)p * out->net->delta_pitch + (size_t)c0 : NULL;
  int n = 0;
  if (is_view(in, out, c0)) { /* ref is in place already */
    slice = in->mask + (size_t)q * in->net->words;
    for (int j = 0; j < in->net->words; j++)
      n += dcn_bits_count(slice[j]);
    if (delta && !is_delta_view(in, out, c0))
      memcpy(delta, in->delta + (size_t)q * in->net->delta_pitch,
             sizeof(float) * (size_t)in->net->c);
  } else {
    uint8_t changed; /* the count says it */
    const DcnDiff d = {.x = dcn_ref(in, q),
                       .lo = -HUGE_VALF,
                       .hi = HUGE_VALF,
                       .ref = dcn_ref(out, p) + c0,
                       .delta = delta,
                       .mask = worker->masks,
                       .changed = &changed,
                       .tolerance = out->threshold};
    n = job->kernels->diff(&d, 1, in->net->c);
  }
  int word = c0 >> 6, shift = c0 & 63;
  if (n > 0)
    for (int j = 0; j < in->net->words; j++) {
      mask[word + j] |= slice[j] << shift;
      if (shift && slice[j] >> (64 - shift))
        mask[word + j + 1] |= slice[j] >> (64 - shift);
    }
  return n;
}

static void
concat_pixel(const DcnJob *job, int p, DcnWorker *worker)
{
  const DcnOp *op = job->op->op;
  DcnValueState *out = job->out;
  const DcnNetValue *net = out->net;
  int x = p % net->w, rest = p / net->w, y = rest % net->h, n = rest / net->h, changed = 0;
  float *delta = !job->full && out->delta ? out->delta + (size_t)p * net->delta_pitch : NULL;
  for (int i = 0; i < op->n_inputs; i++) {
    const DcnOrigin *o = &op->u.concat.origins[i];
    const DcnValueState *in = dcn_job_input(job, i);
    int q = pixel_under(o, in->net, n, y, x);
    if (q < 0)
      continue;
    if (delta && !(in->changed[q] && is_delta_view(in, out, o->c)))
      memset(delta + o->c, 0, sizeof(float) * (size_t)in->net->c);
    if (job->full) {
      if (!is_view(in, out, o->c))
        memcpy(dcn_ref(out, p) + o->c, dcn_ref(in, q), sizeof(float) * (size_t)in->net->c);
    } else if (in->changed[q])
      changed += emit_slice(job, in, q, p, o->c, worker);
  }
  if (!job->full) {
    out->changed[p] = changed > 0;
    worker->values_changed += (uint64_t)changed;
  }
}

/* All inputs are made in place, each as large as the output: marks are merged; of deltas that somebody
 * reads, those that are not in place are copied. */
static void
concat_views(const DcnJob *job, int p)
{
  const DcnOp *op = job->op->op;
  DcnValueState *out = job->out;
  uint64_t *mask = out->mask + (size_t)p * out->net->words;
  float *delta = out->delta ? out->delta + (size_t)p * out->net->delta_pitch : NULL;
  for (int i = 0; i < op->n_inputs; i++) {
    const DcnValueState *in = dcn_job_input(job, i);
    int c = op->u.concat.origins[i].c, word = c >> 6, shift = c & 63;
    size_t bytes = sizeof(float) * (size_t)in->net->c;
    if (!in->changed[p]) {
      if (delta)
        memset(delta + c, 0, bytes);
      continue;
    }
    if (delta && !is_delta_view(in, out, c))
      memcpy(delta + c, in->delta + (size_t)p * in->net->delta_pitch, bytes);
    const uint64_t *slice = in->mask + (size_t)p * in->net->words;
    for (int j = 0; j < in->net->words; j++) {
      mask[word + j] |= slice[j] << shift;
      if (shift && slice[j] >> (64 - shift))
        mask[word + j + 1] |= slice[j] >> (64 - shift);
    }
  }
  out->changed[p] = 1;
}

/* Channels of one output pixel may come from several inputs, so the pixels, not the inputs, are the
 * items. */
static void
concat_pixels(void *context, int begin, int end, int number)
{
  const DcnJob *job = context;
  gboolean views = TRUE;
  for (int i = 0; i < job->op->op->n_inputs; i++) {
    const DcnValueState *in = dcn_job_input(job, i);
    views &= !job->full && in->net->pixels == job->out->net->pixels &&
             is_view(in, job->out, job->op->op->u.concat.origins[i].c);
  }
  for (int i = begin; i < end; i++)
    if (views)
      concat_views(job, dcn_job_pixel(job, i));
    else
      concat_pixel(job, dcn_job_pixel(job, i), dcn_worker(job, number));
  if (views && begin == 0) /* each channel comes from one of them */
    for (int i = 0; i < job->op->op->n_inputs; i++)
      dcn_worker(job, number)->values_changed += dcn_job_input(job, i)->values_changed;
}

static void
concat_run(DcnJob *job)
{
  const DcnOp *op = job->op->op;
  const DcnNetValue *out = job->out->net;
  dcn_list_all(job);
  if (job->full) {
    gboolean in_place = TRUE;
    for (int i = 0; i < op->n_inputs; i++)
      in_place &= is_view(dcn_job_input(job, i), job->out, op->u.concat.origins[i].c);
    if (in_place)
      return;
  } else {
    /* Marks first, the list from them, so that a pixel that several inputs change is listed once.
     */
    uint64_t *marks = job->out->bits;
    for (int i = 0; i < op->n_inputs; i++) {
      const DcnOrigin *o = &op->u.concat.origins[i];
      const DcnValueState *in = dcn_job_input(job, i);
      if (in->n_changed == 0)
        continue;
      for (int row = 0; row < in->net->n * in->net->h; row++) {
        if (in->row_changed[row] == 0)
          continue;
        int n = row / in->net->h + o->n, y = row % in->net->h + o->y;
        const uint64_t *from = in->bits + (size_t)row * in->net->row_words;
        uint64_t *to = marks + ((size_t)n * out->h + y) * out->row_words;
        for (int j = 0; j < out->row_words; j++)
          to[j] |= dcn_bits_at(from, in->net->row_words, j * 64 - o->x);
      }
    }
    int32_t *list = job->state->list;
    int count = 0;
    for (int row = 0; row < out->n * out->h; row++)
      count = dcn_bits_list(marks + (size_t)row * out->row_words, out->row_words,
                            (int32_t)(row * out->w), list, count);
    job->list = list;
    job->count = count;
  }
  dcn_parallel_for(job->state->threads, job->count, dcn_grain((size_t)out->c * 8 + 500),
                   concat_pixels, job);
}

const DcnOpClass dcn_concat_class = {"concat", concat_prepare, concat_run, NULL};
