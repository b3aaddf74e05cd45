/* deltacnn: packs the weights of fully connected layers, from memory or straight from the file.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Of networks like AlexNet and VGG they are nearly all of the file.  They come in one of two orders: a row of inputs for
 * each output, which is transposed on the way, some outputs at a time; or a row of outputs for each input, as they are
 * packed. */
#include "net/fc.h"
#include "net/steps.h"
#include "util/half.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

#define STRIP  16    /* outputs: floats of a cache line, so that each is written once */
#define PART   65536 /* weights that are read at a time, about */
#define SAMPLE 1024  /* weights of one output that are looked at first */
#define APART                                                                                      \
  16 /* floats between rows that are read, so that they do not compete for the same lines of a cache */

typedef struct {
  DcnFcPlan *plan;
  const DcnConv *conv;
  const int *kernel_tap;
  size_t kk, inputs; /* of each output, before those outside of the image are left out */
  size_t columns;    /* of the second order; else 0 */
  size_t most;       /* outputs, in the second order inputs, of a part */
  DcnWeights rounding;
  GError *error; /* atomic; the first one */
  int unfit;     /* atomic: some weight cannot be kept in half precision */
} Packing;

/* Whether these can be kept in half precision: all have a finite value there, and the same one unless they may be rounded. */
static gboolean
fit_half(const float *weights, size_t count, DcnWeights rounding)
{
  for (size_t i = 0; i < count; i++) {
    uint16_t half = dcn_float_to_half(weights[i]);
    if ((half & 0x7c00) == 0x7c00 ||
        (rounding == DCN_WEIGHTS_FLOAT32 && dcn_half_to_float(half) != weights[i]))
      return FALSE;
  }
  return TRUE;
}

static void
note(Packing *p, GError *error)
{
  if (!g_atomic_pointer_compare_and_exchange(&p->error, NULL, error))
    g_error_free(error);
}

/* Rows [first, first + n) of the order that they come in, n at most p->most.  *pitch: from one to the next.  buffer: at
 * first NULL; the caller frees it.  NULL: p->error is set. */
static const float *
rows(Packing *p, size_t first, size_t n, float **buffer, size_t *pitch)
{
  size_t length = p->columns ? p->columns : p->inputs;
  size_t floats;
  GError *error = NULL;
  if (g_atomic_pointer_get(&p->error))
    return NULL;
  *pitch = length;
  if (p->conv->weights)
    return p->conv->weights + first * length;
  *pitch += APART;
  if (!*buffer &&
      (!dcn_size_mul(p->most, *pitch, &floats) || !(*buffer = g_try_new(float, floats))))
    dcn_no_memory(&error);
  for (size_t i = 0; i < n && !error; i++)
    dcn_stored_read(p->conv->stored, (first + i) * length, length, *buffer + i * *pitch, &error);
  if (!error)
    return *buffer;
  note(p, error);
  return NULL;
}

static void
put(const DcnFcPlan *plan, size_t to, int m, float weight)
{
  if (plan->bytes)
    plan->bytes[to + (size_t)m] = dcn_steps_byte(weight, plan->zero[m], plan->scale[m]);
  else if (plan->half)
    plan->half[to + (size_t)m] = dcn_float_to_half(weight);
  else
    plan->weights[to + (size_t)m] = weight;
}

static void
clear_rest(const DcnFcPlan *plan, size_t to)
{
  size_t m = (size_t)plan->m, n = plan->ldw - m;
  if (plan->bytes)
    memset(plan->bytes + to + m, 0, n);
  else if (plan->half)
    memset(plan->half + to + m, 0, n * sizeof *plan->half);
  else
    memset(plan->weights + to + m, 0, n * sizeof *plan->weights);
}

/* Parts of p->most outputs. */
static void
pack_outputs(void *context, int begin, int end, int worker)
{
  Packing *p = context;
  const DcnFcPlan *plan = p->plan;
  float *buffer = NULL;
  size_t pitch;
  (void)worker;
  for (int part = begin; part < end; part++) {
    int m0 = part * (int)p->most, n = MIN((int)p->most, plan->m - m0);
    const float *from = rows(p, (size_t)m0, (size_t)n, &buffer, &pitch);
    for (int c = 0; from && c < plan->channels; c++)
      for (int t = 0; t < plan->taps; t++) {
        size_t to = ((size_t)t * (size_t)plan->channels + (size_t)c) * plan->ldw;
        const float *weight = from + (size_t)c * p->kk + p->kernel_tap[t];
        for (int i = 0; i < n; i++)
          put(plan, to, m0 + i, weight[(size_t)i * pitch]);
        if (m0 + n == plan->m)
          clear_rest(plan, to);
      }
  }
  g_free(buffer);
}

/* Parts of p->most inputs, that is of whole channels. */
static void
pack_inputs(void *context, int begin, int end, int worker)
{
  Packing *p = context;
  const DcnFcPlan *plan = p->plan;
  float *buffer = NULL;
  size_t pitch;
  int most = (int)(p->most / p->kk);
  (void)worker;
  for (int part = begin; part < end; part++) {
    int c0 = part * most, n = MIN(most, plan->channels - c0);
    const float *from = rows(p, (size_t)c0 * p->kk, (size_t)n * p->kk, &buffer, &pitch);
    for (int c = 0; from && c < n; c++)
      for (int t = 0; t < plan->taps; t++) {
        size_t to = ((size_t)t * (size_t)plan->channels + (size_t)(c0 + c)) * plan->ldw;
        const float *weight = from + ((size_t)c * p->kk + (size_t)p->kernel_tap[t]) * pitch;
        for (int m = 0; m < plan->m; m++)
          put(plan, to, m, weight[m]);
        clear_rest(plan, to);
      }
  }
  g_free(buffer);
}

/* Parts of p->most of either. */
static void
test_half(void *context, int begin, int end, int worker)
{
  Packing *p = context;
  float *buffer = NULL;
  size_t all = p->columns ? p->inputs : (size_t)p->plan->m, pitch;
  (void)worker;
  for (int part = begin; part < end && !g_atomic_int_get(&p->unfit); part++) {
    size_t first = (size_t)part * p->most, n = MIN(p->most, all - first);
    const float *from = rows(p, first, n, &buffer, &pitch);
    for (size_t i = 0; from && i < n; i++)
      if (!fit_half(from + i * pitch, p->columns ? p->columns : p->inputs, p->rounding)) {
        g_atomic_int_set(&p->unfit, 1);
        break;
      }
  }
  g_free(buffer);
}

/* Some weights of the first output; FALSE: p->error is set. */
static gboolean
sample(Packing *p, float *out, size_t *n)
{
  GError *error = NULL;
  *n = MIN(p->inputs, SAMPLE);
  size_t step = p->columns ? p->columns : 1, at_once = p->columns ? 1 : *n;
  for (size_t i = 0; i < *n && !error; i += at_once)
    dcn_stored_read(p->conv->stored, i * step, at_once, out + i, &error);
  if (error)
    note(p, error);
  return error == NULL;
}

static gboolean
in_steps(Packing *p)
{
  DcnFcPlan *plan = p->plan;
  plan->zero = g_new0(float, plan->ldw);
  plan->scale = g_new0(float, plan->ldw);
  if (dcn_steps_fit(p->conv->weights, (size_t)plan->m, p->inputs, plan->zero, plan->scale))
    return TRUE;
  g_clear_pointer(&plan->zero, g_free);
  g_clear_pointer(&plan->scale, g_free);
  return FALSE;
}

/* Looks at some of those in a file: whether they may be few kinds, as those of quantised models, which have all to be
 * there to find the step between them; and whether they may be of half precision.  FALSE: p->error is set. */
static gboolean
look(Packing *p, DcnConv *conv, gboolean *may_be_half)
{
  float some[SAMPLE];
  size_t n;
  p->columns = dcn_stored_columns(conv->stored);
  if (!sample(p, some, &n))
    return FALSE;
  *may_be_half = fit_half(some, n, p->rounding);
  if (!dcn_steps_possible(some, n))
    return TRUE;
  p->columns = 0;
  return dcn_conv_load(conv, &p->error);
}

/* What they are kept as. */
static gboolean
allocate(Packing *p, DcnNetOp *op, size_t count, int parts, gboolean may_be_half)
{
  DcnFcPlan *plan = p->plan;
  op->weight_bytes = count;
  if (p->conv->weights && in_steps(p)) {
    plan->bytes = dcn_aligned_new(count, sizeof *plan->bytes);
    op->weight_bytes += 2 * plan->ldw * sizeof *plan->scale;
    return plan->bytes != NULL;
  }
  if (may_be_half)
    dcn_parallel_for(0, parts, 1, test_half, p);
  if (may_be_half && !p->unfit) {
    plan->half = dcn_aligned_new(count, sizeof *plan->half);
    op->weight_bytes *= sizeof *plan->half;
    return plan->half != NULL;
  }
  plan->weights = dcn_aligned_new(count, sizeof *plan->weights);
  op->weight_bytes *= sizeof *plan->weights;
  return plan->weights != NULL;
}

gboolean
dcn_fc_pack(DcnFcPlan *plan, DcnNetOp *op, const int *kernel_tap, DcnWeights rounding,
            GError **error)
{
  DcnConv *conv = &op->op->u.conv;
  Packing p = {.plan = plan,
               .conv = conv,
               .kernel_tap = kernel_tap,
               .kk = (size_t)conv->kh * (size_t)conv->kw,
               .rounding = rounding};
  gboolean may_be_half = TRUE;
  size_t count;
  p.inputs = p.kk * (size_t)plan->channels;
  if (!dcn_size_mul((size_t)plan->taps * (size_t)plan->channels, plan->ldw, &count))
    return dcn_no_memory(error);
  if (!conv->stored || look(&p, conv, &may_be_half)) {
    p.most = p.columns ? MAX(1, PART / (p.kk * p.columns)) * p.kk : STRIP;
    size_t all = p.columns ? p.inputs : (size_t)plan->m;
    int parts = (int)((all + p.most - 1) / p.most);
    if (!allocate(&p, op, count, parts, may_be_half))
      dcn_no_memory(g_atomic_pointer_get(&p.error) ? NULL : &p.error);
    else
      dcn_parallel_for(0, parts, 1, p.columns ? pack_inputs : pack_outputs, &p);
  }
  if (!p.error)
    return TRUE;
  g_propagate_error(error, p.error);
  return FALSE;
}
