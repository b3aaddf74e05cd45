/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model file as a classifier of frames: how its input is made, and what its outputs
 * mean.
 */
#pragma once

#include <gst/gst.h>
#include "frame/tensor.h"
#include "model/modelinfo.h"
#include "model/onnx.h"
#include "net/net.h"

G_BEGIN_DECLS

/* What turns the network's outputs into confidences. */
typedef enum
{
  GST_DELTA_CNN_ACTIVATION_NONE,
  GST_DELTA_CNN_ACTIVATION_SOFTMAX,
  GST_DELTA_CNN_ACTIVATION_SIGMOID,
  GST_DELTA_CNN_ACTIVATION_EXP  /* the network ends in a LogSoftmax */
} GstDeltaCnnActivation;

/* For readers, all of it owned.  All 0 before load. */
typedef struct
{
  gchar *path;
  DcnNet *net;                  /* shared with all who use the file */
  DcnModelInfo *info;
  DcnTensorSpec spec;           /* of the input */
  guint n_classes;
  gchar **labels;               /* [n_classes]; numbers as text where there are no labels */
  GstDeltaCnnActivation activation;
} GstDeltaCnnModel;

/* path: an ONNX file; labels: a file with a label per line, or NULL for the one that
 * the .modelinfo names, if any.  net: NULL for the file's; otherwise taken over, also on
 * error, and classes have numbers for labels.  FALSE and an error of DCN_ERROR (or
 * G_FILE_ERROR where a file is not there) with a sentence for the user; clear is to be
 * called in either case. */
gboolean gst_delta_cnn_model_load (GstDeltaCnnModel * self, const gchar * path,
    const gchar * labels, DcnNet * net, GError ** error);
void gst_delta_cnn_model_clear (GstDeltaCnnModel * self);

/* A sentence for the user about how frames are prepared for a file that has no .modelinfo;
 * NULL where it has one.  program: as it was loaded.  Free with g_free(). */
gchar *gst_delta_cnn_model_warning (const gchar * path,
    const DcnProgram * program);

/* How the elements load a file: as a classifier, of the size that its .modelinfo says where the file leaves that
 * free. */
void gst_delta_cnn_model_options (const gchar * path, DcnOnnxOptions * options);

/* How many loaded models of the process share the weights, this one included. */
guint gst_delta_cnn_model_users (const GstDeltaCnnModel * self);

/* What the confidences of one frame have in common. */
typedef struct
{
  float max;
  double sum;                   /* of a softmax */
} GstDeltaCnnConfidence;

/* outputs: [n_classes], also not finite. */
void gst_delta_cnn_model_scale (const GstDeltaCnnModel * self,
    const float *outputs, GstDeltaCnnConfidence * scale);
/* Of one of these outputs: 0 to 1. */
gfloat gst_delta_cnn_model_confidence (const GstDeltaCnnModel * self,
    float output, const GstDeltaCnnConfidence * scale);

/* By how much the best class leads the next one, as a share of what both have of the
 * confidence: 0, they are equal, to 1, the next one has none.  Of one class: over there
 * being none.  outputs: [n_classes]; 0 where they are not finite.  *best: the class; of
 * one, whether it is there. */
gdouble gst_delta_cnn_model_lead (const GstDeltaCnnModel * self,
    const float *outputs, guint * best);

G_END_DECLS
