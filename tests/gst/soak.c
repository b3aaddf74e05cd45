/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A clip in a loop at full speed, and the memory that the process takes:
 *
 *   soak [--minutes M | --seconds S] [--clip FILE] [--model FILE] [--source auto|codec|pixel]
 *
 * Prints frames and resident memory as time goes by.  Fails when the memory grows
 * after the first quarter of the time, and when the pipeline does.
 */
#include "common.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Growth that allocators and caches may show: 4 MB. */
#define GROWTH_MAX_KB 4096

static gdouble minutes, seconds = 20;
static gchar *clip, *model, *source;

static glong
resident_kb (void)
{
  glong size = 0, resident = 0;
  FILE *file = fopen ("/proc/self/statm", "r");

  if (!file)
    return 0;
  if (fscanf (file, "%ld %ld", &size, &resident) != 2)
    resident = 0;
  fclose (file);
  return resident * (sysconf (_SC_PAGESIZE) / 1024);
}

static GstPadProbeReturn
count (GstPad * pad, GstPadProbeInfo * info, gpointer frames)
{
  g_atomic_int_inc ((gint *) frames);
  return GST_PAD_PROBE_OK;
}

/* By seeking, with the same elements and the same caches. */
static void
again (GstElement * pipeline)
{
  if (!gst_element_seek_simple (pipeline, GST_FORMAT_TIME,
          GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, 0))
    g_error ("cannot seek to the start");
}

static void
soak (void)
{
  const gchar *path = clip ? clip : test_moving_clip ();
  gint64 start, now, told;
  gint64 length = (minutes > 0 ? minutes * 60 : seconds) * G_USEC_PER_SEC;
  glong first = 0, most = 0, kb;
  GstElement *pipeline, *delta;
  gint frames = 0, loops = 0;
  GstPad *pad;
  GstBus *bus;

  if (!path)
    return;
  pipeline = test_pipeline ("filesrc location=%s ! parsebin ! deltaextract ! "
      "avdec_mpeg2video ! deltacnn name=delta source=%s post-messages=true "
      "model-file=%s ! deltaoverlay ! fakesink sync=false", path,
      source ? source : "auto", model ? model : test_file ("tiny.onnx"));
  delta = gst_bin_get_by_name (GST_BIN (pipeline), "delta");
  pad = gst_element_get_static_pad (delta, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count, &frames, NULL);
  bus = gst_element_get_bus (pipeline);
  test_set_state (pipeline, GST_STATE_PLAYING);
  start = told = g_get_monotonic_time ();
  while ((now = g_get_monotonic_time ()) - start < length) {
    GstMessage *message = gst_bus_timed_pop (bus, 100 * GST_MSECOND);
    GError *error = NULL;

    if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      gst_message_parse_error (message, &error, NULL);
      g_error ("%s", error->message);
    }
    if (message && GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS) {
      loops++;
      again (pipeline);
    }
    if (message)
      gst_message_unref (message);

    kb = resident_kb ();
    if (now - start < length / 4)
      first = MAX (first, kb);
    else
      most = MAX (most, kb);
    if (now - told > length / 20) {
      told = now;
      g_test_message ("%7.1f s: %8d frames, %5d loops, %8ld kB", (now -
              start) * 1e-6, g_atomic_int_get (&frames), loops, kb);
    }
  }
  test_set_state (pipeline, GST_STATE_NULL);
  g_test_message
      ("%d frames in %.1f s; most memory in the first quarter %ld kB, "
      "later %ld kB", frames, (now - start) * 1e-6, first, most);
  g_assert_cmpint (frames, >, 0);
  g_assert_cmpint (most - first, <=, GROWTH_MAX_KB);
  gst_object_unref (pad);
  gst_object_unref (delta);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  GOptionEntry entries[] = {
    {"minutes", 0, 0, G_OPTION_ARG_DOUBLE, &minutes, "How long", "M"},
    {"seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "How long", "S"},
    {"clip", 0, 0, G_OPTION_ARG_FILENAME, &clip, "MPEG-2 in a container",
        "FILE"},
    {"model", 0, 0, G_OPTION_ARG_FILENAME, &model, "ONNX file", "FILE"},
    {"source", 0, 0, G_OPTION_ARG_STRING, &source, "As of deltacnn", "SOURCE"},
    {NULL}
  };
  GOptionContext *options = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (options, entries, NULL);
  g_option_context_set_ignore_unknown_options (options, TRUE);
  if (!g_option_context_parse (options, &argc, &argv, &error))
    g_error ("%s", error->message);
  g_option_context_free (options);
  test_init (&argc, &argv);
  g_test_add_func ("/soak", soak);
  return test_run ();
}
