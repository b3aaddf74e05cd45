/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of deltaoverlay share.  Where a panel lies is read from the composition that the element attaches when
 * asked to; what it blends is held against that.
 */
#pragma once

#include <gst/check/gstharness.h>
#include <gst/video/video.h>
#include "gstdeltacnnmeta.h"

/* Features of caps with which the element attaches what else it would draw. */
#define COMPOSITION "(memory:SystemMemory, meta:GstVideoOverlayComposition)"

/* What the frames' metas say, most likely class first. */
#define N_SOME_RESULTS 3
extern const GstDeltaCnnResult some_results[N_SOME_RESULTS];

GstCaps *make_caps (const gchar * features, const gchar * format, gint width,
    gint height);
GstHarness *harness_new (const gchar * features, const gchar * format, gint width,
    gint height);
GstBuffer *noise_buffer (const GstVideoInfo * info, guint32 seed);
GstVideoInfo make_info (const gchar * format, gint width, gint height);
GstDeltaCnnMeta *add_meta (GstBuffer * buffer);
void set_blocks (GstDeltaCnnMeta * meta, guint cols, guint rows,
    const guint8 * blocks);
void assert_same_bytes (GstBuffer * a, GstBuffer * b);
GstVideoOverlayComposition *get_composition (GstBuffer * buffer);
GstBuffer *attached (GstHarness * h, GstBuffer * buffer);
GstVideoRectangle rectangle_at (GstVideoOverlayComposition * composition, guint i);
guint8 *unpack (GstBuffer * buffer, const GstVideoInfo * info, gsize * pixel_size);
GstBuffer *picture_buffer (GstVideoInfo * info, guint32 seed);
