/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * classify: the engine side of the element
 */

#include "classify.h"
#include <math.h>
#include <string.h>
#include "frame/tensor.h"
#include "model/modelinfo.h"
#include "ranking.h"
#include "rivals.h"
#include "util/error.h"
#include "util/memory.h"

GST_DEBUG_CATEGORY_EXTERN (gst_delta_cnn_debug);
#define GST_CAT_DEFAULT gst_delta_cnn_debug

/* What turns the network's outputs into confidences. */
typedef enum
{
  ACTIVATION_NONE,
  ACTIVATION_SOFTMAX,
  ACTIVATION_SIGMOID,
  ACTIVATION_EXP                /* the network ends in a LogSoftmax */
} Activation;

struct _GstDeltaCnnClassifier
{
  DcnNet *net;
  DcnState *state;
  gchar *path;                  /* of the model */
  DcnStudy *study;              /* made on first use */
  gboolean by_study;            /* the last run was the study's */
  DcnModelInfo *info;
  const DcnValue *input;        /* of the net's program */
  gchar **labels;               /* [n_classes] or NULL */
  gchar **numbers;              /* [n_classes] index as text, where no labels */
  guint n_classes;
  Activation activation;
  gdouble tolerance;            /* as set; -1: the .modelinfo's */

  DcnTensorSpec spec;
  DcnFrameToTensor *convert;    /* NULL before set_frame */
  GstDeltaCnnRivals *rivals;    /* NULL before set_frame */
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

/* Networks in use, with the number of classifiers that use each. */
static GMutex users_lock;
static GHashTable *users;       /* DcnNet* -> count; protected by users_lock */

static void
count_user (DcnNet * net, gint change)
{
  guint n;

  g_mutex_lock (&users_lock);
  if (!users)
    users = g_hash_table_new (NULL, NULL);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (users, net)) + change;
  if (n)
    g_hash_table_insert (users, net, GUINT_TO_POINTER (n));
  else
    g_hash_table_remove (users, net);
  if (g_hash_table_size (users) == 0)
    g_clear_pointer (&users, g_hash_table_unref);
  g_mutex_unlock (&users_lock);
}

static gchar *
shape_text (const DcnValue * value)
{
  GString *text = g_string_new (NULL);
  gint i;

  for (i = 0; i < value->rank; i++)
    g_string_append_printf (text, "%s%d", i ? "x" : "", value->dims[i]);
  if (!value->rank)
    g_string_append (text, "a single number");
  return g_string_free (text, FALSE);
}

static gboolean
check_input (const DcnValue * input, GError ** error)
{
  gchar *shape;

  if (input->rank == 4 && input->dims[0] == 1 && (input->dims[1] == 1
          || input->dims[1] == 3) && input->dims[2] >= 1 && input->dims[3] >= 1)
    return TRUE;
  shape = shape_text (input);
  g_set_error (error, DCN_ERROR, DCN_ERROR_INVALID,
      "its input \"%s\" has the shape %s, but an image is needed: "
      "1x3xHEIGHTxWIDTH or 1x1xHEIGHTxWIDTH", input->name ? input->name : "",
      shape);
  g_free (shape);
  return FALSE;
}

static gboolean
check_output (const DcnProgram * program, guint * n_classes, GError ** error)
{
  const DcnValue *output;
  gchar *shape;
  gint i, wide = 0;

  if (program->n_outputs < 1) {
    g_set_error_literal (error, DCN_ERROR, DCN_ERROR_INVALID,
        "it has no output");
    return FALSE;
  }
  output = &program->values[program->outputs[0]];
  *n_classes = 1;
  for (i = 0; i < output->rank; i++) {
    if (output->dims[i] > 1)
      wide++;
    *n_classes *= output->dims[i];
  }
  if (wide <= 1 && *n_classes >= 1)
    return TRUE;
  shape = shape_text (output);
  g_set_error (error, DCN_ERROR, DCN_ERROR_INVALID,
      "its output \"%s\" has the shape %s, but a classifier is needed: one "
      "number per class, as in 1x1000", output->name ? output->name : "",
      shape);
  g_free (shape);
  return FALSE;
}

/* The op that computes an output's numbers: data movement behind it is skipped. */
static const DcnOp *
last_op (const DcnProgram * program, gint value)
{
  gint i;

  for (i = program->n_ops - 1; i >= 0; i--) {
    const DcnOp *op = &program->ops[i];

    if (op->output != value)
      continue;
    if (op->kind != DCN_OP_GATHER || op->n_inputs != 1)
      return op;
    value = op->inputs[0];
  }
  return NULL;
}

static Activation
find_activation (const DcnProgram * program, const DcnModelInfo * info,
    guint n_classes)
{
  const DcnOp *op = last_op (program, program->outputs[0]);

  switch (info->activation) {
    case 0:
      return ACTIVATION_NONE;
    case 1:
      return ACTIVATION_SOFTMAX;
    case 2:
      return ACTIVATION_SIGMOID;
    default:
      break;
  }
  if (op && op->kind == DCN_OP_SOFTMAX)
    return ACTIVATION_NONE;
  if (op && op->kind == DCN_OP_LOG_SOFTMAX)
    return ACTIVATION_EXP;
  if (op && (op->act.kind == DCN_ACT_SIGMOID
          || op->act.kind == DCN_ACT_HARD_SIGMOID))
    return ACTIVATION_NONE;
  /* Over one class a softmax would always say 1. */
  return n_classes == 1 ? ACTIVATION_SIGMOID : ACTIVATION_SOFTMAX;
}

/* 0..255 to what the network was trained with, channel by channel. */
static gboolean
make_spec (GstDeltaCnnClassifier * c, GError ** error)
{
  const DcnModelInfo *info = c->info;
  DcnTensorSpec *spec = &c->spec;
  gint i, channels = c->input->dims[1];

  spec->width = c->input->dims[3];
  spec->height = c->input->dims[2];
  spec->channels = channels;
  spec->channel_stride = dcn_channel_pitch (c->input->c);
  spec->order = channels == 1 ? DCN_COLOR_GRAY : DCN_COLOR_RGB;
  if (info->has_color) {
    if ((info->color == DCN_COLOR_GRAY) != (channels == 1)) {
      g_set_error (error, DCN_ERROR, DCN_ERROR_INVALID,
          "its .modelinfo says color=%s, but its input has %d channel%s",
          info->color == DCN_COLOR_GRAY ? "gray" :
          info->color == DCN_COLOR_BGR ? "bgr" : "rgb",
          channels, channels == 1 ? "" : "s");
      return FALSE;
    }
    spec->order = info->color;
  }
  spec->resize = info->resize;
  spec->crop_fraction = info->crop_fraction;
  for (i = 0; i < channels; i++) {
    gdouble min = 0.0, max = 1.0;

    if (info->has_ranges && info->n_ranges > 0) {
      gint r = MIN (i, info->n_ranges - 1);

      min = info->range_min[r];
      max = info->range_max[r];
    }
    spec->scale[i] = (max - min) / 255.0;
    spec->offset[i] = min;
  }
  return TRUE;
}

static gchar **
number_labels (guint n)
{
  gchar **numbers = g_new0 (gchar *, (gsize) n + 1);
  guint i;

  for (i = 0; i < n; i++)
    numbers[i] = g_strdup_printf ("%u", i);
  return numbers;
}

static gboolean
load_labels (GstDeltaCnnClassifier * c, const gchar * labels, GError ** error)
{
  if (!labels)
    labels = c->info->labels_file;
  if (labels) {
    if (!g_file_test (labels, G_FILE_TEST_EXISTS)) {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
          "Labels file \"%s\" does not exist.", labels);
      return FALSE;
    }
    c->labels = dcn_labels_load (labels, c->n_classes, error);
    if (!c->labels) {
      g_prefix_error (error, "Cannot use the labels: ");
      return FALSE;
    }
    return TRUE;
  }
  c->numbers = number_labels (c->n_classes);
  return TRUE;
}

/* net: taken over; NULL: the file's. */
static gboolean
load_model (GstDeltaCnnClassifier * c, const gchar * model, DcnNet * net,
    GError ** error)
{
  const DcnProgram *program;

  if (!net && !g_file_test (model, G_FILE_TEST_EXISTS)) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
        "Model file \"%s\" does not exist.", model);
    return FALSE;
  }
  c->net = net ? net : dcn_net_load (model, error);
  if (!c->net)
    goto failed;
  count_user (c->net, 1);
  program = dcn_net_program (c->net);
  c->input = &program->values[program->input];
  if (!check_input (c->input, error)
      || !check_output (program, &c->n_classes, error))
    goto unfit;
  c->info = dcn_modelinfo_load (model, c->input->name, c->input->dims[1],
      error);
  if (!c->info)
    goto failed;
  c->activation = find_activation (program, c->info, c->n_classes);
  if (!make_spec (c, error))
    goto unfit;
  c->state = dcn_state_new (c->net, error);
  if (!c->state)
    goto failed;
  return TRUE;

  /* The engine's own messages begin with the file's name. */
unfit:
  g_prefix_error (error, "%s: ", model);
failed:
  g_prefix_error (error, "Cannot use the model: ");
  return FALSE;
}

static GstDeltaCnnClassifier *
new_classifier (const gchar * model, const gchar * labels, DcnNet * net,
    GError ** error)
{
  GstDeltaCnnClassifier *c = g_new0 (GstDeltaCnnClassifier, 1);
  gsize pixels;

  if (!load_model (c, model, net, error)
      || (!net && !load_labels (c, labels, error))) {
    gst_delta_cnn_classifier_free (c);
    return NULL;
  }
  c->path = g_strdup (model);
  if (net)
    c->numbers = number_labels (c->n_classes);
  pixels = (gsize) c->spec.width * c->spec.height;
  c->touched = g_malloc0 (pixels);
  c->outputs = g_new0 (float, c->n_classes);
  c->order = g_new0 (guint, c->n_classes);
  c->results = g_new0 (GstDeltaCnnResult, c->n_classes);
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
  g_clear_pointer (&c->rivals, gst_delta_cnn_rivals_free);
  g_clear_pointer (&c->state, dcn_state_free);
  g_clear_pointer (&c->study, dcn_study_free);
  g_free (c->path);
  g_clear_pointer (&c->info, dcn_modelinfo_free);
  if (c->net) {
    count_user (c->net, -1);
    dcn_net_unref (c->net);
  }
  g_strfreev (c->labels);
  g_strfreev (c->numbers);
  g_free (c->touched);
  g_free (c->outputs);
  g_free (c->order);
  g_free (c->results);
  g_free (c);
}

const gchar *
gst_delta_cnn_classifier_get_model (GstDeltaCnnClassifier * c)
{
  return dcn_net_program (c->net)->model_name;
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
  return dcn_net_weight_bytes (c->net);
}

guint
gst_delta_cnn_classifier_get_weight_users (GstDeltaCnnClassifier * c)
{
  guint n;

  g_mutex_lock (&users_lock);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (users, c->net));
  g_mutex_unlock (&users_lock);
  return n;
}

DcnNet *
gst_delta_cnn_classifier_get_net (GstDeltaCnnClassifier * c)
{
  return c->net;
}

DcnState *
gst_delta_cnn_classifier_get_state (GstDeltaCnnClassifier * c)
{
  return c->state;
}

GstDeltaCnnRivals *
gst_delta_cnn_classifier_get_rivals (GstDeltaCnnClassifier * c)
{
  return c->rivals;
}

const float *
gst_delta_cnn_classifier_get_tensor (GstDeltaCnnClassifier * c)
{
  return dcn_state_input (c->state);
}

const DcnTensorSpec *
gst_delta_cnn_classifier_get_spec (GstDeltaCnnClassifier * c)
{
  return &c->spec;
}

const gfloat *
gst_delta_cnn_classifier_get_outputs (GstDeltaCnnClassifier * c,
    guint * n_outputs)
{
  *n_outputs = c->n_classes;
  return c->outputs;
}

gboolean
gst_delta_cnn_classifier_set_frame (GstDeltaCnnClassifier * c,
    const DcnFrameInfo * info, GError ** error)
{
  DcnFrameToTensor *convert = dcn_frame_to_tensor_new (info, &c->spec, error);

  if (!convert)
    return FALSE;
  g_clear_pointer (&c->convert, dcn_frame_to_tensor_free);
  c->convert = convert;
  g_clear_pointer (&c->rivals, gst_delta_cnn_rivals_free);
  c->rivals = gst_delta_cnn_rivals_new (c, info);
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
  leave_study (c);
  if (c->rivals)
    gst_delta_cnn_rivals_reset (c->rivals);
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
  return g_hash_table_size (c->info->tolerances) > 0;
}

/* The .modelinfo's tolerances in place, or out of the way of a general one. */
static void
set_calibrated (GstDeltaCnnClassifier * c, gboolean calibrated)
{
  GHashTableIter iter;
  gpointer name, value;

  g_hash_table_iter_init (&iter, c->info->tolerances);
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
      g_hash_table_lookup (c->info->tolerances, DCN_MODELINFO_OTHERS);
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
gst_delta_cnn_classifier_tensor (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks, gint threads)
{
  GstClockTime start = gst_util_get_timestamp ();

  c->pixels = dcn_frame_to_tensor_run (c->convert, frame, blocks,
      dcn_state_input (c->state), c->touched, threads);
  c->time_tensor += gst_util_get_timestamp () - start;
}

gboolean
gst_delta_cnn_classifier_verify (GstDeltaCnnClassifier * c,
    const DcnFrame * frame, const guint8 * blocks)
{
  GstClockTime start = gst_util_get_timestamp ();
  gboolean same = dcn_frame_to_tensor_check (c->convert, frame, blocks,
      dcn_state_input (c->state));

  c->time_tensor += gst_util_get_timestamp () - start;
  return same;
}

const guint8 *
gst_delta_cnn_classifier_get_touched (GstDeltaCnnClassifier * c)
{
  return c->pixels ? c->touched : NULL;
}

static float
confidence (const GstDeltaCnnClassifier * c, float output, float max,
    double sum)
{
  double value = output;

  switch (c->activation) {
    case ACTIVATION_SOFTMAX:
      value = exp ((double) output - max) / sum;
      break;
    case ACTIVATION_SIGMOID:
      value = 1.0 / (1.0 + exp (-(double) output));
      break;
    case ACTIVATION_EXP:
      value = exp (output);
      break;
    case ACTIVATION_NONE:
      break;
  }
  /* Also where it is not a number. */
  if (!(value > 0.0))
    return 0.0f;
  return value < 1.0 ? value : 1.0f;
}

static void
sort_results (GstDeltaCnnClassifier * c, guint k, GstDeltaCnnOutcome * outcome)
{
  float max = -G_MAXFLOAT;
  double sum = 0.0;
  guint i;

  k = MIN (k, c->n_classes);
  outcome->results = c->results;
  outcome->n_results = k;
  if (c->n_results == k)
    return;
  c->n_results = k;
  if (c->activation == ACTIVATION_SOFTMAX) {
    for (i = 0; i < c->n_classes; i++)
      max = fmaxf (max, c->outputs[i]);
    for (i = 0; i < c->n_classes; i++)
      if (!isnan (c->outputs[i]))
        sum += exp ((double) c->outputs[i] - max);
  }
  gst_delta_cnn_rank (c->outputs, c->n_classes, k, c->order);
  for (i = 0; i < k; i++) {
    guint index = c->order[i];

    c->results[i].index = index;
    c->results[i].label = c->labels ? c->labels[index] : c->numbers[index];
    c->results[i].confidence = confidence (c, c->outputs[index], max, sum);
  }
}

/* After the network: what it says, and what it took. */
static void
take_outputs (GstDeltaCnnClassifier * c, const DcnRunInfo * info,
    GstDeltaCnnOutcome * outcome)
{
  dcn_state_output (c->state, 0, c->outputs);
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
  outcome->macs_dense = dcn_net_macs (c->net);
  leave_study (c);
  if (mode == DCN_MODE_DELTA && !c->needs_full && c->pixels == 0) {
    outcome->reuse = GST_DELTA_CNN_REUSE_REUSED;
  } else {
    DcnRunInfo info = { 0 };

    dcn_state_run (c->state, c->needs_full ? NULL : c->touched, mode, threads,
        &info);
    take_outputs (c, &info, outcome);
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
    c->study = dcn_study_load (c->net, c->path, error);
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
  take_outputs (c, &info, outcome);
  finish (c, top_k, start, outcome);
}

void
gst_delta_cnn_classifier_reuse (GstDeltaCnnClassifier * c, guint top_k,
    GstDeltaCnnOutcome * outcome)
{
  memset (outcome, 0, sizeof *outcome);
  outcome->macs_dense = dcn_net_macs (c->net);
  outcome->reuse = GST_DELTA_CNN_REUSE_REUSED;
  finish (c, top_k, gst_util_get_timestamp (), outcome);
}
