/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "extract-common.h"
#include "gstdeltaextract.h"
#include "mpeg2/random-stream.h"

void
extract_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
  GST_ELEMENT_REGISTER (deltaextract, NULL);
}

GPtrArray *
extract_buffers (gboolean field_pictures, guint32 seed)
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

GstHarness *
extract_harness (void)
{
  GstHarness *h = gst_harness_new ("deltaextract");

  gst_harness_set_src_caps_str (h, EXTRACT_CAPS);
  return h;
}

GstBuffer *
extract_push (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, gst_buffer_copy (buffer));

  g_assert_nonnull (out);
  return out;
}

GstDeltaPicture *
extract_push_picture (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = extract_push (h, buffer);
  GstDeltaCodingMeta *meta = gst_buffer_get_delta_coding_meta (out);
  GstDeltaPicture *picture =
      meta ? gst_delta_picture_ref (meta->picture) : NULL;

  gst_buffer_unref (out);
  return picture;
}

guint64
extract_stat (GstHarness * h, const gchar * name)
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

void
extract_push_segment (GstHarness * h, gdouble rate)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.rate = rate;
  if (rate < 0)
    segment.stop = GST_SECOND;
  gst_harness_push_event (h, gst_event_new_segment (&segment));
}
