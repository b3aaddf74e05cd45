/* deltacnn tests: the entry of a fuzz target, as libFuzzer defines it.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Always returns 0; a finding is a crash, a sanitizer report or an abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
