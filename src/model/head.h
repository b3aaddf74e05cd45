/* deltacnn: the last layer of a classifier in its ONNX file: found, taken off, replaced.
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The head is the last layer with weights, and what stands behind it: a fully connected layer (Gemm,
 * or MatMul and Add), or a 1x1 convolution that an average over the picture follows.  Behind it may
 * stand averaging, movement (Flatten, Reshape, ..), and a Softmax.  The average of a linear function
 * is that function of the average, so a 1x1 convolution is a fully connected layer of averages, too:
 * but only without an activation between the two (SqueezeNet has one), which is therefore taken out.
 *
 * More than one fully connected layer can be taken for the head: one new layer then stands in the
 * place of all of them and of the activations between them.
 *
 * The file is edited, not written anew: fields that this library does not know stay as they are. */
#pragma once
#include <glib.h>
#include <stddef.h>
#include <stdint.h>

typedef struct _DcnHead DcnHead;

typedef struct {
  const char *name;    /* of the (first) layer's node, or of its output; UTF-8 */
  const char *op_type; /* Gemm, MatMul or Conv */
  const char *dropped; /* operator of an activation behind the layer, taken out; NULL: there is none */
  int n_classes;       /* outputs of the last layer now */
  int n_features;      /* its inputs */
  gboolean sure;       /* the model ends in a Softmax: its outputs are confidences */
} DcnHeadInfo;

/* Reads a model; the last n_layers (1 or more) layers are the head.  Errors: DCN_ERROR_IO,
 * DCN_ERROR_INVALID (not a model), DCN_ERROR_UNSUPPORTED where it does not end in such a layer; the
 * message says what stands there instead. */
DcnHead *dcn_head_open(const char *path, int n_layers, GError **error);
void dcn_head_free(DcnHead *head); /* NULL is fine */
const DcnHeadInfo *dcn_head_info(const DcnHead *head); /* owned by the head */

/* Whether the value of this name is made by the layer or behind it. */
gboolean dcn_head_makes(const DcnHead *head, const char *value_name);

/* A model whose output is what the layer is to be trained on: n_features numbers, of which the new
 * layer makes a linear function.  Free with g_free(). */
uint8_t *dcn_head_features(const DcnHead *head, size_t *size, GError **error);

/* The model with the layer replaced by weights [n_classes][n_features] and bias [n_classes]; also
 * without a Sigmoid at its end.  Data that were in files beside the model are in it.  Free with
 * g_free(). */
uint8_t *dcn_head_replace(const DcnHead *head, int n_classes, const float *weights,
                          const float *bias, size_t *size, GError **error);
