/* Vectors back to a key picture, activations moved along them (source=motion), and histograms
 * (source=histogram). SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common.h"
#include "rivals/histogram.h"
#include "rivals/keyed.h"
#include "rivals/track.h"
#include "rivals/warp.h"
#include "scene.h"
#include <string.h>

#define SIZE 96
#define MBS  (SIZE / 16)

static const DcnPlacement whole = {.scale_x = 1, .scale_y = 1};

static DcnPicture *
picture(uint64_t epoch, uint32_t number, DcnPictureType type)
{
  DcnPicture *p = dcn_picture_new(epoch, number, type, SIZE, SIZE);
  g_atomic_int_set(&p->complete, 1);
  return p;
}

/* Macroblocks [from, to) come from ref + (x, y) pixels. */
static void
predict(DcnPicture *p, int from, int to, uint32_t ref, double x, double y)
{
  for (int i = from; i < to; i++) {
    DcnVector v = {.x = (uint16_t)(i % MBS * 16),
                   .y = (uint16_t)(i / MBS * 16),
                   .w = 16,
                   .h = 16,
                   .ref_number = ref,
                   .mv_x_qpel = (int16_t)(x * 4),
                   .mv_y_qpel = (int16_t)(y * 4)};
    g_array_append_val(p->vectors, v);
  }
}

/* Adds a picture and drops it. */
static gboolean
add(DcnTrack *track, DcnPicture *p)
{
  gboolean of_use = dcn_track_add(track, p);
  dcn_picture_unref(p);
  return of_use;
}

static void
assert_field(DcnTrack *track, int block_col, int block_row, double x, double y)
{
  DcnField *field = dcn_field_new(SIZE / 8, SIZE / 8);
  g_assert_true(dcn_track_to_key(track, &whole, field));
  int i = block_row * field->cols + block_col;
  g_assert_true(field->known[i]);
  g_assert_cmpfloat_with_epsilon(field->x[i], x, 1e-6);
  g_assert_cmpfloat_with_epsilon(field->y[i], y, 1e-6);
  g_assert_cmpfloat(field->width, ==, 8);
  dcn_field_free(field);
}

static gboolean
has_field(DcnTrack *track)
{
  DcnField *field = dcn_field_new(SIZE / 8, SIZE / 8);
  gboolean has = dcn_track_to_key(track, &whole, field);
  dcn_field_free(field);
  return has;
}

/* I0 B2 B3 P1 B5 P4 as shown, where everything moves by (2, 1) from one to the next. */
static void
test_chain(void)
{
  DcnTrack *track = dcn_track_new();
  DcnPicture *p;
  g_assert_true(add(track, picture(1, 0, DCN_PICTURE_I)));
  dcn_track_set_key(track);
  assert_field(track, 5, 5, 0, 0);
  p = picture(1, 2, DCN_PICTURE_B);
  predict(p, 0, MBS * MBS, 0, -2, -1);
  predict(p, 0, MBS * MBS, 1, 4, 2); /* not shown yet */
  g_assert_true(add(track, p));
  assert_field(track, 5, 5, -2, -1);
  p = picture(1, 3, DCN_PICTURE_B); /* the upper half only from what is not shown yet */
  predict(p, 0, MBS * MBS / 2, 1, 2, 1);
  predict(p, MBS * MBS / 2, MBS * MBS, 0, -4, -2);
  g_assert_true(add(track, p));
  assert_field(track, 3, 9, -4, -2);
  assert_field(track, 3, 1, -4, -2); /* as its neighbours */
  p = picture(1, 1, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 0, -6, -3);
  g_assert_true(add(track, p));
  assert_field(track, 5, 5, -6, -3);
  /* A key picture in the middle, and one that is no reference of those that follow. */
  p = picture(1, 5, DCN_PICTURE_B);
  predict(p, 0, MBS * MBS, 1, -2, -1);
  g_assert_true(add(track, p));
  dcn_track_set_key(track);
  assert_field(track, 5, 5, 0, 0);
  p = picture(1, 4, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 1, -4, -2);
  g_assert_true(add(track, p));
  assert_field(track, 5, 5, -2, -1);
  dcn_track_free(track);
}

/* Two parts that move apart: offsets are looked up where the block was. */
static void
test_follows_the_block(void)
{
  DcnTrack *track = dcn_track_new();
  DcnPicture *p;
  add(track, picture(1, 0, DCN_PICTURE_I));
  dcn_track_set_key(track);
  p = picture(1, 1, DCN_PICTURE_P); /* the upper half came from the left, the lower stood */
  predict(p, 0, MBS * MBS / 2, 0, -5, 0);
  predict(p, MBS * MBS / 2, MBS * MBS, 0, 0, 0);
  add(track, p);
  p = picture(1, 2, DCN_PICTURE_P); /* everything came from 48 lines up */
  predict(p, 0, MBS * MBS, 1, 0, -48);
  add(track, p);
  assert_field(track, 5, 11, -5, -48);
  p = picture(1, 3, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 2, 0, 48);
  add(track, p);
  assert_field(track, 5, 5, -5, 0);
  dcn_track_free(track);

  /* From the key picture on nothing but 48 lines lies between, whatever came before it. */
  track = dcn_track_new();
  add(track, picture(1, 0, DCN_PICTURE_I));
  p = picture(1, 1, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS / 2, 0, -5, 0);
  predict(p, MBS * MBS / 2, MBS * MBS, 0, 0, 0);
  add(track, p);
  dcn_track_set_key(track);
  p = picture(1, 2, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 1, 0, -48);
  add(track, p);
  assert_field(track, 5, 11, 0, -48);
  dcn_track_free(track);
}

static void
test_no_path(void)
{
  DcnTrack *track = dcn_track_new();
  DcnPicture *p;
  g_assert_false(add(track, picture(1, 7, DCN_PICTURE_P)) && has_field(track));
  p = picture(1, 8, DCN_PICTURE_P); /* its reference never came */
  predict(p, 0, MBS * MBS, 6, 0, 0);
  g_assert_false(add(track, p));
  p = picture(1, 9, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, DCN_NUMBER_NONE, 0, 0);
  g_assert_false(add(track, p));
  p = picture(1, 10, DCN_PICTURE_P);
  dcn_picture_set_unknown(p, "test");
  g_assert_false(add(track, p));
  p = picture(1, 11, DCN_PICTURE_I);
  g_atomic_int_set(&p->complete, 0);
  g_assert_false(add(track, p));
  g_assert_false(dcn_track_add(track, NULL));
  g_assert_false(has_field(track));

  g_assert_true(add(track, picture(1, 12, DCN_PICTURE_I)));
  g_assert_false(has_field(track)); /* no key picture */
  dcn_track_set_key(track);
  p = picture(1, 13, DCN_PICTURE_P); /* too little is predicted */
  predict(p, 0, 4, 12, 0, 0);
  g_assert_false(add(track, p));
  g_assert_false(has_field(track));
  p = picture(1, 14, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 12, 1, 0);
  g_assert_true(add(track, p));
  assert_field(track, 0, 0, 1, 0);
  g_assert_true(add(track, picture(1, 15, DCN_PICTURE_I))); /* another origin */
  g_assert_false(has_field(track));
  dcn_track_set_key(track);
  p = picture(2, 16, DCN_PICTURE_P); /* another epoch */
  predict(p, 0, MBS * MBS, 15, 1, 0);
  g_assert_false(add(track, p));
  g_assert_false(has_field(track));
  /* Another size, and vectors that lead far out of the picture. */
  p = dcn_picture_new(2, 17, DCN_PICTURE_I, SIZE / 2, SIZE / 2);
  g_atomic_int_set(&p->complete, 1);
  g_assert_true(add(track, p));
  dcn_track_set_key(track);
  p = dcn_picture_new(2, 18, DCN_PICTURE_P, SIZE / 2, SIZE / 2);
  g_atomic_int_set(&p->complete, 1);
  predict(p, 0, MBS * MBS, 17, -8000, 8000);
  g_assert_true(add(track, p));
  g_assert_false(has_field(track)); /* a field of another size */
  dcn_track_reset(track);
  g_assert_false(has_field(track));
  dcn_track_free(track);
}

/* The share of the picture that was coded since the key picture. */
static void
test_coded(void)
{
  DcnTrack *track = dcn_track_new();
  add(track, picture(1, 0, DCN_PICTURE_I));
  dcn_track_set_key(track);
  g_assert_cmpfloat(dcn_track_coded_since_key(track), ==, 0);
  for (uint32_t n = 1; n < 4; n++) {
    DcnPicture *p = picture(1, n, DCN_PICTURE_P);
    predict(p, 0, MBS * MBS, n - 1, 0, 0);
    p->mb_flags[0] = DCN_MB_CODED; /* the same every time */
    p->mb_flags[n] = DCN_MB_INTRA;
    p->mb_flags[10] = DCN_MB_SKIPPED;
    add(track, p);
    g_assert_cmpfloat_with_epsilon(dcn_track_coded_since_key(track), (n + 1.0) / (MBS * MBS), 1e-9);
  }
  dcn_track_free(track);
}

/* Fields of pictures are predicted from fields: their lines are two lines of the frame apart. */
static void
test_fields(void)
{
  DcnTrack *track = dcn_track_new();
  add(track, picture(1, 0, DCN_PICTURE_I));
  dcn_track_set_key(track);
  DcnPicture *p = picture(1, 1, DCN_PICTURE_P);
  predict(p, 0, MBS * MBS, 0, 2, 3);
  for (guint i = 0; i < p->vectors->len; i++) {
    DcnVector *v = &g_array_index(p->vectors, DcnVector, i);
    v->field = v->ref_field = 1 + i % 2;
  }
  add(track, p);
  assert_field(track, 4, 4, 2, 6);
  dcn_track_free(track);
}

/* Means over what activations see, in their own units. */
static void
test_pool(void)
{
  DcnField *field = dcn_field_new(4, 4); /* of 8 pixels: 32x32 */
  double sums[3 * 25];
  float x[4], y[4];
  field->width = field->height = 8;
  memset(field->known, 1, 16);
  for (int i = 0; i < 16; i++) {
    field->x[i] = i % 4 < 2 ? 4 : 8;
    field->y[i] = i < 8 ? -16 : 0;
  }
  /* 2x2 activations that see 16 pixels each, and 8 more on every side. */
  DcnSight quarter = {TRUE, 16, 16, 0, 0, 16, 16}, wide = {TRUE, 16, 16, -8, -8, 32, 32};
  dcn_field_pool(field, &quarter, 2, 2, sums, x, y);
  g_assert_cmpfloat_with_epsilon(x[0], 4 / 16.0, 1e-6);
  g_assert_cmpfloat_with_epsilon(x[1], 8 / 16.0, 1e-6);
  g_assert_cmpfloat_with_epsilon(y[0], -1, 1e-6);
  g_assert_cmpfloat_with_epsilon(y[3], 0, 1e-6);
  dcn_field_pool(field, &wide, 2, 2, sums, x, y);
  g_assert_cmpfloat_with_epsilon(x[0], (4 + 4 + 8) / 3.0 / 16, 1e-6);
  field->known[0] = field->known[1] = field->known[4] = field->known[5] = 0;
  dcn_field_pool(field, &quarter, 2, 2, sums, x, y);
  g_assert_cmpfloat(x[0], ==, 0);
  g_assert_cmpfloat_with_epsilon(x[1], 0.5, 1e-6);
  /* What sees less than a block has the block's. */
  DcnSight pixel = {TRUE, 1, 1, 21, 13, 1, 1};
  dcn_field_pool(field, &pixel, 1, 1, sums, x, y);
  g_assert_cmpfloat_with_epsilon(x[0], 8, 1e-6);
  g_assert_cmpfloat_with_epsilon(y[0], -16, 1e-6);
  dcn_field_free(field);
}

static void
test_warp(void)
{
  enum { W = 5, H = 4, C = 3, PITCH = 8 };
  float from[W * H * C], to[W * H * PITCH], x[W * H], y[W * H];
  DcnPixels out = {1, H, W, C, PITCH, to};
  GRand *rand = g_rand_new_with_seed(1);
  for (int i = 0; i < W * H * C; i++)
    from[i] = (float)g_rand_double(rand);
  g_rand_free(rand);
  static const struct {
    float x, y;
  } shifts[] = {{0, 0}, {2, 0}, {0, -1}, {-1, 2}, {0.5f, 0}, {0, 0.25f}, {0.5f, -0.5f}, {99, -99}};
  for (guint s = 0; s < G_N_ELEMENTS(shifts); s++) {
    for (int i = 0; i < W * H; i++) {
      x[i] = shifts[s].x;
      y[i] = shifts[s].y;
    }
    for (int i = 0; i < W * H * PITCH; i++)
      to[i] = 77;
    dcn_warp(from, x, y, &out);
    for (int p = 0; p < W * H; p++) {
      /* The definition: weights (1 - |d|) of all pixels less than one away. */
      double px = CLAMP(p % W + shifts[s].x, 0, W - 1), py = CLAMP(p / W + shifts[s].y, 0, H - 1);
      for (int c = 0; c < C; c++) {
        double sum = 0;
        for (int q = 0; q < W * H; q++)
          sum += MAX(0, 1 - ABS(px - q % W)) * MAX(0, 1 - ABS(py - q / W)) * from[q * C + c];
        g_assert_cmpfloat_with_epsilon(to[p * PITCH + c], sum, 1e-6);
        if (s == 0)
          g_assert_cmpfloat(to[p * PITCH + c], ==, from[p * C + c]);
      }
      for (int c = C; c < PITCH; c++) /* not ours */
        g_assert_cmpfloat(to[p * PITCH + c], ==, 77);
    }
  }
}

/* A camera that pans, with the codec's vectors or without: convolutions only on key frames, and their
 * activations where they belong. */
static void
test_keyed(gconstpointer data)
{
  gboolean with_codec = GPOINTER_TO_INT(data);
  Subject *s =
      subject_new(netgen_classifier(9, SIZE), netgen_classifier(9, SIZE), dcn_kernels_get());
  DcnState *state = dcn_state_new(s->net, NULL), *dense = dcn_state_new(s->net, NULL);
  DcnTensorSpec spec = scene_spec(SIZE, SIZE);
  DcnFrameInfo info = {.format = DCN_FORMAT_RGB, .width = SIZE, .height = SIZE, .pixel_stride = 3};
  DcnKeyed *keyed = dcn_keyed_new(s->net, &info, &spec);
  Scene *scene = scene_new(6, 200);
  uint8_t samples[SIZE * SIZE * 3];
  int entry = 6, value = s->program->ops[entry].output; /* the last image, of step 4 */
  uint64_t rest = 0;
  for (int i = entry + 1; i < s->program->n_ops; i++)
    rest += dcn_op_macs(s->program, &s->program->ops[i]);
  for (int frame = 0; frame < 9; frame++) {
    DcnRunInfo run = {0};
    const float *tensor = dcn_state_input(state);
    DcnPicture *p = picture(1, (uint32_t)frame, frame ? DCN_PICTURE_P : DCN_PICTURE_I);
    if (frame)
      predict(p, 0, MBS * MBS, (uint32_t)frame - 1, 4, 0);
    scene_look(scene, 40 + 4 * frame, 50, SIZE, SIZE, samples);
    scene_tensor(samples, &spec, dcn_state_input(state));
    scene_tensor(samples, &spec, dcn_state_input(dense));
    dcn_state_run(dense, NULL, DCN_MODE_DENSE, 1, NULL);
    DcnKeyedKind kind = dcn_keyed_begin(keyed, with_codec ? p : NULL, 4, 1);
    if (frame % 4 && !with_codec) {
      g_assert_cmpint(kind, ==, DCN_KEYED_SEARCH);
      kind = dcn_keyed_search(keyed, tensor, 1);
    }
    g_assert_cmpint(kind, ==, frame % 4 ? DCN_KEYED_WARP : DCN_KEYED_KEY);
    if (kind == DCN_KEYED_KEY) {
      g_assert_false(dcn_keyed_is_last_key(keyed, tensor));
      dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, &run);
      dcn_keyed_done(keyed, state, tensor);
      g_assert_cmpuint(run.macs, ==, dcn_net_macs(s->net));
    } else {
      dcn_state_run_known(state, dcn_keyed_compute, keyed, 1, &run);
      g_assert_cmpuint(run.macs, ==, rest);
      g_assert_cmpuint(rest, <, dcn_net_macs(s->net) / 4);
    }
    /* Pixels that see only what was there before, and no border. */
    DcnPixels ours, theirs;
    dcn_state_pixels(state, value, &ours);
    dcn_state_pixels(dense, value, &theirs);
    double worst = 0, size = 0;
    for (int y = 4; y < ours.h - 4; y++)
      for (int x = 4; x < ours.w - 8; x++)
        for (int c = 0; c < ours.c; c++) {
          float a = ours.pixels[(y * ours.w + x) * ours.pitch + c];
          float b = theirs.pixels[(y * ours.w + x) * theirs.pitch + c];
          worst = MAX(worst, ABS(a - b));
          size = MAX(size, ABS(b));
        }
    g_assert_cmpfloat(worst, <=, 1e-5 * size);
    dcn_picture_unref(p);
  }
  scene_free(scene);
  dcn_keyed_free(keyed);
  dcn_state_free(state);
  dcn_state_free(dense);
  subject_free(s);
}

/* A frame becomes a key frame where too much was coded anew. */
static void
test_adaptive(void)
{
  Subject *s =
      subject_new(netgen_classifier(9, SIZE), netgen_classifier(9, SIZE), dcn_kernels_get());
  DcnState *state = dcn_state_new(s->net, NULL);
  DcnTensorSpec spec = scene_spec(SIZE, SIZE);
  DcnFrameInfo info = {.format = DCN_FORMAT_RGB, .width = SIZE, .height = SIZE, .pixel_stride = 3};
  DcnKeyed *keyed = dcn_keyed_new(s->net, &info, &spec);
  for (uint32_t frame = 0; frame < 10; frame++) {
    DcnPicture *p = picture(1, frame, frame ? DCN_PICTURE_P : DCN_PICTURE_I);
    if (frame)
      predict(p, 0, MBS * MBS, frame - 1, 0, 0);
    for (uint32_t i = 0; i < 4 && frame; i++)
      p->mb_flags[4 * (frame % 8) + i] = DCN_MB_CODED;
    DcnKeyedKind kind = dcn_keyed_begin(keyed, p, 100, 0.3);
    /* A ninth more each time: after the third it is a third. */
    g_assert_cmpint(kind, ==, frame % 3 ? DCN_KEYED_SAME : DCN_KEYED_KEY);
    if (kind == DCN_KEYED_KEY)
      dcn_keyed_done(keyed, state, dcn_state_input(state));
    dcn_picture_unref(p);
  }
  dcn_keyed_free(keyed);
  dcn_state_free(state);
  subject_free(s);
}

static void
grey(uint8_t *samples, int w, int h)
{
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      samples[y * w + x] = (uint8_t)(x * 3 + y * 5);
}

/* 64x48 in 2x2 cells of 32x24. */
static void
test_histogram(void)
{
  enum { W = 64, H = 48 };
  uint8_t samples[W * H], changed[8 * 6];
  DcnFrameInfo info = {.format = DCN_FORMAT_GRAY8, .width = W, .height = H};
  DcnFrame frame = {{samples}, {W}};
  DcnHistogram *h = dcn_histogram_new(&info, 2);
  grey(samples, W, H);
  g_assert_cmpint(dcn_histogram_update(h, &frame, 0.005, 10, changed), ==, 48);
  g_assert_cmpint(dcn_histogram_update(h, &frame, 0.005, 10, changed), ==, 0);
  /* What the histogram keeps is not seen: two halves of a cell change places. */
  for (int y = 0; y < 12; y++)
    for (int x = 0; x < 32; x++) {
      uint8_t keep = samples[y * W + x];
      samples[y * W + x] = samples[(y + 12) * W + x];
      samples[(y + 12) * W + x] = keep;
    }
  g_assert_cmpint(dcn_histogram_update(h, &frame, 0, 10, changed), ==, 0);
  /* Something bright in the lower right cell is, and nothing else is made anew. */
  for (int y = 30; y < 40; y++)
    memset(samples + y * W + 40, 250, 10);
  g_assert_cmpint(dcn_histogram_update(h, &frame, 0.005, 10, changed), ==, 12);
  for (int i = 0; i < 48; i++)
    g_assert_cmpint(changed[i], ==, i % 8 >= 4 && i / 8 >= 3);
  g_assert_cmpint(dcn_histogram_update(h, &frame, 0.005, 10, changed), ==, 0);
  dcn_histogram_free(h);
}

/* Chi-square by hand: a quarter of the samples moves from one bin to an empty one: 1/16 / (1 + 3/4) +
 * 1/4 = 2/7. */
static void
test_distance(void)
{
  uint8_t samples[64], changed[1];
  DcnFrameInfo info = {.format = DCN_FORMAT_GRAY8, .width = 8, .height = 8};
  DcnFrame frame = {{samples}, {8}};
  for (int above = 0; above < 2; above++) {
    DcnHistogram *h = dcn_histogram_new(&info, 8);
    memset(samples, 10, sizeof samples);
    dcn_histogram_update(h, &frame, 0, 10, changed);
    memset(samples, 200, 16);
    g_assert_cmpint(dcn_histogram_update(h, &frame, 2 / 7.0 + (above ? 1e-9 : -1e-9), 10, changed),
                    ==, !above);
    dcn_histogram_free(h);
  }
}

/* Against the frame that the results were made of, not the last one; and only for so many frames. */
static void
test_histogram_drift(void)
{
  uint8_t samples[64 * 48], changed[8 * 6];
  DcnFrameInfo info = {.format = DCN_FORMAT_GRAY8, .width = 64, .height = 48};
  DcnFrame frame = {{samples}, {64}};
  DcnHistogram *h = dcn_histogram_new(&info, 1);
  int changes = 0;
  for (int i = 0; i < 10; i++) { /* ever more of it is white, a little at a time */
    memset(samples, 0, sizeof samples);
    memset(samples, 255, (size_t)i * 40);
    changes += dcn_histogram_update(h, &frame, 0.03, 1000, changed) > 0;
  }
  g_assert_cmpint(changes, >, 1);
  g_assert_cmpint(changes, <, 10);
  dcn_histogram_reset(h);
  for (int i = 0; i < 13; i++)
    g_assert_cmpint(dcn_histogram_update(h, &frame, 0.03, 4, changed), ==, i % 4 ? 0 : 48);
  dcn_histogram_free(h);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/rivals/track/chain", test_chain);
  g_test_add_func("/rivals/track/follows-the-block", test_follows_the_block);
  g_test_add_func("/rivals/track/no-path", test_no_path);
  g_test_add_func("/rivals/track/coded", test_coded);
  g_test_add_func("/rivals/track/fields", test_fields);
  g_test_add_func("/rivals/motion/pool", test_pool);
  g_test_add_func("/rivals/motion/warp", test_warp);
  g_test_add_data_func("/rivals/motion/codec", GINT_TO_POINTER(1), test_keyed);
  g_test_add_data_func("/rivals/motion/search", GINT_TO_POINTER(0), test_keyed);
  g_test_add_func("/rivals/motion/adaptive", test_adaptive);
  g_test_add_func("/rivals/histogram/cells", test_histogram);
  g_test_add_func("/rivals/histogram/distance", test_distance);
  g_test_add_func("/rivals/histogram/drift", test_histogram_drift);
  return g_test_run();
}
