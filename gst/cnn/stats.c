/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stats: what the element has done since it was started
 */

#include "stats.h"

void
gst_delta_cnn_stats_add (GstDeltaCnnStats * stats,
    const GstDeltaCnnReport * report, gboolean mismatch)
{
  const GstDeltaCnnDecision *decision = report->decision;
  const GstDeltaCnnOutcome *outcome = report->outcome;
  GstDeltaCnnTimes last = { 0, report->time_changes, outcome->time_tensor,
    outcome->time_network
  };

  if (GST_CLOCK_TIME_IS_VALID (report->time_extract))
    last.extract = report->time_extract;

  stats->frames++;
  stats->full += outcome->reuse == GST_DELTA_CNN_REUSE_FULL;
  stats->partial += outcome->reuse == GST_DELTA_CNN_REUSE_PARTIAL;
  stats->reused += outcome->reuse == GST_DELTA_CNN_REUSE_REUSED;
  stats->redone += outcome->redone;
  stats->by_codec += decision->used == GST_DELTA_CNN_USED_CODEC;
  stats->by_pixel += decision->used == GST_DELTA_CNN_USED_PIXEL;
  stats->by_rival += decision->used >= GST_DELTA_CNN_USED_HISTOGRAM;
  stats->unmatched += mismatch;
  stats->macs += outcome->macs;
  stats->macs_dense += outcome->macs_dense;
  stats->last = last;
  stats->times.extract += last.extract;
  stats->times.changes += last.changes;
  stats->times.tensor += last.tensor;
  stats->times.network += last.network;
  stats->used = decision->used;
}

static GstStructure *
times_structure (const gchar * name, const GstDeltaCnnTimes * times,
    guint64 frames)
{
  return gst_structure_new (name,
      "time-extract", G_TYPE_UINT64, times->extract / frames,
      "time-changes", G_TYPE_UINT64, times->changes / frames,
      "time-tensor", G_TYPE_UINT64, times->tensor / frames,
      "time-network", G_TYPE_UINT64, times->network / frames, NULL);
}

GstStructure *
gst_delta_cnn_stats_to_structure (const GstDeltaCnnStats * stats,
    guint weight_users)
{
  GstStructure *last = times_structure ("last", &stats->last, 1);
  GstStructure *mean = times_structure ("mean", &stats->times,
      MAX (stats->frames, 1));
  GstStructure *s = gst_structure_new ("deltacnn-stats",
      "model", G_TYPE_STRING, stats->model,
      "frames", G_TYPE_UINT64, stats->frames,
      "full", G_TYPE_UINT64, stats->full,
      "partial", G_TYPE_UINT64, stats->partial,
      "reused", G_TYPE_UINT64, stats->reused,
      "redone", G_TYPE_UINT64, stats->redone,
      "by-codec", G_TYPE_UINT64, stats->by_codec,
      "by-pixel", G_TYPE_UINT64, stats->by_pixel,
      "by-rival", G_TYPE_UINT64, stats->by_rival,
      "mismatches", G_TYPE_UINT64, stats->unmatched,
      "source", G_TYPE_STRING, gst_delta_cnn_used_name (stats->used),
      "multiplies", G_TYPE_DOUBLE,
      stats->macs_dense ? (gdouble) stats->macs / stats->macs_dense : 0.0,
      "time-extract", G_TYPE_UINT64, stats->times.extract,
      "time-changes", G_TYPE_UINT64, stats->times.changes,
      "time-tensor", G_TYPE_UINT64, stats->times.tensor,
      "time-network", G_TYPE_UINT64, stats->times.network,
      "last", GST_TYPE_STRUCTURE, last, "mean", GST_TYPE_STRUCTURE, mean,
      "cache-bytes", G_TYPE_UINT64, stats->cache_bytes,
      "weight-bytes", G_TYPE_UINT64, stats->weight_bytes,
      "weight-users", G_TYPE_UINT, weight_users, NULL);

  gst_structure_free (last);
  gst_structure_free (mean);
  return s;
}
