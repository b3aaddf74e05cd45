/* deltacnn: what run.c needs of state.c.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/internal.h"

int dcn_state_add_workers(DcnState *state, int count);
