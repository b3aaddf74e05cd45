/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Anything that may come to the element, in random order: sizes, formats, layouts and crops; coding metas that tell the truth, say
 * nothing, or stand on frames that are corrupt; pictures left out, repeated and out of order; timestamps that jump; flushes, gaps,
 * restarts, other models and settings.  At tolerance 0 the outputs are those of mode=dense, by the codec and by samples.
 *
 * DCN_STRESS_SEEDS: how many random courses (16); DCN_STRESS_FIRST: the first of them.
 */
#include "common.h"
#include <stdlib.h>
#include <string.h>
#include "coding/picture.h"

#define STEPS    120
#define N_RECENT 6

static const gchar *const formats[] = { "I420", "YV12", "NV12", "NV21", "Y42B",
  "Y444", "RGB", "BGRx", "xRGB", "GRAY8"
};

static const gint sizes[][2] =
    { {64, 48}, {96, 80}, {128, 72}, {175, 143}, {33, 17}, {7, 5} };

typedef struct
{
  GRand *rand;
  GstHarness *harness;
  GstVideoInfo info;            /* of what is seen */
  gint left, top, full_width, full_height;      /* where in the coded picture that lies */
  guint64 epoch;
  guint32 number;
  DcnPicture *recent[N_RECENT]; /* the newest first */
  GstClockTime now;
} Course;

static guint
below (Course * c, guint n)
{
  return (guint) g_rand_int_range (c->rand, 0, (gint32) n);
}

static gboolean
once_in (Course * c, guint n)
{
  return below (c, n) == 0;
}

/* ---- pictures: a block's samples follow from where it was born ---- */

static guint32
mix (guint32 a, guint32 b)
{
  a = (a ^ b) * 2654435761u;
  return a ^ a >> 15;
}

static void
forget_pictures (Course * c)
{
  for (guint i = 0; i < N_RECENT; i++)
    g_clear_pointer (&c->recent[i], dcn_picture_unref);
  c->epoch = dcn_epoch_new ();
  c->number = 0;
}

static DcnPicture *
new_picture (Course * c)
{
  DcnPicture *from = c->recent[below (c, 3)], *p;
  guint n, share = below (c, 5);

  if (once_in (c, 120))
    forget_pictures (c), from = NULL;
  p = dcn_picture_new (c->epoch, c->number++,
      from ? DCN_PICTURE_P : DCN_PICTURE_I, c->full_width, c->full_height);
  n = p->cols * p->rows;
  p->crop_x = c->left;
  p->crop_y = c->top;
  p->crop_width = c->info.width;
  p->crop_height = c->info.height;
  for (guint i = 0; from && i < n; i++)
    if (below (c, 1 + (2 << 2 * share)))
      p->born[i] = from->born[i];
  if (once_in (c, 60))
    dcn_picture_set_unknown (p, "as it happens");
  /* what it says holds, whatever was seen before */
  p->n_past = 0;
  p->complete = TRUE;
  dcn_picture_unref (c->recent[N_RECENT - 1]);
  memmove (c->recent + 1, c->recent, (N_RECENT - 1) * sizeof *c->recent);
  c->recent[0] = p;
  return p;
}

/* The part of the coded picture from x0, y0 on.  spoil: nonzero for some blocks that are not as they should be. */
static void
render (GstVideoFrame * frame, const DcnPicture * p, gint x0, gint y0,
    guint32 spoil)
{
  const GstVideoFormatInfo *finfo = frame->info.finfo;

  for (guint comp = 0; comp < GST_VIDEO_FORMAT_INFO_N_COMPONENTS (finfo);
      comp++) {
    guint8 *data = GST_VIDEO_FRAME_COMP_DATA (frame, comp);
    gint stride = GST_VIDEO_FRAME_COMP_STRIDE (frame, comp);
    gint step = GST_VIDEO_FRAME_COMP_PSTRIDE (frame, comp);
    gint sx = GST_VIDEO_FORMAT_INFO_W_SUB (finfo, comp);
    gint sy = GST_VIDEO_FORMAT_INFO_H_SUB (finfo, comp);

    for (gint y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (frame, comp); y++) {
      for (gint x = 0; x < GST_VIDEO_FRAME_COMP_WIDTH (frame, comp); x++) {
        gint px = (x << sx) + x0, py = (y << sy) + y0;
        gint block = MIN (py / 8, p->rows - 1) * p->cols
            + MIN (px / 8, p->cols - 1);
        guint32 value = mix (mix ((guint32) p->epoch, p->born[block]), block);

        if (spoil && mix (spoil, block) % 4 == 0)
          value = mix (value, spoil);
        data[y * stride + x * step] =
            mix (value, (comp << 16) + (px & 7) * 8 + (py & 7));
      }
    }
  }
}

/* ---- buffers ---- */

/* Planes with padding before, between and behind lines. */
static GstBuffer *
new_buffer (Course * c, const GstVideoInfo * info)
{
  gsize offset[GST_VIDEO_MAX_PLANES] = { 0 }, at = below (c, 3) * 13;
  gint stride[GST_VIDEO_MAX_PLANES] = { 0 };
  GstBuffer *buffer;

  if (once_in (c, 3)) {
    buffer = gst_buffer_new_allocate (NULL, GST_VIDEO_INFO_SIZE (info), NULL);
    gst_buffer_memset (buffer, 0, 0x55, -1);
    return buffer;
  }
  for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES (info); p++) {
    gint comp[GST_VIDEO_MAX_COMPONENTS];

    gst_video_format_info_component (info->finfo, p, comp);
    stride[p] = GST_VIDEO_INFO_PLANE_STRIDE (info, p) + below (c, 40);
    offset[p] = at;
    at += (gsize) stride[p] * GST_VIDEO_INFO_COMP_HEIGHT (info, comp[0])
        + below (c, 30);
  }
  buffer = gst_buffer_new_allocate (NULL, at, NULL);
  gst_buffer_memset (buffer, 0, 0xaa, -1);
  gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
      GST_VIDEO_INFO_FORMAT (info), GST_VIDEO_INFO_WIDTH (info),
      GST_VIDEO_INFO_HEIGHT (info), GST_VIDEO_INFO_N_PLANES (info), offset,
      stride);
  return buffer;
}

static GstBuffer *
next_buffer (Course * c)
{
  gboolean cropped = once_in (c, 6);
  gboolean corrupt = once_in (c, 30);
  GstVideoInfo info = c->info;
  GstVideoFrame frame;
  GstBuffer *buffer;
  DcnPicture *p = c->recent[0];

  /* some are left out, some come again, some out of order */
  for (guint n = p ? below (c, 3) : 1; n > 0; n--)
    p = new_picture (c);
  if (once_in (c, 6)) {
    DcnPicture *older = c->recent[below (c, N_RECENT)];

    p = older ? older : p;
  }

  if (cropped)
    gst_video_info_set_format (&info, GST_VIDEO_INFO_FORMAT (&c->info),
        c->full_width, c->full_height);
  buffer = new_buffer (c, &info);
  if (cropped && !gst_buffer_get_video_meta (buffer))
    gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE,
        GST_VIDEO_INFO_FORMAT (&info), info.width, info.height,
        GST_VIDEO_INFO_N_PLANES (&info), info.offset, info.stride);
  g_assert_true (gst_video_frame_map (&frame, &info, buffer, GST_MAP_WRITE));
  render (&frame, p, cropped ? 0 : c->left, cropped ? 0 : c->top,
      corrupt ? g_rand_int (c->rand) | 1 : 0);
  gst_video_frame_unmap (&frame);
  if (cropped) {
    GstVideoCropMeta *crop = gst_buffer_add_video_crop_meta (buffer);

    crop->x = c->left;
    crop->y = c->top;
    crop->width = c->info.width;
    crop->height = c->info.height;
  }
  if (corrupt)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
  if (once_in (c, 40))
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  if (!once_in (c, 8))
    gst_buffer_add_delta_coding_meta (buffer, p);

  switch (below (c, 10)) {
    case 0:
      break;                    /* no timestamp */
    case 1:
      c->now = below (c, 4) * GST_SECOND;
      GST_BUFFER_PTS (buffer) = c->now;
      break;
    case 2:
      GST_BUFFER_PTS (buffer) = c->now; /* as before */
      break;
    default:
      GST_BUFFER_PTS (buffer) = c->now += 40 * GST_MSECOND;
      GST_BUFFER_DURATION (buffer) = 40 * GST_MSECOND;
      break;
  }
  return buffer;
}

/* ---- what happens between them ---- */

static void
send_caps (Course * c)
{
  GstCaps *caps = gst_video_info_to_caps (&c->info);

  g_assert_true (gst_harness_push_event (c->harness,
          gst_event_new_caps (caps)));
  gst_caps_unref (caps);
}

static void
send_segment (Course * c)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_assert_true (gst_harness_push_event (c->harness,
          gst_event_new_segment (&segment)));
}

static void
change_caps (Course * c)
{
  const gint *size = sizes[below (c, G_N_ELEMENTS (sizes))];

  gst_video_info_set_format (&c->info,
      gst_video_format_from_string (formats[below (c, G_N_ELEMENTS (formats))]),
      size[0], size[1]);
  c->info.fps_n = 25;
  c->info.fps_d = 1;
  c->left = c->top = 0;
  c->full_width = size[0];
  c->full_height = size[1];
  if (once_in (c, 3)) {
    c->left = below (c, 8) * 2;
    c->top = below (c, 8) * 2;
    c->full_width += c->left + below (c, 20);
    c->full_height += c->top + below (c, 20);
  }
  forget_pictures (c);
}

static void
set_delta (Course * c, const gchar * name, const gchar * property,
    const gchar * value)
{
  GstElement *e = gst_bin_get_by_name (GST_BIN (c->harness->element), name);

  gst_util_set_object_arg (G_OBJECT (e), property, value);
  gst_object_unref (e);
}

static void
restart (Course * c)
{
  static const gchar *const models[] =
      { "tiny.onnx", "wide.onnx", "crop.onnx" };
  static const gchar *const names[] = { "delta", "pixel", "dense" };
  const gchar *model = models[below (c, G_N_ELEMENTS (models))];

  g_assert_cmpint (gst_element_set_state (c->harness->element, once_in (c, 2) ?
          GST_STATE_READY : GST_STATE_NULL), ==, GST_STATE_CHANGE_SUCCESS);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    set_delta (c, names[i], "model-file", test_file (model));
  g_assert_cmpint (gst_element_set_state (c->harness->element,
          GST_STATE_PLAYING), !=, GST_STATE_CHANGE_FAILURE);
  gst_harness_push_event (c->harness, gst_event_new_stream_start ("again"));
  send_caps (c);
  send_segment (c);
}

static const gchar *
happen (Course * c)
{
  switch (below (c, 60)) {
    case 0:
      change_caps (c);
      send_caps (c);
      return "caps";
    case 1:
      send_caps (c);
      return "same caps";
    case 2:
      gst_harness_push_event (c->harness, gst_event_new_flush_start ());
      gst_harness_push_event (c->harness, gst_event_new_flush_stop (TRUE));
      send_segment (c);
      return "flush";
    case 3:
      gst_harness_push_event (c->harness, gst_event_new_gap (c->now,
              GST_SECOND));
      return "gap";
    case 4:
      send_segment (c);
      return "segment";
    case 5:
      restart (c);
      return "restart";
    case 6:
      set_delta (c, "delta", "mode", "dense");
      return "dense";
    case 7:
    case 8:
      set_delta (c, "delta", "mode", "delta");
      return "delta";
    case 9:
      set_delta (c, "delta", "threads", once_in (c, 2) ? "1" : "2");
      return "threads";
    case 10:
      set_delta (c, "delta", "source", once_in (c, 3) ? "pixel" : "codec");
      return "source";
    case 11:
      gst_harness_push_event (c->harness, gst_event_new_eos ());
      gst_harness_push_event (c->harness, gst_event_new_flush_start ());
      gst_harness_push_event (c->harness, gst_event_new_flush_stop (FALSE));
      send_segment (c);
      return "EOS and flush";
    default:
      if (once_in (c, 4))
        set_delta (c, "delta", "mode", "delta");
      return NULL;
  }
}

static void
run_course (guint32 seed, Twins * sums, guint64 * by_codec)
{
  Course c = { 0, };
  GString *trail = g_string_new (NULL);
  Twins twins;
  gchar *launch = g_strdup_printf ("deltacnn name=delta source=codec "
      "top-k=100 threads=1 model-file=%s ! deltacnn name=pixel source=pixel "
      "top-k=100 threads=1 model-file=%s ! deltacnn name=dense mode=dense "
      "top-k=100 threads=1 model-file=%s", test_file ("tiny.onnx"),
      test_file ("tiny.onnx"), test_file ("tiny.onnx"));

  c.rand = g_rand_new_with_seed (seed);
  c.harness = gst_harness_new_parse (launch);
  g_free (launch);
  twins_init (&twins);
  twins_watch (&twins, c.harness->element);
  gst_harness_play (c.harness);
  gst_harness_push_event (c.harness, gst_event_new_stream_start ("stress"));
  gst_video_info_init (&c.info);
  change_caps (&c);
  send_caps (&c);
  send_segment (&c);
  for (guint step = 0; step < STEPS; step++) {
    const gchar *what = happen (&c);
    guint before = twins.frames;
    GstBuffer *out;

    if (what)
      g_string_append_printf (trail, " %u:%s", step, what);
    g_assert_cmpint (gst_harness_push (c.harness, next_buffer (&c)), ==,
        GST_FLOW_OK);
    out = gst_harness_pull (c.harness);
    g_assert_nonnull (out);
    gst_buffer_unref (out);
    g_assert_cmpuint (twins.frames, ==, before + 1);
    if (twins.wrong)
      g_error ("seed %u, frame %u (%s, %dx%d): differs by %g;%s", seed, step,
          GST_VIDEO_INFO_NAME (&c.info), c.info.width, c.info.height,
          twins.worst, trail->str);
  }
  sums->frames += twins.frames;
  sums->full += twins.full;
  sums->partial += twins.partial;
  sums->reused += twins.reused;
  sums->worst = MAX (sums->worst, twins.worst);
  *by_codec += test_stat (twins.row[0], "by-codec");
  twins_clear (&twins);
  gst_harness_teardown (c.harness);
  forget_pictures (&c);
  g_rand_free (c.rand);
  g_string_free (trail, TRUE);
}

static void
test_courses (void)
{
  const gchar *text = g_getenv ("DCN_STRESS_SEEDS");
  guint seeds = text ? strtoul (text, NULL, 10) : 16, first = 1;
  guint64 by_codec = 0;
  Twins sums = { 0, };

  if ((text = g_getenv ("DCN_STRESS_FIRST")))
    first = strtoul (text, NULL, 10);
  for (guint i = 0; i < seeds; i++)
    run_course (first + i, &sums, &by_codec);
  g_test_message ("%u courses, %u frames: %u in full, %u in part, %u reused; "
      "%u by the codec; worst difference %.2g", seeds, sums.frames, sums.full,
      sums.partial, sums.reused, (guint) by_codec, sums.worst);
  /* or it shows little */
  g_assert_cmpuint (sums.partial, >=, sums.frames / 20);
  g_assert_cmpuint (sums.full, >=, sums.frames / 20);
  g_assert_cmpuint (sums.reused, >, 0);
  g_assert_cmpuint (by_codec, >=, sums.frames / 12);
}

/* A live source whose pool has few buffers, a queue that drops, a sink that is always late and says so. */
static void
test_live (void)
{
  static const gchar *const needed[] = { "videotestsrc", "videorate", NULL };
  Twins twins;
  GstElement *pipeline;

  if (!test_have (needed))
    return;
  twins_init (&twins);
  pipeline = test_pipeline ("videotestsrc is-live=true pattern=ball "
      "num-buffers=60 ! video/x-raw,format=NV12,width=175,height=143,"
      "framerate=100/1 ! queue leaky=downstream max-size-buffers=1 ! "
      "videorate drop-only=true max-rate=70 ! deltacnn name=delta source=auto "
      "top-k=100 model-file=%s ! deltacnn name=dense mode=dense top-k=100 "
      "model-file=%s ! fakesink sync=true qos=true max-lateness=1 "
      "processing-deadline=0 throttle-time=5000000", test_file ("tiny.onnx"),
      test_file ("tiny.onnx"));
  twins_watch (&twins, pipeline);
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_assert_cmpuint (twins.frames, >, 0);
  g_assert_cmpuint (twins.wrong, ==, 0);
  twins_clear (&twins);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/stress/courses", test_courses);
  g_test_add_func ("/stress/live", test_live);
  return test_run ();
}
