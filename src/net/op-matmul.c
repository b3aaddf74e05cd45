/* deltacnn: products of two values (or of constants in shapes that are no convolution).  Rare in
 * the networks this is for, so it is recomputed whole when anything changed.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/internal.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <string.h>

/* Everything in logical row-major order, rows and columns as in DcnMatMul. */
typedef struct {
  int32_t *a, *b, *out; /* offsets of logical elements in ref; NULL for a constant; owned */
} Plan;

static void
matmul_clear(DcnNetOp *op)
{
  Plan *plan = op->plan;
  dcn_aligned_free(plan->a);
  dcn_aligned_free(plan->b);
  dcn_aligned_free(plan->out);
  g_free(plan);
}

static int32_t *
offsets(const DcnNet *net, int value, size_t count)
{
  const DcnNetValue *nv = &net->values[value];
  if (count != (size_t)nv->pixels * nv->c)
    return NULL;
  int32_t *table = dcn_aligned_new0(count, sizeof *table);
  for (size_t i = 0; table && i < count; i++)
    table[i] = (int32_t)dcn_value_logical_offset(&net->program->values[value], nv, i);
  return table;
}

static gboolean
matmul_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  const DcnMatMul *mm = &op->op->u.matmul;
  Plan *plan = op->plan = g_new0(Plan, 1);
  size_t a = (size_t)mm->a_batch * mm->rows * mm->k, b = (size_t)mm->b_batch * mm->k * mm->m;
  const int *inputs = op->op->inputs;
  if ((!mm->a_constant && !(plan->a = offsets(net, inputs[0], a))) ||
      (!mm->b_constant && !(plan->b = offsets(net, inputs[mm->a_constant ? 0 : 1], b))) ||
      !(plan->out = offsets(net, op->op->output, (size_t)mm->batch * mm->rows * mm->m)))
    return dcn_no_memory(error);
  net->needs.floats = MAX(net->needs.floats, (size_t)mm->m);
  op->acc_floats = dcn_op_out(net, op->op)->floats;
  return TRUE;
}

/* Item i is row i % rows of batch i / rows. */
static void
rows(void *context, int begin, int end, int number)
{
  const DcnJob *job = context;
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const float *a_ref = plan->a ? job->in->ref : NULL;
  const float *b_ref = plan->b ? dcn_job_input(job, mm->a_constant ? 0 : 1)->ref : NULL;
  float *sum = dcn_worker(job, number)->floats;
  float *y = job->full ? job->out->ref : job->acc;
  for (int i = begin; i < end; i++) {
    int batch = i / mm->rows, row = i % mm->rows;
    size_t a0 = ((size_t)(mm->a_batch == 1 ? 0 : batch) * mm->rows + row) * mm->k;
    size_t b0 = (size_t)(mm->b_batch == 1 ? 0 : batch) * mm->k * mm->m;
    memset(sum, 0, sizeof(float) * (size_t)mm->m);
    for (int k = 0; k < mm->k; k++) {
      float x = plan->a ? a_ref[plan->a[a0 + k]] : mm->a_constant[a0 + k];
      size_t b = b0 + (size_t)k * mm->m;
      if (plan->b)
        for (int j = 0; j < mm->m; j++)
          sum[j] += x * b_ref[plan->b[b + j]];
      else
        for (int j = 0; j < mm->m; j++)
          sum[j] += x * mm->b_constant[b + j];
    }
    for (int j = 0; j < mm->m; j++)
      y[plan->out[(size_t)i * mm->m + j]] = sum[j];
  }
}

static void
copy_pixel(const DcnJob *job, int p, float *y, DcnWorker *worker)
{
  memcpy(y, job->acc + (size_t)p * job->out->net->pitch, sizeof(float) * (size_t)job->out->net->c);
}

static void
matmul_run(DcnJob *job)
{
  const DcnMatMul *mm = &job->op->op->u.matmul;
  dcn_parallel_for(job->state->threads, mm->batch * mm->rows, dcn_grain((size_t)mm->k * mm->m),
                   rows, job);
  dcn_worker(job, 0)->macs += job->op->macs;
  dcn_list_all(job);
  if (!job->full)
    dcn_run_pixels(job, copy_pixel, (size_t)job->out->net->c);
}

const DcnOpClass dcn_matmul_class = {"matrix product", matmul_prepare, matmul_run, matmul_clear};
