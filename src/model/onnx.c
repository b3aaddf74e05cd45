/* deltacnn: loads an ONNX model.
 * SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model/onnx.h"
#include "util/error.h"

DcnProgram *
dcn_onnx_load_file(const char *path, const DcnOnnxOptions *options, GError **error)
{
  g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED, "%s: the model loader is not written yet",
              path);
  return NULL;
}

DcnProgram *
dcn_onnx_load_memory(const uint8_t *data, size_t size, const char *name,
                     const DcnOnnxOptions *options, GError **error)
{
  g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED, "%s: the model loader is not written yet",
              name);
  return NULL;
}

gboolean
dcn_onnx_read_tensor(const uint8_t *bytes, size_t size, float **data, int *dims, int *rank,
                     GError **error)
{
  g_set_error(error, DCN_ERROR, DCN_ERROR_UNSUPPORTED, "the tensor reader is not written yet");
  return FALSE;
}
