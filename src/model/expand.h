/* deltacnn: nodes that stand for several others are replaced by these, before anything is lowered.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/loader.h"

/* Replaces calls of the model's own functions by their bodies, and operators on quantised numbers by
 * DequantizeLinear, the operator on floats, and QuantizeLinear.  The graph's list of nodes is changed; all that is
 * added is the default allocator's, as the decoder's is. */
gboolean dcn_expand(DcnLoader *loader, const Dcn__Onnx__Model *model);

/* One call's replacement, as it grows. */
typedef struct {
  DcnLoader *loader; /* its node is the call */
  GPtrArray *nodes;  /* of Dcn__Onnx__Node: the new list of the graph */
  size_t *bytes;     /* that copies may still take */
  guint number;      /* of the call: makes inner names unique */
  GHashTable *functions; /* dcn_function_key() -> Dcn__Onnx__Function, the model's */
} DcnExpansion;

/* By what a function is found; g_free() it. */
char *dcn_function_key(const char *domain, const char *name, const char *overload);

/* Takes bytes off what copies may take; FALSE, with the loader's error set, where there are not so many left. */
gboolean dcn_expansion_spend(DcnExpansion *expansion, size_t bytes);
/* A copy, appended to the new list; NULL, with the loader's error set, where copies take too much. */
Dcn__Onnx__Node *dcn_expansion_copy(DcnExpansion *expansion, const Dcn__Onnx__Node *node);
/* The inner name, as the graph knows it; free() it. */
char *dcn_expansion_name(const DcnExpansion *expansion, const char *inner);

/* A replacement that began when the new list had so many nodes is complete: TRUE; after an error, when the call stays in
 * the list, what was added is taken off again and freed. */
gboolean dcn_expansion_end(DcnExpansion *expansion, guint before);

/* Each says whether the node is one of its kind and was replaced; FALSE as well on an error. */
gboolean dcn_expand_function(DcnExpansion *expansion, const Dcn__Onnx__Node *call);
gboolean dcn_expand_quantized(DcnExpansion *expansion, const Dcn__Onnx__Node *call);
