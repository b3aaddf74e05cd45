/* deltacnn: constant tensors of a model.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two kinds are enough: float32 for weights, int64 for shapes, indices and masks.  Everything else
 * is converted when it is read. */
#pragma once
#include "model/program.h"
#include "model/source.h"
#include "onnx.pb-c.h"
#include <stddef.h>

/* ONNX TensorProto.DataType. */
typedef enum {
  DCN_ONNX_FLOAT = 1,
  DCN_ONNX_UINT8 = 2,
  DCN_ONNX_INT8 = 3,
  DCN_ONNX_UINT16 = 4,
  DCN_ONNX_INT16 = 5,
  DCN_ONNX_INT32 = 6,
  DCN_ONNX_INT64 = 7,
  DCN_ONNX_STRING = 8,
  DCN_ONNX_BOOL = 9,
  DCN_ONNX_FLOAT16 = 10,
  DCN_ONNX_DOUBLE = 11,
  DCN_ONNX_UINT32 = 12,
  DCN_ONNX_UINT64 = 13,
  DCN_ONNX_BFLOAT16 = 16
} DcnOnnxType;

/* The most elements that one value or constant may have, and all that a model generates together
 * (index maps, filled constants, activations): a few bytes of a hostile model must not ask for
 * gigabytes.  VGG-19's largest weight has 0.10e9 elements, all of them together 0.14e9. */
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define DCN_MAX_ELEMENTS   ((size_t)1 << 20)
#define DCN_TOTAL_ELEMENTS ((size_t)1 << 22)
#else
#define DCN_MAX_ELEMENTS   ((size_t)1 << 28)
#define DCN_TOTAL_ELEMENTS ((size_t)1 << 29)
#endif

typedef struct _DcnTensor DcnTensor;
struct _DcnTensor {
  int refs; /* not atomic: a load is one thread's */
  gboolean is_int;
  int type; /* DcnOnnxType that it has in the model; 0 where that is not known */
  int rank;
  int64_t dims[DCN_MAX_RANK];
  size_t count; /* product of dims; 0 is possible */
  float *f;     /* [count], row-major, where !is_int */
  int64_t *i;   /* [count], row-major, where is_int */
  DcnStored *stored; /* where the elements still lie; f and i are NULL then.  Only dcn_tensor_open() gives such ones */
  DcnTensor
      *base; /* the tensor that owns the elements, where this one only gives them another shape */
};

/* Counts the elements of a shape.  FALSE, with nothing written, for a negative dimension or too
 * many elements; empty dimensions count as 1 in that test, so that no single dimension is too large
 * either. */
gboolean dcn_shape_count(int rank, const int64_t *dims, size_t *count);

/* Zeroed.  budget: elements that may still be allocated, reduced; NULL for no such limit.  NULL
 * with an error on too many elements. */
DcnTensor *dcn_tensor_new(gboolean is_int, int rank, const int64_t *dims, size_t *budget,
                          GError **error);
/* Same elements, other shape; the caller has checked that the counts agree. */
DcnTensor *dcn_tensor_reshape(DcnTensor *tensor, int rank, const int64_t *dims);
DcnTensor *dcn_tensor_ref(DcnTensor *tensor);
void dcn_tensor_unref(DcnTensor *tensor); /* NULL is fine */

/* Element as the other type; float to int truncates and saturates, NaN becomes 0. */
int64_t dcn_float_to_int(double value);
static inline double
dcn_tensor_get(const DcnTensor *tensor, size_t index)
{
  return tensor->is_int ? (double)tensor->i[index] : (double)tensor->f[index];
}

/* A float tensor with the same elements: a new reference to the same one, or a converted copy. */
DcnTensor *dcn_tensor_to_float(DcnTensor *tensor, size_t *budget, GError **error);

/* Where the data of tensors lies: the model itself, and files of its folder, which are opened when they are needed. */
typedef struct _DcnExternal DcnExternal;
/* folder: NULL: none, every access is an error.  source: of the model, where its tensors may have places in it; it is
 * referenced; else NULL. */
DcnExternal *dcn_external_new(const char *folder, DcnSource *source);
void dcn_external_free(DcnExternal *external);
/* The bytes [*at, *at + *size) of *source, which belongs to `external`, are those of a tensor in another file, or with a
 * place in the model. */
gboolean dcn_external_find(DcnExternal *external, const Dcn__Onnx__Tensor *proto,
                           DcnSource **source, size_t *at, size_t *size, GError **error);

/* external may be NULL.  Errors: INVALID, UNSUPPORTED (strings, complex numbers, ..), MEMORY, IO. */
DcnTensor *dcn_tensor_from_proto(const Dcn__Onnx__Tensor *proto, DcnExternal *external,
                                 GError **error);
/* The same, but numbers of a floating point type that lie in a file stay there until dcn_tensor_load(). */
DcnTensor *dcn_tensor_open(const Dcn__Onnx__Tensor *proto, DcnExternal *external, GError **error);
/* Reads the elements where they have not been. */
gboolean dcn_tensor_load(DcnTensor *tensor, GError **error);

/* Bytes of an element of a DcnOnnxType in raw data; 0 for what is not read. */
size_t dcn_element_bytes(int type);
/* count little-endian elements, unaligned, to f where the type is one of floating point, else to i. */
void dcn_elements_decode(int type, const uint8_t *bytes, size_t count, float *f, int64_t *i);
