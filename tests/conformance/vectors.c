/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compares picture types and motion vectors with those that libavcodec exports (export_mvs), for the same coded
 * buffers.
 *   vectors CLIP...
 * One line per clip, of name=value words: frames and vectors of libavcodec, equal ones, wrong ones, and those that
 * cannot be compared, by reason (the reasons are in the table of conformance.py).
 * Exits with 1 where something differs, 2 where a clip cannot be run.
 */
#include "coded.h"
#include "gstdeltaextract.h"

#include <libavutil/motion_vector.h>
#include <string.h>

typedef struct
{
  guint x, y, w, h;             /* block, as libavcodec puts it */
  gint mx, my;                  /* half samples */
  guint direction;
} Vector;

typedef struct
{
  GPtrArray *coded;
  guint64 frames, types_wrong, not_known;
  guint64 theirs, equal, wrong, references_wrong;
  guint64 dual_prime, skipped_field;    /* not comparable, see conformance.py */
  gchar *first_wrong;
} Check;

/* Those of one macroblock and direction stand together. */
static gint
compare_groups (const Vector * a, const Vector * b)
{
  if (a->y / 16 != b->y / 16)
    return a->y / 16 < b->y / 16 ? -1 : 1;
  if (a->x != b->x)
    return a->x < b->x ? -1 : 1;
  return (gint) a->direction - (gint) b->direction;
}

static gint
compare_vectors (gconstpointer p, gconstpointer q)
{
  const Vector *a = p, *b = q;
  gint order = compare_groups (a, b);

  return order ? order : a->y < b->y ? -1 : a->y > b->y;
}

/* The vectors from at on that belong to one macroblock and direction. */
static guint
group_length (GArray * vectors, guint at)
{
  guint n = 1;

  while (at + n < vectors->len
      && compare_groups (&g_array_index (vectors, Vector, at),
          &g_array_index (vectors, Vector, at + n)) == 0)
    n++;
  return n;
}

/* The macroblocks' picture structure: 1, 2 fields, 3 frame (ISO/IEC 13818-2 table 6-14).  Read from the coded
 * buffer here, apart from the code under test. */
static guint
picture_structure (GBytes * data)
{
  gsize size;
  const guint8 *p = g_bytes_get_data (data, &size);

  for (gsize i = 0; i + 7 < size; i++)
    if (p[i] == 0 && p[i + 1] == 0 && p[i + 2] == 1 && p[i + 3] == 0xb5
        && p[i + 4] >> 4 == 8)
      return p[i + 6] & 3;
  return 3;
}

/* How libavcodec puts our vectors.  A field picture's macroblock of row r stands at frame row 2r, or 2r + 1 for
 * the bottom field.  Parts of a macroblock (fields of a frame picture, halves of a field picture) are 16x8 blocks
 * with the vertical component in frame lines.  Dual prime is the transmitted vector only. */
static GArray *
ours (Check * check, GstDeltaPicture * picture, gboolean field_pictures)
{
  GArray *vectors = g_array_new (FALSE, FALSE, sizeof (Vector));
  guint n = gst_delta_picture_get_n_vectors (picture);

  for (guint i = 0; i < n;) {
    GstDeltaVector v[4], next;
    guint count = 0;

    /* the vectors of one macroblock and direction */
    while (i + count < n && count < 4
        && gst_delta_picture_get_vector (picture, i + count, &next)
        && (count == 0 || (next.x == v[0].x && next.y / (field_pictures ?
                    32 : 16) == v[0].y / (field_pictures ? 32 : 16)
                && next.direction == v[0].direction
                && (!field_pictures || next.field == v[0].field))))
      v[count++] = next;

    if (field_pictures) {
      guint y = v[0].y / 32 * 32 + (v[0].field == 2 ? 16 : 0);

      if (count == 2 && v[0].h == 32) {
        count = 1;              /* dual prime */
        check->dual_prime++;
        i++;
      }
      for (guint k = 0; k < count; k++) {
        gboolean half = v[k].h == 16;
        Vector out = { v[k].x, y + (half && v[k].y % 32 ? 8 : 0), 16,
          half ? 8 : 16, v[k].mv_x_qpel / 2,
          v[k].mv_y_qpel / 2 * (half ? 2 : 1), v[k].direction
        };
        g_array_append_val (vectors, out);
      }
    } else if (count == 4) {
      Vector out = { v[0].x, v[0].y, 16, 16, v[0].mv_x_qpel / 2,
        v[0].mv_y_qpel / 2, v[0].direction
      };
      check->dual_prime += 3;
      g_array_append_val (vectors, out);
    } else {
      for (guint k = 0; k < count; k++) {
        guint field = v[k].field;
        Vector out = { v[k].x, v[k].y + (field == 2 ? 8 : 0), 16,
          field ? 8 : 16, v[k].mv_x_qpel / 2,
          v[k].mv_y_qpel / 2 * (field ? 2 : 1), v[k].direction
        };
        g_array_append_val (vectors, out);
      }
    }
    i += count;
  }
  g_array_sort (vectors, compare_vectors);
  return vectors;
}

static GArray *
libavcodecs (const AVFrame * frame)
{
  GArray *vectors = g_array_new (FALSE, FALSE, sizeof (Vector));
  const AVFrameSideData *side =
      av_frame_get_side_data (frame, AV_FRAME_DATA_MOTION_VECTORS);
  const AVMotionVector *mv = side ? (const AVMotionVector *) side->data : NULL;
  size_t n = side ? side->size / sizeof (*mv) : 0;

  for (size_t i = 0; i < n; i++) {
    Vector out = { mv[i].dst_x - mv[i].w / 2, mv[i].dst_y - mv[i].h / 2,
      mv[i].w, mv[i].h, mv[i].motion_x * 2 / mv[i].motion_scale,
      mv[i].motion_y * 2 / mv[i].motion_scale, mv[i].source > 0
    };
    g_array_append_val (vectors, out);
  }
  g_array_sort (vectors, compare_vectors);
  return vectors;
}

/* A B macroblock skipped after a field predicted one: ours is one frame vector, theirs the same for two halves. */
static gboolean
skipped_after_field (const Vector * a, guint n_a, const Vector * t, guint n_t)
{
  if (n_a != 1 || n_t != 2 || a->h != 16)
    return FALSE;
  for (guint k = 0; k < 2; k++)
    if (t[k].h != 8 || t[k].y != a->y + 8 * k || t[k].mx != a->mx
        || t[k].my != 2 * a->my)
      return FALSE;
  return TRUE;
}

static void
note_wrong (Check * check, const Vector * a, const Vector * b)
{
  if (check->first_wrong)
    return;
  check->first_wrong = g_strdup_printf ("frame:%" G_GUINT64_FORMAT
      ",ours:%u:%u:%ux%u:%d:%d:%u,theirs:%u:%u:%ux%u:%d:%d:%u", check->frames,
      a->x, a->y, a->w, a->h, a->mx, a->my, a->direction, b->x, b->y, b->w,
      b->h, b->mx, b->my, b->direction);
}

static void
compare_frame (Check * check, const AVFrame * frame, const Coded * coded)
{
  static const Vector none = { 0, };
  static const enum AVPictureType types[] = { AV_PICTURE_TYPE_NONE,
    AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_P, AV_PICTURE_TYPE_B,
    AV_PICTURE_TYPE_NONE
  };
  GArray *a, *b;
  guint i = 0, k = 0;

  check->frames++;
  if (!coded->picture || !gst_delta_picture_is_known (coded->picture)) {
    check->not_known++;
    return;
  }
  if (types[gst_delta_picture_get_picture_type (coded->picture)] !=
      frame->pict_type)
    check->types_wrong++;

  a = ours (check, coded->picture, picture_structure (coded->data) != 3);
  b = libavcodecs (frame);
  check->theirs += b->len;
  while (i < a->len || k < b->len) {
    const Vector *p = i < a->len ? &g_array_index (a, Vector, i) : NULL;
    const Vector *q = k < b->len ? &g_array_index (b, Vector, k) : NULL;
    gint order = !p ? 1 : !q ? -1 : compare_groups (p, q);
    guint n_p = order <= 0 ? group_length (a, i) : 0;
    guint n_q = order >= 0 ? group_length (b, k) : 0;

    if (n_p == n_q && memcmp (p, q, n_p * sizeof (*p)) == 0) {
      check->equal += n_p;
    } else if (n_p && n_q && frame->pict_type == AV_PICTURE_TYPE_B
        && skipped_after_field (p, n_p, q, n_q)) {
      check->skipped_field += n_q;
    } else {
      note_wrong (check, n_p ? p : &none, n_q ? q : &none);
      check->wrong += MAX (n_p, n_q);
    }
    i += n_p;
    k += n_q;
  }
  g_array_unref (a);
  g_array_unref (b);
}

/* Forward is the reference picture before the last one for B, the last one for P; backward the last one.  A P
 * picture's second field may also refer to the first (7.6.2.1). */
static void
check_references (Check * check)
{
  GstDeltaPicture *last = NULL, *before = NULL, *done = NULL;

  for (guint i = 0; i < check->coded->len; i++) {
    Coded *coded = g_ptr_array_index (check->coded, i);
    GstDeltaPicture *picture = coded->picture;
    gboolean b;

    if (!picture || picture == done)
      continue;
    done = picture;
    b = gst_delta_picture_get_picture_type (picture) ==
        GST_DELTA_PICTURE_TYPE_B;
    for (guint k = 0; k < gst_delta_picture_get_n_vectors (picture); k++) {
      GstDeltaVector v;
      GstDeltaPicture *wanted;

      gst_delta_picture_get_vector (picture, k, &v);
      wanted = b && v.direction == 0 ? before : last;
      if (wanted && gst_delta_picture_get_epoch (wanted) !=
          gst_delta_picture_get_epoch (picture))
        wanted = NULL;
      if (v.ref_number == (wanted ? gst_delta_picture_get_number (wanted) :
              G_MAXUINT32))
        continue;
      if (!b && v.field
          && v.ref_number == gst_delta_picture_get_number (picture))
        continue;
      check->references_wrong++;
    }
    if (!b) {
      before = last;
      last = picture;
    }
  }
}

static gboolean
decode (Check * check)
{
  AVCodecContext *context = coded_decoder (AV_CODEC_ID_MPEG2VIDEO);
  AVFrame *frame = av_frame_alloc ();
  gboolean ok = context != NULL;

  /* The last reference picture comes without vectors when the decoder is drained, and with them when another
   * reference follows: the first picture once more. */
  for (guint i = 0; ok && i <= check->coded->len; i++) {
    Coded *coded = g_ptr_array_index (check->coded,
        i < check->coded->len ? i : 0);

    ok = coded_send (context, coded, i);
    while (ok && avcodec_receive_frame (context, frame) >= 0) {
      if (frame->pts >= 0 && frame->pts < check->coded->len)
        compare_frame (check, frame, g_ptr_array_index (check->coded,
                frame->pts));
      av_frame_unref (frame);
    }
  }
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
    Check check = {.coded = coded_read (argv[i], NULL) };
    gboolean ok = check.coded && decode (&check);

    if (ok)
      check_references (&check);
    g_print ("frames=%" G_GUINT64_FORMAT " not_known=%" G_GUINT64_FORMAT
        " types_wrong=%" G_GUINT64_FORMAT " vectors=%" G_GUINT64_FORMAT
        " equal=%" G_GUINT64_FORMAT " wrong=%" G_GUINT64_FORMAT
        " references_wrong=%" G_GUINT64_FORMAT " dual_prime=%"
        G_GUINT64_FORMAT " skipped_field=%" G_GUINT64_FORMAT
        " first_wrong=%s clip=%s\n", check.frames, check.not_known,
        check.types_wrong, check.theirs, check.equal, check.wrong,
        check.references_wrong, check.dual_prime, check.skipped_field,
        check.first_wrong ? check.first_wrong : "-", argv[i]);
    if (!ok)
      status = 2;
    else if (check.types_wrong + check.wrong + check.references_wrong > 0
        && status == 0)
      status = 1;
    g_clear_pointer (&check.coded, g_ptr_array_unref);
    g_free (check.first_wrong);
  }
  return status;
}
