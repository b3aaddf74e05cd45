/* deltacnn tests: the building blocks of the well known classifiers, as exporters write them, small
 * enough to be checked element by element. SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "onnxwriter.h"

typedef struct {
  const char *name;
  GBytes *(*build)(void);
  int movements; /* GATHERs that may be left */
  int affines;   /* AFFINEs that may be left */
  int acts;      /* ACTs that could not join another op */
} Architecture;

extern const Architecture architectures[];
extern const int n_architectures;
