/* deltacnn: what the study's products need while they are at work, and the times they take.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "study/layer.h"

/* Per thread, on cache lines of its own. */
typedef struct {
  float *unfolded; /* some rows of an unfolded input */
  uint32_t *index; /* some rows of a sparse matrix: the terms ... */
  float *value;    /* ... and their values ... */
  int *begin;      /* ... and where each row begins */
  /* Since dcn_study_scratch_start(). */
  uint64_t making_ns, product_ns;
  uint64_t nonzeros; /* of the sparse matrix, over all rows */
} DcnStudyWorker;

/* The difference of a layer's input to the last frame: of each row of pixels and each group the values that differ,
 * in ascending order of pixels, then channels.  Those of row r (over all images) and group g begin at entry
 * (r * groups + g) * in_w * cg. */
typedef struct {
  uint32_t *index; /* x * cg + channel of the group */
  float *value;
  int *begin;   /* [rows][groups][in_w + 1] where a pixel's entries begin, from the row's first */
  float *means; /* [in_c], of the magnitudes */
} DcnStudyDifference;

/* Shared by all layers of a stream. */
typedef struct {
  DcnStudyDifference difference;
  size_t difference_values, difference_begins, difference_means;
  size_t unfolded, entries, rows; /* what each worker has */
  DcnStudyWorker **workers;
  int n_workers;
  uint64_t started_ns;
} DcnStudyScratch;

/* Room for a layer; fewer threads than asked for where memory is short, and FALSE where not even one gets enough. */
gboolean dcn_study_scratch_fit(DcnStudyScratch *scratch, const DcnStudyLayer *layer, int threads,
                               gboolean sparse);
void dcn_study_scratch_clear(DcnStudyScratch *scratch);
size_t dcn_study_scratch_bytes(const DcnStudyScratch *scratch);

/* Rows that are unfolded, or turned into sparse rows, at a time. */
int dcn_study_unfolded_rows(const DcnStudyLayer *layer);
int dcn_study_sparse_rows(const DcnStudyLayer *layer);

uint64_t dcn_study_now_ns(void);

/* Clears the workers' times and counts. */
void dcn_study_scratch_start(DcnStudyScratch *scratch);
/* Of the time since then, what making matrices and multiplying them took: threads work at the same time, so the
 * time that passed is split as theirs.  Returns the nonzeros. */
uint64_t dcn_study_scratch_stop(const DcnStudyScratch *scratch, uint64_t *making_ns,
                                uint64_t *product_ns);
