/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * classify: the engine side of the element
 */

#include "classify.h"
#include <string.h>
#include "guard.h"
#include "model.h"
#include "ranking.h"

GST_DEBUG_CATEGORY_EXTERN (gst_delta_cnn_debug);
#define GST_CAT_DEFAULT gst_delta_cnn_debug

struct _GstDeltaCnnClassifier
{
  GstDeltaCnnModel model;
  DcnState *state;
  DcnStudy *study;              /* made on first use */
  gboolean by_study;            /* the last run was the study's */
  gdouble tolerance;            /* as set; -1: the .modelinfo's */
  GstDeltaCnnGuard guard;

  DcnFrameToTensor *convert;    /* NULL before set_frame */
  guint8 *touched;              /* [h * w] of the tensor */

  gboolean needs_full;
  gint pixels;                  /* touched since the last run */
  guint64 values;               /* of all layers, once the network ran */
  GstClockTime time_tensor;     /* since the last run */

  float *outputs;               /* [n_classes] */
  guint *order;                 /* [n_classes] */
  guint n_results;              /* sorted ones; 0: the outputs are new */
  GstDeltaCnnResult *results;   /* [n_classes] */
};

static GstDeltaCnnClassifier *
new_classifier (const gchar * model, const gchar * labels, DcnNet * net,
    GError ** error)
{
  GstDeltaCnnClassifier *c = g_new0 (GstDeltaCnnClassifier, 1);
  guint n;

  if (!gst_delta_cnn_model_load (&c->model, model, labels, net, error)) {
    gst_delta_cnn_classifier_free (c);
    return NULL;
  }
  if (!(c->state = dcn_state_new (c->model.net, error))) {
    g_prefix_error (error, "Cannot use the model: ");
    gst_delta_cnn_classifier_free (c);
    return NULL;
  }
  n = c->model.n_classes;
  c->touched = g_malloc0 ((gsize) c->model.spec.width * c->model.spec.height);
  c->outputs = g_new0 (float, n);
  c->order = g_new0 (guint, n);
  c->results = g_new0 (GstDeltaCnnResult, n);
  c->needs_full = TRUE;
  return c;
}

GstDeltaCnnClassifier *
gst_delta_cnn_classifier_new (const gchar * model, const gchar * labels,
    GError ** error)
{
  return new_classifier (model, labels, NULL, error);
}

GstDeltaCnnClassifier *
gst_delta_cnn_classifier_new_for_net (DcnNet * net, const gchar * model,
    GError ** error)
{
  return new_classifier (model, NULL, net, error);
}

void
gst_delta_cnn_classifier_free (GstDeltaCnnClassifier * c)
{
  if (!c)
    return;
  g_clear_pointer (&c->convert, dcn_frame_to_tensor_free);
  g_clear_pointer (&c->state, dcn_state_free);
  g_clear_pointer (&c->study, dcn_study_free);
  g_free (c->touched);
  g_free (c->outputs);
  g_free (c->order);
  g_free (c->results);
  gst_delta_cnn_model_clear (&c->model);
  g_free (c);
}

const gchar *
gst_delta_cnn_classifier_get_model (GstDeltaCnnClassifier * c)
{
  return dcn_net_program (c->model.net)->model_name;
}

gsize
gst_delta_cnn_classifier_get_cache_bytes (GstDeltaCnnClassifier * c)
{
  return dcn_state_cache_bytes (c->state)
      + (c->study ? dcn_study_bytes (c->study) : 0);
}

gsize
gst_delta_cnn_classifier_get_weight_bytes (GstDeltaCnnClassifier * c)
{
  return dcn_net_weight_bytes (c->model.net);
}

guint
gst_delta_cnn_classifier_get_weight_users (GstDeltaCnnClassifier * c)
{
  return gst_delta_cnn_model_users (&c->model);
}

DcnNet *
gst_delta_cnn_classifier_get_net (GstDeltaCnnClassifier * c)
{
  return c->model.net;
}

DcnState *
gst_delta_cnn_classifier_get_state (GstDeltaCnnClassifier * c)
{
  return c->state;
}

const float *
gst_delta_cnn_classifier_get_tensor (GstDeltaCnnClassifier * c)
{
  return dcn_state_input (c->state);
}

const DcnTensorSpec *
gst_delta_cnn_classifier_get_spec (GstDeltaCnnClassifier * c)
{
  return &c->model.spec;
}

const gfloat *
gst_delta_cnn_classifier_get_outputs (GstDeltaCnnClassifier * c,
    guint * n_outputs)
{
  *n_outputs = c->model.n_classes;
  return c->outputs;
}

gboolean
gst_delta_cnn_classifier_set_frame (GstDeltaCnnClassifier * c,
    const DcnFrameInfo * info, GError ** error)
{
  DcnFrameToTensor *convert =
      dcn_frame_to_tensor_new (info, &c->model.spec, error);

  if (!convert)
    return FALSE;
  g_clear_pointer (&c->convert, dcn_frame_to_tensor_free);
  c->convert = convert;
  gst_delta_cnn_classifier_reset (c);
  return TRUE;
}

/* What the study's heuristic left is no base for differences. */
static void
leave_study (GstDeltaCnnClassifier * c)
{
  if (!c->by_study)
    return;
  dcn_study_detach (c->study, c->state);
  c->by_study = FALSE;
  c->needs_full = TRUE;
}

void
gst_delta_cnn_classifier_reset (GstDeltaCnnClassifier * c)
{
  dcn_state_reset (c->state);
  c->guard.tightened = 0.0;
  leave_study (c);
  c->needs_full = TRUE;
}

gboolean
gst_delta_cnn_classifier_needs_full (GstDeltaCnnClassifier * c)
{
  return c->needs_full;
}

gboolean
gst_delta_cnn_classifier_is_calibrated (GstDeltaCnnClassifier * c)
{
  return g_hash_table_size (c->model.info->tolerances) > 0;
}

/* The .modelinfo's tolerances in place, or out of the way of a general one. */
static void
set_calibrated (GstDeltaCnnClassifier * c, gboolean calibrated)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, c->model.info->tolerances);
  while (g_hash_table_iter_next (&iter, &name, &value)) {
    gdouble tolerance = calibrated ? *(const double *) value : -1.0;

    if (!g_str_equal (name, DCN_MODELINFO_OTHERS)
        && !dcn_state_set_value_tolerance (c->state, name, tolerance)
        && calibrated)
      GST_WARNING ("%s: the .modelinfo has a tolerance for \"%s\", which the "
          "model does not have", gst_delta_cnn_classifier_get_model (c),
          (const gchar *) name);
  }
}

void
gst_delta_cnn_classifier_set_tolerance (GstDeltaCnnClassifier * c,
    gdouble tolerance)
{
  const double *others =
      g_hash_table_lookup (c->model.info->tolerances, DCN_MODELINFO_OTHERS);
  gdouble before = c->tolerance;

  if (tolerance < 0.0)
    tolerance = -1.0;
  if (tolerance == before)
    return;
  set_calibrated (c, tolerance < 0.0);
  dcn_state_set_tolerance (c->state, tolerance >= 0.0 ? tolerance :
      others ? *others : 0.0);
  c->tolerance = tolerance;
  /* From exact to any, nothing was let pass. */
  if (before != 0.0 && (tolerance < before || before < 0.0))
    gst_delta_cnn_classifier_reset (c);
}

void
gst_delta_cnn_classifier_set_margin (GstDeltaCnnClassifier * c, gdouble margin)
{
  if (c->tolerance == 0.0)
    margin = 0.0;
  c->guard.margin = margin >= 0.0 ? margin :
      c->tolerance < 0.0 ? c->model.info->margin : 0.0;
}

const GstDeltaCnnModel *
gst_delta_cnn_classifier_peek_model (const GstDeltaCnnClassifier * c)
{
  return &c->model;
}

void
gst_delta_cnn_classifier_tensor (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks, gint threads)
{
  GstClockTime start = gst_util_get_timestamp ();

  c->pixels = dcn_frame_to_tensor_run (c->convert, frame, blocks,
      dcn_state_input (c->state), c->touched, threads);
  c->time_tensor += gst_util_get_timestamp () - start;
}

void
gst_delta_cnn_classifier_tensor_only (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks, gint threads)
{
  dcn_frame_to_tensor_set_only_reached (c->convert, TRUE);
  gst_delta_cnn_classifier_tensor (c, frame, blocks, threads);
  dcn_frame_to_tensor_set_only_reached (c->convert, FALSE);
}

gboolean
gst_delta_cnn_classifier_verify (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks)
{
  GstClockTime start = gst_util_get_timestamp ();
  gboolean same = dcn_frame_to_tensor_check (c->convert, frame, blocks);

  c->time_tensor += gst_util_get_timestamp () - start;
  return same;
}

gboolean
gst_delta_cnn_classifier_was_whole (GstDeltaCnnClassifier * c)
{
  return dcn_frame_to_tensor_was_whole (c->convert);
}

const guint8 *
gst_delta_cnn_classifier_get_touched (GstDeltaCnnClassifier * c)
{
  return c->pixels ? c->touched : NULL;
}

gint
gst_delta_cnn_classifier_get_changed (GstDeltaCnnClassifier * c,
    guint8 * blocks)
{
  return dcn_frame_to_tensor_blocks (c->convert, c->touched, blocks);
}

static void
sort_results (GstDeltaCnnClassifier * c, guint k, GstDeltaCnnOutcome * outcome)
{
  GstDeltaCnnConfidence scale;
  guint i;

  k = MIN (k, c->model.n_classes);
  outcome->results = c->results;
  outcome->n_results = k;
  if (c->n_results == k)
    return;
  c->n_results = k;
  gst_delta_cnn_model_scale (&c->model, c->outputs, &scale);
  gst_delta_cnn_rank (c->outputs, c->model.n_classes, k, c->order);
  for (i = 0; i < k; i++) {
    guint index = c->order[i];

    c->results[i].index = index;
    c->results[i].label = c->model.labels[index];
    c->results[i].confidence =
        gst_delta_cnn_model_confidence (&c->model, c->outputs[index], &scale);
  }
}

/* After the network: what it says, and what it took. */
static void
take_outputs (GstDeltaCnnClassifier * c, const DcnRunInfo * info,
    GstDeltaCnnOutcome * outcome)
{
  c->n_results = 0;
  outcome->macs = info->macs;
  outcome->macs_dense = info->macs_dense;
  outcome->values_changed = info->values_changed;
  c->values = info->values;
  outcome->reuse = info->full ? GST_DELTA_CNN_REUSE_FULL
      : info->reused ? GST_DELTA_CNN_REUSE_REUSED : GST_DELTA_CNN_REUSE_PARTIAL;
  c->needs_full = FALSE;
}

static void
finish (GstDeltaCnnClassifier * c, guint top_k, GstClockTime start,
    GstDeltaCnnOutcome * outcome)
{
  outcome->values = c->values;
  if (outcome->macs_dense)
    outcome->multiplies = (gdouble) outcome->macs / outcome->macs_dense;
  sort_results (c, top_k, outcome);
  outcome->time_tensor = c->time_tensor;
  outcome->time_network = gst_util_get_timestamp () - start;
  c->time_tensor = 0;
  c->pixels = 0;
}

void
gst_delta_cnn_classifier_run (GstDeltaCnnClassifier * c, DcnMode mode,
    guint top_k, gint threads, GstDeltaCnnOutcome * outcome)
{
  GstClockTime start = gst_util_get_timestamp ();

  memset (outcome, 0, sizeof *outcome);
  outcome->macs_dense = dcn_net_macs (c->model.net);
  leave_study (c);
  if (mode == DCN_MODE_DELTA && !c->needs_full && c->pixels == 0) {
    outcome->reuse = GST_DELTA_CNN_REUSE_REUSED;
  } else {
    const guint8 *touched = c->needs_full ? NULL : c->touched;
    const uint64_t *near = dcn_frame_to_tensor_near (c->convert);
    GstDeltaCnnGuarded info = { {0} };

    if (mode == DCN_MODE_DELTA) {
      gst_delta_cnn_guard_run (&c->guard, &c->model, c->state, touched, near,
          threads, c->outputs, &info);
    } else {
      dcn_state_run_near (c->state, touched, near, mode, threads, &info.run);
      dcn_state_output (c->state, 0, c->outputs);
    }
    outcome->redone = info.redone;
    take_outputs (c, &info.run, outcome);
  }
  finish (c, top_k, start, outcome);
}

static DcnStudyMode
study_mode (GstDeltaCnnMode mode)
{
  return mode == GST_DELTA_CNN_MODE_SPARSE ? DCN_STUDY_SPARSE :
      mode == GST_DELTA_CNN_MODE_SPARSE_HEURISTIC ? DCN_STUDY_HEURISTIC :
      DCN_STUDY_BLAS;
}

gboolean
gst_delta_cnn_classifier_prepare (GstDeltaCnnClassifier * c,
    GstDeltaCnnMode mode, GstDeltaCnnEngine engine, gint threads,
    GError ** error)
{
  if (!gst_delta_cnn_mode_is_study (mode, engine))
    return TRUE;
  /* The network's own weights are packed for its kernels. */
  if (!c->study)
    c->study = dcn_study_load (c->model.net, c->model.path, error);
  if (c->study
      && dcn_study_prepare (c->study, study_mode (mode), threads, error))
    return TRUE;
  g_prefix_error (error, "Cannot use the model in this mode: ");
  return FALSE;
}

void
gst_delta_cnn_classifier_run_study (GstDeltaCnnClassifier * c,
    GstDeltaCnnMode mode, gboolean intra, guint top_k, gint threads,
    GstDeltaCnnOutcome * outcome)
{
  GstClockTime start = gst_util_get_timestamp ();
  DcnRunInfo info = { 0 };

  g_return_if_fail (c->study != NULL);
  memset (outcome, 0, sizeof *outcome);
  dcn_study_run (c->study, c->state, study_mode (mode),
      intra || c->needs_full, threads, &info);
  c->by_study = TRUE;
  dcn_state_output (c->state, 0, c->outputs);
  take_outputs (c, &info, outcome);
  finish (c, top_k, start, outcome);
}

guint
gst_delta_cnn_classifier_since_full (GstDeltaCnnClassifier * c)
{
  return c->by_study ? dcn_study_since_full (c->study) : 0;
}

const DcnStudyTimes *
gst_delta_cnn_classifier_get_study_times (GstDeltaCnnClassifier * c)
{
  return c->by_study ? dcn_study_times (c->study) : NULL;
}

void
gst_delta_cnn_classifier_run_known (GstDeltaCnnClassifier * c,
    DcnComputeFunc func, gpointer context, guint top_k, gint threads,
    GstDeltaCnnOutcome * outcome)
{
  GstClockTime start = gst_util_get_timestamp ();
  DcnRunInfo info = { 0 };

  memset (outcome, 0, sizeof *outcome);
  dcn_state_run_known (c->state, func, context, threads, &info);
  dcn_state_output (c->state, 0, c->outputs);
  take_outputs (c, &info, outcome);
  finish (c, top_k, start, outcome);
}

void
gst_delta_cnn_classifier_reuse (GstDeltaCnnClassifier * c, guint top_k,
    GstDeltaCnnOutcome * outcome)
{
  memset (outcome, 0, sizeof *outcome);
  outcome->macs_dense = dcn_net_macs (c->model.net);
  outcome->reuse = GST_DELTA_CNN_REUSE_REUSED;
  finish (c, top_k, gst_util_get_timestamp (), outcome);
}
