/* One copy of a model's weights per process and file.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/net.h"
#include "util/error.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* The least of protocol buffers that a model needs. */
static void
put(GByteArray *to, int field, const void *bytes, size_t size)
{
  guint8 head[2] = {(guint8)(field << 3 | 2), (guint8)size};
  g_assert_cmpuint(size, <, 128);
  g_byte_array_append(to, head, 2);
  g_byte_array_append(to, bytes, (guint)size);
}

static void
put_text(GByteArray *to, int field, const char *text)
{
  put(to, field, text, strlen(text));
}

static void
put_number(GByteArray *to, int field, int value)
{
  guint8 bytes[2] = {(guint8)(field << 3), (guint8)value};
  g_byte_array_append(to, bytes, 2);
}

static void
put_message(GByteArray *to, int field, GByteArray *message)
{
  put(to, field, message->data, message->len);
  g_byte_array_unref(message);
}

/* ValueInfoProto of a float tensor 1 x 3 x size x size. */
static GByteArray *
value_info(const char *name, int size)
{
  const int dims[] = {1, 3, size, size};
  GByteArray *shape = g_byte_array_new(), *tensor = g_byte_array_new(), *type = g_byte_array_new(),
             *value = g_byte_array_new();
  for (guint i = 0; i < G_N_ELEMENTS(dims); i++) {
    GByteArray *dim = g_byte_array_new();
    put_number(dim, 1, dims[i]);
    put_message(shape, 1, dim);
  }
  put_number(tensor, 1, 1);
  put_message(tensor, 2, shape);
  put_message(type, 1, tensor);
  put_text(value, 1, name);
  put_message(value, 2, type);
  return value;
}

/* y = Relu(x) */
static void
write_model(const char *path, int size)
{
  GByteArray *node = g_byte_array_new(), *graph = g_byte_array_new(), *opset = g_byte_array_new(),
             *model = g_byte_array_new();
  put_text(node, 1, "x");
  put_text(node, 2, "y");
  put_text(node, 4, "Relu");
  put_message(graph, 1, node);
  put_text(graph, 2, "g");
  put_message(graph, 11, value_info("x", size));
  put_message(graph, 12, value_info("y", size));
  put_number(opset, 2, 13);
  put_number(model, 1, 7);
  put_message(model, 7, graph);
  put_message(model, 8, opset);
  /* Written in place: the inode stays. */
  FILE *file = g_fopen(path, "wb");
  g_assert_nonnull(file);
  g_assert_cmpuint(fwrite(model->data, 1, model->len, file), ==, model->len);
  g_assert_cmpint(fclose(file), ==, 0);
  g_byte_array_unref(model);
}

static char *folder, *path;

static DcnNet *
load(const char *from)
{
  GError *error = NULL;
  DcnNet *net = dcn_net_load(from, DCN_WEIGHTS_FLOAT32, &error);
  g_assert_no_error(error);
  g_assert_nonnull(net);
  return net;
}

static int
width(const DcnNet *net)
{
  const DcnProgram *p = dcn_net_program(net);
  return p->values[p->input].w;
}

static void
test_shared(void)
{
  write_model(path, 8);
  DcnNet *a = load(path), *b = load(path);
  g_assert_true(a == b);
  /* Other names of the same file. */
  char *link = g_build_filename(folder, "link.onnx", NULL),
       *dots = g_build_filename(folder, ".", "model.onnx", NULL);
  g_assert_cmpint(symlink(path, link), ==, 0);
  DcnNet *c = load(link), *d = load(dots);
  g_assert_true(c == a && d == a);
  /* Another file is another network, also where its bytes are the same. */
  char *copy = g_build_filename(folder, "copy.onnx", NULL);
  write_model(copy, 8);
  DcnNet *e = load(copy);
  g_assert_true(e != a);
  /* The state outlives the caller's references. */
  GError *error = NULL;
  DcnState *state = dcn_state_new(a, &error);
  g_assert_no_error(error);
  dcn_net_unref(a);
  dcn_net_unref(b);
  dcn_net_unref(c);
  dcn_net_unref(d);
  dcn_net_unref(e);
  DcnNet *f = load(path);
  g_assert_true(dcn_net_program(f) == dcn_net_program(a)); /* alive through the state */
  dcn_net_unref(f);
  for (int i = 0; i < 8 * 8 * 4; i++)
    dcn_state_input(state)[i] = i % 4 == 3 ? 0 : i % 2 ? 1.5f : -1.5f;
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  float out[3 * 8 * 8];
  dcn_state_output(state, 0, out);
  g_assert_cmpfloat(out[0], ==, 0);
  g_assert_cmpfloat(out[64], ==, 1.5f);
  dcn_state_free(state);
  g_unlink(link);
  g_unlink(copy);
  g_free(link);
  g_free(dots);
  g_free(copy);
}

/* A file that was written anew is loaded anew, while the old network lives on. */
static void
test_rewritten(void)
{
  write_model(path, 8);
  DcnNet *old = load(path);
  g_assert_cmpint(width(old), ==, 8);
  g_usleep(20000); /* beyond the granularity of modification times */
  write_model(path, 9);
  DcnNet *new = load(path);
  g_assert_true(new != old);
  g_assert_cmpint(width(new), ==, 9);
  g_assert_cmpint(width(old), ==, 8);
  dcn_net_unref(old);
  DcnNet *again = load(path);
  g_assert_true(again == new);
  dcn_net_unref(again);
  dcn_net_unref(new);
  /* Nobody holds it any more: loading must work as it did the first time. */
  dcn_net_unref(load(path));
}

static void
test_unreadable(void)
{
  GError *error = NULL;
  char *nowhere = g_build_filename(folder, "nowhere.onnx", NULL);
  g_assert_null(dcn_net_load(nowhere, DCN_WEIGHTS_FLOAT32, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
  g_assert_nonnull(strstr(error->message, "nowhere.onnx"));
  g_clear_error(&error);
  g_assert_true(g_file_set_contents(path, "no model", -1, NULL));
  for (int i = 0; i < 2; i++) {
    g_assert_null(dcn_net_load(path, DCN_WEIGHTS_FLOAT32, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
  }
  g_usleep(20000);
  write_model(path, 8);
  dcn_net_unref(load(path));
  g_free(nowhere);
}

static gpointer
load_at_once(gpointer barrier)
{
  g_atomic_int_add((int *)barrier, -1);
  while (g_atomic_int_get((int *)barrier) > 0)
    ;
  return dcn_net_load(path, DCN_WEIGHTS_FLOAT32, NULL);
}

static gpointer
load_and_drop(gpointer data)
{
  for (int i = 0; i < 300; i++) {
    DcnNet *net = load(path);
    g_assert_cmpint(width(net), ==, 8);
    dcn_net_unref(net);
  }
  return NULL;
}

static void
test_threads(void)
{
  write_model(path, 8);
  for (int round = 0; round < 20; round++) {
    int barrier = 4;
    GThread *thread[4];
    DcnNet *net[4];
    for (int i = 0; i < 4; i++)
      thread[i] = g_thread_new("load", load_at_once, &barrier);
    for (int i = 0; i < 4; i++)
      net[i] = g_thread_join(thread[i]);
    for (int i = 0; i < 4; i++) {
      g_assert_nonnull(net[i]);
      g_assert_true(net[i] == net[0]);
    }
    for (int i = 0; i < 4; i++)
      dcn_net_unref(net[i]);
  }
  GThread *thread[4];
  for (int i = 0; i < 4; i++)
    thread[i] = g_thread_new("drop", load_and_drop, NULL);
  for (int i = 0; i < 4; i++)
    g_thread_join(thread[i]);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = g_dir_make_tmp("dcn-registry-XXXXXX", NULL);
  g_assert_nonnull(folder);
  path = g_build_filename(folder, "model.onnx", NULL);
  g_test_add_func("/net/registry/shared", test_shared);
  g_test_add_func("/net/registry/rewritten", test_rewritten);
  g_test_add_func("/net/registry/unreadable", test_unreadable);
  g_test_add_func("/net/registry/threads", test_threads);
  int result = g_test_run();
  g_unlink(path);
  g_rmdir(folder);
  g_free(path);
  g_free(folder);
  return result;
}
