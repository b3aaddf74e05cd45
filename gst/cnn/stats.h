/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * stats: what the element has done since it was started
 */
#pragma once

#include "messages.h"

G_BEGIN_DECLS

/* ns; tensor includes changes. */
typedef struct
{
  GstClockTime extract, changes, tensor, network;
} GstDeltaCnnTimes;

typedef struct
{
  guint64 frames, full, partial, reused;
  guint64 redone;               /* once more without tolerances */
  guint64 by_codec, by_pixel, by_rival, unmatched;
  guint64 macs, macs_dense;
  GstDeltaCnnTimes times, last; /* of all frames; of the last one */
  GstDeltaCnnUsed used;         /* for the last frame */
  guint64 cache_bytes, weight_bytes;
  gchar *model;                 /* owned */
} GstDeltaCnnStats;

/* Counts a frame.  mismatch: what was claimed unchanged was found not to be. */
void gst_delta_cnn_stats_add (GstDeltaCnnStats * stats,
    const GstDeltaCnnReport * report, gboolean mismatch);

/* The property: a new structure, to be freed.  weight_users: how many elements
 * share the weights. */
GstStructure *gst_delta_cnn_stats_to_structure (const GstDeltaCnnStats * stats,
    guint weight_users);

G_END_DECLS
