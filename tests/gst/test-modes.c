/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The study's modes in the element, on every frame beside a twin in mode=dense.
 */
#include "common.h"
#include <math.h>
#include <string.h>
#include "gstdeltacnn.h"

#define TINY test_file ("tiny.onnx")
/* Without a codec: something that moves. */
#define BALL(n, w, h) "videotestsrc pattern=ball num-buffers=" n \
    " ! video/x-raw,format=RGB,framerate=25/1,width=" w ",height=" h
#define TWIN " ! deltacnn name=dense mode=dense top-k=100 threads=1 model-file=%s " \
    "! fakesink name=sink sync=false"
/* Rounding, of the largest output. */
#define EQUAL 1e-5

typedef struct
{
  guint64 pts;
  gdouble off;                  /* from the twin, relative to its largest output */
  gdouble multiplies;
  gboolean full, intra;
} Frame;

/* Beside each frame: what both said. */
typedef struct
{
  GstElement *element, *dense;
  GArray *frames;               /* of Frame */
  void (*each) (GstElement * element, guint frame);
} Watch;

static gdouble
difference (GstElement * element, GstElement * dense)
{
  guint i, n, n_dense;
  const gfloat *a = gst_delta_cnn_peek_outputs (GST_DELTA_CNN (element), &n);
  const gfloat *b =
      gst_delta_cnn_peek_outputs (GST_DELTA_CNN (dense), &n_dense);
  gdouble worst = 0.0, largest = 1e-30;

  g_assert_cmpuint (n, ==, n_dense);
  g_assert_cmpuint (n, >, 0);
  for (i = 0; i < n; i++) {
    g_assert_true (isfinite (a[i]));
    worst = MAX (worst, fabs (a[i] - b[i]));
    largest = MAX (largest, fabs (b[i]));
  }
  return worst / largest;
}

static GstPadProbeReturn
look (GstPad * pad, GstPadProbeInfo * info, gpointer data)
{
  Watch *w = data;
  GstDeltaCnnMeta *meta =
      gst_buffer_get_delta_cnn_meta (GST_PAD_PROBE_INFO_BUFFER (info));
  Frame frame = { GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info)),
    difference (w->element, w->dense), meta->multiplies,
    meta->reuse == GST_DELTA_CNN_REUSE_FULL,
    meta->picture_type == GST_DELTA_PICTURE_TYPE_I
  };

  g_array_append_val (w->frames, frame);
  if (w->each)
    w->each (w->element, w->frames->len);
  return GST_PAD_PROBE_OK;
}

/* Plays the pipeline, in which "study" stands before "dense". */
static void
watch (Watch * w, GstElement * pipeline)
{
  GstPad *pad;

  w->frames = g_array_new (FALSE, FALSE, sizeof (Frame));
  w->element = gst_bin_get_by_name (GST_BIN (pipeline), "study");
  w->dense = gst_bin_get_by_name (GST_BIN (pipeline), "dense");
  pad = gst_element_get_static_pad (w->dense, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, look, w, NULL);
  gst_object_unref (pad);
  g_assert_cmpuint (test_play (pipeline), ==, 0);
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (w->element);
  gst_object_unref (w->dense);
  gst_object_unref (pipeline);
}

static const Frame *
get (const Watch * w, guint i)
{
  return &g_array_index (w->frames, Frame, i);
}

/* A clip with I pictures: full where they are, equal to dense all along. */
static void
test_clip_modes (gconstpointer data)
{
  const gchar *mode = data;
  const gchar *clip = test_moving_clip ();
  static const gchar *const needed[] = { "matroskademux", "mpegvideoparse",
    "avdec_mpeg2video", NULL
  };
  gboolean heuristic = strstr (mode, "heuristic") != NULL;
  gboolean blas = strstr (mode, "blas") != NULL;
  Watch w = { NULL };
  guint i, n_intra = 0, n_off = 0;
  gdouble worst = 0.0, work = 0.0;

  if (!clip || !test_have (needed))
    return;
  watch (&w, test_pipeline ("filesrc location=%s ! matroskademux ! "
          "mpegvideoparse ! deltaextract ! avdec_mpeg2video ! deltacnn "
          "name=study mode=%s top-k=100 threads=1 model-file=%s" TWIN, clip,
          mode, TINY, TINY));
  g_assert_cmpuint (w.frames->len, ==, 100);
  for (i = 0; i < w.frames->len; i++) {
    const Frame *f = get (&w, i);

    g_assert_cmpint (f->full, ==, blas || f->intra || i == 0);
    if (f->full)
      g_assert_cmpfloat (f->multiplies, ==, 1.0);
    if (f->full || !heuristic)
      g_assert_cmpfloat (f->off, <, EQUAL);
    n_intra += f->intra;
    n_off += f->off > 1e-3;
    worst = MAX (worst, f->off);
    work += f->multiplies / w.frames->len;
  }
  g_test_message ("%s: off by %g at most, %.3f of the multiplies", mode, worst,
      work);
  g_assert_cmpuint (n_intra, >=, 5);
  if (heuristic)
    g_assert_cmpuint (n_off, >, 20);
  if (!blas)
    g_assert_cmpfloat (work, <, 0.9);
  g_array_unref (w.frames);
}

/* No codec: one frame in study-gop is full. */
static void
test_gop (void)
{
  Watch w = { NULL };
  guint i;

  watch (&w, test_pipeline (BALL ("23", "64", "48") " ! deltacnn name=study "
          "mode=sparse study-gop=5 top-k=100 threads=2 model-file=%s" TWIN,
          TINY, TINY));
  g_assert_cmpuint (w.frames->len, ==, 23);
  for (i = 0; i < w.frames->len; i++) {
    g_assert_cmpint (get (&w, i)->full, ==, i % 5 == 0);
    g_assert_cmpfloat (get (&w, i)->off, <, EQUAL);
  }
  g_array_unref (w.frames);
}

/* Frames of another size are another stream, which begins with a full one. */
static void
test_size (gconstpointer data)
{
  static const guint begins[] = { 0, 15, 16, 31 };
  const gchar *mode = data;
  gboolean heuristic = strstr (mode, "heuristic") != NULL;
  Watch w = { NULL };
  guint i, j;

  watch (&w, test_pipeline ("concat name=all adjust-base=true ! deltacnn "
          "name=study mode=%s top-k=100 threads=1 model-file=%s" TWIN " "
          BALL ("16", "64", "48") " ! all. " BALL ("16", "320", "240")
          " ! all.", mode, TINY, TINY));
  g_assert_cmpuint (w.frames->len, ==, 32);
  for (i = 0; i < w.frames->len; i++) {
    gboolean begin = FALSE;

    for (j = 0; j < G_N_ELEMENTS (begins); j++)
      begin |= begins[j] == i;
    g_assert_cmpint (get (&w, i)->full, ==, begin);
    if (begin || !heuristic)
      g_assert_cmpfloat (get (&w, i)->off, <, EQUAL);
  }
  g_array_unref (w.frames);
}

static void
change_mode (GstElement * element, guint frame)
{
  static const gchar *const modes[] = { "sparse", "delta", "sparse-heuristic",
    "dense", "sparse", "sparse-heuristic", "delta", "dense"
  };

  if (frame % 3 == 0)
    gst_util_set_object_arg (G_OBJECT (element), "mode",
        modes[frame / 3 % G_N_ELEMENTS (modes)]);
  gst_util_set_object_arg (G_OBJECT (element), "engine",
      frame / 24 % 2 ? "blas" : "native");
}

/* While frames flow: nothing of what the heuristic got wrong is left in another mode. */
static void
test_changes (void)
{
  Watch w = { NULL };
  guint i, n_off = 0;

  w.each = change_mode;
  watch (&w, test_pipeline (BALL ("96", "64", "48") " ! deltacnn name=study "
          "mode=sparse top-k=100 threads=1 model-file=%s" TWIN, TINY, TINY));
  g_assert_cmpuint (w.frames->len, ==, 96);
  for (i = 0; i < w.frames->len; i++) {
    guint step = i / 3 % 8;
    gboolean heuristic = step == 2 || step == 5;
    const Frame *f = get (&w, i);

    /* the mode was changed after the frame before, to one with other caches */
    if (i % 3 == 0 && i > 0)
      g_assert_true (f->full);
    if (!heuristic || i % 3 == 0)
      g_assert_cmpfloat (f->off, <, EQUAL);
    n_off += f->off > 1e-3;
  }
  g_assert_cmpuint (n_off, >, 0);
  g_array_unref (w.frames);
}

static void
count_complaint (const gchar * domain, GLogLevelFlags level,
    const gchar * message, gpointer user_data)
{
  const gchar **property = user_data;

  g_assert_nonnull (strstr (message, *property));
  *property = NULL;
}

/* GObject complains about the value: with a warning, or, as newer ones do, as of a bug. */
static void
set_refused (GstElement * element, const gchar * property, gint value)
{
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);
  const gchar *complained = property;
  guint handler = g_log_set_handler ("GLib-GObject", G_LOG_LEVEL_WARNING
      | G_LOG_LEVEL_CRITICAL, count_complaint, &complained);

  g_object_set (element, property, value, NULL);
  g_log_remove_handler ("GLib-GObject", handler);
  g_log_set_always_fatal (fatal);
  g_assert_null (complained);
}

static void
test_bad_values (void)
{
  static const gchar *const bad[] = { "mode=fast", "mode=sparser",
    "engine=steam", "study-gop=some"
  };
  GstElement *element = gst_element_factory_make ("deltacnn", NULL);
  gint mode, engine;
  guint i, gop;

  gst_object_ref_sink (element);
  g_object_get (element, "mode", &mode, "engine", &engine, "study-gop", &gop,
      NULL);
  g_assert_cmpint (mode, ==, 0);
  g_assert_cmpint (engine, ==, 0);
  g_assert_cmpuint (gop, ==, 15);
  for (i = 0; i < G_N_ELEMENTS (bad); i++) {
    gchar *text = g_strdup_printf ("deltacnn %s ! fakesink", bad[i]);
    GError *error = NULL;
    GstElement *pipeline = gst_parse_launch (text, &error);

    g_assert_nonnull (error);
    g_clear_error (&error);
    gst_clear_object (&pipeline);
    g_free (text);
  }
  set_refused (element, "study-gop", 0);
  set_refused (element, "mode", 99);
  g_object_get (element, "mode", &mode, "study-gop", &gop, NULL);
  g_assert_cmpint (mode, ==, 0);
  g_assert_cmpuint (gop, ==, 15);
  gst_util_set_object_arg (G_OBJECT (element), "mode", "sparse-heuristic");
  gst_util_set_object_arg (G_OBJECT (element), "engine", "blas");
  g_object_set (element, "study-gop", 30, NULL);
  g_object_get (element, "mode", &mode, "engine", &engine, "study-gop", &gop,
      NULL);
  g_assert_cmpint (mode, ==, 3);
  g_assert_cmpint (engine, ==, 1);
  g_assert_cmpuint (gop, ==, 30);
  gst_object_unref (element);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_data_func ("/modes/clip/sparse", "sparse", test_clip_modes);
  g_test_add_data_func ("/modes/clip/sparse-heuristic", "sparse-heuristic",
      test_clip_modes);
  g_test_add_data_func ("/modes/clip/blas", "dense engine=blas",
      test_clip_modes);
  g_test_add_func ("/modes/gop", test_gop);
  g_test_add_data_func ("/modes/size/sparse", "sparse", test_size);
  g_test_add_data_func ("/modes/size/sparse-heuristic", "sparse-heuristic",
      test_size);
  g_test_add_func ("/modes/changes", test_changes);
  g_test_add_func ("/modes/bad-values", test_bad_values);
  return test_run ();
}
