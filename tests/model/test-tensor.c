/* deltacnn tests: constants in all forms that files have them in.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "folder.h"
#include "model/onnx.h"
#include "model/tensor.h"
#include "onnxwriter.h"
#include "reference.h"
#include "util/error.h"
#include "util/half.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Half precision by its definition (IEEE 754-2008 3.4), in double arithmetic. */
static double
half_value(uint16_t bits)
{
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == 31)
    return fraction ? NAN : sign * INFINITY;
  return sign *
         (exponent ? ldexp(1 + fraction / 1024.0, exponent - 15) : ldexp(fraction / 1024.0, -14));
}

static void
test_half(void)
{
  for (int bits = 0; bits < 65536; bits++) {
    const double wanted = half_value((uint16_t)bits);
    const float got = dcn_half_to_float((uint16_t)bits);
    if (isnan(wanted)) {
      g_assert_true(isnan(got));
      continue;
    }
    g_assert_true(got == wanted && !signbit(got) == !signbit(wanted));
    g_assert_cmpint(dcn_float_to_half(got), ==, bits);
    /* Halfway to the next number goes to the even one, a little more or less to the nearer one. */
    const double next = half_value((uint16_t)(bits + 1));
    if ((bits & 0x7fff) < 0x7bff) {
      const float middle = (float)((wanted + next) / 2);
      g_assert_cmpint(dcn_float_to_half(middle), ==, bits & 1 ? bits + 1 : bits);
      g_assert_cmpint(dcn_float_to_half(nextafterf(middle, 0)), ==, bits);
      g_assert_cmpint(dcn_float_to_half(nextafterf(middle, signbit(middle) ? -INFINITY : INFINITY)),
                      ==, bits + 1);
    }
  }
  g_assert_cmpint(dcn_float_to_half(65519.0f), ==, 0x7bff);
  g_assert_cmpint(dcn_float_to_half(65520.0f), ==, 0x7c00);
  g_assert_cmpint(dcn_float_to_half(1e30f), ==, 0x7c00);
}

/* One form: a type, its raw little-endian bytes, and what they mean. */
typedef struct {
  int type;
  size_t size;
  const char *raw;
  size_t count;
  float values[3];
} RawForm;

static const RawForm raw_forms[] = {
    {1, 8, "\x00\x00\x80\x3f\x00\x00\x00\xc0", 2, {1, -2}},
    {10, 6, "\x00\x3c\x00\xc0\x01\x00", 3, {1, -2, 5.9604645e-08f}},
    {16, 4, "\x80\x3f\x00\xc0", 2, {1, -2}},
    {11, 8, "\x00\x00\x00\x00\x00\x00\xf8\x3f", 1, {1.5f}},
    {2, 2, "\x01\xff", 2, {1, 255}},
    {3, 2, "\x01\xff", 2, {1, -1}},
    {4, 2, "\xff\xff", 1, {65535}},
    {5, 2, "\xff\xff", 1, {-1}},
    {6, 4, "\xfe\xff\xff\xff", 1, {-2}},
    {12, 4, "\xfe\xff\xff\xff", 1, {4294967294.0f}},
    {7, 8, "\xfd\xff\xff\xff\xff\xff\xff\xff", 1, {-3}},
    {13, 8, "\x07\x00\x00\x00\x00\x00\x00\x00", 1, {7}},
    {9, 3, "\x00\x01\x01", 3, {0, 1, 1}},
};

static void
check_tensor(Dcn__Onnx__Tensor *proto, const float *values, size_t count)
{
  GError *error = NULL;
  const size_t size = dcn__onnx__tensor__get_packed_size(proto);
  uint8_t *bytes = g_malloc(size + 1);
  dcn__onnx__tensor__pack(proto, bytes);
  float *got;
  int dims[DCN_MAX_RANK], rank;
  g_assert_true(dcn_onnx_read_tensor(bytes, size, &got, dims, &rank, &error));
  g_assert_no_error(error);
  g_assert_cmpint(rank, ==, 1);
  g_assert_cmpint(dims[0], ==, (int)count);
  for (size_t i = 0; i < count; i++)
    g_assert_cmpfloat(got[i], ==, values[i]);
  g_free(got);
  g_free(bytes);
}

static void
test_raw(void)
{
  for (size_t i = 0; i < G_N_ELEMENTS(raw_forms); i++) {
    const RawForm *form = &raw_forms[i];
    Dcn__Onnx__Tensor proto = DCN__ONNX__TENSOR__INIT;
    int64_t dims[1] = {(int64_t)form->count};
    proto.n_dims = 1;
    proto.dims = dims;
    proto.has_data_type = proto.has_raw_data = TRUE;
    proto.data_type = form->type;
    proto.raw_data.data = (uint8_t *)form->raw;
    proto.raw_data.len = form->size;
    check_tensor(&proto, form->values, form->count);
  }
}

static void
test_typed(void)
{
  int64_t dims[1] = {2};
  static const int in_int32[] = {2, 3, 4, 5, 6, 9};
  for (size_t i = 0; i < G_N_ELEMENTS(in_int32); i++) {
    Dcn__Onnx__Tensor proto = DCN__ONNX__TENSOR__INIT;
    proto.n_dims = 1;
    proto.dims = dims;
    proto.has_data_type = TRUE;
    proto.data_type = in_int32[i];
    proto.n_int32_data = 2;
    proto.int32_data = (int32_t[]){1, 0};
    check_tensor(&proto, (float[]){1, 0}, 2);
  }
  Dcn__Onnx__Tensor proto = DCN__ONNX__TENSOR__INIT;
  proto.n_dims = 1;
  proto.dims = dims;
  proto.has_data_type = TRUE;
  proto.data_type = 10; /* half precision as bits in the int32 field */
  proto.n_int32_data = 2;
  proto.int32_data = (int32_t[]){0x3c00, 0xc000};
  check_tensor(&proto, (float[]){1, -2}, 2);
  proto.data_type = 11;
  proto.n_int32_data = 0;
  proto.n_double_data = 2;
  proto.double_data = (double[]){0.25, -8};
  check_tensor(&proto, (float[]){0.25f, -8}, 2);
  proto.data_type = 12;
  proto.n_double_data = 0;
  proto.n_uint64_data = 2;
  proto.uint64_data = (uint64_t[]){4, 5};
  check_tensor(&proto, (float[]){4, 5}, 2);
  proto.data_type = 7;
  proto.n_uint64_data = 0;
  proto.n_int64_data = 2;
  proto.int64_data = (int64_t[]){-4, 5};
  check_tensor(&proto, (float[]){-4, 5}, 2);
  proto.data_type = 1;
  proto.n_int64_data = 0;
  proto.n_float_data = 2;
  proto.float_data = (float[]){0.5f, 2};
  check_tensor(&proto, (float[]){0.5f, 2}, 2);
}

static void
test_bad_tensors(void)
{
  float *data;
  int dims[DCN_MAX_RANK], rank;
  GError *error = NULL;
  g_assert_false(
      dcn_onnx_read_tensor((const uint8_t *)"\x0a\xff\xff", 3, &data, dims, &rank, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_INVALID);
  g_clear_error(&error);
  /* Strings: type 8, one element. */
  g_assert_false(
      dcn_onnx_read_tensor((const uint8_t *)"\x08\x01\x10\x08", 4, &data, dims, &rank, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED);
  g_clear_error(&error);
}

/* External data: y = x + c with c in another file. */

typedef struct {
  char *folder;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
  f->folder = test_folder_new();
  char *path = g_build_filename(f->folder, "weights.bin", NULL);
  const float numbers[4] = {-1, 10, 20, 30};
  g_assert_true(g_file_set_contents(path, (const char *)numbers, sizeof numbers, NULL));
  g_free(path);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
  test_folder_remove(f->folder);
}

static void
add_entry(Dcn__Onnx__Tensor *tensor, const char *key, const char *value)
{
  Dcn__Onnx__StringStringEntry *entry = malloc(sizeof *entry);
  dcn__onnx__string_string_entry__init(entry);
  entry->key = strdup(key);
  entry->value = strdup(value);
  tensor->external_data =
      realloc(tensor->external_data, (tensor->n_external_data + 1) * sizeof entry);
  tensor->external_data[tensor->n_external_data++] = entry;
}

static DcnProgram *
load_external(Fixture *f, const char *location, const char *offset, const char *length,
              GError **error)
{
  OnnxWriter *w = onnx_writer_new(13);
  onnx_writer_input(w, "x", 1, 1, (int64_t[]){3});
  Dcn__Onnx__Tensor *c = onnx_writer_floats(w, "c", 1, (int64_t[]){3}, NULL, 1);
  c->has_raw_data = FALSE;
  free(c->raw_data.data);
  c->raw_data.data = NULL;
  c->has_data_location = TRUE;
  c->data_location = 1;
  if (location)
    add_entry(c, "location", location);
  if (offset)
    add_entry(c, "offset", offset);
  if (length)
    add_entry(c, "length", length);
  onnx_writer_node(w, "Add", "x c", "y");
  onnx_writer_output(w, "y");
  GBytes *bytes = onnx_writer_finish(w);
  char *path = g_build_filename(f->folder, "model.onnx", NULL);
  g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
                                    (gssize)g_bytes_get_size(bytes), NULL));
  g_bytes_unref(bytes);
  DcnProgram *program = dcn_onnx_load_file(path, NULL, error);
  g_free(path);
  return program;
}

static void
test_external(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *location, *offset, *length;
  } good[] = {{"weights.bin", "4", "12"}, {"weights.bin", "4", NULL}, {"./weights.bin", "4", "12"}};
  for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
    GError *error = NULL;
    DcnProgram *program =
        load_external(f, good[i].location, good[i].offset, good[i].length, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(program->model_name, ==, "model.onnx");
    float **values = reference_run(program, (float[]){1, 2, 3});
    g_assert_cmpmem(values[program->outputs[0]], 12, ((float[]){11, 22, 33}), 12);
    reference_free(program, values);
    dcn_program_free(program);
  }
}

static void
test_external_errors(Fixture *f, gconstpointer data)
{
  static const struct {
    const char *location, *offset, *length;
    int code;
    const char *words;
  } bad[] = {
      {"weights.bin", "8", NULL, DCN_ERROR_INVALID, "data for 2"},
      {"weights.bin", "4", "16", DCN_ERROR_INVALID, "too short"},
      {"weights.bin", "17", NULL, DCN_ERROR_INVALID, "too short"},
      {"weights.bin", "9223372036854775807", "9223372036854775807", DCN_ERROR_INVALID, "too short"},
      {"weights.bin", "-4", NULL, DCN_ERROR_INVALID, "not a number"},
      {"weights.bin", "4", "twelve", DCN_ERROR_INVALID, "not a number"},
      {"missing.bin", "4", "12", DCN_ERROR_IO, "missing.bin"},
      {"../weights.bin", "4", "12", DCN_ERROR_INVALID, "outside of its own folder"},
      {"a/../../weights.bin", "4", "12", DCN_ERROR_INVALID, "outside of its own folder"},
      {"/etc/passwd", "0", "12", DCN_ERROR_INVALID, "outside of its own folder"},
      {"..\\weights.bin", "0", "12", DCN_ERROR_INVALID, "outside of its own folder"},
      {"", "0", "12", DCN_ERROR_INVALID, "outside of its own folder"},
      {NULL, NULL, NULL, DCN_ERROR_INVALID, "outside of its own folder"},
      {".", "0", "12", DCN_ERROR_IO, "missing"},
  };
  for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
    GError *error = NULL;
    g_assert_null(load_external(f, bad[i].location, bad[i].offset, bad[i].length, &error));
    g_assert_error(error, DCN_ERROR, bad[i].code);
    if (!strstr(error->message, bad[i].words))
      g_error("\"%s\" does not say \"%s\"", error->message, bad[i].words);
    g_error_free(error);
  }
}

/* Small constants add up, too: together they take no more than was granted, and what is refused takes
 * nothing. */
static void
test_budget(void)
{
  const int64_t dims[] = {10, 10};
  size_t budget = 250;
  DcnTensor *tensors[2];
  GError *error = NULL;
  for (int i = 0; i < 2; i++) {
    tensors[i] = dcn_tensor_new(i, 2, dims, &budget, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(tensors[i]->count, ==, 100);
  }
  g_assert_cmpuint(budget, ==, 50);
  g_assert_null(dcn_tensor_new(FALSE, 2, dims, &budget, &error));
  g_assert_error(error, DCN_ERROR, DCN_ERROR_MEMORY);
  g_clear_error(&error);
  g_assert_cmpuint(budget, ==, 50);
  for (int i = 0; i < 2; i++)
    dcn_tensor_unref(tensors[i]);
}

/* A chain of reshapes as long as a model can make it holds its elements, and is let go of without
 * recursion. */
static void
test_reshaped(void)
{
  const int64_t flat[] = {6}, table[] = {2, 3};
  DcnTensor *tensor = dcn_tensor_new(FALSE, 1, flat, NULL, NULL);
  for (int i = 0; i < 6; i++)
    tensor->f[i] = i;
  for (int i = 0; i < 1000000; i++) {
    DcnTensor *shaped = dcn_tensor_reshape(tensor, i % 2 ? 1 : 2, i % 2 ? flat : table);
    dcn_tensor_unref(tensor);
    tensor = shaped;
  }
  g_assert_cmpint(tensor->rank, ==, 1);
  g_assert_cmpuint(tensor->count, ==, 6);
  g_assert_cmpfloat(tensor->f[5], ==, 5);
  dcn_tensor_unref(tensor);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/model/tensor/half", test_half);
  g_test_add_func("/model/tensor/raw", test_raw);
  g_test_add_func("/model/tensor/typed", test_typed);
  g_test_add_func("/model/tensor/bad", test_bad_tensors);
  g_test_add_func("/model/tensor/budget", test_budget);
  g_test_add_func("/model/tensor/reshaped", test_reshaped);
  g_test_add("/model/tensor/external", Fixture, NULL, set_up, test_external, tear_down);
  g_test_add("/model/tensor/external-errors", Fixture, NULL, set_up, test_external_errors,
             tear_down);
  return g_test_run();
}
