/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * model: a model file as a classifier of frames
 */

#include "model.h"
#include <math.h>
#include <string.h>
#include "ranking.h"
#include "util/error.h"
#include "util/memory.h"

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

guint
gst_delta_cnn_model_users (const GstDeltaCnnModel * self)
{
  guint n;

  g_mutex_lock (&users_lock);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (users, self->net));
  g_mutex_unlock (&users_lock);
  return n;
}

static const DcnValue *
input_of (DcnNet * net)
{
  const DcnProgram *program = dcn_net_program (net);

  return &program->values[program->input];
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

/* The op that computes an output's numbers: data movement and rounding behind it are skipped. */
static const DcnOp *
last_op (const DcnProgram * program, gint value)
{
  gint i;

  for (i = program->n_ops - 1; i >= 0; i--) {
    const DcnOp *op = &program->ops[i];

    if (op->output != value)
      continue;
    if (op->kind != DCN_OP_GATHER && (op->kind != DCN_OP_ACT
            || op->act.kind != DCN_ACT_QUANTIZE))
      return op;
    value = op->inputs[0];
  }
  return NULL;
}

static GstDeltaCnnActivation
find_activation (const DcnProgram * program, const DcnModelInfo * info,
    guint n_classes)
{
  const DcnOp *op = last_op (program, program->outputs[0]);

  switch (info->activation) {
    case 0:
      return GST_DELTA_CNN_ACTIVATION_NONE;
    case 1:
      return GST_DELTA_CNN_ACTIVATION_SOFTMAX;
    case 2:
      return GST_DELTA_CNN_ACTIVATION_SIGMOID;
    default:
      break;
  }
  if (op && op->kind == DCN_OP_SOFTMAX)
    return GST_DELTA_CNN_ACTIVATION_NONE;
  if (op && op->kind == DCN_OP_LOG_SOFTMAX)
    return GST_DELTA_CNN_ACTIVATION_EXP;
  if (op && (op->act.kind == DCN_ACT_SIGMOID
          || op->act.kind == DCN_ACT_HARD_SIGMOID))
    return GST_DELTA_CNN_ACTIVATION_NONE;
  /* Over one class a softmax would always say 1. */
  return n_classes ==
      1 ? GST_DELTA_CNN_ACTIVATION_SIGMOID : GST_DELTA_CNN_ACTIVATION_SOFTMAX;
}

/* 0..255 to what the network was trained with, channel by channel. */
static gboolean
make_spec (GstDeltaCnnModel * self, GError ** error)
{
  const DcnModelInfo *info = self->info;
  const DcnValue *input = input_of (self->net);
  DcnTensorSpec *spec = &self->spec;
  const DcnProgram *program = dcn_net_program (self->net);
  gboolean integer = program->integer_input;
  gint i, channels = input->dims[1];

  spec->width = input->dims[3];
  spec->height = input->dims[2];
  spec->channels = channels;
  spec->channel_stride = dcn_channel_pitch (input->c);
  spec->order = channels == 1 ? DCN_COLOR_GRAY :
      program->input_bgr && !info->has_ranges ? DCN_COLOR_BGR : DCN_COLOR_RGB;
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
    gdouble min = 0.0, max = integer ? 255.0 :
        program->input_max > 0.0 ? program->input_max : 1.0;

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
load_labels (GstDeltaCnnModel * self, const gchar * labels, GError ** error)
{
  if (!labels)
    labels = self->info->labels_file;
  if (labels) {
    if (!g_file_test (labels, G_FILE_TEST_EXISTS)) {
      g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
          "Labels file \"%s\" does not exist.", labels);
      return FALSE;
    }
    self->labels = dcn_labels_load (labels, self->n_classes, error);
    if (!self->labels) {
      g_prefix_error (error, "Cannot use the labels: ");
      return FALSE;
    }
    return TRUE;
  }
  self->labels = number_labels (self->n_classes);
  return TRUE;
}

/* What is wrong with the .modelinfo is told when it is read in earnest, with the input known. */
static DcnNet *
load_net (const gchar * path, GError ** error)
{
  DcnModelInfo *info = dcn_modelinfo_load (path, NULL, 0, NULL);
  DcnWeights weights = info && info->half_weights ? DCN_WEIGHTS_FLOAT16 :
      DCN_WEIGHTS_FLOAT32;
  gint height = info ? info->height : 0, width = info ? info->width : 0;

  if (info)
    dcn_modelinfo_free (info);
  return dcn_net_load_sized (path, weights, height, width, error);
}

gboolean
gst_delta_cnn_model_load (GstDeltaCnnModel * self, const gchar * path,
    const gchar * labels, DcnNet * net, GError ** error)
{
  const DcnProgram *program;
  const DcnValue *input;

  self->path = g_strdup (path);
  if (!net && !g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
        "Model file \"%s\" does not exist.", path);
    return FALSE;
  }
  self->net = net ? net : load_net (path, error);
  if (!self->net)
    goto failed;
  count_user (self->net, 1);
  program = dcn_net_program (self->net);
  input = input_of (self->net);
  if (!check_input (input, error)
      || !check_output (program, &self->n_classes, error))
    goto unfit;
  self->info = dcn_modelinfo_load (path, input->name, input->dims[1], error);
  if (!self->info)
    goto failed;
  self->activation = find_activation (program, self->info, self->n_classes);
  if (!make_spec (self, error))
    goto unfit;
  if (!net)
    return load_labels (self, labels, error);
  self->labels = number_labels (self->n_classes);
  return TRUE;

  /* The engine's own messages begin with the file's name. */
unfit:
  g_prefix_error (error, "%s: ", path);
failed:
  g_prefix_error (error, "Cannot use the model: ");
  return FALSE;
}

void
gst_delta_cnn_model_options (const gchar * path, DcnOnnxOptions * options)
{
  DcnModelInfo *info = dcn_modelinfo_load (path, NULL, 0, NULL);

  memset (options, 0, sizeof *options);
  options->classifier = TRUE;
  if (info) {
    options->input_height = info->height;
    options->input_width = info->width;
    dcn_modelinfo_free (info);
  }
}

gchar *
gst_delta_cnn_model_warning (const gchar * path, const DcnProgram * program)
{
  gchar *description = dcn_modelinfo_find (path), *text = NULL;
  const DcnValue *input = &program->values[program->input];
  const gchar *order = input->c == 1 ? "grey" : program->input_bgr ? "BGR" :
      "RGB";
  const gchar *why = program->integer_input ? "as its input is of integers" :
      program->input_max > 1.0 ? "as its first nodes normalise such numbers" :
      program->input_max > 0.0 ? "which its first nodes normalise" :
      "and nothing in it normalises them: most networks want that";

  if (!description)
    text = g_strdup_printf ("%s has no .modelinfo: frames are given to it as "
        "%s from 0 to %s, %s, stretched to its size. Where it was trained with "
        "other numbers, its labels mean nothing: say so in a .modelinfo", path,
        order, program->integer_input || program->input_max > 1.0 ? "255" : "1",
        why);
  g_free (description);
  return text;
}

void
gst_delta_cnn_model_clear (GstDeltaCnnModel * self)
{
  g_clear_pointer (&self->info, dcn_modelinfo_free);
  if (self->net) {
    count_user (self->net, -1);
    g_clear_pointer (&self->net, dcn_net_unref);
  }
  g_clear_pointer (&self->labels, g_strfreev);
  g_clear_pointer (&self->path, g_free);
}

void
gst_delta_cnn_model_scale (const GstDeltaCnnModel * self, const float *outputs,
    GstDeltaCnnConfidence * scale)
{
  guint i;

  scale->max = -G_MAXFLOAT;
  scale->sum = 0.0;
  if (self->activation != GST_DELTA_CNN_ACTIVATION_SOFTMAX)
    return;
  for (i = 0; i < self->n_classes; i++)
    scale->max = fmaxf (scale->max, outputs[i]);
  for (i = 0; i < self->n_classes; i++)
    if (!isnan (outputs[i]))
      scale->sum += exp ((double) outputs[i] - scale->max);
}

gfloat
gst_delta_cnn_model_confidence (const GstDeltaCnnModel * self, float output,
    const GstDeltaCnnConfidence * scale)
{
  double value = output;

  switch (self->activation) {
    case GST_DELTA_CNN_ACTIVATION_SOFTMAX:
      value = exp ((double) output - scale->max) / scale->sum;
      break;
    case GST_DELTA_CNN_ACTIVATION_SIGMOID:
      value = 1.0 / (1.0 + exp (-(double) output));
      break;
    case GST_DELTA_CNN_ACTIVATION_EXP:
      value = exp (output);
      break;
    case GST_DELTA_CNN_ACTIVATION_NONE:
      break;
  }
  /* Also where it is not a number. */
  if (!(value > 0.0))
    return 0.0f;
  return value < 1.0 ? value : 1.0f;
}

gdouble
gst_delta_cnn_model_lead (const GstDeltaCnnModel * self, const float *outputs,
    guint * best)
{
  gdouble first, next, lead;
  guint order[2] = { 0, 0 };

  if (self->n_classes == 1) {
    GstDeltaCnnConfidence scale = { 0 };

    first = gst_delta_cnn_model_confidence (self, outputs[0], &scale);
    *best = first >= 0.5;
    return isfinite (outputs[0]) ? fabs (2.0 * first - 1.0) : 0.0;
  }
  gst_delta_cnn_rank (outputs, self->n_classes, 2, order);
  *best = order[0];
  first = outputs[order[0]];
  next = outputs[order[1]];
  switch (self->activation) {
    case GST_DELTA_CNN_ACTIVATION_SOFTMAX:
    case GST_DELTA_CNN_ACTIVATION_EXP:
      /* of e^a and e^b */
      lead = tanh ((first - next) / 2.0);
      break;
    case GST_DELTA_CNN_ACTIVATION_SIGMOID:
      first = 1.0 / (1.0 + exp (-first));
      next = 1.0 / (1.0 + exp (-next));
      lead = (first - next) / (first + next);
      break;
    default:
      first = CLAMP (first, 0.0, 1.0);
      next = CLAMP (next, 0.0, 1.0);
      lead = (first - next) / (first + next);
      break;
  }
  return lead > 0.0 ? lead : 0.0;
}
