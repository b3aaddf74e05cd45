/* deltacnn: a model's messages without the elements of its large constants.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once
#include "model/source.h"
#include "onnx.pb-c.h"

/* Decodes a model.  Tensors whose elements are many, as one run of bytes, have their place in the source instead
 * (place_begin and place_size of the schema).  The caller frees it with dcn__onnx__model__free_unpacked(model, NULL).
 * NULL: without an error where the bytes are not such a message, with one (DCN_ERROR_IO) where they cannot be read. */
Dcn__Onnx__Model *dcn_skeleton_unpack(DcnSource *source, GError **error);
