/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which blocks of a frame changed: the decision alone, with pictures and samples
 * made here.  What must hold is always the same: a block that is called unchanged
 * has the samples it had in the frame that was decided on before.
 */
#include "common.h"
#include <string.h>
#include "changes.h"
#include "step.h"
#include "coding/picture.h"

#define W 48
#define H 40
#define COLS 6
#define ROWS 5
#define BLOCKS (COLS * ROWS)

typedef struct
{
  DcnFrameInfo info;
  GstDeltaCnnChanges *changes;
  guint8 gray[W * H];
  DcnFrame samples;
  GstDeltaCnnInput input;
  GstDeltaCnnDecision decision;
} Fixture;

static void
setup (Fixture * f, gconstpointer data)
{
  DcnFrameInfo info = { 0 };

  info.format = DCN_FORMAT_GRAY8;
  info.width = W;
  info.height = H;
  info.kr = 0.299;
  info.kb = 0.114;
  memset (f, 0, sizeof *f);
  f->info = info;
  memset (f->gray, 100, sizeof f->gray);
  f->samples.plane[0] = f->gray;
  f->samples.stride[0] = W;
  f->input.samples = &f->samples;
  f->input.untouched = TRUE;
  f->changes = gst_delta_cnn_changes_new (&info, FALSE);
}

static void
teardown (Fixture * f, gconstpointer data)
{
  gst_delta_cnn_changes_free (f->changes);
}

/* A picture whose blocks were born as the list says, the rest in it. */
static GstDeltaPicture *
picture (guint64 epoch, guint32 number, DcnPictureType type,
    const guint32 born[BLOCKS])
{
  DcnPicture *p = dcn_picture_new (epoch, number, type, W, H);

  if (born)
    memcpy (p->born, born, BLOCKS * sizeof (guint32));
  p->complete = TRUE;
  return p;
}

static void
decide (Fixture * f, GstDeltaCnnSource source, GstDeltaPicture * p)
{
  f->input.picture = p;
  gst_delta_cnn_changes_decide (f->changes, source, FALSE, &f->input,
      &f->decision);
}

static void
assert_everything (Fixture * f)
{
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_NONE);
  g_assert_null (f->decision.blocks);
  g_assert_cmpuint (f->decision.n_changed, ==, BLOCKS);
}

/* Exactly one block changed. */
static void
assert_only (Fixture * f, GstDeltaCnnUsed used, guint block)
{
  guint i;

  g_assert_cmpint (f->decision.used, ==, used);
  g_assert_cmpuint (f->decision.n_changed, ==, 1);
  for (i = 0; i < BLOCKS; i++)
    g_assert_cmpint (f->decision.blocks[i], ==, i == block);
}

static void
change_sample (Fixture * f, guint block)
{
  f->gray[(block / COLS * 8 + 3) * W + block % COLS * 8 + 5] ^= 0x40;
}

static const guint32 all_from_0[BLOCKS];

static void
test_codec (Fixture * f, gconstpointer data)
{
  guint32 born[BLOCKS] = { 0 };
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p1, *p2;

  born[7] = 1;
  p1 = picture (1, 1, DCN_PICTURE_P, born);
  /* 2 inherits all of 1: against 1 nothing changed, against 0 block 7 did. */
  p2 = picture (1, 2, DCN_PICTURE_P, born);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  assert_everything (f);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p1);
  assert_only (f, GST_DELTA_CNN_USED_CODEC, 7);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p2);
  g_assert_cmpuint (f->decision.n_changed, ==, 0);
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  /* And back: frames may come in any order. */
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  assert_only (f, GST_DELTA_CNN_USED_CODEC, 7);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
  gst_delta_picture_unref (p2);
}

/* A frame in between was dropped: what changed in it must not be lost. */
static void
test_dropped (Fixture * f, gconstpointer data)
{
  guint32 born2[BLOCKS] = { 0 };
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p2;


  born2[3] = 1;
  born2[20] = 2;
  p2 = picture (1, 2, DCN_PICTURE_P, born2);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p0);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p2);
  g_assert_cmpuint (f->decision.n_changed, ==, 2);
  g_assert_cmpint (f->decision.blocks[3], ==, 1);
  g_assert_cmpint (f->decision.blocks[20], ==, 1);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p2);
}

/* Each reason not to believe the picture of the second frame: with source=codec
 * everything changed, with source=auto samples are compared once there is a copy,
 * and the picture does not become a reference. */
typedef struct
{
  const gchar *name;
  void (*spoil) (Fixture * f, DcnPicture * p);
} Spoiler;

static void
spoil_missing (Fixture * f, DcnPicture * p)
{
  f->input.picture = NULL;
}

static void
spoil_corrupted (Fixture * f, DcnPicture * p)
{
  f->input.corrupted = TRUE;
}

static void
spoil_cropped (Fixture * f, DcnPicture * p)
{
  f->input.cropped = TRUE;
}

static void
spoil_misplaced (Fixture * f, DcnPicture * p)
{
  f->input.misplaced = TRUE;
}

static void
spoil_incomplete (Fixture * f, DcnPicture * p)
{
  p->complete = FALSE;
}

static void
spoil_unknown (Fixture * f, DcnPicture * p)
{
  dcn_picture_set_unknown (p, "for the test");
}

static void
spoil_size (Fixture * f, DcnPicture * p)
{
  p->crop_width = W - 2;
}

static void
spoil_crop_outside (Fixture * f, DcnPicture * p)
{
  p->crop_x = 2;
}

static void
spoil_crop_odd (Fixture * f, DcnPicture * p)
{
  p->crop_x = 1;
}

static const Spoiler spoilers[] = {
  {"missing", spoil_missing},
  {"corrupted", spoil_corrupted},
  {"cropped", spoil_cropped},
  {"misplaced", spoil_misplaced},
  {"incomplete", spoil_incomplete},
  {"unknown", spoil_unknown},
  {"other-size", spoil_size},
  {"crop-outside", spoil_crop_outside},
  {"crop-odd", spoil_crop_odd},
};

static void
test_spoiled (Fixture * f, gconstpointer data)
{
  const Spoiler *spoiler = data;
  gint source;

  for (source = GST_DELTA_CNN_SOURCE_AUTO; source <= GST_DELTA_CNN_SOURCE_CODEC;
      source++) {
    GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
    GstDeltaPicture *p1 = picture (1, 1, DCN_PICTURE_P, all_from_0);
    GstDeltaPicture *p2 = picture (1, 2, DCN_PICTURE_P, all_from_0);

    gst_delta_cnn_changes_reset (f->changes);
    decide (f, source, p0);
    f->input.picture = p1;
    spoiler->spoil (f, p1);
    gst_delta_cnn_changes_decide (f->changes, source, FALSE, &f->input,
        &f->decision);
    assert_everything (f);
    g_assert_nonnull (f->decision.reason);
    g_assert_null (gst_delta_cnn_changes_sample (f->changes));

    f->input.corrupted = f->input.cropped = f->input.discont = FALSE;
    f->input.misplaced = FALSE;
    /* The decoder conceals: frame 2 differs although its picture says that it
     * is all of 0. */
    change_sample (f, 11);
    decide (f, source, p2);
    if (source == GST_DELTA_CNN_SOURCE_AUTO)
      assert_only (f, GST_DELTA_CNN_USED_PIXEL, 11);
    else
      assert_everything (f);
    gst_delta_picture_unref (p0);
    gst_delta_picture_unref (p1);
    gst_delta_picture_unref (p2);
  }
}

static gint
tell_block (gpointer context, guint8 * blocks)
{
  memset (blocks, 0, BLOCKS);
  blocks[GPOINTER_TO_INT (context)] = 1;
  return 1;
}

/* Where tensors are compared the decision is left open until the frame's is there, also
 * that of the frame after one whose changes the codec told. */
static void
test_by_tensor (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p1 = picture (1, 1, DCN_PICTURE_P, all_from_0);
  gint i;

  gst_delta_cnn_changes_free (f->changes);
  f->changes = gst_delta_cnn_changes_new (&f->info, TRUE);
  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  assert_everything (f);
  g_assert_false (f->decision.open);
  for (i = 5; i < 8; i++) {
    decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
    g_assert_true (f->decision.open);
    g_assert_null (f->decision.blocks);
    g_assert_cmpuint (f->decision.n_changed, ==, BLOCKS);
    gst_delta_cnn_changes_settle (f->changes, tell_block, GINT_TO_POINTER (i),
        &f->decision);
    g_assert_false (f->decision.open);
    assert_only (f, GST_DELTA_CNN_USED_PIXEL, i);
  }
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p1);
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  g_assert_cmpuint (f->decision.n_changed, ==, 0);
  gst_delta_cnn_changes_settle (f->changes, tell_block, GINT_TO_POINTER (3),
      &f->decision);
  g_assert_cmpuint (f->decision.n_changed, ==, 0);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, NULL);
  g_assert_true (f->decision.open);
  gst_delta_cnn_changes_reset (f->changes);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, NULL);
  assert_everything (f);
  g_assert_false (f->decision.open);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
}

static void
test_epoch (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *q0 = picture (2, 0, DCN_PICTURE_I, NULL);

  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p0);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, q0);
  assert_everything (f);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (q0);
}

static void
test_pixel (Fixture * f, gconstpointer data)
{
  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  assert_everything (f);
  change_sample (f, 29);
  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  assert_only (f, GST_DELTA_CNN_USED_PIXEL, 29);
  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  g_assert_cmpuint (f->decision.n_changed, ==, 0);
}

/* With source=auto and an element that may draw behind the decoder. */
static void
test_touched (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p1 = picture (1, 1, DCN_PICTURE_P, all_from_0);

  f->input.untouched = FALSE;
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  change_sample (f, 2);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p1);
  assert_only (f, GST_DELTA_CNN_USED_PIXEL, 2);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
}

/* The copy of samples is of the frame before last when the codec spoke in
 * between: it must not be compared with. */
static void
test_stale_copy (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p1 = picture (1, 1, DCN_PICTURE_P, NULL);

  decide (f, GST_DELTA_CNN_SOURCE_AUTO, NULL);  /* copy */
  change_sample (f, 4);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  assert_only (f, GST_DELTA_CNN_USED_PIXEL, 4);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p1);    /* by codec: everything */
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  /* As in the first frame again.  The copy would say that block 4 changed at
   * most; in truth nothing is known. */
  change_sample (f, 4);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, NULL);
  assert_everything (f);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
}

/* A dense frame in between is what the caches stand for afterwards. */
static void
test_dense_between (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  guint32 born[BLOCKS] = { 0 };
  GstDeltaPicture *p1, *p2;

  born[9] = 1;
  p1 = picture (1, 1, DCN_PICTURE_P, born);
  p2 = picture (1, 2, DCN_PICTURE_P, all_from_0);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p0);
  f->input.picture = p1;
  gst_delta_cnn_changes_decide (f->changes, GST_DELTA_CNN_SOURCE_AUTO, TRUE,
      &f->input, &f->decision);
  assert_everything (f);
  decide (f, GST_DELTA_CNN_SOURCE_AUTO, p2);
  assert_only (f, GST_DELTA_CNN_USED_CODEC, 9);

  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  change_sample (f, 1);
  gst_delta_cnn_changes_decide (f->changes, GST_DELTA_CNN_SOURCE_PIXEL, TRUE,
      &f->input, &f->decision);
  change_sample (f, 1);
  decide (f, GST_DELTA_CNN_SOURCE_PIXEL, NULL);
  assert_everything (f);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
  gst_delta_picture_unref (p2);
}

/* A picture that is cropped at its upper left corner, and one of which only the block in the
 * second row and third column is not taken from it. */
static void
cropped_pair (DcnPicture * p[2], gint x, gint y)
{
  gint i;

  for (i = 0; i < 2; i++) {
    p[i] = dcn_picture_new (1, i, DCN_PICTURE_P, W + 16, H + 16);
    p[i]->crop_x = x;
    p[i]->crop_y = y;
    p[i]->crop_width = W;
    p[i]->crop_height = H;
    p[i]->complete = TRUE;
  }
  memset (p[1]->born, 0, p[1]->cols * p[1]->rows * sizeof (guint32));
  p[1]->born[1 * p[1]->cols + 2] = 1;
}

/* A crop that does not begin on a block: a frame's block lies over several of the
 * picture's. */
static void
test_crop (Fixture * f, gconstpointer data)
{
  DcnPicture *p[2];

  cropped_pair (p, 4, 8);
  /* Luma 16..23 x 8..15 of the picture: 12..19 x 0..7 of the frame, so the
   * frame's blocks 1 and 2 of the first row. */
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[0]);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[1]);
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  g_assert_cmpuint (f->decision.n_changed, ==, 2);
  g_assert_cmpint (f->decision.blocks[1], ==, 1);
  g_assert_cmpint (f->decision.blocks[2], ==, 1);
  gst_delta_picture_unref (p[0]);
  gst_delta_picture_unref (p[1]);
}

/* The same in the other direction alone; and crops by odd numbers, with which chroma is shared between blocks. */
static void
test_crop_lines (Fixture * f, gconstpointer data)
{
  static const gint odd[][2] = { {1, 0}, {0, 1}, {5, 4}, {4, 7} };
  DcnPicture *p[2];
  guint i;

  cropped_pair (p, 8, 4);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[0]);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[1]);
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  g_assert_cmpuint (f->decision.n_changed, ==, 2);
  g_assert_cmpint (f->decision.blocks[1], ==, 1);
  g_assert_cmpint (f->decision.blocks[COLS + 1], ==, 1);
  gst_delta_picture_unref (p[0]);
  gst_delta_picture_unref (p[1]);
  for (i = 0; i < G_N_ELEMENTS (odd); i++) {
    gst_delta_cnn_changes_reset (f->changes);
    cropped_pair (p, odd[i][0], odd[i][1]);
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[0]);
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p[1]);
    assert_everything (f);
    gst_delta_picture_unref (p[0]);
    gst_delta_picture_unref (p[1]);
  }
}

static void
assert_sampled (Fixture * f, gboolean whole)
{
  const guint8 *sample = gst_delta_cnn_changes_sample (f->changes);
  guint i, n = 0;

  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  for (i = 0; sample && i < BLOCKS; i++)
    n += sample[i];
  if (whole)
    g_assert_cmpuint (n, ==, BLOCKS - f->decision.n_changed);
  else
    g_assert_cmpuint (n, <, BLOCKS - f->decision.n_changed);
}

/* Pictures 0 to `until`, which all inherit everything from 0: past the frames that
 * are checked whole anyway. */
static void
go_on (Fixture * f, guint32 until)
{
  guint32 number;

  for (number = 0; number <= until; number++) {
    GstDeltaPicture *p = picture (1, number, DCN_PICTURE_P, all_from_0);

    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
    gst_delta_cnn_changes_sample (f->changes);
    gst_delta_picture_unref (p);
  }
}

/* After frames were lost behind the extractor, every claim is checked up to the
 * next I picture: the decoder may have predicted from other pictures. */
static void
test_discont (Fixture * f, gconstpointer data)
{
  guint32 number;

  go_on (f, 19);
  for (number = 20; number < 30; number++) {
    GstDeltaPicture *p = picture (1, number, number == 25 ? DCN_PICTURE_I
        : DCN_PICTURE_P, all_from_0);

    f->input.discont = number == 22;
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
    assert_sampled (f, number >= 22 && number <= 25);
    gst_delta_picture_unref (p);
  }
}

/* The same where the frame that tells of the loss has no picture. */
static void
test_discont_without_picture (Fixture * f, gconstpointer data)
{
  guint32 number;
  gint lost;

  for (lost = 0; lost < 2; lost++) {
    gst_delta_cnn_changes_reset (f->changes);
    go_on (f, 19);
    f->input.discont = lost;
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, NULL);
    assert_everything (f);
    f->input.discont = FALSE;
    for (number = 21; number < 30; number++) {
      GstDeltaPicture *p = picture (1, number, number == 25 ? DCN_PICTURE_I
          : DCN_PICTURE_P, all_from_0);

      decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
      if (number == 21)
        assert_everything (f);
      else
        assert_sampled (f, lost && number <= 25);
      gst_delta_picture_unref (p);
    }
  }
}

/* A B picture whose forward reference never came. */
static void
test_lost_reference (Fixture * f, gconstpointer data)
{
  gint lost;

  for (lost = 0; lost < 2; lost++) {
    GstDeltaPicture *p = picture (1, 20, DCN_PICTURE_B, all_from_0);
    DcnVector v = { 0 };

    gst_delta_cnn_changes_reset (f->changes);
    go_on (f, 18);
    v.ref_number = lost ? 19 : 18;
    g_array_append_val (p->vectors, v);
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
    assert_sampled (f, lost);
    gst_delta_picture_unref (p);
    /* And what the next picture has in common with it is as doubtful. */
    p = picture (1, 21, DCN_PICTURE_P, all_from_0);
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
    assert_sampled (f, lost);
    gst_delta_picture_unref (p);
    p = picture (1, 22, DCN_PICTURE_P, all_from_0);
    decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
    assert_sampled (f, FALSE);
    gst_delta_picture_unref (p);
  }
}

/* H.264: once a reference that is shown earlier never came, every claim is checked
 * up to the next epoch, I pictures or not; one too old to be remembered did come. */
static void
test_lost_past (Fixture * f, gconstpointer data)
{
  guint32 number;
  gint lost;

  for (lost = 0; lost < 2; lost++) {
    gst_delta_cnn_changes_reset (f->changes);
    go_on (f, 98);
    for (number = 100; number < 110; number++) {
      GstDeltaPicture *p = picture (1, number, number == 105 ? DCN_PICTURE_I
          : DCN_PICTURE_P, all_from_0);

      p->n_past = number == 105 ? 0 : 2;
      p->past[0] = number == 103 ? (lost ? 99 : 98) : number == 100 ? 98 :
          number - 1;
      p->past[1] = 3;
      decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
      assert_sampled (f, lost && number >= 103);
      gst_delta_picture_unref (p);
    }
    for (number = 0; number < 3; number++) {
      GstDeltaPicture *p = picture (2, number, DCN_PICTURE_P, all_from_0);

      p->n_past = number > 0;
      p->past[0] = number - 1;
      decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
      if (number)
        assert_sampled (f, FALSE);
      else
        assert_everything (f);
      gst_delta_picture_unref (p);
    }
  }
}

/* A claim that does not hold where pictures were lost is no reason never to believe
 * the codec again. */
static void
test_refuted_after_loss (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p20 = picture (1, 20, DCN_PICTURE_P, all_from_0);
  GstDeltaPicture *p21 = picture (1, 21, DCN_PICTURE_P, all_from_0);
  GstDeltaPicture *p22 = picture (1, 22, DCN_PICTURE_P, all_from_0);

  go_on (f, 19);
  f->input.discont = TRUE;
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p20);
  g_assert_false (gst_delta_cnn_changes_refute (f->changes, &f->samples));
  f->input.discont = FALSE;
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p21);
  assert_everything (f);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p22);
  assert_sampled (f, TRUE);
  gst_delta_picture_unref (p20);
  gst_delta_picture_unref (p21);
  gst_delta_picture_unref (p22);
}

typedef struct
{
  GstDeltaCnnSource source;
  guint frames;                 /* within which every claim is looked at */
} Sampling;

static const Sampling as_told = { GST_DELTA_CNN_SOURCE_CODEC, 32 };
static const Sampling as_seen = { GST_DELTA_CNN_SOURCE_AUTO, 256 };

/* Every claim is looked at in the first frames, and within 32 frames later on where the
 * user vouches for them, 256 where nothing stands behind the decoder; blocks that changed
 * are not. */
static void
test_sample (Fixture * f, gconstpointer data)
{
  const Sampling *sampling = data;
  guint32 born[BLOCKS] = { 0 };
  guint8 looked[BLOCKS] = { 0 };
  guint32 number;
  guint i, n, most = 0, with_sample = 0;

  for (number = 0; number < 8 + sampling->frames + 1; number++) {
    GstDeltaPicture *p;
    const guint8 *sample;

    born[13] = number;
    p = picture (1, number, DCN_PICTURE_P, born);
    decide (f, sampling->source, p);
    gst_delta_picture_unref (p);
    sample = gst_delta_cnn_changes_sample (f->changes);
    if (number == 0) {
      g_assert_null (sample);
      continue;
    }
    n = 0;
    for (i = 0; sample && i < BLOCKS; i++) {
      n += sample[i];
      if (number > 8)
        looked[i] |= sample[i];
    }
    if (sample)
      g_assert_cmpint (sample[13], ==, 0);
    if (number <= 8) {
      g_assert_cmpuint (n, ==, BLOCKS - 1);
    } else {
      most = MAX (most, n);
      with_sample += n > 0;
    }
  }
  for (i = 0; i < BLOCKS; i++)
    g_assert_cmpint (looked[i], ==, i != 13);
  /* A group is two rows of blocks, and looked at once. */
  g_assert_cmpuint (most, <=, 2 * COLS);
  g_assert_cmpuint (with_sample, ==, (ROWS + 1) / 2);
}

/* The same picture a second time: a repeated frame, or a meta that was left on a
 * buffer.  All of it is looked at. */
static void
test_sample_repeated (Fixture * f, gconstpointer data)
{
  guint32 number;
  gint again;

  for (number = 0; number < 20; number++) {
    GstDeltaPicture *p = picture (1, number, DCN_PICTURE_P, all_from_0);

    for (again = 0; again < (number == 19 ? 2 : 1); again++) {
      decide (f, GST_DELTA_CNN_SOURCE_CODEC, p);
      if (again) {
        const guint8 *sample = gst_delta_cnn_changes_sample (f->changes);
        guint i;

        g_assert_nonnull (sample);
        for (i = 0; i < BLOCKS; i++)
          g_assert_cmpint (sample[i], ==, 1);
      } else {
        gst_delta_cnn_changes_sample (f->changes);
      }
    }
    gst_delta_picture_unref (p);
  }
}

static void
test_refuted (Fixture * f, gconstpointer data)
{
  GstDeltaPicture *p0 = picture (1, 0, DCN_PICTURE_I, NULL);
  GstDeltaPicture *p1 = picture (1, 1, DCN_PICTURE_P, all_from_0);
  GstDeltaPicture *p2 = picture (1, 2, DCN_PICTURE_P, all_from_0);

  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p0);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p1);
  g_assert_true (gst_delta_cnn_changes_refute (f->changes, &f->samples));
  change_sample (f, 17);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p2);
  assert_only (f, GST_DELTA_CNN_USED_PIXEL, 17);
  /* A flush gives the stream a new chance. */
  gst_delta_cnn_changes_reset (f->changes);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p0);
  assert_everything (f);
  decide (f, GST_DELTA_CNN_SOURCE_CODEC, p1);
  g_assert_cmpint (f->decision.used, ==, GST_DELTA_CNN_USED_CODEC);
  gst_delta_picture_unref (p0);
  gst_delta_picture_unref (p1);
  gst_delta_picture_unref (p2);
}

/* Where decoders may place the third plane a line off: interlaced, chroma of an odd number of
 * lines, and nothing on the frame that says where its planes are. */
static void
test_misplaced (void)
{
  static const struct
  {
    GstVideoFormat format;
    gint height;
    gboolean interlaced, meta, misplaced;
  } cases[] = {
    {GST_VIDEO_FORMAT_I420, 66, TRUE, FALSE, TRUE},
    {GST_VIDEO_FORMAT_I420, 68, TRUE, FALSE, FALSE},
    {GST_VIDEO_FORMAT_I420, 66, FALSE, FALSE, FALSE},
    {GST_VIDEO_FORMAT_I420, 66, TRUE, TRUE, FALSE},
    {GST_VIDEO_FORMAT_Y42B, 66, TRUE, FALSE, FALSE},
    {GST_VIDEO_FORMAT_NV12, 66, TRUE, FALSE, FALSE},
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstDeltaCnnStepFrame frame;
    GstVideoInfo info;
    GstBuffer *buffer;

    gst_video_info_set_interlaced_format (&info, cases[i].format,
        cases[i].interlaced ? GST_VIDEO_INTERLACE_MODE_INTERLEAVED :
        GST_VIDEO_INTERLACE_MODE_PROGRESSIVE, 64, cases[i].height);
    buffer = gst_buffer_new_allocate (NULL, info.size, NULL);
    if (cases[i].meta)
      gst_buffer_add_video_meta (buffer, 0, cases[i].format, 64,
          cases[i].height);
    g_assert_true (gst_delta_cnn_step_map (&info, buffer, &frame));
    g_test_message ("case %u", i);
    g_assert_cmpint (frame.input.misplaced, ==, cases[i].misplaced);
    gst_delta_cnn_step_unmap (&frame);
    gst_buffer_unref (buffer);
  }
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
#define ADD(name, func) \
  g_test_add ("/changes/" name, Fixture, NULL, setup, func, teardown)
  ADD ("codec", test_codec);
  ADD ("dropped", test_dropped);
  ADD ("epoch", test_epoch);
  ADD ("pixel", test_pixel);
  ADD ("by-tensor", test_by_tensor);
  ADD ("touched", test_touched);
  ADD ("stale-copy", test_stale_copy);
  ADD ("dense-between", test_dense_between);
  ADD ("crop", test_crop);
  ADD ("crop-lines", test_crop_lines);
  ADD ("discont", test_discont);
  ADD ("discont-without-picture", test_discont_without_picture);
  ADD ("lost-reference", test_lost_reference);
  ADD ("lost-past", test_lost_past);
  ADD ("refuted-after-loss", test_refuted_after_loss);
  g_test_add ("/changes/sample-codec", Fixture, &as_told, setup, test_sample,
      teardown);
  g_test_add ("/changes/sample-auto", Fixture, &as_seen, setup, test_sample,
      teardown);
  ADD ("sample-repeated", test_sample_repeated);
  ADD ("refuted", test_refuted);
  g_test_add_func ("/changes/misplaced", test_misplaced);
  for (i = 0; i < G_N_ELEMENTS (spoilers); i++) {
    gchar *path = g_strdup_printf ("/changes/spoiled/%s", spoilers[i].name);

    g_test_add (path, Fixture, &spoilers[i], setup, test_spoiled, teardown);
    g_free (path);
  }
  return test_run ();
}
