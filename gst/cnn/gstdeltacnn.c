/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gstdeltacnn: the element
 */

/**
 * SECTION:element-deltacnn
 * @title: deltacnn
 * @short_description: Classifies video frames with a CNN, at the cost of what changed
 *
 * Runs an ONNX image classifier on every frame and adds the result as a
 * #GstDeltaCnnMeta.  Pixels pass untouched.  With `deltaextract` in front of the
 * decoder the element knows which 8x8 blocks of each frame are the same as in the
 * frame before, and computes only what the others can reach; without it, it finds
 * them by comparing pixels: the frames' own samples, or, of frames four times as large
 * as the tensor or larger, what the network sees of them.
 *
 * What the codec says is believed where it can be: with `source=auto` when
 * nothing that may draw into the frames stands between the decoder and this
 * element, otherwise samples are compared.  `source=codec` believes it in any
 * case.  In both, a sample of the blocks that are claimed not to have changed is
 * verified, others on each frame: all within 256 frames with `source=auto`, within 32
 * with `source=codec`; a claim that does not hold leads to a warning, and to
 * samples being compared until the next flush or change of caps.
 *
 * `mode=sparse` and `mode=sparse-heuristic` repeat the DeltaCNN study, and
 * `mode=dense engine=blas` what it compared itself with.  They exist to be measured:
 * tolerances do not apply, every frame's tensor is made anew, and every element has
 * weights of its own.
 *
 * `source=histogram`, `diamond` and `motion` are other systems' ways (DeepMon,
 * DeepCache, EVA2 and Euphrates), for comparison: they take for unchanged what is
 * only alike, so their results are approximate whatever the tolerance.  `auto` never
 * takes them.  They have effect with `mode=delta`.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 filesrc location=clip.mpg ! mpegpsdemux ! mpegvideoparse !
 *     deltaextract ! avdec_mpeg2video ! deltacnn model-file=model.onnx !
 *     videoconvert ! deltaoverlay ! autovideosink
 * ]|
 *
 * Since: 0.1
 */

#include "gstdeltacnn.h"
#include <string.h>
#include <gst/video/video.h>
#include "classify.h"
#include "formats.h"
#include "layout.h"
#include "messages.h"
#include "settings.h"
#include "stats.h"
#include "step.h"
#include "upstream.h"
#include "util/error.h"

GST_DEBUG_CATEGORY (gst_delta_cnn_debug);
#define GST_CAT_DEFAULT gst_delta_cnn_debug

enum
{
  PROP_0,
  PROP_MODEL_FILE,
  PROP_LABELS_FILE,
  PROP_SETTINGS,                /* and on: GstDeltaCnnSetting */
  PROP_STATS = PROP_SETTINGS + GST_DELTA_CNN_N_SETTINGS
};

struct _GstDeltaCnn
{
  GstBaseTransform parent;

  /* protected by the object lock */
  gchar *model_file;
  gchar *labels_file;
  GstDeltaCnnSettings settings;
  GstDeltaCnnStats stats;
  GstDeltaCnnClassifier *classifier;    /* the pointer; what it points to
                                         * belongs to the streaming thread */

  /* streaming thread only */
  GstVideoInfo info;
  GstDeltaCnnStream stream;
  gboolean downstream_video_meta;
  gint ask_downstream;          /* atomic: it is to be asked (again) */
  gboolean warned_mismatch;
  gboolean warned_buffer;
  gboolean warned_tolerance;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE ("sink",
    GST_PAD_SINK, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (GST_DELTA_CNN_FORMATS)));
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE ("src",
    GST_PAD_SRC, GST_PAD_ALWAYS,
    GST_STATIC_CAPS (GST_VIDEO_CAPS_MAKE (GST_DELTA_CNN_FORMATS)));

#define gst_delta_cnn_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstDeltaCnn, gst_delta_cnn, GST_TYPE_BASE_TRANSFORM,
    GST_DEBUG_CATEGORY_INIT (gst_delta_cnn_debug, "deltacnn", 0,
        "classification of what changed"));
GST_ELEMENT_REGISTER_DEFINE (deltacnn, "deltacnn", GST_RANK_NONE,
    GST_TYPE_DELTA_CNN);

/* Forgets the frame before: what follows has nothing to do with it. */
static void
gst_delta_cnn_forget (GstDeltaCnn * self)
{
  if (self->classifier)
    gst_delta_cnn_step_restart (&self->stream, self->classifier);
}

static void
post_load_error (GstDeltaCnn * self, const GError * error)
{
  if (g_error_matches (error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND, ("%s", error->message),
        (NULL));
  else if (g_error_matches (error, DCN_ERROR, DCN_ERROR_IO))
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("%s", error->message), (NULL));
  else if (g_error_matches (error, DCN_ERROR, DCN_ERROR_MEMORY))
    GST_ELEMENT_ERROR (self, RESOURCE, NO_SPACE_LEFT, ("%s", error->message),
        (NULL));
  else if (g_error_matches (error, DCN_ERROR, DCN_ERROR_UNSUPPORTED))
    GST_ELEMENT_ERROR (self, STREAM, NOT_IMPLEMENTED, ("%s", error->message),
        (NULL));
  else
    GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("%s", error->message), (NULL));
}

static gboolean
gst_delta_cnn_start (GstBaseTransform * trans)
{
  GstDeltaCnn *self = GST_DELTA_CNN (trans);
  GstDeltaCnnClassifier *classifier;
  gchar *model, *labels, *warning;
  GstDeltaCnnSettings settings;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  model = g_strdup (self->model_file);
  labels = g_strdup (self->labels_file);
  settings = self->settings;
  GST_OBJECT_UNLOCK (self);

  if (!model) {
    g_free (labels);
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND,
        ("No model is given: set the property \"model-file\" to an ONNX file."),
        (NULL));
    return FALSE;
  }
  classifier = gst_delta_cnn_classifier_new (model, labels, &error);
  if (!classifier) {
    post_load_error (self, error);
    g_clear_error (&error);
  } else if (settings.tolerance < 0.0
      && !gst_delta_cnn_classifier_is_calibrated (classifier)) {
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS,
        ("tolerance=-1 uses calibrated tolerances, but the .modelinfo of %s has "
            "none: run deltacnn-calibrate on it, or set a tolerance of 0 or more.",
            model), (NULL));
    g_clear_pointer (&classifier, gst_delta_cnn_classifier_free);
  } else if (!gst_delta_cnn_classifier_prepare (classifier, settings.step.mode,
          settings.step.engine, settings.step.threads, &error)) {
    post_load_error (self, error);
    g_clear_error (&error);
    g_clear_pointer (&classifier, gst_delta_cnn_classifier_free);
  }
  if (classifier && (warning = gst_delta_cnn_model_warning (model,
              dcn_net_program (gst_delta_cnn_classifier_get_net
                  (classifier))))) {
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", warning), (NULL));
    g_free (warning);
  }
  if (classifier) {
    const DcnProgram *program =
        dcn_net_program (gst_delta_cnn_classifier_get_net (classifier));

    if (program->n_file_outputs > program->n_outputs)
      GST_ELEMENT_INFO (self, RESOURCE, SETTINGS,
          ("%s has %d outputs: classes are those of \"%s\"", model,
              program->n_file_outputs,
              program->values[program->outputs[0]].name), (NULL));
  }
  g_free (model);
  g_free (labels);
  if (!classifier)
    return FALSE;

  self->warned_mismatch = self->warned_buffer = FALSE;
  self->warned_tolerance = FALSE;
  GST_OBJECT_LOCK (self);
  self->classifier = classifier;
  g_free (self->stats.model);
  memset (&self->stats, 0, sizeof self->stats);
  self->stats.model =
      g_strdup (gst_delta_cnn_classifier_get_model (classifier));
  self->stats.cache_bytes =
      gst_delta_cnn_classifier_get_cache_bytes (classifier);
  self->stats.weight_bytes =
      gst_delta_cnn_classifier_get_weight_bytes (classifier);
  GST_OBJECT_UNLOCK (self);
  return TRUE;
}

static gboolean
gst_delta_cnn_stop (GstBaseTransform * trans)
{
  GstDeltaCnn *self = GST_DELTA_CNN (trans);
  GstDeltaCnnClassifier *classifier;

  GST_OBJECT_LOCK (self);
  classifier = self->classifier;
  self->classifier = NULL;
  GST_OBJECT_UNLOCK (self);
  gst_delta_cnn_stream_clear (&self->stream);
  gst_delta_cnn_classifier_free (classifier);
  return TRUE;
}

static gboolean
gst_delta_cnn_set_caps (GstBaseTransform * trans, GstCaps * incaps,
    GstCaps * outcaps)
{
  GstDeltaCnn *self = GST_DELTA_CNN (trans);
  GstVideoInfo info;

  if (!gst_video_info_from_caps (&info, incaps)) {
    GST_WARNING_OBJECT (self, "caps that are not understood: %" GST_PTR_FORMAT,
        incaps);
    return FALSE;
  }
  self->info = info;
  g_atomic_int_set (&self->ask_downstream, TRUE);
  /* Other caps are another stream, even where the frames look alike. */
  gst_delta_cnn_forget (self);
  return TRUE;
}

static gboolean
gst_delta_cnn_sink_event (GstBaseTransform * trans, GstEvent * event)
{
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_STOP:
    case GST_EVENT_STREAM_START:
      gst_delta_cnn_forget (GST_DELTA_CNN (trans));
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static gboolean
gst_delta_cnn_propose_allocation (GstBaseTransform * trans,
    GstQuery * decide_query, GstQuery * query)
{
  /* The frames go on as they are, so downstream's pools and wishes count. */
  if (!gst_pad_peer_query (trans->srcpad, query))
    GST_DEBUG_OBJECT (trans, "downstream proposes nothing");
  if (!gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL))
    gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
  return TRUE;
}

/* Does downstream know GstVideoMeta?  The base class does not ask for elements that
 * work in place. */
static gboolean
gst_delta_cnn_downstream_has_video_meta (GstDeltaCnn * self)
{
  GstPad *srcpad = GST_BASE_TRANSFORM_SRC_PAD (self);
  GstCaps *caps;
  GstQuery *query;

  if (!g_atomic_int_compare_and_exchange (&self->ask_downstream, TRUE, FALSE))
    return self->downstream_video_meta;
  self->downstream_video_meta = FALSE;
  caps = gst_pad_get_current_caps (srcpad);
  if (!caps)
    return FALSE;
  query = gst_query_new_allocation (caps, FALSE);
  if (gst_pad_peer_query (srcpad, query))
    self->downstream_video_meta = gst_query_find_allocation_meta (query,
        GST_VIDEO_META_API_TYPE, NULL);
  gst_query_unref (query);
  gst_caps_unref (caps);
  return self->downstream_video_meta;
}

static gboolean
gst_delta_cnn_src_event (GstBaseTransform * trans, GstEvent * event)
{
  /* Another neighbour, or the same with other wishes. */
  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE)
    g_atomic_int_set (&GST_DELTA_CNN (trans)->ask_downstream, TRUE);
  return GST_BASE_TRANSFORM_CLASS (parent_class)->src_event (trans, event);
}

static GstFlowReturn
gst_delta_cnn_prepare_output_buffer (GstBaseTransform * trans,
    GstBuffer * input, GstBuffer ** output)
{
  GstDeltaCnn *self = GST_DELTA_CNN (trans);
  GstBuffer *copy = NULL;

  if (gst_delta_cnn_layout_is_special (&self->info, input)
      && !gst_delta_cnn_downstream_has_video_meta (self))
    copy = gst_delta_cnn_layout_copy (&self->info, input);
  /* A meta will be added: the buffer must be ours, the memory need not. */
  if (copy)
    *output = copy;
  else if (gst_buffer_is_writable (input))
    *output = input;
  else
    *output = gst_buffer_copy (input);
  return GST_FLOW_OK;
}

static gboolean
gst_delta_cnn_plan (GstDeltaCnn * self, const DcnFrameInfo * info)
{
  GError *error = NULL;

  if (gst_delta_cnn_step_plan (&self->stream, self->classifier, info, &error))
    return TRUE;
  GST_ELEMENT_ERROR (self, STREAM, FORMAT, ("The %s", error->message), (NULL));
  g_clear_error (&error);
  return FALSE;
}

/* For scripts: a GstStructure, as in GstTracer's records. */
static void
log_frame (GstDeltaCnn * self, const GstDeltaCnnReport * report,
    GstBuffer * buffer)
{
  const GstDeltaCnnOutcome *outcome = report->outcome;
  static const gchar *const reuse[] = { "full", "partial", "reused" };

  GST_LOG_OBJECT (self, "deltacnn-frame, pts=(guint64)%" G_GUINT64_FORMAT
      ", source=(string)%s, reuse=(string)%s, redone=(boolean)%s"
      ", changed=(uint)%u, blocks=(uint)%u"
      ", multiplies=(guint64)%" G_GUINT64_FORMAT
      ", multiplies-dense=(guint64)%" G_GUINT64_FORMAT
      ", time-extract=(guint64)%" G_GUINT64_FORMAT
      ", time-changes=(guint64)%" G_GUINT64_FORMAT
      ", time-tensor=(guint64)%" G_GUINT64_FORMAT
      ", time-network=(guint64)%" G_GUINT64_FORMAT ";", GST_BUFFER_PTS (buffer),
      gst_delta_cnn_used_name (report->decision->used), reuse[outcome->reuse],
      outcome->redone ? "true" : "false",
      report->decision->n_changed, report->decision->n_blocks, outcome->macs,
      outcome->macs_dense, report->time_extract, report->time_changes,
      outcome->time_tensor, outcome->time_network);
}

static void
gst_delta_cnn_set_tolerance (GstDeltaCnn * self, gdouble tolerance)
{
  if (tolerance < 0.0
      && !gst_delta_cnn_classifier_is_calibrated (self->classifier)) {
    /* Set while running, or start() would have failed. */
    tolerance = 0.0;
    if (!self->warned_tolerance)
      GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
          ("The model has no calibrated tolerances; everything that differs is "
              "computed, as with tolerance=0."), (NULL));
    self->warned_tolerance = TRUE;
  }
  gst_delta_cnn_classifier_set_tolerance (self->classifier, tolerance);
}

/* What the mode needs beyond the network; start() did it for the mode then set. */
static gboolean
gst_delta_cnn_prepare (GstDeltaCnn * self, const GstDeltaCnnSettings * settings)
{
  GError *error = NULL;

  if (gst_delta_cnn_classifier_prepare (self->classifier, settings->step.mode,
          settings->step.engine, settings->step.threads, &error))
    return TRUE;
  post_load_error (self, error);
  g_clear_error (&error);
  return FALSE;
}

static void
classify (GstDeltaCnn * self, GstBuffer * buffer,
    GstDeltaCnnStepFrame * frame, const GstDeltaCnnSettings * settings)
{
  GstDeltaCnnInput *input = &frame->input;
  GstDeltaCnnStep step;
  GstDeltaCnnReport report = { 0 };
  const GstDeltaCnnDecision *decision = &step.decision;
  const GstDeltaCnnOutcome *outcome = &step.outcome;
  const gchar *in_the_way = NULL;

  gst_delta_cnn_set_tolerance (self, settings->tolerance);
  gst_delta_cnn_classifier_set_margin (self->classifier, settings->margin);

  if (input->picture && settings->step.source == GST_DELTA_CNN_SOURCE_AUTO)
    input->untouched =
        gst_delta_cnn_upstream_untouched (GST_BASE_TRANSFORM_SINK_PAD (self),
        &in_the_way);
  gst_delta_cnn_step (&self->stream, self->classifier, &settings->step,
      input, &step);
  /* Finding what changed is part of the way from frame to tensor. */
  step.outcome.time_tensor += step.time_changes;

  report.model = gst_delta_cnn_classifier_get_model (self->classifier);
  report.picture_type = input->picture ?
      gst_delta_picture_get_picture_type (input->picture)
      : GST_DELTA_PICTURE_TYPE_UNKNOWN;
  report.decision = decision;
  gst_delta_cnn_changes_get_grid (self->stream.changes, &report.cols,
      &report.rows);
  report.outcome = outcome;
  report.time_changes = step.time_changes;
  report.time_extract = input->picture ?
      gst_delta_picture_get_extract_time (input->picture) : GST_CLOCK_TIME_NONE;
  report.width = frame->info.width;
  report.height = frame->info.height;
  gst_delta_cnn_report_to_buffer (&report, buffer);
  GST_OBJECT_LOCK (self);
  gst_delta_cnn_stats_add (&self->stats, &report, step.mismatch);
  GST_OBJECT_UNLOCK (self);

  log_frame (self, &report, buffer);
  if (decision->reason)
    GST_LOG_OBJECT (self, "the codec's word was not used: %s%s%s",
        decision->reason, in_the_way ? ": " : "", in_the_way ? in_the_way : "");

  if (settings->post_messages)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_element (GST_OBJECT (self),
            gst_delta_cnn_report_to_structure (&report, buffer,
                &GST_BASE_TRANSFORM (self)->segment)));
  if (step.foreign && !self->warned_mismatch) {
    self->warned_mismatch = TRUE;
    GST_ELEMENT_WARNING (self, STREAM, WRONG_TYPE,
        ("The frames are not those that the decoder put out: an element after "
            "it changed them. What changed is now found by comparing samples."),
        ("use source=pixel, or move the element behind deltacnn"));
  }
}

static GstFlowReturn
gst_delta_cnn_transform_ip (GstBaseTransform * trans, GstBuffer * buffer)
{
  GstDeltaCnn *self = GST_DELTA_CNN (trans);
  GstDeltaCnnStepFrame frame;
  GstDeltaCnnSettings settings;
  gboolean planned;

  GST_OBJECT_LOCK (self);
  settings = self->settings;
  GST_OBJECT_UNLOCK (self);

  if (!gst_delta_cnn_step_map (&self->info, buffer, &frame)) {
    /* The next frame may be fine, and who watches wants to see it. */
    GST_WARNING_OBJECT (self,
        "a buffer that does not hold a frame of its caps");
    if (!self->warned_buffer) {
      self->warned_buffer = TRUE;
      GST_ELEMENT_WARNING (self, STREAM, FORMAT,
          ("A buffer does not hold a frame as its caps say, or cannot be read; "
              "it passes without a result."), (NULL));
    }
    return GST_FLOW_OK;
  }
  planned = gst_delta_cnn_plan (self, &frame.info)
      && gst_delta_cnn_prepare (self, &settings);
  if (planned)
    classify (self, buffer, &frame, &settings);
  gst_delta_cnn_step_unmap (&frame);
  return planned ? GST_FLOW_OK : GST_FLOW_ERROR;
}

const gfloat *
gst_delta_cnn_peek_outputs (GstDeltaCnn * self, guint * n_outputs)
{
  *n_outputs = 0;
  return self->classifier ?
      gst_delta_cnn_classifier_get_outputs (self->classifier, n_outputs) : NULL;
}

GstDeltaCnnClassifier *
gst_delta_cnn_peek_classifier (GstDeltaCnn * self)
{
  return self->classifier;
}

static GstStructure *
gst_delta_cnn_get_stats (GstDeltaCnn * self)
{
  GstStructure *stats;

  GST_OBJECT_LOCK (self);
  stats = gst_delta_cnn_stats_to_structure (&self->stats, self->classifier ?
      gst_delta_cnn_classifier_get_weight_users (self->classifier) : 0);
  GST_OBJECT_UNLOCK (self);
  return stats;
}

/* Files are taken over in start(); FALSE with a warning while running. */
static void
set_file (GstDeltaCnn * self, gchar ** file, const GValue * value,
    GParamSpec * pspec)
{
  const gchar *path = g_value_get_string (value);
  gboolean running;

  GST_OBJECT_LOCK (self);
  running = GST_STATE (self) > GST_STATE_READY;
  if (!running) {
    g_free (*file);
    *file = path && *path ? g_strdup (path) : NULL;
  }
  GST_OBJECT_UNLOCK (self);
  if (running)
    g_warning ("%s: \"%s\" can only be set in the states NULL and READY",
        GST_OBJECT_NAME (self), pspec->name);
}

static void
gst_delta_cnn_set_property (GObject * object, guint id, const GValue * value,
    GParamSpec * pspec)
{
  GstDeltaCnn *self = GST_DELTA_CNN (object);
  gboolean known;

  if (id == PROP_MODEL_FILE) {
    set_file (self, &self->model_file, value, pspec);
    return;
  }
  if (id == PROP_LABELS_FILE) {
    set_file (self, &self->labels_file, value, pspec);
    return;
  }
  GST_OBJECT_LOCK (self);
  known = gst_delta_cnn_settings_set (&self->settings, id - PROP_SETTINGS,
      value);
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_delta_cnn_get_property (GObject * object, guint id, GValue * value,
    GParamSpec * pspec)
{
  GstDeltaCnn *self = GST_DELTA_CNN (object);
  gboolean known = TRUE;

  if (id == PROP_STATS) {
    g_value_take_boxed (value, gst_delta_cnn_get_stats (self));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_MODEL_FILE:
      g_value_set_string (value, self->model_file);
      break;
    case PROP_LABELS_FILE:
      g_value_set_string (value, self->labels_file);
      break;
    default:
      known = gst_delta_cnn_settings_get (&self->settings, id - PROP_SETTINGS,
          value);
      break;
  }
  GST_OBJECT_UNLOCK (self);
  if (!known)
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
gst_delta_cnn_finalize (GObject * object)
{
  GstDeltaCnn *self = GST_DELTA_CNN (object);

  g_free (self->model_file);
  g_free (self->labels_file);
  g_free (self->stats.model);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
install_properties (GObjectClass * object_class)
{
  const GParamFlags fixed = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS
      | GST_PARAM_MUTABLE_READY;

  g_object_class_install_property (object_class, PROP_MODEL_FILE,
      g_param_spec_string ("model-file", "Model file",
          "ONNX file of an image classifier; MODEL.modelinfo beside it says how "
          "its input is made", NULL, fixed));
  g_object_class_install_property (object_class, PROP_LABELS_FILE,
      g_param_spec_string ("labels-file", "Labels file",
          "Text file with a label per line (default: what the .modelinfo says; "
          "without either, class numbers)", NULL, fixed));
  gst_delta_cnn_settings_install (object_class, PROP_SETTINGS);
  /**
   * GstDeltaCnn:stats:
   *
   * Counts since the element was started: `frames`, of them `full`, `partial`
   * and `reused`; `redone`, frames that were run again without tolerances because the
   * best class led by no more than the margin; `by-codec`, `by-pixel` and `by-rival` (the approximate sources),
   * frames whose changes came from there; `mismatches`, claims of the codec that did not hold; `source`, what the
   * last frame used; `multiplies`, share of a dense run's; `cache-bytes` of this
   * element; `weight-bytes`, which `weight-users` elements of the process share;
   * `model`.  Nanoseconds spent, none of which depends on the decoder:
   * `time-extract`, by deltaextract on the pictures of these frames; `time-changes`,
   * finding what changed; `time-tensor`, from frame to tensor, time-changes included;
   * `time-network`.  `last` and `mean` are structures with the same four for the last
   * frame and for a frame in the mean.
   *
   * The same times come with each frame: in the #GstDeltaCnnMeta, in the messages,
   * and in the debug log (level LOG of the category deltacnn) as a serialised
   * #GstStructure `deltacnn-frame`.
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Counts since the start",
          GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void
gst_delta_cnn_class_init (GstDeltaCnnClass * klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform_class = GST_BASE_TRANSFORM_CLASS (klass);

  object_class->set_property = gst_delta_cnn_set_property;
  object_class->get_property = gst_delta_cnn_get_property;
  object_class->finalize = gst_delta_cnn_finalize;
  install_properties (object_class);

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "CNN classifier of what changed", "Filter/Analyzer/Video",
      "Classifies video frames with an ONNX network, reusing the work of the "
      "frame before where the codec says that nothing changed",
      "The deltacnn authors");

  transform_class->start = gst_delta_cnn_start;
  transform_class->stop = gst_delta_cnn_stop;
  transform_class->set_caps = gst_delta_cnn_set_caps;
  transform_class->sink_event = gst_delta_cnn_sink_event;
  transform_class->src_event = gst_delta_cnn_src_event;
  transform_class->propose_allocation = gst_delta_cnn_propose_allocation;
  transform_class->prepare_output_buffer = gst_delta_cnn_prepare_output_buffer;
  transform_class->transform_ip = gst_delta_cnn_transform_ip;

  gst_type_mark_as_plugin_api (GST_TYPE_DELTA_CNN_MODE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_DELTA_CNN_ENGINE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_DELTA_CNN_SOURCE, 0);
}

static void
gst_delta_cnn_init (GstDeltaCnn * self)
{
  gst_delta_cnn_settings_init (&self->settings);
  gst_video_info_init (&self->info);
  gst_base_transform_set_qos_enabled (GST_BASE_TRANSFORM (self), TRUE);
}
