/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltaextract: what comes out for what goes in, buffer by buffer.
 */
#include "extract-common.h"
#include "h264sei.h"
#include <string.h>

static void
test_untouched (void)
{
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstHarness *h = extract_harness ();
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
  g_assert_cmpuint (extract_stat (h, "buffers"), ==, buffers->len);
  g_assert_cmpuint (extract_stat (h, "bytes"), ==, bytes);
  g_assert_cmpuint (extract_stat (h, "pictures-i") + extract_stat (h,
          "pictures-p") + extract_stat (h, "pictures-b"), ==, buffers->len);
  g_assert_cmpuint (extract_stat (h, "not-understood"), ==, 0);
  /* of the time in the element, most goes into reading pictures */
  g_assert_cmpuint (extract_stat (h, "time-spent"), >=, spent);
  g_assert_cmpuint (extract_stat (h, "time-last"), >=, last);
  g_assert_cmpuint (extract_stat (h, "time-last"), <=, extract_stat (h,
          "time-spent"));
  g_assert_cmpuint (extract_stat (h, "time-mean"), ==, extract_stat (h,
          "time-spent") / buffers->len);
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
  GstCaps *caps = gst_caps_from_string (EXTRACT_CAPS);

  gst_harness_push_event (h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
}

static void
happen_other_caps (GstHarness * h, GstBuffer * next)
{
  gst_harness_set_src_caps_str (h, EXTRACT_CAPS ",interlace-mode=interleaved");
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
happen_flush (GstHarness * h, GstBuffer * next)
{
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  extract_push_segment (h, 1.0);
}

static void
happen_segment (GstHarness * h, GstBuffer * next)
{
  extract_push_segment (h, 1.0);
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
  extract_push_segment (h, 1.0);
}

/* What stands before the first picture of the stream; its byte 7 begins with
 * aspect_ratio_information (ISO/IEC 13818-2 6.2.2.1). */
static GBytes *headers;

static void
set_headers (GstBuffer * first)
{
  GstMapInfo map;
  gsize at = 0;

  gst_buffer_map (first, &map, GST_MAP_READ);
  while (memcmp (map.data + at, "\0\0\1\0", 4) != 0)
    at++;
  g_clear_pointer (&headers, g_bytes_unref);
  headers = g_bytes_new (map.data, at);
  gst_buffer_unmap (first, &map);
}

static void
put_before (GstBuffer * next, gconstpointer bytes, gsize size, guint8 aspect)
{
  guint8 *copy = g_memdup2 (bytes, size);

  if (size > 7)
    copy[7] ^= aspect << 4;
  gst_buffer_prepend_memory (next, gst_memory_new_wrapped (0, copy, size, 0,
          size, copy, g_free));
}

static void
happen_same_headers (GstHarness * h, GstBuffer * next)
{
  gsize size;
  gconstpointer bytes = g_bytes_get_data (headers, &size);

  put_before (next, bytes, size, 0);
}

/* libavcodec begins anew then. */
static void
happen_other_aspect (GstHarness * h, GstBuffer * next)
{
  gsize size;
  gconstpointer bytes = g_bytes_get_data (headers, &size);

  put_before (next, bytes, size, 3);
}

static void
happen_sequence_end (GstHarness * h, GstBuffer * next)
{
  put_before (next, "\0\0\1\xb7", 4, 0);
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
  {"same-headers", happen_same_headers, TRUE},
  {"other-aspect", happen_other_aspect, FALSE},
  {"sequence-end", happen_sequence_end, FALSE},
};

static void
test_epoch (gconstpointer data)
{
  const Happening *happening = data;

  for (guint32 seed = 0; seed < 4; seed++) {
    GPtrArray *buffers = extract_buffers (FALSE, seed);
    GstHarness *h = extract_harness ();
    GstDeltaPicture *before = NULL;
    guint claimed = 0;

    set_headers (g_ptr_array_index (buffers, 0));
    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i);
      GstDeltaPicture *picture;

      if (i == 6) {
        buffer = g_ptr_array_index (buffers, i) =
            gst_buffer_make_writable (buffer);
        happening->happen (h, buffer);
      }
      picture = extract_push_picture (h, buffer);
      g_assert_nonnull (picture);
      if (i >= 6) {
        guint n = 0, cols, rows;

        gst_delta_picture_get_grid (picture, &cols, &rows);
        if (gst_delta_picture_compare (before, picture, NULL, 0, &n)) {
          guint8 *changed = g_malloc0 (cols * rows + 1);

          claimed += cols * rows - n;
          /* a list of another length is not written to */
          g_assert_false (gst_delta_picture_compare (before, picture, changed,
                  cols * rows - 1, NULL));
          g_assert_false (gst_delta_picture_compare (before, picture, changed,
                  cols * rows + 1, NULL));
          g_assert_true (gst_delta_picture_compare (before, picture, changed,
                  cols * rows, NULL));
          g_free (changed);
        }
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

/* The upper bits of sizes are in the sequence extension, 6.2.2.3. */
static void
test_large (void)
{
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstBuffer *first = gst_buffer_copy_deep (g_ptr_array_index (buffers, 0));
  GstHarness *h = extract_harness ();
  GstDeltaPicture *picture;
  guint width, height;
  GstMapInfo map;
  gsize at = 0;

  gst_buffer_map (first, &map, GST_MAP_READWRITE);
  while (memcmp (map.data + at, "\0\0\1\xb5", 4) != 0)
    at++;
  map.data[at + 5] |= 1;        /* horizontal_size_extension 2, */
  map.data[at + 6] |= 1 << 5;   /* vertical_size_extension 1 */
  gst_buffer_unmap (first, &map);
  picture = extract_push_picture (h, first);
  g_assert_nonnull (picture);
  gst_delta_picture_get_coded_size (picture, &width, &height);
  g_assert_cmpuint (width, ==, 2 * 4096 + 96);
  g_assert_cmpuint (height, ==, 4096 + 64);
  gst_delta_picture_unref (picture);
  gst_buffer_unref (first);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
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
  GPtrArray *buffers = extract_buffers (FALSE, 2);
  GstBuffer *first = g_ptr_array_index (buffers, 0);
  GstBuffer *second = g_ptr_array_index (buffers, 1);
  GstBuffer *third = g_ptr_array_index (buffers, 2);
  static const guint8 garbage[] = { 1, 2, 3, 0, 0, 1, 0xe0, 9, 0, 0, 1 };
  GstHarness *h = extract_harness ();
  GstDeltaPicture *picture, *last;
  GstBuffer *odd;

  /* before any header */
  g_assert_null (extract_push_picture (h, second));
  odd = gst_buffer_new ();
  g_assert_null (extract_push_picture (h, odd));
  gst_buffer_unref (odd);
  odd = gst_buffer_new_memdup (garbage, sizeof garbage);
  g_assert_null (extract_push_picture (h, odd));
  gst_buffer_unref (odd);
  g_assert_cmpuint (extract_stat (h, "not-understood"), ==, 1);

  /* two pictures in one: which of them comes out with the meta is not known */
  odd = joined (first, second);
  g_assert_null (extract_push_picture (h, odd));
  gst_buffer_unref (odd);
  picture = extract_push_picture (h, third);
  g_assert_false (gst_delta_picture_is_known (picture));
  gst_delta_picture_unref (picture);

  /* cut short at every length: never known, and nothing that follows compares with what was before */
  for (gsize size = 1; size < gst_buffer_get_size (second);
      size += 1 + size / 8) {
    GstDeltaPicture *before = extract_push_picture (h, first);

    g_assert_true (gst_delta_picture_is_known (before));
    odd = gst_buffer_copy_region (second, GST_BUFFER_COPY_ALL, 0, size);
    picture = extract_push_picture (h, odd);
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
  picture = extract_push_picture (h, first);
  last = extract_push_picture (h, second);
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
    GPtrArray *buffers = extract_buffers (TRUE, seed);
    GstHarness *two = extract_harness (), *one = extract_harness ();

    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i), *top, *bottom;
      GstDeltaPicture *both =
          extract_push_picture (one, buffer), *first, *second;
      const guint32 *a, *b;
      gsize n_a, n_b;

      g_assert_true (gst_delta_picture_is_known (both));
      if (!is_field (buffer)) {
        gst_delta_picture_unref (extract_push_picture (two, buffer));
        gst_delta_picture_unref (both);
        continue;
      }
      split_fields (buffer, &top, &bottom);
      first = extract_push_picture (two, top);
      g_assert_nonnull (first);
      g_assert_false (gst_delta_picture_is_complete (first));
      g_assert_null (gst_delta_picture_get_born (first, NULL));
      g_assert_false (gst_delta_picture_compare (first, first, NULL, 0, NULL));
      second = extract_push_picture (two, bottom);
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
    g_assert_cmpuint (extract_stat (two, "not-understood"), ==, 0);
    g_assert_cmpuint (extract_stat (two, "buffers"), >, extract_stat (one,
            "buffers"));
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
    GPtrArray *buffers = extract_buffers (TRUE, seed);
    GstHarness *h = extract_harness ();
    gboolean dropped = FALSE;

    for (guint i = 0; i < buffers->len; i++) {
      GstBuffer *buffer = g_ptr_array_index (buffers, i), *top, *bottom;
      GstDeltaPicture *picture;

      if (!is_field (buffer)) {
        if (dropped)
          break;
        gst_delta_picture_unref (extract_push_picture (h, buffer));
        continue;
      }
      split_fields (buffer, &top, &bottom);
      /* with the first loss signalled or not */
      if (dropped || i == 0) {
        gst_delta_picture_unref (extract_push_picture (h, top));
      } else {
        dropped = TRUE;
        lost++;
        if (seed & 1)
          GST_BUFFER_FLAG_SET (bottom, GST_BUFFER_FLAG_DISCONT);
      }
      picture = extract_push_picture (h, bottom);
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
    {EXTRACT_CAPS, TRUE},
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
  g_assert_cmpuint (extract_stat (h, "not-understood"), ==, 1);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* Messages of H.264 that change what decoders put out. */
static void
test_sei (void)
{
  /* film_grain_characteristics() that only begins, one that cancels, one that cancels and
   * is cut off, and one that cancels before another message */
  static const guint8 grain[] = { 6, 19, 1, 0x40, 0x80 };
  static const guint8 cancel[] = { 6, 19, 1, 0x80, 0x80 };
  static const guint8 cut[] = { 6, 19, 5, 0x80, 0x80 };
  static const guint8 before[] = { 6, 19, 1, 0x80, 4, 1, 0, 0x80 };
  /* user data of x264; in its identifier two zeros that are followed by the 3 that keeps
   * them from being a start code, and a 3 of its own behind two zeros apart */
  static const guint8 x264[] = { 6, 5, 32,
    1, 2, 0, 0, 3, 1, 6, 0, 8, 0, 3, 11, 12, 13, 14, 15, 16,
    'x', '2', '6', '4', ' ', '-', ' ', 'c', 'o', 'r', 'e', ' ', '3', '3',
    ' ', 'r', 0x80
  };
  DeltaH264Sei sei = { 0 };

  delta_h264_sei_read (&sei, cancel, sizeof cancel);
  g_assert_null (delta_h264_sei_doubt (&sei, TRUE, 3));
  delta_h264_sei_read (&sei, grain, sizeof grain);
  g_assert_nonnull (delta_h264_sei_doubt (&sei, FALSE, 1));
  delta_h264_sei_read (&sei, cut, sizeof cut);
  g_assert_nonnull (delta_h264_sei_doubt (&sei, FALSE, 1));
  delta_h264_sei_read (&sei, cancel, sizeof cancel);
  g_assert_null (delta_h264_sei_doubt (&sei, FALSE, 1));
  delta_h264_sei_read (&sei, grain, sizeof grain);
  delta_h264_sei_read (&sei, before, sizeof before);
  g_assert_null (delta_h264_sei_doubt (&sei, FALSE, 1));

  delta_h264_sei_read (&sei, x264, sizeof x264);
  g_assert_cmpint (sei.x264_build, ==, 33);
  g_assert_nonnull (delta_h264_sei_doubt (&sei, TRUE, 1));
  g_assert_null (delta_h264_sei_doubt (&sei, FALSE, 1));
  g_assert_nonnull (delta_h264_sei_doubt (&sei, FALSE, 3));
}

/* Containers keep the sequence header apart. */
static void
test_codec_data (void)
{
  GPtrArray *buffers = extract_buffers (FALSE, 3);
  GstBuffer *first = g_ptr_array_index (buffers, 0), *header, *rest;
  GstHarness *h = gst_harness_new ("deltaextract");
  GstCaps *caps = gst_caps_from_string (EXTRACT_CAPS);
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
  picture = extract_push_picture (h, rest);
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
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstHarness *h = extract_harness ();
  GstDeltaPicture *picture;

  gst_delta_picture_unref (extract_push_picture (h, g_ptr_array_index (buffers,
              0)));
  extract_push_segment (h, -1.0);
  g_assert_null (extract_push_picture (h, g_ptr_array_index (buffers, 0)));
  extract_push_segment (h, 1.0);
  picture = extract_push_picture (h, g_ptr_array_index (buffers, 0));
  g_assert_nonnull (picture);
  gst_delta_picture_unref (picture);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

/* EOS, or READY and back: as new. */
static void
test_restart (void)
{
  GPtrArray *buffers = extract_buffers (FALSE, 1);
  GstHarness *h = extract_harness ();
  GstElement *element = gst_harness_find_element (h, "deltaextract");
  GstDeltaPicture *before, *after;

  before = extract_push_picture (h, g_ptr_array_index (buffers, 0));
  gst_harness_push_event (h, gst_event_new_eos ());
  gst_element_set_state (element, GST_STATE_READY);
  gst_element_set_state (element, GST_STATE_PLAYING);
  g_assert_cmpuint (extract_stat (h, "buffers"), ==, 0);
  gst_harness_push_event (h, gst_event_new_stream_start ("again"));
  gst_harness_set_src_caps_str (h, EXTRACT_CAPS);
  extract_push_segment (h, 1.0);
  /* the sequence header is forgotten as well */
  g_assert_null (extract_push_picture (h, g_ptr_array_index (buffers, 1)));
  after = extract_push_picture (h, g_ptr_array_index (buffers, 0));
  g_assert_nonnull (after);
  g_assert_cmpuint (gst_delta_picture_get_epoch (before), !=,
      gst_delta_picture_get_epoch (after));
  gst_delta_picture_unref (before);
  gst_delta_picture_unref (after);
  gst_object_unref (element);
  gst_harness_teardown (h);
  g_ptr_array_unref (buffers);
}

int
main (int argc, char **argv)
{
  extract_init (&argc, &argv);
  g_test_add_func ("/extract/untouched", test_untouched);
  for (guint i = 0; i < G_N_ELEMENTS (happenings); i++) {
    gchar *path = g_strdup_printf ("/extract/epoch/%s", happenings[i].name);

    g_test_add_data_func (path, &happenings[i], test_epoch);
    g_free (path);
  }
  g_test_add_func ("/extract/large", test_large);
  g_test_add_func ("/extract/odd-buffers", test_odd_buffers);
  g_test_add_func ("/extract/fields", test_fields);
  g_test_add_func ("/extract/lost-field", test_lost_field);
  g_test_add_func ("/extract/caps", test_caps);
  g_test_add_func ("/extract/h264-junk", test_h264_junk);
  g_test_add_func ("/extract/sei", test_sei);
  g_test_add_func ("/extract/codec-data", test_codec_data);
  g_test_add_func ("/extract/backwards", test_backwards);
  g_test_add_func ("/extract/restart", test_restart);
  return g_test_run ();
}
