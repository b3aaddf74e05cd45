/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * deltaextract adds no latency: an access unit has left before the next one comes, whatever it is a part of, and a query
 * for latency gets the same answer with the element as without.
 */
#include "common.h"

static const gchar *generator;  /* tests/h264/random-stream.c */

/* A stream's access units, as h264parse hands them out. */
static GPtrArray *
access_units (const gchar * path, GstCaps ** caps)
{
  GPtrArray *units =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_buffer_unref);
  GstHarness *h = gst_harness_new_parse ("h264parse ! capsfilter "
      "caps=video/x-h264,alignment=au,stream-format=byte-stream");
  GstBuffer *buffer;
  gchar *bytes;
  gsize size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  gst_harness_set_src_caps_str (h, "video/x-h264,stream-format=byte-stream");
  gst_harness_push (h, gst_buffer_new_wrapped (bytes, size));
  gst_harness_push_event (h, gst_event_new_eos ());
  *caps = gst_pad_get_current_caps (h->sinkpad);
  g_assert_nonnull (*caps);
  while ((buffer = gst_harness_try_pull (h)))
    g_ptr_array_add (units, buffer);
  gst_harness_teardown (h);
  return units;
}

typedef struct
{
  guint units, metas, first_fields, second_fields, b_pictures;
} Pushed;

static void
push_all (const gchar * path, Pushed * pushed)
{
  GstHarness *h = gst_harness_new ("deltaextract");
  GstDeltaPicture *half = NULL;
  GPtrArray *units;
  GstCaps *caps;
  guint i;

  units = access_units (path, &caps);
  gst_harness_set_src_caps (h, caps);
  for (i = 0; i < units->len; i++) {
    GstBuffer *unit = g_ptr_array_index (units, i), *out;
    GstDeltaCodingMeta *meta;

    g_assert_cmpint (gst_harness_push (h, gst_buffer_ref (unit)), ==,
        GST_FLOW_OK);
    /* it is out already, this one and no other */
    g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 1);
    out = gst_harness_pull (h);
    g_assert_true (gst_buffer_peek_memory (out, 0) ==
        gst_buffer_peek_memory (unit, 0));
    g_assert_cmpuint (gst_buffer_get_size (out), ==,
        gst_buffer_get_size (unit));
    pushed->units++;
    meta = gst_buffer_get_delta_coding_meta (out);
    if (meta) {
      pushed->metas++;
      pushed->second_fields += meta->picture == half
          && gst_delta_picture_is_complete (half);
      half = gst_delta_picture_is_complete (meta->picture) ? NULL :
          meta->picture;
      pushed->first_fields += half != NULL;
      pushed->b_pictures += gst_delta_picture_get_picture_type (meta->picture)
          == GST_DELTA_PICTURE_TYPE_B;
    }
    gst_buffer_unref (out);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  g_assert_cmpuint (gst_harness_buffers_in_queue (h), ==, 0);
  gst_harness_teardown (h);
  g_ptr_array_unref (units);
}

static void
test_b_pictures (void)
{
  const gchar *clip = test_clip ("latency-b.264", "-f lavfi "
      "-i testsrc2=size=176x144:rate=25:duration=2 -pix_fmt yuv420p "
      "-c:v libx264 -threads 1 -x264-params bframes=3:b-adapt=0:slices=3");
  Pushed pushed = { 0, };

  if (!clip)
    return;
  push_all (clip, &pushed);
  g_assert_cmpuint (pushed.units, ==, 50);
  g_assert_cmpuint (pushed.metas, ==, 50);
  g_assert_cmpuint (pushed.b_pictures, >=, 30);
}

/* Frames, fields and MBAFF frames in turn. */
static void
test_fields (void)
{
  Pushed pushed = { 0, };
  guint seed;

  for (seed = 1; seed <= 12; seed++) {
    const gchar *path = test_file ("latency-fields.264");
    gchar *number = g_strdup_printf ("%u", seed);
    const gchar *command[] = { generator, number, path, NULL };
    GError *error = NULL;
    gint status = 1;

    g_spawn_sync (NULL, (gchar **) command, NULL, G_SPAWN_DEFAULT, NULL, NULL,
        NULL, NULL, &status, &error);
    g_assert_no_error (error);
    g_assert_cmpint (status, ==, 0);
    push_all (path, &pushed);
    g_free (number);
  }
  g_test_message ("%u units, %u metas, %u first and %u second fields, %u B",
      pushed.units, pushed.metas, pushed.first_fields, pushed.second_fields,
      pushed.b_pictures);
  g_assert_cmpuint (pushed.first_fields, >=, 30);
  g_assert_cmpuint (pushed.second_fields, >=, 30);
  g_assert_cmpuint (pushed.b_pictures, >=, 30);
}

static void
test_query (void)
{
  const GstClockTime min = 40 * GST_MSECOND;
  GstHarness *h = gst_harness_new ("deltaextract");
  GstClockTime found;

  gst_harness_set_src_caps_str (h, "video/x-h264,parsed=true,alignment=au,"
      "stream-format=byte-stream,width=176,height=144");
  found = gst_harness_query_latency (h);
  g_assert_cmpuint (found, ==, 0);
  gst_harness_set_upstream_latency (h, min);
  found = gst_harness_query_latency (h);
  g_assert_cmpuint (found, ==, min);
  gst_harness_teardown (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  generator = g_getenv ("DELTACNN_H264_GENERATE");
  g_assert_nonnull (generator);
  g_test_add_func ("/latency/b-pictures", test_b_pictures);
  g_test_add_func ("/latency/fields", test_fields);
  g_test_add_func ("/latency/query", test_query);
  return test_run ();
}
