/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compares what the born maps claim with the samples that a decoder puts out.
 *   soundness [--decoder ELEMENT] [--between ELEMENTS] [--max-frames N] [--damaged N [--first-damage SEED] ..] CLIP...
 * One line per clip on the standard output, of name=value words:
 *   frames     decoded
 *   known      of these, with a picture that was understood
 *   claims     blocks claimed unchanged, over pairs of frames one, two and five apart
 *   wrong      of these, blocks where any sample of luma or the chroma under it differs
 *   types, types_wrong  frames whose picture type the decoder element tells (statefuldec), and where the meta has another
 *   first_wrong  frame, distance and block of the first of them
 *   p_same     8x8 blocks that are sample-identical between consecutive P pictures
 *   p_claimed  of these, claimed unchanged
 *   p_share    share of the blocks of such pairs that are sample-identical
 *   skip_same, skip_claimed  the same of blocks in macroblocks that are skipped with zero vectors from the picture before
 *   skip_touched   blocks of such macroblocks that are not claimed, whether their samples stayed the same or not
 *   skip_intra, skip_coded, skip_moving, skip_alone  of skip_same, those that are not claimed: beside an intra macroblock;
 *              else beside one with coefficients; else beside one predicted otherwise; else alone: weighted
 * Exits with 1 where a claim or a type is wrong, 2 where a pipeline fails.
 */
#include "clip.h"
#include "damage.h"
#include "gstdeltaextract.h"
#ifdef HAVE_STATEFUL_DECODER
#include "stateful-decoder.h"
#endif

#define HISTORY 6
static const guint distances[] = { 1, 2, 5 };

typedef struct
{
  GstVideoFrame frame;
  gboolean mapped;
  GstDeltaPicture *picture;
} Shown;

typedef struct
{
  Shown ring[HISTORY];
  guint64 frames, known, no_meta;
  guint64 claims, wrong;
  guint64 types, types_wrong;
  gchar *first_wrong;
  Shown anchor;                 /* the last I or P picture */
  guint64 p_blocks, p_same, p_claimed, skip_same, skip_claimed, skip_touched;
  guint64 skip_why[4];          /* by Why */
  Damage *damage;               /* NULL: none */
} Check;

static void
shown_clear (Shown * shown)
{
  if (shown->mapped)
    gst_video_frame_unmap (&shown->frame);
  shown->mapped = FALSE;
  g_clear_pointer (&shown->picture, gst_delta_picture_unref);
}

static gboolean
shown_set (Shown * shown, GstBuffer * buffer, const GstVideoInfo * info,
    GstDeltaPicture * picture)
{
  shown_clear (shown);
  shown->mapped = gst_video_frame_map (&shown->frame, info, buffer,
      GST_MAP_READ);
  if (picture)
    shown->picture = gst_delta_picture_ref (picture);
  return shown->mapped;
}

static gboolean
same_format (const Shown * a, const Shown * b)
{
  return a->mapped && b->mapped
      && GST_VIDEO_FRAME_FORMAT (&a->frame) ==
      GST_VIDEO_FRAME_FORMAT (&b->frame)
      && GST_VIDEO_FRAME_WIDTH (&a->frame) == GST_VIDEO_FRAME_WIDTH (&b->frame)
      && GST_VIDEO_FRAME_HEIGHT (&a->frame) ==
      GST_VIDEO_FRAME_HEIGHT (&b->frame);
}

/* Every sample of the block, and every chroma sample that lies under a part of it; as far as they are shown. */
static gboolean
same_samples (const Shown * a, const Shown * b, guint col, guint row)
{
  const GstVideoFormatInfo *format = a->frame.info.finfo;
  guint left = 0, top = 0, width, height;
  gint bx0, by0, bx1, by1;

  if (b->picture)
    gst_delta_picture_get_crop (b->picture, &left, &top, &width, &height);
  bx0 = MAX ((gint) (col * 8) - (gint) left, 0);
  by0 = MAX ((gint) (row * 8) - (gint) top, 0);
  bx1 = MAX ((gint) (col * 8 + 8) - (gint) left, 0);
  by1 = MAX ((gint) (row * 8 + 8) - (gint) top, 0);

  for (guint c = 0; c < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (format); c++) {
    guint sub_w = GST_VIDEO_FORMAT_INFO_W_SUB (format, c);
    guint sub_h = GST_VIDEO_FORMAT_INFO_H_SUB (format, c);
    guint x0 = bx0 >> sub_w, x1 = bx1 >> sub_w;
    guint y0 = by0 >> sub_h, y1 = by1 >> sub_h;
    guint bytes = GST_VIDEO_FORMAT_INFO_DEPTH (format, c) > 8 ? 2 : 1;
    gint step = GST_VIDEO_FRAME_COMP_PSTRIDE (&a->frame, c);

    x1 = MIN (x1, (guint) GST_VIDEO_FRAME_COMP_WIDTH (&a->frame, c));
    y1 = MIN (y1, (guint) GST_VIDEO_FRAME_COMP_HEIGHT (&a->frame, c));
    for (guint y = y0; y < y1; y++) {
      const guint8 *p =
          (const guint8 *) GST_VIDEO_FRAME_COMP_DATA (&a->frame, c)
          + (gsize) y * GST_VIDEO_FRAME_COMP_STRIDE (&a->frame, c);
      const guint8 *q =
          (const guint8 *) GST_VIDEO_FRAME_COMP_DATA (&b->frame, c)
          + (gsize) y * GST_VIDEO_FRAME_COMP_STRIDE (&b->frame, c);

      for (guint x = x0; x < x1; x++)
        if (memcmp (p + x * step, q + x * step, bytes) != 0)
          return FALSE;
    }
  }
  return TRUE;
}

/* The changed blocks of a pair of frames; NULL where the pictures do not compare. */
static guint8 *
changed_blocks (const Shown * a, const Shown * b, guint * cols, guint * rows)
{
  guint8 *changed;
  guint other_cols, other_rows;

  if (!a->picture || !b->picture)
    return NULL;
  gst_delta_picture_get_grid (a->picture, cols, rows);
  gst_delta_picture_get_grid (b->picture, &other_cols, &other_rows);
  if (*cols != other_cols || *rows != other_rows)
    return NULL;
  changed = g_malloc ((gsize) * cols * *rows);
  if (!gst_delta_picture_compare (a->picture, b->picture, changed,
          (gsize) * cols * *rows, NULL))
    g_clear_pointer (&changed, g_free);
  return changed;
}

static void
check_pair (Check * check, const Shown * a, const Shown * b, guint distance)
{
  guint cols, rows;
  guint8 *changed = changed_blocks (a, b, &cols, &rows);

  if (!changed)
    return;
  for (guint y = 0; y < rows; y++) {
    for (guint x = 0; x < cols; x++) {
      if (changed[y * cols + x])
        continue;
      check->claims++;
      if (same_format (a, b) && same_samples (a, b, x, y))
        continue;
      check->wrong++;
      if (!check->first_wrong)
        check->first_wrong = g_strdup_printf ("frame:%" G_GUINT64_FORMAT
            ",distance:%u,block:%u:%u,number:%u,type:%d",
            check->frames, distance, x, y,
            gst_delta_picture_get_number (b->picture),
            gst_delta_picture_get_picture_type (b->picture));
    }
  }
  g_free (changed);
}

/* Per macroblock, 1: skipped, and predicted with zero vectors from the picture of that number only.  To be freed. */
static guint8 *
zero_skips (GstDeltaPicture * picture, guint32 number, guint * mb_cols)
{
  guint mb_rows, n = gst_delta_picture_get_n_vectors (picture);
  const guint8 *flags =
      gst_delta_picture_get_macroblock_flags (picture, mb_cols, &mb_rows);
  guint8 *skips = g_malloc0 (*mb_cols * mb_rows + 1);

  for (guint i = 0; i < *mb_cols * mb_rows; i++)
    skips[i] = (flags[i] & GST_DELTA_MACROBLOCK_SKIPPED) != 0;
  for (guint i = 0; i < n; i++) {
    GstDeltaVector v;

    gst_delta_picture_get_vector (picture, i, &v);
    if (v.x / 16 < *mb_cols && v.y / 16 < mb_rows && (v.mv_x_qpel
            || v.mv_y_qpel || v.ref_number != number))
      skips[v.y / 16 * *mb_cols + v.x / 16] = 0;
  }
  return skips;
}

typedef enum
{ WHY_INTRA, WHY_CODED, WHY_MOVING, WHY_ALONE } Why;

/* Why the deblocking filter may touch an 8x8 block of a macroblock of zero_skips(): by the two macroblocks that it
 * lies beside. */
static Why
why_not_claimed (GstDeltaPicture * picture, const guint8 * skips, guint x,
    guint y)
{
  guint mb_cols, mb_rows;
  const guint8 *flags =
      gst_delta_picture_get_macroblock_flags (picture, &mb_cols, &mb_rows);
  gint beside[2][2] = { {(gint) x / 2 + (x & 1 ? 1 : -1), (gint) y / 2},
  {(gint) x / 2, (gint) y / 2 + (y & 1 ? 1 : -1)}
  };
  Why why = WHY_ALONE;

  for (gint i = 0; i < 2; i++) {
    gsize at;

    if (beside[i][0] < 0 || beside[i][1] < 0 || beside[i][0] >= (gint) mb_cols
        || beside[i][1] >= (gint) mb_rows)
      continue;
    at = (gsize) beside[i][1] * mb_cols + beside[i][0];
    if (flags[at] & GST_DELTA_MACROBLOCK_INTRA)
      why = MIN (why, WHY_INTRA);
    else if (flags[at] & GST_DELTA_MACROBLOCK_CODED)
      why = MIN (why, WHY_CODED);
    else if (!skips[at])
      why = MIN (why, WHY_MOVING);
  }
  return why;
}

static void
check_completeness (Check * check, const Shown * a, const Shown * b)
{
  guint cols, rows, mb_cols;
  guint8 *changed, *skips;

  if (!a->picture || !same_format (a, b)
      || gst_delta_picture_get_picture_type (a->picture) !=
      GST_DELTA_PICTURE_TYPE_P)
    return;
  changed = changed_blocks (a, b, &cols, &rows);
  gst_delta_picture_get_grid (b->picture, &cols, &rows);
  skips = zero_skips (b->picture, gst_delta_picture_get_number (a->picture),
      &mb_cols);
  for (guint y = 0; y < rows; y++) {
    for (guint x = 0; x < cols; x++) {
      gboolean claimed = changed && !changed[y * cols + x];
      gboolean skip = mb_cols && skips[y / 2 * mb_cols + x / 2];

      check->p_blocks++;
      check->skip_touched += skip && !claimed;
      if (!same_samples (a, b, x, y))
        continue;
      check->p_same++;
      check->p_claimed += claimed;
      if (skip) {
        check->skip_same++;
        check->skip_claimed += claimed;
        if (!claimed)
          check->skip_why[why_not_claimed (b->picture, skips, x, y)]++;
      }
    }
  }
  g_free (skips);
  g_free (changed);
}

static void
on_frame (GstBuffer * buffer, const GstVideoInfo * info,
    GstDeltaPicture * picture, gpointer user_data)
{
  Check *check = user_data;
  Shown *now = &check->ring[check->frames % HISTORY];
  GstDeltaPictureType type = GST_DELTA_PICTURE_TYPE_UNKNOWN;

  shown_set (now, buffer, info, picture);
  if (picture) {
    type = gst_delta_picture_get_picture_type (picture);
    check->known += gst_delta_picture_is_known (picture);
  } else {
    check->no_meta++;
  }
  for (guint i = 0; i < G_N_ELEMENTS (distances); i++)
    if (check->frames >= distances[i])
      check_pair (check,
          &check->ring[(check->frames - distances[i]) % HISTORY], now,
          distances[i]);

#ifdef HAVE_STATEFUL_DECODER
  /* That frame is made of one picture; an unknown one may have any type. */
  if (picture && gst_delta_picture_is_known (picture)
      && test_stateful_dec_picture_type (buffer)) {
    check->types++;
    check->types_wrong +=
        " IPB"[type] != test_stateful_dec_picture_type (buffer);
  }
#endif

  if (type == GST_DELTA_PICTURE_TYPE_P)
    check_completeness (check, &check->anchor, now);
  if (type != GST_DELTA_PICTURE_TYPE_B)
    shown_set (&check->anchor, buffer, info, picture);
  check->frames++;
}

static void
on_built (GstElement * extract, gpointer user_data)
{
  Check *check = user_data;
  GstPad *pad;

  if (!check->damage)
    return;
  pad = gst_element_get_static_pad (extract, "sink");
  damage_attach (check->damage, pad);
  gst_object_unref (pad);
}

static gchar *decoder, *between;
static gint max_frames, n_damaged, first_damage, one_in = 8, nal_length;

/* The exit status for one clip, or one damaged copy of it: damage < 0 for none. */
static int
check_clip (const gchar * name, gint64 damage)
{
  Check check = { 0, };
  Clip clip = {.clip = name,.decoder =
        decoder ? decoder : clip_is_h264 (name) ? "avdec_h264" :
        "avdec_mpeg2video",.between =
        between,.max_frames = max_frames,.frame = on_frame,.built =
        on_built,.user_data = &check
  };
  GstStructure *stats = NULL;
  gchar *text = NULL;
  gboolean ok;

  if (damage >= 0)
    check.damage = damage_new (damage, one_in, nal_length);
  ok = clip_run (&clip, &stats);
  if (stats)
    text = gst_structure_to_string (stats);
  g_print ("frames=%" G_GUINT64_FORMAT " known=%" G_GUINT64_FORMAT
      " no_meta=%" G_GUINT64_FORMAT " claims=%" G_GUINT64_FORMAT
      " wrong=%" G_GUINT64_FORMAT " types=%" G_GUINT64_FORMAT " types_wrong=%"
      G_GUINT64_FORMAT " first_wrong=%s p_same=%" G_GUINT64_FORMAT
      " p_claimed=%" G_GUINT64_FORMAT " p_share=%.3f skip_same=%"
      G_GUINT64_FORMAT " skip_claimed=%" G_GUINT64_FORMAT " skip_touched=%"
      G_GUINT64_FORMAT " skip_intra=%" G_GUINT64_FORMAT " skip_coded=%"
      G_GUINT64_FORMAT " skip_moving=%" G_GUINT64_FORMAT " skip_alone=%"
      G_GUINT64_FORMAT " damage=%" G_GINT64_FORMAT " clip=%s\n",
      check.frames, check.known, check.no_meta, check.claims, check.wrong,
      check.types, check.types_wrong,
      check.first_wrong ? check.first_wrong : "-", check.p_same,
      check.p_claimed,
      check.p_blocks ? (double) check.p_same / check.p_blocks : 0.0,
      check.skip_same, check.skip_claimed, check.skip_touched,
      check.skip_why[WHY_INTRA], check.skip_why[WHY_CODED],
      check.skip_why[WHY_MOVING], check.skip_why[WHY_ALONE], damage, name);
  if (text)
    g_print ("# %s\n", text);
  g_free (text);
  if (stats)
    gst_structure_free (stats);
  for (guint k = 0; k < HISTORY; k++)
    shown_clear (&check.ring[k]);
  shown_clear (&check.anchor);
  g_free (check.first_wrong);
  g_clear_pointer (&check.damage, damage_free);
  if (check.wrong || check.types_wrong)
    return 1;
  /* a decoder may give up on a damaged stream */
  return ok || damage >= 0 ? 0 : 2;
}

int
main (int argc, char **argv)
{
  static const GOptionEntry entries[] = {
    {"decoder", 0, 0, G_OPTION_ARG_STRING, &decoder, "Decoder element", "NAME"},
    {"between", 0, 0, G_OPTION_ARG_STRING, &between,
        "Elements before deltaextract", "ELEMENTS"},
    {"max-frames", 0, 0, G_OPTION_ARG_INT, &max_frames, "Stop early", "N"},
    {"damaged", 0, 0, G_OPTION_ARG_INT, &n_damaged,
        "So many copies of each clip, damaged behind the parser", "N"},
    {"first-damage", 0, 0, G_OPTION_ARG_INT, &first_damage,
        "Seed of the first of them (0)", "N"},
    {"one-in", 0, 0, G_OPTION_ARG_INT, &one_in,
        "A buffer in so many is damaged (8)", "N"},
    {"nal-length", 0, 0, G_OPTION_ARG_INT, &nal_length,
        "Bytes of the length fields of damaged avc streams", "N"},
    {NULL}
  };
  GOptionContext *context = g_option_context_new ("CLIP...");
  int status = 0;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_group (context, gst_init_get_option_group ());
  if (!g_option_context_parse (context, &argc, &argv, NULL) || argc < 2
      || one_in < 1)
    return 2;
  g_option_context_free (context);
  GST_ELEMENT_REGISTER (deltaextract, NULL);
#ifdef HAVE_STATEFUL_DECODER
  test_stateful_dec_register ();
#endif

  for (int i = 1; i < argc; i++)
    for (gint k = 0; k < MAX (n_damaged, 1); k++) {
      int one = check_clip (argv[i], n_damaged ? first_damage + k : -1);

      if (one == 2 || status == 0)
        status = one;
    }
  return status;
}
