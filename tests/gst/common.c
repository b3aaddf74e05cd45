/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#include "common.h"
#include "folder.h"
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "gstdeltacnn.h"
#include "plugin.h"

guint test_patience_s = 180;

static gchar *folder;
static GHashTable *paths;       /* name -> path, both owned */

void
test_init (int *argc, char ***argv)
{
  const gchar *script = g_getenv ("DELTACNN_MAKE_MODELS");
  GError *error = NULL;
  gchar *out = NULL, *err = NULL;
  gint status = 1;
  const gchar *command[] = { "python3", script, NULL, NULL };

  gst_init (argc, argv);
  g_test_init (argc, argv, NULL);
  g_assert_true (deltacnn_elements_register (NULL));
  paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  folder = test_folder_new ();
  if (!script)
    g_error ("DELTACNN_MAKE_MODELS must name make-models.py (meson test does)");
  command[2] = folder;
  g_spawn_sync (NULL, (gchar **) command, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
      &out, &err, &status, &error);
  g_assert_no_error (error);
  if (status)
    g_error ("make-models.py failed: %s", err);
  g_free (out);
  g_free (err);
}

int
test_run (void)
{
  int result = g_test_run ();

  g_clear_pointer (&folder, test_folder_remove);
  g_clear_pointer (&paths, g_hash_table_unref);
  gst_deinit ();
  return result;
}

const gchar *
test_file (const gchar * name)
{
  gchar *path = g_hash_table_lookup (paths, name);

  if (!path) {
    path = g_build_filename (folder, name, NULL);
    g_hash_table_insert (paths, g_strdup (name), path);
  }
  return path;
}

const gchar *
test_clip (const gchar * name, const gchar * options)
{
  const gchar *path = test_file (name);
  gchar *program, *command, *err = NULL;
  GError *error = NULL;
  gint status = 1;

  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return path;
  program = g_find_program_in_path ("ffmpeg");
  if (!program) {
    g_test_skip ("no ffmpeg");
    return NULL;
  }
  g_free (program);
  command = g_strdup_printf ("ffmpeg -nostdin -v error -y %s '%s'", options,
      path);
  g_spawn_command_line_sync (command, NULL, &err, &status, &error);
  g_assert_no_error (error);
  if (status) {
    g_test_message ("%s: %s", command, err);
    g_test_skip ("ffmpeg cannot make this clip");
    g_remove (path);
    path = NULL;
  }
  g_free (command);
  g_free (err);
  return path;
}

const gchar *
test_moving_clip (void)
{
  return test_clip ("moving.mkv",
      "-f lavfi -i smptehdbars=size=352x288:rate=25:duration=4 "
      "-f lavfi -i testsrc2=size=80x64:rate=25:duration=4 -filter_complex "
      "'[0][1]overlay=x=40+t*40:y=96+40*sin(t*3)' -c:v mpeg2video -g 15 -bf 2 "
      "-qscale:v 4 -pix_fmt yuv420p");
}

gboolean
test_have (const gchar * const *elements)
{
  for (; *elements; elements++) {
    GstElementFactory *factory = gst_element_factory_find (*elements);
    gchar *text;

    if (factory) {
      gst_object_unref (factory);
      continue;
    }
    text = g_strdup_printf ("no element %s", *elements);
    g_test_skip (text);
    g_free (text);
    return FALSE;
  }
  return TRUE;
}

void
twins_init (Twins * twins)
{
  memset (twins, 0, sizeof *twins);
  twins->most = 1e-5;
  g_mutex_init (&twins->lock);
}

void
twins_clear (Twins * twins)
{
  while (twins->n_row)
    gst_object_unref (twins->row[--twins->n_row]);
  g_mutex_clear (&twins->lock);
}

/* Largest difference of an output, relative to the largest of the dense outputs; and
 * whether the best class is another one (not where the dense result itself is a tie
 * within rounding). */
static gdouble
compare (GstElement * delta, GstElement * dense, gboolean * other_label)
{
  guint i, n, n_dense, best = 0, best_dense = 0;
  const gfloat *a = gst_delta_cnn_peek_outputs (GST_DELTA_CNN (delta), &n);
  const gfloat *b =
      gst_delta_cnn_peek_outputs (GST_DELTA_CNN (dense), &n_dense);
  gdouble worst = 0.0, largest = 1e-30;

  g_assert_cmpuint (n, ==, n_dense);
  g_assert_cmpuint (n, >, 0);
  for (i = 0; i < n; i++) {
    g_assert_true (isfinite (a[i]) && isfinite (b[i]));
    largest = MAX (largest, fabs (b[i]));
    worst = MAX (worst, fabs (a[i] - b[i]));
    if (a[i] > a[best])
      best = i;
    if (b[i] > b[best_dense])
      best_dense = i;
  }
  *other_label = b[best_dense] - b[best] > 1e-6 * largest;
  return worst / largest;
}

void
twins_compare (Twins * twins, GstBuffer * buffer)
{
  GstDeltaCnnMeta *meta[4] = { NULL, NULL, NULL, NULL };
  gpointer state = NULL;
  gdouble worst = 0.0;
  gboolean other_label = FALSE;
  guint i, n = 0;

  while (n < G_N_ELEMENTS (meta) && (meta[n] = (GstDeltaCnnMeta *)
          gst_buffer_iterate_meta_filtered (buffer, &state,
              GST_DELTA_CNN_META_API_TYPE)))
    n++;
  g_assert_cmpuint (n, ==, twins->n_row);
  g_assert_cmpint (meta[n - 1]->reuse, ==, GST_DELTA_CNN_REUSE_FULL);
  for (i = 0; i + 1 < n; i++) {
    gboolean other;

    worst = MAX (worst, compare (twins->row[i], twins->row[n - 1], &other));
    other_label |= other;
  }
  if (g_getenv ("DELTACNN_TEST_FRAMES"))
    g_printerr ("frame %u: reuse %d changed %.3f multiplies %.3f top %u %.4f "
        "difference %g\n", twins->frames, meta[0]->reuse, meta[0]->changed,
        meta[0]->multiplies, meta[0]->results[0].index,
        meta[0]->results[0].confidence, worst);
  g_mutex_lock (&twins->lock);
  if ((worst > twins->most || other_label) && twins->wrong++ == 0)
    twins->first_wrong = twins->frames;
  twins->worst = MAX (twins->worst, worst);
  twins->other_label += other_label;
  twins->frames++;
  for (i = 0; i + 1 < n; i++)
    twins->multiplies[i] += meta[i]->multiplies;
  twins->full += meta[0]->reuse == GST_DELTA_CNN_REUSE_FULL;
  twins->partial += meta[0]->reuse == GST_DELTA_CNN_REUSE_PARTIAL;
  twins->reused += meta[0]->reuse == GST_DELTA_CNN_REUSE_REUSED;
  g_mutex_unlock (&twins->lock);
}

static GstPadProbeReturn
compare_probe (GstPad * pad, GstPadProbeInfo * info, gpointer twins)
{
  twins_compare (twins, GST_PAD_PROBE_INFO_BUFFER (info));
  return GST_PAD_PROBE_OK;
}

void
twins_watch (Twins * twins, GstElement * pipeline)
{
  static const gchar *const names[] = { "delta", "pixel", "dense" };
  GstPad *pad;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), names[i]);

    if (element)
      twins->row[twins->n_row++] = element;
  }
  g_assert_cmpuint (twins->n_row, >=, 2);
  pad = gst_element_get_static_pad (twins->row[twins->n_row - 1], "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, compare_probe, twins,
      NULL);
  gst_object_unref (pad);
}

guint64
test_stat (GstElement * element, const gchar * field)
{
  GstStructure *stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_nonnull (stats);
  if (!gst_structure_get_uint64 (stats, field, &value)) {
    guint small = 0;

    g_assert_true (gst_structure_get_uint (stats, field, &small));
    value = small;
  }
  gst_structure_free (stats);
  return value;
}

GstElement *
test_pipeline (const gchar * format, ...)
{
  GstElement *pipeline;
  GError *error = NULL;
  gchar *text;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_test_message ("%s", text);
  pipeline = gst_parse_launch (text, &error);
  g_assert_no_error (error);
  g_assert_nonnull (pipeline);
  g_free (text);
  return pipeline;
}

guint
test_play (GstElement * pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  guint warnings = 0;
  gboolean eos = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!eos) {
    GstMessage *message = gst_bus_timed_pop_filtered (bus,
        test_patience_s * GST_SECOND,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);

    if (!message)
      g_error ("no EOS within %u seconds", test_patience_s);
    switch (GST_MESSAGE_TYPE (message)) {
      case GST_MESSAGE_EOS:
        eos = TRUE;
        break;
      case GST_MESSAGE_WARNING:
        warnings++;
        break;
      default:{
        GError *error = NULL;
        gchar *debug = NULL;

        gst_message_parse_error (message, &error, &debug);
        g_error ("%s (%s)", error->message, debug);
      }
    }
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  return warnings;
}

void
test_set_state (GstElement * pipeline, GstState state)
{
  GstStateChangeReturn result = gst_element_set_state (pipeline, state);

  if (result == GST_STATE_CHANGE_ASYNC)
    result = gst_element_get_state (pipeline, NULL, NULL, 60 * GST_SECOND);
  g_assert_cmpint (result, !=, GST_STATE_CHANGE_FAILURE);
}
