/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "frames.h"
#include <string.h>

GstHarness *
frames_harness (const gchar * model, const gchar * first_property, ...)
{
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstHarness *h;
  va_list args;

  g_object_set (element, "model-file", test_file (model), "threads", 1, NULL);
  va_start (args, first_property);
  g_object_set_valist (G_OBJECT (element), first_property, args);
  va_end (args);
  h = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_src_caps_str (h, FRAMES_CAPS);
  return h;
}

GstBuffer *
frames_make (guint n, gint square)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, FRAMES_BYTES, NULL);
  GstMapInfo map;
  gint x, y;

  gst_buffer_map (buffer, &map, GST_MAP_WRITE);
  for (y = 0; y < FRAMES_H; y++)
    for (x = 0; x < FRAMES_W * 3; x++)
      map.data[y * FRAMES_W * 3 + x] = x + 3 * y;
  for (y = 0; square >= 0 && y < 8; y++)
    memset (map.data + (square / 8 * 8 + y) * FRAMES_W * 3 + square % 8 * 24,
        200, 24);
  gst_buffer_unmap (buffer, &map);
  GST_BUFFER_PTS (buffer) = n * GST_SECOND / 25;
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 25;
  return buffer;
}

GstBuffer *
frames_push (GstHarness * h, GstBuffer * buffer)
{
  GstBuffer *out = gst_harness_push_and_pull (h, buffer);

  g_assert_nonnull (out);
  return out;
}
