/* deltacnn tests: runs a program with plain loops, one element at a time.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Shares nothing with the engine but the program: an independent oracle for lowering and for
 * execution. */
#pragma once
#include "model/program.h"

/* Values in element order ((n*h + y)*w + x)*c + channel; out[v] is allocated for every value of the
 * program. input: in logical (ONNX row-major) order. */
float **reference_run(const DcnProgram *program, const float *input);
void reference_free(const DcnProgram *program, float **values);

/* The same into values that exist: [n_values] arrays, of which that of the input is given; all ops, or one. */
void reference_run_ops(const DcnProgram *program, float **values);
void reference_run_op(const DcnProgram *program, const DcnOp *op, float **values);

/* Element order to logical order, which dcn_state_value() gives, and back. */
void reference_to_logical(const DcnValue *value, const float *elements, float *logical);
void reference_from_logical(const DcnValue *value, const float *logical, float *elements);

/* One value in logical order; g_free(). */
float *reference_logical(const DcnProgram *program, float **values, int value);
