/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * messages: what the element tells
 */

#include "messages.h"
#include "gstdeltacnnmeta.h"

#if GST_CHECK_VERSION (1, 24, 0) && defined (HAVE_GST_ANALYTICS)
#include <gst/analytics/analytics.h>

/* Lines that a label takes: the stock overlay draws it above its object, and an object
 * that began with the frame would have it out of sight. */
#define LABEL_LINES 24

/* Where the next object begins: below the labels of those that are there. */
static gint
first_line (GstAnalyticsRelationMeta * relations, gint height)
{
  GstAnalyticsODMtd object;
  gpointer state = NULL;
  gint lines = LABEL_LINES;

  while (gst_analytics_relation_meta_iterate (relations, &state,
          gst_analytics_od_mtd_get_mtd_type (), &object))
    lines += LABEL_LINES;
  return MIN (lines, height / 2);
}

/* Stock overlays draw objects with a class related to them: the whole frame is
 * the object, but for room for the label. */
static void
add_analytics (const GstDeltaCnnReport * report, GstBuffer * buffer)
{
  const GstDeltaCnnOutcome *outcome = report->outcome;
  GstAnalyticsRelationMeta *relations;
  GstAnalyticsODMtd object;
  GstAnalyticsClsMtd classes;
  GQuark *quarks;
  gfloat *confidences;
  gint y;
  guint i;

  if (!outcome->n_results)
    return;
  relations = gst_buffer_get_analytics_relation_meta (buffer);
  if (!relations)
    relations = gst_buffer_add_analytics_relation_meta (buffer);
  if (!relations)
    return;
  quarks = g_new (GQuark, outcome->n_results);
  confidences = g_new (gfloat, outcome->n_results);
  for (i = 0; i < outcome->n_results; i++) {
    quarks[i] = g_quark_from_string (outcome->results[i].label);
    confidences[i] = outcome->results[i].confidence;
  }
  y = first_line (relations, report->height);
  if (gst_analytics_relation_meta_add_od_mtd (relations, quarks[0], 0, y,
          report->width, report->height - y, confidences[0], &object)
      && gst_analytics_relation_meta_add_cls_mtd (relations,
          outcome->n_results, confidences, quarks, &classes))
    gst_analytics_relation_meta_set_relation (relations,
        GST_ANALYTICS_REL_TYPE_RELATE_TO, object.id, classes.id);
  g_free (quarks);
  g_free (confidences);
}
#else
static void
add_analytics (const GstDeltaCnnReport * report, GstBuffer * buffer)
{
}
#endif

static gdouble
share_changed (const GstDeltaCnnDecision * decision)
{
  return decision->n_blocks ?
      (gdouble) decision->n_changed / decision->n_blocks : 1.0;
}

void
gst_delta_cnn_report_to_buffer (const GstDeltaCnnReport * report,
    GstBuffer * buffer)
{
  const GstDeltaCnnDecision *decision = report->decision;
  const GstDeltaCnnOutcome *outcome = report->outcome;
  GstDeltaCnnMeta *meta;

  meta = gst_buffer_add_delta_cnn_meta (buffer, report->model,
      outcome->results, outcome->n_results);
  meta->picture_type = report->picture_type;
  meta->changed = share_changed (decision);
  meta->multiplies = outcome->multiplies;
  meta->reuse = outcome->reuse;
  meta->redone = outcome->redone;
  meta->time_extract = report->time_extract;
  meta->time_changes = report->time_changes;
  meta->time_tensor = outcome->time_tensor;
  meta->time_network = outcome->time_network;
  meta->cols = report->cols;
  meta->rows = report->rows;
  if (decision->blocks)
    meta->blocks = g_bytes_new (decision->blocks,
        (gsize) report->cols * report->rows);
  add_analytics (report, buffer);
}

static void
append_result (GValue * array, const GstDeltaCnnResult * result)
{
  GValue item = G_VALUE_INIT;

  g_value_init (&item, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&item, gst_structure_new ("result",
          "label", G_TYPE_STRING, result->label,
          "index", G_TYPE_UINT, result->index,
          "confidence", G_TYPE_DOUBLE, (gdouble) result->confidence, NULL));
  gst_value_array_append_and_take_value (array, &item);
}

GstStructure *
gst_delta_cnn_report_to_structure (const GstDeltaCnnReport * report,
    GstBuffer * buffer, const GstSegment * segment)
{
  const GstDeltaCnnOutcome *outcome = report->outcome;
  GstClockTime timestamp = GST_BUFFER_PTS (buffer);
  GstClockTime stream_time = GST_CLOCK_TIME_NONE;
  GstClockTime running_time = GST_CLOCK_TIME_NONE;
  GValue results = G_VALUE_INIT;
  GEnumClass *types = g_type_class_ref (GST_TYPE_DELTA_PICTURE_TYPE);
  GEnumClass *reuses = g_type_class_ref (GST_TYPE_DELTA_CNN_REUSE);
  GEnumValue *type = g_enum_get_value (types, report->picture_type);
  GEnumValue *reuse = g_enum_get_value (reuses, outcome->reuse);
  GstStructure *s;
  guint i;

  if (segment->format == GST_FORMAT_TIME && GST_CLOCK_TIME_IS_VALID (timestamp)) {
    stream_time = gst_segment_to_stream_time (segment, GST_FORMAT_TIME,
        timestamp);
    running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME,
        timestamp);
  }
  s = gst_structure_new ("deltacnn",
      "timestamp", G_TYPE_UINT64, timestamp,
      "stream-time", G_TYPE_UINT64, stream_time,
      "running-time", G_TYPE_UINT64, running_time,
      "model", G_TYPE_STRING, report->model,
      "picture-type", G_TYPE_STRING, type ? type->value_nick : "unknown",
      "changed", G_TYPE_DOUBLE, share_changed (report->decision),
      "multiplies", G_TYPE_DOUBLE, outcome->multiplies,
      "reuse", G_TYPE_STRING, reuse ? reuse->value_nick : "full",
      "redone", G_TYPE_BOOLEAN, outcome->redone,
      "time-extract", G_TYPE_UINT64, report->time_extract,
      "time-changes", G_TYPE_UINT64, report->time_changes,
      "time-tensor", G_TYPE_UINT64, outcome->time_tensor,
      "time-network", G_TYPE_UINT64, outcome->time_network, NULL);
  if (outcome->n_results)
    gst_structure_set (s,
        "label", G_TYPE_STRING, outcome->results[0].label,
        "index", G_TYPE_UINT, outcome->results[0].index,
        "confidence", G_TYPE_DOUBLE, (gdouble) outcome->results[0].confidence,
        NULL);
  g_value_init (&results, GST_TYPE_ARRAY);
  for (i = 0; i < outcome->n_results; i++)
    append_result (&results, &outcome->results[i]);
  gst_structure_take_value (s, "results", &results);
  g_type_class_unref (types);
  g_type_class_unref (reuses);
  return s;
}
