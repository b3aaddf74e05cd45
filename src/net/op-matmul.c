/* deltacnn: products of two values, as attention has them (or of constants in shapes that are no convolution).
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The right factor is packed as a convolution's weights are, a block of columns at a time, which then is multiplied with
 * the left factor's rows where they lie.  In a partial run a row is done anew where it changed, and all rows of a batch
 * where its right factor did: of attention within windows, the windows that changed.  Softmax of the rows is done with
 * the product: scores are nobody else's. */
#include "net/internal.h"
#include "util/error.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <math.h>
#include <string.h>

/* So many for each thread. */
#define WEIGHED_BATCHES 4

/* Where a factor's elements are: lines of elements that lie in the same way from their first one on. */
typedef struct {
  int32_t *base;  /* [batch][lines] offset of the first one in ref; owned */
  int32_t *inner; /* [length] offsets of the others from there; NULL: one after another; owned */
  gboolean in_pixels; /* each line is within one pixel */
  int32_t *
      table; /* [batch][rows][columns] where there are no such lines: offsets of all elements; owned */
} Factor;

typedef struct {
  Factor a, b;
  gboolean b_by_columns; /* b's lines are columns of the right matrix, not rows */
  size_t
      a_step; /* from each row of the left matrix to the next one in a batch; 0: not always the same */
  int blocks; /* of nr columns */
  size_t block_floats;
  float *packed; /* [b_batch][blocks][k][nr] of a constant right factor; owned */
} Plan;

static void
clear_factor(Factor *factor)
{
  g_free(factor->base);
  g_free(factor->inner);
  g_free(factor->table);
}

static void
matmul_clear(DcnNetOp *op)
{
  Plan *plan = op->plan;
  clear_factor(&plan->a);
  clear_factor(&plan->b);
  dcn_aligned_free(plan->packed);
  g_free(plan);
}

/* The offset in ref of each element, in the matrices' order. */
static int32_t *
offsets_of(const DcnNet *net, int value, const int32_t *index, size_t count)
{
  const DcnNetValue *nv = &net->values[value];
  const size_t elements = (size_t)nv->pixels * (size_t)nv->c;
  int32_t *table = count == elements || index ? g_try_new(int32_t, count) : NULL;
  for (size_t i = 0; table && i < count; i++) {
    if (!index) {
      table[i] = (int32_t)dcn_value_logical_offset(&net->program->values[value], nv, i);
    } else if (index[i] < 0 || (size_t)index[i] >= elements) {
      g_free(table);
      return NULL;
    } else {
      table[i] = index[i] / nv->c * nv->ref_pitch + index[i] % nv->c;
    }
  }
  return table;
}

/* Element `at` of line `line` is table[(batch * lines * length) + line * line_step + at * step].  FALSE: these are no
 * lines as Factor has them. */
static gboolean
find_lines(const int32_t *table, int batch, int lines, int length, int line_step, int step,
           int pitch, Factor *factor)
{
  int32_t *base = g_new(int32_t, (size_t)batch * lines), *inner = g_new(int32_t, length);
  gboolean one_by_one = TRUE, same = TRUE, in_pixels = TRUE;
  for (int i = 0; i < length; i++) {
    inner[i] = table[(size_t)i * step] - table[0];
    one_by_one &= inner[i] == i;
  }
  for (int l = 0; l < batch * lines && same; l++) {
    const int32_t *line =
        table + (size_t)(l / lines) * lines * length + (size_t)(l % lines) * line_step;
    base[l] = line[0];
    for (int i = 0; i < length && same; i++) {
      same = line[(size_t)i * step] - line[0] == inner[i];
      in_pixels &= line[(size_t)i * step] / pitch == line[0] / pitch;
    }
  }
  if (!same) {
    g_free(base);
    g_free(inner);
    return FALSE;
  }
  if (one_by_one)
    g_clear_pointer(&inner, g_free);
  *factor = (Factor){.base = base, .inner = inner, .in_pixels = in_pixels};
  return TRUE;
}

static gboolean
prepare_left(const DcnNet *net, int value, const DcnMatMul *mm, Plan *plan)
{
  const int pitch = net->values[value].ref_pitch;
  int32_t *table = offsets_of(net, value, mm->a_index, (size_t)mm->a_batch * mm->rows * mm->k);
  if (!table)
    return FALSE;
  if (!find_lines(table, mm->a_batch, mm->rows, mm->k, mm->k, 1, pitch, &plan->a)) {
    plan->a.table = table;
    return TRUE;
  }
  g_free(table);
  const int32_t *base = plan->a.base;
  int step = mm->rows > 1 ? base[1] - base[0] : pitch;
  for (int l = 0; l < mm->a_batch * mm->rows; l++)
    if (step <= 0 || (l % mm->rows > 0 && base[l] - base[l - 1] != step))
      step = 0;
  plan->a_step = (size_t)step;
  return TRUE;
}

static gboolean
prepare_right(const DcnNet *net, int value, const DcnMatMul *mm, Plan *plan)
{
  const int pitch = net->values[value].ref_pitch;
  int32_t *table = offsets_of(net, value, mm->b_index, (size_t)mm->b_batch * mm->k * mm->m);
  if (!table)
    return FALSE;
  Factor columns = {0};
  const gboolean by_rows = find_lines(table, mm->b_batch, mm->k, mm->m, mm->m, 1, pitch, &plan->b);
  if ((!by_rows || plan->b.inner) &&
      find_lines(table, mm->b_batch, mm->m, mm->k, 1, mm->m, pitch, &columns)) {
    clear_factor(&plan->b);
    plan->b = columns;
    plan->b_by_columns = TRUE;
  } else if (!by_rows) {
    plan->b.table = g_steal_pointer(&table);
  }
  g_free(table);
  return TRUE;
}

/* Columns first.. of one batch's right matrix to `w`, [k][nr]; those that are not there are zeros. */
static void
pack_constant(const DcnMatMul *mm, int batch, int first, int nr, float *w)
{
  const float *from = mm->b_constant + (size_t)batch * mm->k * mm->m + first;
  const int columns = MIN(nr, mm->m - first);
  for (int k = 0; k < mm->k; k++, from += mm->m, w += nr)
    for (int j = 0; j < columns; j++)
      w[j] = from[j] * mm->scale;
}

static gboolean
matmul_prepare(DcnNet *net, DcnNetOp *op, GError **error)
{
  DcnMatMul *mm = &op->op->u.matmul;
  const DcnNetValue *out = dcn_op_out(net, op->op);
  const int *inputs = op->op->inputs, nr = net->kernels->nr;
  Plan *plan = op->plan = g_new0(Plan, 1);
  plan->blocks = (mm->m + nr - 1) / nr;
  plan->block_floats = (size_t)mm->k * (size_t)nr;
  if (out->c != mm->m || out->pixels / mm->rows != mm->batch || out->pixels % mm->rows) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID, "'%s' has shapes that do not fit",
                op->op->name);
    return FALSE;
  }
  if ((!mm->a_constant && !prepare_left(net, inputs[0], mm, plan)) ||
      (!mm->b_constant && !prepare_right(net, inputs[mm->a_constant ? 0 : 1], mm, plan)))
    return dcn_no_memory(error);
  if (mm->a_constant)
    plan->a_step = (size_t)mm->k;
  if (mm->b_constant) {
    plan->packed =
        dcn_aligned_new0((size_t)mm->b_batch * plan->blocks * plan->block_floats, sizeof(float));
    if (!plan->packed)
      return dcn_no_memory(error);
    for (int i = 0; i < mm->b_batch * plan->blocks; i++)
      pack_constant(mm, i / plan->blocks, i % plan->blocks * nr, nr,
                    plan->packed + (size_t)i * plan->block_floats);
  }
  g_clear_pointer(&mm->a_index, g_free);
  g_clear_pointer(&mm->b_index, g_free);
  op->weight_bytes =
      sizeof(float) * (plan->packed ? (size_t)mm->b_batch * plan->blocks * plan->block_floats : 0);
  DcnNeeds *needs = &net->needs;
  /* a block, a tile of results, and the rows of a left matrix */
  needs->floats = MAX(needs->floats, plan->block_floats + (size_t)DCN_MR_MAX * (size_t)nr +
                                         (size_t)mm->rows * (size_t)mm->k);
  needs->pointers = MAX(needs->pointers, DCN_MR_MAX);
  needs->products = MAX(needs->products, out->floats);
  return TRUE;
}

/* As pack_constant(), of a value. */
static void
pack_value(const DcnJob *job, const float *ref, int batch, int first, float *w)
{
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const Factor *b = &plan->b;
  const int nr = job->kernels->nr, columns = MIN(nr, mm->m - first), k = mm->k;
  const float scale = mm->scale;
  if (columns < nr)
    memset(w, 0, sizeof(float) * plan->block_floats);
  if (b->table) {
    const int32_t *at = b->table + (size_t)batch * k * mm->m + first;
    for (int i = 0; i < k; i++, at += mm->m, w += nr)
      for (int j = 0; j < columns; j++)
        w[j] = ref[at[j]] * scale;
  } else if (b->inner) {
    const int lines = plan->b_by_columns ? mm->m : k, across = plan->b_by_columns ? first : 0;
    for (int i = 0; i < k; i++, w += nr)
      for (int j = 0; j < columns; j++) {
        const int line = plan->b_by_columns ? across + j : i;
        const int at = plan->b_by_columns ? i : first + j;
        w[j] = ref[b->base[(size_t)batch * lines + line] + b->inner[at]] * scale;
      }
  } else if (!plan->b_by_columns) {
    const int32_t *base = b->base + (size_t)batch * k;
    for (int i = 0; i < k; i++, w += nr) {
      const float *from = ref + base[i] + first;
      for (int j = 0; j < columns; j++)
        w[j] = from[j] * scale;
    }
  } else {
    const int32_t *base = b->base + (size_t)batch * mm->m + first;
    for (int j = 0; j < columns; j += 4, w += 4) {
      const float *from[4];
      for (int c = 0; c < 4;
           c++) /* past the end the last one again: nobody looks at these columns */
        from[c] = ref + base[MIN(j + c, columns - 1)];
      for (int i = 0; i < k; i++)
        for (int c = 0; c < 4; c++)
          w[(size_t)i * nr + c] = from[c][i] * scale;
    }
  }
}

/* The left matrix of a batch, where it does not lie in rows. */
static void
collect_rows(const DcnJob *job, int batch, float *rows)
{
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const Factor *a = &plan->a;
  const float *ref = job->in->ref;
  for (int i = 0; i < mm->rows; i++, rows += mm->k) {
    const size_t line = (size_t)(mm->a_batch == 1 ? 0 : batch) * mm->rows + i;
    for (int k = 0; k < mm->k; k++)
      rows[k] = ref[a->table ? a->table[line * mm->k + k] : a->base[line] + a->inner[k]];
  }
}

typedef struct {
  DcnJob *job;
  float *out; /* [pixels][ldo] */
  size_t ldo;
  gboolean collects; /* the left factor's rows first */
  gboolean by_batch; /* a batch is one item, not one of its blocks of columns */
} Loop;

/* Rows list[i] of a batch (i < n; all of them where list is NULL) times a block of columns.  a: where the batch's left
 * matrix begins; bases: its rows from there, or NULL: `step` apart */
static void
multiply(const Loop *loop, int batch, int block, const float *a, const int32_t *bases, size_t step,
         const int32_t *list, int n, DcnWorker *worker)
{
  const DcnJob *job = loop->job;
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const DcnKernels *kernels = job->kernels;
  const int nr = kernels->nr, first = block * nr, columns = MIN(nr, mm->m - first);
  const int b_batch = mm->b_batch == 1 ? 0 : batch;
  float *w = worker->floats, *tile = w + plan->block_floats;
  if (plan->packed)
    w = plan->packed + ((size_t)b_batch * plan->blocks + block) * plan->block_floats;
  else
    pack_value(job, dcn_job_input(job, mm->a_constant ? 0 : 1)->ref, b_batch, first, w);
  float *out = loop->out + (size_t)batch * mm->rows * loop->ldo + first;
  if (!list && step) {
    kernels->rgemm(&a, 1, step, mm->k, w, NULL, NULL, -HUGE_VALF, HUGE_VALF, out, loop->ldo,
                   mm->rows, columns);
    return;
  }
  const int tiles = (n + kernels->mr - 1) / kernels->mr;
  for (int t = 0; t < tiles; t++) {
    const int begin = n * t / tiles, end = n * (t + 1) / tiles, count = end - begin;
    for (int i = 0; i < kernels->mr; i++) {
      const int at = begin + MIN(i, count - 1), row = list ? list[at] - batch * mm->rows : at;
      worker->pointers[i] = a + (bases ? (size_t)bases[row] : (size_t)row * step);
    }
    const int row0 = list ? list[begin] - batch * mm->rows : begin;
    const gboolean direct = !list || list[end - 1] - list[begin] == count - 1;
    kernels->igemm(worker->pointers, 1, mm->k, w, NULL, NULL, -HUGE_VALF, HUGE_VALF,
                   direct ? out + (size_t)row0 * loop->ldo : tile, direct ? loop->ldo : (size_t)nr,
                   count, columns);
    for (int i = 0; i < count && !direct; i++)
      memcpy(out + (size_t)(list[begin + i] - batch * mm->rows) * loop->ldo, tile + (size_t)i * nr,
             sizeof(float) * (size_t)columns);
  }
}

/* Softmax of those of n rows from number `first` on that are listed (list NULL: of all); a row has as many floats as a
 * pixel. */
static void
weigh(const Loop *loop, const int32_t *list, int first, int n)
{
  const DcnMatMul *mm = &loop->job->op->op->u.matmul;
  for (int i = 0; i < n; i++) {
    float *row = loop->out + (size_t)(list ? list[i] : first + i) * loop->ldo;
    loop->job->kernels->softmax(row, row, mm->m);
  }
}

static void
weigh_rows(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  weigh(loop, loop->job->list ? loop->job->list + begin : NULL, begin, end - begin);
}

/* Where the job's list, which ascends, reaches `pixel`. */
static int
place_in_list(const DcnJob *job, int pixel)
{
  int low = 0, high = job->count;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (job->list[middle] < pixel)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void
items(void *context, int begin, int end, int number)
{
  const Loop *loop = context;
  const DcnJob *job = loop->job;
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  DcnWorker *worker = dcn_worker(job, number);
  const int blocks = loop->by_batch ? 1 : plan->blocks;
  for (int item = begin; item < end; item++) {
    const int batch = item / blocks, a_batch = mm->a_batch == 1 ? 0 : batch;
    const int32_t *list = NULL;
    int n = mm->rows;
    if (job->list) {
      const int from = place_in_list(job, batch * mm->rows);
      n = place_in_list(job, (batch + 1) * mm->rows) - from;
      list = n < mm->rows ? job->list + from : NULL;
      if (n == 0)
        continue;
    }
    const int b0 = loop->by_batch ? 0 : item % blocks, b1 = loop->by_batch ? plan->blocks : b0 + 1;
    const int columns = MIN(mm->m, b1 * job->kernels->nr) - b0 * job->kernels->nr;
    worker->macs += (uint64_t)n * (uint64_t)mm->k * (uint64_t)columns;
    const float *a;
    const int32_t *bases = NULL;
    size_t step = plan->a_step;
    if (mm->a_constant) {
      a = mm->a_constant + (size_t)a_batch * mm->rows * mm->k;
    } else if (loop->collects) {
      float *rows =
          worker->floats + plan->block_floats + (size_t)DCN_MR_MAX * (size_t)job->kernels->nr;
      collect_rows(job, batch, rows);
      a = rows;
      step = (size_t)mm->k;
    } else {
      bases = plan->a.base + (size_t)a_batch * mm->rows;
      a = job->in->ref + (step ? bases[0] : 0);
      bases = step ? NULL : bases;
    }
    for (int block = b0; block < b1; block++)
      multiply(loop, batch, block, a, bases, step, list, n, worker);
    if (mm->softmax && loop->by_batch)
      weigh(loop, list, batch * mm->rows, n);
  }
}

/* Of a factor: whether any of a batch changed.  Not known by pixels: whether anything did. */
static gboolean
batch_changed(const DcnValueState *v, const Factor *factor, int batch, int lines)
{
  if (!factor->in_pixels)
    return v->n_changed > 0;
  const int32_t *base = factor->base + (size_t)batch * lines;
  for (int l = 0; l < lines; l++)
    if (v->changed[base[l] / v->net->ref_pitch])
      return TRUE;
  return FALSE;
}

static void
list_reached(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const DcnValueState *a = mm->a_constant ? NULL : job->in;
  const DcnValueState *b = mm->b_constant ? NULL : dcn_job_input(job, a ? 1 : 0);
  int32_t *list = job->state->list;
  int count = 0;
  for (int batch = 0; batch < mm->batch; batch++) {
    const gboolean all = (b && b->n_changed > 0 &&
                          batch_changed(b, &plan->b, mm->b_batch == 1 ? 0 : batch,
                                        plan->b_by_columns ? mm->m : mm->k)) ||
                         (a && !plan->a.in_pixels && a->n_changed > 0);
    const int first = (mm->a_batch == 1 ? 0 : batch) * mm->rows;
    for (int i = 0; i < mm->rows; i++)
      if (all || (a && a->n_changed > 0 && a->changed[plan->a.base[first + i] / a->net->ref_pitch]))
        list[count++] = batch * mm->rows + i;
  }
  dcn_list_all(job);
  if (count < job->out->net->pixels) {
    job->list = list;
    job->count = count;
  }
}

static void
emit(void *context, int begin, int end, int number)
{
  const DcnJob *job = context;
  const size_t pitch = (size_t)job->out->net->pitch;
  const float *products = job->state->products;
  DcnWorker *worker = dcn_worker(job, number);
  if (job->list)
    dcn_emit_list(job, job->list + begin, end - begin, products, pitch, TRUE, -HUGE_VALF, HUGE_VALF,
                  worker);
  else
    dcn_emit_run(job, begin, end - begin, products + (size_t)begin * pitch, pitch, -HUGE_VALF,
                 HUGE_VALF, worker);
}

static void
matmul_run(DcnJob *job)
{
  const Plan *plan = job->op->plan;
  const DcnMatMul *mm = &job->op->op->u.matmul;
  const DcnNetValue *out = job->out->net;
  const int nr = job->kernels->nr, threads = job->state->threads;
  Loop loop = {.job = job,
               .out = job->full ? job->out->ref : job->state->products,
               .ldo = (size_t)(job->full ? out->ref_pitch : out->pitch),
               .collects = !mm->a_constant && (plan->a.table || plan->a.inner)};
  /* Where batches are enough for all threads, their rows become weights while they are near. */
  loop.by_batch =
      loop.collects || (mm->softmax && (threads == 1 || mm->batch >= WEIGHED_BATCHES * threads));
  if (job->full)
    dcn_list_all(job);
  else
    list_reached(job);
  const int of_batch = loop.by_batch ? 1 : plan->blocks;
  const size_t cost = (size_t)(mm->rows + 8) * (size_t)mm->k * (size_t)nr;
  dcn_parallel_for(threads, mm->batch * of_batch,
                   dcn_grain(loop.by_batch ? cost * (size_t)plan->blocks : cost), items, &loop);
  if (mm->softmax && !loop.by_batch)
    dcn_parallel_for(threads, job->count, dcn_grain((size_t)mm->m * 40 + 1000), weigh_rows, &loop);
  if (!job->full)
    dcn_parallel_for(threads, job->count, dcn_grain((size_t)out->c * 8 + 100), emit, job);
}

const DcnOpClass dcn_matmul_class = {"matrix product", matmul_prepare, matmul_run, matmul_clear};
