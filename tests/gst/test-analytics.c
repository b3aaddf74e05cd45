/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * With GStreamer 1.24 and later: the result as stock elements read it, an object as
 * large as the frame but for its label's lines, and the classes related to it.
 */
#include "common.h"

#ifdef HAVE_GST_ANALYTICS
#include <gst/analytics/analytics.h>

#define W 160
#define H 120

/* What the related metas say is what ours says.  above: lines of labels. */
static void
expect_object (GstAnalyticsRelationMeta * relations,
    const GstAnalyticsODMtd * object, const GstDeltaCnnMeta * meta, gint above)
{
  GstAnalyticsClsMtd classes;
  gint x, y, w, h;
  gfloat confidence;
  guint i;

  g_assert_true (gst_analytics_od_mtd_get_location (object, &x, &y, &w, &h,
          &confidence));
  g_assert_cmpint (x, ==, 0);
  g_assert_cmpint (y, ==, above);
  g_assert_cmpint (w, ==, W);
  g_assert_cmpint (h, ==, H - above);
  g_assert_cmpfloat_with_epsilon (confidence, meta->results[0].confidence,
      1e-6);
  g_assert_cmpstr (g_quark_to_string (gst_analytics_od_mtd_get_obj_type
          (object)), ==, meta->results[0].label);
  g_assert_true (gst_analytics_relation_meta_get_direct_related (relations,
          object->id, GST_ANALYTICS_REL_TYPE_RELATE_TO,
          gst_analytics_cls_mtd_get_mtd_type (), NULL, &classes));
  g_assert_cmpuint (gst_analytics_cls_mtd_get_length (&classes), ==,
      meta->n_results);
  for (i = 0; i < meta->n_results; i++) {
    g_assert_cmpstr (g_quark_to_string (gst_analytics_cls_mtd_get_quark
            (&classes, i)), ==, meta->results[i].label);
    g_assert_cmpfloat_with_epsilon (gst_analytics_cls_mtd_get_level (&classes,
            i), meta->results[i].confidence, 1e-6);
  }
}

typedef struct
{
  guint frames, objects;
} Seen;

static GstPadProbeReturn
look (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  Seen *seen = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstAnalyticsRelationMeta *relations =
      gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd object;
  gpointer state = NULL, metas = NULL;
  GstMeta *meta;
  gint above = 0;

  g_assert_nonnull (relations);
  /* A second network's objects come into the same meta, in the order of the metas. */
  while ((meta = gst_buffer_iterate_meta_filtered (buffer, &metas,
              GST_DELTA_CNN_META_API_TYPE))) {
    g_assert_true (gst_analytics_relation_meta_iterate (relations, &state,
            gst_analytics_od_mtd_get_mtd_type (), &object));
    expect_object (relations, &object, (GstDeltaCnnMeta *) meta, above += 24);
    seen->objects++;
  }
  g_assert_false (gst_analytics_relation_meta_iterate (relations, &state,
          gst_analytics_od_mtd_get_mtd_type (), &object));
  seen->frames++;
  return GST_PAD_PROBE_OK;
}

static void
test_relations (gconstpointer networks)
{
  guint n = GPOINTER_TO_UINT (networks);
  gchar *second = n < 2 ? g_strdup ("") : g_strdup_printf
      (" ! deltacnn top-k=2 model-file=%s", test_file ("tiny.onnx"));
  GstElement *pipeline = test_pipeline ("videotestsrc num-buffers=5 ! "
      "video/x-raw,format=RGB,width=%d,height=%d ! deltacnn top-k=4 model-file=%s"
      "%s ! fakesink name=sink", W, H, test_file ("tiny.onnx"), second);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  GstPad *pad = gst_element_get_static_pad (sink, "sink");
  Seen seen = { 0 };

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, look, &seen, NULL);
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (seen.frames, ==, 5);
  g_assert_cmpuint (seen.objects, ==, 5 * n);
  gst_object_unref (pad);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  g_free (second);
}

/* White samples in lines [from, to) of a grey picture. */
static guint
count_white (GstBuffer * buffer, guint from, guint to)
{
  GstMapInfo map;
  guint i, n = 0;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  for (i = from * W; i < to * W; i++)
    n += map.data[i] > 200;
  gst_buffer_unmap (buffer, &map);
  return n;
}

static GstPadProbeReturn
look_at_label (GstPad * pad, GstPadProbeInfo * info, gpointer user_data)
{
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  guint *frames = user_data;

  /* A label, and below it what a box has in a line. */
  g_assert_cmpuint (count_white (buffer, 2, 22), >, 20);
  g_assert_cmpuint (count_white (buffer, 40, 100), <=, 60 * 6);
  ++*frames;
  return GST_PAD_PROBE_OK;
}

/* The stock overlay's label can be seen. */
static void
test_overlay (void)
{
  static const gchar *const needed[] = { "objectdetectionoverlay", NULL };
  GstElement *pipeline, *sink;
  GstPad *pad;
  guint frames = 0;

  if (!test_have (needed))
    return;
  pipeline = test_pipeline ("videotestsrc num-buffers=2 pattern=black ! "
      "video/x-raw,format=RGB,width=%d,height=%d ! deltacnn model-file=%s ! "
      "videoconvert ! objectdetectionoverlay ! videoconvert ! "
      "video/x-raw,format=GRAY8 ! fakesink name=sink", W, H,
      test_file ("tiny.onnx"));
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, look_at_label, &frames,
      NULL);
  test_play (pipeline);
  test_set_state (pipeline, GST_STATE_NULL);
  g_assert_cmpuint (frames, ==, 2);
  gst_object_unref (pad);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/analytics/overlay", test_overlay);
  g_test_add_data_func ("/analytics/one", GUINT_TO_POINTER (1), test_relations);
  g_test_add_data_func ("/analytics/two", GUINT_TO_POINTER (2), test_relations);
  return test_run ();
}
#else
int
main (int argc, char **argv)
{
  g_print ("1..0 # SKIP GStreamer 1.24 is needed\n");
  return 0;
}
#endif
