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

/* One value in logical order; g_free(). */
float *reference_logical(const DcnProgram *program, float **values, int value);
