/* deltacnn tests: writes small ONNX models.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "onnx.pb-c.h"
#include <glib.h>

typedef struct {
  Dcn__Onnx__Model *model;
  GRand *rand;
  int n_names;
} OnnxWriter;

OnnxWriter *onnx_writer_new(int opset);
/* Serialised model; frees the writer. */
GBytes *onnx_writer_finish(OnnxWriter *writer);

/* A dimension of 0 is written as a name ("free").  type: TensorProto.DataType. */
void onnx_writer_input(OnnxWriter *writer, const char *name, int type, int rank,
                       const int64_t *dims);
void onnx_writer_output(OnnxWriter *writer, const char *name);

/* Initializers. data NULL: uniform in [-scale, scale] from a fixed seed. */
Dcn__Onnx__Tensor *onnx_writer_floats(OnnxWriter *writer, const char *name, int rank,
                                      const int64_t *dims, const float *data, float scale);
void onnx_writer_ints(OnnxWriter *writer, const char *name, int n, const int64_t *data);
/* Of any integer type of at most 32 bits. */
void onnx_writer_levels(OnnxWriter *writer, const char *name, int type, int rank,
                        const int64_t *dims, const int *data);

/* inputs: names separated by spaces ("-" stands for an absent one); one output. */
Dcn__Onnx__Node *onnx_writer_node(OnnxWriter *writer, const char *op_type, const char *inputs,
                                  const char *output);
void onnx_node_output(Dcn__Onnx__Node *node, const char *output);
void onnx_node_int(Dcn__Onnx__Node *node, const char *name, int64_t value);
void onnx_node_float(Dcn__Onnx__Node *node, const char *name, float value);
void onnx_node_string(Dcn__Onnx__Node *node, const char *name, const char *value);
/* n, then n int */
void onnx_node_ints(Dcn__Onnx__Node *node, const char *name, int n, ...);

/* A function of the model; its nodes are moved there from the graph as they are made: those since `first`, a count of
 * the graph's nodes before.  Names separated by spaces. */
Dcn__Onnx__Function *onnx_writer_function(OnnxWriter *writer, const char *domain, const char *name,
                                          const char *inputs, const char *outputs, size_t first);
/* The node's last attribute becomes one that the call gives. */
void onnx_node_refers(Dcn__Onnx__Node *node, const char *attribute_of_call);

/* Layers with random weights; each returns the name of its result, owned by the writer. */
const char *onnx_conv(OnnxWriter *writer, const char *x, int in, int out, int kernel, int stride,
                      int pad, int groups, gboolean bias);
const char *onnx_batch_norm(OnnxWriter *writer, const char *x, int channels);
const char *onnx_unary(OnnxWriter *writer, const char *op_type, const char *x);
const char *onnx_binary(OnnxWriter *writer, const char *op_type, const char *a, const char *b);
const char *onnx_pool(OnnxWriter *writer, const char *op_type, const char *x, int kernel,
                      int stride, int pad, gboolean ceil_mode);
const char *onnx_gemm(OnnxWriter *writer, const char *x, int in, int out);
const char *onnx_reshape(OnnxWriter *writer, const char *x, int rank, const int64_t *dims);
const char *onnx_name(OnnxWriter *writer, const char *base); /* a new name */
