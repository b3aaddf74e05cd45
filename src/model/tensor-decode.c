/* deltacnn: decodes a serialised tensor, whichever of its six places the elements are in.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/tensor.h"
#include "util/error.h"
#include "util/half.h"
#include <string.h>

/* Bytes that are converted at a time. */
#define PIECE 16384

size_t
dcn_element_bytes(int type)
{
  switch (type) {
  case DCN_ONNX_UINT8:
  case DCN_ONNX_INT8:
  case DCN_ONNX_BOOL:
    return 1;
  case DCN_ONNX_UINT16:
  case DCN_ONNX_INT16:
  case DCN_ONNX_FLOAT16:
  case DCN_ONNX_BFLOAT16:
    return 2;
  case DCN_ONNX_FLOAT:
  case DCN_ONNX_INT32:
  case DCN_ONNX_UINT32:
    return 4;
  case DCN_ONNX_DOUBLE:
  case DCN_ONNX_INT64:
  case DCN_ONNX_UINT64:
    return 8;
  default:
    return 0;
  }
}

static gboolean
is_float_type(int type)
{
  return type == DCN_ONNX_FLOAT || type == DCN_ONNX_FLOAT16 || type == DCN_ONNX_BFLOAT16 ||
         type == DCN_ONNX_DOUBLE;
}

static float
bfloat16_to_float(uint16_t bits)
{
  const uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

static float
double_to_float(uint64_t bits)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  return (float)value;
}

static int64_t
saturate_unsigned(uint64_t value)
{
  return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void
dcn_elements_decode(int type, const uint8_t *bytes, size_t count, float *f, int64_t *i)
{
  const size_t size = dcn_element_bytes(type);
  if (type == DCN_ONNX_FLOAT && G_BYTE_ORDER == G_LITTLE_ENDIAN && count > 0) {
    memcpy(f, bytes, count * sizeof(float));
    return;
  }
  for (size_t n = 0; n < count; n++, bytes += size) {
    uint64_t bits = 0;
    for (size_t k = 0; k < size; k++)
      bits |= (uint64_t)bytes[k] << (8 * k);
    switch (type) {
    case DCN_ONNX_FLOAT: {
      const uint32_t word = (uint32_t)bits;
      memcpy(&f[n], &word, sizeof word);
      break;
    }
    case DCN_ONNX_FLOAT16:
      f[n] = dcn_half_to_float((uint16_t)bits);
      break;
    case DCN_ONNX_BFLOAT16:
      f[n] = bfloat16_to_float((uint16_t)bits);
      break;
    case DCN_ONNX_DOUBLE:
      f[n] = double_to_float(bits);
      break;
    case DCN_ONNX_INT8:
      i[n] = (int8_t)bits;
      break;
    case DCN_ONNX_INT16:
      i[n] = (int16_t)bits;
      break;
    case DCN_ONNX_INT32:
      i[n] = (int32_t)bits;
      break;
    case DCN_ONNX_INT64:
      i[n] = (int64_t)bits;
      break;
    default: /* unsigned and bool */
      i[n] = saturate_unsigned(bits);
      break;
    }
  }
}

/* Which of the typed fields holds a type's elements, and how many there are. */
static size_t
typed_count(const Dcn__Onnx__Tensor *proto)
{
  switch (proto->data_type) {
  case DCN_ONNX_FLOAT:
    return proto->n_float_data;
  case DCN_ONNX_DOUBLE:
    return proto->n_double_data;
  case DCN_ONNX_INT64:
    return proto->n_int64_data;
  case DCN_ONNX_UINT32:
  case DCN_ONNX_UINT64:
    return proto->n_uint64_data;
  default:
    return proto->n_int32_data;
  }
}

static void
decode_typed(DcnTensor *tensor, const Dcn__Onnx__Tensor *proto)
{
  for (size_t i = 0; i < tensor->count; i++) {
    switch (proto->data_type) {
    case DCN_ONNX_FLOAT:
      tensor->f[i] = proto->float_data[i];
      break;
    case DCN_ONNX_DOUBLE:
      tensor->f[i] = (float)proto->double_data[i];
      break;
    case DCN_ONNX_FLOAT16:
      tensor->f[i] = dcn_half_to_float((uint16_t)proto->int32_data[i]);
      break;
    case DCN_ONNX_BFLOAT16:
      tensor->f[i] = bfloat16_to_float((uint16_t)proto->int32_data[i]);
      break;
    case DCN_ONNX_INT64:
      tensor->i[i] = proto->int64_data[i];
      break;
    case DCN_ONNX_UINT32:
    case DCN_ONNX_UINT64:
      tensor->i[i] = saturate_unsigned(proto->uint64_data[i]);
      break;
    default:
      tensor->i[i] = proto->int32_data[i];
      break;
    }
  }
}

/* Elements of whole numbers, some at a time. */
static gboolean
read_integers(DcnTensor *tensor, DcnSource *source, size_t at, GError **error)
{
  uint8_t piece[PIECE];
  const size_t each = dcn_element_bytes(tensor->type);
  for (size_t done = 0; done < tensor->count;) {
    const size_t n = MIN(tensor->count - done, PIECE / each);
    if (!dcn_source_read(source, at + done * each, n * each, piece, error))
      return FALSE;
    dcn_elements_decode(tensor->type, piece, n, NULL, tensor->i + done);
    done += n;
  }
  return TRUE;
}

/* A tensor without its elements. */
static DcnTensor *
stored_tensor(const Dcn__Onnx__Tensor *proto, size_t count, DcnSource *source, size_t at)
{
  DcnTensor *tensor = g_new0(DcnTensor, 1);
  tensor->refs = 1;
  tensor->rank = (int)proto->n_dims;
  if (proto->n_dims > 0)
    memcpy(tensor->dims, proto->dims, proto->n_dims * sizeof *proto->dims);
  tensor->count = count;
  tensor->stored = dcn_stored_new(source, at, count, proto->data_type);
  return tensor;
}

DcnTensor *
dcn_tensor_open(const Dcn__Onnx__Tensor *proto, DcnExternal *external, GError **error)
{
  char *name = g_utf8_make_valid(proto->name ? proto->name : "", -1);
  const int type = proto->data_type;
  const size_t bytes_each = dcn_element_bytes(type);
  const uint8_t *bytes = NULL;
  DcnSource *source = NULL;
  size_t size = 0, at = 0, count, available;
  DcnTensor *tensor = NULL;

  if (bytes_each == 0) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED,
                "constant \"%s\" has element type %d, which is not supported", name, type);
    goto out;
  }
  if (proto->n_dims > DCN_MAX_RANK) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED,
                "constant \"%s\" has rank %" G_GSIZE_FORMAT ", at most %d is supported", name,
                proto->n_dims, DCN_MAX_RANK);
    goto out;
  }
  if (!dcn_shape_count((int)proto->n_dims, proto->dims, &count)) {
    g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                "the shape of constant \"%s\" is negative or too large", name);
    goto out;
  }
  /* Elements must be present before memory for them is taken. */
  if (proto->data_location == 1 || proto->has_place_begin) {
    if (!dcn_external_find(external, proto, &source, &at, &size, error))
      goto out;
  } else if (proto->has_raw_data) {
    bytes = proto->raw_data.data;
    size = proto->raw_data.len;
  }
  const gboolean raw = bytes || source;
  available = raw ? size / bytes_each : typed_count(proto);
  if (available != count || (raw && size % bytes_each != 0)) {
    /* An empty raw field beside typed data is how some exporters write "absent". */
    if (!(size == 0 && typed_count(proto) == count)) {
      g_set_error(error, DCN_ERROR, DCN_ERROR_INVALID,
                  "constant \"%s\" should have %" G_GSIZE_FORMAT
                  " elements, but data for %" G_GSIZE_FORMAT " is there",
                  name, count, available);
      goto out;
    }
    bytes = NULL;
    source = NULL;
  }
  if (source && is_float_type(type) && count > 0) {
    tensor = stored_tensor(proto, count, source, at);
  } else {
    tensor = dcn_tensor_new(!is_float_type(type), (int)proto->n_dims, proto->dims, NULL, error);
  }
  if (tensor)
    tensor->type = type;
  if (tensor && source && !tensor->stored) {
    if (!read_integers(tensor, source, at, error))
      g_clear_pointer(&tensor, dcn_tensor_unref);
  } else if (tensor && bytes) {
    dcn_elements_decode(type, bytes, count, tensor->f, tensor->i);
  } else if (tensor && !tensor->stored) {
    decode_typed(tensor, proto);
  }
out:
  g_free(name);
  return tensor;
}

DcnTensor *
dcn_tensor_from_proto(const Dcn__Onnx__Tensor *proto, DcnExternal *external, GError **error)
{
  DcnTensor *tensor = dcn_tensor_open(proto, external, error);
  if (tensor && !dcn_tensor_load(tensor, error))
    g_clear_pointer(&tensor, dcn_tensor_unref);
  return tensor;
}
