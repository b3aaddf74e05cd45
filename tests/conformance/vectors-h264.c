/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The H.264 counterpart of vectors.c: compares picture types and motion vectors with those that libavcodec exports
 * for the same coded buffers, and predicts skipped macroblocks from the picture the meta names.
 *   vectors-h264 CLIP...
 * One line per clip, of name=value words:
 *   frames, not_known, types_wrong
 *   blocks       8x8 blocks and directions with a vector of libavcodec
 *   equal, wrong of these
 *   unused       libavcodec has a zero vector where the quarter of a B macroblock does not use the list
 *   inner        vectors of ours inside of 8x8 blocks, of which libavcodec exports the upper left one only
 *   copies       skipped macroblocks with one vector to whole samples; copies_wrong: where the samples that the
 *                deblocking filter leaves alone are not those of the reference at that place
 * Exits with 1 where something differs, 2 where a clip cannot be run.
 *
 * libavcodec leaves the vectors out of the frames it has not decoded by itself to the end: none here.
 */
#include "coded.h"
#include "gstdeltaextract.h"

#include <libavutil/motion_vector.h>
#include <string.h>

/* Frames kept: more than lie between a picture and its references in order of display. */
#define KEPT 40
#define BEHIND 18

typedef struct
{
  gboolean present;
  gint mx, my;
} Block;

typedef struct
{
  GPtrArray *coded;
  AVFrame *shown[KEPT];         /* ring, in order of display */
  guint n_shown;
  guint64 frames, not_known, types_wrong;
  guint64 blocks, equal, wrong, unused, inner;
  guint64 copies, copies_wrong;
  gboolean weighted;            /* the clip's skipped macroblocks may be weighted */
  gchar *first_wrong;
} Check;

static void
note_wrong (Check * check, const gchar * format, ...)
{
  va_list args;

  if (check->first_wrong)
    return;
  va_start (args, format);
  check->first_wrong = g_strdup_vprintf (format, args);
  va_end (args);
}

/* Ours as libavcodec stores them: field macroblocks of row r stand in row 2r of macroblocks, those of the bottom
 * field in row 2r + 1; per 8x8 block the vector of its upper left corner. */
static void
fill_ours (Check * check, GstDeltaPicture * picture, Block * blocks,
    guint cols, guint rows)
{
  guint n = gst_delta_picture_get_n_vectors (picture);

  for (guint i = 0; i < n; i++) {
    GstDeltaVector v;
    guint x, y, h;

    gst_delta_picture_get_vector (picture, i, &v);
    x = v.x;
    y = v.y;
    h = v.h;
    if (v.field) {
      y = v.y / 32 * 32 + (v.field == 2 ? 16 : 0) + v.y % 32 / 2;
      h /= 2;
    }
    if (x % 8 || y % 8) {
      check->inner++;
      continue;
    }
    for (guint by = y / 8; by < (y + h + 7) / 8 && by < rows; by++) {
      for (guint bx = x / 8; bx < (x + v.w + 7u) / 8 && bx < cols; bx++) {
        Block *block = &blocks[(v.direction * rows + by) * cols + bx];

        block->present = TRUE;
        block->mx = v.mv_x_qpel;
        block->my = v.mv_y_qpel;
      }
    }
  }
}

/* 16x8 and 8x16 field macroblocks have their vertical component in lines of the frame there. */
static void
fill_theirs (const AVFrame * frame, Block * blocks, gboolean * halves,
    guint cols, guint rows)
{
  const AVFrameSideData *side =
      av_frame_get_side_data (frame, AV_FRAME_DATA_MOTION_VECTORS);
  const AVMotionVector *mv = side ? (const AVMotionVector *) side->data : NULL;
  size_t n = side ? side->size / sizeof (*mv) : 0;

  for (size_t i = 0; i < n; i++) {
    guint x = mv[i].dst_x - mv[i].w / 2, y = mv[i].dst_y - mv[i].h / 2;

    for (guint by = y / 8; by < (y + mv[i].h) / 8 && by < rows; by++) {
      for (guint bx = x / 8; bx < (x + mv[i].w) / 8 && bx < cols; bx++) {
        gsize k = ((mv[i].source > 0) * rows + by) * cols + bx;

        blocks[k].present = TRUE;
        blocks[k].mx = mv[i].motion_x * 4 / mv[i].motion_scale;
        blocks[k].my = mv[i].motion_y * 4 / mv[i].motion_scale;
        halves[k] = mv[i].w != mv[i].h;
      }
    }
  }
}

static void
compare_vectors (Check * check, const AVFrame * frame,
    GstDeltaPicture * picture)
{
  guint cols, rows;
  Block *ours, *theirs;
  gboolean *halves;

  gst_delta_picture_get_grid (picture, &cols, &rows);
  ours = g_new0 (Block, 2 * cols * rows);
  theirs = g_new0 (Block, 2 * cols * rows);
  halves = g_new0 (gboolean, 2 * cols * rows);
  fill_ours (check, picture, ours, cols, rows);
  fill_theirs (frame, theirs, halves, cols, rows);
  for (guint i = 0; i < 2 * cols * rows; i++) {
    const Block *a = &ours[i], *b = &theirs[i];

    if (!a->present && !b->present)
      continue;
    check->blocks += b->present;
    if (a->present && b->present && a->mx == b->mx && (a->my == b->my
            || (halves[i] && 2 * a->my == b->my))) {
      check->equal++;
    } else if (!a->present && b->mx == 0 && b->my == 0
        && frame->pict_type == AV_PICTURE_TYPE_B) {
      check->unused++;
    } else {
      check->wrong++;
      note_wrong (check,
          "frame:%" G_GUINT64_FORMAT
          ",number:%u,type:%d,block:%u:%u:%u,ours:%d:%d:%d,theirs:%d:%d:%d",
          check->frames, gst_delta_picture_get_number (picture),
          frame->pict_type, i % cols, i / cols % rows, i / (cols * rows),
          a->present, a->mx, a->my, b->present, b->mx, b->my);
    }
  }
  g_free (ours);
  g_free (theirs);
  g_free (halves);
}

static GstDeltaPicture *
picture_of (Check * check, const AVFrame * frame)
{
  Coded *coded;

  if (!frame || frame->pts < 0 || frame->pts >= check->coded->len)
    return NULL;
  coded = g_ptr_array_index (check->coded, frame->pts);
  return coded->picture && gst_delta_picture_is_known (coded->picture) ?
      coded->picture : NULL;
}

static const AVFrame *
frame_with_number (Check * check, GstDeltaPicture * like, guint32 number)
{
  for (guint i = 0; i < KEPT; i++) {
    GstDeltaPicture *picture = picture_of (check, check->shown[i]);

    if (picture && gst_delta_picture_get_epoch (picture) ==
        gst_delta_picture_get_epoch (like)
        && gst_delta_picture_get_number (picture) == number)
      return check->shown[i];
  }
  return NULL;
}

/* The filter reaches three samples into the macroblock, which has no edge inside. */
static gboolean
inner_equals (const AVFrame * a, const AVFrame * b, int x, int y, int dx,
    int dy)
{
  if (x + dx < 0 || y + dy < 0 || x + dx + 16 > a->width
      || y + dy + 16 > a->height || x + 16 > a->width || y + 16 > a->height)
    return TRUE;                /* beyond what is shown */
  for (int line = 3; line < 13; line++)
    if (memcmp (a->data[0] + (y + line) * a->linesize[0] + x + 3,
            b->data[0] + (y + dy + line) * b->linesize[0] + x + dx + 3, 10))
      return FALSE;
  return TRUE;
}

static gboolean
is_interlaced (const AVFrame * frame)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT (58, 7, 100)
  return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
  return frame->interlaced_frame;
#endif
}

static void
check_copies (Check * check, const AVFrame * frame)
{
  GstDeltaPicture *picture = picture_of (check, frame);
  const guint8 *flags;
  guint n, mb_cols, mb_rows;

  if (!picture || check->weighted || is_interlaced (frame)
      || (frame->format != AV_PIX_FMT_YUV420P
          && frame->format != AV_PIX_FMT_YUVJ420P))
    return;
  n = gst_delta_picture_get_n_vectors (picture);
  flags = gst_delta_picture_get_macroblock_flags (picture, &mb_cols, &mb_rows);
  for (guint i = 0; i < n; i++) {
    GstDeltaVector v, next;
    const AVFrame *reference;

    gst_delta_picture_get_vector (picture, i, &v);
    /* of one list only */
    if (i + 1 < n && gst_delta_picture_get_vector (picture, i + 1, &next)
        && next.x == v.x && next.y == v.y && next.direction != v.direction) {
      i++;
      continue;
    }
    if (v.w != 16 || v.h != 16 || v.mv_x_qpel % 4 || v.mv_y_qpel % 4 || v.field)
      continue;
    if (!(flags[v.y / 16 * mb_cols + v.x / 16] & GST_DELTA_MACROBLOCK_SKIPPED))
      continue;
    reference = frame_with_number (check, picture, v.ref_number);
    if (!reference)
      continue;
    check->copies++;
    if (!inner_equals (frame, reference, v.x, v.y, v.mv_x_qpel / 4,
            v.mv_y_qpel / 4)) {
      check->copies_wrong++;
      note_wrong (check, "copy:number:%u:at:%u:%u:from:%u:%d:%d",
          gst_delta_picture_get_number (picture), v.x, v.y, v.ref_number,
          v.mv_x_qpel, v.mv_y_qpel);
    }
  }
}

static void
on_frame (Check * check, const AVFrame * frame)
{
  static const enum AVPictureType types[] = { AV_PICTURE_TYPE_NONE,
    AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_B,
    AV_PICTURE_TYPE_NONE
  };
  GstDeltaPicture *picture = picture_of (check, frame);

  check->frames++;
  if (!picture) {
    check->not_known++;
  } else {
    if (types[gst_delta_picture_get_picture_type (picture)] != frame->pict_type) {
      check->types_wrong++;
      note_wrong (check, "type:number:%u:%d:%d",
          gst_delta_picture_get_number (picture),
          gst_delta_picture_get_picture_type (picture), frame->pict_type);
    }
    compare_vectors (check, frame, picture);
  }
  av_frame_free (&check->shown[check->n_shown % KEPT]);
  check->shown[check->n_shown++ % KEPT] = av_frame_clone (frame);
  if (check->n_shown > BEHIND)
    check_copies (check, check->shown[(check->n_shown - 1 - BEHIND) % KEPT]);
}

/* weighted_pred_flag or an explicit weighted_bipred_idc: x264 tells in its first message. */
static gboolean
says_weighted (GBytes * data)
{
  gsize size;
  const guint8 *p = g_bytes_get_data (data, &size);
  gsize end = MIN (size, 2000);

  for (gsize i = 0; i + 9 < end; i++)
    if (memcmp (p + i, "weightp=", 8) == 0 && p[i + 8] != '0')
      return TRUE;
  return FALSE;
}

static gboolean
decode (Check * check)
{
  AVCodecContext *context = coded_decoder (AV_CODEC_ID_H264);
  AVFrame *frame = av_frame_alloc ();
  gboolean ok = context != NULL;

  check->weighted =
      says_weighted (((Coded *) g_ptr_array_index (check->coded, 0))->data);
  for (guint i = 0; ok && i <= check->coded->len; i++) {
    if (i < check->coded->len)
      ok = coded_send (context, g_ptr_array_index (check->coded, i), i);
    else
      ok = avcodec_send_packet (context, NULL) >= 0;
    while (ok && avcodec_receive_frame (context, frame) >= 0) {
      on_frame (check, frame);
      av_frame_unref (frame);
    }
  }
  for (guint i = check->n_shown > BEHIND ? check->n_shown - BEHIND : 0;
      ok && i < check->n_shown; i++)
    check_copies (check, check->shown[i % KEPT]);
  for (guint i = 0; i < KEPT; i++)
    av_frame_free (&check->shown[i]);
  av_frame_free (&frame);
  avcodec_free_context (&context);
  return ok;
}

int
main (int argc, char **argv)
{
  int status = 0;

  gst_init (&argc, &argv);
  GST_ELEMENT_REGISTER (deltaextract, NULL);
  av_log_set_level (AV_LOG_QUIET);
  if (argc < 2)
    return 2;
  for (int i = 1; i < argc; i++) {
    Check check = {.coded = coded_read (argv[i],
          "capsfilter caps=video/x-h264,stream-format=byte-stream")
    };
    gboolean ok = check.coded && decode (&check);

    g_print ("frames=%" G_GUINT64_FORMAT " not_known=%" G_GUINT64_FORMAT
        " types_wrong=%" G_GUINT64_FORMAT " vectors=%" G_GUINT64_FORMAT
        " equal=%" G_GUINT64_FORMAT " wrong=%" G_GUINT64_FORMAT " unused=%"
        G_GUINT64_FORMAT " inner=%" G_GUINT64_FORMAT " copies=%"
        G_GUINT64_FORMAT " copies_wrong=%" G_GUINT64_FORMAT
        " first_wrong=%s clip=%s\n", check.frames, check.not_known,
        check.types_wrong, check.blocks, check.equal, check.wrong,
        check.unused, check.inner, check.copies, check.copies_wrong,
        check.first_wrong ? check.first_wrong : "-", argv[i]);
    if (!ok)
      status = 2;
    else if (check.types_wrong + check.wrong + check.copies_wrong > 0
        && status == 0)
      status = 1;
    g_clear_pointer (&check.coded, g_ptr_array_unref);
    g_free (check.first_wrong);
  }
  return status;
}
