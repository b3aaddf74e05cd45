/* deltacnn: scratch memory of the study's products, made once, and their stop watches.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "study/scratch.h"
#include "util/memory.h"
#include "util/parallel.h"
#include <time.h>

/* An unfolded block is written and read at once, so it should stay in a second-level cache; but sgemm packs the
 * kernel matrix on each call, so it should not be small against that. */
#define UNFOLDED_BYTES ((size_t)1 << 20)
/* Entries of a block of sparse rows if all of its values differ. */
#define SPARSE_ENTRIES ((size_t)1 << 16)

int
dcn_study_unfolded_rows(const DcnStudyLayer *layer)
{
  size_t row = (size_t)layer->terms * sizeof(float);
  size_t bytes = MAX(UNFOLDED_BYTES, 4 * layer->group_floats * sizeof(float));
  return (int)CLAMP(bytes / row, 1, (size_t)layer->out_pixels);
}

int
dcn_study_sparse_rows(const DcnStudyLayer *layer)
{
  return (int)CLAMP(SPARSE_ENTRIES / (size_t)layer->terms, 1, (size_t)layer->out_pixels);
}

static void
worker_free(DcnStudyWorker *worker)
{
  if (!worker)
    return;
  dcn_aligned_free(worker->unfolded);
  dcn_aligned_free(worker->index);
  dcn_aligned_free(worker->value);
  dcn_aligned_free(worker->begin);
  dcn_aligned_free(worker);
}

static DcnStudyWorker *
worker_new(const DcnStudyScratch *scratch)
{
  DcnStudyWorker *worker = dcn_aligned_new0(1, sizeof *worker);
  if (!worker)
    return NULL;
  worker->unfolded = dcn_aligned_new0(scratch->unfolded, sizeof(float));
  worker->index = dcn_aligned_new0(scratch->entries, sizeof *worker->index);
  worker->value = dcn_aligned_new0(scratch->entries, sizeof(float));
  worker->begin = dcn_aligned_new0(scratch->rows, sizeof *worker->begin);
  if (worker->unfolded && worker->index && worker->value && worker->begin)
    return worker;
  worker_free(worker);
  return NULL;
}

static void
drop_workers(DcnStudyScratch *scratch)
{
  for (int i = 0; i < scratch->n_workers; i++)
    worker_free(scratch->workers[i]);
  scratch->n_workers = 0;
}

static void
difference_clear(DcnStudyDifference *difference)
{
  dcn_aligned_free(difference->index);
  dcn_aligned_free(difference->value);
  dcn_aligned_free(difference->begin);
  dcn_aligned_free(difference->means);
  *difference = (DcnStudyDifference){NULL};
}

static gboolean
fit_difference(DcnStudyScratch *scratch, const DcnStudyLayer *layer)
{
  size_t values = (size_t)layer->in_pixels * layer->in_c;
  size_t begins =
      ((size_t)layer->in_pixels + (size_t)(layer->in_pixels / layer->in_w)) * layer->groups;
  size_t means = (size_t)layer->in_c;
  if (values <= scratch->difference_values && begins <= scratch->difference_begins &&
      means <= scratch->difference_means)
    return TRUE;
  values = MAX(values, scratch->difference_values);
  begins = MAX(begins, scratch->difference_begins);
  means = MAX(means, scratch->difference_means);
  difference_clear(&scratch->difference);
  scratch->difference_values = scratch->difference_begins = scratch->difference_means = 0;
  DcnStudyDifference d = {
      dcn_aligned_new0(values, sizeof *d.index), dcn_aligned_new0(values, sizeof(float)),
      dcn_aligned_new0(begins, sizeof *d.begin), dcn_aligned_new0(means, sizeof(float))};
  if (!d.index || !d.value || !d.begin || !d.means) {
    difference_clear(&d);
    return FALSE;
  }
  scratch->difference = d;
  scratch->difference_values = values;
  scratch->difference_begins = begins;
  scratch->difference_means = means;
  return TRUE;
}

gboolean
dcn_study_scratch_fit(DcnStudyScratch *scratch, const DcnStudyLayer *layer, int threads,
                      gboolean sparse)
{
  size_t unfolded = (size_t)dcn_study_unfolded_rows(layer) * (size_t)layer->terms;
  size_t rows = sparse ? (size_t)dcn_study_sparse_rows(layer) : 0;
  size_t entries = rows * (size_t)layer->terms;
  if (sparse && !fit_difference(scratch, layer))
    return FALSE;
  if (unfolded > scratch->unfolded || entries > scratch->entries || rows + 1 > scratch->rows) {
    drop_workers(scratch);
    scratch->unfolded = MAX(scratch->unfolded, unfolded);
    scratch->entries = MAX(scratch->entries, MAX(entries, 1));
    scratch->rows = MAX(scratch->rows, rows + 1);
  }
  if (!scratch->workers)
    scratch->workers = g_new0(DcnStudyWorker *, DCN_PARALLEL_MAX);
  while (scratch->n_workers < MIN(threads, DCN_PARALLEL_MAX)) {
    DcnStudyWorker *worker = worker_new(scratch);
    if (!worker)
      break;
    scratch->workers[scratch->n_workers++] = worker;
  }
  return scratch->n_workers > 0;
}

void
dcn_study_scratch_clear(DcnStudyScratch *scratch)
{
  drop_workers(scratch);
  g_free(scratch->workers);
  difference_clear(&scratch->difference);
  *scratch = (DcnStudyScratch){{NULL}};
}

size_t
dcn_study_scratch_bytes(const DcnStudyScratch *scratch)
{
  size_t worker = scratch->unfolded * sizeof(float) +
                  scratch->entries * (sizeof(float) + sizeof(uint32_t)) +
                  scratch->rows * sizeof(int);
  return (size_t)scratch->n_workers * worker +
         scratch->difference_values * (sizeof(float) + sizeof(uint32_t)) +
         scratch->difference_begins * sizeof(int) + scratch->difference_means * sizeof(float);
}

uint64_t
dcn_study_now_ns(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void
dcn_study_scratch_start(DcnStudyScratch *scratch)
{
  for (int i = 0; i < scratch->n_workers; i++) {
    DcnStudyWorker *w = scratch->workers[i];
    w->making_ns = w->product_ns = w->nonzeros = 0;
  }
  scratch->started_ns = dcn_study_now_ns();
}

uint64_t
dcn_study_scratch_stop(const DcnStudyScratch *scratch, uint64_t *making_ns, uint64_t *product_ns)
{
  double took = (double)(dcn_study_now_ns() - scratch->started_ns), making = 0, product = 0;
  uint64_t nonzeros = 0;
  for (int i = 0; i < scratch->n_workers; i++) {
    const DcnStudyWorker *w = scratch->workers[i];
    making += (double)w->making_ns;
    product += (double)w->product_ns;
    nonzeros += w->nonzeros;
  }
  double sum = MAX(making + product, 1);
  *making_ns = (uint64_t)(took * making / sum);
  *product_ns = (uint64_t)(took * product / sum);
  return nonzeros;
}
