/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element stands alone between two pads of ours: the frames were decoded before,
 * by the pipeline that clip-pipeline builds, and each way gets the same.
 */
#include "run.h"
#include "common/tool.h"
#include "gstdeltacnn.h"
#include "gstdeltacnnmeta.h"

#include <gio/gio.h>
#include <gst/video/video.h>
#include <string.h>

/* Before the first clip, so that no way pays for first touching its memory. */
#define WARM_UP 3

struct _EvalRunner
{
  gchar *name;                  /* of the way */
  GstElement *element;
  GstBus *bus;
  GstPad *feed, *take;
  guint n_classes;
  gboolean is_auto, warm;
  OpSums *ops;                  /* [n_ops] of the last clip */
  guint64 *before;              /* [n_ops] scratch */
  GArray *op_ms;                /* of gfloat, [frames][n_ops] of the last clip */
  gint n_ops;
  /* of the frame that is under way */
  EvalFrame frame;
  gdouble *scores;
  guint clips;
};

static gboolean
take_event (GstPad * pad, GstObject * parent, GstEvent * event)
{
  gst_event_unref (event);
  return TRUE;
}

/* As a sink that knows all metas and takes everything would answer: by itself, a pad
 * without a template takes only what it has, and clips need not be of one format. */
static gboolean
take_query (GstPad * pad, GstObject * parent, GstQuery * query)
{
  GstCaps *caps, *filter;

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_ALLOCATION:
      gst_query_add_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL);
      return TRUE;
    case GST_QUERY_CAPS:
      gst_query_parse_caps (query, &filter);
      caps = filter ? gst_caps_ref (filter) : gst_caps_new_any ();
      gst_query_set_caps_result (query, caps);
      gst_caps_unref (caps);
      return TRUE;
    case GST_QUERY_ACCEPT_CAPS:
      gst_query_set_accept_caps_result (query, TRUE);
      return TRUE;
    default:
      return FALSE;
  }
}

static GstFlowReturn
take_buffer (GstPad * pad, GstObject * parent, GstBuffer * buffer)
{
  EvalRunner *runner = gst_pad_get_element_private (pad);
  EvalFrame *frame = &runner->frame;
  GstDeltaCnnMeta *meta = gst_buffer_get_delta_cnn_meta (buffer);
  guint i;

  frame->best = -1;
  if (meta && meta->n_results > 0) {
    frame->picture_type = meta->picture_type;
    frame->reuse = meta->reuse;
    frame->best = meta->results[0].index;
    frame->multiplies = meta->multiplies;
    frame->changes = meta->time_changes / 1e6;
    frame->tensor = (meta->time_tensor - meta->time_changes) / 1e6;
    frame->network = meta->time_network / 1e6;
    for (i = 0; i < meta->n_results; i++)
      if (meta->results[i].index < runner->n_classes)
        runner->scores[meta->results[i].index] += meta->results[i].confidence;
  }
  gst_buffer_unref (buffer);
  return GST_FLOW_OK;
}

/* What the element says on its bus: its error, or a general one. */
static gboolean
fail (EvalRunner * runner, const gchar * what, GError ** error)
{
  GstMessage *message = gst_bus_pop_filtered (runner->bus, GST_MESSAGE_ERROR);
  GError *own = NULL;

  if (message) {
    gst_message_parse_error (message, &own, NULL);
    gst_message_unref (message);
  }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", runner->name,
      own ? own->message : what);
  g_clear_error (&own);
  return FALSE;
}

static void
pass_on_warnings (EvalRunner * runner)
{
  GstMessage *message;

  while ((message = gst_bus_pop (runner->bus))) {
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_WARNING) {
      GError *warning;

      gst_message_parse_warning (message, &warning, NULL);
      tool_warn (runner->name, g_strdup (warning->message));
      g_error_free (warning);
    }
    gst_message_unref (message);
  }
}

static GstPad *
make_peer (GstElement * element, const gchar * name, GstPadDirection direction)
{
  GstPad *own = gst_element_get_static_pad (element, name);
  GstPad *pad = gst_object_ref_sink (gst_pad_new (NULL, direction));

  if (direction == GST_PAD_SRC)
    gst_pad_link (pad, own);
  else
    gst_pad_link (own, pad);
  gst_object_unref (own);
  return pad;
}

EvalRunner *
eval_runner_new (const EvalSetup * setup, const EvalWay * way, GError ** error)
{
  EvalRunner *runner = g_new0 (EvalRunner, 1);
  gchar *source = eval_way_get (way, "source");

  runner->name = g_strdup (way->name);
  runner->n_classes = setup->n_classes;
  runner->is_auto = g_strcmp0 (source, "auto") == 0;
  runner->bus = gst_bus_new ();
  runner->element = gst_element_factory_make ("deltacnn", NULL);
  gst_object_ref_sink (runner->element);
  gst_element_set_bus (runner->element, runner->bus);
  g_object_set (runner->element, "model-file", setup->model,
      "labels-file", setup->labels, "threads", setup->threads, "top-k",
      setup->n_classes, NULL);
  eval_way_apply (way, runner->element);
  g_free (source);

  runner->feed = make_peer (runner->element, "sink", GST_PAD_SRC);
  gst_pad_set_event_function (runner->feed, take_event);
  runner->take = make_peer (runner->element, "src", GST_PAD_SINK);
  gst_pad_set_event_function (runner->take, take_event);
  gst_pad_set_query_function (runner->take, take_query);
  gst_pad_set_chain_function (runner->take, take_buffer);
  gst_pad_set_element_private (runner->take, runner);
  gst_pad_set_active (runner->take, TRUE);
  gst_pad_set_active (runner->feed, TRUE);
  if (gst_element_set_state (runner->element, GST_STATE_PLAYING)
      != GST_STATE_CHANGE_FAILURE) {
    GstDeltaCnnClassifier *c = eval_runner_classifier (runner);

    runner->n_ops =
        dcn_net_program (gst_delta_cnn_classifier_get_net (c))->n_ops;
    runner->ops = g_new0 (OpSums, runner->n_ops);
    runner->before = g_new0 (guint64, runner->n_ops);
    runner->op_ms = g_array_new (FALSE, FALSE, sizeof (gfloat));
    return runner;
  }
  fail (runner, "the element cannot be started", error);
  eval_runner_free (runner);
  return NULL;
}

void
eval_runner_free (EvalRunner * runner)
{
  if (!runner)
    return;
  gst_pad_set_active (runner->feed, FALSE);
  gst_element_set_state (runner->element, GST_STATE_NULL);
  gst_pad_set_active (runner->take, FALSE);
  gst_element_set_bus (runner->element, NULL);
  gst_object_unref (runner->feed);
  gst_object_unref (runner->take);
  gst_object_unref (runner->element);
  gst_object_unref (runner->bus);
  g_free (runner->ops);
  g_free (runner->before);
  if (runner->op_ms)
    g_array_unref (runner->op_ms);
  g_free (runner->name);
  g_free (runner);
}

GstDeltaCnnClassifier *
eval_runner_classifier (EvalRunner * runner)
{
  return gst_delta_cnn_peek_classifier (GST_DELTA_CNN (runner->element));
}

const OpSums *
eval_runner_ops (EvalRunner * runner)
{
  return runner->ops;
}

const gfloat *
eval_runner_op_ms (EvalRunner * runner)
{
  return (const gfloat *) runner->op_ms->data;
}

/* What the ops did for the frame: to the clip's sums, and each one's time. */
static void
add_ops (EvalRunner * runner)
{
  gsize at = runner->op_ms->len;
  gfloat *ms;
  gint i;

  g_array_set_size (runner->op_ms, at + runner->n_ops);
  ms = &g_array_index (runner->op_ms, gfloat, at);
  for (i = 0; i < runner->n_ops; i++)
    runner->before[i] = runner->ops[i].ns;
  if (runner->frame.best >= 0)
    op_sums_add_run (runner->ops, eval_runner_classifier (runner),
        runner->frame.reuse);
  for (i = 0; i < runner->n_ops; i++)
    ms[i] = (runner->ops[i].ns - runner->before[i]) / 1e6;
}

/* Another stream: the element forgets the last one. */
static void
start_stream (EvalRunner * runner)
{
  gchar *id = g_strdup_printf ("clip-%u", runner->clips++);

  gst_pad_push_event (runner->feed, gst_event_new_stream_start (id));
  g_free (id);
}

static void
start_caps (EvalRunner * runner, GstCaps * caps)
{
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_pad_push_event (runner->feed, gst_event_new_caps (caps));
  gst_pad_push_event (runner->feed, gst_event_new_segment (&segment));
}

static gboolean
push_frames (EvalRunner * runner, const ClipFrames * clip, guint n,
    GArray * frames, GError ** error)
{
  GstCaps *last = NULL;
  guint i;

  start_stream (runner);
  for (i = 0; i < n && !tool_is_interrupted (); i++) {
    GstSample *sample = g_ptr_array_index (clip->samples, i);
    GstCaps *caps = gst_sample_get_caps (sample);
    GstFlowReturn flow;
    gint64 start;

    if (!last || !gst_caps_is_equal (caps, last))
      start_caps (runner, caps);
    last = caps;
    memset (&runner->frame, 0, sizeof runner->frame);
    runner->frame.best = -1;
    start = g_get_monotonic_time ();
    flow = gst_pad_push (runner->feed,
        gst_buffer_ref (gst_sample_get_buffer (sample)));
    runner->frame.element = (g_get_monotonic_time () - start) / 1e3;
    if (flow != GST_FLOW_OK)
      return fail (runner, gst_flow_get_name (flow), error);
    if (frames) {
      add_ops (runner);
      g_array_append_val (frames, runner->frame);
    }
  }
  return TRUE;
}

gboolean
eval_runner_clip (EvalRunner * runner, const ClipFrames * clip,
    GArray * frames, gdouble * scores, GError ** error)
{
  guint i, n = clip->samples->len;
  gboolean ok;

  /* it would look at the pipeline, which is not here any more, and does as it did there */
  if (runner->is_auto && clip->coded)
    gst_util_set_object_arg (G_OBJECT (runner->element), "source",
        clip->untouched ? "codec" : "pixel");
  runner->scores = scores;
  ok = runner->warm || push_frames (runner, clip, MIN (WARM_UP, n), NULL,
      error);
  runner->warm = TRUE;
  memset (scores, 0, runner->n_classes * sizeof *scores);
  memset (runner->ops, 0, runner->n_ops * sizeof *runner->ops);
  g_array_set_size (runner->op_ms, 0);
  ok = ok && push_frames (runner, clip, n, frames, error);
  for (i = 0; i < runner->n_classes; i++)
    scores[i] /= n;
  pass_on_warnings (runner);
  return ok;
}
