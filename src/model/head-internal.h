/* deltacnn: what head-find.c finds and head-edit.c edits.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/head.h"
#include "onnx.pb-c.h"

struct _DcnHead {
  Dcn__Onnx__Model *model; /* owned; never changed */
  char *folder;            /* of external data */
  DcnHeadInfo info;
  char *name;            /* info.name */
  int layer;             /* index of the node */
  int add;               /* of the Add with the bias of a MatMul; -1: none */
  GArray *tail;          /* of int: indices of the nodes behind layer and add, in order */
  GArray *dropped;       /* of int: those of them that are taken out */
  GArray *layers;        /* of int: those of them that are layers, with their Add */
  int first_squash;      /* index of the Softmax at the end; -1: none */
  gboolean transposed;   /* Gemm with transB: weights are [classes][features], as Conv's are */
  int type;              /* element type of the weights: float, double or float16 */
  GHashTable *made;      /* names of values made by layer and tail; owned by the model */
  GHashTable *writers;   /* value name -> index of the node + 1 */
  GHashTable *n_readers; /* name -> number of nodes' inputs and graph outputs that are it */
  GHashTable *constants; /* initializer's name -> index + 1 */
};

const char *dcn_head_text(const char *text); /* NULL as "" */
/* The tensor of a constant: an initializer, the value of a Constant node, or what is cast from one;
 * NULL: it is none. */
const Dcn__Onnx__Tensor *dcn_head_constant(const DcnHead *head, const char *name);
/* Which input of a node is no constant, of an Add with one. */
int dcn_head_data_input(const DcnHead *head, const Dcn__Onnx__Node *node);
int dcn_head_lookup(GHashTable *table, const char *name); /* 0 where absent */
