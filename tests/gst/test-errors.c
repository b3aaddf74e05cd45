/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bad input: each must give one error message from start(), in the right domain,
 * with a sentence that names what is wrong, and leave the element usable.
 */
#include "common.h"
#include <string.h>

typedef enum
{
  RESOURCE_NOT_FOUND,
  RESOURCE_READ,
  RESOURCE_SETTINGS,
  STREAM
} Kind;

typedef struct
{
  const gchar *name;
  const gchar *model;           /* NULL: not set */
  const gchar *labels;
  Kind kind;
  const gchar *says[3];         /* what the sentence must contain, any case */
  gdouble tolerance;
} Case;

static const Case cases[] = {
  {"no-model", NULL, NULL, RESOURCE_NOT_FOUND, {"model-file"}},
  {"missing", "nowhere.onnx", NULL, RESOURCE_NOT_FOUND,
      {"nowhere.onnx", "not exist"}},
  {"folder", "", NULL, RESOURCE_READ, {"model"}},
  {"empty", "empty.onnx", NULL, STREAM, {"empty.onnx"}},
  {"text", "text.onnx", NULL, STREAM, {"text.onnx"}},
  {"truncated", "truncated.onnx", NULL, STREAM, {"truncated.onnx"}},
  {"corrupt", "corrupt.onnx", NULL, STREAM, {"corrupt.onnx"}},
  {"rank-2", "rank2.onnx", NULL, STREAM, {"rank2.onnx", "1x10", "image"}},
  {"four-channels", "channels4.onnx", NULL, STREAM,
      {"channels4.onnx", "1x4x32x32", "image"}},
  {"free-size", "free.onnx", NULL, STREAM,
      {"free.onnx", "\"image\" is free", "fixed size"}},
  {"not-a-classifier", "map.onnx", NULL, STREAM,
      {"map.onnx", "1x2x8x8", "classifier"}},
  {"unsupported", "unsupported.onnx", NULL, STREAM,
      {"GridSample", "sampler"}},
  {"empty-modelinfo", "noinfo.onnx", NULL, STREAM,
      {"noinfo.onnx.modelinfo", "empty"}},
  {"bad-modelinfo", "badinfo.onnx", NULL, STREAM,
      {"badinfo.onnx.modelinfo", "ranges", "banana"}},
  {"gray-modelinfo", "grayinfo.onnx", NULL, STREAM,
      {"grayinfo.onnx", "gray", "3 channels"}},
  {"lost-labels", "lostlabels.onnx", NULL, RESOURCE_NOT_FOUND,
      {"nowhere.txt"}},
  {"missing-labels", "tiny.onnx", "nowhere.txt", RESOURCE_NOT_FOUND,
      {"nowhere.txt", "not exist"}},
  {"labels-folder", "tiny.onnx", "", RESOURCE_READ, {"labels"}},
  {"short-labels", "tiny.onnx", "short-labels.txt", STREAM,
      {"short-labels.txt", "2", "6"}},
  {"binary-labels", "tiny.onnx", "binary-labels.txt", STREAM,
      {"binary-labels.txt"}},
  {"not-calibrated", "tiny.onnx", NULL, RESOURCE_SETTINGS,
      {"tiny.onnx", "tolerance=-1", "deltacnn-calibrate"}, -1.0},
};

static void
assert_says (const gchar * sentence, const gchar * what)
{
  gchar *a = g_ascii_strdown (sentence, -1), *b = g_ascii_strdown (what, -1);

  if (!strstr (a, b))
    g_error ("\"%s\" does not mention \"%s\"", sentence, what);
  g_free (a);
  g_free (b);
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;
  gchar *debug = NULL;
  guint i;

  g_assert_nonnull (element);
  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  if (c->model)
    g_object_set (element, "model-file", test_file (c->model), NULL);
  g_object_set (element, "tolerance", c->tolerance, NULL);
  if (c->labels)
    g_object_set (element, "labels-file", test_file (c->labels), NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);

  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, &debug);
  g_test_message ("%s", error->message);
  switch (c->kind) {
    case RESOURCE_NOT_FOUND:
      g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
      break;
    case RESOURCE_READ:
      g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
      break;
    case RESOURCE_SETTINGS:
      g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
      break;
    case STREAM:
      g_assert_cmpuint (error->domain, ==, GST_STREAM_ERROR);
      break;
  }
  for (i = 0; i < G_N_ELEMENTS (c->says) && c->says[i]; i++)
    assert_says (error->message, c->says[i]);
  g_clear_error (&error);
  g_free (debug);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR));

  /* The same element works once it is given something good. */
  gst_element_set_state (element, GST_STATE_NULL);
  g_object_set (element, "model-file", test_file ("tiny.onnx"), "labels-file",
      NULL, "tolerance", 0.0, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  guint i;

  test_init (&argc, &argv);
  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    gchar *path = g_strdup_printf ("/errors/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_case);
    g_free (path);
  }
  return test_run ();
}
