/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A deltaextract in a harness, and coded pictures to push into it: random streams of tests/mpeg2, cut into buffers by
 * mpegvideoparse.
 */
#pragma once

#include <gst/check/gstharness.h>
#include "gstdeltacodingmeta.h"

#define EXTRACT_CAPS "video/mpeg,mpegversion=2,systemstream=false,parsed=true," \
    "width=96,height=64,framerate=25/1"

/* GStreamer, g_test and deltaextract. */
void extract_init (int *argc, char ***argv);

/* The coded buffers of a stream of 96x64, a picture (or both fields of one) in each, B pictures among them. */
GPtrArray *extract_buffers (gboolean field_pictures, guint32 seed);

/* deltaextract, with EXTRACT_CAPS. */
GstHarness *extract_harness (void);

/* Pushes a copy of a buffer, as the buffers are used again, and returns what comes out. */
GstBuffer *extract_push (GstHarness * h, GstBuffer * buffer);

/* The same, returning the picture alone; NULL where there is no meta. */
GstDeltaPicture *extract_push_picture (GstHarness * h, GstBuffer * buffer);

/* Pushes a segment; where the rate is negative, of a second. */
void extract_push_segment (GstHarness * h, gdouble rate);

/* A counter of the element's stats. */
guint64 extract_stat (GstHarness * h, const gchar * name);
