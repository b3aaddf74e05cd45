/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element tells: metas on the buffer, messages on the bus.
 */
#pragma once

#include <gst/gst.h>
#include "changes.h"
#include "classify.h"

G_BEGIN_DECLS

/* All there is to tell about one frame. */
typedef struct
{
  const gchar *model;
  GstDeltaPictureType picture_type;
  const GstDeltaCnnDecision *decision;
  guint cols, rows;
  const GstDeltaCnnOutcome *outcome;
  gint width, height;           /* of the visible frame */
  GstClockTime time_extract;    /* NONE where the frame has no picture */
  GstClockTime time_changes;    /* part of the outcome's time_tensor */
} GstDeltaCnnReport;

/* Adds a GstDeltaCnnMeta, and a GstAnalyticsRelationMeta where the library has
 * it.  buffer must be writable. */
void gst_delta_cnn_report_to_buffer (const GstDeltaCnnReport * report,
    GstBuffer * buffer);

/* The structure of the element message "deltacnn". */
GstStructure *gst_delta_cnn_report_to_structure (const GstDeltaCnnReport *
    report, GstBuffer * buffer, const GstSegment * segment);

G_END_DECLS
