/* First layers: what is added for changes must come to what the definition says, over every shape
 * and kind of change.  SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <math.h>
#include <string.h>

typedef struct {
  int n, h, w, c, m;
  int kh, kw, sh, sw, pt, pl, pb, pr, dil_h;
  DcnActKind act;
  gboolean read_on; /* another op reads the layer's output */
} Shape;

static const Shape shapes[] = {
    {1, 67, 71, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_RELU, FALSE}, /* AlexNet */
    {1, 67, 71, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE}, /* kept in place */
    {1, 67, 71, 3, 49, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, TRUE},
    {1, 40, 70, 3, 113, 7, 7, 2, 2, 3, 3, 3, 3, 1, DCN_ACT_LEAKY_RELU, FALSE},
    {2, 20, 44, 3, 90, 7, 9, 1, 3, 0, 5, 3, 0, 1, DCN_ACT_CLIP, FALSE},
    {1, 50, 46, 1, 144, 11, 11, 3, 2, 4, 0, 0, 6, 1, DCN_ACT_RELU, FALSE},
    {1, 24, 24, 4, 134, 5, 6, 1, 1, 2, 2, 2, 2, 3, DCN_ACT_HARD_SWISH, FALSE},
    {1, 30, 60, 2, 33, 8, 32, 2, 1, 1, 16, 1, 20, 1, DCN_ACT_NONE, FALSE},
    {1, 9, 8, 3, 50, 11, 11, 1, 1, 5, 5, 5, 5, 1, DCN_ACT_NONE, FALSE}, /* all border */
    {1, 40, 30, 3, 16, 3, 3, 2, 2, 1, 1, 1, 1, 1, DCN_ACT_RELU, FALSE}, /* too small for deltas */
};

static DcnProgram *
make_program(const Shape *s, guint32 seed)
{
  GRand *rand = g_rand_new_with_seed(seed);
  DcnProgram *p = g_new0(DcnProgram, 1);
  int oh = (s->h + s->pt + s->pb - (s->kh - 1) * s->dil_h - 1) / s->sh + 1,
      ow = (s->w + s->pl + s->pr - s->kw) / s->sw + 1;
  p->model_name = g_strdup("first");
  p->n_values = p->n_ops = s->read_on ? 2 : 1;
  p->n_values++;
  p->values = g_new0(DcnValue, (gsize)p->n_values);
  p->ops = g_new0(DcnOp, (gsize)p->n_ops);
  for (int i = 0; i < p->n_values; i++) {
    p->values[i].name = g_strdup_printf("v%d", i);
    dcn_value_set_dims(&p->values[i], 4,
                       i ? (int[]){s->n, s->m, oh, ow} : (int[]){s->n, s->c, s->h, s->w});
  }
  for (int i = 0; i < p->n_ops; i++) {
    p->ops[i].name = g_strdup_printf("op%d", i);
    p->ops[i].n_inputs = 1;
    p->ops[i].inputs = g_new0(int, 1);
    p->ops[i].inputs[0] = i;
    p->ops[i].output = i + 1;
  }
  size_t weights = (size_t)s->m * s->c * s->kh * s->kw;
  DcnConv *conv = &p->ops[0].u.conv;
  *conv = (DcnConv){s->kh,
                    s->kw,
                    s->sh,
                    s->sw,
                    s->pt,
                    s->pl,
                    s->dil_h,
                    1,
                    1,
                    g_new(float, weights),
                    g_new(float, (gsize)s->m)};
  for (size_t i = 0; i < weights; i++)
    conv->weights[i] = (float)g_rand_double_range(rand, -0.3, 0.3);
  for (int i = 0; i < s->m; i++)
    conv->bias[i] = (float)g_rand_double_range(rand, -1, 1);
  p->ops[0].act = (DcnAct){s->act, s->act == DCN_ACT_CLIP ? -0.5f : 0.1f, 0.8f, NULL};
  if (s->read_on) {
    p->ops[1].kind = DCN_OP_ACT;
    p->ops[1].act.kind = DCN_ACT_SIGMOID;
  }
  p->n_outputs = 1;
  p->outputs = g_new(int, 1);
  p->outputs[0] = p->n_values - 1;
  g_rand_free(rand);
  return p;
}

/* Changes blocks on a grid, as a codec does; share of all blocks. */
static void
change_blocks(GRand *rand, const DcnValue *v, int size, double share, float *frame,
              uint8_t *touched)
{
  memset(touched, 0, (size_t)v->n * v->h * v->w);
  for (int row = 0; row < v->n * v->h; row += size)
    for (int x0 = 0; x0 < v->w; x0 += size) {
      if (g_rand_double(rand) >= share)
        continue;
      for (int y = row; y < MIN(row + size, v->n * v->h); y++)
        for (int x = x0; x < MIN(x0 + size, v->w); x++) {
          size_t p = (size_t)y * v->w + x;
          touched[p] = 1;
          for (int c = 0; c < v->c; c++)
            frame[p * dcn_channel_pitch(v->c) + c] = (float)g_rand_double_range(rand, -1, 1);
        }
    }
}

static void
test_shape(const Shape *shape, const DcnKernels *kernels, guint32 seed)
{
  Subject *s = subject_new(make_program(shape, seed), make_program(shape, seed), kernels);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(seed);
  GError *error = NULL;
  DcnState *state = dcn_state_new(s->net, &error);
  g_assert_no_error(error);
  dcn_state_set_adaptive(state, FALSE);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  gboolean large = shape->kh * shape->kw * shape->c > 100;
  uint64_t added = 0, macs[2] = {0};
  for (int i = 0; i < 20; i++) {
    float *frame = dcn_state_input(state);
    gboolean blocks = i % 2;
    if (i == 0)
      change_frame(rand, in, CHANGE_ALL, 1, frame, touched);
    else if (i == 11)
      change_frame(rand, in, CHANGE_NONE, 1, frame, touched);
    else
      change_blocks(rand, in, blocks ? 8 : 1, 0.01 + 0.1 * g_rand_double(rand) * (i % 3), frame,
                    touched);
    DcnRunInfo info;
    dcn_state_run(state, i % 7 ? touched : NULL, i % 13 == 12 ? DCN_MODE_DENSE : DCN_MODE_DELTA,
                  1 + i % 2, &info);
    added += dcn_state_op_stats(state)[0].blocks_dgemm;
    if (!info.full) {
      g_assert_cmpuint(info.macs, <=, info.macs_dense);
      macs[0] += info.macs;
      macs[1] += info.macs_dense;
    }
    frame_elements(in, frame, s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    char *what = g_strdup_printf("%s, %dx%d of %d, frame %d", kernels->isa, shape->kh, shape->kw,
                                 shape->c, i);
    assert_values(s, state, 3e-5, what);
    g_free(what);
  }
  if (large)
    g_assert_cmpuint(added, >, 0);
  else
    g_assert_cmpuint(added, ==, 0);
  g_test_message("%dx%d of %d: %.2f of the multiplies", shape->kh, shape->kw, shape->c,
                 (double)macs[0] / (double)macs[1]);
  g_free(touched);
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

static void
test_shapes(gconstpointer data)
{
  for (guint i = 0; i < G_N_ELEMENTS(shapes); i++)
    test_shape(&shapes[i], data, i + 1);
}

/* Blocks of `size` pixels, the grid's corner at (left, top); of each pixel of them a share stays as it was. */
static void
change_large_blocks(GRand *rand, const DcnValue *v, int size, int left, int top, double stays,
                    float *frame, uint8_t *touched)
{
  memset(touched, 0, (size_t)v->n * v->h * v->w);
  for (int row = 0; row < v->n * v->h; row++)
    for (int x = 0; x < v->w; x++) {
      int y = row % v->h,
          block = (y + size - top) / size * 31 + (x + size - left) / size * 7 + row / v->h;
      size_t p = (size_t)row * v->w + x;
      if (block % 5 > 0 || g_rand_double(rand) < stays)
        continue;
      touched[p] = 1;
      for (int c = 0; c < v->c; c++)
        frame[p * dcn_channel_pitch(v->c) + c] = (float)g_rand_double_range(rand, -1, 1);
    }
}

/* Where many blocks changed alike, they are added together: all of them, or but for some pixels, with strays or
 * without, across the borders of images and of what threads do. */
static void
test_alike(gconstpointer data)
{
  static const Shape large[] = {
      {2, 100, 151, 3, 50, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE},
      {1, 130, 117, 3, 112, 7, 7, 2, 2, 3, 3, 3, 3, 1, DCN_ACT_RELU, TRUE},
      {3, 64, 75, 2, 80, 9, 11, 3, 5, 0, 7, 4, 0, 1, DCN_ACT_RELU, FALSE},
      {1, 98, 110, 3, 116, 11, 5, 4, 3, 1, 0, 1, 2, 1, DCN_ACT_NONE, FALSE},
      {1, 101, 130, 2, 79, 14, 13, 5, 5, 3, 1, 2, 4, 1, DCN_ACT_RELU, FALSE},
  };
  for (guint i = 0; i < G_N_ELEMENTS(large); i++) {
    Subject *s = subject_new(make_program(&large[i], i), make_program(&large[i], i), data);
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(i);
    DcnState *states[2] = {dcn_state_new(s->net, NULL), dcn_state_new(s->net, NULL)};
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    for (int j = 0; j < 2; j++)
      dcn_state_set_adaptive(states[j], FALSE);
    for (int f = 0; f < 6; f++) {
      float *frame = dcn_state_input(states[0]);
      static const int sizes[] = {16, 16, 8, 20}, corners[] = {0, 3, 0, 7};
      if (f == 0)
        change_frame(rand, in, CHANGE_ALL, 1, frame, touched);
      else
        change_large_blocks(rand, in, sizes[f % 4], corners[f % 4], corners[f / 2 % 4],
                            f % 3 ? 0 : 0.1, frame, touched);
      for (int stray = 0; f % 2 && stray < 5; stray++) {
        int p = g_rand_int_range(rand, 0, in->n * in->h * in->w);
        frame[p * dcn_channel_pitch(in->c)] += 1;
        touched[p] = 1;
      }
      memcpy(dcn_state_input(states[1]), frame, frame_bytes(in));
      for (int j = 0; j < 2; j++)
        dcn_state_run(states[j], touched, DCN_MODE_DELTA, j + 1, NULL);
      assert_same(s, states[0], states[1], 0, "one and two threads");
      if (f == 1 && i < 2)
        g_assert_cmpuint(dcn_state_op_stats(states[0])[0].blocks_dgemm, >, 0);
      frame_elements(in, frame, s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      char *what = g_strdup_printf("shape %u, frame %d", i, f);
      assert_values(s, states[0], 3e-5, what);
      g_free(what);
    }
    for (int j = 0; j < 2; j++)
      dcn_state_free(states[j]);
    g_free(touched);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* Where rows of whole blocks are multiplied as polynomials, 7 multiplies do for 11. */
static void
test_fewer_multiplies(gconstpointer data)
{
  static const Shape image = {1, 128, 144, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE};
  Subject *s = subject_new(make_program(&image, 4), make_program(&image, 4), data);
  const DcnValue *in = subject_input(s);
  GRand *rand = g_rand_new_with_seed(4);
  DcnState *state = dcn_state_new(s->net, NULL);
  dcn_state_set_adaptive(state, FALSE);
  uint8_t *touched = g_malloc((size_t)in->h * in->w);
  for (int f = 0; f < 5; f++) {
    DcnRunInfo info;
    change_blocks(rand, in, 16, f ? 0.2 * f : 1, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, &info);
    int changed = 0;
    for (int p = 0; p < in->h * in->w; p++)
      changed += touched[p];
    double plain = (double)changed * in->c * image.m * (11 * 11 / 16.0);
    if (f)
      g_assert_cmpfloat((double)info.macs, <, 0.66 * plain);
    frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    assert_values(s, state, 1e-5, "as polynomials");
  }
  g_free(touched);
  dcn_state_free(state);
  g_rand_free(rand);
  subject_free(s);
}

/* Cells that the border cuts, of which about two thirds changed, as of all others. */
static void
test_cut_cells(void)
{
  static const Shape images[] = {
      {2, 160, 172, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE},
      {2, 174, 160, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_RELU, FALSE},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(images); i++) {
    Subject *s =
        subject_new(make_program(&images[i], 3), make_program(&images[i], 3), dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(3);
    DcnState *state = dcn_state_new(s->net, NULL);
    dcn_state_set_adaptive(state, FALSE);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    for (int f = 0; f < 4; f++) {
      change_blocks(rand, in, 1, f ? 0.68 : 1, dcn_state_input(state), touched);
      dcn_state_run(state, touched, DCN_MODE_DELTA, 1, NULL);
      frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      assert_values(s, state, 3e-5, "cells cut by the border");
    }
    g_free(touched);
    dcn_state_free(state);
    g_rand_free(rand);
    subject_free(s);
  }
}

/* Changes 13 of 16 columns of every other block. */
static void
change_columns(GRand *rand, const DcnValue *v, double stays, float *frame, uint8_t *touched)
{
  memset(touched, 0, (size_t)v->n * v->h * v->w);
  for (int y = 0; y < v->h; y++)
    for (int x = 0; x < v->w; x++) {
      size_t p = (size_t)y * v->w + x;
      if (x / 16 % 2 || x % 16 >= 13 || g_rand_double(rand) < stays)
        continue;
      touched[p] = 1;
      for (int c = 0; c < v->c; c++)
        frame[p * dcn_channel_pitch(v->c) + c] = (float)g_rand_double_range(rand, -1, 1);
    }
}

/* Outputs that see nothing which changed stay to the bit, whatever is added beside them: nobody would make them anew.  And
 * after a reset a state is as a new one. */
static void
test_unreached(void)
{
  static const Shape image = {1, 96, 320, 3, 64, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE};
  Subject *s = subject_new(make_program(&image, 8), make_program(&image, 8), dcn_kernels_get());
  const DcnValue *in = subject_input(s), *out = &s->program->values[1];
  GRand *rand = g_rand_new_with_seed(8);
  DcnState *state = dcn_state_new(s->net, NULL), *fresh = dcn_state_new(s->net, NULL);
  uint8_t *touched = g_malloc((size_t)in->h * in->w);
  size_t floats = (size_t)out->c * (size_t)out->h * (size_t)out->w;
  float *first = g_new(float, floats), *last = g_new(float, floats);
  change_frame(rand, in, CHANGE_ALL, 1, dcn_state_input(state), touched);
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  dcn_state_output(state, 0, first);
  for (int f = 0; f < 30; f++) {
    change_columns(rand, in, 0, dcn_state_input(state), touched);
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, NULL);
  }
  dcn_state_output(state, 0, last);
  int unreached = 0;
  for (int x = 0; x < out->w; x++) {
    gboolean sees = FALSE;
    for (int kx = 0; kx < image.kw; kx++) {
      int column = x * image.sw - image.pl + kx;
      sees |= column >= 0 && column < in->w && column / 16 % 2 == 0 && column % 16 < 13;
    }
    unreached += !sees;
    for (size_t row = 0; row < floats / (size_t)out->w && !sees; row++)
      g_assert_cmpfloat(last[row * (size_t)out->w + (size_t)x], ==,
                        first[row * (size_t)out->w + (size_t)x]);
  }
  g_assert_cmpint(unreached, >, 5);
  dcn_state_reset(state);
  for (int f = 0; f < 4; f++) {
    change_columns(rand, in, f ? 0.3 : 0, dcn_state_input(state), touched);
    memcpy(dcn_state_input(fresh), dcn_state_input(state), frame_bytes(in));
    dcn_state_run(state, touched, DCN_MODE_DELTA, 1, NULL);
    dcn_state_run(fresh, touched, DCN_MODE_DELTA, 1, NULL);
    assert_same(s, state, fresh, 0, "after a reset");
  }
  g_free(first);
  g_free(last);
  g_free(touched);
  dcn_state_free(state);
  dcn_state_free(fresh);
  g_rand_free(rand);
  subject_free(s);
}

/* What is added leaves rounding errors behind, which are cleared now and then. */
static void
test_drift(void)
{
  for (int shape = 0; shape < 2; shape++) {
    Subject *s = subject_new(make_program(&shapes[shape], 5), make_program(&shapes[shape], 5),
                             dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    DcnState *state = dcn_state_new(s->net, NULL);
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    GRand *rand = g_rand_new_with_seed(7);
    for (int i = 0; i < 10000; i++) {
      change_blocks(rand, in, i % 2 ? 8 : 2, i ? 0.03 : 1, dcn_state_input(state), touched);
      dcn_state_run(state, touched, DCN_MODE_DELTA, 1, NULL);
    }
    g_assert_cmpuint(dcn_state_op_stats(state)[0].blocks_dgemm, >, 0);
    frame_elements(in, dcn_state_input(state), s->values[s->program->input]);
    reference_run_ops(s->program, s->values);
    assert_values(s, state, 3e-5, "after 10000 frames");
    g_free(touched);
    g_rand_free(rand);
    dcn_state_free(state);
    subject_free(s);
  }
}

/* The bits do not depend on how many threads there are. */
static void
test_threads(void)
{
  DcnState *states[2];
  Subject *s =
      subject_new(make_program(&shapes[0], 1), make_program(&shapes[0], 1), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
  for (int i = 0; i < 2; i++)
    states[i] = dcn_state_new(s->net, NULL);
  GRand *rand = g_rand_new_with_seed(3);
  for (int i = 0; i < 20; i++) {
    change_blocks(rand, in, 1 + i % 8, i ? 0.1 : 1, dcn_state_input(states[0]), touched);
    memcpy(dcn_state_input(states[1]), dcn_state_input(states[0]), frame_bytes(in));
    for (int j = 0; j < 2; j++)
      dcn_state_run(states[j], touched, DCN_MODE_DELTA, j + 1, NULL);
    assert_same(s, states[0], states[1], 0, "one and two threads");
  }
  for (int i = 0; i < 2; i++)
    dcn_state_free(states[i]);
  g_rand_free(rand);
  g_free(touched);
  subject_free(s);
}

/* To be told near what the input was touched changes nothing, in rows of several words as well. */
static void
test_near(void)
{
  static const Shape wide = {2, 14, 4300, 3, 8, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_NONE, FALSE};
  Subject *s = subject_new(make_program(&wide, 1), make_program(&wide, 1), dcn_kernels_get());
  const DcnValue *in = subject_input(s);
  int rows = in->n * in->h, words = dcn_near_words(in->w);
  DcnState *states[2] = {dcn_state_new(s->net, NULL), dcn_state_new(s->net, NULL)};
  uint8_t *touched = g_malloc((size_t)rows * in->w);
  uint64_t *near = g_new(uint64_t, (gsize)rows * words);
  GRand *rand = g_rand_new_with_seed(9);
  DcnRunInfo info[2];
  g_assert_cmpint(words, ==, 2);
  for (int i = 0; i < 8; i++) {
    float *frame = dcn_state_input(states[0]);
    change_blocks(rand, in, 1 + 15 * (i % 2), i == 0 ? 1 : i == 1 ? 0 : 0.004 * i, frame, touched);
    memcpy(dcn_state_input(states[1]), frame, frame_bytes(in));
    memset(near, 0, sizeof *near * (size_t)rows * words);
    for (int row = 0; row < rows; row++)
      for (int x = 0; x < in->w; x++)
        if (touched[(size_t)row * in->w + x])
          near[row * words + x / 4096] |= UINT64_C(1) << x / 64 % 64;
    dcn_state_run(states[0], touched, DCN_MODE_DELTA, 1, &info[0]);
    dcn_state_run_near(states[1], i == 4 ? NULL : touched, near, DCN_MODE_DELTA, 1 + i % 2,
                       &info[1]);
    assert_same(s, states[0], states[1], 0, "told near what");
    g_assert_cmpuint(info[0].values_changed, ==, info[1].values_changed);
  }
  for (int i = 0; i < 2; i++)
    dcn_state_free(states[i]);
  g_rand_free(rand);
  g_free(touched);
  g_free(near);
  subject_free(s);
}

/* Images that no cache holds, of which whole cells are touched: those that changed all over or as a rectangle, those of
 * which a few pixels did, both among other pixels, and more than are packed. */
static void
change_cells(GRand *rand, const DcnValue *v, int cell_h, int cell_w, int kind, float *frame,
             uint8_t *touched)
{
  int across = (v->w - 1) / cell_w + 1, down = (v->h - 1) / cell_h + 1;
  memset(touched, 0, (size_t)v->n * v->h * v->w);
  for (int i = 0; i < v->n * down; i++)
    for (int j = 0; j < across; j++) {
      gboolean whole = g_rand_double(rand) < (kind == 4 && i % 3 ? 0.9 : 0.12);
      int few = kind == 2 || (kind == 1 && g_rand_boolean(rand)), part = kind == 3 && j % 2;
      double others = kind == 1 || kind == 4 ? 0.02 : 0;
      for (int y = 0; y < MIN(cell_h, v->h - i % down * cell_h); y++)
        for (int x = 0; x < MIN(cell_w, v->w - j * cell_w); x++) {
          int row = i / down * v->h + i % down * cell_h + y;
          size_t p = (size_t)row * v->w + (size_t)(j * cell_w + x);
          touched[p] = whole || g_rand_double(rand) < others;
          gboolean outside = x < 3 || x > 11 || y < 2 || y > 9;
          if (!touched[p] || (whole && few && g_rand_double(rand) < 0.8) ||
              (whole && part && (outside || g_rand_double(rand) < 0.05)))
            continue;
          for (int c = 0; c < v->c; c++)
            frame[p * dcn_channel_pitch(v->c) + c] = (float)g_rand_double_range(rand, -1, 1);
        }
    }
}

static void
test_cells(void)
{
  static const struct {
    Shape shape;
    int cell_h, cell_w;
  } images[] = {
      {{1, 250, 271, 3, 48, 11, 11, 4, 4, 2, 2, 2, 2, 1, DCN_ACT_RELU, FALSE}, 16, 16},
      {{2, 187, 181, 1, 144, 11, 11, 4, 3, 0, 5, 3, 0, 1, DCN_ACT_NONE, FALSE}, 16, 18},
      {{2, 188, 183, 3, 56, 11, 9, 4, 4, 0, 5, 3, 0, 1, DCN_ACT_NONE, FALSE}, 16, 16},
      {{1, 250, 265, 3, 32, 11, 17, 4, 4, 0, 5, 3, 0, 1, DCN_ACT_NONE, FALSE}, 16, 16},
  };
  static const int kinds[] = {0, 0, 5, 0, 1, 2, 0, 3, 4, 0};
  for (size_t i = 0; i < G_N_ELEMENTS(images); i++) {
    const Shape *shape = &images[i].shape;
    Subject *s = subject_new(make_program(shape, 7), make_program(shape, 7), dcn_kernels_get());
    const DcnValue *in = subject_input(s);
    GRand *rand = g_rand_new_with_seed(7);
    /* The third and the fourth let small changes pass; without being told what was touched nothing is done by cells.  The
     * last one gives up where all changes. */
    DcnState *states[5];
    uint8_t *touched = g_malloc((size_t)in->n * in->h * in->w);
    for (int j = 0; j < 5; j++) {
      states[j] = dcn_state_new(s->net, NULL);
      dcn_state_set_adaptive(states[j], j == 4);
      dcn_state_set_tolerance(states[j], j < 2 || j == 4 ? 0 : 0.5);
    }
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
      float *frame = dcn_state_input(states[0]);
      if (k == 0 || kinds[k] == 5)
        change_frame(rand, in, CHANGE_ALL, 1, frame, touched);
      else
        change_cells(rand, in, images[i].cell_h, images[i].cell_w, kinds[k], frame, touched);
      DcnRunInfo info[5];
      for (int j = 1; j < 5; j++)
        memcpy(dcn_state_input(states[j]), frame, frame_bytes(in));
      for (int j = 0; j < 5; j++)
        dcn_state_run(states[j], j != 3 ? touched : NULL, DCN_MODE_DELTA, 1 + j % 2 * 2, &info[j]);
      g_assert_cmpuint(info[0].values_changed, ==, info[1].values_changed);
      if (kinds[k] == 5 && shape->kw == 17) /* tested late, all count as changed */
        g_assert_true(info[4].full);
      g_assert_cmpuint(info[2].values_changed, ==, info[3].values_changed);
      g_assert_cmpuint(info[2].values_changed, <=, info[0].values_changed);
      frame_elements(in, frame, s->values[s->program->input]);
      reference_run_ops(s->program, s->values);
      char *what = g_strdup_printf("image %zu, frame %zu", i, k);
      assert_values(s, states[0], 3e-5, what);
      assert_same(s, states[0], states[1], 0, what);
      assert_values(s, states[4], 3e-5, what);
      assert_same(s, states[2], states[3], 3e-5, what);
      g_free(what);
    }
    for (int j = 0; j < 5; j++)
      dcn_state_free(states[j]);
    g_free(touched);
    g_rand_free(rand);
    subject_free(s);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (const DcnKernels *const *k = dcn_kernels_all(); *k; k++) {
    char *path = g_strdup_printf("/net/first/%s", (*k)->isa);
    g_test_add_data_func(path, *k, test_shapes);
    g_free(path);
    path = g_strdup_printf("/net/first/alike/%s", (*k)->isa);
    g_test_add_data_func(path, *k, test_alike);
    g_free(path);
    path = g_strdup_printf("/net/first/polynomials/%s", (*k)->isa);
    g_test_add_data_func(path, *k, test_fewer_multiplies);
    g_free(path);
  }
  g_test_add_func("/net/first/threads", test_threads);
  g_test_add_func("/net/first/drift", test_drift);
  g_test_add_func("/net/first/cells", test_cells);
  g_test_add_func("/net/first/near", test_near);
  g_test_add_func("/net/first/cut-cells", test_cut_cells);
  g_test_add_func("/net/first/unreached", test_unreached);
  return g_test_run();
}
