/* deltacnn tests: weights that stay in the model's file until they are packed.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All numbers are whole and small enough that sums of products are exact in any order: what comes out is compared with
 * sums of integers, bit by bit. */
#include "model/onnx.h"
#include "net/net.h"
#include "onnxwriter.h"
#include "folder.h"
#include "util/error.h"
#include "util/half.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define CHANNELS 6
#define SIDE     4
#define INPUTS   (CHANNELS * SIDE * SIDE)
#define OUTPUTS  37 /* no whole number of vectors */

typedef enum { GEMM_TRANSPOSED, GEMM, MATMUL, SCALED, WINDOW, CONV, FORMS } Form;
typedef enum { RAW, TYPED, HALF, BFLOAT, DOUBLE, CONSTANT, EXTERNAL, PLACES } Place;
/* Largest weights: of few kinds (kept as bytes), exact in half precision, not so. */
static const int largest[] = {3, 2000, 100000};

static char *folder, *path;

static gboolean
is_convolution(Form form)
{
  return form == WINDOW || form == CONV;
}

/* In the order of the file, of [OUTPUTS][INPUTS] as the layer computes it. */
static size_t
at_in_file(Form form, size_t output, size_t input)
{
  return form == GEMM || form == MATMUL ? input * OUTPUTS + output : output * INPUTS + input;
}

static void
set_elements(Dcn__Onnx__Tensor *t, Place place, const float *values, size_t count)
{
  if (place == RAW || place == CONSTANT)
    return;
  free(t->raw_data.data);
  t->raw_data.data = NULL;
  t->raw_data.len = 0;
  t->has_raw_data = place == HALF || place == BFLOAT || place == DOUBLE;
  if (place == TYPED) {
    t->n_float_data = count;
    t->float_data = malloc(count * sizeof(float));
    memcpy(t->float_data, values, count * sizeof(float));
  } else if (place == EXTERNAL) {
    const char *const entries[][2] = {{"location", "weights.bin"}, {"offset", "8"}};
    t->has_data_location = TRUE;
    t->data_location = 1;
    t->n_external_data = 2;
    t->external_data = malloc(2 * sizeof *t->external_data);
    for (int i = 0; i < 2; i++) {
      Dcn__Onnx__StringStringEntry *entry = t->external_data[i] = malloc(sizeof *entry);
      dcn__onnx__string_string_entry__init(entry);
      entry->key = strdup(entries[i][0]);
      entry->value = strdup(entries[i][1]);
    }
    char *bytes = g_malloc0(8 + count * sizeof(float));
    memcpy(bytes + 8, values, count * sizeof(float));
    char *beside = g_build_filename(folder, "weights.bin", NULL);
    g_assert_true(g_file_set_contents(beside, bytes, (gssize)(8 + count * sizeof(float)), NULL));
    g_free(beside);
    g_free(bytes);
  } else {
    size_t each = place == DOUBLE ? 8 : 2;
    t->data_type = place == HALF ? 10 : place == BFLOAT ? 16 : 11;
    t->raw_data.len = count * each;
    t->raw_data.data = malloc(count * each);
    for (size_t i = 0; i < count; i++) {
      const double wide = values[i];
      const uint16_t half = dcn_float_to_half(values[i]);
      uint32_t bits;
      memcpy(&bits, &values[i], sizeof bits);
      const uint16_t upper = (uint16_t)(bits >> 16);
      memcpy(t->raw_data.data + i * each,
             place == HALF     ? (const void *)&half
             : place == BFLOAT ? (const void *)&upper
                               : &wide,
             each);
    }
  }
}

/* y = W x, with x of CHANNELS x SIDE x SIDE; weights: [OUTPUTS][INPUTS]. */
static GBytes *
make_model(Form form, Place place, const int *weights)
{
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 1, 4, (int64_t[]){1, CHANNELS, SIDE, SIDE});
  const gboolean lying = form == GEMM || form == MATMUL;
  const int64_t table[] = {lying ? INPUTS : OUTPUTS, lying ? OUTPUTS : INPUTS},
                window[] = {OUTPUTS, CHANNELS, SIDE, SIDE};
  float *values = g_new(float, INPUTS *OUTPUTS);
  for (size_t o = 0; o < OUTPUTS; o++)
    for (size_t i = 0; i < INPUTS; i++)
      values[at_in_file(form, o, i)] = (float)weights[o * INPUTS + i];
  const gboolean conv = is_convolution(form);
  Dcn__Onnx__Tensor *t = onnx_writer_floats(w, "w", conv ? 4 : 2, conv ? window : table, values, 0);
  set_elements(t, place, values, INPUTS * OUTPUTS);
  g_free(values);
  Dcn__Onnx__Graph *graph = w->model->graph;
  if (place == CONSTANT) { /* the same tensor in a node */
    graph->n_initializer--;
    Dcn__Onnx__Node *node = onnx_writer_node(w, "Constant", "", "w");
    onnx_node_int(node, "value", 0);
    Dcn__Onnx__Attribute *attribute = node->attribute[node->n_attribute - 1];
    attribute->has_i = FALSE;
    attribute->type = 4;
    attribute->t = t;
  }
  if (!conv)
    onnx_writer_node(w, "Flatten", "x", "flat");
  if (form == MATMUL) {
    onnx_writer_node(w, "MatMul", "flat w", "y");
  } else if (conv) {
    Dcn__Onnx__Node *node = onnx_writer_node(w, "Conv", "x w", form == CONV ? "z" : "y4");
    /* A window with padding sees the image at several places, which are summed up: no fully connected layer. */
    onnx_node_ints(node, "pads", 4, form == CONV ? SIDE - 1 : 0, 0, 0, 0);
    if (form == CONV) {
      onnx_writer_node(w, "ReduceSum", "z axes", "y4");
      onnx_writer_ints(w, "axes", 1, (int64_t[]){2});
    }
    onnx_writer_node(w, "Flatten", "y4", "y");
  } else {
    Dcn__Onnx__Node *node = onnx_writer_node(w, "Gemm", "flat w", "y");
    onnx_node_int(node, "transB", form != GEMM);
    if (form == SCALED)
      onnx_node_float(node, "alpha", 2);
  }
  onnx_writer_output(w, "y");
  return onnx_writer_finish(w);
}

/* What y must be, of whole numbers. */
static int64_t
wanted(Form form, const int *weights, const int *x, size_t output)
{
  int64_t sum = 0;
  const int *row = weights + output * INPUTS;
  if (form != CONV) {
    for (size_t i = 0; i < INPUTS; i++)
      sum += (int64_t)row[i] * x[i];
    return form == SCALED ? 2 * sum : sum;
  }
  for (int c = 0; c < CHANNELS; c++) /* the window from SIDE - 1 rows above the image on */
    for (int top = 1 - SIDE; top <= 0; top++)
      for (int ky = 0; ky < SIDE; ky++)
        for (int kx = 0; kx < SIDE && top + ky >= 0; kx++)
          sum += (int64_t)row[(c * SIDE + ky) * SIDE + kx] * x[(c * SIDE + top + ky) * SIDE + kx];
  return sum;
}

static int *
numbers(GRand *rand, size_t count, int most)
{
  int *out = g_new(int, count);
  for (size_t i = 0; i < count; i++)
    out[i] = g_rand_int_range(rand, -most, most + 1);
  return out;
}

static gboolean
is_open(void)
{
  GDir *files = g_dir_open("/proc/self/fd", 0, NULL);
  gboolean found = FALSE;
  for (const char *name; files && (name = g_dir_read_name(files));) {
    char *link = g_build_filename("/proc/self/fd", name, NULL), *to = g_file_read_link(link, NULL);
    found |= to && g_str_has_prefix(to, folder);
    g_free(link);
    g_free(to);
  }
  if (files)
    g_dir_close(files);
  return found;
}

static void
check_outputs(DcnNet *net, Form form, const int *weights, const int *x)
{
  GError *error = NULL;
  DcnState *state = dcn_state_new(net, &error);
  g_assert_no_error(error);
  const int pitch = dcn_channel_pitch(CHANNELS);
  for (int c = 0; c < CHANNELS; c++)
    for (int p = 0; p < SIDE * SIDE; p++)
      dcn_state_input(state)[p * pitch + c] = (float)x[c * SIDE * SIDE + p];
  dcn_state_run(state, NULL, DCN_MODE_DELTA, 1, NULL);
  float y[OUTPUTS];
  dcn_state_output(state, 0, y);
  for (size_t o = 0; o < OUTPUTS; o++)
    g_assert_cmpfloat(y[o], ==, (float)wanted(form, weights, x, o));
  dcn_state_free(state);
}

static void
test_forms(void)
{
  GRand *rand = g_rand_new_with_seed(1);
  for (int form = 0; form < FORMS; form++)
    for (int place = 0; place < PLACES; place++)
      for (size_t kind = 0; kind < G_N_ELEMENTS(largest); kind++) {
        if ((place == HALF && largest[kind] > 2048) || (place == BFLOAT && largest[kind] > 256))
          continue;
        GError *error = NULL;
        int *weights = numbers(rand, INPUTS * OUTPUTS, largest[kind]),
            *x = numbers(rand, INPUTS, 1);
        GBytes *bytes = make_model((Form)form, (Place)place, weights);
        g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                          (gssize)g_bytes_get_size(bytes), NULL));
        DcnNet *net = dcn_net_load(path, DCN_WEIGHTS_FLOAT32, &error);
        g_assert_no_error(error);
        check_outputs(net, (Form)form, weights, x);
        g_assert_false(is_open());
        /* Each is there once, as what it needs: a byte, half a float, or one (of columns rounded up to 48). */
        const size_t each = largest[kind] == 3 ? 1 : largest[kind] == 2000 ? 2 : 4;
        if (form < SCALED || form == WINDOW)
          g_assert_cmpuint(dcn_net_weight_bytes(net) / (INPUTS * 48), ==, each);
        dcn_net_unref(net);
        if (place != EXTERNAL) { /* the bytes are not needed any more */
          size_t size = g_bytes_get_size(bytes);
          uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, NULL), size);
          DcnProgram *program = dcn_onnx_load_memory(
              copy, size, "model.onnx", &(DcnOnnxOptions){.weights_later = TRUE}, &error);
          memset(copy, 0xff, size);
          g_free(copy);
          net = program ? dcn_net_new(program, &error) : NULL;
          g_assert_no_error(error);
          check_outputs(net, (Form)form, weights, x);
          dcn_net_unref(net);
        }
        g_bytes_unref(bytes);
        g_free(weights);
        g_free(x);
      }
  g_rand_free(rand);
}

/* Rounding to half precision asks for a look at all of them, and for another where one is beyond its range. */
static void
test_rounded(void)
{
  GRand *rand = g_rand_new_with_seed(2);
  for (int form = GEMM_TRANSPOSED; form <= GEMM; form++)
    for (int beyond = 0; beyond < 2; beyond++) {
      GError *error = NULL;
      int *weights = numbers(rand, INPUTS * OUTPUTS, 60000), *x = numbers(rand, INPUTS, 1);
      weights[INPUTS * OUTPUTS - 1] = beyond ? 70000 : 0;
      GBytes *bytes = make_model((Form)form, RAW, weights);
      g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                        (gssize)g_bytes_get_size(bytes), NULL));
      DcnNet *net = dcn_net_load(path, DCN_WEIGHTS_FLOAT16, &error);
      g_assert_no_error(error);
      for (int i = 0; i < INPUTS * OUTPUTS && !beyond; i++)
        weights[i] = (int)dcn_half_to_float(dcn_float_to_half((float)weights[i]));
      check_outputs(net, (Form)form, weights, x);
      g_assert_cmpuint(dcn_net_weight_bytes(net) / (INPUTS * 48), ==, beyond ? 4 : 2);
      dcn_net_unref(net);
      g_bytes_unref(bytes);
      g_free(weights);
      g_free(x);
    }
  g_rand_free(rand);
}

/* Between the look at the nodes and the packing of the weights the file is cut, or written anew with as many bytes. */
static void
test_changed(void)
{
  GRand *rand = g_rand_new_with_seed(3);
  for (int form = 0; form < FORMS; form++)
    for (int rewritten = 0; rewritten < 2; rewritten++) {
      if (form == SCALED) /* read at once */
        continue;
      GError *error = NULL;
      int *weights = numbers(rand, INPUTS * OUTPUTS, 100000);
      GBytes *bytes = make_model((Form)form, RAW, weights);
      g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                        (gssize)g_bytes_get_size(bytes), NULL));
      DcnProgram *program =
          dcn_onnx_load_file(path, &(DcnOnnxOptions){.weights_later = TRUE}, &error);
      g_assert_no_error(error);
      g_assert_true(is_open());
      g_usleep(20000); /* beyond the granularity of modification times */
      FILE *file = g_fopen(path, "r+b");
      if (rewritten)
        g_assert_cmpuint(fwrite("\x08", 1, 1, file), ==, 1);
      else
        g_assert_cmpint(ftruncate(fileno(file), (off_t)(g_bytes_get_size(bytes) / 2)), ==, 0);
      fclose(file);
      g_assert_null(dcn_net_new(program, &error));
      g_assert_error(error, DCN_ERROR, DCN_ERROR_IO);
      g_assert_nonnull(strstr(error->message, "model.onnx: the file was changed"));
      g_clear_error(&error);
      g_assert_false(is_open());
      g_bytes_unref(bytes);
      g_free(weights);
    }
  g_rand_free(rand);
}

/* Wherever a file ends too early, that is said, and nothing stays open. */
static void
test_cut(void)
{
  GRand *rand = g_rand_new_with_seed(4);
  int *weights = numbers(rand, INPUTS * OUTPUTS, 100000);
  GBytes *bytes = make_model(GEMM, RAW, weights);
  for (size_t size = 0; size + 8 < g_bytes_get_size(bytes); size += size < 200 ? 1 : 331) {
    GError *error = NULL;
    g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL), (gssize)size, NULL));
    g_assert_null(dcn_net_load(path, DCN_WEIGHTS_FLOAT32, &error));
    g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "not an ONNX model, or damaged"));
    g_clear_error(&error);
  }
  g_assert_false(is_open());
  g_bytes_unref(bytes);
  g_free(weights);
  g_rand_free(rand);
}

/* Exporters write a file for each constant: more than a process may have open. */
static void
test_many_files(void)
{
  enum { LAYERS = 60 };
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 1, 4, (int64_t[]){1, CHANNELS, SIDE, SIDE});
  int64_t dims[] = {CHANNELS, CHANNELS, 1, 1};
  float identity[CHANNELS * CHANNELS] = {0};
  for (int c = 0; c < CHANNELS; c++)
    identity[c * CHANNELS + c] = 1;
  for (int i = 0; i < LAYERS; i++) {
    char *weights = g_strdup_printf("w%d", i), *beside = g_strdup_printf("w%d.bin", i),
         *file = g_build_filename(folder, beside, NULL),
         *in = i ? g_strdup_printf("y%d w%d", i - 1, i) : g_strdup("x w0"),
         *out = i + 1 < LAYERS ? g_strdup_printf("y%d", i) : g_strdup("y");
    Dcn__Onnx__Tensor *t = onnx_writer_floats(w, weights, 4, dims, identity, 0);
    set_elements(t, EXTERNAL, identity, CHANNELS * CHANNELS);
    free(t->external_data[0]->value);
    t->external_data[0]->value = strdup(beside);
    char *written = g_build_filename(folder, "weights.bin", NULL);
    g_assert_cmpint(g_rename(written, file), ==, 0);
    onnx_writer_node(w, "Conv", in, out);
    g_free(written);
    g_free(weights);
    g_free(beside);
    g_free(file);
    g_free(in);
    g_free(out);
  }
  onnx_writer_output(w, "y");
  GBytes *bytes = onnx_writer_finish(w);
  g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                    (gssize)g_bytes_get_size(bytes), NULL));
  struct rlimit before, few;
  g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
  few = before;
  few.rlim_cur = 48;
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &few), ==, 0);
  GError *error = NULL;
  DcnNet *net = dcn_net_load(path, DCN_WEIGHTS_FLOAT32, &error);
  g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
  g_assert_no_error(error);
  g_assert_false(is_open());
  DcnState *state = dcn_state_new(net, NULL);
  float *x = dcn_state_input(state), y[INPUTS];
  int pitch = dcn_channel_pitch(CHANNELS);
  for (int c = 0; c < CHANNELS; c++)
    for (int p = 0; p < SIDE * SIDE; p++)
      x[p * pitch + c] = (float)(c * 100 + p);
  dcn_state_run(state, NULL, DCN_MODE_DENSE, 1, NULL);
  dcn_state_output(state, 0, y);
  for (int i = 0; i < INPUTS; i++)
    g_assert_cmpfloat(y[i], ==, (float)(i / (SIDE * SIDE) * 100 + i % (SIDE * SIDE)));
  dcn_state_free(state);
  dcn_net_unref(net);
  g_bytes_unref(bytes);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  folder = test_folder_new();
  path = g_build_filename(folder, "model.onnx", NULL);
  g_test_add_func("/net/stored/forms", test_forms);
  g_test_add_func("/net/stored/rounded", test_rounded);
  g_test_add_func("/net/stored/changed", test_changed);
  g_test_add_func("/net/stored/cut", test_cut);
  g_test_add_func("/net/stored/many-files", test_many_files);
  int result = g_test_run();
  g_free(path);
  test_folder_remove(folder);
  return result;
}
