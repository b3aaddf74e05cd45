/* deltacnn: frames for tests, in memory that fits exactly.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "frame/frame.h"

typedef struct {
  const char *name;
  DcnFrameInfo info; /* without a size */
} TestFormat;

/* Every kind of frame that the elements make. */
extern const TestFormat test_formats[];
extern const int n_test_formats;

/* A frame of random samples.  Each plane is an allocation of its own that ends with its last
 * sample, so that ASan sees a read beyond; stride_extra bytes lie between the lines; flip: lines
 * are stored bottom up. */
typedef struct {
  DcnFrameInfo info;
  DcnFrame frame;
  int n_planes;
  uint8_t *memory[3];
  size_t size[3];
} TestFrame;

DcnFrameInfo test_info(const TestFormat *format, int width, int height);
TestFrame *test_frame_new(const DcnFrameInfo *info, int stride_extra, gboolean flip);
void test_frame_free(TestFrame *frame);
void test_frame_randomise(TestFrame *frame, GRand *rand);

/* Sizes, in samples, of a component's grid. */
void test_component_size(const DcnFrameInfo *info, int component, int *width, int *height);
/* A sample of component 0..2 (Y U V, or R G B; gray has 0 only). */
uint8_t *test_sample(const TestFrame *frame, int component, int x, int y);
int test_n_components(const DcnFrameInfo *info);

/* Which block sample (x, y) of a component belongs to. */
int test_block_of(const DcnFrameInfo *info, int component, int x, int y);
