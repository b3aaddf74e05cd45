/* GStreamer deltacnn
 * SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Test help: runs a clip through a pipeline and hands out what comes.
 */
#pragma once

#include <gst/gst.h>
#include <gst/video/video.h>
#include "gstdeltacodingmeta.h"

/* A coded buffer behind deltaextract. */
typedef void (*ClipCodedFunc) (GstBuffer * buffer, gpointer user_data);
/* A decoded frame, in display order. picture is NULL where it has no coding meta. */
typedef void (*ClipFrameFunc) (GstBuffer * buffer, const GstVideoInfo * info, GstDeltaPicture * picture,
    gpointer user_data);

typedef struct {
  const gchar *clip;       /* any container, or an elementary stream */
  const gchar *decoder;    /* NULL: no decoder, no frames */
  const gchar *between;    /* elements between parser and deltaextract, or NULL */
  guint max_frames;        /* 0: all */
  ClipCodedFunc coded;     /* NULL: not wanted; runs in a streaming thread */
  ClipFrameFunc frame;     /* runs in the calling thread */
  void (*built) (GstElement * extract, gpointer user_data);     /* before the stream starts; NULL: not wanted */
  gpointer user_data;
  GstCaps **caps;          /* out: those of the coded buffers, to be unreferenced, or NULL; NULL: not wanted */
} Clip;

/* By its name: anything else is MPEG-1 or MPEG-2 video. */
gboolean clip_is_h264 (const gchar * clip);

/* FALSE, with a line on the standard error, where the pipeline fails.  stats may be NULL. */
gboolean clip_run (const Clip * clip, GstStructure ** stats);
