/* What the tests of the engine share: a network beside the program it was made from, and frames
 * that change. SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "net/net.h"
#include "../model/reference.h"
#include "netgen.h"

typedef struct {
  DcnProgram *program; /* keeps its weights */
  DcnNet *net;
  float **values;    /* [n_values], element order: what the program computes */
  float *logical[2]; /* room for the largest value */
} Subject;

/* The two programs must be equal; both are taken over. */
Subject *subject_new(DcnProgram *program, DcnProgram *again, const DcnKernels *kernels);
void subject_free(Subject *subject);
const DcnValue *subject_input(const Subject *subject);
/* dcn_state_new(), which must succeed. */
DcnState *state_new(DcnNet *net);

typedef enum {
  CHANGE_ALL,
  CHANGE_NONE,
  CHANGE_PIXEL,
  CHANGE_BLOCK,
  CHANGE_SCATTERED,
  CHANGE_NOISE,
  N_CHANGES
} Change;

/* Changes a frame ([n][h][w][pitch]) in one way.  touched [n*h*w] says where; amount scales the
 * change. */
void change_frame(GRand *rand, const DcnValue *v, Change change, float amount, float *frame,
                  uint8_t *touched);
/* Bytes of a frame of that layout. */
size_t frame_bytes(const DcnValue *v);
/* Frame to element order. */
void frame_elements(const DcnValue *v, const float *frame, float *elements);

/* Largest difference between two runs of floats, relative to the largest magnitude in b (at least
 * 1e-3).  NaN in one only counts as infinite. */
double difference(const float *a, const float *b, size_t count);
/* Every value of the state against the subject's values. */
void assert_values(const Subject *subject, const DcnState *state, double bound, const char *what);
/* Every value of two states of one net. */
void assert_same(Subject *subject, const DcnState *a, const DcnState *b, double bound,
                 const char *what);
