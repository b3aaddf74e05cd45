/* deltacnn: the experiments of the DeltaCNN study, as it made them, to compare with.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolutions are done by general matrix libraries, everything else by the engine, in full on every frame:
 *
 *   BLAS       the input unfolded (im2col), then OpenBLAS's sgemm: what a framework did
 *   SPARSE     the study's layer (Fig. 5): the difference of a convolution's input to the last frame as a sparse
 *              matrix, times the kernel matrix, added to the layer's last output.  The same as a full pass but for
 *              rounding, which adds up from one full frame to the next; so would what is not finite.
 *   HEURISTIC  the same without the differences whose magnitude is below their channel's mean.  An open loop: what
 *              was left out is lost, and errors add up until the next full frame.
 *
 * Full frames, the first and those that the caller asks for (the study: I pictures), are done as in BLAS.  Fully
 * connected layers always are.  Depthwise convolutions, of which unfolding makes no matrix product, are left to the
 * engine in all modes.
 *
 * Better than the study's own: the sparse matrix is made from lists of the values that differ, some rows at a time,
 * and its product is vectorised, so that what is compared with is not a weakness of one library. */
#pragma once
#include "net/net.h"

typedef enum { DCN_STUDY_BLAS, DCN_STUDY_SPARSE, DCN_STUDY_HEURISTIC } DcnStudyMode;

typedef struct _DcnStudy DcnStudy;

/* What one convolution took in the last run, ns; what its DcnOpStat.ns has beyond it went into bias, activation and
 * copies.  All 0 for other ops. */
typedef struct {
  uint64_t unfold_ns, dense_product_ns;     /* a full frame: im2col and sgemm (sgemv) */
  uint64_t to_sparse_ns, sparse_product_ns; /* other frames of SPARSE and HEURISTIC */
  uint64_t nonzeros, elements; /* of the sparse matrix: entries, and rows times columns; else 0 */
} DcnStudyTimes;

/* For states of a network made of an equal program; program: with its weights, taken over (also on error).  Every
 * stream needs one of its own, weights included.  NULL with an error of DCN_ERROR. */
DcnStudy *dcn_study_new(DcnNet *net, DcnProgram *program, GError **error);
/* The same with the program read from an ONNX file, the one that the network came from. */
DcnStudy *dcn_study_load(DcnNet *net, const char *path, GError **error);
void dcn_study_free(DcnStudy *study); /* NULL is fine.  States it ran on must be detached or gone. */

/* Makes what the mode needs beside the weights, for so many threads (as in dcn_parallel_for()); a run would do it,
 * but could not say what went wrong. */
gboolean dcn_study_prepare(DcnStudy *study, DcnStudyMode mode, int threads, GError **error);

/* The next run is a full one. */
void dcn_study_reset(DcnStudy *study);

/* Runs a frame: the state's input, all of it.  full: asks for a full frame in SPARSE and HEURISTIC; another mode than
 * in the last run leads to one, too.  The state's convolutions are then the study's until dcn_study_detach().
 * info     as for dcn_state_run(); full tells whether it was one, values and values_changed are those of the
 *          convolutions' inputs.  Multiplies are those really done. */
void dcn_study_run(DcnStudy *study, DcnState *state, DcnStudyMode mode, gboolean full, int threads,
                   DcnRunInfo *info);
/* The state's convolutions are the engine's again; its next run will be a full one. */
void dcn_study_detach(DcnStudy *study, DcnState *state);

/* Runs since the last full one, which counts; 0 before the first. */
unsigned dcn_study_since_full(const DcnStudy *study);
/* [n_ops of the program], of the last run; owned by the study. */
const DcnStudyTimes *dcn_study_times(const DcnStudy *study);
/* Weights, caches and scratch memory. */
size_t dcn_study_bytes(const DcnStudy *study);
