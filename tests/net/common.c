/* What the tests of the engine share.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include <math.h>
#include <string.h>

Subject *
subject_new(DcnProgram *program, DcnProgram *again, const DcnKernels *kernels)
{
  Subject *s = g_new0(Subject, 1);
  GError *error = NULL;
  size_t most = 0;
  s->program = program;
  s->net = dcn_net_new_with(again, kernels, DCN_WEIGHTS_FLOAT32, &error);
  g_assert_no_error(error);
  s->values = g_new0(float *, (size_t)program->n_values);
  for (int i = 0; i < program->n_values; i++) {
    size_t n = dcn_value_elements(&program->values[i]);
    s->values[i] = g_new0(float, n);
    most = MAX(most, n);
  }
  s->logical[0] = g_new0(float, most);
  s->logical[1] = g_new0(float, most);
  return s;
}

void
subject_free(Subject *s)
{
  for (int i = 0; i < s->program->n_values; i++)
    g_free(s->values[i]);
  g_free(s->values);
  g_free(s->logical[0]);
  g_free(s->logical[1]);
  dcn_program_free(s->program);
  dcn_net_unref(s->net);
  g_free(s);
}

const DcnValue *
subject_input(const Subject *s)
{
  return &s->program->values[s->program->input];
}

DcnState *
state_new(DcnNet *net)
{
  GError *error = NULL;
  DcnState *state = dcn_state_new(net, &error);
  g_assert_no_error(error);
  return state;
}

size_t
frame_bytes(const DcnValue *v)
{
  return sizeof(float) * v->n * v->h * v->w * dcn_channel_pitch(v->c);
}

void
frame_elements(const DcnValue *v, const float *frame, float *elements)
{
  for (int p = 0; p < v->n * v->h * v->w; p++)
    memcpy(elements + (size_t)p * v->c, frame + (size_t)p * dcn_channel_pitch(v->c),
           sizeof(float) * (size_t)v->c);
}

static void
change_pixel(GRand *rand, const DcnValue *v, int p, float amount, float *frame, uint8_t *touched)
{
  for (int c = 0; c < v->c; c++)
    if (g_rand_int_range(rand, 0, 4)) {
      float *x = frame + (size_t)p * dcn_channel_pitch(v->c) + c;
      *x = (float)(*x * (1 - amount) + amount * g_rand_double_range(rand, -1, 1));
    }
  touched[p] = 1;
}

void
change_frame(GRand *rand, const DcnValue *v, Change change, float amount, float *frame,
             uint8_t *touched)
{
  int pixels = v->n * v->h * v->w;
  memset(touched, 0, (size_t)pixels);
  switch (change) {
  case CHANGE_NONE:
    /* Touched without a change is a change to nothing. */
    touched[g_rand_int_range(rand, 0, pixels)] = 1;
    break;
  case CHANGE_PIXEL:
    change_pixel(rand, v, g_rand_int_range(rand, 0, pixels), amount, frame, touched);
    break;
  case CHANGE_BLOCK: {
    int n = g_rand_int_range(rand, 0, v->n), y0 = g_rand_int_range(rand, 0, v->h),
        x0 = g_rand_int_range(rand, 0, v->w);
    for (int y = y0; y < MIN(v->h, y0 + 4); y++)
      for (int x = x0; x < MIN(v->w, x0 + 4); x++)
        change_pixel(rand, v, (n * v->h + y) * v->w + x, amount, frame, touched);
    break;
  }
  case CHANGE_SCATTERED:
    for (int p = 0; p < pixels; p++)
      if (g_rand_int_range(rand, 0, 8) == 0)
        change_pixel(rand, v, p, amount, frame, touched);
    break;
  case CHANGE_NOISE:
    amount *= 0.02f; /* fall through */
  default:
    for (int p = 0; p < pixels; p++)
      change_pixel(rand, v, p, amount, frame, touched);
  }
}

double
difference(const float *a, const float *b, size_t count)
{
  double most = 0, scale = 0.05;
  for (size_t i = 0; i < count; i++) {
    double d = fabs((double)a[i] - b[i]);
    if (isnan(d))
      d = isnan(a[i]) == isnan(b[i]) && (isnan(a[i]) || a[i] == b[i]) ? 0 : INFINITY;
    most = fmax(most, d);
    if (isfinite(b[i]))
      scale = fmax(scale, fabs(b[i]));
  }
  return most / scale;
}

static void
assert_close(const Subject *s, int value, const float *a, const float *b, double bound,
             const char *what)
{
  const DcnValue *v = &s->program->values[value];
  double d = difference(a, b, dcn_value_elements(v));
  if (d > bound) {
    const char *op = "input";
    for (int i = 0; i < s->program->n_ops; i++)
      if (s->program->ops[i].output == value)
        op = g_strdup_printf("%s of kind %d", s->program->ops[i].name, s->program->ops[i].kind);
    g_error("%s: value %s (%d x %d x %d x %d), made by %s, is off by %g of its largest", what,
            v->name, v->n, v->h, v->w, v->c, op, d);
  }
}

void
assert_values(const Subject *s, const DcnState *state, double bound, const char *what)
{
  for (int i = 0; i < s->program->n_values; i++) {
    g_assert_true(dcn_state_value(state, i, s->logical[0]));
    reference_to_logical(&s->program->values[i], s->values[i], s->logical[1]);
    assert_close(s, i, s->logical[0], s->logical[1], bound, what);
  }
}

void
assert_same(Subject *s, const DcnState *a, const DcnState *b, double bound, const char *what)
{
  for (int i = 0; i < s->program->n_values; i++) {
    g_assert_true(dcn_state_value(a, i, s->logical[0]));
    g_assert_true(dcn_state_value(b, i, s->logical[1]));
    assert_close(s, i, s->logical[0], s->logical[1], bound, what);
  }
}
