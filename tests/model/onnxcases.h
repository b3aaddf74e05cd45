/* deltacnn tests: runs the operator cases of Debian's libonnx-testdata through an executor.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A case is a folder with model.onnx and test_data_set_N/input_K.pb, output_K.pb.  Its first input
 * is fed to the program; the others are given to the loader as constants, as weights are in real
 * models. */
#pragma once
#include "model/program.h"

/* Computes all outputs of a program, in logical order.
 * program  taken over
 * input    in logical order
 * outputs  [n_outputs], each as large as its value
 * FALSE with an error that becomes the case's failure. */
typedef gboolean (*OnnxCaseRun)(DcnProgram *program, const float *input, float **outputs,
                                void *user, GError **error);

typedef struct {
  int run, passed, failed, skipped;
} OnnxCaseCounts;

/* Runs every case of the folders whose operators are all supported, prints a TAP diagnostic per
 * failure and the reasons of skips, and the counts.  FALSE where the data is not installed (nothing
 * run). */
gboolean onnx_cases_run_all(OnnxCaseRun run, void *user, OnnxCaseCounts *counts);

/* The same with all inputs constant: what can be folded is, and what cannot computes with values
 * that never change. */
gboolean onnx_cases_run_constant(OnnxCaseRun run, void *user, OnnxCaseCounts *counts);

/* One model file and data set folder.  all_bound: the first input is a constant too, so that all is
 * folded. Returns NULL on success, else what is wrong (g_free()); *skipped is set where the case is
 * not for us. */
char *onnx_case_run(const char *model, const char *data_set, gboolean all_bound, OnnxCaseRun run,
                    void *user, gboolean *skipped);
