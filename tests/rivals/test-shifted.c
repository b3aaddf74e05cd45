/* Finding movement, and reusing what moved (source=diamond).
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "rivals/diamond.h"
#include "rivals/geometry.h"
#include "rivals/shifted.h"
#include "scene.h"
#include <math.h>
#include <string.h>

#define SIZE 96

static DcnImage
image(const uint8_t *samples)
{
  return (DcnImage){SIZE, SIZE, 3, samples};
}

/* dB as defined: 10 log10(255^2 / mean squared error). */
static void
test_psnr(void)
{
  g_assert_true(isinf(dcn_psnr(0, 100)));
  g_assert_cmpfloat_with_epsilon(dcn_psnr(100, 100), 48.1308, 1e-4);
  g_assert_cmpfloat_with_epsilon(dcn_psnr((uint64_t)255 * 255 * 7, 7), 0, 1e-9);
  uint8_t a[SIZE * SIZE * 3] = {0}, b[SIZE * SIZE * 3] = {0};
  DcnImage now = image(a), then = image(b);
  DcnBlock block = {4, 5, 3, 2};
  a[(5 * SIZE + 4) * 3] = 10;
  b[(8 * SIZE + 6) * 3 + 2] = 7; /* last sample of the block at (0, 2) */
  g_assert_cmpuint(dcn_block_error(&now, &then, &block, (DcnOffset){0, 2}, DCN_BLOCK_OUTSIDE), ==,
                   149);
  g_assert_cmpuint(dcn_block_error(&now, &then, &block, (DcnOffset){0, 0}, DCN_BLOCK_OUTSIDE), ==,
                   100);
  g_assert_cmpuint(dcn_block_error(&now, &then, &block, (DcnOffset){-5, 0}, DCN_BLOCK_OUTSIDE), ==,
                   DCN_BLOCK_OUTSIDE);
  g_assert_cmpuint(
      dcn_block_error(&now, &then, &block, (DcnOffset){SIZE - 6, 0}, DCN_BLOCK_OUTSIDE), ==,
      DCN_BLOCK_OUTSIDE);
  g_assert_cmpuint(
      dcn_block_error(&now, &then, &block, (DcnOffset){SIZE - 7, SIZE - 7}, DCN_BLOCK_OUTSIDE), !=,
      DCN_BLOCK_OUTSIDE);
}

/* The camera moves by (x, y): that is where things were. */
static void
test_pan_is_found(void)
{
  static const DcnOffset pans[] = {{8, 0}, {0, -8}, {-16, 8}, {3, 5}, {0, 0}, {-1, 0}};
  Scene *scene = scene_new(1, 200);
  uint8_t before[SIZE * SIZE * 3], after[SIZE * SIZE * 3];
  for (guint i = 0; i < G_N_ELEMENTS(pans); i++) {
    DcnOffset pan = pans[i];
    DcnMatch *match = dcn_match_new(SIZE, SIZE, 10);
    scene_look(scene, 50, 50, SIZE, SIZE, before);
    scene_look(scene, 50 + pan.x, 50 + pan.y, SIZE, SIZE, after);
    DcnImage now = image(after), then = image(before);
    dcn_match_search(match, &now, &then, 40, FALSE);
    dcn_match_agree(match, &now, &then, 40);
    g_assert_cmpint(match->offset.x, ==, pan.x);
    g_assert_cmpint(match->offset.y, ==, pan.y);
    /* All that were in the picture before match, the others do not. */
    for (int b = 0; b < match->cols * match->rows; b++) {
      DcnBlock block = dcn_match_block(match, &now, b);
      gboolean seen = block.x + pan.x >= 0 && block.x + block.w + pan.x <= SIZE &&
                      block.y + pan.y >= 0 && block.y + block.h + pan.y <= SIZE;
      g_assert_cmpint(match->matched[b], ==, seen);
    }
    dcn_match_free(match);
  }
  scene_free(scene);
}

/* Half of the picture is another scene: the movement of the rest is found all the same. */
static void
test_pan_and_stranger(void)
{
  Scene *scene = scene_new(1, 200), *other = scene_new(2, 200);
  uint8_t before[SIZE * SIZE * 3], after[SIZE * SIZE * 3];
  DcnMatch *match = dcn_match_new(SIZE, SIZE, 10);
  scene_look(scene, 50, 50, SIZE, SIZE, before);
  scene_look(scene, 54, 50, SIZE, SIZE, after);
  scene_look(other, 50, 50, SIZE, SIZE / 2, after);
  DcnImage now = image(after), then = image(before);
  dcn_match_search(match, &now, &then, 40, FALSE);
  dcn_match_agree(match, &now, &then, 40);
  g_assert_cmpint(match->offset.x, ==, 4);
  g_assert_cmpint(match->offset.y, ==, 0);
  for (int b = 0; b < match->cols * 4; b++)
    g_assert_false(match->matched[b]);
  g_assert_cmpint(match->n_matched, >, match->cols * 4);
  dcn_match_free(match);
  scene_free(scene);
  scene_free(other);
}

/* Two parts that move apart: the larger one's movement is taken, not something between. */
static void
test_two_pans(void)
{
  Scene *scene = scene_new(1, 200);
  uint8_t before[SIZE * SIZE * 3], after[SIZE * SIZE * 3];
  DcnMatch *match = dcn_match_new(SIZE, SIZE, 8);
  scene_look(scene, 50, 50, SIZE, SIZE, before);
  scene_look(scene, 58, 50, SIZE, SIZE, after);
  scene_look(scene, 46, 46, SIZE, 40, after);
  DcnImage now = image(after), then = image(before);
  dcn_match_search(match, &now, &then, 40, FALSE);
  dcn_match_agree(match, &now, &then, 40);
  g_assert_cmpint(match->offset.x, ==, 8);
  g_assert_cmpint(match->offset.y, ==, 0);
  /* 7 rows of blocks, of 12 all but the last. */
  g_assert_cmpint(match->n_matched, ==, 7 * 11);
  g_assert_cmpint(match->n_found, >, match->n_matched);
  dcn_match_free(match);
  scene_free(scene);
}

typedef struct {
  Subject *subject;
  DcnState *state, *dense;
  DcnShifted *shifted;
  DcnTensorSpec spec;
  uint8_t *samples;
  DcnRunInfo info;
} Stream;

static Stream *
stream_new(void)
{
  Stream *s = g_new0(Stream, 1);
  s->subject =
      subject_new(netgen_classifier(7, SIZE), netgen_classifier(7, SIZE), dcn_kernels_get());
  s->state = dcn_state_new(s->subject->net, NULL);
  s->dense = dcn_state_new(s->subject->net, NULL);
  s->spec = scene_spec(SIZE, SIZE);
  s->shifted = dcn_shifted_new(s->subject->net, &s->spec);
  s->samples = g_malloc(SIZE * SIZE * 3);
  return s;
}

static void
stream_free(Stream *s)
{
  dcn_shifted_free(s->shifted);
  dcn_state_free(s->state);
  dcn_state_free(s->dense);
  subject_free(s->subject);
  g_free(s->samples);
  g_free(s);
}

static DcnShiftedKind
stream_frame(Stream *s, int interval)
{
  scene_tensor(s->samples, &s->spec, dcn_state_input(s->state));
  scene_tensor(s->samples, &s->spec, dcn_state_input(s->dense));
  dcn_state_run(s->dense, NULL, DCN_MODE_DENSE, 1, NULL);
  DcnShiftedKind kind = dcn_shifted_look(s->shifted, dcn_state_input(s->state), interval, 40);
  memset(&s->info, 0, sizeof s->info);
  if (kind == DCN_SHIFTED_SOME)
    dcn_state_run_known(s->state, dcn_shifted_compute, s->shifted, 1, &s->info);
  else if (kind == DCN_SHIFTED_FULL)
    dcn_state_run(s->state, NULL, DCN_MODE_DENSE, 1, &s->info);
  return kind;
}

/* Where all strides divide the movement, the network is that of a dense run, value by value: also
 * where the last frame's caches were moved there themselves. */
static void
test_reuse_is_dense(void)
{
  static const DcnOffset pans[] = {{8, 0}, {-4, 4}, {0, 12}, {0, -4}, {-8, -8}};
  Stream *s = stream_new();
  Scene *scene = scene_new(3, 200);
  int x = 50, y = 50;
  scene_look(scene, x, y, SIZE, SIZE, s->samples);
  g_assert_cmpint(stream_frame(s, 10), ==, DCN_SHIFTED_FULL);
  for (guint i = 0; i < G_N_ELEMENTS(pans); i++) {
    x += pans[i].x;
    y += pans[i].y;
    scene_look(scene, x, y, SIZE, SIZE, s->samples);
    g_assert_cmpint(stream_frame(s, 10), ==, DCN_SHIFTED_SOME);
    assert_same(s->subject, s->state, s->dense, 5e-5, "panned");
    g_assert_false(s->info.full);
    g_assert_cmpuint(s->info.macs, >, 0);
    g_assert_cmpuint(s->info.macs, <, s->info.macs_dense * 3 / 4);
  }
  scene_free(scene);
  stream_free(s);
}

/* The input moved by half a stride: the results do not fit quite, but are near, and a full frame is
 * exact again. */
static void
test_expiry(void)
{
  Stream *s = stream_new();
  Scene *scene = scene_new(4, 200);
  double worst = 0;
  for (int i = 0; i < 7; i++) {
    scene_look(scene, 50 + i, 50, SIZE, SIZE, s->samples);
    DcnShiftedKind kind = stream_frame(s, 3);
    g_assert_cmpint(kind, ==, i % 3 == 0 ? DCN_SHIFTED_FULL : DCN_SHIFTED_SOME);
    dcn_state_output(s->state, 0, s->subject->logical[0]);
    dcn_state_output(s->dense, 0, s->subject->logical[1]);
    double d = difference(s->subject->logical[0], s->subject->logical[1], 10);
    worst = MAX(worst, d);
    if (kind == DCN_SHIFTED_FULL)
      g_assert_cmpfloat(d, <, 1e-5);
  }
  g_test_message("off by up to %g", worst);
  g_assert_cmpfloat(worst, >, 1e-4); /* or this test is none */
  g_assert_cmpfloat(worst, <, 0.5);
  scene_free(scene);
  stream_free(s);
}

/* A still picture after a full frame is never computed again; after others, when they expire. */
static void
test_still(void)
{
  Stream *s = stream_new();
  Scene *scene = scene_new(5, 200);
  scene_look(scene, 50, 50, SIZE, SIZE, s->samples);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_FULL);
  for (int i = 0; i < 9; i++)
    g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_SAME);
  assert_same(s->subject, s->state, s->dense, 5e-5, "still");
  dcn_shifted_reset(s->shifted);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_FULL);
  scene_look(scene, 51, 50, SIZE, SIZE, s->samples);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_SOME);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_SAME);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_SAME);
  g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_FULL);
  for (int i = 0; i < 9; i++)
    g_assert_cmpint(stream_frame(s, 4), ==, DCN_SHIFTED_SAME);
  scene_free(scene);
  stream_free(s);
}

/* Which inputs an output sees, found by changing one input pixel at a time. */
static void
test_sights(void)
{
  int checked = 0;
  for (guint32 seed = 1; seed <= 25; seed++) {
    Subject *s = subject_new(netgen_random(seed, NETGEN_ALL, 8), netgen_random(seed, NETGEN_ALL, 8),
                             dcn_kernels_get());
    const DcnProgram *program = s->program;
    const DcnValue *in = subject_input(s);
    DcnSight *sights = g_new(DcnSight, program->n_values);
    GRand *rand = g_rand_new_with_seed(seed);
    dcn_sights(program, sights);
    size_t n = dcn_value_elements(in);
    for (size_t i = 0; i < n; i++)
      s->values[program->input][i] = (float)g_rand_double_range(rand, -1, 1);
    reference_run_ops(program, s->values);
    float **before = g_new(float *, program->n_values);
    for (int i = 0; i < program->n_values; i++)
      before[i] = g_memdup2(s->values[i], dcn_value_elements(&program->values[i]) * sizeof(float));
    for (int trial = 0; trial < 12 && in->n == 1; trial++) {
      int x = g_rand_int_range(rand, 0, in->w), y = g_rand_int_range(rand, 0, in->h);
      memcpy(s->values[program->input], before[program->input], n * sizeof(float));
      for (int c = 0; c < in->c; c++)
        s->values[program->input][(y * in->w + x) * in->c + c] += 3;
      reference_run_ops(program, s->values);
      for (int i = 0; i < program->n_values; i++) {
        const DcnValue *v = &program->values[i];
        const DcnSight *g = &sights[i];
        for (int p = 0; g->image && p < v->h * v->w; p++) {
          int dx = x - g->begin_x - p % v->w * g->step_x,
              dy = y - g->begin_y - p / v->w * g->step_y;
          gboolean sees = dx >= 0 && dx < g->size_x && dy >= 0 && dy < g->size_y;
          gboolean differs = memcmp(s->values[i] + p * v->c, before[i] + p * v->c,
                                    sizeof(float) * (size_t)v->c) != 0;
          g_assert_true(sees || !differs);
          checked += differs;
        }
      }
    }
    for (int i = 0; i < program->n_values; i++)
      g_free(before[i]);
    g_free(before);
    g_free(sights);
    g_rand_free(rand);
    subject_free(s);
  }
  g_assert_cmpint(checked, >, 1000);
}

/* The network can be entered before its fully connected layers, and nowhere where a path goes round. */
static void
test_last_image(void)
{
  DcnProgram *p = netgen_classifier(1, SIZE);
  DcnSight *sights = g_new(DcnSight, p->n_values);
  dcn_sights(p, sights);
  int entry = dcn_last_image(p, sights);
  g_assert_cmpint(entry, >=, 0);
  const DcnValue *v = &p->values[p->ops[entry].output];
  g_assert_cmpint(v->h, ==, SIZE / 4);
  g_assert_cmpint(v->c, ==, 96);
  /* 3x3 behind a 2x2 pool behind 3x3, 1x1, 3x3 behind a 3x3 of stride 2 */
  g_assert_cmpint(sights[p->ops[entry].output].step_x, ==, 4);
  g_assert_cmpint(sights[p->ops[entry].output].size_x, ==, 3 + 2 * 2 + 2 * 2 + 2 + 2 * 4);
  p->n_ops = entry; /* now the last image is the pool's */
  p->outputs[0] = p->ops[entry - 1].output;
  g_assert_cmpint(dcn_last_image(p, sights), ==, entry - 1);
  p->n_ops = entry + 3;
  /* The sum is entered whole: of its inputs neither alone will do. */
  sights[p->ops[entry].output].image = sights[p->ops[entry - 1].output].image = FALSE;
  p->outputs[0] = p->ops[entry + 2].output;
  g_assert_cmpint(p->ops[4].kind, ==, DCN_OP_BINARY);
  g_assert_cmpint(dcn_last_image(p, sights), ==, 4);
  sights[p->ops[4].output].image = FALSE;
  g_assert_cmpint(dcn_last_image(p, sights), ==, 2);
  dcn_program_free(p);
  g_free(sights);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rivals/diamond/psnr", test_psnr);
  g_test_add_func("/rivals/diamond/pan-is-found", test_pan_is_found);
  g_test_add_func("/rivals/diamond/pan-and-stranger", test_pan_and_stranger);
  g_test_add_func("/rivals/diamond/two-pans", test_two_pans);
  g_test_add_func("/rivals/diamond/reuse-is-dense", test_reuse_is_dense);
  g_test_add_func("/rivals/diamond/expiry", test_expiry);
  g_test_add_func("/rivals/diamond/still", test_still);
  g_test_add_func("/rivals/sights", test_sights);
  g_test_add_func("/rivals/last-image", test_last_image);
  return g_test_run();
}
