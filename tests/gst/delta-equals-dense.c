/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Delta equals dense: at tolerance 0, on each clip and with each model of the
 * shared data, every frame's outputs are within 1e-4 (of the largest) of those of mode=dense,
 * and the best class is the same.  MPEG-2 and H.264 clips run with the codec as the source and
 * with pixels; those of H.264 also as MPEG-2 made of them here.
 *
 *   delta-equals-dense [--full] [--frames N] [--clip PART-OF-NAME] [--model PART-OF-NAME]
 *
 * Without --full the first 24 frames of each pair (10 with DCN_TEST_FAST in the environment), and the larger models on a few
 * clips only.  Without the shared data a clip and a model made here.
 */
#include "common.h"
#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  const gchar *file;
  const gchar *info;            /* its .modelinfo */
  gboolean slow;
} Model;

#define INPUT(ranges) "[input]\ndir=input\nranges=" ranges "\n"
static const Model models[] = {
  {"mobilenetv1-0.25-vww96-mlctiny.onnx", INPUT ("0,1"), FALSE},
  {"resnet8-cifar10-mlctiny.onnx", INPUT ("0,255"), FALSE},
  {"resnet20-cifar10-akamaster.onnx",
      INPUT ("-2.11790,2.24891;-2.03571,2.42857;-1.80444,2.64"), FALSE},
  {"mobilenet_v1_0.25_128-dequant.onnx", INPUT ("-1,0.992188"), FALSE},
  {"mnist_8/model.onnx", INPUT ("0,255"), FALSE},
  {"squeezenet1.0-deepcompression.onnx",
      INPUT ("-104,151;-117,138;-123,132") "[deltacnn]\ncolor=bgr\n", TRUE},
  {"light_bvlc_alexnet.onnx", INPUT ("-120,135") "[deltacnn]\ncolor=bgr\n",
      TRUE},
};

static gboolean full;
static gint frames_max;
static gchar *only_clip, *only_model;

/* What takes a file apart, by its name. */
static const gchar *
demuxer (const gchar * path)
{
  if (g_str_has_suffix (path, ".ts"))
    return "tsdemux !";
  if (g_str_has_suffix (path, ".mp4") || g_str_has_suffix (path, ".mov"))
    return "qtdemux !";
  if (g_str_has_suffix (path, ".mkv"))
    return "matroskademux !";
  return "";
}

static gboolean
is_mpeg2 (const gchar * path)
{
  return strstr (path, ".mpeg2") || strstr (path, ".ts")
      || strstr (path, ".mov") || strstr (path, "made-mpeg2");
}

/* A copy of the model with a .modelinfo beside it. */
static const gchar *
place_model (const gchar * shared, const Model * model)
{
  gchar *from = g_build_filename (shared, "data", "models", model->file, NULL);
  gchar *base = g_strdelimit (g_strdup (model->file), "/", '-');
  gchar *info = g_strconcat (base, ".modelinfo", NULL);
  const gchar *to = test_file (base);
  gchar *bytes;
  gsize size;

  if (!g_file_get_contents (from, &bytes, &size, NULL)) {
    to = NULL;
  } else if (!g_file_test (to, G_FILE_TEST_EXISTS)) {
    g_assert_true (g_file_set_contents (to, bytes, size, NULL));
    g_assert_true (g_file_set_contents (test_file (info), model->info, -1,
            NULL));
  }
  if (to)
    g_free (bytes);
  g_free (from);
  g_free (base);
  g_free (info);
  return to;
}

static void
run (const gchar * clip, const gchar * model, const gchar * name, gint frames)
{
  gboolean mpeg2 = is_mpeg2 (clip);
  gchar *limit =
      frames ? g_strdup_printf ("! identity eos-after=%d", frames + 1)
      : g_strdup ("");
  gchar *shape = g_strdup_printf ("model-file=%s", model);
  gint64 start = g_get_monotonic_time ();
  GstElement *pipeline;
  guint64 by_codec;
  Twins twins;

  twins_init (&twins);
  twins.most = 1e-4;
  pipeline = test_pipeline ("filesrc location=%s ! %s %s %s ! deltacnn "
      "name=delta source=codec %s ! deltacnn name=pixel source=pixel %s ! "
      "deltacnn name=dense mode=dense %s ! fakesink sync=false", clip,
      demuxer (clip),
      mpeg2 ? "mpegvideoparse ! deltaextract ! avdec_mpeg2video" :
      "h264parse ! deltaextract ! avdec_h264", limit, shape, shape, shape);
  twins_watch (&twins, pipeline);
  test_play (pipeline);
  by_codec = test_stat (twins.row[0], "by-codec");
  test_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_test_message ("%s: %u frames, %u by codec, worst difference %.2g, "
      "multiplies codec %.3f pixel %.3f, %.1f s", name, twins.frames,
      (guint) by_codec, twins.worst,
      twins.multiplies[0] / MAX (twins.frames, 1),
      twins.multiplies[1] / MAX (twins.frames, 1),
      (g_get_monotonic_time () - start) * 1e-6);
  g_assert_cmpuint (twins.frames, >, 0);
  g_assert_cmpuint (by_codec, >=, twins.frames / 2);
  if (twins.wrong)
    g_error ("%s: %u of %u frames differ (%u in the label), first frame %u",
        name, twins.wrong, twins.frames, twins.other_label, twins.first_wrong);
  twins_clear (&twins);
  g_free (limit);
  g_free (shape);
}

typedef struct
{
  gchar *path;                  /* of the clip, owned */
  gboolean encode;              /* to MPEG-2 first */
} Clip;

static void
test_clip_models (gconstpointer data)
{
  const Clip *clip = data;
  const gchar *shared = g_getenv ("DELTACNN_SHARED");
  const gchar *path = clip->path;
  gchar *base = g_path_get_basename (path);
  gboolean any = FALSE;
  guint i;

  if (clip->encode) {
    gchar *made = g_strconcat (base, "-made-mpeg2.mkv", NULL);
    gchar *options =
        full ? g_strdup_printf ("-i '%s' -an -c:v mpeg2video -g 15 "
        "-bf 2 -qscale:v 4",
        path) : g_strdup_printf ("-i '%s' -an -frames:v %d "
        "-c:v mpeg2video -g 15 -bf 2 -qscale:v 4", path, frames_max + 3);

    path = test_clip (made, options);
    g_free (made);
    g_free (options);
  }
  for (i = 0; path && i < G_N_ELEMENTS (models); i++) {
    const gchar *model;
    gchar *name;

    if (only_model && !strstr (models[i].file, only_model))
      continue;
    /* Within CI's time: the larger models on the smallest clips, once each. */
    if (!full && models[i].slow && ((!strstr (path, "MediaSDK")
                && !strstr (path, "book")) || !is_mpeg2 (path)))
      continue;
    model = place_model (shared, &models[i]);
    if (!model)
      continue;
    any = TRUE;
    name = g_strdup_printf ("%s%s, %s", base, clip->encode ? " as MPEG-2" : "",
        models[i].file);
    run (path, model, name, full ? 0 : frames_max);
    g_free (name);
  }
  if (path && !any)
    g_test_skip ("no model");
  g_free (base);
}

/* What is shipped with the tests suffices to run. */
static void
test_made (void)
{
  static const gchar *const needed[] = { "mpegvideoparse", "avdec_mpeg2video",
    "h264parse", "avdec_h264", "matroskademux", NULL
  };
  static const gchar *const names[] = { "tiny.onnx", "wide.onnx", "gray.onnx",
    "crop.onnx", "softmax.onnx"
  };
  const gchar *moving = test_moving_clip ();
  const gchar *h264 = test_clip ("moving-made-h264.mkv",
      "-f lavfi -i smptehdbars=size=352x288:rate=25:duration=4 "
      "-f lavfi -i testsrc2=size=80x64:rate=25:duration=4 -filter_complex "
      "'[0][1]overlay=x=40+t*40:y=96+40*sin(t*3)' -pix_fmt yuv420p "
      "-c:v libx264 -threads 1 -g 50 -bf 3");
  gchar *copy;
  guint i;

  if (!moving || !h264 || !test_have (needed))
    return;
  copy = g_strdup (test_file ("moving-made-mpeg2.mkv"));
  g_rename (moving, copy);
  for (i = 0; i < G_N_ELEMENTS (names); i++) {
    gchar *name = g_strconcat (names[i], ", H.264", NULL);

    run (copy, test_file (names[i]), names[i], 0);
    run (h264, test_file (names[i]), name, 0);
    g_free (name);
  }
  g_free (copy);
}

static void
free_clip (gpointer data)
{
  g_free (((Clip *) data)->path);
  g_free (data);
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar * const *) a, *(const gchar * const *) b);
}

static void
add_clips (const gchar * shared)
{
  gchar *folder = g_build_filename (shared, "data", "clips", NULL);
  GDir *dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const gchar *name;
  guint i;
  gint encode;

  while (dir && (name = g_dir_read_name (dir)))
    if (!only_clip || strstr (name, only_clip))
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, by_name);
  for (i = 0; i < names->len; i++) {
    for (encode = 0; encode < 2; encode++) {
      Clip *clip;
      gchar *path;

      name = g_ptr_array_index (names, i);
      if (is_mpeg2 (name) && encode)
        continue;
      clip = g_new0 (Clip, 1);
      clip->path = g_build_filename (folder, name, NULL);
      clip->encode = encode;
      path = g_strdup_printf ("/delta-equals-dense/%s%s", name,
          encode ? "/as-mpeg2" : "");
      g_test_add_data_func_full (path, clip, test_clip_models, free_clip);
      g_free (path);
    }
  }
  g_ptr_array_unref (names);
  if (dir)
    g_dir_close (dir);
  g_free (folder);
}

int
main (int argc, char **argv)
{
  const gchar *shared = g_getenv ("DELTACNN_SHARED");
  GOptionEntry entries[] = {
    {"full", 0, 0, G_OPTION_ARG_NONE, &full, "Whole clips, all pairs", NULL},
    {"frames", 0, 0, G_OPTION_ARG_INT, &frames_max, "Frames per pair", "N"},
    {"clip", 0, 0, G_OPTION_ARG_STRING, &only_clip, "Part of a name", "NAME"},
    {"model", 0, 0, G_OPTION_ARG_STRING, &only_model, "Part of a name", "NAME"},
    {NULL}
  };
  GOptionContext *options = g_option_context_new (NULL);
  GError *error = NULL;

  g_option_context_add_main_entries (options, entries, NULL);
  g_option_context_set_ignore_unknown_options (options, TRUE);
  if (!g_option_context_parse (options, &argc, &argv, &error))
    g_error ("%s", error->message);
  g_option_context_free (options);
  if (!frames_max)
    frames_max = g_getenv ("DCN_TEST_FAST") ? 10 : 24;
  if (full || g_getenv ("DCN_TEST_EMULATED"))
    test_patience_s = 7200;
  test_init (&argc, &argv);
  if (shared)
    add_clips (shared);
  g_test_add_func ("/delta-equals-dense/made-here", test_made);
  return test_run ();
}
