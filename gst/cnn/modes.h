/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How much of the network is computed, and by what: the enums of the properties.
 */
#pragma once

#include <gst/gst.h>
#include "net/net.h"

G_BEGIN_DECLS

/* The first two are the engine's own, the others the DeltaCNN study's. */
typedef enum
{
  GST_DELTA_CNN_MODE_DELTA = DCN_MODE_DELTA,
  GST_DELTA_CNN_MODE_DENSE = DCN_MODE_DENSE,
  GST_DELTA_CNN_MODE_SPARSE,
  GST_DELTA_CNN_MODE_SPARSE_HEURISTIC
} GstDeltaCnnMode;

/* What computes mode=dense. */
typedef enum
{
  GST_DELTA_CNN_ENGINE_NATIVE,
  GST_DELTA_CNN_ENGINE_BLAS
} GstDeltaCnnEngine;

#define GST_TYPE_DELTA_CNN_MODE (gst_delta_cnn_mode_get_type ())
GType gst_delta_cnn_mode_get_type (void);
#define GST_TYPE_DELTA_CNN_ENGINE (gst_delta_cnn_engine_get_type ())
GType gst_delta_cnn_engine_get_type (void);

/* Frames from one that is computed in full to the next in the study's sparse modes,
 * where no coding meta tells of I pictures. */
#define GST_DELTA_CNN_STUDY_GOP 15

/* Whether the study's layers run, rather than the engine's own. */
static inline gboolean
gst_delta_cnn_mode_is_study (GstDeltaCnnMode mode, GstDeltaCnnEngine engine)
{
  return mode == GST_DELTA_CNN_MODE_SPARSE
      || mode == GST_DELTA_CNN_MODE_SPARSE_HEURISTIC
      || (mode == GST_DELTA_CNN_MODE_DENSE
      && engine == GST_DELTA_CNN_ENGINE_BLAS);
}

G_END_DECLS
