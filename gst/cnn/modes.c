/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * modes: how much of the network is computed, and by what
 */

#include "modes.h"

GType
gst_delta_cnn_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_DELTA_CNN_MODE_DELTA, "Compute what changed", "delta"},
    {GST_DELTA_CNN_MODE_DENSE, "Compute everything on every frame", "dense"},
    {GST_DELTA_CNN_MODE_SPARSE,
        "The DeltaCNN study's layers: differences as sparse matrices; equals "
          "dense", "sparse"},
    {GST_DELTA_CNN_MODE_SPARSE_HEURISTIC,
        "The same without differences below their channel's mean; errors add up "
          "until the next I picture", "sparse-heuristic"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type)) {
    GType t = g_enum_register_static ("GstDeltaCnnMode", values);
    g_once_init_leave (&type, t);
  }
  return type;
}

GType
gst_delta_cnn_engine_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    {GST_DELTA_CNN_ENGINE_NATIVE, "The kernels of mode=delta", "native"},
    {GST_DELTA_CNN_ENGINE_BLAS,
        "im2col and OpenBLAS sgemm, as frameworks did it", "blas"},
    {0, NULL, NULL}
  };

  if (g_once_init_enter (&type)) {
    GType t = g_enum_register_static ("GstDeltaCnnEngine", values);
    g_once_init_leave (&type, t);
  }
  return type;
}
