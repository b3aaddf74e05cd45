/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_DELTA_CNN (gst_delta_cnn_get_type ())
G_DECLARE_FINAL_TYPE (GstDeltaCnn, gst_delta_cnn, GST, DELTA_CNN, GstBaseTransform)

GST_ELEMENT_REGISTER_DECLARE (deltacnn);

/* The network's outputs for the last frame, before they were made confidences, for
 * tests that are linked with the element.  From the streaming thread only; valid
 * until the next frame.  NULL before the element was started. */
const gfloat *gst_delta_cnn_peek_outputs (GstDeltaCnn * self, guint * n_outputs);

/* The engine behind it, for profiles; the same holds. */
struct _GstDeltaCnnClassifier;
struct _GstDeltaCnnClassifier *gst_delta_cnn_peek_classifier (GstDeltaCnn * self);

G_END_DECLS
