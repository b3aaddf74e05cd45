/* deltacnn benchmark: one layer, frames of which a given share changes, and the ways to run it.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "study/study.h"

/* As on the command line. */
typedef struct {
  int width, height, kernel, stride, outputs, threads;
  gboolean relu;
} StudyShape;

typedef struct {
  StudyShape shape;
  int pad, out_w, out_h;
  DcnNet *net;
  DcnState *delta, *dense; /* the engine's own two ways */
  DcnState *others[2];     /* the study's sparse layer, and blas */
  DcnStudy *studies[2];
  float *inputs[4]; /* of the states, [height][width][4] */
  uint8_t *touched; /* [height * width] what the last change was */
  uint64_t *near;   /* where, as in dcn_state_run_near() */
  uint8_t *any;     /* scratch of study_reached() */
} StudySubject;

/* What one frame took in each way, ms. */
typedef struct {
  double delta, dense;                 /* dcn_state_run(), all of it */
  double to_sparse, sparse_product;    /* the study's layer: the sparse matrix, its product, */
  double sparse;                       /* and the whole run */
  double unfold, dense_product, blas;  /* the same of im2col and sgemm */
  double changed, reached, multiplies; /* shares: of input pixels, outputs, multiplies of delta */
  double density;                      /* of the sparse matrix */
} StudyFigures;

/* NULL after a message on stderr.  The first frame has been run in all ways. */
StudySubject *study_subject_new(const StudyShape *shape, gboolean others);
void study_subject_free(StudySubject *s);

/* Changes this share of the frame: whole 16x16 blocks on their grid, or single pixels anywhere. */
void study_change(StudySubject *s, gboolean blocks, double share);

/* Medians over so many frames (means of shares); dense ways only where asked for, else 0. */
StudyFigures study_measure(StudySubject *s, gboolean blocks, double share, int frames,
                           gboolean dense);

/* Bytes a second when as many floats as the layer has outputs are read and written. */
double study_memory_rate(const StudySubject *s);

/* pattern: blocks, pixels, or NULL for both. */
static inline gboolean
study_wanted(const char *pattern, gboolean blocks)
{
  return !pattern || g_str_equal(pattern, blocks ? "blocks" : "pixels");
}

/* study-even.c: for each size "WxH,WxH,..." the sparsity from which on delta is faster than the engine's dense, and
 * the study's sparse layer than blas; a table, and CSV where a file is given.  FALSE after a message on stderr. */
gboolean study_break_even(const StudyShape *shape, const char *sizes, const char *pattern,
                          int frames, const char *csv_path, gboolean markdown);
