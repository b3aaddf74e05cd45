/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The engine side of the element: model, labels, tensor, network, results.
 *
 * Not thread-safe: belongs to one stream.  The weights are shared between all
 * classifiers of the process that use one file.
 */
#pragma once

#include <gst/gst.h>
#include "gstdeltacnnmeta.h"
#include "frame/frame.h"
#include "frame/tensor.h"
#include "model.h"
#include "modes.h"
#include "net/net.h"
#include "study/study.h"

G_BEGIN_DECLS

typedef struct _GstDeltaCnnClassifier GstDeltaCnnClassifier;

/* What came out for one frame.  Owned by the classifier, valid until the next
 * run; results are sorted, best first. */
typedef struct
{
  const GstDeltaCnnResult *results;
  guint n_results;
  GstDeltaCnnReuse reuse;
  gboolean redone;              /* once more without tolerances: its class led by too little */
  gdouble multiplies;           /* share of a dense frame's; above 1 where redone */
  guint64 macs, macs_dense;
  guint64 values_changed, values;       /* of all layers, propagated and in all */
  GstClockTime time_tensor, time_network;
} GstDeltaCnnOutcome;

/* model: an ONNX file; labels: a file with a label per line, or NULL for the one
 * that the model's .modelinfo names, if any.  NULL and an error of DCN_ERROR (or
 * G_FILE_ERROR where the file is not there) with a sentence for the user. */
GstDeltaCnnClassifier *gst_delta_cnn_classifier_new (const gchar * model,
    const gchar * labels, GError ** error);
/* The same for a network that is no file's, and taken over also on error: a part of a
 * model, say.  Frames are prepared as the .modelinfo of model says; outputs have
 * numbers for labels. */
GstDeltaCnnClassifier *gst_delta_cnn_classifier_new_for_net (DcnNet * net,
    const gchar * model, GError ** error);
void gst_delta_cnn_classifier_free (GstDeltaCnnClassifier * classifier);

const gchar *gst_delta_cnn_classifier_get_model (GstDeltaCnnClassifier * c);
gsize gst_delta_cnn_classifier_get_cache_bytes (GstDeltaCnnClassifier * c);
gsize gst_delta_cnn_classifier_get_weight_bytes (GstDeltaCnnClassifier * c);
/* How many classifiers of the process share the weights, this one included. */
guint gst_delta_cnn_classifier_get_weight_users (GstDeltaCnnClassifier * c);

/* The frames to come; forgets the last one.  FALSE where no tensor can be made
 * of such frames. */
gboolean gst_delta_cnn_classifier_set_frame (GstDeltaCnnClassifier * c,
    const DcnFrameInfo * info, GError ** error);

/* The next run computes everything. */
void gst_delta_cnn_classifier_reset (GstDeltaCnnClassifier * c);

/* TRUE where the model's .modelinfo has tolerances. */
gboolean gst_delta_cnn_classifier_is_calibrated (GstDeltaCnnClassifier * c);

/* 0: exact; more: for all values; less: each value's own, from the .modelinfo (0
 * where that has none).  Another one than before makes the next run a full one where
 * it may be smaller for a value, because what was let pass until now is still in the
 * caches. */
void gst_delta_cnn_classifier_set_tolerance (GstDeltaCnnClassifier * c,
    gdouble tolerance);

/* A class that leads by no more (gst_delta_cnn_model_lead()) is made sure of without
 * tolerances: guard.h.  0: never; 1: always; less than 0: as the .modelinfo says with its
 * tolerances, else never.  To be set after the tolerance. */
void gst_delta_cnn_classifier_set_margin (GstDeltaCnnClassifier * c,
    gdouble margin);

/* The model that it makes use of; owned by the classifier. */
const GstDeltaCnnModel *gst_delta_cnn_classifier_peek_model
    (const GstDeltaCnnClassifier * c);

/* TRUE when the next run must be given everything (after new, set_frame, reset). */
gboolean gst_delta_cnn_classifier_needs_full (GstDeltaCnnClassifier * c);

/* Brings the tensor up to date.  blocks as in dcn_frame_to_tensor_run(); NULL:
 * everything.  Call again with NULL when the blocks turn out to be wrong. */
void gst_delta_cnn_classifier_tensor (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks, gint threads);

/* The same, of approximate sources: what other blocks reach is left as it is, though
 * they may have changed. */
void gst_delta_cnn_classifier_tensor_only (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks, gint threads);

/* After _tensor(): computes the tensor pixels that the blocks reach once more and
 * compares.  FALSE: samples changed in a block that was claimed not to. */
gboolean gst_delta_cnn_classifier_verify (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks);

/* After _tensor(): whether it took over nothing of the last frame, whatever the blocks:
 * then there is nothing to verify. */
gboolean gst_delta_cnn_classifier_was_whole (GstDeltaCnnClassifier * c);

/* After _tensor(), before _run(): [height * width of the tensor] 1 where a pixel came out
 * otherwise than it was; NULL where none did since the last run. */
const guint8 *gst_delta_cnn_classifier_get_touched (GstDeltaCnnClassifier * c);

/* The same by blocks of the frame ([rows * cols], set to 1 or 0): those that have a part
 * in such a pixel.  Returns how many are 1. */
gint gst_delta_cnn_classifier_get_changed (GstDeltaCnnClassifier * c,
    guint8 * blocks);

/* The network's own outputs of the last run. */
const gfloat *gst_delta_cnn_classifier_get_outputs (GstDeltaCnnClassifier * c,
    guint * n_outputs);

/* For profiles: the network and what its last run left.  Owned by the classifier;
 * the last run is not the last frame's where nothing had changed (REUSED). */
DcnNet *gst_delta_cnn_classifier_get_net (GstDeltaCnnClassifier * c);
DcnState *gst_delta_cnn_classifier_get_state (GstDeltaCnnClassifier * c);

/* The tensor as it is, and what it is. */
const float *gst_delta_cnn_classifier_get_tensor (GstDeltaCnnClassifier * c);
const DcnTensorSpec *gst_delta_cnn_classifier_get_spec (GstDeltaCnnClassifier *
    c);

/* After _tensor(): runs the network and sorts the results. */
void gst_delta_cnn_classifier_run (GstDeltaCnnClassifier * c, DcnMode mode,
    guint top_k, gint threads, GstDeltaCnnOutcome * outcome);

/* Before _run_study(): loads what the mode needs beyond the network, once; does
 * nothing for others.  FALSE with an error as for _new(). */
gboolean gst_delta_cnn_classifier_prepare (GstDeltaCnnClassifier * c,
    GstDeltaCnnMode mode, GstDeltaCnnEngine engine, gint threads,
    GError ** error);

/* _run() with the study's layers, for modes of which gst_delta_cnn_mode_is_study()
 * is true (dense: by blas).  The tensor is to be up to date as a whole.
 * intra: the sparse modes compute this frame in full. */
void gst_delta_cnn_classifier_run_study (GstDeltaCnnClassifier * c,
    GstDeltaCnnMode mode, gboolean intra, guint top_k, gint threads,
    GstDeltaCnnOutcome * outcome);

/* Frames since the last one that the study's layers computed in full, which counts;
 * 0 where the next one will be. */
guint gst_delta_cnn_classifier_since_full (GstDeltaCnnClassifier * c);

/* Of the last run [n_ops of the program], or NULL where it was not the study's. */
const DcnStudyTimes *gst_delta_cnn_classifier_get_study_times
    (GstDeltaCnnClassifier * c);

/* The same where some of the work is known: dcn_state_run_known(). */
void gst_delta_cnn_classifier_run_known (GstDeltaCnnClassifier * c,
    DcnComputeFunc func, gpointer context, guint top_k, gint threads,
    GstDeltaCnnOutcome * outcome);

/* The same where all of it is: the last result stands. */
void gst_delta_cnn_classifier_reuse (GstDeltaCnnClassifier * c, guint top_k,
    GstDeltaCnnOutcome * outcome);

G_END_DECLS
