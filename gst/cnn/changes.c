/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * changes: which blocks of a frame changed since the one the caches stand for
 */

#include "changes.h"
#include <string.h>
#include "coding/picture.h"
#include "frame/compare.h"

/* Frames that are checked whole after a reset.  Most of what stands between a
 * decoder and the element and draws (clocks, subtitles, logos that come up)
 * changes its drawing within a few frames, and is then found before anything was
 * reused wrongly. */
#define CHECKED_WHOLE 8
/* Later, one in so many groups of blocks is checked per frame ... */
#define CHECK_PERIOD 32
/* ... and where nothing that could change samples stands behind the decoder: then only
 * a pad probe or a faulty decoder could make a claim wrong. */
#define CHECK_PERIOD_UNTOUCHED 256
/* A group is so many blocks wide and high: single blocks would cost more, as a
 * pixel of the tensor usually covers several blocks, and long rows of pixels are
 * cheaper than short ones. */
#define CHECK_GROUP_WIDTH 16
#define CHECK_GROUP_HEIGHT 2
/* So many pictures are remembered as seen: more than lie between a picture and
 * the ones it refers to. */
#define SEEN_MAX 64

struct _GstDeltaCnnChanges
{
  DcnFrameInfo info;
  guint cols, rows;
  guint8 *blocks;               /* [rows * cols] of the last decision */
  guint8 *sample;               /* [rows * cols] */
  guint8 *coded;                /* of the picture's grid, n_coded long */
  gsize n_coded;

  /* What is known about the frame that the caches stand for. */
  GstDeltaPicture *picture;     /* owned, or NULL */
  gboolean picture_uncertain;   /* lost pictures may make its claims wrong */
  DcnFrameHistory *history;     /* copy of its samples; made on first use */
  gboolean history_valid;       /* the copy is of that very frame */
  gboolean by_tensor;           /* no copy: the tensor is compared */
  gboolean tensor_known;        /* it is that of the frame */

  /* Pictures that came lately, of one epoch. */
  guint64 epoch;                /* 0: none came yet */
  guint32 seen[SEEN_MAX];       /* numbers; a ring */
  guint n_seen;                 /* in all */
  gboolean lost;                /* frames were lost: until the next I picture (MPEG-2)
                                 * or epoch */

  /* About the last decision. */
  gboolean last_by_codec;       /* it came from pictures */
  gboolean last_untouched;      /* and they are the decoder's, as far as one can see */
  gboolean last_repeated;       /* its picture had come before */
  gboolean uncertain;           /* lost pictures may make its picture wrong */
  gboolean last_uncertain;      /* or the one that it was compared with */
  gboolean distrusted;
  guint checked;                /* frames by codec since reset, for sampling */
};

GstDeltaCnnChanges *
gst_delta_cnn_changes_new (const DcnFrameInfo * info, gboolean by_tensor)
{
  GstDeltaCnnChanges *changes = g_new0 (GstDeltaCnnChanges, 1);

  changes->info = *info;
  changes->by_tensor = by_tensor;
  changes->cols = (info->width + 7) / 8;
  changes->rows = (info->height + 7) / 8;
  changes->blocks = g_malloc0 ((gsize) changes->cols * changes->rows);
  changes->sample = g_malloc0 ((gsize) changes->cols * changes->rows);
  return changes;
}

void
gst_delta_cnn_changes_free (GstDeltaCnnChanges * changes)
{
  if (!changes)
    return;
  g_clear_pointer (&changes->picture, gst_delta_picture_unref);
  g_clear_pointer (&changes->history, dcn_frame_history_free);
  g_free (changes->blocks);
  g_free (changes->sample);
  g_free (changes->coded);
  g_free (changes);
}

gboolean
gst_delta_cnn_changes_fits (const GstDeltaCnnChanges * changes,
    const DcnFrameInfo * info)
{
  return memcmp (&changes->info, info, sizeof *info) == 0;
}

void
gst_delta_cnn_changes_get_grid (GstDeltaCnnChanges * changes, guint * cols,
    guint * rows)
{
  *cols = changes->cols;
  *rows = changes->rows;
}

static void
forget_copy (GstDeltaCnnChanges * changes)
{
  if (changes->history && changes->history_valid)
    dcn_frame_history_reset (changes->history);
  changes->history_valid = FALSE;
}

void
gst_delta_cnn_changes_reset (GstDeltaCnnChanges * changes)
{
  g_clear_pointer (&changes->picture, gst_delta_picture_unref);
  forget_copy (changes);
  changes->tensor_known = FALSE;
  changes->last_by_codec = FALSE;
  changes->distrusted = FALSE;
  changes->checked = 0;
  changes->epoch = 0;
  changes->n_seen = 0;
  changes->lost = FALSE;
  changes->picture_uncertain = FALSE;
}

static gboolean
was_seen (GstDeltaCnnChanges * changes, guint32 number)
{
  guint i, n = MIN (changes->n_seen, SEEN_MAX);

  for (i = 0; i < n; i++)
    if (changes->seen[i] == number)
      return TRUE;
  return FALSE;
}

/* MPEG-2: a B picture is shown after the picture that it predicts forward from.
 * Where that one never came, a reference picture was lost between extractor and
 * decoder, and the decoder predicts from another one than the picture says (its
 * forward reference is then the one before, ISO/IEC 13818-2 6.1.1.11).  P pictures
 * need no such check: whatever the decoder took the lost picture to be, the pictures
 * that are predicted from it in turn agree with each other about it. */
static gboolean
forward_reference_came (GstDeltaCnnChanges * changes, GstDeltaPicture * picture)
{
  guint i, n = gst_delta_picture_get_n_vectors (picture);
  GstDeltaVector vector;

  if (gst_delta_picture_get_picture_type (picture) != GST_DELTA_PICTURE_TYPE_B)
    return TRUE;
  for (i = 0; i < n; i++)
    if (gst_delta_picture_get_vector (picture, i, &vector)
        && vector.direction == 0)
      return was_seen (changes, vector.ref_number);
  return TRUE;
}

/* H.264: with several references pictures need not agree about what a lost one was,
 * one may copy from what the decoder made up, another from an older picture that
 * the lost one was a copy of.  So every reference that is shown earlier has to have
 * come; those too old to be remembered did. */
static gboolean
past_came (GstDeltaCnnChanges * changes, GstDeltaPicture * picture)
{
  guint32 oldest = 0;
  gint i;

  if (changes->n_seen > SEEN_MAX) {
    oldest = G_MAXUINT32;
    for (i = 0; i < SEEN_MAX; i++)
      oldest = MIN (oldest, changes->seen[i]);
  }
  for (i = 0; i < picture->n_past; i++)
    if (picture->past[i] >= oldest && !was_seen (changes, picture->past[i]))
      return FALSE;
  return TRUE;
}

/* Keeps account of the pictures that come, believed or not. */
static void
note_picture (GstDeltaCnnChanges * changes, const GstDeltaCnnInput * input)
{
  GstDeltaPicture *picture = input->picture;
  guint64 epoch;

  changes->last_repeated = FALSE;
  changes->uncertain = TRUE;
  if (!picture || !gst_delta_picture_is_complete (picture)) {
    changes->lost |= input->discont && changes->epoch;
    return;
  }
  epoch = gst_delta_picture_get_epoch (picture);
  if (epoch != changes->epoch) {
    changes->epoch = epoch;
    changes->n_seen = 0;
    changes->lost = FALSE;
  } else if (input->discont) {
    /* The extractor did not see this gap, or there would be a new epoch. */
    changes->lost = TRUE;
  }
  if (picture->n_past >= 0) {
    /* An I picture is no end to it: the next may refer beyond. */
    changes->lost |= !past_came (changes, picture);
  } else if (gst_delta_picture_get_picture_type (picture) ==
      GST_DELTA_PICTURE_TYPE_I) {
    changes->lost = FALSE;
  }
  changes->last_repeated = was_seen (changes,
      gst_delta_picture_get_number (picture));
  changes->uncertain = changes->lost || (picture->n_past < 0
      && !forward_reference_came (changes, picture));
}

static void
note_seen (GstDeltaCnnChanges * changes, GstDeltaPicture * picture)
{
  if (picture && gst_delta_picture_is_complete (picture))
    changes->seen[changes->n_seen++ % SEEN_MAX] =
        gst_delta_picture_get_number (picture);
}

/* Why the codec's word on this frame cannot be used, or NULL. */
static const gchar *
not_usable (GstDeltaCnnChanges * changes, GstDeltaCnnSource source,
    const GstDeltaCnnInput * input)
{
  guint x, y, width, height, coded_width, coded_height;

  if (source != GST_DELTA_CNN_SOURCE_AUTO
      && source != GST_DELTA_CNN_SOURCE_CODEC)
    return "another source is asked for";
  if (!input->picture)
    return "no coding meta on the frame";
  if (changes->distrusted)
    return "the coding metas were found not to fit the frames";
  if (source == GST_DELTA_CNN_SOURCE_AUTO && !input->untouched)
    return "an element that may change samples follows the decoder";
  if (input->corrupted)
    return "the decoder marked the frame as corrupted";
  if (input->cropped)
    return "the frame is cropped";
  if (input->misplaced)
    return "decoders may place the chroma of such a height a line off";
  if (!gst_delta_picture_is_complete (input->picture))
    return "the picture lacks its second field";
  if (!gst_delta_picture_is_known (input->picture))
    return "the picture was not understood";
  gst_delta_picture_get_crop (input->picture, &x, &y, &width, &height);
  gst_delta_picture_get_coded_size (input->picture, &coded_width,
      &coded_height);
  if (width != (guint) changes->info.width
      || height != (guint) changes->info.height)
    return "the frame does not have the size of the picture";
  if (x > coded_width || y > coded_height || width > coded_width - x
      || height > coded_height - y)
    return "the picture's crop lies outside of it";
  /* An odd crop would put chroma samples under other blocks than the picture's. */
  if ((x & 1) || (y & 1))
    return "the picture's crop is odd";
  return NULL;
}

/* From the picture's grid to the frame's: where the crop does not begin on a
 * block, a block of the frame lies over up to four of the picture. */
static guint
place_blocks (GstDeltaCnnChanges * changes, GstDeltaPicture * picture)
{
  guint x, y, width, height, cols, rows, bx, by, n = 0;
  const guint8 *blocks = changes->blocks;
  gsize i, n_blocks = (gsize) changes->cols * changes->rows;

  gst_delta_picture_get_crop (picture, &x, &y, &width, &height);
  gst_delta_picture_get_grid (picture, &cols, &rows);
  /* Mostly the two grids are one; only the picture's may have more at the end. */
  if (x % 8 == 0 && y % 8 == 0) {
    for (by = 0; by < changes->rows; by++) {
      const guint8 *from = changes->coded + (gsize) (y / 8 + by) * cols + x / 8;
      guint8 *to = changes->blocks + (gsize) by * changes->cols;

      memcpy (to, from, changes->cols);
    }
    for (i = 0; i < n_blocks; i++)
      n += blocks[i];
    return n;
  }
  for (by = 0; by < changes->rows; by++) {
    guint first_row = (y + by * 8) / 8;
    guint last_row = MIN ((y + by * 8 + 7) / 8, rows - 1);

    for (bx = 0; bx < changes->cols; bx++) {
      guint first_col = (x + bx * 8) / 8;
      guint last_col = MIN ((x + bx * 8 + 7) / 8, cols - 1);
      guint8 changed = 0;
      guint r, c;

      for (r = first_row; r <= last_row; r++)
        for (c = first_col; c <= last_col; c++)
          changed |= changes->coded[(gsize) r * cols + c];
      changes->blocks[(gsize) by * changes->cols + bx] = changed;
      n += changed;
    }
  }
  return n;
}

static gboolean
compare_pictures (GstDeltaCnnChanges * changes, GstDeltaPicture * picture,
    guint * n_changed)
{
  guint cols, rows;
  gsize n;

  if (!changes->picture)
    return FALSE;
  gst_delta_picture_get_grid (picture, &cols, &rows);
  n = (gsize) cols *rows;
  if (n > changes->n_coded) {
    changes->coded = g_realloc (changes->coded, n);
    changes->n_coded = n;
  }
  if (!gst_delta_picture_compare (changes->picture, picture, changes->coded, n,
          NULL))
    return FALSE;
  *n_changed = place_blocks (changes, picture);
  return TRUE;
}

/* Keeps a copy of the frame, or leaves it to the tensor.  TRUE when there was one of the
 * last frame to compare it with. */
static gboolean
compare_samples (GstDeltaCnnChanges * changes, const DcnFrame * samples,
    guint * n_changed)
{
  gboolean had_copy = changes->history_valid;
  gint n;

  if (changes->by_tensor)
    return changes->tensor_known;
  if (!changes->history)
    changes->history = dcn_frame_history_new (&changes->info);
  if (!changes->history)
    return FALSE;
  n = dcn_frame_history_update (changes->history, samples, changes->blocks);
  changes->history_valid = TRUE;
  *n_changed = n;
  return had_copy;
}

static void
set_picture (GstDeltaCnnChanges * changes, GstDeltaPicture * picture)
{
  if (picture)
    gst_delta_picture_ref (picture);
  if (changes->picture)
    gst_delta_picture_unref (changes->picture);
  changes->picture = picture;
}

void
gst_delta_cnn_changes_decide (GstDeltaCnnChanges * changes,
    GstDeltaCnnSource source, gboolean everything,
    const GstDeltaCnnInput * input, GstDeltaCnnDecision * decision)
{
  GstDeltaCnnUsed used = GST_DELTA_CNN_USED_NONE;
  gboolean usable;
  const gchar *reason;
  guint n = 0;

  note_picture (changes, input);
  reason = not_usable (changes, source, input);
  usable = reason == NULL;

  if (everything) {
    /* The copy, if any, is of the frame before. */
    forget_copy (changes);
  } else if (!reason && compare_pictures (changes, input->picture, &n)) {
    used = GST_DELTA_CNN_USED_CODEC;
    forget_copy (changes);
  } else if (!reason && !changes->history_valid) {
    /* The first picture of an epoch.  No copy is made: it would cost, and the
     * next picture will compare with this one. */
    reason = "the first picture of its kind";
  } else if (!reason) {
    /* The codec has a new epoch, but the samples of the last frame are still
     * there: use them once more. */
    reason = "the first picture of its kind";
    if (compare_samples (changes, input->samples, &n))
      used = GST_DELTA_CNN_USED_PIXEL;
    forget_copy (changes);
  } else if (source == GST_DELTA_CNN_SOURCE_CODEC && !changes->distrusted) {
    forget_copy (changes);
  } else if (compare_samples (changes, input->samples, &n)) {
    used = GST_DELTA_CNN_USED_PIXEL;
  }

  changes->last_uncertain = changes->uncertain || changes->picture_uncertain;

  /* From here on the caches stand for this frame.  It can be a reference for the
   * next one only where its picture could be believed. */
  set_picture (changes, usable ? input->picture : NULL);
  changes->picture_uncertain = changes->uncertain;
  note_seen (changes, input->picture);
  changes->last_by_codec = used == GST_DELTA_CNN_USED_CODEC;
  changes->last_untouched = source == GST_DELTA_CNN_SOURCE_AUTO
      && input->untouched;

  changes->tensor_known = TRUE;
  decision->used = used;
  decision->reason = reason;
  decision->n_blocks = changes->cols * changes->rows;
  decision->open = changes->by_tensor && used == GST_DELTA_CNN_USED_PIXEL;
  if (used == GST_DELTA_CNN_USED_NONE || decision->open) {
    decision->blocks = NULL;
    decision->n_changed = decision->n_blocks;
  } else {
    decision->blocks = changes->blocks;
    decision->n_changed = n;
  }
}

void
gst_delta_cnn_changes_settle (GstDeltaCnnChanges * changes,
    GstDeltaCnnTellFunc tell, gpointer context, GstDeltaCnnDecision * decision)
{
  if (!decision->open)
    return;
  decision->n_changed = tell (context, changes->blocks);
  decision->blocks = changes->blocks;
  decision->open = FALSE;
}

/* Adds the unchanged blocks of a group to the sample; FALSE: there are none. */
static gboolean
sample_group (GstDeltaCnnChanges * changes, guint bx, guint by)
{
  guint right = MIN (bx + CHECK_GROUP_WIDTH, changes->cols);
  guint bottom = MIN (by + CHECK_GROUP_HEIGHT, changes->rows), x, y;
  guint8 any = 0;

  for (y = by; y < bottom; y++) {
    const guint8 *blocks = changes->blocks + (gsize) y * changes->cols;
    guint8 *sample = changes->sample + (gsize) y * changes->cols;

    for (x = bx; x < right; x++)
      any |= sample[x] = blocks[x] == 0;
  }
  return any;
}

const guint8 *
gst_delta_cnn_changes_sample (GstDeltaCnnChanges * changes)
{
  guint phase, period, bx, by;
  gboolean whole, any = FALSE;

  if (!changes->last_by_codec)
    return NULL;
  phase = changes->checked++;
  period = changes->last_untouched ? CHECK_PERIOD_UNTOUCHED : CHECK_PERIOD;
  whole = phase < CHECKED_WHOLE || changes->last_repeated
      || changes->last_uncertain;
  for (by = 0; by < changes->rows; by += CHECK_GROUP_HEIGHT)
    for (bx = 0; bx < changes->cols; bx += CHECK_GROUP_WIDTH) {
      /* 13 and 7 are odd, so that a row as well as a column of groups meets all
       * of the phases, and neighbours are far apart in time. */
      guint group = bx / CHECK_GROUP_WIDTH * 13 + by / CHECK_GROUP_HEIGHT * 7;

      if (!whole && (group + phase) % period)
        continue;
      if (!any)
        memset (changes->sample, 0, (gsize) changes->cols * changes->rows);
      any |= sample_group (changes, bx, by);
    }
  return any ? changes->sample : NULL;
}

gboolean
gst_delta_cnn_changes_refute (GstDeltaCnnChanges * changes,
    const DcnFrame * samples)
{
  guint n;

  changes->last_by_codec = FALSE;
  set_picture (changes, NULL);
  forget_copy (changes);
  if (changes->last_uncertain && !changes->last_repeated)
    return FALSE;
  changes->distrusted = TRUE;
  compare_samples (changes, samples, &n);
  return TRUE;
}
