/* deltacnn: frame to tensor by its definition, and a conversion with the memory it writes.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The oracle is written from the definition: the area integral (or the linear interpolation) over
 * the plane, each plane extended by its edge samples, in double, one output at a time. */
#pragma once
#include "frame/tensor.h"
#include "frames.h"

/* RGB as it is, 0..255, stretched to width x height; pixels of 4 floats. */
DcnTensorSpec test_spec(int width, int height);
/* Another order, cut-out and normalisation each time. */
DcnTensorSpec test_random_spec(GRand *rand, int width, int height);

/* The interval [low, high) of a component's samples under column (or row) i of the tensor. */
void test_interval(const DcnFrameInfo *info, const DcnTensorSpec *spec, int component,
                   gboolean vertical, int i, double *low, double *high);

/* The channels of a pixel, 0..255, not rounded. */
void test_reference_pixel(const TestFrame *frame, const DcnTensorSpec *spec, int x, int y,
                          double *out);

/* Whether a channel is a whole number that exact may be rounded to, normalised in float.
 * error  of the sums of float products before they are rounded, of 255 */
gboolean test_is_rounded(const DcnTensorSpec *spec, int channel, float got, double exact,
                         double error);

/* A conversion and the memory it writes: every float is -77 at first, every mark 0xaa. */
typedef struct {
  DcnFrameToTensor *convert;
  DcnTensorSpec spec;
  float *tensor;
  uint8_t *touched;
  size_t n_pixels, n_floats;
} TestRun;

void test_run_init(TestRun *run, const DcnFrameInfo *info, const DcnTensorSpec *spec);
void test_run_clear(TestRun *run);

/* Registers func once for each format, as /frame/NAME/FORMAT; its data is the TestFormat. */
void test_add_formats(const char *name, void (*func)(gconstpointer));
