/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltaextract and the coding meta: what comes out for what goes in, buffer by buffer.  The streams are random ones of
 * tests/mpeg2, cut into buffers by mpegvideoparse.
 */
#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include <string.h>
#include "gstdeltacodingmeta.h"
#include "mpeg2/random-stream.h"
#include "gstdeltaextract.h"

#define CAPS "video/mpeg,mpegversion=2,systemstream=false,parsed=true," \
    "width=96,height=64,framerate=25/1"

/* The coded buffers of a stream. */
static GPtrArray *
coded_buffers (gboolean field_pictures, guint32 seed)
{
  StreamPlan plan = {
    .sequence = {.horizontal_size = 96,.vertical_size = 64,.chroma_format = 1},
    .n_frames = 12,.field_pictures = field_pictures,.b_pictures = TRUE,
    .slices_per_row = 1
  };
  Stream *stream = stream_new (&plan, seed);
  GByteArray *bytes = stream_bytes (stream);
  GstHarness *h = gst_harness_new ("mpegvideoparse");
  GPtrArray *buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  GstBuffer *buffer;

  gst_harness_set_src_caps_str (h,
      "video/mpeg,mpegversion=2,systemstream=false");
  gst_harness_push (h, gst_buffer_new_memdup (bytes->data, bytes->len));
  gst_harness_push_event (h, gst_event_new_eos ());
  while ((buffer = gst_harness_try_pull (h))) {
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_FLAG_UNSET (buffer, GST_BUFFER_FLAG_DISCONT);
    g_ptr_array_add (buffers, buffer);
  }
  gst_harness_teardown (h);
  g_byte_array_unref (bytes);
  stream_free (stream);
  g_assert_cmpuint (buffers->len, >=, 12);
  return buffers;
}

static GstHarness *
harness (void)
{
  GstHarness *h = gst_harness_new ("deltaextract");

  gst_harness_set_src_caps_str (h, CAPS);
  return h;
}

/* Pushes a copy of a buffer, as the buffers are used again. */
static GstBuffer *
push (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, gst_buffer_copy (buffer));

  g_assert_nonnull (out);
  return out;
}

static GstDeltaPicture *
push_picture (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = push (h, buffer);
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (out);
  GstDeltaPicture *picture =
      meta ? gst_delta_picture_ref (meta->picture) : NULL;

  gst_buffer_unref (out);
  return picture;
}

static guint64
stat (GstHarness * h, const gchar * name)
{
  GstElement *element = gst_harness_find_element (h, "deltaextract");
  GstStructure *stats;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  gst_object_unref (element);
  return value;
}

static void
test_untouched (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 1);
  GstHarness *h = harness ();
  GstClockTime spent = 0, last = 0;
  gsize bytes = 0;

  for (guint i = 0; i < buffers->len; i++) {
    GstBuffer *buffer = g_ptr_array_index (buffers, i), *out;
    GstMemory *memory = gst_buffer_peek_memory (buffer, 0);
    GstMapInfo a, b;

    GST_BUFFER_PTS (buffer) = i * GST_SECOND;
    GST_BUFFER_OFFSET (buffer) = i;
    /* Out at once, no delay; shared with this test, so the meta must go on another buffer with the same memory. */
    out = gst_harness_push_and_pull (h, gst_buffer_ref (buffer));
    g_assert_nonnull (out);
    g_assert_null (gst_buffer_get_delta_coding_meta (buffer));
    g_assert_nonnull (gst_buffer_get_delta_coding_meta (out));
    g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
    g_assert_cmpuint (gst_buffer_n_memory (out), ==,
        gst_buffer_n_memory (buffer));
    g_assert_cmpuint (GST_BUFFER_PTS (out), ==, GST_BUFFER_PTS (buffer));
    g_assert_cmpuint (GST_BUFFER_DTS (out), ==, GST_BUFFER_DTS (buffer));
    g_assert_cmpuint (GST_BUFFER_OFFSET (out), ==, i);
    g_assert_cmpuint (GST_BUFFER_FLAGS (out) & ~GST_BUFFER_FLAG_TAG_MEMORY, ==,
        GST_BUFFER_FLAGS (buffer) & ~GST_BUFFER_FLAG_TAG_MEMORY);
    gst_buffer_map (buffer, &a, GST_MAP_READ);
    gst_buffer_map (out, &b, GST_MAP_READ);
    g_assert_cmpmem (a.data, a.size, b.data, b.size);
    gst_buffer_unmap (buffer, &a);
    gst_buffer_unmap (out, &b);
    last = gst_delta_picture_get_extract_time (gst_buffer_get_delta_coding_meta
        (out)->picture);
    g_assert_cmpuint (last, >, 0);
    spent += last;
    bytes += gst_buffer_get_size (buffer);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (stat (h, "buffers"), ==, buffers->len);
  g_assert_cmpuint (stat (h, "bytes"), ==, bytes);
  g_assert_cmpuint (stat (h, "pictures-i") + stat (h, "pictures-p") +
      stat (h, "pictures-b"), ==, buffers->len);
  g_assert_cmpuint (stat (h, "not-understood"), ==, 0);
  /* of the time in the element, most goes into reading pictures */
  g_assert_cmpuint (stat (h, "time-spent"), >=, spent);
  g_assert_cmpuint (stat (h, "time-last"), >=, last);
  g_assert_cmpuint (stat (h, "time-last"), <=, stat (h, "time-spent"));
  g_assert_cmpuint (stat (h, "time-mean"), ==,
      stat (h, "time-spent") / buffers->len);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

/* What must start a new epoch, in the middle of a stream. */
typedef struct
{
  const gchar *name;
  void (*happen) (GstHarness * h, GstBuffer * next);
  gboolean same;                /* it must not */
} Happening;

static void
happen_nothing (GstHarness * h, GstBuffer * next)
{
}

static void
happen_same_caps (GstHarness * h, GstBuffer * next)
{
  GstCaps *caps = gst_caps_from_string (CAPS);

  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
}

static void
happen_other_caps (GstHarness * h, GstBuffer * next)
{
  gst_harness_set_src_caps_str (h, CAPS ",interlace-mode=interleaved");
}

static void
happen_discont (GstHarness * h, GstBuffer * next)
{
  GST_BUFFER_FLAG_SET (next, GST_BUFFER_FLAG_DISCONT);
}

static void
happen_corrupted (GstHarness * h, GstBuffer * next)
{
  GST_BUFFER_FLAG_SET (next, GST_BUFFER_FLAG_CORRUPTED);
}

static void
push_segment (GstHarness * h, gdouble rate)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  if (rate < 0)
    segment.stop = GST_SECOND;
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}

static void
happen_flush (GstHarness * h, GstBuffer * next)
{
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  push_segment (h, 1.0);
}

static void
happen_segment (GstHarness * h, GstBuffer * next)
{
  push_segment (h, 1.0);
}

static void
happen_gap (GstHarness * h, GstBuffer * next)
{
  gst_harness_push_event (h, gst_event_new_gap (0, GST_SECOND));
}

static void
happen_stream (GstHarness * h, GstBuffer * next)
{
  gst_harness_push_event (h, gst_event_new_stream_start ("another"));
  push_segment (h, 1.0);
}

static const Happening happenings[] = {
  {"nothing", happen_nothing, TRUE},
  {"same-caps", happen_same_caps, TRUE},
  {"other-caps", happen_other_caps, FALSE},
  {"discont", happen_discont, FALSE},
  {"corrupted", happen_corrupted, FALSE},
  {"flush", happen_flush, FALSE},
  {"segment", happen_segment, FALSE},
  {"gap", happen_gap, FALSE},
  {"stream", happen_stream, FALSE},
};

static void
test_epoch (gconstpointer data)
{
  const Happening *happening = data;

  for (guint32 seed = 0; seed < 4; seed++) {
    GPtrArray *buffers = coded_buffers (FALSE, seed);
    GstHarness *h = harness ();
    GstDeltaPicture *before = NULL;
    guint claimed = 0;

    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i);
      GstDeltaPicture *picture;

      if (i == 6) {
        buffer = g_ptr_array_index (buffers, i) =
            gst_buffer_make_writable (buffer);
        happening->happen (h, buffer);
      }
      picture = push_picture (h, buffer);
      g_assert_nonnull (picture);
      if (i >= 6) {
        guint n = 0, cols, rows;

        gst_delta_picture_get_grid (picture, &cols, &rows);
        if (gst_delta_picture_compare (before, picture, NULL, 0, &n))
          claimed += cols * rows - n;
        if (!happening->same)
          g_assert_cmpuint (gst_delta_picture_get_epoch (picture), !=,
              gst_delta_picture_get_epoch (before));
      }
      if (i == 5)
        before = picture;
      else
        gst_delta_picture_unref (picture);
    }
    if (happening->same)
      g_assert_cmpuint (claimed, >, 0);
    else
      g_assert_cmpuint (claimed, ==, 0);
    gst_delta_picture_unref (before);
    gst_harness_teardown (h);
    g_ptr_array_unref (buffers);
  }
}

static GstBuffer *
joined (GstBuffer * a, GstBuffer * b)
{
  return gst_buffer_append (gst_buffer_copy_deep (a), gst_buffer_copy_deep (b));
}

/* Buffers that a parser would not hand out. */
static void
test_odd_buffers (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 2);
  GstBuffer *first = g_ptr_array_index (buffers, 0);
  GstBuffer *second = g_ptr_array_index (buffers, 1);
  GstBuffer *third = g_ptr_array_index (buffers, 2);
  static const guint8 garbage[] = { 1, 2, 3, 0, 0, 1, 0xe0, 9, 0, 0, 1 };
  GstHarness *h = harness ();
  GstDeltaPicture *picture, *last;
  GstBuffer *odd;

  /* before any header */
  g_assert_null (push_picture (h, second));
  odd = gst_buffer_new ();
  g_assert_null (push_picture (h, odd));
  gst_buffer_unref (odd);
  odd = gst_buffer_new_memdup (garbage, sizeof garbage);
  g_assert_null (push_picture (h, odd));
  gst_buffer_unref (odd);
  g_assert_cmpuint (stat (h, "not-understood"), ==, 1);

  /* two pictures in one: which of them comes out with the meta is not known */
  odd = joined (first, second);
  g_assert_null (push_picture (h, odd));
  gst_buffer_unref (odd);
  picture = push_picture (h, third);
  g_assert_false (gst_delta_picture_is_known (picture));
  gst_delta_picture_unref (picture);

  /* cut short at every length: never known, and nothing that follows compares with what was before */
  for (gsize size = 1; size < gst_buffer_get_size (second);
      size += 1 + size / 8) {
    GstDeltaPicture *before = push_picture (h, first);

    g_assert_true (gst_delta_picture_is_known (before));
    odd = gst_buffer_copy_region (second, GST_BUFFER_COPY_ALL, 0, size);
    picture = push_picture (h, odd);
    gst_buffer_unref (odd);
    if (picture) {
      g_assert_false (gst_delta_picture_is_known (picture));
      g_assert_nonnull (gst_delta_picture_get_unknown_reason (picture));
      g_assert_false (gst_delta_picture_compare (before, picture, NULL, 0,
              NULL));
      gst_delta_picture_unref (picture);
    }
    gst_delta_picture_unref (before);
  }

  /* and it goes on */
  picture = push_picture (h, first);
  last = push_picture (h, second);
  g_assert_true (gst_delta_picture_is_known (picture));
  g_assert_true (gst_delta_picture_is_known (last));
  g_assert_cmpuint (gst_delta_picture_get_epoch (picture), ==,
      gst_delta_picture_get_epoch (last));
  gst_delta_picture_unref (picture);
  gst_delta_picture_unref (last);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

static gboolean
is_field (GstBuffer * buffer)
{
  GstMapInfo map;
  gboolean field = FALSE;

  gst_buffer_map (buffer, &map, GST_MAP_READ);
  for (gsize i = 0; i + 7 < map.size; i++)
    if (memcmp (map.data + i, "\0\0\1\xb5", 4) == 0
        && map.data[i + 4] >> 4 == 8)
      field = (map.data[i + 6] & 3) != 3;
  gst_buffer_unmap (buffer, &map);
  return field;
}

/* mpegvideoparse hands out both fields of a frame in one buffer; other parsers and demuxers may not.  first and second
 * are the fields. */
static void
split_fields (GstBuffer * buffer, GstBuffer ** first, GstBuffer ** second)
{
  gsize at = 0, cuts = 0, cut = 0;
  GstMapInfo map;

  gst_buffer_map (buffer, &map, GST_MAP_READ);
  for (at = 0; at + 4 <= map.size; at++)
    if (memcmp (map.data + at, "\0\0\1\0", 4) == 0) {
      cuts++;
      cut = at;
    }
  gst_buffer_unmap (buffer, &map);
  g_assert_cmpuint (cuts, ==, 2);
  *first = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 0, cut);
  *second = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, cut, -1);
}

/* A frame of two fields is one picture, whether they come in two buffers or in one. */
static void
test_fields (void)
{
  guint pairs = 0;

  for (guint32 seed = 0; seed < 6; seed++) {
    GPtrArray *buffers = coded_buffers (TRUE, seed);
    GstHarness *two = harness (), *one = harness ();

    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i), *top, *bottom;
      GstDeltaPicture *both = push_picture (one, buffer), *first, *second;
      const guint32 *a, *b;
      gsize n_a, n_b;

      g_assert_true (gst_delta_picture_is_known (both));
      if (!is_field (buffer)) {
        gst_delta_picture_unref (push_picture (two, buffer));
        gst_delta_picture_unref (both);
        continue;
      }
      split_fields (buffer, &top, &bottom);
      first = push_picture (two, top);
      g_assert_nonnull (first);
      g_assert_false (gst_delta_picture_is_complete (first));
      g_assert_null (gst_delta_picture_get_born (first, NULL));
      g_assert_false (gst_delta_picture_compare (first, first, NULL, 0, NULL));
      second = push_picture (two, bottom);
      g_assert_true (second == first);
      g_assert_true (gst_delta_picture_is_known (first));

      a = gst_delta_picture_get_born (first, &n_a);
      b = gst_delta_picture_get_born (both, &n_b);
      g_assert_cmpmem (a, n_a * sizeof *a, b, n_b * sizeof *b);
      gst_delta_picture_unref (first);
      gst_delta_picture_unref (second);
      gst_delta_picture_unref (both);
      gst_buffer_unref (top);
      gst_buffer_unref (bottom);
      pairs++;
    }
    g_assert_cmpuint (stat (two, "not-understood"), ==, 0);
    g_assert_cmpuint (stat (two, "buffers"), >, stat (one, "buffers"));
    gst_harness_teardown (two);
    gst_harness_teardown (one);
    g_ptr_array_unref (buffers);
  }
  g_assert_cmpuint (pairs, >, 5);
}

/* After a field without its partner a decoder may pair all following ones wrongly, until a frame picture comes. */
static void
test_lost_field (void)
{
  guint lost = 0, not_known = 0;

  for (guint32 seed = 0; seed < 12; seed++) {
    GPtrArray *buffers = coded_buffers (TRUE, seed);
    GstHarness *h = harness ();
    gboolean dropped = FALSE;

    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i), *top, *bottom;
      GstDeltaPicture *picture;

      if (!is_field (buffer)) {
        if (dropped)
          break;
        gst_delta_picture_unref (push_picture (h, buffer));
        continue;
      }
      split_fields (buffer, &top, &bottom);
      /* with the first loss signalled or not */
      if (dropped || i == 0) {
        gst_delta_picture_unref (push_picture (h, top));
      } else {
        dropped = TRUE;
        lost++;
        if (seed & 1)
          GST_BUFFER_FLAG_SET (bottom, GST_BUFFER_FLAG_DISCONT);
      }
      picture = push_picture (h, bottom);
      if (dropped) {
        g_assert_false (picture && gst_delta_picture_is_known (picture));
        not_known++;
      }
      if (picture)
        gst_delta_picture_unref (picture);
      gst_buffer_unref (top);
      gst_buffer_unref (bottom);
    }
    gst_harness_teardown (h);
    g_ptr_array_unref (buffers);
  }
  g_assert_cmpuint (lost, >, 5);
  g_assert_cmpuint (not_known, >, lost);
}

static void
test_caps (void)
{
  static const struct
  {
    const gchar *caps;
    gboolean taken;
  } cases[] = {
    {CAPS, TRUE},
    {"video/mpeg,mpegversion=1,systemstream=false,parsed=true", TRUE},
    {"video/x-h264,parsed=true,alignment=au,stream-format=byte-stream", TRUE},
    {"video/mpeg,mpegversion=2,systemstream=false,parsed=false", FALSE},
    {"video/mpeg,mpegversion=2,systemstream=false", FALSE},
    {"video/mpeg,mpegversion=2,systemstream=true,parsed=true", FALSE},
    {"video/mpeg,mpegversion=4,systemstream=false,parsed=true", FALSE},
    {"video/x-h264,parsed=true,alignment=nal,stream-format=byte-stream", FALSE},
    {"video/x-raw,format=I420,width=16,height=16", FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GstElement *element = gst_element_factory_make ("deltaextract", NULL);
    GstPad *pad = gst_element_get_static_pad (element, "sink");
    GstCaps *caps = gst_caps_from_string (cases[i].caps);

    g_test_message ("%s", cases[i].caps);
    g_assert_cmpint (gst_pad_query_accept_caps (pad, caps), ==, cases[i].taken);
    gst_caps_unref (caps);
    gst_object_unref (pad);
    gst_object_unref (element);
  }
}

/* Bytes that are no H.264. */
static void
test_h264_junk (void)
{
  GstHarness *h = gst_harness_new ("deltaextract");
  GstBuffer *in = gst_buffer_new_allocate (NULL, 64, NULL), *out;

  gst_harness_set_src_caps_str (h,
      "video/x-h264,parsed=true,alignment=au,stream-format=byte-stream");
  gst_buffer_memset (in, 0, 0x55, 64);
  out = gst_harness_push_and_pull (h, in);
  g_assert_true (out == in);
  g_assert_null (gst_buffer_get_delta_coding_meta (out));
  g_assert_cmpuint (stat (h, "not-understood"), ==, 1);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Containers keep the sequence header apart. */
static void
test_codec_data (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 3);
  GstBuffer *first = g_ptr_array_index (buffers, 0), *header, *rest;
  GstHarness *h = gst_harness_new ("deltaextract");
  GstCaps *caps = gst_caps_from_string (CAPS);
  GstDeltaPicture *picture;
  GstMapInfo map;
  gsize at = 0;

  gst_buffer_map (first, &map, GST_MAP_READ);
  while (memcmp (map.data + at, "\0\0\1\0", 4) != 0)
    at++;
  gst_buffer_unmap (first, &map);
  header = gst_buffer_copy_region (first, GST_BUFFER_COPY_MEMORY, 0, at);
  rest = gst_buffer_copy_region (first, GST_BUFFER_COPY_ALL, at, -1);
  gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, header, NULL);
  gst_buffer_unref (header);
  gst_harness_set_src_caps (h, caps);
  picture = push_picture (h, rest);
  g_assert_nonnull (picture);
  g_assert_true (gst_delta_picture_is_known (picture));
  gst_delta_picture_unref (picture);
  gst_buffer_unref (rest);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

static void
test_backwards (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 1);
  GstHarness *h = harness ();
  GstDeltaPicture *picture;

  gst_delta_picture_unref (push_picture (h, g_ptr_array_index (buffers, 0)));
  push_segment (h, -1.0);
  g_assert_null (push_picture (h, g_ptr_array_index (buffers, 0)));
  push_segment (h, 1.0);
  picture = push_picture (h, g_ptr_array_index (buffers, 0));
  g_assert_nonnull (picture);
  gst_delta_picture_unref (picture);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

/* EOS, or READY and back: as new. */
static void
test_restart (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 1);
  GstHarness *h = harness ();
  GstElement *element = gst_harness_find_element (h, "deltaextract");
  GstDeltaPicture *before, *after;

  before = push_picture (h, g_ptr_array_index (buffers, 0));
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_element_set_state (element, GST_STATE_READY);
  gst_element_set_state (element, GST_STATE_PLAYING);
  g_assert_cmpuint (stat (h, "buffers"), ==, 0);
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_set_src_caps_str (h, CAPS);
  push_segment (h, 1.0);
  /* the sequence header is forgotten as well */
  g_assert_null (push_picture (h, g_ptr_array_index (buffers, 1)));
  after = push_picture (h, g_ptr_array_index (buffers, 0));
  g_assert_nonnull (after);
  g_assert_cmpuint (gst_delta_picture_get_epoch (before), !=,
      gst_delta_picture_get_epoch (after));
  gst_delta_picture_unref (before);
  gst_delta_picture_unref (after);
  gst_object_unref (element);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

static void
test_meta_copies (void)
{
  GPtrArray *buffers = coded_buffers (FALSE, 1);
  GstHarness *h = harness ();
  GstBuffer *buffer = push (h, g_ptr_array_index (buffers, 0)), *copy;
  GstDeltaPicture *picture = gst_buffer_get_delta_coding_meta (buffer)->picture;
  GstMeta *meta = (GstMeta *) gst_buffer_get_delta_coding_meta (buffer);
  GstVideoInfo in, out;
  GstVideoMetaTransform scale = { &in, &out };

  copy = gst_buffer_copy_deep (buffer);
  g_assert_true (gst_buffer_get_delta_coding_meta (copy)->picture == picture);
  gst_buffer_unref (copy);
  /* as v4l2 decoders do: metas with a region of no bytes */
  copy = gst_buffer_new ();
  gst_buffer_copy_into (copy, buffer, GST_BUFFER_COPY_META, 0, 0);
  g_assert_true (gst_buffer_get_delta_coding_meta (copy)->picture == picture);
  gst_buffer_unref (copy);
  /* the second piece of a buffer that was cut up */
  copy = gst_buffer_copy_region (buffer, GST_BUFFER_COPY_ALL, 16, 16);
  g_assert_null (gst_buffer_get_delta_coding_meta (copy));
  gst_buffer_unref (copy);
  /* scaled */
  copy = gst_buffer_new ();
  gst_video_info_set_format (&in, GST_VIDEO_FORMAT_I420, 96, 64);
  gst_video_info_set_format (&out, GST_VIDEO_FORMAT_I420, 48, 32);
  g_assert_false (meta->info->transform_func (copy, meta, buffer,
          gst_video_meta_transform_scale_get_quark (), &scale));
  /* a kind that is not known, whatever comes with it */
  g_assert_false (meta->info->transform_func (copy, meta, buffer,
          g_quark_from_static_string ("gst-video-turn-round"), NULL));
  g_assert_null (gst_buffer_get_delta_coding_meta (copy));
  gst_buffer_unref (copy);

  gst_buffer_unref (buffer);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

/* What raw video elements do with it.  In-place elements (overlays, balance) leave metas where they are and cannot be
 * told here: deltacnn looks at who is upstream. */
static const struct
{
  const gchar *name, *chain;
  gboolean kept;
} raw_chains[] = {
  {"identity", "identity", TRUE},
  {"queue", "queue", TRUE},
  {"videorate", "videorate", TRUE},
  {"videoconvert-idle",
      "videoconvert ! capsfilter caps=video/x-raw,format=I420", TRUE},
  {"videoconvert", "videoconvert ! capsfilter caps=video/x-raw,format=RGB",
      FALSE},
  {"videoscale-idle",
      "videoscale ! capsfilter caps=video/x-raw,width=96,height=64", TRUE},
  {"videoscale", "videoscale ! capsfilter caps=video/x-raw,width=48,height=32",
      FALSE},
  {"videoflip", "videoflip video-direction=horiz", FALSE},
  {"videorotate", "videoflip video-direction=90r", FALSE},
  {"videocrop", "videocrop left=8", FALSE},
  {"videobox", "videobox left=-8", FALSE},
  {"deinterlace", "deinterlace mode=interlaced", FALSE},
};

static void
test_raw (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);
  GstHarness *h = gst_harness_new_parse (raw_chains[i].chain);
  GPtrArray *buffers = coded_buffers (FALSE, 1);
  GstHarness *extract = harness ();
  GstDeltaPicture *picture =
      push_picture (extract, g_ptr_array_index (buffers, 0));
  GstBuffer *out = NULL;

  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=96,height=64,"
      "framerate=25/1,interlace-mode=progressive");
  for (guint n = 0; !out && n < 8; n++) {
    GstBuffer *in = gst_harness_create_buffer (h, 96 * 64 * 3 / 2);

    gst_buffer_memset (in, 0, n * 16, -1);
    GST_BUFFER_PTS (in) = n * GST_SECOND / 25;
    GST_BUFFER_DURATION (in) = GST_SECOND / 25;
    gst_buffer_add_delta_coding_meta (in, picture);
    gst_harness_push (h, in);
    /* queues have a thread of their own */
    for (guint wait = 0; !out && wait < (n == 7 ? 200 : 1); wait++) {
      out = gst_harness_try_pull (h);
      if (!out)
        g_usleep (5000);
    }
  }
  g_assert_nonnull (out);
  g_assert_cmpint (gst_buffer_get_delta_coding_meta (out) != NULL, ==,
      raw_chains[i].kept);
  gst_buffer_unref (out);
  gst_delta_picture_unref (picture);
  gst_harness_teardown (h);
  gst_harness_teardown (extract);
  g_ptr_array_unref (buffers);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  gst_init (&argc, &argv);
  GST_ELEMENT_REGISTER (deltaextract, NULL);
  g_test_add_func ("/extract/untouched", test_untouched);
  for (guint i = 0; i < G_N_ELEMENTS (happenings); i++) {
    gchar *path = g_strdup_printf ("/extract/epoch/%s", happenings[i].name);

    g_test_add_data_func (path, &happenings[i], test_epoch);
    g_free (path);
  }
  g_test_add_func ("/extract/odd-buffers", test_odd_buffers);
  g_test_add_func ("/extract/fields", test_fields);
  g_test_add_func ("/extract/lost-field", test_lost_field);
  g_test_add_func ("/extract/caps", test_caps);
  g_test_add_func ("/extract/h264-junk", test_h264_junk);
  g_test_add_func ("/extract/codec-data", test_codec_data);
  g_test_add_func ("/extract/backwards", test_backwards);
  g_test_add_func ("/extract/restart", test_restart);
  g_test_add_func ("/coding-meta/copies", test_meta_copies);
  for (guint i = 0; i < G_N_ELEMENTS (raw_chains); i++) {
    gchar *path = g_strdup_printf ("/coding-meta/%s", raw_chains[i].name);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_raw);
    g_free (path);
  }
  return g_test_run ();
}
