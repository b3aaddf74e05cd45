/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The classification of a frame, as a meta on it.
 */
#pragma once

#include <gst/gst.h>
#include "gstdeltacodingmeta.h"

G_BEGIN_DECLS

#define GST_TYPE_DELTA_CNN_REUSE (gst_delta_cnn_reuse_get_type ())
#define GST_DELTA_CNN_META_API_TYPE (gst_delta_cnn_meta_api_get_type ())
#define GST_DELTA_CNN_META_INFO (gst_delta_cnn_meta_get_info ())

/**
 * GstDeltaCnnReuse:
 * @GST_DELTA_CNN_REUSE_FULL: everything was computed
 * @GST_DELTA_CNN_REUSE_PARTIAL: only what the changes reach was computed
 * @GST_DELTA_CNN_REUSE_REUSED: nothing changed that reaches the network, the last
 *   result stands
 *
 * Since: 0.1
 */
typedef enum {
  GST_DELTA_CNN_REUSE_FULL,
  GST_DELTA_CNN_REUSE_PARTIAL,
  GST_DELTA_CNN_REUSE_REUSED
} GstDeltaCnnReuse;

/**
 * GstDeltaCnnResult:
 * @index: class index of the model's output
 * @label: (nullable): its label; lives as long as the meta
 * @confidence: 0 to 1; scores of which nothing makes confidences (activation=none) are clamped
 *
 * Since: 0.1
 */
typedef struct {
  guint index;
  const gchar *label;
  gfloat confidence;
} GstDeltaCnnResult;

/**
 * GstDeltaCnnMeta:
 * @meta: parent
 * @model: name of the model's file, without its folder
 * @n_results: number of @results
 * @results: (array length=n_results): the most likely classes, best first
 * @picture_type: what the codec coded the picture as
 * @changed: share of 8x8 blocks that changed since the last frame, 0 to 1
 * @multiplies: share of a dense pass's multiplies that was done, 0 to 1 (and a little above at worst; to 2 where @redone)
 * @reuse: how much of the last frame's work was reused
 * @redone: the network was run a second time, without tolerances, because the best class led by no more than the
 *   `margin` of the element
 * @time_extract: time that deltaextract took to read the picture; #GST_CLOCK_TIME_NONE where there was none
 * @time_changes: time to find what changed since the last frame
 * @time_tensor: time from frame to tensor, @time_changes included
 * @time_network: time in the network
 * @cols: blocks per row of @blocks
 * @rows: rows of @blocks
 * @blocks: (nullable): @cols * @rows bytes, 1 where an 8x8 block changed.  Where the codec does not tell and frames are
 *   much larger than the network's input: where one has a part in what changed for the network
 *
 * Since: 0.1
 */
typedef struct {
  GstMeta meta;
  gchar *model;
  guint n_results;
  GstDeltaCnnResult *results;
  GstDeltaPictureType picture_type;
  gdouble changed;
  gdouble multiplies;
  GstDeltaCnnReuse reuse;
  gboolean redone;
  GstClockTime time_extract;
  GstClockTime time_changes;
  GstClockTime time_tensor;
  GstClockTime time_network;
  guint cols, rows;
  GBytes *blocks;
} GstDeltaCnnMeta;

GST_DELTA_CNN_API
GType gst_delta_cnn_reuse_get_type (void);
GST_DELTA_CNN_API
GType gst_delta_cnn_meta_api_get_type (void);
GST_DELTA_CNN_API
const GstMetaInfo *gst_delta_cnn_meta_get_info (void);

GST_DELTA_CNN_API
GstDeltaCnnMeta *gst_buffer_add_delta_cnn_meta (GstBuffer * buffer, const gchar * model,
    const GstDeltaCnnResult * results, guint n_results);
GST_DELTA_CNN_API
GstDeltaCnnMeta *gst_buffer_get_delta_cnn_meta (GstBuffer * buffer);
GST_DELTA_CNN_API
const GstDeltaCnnResult *gst_delta_cnn_meta_get_result (const GstDeltaCnnMeta * meta, guint i);

G_END_DECLS
