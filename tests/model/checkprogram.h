/* deltacnn tests: what the engine may rely on in every program that the loader hands out.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/program.h"

/* NULL, or the first rule that is broken (static string). */
const char *check_program(const DcnProgram *program);
