/* deltacnn tests: the .modelinfo key file and the labels file.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "folder.h"
#include "model/modelinfo.h"
#include "util/error.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  char *folder, *model;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
  f->folder = test_folder_new();
  f->model = g_build_filename(f->folder, "net.onnx", NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
  test_folder_remove(f->folder);
  g_free(f->model);
}

static char *
write_file(Fixture *f, const char *name, const char *text)
{
  char *path = g_build_filename(f->folder, name, NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

static DcnModelInfo *
load(Fixture *f, const char *text, GError **error)
{
  g_free(write_file(f, "net.onnx.modelinfo", text));
  return dcn_modelinfo_load(f->model, "input", 3, error);
}

static DcnModelInfo *
load_good(Fixture *f, const char *text)
{
  GError *error = NULL;
  DcnModelInfo *info = load(f, text, &error);
  g_assert_no_error(error);
  g_assert_nonnull(info);
  return info;
}

static void
test_defaults(Fixture *f, gconstpointer data)
{
  GError *error = NULL;
  DcnModelInfo *info = dcn_modelinfo_load(f->model, "input", 3, &error);
  g_assert_no_error(error);
  g_assert_false(info->has_ranges);
  g_assert_false(info->has_color);
  g_assert_cmpint(info->resize, ==, DCN_RESIZE_STRETCH);
  g_assert_cmpfloat(info->crop_fraction, ==, 1);
  g_assert_null(info->labels_file);
  g_assert_cmpint(info->activation, ==, -1);
  g_assert_false(info->half_weights);
  g_assert_cmpint(g_hash_table_size(info->tolerances), ==, 0);
  dcn_modelinfo_free(info);
}

/* As GStreamer 1.28 writes it, with keys that we do not use, and our section. */
static void
test_full(Fixture *f, gconstpointer data)
{
  DcnModelInfo *info = load_good(
      f, "# a comment\n"
         "[modelinfo]\nversion=1.0\ngroup-id=some-model\n"
         "[input]\nid=in\ndir=input\ntype=float32\ndims=-1,3,224,224\ndims-order=row-major\n"
         "ranges=-2.1179,2.2489; -2.0357,2.4285;-1.8044,2.64;\n"
         "[output]\ndir=output\ntype=float32\ndims=-1,1000\nranges=0,1\n"
         "[deltacnn]\ncolor=BGR\nresize=crop\ncrop-fraction=0.875\nlabels=names.txt\n"
         "activation=sigmoid\ntolerance=relu1,0.01;a,b,2.5e-3;\nmargin = "
         "0.25\nweights=float16\nfuture=key\n");
  g_assert_true(info->has_ranges);
  g_assert_cmpint(info->n_ranges, ==, 3);
  g_assert_cmpfloat(info->range_min[0], ==, -2.1179);
  g_assert_cmpfloat(info->range_max[0], ==, 2.2489);
  g_assert_cmpfloat(info->range_min[1], ==, -2.0357);
  g_assert_cmpfloat(info->range_max[2], ==, 2.64);
  g_assert_true(info->has_color);
  g_assert_cmpint(info->color, ==, DCN_COLOR_BGR);
  g_assert_cmpint(info->resize, ==, DCN_RESIZE_CROP);
  g_assert_cmpfloat(info->crop_fraction, ==, 0.875);
  g_assert_cmpint(info->activation, ==, 2);
  char *labels = g_build_filename(f->folder, "names.txt", NULL);
  g_assert_cmpstr(info->labels_file, ==, labels);
  g_free(labels);
  g_assert_cmpint(g_hash_table_size(info->tolerances), ==, 2);
  g_assert_cmpfloat(*(double *)g_hash_table_lookup(info->tolerances, "relu1"), ==, 0.01);
  g_assert_cmpfloat(*(double *)g_hash_table_lookup(info->tolerances, "a,b"), ==, 0.0025);
  g_assert_cmpfloat(info->margin, ==, 0.25);
  g_assert_true(info->half_weights);
  dcn_modelinfo_free(info);
}

/* The size that a model leaves free. */
static void
test_dims(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *dims;
    int height, width;
  } cases[] = {
      {"1,3,224,160", 224, 160},
      {"-1,3,224,160", 224, 160}, /* the batch may be free in the description, too */
      {"1,1,20,30", 20, 30},
      {"1,224,160,3", 224, 160}, /* channels last */
      {"1,224,160,1", 224, 160},
      {"1, 3, 10 , 12", 10, 12},
      {"1,3,65536,1", 65536, 1},
      {"1,3,65537,8", 0, 0},
      {"1,3,0,0", 0, 0},
      {"1,3,-1,-1", 0, 0},
      {"1,3,224", 0, 0},
      {"1,3,224,224,1", 0, 0},
      {"1,3,20.5,20", 0, 0},
      {"1,3,nan,20", 0, 0},
      {"1,3,1e30,20", 0, 0},
      {"1,3,height,width", 0, 0},
      {"", 0, 0},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    char *text = g_strdup_printf("[input]\ndir=input\ndims=%s\n", cases[i].dims);
    DcnModelInfo *info = load_good(f, text);
    g_test_message("dims=%s", cases[i].dims);
    g_assert_cmpint(info->height, ==, cases[i].height);
    g_assert_cmpint(info->width, ==, cases[i].width);
    dcn_modelinfo_free(info);
    g_free(text);
  }
}

/* Everything but the key stays as it was, to the byte. */
static void
test_write(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *before, *after;
  } cases[] = {
      {NULL, "[modelinfo]\nversion=1.0\n\n[deltacnn]\n# deltacnn-calibrate: one\n"
             "# deltacnn-calibrate: two\ntolerance=relu 1,0.0123;a\\;b,c,0;*,2.5;\nmargin=0.25\n"},
      {"# mine\n[input]\nranges = -1,1 ; -1,1;0,1\n",
       "# mine\n[input]\nranges = -1,1 ; -1,1;0,1\n\n[deltacnn]\n# deltacnn-calibrate: one\n"
       "# deltacnn-calibrate: two\ntolerance=relu 1,0.0123;a\\;b,c,0;*,2.5;\nmargin=0.25\n"},
      {"[deltacnn]\n# a comment\n  color = bgr\n# of mine\n\n\n[x]\ntolerance=5",
       "[deltacnn]\n# a comment\n  color = bgr\n# of mine\n# deltacnn-calibrate: one\n"
       "# deltacnn-calibrate: two\ntolerance=relu "
       "1,0.0123;a\\;b,c,0;*,2.5;\nmargin=0.25\n\n\n[x]\ntolerance=5"},
      {"[deltacnn]\r\nlabels=l.txt\r\n# deltacnn-calibrate: old\r\n tolerance = old,1\r\n "
       "margin=1\r\n"
       "color=gray\r\ntolerance=older,1\r\n",
       "[deltacnn]\r\nlabels=l.txt\r\n# deltacnn-calibrate: one\r\n# deltacnn-calibrate: two\r\n"
       "tolerance=relu 1,0.0123;a\\;b,c,0;*,2.5;\r\nmargin=0.25\r\ncolor=gray\r\n"},
      {"[deltacnn]", "[deltacnn]\n# deltacnn-calibrate: one\n# deltacnn-calibrate: two\n"
                     "tolerance=relu 1,0.0123;a\\;b,c,0;*,2.5;\nmargin=0.25\n"},
  };
  const DcnTolerance tolerances[] = {{"relu 1", 0.0123}, {"a;b,c", 0}, {"*", 2.5}};
  char *file = g_build_filename(f->folder, "net.onnx.modelinfo", NULL);
  for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
    GError *error = NULL;
    char *after = NULL;
    if (cases[i].before)
      g_free(write_file(f, "net.onnx.modelinfo", cases[i].before));
    g_assert_true(dcn_modelinfo_write_tolerances(cases[i].before ? file : NULL, file, tolerances, 3,
                                                 0.25, "one\ntwo", &error));
    g_assert_no_error(error);
    g_assert_true(g_file_get_contents(file, &after, NULL, NULL));
    g_assert_cmpstr(after, ==, cases[i].after);
    g_free(after);
    DcnModelInfo *info = dcn_modelinfo_load(f->model, "input", 3, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_hash_table_size(info->tolerances), ==, 3);
    g_assert_cmpfloat(info->margin, ==, 0.25);
    for (size_t j = 0; j < 3; j++)
      g_assert_cmpfloat(*(double *)g_hash_table_lookup(info->tolerances, tolerances[j].name), ==,
                        tolerances[j].tolerance);
    dcn_modelinfo_free(info);
  }
  /* Once more: nothing piles up. */
  char *once = NULL, *twice = NULL;
  g_assert_true(g_file_get_contents(file, &once, NULL, NULL));
  g_assert_true(dcn_modelinfo_write_tolerances(file, file, tolerances, 3, 0.25, "one\ntwo", NULL));
  g_assert_true(g_file_get_contents(file, &twice, NULL, NULL));
  g_assert_cmpstr(once, ==, twice);
  g_free(once);
  g_free(twice);
  g_free(file);
}

/* The file behind a link changes, the link stays; permissions stay. */
static void
test_write_link(Fixture *f, gconstpointer data)
{
  const DcnTolerance tolerance = {"x", 1};
  char *file = write_file(f, "real.modelinfo", "[deltacnn]\ncolor=bgr\n");
  char *link = g_build_filename(f->folder, "net.onnx.modelinfo", NULL);
  char *target = NULL, *text = NULL;
  GStatBuf info;
  g_assert_cmpint(g_chmod(file, 0640), ==, 0);
  g_assert_cmpint(symlink("real.modelinfo", link), ==, 0);
  g_assert_true(dcn_modelinfo_write_tolerances(link, link, &tolerance, 1, 0, NULL, NULL));
  target = g_file_read_link(link, NULL);
  g_assert_cmpstr(target, ==, "real.modelinfo");
  g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
  g_assert_cmpstr(text, ==, "[deltacnn]\ncolor=bgr\ntolerance=x,1;\n");
  g_assert_cmpint(g_stat(file, &info), ==, 0);
  g_assert_cmpint(info.st_mode & 0777, ==, 0640);
  g_free(target);
  g_free(text);
  g_free(file);
  g_free(link);
}

static void
test_write_errors(Fixture *f, gconstpointer data)
{
  const DcnTolerance tolerance = {"x", 1}, bad = {"new\nline ", 1};
  GError *error = NULL;
  char *text = NULL;
  char *file = write_file(f, "net.onnx.modelinfo", "color=bgr\n");
  char *lost = g_build_filename(f->folder, "nowhere", "file", NULL);

  /* Not a key file: it stays. */
  g_assert_false(dcn_modelinfo_write_tolerances(file, file, &tolerance, 1, 0, "", &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_true(g_file_get_contents(file, &text, NULL, NULL));
  g_assert_cmpstr(text, ==, "color=bgr\n");
  g_free(text);
  g_assert_false(dcn_modelinfo_write_tolerances(NULL, lost, &tolerance, 1, 0, "", &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_assert_nonnull(strstr(error->message, "nowhere"));
  g_clear_error(&error);
  g_assert_false(dcn_modelinfo_write_tolerances(lost, file, &tolerance, 1, 0, "", &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_clear_error(&error);

  g_assert_true(dcn_modelinfo_can_name("model/relu;x,1"));
  g_assert_false(dcn_modelinfo_can_name(bad.name));
  g_assert_false(dcn_modelinfo_can_name("*"));
  g_assert_false(dcn_modelinfo_can_name(""));
  g_assert_false(dcn_modelinfo_can_name(NULL));
  g_assert_false(dcn_modelinfo_can_name(" x"));
  g_assert_false(dcn_modelinfo_can_name("x\xff"));
  g_free(file);
  g_free(lost);
}

static void
test_variants(Fixture *f, gconstpointer data)
{
  /* One pair for all channels. */
  DcnModelInfo *info = load_good(f, "[input]\nranges=0,1\n");
  g_assert_cmpint(info->n_ranges, ==, 1);
  g_assert_cmpfloat(info->range_max[0], ==, 1);
  dcn_modelinfo_free(info);

  /* Another tensor name, but the only input. */
  info = load_good(f, "[data_0]\ndir=input\nranges=0,2\n[prob]\ndir=output\nranges=0,3\n");
  g_assert_true(info->has_ranges);
  g_assert_cmpfloat(info->range_max[0], ==, 2);
  dcn_modelinfo_free(info);

  /* Two inputs, neither of that name: no guess. */
  info = load_good(f, "[a]\ndir=input\nranges=0,2\n[b]\ndir=input\nranges=0,3\n");
  g_assert_false(info->has_ranges);
  dcn_modelinfo_free(info);

  /* An absolute labels path stays. */
  info = load_good(f, "[deltacnn]\nlabels=/usr/share/labels.txt\n");
  g_assert_cmpstr(info->labels_file, ==, "/usr/share/labels.txt");
  dcn_modelinfo_free(info);

  /* net.modelinfo where there is no net.onnx.modelinfo. */
  char *path = g_build_filename(f->folder, "net.onnx.modelinfo", NULL);
  g_remove(path);
  g_free(path);
  g_free(write_file(f, "net.modelinfo", "[deltacnn]\ncolor=gray\n"));
  GError *error = NULL;
  info = dcn_modelinfo_load(f->model, "input", 1, &error);
  g_assert_no_error(error);
  g_assert_cmpint(info->color, ==, DCN_COLOR_GRAY);
  dcn_modelinfo_free(info);
}

static void
test_errors(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *text, *words;
  } bad[] = {
      {"", "is empty"},
      {"# nothing\n\n", "is empty"},
      {"color=bgr\n", "not a key file"},
      {"[input\nranges=0,1\n", "not a key file"},
      {"[modelinfo]\nversion=2.0\n", "version \"2.0\""},
      {"[modelinfo]\nversion=one\n", "version \"one\""},
      {"[input]\nranges=0,1;0,1\n", "has 2 pairs of min,max, but the tensor has 3 channels"},
      {"[input]\nranges=\n", "has 0 pairs"},
      {"[input]\nranges=0\n", "\"0\" is not a pair"},
      {"[input]\nranges=0,1;0,1,2;0,1\n", "\"0,1,2\" is not a pair"},
      {"[input]\nranges=0,one\n", "\"0,one\" is not a pair"},
      {"[input]\nranges=0,inf\n", "is not a pair"},
      {"[deltacnn]\nmargin=1.5\n", "margin: \"1.5\" is not a number from 0 to 1"},
      {"[deltacnn]\nmargin=-0.1\n", "margin: \"-0.1\""},
      {"[deltacnn]\nmargin=much\n", "margin: \"much\""},
      {"[deltacnn]\nmargin=nan\n", "margin: \"nan\""},
      {"[deltacnn]\ncolor=purple\n", "color: \"purple\" is none of rgb, bgr, gray"},
      {"[deltacnn]\nresize=zoom\n", "resize: \"zoom\""},
      {"[deltacnn]\nactivation=relu\n", "activation: \"relu\""},
      {"[deltacnn]\nweights=int8\n", "weights: \"int8\" is none of float32, float16"},
      {"[deltacnn]\ncrop-fraction=0\n", "crop-fraction: \"0\""},
      {"[deltacnn]\ncrop-fraction=1.5\n", "crop-fraction: \"1.5\""},
      {"[deltacnn]\ncrop-fraction=half\n", "crop-fraction: \"half\""},
      {"[deltacnn]\nlabels=\n", "labels names no file"},
      {"[deltacnn]\ntolerance=a\\q,1\n", "tolerance is not a list"},
      {"[deltacnn]\ntolerance=relu1\n", "\"relu1\" is not NAME,VALUE"},
      {"[deltacnn]\ntolerance=relu1,-1\n", "\"relu1,-1\" is not NAME,VALUE"},
      {"[deltacnn]\ntolerance=,1\n", "\",1\" is not NAME,VALUE"},
      /* bytes that are no UTF-8, in values and where messages quote them */
      {"[deltacnn]\nlabels=gr\xfc\xdf"
       "e.txt\n",
       "labels is not text"},
      {"[input]\nranges=0,1\xff\n", "ranges is not text"},
      {"[input\xff]\ndir=input\nranges=0\n", "\"0\" is not a pair"},
      {"[input]\xff\n", "not a key file"},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    GError *error = NULL;
    g_assert_null(load(f, bad[i].text, &error));
    g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "net.onnx.modelinfo"));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    if (!strstr(error->message, bad[i].words))
      g_error("\"%s\" does not say \"%s\"", error->message, bad[i].words);
    g_error_free(error);
  }
}

static void
test_labels(Fixture *f, gconstpointer data)
{
  static const char *const texts[] = {"cat\ndog\n", "cat\r\ndog\r\n", "cat\ndog", "cat\ndog\n\n \n",
                                      ("\xef\xbb\xbf"
                                       "cat\ndog\n")};
  GError *error = NULL;
  for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
    char *path = write_file(f, "labels.txt", texts[i]);
    char **labels = dcn_labels_load(path, 2, &error);
    g_assert_no_error(error);
    g_assert_cmpint((int)g_strv_length(labels), ==, 2);
    g_assert_cmpstr(labels[0], ==, "cat");
    g_assert_cmpstr(labels[1], ==, "dog");
    g_strfreev(labels);
    g_free(path);
  }
  /* An empty line in the middle is a class without a name. */
  char *path = write_file(f, "labels.txt", "a\n\nb\n");
  char **labels = dcn_labels_load(path, 3, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(labels[1], ==, "");
  g_assert_cmpstr(labels[2], ==, "b");
  g_strfreev(labels);

  /* Lists of 1000 classes that begin with a line for the background are common. */
  static const int others[] = {1000, 2};
  for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
    char *outputs = g_strdup_printf(" %d outputs", others[i]);
    g_assert_null(dcn_labels_load(path, others[i], &error));
    g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "has 3 lines"));
    g_assert_nonnull(strstr(error->message, outputs));
    g_clear_error(&error);
    g_free(outputs);
  }
  g_free(path);

  path = write_file(f, "labels.txt", "caf\xe9\nthe\n");
  g_assert_null(dcn_labels_load(path, 2, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
  g_assert_nonnull(strstr(error->message, "UTF-8"));
  g_clear_error(&error);
  g_free(path);

  path = g_build_filename(f->folder, "missing.txt", NULL);
  g_assert_null(dcn_labels_load(path, 2, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_assert_nonnull(strstr(error->message, path));
  g_clear_error(&error);
  g_free(path);
  g_assert_null(dcn_labels_load(f->folder, 2, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_clear_error(&error);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
#define ADD(name, func) g_test_add("/model/modelinfo/" name, Fixture, NULL, set_up, func, tear_down)
  ADD("defaults", test_defaults);
  ADD("full", test_full);
  ADD("dims", test_dims);
  ADD("variants", test_variants);
  ADD("errors", test_errors);
  ADD("write", test_write);
  ADD("write/link", test_write_link);
  ADD("write/errors", test_write_errors);
  ADD("labels", test_labels);
  return g_test_run();
}
